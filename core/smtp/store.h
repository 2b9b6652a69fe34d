/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Where the bytes of a message are while it comes in: in memory up to a limit,
 * then in a file without name in the spool, mapped when all is there.  Not
 * durable; the journal is.  Used again for the next message of the session.
 */

#include "core/base/buffer.h"

/* Memory that is kept between messages. */
#define WN_STORE_KEEP (64 * 1024)

typedef struct WnStore {
    const char *folder; /* borrowed */
    size_t memory_max;
    WnBuffer memory;
    int fd; /* -1: all is in memory */
    uint64_t file_len;
    void *map;
} WnStore;

void wn_store_init(WnStore *self, const char *folder, size_t memory_max);
void wn_store_clear(WnStore *self);

/* For the next message: drops the bytes and the file. */
void wn_store_reset(WnStore *self);

/* False with errno: what was there is lost, reset it. */
bool wn_store_append(WnStore *self, WnSpan bytes);

/* All bytes as one span, good until reset; false with errno. */
bool wn_store_finish(WnStore *self, WnSpan *out_bytes);
