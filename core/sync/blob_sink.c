/* SPDX-License-Identifier: MIT */
#include "core/sync/blob_sink.h"

#include "core/base/fd.h"

#include <errno.h>

#define BUFFER_LEN (1u << 20)

static int32_t
fail(WnBlobSink *self, const char *fault, int32_t result)
{
    if (self->fault == NULL)
        self->fault = fault;
    return result;
}

static int32_t
put(WnBlobSink *self, uint64_t offset, const void *data, size_t size)
{
    if (wn_fd_pwrite_all(self->fd, wn_span(data, size), self->base + offset))
        return WN_OK;
    return fail(self, g_strerror(errno), WN_E_FAILED);
}

static int32_t
flush(WnBlobSink *self)
{
    int32_t result = put(self, self->flushed, self->buffer->data,
        self->buffer->len);

    if (result != WN_OK)
        return result;
    self->flushed += self->buffer->len;
    g_byte_array_set_size(self->buffer, 0);
    return WN_OK;
}

static int32_t
sink_write(WnSink *sink, const void *data, size_t size)
{
    WnBlobSink *self = (WnBlobSink *)sink;

    if (self->fault != NULL)
        return WN_E_FAILED;
    if (data == NULL && size > 0)
        return fail(self, "it writes from nowhere", WN_E_INVALID);
    if (size > self->max - self->flushed - self->buffer->len)
        return fail(self, "it writes more than a data set may have",
            WN_E_LIMIT);
    if (size >= BUFFER_LEN) {
        if (flush(self) != WN_OK
            || put(self, self->flushed, data, size) != WN_OK)
            return WN_E_FAILED;
        self->flushed += size;
        return WN_OK;
    }
    g_byte_array_append(self->buffer, data, (guint)size);
    return self->buffer->len >= BUFFER_LEN ? flush(self) : WN_OK;
}

static int32_t
sink_write_at(WnSink *sink, uint64_t offset, const void *data, size_t size)
{
    WnBlobSink *self = (WnBlobSink *)sink;
    uint64_t written = self->flushed + self->buffer->len;

    if (self->fault != NULL)
        return WN_E_FAILED;
    if ((data == NULL && size > 0) || offset > written
        || size > written - offset)
        return fail(self, "it writes over what it has not written",
            WN_E_INVALID);
    if (offset >= self->flushed) {
        if (size > 0)
            memcpy(self->buffer->data + (offset - self->flushed), data, size);
        return WN_OK;
    }
    if (offset + size > self->flushed && flush(self) != WN_OK)
        return WN_E_FAILED;
    return put(self, offset, data, size);
}

void
wn_blob_sink_init(WnBlobSink *self, int fd, uint64_t base, uint64_t max)
{
    *self = (WnBlobSink){ .sdk = { .struct_size = sizeof(WnSink),
                              .write = sink_write,
                              .write_at = sink_write_at },
        .fd = fd,
        .base = base,
        .buffer = g_byte_array_sized_new(BUFFER_LEN * 2),
        .max = max };
}

void
wn_blob_sink_clear(WnBlobSink *self)
{
    g_clear_pointer(&self->buffer, g_byte_array_unref);
}

const char *
wn_blob_sink_finish(WnBlobSink *self)
{
    if (self->fault == NULL)
        flush(self);
    return self->fault;
}
