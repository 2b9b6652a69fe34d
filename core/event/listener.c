/* SPDX-License-Identifier: MIT */
#include "core/event/listener.h"

#include "core/base/clock.h"
#include "core/base/fd.h"
#include "core/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Connections taken per wakeup: enough to keep up, few enough that established
 * sessions and the other processes have their turn. */
#define ACCEPT_BATCH 16
#define BACKLOG 4096
#define PAUSE_MS 100
#define COMPLAIN_EVERY_MS 60000

struct WnListener {
    WnLoop *loop;
    int fd;
    int reserve_fd; /* given up to answer when descriptors are short */
    WnWatch watch;
    WnTimer pause;
    WnAcceptFn fn;
    void *user;
    char *refusal;
    bool accepting;
    bool in_callback;
    bool freed;
    bool complained;
    int64_t complained_ms;
};

static int
reserve_open(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void
update_watch(WnListener *self)
{
    bool on = self->accepting && !wn_timer_is_set(&self->pause);

    wn_watch_set(&self->watch, on ? WN_WATCH_READ : WN_WATCH_NONE);
}

static void
on_pause_over(void *user)
{
    update_watch(user);
}

static void
complain(WnListener *self, int error)
{
    int64_t now_ms = wn_clock_mono_ms();

    if (self->complained && now_ms - self->complained_ms < COMPLAIN_EVERY_MS)
        return;
    self->complained = true;
    self->complained_ms = now_ms;
    wn_remark(WN_LEVEL_WARNING, "cannot accept connections: %s",
        g_strerror(error));
}

/* Answers one waiting client with the descriptor that was held in reserve. */
static void
refuse_one(WnListener *self)
{
    int fd;

    if (self->reserve_fd < 0)
        return;
    wn_fd_close(wn_fd_steal(&self->reserve_fd));
    fd = accept4(self->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        WnSpan text = wn_span_str(self->refusal);

        /* Best effort; the client may be gone. */
        if (text.len > 0
            && send(fd, text.ptr, text.len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
            wn_remark(WN_LEVEL_DEBUG, "refusal not sent");
        wn_fd_close(fd);
    }
    self->reserve_fd = reserve_open();
}

static void
on_shortage(WnListener *self, int error)
{
    complain(self, error);
    refuse_one(self);
    wn_timer_set(&self->pause, PAUSE_MS);
    update_watch(self);
}

static void
hand_over(WnListener *self, int fd, const struct sockaddr_storage *sa,
    socklen_t len)
{
    WnNetaddr peer = { 0 };

    if (!wn_netaddr_from_sockaddr((const struct sockaddr *)sa, len, &peer))
        peer = (WnNetaddr){ 0 };
    self->fn(self->user, fd, &peer);
}

/* False: nothing more for now. */
static bool
accept_one(WnListener *self)
{
    struct sockaddr_storage sa = { 0 };
    socklen_t len = sizeof(sa);
    int fd = accept4(self->fd, (struct sockaddr *)&sa, &len,
        SOCK_NONBLOCK | SOCK_CLOEXEC);
    int error = errno;

    if (fd >= 0) {
        hand_over(self, fd, &sa, len);
        return !self->freed && self->accepting;
    }
    switch (error) {
    case EAGAIN:
        return false;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        on_shortage(self, error);
        return false;
    case EBADF:
    case EINVAL:
    case ENOTSOCK:
    case EOPNOTSUPP:
        g_error("not a listening socket: %s", g_strerror(error));
    default:
        /* This connection failed before it was taken; others may follow. */
        return true;
    }
}

static void
on_ready(void *user, int fd, unsigned ready)
{
    WnListener *self = user;

    (void)fd;
    (void)ready;
    self->in_callback = true;
    for (int i = 0; i < ACCEPT_BATCH && accept_one(self); i++)
        ;
    self->in_callback = false;
    if (self->freed)
        g_free(self);
}

WnListener *
wn_listener_new(WnLoop *loop, int take_fd, const char *refusal, WnAcceptFn fn,
    void *user)
{
    WnListener *self = g_new0(WnListener, 1);

    self->loop = loop;
    self->fd = take_fd;
    self->reserve_fd = reserve_open();
    self->fn = fn;
    self->user = user;
    self->refusal = g_strdup(refusal);
    self->accepting = true;
    if (!wn_fd_set_nonblocking(take_fd))
        g_error("listening socket: %s", g_strerror(errno));
    wn_watch_init(&self->watch, loop, take_fd, on_ready, self);
    wn_timer_init(&self->pause, loop, on_pause_over, self);
    update_watch(self);
    return self;
}

void
wn_listener_free(WnListener *self)
{
    if (self == NULL || self->freed)
        return;
    wn_timer_clear(&self->pause);
    wn_watch_clear(&self->watch);
    wn_fd_close(self->fd);
    wn_fd_close(self->reserve_fd);
    g_free(self->refusal);
    self->freed = true;
    if (!self->in_callback)
        g_free(self);
}

void
wn_listener_set_accepting(WnListener *self, bool on)
{
    self->accepting = on;
    update_watch(self);
}

static int
set_bind_error(GError **error, const char *place, int saved)
{
    g_set_error(error, WN_EVENT_ERROR, saved, "%s: %s", place,
        g_strerror(saved));
    return -1;
}

int
wn_listener_bind(const WnNetaddr *address, GError **error)
{
    struct sockaddr_storage sa = { 0 };
    socklen_t len = wn_netaddr_to_sockaddr(address, &sa);
    wn_autofd fd = socket(sa.ss_family,
        SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    char place[WN_NETADDR_TEXT_MAX];
    int on = 1;

    wn_netaddr_format_port(address, place);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0
        || (sa.ss_family == AF_INET6
            && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0)
        || bind(fd, (struct sockaddr *)&sa, len) < 0 || listen(fd, BACKLOG) < 0)
        return set_bind_error(error, place, errno);
    return wn_fd_steal(&fd);
}

/* A socket file without a process behind it refuses connections.  errno tells
 * why not: EADDRINUSE if somebody listens. */
static bool
remove_stale(const struct sockaddr_un *sa, int type)
{
    wn_autofd probe = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct stat info;

    if (probe < 0)
        return false;
    if (lstat(sa->sun_path, &info) < 0)
        return errno == ENOENT;
    if (!S_ISSOCK(info.st_mode)) {
        errno = EEXIST;
        return false;
    }
    if (connect(probe, (const struct sockaddr *)sa, sizeof(*sa)) == 0
        || errno != ECONNREFUSED) {
        errno = EADDRINUSE;
        return false;
    }
    return unlink(sa->sun_path) == 0 || errno == ENOENT;
}

int
wn_listener_bind_unix(const char *path, int type, GError **error)
{
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    wn_autofd fd = -1;

    if (g_strlcpy(sa.sun_path, path, sizeof(sa.sun_path))
        >= sizeof(sa.sun_path))
        return set_bind_error(error, path, ENAMETOOLONG);
    if (!remove_stale(&sa, type))
        return set_bind_error(error, path, errno);
    fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    /* bind() gives the file the mode of the socket: it is never open to
     * others, not even for a moment. */
    if (fd < 0 || fchmod(fd, 0600) < 0
        || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0
        || listen(fd, BACKLOG) < 0)
        return set_bind_error(error, path, errno);
    return wn_fd_steal(&fd);
}
