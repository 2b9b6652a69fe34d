/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the parts of the queue know together: queue.c (life, routes), outcomes.c
 * (what becomes of an attempt), reports.c (DSNs on their way to the journal)
 * and commands.c (the operator's).
 */

#include "core/base/log.h"
#include "core/base/metrics.h"
#include "core/journal/lenient.h"
#include "core/queue/account.h"
#include "core/queue/bounce.h"
#include "core/queue/destination.h"
#include "core/queue/queue.h"
#include "core/queue/schedule.h"

struct WnQueue {
    WnLoop *loop;
    const WnConfig *config;
    WnResolver *resolver;
    uint16_t mx_port;
    WnSnapshot *snapshot; /* NULL: none yet */
    WnReserve *reserve;
    WnSpool *spool;
    WnJournal *journal;
    WnDestinations *destinations;
    WnLenient *lenient;
    WnSchedule *schedule;
    WnQueuedList messages;
    WnParcelLine stalled;      /* no snapshot yet, or the domain is suspended */
    WnParcelLine held;         /* and those being reported */
    uint64_t n_recheck;        /* of stalled: to be routed again */
    WnDestination **by_domain; /* by the domain's index in the snapshot */
    uint32_t turn;             /* of snapshots */
    WnDeferred recheck;
    WnTimer sweep;
    GQueue reports;        /* WnReport, all of them */
    GQueue jobs;           /* Job of job.c */
    GHashTable *gathering; /* WnQueued -> WnReport that takes in more of it */
    WnAccounts *accounts;  /* of reports that earlier runs left; NULL: no
                            * message that they are about can come any more,
                            * the spool has caught up */

    bool draining;
    WnTimer drain_limit;
    WnTimer drain_look;
    WnLoopFn on_drained;
    void *drain_user;

    WnMetric *n_messages, *n_bytes;
    WnMetric *delivered, *deferred, *bounced, *expired;
    WnMetric *seconds;
};

/* queue.c */

/* Finds the parcel's destination now, and puts it in line there or wherever it
 * belongs. */
void wn_queue_route(WnQueue *self, WnParcel *parcel, WnLinePlace place);

/* Where it would go now; NULL: nowhere, its domain is suspended or has no
 * settings.  Good until the next sweep. */
WnDestination *wn_queue_destination(WnQueue *self, const WnParcel *parcel);

/* The parcel's domain in the current snapshot. */
bool wn_queue_domain(const WnQueue *self, const WnParcel *parcel,
    WnDomain *out_domain);

/* What is remembered of servers' limits must not refuse mail of lenient
 * domains. */
void wn_queue_apply_lenient(WnQueue *self);

/* Takes it out of schedule and lines, whatever its state. */
void wn_queue_take_out(WnQueue *self, WnParcel *parcel);
void wn_queue_hold(WnQueue *self, WnParcel *parcel);

/* The message may be gone after that. */
void wn_queue_free_parcel(WnQueue *self, WnParcel *parcel);

/* listing.c */

bool wn_queue_matches(const WnQueue *self, const WnQueueFilter *filter,
    const WnParcel *parcel);
bool wn_queue_any_matches(const WnQueue *self, const WnQueueFilter *filter,
    const WnQueued *message);

/* Appends the message if it matches. */
void wn_queue_list_message(const WnQueue *self, const WnQueueFilter *filter,
    WnQueueFormat format, const WnQueued *message, GString *out);

/* commands.c */

/* The caller holds the message. */
void wn_queue_command_message(WnQueue *self, WnQueueCommand command,
    const WnQueueFilter *filter, WnQueued *message, WnQueueTally *tally);

/* job.c */

void wn_queue_drop_jobs(WnQueue *self);

/* outcomes.c */

extern const WnDestinationHandler wn_queue_destination_handler;

/* An attempt that could not even begin. */
void wn_queue_refuse(WnQueue *self, WnParcel *parcel, const WnAttempt *attempt);

/* Notes an outcome of one recipient of the parcel. */
void wn_queue_settle(const WnParcel *parcel, uint32_t recipient,
    WnOutcomeKind kind);

/* Unix time until which the message is tried. */
int64_t wn_queue_expires(const WnQueue *self, const WnParcel *parcel);

/* Waits until then (monotonic), at least. */
void wn_queue_wait(WnQueue *self, WnParcel *parcel, int64_t due_ms);

/* Holds a recipient's parcel and notes that. */
void wn_queue_hold_noted(WnQueue *self, WnParcel *parcel);

/* An event with what every event of a recipient has. */
void wn_queue_event(WnEvent *event, WnLevel level, const char *name,
    const WnParcel *parcel, const WnEnvelope *envelope, uint32_t recipient);

/* What became of a recipient is known from the report about him alone: the
 * queue had died before it noted that. */
void wn_queue_log_accounted(const WnSpoolFound *found, uint32_t recipient,
    WnOutcomeKind kind, const WnId *report);

/* reports.c */

typedef struct WnReport WnReport;

/* All recipients of the parcel have failed, kind is BOUNCED or EXPIRED: tells
 * the sender if he wants to know, then settles them.  A message whose other
 * recipients are being tried at the moment has one report for all. */
void wn_queue_report_failure(WnQueue *self, WnParcel *parcel,
    WnOutcomeKind kind);

/* Tells the sender that the parcel is late. */
void wn_queue_report_delay(WnQueue *self, WnParcel *parcel);

/* The server did not confirm the delivery, made at that time, and the sender
 * wants to know, which the caller has made sure of.  It has noted RELAYED; this
 * notes DELIVERED when the report is durable. */
void wn_queue_report_relayed(WnQueue *self, WnQueued *message, uint32_t index,
    int64_t at);

void wn_queue_drop_reports(WnQueue *self);

/* explain.c */

/* What a parcel waits for, and what would release it, in words. */
typedef struct WnWait {
    char *what, *release;
} WnWait;

WnWait wn_queue_explain(const WnQueue *self, const WnParcel *parcel);
void wn_wait_clear(WnWait *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(WnWait, wn_wait_clear)

/* Until when refusals are not final for it; NULL (transfer full). */
char *wn_queue_lenient_note(const WnQueue *self, const WnParcel *parcel);
