/* SPDX-License-Identifier: MIT */
#include "core/journal/outcome.h"

#include "core/base/crc32c.h"
#include "core/base/fd.h"
#include "core/base/log.h"
#include "core/base/publish.h"
#include "core/journal/io.h"
#include "core/journal/segment.h"
#include "core/journal/standing.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER_LEN 48
#define REPLY_MAX 512
#define RECORD_MAX (HEADER_LEN + REPLY_MAX)
#define READ_CHUNK (64 * 1024)

/*
 * A record: CRC of what follows, tag, offset, at, next attempt, recipient,
 * attempts, length of the reply, kind, zeros up to HEADER_LEN; then the reply,
 * and zeros up to a multiple of 8.  The tag is taken from the segment's secret:
 * a reply, which is text from outside, cannot pass for a record, and the log of
 * another segment is not mistaken for this one's.
 */
struct WnOutcomeLog {
    const WnJournalIo *io;
    char *spool;
    char *path;
    int fd;
    uint64_t secret;   /* of the segment */
    uint64_t end;      /* of what is known to be on disk */
    WnWriter unsynced; /* what comes behind end */
    size_t n_written;  /* bytes of unsynced that are in the file */
    bool folder_dirty; /* the file's name may not be on disk */
};

static uint32_t
tag_of(uint64_t secret)
{
    return (uint32_t)(secret >> 32) | 1;
}

static char *
outcome_path(const char *spool, const char *segment)
{
    g_autofree char *stem = g_str_has_suffix(segment, ".seg")
                                ? g_strndup(segment, strlen(segment) - 4)
                                : g_strdup(segment);

    return g_strdup_printf("%s/%s.out", spool, stem);
}

static void
set_error(GError **error, int errnum, const char *what, const char *path)
{
    g_set_error(error, WN_JOURNAL_ERROR, errnum, "%s: cannot %s: %s", path,
        what, g_strerror(errnum));
}

bool
wn_outcome_is_final(WnOutcomeKind kind)
{
    switch (kind) {
    case WN_OUTCOME_DELIVERED:
    case WN_OUTCOME_BOUNCED:
    case WN_OUTCOME_EXPIRED:
    case WN_OUTCOME_DELETED:
        return true;
    case WN_OUTCOME_DEFERRED:
    case WN_OUTCOME_HELD:
    case WN_OUTCOME_RELEASED:
    case WN_OUTCOME_DELAY_NOTED:
    case WN_OUTCOME_RELAYED:
        return false;
    }
    return false;
}

void
wn_outcome_log_append(WnOutcomeLog *self, const WnOutcome *outcome)
{
    static const char zeros[8] = { 0 };
    WnWriter *writer = &self->unsynced;
    WnSpan reply = wn_span_slice(outcome->reply, 0, REPLY_MAX);
    size_t begin = wn_writer_span(writer).len;
    WnSpan crc_of;

    wn_write_u32(writer, 0);
    wn_write_u32(writer, tag_of(self->secret));
    wn_write_u64(writer, outcome->offset);
    wn_write_u64(writer, (uint64_t)outcome->at);
    wn_write_u64(writer, (uint64_t)outcome->next_attempt);
    wn_write_u32(writer, outcome->recipient);
    wn_write_u32(writer, outcome->attempts);
    wn_write_u16(writer, (uint16_t)reply.len);
    wn_write_u8(writer, (uint8_t)outcome->kind);
    wn_write_raw(writer, zeros, 5);
    wn_write_raw(writer, reply.ptr, reply.len);
    crc_of = wn_span_slice(wn_writer_span(writer), begin + 4, RECORD_MAX);
    wn_write_u32_at(writer, begin, wn_crc32c(0, crc_of));
    wn_write_raw(writer, zeros, -reply.len & 7);
}

/* The record at the beginning of bytes; its padded length, 0 if it is none. */
static size_t
parse_record(WnSpan bytes, uint32_t *out_tag, WnOutcome *out_outcome)
{
    WnReader reader = wn_reader(bytes);
    uint32_t crc = wn_read_u32(&reader);
    WnOutcome outcome = { 0 };
    size_t reply_len;

    *out_tag = wn_read_u32(&reader);
    outcome.offset = wn_read_u64(&reader);
    outcome.at = (int64_t)wn_read_u64(&reader);
    outcome.next_attempt = (int64_t)wn_read_u64(&reader);
    outcome.recipient = wn_read_u32(&reader);
    outcome.attempts = wn_read_u32(&reader);
    reply_len = wn_read_u16(&reader);
    outcome.kind = (WnOutcomeKind)wn_read_u8(&reader);
    wn_read_raw(&reader, 5);
    outcome.reply = wn_read_raw(&reader, reply_len);
    if (!wn_reader_ok(&reader) || reply_len > REPLY_MAX
        || wn_crc32c(0, wn_span_slice(bytes, 4, HEADER_LEN - 4 + reply_len))
               != crc)
        return 0;
    *out_outcome = outcome;
    return (HEADER_LEN + reply_len + 7) & ~(size_t)7;
}

typedef struct Replay {
    uint32_t tag;
    WnOutcomeFn fn;
    void *user;
    uint64_t at;        /* the next byte to look at */
    uint64_t valid_end; /* of the last valid record */
    uint64_t known_end; /* or of another segment's directly behind one */
    bool damaged;       /* valid ones follow bad ones */
} Replay;

/* True for a record; of another segment only where one must begin: elsewhere
 * it might be text from outside. */
static bool
take_record(Replay *self, uint64_t at, size_t len, uint32_t tag,
    const WnOutcome *outcome)
{
    if (len == 0 || (tag != self->tag && at != self->known_end))
        return false;
    if (tag == self->tag) {
        self->damaged |= at != self->known_end;
        self->valid_end = at + len;
        if (outcome->kind >= WN_OUTCOME_DELIVERED
            && outcome->kind <= WN_OUTCOME_RELAYED)
            self->fn(self->user, outcome);
    }
    self->known_end = at + len;
    return true;
}

/* Tells what is in the chunk, which begins at self->at; stops before what might
 * be cut off at its end. */
static void
replay_chunk(Replay *self, WnSpan chunk, bool last)
{
    size_t keep = last ? HEADER_LEN : RECORD_MAX;
    size_t at = 0;

    while (chunk.len - at >= keep) {
        WnOutcome outcome;
        uint32_t tag;
        size_t len = parse_record(wn_span_slice(chunk, at, RECORD_MAX), &tag,
            &outcome);

        len = MIN(len, chunk.len - at);
        at += take_record(self, self->at + at, len, tag, &outcome) ? len : 8;
        if (at > chunk.len)
            break;
    }
    self->at += at;
}

/* 0 or errno. */
static int
replay(int fd, uint64_t size, Replay *self)
{
    g_autofree char *chunk = g_malloc(READ_CHUNK);

    while (size - self->at >= HEADER_LEN) {
        size_t len = (size_t)MIN(size - self->at, READ_CHUNK);
        uint64_t before = self->at;

        if (!wn_fd_pread_all(fd, chunk, len, self->at))
            return errno;
        replay_chunk(self, wn_span(chunk, len), self->at + len == size);
        if (self->at == before)
            break;
    }
    return 0;
}

/* Reads what is there, then cuts off the unfinished tail. */
static bool
load(WnOutcomeLog *self, WnOutcomeFn fn, void *user, GError **error)
{
    Replay state = { .tag = tag_of(self->secret), .fn = fn, .user = user };
    struct stat st;
    int errnum;

    if (fstat(self->fd, &st) != 0) {
        set_error(error, errno, "read", self->path);
        return false;
    }
    errnum = replay(self->fd, (uint64_t)st.st_size, &state);
    if (errnum != 0) {
        set_error(error, errnum, "read", self->path);
        return false;
    }
    if (state.damaged)
        wn_remark(WN_LEVEL_WARNING, "%s: damaged, some outcomes are lost",
            self->path);
    self->end = (state.valid_end + 7) & ~UINT64_C(7);
    self->folder_dirty = self->end == 0;
    if (ftruncate(self->fd, (off_t)self->end) != 0) {
        set_error(error, errno, "cut off the tail", self->path);
        return false;
    }
    return true;
}

static bool
read_secret(const char *spool, const char *segment, uint64_t *out_secret,
    GError **error)
{
    wn_autofd fd = wn_segment_open(spool, segment, error);

    if (fd < 0)
        return false;
    if (wn_segment_secret(fd, out_secret))
        return true;
    set_error(error, errno == ENODATA ? EBADMSG : errno, "read", segment);
    return false;
}

WnOutcomeLog *
wn_outcome_log_open(const char *spool, const char *segment, WnOutcomeFn fn,
    void *user, GError **error)
{
    g_autoptr(WnOutcomeLog) self = g_new0(WnOutcomeLog, 1);

    self->io = &wn_journal_io_system;
    self->spool = g_strdup(spool);
    self->path = outcome_path(spool, segment);
    wn_writer_init(&self->unsynced);
    self->fd = -1;
    if (!read_secret(spool, segment, &self->secret, error))
        return NULL;
    self->fd = open(self->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
        0600);
    if (self->fd < 0 || flock(self->fd, LOCK_EX | LOCK_NB) != 0) {
        set_error(error, errno, "open", self->path);
        return NULL;
    }
    if (!load(self, fn, user, error))
        return NULL;
    return g_steal_pointer(&self);
}

bool
wn_outcome_log_look(const char *spool, const char *segment, WnOutcomeFn fn,
    void *user, const WnOutcomeLook *look, GError **error)
{
    g_autofree char *path = outcome_path(spool, segment);
    wn_autofd fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    Replay state = { .fn = fn, .user = user };
    struct stat st = { .st_size = 0 };
    uint64_t secret;
    int errnum = fd < 0 && errno != ENOENT ? errno : 0;

    if (!read_secret(spool, segment, &secret, error))
        return false;
    state.tag = tag_of(secret);
    if (errnum == 0 && fd >= 0 && fstat(fd, &st) != 0)
        errnum = errno;
    if (errnum == 0 && fd >= 0)
        errnum = replay(fd, (uint64_t)st.st_size, &state);
    if (errnum != 0) {
        set_error(error, errnum, "read", path);
        return false;
    }
    *look->out_len = (uint64_t)st.st_size;
    *look->out_damaged = state.damaged;
    return true;
}

void
wn_outcome_log_free(WnOutcomeLog *self)
{
    g_autoptr(GError) error = NULL;

    if (self == NULL)
        return;
    if (self->fd >= 0 && wn_outcome_log_is_dirty(self)
        && !wn_outcome_log_flush(self, true, &error))
        wn_remark(WN_LEVEL_ERROR, "outcomes are lost: %s", error->message);
    wn_fd_close(self->fd);
    wn_writer_clear(&self->unsynced);
    g_free(self->path);
    g_free(self->spool);
    g_free(self);
}

/* After a failed sync the pages may be marked clean without being on disk:
 * only writing them again makes the next sync mean something. */
static bool
sync_written(WnOutcomeLog *self, GError **error)
{
    if (self->io->sync(self->io, self->fd) != 0) {
        set_error(error, errno, "sync", self->path);
        self->n_written = 0;
        return false;
    }
    if (self->folder_dirty
        && self->io->sync_folder(self->io, self->spool) != 0) {
        set_error(error, errno, "sync", self->spool);
        return false;
    }
    self->folder_dirty = false;
    self->end += self->n_written;
    self->n_written = 0;
    wn_writer_reset(&self->unsynced);
    return true;
}

bool
wn_outcome_log_flush(WnOutcomeLog *self, bool sync, GError **error)
{
    WnSpan bytes = wn_writer_span(&self->unsynced);
    struct iovec parts[1] = { {
        .iov_base = self->unsynced.bytes->data + self->n_written,
        .iov_len = bytes.len - self->n_written,
    } };
    int errnum = wn_journal_io_write(self->io, self->fd, parts, 1,
        self->end + self->n_written);

    if (errnum != 0) {
        set_error(error, errnum, "write", self->path);
        return false;
    }
    self->n_written = bytes.len;
    return !sync || (bytes.len == 0 && !self->folder_dirty)
           || sync_written(self, error);
}

void
wn_outcome_log_set_io(WnOutcomeLog *self, const WnJournalIo *io)
{
    self->io = io;
}

bool
wn_outcome_log_is_dirty(const WnOutcomeLog *self)
{
    return wn_writer_span(&self->unsynced).len > 0;
}

uint64_t
wn_outcome_log_len(const WnOutcomeLog *self)
{
    return self->end;
}

uint64_t
wn_outcome_log_secret(const WnOutcomeLog *self)
{
    return self->secret;
}

uint64_t
wn_outcome_log_change_secret(WnOutcomeLog *self, uint64_t secret)
{
    uint64_t former = self->secret;

    g_assert(!wn_outcome_log_is_dirty(self));
    self->secret = secret;
    return former;
}

void
wn_outcome_log_forget_unsynced(WnOutcomeLog *self)
{
    wn_writer_reset(&self->unsynced);
    self->n_written = 0;
}

void
wn_outcome_log_sync_folder(WnOutcomeLog *self)
{
    self->folder_dirty = true;
}

bool
wn_outcome_log_read(WnOutcomeLog *self, WnOutcomeFn fn, void *user,
    GError **error)
{
    Replay state = { .tag = tag_of(self->secret), .fn = fn, .user = user };
    int errnum;

    if (!wn_outcome_log_flush(self, false, error))
        return false;
    errnum = replay(self->fd, self->end + self->n_written, &state);
    if (errnum != 0)
        set_error(error, errnum, "read", self->path);
    return errnum == 0;
}

/* A locked file with what stands in unsynced, on disk; 0 or errno. */
static int
write_anew(const WnOutcomeLog *self, const char *path, int *out_fd)
{
    wn_autofd fd = -1;
    WnSpan bytes = wn_writer_span(&self->unsynced);
    struct iovec part = { self->unsynced.bytes->data, bytes.len };
    int errnum;

    if (unlink(path) != 0 && errno != ENOENT)
        return errno;
    fd = self->io->create(self->io, path);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0)
        return errno;
    errnum = wn_journal_io_write(self->io, fd, &part, 1, 0);
    if (errnum == 0 && self->io->sync(self->io, fd) != 0)
        errnum = errno;
    if (errnum == 0 && self->io->rename(self->io, path, self->path) != 0)
        errnum = errno;
    if (errnum == 0)
        *out_fd = wn_fd_steal(&fd);
    else
        unlink(path);
    return errnum;
}

bool
wn_outcome_log_rewrite(WnOutcomeLog *self, GError **error)
{
    g_autofree char *path = g_strconcat(self->path, WN_OUTCOME_UNMADE, NULL);
    g_autoptr(WnStandings) standings = wn_standings_new();
    int fd = -1;
    int errnum;

    if (!wn_outcome_log_flush(self, true, error)
        || !wn_outcome_log_read(self, wn_standings_note, standings, error))
        return false;
    wn_standings_write(standings, self, NULL, NULL);
    errnum = write_anew(self, path, &fd);
    if (errnum != 0) {
        wn_outcome_log_forget_unsynced(self);
        set_error(error, errnum, "write anew", self->path);
        return false;
    }
    wn_fd_close(self->fd);
    self->fd = fd;
    self->end = wn_writer_span(&self->unsynced).len;
    wn_outcome_log_forget_unsynced(self);
    self->folder_dirty = self->io->sync_folder(self->io, self->spool) != 0;
    return true;
}

static bool
remove_file(const char *path, GError **error)
{
    if (unlink(path) == 0 || errno == ENOENT)
        return true;
    set_error(error, errno, "remove", path);
    return false;
}

/* The folder is synced in between: with the log gone and the segment back after
 * a power cut, everything would be delivered again. */
bool
wn_outcome_log_delete_segment(const char *spool, const char *segment,
    GError **error)
{
    g_autofree char *path = g_build_filename(spool, segment, NULL);
    g_autofree char *outcomes = outcome_path(spool, segment);

    return remove_file(path, error) && wn_directory_sync(spool, error)
           && remove_file(outcomes, error);
}
