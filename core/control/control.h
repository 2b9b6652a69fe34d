/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What winnowctl asks and gets: a stream socket in the run folder, mode 0600,
 * peers checked by callers.h (root or the owner, and no plugin).  A request is
 * its words, each ended by a NUL, then one empty word; at most 64 KiB.  The
 * answer is one byte, the exit status as a digit, then text until the end.
 *
 *    run/control        winnowd: status, reload, stop, sync
 *    run/queue-control  winnow-queue: queue commands
 *    run/queue          winnow-queue: workers tell what is durable (a channel,
 *                       see WN_QUEUE_DURABLE)
 */

#include "core/event/loop.h"

#include <sys/types.h>

#define WN_CONTROL_SOCKET "control"
#define WN_QUEUE_CONTROL_SOCKET "queue-control"
#define WN_QUEUE_SOCKET "queue"

typedef enum {
    WN_EXIT_OK = 0,
    WN_EXIT_NO = 1, /* the answer is no, or something is wrong */
    WN_EXIT_USAGE = 2,
    WN_EXIT_NOT_RUNNING = 3
} WnExit;

typedef struct WnControlServer WnControlServer;
typedef struct WnControlCall WnControlCall;

/* words is NULL-terminated.  Answer now or later with wn_control_answer(). */
typedef void (
    *WnControlFn)(void *user, WnControlCall *call, const char *const *words);

WnControlServer *wn_control_server_new(WnLoop *loop, const char *path,
    WnControlFn fn, void *user, GError **error);
/* Programs that this process has started, and theirs, are turned away. */
void wn_control_server_refuse_below(WnControlServer *self, pid_t supervisor);
void wn_control_server_free(WnControlServer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnControlServer, wn_control_server_free)

/* Sends and frees the call.  Exactly once for each call, also if the asker has
 * gone away meanwhile. */
void wn_control_answer(WnControlCall *call, WnExit exit, GString *take_text);

/* A piece of an answer that begins with exit and ends with
 * wn_control_answer(), whose exit is then of no account; empties text.  False:
 * the asker has much to read already, and more should wait. */
bool wn_control_write(WnControlCall *call, WnExit exit, GString *text);

/* The same to several callers; calls (of WnControlCall) is empty then. */
void wn_control_answer_all(GPtrArray *calls, WnExit exit, const char *text);

/* Blocking, for winnowctl: the exit status, the text in out.
 * WN_EXIT_NOT_RUNNING if nobody listens there. */
WnExit wn_control_ask(const char *path, const char *const *words, GString *out);

/* Channel message on run/queue, worker to queue: segment name (bytes), durable
 * (u64), sealed (u8). */
enum { WN_QUEUE_DURABLE = 0x20 };
