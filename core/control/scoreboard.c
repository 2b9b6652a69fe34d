/* SPDX-License-Identifier: MIT */
#include "core/control/scoreboard.h"

#include "core/base/clock.h"
#include "core/base/shared_region.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

typedef struct Board {
    atomic_uint version; /* odd while it is written */
    uint32_t running;
    WnScore score;
} Board;

struct WnScoreboard {
    Board *board;
};

int
wn_scoreboard_create(void)
{
    return wn_region_create("winnow-scoreboard", sizeof(Board));
}

WnScoreboard *
wn_scoreboard_attach(int fd)
{
    WnScoreboard *self;
    size_t size;
    void *memory = wn_region_map_checked(fd, sizeof(Board), sizeof(Board),
        &size);

    if (memory == NULL)
        return NULL;
    self = g_new0(WnScoreboard, 1);
    self->board = memory;
    return self;
}

void
wn_scoreboard_free(WnScoreboard *self)
{
    if (self == NULL)
        return;
    munmap(self->board, sizeof(Board));
    g_free(self);
}

void
wn_scoreboard_set(WnScoreboard *self, const char *filter, const char *hook,
    const WnId *id, uint64_t content)
{
    Board *board = self->board;

    atomic_fetch_add_explicit(&board->version, 1, memory_order_acq_rel);
    board->running = filter != NULL;
    if (filter != NULL) {
        g_strlcpy(board->score.filter, filter, sizeof(board->score.filter));
        g_strlcpy(board->score.hook, hook != NULL ? hook : "",
            sizeof(board->score.hook));
        board->score.has_id = id != NULL;
        if (id != NULL)
            board->score.id = *id;
        board->score.content = content;
        board->score.began_ms = wn_clock_mono_ms();
    }
    atomic_fetch_add_explicit(&board->version, 1, memory_order_release);
}

void
wn_scoreboard_accuse(WnScoreboard *self, const char *filter, const char *reason)
{
    Board *board = self->board;
    bool same = strncmp(board->score.filter, filter,
                    sizeof(board->score.filter))
                == 0;

    atomic_fetch_add_explicit(&board->version, 1, memory_order_acq_rel);
    board->running = 1;
    if (!same) {
        board->score.hook[0] = '\0';
        board->score.has_id = false;
        board->score.content = 0;
        board->score.began_ms = wn_clock_mono_ms();
        g_strlcpy(board->score.filter, filter, sizeof(board->score.filter));
    }
    g_strlcpy(board->score.reason, reason, sizeof(board->score.reason));
    atomic_fetch_add_explicit(&board->version, 1, memory_order_release);
}

/* A plugin gone wild may have written anything here. */
static void
clean(WnScore *score)
{
    score->filter[sizeof(score->filter) - 1] = '\0';
    score->hook[sizeof(score->hook) - 1] = '\0';
    score->reason[sizeof(score->reason) - 1] = '\0';
}

bool
wn_scoreboard_last(const WnScoreboard *self, WnScore *out)
{
    wn_scoreboard_get(self, out);
    return out->filter[0] != '\0';
}

bool
wn_scoreboard_get(const WnScoreboard *self, WnScore *out)
{
    const Board *board = self->board;
    unsigned before = atomic_load_explicit(&board->version,
        memory_order_acquire);
    uint32_t running = board->running;
    uint8_t has_id;

    memcpy(out, &board->score, sizeof(*out));
    memcpy(&has_id, &out->has_id, sizeof(has_id));
    out->has_id = has_id == 1;
    clean(out);
    atomic_thread_fence(memory_order_acquire);
    return before % 2 == 0 && running != 0
           && atomic_load_explicit(&board->version, memory_order_relaxed)
                  == before;
}
