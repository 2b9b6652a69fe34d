/* SPDX-License-Identifier: MIT */
#include "core/filtering/trace.h"

#include "core/base/clock.h"

#define LINE_LEN 78 /* RFC 5322 §2.1.1: should not be longer */

/* The longest texts that a line takes, so that it stays below 998 bytes. */
#define NAME_LEN_MAX 64
#define RULE_LEN_MAX 128
#define MATCHES_MAX 8 /* of one filter */
#define EVIDENCE_LEN_MAX 256

/* Text that stands in a comment, a clause or a quoted string of a header: what
 * could end it or begin another field becomes a question mark. */
static void
append_safe(GString *out, WnSpan text, const char *forbidden)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        bool bad = c < 0x20 || c >= 0x7f || strchr(forbidden, c) != NULL;

        g_string_append_c(out, bad ? '?' : (char)c);
    }
}

static void
append_word(GString *out, WnSpan text, size_t max)
{
    append_safe(out, wn_span_slice(text, 0, max), " ;\"\\");
}

static const char *
protocol_name(const WnTraceFacts *facts)
{
    if (!facts->esmtp)
        return "SMTP";
    if (facts->utf8) /* RFC 6531 §4.3 */
        return facts->tls != NULL ? "UTF8SMTPS" : "UTF8SMTP";
    return facts->tls != NULL ? "ESMTPS" : "ESMTP";
}

/* RFC 5321 §4.4: what the client said, then what is known; an IPv6 literal has
 * its tag (§4.1.3). */
static void
append_from(const WnTraceFacts *facts, const char *address, GString *out)
{
    static const char hostile[] = " ()\\<>;,\"";
    WnSpan name = facts->rdns_status == WN_PTR_VERIFIED ? facts->rdns
                                                        : WN_SPAN("unknown");
    const char *tag = facts->client.len == 16 ? "IPv6:" : "";
    size_t begin = out->len;
    size_t known_len = name.len + strlen(" ( [])") + strlen(tag)
                       + strlen(address);

    g_string_append(out, "Received: from ");
    append_safe(out, facts->helo, hostile);
    g_string_append(out,
        out->len - begin + known_len > LINE_LEN ? "\r\n\t(" : " (");
    append_safe(out, name, hostile);
    g_string_append(out, " [");
    g_string_append(out, tag);
    g_string_append(out, address);
    g_string_append(out, "])");
}

static void
append_by(const WnTraceFacts *facts, const char *id, GString *out)
{
    g_string_append(out, "\r\n\tby ");
    g_string_append(out, facts->hostname);
    g_string_append(out, " (winnow) with ");
    g_string_append(out, protocol_name(facts));
    g_string_append(out, " id ");
    g_string_append(out, id);
}

/* Written for every message: the formatting functions, which take memory each
 * time, are not for here. */
void
wn_trace_write(const WnTraceFacts *facts, GString *out)
{
    char id[WN_ID_TEXT_LEN + 1], date[WN_DATE_MAX];
    char address[WN_NETADDR_TEXT_MAX];

    wn_id_format(&facts->id, id);
    wn_clock_rfc5322(facts->now, date);
    wn_netaddr_format(&facts->client, address);
    append_from(facts, address, out);
    if (facts->tls != NULL) {
        g_string_append(out, "\r\n\t(using ");
        append_safe(out, wn_span_str(facts->tls), "()\\");
        g_string_append_c(out, ')');
    }
    append_by(facts, id, out);
    if (facts->recipient.len > 0) {
        g_string_append(out, "\r\n\tfor <");
        append_safe(out, facts->recipient, "<>");
        g_string_append_c(out, '>');
    }
    g_string_append(out, ";\r\n\t");
    g_string_append(out, date);
    g_string_append(out, "\r\nX-Winnow-Id: ");
    g_string_append(out, id);
    g_string_append(out, "\r\nX-Winnow-Client: ");
    g_string_append(out, address);
    g_string_append(out, "\r\n");
}

static void
append_match(const WnLedgerEntry *entry, const WnLedgerFinding *finding,
    GString *out)
{
    g_string_append(out, "X-Winnow-Match: filter=");
    append_word(out, entry->filter, NAME_LEN_MAX);
    if (finding != NULL) {
        g_string_append(out, "; rule=");
        append_word(out, finding->rule, RULE_LEN_MAX);
        g_string_append(out, "; evidence=\"");
        append_safe(out, wn_span_slice(finding->evidence, 0, EVIDENCE_LEN_MAX),
            "\"\\");
        g_string_append_c(out, '"');
    }
    g_string_append(out, "; action=");
    append_word(out, entry->action.len > 0 ? entry->action : WN_SPAN("none"),
        NAME_LEN_MAX);
    g_string_append(out, "\r\n");
}

/* Each finding is named: a message on two blacklists says so twice. */
static void
append_matches(const WnLedgerEntry *entry, GString *out)
{
    uint32_t n = MIN(entry->n_findings, MATCHES_MAX);

    if (n == 0)
        append_match(entry, NULL, out);
    for (uint32_t i = 0; i < n; i++)
        append_match(entry, &entry->findings[i], out);
}

static void
append_skipped(const WnLedgerEntry *entry, GString *out)
{
    g_string_append(out, "X-Winnow-Skipped: ");
    append_word(out, entry->filter, NAME_LEN_MAX);
    g_string_append(out, "; ");
    append_safe(out, wn_span_slice(entry->reason, 0, EVIDENCE_LEN_MAX), "");
    g_string_append(out, "\r\n");
}

/* The chain's words for a filter whose turn did not come. */
static bool
was_decided_before(WnSpan reason)
{
    return wn_span_case_starts(reason, WN_SPAN("decided by "))
           || wn_span_case_starts(reason, WN_SPAN("trusted by "));
}

void
wn_trace_write_decision(const WnScopeDecision *decision, GString *out)
{
    for (uint32_t i = 0; i < decision->n_entries; i++) {
        const WnLedgerEntry *entry = &decision->entries[i];

        switch (entry->verdict) {
        case WN_LEDGER_MATCH:
            append_matches(entry, out);
            break;
        case WN_LEDGER_FAIL:
            append_skipped(entry, out);
            break;
        case WN_LEDGER_SKIPPED:
            if (!was_decided_before(entry->reason))
                append_skipped(entry, out);
            break;
        case WN_LEDGER_PASS:
        case WN_LEDGER_TRUST:
            break;
        }
    }
}

/* Behind white space and comments; comments in comments do not count here: who
 * writes them forges nothing that anybody would read. */
static WnSpan
skip_comments(WnSpan text)
{
    const char *close;

    text = wn_span_trim(text);
    while (text.len > 0 && text.ptr[0] == '(') {
        close = memchr(text.ptr, ')', text.len);
        if (close == NULL)
            return WN_SPAN_EMPTY;
        text = wn_span_trim(
            wn_span_slice(text, (size_t)(close - text.ptr) + 1, text.len));
    }
    return text;
}

/* RFC 8601 §2.2: the first word of the value is who says so. */
static bool
claims_to_be_ours(WnSpan value, WnSpan hostname)
{
    static const char ends[] = " \t\r\n;(\"";
    WnSpan rest = skip_comments(value);

    if (rest.len > 0 && rest.ptr[0] == '"')
        rest = wn_span_slice(rest, 1, rest.len);
    if (!wn_span_case_starts(rest, hostname))
        return false;
    return rest.len == hostname.len
           || memchr(ends, rest.ptr[hostname.len], sizeof ends - 1) != NULL;
}

static bool
is_forged(WnSpan message, const WnField *field, WnSpan hostname)
{
    WnSpan name = wn_field_name(message, field);

    if (wn_span_case_starts(name, WN_SPAN("X-Winnow-")))
        return true;
    return wn_span_case_eq(name, WN_SPAN("Authentication-Results"))
           && claims_to_be_ours(wn_field_raw(message, field), hostname);
}

static bool
is_removed(const GArray *splices, guint n, const WnField *field)
{
    for (guint i = 0; i < n; i++) {
        const WnSplice *splice = &g_array_index(splices, WnSplice, i);

        if (splice->remove > 0 && splice->offset < field->end
            && splice->offset + splice->remove > field->offset)
            return true;
    }
    return false;
}

/* Fields that follow each other go as one. */
static void
remove_field(GArray *splices, guint n_before, const WnField *field)
{
    WnSplice splice = { .offset = field->offset,
        .remove = field->end - field->offset,
        .insert = WN_SPAN_EMPTY };
    WnSplice *last = splices->len > n_before
                         ? &g_array_index(splices, WnSplice, splices->len - 1)
                         : NULL;

    if (last != NULL && last->offset + last->remove == splice.offset)
        last->remove += splice.remove;
    else
        g_array_append_val(splices, splice);
}

void
wn_trace_remove_forged(WnSpan message, const WnHeaderBlock *block,
    const char *hostname, GArray *splices)
{
    WnSpan own = wn_span_str(hostname);
    guint n_before = splices->len;

    for (guint i = 0; i < block->fields->len; i++) {
        const WnField *field = &g_array_index(block->fields, WnField, i);

        if (is_forged(message, field, own)
            && !is_removed(splices, n_before, field))
            remove_field(splices, n_before, field);
    }
}

/* Takes the first word off; empty at the end. */
static WnSpan
take_word(WnSpan *rest)
{
    size_t len = 0;
    WnSpan word;

    *rest = wn_span_trim(*rest);
    while (len < rest->len && strchr(" \t\r\n", rest->ptr[len]) == NULL)
        len++;
    word = wn_span_slice(*rest, 0, len);
    *rest = wn_span_slice(*rest, len, rest->len);
    return word;
}

/* "by HOSTNAME (winnow)" is what wn_trace_write() puts into Received; somebody
 * on the way may have folded it anew. */
static bool
is_own_hop(WnSpan value, WnSpan hostname)
{
    WnSpan word = take_word(&value);

    while (word.len > 0) {
        bool by = wn_span_case_eq(word, WN_SPAN("by"));

        word = take_word(&value);
        if (!by || !wn_span_case_eq(word, hostname))
            continue;
        word = take_word(&value);
        if (wn_span_case_eq(word, WN_SPAN("(winnow)")))
            return true;
    }
    return false;
}

bool
wn_trace_is_loop(WnSpan message, const WnHeaderBlock *block,
    const char *hostname)
{
    WnSpan own = wn_span_str(hostname);
    unsigned n_hops = 0, n_own = 0;

    for (guint i = 0; i < block->fields->len; i++) {
        const WnField *field = &g_array_index(block->fields, WnField, i);

        if (!wn_span_case_eq(wn_field_name(message, field),
                WN_SPAN("Received")))
            continue;
        n_hops++;
        n_own += is_own_hop(wn_field_raw(message, field), own);
    }
    return n_hops > WN_HOPS_MAX || n_own >= WN_OWN_HOPS_MAX;
}
