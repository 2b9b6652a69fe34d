/* SPDX-License-Identifier: MIT */
#include "core/message/splice.h"

static GArray *
new_splices(void)
{
    return g_array_new(FALSE, FALSE, sizeof(WnSplice));
}

static void
add(GArray *splices, uint64_t offset, uint64_t remove, const char *insert)
{
    WnSplice splice = { offset, remove, wn_span_str(insert) };

    g_array_append_val(splices, splice);
}

static void
collect(void *user, WnSpan piece)
{
    g_assert_cmpuint(piece.len, >, 0);
    g_string_append_len(user, piece.ptr, (gssize)piece.len);
}

static void
assert_result(GArray *splices, const char *message, const char *expected)
{
    g_autoptr(GString) result = g_string_new(NULL);
    WnSpan text = wn_span_str(message);

    g_assert_true(wn_splices_normalise(splices, text.len));
    wn_splices_apply(splices, text, collect, result);
    g_assert_cmpstr(result->str, ==, expected);
    g_assert_cmpuint(wn_splices_result_len(splices, text.len), ==, result->len);
}

static void
test_apply(void)
{
    g_autoptr(GArray) splices = new_splices();

    assert_result(splices, "", "");
    assert_result(splices, "hello", "hello");
    add(splices, 5, 0, "!");
    add(splices, 0, 1, "J");
    add(splices, 2, 2, "");
    assert_result(splices, "hello", "Jeo!");
}

static void
test_insertions_keep_their_order(void)
{
    g_autoptr(GArray) splices = new_splices();

    for (int i = 0; i < 26; i++)
        add(splices, 1, 0,
            (const char *[]){ "a", "b", "c", "d", "e", "f", "g", "h", "i", "j",
                "k", "l", "m", "n", "o", "p", "q", "r", "s", "t", "u", "v", "w",
                "x", "y", "z" }[i]);
    add(splices, 0, 0, "-");
    assert_result(splices, "12", "-1abcdefghijklmnopqrstuvwxyz2");
}

static void
test_insertion_before_removal(void)
{
    g_autoptr(GArray) splices = new_splices();

    add(splices, 1, 2, "R");
    add(splices, 1, 0, "I");
    add(splices, 3, 0, "E");
    assert_result(splices, "abcd", "aIREd");
}

static void
test_refused(void)
{
    static const struct {
        uint64_t offset[2], remove[2];
    } bad[] = {
        { { 0, 1 }, { 2, 1 } },
        { { 1, 1 }, { 1, 1 } },
        { { 0, 1 }, { 2, 0 } },
        { { 0, 5 }, { 0, 0 } },
        { { 0, 4 }, { 0, 1 } },
        { { 0, 2 }, { 0, UINT64_MAX } },
        { { 0, UINT64_MAX }, { 0, UINT64_MAX } },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GArray) splices = new_splices();

        add(splices, bad[i].offset[0], bad[i].remove[0], "");
        add(splices, bad[i].offset[1], bad[i].remove[1], "");
        g_assert_false(wn_splices_normalise(splices, 4));
    }
}

static void
test_too_many(void)
{
    g_autoptr(GArray) splices = new_splices();
    g_auto(WnWriter) writer;
    g_autoptr(GArray) again = new_splices();
    WnReader reader;

    for (int i = 0; i <= WN_SPLICES_MAX; i++)
        add(splices, 0, 0, "x");
    g_assert_false(wn_splices_normalise(splices, 4));
    wn_writer_init(&writer);
    wn_splices_write(splices, &writer);
    reader = wn_reader(wn_writer_span(&writer));
    g_assert_false(wn_splices_read(&reader, again));
    g_array_set_size(splices, WN_SPLICES_MAX);
    g_assert_true(wn_splices_normalise(splices, 4));
}

static void
test_wire(void)
{
    g_autoptr(GArray) splices = new_splices();
    g_autoptr(GArray) again = new_splices();
    g_auto(WnWriter) writer;
    WnSpan bytes;
    WnReader reader;

    add(splices, 0, 0, "X: y\r\n");
    add(splices, 7, 3, "");
    wn_writer_init(&writer);
    wn_splices_write(splices, &writer);
    bytes = wn_writer_span(&writer);
    reader = wn_reader(bytes);
    g_assert_true(wn_splices_read(&reader, again));
    g_assert_true(wn_reader_done(&reader));
    assert_result(again, "0123456789", "X: y\r\n0123456");
    for (size_t len = 0; len < bytes.len; len++) {
        reader = wn_reader(wn_span_slice(bytes, 0, len));
        g_assert_false(wn_splices_read(&reader, again));
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/message/splice/apply", test_apply);
    g_test_add_func("/message/splice/insertions-keep-their-order",
        test_insertions_keep_their_order);
    g_test_add_func("/message/splice/insertion-before-removal",
        test_insertion_before_removal);
    g_test_add_func("/message/splice/refused", test_refused);
    g_test_add_func("/message/splice/too-many", test_too_many);
    g_test_add_func("/message/splice/wire", test_wire);
    return g_test_run();
}
