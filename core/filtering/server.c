/* SPDX-License-Identifier: MIT */
#include "core/filtering/server.h"

#include "core/base/fd.h"
#include "core/base/log.h"

#include <sys/mman.h>
#include <sys/stat.h>

struct WnFilterServer {
    WnLoop *loop;
    WnEngine *engine;
    WnChannel *channel;
    WnWriter writer;
    GHashTable *jobs; /* Job, set */
    WnFilterServerClosedFn on_closed;
    void *user;
};

/* One request under way: everything it borrows lives here. */
typedef struct Job {
    WnFilterServer *server;
    WnArena *arena;
    WnRequest request;
    WnEngineJob *engine_job;
    void *map;
    size_t map_len;
} Job;

static void
job_free(Job *job)
{
    if (job->map != NULL)
        munmap(job->map, job->map_len);
    wn_arena_free(job->arena);
    g_free(job);
}

static void
server_close(WnFilterServer *self, WnServerEnd end)
{
    g_clear_pointer(&self->channel, wn_channel_free);
    self->on_closed(self->user, end);
}

/* No decision at all is what the asker takes for "could not be answered". */
static void
write_empty(WnFilterServer *self, const WnResponse *response)
{
    WnResponse empty = { .serial = response->serial,
        .rdns_status = WN_PTR_UNKNOWN,
        .rdns = WN_SPAN_EMPTY };

    wn_writer_reset(&self->writer);
    wn_response_write(&empty, &self->writer);
}

static void
send_as_file(WnFilterServer *self, const WnResponse *response)
{
    wn_autofd fd = -1;

    if (self->writer.bytes->len <= WN_RESPONSE_BYTES_MAX)
        fd = wn_fd_sealed_memory("response", wn_writer_span(&self->writer));
    if (fd >= 0) {
        wn_channel_send(self->channel, WN_FILTERING_RESPONSE_FILE,
            WN_SPAN_EMPTY, fd);
        return;
    }
    wn_remark(WN_LEVEL_ERROR, "a response of %u bytes cannot be sent",
        self->writer.bytes->len);
    write_empty(self, response);
    wn_channel_send(self->channel, WN_FILTERING_RESPONSE,
        wn_writer_span(&self->writer), -1);
}

static void
send_response(WnFilterServer *self, const WnResponse *response)
{
    wn_writer_reset(&self->writer);
    wn_response_write(response, &self->writer);
    if (self->writer.bytes->len <= WN_CHANNEL_MESSAGE_MAX)
        wn_channel_send(self->channel, WN_FILTERING_RESPONSE,
            wn_writer_span(&self->writer), -1);
    else
        send_as_file(self, response);
}

static void
on_response(void *user, const WnResponse *response)
{
    Job *job = user;
    WnFilterServer *self = job->server;

    if (self->channel != NULL)
        send_response(self, response);
    g_hash_table_remove(self->jobs, job);
    job_free(job);
}

/* A large message comes as a file.  The size is the file's own: the peer may
 * not promise more than there is. */
static bool
map_message(Job *job, int fd)
{
    struct stat st;
    size_t len = (size_t)job->request.message_len;

    if (fd < 0 || fstat(fd, &st) != 0 || st.st_size < 0
        || (uint64_t)st.st_size < job->request.message_len || len == 0)
        return false;
    job->map = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
    if (job->map == MAP_FAILED) {
        job->map = NULL;
        return false;
    }
    job->map_len = len;
    job->request.message = wn_span(job->map, len);
    return true;
}

static bool
read_request(Job *job, WnSpan payload, int fd)
{
    WnSpan copy = wn_arena_copy(job->arena, payload);
    bool inline_message;

    if (!wn_request_read(copy, job->arena, &job->request, &inline_message))
        return false;
    return job->request.kind != WN_REQUEST_MESSAGE || inline_message
           || map_message(job, fd);
}

static bool
begin(WnFilterServer *self, WnSpan payload, int fd)
{
    Job *job = g_new0(Job, 1);

    job->server = self;
    job->arena = wn_arena_new(0);
    if (!read_request(job, payload, fd)) {
        job_free(job);
        return false;
    }
    job->engine_job = wn_engine_ask(self->engine, &job->request, on_response,
        job);
    if (job->engine_job != NULL)
        g_hash_table_add(self->jobs, job);
    else
        job_free(job);
    return true;
}

static void
on_message(void *user, uint16_t type, WnSpan payload, int take_fd)
{
    WnFilterServer *self = user;
    wn_autofd fd = take_fd;

    if (type == WN_FILTERING_REQUEST && begin(self, payload, fd))
        return;
    wn_remark(WN_LEVEL_ERROR, "malformed request from winnow-smtp");
    server_close(self, WN_SERVER_BROKEN);
}

static void
on_channel_closed(void *user)
{
    server_close(user, WN_SERVER_DESERTED);
}

WnFilterServer *
wn_filter_server_new(WnLoop *loop, WnEngine *engine, int take_fd,
    WnFilterServerClosedFn on_closed, void *user)
{
    WnFilterServer *self = g_new0(WnFilterServer, 1);

    self->loop = loop;
    self->engine = engine;
    self->on_closed = on_closed;
    self->user = user;
    self->jobs = g_hash_table_new(NULL, NULL);
    wn_writer_init(&self->writer);
    self->channel = wn_channel_new(loop, take_fd, on_message, on_channel_closed,
        self);
    return self;
}

void
wn_filter_server_free(WnFilterServer *self)
{
    GHashTableIter iter;
    gpointer key;

    if (self == NULL)
        return;
    g_clear_pointer(&self->channel, wn_channel_free);
    g_hash_table_iter_init(&iter, self->jobs);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        Job *job = key;

        wn_engine_cancel(job->engine_job);
        job_free(job);
    }
    g_hash_table_unref(self->jobs);
    wn_writer_clear(&self->writer);
    g_free(self);
}
