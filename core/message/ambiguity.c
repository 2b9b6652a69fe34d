/* SPDX-License-Identifier: MIT */
#include "core/message/ambiguity.h"

#include "core/message/header_text.h"
#include "core/message/message.h"

/* By bits of WN_MESSAGE_*. */
static const char *const names[] = { "too-deep", "too-many", "truncated",
    "bare-eol", "8bit-header", "twice-from", "twice-header", "odd-from",
    "bad-header", "no-separator", "twice-mime", "two-boundaries", "no-boundary",
    "open-boundary", "name-conflict", "param-twice", "bad-encoding",
    "encoded-multi", "nul", "no-version", "bad-content", "bad-charset" };

G_STATIC_ASSERT(1u << (G_N_ELEMENTS(names) - 1) == WN_MESSAGE_BAD_CHARSET);

/* Stand at most once (RFC 5322 §3.6, RFC 2045 §4). */
static const char *const once[] = { "From", "Sender", "Reply-To", "To", "Cc",
    "Bcc", "Message-ID", "In-Reply-To", "References", "Subject", "Date",
    "MIME-Version" };

enum { FROM = 0, MIME_VERSION = G_N_ELEMENTS(once) - 1 };

const char *
wn_message_problem_name(uint32_t bit)
{
    return bit < G_N_ELEMENTS(names) ? names[bit] : NULL;
}

typedef struct Addresses {
    size_t n_angles;
    size_t n_commas;
    bool route;
    bool quoted; /* in an address */
    bool encoded;
} Addresses;

/* Behind the quoted string or comment that begins at the offset. */
static size_t
skip_quoted(WnSpan text, size_t at)
{
    char open = text.ptr[at];
    char close = open == '(' ? ')' : '"';
    size_t depth = 0;

    for (; at < text.len; at++) {
        char c = text.ptr[at];

        if (c == '\\')
            at++;
        else if (c == close && (open != '(' ? depth++ > 0 : --depth == 0))
            return at + 1;
        else if (c == '(' && open == '(')
            depth++;
        else if (c == '"' && open == '"')
            depth = 1;
    }
    return text.len;
}

static Addresses
look_at_addresses(WnSpan text)
{
    Addresses found = { .n_angles = 0 };
    bool angle = false;
    size_t at = 0;

    while (at < text.len) {
        char c = text.ptr[at];

        if (c == '"' || c == '(') {
            found.quoted |= angle && c == '"';
            at = skip_quoted(text, at);
            continue;
        }
        at++;
        if (c == '<') {
            angle = true;
            found.n_angles++;
            found.route |= at < text.len && text.ptr[at] == '@';
        } else if (c == '>') {
            angle = false;
        } else if (c == ',' && !angle) {
            found.n_commas++;
        } else if (c == '=' && angle && at < text.len && text.ptr[at] == '?') {
            found.encoded = true;
        }
    }
    return found;
}

static bool
is_odd_from(WnSpan message, const WnField *field)
{
    WnSpan raw = wn_span_slice(wn_field_raw(message, field), 0,
        WN_HEADER_TEXT_MAX);
    Addresses found = look_at_addresses(wn_span_trim(raw));

    return field->value_offset != field->offset + field->name_len + 1
           || found.n_angles > 1 || found.n_commas > 0 || found.route
           || found.quoted || found.encoded;
}

static bool
is_mime_field(WnSpan name)
{
    return wn_span_case_eq(name, WN_SPAN("Content-Type"))
           || wn_span_case_eq(name, WN_SPAN("Content-Transfer-Encoding"));
}

uint32_t
wn_header_problems(WnSpan message, const WnHeaderBlock *block)
{
    uint32_t counts[G_N_ELEMENTS(once)] = { 0 };
    uint32_t problems = block->malformed ? WN_MESSAGE_BAD_HEADER : 0;
    bool has_mime = false;

    if (!block->separator && block->end < message.len)
        problems |= WN_MESSAGE_NO_SEPARATOR;
    for (guint i = 0; i < block->fields->len; i++) {
        const WnField *field = &g_array_index(block->fields, WnField, i);
        WnSpan name = wn_field_name(message, field);

        has_mime |= is_mime_field(name);
        for (size_t n = 0; n < G_N_ELEMENTS(once); n++) {
            if (!wn_span_case_eq(name, wn_span_str(once[n])))
                continue;
            if (++counts[n] > 1)
                problems |= n == FROM ? WN_MESSAGE_TWICE_FROM
                                      : WN_MESSAGE_TWICE_HEADER;
            if (n == FROM && is_odd_from(message, field))
                problems |= WN_MESSAGE_ODD_FROM;
        }
    }
    if (has_mime && counts[MIME_VERSION] == 0)
        problems |= WN_MESSAGE_NO_VERSION;
    return problems;
}
