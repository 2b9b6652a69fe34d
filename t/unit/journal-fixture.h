/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the journal's tests share: a folder that goes away, the records that a
 * recovery finds in it, and a file system whose steps fail on demand.
 */

#include "core/base/fd.h"
#include "core/base/publish.h"
#include "core/journal/io.h"
#include "core/journal/writer.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

typedef struct Folder {
    char *path;
} Folder;

static inline Folder
folder_make(void)
{
    Folder self = { g_dir_make_tmp("winnow-journal-XXXXXX", NULL) };

    g_assert_nonnull(self.path);
    return self;
}

static inline void
folder_clear(Folder *self)
{
    g_autoptr(GError) error = NULL;

    wn_folder_remove(self->path, &error);
    g_assert_no_error(error);
    g_free(self->path);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Folder, folder_clear)

/* The first n bytes of the id; the rest is zero. */
static inline WnId
id_of(uint64_t n)
{
    WnId id = { { 0 } };

    memcpy(id.bytes, &n, sizeof n);
    return id;
}

static inline uint64_t
number_of(const WnId *id)
{
    uint64_t n;

    memcpy(&n, id->bytes, sizeof n);
    return n;
}

/* What a recovery finds in one segment. */
typedef struct Found {
    GArray *numbers; /* uint64_t, of ids */
    unsigned n_damaged;
    WnScanStatus end;
} Found;

static inline void
found_clear(Found *self)
{
    g_array_unref(self->numbers);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Found, found_clear)

static inline Found
recover(int fd, uint64_t durable)
{
    Found found = { g_array_new(FALSE, FALSE, sizeof(uint64_t)), 0, 0 };
    g_autoptr(GByteArray) envelope = g_byte_array_new();
    uint64_t offset = WN_SEGMENT_HEADER_LEN;

    for (;;) {
        WnRecordHeader header;
        uint64_t before = offset;
        uint64_t n;

        found.end = wn_segment_scan(fd, &offset, durable, true, &header,
            envelope);
        if (found.end == WN_SCAN_DAMAGED)
            found.n_damaged++;
        if (found.end == WN_SCAN_RECORD) {
            n = number_of(&header.id);
            g_array_append_val(found.numbers, n);
        }
        if (found.end != WN_SCAN_DAMAGED && found.end != WN_SCAN_RECORD)
            return found;
        g_assert_cmpuint(offset, >, before);
    }
}

static inline bool
found_has(const Found *self, uint64_t number)
{
    for (guint i = 0; i < self->numbers->len; i++) {
        if (g_array_index(self->numbers, uint64_t, i) == number)
            return true;
    }
    return false;
}

static inline int
compare_names(const void *a, const void *b)
{
    return g_strcmp0(*(const char *const *)a, *(const char *const *)b);
}

/* Of all segments, in the order of their names. */
static inline GPtrArray *
segment_names(const Folder *folder)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GDir) dir = g_dir_open(folder->path, 0, NULL);
    const char *name;

    while ((name = g_dir_read_name(dir)) != NULL) {
        if (g_str_has_suffix(name, ".seg"))
            g_ptr_array_add(names, g_strdup(name));
    }
    g_ptr_array_sort(names, compare_names);
    return names;
}

static inline int
segment_fd(const Folder *folder, const char *name)
{
    g_autoptr(GError) error = NULL;
    int fd = wn_segment_open(folder->path, name, &error);

    g_assert_no_error(error);
    return fd;
}

/* A whole recovery of the folder. */
static inline Found
recover_all(const Folder *folder)
{
    Found all = { g_array_new(FALSE, FALSE, sizeof(uint64_t)), 0, 0 };
    g_autoptr(GPtrArray) names = segment_names(folder);

    for (guint i = 0; i < names->len; i++) {
        wn_autofd fd = segment_fd(folder, names->pdata[i]);
        g_auto(Found) one = recover(fd, UINT64_MAX);

        g_array_append_vals(all.numbers, one.numbers->data, one.numbers->len);
        all.n_damaged += one.n_damaged;
        g_assert_cmpint(one.end, !=, WN_SCAN_ERROR);
    }
    return all;
}

/*
 * The file system with faults.  A step fails once when its countdown reaches
 * zero; syncs can be held back.
 */
typedef enum {
    STEP_NONE,
    STEP_CREATE,
    STEP_ALLOCATE,
    STEP_WRITE,
    STEP_SYNC,
    STEP_LINK,
    STEP_SYNC_FOLDER,
    STEP_CLOSE
} Step;

typedef struct Faulty {
    WnJournalIo io; /* first: the functions get a pointer to it */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    Step step;
    int countdown; /* 1: the next one fails; 0: none does */
    int errnum;
    bool sticky;        /* it goes on failing */
    size_t write_max;   /* bytes per write; 0: no limit */
    unsigned interrupt; /* every so manieth write is interrupted; 0: none */
    unsigned n_writes;
    uint64_t n_bytes;               /* asked to be written */
    bool held;                      /* syncs wait */
    unsigned n_syncs;               /* begun */
    int failed_fd;                  /* whose sync has failed; -1: none */
    unsigned n_syncs_after_failure; /* on that fd */
    struct statvfs space;
} Faulty;

static inline Faulty *
faulty_of(const WnJournalIo *io)
{
    return (Faulty *)(uintptr_t)io;
}

static inline bool
faulty_strikes(Faulty *self, Step step)
{
    bool strikes = false;

    pthread_mutex_lock(&self->lock);
    if (step == self->step && self->countdown > 0) {
        if (self->countdown == 1)
            strikes = true;
        if (!strikes || !self->sticky)
            self->countdown--;
    }
    if (strikes)
        errno = self->errnum;
    pthread_mutex_unlock(&self->lock);
    return strikes;
}

static inline int
faulty_create(const WnJournalIo *io, const char *path)
{
    if (faulty_strikes(faulty_of(io), STEP_CREATE))
        return -1;
    return wn_journal_io_system.create(io, path);
}

static inline int
faulty_allocate(const WnJournalIo *io, int fd, uint64_t size)
{
    if (faulty_strikes(faulty_of(io), STEP_ALLOCATE))
        return -1;
    return wn_journal_io_system.allocate(io, fd, size);
}

static inline ssize_t
faulty_pwritev(const WnJournalIo *io, int fd, const struct iovec *parts,
    int n_parts, uint64_t offset)
{
    Faulty *self = faulty_of(io);
    struct iovec first;
    bool interrupted;

    pthread_mutex_lock(&self->lock);
    self->n_writes++;
    for (int i = 0; i < n_parts; i++)
        self->n_bytes += parts[i].iov_len;
    interrupted = self->interrupt > 0 && self->n_writes % self->interrupt == 0;
    pthread_mutex_unlock(&self->lock);
    if (interrupted) {
        errno = EINTR;
        return -1;
    }
    if (faulty_strikes(self, STEP_WRITE)) {
        /* What a full disk leaves behind: a part of the record. */
        int saved = errno;

        g_assert_cmpint(pwrite(fd, parts[0].iov_base, MIN(parts[0].iov_len, 40),
                            (off_t)offset),
            >=, 0);
        errno = saved;
        return -1;
    }
    if (self->write_max == 0)
        return wn_journal_io_system.pwritev(io, fd, parts, n_parts, offset);
    first = parts[0];
    first.iov_len = MIN(first.iov_len, self->write_max);
    return wn_journal_io_system.pwritev(io, fd, &first, 1, offset);
}

static inline int
faulty_sync(const WnJournalIo *io, int fd)
{
    Faulty *self = faulty_of(io);

    pthread_mutex_lock(&self->lock);
    self->n_syncs++;
    if (fd == self->failed_fd)
        self->n_syncs_after_failure++;
    pthread_cond_broadcast(&self->changed);
    while (self->held)
        pthread_cond_wait(&self->changed, &self->lock);
    pthread_mutex_unlock(&self->lock);
    if (faulty_strikes(self, STEP_SYNC)) {
        pthread_mutex_lock(&self->lock);
        self->failed_fd = fd;
        errno = self->errnum;
        pthread_mutex_unlock(&self->lock);
        return -1;
    }
    return wn_journal_io_system.sync(io, fd);
}

static inline int
faulty_link(const WnJournalIo *io, const char *from, const char *to)
{
    if (faulty_strikes(faulty_of(io), STEP_LINK))
        return -1;
    return wn_journal_io_system.link(io, from, to);
}

static inline int
faulty_sync_folder(const WnJournalIo *io, const char *path)
{
    if (faulty_strikes(faulty_of(io), STEP_SYNC_FOLDER))
        return -1;
    return wn_journal_io_system.sync_folder(io, path);
}

static inline int
faulty_close(const WnJournalIo *io, int fd)
{
    bool strikes = faulty_strikes(faulty_of(io), STEP_CLOSE);
    int saved = errno;
    int result;

    pthread_mutex_lock(&faulty_of(io)->lock);
    if (faulty_of(io)->failed_fd == fd)
        faulty_of(io)->failed_fd = -1;
    pthread_mutex_unlock(&faulty_of(io)->lock);
    result = wn_journal_io_system.close(io, fd);
    errno = saved;
    return strikes ? -1 : result;
}

static inline int
faulty_space(const WnJournalIo *io, const char *path, struct statvfs *out_space)
{
    (void)path;
    *out_space = faulty_of(io)->space;
    return 0;
}

static inline void
faulty_init(Faulty *self)
{
    *self = (Faulty){
        .io = { .create = faulty_create,
            .allocate = faulty_allocate,
            .pwritev = faulty_pwritev,
            .sync = faulty_sync,
            .link = faulty_link,
            .sync_folder = faulty_sync_folder,
            .close = faulty_close,
            .space = faulty_space },
        .failed_fd = -1,
    };
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->changed, NULL);
}

static inline void
faulty_fail(Faulty *self, Step step, int countdown, int errnum)
{
    pthread_mutex_lock(&self->lock);
    self->step = step;
    self->countdown = countdown;
    self->errnum = errnum;
    pthread_mutex_unlock(&self->lock);
}

static inline void
faulty_hold(Faulty *self, bool held)
{
    pthread_mutex_lock(&self->lock);
    self->held = held;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

static inline unsigned
faulty_n_syncs(Faulty *self)
{
    unsigned n;

    pthread_mutex_lock(&self->lock);
    n = self->n_syncs;
    pthread_mutex_unlock(&self->lock);
    return n;
}

/* Waits until that many syncs have begun. */
static inline void
faulty_await_syncs(Faulty *self, unsigned n)
{
    pthread_mutex_lock(&self->lock);
    while (self->n_syncs < n)
        pthread_cond_wait(&self->changed, &self->lock);
    pthread_mutex_unlock(&self->lock);
}

/* A journal in a folder, on a faulty file system, and what it has told. */
typedef struct Told {
    uint64_t number;
    WnCommit result;
} Told;

typedef struct Rig {
    Folder folder;
    WnLoop *loop;
    Faulty faulty;
    WnJournal *journal;
    GArray *told;     /* of Told */
    GString *durable; /* "segment:durable[:sealed] " of the last */
    uint64_t durable_bytes;
    unsigned n_sealed;
    uint64_t next;
} Rig;

static inline void
rig_on_durable(void *user, const char *segment, uint64_t durable, bool sealed)
{
    Rig *self = user;

    if (g_strcmp0(self->durable->str, segment) == 0)
        g_assert_cmpuint(durable, >=, self->durable_bytes);
    g_string_assign(self->durable, segment);
    self->durable_bytes = durable;
    self->n_sealed += sealed;
}

static inline void
rig_init(Rig *self)
{
    *self = (Rig){ .folder = folder_make(), .loop = wn_loop_new() };
    faulty_init(&self->faulty);
    self->told = g_array_new(FALSE, FALSE, sizeof(Told));
    self->durable = g_string_new(NULL);
    self->journal = wn_journal_new(self->loop, self->folder.path, "test",
        rig_on_durable, self);
    wn_journal_set_io(self->journal, &self->faulty.io);
}

static inline void
rig_clear(Rig *self)
{
    wn_journal_free(self->journal);
    wn_loop_free(self->loop);
    g_array_unref(self->told);
    g_string_free(self->durable, TRUE);
    folder_clear(&self->folder);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Rig, rig_clear)

typedef struct RigAppend {
    Rig *rig;
    uint64_t number;
} RigAppend;

static inline void
rig_on_committed(void *user, WnCommit result)
{
    g_autofree RigAppend *append = user;
    Told told = { append->number, result };

    g_array_append_val(append->rig->told, told);
}

/* Appends the message with the next number. */
static inline WnAppend *
rig_append_body(Rig *self, const WnAppendBody *body)
{
    RigAppend *append = g_new(RigAppend, 1);
    WnId id = id_of(self->next);

    *append = (RigAppend){ self, self->next++ };
    return wn_journal_append(self->journal, &id, WN_SPAN("envelope"), body,
        rig_on_committed, append);
}

static inline WnAppend *
rig_append(Rig *self, WnSpan body)
{
    return rig_append_body(self, &(WnAppendBody){ .span = body, .fd = -1 });
}

static inline void
rig_await(Rig *self, guint n_told)
{
    for (int turns = 0; self->told->len < n_told; turns++) {
        g_assert_cmpint(turns, <, 2000);
        wn_loop_turn(self->loop);
    }
}

static inline WnCommit
rig_result(const Rig *self, guint n)
{
    g_assert_cmpuint(n, <, self->told->len);
    return g_array_index(self->told, Told, n).result;
}

static inline void
rig_check_order(const Rig *rig, guint n)
{
    g_assert_cmpuint(rig->told->len, ==, n);
    for (guint i = 0; i < n; i++)
        g_assert_cmpuint(g_array_index(rig->told, Told, i).number, ==, i);
}
