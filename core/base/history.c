/* SPDX-License-Identifier: MIT */
#include "core/base/history.h"

#include "core/base/crc32c.h"
#include "core/base/fd.h"
#include "core/base/history_format.h"
#include "core/base/map_guard.h"
#include "core/base/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MODE 0640
#define VERSION 1

/* A head beyond it is rubbish: no relay writes so much. */
#define HEAD_MAX ((uint64_t)1 << 62)

static const char file_magic[8] = "WNHIST\r\n";

struct WnHistory {
    WnHistoryHeader *header; /* the map */
    char *ring;
    uint64_t ring_len; /* as it was when mapped: the file may lie */
    size_t map_len;
    WnMapGuard guard; /* a write goes on when the file is cut short */
};

/*
 * The form of the file
 */

uint32_t
wn_history_header_crc(const WnHistoryHeader *header)
{
    uint32_t crc = wn_crc32c(0,
        wn_span(header, offsetof(WnHistoryHeader, crc)));

    return wn_crc32c(crc, wn_span(&header->ring_len, sizeof header->ring_len));
}

uint32_t
wn_history_record_crc(const WnHistoryRecord *record, WnSpan line)
{
    uint32_t crc = wn_crc32c(0,
        wn_span(record, offsetof(WnHistoryRecord, crc)));

    return wn_crc32c(crc, line);
}

bool
wn_history_header_fits(const WnHistoryHeader *header, int64_t file_size)
{
    return memcmp(header->magic, file_magic, sizeof file_magic) == 0
           && header->version == VERSION
           && header->crc == wn_history_header_crc(header)
           && file_size >= WN_HISTORY_SIZE_MIN
           && header->ring_len == (uint64_t)file_size - WN_HISTORY_HEADER_LEN
           && header->ring_len % WN_HISTORY_STEP == 0
           && atomic_load(&header->head) < HEAD_MAX;
}

/*
 * The file
 */

/* -1 with errno, which is EINVAL for what is no history. */
static int
open_present(const char *path, int64_t *out_size)
{
    wn_autofd fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    WnHistoryHeader header;
    struct stat st;

    if (fd < 0)
        return -1;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)
        || !wn_fd_pread_all(fd, &header, sizeof header, 0)
        || !wn_history_header_fits(&header, st.st_size)) {
        errno = EINVAL;
        return -1;
    }
    *out_size = st.st_size;
    return wn_fd_steal(&fd);
}

/* Published with the header alone, so that what is found later is whole, or too
 * short to be taken for one. */
static int
make(const char *path, int64_t size, GError **error)
{
    g_autofree char *page = g_malloc0(WN_HISTORY_HEADER_LEN);
    WnHistoryHeader header = { .version = VERSION,
        .ring_len = (uint64_t)size - WN_HISTORY_HEADER_LEN };
    wn_autofd fd = -1;
    int failure;

    memcpy(header.magic, file_magic, sizeof file_magic);
    header.crc = wn_history_header_crc(&header);
    memcpy(page, &header, sizeof header);
    if (!wn_file_publish(path, wn_span(page, WN_HISTORY_HEADER_LEN), FILE_MODE,
            error))
        return -1;
    fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    failure = fd >= 0 ? posix_fallocate(fd, 0, (off_t)size) : errno;
    if (failure == 0)
        return wn_fd_steal(&fd);
    wn_fd_set_error(error, failure, "make", path);
    unlink(path); /* what cannot be used takes no space */
    return -1;
}

/* What is in it stays readable, and so does what programs that have it open
 * still write; one more change of size, and it is gone. */
static void
set_aside(const char *path)
{
    g_autofree char *old = g_strconcat(path, ".old", NULL);

    if (unlink(old) == 0 || errno == ENOENT)
        (void)!link(path, old); /* without it, less is known: no more */
}

int
wn_history_open(const char *path, int64_t size, WnHistoryBefore *out_before,
    GError **error)
{
    int64_t wanted = size - size % WN_HISTORY_HEADER_LEN;
    int64_t present = 0;
    wn_autofd fd = open_present(path, &present);
    int saved = errno;
    WnHistoryBefore before = WN_HISTORY_KEPT;

    g_assert(size >= WN_HISTORY_SIZE_MIN && size <= WN_HISTORY_SIZE_MAX);
    if (fd < 0)
        before = saved == ENOENT ? WN_HISTORY_NONE : WN_HISTORY_DAMAGED;
    else if (present != wanted)
        before = WN_HISTORY_RESIZED;
    if (before == WN_HISTORY_RESIZED)
        set_aside(path);
    if (before != WN_HISTORY_KEPT) {
        wn_fd_close(fd);
        fd = make(path, wanted, error);
        if (fd < 0)
            return -1;
    }
    *out_before = before;
    return wn_fd_steal(&fd);
}

/*
 * Writing
 */

WnHistory *
wn_history_new(int fd)
{
    WnHistoryHeader header;
    WnHistory *self;
    struct stat st;
    void *map;

    if (fstat(fd, &st) != 0 || !wn_fd_pread_all(fd, &header, sizeof header, 0)
        || !wn_history_header_fits(&header, st.st_size))
        return NULL;
    map = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
        0);
    if (map == MAP_FAILED)
        return NULL;
    self = g_new0(WnHistory, 1);
    self->header = map;
    self->ring = (char *)map + WN_HISTORY_HEADER_LEN;
    self->ring_len = header.ring_len;
    self->map_len = (size_t)st.st_size;
    wn_map_guard(&self->guard, map, self->map_len, WN_MAP_WRITE);
    return self;
}

void
wn_history_free(WnHistory *self)
{
    if (self == NULL)
        return;
    wn_map_unguard(&self->guard);
    munmap(self->header, self->map_len);
    g_free(self);
}

/* Past the end it goes on at the beginning. */
static void
put(WnHistory *self, uint64_t position, WnSpan bytes)
{
    uint64_t at = position % self->ring_len;
    size_t first = (size_t)MIN(bytes.len, self->ring_len - at);

    memcpy(self->ring + at, bytes.ptr, first);
    memcpy(self->ring, bytes.ptr + first, bytes.len - first);
}

/* The record's head comes last: without it there is no record. */
bool
wn_history_append(WnHistory *self, WnSpan line)
{
    WnHistoryRecord record = { .magic = WN_HISTORY_RECORD_MAGIC };

    if (self->guard.lost)
        return false;
    if (line.len > 0 && line.ptr[line.len - 1] == '\n')
        line.len--;
    if (line.len == 0 || line.len > WN_HISTORY_LINE_MAX)
        return true;
    record.len = (uint32_t)line.len;
    record.position = atomic_fetch_add(&self->header->head,
                          wn_history_record_len(record.len))
                      & ~(uint64_t)(WN_HISTORY_STEP - 1);
    record.crc = wn_history_record_crc(&record, line);
    put(self, record.position + sizeof record, line);
    atomic_thread_fence(memory_order_release);
    put(self, record.position, wn_span(&record, sizeof record));
    return !self->guard.lost;
}
