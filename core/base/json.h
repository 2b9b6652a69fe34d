/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Writes JSON (RFC 8259) into a GString: commas and escapes are its business.
 * Bytes that are not UTF-8 become U+FFFD.  key is NULL inside a list.
 */

#include "core/base/span.h"

#include <glib.h>

typedef struct WnJson {
    GString *out; /* borrowed */
    bool comma;   /* the next value needs one before it */
} WnJson;

void wn_json_init(WnJson *self, GString *out);
void wn_json_open_object(WnJson *self, const char *key);
void wn_json_close_object(WnJson *self);
void wn_json_open_list(WnJson *self, const char *key);
void wn_json_close_list(WnJson *self);
void wn_json_span(WnJson *self, const char *key, WnSpan value);
void wn_json_str(WnJson *self, const char *key, const char *value); /* NULL:
                                                                     * null */
void wn_json_int(WnJson *self, const char *key, int64_t value);
/* A number with up to three decimals: 1500 is 1.5. */
void wn_json_thousandths(WnJson *self, const char *key, int64_t value);
void wn_json_bool(WnJson *self, const char *key, bool value);
