/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the tests of core/conf share: a folder of configuration files that is
 * removed at the end, a catalogue with winnow's own plugins, and comparing all
 * problems at once.
 */

#include <glib/gstdio.h>

#include "core/base/publish.h"
#include "core/conf/config.h"
#include "core/conf/domain_file.h"

typedef struct Fixture {
    char *folder;
    WnProblems *problems;
} Fixture;

static inline void
fixture_init(Fixture *self)
{
    self->folder = g_dir_make_tmp("winnow-conf-XXXXXX", NULL);
    g_assert_nonnull(self->folder);
    self->problems = wn_problems_new();
}

static inline void
fixture_clear(Fixture *self)
{
    g_autoptr(GError) error = NULL;

    if (self->folder == NULL)
        return;
    wn_folder_remove(self->folder, &error);
    g_assert_no_error(error);
    g_free(self->folder);
    wn_problems_free(self->problems);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Fixture, fixture_clear)

static inline char *
fixture_path(const Fixture *self, const char *name)
{
    return g_build_filename(self->folder, name, NULL);
}

static inline void
fixture_write_bytes(const Fixture *self, const char *name, const void *bytes,
    size_t len)
{
    g_autofree char *path = fixture_path(self, name);
    g_autofree char *folder = g_path_get_dirname(path);

    g_assert_cmpint(g_mkdir_with_parents(folder, 0755), ==, 0);
    g_assert_true(g_file_set_contents_full(path, bytes, (gssize)len,
        G_FILE_SET_CONTENTS_CONSISTENT, 0644, NULL));
    g_assert_cmpint(g_chmod(path, 0644), ==, 0);
}

static inline void
fixture_write(const Fixture *self, const char *name, const char *text)
{
    fixture_write_bytes(self, name, text, strlen(text));
}

static inline WnConfig *
fixture_config(const Fixture *self)
{
    g_autofree char *path = fixture_path(self, "winnow.conf");

    return wn_config_read(path, self->problems);
}

static inline void
assert_problems(const WnProblems *problems, const char *expected)
{
    g_autoptr(GString) text = g_string_new(NULL);

    wn_problems_print(problems, text);
    g_assert_cmpstr(text->str, ==, expected);
}

static inline void
add_option(WnPluginInfo *plugin, const char *name, WnOptionKind kind,
    uint32_t flags, int64_t max)
{
    WnOptionSpec spec = {
        .name = g_strdup(name),
        .kind = kind,
        .flags = flags,
        .fallback = (flags & WN_OPTION_REQUIRED) != 0 ? NULL : g_strdup(""),
        .max = max,
    };

    g_array_append_val(plugin->options, spec);
}

static inline WnPluginInfo *
add_plugin(WnCatalogue *catalogue, const char *name, WnPluginKind kind,
    uint32_t flags)
{
    WnPluginInfo *info = wn_plugin_info_new(name, kind);

    info->flags = flags;
    wn_catalogue_take(catalogue, info);
    return info;
}

static inline WnCatalogue *
catalogue_of_plugins(void)
{
    WnCatalogue *self = wn_catalogue_new();
    WnPluginInfo *plugin;

    plugin = add_plugin(self, "rbl", WN_PLUGIN_FILTER,
        WN_PLUGIN_CLIENT_LEVEL | WN_PLUGIN_LOOKS_AHEAD);
    add_option(plugin, "zones", WN_OPTION_STRING_LIST, WN_OPTION_PER_DOMAIN, 0);
    add_option(plugin, "parallel", WN_OPTION_INT, 0, 100);
    plugin = add_plugin(self, "phrase", WN_PLUGIN_FILTER, 0);
    add_option(plugin, "phrases", WN_OPTION_STRING,
        WN_OPTION_PER_DOMAIN | WN_OPTION_REQUIRED | WN_OPTION_FILE, 0);
    plugin = add_plugin(self, "urlphone", WN_PLUGIN_FILTER, 0);
    add_option(plugin, "urls", WN_OPTION_STRING_LIST,
        WN_OPTION_PER_DOMAIN | WN_OPTION_FILE, 0);
    plugin = add_plugin(self, "reject", WN_PLUGIN_ACTION, 0);
    add_option(plugin, "text", WN_OPTION_STRING, WN_OPTION_PER_DOMAIN, 500);
    add_option(plugin, "code", WN_OPTION_INT, WN_OPTION_PER_DOMAIN, 559);
    plugin = add_plugin(self, "modify_subject", WN_PLUGIN_ACTION,
        WN_PLUGIN_NEVER_REFUSES);
    add_option(plugin, "tag", WN_OPTION_STRING,
        WN_OPTION_PER_DOMAIN | WN_OPTION_REQUIRED, 199);
    plugin = add_plugin(self, "forward", WN_PLUGIN_ACTION,
        WN_PLUGIN_NEVER_REFUSES);
    add_option(plugin, "to", WN_OPTION_ADDRESS,
        WN_OPTION_PER_DOMAIN | WN_OPTION_REQUIRED, 0);
    add_plugin(self, "delete", WN_PLUGIN_ACTION, WN_PLUGIN_NEVER_REFUSES);
    return self;
}
