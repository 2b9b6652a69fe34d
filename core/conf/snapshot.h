/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The settings of all domains as one immutable, mapped file:
 * state/snapshots/GENERATION/settings.  Looked up by hash, never parsed.  Used
 * by winnow-smtp (RCPT), winnow-filter (chains), winnow-queue (routes) and
 * winnowctl.  Written by snapshot_writer.h only; the layout stands in
 * snapshot_format.h.
 *
 * Opening verifies length, version and CRC and every offset once, so look-ups
 * need not; a file that fails is refused and the previous one stays in use.
 *
 * All spans and pointers live as long as the reference on the snapshot.
 */

#include "core/base/span.h"
#include "core/conf/blob_shelf.h"
#include "core/conf/domain_file.h"

typedef struct WnSnapshot WnSnapshot;

/* settings_path is the file itself. */
WnSnapshot *wn_snapshot_open(const char *settings_path, GError **error);
/* The same of a descriptor, which stays the caller's; shown is for errors. */
WnSnapshot *wn_snapshot_open_fd(int fd, const char *shown, GError **error);
WnSnapshot *wn_snapshot_ref(WnSnapshot *self);
void wn_snapshot_unref(WnSnapshot *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnSnapshot, wn_snapshot_unref)

/* Opens state/snapshots/current; no such link gives NULL without error. */
WnSnapshot *wn_snapshot_open_current(const char *state, GError **error);
/* Opens state/snapshots/GENERATION. */
WnSnapshot *wn_snapshot_open_generation(const char *state, uint64_t generation,
    GError **error);

/* The compiled data sets of this generation; closed with the snapshot. */
WnBlobShelf *wn_snapshot_blobs(WnSnapshot *self);

/* The generation that state/snapshots/current leads to; 0: none. */
uint64_t wn_snapshot_current_generation(const char *state);

/*
 * A generation that was chosen by "winnowctl snapshot rollback" is pinned: the
 * link state/snapshots/pinned leads to it, as current does, and nothing is
 * published until "winnowctl sync" takes the link away.  A pin to another
 * generation than the current one means nothing.  0: none is pinned.
 */
#define WN_SNAPSHOT_PIN "pinned"
uint64_t wn_snapshot_pinned_generation(const char *state);

uint64_t wn_snapshot_generation(const WnSnapshot *self);
int64_t wn_snapshot_built(const WnSnapshot *self); /* Unix time */
uint32_t wn_snapshot_n_domains(const WnSnapshot *self);

typedef struct WnDomain {
    WnSpan name;
    WnDomainStatus status;
    WnDelivery delivery;
    WnMailboxes mailboxes;
    bool filter_default;
    bool firewall;
    WnTlsPolicy tls;
    int64_t max_message_size;
    int64_t queue_lifetime_ms, delay_notice_ms;
    WnSpan egress_pool;
    WnSpan technical_contact;
    uint32_t n_servers;
    uint32_t n_mailboxes; /* entries of the list, also where any exists */
    uint32_t class_id;    /* the chain for mailboxes that are filtered */
    uint32_t index;       /* of the domain in this snapshot */
} WnDomain;

typedef struct WnServer {
    WnSpan host;
    uint16_t port;
    uint16_t weight;
    uint8_t own_tls; /* see wn_server_tls() */
} WnServer;

/* name in lower case; false: not a customer's domain (or not enabled). */
bool wn_snapshot_domain(const WnSnapshot *self, WnSpan name,
    WnDomain *out_domain);
/* index up to n_domains; domains are sorted by name. */
bool wn_snapshot_domain_at(const WnSnapshot *self, uint32_t index,
    WnDomain *out_domain);
WnServer wn_snapshot_server(const WnSnapshot *self, const WnDomain *domain,
    uint32_t n);

/* Is the local part (lower case) a listed mailbox?  With mailboxes = any every
 * one exists.  *out_filtered: whether its mail is filtered. */
bool wn_snapshot_mailbox(const WnSnapshot *self, const WnDomain *domain,
    WnSpan local_part, bool *out_filtered);

/* The list's entries, sorted by local part. */
WnSpan wn_snapshot_mailbox_at(const WnSnapshot *self, const WnDomain *domain,
    uint32_t n, WnFiltering *out_filtering);

/*
 * A class is one distinct chain with all its settings.  Domains with equal
 * settings share one, so a class is what a scope is made of.  Class 0 is the
 * empty chain.
 */
typedef struct WnClass {
    uint32_t id;
    uint32_t n_links;
    bool may_refuse;    /* an answer after DATA could be a refusal */
    bool has_early;     /* a client-level filter may refuse at RCPT */
    bool has_ahead;     /* a filter can begin before there is a recipient */
    WnSpan reject_text; /* the domain's, empty: none.  It stands in the
                         * action.text of the links it applies to, too */
} WnClass;

/* One filter in a chain, in order. */
typedef struct WnLink {
    WnSpan filter; /* instance name */
    WnSpan action; /* plugin name; empty: report only */
    bool early;    /* client-level with an action that may refuse */
    WnOnMatch on_match;
    WnOnError on_error;
    uint32_t n_options; /* the domain's own values of plugin options and all
                         * action.* values, sorted by key */
    uint32_t first_option;
} WnLink;

uint32_t wn_snapshot_n_classes(const WnSnapshot *self);
bool wn_snapshot_class(const WnSnapshot *self, uint32_t class_id,
    WnClass *out_class);
WnLink wn_snapshot_link(const WnSnapshot *self, const WnClass *class_,
    uint32_t n);
void wn_snapshot_option(const WnSnapshot *self, const WnLink *link, uint32_t n,
    WnSpan *out_key, WnSpan *out_value);
