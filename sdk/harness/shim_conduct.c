/* SPDX-License-Identifier: MIT */

/* What a plugin's code does to its process while it runs: it must not hold it
 * up, and must leave it as it was. */

#include "sdk/harness/shim.h"

#include <dlfcn.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BLOCKED_MS 300  /* asleep */
#define COMPUTED_MS 100 /* twice what winnow writes to its log */
#define PATIENCE 20     /* times longer where each access is looked at */

static int64_t
clock_ms(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* What was when the plugin's code was entered; one at a time. */
static struct {
    int64_t real_ms;
    int64_t cpu_ms;
    long n_waits;
    mode_t umask;
    char folder[4096];
} entered;

static mode_t
umask_now(void)
{
    mode_t mask = umask(0);

    umask(mask);
    return mask;
}

static long
n_waits_now(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_nvcsw;
}

void
wn_shim_enter(WnShimCall *call)
{
    if (call != NULL)
        call->running = true;
    entered.umask = umask_now();
    if (getcwd(entered.folder, sizeof entered.folder) == NULL)
        entered.folder[0] = '\0';
    entered.n_waits = n_waits_now();
    entered.cpu_ms = clock_ms(CLOCK_PROCESS_CPUTIME_ID);
    entered.real_ms = clock_ms(CLOCK_MONOTONIC);
}

/* Sanitizers and valgrind make code slow, and nobody is to blame for it. */
static int64_t
computed_most_ms(void)
{
    const char *preloaded = getenv("LD_PRELOAD");
    bool slow = dlsym(RTLD_DEFAULT, "__asan_init") != NULL
                || dlsym(RTLD_DEFAULT, "__msan_init") != NULL
                || dlsym(RTLD_DEFAULT, "__tsan_init") != NULL
                || (preloaded != NULL && strstr(preloaded, "vgpreload"));

    return slow ? COMPUTED_MS * PATIENCE : COMPUTED_MS;
}

/* Guarded views cost time that a real host does not take, and an instance may
 * take its time to begin. */
static void
judge_computing(const WnShimCall *call, const char *where, int64_t cpu_ms)
{
    if (call == NULL || wn_mode()->guarded || !wn_mode()->same_verdict)
        return;
    if (cpu_ms > COMPUTED_MS && cpu_ms > computed_most_ms())
        wn_mistake("%s: computed for %d ms in one call; do it in steps, with "
                   "timer->after 0 between them",
            where, (int)cpu_ms);
}

void
wn_shim_leave(WnShimCall *call, const char *where)
{
    int64_t real_ms = clock_ms(CLOCK_MONOTONIC) - entered.real_ms;
    int64_t cpu_ms = clock_ms(CLOCK_PROCESS_CPUTIME_ID) - entered.cpu_ms;
    char folder[sizeof entered.folder];

    if (call != NULL)
        call->running = false;
    if (n_waits_now() > entered.n_waits && real_ms - cpu_ms > BLOCKED_MS)
        wn_mistake("%s: blocked for %d ms", where, (int)(real_ms - cpu_ms));
    judge_computing(call, where, cpu_ms);
    if (umask_now() != entered.umask)
        wn_mistake("%s: changed the umask", where);
    if (getcwd(folder, sizeof folder) != NULL
        && strcmp(folder, entered.folder) != 0)
        wn_mistake("%s: changed the working directory", where);
}
