/* SPDX-License-Identifier: MIT */
#include "core/base/buffer.h"

#include <stdarg.h>
#include <stdio.h>

enum { CAPACITY_MIN = 512 };

void
wn_buffer_init(WnBuffer *self)
{
    *self = (WnBuffer){ 0 };
}

void
wn_buffer_clear(WnBuffer *self)
{
    g_free(self->data);
    wn_buffer_init(self);
}

void
wn_buffer_append(WnBuffer *self, WnSpan bytes)
{
    if (bytes.len == 0)
        return;
    memcpy(wn_buffer_reserve(self, bytes.len), bytes.ptr, bytes.len);
    self->end += bytes.len;
}

void
wn_buffer_printf(WnBuffer *self, const char *format, ...)
{
    va_list args;
    va_list again;
    int len;

    va_start(args, format);
    va_copy(again, args);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    g_assert(len >= 0);
    vsnprintf(wn_buffer_reserve(self, (size_t)len + 1), (size_t)len + 1, format,
        again);
    va_end(again);
    self->end += (size_t)len;
}

void
wn_buffer_consume(WnBuffer *self, size_t len)
{
    g_assert(len <= wn_buffer_len(self));
    self->start += len;
    if (self->start == self->end) {
        self->start = 0;
        self->end = 0;
    }
}

/* A new block instead of realloc(), which would copy what is consumed. */
static void
grow(WnBuffer *self, size_t used, size_t len)
{
    size_t capacity = MAX(self->capacity, CAPACITY_MIN);
    char *data;

    g_assert(len <= SIZE_MAX / 4 && used <= SIZE_MAX / 4);
    while (capacity < used + len)
        capacity *= 2;
    data = g_malloc(capacity);
    if (used > 0)
        memcpy(data, self->data + self->start, used);
    g_free(self->data);
    *self = (WnBuffer){ .data = data, .end = used, .capacity = capacity };
}

char *
wn_buffer_reserve(WnBuffer *self, size_t len)
{
    size_t used = wn_buffer_len(self);

    if (self->data != NULL && len <= self->capacity - self->end)
        return self->data + self->end;

    /* Moving at most as much as was consumed keeps the cost linear. */
    if (self->data != NULL && used <= self->start
        && len <= self->capacity - used) {
        memmove(self->data, self->data + self->start, used);
        self->start = 0;
        self->end = used;
    } else {
        /* Doubles even if the consumed room would do, for the same reason. */
        grow(self, used, MAX(len, self->capacity - used));
    }
    return self->data + self->end;
}

void
wn_buffer_commit(WnBuffer *self, size_t len)
{
    g_assert(len <= self->capacity - self->end);
    self->end += len;
}

void
wn_buffer_shrink(WnBuffer *self, size_t keep)
{
    if (wn_buffer_len(self) > 0 || self->capacity <= keep)
        return;
    wn_buffer_clear(self);
    if (keep > 0) {
        self->data = g_malloc(keep);
        self->capacity = keep;
    }
}
