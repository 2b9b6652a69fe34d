/* SPDX-License-Identifier: MIT */

/* What filters say, in every order and with every setting, and what becomes of
 * the message. */

#include "t/unit/plugin-stage.h"

#include "t/unit/plugin-probe.h"

static const char plain[] = "Subject: hello\r\n\r\nSome text.\r\n";

typedef struct Case {
    const char *name;
    const char *filters[4]; /* keys of [filter a], b, c; NULL: absent */
    const char *decided;
} Case;

#define PROBE "plugin = probe\n"

static const Case cases[] = {
    { "no-filter", { NULL }, "deliver" },
    { "pass", { PROBE "action = act\nscript = message=pass" },
        "deliver; a:pass" },
    { "reject",
        { PROBE "action = act\naction.do = reject\nscript = message=match:x",
            PROBE "script = message=match" },
        "reject 550 5.7.1 \"Message refused by policy\" by a;"
        " a:match(r=x)>act; b:skipped(decided by a)" },
    { "order-of-positions",
        { PROBE "position = 30\naction = act\naction.do = reject\n"
                "script = message=match",
            PROBE "position = 20\naction = act\naction.do = discard\n"
                  "script = message=match" },
        "delete by b; b:match(r=)>act; a:skipped(decided by b)" },
    { "no-action-reports-only",
        { PROBE "action = none\nscript = message=match",
            PROBE "script = message=match2" },
        "deliver; a:match(r=); b:match(r=one,r=two)" },
    { "deliver-stops",
        { PROBE "action = act\nscript = message=match\n"
                "action.do = prefix:[A]",
            PROBE "action = act\naction.do = reject\nscript = message=match" },
        "deliver +prefix(=[A]); a:match(r=)>act; b:skipped(decided by a)" },
    { "deliver-continues",
        { PROBE "action = act\non_match = continue\nscript = message=match\n"
                "action.do = prefix:[A]",
            PROBE "action = act\non_match = continue\n"
                  "script = message=match\naction.do = prefix:[B]|add:X-B=c",
            PROBE "script = message=pass" },
        "deliver +prefix(=[A]) +prefix(=[B]) +add(X-B=c);"
        " a:match(r=)>act; b:match(r=)>act; c:pass" },
    { "refusal-ends-a-chain-that-continues",
        { PROBE "action = act\non_match = continue\nscript = message=match\n"
                "action.do = reject",
            PROBE "script = message=match" },
        "reject 550 5.7.1 \"Message refused by policy\" by a;"
        " a:match(r=)>act; b:skipped(decided by a)" },
    { "redirect",
        { PROBE "action = act\nscript = message=match\n"
                "action.do = to:boss@good.example" },
        "deliver to boss@good.example by a; a:match(r=)>act" },
    { "redirect-to-nonsense",
        { PROBE "action = act\nscript = message=match\n"
                "action.do = to:boss" },
        "deliver; a:match(r=)>act" },
    { "trust",
        { PROBE "script = message=trust",
            PROBE "action = act\naction.do = reject\nscript = message=match" },
        "deliver; a:trust; b:skipped(trusted by a)" },
    { "trust-after-tag",
        { PROBE "action = act\non_match = continue\nscript = message=match\n"
                "action.do = prefix:[A]",
            PROBE "script = message=trust", PROBE "script = message=match" },
        "deliver +prefix(=[A]); a:match(r=)>act; b:trust;"
        " c:skipped(trusted by b)" },
    { "fail-skips",
        { PROBE "script = message=fail", PROBE "script = message=pass" },
        "deliver; a:fail(could not tell); b:pass" },
    { "fail-tempfails",
        { PROBE "on_error = tempfail\nscript = message=fail",
            PROBE "script = message=pass" },
        "tempfail 451 4.7.1 \"Message cannot be checked now, please try again"
        " later\" by a; a:fail(could not tell); b:skipped(decided by a)" },
    { "no-verdict", { PROBE "script = message=odd" },
        "deliver; a:fail(returned 99, which is no verdict)" },
    { "match-without-finding",
        { PROBE "action = act\naction.do = reject\n"
                "script = message=matchnothing" },
        "deliver; a:fail(matched without a finding)" },
    { "waits-for-nothing", { PROBE "script = message=pending" },
        "deliver; a:fail(waits for nothing)" },
    { "later-hook-still-finds",
        { PROBE "action = act\naction.do = reject\n"
                "script = headers=fail message=match" },
        "reject 550 5.7.1 \"Message refused by policy\" by a;"
        " a:match(r=)>act" },
    { "failure-of-an-earlier-hook-counts",
        { PROBE "script = connect=fail message=pass" },
        "deliver; a:fail(could not tell)" },
    { "early-hook-at-its-place",
        { PROBE "script = message=pass",
            PROBE "action = act\naction.do = reject\n"
                  "script = connect=match:early" },
        "reject 550 5.7.1 \"Message refused by policy\" by b;"
        " a:pass; b:match(r=early)>act" },
    { "mail-hook", { PROBE "script = mail=match" }, "deliver; a:match(r=)" },
    { "helo-hook", { PROBE "script = helo=helo" },
        "deliver; a:match(r=client.example.org)" },
    { "score-and-why",
        { PROBE "action = act\naction.do = why\nscript = message=match2" },
        "reject 550 5.7.1 \"a r one 3000\" by a; a:match(r=one,r=two)>act" },
    { "reply-of-the-action",
        { PROBE "action = act\nscript = message=match:bad.example\n"
                "action.do = reject|reply:554:5.7.9:"
                "%c %s %r %d %f %e %i %h %%c" },
        "reject 554 5.7.9 \"192.0.2.1 from@b.example u@good.example"
        " good.example a bad.example 01ARZ3NDEKTSV4RRFFQ69G5FAV"
        " mx.example.net %c\" by a; a:match(r=bad.example)>act" },
    { "reply-of-the-wrong-kind",
        { PROBE "action = act\nscript = message=match\n"
                "action.do = tempfail|reply:550:5.7.1:later" },
        "tempfail 451 4.7.1 \"later\" by a; a:match(r=)>act" },
    { "reply-that-is-none",
        { PROBE "action = act\nscript = message=match\n"
                "action.do = reject|reply:250:2.0.0:fine" },
        "reject 550 5.7.1 \"Message refused by policy\" by a;"
        " a:match(r=)>act" },
    { "odd-disposition",
        { PROBE "action = act\nscript = message=match\naction.do = odd" },
        "deliver; a:match(r=)>act" },
    { "action-that-lies-about-itself",
        { PROBE "action = mild\nscript = message=match\naction.do = reject" },
        "deliver; a:match(r=)>mild" },
    { "policy-fails",
        { PROBE "policy = file is absent\nscript = message=match",
            PROBE "script = message=pass" },
        "deliver; a:fail(file is absent); b:pass" },
    { "policy-fails-and-tempfails",
        { PROBE "policy = no\non_error = tempfail" },
        "tempfail 451 4.7.1 \"Message cannot be checked now, please try again"
        " later\" by a; a:fail(no)" },
    { "missing-instance-skips", { PROBE "start = out of order" },
        "deliver; a:skipped(the plugin does not start: out of order)" },
    { "missing-instance-tempfails",
        { PROBE "start = out of order\non_error = tempfail",
            PROBE "script = message=pass" },
        "tempfail 451 4.7.1 \"Message cannot be checked now, please try again"
        " later\" by a; a:skipped(the plugin does not start: out of order);"
        " b:skipped(decided by a)" },
    { "tags",
        { PROBE "script = headers=tag:k=v", PROBE "script = message=seen:k",
            PROBE "script = message=seen:other" },
        "deliver; a:pass; b:match(r=v); c:pass" },
    { "not-allowed-here", { PROBE "script = message=states" },
        "deliver; a:match(r=-2 -2 -2 -2 -2 -2 -1)" },
};

static void
test_matrix(const void *data)
{
    const Case *one = data;
    g_auto(Stage) stage;

    stage_init(&stage, probe_plugins, NULL);
    stage_filters(&stage, one->filters);
    stage_domain(&stage, "good.example", "");
    stage_start(&stage);
    stage_connect(&stage, "192.0.2.1");
    stage_helo(&stage, "client.example.org");
    stage_mail(&stage, "from@b.example");
    g_assert_cmpstr(stage_message(&stage, plain, "u@good.example"), ==,
        one->decided);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strconcat("/plugin/chain/", cases[i].name,
            NULL);

        g_test_add_data_func(path, &cases[i], test_matrix);
    }
    return g_test_run();
}
