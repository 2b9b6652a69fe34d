/* SPDX-License-Identifier: MIT */
#include "core/smtp/grammar.h"
#include "core/smtp/xtext.h"

#include <glib.h>

typedef struct PathCase {
    const char *name;
    const char *text;
    WnPathStatus status;
    const char *local;
    const char *domain;
    const char *rest;
} PathCase;

#define A10 "aaaaaaaaaa"
#define A60 A10 A10 A10 A10 A10 A10
#define D50 "ddddddddd.ddddddddd.ddddddddd.ddddddddd.ddddddddd."

static const PathCase path_cases[] = {
    { "plain", "<a@b.example>", WN_PATH_OK, "a", "b.example", "" },
    { "rest", "<a@b> SIZE=1", WN_PATH_OK, "a", "b", " SIZE=1" },
    { "null", "<>", WN_PATH_OK, "", "", "" },
    { "null-rest", "<> X", WN_PATH_OK, "", "", " X" },
    { "bare", "<postmaster>", WN_PATH_OK, "postmaster", "", "" },
    { "bare-quoted", "<\"u@bad.example\">", WN_PATH_OK, "\"u@bad.example\"", "",
        "" },
    { "no-bracket", "a@b", WN_PATH_SYNTAX, NULL, NULL, NULL },
    { "empty", "", WN_PATH_SYNTAX, NULL, NULL, NULL },
    { "space-first", " <a@b>", WN_PATH_SYNTAX, NULL, NULL, NULL },
    { "unclosed", "<a@b", WN_PATH_SYNTAX, NULL, NULL, NULL },
    { "only-open", "<", WN_PATH_SYNTAX, NULL, NULL, NULL },
    { "two-ats", "<a@b@c.example>", WN_PATH_SYNTAX, NULL, NULL, NULL },
    { "no-local", "<@b>", WN_PATH_SYNTAX, NULL, NULL, NULL },
    { "no-domain", "<a@>", WN_PATH_SYNTAX, NULL, NULL, NULL },
    { "quoted", "<\"a b\"@c.example>", WN_PATH_OK, "\"a b\"", "c.example", "" },
    { "quoted-pair", "<\"a\\\"b\"@c>", WN_PATH_OK, "\"a\\\"b\"", "c", "" },
    { "quoted-bracket", "<\"a>b\"@c>", WN_PATH_OK, "\"a>b\"", "c", "" },
    { "quoted-at", "<\"u@bad.example\"@good.example>", WN_PATH_OK,
        "\"u@bad.example\"", "good.example", "" },
    { "quoted-sql", "<\"x'/**/UNION/**/SELECT/**/1--\"@a.example>", WN_PATH_OK,
        "\"x'/**/UNION/**/SELECT/**/1--\"", "a.example", "" },
    { "quoted-empty", "<\"\"@c.example>", WN_PATH_SYNTAX, NULL, NULL, NULL },
    { "quoted-unclosed", "<\"a@c.example>", WN_PATH_SYNTAX, NULL, NULL, NULL },
    { "quoted-escape-end", "<\"a\\", WN_PATH_SYNTAX, NULL, NULL, NULL },
    { "quoted-control", "<\"a\rb\"@c>", WN_PATH_SYNTAX, NULL, NULL, NULL },
    { "quoted-tab", "<\"a\tb\"@c>", WN_PATH_SYNTAX, NULL, NULL, NULL },
    { "quoted-then-text", "<\"a\"b@c>", WN_PATH_SYNTAX, NULL, NULL, NULL },
    { "route", "<@r1,@r2:a@b.example>", WN_PATH_OK, "a", "b.example", "" },
    { "route-one", "<@good.example:u@bad.example>", WN_PATH_OK, "u",
        "bad.example", "" },
    { "route-broken", "<@r1,r2:a@b>", WN_PATH_SYNTAX, NULL, NULL, NULL },
    { "route-no-mailbox", "<@r1:>", WN_PATH_SYNTAX, NULL, NULL, NULL },
    { "shell", "<;sleep 5;>", WN_PATH_SYNTAX, NULL, NULL, NULL },
    { "substitution", "<$(id)@x>", WN_PATH_OK, "$(id)", "x", "" },
    { "pipe", "<|cmd@x>", WN_PATH_OK, "|cmd", "x", "" },
    { "percent", "<u%bad.example@good.example>", WN_PATH_OK, "u%bad.example",
        "good.example", "" },
    { "bang", "<bad.example!u@good.example>", WN_PATH_OK, "bad.example!u",
        "good.example", "" },
    { "dots", "<a.b.c@d>", WN_PATH_OK, "a.b.c", "d", "" },
    { "dot-first", "<.a@d>", WN_PATH_SYNTAX, NULL, NULL, NULL },
    { "dot-last", "<a.@d>", WN_PATH_SYNTAX, NULL, NULL, NULL },
    { "dots-two", "<a..b@d>", WN_PATH_SYNTAX, NULL, NULL, NULL },
    { "tab-before-at", "<u\t@bad.example>", WN_PATH_SYNTAX, NULL, NULL, NULL },
    { "space-before-close", "<a@b >", WN_PATH_SYNTAX, NULL, NULL, NULL },
    { "domain-hyphen", "<a@-b..c>", WN_PATH_SYNTAX, NULL, NULL, NULL },
    { "domain-hyphen-last", "<a@b-.c>", WN_PATH_SYNTAX, NULL, NULL, NULL },
    { "domain-dots", "<a@b..c>", WN_PATH_SYNTAX, NULL, NULL, NULL },
    { "domain-dot-first", "<a@.b>", WN_PATH_SYNTAX, NULL, NULL, NULL },
    { "domain-underscore", "<a@b_c.example>", WN_PATH_OK, "a", "b_c.example",
        "" },
    { "domain-dot-last", "<u@GOOD.Example.>", WN_PATH_OK, "u", "GOOD.Example",
        "" },
    { "domain-two-dots-last", "<u@good..>", WN_PATH_SYNTAX, NULL, NULL, NULL },
    { "literal", "<a@[1.2.3.4]>", WN_PATH_OK, "a", "[1.2.3.4]", "" },
    { "literal-bad", "<a@[300.1.1.1]>", WN_PATH_SYNTAX, NULL, NULL, NULL },
    { "literal-v6", "<a@[IPv6:2001:db8::1]>", WN_PATH_OK, "a",
        "[IPv6:2001:db8::1]", "" },
    { "literal-v6-untagged", "<a@[2001:db8::1]>", WN_PATH_SYNTAX, NULL, NULL,
        NULL },
    { "literal-v4-tagged", "<a@[IPv6:1.2.3.4]>", WN_PATH_SYNTAX, NULL, NULL,
        NULL },
    { "literal-empty", "<a@[]>", WN_PATH_SYNTAX, NULL, NULL, NULL },
    { "literal-then-text", "<a@[1.2.3.4]x>", WN_PATH_SYNTAX, NULL, NULL, NULL },
    { "utf8-local", "<\xc3\xbc@x.example>", WN_PATH_UTF8, NULL, NULL, NULL },
    { "utf8-domain", "<a@\xc3\xbc.example>", WN_PATH_UTF8, NULL, NULL, NULL },
    { "utf8-quoted", "<\"\xc3\xbc\"@x>", WN_PATH_UTF8, NULL, NULL, NULL },
    { "utf8-route", "<@\xc3\xbc:a@x>", WN_PATH_UTF8, NULL, NULL, NULL },
    { "local-64", "<" A60 "aaaa@d>", WN_PATH_OK, A60 "aaaa", "d", "" },
    { "local-65", "<" A60 "aaaaa@d>", WN_PATH_TOO_LONG, NULL, NULL, NULL },
    { "label-63", "<a@" A60 "aaa.d>", WN_PATH_OK, "a", A60 "aaa.d", "" },
    { "label-64", "<a@" A60 "aaaa.d>", WN_PATH_TOO_LONG, NULL, NULL, NULL },
    { "path-256", "<a@" D50 D50 D50 D50 D50 "dd>", WN_PATH_OK, "a",
        D50 D50 D50 D50 D50 "dd", "" },
    { "path-257", "<a@" D50 D50 D50 D50 D50 "ddd>", WN_PATH_TOO_LONG, NULL,
        NULL, NULL },
    { "domain-256", "<a@" D50 D50 D50 D50 D50 "dddddd>", WN_PATH_TOO_LONG, NULL,
        NULL, NULL },
    { "route-counts", "<@" D50 D50 D50 D50 "d:a@" D50 "d>", WN_PATH_TOO_LONG,
        NULL, NULL, NULL },
};

static void
assert_span(WnSpan span, const char *expected)
{
    g_autofree char *text = wn_span_dup(span);

    g_assert_cmpstr(text, ==, expected);
    g_assert_cmpuint(span.len, ==, strlen(expected));
}

static void
test_path(gconstpointer data)
{
    const PathCase *c = data;
    WnPath path = { 0 };
    WnSpan rest;

    g_assert_cmpint(wn_path_parse(wn_span_str(c->text), &path, &rest), ==,
        c->status);
    if (c->status != WN_PATH_OK)
        return;
    assert_span(path.local, c->local);
    assert_span(path.domain, c->domain);
    assert_span(rest, c->rest);
    g_assert_cmpint(path.null, ==, c->local[0] == '\0');
    g_assert_cmpint(path.bare, ==, !path.null && c->domain[0] == '\0');
    g_assert_cmpint(path.routed, ==, c->text[1] == '@');
    g_assert_cmpuint(path.text.len, ==,
        path.local.len + (path.domain.len > 0 ? 1 + path.domain.len : 0));
}

/* Parsing stays inside the span: every prefix is an exact allocation. */
static void
test_path_prefixes(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(path_cases); i++) {
        for (size_t len = 0; len <= strlen(path_cases[i].text); len++) {
            g_autofree char *copy = g_memdup2(path_cases[i].text, len);
            WnPath path;
            WnSpan rest;

            wn_path_parse(wn_span(copy, len), &path, &rest);
            wn_mailbox_parse(wn_span(copy, len), &path);
        }
    }
}

static void
test_path_nul(void)
{
    WnPath path;
    WnSpan rest;

    g_assert_cmpint(wn_path_parse(WN_SPAN("<a\0b@x>"), &path, &rest), ==,
        WN_PATH_SYNTAX);
    g_assert_cmpint(wn_path_parse(WN_SPAN("<\"a\0b\"@x>"), &path, &rest), ==,
        WN_PATH_SYNTAX);
    g_assert_cmpint(wn_path_parse(WN_SPAN("<a@x\0y>"), &path, &rest), ==,
        WN_PATH_SYNTAX);
}

static void
test_path_endless(void)
{
    g_autoptr(GString) text = g_string_new("<");
    WnPath path;
    WnSpan rest;

    for (int i = 0; i < 1000000; i++)
        g_string_append(text, "@a,");
    g_assert_cmpint(wn_path_parse(wn_span(text->str, text->len), &path, &rest),
        !=, WN_PATH_OK);
}

static void
test_mailbox(void)
{
    WnPath path;

    g_assert_cmpint(wn_mailbox_parse(WN_SPAN("a@b.example"), &path), ==,
        WN_PATH_OK);
    assert_span(path.text, "a@b.example");
    g_assert_cmpint(wn_mailbox_parse(WN_SPAN("a@b.example "), &path), ==,
        WN_PATH_SYNTAX);
    g_assert_cmpint(wn_mailbox_parse(WN_SPAN("a"), &path), ==, WN_PATH_SYNTAX);
    g_assert_cmpint(wn_mailbox_parse(WN_SPAN(""), &path), ==, WN_PATH_SYNTAX);
    g_assert_cmpint(wn_mailbox_parse(WN_SPAN("<a@b>"), &path), ==,
        WN_PATH_SYNTAX);
    g_assert_cmpint(wn_mailbox_parse(WN_SPAN("\xc3\xbc@b"), &path), ==,
        WN_PATH_UTF8);
}

static void
test_unquote(void)
{
    static const char *const cases[][2] = {
        { "a.b", "a.b" },
        { "\"a b\"", "a b" },
        { "\"a\\\"b\\\\\"", "a\"b\\" },
        { "\"a.b\"", "a.b" },
    };
    char out[WN_LOCAL_PART_MAX + 1];

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        size_t len = wn_local_part_unquote(wn_span_str(cases[i][0]), out,
            sizeof(out));

        g_assert_cmpstr(out, ==, cases[i][1]);
        g_assert_cmpuint(len, ==, strlen(cases[i][1]));
    }
}

typedef struct NameCase {
    const char *name;
    bool domain;
    bool helo;
} NameCase;

static const NameCase name_cases[] = {
    { "mail.example.org", true, true },
    { "localhost", true, true },
    { "mail.example.org.", true, true },
    { "a_b", true, true },
    { "1.2.3.4", true, true },
    { "[127.0.0.1]", true, true },
    { "[IPv6:::1]", true, true },
    { "[::1]", false, true },
    { "::1", false, true },
    { "[999.1.1.1]", false, false },
    { "[]", false, false },
    { "[", false, false },
    { "", false, false },
    { ".", false, false },
    { "a..b", false, false },
    { ".a", false, false },
    { "-a", false, false },
    { "a b", false, false },
    { "a<>;", false, false },
    { "a\tb", false, false },
    { "a\x01", false, false },
    { "\xc3\xbc.example", false, false },
    { A60 "aaa", true, true },
    { A60 "aaaa", false, false },
    { D50 D50 D50 D50 D50 "ddddd", true, true },
    { D50 D50 D50 D50 D50 "dddddd", false, false },
};

static void
test_names(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(name_cases); i++) {
        const NameCase *c = &name_cases[i];

        g_test_message("%s", c->name);
        g_assert_cmpint(wn_domain_is_valid(wn_span_str(c->name)), ==,
            c->domain);
        g_assert_cmpint(wn_helo_is_valid(wn_span_str(c->name)), ==, c->helo);
    }
}

typedef struct ParameterCase {
    const char *text;
    const char *expected; /* "key=value|" each; "!" for bad */
} ParameterCase;

static const ParameterCase parameter_cases[] = {
    { "", "" },
    { "   ", "" },
    { " A", "A|" },
    { " A=1 B=2", "A=1|B=2|" },
    { "  A=1   B ", "A=1|B|" },
    { "A=1", "!" },
    { " A=", "!" },
    { " =1", "!" },
    { " A==1", "!" },
    { " A=1=2", "!" },
    { " A=1\tB=2", "!" },
    { " A=\xc3\xbc", "A=\xc3\xbc|" },
    { " -A", "!" },
    { " A_B", "!" },
    { " A-B", "A-B|" },
    { " A=1 B=\x7f", "A=1|!" },
    { " AUTH=\"abc", "!" },
    { " AUTH=\"ab\\\"", "!" },
    { " AUTH=\"abc\"", "AUTH=\"abc\"|" },
    { " ORCPT=rfc822;\"a+20b\"@c", "ORCPT=rfc822;\"a+20b\"@c|" },
};

static void
test_parameters(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(parameter_cases); i++) {
        g_autoptr(GString) got = g_string_new(NULL);
        WnSpan rest = wn_span_str(parameter_cases[i].text);
        WnParameter parameter;
        bool bad;

        while (wn_parameter_next(&rest, &parameter, &bad)) {
            g_string_append_len(got, parameter.key.ptr,
                (gssize)parameter.key.len);
            if (parameter.has_value)
                g_string_append_c(got, '=');
            g_string_append_len(got, parameter.value.ptr,
                (gssize)parameter.value.len);
            g_string_append_c(got, '|');
        }
        if (bad)
            g_string_append_c(got, '!');
        g_assert_cmpstr(got->str, ==, parameter_cases[i].expected);
    }
}

static void
test_xtext(void)
{
    g_assert_true(wn_xtext_is_valid(WN_SPAN("abc"), 3));
    g_assert_false(wn_xtext_is_valid(WN_SPAN("abcd"), 3));
    g_assert_true(wn_xtext_is_valid(WN_SPAN("a+2B+3D+20"), 4));
    g_assert_false(wn_xtext_is_valid(WN_SPAN("a+2b"), 9));
    g_assert_false(wn_xtext_is_valid(WN_SPAN("a+00b"), 9));
    g_assert_false(wn_xtext_is_valid(WN_SPAN("a+09"), 9));
    g_assert_false(wn_xtext_is_valid(WN_SPAN("a+7F"), 9));
    g_assert_false(wn_xtext_is_valid(WN_SPAN("a+E4"), 9));
    g_assert_false(wn_xtext_is_valid(WN_SPAN("a+"), 9));
    g_assert_false(wn_xtext_is_valid(WN_SPAN("a+2"), 9));
    g_assert_false(wn_xtext_is_valid(WN_SPAN("a+G0"), 9));
    g_assert_false(wn_xtext_is_valid(WN_SPAN("a=b"), 9));
    g_assert_false(wn_xtext_is_valid(WN_SPAN("a b"), 9));
    g_assert_false(wn_xtext_is_valid(WN_SPAN("\xc3\xbc"), 9));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(path_cases); i++) {
        g_autofree char *path = g_strconcat("/smtp/grammar/path/",
            path_cases[i].name, NULL);

        g_test_add_data_func(path, &path_cases[i], test_path);
    }
    g_test_add_func("/smtp/grammar/path-prefixes", test_path_prefixes);
    g_test_add_func("/smtp/grammar/path-nul", test_path_nul);
    g_test_add_func("/smtp/grammar/path-endless", test_path_endless);
    g_test_add_func("/smtp/grammar/mailbox", test_mailbox);
    g_test_add_func("/smtp/grammar/unquote", test_unquote);
    g_test_add_func("/smtp/grammar/names", test_names);
    g_test_add_func("/smtp/grammar/parameters", test_parameters);
    g_test_add_func("/smtp/grammar/xtext", test_xtext);
    return g_test_run();
}
