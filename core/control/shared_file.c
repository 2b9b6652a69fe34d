/* SPDX-License-Identifier: MIT */
#include "core/control/shared_file.h"

#include "core/base/fd.h"
#include "core/base/log.h"

#include <errno.h>

int
wn_shared_file_open(WnSharedFile *self, const WnConfig *config)
{
    g_autoptr(GError) error = NULL;

    if (self->table != NULL)
        return self->fd;
    self->path = g_build_filename(config->state, "shared", NULL);
    self->fd = wn_shared_table_create(WN_SHARED_TABLE_SETS);
    self->table = self->fd >= 0 ? wn_shared_table_new(self->fd) : NULL;
    if (self->table == NULL)
        g_error("cannot make a shared table: %s", g_strerror(errno));
    if (!wn_shared_table_restore(self->table, self->path, &error)
        && !g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT))
        wn_remark(WN_LEVEL_WARNING, "what plugins share begins anew: %s",
            error->message);
    return self->fd;
}

void
wn_shared_file_close(WnSharedFile *self)
{
    g_autoptr(GError) error = NULL;

    if (self->table == NULL)
        return;
    if (!wn_shared_table_save(self->table, self->path, &error))
        wn_remark(WN_LEVEL_ERROR, "what plugins share is not saved: %s",
            error->message);
    g_clear_pointer(&self->table, wn_shared_table_free);
    g_clear_pointer(&self->path, g_free);
    wn_fd_close(self->fd);
}
