/* SPDX-License-Identifier: MIT */
#include "database.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define FILE_MAX ((off_t)1 << 30)

/*
 * Stamps
 */

static GeoipStamp
stamp_of(const struct stat *info)
{
    return (GeoipStamp){ .device = info->st_dev,
        .inode = info->st_ino,
        .size = info->st_size,
        .modified = info->st_mtim,
        .changed = info->st_ctim };
}

bool
geoip_stamp_read(GeoipStamp *self, const char *path)
{
    struct stat info;

    if (stat(path, &info) != 0)
        return false;
    *self = stamp_of(&info);
    return true;
}

static bool
same_time(const struct timespec *one, const struct timespec *other)
{
    return one->tv_sec == other->tv_sec && one->tv_nsec == other->tv_nsec;
}

bool
geoip_stamp_equal(const GeoipStamp *one, const GeoipStamp *other)
{
    return one->device == other->device && one->inode == other->inode
           && one->size == other->size
           && same_time(&one->modified, &other->modified)
           && same_time(&one->changed, &other->changed);
}

/*
 * Opening
 */

/* The open file and its stamp, or -1. */
static int
open_file(const char *path, GeoipStamp *out_stamp, WnError *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat info;

    if (fd < 0) {
        wn_error_set(err, "%s: %s", path, strerror(errno));
        return -1;
    }
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size == 0
        || info.st_size > FILE_MAX) {
        wn_error_set(err, "%s: not a regular file of 1 byte to 1 GiB", path);
        close(fd);
        return -1;
    }
    *out_stamp = stamp_of(&info);
    return fd;
}

static bool
read_all(int fd, uint8_t *bytes, size_t size)
{
    size_t have = 0;

    while (have < size) {
        ssize_t got = pread(fd, bytes + have, size - have, (off_t)have);

        if (got == 0 || (got < 0 && errno != EINTR))
            return false;
        have += got > 0 ? (size_t)got : 0;
    }
    return true;
}

/* Puts a copy in the place of the mapped file, at the same address, so that all
 * pointers into it stay right and MMDB_close() gives it back. */
static bool
make_private(MMDB_s *mmdb, int fd)
{
    size_t size = (size_t)mmdb->file_size;
    uint8_t *copy = mmap(NULL, size, PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (copy == MAP_FAILED)
        return false;
    if (read_all(fd, copy, size) && mprotect(copy, size, PROT_READ) == 0
        && mremap(copy, size, size, MREMAP_MAYMOVE | MREMAP_FIXED,
               (void *)(uintptr_t)mmdb->file_content)
               != MAP_FAILED)
        return true;
    munmap(copy, size);
    return false;
}

/* What was mapped, what was copied and what the path names is one file, and
 * nobody wrote to it meanwhile. */
static bool
is_unchanged(const GeoipDatabase *self, const char *path, int fd)
{
    GeoipStamp now;
    struct stat info;

    if (self->mmdb.file_size != self->stamp.size
        || !geoip_stamp_read(&now, path) || fstat(fd, &info) != 0)
        return false;
    if (!geoip_stamp_equal(&now, &self->stamp))
        return false;
    now = stamp_of(&info);
    return geoip_stamp_equal(&now, &self->stamp);
}

static bool
load(GeoipDatabase *self, const char *path, int fd, WnError *err)
{
    int status = MMDB_open(path, MMDB_MODE_MMAP, &self->mmdb);

    if (status != MMDB_SUCCESS) {
        wn_error_set(err, "%s: %s", path,
            status == MMDB_IO_ERROR ? strerror(errno) : MMDB_strerror(status));
        return false;
    }
    if (self->mmdb.file_size == self->stamp.size
        && make_private(&self->mmdb, fd) && is_unchanged(self, path, fd))
        return true;
    wn_error_set(err, "%s: it changed while it was read", path);
    MMDB_close(&self->mmdb);
    return false;
}

GeoipDatabase *
geoip_database_open(const char *path, WnError *err)
{
    GeoipDatabase *self = calloc(1, sizeof *self);
    bool loaded;
    int fd;

    if (self == NULL) {
        wn_error_set(err, "%s: out of memory", path);
        return NULL;
    }
    fd = open_file(path, &self->stamp, err);
    loaded = fd >= 0 && load(self, path, fd, err);
    if (fd >= 0)
        close(fd);
    if (loaded)
        return self;
    free(self);
    return NULL;
}

void
geoip_database_close(GeoipDatabase *self)
{
    if (self == NULL)
        return;
    MMDB_close(&self->mmdb);
    free(self);
}

/*
 * Looking up
 */

static MMDB_lookup_result_s
look_up(const GeoipDatabase *self, const WnClient *client, int *status)
{
    struct sockaddr_in four = { .sin_family = AF_INET };
    struct sockaddr_in6 six = { .sin6_family = AF_INET6 };

    if (client->address_len == 4) {
        memcpy(&four.sin_addr, client->address, 4);
        return MMDB_lookup_sockaddr(&self->mmdb, (const struct sockaddr *)&four,
            status);
    }
    memcpy(&six.sin6_addr, client->address, 16);
    return MMDB_lookup_sockaddr(&self->mmdb, (const struct sockaddr *)&six,
        status);
}

static bool
take_letter(char letter, char *out)
{
    if (letter >= 'a' && letter <= 'z')
        letter = (char)(letter - 'a' + 'A');
    *out = letter;
    return letter >= 'A' && letter <= 'Z';
}

static GeoipResult
read_country(MMDB_entry_s *entry, const char *const *path, char out[3])
{
    MMDB_entry_data_s data;
    int status = MMDB_aget_value(entry, &data, path);

    if (status == MMDB_LOOKUP_PATH_DOES_NOT_MATCH_DATA_ERROR)
        return GEOIP_UNKNOWN;
    if (status != MMDB_SUCCESS)
        return GEOIP_DAMAGED;
    if (!data.has_data || data.type != MMDB_DATA_TYPE_UTF8_STRING
        || data.data_size != 2)
        return GEOIP_UNKNOWN;
    out[2] = '\0';
    return take_letter(data.utf8_string[0], &out[0])
                   && take_letter(data.utf8_string[1], &out[1])
               ? GEOIP_FOUND
               : GEOIP_UNKNOWN;
}

GeoipResult
geoip_database_country(const GeoipDatabase *self, const WnClient *client,
    char out_country[3])
{
    static const char *const country[] = { "country", "iso_code", NULL };
    static const char *const flat[] = { "country_code", NULL };
    static const char *const registered[] = { "registered_country", "iso_code",
        NULL };
    static const char *const *const paths[] = { country, flat, registered };
    MMDB_lookup_result_s found;
    GeoipResult result = GEOIP_UNKNOWN;
    int status = MMDB_SUCCESS;

    found = look_up(self, client, &status);
    if (status == MMDB_IPV6_LOOKUP_IN_IPV4_DATABASE_ERROR)
        return GEOIP_UNKNOWN;
    if (status != MMDB_SUCCESS)
        return GEOIP_DAMAGED;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]
                       && result == GEOIP_UNKNOWN && found.found_entry;
         i++)
        result = read_country(&found.entry, paths[i], out_country);
    return result;
}
