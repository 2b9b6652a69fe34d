/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The queue of winnow-queue: takes messages from the spool, finds each
 * recipient's route in the current snapshot, and sees that it is delivered, or
 * tried again, or reported to the sender.
 *
 *   recipient   waiting (for its time) -> ready (in its destination's line)
 *               -> sending -> delivered | deferred (waiting) | failed -> DSN
 *               held: by the operator, or its domain is suspended
 *
 * Routing is looked up at every attempt.  A destination that is slow or dead
 * delays no other.
 */

#include "core/base/json.h"
#include "core/conf/config.h"
#include "core/conf/snapshot.h"
#include "core/dns/resolver.h"
#include "core/journal/writer.h"
#include "core/queue/destination.h"

typedef struct WnQueue WnQueue;

/* Borrows config and resolver.  The journal for DSNs is its own, worker
 * "queue". */
WnQueue *wn_queue_new(WnLoop *loop, const WnConfig *config,
    WnResolver *resolver, GError **error);
void wn_queue_free(WnQueue *self); /* deliveries under way are abandoned */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnQueue, wn_queue_free)

/* What operators have no setting for; zero means the default.  Before
 * wn_queue_start(). */
typedef struct WnQueueTuning {
    WnTimeouts timeouts;
    uint16_t mx_port; /* of servers found by MX; 25 */
} WnQueueTuning;
void wn_queue_tune(WnQueue *self, const WnQueueTuning *tuning);

/* What servers tell of their limits is noted there (borrowed). */
void wn_queue_set_limits(WnQueue *self, WnKnownLimits *limits);

/* Takes space on the spool's disk ahead, so that outcomes and reports can be
 * written when others have filled it. */
void wn_queue_reserve_space(WnQueue *self);

/* Starts recovery and delivery. */
void wn_queue_start(WnQueue *self);

/* In place of the one that it has borrowed, which nothing of the queue's uses
 * any more.  Spool and resolver are the same. */
void wn_queue_use_config(WnQueue *self, const WnConfig *config);

/* From now on routes come from this snapshot (referenced). */
void wn_queue_set_snapshot(WnQueue *self, WnSnapshot *snapshot);

void wn_queue_durable(WnQueue *self, const char *segment, uint64_t durable,
    bool sealed);

/* Starts no new delivery and calls done when none is under way, or after
 * wait_ms. */
void wn_queue_drain(WnQueue *self, int64_t wait_ms, WnLoopFn done, void *user);

/* For winnowctl: what matches id or domain (NULL: any) or state (NULL: any;
 * "waiting" "ready" "sending" "held"). */
typedef struct WnQueueFilter {
    const WnId *id;
    const char *domain;
    const char *state;
} WnQueueFilter;

/* As one JSON object per line (DESIGN §10), or as text for people.  What is
 * damaged is listed too. */
typedef enum { WN_QUEUE_JSON, WN_QUEUE_TEXT } WnQueueFormat;
void wn_queue_list(WnQueue *self, const WnQueueFilter *filter,
    WnQueueFormat format, GString *out);

typedef enum {
    WN_QUEUE_RETRY,
    WN_QUEUE_HOLD,
    WN_QUEUE_RELEASE,
    WN_QUEUE_DELETE,
    WN_QUEUE_BOUNCE
} WnQueueCommand;

/* What became of a command for a recipient; all but DONE: nothing. */
typedef enum {
    WN_QUEUE_DONE,
    WN_QUEUE_IS_SENT,     /* at this moment: cannot be called back */
    WN_QUEUE_IS_REPORTED, /* a report about it is being stored */
    WN_QUEUE_IS_HELD,
    WN_QUEUE_IS_NOT_HELD,
    WN_QUEUE_IS_STALLED,   /* its domain is suspended, or not known yet */
    WN_QUEUE_IS_DAMAGED,   /* nobody knows whom to send it or to tell */
    WN_QUEUE_IS_FORWARDED, /* bounce: nobody would be told, it is to be released
                            * or deleted */
    WN_QUEUE_APPLIED_MAX
} WnQueueApplied;

/* How many recipients. */
typedef struct WnQueueTally {
    unsigned n[WN_QUEUE_APPLIED_MAX];
} WnQueueTally;

/* The number of recipients it applied to; adds to the tally. */
unsigned wn_queue_command(WnQueue *self, WnQueueCommand command,
    const WnQueueFilter *filter, WnQueueTally *tally /* nullable */);

/* The same of all that match, some in each turn of the loop: other work goes on
 * meanwhile.  The filter has no id. */
typedef struct WnQueueJobHandler {
    /* What is listed so far, which it empties; false: it must not become more
     * for now.  NULL for a command. */
    bool (*piece)(void *user, GString *text);
    void (*done)(void *user, const WnQueueTally *tally);
} WnQueueJobHandler;

void wn_queue_list_all(WnQueue *self, const WnQueueFilter *filter,
    WnQueueFormat format, const WnQueueJobHandler *handler, void *user);
void wn_queue_command_all(WnQueue *self, WnQueueCommand command,
    const WnQueueFilter *filter, const WnQueueJobHandler *handler, void *user);

/* The message as it would be delivered to the first scope, for
 * "queue show --message"; false with error: no such id, or damaged. */
bool wn_queue_show_message(WnQueue *self, const WnId *id, GString *out,
    GError **error);

#define WN_QUEUE_LENIENT_MAX_MS (INT64_C(7) * 24 * 3600 * 1000)

/* Is it a customer's domain, by the current snapshot? */
bool wn_queue_has_domain(const WnQueue *self, const char *domain);

/* For so long, a permanent refusal by the domain's servers is a temporary one;
 * 0 ends that.  False with error: it could not be kept. */
bool wn_queue_set_lenient(WnQueue *self, const char *domain, int64_t for_ms,
    GError **error);
void wn_queue_list_lenient(const WnQueue *self, WnQueueFormat format,
    GString *out);

uint64_t wn_queue_n_messages(const WnQueue *self);
