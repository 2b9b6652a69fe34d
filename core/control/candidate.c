/* SPDX-License-Identifier: MIT */
#include "core/control/candidate.h"

#include "core/base/fd.h"
#include "core/conf/config_wire.h"
#include "core/event/command.h"
#include "core/event/reaper.h"

#include <errno.h>
#include <sys/wait.h>

#define CHECK_MAX_MS (300 * 1000)
#define CHECK_OUTPUT_MAX (1024 * 1024)

struct WnCandidate {
    WnConfig *config;
    char *problems; /* that were found here; NULL: none */
    WnCommand *check;
    WnDeferred tell; /* when winnow-check could not be started */
    WnCandidateFn fn;
    void *user;
};

/* fn may free self. */
static void
tell(WnCandidate *self)
{
    g_autofree char *problems = g_steal_pointer(&self->problems);
    WnConfig *config = g_steal_pointer(&self->config);

    if (problems != NULL)
        g_clear_pointer(&config, wn_config_free);
    self->fn(self->user, config, problems);
}

static void
on_tell(void *user)
{
    tell(user);
}

/* A plugin may end the process, and with success. */
static bool
is_ok(int status, const char *output)
{
    return WIFEXITED(status) && WEXITSTATUS(status) == 0
           && g_str_has_suffix(output, "ok\n");
}

static void
on_checked(void *user, int status, const char *output)
{
    WnCandidate *self = user;
    g_autofree char *why = wn_reaper_describe(status);

    if (!is_ok(status, output)) {
        g_free(self->problems);
        self->problems =
            output[0] != '\0'
                ? g_strdup(output)
                : g_strdup_printf("winnow-check %s while it loaded "
                                  "the plugins\n",
                    why);
    }
    tell(self);
}

/* Sockets, spool and snapshots cannot move while programs of two generations
 * run (transfer full; NULL: nothing of the kind). */
static char *
changed_for_good(const WnConfig *now, const WnConfig *then)
{
    const char *key = NULL;

    if (g_strcmp0(now->run, then->run) != 0)
        key = "run";
    else if (g_strcmp0(now->spool, then->spool) != 0)
        key = "spool";
    else if (g_strcmp0(now->state, then->state) != 0)
        key = "state";
    else if (g_strcmp0(now->user, then->user) != 0)
        key = "user";
    if (key == NULL)
        return NULL;
    return g_strdup_printf("%s: [server] %s: cannot be changed by a reload; "
                           "stop winnowd and start it again\n",
        then->path, key);
}

/* What was read, as bytes; -1: there were problems. */
static int
read_config(WnCandidate *self, const char *path, const WnConfig *current)
{
    g_autoptr(WnProblems) problems = wn_problems_new();
    g_auto(WnWriter) writer;

    wn_writer_init(&writer);
    self->config = wn_config_read(path, problems);
    if (wn_problems_count(problems) > 0) {
        g_autoptr(GString) text = g_string_new(NULL);

        wn_problems_print(problems, text);
        self->problems = g_strdup(text->str);
        return -1;
    }
    if (current != NULL)
        self->problems = changed_for_good(current, self->config);
    wn_config_write(self->config, &writer);
    return wn_fd_sealed_memory("winnow-config", wn_writer_span(&writer));
}

static void
run_check(WnCandidate *self, WnLoop *loop, const char *path, int config_fd)
{
    g_autofree char *program = wn_program_path("winnow-check");
    g_autoptr(GError) error = NULL;
    const char *argv[] = { "winnow-check", "-c", path, NULL, NULL, NULL };
    WnSpawn spawn = { .path = program, .argv = argv };

    if (config_fd >= 0) {
        argv[3] = "--config";
        argv[4] = G_STRINGIFY(WN_SPAWN_FIRST_FD);
        spawn.fds[spawn.n_fds++] = config_fd;
    }
    self->check = wn_command_run(loop, &spawn, CHECK_OUTPUT_MAX, CHECK_MAX_MS,
        &error);
    if (self->check != NULL) {
        wn_command_on_end(self->check, on_checked, self);
        return;
    }
    g_free(self->problems);
    self->problems = g_strdup_printf("%s\n", error->message);
    wn_deferred_soon(&self->tell);
}

WnCandidate *
wn_candidate_new(WnLoop *loop, const char *config_path, const WnConfig *current,
    WnCandidateFn fn, void *user)
{
    WnCandidate *self = g_new0(WnCandidate, 1);
    wn_autofd config_fd = read_config(self, config_path, current);

    self->fn = fn;
    self->user = user;
    wn_deferred_init(&self->tell, loop, on_tell, self);
    run_check(self, loop, config_path, config_fd);
    return self;
}

void
wn_candidate_free(WnCandidate *self)
{
    if (self == NULL)
        return;
    wn_deferred_unset(&self->tell);
    wn_command_free(self->check);
    wn_config_free(self->config);
    g_free(self->problems);
    g_free(self);
}
