/* SPDX-License-Identifier: MIT */
#ifndef PHRASE_SCAN_H
#define PHRASE_SCAN_H

/*
 * One pass over a folded text, in blocks of some thousand words: the sums of
 * hashes over the words, then for each word the gram that ends with it is
 * looked up, and what that finds is compared by the hash of the whole phrase.
 * Nothing is allocated, and the work for a word is bounded, whatever the text
 * repeats.
 */

#include "plugins/phrase/index.h"

enum { PHRASE_HITS_MAX = 8 };

typedef struct PhraseHit {
    size_t start; /* bytes of the text */
    size_t end;
    const PhraseEntry *entry;
} PhraseHit;

/* Room for a scan, used for one after the other. */
typedef struct PhraseScan PhraseScan;

PhraseScan *phrase_scan_new(void); /* NULL: out of memory */
void phrase_scan_free(PhraseScan *self);

/* Fills hits with the first phrases that the text holds, each once; gives their
 * number, PHRASE_HITS_MAX at most.  index was checked. */
uint32_t phrase_scan(PhraseScan *self, const PhraseIndex *index,
    const char *text, size_t len, PhraseHit hits[PHRASE_HITS_MAX]);

#endif
