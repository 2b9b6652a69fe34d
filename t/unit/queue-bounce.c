/* SPDX-License-Identifier: MIT */
#include "core/queue/bounce.h"

#include <glib.h>

#define ORIGINAL \
    "From: a@b.example\r\nSubject: h\xc3\xa9llo\r\n\r\n.body\r\nmore\r\n"

static WnDsn
example(WnDsnRecipient *recipients, size_t n)
{
    WnDsn dsn = { .hostname = "relay.example",
        .to = WN_SPAN("s@y.example"),
        .envid = WN_SPAN("a+2Bb"),
        .arrived = 1795328898,
        .now = 1795328898 + 60,
        .recipients = recipients,
        .n_recipients = n,
        .original = WN_SPAN(ORIGINAL) };

    dsn.id.bytes[15] = 1;
    dsn.original_id.bytes[15] = 2;
    return dsn;
}

static WnDsnRecipient
failed(const char *address, const char *reply)
{
    return (WnDsnRecipient){ .address = wn_span_str(address),
        .orcpt = WN_SPAN("rfc822;x+2By@z.example"),
        .action = WN_DSN_FAILED,
        .status = "5.1.1",
        .reply = wn_span_str(reply),
        .remote = WN_SPAN("mx.z.example"),
        .last_attempt = 1795328898 + 60 };
}

static char *
written(const WnDsn *dsn)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();

    wn_dsn_write(dsn, bytes);
    return g_strndup((const char *)bytes->data, bytes->len);
}

static void
assert_lines(const char *text, size_t max)
{
    const char *begin = text;

    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '\r')
            g_assert_cmpint(c[1], ==, '\n');
        if (*c != '\n')
            continue;
        g_assert_true(c > text && c[-1] == '\r');
        g_assert_cmpuint((size_t)(c - begin), <=, max + 1);
        begin = c + 1;
    }
    g_assert_true(*begin == '\0');
}

static void
test_golden(void)
{
    WnDsnRecipient recipient = failed("r@z.example", "550 5.1.1 no such user");
    WnDsn dsn = example(&recipient, 1);
    g_autofree char *text = written(&dsn);

    g_assert_cmpstr(text, ==,
        "From: Mail Delivery System <postmaster@relay.example>\r\n"
        "To: <s@y.example>\r\n"
        "Subject: Undelivered mail returned to sender\r\n"
        "Date: Sun, 22 Nov 2026 06:29:18 +0000\r\n"
        "Message-ID: <00000000000000000000000001@relay.example>\r\n"
        "Auto-Submitted: auto-replied\r\n"
        "MIME-Version: 1.0\r\n"
        "Content-Transfer-Encoding: 8bit\r\n"
        "Content-Type: multipart/report; report-type=delivery-status;\r\n"
        " boundary=\"=_00000000000000000000000001\"\r\n"
        "\r\n"
        "This is a report in several parts (RFC 3464).\r\n"
        "\r\n"
        "--=_00000000000000000000000001\r\n"
        "Content-Type: text/plain; charset=us-ascii\r\n"
        "\r\n"
        "This is the mail relay relay.example.\r\n"
        "It is about your message of Sun, 22 Nov 2026 06:28:18 +0000.\r\n"
        "\r\n"
        "It could NOT be delivered to the following, and will not be tried "
        "again:\r\n"
        "\r\n"
        "  r@z.example\r\n"
        "    There is no such address.  Please check it for typing mistakes, "
        "or ask\r\n"
        "    the person for the right one.\r\n"
        "    What the recipient's mail server said:\r\n"
        "        550 5.1.1 no such user\r\n"
        "\r\n"
        "If you ask somebody for help, pass on this whole report.  The "
        "message's\r\n"
        "number here is 00000000000000000000000002.\r\n"
        "\r\n"
        "--=_00000000000000000000000001\r\n"
        "Content-Type: message/delivery-status\r\n"
        "\r\n"
        "Original-Envelope-Id: a+b\r\n"
        "Reporting-MTA: dns; relay.example\r\n"
        "X-Winnow-Id: 00000000000000000000000002\r\n"
        "Arrival-Date: Sun, 22 Nov 2026 06:28:18 +0000\r\n"
        "\r\n"
        "Original-Recipient: rfc822;x+y@z.example\r\n"
        "Final-Recipient: rfc822; r@z.example\r\n"
        "Action: failed\r\n"
        "Status: 5.1.1\r\n"
        "Remote-MTA: dns; mx.z.example\r\n"
        "Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n"
        "Last-Attempt-Date: Sun, 22 Nov 2026 06:29:18 +0000\r\n"
        "Final-Log-ID: 00000000000000000000000002\r\n"
        "\r\n"
        "--=_00000000000000000000000001\r\n"
        "Content-Type: message/global-headers\r\n"
        "Content-Transfer-Encoding: 8bit\r\n"
        "\r\n"
        "From: a@b.example\r\n"
        "Subject: h\xc3\xa9llo\r\n"
        "\r\n"
        "--=_00000000000000000000000001--\r\n");
}

static void
test_full(void)
{
    WnDsnRecipient recipient = failed("r@z.example", "550 no");
    WnDsn dsn = example(&recipient, 1);
    g_autofree char *text = NULL;

    dsn.full = true;
    text = written(&dsn);
    g_assert_nonnull(strstr(text,
        "Content-Type: message/global\r\n"
        "Content-Transfer-Encoding: 8bit\r\n\r\n" ORIGINAL "\r\n--=_"));
}

static void
test_several(void)
{
    WnDsnRecipient recipients[2] = { failed("a@z.example", "450 later"),
        failed("b@z.example", "") };
    WnDsn dsn = example(recipients, 2);
    g_autofree char *text = NULL;

    recipients[0].action = WN_DSN_DELAYED;
    recipients[0].will_retry_until = 1795328898 + 86400;
    recipients[0].orcpt = WN_SPAN_EMPTY;
    recipients[0].remote = WN_SPAN_EMPTY;
    text = written(&dsn);
    g_assert_nonnull(strstr(text, "Subject: Undelivered mail"));
    g_assert_nonnull(strstr(text,
        "\r\n\r\nFinal-Recipient: rfc822; a@z.example\r\nAction: delayed\r\n"));
    g_assert_nonnull(
        strstr(text, "Will-Retry-Until: Mon, 23 Nov 2026 06:28:18 +0000\r\n\r\n"
                     "Original-Recipient: "));
}

/* RFC 6533: addresses that are not ASCII have a report of their own type, and
 * show as they are, whichever way they were written. */
static void
test_global(void)
{
    WnDsnRecipient recipients[2] = { failed("j\xc3\xb6rg@z.example",
                                         "550 5.1.1 nicht j\xc3\xb6rg"),
        failed("plain@z.example", "550 no") };
    WnDsn dsn = example(recipients, 2);
    g_autofree char *text = NULL;

    recipients[0].orcpt = WN_SPAN("utf-8;\\x{6A}\\x{F6}rg@y.example");
    text = written(&dsn);
    g_assert_nonnull(strstr(text, "report-type=global-delivery-status;\r\n"));
    g_assert_nonnull(strstr(text, "text/plain; charset=utf-8\r\n"));
    g_assert_nonnull(
        strstr(text, "\r\nContent-Type: message/global-delivery-status\r\n"
                     "Content-Transfer-Encoding: 8bit\r\n\r\n"));
    g_assert_nonnull(
        strstr(text, "\r\nOriginal-Recipient: utf-8;j\xc3\xb6rg@y.example\r\n"
                     "Final-Recipient: utf-8; j\xc3\xb6rg@z.example\r\n"));
    g_assert_nonnull(
        strstr(text, "Diagnostic-Code: smtp; 550 5.1.1 nicht j\xc3\xb6rg\r\n"));
    g_assert_nonnull(
        strstr(text, "Final-Recipient: rfc822; plain@z.example\r\n"));
    assert_lines(text, 998);
}

/* An address of that type in a report that may hold ASCII only. */
static void
test_escaped(void)
{
    WnDsnRecipient recipient = failed("r@z.example", "550 \xc3\xb6");
    WnDsn dsn = example(&recipient, 1);
    g_autofree char *text = NULL;

    recipient.orcpt = WN_SPAN("utf-8;\\x{F6}@y.example");
    text = written(&dsn);
    g_assert_nonnull(
        strstr(text, "\r\nOriginal-Recipient: utf-8;\\x{F6}@y.example\r\n"));
    g_assert_nonnull(strstr(text, "Diagnostic-Code: smtp; 550 ?"));
    g_assert_nonnull(strstr(text, "Content-Type: message/delivery-status\r\n"));
}

/* What a server says must not become a line of its own, nor a long one. */
static void
test_evil_reply(void)
{
    GString *reply = g_string_new("550 5.0.0 \x1b[31mno\r\nBcc: all\r\n\r\n");
    WnDsnRecipient recipient;
    g_autofree char *text = NULL;
    WnDsn dsn;

    for (int i = 0; i < 64 * 1024; i++)
        g_string_append_c(reply, 'x');
    recipient = failed("r@z.example", reply->str);
    recipient.orcpt = WN_SPAN("rfc822;a+0D+0ABcc: b+00");
    dsn = example(&recipient, 1);
    text = written(&dsn);
    g_assert_null(strstr(text, "\nBcc"));
    g_assert_null(strchr(text, '\x1b'));
    g_assert_cmpuint(strlen(text), <, 8192);
    assert_lines(text, 998);
    g_string_free(reply, TRUE);
}

/* What programs look for in a report is there in one piece; a reply is folded
 * between words only. */
static void
test_fields_are_not_broken(void)
{
    static const char address[] =
        "firstname.middlename-lastname+department.of.things.and.more.things"
        "@a-long-name-of-a-department.customer.example";
    g_autofree char *word = g_strnfill(500, 'w');
    g_autofree char *reply = g_strconcat("550 5.1.1 no ", word, " here", NULL);
    WnDsnRecipient recipient = failed(address, reply);
    WnDsn dsn = example(&recipient, 1);
    g_autofree char *text = NULL;
    g_autofree char *line = g_strconcat("\r\nOriginal-Recipient: rfc822;",
        address, "\r\nFinal-Recipient: rfc822; ", address, "\r\n", NULL);

    recipient.orcpt = WN_SPAN("rfc822;firstname.middlename-lastname+2B"
                              "department.of.things.and.more.things@a-long-"
                              "name-of-a-department.customer.example");
    dsn.envid = WN_SPAN("QQ314159abcdefghabcdefghabcdefghabcdefghabcdefgh"
                        "abcdefghabcdefghabcdefghabcdefgh");
    text = written(&dsn);
    g_assert_nonnull(strstr(text, line));
    g_assert_nonnull(strstr(text, dsn.envid.ptr));
    g_assert_nonnull(strstr(text, word));
    assert_lines(text, 998);
}

/* Where what is 8-bit cannot be delivered, a report is not. */
static void
test_seven_bit(void)
{
    WnDsnRecipient recipient = failed("\xc3\xb6@z.example", "550 \xc3\xa4");
    WnDsn dsn = example(&recipient, 1);
    g_autofree char *text = NULL;

    dsn.seven_bit = true;
    text = written(&dsn);
    g_assert_true(wn_span_is_ascii(wn_span_str(text)));
    g_assert_null(strstr(text, "8bit"));
    g_assert_nonnull(strstr(text, "report-type=delivery-status"));
    g_assert_nonnull(
        strstr(text, "\r\nFinal-Recipient: utf-8; \\x{F6}@z.example\r\n"));
    g_assert_nonnull(strstr(text, "\r\nContent-Type: text/rfc822-headers\r\n"));
    g_assert_nonnull(strstr(text, "\r\nSubject: h??llo\r\n"));
}

static void
test_long_lines(void)
{
    GString *original = g_string_new("References: ");
    WnDsnRecipient recipient = failed("r@z.example", "550 no");
    WnDsn dsn = example(&recipient, 1);
    g_autofree char *text = NULL;

    for (int i = 0; i < 5000; i++)
        g_string_append_c(original, 'r');
    g_string_append(original, "\r\nSubject: x\r\n\r\nbody");
    dsn.original = wn_span(original->str, original->len);
    text = written(&dsn);
    assert_lines(text, 998);
    g_assert_nonnull(strstr(text, "\r\nSubject: x\r\n"));
    g_assert_null(strstr(text, "\r\nbody"));
    g_string_free(original, TRUE);
}

static void
test_odd_originals(void)
{
    static const char *const originals[] = { "", "\r\nno header\r\n", "no end",
        "A: b\r\n", "\r\n" };

    for (size_t i = 0; i < G_N_ELEMENTS(originals); i++) {
        WnDsnRecipient recipient = failed("r@z.example", "550 no");
        WnDsn dsn = example(&recipient, 1);
        g_autofree char *text = NULL;

        dsn.original = wn_span_str(originals[i]);
        text = written(&dsn);
        assert_lines(text, 998);
        g_assert_null(strstr(text, "no header"));
    }
}

typedef struct Wanted {
    const char *name;
    const char *sender;
    const char *notify;
    unsigned flags;
    bool failed, delayed, relayed;
} Wanted;

static const Wanted wanted[] = {
    { "plain", "s@y", "", 0, true, true, false },
    { "null-sender", "", "", 0, false, false, false },
    { "null-sender-asks", "", "FAILURE", 0, false, false, false },
    { "no-domain", "s", "", 0, false, false, false },
    { "own-report", "s@y", "", WN_ENVELOPE_DSN, false, false, false },
    { "never", "s@y", "NEVER", 0, false, false, false },
    { "failure", "s@y", "failure", 0, true, false, false },
    { "delay", "s@y", "DELAY", 0, false, true, false },
    { "success", "s@y", "SUCCESS", 0, false, false, true },
    { "all", "s@y", "SUCCESS,FAILURE,DELAY", 0, true, true, true },
    { "part-of-a-word", "s@y", "FAILURES", 0, false, false, false },
};

static void
test_wanted(gconstpointer data)
{
    const Wanted *c = data;
    WnEnvelope envelope = { .sender = wn_span_str(c->sender),
        .flags = c->flags };
    WnEnvelopeRecipient recipient = { .notify = wn_span_str(c->notify) };

    g_assert_true(
        wn_dsn_wanted(&envelope, &recipient, WN_DSN_FAILED) == c->failed);
    g_assert_true(
        wn_dsn_wanted(&envelope, &recipient, WN_DSN_DELAYED) == c->delayed);
    g_assert_true(
        wn_dsn_wanted(&envelope, &recipient, WN_DSN_RELAYED) == c->relayed);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/queue/bounce/golden", test_golden);
    g_test_add_func("/queue/bounce/full", test_full);
    g_test_add_func("/queue/bounce/several", test_several);
    g_test_add_func("/queue/bounce/global", test_global);
    g_test_add_func("/queue/bounce/escaped", test_escaped);
    g_test_add_func("/queue/bounce/evil-reply", test_evil_reply);
    g_test_add_func("/queue/bounce/fields-are-not-broken",
        test_fields_are_not_broken);
    g_test_add_func("/queue/bounce/seven-bit", test_seven_bit);
    g_test_add_func("/queue/bounce/long-lines", test_long_lines);
    g_test_add_func("/queue/bounce/odd-originals", test_odd_originals);
    for (size_t i = 0; i < G_N_ELEMENTS(wanted); i++) {
        g_autofree char *path = g_strconcat("/queue/bounce/wanted/",
            wanted[i].name, NULL);

        g_test_add_data_func(path, &wanted[i], test_wanted);
    }
    return g_test_run();
}
