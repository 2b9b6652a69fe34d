/* SPDX-License-Identifier: MIT */
#include "core/message/phone_lex.h"

enum {
    SPACES_MAX = 3, /* between two groups of a number */
    MARKS_MAX = 2,
    BRACKETS_MAX = 2,
    GAP_BYTES_MAX = 64,
    LOOKALIKES_MAX = 8 /* letters of a word that stands for digits */
};

typedef enum {
    KIND_OTHER,
    KIND_DIGIT,
    KIND_LETTER, /* that looks like a digit */
    KIND_SPACE,
    KIND_LINE,
    KIND_MARK,
    KIND_OPEN,
    KIND_CLOSE,
    KIND_PLUS,
    KIND_INVISIBLE
} Kind;

typedef struct Gap {
    bool broken, plus, open, closed, disguised;
    size_t start;
    size_t lead;
    bool has_lead;
    unsigned n_spaces, n_lines, n_marks, n_brackets;
    gunichar mark;
} Gap;

bool
wn_phone_is_invisible(gunichar c)
{
    return c == 0xad || c == 0x34f || c == 0x61c || c == 0x20e3
           || (c >= 0x180b && c <= 0x180f) || (c >= 0x200b && c <= 0x200f)
           || (c >= 0x202a && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f)
           || (c >= 0xfe00 && c <= 0xfe0f) || c == 0xfeff
           || (c >= 0xe0000 && c <= 0xe0fff);
}

bool
wn_phone_is_dash(gunichar c)
{
    return c == '-' || (c >= 0x2010 && c <= 0x2015) || c == 0x2043
           || c == 0x2212 || c == 0x30fc || c == 0xfe58 || c == 0xfe63
           || c == 0xff0d;
}

gunichar
wn_phone_char_before(WnSpan text, size_t at)
{
    const char *c = g_utf8_find_prev_char(text.ptr, text.ptr + at);

    return c != NULL ? g_utf8_get_char(c) : 0;
}

gunichar
wn_phone_char_at(WnSpan text, size_t at)
{
    return at < text.len ? g_utf8_get_char(text.ptr + at) : 0;
}

static size_t
next_at(WnSpan text, size_t at)
{
    return at + (size_t)g_utf8_skip[(guchar)text.ptr[at]];
}

/* 0 to 9, or -1. */
static int
digit_of(gunichar c)
{
    if (c < 0x80)
        return c >= '0' && c <= '9' ? (int)(c - '0') : -1;
    if (c == 0x24ea || c == 0x24ff)
        return 0;
    if (c >= 0x2460 && c <= 0x2468)
        return (int)(c - 0x2460) + 1;
    if (c >= 0x2776 && c <= 0x277e)
        return (int)(c - 0x2776) + 1;
    return g_unichar_isdigit(c) ? g_unichar_digit_value(c) : -1;
}

static int
lookalike_of(gunichar c)
{
    if (c == 'O' || c == 'o')
        return 0;
    return c == 'l' || c == 'I' || c == '|' ? 1 : -1;
}

static Kind
ascii_kind(gunichar c)
{
    if (c >= '0' && c <= '9')
        return KIND_DIGIT;
    switch (c) {
    case ' ':
    case '\t':
        return KIND_SPACE;
    case '\n':
        return KIND_LINE;
    case '-':
    case '.':
    case '/':
    case '*':
    case '_':
        return KIND_MARK;
    case '(':
    case '[':
        return KIND_OPEN;
    case ')':
    case ']':
        return KIND_CLOSE;
    case '+':
        return KIND_PLUS;
    case '\r':
        return KIND_INVISIBLE;
    default:
        return lookalike_of(c) >= 0 ? KIND_LETTER : KIND_OTHER;
    }
}

static Kind
kind_of(gunichar c)
{
    if (c < 0x80)
        return ascii_kind(c);
    if (digit_of(c) >= 0)
        return KIND_DIGIT;
    if (wn_phone_is_invisible(c))
        return KIND_INVISIBLE;
    if (c == 0x2028 || c == 0x2029)
        return KIND_LINE;
    if (g_unichar_isspace(c))
        return KIND_SPACE;
    if (wn_phone_is_dash(c) || c == 0xb7 || c == 0x2022 || c == 0x30fb
        || c == 0xff0e || c == 0xff0f || c == 0x2024)
        return KIND_MARK;
    if (c == 0xff0b || c == 0xfe62)
        return KIND_PLUS;
    if (c == 0xff08 || c == 0xff3b)
        return KIND_OPEN;
    return c == 0xff09 || c == 0xff3d ? KIND_CLOSE : KIND_OTHER;
}

static gunichar
plain_mark(gunichar c)
{
    if (wn_phone_is_dash(c))
        return '-';
    return c == 0xff0e || c == 0x2024 ? '.' : c == 0xff0f ? '/' : c;
}

/* The length of the word of digits and letters that look like them at "at"; 0
 * if it has other letters, no digit, or only one character. */
static size_t
lookalike_len(WnSpan text, size_t at)
{
    size_t end = at;
    size_t n_letters = 0;
    size_t n_digits = 0;

    while (end < text.len && end - at <= WN_PHONE_GROUP_MAX) {
        unsigned char c = (unsigned char)text.ptr[end];

        if (g_ascii_isdigit(c))
            n_digits++;
        else if (lookalike_of(c) >= 0)
            n_letters++;
        else
            break;
        end++;
    }
    if (end < text.len
        && (g_ascii_isalnum(text.ptr[end]) || (guchar)text.ptr[end] >= 0x80))
        return 0;
    return n_digits > 0 && n_letters > 0 && n_letters <= LOOKALIKES_MAX
               ? end - at
               : 0;
}

static void
put_digit(WnPhoneGroup *group, int digit)
{
    if (group->len < WN_PHONE_GROUP_MAX)
        group->digits[group->len] = (char)('0' + digit);
    if (group->len <= WN_PHONE_GROUP_MAX)
        group->len++;
}

static void
read_lookalikes(WnPhoneLexer *self, size_t len, WnPhoneGroup *group)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)self->text.ptr[self->at + i];

        put_digit(group, g_ascii_isdigit(c) ? c - '0' : lookalike_of(c));
    }
    group->disguised = true;
    self->at += len;
    group->end = self->at;
}

static void
read_digits(WnPhoneLexer *self, WnPhoneGroup *group)
{
    size_t at = self->at;
    size_t len = lookalike_len(self->text, at);
    bool unseen = false;

    if (len > 0) {
        read_lookalikes(self, len, group);
        return;
    }
    while (at < self->text.len) {
        gunichar c = wn_phone_char_at(self->text, at);
        int digit = digit_of(c);

        if (digit < 0 && !wn_phone_is_invisible(c))
            break;
        at = next_at(self->text, at);
        if (digit < 0) {
            unseen = true;
            continue;
        }
        group->disguised |= c >= 0x80 || unseen;
        put_digit(group, digit);
        group->end = at;
    }
    self->at = group->end;
}

static void
break_gap(Gap *gap)
{
    *gap = (Gap){ .broken = true, .start = gap->start };
}

static void
mark_lead(Gap *gap, size_t at)
{
    if (!gap->has_lead)
        gap->lead = at;
    gap->has_lead = true;
}

/* A gap that is too wide is broken and begins again, so that the plus or the
 * bracket of the next number is kept. */
static void
limit_gap(Gap *gap, size_t at)
{
    if (gap->n_spaces <= SPACES_MAX && gap->n_marks <= MARKS_MAX
        && gap->n_lines <= 1 && gap->n_brackets <= BRACKETS_MAX
        && at - gap->start <= GAP_BYTES_MAX)
        return;
    gap->broken = true;
    gap->n_spaces = 0;
    gap->n_lines = 0;
}

static void
add_to_gap(Gap *gap, Kind kind, gunichar c, size_t at)
{
    switch (kind) {
    case KIND_SPACE:
        gap->n_spaces++;
        break;
    case KIND_LINE:
        gap->n_lines++;
        break;
    case KIND_MARK:
        gap->n_marks++;
        gap->mark = plain_mark(c);
        gap->plus = gap->open = gap->has_lead = false;
        break;
    case KIND_OPEN:
        mark_lead(gap, at);
        gap->n_brackets++;
        gap->open = true;
        break;
    case KIND_CLOSE:
        gap->n_brackets++;
        gap->closed = true;
        gap->plus = gap->open = gap->has_lead = false;
        break;
    case KIND_PLUS:
        mark_lead(gap, at);
        gap->broken |= gap->plus;
        gap->plus = true;
        break;
    case KIND_INVISIBLE:
        gap->disguised |= c >= 0x80;
        break;
    case KIND_DIGIT:
    case KIND_LETTER:
    case KIND_OTHER:
        break_gap(gap);
        break;
    }
    limit_gap(gap, at);
}

static WnPhoneGap
kind_of_gap(const Gap *gap, size_t at)
{
    if (gap->broken || gap->start == at)
        return WN_PHONE_GAP_BREAK;
    if (gap->n_lines > 0)
        return WN_PHONE_GAP_LINE;
    if (gap->mark != 0 || gap->open || gap->closed)
        return WN_PHONE_GAP_TIGHT;
    return WN_PHONE_GAP_SPACE;
}

/* The letter at "at" begins a word of digits. */
static bool
begins_lookalike(WnSpan text, size_t at)
{
    gunichar before = at > 0 ? (guchar)text.ptr[at - 1] : ' ';

    return before < 0x80 && !g_ascii_isalnum((gchar)before)
           && lookalike_len(text, at) > 0;
}

/* 1 for ASCII characters of KIND_OTHER, which most text is made of. */
static const uint8_t is_word_char[256] = { ['A' ... 'H'] = 1,
    ['J' ... 'N'] = 1,
    ['P' ... 'Z'] = 1,
    ['a' ... 'k'] = 1,
    ['m' ... 'n'] = 1,
    ['p' ... 'z'] = 1,
    [','] = 1,
    [':'] = 1,
    [';'] = 1,
    ['='] = 1,
    ['<'] = 1,
    ['>'] = 1,
    ['"'] = 1,
    ['\''] = 1,
    ['!'] = 1,
    ['?'] = 1,
    ['@'] = 1,
    ['&'] = 1,
    ['#'] = 1,
    ['%'] = 1,
    ['$'] = 1 };

/* Words, and the blanks, line ends and letters between them that are followed
 * by another word: a gap that breaks once begins anew with each. */
static void
skip_words(WnPhoneLexer *self)
{
    const char *end = self->text.ptr + self->text.len;
    const char *at = self->text.ptr + self->at;

    while (at < end) {
        if (is_word_char[(guchar)*at] != 0)
            at++;
        else if (end - at > 1 && is_word_char[(guchar)at[1]] != 0
                 && strchr(" \noOlI.-", *at) != NULL)
            at += 2;
        else
            break;
    }
    self->at = (size_t)(at - self->text.ptr);
}

bool
wn_phone_next_group(WnPhoneLexer *self, WnPhoneGroup *out_group)
{
    WnSpan text = self->text;
    Gap gap = { .start = self->at };

    while (self->at < text.len) {
        gunichar c;
        Kind kind;

        if (is_word_char[(guchar)text.ptr[self->at]] != 0) {
            break_gap(&gap);
            skip_words(self);
            continue;
        }
        c = wn_phone_char_at(text, self->at);
        kind = kind_of(c);

        if (kind == KIND_DIGIT
            || (kind == KIND_LETTER && begins_lookalike(text, self->at))) {
            *out_group = (WnPhoneGroup){ .start = self->at,
                .end = self->at,
                .lead = gap.has_lead ? gap.lead : self->at,
                .gap = kind_of_gap(&gap, self->at),
                .mark = gap.mark,
                .plus = gap.plus,
                .open = gap.open,
                .closed = gap.closed,
                .disguised = gap.disguised };
            read_digits(self, out_group);
            return true;
        }
        add_to_gap(&gap, kind, c, self->at);
        self->at = next_at(text, self->at);
    }
    return false;
}
