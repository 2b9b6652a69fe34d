/* SPDX-License-Identifier: MIT */
#include "core/base/crc32c.h"
#include "core/message/splice.h"
#include "core/queue/spool_segment.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

/* The messages of a segment, looked at where they are mapped. */

/* Brings that part of the map into memory.  False: the disk does not give it;
 * whoever touches it then dies of SIGBUS, and so would the next process.  Linux
 * before 5.14 cannot tell. */
static bool
page_in(const WnSpoolSegment *segment, uint64_t place, uint64_t len)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t begin = place & ~(page - 1);
    uint64_t end = MIN(place + len, segment->map_len);
    char *map = (char *)(uintptr_t)segment->map;
    int result;

    if (begin >= end)
        return true;
    do
        result = madvise(map + begin, end - begin, MADV_POPULATE_READ);
    while (result != 0 && errno == EINTR);
    return result == 0 || errno == EINVAL;
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
    if (!page_in(segment, place, bytes.len)) {
        errno = EIO;
        return false;
    }
    errno = EBADMSG;
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

/* The record may be good: nobody could look. */
static bool
not_readable(const WnSpoolRecord *record, GError **error)
{
    g_set_error(error, WN_JOURNAL_ERROR, EIO,
        "%s: record at %" G_GUINT64_FORMAT ": the disk does not give it",
        record->segment->name, record->offset);
    return false;
}

/* Pages that were lost are looked for again when nobody looks at the map. */
static bool
look_again(WnSpoolSegment *segment)
{
    if (!segment->guard.lost)
        return true;
    return segment->n_reads == 1 && wn_spool_segment_map_again(segment);
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

static bool
look_at(const WnSpoolRecord *record, WnSpoolCheck check, WnSpoolContent *out,
    GError **error)
{
    WnSpan bytes;
    uint64_t place;

    wn_envelope_init(&out->envelope);
    out->segment = record->segment;
    record->segment->n_reads++;
    if (!look_again(record->segment))
        return not_readable(record, error);
    if (!read_header(record, &place, &out->header))
        return errno == EIO ? not_readable(record, error)
                            : damaged(record, "damaged header", error);
    if (!page_in(record->segment, place,
            check == WN_SPOOL_ENVELOPE
                ? WN_RECORD_HEADER_LEN + out->header.envelope_len
                : wn_record_len(&out->header)))
        return not_readable(record, error);
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

/* What was found wrong says nothing if it was not there to be looked at. */
bool
wn_spool_read(const WnSpoolRecord *record, WnSpoolCheck check,
    WnSpoolContent *out, GError **error)
{
    WnSpoolSegment *segment = record->segment;
    bool damaged_before = segment->damaged;
    g_autoptr(GError) wrong = NULL;
    bool good = look_at(record, check, out, &wrong);

    if (segment->guard.lost) {
        segment->damaged = damaged_before;
        return not_readable(record, error);
    }
    if (!good)
        g_propagate_error(error, g_steal_pointer(&wrong));
    return good;
}

const WnMapGuard *
wn_spool_content_guard(const WnSpoolContent *self)
{
    return &self->segment->guard;
}

void
wn_spool_content_clear(WnSpoolContent *self)
{
    wn_envelope_clear(&self->envelope);
    if (self->segment != NULL)
        self->segment->n_reads--;
    self->segment = NULL;
}
