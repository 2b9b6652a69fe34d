/* SPDX-License-Identifier: MIT */
#include "core/queue/spool.h"

#include "core/base/clock.h"
#include "core/base/log.h"
#include "t/unit/journal-fixture.h"

#include <stdio.h>

#define MESSAGE_LEN 100

typedef struct Stage {
    Folder folder;
    WnLoop *loop;
    WnJournal *journal;
    WnSpool *spool;
    GArray *records; /* WnSpoolRecord, held */
    GString *found;  /* "1[0,1] 2[0]" */
    unsigned n_told;
    bool follow; /* tell the spool what is durable */
    char *segment;
    uint64_t durable;
} Stage;

static void
on_found(void *user, const WnSpoolFound *found)
{
    Stage *self = user;

    g_string_append_printf(self->found, "%" G_GUINT64_FORMAT "[",
        number_of(&found->id));
    for (uint32_t i = 0; i < found->n_recipients; i++) {
        const WnSpoolRecipient *recipient = &found->recipients[i];

        g_string_append_printf(self->found, "%s%u", i > 0 ? "," : "",
            recipient->index);
        if (recipient->attempts > 0)
            g_string_append_printf(self->found, ":%u:%d:%s",
                recipient->attempts, (int)recipient->next_attempt,
                recipient->last_reply);
        if (recipient->held)
            g_string_append(self->found, ":held");
        if (recipient->delay_noted)
            g_string_append(self->found, ":noted");
    }
    g_string_append(self->found, "] ");
    wn_spool_record_hold(&found->record);
    g_array_append_val(self->records, found->record);
}

static void
on_durable(void *user, const char *segment, uint64_t durable, bool sealed)
{
    Stage *self = user;

    (void)sealed;
    g_free(self->segment);
    self->segment = g_strdup(segment);
    self->durable = durable;
    if (self->follow)
        wn_spool_durable(self->spool, segment, durable);
}

static void
on_committed(void *user, WnCommit result)
{
    Stage *self = user;

    g_assert_cmpint(result, ==, WN_COMMIT_DURABLE);
    self->n_told++;
}

static void
open_spool(Stage *self)
{
    self->spool = wn_spool_new(self->loop, self->folder.path, on_found, self);
}

static void
stage_init(Stage *self)
{
    wn_clock_fake(1000000, 1000000);
    *self = (Stage){ .folder = folder_make(), .loop = wn_loop_new() };
    self->records = g_array_new(FALSE, FALSE, sizeof(WnSpoolRecord));
    self->found = g_string_new(NULL);
    self->journal = wn_journal_new(self->loop, self->folder.path, "w",
        on_durable, self);
    open_spool(self);
}

static void
close_spool(Stage *self)
{
    g_clear_pointer(&self->spool, wn_spool_free);
    g_array_set_size(self->records, 0);
    g_string_truncate(self->found, 0);
}

static void
stage_clear(Stage *self)
{
    wn_journal_free(self->journal);
    close_spool(self);
    wn_loop_free(self->loop);
    g_array_unref(self->records);
    g_string_free(self->found, TRUE);
    g_free(self->segment);
    folder_clear(&self->folder);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Stage, stage_clear)

/* Messages first to last, with so many recipients each. */
static void
append(Stage *self, uint64_t first, uint64_t last, unsigned n_recipients)
{
    char body[MESSAGE_LEN];
    g_auto(WnEnvelope) envelope;
    g_auto(WnWriter) writer;
    WnEnvelopeScope scope = { .domain = WN_SPAN("x.example"),
        .redirect = WN_SPAN_EMPTY,
        .prepend = WN_SPAN_EMPTY };
    WnEnvelopeRecipient recipient = { .address = WN_SPAN("a@x.example"),
        .notify = WN_SPAN_EMPTY,
        .orcpt = WN_SPAN_EMPTY };
    unsigned expected = self->n_told + (unsigned)(last - first + 1);

    memset(body, 'b', sizeof body);
    memcpy(body + sizeof body - 2, "\r\n", 2);
    wn_envelope_init(&envelope);
    wn_writer_init(&writer);
    g_array_append_val(envelope.scopes, scope);
    for (unsigned i = 0; i < n_recipients; i++)
        g_array_append_val(envelope.recipients, recipient);
    wn_envelope_write(&envelope, &writer);
    for (uint64_t n = first; n <= last; n++) {
        WnId id = id_of(n);
        WnAppendBody bytes = { .span = wn_span(body, sizeof body), .fd = -1 };

        wn_journal_append(self->journal, &id, wn_writer_span(&writer), &bytes,
            on_committed, self);
    }
    for (int i = 0; i < 1000 && self->n_told < expected; i++)
        wn_loop_turn(self->loop);
    g_assert_cmpuint(self->n_told, ==, expected);
}

static void
nothing(void *user)
{
    (void)user;
}

static void
spin(Stage *self)
{
    for (int i = 0; i < 50; i++) {
        wn_loop_defer(self->loop, nothing, NULL);
        wn_loop_turn(self->loop);
    }
}

static void
scan(Stage *self)
{
    wn_spool_scan(self->spool);
    spin(self);
    g_assert_false(wn_spool_is_recovering(self->spool));
}

static void
settle(Stage *self, guint record, uint32_t recipient, WnOutcomeKind kind)
{
    wn_spool_settle(&g_array_index(self->records, WnSpoolRecord, record),
        &(WnOutcome){ .kind = kind,
            .recipient = recipient,
            .attempts = 3,
            .next_attempt = 77,
            .reply = WN_SPAN("450 later") });
}

static void
drop_records(Stage *self)
{
    for (guint i = 0; i < self->records->len; i++)
        wn_spool_record_drop(&g_array_index(self->records, WnSpoolRecord, i));
    g_array_set_size(self->records, 0);
}

static unsigned
n_files(Stage *self, const char *folder)
{
    g_autofree char *path = g_build_filename(self->folder.path, folder, NULL);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;
    unsigned n = 0;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL)
        n += strchr(name, '.') != NULL;
    return n;
}

static void
test_follow(void)
{
    g_auto(Stage) stage = { 0 };

    stage_init(&stage);
    stage.follow = true;
    append(&stage, 1, 2, 2);
    g_assert_cmpstr(stage.found->str, ==, "1[0,1] 2[0,1] ");
    append(&stage, 3, 3, 1);
    g_assert_cmpstr(stage.found->str, ==, "1[0,1] 2[0,1] 3[0] ");
    /* The same word again, and nonsense. */
    wn_spool_durable(stage.spool, stage.segment, stage.durable);
    wn_spool_durable(stage.spool, stage.segment, 70);
    wn_spool_durable(stage.spool, "../x.seg", 1000);
    wn_spool_durable(stage.spool, "none-0000000000000000.seg", 1000);
    scan(&stage);
    g_assert_cmpstr(stage.found->str, ==, "1[0,1] 2[0,1] 3[0] ");
    g_assert_cmpuint(wn_spool_n_unsettled(stage.spool), ==, 5);
}

/* What nobody has said is durable stays where it is while the writer lives. */
static void
test_live_writer(void)
{
    g_auto(Stage) stage = { 0 };

    stage_init(&stage);
    append(&stage, 1, 3, 1);
    scan(&stage);
    g_assert_cmpstr(stage.found->str, ==, "");
    g_clear_pointer(&stage.journal, wn_journal_free);
    wn_clock_fake_step(WN_SPOOL_SCAN_MS);
    spin(&stage);
    g_assert_cmpstr(stage.found->str, ==, "1[0] 2[0] 3[0] ");
}

static void
test_content(void)
{
    g_auto(Stage) stage = { 0 };
    g_autoptr(GError) error = NULL;
    WnSpoolContent content;

    stage_init(&stage);
    stage.follow = true;
    append(&stage, 1, 2, 1);
    g_assert_true(wn_spool_read(&g_array_index(stage.records, WnSpoolRecord, 1),
        WN_SPOOL_WHOLE, &content, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(number_of(&content.header.id), ==, 2);
    g_assert_cmpuint(content.wire.len, ==, MESSAGE_LEN + 3);
    g_assert_true(wn_span_eq(wn_span_slice(content.wire, MESSAGE_LEN - 3, 6),
        WN_SPAN("b\r\n.\r\n")));
    g_assert_cmpuint(content.envelope.recipients->len, ==, 1);
    wn_spool_content_clear(&content);
}

static void
test_deletion(void)
{
    g_auto(Stage) stage = { 0 };

    stage_init(&stage);
    stage.follow = true;
    scan(&stage);
    append(&stage, 1, 1, 2);
    settle(&stage, 0, 0, WN_OUTCOME_DELIVERED);
    g_clear_pointer(&stage.journal, wn_journal_free);
    wn_clock_fake_step(2000);
    spin(&stage);
    g_assert_cmpuint(n_files(&stage, "."), ==, 2);
    settle(&stage, 0, 1, WN_OUTCOME_DELIVERED);
    wn_clock_fake_step(WN_OUTCOME_SYNC_MS);
    spin(&stage);
    /* Somebody still looks at it. */
    g_assert_cmpuint(n_files(&stage, "."), ==, 2);
    drop_records(&stage);
    wn_clock_fake_step(WN_SPOOL_SCAN_MS);
    spin(&stage);
    g_assert_cmpuint(n_files(&stage, "."), ==, 0);
    g_assert_cmpuint(wn_spool_n_segments(stage.spool), ==, 0);
}

static void
test_recovery(void)
{
    g_auto(Stage) stage = { 0 };

    stage_init(&stage);
    stage.follow = true;
    append(&stage, 1, 5, 2);
    settle(&stage, 0, 0, WN_OUTCOME_DELIVERED);
    settle(&stage, 0, 1, WN_OUTCOME_BOUNCED);
    settle(&stage, 1, 0, WN_OUTCOME_DEFERRED);
    settle(&stage, 1, 0, WN_OUTCOME_DELAY_NOTED);
    settle(&stage, 2, 1, WN_OUTCOME_HELD);
    settle(&stage, 3, 0, WN_OUTCOME_DEFERRED);
    settle(&stage, 3, 0, WN_OUTCOME_DELIVERED);
    settle(&stage, 3, 0, WN_OUTCOME_DELAY_NOTED); /* too late to matter */
    settle(&stage, 4, 0, WN_OUTCOME_HELD);
    settle(&stage, 4, 0, WN_OUTCOME_RELEASED);
    close_spool(&stage);
    stage.follow = false;
    g_clear_pointer(&stage.journal, wn_journal_free);
    open_spool(&stage);
    scan(&stage);
    g_assert_cmpstr(stage.found->str, ==,
        "2[0:3:77:450 later:noted,1] 3[0,1:3:77:450 later:held] 4[1] "
        "5[0:3:0:450 later,1] ");
    g_assert_cmpuint(wn_spool_n_unsettled(stage.spool), ==, 7);
}

/* All settled in an earlier run: deleted without being given out. */
static void
test_settled_leftovers(void)
{
    g_auto(Stage) stage = { 0 };
    g_autofree char *rubbish = NULL;

    stage_init(&stage);
    stage.follow = true;
    append(&stage, 1, 1, 1);
    settle(&stage, 0, 0, WN_OUTCOME_EXPIRED);
    close_spool(&stage);
    g_clear_pointer(&stage.journal, wn_journal_free);
    rubbish = g_build_filename(stage.folder.path, "w-0000000000000001.out",
        NULL);
    g_assert_true(g_file_set_contents(rubbish, "x", 1, NULL));
    open_spool(&stage);
    scan(&stage);
    g_assert_cmpstr(stage.found->str, ==, "");
    g_assert_cmpuint(n_files(&stage, "."), ==, 0);
}

static void
patch_segment(Stage *self, size_t offset, char byte)
{
    g_autofree char *path = g_build_filename(self->folder.path, self->segment,
        NULL);
    FILE *file = fopen(path, "r+");

    g_assert_nonnull(file);
    g_assert_cmpint(fseek(file, (long)offset, SEEK_SET), ==, 0);
    g_assert_cmpint(fputc(byte, file), ==, byte);
    g_assert_cmpint(fclose(file), ==, 0);
}

/* The valid ones are delivered, then the file is kept for people to look at. */
static void
test_damaged_record(void)
{
    g_auto(Stage) stage = { 0 };

    stage_init(&stage);
    stage.follow = true;
    append(&stage, 1, 3, 1);
    patch_segment(&stage,
        g_array_index(stage.records, WnSpoolRecord, 1).offset + 200, 'x');
    close_spool(&stage);
    g_clear_pointer(&stage.journal, wn_journal_free);
    open_spool(&stage);
    scan(&stage);
    g_assert_cmpstr(stage.found->str, ==, "1[0] 3[0] ");
    settle(&stage, 0, 0, WN_OUTCOME_DELIVERED);
    settle(&stage, 1, 0, WN_OUTCOME_DELIVERED);
    drop_records(&stage);
    wn_clock_fake_step(2000);
    spin(&stage);
    g_assert_cmpuint(n_files(&stage, "."), ==, 0);
    g_assert_cmpuint(n_files(&stage, "damaged"), ==, 2);
}

static void
test_read_finds_damage(void)
{
    g_auto(Stage) stage = { 0 };
    g_autoptr(GError) error = NULL;
    WnSpoolContent content;

    stage_init(&stage);
    stage.follow = true;
    append(&stage, 1, 1, 1);
    patch_segment(&stage,
        g_array_index(stage.records, WnSpoolRecord, 0).offset + 200, 'x');
    g_assert_true(wn_spool_read(&g_array_index(stage.records, WnSpoolRecord, 0),
        WN_SPOOL_ENVELOPE, &content, NULL));
    wn_spool_content_clear(&content);
    g_assert_false(
        wn_spool_read(&g_array_index(stage.records, WnSpoolRecord, 0),
            WN_SPOOL_WHOLE, &content, &error));
    g_assert_nonnull(strstr(error->message, "wrong checksum"));
    wn_spool_content_clear(&content);
}

static void
test_rubbish_segment(void)
{
    g_auto(Stage) stage = { 0 };
    g_autofree char *path = NULL;

    stage_init(&stage);
    path = g_build_filename(stage.folder.path, "w-0000000000000009.seg", NULL);
    g_assert_true(g_file_set_contents(path, "not a segment", -1, NULL));
    scan(&stage);
    g_assert_cmpuint(n_files(&stage, "."), ==, 0);
    g_assert_cmpuint(n_files(&stage, "damaged"), ==, 1);
}

/* Cut off anywhere, a segment yields a prefix of its records. */
static void
test_truncation(void)
{
    g_auto(Stage) first = { 0 };
    g_autofree char *bytes = NULL;
    g_autofree char *path = NULL;
    gsize len = 0;

    stage_init(&first);
    first.follow = true;
    append(&first, 1, 3, 1);
    path = g_build_filename(first.folder.path, first.segment, NULL);
    g_assert_true(g_file_get_contents(path, &bytes, &len, NULL));
    for (size_t cut = 0; cut < first.durable; cut += 7) {
        static const char *const prefixes[] = { "", "1[0] ", "1[0] 2[0] ",
            "1[0] 2[0] 3[0] " };
        g_auto(Stage) stage = { 0 };
        g_autofree char *copy = NULL;
        bool is_prefix = false;

        stage_init(&stage);
        copy = g_build_filename(stage.folder.path, first.segment, NULL);
        g_assert_true(g_file_set_contents(copy, bytes, (gssize)cut, NULL));
        scan(&stage);
        for (size_t i = 0; i < G_N_ELEMENTS(prefixes); i++)
            is_prefix |= g_str_equal(stage.found->str, prefixes[i]);
        g_assert_true(is_prefix);
        drop_records(&stage);
    }
}

/* A second queue must not deliver the same segment. */
static void
test_two_queues(void)
{
    g_auto(Stage) stage = { 0 };
    WnSpool *second;

    stage_init(&stage);
    append(&stage, 1, 2, 1);
    g_clear_pointer(&stage.journal, wn_journal_free);
    scan(&stage);
    g_assert_cmpstr(stage.found->str, ==, "1[0] 2[0] ");
    second = wn_spool_new(stage.loop, stage.folder.path, on_found, &stage);
    wn_spool_scan(second);
    spin(&stage);
    g_assert_cmpstr(stage.found->str, ==, "1[0] 2[0] ");
    g_assert_cmpuint(n_files(&stage, "damaged"), ==, 0);
    wn_spool_free(second);
}

static void
test_many(void)
{
    g_auto(Stage) stage = { 0 };

    stage_init(&stage);
    for (uint64_t n = 1; n < 3000; n += 100)
        append(&stage, n, n + 99, 1);
    g_clear_pointer(&stage.journal, wn_journal_free);
    wn_spool_scan(stage.spool);
    g_assert_true(wn_spool_is_recovering(stage.spool));
    /* Not all in one turn: other work goes on meanwhile. */
    wn_loop_turn(stage.loop);
    g_assert_cmpuint(stage.records->len, <, 1000);
    spin(&stage);
    g_assert_cmpuint(stage.records->len, ==, 3000);
    drop_records(&stage);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    wn_log_set_level(WN_LEVEL_ERROR);
    g_test_add_func("/queue/spool/follow", test_follow);
    g_test_add_func("/queue/spool/live-writer", test_live_writer);
    g_test_add_func("/queue/spool/content", test_content);
    g_test_add_func("/queue/spool/deletion", test_deletion);
    g_test_add_func("/queue/spool/recovery", test_recovery);
    g_test_add_func("/queue/spool/leftovers", test_settled_leftovers);
    g_test_add_func("/queue/spool/damaged-record", test_damaged_record);
    g_test_add_func("/queue/spool/read-finds-damage", test_read_finds_damage);
    g_test_add_func("/queue/spool/rubbish-segment", test_rubbish_segment);
    g_test_add_func("/queue/spool/truncation", test_truncation);
    g_test_add_func("/queue/spool/two-queues", test_two_queues);
    g_test_add_func("/queue/spool/many", test_many);
    return g_test_run();
}
