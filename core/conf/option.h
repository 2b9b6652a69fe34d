/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Options of plugins: their declared schema and values checked against it.
 * The schema is the core's own copy of what a plugin declares (SDK WnOption);
 * types and flags have the SDK's numbers.  The same check serves conf.d,
 * domains.d and the database.
 */

#include "core/base/netaddr.h"
#include "core/base/span.h"

#include <glib.h>

typedef enum {
    WN_OPTION_BOOL,
    WN_OPTION_INT,
    WN_OPTION_DURATION,
    WN_OPTION_SIZE,
    WN_OPTION_SCORE,
    WN_OPTION_ENUM,
    WN_OPTION_STRING,
    WN_OPTION_ADDRESS,
    WN_OPTION_STRING_LIST,
    WN_OPTION_NET_LIST,
    WN_OPTION_ADDRESS_LIST,
    WN_OPTION_NAME_LIST
} WnOptionKind; /* = WN_OPT_* */

enum {
    WN_OPTION_PER_DOMAIN = 1u << 0,
    WN_OPTION_REQUIRED = 1u << 1,
    WN_OPTION_SECRET = 1u << 2,
    WN_OPTION_FILE = 1u << 3, /* the value names a file: made absolute against
                               * the folder of the file that sets it */
    WN_OPTION_RISKY = 1u << 4 /* a value is warned of, with help as reason */
};                            /* = WN_OPT_* flags */

typedef struct WnOptionSpec {
    char *name;
    char *help;
    WnOptionKind kind;
    uint32_t flags;
    char *fallback; /* NULL with WN_OPTION_REQUIRED */
    int64_t min, max;
    char **choices; /* WN_OPTION_ENUM, NULL-terminated */
} WnOptionSpec;

typedef struct WnOptionValue {
    int64_t integer;  /* BOOL to ENUM */
    char *string;     /* STRING, ADDRESS; also the text as written */
    GPtrArray *items; /* lists: char*, each with a NUL */
    GArray *networks; /* NET_LIST: WnNetwork, same order as items */
} WnOptionValue;

void wn_option_spec_clear(WnOptionSpec *self);

/* Checks and parses text.  min and max, unless both are 0, are limits of the
 * number, of a text's length in bytes, of a list's entries.  False: *out_error
 * (transfer full) says what was expected, for the user. */
bool wn_option_parse(const WnOptionSpec *spec, const char *text,
    WnOptionValue *out_value, char **out_error);
void wn_option_value_clear(WnOptionValue *self);

/* NULL, or what is wrong with text as a network (transfer full). */
char *wn_option_network_fault(const char *text, WnNetwork *out_network);

/* The position of the narrowest network that holds the address, or -1. */
int wn_option_net_match(const WnOptionValue *value, const WnNetaddr *address);

/* The type in words for documents: "duration", "list of networks". */
const char *wn_option_kind_name(WnOptionKind kind);
