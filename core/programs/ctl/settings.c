/* SPDX-License-Identifier: MIT */
#include "core/programs/ctl/settings.h"

#include "core/base/fd.h"
#include "core/conf/snapshot_compare.h"
#include "core/conf/snapshot_writer.h"
#include "core/sync/mirror.h"

#include <errno.h>
#include <stdio.h>

/* Warnings are for winnowctl check. */
static void
print_problems(const WnProblems *problems)
{
    g_autoptr(GString) text = g_string_new(NULL);

    if (wn_problems_count(problems) == 0)
        return;
    wn_problems_print(problems, text);
    fputs(text->str, stderr);
}

typedef struct Reading {
    WnSnapshotWriter *writer;
    WnProblems *problems;
} Reading;

static void
add_to_writer(void *user, WnDomainSetting *take_domain)
{
    Reading *reading = user;

    wn_snapshot_writer_add(reading->writer, take_domain, reading->problems);
}

static void
add_to_list(void *user, WnDomainSetting *take_domain)
{
    g_ptr_array_add(user, take_domain);
}

static uint64_t
find_published(const WnConfig *config, const char *path)
{
    g_autofree char *current = g_build_filename(config->state, "snapshots",
        "current", "settings", NULL);
    g_autoptr(WnSnapshot)
        published = wn_snapshot_open_current(config->state, NULL);

    if (published == NULL || !wn_snapshot_files_equal(path, current))
        return 0;
    return wn_snapshot_generation(published);
}

/* Through a memory file: a snapshot is always a mapped file. */
static WnSnapshot *
open_bytes(CtlSettings *self, const GByteArray *bytes, GError **error)
{
    wn_autofd fd = wn_fd_sealed_memory("settings",
        wn_span(bytes->data, bytes->len));
    g_autofree char *path = NULL;

    if (fd < 0) {
        wn_fd_set_error(error, errno, "make a memory file", "settings");
        return NULL;
    }
    path = g_strdup_printf("/proc/self/fd/%d", fd);
    self->generation = find_published(self->config, path);
    return wn_snapshot_open(path, error);
}

static WnSnapshot *
build_from_files(CtlSettings *self, WnProblems *problems)
{
    g_autofree char *folder = g_build_filename(self->config->folder,
        "domains.d", NULL);
    g_autoptr(WnSnapshotWriter)
        writer = wn_snapshot_writer_new(self->config, self->catalogue);
    g_autoptr(WnProblems) seen = wn_problems_new();
    Reading reading = { writer, problems };
    g_autoptr(GByteArray) bytes = NULL;
    g_autoptr(GError) error = NULL;
    WnSnapshot *snapshot;

    self->domains = g_ptr_array_new_with_free_func(
        (GDestroyNotify)wn_domain_setting_free);
    wn_domain_files_read(folder, seen, add_to_list, self->domains);
    wn_domain_files_read(folder, problems, add_to_writer, &reading);
    bytes = wn_snapshot_writer_finish(writer, 0, problems);
    if (wn_problems_count(problems) > 0)
        return NULL;
    snapshot = open_bytes(self, bytes, &error);
    if (snapshot == NULL)
        fprintf(stderr, "winnowctl: %s\n", error->message);
    return snapshot;
}

/* What is published is in use; the relay's copy of the database says where it
 * comes from. */
static GPtrArray *
read_mirror(const WnConfig *config)
{
    g_autoptr(WnMirror) mirror = wn_mirror_read(config->state, NULL);
    g_autoptr(WnProblems) seen = wn_problems_new();
    GPtrArray *domains;

    if (mirror == NULL)
        return NULL;
    domains = g_ptr_array_new_with_free_func(
        (GDestroyNotify)wn_domain_setting_free);
    wn_mirror_each(mirror, seen, add_to_list, domains);
    return domains;
}

static WnSnapshot *
open_published(CtlSettings *self)
{
    g_autoptr(GError) error = NULL;
    WnSnapshot *snapshot = wn_snapshot_open_current(self->config->state,
        &error);

    if (snapshot == NULL)
        fprintf(stderr, "winnowctl: no settings: %s\n",
            error != NULL ? error->message : "nothing was published yet");
    else
        self->generation = wn_snapshot_generation(snapshot);
    self->domains = read_mirror(self->config);
    return snapshot;
}

bool
ctl_settings_load(WnCtl *ctl, CtlSettings *out_settings)
{
    g_autoptr(WnProblems) problems = wn_problems_new();

    *out_settings = (CtlSettings){ .config = ctl_read_config(ctl) };
    if (out_settings->config == NULL)
        return false;
    out_settings->loader = ctl_loader_new(ctl, out_settings->config);
    out_settings->catalogue = wn_loader_catalogue(out_settings->loader, NULL,
        NULL);
    wn_config_check_filters(out_settings->config, out_settings->catalogue,
        problems);
    if (wn_problems_count(problems) == 0)
        out_settings->snapshot = out_settings->config->source == WN_SOURCE_FILES
                                     ? build_from_files(out_settings, problems)
                                     : open_published(out_settings);
    print_problems(problems);
    return out_settings->snapshot != NULL;
}

void
ctl_settings_clear(CtlSettings *self)
{
    g_clear_pointer(&self->snapshot, wn_snapshot_unref);
    g_clear_pointer(&self->domains, g_ptr_array_unref);
    g_clear_pointer(&self->catalogue, wn_catalogue_free);
    g_clear_pointer(&self->loader, wn_loader_free);
    g_clear_pointer(&self->config, wn_config_free);
}

const WnDomainSetting *
ctl_settings_domain(const CtlSettings *self, const char *name)
{
    for (guint i = 0; self->domains != NULL && i < self->domains->len; i++) {
        const WnDomainSetting *domain = self->domains->pdata[i];

        if (strcmp(domain->name, name) == 0)
            return domain;
    }
    return NULL;
}
