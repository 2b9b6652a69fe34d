/* SPDX-License-Identifier: MIT */
#include "core/queue/spool_segment.h"

#include "core/base/clock.h"
#include "core/base/crc32c.h"
#include "core/base/fd.h"
#include "core/base/log.h"
#include "core/base/publish.h"
#include "core/message/splice.h"
#include "core/queue/spool_compact.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
map_file(WnSpoolSegment *self, GError **error)
{
    struct stat st;
    void *map;

    if (fstat(self->fd, &st) != 0 || st.st_size < WN_SEGMENT_HEADER_LEN) {
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
    return true;
}

WnSpoolSegment *
wn_spool_segment_open(WnSpool *spool, const char *folder, const char *name,
    GError **error)
{
    g_autoptr(WnSpoolSegment) self = g_new0(WnSpoolSegment, 1);

    self->spool = spool;
    self->name = g_strdup(name);
    self->offset = WN_SEGMENT_HEADER_LEN;
    self->fd = wn_segment_open(folder, name, error);
    if (self->fd < 0)
        return NULL;
    if (!wn_segment_secret(self->fd, &self->secret)) {
        g_set_error(error, WN_JOURNAL_ERROR, EBADMSG, "%s: cannot read", name);
        return NULL;
    }
    if (!map_file(self, error))
        return NULL;
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
    if (self->map != NULL)
        munmap((void *)(uintptr_t)self->map, self->map_len);
    wn_fd_close(self->fd);
    g_clear_pointer(&self->prior, wn_standings_free);
    g_clear_pointer(&self->places, g_array_unref);
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

/* The descriptor is not needed any more: what is read is mapped. */
static void
complete(WnSpoolSegment *self)
{
    self->state = WN_SEGMENT_COMPLETE;
    wn_spool_segment_put_off_compaction(self, wn_clock_mono_ms());
    g_clear_pointer(&self->prior, wn_standings_free);
    wn_fd_close(self->fd);
    self->fd = -1;
}

static void
note_damage(WnSpoolSegment *self, uint64_t offset, const char *what)
{
    self->damaged = true;
    wn_remark(WN_LEVEL_ERROR, "%s: damaged at %" G_GUINT64_FORMAT ": %s",
        self->name, offset, what);
}

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
        recipient.last_reply = prior->reply;
    }
    g_array_append_val(recipients, recipient);
}

static void
give_out(WnSpoolSegment *self, const WnRecordHeader *header,
    const WnEnvelope *envelope, WnSpoolFoundFn fn, void *user)
{
    g_autoptr(GArray)
        recipients = g_array_new(FALSE, FALSE, sizeof(WnSpoolRecipient));

    for (guint i = 0; i < envelope->recipients->len; i++)
        add_unsettled(self, header->offset, i, recipients);
    if (recipients->len == 0)
        return;
    self->n_unsettled += recipients->len;
    fn(user, &(WnSpoolFound){ .record = { self, header->offset },
                 .id = header->id,
                 .body_len = header->body_len,
                 .envelope = envelope,
                 .recipients = (const WnSpoolRecipient *)recipients->data,
                 .n_recipients = recipients->len });
}

static void
take_record(WnSpoolSegment *self, const WnRecordHeader *header,
    GByteArray *bytes, WnSpoolFoundFn fn, void *user)
{
    g_auto(WnEnvelope) envelope;

    wn_envelope_init(&envelope);
    if (wn_envelope_read(&envelope, wn_span(bytes->data, bytes->len)))
        give_out(self, header, &envelope, fn, user);
    else
        note_damage(self, header->offset, "no envelope");
}

bool
wn_spool_segment_step(WnSpoolSegment *self, GByteArray *scratch,
    WnSpoolFoundFn fn, void *user)
{
    bool closing = self->state == WN_SEGMENT_CLOSING;
    uint64_t at = self->offset;
    WnRecordHeader header;

    if (!wn_spool_segment_has_more(self))
        return false;
    switch (wn_segment_scan(self->fd, &self->offset,
        closing ? UINT64_MAX : self->durable, closing, &header, scratch)) {
    case WN_SCAN_RECORD:
        take_record(self, &header, scratch, fn, user);
        return true;
    case WN_SCAN_DAMAGED:
        note_damage(self, at, "no valid record");
        return true;
    case WN_SCAN_SEAL:
        complete(self);
        return false;
    case WN_SCAN_TAIL:
        if (closing)
            complete(self);
        return false;
    case WN_SCAN_ERROR:
        wn_remark(WN_LEVEL_ERROR, "%s: cannot read: %s", self->name,
            g_strerror(errno));
        return false;
    }
    return false;
}

bool
wn_spool_segment_is_done(const WnSpoolSegment *self)
{
    return self->state == WN_SEGMENT_COMPLETE && self->n_unsettled == 0
           && self->n_holds == 0 && !wn_outcome_log_is_dirty(self->log);
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

    if (self->damaged
        && (!set_aside(folder, self->name, error)
            || !set_aside(folder, outcomes, error)))
        return false;
    return wn_outcome_log_delete_segment(folder, self->name, error);
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
    munmap((void *)(uintptr_t)self->map, self->map_len);
    self->map = NULL;
    self->secret = wn_compaction_secret(successor);
    self->fd = wn_segment_open(folder, self->name, &error);
    if (self->fd < 0 || !map_file(self, &error))
        g_error("cannot go on with a compacted segment: %s", error->message);
    wn_fd_close(self->fd);
    self->fd = -1;
    wn_spool_segment_put_off_compaction(self, wn_clock_mono_ms());
}

/* The header as it stands in the file now. */
static bool
read_header(const WnSpoolRecord *record, uint64_t *out_place,
    WnRecordHeader *out)
{
    const WnSpoolSegment *segment = record->segment;
    uint64_t place = wn_spool_segment_place(segment, record->offset);
    WnSpan bytes = wn_span_slice(wn_span(segment->map, segment->map_len), place,
        WN_RECORD_HEADER_LEN);

    *out_place = place;
    return wn_record_header_read(bytes, out) && out->offset == place
           && out->secret == segment->secret && out->kind == WN_RECORD_MESSAGE
           && wn_record_len(out) <= segment->map_len - place;
}

static uint64_t
record_len(const WnSpoolRecord *record)
{
    WnRecordHeader header;
    uint64_t place;

    return read_header(record, &place, &header) ? wn_record_len(&header) : 0;
}

void
wn_spool_record_hold(const WnSpoolRecord *record)
{
    record->segment->n_holds++;
    record->segment->held_bytes += record_len(record);
}

void
wn_spool_record_drop(const WnSpoolRecord *record)
{
    WnSpoolSegment *segment = record->segment;

    g_assert(segment->n_holds > 0);
    segment->n_holds--;
    segment->held_bytes -= MIN(record_len(record), segment->held_bytes);
}

static bool
damaged(const WnSpoolRecord *record, const char *what, GError **error)
{
    record->segment->damaged = true;
    g_set_error(error, WN_JOURNAL_ERROR, EBADMSG,
        "%s: record at %" G_GUINT64_FORMAT ": %s", record->segment->name,
        record->offset, what);
    return false;
}

static bool
splices_are_good(const WnEnvelope *envelope, uint64_t wire_len)
{
    for (guint i = 0; i < envelope->scopes->len; i++) {
        WnEnvelopeScope *scope = &g_array_index(envelope->scopes,
            WnEnvelopeScope, i);

        if (scope->splices != NULL
            && !wn_splices_normalise(scope->splices, wire_len))
            return false;
    }
    return true;
}

bool
wn_spool_read(const WnSpoolRecord *record, WnSpoolCheck check,
    WnSpoolContent *out, GError **error)
{
    WnSpan bytes;
    uint64_t place;

    wn_envelope_init(&out->envelope);
    out->segment = record->segment;
    record->segment->n_reads++;
    if (!read_header(record, &place, &out->header))
        return damaged(record, "damaged header", error);
    bytes = wn_span(record->segment->map + place + WN_RECORD_HEADER_LEN,
        out->header.envelope_len);
    out->wire = wn_span(bytes.ptr + bytes.len, (size_t)out->header.body_len);
    if (check == WN_SPOOL_WHOLE
        && wn_crc32c(wn_record_crc(&out->header, bytes), out->wire)
               != out->header.crc)
        return damaged(record, "wrong checksum", error);
    if (!wn_envelope_read(&out->envelope, bytes)
        || !splices_are_good(&out->envelope, out->wire.len))
        return damaged(record, "damaged envelope", error);
    return true;
}

void
wn_spool_content_clear(WnSpoolContent *self)
{
    wn_envelope_clear(&self->envelope);
    if (self->segment != NULL)
        self->segment->n_reads--;
    self->segment = NULL;
}
