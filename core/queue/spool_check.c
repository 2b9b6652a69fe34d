/* SPDX-License-Identifier: MIT */
#include "core/queue/spool_check.h"

#include "core/base/fd.h"
#include "core/base/publish.h"
#include "core/journal/compact.h"
#include "core/queue/reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAMAGES_MAX 1000

typedef struct Check {
    const char *folder;
    WnSpoolCheckMode mode;
    WnSpoolFile *file;
    int fd;
    WnStandings *standings;
    GByteArray *envelope;
    bool aside;        /* folder is spool/damaged */
    WnCompaction *out; /* where what is owed is copied to; NULL: nowhere */
} Check;

bool
wn_spool_file_is_wrong(const WnSpoolFile *self)
{
    return self->kind == WN_SPOOL_UNREADABLE || self->kind == WN_SPOOL_UNKNOWN
           || self->error != NULL || self->outcomes_damaged
           || self->damages->len > 0 || (self->aside && self->n_live > 0);
}

static char *
outcome_name(const char *segment)
{
    g_autofree char *stem = g_strndup(segment, strlen(segment) - 4);

    return g_strconcat(stem, ".out", NULL);
}

static bool
is_owed(const Check *self, const WnRecordHeader *header, guint n_recipients)
{
    for (guint i = 0; i < n_recipients; i++) {
        const WnStanding *standing = wn_standings_get(self->standings,
            header->offset, i);

        if (standing == NULL || standing->settled == 0)
            return true;
    }
    return false;
}

static void
note_damage(Check *self, uint64_t offset, const WnId *id, const char *what)
{
    WnSpoolDamage damage = { .offset = offset, .what = what };

    if (id != NULL)
        damage.id = *id;
    if (self->out == NULL && self->file->damages->len < DAMAGES_MAX)
        g_array_append_val(self->file->damages, damage);
}

/* False with error: it could not be copied. */
static bool
take_record(Check *self, const WnRecordHeader *header, GError **error)
{
    WnSpan bytes = wn_span(self->envelope->data, self->envelope->len);
    g_auto(WnEnvelope) envelope;

    wn_envelope_init(&envelope);
    if (!wn_envelope_read(&envelope, bytes)) {
        note_damage(self, header->offset, &header->id, "no envelope");
        return true;
    }
    if (!is_owed(self, header, envelope.recipients->len)) {
        self->file->n_done++;
        return true;
    }
    self->file->n_live++;
    self->file->live_bytes += wn_record_len(header);
    return self->out == NULL
           || wn_compaction_add(self->out, header, bytes, error);
}

/* A header that can be read tells whose message it was. */
static void
take_damage(Check *self, uint64_t offset)
{
    uint8_t bytes[WN_RECORD_HEADER_LEN];
    WnRecordHeader header;

    if (wn_fd_pread_all(self->fd, bytes, sizeof bytes, offset)
        && wn_record_header_read(wn_span(bytes, sizeof bytes), &header)
        && header.offset == offset)
        note_damage(self, offset, &header.id, "wrong checksum");
    else
        note_damage(self, offset, NULL, "no valid record");
}

/* Moves behind what the disk does not give. */
static void
take_unreadable(Check *self, uint64_t at, uint64_t *offset)
{
    WnSegmentSkip skip = { .at = at + 8 };
    WnRecordHeader header;
    WnSkipStatus status;

    if (wn_segment_read_header(self->fd, at, &header)) {
        note_damage(self, at, &header.id, "the disk does not give it");
        *offset = at + wn_record_len(&header);
        return;
    }
    note_damage(self, at, NULL, "the disk does not give it");
    do
        status = wn_segment_skip(self->fd, UINT64_MAX, &skip);
    while (status == WN_SKIP_MORE);
    *offset = skip.at;
}

/* False with error: reading or copying failed. */
static bool
read_records(Check *self, GError **error)
{
    uint64_t offset = WN_SEGMENT_HEADER_LEN;
    WnRecordHeader header;

    self->file->n_live = 0;
    self->file->n_done = 0;
    self->file->live_bytes = 0;
    for (;;) {
        uint64_t at = offset;

        switch (wn_segment_scan(self->fd, &offset, UINT64_MAX, true, &header,
            self->envelope)) {
        case WN_SCAN_RECORD:
            if (!take_record(self, &header, error))
                return false;
            break;
        case WN_SCAN_DAMAGED:
            take_damage(self, at);
            break;
        case WN_SCAN_SEAL:
        case WN_SCAN_TAIL:
            return true;
        case WN_SCAN_ERROR:
            if (errno != EIO) {
                wn_fd_set_error(error, errno, "read", self->file->name);
                return false;
            }
            take_unreadable(self, at, &offset);
            break;
        }
    }
}

/* A second name in spool/damaged. */
static bool
keep(const Check *self, const char *name, GError **error)
{
    g_autofree char *damaged = g_build_filename(self->folder, "damaged", NULL);
    g_autofree char *from = g_build_filename(self->folder, name, NULL);
    g_autofree char *to = g_build_filename(damaged, name, NULL);

    if (g_mkdir_with_parents(damaged, 0700) != 0
        || (link(from, to) != 0 && errno != EEXIST && errno != ENOENT)) {
        wn_fd_set_error(error, errno, "set aside", from);
        return false;
    }
    return wn_directory_sync(damaged, error);
}

static void
ignore(void *user, const WnOutcome *outcome)
{
    (void)user;
    (void)outcome;
}

static bool
rewrite(Check *self, WnOutcomeLog *log, GError **error)
{
    if (!read_records(self, error))
        return false;
    switch (wn_compaction_finish(self->out, self->standings, log, error)) {
    case WN_COMPACTED:
        return wn_outcome_log_rewrite(log, error);
    case WN_COMPACTED_IN_DOUBT:
    case WN_NOT_COMPACTED:
        break;
    }
    return false;
}

static bool
repair_segment(Check *self, GError **error)
{
    const char *name = self->file->name;
    g_autofree char *outcomes = outcome_name(name);
    g_autoptr(WnOutcomeLog) log = NULL;
    bool good;

    if (!keep(self, name, error) || !keep(self, outcomes, error))
        return false;
    log = wn_outcome_log_open(self->folder, name, ignore, NULL, error);
    if (log == NULL)
        return false;
    self->out = wn_compaction_begin(self->folder, name, self->fd, error);
    good = self->out != NULL && rewrite(self, log, error);
    g_clear_pointer(&self->out, wn_compaction_free);
    return good;
}

static void
repair_if_asked(Check *self)
{
    WnSpoolFile *file = self->file;
    g_autoptr(GError) error = NULL;

    if (self->mode != WN_SPOOL_REPAIR || file->has_writer
        || !wn_spool_file_is_wrong(file) || file->error != NULL)
        return;
    file->repaired = repair_segment(self, &error);
    if (!file->repaired)
        file->error = g_strdup(error->message);
}

static void
look_at_segment(Check *self)
{
    WnSpoolFile *file = self->file;
    g_autoptr(GError) error = NULL;

    file->has_writer = wn_segment_has_writer(self->fd);
    if (wn_segment_header_is_damaged(self->fd))
        note_damage(self, 0, NULL, "the segment's header");
    if (wn_outcome_log_look(self->folder, file->name, wn_standings_note,
            self->standings,
            &(WnOutcomeLook){ .out_len = &file->outcome_bytes,
                .out_damaged = &file->outcomes_damaged },
            &error)
        && read_records(self, &error))
        repair_if_asked(self);
    else
        file->error = g_strdup(error->message);
}

/* What carries a segment's name and is none: nothing of it can be saved. */
static void
set_aside(Check *self)
{
    g_autofree char *path = g_build_filename(self->folder, self->file->name,
        NULL);
    g_autoptr(GError) error = NULL;
    struct stat st;

    if (self->mode != WN_SPOOL_REPAIR || lstat(path, &st) != 0
        || !S_ISREG(st.st_mode))
        return;
    self->file->repaired = keep(self, self->file->name, &error)
                           && unlink(path) == 0;
}

/* False: it has gone meanwhile. */
static bool
check_segment(Check *self)
{
    g_autoptr(GError) error = NULL;

    self->fd = wn_segment_open(self->folder, self->file->name, &error);
    if (self->fd < 0 && error->code == ENOENT)
        return false;
    if (self->fd < 0) {
        self->file->error = g_strdup(error->message);
        if (error->code == EBADMSG || error->code == EISDIR)
            self->file->kind = WN_SPOOL_UNREADABLE;
        if (error->code == EBADMSG)
            set_aside(self);
        return true;
    }
    self->standings = wn_standings_new();
    look_at_segment(self);
    g_clear_pointer(&self->standings, wn_standings_free);
    wn_fd_close(self->fd);
    return true;
}

static WnSpoolFileKind
kind_of(const char *name, const struct stat *st)
{
    if (g_str_has_suffix(name, ".seg") && strlen(name) < sizeof(WnSegmentName))
        return WN_SPOOL_SEGMENT;
    if (!S_ISREG(st->st_mode))
        return WN_SPOOL_UNKNOWN;
    if (g_str_has_suffix(name, ".seg" WN_SEGMENT_UNMADE)
        || g_str_has_suffix(name, ".out" WN_OUTCOME_UNMADE))
        return WN_SPOOL_LEFT_OVER;
    return g_str_has_suffix(name, ".out") ? WN_SPOOL_LEFT_OVER
                                          : WN_SPOOL_UNKNOWN;
}

static bool
exists(const char *folder, const char *name)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);

    return access(path, F_OK) == 0;
}

/* Files that are told with their segment, or that every spool has. */
static bool
is_silent(const char *folder, const char *name)
{
    static const char *const others[] = { "queue.lock", "damaged", "lenient",
        WN_RESERVE_NAME, NULL };
    g_autofree char *stem = NULL;
    g_autofree char *segment = NULL;

    if (g_strv_contains(others, name))
        return true;
    if (!g_str_has_suffix(name, ".out"))
        return false;
    stem = g_strndup(name, strlen(name) - 4);
    segment = g_strconcat(stem, ".seg", NULL);
    return exists(folder, segment);
}

static void
check_file(Check *self, const char *name, WnSpoolFileFn fn, void *user)
{
    g_autofree char *path = g_build_filename(self->folder, name, NULL);
    g_autoptr(GArray)
        damages = g_array_new(FALSE, FALSE, sizeof(WnSpoolDamage));
    g_autofree char *shown = g_strconcat(self->aside ? "damaged/" : "", name,
        NULL);
    WnSpoolFile file = { .name = name,
        .damages = damages,
        .aside = self->aside };
    struct stat st;

    if (is_silent(self->folder, name) || lstat(path, &st) != 0)
        return;
    self->file = &file;
    file.kind = kind_of(name, &st);
    file.bytes = (uint64_t)st.st_blocks * 512;
    if (file.kind != WN_SPOOL_SEGMENT || check_segment(self)) {
        file.name = shown;
        fn(user, &file);
    }
    g_free(file.error);
}

static gint
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static GPtrArray *
list_names(const char *folder, GError **error)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, error);
    GPtrArray *names;
    const char *name;

    if (dir == NULL)
        return NULL;
    names = g_ptr_array_new_with_free_func(g_free);
    while ((name = g_dir_read_name(dir)) != NULL)
        g_ptr_array_add(names, g_strdup(name));
    g_ptr_array_sort(names, compare_names);
    return names;
}

/* The same of what was set aside, if anything was. */
static bool
check_aside(Check *self, WnSpoolFileFn fn, void *user, GError **error)
{
    g_autofree char *folder = g_build_filename(self->folder, "damaged", NULL);
    g_autoptr(GPtrArray) names = NULL;
    Check check = { .folder = folder,
        .aside = true,
        .mode = WN_SPOOL_LOOK,
        .envelope = self->envelope };

    if (!g_file_test(folder, G_FILE_TEST_IS_DIR))
        return true;
    names = list_names(folder, error);
    for (guint i = 0; names != NULL && i < names->len; i++)
        if (g_str_has_suffix(names->pdata[i], ".seg"))
            check_file(&check, names->pdata[i], fn, user);
    return names != NULL;
}

/* The lock of winnow-queue; -1 with error. */
static int
lock_spool(const char *folder, GError **error)
{
    g_autofree char *path = g_build_filename(folder, "queue.lock", NULL);
    wn_autofd fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
        return wn_fd_steal(&fd);
    if (errno == EWOULDBLOCK)
        g_set_error(error, WN_JOURNAL_ERROR, EWOULDBLOCK,
            "%s: a winnow-queue works on it; stop winnowd before a repair",
            folder);
    else
        wn_fd_set_error(error, errno, "lock", path);
    return -1;
}

bool
wn_spool_check(const char *folder, WnSpoolCheckMode mode, WnSpoolFileFn fn,
    void *user, GError **error)
{
    g_autoptr(GPtrArray) names = NULL;
    g_autoptr(GByteArray) envelope = g_byte_array_new();
    Check self = { .folder = folder, .mode = mode, .envelope = envelope };
    wn_autofd lock = -1;

    if (mode == WN_SPOOL_REPAIR) {
        lock = lock_spool(folder, error);
        if (lock < 0)
            return false;
    }
    names = list_names(folder, error);
    for (guint i = 0; names != NULL && i < names->len; i++)
        check_file(&self, names->pdata[i], fn, user);
    return names != NULL && check_aside(&self, fn, user, error);
}
