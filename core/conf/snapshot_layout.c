/* SPDX-License-Identifier: MIT */
#include "core/conf/snapshot_layout.h"

#include <string.h>

#include "core/base/crc32c.h"
#include "core/conf/snapshot_format.h"

#define LENGTH_MAX (UINT64_C(3) << 30) /* GByteArray ends at 4 GiB */

struct WnSnapshotLayout {
    GArray *records[WN_SNAP_N_SECTIONS]; /* all but strings */
    GByteArray *strings;
    GHashTable *shared; /* text to its offset, for what repeats */
};

WnSnapshotLayout *
wn_snapshot_layout_new(void)
{
    WnSnapshotLayout *self = g_new0(WnSnapshotLayout, 1);
    WnSnapClass empty = { .n_links = 0 };

    for (unsigned i = 0; i < WN_SNAP_STRINGS; i++)
        self->records[i] = g_array_new(FALSE, TRUE, wn_snap_record_size(i));
    self->strings = g_byte_array_new();
    g_byte_array_append(self->strings, (const uint8_t *)"", 1);
    self->shared = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_array_append_val(self->records[WN_SNAP_CLASSES], empty);
    return self;
}

void
wn_snapshot_layout_free(WnSnapshotLayout *self)
{
    if (self == NULL)
        return;
    for (unsigned i = 0; i < WN_SNAP_STRINGS; i++)
        g_array_unref(self->records[i]);
    g_byte_array_unref(self->strings);
    g_hash_table_unref(self->shared);
    g_free(self);
}

static WnSnapText
add_text(WnSnapshotLayout *self, const char *text)
{
    WnSnapText ref = { self->strings->len, (uint32_t)strlen(text) };

    /* What no longer fits stays out; finish sees the length and gives up. */
    if ((uint64_t)ref.offset + ref.len < LENGTH_MAX)
        g_byte_array_append(self->strings, (const uint8_t *)text, ref.len + 1);
    return ref;
}

/* For texts that are likely to be there already. */
static WnSnapText
share_text(WnSnapshotLayout *self, const char *text)
{
    uint32_t offset;
    WnSnapText ref;

    if (text == NULL || *text == '\0')
        return (WnSnapText){ 0, 0 };
    offset = GPOINTER_TO_UINT(g_hash_table_lookup(self->shared, text));
    if (offset > 0)
        return (WnSnapText){ offset, (uint32_t)strlen(text) };
    ref = add_text(self, text);
    g_hash_table_insert(self->shared, g_strdup(text),
        GUINT_TO_POINTER(ref.offset));
    return ref;
}

static void
add_link(WnSnapshotLayout *self, const WnChainLink *link)
{
    GArray *options = self->records[WN_SNAP_OPTIONS];
    WnSnapLink record = {
        .filter = share_text(self, link->filter),
        .action = share_text(self, link->action),
        .first_option = options->len,
        .n_options = link->n_options,
        .on_match = (uint8_t)link->on_match,
        .on_error = (uint8_t)link->on_error,
        .flags = link->early ? WN_SNAP_EARLY : 0,
    };

    for (unsigned i = 0; i < link->n_options; i++) {
        WnSnapOption option = {
            .key = share_text(self, link->options[i].key),
            .value = share_text(self, link->options[i].value),
        };

        g_array_append_val(options, option);
    }
    g_array_append_val(self->records[WN_SNAP_LINKS], record);
}

uint32_t
wn_snapshot_layout_add_class(WnSnapshotLayout *self, const WnChain *chain)
{
    GArray *classes = self->records[WN_SNAP_CLASSES];
    WnSnapClass record = {
        .reject_text = share_text(self, chain->reject_text),
        .first_link = self->records[WN_SNAP_LINKS]->len,
        .n_links = chain->n_links,
    };

    for (unsigned i = 0; i < chain->n_links; i++) {
        if (chain->links[i].may_refuse)
            record.flags |= WN_SNAP_MAY_REFUSE;
        if (chain->links[i].early)
            record.flags |= WN_SNAP_HAS_EARLY;
        if (chain->links[i].ahead)
            record.flags |= WN_SNAP_HAS_AHEAD;
        add_link(self, &chain->links[i]);
    }
    g_array_append_val(classes, record);
    return classes->len - 1;
}

static int
compare_mailboxes(const void *left, const void *right)
{
    const WnMailboxSetting *a = left;
    const WnMailboxSetting *b = right;

    return strcmp(a->local_part, b->local_part);
}

static void
add_servers(WnSnapshotLayout *self, const GPtrArray *servers)
{
    for (unsigned i = 0; i < servers->len; i++) {
        const WnServerSetting *server = g_ptr_array_index(servers, i);
        WnSnapServer record = {
            .host = share_text(self, server->host),
            .port = server->port,
            .weight = server->weight,
            .own_tls = server->own_tls,
        };

        g_array_append_val(self->records[WN_SNAP_SERVERS], record);
    }
}

static void
add_mailboxes(WnSnapshotLayout *self, GArray *list)
{
    g_array_sort(list, compare_mailboxes);
    for (unsigned i = 0; i < list->len; i++) {
        const WnMailboxSetting *mailbox = &g_array_index(list, WnMailboxSetting,
            i);
        WnSnapMailbox record = {
            .local_part = add_text(self, mailbox->local_part),
            .filtering = mailbox->filtering,
        };

        g_array_append_val(self->records[WN_SNAP_MAILBOXES], record);
    }
}

void
wn_snapshot_layout_add_domain(WnSnapshotLayout *self, WnDomainSetting *domain,
    uint32_t class_id)
{
    WnSnapDomain record = {
        .name = add_text(self, domain->name),
        .egress_pool = share_text(self, domain->egress_pool),
        .technical_contact = share_text(self, domain->technical_contact),
        .first_server = self->records[WN_SNAP_SERVERS]->len,
        .n_servers = domain->servers->len,
        .first_mailbox = self->records[WN_SNAP_MAILBOXES]->len,
        .n_mailboxes = domain->mailbox_list->len,
        .class_id = class_id,
        .status = (uint8_t)domain->status,
        .delivery = (uint8_t)domain->delivery,
        .mailboxes = (uint8_t)domain->mailboxes,
        .tls = (uint8_t)domain->tls,
        .flags = (domain->filter_default ? WN_SNAP_FILTER_DEFAULT : 0u)
                 | (domain->firewall ? WN_SNAP_FIREWALL : 0u),
        .max_message_size = domain->max_message_size,
        .queue_lifetime_ms = domain->queue_lifetime_ms,
        .delay_notice_ms = domain->delay_notice_ms,
    };

    add_servers(self, domain->servers);
    add_mailboxes(self, domain->mailbox_list);
    g_array_append_val(self->records[WN_SNAP_DOMAINS], record);
}

/* At most half of the buckets are used, so searches are short. */
static void
fill_buckets(WnSnapshotLayout *self)
{
    const GArray *domains = self->records[WN_SNAP_DOMAINS];
    GArray *buckets = self->records[WN_SNAP_BUCKETS];
    unsigned n = 8;

    while (n < domains->len * 2)
        n *= 2;
    g_array_set_size(buckets, n);
    for (uint32_t i = 0; i < domains->len; i++) {
        WnSnapText name = g_array_index(domains, WnSnapDomain, i).name;
        uint64_t hash = wn_snap_hash(
            wn_span(self->strings->data + name.offset, name.len));
        uint32_t at = (uint32_t)(hash & (n - 1));

        while (g_array_index(buckets, WnSnapBucket, at).domain != 0)
            at = (at + 1) & (n - 1);
        g_array_index(buckets, WnSnapBucket,
            at) = (WnSnapBucket){ (uint32_t)(hash >> 32), i + 1 };
    }
}

static uint64_t
place_sections(const WnSnapshotLayout *self, WnSnapHeader *header)
{
    uint64_t at = sizeof(*header);

    for (unsigned i = 0; i < WN_SNAP_N_SECTIONS; i++) {
        uint64_t count = i == WN_SNAP_STRINGS ? self->strings->len
                                              : self->records[i]->len;

        at += (WN_SNAP_ALIGNMENT - at % WN_SNAP_ALIGNMENT) % WN_SNAP_ALIGNMENT;
        header->sections[i] = (WnSnapSection){ at, count };
        at += count * wn_snap_record_size(i);
    }
    return at;
}

static void
copy_sections(const WnSnapshotLayout *self, const WnSnapHeader *header,
    uint8_t *file)
{
    for (unsigned i = 0; i < WN_SNAP_N_SECTIONS; i++) {
        const WnSnapSection *part = &header->sections[i];
        const void *from = i == WN_SNAP_STRINGS ? (void *)self->strings->data
                                                : self->records[i]->data;

        if (part->count > 0)
            memcpy(file + part->offset, from,
                part->count * wn_snap_record_size(i));
    }
}

GByteArray *
wn_snapshot_layout_finish(WnSnapshotLayout *self, uint64_t generation,
    int64_t built)
{
    WnSnapHeader header = {
        .magic = WN_SNAP_MAGIC,
        .byte_order = WN_SNAP_BYTE_ORDER,
        .version = WN_SNAP_VERSION,
        .generation = generation,
        .built = built,
    };
    GByteArray *file;

    fill_buckets(self);
    header.length = place_sections(self, &header);
    if (header.length > LENGTH_MAX || self->strings->len > LENGTH_MAX / 2)
        return NULL;
    file = g_byte_array_new();
    g_byte_array_set_size(file, (unsigned)header.length);
    memset(file->data, 0, header.length);
    memcpy(file->data, &header, sizeof(header));
    copy_sections(self, &header, file->data);
    header.crc = wn_crc32c(0, wn_span(file->data, file->len));
    memcpy(file->data, &header, sizeof(header));
    return file;
}
