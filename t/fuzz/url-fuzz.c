/* SPDX-License-Identifier: MIT */

/*
 * Any text as text, as HTML and as a header: what is found keeps its promises,
 * and a host that was found is its own normal form.
 */

#include "core/message/url_host.h"
#include "core/message/url_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_text(WnSpan text)
{
    g_assert(g_utf8_validate_len(text.ptr, text.len, NULL));
    g_assert(text.ptr[text.len] == '\0');
}

static void
check_host(WnSpan host, WnSpan registered)
{
    g_autofree char *text = g_strdup_printf(memchr(host.ptr, ':', host.len)
                                                    != NULL
                                                ? "[%s]"
                                                : "%s",
        host.ptr);
    WnUrlHost again;

    g_assert(host.len > 0 && host.len <= WN_URL_HOST_MAX);
    g_assert(wn_url_host_parse(wn_span_str(text), &again));
    g_assert(wn_span_eq(wn_span(again.name, again.len), host));
    g_assert(registered.len <= host.len);
    g_assert(memcmp(host.ptr + host.len - registered.len, registered.ptr,
                 registered.len)
             == 0);
}

static void
check_list(const WnUrlList *list)
{
    g_assert(wn_url_list_n(list) <= WN_MESSAGE_URLS_MAX);
    for (uint32_t i = 0; i < wn_url_list_n(list); i++) {
        const WnMessageUrl *url = wn_url_list_get(list, i);

        check_text(url->text);
        check_text(url->host);
        check_text(url->registered);
        check_text(url->path);
        check_text(url->query);
        check_host(url->host, url->registered);
        g_assert(url->path.len == 0 || url->path.ptr[0] == '/');
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(WnArena) arena = wn_arena_new(0);
    g_autoptr(WnUrlList) list = wn_url_list_new(arena);
    g_autofree char *valid = g_utf8_make_valid((const char *)data,
        (gssize)size);
    WnSpan text = wn_span_str(valid);

    wn_url_list_add_header(list, WN_SPAN("Subject"), text);
    wn_url_list_add_text(list, text, 0);
    wn_url_list_add_html(list, text, 1);
    check_list(list);
    return 0;
}
