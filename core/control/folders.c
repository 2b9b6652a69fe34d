/* SPDX-License-Identifier: MIT */
#include "core/control/folders.h"

#include "core/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

/* Parents of what is missing belong to whoever starts winnowd. */
static bool
make_parents(const char *path, GError **error)
{
    g_autofree char *parent = g_path_get_dirname(path);

    if (g_mkdir_with_parents(parent, 0755) == 0)
        return true;
    wn_fd_set_error(error, errno, "make", parent);
    return false;
}

static bool
give_to(const char *path, const char *user, GError **error)
{
    wn_autofd fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    const struct passwd *entry;

    if (fd < 0) {
        wn_fd_set_error(error, errno, "open", path);
        return false;
    }
    if (user == NULL || geteuid() != 0)
        return true;
    errno = 0;
    entry = getpwnam(user);
    if (entry == NULL) {
        wn_fd_set_error(error, errno != 0 ? errno : ENOENT, "find the owner of",
            path);
        return false;
    }
    if (fchown(fd, entry->pw_uid, entry->pw_gid) == 0)
        return true;
    wn_fd_set_error(error, errno, "change the owner of", path);
    return false;
}

static bool
make_folder(const char *path, const char *user, GError **error)
{
    int saved;

    if (!make_parents(path, error))
        return false;
    if (mkdir(path, 0700) == 0)
        return give_to(path, user, error);
    saved = errno;
    if (saved == EEXIST)
        return true; /* as the operator made it; winnow-check has seen it */
    wn_fd_set_error(error, saved, "make", path);
    return false;
}

bool
wn_folders_make(const WnConfig *config, GError **error)
{
    g_autofree char *snapshots = g_build_filename(config->state, "snapshots",
        NULL);

    /* The programs are allowed what is there when they start. */
    return make_folder(config->run, config->user, error)
           && make_folder(config->state, config->user, error)
           && make_folder(snapshots, config->user, error)
           && make_folder(config->spool, config->user, error);
}

/* The nearest folder above that exists must take a new one. */
static bool
can_be_made(const char *path)
{
    g_autofree char *at = g_strdup(path);

    while (access(at, F_OK) != 0 && errno == ENOENT) {
        g_autofree char *parent = g_path_get_dirname(at);

        if (strcmp(parent, at) == 0)
            return false;
        g_free(at);
        at = g_steal_pointer(&parent);
    }
    return access(at, W_OK | X_OK) == 0;
}

static void
check_folder(const WnConfig *config, const char *key, const char *path,
    bool can_make, WnProblems *problems)
{
    WnPlace place = { .file = config->path,
        .line = wn_config_line(config, "server", key),
        .group = "server",
        .key = key };
    struct stat info;

    if (stat(path, &info) != 0) {
        if (errno != ENOENT)
            wn_problems_add(problems, place, "%s: %s", path, g_strerror(errno));
        else if (!can_make && !can_be_made(path))
            wn_problems_add(problems, place, "%s: cannot be made", path);
        return;
    }
    if (!S_ISDIR(info.st_mode))
        wn_problems_add(problems, place, "%s: is not a folder", path);
    else if (access(path, R_OK | W_OK | X_OK) != 0)
        wn_problems_add(problems, place, "%s: user %u cannot work in it", path,
            (unsigned)geteuid());
    else if ((info.st_mode & S_IWOTH) != 0)
        wn_problems_add(problems, place,
            "%s: can be written by everyone (chmod o-w)", path);
}

void
wn_folders_check(const WnConfig *config, bool can_make, WnProblems *problems)
{
    check_folder(config, "run", config->run, can_make, problems);
    check_folder(config, "state", config->state, can_make, problems);
    check_folder(config, "spool", config->spool, can_make, problems);
}
