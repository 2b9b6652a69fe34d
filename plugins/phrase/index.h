/* SPDX-License-Identifier: MIT */
#ifndef PHRASE_INDEX_H
#define PHRASE_INDEX_H

/*
 * Finds any of many phrases in a text.  Each phrase is represented by one
 * window of 4, 8 or 16 of its bytes, the one that fewest phrases have; a
 * rolling hash over the text is looked up in a bit map and then in a table, and
 * what is found there is compared whole.  So the time goes with the text's
 * length and hardly with the number of phrases.
 *
 * Phrases are found as whole words only, where the script sets spaces between
 * words.
 */

#include <stddef.h>
#include <stdint.h>

#define PHRASE_MIN 4
#define PHRASE_MAX 1000

typedef struct PhraseIndex PhraseIndex;

/* NULL: out of memory. */
PhraseIndex *phrase_index_new(void);
void phrase_index_free(PhraseIndex *self);

/* Adds a folded phrase of PHRASE_MIN to PHRASE_MAX bytes; 0: out of memory. */
int phrase_index_add(PhraseIndex *self, const char *phrase, size_t len);

/* After the last phrase, before the first search; 0: out of memory. */
int phrase_index_build(PhraseIndex *self);

/* A phrase that the folded text holds, NUL-terminated, or NULL. */
const char *phrase_index_find(const PhraseIndex *self, const char *text,
    size_t len);

#endif
