/* SPDX-License-Identifier: MIT */
#ifndef URLPHONE_ENTRY_H
#define URLPHONE_ENTRY_H

/*
 * One line of a list, from what people write to its normal form, which is that
 * of WnUrl and WnPhone.
 *
 *    example.com            that host and every host below it
 *    *.example.com          every host below it, not itself
 *    example.com/shop       /shop and what is below it, on those hosts
 *    example.com/x?id=1     that page: path and query
 *    http://example.com/x   that page, with any query
 *    http://example.com/    the page at the root, not the host
 *
 * With a scheme it is always a page, so that the feeds of phishing pages on
 * sites that others use too can be taken as they are.  A page with a query is
 * found with further parameters behind it ("id=1&utm_source=y"), too.  Pages of
 * www.example.com and of example.com are the same.
 *
 * Hosts are folded (case, width, IDN in either form, IPv4 however it is
 * written); which scheme makes no difference.  Paths and queries have each %XX
 * decoded once, "." and ".." resolved, and keep their case.  With a port an
 * entry means that port, without any.  hxxp and [.] are read as what is meant.
 */

#include <winnow/plugin.h>

#include <glib.h>
#include <stdbool.h>

#define ENTRY_MAX 4096 /* = TABLE_VALUE_MAX */
#define ENTRY_PHONE_MIN 7
#define ENTRY_PHONE_MAX 15 /* E.164 */

typedef enum { URL_HOST, URL_BELOW, URL_PREFIX, URL_PAGE } UrlKind;

typedef struct UrlEntry {
    UrlKind kind;
    bool is_ip;
    GString *host; /* with ":port" where it counts */
    GString *path; /* of PREFIX and PAGE; with "?query" */
} UrlEntry;

void url_entry_init(UrlEntry *self);
void url_entry_clear(UrlEntry *self);

/* False with the reason. */
bool url_entry_parse(UrlEntry *self, WnStr text, WnError *err);

/* Room for ENTRY_PHONE_MAX digits and a NUL.  False with the reason. */
bool phone_entry_parse(WnStr text, char *digits, WnError *err);

/* Appends with each %XX as the byte; not those of control characters. */
void entry_decode(GString *out, const char *text, size_t len);

#endif
