/* SPDX-License-Identifier: MIT */
#include "talk.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define IN_MAX_DEFAULT 65536
#define IN_STEP 8192

/*
 * Servers
 */

static int
set_path(TalkServer *server, const char *path, WnError *err)
{
    struct sockaddr_un *address = (struct sockaddr_un *)&server->address;
    size_t len = strlen(path);

    if (path[0] != '/' || len >= sizeof address->sun_path) {
        wn_error_set(err, "\"%s\" is not a path of at most %zu bytes", path,
            sizeof address->sun_path - 1);
        return 0;
    }
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, path, len + 1);
    server->address_len = sizeof *address;
    return 1;
}

static int
parse_port(const char *text, uint16_t *port)
{
    char *end;
    long value = strtol(text, &end, 10);

    if (end == text || *end != '\0' || value < 1 || value > 65535)
        return 0;
    *port = (uint16_t)value;
    return 1;
}

static int
set_number(TalkServer *server, const char *host, const char *port)
{
    struct sockaddr_in *four = (struct sockaddr_in *)&server->address;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)&server->address;
    uint16_t number;

    if (!parse_port(port, &number))
        return 0;
    if (inet_pton(AF_INET, host, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons(number);
        server->address_len = sizeof *four;
        return 1;
    }
    if (inet_pton(AF_INET6, host, &six->sin6_addr) == 1) {
        six->sin6_family = AF_INET6;
        six->sin6_port = htons(number);
        server->address_len = sizeof *six;
        return 1;
    }
    return 0;
}

/* host:port, [host]:port or port@host. */
static int
set_host(TalkServer *server, const char *text, WnError *err)
{
    const char *at = strchr(text, '@');
    const char *colon = strrchr(text, ':');
    const char *split = at != NULL ? at : colon;
    char first[64], second[64], *host, *port;
    size_t len;

    memset(&server->address, 0, sizeof server->address);
    if (split != NULL && (size_t)(split - text) < sizeof first
        && strlen(split + 1) < sizeof second) {
        memcpy(first, text, (size_t)(split - text));
        first[split - text] = '\0';
        memcpy(second, split + 1, strlen(split + 1) + 1);
        host = at != NULL ? second : first;
        port = at != NULL ? first : second;
        len = strlen(host);
        if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
            host[len - 1] = '\0';
            host++;
        }
        if (set_number(server, host, port))
            return 1;
    }
    wn_error_set(err, "\"%s\" is not the address of a server", text);
    return 0;
}

int
talk_server_init(TalkServer *server, const char *text, WnError *err)
{
    static const struct {
        const char *prefix;
        int path;
    } kinds[] = { { "unix:", 1 }, { "local:", 1 }, { "tcp:", 0 },
        { "inet:", 0 }, { "inet6:", 0 } };
    size_t i;

    memset(server, 0, sizeof *server);
    if (text[0] == '/')
        return set_path(server, text, err);
    for (i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t len = strlen(kinds[i].prefix);

        if (strncmp(text, kinds[i].prefix, len) != 0)
            continue;
        return kinds[i].path ? set_path(server, text + len, err)
                             : set_host(server, text + len, err);
    }
    return set_host(server, text, err);
}

void
talk_server_clear(TalkServer *server)
{
    while (server->n_idle > 0)
        close(server->idle[--server->n_idle]);
}

/* An idle connection is good as long as the server has nothing to say. */
static int
take_idle(TalkServer *server)
{
    while (server->n_idle > 0) {
        int fd = server->idle[--server->n_idle];
        char byte;

        if (recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0
            && (errno == EAGAIN || errno == EWOULDBLOCK))
            return fd;
        close(fd);
    }
    return -1;
}

static int
connect_to(const TalkServer *server)
{
    const struct sockaddr *address = (const struct sockaddr *)&server->address;
    int fd = socket(address->sa_family,
        SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1, error;

    if (fd < 0)
        return -1;
    if (address->sa_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, address, server->address_len) == 0 || errno == EINPROGRESS)
        return fd;
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

/*
 * Talks
 */

static void
talk_end(void *user)
{
    Talk *talk = user;
    TalkServer *server = talk->server;

    if (talk->fd >= 0) {
        if (talk->good && talk->state == TALK_GOES_ON && talk->in_len == 0
            && server->n_idle < TALK_IDLE_MAX)
            server->idle[server->n_idle++] = talk->fd;
        else
            close(talk->fd);
    }
    free(talk->in);
    free(talk->out);
}

Talk *
talk_new(const WnHost *host, WnCall *call, TalkServer *server, TalkFn fn,
    void *user)
{
    Talk *talk = host->call->alloc(call, WN_LIFE_CALL, sizeof *talk);

    talk->host = host;
    talk->call = call;
    talk->server = server;
    talk->fn = fn;
    talk->user = user;
    talk->fd = -1;
    talk->in_max = IN_MAX_DEFAULT;
    return host->call->at_end(call, talk_end, talk) == WN_OK ? talk : NULL;
}

void
talk_limit_input(Talk *talk, size_t in_max)
{
    talk->in_max = in_max;
}

static void
fail(Talk *talk, int error)
{
    talk->state = TALK_FAILED;
    talk->error = error;
}

void
talk_say(Talk *talk, const void *bytes, size_t len)
{
    if (len == 0)
        return;
    if (talk->n_out == talk->out_size) {
        uint32_t size = talk->out_size > 0 ? 2 * talk->out_size : 16;
        WnStr *out = realloc(talk->out, size * sizeof *out);

        if (out == NULL) {
            fail(talk, ENOMEM);
            return;
        }
        talk->out = out;
        talk->out_size = size;
    }
    talk->out[talk->n_out].ptr = bytes;
    talk->out[talk->n_out++].len = len;
}

void
talk_say_copy(Talk *talk, const void *bytes, size_t len)
{
    char *copy;

    if (len == 0)
        return;
    copy = talk->host->call->alloc(talk->call, WN_LIFE_CALL, len);
    memcpy(copy, bytes, len);
    talk_say(talk, copy, len);
}

static void
open_connection(Talk *talk, int may_reuse)
{
    talk->fd = may_reuse ? take_idle(talk->server) : -1;
    talk->reused = talk->fd >= 0;
    if (talk->fd < 0)
        talk->fd = connect_to(talk->server);
    if (talk->fd < 0)
        fail(talk, errno);
}

static int
is_wait(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR
           || error == EINPROGRESS || error == ENOTCONN;
}

/* A server may close an idle connection just when it is used again: that is no
 * failure, and the request is sent over a new one. */
static int
begin_again(Talk *talk)
{
    if (!talk->reused || talk->got > 0)
        return 0;
    close(talk->fd);
    talk->out_at = 0;
    talk->out_done = 0;
    talk->state = TALK_GOES_ON;
    open_connection(talk, 0);
    return 1;
}

/* True: something was sent. */
static int
send_some(Talk *talk)
{
    const WnStr *out = &talk->out[talk->out_at];
    ssize_t n;

    if (talk->out_at >= talk->n_out || talk->state != TALK_GOES_ON)
        return 0;
    n = send(talk->fd, out->ptr + talk->out_done, out->len - talk->out_done,
        MSG_NOSIGNAL);
    if (n < 0) {
        /* Why the server no longer listens may still be to be read. */
        if (!is_wait(errno) && errno != EPIPE && errno != ECONNRESET)
            fail(talk, errno);
        else if (!is_wait(errno))
            talk->out_at = talk->n_out;
        return 0;
    }
    talk->out_done += (size_t)n;
    if (talk->out_done == out->len) {
        talk->out_at++;
        talk->out_done = 0;
    }
    return 1;
}

static int
make_room(Talk *talk)
{
    size_t size = talk->in_len + IN_STEP;
    char *in;

    if (talk->in_len >= talk->in_max) {
        fail(talk, EMSGSIZE);
        return 0;
    }
    if (size + 1 <= talk->in_size)
        return 1;
    size = 2 * size;
    in = realloc(talk->in, size + 1);
    if (in == NULL) {
        fail(talk, ENOMEM);
        return 0;
    }
    talk->in = in;
    talk->in_size = size + 1;
    return 1;
}

/* True: something was read. */
static int
read_some(Talk *talk)
{
    ssize_t n;

    if (talk->state != TALK_GOES_ON || !make_room(talk))
        return 0;
    n = recv(talk->fd, talk->in + talk->in_len, IN_STEP, 0);
    if (n > 0) {
        talk->in_len += (size_t)n;
        talk->in[talk->in_len] = '\0';
        talk->got += (size_t)n;
        return 1;
    }
    if (n == 0)
        talk->state = TALK_CLOSED;
    else if (!is_wait(errno))
        fail(talk, errno);
    return 0;
}

static WnVerdict talk_step(Talk *talk);

static WnVerdict
on_ready(void *user, WnCall *call, int fd, uint32_t events)
{
    (void)call;
    (void)fd;
    (void)events;
    return talk_step(user);
}

static WnVerdict
tell(Talk *talk)
{
    if (talk->state == TALK_CLOSED || talk->state == TALK_FAILED)
        if (begin_again(talk) && talk->state == TALK_GOES_ON)
            return WN_PENDING;
    return talk->fn(talk->user, talk->call, talk);
}

/* In one turn at most this often, then other connections have theirs. */
#define STEPS_MAX 64

static WnVerdict
talk_step(Talk *talk)
{
    uint32_t what = WN_IO_READ;
    int i;

    for (i = 0; i < STEPS_MAX; i++) {
        int sent = send_some(talk);
        int got = read_some(talk);
        WnVerdict verdict;

        if (!sent && !got && talk->state == TALK_GOES_ON)
            break;
        if (!got && talk->state == TALK_GOES_ON)
            continue;
        verdict = tell(talk);
        if (verdict != WN_PENDING || talk->over)
            return verdict;
        if (talk->state != TALK_GOES_ON)
            return WN_FAIL;
    }
    if (talk->out_at < talk->n_out)
        what |= WN_IO_WRITE;
    if (talk->host->io->wait(talk->call, talk->fd, what, on_ready, talk)
        != WN_OK)
        return WN_FAIL;
    return WN_PENDING;
}

static WnVerdict
on_late(void *user, WnCall *call)
{
    Talk *talk = user;

    if (talk->over)
        return WN_PENDING;
    talk->state = TALK_LATE;
    return talk->fn(talk->user, call, talk);
}

void
talk_limit_time(Talk *talk, uint32_t ms)
{
    talk->host->timer->after(talk->call, ms, on_late, talk);
}

WnVerdict
talk_start(Talk *talk)
{
    open_connection(talk, 1);
    if (talk->state == TALK_FAILED)
        return talk->fn(talk->user, talk->call, talk);
    return talk_step(talk);
}

void
talk_consume(Talk *talk, size_t len)
{
    talk->in_len -= len;
    memmove(talk->in, talk->in + len, talk->in_len + 1);
}

void
talk_keep(Talk *talk)
{
    talk->good = 1;
}

void
talk_leave(Talk *talk, const void *bytes, size_t len)
{
    talk->over = 1;
    talk->good = 0;
    if (talk->fd < 0)
        return;
    if (talk->state == TALK_GOES_ON && talk->out_at == talk->n_out
        && send(talk->fd, bytes, len, MSG_NOSIGNAL) < 0)
        talk->error = errno;
    close(talk->fd);
    talk->fd = -1;
}

const char *
talk_reason(const Talk *talk)
{
    switch (talk->state) {
    case TALK_CLOSED:
        return "it closed the connection";
    case TALK_LATE:
        return "it did not answer in time";
    case TALK_FAILED:
        return strerror(talk->error);
    default:
        return "it said what was not expected";
    }
}
