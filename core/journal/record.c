/* SPDX-License-Identifier: MIT */
#include "core/journal/record.h"

#include "core/base/crc32c.h"
#include "core/message/splice.h"

#define MAGIC UINT32_C(0x31524e57) /* "WNR1" */
#define VERSION 1
#define ENVELOPE_VERSION 2

/* Had no "about". */
#define ENVELOPE_VERSION_FIRST 1

enum { AT_CRC = 28, AT_HEADER_CRC = 40 };

/* The fewest bytes that one of them takes in an envelope. */
enum { SCOPE_MIN = 13, RECIPIENT_MIN = 16 };

static uint8_t *
put_u32(uint8_t *out, uint32_t value)
{
    value = GUINT32_TO_LE(value);
    memcpy(out, &value, sizeof value);
    return out + sizeof value;
}

static uint8_t *
put_u64(uint8_t *out, uint64_t value)
{
    value = GUINT64_TO_LE(value);
    memcpy(out, &value, sizeof value);
    return out + sizeof value;
}

/* With both CRCs over the header zero. */
static void
header_layout(const WnRecordHeader *self, uint8_t out[WN_RECORD_HEADER_LEN])
{
    uint8_t *next = put_u32(out, MAGIC);

    next = put_u32(next, VERSION | (uint32_t)self->kind << 8);
    memcpy(next, self->id.bytes, sizeof self->id.bytes);
    next = put_u32(next + sizeof self->id.bytes, self->envelope_len);
    next = put_u32(next, 0);
    next = put_u64(next, self->body_len);
    next = put_u32(next, 0);
    next = put_u32(next, self->envelope_crc);
    next = put_u64(next, self->secret);
    next = put_u64(next, self->offset);
    g_assert(next == out + WN_RECORD_HEADER_LEN);
}

void
wn_record_header_write(const WnRecordHeader *self,
    uint8_t out[WN_RECORD_HEADER_LEN])
{
    header_layout(self, out);
    put_u32(out + AT_CRC, self->crc);
    put_u32(out + AT_HEADER_CRC,
        wn_crc32c(0, wn_span(out, WN_RECORD_HEADER_LEN)));
}

static bool
header_crc_is_right(WnSpan bytes)
{
    uint8_t copy[WN_RECORD_HEADER_LEN];
    WnReader reader = wn_reader(wn_span_slice(bytes, AT_HEADER_CRC, 4));

    memcpy(copy, bytes.ptr, sizeof copy);
    put_u32(copy + AT_HEADER_CRC, 0);
    return wn_crc32c(0, wn_span(copy, sizeof copy)) == wn_read_u32(&reader);
}

static bool
header_is_in_range(const WnRecordHeader *self)
{
    switch (self->kind) {
    case WN_RECORD_MESSAGE:
    case WN_RECORD_CANCELLED:
        return self->envelope_len <= WN_RECORD_ENVELOPE_MAX
               && self->body_len >= WN_RECORD_DOT_LEN
               && self->body_len <= WN_RECORD_BODY_MAX;
    case WN_RECORD_SEAL:
        return self->envelope_len == 0 && self->body_len == 0;
    }
    return false;
}

bool
wn_record_header_read(WnSpan bytes, WnRecordHeader *out_header)
{
    WnReader reader = wn_reader(bytes);
    WnRecordHeader header = { 0 };
    uint32_t version_and_kind;

    if (bytes.len != WN_RECORD_HEADER_LEN || wn_read_u32(&reader) != MAGIC)
        return false;
    version_and_kind = wn_read_u32(&reader);
    header.kind = (WnRecordKind)(version_and_kind >> 8);
    memcpy(header.id.bytes, wn_read_raw(&reader, sizeof header.id.bytes).ptr,
        sizeof header.id.bytes);
    header.envelope_len = wn_read_u32(&reader);
    header.crc = wn_read_u32(&reader);
    header.body_len = wn_read_u64(&reader);
    wn_read_u32(&reader);
    header.envelope_crc = wn_read_u32(&reader);
    header.secret = wn_read_u64(&reader);
    header.offset = wn_read_u64(&reader);
    if ((version_and_kind & 0xff) != VERSION || !header_is_in_range(&header)
        || !header_crc_is_right(bytes))
        return false;
    *out_header = header;
    return true;
}

uint64_t
wn_record_len(const WnRecordHeader *self)
{
    uint64_t len = WN_RECORD_HEADER_LEN + self->envelope_len + self->body_len;

    return (len + 7) & ~UINT64_C(7);
}

uint32_t
wn_record_crc(const WnRecordHeader *self, WnSpan envelope)
{
    uint8_t bytes[WN_RECORD_HEADER_LEN];

    header_layout(self, bytes);
    return wn_crc32c(wn_crc32c(0, wn_span(bytes, sizeof bytes)), envelope);
}

static void
scope_clear(void *data)
{
    WnEnvelopeScope *scope = data;

    g_clear_pointer(&scope->splices, g_array_unref);
}

void
wn_envelope_init(WnEnvelope *self)
{
    *self = (WnEnvelope){ .sender = WN_SPAN_EMPTY,
        .ret = WN_SPAN_EMPTY,
        .envid = WN_SPAN_EMPTY,
        .client = WN_SPAN_EMPTY,
        .helo = WN_SPAN_EMPTY,
        .about = WN_SPAN_EMPTY,
        .scopes = g_array_new(FALSE, FALSE, sizeof(WnEnvelopeScope)),
        .recipients = g_array_new(FALSE, FALSE, sizeof(WnEnvelopeRecipient)) };
    g_array_set_clear_func(self->scopes, scope_clear);
}

void
wn_envelope_clear(WnEnvelope *self)
{
    g_clear_pointer(&self->scopes, g_array_unref);
    g_clear_pointer(&self->recipients, g_array_unref);
}

/* Of a scope; a record from before there was CAUGHT says only whether there are
 * splices. */
enum { SCOPE_HAS_SPLICES = 1u << 0, SCOPE_CAUGHT = 1u << 1 };

static void
write_scope(const WnEnvelopeScope *scope, WnWriter *writer)
{
    wn_write_bytes(writer, scope->domain);
    wn_write_bytes(writer, scope->redirect);
    wn_write_bytes(writer, scope->prepend);
    wn_write_u8(writer,
        (uint8_t)((scope->splices != NULL ? SCOPE_HAS_SPLICES : 0)
                  | (scope->caught ? SCOPE_CAUGHT : 0)));
    if (scope->splices != NULL)
        wn_splices_write(scope->splices, writer);
}

static void
write_recipient(const WnEnvelopeRecipient *recipient, WnWriter *writer)
{
    wn_write_bytes(writer, recipient->address);
    wn_write_bytes(writer, recipient->notify);
    wn_write_bytes(writer, recipient->orcpt);
    wn_write_u32(writer, recipient->scope);
}

void
wn_envelope_write(const WnEnvelope *self, WnWriter *writer)
{
    wn_write_u8(writer, ENVELOPE_VERSION);
    wn_write_u64(writer, (uint64_t)self->arrived_ms);
    wn_write_u32(writer, self->flags);
    wn_write_u64(writer, self->generation);
    wn_write_bytes(writer, self->sender);
    wn_write_bytes(writer, self->ret);
    wn_write_bytes(writer, self->envid);
    wn_write_bytes(writer, self->client);
    wn_write_bytes(writer, self->helo);
    wn_write_bytes(writer, self->about);
    wn_write_u32(writer, self->scopes->len);
    for (guint i = 0; i < self->scopes->len; i++)
        write_scope(&g_array_index(self->scopes, WnEnvelopeScope, i), writer);
    wn_write_u32(writer, self->recipients->len);
    for (guint i = 0; i < self->recipients->len; i++)
        write_recipient(&g_array_index(self->recipients, WnEnvelopeRecipient,
                            i),
            writer);
}

/* The scope stands in the array before its splices are read, so that they are
 * freed whatever happens. */
static bool
read_scope(GArray *scopes, WnReader *reader)
{
    WnEnvelopeScope scope = { 0 };
    uint8_t flags;

    scope.domain = wn_read_bytes(reader);
    scope.redirect = wn_read_bytes(reader);
    scope.prepend = wn_read_bytes(reader);
    flags = wn_read_u8(reader);
    scope.caught = flags & SCOPE_CAUGHT;
    if (flags & SCOPE_HAS_SPLICES)
        scope.splices = g_array_new(FALSE, FALSE, sizeof(WnSplice));
    g_array_append_val(scopes, scope);
    if (flags > (SCOPE_HAS_SPLICES | SCOPE_CAUGHT))
        return false;
    return scope.splices == NULL || wn_splices_read(reader, scope.splices);
}

static bool
read_recipient(GArray *recipients, uint32_t n_scopes, WnReader *reader)
{
    WnEnvelopeRecipient recipient;

    recipient.address = wn_read_bytes(reader);
    recipient.notify = wn_read_bytes(reader);
    recipient.orcpt = wn_read_bytes(reader);
    recipient.scope = wn_read_u32(reader);
    g_array_append_val(recipients, recipient);
    return wn_reader_ok(reader) && recipient.scope < n_scopes;
}

static bool
read_lists(WnEnvelope *self, WnReader *reader)
{
    uint32_t n_scopes = wn_read_count(reader, SCOPE_MIN);
    uint32_t n_recipients;

    for (uint32_t i = 0; i < n_scopes; i++) {
        if (!read_scope(self->scopes, reader) || !wn_reader_ok(reader))
            return false;
    }
    n_recipients = wn_read_count(reader, RECIPIENT_MIN);
    for (uint32_t i = 0; i < n_recipients; i++) {
        if (!read_recipient(self->recipients, n_scopes, reader))
            return false;
    }
    return wn_reader_done(reader);
}

bool
wn_envelope_read(WnEnvelope *self, WnSpan bytes)
{
    WnReader reader = wn_reader(bytes);
    uint8_t version = wn_read_u8(&reader);

    if (version != ENVELOPE_VERSION && version != ENVELOPE_VERSION_FIRST)
        return false;
    self->arrived_ms = (int64_t)wn_read_u64(&reader);
    self->flags = wn_read_u32(&reader);
    self->generation = wn_read_u64(&reader);
    self->sender = wn_read_bytes(&reader);
    self->ret = wn_read_bytes(&reader);
    self->envid = wn_read_bytes(&reader);
    self->client = wn_read_bytes(&reader);
    self->helo = wn_read_bytes(&reader);
    if (version != ENVELOPE_VERSION_FIRST)
        self->about = wn_read_bytes(&reader);
    return read_lists(self, &reader);
}
