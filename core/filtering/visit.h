/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Private to the receiver: what it keeps of one session, and the borders
 * between its files.
 *
 *    receiver.c       sessions, limits, connect, mail
 *    recipients.c     RCPT: domain, mailbox, scope rule, early filters
 *    acceptance.c     the message: filters, journal
 *    decide.c         what follows from the filters' decisions; replies
 *    copies.c         what is stored of it for each scope
 *    receiver_log.c   the events
 */

#include "core/base/arena.h"
#include "core/base/metrics.h"
#include "core/filtering/receiver.h"

struct WnAcceptance;

typedef struct WnVisitScope {
    uint32_t class_id;
    uint32_t n_recipients; /* accepted ones */
    bool has_chain;
    bool may_refuse;
    bool tempfail_on_error;       /* a link of the class asks for it */
    bool early_tempfail_on_error; /* one that decides at RCPT does */
    int64_t max_message_size;
    uint64_t server_size; /* what the domain's servers are known to take at
                           * most, if that is less; 0: it is not */
    WnSpan domain;        /* of its first recipient; the snapshot's */
} WnVisitScope;

/* One connection. */
typedef struct WnVisit {
    WnReceiver *receiver;
    WnSession *session;
    bool counted;                /* among the connections, and its client's */
    WnFilterTicket *name_ticket; /* the client's name is being looked up */
    WnPtrStatus rdns_status;
    char *rdns;
    WnFilterTicket *ticket; /* what the session waits for: filters */
    char *said;             /* the last refusal's text */
    int64_t began_ms;       /* monotonic, at the connection */

    /* The transaction; cleared by visit_reset(). */
    WnSnapshot *snapshot;            /* pinned at MAIL; NULL: none yet */
    GArray *scopes;                  /* WnVisitScope */
    size_t recipient_bytes;          /* of the accepted ones, in a request */
    WnSessionRecipient *asking;      /* whose early filters run */
    bool asked;                      /* the filters know of it */
    struct WnAcceptance *acceptance; /* the message under way */
} WnVisit;

typedef struct WnReceiverMetrics {
    WnMetric *connections;
    WnMetric *accepted, *rejected, *tempfailed, *deleted, *rejected_rcpt;
    WnMetric *split;
} WnReceiverMetrics;

struct WnReceiver {
    WnLoop *loop;
    const WnConfig *config;
    WnFilterClient *filters;
    WnJournal *journal;
    WnSnapshot *snapshot;
    WnSessionContext context;
    SSL_CTX *tls;
    GHashTable *sessions; /* WnSession* -> WnVisit* */
    WnSharedCounts *counts;
    bool own_counts;
    const WnKnownLimits *limits;
    unsigned max_sessions;
    bool waits_for_connect; /* a filter decides before the banner */
    bool draining;
    WnReceiverMetrics metrics;

    /* Acceptances whose session is gone, waiting for the journal (set); whose
     * answer was given, waiting to be logged; and ones to be used again. */
    GHashTable *detached;
    GPtrArray *answered;
    WnDeferred log_answered;
    bool answers_written;
    GPtrArray *spare;

    /* Used within one call. */
    WnEnvelope envelope;
    WnWriter writer;
    GString *trace;
};

static inline WnVisitScope *
wn_visit_scope(const WnVisit *visit, uint32_t index)
{
    return &g_array_index(visit->scopes, WnVisitScope, index);
}

/* The index of an accepted recipient's scope. */
static inline uint32_t
wn_visit_scope_of(const WnSessionRecipient *recipient)
{
    return GPOINTER_TO_UINT(recipient->handler_data);
}

/* Facts of the session for a request; arrays are left to the caller. */
void wn_visit_fill_request(WnVisit *visit, WnRequestKind kind,
    WnRequest *out_request);

/* The text with the transaction's id behind it, outside of one as it is, so
 * that the reply's writer cuts nothing off; from the arena. */
const char *wn_visit_text(const WnVisit *visit, WnSpan text, WnArena *arena);

/* The reply of a decision that refuses.  A code that would say anything else
 * than the decision does is replaced. */
WnReply wn_visit_refusal(const WnVisit *visit, const WnScopeDecision *decision,
    WnArena *arena);

WnAnswerWhen wn_visit_rcpt(WnVisit *visit, WnSessionRecipient *recipient,
    WnReply *out_reply);
WnAnswerWhen wn_visit_message(WnVisit *visit, const WnSessionMessage *message,
    WnReply *out_reply);

/* Forgets the message under way, whatever it waits for.  What the journal has
 * been given already is logged when it is durable. */
void wn_visit_abandon_message(WnVisit *visit);

/* Of the receiver's acceptances. */
void wn_receiver_log_answered(void *receiver);
void wn_receiver_free_acceptances(WnReceiver *self);

/*
 * Events.
 */

/* refusal NULL: welcome. */
void wn_log_connect(const WnVisit *visit, const WnReply *refusal);
void wn_log_rejected_rcpt(const WnVisit *visit,
    const WnSessionRecipient *recipient, const WnScopeDecision *decision,
    const WnReply *reply);
/* scope NULL: of the connection. */
void wn_log_verdict(const WnVisit *visit, const WnVisitScope *scope,
    const WnScopeDecision *decision);

/* Of more recipients only the number is told. */
#define WN_REPORT_RECIPIENTS_MAX 32

/* Outlives the transaction: everything in it is a copy. */
typedef struct WnMessageReport {
    const char *event; /* accepted rejected tempfailed deleted */
    WnId id;
    uint64_t generation;
    WnNetaddr client;
    WnSpan helo, sender;
    WnSpan recipient; /* the first */
    uint32_t n_recipients;
    WnSpan *recipients; /* the first ones; NULL: there is one only */
    uint64_t size;
    int64_t session_ms; /* when the connection began, monotonic */
    const char *tls;    /* NULL: none */
    const char *cipher;
    WnReply reply; /* code 0: not told */
    int64_t began_ms;
    const char *reason; /* NULL */
    const char *filter; /* that decided; NULL */
} WnMessageReport;

/* What is known of the transaction before anything is decided. */
void wn_visit_fill_report(const WnVisit *visit, uint64_t size, WnArena *arena,
    WnMessageReport *out);
void wn_log_message(const WnMessageReport *report);
