/* SPDX-License-Identifier: MIT */
#include "core/queue/spool_segment.h"

#include "core/base/clock.h"
#include "core/base/fd.h"
#include "core/base/log.h"
#include "core/base/publish.h"
#include "core/queue/complaints.h"
#include "core/queue/spool_compact.h"
#include "core/queue/spool_gaps.h"
#include "core/queue/spool_names.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_BYTES (4 * 1024 * 1024) /* with one call */

/* Only what was read and is wrong may be set aside; what the disk does not give
 * now it may give later. */
static bool
cannot_read(const WnSpoolSegment *self, int errnum, GError **error)
{
    if (errnum == ENODATA)
        errnum = EBADMSG;
    g_set_error(error, WN_JOURNAL_ERROR, errnum, "%s: cannot read: %s",
        self->name, g_strerror(errnum));
    return false;
}

static bool
map_file(WnSpoolSegment *self, GError **error)
{
    struct stat st;
    void *map;

    if (fstat(self->fd, &st) != 0)
        return cannot_read(self, errno, error);
    if (st.st_size < WN_SEGMENT_HEADER_LEN) {
        g_set_error(error, WN_JOURNAL_ERROR, EBADMSG, "%s: too short",
            self->name);
        return false;
    }
    map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, self->fd, 0);
    if (map == MAP_FAILED) {
        int errnum = errno;

        g_set_error(error, WN_JOURNAL_ERROR, errnum, "%s: cannot map: %s",
            self->name, g_strerror(errnum));
        return false;
    }
    self->map = map;
    self->map_len = (size_t)st.st_size;
    wn_map_guard(&self->guard, map, self->map_len, WN_MAP_READ);
    return true;
}

static void
unmap_file(WnSpoolSegment *self)
{
    wn_map_unguard(&self->guard);
    if (self->map != NULL)
        munmap((void *)(uintptr_t)self->map, self->map_len);
    self->map = NULL;
}

bool
wn_spool_segment_map_again(WnSpoolSegment *self)
{
    void *map = mmap((void *)(uintptr_t)self->map, self->map_len, PROT_READ,
        MAP_SHARED | MAP_FIXED, self->fd, 0);

    if (map == MAP_FAILED)
        return false;
    self->guard.lost = 0;
    return true;
}

/* The first record has stood in for it. */
static void
look_at_header(WnSpoolSegment *self)
{
    if (!wn_segment_header_is_damaged(self->fd))
        return;
    self->damaged = true;
    wn_remark(WN_LEVEL_ERROR,
        "%s: the segment's header is damaged, that of "
        "the first record stands in",
        self->name);
}

WnSpoolSegment *
wn_spool_segment_open(WnSpool *spool, const char *folder, const char *name,
    GError **error)
{
    g_autoptr(WnSpoolSegment) self = g_new0(WnSpoolSegment, 1);

    self->spool = spool;
    self->name = g_strdup(name);
    self->offset = WN_SEGMENT_HEADER_LEN;
    self->gaps = g_array_new(FALSE, FALSE, sizeof(WnSpoolGap));
    self->fd = wn_segment_open(folder, name, error);
    if (self->fd < 0)
        return NULL;
    if (!wn_segment_secret(self->fd, &self->secret)) {
        cannot_read(self, errno, error);
        return NULL;
    }
    if (!map_file(self, error))
        return NULL;
    look_at_header(self);
    self->prior = wn_standings_new();
    self->log = wn_outcome_log_open(folder, name, wn_standings_note,
        self->prior, error);
    if (self->log == NULL)
        return NULL;
    if (wn_standings_count(self->prior) == 0)
        g_clear_pointer(&self->prior, wn_standings_free);
    wn_spool_segment_check_writer(self);
    return g_steal_pointer(&self);
}

void
wn_spool_segment_free(WnSpoolSegment *self)
{
    if (self == NULL)
        return;
    wn_outcome_log_free(self->log);
    unmap_file(self);
    wn_fd_close(self->fd);
    g_clear_pointer(&self->prior, wn_standings_free);
    g_clear_pointer(&self->places, g_array_unref);
    g_array_unref(self->gaps);
    g_free(self->name);
    g_free(self);
}

void
wn_spool_segment_check_writer(WnSpoolSegment *self)
{
    if (self->state == WN_SEGMENT_FOLLOWED && !wn_segment_has_writer(self->fd))
        self->state = WN_SEGMENT_CLOSING;
}

bool
wn_spool_segment_has_more(const WnSpoolSegment *self)
{
    if (self->skipping || wn_spool_gap_due(self, wn_clock_mono_ms()) != NULL)
        return true;
    switch (self->state) {
    case WN_SEGMENT_FOLLOWED:
        return self->offset < self->durable;
    case WN_SEGMENT_CLOSING:
        return true;
    case WN_SEGMENT_COMPLETE:
        break;
    }
    return false;
}

/* One without a record has been kept ready by its writer.  Our own are read
 * before all others. */
bool
wn_spool_segment_is_caught_up(const WnSpoolSegment *self)
{
    WnRecordHeader header;

    if (wn_spool_is_own_name(self->name))
        return true;
    if (wn_spool_gap_is_waited_for(self))
        return false;
    switch (self->state) {
    case WN_SEGMENT_FOLLOWED:
        return self->durable > 0 ? self->offset >= self->durable_first
                                 : !wn_segment_read_header(self->fd,
                                     WN_SEGMENT_HEADER_LEN, &header);
    case WN_SEGMENT_CLOSING:
        return false;
    case WN_SEGMENT_COMPLETE:
        break;
    }
    return true;
}

static void
forget_prior(WnSpoolSegment *self)
{
    if (self->state == WN_SEGMENT_COMPLETE && self->gaps->len == 0)
        g_clear_pointer(&self->prior, wn_standings_free);
}

static void
complete(WnSpoolSegment *self)
{
    self->state = WN_SEGMENT_COMPLETE;
    wn_spool_segment_put_off_compaction(self, wn_clock_mono_ms());
    forget_prior(self);
}

/* For the log and for the message's story, if it is known whose it was. */
static void
note_damage(WnSpoolSegment *self, uint64_t offset, const WnId *id,
    const char *what)
{
    WnEvent event;

    self->damaged = true;
    wn_event_begin(&event, WN_LEVEL_ERROR, "damaged");
    if (id != NULL)
        wn_event_id(&event, id);
    wn_event_str(&event, "segment", self->name);
    wn_event_int(&event, "offset", (int64_t)offset);
    wn_event_str(&event, "error", what);
    wn_event_end(&event);
}

/* It is tried again with every scan, and told now and then. */
static void
note_read_error(WnSpoolSegment *self, int errnum)
{
    int64_t now_ms = wn_clock_mono_ms();

    if (self->complained_ms != 0
        && now_ms - self->complained_ms < WN_COMPLAINT_MS)
        return;
    self->complained_ms = now_ms;
    wn_remark(WN_LEVEL_ERROR, "%s: cannot read: %s", self->name,
        g_strerror(errnum));
}

/* Where what is found goes. */
typedef struct Sink {
    GByteArray *scratch;
    WnSpoolFoundFn fn;
    void *user;
} Sink;

static void
add_unsettled(WnSpoolSegment *self, uint64_t offset, uint32_t index,
    GArray *recipients)
{
    const WnStanding *prior = wn_standings_get(self->prior, offset, index);
    WnSpoolRecipient recipient = { .index = index };

    if (prior != NULL && prior->settled != 0)
        return;
    if (prior != NULL) {
        recipient.attempts = prior->attempts;
        recipient.next_attempt = prior->next_attempt;
        recipient.held = prior->held;
        recipient.delay_noted = prior->delay_noted;
        recipient.relayed_at = prior->relayed_at;
        recipient.last_reply = prior->reply;
    }
    g_array_append_val(recipients, recipient);
}

static void
give_out(WnSpoolSegment *self, const WnRecordHeader *header,
    const WnEnvelope *envelope, const char *damage, const Sink *sink)
{
    g_autoptr(GArray)
        recipients = g_array_new(FALSE, FALSE, sizeof(WnSpoolRecipient));

    if (envelope == NULL)
        add_unsettled(self, header->offset, WN_SPOOL_NOBODY, recipients);
    for (guint i = 0; envelope != NULL && i < envelope->recipients->len; i++)
        add_unsettled(self, header->offset, i, recipients);
    if (recipients->len == 0 && (envelope == NULL || envelope->about.len == 0))
        return;
    self->n_unsettled += recipients->len;
    if (recipients->len == 0)
        damage = NULL;
    if (damage != NULL)
        note_damage(self, header->offset, &header->id, damage);
    sink->fn(sink->user,
        &(WnSpoolFound){ .record = { self, header->offset },
            .id = header->id,
            .body_len = header->body_len,
            .damage = damage,
            .envelope = envelope,
            .recipients = (const WnSpoolRecipient *)recipients->data,
            .n_recipients = recipients->len });
}

static void
take_record(WnSpoolSegment *self, const WnRecordHeader *header,
    const char *damage, const Sink *sink)
{
    g_auto(WnEnvelope) envelope;

    wn_envelope_init(&envelope);
    if (wn_envelope_read(&envelope,
            wn_span(sink->scratch->data, sink->scratch->len)))
        give_out(self, header, &envelope, damage, sink);
    else
        give_out(self, header, NULL, "its envelope is damaged", sink);
}

/* A header that is whole tells whose message it was; then it is given out as
 * far as it goes. */
static void
take_damaged(WnSpoolSegment *self, uint64_t offset, const Sink *sink)
{
    WnRecordHeader header;

    if (!wn_segment_read_header(self->fd, offset, &header)
        || header.kind != WN_RECORD_MESSAGE)
        note_damage(self, offset, NULL, "no valid record");
    else if (wn_segment_read_envelope(self->fd, &header, sink->scratch))
        take_record(self, &header, "wrong checksum", sink);
    else
        give_out(self, &header, NULL, "its envelope is damaged", sink);
}

/* The disk does not give all of the record: what cannot be read of its body now
 * may be readable when it is its turn; else it stays behind. */
static void
pass_unreadable(WnSpoolSegment *self, uint64_t offset, const Sink *sink)
{
    WnRecordHeader header;
    uint64_t end;

    if (!wn_segment_read_header(self->fd, offset, &header)) {
        self->failed = true;
        wn_spool_gap_begin(self, offset);
        return;
    }
    end = offset + wn_record_len(&header);
    self->offset = end;
    if (header.kind == WN_RECORD_MESSAGE
        && wn_segment_read_envelope(self->fd, &header, sink->scratch))
        take_record(self, &header, NULL, sink);
    else
        wn_spool_gap_add(self, offset, end, &header);
}

static bool
take_scanned(WnSpoolSegment *self, WnScanStatus status, uint64_t at,
    const WnRecordHeader *header, const Sink *sink)
{
    bool closing = self->state == WN_SEGMENT_CLOSING;

    switch (status) {
    case WN_SCAN_RECORD:
        take_record(self, header, NULL, sink);
        return true;
    case WN_SCAN_DAMAGED:
        take_damaged(self, at, sink);
        return true;
    case WN_SCAN_SEAL:
        complete(self);
        return false;
    case WN_SCAN_TAIL:
        if (closing)
            complete(self);
        return false;
    case WN_SCAN_ERROR:
        break;
    }
    self->failed = true;
    if (errno != EIO) {
        note_read_error(self, errno);
        return false;
    }
    self->offset = at;
    self->unread = true;
    return true;
}

/* What stood in a gap and can be read now. */
static bool
step_gap(WnSpoolSegment *self, WnSpoolGap *gap, const Sink *sink)
{
    uint64_t at = gap->at;
    WnRecordHeader header;

    switch (wn_segment_scan(self->fd, &gap->at, gap->end, true, &header,
        sink->scratch)) {
    case WN_SCAN_RECORD:
        take_record(self, &header, NULL, sink);
        break;
    case WN_SCAN_DAMAGED:
        take_damaged(self, at, sink);
        break;
    case WN_SCAN_SEAL:
    case WN_SCAN_TAIL:
        gap->at = gap->end;
        break;
    case WN_SCAN_ERROR:
        self->failed = true;
        wn_spool_gap_put_off(gap);
        return true;
    }
    wn_spool_gap_remove_if_read(self, gap);
    forget_prior(self);
    return true;
}

bool
wn_spool_segment_step(WnSpoolSegment *self, GByteArray *scratch,
    WnSpoolFoundFn fn, void *user)
{
    bool closing = self->state == WN_SEGMENT_CLOSING;
    Sink sink = { scratch, fn, user };
    uint64_t at = self->offset;
    WnSpoolGap *gap;
    WnRecordHeader header;
    WnScanStatus status;

    self->failed = false;
    if (!wn_spool_segment_has_more(self))
        return false;
    if (self->unread) {
        self->unread = false;
        pass_unreadable(self, at, &sink);
        return true;
    }
    if (self->skipping) {
        wn_spool_gap_search(self);
        return true;
    }
    gap = wn_spool_gap_due(self, wn_clock_mono_ms());
    if (gap != NULL)
        return step_gap(self, gap, &sink);
    status = wn_segment_scan(self->fd, &self->offset,
        closing ? UINT64_MAX : self->durable, closing, &header, scratch);
    return take_scanned(self, status, at, &header, &sink);
}

bool
wn_spool_segment_read(WnSpoolSegment *self, unsigned max, GByteArray *scratch,
    WnSpoolFoundFn fn, void *user)
{
    uint64_t before = self->offset;
    bool more = true;
    unsigned n = 0;

    while (more && n < max && self->offset < before + READ_BYTES) {
        more = wn_spool_segment_step(self, scratch, fn, user);
        n += more;
        more &= !self->failed;
    }
    return n > 0 || self->offset != before;
}

bool
wn_spool_segment_is_done(const WnSpoolSegment *self)
{
    return self->state == WN_SEGMENT_COMPLETE && self->n_unsettled == 0
           && self->n_holds == 0 && !wn_outcome_log_is_dirty(self->log)
           && !wn_spool_gap_is_waited_for(self);
}

/* A second name in spool/damaged; the first goes with the deletion. */
static bool
set_aside(const char *folder, const char *name, GError **error)
{
    g_autofree char *damaged = g_build_filename(folder, "damaged", NULL);
    g_autofree char *from = g_build_filename(folder, name, NULL);
    g_autofree char *to = g_build_filename(damaged, name, NULL);

    if (g_mkdir_with_parents(damaged, 0700) != 0
        || (link(from, to) != 0 && errno != EEXIST && errno != ENOENT)) {
        wn_fd_set_error(error, errno, "set aside", from);
        return false;
    }
    return wn_directory_sync(damaged, error);
}

bool
wn_spool_segment_remove(const WnSpoolSegment *self, const char *folder,
    GError **error)
{
    g_autofree char *stem = g_strndup(self->name, strlen(self->name) - 4);
    g_autofree char *outcomes = g_strconcat(stem, ".out", NULL);

    bool has_gaps = self->gaps != NULL && self->gaps->len > 0;

    if ((self->damaged || has_gaps)
        && (!set_aside(folder, self->name, error)
            || !set_aside(folder, outcomes, error)))
        return false;
    if (!wn_outcome_log_delete_segment(folder, self->name, error))
        return false;
    if (has_gaps)
        wn_spool_gaps_tell(self);
    return true;
}

bool
wn_spool_segment_set_unreadable_aside(const char *folder, const char *name,
    GError **error)
{
    g_autofree char *copy = g_strdup(name);
    WnSpoolSegment segment = { .name = copy, .damaged = true };

    wn_remark(WN_LEVEL_ERROR, "%s: no valid record, moved to damaged", name);
    return wn_spool_segment_remove(&segment, folder, error);
}

static int
compare_from(const void *a, const void *b)
{
    uint64_t one = ((const WnCompactionMove *)a)->from;
    uint64_t other = ((const WnCompactionMove *)b)->from;

    return (one > other) - (one < other);
}

uint64_t
wn_spool_segment_place(const WnSpoolSegment *self, uint64_t offset)
{
    WnCompactionMove key = { .from = offset };
    const WnCompactionMove *move;

    if (self->places == NULL)
        return offset;
    move = bsearch(&key, self->places->data, self->places->len,
        sizeof(WnCompactionMove), compare_from);
    return move != NULL ? move->to : 0;
}

/* By the offsets that others know. */
static GArray *
make_places(const WnSpoolSegment *self, const WnCompaction *successor)
{
    size_t n;
    const WnCompactionMove *moves = wn_compaction_moves(successor, &n);
    GArray *places = g_array_sized_new(FALSE, FALSE, sizeof(WnCompactionMove),
        (guint)n);

    if (self->places == NULL)
        return g_array_append_vals(places, moves, (guint)n);
    for (guint i = 0; i < self->places->len; i++) {
        WnCompactionMove move = g_array_index(self->places, WnCompactionMove,
            i);

        move.to = wn_compaction_place(successor, move.to);
        if (move.to != 0)
            g_array_append_val(places, move);
    }
    return places;
}

/* Without the new mapping nothing of it can be read: the process ends, and the
 * next one finds all of it. */
void
wn_spool_segment_replace(WnSpoolSegment *self, const char *folder,
    const WnCompaction *successor)
{
    g_autoptr(GError) error = NULL;
    GArray *places = make_places(self, successor);

    g_clear_pointer(&self->places, g_array_unref);
    self->places = places;
    unmap_file(self);
    wn_fd_close(self->fd);
    self->secret = wn_compaction_secret(successor);
    self->fd = wn_segment_open(folder, self->name, &error);
    if (self->fd < 0 || !map_file(self, &error))
        g_error("cannot go on with a compacted segment: %s", error->message);
    wn_spool_segment_put_off_compaction(self, wn_clock_mono_ms());
}
