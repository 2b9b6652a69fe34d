/* SPDX-License-Identifier: MIT */
#include "core/conf/snapshot_writer.h"

#include <string.h>

#include "core/base/clock.h"
#include "core/conf/domain_check.h"
#include "core/conf/setting.h"
#include "core/conf/snapshot_chain.h"
#include "core/conf/snapshot_layout.h"

#define FORWARD_KEY WN_ACTION_PREFIX "to"

/* One distinct chain and who uses it. */
typedef struct Class {
    WnChain chain;
    GPtrArray *targets; /* domains that its forwards go to; borrowed texts */
    GPtrArray *entries; /* Entry */
    bool broken;        /* a target is no domain of the snapshot */
    bool queued;        /* its entries wait to be treated for that */
    bool numbered;
    uint32_t id; /* once numbered */
} Class;

typedef struct Entry {
    const char *name; /* of the domain */
    WnDomainSetting *domain;
    Class *class_;
    bool of_previous; /* its settings are the previous snapshot's */
} Entry;

struct WnSnapshotWriter {
    WnDomainCheck *check;
    WnChainMaker *maker;
    const WnSnapshot *previous; /* or NULL */
    WnArena *arena;             /* chains of classes */
    WnArena *scratch;           /* the chain being made */
    GString *key;               /* of the chain being made */
    GHashTable *entries;        /* name to Entry */
    GHashTable *others;         /* names given that have no entry, as a set */
    GHashTable *classes;        /* key to Class */
};

static void
class_free(void *data)
{
    Class *class_ = data;

    g_ptr_array_unref(class_->targets);
    g_ptr_array_unref(class_->entries);
    g_free(class_);
}

static void
entry_free(void *data)
{
    Entry *entry = data;

    wn_domain_setting_free(entry->domain);
    g_free(entry);
}

WnSnapshotWriter *
wn_snapshot_writer_new(const WnConfig *config, const WnCatalogue *catalogue)
{
    WnSnapshotWriter *self = g_new0(WnSnapshotWriter, 1);

    self->check = wn_domain_check_new(config);
    self->maker = wn_chain_maker_new(config, catalogue);
    self->arena = wn_arena_new(0);
    self->scratch = wn_arena_new(0);
    self->key = g_string_new(NULL);
    self->entries = g_hash_table_new_full(g_str_hash, g_str_equal, NULL,
        entry_free);
    self->others = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    self->classes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
        class_free);
    return self;
}

void
wn_snapshot_writer_free(WnSnapshotWriter *self)
{
    if (self == NULL)
        return;
    g_hash_table_unref(self->entries);
    g_hash_table_unref(self->others);
    g_hash_table_unref(self->classes);
    g_string_free(self->key, TRUE);
    wn_arena_free(self->scratch);
    wn_arena_free(self->arena);
    wn_chain_maker_free(self->maker);
    wn_domain_check_free(self->check);
    g_free(self);
}

void
wn_snapshot_writer_set_previous(WnSnapshotWriter *self,
    const WnSnapshot *previous)
{
    self->previous = previous;
}

/*
 * Classes
 */

/* Texts hold no control characters, so these cannot be confused with them. */
static void
append_key(GString *key, const char *text)
{
    if (text != NULL)
        g_string_append(key, text);
    g_string_append_c(key, '\1');
}

static void
make_key(GString *key, const WnChain *chain)
{
    g_string_truncate(key, 0);
    append_key(key, chain->reject_text);
    for (unsigned i = 0; i < chain->n_links; i++) {
        const WnChainLink *link = &chain->links[i];

        append_key(key, link->filter);
        append_key(key, link->action);
        append_key(key, link->on_match == WN_ON_MATCH_STOP ? "s" : "c");
        append_key(key, link->on_error == WN_ON_ERROR_SKIP ? "s" : "t");
        for (unsigned n = 0; n < link->n_options; n++) {
            append_key(key, link->options[n].key);
            append_key(key, link->options[n].value);
        }
        g_string_append_c(key, '\2');
    }
}

static const char *
keep_text(WnArena *arena, const char *text)
{
    return text != NULL ? wn_arena_copy(arena, wn_span_str(text)).ptr : NULL;
}

static WnChain
keep_chain(WnArena *arena, const WnChain *chain)
{
    WnChain kept = {
        .n_links = chain->n_links,
        .links = wn_arena_alloc(arena,
            (chain->n_links + 1) * sizeof(WnChainLink)),
        .reject_text = keep_text(arena, chain->reject_text),
    };

    for (unsigned i = 0; i < chain->n_links; i++) {
        const WnChainLink *from = &chain->links[i];
        WnChainLink *link = &kept.links[i];

        *link = *from;
        link->filter = keep_text(arena, from->filter);
        link->action = keep_text(arena, from->action);
        link->options = wn_arena_alloc(arena,
            (from->n_options + 1) * sizeof(WnChainOption));
        for (unsigned n = 0; n < from->n_options; n++)
            link->options[n] = (WnChainOption){
                .key = keep_text(arena, from->options[n].key),
                .value = keep_text(arena, from->options[n].value),
            };
    }
    return kept;
}

static void
find_targets(Class *class_)
{
    for (unsigned i = 0; i < class_->chain.n_links; i++) {
        const WnChainLink *link = &class_->chain.links[i];

        for (unsigned n = 0; n < link->n_options; n++) {
            const char *at = strrchr(link->options[n].value, '@');

            if (strcmp(link->options[n].key, FORWARD_KEY) == 0 && at != NULL)
                g_ptr_array_add(class_->targets, g_ascii_strdown(at + 1, -1));
        }
    }
}

static Class *
class_of(WnSnapshotWriter *self, const WnChain *chain)
{
    Class *class_;

    make_key(self->key, chain);
    class_ = g_hash_table_lookup(self->classes, self->key->str);
    if (class_ != NULL)
        return class_;
    class_ = g_new0(Class, 1);
    class_->chain = keep_chain(self->arena, chain);
    class_->entries = g_ptr_array_new();
    class_->targets = g_ptr_array_new_with_free_func(g_free);
    find_targets(class_);
    g_hash_table_insert(self->classes, g_strdup(self->key->str), class_);
    return class_;
}

/*
 * Domains as the previous snapshot has them
 */

static const char *
keep_span(WnArena *arena, WnSpan text)
{
    return wn_arena_copy(arena, text).ptr;
}

static WnDomainSetting *
previous_setting(const WnSnapshot *previous, const WnDomain *domain)
{
    WnDomainSetting *setting;

    setting = wn_domain_setting_new(domain->name.ptr);
    setting->status = domain->status;
    setting->delivery = domain->delivery;
    setting->mailboxes = domain->mailboxes;
    setting->filter_default = domain->filter_default;
    setting->firewall = domain->firewall;
    setting->tls = domain->tls;
    setting->max_message_size = domain->max_message_size;
    setting->queue_lifetime_ms = domain->queue_lifetime_ms;
    setting->delay_notice_ms = domain->delay_notice_ms;
    if (domain->egress_pool.len > 0)
        setting->egress_pool = g_strdup(domain->egress_pool.ptr);
    if (domain->technical_contact.len > 0)
        setting->technical_contact = g_strdup(domain->technical_contact.ptr);
    for (uint32_t i = 0; i < domain->n_servers; i++) {
        WnServer server = wn_snapshot_server(previous, domain, i);

        wn_domain_setting_add_server(setting, server.host.ptr, server.port,
            server.weight)
            ->own_tls = server.own_tls;
    }
    for (uint32_t i = 0; i < domain->n_mailboxes; i++) {
        WnFiltering filtering;
        WnSpan local_part = wn_snapshot_mailbox_at(previous, domain, i,
            &filtering);

        wn_domain_setting_add_mailbox(setting, local_part.ptr, filtering);
    }
    return setting;
}

static void
copy_link(const WnSnapshot *previous, const WnLink *from, WnArena *arena,
    WnChainLink *out_link)
{
    *out_link = (WnChainLink){
        .filter = keep_span(arena, from->filter),
        .action = from->action.len > 0 ? keep_span(arena, from->action) : NULL,
        .on_match = from->on_match,
        .on_error = from->on_error,
        .n_options = from->n_options,
        .options = wn_arena_alloc(arena,
            (from->n_options + 1) * sizeof(WnChainOption)),
    };
    for (uint32_t i = 0; i < from->n_options; i++) {
        WnSpan key, value;

        wn_snapshot_option(previous, from, i, &key, &value);
        out_link->options[i] = (WnChainOption){
            .key = keep_span(arena, key),
            .value = keep_span(arena, value),
        };
    }
}

/* The chain without filters that are gone from conf.d. */
static WnChain
previous_chain(WnSnapshotWriter *self, const WnDomain *domain)
{
    WnChain chain = { .n_links = 0 };
    WnClass class_;

    wn_snapshot_class(self->previous, domain->class_id, &class_);
    chain.reject_text = keep_span(self->scratch, class_.reject_text);
    chain.links = wn_arena_alloc(self->scratch,
        (class_.n_links + 1) * sizeof(WnChainLink));
    for (uint32_t i = 0; i < class_.n_links; i++) {
        WnLink link = wn_snapshot_link(self->previous, &class_, i);
        WnChainLink *copy = &chain.links[chain.n_links];

        copy_link(self->previous, &link, self->scratch, copy);
        if (wn_chain_renew_link(self->maker, copy))
            chain.n_links++;
    }
    return chain;
}

/* Gives the entry the previous settings; false: there are none. */
static bool
use_previous(WnSnapshotWriter *self, const char *name, Entry *entry)
{
    WnDomainSetting *setting;
    WnDomain domain;
    WnChain chain;

    if (self->previous == NULL
        || !wn_snapshot_domain(self->previous, wn_span_str(name), &domain))
        return false;
    setting = previous_setting(self->previous, &domain);
    wn_arena_reset(self->scratch);
    chain = previous_chain(self, &domain);
    wn_domain_setting_free(entry->domain);
    entry->domain = setting;
    entry->class_ = class_of(self, &chain);
    entry->of_previous = true;
    return true;
}

/*
 * Adding
 */

static bool
is_first(WnSnapshotWriter *self, const WnDomainSetting *domain,
    WnProblems *problems)
{
    g_autofree char *group = NULL;
    WnPlace place = { .file = domain->file, .line = domain->line };

    if (!g_hash_table_contains(self->entries, domain->name)
        && !g_hash_table_contains(self->others, domain->name))
        return true;
    group = g_strconcat("domain ", domain->name, NULL);
    place.group = group;
    wn_problems_add(problems, place, "the domain is given twice");
    return false;
}

static void
take_entry(WnSnapshotWriter *self, Entry *entry)
{
    /* Merged; nothing reads these any more. */
    g_clear_pointer(&entry->domain->filter_settings, g_ptr_array_unref);
    entry->name = entry->domain->name;
    g_hash_table_insert(self->entries, entry->domain->name, entry);
    g_ptr_array_add(entry->class_->entries, entry);
}

bool
wn_snapshot_writer_add(WnSnapshotWriter *self, WnDomainSetting *take_domain,
    WnProblems *problems)
{
    g_autoptr(WnDomainSetting) domain = take_domain;
    Entry *entry;
    WnChain chain;
    bool ok;

    if (!is_first(self, domain, problems))
        return false;
    wn_arena_reset(self->scratch);
    ok = wn_domain_check(self->check, domain, problems);
    ok = wn_chain_make(self->maker, domain, self->scratch, problems, &chain)
         && ok && !domain->faulty;
    entry = g_new0(Entry, 1);
    if (ok && domain->enabled) {
        entry->class_ = class_of(self, &chain);
        entry->domain = g_steal_pointer(&domain);
        take_entry(self, entry);
    } else if (!ok && use_previous(self, domain->name, entry)) {
        take_entry(self, entry);
    } else {
        g_hash_table_add(self->others, g_strdup(domain->name));
        g_free(entry);
    }
    return ok;
}

/*
 * Forward targets.  A domain whose target is missing falls back to its
 * previous settings or leaves the snapshot, which may break others in turn:
 * each class breaks once, each domain falls back once and leaves once.
 */

typedef struct Targets {
    WnSnapshotWriter *writer;
    WnProblems *problems;
    GHashTable *users; /* domain name to GPtrArray of Class */
    GPtrArray *queue;  /* broken Class */
} Targets;

static void
queue_class(Targets *self, Class *class_)
{
    if (!class_->broken || class_->queued)
        return;
    class_->queued = true;
    g_ptr_array_add(self->queue, class_);
}

static void
break_class(Targets *self, Class *class_)
{
    class_->broken = true;
    queue_class(self, class_);
}

static void
watch_class(Targets *self, Class *class_)
{
    for (unsigned i = 0; i < class_->targets->len; i++) {
        char *target = g_ptr_array_index(class_->targets, i);
        GPtrArray *users = g_hash_table_lookup(self->users, target);

        if (!g_hash_table_contains(self->writer->entries, target))
            break_class(self, class_);
        if (users == NULL) {
            users = g_ptr_array_new();
            g_hash_table_insert(self->users, g_strdup(target), users);
        }
        g_ptr_array_add(users, class_);
    }
}

static void
report_target(Targets *self, const Entry *entry)
{
    g_autofree char *group = g_strconcat("domain ", entry->domain->name, NULL);
    const GPtrArray *targets = entry->class_->targets;
    WnPlace place = {
        .file = entry->domain->file,
        .line = entry->domain->line,
        .group = group,
        .key = FORWARD_KEY,
    };

    for (unsigned i = 0; i < targets->len; i++) {
        const char *target = g_ptr_array_index(targets, i);

        if (!g_hash_table_contains(self->writer->entries, target))
            wn_problems_add(self->problems, place,
                "forwards to \"%s\", which is no domain of this relay", target);
    }
}

static void
leave_out(Targets *self, Entry *entry)
{
    g_autofree char *name = g_strdup(entry->domain->name);
    GPtrArray *users = g_hash_table_lookup(self->users, name);

    g_hash_table_remove(self->writer->entries, name);
    for (unsigned i = 0; users != NULL && i < users->len; i++)
        break_class(self, g_ptr_array_index(users, i));
}

static void
treat_entry(Targets *self, Entry *entry)
{
    WnSnapshotWriter *writer = self->writer;
    g_autofree char *name = g_strdup(entry->domain->name);
    Class *class_;
    bool known;

    report_target(self, entry);
    if (entry->of_previous) {
        leave_out(self, entry);
        return;
    }
    g_hash_table_steal(writer->entries, name);
    known = use_previous(writer, name, entry);
    entry->name = entry->domain->name;
    g_hash_table_insert(writer->entries, entry->domain->name, entry);
    if (!known) {
        leave_out(self, entry);
        return;
    }
    class_ = entry->class_;
    if (class_->entries->len == 0)
        watch_class(self, class_);
    g_ptr_array_add(class_->entries, entry);
    /* Those that it had have been treated already. */
    queue_class(self, class_);
}

static int
compare_entries(const void *left, const void *right)
{
    const Entry *const *a = left;
    const Entry *const *b = right;

    return strcmp((*a)->name, (*b)->name);
}

static void
check_targets(WnSnapshotWriter *self, WnProblems *problems)
{
    Targets targets = {
        .writer = self,
        .problems = problems,
        .users = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
            (GDestroyNotify)g_ptr_array_unref),
        .queue = g_ptr_array_new(),
    };
    GHashTableIter iter;
    void *class_;

    g_hash_table_iter_init(&iter, self->classes);
    while (g_hash_table_iter_next(&iter, NULL, &class_))
        watch_class(&targets, class_);
    while (targets.queue->len > 0) {
        Class *broken = g_ptr_array_steal_index_fast(targets.queue, 0);
        g_autoptr(GPtrArray) entries = g_steal_pointer(&broken->entries);

        broken->queued = false;
        broken->entries = g_ptr_array_new();
        g_ptr_array_sort(entries, compare_entries);
        for (unsigned i = 0; i < entries->len; i++)
            treat_entry(&targets, g_ptr_array_index(entries, i));
    }
    g_ptr_array_unref(targets.queue);
    g_hash_table_unref(targets.users);
}

/*
 * Finishing
 */

/* Classes are numbered in the order of the domains that use them, so that the
 * order of adding does not show. */
static uint32_t
number_of(WnSnapshotLayout *layout, Class *class_)
{
    if (class_->chain.n_links == 0)
        return 0;
    if (!class_->numbered)
        class_->id = wn_snapshot_layout_add_class(layout, &class_->chain);
    class_->numbered = true;
    return class_->id;
}

GByteArray *
wn_snapshot_writer_finish(WnSnapshotWriter *self, uint64_t generation,
    WnProblems *problems)
{
    g_autoptr(WnSnapshotLayout) layout = wn_snapshot_layout_new();
    g_autoptr(GPtrArray) sorted = NULL;
    GByteArray *file;
    GHashTableIter iter;
    void *entry;

    check_targets(self, problems);
    sorted = g_ptr_array_sized_new(g_hash_table_size(self->entries));
    g_hash_table_iter_init(&iter, self->entries);
    while (g_hash_table_iter_next(&iter, NULL, &entry))
        g_ptr_array_add(sorted, entry);
    g_ptr_array_sort(sorted, compare_entries);
    for (unsigned i = 0; i < sorted->len; i++) {
        Entry *next = g_ptr_array_index(sorted, i);

        wn_snapshot_layout_add_domain(layout, next->domain,
            number_of(layout, next->class_));
    }
    file = wn_snapshot_layout_finish(layout, generation, wn_clock_unix());
    if (file == NULL)
        wn_problems_add(problems, (WnPlace){ .line = 0 },
            "the settings are larger than a snapshot can hold (3 GiB)");
    return file;
}
