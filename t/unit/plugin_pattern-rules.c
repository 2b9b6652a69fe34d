/* SPDX-License-Identifier: MIT */

/* Rule files, expressions, metas and what they hit in small messages. */

#include "t/unit/pattern_mail.h"

static PatternRules *
read_rules(const char *text)
{
    PatternRules *rules = pattern_rules_new();

    pattern_rules_read(rules, "test.cf", text, strlen(text));
    pattern_rules_finish(rules);
    return rules;
}

typedef struct LiteralCase {
    const char *literal;
    const char *text; /* NULL: refused */
    const char *subject;
    bool matches;
} LiteralCase;

static const LiteralCase literal_cases[] = {
    { "/ab+c/", "ab+c", "xabbc", true },
    { "/a\\/b/", "a/b", "a/b", true },
    { "m{^a{2}$}", "^a{2}$", "aa", true },
    { "m!a\\!b!i", "a!b", "A!B", true },
    { "m,x\\,y,", "x,y", "x,y", true },
    { "m(a(b)c)", "a(b)c", "abc", true },
    { "m|a\\|b|", "a\\|b", "a|b", true },
    { "/a b#c/x", "a b#c", "ab", true },
    { "/^b/m", "^b", "a\nb", true },
    { "/a.b/s", "a.b", "a\nb", true },
    { "/a.b/", "a.b", "a\nb", false },
    { "/(\\w)\\1/", "(\\w)\\1", "xaab", true },
    { "/(?<!x)y(?=z)/", "(?<!x)y(?=z)", "xyz yz", true },
    { "/\\xe9t\\xe9/", "\\xe9t\\xe9", "\xe9t\xe9", true },
    { "/\\x{2019}/", "\\x{2019}", "it\xe2\x80\x99s", true },
    { "/caf\xc3\xa9/", "caf\xc3\xa9", "caf\xc3\xa9", true },
    { "/a/q", NULL, NULL, false },
    { "/a", NULL, NULL, false },
    { "a/", NULL, NULL, false },
    { "/a(?C1)/", NULL, NULL, false },
    { "/(?{ 1 })/", NULL, NULL, false },
    { "/(*UTF)a/", NULL, NULL, false },
    { "/(a/", NULL, NULL, false },
    { "/\\C/", NULL, NULL, false },
};

static void
test_literal(const void *data)
{
    const LiteralCase *test = data;
    g_autoptr(PatternMatcher) matcher = pattern_matcher_new();
    g_autoptr(PatternRegex) regex = NULL;
    g_auto(PatternSource) source = { .text = NULL };
    const char *rest;
    size_t at = 0;

    if (pattern_source_read(&source, test->literal, &rest, NULL))
        regex = pattern_regex_new(&source, NULL);
    g_assert_cmpint(regex != NULL, ==, test->text != NULL);
    if (regex == NULL)
        return;
    g_assert_cmpstr(source.text, ==, test->text);
    g_assert_cmpint(pattern_regex_match(regex, matcher, test->subject,
                        strlen(test->subject), &at),
        ==, test->matches ? PATTERN_FOUND : PATTERN_NO_MATCH);
}

/* Expressions that would take for ever give up soon. */
static void
test_redos(void)
{
    static const char *const bad[] = { "/(a+)+$/", "/(a|aa)+$/",
        "/^(\\w+\\s?)*$/", "/(.*)*x/", "/(?:a?){30}a{30}b/" };
    g_autofree char *text = g_strnfill(30000, 'a');
    g_autoptr(PatternMatcher) matcher = pattern_matcher_new();
    gint64 start = g_get_monotonic_time();

    text[29999] = '!';
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_auto(PatternSource) source = { .text = NULL };
        g_autoptr(PatternRegex) regex = NULL;
        const char *rest;
        size_t at = 0;

        g_assert_true(pattern_source_read(&source, bad[i], &rest, NULL));
        regex = pattern_regex_new(&source, NULL);
        g_assert_nonnull(regex);
        g_assert_cmpint(pattern_regex_match(regex, matcher, text, 30000, &at),
            !=, PATTERN_FOUND);
    }
    g_assert_cmpint(g_get_monotonic_time() - start, <, 5 * G_USEC_PER_SEC);
}

typedef struct MetaCase {
    const char *text;
    double value; /* of A=1 B=0 C=3; -1000: refused */
} MetaCase;

static const MetaCase meta_cases[] = {
    { "A", 1 },
    { "A && B", 0 },
    { "A && C", 3 },
    { "B || C", 3 },
    { "!B && !(!A)", 1 },
    { "A + B + C >= 4", 1 },
    { "(A + B) * C - 1", 2 },
    { "C / 2 > 1", 1 },
    { "C / B", 0 },
    { "A || B && B", 1 },
    { "1 - 1 - 1", -1 },
    { "-C + 3 == 0", 1 },
    { "A != B", 1 },
    { "((((A))))", 1 },
    { "A &&", -1000 },
    { "A B", -1000 },
    { "(A", -1000 },
    { "A)", -1000 },
    { "", -1000 },
    { "A & B", -1000 },
    { "f(A)", -1000 },
    { "1x", -1000 },
};

static uint32_t
letter(void *user, const char *name)
{
    (void)user;
    return name[1] == '\0' && name[0] >= 'A' && name[0] <= 'C'
               ? (uint32_t)(name[0] - 'A')
               : PATTERN_META_UNKNOWN;
}

static void
test_meta(const void *data)
{
    static const uint32_t values[] = { 1, 0, 3 };
    const MetaCase *test = data;
    g_autoptr(PatternMeta)
        meta = pattern_meta_new(test->text, letter, NULL, NULL);

    g_assert_cmpint(meta == NULL, ==, test->value == -1000);
    if (meta != NULL)
        g_assert_cmpfloat(pattern_meta_run(meta, values), ==, test->value);
}

static void
test_meta_deep(void)
{
    g_autofree char *deep = g_strnfill(100000, '(');

    g_assert_null(pattern_meta_new(deep, letter, NULL, NULL));
    memset(deep, '!', 10000);
    deep[10000] = 'A';
    deep[10001] = '\0';
    g_autoptr(PatternMeta) meta = pattern_meta_new(deep, letter, NULL, NULL);
    g_assert_nonnull(meta);
}

static const char message[] =
    "Received: from helo.example (rdns.example [192.0.2.7]) by mx.example\n"
    " (Postfix) with ESMTP id ABC123; Mon, 1 Jan 2024 00:00:00 +0000\n"
    "From: \"Jo, B\" <jo@from.example>\n"
    "To: a@to.example\n"
    "Cc: b@cc.example\n"
    "Subject: =?utf-8?q?H=C3=A9llo?= folded\n"
    " subject\n"
    "Message-ID: <1@id.example>\n"
    "MIME-Version: 1.0\n"
    "Content-Type: multipart/mixed; boundary=b\n"
    "\n"
    "--b\n"
    "Content-Type: text/plain; charset=utf-8\n"
    "Content-Transfer-Encoding: quoted-printable\n"
    "\n"
    "first para=\n"
    "graph of\n"
    "two lines\n"
    "\n"
    "second one one\n"
    "--b\n"
    "Content-Type: application/x-foo;\n"
    " name=\"evil.exe\"\n"
    "\n"
    "binary\n"
    "--b--\n";

typedef struct HitCase {
    const char *name;
    const char *rules; /* that of interest is R */
    uint32_t hits;     /* UINT32_MAX: not supported */
} HitCase;

#define UNSUPPORTED UINT32_MAX

static const HitCase hit_cases[] = {
    { "body", "body R /paragraph of two/", 1 },
    { "body-ends-at-paragraph", "body R /lines second/", 0 },
    { "body-has-subject", "body R /H\\xc3\\xa9llo folded/", 1 },
    { "nosubject", "body R /Hello|folded/\ntflags R nosubject", 0 },
    { "rawbody", "rawbody R /of\\ntwo/", 1 },
    { "full", "full R /^--b\\nContent-Type: application/m", 1 },
    { "header", "header R Subject =~ /^H\\xc3\\xa9llo folded subject$/", 1 },
    { "header-raw", "header R Subject:raw =~ /^=\\?utf-8\\?q\\?H=C3=A9llo/",
        1 },
    { "header-addr", "header R From:addr =~ /^jo\\@from\\.example$/", 1 },
    { "header-name", "header R From:name =~ /^Jo, B$/", 1 },
    { "header-not", "header R From !~ /nobody/", 1 },
    { "header-not-absent", "header R X-No !~ /nobody/", 1 },
    { "header-absent", "header R X-No =~ /./", 0 },
    { "header-absent-empty", "header R X-No =~ /^$/", 1 },
    { "if-unset", "header R X-No =~ /^none$/ [if-unset: none]", 1 },
    { "exists", "header R exists:Cc", 1 },
    { "exists-not", "header R exists:Bcc", 0 },
    { "pseudo-case", "header R exists:MessageID", 0 },
    { "all", "header R ALL =~ /^To: a\\@to\\.example\\nCc: /m", 1 },
    { "message-id", "header R MESSAGEID =~ /1\\@id/", 1 },
    { "to-cc", "header R ToCc =~ /^a\\@to.example, b\\@cc.example$/", 1 },
    { "envelope", "header R EnvelopeFrom =~ /^bounce\\@env\\.example$/", 1 },
    { "relays",
        "header R X-Spam-Relays-External =~ /^\\[ ip=203\\.0\\.113\\.5"
        " rdns=client\\.example helo=ehlo .* \\[ ip=192\\.0\\.2\\.7"
        " rdns=rdns\\.example helo=helo\\.example by=mx\\.example .*"
        " id=ABC123 auth= /",
        1 },
    { "relays-trusted", "header R X-Spam-Relays-Trusted =~ /ip=/", 0 },
    { "mimeheader", "mimeheader R Content-Type =~ /^application.*evil\\.exe/",
        1 },
    { "multiple", "body R /one/\ntflags R multiple", 2 },
    { "multiple-maxhits", "body R /e/\ntflags R multiple maxhits=3", 3 },
    { "multiple-empty", "body R /(?=o)/\ntflags R multiple maxhits=2", 2 },
    { "meta", "body __A /first/\nbody __B /never/\nmeta R __A && !__B", 1 },
    { "meta-of-meta", "meta R __M > 1\nmeta __M __A + 1\nbody __A /first/", 1 },
    { "meta-undefined", "meta R !NOWHERE", 1 },
    { "meta-of-disabled", "body A /first/\nscore A 0\nmeta R !A", 1 },
    { "meta-cycle", "meta R __A\nmeta __A R", UNSUPPORTED },
    { "eval", "body R eval:check_it('a')", UNSUPPORTED },
    { "meta-of-eval", "body __E eval:check_it()\nmeta R !__E", UNSUPPORTED },
    { "meta-of-meta-of-eval",
        "meta R 1 || __M\nmeta __M !__E\nheader __E eval:x()", UNSUPPORTED },
    { "bad-regex", "body R /(/", UNSUPPORTED },
    { "capture", "body R /%{NAME}/", UNSUPPORTED },
    { "redefined", "body R eval:x()\nbody R /first/", 1 },
    { "comment", "body R /first/ # or /never/", 1 },
    { "escaped-hash", "body R /first|\\#/", 1 },
    { "else", "if (version >= 9)\nbody R /never/\nelse\nbody R /first/\nendif",
        1 },
    { "nested-if",
        "if 0\nif 1\nbody R /first/\nelse\nbody R /first/\nendif\nendif", 0 },
    { "ifplugin",
        "ifplugin Mail::SpamAssassin::Plugin::MIMEHeader\nbody R /first/\n"
        "endif",
        1 },
    { "if-not-plugin",
        "if !plugin(Mail::SpamAssassin::Plugin::ReplaceTags)\n"
        "body R /first/\nendif",
        0 },
    { "if-can",
        "if can(Mail::SpamAssassin::Conf::feature_capture_rules)\n"
        "body R /first/\nendif",
        1 },
    { "replace-tag",
        "replace_tag I [i1]\nreplace_tag R [r]\nbody R /f<I><R>st/\n"
        "replace_rules R",
        1 },
    { "replace-post",
        "replace_tag F f\nreplace_tag I i\nreplace_post P x?\n"
        "replace_inter N \\W*\nbody R /<inter N><post P><F><I>rst/\n"
        "replace_rules R",
        1 },
    { "all-external-client", "header R ALL-EXTERNAL =~ /^Received: from helo/",
        1 },
    { "relays-bracketless",
        "header R X-Spam-Relays-Untrusted =~ /helo=ehlo .* helo=helo/", 1 },
    { "eval-not-trusted", "header R eval:check_all_trusted()", 0 },
    { "eval-relays", "header R eval:check_no_relays()", 0 },
    { "eval-free-mail",
        "freemail_domains other.example from.*\n"
        "header R eval:check_freemail_from()",
        1 },
    { "eval-free-mail-not",
        "freemail_domains rom.example\nheader R eval:check_freemail_from()",
        0 },
    { "eval-free-mail-unknown-test",
        "header R eval:check_freemail_header('From', '^x')", UNSUPPORTED },
    { "eval-list",
        "enlist_addrlist (A) *@*.example\nheader R "
        "eval:check_from_in_list('A')",
        1 },
    { "eval-list-other",
        "enlist_addrlist (A) *@*.example\nheader R "
        "eval:check_from_in_list('B')",
        0 },
    { "eval-list-no-name", "enlist_addrlist A x@y\nbody R /first/", 1 },
    { "eval-envelope", "header R eval:check_for_matching_env_and_hdr_from()",
        0 },
    { "eval-relay-name", "header R eval:check_mailfrom_matches_rcvd()", 0 },
    { "eval-short", "body R eval:check_body_length('10000')", 1 },
    { "eval-not-short", "body R eval:check_body_length('20')", 0 },
    { "eval-to", "header R eval:check_for_missing_to_header()", 0 },
    { "eval-to-in-subject", "header R eval:check_for_to_in_subject('user')",
        0 },
    { "eval-html", "body R eval:check_for_mime_html()", 0 },
    { "eval-html-only", "body R eval:check_for_mime_html_only()", 0 },
    { "eval-quoted", "rawbody R eval:check_for_mime('mime_qp_count')", 1 },
    { "eval-base64", "rawbody R eval:check_for_mime('mime_base64_count')", 0 },
    { "eval-mime-unknown", "rawbody R eval:check_for_mime('mime_other')",
        UNSUPPORTED },
    { "meta-of-known-eval", "header __E eval:check_no_relays()\nmeta R !__E",
        1 },
    { "no-replace", "replace_tag F f\nbody R /<F>irst/", 0 },
};

static void
test_hits(const void *data)
{
    const HitCase *test = data;
    PatternRules *rules = read_rules(test->rules);
    g_autoptr(PatternEngine)
        engine = pattern_engine_new(rules, PATTERN_ALL_HITS);
    g_autoptr(PatternMatcher) matcher = pattern_matcher_new();
    g_autoptr(FakeMail) mail = fake_mail_new(message, sizeof message - 1);
    g_auto(PatternResults) results = { .hits = NULL };
    uint32_t number = pattern_rules_number(rules, "R");

    fake_mail_set_sender(mail, "bounce@env.example");
    fake_mail_set_client(mail, "203.0.113.5", "client.example", "ehlo");
    pattern_engine_run(engine, matcher, fake_mail_view(mail), &results);
    if (test->hits == UNSUPPORTED)
        g_assert_nonnull(pattern_rules_at(rules, number)->unsupported);
    else
        g_assert_null(pattern_rules_at(rules, number)->unsupported);
    g_assert_cmpuint(results.hits[number], ==,
        test->hits == UNSUPPORTED ? 0 : test->hits);
}

/* What is too long with tags written out is compiled as groups. */
static void
test_long_tags(void)
{
    g_autoptr(GString) text = g_string_new("replace_tag A ");
    PatternRules *rules;
    g_autoptr(PatternEngine) engine = NULL;
    g_autoptr(PatternMatcher) matcher = pattern_matcher_new();
    g_autoptr(FakeMail) mail = fake_mail_new(message, sizeof message - 1);
    g_auto(PatternResults) results = { .hits = NULL };

    for (int i = 0; i < 900; i++)
        g_string_append_printf(text, "%sword%dx?y+", i > 0 ? "|" : "(?:", i);
    g_string_append(text, "|first para)\nbody R /(?:<A>graph ){1,60}/\n"
                          "body N /(?:<A>grape ){1,60}/\n"
                          "replace_rules R N\n");
    rules = read_rules(text->str);
    engine = pattern_engine_new(rules, PATTERN_ALL_HITS);
    g_assert_cmpstr(pattern_rules_find(rules, "R")->unsupported, ==, NULL);
    pattern_engine_run(engine, matcher, fake_mail_view(mail), &results);
    g_assert_cmpuint(results.hits[pattern_rules_number(rules, "R")], ==, 1);
    g_assert_cmpuint(results.hits[pattern_rules_number(rules, "N")], ==, 0);
}

/* Rules that backtrack without end, all over a long message: the work ends, and
 * what was not run has not hit, nor has what needs it. */
static void
test_work(void)
{
    g_autoptr(GString) text = g_string_new("body __LAST /never/\n");
    g_autoptr(GString) bomb = g_string_new("Subject: x\n\n");
    PatternRules *rules;
    g_autoptr(PatternEngine) engine = NULL;
    g_autoptr(PatternMatcher) matcher = pattern_matcher_new();
    g_autoptr(FakeMail) mail = NULL;
    g_auto(PatternResults) results = { .hits = NULL };
    gint64 start;

    for (int i = 0; i < 200; i++)
        g_string_append_printf(text,
            "body __B%d /(\\w+\\s?)*[!?]$/\nmeta M%d !__B%d\n", i, i, i);
    for (int i = 0; i < 40000; i++)
        g_string_append(bomb, i % 40 == 39 ? "\n\n!x " : "aaaaa ");
    rules = read_rules(text->str);
    engine = pattern_engine_new(rules, PATTERN_ALL_HITS);
    mail = fake_mail_new(bomb->str, bomb->len);
    start = g_get_monotonic_time();
    pattern_engine_run(engine, matcher, fake_mail_view(mail), &results);
    g_assert_cmpint(g_get_monotonic_time() - start, <, 3 * G_USEC_PER_SEC);
    g_assert_cmpuint(results.n_skipped, >, 0);
    for (guint i = 0; i < rules->rules->len; i++)
        g_assert_false(results.skipped[i] && results.hits[i] > 0
                       && pattern_rules_at(rules, i)->kind == PATTERN_META);
}

static void
test_scores(void)
{
    PatternRules *rules = read_rules(
        "body A /first/\nscore A 2.5 1 1 1\nbody B /second/\n"
        "body C /paragraph/\ntflags C nice\nbody __D /two/\n"
        "describe A What A is\nscore E 3\nunknown_word x\n");
    g_autoptr(PatternEngine)
        engine = pattern_engine_new(rules, PATTERN_ALL_HITS);
    g_autoptr(PatternMatcher) matcher = pattern_matcher_new();
    g_autoptr(FakeMail) mail = fake_mail_new(message, sizeof message - 1);
    g_auto(PatternResults) results = { .hits = NULL };

    pattern_engine_run(engine, matcher, fake_mail_view(mail), &results);
    g_assert_cmpint(results.score, ==, 2500 + 1000 - 1000);
    g_assert_cmpuint(rules->n_ignored, ==, 1);
    g_assert_cmpstr(pattern_rules_find(rules, "A")->describe, ==, "What A is");
}

static void
add_cases(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(literal_cases); i++) {
        g_autofree char *path = g_strdup_printf("/pattern/literal/%zu", i);

        g_test_add_data_func(path, &literal_cases[i], test_literal);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(meta_cases); i++) {
        g_autofree char *path = g_strdup_printf("/pattern/meta/%zu", i);

        g_test_add_data_func(path, &meta_cases[i], test_meta);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(hit_cases); i++) {
        g_autofree char *path = g_strdup_printf("/pattern/hits/%s",
            hit_cases[i].name);

        g_test_add_data_func(path, &hit_cases[i], test_hits);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add_cases();
    g_test_add_func("/pattern/redos", test_redos);
    g_test_add_func("/pattern/meta-deep", test_meta_deep);
    g_test_add_func("/pattern/scores", test_scores);
    g_test_add_func("/pattern/long-tags", test_long_tags);
    g_test_add_func("/pattern/work", test_work);
    return g_test_run();
}
