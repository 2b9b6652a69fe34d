/* SPDX-License-Identifier: MIT */
#include "answer.h"

static uint32_t
address_of(const WnDnsRecord *record)
{
    return (uint32_t)record->data[0] << 24 | (uint32_t)record->data[1] << 16
           | (uint32_t)record->data[2] << 8 | record->data[3];
}

bool
dnslist_next_address(const WnHost *host, const WnAnswer *answer, uint32_t *at,
    uint32_t *out_address)
{
    while (*at < host->dns->n_records(answer)) {
        const WnDnsRecord *record = host->dns->record(answer, (*at)++);

        if (record->type == WN_DNS_A && record->data_len == 4) {
            *out_address = address_of(record);
            return true;
        }
    }
    return false;
}

void
dnslist_add_code(char *codes, size_t size, uint32_t code)
{
    size_t len = strlen(codes);

    if (len + sizeof ",127.255.255.255" > size)
        return;
    snprintf(codes + len, size - len, "%s%u.%u.%u.%u", len > 0 ? "," : "",
        code >> 24, code >> 16 & 255, code >> 8 & 255, code & 255);
}
