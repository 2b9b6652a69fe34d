/* SPDX-License-Identifier: MIT */
#include "core/base/shared_region.h"

#include "core/base/fd.h"

#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

int
wn_region_create(const char *name, size_t size)
{
    wn_autofd fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0 || ftruncate(fd, (off_t)size) != 0
        || fcntl(fd, F_ADD_SEALS, SEALS) != 0)
        return -1;
    return wn_fd_steal(&fd);
}

/* Pages that nobody writes cost no memory, however large the region is. */
static void *
map(int fd, size_t size, int protection)
{
    int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
    void *memory = mmap(NULL, size, protection, flags | MAP_NORESERVE, fd, 0);

    return memory != MAP_FAILED ? memory : NULL;
}

void *
wn_region_map(int fd, size_t size)
{
    return map(fd, size, PROT_READ | PROT_WRITE);
}

static bool
is_region(int fd, size_t min, size_t max, size_t *out_size)
{
    struct stat st;

    if (fstat(fd, &st) != 0 || st.st_size < (off_t)min
        || st.st_size > (off_t)max || (fcntl(fd, F_GET_SEALS) & SEALS) != SEALS)
        return false;
    *out_size = (size_t)st.st_size;
    return true;
}

void *
wn_region_map_checked(int fd, size_t min, size_t max, size_t *out_size)
{
    return is_region(fd, min, max, out_size) ? wn_region_map(fd, *out_size)
                                             : NULL;
}

const void *
wn_region_view_checked(int fd, size_t min, size_t max, size_t *out_size)
{
    return is_region(fd, min, max, out_size) ? map(fd, *out_size, PROT_READ)
                                             : NULL;
}
