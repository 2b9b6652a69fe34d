/* SPDX-License-Identifier: MIT */
#include "core/journal/segment.h"

#include "core/base/clock.h"
#include "core/base/crc32c.h"
#include "core/base/fd.h"
#include "core/base/log.h"
#include "core/journal/make.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_CHUNK (64 * 1024)

/* Of the search behind what cannot be read: the step, which is doubled after so
 * many failures up to so often, and the looks in one call. */
#define SKIP_STEP UINT64_C(4096)
#define SKIP_PATIENCE 32
#define SKIP_DOUBLINGS 8
#define SKIP_LOOKS 256

G_DEFINE_QUARK(wn - journal - error - quark, wn_journal_error)

int
wn_segment_create(const char *spool, const char *worker, uint64_t size,
    WnSegmentName *out_name, GError **error)
{
    WnSegmentPlan plan = {
        .spool = spool,
        .worker = worker,
        .size = size,
        .now_ms = wn_clock_unix_ms(),
    };
    WnSegmentFile file;
    int errnum = wn_segment_make(&wn_journal_io_system, &plan, &file);

    if (errnum != 0) {
        g_set_error(error, WN_JOURNAL_ERROR, errnum,
            "%s: cannot make a segment: %s", spool, g_strerror(errnum));
        return -1;
    }
    *out_name = file.name;
    return file.fd;
}

/* One that is being made must not be touched, not even by a look at its lock:
 * between making and locking it a writer has nothing but its age to show. */
static bool
is_left_over(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0
           && wn_clock_unix() - (int64_t)st.st_mtime > WN_SEGMENT_UNMADE_S
           && !wn_segment_has_writer(fd);
}

void
wn_segment_sweep(const char *spool)
{
    g_autoptr(GDir) folder = g_dir_open(spool, 0, NULL);
    const char *name;

    while (folder != NULL && (name = g_dir_read_name(folder)) != NULL) {
        g_autofree char *path = g_build_filename(spool, name, NULL);
        wn_autofd fd = -1;

        if (!g_str_has_suffix(name, ".seg" WN_SEGMENT_UNMADE))
            continue;
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd >= 0 && is_left_over(fd) && unlink(path) != 0)
            wn_remark(WN_LEVEL_WARNING, "%s: cannot remove: %s", path,
                g_strerror(errno));
    }
}

static bool
parse_segment_header(WnSpan bytes, uint64_t *out_secret, uint64_t *out_size)
{
    WnReader reader = wn_reader(bytes);
    WnReader crc = wn_reader(wn_span_slice(bytes, bytes.len - 4, 4));
    WnSpan magic = wn_read_raw(&reader, strlen(WN_SEGMENT_MAGIC));
    uint64_t secret = wn_read_u64(&reader);
    uint64_t size = wn_read_u64(&reader);

    if (!wn_span_eq(magic, wn_span_str(WN_SEGMENT_MAGIC))
        || wn_crc32c(0, wn_span_slice(bytes, 0, bytes.len - 4))
               != wn_read_u32(&crc))
        return false;
    *out_secret = secret;
    *out_size = size;
    return true;
}

typedef enum {
    LOOK_VALID,
    LOOK_BAD_HEADER, /* no record header that belongs here */
    LOOK_BAD_CONTENT,
    LOOK_ERROR
} Look;

/* Bytes behind the end of the file are bad ones, not an error. */
static Look
read_bytes(int fd, void *out, size_t len, uint64_t offset)
{
    if (wn_fd_pread_all(fd, out, len, offset))
        return LOOK_VALID;
    return errno == ENODATA ? LOOK_BAD_CONTENT : LOOK_ERROR;
}

/* A header that is valid and says that it belongs to this place. */
static Look
read_header(int fd, uint64_t offset, WnRecordHeader *out_header)
{
    uint8_t bytes[WN_RECORD_HEADER_LEN];
    Look look = read_bytes(fd, bytes, sizeof bytes, offset);

    if (look == LOOK_ERROR)
        return LOOK_ERROR;
    if (look != LOOK_VALID
        || !wn_record_header_read(wn_span(bytes, sizeof bytes), out_header)
        || out_header->offset != offset)
        return LOOK_BAD_HEADER;
    return LOOK_VALID;
}

/* The first record stands in for a damaged segment header. */
static Look
read_secret(int fd, uint64_t *out_secret, bool *out_spare)
{
    uint8_t bytes[WN_SEGMENT_HEADER_LEN];
    Look look = read_bytes(fd, bytes, sizeof bytes, 0);
    WnRecordHeader first;
    uint64_t size;

    if (look == LOOK_ERROR)
        return LOOK_ERROR;
    *out_spare = false;
    if (look == LOOK_VALID
        && parse_segment_header(wn_span(bytes, sizeof bytes), out_secret,
            &size))
        return LOOK_VALID;
    *out_spare = true;
    look = read_header(fd, WN_SEGMENT_HEADER_LEN, &first);
    if (look == LOOK_VALID)
        *out_secret = first.secret;
    return look;
}

int
wn_segment_open(const char *spool, const char *name, GError **error)
{
    g_autofree char *path = g_build_filename(spool, name, NULL);
    wn_autofd fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;
    uint64_t secret;
    bool spare = false;
    Look look;

    look = fd >= 0 && fstat(fd, &st) == 0 ? read_secret(fd, &secret, &spare)
                                          : LOOK_ERROR;
    if (look == LOOK_ERROR) {
        int errnum = errno;

        g_set_error(error, WN_JOURNAL_ERROR, errnum, "%s: cannot read: %s",
            path, g_strerror(errnum));
        return -1;
    }
    if (look != LOOK_VALID || !S_ISREG(st.st_mode)) {
        g_set_error(error, WN_JOURNAL_ERROR, EBADMSG,
            "%s: no segment header, or a damaged one", path);
        return -1;
    }
    return wn_fd_steal(&fd);
}

bool
wn_segment_header_is_damaged(int fd)
{
    uint64_t secret;
    bool spare;

    return read_secret(fd, &secret, &spare) != LOOK_ERROR && spare;
}

bool
wn_segment_secret(int fd, uint64_t *out_secret)
{
    bool spare;
    Look look = read_secret(fd, out_secret, &spare);

    if (look == LOOK_BAD_HEADER)
        errno = EBADMSG;
    return look == LOOK_VALID;
}

bool
wn_segment_has_writer(int fd)
{
    if (flock(fd, LOCK_SH | LOCK_NB) != 0)
        return true;
    flock(fd, LOCK_UN);
    return false;
}

uint64_t
wn_record_body_offset(uint64_t offset, const WnRecordHeader *header)
{
    return offset + WN_RECORD_HEADER_LEN + header->envelope_len;
}

/* Continues *crc over a part of the file. */
static Look
crc_of_range(int fd, uint64_t offset, uint64_t len, uint32_t *crc)
{
    char chunk[READ_CHUNK];

    while (len > 0) {
        size_t n = (size_t)MIN(len, sizeof chunk);
        Look look = read_bytes(fd, chunk, n, offset);

        if (look != LOOK_VALID)
            return look;
        *crc = wn_crc32c(*crc, wn_span(chunk, n));
        offset += n;
        len -= n;
    }
    return LOOK_VALID;
}

static Look
check_content(int fd, const WnRecordHeader *header, WnSpan envelope)
{
    uint32_t crc = wn_record_crc(header, envelope);
    Look look = crc_of_range(fd, wn_record_body_offset(header->offset, header),
        header->body_len, &crc);

    if (look != LOOK_VALID)
        return look;
    return crc == header->crc ? LOOK_VALID : LOOK_BAD_CONTENT;
}

bool
wn_segment_body_is_intact(int fd, const WnRecordHeader *header, WnSpan envelope)
{
    Look look = check_content(fd, header, envelope);

    if (look != LOOK_ERROR)
        errno = 0;
    return look == LOOK_VALID;
}

/* Whether the whole record lies in the file: then its lengths can be believed,
 * and memory for the envelope is bounded by what is there. */
static Look
check_extent(int fd, uint64_t end)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return LOOK_ERROR;
    return end <= (uint64_t)st.st_size ? LOOK_VALID : LOOK_BAD_HEADER;
}

static Look
read_envelope(int fd, const WnRecordHeader *header, GByteArray *envelope)
{
    Look look;

    g_byte_array_set_size(envelope, header->envelope_len);
    look = read_bytes(fd, envelope->data, envelope->len,
        header->offset + WN_RECORD_HEADER_LEN);
    if (look == LOOK_VALID
        && wn_crc32c(0, wn_span(envelope->data, envelope->len))
               != header->envelope_crc)
        return LOOK_BAD_CONTENT;
    return look;
}

bool
wn_segment_read_envelope(int fd, const WnRecordHeader *header,
    GByteArray *envelope)
{
    return check_extent(fd, wn_record_body_offset(header->offset, header))
               == LOOK_VALID
           && read_envelope(fd, header, envelope) == LOOK_VALID;
}

typedef struct Place {
    int fd;
    uint64_t secret;
    uint64_t offset;
    uint64_t durable;
} Place;

/* *header is filled unless LOOK_BAD_HEADER or LOOK_ERROR is returned. */
static Look
look_at(const Place *place, bool check_body, WnRecordHeader *header,
    GByteArray *envelope)
{
    Look look = read_header(place->fd, place->offset, header);

    if (look == LOOK_VALID && header->secret != place->secret)
        return LOOK_BAD_HEADER;
    if (look == LOOK_VALID)
        look = check_extent(place->fd, place->offset + wn_record_len(header));
    if (look != LOOK_VALID || header->kind == WN_RECORD_CANCELLED)
        return look;
    look = read_envelope(place->fd, header, envelope);
    if (look == LOOK_VALID && check_body)
        look = check_content(place->fd, header,
            wn_span(envelope->data, envelope->len));
    return look;
}

/* The first header of this segment in the chunk, which was read from *offset.
 * Its own offset is the rarest thing in it, so that is looked at first. */
static bool
find_in_chunk(const Place *place, WnSpan chunk, uint64_t *offset)
{
    WnRecordHeader header;

    for (size_t at = 0; at + WN_RECORD_HEADER_LEN <= chunk.len; at += 8) {
        WnSpan bytes = { chunk.ptr + at, WN_RECORD_HEADER_LEN };
        uint64_t word;

        memcpy(&word, bytes.ptr + WN_RECORD_HEADER_LEN - 8, sizeof word);
        if (GUINT64_FROM_LE(word) == *offset + at
            && wn_record_header_read(bytes, &header)
            && header.secret == place->secret) {
            *offset += at;
            return true;
        }
    }
    return false;
}

bool
wn_segment_read_header(int fd, uint64_t offset, WnRecordHeader *out_header)
{
    uint64_t secret;

    return wn_segment_secret(fd, &secret)
           && read_header(fd, offset, out_header) == LOOK_VALID
           && out_header->secret == secret;
}

/* Searches from *offset on for a record header of this segment and moves
 * *offset there.  LOOK_BAD_HEADER: there is none. */
static Look
find_header(const Place *place, uint64_t *offset)
{
    char chunk[READ_CHUNK];
    uint64_t at = *offset;

    for (;;) {
        ssize_t n = pread(place->fd, chunk, sizeof chunk, (off_t)at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return LOOK_ERROR;
        if (n < WN_RECORD_HEADER_LEN)
            return LOOK_BAD_HEADER;
        if (find_in_chunk(place, wn_span(chunk, (size_t)n), &at)) {
            *offset = at;
            return LOOK_VALID;
        }
        /* Chunks overlap by less than a header. */
        at += ((size_t)n & ~(size_t)7) - (WN_RECORD_HEADER_LEN - 8);
    }
}

/* Where a file ended that has since lost its end: it has its whole size from
 * the beginning and keeps it.  0: the bad record at place is not bad because of
 * that. */
static uint64_t
find_lost_end(const Place *place)
{
    uint8_t bytes[WN_SEGMENT_HEADER_LEN];
    uint64_t end = place->offset + WN_RECORD_HEADER_LEN;
    uint64_t secret, made_size;
    WnRecordHeader header;
    struct stat st;

    if (read_bytes(place->fd, bytes, sizeof bytes, 0) != LOOK_VALID
        || !parse_segment_header(wn_span(bytes, sizeof bytes), &secret,
            &made_size)
        || fstat(place->fd, &st) != 0 || place->offset > (uint64_t)st.st_size)
        return 0;
    if (read_header(place->fd, place->offset, &header) == LOOK_VALID)
        end = place->offset + wn_record_len(&header);
    return (uint64_t)st.st_size < MIN(made_size, end) ? made_size : 0;
}

/* A bad record at place: damaged, or the tail?  behind is where it ends, 0 if
 * that is not known. */
static WnScanStatus
judge(const Place *place, uint64_t behind, uint64_t *offset)
{
    uint64_t found = behind != 0 ? behind : place->offset + 8;
    Look look;

    if (place->durable != UINT64_MAX && behind != 0) {
        *offset = behind;
        return WN_SCAN_DAMAGED;
    }
    look = find_header(place, &found);
    if (look == LOOK_ERROR)
        return WN_SCAN_ERROR;
    if (look != LOOK_VALID && place->durable == UINT64_MAX) {
        behind = find_lost_end(place);
        if (behind == 0)
            return WN_SCAN_TAIL;
    }
    if (look != LOOK_VALID || found > place->durable)
        found = place->durable;
    *offset = behind != 0 ? behind : found;
    return WN_SCAN_DAMAGED;
}

/* Bad places are small as a rule; where they are not, a step of 4 KiB would
 * take for ever. */
static uint64_t
skip_step(unsigned n_failed)
{
    unsigned doublings = n_failed / SKIP_PATIENCE;

    return SKIP_STEP << MIN(doublings, SKIP_DOUBLINGS);
}

/* Looks at what lies between at and the next multiple of SKIP_STEP, and as much
 * behind that as a header which begins there may need.  True: found. */
static bool
skip_look(const Place *place, WnSegmentSkip *skip)
{
    char chunk[SKIP_STEP + WN_RECORD_HEADER_LEN];
    uint64_t end = (skip->at / SKIP_STEP + 1) * SKIP_STEP;
    size_t len = (size_t)(end - skip->at);
    ssize_t n = pread(place->fd, chunk, len, (off_t)skip->at);
    ssize_t more;

    if (n != (ssize_t)len) {
        skip->n_failed += n < 0;
        skip->at = (skip->at / SKIP_STEP) * SKIP_STEP
                   + skip_step(skip->n_failed);
        return false;
    }
    more = pread(place->fd, chunk + len, WN_RECORD_HEADER_LEN - 8, (off_t)end);
    if (find_in_chunk(place, wn_span(chunk, len + (size_t)MAX(more, 0)),
            &skip->at))
        return true;
    skip->at = end;
    return false;
}

WnSkipStatus
wn_segment_skip(int fd, uint64_t durable, WnSegmentSkip *skip)
{
    Place place = { .fd = fd };
    unsigned before = skip->n_failed;
    struct stat st;

    if (!wn_segment_secret(fd, &place.secret) || fstat(fd, &st) != 0)
        return WN_SKIP_MORE;
    skip->at = (skip->at + 7) & ~UINT64_C(7);
    for (int i = 0; i < SKIP_LOOKS; i++) {
        if (skip->at >= MIN(durable, (uint64_t)st.st_size))
            return WN_SKIP_END;
        if (skip_look(&place, skip))
            return skip->at < durable ? WN_SKIP_FOUND : WN_SKIP_END;
        if (skip->n_failed > before)
            break;
    }
    return WN_SKIP_MORE;
}

WnScanStatus
wn_segment_scan(int fd, uint64_t *offset, uint64_t durable, bool check_body,
    WnRecordHeader *out_header, GByteArray *envelope)
{
    Place place = { .fd = fd, .offset = *offset, .durable = durable };
    Look look;

    if (place.offset >= durable)
        return WN_SCAN_TAIL;
    if (!wn_segment_secret(fd, &place.secret))
        return WN_SCAN_ERROR;
    for (;;) {
        uint64_t behind = 0;

        look = look_at(&place, check_body, out_header, envelope);
        if (look == LOOK_ERROR)
            return WN_SCAN_ERROR;
        if (look == LOOK_VALID || look == LOOK_BAD_CONTENT)
            behind = place.offset + wn_record_len(out_header);
        if (behind > durable)
            return WN_SCAN_TAIL;
        if (look != LOOK_VALID)
            return judge(&place, behind, offset);
        *offset = behind;
        if (out_header->kind != WN_RECORD_CANCELLED)
            break;
        place.offset = behind;
        if (place.offset >= durable)
            return WN_SCAN_TAIL;
    }
    return out_header->kind == WN_RECORD_SEAL ? WN_SCAN_SEAL : WN_SCAN_RECORD;
}
