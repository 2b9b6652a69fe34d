/* SPDX-License-Identifier: MIT */
#include "rate.h"

#include <arpa/inet.h>
#include <stdlib.h>

#define SECOND_US UINT64_C(1000000)
#define COUNT_MAX 1000000
#define PERIOD_MAX_S 86400
#define TRIES 64 /* against other workers that count the same network */

typedef struct Key {
    uint8_t kind;
    uint8_t of_prefix;
    uint8_t address_len;
    uint8_t address[16];
    uint64_t interval_us;
    uint64_t tolerance_us;
} Key;

/*
 * Reading
 */

static void
skip_space(const char **at)
{
    *at += strspn(*at, " \t");
}

static bool
take_word(const char **at, const char *word)
{
    size_t len = strlen(word);

    if (strncmp(*at, word, len) != 0
        || ((*at)[len] != ' ' && (*at)[len] != '\t'))
        return false;
    *at += len;
    skip_space(at);
    return true;
}

/* 0: no number from 1 to max. */
static uint64_t
take_number(const char **at, uint64_t max)
{
    uint64_t number = 0;

    for (; **at >= '0' && **at <= '9'; ++*at) {
        number = number * 10 + (uint64_t)(**at - '0');
        if (number > max)
            return 0;
    }
    return number;
}

/* 0: no unit. */
static uint64_t
take_unit(const char **at)
{
    static const struct {
        char name;
        uint64_t seconds;
    } units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };

    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (**at == units[i].name) {
            ++*at;
            return units[i].seconds;
        }
    return 0;
}

static bool
take_rate(const char **at, uint64_t *out_count, uint64_t *out_period_s)
{
    *out_count = take_number(at, COUNT_MAX);
    if (*out_count == 0 || **at != '/')
        return false;
    ++*at;
    *out_period_s = take_number(at, PERIOD_MAX_S) * take_unit(at);
    return *out_period_s > 0 && *out_period_s <= PERIOD_MAX_S;
}

static bool
take_burst(const char **at, uint64_t *burst)
{
    skip_space(at);
    if (**at == '\0')
        return true;
    if (!take_word(at, "burst"))
        return false;
    *burst = take_number(at, COUNT_MAX);
    skip_space(at);
    return *burst > 0 && **at == '\0';
}

bool
rate_parse(Rate *self, WnStr text, WnError *err)
{
    const char *at = text.ptr;
    uint64_t count, period_s, burst;
    const char *rest;

    memset(self, 0, sizeof *self);
    skip_space(&at);
    if (take_word(&at, "messages"))
        self->kind = RATE_MESSAGES;
    else
        take_word(&at, "connections");
    self->of_prefix = take_word(&at, "prefix");
    if (!self->of_prefix)
        take_word(&at, "address");
    rest = at;
    if (!take_rate(&at, &count, &period_s)
        || (burst = count, !take_burst(&at, &burst))) {
        wn_error_set(err,
            "rate: \"%.100s\" is no rate (like 100/1m or "
            "messages prefix 500/1h burst 1000)",
            text.ptr);
        return false;
    }
    snprintf(self->text, sizeof self->text, "%s", rest);
    self->interval_us = period_s * SECOND_US / count;
    if (self->interval_us == 0)
        self->interval_us = 1;
    self->tolerance_us = self->interval_us * burst;
    return true;
}

/*
 * Counting
 */

static uint32_t
prefix_bits(const Rate *self, const WnClient *client)
{
    if (client->address_len == 4)
        return self->of_prefix ? 24 : 32;
    return self->of_prefix ? 48 : 64;
}

/* No padding byte is left to chance: the key is compared as bytes. */
static void
key_of(const Rate *self, const WnClient *client, Key *out)
{
    memset(out, 0, sizeof *out);
    out->kind = (uint8_t)self->kind;
    out->of_prefix = self->of_prefix;
    out->address_len = (uint8_t)client->address_len;
    memcpy(out->address, client->address, prefix_bits(self, client) / 8);
    out->interval_us = self->interval_us;
    out->tolerance_us = self->tolerance_us;
}

/* The moment after one token more; 0: there is none.  One that is further off
 * than the bucket is large was written before the clock was set back. */
static uint64_t
next_moment(const Rate *self, uint64_t full_us, uint64_t now_us)
{
    if (full_us < now_us || full_us - now_us > self->tolerance_us)
        full_us = now_us;
    full_us += self->interval_us;
    return full_us - now_us <= self->tolerance_us ? full_us : 0;
}

static uint64_t
load(const Rates *self, const Key *key)
{
    uint64_t value;

    self->host->shared->load(self->host, key, sizeof *key, &value);
    return value;
}

/* True also where others are always faster: the one that is not counted is a
 * small matter. */
static bool
take_one(const Rates *self, const Rate *rate, const Key *key, uint64_t now_us)
{
    for (unsigned i = 0; i < TRIES; i++) {
        uint64_t full_us = load(self, key);
        uint64_t next_us = next_moment(rate, full_us, now_us);
        uint64_t ttl_s;

        if (next_us == 0)
            return false;
        ttl_s = (next_us - now_us) / SECOND_US + 2;
        if (self->host->shared->replace(self->host, key, sizeof *key, full_us,
                next_us, ttl_s < UINT32_MAX ? (uint32_t)ttl_s : UINT32_MAX)
            != WN_E_STATE)
            return true;
    }
    return true;
}

const Rate *
rates_take(const Rates *self, RateKind kind, const WnClient *client)
{
    uint64_t now_us = (uint64_t)self->host->timer->unix_time(self->host)
                      * SECOND_US;
    Key keys[RATES_MAX];

    for (unsigned i = 0; i < self->n; i++) {
        const Rate *rate = &self->rates[i];

        key_of(rate, client, &keys[i]);
        if (rate->kind == kind
            && next_moment(rate, load(self, &keys[i]), now_us) == 0)
            return rate;
    }
    for (unsigned i = 0; i < self->n; i++)
        if (self->rates[i].kind == kind
            && !take_one(self, &self->rates[i], &keys[i], now_us))
            return &self->rates[i];
    return NULL;
}

void
rate_describe(const Rate *self, const WnClient *client, char *out, size_t size)
{
    uint8_t network[16] = { 0 };
    char text[INET6_ADDRSTRLEN];
    uint32_t bits = prefix_bits(self, client);

    memcpy(network, client->address, bits / 8);
    inet_ntop(client->address_len == 4 ? AF_INET : AF_INET6, network, text,
        sizeof text);
    if (bits == 32)
        snprintf(out, size, "%s over %s", text, self->text);
    else
        snprintf(out, size, "%s/%u over %s", text, bits, self->text);
}
