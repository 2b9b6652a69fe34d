/* SPDX-License-Identifier: MIT */
#ifndef PHRASE_WORDS_H
#define PHRASE_WORDS_H

/*
 * The words of folded text: runs of letters, digits and their marks, and each
 * character by itself in scripts that set no spaces between words.  All else
 * only separates, so a phrase is the same with other punctuation.  A list's
 * entries and a message are cut by this same code.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PHRASE_WORD_WEIGHT = 2, /* of a word; a character of its own weighs 1 */
    PHRASE_WEIGHT_MIN = 10  /* of an entry: five words, or ten characters */
};

/* text is UTF-8; what is not only separates. */
typedef struct PhraseReader {
    const char *text;
    size_t len;
    size_t at;
} PhraseReader;

typedef struct PhraseWord {
    size_t start; /* bytes of the text */
    size_t end;
    bool unspaced; /* one character of a script without spaces */
} PhraseWord;

/* The next word, or false at the end. */
bool phrase_word_next(PhraseReader *reader, PhraseWord *word);

typedef struct PhraseMeasure {
    size_t n_words;
    size_t weight; /* "don't" weighs as one word and is two to be matched */
} PhraseMeasure;

PhraseMeasure phrase_measure(const char *text, size_t len);

#endif
