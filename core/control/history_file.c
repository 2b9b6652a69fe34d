/* SPDX-License-Identifier: MIT */
#include "core/control/history_file.h"

#include "core/base/fd.h"
#include "core/base/log.h"

#include <errno.h>
#include <pwd.h>
#include <unistd.h>

/* Whoever may read the state may read it. */
static void
give_to(int fd, const char *path, const char *user)
{
    const struct passwd *entry;

    if (user == NULL || geteuid() != 0)
        return;
    entry = getpwnam(user);
    if (entry == NULL || fchown(fd, entry->pw_uid, entry->pw_gid) != 0)
        wn_remark(WN_LEVEL_WARNING, "%s: stays root's: %s", path,
            g_strerror(errno));
}

static void
tell_of_before(const char *path, WnHistoryBefore before)
{
    switch (before) {
    case WN_HISTORY_KEPT:
    case WN_HISTORY_NONE:
        break;
    case WN_HISTORY_RESIZED:
        wn_remark(WN_LEVEL_INFO,
            "%s: begins anew, with another size; what it held is in "
            "history.old beside it",
            path);
        break;
    case WN_HISTORY_DAMAGED:
        wn_remark(WN_LEVEL_WARNING, "%s: was damaged and begins anew", path);
        break;
    }
}

static int
open_file(const WnConfig *config)
{
    g_autofree char *path = g_build_filename(config->state, "history", NULL);
    g_autoptr(GError) error = NULL;
    WnHistoryBefore before;
    int fd = wn_history_open(path, config->history, &before, &error);

    if (fd < 0) {
        wn_remark(WN_LEVEL_WARNING, "goes on without a history: %s",
            error->message);
        return -1;
    }
    if (before != WN_HISTORY_KEPT)
        give_to(fd, path, config->user);
    tell_of_before(path, before);
    return fd;
}

int
wn_history_file_open(WnHistoryFile *self, const WnConfig *config)
{
    wn_history_file_close(self);
    if (config->history == 0)
        return -1;
    self->fd = open_file(config);
    if (self->fd < 0)
        return -1;
    self->map = wn_history_new(self->fd);
    if (self->map == NULL) {
        wn_remark(WN_LEVEL_WARNING, "goes on without a history: %s",
            g_strerror(errno));
        wn_fd_close(wn_fd_steal(&self->fd));
        return -1;
    }
    wn_log_set_history(self->map);
    return self->fd;
}

void
wn_history_file_close(WnHistoryFile *self)
{
    if (self->map == NULL)
        return;
    wn_log_set_history(NULL);
    g_clear_pointer(&self->map, wn_history_free);
    wn_fd_close(wn_fd_steal(&self->fd));
}
