/* SPDX-License-Identifier: MIT */
#include "core/queue/spool_compact.h"

#include "t/unit/queue_spool_stage.h"

#include <sys/stat.h>

/*
 * Compaction while the spool is at work.  Messages of one recipient, most of
 * them delivered: what is left must go on as if nothing had happened, in this
 * process and in the next.
 */

#define N_MESSAGES 40

static uint64_t
size_of_segment(const Stage *stage)
{
    g_autofree char *path = g_build_filename(stage->folder.path, stage->segment,
        NULL);
    struct stat st;

    g_assert_cmpint(stat(path, &st), ==, 0);
    return (uint64_t)st.st_size;
}

/* N_MESSAGES messages in a segment whose writer is gone; all but each tenth are
 * delivered. */
static void
stage_leftovers(Stage *stage)
{
    stage_init(stage);
    stage->follow = true;
    scan(stage);
    append(stage, 1, N_MESSAGES, 1);
    g_clear_pointer(&stage->journal, wn_journal_free);
    wn_clock_fake_step(WN_SPOOL_SCAN_MS);
    spin(stage);
    for (guint i = stage->records->len; i > 0; i--) {
        if (i % 10 == 0)
            continue;
        settle(stage, i - 1, 0, WN_OUTCOME_DELIVERED);
        wn_spool_record_drop(
            &g_array_index(stage->records, WnSpoolRecord, i - 1));
        g_array_remove_index(stage->records, i - 1);
    }
    g_assert_cmpuint(stage->records->len, ==, N_MESSAGES / 10);
    wn_clock_fake_step(WN_OUTCOME_SYNC_MS);
    spin(stage);
}

static void
let_time_pass(Stage *stage, int64_t ms)
{
    for (int64_t passed = 0; passed < ms; passed += 500) {
        wn_clock_fake_step(500);
        spin(stage);
    }
}

static uint64_t
number_at(Stage *stage, guint record)
{
    g_autoptr(GError) error = NULL;
    WnSpoolContent content;
    uint64_t number;

    wn_spool_read(&g_array_index(stage->records, WnSpoolRecord, record),
        WN_SPOOL_WHOLE, &content, &error);
    g_assert_no_error(error);
    number = number_of(&content.header.id);
    wn_spool_content_clear(&content);
    return number;
}

static void
reopen(Stage *stage)
{
    close_spool(stage);
    stage->follow = false;
    open_spool(stage);
    scan(stage);
}

static void
test_goes_on(void)
{
    g_auto(Stage) stage = { 0 };

    stage_leftovers(&stage);
    let_time_pass(&stage, WN_SPOOL_COMPACT_AFTER_MS - 5000);
    g_assert_cmpuint(size_of_segment(&stage), ==, WN_SEGMENT_SIZE);
    settle(&stage, 0, 0, WN_OUTCOME_DEFERRED);
    let_time_pass(&stage, 10000);
    g_assert_cmpuint(size_of_segment(&stage), <, 2000);
    for (guint i = 0; i < stage.records->len; i++)
        g_assert_cmpuint(number_at(&stage, i), ==, 10 * (i + 1));
    settle(&stage, 1, 0, WN_OUTCOME_DELIVERED);
    settle(&stage, 2, 0, WN_OUTCOME_HELD);
    g_assert_cmpuint(wn_spool_n_unsettled(stage.spool), ==, 3);
    reopen(&stage);
    g_assert_cmpstr(stage.found->str, ==,
        "10[0:3:77:450 later] 30[0:3:77:450 later:held] 40[0] ");
    for (guint i = 0; i < stage.records->len; i++)
        settle(&stage, i, 0, WN_OUTCOME_DELIVERED);
    drop_records(&stage);
    let_time_pass(&stage, 2000);
    g_assert_cmpuint(n_files(&stage, "."), ==, 0);
}

/* What is left of what was left. */
static void
test_twice(void)
{
    g_auto(Stage) stage = { 0 };

    stage_leftovers(&stage);
    let_time_pass(&stage, WN_SPOOL_COMPACT_AFTER_MS + 5000);
    g_assert_cmpuint(number_at(&stage, 3), ==, 40);
    settle(&stage, 0, 0, WN_OUTCOME_DELIVERED);
    settle(&stage, 1, 0, WN_OUTCOME_DEFERRED);
    reopen(&stage);
    g_assert_cmpstr(stage.found->str, ==, "20[0:3:77:450 later] 30[0] 40[0] ");
    settle(&stage, 2, 0, WN_OUTCOME_DEFERRED);
    reopen(&stage);
    g_assert_cmpstr(stage.found->str, ==,
        "20[0:3:77:450 later] 30[0] 40[0:3:77:450 later] ");
}

/* The content that somebody looks at stays where it is. */
static void
test_waits_for_readers(void)
{
    g_auto(Stage) stage = { 0 };
    WnSpoolContent content;

    stage_leftovers(&stage);
    g_assert_true(wn_spool_read(&g_array_index(stage.records, WnSpoolRecord, 1),
        WN_SPOOL_WHOLE, &content, NULL));
    let_time_pass(&stage, WN_SPOOL_COMPACT_AFTER_MS + 30000);
    g_assert_cmpuint(size_of_segment(&stage), ==, WN_SEGMENT_SIZE);
    g_assert_cmpuint(content.wire.ptr[0], ==, 'b');
    settle(&stage, 1, 0, WN_OUTCOME_DELIVERED);
    wn_spool_content_clear(&content);
    wn_spool_record_drop(&g_array_index(stage.records, WnSpoolRecord, 1));
    g_array_remove_index(stage.records, 1);
    let_time_pass(&stage, 2000);
    g_assert_cmpuint(size_of_segment(&stage), <, 2000);
    reopen(&stage);
    g_assert_cmpstr(stage.found->str, ==, "10[0] 30[0] 40[0] ");
}

/* A message that is done with, but still held, is not pulled away. */
static void
test_waits_for_holders(void)
{
    g_auto(Stage) stage = { 0 };

    stage_leftovers(&stage);
    settle(&stage, 2, 0, WN_OUTCOME_BOUNCED);
    let_time_pass(&stage, WN_SPOOL_COMPACT_AFTER_MS + 10000);
    g_assert_cmpuint(size_of_segment(&stage), ==, WN_SEGMENT_SIZE);
    g_assert_cmpuint(number_at(&stage, 2), ==, 30);
    wn_spool_record_drop(&g_array_index(stage.records, WnSpoolRecord, 2));
    g_array_remove_index(stage.records, 2);
    let_time_pass(&stage, WN_SPOOL_COMPACT_AFTER_MS);
    g_assert_cmpuint(size_of_segment(&stage), <, 2000);
    reopen(&stage);
    g_assert_cmpstr(stage.found->str, ==, "10[0] 20[0] 40[0] ");
}

/* Nothing is left before the copy is: the segment goes as it is. */
static void
test_done_meanwhile(void)
{
    g_auto(Stage) stage = { 0 };
    WnSpoolContent content;

    stage_leftovers(&stage);
    g_assert_true(wn_spool_read(&g_array_index(stage.records, WnSpoolRecord, 1),
        WN_SPOOL_WHOLE, &content, NULL));
    let_time_pass(&stage, WN_SPOOL_COMPACT_AFTER_MS + 5000);
    wn_spool_content_clear(&content);
    for (guint i = 0; i < stage.records->len; i++)
        settle(&stage, i, 0, WN_OUTCOME_DELIVERED);
    drop_records(&stage);
    let_time_pass(&stage, 3000);
    g_assert_cmpuint(n_files(&stage, "."), ==, 0);
}

/* Damage is found while copying: nothing is touched, and nothing is lost. */
static void
test_damage(void)
{
    g_auto(Stage) stage = { 0 };

    stage_leftovers(&stage);
    patch_segment(&stage,
        g_array_index(stage.records, WnSpoolRecord, 1).offset + 200, 'x');
    let_time_pass(&stage, WN_SPOOL_COMPACT_AFTER_MS + 5000);
    g_assert_cmpuint(size_of_segment(&stage), ==, WN_SEGMENT_SIZE);
    reopen(&stage);
    g_assert_cmpstr(stage.found->str, ==, "10[0] 20![0] 30[0] 40[0] ");
    for (guint i = 0; i < stage.records->len; i++)
        settle(&stage, i, 0, WN_OUTCOME_DELIVERED);
    drop_records(&stage);
    let_time_pass(&stage, 3000);
    g_assert_cmpuint(n_files(&stage, "damaged"), ==, 2);
}

/* Put off for days: the log says it once. */
static void
test_log_stays_short(void)
{
    g_auto(Stage) stage = { 0 };
    g_autofree char *stem = NULL;
    g_autofree char *path = NULL;
    struct stat st;

    stage_leftovers(&stage);
    stem = g_strndup(stage.segment, strlen(stage.segment) - 4);
    path = g_strdup_printf("%s/%s.out", stage.folder.path, stem);
    for (int i = 0; i < 100000; i++)
        settle(&stage, (guint)i % 4, 0, WN_OUTCOME_DEFERRED);
    wn_clock_fake_step(1000);
    spin(&stage);
    g_assert_cmpint(stat(path, &st), ==, 0);
    g_assert_cmpint(st.st_size, <, 10000);
    reopen(&stage);
    g_assert_cmpstr(stage.found->str, ==,
        "10[0:3:77:450 later] 20[0:3:77:450 later] 30[0:3:77:450 later] "
        "40[0:3:77:450 later] ");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    wn_log_set_level(WN_LEVEL_ERROR);
    g_test_add_func("/queue/spool_compact/goes-on", test_goes_on);
    g_test_add_func("/queue/spool_compact/twice", test_twice);
    g_test_add_func("/queue/spool_compact/waits-for-readers",
        test_waits_for_readers);
    g_test_add_func("/queue/spool_compact/waits-for-holders",
        test_waits_for_holders);
    g_test_add_func("/queue/spool_compact/done-meanwhile", test_done_meanwhile);
    g_test_add_func("/queue/spool_compact/damage", test_damage);
    g_test_add_func("/queue/spool_compact/log-stays-short",
        test_log_stays_short);
    return g_test_run();
}
