/* SPDX-License-Identifier: MIT */
#include "core/event/channel.h"

#include "core/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

/* Packets read per wakeup, so that one busy peer leaves time for the rest. */
#define RECEIVE_BATCH 64

/* Room in the kernel for several of the largest packets. */
#define SOCKET_BUFFER (2 * 1024 * 1024)

/* The kernel is short of memory, not of room: it will not say when that is
 * over. */
#define RETRY_MS 10

typedef struct Header {
    uint16_t version;
    uint16_t type;
    uint32_t length; /* of the payload */
} Header;

G_STATIC_ASSERT(sizeof(Header) == 8);

#define PACKET_MAX (sizeof(Header) + WN_CHANNEL_MESSAGE_MAX)

/* A packet the kernel did not take. */
typedef struct Queued {
    int fd;
    Header header;
    char payload[];
} Queued;

struct WnChannel {
    WnLoop *loop;
    int fd;
    WnWatch watch;
    WnDeferred tell_closed;
    WnTimer retry;
    GQueue queue; /* of Queued */
    WnChannelFn on_message;
    WnChannelClosedFn on_closed;
    void *user;
    bool mute; /* the peer takes nothing more */
    bool closed;
    bool in_callback;
    bool freed;
    char *packet; /* what was received last; one byte larger than allowed */
};

static void
queued_free(void *data)
{
    Queued *queued = data;

    wn_fd_close(queued->fd);
    g_free(queued);
}

static void
update_watch(WnChannel *self)
{
    unsigned wanted = WN_WATCH_READ;

    if (self->closed)
        wanted = WN_WATCH_NONE;
    else if (!g_queue_is_empty(&self->queue) && !wn_timer_is_set(&self->retry))
        wanted |= WN_WATCH_WRITE;
    wn_watch_set(&self->watch, wanted);
}

/* on_closed runs from the loop: this may happen inside wn_channel_send(). */
static void
shut(WnChannel *self)
{
    if (self->closed)
        return;
    self->closed = true;
    g_queue_clear_full(&self->queue, queued_free);
    wn_timer_unset(&self->retry);
    update_watch(self);
    wn_deferred_soon(&self->tell_closed);
}

static void
on_tell_closed(void *user)
{
    WnChannel *self = user;

    self->on_closed(self->user);
}

/* What the peer sent before it went is still read; the end follows. */
static void
go_mute(WnChannel *self)
{
    self->mute = true;
    g_queue_clear_full(&self->queue, queued_free);
    wn_timer_unset(&self->retry);
    update_watch(self);
    if (shutdown(self->fd, SHUT_RDWR) < 0)
        shut(self);
}

/* One packet with at most one descriptor; 0 or an errno. */
static int
send_packet(int fd, const Header *header, const void *payload, int pass_fd)
{
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int))];
    } control = { 0 };
    Header copy = *header;
    union {
        const void *in;
        void *out;
    } body = { .in = payload };
    struct iovec parts[2] = { { &copy, sizeof(copy) },
        { body.out, header->length } };
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };

    if (pass_fd >= 0) {
        struct cmsghdr *item;

        message.msg_control = control.space;
        message.msg_controllen = sizeof(control.space);
        item = CMSG_FIRSTHDR(&message);
        item->cmsg_level = SOL_SOCKET;
        item->cmsg_type = SCM_RIGHTS;
        item->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(item), &pass_fd, sizeof(pass_fd));
    }
    if (sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
        return 0;
    return errno;
}

typedef enum { TAKEN, NOT_NOW, GONE } Taken;

static Taken
taken_of(WnChannel *self, int error)
{
    switch (error) {
    case 0:
        return TAKEN;
    case EAGAIN:
    case EINTR:
        return NOT_NOW;
    case ENOBUFS:
    case ENOMEM:
    case ETOOMANYREFS: /* too many descriptors on their way */
        wn_timer_set(&self->retry, RETRY_MS);
        return NOT_NOW;
    case EMSGSIZE:
    case EBADF:
    case EINVAL:
        g_error("channel: cannot send: %s", g_strerror(error));
    default:
        return GONE;
    }
}

static void
send_queue(WnChannel *self)
{
    Queued *next;

    while ((next = g_queue_peek_head(&self->queue)) != NULL) {
        int error = send_packet(self->fd, &next->header, next->payload,
            next->fd);

        switch (taken_of(self, error)) {
        case TAKEN:
            queued_free(g_queue_pop_head(&self->queue));
            break;
        case NOT_NOW:
            update_watch(self);
            return;
        case GONE:
            go_mute(self);
            return;
        }
    }
    update_watch(self);
}

static void
on_retry(void *user)
{
    send_queue(user);
}

static void
enqueue(WnChannel *self, const Header *header, const void *payload, int pass_fd)
{
    Queued *queued = g_malloc(sizeof(*queued) + header->length);

    queued->header = *header;
    memcpy(queued->payload, payload, header->length);
    queued->fd = -1;
    if (pass_fd >= 0) {
        queued->fd = fcntl(pass_fd, F_DUPFD_CLOEXEC, 0);
        if (queued->fd < 0) {
            /* A message without its descriptor would be misread. */
            queued_free(queued);
            shut(self);
            return;
        }
    }
    g_queue_push_tail(&self->queue, queued);
    update_watch(self);
}

void
wn_channel_send(WnChannel *self, uint16_t type, WnSpan payload, int pass_fd)
{
    Header header = { WN_CHANNEL_VERSION, type, (uint32_t)payload.len };
    Taken taken = NOT_NOW;

    g_assert(payload.len <= WN_CHANNEL_MESSAGE_MAX);
    if (self->mute || self->closed)
        return;
    if (g_queue_is_empty(&self->queue))
        taken = taken_of(self,
            send_packet(self->fd, &header, payload.ptr, pass_fd));
    if (taken == NOT_NOW)
        enqueue(self, &header, payload.ptr, pass_fd);
    else if (taken == GONE)
        go_mute(self);
}

size_t
wn_channel_queued(const WnChannel *self)
{
    return self->queue.length;
}

/* Takes the descriptors out of a message: one goes to out_fd; more than one is
 * false, and all are closed. */
static bool
take_descriptor(struct msghdr *message, int *out_fd)
{
    int fd = -1;
    size_t n_fds = 0;

    for (struct cmsghdr *item = CMSG_FIRSTHDR(message); item != NULL;
         item = CMSG_NXTHDR(message, item)) {
        size_t n;

        if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS)
            continue;
        n = (item->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            wn_fd_close(fd);
            memcpy(&fd, CMSG_DATA(item) + i * sizeof(int), sizeof(fd));
            n_fds++;
        }
    }
    if (n_fds > 1 || (message->msg_flags & MSG_CTRUNC)) {
        wn_fd_close(fd);
        return false;
    }
    *out_fd = fd;
    return true;
}

static bool
check_packet(const WnChannel *self, size_t len, int flags, Header *out_header)
{
    if (len < sizeof(*out_header) || (flags & MSG_TRUNC))
        return false;
    memcpy(out_header, self->packet, sizeof(*out_header));
    return out_header->version == WN_CHANNEL_VERSION
           && out_header->length == len - sizeof(*out_header)
           && out_header->length <= WN_CHANNEL_MESSAGE_MAX;
}

/* False: nothing more for now, or ever. */
static bool
receive_one(WnChannel *self)
{
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = { self->packet, PACKET_MAX + 1 };
    struct msghdr message = { .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control.space,
        .msg_controllen = sizeof(control.space) };
    Header header;
    int fd = -1;
    ssize_t n = recvmsg(self->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n < 0 && errno == ECONNRESET)
        return true; /* told once; what was sent before follows */
    if (n <= 0 || !take_descriptor(&message, &fd)) {
        shut(self);
        return false;
    }
    if (!check_packet(self, (size_t)n, message.msg_flags, &header)) {
        wn_fd_close(fd);
        shut(self);
        return false;
    }
    self->on_message(self->user, header.type,
        wn_span(self->packet + sizeof(header), header.length), fd);
    return !self->freed && !self->closed;
}

static void
on_ready(void *user, int fd, unsigned ready)
{
    WnChannel *self = user;

    (void)fd;
    if (ready & WN_WATCH_WRITE) {
        send_queue(self);
        return;
    }
    self->in_callback = true;
    for (int i = 0; i < RECEIVE_BATCH && receive_one(self); i++)
        ;
    self->in_callback = false;
    if (self->freed)
        g_free(self);
}

/* More than the limit for ordinary users where that is allowed; the usual
 * limit holds a packet of the largest size, too. */
static void
enlarge_buffers(int fd)
{
    int size = SOCKET_BUFFER;

    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

WnChannel *
wn_channel_new(WnLoop *loop, int take_fd, WnChannelFn on_message,
    WnChannelClosedFn on_closed, void *user)
{
    WnChannel *self = g_new0(WnChannel, 1);

    enlarge_buffers(take_fd);
    self->loop = loop;
    self->fd = take_fd;
    self->on_message = on_message;
    self->on_closed = on_closed;
    self->user = user;
    self->packet = g_malloc(PACKET_MAX + 1);
    g_queue_init(&self->queue);
    wn_deferred_init(&self->tell_closed, loop, on_tell_closed, self);
    wn_timer_init(&self->retry, loop, on_retry, self);
    wn_watch_init(&self->watch, loop, take_fd, on_ready, self);
    update_watch(self);
    return self;
}

void
wn_channel_free(WnChannel *self)
{
    if (self == NULL || self->freed)
        return;
    wn_deferred_unset(&self->tell_closed);
    wn_timer_clear(&self->retry);
    wn_watch_clear(&self->watch);
    g_queue_clear_full(&self->queue, queued_free);
    wn_fd_close(self->fd);
    g_clear_pointer(&self->packet, g_free);
    self->freed = true;
    if (!self->in_callback)
        g_free(self);
}

int
wn_channel_peer_pid(const WnChannel *self)
{
    struct ucred peer = { 0 };
    socklen_t len = sizeof(peer);

    if (getsockopt(self->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
        return -1;
    return peer.pid;
}

bool
wn_channel_pair(int out_fds[2])
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
            out_fds)
        < 0)
        return false;
    enlarge_buffers(out_fds[0]);
    enlarge_buffers(out_fds[1]);
    return true;
}

int
wn_channel_dial(const char *path)
{
    wn_autofd fd = wn_fd_dial(path, SOCK_SEQPACKET | SOCK_NONBLOCK);

    if (fd < 0)
        return -1;
    enlarge_buffers(fd);
    return wn_fd_steal(&fd);
}
