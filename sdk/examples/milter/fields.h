/* SPDX-License-Identifier: MIT */
#ifndef MILTER_FIELDS_H
#define MILTER_FIELDS_H

/*
 * The header as the milters see it: that of the message, and what the milters
 * before have made of it.  Memory is the call's.
 */

#include <winnow/plugin.h>

#define FIELDS_MAX 4096
#define FIELDS_ADDED_MAX 64

typedef struct Field {
    const char *name;
    const char *value; /* lines split by a line feed, without the last end; with
                        * the space behind the colon */
    int added;         /* by a milter */
} Field;

typedef struct Fields {
    Field *fields;
    uint32_t n;
    uint32_t n_added;
    uint32_t n_lost; /* changes to what the sender wrote: not in the copies */
} Fields;

void milter_fields_init(Fields *self, const WnHost *host, WnCall *call);

/* What a milter asks for.  Strings are copied into the call. */
void milter_fields_insert(Fields *self, const WnHost *host, WnCall *call,
    uint32_t at, const char *name, const char *value);
void milter_fields_change(Fields *self, const WnHost *host, WnCall *call,
    uint32_t nth, const char *name, const char *value);

/* Puts what the milters have added into the copies. */
void milter_fields_give(const Fields *self, const WnHost *host, WnCall *call);

#endif
