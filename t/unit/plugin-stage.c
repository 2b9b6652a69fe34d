/* SPDX-License-Identifier: MIT */
#include "t/unit/plugin-stage.h"

#include "core/base/clock.h"
#include "core/conf/snapshot_writer.h"

#define START_UNIX_MS INT64_C(1790000000000)

void
stage_init(Stage *self, const struct WnPlugin *const *plugins,
    const char *folder)
{
    memset(self, 0, sizeof *self);
    wn_clock_fake(INT64_C(1000000), START_UNIX_MS);
    fixture_init(&self->files);
    self->loop = wn_loop_new();
    self->loader = wn_loader_new(folder != NULL ? folder : self->files.folder);
    for (unsigned i = 0; plugins != NULL && plugins[i] != NULL; i++)
        wn_loader_add_static(self->loader, plugins[i]);
    self->decided = g_string_new(NULL);
    fixture_write(&self->files, "winnow.conf",
        "[server]\nhostname = mx.example.net\n");
}

void
stage_clear(Stage *self)
{
    stage_hang_up(self);
    wn_chain_host_free(self->host);
    wn_resolver_free(self->resolver);
    wn_snapshot_unref(self->snapshot);
    wn_catalogue_free(self->catalogue);
    wn_config_free(self->config);
    wn_loader_free(self->loader);
    wn_loop_free(self->loop);
    g_string_free(self->decided, TRUE);
    fixture_clear(&self->files);
}

void
stage_snippet(Stage *self, const char *name, const char *text)
{
    g_autofree char *path = g_strdup_printf("conf.d/%s.conf", name);

    fixture_write(&self->files, path, text);
}

void
stage_domain(Stage *self, const char *name, const char *text)
{
    g_autofree char *path = g_strdup_printf("domains.d/%s.conf", name);
    g_autofree char
        *all = g_strdup_printf("[domain %s]\nservers = 192.0.2.25\n%s", name,
            text);

    fixture_write(&self->files, path, all);
}

void
stage_filters(Stage *self, const char *const *filters)
{
    for (int i = 0; filters[i] != NULL; i++) {
        g_autofree char *name = g_strdup_printf("%d0-f", i + 1);
        g_autofree char *text = g_strdup_printf("[filter %c]\n%s\n", 'a' + i,
            filters[i]);

        stage_snippet(self, name, text);
    }
}

typedef struct Reading {
    Stage *stage;
    WnSnapshotWriter *writer;
} Reading;

static void
on_domain(void *user, WnDomainSetting *take_domain)
{
    Reading *reading = user;

    wn_snapshot_writer_add(reading->writer, take_domain,
        reading->stage->files.problems);
}

static void
make_snapshot(Stage *self)
{
    g_autoptr(WnSnapshotWriter)
        writer = wn_snapshot_writer_new(self->config, self->catalogue);
    g_autofree char *folder = fixture_path(&self->files, "domains.d");
    g_autofree char *path = fixture_path(&self->files, "settings");
    g_autoptr(GByteArray) bytes = NULL;
    g_autoptr(GError) error = NULL;
    Reading reading = { self, writer };

    wn_domain_files_read(folder, self->files.problems, on_domain, &reading);
    bytes = wn_snapshot_writer_finish(writer, 1, self->files.problems);
    fixture_write_bytes(&self->files, "settings", bytes->data, bytes->len);
    self->snapshot = wn_snapshot_open(path, &error);
    g_assert_no_error(error);
}

void
stage_start(Stage *self)
{
    self->config = fixture_config(&self->files);
    self->catalogue = wn_loader_catalogue(self->loader, NULL, NULL);
    wn_config_check_filters(self->config, self->catalogue,
        self->files.problems);
    make_snapshot(self);
    self->host = wn_chain_host_new(self->loop, self->config, self->resolver);
    wn_chain_host_load(self->host, self->loader, self->files.problems);
}

void
stage_assert_no_problem(const Stage *self)
{
    assert_problems(self->files.problems, "");
}

static WnChainClient
client_of(const char *address, const char *helo)
{
    WnChainClient client = { .listener = WN_SPAN("0.0.0.0:25"),
        .helo = wn_span_str(helo),
        .rdns = WN_SPAN("client.example"),
        .rdns_status = WN_PTR_VERIFIED };

    g_assert_true(wn_netaddr_parse(wn_span_str(address), &client.address));
    return client;
}

void
stage_connect(Stage *self, const char *address)
{
    WnChainClient client = client_of(address, "");

    stage_hang_up(self);
    self->connection = wn_chain_connection_new(self->host, &client);
}

void
stage_helo(Stage *self, const char *helo)
{
    WnChainClient client = client_of("192.0.2.1", helo);

    wn_chain_connection_update(self->connection, &client);
}

void
stage_mail(Stage *self, const char *sender)
{
    static const char id_text[] = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    WnId id;

    stage_reset(self);
    g_assert_true(wn_id_parse(wn_span_str(id_text), &id));
    self->txn = wn_chain_txn_new(self->connection, self->snapshot, &id,
        wn_span_str(sender));
}

void
stage_reset(Stage *self)
{
    g_clear_pointer(&self->txn, wn_chain_txn_free);
    g_clear_pointer(&self->message, wn_message_free);
}

void
stage_hang_up(Stage *self)
{
    stage_reset(self);
    g_clear_pointer(&self->connection, wn_chain_connection_free);
}

/*
 * Decisions as text
 */

static void
append_span(GString *out, WnSpan text)
{
    g_string_append_len(out, text.ptr, (gssize)text.len);
}

static void
append_entry(GString *out, const WnLedgerEntry *entry)
{
    g_string_append(out, "; ");
    append_span(out, entry->filter);
    g_string_append_printf(out, ":%s", wn_ledger_verdict_name(entry->verdict));
    if (entry->n_findings > 0 || entry->reason.len > 0)
        g_string_append_c(out, '(');
    for (uint32_t i = 0; i < entry->n_findings; i++) {
        g_string_append(out, i > 0 ? "," : "");
        append_span(out, entry->findings[i].rule);
        g_string_append_c(out, '=');
        append_span(out, entry->findings[i].evidence);
    }
    append_span(out, entry->reason);
    if (entry->n_findings > 0 || entry->reason.len > 0)
        g_string_append_c(out, ')');
    if (entry->action.len > 0)
        g_string_append_c(out, '>');
    append_span(out, entry->action);
}

static void
append_edit(GString *out, const WnEdit *edit)
{
    static const char *const names[] = { "add", "set", "remove", "prefix" };

    g_string_append_printf(out, " +%s(", names[edit->kind]);
    append_span(out, edit->name);
    g_string_append_c(out, '=');
    append_span(out, edit->value);
    g_string_append_c(out, ')');
}

static void
append_decision(GString *out, const WnScopeDecision *decision)
{
    g_string_append(out, wn_decided_name(decision->decided));
    if (decision->code != 0) {
        g_string_append_printf(out, " %u ", decision->code);
        append_span(out, decision->enhanced);
        g_string_append(out, " \"");
        append_span(out, decision->text);
        g_string_append_c(out, '"');
    }
    if (decision->redirect.len > 0)
        g_string_append(out, " to ");
    append_span(out, decision->redirect);
    if (decision->filter.len > 0)
        g_string_append(out, " by ");
    append_span(out, decision->filter);
    for (uint32_t i = 0; i < decision->n_edits; i++)
        append_edit(out, &decision->edits[i]);
    for (uint32_t i = 0; i < decision->n_entries; i++)
        append_entry(out, &decision->entries[i]);
}

static void
on_decided(void *user, const WnScopeDecision *decisions, size_t n_decisions)
{
    Stage *self = user;

    g_assert_false(self->done);
    self->done = true;
    for (size_t i = 0; i < n_decisions; i++) {
        g_string_append(self->decided, i > 0 ? "\n" : "");
        append_decision(self->decided, &decisions[i]);
    }
}

/*
 * Runs
 */

static void
begin_run(Stage *self)
{
    self->done = false;
    g_string_truncate(self->decided, 0);
}

void
stage_run_connect(Stage *self)
{
    begin_run(self);
    wn_chain_connect(self->connection, on_decided, self);
    g_assert_false(self->done);
}

static uint32_t
class_of(const Stage *self, const char *recipient)
{
    const char *at = strrchr(recipient, '@');
    WnDomain domain;

    g_assert_true(
        wn_snapshot_domain(self->snapshot, wn_span_str(at + 1), &domain));
    return domain.class_id + self->shift_classes;
}

void
stage_ahead(Stage *self, const char *recipient)
{
    wn_chain_ahead(self->txn, class_of(self, recipient));
}

WnChainRun *
stage_run_rcpt(Stage *self, const char *recipient)
{
    WnChainRun *run;

    begin_run(self);
    run = wn_chain_rcpt(self->txn, class_of(self, recipient),
        wn_span_str(recipient), on_decided, self);
    g_assert_false(self->done);
    return run;
}

static uint32_t
scope_of(GArray *classes, uint32_t class_id)
{
    for (unsigned i = 0; i < classes->len; i++)
        if (g_array_index(classes, uint32_t, i) == class_id)
            return i;
    g_array_append_val(classes, class_id);
    return classes->len - 1;
}

WnChainRun *
stage_run_message(Stage *self, const char *text, const char *recipients)
{
    g_auto(GStrv) words = g_strsplit(recipients, " ", -1);
    unsigned n = g_strv_length(words);
    g_autofree WnChainRecipient *list = g_new0(WnChainRecipient, n);
    g_autoptr(GArray) classes = g_array_new(FALSE, FALSE, sizeof(uint32_t));

    for (unsigned i = 0; i < n; i++)
        list[i] = (WnChainRecipient){ .address = wn_span_str(words[i]),
            .scope = scope_of(classes, class_of(self, words[i])) };
    begin_run(self);
    g_clear_pointer(&self->message, wn_message_free);
    self->message = wn_message_new(wn_span_str(text));
    return wn_chain_message(self->txn, self->message,
        (const uint32_t *)(void *)classes->data, classes->len, list, n,
        on_decided, self);
}

void
stage_turn(Stage *self)
{
    wn_loop_turn(self->loop);
}

const char *
stage_wait(Stage *self)
{
    for (int i = 0; i < 200 && !self->done; i++)
        stage_turn(self);
    g_assert_true(self->done);
    return self->decided->str;
}

const char *
stage_rcpt(Stage *self, const char *recipient)
{
    stage_run_rcpt(self, recipient);
    return stage_wait(self);
}

const char *
stage_message(Stage *self, const char *text, const char *recipients)
{
    stage_run_message(self, text, recipients);
    return stage_wait(self);
}
