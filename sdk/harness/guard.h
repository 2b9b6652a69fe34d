/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Memory for what a plugin is lent.  Each view lies at the end of its own
 * pages with an unreadable page behind it, and can be taken away when its life
 * ends: a plugin that reads too far or too late is stopped at that instruction,
 * and told which view it was.
 */

#include <stdbool.h>
#include <stddef.h>

typedef struct WnGuard WnGuard; /* the views of one life */

/* life is a constant: "the call". */
WnGuard *wn_guard_new(const char *life);
/* Writable and zeroed; what is a constant that names the view. */
void *wn_guard_alloc(WnGuard *self, const char *what, size_t size);
/* A copy that ends where the readable memory does.  The same source gives the
 * same copy. */
const void *wn_guard_copy(WnGuard *self, const char *what, const void *data,
    size_t size);
/* The same for a blob: what begins it is aligned to 64 where that is possible,
 * which is where its size is a multiple of 64 or the sanitizer watches. */
const void *wn_guard_blob(WnGuard *self, const char *what, const void *data,
    size_t size);
/* A copy with a NUL behind it. */
const char *wn_guard_text(WnGuard *self, const char *what, const char *text,
    size_t len);
/* Ends the life: the views can be read no more.  Returns the name of a view
 * that was written past its end, or NULL. */
const char *wn_guard_end(WnGuard *self);

/* Gives back the address space of all views whose life has ended. */
void wn_guard_forget(void);

/* The plugin is built with the address sanitizer, which finds each bad access
 * of its. */
void wn_guard_use_sanitizer(void);

/* What is tried now, for whoever must find out why the process ended; borrowed
 * until the next one or NULL. */
void wn_guard_note(const char *what);

/* From now on a bad access says which view it hit before the process ends, and
 * an alarm what was tried. */
void wn_guard_watch(void);
