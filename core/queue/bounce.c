/* SPDX-License-Identifier: MIT */
#include "core/queue/bounce.h"

#include "core/base/clock.h"
#include "core/queue/bounce_lines.h"
#include "core/smtp/xtext.h"

/* RFC 5322 §2.1.1, less the line's end. */
#define LINE_MAX_LEN 998

static const char *
action_name(WnDsnAction action)
{
    switch (action) {
    case WN_DSN_FAILED:
        return "failed";
    case WN_DSN_DELAYED:
        return "delayed";
    case WN_DSN_RELAYED:
        return "relayed";
    }
    return "failed";
}

/* The worst of what it tells. */
static WnDsnAction
main_action(const WnDsn *self)
{
    WnDsnAction worst = WN_DSN_RELAYED;

    for (size_t i = 0; i < self->n_recipients; i++)
        worst = MIN(worst, self->recipients[i].action);
    return worst;
}

static const char *
subject(WnDsnAction action)
{
    switch (action) {
    case WN_DSN_FAILED:
        return "Undelivered mail returned to sender";
    case WN_DSN_DELAYED:
        return "Delayed mail (still being tried)";
    case WN_DSN_RELAYED:
        return "Mail was relayed";
    }
    return "";
}

/* Up to the empty line, which is not part of it. */
static WnSpan
header_of(WnSpan message)
{
    const char *end;

    if (message.len >= 2 && memcmp(message.ptr, "\r\n", 2) == 0)
        return WN_SPAN_EMPTY;
    end = memmem(message.ptr, message.len, "\r\n\r\n", 4);
    if (end != NULL)
        message.len = (size_t)(end - message.ptr) + 2;
    return wn_span_slice(message, 0, WN_DSN_HEADER_MAX);
}

static WnSpan
original_text(const WnDsn *self)
{
    return self->full ? self->original : header_of(self->original);
}

/* RFC 6533 §4: only a report of another type may hold such addresses. */
static bool
is_global(const WnDsn *self)
{
    bool ascii = wn_span_is_ascii(self->to);

    for (size_t i = 0; i < self->n_recipients && !self->seven_bit; i++)
        ascii = ascii && wn_span_is_ascii(self->recipients[i].address)
                && wn_span_is_ascii(self->recipients[i].orcpt);
    return !ascii;
}

static bool
is_eight_bit(const WnDsn *self)
{
    return !self->seven_bit && !wn_span_is_ascii(original_text(self));
}

static void
add_header(const WnDsn *self, const char *boundary, bool global,
    GByteArray *out)
{
    g_autofree char *to = wn_bounce_clean(self->to, LINE_MAX_LEN / 2, global);
    char id[WN_ID_TEXT_LEN + 1];
    char date[WN_DATE_MAX];

    wn_id_format(&self->id, id);
    wn_clock_rfc5322(self->now, date);
    wn_bounce_add_line(out, "From: Mail Delivery System <postmaster@%s>",
        self->hostname);
    wn_bounce_add_line(out, "To: <%s>", to);
    wn_bounce_add_line(out, "Subject: %s", subject(main_action(self)));
    wn_bounce_add_line(out, "Date: %s", date);
    wn_bounce_add_line(out, "Message-ID: <%s@%s>", id, self->hostname);
    wn_bounce_add_line(out, "Auto-Submitted: auto-replied");
    wn_bounce_add_line(out, "MIME-Version: 1.0");
    if (global || is_eight_bit(self))
        wn_bounce_add_line(out, "Content-Transfer-Encoding: 8bit");
    wn_bounce_add_line(out,
        "Content-Type: multipart/report; report-type=%sdelivery-status;",
        global ? "global-" : "");
    wn_bounce_add_line(out, " boundary=\"%s\"", boundary);
    wn_bounce_add(out, "\r\nThis is a report in several parts (RFC 3464).\r\n");
}

static void
add_part(const char *boundary, const char *type, bool eight_bit,
    GByteArray *out)
{
    wn_bounce_add_line(out, "\r\n--%s", boundary);
    wn_bounce_add_line(out, "Content-Type: %s", type);
    if (eight_bit)
        wn_bounce_add_line(out, "Content-Transfer-Encoding: 8bit");
    wn_bounce_add(out, "\r\n");
}

static void
add_date(GByteArray *out, const char *name, int64_t unix_time)
{
    char date[WN_DATE_MAX];

    if (unix_time == 0)
        return;
    wn_clock_rfc5322(unix_time, date);
    wn_bounce_add_line(out, "%s: %s", name, date);
}

/* Only an SMTP reply is a diagnostic code of that type. */
static void
add_diagnostic(WnSpan reply, bool global, GByteArray *out)
{
    bool smtp = reply.len > 0 && g_ascii_isdigit(reply.ptr[0]);

    if (reply.len > 0)
        wn_bounce_add_field(out, "Diagnostic-Code",
            smtp ? "smtp; " : "x-winnow; ", reply, global);
}

/* In a report of ASCII alone, in the form of RFC 6533 §3 for that. */
static void
add_final_recipient(WnSpan address, bool global, GByteArray *out)
{
    bool ascii = wn_span_is_ascii(address);
    g_autofree char *plain = global ? wn_span_dup(address)
                                    : wn_orcpt_to_ascii(address);
    g_autofree char *text = g_strconcat(ascii ? "rfc822; " : "utf-8; ", plain,
        NULL);

    wn_bounce_add_word(out, "Final-Recipient", wn_span_str(text), global);
}

static void
add_recipient(const WnDsn *self, const WnDsnRecipient *recipient, bool global,
    GByteArray *out)
{
    char id[WN_ID_TEXT_LEN + 1];

    wn_bounce_add(out, "\r\n");
    if (recipient->orcpt.len > 0) {
        g_autofree char *text = wn_orcpt_decode(recipient->orcpt, global);

        wn_bounce_add_word(out, "Original-Recipient", wn_span_str(text),
            global);
    }
    add_final_recipient(recipient->address, global, out);
    wn_bounce_add_line(out, "Action: %s", action_name(recipient->action));
    wn_bounce_add_line(out, "Status: %s", recipient->status);
    if (recipient->remote.len > 0)
        wn_bounce_add_field(out, "Remote-MTA", "dns; ", recipient->remote,
            global);
    add_diagnostic(recipient->reply, global, out);
    add_date(out, "Last-Attempt-Date", recipient->last_attempt);
    wn_id_format(&self->original_id, id);
    wn_bounce_add_line(out, "Final-Log-ID: %s", id);
    if (recipient->action == WN_DSN_DELAYED)
        add_date(out, "Will-Retry-Until", recipient->will_retry_until);
}

static void
add_status(const WnDsn *self, bool global, GByteArray *out)
{
    g_autofree char *envid = wn_xtext_decode(self->envid);
    char id[WN_ID_TEXT_LEN + 1];

    wn_id_format(&self->original_id, id);
    if (self->envid.len > 0)
        wn_bounce_add_word(out, "Original-Envelope-Id", wn_span_str(envid),
            global);
    wn_bounce_add_line(out, "Reporting-MTA: dns; %s", self->hostname);
    wn_bounce_add_line(out, "X-Winnow-Id: %s", id);
    add_date(out, "Arrival-Date", self->arrived);
    for (size_t i = 0; i < self->n_recipients; i++)
        add_recipient(self, &self->recipients[i], global, out);
}

static void
add_plain(GByteArray *out, WnSpan text, bool seven_bit)
{
    guint begin = out->len;

    g_byte_array_append(out, (const guint8 *)text.ptr, (guint)text.len);
    for (guint i = begin; seven_bit && i < out->len; i++)
        if (out->data[i] >= 0x80)
            out->data[i] = '?';
}

/* Lines as they are, but none longer than may be. */
static void
add_bounded_lines(GByteArray *out, WnSpan text, bool seven_bit)
{
    while (text.len > 0) {
        const char *end = memmem(text.ptr, text.len, "\r\n", 2);
        size_t len = end != NULL ? (size_t)(end - text.ptr) : text.len;
        size_t kept = MIN(len, LINE_MAX_LEN - 1);

        add_plain(out, wn_span_slice(text, 0, kept), seven_bit);
        if (kept < len) {
            wn_bounce_add(out, "\r\n ");
            text = wn_span_slice(text, kept, text.len);
            continue;
        }
        wn_bounce_add(out, "\r\n");
        text = wn_span_slice(text, len + 2, text.len);
    }
}

/* A header in UTF-8 has types of its own (RFC 6533 §5); what is 8-bit and no
 * UTF-8 has none, and the old one does least harm. */
static const char *
original_type(const WnDsn *self)
{
    WnSpan header = header_of(self->original);
    bool utf8 = !self->seven_bit && !wn_span_is_ascii(header)
                && g_utf8_validate_len(header.ptr, header.len, NULL);

    if (self->full)
        return utf8 ? "message/global" : "message/rfc822";
    return utf8 ? "message/global-headers" : "text/rfc822-headers";
}

void
wn_dsn_write(const WnDsn *self, GByteArray *out)
{
    WnSpan original = original_text(self);
    bool global = is_global(self);
    g_autofree char *boundary = NULL;
    char id[WN_ID_TEXT_LEN + 1];

    wn_id_format(&self->id, id);
    boundary = g_strdup_printf("=_%s", id);
    add_header(self, boundary, global, out);
    add_part(boundary,
        global ? "text/plain; charset=utf-8" : "text/plain; charset=us-ascii",
        global, out);
    wn_bounce_add_explanation(self, global, out);
    add_part(boundary,
        global ? "message/global-delivery-status" : "message/delivery-status",
        global, out);
    add_status(self, global, out);
    add_part(boundary, original_type(self), is_eight_bit(self), out);
    if (self->full)
        g_byte_array_append(out, (const guint8 *)original.ptr,
            (guint)original.len);
    else
        add_bounded_lines(out, original, self->seven_bit);
    wn_bounce_add_line(out, "\r\n--%s--", boundary);
}

/* Is word among the comma-separated ones? */
static bool
has_word(WnSpan list, WnSpan word)
{
    while (list.len > 0) {
        const char *comma = memchr(list.ptr, ',', list.len);
        size_t len = comma != NULL ? (size_t)(comma - list.ptr) : list.len;

        if (wn_span_case_eq(wn_span_trim(wn_span_slice(list, 0, len)), word))
            return true;
        list = wn_span_slice(list, len + 1, list.len);
    }
    return false;
}

bool
wn_dsn_wanted(const WnEnvelope *envelope, const WnEnvelopeRecipient *recipient,
    WnDsnAction action)
{
    WnSpan notify = recipient->notify;

    if (envelope->sender.len == 0 || (envelope->flags & WN_ENVELOPE_DSN)
        || memchr(envelope->sender.ptr, '@', envelope->sender.len) == NULL)
        return false;
    switch (action) {
    case WN_DSN_FAILED:
        return notify.len == 0 || has_word(notify, WN_SPAN("FAILURE"));
    case WN_DSN_DELAYED:
        return notify.len == 0 || has_word(notify, WN_SPAN("DELAY"));
    case WN_DSN_RELAYED:
        return has_word(notify, WN_SPAN("SUCCESS"));
    }
    return false;
}
