/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Changes to a message as a list of replacements, kept apart from the message:
 * at offset, remove so many bytes and put these in their place.  The body is
 * stored once, as received, and every scope has its own list, applied when it
 * is delivered.  Sorted by offset, not overlapping; several insertions at one
 * offset keep their order.
 */

#include "core/base/span.h"
#include "core/base/wire.h"

typedef struct WnSplice {
    uint64_t offset;
    uint64_t remove;
    WnSpan insert; /* borrowed */
} WnSplice;

#define WN_SPLICES_MAX 4096

/* splices: a GArray of WnSplice.  Sorts and checks against the message's
 * length; false if two overlap, one reaches outside, or there are more than
 * WN_SPLICES_MAX.  An insertion at the place where a removal begins comes
 * first.  All other functions but read want what this one approved. */
bool wn_splices_normalise(GArray *splices, uint64_t message_len);

/* The length of the message after the splices. */
uint64_t wn_splices_result_len(const GArray *splices, uint64_t message_len);

/* Calls fn with the pieces of the result in order: spans of the message and of
 * the insertions, never empty. */
typedef void (*WnPieceFn)(void *user, WnSpan piece);
void wn_splices_apply(const GArray *splices, WnSpan message, WnPieceFn fn,
    void *user);

void wn_splices_write(const GArray *splices, WnWriter *writer);
/* Appends to out; insertions are borrowed from the reader's bytes.  Fit
 * together in form only: normalise before use. */
bool wn_splices_read(WnReader *reader, GArray *out_splices);
