/* SPDX-License-Identifier: MIT */
#include "site_names.h"

#include "match.h"

#include <arpa/inet.h>
#include <strings.h>

typedef enum { WEIGHT_LINK, WEIGHT_TEXT, WEIGHT_REST, N_WEIGHTS } Weight;

bool
site_name_is_in(WnStr name, WnStr domain)
{
    const char *end = name.ptr + name.len - domain.len;

    return domain.len > 0 && name.len >= domain.len
           && strncasecmp(end, domain.ptr, domain.len) == 0
           && (name.len == domain.len || end[-1] == '.');
}

/* Where people do not click weighs less. */
static Weight
weigh(const WnUrl *url)
{
    if ((url->flags & WN_URL_ADDRESS) != 0)
        return WEIGHT_REST;
    if ((url->flags & WN_URL_FROM_LINK) != 0)
        return WEIGHT_LINK;
    return (url->flags & WN_URL_FROM_TEXT) != 0 ? WEIGHT_TEXT : WEIGHT_REST;
}

static bool
reverse_ipv4(const char *text, char *out)
{
    uint8_t bytes[4];

    /* The addresses by which lists are tested say nothing of a site. */
    if (inet_pton(AF_INET, text, bytes) != 1 || bytes[0] == 127
        || bytes[0] == 0)
        return false;
    snprintf(out, SITE_NAME_LEN + 1, "%u.%u.%u.%u", bytes[3], bytes[2],
        bytes[1], bytes[0]);
    return true;
}

static bool
reverse_ipv6(const char *text, char *out)
{
    static const char hex[] = "0123456789abcdef";
    uint8_t bytes[16];

    if (inet_pton(AF_INET6, text, bytes) != 1)
        return false;
    for (size_t i = 16; i-- > 0;) {
        *out++ = hex[bytes[i] & 15];
        *out++ = '.';
        *out++ = hex[bytes[i] >> 4];
        *out++ = i > 0 ? '.' : '\0';
    }
    return true;
}

static bool
make_name(const WnUrl *url, char *out)
{
    if ((url->flags & WN_URL_IP_HOST) != 0)
        return reverse_ipv4(url->host.ptr, out)
               || reverse_ipv6(url->host.ptr, out);
    if (url->registered.len == 0 || url->registered.len > SITE_NAME_LEN)
        return false;
    memcpy(out, url->registered.ptr, url->registered.len);
    out[url->registered.len] = '\0';
    return true;
}

static bool
is_known(const SiteName *names, uint32_t n, const char *asked)
{
    for (uint32_t i = 0; i < n; i++) {
        if (strcmp(names[i].asked, asked) == 0)
            return true;
    }
    return false;
}

uint32_t
site_names_collect(const WnHost *host, WnCall *call, SiteName *names,
    SiteNameSkip skips, void *user)
{
    uint32_t n_urls = host->message->n_urls(call), n = 0;

    for (int weight = 0; weight < N_WEIGHTS; weight++) {
        for (uint32_t i = 0; i < n_urls && n < SITE_NAMES_MAX; i++) {
            const WnUrl *url = host->message->url(call, i);

            if (url == NULL || weigh(url) != (Weight)weight
                || !url_leads_somewhere(url) || !make_name(url, names[n].asked)
                || is_known(names, n, names[n].asked)
                || skips(user, url->registered, call))
                continue;
            names[n++].url = url;
        }
    }
    return n;
}
