/* SPDX-License-Identifier: MIT */
#ifndef DNSLIST_SPEC_H
#define DNSLIST_SPEC_H

/*
 * One entry of an option: which DNS list, and which of its answers count.
 *
 *    zen.example                              127.0.0.2 to 127.0.0.255
 *    zen.example=127.0.0.2,127.0.0.4-127.0.0.11
 *    multi.example=127.0.0.2-127.0.0.254/8    of these, with bit 8 set
 *    multi.example=/0x18                      bit 8 or bit 16 set
 */

#include <winnow/plugin.h>

#include <stdbool.h>

/* With the 64 bytes of an IPv6 address before it a name of DNS. */
#define DNSLIST_ZONE_MAX 180
#define DNSLIST_RANGES_MAX 32

typedef struct DnslistRange {
    uint32_t first, last; /* host order, both included */
} DnslistRange;

typedef struct DnslistSpec {
    char zone[DNSLIST_ZONE_MAX + 1]; /* lower case, no dot at the end */
    uint32_t n_ranges;
    DnslistRange ranges[DNSLIST_RANGES_MAX];
    uint32_t mask; /* of the last octet; 0: none */
} DnslistSpec;

typedef enum {
    DNSLIST_CODE_OTHER, /* the list says something that nobody asked for */
    DNSLIST_CODE_LISTED,
    DNSLIST_CODE_ERROR /* no listing, whatever the entry says */
} DnslistCode;

/* False with err, which quotes the text. */
bool dnslist_spec_parse(DnslistSpec *self, WnStr text, WnError *err);

DnslistCode dnslist_spec_code(const DnslistSpec *self, uint32_t address);

/* By RFC 5782 and the lists' custom: 127.0.0.1, 127.255.255.x, and everything
 * outside 127.0.0.0/8 tell of trouble. */
bool dnslist_code_is_error(uint32_t address);

#endif
