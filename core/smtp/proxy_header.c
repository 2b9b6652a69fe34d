/* SPDX-License-Identifier: MIT */
#include "core/smtp/proxy_header.h"

#include <netinet/in.h>

/* The PROXY protocol, sections 2.1 and 2.2. */
#define V1_MAX 107
#define V2_MAX 536
#define V2_FIXED 16
#define V2_SIGNATURE WN_SPAN("\r\n\r\n\0\r\nQUIT\n")
#define V1_SIGNATURE WN_SPAN("PROXY ")

enum { COMMAND_LOCAL = 0x20, COMMAND_PROXY = 0x21 };
enum { UNSPECIFIED = 0x00, TCP_OVER_IPV4 = 0x11, TCP_OVER_IPV6 = 0x21 };
enum { IPV4_BYTES = 12, IPV6_BYTES = 36 };

/* As far as both go. */
static bool
agrees(WnSpan input, WnSpan signature)
{
    size_t len = input.len < signature.len ? input.len : signature.len;

    return memcmp(input.ptr, signature.ptr, len) == 0;
}

static bool
parse_address(WnSpan text, bool six, WnNetaddr *out_address)
{
    return six == (memchr(text.ptr, ':', text.len) != NULL)
           && wn_netaddr_parse(text, out_address);
}

/* What stands behind "PROXY " in version 1. */
static WnProxyStatus
parse_text(WnSpan line, WnNetaddr *out_client)
{
    WnSpan protocol = wn_span_take_word(&line);
    bool six = wn_span_eq(protocol, WN_SPAN("TCP6"));
    WnNetaddr client;
    WnNetaddr server;
    uint16_t port;

    if (wn_span_eq(protocol, WN_SPAN("UNKNOWN")))
        return WN_PROXY_LOCAL;
    if (!six && !wn_span_eq(protocol, WN_SPAN("TCP4")))
        return WN_PROXY_BROKEN;
    if (!parse_address(wn_span_take_word(&line), six, &client)
        || !parse_address(wn_span_take_word(&line), six, &server)
        || !wn_port_parse(wn_span_take_word(&line), &client.port)
        || !wn_port_parse(wn_span_take_word(&line), &port) || line.len > 0)
        return WN_PROXY_BROKEN;
    *out_client = client;
    return WN_PROXY_OK;
}

static WnProxyStatus
parse_v1(WnSpan input, WnNetaddr *out_client, size_t *out_consumed)
{
    WnSpan window = wn_span_slice(input, 0, V1_MAX);
    const char *lf = memchr(window.ptr, '\n', window.len);
    WnSpan line;

    if (lf == NULL)
        return window.len == V1_MAX ? WN_PROXY_BROKEN : WN_PROXY_MORE;
    if (lf[-1] != '\r')
        return WN_PROXY_BROKEN;
    *out_consumed = (size_t)(lf - window.ptr) + 1;
    line = wn_span_slice(window, V1_SIGNATURE.len,
        *out_consumed - 2 - V1_SIGNATURE.len);
    return parse_text(line, out_client);
}

static bool
read_v4(const uint8_t *bytes, WnNetaddr *out_client)
{
    struct sockaddr_in in = { .sin_family = AF_INET };

    memcpy(&in.sin_addr, bytes, 4);
    memcpy(&in.sin_port, bytes + 8, 2);
    return wn_netaddr_from_sockaddr((const struct sockaddr *)&in, sizeof(in),
        out_client);
}

static bool
read_v6(const uint8_t *bytes, WnNetaddr *out_client)
{
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

    memcpy(&in6.sin6_addr, bytes, 16);
    memcpy(&in6.sin6_port, bytes + 32, 2);
    return wn_netaddr_from_sockaddr((const struct sockaddr *)&in6, sizeof(in6),
        out_client);
}

static WnProxyStatus
parse_v2(WnSpan input, WnNetaddr *out_client, size_t *out_consumed)
{
    const uint8_t *bytes = (const uint8_t *)input.ptr;
    size_t len;
    bool ok = false;

    if (input.len < V2_FIXED)
        return WN_PROXY_MORE;
    len = (size_t)bytes[14] << 8 | bytes[15];
    if (V2_FIXED + len > V2_MAX
        || (bytes[12] != COMMAND_LOCAL && bytes[12] != COMMAND_PROXY))
        return WN_PROXY_BROKEN;
    if (input.len < V2_FIXED + len)
        return WN_PROXY_MORE;
    *out_consumed = V2_FIXED + len;
    if (bytes[12] == COMMAND_LOCAL || bytes[13] == UNSPECIFIED)
        return WN_PROXY_LOCAL;
    if (bytes[13] == TCP_OVER_IPV4 && len >= IPV4_BYTES)
        ok = read_v4(bytes + V2_FIXED, out_client);
    else if (bytes[13] == TCP_OVER_IPV6 && len >= IPV6_BYTES)
        ok = read_v6(bytes + V2_FIXED, out_client);
    return ok ? WN_PROXY_OK : WN_PROXY_BROKEN;
}

WnProxyStatus
wn_proxy_header_parse(WnSpan input, WnNetaddr *out_client, size_t *out_consumed)
{
    *out_consumed = 0;
    if (input.len == 0)
        return WN_PROXY_MORE;
    if (agrees(input, V1_SIGNATURE))
        return input.len < V1_SIGNATURE.len
                   ? WN_PROXY_MORE
                   : parse_v1(input, out_client, out_consumed);
    if (agrees(input, V2_SIGNATURE))
        return input.len < V2_SIGNATURE.len
                   ? WN_PROXY_MORE
                   : parse_v2(input, out_client, out_consumed);
    return WN_PROXY_BROKEN;
}
