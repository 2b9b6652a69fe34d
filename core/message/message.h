/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One parsed, lazily decoded view of a message, shared by all filters and all
 * scopes.  Made in winnow-filter only.  Every view is made at its first use and
 * lives as long as the message.  All input is hostile: depth, parts, headers
 * and decoded sizes are bounded, and problems says what was cut.  The names of
 * views are those of the SDK's WnMessageApi; results are plain core types,
 * core/plugin turns them into the SDK's.  Spans have a NUL behind their end,
 * except those called raw, and the data of a part without an encoding.
 *
 * GMime decodes base64 and uuencode.  Structure, parameters and encoded words
 * are read here: GMime's parser bounds neither parts nor time (1.7 s for
 * 100,000 nested parts), and its decoder of encoded words is quadratic (0.8 s
 * for a header of 84 KB).
 */

#include "core/base/arena.h"
#include "core/message/header_block.h"
#include "core/message/phone_scan.h"

#define WN_MESSAGE_DEPTH_MAX 50
#define WN_MESSAGE_PARTS_MAX 1000
#define WN_MESSAGE_URLS_MAX 2000
#define WN_MESSAGE_COUNTRIES_MAX 16
#define WN_MESSAGE_TEXT_MAX (4 * 1024 * 1024) /* of one part; of a form */

typedef enum { WN_FORM_SHOWN, WN_FORM_FOLDED, WN_FORM_HIDDEN } WnTextForms;

enum { /* = WN_MSG_* of the SDK */
    WN_MESSAGE_TOO_DEEP = 1u << 0,
    WN_MESSAGE_TOO_MANY = 1u << 1,
    WN_MESSAGE_TRUNCATED = 1u << 2,
    WN_MESSAGE_BARE_EOL = 1u << 3,
    WN_MESSAGE_8BIT_HEADER = 1u << 4,
    WN_MESSAGE_TWICE_FROM = 1u << 5,
    WN_MESSAGE_TWICE_HEADER = 1u << 6,
    WN_MESSAGE_ODD_FROM = 1u << 7,
    WN_MESSAGE_BAD_HEADER = 1u << 8,
    WN_MESSAGE_NO_SEPARATOR = 1u << 9,
    WN_MESSAGE_TWICE_MIME = 1u << 10,
    WN_MESSAGE_TWO_BOUNDARIES = 1u << 11,
    WN_MESSAGE_NO_BOUNDARY = 1u << 12,
    WN_MESSAGE_OPEN_BOUNDARY = 1u << 13,
    WN_MESSAGE_NAME_CONFLICT = 1u << 14,
    WN_MESSAGE_PARAM_TWICE = 1u << 15,
    WN_MESSAGE_BAD_ENCODING = 1u << 16,
    WN_MESSAGE_ENCODED_MULTI = 1u << 17,
    WN_MESSAGE_NUL = 1u << 18,
    WN_MESSAGE_NO_VERSION = 1u << 19,
    WN_MESSAGE_BAD_CONTENT = 1u << 20,
    WN_MESSAGE_BAD_CHARSET = 1u << 21
};

typedef struct WnMessageHeader {
    WnSpan name, raw, value;
} WnMessageHeader;

enum {                                    /* = WN_PART_* of the SDK */
    WN_MESSAGE_PART_ATTACHMENT = 1u << 0, /* by disposition or a file name */
    WN_MESSAGE_PART_MULTIPART = 1u << 1,
    WN_MESSAGE_PART_MESSAGE = 1u << 2,
    WN_MESSAGE_PART_BROKEN = 1u << 3
};

typedef struct WnMessagePart {
    uint32_t flags;
    int32_t parent;
    uint32_t depth;
    WnSpan type, charset, file_name, raw; /* raw: without the part's header */
} WnMessagePart;

enum {                                  /* = WN_URL_* of the SDK */
    WN_MESSAGE_URL_FROM_LINK = 1u << 0, /* an HTML attribute */
    WN_MESSAGE_URL_FROM_TEXT = 1u << 1,
    WN_MESSAGE_URL_FROM_HEADER = 1u << 2,
    WN_MESSAGE_URL_NO_SCHEME = 1u << 3,
    WN_MESSAGE_URL_IP_HOST = 1u << 4,
    WN_MESSAGE_URL_DISGUISED = 1u << 5,
    WN_MESSAGE_URL_ADDRESS = 1u << 6, /* mailto, or an e-mail address in text */
    WN_MESSAGE_URL_HIDDEN = 1u << 7   /* only in text that HTML hides */
};

typedef struct WnMessageUrl {
    uint32_t flags;
    int32_t part;      /* of its first place; -1 for a header */
    uint16_t port;     /* 0: the scheme's own */
    WnSpan text;       /* as found */
    WnSpan host;       /* lower case, A-labels, or an IP address */
    WnSpan registered; /* empty for an IP address or a public suffix */
    WnSpan path;       /* percent-decoded once; from the slash on, "/" if there
                        * is none, empty for mailto */
    WnSpan query;      /* behind the "?", as written */
} WnMessageUrl;

typedef struct WnMessage WnMessage;

/* bytes: unstuffed, CRLF lines, without the final dot; borrowed until free. */
WnMessage *wn_message_new(WnSpan bytes);
void wn_message_free(WnMessage *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnMessage, wn_message_free)

WnSpan wn_message_raw(const WnMessage *self);

/* Reads the structure.  That a text was cut is known once it was asked for. */
uint32_t wn_message_problems(WnMessage *self);

const WnHeaderBlock *wn_message_header_block(WnMessage *self);

/* A field over WN_HEADER_TEXT_MAX has a value of its first bytes only, and
 * WN_MESSAGE_TRUNCATED is set.  NULL if there is no such header. */
uint32_t wn_message_n_headers(WnMessage *self);
const WnMessageHeader *wn_message_header(WnMessage *self, uint32_t n);
const WnMessageHeader *wn_message_header_named(WnMessage *self,
    const char *name, uint32_t n);

/* Depth first; part 0 is the top and always there.  A container too deep to be
 * read stands without its parts. */
uint32_t wn_message_n_parts(WnMessage *self);
const WnMessagePart *wn_message_part(WnMessage *self, uint32_t n);

/* Decoded bytes; empty for a multipart container. */
WnSpan wn_message_part_data(WnMessage *self, uint32_t n);

/* UTF-8 with LF line ends; empty unless the part is text. */
WnSpan wn_message_part_text(WnMessage *self, uint32_t n);

/* SHOWN has all text parts that a reader shows without being asked: those not
 * inside of anything with the disposition "attachment", and the top in any
 * case.  A file name alone does not hide a text part. */
WnSpan wn_message_text(WnMessage *self, WnTextForms form);

/* The URLs of headers, texts and HTML attributes and those inside of their
 * parameters, each once, in the order of the message; at most
 * WN_MESSAGE_URLS_MAX (then WN_MESSAGE_TOO_MANY is set).  NULL if there is no
 * such URL. */
uint32_t wn_message_n_urls(WnMessage *self);
const WnMessageUrl *wn_message_url(WnMessage *self, uint32_t n);
/* The telephone numbers in the subject and the text parts that SHOWN has, those
 * of default_country ("US"; NULL or empty: none) with its code.  Found anew for
 * each of the first WN_MESSAGE_COUNTRIES_MAX countries asked for; further ones
 * get what is found without.  WN_MESSAGE_TOO_MANY is set over WN_PHONE_MAX. */
uint32_t wn_message_n_phones(WnMessage *self, const char *default_country);
const WnMessagePhone *wn_message_phone(WnMessage *self,
    const char *default_country, uint32_t n);
