/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The layout of a snapshot's settings file.  snapshot_layout.c writes it,
 * snapshot.c reads it, nobody else includes this.
 *
 *    header
 *    buckets    open addressing: hash of a domain's name -> domain
 *    domains    sorted by name
 *    servers    those of a domain stand together
 *    mailboxes  those of a domain stand together, sorted by local part
 *    classes    0 is the empty chain
 *    links      those of a class stand together, in the order they run
 *    options    those of a link stand together, sorted by key
 *    strings    each with a NUL behind it; byte 0 is the empty string
 *
 * Integers are in the machine's byte order, which byte_order shows: a snapshot
 * is built on the machine that uses it.  Any change of the layout raises
 * WN_SNAP_VERSION.
 */

#include "core/base/span.h"

#define WN_SNAP_MAGIC "wnsnap\r\n"
#define WN_SNAP_BYTE_ORDER 0x01020304u
#define WN_SNAP_VERSION 1u
#define WN_SNAP_ALIGNMENT 8u

typedef enum {
    WN_SNAP_BUCKETS,
    WN_SNAP_DOMAINS,
    WN_SNAP_SERVERS,
    WN_SNAP_MAILBOXES,
    WN_SNAP_CLASSES,
    WN_SNAP_LINKS,
    WN_SNAP_OPTIONS,
    WN_SNAP_STRINGS,
    WN_SNAP_N_SECTIONS
} WnSnapSectionId;

typedef struct WnSnapSection {
    uint64_t offset; /* from the start of the file, aligned */
    uint64_t count;  /* of records; of bytes for strings */
} WnSnapSection;

typedef struct WnSnapHeader {
    char magic[8];
    uint32_t byte_order;
    uint32_t version;
    uint32_t crc; /* CRC-32C of the whole file with 0 in this place */
    uint32_t reserved;
    uint64_t length; /* of the file */
    uint64_t generation;
    int64_t built; /* Unix time */
    WnSnapSection sections[WN_SNAP_N_SECTIONS];
} WnSnapHeader;

typedef struct WnSnapText {
    uint32_t offset; /* into strings */
    uint32_t len;    /* without the NUL */
} WnSnapText;

typedef struct WnSnapBucket {
    uint32_t tag;    /* the upper half of the hash */
    uint32_t domain; /* its index + 1; 0: empty */
} WnSnapBucket;

enum {
    WN_SNAP_FILTER_DEFAULT = 1u << 0, /* of a domain */
    WN_SNAP_FIREWALL = 1u << 1
};

typedef struct WnSnapDomain {
    WnSnapText name;
    WnSnapText egress_pool;
    WnSnapText technical_contact;
    uint32_t first_server;
    uint32_t n_servers;
    uint32_t first_mailbox;
    uint32_t n_mailboxes;
    uint32_t class_id;
    uint8_t status;
    uint8_t delivery;
    uint8_t mailboxes;
    uint8_t tls;
    uint32_t flags;
    uint32_t reserved;
    int64_t max_message_size;
    int64_t queue_lifetime_ms;
    int64_t delay_notice_ms;
} WnSnapDomain;

typedef struct WnSnapServer {
    WnSnapText host;
    uint16_t port;
    uint16_t weight;
    uint8_t own_tls; /* WnServerSetting's */
    uint8_t reserved[3];
} WnSnapServer;

typedef struct WnSnapMailbox {
    WnSnapText local_part;
    uint32_t filtering;
    uint32_t reserved;
} WnSnapMailbox;

enum {
    WN_SNAP_MAY_REFUSE = 1u << 0, /* of a class */
    WN_SNAP_HAS_EARLY = 1u << 1,
    WN_SNAP_HAS_AHEAD = 1u << 2,
    WN_SNAP_EARLY = 1u << 0 /* of a link */
};

typedef struct WnSnapClass {
    WnSnapText reject_text;
    uint32_t first_link;
    uint32_t n_links;
    uint32_t flags;
    uint32_t reserved;
} WnSnapClass;

typedef struct WnSnapLink {
    WnSnapText filter;
    WnSnapText action;
    uint32_t first_option;
    uint32_t n_options;
    uint8_t on_match;
    uint8_t on_error;
    uint8_t flags;
    uint8_t reserved[5];
} WnSnapLink;

typedef struct WnSnapOption {
    WnSnapText key;
    WnSnapText value;
} WnSnapOption;

_Static_assert(sizeof(WnSnapHeader) == 48 + 16 * WN_SNAP_N_SECTIONS, "layout");
_Static_assert(sizeof(WnSnapDomain) == 80, "layout");
_Static_assert(sizeof(WnSnapServer) == 16, "layout");
_Static_assert(sizeof(WnSnapMailbox) == 16, "layout");
_Static_assert(sizeof(WnSnapClass) == 24, "layout");
_Static_assert(sizeof(WnSnapLink) == 32, "layout");
_Static_assert(sizeof(WnSnapOption) == 16, "layout");

/* What a section's count counts. */
static inline unsigned
wn_snap_record_size(unsigned section)
{
    static const unsigned sizes[WN_SNAP_N_SECTIONS] = {
        [WN_SNAP_BUCKETS] = sizeof(WnSnapBucket),
        [WN_SNAP_DOMAINS] = sizeof(WnSnapDomain),
        [WN_SNAP_SERVERS] = sizeof(WnSnapServer),
        [WN_SNAP_MAILBOXES] = sizeof(WnSnapMailbox),
        [WN_SNAP_CLASSES] = sizeof(WnSnapClass),
        [WN_SNAP_LINKS] = sizeof(WnSnapLink),
        [WN_SNAP_OPTIONS] = sizeof(WnSnapOption),
        [WN_SNAP_STRINGS] = 1,
    };

    return sizes[section];
}

/* FNV-1a, its bits mixed at the end as in MurmurHash3 (both public domain):
 * FNV alone leaves the upper half of short names too much alike. */
static inline uint64_t
wn_snap_hash(WnSpan name)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < name.len; i++) {
        hash ^= (unsigned char)name.ptr[i];
        hash *= UINT64_C(0x100000001b3);
    }
    hash ^= hash >> 33;
    hash *= UINT64_C(0xff51afd7ed558ccd);
    hash ^= hash >> 33;
    hash *= UINT64_C(0xc4ceb9fe1a85ec53);
    hash ^= hash >> 33;
    return hash;
}
