/* SPDX-License-Identifier: MIT */
#include "core/programs/usage.h"

#include "core/base/fd.h"
#include "core/base/log.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* Shared memory is looked at again when so much of it has come or gone. */
#define SHARED_STEP_BYTES (1024 * 1024)

/* Descriptors above this number are not among those that a program has when it
 * starts. */
#define OWN_FDS_MAX 64

typedef struct Own {
    int fd;
    dev_t device;
    ino_t inode;
} Own;

/* In pages, and what a filter's calls added up to. */
typedef struct Growth {
    int64_t pages;
    int64_t fds;
} Growth;

/* Pages that can be written, RLIMIT_DATA's measure, and those in memory that
 * belong to files or to memory files. */
typedef struct Sizes {
    int64_t data;
    int64_t shared;
} Sizes;

struct WnUsage {
    int statm_fd;  /* /proc/self/statm: quickly read */
    int status_fd; /* /proc/self/status: tells memory files from files */
    int task_fd;   /* /proc/self/task: has a link for each thread */
    GArray *own;   /* Own; the first is the one that is kept */
    int64_t page;  /* bytes */
    Sizes at_start;
    Sizes at_begin;
    int64_t fds_at_begin;
    int64_t threads_at_begin;
    int64_t aside_begin; /* pages, when the host began something of its own */
    int64_t views;       /* pages that the host made for a message meanwhile */
    int64_t loans;       /* and that it lent, for a time */
    int64_t shared_seen; /* pages, when shmem was read */
    int64_t shmem;
    int64_t shmem_allowed;
    int64_t excess; /* of shmem, at the last look */
    int64_t mapped; /* pages of data sets, when shmem was read */
    WnUsageMappedFn mapped_fn;
    void *mapped_user;
    int64_t limit;      /* pages of growth; 0: none */
    int64_t fds_limit;  /* 0: none */
    GHashTable *growth; /* filter -> Growth */
};

/* Numbers 2 (with files of its own) and 5.  False: the descriptor is not ours
 * any more. */
static bool
read_sizes(const WnUsage *self, Sizes *out)
{
    int64_t numbers[6];
    char text[128];
    ssize_t n = pread(self->statm_fd, text, sizeof(text) - 1, 0);
    char *at = text;

    if (n <= 0)
        return false;
    text[n] = '\0';
    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++)
        numbers[i] = strtoll(at, &at, 10);
    *out = (Sizes){ .data = numbers[5], .shared = numbers[2] };
    return numbers[0] > 0;
}

static int64_t
read_shmem(const WnUsage *self)
{
    static const char key[] = "\nRssShmem:";
    char text[4096];
    ssize_t n = pread(self->status_fd, text, sizeof(text) - 1, 0);
    const char *at;

    if (n <= 0)
        return 0;
    text[n] = '\0';
    at = strstr(text, key);
    return at != NULL ? strtoll(at + strlen(key), NULL, 10) * 1024 / self->page
                      : 0;
}

/* The lowest number that is free; too high to be told: there is none. */
static int
lowest_free(const WnUsage *self)
{
    int fd = fcntl(self->statm_fd, F_DUPFD_CLOEXEC, 0);

    wn_fd_close(fd);
    return fd >= 0 ? fd : G_MAXINT;
}

static int64_t
count_threads(const WnUsage *self)
{
    struct stat st;

    return fstat(self->task_fd, &st) == 0 ? (int64_t)st.st_nlink : 0;
}

WnUsage *
wn_usage_new(void)
{
    WnUsage *self = g_new0(WnUsage, 1);
    Own none = { .fd = -1 };

    self->statm_fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    self->status_fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    self->task_fd = open("/proc/self/task", O_PATH | O_CLOEXEC);
    self->own = g_array_new(FALSE, FALSE, sizeof(Own));
    g_array_append_val(self->own, none);
    self->page = sysconf(_SC_PAGESIZE);
    self->growth = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
        g_free);
    return self;
}

void
wn_usage_free(WnUsage *self)
{
    if (self == NULL)
        return;
    g_hash_table_unref(self->growth);
    g_array_unref(self->own);
    wn_fd_close(self->statm_fd);
    wn_fd_close(self->status_fd);
    wn_fd_close(self->task_fd);
    g_free(self);
}

static Own
identify(int fd)
{
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0)
        return (Own){ .fd = -1 };
    return (Own){ .fd = fd, .device = st.st_dev, .inode = st.st_ino };
}

void
wn_usage_own(WnUsage *self)
{
    for (int fd = 0; fd < OWN_FDS_MAX; fd++) {
        Own own = identify(fd);

        if (own.fd >= 0)
            g_array_append_val(self->own, own);
    }
}

void
wn_usage_keep(WnUsage *self, int fd)
{
    g_array_index(self->own, Own, 0) = identify(fd);
}

void
wn_usage_limit(WnUsage *self, int64_t bytes, int64_t shared)
{
    struct rlimit fds;

    self->limit = bytes / 4 * 3 / self->page;
    if (getrlimit(RLIMIT_NOFILE, &fds) == 0 && fds.rlim_cur != RLIM_INFINITY)
        self->fds_limit = (int64_t)fds.rlim_cur / 4 * 3;
    if (!read_sizes(self, &self->at_start))
        self->limit = 0;
    self->shared_seen = self->at_start.shared;
    self->shmem = read_shmem(self);
    self->shmem_allowed = self->shmem + shared / self->page;
}

void
wn_usage_set_mapped(WnUsage *self, WnUsageMappedFn fn, void *user)
{
    self->mapped_fn = fn;
    self->mapped_user = user;
}

void
wn_usage_begin(WnUsage *self)
{
    if (self->statm_fd < 0)
        return;
    if (!read_sizes(self, &self->at_begin))
        self->at_begin = (Sizes){ 0 };
    if (self->fds_limit > 0)
        self->fds_at_begin = lowest_free(self);
    self->threads_at_begin = count_threads(self);
    self->views = self->loans = 0;
}

void
wn_usage_aside(WnUsage *self, WnAside what)
{
    Sizes now;

    if (self->statm_fd < 0 || !read_sizes(self, &now))
        return;
    if (what == WN_ASIDE_VIEW)
        self->views += now.data - self->aside_begin;
    else if (what == WN_ASIDE_LOAN)
        self->loans += now.data - self->aside_begin;
    self->aside_begin = now.data;
}

/* What the process has done until now is lost with it, and asked again. */
G_NORETURN static void
give_up(WnScoreboard *board, const char *filter, const char *reason)
{
    wn_scoreboard_accuse(board, filter, reason);
    _exit(1);
}

static Growth *
growth_of(WnUsage *self, const char *filter)
{
    Growth *growth = g_hash_table_lookup(self->growth, filter);

    if (growth == NULL) {
        growth = g_new0(Growth, 1);
        g_hash_table_insert(self->growth, g_strdup(filter), growth);
    }
    return growth;
}

typedef enum { BY_PAGES, BY_FDS } GrowthKind;

static const char *
greediest(const WnUsage *self, GrowthKind kind, const char *otherwise)
{
    GHashTableIter iter;
    gpointer filter, value;
    int64_t most = 0;

    g_hash_table_iter_init(&iter, self->growth);
    while (g_hash_table_iter_next(&iter, &filter, &value)) {
        const Growth *growth = value;
        int64_t much = kind == BY_PAGES ? growth->pages : growth->fds;

        if (much <= most)
            continue;
        most = much;
        otherwise = filter;
    }
    return otherwise;
}

/* Too much in one call, and that is over this message; or, bit by bit, over no
 * message in particular. */
G_NORETURN static void
blame_greediest(const WnUsage *self, WnScoreboard *board, GrowthKind kind,
    const WnScore *score, bool at_once)
{
    const char *filter = at_once ? score->filter
                                 : greediest(self, kind, score->filter);

    if (!at_once)
        wn_scoreboard_set(board, filter, score->hook, NULL, 0);
    give_up(board, filter,
        kind == BY_PAGES ? "took too much memory"
                         : "took too many descriptors");
}

static void
look_at_own(const WnUsage *self, WnScoreboard *board, const WnScore *score)
{
    for (guint i = 0; i < self->own->len; i++) {
        const Own *own = &g_array_index(self->own, Own, i);
        Own now = identify(own->fd);

        if (now.fd != own->fd)
            give_up(board, score->filter,
                "closed descriptors that are not its own");
        if (now.device != own->device || now.inode != own->inode)
            give_up(board, score->filter,
                "replaced descriptors that are not its own");
    }
}

static void
look_at_fds(WnUsage *self, WnScoreboard *board, const WnScore *score)
{
    int64_t fds, grown;

    if (self->fds_limit == 0)
        return;
    fds = lowest_free(self);
    grown = fds - self->fds_at_begin;
    if (grown != 0)
        growth_of(self, score->filter)->fds += grown;
    self->fds_at_begin = fds;
    if (fds > self->fds_limit)
        blame_greediest(self, board, BY_FDS, score,
            grown > self->fds_limit / 2);
}

/* How much more shared memory there is than what is nobody's: that of the
 * start, messages, and data sets whose files lie in memory.  Data sets are
 * counted only where it is too much without them. */
static int64_t
find_excess(WnUsage *self, int64_t shared, uint64_t shown)
{
    bool again = ABS(shared - self->shared_seen) * self->page
                 >= SHARED_STEP_BYTES;
    int64_t excess;

    if (again) {
        self->shmem = read_shmem(self);
        self->shared_seen = shared;
    }
    excess = self->shmem - self->shmem_allowed - (int64_t)shown / self->page;
    if (again && excess > 0 && self->mapped_fn != NULL)
        self->mapped = (int64_t)self->mapped_fn(self->mapped_user) / self->page;
    return MAX(0, excess - self->mapped);
}

static void
look_at_memory(WnUsage *self, WnScoreboard *board, const WnScore *score,
    uint64_t shown)
{
    Sizes now;
    int64_t grown, stays, excess;

    if (!read_sizes(self, &now))
        give_up(board, score->filter,
            "closed descriptors that are not its own");
    excess = find_excess(self, now.shared, shown);
    grown = now.data - self->at_begin.data - self->views + excess
            - self->excess;
    stays = grown - self->loans;
    self->at_begin = now;
    self->excess = excess;
    self->views = self->loans = 0;
    if (stays != 0)
        growth_of(self, score->filter)->pages += stays;
    if (self->limit > 0
        && now.data - self->at_start.data + excess > self->limit)
        blame_greediest(self, board, BY_PAGES, score, grown > self->limit / 2);
}

/* A thread may do its harm at any time, when others run or nobody. */
static void
look_at_threads(WnUsage *self, WnScoreboard *board, const WnScore *score)
{
    int64_t threads = count_threads(self);

    if (threads > self->threads_at_begin)
        wn_scoreboard_note_threads(board, score->filter);
    self->threads_at_begin = threads;
}

void
wn_usage_look(WnUsage *self, WnScoreboard *board, uint64_t shown)
{
    WnScore score;

    if (self->statm_fd < 0 || !wn_scoreboard_last(board, &score))
        return;
    look_at_own(self, board, &score);
    look_at_threads(self, board, &score);
    look_at_fds(self, board, &score);
    look_at_memory(self, board, &score, shown);
}
