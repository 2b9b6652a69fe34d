/* SPDX-License-Identifier: MIT */
#include "core/sync/http.h"

#include "core/base/fd.h"
#include "core/base/netaddr.h"
#include "core/event/listener.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

static void
test_parse(void)
{
    static const struct {
        const char *name;
        const char *input;
        WnHttpRequest expected;
        const char *path;
    } cases[] = {
        { "get", "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", WN_HTTP_GET,
            "/metrics" },
        { "1.0 without headers", "GET / HTTP/1.0\r\n\r\n", WN_HTTP_GET, "/" },
        { "bare lf", "GET /a HTTP/1.1\nHost: x\n\n", WN_HTTP_GET, "/a" },
        { "query", "GET /a?b=c HTTP/1.1\r\n\r\n", WN_HTTP_GET, "/a" },
        { "head", "HEAD /a HTTP/1.1\r\n\r\n", WN_HTTP_HEAD, "/a" },
        { "post", "POST /a HTTP/1.1\r\n\r\n", WN_HTTP_OTHER, "/a" },
        { "lower case is another method", "get /a HTTP/1.1\r\n\r\n",
            WN_HTTP_OTHER, "/a" },
        { "nothing", "", WN_HTTP_MORE, "" },
        { "line only", "GET / HTTP/1.1\r\n", WN_HTTP_MORE, "" },
        { "almost", "GET / HTTP/1.1\r\n\r", WN_HTTP_MORE, "" },
        { "0.9", "GET /\r\n\r\n", WN_HTTP_BAD, "" },
        { "absolute form", "GET http://x/ HTTP/1.1\r\n\r\n", WN_HTTP_BAD, "" },
        { "2.0", "PRI * HTTP/2.0\r\n\r\n", WN_HTTP_BAD, "" },
        { "no words", "\r\n\r\n", WN_HTTP_BAD, "" },
        { "four words", "GET / x HTTP/1.1\r\n\r\n", WN_HTTP_BAD, "" },
        { "tls", "\x16\x03\x01\n\n", WN_HTTP_BAD, "" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        WnSpan path = WN_SPAN_EMPTY;

        g_test_message("%s", cases[i].name);
        g_assert_cmpint(wn_http_parse(wn_span_str(cases[i].input), &path), ==,
            cases[i].expected);
        g_assert_true(wn_span_eq(path, wn_span_str(cases[i].path)));
    }
}

static void
test_parse_is_bounded(void)
{
    g_autofree char *text = g_strnfill(WN_HTTP_HEAD_MAX, 'x');
    WnSpan path;

    g_assert_cmpint(wn_http_parse(wn_span(text, WN_HTTP_HEAD_MAX - 1), &path),
        ==, WN_HTTP_MORE);
    g_assert_cmpint(wn_http_parse(wn_span(text, WN_HTTP_HEAD_MAX), &path), ==,
        WN_HTTP_BAD);
}

typedef struct Fixture {
    WnLoop *loop;
    WnHttp *http;
    struct sockaddr_storage sa;
    socklen_t sa_len;
} Fixture;

static void
on_request(void *user, WnSpan path, WnHttpAnswer *answer)
{
    (void)user;
    if (!wn_span_eq(path, WN_SPAN("/big")))
        return;
    answer->status = 200;
    g_string_set_size(answer->body, 1024 * 1024);
    memset(answer->body->str, 'b', answer->body->len);
}

static void
set_up(Fixture *self)
{
    WnNetaddr any = { .len = 4, .bytes = { 127, 0, 0, 1 } };
    int fd = wn_listener_bind(&any, NULL);

    g_assert_cmpint(fd, >=, 0);
    self->sa_len = sizeof(self->sa);
    getsockname(fd, (struct sockaddr *)&self->sa, &self->sa_len);
    self->loop = wn_loop_new();
    self->http = wn_http_new(self->loop, fd, on_request, self);
}

static void
tear_down(Fixture *self)
{
    wn_http_free(self->http);
    wn_loop_free(self->loop);
}

static int
dial(const Fixture *self)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_assert_cmpint(connect(fd, (const struct sockaddr *)&self->sa,
                        self->sa_len),
        ==, 0);
    return fd;
}

/* All that comes until the server closes. */
static GString *
exchange(Fixture *self, const char *request)
{
    GString *out = g_string_new(NULL);
    wn_autofd fd = dial(self);
    char room[65536];
    ssize_t n = -1;

    g_assert_cmpint(send(fd, request, strlen(request), MSG_NOSIGNAL), >, 0);
    for (int i = 0; i < 1000 && n != 0; i++) {
        wn_loop_turn(self->loop);
        n = recv(fd, room, sizeof(room), MSG_DONTWAIT);
        if (n > 0)
            g_string_append_len(out, room, n);
    }
    g_assert_cmpint(n, ==, 0);
    return out;
}

static void
test_served(void)
{
    static const struct {
        const char *request;
        const char *begins;
        size_t body_len;
    } cases[] = {
        { "GET /big HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n", 1024 * 1024 },
        { "HEAD /big HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n", 0 },
        { "GET /other HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found\r\n", 10 },
        { "PUT /big HTTP/1.1\r\n\r\n", "HTTP/1.1 405 Method", 19 },
        { "nonsense\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n", 12 },
    };
    Fixture self;

    set_up(&self);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GString) answer = exchange(&self, cases[i].request);
        const char *body = strstr(answer->str, "\r\n\r\n");

        g_test_message("%s", cases[i].request);
        g_assert_true(g_str_has_prefix(answer->str, cases[i].begins));
        g_assert_nonnull(body);
        g_assert_cmpint(strlen(body + 4), ==, cases[i].body_len);
    }
    tear_down(&self);
}

static void
test_connections_are_bounded(void)
{
    int fds[WN_HTTP_CONNECTIONS_MAX + 1];
    Fixture self;
    char byte;

    set_up(&self);
    for (size_t i = 0; i < G_N_ELEMENTS(fds); i++)
        fds[i] = dial(&self);
    for (int i = 0; i < 10; i++)
        wn_loop_turn(self.loop);
    for (size_t i = 0; i < G_N_ELEMENTS(fds); i++) {
        ssize_t n = recv(fds[i], &byte, 1, MSG_DONTWAIT);

        if (i < WN_HTTP_CONNECTIONS_MAX)
            g_assert_true(n < 0 && errno == EAGAIN);
        else
            g_assert_cmpint(n, ==, 0);
        close(fds[i]);
    }
    tear_down(&self);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/http/parse", test_parse);
    g_test_add_func("/http/parse-is-bounded", test_parse_is_bounded);
    g_test_add_func("/http/served", test_served);
    g_test_add_func("/http/connections-are-bounded",
        test_connections_are_bounded);
    return g_test_run();
}
