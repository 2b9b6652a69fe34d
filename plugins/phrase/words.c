/* SPDX-License-Identifier: MIT */
#include "plugins/phrase/words.h"

#include <glib.h>
#include <string.h>

enum { BYTE_SEPARATES = 0, BYTE_OF_WORD = 1, BYTE_NOT_ASCII = 2 };

static const uint8_t bytes[256] = {
    ['0' ... '9'] = BYTE_OF_WORD,
    ['A' ... 'Z'] = BYTE_OF_WORD,
    ['a' ... 'z'] = BYTE_OF_WORD,
    [0x80 ... 0xff] = BYTE_NOT_ASCII,
};

typedef enum Kind { SEPARATES, OF_WORD, MARK, UNSPACED } Kind;

/* Scripts that set no spaces between words; sorted. */
static const struct {
    uint32_t first, last;
} unspaced[] = {
    { 0x0e00, 0x0eff },   /* Thai, Lao */
    { 0x1000, 0x109f },   /* Myanmar */
    { 0x1780, 0x17ff },   /* Khmer */
    { 0x1950, 0x1aad },   /* Tai Le to Tai Tham */
    { 0x1b00, 0x1b7f },   /* Balinese */
    { 0x3005, 0x3007 },   /* marks that stand for a Han character */
    { 0x3021, 0x3029 },   /* Hangzhou numerals */
    { 0x3031, 0x312f },   /* Hiragana, Katakana, Bopomofo */
    { 0x31a0, 0x31ff },   /* their extensions */
    { 0x3400, 0x4dbf },   /* Han */
    { 0x4e00, 0x9fff },   /* Han */
    { 0xa980, 0xa9ff },   /* Javanese, Myanmar */
    { 0xaa60, 0xaadf },   /* Myanmar, Tai Viet */
    { 0xf900, 0xfaff },   /* Han */
    { 0x16fe0, 0x18dff }, /* Tangut, Khitan */
    { 0x1aff0, 0x1b2ff }, /* Kana, Nushu */
    { 0x20000, 0x3fffd }, /* Han */
};

static bool
is_unspaced(uint32_t c)
{
    for (size_t i = 0; i < G_N_ELEMENTS(unspaced) && c >= unspaced[i].first;
         i++)
        if (c <= unspaced[i].last)
            return true;
    return false;
}

static Kind
kind_of(uint32_t c)
{
    if (c >= 0x4e00 && c <= 0x9fff)
        return UNSPACED;
    if (g_unichar_ismark(c))
        return MARK;
    if (!g_unichar_isalnum(c))
        return SEPARATES;
    return is_unspaced(c) ? UNSPACED : OF_WORD;
}

/* The character that begins at text[at], which is not ASCII. */
static Kind
kind_at(const PhraseReader *reader, size_t at, size_t *len)
{
    size_t left = reader->len - at;
    gunichar c = g_utf8_get_char_validated(reader->text + at,
        (gssize)MIN(left, 4u));

    *len = 1;
    if ((int32_t)c < 0)
        return SEPARATES;
    *len = (size_t)g_utf8_skip[(guchar)reader->text[at]];
    return kind_of(c);
}

/* Where the word ends that has its first character before at. */
static size_t
end_of_word(const PhraseReader *reader, size_t at, bool only_marks)
{
    while (at < reader->len) {
        uint8_t byte = bytes[(uint8_t)reader->text[at]];
        size_t len = 1;
        Kind kind = byte == BYTE_OF_WORD ? OF_WORD : SEPARATES;

        if (byte == BYTE_NOT_ASCII)
            kind = kind_at(reader, at, &len);
        if (kind != MARK && (kind != OF_WORD || only_marks))
            break;
        at += len;
    }
    return at;
}

bool
phrase_word_next(PhraseReader *reader, PhraseWord *word)
{
    while (reader->at < reader->len) {
        size_t at = reader->at;
        uint8_t byte = bytes[(uint8_t)reader->text[at]];
        size_t len = 1;
        Kind kind = byte == BYTE_OF_WORD ? OF_WORD : SEPARATES;

        if (byte == BYTE_NOT_ASCII)
            kind = kind_at(reader, at, &len);
        if (kind == OF_WORD || kind == UNSPACED) {
            word->start = at;
            word->unspaced = kind == UNSPACED;
            word->end = end_of_word(reader, at + len, word->unspaced);
            reader->at = word->end;
            return true;
        }
        reader->at += len;
    }
    return false;
}

static bool
is_apostrophe(const char *gap, size_t len)
{
    return (len == 1 && gap[0] == '\'')
           || (len == 3 && memcmp(gap, "\xe2\x80\x99", 3) == 0);
}

PhraseMeasure
phrase_measure(const char *text, size_t len)
{
    PhraseReader reader = { text, len, 0 };
    PhraseMeasure measure = { 0, 0 };
    PhraseWord word;
    size_t end = 0; /* of the word before */

    while (phrase_word_next(&reader, &word)) {
        bool joined = measure.n_words > 0
                      && is_apostrophe(text + end, word.start - end);

        measure.n_words++;
        if (word.unspaced)
            measure.weight++;
        else if (!joined)
            measure.weight += PHRASE_WORD_WEIGHT;
        end = word.end;
    }
    return measure;
}
