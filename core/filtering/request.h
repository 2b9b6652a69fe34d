/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The border between SMTP and filters, as plain data: facts, message and scopes
 * in; verdicts, edits and replies out.  winnow-smtp asks; winnow-filter answers
 * from another process, or an engine in the same one.  Nothing crosses it but
 * these structures, so a filter process can die at any moment: every request
 * repeats all facts, and asking again is always right.
 *
 *    request    sent                        answered with
 *    CONNECT    at each connection          one decision: that of filters which
 *                                           decide for listeners
 *    NAME       at each connection          the client's verified name
 *    AHEAD      at the first recipient of   nothing: filters begin what they
 *               a scope without early       can look up without a recipient
 *               filters, if any can
 *    RCPT       if the recipient's class    one decision
 *               has early filters
 *    MESSAGE    if any scope has a chain    one decision for each scope
 *    RESET      a transaction has ended     nothing
 *    CLOSE      a connection has ended      nothing
 *
 * Encoding: core/base/wire.h in one channel message.  A message of at most
 * WN_REQUEST_INLINE_MAX bytes travels inside, a larger one as a descriptor.  A
 * response that is too large for one channel message travels in a sealed
 * memory file.
 */

#include "core/base/id.h"
#include "core/base/wire.h"
#include "core/dns/resolver.h"
#include "core/message/splice.h"
#include "core/plugin/ledger.h"

#define WN_REQUEST_INLINE_MAX (32 * 1024)
#define WN_REQUEST_SCOPES_MAX 1000

/* Of all recipients, encoded: who asks must not let there be more. */
#define WN_REQUEST_RECIPIENT_OVERHEAD 8
#define WN_REQUEST_RECIPIENT_BYTES_MAX (112 * 1024)

#define WN_RESPONSE_BYTES_MAX (16 * 1024 * 1024)

/* What goes over the border of each text for people and of each list of
 * findings; the rest is cut. */
#define WN_RESPONSE_TEXT_MAX 256
#define WN_RESPONSE_FINDINGS_MAX 100

typedef enum {
    WN_REQUEST_CONNECT = 1,
    WN_REQUEST_NAME,
    WN_REQUEST_AHEAD,
    WN_REQUEST_RCPT,
    WN_REQUEST_MESSAGE,
    WN_REQUEST_RESET,
    WN_REQUEST_CLOSE
} WnRequestKind;

typedef struct WnRequestScope {
    uint32_t class_id;
} WnRequestScope;

typedef struct WnRequestRecipient {
    WnSpan address;
    uint32_t scope;
} WnRequestRecipient;

typedef struct WnRequest {
    WnRequestKind kind;
    uint64_t serial;     /* of this request; the answer repeats it */
    uint64_t session;    /* unique within the asking process */
    uint32_t attempt;    /* 1, or more after a filter process died over it */
    uint64_t generation; /* of the snapshot the class ids belong to */

    WnNetaddr client;
    WnSpan listener, helo, rdns;
    WnPtrStatus rdns_status;
    uint16_t tls_version;

    WnId id;           /* AHEAD, RCPT and MESSAGE */
    WnSpan sender;     /* empty: <> */
    uint32_t n_scopes; /* AHEAD, RCPT: 1 */
    const WnRequestScope *scopes;
    uint32_t n_recipients; /* RCPT: 1 */
    const WnRequestRecipient *recipients;

    WnSpan message;       /* unstuffed; MESSAGE only */
    uint64_t message_len; /* set by the writer */
} WnRequest;

typedef struct WnResponse {
    uint64_t serial;
    WnPtrStatus rdns_status; /* NAME */
    WnSpan rdns;
    uint32_t n_decisions;
    const WnScopeDecision *decisions; /* edits are empty here: */
    GArray *const *splices;           /* WnSplice per decision, over the
                                       * unstuffed message; NULL: none */
} WnResponse;

/* Without the message's bytes if inline_message is false; else they come last,
 * as wn_write_bytes() writes them. */
void wn_request_write(const WnRequest *self, bool inline_message,
    WnWriter *writer);

/* Where the attempt stands in the encoding, a u32. */
#define WN_REQUEST_ATTEMPT_OFFSET (1 + 1 + 8 + 8)

/* Arrays come from the arena, spans are borrowed from bytes.  A message that is
 * not inside is left empty.  False: refuse the peer. */
bool wn_request_read(WnSpan bytes, WnArena *arena, WnRequest *out_request,
    bool *out_inline);

void wn_response_write(const WnResponse *self, WnWriter *writer);
/* splices arrays must be freed by wn_response_clear. */
bool wn_response_read(WnSpan bytes, WnArena *arena, WnResponse *out_response);
void wn_response_clear(WnResponse *self);

enum { /* channel message types */
    WN_FILTERING_REQUEST = 0x10,
    WN_FILTERING_RESPONSE = 0x11,
    WN_FILTERING_RESPONSE_FILE = 0x12 /* the bytes stand in the descriptor */
};
