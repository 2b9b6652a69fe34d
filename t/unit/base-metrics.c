/* SPDX-License-Identifier: MIT */
#include "core/base/metrics.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* Each test has a region of its own. */
static void
begin(void)
{
    wn_metrics_attach(-1);
}

static void
test_found_again(void)
{
    WnMetric *plain;
    WnMetric *labelled;

    begin();
    plain = wn_metrics_counter("c_total", NULL, "help");
    labelled = wn_metrics_counter("c_total", "a=\"b\"", "help");
    g_assert_true(plain != labelled);
    g_assert_true(wn_metrics_counter("c_total", NULL, "other") == plain);
    g_assert_true(wn_metrics_counter("c_total", "", "help") == plain);
    wn_metric_add(plain, 2);
    wn_metric_add(labelled, 40);
    wn_metric_add(labelled, 2);
    g_assert_cmpint(wn_metrics_lookup("c_total", NULL), ==, 2);
    g_assert_cmpint(wn_metrics_lookup("c_total", "a=\"b\""), ==, 42);
    g_assert_cmpint(wn_metrics_lookup("absent", NULL), ==, 0);
    /* what is looked up is not made */
    g_assert_cmpint(wn_metrics_lookup("c_tota", "l"), ==, 0);
}

static void
test_print(void)
{
    g_autoptr(GString) out = g_string_new(NULL);

    begin();
    wn_metric_add(wn_metrics_counter("b_total", "r=\"y\"", "Two\\\nlines"), 1);
    wn_metric_set(wn_metrics_gauge("a", NULL, "A gauge"), -7);
    wn_metric_add(wn_metrics_counter("b_total", "r=\"x\"", "ignored"), 3);
    wn_metrics_print(out);
    g_assert_true(g_str_has_prefix(out->str,
        "# HELP a A gauge\n# TYPE a gauge\na -7\n# HELP b_total "));
    g_assert_true(
        g_str_has_suffix(out->str, "\n# TYPE b_total counter\n"
                                   "b_total{r=\"x\"} 3\nb_total{r=\"y\"} 1\n"));
}

static void
test_help_is_escaped(void)
{
    g_autoptr(GString) out = g_string_new(NULL);

    begin();
    wn_metrics_gauge("g", NULL, "back\\slash and\nline");
    wn_metrics_print(out);
    g_assert_cmpstr(out->str, ==,
        "# HELP g back\\\\slash and line\n# TYPE g gauge\ng 0\n");
}

static void
test_histogram(void)
{
    static const int64_t samples[] = { -5, 0, 1, 2, 4, 5, 1000000, 1073741824,
        1073741825, INT64_MAX / 4 };
    g_autoptr(GString) out = g_string_new(NULL);
    WnMetric *metric;

    begin();
    metric = wn_metrics_histogram("h_seconds", "f=\"rbl\"", "help");
    for (size_t i = 0; i < G_N_ELEMENTS(samples); i++)
        wn_metric_observe_us(metric, samples[i]);
    g_assert_cmpint(wn_metric_value(metric), ==, 10);
    g_assert_cmpint(wn_metrics_lookup("h_seconds", "f=\"rbl\""), ==, 10);
    wn_metrics_print(out);
    g_assert_nonnull(
        strstr(out->str, "# TYPE h_seconds histogram\n"
                         "h_seconds_bucket{f=\"rbl\",le=\"0.000001\"} 3\n"
                         "h_seconds_bucket{f=\"rbl\",le=\"0.000004\"} 5\n"
                         "h_seconds_bucket{f=\"rbl\",le=\"0.000016\"} 6\n"));
    g_assert_nonnull(strstr(out->str, "le=\"1.048576\"} 7\n"));
    g_assert_nonnull(
        strstr(out->str, "h_seconds_bucket{f=\"rbl\",le=\"1073.741824\"} 8\n"
                         "h_seconds_bucket{f=\"rbl\",le=\"+Inf\"} 10\n"));
    g_assert_true(
        g_str_has_suffix(out->str, "\nh_seconds_count{f=\"rbl\"} 10\n"));
}

/* They count somewhere, and nowhere that is seen. */
static void
test_does_not_fit(void)
{
    g_autofree char *long_labels = g_strnfill(300, 'x');
    g_autoptr(GString) out = g_string_new(NULL);

    begin();
    wn_metric_add(wn_metrics_counter("long", long_labels, ""), 1);
    wn_metric_add(wn_metrics_counter("forged", "a=\"\"} 1\nb 2", ""), 1);
    wn_metrics_print(out);
    g_assert_cmpstr(out->str, ==, "");
}

static void
test_table_full(void)
{
    g_autoptr(GString) out = g_string_new(NULL);
    WnMetric *last = NULL;
    guint n_lines = 0;

    begin();
    for (int i = 0; i < WN_METRICS_MAX + 10; i++) {
        g_autofree char *labels = g_strdup_printf("n=\"%d\"", i);

        last = wn_metrics_counter("full", labels, "");
        wn_metric_add(last, i);
    }
    for (int i = 0; i < WN_METRICS_MAX; i++) {
        g_autofree char *labels = g_strdup_printf("n=\"%d\"", i);

        g_assert_cmpint(wn_metrics_lookup("full", labels), ==, i);
    }
    g_assert_cmpint(wn_metrics_lookup("full", "n=\"4097\""), ==, 0);
    wn_metrics_print(out);
    for (const char *c = out->str; *c != '\0'; c++)
        n_lines += *c == '\n';
    g_assert_cmpuint(n_lines, ==, WN_METRICS_MAX + 2);
}

/* Processes that register and count the same metrics at the same time. */
static void
test_shared(void)
{
    enum { PROCESSES = 4, METRICS = 300, ROUNDS = 50 };
    int fd = wn_metrics_create();

    g_assert_cmpint(fd, >=, 0);
    for (int process = 0; process < PROCESSES; process++) {
        if (fork() != 0)
            continue;
        wn_metrics_attach(fd);
        for (int i = 0; i < METRICS * ROUNDS; i++) {
            char labels[32];

            g_snprintf(labels, sizeof labels, "n=\"%d\"", i % METRICS);
            wn_metric_add(wn_metrics_counter("shared_total", labels, ""), 1);
        }
        _exit(0);
    }
    for (int process = 0; process < PROCESSES; process++) {
        int status;

        g_assert_cmpint(wait(&status), >, 0);
        g_assert_cmpint(status, ==, 0);
    }
    wn_metrics_attach(fd);
    for (int i = 0; i < METRICS; i++) {
        char labels[32];

        g_snprintf(labels, sizeof labels, "n=\"%d\"", i);
        g_assert_cmpint(wn_metrics_lookup("shared_total", labels), ==,
            PROCESSES * ROUNDS);
    }
    close(fd);
}

/* A process that dies between claiming and describing stops nobody: the slot
 * is set back to what it was at that moment. */
static void
test_dead_claimant(void)
{
    g_autoptr(GString) out = g_string_new(NULL);
    uint64_t *state;
    WnMetric *metric;

    begin();
    metric = wn_metrics_counter("half_made", NULL, "help");
    wn_metric_add(metric, 5);
    state = (uint64_t *)metric; /* the state word comes first */
    *state &= ~UINT64_C(1);
    wn_metrics_print(out);
    g_assert_cmpstr(out->str, ==, "");
    g_assert_true(wn_metrics_counter("half_made", NULL, "help") == metric);
    wn_metrics_print(out);
    g_assert_nonnull(strstr(out->str, "\nhalf_made 5\n"));
}

/* Another process may have written anything into a slot. */
static void
test_hostile_region(void)
{
    g_autoptr(GString) out = g_string_new(NULL);
    WnMetric *metric;

    begin();
    metric = wn_metrics_counter("c_total", NULL, "help");
    memset((char *)metric, 0xff, 512);
    wn_metrics_print(out);
    memset((char *)metric, '\n' | 1, 512);
    g_string_truncate(out, 0);
    wn_metrics_print(out);
    g_assert_null(strchr(out->str, 0x0b));
}

static void
test_region_is_sealed(void)
{
    int fd = wn_metrics_create();

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(ftruncate(fd, 0), ==, -1);
    g_assert_cmpint(fcntl(fd, F_GETFD) & FD_CLOEXEC, !=, 0);
    close(fd);
}

static void
test_refuses_other_files(void)
{
    int fd = memfd_create("else", MFD_ALLOW_SEALING);

    g_assert_false(wn_metrics_attach(fd));
    wn_metric_add(wn_metrics_counter("own_total", NULL, "h"), 1);
    g_assert_cmpint(wn_metrics_lookup("own_total", NULL), ==, 1);
    g_assert_true(wn_metrics_attach(-1));
    close(fd);
}

/* A process that begins after a plugin has written all over the region finds a
 * good one; one that was there before goes on. */
static void
test_damaged_region_is_repaired(void)
{
    int fd = wn_metrics_create();
    size_t size = (size_t)lseek(fd, 0, SEEK_END);
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    static const int bytes[] = { 0, 0xff, 0xfe, 'a' };

    g_assert_true(memory != MAP_FAILED);
    for (size_t i = 0; i < G_N_ELEMENTS(bytes); i++) {
        WnMetric *before;

        g_assert_true(wn_metrics_attach(fd));
        before = wn_metrics_counter("before_total", NULL, "h");
        memset(memory, bytes[i], size);
        wn_metric_add(before, 1);
        g_assert_true(wn_metrics_attach(fd));
        wn_metric_add(wn_metrics_counter("after_total", NULL, "h"), 3);
        g_assert_cmpint(wn_metrics_lookup("after_total", NULL), ==, 3);
        memset(memory, 0, size);
    }
    g_assert_true(wn_metrics_attach(-1));
    munmap(memory, size);
    close(fd);
}

typedef struct Written {
    const char *name, *labels, *help;
    const char *shown; /* NULL: nothing of it */
} Written;

static const Written written[] = {
    { "winnow_ext_p_total", "a=\"b\",c=\"d\\\\\\\"\"", "h",
        "\nwinnow_ext_p_total{a=\"b\",c=\"d\\\\\\\"\"} 7\n" },
    { "winnow_filter_total", "", "h", "\nwinnow_filter_total 7\n" },
    { "winnow_ready", "", "h", NULL },
    { "winnow_messages_total", "result=\"accepted\"", "h", NULL },
    { "winnow_ext_a b", "", "h", NULL },
    { "winnow_ext_c", "x", "h", NULL },
    { "winnow_ext_d", "x=\"", "h", NULL },
    { "winnow_ext_e", "x=\"y\\z\"", "h", NULL },
    { "winnow_ext_f", "x=\"y\",", "h", NULL },
    { "winnow_ext_g", "x=\"y\"} 1", "h", NULL },
    { "winnow_ext_h", "=\"y\"", "h", NULL },
    { "winnow_ext_i", "x=\"\xff\"", "h", NULL },
    { "winnow_ext_j", "", "\xff", NULL },
};

/* What plugins can write is shown only where it is a metric of theirs. */
static void
test_watched(void)
{
    int fd = wn_metrics_create();
    g_autoptr(GString) out = g_string_new(NULL);

    g_assert_true(wn_metrics_attach(fd));
    for (size_t i = 0; i < G_N_ELEMENTS(written); i++)
        wn_metric_add(wn_metrics_counter(written[i].name, written[i].labels,
                          written[i].help),
            7);
    wn_metric_add(wn_metrics_counter("winnow_filter_both", NULL, "h"), 2);
    wn_metric_set(wn_metrics_counter("winnow_ext_below", NULL, "h"), -4);
    wn_metrics_attach(-1);
    wn_metric_add(wn_metrics_counter("winnow_filter_both", NULL, "h"), 3);
    g_assert_true(wn_metrics_watch(fd));
    wn_metrics_print(out);
    for (size_t i = 0; i < G_N_ELEMENTS(written); i++)
        if (written[i].shown != NULL)
            g_assert_nonnull(strstr(out->str, written[i].shown));
        else
            g_assert_null(strstr(out->str, written[i].name));
    g_assert_nonnull(strstr(out->str, "\nwinnow_filter_both 5\n"));
    g_assert_nonnull(strstr(out->str, "\nwinnow_ext_below 0\n"));
    g_assert_cmpint(wn_metrics_lookup("winnow_ready", NULL), ==, 0);
    g_assert_false(wn_metrics_watch(-1));
    close(fd);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/base/metrics/found-again", test_found_again);
    g_test_add_func("/base/metrics/print", test_print);
    g_test_add_func("/base/metrics/help-is-escaped", test_help_is_escaped);
    g_test_add_func("/base/metrics/histogram", test_histogram);
    g_test_add_func("/base/metrics/does-not-fit", test_does_not_fit);
    g_test_add_func("/base/metrics/table-full", test_table_full);
    g_test_add_func("/base/metrics/shared", test_shared);
    g_test_add_func("/base/metrics/dead-claimant", test_dead_claimant);
    g_test_add_func("/base/metrics/hostile-region", test_hostile_region);
    g_test_add_func("/base/metrics/region-is-sealed", test_region_is_sealed);
    g_test_add_func("/base/metrics/refuses-other-files",
        test_refuses_other_files);
    g_test_add_func("/base/metrics/damaged-region-is-repaired",
        test_damaged_region_is_repaired);
    g_test_add_func("/base/metrics/watched", test_watched);
    return g_test_run();
}
