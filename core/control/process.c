/* SPDX-License-Identifier: MIT */
#include "core/control/process.h"

#include "core/base/clock.h"
#include "core/base/fd.h"
#include "core/base/log.h"
#include "core/base/metrics.h"
#include "core/base/spawn.h"
#include "core/base/wire.h"
#include "core/event/reaper.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

/* After its channel has closed a program has nothing left to do. */
#define SILENT_MAX_MS (5 * 1000)

/* How often a program is looked at whose plugins may hang. */
#define LOOK_MS 250

struct WnProcess {
    WnProcessSpec spec;
    WnProcessState state;
    char *path;
    WnReaper reaper;
    pid_t pid; /* 0: does not run */
    WnChannel *channel;
    WnScoreboard *board; /* NULL: it was never started */
    WnTimer look;        /* at the board */
    WnTimer due;         /* WAITING, NEW: to start; else: to kill */
    WnDeferred tell_gone;
    int64_t backoff_ms;
    int64_t ready_ms;      /* when it became ready; 0: it did not */
    bool late;             /* killed because it took too long to start or end */
    bool slain;            /* ended by a SIGKILL */
    unsigned seen_version; /* of the board, and since when it is so */
    int64_t seen_ms;
    int64_t due_at_ms; /* of due */
    WnRights rights;   /* as it has told */
    int64_t drain_until_ms;
    int64_t drain_ms; /* RETIRING: for draining, when that comes */
    unsigned restarts;
    WnMetric *restarts_metric; /* of all processes of this program */
};

static void
enter(WnProcess *self, WnProcessState state, int64_t due_ms)
{
    self->state = state;
    self->due_at_ms = wn_clock_mono_ms() + due_ms;
    if (due_ms >= 0)
        wn_timer_set(&self->due, due_ms);
    else
        wn_timer_unset(&self->due);
}

static bool
is_leaving(const WnProcess *self)
{
    return self->state == WN_PROCESS_RETIRING
           || self->state == WN_PROCESS_DRAINING;
}

/* Something that a plugin has broken may show later. */
static void
log_last(const WnProcess *self, WnEvent *event)
{
    WnScore score;

    if (self->spec.runs_plugins && self->board != NULL && !is_leaving(self)
        && wn_scoreboard_last(self->board, &score))
        wn_event_str(event, "last_filter", score.filter);
}

static void
log_end(const WnProcess *self, const char *why)
{
    WnEvent event;

    wn_event_begin(&event, is_leaving(self) ? WN_LEVEL_DEBUG : WN_LEVEL_WARNING,
        "process_ended");
    wn_event_str(&event, "name", self->spec.program);
    wn_event_int(&event, "slot", self->spec.slot);
    wn_event_int(&event, "child", self->pid);
    wn_event_str(&event, "why", why);
    log_last(self, &event);
    if (!is_leaving(self))
        wn_event_int(&event, "again_in_ms", self->backoff_ms);
    wn_event_end(&event);
}

static void
count_restart(WnProcess *self)
{
    self->restarts++;
    wn_metric_add(self->restarts_metric, 1);
}

/* A filter that brings its program down is switched off before long; until
 * then, one bad message must not keep all others waiting. */
static void
reset_backoff(WnProcess *self)
{
    WnScore score;

    if (self->ready_ms > 0
        && (wn_clock_mono_ms() - self->ready_ms >= WN_PROCESS_STABLE_MS
            || wn_process_blame(self, &score)))
        self->backoff_ms = WN_PROCESS_BACKOFF_MIN_MS;
}

static void
after_end(WnProcess *self, const char *why)
{
    wn_timer_unset(&self->look);
    g_clear_pointer(&self->channel, wn_channel_free);
    reset_backoff(self);
    self->ready_ms = 0;
    log_end(self, why);
    self->pid = 0;
    if (is_leaving(self)) {
        enter(self, WN_PROCESS_GONE, -1);
    } else {
        enter(self, WN_PROCESS_WAITING, self->backoff_ms);
        self->backoff_ms = MIN(self->backoff_ms * 2, WN_PROCESS_BACKOFF_MAX_MS);
    }
    self->spec.handler->ended(self->spec.user, self, why);
}

static void
on_reaped(void *user, int status)
{
    WnProcess *self = user;
    g_autofree char *why = wn_reaper_describe(status);

    self->slain = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    after_end(self, why);
}

static void
note_rights(WnProcess *self, WnSpan payload)
{
    WnReader reader = wn_reader(payload);
    WnRights rights = { .landlock = wn_read_u32(&reader),
        .calls = wn_read_u8(&reader) };

    if (wn_reader_done(&reader))
        self->rights = rights;
}

static void
on_message(void *user, uint16_t type, WnSpan payload, int take_fd)
{
    WnProcess *self = user;

    wn_fd_close(take_fd);
    if (type != WN_CHILD_READY) {
        self->spec.handler->message(self->spec.user, self, type, payload);
        return;
    }
    if (self->state != WN_PROCESS_STARTING)
        return;
    note_rights(self, payload);
    self->ready_ms = wn_clock_mono_ms();
    enter(self, WN_PROCESS_READY, -1);
    self->spec.handler->ready(self->spec.user, self);
}

/* What stands there is the program's word; that it does not change is not.  A
 * board that nobody could have been writing for so long is one gone wild. */
static bool
is_hanging(WnProcess *self, WnScore *out)
{
    unsigned version = wn_scoreboard_version(self->board);
    bool running = wn_scoreboard_get(self->board, out);
    int64_t now = wn_clock_mono_ms();
    int64_t since;

    if (version != self->seen_version) {
        self->seen_version = version;
        self->seen_ms = now;
    }
    since = running ? MIN(out->began_ms, self->seen_ms) : self->seen_ms;
    return (running || version % 2 != 0)
           && now - since
                  > self->spec.handler->hook_max_ms(self->spec.user, out);
}

static void
on_look(void *user)
{
    WnProcess *self = user;
    WnScore score;

    wn_timer_set(&self->look, LOOK_MS);
    if (!is_hanging(self, &score))
        return;
    wn_remark(WN_LEVEL_ERROR, "%s (%d): filter %s hangs, killed",
        self->spec.program, (int)self->pid, score.filter);
    wn_timer_unset(&self->look);
    wn_reaper_kill(&self->reaper, SIGKILL);
}

static void
on_closed(void *user)
{
    WnProcess *self = user;

    if (self->state != WN_PROCESS_DRAINING)
        wn_timer_set(&self->due, SILENT_MAX_MS);
    /* The reaper tells of the end; the channel goes with it. */
}

typedef struct Handing {
    const char *option;
    int fd; /* -1: none, and no option */
} Handing;

/* Each of them under the number that follows its option; the end of argv. */
static const char **
hand_over(WnSpawn *spawn, const Handing *handings, size_t n, const char **argv)
{
    static const char *const numbers[] = { "3", "4", "5", "6", "7", "8", "9",
        "10" };

    G_STATIC_ASSERT(WN_SPAWN_FIRST_FD == 3); /* the first number */
    G_STATIC_ASSERT(G_N_ELEMENTS(numbers) == WN_SPAWN_FDS_MAX);
    for (size_t i = 0; i < n; i++) {
        if (handings[i].fd < 0)
            continue;
        *argv++ = handings[i].option;
        *argv++ = numbers[spawn->n_fds];
        spawn->fds[spawn->n_fds++] = handings[i].fd;
    }
    return argv;
}

static bool
run(WnProcess *self, int supervisor_fd, int board_fd, GError **error)
{
    const Handing handings[] = { { "--supervisor", supervisor_fd },
        { "--config", self->spec.config_fd },
        { "--metrics", self->spec.metrics_fd }, { "--scoreboard", board_fd },
        { "--watched", self->spec.watched_fd },
        { "--counts", self->spec.counts_fd },
        { "--limits", self->spec.limits_fd },
        { "--shared", self->spec.shared_fd },
        { "--history", self->spec.history_fd } };
    char slot[16];
    const char *argv[6 + 2 * G_N_ELEMENTS(handings)] = { self->spec.program,
        "-c", self->spec.config_path, "--slot", slot };
    WnSpawn spawn = { .path = self->path, .argv = argv, .output_fd = -1 };
    pid_t pid;

    *hand_over(&spawn, handings, G_N_ELEMENTS(handings), argv + 5) = NULL;
    g_snprintf(slot, sizeof(slot), "%u", self->spec.slot);
    pid = wn_spawn(&spawn, error);
    if (pid < 0)
        return false;
    self->pid = pid;
    self->late = self->slain = false;
    self->rights = (WnRights){ 0 };
    wn_reaper_init(&self->reaper, self->spec.loop, pid, on_reaped, self);
    return true;
}

/* The one before told of the process before. */
static int
renew_board(WnProcess *self)
{
    wn_autofd fd = wn_scoreboard_create();

    g_clear_pointer(&self->board, wn_scoreboard_free);
    if (fd < 0)
        return -1;
    self->board = wn_scoreboard_attach(fd);
    self->seen_version = 0;
    self->seen_ms = wn_clock_mono_ms();
    return self->board != NULL ? wn_fd_steal(&fd) : -1;
}

static void
start(WnProcess *self)
{
    g_autoptr(GError) error = NULL;
    wn_autofd ours = -1;
    wn_autofd theirs = -1;
    wn_autofd board_fd = -1;
    int ends[2];

    if (self->state == WN_PROCESS_WAITING)
        count_restart(self);
    board_fd = renew_board(self);
    if (board_fd < 0 || !wn_channel_pair(ends)) {
        after_end(self, g_strerror(errno));
        return;
    }
    ours = ends[0];
    theirs = ends[1];
    if (!run(self, theirs, board_fd, &error)) {
        after_end(self, error->message);
        return;
    }
    self->channel = wn_channel_new(self->spec.loop, wn_fd_steal(&ours),
        on_message, on_closed, self);
    enter(self, WN_PROCESS_STARTING, WN_PROCESS_START_MAX_MS);
    if (self->spec.runs_plugins)
        wn_timer_set(&self->look, LOOK_MS);
    self->spec.handler->started(self->spec.user, self);
}

static void
begin_drain(WnProcess *self, int64_t max_ms)
{
    self->drain_until_ms = wn_clock_mono_ms() + max_ms;
    enter(self, WN_PROCESS_DRAINING, max_ms);
    wn_process_send(self, WN_CHILD_DRAIN, WN_SPAN_EMPTY, -1);
}

static void
on_due(void *user)
{
    WnProcess *self = user;

    switch (self->state) {
    case WN_PROCESS_NEW:
    case WN_PROCESS_WAITING:
        start(self);
        break;
    case WN_PROCESS_RETIRING:
        begin_drain(self, self->drain_ms);
        break;
    case WN_PROCESS_STARTING:
    case WN_PROCESS_READY:
    case WN_PROCESS_DRAINING:
        wn_remark(WN_LEVEL_WARNING, "%s (%d) takes too long, killed",
            self->spec.program, (int)self->pid);
        self->late = true;
        wn_reaper_kill(&self->reaper, SIGKILL);
        break;
    case WN_PROCESS_GONE:
        break;
    }
}

static void
on_tell_gone(void *user)
{
    WnProcess *self = user;

    self->spec.handler->ended(self->spec.user, self, "not running");
}

WnProcess *
wn_process_new(const WnProcessSpec *spec)
{
    WnProcess *self = g_new0(WnProcess, 1);
    g_autofree char *labels = g_strdup_printf("program=\"%s\"", spec->program);

    self->spec = *spec;
    self->restarts_metric = wn_metrics_counter("winnow_process_restarts_total",
        labels, "Programs that ended by themselves and were started again.");
    self->path = wn_program_path(spec->program);
    self->backoff_ms = WN_PROCESS_BACKOFF_MIN_MS;
    wn_timer_init(&self->due, spec->loop, on_due, self);
    wn_timer_init(&self->look, spec->loop, on_look, self);
    wn_deferred_init(&self->tell_gone, spec->loop, on_tell_gone, self);
    enter(self, WN_PROCESS_NEW, 0);
    return self;
}

void
wn_process_free(WnProcess *self)
{
    if (self == NULL)
        return;
    wn_deferred_unset(&self->tell_gone);
    wn_timer_clear(&self->due);
    wn_timer_clear(&self->look);
    g_clear_pointer(&self->channel, wn_channel_free);
    wn_reaper_clear(&self->reaper);
    wn_scoreboard_free(self->board);
    g_free(self->path);
    g_free(self);
}

void
wn_process_retire(WnProcess *self, int64_t soft_ms, int64_t max_ms)
{
    if (self->state != WN_PROCESS_READY) {
        wn_process_drain(self, max_ms); /* it serves nobody */
        return;
    }
    self->drain_ms = max_ms;
    enter(self, WN_PROCESS_RETIRING, soft_ms);
    wn_process_send(self, WN_CHILD_RETIRE, WN_SPAN_EMPTY, -1);
}

void
wn_process_drain(WnProcess *self, int64_t max_ms)
{
    int64_t until_ms = wn_clock_mono_ms() + max_ms;

    switch (self->state) {
    case WN_PROCESS_NEW:
    case WN_PROCESS_WAITING:
        enter(self, WN_PROCESS_GONE, -1);
        wn_deferred_soon(&self->tell_gone);
        break;
    case WN_PROCESS_STARTING:
    case WN_PROCESS_READY:
    case WN_PROCESS_RETIRING:
        begin_drain(self, max_ms);
        break;
    case WN_PROCESS_DRAINING:
        if (until_ms >= self->drain_until_ms)
            break;
        self->drain_until_ms = until_ms;
        enter(self, WN_PROCESS_DRAINING, max_ms);
        break;
    case WN_PROCESS_GONE:
        break;
    }
}

void
wn_process_use_config(WnProcess *self, int config_fd)
{
    self->spec.config_fd = config_fd;
    self->backoff_ms = WN_PROCESS_BACKOFF_MIN_MS;
    if (self->state == WN_PROCESS_WAITING)
        enter(self, WN_PROCESS_WAITING, self->backoff_ms);
}

void
wn_process_adopt(WnProcess *self, const WnProcessSpec *spec)
{
    self->spec = *spec;
    wn_process_use_config(self, spec->config_fd);
}

bool
wn_process_blame(const WnProcess *self, WnScore *out)
{
    return !self->late && self->board != NULL
           && wn_scoreboard_get_ended(self->board, out);
}

bool
wn_process_suspect(const WnProcess *self, WnScore *out)
{
    return self->state == WN_PROCESS_WAITING && !self->late && !self->slain
           && self->board != NULL && !wn_process_blame(self, out)
           && (wn_scoreboard_starter(self->board, out)
               || wn_scoreboard_last(self->board, out));
}

bool
wn_process_has_culprit(const WnProcess *self)
{
    WnScore score;

    return wn_process_blame(self, &score);
}

char *
wn_process_end_text(const WnProcess *self, const char *why)
{
    WnScore score;

    if (!wn_process_blame(self, &score))
        return g_strdup_printf("%s %s before all was ready\n",
            self->spec.program, why);
    return g_strdup_printf("%s %s before all was ready: filter %s, %s\n",
        self->spec.program, why, score.filter, score.hook);
}

bool
wn_process_waits(const WnProcess *self, WnScore *out_last, int64_t *out_ms)
{
    *out_last = (WnScore){ 0 };
    if (self->state != WN_PROCESS_WAITING)
        return false;
    if (self->spec.runs_plugins && self->board != NULL)
        wn_scoreboard_last(self->board, out_last);
    *out_ms = MAX(0, self->due_at_ms - wn_clock_mono_ms());
    return true;
}

WnRights
wn_process_rights(const WnProcess *self)
{
    return self->rights;
}

void
wn_process_send(WnProcess *self, uint16_t type, WnSpan payload, int pass_fd)
{
    if (self->channel != NULL)
        wn_channel_send(self->channel, type, payload, pass_fd);
}

bool
wn_process_runs(const WnProcess *self)
{
    return self->channel != NULL;
}

WnProcessState
wn_process_state(const WnProcess *self)
{
    return self->state;
}

const char *
wn_process_state_name(WnProcessState state)
{
    static const char *const names[] = { "new", "starting", "ready", "waiting",
        "retiring", "draining", "gone" };

    return names[state];
}

const char *
wn_process_program(const WnProcess *self)
{
    return self->spec.program;
}

unsigned
wn_process_slot(const WnProcess *self)
{
    return self->spec.slot;
}

int
wn_process_pid(const WnProcess *self)
{
    return self->pid;
}

unsigned
wn_process_restarts(const WnProcess *self)
{
    return self->restarts;
}
