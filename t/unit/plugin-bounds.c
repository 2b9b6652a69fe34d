/* SPDX-License-Identifier: MIT */

/*
 * What the SDK's header bounds, asked for just below and just above; and what a
 * plugin hands over that cannot be served.
 */

#include "core/base/metrics.h"
#include "core/plugin/sdk.h"
#include "t/unit/plugin-stage.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* 64 and 32 bytes. */
#define PLUGIN_NAME \
    "a_plugin_whose_name_is_as_long_as_a_name_may_be_and_not_a_byte__"
#define METRIC_NAME "a_metric_of_a_name_that_is_long_"

G_STATIC_ASSERT(sizeof PLUGIN_NAME == 64 + 1);
G_STATIC_ASSERT(sizeof METRIC_NAME == 32 + 1);

static const WnHost *the_host;
static char *folder;

static WnVerdict
on_ready(void *user, WnCall *call, int fd, uint32_t events)
{
    (void)user;
    (void)call;
    (void)fd;
    (void)events;
    return WN_PASS;
}

static int32_t
wait_for(WnCall *call, int fd)
{
    return the_host->io->wait(call, fd, WN_IO_READ, on_ready, NULL);
}

static int
open_in_folder(const char *name, int flags)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);

    return open(path, flags | O_CLOEXEC, 0600);
}

/* A socket that was opened by its path has a socket's mode. */
static int
open_socket_by_path(void)
{
    g_autofree char *path = g_build_filename(folder, "sock", NULL);
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);

    g_strlcpy(address.sun_path, path, sizeof address.sun_path);
    g_assert_cmpint(bind(listener, (struct sockaddr *)&address, sizeof address),
        ==, 0);
    close(listener);
    return open(path, O_PATH | O_CLOEXEC);
}

static void
ask_waits(WnCall *call)
{
    int refused[] = { -1, 9999, open("/dev/null", O_RDWR | O_CLOEXEC),
        open_in_folder("file", O_RDWR | O_CREAT), open(folder, O_RDONLY),
        open_socket_by_path(), eventfd(0, EFD_NONBLOCK) };
    int ends[2];

    for (size_t i = 0; i < G_N_ELEMENTS(refused); i++) {
        g_assert_cmpint(wait_for(call, refused[i]), ==, WN_E_INVALID);
        if (i > 1)
            g_assert_cmpint(close(refused[i]), ==, 0);
    }
    g_assert_cmpuint(the_host->call->outstanding(call), ==, 0);
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), ==, 0);
    g_assert_cmpint(write(ends[1], "x", 1), ==, 1);
    g_assert_cmpint(wait_for(call, ends[0]), ==, WN_OK);
}

static void
ask_memory(WnCall *call)
{
    static const size_t too_much[] = { SIZE_MAX, SIZE_MAX - 5, SIZE_MAX / 2,
        (16u << 20) + 1 };
    char *most = the_host->call->alloc(call, WN_LIFE_CALL, 16u << 20);

    for (size_t i = 0; i < G_N_ELEMENTS(too_much); i++)
        for (WnLife life = WN_LIFE_CALL; life <= WN_LIFE_CONN; life++)
            g_assert_null(the_host->call->alloc(call, life, too_much[i]));
    g_assert_nonnull(most);
    g_assert_cmpint(most[(16u << 20) - 1], ==, 0);
    g_assert_nonnull(the_host->call->alloc(call, WN_LIFE_CALL, 0));
    g_assert_nonnull(the_host->call->alloc(call, 17, 100));
}

static void
ask_body(WnCall *call)
{
    const WnMessageApi *message = the_host->message;
    WnStr raw = message->raw(call);
    WnStr body = message->body(call);

    g_assert_cmpuint(body.len, ==, strlen("body\r\n\r\nmore\r\n"));
    g_assert_cmpint(memcmp(body.ptr, "body\r\n\r\nmore\r\n", body.len), ==, 0);
    g_assert_true(body.ptr + body.len == raw.ptr + raw.len);
}

static WnVerdict
bounds_message(void *self, WnCall *call)
{
    (void)self;
    ask_memory(call);
    ask_body(call);
    ask_waits(call);
    return WN_PENDING;
}

static WnVerdict
bounds_headers(void *self, WnCall *call)
{
    (void)self;
    g_assert_cmpuint(the_host->message->body(call).len, ==, 0);
    return WN_PASS;
}

static int32_t
bounds_new(const WnHost *host, const WnSettings *settings, void **self,
    WnError *err)
{
    int32_t counter;

    (void)settings;
    (void)self;
    (void)err;
    the_host = host;
    counter = host->metrics->counter(host, METRIC_NAME, "Help.");
    g_assert_cmpint(counter, >=, 0);
    host->metrics->add(host, counter, 7);
    g_assert_cmpint(host->metrics->counter(host, METRIC_NAME "x", "Help."), ==,
        WN_E_INVALID);
    g_assert_cmpint(host->metrics->gauge(host, "", "Help."), ==, WN_E_INVALID);
    return WN_OK;
}

static const WnFilter filter = {
    .struct_size = sizeof(WnFilter),
    .headers = bounds_headers,
    .message = bounds_message,
};
static const WnPlugin plugin = { WN_PLUGIN_HEAD, .name = PLUGIN_NAME,
    .version = "1", .summary = "Asks.", .author = "a test", .license = "MIT",
    .instance_new = bounds_new, .filter = &filter };
static const WnPlugin *const plugins[] = { &plugin, NULL };

static void
run(Stage *stage)
{
    const char *const filters[] = { "plugin = " PLUGIN_NAME, NULL };

    stage_init(stage, plugins, NULL);
    folder = stage->files.folder;
    stage_filters(stage, filters);
    stage_domain(stage, "good.example", "");
    stage_start(stage);
    stage_assert_no_problem(stage);
    stage_connect(stage, "192.0.2.1");
    stage_mail(stage, "from@b.example");
    g_assert_cmpstr(stage_message(stage,
                        "Subject: s\r\n\r\nbody\r\n\r\nmore\r\n",
                        "u@good.example"),
        ==, "deliver; a:pass");
    g_assert_cmpint(wn_metrics_lookup("winnow_ext_" PLUGIN_NAME "_" METRIC_NAME,
                        "instance=\"a\""),
        ==, 7);
}

static void
test_bounds(void)
{
    g_auto(Stage) stage;

    run(&stage);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/plugin/bounds", test_bounds);
    return g_test_run();
}
