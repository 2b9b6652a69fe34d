/* SPDX-License-Identifier: MIT */

/*
 * geoip as it is installed, with databases made here.  Every database in the
 * folder geoip of WN_CORPUS, where that is, is tried too.
 */

#include "t/unit/fake_mmdb.h"
#include "t/unit/plugin-stage.h"

#include "core/base/clock.h"
#include "core/base/metrics.h"

#include <fcntl.h>
#include <unistd.h>

#define LOOK_MS 5000

static const char mail[] = "Subject: hello\r\n\r\nhello\r\n";

/* False, and the test is skipped, where the modules have not been built. */
static bool
open_stage(Stage *stage)
{
    const char *build = g_getenv("WN_BUILD");
    g_autofree char *folder = g_build_filename(build != NULL ? build : ".",
        "plugins/modules", NULL);
    g_autofree char *absolute = g_canonicalize_filename(folder, NULL);

    stage_init(stage, NULL, absolute);
    if (g_file_test(absolute, G_FILE_TEST_IS_DIR))
        return true;
    g_test_skip("no modules");
    return false;
}

static void
write_database(Stage *stage, int version, const char *home)
{
    g_auto(FakeMmdb) mmdb;
    g_autoptr(GByteArray) bytes = NULL;

    fake_mmdb_init(&mmdb, version);
    fake_mmdb_add(&mmdb, "192.0.2.0/24", FAKE_MMDB_COUNTRY, home);
    fake_mmdb_add(&mmdb, "198.51.100.0/25", FAKE_MMDB_FLAT, "DE");
    fake_mmdb_add(&mmdb, "198.51.100.128/25", FAKE_MMDB_REGISTERED, "FR");
    fake_mmdb_add(&mmdb, "203.0.113.0/24", FAKE_MMDB_OTHER, "EU");
    fake_mmdb_add(&mmdb, "10.1.0.0/16", FAKE_MMDB_BOTH, "jp");
    fake_mmdb_add(&mmdb, "10.2.0.0/16", FAKE_MMDB_FLAT, "--");
    fake_mmdb_add(&mmdb, "10.3.0.0/16", FAKE_MMDB_FLAT, "GBR");
    fake_mmdb_add(&mmdb, "10.4.4.4/32", FAKE_MMDB_FLAT, "KR");
    if (version == 6)
        fake_mmdb_add(&mmdb, "2001:db8::/32", FAKE_MMDB_COUNTRY, "BR");
    bytes = fake_mmdb_finish(&mmdb);
    fixture_write_bytes(&stage->files, "conf.d/geo.mmdb", bytes->data,
        bytes->len);
}

static void
start(Stage *stage, const char *options, const char *domain)
{
    g_autofree char *snippet = g_strdup_printf(
        "[filter geoip]\naction = reject\naction.text = %%e\n%s", options);

    stage_snippet(stage, "50-geoip", snippet);
    stage_domain(stage, "good.example", domain);
    stage_start(stage);
    stage_assert_no_problem(stage);
}

static const char *
decide(Stage *stage, const char *address)
{
    stage_connect(stage, address);
    stage_mail(stage, "from@b.example");
    return stage_message(stage, mail, "u@good.example");
}

#define PASS "deliver; geoip:pass"
#define CAUGHT(rule, code)                                               \
    "reject 550 5.7.1 \"" code "\" by geoip; geoip:match(" rule "=" code \
    ")>reject"
#define FOREIGN(code) CAUGHT("foreign", code)
#define BLOCKED(code) CAUGHT("blocked-country", code)
#define DATABASE "database = geo.mmdb\n"

static const struct {
    const char *name;
    int version;
    const char *address, *options, *domain, *decided;
} cases[] = {
    { "home", 6, "192.0.2.1", DATABASE "home = us; ca\n", "", PASS },
    { "home-in-tree-of-4", 4, "192.0.2.1", DATABASE "home = US\n", "", PASS },
    { "foreign", 6, "192.0.2.1", DATABASE "home = DE\n", "", FOREIGN("US") },
    { "foreign-in-tree-of-4", 4, "192.0.2.1", DATABASE "home = DE\n", "",
        FOREIGN("US") },
    { "flat-key", 6, "198.51.100.1", DATABASE "home = US\n", "",
        FOREIGN("DE") },
    { "flat-key-home", 6, "198.51.100.1", DATABASE "home = US;DE\n", "", PASS },
    { "registered", 6, "198.51.100.200", DATABASE "home = US\n", "",
        FOREIGN("FR") },
    { "used-before-registered", 6, "10.1.2.3", DATABASE "home = US\n", "",
        FOREIGN("JP") },
    { "single-address", 6, "10.4.4.4", DATABASE "home = US\n", "",
        FOREIGN("KR") },
    { "beside-it", 6, "10.4.4.5", DATABASE "home = US\n", "", PASS },
    { "six", 6, "2001:db8::1", DATABASE "home = US\n", "", FOREIGN("BR") },
    { "six-home", 6, "2001:db8::1", DATABASE "home = BR\n", "", PASS },
    { "six-in-tree-of-4", 4, "2001:db8::1", DATABASE "home = US\n", "", PASS },
    { "mapped-is-four", 6, "::ffff:192.0.2.1", DATABASE "home = DE\n", "",
        FOREIGN("US") },
    { "unknown", 6, "8.8.8.8", DATABASE "home = US\n", "", PASS },
    { "no-country", 6, "203.0.113.1", DATABASE "home = US\n", "", PASS },
    { "no-code", 6, "10.2.0.1", DATABASE "home = US\n", "", PASS },
    { "three-letters", 6, "10.3.0.1", DATABASE "home = US\n", "", PASS },
    { "blocked", 6, "198.51.100.1", DATABASE "block = FR; de\n", "",
        BLOCKED("DE") },
    { "blocked-at-home", 6, "192.0.2.1", DATABASE "home = US\nblock = US\n", "",
        BLOCKED("US") },
    { "block-only", 6, "192.0.2.1", DATABASE "block = DE\n", "", PASS },
    { "no-lists", 6, "192.0.2.1", DATABASE, "", PASS },
    { "no-database", 6, "192.0.2.1", "home = DE\n", "", PASS },
    { "domain-home", 6, "192.0.2.1", DATABASE "home = US\n",
        "[filter geoip]\nhome = DE\n", FOREIGN("US") },
    { "domain-without", 6, "198.51.100.1", DATABASE "home = US\n",
        "[filter geoip]\nhome =\n", PASS },
    { "domain-block", 6, "192.0.2.1", DATABASE "home = US\n",
        "[filter geoip]\nblock = US\n", BLOCKED("US") },
};

static void
test_case(const void *data)
{
    unsigned i = GPOINTER_TO_UINT(data);
    g_auto(Stage) stage;

    if (!open_stage(&stage))
        return;
    write_database(&stage, cases[i].version, "US");
    start(&stage, cases[i].options, cases[i].domain);
    g_assert_cmpstr(decide(&stage, cases[i].address), ==, cases[i].decided);
}

static void
test_decides_at_rcpt_and_connect(void)
{
    g_auto(Stage) stage;

    if (!open_stage(&stage))
        return;
    write_database(&stage, 6, "US");
    start(&stage, DATABASE "home = DE\ndecide = listener\n", "");
    stage_connect(&stage, "192.0.2.1");
    g_assert_true(wn_chain_host_decides_connect(stage.host));
    stage_run_connect(&stage);
    g_assert_cmpstr(stage_wait(&stage), ==, FOREIGN("US"));
    stage_mail(&stage, "from@b.example");
    g_assert_cmpstr(stage_rcpt(&stage, "u@good.example"), ==, FOREIGN("US"));
}

/*
 * Bad settings
 */

static void
check_problem(const char *options, bool with_file, const char *reason)
{
    g_auto(Stage) stage;
    g_autofree char *snippet = g_strconcat("[filter geoip]\naction = reject\n",
        options, NULL);
    g_autofree char *folder = NULL;
    g_autofree char *expected = NULL;
    g_auto(GStrv) parts = NULL;
    g_autofree char *text = NULL;
    g_autoptr(GString) printed = g_string_new(NULL);

    if (!open_stage(&stage))
        return;
    if (with_file)
        write_database(&stage, 6, "US");
    stage_snippet(&stage, "50-geoip", snippet);
    stage_domain(&stage, "good.example", "");
    stage_start(&stage);
    folder = fixture_path(&stage.files, "conf.d");
    parts = g_strsplit(reason, "FOLDER", -1);
    text = g_strjoinv(folder, parts);
    expected = g_strdup_printf("conf.d/50-geoip.conf:1: [filter geoip]: %s\n",
        text);
    wn_problems_print(stage.files.problems, printed);
    g_assert_cmpstr(printed->str, ==, expected);
}

static void
test_problems(void)
{
    check_problem(DATABASE, false,
        "the plugin does not start: FOLDER/geo.mmdb: No such file or"
        " directory");
    check_problem("database = 50-geoip.conf\n", false,
        "the plugin does not start: FOLDER/50-geoip.conf: The MaxMind DB file"
        " contains invalid metadata");
    check_problem("database = .\n", false,
        "the plugin does not start: FOLDER: not a regular file of 1 byte to"
        " 1 GiB");
    check_problem(DATABASE "home = US; Germany\n", true,
        "home: \"Germany\" is no ISO 3166 code of two letters");
    check_problem(DATABASE "block = U1\n", true,
        "block: \"U1\" is no ISO 3166 code of two letters");
}

/*
 * Reloading
 */

static int64_t
metric(const char *name)
{
    g_autofree char *full = g_strconcat("winnow_ext_geoip_", name, NULL);

    return wn_metrics_lookup(full, "instance=\"geoip\"");
}

static void
pass_time(Stage *stage, int looks)
{
    for (int i = 0; i < looks; i++) {
        wn_clock_fake_step(LOOK_MS);
        stage_turn(stage);
    }
}

static void
test_reload(void)
{
    g_auto(Stage) stage;
    int64_t reloads = metric("reloads");

    if (!open_stage(&stage))
        return;
    write_database(&stage, 6, "US");
    start(&stage, DATABASE "home = US\n", "");
    g_assert_cmpstr(decide(&stage, "192.0.2.1"), ==, PASS);
    pass_time(&stage, 3);
    g_assert_cmpint(metric("reloads"), ==, reloads);
    write_database(&stage, 6, "GB");
    g_assert_cmpstr(decide(&stage, "192.0.2.1"), ==, PASS);
    pass_time(&stage, 1);
    g_assert_cmpstr(decide(&stage, "192.0.2.1"), ==, PASS);
    pass_time(&stage, 1);
    g_assert_cmpstr(decide(&stage, "192.0.2.1"), ==, FOREIGN("GB"));
    pass_time(&stage, 3);
    g_assert_cmpint(metric("reloads"), ==, reloads + 1);
}

/* Cut and filled in place, as cp does it: the old content must not be pulled
 * from under the look-ups. */
static void
write_in_place(Stage *stage, const char *text)
{
    g_autofree char *path = fixture_path(&stage->files, "conf.d/geo.mmdb");
    int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(write(fd, text, strlen(text)), ==, strlen(text));
    g_assert_cmpint(close(fd), ==, 0);
}

static void
test_broken_reload(void)
{
    g_auto(Stage) stage;
    int64_t failures = metric("reload_failures");

    if (!open_stage(&stage))
        return;
    write_database(&stage, 6, "US");
    start(&stage, DATABASE "home = DE\n", "");
    write_in_place(&stage, "");
    g_assert_cmpstr(decide(&stage, "192.0.2.1"), ==, FOREIGN("US"));
    pass_time(&stage, 5);
    g_assert_cmpint(metric("reload_failures"), ==, failures + 1);
    write_in_place(&stage, "no database");
    pass_time(&stage, 5);
    g_assert_cmpint(metric("reload_failures"), ==, failures + 2);
    g_assert_cmpstr(decide(&stage, "192.0.2.1"), ==, FOREIGN("US"));
    write_database(&stage, 6, "DE");
    pass_time(&stage, 2);
    g_assert_cmpstr(decide(&stage, "192.0.2.1"), ==, PASS);
}

static void
test_file_vanishes(void)
{
    g_auto(Stage) stage;
    g_autofree char *path = NULL;

    if (!open_stage(&stage))
        return;
    write_database(&stage, 6, "US");
    start(&stage, DATABASE "home = DE\n", "");
    path = fixture_path(&stage.files, "conf.d/geo.mmdb");
    g_assert_cmpint(unlink(path), ==, 0);
    pass_time(&stage, 3);
    g_assert_cmpstr(decide(&stage, "192.0.2.1"), ==, FOREIGN("US"));
    write_database(&stage, 6, "DE");
    pass_time(&stage, 2);
    g_assert_cmpstr(decide(&stage, "192.0.2.1"), ==, PASS);
}

/*
 * Damage
 */

static const char *const addresses[] = { "1.1.1.1", "2.125.160.216", "0.0.0.0",
    "255.255.255.255", "81.2.69.160", "89.160.20.112", "127.0.0.1", "192.0.2.1",
    "2001:218::1", "2001:db8::1", "ffff::" };

/* Loads or refuses; looks up or fails; never more than that. */
static void
try_bytes(const void *bytes, size_t len)
{
    g_auto(Stage) stage;

    if (!open_stage(&stage))
        return;
    stage_snippet(&stage, "50-geoip",
        "[filter geoip]\naction = reject\nhome = US\n" DATABASE);
    stage_domain(&stage, "good.example", "");
    fixture_write_bytes(&stage.files, "conf.d/geo.mmdb", bytes, len);
    stage_start(&stage);
    for (size_t i = 0; i < G_N_ELEMENTS(addresses); i++)
        g_assert_nonnull(decide(&stage, addresses[i]));
}

static void
test_cut_short(void)
{
    g_auto(FakeMmdb) mmdb;
    g_autoptr(GByteArray) bytes = NULL;

    fake_mmdb_init(&mmdb, 4);
    fake_mmdb_add(&mmdb, "192.0.2.0/24", FAKE_MMDB_COUNTRY, "DE");
    bytes = fake_mmdb_finish(&mmdb);
    for (guint len = 0; len < bytes->len; len += 5)
        try_bytes(bytes->data, len);
}

static void
test_spoilt(void)
{
    g_auto(FakeMmdb) mmdb;
    g_autoptr(GByteArray) bytes = NULL;

    fake_mmdb_init(&mmdb, 4);
    fake_mmdb_add(&mmdb, "192.0.2.0/24", FAKE_MMDB_COUNTRY, "DE");
    bytes = fake_mmdb_finish(&mmdb);
    for (guint i = 0; i < 200; i++) {
        guint at = (guint)g_test_rand_int_range(0, (int)bytes->len);
        uint8_t saved = bytes->data[at];

        bytes->data[at] = (uint8_t)g_test_rand_int_range(0, 256);
        try_bytes(bytes->data, bytes->len);
        bytes->data[at] = saved;
    }
}

static void
try_folder(const char *folder, int depth, unsigned *n)
{
    g_autoptr(GDir) entries = g_dir_open(folder, 0, NULL);
    const char *name;

    while (entries != NULL && (name = g_dir_read_name(entries)) != NULL) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        g_autofree char *bytes = NULL;
        size_t len;

        if (depth < 4 && g_file_test(path, G_FILE_TEST_IS_DIR))
            try_folder(path, depth + 1, n);
        else if (g_str_has_suffix(name, ".mmdb")
                 && g_file_get_contents(path, &bytes, &len, NULL)) {
            g_test_message("%s", name);
            try_bytes(bytes, len);
            (*n)++;
        }
    }
}

static void
test_corpus(void)
{
    const char *corpus = g_getenv("WN_CORPUS");
    const char *source = g_getenv("WN_SOURCE");
    g_autofree char *folder = corpus != NULL
                                  ? g_build_filename(corpus, "geoip", NULL)
                                  : g_build_filename(source != NULL ? source
                                                                    : ".",
                                      "../shared/corpus/dev/geoip", NULL);
    unsigned n = 0;

    if (!g_file_test(folder, G_FILE_TEST_IS_DIR)) {
        g_test_skip("no corpus: set WN_CORPUS");
        return;
    }
    try_folder(folder, 0, &n);
    g_assert_cmpuint(n, >, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strconcat("/plugin/geoip/", cases[i].name,
            NULL);

        g_test_add_data_func(path, GUINT_TO_POINTER(i), test_case);
    }
    g_test_add_func("/plugin/geoip/connect-and-rcpt",
        test_decides_at_rcpt_and_connect);
    g_test_add_func("/plugin/geoip/problems", test_problems);
    g_test_add_func("/plugin/geoip/reload", test_reload);
    g_test_add_func("/plugin/geoip/broken-reload", test_broken_reload);
    g_test_add_func("/plugin/geoip/file-vanishes", test_file_vanishes);
    g_test_add_func("/plugin/geoip/cut-short", test_cut_short);
    g_test_add_func("/plugin/geoip/spoilt", test_spoilt);
    g_test_add_func("/plugin/geoip/corpus", test_corpus);
    return g_test_run();
}
