/* SPDX-License-Identifier: MIT */
#include "core/conf/config.h"

#include "core/conf/config_keys.h"

#include <sys/stat.h>
#include <unistd.h>

#include "t/unit/conf-fixture.h"

/* As DESIGN shows it, with other values than the defaults where there are
 * any. */
static const char sample[] = "[server]\n"
                             "hostname = Relay1a.example.net\n"
                             "listen = 127.0.0.1; [::1]:2525\n"
                             "user = winnow\n"
                             "workers = 3\n"
                             "isolation = none\n"
                             "sandbox = require\n"
                             "spool = var/spool\n"
                             "state = /srv/../var/lib/winnow\n"
                             "run = run\n"
                             "plugins = plugins\n"
                             "tls_certificate = tls/fullchain.pem\n"
                             "tls_key = tls/key.pem\n"
                             "proxy_from = 10.0.0.0/8; 2001:db8::/32\n"
                             "metrics = 127.0.0.1\n"
                             "bare_newlines = normalise\n"
                             "log = text\n"
                             "history = 3M\n"
                             "[limits]\n"
                             "max_message_size = 20M\n"
                             "max_recipients = 10\n"
                             "max_connections = 11\n"
                             "max_connections_per_client = 12\n"
                             "min_free_space = 1G\n"
                             "filter_memory = 3G\n"
                             "[dns]\n"
                             "servers = 127.0.0.1:5353; [::1]\n"
                             "[settings]\n"
                             "source = mariadb\n"
                             "interval = 1s\n"
                             "[mariadb]\n"
                             "hosts = db1:3306; unix:/run/mysqld.sock\n"
                             "database = winnow\n"
                             "user = relay\n"
                             "password_file = secret/password\n"
                             "tls = off\n"
                             "tls_ca = tls/ca.pem\n"
                             "[delivery]\n"
                             "retry = 10s; 1m\n"
                             "lifetime = 2d\n"
                             "delay_notice = 1h\n"
                             "[egress main]\n"
                             "addresses = 192.0.2.10; 2001:db8::10\n";

static void
assert_path(const Fixture *fixture, const char *path, const char *name)
{
    g_autofree char *expected = fixture_path(fixture, name);

    g_assert_cmpstr(path, ==, expected);
}

static void
test_sample(void)
{
    g_auto(Fixture) fixture = { 0 };
    g_autoptr(WnConfig) config = NULL;
    const WnNetaddr *listen;

    fixture_init(&fixture);
    fixture_write(&fixture, "winnow.conf", sample);
    config = fixture_config(&fixture);
    assert_problems(fixture.problems, "");
    g_assert_cmpstr(config->hostname, ==, "relay1a.example.net");
    listen = &g_array_index(config->listen, WnNetaddr, 0);
    g_assert_cmpuint(config->listen->len, ==, 2);
    g_assert_cmpuint(listen[0].port, ==, 25);
    g_assert_cmpuint(listen[1].port, ==, 2525);
    g_assert_cmpuint(listen[1].len, ==, 16);
    g_assert_cmpstr(config->user, ==, "winnow");
    g_assert_cmpuint(config->workers, ==, 3);
    g_assert_cmpint(config->isolation, ==, WN_ISOLATION_NONE);
    g_assert_cmpint(config->sandbox, ==, WN_SANDBOX_REQUIRE);
    assert_path(&fixture, config->spool, "var/spool");
    g_assert_cmpstr(config->state, ==, "/var/lib/winnow");
    assert_path(&fixture, config->plugins, "plugins");
    assert_path(&fixture, config->tls_certificate, "tls/fullchain.pem");
    assert_path(&fixture, config->tls_key, "tls/key.pem");
    g_assert_cmpuint(config->proxy_from->len, ==, 2);
    g_assert_cmpuint(config->metrics.port, ==, 9125);
    g_assert_cmpint(config->bare_newlines, ==, WN_BARE_NORMALISE);
    g_assert_false(config->log_json);
    g_assert_cmpint(config->history, ==, 3 << 20);
    g_assert_cmpint(config->max_message_size, ==, 20 << 20);
    g_assert_cmpuint(config->max_recipients, ==, 10);
    g_assert_cmpuint(config->max_connections, ==, 11);
    g_assert_cmpuint(config->max_connections_per_client, ==, 12);
    g_assert_cmpint(config->min_free_space, ==, 1 << 30);
    g_assert_cmpint(config->filter_memory, ==, 3LL << 30);
    g_assert_cmpstr(config->dns_servers, ==, "127.0.0.1:5353; [::1]");
    g_assert_cmpint(config->source, ==, WN_SOURCE_MARIADB);
    g_assert_cmpint(config->interval_ms, ==, 1000);
    g_assert_cmpstr(config->mariadb_hosts[1], ==, "unix:/run/mysqld.sock");
    g_assert_cmpstr(config->mariadb_tls, ==, "off");
    assert_path(&fixture, config->mariadb_tls_ca, "tls/ca.pem");
    assert_path(&fixture, config->mariadb_password_file, "secret/password");
    g_assert_cmpuint(config->retry_ms->len, ==, 2);
    g_assert_cmpint(g_array_index(config->retry_ms, int64_t, 1), ==, 60000);
    g_assert_cmpint(config->lifetime_ms, ==, 2 * 86400000);
    g_assert_cmpint(config->delay_notice_ms, ==, 3600000);
    g_assert_nonnull(wn_config_egress(config, "main"));
    g_assert_null(wn_config_egress(config, "other"));
}

static void
test_defaults(void)
{
    g_auto(Fixture) fixture = { 0 };
    g_autoptr(WnConfig) config = NULL;
    char text[WN_NETADDR_TEXT_MAX];

    fixture_init(&fixture);
    fixture_write(&fixture, "winnow.conf", "");
    config = fixture_config(&fixture);
    assert_problems(fixture.problems, "");
    g_assert_true(*config->hostname != '\0');
    g_assert_cmpuint(config->listen->len, ==, 2);
    wn_netaddr_format_port(&g_array_index(config->listen, WnNetaddr, 0), text);
    g_assert_cmpstr(text, ==, "0.0.0.0:25");
    wn_netaddr_format_port(&g_array_index(config->listen, WnNetaddr, 1), text);
    g_assert_cmpstr(text, ==, "[::]:25");
    g_assert_null(config->user);
    g_assert_cmpint(config->workers, ==,
        CLAMP(sysconf(_SC_NPROCESSORS_ONLN), 1, 256));
    g_assert_cmpint(config->isolation, ==, WN_ISOLATION_PROCESS);
    g_assert_cmpint(config->sandbox, ==, WN_SANDBOX_TRY);
    g_assert_cmpstr(config->spool, ==, "/var/spool/winnow");
    g_assert_cmpstr(config->state, ==, "/var/lib/winnow");
    g_assert_cmpstr(config->run, ==, "/run/winnow");
    g_assert_cmpstr(config->plugins, ==, WN_PLUGINDIR);
    g_assert_null(config->tls_certificate);
    g_assert_cmpuint(config->proxy_from->len, ==, 0);
    g_assert_cmpuint(config->metrics.len, ==, 0);
    g_assert_cmpint(config->bare_newlines, ==, WN_BARE_REFUSE);
    g_assert_true(config->log_json);
    g_assert_cmpint(config->history, ==, 64 << 20);
    g_assert_cmpint(config->max_message_size, ==, 50 << 20);
    g_assert_cmpuint(config->max_recipients, ==, 1000);
    g_assert_cmpuint(config->max_connections, ==, 10000);
    g_assert_cmpuint(config->max_connections_per_client, ==, 50);
    g_assert_cmpint(config->min_free_space, ==, 256 << 20);
    g_assert_cmpint(config->filter_memory, ==, 2LL << 30);
    g_assert_cmpstr(config->dns_servers, ==, "127.0.0.1:53");
    g_assert_cmpint(config->source, ==, WN_SOURCE_FILES);
    g_assert_cmpint(config->interval_ms, ==, 10000);
    g_assert_cmpuint(config->retry_ms->len, ==, 4);
    g_assert_cmpint(g_array_index(config->retry_ms, int64_t, 3), ==, 1800000);
    g_assert_cmpint(config->lifetime_ms, ==, 5 * 86400000);
    g_assert_cmpint(config->delay_notice_ms, ==, 4 * 3600000);
}

typedef struct Case {
    const char *text;
    const char *problems;
} Case;

static const Case mistakes[] = {
    { "[server]\nlisen = 0.0.0.0:25\n",
        "winnow.conf:2: [server] lisen: unknown key (did you mean "
        "\"listen\"?)\n" },
    { "[sever]\n",
        "winnow.conf:1: [sever]: unknown group (did you mean \"server\"?)\n" },
    { "[domain a.example]\n",
        "winnow.conf:1: [domain a.example]: domains stand in files of "
        "domains.d\n" },
    { "[server]\nworkers = many\n",
        "winnow.conf:2: [server] workers: \"many\" is not a number (like "
        "10)\n" },
    { "[server]\nworkers = 0\n",
        "winnow.conf:2: [server] workers: expected a number from 1 to 256\n" },
    { "[server]\nhostname = 192.0.2.1\n",
        "winnow.conf:2: [server] hostname: expected a domain name, not an "
        "address\n" },
    { "[server]\nlisten = 0.0.0.0:25; 0.0.0.0\n",
        "winnow.conf:2: [server] listen: \"0.0.0.0\" is given twice\n" },
    { "[server]\nlisten = 0.0.0.0:0\n",
        "winnow.conf:2: [server] listen: \"0.0.0.0:0\" is not address:port "
        "(like 0.0.0.0:25 or [::]:25)\n" },
    { "[server]\nlisten = ;\n",
        "winnow.conf:2: [server] listen: a list with at least one entry is "
        "required\n" },
    { "[server]\nisolation = proces\n",
        "winnow.conf:2: [server] isolation: \"proces\" is not one of process, "
        "none (did you mean \"process\"?)\n" },
    { "[server]\ntls_key = k.pem\n",
        "winnow.conf: [server] tls_certificate: tls_certificate and tls_key "
        "are given together or not at all\n" },
    { "[server]\nproxy_from = 10.0.0.1/8\n",
        "winnow.conf:2: [server] proxy_from: \"10.0.0.1/8\" has bits set "
        "behind its prefix (did you mean 10.0.0.0/8?)\n" },
    { "[server]\nhistory = 1023k\n",
        "winnow.conf:2: [server] history: \"1023k\" is too small: 0 for none, "
        "or at least 1M\n" },
    { "[server]\nhistory = 17G\n",
        "winnow.conf:2: [server] history: expected a size from 0 to 16G\n" },
    { "[server]\nhistory = 1h\n",
        "winnow.conf:2: [server] history: \"1h\" is not a size (like 64k or "
        "50M)\n" },
    { "[limits]\nmax_message_size = 50 MB\n",
        "winnow.conf:2: [limits] max_message_size: \"50 MB\" is not a size "
        "(like 64k or 50M)\n" },
    { "[limits]\nmax_message_size = 3G\n",
        "winnow.conf:2: [limits] max_message_size: expected a size from 1k to "
        "2147483647\n" },
    { "[dns]\nservers = resolver.example\n",
        "winnow.conf:2: [dns] servers: \"resolver.example\" is not "
        "address:port (like 127.0.0.1:53)\n" },
    { "[settings]\nsource = mariadb\n",
        "winnow.conf: [mariadb] hosts: is required because [settings] source "
        "is mariadb\n"
        "winnow.conf: [mariadb] database: is required because [settings] "
        "source is mariadb\n"
        "winnow.conf: [mariadb] user: is required because [settings] source "
        "is mariadb\n" },
    { "[delivery]\nretry = 1m; soon\n",
        "winnow.conf:2: [delivery] retry: \"soon\" is not a duration from 1s "
        "to 7d (like 15m)\n" },
    { "[egress]\naddresses = 192.0.2.1\n",
        "winnow.conf:1: [egress]: expected [egress NAME] with a name of a-z "
        "0-9 _ - (at most 64 bytes)\n" },
    { "[egress main]\n",
        "winnow.conf:1: [egress main]: the key \"addresses\" is required\n" },
    { "[egress main]\naddresses = 192.0.2.1:25\n",
        "winnow.conf:2: [egress main] addresses: \"192.0.2.1:25\" is not an "
        "address (like 192.0.2.10)\n" },
    { "[filter RBL]\n[filter a/b]\n[filter ../x]\n",
        "winnow.conf:1: [filter RBL]: expected [filter NAME] with a name of "
        "a-z 0-9 _ - (at most 64 bytes)\n"
        "winnow.conf:2: [filter a/b]: expected [filter NAME] with a name of "
        "a-z 0-9 _ - (at most 64 bytes)\n"
        "winnow.conf:3: [filter ../x]: expected [filter NAME] with a name of "
        "a-z 0-9 _ - (at most 64 bytes)\n" },
    { "[filter rbl]\ntimeout = 0\non_error = ignore\nenabled = 2\n"
      "position = -1\n",
        "winnow.conf:2: [filter rbl] timeout: expected a duration from 1ms to "
        "5m\n"
        "winnow.conf:3: [filter rbl] on_error: \"ignore\" is not one of skip, "
        "tempfail\n"
        "winnow.conf:4: [filter rbl] enabled: \"2\" is not a yes or no (like "
        "true or false)\n"
        "winnow.conf:5: [filter rbl] position: expected a number from 0 to "
        "1000000\n" },
};

static void
test_mistakes(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(mistakes); i++) {
        g_auto(Fixture) fixture = { 0 };
        g_autoptr(WnConfig) config = NULL;

        fixture_init(&fixture);
        fixture_write(&fixture, "winnow.conf", mistakes[i].text);
        config = fixture_config(&fixture);
        assert_problems(fixture.problems, mistakes[i].problems);
    }
}

static void
test_absent(void)
{
    g_auto(Fixture) fixture = { 0 };
    g_autoptr(WnConfig) config = NULL;
    g_autofree char *expected = NULL;

    fixture_init(&fixture);
    config = fixture_config(&fixture);
    expected = g_strdup_printf("%s/winnow.conf: cannot be read: "
                               "No such file or directory\n",
        fixture.folder);
    assert_problems(fixture.problems, expected);
}

/* The file that is installed shows each key once, with a value that holds. */
static void
test_example(void)
{
    const char *source = g_getenv("WN_SOURCE");
    g_auto(Fixture) fixture = { 0 };
    g_autoptr(WnConfig) config = NULL;
    g_autoptr(GRegex) comment = g_regex_new("^#(?=[a-z0-9_]+ = |\\[)",
        G_REGEX_MULTILINE, 0, NULL);
    g_autofree char *path = g_build_filename(source != NULL ? source : ".",
        "winnow.conf.example", NULL);
    g_autofree char *text = NULL;
    g_autofree char *all = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    fixture_init(&fixture);
    fixture_write(&fixture, "winnow.conf", text);
    config = fixture_config(&fixture);
    assert_problems(fixture.problems, "");
    g_clear_pointer(&config, wn_config_free);

    all = g_regex_replace(comment, text, -1, 0, "", 0, NULL);
    fixture_write(&fixture, "winnow.conf", all);
    config = fixture_config(&fixture);
    assert_problems(fixture.problems, "");
    for (const char *const *group = wn_config_group_names(); *group != NULL;
         group++) {
        const WnKeyTable *keys = wn_config_keys(*group);

        for (size_t i = 0; keys != NULL && i < keys->n; i++) {
            g_autofree char *line = g_strdup_printf("\n%s = ",
                keys->specs[i].key);

            g_assert_nonnull(strstr(all, line));
        }
    }
}

static void
test_snippets(void)
{
    static const char *const order[] = { "alone", "early", "late", "rbl",
        "odd" };
    g_auto(Fixture) fixture = { 0 };
    g_autoptr(WnConfig) config = NULL;
    const WnFilterConfig *filter;
    const WnSetting *setting;
    g_autofree char *resolved = NULL;

    fixture_init(&fixture);
    fixture_write(&fixture, "winnow.conf", "[filter alone]\nposition = 5\n");
    fixture_write(&fixture, "conf.d/20-rbl.conf",
        "[filter rbl]\nenabled = no\naction = modify_subject\n"
        "action.tag = [x]\nzones = a; b\nlists = lists/a.txt\n"
        "[filter late]\n[filter early]\nposition = 6\naction = none\n");
    fixture_write(&fixture, "conf.d/odd.conf",
        "[filter odd]\naction = reject\n");
    fixture_write(&fixture, "conf.d/20-rbl.conf~", "[filter rbl]\n");
    config = fixture_config(&fixture);
    assert_problems(fixture.problems, "");
    g_assert_cmpuint(config->filters->len, ==, G_N_ELEMENTS(order));
    for (size_t i = 0; i < G_N_ELEMENTS(order); i++) {
        filter = g_ptr_array_index(config->filters, i);
        g_assert_cmpstr(filter->name, ==, order[i]);
    }

    filter = wn_config_filter(config, "rbl");
    g_assert_cmpstr(filter->plugin, ==, "rbl");
    g_assert_false(filter->enabled);
    g_assert_cmpint(filter->position, ==, 20);
    g_assert_cmpint(filter->on_match, ==, WN_ON_MATCH_CONTINUE);
    g_assert_cmpint(filter->on_error, ==, WN_ON_ERROR_SKIP);
    g_assert_cmpint(filter->decide, ==, WN_DECIDE_DOMAIN);
    g_assert_cmpuint(filter->line, ==, 1);
    g_assert_cmpuint(filter->settings->len, ==, 3);
    setting = g_ptr_array_index(filter->settings, 2);
    g_assert_cmpstr(setting->file, ==, "conf.d/20-rbl.conf");
    g_assert_cmpuint(setting->line, ==, 6);
    resolved = wn_setting_resolve(setting);
    assert_path(&fixture, resolved, "conf.d/lists/a.txt");

    filter = wn_config_filter(config, "early");
    g_assert_null(filter->action);
    g_assert_cmpint(filter->on_match, ==, WN_ON_MATCH_CONTINUE);
    filter = wn_config_filter(config, "odd");
    g_assert_cmpint(filter->on_match, ==, WN_ON_MATCH_STOP);
    g_assert_false(filter->on_match_given);
    g_assert_null(wn_config_filter(config, "none"));
}

static void
test_group_twice_in_two_files(void)
{
    g_auto(Fixture) fixture = { 0 };
    g_autoptr(WnConfig) config = NULL;

    fixture_init(&fixture);
    fixture_write(&fixture, "winnow.conf", "[limits]\n\n[server]\n");
    fixture_write(&fixture, "conf.d/10-a.conf", "[filter rbl]\nx = 1\n");
    fixture_write(&fixture, "conf.d/20-b.conf",
        "[limits]\nmax_recipients = 5\n[filter  rbl]\n");
    config = fixture_config(&fixture);
    assert_problems(fixture.problems,
        "conf.d/20-b.conf:1: [limits]: the group is given twice, first in "
        "winnow.conf:1\n"
        "conf.d/20-b.conf:3: [filter rbl]: the group is given twice, first in "
        "conf.d/10-a.conf:1\n");
    g_assert_cmpuint(config->max_recipients, ==, 1000);
    g_assert_cmpuint(config->filters->len, ==, 1);
}

static void
test_fifo_snippet(void)
{
    g_auto(Fixture) fixture = { 0 };
    g_autoptr(WnConfig) config = NULL;
    g_autofree char *path = NULL;

    fixture_init(&fixture);
    fixture_write(&fixture, "winnow.conf", "");
    fixture_write(&fixture, "conf.d/README", "");
    path = fixture_path(&fixture, "conf.d/10-x.conf");
    g_assert_cmpint(mkfifo(path, 0600), ==, 0);
    config = fixture_config(&fixture);
    assert_problems(fixture.problems,
        "conf.d/10-x.conf: is not a regular file\n");
}

static void
test_writable_by_others(void)
{
    g_auto(Fixture) fixture = { 0 };
    g_autoptr(WnConfig) config = NULL;
    g_autofree char *path = NULL;

    fixture_init(&fixture);
    fixture_write(&fixture, "winnow.conf", "");
    fixture_write(&fixture, "conf.d/10-rbl.conf", "[filter rbl]\n");
    path = fixture_path(&fixture, "conf.d/10-rbl.conf");
    g_assert_cmpint(chmod(path, 0646), ==, 0);
    config = fixture_config(&fixture);
    assert_problems(fixture.problems,
        "conf.d/10-rbl.conf: can be written by others than its owner (chmod "
        "go-w)\n");
    g_assert_cmpuint(config->filters->len, ==, 0);
}

static void
test_foreign_owner(void)
{
    g_auto(Fixture) fixture = { 0 };
    g_autoptr(WnConfig) config = NULL;
    g_autofree char *path = NULL;

    if (geteuid() != 0) {
        g_test_skip("only root can give files away");
        return;
    }
    fixture_init(&fixture);
    fixture_write(&fixture, "winnow.conf", "");
    path = fixture_path(&fixture, "winnow.conf");
    g_assert_cmpint(chown(path, 12345, (gid_t)-1), ==, 0);
    config = fixture_config(&fixture);
    assert_problems(fixture.problems,
        "winnow.conf: belongs to user 12345; it must belong to root\n");
}

static const Case filter_checks[] = {
    { "[filter rbl]\nzones = a\nparallel = 3\naction = reject\n"
      "action.text = no\n",
        "" },
    { "[filter rbl]\nzonez = a\n",
        "winnow.conf:2: [filter rbl] zonez: unknown option of plugin \"rbl\" "
        "(did you mean \"zones\"?)\n" },
    { "[filter rbl]\npositon = 3\n",
        "winnow.conf:2: [filter rbl] positon: unknown option of plugin "
        "\"rbl\" (did you mean \"position\"?)\n" },
    { "[filter rbl]\nparallel = 101\n",
        "winnow.conf:2: [filter rbl] parallel: expected a number from 0 to "
        "100\n" },
    { "[filter strict]\nplugin = rbl\ndecide = listener\n", "" },
    { "[filter rbk]\n",
        "winnow.conf:1: [filter rbk] plugin: there is no filter plugin "
        "\"rbk\" (did you mean \"rbl\"?)\n" },
    { "[filter geoip]\nenabled = false\n", "" },
    { "[filter x]\nplugin = reject\n",
        "winnow.conf:1: [filter x] plugin: there is no filter plugin "
        "\"reject\"; it is an action\n" },
    { "[filter rbl]\naction = rejct\n",
        "winnow.conf:1: [filter rbl] action: there is no action plugin "
        "\"rejct\" (did you mean \"reject\"?)\n" },
    { "[filter rbl]\naction = phrase\n",
        "winnow.conf:1: [filter rbl] action: there is no action plugin "
        "\"phrase\"; it is a filter\n" },
    { "[filter rbl]\naction = reject\naction.tag = x\n",
        "winnow.conf:3: [filter rbl] action.tag: unknown option of plugin "
        "\"reject\"\n" },
    { "[filter rbl]\naction = reject\naction.txt = x\n",
        "winnow.conf:3: [filter rbl] action.txt: unknown option of plugin "
        "\"reject\" (did you mean \"action.text\"?)\n" },
    { "[filter rbl]\naction.text = x\n",
        "winnow.conf:2: [filter rbl] action.text: the filter has no action "
        "that could take this option\n" },
    { "[filter rbl]\naction = reject\naction.code = 999\n",
        "winnow.conf:3: [filter rbl] action.code: expected a number from 0 to "
        "559\n" },
    { "[filter phrase]\n",
        "winnow.conf:1: [filter phrase] phrases: is required: the plugin has "
        "no default\n" },
    { "[filter phrase]\nenabled = false\n", "" },
    { "[filter phrase]\nphrases = x\ndecide = listener\n",
        "winnow.conf:1: [filter phrase] decide: \"phrase\" looks at more than "
        "the client; only domains can decide\n" },
};

static void
test_check_filters(void)
{
    g_autoptr(WnCatalogue) catalogue = catalogue_of_plugins();

    for (size_t i = 0; i < G_N_ELEMENTS(filter_checks); i++) {
        g_auto(Fixture) fixture = { 0 };
        g_autoptr(WnConfig) config = NULL;

        fixture_init(&fixture);
        fixture_write(&fixture, "winnow.conf", filter_checks[i].text);
        config = fixture_config(&fixture);
        wn_config_check_filters(config, catalogue, fixture.problems);
        assert_problems(fixture.problems, filter_checks[i].problems);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/conf/config/sample", test_sample);
    g_test_add_func("/conf/config/defaults", test_defaults);
    g_test_add_func("/conf/config/mistakes", test_mistakes);
    g_test_add_func("/conf/config/absent", test_absent);
    g_test_add_func("/conf/config/example", test_example);
    g_test_add_func("/conf/config/snippets", test_snippets);
    g_test_add_func("/conf/config/group-twice", test_group_twice_in_two_files);
    g_test_add_func("/conf/config/fifo", test_fifo_snippet);
    g_test_add_func("/conf/config/writable", test_writable_by_others);
    g_test_add_func("/conf/config/foreign-owner", test_foreign_owner);
    g_test_add_func("/conf/config/check-filters", test_check_filters);
    return g_test_run();
}
