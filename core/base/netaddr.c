/* SPDX-License-Identifier: MIT */
#include "core/base/netaddr.h"

#include <arpa/inet.h>
#include <netinet/in.h>

enum { MAPPED_LEN = 12 };

static const uint8_t mapped_prefix[MAPPED_LEN] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0xff, 0xff };

static bool
is_mapped(const uint8_t bytes[16])
{
    return memcmp(bytes, mapped_prefix, MAPPED_LEN) == 0;
}

static void
set_v4(WnNetaddr *self, const void *bytes)
{
    *self = (WnNetaddr){ .len = 4 };
    memcpy(self->bytes, bytes, 4);
}

static void
set_v6(WnNetaddr *self, const uint8_t bytes[16])
{
    if (is_mapped(bytes)) {
        set_v4(self, bytes + MAPPED_LEN);
        return;
    }
    *self = (WnNetaddr){ .len = 16 };
    memcpy(self->bytes, bytes, 16);
}

/* As written: a mapped address stays IPv6, which a prefix length needs. */
static bool
parse_bytes(WnSpan text, uint8_t out_bytes[16], uint8_t *out_len)
{
    char copy[INET6_ADDRSTRLEN];

    if (text.len >= sizeof copy || memchr(text.ptr, '\0', text.len) != NULL)
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    if (inet_pton(AF_INET, copy, out_bytes) == 1)
        *out_len = 4;
    else if (inet_pton(AF_INET6, copy, out_bytes) == 1)
        *out_len = 16;
    else
        return false;
    return true;
}

bool
wn_netaddr_parse(WnSpan text, WnNetaddr *out_address)
{
    uint8_t bytes[16];
    uint8_t len;

    if (!parse_bytes(text, bytes, &len))
        return false;
    if (len == 4)
        set_v4(out_address, bytes);
    else
        set_v6(out_address, bytes);
    return true;
}

bool
wn_port_parse(WnSpan text, uint16_t *out_port)
{
    uint64_t port;

    if (text.len > 5 || !wn_span_to_u64(text, &port) || port > UINT16_MAX)
        return false;
    *out_port = (uint16_t)port;
    return true;
}

/* Where the port's colon is, or text.len.  An IPv6 address that has a port
 * stands in brackets; one that has none may do without. */
static size_t
find_port(WnSpan text)
{
    const char *colon = memchr(text.ptr, ':', text.len);

    if (text.len > 0 && text.ptr[0] == '[') {
        const char *bracket = memchr(text.ptr, ']', text.len);

        return bracket != NULL ? (size_t)(bracket - text.ptr) + 1 : text.len;
    }
    if (colon == NULL || memrchr(text.ptr, ':', text.len) != colon)
        return text.len;
    return (size_t)(colon - text.ptr);
}

bool
wn_netaddr_parse_port(WnSpan text, uint16_t default_port,
    WnNetaddr *out_address)
{
    size_t split = find_port(text);
    WnSpan host = wn_span_slice(text, 0, split);
    WnSpan rest = wn_span_slice(text, split, text.len);
    uint16_t port = default_port;
    uint8_t bytes[16];
    uint8_t len;

    if (rest.len == 0 && default_port == 0)
        return false;
    if (rest.len > 0
        && (rest.ptr[0] != ':'
            || !wn_port_parse(wn_span_slice(rest, 1, rest.len), &port)))
        return false;
    if (host.len >= 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']') {
        host = wn_span_slice(host, 1, host.len - 2);
        if (!parse_bytes(host, bytes, &len) || len != 16)
            return false;
    }
    if (!wn_netaddr_parse(host, out_address))
        return false;
    out_address->port = port;
    return true;
}

bool
wn_netaddr_from_sockaddr(const struct sockaddr *sa, socklen_t len,
    WnNetaddr *out_address)
{
    struct sockaddr_in in;
    struct sockaddr_in6 in6;

    if (len < (socklen_t)sizeof sa->sa_family)
        return false;
    if (sa->sa_family == AF_INET && len >= (socklen_t)sizeof in) {
        memcpy(&in, sa, sizeof in);
        set_v4(out_address, &in.sin_addr);
        out_address->port = ntohs(in.sin_port);
        return true;
    }
    if (sa->sa_family == AF_INET6 && len >= (socklen_t)sizeof in6) {
        memcpy(&in6, sa, sizeof in6);
        set_v6(out_address, in6.sin6_addr.s6_addr);
        out_address->port = ntohs(in6.sin6_port);
        return true;
    }
    return false;
}

socklen_t
wn_netaddr_to_sockaddr(const WnNetaddr *self, struct sockaddr_storage *out_sa)
{
    struct sockaddr_in in = { .sin_family = AF_INET };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

    memset(out_sa, 0, sizeof *out_sa);
    if (self->len == 4) {
        in.sin_port = htons(self->port);
        memcpy(&in.sin_addr, self->bytes, 4);
        memcpy(out_sa, &in, sizeof in);
        return sizeof in;
    }
    if (self->len == 16) {
        in6.sin6_port = htons(self->port);
        memcpy(&in6.sin6_addr, self->bytes, 16);
        memcpy(out_sa, &in6, sizeof in6);
        return sizeof in6;
    }
    return 0;
}

void
wn_netaddr_format(const WnNetaddr *self, char out[WN_NETADDR_TEXT_MAX])
{
    int family = self->len == 4 ? AF_INET : AF_INET6;

    out[0] = '\0';
    if (self->len != 0
        && inet_ntop(family, self->bytes, out, WN_NETADDR_TEXT_MAX) == NULL)
        g_error("inet_ntop of an address");
}

void
wn_netaddr_format_port(const WnNetaddr *self, char out[WN_NETADDR_TEXT_MAX])
{
    char host[WN_NETADDR_TEXT_MAX];

    wn_netaddr_format(self, host);
    g_snprintf(out, WN_NETADDR_TEXT_MAX, self->len == 16 ? "[%s]:%u" : "%s:%u",
        host, self->port);
}

bool
wn_netaddr_eq(const WnNetaddr *a, const WnNetaddr *b)
{
    return a->len == b->len && a->port == b->port
           && memcmp(a->bytes, b->bytes, a->len) == 0;
}

static bool
parse_prefix(WnSpan text, unsigned int max, unsigned int *out_prefix)
{
    uint64_t prefix;

    if (text.len > 3 || (text.len > 1 && text.ptr[0] == '0')
        || !wn_span_to_u64(text, &prefix) || prefix > max)
        return false;
    *out_prefix = (unsigned int)prefix;
    return true;
}

/* Returns whether there were bits to clear. */
static bool
clear_host_bits(WnNetwork *self)
{
    bool cleared = false;

    for (unsigned int i = 0; i < self->address.len; i++) {
        int n_network = CLAMP((int)self->prefix - (int)i * 8, 0, 8);
        uint8_t mask = (uint8_t)(0xff00 >> n_network);
        uint8_t kept = self->address.bytes[i] & mask;

        cleared = cleared || kept != self->address.bytes[i];
        self->address.bytes[i] = kept;
    }
    return cleared;
}

bool
wn_network_parse(WnSpan text, WnNetwork *out_network)
{
    const char *slash = memchr(text.ptr, '/', text.len);
    size_t host_len = slash != NULL ? (size_t)(slash - text.ptr) : text.len;
    unsigned int prefix;
    uint8_t bytes[16];
    uint8_t len;

    *out_network = (WnNetwork){ 0 };
    if (!parse_bytes(wn_span_slice(text, 0, host_len), bytes, &len))
        return false;
    prefix = len * 8u;
    if (slash != NULL
        && !parse_prefix(wn_span_slice(text, host_len + 1, text.len), len * 8u,
            &prefix))
        return false;
    if (len == 16 && is_mapped(bytes)) {
        if (prefix < MAPPED_LEN * 8)
            return false;
        prefix -= MAPPED_LEN * 8;
    }
    if (len == 4)
        set_v4(&out_network->address, bytes);
    else
        set_v6(&out_network->address, bytes);
    out_network->prefix = (uint8_t)prefix;
    return !clear_host_bits(out_network);
}

bool
wn_network_holds(const WnNetwork *self, const WnNetaddr *address)
{
    WnNetwork other = { *address, self->prefix };

    if (address->len == 0 || self->address.len != address->len)
        return false;
    clear_host_bits(&other);
    return memcmp(self->address.bytes, other.address.bytes, address->len) == 0;
}
