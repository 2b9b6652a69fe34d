/* SPDX-License-Identifier: MIT */
#include "core/sync/mirror.h"

#include "core/base/crc32c.h"
#include "core/base/fd.h"
#include "core/base/publish.h"
#include "core/sync/mirror_wire.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#define MAGIC "WNMIRROR"
#define FORMAT 2u
#define HEADER_SIZE 64u
#define HEADER_CRC_AT (HEADER_SIZE - 4u)
#define FILE_MAX (UINT64_C(2) << 30)
#define FOLDER "mirror"
#define NAME "domains"

struct WnMirror {
    uint64_t revision;
    GHashTable *domains; /* name to GBytes */
    GPtrArray *faults;   /* char *, of rows that belong to no domain */
};

WnMirror *
wn_mirror_new(void)
{
    WnMirror *self = g_new0(WnMirror, 1);

    self->domains = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
        (GDestroyNotify)g_bytes_unref);
    self->faults = g_ptr_array_new_with_free_func(g_free);
    return self;
}

void
wn_mirror_free(WnMirror *self)
{
    if (self == NULL)
        return;
    g_hash_table_unref(self->domains);
    g_ptr_array_unref(self->faults);
    g_free(self);
}

uint64_t
wn_mirror_revision(const WnMirror *self)
{
    return self->revision;
}

void
wn_mirror_set_revision(WnMirror *self, uint64_t revision)
{
    self->revision = revision;
}

uint32_t
wn_mirror_n_domains(const WnMirror *self)
{
    return g_hash_table_size(self->domains);
}

void
wn_mirror_put(WnMirror *self, const WnDomainSetting *domain,
    const GPtrArray *faults)
{
    g_auto(WnWriter) writer;
    WnSpan bytes;

    wn_writer_init(&writer);
    wn_mirror_encode(&writer, domain, faults);
    bytes = wn_writer_span(&writer);
    g_hash_table_replace(self->domains, g_strdup(domain->name),
        g_bytes_new(bytes.ptr, bytes.len));
}

bool
wn_mirror_remove(WnMirror *self, const char *name)
{
    return g_hash_table_remove(self->domains, name);
}

void
wn_mirror_add_fault(WnMirror *self, const char *fault)
{
    g_ptr_array_add(self->faults, g_strdup(fault));
}

static WnSpan
span_of(GBytes *bytes)
{
    size_t len;
    const void *data = g_bytes_get_data(bytes, &len);

    return wn_span(data, len);
}

WnDomainSetting *
wn_mirror_domain(const WnMirror *self, const char *name, WnProblems *problems)
{
    GBytes *bytes = g_hash_table_lookup(self->domains, name);

    return bytes != NULL ? wn_mirror_decode(name, span_of(bytes), problems)
                         : NULL;
}

static int
compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted (transfer container). */
static char **
names_of(const WnMirror *self, unsigned *out_n)
{
    char **names = (char **)g_hash_table_get_keys_as_array(self->domains,
        out_n);

    qsort(names, *out_n, sizeof(*names), compare_names);
    return names;
}

void
wn_mirror_each(const WnMirror *self, WnProblems *problems, WnDomainFn fn,
    void *user)
{
    unsigned n;
    g_autofree char **names = names_of(self, &n);

    for (guint i = 0; i < self->faults->len; i++)
        wn_mirror_report(problems, self->faults->pdata[i]);
    for (unsigned i = 0; i < n; i++)
        fn(user, wn_mirror_domain(self, names[i], problems));
}

static bool
has_enabled(const WnMirror *self, const char *name)
{
    GBytes *bytes = g_hash_table_lookup(self->domains, name);

    return bytes != NULL && wn_mirror_is_enabled(span_of(bytes));
}

uint32_t
wn_mirror_n_enabled(const WnMirror *self)
{
    GHashTableIter iter;
    void *name;
    uint32_t n = 0;

    g_hash_table_iter_init(&iter, self->domains);
    while (g_hash_table_iter_next(&iter, &name, NULL))
        n += has_enabled(self, name);
    return n;
}

uint32_t
wn_mirror_n_lost(const WnMirror *self, const WnMirror *other)
{
    GHashTableIter iter;
    void *name;
    uint32_t n = 0;

    g_hash_table_iter_init(&iter, self->domains);
    while (g_hash_table_iter_next(&iter, &name, NULL))
        n += has_enabled(self, name) && !has_enabled(other, name);
    return n;
}

/*
 * The file
 */

static char *
path_of(const char *state)
{
    return g_build_filename(state, FOLDER, NAME, NULL);
}

static void
write_body(const WnMirror *self, WnWriter *writer)
{
    unsigned n;
    g_autofree char **names = names_of(self, &n);

    wn_write_u32(writer, self->faults->len);
    for (guint i = 0; i < self->faults->len; i++)
        wn_write_bytes(writer, wn_span_str(self->faults->pdata[i]));
    for (unsigned i = 0; i < n; i++) {
        wn_write_bytes(writer, wn_span_str(names[i]));
        wn_write_bytes(writer,
            span_of(g_hash_table_lookup(self->domains, names[i])));
    }
}

/* The header stands before the body, and tells of it. */
static void
complete_header(const WnMirror *self, GByteArray *file)
{
    g_auto(WnWriter) header;
    WnSpan body = wn_span(file->data + HEADER_SIZE, file->len - HEADER_SIZE);
    static const char padding[HEADER_SIZE];

    wn_writer_init(&header);
    wn_write_raw(&header, MAGIC, strlen(MAGIC));
    wn_write_u32(&header, FORMAT);
    wn_write_u32(&header, wn_mirror_n_domains(self));
    wn_write_u64(&header, self->revision);
    wn_write_u64(&header, body.len);
    wn_write_u32(&header, wn_crc32c(0, body));
    wn_write_raw(&header, padding, HEADER_CRC_AT - wn_writer_span(&header).len);
    wn_write_u32(&header, wn_crc32c(0, wn_writer_span(&header)));
    memcpy(file->data, wn_writer_span(&header).ptr, HEADER_SIZE);
}

bool
wn_mirror_make_folder(const char *state, GError **error)
{
    g_autofree char *folder = g_build_filename(state, FOLDER, NULL);

    if (g_mkdir(folder, 0700) == 0 || errno == EEXIST)
        return true;
    wn_fd_set_error(error, errno, "make", folder);
    return false;
}

void
wn_mirror_sweep(const char *state)
{
    g_autofree char *folder = g_build_filename(state, FOLDER, NULL);

    wn_publish_sweep(folder);
}

bool
wn_mirror_write(const WnMirror *self, const char *state, GError **error)
{
    static const char room[HEADER_SIZE];
    g_autofree char *path = path_of(state);
    g_auto(WnWriter) writer;

    wn_writer_init(&writer);
    wn_write_raw(&writer, room, sizeof(room));
    write_body(self, &writer);
    complete_header(self, writer.bytes);
    return wn_mirror_make_folder(state, error)
           && wn_file_publish(path, wn_writer_span(&writer), 0600, error);
}

static const char *
read_header(WnMirror *self, WnSpan file, WnSpan *out_body, uint32_t *out_n)
{
    WnSpan signed_part = wn_span_slice(file, 0, HEADER_CRC_AT);
    WnReader crc = wn_reader(wn_span_slice(file, HEADER_CRC_AT, 4));
    WnReader reader = wn_reader(signed_part);
    uint64_t len;

    if (file.len < HEADER_SIZE
        || !wn_span_eq(wn_read_raw(&reader, strlen(MAGIC)), WN_SPAN(MAGIC)))
        return "it is none";
    if (wn_read_u32(&crc) != wn_crc32c(0, signed_part))
        return "its header does not check";
    if (wn_read_u32(&reader) != FORMAT)
        return "another version has written it";
    *out_n = wn_read_u32(&reader);
    self->revision = wn_read_u64(&reader);
    len = wn_read_u64(&reader);
    *out_body = wn_span_slice(file, HEADER_SIZE, file.len);
    if (len != out_body->len)
        return "it has another length than it says";
    if (wn_read_u32(&reader) != wn_crc32c(0, *out_body))
        return "it does not check";
    return NULL;
}

static bool
read_domains(WnMirror *self, WnReader *reader, GBytes *file, uint32_t n)
{
    const char *start = g_bytes_get_data(file, NULL);
    g_autofree char *last = g_strdup("");

    for (uint32_t i = 0; i < n; i++) {
        g_autofree char *name = wn_span_dup(wn_read_bytes(reader));
        WnSpan bytes = wn_read_bytes(reader);

        if (!wn_reader_ok(reader) || strcmp(last, name) >= 0)
            return false;
        g_free(last);
        last = g_strdup(name);
        g_hash_table_insert(self->domains, g_steal_pointer(&name),
            g_bytes_new_from_bytes(file, (size_t)(bytes.ptr - start),
                bytes.len));
    }
    return true;
}

static const char *
read_file(WnMirror *self, GBytes *file)
{
    WnSpan body = WN_SPAN_EMPTY;
    uint32_t n_domains = 0;
    uint32_t n_faults;
    const char *fault = read_header(self, span_of(file), &body, &n_domains);
    WnReader reader = wn_reader(body);

    if (fault != NULL)
        return fault;
    n_faults = wn_read_count(&reader, 4);
    for (uint32_t i = 0; i < n_faults && wn_reader_ok(&reader); i++)
        g_ptr_array_add(self->faults, wn_span_dup(wn_read_bytes(&reader)));
    if (!read_domains(self, &reader, file, n_domains)
        || !wn_reader_done(&reader))
        return "its records are in disorder";
    return NULL;
}

WnMirror *
wn_mirror_read(const char *state, GError **error)
{
    g_autofree char *path = path_of(state);
    g_autoptr(WnMirror) self = wn_mirror_new();
    g_autoptr(GBytes) file = NULL;
    const char *fault;
    struct stat status;
    size_t len;
    char *text;

    if (stat(path, &status) != 0 && errno == ENOENT)
        return NULL;
    text = wn_fd_read_file(path, FILE_MAX, &len, error);
    if (text == NULL)
        return NULL;
    file = g_bytes_new_take(text, len);
    fault = read_file(self, file);
    if (fault == NULL)
        return g_steal_pointer(&self);
    g_set_error(error, WN_CONF_ERROR, WN_CONF_ERROR_DAMAGED,
        "%s: the copy of the database cannot be used: %s", path, fault);
    return NULL;
}
