/* SPDX-License-Identifier: MIT */

/* The commands that ask a running daemon, and check, which asks a throw-away
 * process. */

#include "core/programs/ctl/ctl.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static WnExit
ask(WnCtl *ctl, const char *socket_name, const char *command)
{
    g_autoptr(WnConfig) config = ctl_read_config(ctl);
    g_autoptr(GPtrArray) words = g_ptr_array_new();
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *path = NULL;
    g_autofree char *first = g_strdup(command);
    WnExit answer;

    if (config == NULL)
        return WN_EXIT_NO;
    if (first != NULL)
        g_ptr_array_add(words, first);
    for (guint i = 0; i < ctl->words->len; i++)
        g_ptr_array_add(words, ctl->words->pdata[i]);
    if (ctl->json)
        g_ptr_array_add(words, (char[]){ "--json" });
    g_ptr_array_add(words, NULL);
    path = g_build_filename(config->run, socket_name, NULL);
    answer = wn_control_ask(path, (const char *const *)words->pdata, text);
    if (answer == WN_EXIT_NOT_RUNNING)
        fprintf(stderr, "winnowctl: no daemon answers at %s\n", path);
    fputs(text->str, answer == WN_EXIT_OK || ctl->json ? stdout : stderr);
    return answer;
}

WnExit
ctl_daemon(WnCtl *ctl, const char *command)
{
    return ask(ctl, WN_CONTROL_SOCKET, command);
}

WnExit
ctl_queue(WnCtl *ctl)
{
    if (ctl->words->len == 0) {
        fputs("usage: winnowctl queue "
              "list|show|retry|hold|release|delete|bounce ...\n",
            stderr);
        return WN_EXIT_USAGE;
    }
    return ask(ctl, WN_QUEUE_CONTROL_SOCKET, NULL);
}

WnExit
ctl_check(WnCtl *ctl)
{
    g_autofree char *folder = NULL;
    g_autofree char *beside = NULL;
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    const char *program;

    if (ctl->words->len > 0) {
        fputs("usage: winnowctl [-c FILE] check\n", stderr);
        return WN_EXIT_USAGE;
    }
    folder = g_path_get_dirname(self != NULL ? self : ctl->program);
    beside = g_build_filename(folder, "winnow-check", NULL);
    program = access(beside, X_OK) == 0 ? beside
                                        : WN_LIBEXECDIR "/winnow-check";
    execl(program, "winnow-check", "-c", ctl->config_path,
        ctl->json ? "--json" : NULL, NULL);
    fprintf(stderr, "winnowctl: cannot run %s: %s\n", program,
        g_strerror(errno));
    return WN_EXIT_NO;
}
