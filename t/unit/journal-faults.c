/* SPDX-License-Identifier: MIT */

/*
 * The journal on a file system whose every step can fail.
 */

#include "core/journal/writer.h"

#include "core/base/clock.h"
#include "t/unit/journal-fixture.h"

#define MESSAGE WN_SPAN("Subject: test\r\n\r\nbody\r\n")

typedef struct FaultCase {
    const char *name;
    Step step;
    int countdown; /* which one fails, from the first append on */
    int errnum;
    guint n_failed; /* of three appends in turns of their own */
    WnCommit result;
} FaultCase;

/* Making a segment takes one write and one sync; a record another of each. */
static const FaultCase fault_cases[] = {
    { "create-eio", STEP_CREATE, 1, EIO, 1, WN_COMMIT_FAILED },
    { "create-enospc", STEP_CREATE, 1, ENOSPC, 1, WN_COMMIT_NO_SPACE },
    { "create-emfile", STEP_CREATE, 1, EMFILE, 1, WN_COMMIT_FAILED },
    { "allocate-enospc", STEP_ALLOCATE, 1, ENOSPC, 1, WN_COMMIT_NO_SPACE },
    { "allocate-edquot", STEP_ALLOCATE, 1, EDQUOT, 1, WN_COMMIT_NO_SPACE },
    { "header-eio", STEP_WRITE, 1, EIO, 1, WN_COMMIT_FAILED },
    { "header-enospc", STEP_WRITE, 1, ENOSPC, 1, WN_COMMIT_NO_SPACE },
    { "make-sync-eio", STEP_SYNC, 1, EIO, 1, WN_COMMIT_FAILED },
    { "make-sync-enospc", STEP_SYNC, 1, ENOSPC, 1, WN_COMMIT_NO_SPACE },
    { "link-eio", STEP_LINK, 1, EIO, 1, WN_COMMIT_FAILED },
    { "link-enospc", STEP_LINK, 1, ENOSPC, 1, WN_COMMIT_NO_SPACE },
    { "folder-eio", STEP_SYNC_FOLDER, 1, EIO, 1, WN_COMMIT_FAILED },
    { "folder-enospc", STEP_SYNC_FOLDER, 1, ENOSPC, 1, WN_COMMIT_NO_SPACE },
    { "record-eio", STEP_WRITE, 2, EIO, 1, WN_COMMIT_FAILED },
    { "record-enospc", STEP_WRITE, 2, ENOSPC, 1, WN_COMMIT_NO_SPACE },
    { "record-edquot", STEP_WRITE, 3, EDQUOT, 1, WN_COMMIT_NO_SPACE },
    { "sync-eio", STEP_SYNC, 2, EIO, 1, WN_COMMIT_FAILED },
    { "sync-enospc", STEP_SYNC, 2, ENOSPC, 1, WN_COMMIT_NO_SPACE },
    { "sync-edquot", STEP_SYNC, 3, EDQUOT, 1, WN_COMMIT_NO_SPACE },
};

/* One fault anywhere: its message is refused and cannot be found afterwards;
 * the others are committed and can. */
static void
test_one_fault(const void *data)
{
    const FaultCase *fault = data;
    g_auto(Rig) rig;
    guint n_failed = 0;

    rig_init(&rig);
    faulty_fail(&rig.faulty, fault->step, fault->countdown, fault->errnum);
    for (guint i = 0; i < 3; i++) {
        rig_append(&rig, MESSAGE);
        rig_await(&rig, i + 1);
    }
    rig_check_order(&rig, 3);
    {
        g_auto(Found) found = recover_all(&rig.folder);

        for (guint i = 0; i < 3; i++) {
            WnCommit result = rig_result(&rig, i);

            g_assert_cmpint(found_has(&found, i), ==,
                result == WN_COMMIT_DURABLE);
            if (result != WN_COMMIT_DURABLE) {
                g_assert_cmpint(result, ==, fault->result);
                n_failed++;
            }
        }
        g_assert_cmpuint(found.n_damaged, ==, 0);
    }
    g_assert_cmpuint(n_failed, ==, fault->n_failed);
    g_assert_false(wn_journal_is_suspect(rig.journal));
    wn_segment_sweep(rig.folder.path); /* nothing is left half made */
}

/* A failed sync fails the whole group and all that was appended meanwhile; it
 * is never tried again, and what was durable before stays so. */
static void
test_failed_sync_fails_group(void)
{
    g_auto(Rig) rig;
    g_autofree char *segment = NULL;
    const char *current;
    uint64_t durable;
    unsigned n_syncs;

    rig_init(&rig);
    rig_append(&rig, MESSAGE);
    rig_await(&rig, 1);
    g_assert_true(wn_journal_position(rig.journal, &current, &durable));
    segment = g_strdup(current);
    n_syncs = faulty_n_syncs(&rig.faulty);
    faulty_hold(&rig.faulty, true);
    faulty_fail(&rig.faulty, STEP_SYNC, 1, EIO);
    rig_append(&rig, MESSAGE);
    wn_loop_turn(rig.loop);
    faulty_await_syncs(&rig.faulty, n_syncs + 1);
    rig_append(&rig, MESSAGE);
    rig_append(&rig, MESSAGE);
    faulty_hold(&rig.faulty, false);
    rig_await(&rig, 4);
    rig_append(&rig, MESSAGE);
    rig_await(&rig, 5);
    rig_check_order(&rig, 5);
    for (guint i = 0; i < 5; i++)
        g_assert_cmpint(rig_result(&rig, i), ==,
            i == 0 || i == 4 ? WN_COMMIT_DURABLE : WN_COMMIT_FAILED);
    g_assert_cmpuint(rig.faulty.n_syncs_after_failure, ==, 0);
    g_assert_cmpuint(rig.n_sealed, ==, 1);
    g_assert_true(wn_journal_position(rig.journal, &current, &durable));
    g_assert_cmpstr(current, !=, segment);
    {
        g_auto(Found) found = recover_all(&rig.folder);

        g_assert_cmpuint(found.numbers->len, ==, 2);
        g_assert_true(found_has(&found, 0));
        g_assert_true(found_has(&found, 4));
    }
}

/* A write that fails does not take back what a sync under way makes durable. */
static void
test_failed_write_during_sync(void)
{
    g_auto(Rig) rig;
    unsigned n_syncs;

    rig_init(&rig);
    rig_append(&rig, MESSAGE);
    n_syncs = faulty_n_syncs(&rig.faulty);
    faulty_hold(&rig.faulty, true);
    wn_loop_turn(rig.loop);
    faulty_await_syncs(&rig.faulty, n_syncs + 1);
    rig_append(&rig, MESSAGE);
    faulty_fail(&rig.faulty, STEP_WRITE, 1, ENOSPC);
    rig_append(&rig, MESSAGE);
    faulty_hold(&rig.faulty, false);
    rig_await(&rig, 3);
    rig_check_order(&rig, 3);
    g_assert_cmpint(rig_result(&rig, 0), ==, WN_COMMIT_DURABLE);
    g_assert_cmpint(rig_result(&rig, 1), ==, WN_COMMIT_NO_SPACE);
    g_assert_cmpint(rig_result(&rig, 2), ==, WN_COMMIT_NO_SPACE);
    g_assert_cmpuint(faulty_n_syncs(&rig.faulty), ==, n_syncs + 1);
    {
        g_auto(Found) found = recover_all(&rig.folder);

        g_assert_cmpuint(found.numbers->len, ==, 1);
    }
}

static void
fail_three(Rig *rig, int errnum)
{
    rig->faulty.sticky = true;
    faulty_fail(&rig->faulty, STEP_SYNC, 1, errnum);
    for (guint i = 0; i < WN_JOURNAL_SUSPECT_AFTER; i++) {
        g_assert_false(wn_journal_is_suspect(rig->journal));
        rig_append(rig, MESSAGE);
        rig_await(rig, rig->told->len + 1);
    }
}

static void
test_suspect_until_commit(void)
{
    g_auto(Rig) rig;

    rig_init(&rig);
    fail_three(&rig, EIO);
    g_assert_true(wn_journal_is_suspect(rig.journal));
    faulty_fail(&rig.faulty, STEP_NONE, 0, 0);
    rig_append(&rig, MESSAGE);
    rig_await(&rig, WN_JOURNAL_SUSPECT_AFTER + 1);
    g_assert_false(wn_journal_is_suspect(rig.journal));
}

/* No message comes while it is suspect: it finds out by itself. */
static void
test_suspect_until_probe(void)
{
    g_auto(Rig) rig;

    wn_clock_fake(1000000, 1800000000000);
    rig_init(&rig);
    fail_three(&rig, EIO);
    wn_clock_fake_step(WN_JOURNAL_PROBE_MS + 1);
    for (int i = 0; i < 3; i++)
        wn_loop_turn(rig.loop);
    g_assert_true(wn_journal_is_suspect(rig.journal)); /* still failing */
    faulty_fail(&rig.faulty, STEP_NONE, 0, 0);
    for (int i = 0; wn_journal_is_suspect(rig.journal); i++) {
        g_assert_cmpint(i, <, 100);
        wn_clock_fake_step(WN_JOURNAL_PROBE_MS + 1);
        wn_loop_turn(rig.loop);
    }
}

static void
test_no_space_is_not_suspect(void)
{
    g_auto(Rig) rig;

    rig_init(&rig);
    fail_three(&rig, ENOSPC);
    g_assert_false(wn_journal_is_suspect(rig.journal));
    g_assert_cmpint(rig_result(&rig, 2), ==, WN_COMMIT_NO_SPACE);
}

/* The sync fails when its segment has already been given up for the next: it
 * is not sealed over, which would sync it once more and make it look whole. */
static void
test_failed_sync_of_full_segment(void)
{
    g_auto(Rig) rig;
    g_autofree char *body = g_malloc0(50 << 20);
    unsigned n_syncs;

    rig_init(&rig);
    rig_append(&rig, wn_span(body, 50 << 20)); /* has a spare made */
    rig_await(&rig, 1);
    for (guint n_segments = 0; n_segments < 2; wn_loop_turn(rig.loop)) {
        g_autoptr(GPtrArray) names = segment_names(&rig.folder);

        n_segments = names->len;
    }
    n_syncs = faulty_n_syncs(&rig.faulty);
    faulty_hold(&rig.faulty, true);
    rig_append(&rig, MESSAGE);
    wn_loop_turn(rig.loop);
    faulty_await_syncs(&rig.faulty, n_syncs + 1);
    faulty_fail(&rig.faulty, STEP_SYNC, 1, EIO);
    rig_append(&rig, MESSAGE);
    rig_append(&rig, wn_span(body, 50 << 20)); /* goes to the spare */
    g_assert_cmpuint(faulty_n_syncs(&rig.faulty), ==, n_syncs + 1);
    faulty_hold(&rig.faulty, false);
    rig_await(&rig, 4);
    rig_check_order(&rig, 4);
    for (guint i = 0; i < 4; i++)
        g_assert_cmpint(rig_result(&rig, i), ==,
            i == 0 || i == 3 ? WN_COMMIT_DURABLE : WN_COMMIT_FAILED);
    g_assert_cmpuint(rig.faulty.n_syncs_after_failure, ==, 0);
    {
        g_auto(Found) found = recover_all(&rig.folder);

        g_assert_cmpuint(found.numbers->len, ==, 2);
        g_assert_true(found_has(&found, 0));
        g_assert_true(found_has(&found, 3));
    }
}

/* The last sync fails while the journal is being freed. */
static void
test_failed_sync_at_free(void)
{
    g_auto(Rig) rig;
    WnId id = id_of(1);

    rig_init(&rig);
    rig_append(&rig, MESSAGE);
    rig_await(&rig, 1);
    faulty_fail(&rig.faulty, STEP_SYNC, 1, EIO);
    wn_journal_append(rig.journal, &id, WN_SPAN("e"),
        &(WnAppendBody){ .span = MESSAGE, .fd = -1 }, NULL, NULL);
    g_clear_pointer(&rig.journal, wn_journal_free);
    g_assert_cmpuint(rig.faulty.n_syncs_after_failure, ==, 0);
    {
        g_auto(Found) found = recover_all(&rig.folder);

        g_assert_cmpuint(found.numbers->len, ==, 1);
        g_assert_true(found_has(&found, 0));
        g_assert_cmpint(found.n_damaged, ==, 0);
    }
}

/* What is durable stays so whatever close() says; the next segment begins. */
static void
test_failed_close(void)
{
    g_auto(Rig) rig;
    g_autofree char *body = g_malloc0(40 << 20);

    rig_init(&rig);
    faulty_fail(&rig.faulty, STEP_CLOSE, 1, EDQUOT);
    rig_append(&rig, wn_span(body, 40 << 20));
    rig_append(&rig, wn_span(body, 40 << 20));
    rig_await(&rig, 2);
    rig_check_order(&rig, 2);
    g_assert_cmpint(rig_result(&rig, 0), ==, WN_COMMIT_DURABLE);
    g_assert_cmpint(rig_result(&rig, 1), ==, WN_COMMIT_DURABLE);
    g_assert_cmpuint(rig.n_sealed, ==, 1);
}

static void
await_segments(Rig *rig, guint n)
{
    for (int turns = 0;; turns++) {
        g_autoptr(GPtrArray) names = segment_names(&rig->folder);

        if (names->len == n)
            return;
        g_assert_cmpint(turns, <, 2000);
        wn_loop_turn(rig->loop);
        g_usleep(100);
    }
}

/* What is made ahead takes a message when nothing more can be made: the queue
 * can report on a full disk. */
static void
test_kept_ready(void)
{
    g_auto(Rig) rig;

    rig_init(&rig);
    wn_journal_keep_ready(rig.journal);
    await_segments(&rig, 1);
    rig.faulty.sticky = true;
    faulty_fail(&rig.faulty, STEP_ALLOCATE, 1, ENOSPC);
    rig_append(&rig, MESSAGE);
    rig_await(&rig, 1);
    g_assert_cmpint(rig_result(&rig, 0), ==, WN_COMMIT_DURABLE);
}

/* Where there is no room at first, it is tried until there is. */
static void
test_kept_ready_later(void)
{
    g_auto(Rig) rig;

    wn_clock_fake(1000000, 1800000000000);
    rig_init(&rig);
    rig.faulty.sticky = true;
    faulty_fail(&rig.faulty, STEP_ALLOCATE, 1, ENOSPC);
    wn_journal_keep_ready(rig.journal);
    for (int i = 0; i < 3; i++) {
        wn_clock_fake_step(WN_JOURNAL_PROBE_MS + 1);
        wn_loop_turn(rig.loop);
    }
    await_segments(&rig, 0);
    faulty_fail(&rig.faulty, STEP_NONE, 0, 0);
    for (int i = 0; i < 20; i++) {
        wn_clock_fake_step(WN_JOURNAL_PROBE_MS + 1);
        wn_loop_turn(rig.loop);
        g_usleep(1000);
    }
    await_segments(&rig, 1);
    faulty_fail(&rig.faulty, STEP_ALLOCATE, 1, ENOSPC);
    rig_append(&rig, MESSAGE);
    rig_await(&rig, 1);
    g_assert_cmpint(rig_result(&rig, 0), ==, WN_COMMIT_DURABLE);
}

static void
add_fault_cases(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(fault_cases); i++) {
        g_autofree char *path = g_strconcat("/journal/faults/one/",
            fault_cases[i].name, NULL);

        g_test_add_data_func(path, &fault_cases[i], test_one_fault);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add_fault_cases();
    g_test_add_func("/journal/faults/failed-sync",
        test_failed_sync_fails_group);
    g_test_add_func("/journal/faults/failed-write-during-sync",
        test_failed_write_during_sync);
    g_test_add_func("/journal/faults/failed-sync-of-full-segment",
        test_failed_sync_of_full_segment);
    g_test_add_func("/journal/faults/failed-sync-at-free",
        test_failed_sync_at_free);
    g_test_add_func("/journal/faults/failed-close", test_failed_close);
    g_test_add_func("/journal/faults/suspect-until-commit",
        test_suspect_until_commit);
    g_test_add_func("/journal/faults/no-space-is-not-suspect",
        test_no_space_is_not_suspect);
    g_test_add_func("/journal/faults/kept-ready", test_kept_ready);
    /* Sets the clock for the rest of the program. */
    g_test_add_func("/journal/faults/suspect-until-probe",
        test_suspect_until_probe);
    g_test_add_func("/journal/faults/kept-ready-later", test_kept_ready_later);
    return g_test_run();
}
