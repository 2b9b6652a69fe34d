/* SPDX-License-Identifier: MIT */
#include "core/plugin/trust.h"

#include "core/base/fd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WRITABLE_BY_OTHERS (S_IWGRP | S_IWOTH)

static bool
refuse(GError **error, const char *path, const char *reason)
{
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_PERM, "%s: %s", path, reason);
    return false;
}

static bool
check_owner(const char *path, const struct stat *info, GError **error)
{
    if (info->st_uid == 0 || info->st_uid == geteuid())
        return true;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_PERM,
        "%s: belongs to user %u, not to root or the user running (%u)", path,
        (unsigned)info->st_uid, (unsigned)geteuid());
    return false;
}

static bool
check_mode(const char *path, const struct stat *info, GError **error)
{
    if ((info->st_mode & WRITABLE_BY_OTHERS) == 0)
        return true;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_PERM,
        "%s: is writable by %s (mode %03o)", path,
        (info->st_mode & S_IWOTH) != 0 ? "everybody" : "its group",
        (unsigned)info->st_mode & 0777u);
    return false;
}

/* path has no links in it. */
static bool
check_folder(const char *path, bool last, GError **error)
{
    struct stat info;

    if (lstat(path, &info) != 0) {
        wn_fd_set_error(error, errno, "look at", path);
        return false;
    }
    if (!S_ISDIR(info.st_mode))
        return refuse(error, path, "is not a folder");
    if (!check_owner(path, &info, error))
        return false;
    if (!last && (info.st_mode & S_ISVTX) != 0)
        return true;
    return check_mode(path, &info, error);
}

bool
wn_trust_folder(const char *folder, char **out_folder, GError **error)
{
    char *real = NULL;
    g_autofree char *path = NULL;

    if (!g_path_is_absolute(folder))
        return refuse(error, folder, "is not an absolute path");
    real = realpath(folder, NULL);
    if (real == NULL) {
        wn_fd_set_error(error, errno, "find", folder);
        return false;
    }
    path = g_strdup(real);
    free(real);
    for (char *slash = strchr(path + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        bool ok;

        *slash = '\0';
        ok = check_folder(path, false, error);
        *slash = '/';
        if (!ok)
            return false;
    }
    if (!check_folder("/", false, error) || !check_folder(path, true, error))
        return false;
    *out_folder = g_steal_pointer(&path);
    return true;
}

/* A link may lead to another name in the same folder, no further. */
static bool
resolve(const char *folder, const char *path, char **out_path, GError **error)
{
    char *real = realpath(path, NULL);
    g_autofree char *found = g_strdup(real);
    g_autofree char *parent = NULL;

    free(real);
    if (found == NULL) {
        wn_fd_set_error(error, errno, "find", path);
        return false;
    }
    parent = g_path_get_dirname(found);
    if (strcmp(parent, folder) != 0)
        return refuse(error, path, "is a link that leads out of the folder");
    *out_path = g_steal_pointer(&found);
    return true;
}

bool
wn_trust_file(const char *folder, const char *file_name, char **out_path,
    GError **error)
{
    g_autofree char *path = g_build_filename(folder, file_name, NULL);
    g_autofree char *found = NULL;
    struct stat info;

    if (!resolve(folder, path, &found, error))
        return false;
    if (lstat(found, &info) != 0) {
        wn_fd_set_error(error, errno, "look at", found);
        return false;
    }
    if (!S_ISREG(info.st_mode))
        return refuse(error, found, "is not a regular file");
    if (!check_owner(found, &info, error) || !check_mode(found, &info, error))
        return false;
    *out_path = g_steal_pointer(&found);
    return true;
}
