/* SPDX-License-Identifier: MIT */
#include "core/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

void
wn_fd_close(int fd)
{
    int saved = errno;

    /* Linux has closed the descriptor even if close() says EINTR. */
    if (fd >= 0)
        close(fd);
    errno = saved;
}

int
wn_fd_dup(int fd)
{
    return fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
}

bool
wn_fd_set_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

bool
wn_fd_set_cloexec(int fd, bool cloexec)
{
    int flags = fcntl(fd, F_GETFD);

    if (flags < 0)
        return false;
    flags = cloexec ? flags | FD_CLOEXEC : flags & ~FD_CLOEXEC;
    return fcntl(fd, F_SETFD, flags) == 0;
}

bool
wn_fd_write_all(int fd, WnSpan bytes)
{
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.ptr, bytes.len);

        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0)
            bytes = wn_span_slice(bytes, (size_t)n, bytes.len);
    }
    return true;
}

bool
wn_fd_pwrite_all(int fd, WnSpan bytes, uint64_t offset)
{
    while (bytes.len > 0) {
        ssize_t n = pwrite(fd, bytes.ptr, bytes.len, (off_t)offset);

        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0) {
            bytes = wn_span_slice(bytes, (size_t)n, bytes.len);
            offset += (uint64_t)n;
        }
    }
    return true;
}

bool
wn_fd_pread_all(int fd, void *out, size_t len, uint64_t offset)
{
    size_t done = 0;

    while (done < len) {
        ssize_t n = pread(fd, (char *)out + done, len - done,
            (off_t)(offset + done));

        if (n < 0 && errno != EINTR)
            return false;
        if (n == 0) {
            errno = ENODATA;
            return false;
        }
        if (n > 0)
            done += (size_t)n;
    }
    return true;
}

int
wn_fd_sealed_memory(const char *name, WnSpan bytes)
{
    const int seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    wn_autofd fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0 || !wn_fd_pwrite_all(fd, bytes, 0)
        || fcntl(fd, F_ADD_SEALS, seals) != 0)
        return -1;
    return wn_fd_steal(&fd);
}

void
wn_fd_set_error(GError **error, int errnum, const char *action,
    const char *path)
{
    g_set_error(error, G_FILE_ERROR, (int)g_file_error_from_errno(errnum),
        "%s: cannot %s: %s", path, action, g_strerror(errnum));
}

/* Without O_NONBLOCK a FIFO would stop the program before it is seen. */
static int
open_regular(const char *path, GError **error)
{
    wn_autofd fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0) {
        wn_fd_set_error(error, errno, "open", path);
        return -1;
    }
    if (!S_ISREG(st.st_mode)) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
            "%s: not a regular file", path);
        return -1;
    }
    return wn_fd_steal(&fd);
}

char *
wn_fd_read_file(const char *path, size_t max, size_t *out_len, GError **error)
{
    wn_autofd fd = open_regular(path, error);
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    char chunk[16384];

    if (fd < 0)
        return NULL;
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof chunk);

        if (n == 0)
            break;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            wn_fd_set_error(error, errno, "read", path);
            return NULL;
        }
        if ((size_t)n > MIN(max, G_MAXINT32) - bytes->len) {
            g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED,
                "%s: larger than %zu bytes", path, max);
            return NULL;
        }
        g_byte_array_append(bytes, (const guint8 *)chunk, (guint)n);
    }
    if (out_len != NULL)
        *out_len = bytes->len;
    g_byte_array_append(bytes, (const guint8 *)"", 1);
    return (char *)g_byte_array_free(g_steal_pointer(&bytes), FALSE);
}

int
wn_fd_dial(const char *path, int type)
{
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    wn_autofd fd = -1;

    if (g_strlcpy(sa.sun_path, path, sizeof(sa.sun_path))
        >= sizeof(sa.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
        return -1;
    return wn_fd_steal(&fd);
}
