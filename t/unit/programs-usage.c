/* SPDX-License-Identifier: MIT */
#include "core/programs/usage.h"

#include "core/base/fd.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB (1024 * 1024)

static void *
take(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    g_assert_true(memory != MAP_FAILED);
    return memory;
}

/* One reads every message and keeps nothing, one leaks a little of each. */
static void
leak_beside_a_reader(WnScoreboard *board, WnAside kind)
{
    WnUsage *usage = wn_usage_new();

    wn_usage_limit(usage, 64 * MIB, 0);
    for (int i = 0; i < 200; i++) {
        void *made;

        wn_scoreboard_set(board, "reader", "message", NULL, 0);
        wn_usage_begin(usage);
        wn_usage_aside(usage, WN_ASIDE_BEGIN);
        made = take(8 * MIB);
        wn_usage_aside(usage, kind);
        wn_usage_look(usage, board, 0);
        wn_scoreboard_set(board, "leaker", "message", NULL, 0);
        wn_usage_begin(usage);
        take(MIB);
        wn_usage_look(usage, board, 0);
        wn_scoreboard_set(board, NULL, NULL, NULL, 0);
        munmap(made, 8 * MIB);
    }
}

static void
assert_blamed(WnScoreboard *board, pid_t pid, const char *filter)
{
    WnScore score;
    int status;

    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_cmpint(WEXITSTATUS(status), ==, 1);
    g_assert_true(wn_scoreboard_get_ended(board, &score));
    g_assert_cmpstr(score.filter, ==, filter);
    g_assert_cmpstr(score.reason, ==, "took too much memory");
}

/* What goes with the message is no growth of those that have asked for it. */
static void
test_reader_is_innocent(gconstpointer data)
{
    wn_autofd fd = wn_scoreboard_create();
    g_autoptr(WnScoreboard) board = wn_scoreboard_attach(fd);
    pid_t pid = fork();

    if (pid == 0) {
        leak_beside_a_reader(board, GPOINTER_TO_INT(data));
        _exit(0);
    }
    assert_blamed(board, pid, "leaker");
}

/* One call that is lent too much is to blame, whoever has grown before. */
static void
test_greedy_call(void)
{
    wn_autofd fd = wn_scoreboard_create();
    g_autoptr(WnScoreboard) board = wn_scoreboard_attach(fd);
    pid_t pid = fork();

    if (pid == 0) {
        WnUsage *usage = wn_usage_new();

        wn_usage_limit(usage, 64 * MIB, 0);
        wn_scoreboard_set(board, "other", "message", NULL, 0);
        wn_usage_begin(usage);
        take(MIB);
        wn_usage_look(usage, board, 0);
        wn_scoreboard_set(board, "greedy", "message", NULL, 0);
        wn_usage_begin(usage);
        wn_usage_aside(usage, WN_ASIDE_BEGIN);
        take(80 * MIB);
        wn_usage_aside(usage, WN_ASIDE_LOAN);
        wn_usage_look(usage, board, 0);
        _exit(0);
    }
    assert_blamed(board, pid, "greedy");
}

static uint64_t
count_mapped(void *user)
{
    return *(const uint64_t *)user;
}

/* A data set whose file lies in memory is nobody's; what a filter shares beside
 * it is its own. */
static void
test_data_sets_are_nobodys(void)
{
    wn_autofd fd = wn_scoreboard_create();
    g_autoptr(WnScoreboard) board = wn_scoreboard_attach(fd);
    wn_autofd file = memfd_create("set", MFD_CLOEXEC);
    uint64_t mapped = 80 * MIB;
    WnUsage *usage = wn_usage_new();
    void *memory;

    g_assert_cmpint(ftruncate(file, (off_t)mapped), ==, 0);
    wn_usage_limit(usage, 64 * MIB, 0);
    wn_usage_set_mapped(usage, count_mapped, &mapped);
    wn_scoreboard_set(board, "reader", "message", NULL, 0);
    wn_usage_begin(usage);
    memory = mmap(NULL, mapped, PROT_READ | PROT_WRITE,
        MAP_SHARED | MAP_POPULATE, file, 0);
    g_assert_true(memory != MAP_FAILED);
    wn_usage_look(usage, board, 0); /* or ends this process */
    munmap(memory, mapped);
    wn_scoreboard_set(board, NULL, NULL, NULL, 0);
    wn_usage_free(usage);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/programs/usage/views-are-the-message-s",
        GINT_TO_POINTER(WN_ASIDE_VIEW), test_reader_is_innocent);
    g_test_add_data_func("/programs/usage/loans-come-back",
        GINT_TO_POINTER(WN_ASIDE_LOAN), test_reader_is_innocent);
    g_test_add_func("/programs/usage/greedy-call", test_greedy_call);
    g_test_add_func("/programs/usage/data-sets-are-nobody-s",
        test_data_sets_are_nobodys);
    return g_test_run();
}
