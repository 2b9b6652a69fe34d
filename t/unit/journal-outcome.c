/* SPDX-License-Identifier: MIT */
#include "core/journal/outcome.h"

#include "t/unit/journal-fixture.h"

#include <fcntl.h>
#include <sys/stat.h>

/* A segment and what its outcome log told when it was opened. */
typedef struct Bench {
    Folder folder;
    WnSegmentName segment;
    char *path; /* of the outcome log */
    GString *told;
} Bench;

static void
bench_init(Bench *self)
{
    g_autoptr(GError) error = NULL;

    self->folder = folder_make();
    self->told = g_string_new(NULL);
    wn_fd_close(wn_segment_create(self->folder.path, "w", WN_SEGMENT_SIZE,
        &self->segment, &error));
    g_assert_no_error(error);
    self->path = g_strdup_printf("%s/%.*s.out", self->folder.path,
        (int)strlen(self->segment.text) - 4, self->segment.text);
}

static void
bench_clear(Bench *self)
{
    g_string_free(self->told, TRUE);
    g_free(self->path);
    folder_clear(&self->folder);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Bench, bench_clear)

static void
on_outcome(void *user, const WnOutcome *outcome)
{
    g_string_append_printf(user,
        "%d %" G_GUINT64_FORMAT "/%u #%u at %" G_GINT64_FORMAT
        " next %" G_GINT64_FORMAT " <%.*s>\n",
        (int)outcome->kind, outcome->offset, outcome->recipient,
        outcome->attempts, outcome->at, outcome->next_attempt,
        (int)outcome->reply.len, outcome->reply.ptr);
}

static WnOutcomeLog *
bench_open(Bench *self)
{
    g_autoptr(GError) error = NULL;
    WnOutcomeLog *log;

    g_string_truncate(self->told, 0);
    log = wn_outcome_log_open(self->folder.path, self->segment.text, on_outcome,
        self->told, &error);
    g_assert_no_error(error);
    return log;
}

static void
bench_read(Bench *self)
{
    wn_outcome_log_free(bench_open(self));
}

static void
deliver(WnOutcomeLog *log, uint64_t offset, const char *reply)
{
    wn_outcome_log_append(log, &(WnOutcome){ .kind = WN_OUTCOME_DELIVERED,
                                   .offset = offset,
                                   .at = 5,
                                   .reply = wn_span_str(reply) });
}

static unsigned
count_lines(const GString *text)
{
    unsigned n = 0;

    for (gsize i = 0; i < text->len; i++)
        n += text->str[i] == '\n';
    return n;
}

static void
test_final(void)
{
    static const struct {
        WnOutcomeKind kind;
        bool final;
    } cases[] = {
        { WN_OUTCOME_DELIVERED, true },
        { WN_OUTCOME_DEFERRED, false },
        { WN_OUTCOME_BOUNCED, true },
        { WN_OUTCOME_EXPIRED, true },
        { WN_OUTCOME_DELETED, true },
        { WN_OUTCOME_HELD, false },
        { WN_OUTCOME_RELEASED, false },
        { WN_OUTCOME_DELAY_NOTED, false },
        { WN_OUTCOME_RELAYED, false },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        g_assert_cmpint(wn_outcome_is_final(cases[i].kind), ==, cases[i].final);
}

static void
test_round_trip(void)
{
    g_auto(Bench) bench;

    bench_init(&bench);
    {
        g_autoptr(WnOutcomeLog) log = bench_open(&bench);

        g_assert_cmpstr(bench.told->str, ==, "");
        g_assert_false(wn_outcome_log_is_dirty(log));
        wn_outcome_log_append(log, &(WnOutcome){ .kind = WN_OUTCOME_DEFERRED,
                                       .offset = 64,
                                       .recipient = 3,
                                       .attempts = 2,
                                       .at = 1800000000,
                                       .next_attempt = 1800000900,
                                       .reply = WN_SPAN("450 4.2.0 later") });
        deliver(log, 4096, "");
        g_assert_true(wn_outcome_log_is_dirty(log));
    }
    {
        g_autoptr(WnOutcomeLog) log = bench_open(&bench);

        g_assert_cmpstr(bench.told->str, ==,
            "2 64/3 #2 at 1800000000 next 1800000900 <450 4.2.0 later>\n"
            "1 4096/0 #0 at 5 next 0 <>\n");
        deliver(log, 8192, "250 ok");
    }
    bench_read(&bench);
    g_assert_cmpuint(count_lines(bench.told), ==, 3);
}

static void
test_flush(void)
{
    g_auto(Bench) bench;
    g_autoptr(WnOutcomeLog) log = NULL;
    g_autoptr(GError) error = NULL;
    struct stat st;

    bench_init(&bench);
    log = bench_open(&bench);
    deliver(log, 64, "250 ok");
    g_assert_cmpint(stat(bench.path, &st), ==, 0);
    g_assert_cmpint(st.st_size, ==, 0);
    g_assert_true(wn_outcome_log_flush(log, false, &error));
    g_assert_cmpint(stat(bench.path, &st), ==, 0);
    g_assert_cmpint(st.st_size, ==, 56);
    g_assert_true(wn_outcome_log_is_dirty(log)); /* not synced yet */
    deliver(log, 128, "250 ok");
    g_assert_true(wn_outcome_log_flush(log, true, &error));
    g_assert_false(wn_outcome_log_is_dirty(log));
    g_assert_true(wn_outcome_log_flush(log, true, &error));
    g_assert_cmpint(stat(bench.path, &st), ==, 0);
    g_assert_cmpint(st.st_size, ==, 112);
}

/* A failed write or sync loses nothing: all is written again, and synced, by
 * the next flush. */
static void
test_failures(void)
{
    static const struct {
        const char *name;
        Step step;
        int errnum;
    } cases[] = {
        { "write-enospc", STEP_WRITE, ENOSPC },
        { "write-eio", STEP_WRITE, EIO },
        { "sync-eio", STEP_SYNC, EIO },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Bench) bench;
        g_autoptr(GError) error = NULL;
        Faulty faulty;
        unsigned n_writes;

        g_test_message("%s", cases[i].name);
        bench_init(&bench);
        faulty_init(&faulty);
        {
            g_autoptr(WnOutcomeLog) log = bench_open(&bench);

            wn_outcome_log_set_io(log, &faulty.io);
            deliver(log, 64, "250 first");
            g_assert_true(wn_outcome_log_flush(log, true, NULL));
            deliver(log, 128, "250 second");
            faulty_fail(&faulty, cases[i].step, 1, cases[i].errnum);
            g_assert_false(wn_outcome_log_flush(log, true, &error));
            g_assert_error(error, WN_JOURNAL_ERROR, cases[i].errnum);
            g_assert_true(wn_outcome_log_is_dirty(log));
            n_writes = faulty.n_writes;
            g_assert_true(wn_outcome_log_flush(log, true, NULL));
            g_assert_cmpuint(faulty.n_writes, ==, n_writes + 1);
            g_assert_false(wn_outcome_log_is_dirty(log));
            deliver(log, 192, "250 third");
        }
        bench_read(&bench);
        g_assert_cmpstr(bench.told->str, ==,
            "1 64/0 #0 at 5 next 0 <250 first>\n"
            "1 128/0 #0 at 5 next 0 <250 second>\n"
            "1 192/0 #0 at 5 next 0 <250 third>\n");
    }
}

static void
test_long_reply_is_cut(void)
{
    g_auto(Bench) bench;
    g_autofree char *reply = g_strnfill(100000, 'r');

    bench_init(&bench);
    {
        g_autoptr(WnOutcomeLog) log = bench_open(&bench);

        deliver(log, 64, reply);
        deliver(log, 128, "250 ok");
    }
    bench_read(&bench);
    g_assert_cmpuint(count_lines(bench.told), ==, 2);
    g_assert_cmpuint(bench.told->len, <, 700);
    g_assert_cmpuint(bench.told->len, >, 512);
}

/* Fills the log with n outcomes whose replies differ in length. */
static void
fill(Bench *bench, unsigned n)
{
    g_autoptr(WnOutcomeLog) log = bench_open(bench);

    for (unsigned i = 0; i < n; i++) {
        g_autofree char *reply = g_strnfill(i * 7 % 513, 'r');

        deliver(log, 64 + 8 * i, reply);
    }
}

/* Longer than what is read at once. */
static void
test_many(void)
{
    g_auto(Bench) bench;

    bench_init(&bench);
    fill(&bench, 2000);
    bench_read(&bench);
    g_assert_cmpuint(count_lines(bench.told), ==, 2000);
}

/* Cut anywhere, with or without zeros behind: a prefix is told, and what is
 * appended then is found behind it. */
static void
test_cut_anywhere(void)
{
    static const size_t lens[] = { 48, 56, 64, 72, 80 }; /* i * 7 % 513 */
    g_auto(Bench) bench;
    g_autofree char *whole = NULL;
    gsize len;

    bench_init(&bench);
    fill(&bench, G_N_ELEMENTS(lens));
    g_assert_true(g_file_get_contents(bench.path, &whole, &len, NULL));
    for (gsize cut = 0; cut <= len; cut++) {
        unsigned complete = 0;
        wn_autofd fd = open(bench.path, O_RDWR | O_CLOEXEC);

        g_assert_cmpint(ftruncate(fd, 0), ==, 0);
        g_assert_true(wn_fd_pwrite_all(fd, wn_span(whole, cut), 0));
        if (cut % 2)
            g_assert_cmpint(ftruncate(fd, (off_t)cut + 100), ==, 0);
        {
            g_autoptr(WnOutcomeLog) log = bench_open(&bench);

            complete = count_lines(bench.told);
            deliver(log, 999, "250 behind");
        }
        bench_read(&bench);
        g_assert_cmpuint(count_lines(bench.told), ==, complete + 1);
        g_assert_nonnull(strstr(bench.told->str, "250 behind"));
        /* No record is lost that is wholly there. */
        for (gsize end = 0, i = 0; i < G_N_ELEMENTS(lens); i++) {
            end += lens[i];
            g_assert_true(end > cut || complete > i);
        }
    }
}

static void
test_flip_anywhere(void)
{
    g_auto(Bench) bench;
    g_autofree char *whole = NULL;
    gsize len;

    bench_init(&bench);
    fill(&bench, 4);
    g_assert_true(g_file_get_contents(bench.path, &whole, &len, NULL));
    for (gsize bit = 0; bit < len * 8; bit++) {
        wn_autofd fd = open(bench.path, O_RDWR | O_CLOEXEC);
        unsigned n;

        whole[bit / 8] ^= (char)(1 << bit % 8);
        g_assert_true(wn_fd_pwrite_all(fd, wn_span(whole, len), 0));
        whole[bit / 8] ^= (char)(1 << bit % 8);
        bench_read(&bench);
        n = count_lines(bench.told);
        g_assert_cmpuint(n, >=, 3); /* 4: in the padding */
        g_assert_cmpuint(n, <=, 4);
    }
}

/* The log of another segment, under this one's name, says nothing. */
static void
test_other_segment(void)
{
    g_auto(Bench) bench;
    g_auto(Bench) other;
    g_autofree char *whole = NULL;
    gsize len;

    bench_init(&bench);
    bench_init(&other);
    fill(&other, 3);
    g_assert_true(g_file_get_contents(other.path, &whole, &len, NULL));
    g_assert_true(g_file_set_contents(bench.path, whole, (gssize)len, NULL));
    bench_read(&bench);
    g_assert_cmpuint(count_lines(bench.told), ==, 0);
}

static void
test_one_owner(void)
{
    g_auto(Bench) bench;
    g_autoptr(WnOutcomeLog) log = NULL;
    g_autoptr(GError) error = NULL;

    bench_init(&bench);
    log = bench_open(&bench);
    g_assert_null(wn_outcome_log_open(bench.folder.path, bench.segment.text,
        on_outcome, bench.told, &error));
    g_assert_error(error, WN_JOURNAL_ERROR, EAGAIN);
}

static void
test_no_segment(void)
{
    g_auto(Bench) bench;
    g_autoptr(GError) error = NULL;

    bench_init(&bench);
    g_assert_null(wn_outcome_log_open(bench.folder.path, "w-0.seg", on_outcome,
        bench.told, &error));
    g_assert_error(error, WN_JOURNAL_ERROR, ENOENT);
}

static void
test_delete_segment(void)
{
    g_auto(Bench) bench;
    g_autoptr(GError) error = NULL;
    g_autofree char *segment = NULL;

    bench_init(&bench);
    fill(&bench, 1);
    segment = g_build_filename(bench.folder.path, bench.segment.text, NULL);
    for (int times = 0; times < 2; times++) {
        g_assert_true(wn_outcome_log_delete_segment(bench.folder.path,
            bench.segment.text, &error));
        g_assert_false(g_file_test(segment, G_FILE_TEST_EXISTS));
        g_assert_false(g_file_test(bench.path, G_FILE_TEST_EXISTS));
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/journal/outcome/final", test_final);
    g_test_add_func("/journal/outcome/round-trip", test_round_trip);
    g_test_add_func("/journal/outcome/flush", test_flush);
    g_test_add_func("/journal/outcome/failures", test_failures);
    g_test_add_func("/journal/outcome/long-reply", test_long_reply_is_cut);
    g_test_add_func("/journal/outcome/many", test_many);
    g_test_add_func("/journal/outcome/cut-anywhere", test_cut_anywhere);
    g_test_add_func("/journal/outcome/flip-anywhere", test_flip_anywhere);
    g_test_add_func("/journal/outcome/other-segment", test_other_segment);
    g_test_add_func("/journal/outcome/one-owner", test_one_owner);
    g_test_add_func("/journal/outcome/no-segment", test_no_segment);
    g_test_add_func("/journal/outcome/delete-segment", test_delete_segment);
    return g_test_run();
}
