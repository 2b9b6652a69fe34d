/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What one character becomes when text is folded, apart from its neighbours:
 * NFKC, case folded, look-alikes mapped, without what is invisible.  Answers
 * are worked out when a character is first met and kept for the life of the
 * process: they depend on nothing but the character.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct WnTextChar {
    const char *text; /* UTF-8 */
    uint8_t len;      /* 0: the character is invisible */
    bool joins;       /* may become one with what stands before it */
    char own[6];      /* text, if it is short and not among the kept ones */
} WnTextChar;

/* c is not ASCII.  out->text may be out->own. */
void wn_text_char_fold(gunichar c, WnTextChar *out);

/* A combining mark, or a Hangul vowel or final consonant. */
bool wn_text_char_joins(gunichar c);

/* Folding leaves it as it is. */
bool wn_text_char_is_folded(gunichar c);
