/* SPDX-License-Identifier: MIT */
#include "core/conf/snapshot_writer.h"

#include "t/unit/conf-build.h"

static const char filters[] =
    "[server]\nhostname = relay.example\n"
    "listen = 192.0.2.1:25; 127.0.0.1:2525; 0.0.0.0:2600\n"
    "[filter urlphone]\nposition = 20\naction = reject\n"
    "[filter phrase]\nposition = 30\naction = reject\n"
    "action.text = server says\nphrases = /lists/phrases\n"
    "[filter rbl]\nposition = 60\naction = modify_subject\n"
    "action.tag = [Blacklisted Sender]\nzones = z.example\n"
    "[filter watch]\nplugin = rbl\nposition = 70\nenabled = false\n";

#define URLPHONE "urlphone>reject stop skip"
#define PHRASE "phrase>reject stop skip action.text=server says"
#define RBL "rbl>modify_subject continue skip action.tag=[Blacklisted Sender]"

typedef struct Case {
    const char *name;
    const char *domain; /* what follows the servers of a.example */
    const char *chain;  /* NULL: refused */
    const char *problems;
} Case;

static const Case merges[] = {
    { "conf.d alone", "", URLPHONE "|" PHRASE "|" RBL, "" },
    { "selected and ordered", "filters = rbl; urlphone\n", RBL "|" URLPHONE,
        "" },
    { "selected though disabled in conf.d", "filters = watch\n",
        "watch>- continue skip", "" },
    { "selected but disabled by the domain",
        "filters = rbl; phrase\n[filter phrase]\nenabled = false\n", RBL, "" },
    { "nothing selected", "filters =\n", "", "" },
    { "unknown filter selected", "filters = rbl; phrse\n", NULL,
        "domains.d/a.conf:1: [domain a.example] filters: conf.d has no filter "
        "\"phrse\" (did you mean \"phrase\"?)\n" },
    { "selected twice", "filters = rbl; rbl\n", NULL,
        "domains.d/a.conf:1: [domain a.example] filters: filter \"rbl\" is "
        "given twice\n" },
    { "settings of an unknown filter", "[filter rlb]\naction = reject\n", NULL,
        "domains.d/a.conf:3: [filter rlb]: conf.d has no filter \"rlb\" (did "
        "you mean \"rbl\"?)\n" },
    { "enabled and moved",
        "[filter watch]\nenabled = true\nposition = 1\n"
        "[filter phrase]\nenabled = false\n",
        "watch>- continue skip|" URLPHONE "|" RBL, "" },
    { "equal positions go by name",
        "[filter rbl]\nposition = 20\n[filter urlphone]\nposition = 20\n",
        RBL "|" URLPHONE "|" PHRASE, "" },
    { "early once it may refuse",
        "filters = rbl\n[filter rbl]\naction = "
        "reject\naction.text = %c is listed\n",
        "rbl>reject early stop skip action.text=%c is listed", "" },
    { "another action drops conf.d's options",
        "filters = phrase\n[filter phrase]\naction = delete\n",
        "phrase>delete stop skip", "" },
    { "modify_subject goes on",
        "filters = phrase\n[filter phrase]\naction = modify_subject\n"
        "action.tag = [p]\n",
        "phrase>modify_subject continue skip action.tag=[p]", "" },
    { "required option of the action",
        "filters = phrase\n[filter phrase]\naction = modify_subject\n", NULL,
        "domains.d/a.conf:4: [filter phrase] action.tag: is required by "
        "action \"modify_subject\"\n" },
    { "no action", "filters = phrase\n[filter phrase]\naction = none\n",
        "phrase>- continue skip", "" },
    { "option without action",
        "filters = phrase\n[filter phrase]\naction = none\naction.text = x\n",
        NULL,
        "domains.d/a.conf:6: [filter phrase] action.text: the filter has no "
        "action that could take this option\n" },
    { "unknown action", "[filter rbl]\naction = rejekt\n", NULL,
        "domains.d/a.conf:3: [filter rbl] action: there is no action plugin "
        "\"rejekt\" (did you mean \"reject\"?)\n" },
    { "option of conf.d's action",
        "filters = rbl\n[filter rbl]\naction.tag = [mine]\n",
        "rbl>modify_subject continue skip action.tag=[mine]", "" },
    { "on_match and on_error",
        "filters = rbl\n[filter rbl]\non_match = stop\non_error = tempfail\n",
        "rbl>modify_subject stop tempfail action.tag=[Blacklisted Sender]",
        "" },
    { "own plugin option, sorted by key",
        "filters = rbl\n[filter rbl]\nzones = x; y\naction.tag = [t]\n",
        "rbl>modify_subject continue skip action.tag=[t] zones=x; y", "" },
    { "server's plugin option", "[filter rbl]\nparallel = 2\n", NULL,
        "domains.d/a.conf:4: [filter rbl] parallel: is the server's option; "
        "it can be set in conf.d only\n" },
    { "unknown plugin option", "[filter rbl]\nzonse = 2\n", NULL,
        "domains.d/a.conf:4: [filter rbl] zonse: unknown option of plugin "
        "\"rbl\" (did you mean \"zones\"?)\n" },
    { "long tag",
        "[filter rbl]\naction.tag = "
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "\n",
        NULL,
        "domains.d/a.conf:4: [filter rbl] action.tag: expected a text with a "
        "length in bytes from 0 to 199\n" },
    { "reject_text over conf.d's",
        "filters = phrase; urlphone; rbl\n"
        "reject_text = domain says\n",
        "phrase>reject stop skip action.text=domain says|"
        "urlphone>reject stop skip action.text=domain says|" RBL,
        "" },
    { "own text over reject_text",
        "filters = phrase\nreject_text = domain says\n[filter phrase]\n"
        "action.text = filter says\n",
        "phrase>reject stop skip action.text=filter says", "" },
    { "reject_text for an action of its own",
        "filters = rbl\nreject_text = domain says\n[filter rbl]\n"
        "action = reject\n",
        "rbl>reject early stop skip action.text=domain says", "" },
    { "forward to a domain of ours",
        "filters = phrase\n[filter phrase]\naction = forward\n"
        "action.to = spam@A.example\n",
        "phrase>forward stop skip action.to=spam@A.example", "" },
    { "forward to a stranger",
        "filters = phrase\n[filter phrase]\naction = forward\n"
        "action.to = spam@elsewhere.example\n",
        NULL,
        "domains.d/a.conf:1: [domain a.example] action.to: forwards to "
        "\"elsewhere.example\", which is no domain of this relay\n" },
    { "forward to no address",
        "filters = phrase\n[filter phrase]\naction = forward\n"
        "action.to = spam\n",
        NULL,
        "domains.d/a.conf:6: [filter phrase] action.to: expected an address: "
        "local@domain\n" },
    { "all problems at once",
        "filters = x; rbl\n[filter rbl]\naction = nope\n"
        "[filter phrase]\nparallel = 1\n",
        NULL,
        "domains.d/a.conf:1: [domain a.example] filters: conf.d has no filter "
        "\"x\"\n"
        "domains.d/a.conf:4: [filter rbl] action: there is no action plugin "
        "\"nope\" (did you mean \"none\"?)\n"
        "domains.d/a.conf:7: [filter phrase] parallel: unknown option of "
        "plugin \"phrase\"\n" },
};

static void
test_merge(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(merges); i++) {
        g_auto(Fixture) fixture = { 0 };
        g_autoptr(WnSnapshot) snapshot = NULL;
        g_autofree char *chain = NULL;
        g_autofree char
            *text = g_strconcat("[domain a.example]\nservers = 10.0.0.1\n",
                merges[i].domain, NULL);

        g_test_message("%s", merges[i].name);
        fixture_init(&fixture);
        fixture_write(&fixture, "winnow.conf", filters);
        fixture_write(&fixture, "domains.d/a.conf", text);
        snapshot = build(&fixture);
        chain = dump_domain(snapshot, "a.example");
        assert_problems(fixture.problems, merges[i].problems);
        g_assert_cmpstr(chain, ==, merges[i].chain);
    }
}

/* File names are absolute wherever they were written. */
static void
test_file_options(void)
{
    g_auto(Fixture) fixture = { 0 };
    g_autoptr(WnSnapshot) snapshot = NULL;
    g_autofree char *chain = NULL;
    g_autofree char *expected = NULL;

    fixture_init(&fixture);
    fixture_write(&fixture, "winnow.conf", filters);
    fixture_write(&fixture, "domains.d/a.conf",
        "[domain a.example]\nservers = 10.0.0.1\nfilters = phrase;urlphone\n"
        "[filter phrase]\nphrases = a/../mine.txt\n"
        "[filter urlphone]\nurls = u.txt; /abs/v.txt\n");
    snapshot = build(&fixture);
    assert_problems(fixture.problems, "");
    chain = dump_domain(snapshot, "a.example");
    expected =
        g_strdup_printf("phrase>reject stop skip action.text=server says "
                        "phrases=%s/domains.d/mine.txt"
                        "|urlphone>reject stop skip "
                        "urls=%s/domains.d/u.txt; /abs/v.txt",
            fixture.folder, fixture.folder);
    g_assert_cmpstr(chain, ==, expected);
}

typedef struct FlagCase {
    const char *filter; /* keys of conf.d's only filter */
    bool may_refuse;
    bool has_early;
} FlagCase;

static const FlagCase flag_cases[] = {
    { "[filter rbl]\naction = reject\n", false, true },
    { "[filter rbl]\naction = reject\non_error = tempfail\n", false, true },
    { "[filter rbl]\naction = delete\n", false, false },
    { "[filter rbl]\naction = delete\non_error = tempfail\n", true, false },
    { "[filter rbl]\n", false, false },
    { "[filter rbl]\non_error = tempfail\n", true, false },
    { "[filter urlphone]\naction = reject\n", true, false },
    { "[filter urlphone]\naction = delete\n", false, false },
    { "[filter urlphone]\n", false, false },
    { "[filter urlphone]\naction = reject\n[filter rbl]\naction = reject\n",
        true, true },
};

static void
test_flags(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(flag_cases); i++) {
        g_auto(Fixture) fixture = { 0 };
        g_autoptr(WnSnapshot) snapshot = NULL;
        WnDomain domain;
        WnClass class_;

        fixture_init(&fixture);
        fixture_write(&fixture, "winnow.conf", flag_cases[i].filter);
        fixture_write(&fixture, "domains.d/a.conf",
            "[domain a.example]\nservers = 10.0.0.1\n");
        snapshot = build(&fixture);
        assert_problems(fixture.problems, "");
        g_assert_true(
            wn_snapshot_domain(snapshot, WN_SPAN("a.example"), &domain));
        g_assert_true(wn_snapshot_class(snapshot, domain.class_id, &class_));
        g_test_message("%s", flag_cases[i].filter);
        g_assert_cmpint(class_.may_refuse, ==, flag_cases[i].may_refuse);
        g_assert_cmpint(class_.has_early, ==, flag_cases[i].has_early);
        g_assert_cmpint(class_.has_ahead, ==,
            strstr(flag_cases[i].filter, "[filter rbl]") != NULL);
    }
}

static void
test_on_match_given_in_conf_d(void)
{
    g_auto(Fixture) fixture = { 0 };
    g_autoptr(WnSnapshot) snapshot = NULL;
    g_autofree char *chain = NULL;

    fixture_init(&fixture);
    fixture_write(&fixture, "winnow.conf",
        "[filter rbl]\naction = modify_subject\naction.tag = x\n"
        "on_match = continue\n");
    fixture_write(&fixture, "domains.d/a.conf",
        "[domain a.example]\nservers = 10.0.0.1\n[filter rbl]\n"
        "action = delete\n");
    snapshot = build(&fixture);
    chain = dump_domain(snapshot, "a.example");
    g_assert_cmpstr(chain, ==, "rbl>delete continue skip");
}

typedef struct DomainCase {
    const char *text; /* after [domain a.example] */
    const char *problem;
} DomainCase;

static const DomainCase domain_cases[] = {
    { "", "servers: at least one server is required" },
    { "status = initializing\n", NULL },
    { "servers = 192.0.2.1\n",
        "servers: \"192.0.2.1:25\" is this relay itself; the mail would loop" },
    { "servers = 192.0.2.1:26\n", NULL },
    { "servers = 127.0.0.1:2525\n",
        "servers: \"127.0.0.1:2525\" is this relay itself; the mail would "
        "loop" },
    { "servers = 127.0.0.1:2526\n", NULL },
    { "servers = 127.0.0.7:2600\n",
        "servers: \"127.0.0.7:2600\" is this relay itself; the mail would "
        "loop" },
    { "servers = 10.9.8.7:2600\n", NULL },
    { "servers = [::ffff:192.0.2.1]\n",
        "servers: \"::ffff:192.0.2.1:25\" is this relay itself; the mail "
        "would loop" },
    { "servers = Relay.example\n",
        "servers: \"relay.example:25\" is this relay itself; the mail would "
        "loop" },
    { "servers = localhost:2525\n",
        "servers: \"localhost:2525\" is this relay itself; the mail would "
        "loop" },
    { "servers = 10.0.0.1\negress_pool = man\n",
        "egress_pool: there is no [egress man] (did you mean \"main\"?)" },
    { "servers = 10.0.0.1\negress_pool = main\nfirewall = on\n", NULL },
    { "servers = 10.0.0.1\nfirewall = on\n",
        "egress_pool: is required with firewall: which [egress NAME]?" },
};

static void
test_domain_checks(void)
{
    g_autofree char *config = g_strconcat(filters,
        "[egress main]\naddresses = 192.0.2.9\n"
        "[egress other]\naddresses = 192.0.2.8\n",
        NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(domain_cases); i++) {
        const char *problem = domain_cases[i].problem;
        g_auto(Fixture) fixture = { 0 };
        g_autoptr(WnSnapshot) snapshot = NULL;
        g_autofree char *expected = NULL;
        g_autofree char *text = g_strconcat("[domain a.example]\n",
            domain_cases[i].text, NULL);

        fixture_init(&fixture);
        fixture_write(&fixture, "winnow.conf", config);
        fixture_write(&fixture, "domains.d/a.conf", text);
        snapshot = build(&fixture);
        expected =
            problem == NULL
                ? g_strdup("")
                : g_strdup_printf("domains.d/a.conf:1: [domain a.example] %s\n",
                    problem);
        assert_problems(fixture.problems, expected);
        g_assert_cmpuint(wn_snapshot_n_domains(snapshot), ==, problem == NULL);
    }
}

/* dane asks for records of a name; without one it is no more than may. */
static void
test_dane_of_an_address(void)
{
    static const struct {
        const char *text;
        bool warned;
    } cases[] = {
        { "servers = 10.0.0.1\ntls = dane\n", true },
        { "servers = mail.test; [2001:db8::1]:25 tls dane\n", true },
        { "servers = mail.test tls dane\n", false },
        { "servers = 10.0.0.1 tls verify\ntls = dane\n", false },
        { "servers = 10.0.0.1\ntls = may\n", false },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Fixture) fixture = { 0 };
        g_autoptr(WnSnapshot) snapshot = NULL;
        g_autofree char *text = g_strconcat("[domain a.example]\n",
            cases[i].text, NULL);

        fixture_init(&fixture);
        fixture_write(&fixture, "winnow.conf", filters);
        fixture_write(&fixture, "domains.d/a.conf", text);
        snapshot = build(&fixture);
        g_test_message("%s", text);
        g_assert_cmpuint(wn_problems_count(fixture.problems), ==, 0);
        g_assert_cmpuint(wn_problems_n_warnings(fixture.problems), ==,
            cases[i].warned);
        g_assert_cmpuint(wn_snapshot_n_domains(snapshot), ==, 1);
    }
}

static void
test_only_pool_is_taken(void)
{
    g_auto(Fixture) fixture = { 0 };
    g_autoptr(WnSnapshot) snapshot = NULL;
    WnDomain domain;

    fixture_init(&fixture);
    fixture_write(&fixture, "winnow.conf",
        "[egress main]\naddresses = 192.0.2.9\n");
    fixture_write(&fixture, "domains.d/a.conf",
        "[domain a.example]\nservers = 10.0.0.1\nfirewall = on\n");
    snapshot = build(&fixture);
    assert_problems(fixture.problems, "");
    g_assert_true(wn_snapshot_domain(snapshot, WN_SPAN("a.example"), &domain));
    g_assert_cmpstr(domain.egress_pool.ptr, ==, "main");
}

static void
test_not_enabled_is_left_out(void)
{
    g_auto(Fixture) fixture = { 0 };
    g_autoptr(WnSnapshot) snapshot = NULL;
    WnDomain domain;

    fixture_init(&fixture);
    fixture_write(&fixture, "winnow.conf", filters);
    fixture_write(&fixture, "domains.d/a.conf",
        "[domain a.example]\nservers = 10.0.0.1\nenabled = no\n"
        "[domain b.example]\nservers = 10.0.0.1\nfilters = phrase\n"
        "[filter phrase]\naction = forward\naction.to = x@a.example\n");
    snapshot = build(&fixture);
    assert_problems(fixture.problems,
        "domains.d/a.conf:4: [domain b.example] action.to: forwards to "
        "\"a.example\", which is no domain of this relay\n");
    g_assert_false(wn_snapshot_domain(snapshot, WN_SPAN("a.example"), &domain));
    g_assert_false(wn_snapshot_domain(snapshot, WN_SPAN("b.example"), &domain));
}

/* Each forwards to the next; the last one's target is missing. */
static void
test_broken_forwards_spread(void)
{
    g_auto(Fixture) fixture = { 0 };
    g_autoptr(WnSnapshot) snapshot = NULL;
    g_autoptr(GString) text = g_string_new(NULL);
    enum { N = 2000 };

    fixture_init(&fixture);
    fixture_write(&fixture, "winnow.conf", filters);
    for (unsigned i = 0; i < N; i++) {
        g_autofree char *name = g_strdup_printf("domains.d/%05u.conf", i);

        g_string_printf(text,
            "[domain d%u.example]\nservers = 10.0.0.1\n[filter phrase]\n"
            "action = forward\naction.to = x@d%u.example\n",
            i, i + 1);
        fixture_write(&fixture, name, text->str);
    }
    fixture_write(&fixture, "domains.d/z.conf",
        "[domain alone.example]\nservers = 10.0.0.1\n");
    snapshot = build(&fixture);
    g_assert_cmpuint(wn_problems_count(fixture.problems), ==, N);
    g_assert_cmpuint(wn_snapshot_n_domains(snapshot), ==, 1);
}

static const char
    good[] = "[domain a.example]\nservers = 10.0.0.1:2525\nmailboxes = listed\n"
             "technical_contact = t@a.example\nmax_message_size = 1M\n"
             "[filter rbl]\naction = reject\naction.text = before\n";

static WnSnapshot *
rebuild(Fixture *fixture, const WnSnapshot *previous)
{
    wn_problems_free(fixture->problems);
    fixture->problems = wn_problems_new();
    return build_on(fixture, previous);
}

/* Whatever goes wrong with a domain, it keeps what it had. */
static void
test_previous_is_kept(void)
{
    static const char *const later[] = {
        "[domain a.example]\nservers = 10.0.0.2:0\n",
        "[domain a.example]\nservers = 10.0.0.2\nfilters = none\n",
        "[domain a.example]\nservers = 192.0.2.1\n",
        "[domain a.example]\nservers = 10.0.0.2\n[filter rbl]\n"
        "action = forward\naction.to = x@gone.example\n",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(later); i++) {
        g_auto(Fixture) fixture = { 0 };
        g_autoptr(WnSnapshot) first = NULL;
        g_autoptr(WnSnapshot) second = NULL;
        g_autofree char *before = NULL;
        g_autofree char *after = NULL;
        WnDomain domain;
        bool filtered;

        fixture_init(&fixture);
        fixture_write(&fixture, "winnow.conf", filters);
        fixture_write(&fixture, "domains.d/a.conf", good);
        fixture_write(&fixture, "domains.d/a.example.mailboxes",
            "jo filtering=off\n");
        first = build(&fixture);
        assert_problems(fixture.problems, "");
        fixture_write(&fixture, "domains.d/a.conf", later[i]);
        second = rebuild(&fixture, first);
        if (wn_problems_count(fixture.problems) != 1)
            assert_problems(fixture.problems, "one problem");
        before = dump_domain(first, "a.example");
        after = dump_domain(second, "a.example");
        g_assert_cmpstr(before, ==, after);
        g_assert_true(
            wn_snapshot_domain(second, WN_SPAN("a.example"), &domain));
        g_assert_cmpuint(wn_snapshot_server(second, &domain, 0).port, ==, 2525);
        g_assert_cmpint(domain.max_message_size, ==, 1 << 20);
        g_assert_cmpstr(domain.technical_contact.ptr, ==, "t@a.example");
        g_assert_true(
            wn_snapshot_mailbox(second, &domain, WN_SPAN("jo"), &filtered));
        g_assert_false(filtered);
        g_assert_false(
            wn_snapshot_mailbox(second, &domain, WN_SPAN("al"), &filtered));
    }
}

/* A kept chain loses the filters that conf.d no longer has. */
static void
test_previous_chain_is_renewed(void)
{
    g_auto(Fixture) fixture = { 0 };
    g_autoptr(WnSnapshot) first = NULL;
    g_autoptr(WnSnapshot) second = NULL;
    g_autofree char *chain = NULL;

    fixture_init(&fixture);
    fixture_write(&fixture, "winnow.conf", filters);
    fixture_write(&fixture, "domains.d/a.conf",
        "[domain a.example]\nservers = 10.0.0.1\n");
    first = build(&fixture);
    fixture_write(&fixture, "winnow.conf",
        "[filter urlphone]\naction = delete\n");
    fixture_write(&fixture, "domains.d/a.conf", "[domain a.example]\n");
    second = rebuild(&fixture, first);
    chain = dump_domain(second, "a.example");
    g_assert_cmpstr(chain, ==, URLPHONE);
}

/* What is no longer given is gone, previous or not. */
static void
test_removed_is_removed(void)
{
    g_auto(Fixture) fixture = { 0 };
    g_autoptr(WnSnapshot) first = NULL;
    g_autoptr(WnSnapshot) second = NULL;

    fixture_init(&fixture);
    fixture_write(&fixture, "winnow.conf", filters);
    fixture_write(&fixture, "domains.d/a.conf",
        "[domain a.example]\nservers = 10.0.0.1\n"
        "[domain b.example]\nservers = 10.0.0.1\n");
    first = build(&fixture);
    g_assert_cmpuint(wn_snapshot_n_domains(first), ==, 2);
    fixture_write(&fixture, "domains.d/a.conf",
        "[domain a.example]\nservers = 10.0.0.1\nenabled = false\n");
    second = rebuild(&fixture, first);
    g_assert_cmpuint(wn_snapshot_n_domains(second), ==, 0);
}

/* A source without files, such as a database, may hand over anything. */
static void
test_hostile_rows(void)
{
    g_auto(Fixture) fixture = { 0 };
    g_autoptr(WnCatalogue) catalogue = catalogue_of_plugins();
    g_autoptr(WnConfig) config = NULL;
    g_autoptr(WnSnapshotWriter) writer = NULL;
    g_autoptr(GByteArray) bytes = NULL;
    WnDomainSetting *domain;

    fixture_init(&fixture);
    fixture_write(&fixture, "winnow.conf", filters);
    config = fixture_config(&fixture);
    writer = wn_snapshot_writer_new(config, catalogue);

    domain = wn_domain_setting_new("Upper.example");
    wn_domain_setting_add_server(domain, "10.0.0.1", 25, 1);
    g_assert_false(wn_snapshot_writer_add(writer, domain, fixture.problems));
    domain = wn_domain_setting_new("a\nb.example");
    wn_domain_setting_add_server(domain, "10.0.0.1", 0, 1);
    wn_domain_setting_add_mailbox(domain, "x@y", WN_FILTERING_ON);
    g_assert_false(wn_snapshot_writer_add(writer, domain, fixture.problems));
    domain = wn_domain_setting_new("ok.example");
    wn_domain_setting_add_server(domain, "10.0.0.1", 25, 3);
    domain->reject_text = g_strdup("no\r\n250 OK");
    g_assert_true(wn_snapshot_writer_add(writer, domain, fixture.problems));
    domain = wn_domain_setting_new("ok.example");
    wn_domain_setting_add_server(domain, "10.0.0.1", 25, 3);
    g_assert_false(wn_snapshot_writer_add(writer, domain, fixture.problems));
    assert_problems(fixture.problems,
        "[domain Upper.example]: the name must be in lower case\n"
        "[domain a b.example]: expected a domain name: letters, digits, - and "
        "dots\n"
        "[domain a b.example] servers: \"10.0.0.1:0\": expected a port from 1 "
        "to 65535\n"
        "[domain a b.example] mailboxes: \"x@y\": write only what stands "
        "before the @\n"
        "[domain ok.example]: the domain is given twice\n");
    bytes = wn_snapshot_writer_finish(writer, 1, fixture.problems);
    g_assert_nonnull(bytes);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/conf/writer/merge", test_merge);
    g_test_add_func("/conf/writer/file-options", test_file_options);
    g_test_add_func("/conf/writer/flags", test_flags);
    g_test_add_func("/conf/writer/on-match", test_on_match_given_in_conf_d);
    g_test_add_func("/conf/writer/domain-checks", test_domain_checks);
    g_test_add_func("/conf/writer/dane-of-an-address", test_dane_of_an_address);
    g_test_add_func("/conf/writer/only-pool", test_only_pool_is_taken);
    g_test_add_func("/conf/writer/not-enabled", test_not_enabled_is_left_out);
    g_test_add_func("/conf/writer/forwards", test_broken_forwards_spread);
    g_test_add_func("/conf/writer/previous-kept", test_previous_is_kept);
    g_test_add_func("/conf/writer/previous-renewed",
        test_previous_chain_is_renewed);
    g_test_add_func("/conf/writer/removed", test_removed_is_removed);
    g_test_add_func("/conf/writer/hostile-rows", test_hostile_rows);
    return g_test_run();
}
