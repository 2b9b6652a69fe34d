/* SPDX-License-Identifier: MIT */
#include "core/conf/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "core/base/crc32c.h"
#include "core/base/fd.h"
#include "core/conf/problem.h"
#include "core/conf/snapshot_format.h"

#define SNAPSHOT_MAX (INT64_C(16) << 30)

struct WnSnapshot {
    unsigned n_refs;
    WnBlobShelf *blobs;
    WnSpan file; /* mapped */
    const WnSnapHeader *header;
    const WnSnapBucket *buckets;
    const WnSnapDomain *domains;
    const WnSnapServer *servers;
    const WnSnapMailbox *mailboxes;
    const WnSnapClass *classes;
    const WnSnapLink *links;
    const WnSnapOption *options;
    const char *strings;
};

static uint64_t
count_of(const WnSnapshot *self, WnSnapSectionId id)
{
    return self->header->sections[id].count;
}

static const void *
section(const WnSnapshot *self, WnSnapSectionId id)
{
    return self->file.ptr + self->header->sections[id].offset;
}

static WnSpan
text(const WnSnapshot *self, WnSnapText ref)
{
    return (WnSpan){ self->strings + ref.offset, ref.len };
}

/*
 * Checks, once, of all that look-ups take for granted
 */

static const char *
header_fault(const WnSnapshot *self)
{
    const WnSnapHeader *header = self->header;
    WnSnapHeader blank;
    uint32_t crc;

    if (self->file.len < sizeof(*header))
        return "it is too short";
    if (memcmp(header->magic, WN_SNAP_MAGIC, sizeof(header->magic)) != 0
        || header->byte_order != WN_SNAP_BYTE_ORDER)
        return "it is no snapshot of this machine";
    if (header->version != WN_SNAP_VERSION)
        return "it has another version of the format";
    if (header->length != self->file.len)
        return "it has the wrong length";
    blank = *header;
    blank.crc = 0;
    crc = wn_crc32c(0, wn_span(&blank, sizeof(blank)));
    crc = wn_crc32c(crc,
        wn_span_slice(self->file, sizeof(blank), self->file.len));
    return crc == header->crc ? NULL : "its checksum is wrong";
}

static bool
sections_fit(const WnSnapshot *self)
{
    uint64_t len = self->file.len;

    for (unsigned i = 0; i < WN_SNAP_N_SECTIONS; i++) {
        const WnSnapSection *part = &self->header->sections[i];

        if (part->offset % WN_SNAP_ALIGNMENT != 0
            || part->offset < sizeof(WnSnapHeader) || part->offset > len
            || part->count > (len - part->offset) / wn_snap_record_size(i)
            || part->count > UINT32_MAX)
            return false;
    }
    return true;
}

static bool
text_fits(const WnSnapshot *self, WnSnapText ref)
{
    uint64_t end = (uint64_t)ref.offset + ref.len;

    return end < count_of(self, WN_SNAP_STRINGS) && self->strings[end] == '\0';
}

static bool
range_fits(const WnSnapshot *self, WnSnapSectionId id, uint32_t first,
    uint32_t n)
{
    return (uint64_t)first + n <= count_of(self, id);
}

/* A power of two with room to spare, or a search might not end. */
static bool
buckets_fit(const WnSnapshot *self)
{
    uint64_t n = count_of(self, WN_SNAP_BUCKETS);
    uint64_t n_domains = count_of(self, WN_SNAP_DOMAINS);
    uint64_t n_used = 0;

    if (n == 0 || (n & (n - 1)) != 0 || n <= n_domains)
        return false;
    for (uint64_t i = 0; i < n; i++) {
        if (self->buckets[i].domain > n_domains)
            return false;
        n_used += self->buckets[i].domain != 0;
    }
    return n_used == n_domains;
}

static bool
domain_fits(const WnSnapshot *self, const WnSnapDomain *domain)
{
    return text_fits(self, domain->name) && text_fits(self, domain->egress_pool)
           && text_fits(self, domain->technical_contact)
           && range_fits(self, WN_SNAP_SERVERS, domain->first_server,
               domain->n_servers)
           && range_fits(self, WN_SNAP_MAILBOXES, domain->first_mailbox,
               domain->n_mailboxes)
           && domain->class_id < count_of(self, WN_SNAP_CLASSES)
           && domain->status <= WN_DOMAIN_SUSPENDED
           && domain->delivery <= WN_DELIVERY_ORDERED
           && domain->mailboxes <= WN_MAILBOXES_LISTED
           && domain->tls <= WN_TLS_POLICY_DANE && domain->max_message_size >= 0
           && domain->queue_lifetime_ms >= 0 && domain->delay_notice_ms >= 0;
}

static bool
domains_fit(const WnSnapshot *self)
{
    for (uint64_t i = 0; i < count_of(self, WN_SNAP_DOMAINS); i++) {
        if (!domain_fits(self, &self->domains[i]))
            return false;
    }
    for (uint64_t i = 0; i < count_of(self, WN_SNAP_SERVERS); i++) {
        if (!text_fits(self, self->servers[i].host)
            || self->servers[i].port == 0
            || self->servers[i].own_tls > WN_OWN_TLS(WN_TLS_POLICY_DANE))
            return false;
    }
    for (uint64_t i = 0; i < count_of(self, WN_SNAP_MAILBOXES); i++) {
        if (!text_fits(self, self->mailboxes[i].local_part)
            || self->mailboxes[i].filtering > WN_FILTERING_OFF)
            return false;
    }
    return true;
}

static bool
link_fits(const WnSnapshot *self, const WnSnapLink *link)
{
    return text_fits(self, link->filter) && text_fits(self, link->action)
           && range_fits(self, WN_SNAP_OPTIONS, link->first_option,
               link->n_options)
           && link->on_match <= WN_ON_MATCH_CONTINUE
           && link->on_error <= WN_ON_ERROR_TEMPFAIL;
}

static bool
classes_fit(const WnSnapshot *self)
{
    if (count_of(self, WN_SNAP_CLASSES) == 0 || self->classes[0].n_links != 0)
        return false;
    for (uint64_t i = 0; i < count_of(self, WN_SNAP_CLASSES); i++) {
        const WnSnapClass *class_ = &self->classes[i];

        if (!text_fits(self, class_->reject_text)
            || !range_fits(self, WN_SNAP_LINKS, class_->first_link,
                class_->n_links))
            return false;
    }
    for (uint64_t i = 0; i < count_of(self, WN_SNAP_LINKS); i++) {
        if (!link_fits(self, &self->links[i]))
            return false;
    }
    for (uint64_t i = 0; i < count_of(self, WN_SNAP_OPTIONS); i++) {
        if (!text_fits(self, self->options[i].key)
            || !text_fits(self, self->options[i].value))
            return false;
    }
    return true;
}

static const char *
snapshot_fault(WnSnapshot *self)
{
    const char *fault = header_fault(self);

    if (fault != NULL)
        return fault;
    if (!sections_fit(self))
        return "a section lies outside of it";
    self->buckets = section(self, WN_SNAP_BUCKETS);
    self->domains = section(self, WN_SNAP_DOMAINS);
    self->servers = section(self, WN_SNAP_SERVERS);
    self->mailboxes = section(self, WN_SNAP_MAILBOXES);
    self->classes = section(self, WN_SNAP_CLASSES);
    self->links = section(self, WN_SNAP_LINKS);
    self->options = section(self, WN_SNAP_OPTIONS);
    self->strings = section(self, WN_SNAP_STRINGS);
    if (!buckets_fit(self) || !domains_fit(self) || !classes_fit(self))
        return "a record in it is damaged";
    return NULL;
}

/*
 * Opening
 */

static bool
map_file(int fd, WnSpan *out_file, const char **out_fault)
{
    struct stat st;
    void *map;

    *out_fault = NULL;
    if (fstat(fd, &st) != 0) {
        *out_fault = g_strerror(errno);
        return false;
    }
    if (!S_ISREG(st.st_mode) || st.st_size == 0 || st.st_size > SNAPSHOT_MAX) {
        *out_fault = "it is no file of a possible size";
        return false;
    }
    map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE,
        fd, 0);
    if (map == MAP_FAILED) {
        *out_fault = g_strerror(errno);
        return false;
    }
    *out_file = wn_span(map, (size_t)st.st_size);
    return true;
}

static void
snapshot_free(WnSnapshot *self)
{
    if (self->file.len > 0)
        munmap((void *)(uintptr_t)self->file.ptr, self->file.len);
    wn_blob_shelf_free(self->blobs);
    g_free(self);
}

/* snapshots is the folder of the generations, NULL: there are no blobs. */
static WnSnapshot *
open_beside(int fd, const char *shown, const char *snapshots, GError **error)
{
    WnSnapshot *self = g_new0(WnSnapshot, 1);
    const char *fault;

    self->n_refs = 1;
    if (map_file(fd, &self->file, &fault)) {
        self->header = (const void *)self->file.ptr;
        fault = snapshot_fault(self);
    }
    if (fault == NULL) {
        self->blobs = wn_blob_shelf_new(snapshots, self->header->generation);
        return self;
    }
    g_set_error(error, WN_CONF_ERROR, WN_CONF_ERROR_DAMAGED,
        "%s cannot be used: %s", shown, fault);
    snapshot_free(self);
    return NULL;
}

WnSnapshot *
wn_snapshot_open_fd(int fd, const char *shown, GError **error)
{
    return open_beside(fd, shown, NULL, error);
}

WnSnapshot *
wn_snapshot_open(const char *settings_path, GError **error)
{
    wn_autofd fd = open(settings_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    g_autofree char *folder = g_path_get_dirname(settings_path);
    g_autofree char *snapshots = g_path_get_dirname(folder);

    if (fd < 0) {
        g_set_error(error, WN_CONF_ERROR, WN_CONF_ERROR_UNREADABLE,
            "%s cannot be opened: %s", settings_path, g_strerror(errno));
        return NULL;
    }
    return open_beside(fd, settings_path, snapshots, error);
}

WnSnapshot *
wn_snapshot_open_current(const char *state, GError **error)
{
    g_autofree char *link_path = g_build_filename(state, "snapshots", "current",
        NULL);
    g_autofree char *path = g_build_filename(link_path, "settings", NULL);
    struct stat st;

    if (lstat(link_path, &st) != 0 && errno == ENOENT)
        return NULL;
    return wn_snapshot_open(path, error);
}

WnSnapshot *
wn_snapshot_open_generation(const char *state, uint64_t generation,
    GError **error)
{
    g_autofree char *path = g_strdup_printf("%s/snapshots/%" G_GUINT64_FORMAT
                                            "/settings",
        state, generation);

    return wn_snapshot_open(path, error);
}

static uint64_t
linked_generation(const char *state, const char *link)
{
    g_autofree char *path = g_build_filename(state, "snapshots", link, NULL);
    g_autofree char *name = g_file_read_link(path, NULL);
    uint64_t generation;

    return wn_span_to_u64(wn_span_str(name), &generation) ? generation : 0;
}

uint64_t
wn_snapshot_current_generation(const char *state)
{
    return linked_generation(state, "current");
}

uint64_t
wn_snapshot_pinned_generation(const char *state)
{
    uint64_t pinned = linked_generation(state, WN_SNAPSHOT_PIN);

    return pinned == wn_snapshot_current_generation(state) ? pinned : 0;
}

WnSnapshot *
wn_snapshot_ref(WnSnapshot *self)
{
    self->n_refs++;
    return self;
}

void
wn_snapshot_unref(WnSnapshot *self)
{
    if (self != NULL && --self->n_refs == 0)
        snapshot_free(self);
}

/*
 * Look-ups
 */

WnBlobShelf *
wn_snapshot_blobs(WnSnapshot *self)
{
    return self->blobs;
}

uint64_t
wn_snapshot_generation(const WnSnapshot *self)
{
    return self->header->generation;
}

int64_t
wn_snapshot_built(const WnSnapshot *self)
{
    return self->header->built;
}

uint32_t
wn_snapshot_n_domains(const WnSnapshot *self)
{
    return (uint32_t)count_of(self, WN_SNAP_DOMAINS);
}

bool
wn_snapshot_domain_at(const WnSnapshot *self, uint32_t index,
    WnDomain *out_domain)
{
    const WnSnapDomain *domain;

    if (index >= count_of(self, WN_SNAP_DOMAINS))
        return false;
    domain = &self->domains[index];
    *out_domain = (WnDomain){
        .name = text(self, domain->name),
        .status = (WnDomainStatus)domain->status,
        .delivery = (WnDelivery)domain->delivery,
        .mailboxes = (WnMailboxes)domain->mailboxes,
        .filter_default = (domain->flags & WN_SNAP_FILTER_DEFAULT) != 0,
        .firewall = (domain->flags & WN_SNAP_FIREWALL) != 0,
        .tls = (WnTlsPolicy)domain->tls,
        .max_message_size = domain->max_message_size,
        .queue_lifetime_ms = domain->queue_lifetime_ms,
        .delay_notice_ms = domain->delay_notice_ms,
        .egress_pool = text(self, domain->egress_pool),
        .technical_contact = text(self, domain->technical_contact),
        .n_servers = domain->n_servers,
        .n_mailboxes = domain->n_mailboxes,
        .class_id = domain->class_id,
        .index = index,
    };
    return true;
}

bool
wn_snapshot_domain(const WnSnapshot *self, WnSpan name, WnDomain *out_domain)
{
    uint64_t mask = count_of(self, WN_SNAP_BUCKETS) - 1;
    uint64_t hash = wn_snap_hash(name);
    uint32_t tag = (uint32_t)(hash >> 32);

    for (uint64_t at = hash & mask;; at = (at + 1) & mask) {
        const WnSnapBucket *bucket = &self->buckets[at];

        if (bucket->domain == 0)
            return false;
        if (bucket->tag == tag
            && wn_span_eq(text(self, self->domains[bucket->domain - 1].name),
                name))
            return wn_snapshot_domain_at(self, bucket->domain - 1, out_domain);
    }
}

static const WnSnapDomain *
record_of(const WnSnapshot *self, const WnDomain *domain)
{
    g_assert(domain->index < count_of(self, WN_SNAP_DOMAINS));
    return &self->domains[domain->index];
}

WnServer
wn_snapshot_server(const WnSnapshot *self, const WnDomain *domain, uint32_t n)
{
    const WnSnapDomain *record = record_of(self, domain);
    const WnSnapServer *server;

    g_assert(n < record->n_servers);
    server = &self->servers[record->first_server + n];
    return (WnServer){
        .host = text(self, server->host),
        .port = server->port,
        .weight = server->weight,
        .own_tls = server->own_tls,
    };
}

WnSpan
wn_snapshot_mailbox_at(const WnSnapshot *self, const WnDomain *domain,
    uint32_t n, WnFiltering *out_filtering)
{
    const WnSnapDomain *record = record_of(self, domain);
    const WnSnapMailbox *mailbox;

    g_assert(n < record->n_mailboxes);
    mailbox = &self->mailboxes[record->first_mailbox + n];
    *out_filtering = (WnFiltering)mailbox->filtering;
    return text(self, mailbox->local_part);
}

/* As snapshot_layout.c sorts. */
static int
compare_spans(WnSpan a, WnSpan b)
{
    int order = memcmp(a.ptr, b.ptr, MIN(a.len, b.len));

    if (order != 0)
        return order;
    return a.len < b.len ? -1 : a.len > b.len;
}

static bool
find_mailbox(const WnSnapshot *self, const WnDomain *domain, WnSpan local_part,
    WnFiltering *out_filtering)
{
    uint32_t low = 0;
    uint32_t high = record_of(self, domain)->n_mailboxes;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        WnSpan found = wn_snapshot_mailbox_at(self, domain, middle,
            out_filtering);
        int order = compare_spans(local_part, found);

        if (order == 0)
            return true;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

bool
wn_snapshot_mailbox(const WnSnapshot *self, const WnDomain *domain,
    WnSpan local_part, bool *out_filtered)
{
    WnFiltering filtering = WN_FILTERING_DEFAULT;
    bool listed = find_mailbox(self, domain, local_part, &filtering);

    if (!listed)
        filtering = WN_FILTERING_DEFAULT;
    *out_filtered = filtering == WN_FILTERING_DEFAULT
                        ? domain->filter_default
                        : filtering == WN_FILTERING_ON;
    return listed || domain->mailboxes == WN_MAILBOXES_ANY;
}

uint32_t
wn_snapshot_n_classes(const WnSnapshot *self)
{
    return (uint32_t)count_of(self, WN_SNAP_CLASSES);
}

bool
wn_snapshot_class(const WnSnapshot *self, uint32_t class_id, WnClass *out_class)
{
    const WnSnapClass *class_;

    if (class_id >= count_of(self, WN_SNAP_CLASSES))
        return false;
    class_ = &self->classes[class_id];
    *out_class = (WnClass){
        .id = class_id,
        .n_links = class_->n_links,
        .may_refuse = (class_->flags & WN_SNAP_MAY_REFUSE) != 0,
        .has_early = (class_->flags & WN_SNAP_HAS_EARLY) != 0,
        .has_ahead = (class_->flags & WN_SNAP_HAS_AHEAD) != 0,
        .reject_text = text(self, class_->reject_text),
    };
    return true;
}

WnLink
wn_snapshot_link(const WnSnapshot *self, const WnClass *class_, uint32_t n)
{
    const WnSnapClass *record;
    const WnSnapLink *link;

    g_assert(class_->id < count_of(self, WN_SNAP_CLASSES));
    record = &self->classes[class_->id];
    g_assert(n < record->n_links);
    link = &self->links[record->first_link + n];
    return (WnLink){
        .filter = text(self, link->filter),
        .action = text(self, link->action),
        .early = (link->flags & WN_SNAP_EARLY) != 0,
        .on_match = (WnOnMatch)link->on_match,
        .on_error = (WnOnError)link->on_error,
        .n_options = link->n_options,
        .first_option = link->first_option,
    };
}

void
wn_snapshot_option(const WnSnapshot *self, const WnLink *link, uint32_t n,
    WnSpan *out_key, WnSpan *out_value)
{
    const WnSnapOption *option;

    g_assert(n < link->n_options);
    g_assert(
        (uint64_t)link->first_option + n < count_of(self, WN_SNAP_OPTIONS));
    option = &self->options[link->first_option + n];
    *out_key = text(self, option->key);
    *out_value = text(self, option->value);
}
