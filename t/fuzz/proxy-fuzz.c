/* SPDX-License-Identifier: MIT */
#include "core/smtp/proxy_header.h"

#define HEADER_MAX 536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    WnNetaddr client = { 0 };
    WnNetaddr other = { 0 };
    size_t consumed;
    size_t used = 0;
    WnProxyStatus status = wn_proxy_header_parse(wn_span(data, size), &client,
        &consumed);
    WnProxyStatus bytewise = WN_PROXY_MORE;

    for (size_t len = 0; len <= size && bytewise == WN_PROXY_MORE; len++)
        bytewise = wn_proxy_header_parse(wn_span(data, len), &other, &used);
    g_assert_cmpint(bytewise, ==, status);
    if (status == WN_PROXY_OK)
        g_assert_true(wn_netaddr_eq(&client, &other));
    else
        g_assert_cmpuint(client.len, ==, 0);
    if (status == WN_PROXY_OK || status == WN_PROXY_LOCAL) {
        g_assert_cmpuint(consumed, ==, used);
        g_assert_cmpuint(consumed, <=, HEADER_MAX);
        g_assert_cmpuint(consumed, <=, size);
    } else if (status == WN_PROXY_MORE) {
        g_assert_cmpuint(size, <, HEADER_MAX);
    }
    return 0;
}
