/* SPDX-License-Identifier: MIT */

/*
 * winnow-check: a throw-away process that loads a configuration and its
 * plugins and says everything that is wrong with them; and, for winnow-sync,
 * compiles the domains' settings into a snapshot.
 *
 *    winnow-check -c FILE [--config FD] [--scoreboard FD] [--json]
 *    winnow-check -c FILE [--config FD] --build DIR --generation N
 *
 * A child of it does all that; the parent loads nothing, and says so if a
 * plugin ended the child.  Who gives it a scoreboard can see what it is at.
 *
 * May: read configuration, plugins, certificates, the lists that filters name
 * and published data sets; write DIR.  Before it loads a plugin it gives up
 * root, the key, the spool and the network.  Exit 0: nothing is wrong; 1: what
 * is wrong stands on standard output, one problem a line; 2: usage.  With
 * --build, output with exit 0 is what stands in for a data set that could not
 * be made, and warnings. A problem in any domain's file is a problem of the
 * whole: with files as source nothing is applied until all of them are right.
 * With the database as source, read from the mirror, such a domain keeps its
 * previous settings, and is among what exit 0 has to say.
 */

#include "core/base/confine.h"
#include "core/base/fd.h"
#include "core/base/log.h"
#include "core/base/publish.h"
#include "core/conf/config_wire.h"
#include "core/conf/snapshot_writer.h"
#include "core/control/folders.h"
#include "core/control/rights.h"
#include "core/control/secrets.h"
#include "core/control/trial.h"
#include "core/event/tls.h"
#include "core/plugin/chain.h"
#include "core/queue/ourselves.h"
#include "core/sync/dataset.h"
#include "core/sync/mirror.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROBLEM_MAX 1024

typedef struct Check {
    const char *config_path;
    int config_fd; /* -1: read the files */
    int board_fd;  /* -1: one of its own */
    bool json;
    const char *build; /* NULL: check only */
    uint64_t generation;

    bool began_as_root;
    WnScoreboard *board; /* which plugin is being called */
    WnProblems *problems;
    WnProblems *kept; /* that leave a data set as it was published before */
    WnConfig *config;
    WnLoader *loader;
    WnCatalogue *catalogue;
    WnBlobNeeds *needs;
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
    case 's':
        if (!wn_span_to_u64(wn_span_str(text), &number) || number > G_MAXINT)
            return false;
        *(option == 'f' ? &self->config_fd : &self->board_fd) = (int)number;
        return wn_fd_set_cloexec((int)number, true);
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
        { "scoreboard", required_argument, NULL, 's' },
        { "json", no_argument, NULL, 'j' },
        { "build", required_argument, NULL, 'b' },
        { "generation", required_argument, NULL, 'g' },
        { NULL, 0, NULL, 0 },
    };
    int option;

    self->config_path = WN_SYSCONFDIR "/winnow.conf";
    self->config_fd = -1;
    self->board_fd = -1;
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

/* What is asked for and cannot be held is refused, never passed over in
 * silence. */
static void
check_available(Check *self)
{
    const char *missing = wn_rights_missing();
    g_autofree char *text = NULL;

    if (self->config->sandbox != WN_SANDBOX_REQUIRE || missing == NULL)
        return;
    text = g_strdup_printf("sandbox = require cannot be: %s", missing);
    report(self, "server", "sandbox", text);
}

static void
check_pool(Check *self, const WnEgressConfig *pool)
{
    g_autofree char *group = g_strdup_printf("egress %s", pool->name);
    WnPlace place = { .file = self->config->path,
        .line = wn_config_line(self->config, group, "addresses"),
        .group = group,
        .key = "addresses" };

    for (guint i = 0; i < pool->addresses->len; i++) {
        const WnNetaddr *address = &g_array_index(pool->addresses, WnNetaddr,
            i);
        char text[WN_NETADDR_TEXT_MAX];

        wn_netaddr_format(address, text);
        if (!wn_is_this_host(address))
            wn_problems_warn(self->problems, place,
                "%s is no address of this host: mail leaves from the others",
                text);
    }
}

/* An address may come to the host later: it stops nothing. */
static void
check_egress(Check *self)
{
    for (guint i = 0; i < self->config->egress->len; i++)
        check_pool(self, self->config->egress->pdata[i]);
}

static void
read_certificate(const WnConfig *config, int problem_fd)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SSL_CTX) context = wn_tls_server_context(config->tls_certificate,
        config->tls_key, &error);

    if (context == NULL
        && write(problem_fd, error->message, strlen(error->message)) < 0)
        _exit(1);
    _exit(0);
}

/* In a process of its own: where plugins run later, no key has ever been in
 * memory. */
static void
check_certificate(Check *self)
{
    char text[PROBLEM_MAX + 1];
    int ends[2], status = 1;
    ssize_t len;
    pid_t pid;

    if (self->config->tls_certificate == NULL)
        return;
    if (pipe2(ends, O_CLOEXEC) != 0)
        g_error("pipe: %s", g_strerror(errno));
    pid = fork();
    if (pid == 0)
        read_certificate(self->config, ends[1]);
    wn_fd_close(ends[1]);
    len = read(ends[0], text, PROBLEM_MAX);
    wn_fd_close(ends[0]);
    text[MAX(len, 0)] = '\0';
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0 || len < 0)
        report(self, "server", "tls_certificate", "cannot be read");
    else if (len > 0)
        report(self, "server", "tls_certificate", text);
}

/* Read by winnow-sync, which has the same rights. */
static void
check_password(Check *self)
{
    const char *path = self->config->mariadb_password_file;
    g_autofree char *text = NULL;

    if (self->config->source != WN_SOURCE_MARIADB || path == NULL
        || access(path, R_OK) == 0)
        return;
    text = g_strdup_printf("cannot read %s: %s", path, g_strerror(errno));
    report(self, "mariadb", "password_file", text);
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
    g_autoptr(WnChainHost) host = wn_chain_host_new(loop, self->config, NULL);

    wn_chain_host_set_trace(host, wn_trial_on_hook, self->board);
    wn_chain_host_load(host, self->loader, self->problems);
}

typedef struct Reading {
    WnSnapshotWriter *writer;
    WnBlobNeeds *needs;
    WnProblems *problems;
} Reading;

static void
on_domain(void *user, WnDomainSetting *take_domain)
{
    Reading *self = user;

    wn_blob_needs_note_domain(self->needs, take_domain);
    wn_snapshot_writer_add(self->writer, take_domain, self->problems);
}

/* The database's copy that this relay keeps.  There is none before winnow-sync
 * has reached the database for the first time. */
static WnMirror *
read_mirror(Check *self)
{
    g_autoptr(GError) error = NULL;
    WnMirror *mirror = wn_mirror_read(self->config->state, &error);

    if (mirror == NULL && self->build != NULL)
        wn_problems_add(self->problems, (WnPlace){ .file = NULL }, "%s",
            error != NULL ? error->message
                          : "no settings have come from the database yet");
    return mirror;
}

/* A domain that cannot be used keeps what it had, and stops nobody: only the
 * operator is told. */
static void
warn_of_domains(Check *self, const WnProblems *problems)
{
    for (unsigned i = 0; i < wn_problems_count(problems); i++) {
        const WnProblem *problem = wn_problems_get(problems, i);
        WnPlace place = { problem->file, problem->line, problem->group,
            problem->key };

        if (self->build != NULL)
            wn_problems_add(self->kept, place, "%s", problem->text);
        else
            wn_problems_warn(self->problems, place, "%s", problem->text);
    }
    for (unsigned i = 0; i < wn_problems_n_warnings(problems); i++) {
        const WnProblem *warning = wn_problems_warning(problems, i);
        WnPlace place = { warning->file, warning->line, warning->group,
            warning->key };

        wn_problems_warn(self->problems, place, "%s", warning->text);
    }
}

static GByteArray *
compile_mirror(Check *self)
{
    g_autoptr(WnMirror) mirror = read_mirror(self);
    g_autoptr(WnProblems) problems = wn_problems_new();
    g_autoptr(WnSnapshot)
        previous = wn_snapshot_open_current(self->config->state, NULL);
    g_autoptr(WnSnapshotWriter)
        writer = wn_snapshot_writer_new(self->config, self->catalogue);
    Reading reading = { writer, self->needs, problems };
    GByteArray *bytes;

    if (mirror == NULL)
        return NULL;
    wn_snapshot_writer_set_previous(writer, previous);
    wn_mirror_each(mirror, problems, on_domain, &reading);
    bytes = wn_snapshot_writer_finish(writer,
        self->build != NULL ? self->generation : 1, problems);
    warn_of_domains(self, problems);
    return bytes;
}

static GByteArray *
compile_files(Check *self)
{
    g_autofree char *folder = g_build_filename(self->config->folder,
        "domains.d", NULL);
    g_autoptr(WnSnapshotWriter)
        writer = wn_snapshot_writer_new(self->config, self->catalogue);
    Reading reading = { writer, self->needs, self->problems };

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

/* Data sets of the filters that these settings use: made beside them, or tried
 * in memory. */
static void
make_datasets(Check *self, const GByteArray *bytes)
{
    wn_autofd fd = wn_fd_sealed_memory("settings",
        wn_span(bytes->data, bytes->len));
    g_autoptr(GError) error = NULL;
    g_autoptr(WnSnapshot)
        snapshot = wn_snapshot_open_fd(fd, "settings", &error);
    g_autofree char *folder = self->build != NULL
                                  ? g_build_filename(self->build, "data", NULL)
                                  : NULL;
    WnDatasetJob job = { .config = self->config,
        .generation = self->generation,
        .folder = folder,
        .kept = self->build != NULL ? self->kept : NULL,
        .problems = self->problems,
        .trace = wn_trial_on_data,
        .trace_user = self->board };

    if (snapshot == NULL) {
        wn_problems_add(self->problems, (WnPlace){ .file = NULL }, "%s",
            error->message);
        return;
    }
    wn_blob_needs_add(self->needs, snapshot);
    wn_dataset_make_all(&job, self->needs);
}

static void
check_domains(Check *self)
{
    g_autoptr(GByteArray) bytes = NULL;

    self->needs = wn_blob_needs_new(self->config, self->loader);
    bytes = self->config->source == WN_SOURCE_FILES ? compile_files(self)
                                                    : compile_mirror(self);
    if (bytes == NULL
        || (self->build != NULL && wn_problems_count(self->problems) > 0))
        return;
    make_datasets(self, bytes); /* a check says all that is wrong */
    if (self->build != NULL && wn_problems_count(self->problems) == 0)
        write_settings(self, bytes);
}

static void
check_plugins(Check *self)
{
    self->loader = wn_loader_new(self->config->plugins);
    wn_loader_set_watch(self->loader, wn_trial_on_load, self->board);
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
    WnRights rights;

    self->config = read_config(self);
    if (self->config == NULL || access(self->config->path, F_OK) != 0)
        return; /* all else would follow from that */
    if (!wn_confine_become(self->config->user, &error)) {
        report(self, "server", "user", error->message);
        return;
    }
    check_available(self);
    if (self->build == NULL && wn_problems_count(self->problems) == 0) {
        check_certificate(self);
        check_password(self);
        check_egress(self);
        wn_folders_check(self->config, self->began_as_root, self->problems);
        if (self->config->sandbox != WN_SANDBOX_OFF)
            wn_secrets_check(self->config, self->problems);
    }
    if (!wn_rights_limit(WN_RIGHTS_CHECK, self->config, self->build, &rights,
            &error)) {
        report(self, "server", "sandbox", error->message);
        return;
    }
    check_plugins(self);
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
        wn_problems_print(self->kept, text);
    }
    fputs(text->str, stdout);
    if (!self->json && self->build == NULL
        && wn_problems_count(self->problems) == 0)
        fputs("ok\n", stdout);
}

static void
clear(Check *self)
{
    g_clear_pointer(&self->needs, wn_blob_needs_free);
    g_clear_pointer(&self->catalogue, wn_catalogue_free);
    g_clear_pointer(&self->loader, wn_loader_free);
    g_clear_pointer(&self->config, wn_config_free);
    g_clear_pointer(&self->problems, wn_problems_free);
    g_clear_pointer(&self->kept, wn_problems_free);
}

static int
check(void *user, WnScoreboard *board)
{
    Check *self = user;
    bool ok;

    self->board = board;
    check_all(self);
    ok = wn_problems_count(self->problems) == 0;
    print_result(self);
    if (fflush(stdout) != 0)
        return 1;
    clear(self);
    return ok ? 0 : 1;
}

int
main(int argc, char **argv)
{
    Check self = { .began_as_root = geteuid() == 0 };
    g_autofree char *fault = NULL;
    int result;

    if (!parse_arguments(&self, argc, argv)) {
        fputs("usage: winnow-check -c FILE [--json]\n", stderr);
        return 2;
    }
    umask(077);
    wn_log_open_command("winnow-check");
    wn_confine_process(true);
    self.problems = wn_problems_new();
    self.kept = wn_problems_new();
    result = self.board_fd >= 0
                 ? wn_trial_run_shown(check, &self, self.board_fd, &fault)
                 : wn_trial_run(check, &self, &fault);
    if (fault != NULL) {
        wn_problems_add(self.problems, (WnPlace){ .file = self.config_path },
            "%s", fault);
        print_result(&self);
    }
    clear(&self);
    return fault == NULL ? result : 1;
}
