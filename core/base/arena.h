/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Memory that lives together and dies together: what belongs to a transaction
 * or a call is taken from its arena and never freed piece by piece.  With a
 * limit, wn_arena_alloc() still succeeds past it (callers are not made to
 * check) but wn_arena_exceeded() turns true and the owner ends what it does.
 */

#include "core/base/span.h"

#include <glib.h>

typedef struct WnArena WnArena;

WnArena *wn_arena_new(size_t limit); /* 0: no limit */
void wn_arena_free(WnArena *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnArena, wn_arena_free)

/* Frees all of it, keeping one block for reuse. */
void wn_arena_reset(WnArena *self);

/* Zeroed, aligned to 16; good until reset or free.  Never NULL. */
void *wn_arena_alloc(WnArena *self, size_t size);
#define wn_arena_new0(arena, Type) \
    ((Type *)wn_arena_alloc((arena), sizeof(Type)))

/* Copies with a NUL behind, so ptr[len] is readable. */
WnSpan wn_arena_copy(WnArena *self, WnSpan bytes);
char *wn_arena_printf(WnArena *self, const char *format, ...)
    G_GNUC_PRINTF(2, 3);

size_t wn_arena_used(const WnArena *self);
bool wn_arena_exceeded(const WnArena *self);
