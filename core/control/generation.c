/* SPDX-License-Identifier: MIT */
#include "core/control/generation_private.h"

#include "core/base/clock.h"
#include "core/base/fd.h"
#include "core/base/log.h"
#include "core/base/shared_counts.h"
#include "core/base/wire.h"

#include <errno.h>
#include <sys/stat.h>

#define END_MAX_MS (10 * 1000) /* for those that have nothing to finish */

static const char *const program_of_kind[] = {
    [WN_KIND_SYNC] = "winnow-sync",
    [WN_KIND_QUEUE] = "winnow-queue",
    [WN_KIND_SMTP] = "winnow-smtp",
    [WN_KIND_FILTER] = "winnow-filter",
};

static bool
reads_snapshot(const WnMember *member)
{
    return member->kind == WN_KIND_SMTP || member->kind == WN_KIND_QUEUE;
}

static bool
is_gone(const WnMember *member)
{
    return wn_process_state(member->process) == WN_PROCESS_GONE;
}

static bool
member_is_ready(const WnMember *member)
{
    uint64_t published = member->generation->published.generation;

    if (wn_process_state(member->process) != WN_PROCESS_READY)
        return false;
    return !reads_snapshot(member)
           || (published > 0 && member->using >= published);
}

static WnGenerationState
state_now(const WnGeneration *self)
{
    bool all_gone = true;
    bool all_ready = self->has_pairs;

    for (guint i = 0; i < self->members->len; i++) {
        const WnMember *member = self->members->pdata[i];

        all_gone = all_gone && is_gone(member);
        all_ready = all_ready && member_is_ready(member);
    }
    if (self->state == WN_GENERATION_DRAINING)
        return all_gone ? WN_GENERATION_GONE : WN_GENERATION_DRAINING;
    return all_ready ? WN_GENERATION_COMPLETE : WN_GENERATION_STARTING;
}

static void
update(WnGeneration *self)
{
    WnGenerationState state;

    if (self->state == WN_GENERATION_GONE)
        return;
    state = state_now(self);
    if (state == self->state)
        return;
    self->state = state;
    self->spec.handler->changed(self->spec.user, self);
}

static void
send_u64(WnMember *member, uint16_t type, uint64_t value)
{
    g_auto(WnWriter) writer;

    wn_writer_init(&writer);
    wn_write_u64(&writer, value);
    wn_process_send(member->process, type, wn_writer_span(&writer), -1);
}

static void
send_port(WnMember *member, const WnNetaddr *address)
{
    g_auto(WnWriter) writer;
    char text[WN_NETADDR_TEXT_MAX];
    int fd = wn_ports_find(member->generation->spec.ports, address);

    if (fd < 0)
        return;
    wn_netaddr_format_port(address, text);
    wn_writer_init(&writer);
    wn_write_bytes(&writer, wn_span_str(text));
    wn_process_send(member->process, WN_CHILD_LISTEN, wn_writer_span(&writer),
        fd);
}

static void
send_ports(WnMember *member)
{
    const WnConfig *config = member->generation->config;

    if (member->kind == WN_KIND_SYNC && config->metrics.len > 0)
        send_port(member, &config->metrics);
    if (member->kind != WN_KIND_SMTP)
        return;
    for (guint i = 0; i < config->listen->len; i++)
        send_port(member, &g_array_index(config->listen, WnNetaddr, i));
}

/* Whichever of a pair is started last brings the channel for both. */
static void
join_pair(WnMember *member)
{
    wn_autofd one = -1;
    wn_autofd other = -1;
    int ends[2];

    if (member->partner == NULL || !wn_process_runs(member->partner->process))
        return;
    if (!wn_channel_pair(ends)) {
        wn_remark(WN_LEVEL_ERROR, "no channel for %s: %s",
            wn_process_program(member->process), g_strerror(errno));
        return; /* requests go unanswered until one of the two starts anew */
    }
    one = ends[0];
    other = ends[1];
    wn_process_send(member->process, WN_CHILD_FILTER, WN_SPAN_EMPTY, one);
    wn_process_send(member->partner->process, WN_CHILD_FILTER, WN_SPAN_EMPTY,
        other);
}

static void
on_started(void *user, WnProcess *process)
{
    WnMember *member = user;

    send_ports(member);
    if (wn_member_runs_plugins(member))
        wn_faults_tell(member->generation->faults, process);
    join_pair(member);
    wn_process_send(member->process, WN_CHILD_START, WN_SPAN_EMPTY, -1);
}

static void
broadcast_snapshot(WnGeneration *self)
{
    for (guint i = 0; i < self->members->len; i++) {
        WnMember *member = self->members->pdata[i];

        if (member->kind != WN_KIND_SYNC)
            send_u64(member, WN_CHILD_SNAPSHOT, self->published.generation);
    }
}

static WnMember *add_member(WnGeneration *self, WnKind kind, unsigned slot);

static void
start_pairs(WnGeneration *self)
{
    if (self->has_pairs)
        return;
    self->has_pairs = true;
    for (unsigned slot = 0; slot < self->config->workers; slot++) {
        WnMember *smtp = add_member(self, WN_KIND_SMTP, slot);

        if (self->config->isolation == WN_ISOLATION_NONE)
            continue;
        smtp->partner = add_member(self, WN_KIND_FILTER, slot);
        smtp->partner->partner = smtp;
    }
}

static void
on_ready(void *user, WnProcess *process)
{
    WnMember *member = user;

    (void)process;
    if (member->kind == WN_KIND_SYNC
        && member->generation->state != WN_GENERATION_DRAINING)
        start_pairs(member->generation);
    update(member->generation);
}

static int
make_counts(const WnConfig *config, GError **error)
{
    int fd = wn_shared_counts_create(MAX(config->workers, 1));

    if (fd < 0)
        wn_fd_set_error(error, errno, "make a table of connections for",
            config->path);
    return fd;
}

static void
on_ended(void *user, WnProcess *process, const char *why)
{
    WnMember *member = user;
    WnGeneration *self = member->generation;

    (void)process;
    /* Sessions that are being finished need their filter until the last. */
    if (member->kind == WN_KIND_SMTP && is_gone(member)
        && member->partner != NULL)
        wn_process_drain(member->partner->process, END_MAX_MS);
    wn_member_note_fault(member, why);
    self->spec.handler->ended(self->spec.user, member, why);
    member->using = 0;
    member->sessions = 0;
    update(self);
}

/* After a rollback, a newer snapshot is not the one that is asked for. */
static void
forget_newer(WnGeneration *self)
{
    for (guint i = 0; i < self->members->len; i++)
        ((WnMember *)self->members->pdata[i])->using = 0;
}

static void
note_published(WnGeneration *self, WnReader *reader)
{
    uint32_t serial = wn_read_u32(reader);
    uint64_t generation = wn_read_u64(reader);
    uint32_t n_domains = wn_read_u32(reader);

    if (!wn_reader_done(reader))
        return;
    if (generation < self->published.generation)
        forget_newer(self);
    self->published = (WnPublished){ generation, n_domains };
    broadcast_snapshot(self);
    update(self);
    self->spec.handler->synced(self->spec.user, self, serial, NULL);
}

static void
note_sync_failed(WnGeneration *self, WnReader *reader)
{
    uint32_t serial = wn_read_u32(reader);
    g_autofree char *problem = wn_span_dup(wn_read_bytes(reader));

    if (wn_reader_done(reader))
        self->spec.handler->synced(self->spec.user, self, serial, problem);
}

static void
on_message(void *user, WnProcess *process, uint16_t type, WnSpan payload)
{
    WnMember *member = user;
    WnReader reader = wn_reader(payload);

    (void)process;
    if (type == WN_CHILD_PUBLISHED && member->kind == WN_KIND_SYNC)
        note_published(member->generation, &reader);
    else if (type == WN_CHILD_SYNC_FAILED && member->kind == WN_KIND_SYNC)
        note_sync_failed(member->generation, &reader);
    else if (type == WN_CHILD_SOURCE && member->kind == WN_KIND_SYNC)
        wn_settings_report_read(&member->generation->settings, &reader);
    else if (type == WN_CHILD_USING && reads_snapshot(member))
        member->using = wn_read_u64(&reader);
    else if (type == WN_CHILD_SESSIONS && member->kind == WN_KIND_SMTP)
        member->sessions = wn_read_u32(&reader);
    update(member->generation);
}

static const WnProcessHandler process_handler = {
    .started = on_started,
    .ready = on_ready,
    .ended = on_ended,
    .message = on_message,
    .hook_max_ms = wn_member_hook_max_ms,
};

static WnProcessSpec
process_spec(const WnGeneration *self, WnMember *member, unsigned slot)
{
    WnKind kind = member->kind;
    WnProcessSpec spec = { .loop = self->spec.loop,
        .program = program_of_kind[kind],
        .slot = slot,
        .config_path = self->config->path,
        .config_fd = self->config_fd,
        .metrics_fd = kind == WN_KIND_FILTER ? self->spec.filter_metrics_fd
                                             : self->spec.metrics_fd,
        .watched_fd = kind == WN_KIND_SYNC ? self->spec.filter_metrics_fd : -1,
        .counts_fd = kind == WN_KIND_SMTP ? self->counts_fd : -1,
        .handler = &process_handler,
        .user = member };

    spec.runs_plugins = wn_member_runs_plugins(member);
    spec.limits_fd = reads_snapshot(member) ? self->spec.limits_fd : -1;
    spec.history_fd = reads_snapshot(member) ? self->spec.history_fd : -1;
    spec.shared_fd = spec.runs_plugins ? self->spec.shared_fd : -1;
    return spec;
}

static WnMember *
add_member(WnGeneration *self, WnKind kind, unsigned slot)
{
    WnMember *member = g_new0(WnMember, 1);
    WnProcessSpec spec;

    member->generation = self;
    member->kind = kind;
    spec = process_spec(self, member, slot);
    member->process = wn_process_new(&spec);
    g_ptr_array_add(self->members, member);
    return member;
}

static void
member_free(void *data)
{
    WnMember *member = data;

    wn_process_free(member->process);
    g_free(member);
}

WnGeneration *
wn_generation_new(const WnGenerationSpec *spec, WnConfig *take_config,
    WnStart how, GError **error)
{
    g_autoptr(WnConfig) config = take_config;
    wn_autofd config_fd = wn_generation_seal_config(config, error);
    wn_autofd counts_fd = config_fd >= 0 ? make_counts(config, error) : -1;
    WnGeneration *self;

    if (counts_fd < 0)
        return NULL;
    self = g_new0(WnGeneration, 1);
    self->spec = *spec;
    self->spec.history_fd = wn_fd_dup(spec->history_fd);
    self->config = g_steal_pointer(&config);
    self->config_fd = wn_fd_steal(&config_fd);
    self->counts_fd = wn_fd_steal(&counts_fd);
    self->plugin_config_fd = -1;
    self->faults = wn_faults_new();
    self->members = g_ptr_array_new_with_free_func(member_free);
    add_member(self, WN_KIND_SYNC, 0);
    if (how == WN_START_ALL)
        start_pairs(self);
    return self;
}

void
wn_generation_free(WnGeneration *self)
{
    if (self == NULL)
        return;
    g_ptr_array_unref(self->members);
    wn_config_free(self->config);
    wn_fd_close(self->config_fd);
    wn_fd_close(self->plugin_config_fd);
    wn_fd_close(self->counts_fd);
    wn_fd_close(self->spec.history_fd);
    wn_faults_free(self->faults);
    wn_settings_report_clear(&self->settings);
    g_free(self);
}

void
wn_generation_start_queue(WnGeneration *self)
{
    add_member(self, WN_KIND_QUEUE, 0);
    if (self->state == WN_GENERATION_COMPLETE)
        self->state = WN_GENERATION_STARTING; /* the caller knows */
}

static bool
is_same_file(int a, int b)
{
    struct stat of_a, of_b;

    if (a < 0 || b < 0)
        return a < 0 && b < 0;
    return fstat(a, &of_a) == 0 && fstat(b, &of_b) == 0
           && of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino;
}

/* Its rights, its folders, its user, the file of its history and where it asks
 * names are made once for a process. */
static bool
queue_may_stay(const WnGeneration *self, const WnGeneration *other)
{
    const WnConfig *config = self->config, *before = other->config;

    return g_strcmp0(config->path, before->path) == 0
           && g_strcmp0(config->spool, before->spool) == 0
           && g_strcmp0(config->state, before->state) == 0
           && g_strcmp0(config->run, before->run) == 0
           && g_strcmp0(config->user, before->user) == 0
           && g_strcmp0(config->dns_servers, before->dns_servers) == 0
           && config->sandbox == before->sandbox
           && config->history == before->history
           && is_same_file(self->spec.history_fd, other->spec.history_fd);
}

static WnMember *
steal_queue(WnGeneration *self)
{
    for (guint i = 0; i < self->members->len; i++) {
        WnMember *member = self->members->pdata[i];

        if (member->kind == WN_KIND_QUEUE && !is_gone(member))
            return g_ptr_array_steal_index(self->members, i);
    }
    return NULL;
}

static void
adopt_queue(WnGeneration *self, WnMember *queue)
{
    WnProcessSpec spec = process_spec(self, queue, 0);

    queue->generation = self;
    queue->using = 0;
    g_ptr_array_add(self->members, queue);
    wn_process_adopt(queue->process, &spec);
    wn_process_send(queue->process, WN_CHILD_CONFIG, WN_SPAN_EMPTY,
        self->config_fd);
    send_u64(queue, WN_CHILD_SNAPSHOT, self->published.generation);
    if (self->state == WN_GENERATION_COMPLETE)
        self->state = WN_GENERATION_STARTING; /* the caller knows */
}

void
wn_generation_take_queue(WnGeneration *self, WnGeneration *other,
    int64_t drain_ms)
{
    WnMember *queue = NULL;

    if (queue_may_stay(self, other))
        queue = steal_queue(other);
    if (queue != NULL) {
        adopt_queue(self, queue);
        return;
    }
    wn_generation_drain_queue(other, drain_ms);
    wn_generation_start_queue(self);
}

void
wn_generation_sync(WnGeneration *self, uint32_t serial, bool force)
{
    g_auto(WnWriter) writer;
    WnMember *sync = self->members->pdata[0];

    wn_writer_init(&writer);
    wn_write_u32(&writer, serial);
    wn_write_u8(&writer, force);
    wn_process_send(sync->process, WN_CHILD_SYNC, wn_writer_span(&writer), -1);
}

/* retire_ms 0: without retiring first. */
static void
let_go(WnGeneration *self, int64_t retire_ms, int64_t drain_ms)
{
    if (self->state == WN_GENERATION_GONE)
        return;
    self->state = WN_GENERATION_DRAINING;
    for (guint i = 0; i < self->members->len; i++) {
        WnMember *member = self->members->pdata[i];

        if (member->kind == WN_KIND_SYNC)
            wn_process_drain(member->process, END_MAX_MS);
        else if (member->kind == WN_KIND_SMTP && retire_ms > 0)
            wn_process_retire(member->process, retire_ms, drain_ms);
        else if (member->kind == WN_KIND_SMTP)
            wn_process_drain(member->process, drain_ms);
    }
}

void
wn_generation_retire(WnGeneration *self)
{
    let_go(self, WN_RETIRE_MAX_MS, WN_DRAIN_MAX_MS);
}

void
wn_generation_drain(WnGeneration *self, int64_t max_ms)
{
    let_go(self, 0, max_ms);
}

void
wn_generation_drain_queue(WnGeneration *self, int64_t max_ms)
{
    for (guint i = 0; i < self->members->len; i++) {
        WnMember *member = self->members->pdata[i];

        if (member->kind == WN_KIND_QUEUE)
            wn_process_drain(member->process, max_ms);
    }
}

bool
wn_generation_has_smtp(const WnGeneration *self)
{
    for (guint i = 0; i < self->members->len; i++) {
        const WnMember *member = self->members->pdata[i];

        if (member->kind == WN_KIND_SMTP && !is_gone(member))
            return true;
    }
    return false;
}

int64_t
wn_generation_sessions(const WnGeneration *self)
{
    int64_t sum = 0;

    for (guint i = 0; self != NULL && i < self->members->len; i++) {
        const WnMember *member = self->members->pdata[i];

        if (wn_process_runs(member->process))
            sum += member->sessions;
    }
    return sum;
}

uint64_t
wn_generation_number(const WnGeneration *self)
{
    return self->spec.number;
}

WnGenerationState
wn_generation_state(const WnGeneration *self)
{
    return self->state;
}

const char *
wn_generation_state_name(WnGenerationState state)
{
    static const char *const names[] = { "starting", "complete", "draining",
        "gone" };

    return names[state];
}

const WnConfig *
wn_generation_config(const WnGeneration *self)
{
    return self->config;
}

const WnSettingsReport *
wn_generation_settings(const WnGeneration *self)
{
    return &self->settings;
}

WnPublished
wn_generation_published(const WnGeneration *self)
{
    return self->published;
}

const WnFaults *
wn_generation_faults(const WnGeneration *self)
{
    return self->faults;
}

const GPtrArray *
wn_generation_members(const WnGeneration *self)
{
    return self->members;
}
