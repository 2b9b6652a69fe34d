/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a question came to, in one piece of memory with as many owners as need
 * it: the cache and every question that waits for its callback.  Made from a
 * DNS message of which nothing is trusted.
 */

#include "core/base/span.h"
#include "core/dns/resolver.h"

#define WN_ANSWER_RECORDS_MAX 64

typedef struct WnAnswer {
    unsigned n_owners;
    size_t size; /* of this piece of memory */
    WnResolution resolution;
    WnRecord records[]; /* and the bytes of their texts behind them */
} WnAnswer;

/* status is what the message's header says; a message without records of this
 * type turns FOUND into NO_DATA, and one that cannot be read into FAILED.
 * Records beyond WN_ANSWER_RECORDS_MAX are dropped. */
WnAnswer *wn_answer_new(WnResolved status, WnSpan message, WnRrType type,
    int64_t now_ms);

WnAnswer *wn_answer_ref(WnAnswer *self);
void wn_answer_unref(WnAnswer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnAnswer, wn_answer_unref)
