/* SPDX-License-Identifier: MIT */
#include "core/queue/reserve.h"

#include "core/base/fd.h"
#include "core/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* So much must be left beside it when it is made. */
#define PLENTY (4 * WN_RESERVE_BYTES)

struct WnReserve {
    int fd; /* -1: cannot be made */
    uint64_t size;
    WnTimer look;
    bool told; /* that it is being used up */
};

static bool
is_plenty(const WnReserve *self)
{
    struct statvfs space;

    return fstatvfs(self->fd, &space) == 0
           && (uint64_t)space.f_bavail * space.f_frsize >= PLENTY;
}

/* Where a file system cannot preallocate there is no reserve. */
static void
fill(WnReserve *self)
{
    if (self->size >= WN_RESERVE_BYTES || !is_plenty(self)
        || fallocate(self->fd, 0, 0, (off_t)WN_RESERVE_BYTES) != 0)
        return;
    self->size = WN_RESERVE_BYTES;
    if (self->told)
        wn_remark(WN_LEVEL_INFO, "the spool has space again");
    self->told = false;
}

static void
on_look(void *user)
{
    WnReserve *self = user;

    fill(self);
    wn_timer_set(&self->look, WN_RESERVE_LOOK_MS);
}

/* What an earlier run has left of it counts as far as it is allocated. */
static uint64_t
find_size(int fd)
{
    struct stat info;

    if (fstat(fd, &info) != 0 || info.st_size < 0
        || (uint64_t)info.st_blocks * 512 < (uint64_t)info.st_size)
        return 0;
    return (uint64_t)info.st_size;
}

WnReserve *
wn_reserve_new(WnLoop *loop, const char *spool)
{
    g_autofree char *path = g_build_filename(spool, WN_RESERVE_NAME, NULL);
    WnReserve *self = g_new0(WnReserve, 1);

    wn_timer_init(&self->look, loop, on_look, self);
    self->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (self->fd < 0) {
        wn_remark(WN_LEVEL_WARNING, "%s: %s", path, g_strerror(errno));
        return self;
    }
    self->size = find_size(self->fd);
    on_look(self);
    return self;
}

void
wn_reserve_free(WnReserve *self)
{
    if (self == NULL)
        return;
    wn_timer_clear(&self->look);
    wn_fd_close(self->fd);
    g_free(self);
}

bool
wn_reserve_helps(WnReserve *self, const GError *error)
{
    uint64_t left;

    if (self == NULL || (error->code != ENOSPC && error->code != EDQUOT)
        || self->size == 0)
        return false;
    left = self->size - MIN(self->size, WN_RESERVE_STEP);
    if (ftruncate(self->fd, (off_t)left) != 0)
        return false;
    self->size = left;
    if (!self->told)
        wn_remark(WN_LEVEL_ERROR,
            "the spool's disk is full: its reserve is used up for outcomes");
    self->told = true;
    return true;
}
