/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Descriptors: closing them by scope, and whole reads and writes.
 */

#include "core/base/span.h"

#include <glib.h>

void wn_fd_close(int fd); /* -1 is nothing; errno is kept */

static inline void
wn_autofd_cleanup(int *fd)
{
    wn_fd_close(*fd);
}
#define wn_autofd __attribute__((cleanup(wn_autofd_cleanup))) int

/* Returns *fd and sets it to -1. */
static inline int
wn_fd_steal(int *fd)
{
    int stolen = *fd;

    *fd = -1;
    return stolen;
}

/* Another descriptor of the same, close-on-exec; -1 of -1. */
int wn_fd_dup(int fd);

bool wn_fd_set_nonblocking(int fd);
bool wn_fd_set_cloexec(int fd, bool cloexec);

/* All of it, EINTR and short counts handled; false with errno. */
bool wn_fd_write_all(int fd, WnSpan bytes);
bool wn_fd_pwrite_all(int fd, WnSpan bytes, uint64_t offset);
bool wn_fd_pread_all(int fd, void *out, size_t len, uint64_t offset);

/* A sealed, read-only memory file with these bytes; -1 with errno. */
int wn_fd_sealed_memory(const char *name, WnSpan bytes);

/* A whole regular file of at most max bytes (transfer full, NUL behind);
 * out_len may be NULL. */
char *wn_fd_read_file(const char *path, size_t max, size_t *out_len,
    GError **error);

/* Sets error to "path: cannot action: what errnum says", in G_FILE_ERROR. */
void wn_fd_set_error(GError **error, int errnum, const char *action,
    const char *path);

/* A socket of that type (with flags) that is connected to the one at path,
 * close-on-exec; -1 with errno. */
int wn_fd_dial(const char *path, int type);
