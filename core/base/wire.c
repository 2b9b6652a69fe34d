/* SPDX-License-Identifier: MIT */
#include "core/base/wire.h"

void
wn_writer_init(WnWriter *self)
{
    self->bytes = g_byte_array_new();
}

void
wn_writer_clear(WnWriter *self)
{
    g_clear_pointer(&self->bytes, g_byte_array_unref);
}

void
wn_writer_reset(WnWriter *self)
{
    g_byte_array_set_size(self->bytes, 0);
}

WnSpan
wn_writer_span(const WnWriter *self)
{
    return wn_span(self->bytes->data, self->bytes->len);
}

void
wn_write_raw(WnWriter *self, const void *ptr, size_t len)
{
    /* A GByteArray counts in 32 bits; what winnow writes stays far below. */
    g_assert(len <= G_MAXINT32 - (size_t)self->bytes->len);
    if (len > 0)
        g_byte_array_append(self->bytes, ptr, (guint)len);
}

void
wn_write_u8(WnWriter *self, uint8_t value)
{
    wn_write_raw(self, &value, sizeof value);
}

void
wn_write_u16(WnWriter *self, uint16_t value)
{
    uint16_t little = GUINT16_TO_LE(value);

    wn_write_raw(self, &little, sizeof little);
}

void
wn_write_u32(WnWriter *self, uint32_t value)
{
    uint32_t little = GUINT32_TO_LE(value);

    wn_write_raw(self, &little, sizeof little);
}

void
wn_write_u64(WnWriter *self, uint64_t value)
{
    uint64_t little = GUINT64_TO_LE(value);

    wn_write_raw(self, &little, sizeof little);
}

void
wn_write_bytes(WnWriter *self, WnSpan value)
{
    g_assert(value.len <= G_MAXINT32);
    wn_write_u32(self, (uint32_t)value.len);
    wn_write_raw(self, value.ptr, value.len);
}

void
wn_write_u32_at(WnWriter *self, size_t offset, uint32_t value)
{
    uint32_t little = GUINT32_TO_LE(value);

    g_assert(self->bytes->len >= sizeof little
             && offset <= self->bytes->len - sizeof little);
    memcpy(self->bytes->data + offset, &little, sizeof little);
}

WnSpan
wn_read_raw(WnReader *self, size_t len)
{
    WnSpan value;

    if (self->failed || len > self->rest.len) {
        self->failed = true;
        return WN_SPAN_EMPTY;
    }
    value = wn_span(self->rest.ptr, len);
    self->rest = wn_span(self->rest.ptr + len, self->rest.len - len);
    return value;
}

uint8_t
wn_read_u8(WnReader *self)
{
    WnSpan raw = wn_read_raw(self, 1);

    return raw.len == 1 ? (uint8_t)raw.ptr[0] : 0;
}

uint16_t
wn_read_u16(WnReader *self)
{
    uint16_t value = 0;
    WnSpan raw = wn_read_raw(self, sizeof value);

    memcpy(&value, raw.ptr, raw.len);
    return GUINT16_FROM_LE(value);
}

uint32_t
wn_read_u32(WnReader *self)
{
    uint32_t value = 0;
    WnSpan raw = wn_read_raw(self, sizeof value);

    memcpy(&value, raw.ptr, raw.len);
    return GUINT32_FROM_LE(value);
}

uint64_t
wn_read_u64(WnReader *self)
{
    uint64_t value = 0;
    WnSpan raw = wn_read_raw(self, sizeof value);

    memcpy(&value, raw.ptr, raw.len);
    return GUINT64_FROM_LE(value);
}

WnSpan
wn_read_bytes(WnReader *self)
{
    uint32_t len = wn_read_u32(self);

    return wn_read_raw(self, len);
}

uint32_t
wn_read_count(WnReader *self, size_t min_size)
{
    uint32_t count = wn_read_u32(self);

    g_assert(min_size > 0);
    if (count > self->rest.len / min_size)
        self->failed = true;
    return self->failed ? 0 : count;
}
