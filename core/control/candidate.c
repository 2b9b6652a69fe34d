/* SPDX-License-Identifier: MIT */
#include "core/control/candidate.h"

#include "core/base/clock.h"
#include "core/base/fd.h"
#include "core/base/log.h"
#include "core/conf/config_wire.h"
#include "core/control/scoreboard.h"
#include "core/event/command.h"
#include "core/event/reaper.h"

#include <errno.h>
#include <sys/wait.h>

#define CHECK_MAX_MS (300 * 1000)
#define CHECK_OUTPUT_MAX (1024 * 1024)
#define LONG_MS (3 * 1000) /* then it is said what it waits for, once */

struct WnCandidate {
    WnConfig *config;
    char *problems; /* that were found here; NULL: none */
    WnCommand *check;
    WnScoreboard *board; /* what it is at; NULL: cannot be told */
    int64_t began_ms;
    WnTimer say;
    WnDeferred tell; /* when winnow-check could not be started */
    WnCandidateFn fn;
    void *user;
};

/* NULL: it has just begun. */
static char *
waits_for(const WnCandidate *self)
{
    int64_t past_ms = wn_clock_mono_ms() - self->began_ms;
    WnScore score;

    if (past_ms < LONG_MS)
        return NULL;
    if (self->board == NULL || !wn_scoreboard_get(self->board, &score))
        return g_strdup_printf("winnow-check has been at it for %d seconds",
            (int)(past_ms / 1000));
    return g_strdup_printf("winnow-check has been at it for %d seconds and "
                           "waits for %s, %s",
        (int)(past_ms / 1000), score.filter, score.hook);
}

bool
wn_candidate_answer_other(const WnCandidate *self, WnControlCall *call)
{
    g_autofree char *why = self != NULL && call != NULL ? waits_for(self)
                                                        : NULL;
    GString *text;

    if (why == NULL)
        return false;
    text = g_string_new(NULL);
    g_string_printf(text, "a reload is under way: %s\n", why);
    wn_control_answer(call, WN_EXIT_NO, text);
    return true;
}

static void
on_say(void *user)
{
    g_autofree char *text = waits_for(user);

    if (text != NULL)
        wn_remark(WN_LEVEL_WARNING, "%s", text);
}

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
    const char *argv[8] = { "winnow-check", "-c", path };
    WnSpawn spawn = { .path = program, .argv = argv };
    wn_autofd board_fd = wn_scoreboard_create();
    const char **more = argv + 3;

    G_STATIC_ASSERT(WN_SPAWN_FIRST_FD == 3); /* the numbers */
    self->board = board_fd >= 0 ? wn_scoreboard_attach(board_fd) : NULL;
    if (self->board != NULL) {
        *more++ = "--scoreboard";
        *more++ = "3";
        spawn.fds[spawn.n_fds++] = board_fd;
    }
    if (config_fd >= 0) {
        *more++ = "--config";
        *more++ = spawn.n_fds == 0 ? "3" : "4";
        spawn.fds[spawn.n_fds++] = config_fd;
    }
    self->check = wn_command_run(loop, &spawn, CHECK_OUTPUT_MAX, CHECK_MAX_MS,
        &error);
    if (self->check != NULL) {
        wn_command_on_end(self->check, on_checked, self);
        wn_timer_set(&self->say, LONG_MS + 1);
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
    self->began_ms = wn_clock_mono_ms();
    wn_deferred_init(&self->tell, loop, on_tell, self);
    wn_timer_init(&self->say, loop, on_say, self);
    run_check(self, loop, config_path, config_fd);
    return self;
}

void
wn_candidate_free(WnCandidate *self)
{
    if (self == NULL)
        return;
    wn_deferred_unset(&self->tell);
    wn_timer_clear(&self->say);
    wn_scoreboard_free(self->board);
    wn_command_free(self->check);
    wn_config_free(self->config);
    g_free(self->problems);
    g_free(self);
}
