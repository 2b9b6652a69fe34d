/* SPDX-License-Identifier: MIT */

/*
 * winnowd: starts, watches, reloads and stops the other programs.
 *
 *    winnowd [-c FILE] [--version]
 *
 * Stays root, where it was started as root, to bind ports and to start programs
 * that give root up themselves.  Reads its configuration and what its own
 * programs and winnowctl tell it; no byte from the network, no message, no
 * plugin.  What it does is core/control/supervisor.h.
 */

#include "core/base/confine.h"
#include "core/base/log.h"
#include "core/control/supervisor.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define DESCRIPTORS_WANTED 65536

static int
usage(void)
{
    fputs("usage: winnowd [-c FILE] [--version]\n", stderr);
    return 2;
}

/* Programs inherit the limit; each SMTP session takes a descriptor. */
static void
raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (limit.rlim_max < DESCRIPTORS_WANTED) {
        struct rlimit wanted = { DESCRIPTORS_WANTED, DESCRIPTORS_WANTED };

        if (setrlimit(RLIMIT_NOFILE, &wanted) == 0)
            return; /* as root */
    }
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        wn_remark(WN_LEVEL_WARNING, "descriptor limit: not raised");
}

static void
on_hangup(void *user)
{
    wn_supervisor_reload(user, NULL);
}

static void
on_terminate(void *user)
{
    wn_supervisor_stop(user, NULL);
}

/* The log's form is a setting.  A configuration that is wrong has one too; what
 * is wrong is said when it is checked. */
static void
open_log(const char *config_path)
{
    g_autoptr(WnProblems) problems = wn_problems_new();
    g_autoptr(WnConfig) config = wn_config_read(config_path, problems);

    wn_log_open("winnowd", config->log_json ? WN_LOG_JSON : WN_LOG_TEXT,
        STDERR_FILENO);
    if (wn_problems_count(problems) == 0 && geteuid() == 0
        && config->user == NULL)
        wn_remark(WN_LEVEL_WARNING,
            "all programs will run as root: set user in [server]");
}

static int
run(const char *config_path)
{
    g_autoptr(WnLoop) loop = wn_loop_new();
    g_autoptr(WnSupervisor) supervisor = wn_supervisor_new(loop, config_path);

    wn_loop_on_signal(loop, SIGHUP, on_hangup, supervisor);
    wn_loop_on_signal(loop, SIGTERM, on_terminate, supervisor);
    wn_loop_on_signal(loop, SIGINT, on_terminate, supervisor);
    wn_loop_run(loop);
    return wn_supervisor_exit_status(supervisor);
}

int
main(int argc, char **argv)
{
    static const struct option options[] = {
        { "version", no_argument, NULL, 'v' },
        { NULL, 0, NULL, 0 },
    };
    const char *config_path = WN_SYSCONFDIR "/winnow.conf";
    int option;

    while ((option = getopt_long(argc, argv, "c:", options, NULL)) >= 0) {
        if (option == 'v') {
            puts("winnowd " WN_VERSION);
            return EXIT_SUCCESS;
        }
        if (option != 'c')
            return usage();
        config_path = optarg;
    }
    if (optind != argc)
        return usage();
    umask(022); /* folders above ours are for all; files say their mode */
    open_log(config_path);
    raise_descriptor_limit();
    wn_confine_process(false);
    return run(config_path);
}
