/* SPDX-License-Identifier: MIT */

/*
 * winnow-check: a throw-away process that loads a configuration and its
 * plugins and says everything that is wrong with them; and, for winnow-sync,
 * compiles the domains' settings into a snapshot.
 *
 *    winnow-check -c FILE [--config FD] [--json]
 *    winnow-check -c FILE [--config FD] --build DIR --generation N
 *
 * May: read configuration, plugins, certificates; write DIR.  It gives up root
 * before it loads a plugin.  Exit 0: nothing is wrong; 1: what is wrong stands
 * on standard output, one problem a line; 2: usage.  A problem in any domain's
 * file is a problem of the whole: with files as source nothing is applied until
 * all of them are right.
 */

#include "core/base/confine.h"
#include "core/base/fd.h"
#include "core/base/log.h"
#include "core/base/publish.h"
#include "core/conf/config_wire.h"
#include "core/conf/snapshot_writer.h"
#include "core/control/folders.h"
#include "core/event/tls.h"
#include "core/plugin/chain.h"

#include <getopt.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct Check {
    const char *config_path;
    int config_fd; /* -1: read the files */
    bool json;
    const char *build; /* NULL: check only */
    uint64_t generation;

    bool began_as_root;
    WnProblems *problems;
    WnConfig *config;
    WnLoader *loader;
    WnCatalogue *catalogue;
} Check;

static bool
parse_option(Check *self, int option, const char *text)
{
    uint64_t number = 0;

    switch (option) {
    case 'c':
        self->config_path = text;
        return true;
    case 'j':
        self->json = true;
        return true;
    case 'b':
        self->build = text;
        return true;
    case 'f':
        if (!wn_span_to_u64(wn_span_str(text), &number) || number > G_MAXINT)
            return false;
        self->config_fd = (int)number;
        return true;
    case 'g':
        return wn_span_to_u64(wn_span_str(text), &self->generation);
    default:
        return false;
    }
}

static bool
parse_arguments(Check *self, int argc, char **argv)
{
    static const struct option options[] = {
        { "config", required_argument, NULL, 'f' },
        { "json", no_argument, NULL, 'j' },
        { "build", required_argument, NULL, 'b' },
        { "generation", required_argument, NULL, 'g' },
        { NULL, 0, NULL, 0 },
    };
    int option;

    self->config_path = WN_SYSCONFDIR "/winnow.conf";
    self->config_fd = -1;
    while ((option = getopt_long(argc, argv, "c:", options, NULL)) >= 0)
        if (!parse_option(self, option, optarg))
            return false;
    return optind == argc && (self->build == NULL || self->generation > 0);
}

static void
report(Check *self, const char *group, const char *key, const char *text)
{
    WnPlace place = { .file = self->config->path,
        .line = wn_config_line(self->config, group, key),
        .group = group,
        .key = key };

    wn_problems_add(self->problems, place, "%s", text);
}

static WnConfig *
read_config(Check *self)
{
    g_autoptr(GError) error = NULL;
    WnConfig *config;

    if (self->config_fd < 0)
        return wn_config_read(self->config_path, self->problems);
    config = wn_config_from_fd(self->config_fd, &error);
    if (config == NULL)
        wn_problems_add(self->problems, (WnPlace){ .file = self->config_path },
            "%s", error->message);
    return config;
}

/* What DESIGN promises and this build does not hold yet is refused, never
 * passed over in silence. */
static void
check_available(Check *self)
{
    if (self->config->source == WN_SOURCE_MARIADB)
        report(self, "settings", "source",
            "settings.source = mariadb is not available in this build");
    if (self->config->sandbox == WN_SANDBOX_REQUIRE)
        report(self, "server", "sandbox",
            "sandbox = require is not available in this build");
}

static void
check_certificate(Check *self)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SSL_CTX) context = NULL;

    if (self->config->tls_certificate == NULL)
        return;
    context = wn_tls_server_context(self->config->tls_certificate,
        self->config->tls_key, &error);
    if (context == NULL)
        report(self, "server", "tls_certificate", error->message);
}

static bool
uses_plugin(const WnConfig *config, const char *name)
{
    for (guint i = 0; i < config->filters->len; i++) {
        const WnFilterConfig *filter = config->filters->pdata[i];

        if (g_strcmp0(filter->plugin, name) == 0
            || g_strcmp0(filter->action, name) == 0)
            return true;
    }
    return false;
}

/* One that nobody uses may be as it likes. */
static void
on_refused(void *user, const char *name, const char *reason)
{
    Check *self = user;

    if (g_strcmp0(name, self->config->plugins) == 0)
        report(self, "server", "plugins", reason);
    else if (uses_plugin(self->config, name))
        wn_problems_add(self->problems,
            (WnPlace){ .file = self->config->plugins }, "plugin %s: %s", name,
            reason);
}

/* Makes every instance, as winnow-filter will. */
static void
check_instances(Check *self)
{
    g_autoptr(WnLoop) loop = wn_loop_new();
    g_autoptr(WnChainHost) host = wn_chain_host_new(loop, self->config,
        self->loader, NULL, self->problems);
}

typedef struct Reading {
    WnSnapshotWriter *writer;
    WnProblems *problems;
} Reading;

static void
on_domain(void *user, WnDomainSetting *take_domain)
{
    Reading *self = user;

    wn_snapshot_writer_add(self->writer, take_domain, self->problems);
}

static GByteArray *
compile_domains(Check *self)
{
    g_autofree char *folder = g_build_filename(self->config->folder,
        "domains.d", NULL);
    g_autoptr(WnSnapshotWriter)
        writer = wn_snapshot_writer_new(self->config, self->catalogue);
    Reading reading = { writer, self->problems };

    wn_domain_files_read(folder, self->problems, on_domain, &reading);
    return wn_snapshot_writer_finish(writer,
        self->build != NULL ? self->generation : 1, self->problems);
}

/* Not durable yet: whoever publishes the folder makes it so. */
static void
write_settings(Check *self, const GByteArray *bytes)
{
    g_autofree char *path = g_build_filename(self->build, "settings", NULL);
    g_autoptr(GError) error = NULL;

    if (!wn_file_publish(path, wn_span(bytes->data, bytes->len), 0600, &error))
        wn_problems_add(self->problems, (WnPlace){ .file = self->build }, "%s",
            error->message);
}

static void
check_domains(Check *self)
{
    g_autoptr(GByteArray) bytes = NULL;

    if (self->config->source != WN_SOURCE_FILES)
        return;
    bytes = compile_domains(self);
    if (self->build != NULL && wn_problems_count(self->problems) == 0)
        write_settings(self, bytes);
}

static void
check_plugins(Check *self)
{
    self->loader = wn_loader_new(self->config->plugins);
    self->catalogue = wn_loader_catalogue(self->loader, on_refused, self);
    wn_config_check_filters(self->config, self->catalogue, self->problems);
    /* A snapshot needs what the plugins declare, not what they do. */
    if (self->build == NULL && wn_problems_count(self->problems) == 0)
        check_instances(self);
}

static void
check_all(Check *self)
{
    g_autoptr(GError) error = NULL;

    self->config = read_config(self);
    if (self->config == NULL || access(self->config->path, F_OK) != 0)
        return; /* all else would follow from that */
    if (!wn_confine_become(self->config->user, &error)) {
        report(self, "server", "user", error->message);
        return;
    }
    check_available(self);
    check_plugins(self);
    if (self->build == NULL && wn_problems_count(self->problems) == 0) {
        check_certificate(self);
        wn_folders_check(self->config, self->began_as_root, self->problems);
    }
    check_domains(self);
}

static void
print_result(const Check *self)
{
    g_autoptr(GString) text = g_string_new(NULL);

    if (self->json) {
        wn_problems_print_json(self->problems, text);
        g_string_append_c(text, '\n');
    } else {
        wn_problems_print(self->problems, text);
    }
    fputs(text->str, stdout);
    if (!self->json && text->len == 0)
        fputs("ok\n", stdout);
}

static void
clear(Check *self)
{
    g_clear_pointer(&self->catalogue, wn_catalogue_free);
    g_clear_pointer(&self->loader, wn_loader_free);
    g_clear_pointer(&self->config, wn_config_free);
    g_clear_pointer(&self->problems, wn_problems_free);
}

int
main(int argc, char **argv)
{
    Check self = { .began_as_root = geteuid() == 0 };
    bool ok;

    if (!parse_arguments(&self, argc, argv)) {
        fputs("usage: winnow-check -c FILE [--json]\n", stderr);
        return 2;
    }
    umask(077);
    wn_log_open("winnow-check", WN_LOG_TEXT, STDERR_FILENO);
    wn_confine_process(true);
    self.problems = wn_problems_new();
    check_all(&self);
    ok = wn_problems_count(self.problems) == 0;
    print_result(&self);
    clear(&self);
    return ok ? 0 : 1;
}
