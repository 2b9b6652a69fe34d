/* SPDX-License-Identifier: MIT */
#include "core/message/text_fold.h"

#include "core/message/text_char.h"

enum {
    JOINED_MAX = 8,   /* marks in a row that stay */
    SEGMENT_MAX = 64, /* decomposed characters; U+FDFA gives 18 */
    CHUNK = 1024
};

/* What ASCII becomes: NUL is left out. */
static const char ascii[129] = "\0\0\0\0\0\0\0\0\0     \0\0"
                               "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                               " !\"#$%&'()*+,-./"
                               "0123456789:;<=>?"
                               "@abcdefghijklmno"
                               "pqrstuvwxyz[\\]^_"
                               "'abcdefghijklmno"
                               "pqrstuvwxyz{|}~\0";

/* A character and what joins with it, decomposed. */
typedef struct Segment {
    gunichar chars[SEGMENT_MAX];
    size_t n;
    size_t n_joined; /* of the last in a row */
} Segment;

static unsigned char
last_byte(const GString *out)
{
    return out->len > 0 ? (unsigned char)out->str[out->len - 1] : '\0';
}

/* True for what stands only once in a row. */
static bool
runs(unsigned char c)
{
    return c < 0x80 && !g_ascii_isalnum(c);
}

/* The ASCII characters that begin text; gives their number. */
static size_t
fold_ascii(GString *out, WnSpan text)
{
    size_t room = MIN(text.len, CHUNK);
    size_t start = out->len;
    unsigned char before = last_byte(out);
    unsigned char *to;
    size_t n = 0;
    size_t at;

    g_string_set_size(out, start + room);
    to = (unsigned char *)out->str + start;
    for (at = 0; at < room; at++) {
        unsigned char c = (unsigned char)text.ptr[at];
        unsigned char folded;

        if (c >= 0x80)
            break;
        folded = (unsigned char)ascii[c];
        if (folded == 0 || (folded == before && runs(folded)))
            continue;
        to[n++] = before = folded;
    }
    g_string_truncate(out, start + n);
    return at;
}

static size_t
next_at(WnSpan text, size_t at)
{
    return at + (size_t)g_utf8_skip[(guchar)text.ptr[at]];
}

/* The character at the offset, folded.  False for ASCII that is seen. */
static bool
fold_char_at(WnSpan text, size_t at, WnTextChar *out)
{
    unsigned char c = (unsigned char)text.ptr[at];

    if (c >= 0x80) {
        wn_text_char_fold(g_utf8_get_char(text.ptr + at), out);
        return true;
    }
    out->len = 0;
    return ascii[c] == '\0';
}

/* What is seen next joins with what was seen before. */
static bool
joins_next(WnSpan text)
{
    WnTextChar next;

    for (size_t at = 0; at < text.len && fold_char_at(text, at, &next);
         at = next_at(text, at)) {
        if (next.len > 0)
            return next.joins;
    }
    return false;
}

static void
add_char(Segment *self, gunichar c)
{
    gunichar plain[G_UNICHAR_MAX_DECOMPOSITION_LENGTH];
    size_t n = g_unichar_fully_decompose(c, FALSE, plain, G_N_ELEMENTS(plain));

    for (size_t i = 0; i < n && self->n < SEGMENT_MAX; i++) {
        self->n_joined = wn_text_char_joins(plain[i]) ? self->n_joined + 1 : 0;
        if (self->n_joined <= JOINED_MAX)
            self->chars[self->n++] = plain[i];
    }
}

static void
add_folded(Segment *self, const WnTextChar *folded)
{
    const char *end = folded->text + folded->len;

    for (const char *c = folded->text; c < end; c += g_utf8_skip[(guchar)*c])
        add_char(self, g_utf8_get_char(c));
}

/* The first character of text, and all that joins with it. */
static size_t
collect_segment(Segment *self, WnSpan text)
{
    WnTextChar folded;
    bool first = true;
    size_t at;

    for (at = 0; at < text.len && fold_char_at(text, at, &folded);
         at = next_at(text, at)) {
        if (folded.len == 0)
            continue;
        if (!first && !folded.joins)
            break;
        add_folded(self, &folded);
        first = false;
    }
    return at;
}

/* Canonical order (UAX #15): by insertion, there are few in a row. */
static void
put_in_order(Segment *self)
{
    for (size_t i = 1; i < self->n; i++) {
        gunichar c = self->chars[i];
        int rank = g_unichar_combining_class(c);
        size_t at = i;

        while (rank != 0 && at > 0
               && g_unichar_combining_class(self->chars[at - 1]) > rank) {
            self->chars[at] = self->chars[at - 1];
            at--;
        }
        self->chars[at] = c;
    }
}

/* Canonical composition (UAX #15), but to nothing that would have to be folded
 * again. */
static void
compose(Segment *self)
{
    size_t starter = SIZE_MAX;
    size_t n = 0;
    int before = 0;

    for (size_t i = 0; i < self->n; i++) {
        gunichar c = self->chars[i];
        int rank = g_unichar_combining_class(c);
        gunichar both;

        if (starter != SIZE_MAX && (n == starter + 1 || before < rank)
            && g_unichar_compose(self->chars[starter], c, &both)
            && wn_text_char_is_folded(both)) {
            self->chars[starter] = both;
            continue;
        }
        if (rank == 0)
            starter = n;
        before = rank;
        self->chars[n++] = c;
    }
    self->n = n;
}

static void
append_segment(GString *out, const Segment *self)
{
    for (size_t i = 0; i < self->n; i++) {
        gunichar c = self->chars[i];

        if (c >= 0x80)
            g_string_append_unichar(out, c);
        else if (c != last_byte(out) || !runs((unsigned char)c))
            g_string_append_c(out, (char)c);
    }
}

static size_t
fold_segment(GString *out, WnSpan text, bool joins)
{
    Segment segment = { .n = 0 };
    unsigned char before = last_byte(out);
    size_t len;

    /* The ASCII character that a mark follows belongs to it. */
    if (joins && before > ' ' && before < 0x80) {
        add_char(&segment, before);
        g_string_truncate(out, out->len - 1);
    }
    len = collect_segment(&segment, text);
    put_in_order(&segment);
    compose(&segment);
    append_segment(out, &segment);
    return len;
}

/* One character that is not ASCII, or several that join. */
static size_t
fold_other(GString *out, WnSpan text)
{
    size_t len = next_at(text, 0);
    WnTextChar folded;
    WnSpan plain;

    wn_text_char_fold(g_utf8_get_char(text.ptr), &folded);
    if (folded.len == 0)
        return len;
    if (folded.joins || joins_next(wn_span_slice(text, len, text.len)))
        return fold_segment(out, text, folded.joins);
    plain = wn_span(folded.text, folded.len);
    if ((guchar)plain.ptr[0] == last_byte(out) && runs(last_byte(out)))
        plain = wn_span_slice(plain, 1, plain.len);
    g_string_append_len(out, plain.ptr, (gssize)plain.len);
    return len;
}

bool
wn_text_fold_append(GString *out, WnSpan text, size_t max)
{
    while (text.len > 0 && out->len < max) {
        size_t n = (guchar)text.ptr[0] < 0x80 ? fold_ascii(out, text)
                                              : fold_other(out, text);

        text = wn_span_slice(text, n, text.len);
    }
    return text.len == 0;
}

GString *
wn_text_fold(WnSpan text)
{
    GString *out = g_string_sized_new(text.len + 1);

    wn_text_fold_append(out, text, SIZE_MAX);
    return out;
}
