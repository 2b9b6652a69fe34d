/* SPDX-License-Identifier: MIT */
#include "core/programs/ctl/explain_print.h"

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/filtering/trace.h"
#include "core/message/message.h"

void
explain_result_init(ExplainResult *self, const char *path,
    const ExplainFacts *facts)
{
    *self = (ExplainResult){ .path = path,
        .id = wn_id_new(),
        .recipients = g_array_new(FALSE, TRUE, sizeof(ExplainRecipient)),
        .arena = wn_arena_new(0),
        .kept = g_ptr_array_new() };
    for (guint i = 0; i < facts->recipients->len; i++) {
        ExplainRecipient recipient = { .address = facts->recipients->pdata[i],
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
action_name(const WnScopeDecision *decision)
{
    if (decision == NULL)
        return "reject";
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
    if (decision == NULL)
        return g_strdup_printf("550 %s %s",
            strcmp(recipient->why, "No such mailbox") == 0 ? "5.1.1" : "5.7.1",
            recipient->why);
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

/* The header as it would be delivered to the recipient (transfer full). */
static GString *
final_header(const ExplainResult *self, const ExplainFacts *facts,
    const ExplainRecipient *recipient, WnSpan message, const WnConfig *config)
{
    GString *out = g_string_new(NULL);
    const GArray *edits;
    const WnScopeDecision *decision = decision_of(self, recipient, &edits);
    WnTraceFacts trace = { .id = self->id,
        .hostname = config->hostname,
        .client = facts->client,
        .helo = wn_span_str(facts->helo),
        .rdns = wn_span_str(facts->rdns),
        .rdns_status = facts->rdns_status,
        .esmtp = true,
        .recipient = wn_span_str(recipient->address),
        .now = wn_clock_unix() };
    g_autoptr(GArray) splices = g_array_new(FALSE, FALSE, sizeof(WnSplice));
    g_auto(WnHeaderBlock) block;

    wn_header_block_init(&block);
    wn_header_block_parse(&block, message);
    wn_trace_write(&trace, out);
    if (decision != NULL)
        wn_trace_write_decision(decision, out);
    if (edits != NULL)
        g_array_append_vals(splices, edits->data, edits->len);
    wn_trace_remove_forged(message, &block, config->hostname, splices);
    if (wn_splices_normalise(splices, block.end))
        wn_splices_apply(splices, wn_span_slice(message, 0, block.end),
            append_piece, out);
    return out;
}

static void
print_findings(WnJson *json, const WnLedgerEntry *entry)
{
    wn_json_open_list(json, "findings");
    for (uint32_t i = 0; i < entry->n_findings; i++) {
        char score[32];

        g_ascii_formatd(score, sizeof score, "%.3f",
            entry->findings[i].score / 1000.0);
        wn_json_open_object(json, NULL);
        wn_json_span(json, "rule", entry->findings[i].rule);
        wn_json_str(json, "score", score);
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
    wn_json_str(json, "action", action_name(decision));
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
print_headers(const ExplainResult *self, const ExplainFacts *facts,
    WnSpan message, const WnConfig *config, WnJson *json)
{
    g_autoptr(GString) header = NULL;
    g_auto(WnHeaderBlock) block;
    WnSpan span;

    wn_json_open_list(json, "headers");
    header = final_header(self, facts,
        &g_array_index(self->recipients, ExplainRecipient, 0), message, config);
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

static const struct {
    uint32_t flag;
    const char *name;
} problem_names[] = {
    { WN_MESSAGE_TOO_DEEP, "too-deep" },
    { WN_MESSAGE_TOO_MANY, "too-many" },
    { WN_MESSAGE_TRUNCATED, "truncated" },
    { WN_MESSAGE_BARE_EOL, "bare-eol" },
    { WN_MESSAGE_8BIT_HEADER, "8bit-header" },
};

static void
print_view(WnSpan bytes, WnJson *json)
{
    g_autoptr(WnMessage) message = wn_message_new(bytes);
    uint32_t problems = wn_message_problems(message);

    wn_json_open_object(json, "view");
    wn_json_span(json, "text", wn_message_text(message, WN_FORM_SHOWN));
    wn_json_span(json, "folded", wn_message_text(message, WN_FORM_FOLDED));
    wn_json_span(json, "hidden", wn_message_text(message, WN_FORM_HIDDEN));
    wn_json_open_list(json, "urls");
    wn_json_close_list(json);
    wn_json_open_list(json, "phones");
    wn_json_close_list(json);
    wn_json_open_list(json, "problems");
    for (size_t i = 0; i < G_N_ELEMENTS(problem_names); i++)
        if ((problems & problem_names[i].flag) != 0)
            wn_json_str(json, NULL, problem_names[i].name);
    wn_json_close_list(json);
    wn_json_close_object(json);
}

void
explain_print_json(const ExplainResult *self, const ExplainFacts *facts,
    WnSpan message, const WnConfig *config, bool with_view, GString *out)
{
    char id[WN_ID_TEXT_LEN + 1];
    WnJson json;

    wn_id_format(&self->id, id);
    wn_json_init(&json, out);
    wn_json_open_object(&json, NULL);
    wn_json_str(&json, "file", self->path);
    wn_json_str(&json, "id", id);
    wn_json_int(&json, "generation", 0);
    wn_json_open_list(&json, "recipients");
    for (guint i = 0; i < self->recipients->len; i++)
        print_recipient(self,
            &g_array_index(self->recipients, ExplainRecipient, i), &json);
    wn_json_close_list(&json);
    print_headers(self, facts, message, config, &json);
    if (with_view)
        print_view(message, &json);
    wn_json_close_object(&json);
    g_string_append_c(out, '\n');
}

static void
append_entry(GString *out, const WnLedgerEntry *entry)
{
    g_string_append_printf(out, "    %-14.*s %-7s %5u us",
        (int)entry->filter.len, entry->filter.ptr,
        wn_ledger_verdict_name(entry->verdict), entry->usec);
    if (entry->n_findings > 0)
        g_string_append_printf(out, "  %.*s: %.*s",
            (int)entry->findings[0].rule.len, entry->findings[0].rule.ptr,
            (int)entry->findings[0].evidence.len,
            entry->findings[0].evidence.ptr);
    if (entry->action.len > 0)
        g_string_append_printf(out, "  -> %.*s", (int)entry->action.len,
            entry->action.ptr);
    if (entry->reason.len > 0)
        g_string_append_printf(out, "  (%.*s)", (int)entry->reason.len,
            entry->reason.ptr);
    g_string_append_c(out, '\n');
}

void
explain_print_text(const ExplainResult *self, const ExplainFacts *facts,
    WnSpan message, const WnConfig *config, bool with_view, GString *out)
{
    g_autoptr(GString) header = NULL;

    g_string_append_printf(out, "%s\n", self->path);
    for (guint i = 0; i < self->recipients->len; i++) {
        const ExplainRecipient *recipient = &g_array_index(self->recipients,
            ExplainRecipient, i);
        const GArray *splices;
        const WnScopeDecision *decision = decision_of(self, recipient,
            &splices);
        g_autofree char *reply = reply_text(self, recipient, decision);

        g_string_append_printf(out, "  %s: %s%s\n    %s\n", recipient->address,
            action_name(decision), recipient->refused_early ? ", at RCPT" : "",
            reply);
        if (decision != NULL && decision->redirect.len > 0)
            g_string_append_printf(out, "    forwarded to %.*s\n",
                (int)decision->redirect.len, decision->redirect.ptr);
        for (uint32_t j = 0; decision != NULL && j < decision->n_entries; j++)
            append_entry(out, &decision->entries[j]);
    }
    if (!with_view)
        return;
    header = final_header(self, facts,
        &g_array_index(self->recipients, ExplainRecipient, 0), message, config);
    g_string_append_printf(out, "  header as delivered:\n%s\n", header->str);
}
