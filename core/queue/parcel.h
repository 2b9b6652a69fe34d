/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the queue keeps in memory: a message, and its parcels.  A parcel is what
 * travels together: recipients of one scope of one message in one domain, at
 * most WN_PARCEL_TARGETS_MAX different addresses.
 *
 *    STALLED    no snapshot yet, or its domain is suspended
 *    WAITING    for its time, in the schedule
 *    READY      in its destination's line
 *    SENDING    a courier has it
 *    REPORTING  failed for good, its DSN is not durable yet
 *    HELD       until the operator says otherwise, or, if it stands in the
 *               schedule, until it expires
 */

#include "core/queue/spool.h"

#define WN_PARCEL_TARGETS_MAX 100

typedef struct WnDestination WnDestination;
typedef struct WnParcel WnParcel;
typedef struct WnParcelLine WnParcelLine;

/* A message with something left to do.  Freed with its last parcel. */
typedef struct WnQueued WnQueued;

typedef struct WnQueuedList {
    WnQueued *head, *tail;
    uint64_t n_messages;
    uint64_t n_bytes;
    GHashTable *by_id; /* of WnQueued by its id; NULL: not made yet */
} WnQueuedList;

/* Empty by then. */
void wn_queued_list_clear(WnQueuedList *self);

struct WnQueued {
    WnQueued *previous, *next;
    WnQueued *same_id; /* another one; NULL */
    WnQueuedList *list;
    WnSpoolRecord record;
    const char *damage; /* found with its record; NULL: none */
    bool is_husk; /* its envelope is damaged: one parcel, which is held, for
                   * WN_SPOOL_NOBODY */
    WnId id;
    uint64_t body_len;
    int64_t arrived_ms; /* Unix */
    WnParcel *parcels;  /* by sibling */
    uint32_t n_holds;   /* parcels, reports under way */
    bool is_dsn;        /* made by us */
};

/* Holds the record.  Not in any list while nobody holds it. */
WnQueued *wn_queued_new(WnQueuedList *list, const WnSpoolFound *found);
void wn_queued_hold(WnQueued *self);
void wn_queued_drop(WnQueued *self); /* the last one frees it */

/* NULL: none; others with the same id follow by same_id. */
WnQueued *wn_queued_find(const WnQueuedList *list, const WnId *id);

/* As wn_spool_read(); one whose envelope was damaged when it was found stays
 * so, whatever can be read now. */
bool wn_queued_read(const WnQueued *self, WnSpoolCheck check,
    WnSpoolContent *out, GError **error);

typedef enum {
    WN_PARCEL_STALLED,
    WN_PARCEL_WAITING,
    WN_PARCEL_READY,
    WN_PARCEL_SENDING,
    WN_PARCEL_REPORTING,
    WN_PARCEL_HELD
} WnParcelState;

/* What the attempt under way brought a recipient. */
typedef enum {
    WN_RESULT_NONE,
    WN_RESULT_SETTLED,
    WN_RESULT_DEFERRED,
    WN_RESULT_AGAIN, /* at once: it was the company it was in */
    WN_RESULT_FAILED,
    WN_RESULT_EXPIRED
} WnParcelResult;

typedef struct WnParcelRecipient {
    uint32_t index;  /* in the envelope */
    uint32_t target; /* those with equal targets share one RCPT: the same
                      * address twice, or a redirected scope */
    WnParcelResult result;
    uint32_t ruled_out; /* servers that have said in this attempt that they do
                         * not take his copy: bits, by their numbers */
    char *reply;        /* interned; NULL */
} WnParcelRecipient;

struct WnParcel {
    WnQueued *message;
    WnParcel *sibling;
    WnParcel *previous, *next;  /* in line */
    WnParcelLine *line;         /* NULL: in none */
    WnDestination *destination; /* READY: whose line; WAITING: who may release
                                 * it earlier, NULL: nobody */
    char *domain;               /* interned, lower case: whose route it takes */
    int64_t due_ms;             /* WAITING: monotonic */
    uint32_t heap_position;     /* in the schedule, from 1; 0: not there */
    uint32_t scope;
    uint32_t attempts;
    uint32_t route_turn; /* of the queue's routes, when it was routed */
    uint32_t n_recipients;
    uint32_t unfit; /* servers that have said in this attempt that they do not
                     * take it for some of those who are, or were, in it: bits,
                     * by their numbers */
    uint32_t deferring; /* the same, that have answered 4xx */
    int16_t avoid;      /* server that has just failed it; -1: none */
    uint8_t n_lost;     /* connections lost with it in this attempt */
    WnParcelState state;
    bool redirected;
    bool caught; /* by a filter: its sender gets no report */
    bool delay_noted;
    bool early; /* sent before due_ms: reaching no server is no attempt */
    WnParcelRecipient recipients[]; /* by target */
};

/* With room for n recipients; stands among the message's parcels. */
WnParcel *wn_parcel_new(WnQueued *message, uint32_t n_recipients);

/* Takes it out of its line; it must not be in a schedule.  Drops the
 * message. */
void wn_parcel_free(WnParcel *self);

void wn_parcel_set_reply(WnParcel *self, uint32_t recipient, const char *reply);

/* The server does not take the copy of those with the target, counted from 0.
 * All that do not, by their bits. */
uint32_t wn_parcel_rule_out(WnParcel *self, uint32_t target,
    uint32_t server_bit);

/* Servers have other numbers from now on. */
void wn_parcel_forget_servers(WnParcel *self);

/* Whatever the attempt before has brought is no business of the next one. */
void wn_parcel_new_attempt(WnParcel *self);

/* Drops the recipients whose result is SETTLED. */
void wn_parcel_drop_settled(WnParcel *self);

/* Moves those with this result to a parcel of their own, like self in
 * everything, but in no line; NULL if there are none.  self may be left empty.
 */
WnParcel *wn_parcel_split(WnParcel *self, WnParcelResult result);

struct WnParcelLine {
    WnParcel *head, *tail;
    uint64_t n;
};

void wn_parcel_line_push(WnParcelLine *self, WnParcel *parcel);
void wn_parcel_line_push_front(WnParcelLine *self, WnParcel *parcel);
void wn_parcel_unline(WnParcel *parcel); /* fine if in none */
