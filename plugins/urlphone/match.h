/* SPDX-License-Identifier: MIT */
#ifndef URLPHONE_MATCH_H
#define URLPHONE_MATCH_H

/* Whether a URL or a number of a message is on a list, with every host above
 * it and every path above it.  The entry found is the longest. */

#include "table.h"

/* What keys begin with. */
enum {
    KEY_HOST = 'H',   /* host[:port] */
    KEY_PREFIX = 'P', /* host[:port] and path */
    KEY_PAGE = 'U',   /* host[:port], path, ?query */
    KEY_PHONE = 'T'   /* digits */
};

/* False for a mail address that stands in a text, as it is no URL (behind
 * mailto it is), and for a URL in text that HTML hides. */
bool url_leads_somewhere(const WnUrl *url);

bool match_url(const Table *table, const WnUrl *url, TableRecord *out_record);
bool match_phone(const Table *table, const WnPhone *phone,
    TableRecord *out_record);

#endif
