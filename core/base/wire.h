/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Plain data in bytes: what processes send each other and what stands in the
 * spool and in snapshots.  Integers are little-endian; a byte string is a u32
 * length and the bytes.  The reader trusts nothing: after the first value that
 * does not fit, every read gives zero or an empty span and wn_reader_ok() is
 * false, so callers check once at the end.
 */

#include "core/base/span.h"

#include <glib.h>

typedef struct WnWriter {
    GByteArray *bytes;
} WnWriter;

void wn_writer_init(WnWriter *self);
void wn_writer_clear(WnWriter *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(WnWriter, wn_writer_clear)
void wn_writer_reset(WnWriter *self); /* empty, memory kept */
WnSpan wn_writer_span(const WnWriter *self);
void wn_write_u8(WnWriter *self, uint8_t value);
void wn_write_u16(WnWriter *self, uint16_t value);
void wn_write_u32(WnWriter *self, uint32_t value);
void wn_write_u64(WnWriter *self, uint64_t value);
void wn_write_bytes(WnWriter *self, WnSpan value); /* with length */
void wn_write_raw(WnWriter *self, const void *ptr, size_t len); /* without */
void wn_write_u32_at(WnWriter *self, size_t offset, uint32_t value);

typedef struct WnReader {
    WnSpan rest;
    bool failed;
} WnReader;

static inline WnReader
wn_reader(WnSpan bytes)
{
    return (WnReader){ bytes, false };
}

uint8_t wn_read_u8(WnReader *self);
uint16_t wn_read_u16(WnReader *self);
uint32_t wn_read_u32(WnReader *self);
uint64_t wn_read_u64(WnReader *self);
WnSpan wn_read_bytes(WnReader *self); /* borrowed from the input */
WnSpan wn_read_raw(WnReader *self, size_t len);

/* A count of elements that take at least min_size bytes each: fails if the
 * rest could not hold them, so a loop over it is bounded by the input. */
uint32_t wn_read_count(WnReader *self, size_t min_size);

static inline bool
wn_reader_ok(const WnReader *self)
{
    return !self->failed;
}
static inline bool
wn_reader_done(const WnReader *self) /* ok, and nothing is left */
{
    return !self->failed && self->rest.len == 0;
}
