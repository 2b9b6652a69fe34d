/* SPDX-License-Identifier: MIT */
#include "core/queue/spool_check.h"

#include "t/unit/queue_spool_stage.h"

#include <sys/file.h>

/* What a check said: "[aside] kind live/done damaged error repaired" of each
 * file. */
static void
on_file(void *user, const WnSpoolFile *file)
{
    g_string_append_printf(user,
        "%s%d %" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT,
        file->aside ? "aside " : "", (int)file->kind, file->n_live,
        file->n_done);
    for (guint i = 0; i < file->damages->len; i++)
        g_string_append_printf(user, " %d",
            (int)number_of(&g_array_index(file->damages, WnSpoolDamage, i).id));
    g_string_append_printf(user, "%s%s%s%s%s; ",
        file->has_writer ? " open" : "",
        file->outcomes_damaged ? " outcomes" : "",
        file->error != NULL ? " error" : "",
        wn_spool_file_is_wrong(file) ? " wrong" : "",
        file->repaired ? " repaired" : "");
}

static char *
check(Stage *stage, WnSpoolCheckMode mode)
{
    g_autoptr(GError) error = NULL;
    GString *said = g_string_new(NULL);

    wn_spool_check(stage->folder.path, mode, on_file, said, &error);
    g_assert_no_error(error);
    return g_string_free(said, FALSE);
}

static void
assert_check(Stage *stage, WnSpoolCheckMode mode, const char *expected)
{
    g_autofree char *said = check(stage, mode);

    g_assert_cmpstr(said, ==, expected);
}

static void
add_file(Stage *stage, const char *name, const char *content)
{
    g_autofree char *path = g_build_filename(stage->folder.path, name, NULL);

    g_assert_true(g_file_set_contents(path, content, -1, NULL));
}

static void
test_healthy(void)
{
    g_auto(Stage) stage = { 0 };

    stage_init(&stage);
    assert_check(&stage, WN_SPOOL_LOOK, "");
    stage.follow = true;
    append(&stage, 1, 5, 2);
    settle(&stage, 0, 0, WN_OUTCOME_DELIVERED);
    settle(&stage, 0, 1, WN_OUTCOME_BOUNCED);
    settle(&stage, 1, 1, WN_OUTCOME_DELIVERED);
    wn_spool_flush(stage.spool);
    /* Beside the processes that work on it. */
    assert_check(&stage, WN_SPOOL_LOOK, "0 4/1 open; ");
    close_spool(&stage);
    g_clear_pointer(&stage.journal, wn_journal_free);
    assert_check(&stage, WN_SPOOL_LOOK, "0 4/1; ");
    assert_check(&stage, WN_SPOOL_REPAIR, "0 4/1; ");
}

static void
test_files(void)
{
    g_auto(Stage) stage = { 0 };
    g_autofree char *folder = NULL;

    stage_init(&stage);
    add_file(&stage, "a-0000000000000001.seg", "nothing of a segment");
    add_file(&stage, "b-0000000000000001.seg.new", "");
    add_file(&stage, "c-0000000000000001.out", "");
    add_file(&stage, "d.txt", "");
    folder = g_build_filename(stage.folder.path, "e-0000000000000001.seg",
        NULL);
    g_assert_cmpint(g_mkdir_with_parents(folder, 0700), ==, 0);
    assert_check(&stage, WN_SPOOL_LOOK,
        "1 0/0 error wrong; 2 0/0; 2 0/0; 3 0/0 wrong; 1 0/0 error wrong; ");
    assert_check(&stage, WN_SPOOL_REPAIR,
        "1 0/0 error wrong repaired; 2 0/0; 2 0/0; 3 0/0 wrong; "
        "1 0/0 error wrong; aside 1 0/0 error wrong; ");
    g_assert_cmpuint(n_files(&stage, "damaged"), ==, 1);
}

/* What can be read goes on, what cannot is kept. */
static void
test_repair(void)
{
    g_auto(Stage) stage = { 0 };

    stage_init(&stage);
    stage.follow = true;
    append(&stage, 1, 5, 1);
    settle(&stage, 0, 0, WN_OUTCOME_DELIVERED);
    settle(&stage, 3, 0, WN_OUTCOME_DEFERRED);
    patch_segment(&stage,
        g_array_index(stage.records, WnSpoolRecord, 2).offset + 200, 'x');
    close_spool(&stage);
    g_clear_pointer(&stage.journal, wn_journal_free);
    assert_check(&stage, WN_SPOOL_LOOK, "0 3/1 3 wrong; ");
    assert_check(&stage, WN_SPOOL_REPAIR,
        "0 3/1 3 wrong repaired; aside 0 3/1 3 wrong; ");
    assert_check(&stage, WN_SPOOL_LOOK, "0 3/0; aside 0 3/1 3 wrong; ");
    g_assert_cmpuint(n_files(&stage, "damaged"), ==, 2);
    stage.follow = false;
    open_spool(&stage);
    scan(&stage);
    g_assert_cmpstr(stage.found->str, ==, "2[0] 4[0:3:77:450 later] 5[0] ");
    drop_records(&stage);
}

static void
test_damaged_outcomes(void)
{
    g_auto(Stage) stage = { 0 };
    g_autofree char *stem = NULL;
    g_autofree char *path = NULL;
    FILE *file;

    stage_init(&stage);
    stage.follow = true;
    append(&stage, 1, 3, 1);
    for (guint i = 0; i < 3; i++)
        settle(&stage, i, 0, WN_OUTCOME_DELIVERED);
    wn_spool_flush(stage.spool);
    stem = g_strndup(stage.segment, strlen(stage.segment) - 4);
    path = g_strdup_printf("%s/%s.out", stage.folder.path, stem);
    file = fopen(path, "r+");
    g_assert_nonnull(file);
    g_assert_cmpint(fseek(file, 70, SEEK_SET), ==, 0);
    g_assert_cmpint(fputc('x', file), ==, 'x');
    g_assert_cmpint(fclose(file), ==, 0);
    assert_check(&stage, WN_SPOOL_LOOK, "0 1/2 open outcomes wrong; ");
}

static void
test_refuses_beside_a_queue(void)
{
    g_auto(Stage) stage = { 0 };
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) said = g_string_new(NULL);
    g_autofree char *path = NULL;
    FILE *lock;

    stage_init(&stage);
    path = g_build_filename(stage.folder.path, "queue.lock", NULL);
    lock = fopen(path, "w");
    g_assert_nonnull(lock);
    g_assert_cmpint(flock(fileno(lock), LOCK_EX), ==, 0);
    g_assert_false(wn_spool_check(stage.folder.path, WN_SPOOL_REPAIR, on_file,
        said, &error));
    g_assert_nonnull(strstr(error->message, "stop winnowd"));
    fclose(lock);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    wn_log_set_level(WN_LEVEL_ERROR);
    g_test_add_func("/queue/spool_check/healthy", test_healthy);
    g_test_add_func("/queue/spool_check/files", test_files);
    g_test_add_func("/queue/spool_check/repair", test_repair);
    g_test_add_func("/queue/spool_check/damaged-outcomes",
        test_damaged_outcomes);
    g_test_add_func("/queue/spool_check/refuses-beside-a-queue",
        test_refuses_beside_a_queue);
    return g_test_run();
}
