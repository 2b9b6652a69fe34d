/* SPDX-License-Identifier: MIT */
#include "core/queue/schedule.h"

#include "core/base/clock.h"

#define MANY 2000

typedef struct Stage {
    WnLoop *loop;
    WnSchedule *schedule;
    WnParcel parcels[MANY];
    GPtrArray *due;
} Stage;

static void
on_due(void *user, WnParcel *parcel)
{
    g_ptr_array_add(((Stage *)user)->due, parcel);
}

static Stage *
stage_new(void)
{
    Stage *self = g_new0(Stage, 1);

    wn_clock_fake(1000000, 0);
    self->loop = wn_loop_new();
    self->schedule = wn_schedule_new(self->loop, on_due, self);
    self->due = g_ptr_array_new();
    return self;
}

static void
stage_free(Stage *self)
{
    wn_schedule_free(self->schedule);
    wn_loop_free(self->loop);
    g_ptr_array_unref(self->due);
    g_free(self);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Stage, stage_free)

static void
test_order(void)
{
    g_autoptr(Stage) stage = stage_new();
    g_autoptr(GRand) random = g_rand_new_with_seed(7);
    int64_t begin_ms = wn_clock_mono_ms();
    guint n_left = 0;

    for (int i = 0; i < MANY; i++)
        wn_schedule_add(stage->schedule, &stage->parcels[i],
            begin_ms + g_rand_int_range(random, 1, 5000));
    for (int i = 0; i < MANY; i += 3)
        wn_schedule_remove(stage->schedule, &stage->parcels[i]);
    for (int i = 0; i < MANY; i += 6)
        wn_schedule_add(stage->schedule, &stage->parcels[i],
            begin_ms + g_rand_int_range(random, 1, 5000));
    for (int i = 0; i < MANY; i++)
        n_left += stage->parcels[i].heap_position != 0;
    for (int ms = 0; ms < 5200; ms += 100) {
        wn_clock_fake_step(100);
        wn_loop_turn(stage->loop);
        wn_loop_turn(stage->loop);
        for (guint i = 0; i < stage->due->len; i++)
            g_assert_cmpint(((WnParcel *)stage->due->pdata[i])->due_ms, <=,
                wn_clock_mono_ms());
    }
    g_assert_cmpuint(stage->due->len, ==, n_left);
    for (guint i = 1; i < stage->due->len; i++)
        g_assert_cmpint(((WnParcel *)stage->due->pdata[i - 1])->due_ms, <=,
            ((WnParcel *)stage->due->pdata[i])->due_ms);
}

/* A wave is handed out in parts. */
static void
test_wave(void)
{
    g_autoptr(Stage) stage = stage_new();

    for (int i = 0; i < MANY; i++)
        wn_schedule_add(stage->schedule, &stage->parcels[i],
            wn_clock_mono_ms() + 10);
    wn_clock_fake_step(9);
    wn_loop_turn(stage->loop);
    g_assert_cmpuint(stage->due->len, ==, 0);
    wn_clock_fake_step(1);
    wn_loop_turn(stage->loop);
    g_assert_cmpuint(stage->due->len, >, 0);
    g_assert_cmpuint(stage->due->len, <, MANY);
    for (int i = 0; i < 20; i++)
        wn_loop_turn(stage->loop);
    g_assert_cmpuint(stage->due->len, ==, MANY);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/queue/schedule/order", test_order);
    g_test_add_func("/queue/schedule/wave", test_wave);
    return g_test_run();
}
