/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the journal asks of the file system, as a table, so that tests can make
 * each step fail.  Private to core/journal and its tests.  Called from the loop
 * and from the commit thread.
 */

#include "core/base/span.h"

#include <sys/statvfs.h>
#include <sys/uio.h>

typedef struct WnJournalIo WnJournalIo;

/* Results are those of the system call: -1 with errno. */
struct WnJournalIo {
    int (*create)(const WnJournalIo *self, const char *path); /* exclusively */
    int (*allocate)(const WnJournalIo *self, int fd, uint64_t size);
    ssize_t (*pwritev)(const WnJournalIo *self, int fd,
        const struct iovec *parts, int n_parts, uint64_t offset);
    int (*sync)(const WnJournalIo *self, int fd); /* data and size */
    int (*link)(const WnJournalIo *self, const char *from, const char *to);
    int (*rename)(const WnJournalIo *self, const char *from, const char *to);
    int (*sync_folder)(const WnJournalIo *self, const char *path);
    int (*close)(const WnJournalIo *self, int fd);
    int (*space)(const WnJournalIo *self, const char *path,
        struct statvfs *out_space);
};

extern const WnJournalIo wn_journal_io_system;

/* All parts, EINTR and short counts handled; parts are used up.  0 or errno. */
int wn_journal_io_write(const WnJournalIo *self, int fd, struct iovec *parts,
    int n_parts, uint64_t offset);

/* Before the first append only; io is borrowed. */
typedef struct WnJournal WnJournal;
typedef struct WnOutcomeLog WnOutcomeLog;
typedef struct WnCompaction WnCompaction;
void wn_compaction_set_io(WnCompaction *self, const WnJournalIo *io);
void wn_outcome_log_set_io(WnOutcomeLog *self, const WnJournalIo *io);
void wn_journal_set_io(WnJournal *self, const WnJournalIo *io);
