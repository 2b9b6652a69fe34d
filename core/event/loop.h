/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The event loop of a process (libevent, epoll) and what hangs directly on it:
 * timers, signals, readiness of descriptors, deferred calls.  There is one loop
 * in a process and no thread but the journal's commit thread besides it.
 *
 * A callback never runs before the call that asked for it has returned.
 * Freeing or clearing the object inside its own callback is allowed.
 *
 * One turn runs what is ready, then the timers that are due, then deferred
 * calls, then the calls made soon (streams write here, once for all that was
 * written to them during the turn).  Timers go by wn_clock_mono_ms(): under a
 * fake clock a step and wn_loop_turn() make them fire.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct event;

typedef struct WnLoop WnLoop;

/* What fails for outside reasons in this area; the code is an errno. */
#define WN_EVENT_ERROR (wn_event_error_quark())
GQuark wn_event_error_quark(void);

/* Ignores SIGPIPE for the process: TLS writes without MSG_NOSIGNAL. */
WnLoop *wn_loop_new(void);
void wn_loop_free(WnLoop *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnLoop, wn_loop_free)

void wn_loop_run(WnLoop *self);  /* until wn_loop_stop() */
void wn_loop_stop(WnLoop *self); /* after the current callbacks */
void wn_loop_turn(WnLoop *self); /* what is ready now; blocks for one event at
                                  * most 50 ms.  For tests. */

typedef void (*WnLoopFn)(void *user);

/* Runs fn once, soon, from the loop itself: the place to free what the current
 * callback still uses. */
void wn_loop_defer(WnLoop *self, WnLoopFn fn, void *user);

/* Drops every deferred call with this user. */
void wn_loop_defer_cancel(WnLoop *self, void *user);

/*
 * A deferred call embedded in its owner: no memory, cancelled at no cost.
 * wn_deferred_soon() has it run once at the end of this turn, or of the next
 * when called from a call made soon; a second request before that changes
 * nothing. wn_deferred_at_end() has it run by wn_loop_free(), for objects that
 * nobody else owns any more.
 */
typedef struct WnDeferred {
    struct WnDeferred *previous;
    struct WnDeferred *next; /* NULL: not asked for */
    WnLoop *loop;
    WnLoopFn fn;
    void *user;
} WnDeferred;

void wn_deferred_init(WnDeferred *self, WnLoop *loop, WnLoopFn fn, void *user);
void wn_deferred_soon(WnDeferred *self);
void wn_deferred_at_end(WnDeferred *self);
void wn_deferred_unset(WnDeferred *self); /* also when zeroed */

static inline bool
wn_deferred_is_set(const WnDeferred *self)
{
    return self->next != NULL;
}

/* A timer embedded in its owner.  Unset until wn_timer_set().  Moving the
 * deadline later, and unsetting, cost a store: the heap learns of it when the
 * old deadline passes. */
typedef struct WnTimer {
    WnLoop *loop;
    WnLoopFn fn;
    void *user;
    int64_t deadline_ms; /* -1: unset */
    int64_t armed_ms;    /* key in the heap, not after deadline_ms */
    size_t position;     /* in the heap, from 1; 0: not there */
} WnTimer;

void wn_timer_init(WnTimer *self, WnLoop *loop, WnLoopFn fn, void *user);
void wn_timer_clear(WnTimer *self);           /* also when never init'ed but
                                               * zeroed */
void wn_timer_set(WnTimer *self, int64_t ms); /* replaces what was set */
void wn_timer_unset(WnTimer *self);
bool wn_timer_is_set(const WnTimer *self);

/* Readiness of a descriptor, embedded in its owner; level-triggered, stays on
 * until changed.  Ready to read and ready to write may come as two calls. */
typedef enum {
    WN_WATCH_NONE = 0,
    WN_WATCH_READ = 1,
    WN_WATCH_WRITE = 2
} WnWatchFor;

typedef void (*WnWatchFn)(void *user, int fd, unsigned ready /* WnWatchFor */);

typedef struct WnWatch {
    WnLoop *loop;
    struct event *read_event; /* made when first wanted */
    struct event *write_event;
    int fd;
    unsigned wanted;
    WnWatchFn fn;
    void *user;
} WnWatch;

void wn_watch_init(WnWatch *self, WnLoop *loop, int fd, WnWatchFn fn,
    void *user);
void wn_watch_clear(WnWatch *self); /* does not close fd; fine when zeroed */
void wn_watch_set(WnWatch *self, unsigned wanted /* WnWatchFor bits */);

/* fn runs in the loop, never in the handler.  For the life of the loop. */
void wn_loop_on_signal(WnLoop *self, int signo, WnLoopFn fn, void *user);

/* Room to read into before it is known how much there is; its content is lost
 * when the current callback calls back or returns. */
#define WN_LOOP_SCRATCH (64 * 1024)
char *wn_loop_scratch(WnLoop *self);
