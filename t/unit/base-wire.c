/* SPDX-License-Identifier: MIT */
#include "core/base/wire.h"

static void
test_round_trip(void)
{
    g_auto(WnWriter) writer = { 0 };
    WnReader reader;

    wn_writer_init(&writer);
    wn_write_u8(&writer, 0xfe);
    wn_write_u16(&writer, 0xfedc);
    wn_write_u32(&writer, 0xfedcba98);
    wn_write_u64(&writer, UINT64_C(0xfedcba9876543210));
    wn_write_bytes(&writer, WN_SPAN("a\0b"));
    wn_write_bytes(&writer, WN_SPAN_EMPTY);
    wn_write_raw(&writer, "raw", 3);

    reader = wn_reader(wn_writer_span(&writer));
    g_assert_cmphex(wn_read_u8(&reader), ==, 0xfe);
    g_assert_cmphex(wn_read_u16(&reader), ==, 0xfedc);
    g_assert_cmphex(wn_read_u32(&reader), ==, 0xfedcba98);
    g_assert_cmphex(wn_read_u64(&reader), ==, UINT64_C(0xfedcba9876543210));
    g_assert_true(wn_span_eq(wn_read_bytes(&reader), WN_SPAN("a\0b")));
    g_assert_cmpuint(wn_read_bytes(&reader).len, ==, 0);
    g_assert_false(wn_reader_done(&reader));
    g_assert_true(wn_span_eq(wn_read_raw(&reader, 3), WN_SPAN("raw")));
    g_assert_true(wn_reader_done(&reader));
}

static void
test_is_little_endian(void)
{
    g_auto(WnWriter) writer = { 0 };
    WnSpan span;

    wn_writer_init(&writer);
    wn_write_u16(&writer, 0x0102);
    wn_write_u32(&writer, 0);
    wn_write_u32_at(&writer, 2, 0x03040506);
    span = wn_writer_span(&writer);
    g_assert_cmpmem(span.ptr, span.len, "\2\1\6\5\4\3", 6);
    wn_writer_reset(&writer);
    g_assert_cmpuint(wn_writer_span(&writer).len, ==, 0);
}

/* Every proper beginning of a valid input fails, and stays failed. */
static void
test_cut_short(void)
{
    g_auto(WnWriter) writer = { 0 };

    wn_writer_init(&writer);
    wn_write_u64(&writer, 1);
    wn_write_bytes(&writer, WN_SPAN("winnow"));
    wn_write_u16(&writer, 2);
    for (size_t len = 0; len < writer.bytes->len; len++) {
        WnReader reader = wn_reader(wn_span(writer.bytes->data, len));

        wn_read_u64(&reader);
        wn_read_bytes(&reader);
        g_assert_cmpuint(wn_read_u16(&reader), ==, 0);
        g_assert_false(wn_reader_ok(&reader));
        g_assert_false(wn_reader_done(&reader));
        g_assert_cmpuint(wn_read_u8(&reader), ==, 0);
        g_assert_cmpuint(wn_read_raw(&reader, 0).len, ==, 0);
        g_assert_false(wn_reader_ok(&reader));
    }
}

static void
test_length_lies(void)
{
    WnReader reader = wn_reader(WN_SPAN("\xff\xff\xff\xff"
                                        "abc"));

    g_assert_cmpuint(wn_read_bytes(&reader).len, ==, 0);
    g_assert_false(wn_reader_ok(&reader));
    reader = wn_reader(WN_SPAN("abc"));
    g_assert_cmpuint(wn_read_raw(&reader, SIZE_MAX).len, ==, 0);
    g_assert_false(wn_reader_ok(&reader));
}

static void
test_count_is_bounded(void)
{
    static const struct {
        WnSpan input;
        size_t min_size;
        bool ok;
        uint32_t count;
    } cases[] = {
        { { "\2\0\0\0abcd", 8 }, 2, true, 2 },
        { { "\2\0\0\0abc", 7 }, 2, false, 0 },
        { { "\0\0\0\0", 4 }, 100, true, 0 },
        { { "\1\0\0\0", 4 }, 1, false, 0 },
        { { "\xff\xff\xff\xff"
            "abcd",
              8 },
            1, false, 0 },
        { { "\1\0\0\0a", 5 }, SIZE_MAX, false, 0 },
        { { "\1\0", 2 }, 1, false, 0 },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        WnReader reader = wn_reader(cases[i].input);

        g_test_message("case %zu", i);
        g_assert_cmpuint(wn_read_count(&reader, cases[i].min_size), ==,
            cases[i].count);
        g_assert_cmpint(wn_reader_ok(&reader), ==, cases[i].ok);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/base/wire/round-trip", test_round_trip);
    g_test_add_func("/base/wire/is-little-endian", test_is_little_endian);
    g_test_add_func("/base/wire/cut-short", test_cut_short);
    g_test_add_func("/base/wire/length-lies", test_length_lies);
    g_test_add_func("/base/wire/count-is-bounded", test_count_is_bounded);
    return g_test_run();
}
