/* SPDX-License-Identifier: MIT */
#include "core/smtp/envelope.h"

#include <glib.h>

typedef struct Case {
    const char *argument;
    unsigned code; /* 0: in order */
    const char *enhanced;
} Case;

#define A100                                                                   \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
    "aaa"                                                                      \
    "aaaaaaaaaaaaaaaaaaaaaaaaa"

static const Case mail_cases[] = {
    { "FROM:<a@b.example>", 0, NULL },
    { "from:<a@b.example>", 0, NULL },
    { "FROM: <a@b.example>", 0, NULL },
    { " FROM:<a@b.example>", 0, NULL },
    { "FROM:<>", 0, NULL },
    { "FROM:<a@b> ", 0, NULL },
    { "FROM:<a@b> SIZE=0", 0, NULL },
    { "FROM:<a@b> size=100 body=8bitmime ret=hdrs ENVID=x PRDR", 0, NULL },
    { "FROM:<a@b> BODY=7BIT", 0, NULL },
    { "FROM:<@r1,@r2:a@b.example>", 0, NULL },
    { "", 501, "5.5.4" },
    { "TO:<a@b>", 501, "5.5.4" },
    { "FROM <a@b>", 501, "5.5.4" },
    { "FROM:", 501, "5.1.7" },
    { "FROM:  <a@b>", 501, "5.1.7" },
    { "FROM:a@b.example", 501, "5.1.7" },
    { "FROM:<a@b@c.example>", 501, "5.1.7" },
    { "FROM:<;sleep 5;>", 501, "5.1.7" },
    { "FROM:<x>", 501, "5.1.7" },
    { "FROM:<a@[300.1.1.1]>", 501, "5.1.7" },
    { "FROM:<\xc3\xbc@x.example>", 553, "5.6.7" },
    { "FROM:<a@b>x", 501, "5.5.4" },
    { "FROM:<a@b> SIZE", 501, "5.5.4" },
    { "FROM:<a@b> SIZE=", 501, "5.5.4" },
    { "FROM:<a@b> SIZE=abc", 501, "5.5.4" },
    { "FROM:<a@b> SIZE=-1", 501, "5.5.4" },
    { "FROM:<a@b> SIZE=18446744073709551615", 0, NULL },
    { "FROM:<a@b> SIZE=18446744073709551616", 501, "5.5.4" },
    { "FROM:<a@b> SIZE=1 SIZE=1", 501, "5.5.4" },
    { "FROM:<a@b> SMTPUTF8", 0, NULL },
    { "FROM:<\xc3\xbc@\xc3\xb6.example> SMTPUTF8", 0, NULL },
    { "FROM:<\xc3\xbc@x.example> SMTPUTF8=1", 501, "5.5.4" },
    { "FROM:<\xc3@x.example> SMTPUTF8", 501, "5.1.7" },
    { "FROM:<\xc2\x85@x.example> SMTPUTF8", 501, "5.1.7" },
    { "FROM:<a@\xe2\x80\xa8.example> SMTPUTF8", 501, "5.1.7" },
    { "FROM:<a@b> SMTPUTF8 ENVID=\xc3\xbc", 501, "5.5.4" },
    { "FROM:<a@b> BODY=BINARYMIME", 555, "5.5.4" },
    { "FROM:<a@b> BODY=x", 501, "5.5.4" },
    { "FROM:<a@b> FOO=1", 555, "5.5.4" },
    { "FROM:<a@b> AUTH=<>", 555, "5.5.4" },
    { "FROM:<a@b> AUTH=\"x", 501, "5.5.4" },
    { "FROM:<a@b> NOTIFY=NEVER", 555, "5.5.4" },
    { "FROM:<a@b> RET=HDRS RET=FULL", 501, "5.5.4" },
    { "FROM:<a@b> RET=ALL", 501, "5.5.4" },
    { "FROM:<a@b> ENVID=" A100, 0, NULL },
    { "FROM:<a@b> ENVID=" A100 "a", 501, "5.5.4" },
    { "FROM:<a@b> ENVID=a+00b", 501, "5.5.4" },
    { "FROM:<a@b> ENVID=a+2Bb", 0, NULL },
    { "FROM:<a@b> ENVID", 501, "5.5.4" },
    { "FROM:<a@b> PRDR=1", 501, "5.5.4" },
};

static const Case rcpt_cases[] = {
    { "TO:<a@b.example>", 0, NULL },
    { "to: <a@b.example>", 0, NULL },
    { "TO:<postmaster>", 0, NULL },
    { "TO:<PostMaster>", 0, NULL },
    { "TO:<a@b> NOTIFY=NEVER ORCPT=rfc822;a@b", 0, NULL },
    { "TO:<a@b> NOTIFY=SUCCESS,failure,DELAY", 0, NULL },
    { "TO:<a@b> ORCPT=utf-8;x", 0, NULL },
    { "TO:<u%bad.example@good.example>", 0, NULL },
    { "", 501, "5.5.4" },
    { "FROM:<a@b>", 501, "5.5.4" },
    { "TO:<>", 501, "5.1.3" },
    { "TO:<u>", 501, "5.1.3" },
    { "TO:<bad.example!u>", 501, "5.1.3" },
    { "TO:<\"u@bad.example\">", 501, "5.1.3" },
    { "TO:<\"u%bad.example\">", 501, "5.1.3" },
    { "TO:<u@bad.example@good.example>", 501, "5.1.3" },
    { "TO:<u\t@bad.example>", 501, "5.1.3" },
    { "TO:<\xc3\xbc@x.example>", 553, "5.6.7" },
    { "TO:<a@b> NOTIFY=NEVER,DELAY", 501, "5.5.4" },
    { "TO:<a@b> NOTIFY=DELAY,", 501, "5.5.4" },
    { "TO:<a@b> NOTIFY=x", 501, "5.5.4" },
    { "TO:<a@b> NOTIFY", 501, "5.5.4" },
    { "TO:<a@b> ORCPT=rfc822;x+00", 501, "5.5.4" },
    { "TO:<a@b> ORCPT=rfc822;", 501, "5.5.4" },
    { "TO:<a@b> ORCPT=;x", 501, "5.5.4" },
    { "TO:<a@b> ORCPT=x", 501, "5.5.4" },
    { "TO:<a@b> ORCPT=r\"c;x", 501, "5.5.4" },
    { "TO:<a@b> SIZE=1", 555, "5.5.4" },
    { "TO:<a@b> FOO", 555, "5.5.4" },
};

static void
check(const Case *c, const WnReply *refusal)
{
    g_test_message("%s", c->argument);
    g_assert_cmpuint(refusal != NULL ? refusal->code : 0, ==, c->code);
    if (refusal != NULL)
        g_assert_cmpstr(refusal->enhanced, ==, c->enhanced);
}

static void
test_mail(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(mail_cases); i++) {
        WnMailArguments mail;

        check(&mail_cases[i],
            wn_envelope_parse_mail(wn_span_str(mail_cases[i].argument), &mail));
    }
}

static void
test_rcpt(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rcpt_cases); i++) {
        WnRcptArguments rcpt;

        check(&rcpt_cases[i],
            wn_envelope_parse_rcpt(wn_span_str(rcpt_cases[i].argument), false,
                &rcpt));
    }
}

static void
test_mail_values(void)
{
    WnMailArguments mail;

    g_assert_null(
        wn_envelope_parse_mail(WN_SPAN("FROM:<a@b> SIZE=1234 BODY=8BITMIME "
                                       "RET=FULL ENVID=e+2B1 PRDR"),
            &mail));
    g_assert_true(wn_span_eq(mail.sender.text, WN_SPAN("a@b")));
    g_assert_true(mail.body_8bit && mail.prdr);
    g_assert_cmpuint(mail.size, ==, 1234);
    g_assert_true(wn_span_eq(mail.ret, WN_SPAN("FULL")));
    g_assert_true(wn_span_eq(mail.envid, WN_SPAN("e+2B1")));

    g_assert_null(wn_envelope_parse_mail(WN_SPAN("FROM:<>"), &mail));
    g_assert_true(mail.sender.null);
    g_assert_false(mail.body_8bit || mail.prdr);
    g_assert_cmpuint(mail.size + mail.ret.len + mail.envid.len, ==, 0);
}

static void
test_rcpt_values(void)
{
    WnRcptArguments rcpt;

    g_assert_null(
        wn_envelope_parse_rcpt(WN_SPAN(
                                   "TO:<a@b> NOTIFY=DELAY ORCPT=rfc822;c@d"),
            false, &rcpt));
    g_assert_true(wn_span_eq(rcpt.recipient.text, WN_SPAN("a@b")));
    g_assert_true(wn_span_eq(rcpt.notify, WN_SPAN("DELAY")));
    g_assert_true(wn_span_eq(rcpt.orcpt, WN_SPAN("rfc822;c@d")));
}

typedef struct Utf8Case {
    const char *argument;
    unsigned plain; /* the code without SMTPUTF8, and with; 0: accepted */
    unsigned utf8;
} Utf8Case;

static const Utf8Case utf8_cases[] = {
    { "TO:<a@b>", 0, 0 },
    { "TO:<\xc3\xbc@x.example>", 553, 0 },
    { "TO:<a@\xc3\xbc.example>", 553, 0 },
    { "TO:<\xc3@x.example>", 501, 501 },
    { "TO:<a@b> ORCPT=utf-8;\\x{FC}@x", 0, 0 },
    { "TO:<a@b> ORCPT=utf-8;\xc3\xbc@x", 501, 0 },
    { "TO:<a@b> ORCPT=rfc822;\xc3\xbc@x", 501, 501 },
    { "TO:<a@b> ORCPT=utf-8;\\x{D}\\x{A}@x", 501, 501 },
    { "TO:<a@b> ORCPT=utf-8;\\x{D800}@x", 501, 501 },
    { "TO:<a@b> ORCPT=utf-8;\\x{110000}@x", 501, 501 },
    { "TO:<a@b> ORCPT=utf-8;\\x{0FC", 501, 501 },
    { "TO:<a@b> ORCPT=utf-8;a+40b", 501, 501 },
    { "TO:<a@b> NOTIFY=\xc3\xbc", 501, 501 },
};

static void
test_utf8(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(utf8_cases); i++) {
        const Utf8Case *c = &utf8_cases[i];
        WnSpan argument = wn_span_str(c->argument);
        WnRcptArguments rcpt;
        const WnReply *plain = wn_envelope_parse_rcpt(argument, false, &rcpt);
        const WnReply *utf8 = wn_envelope_parse_rcpt(argument, true, &rcpt);

        g_test_message("%s", c->argument);
        g_assert_cmpuint(plain != NULL ? plain->code : 0, ==, c->plain);
        g_assert_cmpuint(utf8 != NULL ? utf8->code : 0, ==, c->utf8);
    }
}

static void
test_many_parameters(void)
{
    g_autoptr(GString) argument = g_string_new("FROM:<a@b>");
    WnMailArguments mail;
    const WnReply *refusal;

    for (int i = 0; i < 500; i++)
        g_string_append(argument, " A=1");
    refusal = wn_envelope_parse_mail(wn_span_str(argument->str), &mail);
    g_assert_cmpuint(refusal->code, ==, 501);
    g_assert_cmpstr(refusal->enhanced, ==, "5.5.4");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/smtp/envelope/mail", test_mail);
    g_test_add_func("/smtp/envelope/rcpt", test_rcpt);
    g_test_add_func("/smtp/envelope/mail-values", test_mail_values);
    g_test_add_func("/smtp/envelope/rcpt-values", test_rcpt_values);
    g_test_add_func("/smtp/envelope/utf8", test_utf8);
    g_test_add_func("/smtp/envelope/many-parameters", test_many_parameters);
    return g_test_run();
}
