/* SPDX-License-Identifier: MIT */
#include "core/control/commands.h"

#include "core/base/metrics.h"
#include "core/control/status.h"

#include <string.h>

/* options are the words behind the command, NULL-terminated. */
static bool
has_option(const char *const *options, const char *name)
{
    return g_strv_contains(options, name);
}

static void
do_status(WnSupervisor *supervisor, WnControlCall *call,
    const char *const *options)
{
    GString *text = g_string_new(NULL);
    WnSupervisorView view;

    wn_supervisor_view(supervisor, &view);
    if (has_option(options, "--json"))
        wn_status_print_json(&view, text);
    else
        wn_status_print(&view, text);
    wn_control_answer(call, WN_EXIT_OK, text);
}

static void
do_reload(WnSupervisor *supervisor, WnControlCall *call,
    const char *const *options)
{
    (void)options;
    wn_supervisor_reload(supervisor, call);
}

static void
do_stop(WnSupervisor *supervisor, WnControlCall *call,
    const char *const *options)
{
    (void)options;
    wn_supervisor_stop(supervisor, call);
}

static void
do_sync(WnSupervisor *supervisor, WnControlCall *call,
    const char *const *options)
{
    GString *text;
    WnSupervisorView view;

    if (!has_option(options, "--status")) {
        wn_supervisor_sync(supervisor, call, has_option(options, "--force"));
        return;
    }
    text = g_string_new(NULL);
    wn_supervisor_view(supervisor, &view);
    if (has_option(options, "--json"))
        wn_status_print_sync_json(&view, text);
    else
        wn_status_print_sync(&view, text);
    wn_control_answer(call, WN_EXIT_OK, text);
}

/* What all programs have counted: for winnowctl, which picks from it. */
static void
do_metrics(WnSupervisor *supervisor, WnControlCall *call,
    const char *const *options)
{
    GString *text = g_string_new(NULL);

    (void)supervisor;
    (void)options;
    wn_metrics_print(text);
    wn_control_answer(call, WN_EXIT_OK, text);
}

typedef struct Command {
    const char *word;
    const char *options[4]; /* that it knows */
    void (*run)(WnSupervisor *supervisor, WnControlCall *call,
        const char *const *options);
} Command;

static const Command commands[] = {
    { "status", { "--json" }, do_status },
    { "metrics", { NULL }, do_metrics },
    { "reload", { NULL }, do_reload },
    { "stop", { NULL }, do_stop },
    { "sync", { "--force", "--status", "--json" }, do_sync },
};

static bool
fits(const Command *command, const char *const *words)
{
    if (words[0] == NULL || strcmp(words[0], command->word) != 0)
        return false;
    for (size_t i = 1; words[i] != NULL; i++)
        if (!g_strv_contains(command->options, words[i]))
            return false;
    return true;
}

static void
on_call(void *user, WnControlCall *call, const char *const *words)
{
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (!fits(&commands[i], words))
            continue;
        commands[i].run(user, call, words + 1);
        return;
    }
    wn_control_answer(call, WN_EXIT_USAGE,
        g_string_new("winnowd knows: status [--json], metrics, reload, "
                     "stop, sync [--force] [--status] [--json]\n"));
}

WnControlServer *
wn_commands_listen(WnLoop *loop, const char *path, WnSupervisor *supervisor,
    GError **error)
{
    return wn_control_server_new(loop, path, on_call, supervisor, error);
}
