/* SPDX-License-Identifier: MIT */
#include "core/control/control.h"

#include "core/base/fd.h"
#include "core/base/log.h"
#include "core/control/callers.h"
#include "core/event/listener.h"
#include "core/event/stream.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_MAX (64 * 1024)
#define CALLS_MAX 64
#define REQUEST_TIMEOUT_MS (10 * 1000)
#define ANSWER_TIMEOUT_MS (120 * 1000)
#define PENDING_MAX (256 * 1024)

struct WnControlServer {
    WnLoop *loop;
    WnListener *listener;
    char *path;
    pid_t supervisor; /* 0: the user alone is looked at */
    GPtrArray *calls; /* not yet answered; they outlive the server */
    WnControlFn fn;
    void *user;
};

/*
 *    READING --whole request--> ASKED --wn_control_answer()--> freed
 *       |                         |
 *       +-- gone, too slow: freed +-- gone: stream is NULL, still to be
 * answered
 */
struct WnControlCall {
    WnControlServer *server; /* NULL: it is gone */
    WnStream *stream;        /* NULL: the asker is gone */
    WnTimer deadline;        /* while READING */
    bool asked;
    bool answering; /* its first byte is written */
};

static void
call_free(WnControlCall *self)
{
    if (self->server != NULL)
        g_ptr_array_remove_fast(self->server->calls, self);
    wn_timer_clear(&self->deadline);
    g_clear_pointer(&self->stream, wn_stream_free);
    g_free(self);
}

/* The length of a whole request, its empty word included; 0: more must come. */
static size_t
request_len(WnSpan bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        if (bytes.ptr[i] == '\0' && (i == 0 || bytes.ptr[i - 1] == '\0'))
            return i + 1;
    return 0;
}

/* Its words, each with the NUL that came with it. */
static GPtrArray *
split_words(const char *request)
{
    GPtrArray *words = g_ptr_array_new();

    for (const char *at = request; *at != '\0'; at += strlen(at) + 1)
        g_ptr_array_add(words, (void *)(gintptr)at);
    g_ptr_array_add(words, NULL);
    return words;
}

static void
call_hand_over(WnControlCall *self, size_t len)
{
    WnSpan request = wn_span_slice(wn_stream_peek(self->stream), 0, len);
    g_autofree char *copy = wn_span_dup(request);
    g_autoptr(GPtrArray) words = split_words(copy);

    wn_stream_consume(self->stream, len);
    wn_timer_unset(&self->deadline);
    self->asked = true;
    self->server->fn(self->server->user, self,
        (const char *const *)words->pdata);
}

static void
on_stream(void *user, WnStream *stream, WnStreamEvent event)
{
    WnControlCall *self = user;
    size_t len;

    if (self->asked) {
        /* It may close its side and wait for the answer; not so after an
         * error. */
        if (event == WN_STREAM_ERROR)
            g_clear_pointer(&self->stream, wn_stream_free);
        return;
    }
    len = request_len(wn_stream_peek(stream));
    if (len > 0 && len <= REQUEST_MAX)
        call_hand_over(self, len);
    else if (event != WN_STREAM_INPUT
             || wn_stream_peek(stream).len >= REQUEST_MAX)
        call_free(self);
}

static void
on_too_slow(void *user)
{
    call_free(user);
}

static void
on_accept(void *user, int take_fd, const WnNetaddr *peer)
{
    WnControlServer *self = user;
    WnControlCall *call;

    (void)peer;
    if (self->calls->len >= CALLS_MAX
        || !wn_caller_may_ask(take_fd, self->supervisor)) {
        wn_remark(WN_LEVEL_WARNING, "%s: a caller was turned away", self->path);
        wn_fd_close(take_fd);
        return;
    }
    call = g_new0(WnControlCall, 1);
    call->server = self;
    wn_timer_init(&call->deadline, self->loop, on_too_slow, call);
    wn_timer_set(&call->deadline, REQUEST_TIMEOUT_MS);
    g_ptr_array_add(self->calls, call);
    call->stream = wn_stream_new(self->loop, take_fd, on_stream, call);
}

WnControlServer *
wn_control_server_new(WnLoop *loop, const char *path, WnControlFn fn,
    void *user, GError **error)
{
    WnControlServer *self;
    int fd = wn_listener_bind_unix(path, SOCK_STREAM, error);

    if (fd < 0)
        return NULL;
    self = g_new0(WnControlServer, 1);
    self->loop = loop;
    self->path = g_strdup(path);
    self->calls = g_ptr_array_new();
    self->fn = fn;
    self->user = user;
    self->listener = wn_listener_new(loop, fd, NULL, on_accept, self);
    return self;
}

void
wn_control_server_refuse_below(WnControlServer *self, pid_t supervisor)
{
    self->supervisor = supervisor;
}

void
wn_control_server_free(WnControlServer *self)
{
    if (self == NULL)
        return;
    unlink(self->path); /* absent is fine: whoever listens next replaces it */
    wn_listener_free(self->listener);
    while (self->calls->len > 0) {
        WnControlCall *call = self->calls->pdata[0];

        if (!call->asked) {
            call_free(call);
            continue;
        }
        call->server = NULL;
        g_ptr_array_remove_index_fast(self->calls, 0);
    }
    g_ptr_array_unref(self->calls);
    g_free(self->path);
    g_free(self);
}

/* The first byte of all. */
static void
begin_answer(WnControlCall *call, WnExit exit)
{
    char digit = (char)('0' + (int)exit);

    g_assert(call->asked);
    if (!call->answering && call->stream != NULL)
        wn_stream_write(call->stream, wn_span(&digit, 1));
    call->answering = true;
}

bool
wn_control_write(WnControlCall *call, WnExit exit, GString *text)
{
    begin_answer(call, exit);
    if (call->stream != NULL)
        wn_stream_write(call->stream, wn_span(text->str, text->len));
    g_string_truncate(text, 0);
    return call->stream == NULL
           || wn_stream_pending(call->stream) < PENDING_MAX;
}

void
wn_control_answer(WnControlCall *call, WnExit exit, GString *take_text)
{
    begin_answer(call, exit);
    if (call->stream != NULL) {
        wn_stream_write(call->stream, wn_span(take_text->str, take_text->len));
        wn_stream_finish(g_steal_pointer(&call->stream), ANSWER_TIMEOUT_MS);
    }
    g_string_free(take_text, TRUE);
    call_free(call);
}

void
wn_control_answer_all(GPtrArray *calls, WnExit exit, const char *text)
{
    for (guint i = 0; i < calls->len; i++)
        wn_control_answer(calls->pdata[i], exit, g_string_new(text));
    g_ptr_array_set_size(calls, 0);
}

static bool
send_words(int fd, const char *const *words)
{
    g_autoptr(GByteArray) request = g_byte_array_new();

    for (size_t i = 0; words[i] != NULL; i++)
        g_byte_array_append(request, (const guint8 *)words[i],
            (guint)strlen(words[i]) + 1);
    g_byte_array_append(request, (const guint8 *)"", 1);
    /* Without SIGPIPE: whether somebody answers is seen below. */
    return send(fd, request->data, request->len, MSG_NOSIGNAL)
           == (ssize_t)request->len;
}

static bool
receive_all(int fd, GString *out)
{
    char room[16 * 1024];
    ssize_t n;

    do {
        n = read(fd, room, sizeof(room));
        if (n > 0)
            g_string_append_len(out, room, n);
    } while (n > 0 || (n < 0 && errno == EINTR));
    return n == 0;
}

static WnExit
fail(GString *out, const char *path, const char *why)
{
    g_string_printf(out, "%s: %s\n", path, why);
    return WN_EXIT_NO;
}

WnExit
wn_control_ask(const char *path, const char *const *words, GString *out)
{
    wn_autofd fd = wn_fd_dial(path, SOCK_STREAM);
    int saved = errno;
    char digit;

    if (fd < 0 && (saved == ECONNREFUSED || saved == ENOENT))
        return WN_EXIT_NOT_RUNNING;
    if (fd < 0)
        return fail(out, path, g_strerror(saved));
    g_string_truncate(out, 0);
    if (!send_words(fd, words) || !receive_all(fd, out) || out->len == 0)
        return fail(out, path, "no answer");
    digit = out->str[0];
    g_string_erase(out, 0, 1);
    if (digit < '0' || digit > '3')
        return fail(out, path, "not an answer of winnow");
    return (WnExit)(digit - '0');
}
