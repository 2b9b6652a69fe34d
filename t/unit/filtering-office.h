/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Client, server and engine with real chains, over a channel as between
 * processes, or within one.
 */

#include "core/filtering/server.h"

#include "core/base/clock.h"
#include "core/base/fd.h"
#include "core/filtering/client.h"
#include "t/unit/plugin-probe.h"
#include "t/unit/plugin-stage.h"

#include <sys/mman.h>
#include <unistd.h>

#define TURNS_MAX 300
#define PLAIN "Subject: hello\r\nTo: x\r\n\r\nbody\r\n"

typedef enum { OVER_CHANNEL, WITHIN } Way;

typedef struct Office {
    Stage stage;
    WnEngine *engine;
    WnFilterServer *server; /* NULL within one process, or after its end */
    WnFilterClient *client;
    GString *told; /* one line for each response */
    GString *last; /* the message after the last decision's edits */
    guint n_told;
    guint n_closed;
    WnServerEnd end; /* of the last server */
} Office;

static inline void
on_closed(void *user, WnServerEnd end)
{
    Office *self = user;

    self->end = end;
    self->n_closed++;
    g_clear_pointer(&self->server, wn_filter_server_free);
    wn_engine_forget_sessions(self->engine);
}

/* filters: as stage_filters() takes them. */
static inline void
office_init(Office *self, Way way, const char *const *filters)
{
    int fds[2];

    *self = (Office){ .told = g_string_new(NULL), .last = g_string_new(NULL) };
    stage_init(&self->stage, probe_plugins, NULL);
    stage_filters(&self->stage, filters);
    stage_domain(&self->stage, "good.example", "");
    stage_domain(&self->stage, "tag.example",
        "[filter a]\naction.do = prefix:[Tag]\n");
    stage_start(&self->stage);
    stage_assert_no_problem(&self->stage);
    probe_reset();
    self->engine = wn_engine_new(self->stage.loop, self->stage.host, NULL,
        self->stage.files.folder);
    wn_engine_set_snapshot(self->engine, self->stage.snapshot);
    self->client = wn_filter_client_new(self->stage.loop, 60000);
    if (way == WITHIN) {
        wn_filter_client_attach_engine(self->client, self->engine);
        return;
    }
    g_assert_true(wn_channel_pair(fds));
    self->server = wn_filter_server_new(self->stage.loop, self->engine, fds[0],
        on_closed, self);
    wn_filter_client_attach(self->client, fds[1]);
}

static inline void
office_clear(Office *self)
{
    wn_filter_client_free(self->client);
    wn_filter_server_free(self->server);
    wn_engine_free(self->engine);
    g_string_free(self->told, TRUE);
    g_string_free(self->last, TRUE);
    stage_clear(&self->stage);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Office, office_clear)

static inline void
append_span(GString *out, WnSpan text)
{
    g_string_append_len(out, text.ptr, (gssize)text.len);
}

static inline void
append_piece(void *user, WnSpan piece)
{
    append_span(user, piece);
}

static inline void
append_decision(GString *out, const WnScopeDecision *decision)
{
    g_string_append_printf(out, " | %s", wn_decided_name(decision->decided));
    if (decision->code != 0)
        g_string_append_printf(out, " %u ", decision->code);
    append_span(out, decision->text);
    for (uint32_t i = 0; i < decision->n_entries; i++) {
        const WnLedgerEntry *entry = &decision->entries[i];

        g_string_append_c(out, ' ');
        append_span(out, entry->filter);
        g_string_append_printf(out, ":%s",
            wn_ledger_verdict_name(entry->verdict));
        if (entry->n_findings > 0) {
            g_string_append_c(out, '=');
            append_span(out, entry->findings[0].evidence);
        }
    }
}

static inline void
apply(GString *out, GArray *splices)
{
    WnSpan message = WN_SPAN(PLAIN);

    g_string_truncate(out, 0);
    if (splices == NULL) {
        append_span(out, message);
        return;
    }
    g_assert_true(wn_splices_normalise(splices, message.len));
    wn_splices_apply(splices, message, append_piece, out);
}

static inline void
on_told(void *user, const WnResponse *response, const char *reason)
{
    Office *self = user;

    self->n_told++;
    if (response == NULL) {
        g_string_append_printf(self->told, "none: %s", reason);
        return;
    }
    g_string_append_printf(self->told, "%u", response->n_decisions);
    for (uint32_t i = 0; i < MIN(response->n_decisions, 3); i++) {
        append_decision(self->told, &response->decisions[i]);
        apply(self->last, response->splices[i]);
    }
}

static inline WnRequest
make_request(WnRequestKind kind)
{
    WnRequest request = { .kind = kind,
        .session = 7,
        .generation = 1,
        .listener = WN_SPAN("127.0.0.1:25"),
        .helo = WN_SPAN("client.example"),
        .rdns = WN_SPAN_EMPTY,
        .rdns_status = WN_PTR_UNKNOWN,
        .id = { { 1, 2, 3 } },
        .sender = WN_SPAN("from@b.example"),
        .message = WN_SPAN_EMPTY };

    g_assert_true(wn_netaddr_parse(WN_SPAN("192.0.2.1"), &request.client));
    return request;
}

static inline uint32_t
class_of(const Office *office, const char *domain)
{
    WnDomain found;

    g_assert_true(wn_snapshot_domain(office->stage.snapshot,
        wn_span_str(domain), &found));
    return found.class_id;
}

static inline WnFilterTicket *
ask_rcpt(Office *self, const char *address)
{
    WnRequest request = make_request(WN_REQUEST_RCPT);
    WnRequestScope scope = { class_of(self, strchr(address, '@') + 1) };
    WnRequestRecipient recipient = { wn_span_str(address), 0 };

    request.n_scopes = request.n_recipients = 1;
    request.scopes = &scope;
    request.recipients = &recipient;
    return wn_filter_ask(self->client, &request, -1, on_told, self);
}

typedef struct Question {
    uint64_t generation;
    uint8_t id;
    uint32_t class_id; /* of the second scope; UINT32_MAX: there is none */
    WnSpan message;
    int fd;
} Question;

#define ORDINARY                   \
    ((Question){ .generation = 1,  \
        .id = 1,                   \
        .class_id = UINT32_MAX,    \
        .message = WN_SPAN(PLAIN), \
        .fd = -1 })

static inline WnFilterTicket *
ask_message(Office *self, const Question *question)
{
    WnRequest request = make_request(WN_REQUEST_MESSAGE);
    WnRequestScope scopes[] = { { class_of(self, "good.example") },
        { question->class_id } };
    WnRequestRecipient recipients[] = { { WN_SPAN("u@good.example"), 0 },
        { WN_SPAN("v@tag.example"), 1 } };

    request.generation = question->generation;
    request.id.bytes[0] = question->id;
    request.n_scopes = request.n_recipients = question->class_id == UINT32_MAX
                                                  ? 1
                                                  : 2;
    request.scopes = scopes;
    request.recipients = recipients;
    request.message = question->message;
    return wn_filter_ask(self->client, &request, question->fd, on_told, self);
}

static inline void
tell(Office *self, WnRequestKind kind)
{
    WnRequest request = make_request(kind);

    g_assert_null(wn_filter_ask(self->client, &request, -1, on_told, self));
}

static inline void
settle(Office *self)
{
    for (int i = 0; i < 4; i++)
        stage_turn(&self->stage);
}

static const char *
wait_for(Office *self, guint n_told)
{
    for (int i = 0; i < TURNS_MAX && self->n_told < n_told; i++)
        stage_turn(&self->stage);
    g_assert_cmpuint(self->n_told, ==, n_told);
    return self->told->str;
}

static inline void
forget(Office *self)
{
    g_string_truncate(self->told, 0);
    self->n_told = 0;
}

static inline int
file_with(WnSpan bytes)
{
    int fd = memfd_create("message", MFD_CLOEXEC);

    g_assert_true(wn_fd_write_all(fd, bytes));
    return fd;
}

static const char *const matching[] = {
    "plugin = probe\naction = act\naction.do = prefix:[Spam]\n"
    "script = message=match:x\n",
    NULL
};

static const char *const waiting[] = {
    "plugin = probe\naction = act\naction.do = reject\n"
    "script = rcpt=pass message=wait:1000:match:late\n",
    NULL
};
