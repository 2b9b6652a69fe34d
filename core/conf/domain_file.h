/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Settings of customers' domains, as any source gives them, and the reader of
 * the files source: files of domains.d (DESIGN §4).  A file holds one or more
 * [domain NAME] groups; its [filter NAME] groups hold for all domains of that
 * file.  The mailboxes of a domain stand in NAME.mailboxes beside it.
 */

#include "core/conf/config.h"

typedef enum {
    WN_DOMAIN_READY,
    WN_DOMAIN_INITIALIZING,
    WN_DOMAIN_SUSPENDED
} WnDomainStatus;
typedef enum { WN_DELIVERY_EVEN, WN_DELIVERY_ORDERED } WnDelivery;
typedef enum { WN_MAILBOXES_ANY, WN_MAILBOXES_LISTED } WnMailboxes;
typedef enum {
    WN_TLS_POLICY_NONE,
    WN_TLS_POLICY_MAY,
    WN_TLS_POLICY_REQUIRE,
    WN_TLS_POLICY_VERIFY,
    WN_TLS_POLICY_DANE
} WnTlsPolicy;
typedef enum {
    WN_FILTERING_DEFAULT,
    WN_FILTERING_ON,
    WN_FILTERING_OFF
} WnFiltering;

typedef struct WnServerSetting {
    char *host; /* name or address */
    uint16_t port;
    uint16_t weight;
    uint8_t own_tls; /* WN_OWN_TLS() of a policy; 0: the domain's holds */
    bool has_words;  /* a file or a command gave weight or policy with it */
} WnServerSetting;

#define WN_OWN_TLS(policy) ((uint8_t)((policy) + 1))

/* What holds for the server, in a domain with that policy. */
WnTlsPolicy wn_server_tls(uint8_t own_tls, WnTlsPolicy domain);

/* DANE is asked for of an address, which has no TLSA records: TLS if offered.
 */
bool wn_server_dane_is_may(const char *host, uint8_t own_tls,
    WnTlsPolicy domain);

/* What a domain says of one filter; unset members mean conf.d's. */
typedef struct WnFilterSetting {
    char *name;
    char *file; /* shown path, or NULL; and line */
    unsigned line;
    int enabled;            /* -1 unset */
    int position;           /* -1 unset */
    char *action;           /* NULL unset, "none" for no action */
    int on_match, on_error; /* -1 unset */
    GPtrArray *settings;    /* WnSetting */
} WnFilterSetting;

typedef struct WnMailboxSetting {
    char *local_part; /* lower case */
    WnFiltering filtering;
} WnMailboxSetting;

typedef struct WnDomainSetting {
    char *name; /* lower-case A-labels */
    char *file; /* shown path, or NULL; and line */
    unsigned line;
    bool faulty; /* there were problems with it: it gets into no snapshot, and
                  * keeps the settings that it has in the previous one */
    bool enabled;
    WnDomainStatus status;
    WnDelivery delivery;
    WnMailboxes mailboxes;
    bool filter_default; /* filtering of mailboxes that do not say */
    bool firewall;
    char *egress_pool; /* NULL */
    WnTlsPolicy tls;
    int64_t max_message_size;                   /* 0: the server's */
    char *reject_text;                          /* NULL */
    int64_t queue_lifetime_ms, delay_notice_ms; /* 0: the server's */
    char *technical_contact;
    GPtrArray *servers; /* WnServerSetting */
    char **filters;     /* selection in order, or NULL */
    GPtrArray
        *filter_settings; /* WnFilterSetting; may be shared: ref-counted */
    GArray *mailbox_list; /* WnMailboxSetting */
} WnDomainSetting;

WnDomainSetting *wn_domain_setting_new(const char *name);
void wn_domain_setting_free(WnDomainSetting *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnDomainSetting, wn_domain_setting_free)

/* Adds to the lists; texts are copied and not checked (names.h does). */
WnServerSetting *wn_domain_setting_add_server(WnDomainSetting *self,
    const char *host, uint16_t port, uint16_t weight);
void wn_domain_setting_add_mailbox(WnDomainSetting *self,
    const char *local_part, WnFiltering filtering);

/* With all members unset. */
WnFilterSetting *wn_filter_setting_new(const char *name);
void wn_filter_setting_free(void *self); /* a GDestroyNotify */

/* Calls fn for each domain of the folder, faulty ones included; it takes the
 * setting.  A domain given twice is a problem; its first setting stays. */
typedef void (*WnDomainFn)(void *user, WnDomainSetting *take_domain);
void wn_domain_files_read(const char *folder, WnProblems *problems,
    WnDomainFn fn, void *user);

/* The same as it would be after an edit: the file of that name in the folder,
 * a domain file or a list of mailboxes, holds text (NULL: is gone). */
typedef struct WnDomainFileEdit {
    const char *name;
    const char *text;
} WnDomainFileEdit;
void wn_domain_files_read_edited(const char *folder,
    const WnDomainFileEdit *edit, WnProblems *problems, WnDomainFn fn,
    void *user);

const char *wn_domain_status_name(WnDomainStatus status);
const char *wn_tls_policy_name(WnTlsPolicy policy);
