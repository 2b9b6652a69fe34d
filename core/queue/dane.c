/* SPDX-License-Identifier: MIT */
#include "core/queue/dane.h"

#define CANDIDATES 2

struct WnDane {
    WnResolver *resolver;
    char *host;
    uint16_t port;
    WnDaneFn fn;
    void *user;

    WnDaneState concluded; /* ASKING: never */
    unsigned version;
    char *base;
    GPtrArray *records;
    int64_t expires_ms;

    WnQuestion *questions[2];   /* AAAA, A; then the first one only */
    bool found, failed, secure; /* the addresses, so far */
    int64_t earliest_ms;        /* to expire, so far */
    char *candidates[CANDIDATES];
    unsigned n_candidates;
    unsigned candidate; /* whose TLSA is asked for */
};

static void
set_candidate(WnDane *self, const char *name)
{
    self->candidates[self->n_candidates++] = g_strdup(name);
}

static void
forget_candidates(WnDane *self)
{
    for (unsigned i = 0; i < self->n_candidates; i++)
        g_clear_pointer(&self->candidates[i], g_free);
    self->n_candidates = 0;
    self->candidate = 0;
}

static void
tell(WnDane *self)
{
    self->expires_ms = self->earliest_ms;
    self->fn(self->user);
}

/* Without records. */
static void
conclude(WnDane *self, WnDaneState state)
{
    self->version += self->concluded != state;
    self->concluded = state;
    g_clear_pointer(&self->records, g_ptr_array_unref);
    g_clear_pointer(&self->base, g_free);
    tell(self);
}

/* Name servers rotate them. */
static bool
has_record(const GPtrArray *records, const GBytes *record)
{
    for (guint i = 0; i < records->len; i++)
        if (g_bytes_equal(records->pdata[i], record))
            return true;
    return false;
}

static bool
has_all(const GPtrArray *records, const GPtrArray *others)
{
    for (guint i = 0; i < others->len; i++)
        if (!has_record(records, others->pdata[i]))
            return false;
    return true;
}

static bool
is_as_before(const WnDane *self, const char *base, const GPtrArray *records)
{
    return self->concluded == WN_DANE_RECORDS && g_str_equal(self->base, base)
           && has_all(self->records, records)
           && has_all(records, self->records);
}

static void
conclude_records(WnDane *self, const WnResolution *answer)
{
    const char *base = self->candidates[self->candidate];
    GPtrArray *records = g_ptr_array_new_with_free_func(
        (GDestroyNotify)g_bytes_unref);

    for (uint32_t i = 0; i < answer->n_records; i++)
        g_ptr_array_add(records,
            g_bytes_new(answer->records[i].text, answer->records[i].text_len));
    self->version += !is_as_before(self, base, records);
    self->concluded = WN_DANE_RECORDS;
    g_clear_pointer(&self->records, g_ptr_array_unref);
    self->records = records;
    g_free(self->base);
    self->base = g_strdup(base);
    tell(self);
}

static void ask_records(WnDane *self);

static void
on_records(void *user, const WnResolution *answer)
{
    WnDane *self = user;

    self->questions[0] = NULL;
    self->earliest_ms = MIN(self->earliest_ms, answer->expires_ms);
    if (answer->status == WN_RESOLVED_FAILED) {
        conclude(self, WN_DANE_FAILED);
    } else if (answer->status == WN_RESOLVED_FOUND && answer->secure) {
        conclude_records(self, answer);
    } else if (++self->candidate < self->n_candidates) {
        ask_records(self);
    } else {
        conclude(self, WN_DANE_NONE);
    }
}

static void
ask_records(WnDane *self)
{
    g_autofree char *name = g_strdup_printf("_%u._tcp.%s", self->port,
        self->candidates[self->candidate]);

    self->questions[0] = wn_resolver_ask(self->resolver, name, WN_RR_TLSA,
        on_records, self);
}

/* The zone of the alias may be signed though that of its target is not. */
static void
on_alias(void *user, const WnResolution *answer)
{
    WnDane *self = user;

    self->questions[0] = NULL;
    self->earliest_ms = MIN(self->earliest_ms, answer->expires_ms);
    if (answer->status == WN_RESOLVED_FAILED) {
        conclude(self, WN_DANE_FAILED);
    } else if (answer->status == WN_RESOLVED_FOUND && answer->secure) {
        set_candidate(self, self->host);
        ask_records(self);
    } else {
        conclude(self, WN_DANE_NONE);
    }
}

/* Both kinds of address are there; owner is behind the aliases. */
static void
take_addresses(WnDane *self, const char *owner)
{
    bool is_alias = g_ascii_strcasecmp(owner, self->host) != 0;

    if (self->secure) {
        if (is_alias)
            set_candidate(self, owner);
        set_candidate(self, self->host);
        ask_records(self);
    } else if (is_alias) {
        self->questions[0] = wn_resolver_ask(self->resolver, self->host,
            WN_RR_CNAME, on_alias, self);
    } else {
        conclude(self, WN_DANE_NONE);
    }
}

static void
take_answer(WnDane *self, const WnResolution *answer)
{
    self->earliest_ms = MIN(self->earliest_ms, answer->expires_ms);
    if (answer->status == WN_RESOLVED_FAILED)
        self->failed = true;
    if (answer->status == WN_RESOLVED_FOUND) {
        self->secure = answer->secure && (self->secure || !self->found);
        self->found = true;
        if (self->n_candidates == 0)
            set_candidate(self, answer->owner);
    }
    if (self->questions[0] != NULL || self->questions[1] != NULL)
        return;
    if (self->found) {
        g_autofree char *owner = g_steal_pointer(&self->candidates[0]);

        self->n_candidates = 0;
        take_addresses(self, owner);
    } else {
        conclude(self, self->failed ? WN_DANE_FAILED : WN_DANE_NONE);
    }
}

static void
on_aaaa(void *user, const WnResolution *answer)
{
    WnDane *self = user;

    self->questions[0] = NULL;
    take_answer(self, answer);
}

static void
on_a(void *user, const WnResolution *answer)
{
    WnDane *self = user;

    self->questions[1] = NULL;
    take_answer(self, answer);
}

static void
cancel(WnDane *self)
{
    for (size_t i = 0; i < G_N_ELEMENTS(self->questions); i++)
        g_clear_pointer(&self->questions[i], wn_question_cancel);
    forget_candidates(self);
}

void
wn_dane_look_up(WnDane *self)
{
    cancel(self);
    self->found = self->failed = self->secure = false;
    self->earliest_ms = INT64_MAX;
    self->questions[0] = wn_resolver_ask(self->resolver, self->host, WN_RR_AAAA,
        on_aaaa, self);
    self->questions[1] = wn_resolver_ask(self->resolver, self->host, WN_RR_A,
        on_a, self);
}

WnDane *
wn_dane_new(WnResolver *resolver, const char *host, uint16_t port, WnDaneFn fn,
    void *user)
{
    WnDane *self = g_new0(WnDane, 1);
    size_t len = strlen(host);

    self->resolver = resolver;
    self->host = g_strndup(host,
        len > 0 && host[len - 1] == '.' ? len - 1 : len);
    self->port = port;
    self->fn = fn;
    self->user = user;
    return self;
}

void
wn_dane_free(WnDane *self)
{
    if (self == NULL)
        return;
    cancel(self);
    g_clear_pointer(&self->records, g_ptr_array_unref);
    g_free(self->base);
    g_free(self->host);
    g_free(self);
}

WnDaneState
wn_dane_state(const WnDane *self)
{
    bool asking = self->questions[0] != NULL || self->questions[1] != NULL;

    return asking && self->concluded != WN_DANE_RECORDS ? WN_DANE_ASKING
                                                        : self->concluded;
}

unsigned
wn_dane_version(const WnDane *self)
{
    return self->version;
}

const char *
wn_dane_base(const WnDane *self)
{
    return self->base;
}

const GPtrArray *
wn_dane_records(const WnDane *self)
{
    return self->records;
}

int64_t
wn_dane_expires(const WnDane *self)
{
    return self->expires_ms;
}
