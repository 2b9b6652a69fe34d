/* SPDX-License-Identifier: MIT */

/*
 * One report for one message, whenever the queue dies.  The first run dies when
 * its report is durable and that is not noted at the message; the second one
 * sends the report while the message is still out of its sight: a worker holds
 * its segment and has not yet told how far it is durable.
 */

#include "core/base/fd.h"
#include "core/base/metrics.h"
#include "t/unit/queue_stage.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#define BODY "Subject: test\r\n\r\nhello\r\n"

static const char two_domains[] = "[domain a.example]\nservers = $0\n"
                                  "[domain b.example]\nservers = $1\n";

static void
copy_spool(const char *from, const char *to, bool outcomes)
{
    g_autoptr(GDir) folder = g_dir_open(from, 0, NULL);
    const char *name;

    g_assert_cmpint(g_mkdir_with_parents(to, 0700), ==, 0);
    while ((name = g_dir_read_name(folder)) != NULL) {
        g_autofree char *source = g_build_filename(from, name, NULL);
        g_autofree char *target = g_build_filename(to, name, NULL);
        g_autofree char *bytes = NULL;
        gsize len;

        if (!g_str_has_suffix(name, ".seg")
            && !(outcomes && g_str_has_suffix(name, ".out")))
            continue;
        g_assert_true(g_file_get_contents(source, &bytes, &len, NULL));
        g_assert_true(g_file_set_contents(target, bytes, (gssize)len, NULL));
    }
}

static void
empty_folder(const char *path)
{
    g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
    const char *name;

    while ((name = g_dir_read_name(folder)) != NULL) {
        g_autofree char *file = g_build_filename(path, name, NULL);

        unlink(file);
    }
}

typedef struct Case {
    const char *name;
    const char *envelope;
    FakeRule rule;
    const char *offers; /* of the recipients' server */
    unsigned n_sent;    /* messages that it takes */
} Case;

typedef struct Scene {
    Stage stage;
    char *aside;
    char *segment; /* of the message */
    uint64_t durable;
    int writer; /* holds its lock */
} Scene;

static void
scene_clear(Scene *self)
{
    stage_clear(&self->stage);
    wn_fd_close(self->writer);
    g_free(self->aside);
    g_free(self->segment);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Scene, scene_clear)

/* What the spool was like when it was copied is what the next run finds. */
static void
die(Scene *self)
{
    g_clear_pointer(&self->stage.journal, wn_journal_free);
    stage_stop_queue(&self->stage);
    empty_folder(self->stage.config->spool);
    copy_spool(self->aside, self->stage.config->spool, true);
    empty_folder(self->aside);
}

static void
first_run(Scene *self)
{
    Stage *stage = &self->stage;
    const char *segment;

    /* The report is on its way: it is durable.  Nothing is synced yet. */
    for (int i = 0; i < 2000 && stage->servers[1].n_connections == 0; i++)
        wn_loop_turn(stage->loop);
    g_assert_cmpuint(stage->servers[1].n_connections, ==, 1);
    g_assert_cmpuint(stage->servers[1].n_messages, ==, 0);
    g_assert_cmpuint(stage_n_events(stage, "dsn"), ==, 1);
    g_assert_true(
        wn_journal_position(stage->journal, &segment, &self->durable));
    self->segment = g_strdup(segment);
    copy_spool(stage->config->spool, self->aside, false);
    die(self);
    g_assert_cmpuint(stage->servers[1].n_messages, ==, 0);
}

static bool
is_recovered(Scene *self)
{
    g_autofree char *log = stage_log(&self->stage);

    return strstr(log, "\"recovered\":true") != NULL;
}

static void
second_run(Scene *self)
{
    g_autofree char *path = g_build_filename(self->stage.config->spool,
        self->segment, NULL);

    self->writer = open(path, O_RDWR | O_CLOEXEC);
    g_assert_cmpint(flock(self->writer, LOCK_EX | LOCK_NB), ==, 0);
    stage_start_queue(&self->stage);
    stage_await(&self->stage, 1, 1);
    stage_pass(&self->stage, 5000);
    g_assert_false(is_recovered(self));
    g_assert_cmpuint(wn_queue_n_messages(self->stage.queue), ==, 0);
}

static void
check(Scene *self, const Case *c)
{
    Stage *stage = &self->stage;

    stage_pass(stage, 5000);
    g_assert_true(is_recovered(self));
    g_assert_cmpuint(stage->servers[0].n_messages, ==, c->n_sent);
    g_assert_cmpuint(stage->servers[1].n_messages, ==, 1);
    g_assert_cmpuint(stage_n_events(stage, "dsn"), ==, 1);
    g_assert_cmpuint(wn_queue_n_messages(stage->queue), ==, 0);
    /* The reports' segment is kept no longer than it takes. */
    g_assert_cmpuint(stage_n_files(stage, ".seg"), ==, 0);
}

static void
begin(Scene *self, const Case *c, const FakeRule *rules)
{
    *self = (Scene){ .writer = -1 };
    stage_init(&self->stage, "");
    self->aside = fixture_path(&self->stage.conf, "aside");
    if (c->rule.on != NULL)
        self->stage.servers[0].rules = rules;
    if (c->offers != NULL)
        self->stage.servers[0].offers = c->offers;
    stage_domains(&self->stage, two_domains);
    stage_start_queue(&self->stage);
    stage_message(&self->stage, c->envelope, BODY);
    first_run(self);
    second_run(self);
}

static void
test_dies_again(gconstpointer data)
{
    const Case *c = data;
    const FakeRule rules[] = { c->rule, { 0 } };
    g_auto(Scene) scene = { 0 };

    begin(&scene, c, rules);
    copy_spool(scene.stage.config->spool, scene.aside, true);
    die(&scene);
    stage_start_queue(&scene.stage);
    check(&scene, c);
}

static void
test_ends(gconstpointer data)
{
    const Case *c = data;
    const FakeRule rules[] = { c->rule, { 0 } };
    g_auto(Scene) scene = { 0 };

    begin(&scene, c, rules);
    stage_stop_queue(&scene.stage);
    wn_fd_close(scene.writer);
    scene.writer = -1;
    stage_start_queue(&scene.stage);
    check(&scene, c);
}

/* However late the worker comes back. */
static void
test_goes_on(gconstpointer data)
{
    const Case *c = data;
    const FakeRule rules[] = { c->rule, { 0 } };
    g_auto(Scene) scene = { 0 };

    begin(&scene, c, rules);
    stage_pass(&scene.stage, 130000);
    wn_queue_durable(scene.stage.queue, scene.segment, scene.durable, false);
    g_assert_true(is_recovered(&scene));
    wn_fd_close(scene.writer);
    scene.writer = -1;
    check(&scene, c);
}

static const Case cases[] = {
    { "failed", "s@b.example > x@a.example", { "RCPT", 0, "550 5.1.1 no\r\n" },
        NULL, 0 },
    { "relayed", "s@b.example > x@a.example,notify=SUCCESS", { 0 },
        fake_smtp_plain, 1 },
};

static void
add(const char *name, const Case *c, GTestDataFunc fn)
{
    g_autofree char *path = g_strdup_printf("/queue/reported-twice/%s/%s",
        c->name, name);

    g_test_add_data_func(path, c, fn);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    wn_metrics_attach(-1);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        add("dies-again", &cases[i], test_dies_again);
        add("ends", &cases[i], test_ends);
        add("goes-on", &cases[i], test_goes_on);
    }
    return g_test_run();
}
