/* SPDX-License-Identifier: MIT */
#include "core/journal/compact.h"

#include "core/base/log.h"
#include "t/unit/journal-fixture.h"

#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

/*
 * A segment with a bit of everything is compacted while steps fail, or while
 * the process dies or the power goes at any of them.  Whatever happened, what
 * is owed to whom must be exactly the same afterwards.
 */

#define N_MESSAGES 9

typedef enum {
    CUT_KILL,  /* all that was written is there */
    CUT_POWER, /* what was not synced is lost */
    CUT_FOLDER /* and so are renames of an unsynced folder */
} Cut;

/* The file system with a fault at the step-th call; 0: none. */
typedef struct Disaster {
    WnJournalIo io; /* first: the functions get a pointer to it */
    unsigned step;
    unsigned n_steps;
    int errnum; /* 0: the end */
    Cut cut;
    GArray *unsynced; /* Extent */
    char *renamed;    /* its former content is at <renamed>.bak */
} Disaster;

typedef struct Extent {
    int fd;
    uint64_t offset;
    uint64_t len;
} Extent;

static Disaster *
doomed_of(const WnJournalIo *io)
{
    return (Disaster *)(uintptr_t)io;
}

static void
lose_writes(Disaster *self)
{
    for (guint i = 0; i < self->unsynced->len; i++) {
        Extent *extent = &g_array_index(self->unsynced, Extent, i);
        g_autofree char *zeros = g_malloc0(extent->len);

        wn_fd_pwrite_all(extent->fd, wn_span(zeros, extent->len),
            extent->offset);
    }
}

static void G_GNUC_NORETURN
end(Disaster *self)
{
    if (self->cut != CUT_KILL)
        lose_writes(self);
    if (self->cut == CUT_FOLDER && self->renamed != NULL) {
        g_autofree char *backup = g_strconcat(self->renamed, ".bak", NULL);

        g_assert_cmpint(rename(backup, self->renamed), ==, 0);
    }
    _exit(0);
}

/* True: the call fails. */
static bool
at_step(const WnJournalIo *io)
{
    Disaster *self = doomed_of(io);

    if (++self->n_steps != self->step)
        return false;
    if (self->errnum == 0)
        end(self);
    errno = self->errnum;
    return true;
}

static int
doomed_create(const WnJournalIo *io, const char *path)
{
    return at_step(io) ? -1 : wn_journal_io_system.create(io, path);
}

static ssize_t
doomed_pwritev(const WnJournalIo *io, int fd, const struct iovec *parts,
    int n_parts, uint64_t offset)
{
    ssize_t n;
    Extent extent = { .fd = fd, .offset = offset };

    if (at_step(io))
        return -1;
    n = wn_journal_io_system.pwritev(io, fd, parts, n_parts, offset);
    extent.len = (uint64_t)MAX(n, 0);
    g_array_append_val(doomed_of(io)->unsynced, extent);
    return n;
}

static int
doomed_sync(const WnJournalIo *io, int fd)
{
    GArray *unsynced = doomed_of(io)->unsynced;

    if (at_step(io))
        return -1;
    for (guint i = unsynced->len; i > 0; i--)
        if (g_array_index(unsynced, Extent, i - 1).fd == fd)
            g_array_remove_index(unsynced, i - 1);
    return 0;
}

static int
doomed_rename(const WnJournalIo *io, const char *from, const char *to)
{
    Disaster *self = doomed_of(io);
    g_autofree char *backup = g_strconcat(to, ".bak", NULL);

    if (at_step(io))
        return -1;
    g_assert_cmpint(link(to, backup), ==, 0);
    g_free(self->renamed);
    self->renamed = g_strdup(to);
    return rename(from, to);
}

static int
doomed_sync_folder(const WnJournalIo *io, const char *path)
{
    Disaster *self = doomed_of(io);

    if (at_step(io))
        return -1;
    if (self->renamed != NULL) {
        g_autofree char *backup = g_strconcat(self->renamed, ".bak", NULL);

        g_assert_cmpint(unlink(backup), ==, 0);
    }
    g_clear_pointer(&self->renamed, g_free);
    (void)path;
    return 0;
}

static void
doomed_init(Disaster *self)
{
    *self = (Disaster){ .io = wn_journal_io_system };
    self->io.create = doomed_create;
    self->io.pwritev = doomed_pwritev;
    self->io.sync = doomed_sync;
    self->io.rename = doomed_rename;
    self->io.sync_folder = doomed_sync_folder;
    self->unsynced = g_array_new(FALSE, FALSE, sizeof(Extent));
}

static void
doomed_clear(Disaster *self)
{
    g_array_unref(self->unsynced);
    g_free(self->renamed);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Disaster, doomed_clear)

/* A spool with one sealed segment and its log. */
typedef struct Spool {
    Folder folder;
    char *segment;
} Spool;

static void
spool_clear(Spool *self)
{
    g_free(self->segment);
    folder_clear(&self->folder);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Spool, spool_clear)

static void
on_committed(void *user, WnCommit result)
{
    g_assert_cmpint(result, ==, WN_COMMIT_DURABLE);
    ++*(unsigned *)user;
}

static void
write_messages(const char *folder)
{
    WnLoop *loop = wn_loop_new();
    WnJournal *journal = wn_journal_new(loop, folder, "w", NULL, NULL);
    unsigned n_told = 0;

    for (uint64_t n = 0; n < N_MESSAGES; n++) {
        size_t len = n == 5 ? 700000 : 300 + 77 * n;
        g_autofree char *body = g_malloc(len);
        g_autofree char *envelope = g_strdup_printf("envelope %d", (int)n);
        WnAppendBody append = { .span = wn_span(body, len), .fd = -1 };
        WnId id = id_of(n);

        memset(body, 'a' + (int)n, len);
        memcpy(body + len - 2, "\r\n", 2);
        wn_journal_append(journal, &id, wn_span_str(envelope), &append,
            on_committed, &n_told);
    }
    while (n_told < N_MESSAGES)
        wn_loop_turn(loop);
    wn_journal_free(journal);
    wn_loop_free(loop);
}

static WnOutcomeLog *
open_log(const Spool *self, WnStandings *standings)
{
    g_autoptr(GError) error = NULL;
    WnOutcomeLog *log = wn_outcome_log_open(self->folder.path, self->segment,
        wn_standings_note, standings, &error);

    g_assert_no_error(error);
    return log;
}

/* Where the records stand, by number. */
static void
find_records(const Spool *self, uint64_t *out_offsets)
{
    wn_autofd fd = segment_fd(&self->folder, self->segment);
    g_autoptr(GByteArray) envelope = g_byte_array_new();
    uint64_t offset = WN_SEGMENT_HEADER_LEN;
    WnRecordHeader header;

    while (wn_segment_scan(fd, &offset, UINT64_MAX, true, &header, envelope)
           == WN_SCAN_RECORD)
        out_offsets[number_of(&header.id)] = header.offset;
}

/* Each message has two recipients. */
static void
write_outcomes(const Spool *self)
{
    static const struct {
        int message;
        uint32_t recipient;
        WnOutcomeKind kind;
        const char *reply;
    } cases[] = {
        { 0, 0, WN_OUTCOME_DELIVERED, "250 ok" },
        { 0, 1, WN_OUTCOME_BOUNCED, "550 no" },
        { 1, 0, WN_OUTCOME_DEFERRED, "450 once" },
        { 1, 0, WN_OUTCOME_DELIVERED, "250 ok" },
        { 2, 0, WN_OUTCOME_DEFERRED, "450 first" },
        { 2, 0, WN_OUTCOME_DEFERRED, "451 second" },
        { 2, 1, WN_OUTCOME_DELAY_NOTED, NULL },
        { 3, 0, WN_OUTCOME_HELD, NULL },
        { 3, 1, WN_OUTCOME_DEFERRED, "452 three" },
        { 3, 1, WN_OUTCOME_HELD, NULL },
        { 4, 0, WN_OUTCOME_EXPIRED, NULL },
        { 4, 1, WN_OUTCOME_DELETED, NULL },
        { 5, 1, WN_OUTCOME_DEFERRED, "451 once" },
        { 5, 1, WN_OUTCOME_RELAYED, NULL },
        { 6, 1, WN_OUTCOME_HELD, "453 held" },
        { 6, 1, WN_OUTCOME_RELEASED, NULL },
        { 7, 0, WN_OUTCOME_DELIVERED, NULL },
        { 7, 1, WN_OUTCOME_DELIVERED, NULL },
    };
    g_autoptr(WnStandings) standings = wn_standings_new();
    g_autoptr(WnOutcomeLog) log = open_log(self, standings);
    uint64_t offsets[N_MESSAGES];

    find_records(self, offsets);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        wn_outcome_log_append(log, &(WnOutcome){ .kind = cases[i].kind,
                                       .offset = offsets[cases[i].message],
                                       .recipient = cases[i].recipient,
                                       .attempts = 3 + (uint32_t)i,
                                       .at = 1000,
                                       .next_attempt = 2000 + (int64_t)i,
                                       .reply = wn_span_str(cases[i].reply) });
}

static void
spool_init(Spool *self)
{
    g_autoptr(GPtrArray) names = NULL;

    self->folder = folder_make();
    write_messages(self->folder.path);
    names = segment_names(&self->folder);
    self->segment = g_strdup(names->pdata[0]);
    write_outcomes(self);
}

static bool
is_owed(const WnStandings *standings, uint64_t offset, uint32_t recipient)
{
    const WnStanding *known = wn_standings_get(standings, offset, recipient);

    return known == NULL || known->settled == 0;
}

static void
describe_recipient(const WnStanding *known, GString *out)
{
    if (known == NULL)
        g_string_append(out, " new");
    else
        g_string_append_printf(out, " #%u next %d%s%s%s <%s>", known->attempts,
            (int)known->next_attempt, known->held ? " held" : "",
            known->delay_noted ? " noted" : "",
            known->relayed_at == 1000 ? " relayed" : "",
            known->reply != NULL ? known->reply : "");
}

/* What a recovery would find: what is owed, and what is known of it. */
static char *
describe(const Spool *self)
{
    GString *out = g_string_new(NULL);
    g_autoptr(WnStandings) standings = wn_standings_new();
    g_autoptr(WnOutcomeLog) log = open_log(self, standings);
    wn_autofd fd = segment_fd(&self->folder, self->segment);
    g_autoptr(GByteArray) envelope = g_byte_array_new();
    uint64_t offset = WN_SEGMENT_HEADER_LEN;
    WnRecordHeader header;
    WnScanStatus status;

    while ((status = wn_segment_scan(fd, &offset, UINT64_MAX, true, &header,
                envelope))
           == WN_SCAN_RECORD) {
        bool first = is_owed(standings, header.offset, 0);
        bool second = is_owed(standings, header.offset, 1);

        if (!first && !second)
            continue;
        g_string_append_printf(out, "%d %.*s %d:", (int)number_of(&header.id),
            (int)envelope->len, envelope->data, (int)header.body_len);
        for (uint32_t i = 0; i < 2; i++)
            if (i == 0 ? first : second) {
                g_string_append_printf(out, " [%u", i);
                describe_recipient(wn_standings_get(standings, header.offset,
                                       i),
                    out);
                g_string_append(out, "]");
            }
        g_string_append_c(out, '\n');
    }
    g_assert_cmpint(status, ==, WN_SCAN_SEAL);
    return g_string_free(out, FALSE);
}

static bool
copy_owed(WnCompaction *compaction, int fd, const WnStandings *standings)
{
    g_autoptr(GByteArray) envelope = g_byte_array_new();
    uint64_t offset = WN_SEGMENT_HEADER_LEN;
    WnRecordHeader header;

    while (wn_segment_scan(fd, &offset, UINT64_MAX, true, &header, envelope)
           == WN_SCAN_RECORD)
        if ((is_owed(standings, header.offset, 0)
                || is_owed(standings, header.offset, 1))
            && !wn_compaction_add(compaction, &header,
                wn_span(envelope->data, envelope->len), NULL))
            return false;
    return true;
}

static WnCompacted
compact(const Spool *self, const WnJournalIo *io)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(WnStandings) standings = wn_standings_new();
    g_autoptr(WnOutcomeLog) log = open_log(self, standings);
    wn_autofd fd = segment_fd(&self->folder, self->segment);
    g_autoptr(WnCompaction) compaction = NULL;
    WnCompacted result = WN_NOT_COMPACTED;

    compaction = wn_compaction_begin(self->folder.path, self->segment, fd,
        &error);
    g_assert_no_error(error);
    wn_compaction_set_io(compaction, io);
    wn_outcome_log_set_io(log, io);
    if (copy_owed(compaction, fd, standings))
        result = wn_compaction_finish(compaction, standings, log, &error);
    if (result != WN_NOT_COMPACTED)
        wn_outcome_log_rewrite(log, NULL);
    /* Life goes on: the log must still take what comes, whoever it is for. */
    wn_outcome_log_set_io(log, &wn_journal_io_system);
    return result;
}

static uint64_t
file_size(const Spool *self, const char *name)
{
    g_autofree char *path = g_build_filename(self->folder.path, name, NULL);
    struct stat st;

    g_assert_cmpint(stat(path, &st), ==, 0);
    return (uint64_t)st.st_size;
}

static void
test_compact(void)
{
    g_auto(Spool) spool;
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;
    g_autofree char *again = NULL;

    spool_init(&spool);
    before = describe(&spool);
    g_assert_nonnull(strstr(before, "3 envelope 3 534: [0 #0 next 2007 held <>]"
                                    " [1 #11 next 2009 held <452 three>]"));
    g_assert_cmpint(compact(&spool, &wn_journal_io_system), ==, WN_COMPACTED);
    after = describe(&spool);
    g_assert_cmpuint(file_size(&spool, spool.segment), <, 720000);
    g_assert_cmpint(compact(&spool, &wn_journal_io_system), ==, WN_COMPACTED);
    again = describe(&spool);
    g_assert_cmpstr(after, ==, before);
    g_assert_cmpstr(again, ==, before);
}

/* False: there are not so many steps. */
static bool
die_at(const Spool *spool, Cut cut, unsigned step)
{
    int status;
    pid_t child = fork();

    g_assert_cmpint(child, >=, 0);
    if (child == 0) {
        Disaster disaster;

        doomed_init(&disaster);
        disaster.cut = cut;
        disaster.step = step;
        compact(spool, &disaster.io);
        _exit(1);
    }
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    g_assert_true(WIFEXITED(status));
    return WEXITSTATUS(status) == 0;
}

static void
test_death(gconstpointer data)
{
    Cut cut = (Cut)GPOINTER_TO_INT(data);
    unsigned step = 1;

    for (bool died = true; died; step++) {
        g_auto(Spool) spool;
        g_autofree char *before = NULL;
        g_autofree char *after = NULL;
        g_autofree char *finished = NULL;

        spool_init(&spool);
        before = describe(&spool);
        died = die_at(&spool, cut, step);
        after = describe(&spool);
        g_assert_cmpstr(after, ==, before);
        /* The next one gets over what is left behind. */
        g_assert_cmpint(compact(&spool, &wn_journal_io_system), ==,
            WN_COMPACTED);
        finished = describe(&spool);
        g_assert_cmpstr(finished, ==, before);
    }
    g_assert_cmpuint(step, >, 20);
}

static bool
fail_at(const Spool *spool, int errnum, unsigned step)
{
    Disaster disaster;
    bool reached;

    doomed_init(&disaster);
    disaster.errnum = errnum;
    disaster.step = step;
    compact(spool, &disaster.io);
    reached = disaster.n_steps >= step;
    doomed_clear(&disaster);
    return reached;
}

static void
test_failure(gconstpointer data)
{
    int errnum = GPOINTER_TO_INT(data);
    unsigned step = 1;

    for (bool failed = true; failed; step++) {
        g_auto(Spool) spool;
        g_autofree char *before = NULL;
        g_autofree char *after = NULL;

        spool_init(&spool);
        before = describe(&spool);
        failed = fail_at(&spool, errnum, step);
        after = describe(&spool);
        g_assert_cmpstr(after, ==, before);
    }
    g_assert_cmpuint(step, >, 20);
}

static int
no_folder_sync(const WnJournalIo *io, const char *path)
{
    (void)io, (void)path;
    errno = EIO;
    return -1;
}

/* The log was once written anew although the folder could not be synced: with a
 * power cut the old segment came back, and was delivered again. */
static void
test_no_rewrite_while_in_doubt(void)
{
    g_auto(Spool) spool;
    WnJournalIo io = wn_journal_io_system;
    g_autofree char *before = NULL, *after = NULL;
    g_autofree char *path = NULL, *old = NULL;

    spool_init(&spool);
    before = describe(&spool);
    path = g_build_filename(spool.folder.path, spool.segment, NULL);
    old = g_strconcat(path, ".bak", NULL);
    g_assert_cmpint(link(path, old), ==, 0);
    io.sync_folder = no_folder_sync;
    g_assert_cmpint(compact(&spool, &io), ==, WN_COMPACTED_IN_DOUBT);
    g_assert_cmpint(rename(old, path), ==, 0);
    g_assert_cmpstr((after = describe(&spool)), ==, before);
}

/* A recipient that is put off for days takes the place of one outcome. */
static void
test_rewrite(void)
{
    g_auto(Spool) spool;
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;
    uint64_t long_len, short_len;

    spool_init(&spool);
    {
        g_autoptr(WnStandings) standings = wn_standings_new();
        g_autoptr(WnOutcomeLog) log = open_log(&spool, standings);
        uint64_t offsets[N_MESSAGES];

        find_records(&spool, offsets);
        for (uint32_t i = 0; i < 1000; i++)
            wn_outcome_log_append(log,
                &(WnOutcome){ .kind = WN_OUTCOME_DEFERRED,
                    .offset = offsets[8],
                    .recipient = 1,
                    .attempts = i,
                    .reply = WN_SPAN("450 not yet, and not for a while") });
        g_assert_true(wn_outcome_log_flush(log, true, NULL));
        long_len = wn_outcome_log_len(log);
    }
    before = describe(&spool);
    {
        g_autoptr(WnStandings) standings = wn_standings_new();
        g_autoptr(WnOutcomeLog) log = open_log(&spool, standings);

        g_assert_true(wn_outcome_log_rewrite(log, NULL));
        short_len = wn_outcome_log_len(log);
    }
    after = describe(&spool);
    g_assert_cmpstr(after, ==, before);
    g_assert_cmpuint(short_len * 50, <, long_len);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    wn_log_set_level(WN_LEVEL_ERROR);
    g_test_add_func("/journal/compact/all", test_compact);
    g_test_add_data_func("/journal/compact/killed-anywhere",
        GINT_TO_POINTER(CUT_KILL), test_death);
    g_test_add_data_func("/journal/compact/power-cut-anywhere",
        GINT_TO_POINTER(CUT_POWER), test_death);
    g_test_add_data_func("/journal/compact/rename-lost-anywhere",
        GINT_TO_POINTER(CUT_FOLDER), test_death);
    g_test_add_data_func("/journal/compact/input-output-error",
        GINT_TO_POINTER(EIO), test_failure);
    g_test_add_data_func("/journal/compact/no-space", GINT_TO_POINTER(ENOSPC),
        test_failure);
    g_test_add_func("/journal/compact/no-rewrite-while-in-doubt",
        test_no_rewrite_while_in_doubt);
    g_test_add_func("/journal/compact/rewrite", test_rewrite);
    return g_test_run();
}
