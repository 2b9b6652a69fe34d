/* SPDX-License-Identifier: MIT */

/* The commands that ask a running daemon, and check, which asks a throw-away
 * process. */

#include "core/programs/ctl/ctl.h"

#include "core/base/spawn.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* The others do something and say a word or two. */
static bool
prints_data(const WnCtl *ctl, const char *command)
{
    if (command == NULL || strcmp(command, "status") == 0)
        return true;
    for (guint i = 0; i < ctl->words->len; i++)
        if (strcmp(ctl->words->pdata[i], "--status") == 0)
            return true;
    return false;
}

static WnExit
ask(WnCtl *ctl, const char *socket_name, const char *command)
{
    g_autoptr(WnConfig) config = ctl_read_config(ctl);
    g_autoptr(GPtrArray) words = g_ptr_array_new();
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *path = NULL;
    g_autofree char *first = g_strdup(command);
    char json[] = "--json";
    WnExit answer;

    if (config == NULL)
        return WN_EXIT_NO;
    if (first != NULL)
        g_ptr_array_add(words, first);
    for (guint i = 0; i < ctl->words->len; i++)
        g_ptr_array_add(words, ctl->words->pdata[i]);
    if (ctl->json && prints_data(ctl, command))
        g_ptr_array_add(words, json);
    g_ptr_array_add(words, NULL);
    path = g_build_filename(config->run, socket_name, NULL);
    answer = wn_control_ask(path, (const char *const *)words->pdata, text);
    if (answer == WN_EXIT_NOT_RUNNING)
        fprintf(stderr, "winnowctl: no daemon answers at %s\n", path);
    fputs(text->str, answer == WN_EXIT_OK ? stdout : stderr);
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
              "list|show|retry|hold|release|delete|bounce|lenient|fsck ...\n",
            stderr);
        return WN_EXIT_USAGE;
    }
    if (strcmp(ctl->words->pdata[0], "fsck") == 0) {
        g_ptr_array_remove_index(ctl->words, 0);
        return ctl_fsck(ctl);
    }
    return ask(ctl, WN_QUEUE_CONTROL_SOCKET, NULL);
}

WnExit
ctl_check(WnCtl *ctl)
{
    g_autofree char *program = wn_program_path("winnow-check");

    if (ctl->words->len > 0) {
        fputs("usage: winnowctl [-c FILE] check\n", stderr);
        return WN_EXIT_USAGE;
    }
    execl(program, "winnow-check", "-c", ctl->config_path,
        ctl->json ? "--json" : NULL, NULL);
    fprintf(stderr, "winnowctl: cannot run %s: %s\n", program,
        g_strerror(errno));
    return WN_EXIT_NO;
}
