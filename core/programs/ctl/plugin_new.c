/* SPDX-License-Identifier: MIT */

/* winnowctl plugin new: a folder with a plugin that builds, and its tests. */

#include "core/programs/ctl/plugin_new.h"

#include "core/plugin/module.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

#define TOKEN "newplugin"

/* Where it is below the template, and below the new folder. */
typedef struct TemplateFile {
    const char *from;
    const char *to;
    bool common;
} TemplateFile;

static const TemplateFile files[] = {
    { TOKEN ".c", TOKEN ".c", false },
    { TOKEN ".conf", TOKEN ".conf", false },
    { "test.c", "test.c", false },
    { "Makefile", "Makefile", true },
    { "README.md", "README.md", true },
    { "ci.yml", ".github/workflows/check.yml", true },
};

typedef struct Copying {
    const char *name;
    const char *kind; /* "filter" or "action" */
    const char *template;
    const char *dir;
} Copying;

/* The text with the name, and the name with a capital, for the token. */
static char *
fill_in(const Copying *self, const char *text)
{
    g_autoptr(GString) out = g_string_new(text);
    g_autofree char *type = g_strdup(self->name);

    type[0] = g_ascii_toupper(type[0]);
    g_string_replace(out, TOKEN, self->name, 0);
    g_string_replace(out, "Newplugin", type, 0);
    return g_strdup(out->str);
}

static bool
copy_file(const Copying *self, const TemplateFile *file, GError **error)
{
    g_autofree char *from = g_build_filename(self->template,
        file->common ? "common" : self->kind, file->from, NULL);
    g_autofree char *name = fill_in(self, file->to);
    g_autofree char *to = g_build_filename(self->dir, name, NULL);
    g_autofree char *parent = g_path_get_dirname(to);
    g_autofree char *text = NULL;
    g_autofree char *filled = NULL;

    if (!g_file_get_contents(from, &text, NULL, error))
        return false;
    if (g_mkdir_with_parents(parent, 0755) != 0) {
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
            "%s: %s", parent, g_strerror(errno));
        return false;
    }
    filled = fill_in(self, text);
    return g_file_set_contents_full(to, filled, -1, G_FILE_SET_CONTENTS_NONE,
        0644, error);
}

/* Nothing that is there is written over. */
static bool
is_free(const char *dir, GError **error)
{
    g_autoptr(GDir) folder = NULL;

    if (!g_file_test(dir, G_FILE_TEST_EXISTS))
        return true;
    folder = g_dir_open(dir, 0, error);
    if (folder == NULL)
        return false;
    if (g_dir_read_name(folder) == NULL)
        return true;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_EXIST, "%s is not empty",
        dir);
    return false;
}

static bool
copy_all(const Copying *self, GError **error)
{
    if (!is_free(self->dir, error))
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(files); i++)
        if (!copy_file(self, &files[i], error))
            return false;
    return true;
}

/* Its tests are test.so, and no file of plugins holds two of a name. */
static bool
is_usable(const char *name)
{
    if (!wn_module_name_is_valid(name)) {
        fprintf(stderr,
            "winnowctl: \"%s\" is no name for a plugin: it begins with a "
            "small letter and has small letters, digits and _\n",
            name);
        return false;
    }
    if (strcmp(name, "test") != 0)
        return true;
    fputs("winnowctl: \"test\" is the name of the tests: choose another\n",
        stderr);
    return false;
}

static void
warn_of_others(const char *name)
{
    g_autofree char *file = g_strdup_printf("%s/%s.so", WN_PLUGINDIR, name);

    if (g_file_test(file, G_FILE_TEST_EXISTS))
        fprintf(stderr,
            "winnowctl: warning: there is a plugin %s already, which \"make "
            "install\" would replace: %s\n",
            name, file);
}

static WnExit
usage(void)
{
    fputs("usage: winnowctl plugin new NAME [--action] [--template FOLDER] "
          "DIR\n",
        stderr);
    return WN_EXIT_USAGE;
}

WnExit
ctl_plugin_new(WnCtl *ctl)
{
    bool bad = false;
    bool action = ctl_take_flag(ctl, "--action");
    const char *template = ctl_take_option(ctl, "--template", &bad);
    g_autoptr(GError) error = NULL;
    Copying copying = { .kind = action ? "action" : "filter",
        .template = template != NULL ? template : WN_DATADIR "/template" };

    if (bad || !ctl_no_option_left(ctl) || ctl->words->len != 3)
        return usage();
    copying.name = ctl->words->pdata[1];
    copying.dir = ctl->words->pdata[2];
    if (!is_usable(copying.name))
        return WN_EXIT_NO;
    warn_of_others(copying.name);
    if (!copy_all(&copying, &error)) {
        fprintf(stderr, "winnowctl: %s\n", error->message);
        return WN_EXIT_NO;
    }
    printf("%s: the %s %s.  Now: cd %s && make check\n", copying.dir,
        copying.kind, copying.name, copying.dir);
    return WN_EXIT_OK;
}
