/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the tests of the spool share: a folder, a journal that fills it, and the
 * spool that follows it and notes what it finds.
 */

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
    GString *found;  /* "1[0,1] 2[0] 3![0]", the last one damaged */
    unsigned n_told;
    bool follow; /* tell the spool what is durable */
    char *segment;
    uint64_t durable;
} Stage;

static inline void
on_found(void *user, const WnSpoolFound *found)
{
    Stage *self = user;

    g_string_append_printf(self->found, "%" G_GUINT64_FORMAT "%s[",
        number_of(&found->id), found->damage != NULL ? "!" : "");
    for (uint32_t i = 0; i < found->n_recipients; i++) {
        const WnSpoolRecipient *recipient = &found->recipients[i];

        if (recipient->index == WN_SPOOL_NOBODY)
            g_string_append(self->found, "nobody");
        else
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

static inline void
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

static inline void
on_committed(void *user, WnCommit result)
{
    Stage *self = user;

    g_assert_cmpint(result, ==, WN_COMMIT_DURABLE);
    self->n_told++;
}

static inline void
open_spool(Stage *self)
{
    self->spool = wn_spool_new(self->loop, self->folder.path, on_found, self);
}

static inline void
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

static inline void
close_spool(Stage *self)
{
    g_clear_pointer(&self->spool, wn_spool_free);
    g_array_set_size(self->records, 0);
    g_string_truncate(self->found, 0);
}

static inline void
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
static inline void
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

static inline void
nothing(void *user)
{
    (void)user;
}

static inline void
spin(Stage *self)
{
    for (int i = 0; i < 50; i++) {
        wn_loop_defer(self->loop, nothing, NULL);
        wn_loop_turn(self->loop);
    }
}

static inline void
scan(Stage *self)
{
    wn_spool_scan(self->spool);
    spin(self);
    g_assert_false(wn_spool_is_recovering(self->spool));
}

static inline void
settle(Stage *self, guint record, uint32_t recipient, WnOutcomeKind kind)
{
    wn_spool_settle(&g_array_index(self->records, WnSpoolRecord, record),
        &(WnOutcome){ .kind = kind,
            .recipient = recipient,
            .attempts = 3,
            .next_attempt = 77,
            .reply = WN_SPAN("450 later") });
}

static inline void
drop_records(Stage *self)
{
    for (guint i = 0; i < self->records->len; i++)
        wn_spool_record_drop(&g_array_index(self->records, WnSpoolRecord, i));
    g_array_set_size(self->records, 0);
}

static inline unsigned
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

static inline void
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
