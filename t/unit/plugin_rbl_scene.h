/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * rbl as it is installed, against a name server on the test's loop and a clock
 * that is stepped.
 */

#include "t/unit/fake_dns.h"
#include "t/unit/plugin-stage.h"

#include "core/base/clock.h"
#include "core/base/metrics.h"

#define DNS_MS 5000
#define TTL 60
#define TURNS 8
#define CLIENT "192.0.2.1"
#define MINUTE_MS 60000

typedef struct Scene {
    Stage stage;
    FakeDns dns;
} Scene;

/* False, and the test is skipped, where the modules have not been built. */
static inline bool
open_scene(Scene *self)
{
    const char *build = g_getenv("WN_BUILD");
    g_autofree char *folder = g_build_filename(build != NULL ? build : ".",
        "plugins/modules", NULL);
    g_autofree char *absolute = g_canonicalize_filename(folder, NULL);
    g_autoptr(GError) error = NULL;

    stage_init(&self->stage, NULL, absolute);
    fake_dns_start(&self->dns, self->stage.loop);
    self->stage.resolver = wn_resolver_new(self->stage.loop, self->dns.place,
        DNS_MS, &error);
    g_assert_no_error(error);
    if (g_file_test(absolute, G_FILE_TEST_IS_DIR))
        return true;
    g_test_skip("no modules");
    return false;
}

static inline void
scene_clear(Scene *self)
{
    fake_dns_stop(&self->dns);
    stage_clear(&self->stage);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Scene, scene_clear)

static inline void
start(Scene *self, const char *options, const char *domain)
{
    g_autofree char *snippet =
        g_strconcat("[filter rbl]\naction = reject\naction.text = no\n",
            options, NULL);

    stage_snippet(&self->stage, "60-rbl", snippet);
    stage_domain(&self->stage, "good.example", domain);
    stage_start(&self->stage);
    stage_assert_no_problem(&self->stage);
}

static inline void
add(Scene *self, const char *name, const char *address)
{
    fake_dns_add_address(&self->dns, name, TTL, address);
}

/* As it must be by RFC 5782. */
static inline void
add_list(Scene *self, const char *zone)
{
    g_autofree char *name = g_strconcat("2.0.0.127.", zone, NULL);

    add(self, name, "127.0.0.2");
}

static inline void
add_listing(Scene *self, const char *client, const char *zone,
    const char *address)
{
    g_auto(GStrv) parts = g_strsplit(client, ".", 4);
    g_autofree char *name = g_strdup_printf("%s.%s.%s.%s.%s", parts[3],
        parts[2], parts[1], parts[0], zone);

    add(self, name, address);
}

static inline void
unlist(Scene *self, const char *name)
{
    for (guint i = self->dns.records->len; i-- > 0;) {
        const char *const *record = g_ptr_array_index(self->dns.records, i);

        if (g_strcmp0(record[0], name) == 0)
            g_ptr_array_remove_index(self->dns.records, i);
    }
}

static inline void
arrive(Scene *self, const char *client)
{
    stage_connect(&self->stage, client);
    stage_run_connect(&self->stage);
    stage_wait(&self->stage);
    stage_mail(&self->stage, "from@b.example");
}

static inline const char *
decide(Scene *self, const char *client)
{
    arrive(self, client);
    return stage_rcpt(&self->stage, "u@good.example");
}

static inline void
turn(Scene *self)
{
    for (int i = 0; i < TURNS && !self->stage.done; i++)
        stage_turn(&self->stage);
}

/* Nothing is decided before so much time has passed, and then it is. */
static inline const char *
decided_after(Scene *self, int64_t ms)
{
    turn(self);
    g_assert_false(self->stage.done);
    wn_clock_fake_step(ms - 1);
    turn(self);
    g_assert_false(self->stage.done);
    wn_clock_fake_step(1);
    turn(self);
    g_assert_true(self->stage.done);
    return self->stage.decided->str;
}

static inline int64_t
metric(const char *name)
{
    g_autofree char *full = g_strconcat("winnow_ext_rbl_", name, NULL);

    return wn_metrics_lookup(full, "instance=\"rbl\"");
}

#define PASS "deliver; rbl:pass"
#define TRUST "deliver; rbl:trust"
#define FAILED "deliver; rbl:fail(could not tell)"
#define MATCH(findings) \
    "reject 550 5.7.1 \"no\" by rbl; rbl:match(" findings ")>reject"
#define LISTED(zone, codes) zone "=" zone " " codes
#define A "zones = a.example\n"
#define A_B "zones = a.example; b.example\n"
#define ALLOW "allow_zones = w.example\n"
#define ON_A "1.2.0.192.a.example"
#define ON_B "1.2.0.192.b.example"
#define ON_W "1.2.0.192.w.example"
