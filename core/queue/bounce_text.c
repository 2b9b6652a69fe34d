/* SPDX-License-Identifier: MIT */
#include "core/base/clock.h"
#include "core/queue/bounce_lines.h"

/* What a status means to people and what they can do; the longest beginning
 * that fits counts. */
typedef struct Meaning {
    const char *status;
    const char *text;
} Meaning;

static const Meaning meanings[] = {
    { "5.1.1", "There is no such address.  Please check it for typing "
               "mistakes, or ask the person for the right one." },
    { "5.1.", "The address is not valid.  Please check it for typing "
              "mistakes." },
    { "5.2.2", "The mailbox is full.  Please tell the person in another way, "
               "and send the message again later." },
    { "5.2.", "The mailbox takes no mail at present.  Please tell the person "
              "in another way." },
    { "5.2.3", "The message is too large for the mailbox.  Please send it "
               "with smaller attachments, or without." },
    { "5.3.4", "The message is too large.  Please send it with smaller "
               "attachments, or without." },
    { "5.6.7", "The address or the header of the message has letters that "
               "the recipient's mail server does not understand.  Please ask "
               "the person for an address in plain letters (a to z)." },
    { "5.7.", "The recipient's mail server does not want this message.  "
              "Please ask the person in another way to have it let through." },
};

static bool
is_smtp_reply(WnSpan reply)
{
    return reply.len > 0 && g_ascii_isdigit(reply.ptr[0]);
}

static const char *
meaning(const WnDsnRecipient *recipient)
{
    const Meaning *found = NULL;

    if (recipient->expired)
        return "In all that time the recipient's mail server could not be "
               "reached, or did not take the message.  Please tell the person "
               "in another way, and send the message again later.";
    for (size_t i = 0; i < G_N_ELEMENTS(meanings); i++)
        if (g_str_has_prefix(recipient->status, meanings[i].status)
            && (found == NULL
                || strlen(meanings[i].status) > strlen(found->status)))
            found = &meanings[i];
    if (found != NULL)
        return found->text;
    if (is_smtp_reply(recipient->reply))
        return "The recipient's mail server refused the message.  What it "
               "said may tell the reason.";
    return "The message could not be handed to the recipient's mail server.";
}

static char *
age_text(const WnDsn *dsn)
{
    int64_t minutes = MAX(0, dsn->now - dsn->arrived) / 60;

    if (minutes < 2)
        return g_strdup("a minute or two");
    if (minutes < 120)
        return g_strdup_printf("%d minutes", (int)minutes);
    if (minutes < 48 * 60)
        return g_strdup_printf("%d hours", (int)(minutes / 60));
    return g_strdup_printf("%d days", (int)(minutes / (24 * 60)));
}

static void
add_reason(const WnDsnRecipient *recipient, bool utf8, GByteArray *out)
{
    if (recipient->reply.len == 0)
        return;
    wn_bounce_add_line(out, "    %s:",
        is_smtp_reply(recipient->reply)
            ? "What the recipient's mail server said"
            : "What happened");
    wn_bounce_add_wrapped(out, "        ", recipient->reply, utf8);
}

static void
add_recipient(const WnDsnRecipient *recipient, bool utf8, GByteArray *out)
{
    g_autofree char *address = wn_bounce_clean(recipient->address, 500, utf8);
    char date[WN_DATE_MAX];

    wn_bounce_add_line(out, "\r\n  %s", address);
    switch (recipient->action) {
    case WN_DSN_FAILED:
        wn_bounce_add_wrapped(out, "    ", wn_span_str(meaning(recipient)),
            utf8);
        add_reason(recipient, utf8, out);
        break;
    case WN_DSN_DELAYED:
        if (recipient->will_retry_until != 0) {
            wn_clock_rfc5322(recipient->will_retry_until, date);
            wn_bounce_add_line(out, "    It will be tried until %s.", date);
        }
        add_reason(recipient, utf8, out);
        break;
    case WN_DSN_RELAYED:
        break;
    }
}

static bool
any_expired(const WnDsn *dsn)
{
    for (size_t i = 0; i < dsn->n_recipients; i++)
        if (dsn->recipients[i].expired)
            return true;
    return false;
}

/* Says what became of the message for those with this action, and lists them;
 * nothing if there are none. */
static void
add_section(const WnDsn *dsn, WnDsnAction action, const char *said, bool utf8,
    GByteArray *out)
{
    bool begun = false;

    for (size_t i = 0; i < dsn->n_recipients; i++) {
        const WnDsnRecipient *recipient = &dsn->recipients[i];

        if (recipient->action != action)
            continue;
        if (!begun) {
            wn_bounce_add(out, "\r\n");
            wn_bounce_add_wrapped(out, "", wn_span_str(said), utf8);
        }
        begun = true;
        add_recipient(recipient, utf8, out);
    }
}

/* The original's, if it is a plain one, so that people know which message this
 * is about. */
static WnSpan
plain_subject(const WnDsn *dsn)
{
    WnSpan rest = wn_span_slice(dsn->original, 0, WN_DSN_HEADER_MAX);

    while (rest.len > 0 && rest.ptr[0] != '\r') {
        const char *end = memmem(rest.ptr, rest.len, "\r\n", 2);
        size_t len = end != NULL ? (size_t)(end - rest.ptr) : rest.len;
        WnSpan line = wn_span_slice(rest, 0, len);

        rest = wn_span_slice(rest, len + 2, rest.len);
        if (!wn_span_case_starts(line, WN_SPAN("Subject:")))
            continue;
        line = wn_span_trim(wn_span_slice(line, 8, line.len));
        return wn_span_is_ascii(line)
                       && memmem(line.ptr, line.len, "=?", 2) == NULL
                   ? line
                   : WN_SPAN_EMPTY;
    }
    return WN_SPAN_EMPTY;
}

static void
add_which_message(const WnDsn *dsn, GByteArray *out)
{
    WnSpan subject = plain_subject(dsn);
    char date[WN_DATE_MAX];

    wn_clock_rfc5322(dsn->arrived, date);
    wn_bounce_add_line(out, "This is the mail relay %s.", dsn->hostname);
    wn_bounce_add_line(out, "It is about your message of %s%s", date,
        subject.len > 0 ? ", with the subject:\r\n" : ".");
    if (subject.len > 0)
        wn_bounce_add_wrapped(out, "  ", wn_span_slice(subject, 0, 200), false);
}

void
wn_bounce_add_explanation(const WnDsn *dsn, bool utf8, GByteArray *out)
{
    g_autofree char *age = age_text(dsn);
    g_autofree char *failed = NULL;
    g_autofree char *delayed = NULL;
    char id[WN_ID_TEXT_LEN + 1];

    wn_id_format(&dsn->original_id, id);
    failed = any_expired(dsn)
                 ? g_strdup_printf("It could NOT be delivered to the "
                                   "following.  After %s it will not be tried "
                                   "again:",
                     age)
                 : g_strdup("It could NOT be delivered to the following, and "
                            "will not be tried again:");
    delayed = g_strdup_printf("It has not been delivered YET to the "
                              "following, after %s.  Delivery is still being "
                              "tried; there is no need to send it again:",
        age);
    add_which_message(dsn, out);
    add_section(dsn, WN_DSN_FAILED, failed, utf8, out);
    add_section(dsn, WN_DSN_DELAYED, delayed, utf8, out);
    add_section(dsn, WN_DSN_RELAYED,
        "It has been handed to the mail server of the following, which does "
        "not confirm deliveries.  You asked to be told; there is nothing you "
        "need to do:",
        utf8, out);
    wn_bounce_add_line(out,
        "\r\nIf you ask somebody for help, pass on this whole report.  The "
        "message's");
    wn_bounce_add_line(out, "number here is %s.", id);
}
