/* SPDX-License-Identifier: MIT */
#include "core/sync/publisher.h"

#include "core/base/publish.h"
#include "core/conf/snapshot.h"
#include "core/conf/snapshot_writer.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <unistd.h>

/*
 * The program that builds is this test itself.  The configuration's path leads
 * to a file whose first word says what it does: the number of domains to build,
 * or "refuse", "garbage", "nothing", "die".
 */

static void
add_domain(WnSnapshotWriter *writer, unsigned n, WnProblems *problems)
{
    g_autofree char *name = g_strdup_printf("d%u.example", n);
    WnDomainSetting *domain = wn_domain_setting_new(name);

    wn_domain_setting_add_server(domain, "192.0.2.1", 25, 1);
    if (!wn_snapshot_writer_add(writer, domain, problems))
        g_error("%s", wn_problems_get(problems, 0)->text);
}

static GByteArray *
make_settings(unsigned n_domains, uint64_t generation)
{
    static const char text[] = "[server]\nhostname = relay.example\n";
    g_autofree char *folder = g_dir_make_tmp("build-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "winnow.conf", NULL);
    g_autoptr(WnProblems) problems = wn_problems_new();
    g_autoptr(WnCatalogue) catalogue = wn_catalogue_new();
    g_autoptr(WnConfig) config = NULL;
    g_autoptr(WnSnapshotWriter) writer = NULL;

    g_file_set_contents(path, text, -1, NULL);
    config = wn_config_read(path, problems);
    g_unlink(path);
    g_rmdir(folder);
    writer = wn_snapshot_writer_new(config, catalogue);
    for (unsigned i = 0; i < n_domains; i++)
        add_domain(writer, i, problems);
    return wn_snapshot_writer_finish(writer, generation, problems);
}

/* argv: winnow-check -c FILE --build DIR --generation N */
static int
build(char **argv)
{
    g_autofree char *mode = NULL;
    g_autofree char *path = g_build_filename(argv[4], "settings", NULL);
    g_autoptr(GByteArray) bytes = NULL;
    uint64_t n_domains, generation;

    g_file_get_contents(argv[2], &mode, NULL, NULL);
    if (strcmp(mode, "refuse") == 0) {
        fputs("domains.d/a.conf:3: no such key\nand another\n", stdout);
        return 1;
    }
    if (strcmp(mode, "die") == 0)
        abort();
    if (strcmp(mode, "garbage") == 0)
        return g_file_set_contents(path, "garbage", -1, NULL) ? 0 : 2;
    if (strcmp(mode, "nothing") == 0)
        return 0;
    if (!wn_span_to_u64(wn_span_str(mode), &n_domains)
        || !wn_span_to_u64(wn_span_str(argv[6]), &generation))
        return 2;
    bytes = make_settings((unsigned)n_domains, generation);
    return g_file_set_contents(path, (const char *)bytes->data, bytes->len,
               NULL)
               ? 0
               : 2;
}

typedef struct Fixture {
    WnLoop *loop;
    WnPublisher *publisher;
    char *state;
    char *mode_path;
    unsigned n_results;
    WnPublishResult result;
    uint64_t generation;
    uint32_t n_domains;
    char *text;
} Fixture;

static void
on_built(void *user, WnPublishResult result, uint64_t generation,
    uint32_t n_domains, const char *text)
{
    Fixture *self = user;

    self->n_results++;
    self->result = result;
    self->generation = generation;
    self->n_domains = n_domains;
    g_free(self->text);
    self->text = g_strdup(text);
}

static void
set_up(Fixture *self)
{
    g_autofree char *program = g_file_read_link("/proc/self/exe", NULL);

    *self = (Fixture){ .loop = wn_loop_new() };
    self->state = g_dir_make_tmp("publisher-XXXXXX", NULL);
    self->mode_path = g_build_filename(self->state, "mode", NULL);
    self->publisher = wn_publisher_new(self->loop, self->state, program,
        self->mode_path);
}

static void
tear_down(Fixture *self)
{
    wn_publisher_free(self->publisher);
    wn_loop_free(self->loop);
    g_assert_true(wn_folder_remove(self->state, NULL));
    g_free(self->state);
    g_free(self->mode_path);
    g_free(self->text);
}

static void
wait_for(Fixture *self, unsigned n_results)
{
    for (int i = 0; i < 400 && self->n_results < n_results; i++)
        wn_loop_turn(self->loop);
    g_assert_cmpint(self->n_results, ==, n_results);
}

static WnPublishResult
publish(Fixture *self, const char *mode)
{
    unsigned before = self->n_results;

    g_file_set_contents(self->mode_path, mode, -1, NULL);
    wn_publisher_build(self->publisher, on_built, self);
    g_assert_cmpint(self->n_results, ==, before);
    wait_for(self, before + 1);
    if (self->text[0] != '\0')
        g_test_message("%s", self->text);
    return self->result;
}

static int
compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What stands in state/snapshots, sorted, with a space behind each. */
static char *
list(const Fixture *self)
{
    g_autofree char *folder = g_build_filename(self->state, "snapshots", NULL);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    GString *out = g_string_new(NULL);
    const char *name;

    while ((name = g_dir_read_name(dir)) != NULL)
        if (strcmp(name, ".lock") != 0)
            g_ptr_array_add(names, g_strdup_printf("%8s", name));
    g_ptr_array_sort(names, compare_names);
    for (guint i = 0; i < names->len; i++)
        g_string_append_printf(out, "%s ", g_strchug(names->pdata[i]));
    return g_string_free(out, FALSE);
}

static void
test_publish_and_unchanged(void)
{
    g_autoptr(WnSnapshot) snapshot = NULL;
    g_autofree char *names = NULL;
    Fixture self;

    set_up(&self);
    g_assert_cmpint(wn_publisher_next_generation(self.state), ==, 1);
    g_assert_cmpint(publish(&self, "2"), ==, WN_PUBLISH_DONE);
    g_assert_cmpint(self.generation, ==, 1);
    g_assert_cmpint(self.n_domains, ==, 2);
    g_assert_cmpint(publish(&self, "2"), ==, WN_PUBLISH_UNCHANGED);
    g_assert_cmpint(self.generation, ==, 1);
    g_assert_cmpint(self.n_domains, ==, 2);
    g_assert_cmpint(publish(&self, "3"), ==, WN_PUBLISH_DONE);
    g_assert_cmpint(self.generation, ==, 2);
    names = list(&self);
    g_assert_cmpstr(names, ==, "1 2 current ");
    snapshot = wn_snapshot_open_current(self.state, NULL);
    g_assert_cmpint(wn_snapshot_generation(snapshot), ==, 2);
    g_assert_cmpint(wn_snapshot_n_domains(snapshot), ==, 3);
    tear_down(&self);
}

static void
test_failures_leave_the_current(void)
{
    static const struct {
        const char *mode;
        const char *text;
    } cases[] = {
        { "refuse", "domains.d/a.conf:3: no such key\nand another\n" },
        { "die", "killed by signal 6" },
        { "garbage", "settings" },
        { "nothing", "settings" },
    };
    Fixture self;

    set_up(&self);
    publish(&self, "1");
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *names = NULL;

        g_test_message("%s", cases[i].mode);
        g_assert_cmpint(publish(&self, cases[i].mode), ==, WN_PUBLISH_FAILED);
        g_assert_nonnull(strstr(self.text, cases[i].text));
        names = list(&self);
        g_assert_cmpstr(names, ==, "1 current ");
    }
    tear_down(&self);
}

static void
test_keeps_ten(void)
{
    g_autofree char *names = NULL;
    Fixture self;

    set_up(&self);
    for (int i = 1; i <= WN_SNAPSHOTS_KEPT + 2; i++) {
        g_autofree char *mode = g_strdup_printf("%d", i);

        g_assert_cmpint(publish(&self, mode), ==, WN_PUBLISH_DONE);
    }
    names = list(&self);
    g_assert_cmpstr(names, ==, "3 4 5 6 7 8 9 10 11 12 current ");
    tear_down(&self);
}

/* After a rollback the generation in use is not the newest. */
static void
test_used_one_is_kept(void)
{
    g_autofree char *names = NULL;
    g_autofree char *link = NULL;
    Fixture self;

    set_up(&self);
    link = g_build_filename(self.state, "snapshots", "current", NULL);
    publish(&self, "1");
    publish(&self, "2");
    g_assert_true(wn_link_publish(link, "1", NULL));
    g_assert_cmpint(publish(&self, "1"), ==, WN_PUBLISH_UNCHANGED);
    g_assert_cmpint(self.generation, ==, 1);
    g_assert_cmpint(publish(&self, "5"), ==, WN_PUBLISH_DONE);
    g_assert_cmpint(self.generation, ==, 3);
    tear_down(&self);
}

static void
test_rubbish_is_removed(void)
{
    g_autofree char *names = NULL;
    g_autofree char *rubbish = NULL;
    g_autofree char *inside = NULL;
    Fixture self;

    set_up(&self);
    rubbish = g_build_filename(self.state, "snapshots", ".build-old", NULL);
    inside = g_build_filename(rubbish, "settings", NULL);
    g_mkdir_with_parents(rubbish, 0700);
    g_file_set_contents(inside, "x", -1, NULL);
    publish(&self, "1");
    names = list(&self);
    g_assert_cmpstr(names, ==, "1 current ");
    tear_down(&self);
}

/* Any number of calls during a build makes one more. */
static void
test_calls_during_a_build(void)
{
    Fixture self;

    set_up(&self);
    g_file_set_contents(self.mode_path, "1", -1, NULL);
    for (int i = 0; i < 5; i++)
        wn_publisher_build(self.publisher, on_built, &self);
    wait_for(&self, 2);
    for (int i = 0; i < 5; i++)
        wn_loop_turn(self.loop);
    g_assert_cmpint(self.n_results, ==, 2);
    g_assert_cmpint(self.result, ==, WN_PUBLISH_UNCHANGED);
    tear_down(&self);
}

/* Two publishers, as during a reload, do not disturb each other. */
static void
test_two_at_once(void)
{
    g_autofree char *program = g_file_read_link("/proc/self/exe", NULL);
    Fixture self;
    WnPublisher *other;

    set_up(&self);
    other = wn_publisher_new(self.loop, self.state, program, self.mode_path);
    g_file_set_contents(self.mode_path, "4", -1, NULL);
    wn_publisher_build(self.publisher, on_built, &self);
    wn_publisher_build(other, on_built, &self);
    wait_for(&self, 2);
    g_assert_cmpint(self.result, ==, WN_PUBLISH_UNCHANGED);
    g_assert_cmpint(self.generation, ==, 1);
    wn_publisher_free(other);
    tear_down(&self);
}

static void
test_freed_during_a_build(void)
{
    g_autofree char *names = NULL;
    Fixture self;

    set_up(&self);
    g_file_set_contents(self.mode_path, "1", -1, NULL);
    wn_publisher_build(self.publisher, on_built, &self);
    g_clear_pointer(&self.publisher, wn_publisher_free);
    wn_loop_turn(self.loop);
    g_assert_cmpint(self.n_results, ==, 0);
    names = list(&self);
    g_assert_cmpstr(names, ==, "");
    tear_down(&self);
}

static void
test_program_is_not_there(void)
{
    Fixture self;

    set_up(&self);
    wn_publisher_free(self.publisher);
    self.publisher = wn_publisher_new(self.loop, self.state, "/nonexistent/x",
        self.mode_path);
    g_assert_cmpint(publish(&self, "1"), ==, WN_PUBLISH_FAILED);
    g_assert_nonnull(strstr(self.text, "/nonexistent/x"));
    tear_down(&self);
}

int
main(int argc, char **argv)
{
    if (argc > 6 && strcmp(argv[1], "-c") == 0)
        return build(argv);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/publisher/publish", test_publish_and_unchanged);
    g_test_add_func("/publisher/failures", test_failures_leave_the_current);
    g_test_add_func("/publisher/keeps-ten", test_keeps_ten);
    g_test_add_func("/publisher/used-one-is-kept", test_used_one_is_kept);
    g_test_add_func("/publisher/rubbish", test_rubbish_is_removed);
    g_test_add_func("/publisher/calls-during-a-build",
        test_calls_during_a_build);
    g_test_add_func("/publisher/two-at-once", test_two_at_once);
    g_test_add_func("/publisher/freed-during-a-build",
        test_freed_during_a_build);
    g_test_add_func("/publisher/no-program", test_program_is_not_there);
    return g_test_run();
}
