/* SPDX-License-Identifier: MIT */
#include "core/programs/ctl/live.h"

#include "core/conf/snapshot.h"
#include "core/control/sync_request.h"

#include <stdio.h>

WnExit
ctl_ask_sync(const WnConfig *config, GString *out_text)
{
    static const char *const words[] = { "sync", NULL };
    g_autofree char *path = g_build_filename(config->run, WN_CONTROL_SOCKET,
        NULL);

    return wn_control_ask(path, words, out_text);
}

WnExit
ctl_make_live(const WnConfig *config)
{
    g_autoptr(GString) text = g_string_new(NULL);
    uint64_t pinned = wn_snapshot_pinned_generation(config->state);
    WnExit answer;

    if (pinned > 0) {
        printf("not live: snapshot %" G_GUINT64_FORMAT
               " is pinned by a rollback until \"winnowctl sync\"\n",
            pinned);
        return WN_EXIT_OK;
    }
    answer = ctl_ask_sync(config, text);
    switch (answer) {
    case WN_EXIT_OK:
        printf("live: %s", text->str);
        return WN_EXIT_OK;
    case WN_EXIT_NOT_RUNNING:
        puts("no daemon runs; the next one begins with it");
        return WN_EXIT_OK;
    case WN_EXIT_NO:
    case WN_EXIT_USAGE:
        break;
    }
    /* Some list stays behind, but what was changed is there. */
    if (g_str_has_prefix(text->str, WN_SYNC_PUBLISHED)) {
        printf("live: %s", text->str);
        return WN_EXIT_OK;
    }
    fprintf(stderr, "winnowctl: changed, but not live: %s", text->str);
    return WN_EXIT_NO;
}
