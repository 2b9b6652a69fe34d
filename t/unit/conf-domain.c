/* SPDX-License-Identifier: MIT */
#include "core/conf/domain_file.h"

#include <sys/stat.h>

#include "t/unit/conf-fixture.h"

static void
keep_domain(void *user, WnDomainSetting *take_domain)
{
    g_ptr_array_add(user, take_domain);
}

static void
free_domain(void *data)
{
    wn_domain_setting_free(data);
}

static GPtrArray *
read_domains(const Fixture *fixture)
{
    g_autofree char *folder = fixture_path(fixture, "domains.d");
    GPtrArray *domains = g_ptr_array_new_with_free_func(free_domain);

    wn_domain_files_read(folder, fixture->problems, keep_domain, domains);
    return domains;
}

static void
test_all_keys(void)
{
    g_auto(Fixture) fixture = { 0 };
    g_autoptr(GPtrArray) domains = NULL;
    const WnDomainSetting *domain;
    const WnServerSetting *server;
    const WnFilterSetting *filter;
    const WnSetting *setting;

    fixture_init(&fixture);
    fixture_write(&fixture, "domains.d/example.com.conf",
        "[domain Example.COM]\n"
        "servers = 10.1.2.3:2525 tls dane\tweight 65535; "
        "Mail2.example.com; [2001:db8::7]:26 weight 3\n"
        "delivery = ordered\n"
        "filters = rbl; phrase\n"
        "mailboxes = listed\n"
        "firewall = true\n"
        "egress_pool = main\n"
        "tls = verify\n"
        "max_message_size = 10M\n"
        "status = suspended\n"
        "enabled = true\n"
        "filter_default = off\n"
        "reject_text = No, thanks\n"
        "queue_lifetime = 1d\n"
        "delay_notice = 2h\n"
        "technical_contact = Admin@example.com\n"
        "[filter rbl]\n"
        "enabled = no\n"
        "position = 7\n"
        "action = reject\n"
        "on_match = continue\n"
        "on_error = tempfail\n"
        "action.text = %c is listed\n"
        "zones = a.example; b.example\n");
    fixture_write(&fixture, "domains.d/example.com.mailboxes",
        "# people\n\nJohn.Doe\r\n  jane\tfiltering=off  \nboss filtering=on\n");
    domains = read_domains(&fixture);
    assert_problems(fixture.problems, "");
    g_assert_cmpuint(domains->len, ==, 1);
    domain = g_ptr_array_index(domains, 0);
    g_assert_cmpstr(domain->name, ==, "example.com");
    g_assert_cmpstr(domain->file, ==, "domains.d/example.com.conf");
    g_assert_cmpuint(domain->line, ==, 1);
    g_assert_false(domain->faulty);
    g_assert_cmpuint(domain->servers->len, ==, 3);
    server = g_ptr_array_index(domain->servers, 1);
    g_assert_cmpstr(server->host, ==, "mail2.example.com");
    g_assert_cmpuint(server->port, ==, 25);
    g_assert_cmpuint(server->weight, ==, 1);
    g_assert_cmpuint(server->own_tls, ==, 0);
    server = g_ptr_array_index(domain->servers, 0);
    g_assert_cmpuint(server->weight, ==, 65535);
    g_assert_cmpuint(server->own_tls, ==, WN_OWN_TLS(WN_TLS_POLICY_DANE));
    server = g_ptr_array_index(domain->servers, 2);
    g_assert_cmpuint(server->port, ==, 26);
    g_assert_cmpuint(server->weight, ==, 3);
    g_assert_cmpuint(server->own_tls, ==, 0);
    g_assert_cmpint(domain->delivery, ==, WN_DELIVERY_ORDERED);
    g_assert_cmpstr(domain->filters[1], ==, "phrase");
    g_assert_null(domain->filters[2]);
    g_assert_cmpint(domain->mailboxes, ==, WN_MAILBOXES_LISTED);
    g_assert_true(domain->firewall);
    g_assert_cmpstr(domain->egress_pool, ==, "main");
    g_assert_cmpint(domain->tls, ==, WN_TLS_POLICY_VERIFY);
    g_assert_cmpint(domain->max_message_size, ==, 10 << 20);
    g_assert_cmpint(domain->status, ==, WN_DOMAIN_SUSPENDED);
    g_assert_true(domain->enabled);
    g_assert_false(domain->filter_default);
    g_assert_cmpstr(domain->reject_text, ==, "No, thanks");
    g_assert_cmpint(domain->queue_lifetime_ms, ==, 86400000);
    g_assert_cmpint(domain->delay_notice_ms, ==, 7200000);
    g_assert_cmpstr(domain->technical_contact, ==, "Admin@example.com");
    g_assert_cmpuint(domain->mailbox_list->len, ==, 3);
    g_assert_cmpstr(g_array_index(domain->mailbox_list, WnMailboxSetting, 0)
                        .local_part,
        ==, "john.doe");
    g_assert_cmpint(g_array_index(domain->mailbox_list, WnMailboxSetting, 1)
                        .filtering,
        ==, WN_FILTERING_OFF);
    filter = g_ptr_array_index(domain->filter_settings, 0);
    g_assert_cmpstr(filter->name, ==, "rbl");
    g_assert_cmpint(filter->enabled, ==, 0);
    g_assert_cmpint(filter->position, ==, 7);
    g_assert_cmpstr(filter->action, ==, "reject");
    g_assert_cmpint(filter->on_match, ==, WN_ON_MATCH_CONTINUE);
    g_assert_cmpint(filter->on_error, ==, WN_ON_ERROR_TEMPFAIL);
    g_assert_cmpuint(filter->settings->len, ==, 2);
    setting = g_ptr_array_index(filter->settings, 1);
    g_assert_cmpstr(setting->key, ==, "zones");
    g_assert_cmpuint(setting->line, ==, 24);
}

static void
test_defaults(void)
{
    g_auto(Fixture) fixture = { 0 };
    g_autoptr(GPtrArray) domains = NULL;
    const WnDomainSetting *domain;

    fixture_init(&fixture);
    fixture_write(&fixture, "domains.d/a.conf",
        "[domain a.example]\nservers = 10.0.0.1\n[domain b.example]\n"
        "[filter rbl]\n");
    domains = read_domains(&fixture);
    assert_problems(fixture.problems, "");
    g_assert_cmpuint(domains->len, ==, 2);
    domain = g_ptr_array_index(domains, 1);
    g_assert_cmpstr(domain->name, ==, "b.example");
    g_assert_true(domain->enabled);
    g_assert_cmpint(domain->status, ==, WN_DOMAIN_READY);
    g_assert_cmpint(domain->delivery, ==, WN_DELIVERY_EVEN);
    g_assert_cmpint(domain->mailboxes, ==, WN_MAILBOXES_ANY);
    g_assert_true(domain->filter_default);
    g_assert_false(domain->firewall);
    g_assert_cmpint(domain->tls, ==, WN_TLS_POLICY_MAY);
    g_assert_cmpint(domain->max_message_size, ==, 0);
    g_assert_null(domain->filters);
    g_assert_null(domain->reject_text);
    g_assert_cmpuint(domain->filter_settings->len, ==, 1);
}

typedef struct Case {
    const char *text;
    const char *problems;
} Case;

static const Case mistakes[] = {
    { "[domain a.example]\nserver = 10.0.0.1\n",
        "domains.d/x.conf:2: [domain a.example] server: unknown key (did you "
        "mean \"servers\"?)\n" },
    { "[domain a.example]\nservers = 10.0.0.1:0\n",
        "domains.d/x.conf:2: [domain a.example] servers: \"10.0.0.1:0\": "
        "expected a port from 1 to 65535\n" },
    { "[domain a.example]\nservers = 10.0.0.1; -oProxy\n",
        "domains.d/x.conf:2: [domain a.example] servers: \"-oProxy\": a label "
        "begins or ends with -\n" },
    { "[domain a.example]\nservers = 169.254.0.1\n",
        "domains.d/x.conf:2: [domain a.example] servers: \"169.254.0.1\": "
        "mail cannot be sent to this address (unspecified, link-local or "
        "multicast)\n" },
    { "[domain a.example]\nservers = m.example; M.example:25\n",
        "domains.d/x.conf:2: [domain a.example] servers: \"M.example:25\": "
        "this server is given twice\n" },
    { "[domain a.example]\nservers = m.example wieght 3\n",
        "domains.d/x.conf:2: [domain a.example] servers: \"m.example wieght "
        "3\": unknown word \"wieght\" (did you mean \"weight\"?): behind the "
        "server, \"weight NUMBER\" and \"tls POLICY\" may stand, and ; "
        "separates servers\n" },
    { "[domain a.example]\nservers = m.example, n.example\n",
        "domains.d/x.conf:2: [domain a.example] servers: \"m.example, "
        "n.example\": expected a domain name: letters, digits, - and dots\n" },
    { "[domain a.example]\nservers = m.example weight 0\n",
        "domains.d/x.conf:2: [domain a.example] servers: \"m.example weight "
        "0\": \"0\": expected a weight from 1 to 65535\n" },
    { "[domain a.example]\nservers = m.example weight 65536\n",
        "domains.d/x.conf:2: [domain a.example] servers: \"m.example weight "
        "65536\": \"65536\": expected a weight from 1 to 65535\n" },
    { "[domain a.example]\nservers = m.example weight\n",
        "domains.d/x.conf:2: [domain a.example] servers: \"m.example weight\": "
        "\"weight\" needs a value: a number from 1 to 65535\n" },
    { "[domain a.example]\nservers = m.example tls\n",
        "domains.d/x.conf:2: [domain a.example] servers: \"m.example tls\": "
        "\"tls\" needs a value: none, may, require, verify or dane\n" },
    { "[domain a.example]\nservers = m.example weight 2 weight 2\n",
        "domains.d/x.conf:2: [domain a.example] servers: \"m.example weight 2 "
        "weight 2\": the weight is given twice\n" },
    { "[domain a.example]\nservers = m.example tls may tls may\n",
        "domains.d/x.conf:2: [domain a.example] servers: \"m.example tls may "
        "tls may\": the TLS policy is given twice\n" },
    { "[domain a.example]\nservers = m.example tls verfy\n",
        "domains.d/x.conf:2: [domain a.example] servers: \"m.example tls "
        "verfy\": tls \"verfy\" is not one of none, may, require, verify, dane "
        "(did you mean \"verify\"?)\n" },
    { "[domain a.example]\nservers = weight 3\n",
        "domains.d/x.conf:2: [domain a.example] servers: \"weight 3\": unknown "
        "word \"3\": behind the server, \"weight NUMBER\" and \"tls POLICY\" "
        "may stand, and ; separates servers\n" },
    { "[domain a.example]\nstatus = readdy\ntls = yes\n",
        "domains.d/x.conf:2: [domain a.example] status: \"readdy\" is not one "
        "of ready, initializing, suspended (did you mean \"ready\"?)\n"
        "domains.d/x.conf:3: [domain a.example] tls: \"yes\" is not one of "
        "none, may, require, verify, dane\n" },
    { "[domain a.example]\ntechnical_contact = nobody\n",
        "domains.d/x.conf:2: [domain a.example] technical_contact: expected "
        "an address: local@domain\n" },
    { "[domain a.example]\nmailboxes = listed\n",
        "domains.d/x.conf:1: [domain a.example] mailboxes: \"listed\" needs "
        "the file a.example.mailboxes beside this one\n" },
    { "[domain b\xc3\xbc"
      "cher.example]\n",
        "domains.d/x.conf:1: [domain b\xc3\xbc"
        "cher.example]: write the "
        "name's A-label (xn--...), as it stands in DNS\n" },
    { "[domain a.example]\n[domain A.Example]\n",
        "domains.d/x.conf:2: [domain A.Example]: the domain is given twice, "
        "first in domains.d/x.conf\n" },
    { "[domain a.example]\n[filter rbl]\nplugin = rbl\ntimeout = 5s\n",
        "domains.d/x.conf:3: [filter rbl] plugin: can be set in conf.d only\n"
        "domains.d/x.conf:4: [filter rbl] timeout: can be set in conf.d "
        "only\n" },
    { "[domain a.example]\n[filer rbl]\n",
        "domains.d/x.conf:2: [filer rbl]: unknown group (did you mean "
        "\"filter\"?)\n" },
    { "[server]\n", "domains.d/x.conf:1: [server]: unknown group\n" },
    { "[domain]\n", "domains.d/x.conf:1: [domain]: expected [domain NAME]\n" },
};

static void
test_mistakes(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(mistakes); i++) {
        g_auto(Fixture) fixture = { 0 };
        g_autoptr(GPtrArray) domains = NULL;

        fixture_init(&fixture);
        fixture_write(&fixture, "domains.d/x.conf", mistakes[i].text);
        domains = read_domains(&fixture);
        assert_problems(fixture.problems, mistakes[i].problems);
        for (unsigned n = 0; n < domains->len; n++) {
            const WnDomainSetting *domain = g_ptr_array_index(domains, n);

            if (!g_str_has_prefix(mistakes[i].problems,
                    "domains.d/x.conf:2: [domain A.Example]"))
                g_assert_true(domain->faulty);
        }
    }
}

/* A mistake in one file leaves the domains of others alone. */
static void
test_only_faulty_ones(void)
{
    g_auto(Fixture) fixture = { 0 };
    g_autoptr(GPtrArray) domains = NULL;
    const WnDomainSetting *domain;

    fixture_init(&fixture);
    fixture_write(&fixture, "domains.d/a.conf", "[domain a.example]\n");
    fixture_write(&fixture, "domains.d/b.conf",
        "[domain b.example]\nnonsense = 1\n[domain c.example]\n");
    fixture_write(&fixture, "domains.d/d.conf", "[domain d.example]\nxx\n");
    domains = read_domains(&fixture);
    g_assert_cmpuint(domains->len, ==, 4);
    for (unsigned i = 0; i < domains->len; i++) {
        domain = g_ptr_array_index(domains, i);
        g_assert_cmpint(domain->faulty, ==,
            domain->name[0] == 'b' || domain->name[0] == 'd');
    }
}

static void
test_twice_in_two_files(void)
{
    g_auto(Fixture) fixture = { 0 };
    g_autoptr(GPtrArray) domains = NULL;
    const WnDomainSetting *domain;

    fixture_init(&fixture);
    fixture_write(&fixture, "domains.d/a.conf", "[domain x.example]\n");
    fixture_write(&fixture, "domains.d/b.conf",
        "\n[domain x.example]\nfirewall=on\n");
    domains = read_domains(&fixture);
    assert_problems(fixture.problems,
        "domains.d/b.conf:2: [domain x.example]: the domain is given twice, "
        "first in domains.d/a.conf\n");
    g_assert_cmpuint(domains->len, ==, 1);
    domain = g_ptr_array_index(domains, 0);
    g_assert_false(domain->faulty);
    g_assert_false(domain->firewall);
}

static void
test_mailbox_mistakes(void)
{
    g_auto(Fixture) fixture = { 0 };
    g_autoptr(GPtrArray) domains = NULL;

    fixture_init(&fixture);
    fixture_write(&fixture, "domains.d/a.conf",
        "[domain a.example]\nmailboxes = listed\n");
    fixture_write(&fixture, "domains.d/a.example.mailboxes",
        "ok\nx@a.example\nOK\ny filtering=maybe\nz off\n.\n");
    domains = read_domains(&fixture);
    assert_problems(fixture.problems,
        "domains.d/a.example.mailboxes:2: write only what stands before the "
        "@\n"
        "domains.d/a.example.mailboxes:3: \"ok\" is given twice\n"
        "domains.d/a.example.mailboxes:4: expected \"filtering=on\" or "
        "\"filtering=off\" behind the local part, not \"filtering=maybe\"\n"
        "domains.d/a.example.mailboxes:5: expected \"filtering=on\" or "
        "\"filtering=off\" behind the local part, not \"off\"\n"
        "domains.d/a.example.mailboxes:6: a dot may not begin or end a local "
        "part, or follow another\n");
    g_assert_true(
        ((const WnDomainSetting *)g_ptr_array_index(domains, 0))->faulty);
}

static void
test_mailbox_fifo(void)
{
    g_auto(Fixture) fixture = { 0 };
    g_autoptr(GPtrArray) domains = NULL;
    g_autofree char *path = NULL;

    fixture_init(&fixture);
    fixture_write(&fixture, "domains.d/a.conf", "[domain a.example]\n");
    path = fixture_path(&fixture, "domains.d/a.example.mailboxes");
    g_assert_cmpint(mkfifo(path, 0600), ==, 0);
    domains = read_domains(&fixture);
    assert_problems(fixture.problems,
        "domains.d/a.example.mailboxes: is not a regular file\n");
}

static void
test_no_folder(void)
{
    g_auto(Fixture) fixture = { 0 };
    g_autoptr(GPtrArray) domains = NULL;

    fixture_init(&fixture);
    domains = read_domains(&fixture);
    assert_problems(fixture.problems, "");
    g_assert_cmpuint(domains->len, ==, 0);
}

static void
test_names(void)
{
    g_assert_cmpstr(wn_domain_status_name(WN_DOMAIN_INITIALIZING), ==,
        "initializing");
    g_assert_cmpstr(wn_tls_policy_name(WN_TLS_POLICY_DANE), ==, "dane");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/conf/domain/all-keys", test_all_keys);
    g_test_add_func("/conf/domain/defaults", test_defaults);
    g_test_add_func("/conf/domain/mistakes", test_mistakes);
    g_test_add_func("/conf/domain/only-faulty", test_only_faulty_ones);
    g_test_add_func("/conf/domain/twice", test_twice_in_two_files);
    g_test_add_func("/conf/domain/mailbox-mistakes", test_mailbox_mistakes);
    g_test_add_func("/conf/domain/mailbox-fifo", test_mailbox_fifo);
    g_test_add_func("/conf/domain/no-folder", test_no_folder);
    g_test_add_func("/conf/domain/names", test_names);
    return g_test_run();
}
