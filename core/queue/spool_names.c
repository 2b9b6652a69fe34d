/* SPDX-License-Identifier: MIT */
#include "core/queue/spool_names.h"

#include "core/queue/spool.h"

#include <errno.h>
#include <unistd.h>

bool
wn_spool_is_segment_name(const char *name)
{
    return g_str_has_suffix(name, ".seg") && strchr(name, '/') == NULL
           && name[0] != '.' && strlen(name) < sizeof(WnSegmentName);
}

bool
wn_spool_is_own_name(const char *name)
{
    return g_str_has_prefix(name, WN_SPOOL_OWN_WORKER "-");
}

gint
wn_spool_compare_names(gconstpointer a, gconstpointer b, gpointer user)
{
    (void)user;
    if (wn_spool_is_own_name(a) != wn_spool_is_own_name(b))
        return wn_spool_is_own_name(a) ? -1 : 1;
    return strcmp(a, b);
}

/* An outcome log whose segment is gone says nothing any more. */
static bool
is_rubbish(const char *folder, const char *name)
{
    g_autofree char *stem = g_strndup(name, strlen(name) - 4);
    g_autofree char *segment = g_strdup_printf("%s/%s.seg", folder, stem);

    return access(segment, F_OK) != 0 && errno == ENOENT;
}

void
wn_spool_remove_leftover(const char *folder, const char *name)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);

    if (g_str_has_suffix(name, ".out" WN_OUTCOME_UNMADE)
        || (g_str_has_suffix(name, ".out") && is_rubbish(folder, name)))
        unlink(path);
}
