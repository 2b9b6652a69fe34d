/* SPDX-License-Identifier: MIT */
#include "core/control/commands.h"

#include "core/control/status.h"

#include <string.h>

static void
do_status(WnSupervisor *supervisor, WnControlCall *call, const char *option)
{
    GString *text = g_string_new(NULL);
    WnSupervisorView view;

    wn_supervisor_view(supervisor, &view);
    if (strcmp(option, "--json") == 0)
        wn_status_print_json(&view, text);
    else
        wn_status_print(&view, text);
    wn_control_answer(call, WN_EXIT_OK, text);
}

static void
do_reload(WnSupervisor *supervisor, WnControlCall *call, const char *option)
{
    (void)option;
    wn_supervisor_reload(supervisor, call);
}

static void
do_stop(WnSupervisor *supervisor, WnControlCall *call, const char *option)
{
    (void)option;
    wn_supervisor_stop(supervisor, call);
}

static void
do_sync(WnSupervisor *supervisor, WnControlCall *call, const char *option)
{
    wn_supervisor_sync(supervisor, call, strcmp(option, "--force") == 0);
}

typedef struct Command {
    const char *word;
    const char *option; /* that it knows; NULL: none */
    void (*run)(WnSupervisor *supervisor, WnControlCall *call,
        const char *option);
} Command;

static const Command commands[] = {
    { "status", "--json", do_status },
    { "reload", NULL, do_reload },
    { "stop", NULL, do_stop },
    { "sync", "--force", do_sync },
};

static bool
fits(const Command *command, const char *const *words)
{
    if (words[0] == NULL || strcmp(words[0], command->word) != 0)
        return false;
    if (words[1] == NULL)
        return true;
    return words[2] == NULL && g_strcmp0(words[1], command->option) == 0;
}

static void
on_call(void *user, WnControlCall *call, const char *const *words)
{
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (!fits(&commands[i], words))
            continue;
        commands[i].run(user, call, words[1] != NULL ? words[1] : "");
        return;
    }
    wn_control_answer(call, WN_EXIT_USAGE,
        g_string_new("winnowd knows: status [--json], reload, stop, "
                     "sync [--force]\n"));
}

WnControlServer *
wn_commands_listen(WnLoop *loop, const char *path, WnSupervisor *supervisor,
    GError **error)
{
    return wn_control_server_new(loop, path, on_call, supervisor, error);
}
