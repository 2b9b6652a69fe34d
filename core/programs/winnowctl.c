/* SPDX-License-Identifier: MIT */

/*
 * winnowctl: the operator's hand.  Talks to the running daemon through the
 * control sockets, and works without one where it can (check, explain, domain,
 * plugin, db, sink).  Opens no port but sink's; reads the configuration and the
 * published snapshot; db connects to the settings database; writes no file but
 * what sink receives and the folder that plugin new makes.
 */

#include "core/programs/ctl/ctl.h"

#include "core/base/fd.h"
#include "core/base/log.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct Command {
    const char *name;
    WnExit (*run)(WnCtl *ctl);
    const char *synopsis;
    const char *help;
} Command;

static WnExit
run_status(WnCtl *ctl)
{
    return ctl_daemon(ctl, "status");
}

static WnExit
run_reload(WnCtl *ctl)
{
    return ctl_daemon(ctl, "reload");
}

static WnExit
run_stop(WnCtl *ctl)
{
    return ctl_daemon(ctl, "stop");
}

static WnExit
run_suspend(WnCtl *ctl)
{
    return ctl_suspend(ctl, "suspend");
}

static WnExit
run_resume(WnCtl *ctl)
{
    return ctl_suspend(ctl, "resume");
}

static const Command commands[] = {
    { "check", ctl_check, "check", "all errors of the configuration" },
    { "status", run_status, "status", "what runs, and its counters" },
    { "reload", run_reload, "reload", "apply the configuration" },
    { "stop", run_stop, "stop", "finish sessions and stop" },
    { "sync", ctl_sync, "sync [--force | --status]",
        "look at the settings now" },
    { "explain", ctl_explain,
        "explain FILE... --to R [--to R2] [--from S]\n"
        "          [--client A] [--helo H] [--view]",
        "what the filters would do, and why" },
    { "trace", ctl_trace, "trace ID [FILE ...]", "what happened to a message" },
    { "snapshot", ctl_snapshot, "snapshot list | diff A B | rollback N",
        "generations of settings, and back to one" },
    { "domain", ctl_domain,
        "domain list | show D\n"
        "  domain add D --server H[:P] ... [KEY VALUE ...]\n"
        "  domain set D KEY VALUE ... | unset D KEY ...\n"
        "  domain remove D",
        "settings, and where they come from" },
    { "filter", ctl_filter,
        "filter enable|disable D FILTER\n"
        "  filter move D FILTER POSITION|before F|after F\n"
        "  filter set|unset D FILTER KEY [VALUE] ...",
        "one domain's filters" },
    { "mailbox", ctl_mailbox,
        "mailbox list D\n"
        "  mailbox add|remove D LOCAL-PART ...",
        "one domain's mailboxes" },
    { "access", ctl_access,
        "access list D\n"
        "  access add|remove D allow|block KIND VALUE",
        "whom its firewall lets in or keeps out" },
    { "suspend", run_suspend, "suspend D", "take its mail and keep it" },
    { "resume", run_resume, "resume D", "deliver what was kept" },
    { "queue", ctl_queue,
        "queue list [--domain D] [--state S]\n"
        "  queue show ID [--message]\n"
        "  queue retry|hold|release|delete|bounce\n"
        "          ID... | --domain D\n"
        "  queue lenient [D DURATION | D off]\n"
        "  queue fsck [--repair]",
        "what waits, and what to do with it" },
    { "plugin", ctl_plugin,
        "plugin list | show P | docs P [--markdown]\n"
        "  plugin new NAME [--action] DIR",
        "filters and actions, and their options" },
    { "db", ctl_db,
        "db init\n"
        "  db import|export urls|phones|phrases [FILE]\n"
        "  db lookup urls|phones|phrases VALUE",
        "the settings database and its lists" },
    { "sink", ctl_sink, "sink --listen A:P --dir D",
        "a receiving server for trials" },
};

/* Those that load plugins run in a process of their own. */
static const char *const loading[] = { "explain", "domain", "filter", "mailbox",
    "access", "plugin", "db", NULL };

/* The help stands beside the last line of the synopsis. */
static void
print_usage(FILE *to)
{
    fputs("usage: winnowctl [-c FILE] [--json] COMMAND ...\n\n", to);
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        const char *synopsis = commands[i].synopsis;
        const char *last = strrchr(synopsis, '\n');

        if (last != NULL)
            fprintf(to, "  %.*s\n", (int)(last - synopsis), synopsis);
        fprintf(to, last != NULL ? "%-44s%s\n" : "  %-42s%s\n",
            last != NULL ? last + 1 : synopsis, commands[i].help);
    }
    fputs("\n-c FILE   winnow.conf, " WN_SYSCONFDIR "/winnow.conf by default\n"
          "--json    data as JSON: one document, or one line for each item\n"
          "exit      0 done; 1 the answer is no, or something is wrong;\n"
          "          2 usage; 3 the daemon is not running\n",
        to);
}

const char *
ctl_take_option(WnCtl *ctl, const char *name, bool *out_bad)
{
    for (guint i = 0; i < ctl->words->len; i++) {
        const char *value;

        if (strcmp(ctl->words->pdata[i], name) != 0)
            continue;
        if (i + 1 >= ctl->words->len) {
            fprintf(stderr, "winnowctl: %s needs a value\n", name);
            *out_bad = true;
            return NULL;
        }
        value = ctl->words->pdata[i + 1];
        g_ptr_array_remove_range(ctl->words, i, 2);
        return value;
    }
    return NULL;
}

bool
ctl_take_flag(WnCtl *ctl, const char *name)
{
    for (guint i = 0; i < ctl->words->len; i++)
        if (strcmp(ctl->words->pdata[i], name) == 0) {
            g_ptr_array_remove_index(ctl->words, i);
            return true;
        }
    return false;
}

bool
ctl_no_option_left(const WnCtl *ctl)
{
    return ctl_no_option_but_values(ctl, G_MAXUINT);
}

bool
ctl_no_option_but_values(const WnCtl *ctl, guint pairs)
{
    for (guint i = 0; i < ctl->words->len; i++) {
        const char *word = ctl->words->pdata[i];
        bool is_value = i > pairs && (i - pairs) % 2 == 1;

        if (is_value || word[0] != '-' || word[1] == '\0')
            continue;
        fprintf(stderr, "winnowctl: unknown option %s\n", word);
        return false;
    }
    return true;
}

WnConfig *
ctl_read_config(WnCtl *ctl)
{
    g_autoptr(WnProblems) problems = wn_problems_new();
    g_autoptr(WnConfig) config = wn_config_read(ctl->config_path, problems);
    g_autoptr(GString) text = NULL;

    if (wn_problems_count(problems) == 0)
        return g_steal_pointer(&config);
    text = g_string_new(NULL);
    wn_problems_print(problems, text);
    fputs(text->str, stderr);
    return NULL;
}

WnLoader *
ctl_loader_new(const WnCtl *ctl, const WnConfig *config)
{
    WnLoader *loader = wn_loader_new(config->plugins);

    if (ctl->board != NULL)
        wn_loader_set_watch(loader, wn_trial_on_load, ctl->board);
    return loader;
}

typedef struct Trial {
    WnCtl *ctl;
    const Command *command;
} Trial;

static WnExit
flushed(WnExit result)
{
    if ((fflush(stdout) != 0 || ferror(stdout)) && result == WN_EXIT_OK)
        return WN_EXIT_NO;
    return result;
}

static int
run_trial(void *user, WnScoreboard *board)
{
    const Trial *trial = user;

    trial->ctl->board = board;
    return (int)flushed(trial->command->run(trial->ctl));
}

static WnExit
run_command(WnCtl *ctl, const Command *command)
{
    Trial trial = { ctl, command };
    g_autofree char *fault = NULL;
    int result;

    if (!g_strv_contains(loading, command->name))
        return command->run(ctl);
    result = wn_trial_run(run_trial, &trial, &fault);
    if (fault == NULL)
        return (WnExit)result;
    fprintf(stderr, "winnowctl: %s\n", fault);
    return WN_EXIT_NO;
}

static WnExit
run(WnCtl *ctl)
{
    g_autofree char *name = NULL;

    if (ctl->words->len == 0) {
        print_usage(stderr);
        return WN_EXIT_USAGE;
    }
    name = g_strdup(ctl->words->pdata[0]);
    g_ptr_array_remove_index(ctl->words, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
        if (strcmp(commands[i].name, name) == 0)
            return run_command(ctl, &commands[i]);
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0) {
        print_usage(stdout);
        return WN_EXIT_OK;
    }
    fprintf(stderr, "winnowctl: unknown command \"%s\"\n", name);
    print_usage(stderr);
    return WN_EXIT_USAGE;
}

int
main(int argc, char **argv)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new();
    WnCtl ctl = { .words = words };
    const char *config_path;
    bool bad = false;

    signal(SIGPIPE, SIG_IGN);
    for (int i = 1; i < argc; i++)
        g_ptr_array_add(words, argv[i]);
    wn_log_open_command("winnowctl");
    wn_log_set_level(WN_LEVEL_ERROR);
    config_path = ctl_take_option(&ctl, "-c", &bad);
    if (bad)
        return WN_EXIT_USAGE;
    ctl.config_path = config_path != NULL ? config_path
                                          : WN_SYSCONFDIR "/winnow.conf";
    ctl.json = ctl_take_flag(&ctl, "--json");
    return (int)flushed(run(&ctl));
}
