/* SPDX-License-Identifier: MIT */

/* All that runs code of a plugin is told to the trace, with the message that it
 * runs for; and nothing of a plugin runs where it is skipped. */

#include "core/plugin/skips.h"
#include "t/unit/plugin-probe.h"
#include "t/unit/plugin-stage.h"

#include <string.h>

static const char plain[] = "Subject: hello\r\n\r\nSome text.\r\n";

/* "filter.hook", with "+" where the message was known. */
static GString *traced;

static void
on_trace(void *user, const char *filter, const char *hook, const WnId *id,
    uint64_t content)
{
    (void)user;
    (void)content;
    if (filter == NULL)
        return;
    g_string_append_printf(traced, "%s.%s%s ", filter, hook,
        id != NULL ? "+" : "");
}

static void
open_stage(Stage *self, const char *keys, const char *domain)
{
    const char *const filters[] = { keys, NULL };

    traced = g_string_new(NULL);
    stage_init(self, probe_plugins, NULL);
    stage_filters(self, filters);
    stage_domain(self, "good.example", domain);
    stage_start(self);
    stage_assert_no_problem(self);
    wn_chain_host_set_trace(self->host, on_trace, NULL);
    stage_connect(self, "192.0.2.1");
    stage_helo(self, "client.example");
    stage_mail(self, "s@sender.example");
}

static void
close_stage(Stage *self)
{
    stage_clear(self);
    g_string_free(traced, TRUE);
}

static bool
was_traced(const char *what)
{
    return strstr(traced->str, what) != NULL;
}

/* A domain's own settings are made for a message, and go with the instance. */
static void
test_policies(void)
{
    Stage stage;

    open_stage(&stage, "plugin = probe\naction = act\nscript = message=pass\n",
        "[filter a]\naction.do = deliver\nscript = message=match\n");
    stage_message(&stage, plain, "u@good.example");
    g_assert_true(was_traced("a.policy_new+ "));
    g_assert_false(was_traced("policy_free"));
    stage_hang_up(&stage);
    g_clear_pointer(&stage.host, wn_chain_host_free);
    g_assert_true(was_traced("a.policy_free "));
    g_assert_true(was_traced("a.instance_free "));
    close_stage(&stage);
}

/* Of every transaction of a stage. */
static WnId
stage_id(void)
{
    WnId id;

    g_assert_true(wn_id_parse(WN_SPAN("01ARZ3NDEKTSV4RRFFQ69G5FAV"), &id));
    return id;
}

/* What died over this message while its settings were made is not asked for
 * them again. */
static void
test_skipped_before_settings(void)
{
    static const char *const names[] = { "a", "act" };
    static const char *const unwanted[] = { "a.policy_new", "act." };

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(WnSkips) skips = wn_skips_new();
        WnId id = stage_id();
        const char *decided;
        Stage stage;

        open_stage(&stage,
            "plugin = probe\naction = act\nscript = message=pass\n",
            "[filter a]\naction.do = reject\nscript = message=match\n");
        wn_chain_host_set_skips(stage.host, skips);
        wn_skips_add(skips, names[i], &id, 0);
        g_string_truncate(traced, 0);
        decided = stage_message(&stage, plain, "u@good.example");
        g_assert_false(was_traced(unwanted[i]));
        g_assert_nonnull(strstr(decided, "deliver"));
        g_assert_nonnull(strstr(decided, "ended its process over"));
        close_stage(&stage);
    }
}

/* The leak checker's, where there is one. */
void __lsan_disable(void) __attribute__((weak));
void __lsan_enable(void) __attribute__((weak));

/* One that is switched off is not even told that it ends, so what it has made
 * stays. */
static void
test_switched_off(void)
{
    g_autoptr(WnSkips) skips = wn_skips_new();
    Stage stage;

    if (__lsan_disable != NULL)
        __lsan_disable();
    open_stage(&stage, "plugin = probe\naction = act\nscript = message=pass\n",
        "[filter a]\nscript = message=match\n");
    stage_message(&stage, plain, "u@good.example");
    wn_chain_host_set_skips(stage.host, skips);
    wn_skips_add(skips, "a", NULL, 0);
    stage_hang_up(&stage);
    g_string_truncate(traced, 0);
    g_clear_pointer(&stage.host, wn_chain_host_free);
    g_assert_false(was_traced("a."));
    close_stage(&stage);
    if (__lsan_enable != NULL)
        __lsan_enable();
}

static void
on_load(void *user, const char *name)
{
    g_string_append_printf(user, "%s ", name != NULL ? name : ".");
}

static void
test_loading(void)
{
    g_autoptr(WnLoader) loader = wn_loader_new("/nowhere");
    g_autoptr(GString) told = g_string_new(NULL);
    g_autoptr(GError) error = NULL;

    wn_loader_refuse(loader, "bad", "switched off");
    wn_loader_set_watch(loader, on_load, told);
    g_assert_null(wn_loader_get(loader, "none", NULL));
    g_assert_cmpstr(told->str, ==, "none . ");
    g_assert_null(wn_loader_get(loader, "bad", &error));
    g_assert_cmpstr(error->message, ==, "plugin \"bad\" is switched off");
    g_assert_cmpstr(told->str, ==, "none . ");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/plugin/traced/policies", test_policies);
    g_test_add_func("/plugin/traced/skipped-before-settings",
        test_skipped_before_settings);
    g_test_add_func("/plugin/traced/switched-off", test_switched_off);
    g_test_add_func("/plugin/traced/loading", test_loading);
    return g_test_run();
}
