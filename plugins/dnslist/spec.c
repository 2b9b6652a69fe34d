/* SPDX-License-Identifier: MIT */
#include "spec.h"

#include <arpa/inet.h>
#include <stdlib.h>

#define LOOPBACK(c, d) (UINT32_C(0x7f000000) | (uint32_t)(c) << 8 | (d))
#define LABEL_MAX 63
#define CODE_TEXT_MAX 15 /* 127.255.255.255 */

bool
dnslist_code_is_error(uint32_t address)
{
    return address >> 24 != 127 || address == LOOPBACK(0, 1)
           || (address & 0xffffff00) == UINT32_C(0x7fffff00);
}

DnslistCode
dnslist_spec_code(const DnslistSpec *self, uint32_t address)
{
    if (dnslist_code_is_error(address))
        return DNSLIST_CODE_ERROR;
    if (self->mask != 0 && (address & self->mask) == 0)
        return DNSLIST_CODE_OTHER;
    for (uint32_t i = 0; i < self->n_ranges; i++)
        if (address >= self->ranges[i].first && address <= self->ranges[i].last)
            return DNSLIST_CODE_LISTED;
    return DNSLIST_CODE_OTHER;
}

static bool
fail(WnError *err, WnStr text, const char *reason)
{
    wn_error_set(err, "\"%.120s\": %s", text.ptr, reason);
    return false;
}

/*
 * Zone
 */

static bool
take_zone_char(char *out, char c)
{
    if (c >= 'A' && c <= 'Z')
        c = (char)(c - 'A' + 'a');
    *out = c;
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'
           || c == '_';
}

static bool
parse_zone(DnslistSpec *self, const char *text, size_t len)
{
    size_t label = 0;

    if (len > 0 && text[len - 1] == '.')
        len--;
    if (len == 0 || len > DNSLIST_ZONE_MAX)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '.') {
            if (label == 0)
                return false;
            self->zone[i] = '.';
            label = 0;
        } else if (!take_zone_char(&self->zone[i], text[i])
                   || ++label > LABEL_MAX) {
            return false;
        }
    }
    self->zone[len] = '\0';
    return label > 0;
}

/*
 * Codes
 */

static bool
parse_code(const char *text, size_t len, uint32_t *out_code)
{
    char copy[CODE_TEXT_MAX + 1];
    struct in_addr address;

    if (len > CODE_TEXT_MAX)
        return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    if (inet_pton(AF_INET, copy, &address) != 1)
        return false;
    *out_code = ntohl(address.s_addr);
    return *out_code >> 24 == 127;
}

static bool
parse_range(const char *text, size_t len, DnslistRange *out_range)
{
    const char *dash = memchr(text, '-', len);
    size_t first_len = dash != NULL ? (size_t)(dash - text) : len;

    if (!parse_code(text, first_len, &out_range->first))
        return false;
    out_range->last = out_range->first;
    if (dash == NULL)
        return !dnslist_code_is_error(out_range->first);
    return parse_code(dash + 1, len - first_len - 1, &out_range->last)
           && out_range->first <= out_range->last;
}

static bool
parse_ranges(DnslistSpec *self, const char *text, size_t len)
{
    const char *end = text + len;

    while (text <= end) {
        const char *comma = memchr(text, ',', (size_t)(end - text));
        const char *stop = comma != NULL ? comma : end;

        if (self->n_ranges == DNSLIST_RANGES_MAX
            || !parse_range(text, (size_t)(stop - text),
                &self->ranges[self->n_ranges]))
            return false;
        self->n_ranges++;
        text = stop + 1;
    }
    return true;
}

/* Decimal, or hexadecimal behind 0x. */
static bool
parse_mask(DnslistSpec *self, const char *text)
{
    char *end = NULL;
    unsigned long value;

    if (text[0] < '0' || text[0] > '9')
        return false;
    value = strtoul(text, &end,
        text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? 16 : 10);
    if (*end != '\0' || value == 0 || value > 255)
        return false;
    self->mask = (uint32_t)value;
    return true;
}

bool
dnslist_spec_parse(DnslistSpec *self, WnStr text, WnError *err)
{
    const char *end = text.ptr + text.len;
    const char *equals = memchr(text.ptr, '=', text.len);
    const char *zone_end = equals != NULL ? equals : end;
    const char *codes = equals != NULL ? equals + 1 : end;
    const char *slash = memchr(codes, '/', (size_t)(end - codes));
    size_t codes_len = (size_t)((slash != NULL ? slash : end) - codes);

    memset(self, 0, sizeof *self);
    if (!parse_zone(self, text.ptr, (size_t)(zone_end - text.ptr)))
        return fail(err, text, "before = stands the name of a DNS zone");
    if (slash != NULL && !parse_mask(self, slash + 1))
        return fail(err, text, "a mask is a number from 1 to 255");
    if (codes_len == 0 && (equals == NULL || slash != NULL)) {
        self->n_ranges = 1;
        self->ranges[0] = (DnslistRange){ LOOPBACK(0, 2), LOOPBACK(0, 255) };
        return true;
    }
    if (!parse_ranges(self, codes, codes_len))
        return fail(err, text,
            "codes are addresses or ranges in 127.0.0.0/8, at most 32, and"
            " neither 127.0.0.1 nor 127.255.255.x");
    return true;
}
