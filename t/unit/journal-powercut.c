/* SPDX-License-Identifier: MIT */

/*
 * Power cuts in miniature.  Every write to the segment, every sync that has
 * returned and every acknowledgement is noted in the order in which it
 * happened.  A cut anywhere in that history leaves what the last sync covered,
 * and of each later write whichever sectors chance has brought to the disk.
 * Recovery must find every message acknowledged before the cut.
 */

#include "core/journal/writer.h"

#include "t/unit/journal-fixture.h"

#include <sys/mman.h>

#define SECTOR 512
#define IMAGE_SIZE (4 << 20)
#define N_MESSAGES 250
#define N_UNDER_WAY 12
#define N_CUTS 100

typedef enum { NOTE_WRITE, NOTE_SYNCED, NOTE_ACK } NoteKind;

typedef struct Note {
    NoteKind kind;
    uint64_t offset; /* WRITE */
    GBytes *bytes;   /* WRITE */
    guint covered;   /* SYNCED: all writes among so many first notes */
    uint64_t number; /* ACK */
} Note;

typedef struct History {
    WnJournalIo io; /* first: the functions get a pointer to it */
    pthread_mutex_t lock;
    GArray *notes;
} History;

typedef struct Sender {
    WnLoop *loop;
    WnJournal *journal;
    History history;
    uint64_t next;
    guint n_acked;
} Sender;

static History *
history_of(const WnJournalIo *io)
{
    return (History *)(uintptr_t)io;
}

static void
note(History *self, const Note *what)
{
    pthread_mutex_lock(&self->lock);
    g_array_append_vals(self->notes, what, 1);
    pthread_mutex_unlock(&self->lock);
}

static ssize_t
noting_pwritev(const WnJournalIo *io, int fd, const struct iovec *parts,
    int n_parts, uint64_t offset)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    ssize_t n = wn_journal_io_system.pwritev(io, fd, parts, n_parts, offset);

    g_assert_cmpint(n, >, 0);
    for (int i = 0; i < n_parts; i++)
        g_byte_array_append(bytes, parts[i].iov_base, (guint)parts[i].iov_len);
    note(history_of(io), &(Note){ .kind = NOTE_WRITE,
                             .offset = offset,
                             .bytes = g_bytes_new(bytes->data, (gsize)n) });
    return n;
}

static int
noting_sync(const WnJournalIo *io, int fd)
{
    History *self = history_of(io);
    guint covered;
    int result;

    pthread_mutex_lock(&self->lock);
    covered = self->notes->len;
    pthread_mutex_unlock(&self->lock);
    result = wn_journal_io_system.sync(io, fd);
    note(self, &(Note){ .kind = NOTE_SYNCED, .covered = covered });
    return result;
}

static void
history_init(History *self)
{
    self->io = wn_journal_io_system;
    self->io.pwritev = noting_pwritev;
    self->io.sync = noting_sync;
    pthread_mutex_init(&self->lock, NULL);
    self->notes = g_array_new(FALSE, FALSE, sizeof(Note));
}

static void
history_clear(History *self)
{
    for (guint i = 0; i < self->notes->len; i++)
        g_bytes_unref(g_array_index(self->notes, Note, i).bytes);
    g_array_unref(self->notes);
}

static void sender_append(Sender *self);

static void
on_committed(void *user, WnCommit result)
{
    Sender *self = user;

    g_assert_cmpint(result, ==, WN_COMMIT_DURABLE);
    note(&self->history,
        &(Note){ .kind = NOTE_ACK, .number = self->n_acked++ });
}

static void
sender_append(Sender *self)
{
    char body[6000];
    WnId id = id_of(self->next++);

    memset(body, 'x', sizeof body);
    wn_journal_append(self->journal, &id, WN_SPAN("envelope"),
        &(WnAppendBody){
            .span = { body, (size_t)g_test_rand_int_range(0, sizeof body) },
            .fd = -1 },
        on_committed, self);
}

/* One message a turn, so that some are written while a sync is under way. */
static void
on_turn(void *user)
{
    Sender *self = user;

    if (self->next - self->n_acked < N_UNDER_WAY && self->next < N_MESSAGES)
        sender_append(self);
    wn_loop_defer(self->loop, on_turn, self);
}

static void
run_sender(Sender *self, const Folder *folder)
{
    history_init(&self->history);
    self->loop = wn_loop_new();
    self->journal = wn_journal_new(self->loop, folder->path, "cut", NULL, NULL);
    wn_journal_set_io(self->journal, &self->history.io);
    wn_loop_defer(self->loop, on_turn, self);
    while (self->n_acked < N_MESSAGES)
        wn_loop_turn(self->loop);
    wn_journal_free(self->journal);
    wn_loop_free(self->loop);
}

/* Applies a write, each sector of the disk with this chance in 10. */
static void
apply(uint8_t *image, const Note *write, int chance)
{
    gsize len;
    const uint8_t *bytes = g_bytes_get_data(write->bytes, &len);
    uint64_t end = write->offset + len;

    g_assert_cmpuint(end, <=, IMAGE_SIZE);
    for (uint64_t at = write->offset; at < end;) {
        uint64_t next = MIN((at / SECTOR + 1) * SECTOR, end);

        if (chance == 10 || g_test_rand_int_range(0, 10) < chance)
            memcpy(image + at, bytes + (at - write->offset), next - at);
        at = next;
    }
}

/* What is on disk when the power goes after the first cut notes, and how many
 * messages have been acknowledged by then. */
static guint
image_at(const History *history, guint cut, int chance, uint8_t *image)
{
    guint covered = 0;
    guint n_acked = 0;

    for (guint i = 0; i < cut; i++) {
        const Note *one = &g_array_index(history->notes, Note, i);

        if (one->kind == NOTE_SYNCED)
            covered = one->covered;
        if (one->kind == NOTE_ACK)
            n_acked = (guint)one->number + 1;
    }
    memset(image, 0, IMAGE_SIZE);
    for (guint i = 0; i < cut; i++) {
        const Note *one = &g_array_index(history->notes, Note, i);

        if (one->kind == NOTE_WRITE)
            apply(image, one, i < covered ? 10 : chance);
    }
    return n_acked;
}

static void
check_cut(const History *history, guint cut, int chance, int fd)
{
    uint8_t *image = mmap(NULL, IMAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
        fd, 0);
    guint n_acked;

    g_assert_true(image != MAP_FAILED);
    n_acked = image_at(history, cut, chance, image);
    munmap(image, IMAGE_SIZE);
    {
        g_auto(Found) found = recover(fd, UINT64_MAX);

        if (n_acked == 0)
            return;
        g_assert_cmpuint(found.numbers->len, >=, n_acked);
        for (guint i = 0; i < n_acked; i++)
            g_assert_cmpuint(g_array_index(found.numbers, uint64_t, i), ==, i);
    }
}

/* The worst moment: the power goes right after an acknowledgement, and nothing
 * has reached the disk that no sync has brought there. */
static void
test_cut_after_each_acknowledgement(void)
{
    g_auto(Folder) folder = folder_make();
    Sender sender = { 0 };
    wn_autofd fd = memfd_create("image", MFD_CLOEXEC);
    const GArray *notes;

    g_assert_cmpint(ftruncate(fd, IMAGE_SIZE), ==, 0);
    run_sender(&sender, &folder);
    notes = sender.history.notes;
    for (guint i = 0; i < notes->len; i++) {
        if (g_array_index(notes, Note, i).kind == NOTE_ACK)
            check_cut(&sender.history, i + 1, 0, fd);
    }
    history_clear(&sender.history);
}

static void
test_cut_anywhere(void)
{
    static const int chances[] = { 0, 3, 7, 10 };
    g_auto(Folder) folder = folder_make();
    Sender sender = { 0 };
    wn_autofd fd = memfd_create("image", MFD_CLOEXEC);

    g_assert_cmpint(ftruncate(fd, IMAGE_SIZE), ==, 0);
    run_sender(&sender, &folder);
    for (int i = 0; i < N_CUTS; i++)
        check_cut(&sender.history,
            (guint)g_test_rand_int_range(0, (int)sender.history.notes->len + 1),
            chances[i % 4], fd);
    history_clear(&sender.history);
}

/* The test itself can tell: with the last group's writes gone, messages are
 * missing that it would have to find. */
static void
test_notices_loss(void)
{
    g_auto(Folder) folder = folder_make();
    Sender sender = { 0 };
    wn_autofd fd = memfd_create("image", MFD_CLOEXEC);
    g_autofree uint8_t *image = g_malloc(IMAGE_SIZE);
    guint n_notes;

    run_sender(&sender, &folder);
    n_notes = sender.history.notes->len;
    for (guint i = n_notes / 2; i < n_notes; i++)
        g_array_index(sender.history.notes, Note, i).covered = 0;
    g_assert_cmpuint(image_at(&sender.history, n_notes, 0, image), ==,
        N_MESSAGES);
    g_assert_true(wn_fd_pwrite_all(fd, wn_span(image, IMAGE_SIZE), 0));
    {
        g_auto(Found) found = recover(fd, UINT64_MAX);

        g_assert_cmpuint(found.numbers->len, <, N_MESSAGES);
    }
    history_clear(&sender.history);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/journal/powercut/after-each-acknowledgement",
        test_cut_after_each_acknowledgement);
    g_test_add_func("/journal/powercut/anywhere", test_cut_anywhere);
    g_test_add_func("/journal/powercut/notices-loss", test_notices_loss);
    return g_test_run();
}
