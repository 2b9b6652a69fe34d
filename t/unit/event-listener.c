/* SPDX-License-Identifier: MIT */
#include "core/event/listener.h"

#include "core/base/clock.h"
#include "core/base/fd.h"
#include "core/base/log.h"

#include <glib.h>
#include <glib/gstdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define N_CLIENTS 40

typedef struct Fixture {
    WnLoop *loop;
    WnListener *listener;
    WnNetaddr address;
    int taken;
    bool free_on_accept;
    bool pause_on_accept;
    int clients[N_CLIENTS];
} Fixture;

static void
on_accept(void *user, int take_fd, const WnNetaddr *peer)
{
    Fixture *f = user;

    f->taken++;
    g_assert_cmpint(peer->len, ==, 4);
    g_assert_cmpint(peer->port, !=, 0);
    close(take_fd);
    if (f->free_on_accept)
        g_clear_pointer(&f->listener, wn_listener_free);
    if (f->pause_on_accept)
        wn_listener_set_accepting(f->listener, false);
}

static void
set_up(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    struct sockaddr_storage sa;
    socklen_t len = sizeof(sa);
    int fd;

    (void)data;
    wn_clock_fake(1000000, 0);
    f->loop = wn_loop_new();
    g_assert_true(
        wn_netaddr_parse_port(WN_SPAN("127.0.0.1:0"), 0, &f->address));
    fd = wn_listener_bind(&f->address, &error);
    g_assert_no_error(error);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&sa, &len), ==, 0);
    g_assert_true(
        wn_netaddr_from_sockaddr((struct sockaddr *)&sa, len, &f->address));
    f->listener = wn_listener_new(f->loop, fd, "421 4.3.2 busy\r\n", on_accept,
        f);
    for (int i = 0; i < N_CLIENTS; i++)
        f->clients[i] = -1;
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    (void)data;
    wn_listener_free(f->listener);
    wn_loop_free(f->loop);
    for (int i = 0; i < N_CLIENTS; i++)
        wn_fd_close(f->clients[i]);
}

static int
dial(const WnNetaddr *address)
{
    struct sockaddr_storage sa;
    socklen_t len = wn_netaddr_to_sockaddr(address, &sa);
    int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_assert_cmpint(connect(fd, (struct sockaddr *)&sa, len), ==, 0);
    return fd;
}

static void
dial_many(Fixture *f, int n)
{
    for (int i = 0; i < n; i++)
        f->clients[i] = dial(&f->address);
}

static void
test_bounded_batches(Fixture *f, gconstpointer data)
{
    (void)data;
    dial_many(f, N_CLIENTS);
    wn_loop_turn(f->loop);
    g_assert_cmpint(f->taken, ==, 16);
    wn_loop_turn(f->loop);
    wn_loop_turn(f->loop);
    wn_loop_turn(f->loop);
    g_assert_cmpint(f->taken, ==, N_CLIENTS);
}

static void
test_accepting_off(Fixture *f, gconstpointer data)
{
    (void)data;
    f->pause_on_accept = true;
    dial_many(f, 3);
    wn_loop_turn(f->loop);
    wn_loop_turn(f->loop);
    g_assert_cmpint(f->taken, ==, 1);
    wn_listener_set_accepting(f->listener, true);
    wn_loop_turn(f->loop);
    g_assert_cmpint(f->taken, ==, 2);
}

static void
test_freed_inside(Fixture *f, gconstpointer data)
{
    (void)data;
    f->free_on_accept = true;
    dial_many(f, 3);
    wn_loop_turn(f->loop);
    wn_loop_turn(f->loop);
    g_assert_cmpint(f->taken, ==, 1);
}

static void
assert_refused(int fd)
{
    char text[64] = "";

    g_assert_cmpint(recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT), ==, 16);
    g_assert_cmpstr(text, ==, "421 4.3.2 busy\r\n");
}

static void
test_descriptors_short(Fixture *f, gconstpointer data)
{
    struct rlimit old;
    struct rlimit none;

    (void)data;
    dial_many(f, 2);
    g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &old), ==, 0);
    none = (struct rlimit){ 0, old.rlim_max };
    /* The lowest free descriptor is the limit: the reserve just fits. */
    none.rlim_cur = (rlim_t)dup(0);
    close((int)none.rlim_cur);
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &none), ==, 0);
    wn_loop_turn(f->loop);
    g_assert_cmpint(f->taken, ==, 0);
    assert_refused(f->clients[0]);
    wn_loop_turn(f->loop);
    g_assert_cmpint(recv(f->clients[1], &old, 0, MSG_DONTWAIT), ==, -1);
    wn_clock_fake_step(100);
    wn_loop_turn(f->loop);
    wn_loop_turn(f->loop);
    assert_refused(f->clients[1]);
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &old), ==, 0);
    f->clients[2] = dial(&f->address);
    wn_clock_fake_step(100);
    wn_loop_turn(f->loop);
    wn_loop_turn(f->loop);
    g_assert_cmpint(f->taken, ==, 1);
}

static void
test_bind_errors(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) used = NULL;
    g_autoptr(GError) foreign = NULL;
    g_autofree char *prefix = g_strdup_printf("127.0.0.1:%u: ",
        f->address.port);
    WnNetaddr elsewhere;

    (void)data;
    g_assert_cmpint(wn_listener_bind(&f->address, &used), ==, -1);
    g_assert_true(g_str_has_prefix(used->message, prefix));
    g_assert_true(
        wn_netaddr_parse_port(WN_SPAN("192.0.2.1:25"), 0, &elsewhere));
    g_assert_cmpint(wn_listener_bind(&elsewhere, &foreign), ==, -1);
    g_assert_nonnull(foreign);
}

static void
test_bind_v6(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    WnNetaddr any;
    int fd;

    /* Both families on one port: [::] does not take IPv4 as well. */
    (void)data;
    g_assert_true(wn_netaddr_parse_port(WN_SPAN("[::]:0"), 0, &any));
    any.port = f->address.port;
    fd = wn_listener_bind(&any, &error);
    if (fd < 0 && g_str_has_suffix(error->message, "not supported by protocol"))
        g_test_skip("no IPv6 here");
    else
        g_assert_no_error(error);
    wn_fd_close(fd);
}

typedef struct Place {
    char *dir;
    char *path;
} Place;

static void
place_make(Place *self, gconstpointer data)
{
    (void)data;
    self->dir = g_dir_make_tmp("wn-XXXXXX", NULL);
    self->path = g_build_filename(self->dir, "socket", NULL);
}

static void
place_remove(Place *self, gconstpointer data)
{
    (void)data;
    g_unlink(self->path);
    g_rmdir(self->dir);
    g_free(self->dir);
    g_free(self->path);
}

static void
test_unix_stale(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    struct stat info;
    int fd;

    (void)data;
    for (int i = 0; i < 2; i++) {
        fd = wn_listener_bind_unix(place->path, SOCK_STREAM, &error);
        g_assert_no_error(error);
        g_assert_cmpint(stat(place->path, &info), ==, 0);
        g_assert_cmpint(info.st_mode & 0777, ==, 0600);
        close(fd);
    }
}

static void
test_unix_in_use(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    wn_autofd fd = wn_listener_bind_unix(place->path, SOCK_STREAM, NULL);

    (void)data;
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(wn_listener_bind_unix(place->path, SOCK_STREAM, &error), ==,
        -1);
    g_assert_nonnull(strstr(error->message, "in use"));
}

/* A file that is no socket is never removed. */
static void
test_unix_spares_files(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    (void)data;
    g_assert_true(g_file_set_contents(place->path, "precious", -1, NULL));
    g_assert_cmpint(wn_listener_bind_unix(place->path, SOCK_STREAM, &error), ==,
        -1);
    g_assert_nonnull(error);
    g_assert_true(g_file_test(place->path, G_FILE_TEST_IS_REGULAR));
}

static void
test_unix_long_path(void)
{
    g_autofree char *path = g_strnfill(200, 'x');
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(wn_listener_bind_unix(path, SOCK_STREAM, &error), ==, -1);
    g_assert_nonnull(error);
}

static void
add(const char *name, void (*test)(Fixture *, gconstpointer))
{
    g_autofree char *path = g_strconcat("/event/listener/", name, NULL);

    g_test_add(path, Fixture, NULL, set_up, test, tear_down);
}

static void
add_unix(const char *name, void (*test)(Place *, gconstpointer))
{
    g_autofree char *path = g_strconcat("/event/listener/", name, NULL);

    g_test_add(path, Place, NULL, place_make, test, place_remove);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    wn_log_open("event-listener", WN_LOG_TEXT, STDERR_FILENO);
    add("bounded-batches", test_bounded_batches);
    add("accepting-off", test_accepting_off);
    add("freed-inside", test_freed_inside);
    add("descriptors-short", test_descriptors_short);
    add("bind-errors", test_bind_errors);
    add("bind-v6", test_bind_v6);
    add_unix("unix-stale", test_unix_stale);
    add_unix("unix-in-use", test_unix_in_use);
    add_unix("unix-spares-files", test_unix_spares_files);
    g_test_add_func("/event/listener/unix-long-path", test_unix_long_path);
    return g_test_run();
}
