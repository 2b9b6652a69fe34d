/* SPDX-License-Identifier: MIT */
#include "core/message/phone_scan.h"

#include "core/message/phone_cue.h"
#include "core/message/phone_form.h"
#include "core/message/phone_lex.h"
#include "core/message/phone_rules.h"
#include "core/message/phone_words.h"

/* Groups are read ahead into a window that moves over the text. */
enum { WINDOW = 64 };

G_STATIC_ASSERT(WINDOW > 2 * WN_PHONE_GROUPS_MAX);

typedef struct Scanner {
    WnPhoneList *list;
    WnPhoneLexer lexer;
    WnPhoneGroup groups[WINDOW];
    size_t first, n; /* groups[first, n) are there */
    bool ended;
} Scanner;

static bool
add_phone(WnPhoneList *list, WnSpan text, const WnPhoneMatch *match)
{
    WnMessagePhone phone = { .flags = match->flags, .part = list->part };

    if (list->phones->len >= WN_PHONE_MAX)
        return false;
    phone.text = wn_arena_copy(list->arena,
        wn_span_slice(text, match->start, match->end - match->start));
    phone.digits = wn_arena_copy(list->arena,
        wn_span(match->form.text, match->form.len));
    g_array_append_val(list->phones, phone);
    return true;
}

/* One group before the first stays, as its neighbour. */
static void
fill_window(Scanner *self)
{
    if (self->ended || self->n - self->first > WN_PHONE_GROUPS_MAX)
        return;
    if (self->first > 1) {
        size_t keep = self->first - 1;

        memmove(self->groups, self->groups + keep,
            (self->n - keep) * sizeof self->groups[0]);
        self->n -= keep;
        self->first = 1;
    }
    while (self->n < WINDOW && !self->ended) {
        if (wn_phone_next_group(&self->lexer, &self->groups[self->n]))
            self->n++;
        else
            self->ended = true;
    }
}

/* Drops the first groups: those that begin before "at", at least one. */
static void
drop_until(Scanner *self, size_t at)
{
    do
        self->first++;
    while (self->first < self->n && self->groups[self->first].start < at);
}

static bool
scan_written(WnPhoneList *list, WnSpan text)
{
    Scanner self = { .list = list, .lexer = { .text = text } };
    WnPhoneView view = { .text = text,
        .country = wn_phone_plan_country(list->default_country) };

    for (;;) {
        WnPhoneMatch match = { 0 };

        fill_window(&self);
        if (self.first >= self.n)
            return true;
        view.groups = self.groups + self.first;
        view.n = self.n - self.first;
        view.before = self.first > 0 ? view.groups - 1 : NULL;
        if (wn_phone_match(&view, &match) && !add_phone(list, text, &match))
            return false;
        drop_until(&self, match.end);
    }
}

/* Links */

enum { LINK_MAX = 4096, KEY_BEHIND_MAX = 64 };

static const struct {
    WnSpan scheme;
    bool names; /* what follows may be a name too */
} schemes[] = { { { "tel:", 4 }, false }, { { "sms:", 4 }, false },
    { { "smsto:", 6 }, false }, { { "mms:", 4 }, false },
    { { "mmsto:", 6 }, false }, { { "fax:", 4 }, false },
    { { "callto:", 7 }, false }, { { "whatsapp:", 9 }, false },
    { { "skype:", 6 }, true }, { { "facetime:", 9 }, true },
    { { "facetime-audio:", 15 }, true }, { { "sip:", 4 }, true },
    { { "sips:", 5 }, true } };

static GString *
decode_link(WnSpan link)
{
    GString *out = g_string_sized_new(link.len);

    for (size_t i = 0; i < link.len; i++) {
        int high = -1;
        int low = -1;

        if (link.ptr[i] == '%' && link.len - i > 2) {
            high = g_ascii_xdigit_value(link.ptr[i + 1]);
            low = g_ascii_xdigit_value(link.ptr[i + 2]);
        }
        if (high >= 0 && low >= 0) {
            g_string_append_c(out, (char)(high * 16 + low));
            i += 2;
        } else {
            g_string_append_c(out, link.ptr[i]);
        }
    }
    return out;
}

static bool
begins_number(WnSpan text)
{
    size_t len = 0;

    while (len < text.len && strchr("@;?,", text.ptr[len]) == NULL) {
        if (g_ascii_isalpha(text.ptr[len++]))
            return false;
    }
    return len > 0;
}

/* What is behind the scheme; false if it is another one. */
static bool
skip_scheme(WnSpan link, WnSpan *out_rest)
{
    for (size_t i = 0; i < G_N_ELEMENTS(schemes); i++) {
        WnSpan scheme = schemes[i].scheme;

        if (!wn_span_case_starts(link, scheme))
            continue;
        *out_rest = wn_span_slice(link, scheme.len, link.len);
        return !schemes[i].names || begins_number(*out_rest);
    }
    return false;
}

/* The digits of a link; its letters are those of the keys. */
static size_t
collect_digits(WnSpan text, char *digits, size_t max, bool *out_plus)
{
    size_t len = 0;

    *out_plus = false;
    for (size_t i = 0; i < text.len && len < max; i++) {
        gchar c = text.ptr[i];

        if (g_ascii_isalnum(c))
            digits[len++] = g_ascii_isdigit(c) ? c : wn_phone_key_of(c);
        else if (c == '+' && len == 0)
            *out_plus = true;
    }
    return len;
}

static bool
form_link(WnSpan digits, bool plus, const WnPhoneCountry *country,
    WnPhoneMatch *match)
{
    match->flags |= WN_MESSAGE_PHONE_LINK;
    if (wn_phone_form_written_code(digits, plus, &match->form)) {
        match->flags |= WN_MESSAGE_PHONE_COUNTRY;
        return true;
    }
    if (plus)
        return false;
    if (country != NULL
        && wn_phone_form_national(digits, country, &match->form)) {
        match->flags |= WN_MESSAGE_PHONE_ASSUMED;
        return true;
    }
    if (digits.len < 3 || digits.len > WN_PHONE_DIGITS_MAX)
        return false;
    match->flags |= WN_MESSAGE_PHONE_NATIONAL;
    memcpy(match->form.text, digits.ptr, digits.len);
    match->form.len = digits.len;
    return true;
}

/* text: one number and what may follow it. */
static bool
scan_number(WnPhoneList *list, WnSpan whole, WnSpan text)
{
    char digits[WN_PHONE_DIGITS_MAX + 4]; /* and a prefix like 00 or 011 */
    WnPhoneMatch match = { .start = 0, .end = whole.len };
    bool plus;
    size_t len = collect_digits(text, digits, sizeof digits, &plus);

    if (!form_link(wn_span(digits, len), plus,
            wn_phone_plan_country(list->default_country), &match))
        return true;
    return add_phone(list, whole, &match);
}

/* "//send?phone=491234&text=" of whatsapp. */
static WnSpan
skip_query(WnSpan text)
{
    static const char key[] = "phone=";
    const char *found = memmem(text.ptr, text.len, key, strlen(key));

    if (found == NULL)
        return text;
    found += strlen(key);
    return wn_span(found, text.len - (size_t)(found - text.ptr));
}

/* Programs for talking whose links name a number, and what goes before it. */
static const struct {
    const char *place, *key;
} chats[] = {
    { "wa.me/", "" },
    { "whatsapp.com/send", "phone=" },
    { "signal.me/#p/", "" },
    { "t.me/+", "" },
    { "viber://chat", "number=" },
    { "viber://add", "number=" },
};

/* The number at the start of text, which is international without its plus. */
static bool
scan_chat_number(WnPhoneList *list, WnSpan text)
{
    char number[WN_PHONE_DIGITS_MAX + 2] = "+";
    size_t len = 0, first = text.len > 0 && text.ptr[0] == '+' ? 1 : 0;

    while (first + len < text.len && len < WN_PHONE_DIGITS_MAX
           && g_ascii_isdigit(text.ptr[first + len])) {
        number[1 + len] = text.ptr[first + len];
        len++;
    }
    if (first + len < text.len && g_ascii_isalnum(text.ptr[first + len]))
        return true;
    return scan_number(list, wn_span_slice(text, 0, first + len),
        wn_span(number, len + 1));
}

/* The length up to a blank or a sign that ends links. */
static size_t
word_len(WnSpan text)
{
    size_t len = 0;

    while (len < text.len && len < KEY_BEHIND_MAX && (guchar)text.ptr[len] > ' '
           && strchr("<>\"", text.ptr[len]) == NULL)
        len++;
    return len;
}

/* All links to such programs in text, with or without a scheme; looked for in
 * windows, so that no search goes over all that is left. */
static bool
scan_chats(WnPhoneList *list, WnSpan text)
{
    bool all = true;

    for (size_t i = 0; i < G_N_ELEMENTS(chats); i++) {
        WnSpan rest = text;
        const char *found;

        while (all && rest.len >= strlen(chats[i].place)) {
            WnSpan window = wn_span_slice(rest, 0, LINK_MAX), behind;
            size_t len = strlen(chats[i].place);

            found = memmem(window.ptr, window.len, chats[i].place, len);
            if (found == NULL) {
                rest = wn_span_slice(rest, window.len - len + 1, rest.len);
                continue;
            }
            found += len;
            rest = wn_span(found, rest.len - (size_t)(found - rest.ptr));
            behind = wn_span_slice(rest, 0, LINK_MAX);
            if (chats[i].key[0] != '\0')
                found = memmem(behind.ptr, word_len(behind), chats[i].key,
                    strlen(chats[i].key));
            if (found == NULL)
                continue;
            found += strlen(chats[i].key);
            all = scan_chat_number(list,
                wn_span(found, behind.len - (size_t)(found - behind.ptr)));
        }
    }
    return all;
}

/* Fields whose text the link puts before the reader's eyes. */
static bool
is_shown_field(WnSpan name)
{
    return wn_span_case_eq(name, WN_SPAN("body"))
           || wn_span_case_eq(name, WN_SPAN("text"))
           || wn_span_case_eq(name, WN_SPAN("subject"));
}

/* "call+now" is "call now", "%2B49" and " +49" stay. */
static void
open_plus_signs(GString *text)
{
    for (size_t i = 1; i < text->len; i++) {
        if (text->str[i] == '+' && g_ascii_isalnum(text->str[i - 1]))
            text->str[i] = ' ';
    }
}

/* "?subject=...&body=..." of a mailto, sms or chat link. */
static bool
scan_shown_fields(WnPhoneList *list, WnSpan link)
{
    const char *mark = memchr(link.ptr, '?', link.len);
    bool all = true;

    while (mark != NULL && all) {
        size_t start = (size_t)(mark - link.ptr) + 1;
        WnSpan field = wn_span_slice(link, start, link.len);
        const char *equals;
        size_t len;

        mark = memchr(field.ptr, '&', field.len);
        field.len = mark != NULL ? (size_t)(mark - field.ptr) : field.len;
        equals = memchr(field.ptr, '=', field.len);
        len = equals != NULL ? (size_t)(equals - field.ptr) : 0;
        if (is_shown_field(wn_span_slice(field, 0, len))) {
            g_autoptr(GString)
                text = decode_link(wn_span_slice(field, len + 1, field.len));

            open_plus_signs(text);
            if (g_utf8_validate_len(text->str, text->len, NULL))
                all = wn_phone_scan_text(list, wn_span(text->str, text->len));
        }
    }
    return all;
}

static bool
is_chat_link(WnSpan link)
{
    return memmem(link.ptr, link.len, ".me/", 4) != NULL
           || memmem(link.ptr, link.len, "whatsapp.com/", 13) != NULL;
}

bool
wn_phone_scan_link(WnPhoneList *list, WnSpan link)
{
    g_autoptr(GString) decoded = NULL;
    WnSpan rest;

    link = wn_span_trim(wn_span_slice(link, 0, LINK_MAX));
    while (link.len > 0 && ((guchar)link.ptr[link.len - 1] & 0xc0) == 0x80)
        link.len--;
    if (wn_span_case_starts(link, WN_SPAN("mailto:")))
        return scan_shown_fields(list, link);
    decoded = decode_link(link);
    rest = wn_span(decoded->str, decoded->len);
    if (wn_span_case_starts(link, WN_SPAN("http"))
        || wn_span_case_starts(link, WN_SPAN("viber")))
        return scan_chats(list, rest)
               && (!is_chat_link(rest) || scan_shown_fields(list, link));
    if (!skip_scheme(wn_span_trim(rest), &rest))
        return true;
    rest = skip_query(rest);
    while (rest.len > 0) {
        size_t len = 0;
        bool more;

        while (len < rest.len && strchr(",;?&@", rest.ptr[len]) == NULL)
            len++;
        more = len < rest.len && rest.ptr[len] == ',';
        if (!scan_number(list, link, wn_span_slice(rest, 0, len)))
            return false;
        if (!more)
            break;
        rest = wn_span_slice(rest, len + 1, rest.len);
    }
    return scan_shown_fields(list, link);
}

bool
wn_phone_scan_text(WnPhoneList *list, WnSpan text)
{
    if (!scan_written(list, text))
        return false;
    return !is_chat_link(text) || scan_chats(list, text);
}
