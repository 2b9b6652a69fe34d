/* SPDX-License-Identifier: MIT */
#include "core/control/child.h"

#include "core/base/confine.h"
#include "core/base/fd.h"
#include "core/base/log.h"
#include "core/base/metrics.h"
#include "core/base/wire.h"
#include "core/conf/config_wire.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* For a program that has lost winnowd and still has something to finish. */
#define ORPHAN_MS (60 * 1000)

typedef struct Arguments {
    int slot;
    int supervisor_fd;
    int config_fd;
    int metrics_fd;
    int watched_fd;
    int scoreboard_fd;
    int counts_fd;
    int limits_fd;
    int shared_fd;
    int history_fd;
} Arguments;

G_NORETURN static void
give_up(const char *program, const char *why)
{
    fprintf(stderr, "%s: %s\n", program, why);
    exit(EXIT_FAILURE);
}

static int
parse_number(const char *text)
{
    uint64_t number;

    if (!wn_span_to_u64(wn_span_str(text), &number) || number > G_MAXINT)
        return -1;
    return (int)number;
}

/* False: this is not how winnowd starts a program. */
static bool
parse_arguments(int argc, char **argv, Arguments *out)
{
    static const struct option options[] = {
        { "config-file", required_argument, NULL, 'c' },
        { "slot", required_argument, NULL, 's' },
        { "supervisor", required_argument, NULL, 'u' },
        { "config", required_argument, NULL, 'f' },
        { "metrics", required_argument, NULL, 'm' },
        { "scoreboard", required_argument, NULL, 'b' },
        { "watched", required_argument, NULL, 'w' },
        { "counts", required_argument, NULL, 'n' },
        { "limits", required_argument, NULL, 'l' },
        { "shared", required_argument, NULL, 'h' },
        { "history", required_argument, NULL, 'y' },
        { NULL, 0, NULL, 0 },
    };
    int option;

    *out = (Arguments){ 0, -1, -1, -1, -1, -1, -1, -1, -1, -1 };
    while ((option = getopt_long(argc, argv, "c:", options, NULL)) >= 0) {
        if (option == 's')
            out->slot = parse_number(optarg);
        else if (option == 'u')
            out->supervisor_fd = parse_number(optarg);
        else if (option == 'f')
            out->config_fd = parse_number(optarg);
        else if (option == 'm')
            out->metrics_fd = parse_number(optarg);
        else if (option == 'b')
            out->scoreboard_fd = parse_number(optarg);
        else if (option == 'n')
            out->counts_fd = parse_number(optarg);
        else if (option == 'w')
            out->watched_fd = parse_number(optarg);
        else if (option == 'l')
            out->limits_fd = parse_number(optarg);
        else if (option == 'h')
            out->shared_fd = parse_number(optarg);
        else if (option == 'y')
            out->history_fd = parse_number(optarg);
        else if (option != 'c')
            return false;
    }
    return optind == argc && out->slot >= 0 && out->supervisor_fd >= 0
           && out->config_fd >= 0 && out->metrics_fd >= 0
           && out->scoreboard_fd >= 0;
}

static void
keep_to_ourselves(const Arguments *arguments)
{
    wn_fd_set_cloexec(arguments->supervisor_fd, true);
    wn_fd_set_cloexec(arguments->config_fd, true);
    wn_fd_set_cloexec(arguments->metrics_fd, true);
    wn_fd_set_cloexec(arguments->scoreboard_fd, true);
    if (arguments->counts_fd >= 0)
        wn_fd_set_cloexec(arguments->counts_fd, true);
    if (arguments->limits_fd >= 0)
        wn_fd_set_cloexec(arguments->limits_fd, true);
    if (arguments->shared_fd >= 0)
        wn_fd_set_cloexec(arguments->shared_fd, true);
    umask(077);
    signal(SIGHUP, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    wn_confine_process(true);
}

/* Mapped while the descriptor is there: no program opens the file itself. */
static void
open_history(WnChild *self, int take_fd)
{
    wn_autofd fd = take_fd;

    if (fd < 0)
        return;
    self->history = wn_history_new(fd);
    wn_log_set_history(self->history);
    if (self->history == NULL)
        wn_remark(WN_LEVEL_WARNING, "goes on without a history");
}

/* Without them nothing is lost but numbers. */
static void
open_metrics(int take_fd, int take_watched_fd)
{
    wn_autofd fd = take_fd;
    wn_autofd watched_fd = take_watched_fd;

    if (!wn_metrics_attach(fd)
        || (watched_fd >= 0 && !wn_metrics_watch(watched_fd)))
        wn_remark(WN_LEVEL_ERROR, "goes on without shared metrics");
}

static void
on_orphan(void *user)
{
    WnChild *self = user;

    wn_loop_stop(self->loop);
}

void
wn_child_init(WnChild *self, const char *program, int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    Arguments arguments;

    *self = (WnChild){ .program = program };
    if (!parse_arguments(argc, argv, &arguments)) {
        fprintf(stderr, "%s: is started by winnowd\n", program);
        exit(2);
    }
    keep_to_ourselves(&arguments);
    self->config = wn_config_from_fd(arguments.config_fd, &error);
    if (self->config == NULL)
        give_up(program, error->message);
    wn_log_open(program, self->config->log_json ? WN_LOG_JSON : WN_LOG_TEXT,
        STDERR_FILENO);
    open_history(self, arguments.history_fd);
    if (!wn_confine_become(self->config->user, &error))
        give_up(program, error->message);
    open_metrics(arguments.metrics_fd, arguments.watched_fd);
    self->scoreboard = wn_scoreboard_attach(arguments.scoreboard_fd);
    if (self->scoreboard == NULL)
        give_up(program, "no scoreboard");
    wn_fd_close(arguments.scoreboard_fd);
    self->slot = (unsigned)arguments.slot;
    self->config_fd = arguments.config_fd;
    self->counts_fd = arguments.counts_fd;
    self->limits_fd = arguments.limits_fd;
    self->shared_fd = arguments.shared_fd;
    self->supervisor_fd = arguments.supervisor_fd;
    self->loop = wn_loop_new();
    wn_timer_init(&self->orphan, self->loop, on_orphan, self);
}

void
wn_child_confine(WnChild *self, WnRightsOf who)
{
    g_autoptr(GError) error = NULL;

    if (who == WN_RIGHTS_FILTER)
        wn_rights_limit_memory(self->config);
    if (!wn_rights_limit(who, self->config, NULL, &self->rights, &error))
        give_up(self->program, error->message);
}

static void
drain(WnChild *self)
{
    if (self->draining)
        return;
    self->draining = true;
    self->on_drain(self->user);
}

static void
on_supervisor_message(void *user, uint16_t type, WnSpan payload, int take_fd)
{
    WnChild *self = user;

    if (type != WN_CHILD_DRAIN) {
        self->on_message(self->user, type, payload, take_fd);
        return;
    }
    wn_fd_close(take_fd);
    drain(self);
}

static void
on_supervisor_closed(void *user)
{
    WnChild *self = user;

    wn_remark(WN_LEVEL_WARNING, "winnowd is gone, stopping");
    wn_timer_set(&self->orphan, ORPHAN_MS);
    drain(self);
}

void
wn_child_connect(WnChild *self, WnChildFn on_message, WnLoopFn on_drain,
    void *user)
{
    self->on_message = on_message;
    self->on_drain = on_drain;
    self->user = user;
    self->supervisor = wn_channel_new(self->loop,
        wn_fd_steal(&self->supervisor_fd), on_supervisor_message,
        on_supervisor_closed, self);
}

void
wn_child_ready(WnChild *self)
{
    g_auto(WnWriter) writer;

    wn_writer_init(&writer);
    wn_write_u32(&writer, self->rights.landlock);
    wn_write_u8(&writer, self->rights.calls);
    wn_channel_send(self->supervisor, WN_CHILD_READY, wn_writer_span(&writer),
        -1);
}

WnConfig *
wn_child_change_config(WnChild *self, int take_fd, GError **error)
{
    wn_autofd fd = take_fd;
    WnConfig *config = wn_config_from_fd(fd, error);
    WnConfig *former = self->config;

    if (config == NULL)
        return NULL;
    self->config = config;
    wn_fd_close(self->config_fd);
    self->config_fd = wn_fd_steal(&fd);
    wn_log_set_format(config->log_json ? WN_LOG_JSON : WN_LOG_TEXT);
    return former;
}

WnSnapshot *
wn_child_open_snapshot(const WnChild *self)
{
    g_autoptr(GError) error = NULL;
    WnSnapshot *snapshot = wn_snapshot_open_current(self->config->state,
        &error);

    if (error != NULL)
        wn_remark(WN_LEVEL_ERROR, "the previous settings stay: %s",
            error->message);
    return snapshot;
}

void
wn_child_using(WnChild *self, uint64_t generation)
{
    g_auto(WnWriter) writer;

    wn_writer_init(&writer);
    wn_write_u64(&writer, generation);
    wn_channel_send(self->supervisor, WN_CHILD_USING, wn_writer_span(&writer),
        -1);
}

void
wn_child_run(WnChild *self)
{
    wn_loop_run(self->loop);
}

void
wn_child_clear(WnChild *self)
{
    wn_timer_clear(&self->orphan);
    g_clear_pointer(&self->supervisor, wn_channel_free);
    g_clear_pointer(&self->loop, wn_loop_free);
    g_clear_pointer(&self->config, wn_config_free);
    g_clear_pointer(&self->scoreboard, wn_scoreboard_free);
    wn_fd_close(self->config_fd);
    wn_fd_close(self->counts_fd);
    wn_fd_close(self->limits_fd);
    wn_fd_close(self->shared_fd);
    wn_log_set_history(NULL);
    g_clear_pointer(&self->history, wn_history_free);
}
