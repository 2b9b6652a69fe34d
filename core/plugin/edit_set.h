/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What an action asks for in one apply: edits of the header, another
 * recipient, a reply.  Each is checked when it is asked for and reported as an
 * SDK error code; the chain takes them over when the action has answered.
 */

#include "core/base/arena.h"
#include "core/message/edit.h"

#define WN_EDITS_MAX 100
#define WN_EDIT_VALUE_MAX 4096

typedef struct WnEditSet {
    WnArena *arena;  /* borrowed: of all strings */
    bool reply_only; /* at RCPT: there is no message */
    GArray *edits;   /* WnEdit */
    WnSpan redirect; /* empty: no */
    uint16_t code;   /* 0: no reply asked for */
    WnSpan enhanced; /* empty: the code's default */
    WnSpan text;     /* before substitution */
} WnEditSet;

void wn_edit_set_init(WnEditSet *self, WnArena *arena, bool reply_only);
void wn_edit_set_clear(WnEditSet *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(WnEditSet, wn_edit_set_clear)

/* Whether a plugin may ask for that: WN_OK or WN_E_INVALID. */
int32_t wn_edit_check(WnEditKind kind, const char *name, const char *value);

/* The same for a field that a filter adds: nothing that a message has once or
 * that says how to read its body. */
int32_t wn_edit_check_note(const char *name, const char *value);

/* value: NULL with WN_EDIT_REMOVE; name: NULL with WN_EDIT_PREFIX_SUBJECT. */
int32_t wn_edit_set_add(WnEditSet *self, WnEditKind kind, const char *name,
    const char *value);
int32_t wn_edit_set_redirect(WnEditSet *self, const char *address);
int32_t wn_edit_set_reply(WnEditSet *self, uint16_t code, const char *enhanced,
    const char *text);
