/* SPDX-License-Identifier: MIT */

/*
 * How long the way from domains.d to a mapped snapshot takes, and a look-up in
 * it: writes domains.d with one file for each domain, reads and checks it,
 * builds the snapshot, opens it, looks up random names.
 *
 *    t/bench/snapshot-bench [DOMAINS [LOOKUPS]]
 */

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/base/publish.h"
#include "core/conf/snapshot.h"
#include "core/conf/snapshot_writer.h"

typedef struct Build {
    WnSnapshotWriter *writer;
    WnProblems *problems;
} Build;

static double
seconds(void)
{
    return (double)g_get_monotonic_time() / 1e6;
}

static double
user_seconds(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6;
}

static void
write_file(const char *folder, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);

    if (!g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_NONE,
            0600, NULL))
        g_error("cannot write %s", path);
}

static void
write_domains(const char *folder, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        g_autofree char *name = g_strdup_printf("customer%u.example.conf", i);
        g_autofree char *text = g_strdup_printf("[domain customer%u.example]\n"
                                                "servers = 10.%u.%u.%u:25; "
                                                "mail%u.example.net\n"
                                                "delivery = ordered\n"
                                                "\n"
                                                "[filter rbl]\n"
                                                "action = reject\n"
                                                "action.text = listed, ask "
                                                "desk %u\n",
            i, i >> 16 & 255, i >> 8 & 255, i & 255, i, i % 100);

        write_file(folder, name, text);
    }
}

static const char configuration[] = "[server]\n"
                                    "hostname = relay.example.net\n"
                                    "[filter urlphone]\nposition = 20\n"
                                    "action = reject\n"
                                    "[filter phrase]\nposition = 30\n"
                                    "action = reject\n"
                                    "[filter pattern]\nposition = 40\n"
                                    "action = reject\n"
                                    "[filter geoip]\nposition = 50\n"
                                    "action = modify_subject\n"
                                    "action.tag = [Foreign Sender]\n"
                                    "[filter rbl]\nposition = 60\n"
                                    "action = modify_subject\n"
                                    "action.tag = [Blacklisted Sender]\n";

static void
add_plugin(WnCatalogue *catalogue, const char *name, WnPluginKind kind,
    uint32_t flags, const char *option)
{
    WnPluginInfo *info = wn_plugin_info_new(name, kind);
    WnOptionSpec spec = {
        .name = g_strdup(option),
        .kind = WN_OPTION_STRING,
        .flags = WN_OPTION_PER_DOMAIN,
        .fallback = g_strdup(""),
    };

    info->flags = flags;
    g_array_append_val(info->options, spec);
    wn_catalogue_take(catalogue, info);
}

static WnCatalogue *
make_catalogue(void)
{
    WnCatalogue *self = wn_catalogue_new();

    add_plugin(self, "urlphone", WN_PLUGIN_FILTER, 0, "urls");
    add_plugin(self, "phrase", WN_PLUGIN_FILTER, 0, "phrases");
    add_plugin(self, "pattern", WN_PLUGIN_FILTER, 0, "rules");
    add_plugin(self, "geoip", WN_PLUGIN_FILTER, WN_PLUGIN_CLIENT_LEVEL, "home");
    add_plugin(self, "rbl", WN_PLUGIN_FILTER, WN_PLUGIN_CLIENT_LEVEL, "zones");
    add_plugin(self, "reject", WN_PLUGIN_ACTION, 0, "text");
    add_plugin(self, "modify_subject", WN_PLUGIN_ACTION,
        WN_PLUGIN_NEVER_REFUSES, "tag");
    return self;
}

static void
add_domain(void *user, WnDomainSetting *take_domain)
{
    Build *build = user;

    wn_snapshot_writer_add(build->writer, take_domain, build->problems);
}

static GByteArray *
build_snapshot(const char *folder)
{
    g_autofree char *path = g_build_filename(folder, "winnow.conf", NULL);
    g_autofree char *domains = g_build_filename(folder, "domains.d", NULL);
    g_autoptr(WnProblems) problems = wn_problems_new();
    g_autoptr(WnConfig) config = wn_config_read(path, problems);
    g_autoptr(WnCatalogue) catalogue = make_catalogue();
    g_autoptr(WnSnapshotWriter)
        writer = wn_snapshot_writer_new(config, catalogue);
    Build build = { writer, problems };
    double begin = seconds();
    double user_begin = user_seconds();
    double read_end;
    GByteArray *bytes;

    wn_config_check_filters(config, catalogue, problems);
    wn_domain_files_read(domains, problems, add_domain, &build);
    read_end = seconds();
    printf("read, check, merge   %8.3f s, %.3f s outside the kernel\n",
        read_end - begin, user_seconds() - user_begin);
    read_end = seconds();
    bytes = wn_snapshot_writer_finish(writer, 1, problems);
    printf("lay out              %8.3f s\n", seconds() - read_end);
    if (wn_problems_count(problems) > 0)
        g_error("%s", wn_problems_get(problems, 0)->text);
    return bytes;
}

static void
look_up(const WnSnapshot *snapshot, unsigned n_domains, unsigned n_lookups)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GRand) random = g_rand_new_with_seed(1);
    unsigned n_found = 0;
    double begin, used;

    for (unsigned i = 0; i < n_lookups; i++)
        g_ptr_array_add(names,
            g_strdup_printf("customer%d.example",
                g_rand_int_range(random, 0, (int)n_domains)));
    begin = seconds();
    for (unsigned i = 0; i < n_lookups; i++) {
        WnDomain domain;

        n_found += wn_snapshot_domain(snapshot,
            wn_span_str(g_ptr_array_index(names, i)), &domain);
    }
    used = seconds() - begin;
    if (n_found != n_lookups)
        g_error("%u of %u names were found", n_found, n_lookups);
    printf("look up              %8.1f ns\n", used * 1e9 / n_lookups);
}

static void
measure(const char *folder, unsigned n_domains, unsigned n_lookups)
{
    g_autofree char *path = g_build_filename(folder, "settings", NULL);
    g_autoptr(GByteArray) bytes = build_snapshot(folder);
    g_autoptr(WnSnapshot) snapshot = NULL;
    g_autoptr(GError) error = NULL;
    double begin;

    if (bytes == NULL
        || !wn_file_publish(path, wn_span(bytes->data, bytes->len), 0600,
            &error))
        g_error("cannot write the snapshot");
    begin = seconds();
    snapshot = wn_snapshot_open(path, &error);
    if (snapshot == NULL)
        g_error("%s", error->message);
    printf("open %9u bytes %8.3f ms\n", bytes->len, (seconds() - begin) * 1e3);
    printf("domains, classes     %8u %u\n", wn_snapshot_n_domains(snapshot),
        wn_snapshot_n_classes(snapshot));
    look_up(snapshot, n_domains, n_lookups);
}

int
main(int argc, char **argv)
{
    uint64_t n_domains = 100000;
    uint64_t n_lookups = 1000000;
    g_autofree char *folder = g_dir_make_tmp("winnow-bench-XXXXXX", NULL);
    g_autofree char *domains = g_build_filename(folder, "domains.d", NULL);
    g_autoptr(GError) error = NULL;

    if ((argc > 1 && !wn_span_to_u64(wn_span_str(argv[1]), &n_domains))
        || (argc > 2 && !wn_span_to_u64(wn_span_str(argv[2]), &n_lookups))
        || n_domains == 0 || n_domains > 10000000 || n_lookups > 100000000)
        return 2;
    if (g_mkdir_with_parents(domains, 0700) != 0)
        return 1;
    write_file(folder, "winnow.conf", configuration);
    write_domains(domains, (unsigned)n_domains);
    measure(folder, (unsigned)n_domains, (unsigned)n_lookups);
    return wn_folder_remove(folder, &error) ? 0 : 1;
}
