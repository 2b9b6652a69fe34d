/* SPDX-License-Identifier: MIT */
#include "core/conf/config_wire.h"

#include "core/base/fd.h"

#include <glib/gstdio.h>
#include <unistd.h>

static const char main_file[] = "[server]\n"
                                "hostname = relay.example\n"
                                "listen = 127.0.0.1:2525; [::1]:2526\n"
                                "workers = 3\n"
                                "isolation = none\n"
                                "spool = spool\n"
                                "state = state\n"
                                "run = run\n"
                                "plugins = plugins\n"
                                "proxy_from = 10.0.0.0/8; 2001:db8::/32\n"
                                "metrics = 127.0.0.1:9125\n"
                                "bare_newlines = normalise\n"
                                "log = text\n"
                                "history = 0\n"
                                "[limits]\n"
                                "max_message_size = 1G\n"
                                "[mariadb]\n"
                                "hosts = db1:3306; unix:/run/db\n"
                                "[delivery]\n"
                                "retry = 1m; 5m; 15m\n"
                                "lifetime = 2d\n"
                                "[egress main]\n"
                                "addresses = 192.0.2.10; 192.0.2.11\n"
                                "[egress other]\n"
                                "addresses = 2001:db8::1\n";

static const char filter_file[] = "[filter strict]\n"
                                  "plugin = phrase\n"
                                  "action = reject\n"
                                  "action.text = no\n"
                                  "on_error = tempfail\n"
                                  "timeout = 3s\n"
                                  "phrases = list.txt\n"
                                  "[filter second]\n"
                                  "enabled = false\n";

static WnConfig *
read_sample(void)
{
    g_autofree char *folder = g_dir_make_tmp("wire-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "winnow.conf", NULL);
    g_autofree char *confd = g_build_filename(folder, "conf.d", NULL);
    g_autofree char *filter = g_build_filename(confd, "20-phrase.conf", NULL);
    g_autoptr(WnProblems) problems = wn_problems_new();
    g_autoptr(GString) text = g_string_new(NULL);
    WnConfig *config;

    g_mkdir(confd, 0700);
    g_file_set_contents(path, main_file, -1, NULL);
    g_file_set_contents(filter, filter_file, -1, NULL);
    config = wn_config_read(path, problems);
    wn_problems_print(problems, text);
    g_assert_cmpstr(text->str, ==, "");
    g_unlink(filter);
    g_unlink(path);
    g_rmdir(confd);
    g_rmdir(folder);
    return config;
}

/* As winnowd does while it runs. */
static WnConfig *
with_refused(WnConfig *config)
{
    wn_config_refuse_plugin(config, "bad");
    wn_config_refuse_plugin(config, "worse");
    return config;
}

static GByteArray *
to_bytes(const WnConfig *config)
{
    WnWriter writer;

    wn_writer_init(&writer);
    wn_config_write(config, &writer);
    return writer.bytes;
}

static void
test_round_trip(void)
{
    g_autoptr(WnConfig) config = with_refused(read_sample());
    g_autoptr(GByteArray) bytes = to_bytes(config);
    g_autoptr(GError) error = NULL;
    g_autoptr(WnConfig)
        copy = wn_config_from_bytes(wn_span(bytes->data, bytes->len), &error);
    g_autoptr(GByteArray) again = NULL;
    const WnFilterConfig *filter;
    const WnEgressConfig *egress;

    g_assert_no_error(error);
    again = to_bytes(copy);
    g_assert_cmpmem(bytes->data, bytes->len, again->data, again->len);
    g_assert_cmpstr(copy->hostname, ==, "relay.example");
    g_assert_cmpint(copy->listen->len, ==, 2);
    g_assert_cmpint(g_array_index(copy->listen, WnNetaddr, 1).port, ==, 2526);
    g_assert_cmpint(g_array_index(copy->listen, WnNetaddr, 1).len, ==, 16);
    g_assert_null(copy->user);
    g_assert_cmpint(copy->workers, ==, 3);
    g_assert_cmpint(copy->isolation, ==, WN_ISOLATION_NONE);
    g_assert_cmpint(copy->bare_newlines, ==, WN_BARE_NORMALISE);
    g_assert_cmpint(copy->history, ==, 0);
    g_assert_cmpstr(copy->refused[0], ==, "bad");
    g_assert_cmpstr(copy->refused[1], ==, "worse");
    g_assert_null(copy->refused[2]);
    g_assert_false(copy->log_json);
    g_assert_cmpint(copy->proxy_from->len, ==, 2);
    g_assert_cmpint(g_array_index(copy->proxy_from, WnNetwork, 1).prefix, ==,
        32);
    g_assert_cmpint(copy->metrics.port, ==, 9125);
    g_assert_cmpint(copy->max_message_size, ==, 1 << 30);
    g_assert_cmpstr(copy->mariadb_hosts[1], ==, "unix:/run/db");
    g_assert_null(copy->mariadb_hosts[2]);
    g_assert_cmpint(g_array_index(copy->retry_ms, int64_t, 2), ==, 900000);
    egress = wn_config_egress(copy, "other");
    g_assert_cmpint(egress->addresses->len, ==, 1);
    filter = wn_config_filter(copy, "strict");
    g_assert_cmpstr(filter->plugin, ==, "phrase");
    g_assert_cmpint(filter->position, ==, 20);
    g_assert_cmpint(filter->on_error, ==, WN_ON_ERROR_TEMPFAIL);
    g_assert_cmpint(filter->settings->len, ==, 2);
    g_assert_false(wn_config_filter(copy, "second")->enabled);
}

static void
test_from_fd(void)
{
    g_autoptr(WnConfig) config = read_sample();
    g_autoptr(GByteArray) bytes = to_bytes(config);
    wn_autofd fd = wn_fd_sealed_memory("test",
        wn_span(bytes->data, bytes->len));
    g_autoptr(WnConfig) copy = wn_config_from_fd(fd, NULL);
    g_autoptr(WnConfig) twice = wn_config_from_fd(fd, NULL);

    g_assert_nonnull(copy);
    g_assert_nonnull(twice); /* reading moves no offset */
    g_assert_cmpstr(twice->path, ==, config->path);
}

/* Cut anywhere, or longer by a byte, it is refused and nothing is read beyond
 * the end (the sanitizers look). */
static void
test_damaged(void)
{
    g_autoptr(WnConfig) config = read_sample();
    g_autoptr(GByteArray) bytes = to_bytes(config);

    for (guint len = 0; len < bytes->len; len++) {
        g_autofree char *part = g_malloc(len + 1);
        g_autoptr(GError) error = NULL;

        memcpy(part, bytes->data, len);
        g_assert_null(wn_config_from_bytes(wn_span(part, len), &error));
        g_assert_error(error, WN_CONF_ERROR, WN_CONF_ERROR_DAMAGED);
    }
    g_byte_array_append(bytes, (const guint8 *)"", 1);
    g_assert_null(wn_config_from_bytes(wn_span(bytes->data, bytes->len), NULL));
}

/* No byte that is wrong leads to a crash. */
static void
test_any_byte(void)
{
    g_autoptr(WnConfig) config = read_sample();
    g_autoptr(GByteArray) bytes = to_bytes(config);

    for (guint i = 0; i < bytes->len; i++) {
        g_autoptr(WnConfig) copy = NULL;

        bytes->data[i] ^= 0xff;
        copy = wn_config_from_bytes(wn_span(bytes->data, bytes->len), NULL);
        bytes->data[i] ^= 0xff;
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/config-wire/round-trip", test_round_trip);
    g_test_add_func("/config-wire/from-fd", test_from_fd);
    g_test_add_func("/config-wire/damaged", test_damaged);
    g_test_add_func("/config-wire/any-byte", test_any_byte);
    return g_test_run();
}
