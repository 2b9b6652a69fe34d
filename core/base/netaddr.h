/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Internet addresses and networks.  An IPv4-mapped IPv6 address is stored as
 * IPv4 everywhere; a socket's scope id is dropped, and none is read in text.
 */

#include "core/base/span.h"

#include <glib.h>
#include <sys/socket.h>

typedef struct WnNetaddr {
    uint8_t len; /* 4 or 16; 0: none */
    uint8_t bytes[16];
    uint16_t port; /* host order; 0: none */
} WnNetaddr;

typedef struct WnNetwork {
    WnNetaddr address; /* host bits are zero */
    uint8_t prefix;
} WnNetwork;

#define WN_NETADDR_TEXT_MAX 56

/* "192.0.2.1", "2001:db8::1"; no port. */
bool wn_netaddr_parse(WnSpan text, WnNetaddr *out_address);

/* Digits alone, at most 65535. */
bool wn_port_parse(WnSpan text, uint16_t *out_port);

/* "192.0.2.1:25", "[2001:db8::1]:25"; with a default_port (not 0) also
 * "192.0.2.1", "[2001:db8::1]" and "2001:db8::1". */
bool wn_netaddr_parse_port(WnSpan text, uint16_t default_port,
    WnNetaddr *out_address);

bool wn_netaddr_from_sockaddr(const struct sockaddr *sa, socklen_t len,
    WnNetaddr *out_address);
socklen_t wn_netaddr_to_sockaddr(const WnNetaddr *self,
    struct sockaddr_storage *out_sa);

void wn_netaddr_format(const WnNetaddr *self, char out[WN_NETADDR_TEXT_MAX]);
void wn_netaddr_format_port(const WnNetaddr *self,
    char out[WN_NETADDR_TEXT_MAX]);
bool wn_netaddr_eq(const WnNetaddr *a, const WnNetaddr *b); /* with port */

/* "192.0.2.0/24", or an address alone.  False if host bits are set; then
 * *out_network still holds the network that was probably meant.  On any other
 * mistake its address.len is 0. */
bool wn_network_parse(WnSpan text, WnNetwork *out_network);
bool wn_network_holds(const WnNetwork *self, const WnNetaddr *address);
