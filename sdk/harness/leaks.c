/* SPDX-License-Identifier: MIT */
#include "sdk/harness/leaks.h"

#include "sdk/harness/mode.h"

#include <dirent.h>
#include <malloc.h>

#define JUDGED 12   /* the last ones: caches fill before */
#define LEAK_MIN 16 /* of malloc; less is not given */

static size_t
n_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    size_t n = 0;

    while (folder != NULL && readdir(folder) != NULL)
        n++;
    if (folder != NULL)
        closedir(folder);
    return n;
}

static void
judge(const WnLeaks *self)
{
    size_t first = WN_LEAKS_REPEATS - JUDGED;
    size_t last = WN_LEAKS_REPEATS - 1;
    size_t before = self->memory[first - 1];
    size_t after = self->memory[last];

    if (after >= before + LEAK_MIN * JUDGED)
        wn_mistake("keeps %zu bytes of memory for each instance and message",
            (after - before) / JUDGED);
    if (self->descriptors[last] >= self->descriptors[first - 1] + JUDGED)
        wn_mistake("keeps descriptors open after instance_free");
}

bool
wn_leaks_repeat(const WnLeaks *self)
{
    if (self->n < WN_LEAKS_REPEATS)
        return true;
    judge(self);
    return false;
}

void
wn_leaks_measure(WnLeaks *self)
{
    struct mallinfo2 info = mallinfo2();

    self->memory[self->n] = info.uordblks + info.hblkhd;
    self->descriptors[self->n] = n_descriptors();
    self->n++;
}
