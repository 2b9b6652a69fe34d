/* SPDX-License-Identifier: MIT */
#include "sdk/harness/guard.h"

#include <dlfcn.h>
#include <glib.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CANARY 0xA5
#define ALIGN 16
#define BLOB_ALIGN 64
#define VIEWS_MAX 12000 /* two mappings each; the kernel allows 65,530 */

typedef struct Block {
    char *base;
    size_t size; /* with the page behind */
    char *start;
    size_t len;
    const char *what;
    const char *life;
    bool ended;
    bool slack;    /* canaries stand between start + len and the page */
    bool poisoned; /* the sanitizer watches what is between them */
} Block;

struct WnGuard {
    const char *life;
    GPtrArray *blocks;  /* Block, borrowed from the registry */
    GHashTable *copies; /* source -> Block */
};

/* Of the process: a signal handler has nothing else to go by. */
static GPtrArray *registry;
static const char *noted;
static bool sanitized;

/* Of the address sanitizer; NULL without it. */
typedef void (*PoisonFn)(const volatile void *start, size_t size);

static PoisonFn
poison_function(const char *name)
{
    void *found = dlsym(RTLD_DEFAULT, name);
    PoisonFn fn = NULL;

    memcpy(&fn, &found, sizeof fn);
    return fn;
}

static void
block_free(void *data)
{
    Block *block = data;

    if (block->poisoned)
        poison_function(
            "__asan_unpoison_memory_region")(block->base, block->size);
    munmap(block->base, block->size);
    g_free(block);
}

WnGuard *
wn_guard_new(const char *life)
{
    WnGuard *self = g_new0(WnGuard, 1);

    if (registry == NULL)
        registry = g_ptr_array_new_with_free_func(block_free);
    self->life = life;
    self->blocks = g_ptr_array_new();
    self->copies = g_hash_table_new(NULL, NULL);
    return self;
}

/* gap: bytes between the view and the page behind it. */
static Block *
block_new(WnGuard *self, const char *what, size_t len, size_t gap)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t used = (MAX(len + gap, 1) + page - 1) / page * page;
    Block *block = g_new0(Block, 1);

    if (registry->len >= VIEWS_MAX)
        wn_guard_forget();
    block->size = used + page;
    block->base = mmap(NULL, block->size, PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block->base == MAP_FAILED
        || mprotect(block->base + used, page, PROT_NONE) != 0)
        g_error("no memory for a guarded view");
    block->start = block->base + used - len - gap;
    block->len = len;
    block->what = what;
    block->life = self->life;
    block->slack = gap > 0;
    memset(block->start + len, CANARY, gap);
    g_ptr_array_add(registry, block);
    g_ptr_array_add(self->blocks, block);
    return block;
}

void *
wn_guard_alloc(WnGuard *self, const char *what, size_t size)
{
    return block_new(self, what, size, (ALIGN - size % ALIGN) % ALIGN)->start;
}

const void *
wn_guard_blob(WnGuard *self, const char *what, const void *data, size_t size)
{
    PoisonFn poison = sanitized ? poison_function("__asan_poison_memory_region")
                                : NULL;
    size_t gap = (BLOB_ALIGN - size % BLOB_ALIGN) % BLOB_ALIGN;
    Block *block;

    if (poison == NULL || gap == 0)
        return wn_guard_copy(self, what, data, size);
    block = block_new(self, what, size, gap);
    if (size > 0)
        memcpy(block->start, data, size);
    block->slack = false;
    block->poisoned = true;
    poison(block->start + size, gap);
    return block->start;
}

const void *
wn_guard_copy(WnGuard *self, const char *what, const void *data, size_t size)
{
    Block *block = g_hash_table_lookup(self->copies, data);

    if (size == 0)
        data = "";
    if (block != NULL && block->len == size
        && memcmp(block->start, data, size) == 0)
        return block->start;
    block = block_new(self, what, size, 0);
    memcpy(block->start, data, size);
    mprotect(block->base, block->size, PROT_READ);
    mprotect(block->base + block->size - (size_t)sysconf(_SC_PAGESIZE),
        (size_t)sysconf(_SC_PAGESIZE), PROT_NONE);
    g_hash_table_insert(self->copies, (void *)(uintptr_t)data, block);
    return block->start;
}

const char *
wn_guard_text(WnGuard *self, const char *what, const char *text, size_t len)
{
    g_autofree char *whole = NULL;
    Block *block = g_hash_table_lookup(self->copies, text);

    if (block != NULL && block->len == len + 1
        && memcmp(block->start, text, len) == 0)
        return block->start;
    whole = g_malloc0(len + 1);
    memcpy(whole, text, len);
    block = block_new(self, what, len + 1, 0);
    memcpy(block->start, whole, len + 1);
    g_hash_table_insert(self->copies, (void *)(uintptr_t)text, block);
    return block->start;
}

static bool
is_overrun(const Block *block)
{
    const char *end = block->base + block->size - sysconf(_SC_PAGESIZE);

    for (const char *at = block->start + block->len; block->slack && at < end;
         at++)
        if ((unsigned char)*at != CANARY)
            return true;
    return false;
}

const char *
wn_guard_end(WnGuard *self)
{
    const char *overrun = NULL;

    for (unsigned i = 0; i < self->blocks->len; i++) {
        Block *block = g_ptr_array_index(self->blocks, i);

        if (is_overrun(block))
            overrun = block->what;
        block->ended = true;
        mprotect(block->base, block->size, PROT_NONE);
    }
    g_ptr_array_unref(self->blocks);
    g_hash_table_unref(self->copies);
    g_free(self);
    return overrun;
}

void
wn_guard_forget(void)
{
    for (unsigned i = registry != NULL ? registry->len : 0; i-- > 0;) {
        const Block *block = g_ptr_array_index(registry, i);

        if (block->ended)
            g_ptr_array_remove_index_fast(registry, i);
    }
}

/*
 * Bad accesses
 */

static void
say(const char *text)
{
    ssize_t ignored = write(STDOUT_FILENO, text, strlen(text));

    (void)ignored;
}

static const Block *
find(const char *address)
{
    for (unsigned i = 0; registry != NULL && i < registry->len; i++) {
        const Block *block = g_ptr_array_index(registry, i);

        if (address >= block->base && address < block->base + block->size)
            return block;
    }
    return NULL;
}

static void
on_bad_access(int signo, siginfo_t *info, void *context)
{
    const Block *block = signo != SIGALRM ? find(info->si_addr) : NULL;

    (void)context;
    if (block != NULL) {
        say(block->ended ? "used after its life: " : "used past its end: ");
        say(block->what);
        say(block->ended ? ", good until the end of " : ", lent for ");
        say(block->life);
        say("\n");
    }
    if (noted != NULL) {
        say("tried with ");
        say(noted);
        say("\n");
    }
    signal(signo, SIG_DFL);
    raise(signo);
}

void
wn_guard_use_sanitizer(void)
{
    sanitized = true;
}

void
wn_guard_note(const char *what)
{
    noted = what;
}

void
wn_guard_watch(void)
{
    static char stack[64 * 1024];
    stack_t alternative = { .ss_sp = stack, .ss_size = sizeof stack };
    struct sigaction action = { .sa_sigaction = on_bad_access,
        .sa_flags = SA_SIGINFO | SA_ONSTACK };

    sigaltstack(&alternative, NULL);
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    sigaction(SIGABRT, &action, NULL);
    sigaction(SIGFPE, &action, NULL);
    sigaction(SIGALRM, &action, NULL);
}
