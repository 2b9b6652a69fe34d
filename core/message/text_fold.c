/* SPDX-License-Identifier: MIT */
#include "core/message/text_fold.h"

enum {
    MARKS_MAX = 30,      /* in a row; UAX #15 §13, Stream-Safe Text Format */
    SEGMENT_SIZE = 1024, /* of what joins, normalised at once */
    CACHE_SIZE = 512,    /* characters; GLib's normalising is slow */
    CACHED_LEN = 38,     /* U+FDFA, the longest there is, needs 33 */
    CHUNK = 512
};

/* One character, folded. */
typedef struct Cached {
    gunichar c; /* 0: empty */
    uint8_t len;
    bool joins; /* may become one with what stands before it, or does not fit */
    char text[CACHED_LEN];
} Cached;

typedef struct Folder {
    GString *out;
    GString *segment;
    Cached *cache; /* NULL until a character is not ASCII */
} Folder;

typedef struct Range {
    gunichar first, last;
} Range;

/* Code points that no reader shows (Default_Ignorable_Code_Point), the braille
 * blank and annotation marks excepted; sorted. */
static const Range invisible[] = {
    { 0x00ad, 0x00ad },
    { 0x034f, 0x034f },
    { 0x061c, 0x061c },
    { 0x115f, 0x1160 },
    { 0x17b4, 0x17b5 },
    { 0x180b, 0x180f },
    { 0x200b, 0x200f },
    { 0x202a, 0x202e },
    { 0x2060, 0x206f },
    { 0x3164, 0x3164 },
    { 0xfe00, 0xfe0f },
    { 0xfeff, 0xfeff },
    { 0xffa0, 0xffa0 },
    { 0xfff0, 0xfffb },
    { 0x1bca0, 0x1bca3 },
    { 0x1d173, 0x1d17a },
    { 0xe0000, 0xe0fff },
};

/* Hangul letters and half-width voicing marks: no marks, but they join with
 * what stands before them as if they were. */
static const Range joining[] = {
    { 0x1100, 0x11ff },
    { 0x3130, 0x318f },
    { 0xa960, 0xa97f },
    { 0xd7b0, 0xd7ff },
    { 0xff9e, 0xffdc },
};

/* Many, and folded to themselves. */
static const Range stable[] = {
    { 0x3041, 0x3096 },
    { 0x30a1, 0x30fa },
    { 0x3400, 0x4dbf },
    { 0x4e00, 0x9fff },
    { 0xac00, 0xd7a3 },
};

static bool
is_in(gunichar c, const Range *ranges, size_t n_ranges)
{
    for (size_t i = 0; i < n_ranges && c >= ranges[i].first; i++) {
        if (c <= ranges[i].last)
            return true;
    }
    return false;
}

typedef enum { CHAR_SHOWN, CHAR_BLANK, CHAR_INVISIBLE } CharKind;

static CharKind
kind_of(gunichar c)
{
    if (c < 0x80)
        return c == ' ' || (c >= '\t' && c <= '\r') ? CHAR_BLANK
               : c < ' ' || c == 0x7f               ? CHAR_INVISIBLE
                                                    : CHAR_SHOWN;
    if (c == 0x85 || c == 0x2800 || g_unichar_isspace(c))
        return CHAR_BLANK;
    if (c < 0xa0)
        return CHAR_INVISIBLE;
    return is_in(c, invisible, G_N_ELEMENTS(invisible)) ? CHAR_INVISIBLE
                                                        : CHAR_SHOWN;
}

static bool
ends_in_space(const GString *out)
{
    return out->len > 0 && out->str[out->len - 1] == ' ';
}

static void
append_folded_char(GString *out, gunichar c)
{
    switch (kind_of(c)) {
    case CHAR_INVISIBLE:
        break;
    case CHAR_BLANK:
        if (!ends_in_space(out))
            g_string_append_c(out, ' ');
        break;
    case CHAR_SHOWN:
        g_string_append_unichar(out, c);
        break;
    }
}

/* The ASCII characters that begin text; gives their number. */
static size_t
fold_ascii(GString *out, WnSpan text)
{
    char chunk[CHUNK];
    size_t n = 0;
    bool space = ends_in_space(out);
    size_t at;

    for (at = 0; at < text.len && n < sizeof chunk; at++) {
        unsigned char c = (unsigned char)text.ptr[at];

        if (c >= 0x80)
            break;
        if (c > ' ' && c < 0x7f) {
            chunk[n++] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
            space = false;
        } else if (kind_of(c) == CHAR_BLANK && !space) {
            chunk[n++] = ' ';
            space = true;
        }
    }
    g_string_append_len(out, chunk, (gssize)n);
    return at;
}

static gunichar
char_at(WnSpan text, size_t at)
{
    return g_utf8_get_char(text.ptr + at);
}

static size_t
next_at(WnSpan text, size_t at)
{
    return at + (size_t)g_utf8_skip[(guchar)text.ptr[at]];
}

static bool
is_joining(gunichar c)
{
    return c >= 0x300
           && (g_unichar_ismark(c) || is_in(c, joining, G_N_ELEMENTS(joining)));
}

/* NFKC around case folding: each can give what the other has to fold. */
static void
append_normalised(GString *out, const char *text, size_t len)
{
    g_autofree char *composed = g_utf8_normalize(text, (gssize)len,
        G_NORMALIZE_ALL_COMPOSE);
    g_autofree char *folded = NULL;
    g_autofree char *again = NULL;

    if (composed == NULL)
        return;
    folded = g_utf8_casefold(composed, -1);
    again = g_utf8_normalize(folded, -1, G_NORMALIZE_ALL_COMPOSE);
    for (const char *c = again; c != NULL && *c != '\0';
         c += g_utf8_skip[(guchar)*c])
        append_folded_char(out, g_utf8_get_char(c));
}

static void
fill(Cached *entry, gunichar c)
{
    char text[6];
    int len = g_unichar_to_utf8(c, text);
    g_autoptr(GString) folded = g_string_new(NULL);

    if (is_in(c, stable, G_N_ELEMENTS(stable)))
        g_string_append_len(folded, text, len);
    else
        append_normalised(folded, text, (size_t)len);
    entry->c = c;
    entry->joins = is_joining(c) || folded->len > CACHED_LEN;
    entry->len = (uint8_t)MIN(folded->len, CACHED_LEN);
    memcpy(entry->text, folded->str, entry->len);
}

/* c is not ASCII. */
static const Cached *
look_up(Folder *self, gunichar c)
{
    Cached *entry;

    if (self->cache == NULL)
        self->cache = g_new0(Cached, CACHE_SIZE);
    entry = &self->cache[c % CACHE_SIZE];
    if (entry->c != c)
        fill(entry, c);
    return entry;
}

/* What is seen next joins with what was seen before. */
static bool
joins_next(Folder *self, WnSpan text)
{
    size_t at = 0;

    while (at < text.len) {
        gunichar c = char_at(text, at);
        const Cached *entry;

        if (c < 0x80)
            return false;
        entry = look_up(self, c);
        if (entry->len > 0)
            return entry->joins;
        at = next_at(text, at);
    }
    return false;
}

/* A character and all that joins with it, normalised together: without what is
 * invisible and without the marks that are too many. */
static size_t
collect_segment(GString *segment, WnSpan text)
{
    size_t at = 0;
    size_t n_marks = 0;

    while (at < text.len) {
        gunichar c = char_at(text, at);
        bool mark = g_unichar_ismark(c);
        bool seen = kind_of(c) != CHAR_INVISIBLE;

        if (seen && segment->len > 0
            && (!is_joining(c) || (!mark && segment->len >= SEGMENT_SIZE)))
            break;
        if (seen)
            n_marks = mark ? n_marks + 1 : 0;
        if (seen && n_marks <= MARKS_MAX)
            g_string_append_unichar(segment, c);
        at = next_at(text, at);
    }
    return at;
}

/* The ASCII letter that a mark follows belongs to it. */
static void
take_back_letter(Folder *self)
{
    GString *out = self->out;
    char last = out->len > 0 ? out->str[out->len - 1] : ' ';

    if (!g_ascii_isgraph(last))
        return;
    g_string_append_c(self->segment, last);
    g_string_truncate(out, out->len - 1);
}

/* One character that is not ASCII, or several that join. */
static size_t
fold_other(Folder *self, WnSpan text)
{
    gunichar c = char_at(text, 0);
    const Cached *entry = look_up(self, c);
    size_t len = next_at(text, 0);
    bool joins = entry->joins;

    if (entry->len == 0)
        return len;
    if (!joins && !joins_next(self, wn_span_slice(text, len, text.len))) {
        WnSpan folded;

        entry = look_up(self, c); /* the next may have taken its place */
        folded = wn_span(entry->text, entry->len);
        if (folded.len > 0 && folded.ptr[0] == ' ' && ends_in_space(self->out))
            folded = wn_span_slice(folded, 1, folded.len);
        g_string_append_len(self->out, folded.ptr, (gssize)folded.len);
        return len;
    }
    g_string_truncate(self->segment, 0);
    if (joins)
        take_back_letter(self);
    len = collect_segment(self->segment, text);
    append_normalised(self->out, self->segment->str, self->segment->len);
    return len;
}

bool
wn_text_fold_append(GString *out, WnSpan text, size_t max)
{
    Folder folder = { .out = out, .segment = g_string_new(NULL) };

    while (text.len > 0 && out->len < max) {
        size_t n = (guchar)text.ptr[0] < 0x80 ? fold_ascii(out, text)
                                              : fold_other(&folder, text);

        text = wn_span_slice(text, n, text.len);
    }
    g_string_free(folder.segment, TRUE);
    g_free(folder.cache);
    return text.len == 0;
}
