/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Private to winnowctl domain: the MX records a customer publishes (PRODUCT §3)
 * and the addresses its firewall must admit.
 *
 * Relay names are <domain with dots as dashes>.relay<N><a|b|c>.<site>.  N and
 * site are taken from this relay's own name, "relay1a.example.net".
 */

#include "core/base/json.h"
#include "core/conf/snapshot.h"

/* The label of a domain in relay names: at most 63 octets, and unique: a name
 * that has a dash itself, or is too long, gets a suffix made from the name
 * (transfer full). */
char *domain_relay_label(const char *domain);

void domain_records_text(const WnConfig *config, const WnDomain *domain,
    GString *out);
void domain_records_json(const WnConfig *config, const WnDomain *domain,
    WnJson *json);
