/* SPDX-License-Identifier: MIT */
#include "core/control/scoreboard.h"

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/shared_region.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

typedef struct Board {
    atomic_uint version; /* odd while it is written */
    uint32_t running;
    WnScore score;
    char starter[sizeof(((WnScore *)NULL)->filter)]; /* of threads */
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

static void
begin_write(Board *board)
{
    if (mprotect(board, sizeof(Board), PROT_READ | PROT_WRITE) != 0)
        g_error("the scoreboard cannot be written: %s", g_strerror(errno));
    atomic_fetch_add_explicit(&board->version, 1, memory_order_acq_rel);
}

/* Where closing fails it stays open: it is not needed for anything. */
static void
end_write(Board *board)
{
    atomic_fetch_add_explicit(&board->version, 1, memory_order_release);
    if (board->running != 0 && mprotect(board, sizeof(Board), PROT_READ) != 0)
        wn_remark(WN_LEVEL_WARNING, "the scoreboard stays open: %s",
            g_strerror(errno));
}

void
wn_scoreboard_set(WnScoreboard *self, const char *filter, const char *hook,
    const WnId *id, uint64_t content)
{
    Board *board = self->board;

    begin_write(board);
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
    end_write(board);
}

void
wn_scoreboard_accuse(WnScoreboard *self, const char *filter, const char *reason)
{
    Board *board = self->board;
    bool same = strncmp(board->score.filter, filter,
                    sizeof(board->score.filter))
                == 0;

    begin_write(board);
    board->running = 1;
    if (!same) {
        board->score.hook[0] = '\0';
        board->score.has_id = false;
        board->score.content = 0;
        board->score.began_ms = wn_clock_mono_ms();
        g_strlcpy(board->score.filter, filter, sizeof(board->score.filter));
    }
    g_strlcpy(board->score.reason, reason, sizeof(board->score.reason));
    end_write(board);
}

/* A plugin gone wild may have written anything here; people read it on their
 * terminals. */
static void
clean(char *text, size_t size)
{
    text[size - 1] = '\0';
    for (char *at = text; *at != '\0'; at++)
        if (!g_ascii_isprint(*at))
            *at = '?';
}

void
wn_scoreboard_note_threads(WnScoreboard *self, const char *filter)
{
    begin_write(self->board);
    g_strlcpy(self->board->starter, filter, sizeof(self->board->starter));
    end_write(self->board);
}

bool
wn_scoreboard_starter(const WnScoreboard *self, WnScore *out)
{
    *out = (WnScore){ .threads = true };
    memcpy(out->filter, self->board->starter, sizeof(out->filter));
    clean(out->filter, sizeof(out->filter));
    return out->filter[0] != '\0';
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
    out->threads = false;
    clean(out->filter, sizeof(out->filter));
    clean(out->hook, sizeof(out->hook));
    clean(out->reason, sizeof(out->reason));
    atomic_thread_fence(memory_order_acquire);
    return before % 2 == 0 && running != 0
           && atomic_load_explicit(&board->version, memory_order_relaxed)
                  == before;
}

bool
wn_scoreboard_get_ended(const WnScoreboard *self, WnScore *out)
{
    wn_scoreboard_get(self, out);
    return self->board->running != 0 && out->filter[0] != '\0';
}

unsigned
wn_scoreboard_version(const WnScoreboard *self)
{
    return atomic_load_explicit(&self->board->version, memory_order_acquire);
}
