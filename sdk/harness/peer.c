/* SPDX-License-Identifier: MIT */
#include "sdk/harness/peer.h"

#include "core/base/clock.h"
#include "core/base/fd.h"
#include "sdk/harness/mode.h"
#include "sdk/harness/peer_script.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define READ_STEP 65536
#define SHOWN_MAX 60

typedef struct Address {
    char *text;
    GPtrArray *scripts; /* of scripts, which are GPtrArray of WnPeerStep */
    unsigned next;
} Address;

/*
 * While fd is open the script goes on step by step; the plugin's end may be
 * closed before or after.  Freed when both are.
 */
typedef struct Connection {
    const Address *address;
    const GPtrArray *script;
    unsigned at;    /* step */
    int fd;         /* ours; -1: closed */
    int plugin_fd;  /* -1: closed */
    GByteArray *in; /* that no step has taken yet */
    size_t sent;    /* of the step's bytes */
    int64_t due_ms; /* of a pause; -1: none */
    bool ended;     /* the plugin will send no more */
    bool reset;
    bool forgiven;
} Connection;

struct WnPeers {
    GPtrArray *addresses;   /* Address */
    GPtrArray *connections; /* Connection */
    unsigned n_connections;
};

static void
address_free(void *data)
{
    Address *address = data;

    g_free(address->text);
    g_ptr_array_unref(address->scripts);
    g_free(address);
}

static void
connection_free(void *data)
{
    Connection *connection = data;

    wn_fd_close(connection->fd);
    g_byte_array_unref(connection->in);
    g_free(connection);
}

WnPeers *
wn_peers_new(void)
{
    WnPeers *self = g_new0(WnPeers, 1);

    self->addresses = g_ptr_array_new_with_free_func(address_free);
    self->connections = g_ptr_array_new_with_free_func(connection_free);
    return self;
}

void
wn_peers_free(WnPeers *self)
{
    g_ptr_array_unref(self->connections);
    g_ptr_array_unref(self->addresses);
    g_free(self);
}

static Address *
find_address(const WnPeers *self, const char *text)
{
    for (unsigned i = 0; i < self->addresses->len; i++) {
        Address *address = g_ptr_array_index(self->addresses, i);

        if (strcmp(address->text, text) == 0)
            return address;
    }
    return NULL;
}

bool
wn_peers_add(WnPeers *self, const char *text, const char *lines, GError **error)
{
    GPtrArray *script = wn_peer_script_parse(lines, error);
    Address *address;

    if (script == NULL)
        return false;
    address = find_address(self, text);
    if (address == NULL) {
        address = g_new0(Address, 1);
        address->text = g_strdup(text);
        address->scripts = g_ptr_array_new_with_free_func(
            (GDestroyNotify)g_ptr_array_unref);
        g_ptr_array_add(self->addresses, address);
    }
    g_ptr_array_add(address->scripts, script);
    return true;
}

bool
wn_peers_any(const WnPeers *self)
{
    return self->addresses->len > 0;
}

unsigned
wn_peers_n_connections(const WnPeers *self)
{
    return self->n_connections;
}

/*
 * Scripts
 */

static bool
is_judged(const Connection *connection)
{
    return wn_mode()->same_verdict && !connection->forgiven;
}

G_GNUC_PRINTF(2, 3)
static void
complain(const Connection *connection, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    if (is_judged(connection))
        wn_mistake("peer %s: %s", connection->address->text, text);
}

static void
close_ours(Connection *connection)
{
    wn_fd_close(connection->fd);
    connection->fd = -1;
}

static const WnPeerStep *
step_of(const Connection *connection)
{
    return connection->at < connection->script->len
               ? g_ptr_array_index(connection->script, connection->at)
               : NULL;
}

static char *
shown(const GByteArray *bytes)
{
    g_autofree char *text = g_strndup((const char *)bytes->data,
        MIN(bytes->len, SHOWN_MAX));

    return g_strescape(text, NULL);
}

static void
complain_of_bytes(const Connection *connection, const char *what)
{
    const WnPeerStep *step = step_of(connection);
    g_autofree char *text = shown(connection->in);

    complain(connection, "%s: %s; what came is \"%s\"", what,
        step != NULL ? step->line : "the script's end", text);
}

static bool
take_expected(Connection *connection, GBytes *bytes)
{
    gsize len;
    const void *wanted = g_bytes_get_data(bytes, &len);
    gsize there = MIN(len, connection->in->len);

    if (there > 0 && memcmp(connection->in->data, wanted, there) != 0) {
        complain_of_bytes(connection, "expected other bytes");
        close_ours(connection);
        return false;
    }
    if (there < len)
        return false;
    g_byte_array_remove_range(connection->in, 0, (guint)len);
    return true;
}

static bool
take_until(Connection *connection, GBytes *bytes)
{
    gsize len;
    const void *wanted = g_bytes_get_data(bytes, &len);
    const guint8 *found = connection->in->len > 0 ? memmem(connection->in->data,
                              connection->in->len, wanted, len)
                                                  : NULL;

    if (found == NULL)
        return false;
    g_byte_array_remove_range(connection->in, 0,
        (guint)(found + len - connection->in->data));
    return true;
}

static bool
send_bytes(Connection *connection, GBytes *bytes)
{
    gsize len;
    const char *data = g_bytes_get_data(bytes, &len);
    ssize_t n = send(connection->fd, data + connection->sent,
        len - connection->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n < 0) {
        complain(connection, "the plugin has closed, it does not hear: %s",
            step_of(connection)->line);
        close_ours(connection);
        return false;
    }
    connection->sent += (size_t)n;
    if (connection->sent < len)
        return false;
    connection->sent = 0;
    return true;
}

static bool
pause_is_over(Connection *connection, guint ms)
{
    int64_t now_ms = wn_clock_mono_ms();

    if (connection->due_ms < 0)
        connection->due_ms = now_ms + ms;
    if (connection->due_ms > now_ms)
        return false;
    connection->due_ms = -1;
    return true;
}

/* True: the step is done. */
static bool
do_step(Connection *connection, const WnPeerStep *step)
{
    switch (step->verb) {
    case WN_PEER_EXPECT:
        return take_expected(connection, step->bytes);
    case WN_PEER_UNTIL:
        return take_until(connection, step->bytes);
    case WN_PEER_REST:
        g_byte_array_set_size(connection->in, 0);
        return connection->ended;
    case WN_PEER_END:
        return connection->ended && connection->in->len == 0;
    case WN_PEER_SEND:
        return send_bytes(connection, step->bytes);
    case WN_PEER_PAUSE:
        return pause_is_over(connection, step->ms);
    case WN_PEER_RESET:
        connection->reset = true;
        close_ours(connection);
        return true;
    case WN_PEER_CLOSE:
    case WN_PEER_REFUSE:
        close_ours(connection);
        return true;
    }
    return false;
}

/* True: something has come. */
static bool
receive(Connection *connection)
{
    guint len = connection->in->len;
    ssize_t n;

    if (connection->ended)
        return false;
    g_byte_array_set_size(connection->in, len + READ_STEP);
    n = recv(connection->fd, connection->in->data + len, READ_STEP,
        MSG_DONTWAIT);
    g_byte_array_set_size(connection->in, len + (guint)MAX(n, 0));
    connection->ended = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
    return n > 0 || connection->ended;
}

/* What is left when the plugin has closed, or at the script's end. */
static void
look_at_rest(Connection *connection)
{
    const WnPeerStep *step = step_of(connection);

    if (step == NULL && connection->in->len > 0) {
        complain_of_bytes(connection, "nothing more was expected");
        g_byte_array_set_size(connection->in, 0);
    }
    if (!connection->ended)
        return;
    if (step != NULL && step->verb != WN_PEER_PAUSE)
        complain_of_bytes(connection, "the plugin closed too early");
    close_ours(connection);
}

static bool
connection_turn(Connection *connection)
{
    bool moved = false;

    while (connection->fd >= 0) {
        const WnPeerStep *step = step_of(connection);
        bool came = receive(connection);

        moved = moved || came;
        if (step != NULL && do_step(connection, step)) {
            connection->at++;
            moved = true;
        } else if (!came) {
            break;
        }
    }
    if (connection->fd >= 0)
        look_at_rest(connection);
    return moved;
}

bool
wn_peers_turn(WnPeers *self)
{
    bool moved = false;

    for (unsigned i = self->connections->len; i-- > 0;) {
        Connection *connection = g_ptr_array_index(self->connections, i);

        moved = connection_turn(connection) || moved;
        if (connection->fd < 0 && connection->plugin_fd < 0)
            g_ptr_array_remove_index_fast(self->connections, i);
    }
    return moved;
}

int64_t
wn_peers_next_ms(const WnPeers *self)
{
    int64_t next_ms = -1;

    for (unsigned i = 0; i < self->connections->len; i++) {
        const Connection *at = g_ptr_array_index(self->connections, i);

        if (at->fd >= 0 && at->due_ms >= 0
            && (next_ms < 0 || at->due_ms < next_ms))
            next_ms = at->due_ms;
    }
    return next_ms;
}

void
wn_peers_forgive(WnPeers *self)
{
    for (unsigned i = 0; i < self->connections->len; i++)
        ((Connection *)g_ptr_array_index(self->connections, i))
            ->forgiven = true;
}

void
wn_peers_judge(WnPeers *self)
{
    while (wn_peers_turn(self))
        continue;
    for (unsigned i = 0; i < self->connections->len; i++) {
        const Connection *at = g_ptr_array_index(self->connections, i);

        if (at->fd >= 0 && step_of(at) != NULL)
            complain_of_bytes(at, "at the test's end it still waits");
    }
}

/*
 * Connections
 */

/* NULL: of no kind that scripts can have. */
static char *
address_text(const struct sockaddr *address, socklen_t len)
{
    char number[INET6_ADDRSTRLEN];
    struct sockaddr_storage any = { 0 };
    const struct sockaddr_un *path = (const void *)&any;
    const struct sockaddr_in *four = (const void *)&any;
    const struct sockaddr_in6 *six = (const void *)&any;

    memcpy(&any, address, MIN(len, sizeof any));
    if (any.ss_family == AF_UNIX)
        return g_strndup(path->sun_path, sizeof path->sun_path);
    if (any.ss_family == AF_INET) {
        inet_ntop(AF_INET, &four->sin_addr, number, sizeof number);
        return g_strdup_printf("%s:%u", number, ntohs(four->sin_port));
    }
    if (any.ss_family == AF_INET6) {
        inet_ntop(AF_INET6, &six->sin6_addr, number, sizeof number);
        return g_strdup_printf("[%s]:%u", number, ntohs(six->sin6_port));
    }
    return NULL;
}

static int
fail(int number)
{
    errno = number;
    return -1;
}

static const GPtrArray *
next_script(Address *address)
{
    return g_ptr_array_index(address->scripts,
        address->next++ % address->scripts->len);
}

/* The plugin's socket becomes one end of a pair. */
static bool
pair_with(int fd, int *out_ours)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends)
        != 0)
        return false;
    *out_ours = ends[1];
    if (dup3(ends[0], fd, O_CLOEXEC) < 0) {
        wn_fd_close(ends[0]);
        wn_fd_close(ends[1]);
        return false;
    }
    wn_fd_close(ends[0]);
    return true;
}

int
wn_peers_connect(WnPeers *self, int fd, const struct sockaddr *to,
    socklen_t len)
{
    g_autofree char *text = address_text(to, len);
    Address *address = text != NULL ? find_address(self, text) : NULL;
    int flags = fcntl(fd, F_GETFL);
    Connection *connection;
    const WnPeerStep *first;
    int ours;

    if (address == NULL) {
        printf("no peer of the test's listens at %s\n",
            text != NULL ? text : "such an address");
        return fail(ECONNREFUSED);
    }
    if (flags >= 0 && (flags & O_NONBLOCK) == 0)
        wn_mistake("connect: the socket is not non-blocking");
    self->n_connections++;
    connection = g_new0(Connection, 1);
    connection->address = address;
    connection->script = next_script(address);
    connection->plugin_fd = fd;
    connection->fd = -1;
    connection->due_ms = -1;
    connection->in = g_byte_array_new();
    first = step_of(connection);
    if ((first != NULL && first->verb == WN_PEER_REFUSE)
        || !pair_with(fd, &ours)) {
        connection_free(connection);
        return fail(ECONNREFUSED);
    }
    connection->fd = ours;
    g_ptr_array_add(self->connections, connection);
    return to->sa_family == AF_UNIX ? 0 : fail(EINPROGRESS);
}

static Connection *
connection_of(const WnPeers *self, int fd)
{
    for (unsigned i = 0; i < self->connections->len; i++) {
        Connection *at = g_ptr_array_index(self->connections, i);

        if (at->plugin_fd == fd)
            return at;
    }
    return NULL;
}

bool
wn_peers_has(const WnPeers *self, int fd)
{
    return connection_of(self, fd) != NULL;
}

bool
wn_peers_is_reset(const WnPeers *self, int fd)
{
    const Connection *connection = connection_of(self, fd);

    return connection != NULL && connection->reset;
}

void
wn_peers_break(WnPeers *self, int fd)
{
    Connection *connection = connection_of(self, fd);

    if (connection == NULL)
        return;
    connection->reset = true;
    close_ours(connection);
}

void
wn_peers_closed(WnPeers *self, int fd)
{
    Connection *connection = connection_of(self, fd);

    if (connection != NULL)
        connection->plugin_fd = -1;
}
