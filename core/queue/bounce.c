/* SPDX-License-Identifier: MIT */
#include "core/queue/bounce.h"

#include "core/base/clock.h"

/* RFC 5322 §2.1.1, less the line's end. */
#define LINE_MAX_LEN 998
#define FOLD_LEN 76
#define HEADER_MAX ((size_t)64 * 1024)
#define REPLY_MAX 2048

static void
add(GByteArray *out, const char *text)
{
    g_byte_array_append(out, (const guint8 *)text, (guint)strlen(text));
}

static void G_GNUC_PRINTF(2, 3)
    add_line(GByteArray *out, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list arguments;

    va_start(arguments, format);
    text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    add(out, text);
    add(out, "\r\n");
}

/* One line of printable ASCII, whatever it was (transfer full). */
static char *
clean(WnSpan text, size_t max)
{
    GString *out = g_string_new(NULL);

    for (size_t i = 0; i < text.len && out->len < max; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c >= 0x80)
            c = '?';
        else if (c < ' ' || c == 0x7f)
            c = ' ';
        g_string_append_c(out, (char)c);
    }
    return g_string_free(out, FALSE);
}

/* A field whose text came from outside, folded. */
static void
add_field(GByteArray *out, const char *name, const char *prefix, WnSpan value)
{
    g_autofree char *text = clean(value, REPLY_MAX);
    const char *rest = text;
    size_t room = FOLD_LEN
                  - MIN(strlen(name) + strlen(prefix) + 2, FOLD_LEN / 2);

    add(out, name);
    add(out, ": ");
    add(out, prefix);
    while (strlen(rest) > room) {
        size_t len = room;

        while (len > 0 && rest[len] != ' ')
            len--;
        if (len == 0)
            len = room;
        g_byte_array_append(out, (const guint8 *)rest, (guint)len);
        add(out, "\r\n ");
        rest += len;
        while (*rest == ' ')
            rest++;
        room = FOLD_LEN;
    }
    add(out, rest);
    add(out, "\r\n");
}

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* RFC 3461 §4 (transfer full). */
static char *
decode_xtext(WnSpan text)
{
    GString *out = g_string_new(NULL);

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c == '+' && i + 2 < text.len && hex_digit(text.ptr[i + 1]) >= 0
            && hex_digit(text.ptr[i + 2]) >= 0) {
            c = (char)(hex_digit(text.ptr[i + 1]) * 16
                       + hex_digit(text.ptr[i + 2]));
            i += 2;
        }
        g_string_append_c(out, c == '\0' ? ' ' : c);
    }
    return g_string_free(out, FALSE);
}

static WnDsnAction
main_action(const WnDsn *self)
{
    for (size_t i = 0; i < self->n_recipients; i++)
        if (self->recipients[i].action == WN_DSN_FAILED)
            return WN_DSN_FAILED;
    return self->n_recipients > 0 ? self->recipients[0].action : WN_DSN_FAILED;
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

static const char *
explanation(WnDsnAction action)
{
    switch (action) {
    case WN_DSN_FAILED:
        return "Your message could not be delivered to the recipients "
               "below.\r\n"
               "It will not be tried again.\r\n";
    case WN_DSN_DELAYED:
        return "Your message has not been delivered yet to the recipients "
               "below.\r\n"
               "There is no need to send it again: delivery is still being "
               "tried.\r\n";
    case WN_DSN_RELAYED:
        return "Your message was handed to the mail server of the recipients "
               "below,\r\n"
               "which does not confirm deliveries.\r\n";
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
    return wn_span_slice(message, 0, HEADER_MAX);
}

static bool
is_eight_bit(WnSpan text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] >= 0x80)
            return true;
    return false;
}

static WnSpan
original_text(const WnDsn *self)
{
    return self->full ? self->original : header_of(self->original);
}

static void
add_header(const WnDsn *self, const char *boundary, GByteArray *out)
{
    g_autofree char *to = clean(self->to, LINE_MAX_LEN / 2);
    char id[WN_ID_TEXT_LEN + 1];
    char date[WN_DATE_MAX];

    wn_id_format(&self->id, id);
    wn_clock_rfc5322(self->now, date);
    add_line(out, "From: Mail Delivery System <postmaster@%s>", self->hostname);
    add_line(out, "To: <%s>", to);
    add_line(out, "Subject: %s", subject(main_action(self)));
    add_line(out, "Date: %s", date);
    add_line(out, "Message-ID: <%s@%s>", id, self->hostname);
    add_line(out, "Auto-Submitted: auto-replied");
    add_line(out, "MIME-Version: 1.0");
    if (is_eight_bit(original_text(self)))
        add_line(out, "Content-Transfer-Encoding: 8bit");
    add_line(out,
        "Content-Type: multipart/report; report-type=delivery-status;");
    add_line(out, " boundary=\"%s\"", boundary);
    add(out, "\r\nThis is a report in several parts (RFC 3464).\r\n");
}

static void
add_wrapped(GByteArray *out, const char *indent, WnSpan text)
{
    g_autofree char *line = clean(text, REPLY_MAX);
    const char *rest = line;

    while (*rest != '\0') {
        size_t len = MIN(strlen(rest), (size_t)FOLD_LEN);

        while (len == FOLD_LEN && len > 1 && rest[len - 1] != ' ')
            len--;
        if (len == 1 && strlen(rest) > 1)
            len = MIN(strlen(rest), (size_t)FOLD_LEN);
        add_line(out, "%s%.*s", indent, (int)len, rest);
        rest += len;
    }
}

static void
add_text_part(const WnDsn *self, const char *boundary, GByteArray *out)
{
    char id[WN_ID_TEXT_LEN + 1];

    wn_id_format(&self->original_id, id);
    add_line(out, "\r\n--%s", boundary);
    add_line(out, "Content-Type: text/plain; charset=us-ascii\r\n");
    add_line(out, "This is the mail relay at %s.\r\n", self->hostname);
    add(out, explanation(main_action(self)));
    add_line(out, "The relay's name for it is %s.", id);
    for (size_t i = 0; i < self->n_recipients; i++) {
        const WnDsnRecipient *recipient = &self->recipients[i];
        g_autofree char *address = clean(recipient->address, LINE_MAX_LEN / 2);

        add_line(out, "\r\n<%s>:", address);
        add_wrapped(out, "    ",
            recipient->reply.len > 0 ? recipient->reply
                                     : wn_span_str(recipient->status));
    }
}

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

static void
add_date(GByteArray *out, const char *name, int64_t unix_time)
{
    char date[WN_DATE_MAX];

    if (unix_time == 0)
        return;
    wn_clock_rfc5322(unix_time, date);
    add_line(out, "%s: %s", name, date);
}

/* ORCPT is "type;xtext"; the field holds the type and the decoded address. */
static void
add_original_recipient(WnSpan orcpt, GByteArray *out)
{
    g_autofree char *text = NULL;

    if (memchr(orcpt.ptr, ';', orcpt.len) == NULL)
        return;
    text = decode_xtext(orcpt);
    add_field(out, "Original-Recipient", "", wn_span_str(text));
}

static void
add_recipient(const WnDsnRecipient *recipient, GByteArray *out)
{
    add(out, "\r\n");
    add_original_recipient(recipient->orcpt, out);
    add_field(out, "Final-Recipient", "rfc822; ", recipient->address);
    add_line(out, "Action: %s", action_name(recipient->action));
    add_line(out, "Status: %s", recipient->status);
    if (recipient->remote.len > 0)
        add_field(out, "Remote-MTA", "dns; ", recipient->remote);
    /* Only an SMTP reply is a diagnostic code of that type. */
    if (recipient->reply.len > 0 && g_ascii_isdigit(recipient->reply.ptr[0]))
        add_field(out, "Diagnostic-Code", "smtp; ", recipient->reply);
    else if (recipient->reply.len > 0)
        add_field(out, "Diagnostic-Code", "x-winnow; ", recipient->reply);
    add_date(out, "Last-Attempt-Date", recipient->last_attempt);
    if (recipient->action == WN_DSN_DELAYED)
        add_date(out, "Will-Retry-Until", recipient->will_retry_until);
}

static void
add_status_part(const WnDsn *self, const char *boundary, GByteArray *out)
{
    g_autofree char *envid = decode_xtext(self->envid);
    char id[WN_ID_TEXT_LEN + 1];

    wn_id_format(&self->original_id, id);
    add_line(out, "\r\n--%s", boundary);
    add_line(out, "Content-Type: message/delivery-status\r\n");
    if (self->envid.len > 0)
        add_field(out, "Original-Envelope-Id", "", wn_span_str(envid));
    add_line(out, "Reporting-MTA: dns; %s", self->hostname);
    add_line(out, "X-Winnow-Id: %s", id);
    add_date(out, "Arrival-Date", self->arrived);
    for (size_t i = 0; i < self->n_recipients; i++)
        add_recipient(&self->recipients[i], out);
}

/* Lines as they are, but none longer than may be. */
static void
add_bounded_lines(GByteArray *out, WnSpan text)
{
    while (text.len > 0) {
        const char *end = memmem(text.ptr, text.len, "\r\n", 2);
        size_t len = end != NULL ? (size_t)(end - text.ptr) : text.len;
        size_t kept = MIN(len, LINE_MAX_LEN - 1);

        g_byte_array_append(out, (const guint8 *)text.ptr, (guint)kept);
        if (kept < len) {
            add(out, "\r\n ");
            text = wn_span_slice(text, kept, text.len);
            continue;
        }
        add(out, "\r\n");
        text = wn_span_slice(text, len + 2, text.len);
    }
}

static void
add_original_part(const WnDsn *self, const char *boundary, GByteArray *out)
{
    WnSpan text = original_text(self);

    add_line(out, "\r\n--%s", boundary);
    add_line(out, "Content-Type: %s",
        self->full ? "message/rfc822" : "text/rfc822-headers");
    if (is_eight_bit(text))
        add_line(out, "Content-Transfer-Encoding: 8bit");
    add(out, "\r\n");
    if (self->full)
        g_byte_array_append(out, (const guint8 *)text.ptr, (guint)text.len);
    else
        add_bounded_lines(out, text);
    add_line(out, "\r\n--%s--", boundary);
}

void
wn_dsn_write(const WnDsn *self, GByteArray *out)
{
    char id[WN_ID_TEXT_LEN + 1];
    g_autofree char *boundary = NULL;

    wn_id_format(&self->id, id);
    boundary = g_strdup_printf("=_%s", id);
    add_header(self, boundary, out);
    add_text_part(self, boundary, out);
    add_status_part(self, boundary, out);
    add_original_part(self, boundary, out);
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
