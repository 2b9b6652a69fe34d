/* SPDX-License-Identifier: MIT */
#include "core/conf/names.h"

#include <string.h>

typedef struct Case {
    const char *text;
    const char *expected; /* NULL: refused */
} Case;

#define LABEL63 \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const Case domains[] = {
    { "example.com", "example.com" },
    { "EXAMPLE.Com", "example.com" },
    { "_dmarc.example.com", "_dmarc.example.com" },
    { "xn--bcher-kva.example", "xn--bcher-kva.example" },
    { "localhost", "localhost" },
    { "1and1.example", "1and1.example" },
    { LABEL63 ".example", LABEL63 ".example" },
    { LABEL63 "a.example", NULL },
    { LABEL63 "." LABEL63 "." LABEL63 "." LABEL63, NULL },
    { "", NULL },
    { ".", NULL },
    { "example.com.", NULL },
    { ".example.com", NULL },
    { "a..b", NULL },
    { "-a.example", NULL },
    { "a-.example", NULL },
    { "a b.example", NULL },
    { "a@b.example", NULL },
    { "*.example", NULL },
    { "b\xc3\xbc"
      "cher.example",
        NULL },
    { "192.0.2.1", NULL },
    { "a.example\n", NULL },
};

static void
test_domain(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(domains); i++) {
        g_autofree char *name = NULL;
        g_autofree char *fault = NULL;
        bool ok = wn_domain_name_parse(domains[i].text, &name, &fault);

        g_test_message("%s", domains[i].text);
        g_assert_cmpint(ok, ==, domains[i].expected != NULL);
        g_assert_cmpstr(name, ==, domains[i].expected);
        g_assert_cmpint(fault != NULL, ==, !ok);
    }
}

static void
test_u_label_is_explained(void)
{
    g_autofree char *name = NULL;
    g_autofree char *fault = NULL;

    g_assert_false(wn_domain_name_parse("b\xc3\xbc"
                                        "cher.example",
        &name, &fault));
    g_assert_nonnull(strstr(fault, "A-label"));
}

static const Case servers[] = {
    { "mail.example.com", "mail.example.com|25" },
    { "Mail.Example.com:2525", "mail.example.com|2525" },
    { "10.1.2.3", "10.1.2.3|25" },
    { "10.1.2.3:65535", "10.1.2.3|65535" },
    { "[2001:db8::1]:26", "2001:db8::1|26" },
    { "[2001:db8::1]", "2001:db8::1|25" },
    { "2001:db8::1", "2001:db8::1|25" },
    { "127.0.0.1:2526", "127.0.0.1|2526" },
    { "10.1.2.3:0", NULL },
    { "10.1.2.3:70000", NULL },
    { "10.1.2.3:99999999999999999999", NULL },
    { "10.1.2.3:", NULL },
    { "10.1.2.3:-1", NULL },
    { "10.1.2.3:2x", NULL },
    { "10.1.2.300", NULL },
    { "0.0.0.0", NULL },
    { "0.1.2.3", NULL },
    { "169.254.7.7", NULL },
    { "224.0.0.1", NULL },
    { "255.255.255.255", NULL },
    { "[::]:25", NULL },
    { "fe80::1", NULL },
    { "ff02::1", NULL },
    { "[::ffff:169.254.1.1]:25", NULL },
    { "[10.1.2.3]:25", NULL },
    { "[2001:db8::1", NULL },
    { "[2001:db8::1]x", NULL },
    { "-oProxyCommand=x", NULL },
    { "-a.example:25", NULL },
    { "", NULL },
    { ":25", NULL },
    { "a b:25", NULL },
    { "user@host", NULL },
};

static void
test_server(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(servers); i++) {
        g_autofree char *host = NULL;
        g_autofree char *fault = NULL;
        g_autofree char *both = NULL;
        uint16_t port = 0;
        bool ok = wn_server_parse(servers[i].text, &host, &port, &fault);

        g_test_message("%s", servers[i].text);
        g_assert_cmpint(ok, ==, servers[i].expected != NULL);
        g_assert_cmpint(fault != NULL, ==, !ok);
        if (ok)
            both = g_strdup_printf("%s|%u", host, port);
        g_assert_cmpstr(both, ==, servers[i].expected);
    }
}

static void
test_server_from_database(void)
{
    static const int64_t ports[] = { 0, -1, 65536, 70000, INT64_MIN };

    for (size_t i = 0; i < G_N_ELEMENTS(ports); i++) {
        g_autofree char *fault = NULL;

        g_assert_false(wn_server_check("mail.example", ports[i], &fault));
        g_assert_nonnull(fault);
    }
}

static const Case local_parts[] = {
    { "john", "john" },
    { "John.Doe", "john.doe" },
    { "a+tag", "a+tag" },
    { "o'hara", "o'hara" },
    { "", NULL },
    { ".a", NULL },
    { "a.", NULL },
    { "a..b", NULL },
    { "a@b", NULL },
    { "a b", NULL },
    { "\"a b\"", NULL },
    { "J\xc3\xb6rg", "j\xc3\xb6rg" },
    { "Jo\xcc\x88rg", "j\xc3\xb6rg" }, /* o and its dots apart */
    { "\xc3\x96rg", "\xc3\x96rg" },    /* only ASCII is folded */
    { "\xe7\x94\xa8\xe6\x88\xb7", "\xe7\x94\xa8\xe6\x88\xb7" },
    { "j\xf6rg", NULL }, /* Latin-1 */
    { "j\xc3", NULL },
    { "a\xc0\xae"
      "b",
        NULL },                /* overlong */
    { "a\xed\xa0\x80", NULL }, /* a surrogate */
    { "a\xc2\xa0"
      "b",
        NULL }, /* no-break space */
    { "a\xc2\x85"
      "b",
        NULL }, /* a control character */
    { LABEL63 "a", LABEL63 "a" },
    { LABEL63 "aa", NULL },
};

static void
test_local_part(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(local_parts); i++) {
        g_autofree char *local = NULL;
        g_autofree char *fault = NULL;
        bool ok = wn_local_part_parse(local_parts[i].text, &local, &fault);

        g_test_message("%s", local_parts[i].text);
        g_assert_cmpint(ok, ==, local_parts[i].expected != NULL);
        g_assert_cmpstr(local, ==, local_parts[i].expected);
    }
}

static void
test_mailbox(void)
{
    g_autofree char *local = NULL;
    g_autofree char *domain = NULL;
    g_autofree char *fault = NULL;

    g_assert_true(
        wn_address_split("Spam.Box@Example.COM", &local, &domain, &fault));
    g_assert_cmpstr(local, ==, "Spam.Box");
    g_assert_cmpstr(domain, ==, "example.com");
    g_assert_false(wn_address_split("a@b@c.example", &local, &domain, &fault));
    g_clear_pointer(&fault, g_free);
    g_assert_false(wn_address_split("nobody", &local, &domain, &fault));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/conf/names/domain", test_domain);
    g_test_add_func("/conf/names/u-label", test_u_label_is_explained);
    g_test_add_func("/conf/names/server", test_server);
    g_test_add_func("/conf/names/server-port", test_server_from_database);
    g_test_add_func("/conf/names/local-part", test_local_part);
    g_test_add_func("/conf/names/mailbox", test_mailbox);
    return g_test_run();
}
