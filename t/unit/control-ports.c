/* SPDX-License-Identifier: MIT */
#include "core/control/ports.h"

#include "core/base/fd.h"

#include <sys/socket.h>
#include <unistd.h>

/* A port of loopback that is free now. */
static WnNetaddr
free_port(void)
{
    struct sockaddr_storage sa = { 0 };
    socklen_t len = sizeof(sa);
    WnNetaddr any = { .len = 4, .bytes = { 127, 0, 0, 1 } };
    WnNetaddr address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t any_len = wn_netaddr_to_sockaddr(&any, &sa);

    g_assert_cmpint(bind(fd, (struct sockaddr *)&sa, any_len), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&sa, &len), ==, 0);
    g_assert_true(
        wn_netaddr_from_sockaddr((struct sockaddr *)&sa, len, &address));
    close(fd);
    return address;
}

static WnConfig
config_with(GArray *listen, const WnNetaddr *metrics)
{
    WnConfig config = { .listen = listen };

    if (metrics != NULL)
        config.metrics = *metrics;
    return config;
}

static bool
answers(const WnNetaddr *address)
{
    struct sockaddr_storage sa;
    socklen_t len = wn_netaddr_to_sockaddr(address, &sa);
    wn_autofd fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    return connect(fd, (struct sockaddr *)&sa, len) == 0;
}

static void
test_kept_over_a_reload(void)
{
    g_autoptr(WnPorts) ports = wn_ports_new();
    g_autoptr(GArray) first = g_array_new(FALSE, FALSE, sizeof(WnNetaddr));
    g_autoptr(GArray) second = g_array_new(FALSE, FALSE, sizeof(WnNetaddr));
    WnNetaddr stays = free_port();
    WnNetaddr goes = free_port();
    WnNetaddr comes = free_port();
    WnConfig before, after;
    int fd;

    g_array_append_val(first, stays);
    g_array_append_val(first, goes);
    g_array_append_val(second, comes);
    before = config_with(first, NULL);
    after = config_with(second, &stays); /* a listener becomes metrics */
    g_assert_true(wn_ports_bind(ports, &before, NULL));
    fd = wn_ports_find(ports, &stays);
    g_assert_cmpint(fd, >=, 0);
    g_assert_true(wn_ports_bind(ports, &after, NULL));
    g_assert_true(answers(&goes) && answers(&comes));
    wn_ports_keep_only(ports, &after);
    g_assert_cmpint(wn_ports_find(ports, &stays), ==, fd);
    g_assert_cmpint(wn_ports_find(ports, &goes), ==, -1);
    g_assert_false(answers(&goes));
    g_assert_true(answers(&stays) && answers(&comes));
    wn_ports_close(ports);
    g_assert_false(answers(&stays) || answers(&comes));
}

static void
test_failure_is_undone(void)
{
    g_autoptr(WnPorts) ports = wn_ports_new();
    g_autoptr(WnPorts) others = wn_ports_new();
    g_autoptr(GArray) now = g_array_new(FALSE, FALSE, sizeof(WnNetaddr));
    g_autoptr(GArray) wanted = g_array_new(FALSE, FALSE, sizeof(WnNetaddr));
    g_autoptr(GArray) taken = g_array_new(FALSE, FALSE, sizeof(WnNetaddr));
    g_autoptr(GError) error = NULL;
    WnNetaddr ours = free_port();
    WnNetaddr free = free_port();
    WnNetaddr theirs = free_port();
    WnConfig config, other, next;

    g_array_append_val(now, ours);
    g_array_append_val(taken, theirs);
    g_array_append_val(wanted, free);
    g_array_append_val(wanted, theirs);
    config = config_with(now, NULL);
    other = config_with(taken, NULL);
    next = config_with(wanted, NULL);
    g_assert_true(wn_ports_bind(ports, &config, NULL));
    g_assert_true(wn_ports_bind(others, &other, NULL));
    g_assert_false(wn_ports_bind(ports, &next, &error));
    g_assert_nonnull(strstr(error->message, "[server] listen: 127.0.0.1:"));
    wn_ports_keep_only(ports, &config);
    g_assert_true(answers(&ours));
    g_assert_false(answers(&free));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ports/kept-over-a-reload", test_kept_over_a_reload);
    g_test_add_func("/ports/failure-is-undone", test_failure_is_undone);
    return g_test_run();
}
