/* SPDX-License-Identifier: MIT */
#include "core/queue/spool_check.h"
#include "core/queue/spool_gaps.h"

#include "t/unit/queue_spool_stage.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * Places of a segment that the disk does not give.  The calls that read are
 * ours: they fail where a test says.
 */

static struct {
    uint64_t begin, end;
    bool set;
    unsigned n_failed; /* reads */
} bad;

static ssize_t
read_at(int fd, void *out, size_t len, off_t offset)
{
    struct stat st;

    if (bad.set && (uint64_t)offset < bad.end
        && (uint64_t)offset + len > bad.begin && fstat(fd, &st) == 0
        && st.st_size >= WN_SEGMENT_SIZE) {
        bad.n_failed++;
        errno = EIO;
        return -1;
    }
    return (ssize_t)syscall(SYS_pread64, fd, out, len, offset);
}

/* The names that the C library and its checks use. */
ssize_t pread64(int fd, void *out, size_t len, off_t offset);
ssize_t __pread_chk(int fd, void *out, size_t len, off_t offset, size_t room);
ssize_t __pread64_chk(int fd, void *out, size_t len, off_t offset, size_t room);

ssize_t(pread)(int fd, void *out, size_t len, off_t offset)
{
    return read_at(fd, out, len, offset);
}

ssize_t
pread64(int fd, void *out, size_t len, off_t offset)
{
    return read_at(fd, out, len, offset);
}

ssize_t
__pread_chk(int fd, void *out, size_t len, off_t offset, size_t room)
{
    g_assert_cmpuint(len, <=, room);
    return read_at(fd, out, len, offset);
}

ssize_t
__pread64_chk(int fd, void *out, size_t len, off_t offset, size_t room)
{
    return __pread_chk(fd, out, len, offset, room);
}

static void
make_bad(uint64_t begin, uint64_t end)
{
    bad.begin = begin;
    bad.end = end;
    bad.set = true;
}

static void
mend(void)
{
    bad.set = false;
}

/* Sixty messages in a segment whose writer is gone, read by a new spool; their
 * places are told. */
static void
stage_sixty(Stage *stage, uint64_t offsets[60])
{
    mend();
    stage_init(stage);
    stage->follow = true;
    append(stage, 1, 60, 1);
    g_assert_cmpuint(stage->records->len, ==, 60);
    for (guint i = 0; i < 60; i++)
        offsets[i] = g_array_index(stage->records, WnSpoolRecord, i).offset;
    close_spool(stage);
    stage->follow = false;
    g_clear_pointer(&stage->journal, wn_journal_free);
    open_spool(stage);
}

static bool
has(const Stage *stage, unsigned first, unsigned last)
{
    for (unsigned n = first; n <= last; n++) {
        g_autofree char *text = g_strdup_printf("%u[0] ", n);
        g_autofree char *behind = g_strconcat(" ", text, NULL);

        if (!g_str_has_prefix(stage->found->str, text)
            && strstr(stage->found->str, behind) == NULL)
            return false;
    }
    return true;
}

/* The messages behind a bad block are delivered; those in it when it can be
 * read; the segment waits for them. */
static void
test_goes_on_behind_a_bad_block(void)
{
    g_auto(Stage) stage = { 0 };
    uint64_t offsets[60];

    stage_sixty(&stage, offsets);
    g_assert_cmpuint(offsets[59], >, 8192);
    make_bad(4096, 8192);
    scan(&stage);
    g_assert_true(has(&stage, 1, 10));
    g_assert_true(has(&stage, 40, 60));
    g_assert_cmpuint(stage.records->len, <, 60);
    for (guint i = 0; i < stage.records->len; i++)
        settle(&stage, i, 0, WN_OUTCOME_DELIVERED);
    drop_records(&stage);
    wn_clock_fake_step(WN_SPOOL_GAP_MS + WN_SPOOL_SCAN_MS);
    spin(&stage);
    g_assert_cmpuint(n_files(&stage, "."), ==, 2);
    mend();
    wn_clock_fake_step(WN_SPOOL_GAP_MS + WN_SPOOL_SCAN_MS);
    spin(&stage);
    g_assert_true(has(&stage, 1, 60));
    for (guint i = 0; i < stage.records->len; i++)
        settle(&stage, i, 0, WN_OUTCOME_DELIVERED);
    drop_records(&stage);
    wn_clock_fake_step(2000);
    spin(&stage);
    wn_clock_fake_step(2000);
    spin(&stage);
    g_assert_cmpuint(n_files(&stage, "."), ==, 0);
    g_assert_cmpuint(n_files(&stage, "damaged"), ==, 0);
}

/* Each read that fails may take seconds: other work has a turn in between. */
static void
test_one_failure_in_a_turn(void)
{
    g_auto(Stage) stage = { 0 };
    uint64_t offsets[60];
    unsigned n_failed;

    stage_sixty(&stage, offsets);
    make_bad(4096, 8192);
    n_failed = bad.n_failed;
    wn_spool_scan(stage.spool);
    g_assert_cmpuint(bad.n_failed - n_failed, <=, 1);
    for (int i = 0; i < 300; i++) {
        n_failed = bad.n_failed;
        wn_loop_defer(stage.loop, nothing, NULL);
        wn_loop_turn(stage.loop);
        g_assert_cmpuint(bad.n_failed - n_failed, <=, 1);
    }
    g_assert_true(has(&stage, 1, 10));
    g_assert_true(has(&stage, 40, 60));
    mend();
    drop_records(&stage);
}

/* The log has the event that says what to do. */
static void
assert_told(int log_fd, const char *segment)
{
    g_autofree char *of = g_strdup_printf("\"segment\":\"%s\"", segment);
    g_autofree char *kept = g_strdup_printf("\"kept\":\"damaged/%s\"", segment);
    char text[16384] = "";
    ssize_t n = syscall(SYS_pread64, log_fd, text, sizeof(text) - 1, 0);
    const char *event;

    g_assert_cmpint(n, >, 0);
    event = strstr(text, "\"event\":\"set_aside\"");
    g_assert_nonnull(event);
    g_assert_null(strstr(event + 1, "\"event\":\"set_aside\""));
    g_assert_nonnull(strstr(event, of));
    g_assert_null(strstr(event, "\"bytes\":0,"));
    g_assert_nonnull(strstr(event, "\"bytes\":"));
    g_assert_nonnull(strstr(event, kept));
    g_assert_nonnull(strstr(event, "\"cure\":\"winnowctl queue fsck\""));
}

/* What never can be read is set aside, not deleted, and that is told. */
static void
test_sets_aside_what_stays_bad(void)
{
    wn_autofd log_fd = memfd_create("log", MFD_CLOEXEC);
    g_auto(Stage) stage = { 0 };
    uint64_t offsets[60];

    wn_log_open("test", WN_LOG_JSON, log_fd);

    stage_sixty(&stage, offsets);
    make_bad(4096, 8192);
    scan(&stage);
    for (guint i = 0; i < stage.records->len; i++)
        settle(&stage, i, 0, WN_OUTCOME_DELIVERED);
    drop_records(&stage);
    for (int i = 0; i < 70; i++) {
        wn_clock_fake_step(WN_SPOOL_GAP_MS);
        spin(&stage);
    }
    g_assert_cmpuint(n_files(&stage, "."), ==, 0);
    g_assert_cmpuint(n_files(&stage, "damaged"), ==, 2);
    assert_told(log_fd, stage.segment);
    wn_log_open("test", WN_LOG_JSON, STDERR_FILENO);
    mend();
}

/* All is bad behind the first block: the search has an end. */
static void
test_all_bad(void)
{
    g_auto(Stage) stage = { 0 };
    uint64_t offsets[60];

    stage_sixty(&stage, offsets);
    make_bad(4096, WN_SEGMENT_SIZE);
    wn_spool_scan(stage.spool);
    for (int i = 0; i < 20; i++)
        spin(&stage);
    g_assert_false(wn_spool_is_recovering(stage.spool));
    g_assert_true(has(&stage, 1, 10));
    mend();
    wn_clock_fake_step(WN_SPOOL_GAP_MS + WN_SPOOL_SCAN_MS);
    spin(&stage);
    g_assert_true(has(&stage, 1, 60));
    drop_records(&stage);
}

static void
on_file(void *user, const WnSpoolFile *file)
{
    g_string_append_printf(user, "%s%s%s%s; ", file->aside ? "aside " : "",
        file->error != NULL ? "error " : "",
        file->damages->len > 0 ? "damaged " : "",
        file->repaired ? "repaired" : "");
}

static void
test_repair_copies_the_rest(void)
{
    g_auto(Stage) stage = { 0 };
    g_autoptr(GString) said = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    uint64_t offsets[60];

    stage_sixty(&stage, offsets);
    close_spool(&stage);
    make_bad(4096, 8192);
    g_assert_true(wn_spool_check(stage.folder.path, WN_SPOOL_REPAIR, on_file,
        said, &error));
    g_assert_no_error(error);
    g_assert_cmpstr(said->str, ==, "damaged repaired; aside damaged ; ");
    mend();
    open_spool(&stage);
    scan(&stage);
    g_assert_true(has(&stage, 1, 10));
    g_assert_true(has(&stage, 40, 60));
    drop_records(&stage);
}

static void
cut(const Stage *stage, const char *name, off_t len)
{
    g_autofree char *path = g_build_filename(stage->folder.path, name, NULL);

    g_assert_cmpint(truncate(path, len), ==, 0);
}

/* Pages that go while somebody looks at them: no death by SIGBUS, and what is
 * there again is read again. */
static void
test_lost_pages(void)
{
    g_auto(Stage) stage = { 0 };
    g_autoptr(GError) error = NULL;
    g_autoptr(GError) again = NULL;
    WnSpoolContent content;
    uint64_t offsets[60];
    char byte;

    stage_sixty(&stage, offsets);
    scan(&stage);
    g_assert_true(
        wn_spool_read(&g_array_index(stage.records, WnSpoolRecord, 59),
            WN_SPOOL_WHOLE, &content, &error));
    g_assert_no_error(error);
    g_assert_false(wn_spool_content_guard(&content)->lost);
    cut(&stage, stage.segment, 4096);
    byte = *(const volatile char *)content.wire.ptr;
    g_assert_cmpint(byte, ==, 0);
    g_assert_true(wn_spool_content_guard(&content)->lost);
    wn_spool_content_clear(&content);
    g_assert_false(
        wn_spool_read(&g_array_index(stage.records, WnSpoolRecord, 59),
            WN_SPOOL_WHOLE, &content, &again));
    g_assert_error(again, WN_JOURNAL_ERROR, EIO);
    wn_spool_content_clear(&content);
    g_assert_true(wn_spool_read(&g_array_index(stage.records, WnSpoolRecord, 0),
        WN_SPOOL_WHOLE, &content, NULL));
    wn_spool_content_clear(&content);
    drop_records(&stage);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    wn_log_set_level(WN_LEVEL_ERROR);
    g_test_add_func("/queue/spool_unreadable/goes-on-behind-a-bad-block",
        test_goes_on_behind_a_bad_block);
    g_test_add_func("/queue/spool_unreadable/one-failure-in-a-turn",
        test_one_failure_in_a_turn);
    g_test_add_func("/queue/spool_unreadable/sets-aside-what-stays-bad",
        test_sets_aside_what_stays_bad);
    g_test_add_func("/queue/spool_unreadable/all-bad", test_all_bad);
    g_test_add_func("/queue/spool_unreadable/repair-copies-the-rest",
        test_repair_copies_the_rest);
    g_test_add_func("/queue/spool_unreadable/lost-pages", test_lost_pages);
    return g_test_run();
}
