/* SPDX-License-Identifier: MIT */
#include "core/dns/resolver.h"

/* Names of one address that are tried; more are an error of their owner or an
 * attempt to make us work. */
#define NAMES_MAX 5

/*
 * on_names: the PTR records; then one name after another, ask_next and
 * on_addresses, until one holds the address or there are no more.
 */
struct WnPtrLookup {
    WnResolver *resolver;
    WnNetaddr address;
    WnQuestion *question; /* the one in flight */
    GPtrArray *names;
    guint n_tried;
    bool failed; /* of at least one name nothing is known */
    WnPtrFn fn;
    void *user;
};

char *
wn_resolver_reverse_name(const WnNetaddr *address)
{
    GString *name = g_string_sized_new(80);

    for (size_t i = address->len; i > 0; i--) {
        unsigned octet = address->bytes[i - 1];

        if (address->len == 4)
            g_string_append_printf(name, "%u.", octet);
        else
            g_string_append_printf(name, "%x.%x.", octet & 15, octet >> 4);
    }
    g_string_append(name, address->len == 4 ? "in-addr.arpa" : "ip6.arpa");
    return g_string_free(name, FALSE);
}

static void
lookup_free(WnPtrLookup *self)
{
    g_ptr_array_unref(self->names);
    g_free(self);
}

static void
finish(WnPtrLookup *self, WnPtrStatus status, guint name_index)
{
    WnPtrFn fn = self->fn;
    void *user = self->user;
    g_autofree char *name = NULL;

    if (status == WN_PTR_VERIFIED || status == WN_PTR_MISMATCH)
        name = g_strdup(g_ptr_array_index(self->names, name_index));
    lookup_free(self);
    fn(user, status, name);
}

/* The name goes into header fields and logs. */
static bool
is_host_name(const char *name, size_t len)
{
    if (len == 0 || len > 253)
        return false;
    for (size_t i = 0; i < len; i++)
        if (!g_ascii_isalnum(name[i]) && name[i] != '-' && name[i] != '_'
            && name[i] != '.')
            return false;
    return true;
}

static bool
holds(const WnResolution *resolution, const WnNetaddr *address)
{
    for (uint32_t i = 0; i < resolution->n_records; i++)
        if (wn_netaddr_eq(&resolution->records[i].address, address))
            return true;
    return false;
}

static void ask_next(WnPtrLookup *self);

static void
on_addresses(void *user, const WnResolution *resolution)
{
    WnPtrLookup *self = user;

    self->question = NULL;
    if (holds(resolution, &self->address)) {
        finish(self, WN_PTR_VERIFIED, self->n_tried - 1);
        return;
    }
    if (resolution->status == WN_RESOLVED_FAILED)
        self->failed = true;
    ask_next(self);
}

static void
ask_next(WnPtrLookup *self)
{
    WnRrType type = self->address.len == 4 ? WN_RR_A : WN_RR_AAAA;
    const char *name;

    if (self->n_tried == self->names->len) {
        finish(self, self->failed ? WN_PTR_UNKNOWN : WN_PTR_MISMATCH, 0);
        return;
    }
    name = g_ptr_array_index(self->names, self->n_tried);
    self->n_tried++;
    self->question = wn_resolver_ask(self->resolver, name, type, on_addresses,
        self);
}

static void
on_names(void *user, const WnResolution *resolution)
{
    WnPtrLookup *self = user;

    self->question = NULL;
    for (uint32_t i = 0;
         i < resolution->n_records && self->names->len < NAMES_MAX; i++) {
        const WnRecord *record = &resolution->records[i];

        if (is_host_name(record->text, record->text_len))
            g_ptr_array_add(self->names, g_strdup(record->text));
    }
    if (resolution->status == WN_RESOLVED_FAILED)
        finish(self, WN_PTR_UNKNOWN, 0);
    else if (self->names->len == 0)
        finish(self, WN_PTR_NONE, 0);
    else
        ask_next(self);
}

WnPtrLookup *
wn_ptr_lookup(WnResolver *resolver, const WnNetaddr *address, WnPtrFn fn,
    void *user)
{
    WnPtrLookup *self = g_new0(WnPtrLookup, 1);
    g_autofree char *name = wn_resolver_reverse_name(address);

    self->resolver = resolver;
    self->address = *address;
    self->address.port = 0; /* as in records */
    self->names = g_ptr_array_new_with_free_func(g_free);
    self->fn = fn;
    self->user = user;
    self->question = wn_resolver_ask(resolver, name, WN_RR_PTR, on_names, self);
    return self;
}

void
wn_ptr_lookup_cancel(WnPtrLookup *self)
{
    wn_question_cancel(self->question);
    lookup_free(self);
}
