/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The PROXY protocol header, version 1 (107 bytes at most) and 2 (536 at
 * most), which a trusted load balancer sends before the banner.  Pure.
 */

#include "core/base/netaddr.h"

typedef enum {
    WN_PROXY_MORE,
    WN_PROXY_OK,
    WN_PROXY_LOCAL, /* a health check: the connection's own address counts */
    WN_PROXY_BROKEN
} WnProxyStatus;

/* *out_client, with its port, is written with WN_PROXY_OK only; *out_consumed
 * is the whole header's length with OK and LOCAL. */
WnProxyStatus wn_proxy_header_parse(WnSpan input, WnNetaddr *out_client,
    size_t *out_consumed);
