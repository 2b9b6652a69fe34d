/* SPDX-License-Identifier: MIT */
#include "core/plugin/facts.h"

#include "core/base/idna.h"

#include <string.h>

/* Names that a client gives again and again, at HELO, are kept: a plugin may
 * have borrowed them. */
#define STRINGS_MAX (256u * 1024)

/* Tags that the core may leave one day; the SDK says so. */
#define RESERVED_TAGS "winnow."

void
wn_connection_facts_init(WnConnectionFacts *self, unsigned n_instances)
{
    *self = (WnConnectionFacts){
        .client = { .struct_size = sizeof(WnClient) },
        .store = { .arena = wn_arena_new(WN_CONNECTION_MEMORY_MAX),
            .slots = g_new0(void *, n_instances + 1) },
        .strings = wn_arena_new(STRINGS_MAX),
    };
}

void
wn_connection_facts_clear(WnConnectionFacts *self)
{
    wn_arena_free(self->store.arena);
    g_free(self->store.slots);
    wn_arena_free(self->strings);
}

bool
wn_connection_facts_exceeded(const WnConnectionFacts *self)
{
    return wn_arena_exceeded(self->store.arena)
           || wn_arena_exceeded(self->strings);
}

void
wn_txn_facts_init(WnTxnFacts *self, unsigned n_instances, const WnId *id,
    WnSpan sender)
{
    char text[WN_ID_TEXT_LEN + 1];

    *self = (WnTxnFacts){
        .store = { .arena = wn_arena_new(0),
            .slots = g_new0(void *, n_instances + 1) },
        .id = *id,
        .tags = g_hash_table_new(g_str_hash, g_str_equal),
        .addresses = g_hash_table_new(g_str_hash, g_str_equal),
    };
    wn_id_format(id, text);
    self->id_text = wn_sdk_str(
        wn_arena_copy(self->store.arena, wn_span_str(text)));
    self->sender = wn_txn_facts_address(self, sender);
}

void
wn_txn_facts_clear(WnTxnFacts *self)
{
    g_hash_table_unref(self->tags);
    g_hash_table_unref(self->addresses);
    wn_arena_free(self->store.arena);
    g_free(self->store.slots);
}

/* Where the domain begins; the length of text if there is none. */
static size_t
find_domain(WnSpan text)
{
    for (size_t i = text.len; i > 0; i--)
        if (text.ptr[i - 1] == '@')
            return i;
    return text.len;
}

/* "a b" and "a\"b" as the mailbox's owner knows them. */
static WnSpan
unquote(WnArena *arena, WnSpan local)
{
    char *out;
    size_t n = 0;

    if (local.len < 2 || local.ptr[0] != '"' || local.ptr[local.len - 1] != '"')
        return wn_arena_copy(arena, local);
    out = wn_arena_alloc(arena, local.len);
    for (size_t i = 1; i + 1 < local.len; i++) {
        if (local.ptr[i] == '\\' && i + 2 < local.len)
            i++;
        out[n++] = local.ptr[i];
    }
    return wn_span(out, n);
}

static WnSpan
lower_copy(WnArena *arena, WnSpan text)
{
    char *out = wn_arena_alloc(arena, text.len + 1);

    for (size_t i = 0; i < text.len; i++)
        out[i] = g_ascii_tolower(text.ptr[i]);
    return wn_span(out, text.len);
}

/* As it is compared: lower case, A-labels. */
static WnSpan
domain_copy(WnArena *arena, WnSpan domain)
{
    char name[WN_IDNA_MAX + 1];

    if (!wn_span_is_ascii(domain) && wn_domain_to_ascii(domain, name))
        return wn_arena_copy(arena, wn_span_str(name));
    return lower_copy(arena, domain);
}

static WnAddress *
address_new(WnArena *arena, WnSpan text)
{
    WnAddress *address = wn_arena_new0(arena, WnAddress);
    size_t domain_at = find_domain(text);
    size_t local_len = domain_at < text.len
                               || (text.len > 0
                                   && text.ptr[text.len - 1] == '@')
                           ? domain_at - 1
                           : text.len;
    WnSpan copy = wn_arena_copy(arena, text);

    address->struct_size = sizeof *address;
    address->text = wn_sdk_str(copy);
    address->local = wn_sdk_str(
        unquote(arena, wn_span_slice(copy, 0, local_len)));
    address->domain = wn_sdk_str(
        domain_copy(arena, wn_span_slice(copy, domain_at, text.len)));
    if (text.len == 0)
        address->flags |= WN_ADDR_NULL;
    if (!wn_span_is_ascii(text))
        address->flags |= WN_ADDR_UTF8;
    return address;
}

const WnAddress *
wn_txn_facts_address(WnTxnFacts *self, WnSpan text)
{
    g_autofree char *key = wn_span_dup(text);
    WnAddress *address = g_hash_table_lookup(self->addresses, key);

    if (address != NULL && address->text.len == text.len)
        return address;
    address = address_new(self->store.arena, text);
    g_hash_table_insert(self->addresses, (void *)(uintptr_t)address->text.ptr,
        address);
    return address;
}

static bool
is_tag_name(const char *name)
{
    size_t len = strlen(name);

    return len > 0 && len <= WN_TAG_NAME_MAX
           && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.-") == len
           && !g_str_has_prefix(name, RESERVED_TAGS);
}

static bool
is_tag_value(const char *value)
{
    size_t len = strlen(value);

    if (len > WN_TAG_VALUE_MAX || !g_utf8_validate(value, (gssize)len, NULL))
        return false;
    for (size_t i = 0; i < len; i++)
        if (g_ascii_iscntrl(value[i]))
            return false;
    return true;
}

int32_t
wn_txn_facts_set_tag(WnTxnFacts *self, const char *name, const char *value)
{
    WnSpan stored_name;
    WnSpan stored;

    if (name == NULL || value == NULL || !is_tag_name(name)
        || !is_tag_value(value))
        return WN_E_INVALID;
    if (!g_hash_table_contains(self->tags, name)
        && g_hash_table_size(self->tags) >= WN_TAGS_MAX)
        return WN_E_LIMIT;
    stored_name = wn_arena_copy(self->store.arena, wn_span_str(name));
    stored = wn_arena_copy(self->store.arena, wn_span_str(value));
    g_hash_table_replace(self->tags, (void *)(uintptr_t)stored_name.ptr,
        (void *)(uintptr_t)stored.ptr);
    return WN_OK;
}
