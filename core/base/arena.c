/* SPDX-License-Identifier: MIT */
#include "core/base/arena.h"

#include <stdarg.h>
#include <stdio.h>

enum {
    ALIGNMENT = 16,
    BLOCK_SIZE = 8192,
    KEEP_MAX = 65536 /* a bigger block is not kept by a reset */
};

typedef struct Block {
    struct Block *next;
    size_t size; /* of data */
    size_t used;
    char data[] __attribute__((aligned(ALIGNMENT)));
} Block;

struct WnArena {
    Block *blocks; /* the first is the one being filled */
    size_t limit;
    size_t used;
};

WnArena *
wn_arena_new(size_t limit)
{
    WnArena *self = g_new0(WnArena, 1);

    self->limit = limit;
    return self;
}

static void
free_blocks(Block *block)
{
    while (block != NULL) {
        Block *next = block->next;

        g_free(block);
        block = next;
    }
}

void
wn_arena_free(WnArena *self)
{
    if (self == NULL)
        return;
    free_blocks(self->blocks);
    g_free(self);
}

void
wn_arena_reset(WnArena *self)
{
    Block *first = self->blocks;

    self->used = 0;
    if (first == NULL)
        return;
    free_blocks(first->next);
    first->next = NULL;
    first->used = 0;
    if (first->size > KEEP_MAX)
        g_clear_pointer(&self->blocks, g_free);
}

/* A block of its own goes behind the one being filled, whose rest stays in
 * use. */
static Block *
add_block(WnArena *self, size_t size)
{
    bool own = size > BLOCK_SIZE / 4;
    size_t block_size = own ? size : BLOCK_SIZE;
    Block *block = g_malloc(sizeof *block + block_size);

    block->size = block_size;
    block->used = 0;
    if (own && self->blocks != NULL) {
        block->next = self->blocks->next;
        self->blocks->next = block;
    } else {
        block->next = self->blocks;
        self->blocks = block;
    }
    return block;
}

void *
wn_arena_alloc(WnArena *self, size_t size)
{
    Block *block = self->blocks;
    size_t rounded;
    char *memory;

    g_assert(size <= SIZE_MAX / 2);
    rounded = (MAX(size, 1) + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (block == NULL || rounded > block->size - block->used)
        block = add_block(self, rounded);
    memory = block->data + block->used;
    block->used += rounded;
    self->used += rounded;
    return memset(memory, 0, size);
}

WnSpan
wn_arena_copy(WnArena *self, WnSpan bytes)
{
    char *copy = wn_arena_alloc(self, bytes.len + 1);

    memcpy(copy, bytes.ptr, bytes.len);
    return wn_span(copy, bytes.len);
}

char *
wn_arena_printf(WnArena *self, const char *format, ...)
{
    va_list args;
    va_list again;
    char *text;
    int len;

    va_start(args, format);
    va_copy(again, args);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    g_assert(len >= 0);
    text = wn_arena_alloc(self, (size_t)len + 1);
    vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    return text;
}

size_t
wn_arena_used(const WnArena *self)
{
    return self->used;
}

bool
wn_arena_exceeded(const WnArena *self)
{
    return self->limit > 0 && self->used > self->limit;
}
