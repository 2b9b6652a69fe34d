/* SPDX-License-Identifier: MIT */
#include "core/base/map_guard.h"

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* Of the process, as the signal is. */
static WnMapGuard *first;

static WnMapGuard *
find(uintptr_t address)
{
    WnMapGuard *guard = first;

    while (guard != NULL && address - (uintptr_t)guard->start >= guard->len)
        guard = guard->next;
    return guard;
}

static bool
replace(WnMapGuard *guard, uintptr_t address)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    bool all = guard->use == WN_MAP_WRITE;
    char *start = all ? guard->start : (char *)(address & ~(page - 1));
    size_t len = all ? guard->len : page;
    int rights = all ? PROT_READ | PROT_WRITE : PROT_READ;

    return mmap(start, len, rights,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0)
           != MAP_FAILED;
}

static void
on_bus_error(int signo, siginfo_t *info, void *context)
{
    uintptr_t address = (uintptr_t)info->si_addr;
    WnMapGuard *guard = find(address);
    int saved = errno;

    (void)context;
    if (guard != NULL && replace(guard, address))
        guard->lost = 1;
    else
        signal(signo, SIG_DFL); /* the fault comes again and is fatal */
    errno = saved;
}

void
wn_map_guard(WnMapGuard *self, void *start, size_t len, WnMapUse use)
{
    struct sigaction action = { .sa_sigaction = on_bus_error,
        .sa_flags = SA_SIGINFO };

    *self = (WnMapGuard){ .start = start, .len = len, .use = use };
    self->next = first;
    if (first != NULL)
        first->previous = self;
    else
        sigaction(SIGBUS, &action, NULL);
    first = self;
}

void
wn_map_unguard(WnMapGuard *self)
{
    if (self->start == NULL)
        return;
    if (self->previous != NULL)
        self->previous->next = self->next;
    else
        first = self->next;
    if (self->next != NULL)
        self->next->previous = self->previous;
    *self = (WnMapGuard){ 0 };
}
