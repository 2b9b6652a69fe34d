/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Tells the service manager how things are (sd_notify protocol: a datagram to
 * the socket NOTIFY_SOCKET names).  Nothing happens where there is none.
 */

/* "READY=1", "STOPPING=1\nSTATUS=..."; one assignment a line. */
void wn_notify(const char *state);

/* "RELOADING=1" with the time that belongs to it. */
void wn_notify_reloading(void);
