/* SPDX-License-Identifier: MIT */
#include "core/conf/blob.h"

#include "core/base/crc32c.h"
#include "core/base/fd.h"
#include "core/conf/blob_format.h"
#include "core/conf/problem.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(sizeof(WnFingerprint) == WN_BLOB_FINGERPRINT_LEN, "layout");

struct WnBlobFile {
    unsigned n_refs;
    dev_t device;
    ino_t inode;
    WnSpan file; /* mapped */
    WnBlobInfo info;
    WnSpan report;
    WnSpan payload;
};

/*
 * Checks
 */

static uint32_t
header_crc(const WnBlobHeader *header)
{
    WnBlobHeader blank = *header;

    blank.crc = 0;
    return wn_crc32c(0, wn_span(&blank, sizeof blank));
}

static const char *
header_fault(const WnBlobHeader *header)
{
    if (memcmp(header->magic, WN_BLOB_MAGIC, sizeof header->magic) != 0
        || header->byte_order != WN_BLOB_BYTE_ORDER)
        return "it is no data set of this machine";
    if (header->version != WN_BLOB_VERSION)
        return "it has another version of the format";
    if (header->crc != header_crc(header))
        return "its header's checksum is wrong";
    return NULL;
}

static const char *
layout_fault(const WnBlobHeader *header, uint64_t length)
{
    if (header->length != length || header->report_len > WN_BLOB_REPORT_MAX
        || header->size > (uint64_t)WN_BLOB_MAX
        || header->offset != wn_blob_payload_offset(header->report_len)
        || header->offset > length || header->size != length - header->offset)
        return "it has the wrong length";
    return NULL;
}

static uint32_t
content_crc(WnSpan file)
{
    return wn_crc32c(0, wn_span_slice(file, sizeof(WnBlobHeader), file.len));
}

static const char *
take_header(WnBlobFile *self)
{
    WnBlobHeader header;
    const char *fault;

    memcpy(&header, self->file.ptr, sizeof header);
    fault = header_fault(&header);
    if (fault == NULL)
        fault = layout_fault(&header, self->file.len);
    if (fault == NULL && header.content_crc != content_crc(self->file))
        fault = "its checksum is wrong";
    if (fault != NULL)
        return fault;
    self->info = (WnBlobInfo){ .format = header.format,
        .rows = header.rows,
        .generation = header.generation,
        .built = header.built };
    memcpy(&self->info.fingerprint, header.fingerprint,
        sizeof header.fingerprint);
    self->report = wn_span_slice(self->file, sizeof header, header.report_len);
    self->payload = wn_span(self->file.ptr + header.offset, header.size);
    return NULL;
}

/*
 * Opening
 */

static const char *
map_file(WnBlobFile *self, int fd)
{
    struct stat st;
    void *map;

    if (fstat(fd, &st) != 0)
        return g_strerror(errno);
    if (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(WnBlobHeader)
        || st.st_size > WN_BLOB_MAX + 2 * (off_t)WN_BLOB_REPORT_MAX)
        return "it is no file of a possible size";
    map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED | MAP_POPULATE,
        fd, 0);
    if (map == MAP_FAILED)
        return g_strerror(errno);
    self->device = st.st_dev;
    self->inode = st.st_ino;
    self->file = wn_span(map, (size_t)st.st_size);
    return NULL;
}

WnBlobFile *
wn_blob_open_fd(int fd, const char *shown, GError **error)
{
    g_autoptr(WnBlobFile) self = g_new0(WnBlobFile, 1);
    const char *fault;

    self->n_refs = 1;
    fault = map_file(self, fd);
    if (fault == NULL)
        fault = take_header(self);
    if (fault == NULL)
        return g_steal_pointer(&self);
    g_set_error(error, WN_CONF_ERROR, WN_CONF_ERROR_DAMAGED,
        "%s cannot be used: %s", shown, fault);
    return NULL;
}

WnBlobFile *
wn_blob_open(const char *path, GError **error)
{
    wn_autofd fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);

    if (fd < 0) {
        g_set_error(error, WN_CONF_ERROR, WN_CONF_ERROR_UNREADABLE,
            "%s cannot be opened: %s", path, g_strerror(errno));
        return NULL;
    }
    return wn_blob_open_fd(fd, path, error);
}

WnBlobFile *
wn_blob_ref(WnBlobFile *self)
{
    self->n_refs++;
    return self;
}

void
wn_blob_unref(WnBlobFile *self)
{
    if (self == NULL || --self->n_refs > 0)
        return;
    if (self->file.len > 0)
        munmap((void *)(uintptr_t)self->file.ptr, self->file.len);
    g_free(self);
}

const WnBlobInfo *
wn_blob_info(const WnBlobFile *self)
{
    return &self->info;
}

WnSpan
wn_blob_payload(const WnBlobFile *self)
{
    return self->payload;
}

WnSpan
wn_blob_report(const WnBlobFile *self)
{
    return self->report;
}

bool
wn_blob_is_file(const WnBlobFile *self, dev_t device, ino_t inode)
{
    return self->device == device && self->inode == inode;
}

bool
wn_blob_read_fingerprint(const char *path, WnFingerprint *out_fingerprint)
{
    wn_autofd fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    WnBlobHeader header;

    if (fd < 0 || !wn_fd_pread_all(fd, &header, sizeof header, 0)
        || header_fault(&header) != NULL)
        return false;
    memcpy(out_fingerprint, header.fingerprint, sizeof header.fingerprint);
    return true;
}

/*
 * Sealing
 */

/* What stands behind the header as it is in the file now. */
static bool
read_content_crc(int fd, uint64_t length, uint32_t *out_crc)
{
    void *map = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, 0);

    if (map == MAP_FAILED)
        return false;
    *out_crc = content_crc(wn_span(map, length));
    return munmap(map, length) == 0;
}

bool
wn_blob_seal(int fd, const WnBlobInfo *info, WnSpan report, const char *shown,
    GError **error)
{
    WnBlobHeader header = { .byte_order = WN_BLOB_BYTE_ORDER,
        .version = WN_BLOB_VERSION,
        .format = info->format,
        .report_len = (uint32_t)report.len,
        .offset = wn_blob_payload_offset(report.len),
        .rows = info->rows,
        .generation = info->generation,
        .built = info->built };
    struct stat st;

    g_assert(report.len <= WN_BLOB_REPORT_MAX);
    memcpy(header.magic, WN_BLOB_MAGIC, sizeof header.magic);
    memcpy(header.fingerprint, &info->fingerprint, sizeof header.fingerprint);
    if (!wn_fd_pwrite_all(fd, report, sizeof header) || fstat(fd, &st) != 0
        || (st.st_size < (off_t)header.offset
            && ftruncate(fd, (off_t)header.offset) != 0)) {
        wn_fd_set_error(error, errno, "write", shown);
        return false;
    }
    header.length = MAX((uint64_t)st.st_size, header.offset);
    header.size = header.length - header.offset;
    if (!read_content_crc(fd, header.length, &header.content_crc)) {
        wn_fd_set_error(error, errno, "read", shown);
        return false;
    }
    header.crc = header_crc(&header);
    if (wn_fd_pwrite_all(fd, wn_span(&header, sizeof header), 0))
        return true;
    wn_fd_set_error(error, errno, "write", shown);
    return false;
}
