/* SPDX-License-Identifier: MIT */
#include "sdk/harness/world.h"

#include "core/base/publish.h"
#include "core/conf/domain_file.h"
#include "core/conf/snapshot_writer.h"
#include "core/plugin/dataset.h"
#include "core/sync/dataset.h"
#include "sdk/harness/compiled.h"
#include "sdk/harness/finder.h"

#include <string.h>

#define OWN_DOMAIN "good.example"

/* Nothing of the machine's own is looked at. */
#define SERVER                                                 \
    "[server]\nhostname = mx.example.net\nplugins = modules\n" \
    "spool = spool\nstate = state\nrun = run\n"

static void
write_file(const char *folder, const char *name, const void *bytes, gssize len)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_autofree char *parent = g_path_get_dirname(path);
    g_autoptr(GError) error = NULL;

    if (g_mkdir_with_parents(parent, 0755) != 0
        || !g_file_set_contents_full(path, bytes, len,
            G_FILE_SET_CONTENTS_CONSISTENT, 0644, &error))
        wn_mistake("%s: cannot be written", path);
}

/* Each line with a prefix, in place of ${dir} the folder. */
static char *
lines_of(const char *text, const char *prefix, const char *folder)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    GString *out = g_string_new(NULL);

    for (unsigned i = 0; lines[i] != NULL; i++) {
        const char *line = g_strstrip(lines[i]);

        if (line[0] == '\0' || line[0] == '#')
            continue;
        g_string_append_printf(out, "%s%s\n", prefix, line);
    }
    g_string_replace(out, "${dir}", folder, 0);
    return g_string_free(out, FALSE);
}

static void
write_filter(const WnShim *shim, const WnWorldSetting *setting,
    const char *filter)
{
    g_autofree char *options = lines_of(setting->options, "", setting->folder);
    g_autofree char *text = g_strdup_printf("[filter %s]\nplugin = %s\n%s",
        filter, shim->declared.name, options);
    g_autofree char *name = g_strdup_printf("conf.d/%s.conf", filter);

    write_file(setting->folder, name, text, -1);
}

static void
write_action(const WnShim *shim, const WnWorldSetting *setting)
{
    g_autofree char *options = lines_of(setting->options, "action.",
        setting->folder);
    g_autofree char
        *text = g_strdup_printf("[filter " WN_WORLD_FILTER
                                "]\nplugin = %s\nrule = %s\nevidence = %s\n"
                                "points = %d\naction = %s\n%s",
            setting->early ? "harness_early" : "harness_late", setting->rule,
            setting->evidence, setting->score, shim->declared.name, options);

    write_file(setting->folder, "conf.d/" WN_WORLD_FILTER ".conf", text, -1);
}

static void
write_domain(const WnShim *shim, const WnWorldSetting *setting,
    const char *domain)
{
    bool own = g_ascii_strcasecmp(domain, OWN_DOMAIN) == 0;
    bool acts = shim->declared.action != NULL;
    g_autofree char *name = g_strdup_printf("domains.d/%s.conf", domain);
    g_autofree char *options = lines_of(own ? setting->domain : "",
        acts ? "action." : "", setting->folder);
    g_autofree char *filter = g_strdup_printf("[filter " WN_WORLD_FILTER
                                              "]\n%s",
        options);
    g_autofree char
        *text = g_strdup_printf("[domain %s]\nservers = 192.0.2.25\n%s", domain,
            options[0] != '\0' ? filter : "");

    write_file(setting->folder, name, text, -1);
}

static void
write_files(const WnShim *shim, const WnWorldSetting *setting)
{
    write_file(setting->folder, "winnow.conf", SERVER, -1);
    if (shim->declared.action != NULL)
        write_action(shim, setting);
    else
        write_filter(shim, setting, WN_WORLD_FILTER);
    if (wn_mode()->twins && shim->declared.action == NULL)
        write_filter(shim, setting, "twin");
    write_domain(shim, setting, OWN_DOMAIN);
    for (unsigned i = 0; i < setting->addresses->len; i++) {
        const char *at = strrchr(g_ptr_array_index(setting->addresses, i), '@');

        if (at == NULL)
            wn_mistake("a recipient has no domain");
        write_domain(shim, setting, at + 1);
    }
}

/*
 * From the files to the chain
 */

typedef struct Reading {
    WnWorld *world;
    WnSnapshotWriter *writer;
} Reading;

static void
on_domain(void *user, WnDomainSetting *take_domain)
{
    Reading *reading = user;

    wn_snapshot_writer_add(reading->writer, take_domain,
        reading->world->problems);
}

static bool
make_snapshot(WnWorld *self, const char *folder, GError **error)
{
    g_autoptr(WnSnapshotWriter)
        writer = wn_snapshot_writer_new(self->config, self->catalogue);
    g_autofree char *domains = g_build_filename(folder, "domains.d", NULL);
    g_autofree char *path = g_build_filename(folder, "settings", NULL);
    g_autoptr(GByteArray) bytes = NULL;
    Reading reading = { self, writer };

    wn_domain_files_read(domains, self->problems, on_domain, &reading);
    bytes = wn_snapshot_writer_finish(writer, 1, self->problems);
    write_file(folder, "settings", bytes->data, (gssize)bytes->len);
    self->snapshot = wn_snapshot_open(path, error);
    return self->snapshot != NULL;
}

static void
note_blob(WnWorld *self, const WnBlobNeed *need, const WnBlobFile *blob)
{
    WnWorldPayload one = { .dataset = wn_dataset_get(need->module, need->index),
        .payload = wn_blob_payload(blob) };

    wn_compiled_note(self->compiled, need->name, one.payload);
    g_array_append_val(self->payloads, one);
}

/* As winnow-check does it before it publishes. */
static void
make_data(WnWorld *self)
{
    g_autoptr(WnBlobNeeds)
        needs = wn_blob_needs_new(self->config, self->loader);
    WnDatasetJob job = { .config = self->config,
        .generation = 1,
        .problems = self->problems };

    wn_blob_needs_add(needs, self->snapshot);
    for (unsigned i = 0; i < wn_blob_needs_count(needs); i++) {
        const WnBlobNeed *need = wn_blob_needs_get(needs, i);
        WnBlobFile *blob = NULL;

        wn_dataset_make(&job, need, &blob);
        if (blob == NULL)
            continue;
        note_blob(self, need, blob);
        wn_blob_shelf_put(wn_snapshot_blobs(self->snapshot), need->name, blob);
    }
}

static void
on_refused(void *user, const char *name, const char *reason)
{
    GString *refused = user;

    g_string_append_printf(refused, "%s: %s\n", name, reason);
}

static bool
fail(GError **error, const char *text)
{
    g_autofree char *clean = g_strchomp(g_strdup(text));

    g_set_error(error, WN_PLUGIN_ERROR, 0, "%s", clean);
    return false;
}

static bool
has_problem(const WnWorld *self, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);

    if (wn_problems_count(self->problems) == 0)
        return false;
    wn_problems_print(self->problems, text);
    fail(error, text->str);
    return true;
}

/* Rows that were refused: the test may look for them. */
static void
log_warnings(const WnWorld *self, WnShim *shim)
{
    g_autoptr(GString) text = g_string_new(NULL);

    if (wn_problems_n_warnings(self->problems) == 0)
        return;
    wn_problems_print(self->problems, text);
    g_string_append(shim->log, text->str);
}

static bool
read_settings(WnWorld *self, const WnShim *shim, const char *folder,
    GError **error)
{
    g_autofree char *path = g_build_filename(folder, "winnow.conf", NULL);
    g_autoptr(GString) refused = g_string_new(NULL);

    self->config = wn_config_read(path, self->problems);
    if (self->config == NULL)
        return !has_problem(self, error);
    self->catalogue = wn_loader_catalogue(self->loader, on_refused, refused);
    if (wn_catalogue_find(self->catalogue, shim->declared.name) == NULL)
        return fail(error, refused->str);
    wn_config_check_filters(self->config, self->catalogue, self->problems);
    return make_snapshot(self, folder, error) && !has_problem(self, error);
}

static bool
start(WnWorld *self, WnShim *shim, const char *folder, GError **error)
{
    if (!read_settings(self, shim, folder, error))
        return false;
    wn_shim_select(shim);
    self->host = wn_chain_host_new(self->loop, self->config, NULL);
    wn_chain_host_set_shared(self->host, self->shared);
    wn_chain_host_load(self->host, self->loader, self->problems);
    make_data(self);
    log_warnings(self, shim);
    wn_chain_host_set_snapshot(self->host, self->snapshot);
    return !has_problem(self, error);
}

static WnWorld *
world_new(const WnShim *shim, const char *folder)
{
    WnWorld *self = g_new0(WnWorld, 1);
    g_autofree char *modules = g_build_filename(folder, "modules", NULL);

    if (g_mkdir_with_parents(modules, 0755) != 0)
        wn_mistake("%s: cannot be made", modules);
    self->problems = wn_problems_new();
    self->loop = wn_loop_new();
    self->shared = wn_shared_table_new(-1);
    self->compiled = g_string_new(NULL);
    self->payloads = g_array_new(FALSE, FALSE, sizeof(WnWorldPayload));
    self->loader = wn_loader_new(modules);
    wn_loader_add_static(self->loader, &shim->declared);
    wn_loader_add_static(self->loader, &wn_finder_late);
    wn_loader_add_static(self->loader, &wn_finder_early);
    return self;
}

WnWorld *
wn_world_new(WnShim *shim, const WnWorldSetting *setting, GError **error)
{
    WnWorld *self = world_new(shim, setting->folder);

    write_files(shim, setting);
    if (!start(self, shim, setting->folder, error)) {
        wn_world_free(self);
        return NULL;
    }
    if (wn_mode()->plain)
        wn_compiled_compare(self, shim, setting->folder);
    return self;
}

WnWorld *
wn_world_open(WnShim *shim, const char *folder, GError **error)
{
    WnWorld *self = world_new(shim, folder);

    if (read_settings(self, shim, folder, error)) {
        make_data(self);
        if (!has_problem(self, error))
            return self;
    }
    wn_world_free(self);
    return NULL;
}

void
wn_world_free(WnWorld *self)
{
    if (self == NULL)
        return;
    wn_chain_host_free(self->host);
    wn_snapshot_unref(self->snapshot);
    g_string_free(self->compiled, TRUE);
    g_array_unref(self->payloads);
    wn_catalogue_free(self->catalogue);
    wn_config_free(self->config);
    wn_loader_free(self->loader);
    wn_shared_table_free(self->shared);
    wn_problems_free(self->problems);
    wn_loop_free(self->loop);
    g_free(self);
}

uint32_t
wn_world_class(const WnWorld *self, const char *address)
{
    const char *at = strrchr(address, '@');
    WnDomain domain;

    if (at == NULL
        || !wn_snapshot_domain(self->snapshot, wn_span_str(at + 1), &domain))
        wn_mistake("%s: no recipient here", address);
    return domain.class_id;
}
