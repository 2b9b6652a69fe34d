/* SPDX-License-Identifier: MIT */
#include "core/journal/record.h"

#include "core/base/crc32c.h"
#include "core/message/splice.h"

static const WnRecordHeader message_header = {
    .kind = WN_RECORD_MESSAGE,
    .id = { { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 } },
    .envelope_len = 77,
    .body_len = 12345,
    .crc = 0xdeadbeef,
    .envelope_crc = 0x01020304,
    .secret = UINT64_C(0x1122334455667788),
    .offset = 4096,
};

static bool
header_round_trip(const WnRecordHeader *header, WnRecordHeader *out_header)
{
    uint8_t bytes[WN_RECORD_HEADER_LEN];

    wn_record_header_write(header, bytes);
    return wn_record_header_read(wn_span(bytes, sizeof bytes), out_header);
}

static void
test_header_round_trip(void)
{
    WnRecordHeader read;

    g_assert_true(header_round_trip(&message_header, &read));
    g_assert_cmpint(read.kind, ==, WN_RECORD_MESSAGE);
    g_assert_true(wn_id_eq(&read.id, &message_header.id));
    g_assert_cmpuint(read.envelope_len, ==, 77);
    g_assert_cmpuint(read.body_len, ==, 12345);
    g_assert_cmphex(read.crc, ==, 0xdeadbeef);
    g_assert_cmphex(read.envelope_crc, ==, 0x01020304);
    g_assert_cmphex(read.secret, ==, message_header.secret);
    g_assert_cmpuint(read.offset, ==, 4096);
    g_assert_cmpuint(wn_record_len(&read), ==, 12488); /* 64+77+12345+2 */
}

static void
test_header_flips(void)
{
    uint8_t bytes[WN_RECORD_HEADER_LEN];
    WnRecordHeader read;

    wn_record_header_write(&message_header, bytes);
    for (size_t bit = 0; bit < sizeof bytes * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        g_assert_false(
            wn_record_header_read(wn_span(bytes, sizeof bytes), &read));
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    g_assert_false(
        wn_record_header_read(wn_span(bytes, sizeof bytes - 1), &read));
}

static void
test_header_ranges(void)
{
    static const struct {
        const char *name;
        WnRecordKind kind;
        uint32_t envelope_len;
        uint64_t body_len;
        bool valid;
    } cases[] = {
        { "smallest", WN_RECORD_MESSAGE, 0, 3, true },
        { "no-dot", WN_RECORD_MESSAGE, 0, 2, false },
        { "largest", WN_RECORD_MESSAGE, WN_RECORD_ENVELOPE_MAX,
            WN_RECORD_BODY_MAX, true },
        { "envelope-too-large", WN_RECORD_MESSAGE, WN_RECORD_ENVELOPE_MAX + 1,
            3, false },
        { "body-too-large", WN_RECORD_MESSAGE, 0, WN_RECORD_BODY_MAX + 1,
            false },
        { "body-wraps", WN_RECORD_MESSAGE, 0, UINT64_MAX, false },
        { "seal", WN_RECORD_SEAL, 0, 0, true },
        { "seal-with-body", WN_RECORD_SEAL, 0, 3, false },
        { "cancelled", WN_RECORD_CANCELLED, 9, 9, true },
        { "no-kind", (WnRecordKind)0, 0, 3, false },
        { "unknown-kind", (WnRecordKind)4, 0, 3, false },
        { "wide-kind", (WnRecordKind)0x101, 0, 3, false },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        WnRecordHeader header = { .kind = cases[i].kind,
            .envelope_len = cases[i].envelope_len,
            .body_len = cases[i].body_len };
        WnRecordHeader read;

        g_test_message("%s", cases[i].name);
        g_assert_cmpint(header_round_trip(&header, &read), ==, cases[i].valid);
    }
}

/* The CRC of a record depends on every member but the CRCs of the header. */
static void
test_record_crc(void)
{
    WnRecordHeader other = message_header;
    WnSpan envelope = WN_SPAN("envelope");
    uint32_t crc = wn_record_crc(&message_header, envelope);

    other.crc = 0;
    g_assert_cmphex(wn_record_crc(&other, envelope), ==, crc);
    g_assert_cmphex(wn_record_crc(&other, WN_SPAN("Envelope")), !=, crc);
    other.body_len++;
    g_assert_cmphex(wn_record_crc(&other, envelope), !=, crc);
    other = message_header;
    other.offset += 8;
    g_assert_cmphex(wn_record_crc(&other, envelope), !=, crc);
}

static void
fill_envelope(WnEnvelope *envelope)
{
    WnEnvelopeScope plain = { .domain = WN_SPAN("example.com"),
        .redirect = WN_SPAN_EMPTY,
        .prepend = WN_SPAN("X-Winnow-Id: 1\r\n") };
    WnEnvelopeScope edited = { .domain = WN_SPAN("example.net"),
        .redirect = WN_SPAN("spam@example.net"),
        .prepend = WN_SPAN_EMPTY,
        .splices = g_array_new(FALSE, FALSE, sizeof(WnSplice)) };
    WnEnvelopeScope caught = { .domain = WN_SPAN("example.org"),
        .redirect = WN_SPAN_EMPTY,
        .prepend = WN_SPAN_EMPTY,
        .caught = true };
    WnSplice splice = { 9, 0, WN_SPAN("[spam] ") };
    WnEnvelopeRecipient first = { .address = WN_SPAN("a@example.com"),
        .notify = WN_SPAN("NEVER"),
        .orcpt = WN_SPAN("rfc822;a@example.com"),
        .scope = 0 };
    WnEnvelopeRecipient second = { .address = WN_SPAN("\"b\0c\"@example.net"),
        .notify = WN_SPAN_EMPTY,
        .orcpt = WN_SPAN_EMPTY,
        .scope = 1 };

    g_array_append_val(edited.splices, splice);
    envelope->arrived_ms = INT64_C(1800000000123);
    envelope->flags = WN_ENVELOPE_8BIT | WN_ENVELOPE_DSN;
    envelope->generation = 42;
    envelope->sender = WN_SPAN("sender@example.org");
    envelope->ret = WN_SPAN("HDRS");
    envelope->envid = WN_SPAN("QQ314159");
    envelope->client = WN_SPAN("192.0.2.1");
    envelope->helo = WN_SPAN("client.example.org");
    g_array_append_val(envelope->scopes, plain);
    g_array_append_val(envelope->scopes, edited);
    g_array_append_val(envelope->scopes, caught);
    g_array_append_val(envelope->recipients, first);
    g_array_append_val(envelope->recipients, second);
}

static void
write_example(WnWriter *writer)
{
    g_auto(WnEnvelope) envelope;

    wn_envelope_init(&envelope);
    fill_envelope(&envelope);
    wn_writer_init(writer);
    wn_envelope_write(&envelope, writer);
}

static void
test_envelope_round_trip(void)
{
    g_auto(WnWriter) writer;
    g_auto(WnEnvelope) read;
    const WnEnvelopeScope *edited;
    const WnEnvelopeRecipient *second;

    write_example(&writer);
    wn_envelope_init(&read);
    g_assert_true(wn_envelope_read(&read, wn_writer_span(&writer)));
    g_assert_cmpint(read.arrived_ms, ==, INT64_C(1800000000123));
    g_assert_cmpuint(read.flags, ==, WN_ENVELOPE_8BIT | WN_ENVELOPE_DSN);
    g_assert_cmpuint(read.generation, ==, 42);
    g_assert_true(wn_span_eq(read.sender, WN_SPAN("sender@example.org")));
    g_assert_true(wn_span_eq(read.ret, WN_SPAN("HDRS")));
    g_assert_true(wn_span_eq(read.envid, WN_SPAN("QQ314159")));
    g_assert_true(wn_span_eq(read.client, WN_SPAN("192.0.2.1")));
    g_assert_true(wn_span_eq(read.helo, WN_SPAN("client.example.org")));
    g_assert_cmpuint(read.scopes->len, ==, 3);
    g_assert_null(g_array_index(read.scopes, WnEnvelopeScope, 0).splices);
    g_assert_false(g_array_index(read.scopes, WnEnvelopeScope, 1).caught);
    g_assert_null(g_array_index(read.scopes, WnEnvelopeScope, 2).splices);
    g_assert_true(g_array_index(read.scopes, WnEnvelopeScope, 2).caught);
    edited = &g_array_index(read.scopes, WnEnvelopeScope, 1);
    g_assert_true(wn_span_eq(edited->redirect, WN_SPAN("spam@example.net")));
    g_assert_cmpuint(edited->splices->len, ==, 1);
    g_assert_true(wn_span_eq(g_array_index(edited->splices, WnSplice, 0).insert,
        WN_SPAN("[spam] ")));
    g_assert_cmpuint(read.recipients->len, ==, 2);
    second = &g_array_index(read.recipients, WnEnvelopeRecipient, 1);
    g_assert_true(wn_span_eq(second->address, WN_SPAN("\"b\0c\"@example.net")));
    g_assert_cmpuint(second->scope, ==, 1);
}

static bool
is_readable(WnSpan bytes)
{
    g_auto(WnEnvelope) read;

    wn_envelope_init(&read);
    return wn_envelope_read(&read, bytes);
}

static void
test_envelope_cut(void)
{
    g_auto(WnWriter) writer;
    WnSpan whole;

    write_example(&writer);
    whole = wn_writer_span(&writer);
    for (size_t len = 0; len < whole.len; len++) {
        /* A copy of exact size, so that sanitizers see a read behind it. */
        g_autofree char *copy = g_memdup2(whole.ptr, len);

        g_assert_false(is_readable(wn_span(copy, len)));
    }
    wn_write_u8(&writer, 0);
    g_assert_false(is_readable(wn_writer_span(&writer)));
}

static void
test_envelope_scope_range(void)
{
    g_auto(WnEnvelope) envelope;
    g_auto(WnWriter) writer;

    wn_envelope_init(&envelope);
    wn_writer_init(&writer);
    fill_envelope(&envelope);
    g_array_index(envelope.recipients, WnEnvelopeRecipient, 0).scope = 3;
    wn_envelope_write(&envelope, &writer);
    g_assert_false(is_readable(wn_writer_span(&writer)));
}

/* Counts that the bytes cannot hold are refused before anything is allocated
 * for them. */
static void
test_envelope_huge_counts(void)
{
    g_auto(WnEnvelope) empty;
    g_auto(WnWriter) writer;
    size_t len;

    wn_envelope_init(&empty);
    wn_writer_init(&writer);
    wn_envelope_write(&empty, &writer);
    len = wn_writer_span(&writer).len;
    g_assert_true(is_readable(wn_writer_span(&writer)));
    wn_write_u32_at(&writer, len - 4, UINT32_MAX);
    g_assert_false(is_readable(wn_writer_span(&writer)));
    wn_write_u32_at(&writer, len - 4, 0);
    wn_write_u32_at(&writer, len - 8, UINT32_MAX);
    g_assert_false(is_readable(wn_writer_span(&writer)));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/journal/record/header-round-trip",
        test_header_round_trip);
    g_test_add_func("/journal/record/header-flips", test_header_flips);
    g_test_add_func("/journal/record/header-ranges", test_header_ranges);
    g_test_add_func("/journal/record/crc", test_record_crc);
    g_test_add_func("/journal/record/envelope-round-trip",
        test_envelope_round_trip);
    g_test_add_func("/journal/record/envelope-cut", test_envelope_cut);
    g_test_add_func("/journal/record/envelope-scope-range",
        test_envelope_scope_range);
    g_test_add_func("/journal/record/envelope-huge-counts",
        test_envelope_huge_counts);
    return g_test_run();
}
