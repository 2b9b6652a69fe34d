/* SPDX-License-Identifier: MIT */

/*
 * What crosses the border between winnow-smtp and winnow-filter, in both
 * directions: a first byte that is odd makes the rest a response.  What can be
 * read is written again and read again, and then is the same bytes.
 */

#include "core/filtering/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
assert_same(const WnWriter *a, const WnWriter *b)
{
    g_assert_true(wn_span_eq(wn_writer_span(a), wn_writer_span(b)));
}

static void
check_request(const WnRequest *request)
{
    g_assert_cmpint(request->kind, >=, WN_REQUEST_CONNECT);
    g_assert_cmpint(request->kind, <=, WN_REQUEST_CLOSE);
    g_assert_cmpuint(request->n_scopes, <=, WN_REQUEST_SCOPES_MAX);
    for (uint32_t i = 0; i < request->n_recipients; i++)
        g_assert_cmpuint(request->recipients[i].scope, <, request->n_scopes);
}

static void
try_request(WnSpan bytes)
{
    g_autoptr(WnArena) arena = wn_arena_new(0);
    g_auto(WnWriter) once;
    g_auto(WnWriter) twice;
    WnRequest request;
    bool inside;

    wn_writer_init(&once);
    wn_writer_init(&twice);
    if (!wn_request_read(bytes, arena, &request, &inside))
        return;
    check_request(&request);
    wn_request_write(&request, inside, &once);
    g_assert_true(
        wn_request_read(wn_writer_span(&once), arena, &request, &inside));
    wn_request_write(&request, inside, &twice);
    assert_same(&once, &twice);
}

static void
check_response(const WnResponse *response)
{
    g_assert_cmpuint(response->n_decisions, <=, WN_REQUEST_SCOPES_MAX);
    for (uint32_t i = 0; i < response->n_decisions; i++) {
        const WnScopeDecision *decision = &response->decisions[i];

        g_assert_cmpint(decision->decided, <=, WN_DECIDED_DISCARD);
        for (uint32_t n = 0; n < decision->n_entries; n++)
            g_assert_cmpint(decision->entries[n].verdict, <=,
                WN_LEDGER_SKIPPED);
        if (response->splices[i] != NULL)
            g_assert_cmpuint(response->splices[i]->len, >, 0);
    }
}

static void
try_response(WnSpan bytes)
{
    g_autoptr(WnArena) arena = wn_arena_new(0);
    g_auto(WnWriter) once;
    g_auto(WnWriter) twice;
    WnResponse response;
    WnResponse again;

    wn_writer_init(&once);
    wn_writer_init(&twice);
    if (!wn_response_read(bytes, arena, &response))
        return;
    check_response(&response);
    wn_response_write(&response, &once);
    wn_response_clear(&response);
    g_assert_true(wn_response_read(wn_writer_span(&once), arena, &again));
    wn_response_write(&again, &twice);
    wn_response_clear(&again);
    assert_same(&once, &twice);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    WnSpan bytes = wn_span(data, size);

    if (size == 0)
        return 0;
    bytes = wn_span_slice(bytes, 1, size);
    if (data[0] % 2 == 0)
        try_request(bytes);
    else
        try_response(bytes);
    return 0;
}
