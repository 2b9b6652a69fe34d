/* SPDX-License-Identifier: MIT */
#include "core/journal/compact.h"

#include "core/base/clock.h"
#include "core/base/crc32c.h"
#include "core/base/fd.h"
#include "core/journal/make.h"

#include <errno.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_CHUNK (256 * 1024)

struct WnCompaction {
    const WnJournalIo *io;
    char *spool;
    char *path;
    char *temporary;
    int from_fd; /* borrowed */
    int fd;
    uint64_t secret;
    uint64_t end;
    bool unsynced;
    bool placed;   /* the file has the segment's name */
    GArray *moves; /* by from */
};

static void
set_error(GError **error, int errnum, const char *what, const char *path)
{
    g_set_error(error, WN_JOURNAL_ERROR, errnum, "%s: cannot %s: %s", path,
        what, g_strerror(errnum));
}

void
wn_compaction_set_io(WnCompaction *self, const WnJournalIo *io)
{
    self->io = io;
}

/* Its outcomes must not be taken for those of the old segment. */
static bool
make_secret(WnCompaction *self)
{
    uint64_t old;

    if (!wn_segment_secret(self->from_fd, &old))
        return false;
    do {
        if (getrandom(&self->secret, sizeof self->secret, 0)
            != (ssize_t)sizeof self->secret)
            return false;
    } while (((self->secret ^ old) >> 33) == 0);
    return true;
}

static bool
open_file(WnCompaction *self, GError **error)
{
    if (unlink(self->temporary) != 0 && errno != ENOENT) {
        set_error(error, errno, "remove", self->temporary);
        return false;
    }
    self->fd = self->io->create(self->io, self->temporary);
    if (self->fd < 0 || flock(self->fd, LOCK_EX | LOCK_NB) != 0
        || !make_secret(self)) {
        set_error(error, errno, "make", self->temporary);
        return false;
    }
    return true;
}

WnCompaction *
wn_compaction_begin(const char *spool, const char *segment, int fd,
    GError **error)
{
    g_autoptr(WnCompaction) self = g_new0(WnCompaction, 1);

    self->io = &wn_journal_io_system;
    self->spool = g_strdup(spool);
    self->path = g_build_filename(spool, segment, NULL);
    self->temporary = g_strconcat(self->path, WN_SEGMENT_UNMADE, NULL);
    self->from_fd = fd;
    self->fd = -1;
    self->end = WN_SEGMENT_HEADER_LEN;
    self->unsynced = true;
    self->moves = g_array_new(FALSE, FALSE, sizeof(WnCompactionMove));
    if (!open_file(self, error))
        return NULL;
    return g_steal_pointer(&self);
}

void
wn_compaction_free(WnCompaction *self)
{
    if (self == NULL)
        return;
    if (self->fd >= 0 && !self->placed)
        unlink(self->temporary);
    wn_fd_close(self->fd);
    g_array_unref(self->moves);
    g_free(self->spool);
    g_free(self->path);
    g_free(self->temporary);
    g_free(self);
}

/* 0 or errno. */
static int
write_at_end(WnCompaction *self, WnSpan bytes, uint64_t offset)
{
    struct iovec part = { (void *)(uintptr_t)bytes.ptr, bytes.len };

    self->unsynced = true;
    return wn_journal_io_write(self->io, self->fd, &part, 1, offset);
}

/* Copies the body and continues *crc over it; 0 or errno. */
static int
copy_body(WnCompaction *self, const WnRecordHeader *from, uint64_t to,
    uint32_t *crc)
{
    g_autofree char *chunk = g_malloc(COPY_CHUNK);
    uint64_t at = wn_record_body_offset(from->offset, from);
    uint64_t left = from->body_len;

    while (left > 0) {
        size_t n = (size_t)MIN(left, COPY_CHUNK);
        int errnum;

        if (!wn_fd_pread_all(self->from_fd, chunk, n, at))
            return errno;
        *crc = wn_crc32c(*crc, wn_span(chunk, n));
        errnum = write_at_end(self, wn_span(chunk, n), to);
        if (errnum != 0)
            return errnum;
        at += n;
        to += n;
        left -= n;
    }
    return 0;
}

/* 0 or errno. */
static int
copy_record(WnCompaction *self, const WnRecordHeader *from, WnSpan envelope)
{
    static const char zeros[8] = { 0 };
    WnRecordHeader header = *from;
    uint8_t bytes[WN_RECORD_HEADER_LEN];
    uint64_t len = wn_record_len(from);
    uint64_t used = wn_record_body_offset(0, from) + from->body_len;
    int errnum;

    header.offset = self->end;
    header.secret = self->secret;
    header.crc = wn_record_crc(&header, envelope);
    errnum = copy_body(self, from, wn_record_body_offset(self->end, &header),
        &header.crc);
    if (errnum != 0)
        return errnum;
    wn_record_header_write(&header, bytes);
    errnum = write_at_end(self, wn_span(bytes, sizeof bytes), self->end);
    if (errnum == 0)
        errnum = write_at_end(self, envelope, self->end + sizeof bytes);
    if (errnum == 0)
        errnum = write_at_end(self, wn_span(zeros, len - used),
            self->end + used);
    return errnum;
}

bool
wn_compaction_add(WnCompaction *self, const WnRecordHeader *header,
    WnSpan envelope, GError **error)
{
    WnCompactionMove move = { header->offset, self->end };
    int errnum = copy_record(self, header, envelope);

    if (errnum != 0) {
        set_error(error, errnum, "copy to", self->temporary);
        return false;
    }
    self->end += wn_record_len(header);
    g_array_append_val(self->moves, move);
    return true;
}

static int
compare_from(const void *a, const void *b)
{
    uint64_t one = ((const WnCompactionMove *)a)->from;
    uint64_t other = ((const WnCompactionMove *)b)->from;

    return (one > other) - (one < other);
}

uint64_t
wn_compaction_place(const WnCompaction *self, uint64_t offset)
{
    WnCompactionMove key = { .from = offset };
    const WnCompactionMove *move = bsearch(&key, self->moves->data,
        self->moves->len, sizeof(WnCompactionMove), compare_from);

    return move != NULL ? move->to : 0;
}

const WnCompactionMove *
wn_compaction_moves(const WnCompaction *self, size_t *out_n)
{
    *out_n = self->moves->len;
    return (const WnCompactionMove *)(const void *)self->moves->data;
}

uint64_t
wn_compaction_secret(const WnCompaction *self)
{
    return self->secret;
}

uint64_t
wn_compaction_len(const WnCompaction *self)
{
    return self->end + WN_RECORD_HEADER_LEN;
}

bool
wn_compaction_sync(WnCompaction *self, GError **error)
{
    if (!self->unsynced)
        return true;
    if (self->io->sync(self->io, self->fd) != 0) {
        set_error(error, errno, "sync", self->temporary);
        return false;
    }
    self->unsynced = false;
    return true;
}

/* The seal, and the header, which says how long the file is. */
static bool
complete_file(WnCompaction *self, GError **error)
{
    WnRecordHeader seal = { .kind = WN_RECORD_SEAL,
        .secret = self->secret,
        .offset = self->end };
    WnSegmentPlan plan = { .size = wn_compaction_len(self),
        .now_ms = wn_clock_unix_ms() };
    uint8_t bytes[WN_RECORD_HEADER_LEN];
    uint8_t first[WN_SEGMENT_HEADER_LEN];
    int errnum;

    seal.crc = wn_record_crc(&seal, WN_SPAN_EMPTY);
    wn_record_header_write(&seal, bytes);
    wn_segment_fill_header(&plan, self->secret, first);
    errnum = write_at_end(self, wn_span(bytes, sizeof bytes), self->end);
    if (errnum == 0)
        errnum = write_at_end(self, wn_span(first, sizeof first), 0);
    if (errnum != 0)
        set_error(error, errnum, "write", self->temporary);
    return errnum == 0 && wn_compaction_sync(self, error);
}

static uint64_t
place(void *user, uint64_t offset)
{
    return wn_compaction_place(user, offset);
}

/* From here on the log holds what either segment needs. */
static bool
write_outcomes(WnCompaction *self, const WnStandings *standings,
    WnOutcomeLog *log, GError **error)
{
    uint64_t former;

    if (!wn_outcome_log_flush(log, true, error))
        return false;
    former = wn_outcome_log_change_secret(log, self->secret);
    wn_standings_write(standings, log, place, self);
    if (wn_outcome_log_flush(log, true, error))
        return true;
    wn_outcome_log_forget_unsynced(log);
    wn_outcome_log_change_secret(log, former);
    return false;
}

WnCompacted
wn_compaction_finish(WnCompaction *self, const WnStandings *standings,
    WnOutcomeLog *log, GError **error)
{
    uint64_t former = wn_outcome_log_secret(log);

    if (!complete_file(self, error)
        || !write_outcomes(self, standings, log, error))
        return WN_NOT_COMPACTED;
    if (self->io->rename(self->io, self->temporary, self->path) != 0) {
        set_error(error, errno, "rename", self->temporary);
        wn_outcome_log_change_secret(log, former);
        return WN_NOT_COMPACTED;
    }
    self->placed = true;
    if (self->io->sync_folder(self->io, self->spool) != 0) {
        set_error(error, errno, "sync", self->spool);
        wn_outcome_log_sync_folder(log);
        return WN_COMPACTED_IN_DOUBT;
    }
    return WN_COMPACTED;
}
