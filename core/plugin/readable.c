/* SPDX-License-Identifier: MIT */
#include "core/plugin/readable.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096 /* the smallest there is; larger ones are asked again */
#define SIGSET_SIZE 8

/* The kernel reads the set of signals before it looks at what to do with it,
 * which is nothing. */
static bool
page_is_readable(uintptr_t at)
{
    uintptr_t aligned = at & ~(uintptr_t)(SIGSET_SIZE - 1);

    if (at < PAGE)
        return false;
    return syscall(SYS_rt_sigprocmask, ~0, aligned, NULL, SIGSET_SIZE) == 0
           || errno != EFAULT;
}

static uintptr_t
next_page(uintptr_t at)
{
    return (at | (PAGE - 1)) + 1;
}

bool
wn_readable(const void *memory, size_t size)
{
    uintptr_t at = (uintptr_t)memory;
    uintptr_t end;

    if (__builtin_add_overflow(at, size, &end))
        return false;
    for (; at < end; at = next_page(at))
        if (!page_is_readable(at))
            return false;
    return true;
}

bool
wn_readable_text(const char *text, size_t max)
{
    uintptr_t at = (uintptr_t)text;
    size_t left = max + 1;

    while (left > 0 && page_is_readable(at)) {
        size_t n = next_page(at) - at;

        n = n < left ? n : left;
        if (memchr((const void *)at, '\0', n) != NULL)
            return true;
        left -= n;
        at += n;
    }
    return false;
}
