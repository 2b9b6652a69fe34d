/* SPDX-License-Identifier: MIT */
#include "core/programs/ctl/explain_print.h"

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/text.h"
#include "core/filtering/trace.h"
#include "core/programs/ctl/explain_view.h"

void
explain_result_init(ExplainResult *self)
{
    const GPtrArray *addresses = self->facts->recipients;

    self->id = wn_id_new();
    self->recipients = g_array_new(FALSE, TRUE, sizeof(ExplainRecipient));
    self->arena = wn_arena_new(0);
    self->kept = g_ptr_array_new();
    for (guint i = 0; i < addresses->len; i++) {
        ExplainRecipient recipient = { .address = addresses->pdata[i],
            .scope = -1 };

        g_array_append_val(self->recipients, recipient);
    }
}

void
explain_result_clear(ExplainResult *self)
{
    for (guint i = 0; i < self->kept->len; i++)
        wn_response_clear(self->kept->pdata[i]);
    g_ptr_array_unref(self->kept);
    g_array_unref(self->recipients);
    wn_arena_free(self->arena);
}

void
explain_result_take(ExplainResult *self, WnSpan encoded)
{
    WnResponse *response = wn_arena_new0(self->arena, WnResponse);

    if (!wn_response_read(wn_arena_copy(self->arena, encoded), self->arena,
            response))
        return;
    g_ptr_array_add(self->kept, response);
    self->last = response;
}

const WnResponse *
explain_result_response(const ExplainResult *self)
{
    return self->last;
}

const WnResponse *
explain_result_keep(ExplainResult *self)
{
    const WnResponse *response = self->last;

    self->last = NULL;
    return response;
}

/* The decision that counts for a recipient, and its splices. */
static const WnScopeDecision *
decision_of(const ExplainResult *self, const ExplainRecipient *recipient,
    const GArray **out_splices)
{
    *out_splices = NULL;
    if (recipient->refused_early)
        return &recipient->early->decisions[0];
    if (recipient->scope < 0 || self->last == NULL
        || (uint32_t)recipient->scope >= self->last->n_decisions)
        return NULL;
    *out_splices = self->last->splices[recipient->scope];
    return &self->last->decisions[recipient->scope];
}

static const char *
action_name(const ExplainRecipient *recipient, const WnScopeDecision *decision)
{
    if (decision == NULL)
        return recipient->ours ? "tempfail" : "reject";
    if (decision->decided == WN_DECIDED_DELIVER && decision->redirect.len > 0)
        return "forward";
    return wn_decided_name(decision->decided);
}

/* The reply the client would see; transfer full. */
static char *
reply_text(const ExplainResult *self, const ExplainRecipient *recipient,
    const WnScopeDecision *decision)
{
    char id[WN_ID_TEXT_LEN + 1];

    wn_id_format(&self->id, id);
    if (decision == NULL && recipient->ours)
        return g_strdup_printf("451 4.7.1 Filters are not available, try again "
                               "[%s]",
            id);
    if (decision == NULL)
        return g_strdup_printf("550 %s %s [%s]",
            strcmp(recipient->why, "No such mailbox") == 0 ? "5.1.1" : "5.7.1",
            recipient->why, id);
    if (decision->decided == WN_DECIDED_REJECT
        || decision->decided == WN_DECIDED_TEMPFAIL)
        return g_strdup_printf("%u %.*s %.*s [%s]", decision->code,
            (int)decision->enhanced.len, decision->enhanced.ptr,
            (int)decision->text.len, decision->text.ptr, id);
    return g_strdup_printf("250 2.0.0 queued as %s", id);
}

static void
append_piece(void *user, WnSpan piece)
{
    g_string_append_len(user, piece.ptr, (gssize)piece.len);
}

/* The first who would get the message; NULL: nobody would. */
static const ExplainRecipient *
first_reached(const ExplainResult *self)
{
    for (guint i = 0; i < self->recipients->len; i++) {
        const ExplainRecipient *recipient = &g_array_index(self->recipients,
            ExplainRecipient, i);
        const GArray *splices;
        const WnScopeDecision *decision = decision_of(self, recipient,
            &splices);

        if (decision != NULL && decision->decided == WN_DECIDED_DELIVER)
            return recipient;
    }
    return NULL;
}

static void
write_trace(const ExplainResult *self, GString *out)
{
    const ExplainFacts *facts = self->facts;
    WnTraceFacts trace = { .id = self->id,
        .hostname = self->config->hostname,
        .client = facts->client,
        .helo = wn_span_str(facts->helo),
        .rdns = wn_span_str(facts->rdns),
        .rdns_status = facts->rdns_status,
        .esmtp = true,
        .now = wn_clock_unix() };

    if (self->recipients->len == 1)
        trace.recipient = wn_span_str(facts->recipients->pdata[0]);
    wn_trace_write(&trace, out);
}

/* The header as the recipient would get it, or would have got it were it not
 * for the decision (transfer full). */
static GString *
final_header(const ExplainResult *self, const ExplainRecipient *recipient)
{
    GString *out = g_string_new(NULL);
    const GArray *edits;
    const WnScopeDecision *decision = decision_of(self, recipient, &edits);
    g_autoptr(GArray) splices = g_array_new(FALSE, FALSE, sizeof(WnSplice));
    g_auto(WnHeaderBlock) block;

    wn_header_block_init(&block);
    wn_header_block_parse(&block, self->message);
    write_trace(self, out);
    if (decision != NULL)
        wn_trace_write_decision(decision, out);
    if (edits != NULL)
        g_array_append_vals(splices, edits->data, edits->len);
    wn_trace_remove_forged(self->message, &block, self->config->hostname,
        splices);
    if (wn_splices_normalise(splices, block.end))
        wn_splices_apply(splices, wn_span_slice(self->message, 0, block.end),
            append_piece, out);
    return out;
}

static void
print_findings(WnJson *json, const WnLedgerEntry *entry)
{
    wn_json_open_list(json, "findings");
    for (uint32_t i = 0; i < entry->n_findings; i++) {
        wn_json_open_object(json, NULL);
        wn_json_span(json, "rule", entry->findings[i].rule);
        wn_json_thousandths(json, "score", entry->findings[i].score);
        wn_json_span(json, "evidence", entry->findings[i].evidence);
        wn_json_close_object(json);
    }
    wn_json_close_list(json);
}

static void
print_entry(WnJson *json, const WnLedgerEntry *entry)
{
    wn_json_open_object(json, NULL);
    wn_json_span(json, "filter", entry->filter);
    wn_json_str(json, "verdict", wn_ledger_verdict_name(entry->verdict));
    wn_json_span(json, "rule",
        entry->n_findings > 0 ? entry->findings[0].rule : WN_SPAN_EMPTY);
    wn_json_span(json, "evidence",
        entry->n_findings > 0 ? entry->findings[0].evidence : WN_SPAN_EMPTY);
    if (entry->reason.len > 0)
        wn_json_span(json, "reason", entry->reason);
    wn_json_int(json, "usec", entry->usec);
    print_findings(json, entry);
    wn_json_close_object(json);
}

static void
print_recipient(const ExplainResult *self, const ExplainRecipient *recipient,
    WnJson *json)
{
    const GArray *splices;
    const WnScopeDecision *decision = decision_of(self, recipient, &splices);
    g_autofree char *reply = reply_text(self, recipient, decision);

    wn_json_open_object(json, NULL);
    wn_json_str(json, "recipient", recipient->address);
    wn_json_str(json, "action", action_name(recipient, decision));
    wn_json_str(json, "reply", reply);
    if (decision != NULL && decision->redirect.len > 0)
        wn_json_span(json, "forward_to", decision->redirect);
    else
        wn_json_str(json, "forward_to", NULL);
    wn_json_open_list(json, "filters");
    for (uint32_t i = 0; decision != NULL && i < decision->n_entries; i++)
        print_entry(json, &decision->entries[i]);
    wn_json_close_list(json);
    wn_json_close_object(json);
}

/* One string per field, unfolded. */
static void
print_headers(const ExplainResult *self, WnJson *json)
{
    const ExplainRecipient *reached = first_reached(self);
    g_autoptr(GString) header = NULL;
    g_auto(WnHeaderBlock) block;
    WnSpan span;

    if (reached == NULL)
        reached = &g_array_index(self->recipients, ExplainRecipient, 0);
    wn_json_open_list(json, "headers");
    header = final_header(self, reached);
    span = wn_span(header->str, header->len);
    wn_header_block_init(&block);
    wn_header_block_parse(&block, span);
    for (guint i = 0; i < block.fields->len; i++) {
        const WnField *field = &g_array_index(block.fields, WnField, i);
        g_autoptr(GString) text = g_string_new(NULL);

        for (uint32_t at = field->offset; at < field->end; at++)
            if (span.ptr[at] != '\r' && span.ptr[at] != '\n')
                g_string_append_c(text, span.ptr[at]);
        wn_json_span(json, NULL, wn_span(text->str, text->len));
    }
    wn_json_close_list(json);
}

void
explain_print_json(const ExplainResult *self, GString *out)
{
    char id[WN_ID_TEXT_LEN + 1];
    WnJson json;

    wn_id_format(&self->id, id);
    wn_json_init(&json, out);
    wn_json_open_object(&json, NULL);
    wn_json_str(&json, "file", self->path);
    wn_json_str(&json, "id", id);
    wn_json_int(&json, "generation", (int64_t)self->generation);
    wn_json_open_list(&json, "recipients");
    for (guint i = 0; i < self->recipients->len; i++)
        print_recipient(self,
            &g_array_index(self->recipients, ExplainRecipient, i), &json);
    wn_json_close_list(&json);
    print_headers(self, &json);
    if (self->with_view)
        explain_view_json(self, &json);
    wn_json_close_object(&json);
    g_string_append_c(out, '\n');
}

static void
append_entry(GString *out, const WnLedgerEntry *entry)
{
    g_string_append_printf(out, "    %-14.*s %-7s %5u us",
        (int)entry->filter.len, entry->filter.ptr,
        wn_ledger_verdict_name(entry->verdict), entry->usec);
    if (entry->n_findings > 0) {
        g_string_append_printf(out,
            "  %.*s: ", (int)entry->findings[0].rule.len,
            entry->findings[0].rule.ptr);
        explain_append_printable(out, entry->findings[0].evidence);
    }
    if (entry->action.len > 0)
        g_string_append_printf(out, "  -> %.*s", (int)entry->action.len,
            entry->action.ptr);
    if (entry->reason.len > 0)
        g_string_append_printf(out, "  (%.*s)", (int)entry->reason.len,
            entry->reason.ptr);
    g_string_append_c(out, '\n');
}

static void
append_recipient(const ExplainResult *self, const ExplainRecipient *recipient,
    GString *out)
{
    const GArray *splices;
    const WnScopeDecision *decision = decision_of(self, recipient, &splices);
    g_autofree char *reply = reply_text(self, recipient, decision);

    g_string_append_printf(out, "  %s: %s%s\n    %s\n", recipient->address,
        action_name(recipient, decision),
        recipient->refused_early ? ", at RCPT" : "", reply);
    if (decision != NULL && decision->redirect.len > 0)
        g_string_append_printf(out, "    forwarded to %.*s\n",
            (int)decision->redirect.len, decision->redirect.ptr);
    for (uint32_t i = 0; decision != NULL && i < decision->n_entries; i++)
        append_entry(out, &decision->entries[i]);
}

void
explain_print_text(const ExplainResult *self, GString *out)
{
    const ExplainRecipient *reached = first_reached(self);

    g_string_append_printf(out, "%s\n", self->path);
    for (guint i = 0; i < self->recipients->len; i++)
        append_recipient(self,
            &g_array_index(self->recipients, ExplainRecipient, i), out);
    if (reached != NULL) {
        g_autoptr(GString) header = final_header(self, reached);
        g_autofree char *title = g_strdup_printf("header that %s gets",
            reached->address);

        explain_append_lines(out, title, wn_span(header->str, header->len));
    }
    if (self->with_view)
        explain_view_text(self, out);
}
