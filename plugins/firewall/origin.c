/* SPDX-License-Identifier: MIT */
#include "origin.h"

#include <strings.h>

#define SERVERS_MAX 5

typedef struct Origin {
    const WnHost *host;
    OriginFn fn;
    void *user;
} Origin;

static bool
lies_in(WnStr name, const char *domain)
{
    size_t len = strlen(domain);
    const char *tail;

    if (name.len < len || len == 0)
        return false;
    tail = name.ptr + (name.len - len);
    return strncasecmp(tail, domain, len) == 0
           && (name.len == len || tail[-1] == '.');
}

bool
origin_is_known(const WnHost *host, WnCall *call, const char *domain,
    bool is_sender)
{
    const WnClient *client = host->facts->client(call);
    int32_t found = 0;

    if (client->rdns_status == WN_RDNS_VERIFIED
        && lies_in(client->rdns, domain))
        return true;
    return is_sender
           && wn_str_eq(host->facts->tag(call, "spf", &found), "pass");
}

static uint16_t
address_type(const WnClient *client)
{
    return client->address_len == 4 ? WN_DNS_A : WN_DNS_AAAA;
}

static WnVerdict
on_addresses(void *user, WnCall *call, const WnAnswer *answer)
{
    const Origin *self = user;
    const WnHost *host = self->host;
    const WnClient *client = host->facts->client(call);
    bool found = false;

    for (uint32_t i = 0; i < host->dns->n_records(answer); i++) {
        const WnDnsRecord *record = host->dns->record(answer, i);

        found = found
                || (record->type == address_type(client)
                    && record->data_len == client->address_len
                    && memcmp(record->data, client->address, record->data_len)
                           == 0);
    }
    return self->fn(self->user, call, found);
}

static bool
ask_addresses(Origin *self, WnCall *call, const char *name)
{
    return self->host->dns->query(call, name,
               address_type(self->host->facts->client(call)), on_addresses,
               self)
           == WN_OK;
}

static WnVerdict
on_servers(void *user, WnCall *call, const WnAnswer *answer)
{
    Origin *self = user;
    const WnDnsApi *dns = self->host->dns;

    for (uint32_t i = 0; i < dns->n_records(answer) && i < SERVERS_MAX; i++) {
        const WnDnsRecord *record = dns->record(answer, i);

        if (record->type == WN_DNS_MX && record->text.len > 0)
            ask_addresses(self, call, record->text.ptr);
    }
    return self->fn(self->user, call, false);
}

bool
origin_ask(const WnHost *host, WnCall *call, const char *domain, bool is_sender,
    OriginFn fn, void *user)
{
    Origin *self = host->call->alloc(call, WN_LIFE_CALL, sizeof *self);
    bool asked;

    *self = (Origin){ host, fn, user };
    asked = ask_addresses(self, call, domain);
    if (is_sender)
        asked |= host->dns->query(call, domain, WN_DNS_MX, on_servers, self)
                 == WN_OK;
    return asked;
}
