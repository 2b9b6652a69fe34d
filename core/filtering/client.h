/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * winnow-smtp's end: asks winnow-filter, or an engine in this process, and
 * always calls back: with the response, or with NULL when no filter could
 * answer within the deadline or died over the request again and again.  What
 * NULL means is the asker's affair (on_error).
 *
 *                        +-- the process died; at its successor's attach --+
 *                        v                                                 |
 *    ask --> waiting --sent--> asked (attempt 1...) --response--> fn(response)
 *               |                |
 *               +--- deadline ---+--- died too often over it --> fn(NULL)
 *               +--- no process for a while
 *
 * When a process dies, all that it was asked is suspect.  Its successor is
 * asked everything again, but messages one after another, a second apart if
 * need be: then the message that kills it dies with few others.
 */

#include "core/event/channel.h"
#include "core/filtering/engine.h"

/* The filter that a process died in is left out the next time (control's
 * affair), or at its fifth death, WN_QUARANTINE_FAULTS, switched off: there is
 * an attempt left for the others. */
#define WN_FILTER_ATTEMPTS_MAX 6
#define WN_FILTER_PACE_MS 1000

/* How long one that has died is waited for, and not longer: it may be a long
 * time until another one is tried. */
#define WN_FILTER_ABSENT_MS 2000

typedef struct WnFilterClient WnFilterClient;
typedef struct WnFilterTicket WnFilterTicket;

/* response NULL: not answered; reason says why.  The ticket is gone. */
typedef void (
    *WnFilterFn)(void *user, const WnResponse *response, const char *reason);

/* Whoever asks must have forgotten its tickets before free. */
WnFilterClient *wn_filter_client_new(WnLoop *loop, int64_t deadline_ms);
void wn_filter_client_free(WnFilterClient *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnFilterClient, wn_filter_client_free)

/* A connected filter process (SEQPACKET); replaces the previous one. */
void wn_filter_client_attach(WnFilterClient *self, int take_fd);
/* Or an engine in this process (borrowed), before anything is asked. */
void wn_filter_client_attach_engine(WnFilterClient *self, WnEngine *engine);
bool wn_filter_client_is_attached(const WnFilterClient *self);

/* Everything but the message is copied before this returns; the message must
 * live until the callback or forget.  fd >= 0: a file that holds the message
 * (borrowed), shown to the process for reading instead of a memory file.
 * serial and attempt are filled in here.  fn never runs before this has
 * returned.  NULL and no callback for AHEAD, RESET and CLOSE. */
WnFilterTicket *wn_filter_ask(WnFilterClient *self, const WnRequest *request,
    int fd, WnFilterFn fn, void *user);

/* No callback after this. */
void wn_filter_forget(WnFilterTicket *ticket);
