/* SPDX-License-Identifier: MIT */
#include "core/plugin/message_view.h"

struct WnMessageView {
    WnMessage *message;
    WnArena *arena;
    GHashTable *made; /* the core's struct -> the SDK's */
};

WnMessageView *
wn_message_view_new(WnMessage *message)
{
    WnMessageView *self = g_new0(WnMessageView, 1);

    self->message = message;
    self->arena = wn_arena_new(0);
    self->made = g_hash_table_new(NULL, NULL);
    return self;
}

void
wn_message_view_free(WnMessageView *self)
{
    if (self == NULL)
        return;
    g_hash_table_unref(self->made);
    wn_arena_free(self->arena);
    g_free(self);
}

WnMessage *
wn_message_view_message(WnMessageView *self)
{
    return self->message;
}

static void *
find_made(WnMessageView *self, const void *from)
{
    return g_hash_table_lookup(self->made, from);
}

static void
keep_made(WnMessageView *self, const void *from, void *made)
{
    g_hash_table_insert(self->made, (void *)(uintptr_t)from, made);
}

static const WnHeader *
convert_header(WnMessageView *self, const WnMessageHeader *from)
{
    WnHeader *header;

    if (from == NULL)
        return NULL;
    header = find_made(self, from);
    if (header != NULL)
        return header;
    header = wn_arena_new0(self->arena, WnHeader);
    header->struct_size = sizeof *header;
    header->name = wn_sdk_str(from->name);
    header->raw = wn_sdk_str(from->raw);
    header->value = wn_sdk_str(from->value);
    keep_made(self, from, header);
    return header;
}

const WnHeader *
wn_message_view_header(WnMessageView *self, uint32_t n)
{
    if (n >= wn_message_n_headers(self->message))
        return NULL;
    return convert_header(self, wn_message_header(self->message, n));
}

const WnHeader *
wn_message_view_header_named(WnMessageView *self, const char *name, uint32_t n)
{
    return convert_header(self,
        wn_message_header_named(self->message, name, n));
}

const WnPart *
wn_message_view_part(WnMessageView *self, uint32_t n)
{
    const WnMessagePart *from;
    WnPart *part;

    if (n >= wn_message_n_parts(self->message))
        return NULL;
    from = wn_message_part(self->message, n);
    part = find_made(self, from);
    if (part != NULL)
        return part;
    part = wn_arena_new0(self->arena, WnPart);
    part->struct_size = sizeof *part;
    part->flags = from->flags;
    part->parent = from->parent;
    part->depth = from->depth;
    part->type = wn_sdk_str(from->type);
    part->charset = wn_sdk_str(from->charset);
    part->file_name = wn_sdk_str(from->file_name);
    part->raw = wn_sdk_str(from->raw);
    keep_made(self, from, part);
    return part;
}

const WnUrl *
wn_message_view_url(WnMessageView *self, uint32_t n)
{
    const WnMessageUrl *from = wn_message_url(self->message, n);
    WnUrl *url;

    if (from == NULL)
        return NULL;
    url = find_made(self, from);
    if (url != NULL)
        return url;
    url = wn_arena_new0(self->arena, WnUrl);
    url->struct_size = sizeof *url;
    url->flags = from->flags;
    url->text = wn_sdk_str(from->text);
    url->host = wn_sdk_str(from->host);
    url->registered = wn_sdk_str(from->registered);
    url->path = wn_sdk_str(from->path);
    url->query = wn_sdk_str(from->query);
    url->part = from->part;
    url->port = from->port;
    keep_made(self, from, url);
    return url;
}

const WnPhone *
wn_message_view_phone(WnMessageView *self, const char *country, uint32_t n)
{
    const WnMessagePhone *from = wn_message_phone(self->message, country, n);
    WnPhone *phone;

    if (from == NULL)
        return NULL;
    phone = find_made(self, from);
    if (phone != NULL)
        return phone;
    phone = wn_arena_new0(self->arena, WnPhone);
    phone->struct_size = sizeof *phone;
    phone->flags = from->flags;
    phone->text = wn_sdk_str(from->text);
    phone->digits = wn_sdk_str(from->digits);
    phone->part = from->part;
    keep_made(self, from, phone);
    return phone;
}
