/* SPDX-License-Identifier: MIT */
#include "core/event/stream.h"

#include "core/base/clock.h"
#include "core/base/fd.h"
#include "core/event/listener.h"

#include <glib.h>
#include <sys/socket.h>
#include <unistd.h>

#define BIG (8 * 1024 * 1024)

typedef enum { KEEP, FREE_ON_INPUT, FINISH_ON_INPUT, ECHO } Reaction;

typedef struct Fixture {
    WnLoop *loop;
    WnStream *stream;
    GString *events; /* one letter each */
    GString *input;
    Reaction reaction;
    bool consume;
    int peer; /* blocking unless a test changes it */
} Fixture;

static void
take_input(Fixture *f, WnStream *stream)
{
    WnSpan bytes = wn_stream_peek(stream);

    if (!f->consume)
        return;
    g_string_append_len(f->input, bytes.ptr, (gssize)bytes.len);
    if (f->reaction == ECHO)
        wn_stream_write(stream, bytes);
    wn_stream_consume(stream, bytes.len);
}

static void
on_event(void *user, WnStream *stream, WnStreamEvent event)
{
    Fixture *f = user;

    g_assert_true(stream == f->stream);
    g_string_append_c(f->events, "CIDSEX"[event]);
    if (event != WN_STREAM_INPUT)
        return;
    take_input(f, stream);
    if (f->reaction == FREE_ON_INPUT)
        g_clear_pointer(&f->stream, wn_stream_free);
    if (f->reaction != FINISH_ON_INPUT)
        return;
    wn_stream_write(stream, WN_SPAN("bye"));
    f->stream = NULL;
    wn_stream_finish(stream, 1000);
}

static void
set_up(Fixture *f, gconstpointer data)
{
    int fds[2];

    (void)data;
    wn_clock_fake(1000000, 0);
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
    f->loop = wn_loop_new();
    f->events = g_string_new(NULL);
    f->input = g_string_new(NULL);
    f->consume = true;
    f->peer = fds[1];
    f->stream = wn_stream_new(f->loop, fds[0], on_event, f);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    (void)data;
    wn_stream_free(f->stream);
    wn_loop_free(f->loop);
    g_string_free(f->events, TRUE);
    g_string_free(f->input, TRUE);
    wn_fd_close(f->peer);
}

static void
turns(Fixture *f, int n)
{
    for (int i = 0; i < n; i++)
        wn_loop_turn(f->loop);
}

static void
peer_says(Fixture *f, WnSpan bytes)
{
    g_assert_true(wn_fd_write_all(f->peer, bytes));
}

/* What is there for the peer, at most a few bytes. */
static char *
peer_hears(Fixture *f)
{
    char text[256];
    ssize_t n = recv(f->peer, text, sizeof(text) - 1, MSG_DONTWAIT);

    return n < 0 ? g_strdup("(nothing)") : g_strndup(text, (gsize)n);
}

#define assert_peer_hears(f, expected)          \
    do {                                        \
        g_autofree char *heard = peer_hears(f); \
        g_assert_cmpstr(heard, ==, expected);   \
    } while (0)

static void
test_echo(Fixture *f, gconstpointer data)
{
    (void)data;
    f->reaction = ECHO;
    peer_says(f, WN_SPAN("one\r\n"));
    turns(f, 1);
    assert_peer_hears(f, "one\r\n");
    g_assert_cmpstr(f->events->str, ==, "I");
    g_assert_cmpuint(wn_stream_pending(f->stream), ==, 0);
}

static void
test_writes_are_collected(Fixture *f, gconstpointer data)
{
    (void)data;
    wn_stream_write(f->stream, WN_SPAN("a"));
    wn_stream_write(f->stream, WN_SPAN("b"));
    g_assert_cmpuint(wn_stream_pending(f->stream), ==, 2);
    assert_peer_hears(f, "(nothing)");
    turns(f, 1);
    assert_peer_hears(f, "ab");
    wn_stream_write(f->stream, WN_SPAN("c"));
    wn_stream_flush(f->stream);
    assert_peer_hears(f, "c");
    turns(f, 1);
    assert_peer_hears(f, "(nothing)");
    g_assert_cmpstr(f->events->str, ==, "");
}

static void
test_input_is_bounded(Fixture *f, gconstpointer data)
{
    g_autofree char *big = g_malloc0(WN_STREAM_INPUT_MAX * 4);
    size_t len;

    (void)data;
    f->consume = false;
    wn_fd_set_nonblocking(f->peer);
    g_assert_cmpint(write(f->peer, big, WN_STREAM_INPUT_MAX * 4), >,
        WN_STREAM_INPUT_MAX);
    turns(f, 4);
    len = wn_stream_peek(f->stream).len;
    g_assert_cmpuint(len, ==, WN_STREAM_INPUT_MAX);
    g_string_truncate(f->events, 0);
    turns(f, 2);
    g_assert_cmpstr(f->events->str, ==, "");
    wn_stream_consume(f->stream, 10);
    turns(f, 2);
    g_assert_cmpuint(wn_stream_peek(f->stream).len, ==, WN_STREAM_INPUT_MAX);
}

/* Content survives the way through several reads and scratch space. */
static void
test_input_is_intact(Fixture *f, gconstpointer data)
{
    g_autoptr(GString) sent = g_string_new(NULL);

    (void)data;
    for (int i = 0; i < 30000; i++)
        g_string_append_printf(sent, "%d,", i);
    for (size_t at = 0; at < sent->len;) {
        WnSpan rest = wn_span(sent->str + at, sent->len - at);

        rest = wn_span_slice(rest, 0, at % 50000 + 1);
        peer_says(f, rest);
        at += rest.len;
        turns(f, 1);
    }
    turns(f, 4);
    g_assert_cmpuint(f->input->len, ==, sent->len);
    g_assert_cmpstr(f->input->str, ==, sent->str);
}

static void
test_reading_off(Fixture *f, gconstpointer data)
{
    (void)data;
    wn_stream_set_reading(f->stream, false);
    peer_says(f, WN_SPAN("later"));
    turns(f, 3);
    g_assert_cmpstr(f->events->str, ==, "");
    wn_stream_set_reading(f->stream, true);
    turns(f, 2);
    g_assert_cmpstr(f->events->str, ==, "I");
    g_assert_cmpstr(f->input->str, ==, "later");
}

static void
test_half_close(Fixture *f, gconstpointer data)
{
    (void)data;
    peer_says(f, WN_SPAN("QUIT\r\n"));
    shutdown(f->peer, SHUT_WR);
    turns(f, 3);
    g_assert_cmpstr(f->events->str, ==, "IE");
    wn_stream_write(f->stream, WN_SPAN("221 bye"));
    turns(f, 2);
    assert_peer_hears(f, "221 bye");
    g_assert_cmpstr(f->events->str, ==, "IE");
}

/* After its end a peer costs nothing: the loop must not spin. */
static void
test_end_is_quiet(Fixture *f, gconstpointer data)
{
    gint64 begin;

    (void)data;
    close(f->peer);
    f->peer = -1;
    turns(f, 2);
    g_assert_cmpstr(f->events->str, ==, "E");
    begin = g_get_monotonic_time();
    turns(f, 2);
    g_assert_cmpint(g_get_monotonic_time() - begin, >, 60 * 1000);
}

static size_t
drain_peer(Fixture *f)
{
    g_autofree char *room = g_malloc(1024 * 1024);
    size_t total = 0;

    for (int idle = 0; idle < 3;) {
        ssize_t n = recv(f->peer, room, 1024 * 1024, MSG_DONTWAIT);

        if (n > 0)
            total += (size_t)n;
        idle = n > 0 ? 0 : idle + 1;
        turns(f, n > 0 ? 1 : 2);
    }
    return total;
}

static void
test_slow_reader(Fixture *f, gconstpointer data)
{
    g_autofree char *big = g_malloc0(BIG);

    (void)data;
    wn_stream_write(f->stream, wn_span(big, BIG));
    turns(f, 2);
    g_assert_cmpuint(wn_stream_pending(f->stream), >, 0);
    g_assert_cmpstr(f->events->str, ==, "");
    g_assert_cmpuint(drain_peer(f), ==, BIG);
    g_assert_cmpstr(f->events->str, ==, "D");
    g_assert_cmpuint(wn_stream_pending(f->stream), ==, 0);
}

static void
test_write_to_the_dead(Fixture *f, gconstpointer data)
{
    (void)data;
    peer_says(f, WN_SPAN("554 go away\r\n"));
    close(f->peer);
    f->peer = -1;
    wn_stream_write(f->stream, WN_SPAN("MAIL"));
    wn_stream_flush(f->stream);
    g_assert_cmpstr(f->events->str, ==, "");
    turns(f, 4);
    g_assert_cmpstr(f->input->str, ==, "554 go away\r\n");
    g_assert_cmpstr(f->events->str, ==, "IX");
    g_assert_cmpstr(wn_stream_error(f->stream), ==, "write: Broken pipe");
    wn_stream_write(f->stream, WN_SPAN("dropped"));
    turns(f, 2);
    g_assert_cmpstr(f->events->str, ==, "IX");
}

static void
test_freed_inside(Fixture *f, gconstpointer data)
{
    (void)data;
    f->reaction = FREE_ON_INPUT;
    peer_says(f, WN_SPAN("x"));
    turns(f, 3);
    g_assert_cmpstr(f->events->str, ==, "I");
    assert_peer_hears(f, "");
}

static void
test_finished_inside(Fixture *f, gconstpointer data)
{
    (void)data;
    f->reaction = FINISH_ON_INPUT;
    peer_says(f, WN_SPAN("x"));
    turns(f, 3);
    assert_peer_hears(f, "bye");
    assert_peer_hears(f, "");
}

/* The last reply reaches a client that is still sending. */
static void
test_finish_discards(Fixture *f, gconstpointer data)
{
    (void)data;
    wn_stream_set_reading(f->stream, false);
    peer_says(f, WN_SPAN("much more that nobody reads"));
    turns(f, 1);
    wn_stream_write(f->stream, WN_SPAN("421 enough"));
    wn_stream_finish(f->stream, 5000);
    f->stream = NULL;
    turns(f, 1);
    peer_says(f, WN_SPAN("and more"));
    turns(f, 1);
    assert_peer_hears(f, "421 enough");
    assert_peer_hears(f, "");
    close(f->peer);
    f->peer = -1;
    turns(f, 2);
}

static void
test_linger_ends(Fixture *f, gconstpointer data)
{
    g_autofree char *big = g_malloc0(BIG);

    (void)data;
    wn_stream_write(f->stream, wn_span(big, BIG));
    wn_stream_finish(f->stream, 5000);
    f->stream = NULL;
    turns(f, 2);
    wn_clock_fake_step(5000);
    turns(f, 1);
    g_assert_cmpuint(drain_peer(f), <, BIG);
    assert_peer_hears(f, "");
}

static void
test_loop_ends_lingering(Fixture *f, gconstpointer data)
{
    g_autofree char *big = g_malloc0(BIG);

    (void)data;
    wn_stream_write(f->stream, wn_span(big, BIG));
    wn_stream_finish(f->stream, 5000);
    f->stream = NULL;
}

static void
on_accept(void *user, int take_fd, const WnNetaddr *peer)
{
    Fixture *f = user;

    g_assert_cmpint(peer->len, ==, 4);
    wn_fd_close(f->peer);
    f->peer = take_fd;
}

static WnNetaddr
listening_at(int fd)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof(sa);
    WnNetaddr address;

    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&sa, &len), ==, 0);
    g_assert_true(
        wn_netaddr_from_sockaddr((struct sockaddr *)&sa, len, &address));
    return address;
}

static int
listen_somewhere(WnNetaddr *out_address)
{
    g_autoptr(GError) error = NULL;
    WnNetaddr any;
    int fd;

    g_assert_true(wn_netaddr_parse_port(WN_SPAN("127.0.0.1:0"), 0, &any));
    fd = wn_listener_bind(&any, &error);
    g_assert_no_error(error);
    *out_address = listening_at(fd);
    return fd;
}

static void
test_connect(Fixture *f, gconstpointer data)
{
    g_autoptr(WnListener) listener = NULL;
    g_autoptr(GError) error = NULL;
    WnNetaddr to;
    WnNetaddr source;
    int fd = listen_somewhere(&to);

    (void)data;
    g_assert_true(wn_netaddr_parse(WN_SPAN("127.0.0.9"), &source));
    listener = wn_listener_new(f->loop, fd, NULL, on_accept, f);
    g_clear_pointer(&f->stream, wn_stream_free);
    f->stream = wn_stream_connect(f->loop, &to, &source, on_event, f, &error);
    g_assert_no_error(error);
    wn_stream_write(f->stream, WN_SPAN("early"));
    g_assert_cmpstr(f->events->str, ==, "");
    turns(f, 3);
    g_assert_cmpstr(f->events->str, ==, "C");
    assert_peer_hears(f, "early");
    source = listening_at(wn_stream_get_fd(f->stream));
    g_assert_cmpint(source.bytes[3], ==, 9);
}

static void
test_connect_refused(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    WnNetaddr to;

    (void)data;
    wn_fd_close(listen_somewhere(&to));
    g_clear_pointer(&f->stream, wn_stream_free);
    f->stream = wn_stream_connect(f->loop, &to, NULL, on_event, f, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(f->events->str, ==, "");
    turns(f, 3);
    g_assert_cmpstr(f->events->str, ==, "X");
    g_assert_cmpstr(wn_stream_error(f->stream), ==,
        "connect: Connection refused");
}

static void
test_connect_foreign_source(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    WnNetaddr to;
    WnNetaddr source;

    (void)data;
    g_assert_true(wn_netaddr_parse_port(WN_SPAN("127.0.0.1:9"), 0, &to));
    g_assert_true(wn_netaddr_parse(WN_SPAN("192.0.2.77"), &source));
    g_assert_null(
        wn_stream_connect(f->loop, &to, &source, on_event, f, &error));
    g_assert_nonnull(error);
    g_assert_nonnull(strstr(error->message, "source address 192.0.2.77"));
}

static void
add(const char *name, void (*test)(Fixture *, gconstpointer))
{
    g_autofree char *path = g_strconcat("/event/stream/", name, NULL);

    g_test_add(path, Fixture, NULL, set_up, test, tear_down);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add("echo", test_echo);
    add("writes-are-collected", test_writes_are_collected);
    add("input-is-bounded", test_input_is_bounded);
    add("input-is-intact", test_input_is_intact);
    add("reading-off", test_reading_off);
    add("half-close", test_half_close);
    add("end-is-quiet", test_end_is_quiet);
    add("slow-reader", test_slow_reader);
    add("write-to-the-dead", test_write_to_the_dead);
    add("freed-inside", test_freed_inside);
    add("finished-inside", test_finished_inside);
    add("finish-discards", test_finish_discards);
    add("linger-ends", test_linger_ends);
    add("loop-ends-lingering", test_loop_ends_lingering);
    add("connect", test_connect);
    add("connect-refused", test_connect_refused);
    add("connect-foreign-source", test_connect_foreign_source);
    return g_test_run();
}
