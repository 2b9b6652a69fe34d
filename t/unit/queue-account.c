/* SPDX-License-Identifier: MIT */
#include "core/queue/account.h"

static const WnId message = { .bytes = { [0] = 1, [15] = 7 } };
static const WnId report = { .bytes = { [15] = 9 } };

static void
test_round(void)
{
    g_autoptr(WnAccounts) accounts = wn_accounts_new();
    WnId other = message;
    g_auto(WnWriter) about;
    WnId found;

    wn_writer_init(&about);
    wn_account_begin(&message, 2, &about);
    wn_account_add(0, WN_OUTCOME_BOUNCED, &about);
    wn_account_add(5, WN_OUTCOME_DELAY_NOTED, &about);
    wn_accounts_take(accounts, &report, wn_writer_span(&about));
    g_assert_true(
        wn_accounts_find(accounts, &message, 0, WN_OUTCOME_BOUNCED, &found));
    g_assert_true(wn_id_eq(&found, &report));
    g_assert_true(wn_accounts_find(accounts, &message, 5,
        WN_OUTCOME_DELAY_NOTED, &found));
    g_assert_false(
        wn_accounts_find(accounts, &message, 5, WN_OUTCOME_BOUNCED, &found));
    g_assert_false(
        wn_accounts_find(accounts, &message, 1, WN_OUTCOME_BOUNCED, &found));
    other.bytes[3] = 1;
    g_assert_false(
        wn_accounts_find(accounts, &other, 0, WN_OUTCOME_BOUNCED, &found));
}

/* Nothing is made of what was cut off anywhere. */
static void
test_broken(void)
{
    g_auto(WnWriter) about;
    WnId found;

    wn_writer_init(&about);
    wn_account_begin(&message, 2, &about);
    wn_account_add(0, WN_OUTCOME_BOUNCED, &about);
    wn_account_add(1, WN_OUTCOME_BOUNCED, &about);
    for (size_t len = 0; len < wn_writer_span(&about).len; len++) {
        g_autoptr(WnAccounts) accounts = wn_accounts_new();

        wn_accounts_take(accounts, &report,
            wn_span_slice(wn_writer_span(&about), 0, len));
        g_assert_false(wn_accounts_find(accounts, &message, 0,
            WN_OUTCOME_BOUNCED, &found));
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/queue/account/round", test_round);
    g_test_add_func("/queue/account/broken", test_broken);
    return g_test_run();
}
