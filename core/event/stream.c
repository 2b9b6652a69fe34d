/* SPDX-License-Identifier: MIT */
#include "core/event/stream.h"

#include "core/base/fd.h"
#include "core/event/transport.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* Buffer memory an idle stream keeps. */
#define KEEP_BYTES 4096

/*
 * CONNECTING --finish_connect--> OPEN --start_tls--> STARTING
 *                                  ^                     | begin_handshake
 *                                  +--step_handshake-- HANDSHAKE
 * any --fail, then tell_failure--> CLOSED
 * any --finish--> LINGERING --linger_step--> freed
 *
 * STARTING writes the plain bytes that were there when TLS was asked for;
 * what is written after that waits for OPEN.
 */
typedef enum { CONNECTING, OPEN, STARTING, HANDSHAKE, LINGERING, CLOSED } State;

struct WnStream {
    WnLoop *loop;
    State state;
    WnTransport transport;
    WnWatch watch;
    WnDeferred soon;   /* flush, and what must not be told at once */
    WnDeferred ending; /* while LINGERING: nobody else frees it */
    WnTimer linger;
    WnBuffer input;
    WnBuffer output;
    size_t plain_left; /* STARTING: output that goes out before TLS */
    WnStreamFn fn;
    void *user;
    unsigned busy;   /* handlers on the stack that still use self */
    bool freed;      /* the last of them frees self */
    bool reading;    /* what set_reading said */
    bool ended;      /* END was told */
    bool waiting;    /* the kernel did not take all output */
    bool drained;    /* DRAINED is to be told */
    bool resume;     /* TLS may hold input that no readiness announces */
    bool failed;     /* ERROR is to be told, or was */
    bool last_read;  /* before ERROR, read what the peer still said */
    bool discarding; /* LINGERING: output is out, input is thrown away */
};

static void
enter(WnStream *self, State state)
{
    self->state = state;
}

static void
release(WnStream *self)
{
    wn_deferred_unset(&self->soon);
    wn_deferred_unset(&self->ending);
    wn_timer_clear(&self->linger);
    wn_watch_clear(&self->watch);
    wn_transport_clear(&self->transport);
    wn_buffer_clear(&self->input);
    wn_buffer_clear(&self->output);
    enter(self, CLOSED);
    self->freed = true;
}

static void
leave(WnStream *self)
{
    self->busy--;
    if (self->busy == 0 && self->freed)
        g_free(self);
}

static void
emit(WnStream *self, WnStreamEvent event)
{
    if (self->fn != NULL)
        self->fn(self->user, self, event);
}

static bool
is_live(const WnStream *self)
{
    return !self->freed && !self->failed;
}

static bool
can_read(const WnStream *self)
{
    return self->state == OPEN && self->reading && !self->ended && !self->failed
           && wn_buffer_len(&self->input) < WN_STREAM_INPUT_MAX;
}

/* Read readiness is given up only when it fires unwanted: most pauses are
 * over before the peer sends more, and then cost no system call. */
static unsigned
wanted(const WnStream *self)
{
    unsigned waits = self->waiting ? self->transport.write_waits : 0;
    unsigned kept = self->watch.wanted & WN_WATCH_READ;

    if (self->failed)
        return WN_WATCH_NONE;
    switch (self->state) {
    case CONNECTING:
        return WN_WATCH_WRITE;
    case OPEN:
        if (can_read(self))
            return waits | self->transport.read_waits;
        return self->ended ? waits : waits | kept;
    case STARTING:
        return waits | kept;
    case HANDSHAKE:
        return self->transport.read_waits;
    case LINGERING:
        return self->discarding ? WN_WATCH_READ : waits;
    case CLOSED:
        break;
    }
    return WN_WATCH_NONE;
}

static void
update_watch(WnStream *self)
{
    if (!self->freed)
        wn_watch_set(&self->watch, wanted(self));
}

static void
fail(WnStream *self)
{
    self->failed = true;
    update_watch(self);
    wn_deferred_soon(&self->soon);
}

/* Writes what the kernel takes.  Calls nothing back: it may run inside a
 * callback. */
static void
push(WnStream *self)
{
    WnSpan bytes = wn_buffer_peek(&self->output);
    size_t taken;
    WnIo io;

    if (self->state == STARTING)
        bytes.len = self->plain_left;
    else if (self->state != OPEN && self->state != LINGERING)
        return;
    if (bytes.len == 0 || self->failed)
        return;
    io = wn_transport_write(&self->transport, bytes, &taken);
    wn_buffer_consume(&self->output, taken);
    self->plain_left -= MIN(taken, self->plain_left);
    if (io == WN_IO_FAILED) {
        self->last_read = true;
        fail(self);
        return;
    }
    if (io == WN_IO_DONE) {
        self->drained = self->waiting || self->drained;
        wn_buffer_shrink(&self->output, KEEP_BYTES);
        if (self->waiting)
            wn_deferred_soon(&self->soon);
    }
    self->waiting = io == WN_IO_AGAIN;
    update_watch(self);
}

static void
read_input(WnStream *self)
{
    size_t max = WN_STREAM_INPUT_MAX - wn_buffer_len(&self->input);
    size_t len;
    WnIo io = wn_transport_read(&self->transport, &self->input, max,
        wn_loop_scratch(self->loop), &len);

    if (io == WN_IO_END)
        self->ended = true;
    if (len > 0)
        emit(self, WN_STREAM_INPUT);
    if (self->freed || self->state != OPEN)
        return;
    if (io == WN_IO_END)
        emit(self, WN_STREAM_END);
    else if (io == WN_IO_FAILED)
        fail(self);
}

static void
finish_connect(WnStream *self)
{
    if (!wn_transport_is_connected(&self->transport)) {
        fail(self);
        return;
    }
    enter(self, OPEN);
    wn_deferred_soon(&self->soon);
    emit(self, WN_STREAM_CONNECTED);
}

static void
step_handshake(WnStream *self)
{
    switch (wn_transport_handshake(&self->transport)) {
    case WN_IO_DONE:
        enter(self, OPEN);
        self->resume = true;
        wn_deferred_soon(&self->soon);
        emit(self, WN_STREAM_SECURED);
        return;
    case WN_IO_AGAIN:
        return;
    case WN_IO_END:
    case WN_IO_FAILED:
        fail(self);
    }
}

/* Throws away what comes.  Bounded by the socket's buffer per turn and by the
 * linger timer altogether. */
static void
discard(WnStream *self)
{
    ssize_t n = recv(self->transport.fd, wn_loop_scratch(self->loop),
        WN_LOOP_SCRATCH, MSG_DONTWAIT);

    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        release(self);
}

/* Closing while unread input waits would make the kernel send a reset, which
 * takes the last reply away from the peer. */
static void
linger_step(WnStream *self)
{
    int unread = 0;

    if (self->failed) {
        release(self);
        return;
    }
    if (self->discarding || wn_buffer_len(&self->output) > 0)
        return;
    wn_transport_goodbye(&self->transport);
    if (self->ended || ioctl(self->transport.fd, FIONREAD, &unread) < 0
        || unread == 0 || shutdown(self->transport.fd, SHUT_WR) < 0) {
        release(self);
        return;
    }
    self->discarding = true;
    update_watch(self);
}

static void
tell_failure(WnStream *self)
{
    size_t max = WN_STREAM_INPUT_MAX - wn_buffer_len(&self->input);
    size_t len = 0;

    /* A peer that refuses and closes has often said why. */
    if (self->last_read && self->state == OPEN && self->reading && max > 0) {
        char error[WN_TRANSPORT_ERROR_MAX];

        g_strlcpy(error, self->transport.error, sizeof(error));
        wn_transport_read(&self->transport, &self->input, max,
            wn_loop_scratch(self->loop), &len);
        g_strlcpy(self->transport.error, error, sizeof(error));
    }
    if (len > 0)
        emit(self, WN_STREAM_INPUT);
    if (self->freed)
        return;
    enter(self, CLOSED);
    emit(self, WN_STREAM_ERROR);
}

static void
io_ready(WnStream *self, unsigned ready)
{
    if (self->waiting && (ready & self->transport.write_waits))
        push(self);
    if (self->state != OPEN || !(ready & self->transport.read_waits))
        return;
    if (can_read(self))
        read_input(self);
}

static void
on_ready(void *user, int fd, unsigned ready)
{
    WnStream *self = user;

    (void)fd;
    self->busy++;
    switch (self->state) {
    case CONNECTING:
        finish_connect(self);
        break;
    case HANDSHAKE:
        step_handshake(self);
        break;
    case OPEN:
    case STARTING:
        io_ready(self, ready);
        /* Level-triggered: readiness that nobody uses must go. */
        if (!self->freed && !can_read(self) && (ready & WN_WATCH_READ))
            wn_watch_set(&self->watch,
                self->watch.wanted & ~(unsigned)WN_WATCH_READ);
        break;
    case LINGERING:
        if (self->discarding)
            discard(self);
        else
            push(self);
        break;
    case CLOSED:
        break;
    }
    if (self->state == LINGERING)
        linger_step(self);
    update_watch(self);
    leave(self);
}

static void
begin_handshake(WnStream *self)
{
    enter(self, HANDSHAKE);
    step_handshake(self);
}

static void
work(WnStream *self)
{
    if (self->failed) {
        if (self->state != CLOSED)
            tell_failure(self);
        return;
    }
    if (self->state == STARTING && self->plain_left == 0)
        begin_handshake(self);
    if (self->resume && is_live(self) && can_read(self)) {
        self->resume = false;
        if (wn_transport_has_pending(&self->transport))
            read_input(self);
    }
    if (self->drained && is_live(self)) {
        self->drained = false;
        if (wn_buffer_len(&self->output) == 0)
            emit(self, WN_STREAM_DRAINED);
    }
    if (!self->waiting && is_live(self))
        push(self);
}

static void
on_soon(void *user)
{
    WnStream *self = user;

    self->busy++;
    if (self->state != LINGERING)
        work(self);
    else if (!self->waiting)
        push(self);
    if (self->state == LINGERING)
        linger_step(self);
    update_watch(self);
    leave(self);
}

static WnStream *
stream_new(WnLoop *loop, int take_fd, State state, WnStreamFn fn, void *user)
{
    WnStream *self = g_new0(WnStream, 1);
    int on = 1;

    self->loop = loop;
    self->fn = fn;
    self->user = user;
    self->reading = true;
    enter(self, state);
    /* Fails on Unix sockets, which do not delay anyway. */
    setsockopt(take_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    wn_transport_init(&self->transport, take_fd);
    wn_watch_init(&self->watch, loop, take_fd, on_ready, self);
    wn_deferred_init(&self->soon, loop, on_soon, self);
    wn_buffer_init(&self->input);
    wn_buffer_init(&self->output);
    return self;
}

WnStream *
wn_stream_new(WnLoop *loop, int take_fd, WnStreamFn fn, void *user)
{
    WnStream *self = stream_new(loop, take_fd, OPEN, fn, user);

    if (!wn_fd_set_nonblocking(take_fd)) {
        wn_transport_fail(&self->transport, "non-blocking mode", errno);
        fail(self);
    }
    update_watch(self);
    return self;
}

WnStream *
wn_stream_connect(WnLoop *loop, const WnNetaddr *to, const WnNetaddr *source,
    WnStreamFn fn, void *user, GError **error)
{
    int fd = wn_transport_socket(to, source, error);
    WnStream *self;

    if (fd < 0)
        return NULL;
    self = stream_new(loop, fd, CONNECTING, fn, user);
    if (wn_transport_connect(&self->transport, to) == WN_IO_FAILED)
        fail(self);
    update_watch(self);
    return self;
}

void
wn_stream_free(WnStream *self)
{
    if (self == NULL || self->freed)
        return;
    self->busy++;
    release(self);
    leave(self);
}

static void
on_linger_over(void *user)
{
    wn_stream_free(user);
}

void
wn_stream_finish(WnStream *self, int64_t linger_ms)
{
    self->busy++;
    self->fn = NULL;
    if (!self->waiting)
        push(self);
    if (self->state != OPEN || self->failed || linger_ms <= 0) {
        release(self);
        leave(self);
        return;
    }
    enter(self, LINGERING);
    wn_deferred_init(&self->ending, self->loop, on_linger_over, self);
    wn_deferred_at_end(&self->ending);
    wn_timer_init(&self->linger, self->loop, on_linger_over, self);
    wn_timer_set(&self->linger, linger_ms);
    linger_step(self);
    update_watch(self);
    leave(self);
}

WnSpan
wn_stream_peek(const WnStream *self)
{
    return wn_buffer_peek(&self->input);
}

/* Asks for readiness again, and looks into TLS, after a pause. */
static void
resume_reading(WnStream *self)
{
    if (!can_read(self))
        return;
    update_watch(self);
    if (self->transport.secure) {
        self->resume = true;
        wn_deferred_soon(&self->soon);
    }
}

void
wn_stream_consume(WnStream *self, size_t len)
{
    bool was_full = wn_buffer_len(&self->input) >= WN_STREAM_INPUT_MAX;

    wn_buffer_consume(&self->input, len);
    if (wn_buffer_len(&self->input) == 0)
        wn_buffer_shrink(&self->input, KEEP_BYTES);
    if (was_full && len > 0)
        resume_reading(self);
}

void
wn_stream_set_reading(WnStream *self, bool on)
{
    if (self->reading == on)
        return;
    self->reading = on;
    if (on)
        resume_reading(self);
}

void
wn_stream_write(WnStream *self, WnSpan bytes)
{
    if (self->failed || bytes.len == 0)
        return;
    wn_buffer_append(&self->output, bytes);
    if (!self->waiting)
        wn_deferred_soon(&self->soon);
}

size_t
wn_stream_pending(const WnStream *self)
{
    return wn_buffer_len(&self->output);
}

void
wn_stream_flush(WnStream *self)
{
    push(self);
}

static void
start_tls(WnStream *self, SSL_CTX *context, WnTlsRole role,
    const WnTlsPeer *peer)
{
    g_assert(self->transport.ssl == NULL);
    if (self->failed)
        return;
    g_assert(self->state == OPEN && wn_buffer_len(&self->input) == 0);
    if (!wn_transport_prepare_tls(&self->transport, context, role, peer)) {
        fail(self);
        return;
    }
    push(self);
    if (self->failed)
        return;
    enter(self, STARTING);
    self->plain_left = wn_buffer_len(&self->output);
    wn_deferred_soon(&self->soon);
}

void
wn_stream_start_tls(WnStream *self, SSL_CTX *context, WnTlsRole role,
    const char *name, bool verify)
{
    start_tls(self, context, role,
        &(WnTlsPeer){ .name = name, .verify = verify });
}

void
wn_stream_connect_tls(WnStream *self, SSL_CTX *context, const WnTlsPeer *peer)
{
    start_tls(self, context, WN_TLS_CONNECT, peer);
}

bool
wn_stream_is_tls(const WnStream *self)
{
    return self->transport.secure && self->state != HANDSHAKE;
}

SSL *
wn_stream_get_ssl(const WnStream *self)
{
    return self->transport.ssl;
}

const char *
wn_stream_error(const WnStream *self)
{
    return self->transport.error;
}

int
wn_stream_get_fd(const WnStream *self)
{
    return self->transport.fd;
}
