/* SPDX-License-Identifier: MIT */
#include "core/message/phone_words.h"

#include "core/message/phone_cue.h"
#include "core/message/phone_scan.h"

enum {
    NANP_LEN = 10,
    VANITY_KEYS = 7,
    VANITY_KEYS_MAX = 14,
    EXTENSION_MAX = 7
};

char
wn_phone_key_of(char letter)
{
    static const char keys[] = "22233344455566677778889999";
    char c = g_ascii_toupper(letter);

    return c >= 'A' && c <= 'Z' ? keys[c - 'A'] : letter;
}

/* Letters as digits: 1-800-FLOWERS, 713-555-HELP */

typedef struct Vanity {
    size_t at, end; /* behind what was read; behind the last word taken */
    char keys[VANITY_KEYS_MAX];
    size_t n, n_letters, n_words;
    bool lower, spaced;
} Vanity;

/* One word of letters and digits, all of which must fit. */
static bool
read_word(Vanity *self, WnSpan text)
{
    size_t start = self->at;

    while (self->at < text.len && g_ascii_isalnum(text.ptr[self->at])) {
        char c = text.ptr[self->at++];

        if (self->n == VANITY_KEYS_MAX)
            return false;
        self->keys[self->n++] = wn_phone_key_of(c);
        self->n_letters += g_ascii_isalpha(c) ? 1 : 0;
        self->lower |= g_ascii_islower(c) != 0;
    }
    self->end = self->at;
    self->n_words++;
    return self->at > start;
}

/* One dash, dot or space. */
static bool
read_joint(Vanity *self, WnSpan text)
{
    char c = self->at < text.len ? text.ptr[self->at] : '\0';

    if (c != '-' && c != '.' && c != ' ')
        return false;
    self->spaced |= c == ' ';
    self->at++;
    return true;
}

static bool
is_good_vanity(const WnPhoneView *view, const Vanity *vanity, WnSpan digits,
    bool one)
{
    bool cue = wn_phone_cue_before(view->text, view->groups[0].lead)
               == WN_PHONE_CUE_PHONE;

    if (vanity->n < VANITY_KEYS || vanity->n_letters < 3
        || !wn_phone_plan_is_nanp(digits, WN_PHONE_KNOWN_AREA))
        return false;
    if (!wn_phone_plan_is_toll_free(digits)
        && (vanity->lower || vanity->spaced || vanity->n != VANITY_KEYS
            || vanity->n_letters == VANITY_KEYS))
        return false;
    if (vanity->lower && (vanity->spaced || !(one || cue)))
        return false;
    return !vanity->spaced || cue || (one && vanity->n_words == 1);
}

/* The area code is the end of groups[i]. */
static bool
match_words(const WnPhoneView *view, size_t i, WnPhoneMatch *match)
{
    const WnPhoneGroup *area = &view->groups[i];
    bool one = i > 0 || area->len == 4;
    Vanity vanity = { .at = area->end };
    char digits[NANP_LEN + 2] = "1";
    bool closed = false;

    if (vanity.at < view->text.len && view->text.ptr[vanity.at] == ')') {
        vanity.at++;
        closed = true;
    }
    while (vanity.n < VANITY_KEYS) {
        if (!read_joint(&vanity, view->text) || !read_word(&vanity, view->text))
            return false;
        if (closed && vanity.n_words == 1)
            vanity.spaced = false; /* the bracket parts them */
    }
    memcpy(digits + 1, area->digits + area->len - 3, 3);
    memcpy(digits + 4, vanity.keys, VANITY_KEYS);
    if (!is_good_vanity(view, &vanity, wn_span(digits + 1, NANP_LEN), one))
        return false;
    match->start = view->groups[0].lead;
    match->end = vanity.end;
    match->flags = WN_MESSAGE_PHONE_COUNTRY | WN_MESSAGE_PHONE_LETTERS;
    match->form.len = NANP_LEN + 1;
    memcpy(match->form.text, digits, NANP_LEN + 2);
    return wn_phone_stands_alone(view->text, match->start, match->end);
}

bool
wn_phone_match_vanity(const WnPhoneView *view, WnPhoneMatch *match)
{
    const WnPhoneGroup *g = view->groups;
    bool one = g[0].len == 1 && g[0].digits[0] == '1';

    if (one && view->n > 1 && g[1].len == 3 && g[1].gap != WN_PHONE_GAP_BREAK)
        return match_words(view, 1, match);
    if (g[0].len == 3 && !g[0].plus)
        return match_words(view, 0, match);
    return g[0].len == 4 && g[0].digits[0] == '1'
           && match_words(view, 0, match);
}

/* Extensions: "ext. 213", "x101", "#5" */

static size_t
skip_blanks(WnSpan text, size_t at)
{
    size_t end = MIN(text.len, at + 4);

    while (at < end && (text.ptr[at] == ' ' || text.ptr[at] == ','))
        at++;
    return at;
}

static size_t
extension_word(WnSpan rest)
{
    static const WnSpan words[] = { { "extension", 9 }, { "extn", 4 },
        { "ext", 3 }, { "x", 1 }, { "#", 1 } };

    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        if (wn_span_case_starts(rest, words[i]))
            return words[i].len;
    }
    return 0;
}

size_t
wn_phone_skip_extension(WnSpan text, size_t at)
{
    size_t word = skip_blanks(text, MIN(at, text.len));
    size_t len = word < text.len && strchr("EeXx#", text.ptr[word]) != NULL
                     ? extension_word(wn_span_slice(text, word, text.len))
                     : 0;
    size_t digits = word + len;
    size_t end;

    if (len == 0)
        return at;
    if (digits < text.len
        && (text.ptr[digits] == '.' || text.ptr[digits] == ':'))
        digits++;
    while (digits < text.len && digits - word < 16 && text.ptr[digits] == ' ')
        digits++;
    end = digits;
    while (end < text.len && end - digits <= EXTENSION_MAX
           && g_ascii_isdigit(text.ptr[end]))
        end++;
    return end > digits && end - digits <= EXTENSION_MAX ? end : at;
}
