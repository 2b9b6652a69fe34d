/* SPDX-License-Identifier: MIT */
#include "sdk/harness/sockets.h"

#include "sdk/harness/imports.h"
#include "sdk/harness/mode.h"

#include <errno.h>
#include <limits.h>
#include <sys/uio.h>
#include <unistd.h>

#define PIECE_MAX 7

/* Of the process: a system call has no argument that could tell. */
static struct {
    WnPeers *peers;
    unsigned n_calls;
} state;

void
wn_sockets_use(WnPeers *peers)
{
    state.peers = peers;
}

static bool
is_ours(int fd)
{
    return state.peers != NULL && wn_peers_has(state.peers, fd);
}

static ssize_t
fail(int number)
{
    errno = number;
    return -1;
}

/* How many bytes of so many a call may move; 0: it would block. */
static size_t
piece_of(size_t len)
{
    unsigned n;

    if (!wn_mode()->pieces)
        return len;
    n = state.n_calls++;
    if (n % 3 == 2)
        return 0;
    return MIN(len, 1 + n % PIECE_MAX);
}

/* A connection that broke stays broken. */
static bool
breaks(int fd, const char *call)
{
    if (!wn_mode_strikes(WN_AT_FAIL, call))
        return false;
    wn_peers_break(state.peers, fd);
    return true;
}

static int
connect_instead(int fd, const struct sockaddr *address, socklen_t len)
{
    if (state.peers == NULL || !wn_peers_any(state.peers))
        return connect(fd, address, len);
    if (wn_mode_strikes(WN_AT_FAIL, "connect"))
        return (int)fail(ECONNREFUSED);
    return wn_peers_connect(state.peers, fd, address, len);
}

static ssize_t
send_instead(int fd, const void *bytes, size_t len, int flags)
{
    size_t piece;

    if (!is_ours(fd))
        return send(fd, bytes, len, flags);
    if (breaks(fd, "send"))
        return fail(ECONNRESET);
    piece = piece_of(len);
    if (piece == 0 && len > 0)
        return fail(EAGAIN);
    return send(fd, bytes, piece, flags);
}

static ssize_t
write_instead(int fd, const void *bytes, size_t len)
{
    return is_ours(fd) ? send_instead(fd, bytes, len, 0)
                       : write(fd, bytes, len);
}

/* The first that has bytes is enough: a call may always move less. */
static ssize_t
writev_instead(int fd, const struct iovec *list, int n)
{
    if (!is_ours(fd))
        return writev(fd, list, n);
    for (int i = 0; i < n; i++)
        if (list[i].iov_len > 0)
            return send_instead(fd, list[i].iov_base, list[i].iov_len, 0);
    return 0;
}

static ssize_t
sendmsg_instead(int fd, const struct msghdr *message, int flags)
{
    if (!is_ours(fd))
        return sendmsg(fd, message, flags);
    for (size_t i = 0; i < message->msg_iovlen; i++)
        if (message->msg_iov[i].iov_len > 0)
            return send_instead(fd, message->msg_iov[i].iov_base,
                message->msg_iov[i].iov_len, flags);
    return 0;
}

static ssize_t
recv_instead(int fd, void *bytes, size_t len, int flags)
{
    size_t piece;
    ssize_t n;

    if (!is_ours(fd) || (flags & MSG_PEEK) != 0)
        return recv(fd, bytes, len, flags);
    if (breaks(fd, "recv"))
        return fail(ECONNRESET);
    piece = piece_of(len);
    if (piece == 0 && len > 0)
        return fail(EAGAIN);
    n = recv(fd, bytes, piece, flags);
    return n == 0 && wn_peers_is_reset(state.peers, fd) ? fail(ECONNRESET) : n;
}

static ssize_t
read_instead(int fd, void *bytes, size_t len)
{
    return is_ours(fd) ? recv_instead(fd, bytes, len, 0) : read(fd, bytes, len);
}

/* What _FORTIFY_SOURCE makes of the two above. */
static ssize_t
recv_chk_instead(int fd, void *bytes, size_t len, size_t size, int flags)
{
    if (len > size)
        wn_mistake("recv: asks for more than its memory holds");
    return recv_instead(fd, bytes, len, flags);
}

static ssize_t
read_chk_instead(int fd, void *bytes, size_t len, size_t size)
{
    if (len > size)
        wn_mistake("read: asks for more than its memory holds");
    return read_instead(fd, bytes, len);
}

static int
close_instead(int fd)
{
    if (state.peers != NULL)
        wn_peers_closed(state.peers, fd);
    return close(fd);
}

static const WnImport imports[] = {
    WN_IMPORT("connect", connect_instead),
    WN_IMPORT("send", send_instead),
    WN_IMPORT("write", write_instead),
    WN_IMPORT("writev", writev_instead),
    WN_IMPORT("sendmsg", sendmsg_instead),
    WN_IMPORT("recv", recv_instead),
    WN_IMPORT("read", read_instead),
    WN_IMPORT("__recv_chk", recv_chk_instead),
    WN_IMPORT("__read_chk", read_chk_instead),
    WN_IMPORT("close", close_instead),
};

void
wn_sockets_watch(void *handle, const void *mark)
{
    wn_imports_replace(handle, imports, G_N_ELEMENTS(imports));
    wn_imports_replace_since(mark, imports, G_N_ELEMENTS(imports));
}
