/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A list of phrases, made into a data set as winnow-check does it: rows in the
 * order of their values, each once, with the folded value behind the others,
 * refused rows left out.
 */

#include "plugins/phrase/compile.h"
#include "plugins/phrase/index.h"
#include "plugins/phrase/scan.h"

#include <glib.h>

typedef struct PhraseList {
    GPtrArray *values;
    GPtrArray *folded; /* GString, beside values once sorted */
    GString *refused;  /* "value: reason\n" ... */
    GByteArray *blob;
} PhraseList;

void phrase_list_init(PhraseList *self);
void phrase_list_clear(PhraseList *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(PhraseList, phrase_list_clear)

void phrase_list_add(PhraseList *self, const char *value);
/* Of lines. */
void phrase_list_add_lines(PhraseList *self, const char *lines);

/* Sorts and folds; phrase_list_compile() does it if need be. */
void phrase_list_prepare(PhraseList *self);
void phrase_list_compile(PhraseList *self);

/* Texts of the message's text that were found, each behind "|". */
char *phrase_list_find(const PhraseList *self, const char *text);

/* A dictionary of words of letters, the same for the same seed. */
GPtrArray *phrase_dictionary(uint32_t seed, unsigned n_words);
/* Appends n words of it, often the same ones as in a language. */
void phrase_append_words(GString *out, const GPtrArray *dictionary, GRand *rand,
    unsigned n);
