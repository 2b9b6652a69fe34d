/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Plugins whose hooks do what the option "script" says, for tests of the chain:
 * "connect=pass rcpt=match:x message=wait:30:match".
 *
 *    pass trust fail      that verdict
 *    match[:EVIDENCE]     a match with the rule "r"
 *    match2 matchnothing odd pending
 *    wait:MS:WHAT         a timer, then WHAT
 *    race:MS:MS           two timers; the first to fire matches
 *    linger:MS:MS         two timers; each answers PENDING
 *    dns:NAME             match if NAME has an address
 *    io                   match when a pipe is readable
 *    peek:TEXT            match if the first recipient begins with TEXT
 *    tag:NAME=VALUE       leaves a tag;  seen:NAME  match with its value
 *    remember             match with how often this instance was asked here
 *    conn:BYTES           takes memory for the connection
 *    helo                 match with the client's HELO
 *    dirt                 findings that need cleaning
 *    much                 findings up to the limit
 *    states               asks for all that is not allowed, match with results
 *
 * "probe" has all hooks, "gate" only those of the client and the envelope,
 * "keeper" has rcpt only, shared between recipients, "single" message, shared
 * between scopes.  The action "act" does what its option
 * "do" says: words deliver, reject, tempfail, discard, odd, prefix:TEXT,
 * add:NAME=VALUE, to:ADDRESS, reply:CODE:ENHANCED:TEXT, why (rejects, and tells
 * what it was given).
 */

#include <glib.h>

struct WnPlugin;

extern const struct WnPlugin *const probe_plugins[];

/* "instance.hook" of each hook run since the last probe_reset(), in order,
 * split by spaces; ends too: "a.transaction_end=OUTCOME". */
const char *probe_log(void);
void probe_reset(void);

/* A stage with these plugins and one filter with these keys, one domain
 * good.example, a client and a transaction. */
struct Stage;
void probe_stage_open(struct Stage *stage, const char *keys);
