/* SPDX-License-Identifier: MIT */
#include "core/journal/writer.h"

#include "core/base/clock.h"
#include "t/unit/journal-fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define MESSAGE WN_SPAN("Subject: test\r\n\r\nbody\r\n")

static void
test_commits_in_order(void)
{
    g_auto(Rig) rig;
    uint64_t offset;

    rig_init(&rig);
    for (int i = 0; i < 100; i++) {
        WnAppend *append = rig_append(&rig, MESSAGE);

        g_assert_nonnull(wn_append_segment(append, &offset));
        g_assert_cmpuint(offset % 8, ==, 0);
    }
    g_assert_cmpuint(rig.told->len, ==, 0); /* never before append returns */
    rig_await(&rig, 100);
    rig_check_order(&rig, 100);
    for (guint i = 0; i < 100; i++)
        g_assert_cmpint(rig_result(&rig, i), ==, WN_COMMIT_DURABLE);
    {
        g_auto(Found) found = recover_all(&rig.folder);

        g_assert_cmpuint(found.numbers->len, ==, 100);
    }
}

/* Nothing is told before the sync has returned; all that was appended while
 * one ran share the next. */
static void
test_group(void)
{
    g_auto(Rig) rig;
    unsigned n_syncs;

    rig_init(&rig);
    rig_append(&rig, MESSAGE); /* makes the segment, with its own sync */
    n_syncs = faulty_n_syncs(&rig.faulty);
    faulty_hold(&rig.faulty, true);
    wn_loop_turn(rig.loop);
    faulty_await_syncs(&rig.faulty, n_syncs + 1);
    for (int i = 0; i < 50; i++)
        rig_append(&rig, MESSAGE);
    wn_loop_turn(rig.loop);
    wn_loop_turn(rig.loop);
    g_assert_cmpuint(rig.told->len, ==, 0);
    g_assert_cmpuint(faulty_n_syncs(&rig.faulty), ==, n_syncs + 1);
    faulty_hold(&rig.faulty, false);
    rig_await(&rig, 51);
    rig_check_order(&rig, 51);
    g_assert_cmpuint(faulty_n_syncs(&rig.faulty), ==, n_syncs + 2);
}

/* All appends of one turn share a sync. */
static void
test_turn_is_a_group(void)
{
    g_auto(Rig) rig;
    unsigned n_syncs;

    rig_init(&rig);
    rig_append(&rig, MESSAGE);
    rig_await(&rig, 1);
    n_syncs = faulty_n_syncs(&rig.faulty);
    for (int i = 0; i < 20; i++)
        rig_append(&rig, MESSAGE);
    rig_await(&rig, 21);
    g_assert_cmpuint(faulty_n_syncs(&rig.faulty), ==, n_syncs + 1);
}

/* One write per append; the first one that leaves the zeroed range zeroes up to
 * the next 256 KiB, the others write their record and nothing else. */
static void
test_one_write_per_append(void)
{
    const uint64_t record_len = 104; /* 64 + 8 + 23 + 3, padded */
    g_auto(Rig) rig;

    rig_init(&rig);
    rig_append(&rig, MESSAGE);
    g_assert_cmpuint(rig.faulty.n_writes, ==, 2); /* the segment's header */
    g_assert_cmpuint(rig.faulty.n_bytes, ==, 256 * 1024);
    rig.faulty.n_bytes = 0;
    rig_append(&rig, MESSAGE);
    g_assert_cmpuint(rig.faulty.n_writes, ==, 3);
    g_assert_cmpuint(rig.faulty.n_bytes, ==, record_len);
    rig_await(&rig, 2);
}

/* Bodies of 8 MiB: seven to a segment. */
static void
test_rotation(void)
{
    g_auto(Rig) rig;
    g_autofree char *body = g_malloc0(8 << 20);
    g_autoptr(GPtrArray) names = NULL;

    rig_init(&rig);
    for (guint i = 0; i < 20; i++) {
        rig_append(&rig, wn_span(body, 8 << 20));
        if (i % 3 == 0)
            rig_await(&rig, i);
    }
    rig_await(&rig, 20);
    rig_check_order(&rig, 20);
    g_assert_cmpuint(rig.n_sealed, ==, 2);
    g_clear_pointer(&rig.journal, wn_journal_free);
    names = segment_names(&rig.folder);
    g_assert_cmpuint(names->len, ==, 3); /* the one made ahead is gone */
    for (guint i = 0; i < names->len; i++) {
        wn_autofd fd = segment_fd(&rig.folder, names->pdata[i]);
        g_auto(Found) found = recover(fd, UINT64_MAX);

        g_assert_cmpint(found.end, ==, WN_SCAN_SEAL);
        g_assert_cmpuint(found.numbers->len, >=, 6);
        g_assert_cmpuint(found.numbers->len, <=, 7);
        g_assert_false(wn_segment_has_writer(fd));
    }
}

static int
file_with(WnSpan bytes, uint64_t size)
{
    int fd = memfd_create("body", MFD_CLOEXEC);

    g_assert_true(wn_fd_pwrite_all(fd, bytes, 0));
    g_assert_cmpint(ftruncate(fd, (off_t)size), ==, 0);
    return fd;
}

/* A message that no segment of the usual size holds gets one of its own. */
static void
test_large_from_file(void)
{
    const uint64_t len = WN_SEGMENT_SIZE + 5;
    wn_autofd body = file_with(WN_SPAN("begin\r\n"), len);
    g_auto(Rig) rig;

    rig_init(&rig);
    rig_append(&rig, MESSAGE);
    rig_append_body(&rig, &(WnAppendBody){ .fd = body, .len = len });
    rig_append(&rig, MESSAGE);
    rig_await(&rig, 3);
    rig_check_order(&rig, 3);
    for (guint i = 0; i < 3; i++)
        g_assert_cmpint(rig_result(&rig, i), ==, WN_COMMIT_DURABLE);
    {
        g_auto(Found) found = recover_all(&rig.folder);

        g_assert_cmpuint(found.numbers->len, ==, 3);
        g_assert_cmpuint(found.n_damaged, ==, 0);
    }
}

/* Sizes around the borders of chunks and of what is zeroed ahead. */
static void
test_from_file_equals_span(void)
{
    static const size_t sizes[] = { 0, 1, 7, 8, 262143, 262144, 262145, 524288,
        1000003 };
    g_autofree char *bytes = g_malloc(1 << 20);
    g_auto(Rig) rig;
    guint n = 0;

    for (size_t i = 0; i < 1 << 20; i++)
        bytes[i] = (char)(i * 31 >> 3);
    rig_init(&rig);
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        wn_autofd body = file_with(wn_span(bytes, sizes[i]), sizes[i]);

        rig_append(&rig, wn_span(bytes, sizes[i]));
        rig_append_body(&rig, &(WnAppendBody){ .fd = body, .len = sizes[i] });
        n += 2;
    }
    rig_await(&rig, n);
    {
        g_auto(Found) found = recover_all(&rig.folder);

        g_assert_cmpuint(found.numbers->len, ==, n);
        g_assert_cmpuint(found.n_damaged, ==, 0);
    }
}

/* A file shorter than was said is the caller's trouble, not the segment's. */
static void
test_short_source(void)
{
    wn_autofd body = file_with(WN_SPAN("abc"), 300000);
    g_auto(Rig) rig;
    uint64_t offset;

    rig_init(&rig);
    rig_append(&rig, MESSAGE);
    g_assert_null(
        wn_append_segment(rig_append_body(&rig,
                              &(WnAppendBody){ .fd = body, .len = 300001 }),
            &offset));
    rig_append(&rig, MESSAGE);
    rig_await(&rig, 3);
    rig_check_order(&rig, 3);
    g_assert_cmpint(rig_result(&rig, 0), ==, WN_COMMIT_DURABLE);
    g_assert_cmpint(rig_result(&rig, 1), ==, WN_COMMIT_FAILED);
    g_assert_cmpint(rig_result(&rig, 2), ==, WN_COMMIT_DURABLE);
    g_assert_cmpuint(rig.n_sealed, ==, 0);
    {
        g_auto(Found) found = recover_all(&rig.folder);

        g_assert_cmpuint(found.numbers->len, ==, 2);
        g_assert_cmpuint(found.n_damaged, ==, 0);
    }
}

static void
test_too_large(void)
{
    g_auto(Rig) rig;

    rig_init(&rig);
    rig_append_body(&rig,
        &(WnAppendBody){ .fd = 0, .len = WN_RECORD_BODY_MAX });
    rig_await(&rig, 1);
    g_assert_cmpint(rig_result(&rig, 0), ==, WN_COMMIT_FAILED);
}

static void
test_short_and_interrupted_writes(void)
{
    static const size_t limits[] = { 1, 7, 64, 1000 };

    for (size_t i = 0; i < G_N_ELEMENTS(limits); i++) {
        g_auto(Rig) rig;

        rig_init(&rig);
        rig_append(&rig, MESSAGE); /* zeroes ahead */
        rig.faulty.write_max = limits[i];
        rig.faulty.interrupt = 3;
        for (int n = 0; n < 5; n++)
            rig_append(&rig, MESSAGE);
        rig_await(&rig, 6);
        {
            g_auto(Found) found = recover_all(&rig.folder);

            g_assert_cmpuint(found.numbers->len, ==, 6);
            g_assert_cmpuint(found.n_damaged, ==, 0);
        }
    }
}

static void
never_called(void *user, WnCommit result)
{
    (void)user;
    (void)result;
    g_assert_not_reached();
}

static void
test_forget(void)
{
    g_auto(Rig) rig;
    WnId id = id_of(77);

    rig_init(&rig);
    wn_append_forget(wn_journal_append(rig.journal, &id, WN_SPAN("e"),
        &(WnAppendBody){ .span = MESSAGE, .fd = -1 }, never_called, NULL));
    rig_append(&rig, MESSAGE);
    rig_await(&rig, 1);
    {
        g_auto(Found) found = recover_all(&rig.folder);

        g_assert_true(found_has(&found, 77));
    }
}

/* What was appended before the end is on disk, under a seal, though nobody is
 * told. */
static void
test_free_commits(void)
{
    g_auto(Rig) rig;
    g_autoptr(GPtrArray) names = NULL;

    rig_init(&rig);
    for (int i = 0; i < 3; i++) {
        WnId id = id_of((uint64_t)i);

        wn_journal_append(rig.journal, &id, WN_SPAN("e"),
            &(WnAppendBody){ .span = MESSAGE, .fd = -1 }, NULL, NULL);
    }
    g_clear_pointer(&rig.journal, wn_journal_free);
    names = segment_names(&rig.folder);
    g_assert_cmpuint(names->len, ==, 1);
    {
        wn_autofd fd = segment_fd(&rig.folder, names->pdata[0]);
        g_auto(Found) found = recover(fd, UINT64_MAX);

        g_assert_cmpuint(found.numbers->len, ==, 3);
        g_assert_cmpint(found.end, ==, WN_SCAN_SEAL);
    }
}

static void
test_position(void)
{
    g_auto(Rig) rig;
    const char *segment;
    uint64_t durable;
    uint64_t offset;
    WnAppend *append;

    rig_init(&rig);
    g_assert_false(wn_journal_position(rig.journal, &segment, &durable));
    append = rig_append(&rig, MESSAGE);
    g_assert_true(wn_journal_position(rig.journal, &segment, &durable));
    g_assert_cmpstr(segment, ==, wn_append_segment(append, &offset));
    g_assert_cmpuint(durable, ==, offset);
    rig_await(&rig, 1);
    g_assert_true(wn_journal_position(rig.journal, &segment, &durable));
    g_assert_cmpuint(durable, ==, rig.durable_bytes);
    g_assert_cmpuint(durable, >, offset);
    g_assert_cmpstr(segment, ==, rig.durable->str);
}

static void
test_has_space(void)
{
    static const struct {
        const char *name;
        uint64_t free_bytes;
        uint64_t files;
        uint64_t free_files;
        uint64_t size;
        uint64_t min_free;
        bool enough;
    } cases[] = {
        { "plenty", 1 << 30, 1000, 900, 1000, 1 << 20, true },
        { "segment-just-fits", 64 << 20, 1000, 900, 1000, 0, true },
        { "one-byte-short", (64 << 20) + 4095, 1000, 900, 1000, 4096, false },
        { "reserve-too-large", 65 << 20, 1000, 900, 1000, 2 << 20, false },
        { "no-inodes", 1 << 30, 1000, 15, 1000, 0, false },
        { "inodes-without-limit", 1 << 30, 0, 0, 1000, 0, true },
        { "large-message", 1 << 30, 1000, 900, 900 << 20, 256 << 20, false },
        { "absurd-message", 1 << 30, 1000, 900, UINT64_MAX, 0, false },
        { "absurd-reserve", 1 << 30, 1000, 900, 1, UINT64_MAX, false },
    };

    wn_clock_fake(1000000, 1800000000000);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Rig) rig;

        g_test_message("%s", cases[i].name);
        rig_init(&rig);
        rig.faulty.space = (struct statvfs){
            .f_bavail = cases[i].free_bytes,
            .f_frsize = 1,
            .f_files = cases[i].files,
            .f_favail = cases[i].free_files,
        };
        g_assert_cmpint(wn_journal_has_space(rig.journal, cases[i].size,
                            cases[i].min_free),
            ==, cases[i].enough);
    }
}

static void
test_space_is_remembered(void)
{
    g_auto(Rig) rig;

    wn_clock_fake(1000000, 1800000000000);
    rig_init(&rig);
    rig.faulty.space = (struct statvfs){ .f_bavail = 1 << 20,
        .f_frsize = 4096 };
    g_assert_true(wn_journal_has_space(rig.journal, 1000, 0));
    rig.faulty.space.f_bavail = 0;
    wn_clock_fake_step(199);
    g_assert_true(wn_journal_has_space(rig.journal, 1000, 0));
    wn_clock_fake_step(1);
    g_assert_false(wn_journal_has_space(rig.journal, 1000, 0));
    rig_append(&rig, MESSAGE); /* makes a segment: its room counts */
    rig_await(&rig, 1);
    g_assert_true(wn_journal_has_space(rig.journal, 1000, 0));
    g_assert_false(wn_journal_has_space(rig.journal, 1000, 1));
}

typedef struct Acker {
    WnLoop *loop;
    WnJournal *journal;
    int pipe_fd;
    uint64_t next;
    uint64_t acked;
} Acker;

static void acker_append(Acker *self);

/* Tells the parent as a session tells its client, and goes on. */
static void
acker_on_committed(void *user, WnCommit result)
{
    Acker *self = user;
    uint64_t number = self->acked++;

    if (result != WN_COMMIT_DURABLE
        || write(self->pipe_fd, &number, sizeof number)
               != (ssize_t)sizeof number)
        _exit(1);
    acker_append(self);
}

static void
acker_append(Acker *self)
{
    char body[5000];
    WnId id = id_of(self->next);

    memset(body, 'x', sizeof body);
    wn_journal_append(self->journal, &id, WN_SPAN("envelope"),
        &(WnAppendBody){ .span = { body, self->next * 37 % sizeof body },
            .fd = -1 },
        acker_on_committed, self);
    self->next++;
}

static void
acker_run(const char *spool, int pipe_fd)
{
    Acker self = { .loop = wn_loop_new(), .pipe_fd = pipe_fd };

    self.journal = wn_journal_new(self.loop, spool, "killed", NULL, NULL);
    for (int i = 0; i < 16; i++)
        acker_append(&self);
    wn_loop_run(self.loop);
}

/* Kills the writer when it has acknowledged so many; how many it had by then.
 */
static uint64_t
kill_after(const Folder *folder, uint64_t n_acks)
{
    int fds[2];
    uint64_t number;
    uint64_t n = 0;
    pid_t child;

    g_assert_cmpint(pipe2(fds, O_CLOEXEC), ==, 0);
    child = fork();
    g_assert_cmpint(child, >=, 0);
    if (child == 0) {
        acker_run(folder->path, fds[1]);
        _exit(1);
    }
    close(fds[1]);
    while (read(fds[0], &number, sizeof number) == (ssize_t)sizeof number) {
        g_assert_cmpuint(number, ==, n);
        if (++n == n_acks)
            g_assert_cmpint(kill(child, SIGKILL), ==, 0);
    }
    close(fds[0]);
    g_assert_cmpint(waitpid(child, NULL, 0), ==, child);
    return n;
}

/* A writer killed at any moment leaves each message that it acknowledged, and a
 * segment that is seen to have no writer. */
static void
test_kill(void)
{
    static const uint64_t rounds[] = { 1, 2, 17, 100, 333, 1000, 2500 };

    for (size_t i = 0; i < G_N_ELEMENTS(rounds); i++) {
        g_auto(Folder) folder = folder_make();
        uint64_t n_acked = kill_after(&folder, rounds[i]);
        g_auto(Found) found = recover_all(&folder);
        g_autoptr(GPtrArray) names = segment_names(&folder);
        wn_autofd fd = segment_fd(&folder, names->pdata[0]);

        g_assert_cmpuint(n_acked, >=, rounds[i]);
        g_assert_cmpuint(found.numbers->len, >=, n_acked);
        for (uint64_t n = 0; n < n_acked; n++)
            g_assert_cmpuint(g_array_index(found.numbers, uint64_t, n), ==, n);
        g_assert_cmpuint(found.n_damaged, ==, 0);
        g_assert_false(wn_segment_has_writer(fd));
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/journal/writer/kill", test_kill); /* forks: first */
    g_test_add_func("/journal/writer/in-order", test_commits_in_order);
    g_test_add_func("/journal/writer/group", test_group);
    g_test_add_func("/journal/writer/turn-is-a-group", test_turn_is_a_group);
    g_test_add_func("/journal/writer/one-write-per-append",
        test_one_write_per_append);
    g_test_add_func("/journal/writer/rotation", test_rotation);
    g_test_add_func("/journal/writer/large-from-file", test_large_from_file);
    g_test_add_func("/journal/writer/from-file-equals-span",
        test_from_file_equals_span);
    g_test_add_func("/journal/writer/short-source", test_short_source);
    g_test_add_func("/journal/writer/too-large", test_too_large);
    g_test_add_func("/journal/writer/short-writes",
        test_short_and_interrupted_writes);
    g_test_add_func("/journal/writer/forget", test_forget);
    g_test_add_func("/journal/writer/free-commits", test_free_commits);
    g_test_add_func("/journal/writer/position", test_position);
    /* These set the clock for the rest of the program. */
    g_test_add_func("/journal/writer/has-space", test_has_space);
    g_test_add_func("/journal/writer/space-is-remembered",
        test_space_is_remembered);
    return g_test_run();
}
