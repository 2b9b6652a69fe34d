/* SPDX-License-Identifier: MIT */

/*
 * A filter that does what no filter may: the option "how" says what.  It does
 * so where a message's subject begins with "misbehave", and passes others.
 */

#include "t/misbehaving/damage.h"
#include "t/misbehaving/probe.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define MIB (1024 * 1024)
#define GIB (1024 * MIB)

typedef struct Misbehave {
    const WnHost *host;
    const struct Way *way;
    uint64_t n;
} Misbehave;

typedef struct Way {
    const char *name;
    WnVerdict (*run)(Misbehave *self, WnCall *call);
} Way;

/* A sanitizer would say so and exit before the signal comes. */
__attribute__((no_sanitize("undefined"))) static WnVerdict
run_segv(Misbehave *self, WnCall *call)
{
    volatile int *volatile nowhere = NULL;

    (void)self;
    (void)call;
    *nowhere = 1;
    return WN_PASS;
}

static WnVerdict
run_abort(Misbehave *self, WnCall *call)
{
    (void)self;
    (void)call;
    abort();
}

static WnVerdict
run_exit(Misbehave *self, WnCall *call)
{
    (void)self;
    (void)call;
    exit(0);
}

static WnVerdict
run_quick_exit(Misbehave *self, WnCall *call)
{
    (void)self;
    (void)call;
    _exit(0);
}

static WnVerdict
run_loop(Misbehave *self, WnCall *call)
{
    volatile uint64_t *n = &self->n;

    (void)call;
    while (*n < UINT64_MAX)
        ++*n;
    return WN_PASS;
}

static WnVerdict
run_sleep(Misbehave *self, WnCall *call)
{
    (void)self;
    (void)call;
    sleep(3600);
    return WN_PASS;
}

static WnVerdict
run_nap(Misbehave *self, WnCall *call)
{
    (void)self;
    (void)call;
    usleep(120 * 1000);
    return WN_PASS;
}

static WnVerdict
run_leak(Misbehave *self, WnCall *call)
{
    volatile char *lost = malloc(MIB);

    (void)call;
    for (size_t i = 0; lost != NULL && i < MIB; i += 4096)
        lost[i] = (char)++self->n;
    return WN_PASS;
}

static WnVerdict
run_close(Misbehave *self, WnCall *call)
{
    (void)self;
    (void)call;
    for (int fd = 0; fd < 1024; fd++)
        close(fd);
    return WN_PASS;
}

/* The size is read where the compiler cannot see it. */
static WnVerdict
run_smash(Misbehave *self, WnCall *call)
{
    char small[16];
    char *volatile at = small;
    size_t size = 4096 + self->n;

    (void)call;
    for (size_t i = 0; i < size; i++)
        at[i] = 'x';
    return small[0] == 'x' ? WN_PASS : WN_FAIL;
}

/* One MiB of memory seen 1,024 times in a row, then a NUL. */
static WnVerdict
run_evidence(Misbehave *self, WnCall *call)
{
    int fd = memfd_create("evidence", 0);
    char *all = mmap(NULL, (size_t)GIB + MIB, PROT_NONE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    WnVerdict verdict;

    if (fd < 0 || all == MAP_FAILED || ftruncate(fd, 2 * MIB) != 0)
        return WN_FAIL;
    for (size_t i = 0; i < 1024; i++)
        if (mmap(all + i * MIB, MIB, PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_FIXED, fd, 0)
            == MAP_FAILED)
            return WN_FAIL;
    if (mmap(all + (size_t)GIB, MIB, PROT_READ, MAP_SHARED | MAP_FIXED, fd, MIB)
        == MAP_FAILED)
        return WN_FAIL;
    memset(all, 'e', MIB);
    verdict = wn_match(self->host, call, "evidence", all);
    munmap(all, (size_t)GIB + MIB);
    close(fd);
    return verdict;
}

static WnVerdict
run_verdict(Misbehave *self, WnCall *call)
{
    (void)self;
    (void)call;
    return 4711;
}

static WnVerdict
run_nothing(Misbehave *self, WnCall *call)
{
    (void)self;
    (void)call;
    return WN_PENDING;
}

static WnVerdict
on_never(void *user, WnCall *call)
{
    (void)user;
    (void)call;
    return WN_PASS;
}

static WnVerdict
run_pending(Misbehave *self, WnCall *call)
{
    self->host->timer->after(call, 3600 * 1000, on_never, self);
    return WN_PENDING;
}

static WnVerdict
on_late(void *user, WnCall *call)
{
    (void)call;
    return *(volatile char *)user == 0 ? WN_PASS : WN_FAIL;
}

/* The callback is given memory that is gone by then; nothing else may come to
 * lie there meanwhile. */
static WnVerdict
run_late(Misbehave *self, WnCall *call)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    self->host->timer->after(call, 10, on_late, page);
    mprotect(page, 4096, PROT_NONE);
    return WN_PENDING;
}

/* What is refused must not pass by another way. */
static WnVerdict
run_crlf(Misbehave *self, WnCall *call)
{
    const char *bad = "one\r\nInjected: yes";
    int32_t one = self->host->call->add_header(call, "X-Note", bad);
    int32_t two = self->host->call->add_header(call, "X-Note\r\nInjected", "y");
    int32_t tag = self->host->call->set_tag(call, "note", bad);

    if (one == WN_OK || two == WN_OK || tag == WN_OK)
        return wn_match(self->host, call, "taken", "a line end was taken");
    return wn_match(self->host, call, "crlf\r\nInjected: yes", bad);
}

static WnVerdict
run_dlopen(Misbehave *self, WnCall *call)
{
    void *handle = dlopen("libm.so.6", RTLD_NOW | RTLD_GLOBAL);

    (void)call;
    return handle != NULL && self->host != NULL ? WN_PASS : WN_FAIL;
}

static WnVerdict
run_signals(Misbehave *self, WnCall *call)
{
    (void)self;
    (void)call;
    for (int signo = 1; signo < NSIG; signo++)
        signal(signo, SIG_IGN);
    signal(SIGPIPE, SIG_DFL);
    return WN_PASS;
}

static WnVerdict
run_stderr(Misbehave *self, WnCall *call)
{
    static const char junk[] = "junk \033[31m\001 of a plugin\n";

    (void)self;
    (void)call;
    return write(STDERR_FILENO, junk, sizeof junk - 1) > 0 ? WN_PASS : WN_FAIL;
}

static WnVerdict
run_probe(Misbehave *self, WnCall *call)
{
    const WnHeader *subject = self->host->message->header_named(call, "Subject",
        0);
    char text[160];

    misbehave_probe(subject->value.ptr, text, sizeof text);
    return wn_match(self->host, call, "probe", text);
}

static WnVerdict
run_damage(Misbehave *self, WnCall *call)
{
    (void)call;
    misbehave_damage(self->way->name);
    return WN_PASS;
}

static const Way ways[] = {
    { "leak_fds", run_damage },
    { "all_fds", run_damage },
    { "close_log", run_damage },
    { "close_channel", run_damage },
    { "replace_channel", run_damage },
    { "kill", run_damage },
    { "thread", run_damage },
    { "share", run_damage },
    { "board", run_damage },
    { "segv", run_segv },
    { "abort", run_abort },
    { "exit", run_exit },
    { "quick_exit", run_quick_exit },
    { "loop", run_loop },
    { "sleep", run_sleep },
    { "nap", run_nap },
    { "leak", run_leak },
    { "close", run_close },
    { "smash", run_smash },
    { "evidence", run_evidence },
    { "verdict", run_verdict },
    { "nothing", run_nothing },
    { "pending", run_pending },
    { "late", run_late },
    { "crlf", run_crlf },
    { "dlopen", run_dlopen },
    { "signals", run_signals },
    { "stderr", run_stderr },
    { "probe", run_probe },
    { "born", run_stderr },
};

/* "check read /x" is tried where winnow-check tries the plugin out. */
static int
probe_at_birth(WnStr how, WnError *err)
{
    char subject[300], text[160];

    if (strncmp(how.ptr, "check ", 6) != 0)
        return 0;
    snprintf(subject, sizeof subject, "misbehave %s", how.ptr + 6);
    misbehave_probe(subject, text, sizeof text);
    wn_error_set(err, "%s", text);
    return 1;
}

/* "born FILE": dead at birth where the file is, but not where it is tried out
 * before. */
static void
die_at_birth(WnStr how)
{
    if (strncmp(how.ptr, "born ", 5) == 0
        && strcmp(program_invocation_short_name, "winnow-filter") == 0
        && access(how.ptr + 5, F_OK) == 0)
        run_segv(NULL, NULL);
}

static WnVerdict
misbehave_message(void *data, WnCall *call)
{
    Misbehave *self = data;
    const WnHeader *subject = self->host->message->header_named(call, "Subject",
        0);

    if (subject == NULL || strncmp(subject->value.ptr, "misbehave", 9) != 0)
        return WN_PASS;
    return self->way->run(self, call);
}

static int32_t
misbehave_new(const WnHost *host, const WnSettings *settings, void **self,
    WnError *err)
{
    WnStr how = host->settings->string(settings, 0);
    Misbehave *made;

    die_at_birth(how);
    if (probe_at_birth(how, err))
        return WN_E_FAILED;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        if (strlen(ways[i].name) != strcspn(how.ptr, " ")
            || strncmp(how.ptr, ways[i].name, strlen(ways[i].name)) != 0)
            continue;
        made = calloc(1, sizeof *made);
        if (made == NULL)
            break;
        made->host = host;
        made->way = &ways[i];
        *self = made;
        return WN_OK;
    }
    wn_error_set(err, "knows no way \"%.40s\"", how.ptr);
    return WN_E_INVALID;
}

/* A domain's settings may be deadly: when they are made, or when they go. */
static int
is_deadly(const WnHost *host, const WnSettings *settings, const char *when)
{
    WnStr deadly = host->settings->string(settings, 1);

    return strcmp(program_invocation_short_name, "winnow-filter") == 0
           && strcmp(deadly.ptr, when) == 0;
}

static int32_t
misbehave_policy_new(void *data, const WnSettings *settings, void **policy,
    WnError *err)
{
    Misbehave *self = data;

    (void)err;
    if (is_deadly(self->host, settings, "new"))
        run_segv(NULL, NULL);
    *policy = is_deadly(self->host, settings, "free") ? self : NULL;
    return WN_OK;
}

static void
misbehave_policy_free(void *data, void *policy)
{
    (void)data;
    if (policy != NULL)
        run_segv(NULL, NULL);
}

static const WnOption options[] = {
    { .name = "how",
        .help = "What it does.",
        .type = WN_OPT_STRING,
        .fallback = "segv" },
    { .name = "deadly",
        .help = "What dies of a domain's settings: new, free or never.",
        .type = WN_OPT_STRING,
        .flags = WN_OPT_PER_DOMAIN,
        .fallback = "never" },
};
static const WnFilter filter = { .struct_size = sizeof(WnFilter),
    .message = misbehave_message };
static const WnPlugin plugin = { WN_PLUGIN_HEAD, .name = "misbehave",
    .version = "1", .summary = "Does what no filter may.", .author = "winnow",
    .license = "MIT", WN_OPTIONS(options), .instance_new = misbehave_new,
    .instance_free = free, .policy_new = misbehave_policy_new,
    .policy_free = misbehave_policy_free, .filter = &filter };
WN_PLUGIN(misbehave, &plugin)
