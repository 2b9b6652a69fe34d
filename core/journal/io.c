/* SPDX-License-Identifier: MIT */
#include "core/journal/io.h"

#include "core/base/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int
system_create(const WnJournalIo *self, const char *path)
{
    (void)self;
    return open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
}

/* File systems that cannot preallocate get a sparse file: slower, not less
 * safe, since running out of space then shows when writing. */
static int
system_allocate(const WnJournalIo *self, int fd, uint64_t size)
{
    (void)self;
    if (fallocate(fd, 0, 0, (off_t)size) == 0)
        return 0;
    return errno == EOPNOTSUPP ? ftruncate(fd, (off_t)size) : -1;
}

static ssize_t
system_pwritev(const WnJournalIo *self, int fd, const struct iovec *parts,
    int n_parts, uint64_t offset)
{
    (void)self;
    return pwritev(fd, parts, n_parts, (off_t)offset);
}

static int
system_sync(const WnJournalIo *self, int fd)
{
    (void)self;
    return fdatasync(fd);
}

static int
system_link(const WnJournalIo *self, const char *from, const char *to)
{
    (void)self;
    return link(from, to);
}

static int
system_rename(const WnJournalIo *self, const char *from, const char *to)
{
    (void)self;
    return rename(from, to);
}

static int
system_sync_folder(const WnJournalIo *self, const char *path)
{
    g_autoptr(GError) error = NULL;

    (void)self;
    if (wn_directory_sync(path, &error))
        return 0;
    errno = g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOSPC) ? ENOSPC
                                                                     : EIO;
    return -1;
}

static int
system_close(const WnJournalIo *self, int fd)
{
    (void)self;
    return close(fd);
}

static int
system_space(const WnJournalIo *self, const char *path,
    struct statvfs *out_space)
{
    (void)self;
    return statvfs(path, out_space);
}

const WnJournalIo wn_journal_io_system = {
    .create = system_create,
    .allocate = system_allocate,
    .pwritev = system_pwritev,
    .sync = system_sync,
    .link = system_link,
    .rename = system_rename,
    .sync_folder = system_sync_folder,
    .close = system_close,
    .space = system_space,
};

int
wn_journal_io_write(const WnJournalIo *self, int fd, struct iovec *parts,
    int n_parts, uint64_t offset)
{
    while (n_parts > 0) {
        ssize_t n;

        if (parts->iov_len == 0) {
            parts++;
            n_parts--;
            continue;
        }
        n = self->pwritev(self, fd, parts, n_parts, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : EIO;
        offset += (uint64_t)n;
        while (n > 0) {
            size_t used = MIN((size_t)n, parts->iov_len);

            parts->iov_base = (char *)parts->iov_base + used;
            parts->iov_len -= used;
            n -= (ssize_t)used;
            if (parts->iov_len == 0) {
                parts++;
                n_parts--;
            }
        }
    }
    return 0;
}
