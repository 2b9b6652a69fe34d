/* SPDX-License-Identifier: MIT */
#include "core/sync/dataset_input.h"

#include "core/base/fd.h"
#include "core/conf/blob_format.h"
#include "core/plugin/module.h"
#include "core/sync/mirror.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

/* A file that was changed so shortly before may be changed again without its
 * times showing it: clocks of file systems tick in some milliseconds. */
#define SETTLE_NS (INT64_C(50) * 1000 * 1000)

typedef struct File {
    char *path;
    int fd;
    struct stat st;
} File;

struct WnDatasetInput {
    const WnDataset *dataset;
    File table; /* fd -1: none */
    GArray *files;
    WnFingerprint fingerprint;
};

static void
file_clear(void *data)
{
    File *file = data;

    wn_fd_close(file->fd);
    g_free(file->path);
}

static bool
open_file(File *file, const char *path, GError **error)
{
    *file = (File){ .path = g_strdup(path),
        .fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY) };
    if (file->fd < 0 || fstat(file->fd, &file->st) != 0) {
        wn_fd_set_error(error, errno, "read", path);
        return false;
    }
    if (!S_ISREG(file->st.st_mode)) {
        g_set_error(error, WN_ROWS_ERROR, 0, "%s: is not a regular file", path);
        return false;
    }
    return true;
}

/*
 * The fingerprint
 */

static int64_t
nanoseconds(const struct timespec *time)
{
    return (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
}

static void
print_identity(GString *out, const char *path, const struct stat *st)
{
    g_string_append_printf(out,
        "%s\n%ju %ju %jd %" G_GINT64_FORMAT " %" G_GINT64_FORMAT "\n", path,
        (uintmax_t)st->st_dev, (uintmax_t)st->st_ino, (intmax_t)st->st_size,
        nanoseconds(&st->st_mtim), nanoseconds(&st->st_ctim));
}

static void
print_file(GString *out, const File *file)
{
    struct timespec now;

    print_identity(out, file->path, &file->st);
    clock_gettime(CLOCK_REALTIME, &now);
    if (nanoseconds(&now) - nanoseconds(&file->st.st_mtim) < SETTLE_NS)
        g_string_append_printf(out, "at %" G_GINT64_FORMAT "\n",
            nanoseconds(&now));
}

static void
print_plugin(GString *out, const WnModule *module)
{
    struct stat st;

    if (stat(module->info->path, &st) == 0)
        print_identity(out, module->info->path, &st);
}

static void
take_fingerprint(WnDatasetInput *self, const WnModule *module)
{
    const WnDataset *dataset = self->dataset;
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    gsize len = sizeof self->fingerprint.bytes;

    g_string_append_printf(text, "%u %d %s %s %u %s\n", WN_BLOB_VERSION,
        WN_TEXT_FORMS, module->info->name, dataset->name, dataset->format,
        dataset->columns != NULL ? dataset->columns : "");
    print_plugin(text, module);
    if (self->table.fd >= 0)
        print_file(text, &self->table);
    g_string_append(text, "files\n");
    for (unsigned i = 0; i < self->files->len; i++)
        print_file(text, &g_array_index(self->files, File, i));
    g_checksum_update(sum, (const guchar *)text->str, (gssize)text->len);
    g_checksum_get_digest(sum, self->fingerprint.bytes, &len);
}

/*
 * Opening
 */

/* A table of which nothing has come yet is empty. */
static bool
open_table(WnDatasetInput *self, const WnConfig *config, GError **error)
{
    g_autofree char *path = NULL;

    if (config->source != WN_SOURCE_MARIADB || self->dataset->source == NULL)
        return true;
    path = wn_rows_path(config->state, self->dataset->source);
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return true;
    return open_file(&self->table, path, error);
}

WnDatasetInput *
wn_dataset_input_open(const WnBlobNeed *need, const WnConfig *config,
    GError **error)
{
    g_autoptr(WnDatasetInput) self = g_new0(WnDatasetInput, 1);

    self->dataset = wn_dataset_get(need->module, need->index);
    self->table.fd = -1;
    self->files = g_array_new(FALSE, FALSE, sizeof(File));
    g_array_set_clear_func(self->files, file_clear);
    if (!open_table(self, config, error))
        return NULL;
    for (unsigned i = 0; need->paths[i] != NULL; i++) {
        File file;
        bool ok = open_file(&file, need->paths[i], error);

        g_array_append_val(self->files, file);
        if (!ok)
            return NULL;
    }
    take_fingerprint(self, need->module);
    return g_steal_pointer(&self);
}

void
wn_dataset_input_free(WnDatasetInput *self)
{
    if (self == NULL)
        return;
    file_clear(&self->table);
    g_array_unref(self->files);
    g_free(self);
}

bool
wn_dataset_input_is_empty(const WnDatasetInput *self)
{
    return self->files->len == 0 && self->table.fd < 0;
}

const WnFingerprint *
wn_dataset_input_fingerprint(const WnDatasetInput *self)
{
    return &self->fingerprint;
}

/*
 * Reading
 */

static bool
has_changed(const File *file)
{
    struct stat st;

    return fstat(file->fd, &st) != 0 || st.st_size != file->st.st_size
           || nanoseconds(&st.st_mtim) != nanoseconds(&file->st.st_mtim);
}

static bool
read_file(WnRowSet *rows, const File *file, GError **error)
{
    bool ok = wn_row_set_read(rows, file->fd, (size_t)file->st.st_size,
        file->path, error);

    if (!has_changed(file))
        return ok;
    g_clear_error(error);
    g_set_error(error, WN_ROWS_ERROR, 0, "%s: has changed while it was read",
        file->path);
    return false;
}

WnRowSet *
wn_dataset_input_read(WnDatasetInput *self, GError **error)
{
    g_autoptr(WnRowSet)
        rows = wn_row_set_new(wn_dataset_n_columns(self->dataset));

    if (self->table.fd >= 0) {
        WnRowsFile *table = wn_rows_open_fd(self->table.fd, self->table.path,
            error);

        g_autofree char *shown = g_strconcat(WN_MIRROR_PLACE,
            self->dataset->source, NULL);

        if (table == NULL)
            return NULL;
        wn_row_set_take_table(rows, table, shown);
    }
    for (unsigned i = 0; i < self->files->len; i++)
        if (!read_file(rows, &g_array_index(self->files, File, i), error))
            return NULL;
    wn_row_set_sort(rows);
    return g_steal_pointer(&rows);
}
