/* SPDX-License-Identifier: MIT */
#include "core/base/arena.h"

static void
test_aligned_zeroed_apart(void)
{
    g_autoptr(WnArena) arena = wn_arena_new(0);

    for (int round = 0; round < 3; round++) {
        unsigned char *blocks[500];

        for (size_t i = 0; i < G_N_ELEMENTS(blocks); i++) {
            size_t size = i * 7 % 3000;

            blocks[i] = wn_arena_alloc(arena, size);
            g_assert_cmpuint((guintptr)blocks[i] % 16, ==, 0);
            for (size_t k = 0; k < size; k++)
                g_assert_cmpuint(blocks[i][k], ==, 0);
            memset(blocks[i], (int)(i % 251) + 1, size);
        }
        for (size_t i = 0; i < G_N_ELEMENTS(blocks); i++) {
            for (size_t k = 0; k < i * 7 % 3000; k++)
                g_assert_cmpuint(blocks[i][k], ==, i % 251 + 1);
        }
        wn_arena_reset(arena);
        g_assert_cmpuint(wn_arena_used(arena), ==, 0);
    }
}

static void
test_zero_size_is_distinct(void)
{
    g_autoptr(WnArena) arena = wn_arena_new(0);
    void *a = wn_arena_alloc(arena, 0);

    g_assert_nonnull(a);
    g_assert_true(wn_arena_alloc(arena, 0) != a);
}

static void
test_limit(void)
{
    g_autoptr(WnArena) arena = wn_arena_new(1024);

    memset(wn_arena_alloc(arena, 1024), 1, 1024);
    g_assert_false(wn_arena_exceeded(arena));
    memset(wn_arena_alloc(arena, 1000000), 1, 1000000);
    g_assert_true(wn_arena_exceeded(arena));
    wn_arena_reset(arena);
    g_assert_false(wn_arena_exceeded(arena));
}

static void
test_big_block_leaves_the_current_one(void)
{
    g_autoptr(WnArena) arena = wn_arena_new(0);
    char *first = wn_arena_alloc(arena, 16);

    wn_arena_alloc(arena, 100000);
    g_assert_true((char *)wn_arena_alloc(arena, 16) == first + 16);
}

static void
test_copy_and_printf(void)
{
    g_autoptr(WnArena) arena = wn_arena_new(0);
    WnSpan copy = wn_arena_copy(arena, WN_SPAN("a\0b"));

    g_assert_true(wn_span_eq(copy, WN_SPAN("a\0b")));
    g_assert_cmpint(copy.ptr[copy.len], ==, '\0');
    g_assert_cmpint(wn_arena_copy(arena, WN_SPAN_EMPTY).ptr[0], ==, '\0');
    g_assert_cmpstr(wn_arena_printf(arena, "%s-%d", "score", 25), ==,
        "score-25");
    g_assert_cmpuint(strlen(wn_arena_printf(arena, "%9000d", 1)), ==, 9000);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/base/arena/aligned-zeroed-apart",
        test_aligned_zeroed_apart);
    g_test_add_func("/base/arena/zero-size-is-distinct",
        test_zero_size_is_distinct);
    g_test_add_func("/base/arena/limit", test_limit);
    g_test_add_func("/base/arena/big-block-leaves-the-current-one",
        test_big_block_leaves_the_current_one);
    g_test_add_func("/base/arena/copy-and-printf", test_copy_and_printf);
    return g_test_run();
}
