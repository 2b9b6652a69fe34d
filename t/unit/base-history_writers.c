/* SPDX-License-Identifier: MIT */

/* Several processes write one history, and some of them meet a bad end. */

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "t/unit/history-fixture.h"

#define N_WRITERS 4
#define N_LINES 3000

G_NORETURN static void
write_lines(int fd, unsigned writer)
{
    WnHistory *history = wn_history_new(fd);
    g_autofree char *filler = g_strnfill(400, (char)('a' + writer));

    for (unsigned i = 0; history != NULL && i < N_LINES; i++) {
        g_autofree char *text = g_strdup_printf("%u %u %.*s", writer, i,
            (int)(i * 7 % 400), filler);

        wn_history_append(history, wn_span_str(text));
    }
    _exit(history != NULL ? 0 : 1);
}

/* What is found is whole, and each writer's lines are in their order and, until
 * they are overwritten, all there. */
static void
check_writers(const char *path, bool all)
{
    g_autoptr(WnHistoryReader) reader = wn_history_reader_new(path, NULL);
    int last[N_WRITERS] = { -1, -1, -1, -1 };
    WnSpan line;

    while (wn_history_reader_next(reader, &line)) {
        g_autofree char *text = wn_span_dup(line);
        g_auto(GStrv) words = g_strsplit(text, " ", -1);
        unsigned writer, n;

        g_assert_cmpuint(g_strv_length(words), ==, 3);
        writer = (unsigned)g_ascii_strtoull(words[0], NULL, 10);
        n = (unsigned)g_ascii_strtoull(words[1], NULL, 10);
        g_assert_cmpuint(writer, <, N_WRITERS);
        g_assert_cmpuint(strlen(words[2]), ==, n * 7 % 400);
        for (const char *c = words[2]; *c != '\0'; c++)
            g_assert_cmpint(*c, ==, 'a' + (int)writer);
        g_assert_cmpint((int)n, >, last[writer]);
        if (all)
            g_assert_cmpint((int)n, ==, last[writer] + 1);
        last[writer] = (int)n;
    }
    for (unsigned i = 0; all && i < N_WRITERS; i++)
        g_assert_cmpint(last[i], ==, N_LINES - 1);
}

static void
run_writers(const Fixture *f)
{
    pid_t pids[N_WRITERS];
    unsigned n_running = N_WRITERS;

    for (unsigned i = 0; i < N_WRITERS; i++) {
        pids[i] = fork();
        g_assert_cmpint(pids[i], >=, 0);
        if (pids[i] == 0)
            write_lines(f->fd, i);
    }
    while (n_running > 0) { /* it is read while it is written */
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);

        g_assert_cmpint(pid, >=, 0);
        if (pid > 0) {
            g_assert_cmpint(status, ==, 0);
            n_running--;
        }
        check_writers(f->path, false);
    }
}

static void
test_writers(void)
{
    g_auto(Fixture) f = { 0 };

    fixture_init(&f);
    run_writers(&f); /* about three laps */
    g_assert_cmpuint(get_head(&f), >, 2 * RING_LEN);
    detach(&f);
    g_unlink(f.path);
    attach(&f, 4 * SIZE, WN_HISTORY_NONE);
    run_writers(&f);
    check_writers(f.path, true);
}

G_NORETURN static void
write_forever(int fd)
{
    WnHistory *history = wn_history_new(fd);
    g_autofree char *text = g_strnfill(3000, 'k');

    for (;;)
        wn_history_append(history, wn_span_str(text));
}

static void
test_killed_writer(void)
{
    for (unsigned i = 0; i < 20; i++) {
        g_auto(Fixture) f = { 0 };
        g_autofree char *lines = NULL;
        pid_t pid;
        int status;

        fixture_init(&f);
        pid = fork();
        if (pid == 0)
            write_forever(f.fd);
        while (get_head(&f) < (uint64_t)RING_LEN / 2 + i * 100000)
            ;
        kill(pid, SIGKILL);
        g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
        append(&f, "the next one");
        lines = read_all(f.path);
        g_assert_true(g_str_has_suffix(lines, "kkk|the next one"));
    }
}

/* In a process of its own: the signal's handler is for good. */
G_NORETURN static void
write_when_cut(const Fixture *f)
{
    WnHistory *history = wn_history_new(f->fd);
    bool good = wn_history_append(history, WN_SPAN("one"))
                && truncate(f->path, 0) == 0
                && !wn_history_append(history, WN_SPAN("two"))
                && !wn_history_append(history, WN_SPAN("three"));

    _exit(good ? 0 : 1);
}

static void
test_cut_short(void)
{
    g_auto(Fixture) f = { 0 };
    pid_t pid;
    int status;

    fixture_init(&f);
    pid = fork();
    if (pid == 0)
        write_when_cut(&f);
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_cmpint(status, ==, 0);
    detach(&f);
    attach(&f, SIZE, WN_HISTORY_DAMAGED);
}

/* Any other fault still is one. */
static void
test_other_fault(void)
{
    g_auto(Fixture) f = { 0 };
    pid_t pid;
    int status;

    fixture_init(&f);
    pid = fork();
    if (pid == 0) {
        signal(SIGALRM, SIG_DFL);
        alarm(10);
        for (;;)
            kill(getpid(), SIGBUS);
    }
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/history_writers/writers", test_writers);
    g_test_add_func("/history_writers/killed", test_killed_writer);
    g_test_add_func("/history_writers/cut-short", test_cut_short);
    g_test_add_func("/history_writers/other-fault", test_other_fault);
    return g_test_run();
}
