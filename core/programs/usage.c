/* SPDX-License-Identifier: MIT */
#include "core/programs/usage.h"

#include "core/base/fd.h"
#include "core/base/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct WnUsage {
    int fd;           /* /proc/self/statm; also shows whether descriptors are
                       * still ours */
    int64_t page;     /* bytes */
    int64_t at_start; /* pages, as all below */
    int64_t at_begin;
    int64_t limit;      /* of growth; 0: none */
    GHashTable *growth; /* filter -> int64_t of the calls' growth */
};

/* The sixth number: memory that can be written, RLIMIT_DATA's measure.  Below
 * 0: the descriptor is not ours any more. */
static int64_t
read_pages(const WnUsage *self)
{
    char text[128];
    ssize_t n = self->fd >= 0 ? pread(self->fd, text, sizeof(text) - 1, 0) : -1;
    long long pages;

    if (n <= 0)
        return -1;
    text[n] = '\0';
    if (sscanf(text, "%*u %*u %*u %*u %*u %lld", &pages) != 1)
        return -1;
    return pages;
}

WnUsage *
wn_usage_new(void)
{
    WnUsage *self = g_new0(WnUsage, 1);

    self->fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
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
    wn_fd_close(self->fd);
    g_free(self);
}

void
wn_usage_limit(WnUsage *self, int64_t bytes)
{
    self->limit = bytes / 4 * 3 / self->page;
    self->at_start = read_pages(self);
}

void
wn_usage_begin(WnUsage *self)
{
    if (self->fd >= 0)
        self->at_begin = read_pages(self);
}

/* What the process has done until now is lost with it, and asked again. */
G_NORETURN static void
give_up(WnScoreboard *board, const char *filter, const char *reason)
{
    wn_scoreboard_accuse(board, filter, reason);
    _exit(1);
}

static void
note_growth(WnUsage *self, const char *filter, int64_t pages)
{
    int64_t *sum = g_hash_table_lookup(self->growth, filter);

    if (sum == NULL) {
        sum = g_new0(int64_t, 1);
        g_hash_table_insert(self->growth, g_strdup(filter), sum);
    }
    *sum += pages;
}

static const char *
greediest(const WnUsage *self, const char *otherwise)
{
    GHashTableIter iter;
    gpointer filter, sum;
    int64_t most = 0;

    g_hash_table_iter_init(&iter, self->growth);
    while (g_hash_table_iter_next(&iter, &filter, &sum)) {
        if (*(int64_t *)sum <= most)
            continue;
        most = *(int64_t *)sum;
        otherwise = filter;
    }
    return otherwise;
}

void
wn_usage_end(WnUsage *self, WnScoreboard *board)
{
    int64_t pages;
    WnScore score;

    if (self->fd < 0)
        return;
    pages = read_pages(self);
    if (pages == self->at_begin || !wn_scoreboard_get(board, &score))
        return;
    if (pages < 0)
        give_up(board, score.filter, "closed descriptors that are not its own");
    note_growth(self, score.filter, pages - self->at_begin);
    if (self->limit == 0 || pages - self->at_start <= self->limit)
        return;
    /* No message is to blame. */
    wn_scoreboard_set(board, greediest(self, score.filter), score.hook, NULL,
        0);
    wn_scoreboard_get(board, &score);
    give_up(board, score.filter, "took too much memory");
}
