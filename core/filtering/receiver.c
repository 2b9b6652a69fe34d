/* SPDX-License-Identifier: MIT */
#include "core/filtering/visit.h"

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/event/tls.h"

#define MEMORY_MAX (256 * 1024)
#define COMMAND_TIMEOUT_MS (300 * 1000)
#define STRESSED_TIMEOUT_MS (10 * 1000)
#define DATA_TIMEOUT_MS (3600 * 1000)
#define MIN_DATA_RATE 500

static void
visit_reset(WnVisit *visit)
{
    wn_visit_abandon_message(visit);
    g_clear_pointer(&visit->ticket, wn_filter_forget);
    g_clear_pointer(&visit->snapshot, wn_snapshot_unref);
    g_array_set_size(visit->scopes, 0);
    visit->recipient_bytes = 0;
    visit->asking = NULL;
    visit->asked = false;
}

static WnVisit *
visit_new(WnReceiver *self, WnSession *session)
{
    WnVisit *visit = g_new0(WnVisit, 1);

    visit->receiver = self;
    visit->session = session;
    visit->began_ms = wn_clock_mono_ms();
    visit->rdns_status = WN_PTR_UNKNOWN;
    visit->scopes = g_array_new(FALSE, TRUE, sizeof(WnVisitScope));
    return visit;
}

static void
visit_free(void *data)
{
    WnVisit *visit = data;

    visit_reset(visit);
    g_clear_pointer(&visit->name_ticket, wn_filter_forget);
    g_array_unref(visit->scopes);
    g_free(visit->rdns);
    g_free(visit->said);
    g_free(visit);
}

void
wn_visit_fill_request(WnVisit *visit, WnRequestKind kind,
    WnRequest *out_request)
{
    WnSession *session = visit->session;
    WnTransaction *transaction = wn_session_transaction(session);
    SSL *ssl = wn_session_ssl(session);

    *out_request = (WnRequest){ .kind = kind,
        .session = wn_session_serial(session),
        .client = *wn_session_client(session),
        .listener = wn_span_str(wn_session_listener(session)),
        .helo = wn_session_helo(session),
        .rdns = wn_span_str(visit->rdns),
        .rdns_status = visit->rdns_status,
        .tls_version = ssl != NULL ? (uint16_t)SSL_version(ssl) : 0,
        .sender = WN_SPAN_EMPTY,
        .message = WN_SPAN_EMPTY };
    if (visit->snapshot != NULL)
        out_request->generation = wn_snapshot_generation(visit->snapshot);
    if (transaction != NULL) {
        out_request->id = transaction->id;
        out_request->sender = transaction->sender.text;
    }
}

static void
on_name(void *user, const WnResponse *response, const char *reason)
{
    WnVisit *visit = user;

    (void)reason; /* no name is an ordinary answer */
    visit->name_ticket = NULL;
    if (response == NULL)
        return;
    visit->rdns_status = response->rdns_status;
    g_free(visit->rdns);
    visit->rdns = wn_span_dup(response->rdns);
}

/* "220" is all the session needs to know: it writes the banner itself. */
static const WnReply welcome = { 220, NULL, "" };

static void
on_connect_decided(void *user, const WnResponse *response, const char *reason)
{
    WnVisit *visit = user;
    g_autoptr(WnArena) arena = wn_arena_new(0);
    const WnScopeDecision *decision;
    WnReply reply = welcome;

    (void)reason; /* no filter: let the domains decide later */
    visit->ticket = NULL;
    if (response != NULL && response->n_decisions == 1) {
        decision = &response->decisions[0];
        wn_log_verdict(visit, NULL, decision);
        if (decision->decided == WN_DECIDED_REJECT
            || decision->decided == WN_DECIDED_TEMPFAIL)
            reply = wn_visit_refusal(visit, decision, arena);
    }
    wn_session_answer(visit->session, &reply, 1);
}

static const WnReply restarting = { 421, "4.3.2", "Restarting, try again" };
static const WnReply storage_trouble = { 421, "4.3.0",
    "Storage trouble, try again" };
static const WnReply too_many = { 421, "4.3.2", "Too many connections" };
static const WnReply too_many_of_one = { 421, "4.7.0",
    "Too many connections from your address" };

/* Why the connection is not wanted now; NULL: it is.  n_of_client is with this
 * one, as is the number of sessions. */
static const WnReply *
connection_refusal(const WnReceiver *self, uint64_t n_of_client)
{
    if (self->draining)
        return &restarting;
    if (wn_journal_is_suspect(self->journal))
        return &storage_trouble;
    if (g_hash_table_size(self->sessions) > self->max_sessions)
        return &too_many;
    if (n_of_client > self->config->max_connections_per_client)
        return &too_many_of_one;
    return NULL;
}

static WnAnswerWhen
on_connect(void *user, WnSession *session, WnReply *out_reply)
{
    WnReceiver *self = user;
    WnVisit *visit = wn_session_get_data(session);
    const WnReply *refusal;
    WnRequest request;
    uint64_t n_of_client;

    visit->counted = true;
    n_of_client = wn_shared_counts_add(self->counts,
        wn_session_client(session));
    wn_metric_add(self->metrics.connections, 1);
    refusal = connection_refusal(self, n_of_client);
    wn_log_connect(visit, refusal);
    *out_reply = refusal != NULL ? *refusal : welcome;
    if (refusal != NULL)
        return WN_ANSWER_NOW;

    wn_visit_fill_request(visit, WN_REQUEST_NAME, &request);
    visit->name_ticket = wn_filter_ask(self->filters, &request, -1, on_name,
        visit);
    if (!self->waits_for_connect)
        return WN_ANSWER_NOW;
    wn_visit_fill_request(visit, WN_REQUEST_CONNECT, &request);
    visit->ticket = wn_filter_ask(self->filters, &request, -1,
        on_connect_decided, visit);
    return WN_ANSWER_LATER;
}

static void
on_helo(void *user, WnSession *session)
{
    (void)user; /* the name travels with the next request */
    (void)session;
}

static WnAnswerWhen
on_mail(void *user, WnSession *session, WnReply *out_reply)
{
    WnReceiver *self = user;
    WnVisit *visit = wn_session_get_data(session);
    WnTransaction *transaction = wn_session_transaction(session);

    if (self->draining)
        *out_reply = restarting;
    else if (wn_journal_is_suspect(self->journal))
        *out_reply = storage_trouble;
    else if (!wn_journal_has_space(self->journal, transaction->declared_size,
                 (uint64_t)self->config->min_free_space))
        *out_reply = (WnReply){ 452, "4.3.1", "Too little space, try again" };
    else
        *out_reply = (WnReply){ 250, "2.1.0", "Sender ok" };
    if (out_reply->code == 250 && self->snapshot != NULL)
        visit->snapshot = wn_snapshot_ref(self->snapshot);
    return WN_ANSWER_NOW;
}

static WnAnswerWhen
on_rcpt(void *user, WnSession *session, WnSessionRecipient *recipient,
    WnReply *out_reply)
{
    (void)user;
    return wn_visit_rcpt(wn_session_get_data(session), recipient, out_reply);
}

static void
on_data(void *user, WnSession *session, WnReply *out_reply)
{
    (void)user;
    (void)session;
    *out_reply = (WnReply){ 354, NULL, "End data with <CR><LF>.<CR><LF>" };
}

static WnAnswerWhen
on_message(void *user, WnSession *session, const WnSessionMessage *message,
    WnReply *out_reply)
{
    (void)user;
    return wn_visit_message(wn_session_get_data(session), message, out_reply);
}

static void
on_refused(void *user, WnSession *session, const WnReply *reply, uint64_t size)
{
    WnReceiver *self = user;
    WnVisit *visit = wn_session_get_data(session);
    g_autoptr(WnArena) arena = wn_arena_new(0);
    bool for_good = reply->code / 100 == 5;
    WnMessageReport report;

    wn_visit_fill_report(visit, size, arena, &report);
    report.event = for_good ? "rejected" : "tempfailed";
    report.reason = reply->text;
    report.reply = *reply;
    wn_metric_add(for_good ? self->metrics.rejected : self->metrics.tempfailed,
        1);
    wn_log_message(&report);
}

static void
on_reset(void *user, WnSession *session)
{
    WnReceiver *self = user;
    WnVisit *visit = wn_session_get_data(session);
    bool asked = visit->asked;
    WnRequest request;

    visit_reset(visit);
    if (!asked)
        return;
    wn_visit_fill_request(visit, WN_REQUEST_RESET, &request);
    wn_filter_ask(self->filters, &request, -1, NULL, NULL);
}

static void
on_closed(void *user, WnSession *session)
{
    WnReceiver *self = user;
    WnVisit *visit = wn_session_get_data(session);
    WnRequest request;

    if (visit->counted) {
        wn_shared_counts_remove(self->counts, wn_session_client(session));
        wn_metric_add(self->metrics.connections, -1);
        wn_visit_fill_request(visit, WN_REQUEST_CLOSE, &request);
        wn_filter_ask(self->filters, &request, -1, NULL, NULL);
    }
    g_hash_table_remove(self->sessions, session);
}

static const WnSessionHandler handler = {
    .connect = on_connect,
    .helo = on_helo,
    .mail = on_mail,
    .rcpt = on_rcpt,
    .data = on_data,
    .message = on_message,
    .refused = on_refused,
    .reset = on_reset,
    .closed = on_closed,
};

static void
init_metrics(WnReceiverMetrics *metrics)
{
    static const char messages[] = "winnow_messages_total";
    static const char
        help[] = "Messages by what became of them in the dialogue.";

    metrics->connections = wn_metrics_gauge("winnow_connections", NULL,
        "SMTP connections that are open.");
    metrics->accepted = wn_metrics_counter(messages, "result=\"accepted\"",
        help);
    metrics->rejected = wn_metrics_counter(messages, "result=\"rejected\"",
        help);
    metrics->tempfailed = wn_metrics_counter(messages, "result=\"tempfailed\"",
        help);
    metrics->deleted = wn_metrics_counter(messages, "result=\"deleted\"", help);
    metrics->rejected_rcpt = wn_metrics_counter(messages,
        "result=\"rejected_rcpt\"", help);
    metrics->split = wn_metrics_counter("winnow_split_total", NULL,
        "Recipients answered 452 because they need their own transaction.");
}

static void
init_context(WnReceiver *self)
{
    const WnConfig *config = self->config;

    self->context = (WnSessionContext){ .loop = self->loop,
        .handler = &handler,
        .handler_self = self,
        .hostname = config->hostname,
        .tls = self->tls,
        .max_message_size = (uint64_t)config->max_message_size,
        .max_recipients = config->max_recipients,
        .normalise_bare_newlines = config->bare_newlines == WN_BARE_NORMALISE,
        .offer_prdr = true,
        .spool = config->spool,
        .memory_max = MEMORY_MAX,
        .command_timeout_ms = COMMAND_TIMEOUT_MS,
        .data_timeout_ms = DATA_TIMEOUT_MS,
        .min_data_rate = MIN_DATA_RATE };
}

static bool
some_filter_decides_connect(const WnConfig *config)
{
    for (guint i = 0; i < config->filters->len; i++) {
        const WnFilterConfig *filter = config->filters->pdata[i];

        if (filter->enabled && filter->decide == WN_DECIDE_LISTENER)
            return true;
    }
    return false;
}

static void
init_tls(WnReceiver *self)
{
    g_autoptr(GError) error = NULL;

    if (self->config->tls_certificate == NULL)
        return;
    self->tls = wn_tls_server_context(self->config->tls_certificate,
        self->config->tls_key, &error);
    if (self->tls == NULL)
        wn_remark(WN_LEVEL_ERROR, "STARTTLS is not offered: %s",
            error->message);
}

static void
init_acceptances(WnReceiver *self)
{
    self->detached = g_hash_table_new(NULL, NULL);
    self->answered = g_ptr_array_new();
    self->spare = g_ptr_array_new();
    wn_deferred_init(&self->log_answered, self->loop, wn_receiver_log_answered,
        self);
    wn_envelope_init(&self->envelope);
    wn_writer_init(&self->writer);
    self->trace = g_string_sized_new(1024);
}

WnReceiver *
wn_receiver_new(const WnReceiverConfig *config)
{
    WnReceiver *self = g_new0(WnReceiver, 1);

    self->loop = config->loop;
    self->config = config->config;
    self->filters = config->filters;
    self->journal = config->journal;
    self->sessions = g_hash_table_new_full(NULL, NULL, NULL, visit_free);
    self->limits = config->limits;
    self->own_counts = config->counts == NULL;
    self->counts = self->own_counts ? wn_shared_counts_new(-1, 0)
                                    : config->counts;
    self->max_sessions = MAX(1,
        self->config->max_connections / MAX(1, self->config->workers));
    self->waits_for_connect = some_filter_decides_connect(self->config);
    init_tls(self);
    init_metrics(&self->metrics);
    init_context(self);
    init_acceptances(self);
    return self;
}

static void
kick_sessions(WnReceiver *self)
{
    g_autoptr(GList) sessions = g_hash_table_get_keys(self->sessions);

    for (GList *at = sessions; at != NULL; at = at->next)
        wn_session_kick(at->data, &restarting);
}

void
wn_receiver_free(WnReceiver *self)
{
    if (self == NULL)
        return;
    kick_sessions(self);
    wn_receiver_free_acceptances(self);
    g_hash_table_unref(self->sessions);
    if (self->own_counts)
        wn_shared_counts_free(self->counts);
    wn_envelope_clear(&self->envelope);
    wn_writer_clear(&self->writer);
    g_string_free(self->trace, TRUE);
    g_clear_pointer(&self->snapshot, wn_snapshot_unref);
    g_clear_pointer(&self->tls, SSL_CTX_free);
    g_free(self);
}

void
wn_receiver_set_snapshot(WnReceiver *self, WnSnapshot *snapshot)
{
    WnSnapshot *before = self->snapshot;

    self->snapshot = snapshot != NULL ? wn_snapshot_ref(snapshot) : NULL;
    g_clear_pointer(&before, wn_snapshot_unref);
}

static bool
is_balancer(const WnReceiver *self, const WnNetaddr *peer)
{
    for (guint i = 0; i < self->config->proxy_from->len; i++)
        if (wn_network_holds(&g_array_index(self->config->proxy_from, WnNetwork,
                                 i),
                peer))
            return true;
    return false;
}

void
wn_receiver_accept(WnReceiver *self, int take_fd, const WnNetaddr *peer,
    const char *listener)
{
    /* Nine tenths of the sessions taken: idle ones must make room. */
    bool stressed = g_hash_table_size(self->sessions)
                    >= (uint64_t)self->max_sessions * 9 / 10;
    WnSession *session;
    WnVisit *visit;

    self->context.command_timeout_ms = stressed ? STRESSED_TIMEOUT_MS
                                                : COMMAND_TIMEOUT_MS;
    session = wn_session_new(&self->context, take_fd, peer,
        is_balancer(self, peer), listener);
    visit = visit_new(self, session);
    wn_session_set_data(session, visit);
    g_hash_table_insert(self->sessions, session, visit);
}

void
wn_receiver_drain(WnReceiver *self)
{
    g_autoptr(GList) sessions = g_hash_table_get_keys(self->sessions);

    self->draining = true;
    for (GList *at = sessions; at != NULL; at = at->next)
        wn_session_drain(at->data);
}

unsigned
wn_receiver_n_sessions(const WnReceiver *self)
{
    return g_hash_table_size(self->sessions);
}
