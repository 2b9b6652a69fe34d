/* SPDX-License-Identifier: MIT */
#include "core/filtering/request.h"

/* The least that one of each takes, so that a count cannot promise more than
 * there is. */
enum {
    SCOPE_MIN = 4,
    RECIPIENT_MIN = WN_REQUEST_RECIPIENT_OVERHEAD,
    FINDING_MIN = 4 + 4 + 4,
    ENTRY_MIN = 4 + 1 + 4 + 4 + 4 + 4,
    DECISION_MIN = 1 + 4 + 2 + 4 + 4 + 4 + 4 + 4
};

/* Lines of a reply are cut again where they are written. */
#define REPLY_TEXT_MAX 2048

static void
write_netaddr(WnWriter *writer, const WnNetaddr *address)
{
    wn_write_u8(writer, address->len);
    wn_write_u16(writer, address->port);
    wn_write_raw(writer, address->bytes, sizeof address->bytes);
}

static bool
read_netaddr(WnReader *reader, WnNetaddr *out_address)
{
    WnSpan bytes;

    *out_address = (WnNetaddr){ .len = wn_read_u8(reader) };
    out_address->port = wn_read_u16(reader);
    bytes = wn_read_raw(reader, sizeof out_address->bytes);
    if (!wn_reader_ok(reader))
        return false;
    memcpy(out_address->bytes, bytes.ptr, sizeof out_address->bytes);
    return out_address->len == 0 || out_address->len == 4
           || out_address->len == 16;
}

static void
write_envelope(const WnRequest *self, WnWriter *writer)
{
    wn_write_raw(writer, self->id.bytes, sizeof self->id.bytes);
    wn_write_bytes(writer, self->sender);
    wn_write_u32(writer, self->n_scopes);
    for (uint32_t i = 0; i < self->n_scopes; i++)
        wn_write_u32(writer, self->scopes[i].class_id);
    wn_write_u32(writer, self->n_recipients);
    for (uint32_t i = 0; i < self->n_recipients; i++) {
        wn_write_u32(writer, self->recipients[i].scope);
        wn_write_bytes(writer, self->recipients[i].address);
    }
}

void
wn_request_write(const WnRequest *self, bool inline_message, WnWriter *writer)
{
    wn_write_u8(writer, (uint8_t)self->kind);
    wn_write_u8(writer, inline_message);
    wn_write_u64(writer, self->serial);
    wn_write_u64(writer, self->session);
    wn_write_u32(writer, self->attempt);
    wn_write_u64(writer, self->generation);
    write_netaddr(writer, &self->client);
    wn_write_bytes(writer, self->listener);
    wn_write_bytes(writer, self->helo);
    wn_write_u8(writer, (uint8_t)self->rdns_status);
    wn_write_bytes(writer, self->rdns);
    wn_write_u16(writer, self->tls_version);
    write_envelope(self, writer);
    wn_write_u64(writer, self->message.len);
    if (inline_message)
        wn_write_bytes(writer, self->message);
}

static bool
read_scopes(WnReader *reader, WnArena *arena, WnRequest *request)
{
    uint32_t n = wn_read_count(reader, SCOPE_MIN);
    WnRequestScope *scopes;

    if (n > WN_REQUEST_SCOPES_MAX)
        return false;
    scopes = wn_arena_alloc(arena, n * sizeof *scopes);
    for (uint32_t i = 0; i < n; i++)
        scopes[i].class_id = wn_read_u32(reader);
    request->n_scopes = n;
    request->scopes = scopes;
    return wn_reader_ok(reader);
}

static bool
read_recipients(WnReader *reader, WnArena *arena, WnRequest *request)
{
    uint32_t n = wn_read_count(reader, RECIPIENT_MIN);
    WnRequestRecipient *recipients;

    recipients = wn_arena_alloc(arena, n * sizeof *recipients);
    for (uint32_t i = 0; i < n; i++) {
        recipients[i].scope = wn_read_u32(reader);
        recipients[i].address = wn_read_bytes(reader);
        if (recipients[i].scope >= request->n_scopes)
            return false;
    }
    request->n_recipients = n;
    request->recipients = recipients;
    return wn_reader_ok(reader);
}

static bool
read_facts(WnReader *reader, WnRequest *request)
{
    uint8_t rdns_status;

    request->serial = wn_read_u64(reader);
    request->session = wn_read_u64(reader);
    request->attempt = wn_read_u32(reader);
    request->generation = wn_read_u64(reader);
    if (!read_netaddr(reader, &request->client))
        return false;
    request->listener = wn_read_bytes(reader);
    request->helo = wn_read_bytes(reader);
    rdns_status = wn_read_u8(reader);
    request->rdns_status = (WnPtrStatus)rdns_status;
    request->rdns = wn_read_bytes(reader);
    request->tls_version = wn_read_u16(reader);
    return wn_reader_ok(reader) && rdns_status <= WN_PTR_UNKNOWN;
}

static bool
read_envelope(WnReader *reader, WnArena *arena, WnRequest *request)
{
    WnSpan id = wn_read_raw(reader, sizeof request->id.bytes);

    if (!wn_reader_ok(reader))
        return false;
    memcpy(request->id.bytes, id.ptr, sizeof request->id.bytes);
    request->sender = wn_read_bytes(reader);
    return read_scopes(reader, arena, request)
           && read_recipients(reader, arena, request);
}

/* An answer to it can be given. */
static bool
is_complete(const WnRequest *request)
{
    switch (request->kind) {
    case WN_REQUEST_AHEAD:
        return request->n_scopes == 1;
    case WN_REQUEST_RCPT:
        return request->n_scopes == 1 && request->n_recipients == 1;
    case WN_REQUEST_MESSAGE:
        return request->n_scopes > 0;
    case WN_REQUEST_CONNECT:
    case WN_REQUEST_NAME:
    case WN_REQUEST_RESET:
    case WN_REQUEST_CLOSE:
        break;
    }
    return true;
}

bool
wn_request_read(WnSpan bytes, WnArena *arena, WnRequest *out_request,
    bool *out_inline)
{
    WnReader reader = wn_reader(bytes);
    WnRequest request = { .message = WN_SPAN_EMPTY };
    uint8_t kind = wn_read_u8(&reader);
    bool inline_message = wn_read_u8(&reader) != 0;

    if (kind < WN_REQUEST_CONNECT || kind > WN_REQUEST_CLOSE)
        return false;
    request.kind = (WnRequestKind)kind;
    if (!read_facts(&reader, &request)
        || !read_envelope(&reader, arena, &request))
        return false;
    request.message_len = wn_read_u64(&reader);
    if (inline_message)
        request.message = wn_read_bytes(&reader);
    if (!wn_reader_done(&reader) || !is_complete(&request)
        || (inline_message && request.message.len != request.message_len))
        return false;
    *out_request = request;
    *out_inline = inline_message;
    return true;
}

static WnSpan
cut(WnSpan text)
{
    return wn_span_slice(text, 0, WN_RESPONSE_TEXT_MAX);
}

static void
write_entry(WnWriter *writer, const WnLedgerEntry *entry)
{
    uint32_t n = MIN(entry->n_findings, WN_RESPONSE_FINDINGS_MAX);

    wn_write_bytes(writer, cut(entry->filter));
    wn_write_u8(writer, (uint8_t)entry->verdict);
    wn_write_bytes(writer, cut(entry->action));
    wn_write_bytes(writer, cut(entry->reason));
    wn_write_u32(writer, entry->usec);
    wn_write_u32(writer, n);
    for (uint32_t i = 0; i < n; i++) {
        wn_write_bytes(writer, cut(entry->findings[i].rule));
        wn_write_bytes(writer, cut(entry->findings[i].evidence));
        wn_write_u32(writer, (uint32_t)entry->findings[i].score);
    }
}

static bool
read_entry(WnReader *reader, WnArena *arena, WnLedgerEntry *entry)
{
    uint8_t verdict;

    entry->filter = wn_read_bytes(reader);
    verdict = wn_read_u8(reader);
    entry->verdict = (WnLedgerVerdict)verdict;
    entry->action = wn_read_bytes(reader);
    entry->reason = wn_read_bytes(reader);
    entry->usec = wn_read_u32(reader);
    entry->n_findings = wn_read_count(reader, FINDING_MIN);
    entry->findings = wn_arena_alloc(arena,
        entry->n_findings * sizeof *entry->findings);
    for (uint32_t i = 0; i < entry->n_findings; i++) {
        entry->findings[i].rule = wn_read_bytes(reader);
        entry->findings[i].evidence = wn_read_bytes(reader);
        entry->findings[i].score = (int32_t)wn_read_u32(reader);
    }
    return wn_reader_ok(reader) && verdict <= WN_LEDGER_SKIPPED;
}

static void
write_decision(WnWriter *writer, const WnScopeDecision *decision,
    const GArray *splices)
{
    static const GArray none = { 0 };

    wn_write_u8(writer, (uint8_t)decision->decided);
    wn_write_bytes(writer, cut(decision->filter));
    wn_write_u16(writer, decision->code);
    wn_write_bytes(writer, cut(decision->enhanced));
    wn_write_bytes(writer, wn_span_slice(decision->text, 0, REPLY_TEXT_MAX));
    wn_write_bytes(writer, decision->redirect);
    wn_splices_write(splices != NULL ? splices : &none, writer);
    wn_write_u32(writer, decision->n_entries);
    for (uint32_t i = 0; i < decision->n_entries; i++)
        write_entry(writer, &decision->entries[i]);
}

/* NULL if there are none, which is the rule. */
static bool
read_splices(WnReader *reader, GArray **out_splices)
{
    WnReader ahead = *reader;

    if (wn_read_u32(&ahead) == 0) {
        *reader = ahead;
        return wn_reader_ok(reader);
    }
    *out_splices = g_array_new(FALSE, FALSE, sizeof(WnSplice));
    return wn_splices_read(reader, *out_splices);
}

static bool
read_decision(WnReader *reader, WnArena *arena, WnScopeDecision *decision,
    GArray **out_splices)
{
    uint8_t decided = wn_read_u8(reader);

    decision->decided = (WnDecided)decided;
    decision->filter = wn_read_bytes(reader);
    decision->code = wn_read_u16(reader);
    decision->enhanced = wn_read_bytes(reader);
    decision->text = wn_read_bytes(reader);
    decision->redirect = wn_read_bytes(reader);
    if (!read_splices(reader, out_splices))
        return false;
    decision->n_entries = wn_read_count(reader, ENTRY_MIN);
    decision->entries = wn_arena_alloc(arena,
        decision->n_entries * sizeof(WnLedgerEntry));
    for (uint32_t i = 0; i < decision->n_entries; i++)
        if (!read_entry(reader, arena, &decision->entries[i]))
            return false;
    return wn_reader_ok(reader) && decided <= WN_DECIDED_DISCARD;
}

void
wn_response_write(const WnResponse *self, WnWriter *writer)
{
    wn_write_u64(writer, self->serial);
    wn_write_u8(writer, (uint8_t)self->rdns_status);
    wn_write_bytes(writer, self->rdns);
    wn_write_u32(writer, self->n_decisions);
    for (uint32_t i = 0; i < self->n_decisions; i++)
        write_decision(writer, &self->decisions[i],
            self->splices != NULL ? self->splices[i] : NULL);
}

bool
wn_response_read(WnSpan bytes, WnArena *arena, WnResponse *out_response)
{
    WnReader reader = wn_reader(bytes);
    WnResponse response = { .serial = wn_read_u64(&reader) };
    uint8_t rdns_status = wn_read_u8(&reader);
    WnScopeDecision *decisions;
    GArray **splices;
    bool good = true;

    response.rdns_status = (WnPtrStatus)rdns_status;
    response.rdns = wn_read_bytes(&reader);
    response.n_decisions = wn_read_count(&reader, DECISION_MIN);
    if (rdns_status > WN_PTR_UNKNOWN
        || response.n_decisions > WN_REQUEST_SCOPES_MAX)
        return false;
    decisions = wn_arena_alloc(arena, response.n_decisions * sizeof *decisions);
    splices = wn_arena_alloc(arena, response.n_decisions * sizeof *splices);
    for (uint32_t i = 0; good && i < response.n_decisions; i++)
        good = read_decision(&reader, arena, &decisions[i], &splices[i]);
    response.decisions = decisions;
    response.splices = splices;
    if (!good || !wn_reader_done(&reader)) {
        wn_response_clear(&response);
        return false;
    }
    *out_response = response;
    return true;
}

void
wn_response_clear(WnResponse *self)
{
    for (uint32_t i = 0; self->splices != NULL && i < self->n_decisions; i++)
        if (self->splices[i] != NULL)
            g_array_unref(self->splices[i]);
    self->splices = NULL;
    self->n_decisions = 0;
}
