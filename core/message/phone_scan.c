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

bool
wn_phone_scan_text(WnPhoneList *list, WnSpan text)
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

enum { LINK_MAX = 512 };

static const struct {
    WnSpan scheme;
} schemes[] = { { { "tel:", 4 } }, { { "sms:", 4 } }, { { "smsto:", 6 } },
    { { "mms:", 4 } }, { { "mmsto:", 6 } }, { { "fax:", 4 } },
    { { "callto:", 7 } }, { { "whatsapp:", 9 } } };

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

/* What is behind the scheme; false if it is another one. */
static bool
skip_scheme(WnSpan link, WnSpan *out_rest)
{
    for (size_t i = 0; i < G_N_ELEMENTS(schemes); i++) {
        WnSpan scheme = schemes[i].scheme;

        if (!wn_span_case_starts(link, scheme))
            continue;
        *out_rest = wn_span_slice(link, scheme.len, link.len);
        return true;
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

bool
wn_phone_scan_link(WnPhoneList *list, WnSpan link)
{
    g_autoptr(GString) decoded = decode_link(wn_span_slice(link, 0, LINK_MAX));
    WnSpan rest;

    if (!skip_scheme(wn_span_trim(wn_span(decoded->str, decoded->len)), &rest))
        return true;
    rest = skip_query(rest);
    while (rest.len > 0) {
        size_t len = 0;
        bool more;

        while (len < rest.len && strchr(",;?&", rest.ptr[len]) == NULL)
            len++;
        more = len < rest.len && rest.ptr[len] == ',';
        if (!scan_number(list, link, wn_span_slice(rest, 0, len)))
            return false;
        if (!more)
            break;
        rest = wn_span_slice(rest, len + 1, rest.len);
    }
    return true;
}
