/* SPDX-License-Identifier: MIT */
#include "core/queue/spool_gaps.h"

#include "core/base/clock.h"
#include "core/base/log.h"

void
wn_spool_gap_add(WnSpoolSegment *self, uint64_t at, uint64_t end,
    const WnRecordHeader *header)
{
    int64_t now_ms = wn_clock_mono_ms();
    WnSpoolGap gap = { .at = at,
        .end = end,
        .since_ms = now_ms,
        .again_ms = now_ms + WN_SPOOL_GAP_MS };
    WnEvent event;

    g_array_append_val(self->gaps, gap);
    wn_event_begin(&event, WN_LEVEL_ERROR, "unreadable");
    if (header != NULL)
        wn_event_id(&event, &header->id);
    wn_event_str(&event, "segment", self->name);
    wn_event_int(&event, "offset", (int64_t)at);
    if (end != UINT64_MAX)
        wn_event_int(&event, "goes_on_at", (int64_t)end);
    wn_event_str(&event, "error", "the disk does not give it");
    wn_event_end(&event);
}

void
wn_spool_gap_begin(WnSpoolSegment *self, uint64_t offset)
{
    self->skipping = true;
    self->skip_from = offset;
    self->skip = (WnSegmentSkip){ .at = offset + 8 };
}

/* A segment whose writer lives ends where the writer says. */
void
wn_spool_gap_search(WnSpoolSegment *self)
{
    bool followed = self->state == WN_SEGMENT_FOLLOWED;
    uint64_t durable = followed ? self->durable : UINT64_MAX;
    unsigned n_failed = self->skip.n_failed;

    switch (wn_segment_skip(self->fd, durable, &self->skip)) {
    case WN_SKIP_MORE:
        self->failed = self->skip.n_failed > n_failed;
        return;
    case WN_SKIP_FOUND:
        self->offset = self->skip.at;
        break;
    case WN_SKIP_END:
        self->offset = followed ? durable : self->map_len;
        break;
    }
    self->skipping = false;
    wn_spool_gap_add(self, self->skip_from,
        self->offset < self->map_len ? self->offset : UINT64_MAX, NULL);
}

WnSpoolGap *
wn_spool_gap_due(const WnSpoolSegment *self, int64_t now_ms)
{
    for (guint i = 0; i < self->gaps->len; i++) {
        WnSpoolGap *gap = &g_array_index(self->gaps, WnSpoolGap, i);

        if (now_ms >= gap->again_ms)
            return gap;
    }
    return NULL;
}

void
wn_spool_gap_put_off(WnSpoolGap *gap)
{
    gap->again_ms = wn_clock_mono_ms() + WN_SPOOL_GAP_MS;
}

void
wn_spool_gap_remove_if_read(WnSpoolSegment *self, WnSpoolGap *gap)
{
    if (gap->at < gap->end)
        return;
    wn_remark(WN_LEVEL_INFO, "%s: what could not be read has been read",
        self->name);
    g_array_remove_index_fast(self->gaps,
        (guint)(gap - (WnSpoolGap *)(void *)self->gaps->data));
}

void
wn_spool_gaps_tell(const WnSpoolSegment *self)
{
    g_autofree char *kept = g_strconcat("damaged/", self->name, NULL);
    uint64_t n_bytes = 0;
    WnEvent event;

    for (guint i = 0; i < self->gaps->len; i++) {
        const WnSpoolGap *gap = &g_array_index(self->gaps, WnSpoolGap, i);

        n_bytes += MIN(gap->end, MAX(self->map_len, gap->at)) - gap->at;
    }
    wn_event_begin(&event, WN_LEVEL_ERROR, "set_aside");
    wn_event_str(&event, "segment", self->name);
    wn_event_int(&event, "bytes", (int64_t)n_bytes);
    wn_event_str(&event, "error",
        "the disk has not given all of it for 10 minutes");
    wn_event_str(&event, "kept", kept);
    wn_event_str(&event, "cure", "winnowctl queue fsck");
    wn_event_end(&event);
}

bool
wn_spool_gap_is_waited_for(const WnSpoolSegment *self)
{
    int64_t now_ms = wn_clock_mono_ms();

    for (guint i = 0; i < self->gaps->len; i++)
        if (now_ms - g_array_index(self->gaps, WnSpoolGap, i).since_ms
            < WN_SPOOL_GAP_PATIENCE_MS)
            return true;
    return self->skipping;
}
