/* SPDX-License-Identifier: MIT */

/* The plugins that come with winnow, loaded as they are installed. */

#include "t/unit/plugin-stage.h"

#include "core/base/clock.h"
#include "core/sync/dataset.h"

static const char spam[] =
    "Subject: Offer\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    "Hello,\r\nyou have been  CHOSEN to\r\nreceive a Gr\xc3\x9c\xc3\x9f Gott"
    " parcel.\r\n";

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

/* As winnow-check does it before it publishes. */
static void
make_data(Stage *stage)
{
    g_autoptr(WnBlobNeeds)
        needs = wn_blob_needs_new(stage->config, stage->loader);
    WnDatasetJob job = { .config = stage->config,
        .generation = 1,
        .problems = stage->files.problems };

    wn_blob_needs_add(needs, stage->snapshot);
    for (unsigned i = 0; i < wn_blob_needs_count(needs); i++) {
        const WnBlobNeed *need = wn_blob_needs_get(needs, i);
        WnBlobFile *blob;

        wn_dataset_make(&job, need, &blob);
        if (blob != NULL)
            wn_blob_shelf_put(wn_snapshot_blobs(stage->snapshot), need->name,
                blob);
    }
}

static void
start(Stage *stage, const char *address)
{
    stage_start(stage);
    make_data(stage);
    stage_assert_no_problem(stage);
    stage_connect(stage, address);
    stage_mail(stage, "from@b.example");
}

typedef struct Case {
    const char *name;
    const char *address;
    const char *snippet; /* behind [filter firewall] */
    const char *domain;
    const char *rcpt;
    const char *message; /* NULL: refused before */
} Case;

#define LISTS                                                       \
    "allow = 10.1.0.0/16; 10.2.3.4; 2001:db8:1::/48\n"              \
    "block = 10.0.0.0/8; 10.1.1.0/24; 2001:db8::/32; 10.9.0.0/16\n" \
    "action = reject\n"

static const Case firewall_cases[] = {
    { "stranger", "192.0.2.1", LISTS, "", "deliver; firewall:pass",
        "deliver; firewall:pass" },
    { "blocked", "10.7.7.7", LISTS, "",
        "reject 550 5.7.1 \"Message refused\" by firewall;"
        " firewall:match(block=10.0.0.0/8)>reject",
        NULL },
    { "allowed-within-blocked", "10.1.2.3", LISTS, "",
        "deliver; firewall:trust(allow=10.1.0.0/16)",
        "deliver; firewall:trust(allow=10.1.0.0/16)" },
    { "blocked-within-allowed", "10.1.1.9", LISTS, "",
        "reject 550 5.7.1 \"Message refused\" by firewall;"
        " firewall:match(block=10.1.1.0/24)>reject",
        NULL },
    { "single-address", "10.2.3.4", LISTS, "",
        "deliver; firewall:trust(allow=10.2.3.4)",
        "deliver; firewall:trust(allow=10.2.3.4)" },
    { "six", "2001:db8:2::1", LISTS, "",
        "reject 550 5.7.1 \"Message refused\" by firewall;"
        " firewall:match(block=2001:db8::/32)>reject",
        NULL },
    { "six-allowed", "2001:db8:1::1", LISTS, "",
        "deliver; firewall:trust(allow=2001:db8:1::/48)",
        "deliver; firewall:trust(allow=2001:db8:1::/48)" },
    { "same-in-both", "192.0.2.1",
        "allow = 192.0.2.0/24\nblock = 192.0.2.0/24\naction = reject\n", "",
        "deliver; firewall:trust(allow=192.0.2.0/24)",
        "deliver; firewall:trust(allow=192.0.2.0/24)" },
    { "domain-has-its-own", "10.7.7.7", LISTS,
        "[filter firewall]\nblock = 192.0.2.0/24\n", "deliver; firewall:pass",
        "deliver; firewall:pass" },
    { "domain-tags", "10.7.7.7", LISTS,
        "[filter firewall]\naction = modify_subject\naction.tag = [Far]\n",
        "deliver",
        "deliver +prefix(=[Far]); firewall:match(block=10.0.0.0/8)"
        ">modify_subject" },
    { "own-text-and-code", "10.7.7.7",
        LISTS "action.text = not from %c [%e]\naction.code = 450\n", "",
        "tempfail 450 4.7.1 \"not from 10.7.7.7 [10.0.0.0/8]\" by firewall;"
        " firewall:match(block=10.0.0.0/8)>reject",
        NULL },
};

static void
test_firewall(const void *data)
{
    const Case *one = data;
    g_auto(Stage) stage;
    g_autofree char *snippet = g_strconcat("[filter firewall]\n", one->snippet,
        NULL);

    if (!open_stage(&stage))
        return;
    stage_snippet(&stage, "10-firewall", snippet);
    stage_domain(&stage, "good.example", one->domain);
    start(&stage, one->address);
    g_assert_cmpstr(stage_rcpt(&stage, "u@good.example"), ==, one->rcpt);
    if (one->message != NULL)
        g_assert_cmpstr(stage_message(&stage, spam, "u@good.example"), ==,
            one->message);
}

static void
test_firewall_for_a_listener(void)
{
    g_auto(Stage) stage;

    if (!open_stage(&stage))
        return;
    stage_snippet(&stage, "10-firewall",
        "[filter firewall]\nblock = 10.0.0.0/8\naction = reject\n"
        "action.text = go away, %c\ndecide = listener\n");
    stage_domain(&stage, "good.example", "");
    start(&stage, "10.0.0.1");
    g_assert_true(wn_chain_host_decides_connect(stage.host));
    stage_run_connect(&stage);
    g_assert_cmpstr(stage_wait(&stage), ==,
        "reject 550 5.7.1 \"go away, 10.0.0.1\" by firewall;"
        " firewall:match(block=10.0.0.0/8)>reject");
}

/*
 * phrase
 */

#define PHRASE_PASS "deliver; phrase:pass"
#define PHRASE_MATCH(evidence)                        \
    "reject 550 5.7.1 \"Message refused\" by phrase;" \
    " phrase:match(phrase=\"" evidence ")>reject"

static const struct {
    const char *name, *list, *decided;
} phrase_cases[] = {
    { "found", "you have been chosen to receive\n",
        PHRASE_MATCH("you have been chosen to receive\" (entry 838148512)") },
    { "case-and-space", "# comment\r\n\r\n  YOU   have\tBEEN, chosen to \r\n",
        PHRASE_MATCH("you have been chosen to\" (entry 3125356977)") },
    { "not-ascii", "to receive a gr\xc3\xbc\xc3\x9f gott\n",
        PHRASE_MATCH("to receive a gr\xc3\xbcss gott\" (entry 3696402884)") },
    { "full-width",
        "to receive a gr\xc3\xbc\xc3\x9f gott "
        "\xef\xbd\x90\xef\xbd\x81rcel\n",
        PHRASE_MATCH(
            "to receive a gr\xc3\xbcss gott parcel\" (entry 4021694410)") },
    { "subject-and-text", "Offer: Hello, you have been\n",
        PHRASE_MATCH("offer hello, you have been\" (entry 910546877)") },
    { "no-newline-at-the-end", "\xef\xbb\xbfyou have been chosen to",
        PHRASE_MATCH("you have been chosen to\" (entry 2641807460)") },
    { "part-of-a-word", "hosen to receive a gr\n", PHRASE_PASS },
    { "only-nearly", "you have been chosen to receiva\n", PHRASE_PASS },
    { "empty-list", "# nothing\n", PHRASE_PASS },
};

static void
test_phrase(const void *data)
{
    unsigned i = GPOINTER_TO_UINT(data);
    g_auto(Stage) stage;

    if (!open_stage(&stage))
        return;
    stage_snippet(&stage, "30-phrase",
        "[filter phrase]\nphrases = phrases.txt\naction = reject\n");
    fixture_write(&stage.files, "conf.d/phrases.txt", phrase_cases[i].list);
    stage_domain(&stage, "good.example", "");
    start(&stage, "192.0.2.1");
    g_assert_cmpstr(stage_message(&stage, spam, "u@good.example"), ==,
        phrase_cases[i].decided);
}

static void
test_phrase_without_file(void)
{
    g_auto(Stage) stage;

    if (!open_stage(&stage))
        return;
    stage_snippet(&stage, "30-phrase", "[filter phrase]\naction = reject\n");
    stage_domain(&stage, "good.example", "");
    start(&stage, "192.0.2.1");
    g_assert_cmpstr(stage_message(&stage, spam, "u@good.example"), ==,
        PHRASE_PASS);
}

static void
check_bad_list(const char *list, const char *problem)
{
    g_auto(Stage) stage;
    g_autoptr(GString) text = g_string_new(NULL);

    if (!open_stage(&stage))
        return;
    stage_snippet(&stage, "30-phrase",
        "[filter phrase]\nphrases = phrases.txt\naction = reject\n");
    if (list != NULL)
        fixture_write(&stage.files, "conf.d/phrases.txt", list);
    stage_domain(&stage, "good.example", "");
    stage_start(&stage);
    make_data(&stage);
    wn_problems_print(stage.files.problems, text);
    g_assert_nonnull(strstr(text->str, problem));
}

static void
test_phrase_bad_list(void)
{
    check_bad_list(NULL, "phrases.txt: cannot read: No such file or directory");
    check_bad_list("a good phrase of five\n#\nfour words are few\n",
        "phrases.txt:3: warning: [filter phrase] phrases: row left out: a "
        "phrase has at least 5 words, or 10 characters of a script without "
        "spaces");
}

/* Many phrases, all but one of them absent, and with a common beginning. */
static void
test_phrase_many(void)
{
    g_auto(Stage) stage;
    g_autoptr(GString) list = g_string_new(NULL);

    if (!open_stage(&stage))
        return;
    for (int i = 0; i < 50000; i++)
        g_string_append_printf(list,
            "you have been chosen to receive %d of the %d\n", i, i * 7919);
    g_string_append(list, "been chosen to receive a gr\xc3\xbcss\n");
    stage_snippet(&stage, "30-phrase",
        "[filter phrase]\nphrases = phrases.txt\naction = delete\n");
    fixture_write(&stage.files, "conf.d/phrases.txt", list->str);
    stage_domain(&stage, "good.example", "");
    start(&stage, "192.0.2.1");
    g_assert_cmpstr(stage_message(&stage, spam, "u@good.example"), ==,
        "delete by phrase; phrase:match(phrase=\"been chosen to receive a "
        "gr\xc3\xbcss\" (entry 392124670))>delete");
}

/*
 * Actions
 */

static const struct {
    const char *name, *keys, *decided;
} action_cases[] = {
    { "reject", "action = reject\n",
        "reject 550 5.7.1 \"Message refused\" by phrase" },
    { "reject-code", "action = reject\naction.code = 554\n",
        "reject 554 5.7.1 \"Message refused\" by phrase" },
    { "reject-for-now",
        "action = reject\naction.code = 451\naction.text = later\n",
        "tempfail 451 4.7.1 \"later\" by phrase" },
    { "delete", "action = delete\n", "delete by phrase" },
    { "modify_subject", "action = modify_subject\n",
        "deliver +prefix(=[Spam])" },
    { "tag", "action = modify_subject\naction.tag = [Spam!]\n",
        "deliver +prefix(=[Spam!])" },
    { "forward", "action = forward\naction.to = Boss@good.example\n",
        "deliver to Boss@good.example by phrase" },
};

static void
test_action(const void *data)
{
    unsigned i = GPOINTER_TO_UINT(data);
    g_auto(Stage) stage;
    g_autofree char *snippet = g_strconcat("[filter phrase]\nphrases = p\n",
        action_cases[i].keys, NULL);
    const char *decided;

    if (!open_stage(&stage))
        return;
    stage_snippet(&stage, "30-phrase", snippet);
    fixture_write(&stage.files, "conf.d/p", "you have been chosen to\n");
    stage_domain(&stage, "good.example", "");
    start(&stage, "192.0.2.1");
    decided = stage_message(&stage, spam, "u@good.example");
    g_assert_true(g_str_has_prefix(decided, action_cases[i].decided));
    g_assert_cmpint(decided[strlen(action_cases[i].decided)], ==, ';');
}

static void
test_forward_without_address(void)
{
    g_auto(Stage) stage;
    g_autoptr(GString) text = g_string_new(NULL);

    if (!open_stage(&stage))
        return;
    stage_snippet(&stage, "30-phrase", "[filter phrase]\naction = forward\n");
    stage_domain(&stage, "good.example", "");
    stage_start(&stage);
    g_assert_cmpuint(wn_problems_count(stage.files.problems), >, 0);
}

static void
test_catalogue(void)
{
    static const struct {
        const char *name;
        WnPluginKind kind;
        uint32_t flags;
    } plugins[] = {
        { "delete", WN_PLUGIN_ACTION, WN_PLUGIN_NEVER_REFUSES },
        { "firewall", WN_PLUGIN_FILTER,
            WN_PLUGIN_CLIENT_LEVEL | WN_PLUGIN_LOOKS_AHEAD },
        { "forward", WN_PLUGIN_ACTION, WN_PLUGIN_NEVER_REFUSES },
        { "modify_subject", WN_PLUGIN_ACTION, WN_PLUGIN_NEVER_REFUSES },
        { "phrase", WN_PLUGIN_FILTER, 0 },
        { "reject", WN_PLUGIN_ACTION, 0 },
    };
    g_auto(Stage) stage;

    if (!open_stage(&stage))
        return;
    stage_start(&stage);
    for (size_t i = 0; i < G_N_ELEMENTS(plugins); i++) {
        const WnPluginInfo *info = wn_catalogue_find(stage.catalogue,
            plugins[i].name);

        g_assert_nonnull(info);
        g_assert_cmpint(info->kind, ==, plugins[i].kind);
        g_assert_cmpuint(info->flags, ==, plugins[i].flags);
        g_assert_cmpstr(info->license, ==, "MIT");
    }
}

/* The snippets as they are installed: no problem, and nothing is caught. */
static void
test_installed_snippets(void)
{
    static const char *const names[] = { "10-firewall", "30-phrase" };
    const char *source = g_getenv("WN_SOURCE");
    g_auto(Stage) stage;

    if (!open_stage(&stage))
        return;
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_strdup_printf("%s/conf.d/%s.conf",
            source != NULL ? source : ".", names[i]);
        g_autofree char *text = NULL;

        g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
        stage_snippet(&stage, names[i], text);
    }
    stage_domain(&stage, "good.example", "");
    start(&stage, "192.0.2.1");
    g_assert_cmpstr(stage_message(&stage, spam, "u@good.example"), ==,
        "deliver; firewall:pass; phrase:pass");
}

static void
add_tables(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(firewall_cases); i++) {
        g_autofree char *path = g_strconcat("/plugin/standard/firewall/",
            firewall_cases[i].name, NULL);

        g_test_add_data_func(path, &firewall_cases[i], test_firewall);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(phrase_cases); i++) {
        g_autofree char *path = g_strconcat("/plugin/standard/phrase/",
            phrase_cases[i].name, NULL);

        g_test_add_data_func(path, GUINT_TO_POINTER(i), test_phrase);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(action_cases); i++) {
        g_autofree char *path = g_strconcat("/plugin/standard/action/",
            action_cases[i].name, NULL);

        g_test_add_data_func(path, GUINT_TO_POINTER(i), test_action);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add_tables();
    g_test_add_func("/plugin/standard/catalogue", test_catalogue);
    g_test_add_func("/plugin/standard/installed-snippets",
        test_installed_snippets);
    g_test_add_func("/plugin/standard/firewall-for-a-listener",
        test_firewall_for_a_listener);
    g_test_add_func("/plugin/standard/phrase-without-file",
        test_phrase_without_file);
    g_test_add_func("/plugin/standard/phrase-bad-list", test_phrase_bad_list);
    g_test_add_func("/plugin/standard/phrase-many", test_phrase_many);
    g_test_add_func("/plugin/standard/forward-without-address",
        test_forward_without_address);
    return g_test_run();
}
