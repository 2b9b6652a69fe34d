/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Ids of messages: 48 bits of Unix milliseconds, then 80 random bits that grow
 * within one millisecond, written as 26 of Crockford's 32 digits [0-9A-Z].  So
 * ids sort by time, never repeat across relays and processes, and need no
 * coordination.  Independent of inodes: a spool may be copied and restored.
 */

#include "core/base/span.h"

#define WN_ID_TEXT_LEN 26

typedef struct WnId {
    uint8_t bytes[16];
} WnId;

/* A new id, greater than every one this process made before. */
WnId wn_id_new(void);

/* Writes 26 characters and a NUL. */
void wn_id_format(const WnId *self, char out[WN_ID_TEXT_LEN + 1]);

/* Small letters are read too; the form of wn_id_format() is the only one
 * written. */
bool wn_id_parse(WnSpan text, WnId *out_id);
bool wn_id_eq(const WnId *a, const WnId *b);

/* The Unix milliseconds in it. */
int64_t wn_id_time_ms(const WnId *self);
