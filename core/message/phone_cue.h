/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the words before digits say of them: that they are a telephone number,
 * or that they count, name or date something else.  Looks at a bounded piece
 * of text.
 */

#include "core/base/span.h"

typedef enum {
    WN_PHONE_CUE_NONE,
    WN_PHONE_CUE_PHONE, /* "call", "tel:", "fax" ... */
    WN_PHONE_CUE_OTHER  /* "order no.", "invoice", "ISBN" ... */
} WnPhoneCue;

/* The nearest cue before "at". */
WnPhoneCue wn_phone_cue_before(WnSpan text, size_t at);

/* Nothing that stands directly around text[start, end) makes it a piece of
 * something else: a word, an address, a URL, a price, a time. */
bool wn_phone_stands_alone(WnSpan text, size_t start, size_t end);
