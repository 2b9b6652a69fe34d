/* SPDX-License-Identifier: MIT */

#include "headers.h"

#include "relays.h"

#include <string.h>

#define FIELDS_MAX 1000u
#define TEXT_MAX (256u * 1024) /* of what one rule sees */
#define PART_HEADER_MAX (64u * 1024)

/* The bytes up to end, without the white space around them. */
static void
append_trimmed(GString *out, const char *text, const char *end)
{
    while (text < end && g_ascii_isspace(*text))
        text++;
    while (end > text && g_ascii_isspace(end[-1]))
        end--;
    if (end - text >= 2 && *text == '"' && end[-1] == '"') {
        text++;
        end--;
    }
    g_string_append_len(out, text, end - text);
}

/* The first of the bytes outside of quotes, or end. */
static const char *
find_outside(const char *at, const char *end, const char *bytes)
{
    bool quoted = false;

    for (; at < end; at++) {
        if (*at == '\\' && quoted && at + 1 < end)
            at++;
        else if (*at == '"')
            quoted = !quoted;
        else if (!quoted && *at != '\0' && strchr(bytes, *at) != NULL)
            return at;
    }
    return end;
}

void
pattern_address_append(GString *out, const char *text, size_t len,
    PatternForm form)
{
    const char *end = text + len;
    const char *angle = find_outside(text, end, "<");
    const char *close = find_outside(angle, end, ">");
    const char *stop;

    if (angle < end) {
        if (form == PATTERN_NAME)
            append_trimmed(out, text, angle);
        else
            append_trimmed(out, angle + 1, close);
        return;
    }
    stop = find_outside(text, end, "(,;");
    if (form == PATTERN_ADDR) {
        append_trimmed(out, text, stop);
    } else if (stop < end && *stop == '(') {
        close = find_outside(stop, end, ")");
        append_trimmed(out, stop + 1, close);
    }
}

/* As it was sent, without CR and without the blanks behind the colon. */
static void
append_raw(GString *out, const char *text, size_t len)
{
    size_t at = 0;

    while (at < len && (text[at] == ' ' || text[at] == '\t'))
        at++;
    for (; at < len; at++)
        if (text[at] != '\r')
            g_string_append_c(out, text[at] != '\0' ? text[at] : ' ');
    if (out->len == 0 || out->str[out->len - 1] != '\n')
        g_string_append_c(out, '\n');
}

static void
append_field(GString *out, const WnHeader *header, PatternForm form)
{
    if (form == PATTERN_RAW) {
        append_raw(out, header->raw.ptr, header->raw.len);
    } else if (form == PATTERN_VALUE) {
        g_string_append_len(out, header->value.ptr, (gssize)header->value.len);
        g_string_append_c(out, '\n');
    } else if (out->len == 0) {
        pattern_address_append(out, header->value.ptr, header->value.len, form);
    }
}

static bool
append_named(const PatternMail *mail, const char *name, PatternForm form,
    GString *out)
{
    uint32_t n = 0;

    for (; n < FIELDS_MAX && out->len < TEXT_MAX; n++) {
        const WnHeader *header = mail->host->message->header_named(mail->call,
            name, n);

        if (header == NULL)
            break;
        append_field(out, header, form);
    }
    return n > 0;
}

/* The fields behind the first n_received Received fields, or those up to
 * there. */
static void
append_fields(const PatternMail *mail, PatternForm form, uint32_t n_received,
    bool behind, GString *out)
{
    uint32_t n = mail->host->message->n_headers(mail->call);
    uint32_t seen = 0;

    for (uint32_t i = 0; i < n && out->len < TEXT_MAX; i++) {
        const WnHeader *header = mail->host->message->header(mail->call, i);
        bool trusted = seen < n_received;

        seen += header->name.len == strlen("Received")
                && g_ascii_strncasecmp(header->name.ptr, "Received",
                       header->name.len)
                       == 0;
        if (trusted == behind)
            continue;
        g_string_append_len(out, header->name.ptr, (gssize)header->name.len);
        g_string_append(out, ": ");
        append_field(out, header,
            form == PATTERN_RAW ? PATTERN_RAW : PATTERN_VALUE);
    }
}

static bool
read_all(const PatternMail *mail, PatternForm form, GString *out)
{
    append_fields(mail, form, 0, true, out);
    return out->len > 0;
}

static bool
read_untrusted(const PatternMail *mail, PatternForm form, GString *out)
{
    append_fields(mail, form, pattern_relays_n_trusted(mail), true, out);
    return out->len > 0;
}

static bool
read_trusted(const PatternMail *mail, PatternForm form, GString *out)
{
    append_fields(mail, form, pattern_relays_n_trusted(mail), false, out);
    return out->len > 0;
}

static bool
read_message_id(const PatternMail *mail, PatternForm form, GString *out)
{
    static const char *const names[] = { "X-Message-Id", "Resent-Message-Id",
        "X-Original-Message-ID", "Message-Id" };
    bool any = false;

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        any = append_named(mail, names[i], form, out) || any;
    return any;
}

static bool
read_to_cc(const PatternMail *mail, PatternForm form, GString *out)
{
    bool any = append_named(mail, "To", form, out);

    if (any && out->len > 0 && out->str[out->len - 1] == '\n')
        g_string_truncate(out, out->len - 1);
    if (any && out->len > 0 && out->str[out->len - 1] != ',')
        g_string_append(out, ", ");
    return append_named(mail, "Cc", form, out) || any;
}

static bool
read_envelope_from(const PatternMail *mail, PatternForm form, GString *out)
{
    const WnAddress *sender = mail->host->facts->sender(mail->call);

    (void)form;
    if (sender == NULL)
        return false;
    g_string_append_len(out, sender->text.ptr, (gssize)sender->text.len);
    g_string_append_c(out, '\n');
    return true;
}

static bool
read_relays_untrusted(const PatternMail *mail, PatternForm form, GString *out)
{
    (void)form;
    pattern_relays_append(mail, out, PATTERN_RELAYS_UNTRUSTED);
    return true;
}

static bool
read_relays_trusted(const PatternMail *mail, PatternForm form, GString *out)
{
    (void)form;
    pattern_relays_append(mail, out, PATTERN_RELAYS_TRUSTED);
    return true;
}

static const struct {
    const char *name;
    bool (*read)(const PatternMail *mail, PatternForm form, GString *out);
} pseudo_headers[] = {
    { "ALL", read_all },
    { "MESSAGEID", read_message_id },
    { "ToCc", read_to_cc },
    { "EnvelopeFrom", read_envelope_from },
    { "ALL-EXTERNAL", read_untrusted },
    { "ALL-UNTRUSTED", read_untrusted },
    { "ALL-TRUSTED", read_trusted },
    { "ALL-INTERNAL", read_trusted },
    { "X-Spam-Relays-External", read_relays_untrusted },
    { "X-Spam-Relays-Untrusted", read_relays_untrusted },
    { "X-Spam-Relays-Trusted", read_relays_trusted },
    { "X-Spam-Relays-Internal", read_relays_trusted },
};

bool
pattern_header_read(const PatternMail *mail, const char *name, PatternForm form,
    GString *out)
{
    g_string_truncate(out, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(pseudo_headers); i++)
        if (strcmp(name, pseudo_headers[i].name) == 0)
            return pseudo_headers[i].read(mail, form, out);
    return append_named(mail, name, form, out);
}

/* Where the line before the one that starts at text begins. */
static const char *
line_before(const char *start, const char *text)
{
    const char *at = text - 1;

    while (at > start && at[-1] != '\n')
        at--;
    return at;
}

/* Where the header of the part begins, whose body begins at body: behind its
 * boundary line, or behind the blank line of the message around it. */
static const char *
part_header(const char *start, const char *body)
{
    const char *at = body > start ? line_before(start, body) : body;

    while (at > start && body - at < (ptrdiff_t)PART_HEADER_MAX) {
        const char *line = line_before(start, at);

        if (g_str_has_prefix(line, "--") || *line == '\r' || *line == '\n')
            break;
        at = line;
    }
    return at;
}

/* The end of the field that begins at text: before a line without blank. */
static const char *
field_end(const char *text, const char *end)
{
    while (text < end) {
        const char *line = memchr(text, '\n', (size_t)(end - text));

        text = line != NULL ? line + 1 : end;
        if (text < end && *text != ' ' && *text != '\t')
            break;
    }
    return text;
}

/* Unfolded, with a single blank for each fold. */
static void
append_unfolded(GString *out, const char *text, size_t len)
{
    size_t start = out->len;

    append_raw(out, text, len);
    for (char *at = out->str + start; *at != '\0'; at++)
        if (*at == '\n' && at[1] != '\0')
            *at = ' ';
}

static bool
append_part_field(GString *out, const char *text, const char *end,
    const char *name, PatternForm form)
{
    size_t len = strlen(name);
    bool any = false;

    for (const char *next; text < end; text = next) {
        next = field_end(text, end);
        if ((size_t)(next - text) <= len || text[len] != ':'
            || g_ascii_strncasecmp(text, name, len) != 0)
            continue;
        text += len + 1;
        if (form == PATTERN_RAW)
            append_raw(out, text, (size_t)(next - text));
        else
            append_unfolded(out, text, (size_t)(next - text));
        any = true;
    }
    return any;
}

bool
pattern_part_header_read(const PatternMail *mail, const char *name,
    PatternForm form, uint32_t n, GString *out)
{
    const WnMessageApi *message = mail->host->message;
    WnStr raw = message->raw(mail->call);
    const char *body;

    g_string_truncate(out, 0);
    if (n == 0)
        return append_named(mail, name, form, out);
    body = message->part(mail->call, n)->raw.ptr;
    /* Parts of an encoded message are not in the raw one. */
    if (body <= raw.ptr || body > raw.ptr + raw.len)
        return false;
    return append_part_field(out, part_header(raw.ptr, body), body, name, form);
}
