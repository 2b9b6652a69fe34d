/* SPDX-License-Identifier: MIT */
#include "core/filtering/client.h"

#include "core/base/clock.h"
#include "core/base/fd.h"
#include "core/base/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define SWEEP_MS 250

/* The rest of a request, without message, scopes and recipients. */
#define FACTS_MAX 4096

G_STATIC_ASSERT(WN_REQUEST_INLINE_MAX + WN_REQUEST_SCOPES_MAX * sizeof(uint32_t)
                    + WN_REQUEST_RECIPIENT_BYTES_MAX + FACTS_MAX
                <= WN_CHANNEL_MESSAGE_MAX);

struct WnFilterClient {
    WnLoop *loop;
    int64_t deadline_ms;
    WnChannel *channel; /* one of the two, or none */
    WnEngine *engine;
    GHashTable *tickets; /* uint64_t* -> WnFilterTicket */
    uint64_t next_serial;
    WnTimer sweep; /* deadlines: coarse, one timer for all tickets */
    WnWriter writer;
    WnArena *arena; /* of the response being told */

    GArray *suspects; /* uint64_t: to be asked again, one after another */
    uint64_t suspect; /* asked now; 0: none */
    int64_t suspect_at_ms;

    int64_t lost_at_ms; /* the process before; 0: there is one, or was none */
};

struct WnFilterTicket {
    WnFilterClient *client;
    uint64_t serial;
    uint32_t attempt; /* 0: not sent yet */
    int64_t deadline_at;
    const char *failure; /* known before the deadline; NULL */
    WnFilterFn fn;
    void *user;

    /* Of a process: to be asked again. */
    WnSpan head; /* encoded, up to the message's bytes; own */
    bool inside; /* the message travels behind the head */
    bool has_message;
    WnSpan message; /* borrowed */
    int message_fd; /* own duplicate, or -1 */

    /* Of an engine, which borrows the request. */
    WnEngineJob *job;
    WnArena *arena;
    WnRequest request;
};

static void
ticket_free(void *data)
{
    WnFilterTicket *ticket = data;

    if (ticket->job != NULL)
        wn_engine_cancel(ticket->job);
    g_clear_pointer(&ticket->arena, wn_arena_free);
    g_free((char *)(uintptr_t)ticket->head.ptr);
    wn_fd_close(ticket->message_fd);
    g_free(ticket);
}

/* The only place that calls back.  The ticket goes last: a response may show
 * what the ticket holds. */
static void
ticket_finish(WnFilterTicket *ticket, const WnResponse *response,
    const char *reason)
{
    g_hash_table_steal(ticket->client->tickets, &ticket->serial);
    ticket->fn(ticket->user, response, reason);
    ticket_free(ticket);
}

/* The sweep tells its owner. */
static void
ticket_fail(WnFilterTicket *ticket, const char *why)
{
    ticket->failure = why;
    ticket->deadline_at = 0;
    wn_timer_set(&ticket->client->sweep, 0);
}

/* Sends what stands in the writer. */
static void
ticket_post(WnFilterTicket *ticket)
{
    WnFilterClient *self = ticket->client;

    ticket->attempt++;
    wn_write_u32_at(&self->writer, WN_REQUEST_ATTEMPT_OFFSET, ticket->attempt);
    wn_channel_send(self->channel, WN_FILTERING_REQUEST,
        wn_writer_span(&self->writer), ticket->message_fd);
}

static void
ticket_ask_again(WnFilterTicket *ticket)
{
    WnFilterClient *self = ticket->client;

    wn_writer_reset(&self->writer);
    wn_write_raw(&self->writer, ticket->head.ptr, ticket->head.len);
    if (ticket->inside)
        wn_write_bytes(&self->writer, ticket->message);
    ticket_post(ticket);
}

/*
 * After a death
 */

static void
ask_next_suspect(WnFilterClient *self)
{
    self->suspect = 0;
    while (self->suspects->len > 0 && self->suspect == 0) {
        uint64_t serial = g_array_index(self->suspects, uint64_t, 0);
        WnFilterTicket *ticket = g_hash_table_lookup(self->tickets, &serial);

        g_array_remove_index(self->suspects, 0);
        if (ticket == NULL)
            continue;
        self->suspect = serial;
        self->suspect_at_ms = wn_clock_mono_ms();
        ticket_ask_again(ticket);
    }
}

static void
note_gone(WnFilterClient *self, uint64_t serial)
{
    if (serial == self->suspect && self->channel != NULL)
        ask_next_suspect(self);
}

static gint
compare_serials(gconstpointer a, gconstpointer b)
{
    const WnFilterTicket *one = a;
    const WnFilterTicket *other = b;

    return one->serial < other->serial ? -1 : one->serial > other->serial;
}

static void
ask_all_again(WnFilterClient *self)
{
    g_autoptr(GList) waiting = g_hash_table_get_values(self->tickets);

    waiting = g_list_sort(waiting, compare_serials);
    g_array_set_size(self->suspects, 0);
    for (GList *at = waiting; at != NULL; at = at->next) {
        WnFilterTicket *ticket = at->data;

        if (ticket->failure != NULL)
            continue;
        if (ticket->attempt >= WN_FILTER_ATTEMPTS_MAX)
            ticket_fail(ticket, "the filter process died over it");
        else if (ticket->attempt > 0 && ticket->has_message)
            g_array_append_val(self->suspects, ticket->serial);
        else
            ticket_ask_again(ticket);
    }
    ask_next_suspect(self);
}

/*
 * The client
 */

static WnFilterTicket *
find_late(WnFilterClient *self, int64_t now)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, self->tickets);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        if (((WnFilterTicket *)value)->deadline_at <= now)
            return value;
    return NULL;
}

/* A callback may ask and forget, so the search begins anew after each. */
static void
end_late(WnFilterClient *self, int64_t now)
{
    WnFilterTicket *ticket;

    while ((ticket = find_late(self, now)) != NULL) {
        uint64_t serial = ticket->serial;

        if (ticket->job != NULL)
            wn_engine_cancel(g_steal_pointer(&ticket->job));
        ticket_finish(ticket, NULL,
            ticket->failure != NULL ? ticket->failure
                                    : "no answer within the deadline");
        note_gone(self, serial);
    }
}

/* There was a process, and no other one has come. */
static bool
is_deserted(const WnFilterClient *self, int64_t now)
{
    return self->lost_at_ms != 0
           && now - self->lost_at_ms >= WN_FILTER_ABSENT_MS;
}

static void
give_up_all(WnFilterClient *self)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, self->tickets);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        ticket_fail(value, "no filter process could be had");
}

static void
on_sweep(void *user)
{
    WnFilterClient *self = user;
    int64_t now = wn_clock_mono_ms();

    if (is_deserted(self, now))
        give_up_all(self);
    end_late(self, now);
    if (self->suspect != 0 && self->channel != NULL
        && now - self->suspect_at_ms >= WN_FILTER_PACE_MS)
        ask_next_suspect(self);
    if (g_hash_table_size(self->tickets) > 0 && !wn_timer_is_set(&self->sweep))
        wn_timer_set(&self->sweep, SWEEP_MS);
}

WnFilterClient *
wn_filter_client_new(WnLoop *loop, int64_t deadline_ms)
{
    WnFilterClient *self = g_new0(WnFilterClient, 1);

    self->loop = loop;
    self->deadline_ms = deadline_ms;
    self->next_serial = 1;
    self->tickets = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL,
        ticket_free);
    self->suspects = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    self->arena = wn_arena_new(0);
    wn_timer_init(&self->sweep, loop, on_sweep, self);
    wn_writer_init(&self->writer);
    return self;
}

void
wn_filter_client_free(WnFilterClient *self)
{
    if (self == NULL)
        return;
    g_hash_table_unref(self->tickets);
    g_clear_pointer(&self->channel, wn_channel_free);
    g_array_unref(self->suspects);
    wn_arena_free(self->arena);
    wn_timer_clear(&self->sweep);
    wn_writer_clear(&self->writer);
    g_free(self);
}

static bool
tell(WnFilterClient *self, WnSpan bytes)
{
    WnResponse response;
    WnFilterTicket *ticket;
    uint64_t serial;

    wn_arena_reset(self->arena);
    if (!wn_response_read(bytes, self->arena, &response))
        return false;
    serial = response.serial;
    ticket = g_hash_table_lookup(self->tickets, &serial);
    if (ticket != NULL) /* else it was forgotten meanwhile */
        ticket_finish(ticket, &response, NULL);
    wn_response_clear(&response);
    note_gone(self, serial);
    return true;
}

/* Read, not mapped: the process could cut off what is mapped. */
static bool
tell_file(WnFilterClient *self, int fd)
{
    g_autofree char *bytes = NULL;
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0 || st.st_size <= 0
        || st.st_size > WN_RESPONSE_BYTES_MAX)
        return false;
    bytes = g_malloc((size_t)st.st_size);
    return wn_fd_pread_all(fd, bytes, (size_t)st.st_size, 0)
           && tell(self, wn_span(bytes, (size_t)st.st_size));
}

static void
on_message(void *user, uint16_t type, WnSpan payload, int take_fd)
{
    WnFilterClient *self = user;
    wn_autofd fd = take_fd;
    bool good = false;

    if (type == WN_FILTERING_RESPONSE)
        good = tell(self, payload);
    else if (type == WN_FILTERING_RESPONSE_FILE)
        good = tell_file(self, fd);
    if (!good)
        wn_remark(WN_LEVEL_ERROR, "malformed response from winnow-filter");
}

/* Requests under way stay: the next attach asks them again, the sweep ends
 * those that waited too long. */
static void
on_closed(void *user)
{
    WnFilterClient *self = user;

    g_clear_pointer(&self->channel, wn_channel_free);
    self->lost_at_ms = wn_clock_mono_ms();
    wn_remark(WN_LEVEL_WARNING,
        "lost winnow-filter; %u requests wait for another",
        g_hash_table_size(self->tickets));
}

void
wn_filter_client_attach(WnFilterClient *self, int take_fd)
{
    g_clear_pointer(&self->channel, wn_channel_free);
    self->channel = wn_channel_new(self->loop, take_fd, on_message, on_closed,
        self);
    self->lost_at_ms = 0;
    ask_all_again(self);
}

void
wn_filter_client_attach_engine(WnFilterClient *self, WnEngine *engine)
{
    self->engine = engine;
}

bool
wn_filter_client_is_attached(const WnFilterClient *self)
{
    return self->channel != NULL || self->engine != NULL;
}

/*
 * Asking
 */

static void
ask_unanswered(WnFilterClient *self, const WnRequest *request)
{
    if (self->engine != NULL) {
        wn_engine_ask(self->engine, request, NULL, NULL);
        return;
    }
    if (self->channel == NULL)
        return;
    wn_writer_reset(&self->writer);
    wn_request_write(request, false, &self->writer);
    wn_channel_send(self->channel, WN_FILTERING_REQUEST,
        wn_writer_span(&self->writer), -1);
}

static WnFilterTicket *
ticket_new(WnFilterClient *self, WnFilterFn fn, void *user)
{
    WnFilterTicket *ticket = g_new0(WnFilterTicket, 1);

    ticket->client = self;
    ticket->serial = self->next_serial++;
    ticket->deadline_at = wn_clock_mono_ms() + self->deadline_ms;
    ticket->fn = fn;
    ticket->user = user;
    ticket->message_fd = -1;
    g_hash_table_insert(self->tickets, &ticket->serial, ticket);
    if (!wn_timer_is_set(&self->sweep))
        wn_timer_set(&self->sweep, SWEEP_MS);
    return ticket;
}

static void
on_engine(void *user, const WnResponse *response)
{
    WnFilterTicket *ticket = user;

    ticket->job = NULL;
    ticket_finish(ticket, response, NULL);
}

/* The engine gets a copy made the same way as for a process. */
static void
ask_engine(WnFilterTicket *ticket, const WnRequest *request)
{
    WnFilterClient *self = ticket->client;
    bool inside;

    ticket->arena = wn_arena_new(0);
    wn_writer_reset(&self->writer);
    wn_request_write(request, false, &self->writer);
    if (!wn_request_read(wn_arena_copy(ticket->arena,
                             wn_writer_span(&self->writer)),
            ticket->arena, &ticket->request, &inside))
        g_assert_not_reached();
    ticket->request.attempt = ticket->attempt = 1;
    ticket->request.message = request->message;
    ticket->job = wn_engine_ask(self->engine, &ticket->request, on_engine,
        ticket);
}

/* The other side may read the file, and no more than that. */
static int
share_file(int fd)
{
    char path[40];

    g_snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static int
share_message(const WnRequest *request, int fd)
{
    int shared = fd >= 0 ? share_file(fd) : -1;

    return shared >= 0 ? shared
                       : wn_fd_sealed_memory("message", request->message);
}

static void
ask_process(WnFilterTicket *ticket, const WnRequest *request, int fd)
{
    WnFilterClient *self = ticket->client;
    size_t head_len;

    ticket->has_message = request->kind == WN_REQUEST_MESSAGE;
    ticket->message = request->message;
    ticket->inside = ticket->has_message
                     && request->message.len <= WN_REQUEST_INLINE_MAX;
    wn_writer_reset(&self->writer);
    wn_request_write(request, ticket->inside, &self->writer);
    if (self->writer.bytes->len > WN_CHANNEL_MESSAGE_MAX) {
        ticket_fail(ticket, "the request is too large");
        return;
    }
    head_len = self->writer.bytes->len
               - (ticket->inside ? sizeof(uint32_t) + request->message.len : 0);
    ticket->head = wn_span(g_memdup2(self->writer.bytes->data, head_len),
        head_len);
    if (ticket->has_message && !ticket->inside)
        ticket->message_fd = share_message(request, fd);
    if (ticket->has_message && !ticket->inside && ticket->message_fd < 0)
        ticket_fail(ticket, "no descriptor for the message");
    else if (self->channel != NULL)
        ticket_post(ticket);
}

WnFilterTicket *
wn_filter_ask(WnFilterClient *self, const WnRequest *request, int fd,
    WnFilterFn fn, void *user)
{
    WnFilterTicket *ticket;
    WnRequest copy = *request;

    if (request->kind == WN_REQUEST_AHEAD || request->kind == WN_REQUEST_RESET
        || request->kind == WN_REQUEST_CLOSE) {
        ask_unanswered(self, request);
        return NULL;
    }
    ticket = ticket_new(self, fn, user);
    copy.serial = ticket->serial;
    if (self->engine != NULL)
        ask_engine(ticket, &copy);
    else
        ask_process(ticket, &copy, fd);
    return ticket;
}

void
wn_filter_forget(WnFilterTicket *ticket)
{
    WnFilterClient *self = ticket->client;
    uint64_t serial = ticket->serial;

    g_hash_table_remove(self->tickets, &ticket->serial);
    note_gone(self, serial);
}
