/* SPDX-License-Identifier: MIT */

#include <winnow/wn-harness.h>

static void
word_is_found(const char *plugin)
{
    WnHarness *h = wn_harness_new(plugin, "words = casino; lottery\n");

    wn_harness_message(h, "Subject: The lottery awaits\n\nHello.\n");
    wn_harness_run(h);
    WN_CHECK_STR(wn_harness_verdict(h), "match");
    WN_CHECK_STR(wn_harness_rule(h, 0), "word");
    WN_CHECK_STR(wn_harness_evidence(h, 0), "lottery");
    wn_harness_free(h);
}

static void
other_subjects_pass(const char *plugin)
{
    WnHarness *h = wn_harness_new(plugin, "words = casino; lottery\n");

    wn_harness_message(h, "Subject: Minutes\n\nThe lottery was discussed.\n");
    wn_harness_run(h);
    WN_CHECK_STR(wn_harness_verdict(h), "pass");
    wn_harness_free(h);
}

static void
no_subject_passes(const char *plugin)
{
    WnHarness *h = wn_harness_new(plugin, "words = casino\n");

    wn_harness_message(h, "From: a@example.net\n\nHello.\n");
    wn_harness_run(h);
    WN_CHECK_STR(wn_harness_verdict(h), "pass");
    wn_harness_free(h);
}

static void
domain_has_its_own(const char *plugin)
{
    WnHarness *h = wn_harness_new(plugin, "words = casino\n");

    wn_harness_domain(h, "words = minutes\n");
    wn_harness_message(h, "Subject: casino minutes\n\nHello.\n");
    wn_harness_run(h);
    WN_CHECK_STR(wn_harness_evidence(h, 0), "minutes");
    wn_harness_free(h);
}

WN_HARNESS_TESTS = {
    { "word is found", word_is_found },
    { "other subjects pass", other_subjects_pass },
    { "no subject passes", no_subject_passes },
    { "a domain has its own words", domain_has_its_own },
    { NULL, NULL },
};
