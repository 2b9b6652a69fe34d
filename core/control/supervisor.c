/* SPDX-License-Identifier: MIT */
#include "core/control/supervisor.h"

#include "core/base/clock.h"
#include "core/base/fd.h"
#include "core/base/log.h"
#include "core/base/metrics.h"
#include "core/control/candidate.h"
#include "core/control/commands.h"
#include "core/control/folders.h"
#include "core/control/history_file.h"
#include "core/control/notify.h"
#include "core/control/port_wait.h"
#include "core/control/shared_file.h"
#include "core/control/supervisor_log.h"
#include "core/control/sync_request.h"
#include "core/smtp/known_limits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define OPENING_MAX_MS (150 * 1000)
#define SWITCHING_MAX_MS (60 * 1000)
#define QUEUE_DRAIN_MS (15 * 1000) /* above what winnow-queue gives itself */

/* Within a minute: what then still runs is killed. */
#define STOP_SMTP_MS (45 * 1000)
#define STOP_MAX_MS (60 * 1000)

/* So many generations may drain at once; the oldest must then hurry, and a
 * reload waits for it. */
#define OLD_MAX 8
#define HURRY_MS (60 * 1000)

struct WnSupervisor {
    WnLoop *loop;
    char *config_path;
    WnSupervisorState state;
    WnTimer deadline;
    int64_t began_ms;
    int metrics_fd;
    int filter_metrics_fd; /* plugins write there */
    int limits_fd;
    WnSharedFile shared;
    WnHistoryFile history;
    WnMetric *ready_metric;
    WnMetric *connections_metric;
    WnPorts *ports;
    WnControlServer *control;
    WnSyncRequest *sync;

    WnCandidate *candidate; /* while CHECKING */
    WnPortWait port_wait;   /* with the first configuration */
    uint64_t n_generations;
    WnGeneration *current;
    WnGeneration *next;
    GPtrArray *old;

    bool reload_wanted;
    GPtrArray *reload_calls; /* the reload under way answers these */
    GPtrArray *reload_waiting;
    GPtrArray *stop_calls;
    bool announced; /* READY, once */
    int exit_status;
};

static void begin_check(WnSupervisor *self);
static void on_changed(void *user, WnGeneration *generation);
static void on_ended(void *user, WnMember *member, const char *why);
static void on_synced(void *user, WnGeneration *generation, uint32_t serial,
    const char *problem);

static const WnGenerationHandler generation_handler = {
    .changed = on_changed,
    .ended = on_ended,
    .synced = on_synced,
};

static void
enter(WnSupervisor *self, WnSupervisorState state, int64_t max_ms)
{
    self->state = state;
    if (max_ms > 0)
        wn_timer_set(&self->deadline, max_ms);
    else
        wn_timer_unset(&self->deadline);
}

const char *
wn_supervisor_state_name(WnSupervisorState state)
{
    static const char *const names[] = { "checking", "running", "opening",
        "switching", "stopping" };

    return names[state];
}

static bool
is_first(const WnSupervisor *self)
{
    return self->current == NULL;
}

static void
finish(void *user)
{
    WnSupervisor *self = user;

    wn_loop_stop(self->loop);
}

/* The answers go out at the end of this turn. */
static void
end(WnSupervisor *self, int exit_status)
{
    self->exit_status = exit_status;
    wn_control_answer_all(self->stop_calls, WN_EXIT_OK, "stopped\n");
    wn_loop_defer(self->loop, finish, self);
}

static bool
some_smtp(const WnSupervisor *self)
{
    for (guint i = 0; i < self->old->len; i++)
        if (wn_generation_has_smtp(self->old->pdata[i]))
            return true;
    return false;
}

static void
on_stopping(WnSupervisor *self)
{
    if (self->old->len == 0)
        end(self, EXIT_SUCCESS);
    for (guint i = 0; i < self->old->len && !some_smtp(self); i++)
        wn_generation_drain_queue(self->old->pdata[i], QUEUE_DRAIN_MS);
}

/* Among those that are let go; the caller says how. */
static WnGeneration *
move_to_old(WnSupervisor *self, WnGeneration **generation)
{
    g_ptr_array_add(self->old, *generation);
    return g_steal_pointer(generation);
}

void
wn_supervisor_stop(WnSupervisor *self, WnControlCall *call)
{
    if (call != NULL)
        g_ptr_array_add(self->stop_calls, call);
    if (self->state == WN_SUPERVISOR_STOPPING)
        return;
    wn_notify("STOPPING=1");
    wn_remark(WN_LEVEL_INFO, "stopping");
    enter(self, WN_SUPERVISOR_STOPPING, STOP_MAX_MS);
    wn_metric_set(self->ready_metric, 0);
    wn_ports_close(self->ports); /* clients go to another relay at once */
    g_clear_pointer(&self->candidate, wn_candidate_free);
    wn_port_wait_stop(&self->port_wait);
    wn_control_answer_all(self->reload_calls, WN_EXIT_NO, "winnowd stops\n");
    wn_control_answer_all(self->reload_waiting, WN_EXIT_NO, "winnowd stops\n");
    wn_sync_request_fail(self->sync, "winnowd stops\n");
    if (self->next != NULL)
        move_to_old(self, &self->next);
    if (self->current != NULL)
        move_to_old(self, &self->current);
    for (guint i = 0; i < self->old->len; i++)
        wn_generation_drain(self->old->pdata[i], STOP_SMTP_MS);
    on_stopping(self);
}

/* To RUNNING, and on with what has waited for it. */
static void
settle(WnSupervisor *self)
{
    enter(self, WN_SUPERVISOR_RUNNING, 0);
    if (self->reload_wanted && self->old->len < OLD_MAX)
        begin_check(self);
    else
        wn_sync_request_send(self->sync, self->current);
}

/* The configuration is not applied; what runs, runs on. */
static void
refuse(WnSupervisor *self, const char *problem)
{
    if (is_first(self)) {
        fputs(problem, stderr);
        end(self, EXIT_FAILURE);
        return;
    }
    wn_supervisor_log_reload("refused", wn_generation_number(self->current),
        problem);
    wn_notify("READY=1");
    wn_ports_keep_only(self->ports, wn_generation_config(self->current));
    wn_control_answer_all(self->reload_calls, WN_EXIT_NO, problem);
    settle(self);
}

static void
refuse_error(WnSupervisor *self, const GError *error)
{
    g_autofree char *problem = g_strdup_printf("%s\n", error->message);

    refuse(self, problem);
}

static void
open_generation(WnSupervisor *self, const WnGenerationSpec *spec,
    WnConfig *take_config)
{
    WnStart how = is_first(self) ? WN_START_ALL : WN_START_SYNC_FIRST;
    g_autoptr(GError) error = NULL;
    WnGeneration *made = wn_generation_new(spec, take_config, how, &error);

    if (made == NULL) {
        refuse_error(self, error);
    } else if (is_first(self)) {
        self->current = made;
        wn_generation_start_queue(made);
        settle(self);
    } else {
        self->next = made;
        enter(self, WN_SUPERVISOR_OPENING, OPENING_MAX_MS);
    }
}

static bool
open_control(WnSupervisor *self, const WnConfig *config, GError **error)
{
    g_autofree char *path = g_build_filename(config->run, WN_CONTROL_SOCKET,
        NULL);

    self->control = wn_commands_listen(self->loop, path, self, error);
    if (self->control == NULL)
        g_prefix_error(error, "does another winnowd run?  ");
    else
        wn_control_server_refuse_below(self->control, getpid());
    return self->control != NULL;
}

/* The control socket comes first: a second winnowd ends here. */
static bool
prepare(WnSupervisor *self, const WnConfig *config, GError **error)
{
    if (self->control == NULL
        && (!wn_folders_make(config, error)
            || !open_control(self, config, error)))
        return false;
    return wn_ports_bind(self->ports, config, error);
}

static void
open_config(void *user, WnConfig *take_config)
{
    WnSupervisor *self = user;
    g_autoptr(WnConfig) config = take_config;
    g_autoptr(GError) error = NULL;
    WnGenerationSpec spec = { .loop = self->loop,
        .number = self->n_generations + 1,
        .ports = self->ports,
        .metrics_fd = self->metrics_fd,
        .filter_metrics_fd = self->filter_metrics_fd,
        .limits_fd = self->limits_fd,
        .shared_fd = wn_shared_file_open(&self->shared, config),
        .handler = &generation_handler,
        .user = self };

    if (!prepare(self, config, &error)) {
        if (is_first(self)
            && wn_port_wait_begin(&self->port_wait, error, config))
            config = NULL;
        else
            refuse_error(self, error);
        return;
    }
    self->n_generations++;
    spec.history_fd = wn_history_file_open(&self->history, config);
    open_generation(self, &spec, g_steal_pointer(&config));
}

static void
on_checked(void *user, WnConfig *take_config, const char *problems)
{
    WnSupervisor *self = user;

    g_clear_pointer(&self->candidate, wn_candidate_free);
    if (take_config == NULL)
        refuse(self, problems);
    else
        open_config(self, take_config);
}

static void
begin_check(WnSupervisor *self)
{
    const WnConfig *applied = NULL;

    self->reload_wanted = false;
    while (self->reload_waiting->len > 0)
        g_ptr_array_add(self->reload_calls,
            g_ptr_array_remove_index_fast(self->reload_waiting, 0));
    enter(self, WN_SUPERVISOR_CHECKING, 0);
    if (!is_first(self)) {
        wn_notify_reloading();
        applied = wn_generation_config(self->current);
    }
    self->candidate = wn_candidate_new(self->loop, self->config_path, applied,
        on_checked, self);
}

/* True: answered, if there is somebody to answer. */
static bool
turned_away(const WnSupervisor *self, WnControlCall *call)
{
    if (self->state != WN_SUPERVISOR_STOPPING)
        return false;
    if (call != NULL)
        wn_control_answer(call, WN_EXIT_NO, g_string_new("winnowd stops\n"));
    return true;
}

void
wn_supervisor_reload(WnSupervisor *self, WnControlCall *call)
{
    if (turned_away(self, call)
        || wn_candidate_answer_other(self->candidate, call))
        return;
    if (call != NULL)
        g_ptr_array_add(self->reload_waiting, call);
    self->reload_wanted = true;
    if (self->state == WN_SUPERVISOR_RUNNING && self->old->len < OLD_MAX)
        begin_check(self);
}

void
wn_supervisor_sync(WnSupervisor *self, WnControlCall *call, bool force)
{
    if (turned_away(self, call))
        return;
    wn_sync_request_add(self->sync, call, force);
    if (self->state == WN_SUPERVISOR_RUNNING)
        wn_sync_request_send(self->sync, self->current);
}

static void
refuse_next(WnSupervisor *self, const char *problem)
{
    WnPublished published = wn_generation_published(self->next);

    /* Its winnow-smtp may have taken sessions already. */
    wn_generation_retire(move_to_old(self, &self->next));
    /* What it published belongs to the configuration that is refused. */
    if (published.generation > 0)
        wn_generation_sync(self->current, 0, false);
    refuse(self, problem);
}

static void
hurry_oldest(WnSupervisor *self)
{
    if (self->old->len >= OLD_MAX)
        wn_generation_drain(self->old->pdata[0], HURRY_MS);
}

static void
switch_to_next(WnSupervisor *self)
{
    WnGeneration *before = move_to_old(self, &self->current);
    const WnConfig *config;

    wn_generation_retire(before);
    self->current = g_steal_pointer(&self->next);
    wn_generation_take_queue(self->current, before, QUEUE_DRAIN_MS);
    config = wn_generation_config(self->current);
    wn_ports_keep_only(self->ports, config);
    wn_log_set_format(config->log_json ? WN_LOG_JSON : WN_LOG_TEXT);
    hurry_oldest(self);
    enter(self, WN_SUPERVISOR_SWITCHING, SWITCHING_MAX_MS);
}

static void
finish_reload(WnSupervisor *self, WnExit exit, const char *note)
{
    uint64_t number = wn_generation_number(self->current);
    g_autofree char *text = g_strdup_printf("generation %" G_GUINT64_FORMAT
                                            " serves%s\n",
        number, note);

    wn_supervisor_log_reload("applied", number,
        exit == WN_EXIT_OK ? NULL : text);
    wn_notify("READY=1");
    wn_control_answer_all(self->reload_calls, exit, text);
    settle(self);
}

static void
announce(WnSupervisor *self)
{
    WnPublished published = wn_generation_published(self->current);

    self->announced = true;
    wn_metric_set(self->ready_metric, 1);
    wn_supervisor_log_ready(&published);
    wn_notify("READY=1");
}

static void
on_complete(WnSupervisor *self, WnGeneration *generation)
{
    if (generation == self->next) {
        switch_to_next(self);
        return;
    }
    if (generation != self->current)
        return;
    if (!self->announced)
        announce(self);
    wn_sync_request_complete(self->sync, generation);
    if (self->state == WN_SUPERVISOR_SWITCHING)
        finish_reload(self, WN_EXIT_OK, "");
}

static void
on_gone(WnSupervisor *self, WnGeneration *generation)
{
    if (!g_ptr_array_remove(self->old, generation))
        return;
    wn_generation_free(generation);
    if (self->state == WN_SUPERVISOR_STOPPING)
        on_stopping(self);
    else if (self->state == WN_SUPERVISOR_RUNNING)
        settle(self);
}

static void
on_changed(void *user, WnGeneration *generation)
{
    WnSupervisor *self = user;

    if (wn_generation_state(generation) == WN_GENERATION_COMPLETE)
        on_complete(self, generation);
    else if (wn_generation_state(generation) == WN_GENERATION_GONE)
        on_gone(self, generation);
}

/* What a winnow-smtp that was killed has left in the gauge is wiped out. */
static void
correct_connections(WnSupervisor *self)
{
    int64_t sum = wn_generation_sessions(self->current)
                  + wn_generation_sessions(self->next);

    for (guint i = 0; i < self->old->len; i++)
        sum += wn_generation_sessions(self->old->pdata[i]);
    wn_metric_set(self->connections_metric, sum);
}

static void
on_ended(void *user, WnMember *member, const char *why)
{
    WnSupervisor *self = user;

    if (member->sessions > 0)
        correct_connections(self);
    if (self->state == WN_SUPERVISOR_OPENING
        && member->generation == self->next) {
        g_autofree char *end = wn_process_end_text(member->process, why);

        /* Where nothing runs yet, a filter that dies at its start must not
         * stop all mail: it is tried until it is switched off. */
        if (self->current != NULL || !wn_process_has_culprit(member->process))
            refuse_next(self, end);
    } else if (member->kind == WN_KIND_SYNC
               && member->generation == self->current) {
        wn_sync_request_fail(self->sync, "winnow-sync has ended\n");
    } else if (self->state == WN_SUPERVISOR_STOPPING) {
        on_stopping(self);
    }
}

static void
on_synced(void *user, WnGeneration *generation, uint32_t serial,
    const char *problem)
{
    WnSupervisor *self = user;

    if (generation != self->current)
        return;
    wn_sync_request_synced(self->sync, generation, serial, problem);
    if (wn_generation_state(generation) == WN_GENERATION_COMPLETE)
        wn_sync_request_complete(self->sync, generation);
}

static void
on_deadline(void *user)
{
    WnSupervisor *self = user;

    switch (self->state) {
    case WN_SUPERVISOR_CHECKING:
    case WN_SUPERVISOR_RUNNING:
        break; /* without a deadline */
    case WN_SUPERVISOR_OPENING:
        refuse_next(self, "the new programs are not ready in time\n");
        break;
    case WN_SUPERVISOR_SWITCHING:
        finish_reload(self, WN_EXIT_NO, ", but winnow-queue is not ready yet");
        break;
    case WN_SUPERVISOR_STOPPING:
        wn_remark(WN_LEVEL_WARNING, "stopping takes too long, killing");
        end(self, EXIT_SUCCESS);
        break;
    }
}

static void
open_shared_memory(WnSupervisor *self)
{
    self->metrics_fd = wn_metrics_create();
    self->filter_metrics_fd = wn_metrics_create();
    self->limits_fd = wn_known_limits_create();
    if (self->metrics_fd < 0 || self->filter_metrics_fd < 0
        || self->limits_fd < 0 || !wn_metrics_attach(self->metrics_fd)
        || !wn_metrics_watch(self->filter_metrics_fd))
        g_error("cannot make shared memory: %s", g_strerror(errno));
    self->ready_metric = wn_metrics_gauge("winnow_ready", NULL,
        "1 while every program has been ready and a snapshot is in use.");
    self->connections_metric = wn_metrics_gauge("winnow_connections", NULL,
        "SMTP connections that are open.");
}

WnSupervisor *
wn_supervisor_new(WnLoop *loop, const char *config_path)
{
    WnSupervisor *self = g_new0(WnSupervisor, 1);

    self->loop = loop;
    self->config_path = g_canonicalize_filename(config_path, NULL);
    self->began_ms = wn_clock_mono_ms();
    self->ports = wn_ports_new();
    self->sync = wn_sync_request_new(loop);
    self->old = g_ptr_array_new();
    self->reload_calls = g_ptr_array_new();
    self->reload_waiting = g_ptr_array_new();
    self->stop_calls = g_ptr_array_new();
    wn_timer_init(&self->deadline, loop, on_deadline, self);
    wn_port_wait_init(&self->port_wait, loop, open_config, self);
    open_shared_memory(self);
    begin_check(self);
    return self;
}

void
wn_supervisor_free(WnSupervisor *self)
{
    if (self == NULL)
        return;
    wn_loop_defer_cancel(self->loop, self);
    wn_timer_clear(&self->deadline);
    wn_port_wait_clear(&self->port_wait);
    wn_candidate_free(self->candidate);
    wn_generation_free(self->current);
    wn_generation_free(self->next);
    for (guint i = 0; i < self->old->len; i++)
        wn_generation_free(self->old->pdata[i]);
    g_ptr_array_unref(self->old);
    wn_sync_request_free(self->sync);
    g_ptr_array_unref(self->reload_calls);
    g_ptr_array_unref(self->reload_waiting);
    g_ptr_array_unref(self->stop_calls);
    wn_control_server_free(self->control);
    wn_ports_free(self->ports);
    wn_fd_close(self->metrics_fd);
    wn_fd_close(self->filter_metrics_fd);
    wn_fd_close(self->limits_fd);
    wn_shared_file_close(&self->shared);
    wn_history_file_close(&self->history);
    g_free(self->config_path);
    g_free(self);
}

int
wn_supervisor_exit_status(const WnSupervisor *self)
{
    return self->exit_status;
}

void
wn_supervisor_view(const WnSupervisor *self, WnSupervisorView *out_view)
{
    *out_view = (WnSupervisorView){ .state = self->state,
        .uptime_ms = wn_clock_mono_ms() - self->began_ms,
        .current = self->current,
        .next = self->next,
        .old = self->old };
}
