/* SPDX-License-Identifier: MIT */
#include "core/sync/source.h"

#include "core/base/clock.h"
#include "core/base/fd.h"
#include "core/base/log.h"
#include "core/base/wire.h"
#include "core/event/reaper.h"
#include "core/sync/source_message.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define LOOK_MAX_MS (100 * 1000)
#define BACKOFF_MIN_MS 500
#define BACKOFF_MAX_MS (30 * 1000)

typedef enum { DOWN, IDLE, LOOKING } State;

struct WnSource {
    WnLoop *loop;
    const WnConfig *config;
    char *program;
    int config_fd;

    State state;
    WnChannel *channel; /* NULL: DOWN */
    WnReaper reaper;
    WnTimer timer; /* the end of a back-off, the next look, or a deadline */
    int64_t backoff_ms;
    bool late;       /* it is being killed for that */
    bool again;      /* another look follows this one */
    WnLookMode mode; /* of that */
    int64_t next_expiry;
    uint64_t generation;
    char *problems; /* NULL: nothing to tell */

    WnSourceState last;
    char *host, *error, *remark;
    WnSourceFn fn;
    void *user;
};

static void start(WnSource *self);

/*
 * State
 */

static int64_t
idle_ms(const WnSource *self)
{
    int64_t left_ms;

    if (self->next_expiry == G_MAXINT64)
        return self->config->interval_ms;
    left_ms = (self->next_expiry - wn_clock_unix()) * 1000 + 500;
    return CLAMP(left_ms, 500, self->config->interval_ms);
}

static void
enter(WnSource *self, State state)
{
    self->state = state;
    switch (state) {
    case DOWN:
        wn_timer_set(&self->timer, self->backoff_ms);
        break;
    case IDLE:
        wn_timer_set(&self->timer, idle_ms(self));
        break;
    case LOOKING:
        wn_timer_set(&self->timer, LOOK_MAX_MS);
        break;
    }
}

static void
send_problems(WnSource *self)
{
    g_auto(WnWriter) writer;

    if (self->channel == NULL || self->problems == NULL)
        return;
    wn_writer_init(&writer);
    wn_write_bytes(&writer, wn_span_str(self->problems));
    wn_channel_send(self->channel, WN_SOURCE_PROBLEMS, wn_writer_span(&writer),
        -1);
}

static void
send_look(WnSource *self)
{
    g_auto(WnWriter) writer;

    wn_writer_init(&writer);
    wn_write_u8(&writer, self->mode == WN_LOOK_FORCED);
    wn_write_u64(&writer, self->generation);
    wn_channel_send(self->channel, WN_SOURCE_LOOK, wn_writer_span(&writer), -1);
    self->mode = WN_LOOK_NORMAL;
    self->last.asked = self->again;
    self->again = false;
    enter(self, LOOKING);
}

/* Logged when it becomes another, not with every look. */
static void
note_text(char **member, const char *text, WnLevel level)
{
    if (strcmp(*member, text) == 0)
        return;
    g_free(*member);
    *member = g_strdup(text);
    if (text[0] != '\0')
        wn_remark(level, "settings database: %s", text);
}

static void
note_up(WnSource *self, bool up)
{
    if (up && !self->last.up)
        wn_remark(WN_LEVEL_INFO, "settings database: %s answers", self->host);
    self->last.up = up;
}

static void
tell(WnSource *self, bool changed)
{
    self->last.host = self->host;
    self->last.error = self->error;
    self->fn(self->user, &self->last, changed);
}

static void
look_failed(WnSource *self, const char *why)
{
    note_up(self, false);
    note_text(&self->error, why, WN_LEVEL_ERROR);
    tell(self, false);
}

/*
 * Messages
 */

static bool
read_found(WnSource *self, WnReader *reader, bool *out_changed)
{
    bool changed = wn_read_u8(reader) != 0;
    g_autofree char *host = wn_span_dup(wn_read_bytes(reader));
    uint64_t revision = wn_read_u64(reader);
    uint32_t n_domains = wn_read_u32(reader);
    uint64_t next_expiry = wn_read_u64(reader);
    g_autofree char *remark = wn_span_dup(wn_read_bytes(reader));

    if (!wn_reader_done(reader))
        return false;
    g_free(self->host);
    self->host = g_steal_pointer(&host);
    self->last.revision = revision;
    self->last.n_domains = n_domains;
    self->last.succeeded = wn_clock_unix();
    self->next_expiry = (int64_t)MIN(next_expiry, G_MAXINT64);
    note_text(&self->remark, remark, WN_LEVEL_WARNING);
    *out_changed = changed;
    return true;
}

static void
answered(WnSource *self)
{
    self->backoff_ms = BACKOFF_MIN_MS;
    enter(self, IDLE);
}

static void
take_answer(WnSource *self, uint16_t type, WnReader *reader)
{
    bool changed = false;

    answered(self);
    if (type == WN_SOURCE_FOUND && read_found(self, reader, &changed)) {
        note_up(self, true);
        note_text(&self->error, "", WN_LEVEL_ERROR);
        enter(self, IDLE); /* the next expiry is known now */
        tell(self, changed);
    } else {
        g_autofree char *why = wn_span_dup(wn_read_bytes(reader));

        look_failed(self, why);
    }
    if (self->again && self->state == IDLE)
        send_look(self);
}

static void
on_message(void *user, uint16_t type, WnSpan payload, int take_fd)
{
    WnSource *self = user;
    WnReader reader = wn_reader(payload);

    wn_fd_close(take_fd);
    if (type == WN_SOURCE_REMARK) {
        g_autofree char *text = wn_span_dup(wn_read_bytes(&reader));

        wn_remark(WN_LEVEL_WARNING, "settings database: %s", text);
    } else if (self->state == LOOKING
               && (type == WN_SOURCE_FOUND || type == WN_SOURCE_FAILED)) {
        take_answer(self, type, &reader);
    }
}

/* The reaper tells what has become of the process. */
static void
on_closed(void *user)
{
    WnSource *self = user;

    wn_reaper_kill(&self->reaper, SIGKILL);
}

/*
 * The process
 */

static void
go_down(WnSource *self, const char *why)
{
    bool looking = self->state == LOOKING;

    g_clear_pointer(&self->channel, wn_channel_free);
    self->late = false;
    enter(self, DOWN);
    self->backoff_ms = MIN(self->backoff_ms * 2, BACKOFF_MAX_MS);
    if (looking)
        look_failed(self, why);
    else
        wn_remark(WN_LEVEL_ERROR, "settings database: %s", why);
}

static void
on_ended(void *user, int status)
{
    WnSource *self = user;
    g_autofree char *how = wn_reaper_describe(status);
    g_autofree char *why = self->late
                               ? g_strdup("no answer in time, whatever was "
                                          "tried")
                               : g_strconcat("the reader ", how, NULL);

    go_down(self, why);
}

static pid_t
spawn(WnSource *self, int fd, GError **error)
{
    const char *const argv[] = { "winnow-sync", "--read-database", NULL };
    WnSpawn spec = { .path = self->program,
        .argv = argv,
        .fds = { fd, self->config_fd },
        .n_fds = 2,
        .output_fd = -1 };

    return wn_spawn(&spec, error);
}

static void
start(WnSource *self)
{
    g_autoptr(GError) error = NULL;
    int fds[2] = { -1, -1 };
    pid_t pid = -1;

    if (wn_channel_pair(fds))
        pid = spawn(self, fds[1], &error);
    wn_fd_close(fds[1]);
    if (pid < 0) {
        wn_fd_close(fds[0]);
        enter(self, LOOKING);
        go_down(self, error != NULL ? error->message : g_strerror(errno));
        return;
    }
    wn_reaper_init(&self->reaper, self->loop, pid, on_ended, self);
    self->channel = wn_channel_new(self->loop, fds[0], on_message, on_closed,
        self);
    send_look(self);
    send_problems(self);
}

static void
on_timer(void *user)
{
    WnSource *self = user;

    switch (self->state) {
    case DOWN:
        start(self);
        break;
    case IDLE:
        send_look(self);
        break;
    case LOOKING:
        self->late = true;
        wn_reaper_kill(&self->reaper, SIGKILL);
        break;
    }
}

WnSource *
wn_source_new(WnLoop *loop, const WnConfig *config, const char *program,
    int config_fd)
{
    WnSource *self = g_new0(WnSource, 1);

    self->loop = loop;
    self->config = config;
    self->program = g_strdup(program);
    self->config_fd = config_fd;
    self->backoff_ms = BACKOFF_MIN_MS;
    self->next_expiry = G_MAXINT64;
    self->host = g_strdup("");
    self->error = g_strdup("");
    self->remark = g_strdup("");
    self->last.host = self->host;
    self->last.error = self->error;
    wn_timer_init(&self->timer, loop, on_timer, self);
    return self;
}

void
wn_source_free(WnSource *self)
{
    if (self == NULL)
        return;
    wn_timer_clear(&self->timer);
    g_clear_pointer(&self->channel, wn_channel_free);
    wn_reaper_clear(&self->reaper);
    g_free(self->program);
    g_free(self->problems);
    g_free(self->host);
    g_free(self->error);
    g_free(self->remark);
    g_free(self);
}

void
wn_source_start(WnSource *self, WnSourceFn fn, void *user)
{
    self->fn = fn;
    self->user = user;
    wn_timer_set(&self->timer, 0);
}

void
wn_source_look(WnSource *self, WnLookMode mode)
{
    if (mode == WN_LOOK_FORCED)
        self->mode = mode;
    self->again = true;
    if (self->state != LOOKING)
        wn_timer_set(&self->timer, 0);
}

void
wn_source_set_generation(WnSource *self, uint64_t generation)
{
    self->generation = generation;
}

void
wn_source_set_problems(WnSource *self, const char *lines)
{
    g_autofree char *bounded = g_strndup(lines, WN_SOURCE_TEXT_MAX);

    if (g_strcmp0(self->problems, bounded) == 0)
        return;
    g_free(self->problems);
    self->problems = g_steal_pointer(&bounded);
    send_problems(self);
}

const WnSourceState *
wn_source_state(const WnSource *self)
{
    return &self->last;
}
