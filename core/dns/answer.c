/* SPDX-License-Identifier: MIT */
#include "core/dns/answer.h"

#include <ares.h>
#include <arpa/nameser.h>

/* How long answers are kept, in seconds.  Negative ones: RFC 2308 §5. */
#define TTL_MIN 1
#define TTL_MAX 3600
#define NEGATIVE_TTL_MAX 300
#define FAILURE_TTL 5

#define HEADER_LEN 12
#define ALIASES_MAX 16 /* one after the other */
#define AD_BIT 0x20    /* in the header's fourth octet */

typedef struct Parse {
    WnSpan message;
    size_t at;
    bool failed;
    WnRrType type;
    uint32_t ttl; /* the smallest of the answer */
    uint32_t negative_ttl;
    uint32_t n_records;
    WnRecord records[WN_ANSWER_RECORDS_MAX];
    GString *texts; /* those of the records, each with a NUL behind */
    GString *owner; /* the name asked for, or what its aliases lead to */
    bool secure;
} Parse;

typedef struct Rr {
    size_t name_at;
    uint16_t type;
    uint16_t class;
    uint32_t ttl;
    size_t data_at;
    size_t data_len;
} Rr;

static size_t
rest(const Parse *self)
{
    return self->message.len - self->at;
}

static const unsigned char *
octets(const Parse *self, size_t at)
{
    return (const unsigned char *)self->message.ptr + at;
}

static uint32_t
number_at(const Parse *self, size_t at, size_t len)
{
    uint32_t value = 0;

    for (size_t i = 0; i < len; i++)
        value = value << 8 | octets(self, at)[i];
    return value;
}

static uint32_t
take_number(Parse *self, size_t len)
{
    uint32_t value;

    if (rest(self) < len) {
        self->failed = true;
        return 0;
    }
    value = number_at(self, self->at, len);
    self->at += len;
    return value;
}

static void
skip(Parse *self, size_t len)
{
    if (rest(self) < len)
        self->failed = true;
    else
        self->at += len;
}

/* A name ends with a zero octet or a pointer (RFC 1035 §4.1.4). */
static void
skip_name(Parse *self)
{
    while (!self->failed) {
        uint32_t len = take_number(self, 1);

        if (self->failed || len == 0)
            return;
        if (len >= 0xc0) {
            skip(self, 1);
            return;
        }
        if (len > 63)
            self->failed = true;
        else
            skip(self, len);
    }
}

static Rr
take_rr(Parse *self)
{
    Rr rr = { .name_at = self->at };

    skip_name(self);
    rr.type = (uint16_t)take_number(self, 2);
    rr.class = (uint16_t)take_number(self, 2);
    rr.ttl = take_number(self, 4);
    rr.data_len = take_number(self, 2);
    rr.data_at = self->at;
    skip(self, rr.data_len);
    if (rr.ttl > INT32_MAX) /* RFC 2181 §8 */
        rr.ttl = 0;
    return rr;
}

/* Appends the name there, expanded, in lower case; its length in the message,
 * 0 if it is none. */
static size_t
expand_name(const Parse *self, size_t at, GString *out)
{
    char *name = NULL;
    long used = 0;
    size_t begin = out->len;

    if (ares_expand_name(octets(self, at), octets(self, 0),
            (int)self->message.len, &name, &used)
        != ARES_SUCCESS)
        return 0;
    g_string_append(out, name);
    ares_free_string(name);
    for (size_t i = begin; i < out->len; i++)
        out->str[i] = g_ascii_tolower(out->str[i]);
    return (size_t)used;
}

/* The name in the record's data from skip_len on. */
static bool
add_name(Parse *self, const Rr *rr, size_t skip_len, WnRecord *record)
{
    size_t begin = self->texts->len;
    size_t used;

    if (rr->data_len <= skip_len)
        return false;
    used = expand_name(self, rr->data_at + skip_len, self->texts);
    record->text_len = self->texts->len - begin;
    return used > 0 && used <= rr->data_len - skip_len;
}

/* The strings of a TXT record, joined (RFC 7208 §3.3). */
static bool
add_strings(Parse *self, const Rr *rr, WnRecord *record)
{
    size_t at = rr->data_at;
    size_t end = rr->data_at + rr->data_len;

    while (at < end) {
        size_t len = number_at(self, at, 1);

        at++;
        if (len > end - at)
            return false;
        g_string_append_len(self->texts, self->message.ptr + at, (gssize)len);
        record->text_len += len;
        at += len;
    }
    return true;
}

static bool
add_address(Parse *self, const Rr *rr, size_t len, WnRecord *record)
{
    if (rr->data_len != len)
        return false;
    record->address.len = (uint8_t)len;
    memcpy(record->address.bytes, octets(self, rr->data_at), len);
    return true;
}

static bool
fill_record(Parse *self, const Rr *rr, WnRecord *record)
{
    switch (self->type) {
    case WN_RR_A:
        return add_address(self, rr, 4, record);
    case WN_RR_AAAA:
        return add_address(self, rr, 16, record);
    case WN_RR_MX:
        if (rr->data_len < 2)
            return false;
        record->preference = (uint16_t)number_at(self, rr->data_at, 2);
        return add_name(self, rr, 2, record);
    case WN_RR_NS:
    case WN_RR_CNAME:
    case WN_RR_PTR:
        return add_name(self, rr, 0, record);
    case WN_RR_TLSA:
        g_string_append_len(self->texts, self->message.ptr + rr->data_at,
            (gssize)rr->data_len);
        return true;
    case WN_RR_TXT:
        return add_strings(self, rr, record);
    }
    return false;
}

static bool
is_owned(Parse *self, const Rr *rr)
{
    g_autoptr(GString) name = g_string_new(NULL);

    if (expand_name(self, rr->name_at, name) == 0)
        self->failed = true;
    return !self->failed && g_string_equal(name, self->owner);
}

/* A record that cannot be read spoils the answer: what would be missing might
 * be what matters.  One that is another name's is none of it. */
static void
take_answer(Parse *self)
{
    Rr rr = take_rr(self);
    WnRecord record = { .type = rr.type };
    size_t begin = self->texts->len;

    if (self->failed || rr.class != ns_c_in || rr.type != self->type
        || self->n_records == WN_ANSWER_RECORDS_MAX || !is_owned(self, &rr))
        return;
    self->ttl = MIN(self->ttl, rr.ttl);
    if (!fill_record(self, &rr, &record)) {
        self->failed = true;
        return;
    }
    g_string_append_c(self->texts, '\0');
    record.text_len = self->texts->len - 1 - begin;
    self->records[self->n_records++] = record;
}

/* The smaller of the SOA's TTL and its last field, the minimum. */
static void
take_authority(Parse *self)
{
    Rr rr = take_rr(self);

    if (self->failed || rr.type != ns_t_soa || rr.data_len < 22)
        return;
    self->negative_ttl = MIN(rr.ttl,
        number_at(self, rr.data_at + rr.data_len - 4, 4));
}

static void
take_question(Parse *self)
{
    g_string_truncate(self->owner, 0);
    if (rest(self) == 0 || expand_name(self, self->at, self->owner) == 0)
        self->failed = true;
    skip_name(self);
    skip(self, 4);
}

/* The alias of the owner among the answers becomes the owner; false: it has
 * none, or a broken one. */
static bool
follow_alias(Parse *self, uint32_t n_answers)
{
    size_t begin = self->at;

    for (uint32_t i = 0; i < n_answers && !self->failed; i++) {
        Rr rr = take_rr(self);

        if (self->failed || rr.class != ns_c_in || rr.type != ns_t_cname
            || !is_owned(self, &rr))
            continue;
        self->ttl = MIN(self->ttl, rr.ttl);
        g_string_truncate(self->owner, 0);
        self->at = begin;
        if (expand_name(self, rr.data_at, self->owner) == 0)
            self->failed = true;
        return !self->failed;
    }
    self->at = begin;
    return false;
}

static void
follow_aliases(Parse *self, uint32_t n_answers)
{
    if (self->type == WN_RR_CNAME)
        return;
    for (int i = 0; i < ALIASES_MAX && follow_alias(self, n_answers); i++)
        continue;
}

static void
parse_message(Parse *self)
{
    uint32_t n_questions;
    uint32_t n_answers;
    uint32_t n_authorities;

    self->secure = number_at(self, 3, 1) & AD_BIT;
    skip(self, 4);
    n_questions = take_number(self, 2);
    n_answers = take_number(self, 2);
    n_authorities = take_number(self, 2);
    skip(self, 2);
    for (uint32_t i = 0; i < n_questions && !self->failed; i++)
        take_question(self);
    follow_aliases(self, n_answers);
    for (uint32_t i = 0; i < n_answers && !self->failed; i++)
        take_answer(self);
    for (uint32_t i = 0; i < n_authorities && !self->failed; i++)
        take_authority(self);
}

static uint32_t
ttl_of(const Parse *self, WnResolved status)
{
    switch (status) {
    case WN_RESOLVED_FOUND:
        return CLAMP(self->ttl, TTL_MIN, TTL_MAX);
    case WN_RESOLVED_NO_DATA:
    case WN_RESOLVED_NO_NAME:
        return CLAMP(self->negative_ttl, TTL_MIN, NEGATIVE_TTL_MAX);
    case WN_RESOLVED_FAILED:
        break;
    }
    return FAILURE_TTL;
}

static WnAnswer *
build(const Parse *self, WnResolved status, int64_t now_ms)
{
    uint32_t n = status == WN_RESOLVED_FOUND ? self->n_records : 0;
    size_t texts_len = n > 0 ? self->texts->len : 0;
    size_t owner_len = n > 0 ? self->owner->len : 0;
    size_t size = sizeof(WnAnswer) + n * sizeof(WnRecord) + texts_len
                  + owner_len + 1;
    WnAnswer *answer = g_malloc0(size);
    char *texts = (char *)&answer->records[n];

    answer->n_owners = 1;
    answer->size = size;
    answer->resolution = (WnResolution){ .status = status,
        .n_records = n,
        .records = answer->records,
        .owner = texts + texts_len,
        .secure = status != WN_RESOLVED_FAILED && self->secure,
        .expires_ms = now_ms + (int64_t)ttl_of(self, status) * 1000 };
    if (n == 0)
        return answer;
    memcpy(answer->records, self->records, n * sizeof(WnRecord));
    memcpy(texts, self->texts->str, texts_len);
    memcpy(texts + texts_len, self->owner->str, owner_len);
    for (uint32_t i = 0; i < n; i++) {
        answer->records[i].text = texts;
        texts += answer->records[i].text_len + 1;
    }
    return answer;
}

WnAnswer *
wn_answer_new(WnResolved status, WnSpan message, WnRrType type, int64_t now_ms)
{
    Parse parse = { .message = message,
        .type = type,
        .ttl = TTL_MAX,
        .negative_ttl = FAILURE_TTL };
    WnAnswer *answer;

    parse.texts = g_string_new(NULL);
    parse.owner = g_string_new(NULL);
    if (status != WN_RESOLVED_FAILED && message.len >= HEADER_LEN)
        parse_message(&parse);
    if (status == WN_RESOLVED_FOUND) {
        if (parse.failed || message.len < HEADER_LEN)
            status = WN_RESOLVED_FAILED;
        else if (parse.n_records == 0)
            status = WN_RESOLVED_NO_DATA;
    }
    answer = build(&parse, status, now_ms);
    g_string_free(parse.texts, TRUE);
    g_string_free(parse.owner, TRUE);
    return answer;
}

WnAnswer *
wn_answer_ref(WnAnswer *self)
{
    self->n_owners++;
    return self;
}

void
wn_answer_unref(WnAnswer *self)
{
    if (self == NULL)
        return;
    self->n_owners--;
    if (self->n_owners == 0)
        g_free(self);
}
