/* SPDX-License-Identifier: MIT */
#include "t/unit/filtering-reception.h"

#include "core/message/edit.h"
#include "core/message/header_block.h"

/*
 * The filter that is played.
 */

static const char *
find_rule(const Reception *self, const char *key)
{
    const char *rule = g_hash_table_lookup(self->rules, key);

    return rule != NULL ? rule : "deliver";
}

typedef struct Answer {
    WnScopeDecision *decisions;
    GArray **splices;
    WnLedgerEntry *entries; /* one for each decision */
    GStringChunk *strings;
} Answer;

static WnSpan
keep(Answer *answer, const char *text)
{
    return wn_span_str(g_string_chunk_insert(answer->strings, text));
}

static void
add_entry(Answer *answer, uint32_t n, WnLedgerVerdict verdict,
    const char *action)
{
    static WnLedgerFinding finding = { { "r1", 2 }, { "e1", 2 }, 1000 };

    answer->entries[n] = (WnLedgerEntry){ .filter = WN_SPAN("probe"),
        .verdict = verdict,
        .action = wn_span_str(action),
        .reason = verdict == WN_LEDGER_FAIL ? WN_SPAN("no time")
                                            : WN_SPAN_EMPTY,
        .n_findings = verdict == WN_LEDGER_MATCH,
        .findings = &finding };
    answer->decisions[n].n_entries = 1;
    answer->decisions[n].entries = &answer->entries[n];
}

/* CODE:ENHANCED:TEXT */
static void
set_reply(Answer *answer, uint32_t n, WnDecided decided, const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, ":", 3);
    g_autofree char *lines = g_strcompress(parts[2]);
    WnScopeDecision *decision = &answer->decisions[n];

    decision->decided = decided;
    decision->filter = WN_SPAN("probe");
    decision->code = (uint16_t)g_ascii_strtoull(parts[0], NULL, 10);
    decision->enhanced = keep(answer, parts[1]);
    decision->text = keep(answer, lines);
    add_entry(answer, n, WN_LEDGER_MATCH, "reject");
}

static void
render(Answer *answer, uint32_t n, const WnEdit *edit, WnSpan message)
{
    g_auto(WnHeaderBlock) block;

    wn_header_block_init(&block);
    wn_header_block_parse(&block, message);
    answer->splices[n] = g_array_new(FALSE, FALSE, sizeof(WnSplice));
    wn_edits_render(edit, 1, message, &block, answer->strings,
        answer->splices[n]);
    add_entry(answer, n, WN_LEDGER_MATCH, "modify_subject");
}

static void
set_raw(Answer *answer, uint32_t n, const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, ":", 3);
    g_autofree char *insert = g_strcompress(parts[2]);
    WnSplice splice = { g_ascii_strtoull(parts[0], NULL, 10),
        g_ascii_strtoull(parts[1], NULL, 10), keep(answer, insert) };

    answer->splices[n] = g_array_new(FALSE, FALSE, sizeof(WnSplice));
    g_array_append_val(answer->splices[n], splice);
}

static void
set_add(Answer *answer, uint32_t n, const char *text, WnSpan message)
{
    g_auto(GStrv) parts = g_strsplit(text, "=", 2);
    WnEdit edit = { WN_EDIT_ADD, wn_span_str(parts[0]), wn_span_str(parts[1]) };

    render(answer, n, &edit, message);
}

static void
follow_rule(Answer *answer, uint32_t n, const char *rule, WnSpan message)
{
    WnScopeDecision *decision = &answer->decisions[n];
    const char *rest = strchr(rule, ':');

    *decision = (WnScopeDecision){ .filter = WN_SPAN_EMPTY,
        .enhanced = WN_SPAN_EMPTY,
        .text = WN_SPAN_EMPTY,
        .redirect = WN_SPAN_EMPTY };
    rest = rest != NULL ? rest + 1 : "";
    if (g_str_has_prefix(rule, "reply:")) {
        set_reply(answer, n, WN_DECIDED_REJECT, rest);
    } else if (g_str_has_prefix(rule, "later:")) {
        set_reply(answer, n, WN_DECIDED_TEMPFAIL, rest);
    } else if (strcmp(rule, "reject") == 0) {
        set_reply(answer, n, WN_DECIDED_REJECT, "550:5.7.1:not wanted");
    } else if (strcmp(rule, "tempfail") == 0) {
        set_reply(answer, n, WN_DECIDED_TEMPFAIL, "451:4.7.1:not now");
    } else if (strcmp(rule, "discard") == 0) {
        decision->decided = WN_DECIDED_DISCARD;
        add_entry(answer, n, WN_LEDGER_MATCH, "delete");
    } else if (g_str_has_prefix(rule, "tag:")) {
        WnEdit edit = { WN_EDIT_PREFIX_SUBJECT, WN_SPAN_EMPTY,
            wn_span_str(rest) };

        render(answer, n, &edit, message);
    } else if (g_str_has_prefix(rule, "add:")) {
        set_add(answer, n, rest, message);
    } else if (g_str_has_prefix(rule, "raw:")) {
        set_raw(answer, n, rest);
    } else if (g_str_has_prefix(rule, "to:")) {
        decision->redirect = keep(answer, rest);
    } else if (strcmp(rule, "fail") == 0) {
        add_entry(answer, n, WN_LEDGER_FAIL, "");
    }
}

static void
send_response(Reception *self, const WnResponse *response)
{
    g_auto(WnWriter) writer;

    wn_writer_init(&writer);
    wn_response_write(response, &writer);
    wn_channel_send(self->filter, WN_FILTERING_RESPONSE,
        wn_writer_span(&writer), -1);
}

static void
answer_rules(Reception *self, const WnRequest *request,
    const char *const *rules, uint32_t n)
{
    Answer answer = { .decisions = g_new0(WnScopeDecision, n + 1),
        .splices = g_new0(GArray *, n + 1),
        .entries = g_new0(WnLedgerEntry, n + 1),
        .strings = g_string_chunk_new(1024) };
    WnResponse response = { .serial = request->serial,
        .rdns_status = WN_PTR_UNKNOWN,
        .rdns = WN_SPAN_EMPTY,
        .n_decisions = n,
        .decisions = answer.decisions,
        .splices = answer.splices };

    for (uint32_t i = 0; i < n; i++) {
        if (strcmp(rules[i], "misfit") == 0)
            response.n_decisions = n + 1;
        follow_rule(&answer, i, rules[i], request->message);
    }
    follow_rule(&answer, n, "deliver", WN_SPAN_EMPTY);
    send_response(self, &response);
    for (uint32_t i = 0; i < n; i++)
        g_clear_pointer(&answer.splices[i], g_array_unref);
    g_free(answer.decisions);
    g_free(answer.splices);
    g_free(answer.entries);
    g_string_chunk_free(answer.strings);
}

static char *
domain_of_scope(const WnRequest *request, uint32_t scope)
{
    for (uint32_t i = 0; i < request->n_recipients; i++) {
        g_autofree char *address = wn_span_dup(request->recipients[i].address);

        if (request->recipients[i].scope == scope)
            return g_ascii_strdown(strrchr(address, '@') + 1, -1);
    }
    g_assert_not_reached(); /* a scope without a recipient */
}

static void
note_question(Reception *self, const WnRequest *request)
{
    GString *text = g_string_new(NULL);

    for (uint32_t i = 0; i < request->n_scopes; i++) {
        g_string_append(text, i > 0 ? " |" : "");
        for (uint32_t n = 0; n < request->n_recipients; n++)
            if (request->recipients[n].scope == i)
                g_string_append_printf(text, " %.*s",
                    (int)request->recipients[n].address.len,
                    request->recipients[n].address.ptr);
    }
    g_ptr_array_add(self->questions, g_string_free(text, FALSE));
}

static void note(Reception *self, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void
note(Reception *self, const char *format, ...)
{
    va_list args;

    if (self->asked->len > 0)
        g_string_append_c(self->asked, ' ');
    va_start(args, format);
    g_string_append_vprintf(self->asked, format, args);
    va_end(args);
}

static void
answer_name(Reception *self, const WnRequest *request)
{
    const char *rule = find_rule(self, "name");
    WnResponse response = { .serial = request->serial,
        .rdns_status = WN_PTR_NONE,
        .rdns = WN_SPAN_EMPTY };

    note(self, "name");
    if (strcmp(rule, "hold") == 0)
        return;
    if (g_str_has_prefix(rule, "verified:")) {
        response.rdns_status = WN_PTR_VERIFIED;
        response.rdns = wn_span_str(strchr(rule, ':') + 1);
    }
    send_response(self, &response);
}

static void
answer_message(Reception *self, const WnRequest *request)
{
    g_autofree const char **rules = g_new0(const char *, request->n_scopes);
    bool hold = false, die = false;

    note(self, "message:%u", request->n_scopes);
    note_question(self, request);
    for (uint32_t i = 0; i < request->n_scopes; i++) {
        g_autofree char *domain = domain_of_scope(request, i);

        rules[i] = find_rule(self, domain);
        hold |= strcmp(rules[i], "hold") == 0;
        die |= strcmp(rules[i], "die") == 0;
    }
    if (die)
        g_clear_pointer(&self->filter, wn_channel_free);
    else if (!hold)
        answer_rules(self, request, rules, request->n_scopes);
}

static void
answer_one(Reception *self, const WnRequest *request, const char *key)
{
    const char *rule = find_rule(self, key);

    note(self, "%s", key);
    if (strcmp(rule, "die") == 0)
        g_clear_pointer(&self->filter, wn_channel_free);
    else if (strcmp(rule, "hold") != 0)
        answer_rules(self, request, &rule, 1);
}

static void
on_asked(void *user, uint16_t type, WnSpan payload, int take_fd)
{
    Reception *self = user;
    wn_autofd fd = take_fd;
    g_autoptr(WnArena) arena = wn_arena_new(0);
    g_autofree char *file = NULL;
    g_autofree char *key = NULL;
    WnRequest request;
    bool inside;

    g_assert_cmpuint(type, ==, WN_FILTERING_REQUEST);
    g_assert_true(wn_request_read(payload, arena, &request, &inside));
    if (fd >= 0) {
        file = g_malloc(request.message_len);
        g_assert_true(wn_fd_pread_all(fd, file, request.message_len, 0));
        request.message = wn_span(file, request.message_len);
    }
    switch (request.kind) {
    case WN_REQUEST_CONNECT:
        answer_one(self, &request, "connect");
        break;
    case WN_REQUEST_NAME:
        answer_name(self, &request);
        break;
    case WN_REQUEST_AHEAD:
        note(self, "ahead");
        break;
    case WN_REQUEST_RCPT:
        key = g_strdup_printf("rcpt:%.*s",
            (int)request.recipients[0].address.len,
            request.recipients[0].address.ptr);
        answer_one(self, &request, key);
        break;
    case WN_REQUEST_MESSAGE:
        answer_message(self, &request);
        break;
    case WN_REQUEST_RESET:
        note(self, "reset");
        break;
    case WN_REQUEST_CLOSE:
        note(self, "close");
        break;
    }
}

static void
on_filter_closed(void *user)
{
    Reception *self = user;

    g_clear_pointer(&self->filter, wn_channel_free);
}

void
reception_filter_begins(Reception *self)
{
    int fds[2];

    g_assert_true(wn_channel_pair(fds));
    g_clear_pointer(&self->filter, wn_channel_free);
    self->filter = wn_channel_new(self->loop, fds[1], on_asked,
        on_filter_closed, self);
    wn_filter_client_attach(self->filters, fds[0]);
}

void
reception_filter_dies(Reception *self)
{
    g_clear_pointer(&self->filter, wn_channel_free);
    reception_spin(self);
}
