/* SPDX-License-Identifier: MIT */
#include "core/base/publish.h"

#include "core/base/fd.h"
#include "core/base/id.h"
#include "core/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A hidden name beside path that nobody else uses (transfer full). */
static char *
temporary_beside(const char *path)
{
    g_autofree char *folder = g_path_get_dirname(path);
    g_autofree char *name = g_path_get_basename(path);
    char unique[WN_ID_TEXT_LEN + 1];
    WnId id = wn_id_new();

    wn_id_format(&id, unique);
    return g_strdup_printf("%s/.%s.%s", folder, name, unique);
}

static bool
is_temporary(const char *name)
{
    const char *unique = strrchr(name, '.');
    WnId id;

    return name[0] == '.' && unique != name
           && wn_id_parse(wn_span_str(unique + 1), &id);
}

static bool
close_checked(int *fd, const char *path, GError **error)
{
    if (close(wn_fd_steal(fd)) != 0 && errno != EINTR) {
        wn_fd_set_error(error, errno, "close", path);
        return false;
    }
    return true;
}

static bool
sync_path(const char *path, int flags, GError **error)
{
    wn_autofd fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | flags);

    if (fd < 0) {
        wn_fd_set_error(error, errno, "open", path);
        return false;
    }
    if (fsync(fd) != 0) {
        wn_fd_set_error(error, errno, "sync", path);
        return false;
    }
    return close_checked(&fd, path, error);
}

bool
wn_directory_sync(const char *path, GError **error)
{
    wn_autofd fd = open(path, O_RDONLY | O_CLOEXEC | O_DIRECTORY);

    if (fd < 0 || fsync(fd) != 0) {
        wn_fd_set_error(error, errno, "sync", path);
        return false;
    }
    return true;
}

static bool
sync_parent(const char *path, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(path);

    return wn_directory_sync(folder, error);
}

static bool
rename_durably(const char *from, const char *to, GError **error)
{
    if (rename(from, to) != 0) {
        wn_fd_set_error(error, errno, "rename to it", to);
        return false;
    }
    return sync_parent(to, error);
}

/* Errors name the file that is meant: a fault that stays has one text, which is
 * logged once. */
static bool
write_synced(const char *path, const char *shown, WnSpan bytes, mode_t mode,
    GError **error)
{
    wn_autofd fd = open(path,
        O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0) {
        wn_fd_set_error(error, errno, "create", shown);
        return false;
    }
    if (!wn_fd_write_all(fd, bytes) || fchmod(fd, mode) != 0
        || fsync(fd) != 0) {
        wn_fd_set_error(error, errno, "write", shown);
        return false;
    }
    return close_checked(&fd, shown, error);
}

bool
wn_file_publish(const char *path, WnSpan bytes, mode_t mode, GError **error)
{
    g_autofree char *temporary = temporary_beside(path);

    if (!write_synced(temporary, path, bytes, mode, error)
        || !rename_durably(temporary, path, error)) {
        unlink(temporary); /* it may be gone, or never have been */
        return false;
    }
    return true;
}

static bool
give_to_owner(const char *path, const struct stat *like, GError **error)
{
    if (lchown(path, like->st_uid, like->st_gid) != 0) {
        wn_fd_set_error(error, errno, "give it to the owner of the file", path);
        return false;
    }
    /* A change of owner may take bits of the mode away. */
    if (chmod(path, like->st_mode & 07777) != 0) {
        wn_fd_set_error(error, errno, "set the mode of", path);
        return false;
    }
    return true;
}

void
wn_publish_sweep(const char *folder)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;

    if (dir == NULL)
        return; /* nothing was ever published there */
    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(folder, name, NULL);

        if (is_temporary(name) && unlink(path) != 0)
            wn_remark(WN_LEVEL_WARNING, "%s cannot be removed: %s", path,
                g_strerror(errno));
    }
}

bool
wn_file_replace(const char *path, WnSpan bytes, GError **error)
{
    g_autofree char *real = realpath(path, NULL);
    g_autofree char *temporary = NULL;
    struct stat like;

    if (real == NULL || stat(real, &like) != 0) {
        wn_fd_set_error(error, errno, "find", path);
        return false;
    }
    temporary = temporary_beside(real);
    if (!write_synced(temporary, real, bytes, 0600, error)
        || !give_to_owner(temporary, &like, error)
        || !rename_durably(temporary, real, error)) {
        unlink(temporary);
        return false;
    }
    return true;
}

bool
wn_file_remove(const char *path, GError **error)
{
    if (unlink(path) != 0) {
        wn_fd_set_error(error, errno, "remove", path);
        return false;
    }
    return sync_parent(path, error);
}

/* What a walk over a folder does at each entry; the folder itself comes last.
 * False with error ends the walk. */
typedef bool (*Visit)(const FTSENT *entry, GError **error);

static bool
visit_entry(const FTSENT *entry, Visit visit, GError **error)
{
    switch (entry->fts_info) {
    case FTS_D:
        return true;
    case FTS_DNR:
    case FTS_ERR:
    case FTS_NS:
        wn_fd_set_error(error, entry->fts_errno, "read", entry->fts_path);
        return false;
    default:
        return visit(entry, error);
    }
}

static bool
walk(const char *path, Visit visit, GError **error)
{
    g_autofree char *root = g_strdup(path);
    char *const roots[] = { root, NULL };
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
    bool ok = true;
    FTSENT *entry;
    int errnum;

    if (tree == NULL) {
        wn_fd_set_error(error, errno, "read", path);
        return false;
    }
    errno = 0;
    while (ok && (entry = fts_read(tree)) != NULL) {
        ok = visit_entry(entry, visit, error);
        errno = 0;
    }
    errnum = errno;
    fts_close(tree);
    if (ok && errnum != 0) {
        wn_fd_set_error(error, errnum, "read", path);
        return false;
    }
    return ok;
}

static bool
sync_entry(const FTSENT *entry, GError **error)
{
    if (entry->fts_info == FTS_F)
        return sync_path(entry->fts_path, 0, error);
    if (entry->fts_info == FTS_DP)
        return sync_path(entry->fts_path, O_DIRECTORY, error);
    return true;
}

bool
wn_folder_publish(const char *from, const char *to, GError **error)
{
    g_autofree char *from_parent = g_path_get_dirname(from);
    g_autofree char *to_parent = g_path_get_dirname(to);

    if (!walk(from, sync_entry, error) || !rename_durably(from, to, error))
        return false;
    return strcmp(from_parent, to_parent) == 0
           || wn_directory_sync(from_parent, error);
}

bool
wn_link_publish(const char *link_path, const char *target, GError **error)
{
    g_autofree char *temporary = temporary_beside(link_path);

    if (symlink(target, temporary) != 0) {
        wn_fd_set_error(error, errno, "create", temporary);
        return false;
    }
    if (!rename_durably(temporary, link_path, error)) {
        unlink(temporary);
        return false;
    }
    return true;
}

static bool
remove_entry(const FTSENT *entry, GError **error)
{
    if (remove(entry->fts_path) != 0 && errno != ENOENT) {
        wn_fd_set_error(error, errno, "remove", entry->fts_path);
        return false;
    }
    return true;
}

bool
wn_folder_remove(const char *path, GError **error)
{
    struct stat st;

    if (lstat(path, &st) != 0) {
        if (errno == ENOENT)
            return true;
        wn_fd_set_error(error, errno, "remove", path);
        return false;
    }
    return walk(path, remove_entry, error);
}
