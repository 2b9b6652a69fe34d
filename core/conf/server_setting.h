/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A customer's server as people write and read it: "HOST[:PORT]", then, where
 * it has its own, " weight N" and " tls POLICY".  What is printed can be given
 * again, and means the same.
 */

#include "core/base/span.h"
#include "core/conf/domain_file.h"

/* Adds the server to the domain.  On false *out_error (transfer full) says what
 * is wrong, for the person who wrote it, and nothing is added. */
bool wn_server_setting_parse(const char *text, WnDomainSetting *domain,
    char **out_error);

/* Words for what is not the default: no weight if it is 1, no policy if the
 * domain's holds. */
void wn_server_setting_print(GString *out, WnSpan host, uint16_t port,
    uint16_t weight, uint8_t own_tls);
