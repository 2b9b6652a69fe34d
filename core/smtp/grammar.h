/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * RFC 5321 §4.1.2 paths and parameters, and the names that HELO takes.  Pure
 * functions over spans: no allocation, no I/O, bounded.
 */

#include "core/base/span.h"

#define WN_LOCAL_PART_MAX 64
#define WN_DOMAIN_MAX 255
#define WN_PATH_MAX 256

typedef enum {
    WN_PATH_OK,
    WN_PATH_SYNTAX,   /* 501 5.1.7 or 5.1.3 */
    WN_PATH_TOO_LONG, /* a length limit: same codes */
    WN_PATH_UTF8 /* good UTF-8, but not ASCII: without SMTPUTF8 553 5.6.7 */
} WnPathStatus;

typedef struct WnPath {
    WnSpan text;   /* the mailbox as given, without brackets and route, and
                    * without a dot at the end of the domain */
    WnSpan local;  /* as given: quotes are kept */
    WnSpan domain; /* as given, without a dot at its end; "[...]" for a
                    * literal; empty: none given */
    bool null;     /* <> */
    bool routed;   /* had a source route, which is dropped */
    bool bare;     /* a local part alone, such as <postmaster> */
    bool utf8;     /* not ASCII */
} WnPath;

/* Parses "<...>" at the beginning of text; *out_rest is what follows.  Outputs
 * are written on WN_PATH_OK and WN_PATH_UTF8 only. */
WnPathStatus wn_path_parse(WnSpan text, WnPath *out_path, WnSpan *out_rest);

/* A mailbox without brackets that fills the span: local@domain. */
WnPathStatus wn_mailbox_parse(WnSpan text, WnPath *out_path);

/* The local part without quotes and backslashes into out, NUL-terminated; its
 * length.  size is at least WN_LOCAL_PART_MAX + 1; local is of a parsed path.
 */
size_t wn_local_part_unquote(WnSpan local, char *out, size_t size);

/* A domain name (letters, digits, hyphens, underscores; labels of 1 to 63, no
 * hyphen at either end; one dot may follow) or an address literal. */
bool wn_domain_is_valid(WnSpan domain);

/* What HELO and EHLO accept: a domain, a literal, or a bare address. */
bool wn_helo_is_valid(WnSpan name);

/* " KEY=VALUE KEY2" one at a time: false at the end or, with *out_bad set, at
 * a parameter that breaks the grammar. */
typedef struct WnParameter {
    WnSpan key;
    WnSpan value;
    bool has_value;
} WnParameter;
bool wn_parameter_next(WnSpan *rest, WnParameter *out_parameter, bool *out_bad);
