/* SPDX-License-Identifier: MIT */
#include "core/filtering/acceptance.h"

#include "core/base/clock.h"
#include "core/event/tls.h"
#include "core/filtering/trace.h"

static WnSpan
make_trace(const WnAcceptance *self, const WnScopeDecision *decision)
{
    const WnVisit *visit = self->visit;
    const WnTransaction *transaction = wn_session_transaction(visit->session);
    SSL *ssl = wn_session_ssl(visit->session);
    GString *text = self->receiver->trace;
    char tls[128];
    WnTraceFacts facts = { .id = transaction->id,
        .hostname = self->receiver->config->hostname,
        .client = *wn_session_client(visit->session),
        .helo = wn_session_helo(visit->session),
        .rdns = wn_span_str(visit->rdns),
        .rdns_status = visit->rdns_status,
        .esmtp = wn_session_is_esmtp(visit->session),
        .utf8 = transaction->utf8,
        .recipient = WN_SPAN_EMPTY,
        .now = wn_clock_unix() };

    if (ssl != NULL) {
        wn_tls_describe(ssl, tls, sizeof tls);
        facts.tls = tls;
    }
    if (transaction->recipients->len == 1) {
        const WnSessionRecipient *only = transaction->recipients->pdata[0];

        if (!only->path.utf8)
            facts.recipient = only->path.text;
    }
    g_string_truncate(text, 0);
    wn_trace_write(&facts, text);
    wn_trace_write_decision(decision, text);
    return wn_arena_copy(self->arena, wn_span(text->str, text->len));
}

/*
 * What the filters may change: the header, field by field.  The process that
 * says so reads hostile content and is not believed: whatever it answers, the
 * body stays as it came, and no line is made that ends the message early.
 */

static bool
is_line_start(const WnAcceptance *self, uint64_t offset)
{
    if (offset == self->block.top)
        return true;
    return offset >= 2 && offset <= self->plain.len
           && memcmp(self->plain.ptr + offset - 2, "\r\n", 2) == 0;
}

/* One line of an insertion, without its end. */
static bool
line_is_sound(WnSpan line, bool at_start)
{
    return memchr(line.ptr, '\r', line.len) == NULL
           && memchr(line.ptr, '\0', line.len) == NULL
           && !(at_start && line.len > 0 && line.ptr[0] == '.');
}

/* At the start of a line whole lines are inserted; inside of one, text that
 * does not end it.  An empty line ends the header: only behind the fields of a
 * message that has none. */
static bool
insert_is_sound(const WnAcceptance *self, WnSpan insert, bool at_start)
{
    bool may_end = wn_header_block_needs_separator(&self->block,
        self->plain_len);
    bool line_start = at_start;
    size_t at = 0;

    while (at < insert.len) {
        const char *lf = memchr(insert.ptr + at, '\n', insert.len - at);
        size_t len = lf != NULL ? (size_t)(lf - insert.ptr) - at
                                : insert.len - at;
        WnSpan line = wn_span_slice(insert, at, len);

        if (lf != NULL && (len == 0 || line.ptr[--line.len] != '\r'))
            return false;
        if (!line_is_sound(line, line_start))
            return false;
        if (lf == NULL)
            return !at_start;
        if (line_start && line.len == 0 && !(may_end && at + 2 == insert.len))
            return false;
        line_start = true;
        at += len + 1;
    }
    return at_start || insert.len == 0;
}

static bool
edit_is_sound(const WnAcceptance *self, const WnSplice *edit)
{
    bool at_start;

    if (edit->offset < self->block.top || edit->offset > self->block.end
        || edit->remove > self->block.end - edit->offset)
        return false;
    at_start = is_line_start(self, edit->offset);
    if (edit->remove > 0
        && (!at_start || !is_line_start(self, edit->offset + edit->remove)))
        return false;
    return insert_is_sound(self, edit->insert, at_start);
}

static bool
edits_are_sound(const WnAcceptance *self, const GArray *edits)
{
    for (guint i = 0; edits != NULL && i < edits->len; i++)
        if (!edit_is_sound(self, &g_array_index(edits, WnSplice, i)))
            return false;
    return true;
}

/*
 * Places in the wire form
 */

/* Goes through the wire form's header beside places of the message, which must
 * not decrease. */
typedef struct Cursor {
    WnSpan wire;
    size_t dot;      /* of the next stuffed one */
    uint64_t n_dots; /* before it */
} Cursor;

static size_t
find_line_dot(WnSpan wire, size_t from)
{
    const char *found = memmem(wire.ptr + from, wire.len - from, "\r\n.", 3);

    return found != NULL ? (size_t)(found - wire.ptr) + 2 : wire.len;
}

/* At most every other byte of the header is a stuffed dot, so its wire form is
 * at most twice as long. */
static Cursor
cursor_begin(const WnAcceptance *self)
{
    WnSpan wire = wn_span_slice(self->message.wire, 0, 2 * self->block.end + 1);
    bool first = wire.len > 0 && wire.ptr[0] == '.';

    return (Cursor){ .wire = wire, .dot = first ? 0 : find_line_dot(wire, 0) };
}

/* Of the beginning of a line: before its stuffed dot. */
static uint64_t
cursor_to_wire(Cursor *self, uint64_t offset)
{
    while (self->dot < self->wire.len && self->dot - self->n_dots < offset) {
        self->n_dots++;
        self->dot = find_line_dot(self->wire, self->dot + 1);
    }
    return offset + self->n_dots;
}

static void
move_to_wire(const WnAcceptance *self, GArray *splices)
{
    Cursor cursor = cursor_begin(self);

    for (guint i = 0; i < splices->len; i++) {
        WnSplice *splice = &g_array_index(splices, WnSplice, i);
        uint64_t end = splice->offset + splice->remove;

        splice->offset = cursor_to_wire(&cursor, splice->offset);
        splice->remove = cursor_to_wire(&cursor, end) - splice->offset;
    }
}

/*
 * Copies
 */

static void
add_splice(GArray *splices, uint64_t offset, WnSpan insert)
{
    WnSplice splice = { .offset = offset, .insert = insert };

    g_array_append_val(splices, splice);
}

/* Fields on top of a body that has no header end with an empty line; edits that
 * add some bring it. */
static bool
lacks_separator(const WnAcceptance *self, const GArray *edits)
{
    WnSpan last;

    if (!wn_header_block_needs_separator(&self->block, self->plain_len))
        return false;
    if (edits == NULL)
        return true;
    last = g_array_index(edits, WnSplice, edits->len - 1).insert;
    return last.len < 4 || memcmp(last.ptr + last.len - 4, "\r\n\r\n", 4) != 0;
}

/* All changes of one scope's copy but what is prepended, over the wire form
 * (transfer full); NULL: none.  Trace fields go on top, but never above a line
 * that is no field: it would become part of them.  False: they do not fit. */
static bool
make_splices(const WnAcceptance *self, const GArray *edits, WnSpan trace,
    GArray **out_splices)
{
    const WnHeaderBlock *block = &self->block;
    g_autoptr(GArray) splices = g_array_new(FALSE, FALSE, sizeof(WnSplice));

    if (block->top > 0)
        add_splice(splices, block->top, trace);
    if (edits != NULL)
        g_array_append_vals(splices, edits->data, edits->len);
    if (lacks_separator(self, edits))
        add_splice(splices, block->top, WN_SPAN("\r\n"));
    wn_trace_remove_forged(self->plain, block, self->receiver->config->hostname,
        splices);
    *out_splices = NULL;
    if (splices->len == 0)
        return true;
    if (!wn_splices_normalise(splices, block->end))
        return false;
    if (self->message.n_stuffed > 0)
        move_to_wire(self, splices);
    *out_splices = g_steal_pointer(&splices);
    return true;
}

/* Forwarding stays within the customers' domains: this is no open relay, even
 * if a filter says so. */
static bool
may_redirect(const WnAcceptance *self, WnSpan address, WnSpan *out_domain)
{
    g_autofree char *name = NULL;
    WnPath path;
    WnDomain domain;

    if (wn_mailbox_parse(address, &path) != WN_PATH_OK)
        return false;
    name = g_ascii_strdown(path.domain.ptr, (gssize)path.domain.len);
    if (!wn_snapshot_domain(self->visit->snapshot, wn_span_str(name), &domain))
        return false;
    *out_domain = domain.name;
    return true;
}

/* A filter's action applied to the copy that is delivered all the same. */
static bool
is_caught(const WnScopeDecision *decision)
{
    bool caught = decision->redirect.len > 0;

    for (uint32_t i = 0; i < decision->n_entries; i++) {
        const WnLedgerEntry *entry = &decision->entries[i];

        caught |= entry->verdict == WN_LEDGER_MATCH && entry->action.len > 0
                  && !wn_span_eq(entry->action, WN_SPAN("none"));
    }
    return caught;
}

/* Adds the scope to the envelope; NULL, or what is wrong. */
static const char *
add_scope(WnAcceptance *self, uint32_t index, const WnScopeDecision *decision,
    const GArray *edits)
{
    WnSpan trace = make_trace(self, decision);
    WnEnvelopeScope out = {
        .domain = wn_visit_scope(self->visit, index)->domain,
        .redirect = decision->redirect,
        .prepend = self->block.top > 0 ? WN_SPAN_EMPTY : trace,
        .caught = is_caught(decision)
    };

    if (edits != NULL && edits->len == 0)
        edits = NULL;
    if (!edits_are_sound(self, edits))
        return "an edit reaches beyond the header's fields";
    if (decision->redirect.len > 0
        && !may_redirect(self, decision->redirect, &out.domain))
        return "the address forwarded to is not of a customer's domain";
    if (!make_splices(self, edits, trace, &out.splices))
        return "edits overlap";
    g_array_append_val(self->receiver->envelope.scopes, out);
    return NULL;
}

static void
describe_envelope(WnAcceptance *self)
{
    const WnVisit *visit = self->visit;
    const WnTransaction *transaction = wn_session_transaction(visit->session);
    WnEnvelope *envelope = &self->receiver->envelope;
    char client[WN_NETADDR_TEXT_MAX];

    wn_netaddr_format(wn_session_client(visit->session), client);
    g_array_set_size(envelope->scopes, 0);
    g_array_set_size(envelope->recipients, 0);
    envelope->arrived_ms = wn_clock_unix_ms();
    envelope->flags = self->message.eight_bit ? WN_ENVELOPE_8BIT : 0;
    /* Who only says that he may need it does not (RFC 6531 §3.6): addresses
     * tell for themselves. */
    if (transaction->utf8
        && !wn_span_is_ascii(wn_span_slice(self->plain, 0, self->block.end)))
        envelope->flags |= WN_ENVELOPE_UTF8;
    envelope->generation = wn_snapshot_generation(visit->snapshot);
    envelope->sender = transaction->sender.null ? WN_SPAN_EMPTY
                                                : transaction->sender.text;
    envelope->ret = transaction->ret;
    envelope->envid = transaction->envid;
    envelope->client = wn_arena_copy(self->arena, wn_span_str(client));
    envelope->helo = wn_session_helo(visit->session);
}

/* places[i] is the place of scope i in the envelope, or -1. */
static void
add_recipients(const WnAcceptance *self, const int *places)
{
    const WnTransaction *transaction = wn_session_transaction(
        self->visit->session);

    for (guint i = 0; i < transaction->recipients->len; i++) {
        const WnSessionRecipient *from = transaction->recipients->pdata[i];
        int place = places[wn_visit_scope_of(from)];
        WnEnvelopeRecipient to = { .address = from->path.text,
            .notify = from->notify,
            .orcpt = from->orcpt,
            .scope = (uint32_t)place };

        if (place >= 0)
            g_array_append_val(self->receiver->envelope.recipients, to);
    }
}

const char *
wn_acceptance_fill_envelope(WnAcceptance *self,
    const WnScopeDecision *decisions, GArray *const *edits)
{
    guint n_scopes = self->visit->scopes->len;
    int *places = wn_arena_alloc(self->arena, n_scopes * sizeof *places);
    int n = 0;

    describe_envelope(self);
    for (guint i = 0; i < n_scopes; i++) {
        const char *fault;

        places[i] = -1;
        if (decisions[i].decided != WN_DECIDED_DELIVER)
            continue;
        places[i] = n++;
        fault = add_scope(self, i, &decisions[i],
            edits != NULL ? edits[i] : NULL);
        if (fault != NULL)
            return fault;
    }
    add_recipients(self, places);
    return NULL;
}
