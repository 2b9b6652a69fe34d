/* SPDX-License-Identifier: MIT */
#include "core/filtering/engine.h"

#include "core/base/log.h"

#define SNAPSHOTS_KEPT 4

struct WnEngine {
    WnLoop *loop;
    WnChainHost *host;
    WnResolver *resolver;
    char *state;
    GHashTable *sessions; /* uint64_t* -> EngineSession */
    GQueue snapshots;     /* WnSnapshot, newest first */
    uint64_t message_bytes;
};

typedef struct EngineSession {
    uint64_t number;
    WnChainConnection *connection;
    WnChainTxn *txn; /* NULL outside a transaction */
    WnId txn_id;
    WnPtrStatus rdns_status; /* once looked up here */
    char *rdns;
    bool naming;   /* the look-up is under way */
    GArray *ahead; /* classes that look ahead once the name is known */
    GQueue runs;   /* WnEngineJob whose run needs connection or txn */
} EngineSession;

struct WnEngineJob {
    WnEngine *engine;
    EngineSession *session; /* NULL once the job needs it no more */
    const WnRequest *request;
    WnEngineFn fn;
    void *user;
    WnChainRun *run;
    WnPtrLookup *lookup;
    WnMessage *message;
    WnDeferred failed; /* the answer, when no chain can give one */
};

static void answer_failed(WnEngineJob *job);

static void
job_leave_session(WnEngineJob *job)
{
    if (job->session != NULL)
        g_queue_remove(&job->session->runs, job);
    job->session = NULL;
}

/* The asker has ended what these runs belong to: they are answered, so that
 * whoever holds the request lets it go, and nobody listens. */
static void
session_end_runs(EngineSession *session)
{
    WnEngineJob *job;

    while ((job = g_queue_pop_head(&session->runs)) != NULL) {
        job->session = NULL;
        wn_chain_cancel(job->run);
        job->run = NULL;
        answer_failed(job);
    }
}

static void
session_end_txn(EngineSession *session)
{
    session_end_runs(session);
    g_array_set_size(session->ahead, 0);
    g_clear_pointer(&session->txn, wn_chain_txn_free);
}

/* A verdict of connect is kept, so that none is asked for ahead of the client's
 * name. */
static void
look_ahead(EngineSession *session, uint32_t class_id)
{
    if (session->naming)
        g_array_append_val(session->ahead, class_id);
    else
        wn_chain_ahead(session->txn, class_id);
}

/* What runs now is not disturbed: nothing is lost that is not looked up ahead.
 */
static void
end_naming(EngineSession *session)
{
    session->naming = false;
    for (guint i = 0; i < session->ahead->len; i++)
        if (session->txn != NULL && g_queue_is_empty(&session->runs))
            wn_chain_ahead(session->txn,
                g_array_index(session->ahead, uint32_t, i));
    g_array_set_size(session->ahead, 0);
}

static void
session_free(void *data)
{
    EngineSession *session = data;

    session_end_runs(session);
    g_clear_pointer(&session->txn, wn_chain_txn_free);
    wn_chain_connection_free(session->connection);
    g_array_unref(session->ahead);
    g_free(session->rdns);
    g_free(session);
}

WnEngine *
wn_engine_new(WnLoop *loop, WnChainHost *host, WnResolver *resolver,
    const char *state)
{
    WnEngine *self = g_new0(WnEngine, 1);

    self->loop = loop;
    self->host = host;
    self->resolver = resolver;
    self->state = g_strdup(state);
    self->sessions = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL,
        session_free);
    g_queue_init(&self->snapshots);
    return self;
}

void
wn_engine_free(WnEngine *self)
{
    g_hash_table_unref(self->sessions);
    g_queue_clear_full(&self->snapshots, (GDestroyNotify)wn_snapshot_unref);
    g_free(self->state);
    g_free(self);
}

uint64_t
wn_engine_message_bytes(const WnEngine *self)
{
    return self->message_bytes;
}

uint64_t
wn_engine_blob_bytes(const WnEngine *self)
{
    g_autoptr(GHashTable) blobs = g_hash_table_new(NULL, NULL);
    GHashTableIter iter;
    uint64_t bytes = 0;
    void *blob;

    for (const GList *at = self->snapshots.head; at != NULL; at = at->next)
        wn_blob_shelf_collect(wn_snapshot_blobs(at->data), blobs);
    g_hash_table_iter_init(&iter, blobs);
    while (g_hash_table_iter_next(&iter, &blob, NULL))
        bytes += wn_blob_payload(blob).len + wn_blob_report(blob).len;
    return bytes;
}

void
wn_engine_forget_sessions(WnEngine *self)
{
    g_hash_table_remove_all(self->sessions);
}

void
wn_engine_set_snapshot(WnEngine *self, WnSnapshot *snapshot)
{
    WnSnapshot *last = g_queue_peek_head(&self->snapshots);

    if (last != NULL)
        wn_blob_shelf_learn(wn_snapshot_blobs(snapshot),
            wn_snapshot_blobs(last));
    if (self->state == NULL)
        wn_chain_host_set_snapshot(self->host, snapshot);
    g_queue_push_head(&self->snapshots, wn_snapshot_ref(snapshot));
    if (g_queue_get_length(&self->snapshots) > SNAPSHOTS_KEPT)
        wn_snapshot_unref(g_queue_pop_tail(&self->snapshots));
}

/* Borrowed; NULL if that generation cannot be opened. */
static WnSnapshot *
engine_snapshot(WnEngine *self, uint64_t generation)
{
    g_autoptr(WnSnapshot) opened = NULL;
    g_autoptr(GError) error = NULL;

    for (GList *at = self->snapshots.head; at != NULL; at = at->next)
        if (wn_snapshot_generation(at->data) == generation)
            return at->data;
    if (self->state != NULL)
        opened = wn_snapshot_open_generation(self->state, generation, &error);
    if (opened == NULL) {
        wn_remark(WN_LEVEL_ERROR, "snapshot %" G_GUINT64_FORMAT ": %s",
            generation, error != NULL ? error->message : "not found");
        return NULL;
    }
    wn_engine_set_snapshot(self, opened);
    return g_queue_peek_head(&self->snapshots);
}

/* What is asked before there is a transaction is answered with the data sets
 * that are in use now. */
static void
follow_current(WnEngine *self)
{
    uint64_t generation = self->state != NULL
                              ? wn_snapshot_current_generation(self->state)
                              : 0;
    WnSnapshot *snapshot = generation > 0 ? engine_snapshot(self, generation)
                                          : NULL;

    if (snapshot != NULL)
        wn_chain_host_set_snapshot(self->host, snapshot);
}

static WnChainClient
request_client(const WnRequest *request, const EngineSession *session)
{
    WnChainClient client = { .address = request->client,
        .listener = request->listener,
        .helo = request->helo,
        .rdns = request->rdns,
        .rdns_status = request->rdns_status,
        .tls_version = request->tls_version };

    if (session != NULL && session->rdns != NULL) {
        client.rdns = wn_span_str(session->rdns);
        client.rdns_status = session->rdns_status;
    }
    return client;
}

/* The session of the request, made or brought up to date from its facts. */
static EngineSession *
engine_session(WnEngine *self, const WnRequest *request)
{
    EngineSession *session = g_hash_table_lookup(self->sessions,
        &request->session);
    WnChainClient client = request_client(request, session);

    if (session != NULL) {
        wn_chain_connection_update(session->connection, &client);
        return session;
    }
    follow_current(self);
    session = g_new0(EngineSession, 1);
    session->number = request->session;
    session->ahead = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    session->connection = wn_chain_connection_new(self->host, &client);
    g_hash_table_insert(self->sessions, &session->number, session);
    return session;
}

static bool
begin_txn(WnEngine *self, EngineSession *session, const WnRequest *request)
{
    WnSnapshot *snapshot;

    if (session->txn != NULL && wn_id_eq(&session->txn_id, &request->id))
        return true;
    session_end_txn(session);
    snapshot = engine_snapshot(self, request->generation);
    if (snapshot == NULL)
        return false;
    session->txn = wn_chain_txn_new(session->connection, snapshot, &request->id,
        request->sender);
    session->txn_id = request->id;
    return true;
}

static void
job_free(WnEngineJob *job)
{
    wn_deferred_unset(&job->failed);
    if (job->message != NULL)
        job->engine->message_bytes -= wn_message_raw(job->message).len;
    g_clear_pointer(&job->message, wn_message_free);
    g_free(job);
}

/* Renders each decision's edits over the message; NULL where there are none.
 * What is inserted lives as long as *strings, NULL if nothing is. */
static GArray **
render_edits(WnEngineJob *job, const WnScopeDecision *decisions, size_t n,
    GStringChunk **out_strings)
{
    GArray **splices = g_new0(GArray *, n + 1);

    *out_strings = NULL;
    for (size_t i = 0; i < n; i++) {
        if (decisions[i].n_edits == 0 || job->message == NULL
            || decisions[i].decided != WN_DECIDED_DELIVER)
            continue;
        if (*out_strings == NULL)
            *out_strings = g_string_chunk_new(512);
        splices[i] = g_array_new(FALSE, FALSE, sizeof(WnSplice));
        wn_edits_render(decisions[i].edits, decisions[i].n_edits,
            wn_message_raw(job->message), wn_message_header_block(job->message),
            *out_strings, splices[i]);
    }
    return splices;
}

/* The recipient is taken: what filters that decide later can look up now may
 * come while the message does. */
static void
look_ahead_of_accepted(const WnEngineJob *job, const WnScopeDecision *decisions)
{
    if (job->request->kind == WN_REQUEST_RCPT
        && decisions[0].decided == WN_DECIDED_DELIVER)
        look_ahead(job->session, job->request->scopes[0].class_id);
}

static void
on_decided(void *user, const WnScopeDecision *decisions, size_t n_decisions)
{
    WnEngineJob *job = user;
    GStringChunk *strings;
    g_autofree GArray **splices = render_edits(job, decisions, n_decisions,
        &strings);
    WnResponse response = { .serial = job->request->serial,
        .rdns_status = WN_PTR_UNKNOWN,
        .rdns = WN_SPAN_EMPTY,
        .n_decisions = (uint32_t)n_decisions,
        .decisions = decisions,
        .splices = splices };

    job->run = NULL;
    look_ahead_of_accepted(job, decisions);
    job_leave_session(job);
    job->fn(job->user, &response);
    wn_response_clear(&response);
    g_clear_pointer(&strings, g_string_chunk_free);
    job_free(job);
}

static void
on_name(void *user, WnPtrStatus status, const char *name)
{
    WnEngineJob *job = user;
    EngineSession *session = g_hash_table_lookup(job->engine->sessions,
        &job->request->session);
    WnResponse response = { .serial = job->request->serial,
        .rdns_status = status,
        .rdns = wn_span_str(name) };

    job->lookup = NULL;
    if (session != NULL) {
        WnChainClient client;

        g_free(session->rdns);
        session->rdns = g_strdup(name != NULL ? name : "");
        session->rdns_status = status;
        client = request_client(job->request, session);
        wn_chain_connection_update(session->connection, &client);
        end_naming(session);
    }
    job->fn(job->user, &response);
    job_free(job);
}

/* A request that no chain can answer: the same as a filter that could not
 * tell with on_error = tempfail, never a refusal for good. */
static void
on_failed(void *user)
{
    WnEngineJob *job = user;
    uint32_t n = job->request->n_scopes;
    g_autofree WnScopeDecision *decisions = g_new0(WnScopeDecision, n + 1);
    g_autofree GArray **splices = g_new0(GArray *, n + 1);
    WnResponse response = { .serial = job->request->serial,
        .rdns_status = WN_PTR_UNKNOWN,
        .rdns = WN_SPAN_EMPTY,
        .n_decisions = n,
        .decisions = decisions,
        .splices = splices };

    for (uint32_t i = 0; i < n; i++)
        decisions[i] = (WnScopeDecision){ .decided = WN_DECIDED_TEMPFAIL,
            .filter = WN_SPAN_EMPTY,
            .code = 451,
            .enhanced = WN_SPAN("4.3.5"),
            .text = WN_SPAN("Settings are not available, try again later"),
            .redirect = WN_SPAN_EMPTY };
    job->fn(job->user, &response);
    job_free(job);
}

static void
answer_failed(WnEngineJob *job)
{
    wn_deferred_soon(&job->failed);
}

static void
ask_message(WnEngineJob *job, EngineSession *session)
{
    const WnRequest *request = job->request;
    g_autofree uint32_t *classes = g_new(uint32_t, request->n_scopes);
    g_autofree WnChainRecipient *recipients = g_new(WnChainRecipient,
        request->n_recipients);

    for (uint32_t i = 0; i < request->n_scopes; i++)
        classes[i] = request->scopes[i].class_id;
    for (uint32_t i = 0; i < request->n_recipients; i++)
        recipients[i] = (WnChainRecipient){
            .address = request->recipients[i].address,
            .scope = request->recipients[i].scope
        };
    g_array_set_size(session->ahead, 0); /* too late */
    job->message = wn_message_new(request->message);
    job->engine->message_bytes += request->message.len;
    wn_chain_txn_set_content(session->txn,
        wn_skips_content(job->request->message));
    job->run = wn_chain_message(session->txn, job->message, classes,
        request->n_scopes, recipients, request->n_recipients, on_decided, job);
}

static void
ask_name(WnEngineJob *job, EngineSession *session)
{
    if (job->engine->resolver == NULL) {
        answer_failed(job);
        return;
    }
    session->naming = true;
    job->lookup = wn_ptr_lookup(job->engine->resolver, &job->request->client,
        on_name, job);
}

static void
dispatch(WnEngineJob *job, EngineSession *session)
{
    const WnRequest *request = job->request;

    switch (request->kind) {
    case WN_REQUEST_CONNECT:
        job->run = wn_chain_connect(session->connection, on_decided, job);
        break;
    case WN_REQUEST_NAME:
        ask_name(job, session);
        break;
    case WN_REQUEST_RCPT:
        if (request->n_scopes != 1 || request->n_recipients != 1
            || !begin_txn(job->engine, session, request))
            answer_failed(job);
        else
            job->run = wn_chain_rcpt(session->txn, request->scopes[0].class_id,
                request->recipients[0].address, on_decided, job);
        break;
    case WN_REQUEST_MESSAGE:
        if (!begin_txn(job->engine, session, request))
            answer_failed(job);
        else
            ask_message(job, session);
        break;
    case WN_REQUEST_AHEAD:
    case WN_REQUEST_RESET:
    case WN_REQUEST_CLOSE:
        break;
    }
}

/* What is asked for no answer.  False: it was something else. */
static bool
take_note(WnEngine *self, const WnRequest *request)
{
    EngineSession *session = g_hash_table_lookup(self->sessions,
        &request->session);

    switch (request->kind) {
    case WN_REQUEST_CLOSE:
        g_hash_table_remove(self->sessions, &request->session);
        return true;
    case WN_REQUEST_RESET:
        if (session != NULL)
            session_end_txn(session);
        return true;
    case WN_REQUEST_AHEAD:
        session = engine_session(self, request);
        if (begin_txn(self, session, request))
            look_ahead(session, request->scopes[0].class_id);
        return true;
    case WN_REQUEST_CONNECT:
    case WN_REQUEST_NAME:
    case WN_REQUEST_RCPT:
    case WN_REQUEST_MESSAGE:
        break;
    }
    return false;
}

WnEngineJob *
wn_engine_ask(WnEngine *self, const WnRequest *request, WnEngineFn fn,
    void *user)
{
    EngineSession *session;
    WnEngineJob *job;

    if (take_note(self, request))
        return NULL;
    session = engine_session(self, request);
    job = g_new0(WnEngineJob, 1);
    job->engine = self;
    job->request = request;
    job->fn = fn;
    job->user = user;
    wn_deferred_init(&job->failed, self->loop, on_failed, job);
    dispatch(job, session);
    if (job->run != NULL) {
        job->session = session;
        g_queue_push_tail(&session->runs, job);
    }
    return job;
}

static void
forget_name(WnEngineJob *job)
{
    EngineSession *session = g_hash_table_lookup(job->engine->sessions,
        &job->request->session);

    wn_ptr_lookup_cancel(job->lookup);
    if (session == NULL)
        return;
    session->naming = false;
    g_array_set_size(session->ahead, 0);
}

void
wn_engine_cancel(WnEngineJob *job)
{
    job_leave_session(job);
    if (job->run != NULL)
        wn_chain_cancel(job->run);
    if (job->lookup != NULL)
        forget_name(job);
    job_free(job);
}
