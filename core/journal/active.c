/* SPDX-License-Identifier: MIT */
#include "core/journal/active.h"

#include "core/base/crc32c.h"
#include "core/base/fd.h"

#include <errno.h>
#include <unistd.h>

#define COPY_CHUNK (256 * 1024)
#define SIZE_STEP (UINT64_C(1024) * 1024)

static uint64_t
round_up(uint64_t value, uint64_t step)
{
    return (value + step - 1) / step * step;
}

int
wn_active_create(const WnJournalIo *io, const WnSegmentPlan *plan,
    WnActive **out_self)
{
    WnSegmentFile file;
    int errnum = wn_segment_make(io, plan, &file);
    WnActive *self;

    if (errnum != 0)
        return errnum;
    self = g_new0(WnActive, 1);
    self->io = io;
    self->fd = file.fd;
    self->name = file.name;
    self->secret = file.secret;
    self->size = plan->size;
    self->end = WN_SEGMENT_HEADER_LEN;
    self->zeroed = WN_SEGMENT_HEADER_LEN;
    self->durable = WN_SEGMENT_HEADER_LEN;
    self->synced = WN_SEGMENT_HEADER_LEN;
    *out_self = self;
    return 0;
}

void
wn_active_free(WnActive *self)
{
    if (self == NULL)
        return;
    wn_fd_close(self->fd);
    g_free(self);
}

uint64_t
wn_active_record_len(uint64_t envelope_len, uint64_t body_len)
{
    return round_up(WN_RECORD_HEADER_LEN + envelope_len + body_len
                        + WN_RECORD_DOT_LEN,
        8);
}

/* Room for the seal is always kept. */
uint64_t
wn_active_size_for(uint64_t record_len)
{
    uint64_t size = WN_SEGMENT_HEADER_LEN + record_len + WN_RECORD_HEADER_LEN;

    return size <= WN_SEGMENT_SIZE ? WN_SEGMENT_SIZE
                                   : round_up(size, SIZE_STEP);
}

bool
wn_active_fits(const WnActive *self, uint64_t record_len)
{
    return self->end + record_len + WN_RECORD_HEADER_LEN <= self->size;
}

static struct iovec
part(const void *ptr, size_t len)
{
    /* pwritev() takes the same structure as preadv(), hence not const. */
    return (struct iovec){ .iov_base = (void *)(uintptr_t)ptr, .iov_len = len };
}

/* What follows the body: dot, padding, and zeros ahead where the record leaves
 * the zeroed range. */
typedef struct Ending {
    struct iovec parts[2];
    uint64_t zeroed;
} Ending;

static Ending
ending_make(const WnActive *self, uint64_t body_end, uint64_t end,
    const char *zeros)
{
    uint64_t zeroed = self->zeroed;
    uint64_t dot_end = body_end + WN_RECORD_DOT_LEN;

    if (end > zeroed)
        zeroed = MIN(round_up(end, WN_ACTIVE_AHEAD), self->size);
    return (Ending){
        .parts = { part(WN_RECORD_DOT, WN_RECORD_DOT_LEN),
            part(zeros,
                (size_t)((zeroed > self->zeroed ? zeroed : end) - dot_end)) },
        .zeroed = zeroed,
    };
}

/* Copies the body to its place; *crc continues over it. */
static int
copy_body(const WnActive *self, WnActiveRecord *record, uint64_t offset,
    uint32_t *crc)
{
    g_autofree char *chunk = g_malloc(COPY_CHUNK);
    uint64_t done = 0;

    while (done < record->body_len) {
        size_t len = (size_t)MIN(record->body_len - done, COPY_CHUNK);
        struct iovec parts[1];
        int errnum;

        if (!wn_fd_pread_all(record->body_fd, chunk, len, done)) {
            record->source_failed = true;
            return errno;
        }
        *crc = wn_crc32c(*crc, wn_span(chunk, len));
        parts[0] = part(chunk, len);
        errnum = wn_journal_io_write(self->io, self->fd, parts, 1,
            offset + done);
        if (errnum != 0)
            return errnum;
        done += len;
    }
    return 0;
}

/* The header is written last, so that a record cut off by a crash never begins
 * with a valid one. */
static int
append_from_fd(WnActive *self, WnActiveRecord *record, WnRecordHeader *header)
{
    uint64_t body_at = self->end + WN_RECORD_HEADER_LEN + record->envelope.len;
    uint64_t body_end = body_at + record->body_len;
    uint64_t end = self->end + wn_record_len(header);
    Ending ending = ending_make(self, body_end, end, record->zeros);
    uint8_t bytes[WN_RECORD_HEADER_LEN];
    struct iovec front[2];
    int errnum = copy_body(self, record, body_at, &header->crc);

    if (errnum == 0)
        errnum = wn_journal_io_write(self->io, self->fd, ending.parts, 2,
            body_end);
    if (errnum != 0)
        return errnum;
    header->crc = wn_crc32c(header->crc, WN_SPAN(WN_RECORD_DOT));
    wn_record_header_write(header, bytes);
    front[0] = part(bytes, sizeof bytes);
    front[1] = part(record->envelope.ptr, record->envelope.len);
    errnum = wn_journal_io_write(self->io, self->fd, front, 2, self->end);
    if (errnum == 0)
        self->zeroed = ending.zeroed;
    return errnum;
}

static int
append_span(WnActive *self, WnActiveRecord *record, WnRecordHeader *header)
{
    uint64_t body_end = self->end + WN_RECORD_HEADER_LEN + record->envelope.len
                        + record->body.len;
    uint64_t end = self->end + wn_record_len(header);
    Ending ending = ending_make(self, body_end, end, record->zeros);
    uint8_t bytes[WN_RECORD_HEADER_LEN];
    struct iovec parts[5];
    int errnum;

    header->crc = wn_crc32c(header->crc, record->body);
    header->crc = wn_crc32c(header->crc, WN_SPAN(WN_RECORD_DOT));
    wn_record_header_write(header, bytes);
    parts[0] = part(bytes, sizeof bytes);
    parts[1] = part(record->envelope.ptr, record->envelope.len);
    parts[2] = part(record->body.ptr, record->body.len);
    parts[3] = ending.parts[0];
    parts[4] = ending.parts[1];
    errnum = wn_journal_io_write(self->io, self->fd, parts, 5, self->end);
    if (errnum == 0)
        self->zeroed = ending.zeroed;
    return errnum;
}

int
wn_active_append(WnActive *self, WnActiveRecord *record)
{
    WnRecordHeader header = {
        .kind = WN_RECORD_MESSAGE,
        .id = *record->id,
        .envelope_len = (uint32_t)record->envelope.len,
        .body_len = record->body_len + WN_RECORD_DOT_LEN,
        .envelope_crc = wn_crc32c(0, record->envelope),
        .secret = self->secret,
        .offset = self->end,
    };
    int errnum;

    g_assert(wn_active_fits(self, wn_record_len(&header)));
    header.crc = wn_record_crc(&header, record->envelope);
    errnum = record->body_fd >= 0 ? append_from_fd(self, record, &header)
                                  : append_span(self, record, &header);
    if (errnum == 0)
        self->end += wn_record_len(&header);
    return errnum;
}

static int
write_header(const WnActive *self, const WnRecordHeader *header)
{
    uint8_t bytes[WN_RECORD_HEADER_LEN];
    struct iovec parts[1] = { part(bytes, sizeof bytes) };

    wn_record_header_write(header, bytes);
    return wn_journal_io_write(self->io, self->fd, parts, 1, header->offset);
}

int
wn_active_seal(WnActive *self)
{
    WnRecordHeader header = { .kind = WN_RECORD_SEAL,
        .secret = self->secret,
        .offset = self->end };
    int errnum;

    header.crc = wn_record_crc(&header, WN_SPAN_EMPTY);
    errnum = write_header(self, &header);
    if (errnum == 0 && self->io->sync(self->io, self->fd) != 0)
        errnum = errno;
    return errnum;
}

void
wn_active_cancel(const WnActive *self, uint64_t offset)
{
    uint8_t bytes[WN_RECORD_HEADER_LEN];
    WnRecordHeader header;

    while (offset + WN_RECORD_HEADER_LEN <= self->size
           && wn_fd_pread_all(self->fd, bytes, sizeof bytes, offset)
           && wn_record_header_read(wn_span(bytes, sizeof bytes), &header)
           && header.secret == self->secret && header.offset == offset) {
        header.kind = WN_RECORD_CANCELLED;
        if (write_header(self, &header) != 0)
            return;
        offset += wn_record_len(&header);
    }
}

int
wn_active_close(WnActive *self)
{
    int fd = wn_fd_steal(&self->fd);

    /* Linux has closed the descriptor even if close() says EINTR. */
    if (self->io->close(self->io, fd) != 0 && errno != EINTR)
        return errno;
    return 0;
}
