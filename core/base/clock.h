/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The only place that reads clocks.  Timers and deadlines use the monotonic
 * clock; the wall clock appears in headers, logs, ids and the spool.  Tests
 * replace both and step them.
 */

#include <stdint.h>

int64_t wn_clock_mono_ms(void);
int64_t wn_clock_mono_us(void);
int64_t wn_clock_unix(void); /* seconds */
int64_t wn_clock_unix_ms(void);

/* From now on both clocks stand still at these values; for tests. */
void wn_clock_fake(int64_t mono_us, int64_t unix_ms);
void wn_clock_fake_step(int64_t ms);

/* "Sun, 22 Nov 2026 06:28:18 +0000" as RFC 5322 §3.3 has it, always UTC. */
#define WN_DATE_MAX 40
void wn_clock_rfc5322(int64_t unix_time, char out[WN_DATE_MAX]);

/* "2026-11-22T06:28:18.123Z" */
void wn_clock_iso8601(int64_t unix_ms, char out[WN_DATE_MAX]);
