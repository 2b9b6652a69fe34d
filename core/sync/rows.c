/* SPDX-License-Identifier: MIT */
#include "core/sync/rows.h"

#include "core/base/crc32c.h"
#include "core/base/fd.h"
#include "core/base/publish.h"
#include "core/base/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define MAGIC "wnrows\r\n"
#define MAGIC_LEN 8
#define VERSION 1u
#define HEADER_LEN 64
#define HEADER_CRC_AT (HEADER_LEN - 4)
#define FIELD_EXTRA 5 /* the length before a field and the NUL behind it */

G_DEFINE_QUARK(wn - rows - error - quark, wn_rows_error)

char *
wn_rows_path(const char *state, const char *table)
{
    return g_strdup_printf("%s/mirror/%s.rows", state, table);
}

G_GNUC_PRINTF(2, 3)
static bool
refuse(GError **error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_propagate_error(error,
        g_error_new_valist(WN_ROWS_ERROR, 0, format, args));
    va_end(args);
    return false;
}

/* Bytes as unsigned numbers; a shorter key comes first. */
static int
compare_keys(WnSpan a, WnSpan b)
{
    int order = memcmp(a.ptr, b.ptr, MIN(a.len, b.len));

    if (order != 0)
        return order;
    return a.len < b.len ? -1 : a.len > b.len;
}

/*
 * Writing
 */

struct WnRowsWriter {
    unsigned n_columns;
    uint32_t count;
    GByteArray *records;
    GByteArray *last; /* key */
};

WnRowsWriter *
wn_rows_writer_new(unsigned n_columns)
{
    WnRowsWriter *self = g_new0(WnRowsWriter, 1);

    g_assert(n_columns > 0 && n_columns <= WN_ROWS_COLUMNS_MAX);
    self->n_columns = n_columns;
    self->records = g_byte_array_new();
    self->last = g_byte_array_new();
    return self;
}

void
wn_rows_writer_free(WnRowsWriter *self)
{
    if (self == NULL)
        return;
    g_byte_array_unref(self->records);
    g_byte_array_unref(self->last);
    g_free(self);
}

static bool
check_row(const WnRowsWriter *self, const WnSpan *fields, GError **error)
{
    WnSpan last = wn_span(self->last->data, self->last->len);
    uint64_t length = self->records->len;

    if (fields[0].len == 0)
        return refuse(error, "the first column of a row is empty");
    if (compare_keys(last, fields[0]) >= 0)
        return refuse(error, "rows are not in the order of their bytes");
    for (unsigned i = 0; i < self->n_columns; i++) {
        if (fields[i].len > WN_ROWS_FIELD_MAX)
            return refuse(error, "a field has %zu bytes, at most %u fit",
                fields[i].len, WN_ROWS_FIELD_MAX);
        if (memchr(fields[i].ptr, '\0', fields[i].len) != NULL)
            return refuse(error, "a field holds a NUL byte");
        length += fields[i].len + FIELD_EXTRA;
    }
    if (length > WN_ROWS_LENGTH_MAX)
        return refuse(error, "the rows have more than %u bytes",
            WN_ROWS_LENGTH_MAX);
    return true;
}

bool
wn_rows_writer_add(WnRowsWriter *self, const WnSpan *fields, GError **error)
{
    if (!check_row(self, fields, error))
        return false;
    for (unsigned i = 0; i < self->n_columns; i++) {
        uint32_t len = GUINT32_TO_LE((uint32_t)fields[i].len);

        g_byte_array_append(self->records, (const guint8 *)&len, sizeof len);
        g_byte_array_append(self->records, (const guint8 *)fields[i].ptr,
            (guint)fields[i].len);
        g_byte_array_append(self->records, (const guint8 *)"", 1);
    }
    g_byte_array_set_size(self->last, 0);
    g_byte_array_append(self->last, (const guint8 *)fields[0].ptr,
        (guint)fields[0].len);
    self->count++;
    return true;
}

static void
write_header(const WnRowsWriter *self, uint64_t revision, WnWriter *out)
{
    static const char zeros[HEADER_LEN];
    WnSpan records = wn_span(self->records->data, self->records->len);

    wn_write_raw(out, MAGIC, MAGIC_LEN);
    wn_write_u32(out, VERSION);
    wn_write_u32(out, self->n_columns);
    wn_write_u64(out, revision);
    wn_write_u64(out, records.len);
    wn_write_u32(out, self->count);
    wn_write_u32(out, wn_crc32c(0, records));
    wn_write_raw(out, zeros, HEADER_CRC_AT - out->bytes->len);
    wn_write_u32(out, wn_crc32c(0, wn_writer_span(out)));
}

bool
wn_rows_writer_publish(WnRowsWriter *self, const char *path, uint64_t revision,
    GError **error)
{
    g_auto(WnWriter) out;

    wn_writer_init(&out);
    write_header(self, revision, &out);
    wn_write_raw(&out, self->records->data, self->records->len);
    return wn_file_publish(path, wn_writer_span(&out), 0600, error);
}

/*
 * Reading
 */

struct WnRowsFile {
    WnSpan file; /* mapped */
    WnSpan records;
    unsigned n_columns;
    uint32_t count;
    uint64_t revision;
};

/* NULL: it is right. */
static const char *
header_fault(WnRowsFile *self)
{
    WnReader reader = wn_reader(wn_span_slice(self->file, 0, HEADER_LEN));
    WnSpan magic = wn_read_raw(&reader, MAGIC_LEN);
    uint32_t version = wn_read_u32(&reader);
    uint64_t length;
    uint32_t crc;

    self->n_columns = wn_read_u32(&reader);
    self->revision = wn_read_u64(&reader);
    length = wn_read_u64(&reader);
    self->count = wn_read_u32(&reader);
    crc = wn_read_u32(&reader);
    wn_read_raw(&reader, reader.rest.len > 4 ? reader.rest.len - 4 : 0);
    if (wn_read_u32(&reader)
            != wn_crc32c(0, wn_span_slice(self->file, 0, HEADER_CRC_AT))
        || !wn_reader_ok(&reader) || !wn_span_eq(magic, WN_SPAN(MAGIC)))
        return "it does not begin as one";
    if (version != VERSION)
        return "it has another version of the format";
    self->records = wn_span_slice(self->file, HEADER_LEN, self->file.len);
    if (self->records.len != length || self->n_columns == 0
        || self->n_columns > WN_ROWS_COLUMNS_MAX)
        return "it has the wrong length";
    return crc == wn_crc32c(0, self->records) ? NULL : "its checksum is wrong";
}

/* One row off the reader; false: what is there is none. */
static bool
read_row(unsigned n_columns, WnReader *reader, WnSpan *fields)
{
    for (unsigned i = 0; i < n_columns; i++) {
        WnSpan nul;

        fields[i] = wn_read_bytes(reader);
        nul = wn_read_raw(reader, 1);
        if (!wn_reader_ok(reader) || nul.ptr[0] != '\0'
            || fields[i].len > WN_ROWS_FIELD_MAX)
            return false;
    }
    return true;
}

static const char *
records_fault(const WnRowsFile *self)
{
    WnReader reader = wn_reader(self->records);
    WnSpan fields[WN_ROWS_COLUMNS_MAX];
    WnSpan last = WN_SPAN_EMPTY;

    for (uint32_t i = 0; i < self->count; i++) {
        if (!read_row(self->n_columns, &reader, fields))
            return "a row in it is damaged";
        if (compare_keys(last, fields[0]) >= 0)
            return "its rows are not in order";
        last = fields[0];
    }
    return wn_reader_done(&reader) ? NULL : "it has more rows than it says";
}

static const char *
map_file(WnRowsFile *self, int fd)
{
    struct stat st;
    void *map;

    if (fstat(fd, &st) != 0)
        return g_strerror(errno);
    if (!S_ISREG(st.st_mode) || st.st_size < HEADER_LEN
        || st.st_size > (off_t)WN_ROWS_LENGTH_MAX + HEADER_LEN)
        return "it is no file of a possible size";
    map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE,
        fd, 0);
    if (map == MAP_FAILED)
        return g_strerror(errno);
    self->file = wn_span(map, (size_t)st.st_size);
    return NULL;
}

WnRowsFile *
wn_rows_open_fd(int fd, const char *shown, GError **error)
{
    g_autoptr(WnRowsFile) self = g_new0(WnRowsFile, 1);
    const char *fault = map_file(self, fd);

    if (fault == NULL)
        fault = header_fault(self);
    if (fault == NULL)
        fault = records_fault(self);
    if (fault == NULL)
        return g_steal_pointer(&self);
    refuse(error, "%s: is no file of rows that can be used: %s", shown, fault);
    return NULL;
}

WnRowsFile *
wn_rows_open(const char *path, GError **error)
{
    wn_autofd fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd >= 0)
        return wn_rows_open_fd(fd, path, error);
    if (errno != ENOENT)
        wn_fd_set_error(error, errno, "open", path);
    return NULL;
}

void
wn_rows_free(WnRowsFile *self)
{
    if (self == NULL)
        return;
    if (self->file.len > 0)
        munmap((void *)(uintptr_t)self->file.ptr, self->file.len);
    g_free(self);
}

uint64_t
wn_rows_revision(const WnRowsFile *self)
{
    return self->revision;
}

uint32_t
wn_rows_count(const WnRowsFile *self)
{
    return self->count;
}

unsigned
wn_rows_n_columns(const WnRowsFile *self)
{
    return self->n_columns;
}

bool
wn_rows_next(const WnRowsFile *self, size_t *offset, WnSpan *fields)
{
    WnReader reader = wn_reader(
        wn_span_slice(self->records, *offset, self->records.len));

    if (!read_row(self->n_columns, &reader, fields))
        return false;
    *offset = self->records.len - reader.rest.len;
    return true;
}

WnSpan
wn_rows_records(const WnRowsFile *self)
{
    return self->records;
}

bool
wn_rows_at(const WnRowsFile *self, const char *key, WnSpan *fields)
{
    size_t offset = (size_t)(key - self->records.ptr) - sizeof(uint32_t);

    return wn_rows_next(self, &offset, fields);
}
