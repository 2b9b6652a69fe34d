/* SPDX-License-Identifier: MIT */

/*
 * winnow-queue: delivers what the journal holds.
 *
 * May: read segments, append outcomes and its own segment of bounces, read the
 * published snapshot, connect to customers' servers, ask DNS.  Loads no plugin,
 * reads no content.  Listens on run/queue (workers tell what is durable) and
 * run/queue-control (winnowctl).
 *
 * Exactly one process may work on a spool, or mail would go out twice: it holds
 * spool/queue.lock.  A successor waits for the lock, then begins.
 *
 *    START -> waits for the lock -> READY -> delivering -> DRAIN -> nothing is
 *    under way -> exit
 *
 * A reload brings another configuration to the process that is there (CONFIG):
 * a server may take minutes for the reply to a message, and to end before would
 * send it again.
 */

#include "core/base/clock.h"
#include "core/base/fd.h"
#include "core/base/log.h"
#include "core/control/child.h"
#include "core/control/control.h"
#include "core/event/listener.h"
#include "core/programs/queue_commands.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>

#define DNS_TIMEOUT_MS 10000
#define LOCK_RETRY_MS 20
#define DRAIN_MS 10000
#define LOCK_PATIENCE_MS (DRAIN_MS + 2000)

typedef struct QueueProgram {
    WnChild child;
    WnResolver *resolver;
    WnQueue *queue;
    WnKnownLimits *limits; /* NULL: not handed over */
    int lock_fd;
    WnTimer lock_retry;
    int64_t lock_since_ms; /* the wait for it began, or was last told of */
    WnListener *listener;  /* run/queue */
    GHashTable *workers;   /* Worker, set */
    WnControlServer *control;
} QueueProgram;

typedef struct Worker {
    QueueProgram *program;
    WnChannel *channel;
} Worker;

static void
worker_free(void *data)
{
    Worker *worker = data;

    wn_channel_free(worker->channel);
    g_free(worker);
}

static void
on_worker_closed(void *user)
{
    Worker *worker = user;

    g_hash_table_remove(worker->program->workers, worker);
}

static void
on_worker_message(void *user, uint16_t type, WnSpan payload, int take_fd)
{
    Worker *worker = user;
    WnReader reader = wn_reader(payload);
    g_autofree char *segment = NULL;
    uint64_t durable;
    bool sealed;

    wn_fd_close(take_fd);
    segment = wn_span_dup(wn_read_bytes(&reader));
    durable = wn_read_u64(&reader);
    sealed = wn_read_u8(&reader) != 0;
    if (type != WN_QUEUE_DURABLE || !wn_reader_done(&reader)) {
        wn_remark(WN_LEVEL_ERROR, "malformed message from a worker");
        return;
    }
    wn_queue_durable(worker->program->queue, segment, durable, sealed);
}

static void
on_worker(void *user, int take_fd, const WnNetaddr *peer)
{
    QueueProgram *self = user;
    Worker *worker = g_new0(Worker, 1);

    (void)peer;
    worker->program = self;
    worker->channel = wn_channel_new(self->child.loop, take_fd,
        on_worker_message, on_worker_closed, worker);
    g_hash_table_add(self->workers, worker);
}

static void
on_control(void *user, WnControlCall *call, const char *const *words)
{
    QueueProgram *self = user;

    wn_queue_run_command(self->queue, words, call);
}

static bool
listen_for_workers(QueueProgram *self, GError **error)
{
    const char *run = self->child.config->run;
    g_autofree char *path = g_build_filename(run, WN_QUEUE_SOCKET, NULL);
    g_autofree char *control = g_build_filename(run, WN_QUEUE_CONTROL_SOCKET,
        NULL);
    int fd = wn_listener_bind_unix(path, SOCK_SEQPACKET, error);

    if (fd < 0)
        return false;
    self->listener = wn_listener_new(self->child.loop, fd, NULL, on_worker,
        self);
    self->control = wn_control_server_new(self->child.loop, control, on_control,
        self, error);
    if (self->control == NULL)
        return false;
    wn_control_server_refuse_below(self->control, getppid());
    return true;
}

static void
use_current_snapshot(QueueProgram *self)
{
    g_autoptr(WnSnapshot) snapshot = wn_child_open_snapshot(&self->child);

    if (snapshot == NULL)
        return;
    wn_queue_set_snapshot(self->queue, snapshot);
    wn_child_using(&self->child, wn_snapshot_generation(snapshot));
}

static void
give_up(QueueProgram *self, const char *why)
{
    wn_remark(WN_LEVEL_ERROR, "cannot start: %s", why);
    wn_loop_stop(self->child.loop);
}

/* The spool is ours from here on. */
static void
begin(QueueProgram *self)
{
    g_autoptr(GError) error = NULL;

    self->queue = wn_queue_new(self->child.loop, self->child.config,
        self->resolver, &error);
    if (self->queue == NULL || !listen_for_workers(self, &error)) {
        give_up(self, error->message);
        return;
    }
    wn_queue_set_limits(self->queue, self->limits);
    wn_queue_reserve_space(self->queue);
    use_current_snapshot(self);
    wn_queue_start(self->queue);
    wn_child_ready(&self->child);
}

/* A predecessor is gone soon: a lock that stays is somebody else's. */
static void
wait_for_lock(QueueProgram *self)
{
    int64_t now_ms = wn_clock_mono_ms();

    if (now_ms - self->lock_since_ms >= LOCK_PATIENCE_MS) {
        self->lock_since_ms = now_ms;
        wn_remark(WN_LEVEL_ERROR,
            "cannot deliver: another winnow-queue works on spool %s; end the "
            "winnowd that it belongs to, or give each a spool of its own",
            self->child.config->spool);
    }
    wn_timer_set(&self->lock_retry, LOCK_RETRY_MS);
}

static void
try_lock(void *user)
{
    QueueProgram *self = user;

    if (flock(self->lock_fd, LOCK_EX | LOCK_NB) == 0)
        begin(self);
    else if (errno == EWOULDBLOCK || errno == EINTR)
        wait_for_lock(self);
    else
        give_up(self, g_strerror(errno));
}

static void
start(QueueProgram *self)
{
    g_autofree char *path = g_build_filename(self->child.config->spool,
        "queue.lock", NULL);

    self->lock_since_ms = wn_clock_mono_ms();
    self->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (self->lock_fd < 0)
        give_up(self, g_strerror(errno));
    else
        try_lock(self);
}

/* Without it the program ends, and the next one begins with it. */
static void
change_config(QueueProgram *self, int take_fd)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(WnConfig)
        former = wn_child_change_config(&self->child, take_fd, &error);

    if (former == NULL)
        give_up(self, error->message);
    else if (self->queue != NULL)
        wn_queue_use_config(self->queue, self->child.config);
}

static void
on_message(void *user, uint16_t type, WnSpan payload, int take_fd)
{
    QueueProgram *self = user;

    (void)payload;
    if (type == WN_CHILD_CONFIG) {
        change_config(self, take_fd);
        return;
    }
    wn_fd_close(take_fd);
    if (type == WN_CHILD_START)
        start(self);
    else if (type == WN_CHILD_SNAPSHOT && self->queue != NULL)
        use_current_snapshot(self);
}

static void
on_drained(void *user)
{
    QueueProgram *self = user;

    wn_loop_stop(self->child.loop);
}

static void
on_drain(void *user)
{
    QueueProgram *self = user;

    if (self->queue == NULL)
        wn_loop_stop(self->child.loop);
    else
        wn_queue_drain(self->queue, DRAIN_MS, on_drained, self);
}

/* The lock is given back last: whoever waits for it reads finished files. */
static void
clear(QueueProgram *self)
{
    g_clear_pointer(&self->control, wn_control_server_free);
    g_clear_pointer(&self->listener, wn_listener_free);
    g_hash_table_unref(self->workers);
    g_clear_pointer(&self->queue, wn_queue_free);
    g_clear_pointer(&self->limits, wn_known_limits_free);
    g_clear_pointer(&self->resolver, wn_resolver_free);
    wn_timer_clear(&self->lock_retry);
    wn_child_clear(&self->child);
    wn_fd_close(self->lock_fd);
}

int
main(int argc, char **argv)
{
    QueueProgram self = { .lock_fd = -1 };
    g_autoptr(GError) error = NULL;

    wn_child_init(&self.child, "winnow-queue", argc, argv);
    wn_child_confine(&self.child, WN_RIGHTS_QUEUE);
    if (self.child.limits_fd >= 0)
        self.limits = wn_known_limits_new(self.child.limits_fd);
    self.workers = g_hash_table_new_full(NULL, NULL, worker_free, NULL);
    wn_timer_init(&self.lock_retry, self.child.loop, try_lock, &self);
    self.resolver = wn_resolver_new(self.child.loop,
        self.child.config->dns_servers, DNS_TIMEOUT_MS, &error);
    if (self.resolver == NULL)
        wn_remark(WN_LEVEL_ERROR, "no DNS: %s", error->message);
    wn_child_connect(&self.child, on_message, on_drain, &self);
    wn_child_run(&self.child);
    clear(&self);
    return 0;
}
