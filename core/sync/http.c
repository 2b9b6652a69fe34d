/* SPDX-License-Identifier: MIT */
#include "core/sync/http.h"

#include "core/base/fd.h"
#include "core/event/listener.h"
#include "core/event/stream.h"

#define REQUEST_MAX_MS (10 * 1000)
#define LINGER_MS (10 * 1000)

struct WnHttp {
    WnLoop *loop;
    WnListener *listener;
    GPtrArray *connections;
    WnHttpFn fn;
    void *user;
};

typedef struct Connection {
    WnHttp *http;
    WnStream *stream; /* NULL: handed to wn_stream_finish() */
    WnTimer deadline;
} Connection;

static void
connection_free(void *data)
{
    Connection *self = data;

    wn_timer_clear(&self->deadline);
    g_clear_pointer(&self->stream, wn_stream_free);
    g_free(self);
}

static void
connection_end(Connection *self)
{
    g_ptr_array_remove_fast(self->http->connections, self);
}

/* Where the empty line after the head begins; 0: it is not there yet. */
static size_t
head_len(WnSpan input)
{
    for (size_t i = 1; i < input.len; i++) {
        if (input.ptr[i] != '\n')
            continue;
        if (input.ptr[i - 1] == '\n'
            || (i >= 3 && memcmp(input.ptr + i - 3, "\r\n\r", 3) == 0))
            return i;
    }
    return 0;
}

static bool
is_version(WnSpan text)
{
    return text.len == 8 && memcmp(text.ptr, "HTTP/1.", 7) == 0
           && g_ascii_isdigit(text.ptr[7]);
}

static WnHttpRequest
parse_line(WnSpan line, WnSpan *out_path)
{
    WnSpan method = wn_span_take_word(&line);
    WnSpan path = wn_span_take_word(&line);
    const char *query = memchr(path.ptr, '?', path.len);

    if (!is_version(line) || path.len == 0 || path.ptr[0] != '/')
        return WN_HTTP_BAD;
    if (query != NULL)
        path.len = (size_t)(query - path.ptr);
    *out_path = path;
    if (wn_span_eq(method, WN_SPAN("GET")))
        return WN_HTTP_GET;
    if (wn_span_eq(method, WN_SPAN("HEAD")))
        return WN_HTTP_HEAD;
    return WN_HTTP_OTHER;
}

WnHttpRequest
wn_http_parse(WnSpan input, WnSpan *out_path)
{
    const char *lf;
    WnSpan head = wn_span_slice(input, 0, WN_HTTP_HEAD_MAX);

    if (head_len(head) == 0)
        return input.len >= WN_HTTP_HEAD_MAX ? WN_HTTP_BAD : WN_HTTP_MORE;
    lf = memchr(head.ptr, '\n', head.len);
    return parse_line(wn_span_trim(wn_span(head.ptr, (size_t)(lf - head.ptr))),
        out_path);
}

static const char *
reason_of(unsigned status)
{
    switch (status) {
    case 200:
        return "OK";
    case 400:
        return "Bad Request";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    default:
        return "Service Unavailable";
    }
}

static void
send_answer(Connection *self, const WnHttpAnswer *answer, bool with_body)
{
    g_autofree char *head = g_strdup_printf("HTTP/1.1 %u %s\r\nContent-Type: "
                                            "%s\r\nContent-Length: %zu\r\n"
                                            "Connection: close\r\n\r\n",
        answer->status, reason_of(answer->status), answer->type,
        answer->body->len);

    wn_stream_write(self->stream, wn_span_str(head));
    if (with_body)
        wn_stream_write(self->stream,
            wn_span(answer->body->str, answer->body->len));
    wn_stream_finish(g_steal_pointer(&self->stream), LINGER_MS);
    connection_end(self);
}

static void
answer_request(Connection *self, WnHttpRequest request, WnSpan path)
{
    g_autoptr(GString) body = g_string_new(NULL);
    WnHttpAnswer answer = { 404, "text/plain; charset=utf-8", body };

    if (request == WN_HTTP_BAD)
        answer.status = 400;
    else if (request == WN_HTTP_OTHER)
        answer.status = 405;
    else
        self->http->fn(self->http->user, path, &answer);
    if (answer.status != 200 && body->len == 0)
        g_string_append_printf(body, "%s\n", reason_of(answer.status));
    send_answer(self, &answer, request != WN_HTTP_HEAD);
}

static void
on_stream(void *user, WnStream *stream, WnStreamEvent event)
{
    Connection *self = user;
    WnSpan path = WN_SPAN_EMPTY;
    WnHttpRequest request;

    if (event != WN_STREAM_INPUT) {
        connection_end(self);
        return;
    }
    request = wn_http_parse(wn_stream_peek(stream), &path);
    if (request != WN_HTTP_MORE)
        answer_request(self, request, path);
}

static void
on_too_slow(void *user)
{
    connection_end(user);
}

static void
on_accept(void *user, int take_fd, const WnNetaddr *peer)
{
    WnHttp *self = user;
    Connection *connection;

    (void)peer;
    if (self->connections->len >= WN_HTTP_CONNECTIONS_MAX) {
        wn_fd_close(take_fd);
        return;
    }
    connection = g_new0(Connection, 1);
    connection->http = self;
    wn_timer_init(&connection->deadline, self->loop, on_too_slow, connection);
    wn_timer_set(&connection->deadline, REQUEST_MAX_MS);
    connection->stream = wn_stream_new(self->loop, take_fd, on_stream,
        connection);
    g_ptr_array_add(self->connections, connection);
}

WnHttp *
wn_http_new(WnLoop *loop, int take_fd, WnHttpFn fn, void *user)
{
    WnHttp *self = g_new0(WnHttp, 1);

    self->loop = loop;
    self->fn = fn;
    self->user = user;
    self->connections = g_ptr_array_new_with_free_func(connection_free);
    self->listener = wn_listener_new(loop, take_fd, NULL, on_accept, self);
    return self;
}

void
wn_http_free(WnHttp *self)
{
    if (self == NULL)
        return;
    wn_listener_free(self->listener);
    g_ptr_array_unref(self->connections);
    g_free(self);
}
