/* SPDX-License-Identifier: MIT */
#ifndef URLPHONE_HOST_NAME_H
#define URLPHONE_HOST_NAME_H

/* The host of an entry in the form that WnUrl has: lower case, A-labels, IPv4
 * dotted, IPv6 as RFC 5952 has it. */

#include <winnow/plugin.h>

#include <glib.h>
#include <stdbool.h>

/* Appends to out; *out_is_ip tells an address.  False with the reason. */
bool host_name_fold(GString *out, const char *text, size_t len, bool *out_is_ip,
    WnError *err);

/* Nobody's own, as com and co.uk.  Those that companies gave to the list
 * (blogspot.com) are the companies' own. */
bool host_name_is_registry(const char *name);

#endif
