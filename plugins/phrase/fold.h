/* SPDX-License-Identifier: MIT */
#ifndef PHRASE_FOLD_H
#define PHRASE_FOLD_H

/*
 * Folds a phrase the way winnow folds the text it is looked for in
 * (WN_TEXT_FOLDED): case and width, no invisible characters, each run of white
 * space one space, none at the ends.
 */

#include <glib.h>

/* Empties out, then writes the folded line to it.  What is not UTF-8 is folded
 * as ASCII. */
void phrase_fold(const char *line, gsize len, GString *out);

#endif
