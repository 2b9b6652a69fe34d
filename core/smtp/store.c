/* SPDX-License-Identifier: MIT */
#include "core/smtp/store.h"

#include "core/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

void
wn_store_init(WnStore *self, const char *folder, size_t memory_max)
{
    *self = (WnStore){ .folder = folder, .memory_max = memory_max, .fd = -1 };
    wn_buffer_init(&self->memory);
}

static void
drop_file(WnStore *self)
{
    if (self->map != NULL)
        munmap(self->map, self->file_len);
    self->map = NULL;
    self->file_len = 0;
    wn_fd_close(wn_fd_steal(&self->fd));
}

void
wn_store_clear(WnStore *self)
{
    drop_file(self);
    wn_buffer_clear(&self->memory);
}

void
wn_store_reset(WnStore *self)
{
    drop_file(self);
    wn_buffer_consume(&self->memory, wn_buffer_len(&self->memory));
    wn_buffer_shrink(&self->memory, WN_STORE_KEEP);
}

/* Not every file system knows files without a name. */
static int
open_unlinked(const char *folder)
{
    g_autofree char *path = g_strconcat(folder, "/incoming.XXXXXX", NULL);
    int fd = mkostemp(path, O_CLOEXEC);
    int saved;

    if (fd < 0)
        return -1;
    if (unlink(path) == 0)
        return fd;
    saved = errno;
    wn_fd_close(fd);
    errno = saved;
    return -1;
}

static bool
move_to_file(WnStore *self)
{
    WnSpan bytes = wn_buffer_peek(&self->memory);

    self->fd = open(self->folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (self->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR))
        self->fd = open_unlinked(self->folder);
    if (self->fd < 0 || !wn_fd_write_all(self->fd, bytes))
        return false;
    self->file_len = bytes.len;
    wn_buffer_consume(&self->memory, bytes.len);
    wn_buffer_shrink(&self->memory, WN_STORE_KEEP);
    return true;
}

bool
wn_store_append(WnStore *self, WnSpan bytes)
{
    g_assert(self->map == NULL);
    if (self->fd < 0) {
        if (wn_buffer_len(&self->memory) + bytes.len <= self->memory_max) {
            wn_buffer_append(&self->memory, bytes);
            return true;
        }
        if (!move_to_file(self))
            return false;
    }
    if (!wn_fd_write_all(self->fd, bytes))
        return false;
    self->file_len += bytes.len;
    return true;
}

bool
wn_store_finish(WnStore *self, WnSpan *out_bytes)
{
    void *map;

    if (self->fd < 0) {
        *out_bytes = wn_buffer_peek(&self->memory);
        return true;
    }
    if (self->file_len == 0) {
        *out_bytes = WN_SPAN_EMPTY;
        return true;
    }
    map = mmap(NULL, self->file_len, PROT_READ, MAP_SHARED, self->fd, 0);
    if (map == MAP_FAILED)
        return false;
    self->map = map;
    *out_bytes = wn_span(map, self->file_len);
    return true;
}
