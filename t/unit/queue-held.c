/* SPDX-License-Identifier: MIT */
#include "core/base/metrics.h"
#include "t/unit/queue_stage.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* What is held stays so until the operator says otherwise. */

#define BODY "Subject: test\r\n\r\nhello\r\n"

static const char two_domains[] = "[domain a.example]\nservers = $0\n"
                                  "[domain b.example]\nservers = $1\n";
static const FakeRule defers[] = { { "RCPT", 0, "450 4.2.1 later\r\n" },
    { 0 } };

static void
start(Stage *stage)
{
    stage_init(stage, "");
    stage->servers[0].rules = defers;
    stage_domains(stage, two_domains);
    stage_start_queue(stage);
    stage_message(stage, "s@b.example > x@a.example", BODY);
    stage_await_event(stage, "deferred", 1);
}

static unsigned
command(Stage *stage, WnQueueCommand what)
{
    return wn_queue_command(stage->queue, what,
        &(WnQueueFilter){ .id = &stage->last_id }, NULL);
}

static unsigned
n_held(Stage *stage)
{
    g_autofree char *list = stage_list(stage, "held");

    return *list != '\0';
}

/* One letter of the message's body. */
static void
spoil(const char *path)
{
    wn_autofd fd = open(path, O_WRONLY | O_CLOEXEC);
    g_autofree char *bytes = NULL;
    const char *hello;
    gsize len;

    g_assert_true(g_file_get_contents(path, &bytes, &len, NULL));
    hello = memmem(bytes, len, "hello", 5);
    g_assert_nonnull(hello);
    g_assert_cmpint(pwrite(fd, "j", 1, hello - bytes), ==, 1);
}

static void
spoil_message(const Stage *stage)
{
    g_autoptr(GDir) folder = g_dir_open(stage->config->spool, 0, NULL);
    const char *name;
    unsigned n = 0;

    while ((name = g_dir_read_name(folder)) != NULL) {
        g_autofree char *path = g_build_filename(stage->config->spool, name,
            NULL);

        if (!g_str_has_suffix(name, ".seg") || !g_str_has_prefix(name, "smtp"))
            continue;
        spoil(path);
        n++;
    }
    g_assert_cmpuint(n, ==, 1);
}

/* The time of the attempt that was planned before is not its end. */
static void
test_damaged(void)
{
    g_auto(Stage) stage = { 0 };

    start(&stage);
    stage_stop_queue(&stage);
    g_clear_pointer(&stage.journal, wn_journal_free);
    spoil_message(&stage);
    stage_start_queue(&stage);
    stage_pass(&stage, 3000);
    g_assert_cmpuint(stage_n_events(&stage, "damaged"), ==, 1);
    g_assert_cmpuint(n_held(&stage), ==, 1);
    stage_pass(&stage, 130 * 60 * 1000);
    g_assert_cmpuint(n_held(&stage), ==, 1);
    g_assert_cmpuint(stage_n_events(&stage, "expired"), ==, 0);
    g_assert_cmpuint(stage_n_events(&stage, "dsn"), ==, 0);
    g_assert_cmpuint(stage.servers[0].n_messages, ==, 0);
    g_assert_cmpuint(stage.servers[1].n_messages, ==, 0);
    g_assert_cmpuint(command(&stage, WN_QUEUE_BOUNCE), ==, 1);
    stage_await(&stage, 1, 1);
    g_assert_cmpuint(wn_queue_n_messages(stage.queue), ==, 0);
}

/* As on a disk that takes no more. */
static void
bounce_without_a_disk(Stage *stage)
{
    static const struct rlimit none = { 0, RLIM_INFINITY };
    static const struct rlimit any = { RLIM_INFINITY, RLIM_INFINITY };

    g_assert_cmpint(chmod(stage->config->spool, 0500), ==, 0);
    g_assert_cmpuint(command(stage, WN_QUEUE_BOUNCE), ==, 1);
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &none), ==, 0);
    stage_pass(stage, 1000);
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &any), ==, 0);
    g_assert_cmpint(chmod(stage->config->spool, 0700), ==, 0);
}

/* The operator's return could not be reported: it is not delivered instead. */
static void
test_return_not_stored(gconstpointer data)
{
    g_auto(Stage) stage = { 0 };
    g_autofree char *after = NULL;
    const char *returned;

    signal(SIGXFSZ, SIG_IGN);
    start(&stage);
    g_assert_cmpuint(command(&stage, WN_QUEUE_HOLD), ==, 1);
    stage_pass(&stage, 3000);
    stage.servers[0].rules = NULL;
    bounce_without_a_disk(&stage);
    stage_pass(&stage, 3000);
    if (data != NULL) {
        stage_stop_queue(&stage);
        stage_start_queue(&stage);
        g_clear_pointer(&stage.journal, wn_journal_free);
    }
    stage_pass(&stage, 130 * 60 * 1000);
    g_assert_cmpuint(stage.servers[0].n_messages, ==, 0);
    g_assert_cmpuint(stage.servers[1].n_messages, ==, 0);
    g_assert_cmpuint(n_held(&stage), ==, 1);

    /* Again, now that there is a disk. */
    g_assert_cmpuint(command(&stage, WN_QUEUE_BOUNCE), ==, 1);
    stage_await(&stage, 1, 1);
    g_assert_cmpuint(stage.servers[0].n_messages, ==, 0);
    g_assert_cmpuint(wn_queue_n_messages(stage.queue), ==, 0);
    after = stage_log(&stage);
    returned = strstr(after, "returned by the operator");
    g_assert_nonnull(returned);
    g_assert_null(strstr(returned + 1, "returned by the operator"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    wn_metrics_attach(-1);
    g_test_add_func("/queue/held/damaged", test_damaged);
    g_test_add_data_func("/queue/held/return-not-stored", NULL,
        test_return_not_stored);
    g_test_add_data_func("/queue/held/return-not-stored-restart", "",
        test_return_not_stored);
    return g_test_run();
}
