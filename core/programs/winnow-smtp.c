/* SPDX-License-Identifier: MIT */

/*
 * winnow-smtp: SMTP sessions on one event loop.
 *
 * May: accept on the listening sockets it is handed, append to its own journal
 * segments, read the published snapshot and the TLS key, talk to its
 * winnow-filter and to run/queue.  May not: load a plugin, parse content,
 * reach a database, open a connection to anywhere outside.  With
 * isolation = none the filters run in here, which is the operator's choice.
 *
 *    winnowd: LISTEN, FILTER, START -> accepting -> RETIRE or DRAIN -> no
 * session left -> the journal is sealed -> exit
 */

#include "core/base/fd.h"
#include "core/base/log.h"
#include "core/control/child.h"
#include "core/control/control.h"
#include "core/event/listener.h"
#include "core/filtering/receiver.h"
#include "core/programs/plugin_host.h"

#include <unistd.h>

/* For all filters together: the sum of their times, within these bounds.  A
 * client waits ten minutes for the reply to its message (RFC 5321 §4.5.3.2). */
#define FILTERS_MIN_MS (30 * 1000)
#define FILTERS_MAX_MS (240 * 1000)
#define QUEUE_RETRY_MS 200
#define DRAIN_LOOK_MS 50
#define REPORT_MS 1000

typedef struct Port {
    struct Smtp *smtp;
    char *address;
    WnListener *listener;
} Port;

typedef struct Smtp {
    WnChild child;
    WnReceiver *receiver;
    WnJournal *journal;
    WnFilterClient *filters;
    WnSharedCounts *counts; /* NULL: those of this process alone */
    WnKnownLimits *limits;  /* of the domains' servers; NULL: unknown */
    GPtrArray *ports;       /* Port */
    bool started;

    WnChannel *queue; /* NULL: winnow-queue is not there now */
    WnTimer queue_retry;
    WnTimer drain_look;
    WnTimer report;
    unsigned reported; /* sessions that winnowd knows of */

    WnPluginHost plugins; /* isolation = none */
} Smtp;

static void
port_free(void *data)
{
    Port *port = data;

    g_clear_pointer(&port->listener, wn_listener_free);
    g_free(port->address);
    g_free(port);
}

static void
on_accept(void *user, int take_fd, const WnNetaddr *peer)
{
    Port *port = user;

    wn_receiver_accept(port->smtp->receiver, take_fd, peer, port->address);
}

static void
add_port(Smtp *self, WnSpan payload, int take_fd)
{
    WnReader reader = wn_reader(payload);
    WnSpan address = wn_read_bytes(&reader);
    Port *port = g_new0(Port, 1);

    port->smtp = self;
    port->address = wn_span_dup(address);
    port->listener = wn_listener_new(self->child.loop, take_fd,
        "421 4.3.2 Too many connections\r\n", on_accept, port);
    wn_listener_set_accepting(port->listener, self->started);
    g_ptr_array_add(self->ports, port);
}

static void
tell_queue(Smtp *self, const char *segment, uint64_t durable, bool sealed)
{
    g_auto(WnWriter) writer;

    if (self->queue == NULL)
        return;
    wn_writer_init(&writer);
    wn_write_bytes(&writer, wn_span_str(segment));
    wn_write_u64(&writer, durable);
    wn_write_u8(&writer, sealed);
    wn_channel_send(self->queue, WN_QUEUE_DURABLE, wn_writer_span(&writer), -1);
}

static void
on_durable(void *user, const char *segment, uint64_t durable, bool sealed)
{
    tell_queue(user, segment, durable, sealed);
}

static void
on_queue_message(void *user, uint16_t type, WnSpan payload, int take_fd)
{
    (void)user; /* winnow-queue has nothing to say on this channel */
    (void)type;
    (void)payload;
    wn_fd_close(take_fd);
}

static void
on_queue_closed(void *user)
{
    Smtp *self = user;

    g_clear_pointer(&self->queue, wn_channel_free);
    wn_timer_set(&self->queue_retry, QUEUE_RETRY_MS);
}

/* What was durable while nobody listened is told with the position: the word
 * "durable up to" holds for everything before it. */
static void
dial_queue(void *user)
{
    Smtp *self = user;
    g_autofree char *path = g_build_filename(self->child.config->run,
        WN_QUEUE_SOCKET, NULL);
    int fd = wn_channel_dial(path);
    const char *segment;
    uint64_t durable;

    if (fd < 0) {
        wn_timer_set(&self->queue_retry, QUEUE_RETRY_MS);
        return;
    }
    self->queue = wn_channel_new(self->child.loop, fd, on_queue_message,
        on_queue_closed, self);
    if (wn_journal_position(self->journal, &segment, &durable))
        tell_queue(self, segment, durable, false);
}

static void
use_current_snapshot(Smtp *self)
{
    g_autoptr(WnSnapshot) snapshot = wn_child_open_snapshot(&self->child);

    if (snapshot == NULL)
        return;
    wn_receiver_set_snapshot(self->receiver, snapshot);
    wn_child_using(&self->child, wn_snapshot_generation(snapshot));
}

static void
start(Smtp *self)
{
    self->started = true;
    for (guint i = 0; i < self->ports->len; i++) {
        Port *port = self->ports->pdata[i];

        wn_listener_set_accepting(port->listener, true);
    }
    wn_child_ready(&self->child);
}

/* Told to winnowd: a stop or a reload can say what it waits for, and what a
 * winnow-smtp that was killed had open is taken off the count. */
static void
tell_sessions(Smtp *self)
{
    unsigned n = wn_receiver_n_sessions(self->receiver);
    g_auto(WnWriter) writer;

    if (n == self->reported)
        return;
    self->reported = n;
    wn_writer_init(&writer);
    wn_write_u32(&writer, n);
    wn_channel_send(self->child.supervisor, WN_CHILD_SESSIONS,
        wn_writer_span(&writer), -1);
}

static void
on_report(void *user)
{
    Smtp *self = user;

    tell_sessions(self);
    wn_timer_set(&self->report, REPORT_MS);
}

static void
look_whether_drained(void *user)
{
    Smtp *self = user;

    tell_sessions(self);
    if (wn_receiver_n_sessions(self->receiver) == 0)
        wn_loop_stop(self->child.loop);
    else
        wn_timer_set(&self->drain_look, DRAIN_LOOK_MS);
}

/* Takes nothing new: ends with the last session. */
static void
retire(Smtp *self)
{
    g_ptr_array_set_size(self->ports, 0);
    look_whether_drained(self);
}

static void
on_message(void *user, uint16_t type, WnSpan payload, int take_fd)
{
    Smtp *self = user;

    switch (type) {
    case WN_CHILD_LISTEN:
        add_port(self, payload, take_fd);
        return;
    case WN_CHILD_FILTER:
        wn_filter_client_attach(self->filters, take_fd);
        return;
    case WN_CHILD_SNAPSHOT:
        use_current_snapshot(self);
        break;
    case WN_CHILD_START:
        start(self);
        break;
    case WN_CHILD_RETIRE:
        retire(self);
        break;
    case WN_CHILD_SKIP:
        wn_plugin_host_skip(&self->plugins, payload);
        break;
    default:
        break;
    }
    wn_fd_close(take_fd);
}

static void
on_drain(void *user)
{
    Smtp *self = user;

    wn_receiver_drain(self->receiver);
    retire(self);
}

static int64_t
filters_max_ms(const WnConfig *config)
{
    int64_t sum = 0;

    for (guint i = 0; i < config->filters->len; i++)
        sum += ((const WnFilterConfig *)config->filters->pdata[i])->timeout_ms;
    return CLAMP(sum, FILTERS_MIN_MS, FILTERS_MAX_MS);
}

static void
init(Smtp *self)
{
    const WnConfig *config = self->child.config;
    g_autofree char *worker = g_strdup_printf("s%up%d", self->child.slot,
        (int)getpid());

    self->ports = g_ptr_array_new_with_free_func(port_free);
    wn_timer_init(&self->queue_retry, self->child.loop, dial_queue, self);
    wn_timer_init(&self->drain_look, self->child.loop, look_whether_drained,
        self);
    wn_timer_init(&self->report, self->child.loop, on_report, self);
    self->journal = wn_journal_new(self->child.loop, config->spool, worker,
        on_durable, self);
    self->filters = wn_filter_client_new(self->child.loop,
        filters_max_ms(config));
    if (config->isolation == WN_ISOLATION_NONE) {
        wn_plugin_host_init(&self->plugins, &self->child);
        wn_filter_client_attach_engine(self->filters, self->plugins.engine);
    }
    self->counts = wn_shared_counts_new(self->child.counts_fd,
        self->child.slot);
    if (self->counts == NULL)
        wn_remark(WN_LEVEL_ERROR,
            "connections of a client are counted in this process alone");
    if (self->child.limits_fd >= 0)
        self->limits = wn_known_limits_new(self->child.limits_fd);
    self->receiver = wn_receiver_new(
        &(WnReceiverConfig){ .loop = self->child.loop,
            .config = config,
            .filters = self->filters,
            .journal = self->journal,
            .counts = self->counts,
            .limits = self->limits });
    dial_queue(self);
}

/* The journal last but for the channel that tells of its seal. */
static void
clear(Smtp *self)
{
    g_ptr_array_unref(self->ports);
    wn_receiver_free(self->receiver);
    wn_shared_counts_free(self->counts);
    wn_known_limits_free(self->limits);
    wn_filter_client_free(self->filters);
    wn_plugin_host_clear(&self->plugins);
    wn_journal_free(self->journal);
    g_clear_pointer(&self->queue, wn_channel_free);
    wn_timer_clear(&self->queue_retry);
    wn_timer_clear(&self->drain_look);
    wn_timer_clear(&self->report);
    wn_child_clear(&self->child);
}

int
main(int argc, char **argv)
{
    Smtp self = { 0 };

    wn_child_init(&self.child, "winnow-smtp", argc, argv);
    wn_plugin_host_open(&self.plugins);
    wn_child_confine(&self.child, WN_RIGHTS_SMTP);
    init(&self);
    wn_child_connect(&self.child, on_message, on_drain, &self);
    use_current_snapshot(&self);
    on_report(&self);
    wn_child_run(&self.child);
    clear(&self);
    return 0;
}
