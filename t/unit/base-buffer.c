/* SPDX-License-Identifier: MIT */
#include "core/base/buffer.h"

static void
test_empty(void)
{
    g_auto(WnBuffer) buffer = { 0 };

    g_assert_cmpuint(wn_buffer_peek(&buffer).len, ==, 0);
    wn_buffer_append(&buffer, WN_SPAN_EMPTY);
    wn_buffer_consume(&buffer, 0);
    wn_buffer_shrink(&buffer, 0);
    g_assert_nonnull(wn_buffer_reserve(&buffer, 0));
}

/* Compares a long random history with what a plain string says. */
static void
test_against_model(void)
{
    g_auto(WnBuffer) buffer = { 0 };
    g_autoptr(GString) model = g_string_new(NULL);
    char chunk[3000];

    for (int i = 0; i < 20000; i++) {
        size_t len = (size_t)g_test_rand_int_range(0, sizeof chunk);
        WnSpan held;

        if (g_test_rand_int_range(0, 2) == 0) {
            memset(chunk, 'a' + i % 26, len);
            wn_buffer_append(&buffer, wn_span(chunk, len));
            g_string_append_len(model, chunk, (gssize)len);
        } else {
            len = MIN(len, wn_buffer_len(&buffer));
            wn_buffer_consume(&buffer, len);
            g_string_erase(model, 0, (gssize)len);
        }
        held = wn_buffer_peek(&buffer);
        g_assert_cmpmem(held.ptr, held.len, model->str, model->len);
    }
}

static void
test_steady_queue_does_not_grow(void)
{
    g_auto(WnBuffer) buffer = { 0 };
    char chunk[100] = { 0 };

    wn_buffer_append(&buffer, wn_span(chunk, sizeof chunk));
    for (int i = 0; i < 100000; i++) {
        wn_buffer_append(&buffer, wn_span(chunk, sizeof chunk));
        wn_buffer_consume(&buffer, sizeof chunk);
    }
    g_assert_cmpuint(buffer.capacity, <=, 1024);
}

/* Memory that is large enough is used without being moved. */
static void
test_reserved_room_stays(void)
{
    g_auto(WnBuffer) buffer = { 0 };
    char *room = wn_buffer_reserve(&buffer, 1000);

    memcpy(room, "abc", 3);
    wn_buffer_commit(&buffer, 3);
    g_assert_true(wn_buffer_reserve(&buffer, 997) == room + 3);
    g_assert_true(wn_span_eq(wn_buffer_peek(&buffer), WN_SPAN("abc")));
}

static void
test_printf(void)
{
    g_auto(WnBuffer) buffer = { 0 };

    wn_buffer_printf(&buffer, "%d %s", 250, "ok");
    wn_buffer_printf(&buffer, "%s", "");
    wn_buffer_printf(&buffer, "%0600d", 7);
    g_assert_cmpuint(wn_buffer_len(&buffer), ==, 606);
    g_assert_true(
        wn_span_case_starts(wn_buffer_peek(&buffer), WN_SPAN("250 ok000")));
}

static void
test_shrink(void)
{
    g_auto(WnBuffer) buffer = { 0 };

    wn_buffer_reserve(&buffer, 100000);
    wn_buffer_append(&buffer, WN_SPAN("x"));
    wn_buffer_shrink(&buffer, 10);
    g_assert_cmpuint(buffer.capacity, >=, 100000);
    wn_buffer_consume(&buffer, 1);
    wn_buffer_shrink(&buffer, 10);
    g_assert_cmpuint(buffer.capacity, ==, 10);
    wn_buffer_append(&buffer, WN_SPAN("still usable"));
    g_assert_cmpuint(wn_buffer_len(&buffer), ==, 12);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/base/buffer/empty", test_empty);
    g_test_add_func("/base/buffer/against-model", test_against_model);
    g_test_add_func("/base/buffer/steady-queue-does-not-grow",
        test_steady_queue_does_not_grow);
    g_test_add_func("/base/buffer/reserved-room-stays",
        test_reserved_room_stays);
    g_test_add_func("/base/buffer/printf", test_printf);
    g_test_add_func("/base/buffer/shrink", test_shrink);
    return g_test_run();
}
