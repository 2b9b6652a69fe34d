/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Maps of files that may lose pages while they are looked at: the file is cut
 * short, the file system has no room after all, or the disk does not give them.
 * The kernel tells of it with SIGBUS; a guarded map gets memory of our own in
 * that place, and the program goes on and asks whether anything was lost.
 *
 * For the thread that guards and looks; other threads must not.
 */

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

typedef enum {
    WN_MAP_READ,  /* the page that is lost reads as zeros */
    WN_MAP_WRITE, /* all of the map becomes memory of this process */
} WnMapUse;

typedef struct WnMapGuard {
    char *start; /* NULL: guards nothing */
    size_t len;
    WnMapUse use;
    volatile sig_atomic_t lost;
    struct WnMapGuard *previous, *next;
} WnMapGuard;

/* self stays where it is until it is unguarded, which comes before munmap(). */
void wn_map_guard(WnMapGuard *self, void *start, size_t len, WnMapUse use);
void wn_map_unguard(WnMapGuard *self); /* fine if it guards nothing */
