/* SPDX-License-Identifier: MIT */
#include "core/queue/sorter.h"

#include "core/queue/route.h"

typedef struct Entry {
    const WnSpoolRecipient *recipient;
    const WnEnvelopeScope *scope;
    uint32_t scope_index;
    char *domain;      /* interned; NULL */
    WnSpan local_part; /* empty if redirected */
} Entry;

static int
compare_spans(WnSpan a, WnSpan b)
{
    int order = memcmp(a.ptr, b.ptr, MIN(a.len, b.len));

    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* Held until the operator says so, or until it expires. */
static int
hold_kind(const WnSpoolRecipient *recipient)
{
    return recipient->held ? 1 + (recipient->next_attempt != 0) : 0;
}

/* Interned names are equal if their pointers are. */
static int
compare_group(const Entry *a, const Entry *b)
{
    uintptr_t one = (uintptr_t)a->domain;
    uintptr_t other = (uintptr_t)b->domain;

    if (a->scope_index != b->scope_index)
        return a->scope_index < b->scope_index ? -1 : 1;
    if (one != other)
        return one < other ? -1 : 1;
    return hold_kind(a->recipient) - hold_kind(b->recipient);
}

static int
compare(const void *a, const void *b)
{
    const Entry *one = a;
    const Entry *other = b;
    int order = compare_group(one, other);

    if (order == 0)
        order = compare_spans(one->local_part, other->local_part);
    if (order == 0)
        order = one->recipient->index < other->recipient->index ? -1 : 1;
    return order;
}

static WnSpan
local_part(WnSpan address)
{
    const char *at = memrchr(address.ptr, '@', address.len);

    return at != NULL ? wn_span(address.ptr, (size_t)(at - address.ptr))
                      : address;
}

static char *
intern_domain(WnSpan address, const WnEnvelopeScope *scope)
{
    g_autofree char *domain = wn_route_domain_part(address);

    if (domain == NULL && scope->domain.len > 0)
        domain = g_ascii_strdown(scope->domain.ptr, (gssize)scope->domain.len);
    return domain != NULL ? g_ref_string_new_intern(domain) : NULL;
}

static Entry
make_entry(const WnSpoolFound *found, const WnSpoolRecipient *recipient)
{
    const WnEnvelope *envelope = found->envelope;
    const WnEnvelopeRecipient *to = &g_array_index(envelope->recipients,
        WnEnvelopeRecipient, recipient->index);
    const WnEnvelopeScope *scope = &g_array_index(envelope->scopes,
        WnEnvelopeScope, to->scope);
    bool redirected = scope->redirect.len > 0;

    return (Entry){ .recipient = recipient,
        .scope = scope,
        .scope_index = to->scope,
        .domain = intern_domain(redirected ? scope->redirect : to->address,
            scope),
        .local_part = redirected ? WN_SPAN_EMPTY : local_part(to->address) };
}

static bool
is_new_target(const Entry *entries, uint32_t i)
{
    return i == 0
           || compare_spans(entries[i].local_part, entries[i - 1].local_part)
                  != 0;
}

static void
make_parcel(WnQueued *message, const Entry *entries, uint32_t n, WnSortedFn fn,
    void *user)
{
    const WnSpoolRecipient *oldest = entries[0].recipient;
    WnParcel *parcel = wn_parcel_new(message, n);
    uint32_t target = 0;

    parcel->scope = entries[0].scope_index;
    parcel->redirected = entries[0].scope->redirect.len > 0;
    parcel->caught = entries[0].scope->caught;
    parcel->state = entries[0].recipient->held ? WN_PARCEL_HELD
                                               : WN_PARCEL_STALLED;
    if (entries[0].domain != NULL)
        parcel->domain = g_ref_string_acquire(entries[0].domain);
    for (uint32_t i = 0; i < n; i++) {
        const WnSpoolRecipient *recipient = entries[i].recipient;

        target += i > 0 && is_new_target(entries, i);
        parcel->recipients[i].index = recipient->index;
        parcel->recipients[i].target = target;
        parcel->attempts = MAX(parcel->attempts, recipient->attempts);
        parcel->delay_noted |= recipient->delay_noted;
        if (recipient->next_attempt < oldest->next_attempt)
            oldest = recipient;
        wn_parcel_set_reply(parcel, i, recipient->last_reply);
    }
    fn(user, parcel, oldest);
}

/* How many entries go into the next parcel. */
static uint32_t
count_group(const Entry *entries, uint32_t n)
{
    uint32_t n_targets = 0;

    for (uint32_t i = 0; i < n; i++) {
        if (compare_group(&entries[0], &entries[i]) != 0)
            return i;
        n_targets += is_new_target(entries, i);
        if (n_targets > WN_PARCEL_TARGETS_MAX)
            return i;
    }
    return n;
}

void
wn_sort_into_parcels(WnQueued *message, const WnSpoolFound *found,
    WnSortedFn fn, void *user)
{
    uint32_t n = found->n_recipients;
    g_autofree Entry *entries = g_new(Entry, n);
    uint32_t done = 0;

    for (uint32_t i = 0; i < n; i++)
        entries[i] = make_entry(found, &found->recipients[i]);
    if (n > 1)
        qsort(entries, n, sizeof(Entry), compare);
    while (done < n) {
        uint32_t group = count_group(entries + done, n - done);

        make_parcel(message, entries + done, group, fn, user);
        done += group;
    }
    for (uint32_t i = 0; i < n; i++)
        g_clear_pointer(&entries[i].domain, g_ref_string_release);
}
