/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What may stand for a domain, a mailbox and a customer's server in settings,
 * whichever source they come from.  On false *out_error (transfer full) says
 * what is wrong, for the person who wrote it; results are set on true only.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/span.h"

#define WN_DOMAIN_NAME_MAX 253
#define WN_LOCAL_PART_MAX 64

/* A name in A-labels: letters, digits, - and _; gives it in lower case. */
bool wn_domain_name_parse(const char *text, char **out_name, char **out_error);

/* What stands before the @: a dot-string of RFC 5321, or of RFC 6531 with
 * letters beyond ASCII; gives it folded. */
bool wn_local_part_parse(const char *text, char **out_local, char **out_error);

/* The form in which local parts are compared: ASCII in lower case, the rest in
 * NFC, so that it does not matter how an accent was typed.  NULL (transfer
 * full): it is not UTF-8. */
char *wn_local_part_fold(WnSpan local);

/* "local@domain"; the local part as written. */
bool wn_address_split(const char *text, char **out_local, char **out_domain,
    char **out_error);

/* A customer's server: a name or an address mail can be sent to. */
bool wn_server_check(const char *host, int64_t port, char **out_error);

/* "host", "host:port", "192.0.2.1:25", "[2001:db8::1]:25"; port 25 if none. */
bool wn_server_parse(const char *text, char **out_host, uint16_t *out_port,
    char **out_error);
