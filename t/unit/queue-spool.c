/* SPDX-License-Identifier: MIT */
#include "core/journal/io.h"
#include "core/queue/spool_segment.h"
#include "t/unit/queue_spool_stage.h"

#include <sys/stat.h>

static void
test_follow(void)
{
    g_auto(Stage) stage = { 0 };

    stage_init(&stage);
    stage.follow = true;
    append(&stage, 1, 2, 2);
    g_assert_cmpstr(stage.found->str, ==, "1[0,1] 2[0,1] ");
    append(&stage, 3, 3, 1);
    g_assert_cmpstr(stage.found->str, ==, "1[0,1] 2[0,1] 3[0] ");
    /* The same word again, and nonsense. */
    wn_spool_durable(stage.spool, stage.segment, stage.durable);
    wn_spool_durable(stage.spool, stage.segment, 70);
    wn_spool_durable(stage.spool, "../x.seg", 1000);
    wn_spool_durable(stage.spool, "none-0000000000000000.seg", 1000);
    scan(&stage);
    g_assert_cmpstr(stage.found->str, ==, "1[0,1] 2[0,1] 3[0] ");
    g_assert_cmpuint(wn_spool_n_unsettled(stage.spool), ==, 5);
}

/* What nobody has said is durable stays where it is while the writer lives. */
static void
test_live_writer(void)
{
    g_auto(Stage) stage = { 0 };

    stage_init(&stage);
    append(&stage, 1, 3, 1);
    scan(&stage);
    g_assert_cmpstr(stage.found->str, ==, "");
    g_clear_pointer(&stage.journal, wn_journal_free);
    wn_clock_fake_step(WN_SPOOL_SCAN_MS);
    spin(&stage);
    g_assert_cmpstr(stage.found->str, ==, "1[0] 2[0] 3[0] ");
}

static void
test_content(void)
{
    g_auto(Stage) stage = { 0 };
    g_autoptr(GError) error = NULL;
    WnSpoolContent content;

    stage_init(&stage);
    stage.follow = true;
    append(&stage, 1, 2, 1);
    g_assert_true(wn_spool_read(&g_array_index(stage.records, WnSpoolRecord, 1),
        WN_SPOOL_WHOLE, &content, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(number_of(&content.header.id), ==, 2);
    g_assert_cmpuint(content.wire.len, ==, MESSAGE_LEN + 3);
    g_assert_true(wn_span_eq(wn_span_slice(content.wire, MESSAGE_LEN - 3, 6),
        WN_SPAN("b\r\n.\r\n")));
    g_assert_cmpuint(content.envelope.recipients->len, ==, 1);
    wn_spool_content_clear(&content);
}

static void
test_deletion(void)
{
    g_auto(Stage) stage = { 0 };

    stage_init(&stage);
    stage.follow = true;
    scan(&stage);
    append(&stage, 1, 1, 2);
    settle(&stage, 0, 0, WN_OUTCOME_DELIVERED);
    g_clear_pointer(&stage.journal, wn_journal_free);
    wn_clock_fake_step(2000);
    spin(&stage);
    g_assert_cmpuint(n_files(&stage, "."), ==, 2);
    settle(&stage, 0, 1, WN_OUTCOME_DELIVERED);
    wn_clock_fake_step(WN_OUTCOME_SYNC_MS);
    spin(&stage);
    /* Somebody still looks at it. */
    g_assert_cmpuint(n_files(&stage, "."), ==, 2);
    drop_records(&stage);
    wn_clock_fake_step(WN_SPOOL_SCAN_MS);
    spin(&stage);
    g_assert_cmpuint(n_files(&stage, "."), ==, 0);
    g_assert_cmpuint(wn_spool_n_segments(stage.spool), ==, 0);
}

static void
test_recovery(void)
{
    g_auto(Stage) stage = { 0 };

    stage_init(&stage);
    stage.follow = true;
    append(&stage, 1, 5, 2);
    settle(&stage, 0, 0, WN_OUTCOME_DELIVERED);
    settle(&stage, 0, 1, WN_OUTCOME_BOUNCED);
    settle(&stage, 1, 0, WN_OUTCOME_DEFERRED);
    settle(&stage, 1, 0, WN_OUTCOME_DELAY_NOTED);
    settle(&stage, 2, 1, WN_OUTCOME_HELD);
    settle(&stage, 3, 0, WN_OUTCOME_DEFERRED);
    settle(&stage, 3, 0, WN_OUTCOME_DELIVERED);
    settle(&stage, 3, 0, WN_OUTCOME_DELAY_NOTED); /* too late to matter */
    settle(&stage, 4, 0, WN_OUTCOME_HELD);
    settle(&stage, 4, 0, WN_OUTCOME_RELEASED);
    close_spool(&stage);
    stage.follow = false;
    g_clear_pointer(&stage.journal, wn_journal_free);
    open_spool(&stage);
    scan(&stage);
    g_assert_cmpstr(stage.found->str, ==,
        "2[0:3:77:450 later:noted,1] 3[0,1:3:77:450 later:held] 4[1] "
        "5[0:3:0:450 later,1] ");
    g_assert_cmpuint(wn_spool_n_unsettled(stage.spool), ==, 7);
}

/* All settled in an earlier run: deleted without being given out. */
static void
test_settled_leftovers(void)
{
    g_auto(Stage) stage = { 0 };
    g_autofree char *rubbish = NULL;

    stage_init(&stage);
    stage.follow = true;
    append(&stage, 1, 1, 1);
    settle(&stage, 0, 0, WN_OUTCOME_EXPIRED);
    close_spool(&stage);
    g_clear_pointer(&stage.journal, wn_journal_free);
    rubbish = g_build_filename(stage.folder.path, "w-0000000000000001.out",
        NULL);
    g_assert_true(g_file_set_contents(rubbish, "x", 1, NULL));
    open_spool(&stage);
    scan(&stage);
    g_assert_cmpstr(stage.found->str, ==, "");
    g_assert_cmpuint(n_files(&stage, "."), ==, 0);
}

/* A byte of the second of three messages is wrong, and it is read anew. */
static void
stage_damaged(Stage *stage, uint64_t byte)
{
    stage_init(stage);
    stage->follow = true;
    append(stage, 1, 3, 1);
    patch_segment(stage,
        g_array_index(stage->records, WnSpoolRecord, 1).offset + byte, 'x');
    close_spool(stage);
    g_clear_pointer(&stage->journal, wn_journal_free);
    open_spool(stage);
    scan(stage);
}

/* A damaged one once vanished from view: an operator is to see it for as long
 * as the header tells whose it is; then the file is kept for people to look
 * at. */
static void
test_damaged_record(void)
{
    static const struct {
        const char *name;
        uint64_t byte;
        const char *found;
        uint32_t recipient;
    } cases[] = {
        { "body", 200, "1[0] 2![0] 3[0] ", 0 },
        { "envelope", WN_RECORD_HEADER_LEN + 3, "1[0] 2![nobody] 3[0] ",
            WN_SPOOL_NOBODY },
        { "header", 9, "1[0] 3[0] ", 0 },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Stage) stage = { 0 };

        g_test_message("%s", cases[i].name);
        stage_damaged(&stage, cases[i].byte);
        g_assert_cmpstr(stage.found->str, ==, cases[i].found);
        settle(&stage, 0, 0, WN_OUTCOME_DELIVERED);
        if (stage.records->len == 3) {
            settle(&stage, 2, 0, WN_OUTCOME_DELIVERED);
            wn_clock_fake_step(2000);
            spin(&stage);
            g_assert_cmpuint(n_files(&stage, "."), ==, 2);
        }
        settle(&stage, 1, cases[i].recipient, WN_OUTCOME_DELETED);
        drop_records(&stage);
        wn_clock_fake_step(2000);
        spin(&stage);
        g_assert_cmpuint(n_files(&stage, "."), ==, 0);
        g_assert_cmpuint(n_files(&stage, "damaged"), ==, 2);
    }
}

/* Once it was taken for clean. */
static void
test_damaged_segment_header(void)
{
    g_auto(Stage) stage = { 0 };

    stage_init(&stage);
    stage.follow = true;
    append(&stage, 1, 2, 1);
    patch_segment(&stage, 20, 'x');
    close_spool(&stage);
    g_clear_pointer(&stage.journal, wn_journal_free);
    open_spool(&stage);
    scan(&stage);
    g_assert_cmpstr(stage.found->str, ==, "1[0] 2[0] ");
    settle(&stage, 0, 0, WN_OUTCOME_DELIVERED);
    settle(&stage, 1, 0, WN_OUTCOME_DELIVERED);
    drop_records(&stage);
    wn_clock_fake_step(2000);
    spin(&stage);
    g_assert_cmpuint(n_files(&stage, "damaged"), ==, 2);
}

static void
test_read_finds_damage(void)
{
    g_auto(Stage) stage = { 0 };
    g_autoptr(GError) error = NULL;
    WnSpoolContent content;

    stage_init(&stage);
    stage.follow = true;
    append(&stage, 1, 1, 1);
    patch_segment(&stage,
        g_array_index(stage.records, WnSpoolRecord, 0).offset + 200, 'x');
    g_assert_true(wn_spool_read(&g_array_index(stage.records, WnSpoolRecord, 0),
        WN_SPOOL_ENVELOPE, &content, NULL));
    wn_spool_content_clear(&content);
    g_assert_false(
        wn_spool_read(&g_array_index(stage.records, WnSpoolRecord, 0),
            WN_SPOOL_WHOLE, &content, &error));
    g_assert_nonnull(strstr(error->message, "wrong checksum"));
    wn_spool_content_clear(&content);
}

static void
test_rubbish_segment(void)
{
    g_auto(Stage) stage = { 0 };
    g_autofree char *path = NULL;

    stage_init(&stage);
    path = g_build_filename(stage.folder.path, "w-0000000000000009.seg", NULL);
    g_assert_true(g_file_set_contents(path, "not a segment", -1, NULL));
    scan(&stage);
    g_assert_cmpuint(n_files(&stage, "."), ==, 0);
    g_assert_cmpuint(n_files(&stage, "damaged"), ==, 1);
}

/* What is no segment is set aside or let be, and nothing of it stops what is
 * one. */
static void
test_foreign_files(void)
{
    static const struct {
        const char *name, *content; /* NULL: a folder */
        bool aside;
    } cases[] = {
        { "a-0000000000000001.seg", NULL, false },
        { "a-0000000000000002.seg", "", true },
        { "a-0000000000000003.seg",
            "WNSEG2\r\n0123456789012345678901234567890123456789"
            "0123456789012345678901234567890123456789",
            true },
        { "a-0000000000000004.seg", "#!/bin/sh\necho not one of ours\n", true },
        { "notes.txt", "somebody's", false },
        { "z.seg.old", "somebody's", false },
        { "lost+found", NULL, false },
    };
    g_auto(Stage) stage = { 0 };
    g_autofree char *link_path = NULL;
    unsigned n_aside = 0;

    stage_init(&stage);
    append(&stage, 1, 2, 1);
    g_clear_pointer(&stage.journal, wn_journal_free);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_build_filename(stage.folder.path,
            cases[i].name, NULL);

        if (cases[i].content == NULL)
            g_assert_cmpint(g_mkdir_with_parents(path, 0700), ==, 0);
        else
            g_assert_true(
                g_file_set_contents(path, cases[i].content, -1, NULL));
        n_aside += cases[i].aside;
    }
    link_path = g_build_filename(stage.folder.path, "a-0000000000000005.seg",
        NULL);
    g_assert_cmpint(symlink("/dev/zero", link_path), ==, 0);
    scan(&stage);
    g_assert_cmpstr(stage.found->str, ==, "1[0] 2[0] ");
    g_assert_cmpuint(n_files(&stage, "damaged"), ==, n_aside);
    wn_clock_fake_step(5000);
    spin(&stage);
    g_assert_cmpuint(wn_spool_n_segments(stage.spool), ==, 1);
    drop_records(&stage);
}

/* The last one may be given out as damaged. */
static void
leave_out_damaged(GString *found)
{
    const char *mark = strchr(found->str, '!');

    if (mark != NULL)
        g_string_truncate(found, (gsize)(mark - found->str - 1));
}

/* Cut off anywhere, a segment yields a prefix of its records. */
static void
test_truncation(void)
{
    g_auto(Stage) first = { 0 };
    g_autofree char *bytes = NULL;
    g_autofree char *path = NULL;
    gsize len = 0;

    stage_init(&first);
    first.follow = true;
    append(&first, 1, 3, 1);
    path = g_build_filename(first.folder.path, first.segment, NULL);
    g_assert_true(g_file_get_contents(path, &bytes, &len, NULL));
    for (size_t cut = 0; cut < first.durable; cut += 7) {
        static const char *const prefixes[] = { "", "1[0] ", "1[0] 2[0] ",
            "1[0] 2[0] 3[0] " };
        g_auto(Stage) stage = { 0 };
        g_autofree char *copy = NULL;
        bool is_prefix = false;

        stage_init(&stage);
        copy = g_build_filename(stage.folder.path, first.segment, NULL);
        g_assert_true(g_file_set_contents(copy, bytes, (gssize)cut, NULL));
        scan(&stage);
        leave_out_damaged(stage.found);
        for (size_t i = 0; i < G_N_ELEMENTS(prefixes); i++)
            is_prefix |= g_str_equal(stage.found->str, prefixes[i]);
        g_assert_true(is_prefix);
        drop_records(&stage);
    }
}

/* A second queue must not deliver the same segment. */
static void
test_two_queues(void)
{
    g_auto(Stage) stage = { 0 };
    WnSpool *second;

    stage_init(&stage);
    append(&stage, 1, 2, 1);
    g_clear_pointer(&stage.journal, wn_journal_free);
    scan(&stage);
    g_assert_cmpstr(stage.found->str, ==, "1[0] 2[0] ");
    second = wn_spool_new(stage.loop, stage.folder.path, on_found, &stage);
    wn_spool_scan(second);
    spin(&stage);
    g_assert_cmpstr(stage.found->str, ==, "1[0] 2[0] ");
    g_assert_cmpuint(n_files(&stage, "damaged"), ==, 0);
    wn_spool_free(second);
}

static void
test_many(void)
{
    g_auto(Stage) stage = { 0 };

    stage_init(&stage);
    for (uint64_t n = 1; n < 3000; n += 100)
        append(&stage, n, n + 99, 1);
    g_clear_pointer(&stage.journal, wn_journal_free);
    wn_spool_scan(stage.spool);
    g_assert_true(wn_spool_is_recovering(stage.spool));
    /* Not all in one turn: other work goes on meanwhile. */
    wn_loop_turn(stage.loop);
    g_assert_cmpuint(stage.records->len, <, 1000);
    spin(&stage);
    g_assert_cmpuint(stage.records->len, ==, 3000);
    drop_records(&stage);
}

typedef struct Watch {
    WnJournalIo io;
    const char *folder;
    unsigned n_syncs;
} Watch;

static int
watch_sync(const WnJournalIo *io, int fd)
{
    Watch *self = (Watch *)(uintptr_t)io;
    g_autoptr(GDir) folder = g_dir_open(self->folder, 0, NULL);
    const char *name;

    while ((name = g_dir_read_name(folder)) != NULL) {
        g_autofree char *path = g_build_filename(self->folder, name, NULL);
        struct stat st;

        if (!g_str_has_suffix(name, ".out"))
            continue;
        g_assert_cmpint(stat(path, &st), ==, 0);
        g_assert_cmpint(st.st_size, >, 0);
    }
    self->n_syncs++;
    return wn_journal_io_system.sync(&wn_journal_io_system, fd);
}

/* A sync may take long: what was noted by then of any segment must outlive the
 * process that waits for it. */
static void
test_written_before_any_sync(void)
{
    g_auto(Stage) stage = { 0 };
    Watch watch = { .io = wn_journal_io_system };

    stage_init(&stage);
    watch.io.sync = watch_sync;
    watch.folder = stage.folder.path;
    append(&stage, 1, 1, 1);
    wn_journal_free(stage.journal);
    stage.journal = wn_journal_new(stage.loop, stage.folder.path, "w",
        on_durable, &stage);
    append(&stage, 2, 2, 1);
    g_clear_pointer(&stage.journal, wn_journal_free);
    scan(&stage);
    g_assert_cmpuint(stage.records->len, ==, 2);
    for (guint i = 0; i < 2; i++) {
        wn_outcome_log_set_io(g_array_index(stage.records, WnSpoolRecord, i)
                                  .segment->log,
            &watch.io);
        settle(&stage, i, 0, WN_OUTCOME_DEFERRED);
    }
    wn_spool_flush(stage.spool);
    g_assert_cmpuint(watch.n_syncs, ==, 2);
    drop_records(&stage);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    wn_log_set_level(WN_LEVEL_ERROR);
    g_test_add_func("/queue/spool/follow", test_follow);
    g_test_add_func("/queue/spool/live-writer", test_live_writer);
    g_test_add_func("/queue/spool/content", test_content);
    g_test_add_func("/queue/spool/deletion", test_deletion);
    g_test_add_func("/queue/spool/recovery", test_recovery);
    g_test_add_func("/queue/spool/written-before-any-sync",
        test_written_before_any_sync);
    g_test_add_func("/queue/spool/leftovers", test_settled_leftovers);
    g_test_add_func("/queue/spool/damaged-record", test_damaged_record);
    g_test_add_func("/queue/spool/damaged-segment-header",
        test_damaged_segment_header);
    g_test_add_func("/queue/spool/read-finds-damage", test_read_finds_damage);
    g_test_add_func("/queue/spool/rubbish-segment", test_rubbish_segment);
    g_test_add_func("/queue/spool/foreign-files", test_foreign_files);
    g_test_add_func("/queue/spool/truncation", test_truncation);
    g_test_add_func("/queue/spool/two-queues", test_two_queues);
    g_test_add_func("/queue/spool/many", test_many);
    return g_test_run();
}
