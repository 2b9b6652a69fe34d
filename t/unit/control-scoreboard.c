/* SPDX-License-Identifier: MIT */
#include "core/control/scoreboard.h"

#include "core/base/clock.h"
#include "core/base/fd.h"
#include "core/control/quarantine.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct Fixture {
    int fd;
    WnScoreboard *board;
    WnScoreboard *reader; /* another mapping of it */
} Fixture;

static void
set_up(Fixture *self)
{
    wn_clock_fake(5000 * 1000, 0);
    self->fd = wn_scoreboard_create();
    g_assert_cmpint(self->fd, >=, 0);
    self->board = wn_scoreboard_attach(self->fd);
    self->reader = wn_scoreboard_attach(self->fd);
}

static void
tear_down(Fixture *self)
{
    wn_scoreboard_free(self->board);
    wn_scoreboard_free(self->reader);
    close(self->fd);
}

/* The program says itself why it ends: over what runs, or over another filter
 * than that. */
static void
test_accused(void)
{
    WnId id = wn_id_new();
    Fixture self;
    WnScore score;

    set_up(&self);
    g_assert_false(wn_scoreboard_last(self.reader, &score));
    wn_scoreboard_set(self.board, "phrase", "message", &id, 77);
    wn_scoreboard_accuse(self.board, "phrase", "closed descriptors");
    g_assert_true(wn_scoreboard_get(self.reader, &score));
    g_assert_cmpstr(score.reason, ==, "closed descriptors");
    g_assert_true(score.has_id && wn_id_eq(&score.id, &id));
    g_assert_cmpuint(score.content, ==, 77);
    wn_scoreboard_accuse(self.board, "rbl", "took too much memory");
    g_assert_true(wn_scoreboard_get(self.reader, &score));
    g_assert_cmpstr(score.filter, ==, "rbl");
    g_assert_cmpstr(score.reason, ==, "took too much memory");
    g_assert_false(score.has_id);
    g_assert_cmpuint(score.content, ==, 0);
    tear_down(&self);
}

static void
test_what_runs(void)
{
    WnId id = wn_id_new();
    Fixture self;
    WnScore score;

    set_up(&self);
    g_assert_false(wn_scoreboard_get(self.reader, &score));
    g_assert_false(wn_scoreboard_starter(self.reader, &score));
    wn_scoreboard_set(self.board, "phrase", "message", &id, 0);
    wn_scoreboard_note_threads(self.board, "spider");
    g_assert_true(wn_scoreboard_starter(self.reader, &score));
    g_assert_cmpstr(score.filter, ==, "spider");
    g_assert_true(score.threads);
    g_assert_true(wn_scoreboard_get(self.reader, &score));
    g_assert_cmpstr(score.filter, ==, "phrase");
    g_assert_cmpstr(score.hook, ==, "message");
    g_assert_true(score.has_id && wn_id_eq(&score.id, &id));
    g_assert_cmpint(score.began_ms, ==, 5000);
    wn_scoreboard_set(self.board, "rbl", NULL, NULL, 0);
    g_assert_true(wn_scoreboard_get(self.reader, &score));
    g_assert_cmpstr(score.filter, ==, "rbl");
    g_assert_cmpstr(score.hook, ==, "");
    g_assert_false(score.has_id);
    wn_scoreboard_set(self.board, NULL, NULL, NULL, 0);
    g_assert_false(wn_scoreboard_get(self.reader, &score));
    g_assert_true(wn_scoreboard_last(self.reader, &score));
    g_assert_cmpstr(score.filter, ==, "rbl");
    tear_down(&self);
}

static void
test_long_names_are_cut(void)
{
    g_autofree char *name = g_strnfill(500, 'n');
    Fixture self;
    WnScore score;

    set_up(&self);
    wn_scoreboard_set(self.board, name, name, NULL, 0);
    g_assert_true(wn_scoreboard_get(self.reader, &score));
    g_assert_cmpint(strlen(score.filter), ==, sizeof(score.filter) - 1);
    g_assert_cmpint(strlen(score.hook), ==, sizeof(score.hook) - 1);
    tear_down(&self);
}

/* Whatever a program gone wild writes, reading stays within bounds. */
static void
test_wild_content(void)
{
    struct stat info;
    Fixture self;
    WnScore score;
    char *memory;

    set_up(&self);
    g_assert_cmpint(fstat(self.fd, &info), ==, 0);
    memory = mmap(NULL, (size_t)info.st_size, PROT_READ | PROT_WRITE,
        MAP_SHARED, self.fd, 0);
    for (int byte = 0; byte < 256; byte++) {
        memset(memory, byte, (size_t)info.st_size);
        if (wn_scoreboard_get(self.reader, &score))
            g_assert_cmpint(strlen(score.filter), <, sizeof(score.filter));
    }
    munmap(memory, (size_t)info.st_size);
    g_assert_cmpint(ftruncate(self.fd, 0), ==, -1);
    tear_down(&self);
}

/* It may have ended in the middle of writing; nobody reads what would do
 * something to a terminal. */
static void
test_of_one_that_has_ended(void)
{
    Fixture self;
    WnScore score;
    unsigned *version;

    set_up(&self);
    g_assert_false(wn_scoreboard_get_ended(self.reader, &score));
    wn_scoreboard_set(self.board, "a\033[2Jb", "message", NULL, 0);
    version = mmap(NULL, sizeof *version, PROT_READ | PROT_WRITE, MAP_SHARED,
        self.fd, 0);
    *version |= 1;
    g_assert_cmpuint(wn_scoreboard_version(self.reader) % 2, ==, 1);
    g_assert_false(wn_scoreboard_get(self.reader, &score));
    g_assert_true(wn_scoreboard_get_ended(self.reader, &score));
    g_assert_cmpstr(score.filter, ==, "a?[2Jb");
    munmap(version, sizeof *version);
    tear_down(&self);
}

/* Who writes into it while a filter runs is caught. */
static void
test_closed_while_a_filter_runs(void)
{
    Fixture self;
    pid_t pid;
    int status;

    set_up(&self);
    pid = fork();
    if (pid == 0) {
        wn_scoreboard_set(self.board, "wild", "message", NULL, 0);
        **(char *volatile *)self.board = 1;
        _exit(0);
    }
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_true(
        WIFSIGNALED(status) || (WIFEXITED(status) && WEXITSTATUS(status) != 0));
    tear_down(&self);
}

static void
test_survives_its_writer(void)
{
    Fixture self;
    WnScore score;
    pid_t pid;

    set_up(&self);
    pid = fork();
    if (pid == 0) {
        wn_scoreboard_set(self.board, "crashy", "message", NULL, 0);
        _exit(1);
    }
    waitpid(pid, NULL, 0);
    g_assert_true(wn_scoreboard_get(self.reader, &score));
    g_assert_cmpstr(score.filter, ==, "crashy");
    tear_down(&self);
}

static void
test_quarantine(void)
{
    static const struct {
        const char *name;
        int64_t gap_ms;
        unsigned n;
        bool held;
    } cases[] = {
        { "four at once", 0, 4, false },
        { "five at once", 0, 5, true },
        { "five in a minute", 15 * 1000, 5, true },
        { "five in more than a minute", 15 * 1000 + 1, 5, false },
        { "many, far between", 20 * 1000, 100, false },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(WnQuarantine) quarantine = wn_quarantine_new();
        unsigned told = 0;

        g_test_message("%s", cases[i].name);
        for (unsigned n = 0; n < cases[i].n; n++)
            told += wn_quarantine_note(quarantine, "a",
                1000 + n * cases[i].gap_ms);
        g_assert_cmpint(told, ==, cases[i].held);
        g_assert_true(wn_quarantine_holds(quarantine, "a") == cases[i].held);
        g_assert_false(wn_quarantine_holds(quarantine, "b"));
    }
}

static void
test_quarantine_tells_once_and_each(void)
{
    g_autoptr(WnQuarantine) quarantine = wn_quarantine_new();
    unsigned told = 0;

    for (int n = 0; n < 20; n++) {
        told += wn_quarantine_note(quarantine, "a", n);
        if (n < 4)
            g_assert_false(wn_quarantine_note(quarantine, "b", n));
    }
    g_assert_cmpint(told, ==, 1);
    g_assert_true(wn_quarantine_note(quarantine, "b", 20));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/scoreboard/what-runs", test_what_runs);
    g_test_add_func("/scoreboard/accused", test_accused);
    g_test_add_func("/scoreboard/long-names", test_long_names_are_cut);
    g_test_add_func("/scoreboard/wild-content", test_wild_content);
    g_test_add_func("/scoreboard/survives-its-writer",
        test_survives_its_writer);
    g_test_add_func("/scoreboard/ended", test_of_one_that_has_ended);
    g_test_add_func("/scoreboard/closed", test_closed_while_a_filter_runs);
    g_test_add_func("/quarantine/cases", test_quarantine);
    g_test_add_func("/quarantine/once-and-each",
        test_quarantine_tells_once_and_each);
    return g_test_run();
}
