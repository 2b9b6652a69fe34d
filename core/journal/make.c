/* SPDX-License-Identifier: MIT */
#include "core/journal/make.h"

#include "core/base/crc32c.h"
#include "core/base/fd.h"

#include <errno.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

/* So that "<worker>-<16 hex digits>.seg" fits in a WnSegmentName. */
#define WORKER_MAX 40

void
wn_segment_fill_header(const WnSegmentPlan *plan, uint64_t secret,
    uint8_t out[WN_SEGMENT_HEADER_LEN])
{
    g_auto(WnWriter) writer;
    uint32_t crc;

    wn_writer_init(&writer);
    wn_write_raw(&writer, WN_SEGMENT_MAGIC, strlen(WN_SEGMENT_MAGIC));
    wn_write_u64(&writer, secret);
    wn_write_u64(&writer, plan->size);
    wn_write_u64(&writer, (uint64_t)plan->now_ms);
    memset(out, 0, WN_SEGMENT_HEADER_LEN);
    memcpy(out, wn_writer_span(&writer).ptr, wn_writer_span(&writer).len);
    crc = GUINT32_TO_LE(wn_crc32c(0, wn_span(out, WN_SEGMENT_HEADER_LEN - 4)));
    memcpy(out + WN_SEGMENT_HEADER_LEN - 4, &crc, sizeof crc);
}

/* Everything that must be true before others may see the file. */
static int
prepare(const WnJournalIo *io, const WnSegmentPlan *plan, int fd,
    uint64_t secret)
{
    uint8_t header[WN_SEGMENT_HEADER_LEN];
    struct iovec parts[1] = { { header, sizeof header } };
    int errnum;

    if (flock(fd, LOCK_EX | LOCK_NB) != 0
        || io->allocate(io, fd, plan->size) != 0)
        return errno;
    wn_segment_fill_header(plan, secret, header);
    errnum = wn_journal_io_write(io, fd, parts, 1, 0);
    if (errnum == 0 && io->sync(io, fd) != 0)
        errnum = errno;
    return errnum;
}

/* The name must be free: link(), unlike rename(), replaces nothing. */
static int
publish(const WnJournalIo *io, const char *spool, const char *from,
    const char *to)
{
    if (io->link(io, from, to) != 0)
        return errno;
    if (unlink(from) != 0 || io->sync_folder(io, spool) != 0) {
        int errnum = errno;

        unlink(to);
        return errnum;
    }
    return 0;
}

static int
make_file(const WnJournalIo *io, const WnSegmentPlan *plan, WnSegmentFile *file)
{
    g_autofree char *path = g_build_filename(plan->spool, file->name.text,
        NULL);
    g_autofree char *temporary = g_strconcat(path, WN_SEGMENT_UNMADE, NULL);
    wn_autofd fd = io->create(io, temporary);
    int errnum;

    if (fd < 0)
        return errno;
    errnum = prepare(io, plan, fd, file->secret);
    if (errnum == 0)
        errnum = publish(io, plan->spool, temporary, path);
    if (errnum != 0)
        unlink(temporary);
    else
        file->fd = wn_fd_steal(&fd);
    return errnum;
}

/* Milliseconds first, so that names sort by age. */
static bool
make_name(const WnSegmentPlan *plan, WnSegmentFile *file)
{
    uint16_t random[5];

    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return false;
    memcpy(&file->secret, random + 1, sizeof file->secret);
    g_snprintf(file->name.text, sizeof file->name.text,
        "%s-%012" G_GINT64_MODIFIER "x%04x.seg", plan->worker,
        (uint64_t)plan->now_ms & UINT64_C(0xffffffffffff), random[0]);
    return true;
}

int
wn_segment_make(const WnJournalIo *io, const WnSegmentPlan *plan,
    WnSegmentFile *out_file)
{
    WnSegmentFile file = { .fd = -1 };
    int errnum = EEXIST;

    g_assert(plan->size >= WN_SEGMENT_SIZE);
    g_assert(strlen(plan->worker) <= WORKER_MAX);
    for (int tries = 0; errnum == EEXIST && tries < 8; tries++) {
        if (!make_name(plan, &file))
            return errno;
        errnum = make_file(io, plan, &file);
    }
    if (errnum == 0)
        *out_file = file;
    return errnum;
}
