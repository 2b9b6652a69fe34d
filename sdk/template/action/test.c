/* SPDX-License-Identifier: MIT */

#include <winnow/wn-harness.h>

static void
field_is_added(const char *plugin)
{
    WnHarness *h = wn_harness_new(plugin, NULL);

    wn_harness_finding(h, "bad-word", "casino", 1000);
    wn_harness_message(h, "Subject: casino\n\nHello.\n");
    wn_harness_run(h);
    WN_CHECK_STR(wn_harness_decision(h), "deliver");
    WN_CHECK_INT(wn_harness_n_edits(h), 1);
    WN_CHECK(wn_harness_edit(h, 0)[0] == 's');
    wn_harness_free(h);
}

static void
nothing_at_rcpt(const char *plugin)
{
    WnHarness *h = wn_harness_new(plugin, "field = X-Other\n");

    wn_harness_finding(h, "bad-client", "", 1000);
    wn_harness_early(h);
    wn_harness_run(h);
    WN_CHECK_STR(wn_harness_decision(h), "deliver");
    wn_harness_free(h);
}

WN_HARNESS_TESTS = {
    { "the field is added", field_is_added },
    { "nothing is refused at RCPT", nothing_at_rcpt },
    { NULL, NULL },
};
