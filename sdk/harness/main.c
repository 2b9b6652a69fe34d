/* SPDX-License-Identifier: MIT */

/*
 * winnow-plugin-test PLUGIN.so TEST...: runs tests of a plugin, case files and
 * modules of C tests, and tells in TAP what came of them.  Each test runs in a
 * process of its own, once for each mode (mode.h), so that whatever a plugin
 * does to its process ends one run and is told with the mode it happened in.
 */

#include "core/base/log.h"
#include "sdk/harness/case_file.h"
#include "sdk/harness/compiled.h"
#include "sdk/harness/guard.h"
#include "sdk/harness/mode.h"
#include "sdk/harness/process.h"
#include "sdk/harness/verdicts.h"
#include "sdk/harness/wn-harness.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define STEPS_MAX 100
#define TIME_LIMIT_S 30
#define TIME_LIMIT_MAX_S 3600
#define EXIT_WELL 10 /* not 0: that is what a plugin may end a process with */
#define EXIT_NOT_REACHED 11 /* the step that was to go wrong did not come */
#define OUTPUT_MAX 4000

typedef struct Test {
    char *name;
    char *path;
    const WnHarnessTest *compiled; /* NULL: a case file */
} Test;

typedef struct Options {
    const char *plugin;
    char *mode;
    gint time_s;
    gboolean plain;
    gboolean list;
    gboolean verbose;
} Options;

/*
 * One run, in its own process
 */

/* What the host says of the plugin's conduct stands in its log. */
static void
judge_log(int log_fd)
{
    g_autofree char *text = g_malloc0(OUTPUT_MAX + 1);
    ssize_t n = pread(log_fd, text, OUTPUT_MAX, 0);
    char *fault = n > 0 ? strstr(text, "plugin_fault") : NULL;

    if (fault != NULL)
        wn_mistake("%.*s", (int)strcspn(fault, "\n"), fault);
}

G_NORETURN static void
run_here(const Test *test, const char *plugin)
{
    int log_fd = memfd_create("log", MFD_CLOEXEC);
    g_autoptr(GError) error = NULL;
    WnCaseFile *file;

    wn_log_open("winnow-plugin-test", WN_LOG_TEXT, log_fd);
    wn_guard_watch();
    if (test->compiled != NULL) {
        test->compiled->run(plugin);
    } else {
        file = wn_case_file_read(test->path, &error);
        if (file == NULL)
            wn_mistake("%s", error->message);
        wn_case_file_run(file, plugin);
        wn_case_file_free(file);
    }
    judge_log(log_fd);
    fflush(stdout);
    if (wn_mode()->steps && !wn_mode_has_struck())
        _exit(EXIT_NOT_REACHED);
    _exit(EXIT_WELL);
}

static void
print_output(int fd)
{
    g_autofree char *text = g_malloc0(OUTPUT_MAX + 1);
    g_auto(GStrv) lines = NULL;

    if (pread(fd, text, OUTPUT_MAX, 0) <= 0)
        return;
    lines = g_strsplit(g_strchomp(text), "\n", -1);
    for (unsigned i = 0; lines[i] != NULL; i++)
        printf("#   %s\n", lines[i]);
}

static const char *
how_it_ended(int status)
{
    if (WIFSIGNALED(status))
        return WTERMSIG(status) == SIGALRM ? "did not end" : "was killed";
    return WEXITSTATUS(status) == 1 ? "failed" : "ended the process";
}

static void
tell(const WnMode *mode, unsigned at, int status, int output_fd)
{
    printf("# in mode %s (%s)", mode->name, mode->promise);
    if (mode->steps)
        printf(", step %u", at);
    printf(": %s", how_it_ended(status));
    if (WIFSIGNALED(status) && WTERMSIG(status) != SIGALRM)
        printf(" by %s", strsignal(WTERMSIG(status)));
    putchar('\n');
    print_output(output_fd);
}

typedef enum { RUN_WELL, RUN_BADLY, RUN_NOT_REACHED } RunEnd;

static RunEnd
end_of(int status)
{
    if (!WIFEXITED(status))
        return RUN_BADLY;
    if (WEXITSTATUS(status) == EXIT_NOT_REACHED)
        return RUN_NOT_REACHED;
    return WEXITSTATUS(status) == EXIT_WELL ? RUN_WELL : RUN_BADLY;
}

typedef struct OneRun {
    const Test *test;
    const char *plugin;
    const WnMode *mode;
    unsigned at;
} OneRun;

static void
run_one(void *user)
{
    const OneRun *self = user;

    wn_mode_enter(self->mode, self->at);
    run_here(self->test, self->plugin);
}

static RunEnd
run_once(const Test *test, const Options *options, const WnMode *mode,
    unsigned at)
{
    int output_fd = memfd_create("output", MFD_CLOEXEC);
    OneRun run = { test, options->plugin, mode, at };
    WnProcess process = { .run = run_one,
        .user = &run,
        .output_fd = output_fd,
        .time_s = (unsigned)options->time_s };
    int status = wn_process_run(&process);
    RunEnd end = end_of(status);

    if (end == RUN_BADLY)
        tell(mode, at, status, output_fd);
    close(output_fd);
    return end;
}

static bool
run_in_mode(const Test *test, const Options *options, const WnMode *mode)
{
    RunEnd end = RUN_WELL;

    if (options->verbose)
        printf("# %s: %s\n", test->name, mode->name);
    for (unsigned at = 0; at < (mode->steps ? STEPS_MAX : 1); at++) {
        end = run_once(test, options, mode, at);
        if (end != RUN_WELL)
            break;
    }
    return end != RUN_BADLY;
}

static bool
run_test(const Test *test, const Options *options)
{
    wn_verdicts_begin();
    for (unsigned i = 0; i < wn_n_modes; i++) {
        const WnMode *mode = &wn_modes[i];

        if (options->mode != NULL && strcmp(options->mode, mode->name) != 0)
            continue;
        if (options->plain && i > 0)
            return true;
        if (!run_in_mode(test, options, mode))
            return false;
    }
    return true;
}

/*
 * Tests
 */

static void
test_free(void *data)
{
    Test *test = data;

    g_free(test->name);
    g_free(test->path);
    g_free(test);
}

static void
add_test(GPtrArray *tests, const char *path, const WnHarnessTest *compiled)
{
    g_autofree char *base = g_path_get_basename(path);
    Test *test = g_new0(Test, 1);

    test->path = g_strdup(path);
    test->compiled = compiled;
    test->name = compiled != NULL
                     ? g_strdup_printf("%s: %s", base, compiled->name)
                     : g_strdup(base);
    g_ptr_array_add(tests, test);
}

static bool
add_module(GPtrArray *tests, const char *path)
{
    g_autofree char *whole = g_canonicalize_filename(path, NULL);
    void *handle = dlopen(whole, RTLD_NOW | RTLD_LOCAL);
    const WnHarnessTest *list;

    if (handle == NULL) {
        fprintf(stderr, "winnow-plugin-test: %s\n", dlerror());
        return false;
    }
    list = dlsym(handle, "wn_harness_tests");
    if (list == NULL) {
        fprintf(stderr, "winnow-plugin-test: %s: has no WN_HARNESS_TESTS\n",
            path);
        return false;
    }
    for (; list->name != NULL; list++)
        add_test(tests, path, list);
    return true;
}

static bool
add_tests(GPtrArray *tests, char **paths)
{
    for (unsigned i = 0; paths[i] != NULL; i++) {
        if (!g_str_has_suffix(paths[i], ".so"))
            add_test(tests, paths[i], NULL);
        else if (!add_module(tests, paths[i]))
            return false;
    }
    return true;
}

static bool
is_mode(const char *name)
{
    for (unsigned i = 0; i < wn_n_modes; i++)
        if (strcmp(wn_modes[i].name, name) == 0)
            return true;
    fprintf(stderr, "winnow-plugin-test: there is no mode %s\n", name);
    return false;
}

static void
list_modes(void)
{
    for (unsigned i = 0; i < wn_n_modes; i++)
        printf("%-10s %s\n", wn_modes[i].name, wn_modes[i].promise);
}

static int
run_tests(const Options *options, char **paths)
{
    g_autoptr(GPtrArray) tests = g_ptr_array_new_with_free_func(test_free);
    bool well = true;

    if (!add_tests(tests, paths))
        return EXIT_FAILURE;
    printf("1..%u\n", tests->len);
    for (unsigned i = 0; i < tests->len; i++) {
        const Test *test = g_ptr_array_index(tests, i);
        bool ok = run_test(test, options);

        printf("%s %u - %s\n", ok ? "ok" : "not ok", i + 1, test->name);
        well = well && ok;
    }
    return well ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* malloc keeps freed memory of each size aside, and counts it as used: what a
 * plugin leaks is seen only without.  It is told when a program begins. */
static void
begin_without_cache(char **argv)
{
    if (g_getenv("GLIBC_TUNABLES") != NULL)
        return;
    g_setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0", TRUE);
    execv("/proc/self/exe", argv);
}

int
main(int argc, char **argv)
{
    Options options = { .time_s = TIME_LIMIT_S };
    const GOptionEntry entries[] = {
        { "mode", 'm', 0, G_OPTION_ARG_STRING, &options.mode,
            "Run this mode only", "MODE" },
        { "plain", 'p', 0, G_OPTION_ARG_NONE, &options.plain,
            "Run no strict mode", NULL },
        { "time", 't', 0, G_OPTION_ARG_INT, &options.time_s,
            "End a run after so long", "SECONDS" },
        { "list-modes", 0, 0, G_OPTION_ARG_NONE, &options.list,
            "Say what the modes are", NULL },
        { "verbose", 'v', 0, G_OPTION_ARG_NONE, &options.verbose,
            "Name each mode as it begins", NULL },
        G_OPTION_ENTRY_NULL,
    };
    g_autoptr(GOptionContext) context = g_option_context_new("PLUGIN.so TEST");
    g_autoptr(GError) error = NULL;

    if (argc == 4 && strcmp(argv[1], WN_COMPILED_WORD) == 0)
        return wn_compiled_print(argv[2], argv[3]);
    begin_without_cache(argv);
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error)) {
        fprintf(stderr, "winnow-plugin-test: %s\n", error->message);
        return EXIT_FAILURE;
    }
    if (options.list) {
        list_modes();
        return EXIT_SUCCESS;
    }
    if (argc < 3) {
        fprintf(stderr, "usage: winnow-plugin-test PLUGIN.so TEST...\n");
        return EXIT_FAILURE;
    }
    if (options.mode != NULL && !is_mode(options.mode))
        return EXIT_FAILURE;
    if (options.time_s < 1 || options.time_s > TIME_LIMIT_MAX_S) {
        fprintf(stderr, "winnow-plugin-test: --time is 1 to %d\n",
            TIME_LIMIT_MAX_S);
        return EXIT_FAILURE;
    }
    options.plugin = argv[1];
    return run_tests(&options, argv + 2);
}
