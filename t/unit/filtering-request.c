/* SPDX-License-Identifier: MIT */
#include "core/filtering/request.h"

#include "core/event/channel.h"

static const WnRequestScope scopes[] = { { 7 }, { 0 }, { 4000000000 } };
static const WnRequestRecipient recipients[] = {
    { { "a@one.example", 13 }, 0 },
    { { "\"b c\"@two.example", 17 }, 2 },
    { { "", 0 }, 1 },
};

static WnRequest
full_request(void)
{
    WnRequest request = { .kind = WN_REQUEST_MESSAGE,
        .serial = UINT64_C(0x1122334455667788),
        .session = 42,
        .attempt = 2,
        .generation = UINT64_MAX,
        .listener = WN_SPAN("192.0.2.1:25"),
        .helo = WN_SPAN("mx.sender.example"),
        .rdns = WN_SPAN("mx7.sender.example"),
        .rdns_status = WN_PTR_VERIFIED,
        .tls_version = 0x0304,
        .id = wn_id_new(),
        .sender = WN_SPAN("from@sender.example"),
        .n_scopes = G_N_ELEMENTS(scopes),
        .scopes = scopes,
        .n_recipients = G_N_ELEMENTS(recipients),
        .recipients = recipients,
        .message = WN_SPAN("Subject: x\r\n\r\nbody \0 with a NUL\r\n") };

    g_assert_true(wn_netaddr_parse_port(WN_SPAN("[2001:db8::1]:4711"), 0,
        &request.client));
    return request;
}

static WnSpan
encode_request(const WnRequest *request, bool inside, WnWriter *writer)
{
    wn_writer_init(writer);
    wn_request_write(request, inside, writer);
    return wn_writer_span(writer);
}

static void
assert_spans(WnSpan a, WnSpan b)
{
    g_assert_cmpmem(a.ptr, a.len, b.ptr, b.len);
}

static void
check_same_request(const WnRequest *a, const WnRequest *b)
{
    g_assert_cmpint(a->kind, ==, b->kind);
    g_assert_cmpuint(a->serial, ==, b->serial);
    g_assert_cmpuint(a->session, ==, b->session);
    g_assert_cmpuint(a->attempt, ==, b->attempt);
    g_assert_cmpuint(a->generation, ==, b->generation);
    g_assert_true(wn_netaddr_eq(&a->client, &b->client));
    assert_spans(a->listener, b->listener);
    assert_spans(a->helo, b->helo);
    assert_spans(a->rdns, b->rdns);
    g_assert_cmpint(a->rdns_status, ==, b->rdns_status);
    g_assert_cmpuint(a->tls_version, ==, b->tls_version);
    g_assert_true(wn_id_eq(&a->id, &b->id));
    assert_spans(a->sender, b->sender);
    g_assert_cmpuint(a->n_scopes, ==, b->n_scopes);
    for (uint32_t i = 0; i < a->n_scopes; i++)
        g_assert_cmpuint(a->scopes[i].class_id, ==, b->scopes[i].class_id);
    g_assert_cmpuint(a->n_recipients, ==, b->n_recipients);
    for (uint32_t i = 0; i < a->n_recipients; i++) {
        assert_spans(a->recipients[i].address, b->recipients[i].address);
        g_assert_cmpuint(a->recipients[i].scope, ==, b->recipients[i].scope);
    }
}

static void
test_request_round_trip(void)
{
    WnRequest request = full_request();

    for (int inside = 0; inside < 2; inside++) {
        g_autoptr(WnArena) arena = wn_arena_new(0);
        g_auto(WnWriter) writer;
        WnSpan bytes = encode_request(&request, inside, &writer);
        WnRequest copy;
        bool was_inside;

        g_assert_true(wn_request_read(bytes, arena, &copy, &was_inside));
        g_assert_cmpint(was_inside, ==, inside);
        check_same_request(&request, &copy);
        g_assert_cmpuint(copy.message_len, ==, request.message.len);
        assert_spans(copy.message, inside ? request.message : WN_SPAN_EMPTY);
    }
}

/* Kinds without an envelope have empty lists. */
static void
test_request_small(void)
{
    static const WnRequestKind kinds[] = { WN_REQUEST_CONNECT, WN_REQUEST_NAME,
        WN_REQUEST_RESET, WN_REQUEST_CLOSE };

    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        g_autoptr(WnArena) arena = wn_arena_new(0);
        g_auto(WnWriter) writer;
        WnRequest request = { .kind = kinds[i],
            .serial = 1,
            .listener = WN_SPAN_EMPTY,
            .helo = WN_SPAN_EMPTY,
            .rdns = WN_SPAN_EMPTY,
            .rdns_status = WN_PTR_UNKNOWN,
            .sender = WN_SPAN_EMPTY,
            .message = WN_SPAN_EMPTY };
        WnSpan bytes = encode_request(&request, false, &writer);
        WnRequest copy;
        bool inside;

        g_assert_true(wn_request_read(bytes, arena, &copy, &inside));
        check_same_request(&request, &copy);
    }
}

/* Every place where it can be cut off, and a byte too many. */
static void
test_request_truncated(void)
{
    WnRequest request = full_request();
    g_auto(WnWriter) writer;
    WnSpan bytes = encode_request(&request, true, &writer);
    g_autofree char *longer = g_malloc0(bytes.len + 1);
    WnRequest copy;
    bool inside;

    for (size_t len = 0; len < bytes.len; len++) {
        g_autoptr(WnArena) arena = wn_arena_new(0);
        g_autofree char *exact = g_memdup2(bytes.ptr, len);

        g_assert_false(
            wn_request_read(wn_span(exact, len), arena, &copy, &inside));
    }
    {
        g_autoptr(WnArena) arena = wn_arena_new(0);

        memcpy(longer, bytes.ptr, bytes.len);
        g_assert_false(wn_request_read(wn_span(longer, bytes.len + 1), arena,
            &copy, &inside));
    }
}

/* Any byte may change: nothing but a verdict comes of it.  The sanitizers look
 * on. */
static void
test_request_damaged(void)
{
    WnRequest request = full_request();
    g_auto(WnWriter) writer;
    WnSpan bytes = encode_request(&request, true, &writer);

    for (size_t at = 0; at < bytes.len; at++)
        for (int bit = 0; bit < 8; bit++) {
            g_autoptr(WnArena) arena = wn_arena_new(0);
            g_autofree char *exact = g_memdup2(bytes.ptr, bytes.len);
            WnRequest copy;
            bool inside;

            exact[at] = (char)(exact[at] ^ (1 << bit));
            if (!wn_request_read(wn_span(exact, bytes.len), arena, &copy,
                    &inside))
                continue;
            g_assert_cmpuint(copy.n_scopes, ==, G_N_ELEMENTS(scopes));
            for (uint32_t i = 0; i < copy.n_recipients; i++)
                g_assert_cmpuint(copy.recipients[i].scope, <, copy.n_scopes);
        }
}

typedef struct BadRequest {
    const char *name;
    void (*spoil)(WnRequest *request);
} BadRequest;

static void
spoil_kind(WnRequest *request)
{
    request->kind = (WnRequestKind)(WN_REQUEST_CLOSE + 1);
}

static void
spoil_kind_low(WnRequest *request)
{
    request->kind = (WnRequestKind)0;
}

static void
spoil_rdns_status(WnRequest *request)
{
    request->rdns_status = (WnPtrStatus)4;
}

static void
spoil_address(WnRequest *request)
{
    request->client.len = 5;
}

static void
spoil_scope(WnRequest *request)
{
    static const WnRequestRecipient outside[] = { { { "a@b", 3 }, 3 } };

    request->recipients = outside;
    request->n_recipients = 1;
}

static void
spoil_no_scope(WnRequest *request)
{
    request->n_scopes = request->n_recipients = 0;
}

static void
spoil_many_scopes(WnRequest *request)
{
    static WnRequestScope many[WN_REQUEST_SCOPES_MAX + 1];

    request->scopes = many;
    request->n_scopes = G_N_ELEMENTS(many);
}

static void
spoil_ahead(WnRequest *request)
{
    request->kind = WN_REQUEST_AHEAD;
    request->n_scopes = 0;
    request->n_recipients = 0;
}

static void
spoil_rcpt(WnRequest *request)
{
    request->kind = WN_REQUEST_RCPT;
}

static const BadRequest bad_requests[] = {
    { "kind", spoil_kind },
    { "kind-zero", spoil_kind_low },
    { "rdns-status", spoil_rdns_status },
    { "address-family", spoil_address },
    { "scope-outside", spoil_scope },
    { "message-without-scope", spoil_no_scope },
    { "many-scopes", spoil_many_scopes },
    { "ahead-of-none", spoil_ahead },
    { "rcpt-of-three", spoil_rcpt },
};

static void
test_request_bad(const void *data)
{
    const BadRequest *bad = data;
    WnRequest request = full_request(), copy;
    g_autoptr(WnArena) arena = wn_arena_new(0);
    g_auto(WnWriter) writer;
    bool inside;

    bad->spoil(&request);
    g_assert_false(wn_request_read(encode_request(&request, true, &writer),
        arena, &copy, &inside));
}

/* The most that a receiver lets come together fits in one channel message. */
static void
test_request_largest(void)
{
    enum { N = 1000 };
    g_autofree char *address = g_strnfill(WN_REQUEST_RECIPIENT_BYTES_MAX / N
                                              - WN_REQUEST_RECIPIENT_OVERHEAD,
        'a');
    g_autofree char *body = g_strnfill(WN_REQUEST_INLINE_MAX, 'b');
    g_autofree char *name = g_strnfill(255, 'c');
    g_autofree WnRequestScope *many = g_new0(WnRequestScope,
        WN_REQUEST_SCOPES_MAX);
    g_autofree WnRequestRecipient *all = g_new0(WnRequestRecipient, N);
    WnRequest request = full_request(), copy;
    g_autoptr(WnArena) arena = wn_arena_new(0);
    g_auto(WnWriter) writer;
    WnSpan bytes;
    bool inside;

    for (uint32_t i = 0; i < N; i++)
        all[i] = (WnRequestRecipient){ wn_span_str(address), i };
    request.helo = request.rdns = request.sender = wn_span_str(name);
    request.n_scopes = WN_REQUEST_SCOPES_MAX;
    request.scopes = many;
    request.n_recipients = N;
    request.recipients = all;
    request.message = wn_span_str(body);
    bytes = encode_request(&request, true, &writer);
    g_assert_cmpuint(bytes.len, <=, WN_CHANNEL_MESSAGE_MAX);
    g_assert_true(wn_request_read(bytes, arena, &copy, &inside));
    check_same_request(&request, &copy);
}

static void
test_attempt_offset(void)
{
    WnRequest request = full_request(), copy;
    g_autoptr(WnArena) arena = wn_arena_new(0);
    g_auto(WnWriter) writer;
    bool inside;

    encode_request(&request, true, &writer);
    wn_write_u32_at(&writer, WN_REQUEST_ATTEMPT_OFFSET, 77);
    g_assert_true(
        wn_request_read(wn_writer_span(&writer), arena, &copy, &inside));
    request.attempt = 77;
    check_same_request(&request, &copy);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/filtering/request/round-trip", test_request_round_trip);
    g_test_add_func("/filtering/request/small", test_request_small);
    g_test_add_func("/filtering/request/truncated", test_request_truncated);
    g_test_add_func("/filtering/request/damaged", test_request_damaged);
    for (size_t i = 0; i < G_N_ELEMENTS(bad_requests); i++) {
        g_autofree char *path = g_strconcat("/filtering/request/bad/",
            bad_requests[i].name, NULL);

        g_test_add_data_func(path, &bad_requests[i], test_request_bad);
    }
    g_test_add_func("/filtering/request/largest", test_request_largest);
    g_test_add_func("/filtering/request/attempt", test_attempt_offset);
    return g_test_run();
}
