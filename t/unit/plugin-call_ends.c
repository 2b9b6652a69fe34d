/* SPDX-License-Identifier: MIT */

/* call->at_end and call->add_header: a plugin that tells when it was told that
 * its call is over, and what may be added to copies. */

#include "core/base/clock.h"
#include "core/plugin/sdk.h"
#include "t/unit/plugin-stage.h"

#include <string.h>

static const char plain[] = "Subject: hello\r\n\r\nSome text.\r\n";

static GString *told;

static bool
is(WnStr text, const char *word)
{
    return strcmp(text.ptr, word) == 0;
}

static void
on_end(void *user)
{
    g_string_append_printf(told, "%s;", (const char *)user);
}

static WnVerdict
on_time(void *user, WnCall *call)
{
    (void)call;
    g_string_append(told, "time;");
    return strcmp(user, "fails") == 0 ? WN_FAIL : WN_PASS;
}

/* Memory of the call is there until the end is told. */
static void
ask_for_ends(const WnHost *host, WnCall *call)
{
    char *copy = host->call->alloc(call, WN_LIFE_CALL, 8);

    memcpy(copy, "first", 6);
    g_assert_cmpint(host->call->at_end(call, NULL, NULL), ==, WN_E_INVALID);
    g_assert_cmpint(host->call->at_end(call, on_end, copy), ==, WN_OK);
    g_assert_cmpint(host->call->at_end(call, on_end, (void *)"second"), ==,
        WN_OK);
}

static WnVerdict
do_as_told(const WnHost *host, WnCall *call)
{
    WnStr what = host->settings->string(host->call->settings(call), 0);
    WnFinding finding = { .struct_size = sizeof finding, .rule = "r" };
    int n = 0;

    ask_for_ends(host, call);
    if (is(what, "many")) {
        while (host->call->at_end(call, on_end, (void *)"x") == WN_OK)
            n++;
        g_assert_cmpint(n, ==, 62);
        g_assert_cmpint(host->call->at_end(call, on_end, NULL), ==, WN_E_LIMIT);
    }
    host->call->add_header(call, "X-Note", what.ptr);
    if (is(what, "match"))
        return host->call->report(call, &finding) == WN_OK ? WN_MATCH : WN_FAIL;
    if (!is(what, "waits") && !is(what, "fails"))
        return WN_PASS;
    host->timer->after(call, 50, on_time, (void *)(uintptr_t)what.ptr);
    host->timer->after(call, 90, on_time, (void *)(uintptr_t)what.ptr);
    return WN_PENDING;
}

static WnVerdict
ends_message(void *self, WnCall *call)
{
    return do_as_told(self, call);
}

static WnVerdict
ends_headers(void *self, WnCall *call)
{
    const WnHost *host = self;

    g_assert_cmpint(host->call->add_header(call, "X-A", "b"), ==, WN_E_STATE);
    return WN_PASS;
}

static void
ends_transaction_end(void *self, WnCall *call)
{
    const WnHost *host = self;

    g_assert_cmpint(host->call->at_end(call, on_end, (void *)"txn"), ==, WN_OK);
    g_assert_cmpint(host->call->add_header(call, "X-A", "b"), ==, WN_E_STATE);
}

/* What may not be added. */
static const struct {
    const char *name;
    const char *value;
    int32_t result;
} fields[] = {
    { "Authentication-Results", "relay.test; dkim=pass", WN_OK },
    { "X-Spam-Status", "", WN_OK },
    { "List-Id", "\xc3\xa4", WN_OK },
    { "From", "a@b.test", WN_E_INVALID },
    { "subject", "x", WN_E_INVALID },
    { "MIME-Version", "1.0", WN_E_INVALID },
    { "content-type", "text/html", WN_E_INVALID },
    { "Content-Anything", "x", WN_E_INVALID },
    { "Received", "x", WN_E_INVALID },
    { "X-Winnow-Match", "x", WN_E_INVALID },
    { "X Y", "x", WN_E_INVALID },
    { "X:", "x", WN_E_INVALID },
    { "", "x", WN_E_INVALID },
    { NULL, "x", WN_E_INVALID },
    { "X-A", NULL, WN_E_INVALID },
    { "X-A", "one\r\nTo: two", WN_E_INVALID },
    { "X-A", "one\n two", WN_E_INVALID },
    { "X-A", "\xff", WN_E_INVALID },
};

static WnVerdict
notes_message(void *self, WnCall *call)
{
    const WnHost *host = self;
    int n = 0;

    g_assert_cmpstr(host->hostname, ==, "mx.example.net");
    for (size_t i = 0; i < G_N_ELEMENTS(fields); i++) {
        g_test_message("%s: %s", fields[i].name, fields[i].value);
        g_assert_cmpint(host->call->add_header(call, fields[i].name,
                            fields[i].value),
            ==, fields[i].result);
    }
    if (is(host->settings->string(host->call->settings(call), 0), "many")) {
        while (host->call->add_header(call, "X-Many", "x") == WN_OK)
            n++;
        g_assert_cmpint(n, ==, 29);
    }
    return WN_PASS;
}

static int32_t
ends_new(const WnHost *host, const WnSettings *settings, void **self,
    WnError *err)
{
    (void)settings;
    (void)err;
    *self = (void *)(uintptr_t)host;
    return WN_OK;
}

static const WnOption options[] = {
    { .name = "what",
        .help = "What it does.",
        .type = WN_OPT_STRING,
        .flags = WN_OPT_PER_DOMAIN,
        .fallback = "passes" },
};
static const WnFilter ends_filter = { .struct_size = sizeof(WnFilter),
    .headers = ends_headers,
    .message = ends_message,
    .transaction_end = ends_transaction_end };
static const WnFilter notes_filter = { .struct_size = sizeof(WnFilter),
    .message = notes_message };
static const WnPlugin ends_plugin = { WN_PLUGIN_HEAD, .name = "ends",
    .version = "1", .summary = "Tells when its calls end.", .author = "a test",
    .license = "MIT", WN_OPTIONS(options), .instance_new = ends_new,
    .filter = &ends_filter };
static const WnPlugin notes_plugin = { WN_PLUGIN_HEAD, .name = "notes",
    .version = "1", .summary = "Adds fields.", .author = "a test",
    .license = "MIT", WN_OPTIONS(options), .instance_new = ends_new,
    .filter = &notes_filter };

static const struct WnPlugin *const plugins[] = { &ends_plugin, &notes_plugin,
    NULL };

static void
begin(Stage *stage, const char *keys)
{
    const char *const filters[] = { keys, NULL };

    if (told == NULL)
        told = g_string_new(NULL);
    g_string_truncate(told, 0);
    stage_init(stage, plugins, NULL);
    stage_filters(stage, filters);
    stage_domain(stage, "good.example", "");
    stage_domain(stage, "other.example", "[filter a]\nwhat = other\n");
    stage_start(stage);
    stage_assert_no_problem(stage);
    stage_connect(stage, "192.0.2.1");
    stage_mail(stage, "from@b.example");
}

static void
test_verdict(void)
{
    g_auto(Stage) stage;

    begin(&stage, "plugin = ends");
    g_assert_cmpstr(stage_message(&stage, plain, "u@good.example"), ==,
        "deliver +add(X-Note=passes); a:pass");
    g_assert_cmpstr(told->str, ==, "second;first;");
    stage_reset(&stage);
    g_assert_cmpstr(told->str, ==, "second;first;txn;");
}

static void
test_callback(void)
{
    g_auto(Stage) stage;

    begin(&stage, "plugin = ends\nwhat = waits");
    stage_run_message(&stage, plain, "u@good.example");
    stage_turn(&stage);
    g_assert_cmpstr(told->str, ==, "");
    wn_clock_fake_step(50);
    g_assert_cmpstr(stage_wait(&stage), ==,
        "deliver +add(X-Note=waits); a:pass");
    g_assert_cmpstr(told->str, ==, "time;second;first;");
}

static void
test_deadline(void)
{
    g_auto(Stage) stage;

    begin(&stage, "plugin = ends\nwhat = waits\ntimeout = 20ms");
    stage_run_message(&stage, plain, "u@good.example");
    stage_turn(&stage);
    wn_clock_fake_step(20);
    g_assert_cmpstr(stage_wait(&stage), ==,
        "deliver; a:fail(timed out after 20 ms)");
    g_assert_cmpstr(told->str, ==, "second;first;");
    wn_clock_fake_step(500);
    stage_turn(&stage);
    g_assert_cmpstr(told->str, ==, "second;first;");
}

static void
test_cancel(void)
{
    g_auto(Stage) stage;
    WnChainRun *run;

    begin(&stage, "plugin = ends\nwhat = waits");
    run = stage_run_message(&stage, plain, "u@good.example");
    stage_turn(&stage);
    wn_chain_cancel(run);
    g_assert_cmpstr(told->str, ==, "second;first;");
}

static void
test_hang_up(void)
{
    g_auto(Stage) stage;

    begin(&stage, "plugin = ends\nwhat = waits");
    stage_run_message(&stage, plain, "u@good.example");
    stage_turn(&stage);
    stage_hang_up(&stage);
    g_assert_nonnull(strstr(told->str, "second;first;"));
}

static void
test_many(void)
{
    g_auto(Stage) stage;

    begin(&stage, "plugin = ends\nwhat = many");
    stage_message(&stage, plain, "u@good.example");
    g_assert_cmpuint(told->len, ==,
        strlen("x;") * 62 + strlen("second;first;"));
}

/* A field is a note with any verdict but a failure. */
static void
test_fields_follow_the_verdict(void)
{
    g_auto(Stage) stage;
    g_auto(Stage) failing;

    begin(&stage, "plugin = ends\nwhat = match");
    g_assert_cmpstr(stage_message(&stage, plain, "u@good.example"), ==,
        "deliver +add(X-Note=match); a:match(r=)");
    begin(&failing, "plugin = ends\nwhat = fails");
    stage_run_message(&failing, plain, "u@good.example");
    stage_turn(&failing);
    wn_clock_fake_step(50);
    g_assert_cmpstr(stage_wait(&failing), ==,
        "deliver; a:fail(could not tell)");
}

static void
test_fields_of_scopes(void)
{
    g_auto(Stage) stage;

    begin(&stage, "plugin = ends");
    g_assert_cmpstr(stage_message(&stage, plain,
                        "u@good.example v@other.example w@good.example"),
        ==,
        "deliver +add(X-Note=passes); a:pass\n"
        "deliver +add(X-Note=other); a:pass");
}

static void
test_fields_allowed(void)
{
    g_auto(Stage) stage;
    g_auto(Stage) many;

    begin(&stage, "plugin = notes");
    g_assert_cmpstr(stage_message(&stage, plain, "u@good.example"), ==,
        "deliver +add(Authentication-Results=relay.test; dkim=pass)"
        " +add(X-Spam-Status=) +add(List-Id=\xc3\xa4); a:pass");
    begin(&many, "plugin = notes\nwhat = many");
    stage_message(&many, plain, "u@good.example");
}

static const struct {
    const char *name;
    void (*run)(void);
} tests[] = {
    { "verdict", test_verdict },
    { "callback", test_callback },
    { "deadline", test_deadline },
    { "cancel", test_cancel },
    { "hang-up", test_hang_up },
    { "many", test_many },
    { "fields-follow-the-verdict", test_fields_follow_the_verdict },
    { "fields-of-scopes", test_fields_of_scopes },
    { "fields-allowed", test_fields_allowed },
};

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_autofree char *path = g_strconcat("/plugin/call-ends/", tests[i].name,
            NULL);

        g_test_add_func(path, tests[i].run);
    }
    return g_test_run();
}
