/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Within plugin code: the host makes something for itself, which does not stay
 * with the plugin.
 */

typedef enum {
    WN_ASIDE_BEGIN,
    WN_ASIDE_VIEW, /* ends: what was made belongs to the message */
    WN_ASIDE_LOAN  /* ends: the plugin asked for it, and it goes by itself */
} WnAside;

typedef void (*WnAsideFn)(void *user, WnAside what);
