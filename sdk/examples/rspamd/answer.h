/* SPDX-License-Identifier: MIT */
#ifndef RSPAMD_ANSWER_H
#define RSPAMD_ANSWER_H

/*
 * What rspamd says of a message: the JSON object of its /checkv2.  Read in one
 * pass without memory of its own; depth and lengths are bounded.
 */

#include <stddef.h>
#include <stdint.h>

#define ANSWER_SYMBOLS_MAX 64
#define ANSWER_NAME_MAX 64

typedef struct AnswerSymbol {
    char name[ANSWER_NAME_MAX];
    int32_t score; /* thousandths */
} AnswerSymbol;

typedef struct Answer {
    char action[ANSWER_NAME_MAX]; /* "add header"; empty: none was given */
    int32_t score;
    int32_t required;
    uint32_t n_symbols; /* the heaviest, in descending order of their weight */
    AnswerSymbol symbols[ANSWER_SYMBOLS_MAX];
} Answer;

/* False if the text is no such object. */
int rspamd_answer_read(Answer *answer, const char *text, size_t len);

#endif
