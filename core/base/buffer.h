/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A growing queue of bytes: appended at the end, consumed at the front.  Used
 * for what a socket has sent or shall be sent.  Memory moves only when the
 * free room at the end does not suffice.  The owner bounds the size: a buffer
 * has no limit of its own.
 */

#include "core/base/span.h"

#include <glib.h>

typedef struct WnBuffer {
    char *data;
    size_t start; /* first byte not yet consumed */
    size_t end;
    size_t capacity;
} WnBuffer;

void wn_buffer_init(WnBuffer *self);
void wn_buffer_clear(WnBuffer *self); /* frees; usable again as after init */
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(WnBuffer, wn_buffer_clear)

static inline WnSpan
wn_buffer_peek(const WnBuffer *self)
{
    if (self->data == NULL)
        return WN_SPAN_EMPTY;
    return wn_span(self->data + self->start, self->end - self->start);
}

static inline size_t
wn_buffer_len(const WnBuffer *self)
{
    return self->end - self->start;
}

void wn_buffer_append(WnBuffer *self, WnSpan bytes);
void wn_buffer_printf(WnBuffer *self, const char *format, ...)
    G_GNUC_PRINTF(2, 3);

/* Drops len bytes at the front; len is at most wn_buffer_len(). */
void wn_buffer_consume(WnBuffer *self, size_t len);

/* Room for at least len bytes at the end, to be written directly, then
 * committed.  The pointer is good until the next call that changes self. */
char *wn_buffer_reserve(WnBuffer *self, size_t len);
void wn_buffer_commit(WnBuffer *self, size_t len);

/* Gives memory beyond keep back to the allocator if the buffer is empty. */
void wn_buffer_shrink(WnBuffer *self, size_t keep);
