/* SPDX-License-Identifier: MIT */
#include "core/programs/ctl/snapshot_diff.h"

#include "core/base/json.h"
#include "core/conf/server_setting.h"

/* One thing that a domain says; both are in the order of the keys. */
typedef struct Value {
    char *key;
    char *value;
} Value;

static void
value_clear(void *data)
{
    Value *value = data;

    g_free(value->key);
    g_free(value->value);
}

static int
by_key(const void *left, const void *right)
{
    const Value *a = left;
    const Value *b = right;

    return strcmp(a->key, b->key);
}

static void
take(GArray *values, char *take_key, char *take_value)
{
    Value value = { take_key, take_value };

    g_array_append_val(values, value);
}

static void
add(GArray *values, const char *key, const char *value)
{
    take(values, g_strdup(key), g_strdup(value));
}

/* 0 stands for what the server has. */
static void
add_limit(GArray *values, const char *key, int64_t limit)
{
    if (limit > 0)
        take(values, g_strdup(key),
            g_strdup_printf("%" G_GINT64_FORMAT, limit));
}

static void
add_span(GArray *values, const char *key, WnSpan value)
{
    if (value.len > 0)
        take(values, g_strdup(key), wn_span_dup(value));
}

static void
add_servers(const WnSnapshot *snapshot, const WnDomain *domain, GArray *values)
{
    GString *text = g_string_new(NULL);

    for (uint32_t i = 0; i < domain->n_servers; i++) {
        WnServer server = wn_snapshot_server(snapshot, domain, i);

        g_string_append(text, i > 0 ? "; " : "");
        wn_server_setting_print(text, server.host, server.port, server.weight,
            server.own_tls);
    }
    take(values, g_strdup("servers"), g_string_free(text, FALSE));
}

static void
add_link(const WnSnapshot *snapshot, const WnLink *link, GArray *values)
{
    g_autofree char *name = wn_span_dup(link->filter);

    take(values, g_strdup_printf("filter %s action", name),
        link->action.len > 0 ? wn_span_dup(link->action)
                             : g_strdup("none, report only"));
    take(values, g_strdup_printf("filter %s on_match", name),
        g_strdup(wn_on_match_name(link->on_match)));
    take(values, g_strdup_printf("filter %s on_error", name),
        g_strdup(wn_on_error_name(link->on_error)));
    for (uint32_t i = 0; i < link->n_options; i++) {
        WnSpan key, value;

        wn_snapshot_option(snapshot, link, i, &key, &value);
        take(values,
            g_strdup_printf("filter %s %.*s", name, (int)key.len, key.ptr),
            wn_span_dup(value));
    }
}

static void
add_chain(const WnSnapshot *snapshot, const WnDomain *domain, GArray *values)
{
    GString *order = g_string_new(NULL);
    WnClass class_ = { 0 };

    if (wn_snapshot_class(snapshot, domain->class_id, &class_))
        add_span(values, "reject_text", class_.reject_text);
    for (uint32_t i = 0; i < class_.n_links; i++) {
        WnLink link = wn_snapshot_link(snapshot, &class_, i);

        g_string_append_printf(order, "%s%.*s", i > 0 ? ", " : "",
            (int)link.filter.len, link.filter.ptr);
        add_link(snapshot, &link, values);
    }
    take(values, g_strdup("filters"), g_string_free(order, FALSE));
}

static void
add_mailboxes(const WnSnapshot *snapshot, const WnDomain *domain,
    GArray *values)
{
    static const char *const names[] = { "filtering default", "filtering on",
        "filtering off" };

    for (uint32_t i = 0; i < domain->n_mailboxes; i++) {
        WnFiltering filtering;
        WnSpan name = wn_snapshot_mailbox_at(snapshot, domain, i, &filtering);

        take(values, g_strdup_printf("mailbox %.*s", (int)name.len, name.ptr),
            g_strdup(names[filtering]));
    }
}

/* Sorted (transfer full). */
static GArray *
values_of(const WnSnapshot *snapshot, const WnDomain *domain)
{
    GArray *values = g_array_new(FALSE, FALSE, sizeof(Value));

    g_array_set_clear_func(values, value_clear);
    add_servers(snapshot, domain, values);
    add(values, "status", wn_domain_status_name(domain->status));
    add(values, "delivery",
        domain->delivery == WN_DELIVERY_EVEN ? "even" : "ordered");
    add(values, "mailboxes",
        domain->mailboxes == WN_MAILBOXES_ANY ? "any" : "listed");
    add(values, "filter_default", domain->filter_default ? "on" : "off");
    add(values, "firewall", domain->firewall ? "true" : "false");
    add(values, "tls", wn_tls_policy_name(domain->tls));
    add_limit(values, "max_message_size", domain->max_message_size);
    add_limit(values, "queue_lifetime", domain->queue_lifetime_ms / 1000);
    add_limit(values, "delay_notice", domain->delay_notice_ms / 1000);
    add_span(values, "egress_pool", domain->egress_pool);
    add_span(values, "technical_contact", domain->technical_contact);
    add_chain(snapshot, domain, values);
    add_mailboxes(snapshot, domain, values);
    g_array_sort(values, by_key);
    return values;
}

/* A printed change of one value; old or new is NULL where there was none. */
static void
print_value(WnJson *json, const char *key, const char *old, const char *new_,
    GString *text)
{
    if (json != NULL) {
        wn_json_open_object(json, NULL);
        wn_json_str(json, "key", key);
        wn_json_str(json, "old", old);
        wn_json_str(json, "new", new_);
        wn_json_close_object(json);
    } else if (old == NULL) {
        g_string_append_printf(text, "    %s: added \"%s\"\n", key, new_);
    } else if (new_ == NULL) {
        g_string_append_printf(text, "    %s: removed, was \"%s\"\n", key, old);
    } else {
        g_string_append_printf(text, "    %s: \"%s\" -> \"%s\"\n", key, old,
            new_);
    }
}

/* What differs, both being sorted; false: nothing does. */
static bool
compare_values(const GArray *old, const GArray *new_, WnJson *json,
    GString *text)
{
    bool differs = false;
    guint i = 0, j = 0;

    while (i < old->len || j < new_->len) {
        const Value *a = i < old->len ? &g_array_index(old, Value, i) : NULL;
        const Value *b = j < new_->len ? &g_array_index(new_, Value, j) : NULL;
        int order = a == NULL ? 1 : b == NULL ? -1 : strcmp(a->key, b->key);

        i += order <= 0;
        j += order >= 0;
        if (order == 0 && strcmp(a->value, b->value) == 0)
            continue;
        differs = true;
        print_value(json, order <= 0 ? a->key : b->key,
            order <= 0 ? a->value : NULL, order >= 0 ? b->value : NULL, text);
    }
    return differs;
}

static void
print_whole(WnSpan name, const char *change, bool json, GString *out)
{
    WnJson object;

    if (!json) {
        g_string_append_printf(out, "%.*s: %s\n", (int)name.len, name.ptr,
            change);
        return;
    }
    wn_json_init(&object, out);
    wn_json_open_object(&object, NULL);
    wn_json_span(&object, "domain", name);
    wn_json_str(&object, "change", change);
    wn_json_close_object(&object);
    g_string_append_c(out, '\n');
}

static void
print_changed(WnSpan name, const GArray *before, const GArray *after, bool json,
    GString *out)
{
    gsize begin = out->len;
    WnJson object;
    bool differs;

    if (json) {
        wn_json_init(&object, out);
        wn_json_open_object(&object, NULL);
        wn_json_span(&object, "domain", name);
        wn_json_str(&object, "change", "changed");
        wn_json_open_list(&object, "values");
    } else {
        g_string_append_printf(out, "%.*s:\n", (int)name.len, name.ptr);
    }
    differs = compare_values(before, after, json ? &object : NULL, out);
    if (json) {
        wn_json_close_list(&object);
        wn_json_close_object(&object);
        g_string_append_c(out, '\n');
    }
    if (!differs)
        g_string_truncate(out, begin);
}

static int
compare_names(WnSpan a, WnSpan b)
{
    int order = memcmp(a.ptr, b.ptr, MIN(a.len, b.len));

    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

void
snapshot_diff_print(const WnSnapshot *old, const WnSnapshot *new_, bool json,
    GString *out)
{
    uint32_t i = 0, j = 0;

    while (true) {
        WnDomain a, b;
        bool has_a = wn_snapshot_domain_at(old, i, &a);
        bool has_b = wn_snapshot_domain_at(new_, j, &b);
        int order = !has_a ? 1 : !has_b ? -1 : compare_names(a.name, b.name);

        if (!has_a && !has_b)
            return;
        i += order <= 0;
        j += order >= 0;
        if (order < 0) {
            print_whole(a.name, "removed", json, out);
        } else if (order > 0) {
            print_whole(b.name, "added", json, out);
        } else {
            g_autoptr(GArray) before = values_of(old, &a);
            g_autoptr(GArray) after = values_of(new_, &b);

            print_changed(a.name, before, after, json, out);
        }
    }
}

/*
 * Data sets
 */

/* Name to blob (transfer full). */
static GHashTable *
open_blobs(const char *folder)
{
    GHashTable *blobs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
        (GDestroyNotify)wn_blob_unref);
    g_autofree char *data = g_build_filename(folder, "data", NULL);
    g_autoptr(GDir) dir = g_dir_open(data, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(data, name, NULL);
        WnBlobFile *blob = wn_blob_open(path, NULL);

        if (blob != NULL)
            g_hash_table_insert(blobs, g_strdup(name), blob);
    }
    return blobs;
}

static bool
blob_is_same(const WnBlobFile *a, const WnBlobFile *b)
{
    return a != NULL && b != NULL
           && memcmp(&wn_blob_info(a)->fingerprint,
                  &wn_blob_info(b)->fingerprint, sizeof(WnFingerprint))
                  == 0;
}

static void
print_rows(const char *name, const WnBlobFile *a, const WnBlobFile *b,
    GString *out)
{
    uint64_t before = a != NULL ? wn_blob_info(a)->rows : 0;
    uint64_t after = b != NULL ? wn_blob_info(b)->rows : 0;

    g_string_append_printf(out, "data set %s: ", name);
    if (a == NULL)
        g_string_append_printf(out, "added, %" G_GUINT64_FORMAT " rows\n",
            after);
    else if (b == NULL)
        g_string_append_printf(out, "removed, %" G_GUINT64_FORMAT " rows\n",
            before);
    else
        g_string_append_printf(out,
            "%" G_GUINT64_FORMAT " rows -> %" G_GUINT64_FORMAT " rows\n",
            before, after);
}

static void
print_rows_json(const char *name, const WnBlobFile *a, const WnBlobFile *b,
    GString *out)
{
    WnJson object;

    wn_json_init(&object, out);
    wn_json_open_object(&object, NULL);
    wn_json_str(&object, "dataset", name);
    wn_json_str(&object, "change",
        a == NULL   ? "added"
        : b == NULL ? "removed"
                    : "changed");
    if (a != NULL)
        wn_json_int(&object, "rows_before", (int64_t)wn_blob_info(a)->rows);
    if (b != NULL)
        wn_json_int(&object, "rows_after", (int64_t)wn_blob_info(b)->rows);
    wn_json_close_object(&object);
    g_string_append_c(out, '\n');
}

void
snapshot_diff_data(const char *old_folder, const char *new_folder, bool json,
    GString *out)
{
    g_autoptr(GHashTable) old = open_blobs(old_folder);
    g_autoptr(GHashTable) new_ = open_blobs(new_folder);
    g_autoptr(GList) names = g_hash_table_get_keys(old);
    GHashTableIter iter;
    void *name;

    g_hash_table_iter_init(&iter, new_);
    while (g_hash_table_iter_next(&iter, &name, NULL))
        if (!g_hash_table_contains(old, name))
            names = g_list_prepend(names, name);
    names = g_list_sort(names, (GCompareFunc)strcmp);
    for (GList *at = names; at != NULL; at = at->next) {
        const WnBlobFile *a = g_hash_table_lookup(old, at->data);
        const WnBlobFile *b = g_hash_table_lookup(new_, at->data);

        if (blob_is_same(a, b))
            continue;
        if (json)
            print_rows_json(at->data, a, b, out);
        else
            print_rows(at->data, a, b, out);
    }
}
