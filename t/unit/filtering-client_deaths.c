/* SPDX-License-Identifier: MIT */
#include "t/unit/filtering-asking.h"

/*
 * Filter processes that die: who is asked again, and when.
 */

/* What was asked of a process that died is asked of the next. */
static void
test_process_dies(void)
{
    g_auto(Rig) rig;
    g_auto(Process) second = { 0 };
    Process first;
    Question questions[2];

    rig_init(&rig);
    process_begin(&first, &rig);
    ask(&rig, &questions[0], 0, WN_REQUEST_NAME);
    ask(&rig, &questions[1], 1, WN_REQUEST_MESSAGE);
    await_asked(&rig, &first, 2);
    process_clear(&first);
    settle(&rig);
    g_assert_false(wn_filter_client_is_attached(rig.client));
    g_assert_cmpuint(rig.told->len, ==, 0);
    process_begin(&second, &rig);
    await_asked(&rig, &second, 2);
    for (guint i = 0; i < 2; i++) {
        const Asked *asked = asked_at(&second, i);

        g_assert_cmpuint(asked->request.attempt, ==, 2);
        answer(&second, asked->request.serial, "second");
    }
    g_assert_cmpmem(asked_at(&second, 1)->request.message.ptr,
        asked_at(&second, 1)->request.message.len, "A: b\r\n\r\n", 8);
    await_told(&rig, 2);
    g_assert_cmpstr(told_at(&rig, 0)->text, ==, "second");
    g_assert_cmpstr(told_at(&rig, 1)->text, ==, "second");
}

static void
test_dies_twice(void)
{
    g_auto(Rig) rig;
    g_auto(Process) third = { 0 };
    Process process;
    Question question;

    rig_init(&rig);
    process_begin(&process, &rig);
    ask(&rig, &question, 0, WN_REQUEST_MESSAGE);
    for (guint n = 0; n < WN_FILTER_ATTEMPTS_MAX; n++) {
        if (n > 0)
            process_begin(&process, &rig);
        await_asked(&rig, &process, 1);
        process_clear(&process);
        settle(&rig);
    }
    g_assert_cmpuint(rig.told->len, ==, 0);
    process_begin(&third, &rig);
    await_told(&rig, 1);
    g_assert_false(told_at(&rig, 0)->answered);
    g_assert_nonnull(strstr(told_at(&rig, 0)->text, "died"));
    g_assert_cmpuint(third.asked->len, ==, 0);
}

/* One message kills every process that sees it.  The others that were asked at
 * the same time are none the worse for it. */
static void
test_poison(void)
{
    enum { N = 20, POISON = 7 };
    g_auto(Rig) rig;
    g_auto(Process) third = { 0 };
    Process process;
    Question questions[N];
    guint n_answered = 0;
    uint64_t poison;

    rig_init(&rig);
    process_begin(&process, &rig);
    for (int i = 0; i < N; i++)
        ask(&rig, &questions[i], i, WN_REQUEST_MESSAGE);
    await_asked(&rig, &process, N);
    poison = asked_at(&process, POISON)->request.serial;
    process_clear(&process);
    settle(&rig);

    process_begin(&process, &rig);
    for (guint i = 0; i <= POISON; i++) {
        await_asked(&rig, &process, i + 1); /* one after another */
        if (asked_at(&process, i)->request.serial == poison)
            break;
        answer(&process, asked_at(&process, i)->request.serial, "well");
        await_told(&rig, ++n_answered);
    }
    g_assert_cmpuint(n_answered, ==, POISON);
    process_clear(&process);
    settle(&rig);
    for (guint attempt = 3; attempt <= WN_FILTER_ATTEMPTS_MAX; attempt++) {
        process_begin(&process, &rig);
        await_asked(&rig, &process, 1);
        g_assert_cmpuint(asked_at(&process, 0)->request.serial, ==, poison);
        process_clear(&process);
        settle(&rig);
    }

    process_begin(&third, &rig);
    for (guint i = 0; i < N - POISON - 1; i++) {
        await_asked(&rig, &third, i + 1);
        g_assert_cmpuint(asked_at(&third, i)->request.serial, !=, poison);
        answer(&third, asked_at(&third, i)->request.serial, "well");
        settle(&rig);
    }
    g_assert_cmpuint(rig.told->len, ==, N);
    for (guint i = 0; i < N; i++)
        g_assert_cmpint(told_at(&rig, i)->answered, ==,
            told_at(&rig, i)->number != POISON);
}

/* A suspect that takes its time does not hold up the others for long, and one
 * that is forgotten not at all. */
static void
test_slow_suspect(void)
{
    g_auto(Rig) rig;
    g_auto(Process) second = { 0 };
    Process first;
    Question questions[4];

    rig_init(&rig);
    process_begin(&first, &rig);
    for (int i = 0; i < 4; i++)
        ask(&rig, &questions[i], i, WN_REQUEST_MESSAGE);
    await_asked(&rig, &first, 4);
    process_clear(&first);
    settle(&rig);
    process_begin(&second, &rig);
    settle(&rig);
    g_assert_cmpuint(second.asked->len, ==, 1);
    wn_clock_fake_step(WN_FILTER_PACE_MS + 250);
    await_asked(&rig, &second, 2);
    wn_filter_forget(questions[1].ticket);
    await_asked(&rig, &second, 3);
    answer(&second, asked_at(&second, 0)->request.serial, "slow");
    settle(&rig);
    g_assert_cmpuint(second.asked->len, ==, 3); /* was not waited for */
    answer(&second, asked_at(&second, 2)->request.serial, "quick");
    await_asked(&rig, &second, 4);
    wn_filter_forget(questions[3].ticket);
}

/* Where no other process comes, nobody waits for the deadline, who asks later
 * neither; with the next one all is well. */
static void
test_deserted(void)
{
    g_auto(Rig) rig;
    g_auto(Process) second = { 0 };
    Process first;
    Question questions[3];

    rig_init(&rig);
    process_begin(&first, &rig);
    ask(&rig, &questions[0], 0, WN_REQUEST_MESSAGE);
    await_asked(&rig, &first, 1);
    process_clear(&first);
    settle(&rig);
    wn_clock_fake_step(WN_FILTER_ABSENT_MS - 250);
    settle(&rig);
    g_assert_cmpuint(rig.told->len, ==, 0);
    wn_clock_fake_step(500);
    await_told(&rig, 1);
    g_assert_cmpstr(told_at(&rig, 0)->text, ==,
        "no filter process could be had");
    ask(&rig, &questions[1], 1, WN_REQUEST_MESSAGE);
    wn_clock_fake_step(250);
    await_told(&rig, 2);
    process_begin(&second, &rig);
    ask(&rig, &questions[2], 2, WN_REQUEST_MESSAGE);
    wn_clock_fake_step(WN_FILTER_ABSENT_MS);
    await_asked(&rig, &second, 1);
    answer(&second, asked_at(&second, 0)->request.serial, "well");
    await_told(&rig, 3);
    g_assert_true(told_at(&rig, 2)->answered);
}

/* Before there was any process, the deadline holds: it may be starting. */
static void
test_not_there_yet(void)
{
    g_auto(Rig) rig;
    Question question;

    rig_init(&rig);
    ask(&rig, &question, 0, WN_REQUEST_MESSAGE);
    wn_clock_fake_step(DEADLINE_MS - 500);
    settle(&rig);
    g_assert_cmpuint(rig.told->len, ==, 0);
    wn_clock_fake_step(1000);
    await_told(&rig, 1);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/filtering/client_deaths/process-dies", test_process_dies);
    g_test_add_func("/filtering/client_deaths/dies-twice", test_dies_twice);
    g_test_add_func("/filtering/client_deaths/poison", test_poison);
    g_test_add_func("/filtering/client_deaths/slow-suspect", test_slow_suspect);
    g_test_add_func("/filtering/client_deaths/deserted", test_deserted);
    g_test_add_func("/filtering/client_deaths/not-there-yet",
        test_not_there_yet);
    return g_test_run();
}
