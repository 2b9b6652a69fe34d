/* SPDX-License-Identifier: MIT */
#include "sdk/harness/compiled.h"

#include "sdk/harness/plugin_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Memory from malloc() is never zero there, nor what it is elsewhere; the
 * second is for the sanitizer's malloc(). */
#define TUNABLES "glibc.malloc.tcache_count=0:glibc.malloc.perturb=165"
#define FILLED "malloc_fill_byte=165:max_malloc_fill_size=1048576"

#define ROWS_FOLDER ".rows"

void
wn_compiled_note(GString *out, const char *name, WnSpan payload)
{
    g_autofree char *digest = g_compute_checksum_for_data(G_CHECKSUM_SHA256,
        (const guchar *)payload.ptr, payload.len);

    g_string_append_printf(out, "%s %s\n", name, digest);
}

/*
 * Rows of the test's own
 */

void
wn_compiled_keep_rows(const char *folder, const char *dataset,
    const char *lines)
{
    g_autofree char *place = g_build_filename(folder, ROWS_FOLDER, NULL);
    g_autofree char *path = g_build_filename(place, dataset, NULL);

    if (g_file_test(path, G_FILE_TEST_EXISTS))
        return;
    if (g_mkdir_with_parents(place, 0755) != 0
        || !g_file_set_contents(path, lines, -1, NULL))
        wn_mistake("%s: cannot be written", path);
}

static bool
take_kept_rows(WnShim *shim, const char *folder, GError **error)
{
    g_autofree char *place = g_build_filename(folder, ROWS_FOLDER, NULL);
    g_autoptr(GDir) dir = g_dir_open(place, 0, NULL);
    const char *name;
    bool ok = true;

    while (ok && dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(place, name, NULL);
        g_autofree char *lines = NULL;

        ok = g_file_get_contents(path, &lines, NULL, error)
             && wn_shim_rows(shim, name, lines, error);
    }
    return ok;
}

/* A line for each blob, the first of a name only. */
static GString *
all_lines(const WnWorld *world, const WnShim *shim)
{
    GString *out = g_string_new(world->compiled->str);
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);

    for (unsigned i = 0; i < shim->blobs->len; i++) {
        const WnShimBlob *blob = g_ptr_array_index(shim->blobs, i);

        if (g_hash_table_add(names, blob->name))
            wn_compiled_note(out, blob->name,
                wn_span(blob->data->data, blob->data->len));
    }
    return out;
}

/*
 * The other process
 */

static char *
run_another(const char *plugin, const char *folder)
{
    g_autofree char *program = g_file_read_link("/proc/self/exe", NULL);
    const char *argv[] = { program, WN_COMPILED_WORD, plugin, folder, NULL };
    g_auto(GStrv) environ = g_get_environ();
    const char *given = g_environ_getenv(environ, "ASAN_OPTIONS");
    g_autofree char *filled = g_strjoin(":", given != NULL ? given : "", FILLED,
        NULL);
    g_autoptr(GError) error = NULL;
    char *text = NULL;
    int status = 0;

    environ = g_environ_setenv(environ, "GLIBC_TUNABLES", TUNABLES, TRUE);
    environ = g_environ_setenv(environ, "ASAN_OPTIONS", filled, TRUE);
    if (!g_spawn_sync(NULL, (char **)(void *)argv, environ, G_SPAWN_DEFAULT,
            NULL, NULL, &text, NULL, &status, &error))
        wn_mistake("%s", error->message);
    if (!g_spawn_check_wait_status(status, &error))
        wn_mistake("compile: in another process: %s\n%s", error->message, text);
    return text;
}

/* "NAME DIGEST" lines; the first one that differs tells which data set. */
void
wn_compiled_compare(const WnWorld *world, const WnShim *shim,
    const char *folder)
{
    g_autofree char *lines = g_string_free(all_lines(world, shim), FALSE);
    g_autofree char *text = NULL;
    g_auto(GStrv) here = NULL;
    g_auto(GStrv) there = NULL;

    if (lines[0] == '\0')
        return;
    text = run_another(shim->module->info->path, folder);
    here = g_strsplit(lines, "\n", -1);
    there = g_strsplit(text, "\n", -1);
    for (unsigned i = 0; here[i] != NULL && here[i][0] != '\0'; i++)
        if (!g_strv_contains((const char *const *)there, here[i]))
            wn_mistake("compile: another process makes other bytes of the same "
                       "rows: %.*s",
                (int)strcspn(here[i], " "), here[i]);
}

int
wn_compiled_print(const char *plugin, const char *folder)
{
    g_autoptr(GError) error = NULL;
    const WnModule *module = wn_plugin_file(plugin, &error);
    g_autofree char *lines = NULL;
    WnZone *zone = wn_zone_new();
    WnWorld *world = NULL;
    WnShim *shim = NULL;

    if (module != NULL) {
        shim = wn_shim_new(module, zone);
        if (take_kept_rows(shim, folder, &error))
            world = wn_world_open(shim, folder, &error);
    }
    if (world != NULL)
        lines = g_string_free(all_lines(world, shim), FALSE);
    if (lines != NULL)
        fputs(lines, stdout);
    else
        puts(error->message);
    wn_world_free(world);
    if (shim != NULL)
        wn_shim_free(shim);
    wn_zone_free(zone);
    return error == NULL ? EXIT_SUCCESS : EXIT_FAILURE;
}
