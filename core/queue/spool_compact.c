/* SPDX-License-Identifier: MIT */
#include "core/queue/spool_compact.h"

#include "core/base/clock.h"
#include "core/base/fd.h"
#include "core/base/log.h"

#include <errno.h>

/* What one step does at most. */
#define STEP_RECORDS 512
#define STEP_US 2000

/* Copied bytes that are brought to disk at once. */
#define SYNC_BYTES (4 * 1024 * 1024)

/* A record that was copied. */
typedef struct Copied {
    uint64_t offset; /* in the old segment */
    uint32_t n_recipients;
} Copied;

struct WnSpoolCompaction {
    WnSpoolSegment *segment;
    char *folder;
    int fd; /* reads the old segment */
    WnCompaction *out;
    WnStandings *standings; /* kept up to date by wn_spool_settle() */
    GArray *copied;
    uint64_t offset;
    uint64_t synced_len;
    bool all_copied;
};

bool
wn_spool_segment_wants_compaction(const WnSpoolSegment *self, int64_t now_ms)
{
    return self->state == WN_SEGMENT_COMPLETE && !self->damaged
           && self->gaps->len == 0 && self->n_unsettled > 0
           && now_ms >= self->compact_from_ms
           && self->held_bytes
                  < self->map_len / WN_SPOOL_COMPACT_SHARE
                        - MIN(self->map_len / WN_SPOOL_COMPACT_SHARE, 65536);
}

void
wn_spool_segment_put_off_compaction(WnSpoolSegment *self, int64_t now_ms)
{
    self->compact_from_ms = now_ms + WN_SPOOL_COMPACT_AFTER_MS;
}

WnSpoolCompaction *
wn_spool_compaction_new(WnSpoolSegment *segment, const char *folder,
    GError **error)
{
    WnSpoolCompaction *self = g_new0(WnSpoolCompaction, 1);

    self->segment = segment;
    self->folder = g_strdup(folder);
    self->offset = WN_SEGMENT_HEADER_LEN;
    self->standings = wn_standings_new();
    self->copied = g_array_new(FALSE, FALSE, sizeof(Copied));
    segment->compaction = self;
    self->fd = wn_segment_open(folder, segment->name, error);
    if (self->fd >= 0
        && wn_outcome_log_read(segment->log, wn_standings_note, self->standings,
            error))
        self->out = wn_compaction_begin(folder, segment->name, self->fd, error);
    if (self->out != NULL)
        return self;
    wn_spool_compaction_free(self);
    return NULL;
}

void
wn_spool_compaction_free(WnSpoolCompaction *self)
{
    if (self == NULL)
        return;
    self->segment->compaction = NULL;
    wn_compaction_free(self->out);
    wn_fd_close(self->fd);
    wn_standings_free(self->standings);
    g_array_unref(self->copied);
    g_free(self->folder);
    g_free(self);
}

WnSpoolSegment *
wn_spool_compaction_segment(const WnSpoolCompaction *self)
{
    return self->segment;
}

void
wn_spool_compaction_note(WnSpoolCompaction *self, const WnOutcome *outcome)
{
    wn_standings_note(self->standings, outcome);
}

static bool
is_owed(const WnSpoolCompaction *self, uint64_t offset, uint32_t n_recipients)
{
    for (uint32_t i = 0; i < n_recipients; i++) {
        const WnStanding *standing = wn_standings_get(self->standings, offset,
            i);

        if (standing == NULL || standing->settled == 0)
            return true;
    }
    return false;
}

static bool
give_up(WnSpoolCompaction *self, uint64_t offset, GError **error)
{
    self->segment->damaged = true;
    g_set_error(error, WN_JOURNAL_ERROR, EBADMSG,
        "%s: damaged at %" G_GUINT64_FORMAT, self->segment->name, offset);
    return false;
}

/* False with error: what is damaged is not copied, nor left behind. */
static bool
take_record(WnSpoolCompaction *self, const WnRecordHeader *header,
    GByteArray *bytes, GError **error)
{
    g_auto(WnEnvelope) envelope;
    WnSpan span = wn_span(bytes->data, bytes->len);
    Copied copied = { .offset = header->offset };

    wn_envelope_init(&envelope);
    if (!wn_envelope_read(&envelope, span))
        return give_up(self, header->offset, error);
    copied.n_recipients = envelope.recipients->len;
    if (!is_owed(self, header->offset, copied.n_recipients))
        return true;
    if (!wn_segment_body_is_intact(self->fd, header, span))
        return give_up(self, header->offset, error);
    g_array_append_val(self->copied, copied);
    return wn_compaction_add(self->out, header, span, error);
}

static bool
copy_one(WnSpoolCompaction *self, GByteArray *scratch, GError **error)
{
    uint64_t at = self->offset;
    WnRecordHeader header;

    switch (wn_segment_scan(self->fd, &self->offset, UINT64_MAX, false, &header,
        scratch)) {
    case WN_SCAN_RECORD:
        return take_record(self, &header, scratch, error);
    case WN_SCAN_SEAL:
    case WN_SCAN_TAIL:
        self->all_copied = true;
        return true;
    case WN_SCAN_DAMAGED:
        return give_up(self, at, error);
    case WN_SCAN_ERROR:
        wn_fd_set_error(error, errno, "read", self->segment->name);
        return false;
    }
    return false;
}

static bool
copy_some(WnSpoolCompaction *self, GByteArray *scratch, GError **error)
{
    int64_t end_us = wn_clock_mono_us() + STEP_US;

    for (int i = 0; i < STEP_RECORDS && !self->all_copied; i++) {
        if (!copy_one(self, scratch, error))
            return false;
        if (wn_clock_mono_us() >= end_us)
            break;
    }
    if (!self->all_copied
        && wn_compaction_len(self->out) < self->synced_len + SYNC_BYTES)
        return true;
    self->synced_len = wn_compaction_len(self->out);
    return wn_compaction_sync(self->out, error);
}

/* Nobody looks at a message, and every message that is held is in the copy. */
static bool
may_finish(const WnSpoolCompaction *self)
{
    uint64_t n_owed = 0;

    if (self->segment->n_reads > 0)
        return false;
    for (guint i = 0; i < self->copied->len; i++) {
        const Copied *copied = &g_array_index(self->copied, Copied, i);

        n_owed += is_owed(self, copied->offset, copied->n_recipients);
    }
    return n_owed == self->segment->n_holds;
}

static WnCompactionState
finish(WnSpoolCompaction *self, GError **error)
{
    WnSpoolSegment *segment = self->segment;
    uint64_t old_len = segment->map_len;

    switch (
        wn_compaction_finish(self->out, self->standings, segment->log, error)) {
    case WN_NOT_COMPACTED:
        return WN_COMPACTION_FAILED;
    case WN_COMPACTED:
        break;
    case WN_COMPACTED_IN_DOUBT:
        wn_remark(WN_LEVEL_ERROR, "%s", (*error)->message);
        g_clear_error(error);
        break;
    }
    wn_spool_segment_replace(segment, self->folder, self->out);
    wn_remark(WN_LEVEL_INFO,
        "%s: compacted from %" G_GUINT64_FORMAT " to %zu bytes, %u messages",
        segment->name, old_len, segment->map_len, self->copied->len);
    return WN_COMPACTION_DONE;
}

WnCompactionState
wn_spool_compaction_step(WnSpoolCompaction *self, GByteArray *scratch,
    GError **error)
{
    if (!self->all_copied)
        return copy_some(self, scratch, error) ? WN_COMPACTING
                                               : WN_COMPACTION_FAILED;
    return may_finish(self) ? finish(self, error) : WN_COMPACTION_WAITS;
}
