/* SPDX-License-Identifier: MIT */
#include "core/event/channel.h"

#include "core/event/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct Side {
    WnChannel *channel;
    GString *trace; /* "7:payload " per message */
    size_t n_messages;
    size_t n_bytes;
    int fd; /* the last one passed */
    int closed;
    bool free_on_message;
    bool free_on_close;
} Side;

typedef struct Fixture {
    WnLoop *loop;
    Side a;
    Side b;
    int raw; /* the other end of a, when b is not a channel */
} Fixture;

static void
on_message(void *user, uint16_t type, WnSpan payload, int take_fd)
{
    Side *side = user;

    side->n_messages++;
    side->n_bytes += payload.len;
    if (take_fd >= 0) {
        if (side->fd >= 0)
            close(side->fd);
        side->fd = take_fd;
    }
    if (payload.len < 100)
        g_string_append_printf(side->trace, "%u:%.*s ", type, (int)payload.len,
            payload.ptr);
    if (side->free_on_message)
        g_clear_pointer(&side->channel, wn_channel_free);
}

static void
on_closed(void *user)
{
    Side *side = user;

    side->closed++;
    if (side->free_on_close)
        g_clear_pointer(&side->channel, wn_channel_free);
}

static void
side_open(Side *side, WnLoop *loop, int take_fd)
{
    side->trace = g_string_new(NULL);
    side->fd = -1;
    side->channel = wn_channel_new(loop, take_fd, on_message, on_closed, side);
}

static void
side_clear(Side *side)
{
    g_clear_pointer(&side->channel, wn_channel_free);
    if (side->trace != NULL)
        g_string_free(side->trace, TRUE);
    if (side->trace != NULL && side->fd >= 0)
        close(side->fd);
}

static void
set_up(Fixture *f, gconstpointer data)
{
    int fds[2];

    f->loop = wn_loop_new();
    g_assert_true(wn_channel_pair(fds));
    side_open(&f->a, f->loop, fds[0]);
    f->raw = -1;
    if (data != NULL)
        f->raw = fds[1];
    else
        side_open(&f->b, f->loop, fds[1]);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    (void)data;
    side_clear(&f->a);
    side_clear(&f->b);
    wn_loop_free(f->loop);
    if (f->raw >= 0)
        close(f->raw);
}

static void
turns(Fixture *f, int n)
{
    for (int i = 0; i < n; i++)
        wn_loop_turn(f->loop);
}

static void
test_messages(Fixture *f, gconstpointer data)
{
    (void)data;
    wn_channel_send(f->a.channel, 7, WN_SPAN("hello"), -1);
    wn_channel_send(f->a.channel, 8, WN_SPAN_EMPTY, -1);
    wn_channel_send(f->b.channel, 65535, WN_SPAN("back"), -1);
    turns(f, 2);
    g_assert_cmpstr(f->b.trace->str, ==, "7:hello 8: ");
    g_assert_cmpstr(f->a.trace->str, ==, "65535:back ");
    g_assert_cmpint(wn_channel_peer_pid(f->a.channel), ==, getpid());
}

static void
test_descriptor(Fixture *f, gconstpointer data)
{
    int fds[2];
    char byte = 0;

    (void)data;
    g_assert_cmpint(pipe(fds), ==, 0);
    wn_channel_send(f->a.channel, 1, WN_SPAN("take"), fds[1]);
    close(fds[1]);
    turns(f, 2);
    g_assert_cmpint(f->b.fd, >=, 0);
    g_assert_true(fcntl(f->b.fd, F_GETFD) & FD_CLOEXEC);
    g_assert_cmpint(write(f->b.fd, "!", 1), ==, 1);
    g_assert_cmpint(read(fds[0], &byte, 1), ==, 1);
    g_assert_cmpint(byte, ==, '!');
    close(fds[0]);
}

static size_t
count_open_fds(void)
{
    g_autoptr(GDir) dir = g_dir_open("/proc/self/fd", 0, NULL);
    size_t n = 0;

    while (g_dir_read_name(dir) != NULL)
        n++;
    return n;
}

/* More than the kernel takes: the rest waits here, in order, with its
 * descriptors, and nothing is lost or leaked. */
static void
test_backlog(Fixture *f, gconstpointer data)
{
    g_autofree char *big = g_malloc(WN_CHANNEL_MESSAGE_MAX);
    size_t before = count_open_fds();
    size_t n = 200;

    (void)data;
    memset(big, 'b', WN_CHANNEL_MESSAGE_MAX);
    for (size_t i = 0; i < n; i++)
        wn_channel_send(f->a.channel, 2, wn_span(big, WN_CHANNEL_MESSAGE_MAX),
            STDERR_FILENO);
    wn_channel_send(f->a.channel, 3, WN_SPAN("last"), -1);
    g_assert_cmpuint(wn_channel_queued(f->a.channel), >, 0);
    for (int i = 0; i < 1000 && f->b.n_messages <= n; i++)
        wn_loop_turn(f->loop);
    g_assert_cmpuint(f->b.n_messages, ==, n + 1);
    g_assert_cmpuint(f->b.n_bytes, ==, n * WN_CHANNEL_MESSAGE_MAX + 4);
    g_assert_cmpstr(f->b.trace->str, ==, "3:last ");
    g_assert_cmpuint(wn_channel_queued(f->a.channel), ==, 0);
    g_assert_cmpuint(count_open_fds(), ==, before + 1);
}

static void
test_batches_are_bounded(Fixture *f, gconstpointer data)
{
    (void)data;
    for (int i = 0; i < 100; i++)
        wn_channel_send(f->a.channel, 1, WN_SPAN("m"), -1);
    wn_loop_turn(f->loop);
    g_assert_cmpuint(f->b.n_messages, ==, 64);
    wn_loop_turn(f->loop);
    g_assert_cmpuint(f->b.n_messages, ==, 100);
}

static void
test_peer_gone(Fixture *f, gconstpointer data)
{
    (void)data;
    wn_channel_send(f->b.channel, 5, WN_SPAN("last words"), -1);
    wn_channel_send(f->a.channel, 6, WN_SPAN("unread"), -1);
    g_clear_pointer(&f->b.channel, wn_channel_free);
    wn_channel_send(f->a.channel, 9, WN_SPAN("too late"), -1);
    g_assert_cmpint(f->a.closed, ==, 0);
    turns(f, 3);
    g_assert_cmpstr(f->a.trace->str, ==, "5:last words ");
    g_assert_cmpint(f->a.closed, ==, 1);
    wn_channel_send(f->a.channel, 9, WN_SPAN("much too late"), -1);
    turns(f, 2);
    g_assert_cmpint(f->a.closed, ==, 1);
}

static void
test_freed_inside(Fixture *f, gconstpointer data)
{
    (void)data;
    f->b.free_on_message = true;
    f->a.free_on_close = true;
    wn_channel_send(f->a.channel, 1, WN_SPAN("one"), -1);
    wn_channel_send(f->a.channel, 1, WN_SPAN("two"), -1);
    turns(f, 4);
    g_assert_cmpuint(f->b.n_messages, ==, 1);
    g_assert_cmpint(f->a.closed, ==, 1);
    g_assert_null(f->a.channel);
}

typedef struct Malformed {
    const char *name;
    const char *bytes;
    size_t len;
    int n_fds;
} Malformed;

static const Malformed malformed[] = {
    { "short-header", "\1\0\1\0", 4, 0 },
    { "other-version", "\2\0\1\0\0\0\0\0", 8, 0 },
    { "length-too-small", "\1\0\1\0\0\0\0\0x", 9, 0 },
    { "length-too-large", "\1\0\1\0\2\0\0\0x", 9, 0 },
    { "length-huge", "\1\0\1\0\xff\xff\xff\xffx", 9, 0 },
    { "two-descriptors", "\1\0\1\0\1\0\0\0x", 9, 2 },
    { "five-descriptors", "\1\0\1\0\1\0\0\0x", 9, 5 },
    { "descriptor-and-bad-length", "\1\0\1\0\2\0\0\0x", 9, 1 },
};

static void
send_raw(int fd, const Malformed *packet)
{
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(5 * sizeof(int))];
    } control = { 0 };
    g_autofree char *bytes = g_memdup2(packet->bytes, packet->len);
    struct iovec part = { bytes, packet->len };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    int passed[5] = { 2, 2, 2, 2, 2 };

    if (packet->n_fds > 0) {
        size_t len = (size_t)packet->n_fds * sizeof(int);

        message.msg_control = control.space;
        message.msg_controllen = CMSG_SPACE(len);
        control.align.cmsg_level = SOL_SOCKET;
        control.align.cmsg_type = SCM_RIGHTS;
        control.align.cmsg_len = CMSG_LEN(len);
        memcpy(CMSG_DATA(&control.align), passed, len);
    }
    g_assert_cmpint(sendmsg(fd, &message, 0), ==, packet->len);
}

static void
test_malformed(Fixture *f, gconstpointer data)
{
    const Malformed *packet = data;
    Malformed good = { "good", "\1\0\1\0\0\0\0\0", 8, 0 };
    size_t before = count_open_fds();

    send_raw(f->raw, packet);
    send_raw(f->raw, &good);
    turns(f, 3);
    g_assert_cmpuint(f->a.n_messages, ==, 0);
    g_assert_cmpint(f->a.closed, ==, 1);
    g_assert_cmpuint(count_open_fds(), ==, before);
}

static void
test_too_large(Fixture *f, gconstpointer data)
{
    size_t len = 8 + WN_CHANNEL_MESSAGE_MAX + 1;
    g_autofree char *packet = g_malloc0(len);
    uint32_t length = WN_CHANNEL_MESSAGE_MAX + 1;

    (void)data;
    packet[0] = 1;
    memcpy(packet + 4, &length, sizeof(length));
    g_assert_cmpint(send(f->raw, packet, len, 0), ==, len);
    turns(f, 2);
    g_assert_cmpuint(f->a.n_messages, ==, 0);
    g_assert_cmpint(f->a.closed, ==, 1);
}

static void
on_accept(void *user, int take_fd, const WnNetaddr *peer)
{
    Fixture *f = user;

    g_assert_cmpint(peer->len, ==, 0);
    side_open(&f->b, f->loop, take_fd);
}

static void
test_dial(void)
{
    Fixture f = { .loop = wn_loop_new(), .a.fd = -1, .b.fd = -1 };
    g_autofree char *dir = g_dir_make_tmp("wn-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "socket", NULL);
    g_autoptr(WnListener) listener = NULL;
    g_autoptr(GError) error = NULL;
    struct stat info;
    int fd;

    g_assert_cmpint(wn_channel_dial(path), ==, -1);
    g_assert_cmpint(errno, ==, ENOENT);
    fd = wn_listener_bind_unix(path, SOCK_SEQPACKET, &error);
    g_assert_no_error(error);
    g_assert_cmpint(stat(path, &info), ==, 0);
    g_assert_cmpint(info.st_mode & 0777, ==, 0600);
    listener = wn_listener_new(f.loop, fd, NULL, on_accept, &f);
    fd = wn_channel_dial(path);
    g_assert_cmpint(fd, >=, 0);
    side_open(&f.a, f.loop, fd);
    wn_channel_send(f.a.channel, 4, WN_SPAN("through the file"), -1);
    turns(&f, 3);
    g_assert_cmpstr(f.b.trace->str, ==, "4:through the file ");
    side_clear(&f.a);
    side_clear(&f.b);
    g_clear_pointer(&listener, wn_listener_free);
    wn_loop_free(f.loop);
    g_unlink(path);
    g_rmdir(dir);
}

static void
add(const char *name, gconstpointer data,
    void (*test)(Fixture *, gconstpointer))
{
    g_autofree char *path = g_strconcat("/event/channel/", name, NULL);

    g_test_add(path, Fixture, data, set_up, test, tear_down);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add("messages", NULL, test_messages);
    add("descriptor", NULL, test_descriptor);
    add("backlog", NULL, test_backlog);
    add("batches-are-bounded", NULL, test_batches_are_bounded);
    add("peer-gone", NULL, test_peer_gone);
    add("freed-inside", NULL, test_freed_inside);
    for (size_t i = 0; i < G_N_ELEMENTS(malformed); i++)
        add(malformed[i].name, &malformed[i], test_malformed);
    add("too-large", "raw", test_too_large);
    g_test_add_func("/event/channel/dial", test_dial);
    return g_test_run();
}
