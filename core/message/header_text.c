/* SPDX-License-Identifier: MIT */
#include "core/message/header_text.h"

#include "core/base/text.h"
#include "core/message/charset.h"

enum {
    CHARSET_MAX = 64,
    CONVERTERS_MAX = 64, /* opened for one field: opening is slow */
    FOLD_AT = 78,
    ATOM_MAX = 900,  /* a longer run without spaces could pass 998 */
    SPACES_MAX = 64, /* more in a row are dropped: they could pass it too */
    WORD_PAYLOAD = 75 - 12, /* RFC 2047 §2, without =?UTF-8?Q??= */
};

typedef struct Word {
    WnSpan charset;
    WnSpan text;
    bool base64;
    size_t end;
} Word;

/* Decoding: words that stand next to each other in one charset are collected
 * and converted together, for a character may be split between them. */
typedef struct Decoder {
    WnSpan in;
    GString *out;
    GString *bytes; /* of the words not converted yet */
    WnSpan charset; /* of these */
    bool collecting;
    unsigned int n_converted;
    size_t next_end; /* the first "?=" at or behind where one was looked for;
                      * kept so that all searches together are one pass */
} Decoder;

static const size_t nowhere = SIZE_MAX;

static size_t
find(WnSpan in, size_t from, const char *two)
{
    const char *found = from < in.len
                            ? memmem(in.ptr + from, in.len - from, two, 2)
                            : NULL;

    return found != NULL ? (size_t)(found - in.ptr) : nowhere;
}

static size_t
find_word_end(Decoder *self, size_t from)
{
    if (self->next_end < from)
        self->next_end = find(self->in, from, "?=");
    return self->next_end;
}

/* at is that of a "=?".  Laxer than RFC 2047 §2 where mail readers are: the
 * text may be long and hold spaces and single question marks. */
static bool
parse_word(Decoder *self, size_t at, Word *out_word)
{
    WnSpan rest = wn_span_slice(self->in, at + 2, self->in.len);
    WnSpan head = wn_span_slice(rest, 0, CHARSET_MAX);
    const char *mark = memchr(head.ptr, '?', head.len);
    const char *language;
    size_t charset_len;
    size_t text;
    size_t end;
    char encoding;

    if (mark == NULL)
        return false;
    charset_len = (size_t)(mark - head.ptr);
    if (charset_len == 0 || rest.len < charset_len + 3 || mark[2] != '?')
        return false;
    encoding = g_ascii_tolower(mark[1]);
    if (encoding != 'q' && encoding != 'b')
        return false;
    text = at + 2 + charset_len + 3;
    end = find_word_end(self, text);
    if (end == nowhere
        || find(wn_span_slice(self->in, 0, end), text, "=?") != nowhere)
        return false;
    language = memchr(head.ptr, '*', charset_len); /* RFC 2231 §5 */
    if (language != NULL)
        charset_len = (size_t)(language - head.ptr);
    out_word->charset = wn_span_slice(head, 0, charset_len);
    out_word->text = wn_span_slice(self->in, text, end - text);
    out_word->base64 = encoding == 'b';
    out_word->end = end + 2;
    return true;
}

static void
append_quoted(GString *out, WnSpan text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c == '_') {
            c = ' ';
        } else if (c == '=' && text.len - i > 2
                   && g_ascii_isxdigit(text.ptr[i + 1])
                   && g_ascii_isxdigit(text.ptr[i + 2])) {
            c = (char)(g_ascii_xdigit_value(text.ptr[i + 1]) * 16
                       + g_ascii_xdigit_value(text.ptr[i + 2]));
            i += 2;
        }
        g_string_append_c(out, c);
    }
}

static void
append_base64(GString *out, WnSpan text)
{
    size_t at = out->len;
    gint state = 0;
    guint save = 0;
    gsize len;

    g_string_set_size(out, at + text.len + 3);
    len = g_base64_decode_step(text.ptr, text.len, (guchar *)out->str + at,
        &state, &save);
    /* Padding that was left off. */
    for (int i = 0; i < 3 && state != 0; i++)
        len += g_base64_decode_step("=", 1, (guchar *)out->str + at + len,
            &state, &save);
    g_string_truncate(out, at + len);
}

static void
convert_collected(Decoder *self)
{
    WnCharset charset = wn_charset_find(self->charset);

    if (!self->collecting)
        return;
    if (charset.name[0] != '\0' && self->n_converted++ >= CONVERTERS_MAX)
        charset = wn_charset_find(WN_SPAN_EMPTY);
    wn_charset_append(self->out, &charset,
        wn_span(self->bytes->str, self->bytes->len), SIZE_MAX);
    g_string_truncate(self->bytes, 0);
    self->collecting = false;
}

static void
collect(Decoder *self, const Word *word)
{
    self->charset = word->charset;
    self->collecting = true;
    if (word->base64)
        append_base64(self->bytes, word->text);
    else
        append_quoted(self->bytes, word->text);
}

static void
append_plain(Decoder *self, size_t from, size_t to)
{
    WnCharset charset = wn_charset_find(WN_SPAN_EMPTY);

    wn_charset_append(self->out, &charset,
        wn_span_slice(self->in, from, to - from), SIZE_MAX);
}

/* The text between two encoded words is not shown if it is white space. */
static void
append_gap(Decoder *self, size_t from, size_t to, const Word *next)
{
    bool blank = wn_span_trim(wn_span_slice(self->in, from, to - from)).len
                 == 0;

    if (self->collecting && blank) {
        if (!wn_span_case_eq(self->charset, next->charset))
            convert_collected(self);
        return;
    }
    convert_collected(self);
    append_plain(self, from, to);
}

static void
decode_words(Decoder *self)
{
    size_t at = 0;
    size_t from = 0;
    size_t start;

    while ((start = find(self->in, from, "=?")) != nowhere) {
        Word word;

        if (!parse_word(self, start, &word)) {
            from = start + 2;
            continue;
        }
        append_gap(self, at, start, &word);
        collect(self, &word);
        at = from = word.end;
    }
    convert_collected(self);
    append_plain(self, at, self->in.len);
}

/* Without the line ends of folding. */
static GString *
unfold(WnSpan raw)
{
    GString *text = g_string_sized_new(raw.len);

    while (raw.len > 0) {
        const char *cr = memchr(raw.ptr, '\r', raw.len);
        size_t len = cr != NULL ? (size_t)(cr - raw.ptr) : raw.len;

        g_string_append_len(text, raw.ptr, (gssize)len);
        raw = wn_span_slice(raw, len, raw.len);
        if (raw.len >= 2 && raw.ptr[1] == '\n') {
            raw = wn_span_slice(raw, 2, raw.len);
        } else if (raw.len > 0) {
            g_string_append_c(text, ' ');
            raw = wn_span_slice(raw, 1, raw.len);
        }
    }
    return text;
}

static void
append_trimmed(GString *out, GString *text)
{
    WnSpan trimmed;

    wn_text_clean(text);
    trimmed = wn_span_trim(wn_span(text->str, text->len));
    g_string_append_len(out, trimmed.ptr, (gssize)trimmed.len);
}

bool
wn_header_text_decode(GString *out, WnSpan raw)
{
    WnSpan taken = wn_span_trim(wn_span_slice(raw, 0, WN_HEADER_TEXT_MAX));
    GString *text = unfold(taken);
    WnSpan flat = wn_span(text->str, text->len);

    if (find(flat, 0, "=?") == nowhere && wn_ascii_prefix(flat) == flat.len) {
        append_trimmed(out, text);
    } else {
        Decoder decoder = { .in = flat,
            .out = g_string_sized_new(flat.len),
            .bytes = g_string_new(NULL) };

        decode_words(&decoder);
        append_trimmed(out, decoder.out);
        g_string_free(decoder.out, TRUE);
        g_string_free(decoder.bytes, TRUE);
    }
    g_string_free(text, TRUE);
    return raw.len <= WN_HEADER_TEXT_MAX;
}

/* Encoding */

typedef struct Encoder {
    GString *out;
    size_t column;
    bool started; /* something stands on the line that may be folded behind */
} Encoder;

static void
emit(Encoder *self, size_t n_spaces, WnSpan atom)
{
    static const char spaces[SPACES_MAX + 1] =
        "                                                                ";

    n_spaces = MIN(n_spaces, SPACES_MAX);
    if (self->started && n_spaces > 0
        && self->column + n_spaces + atom.len > FOLD_AT) {
        g_string_append(self->out, "\r\n");
        self->column = 0;
    }
    g_string_append_len(self->out, spaces, (gssize)n_spaces);
    g_string_append_len(self->out, atom.ptr, (gssize)atom.len);
    self->column += n_spaces + atom.len;
    self->started = true;
}

static bool
is_plain_in_q(unsigned char c)
{
    return g_ascii_isalnum(c) || (c != 0 && strchr("!*+-/", c) != NULL);
}

static size_t
q_len(WnSpan text)
{
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++)
        len += is_plain_in_q((unsigned char)text.ptr[i]) || text.ptr[i] == ' '
                   ? 1
                   : 3;
    return len;
}

static size_t
b_len(WnSpan text)
{
    return (text.len + 2) / 3 * 4;
}

static void
append_q(GString *word, WnSpan text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c == ' ')
            g_string_append_c(word, '_');
        else if (is_plain_in_q(c))
            g_string_append_c(word, (char)c);
        else
            g_string_append_printf(word, "=%02X", c);
    }
}

static void
append_word(Encoder *self, size_t n_spaces, WnSpan text, bool base64)
{
    g_autoptr(GString)
        word = g_string_new(base64 ? "=?UTF-8?B?" : "=?UTF-8?Q?");

    if (base64) {
        g_autofree char *encoded = g_base64_encode((const guchar *)text.ptr,
            text.len);

        g_string_append(word, encoded);
    } else {
        append_q(word, text);
    }
    g_string_append(word, "?=");
    emit(self, n_spaces, wn_span(word->str, word->len));
}

/* text is valid UTF-8; no character is split between words (RFC 2047 §5). */
static void
append_words(Encoder *self, size_t n_spaces, WnSpan text)
{
    bool base64 = q_len(text) > 2 * text.len; /* few letters are left */
    size_t start = 0;
    size_t at = 0;

    while (at < text.len) {
        size_t next = at + (size_t)g_utf8_skip[(guchar)text.ptr[at]];
        WnSpan piece = wn_span_slice(text, start, next - start);

        if (at > start
            && (base64 ? b_len(piece) : q_len(piece)) > WORD_PAYLOAD) {
            append_word(self, start == 0 ? n_spaces : 1,
                wn_span_slice(text, start, at - start), base64);
            start = at;
        }
        at = next;
    }
    if (at > start)
        append_word(self, start == 0 ? n_spaces : 1,
            wn_span_slice(text, start, at - start), base64);
}

static bool
needs_encoding(WnSpan atom)
{
    return atom.len > ATOM_MAX || wn_ascii_prefix(atom) < atom.len
           || find(atom, 0, "=?") != nowhere;
}

static size_t
spaces_at(WnSpan text, size_t from)
{
    size_t at = from;

    while (at < text.len && text.ptr[at] == ' ')
        at++;
    return at - from;
}

static size_t
atom_len_at(WnSpan text, size_t from)
{
    WnSpan rest = wn_span_slice(text, from, text.len);
    const char *space = memchr(rest.ptr, ' ', rest.len);

    return space != NULL ? (size_t)(space - rest.ptr) : rest.len;
}

/* The end of the atoms from at on that have to be encoded and so are, with
 * the spaces between them; at if the first has not. */
static size_t
encoded_end(WnSpan text, size_t at)
{
    size_t end = at;

    while (at < text.len) {
        size_t len = atom_len_at(text, at);

        if (!needs_encoding(wn_span_slice(text, at, len)))
            break;
        end = at + len;
        at = end + spaces_at(text, end);
    }
    return end;
}

static GString *
clean_copy(WnSpan text)
{
    GString *copy = g_string_new_len(text.ptr, (gssize)text.len);

    wn_text_clean(copy);
    return copy;
}

void
wn_header_text_encode(GString *out, size_t column, WnSpan value)
{
    g_autoptr(GString) copy = clean_copy(value);
    WnSpan text = wn_span_trim(wn_span(copy->str, copy->len));
    Encoder encoder = { .out = out, .column = column };
    size_t at = 0;

    while (at < text.len) {
        size_t n_spaces = spaces_at(text, at);
        size_t end;

        at += n_spaces;
        end = encoded_end(text, at);
        if (end > at) {
            append_words(&encoder, n_spaces, wn_span_slice(text, at, end - at));
        } else {
            end = at + atom_len_at(text, at);
            emit(&encoder, n_spaces, wn_span_slice(text, at, end - at));
        }
        at = end;
    }
}

void
wn_header_text_encode_all(GString *out, size_t column, WnSpan text)
{
    g_autoptr(GString) copy = clean_copy(text);
    Encoder encoder = { .out = out, .column = column };

    append_words(&encoder, 0, wn_span(copy->str, copy->len));
}
