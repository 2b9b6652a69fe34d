/* SPDX-License-Identifier: MIT */
#include "core/event/transport.h"

#include "core/base/fd.h"

#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* What an idle connection keeps; more goes through the scratch space. */
#define ROOM_MIN 4096

void
wn_transport_init(WnTransport *self, int take_fd)
{
    *self = (WnTransport){ .fd = take_fd,
        .read_waits = WN_WATCH_READ,
        .write_waits = WN_WATCH_WRITE };
}

void
wn_transport_clear(WnTransport *self)
{
    g_clear_pointer(&self->ssl, SSL_free);
    wn_fd_close(self->fd);
    self->fd = -1;
}

void
wn_transport_fail(WnTransport *self, const char *what, int error)
{
    g_snprintf(self->error, sizeof(self->error), "%s: %s", what,
        g_strerror(error));
}

/* A source port of zero leaves the choice to connect(), so that one source
 * address has all ports for each destination. */
static bool
bind_source(int fd, const WnNetaddr *source)
{
    struct sockaddr_storage sa = { 0 };
    socklen_t len = wn_netaddr_to_sockaddr(source, &sa);
    int on = 1;

    if (source->port == 0)
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    return bind(fd, (struct sockaddr *)&sa, len) == 0;
}

int
wn_transport_socket(const WnNetaddr *to, const WnNetaddr *source,
    GError **error)
{
    wn_autofd fd = socket(to->len == 16 ? AF_INET6 : AF_INET,
        SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int saved = errno;

    if (fd < 0) {
        g_set_error(error, WN_EVENT_ERROR, saved, "socket: %s",
            g_strerror(saved));
        return -1;
    }
    if (source != NULL && !bind_source(fd, source)) {
        char place[WN_NETADDR_TEXT_MAX];

        saved = errno;
        wn_netaddr_format(source, place);
        g_set_error(error, WN_EVENT_ERROR, saved, "source address %s: %s",
            place, g_strerror(saved));
        return -1;
    }
    return wn_fd_steal(&fd);
}

WnIo
wn_transport_connect(WnTransport *self, const WnNetaddr *to)
{
    struct sockaddr_storage sa = { 0 };
    socklen_t len = wn_netaddr_to_sockaddr(to, &sa);

    if (connect(self->fd, (struct sockaddr *)&sa, len) == 0
        || errno == EINPROGRESS)
        return WN_IO_AGAIN;
    wn_transport_fail(self, "connect", errno);
    return WN_IO_FAILED;
}

bool
wn_transport_is_connected(WnTransport *self)
{
    int error = 0;
    socklen_t len = sizeof(error);

    if (getsockopt(self->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        error = errno;
    if (error != 0)
        wn_transport_fail(self, "connect", error);
    return error == 0;
}

static bool
is_again(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

/* One system call, however much there is: small input lands in the buffer
 * itself, what exceeds it in scratch, so that idle buffers stay small. */
static WnIo
read_plain(WnTransport *self, WnBuffer *out, size_t max, char *scratch,
    size_t *out_len)
{
    char *room = wn_buffer_reserve(out, MIN(max, ROOM_MIN));
    size_t room_len = MIN(max, out->capacity - out->end);
    struct iovec parts[2] = { { room, room_len },
        { scratch, MIN(max - room_len, WN_LOOP_SCRATCH) } };
    ssize_t n = readv(self->fd, parts, parts[1].iov_len > 0 ? 2 : 1);

    *out_len = 0;
    if (n < 0) {
        int error = errno;

        if (is_again(error))
            return WN_IO_AGAIN;
        wn_transport_fail(self, "read", error);
        return WN_IO_FAILED;
    }
    if (n == 0)
        return WN_IO_END;
    *out_len = (size_t)n;
    wn_buffer_commit(out, MIN(*out_len, room_len));
    if (*out_len > room_len)
        wn_buffer_append(out, wn_span(scratch, *out_len - room_len));
    return WN_IO_DONE;
}

/* The oldest entry of OpenSSL's queue names the cause. */
static void
fail_tls(WnTransport *self, const char *what)
{
    unsigned long code = ERR_get_error();
    const char *reason = ERR_reason_error_string(code);
    char refused[WN_TLS_REASON_MAX];

    g_strlcpy(refused, self->error, sizeof(refused));
    if (ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED
        && *refused != '\0')
        reason = refused;
    g_snprintf(self->error, sizeof(self->error), "%s: %s", what,
        reason != NULL ? reason : "connection lost");
    ERR_clear_error();
}

static WnIo
tls_result(WnTransport *self, int result, const char *what, unsigned *waits)
{
    int error = errno;

    switch (SSL_get_error(self->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        *waits = WN_WATCH_READ;
        return WN_IO_AGAIN;
    case SSL_ERROR_WANT_WRITE:
        *waits = WN_WATCH_WRITE;
        return WN_IO_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return WN_IO_END;
    case SSL_ERROR_SYSCALL:
        wn_transport_fail(self, what, error != 0 ? error : ECONNRESET);
        break;
    default:
        fail_tls(self, what);
    }
    self->broken = true;
    return WN_IO_FAILED;
}

/* Reads on while OpenSSL holds bytes: read-ahead has taken them from the
 * kernel, so nothing would announce them. */
static WnIo
read_tls(WnTransport *self, WnBuffer *out, size_t max, size_t *out_len)
{
    *out_len = 0;
    do {
        size_t ready = (size_t)SSL_pending(self->ssl);
        size_t want = MIN(max - *out_len, MAX(ready, ROOM_MIN));
        char *room = wn_buffer_reserve(out, want);
        size_t n;
        int result;

        ERR_clear_error();
        errno = 0;
        result = SSL_read_ex(self->ssl, room, want, &n);
        if (result <= 0)
            return tls_result(self, result, "TLS read", &self->read_waits);
        wn_buffer_commit(out, n);
        *out_len += n;
    } while (*out_len < max && SSL_has_pending(self->ssl));
    self->read_waits = WN_WATCH_READ;
    return WN_IO_DONE;
}

WnIo
wn_transport_read(WnTransport *self, WnBuffer *out, size_t max, char *scratch,
    size_t *out_len)
{
    if (self->secure)
        return read_tls(self, out, max, out_len);
    return read_plain(self, out, max, scratch, out_len);
}

bool
wn_transport_has_pending(const WnTransport *self)
{
    return self->secure && SSL_has_pending(self->ssl);
}

static WnIo
write_plain(WnTransport *self, WnSpan bytes, size_t *out_len)
{
    ssize_t n = send(self->fd, bytes.ptr, bytes.len,
        MSG_NOSIGNAL | MSG_DONTWAIT);
    int error = errno;

    *out_len = n > 0 ? (size_t)n : 0;
    if (*out_len == bytes.len)
        return WN_IO_DONE;
    if (n >= 0 || is_again(error))
        return WN_IO_AGAIN;
    wn_transport_fail(self, "write", error);
    return WN_IO_FAILED;
}

static WnIo
write_tls(WnTransport *self, WnSpan bytes, size_t *out_len)
{
    *out_len = 0;
    while (*out_len < bytes.len) {
        size_t n;
        int result;

        ERR_clear_error();
        errno = 0;
        result = SSL_write_ex(self->ssl, bytes.ptr + *out_len,
            bytes.len - *out_len, &n);
        if (result > 0) {
            *out_len += n;
            continue;
        }
        switch (tls_result(self, result, "TLS write", &self->write_waits)) {
        case WN_IO_AGAIN:
            return WN_IO_AGAIN;
        case WN_IO_END:
            wn_transport_fail(self, "TLS write", EPIPE);
            return WN_IO_FAILED;
        case WN_IO_DONE:
        case WN_IO_FAILED:
            return WN_IO_FAILED;
        }
    }
    self->write_waits = WN_WATCH_WRITE;
    return WN_IO_DONE;
}

WnIo
wn_transport_write(WnTransport *self, WnSpan bytes, size_t *out_len)
{
    if (self->secure)
        return write_tls(self, bytes, out_len);
    return write_plain(self, bytes, out_len);
}

bool
wn_transport_prepare_tls(WnTransport *self, SSL_CTX *context, WnTlsRole role,
    const WnTlsPeer *peer)
{
    ERR_clear_error();
    self->ssl = SSL_new(context);
    if (self->ssl == NULL)
        g_error("cannot make a TLS connection: out of memory");
    if (SSL_set_fd(self->ssl, self->fd) != 1) {
        fail_tls(self, "TLS");
        return false;
    }
    if (role == WN_TLS_ACCEPT) {
        SSL_set_accept_state(self->ssl);
        return true;
    }
    SSL_set_connect_state(self->ssl);
    if (wn_tls_expect(self->ssl, peer, self->error))
        return true;
    fail_tls(self, "TLS name");
    return false;
}

WnIo
wn_transport_handshake(WnTransport *self)
{
    int result;
    WnIo io;

    self->secure = true;
    ERR_clear_error();
    errno = 0;
    result = SSL_do_handshake(self->ssl);
    if (result == 1) {
        self->read_waits = WN_WATCH_READ;
        self->write_waits = WN_WATCH_WRITE;
        return WN_IO_DONE;
    }
    io = tls_result(self, result, "TLS handshake", &self->read_waits);
    if (io != WN_IO_END)
        return io;
    g_strlcpy(self->error, "TLS handshake: closed by peer",
        sizeof(self->error));
    self->broken = true;
    return WN_IO_FAILED;
}

void
wn_transport_goodbye(WnTransport *self)
{
    if (!self->secure || self->broken || !SSL_is_init_finished(self->ssl))
        return;
    ERR_clear_error();
    SSL_shutdown(self->ssl);
    ERR_clear_error();
}
