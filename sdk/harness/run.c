/* SPDX-License-Identifier: MIT */
#include "sdk/harness/run.h"

#include "core/base/clock.h"

#include <string.h>

#define IDLE_STEP_MS 1000
#define LATE_MS 86400000 /* longer than any instance's timeout */
#define TURNS_MAX 20000
#define QUIET_TURNS 3
#define PAUSE_MS                                                   \
    2000 /* what the client takes to send the message, where hooks \
          * run ahead of it */

typedef enum {
    RUN_CONNECT,
    RUN_RCPT,
    RUN_PAUSE,
    RUN_MESSAGE,
    RUN_OVER
} RunState;

struct WnRun {
    WnWorld *world;
    WnShim *shim;
    WnRunMail mail;
    RunState state;
    bool decided;   /* the chain's run has called back */
    bool finishing; /* the run itself moves the clock */
    int64_t pause_until_ms;
    unsigned next_rcpt;
    GPtrArray *accepted; /* of mail.recipients */
    WnChainConnection *connection;
    WnChainTxn *txn;
    WnMessage *message;
    GArray *classes; /* one for each scope */
    WnRunResult *result;
};

static void
on_decided(void *user, const WnScopeDecision *decisions, size_t n_decisions)
{
    WnRun *self = user;

    self->decided = true;
    wn_run_result_free(self->result);
    self->result = wn_run_result_new(decisions, n_decisions, WN_WORLD_FILTER);
}

WnRun *
wn_run_new(WnWorld *world, WnShim *shim, const WnRunMail *mail)
{
    WnRun *self = g_new0(WnRun, 1);
    WnChainClient client = *mail->client;

    self->world = world;
    self->shim = shim;
    self->mail = *mail;
    self->accepted = g_ptr_array_new();
    self->classes = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    client.helo = WN_SPAN_EMPTY;
    self->connection = wn_chain_connection_new(world->host, &client);
    wn_chain_connect(self->connection, on_decided, self);
    return self;
}

void
wn_run_free(WnRun *self)
{
    if (self == NULL)
        return;
    wn_chain_txn_free(self->txn);
    wn_shim_end_txn(self->shim);
    wn_chain_connection_free(self->connection);
    wn_shim_end_connection(self->shim);
    wn_message_free(self->message);
    wn_run_result_free(self->result);
    g_ptr_array_unref(self->accepted);
    g_array_unref(self->classes);
    g_free(self);
}

bool
wn_run_is_over(const WnRun *self)
{
    return self->state == RUN_OVER;
}

const WnRunResult *
wn_run_result(const WnRun *self)
{
    return self->result;
}

/*
 * From one run of the chain to the next
 */

static void
begin_txn(WnRun *self)
{
    static const char id_text[] = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    WnChainClient client = *self->mail.client;
    WnId id;

    client.helo = wn_span_str(self->mail.helo);
    wn_chain_connection_update(self->connection, &client);
    g_assert_true(wn_id_parse(wn_span_str(id_text), &id));
    self->txn = wn_chain_txn_new(self->connection, self->world->snapshot, &id,
        wn_span_str(self->mail.sender));
}

static void
begin_rcpt(WnRun *self)
{
    const char *recipient = g_ptr_array_index(self->mail.recipients,
        self->next_rcpt++);

    self->state = RUN_RCPT;
    self->decided = false;
    wn_chain_rcpt(self->txn, wn_world_class(self->world, recipient),
        wn_span_str(recipient), on_decided, self);
}

static uint32_t
scope_of(GArray *classes, uint32_t class_id)
{
    for (unsigned i = 0; i < classes->len; i++)
        if (g_array_index(classes, uint32_t, i) == class_id)
            return i;
    g_array_append_val(classes, class_id);
    return classes->len - 1;
}

static void
begin_message(WnRun *self)
{
    unsigned n = self->accepted->len;
    g_autofree WnChainRecipient *list = g_new0(WnChainRecipient, n);

    self->state = RUN_MESSAGE;
    self->decided = false;
    for (unsigned i = 0; i < n; i++) {
        const char *address = g_ptr_array_index(self->accepted, i);
        uint32_t class_id = wn_world_class(self->world, address);

        list[i].address = wn_span_str(address);
        list[i].scope = scope_of(self->classes, class_id);
    }
    self->message = wn_message_new(wn_span_str(self->mail.message));
    wn_chain_message(self->txn, self->message,
        (const uint32_t *)(void *)self->classes->data, self->classes->len, list,
        n, on_decided, self);
}

/* As winnow-filter does it. */
static void
accept_rcpt(WnRun *self)
{
    char *recipient = g_ptr_array_index(self->mail.recipients,
        self->next_rcpt - 1);

    g_ptr_array_add(self->accepted, recipient);
    if (wn_mode()->ahead != WN_AHEAD_NOT)
        wn_chain_ahead(self->txn, wn_world_class(self->world, recipient));
}

static void
await_message(WnRun *self)
{
    if (wn_mode()->ahead != WN_AHEAD_SLOW || !self->finishing) {
        begin_message(self);
        return;
    }
    self->state = RUN_PAUSE;
    self->decided = false;
    self->pause_until_ms = wn_clock_mono_ms() + PAUSE_MS;
}

static void
after_rcpt(WnRun *self)
{
    if (!self->result->refuses)
        accept_rcpt(self);
    if (self->next_rcpt < self->mail.recipients->len)
        begin_rcpt(self);
    else if (self->accepted->len > 0)
        await_message(self);
    else
        self->state = RUN_OVER;
}

static void
advance(WnRun *self)
{
    if (!self->decided && self->state != RUN_PAUSE)
        return;
    switch (self->state) {
    case RUN_CONNECT:
        if (self->result->refuses) {
            self->state = RUN_OVER;
            return;
        }
        begin_txn(self);
        begin_rcpt(self);
        break;
    case RUN_RCPT:
        after_rcpt(self);
        break;
    case RUN_PAUSE:
        if (wn_clock_mono_ms() >= self->pause_until_ms)
            begin_message(self);
        break;
    case RUN_MESSAGE:
        self->state = RUN_OVER;
        break;
    case RUN_OVER:
        break;
    }
}

/*
 * Time
 */

static void
nothing(void *user)
{
    (void)user;
}

/* A deferred call keeps the loop from waiting for descriptors. */
static bool
turn_at_once(WnRun *self)
{
    wn_loop_defer(self->world->loop, nothing, self);
    wn_loop_turn(self->world->loop);
    return wn_peers_turn(self->shim->peers);
}

/* The client goes away now, or the deadline passes, if this is the step. */
static void
strike(WnRun *self)
{
    if (wn_mode_strikes(WN_AT_GONE, "the client goes away")) {
        self->state = RUN_OVER;
        g_clear_pointer(&self->result, wn_run_result_free);
    }
    if (wn_mode_strikes(WN_AT_LATE, "the deadline passes"))
        wn_clock_fake_step(LATE_MS);
}

/* A talk with a peer takes no time of the clock: each event of it is a step. */
static void
turn(WnRun *self, void (*on_event)(WnRun *self))
{
    unsigned quiet = 0;

    while (quiet++ < QUIET_TURNS && self->state != RUN_OVER) {
        unsigned before = self->shim->n_events;
        bool moved = turn_at_once(self);

        if (self->decided || moved || self->shim->n_events != before)
            quiet = 0;
        if (moved && on_event != NULL)
            on_event(self);
        if (self->state != RUN_OVER)
            advance(self);
    }
}

void
wn_run_turn(WnRun *self)
{
    turn(self, NULL);
}

/* True: a descriptor was ready in earnest. */
static bool
wait_for_peer(WnRun *self)
{
    unsigned before = self->shim->n_events;

    for (int i = 0; i < QUIET_TURNS && self->shim->n_events == before; i++)
        wn_loop_turn(self->world->loop);
    return self->shim->n_events != before;
}

static void
to_what_is_next(WnRun *self)
{
    int64_t next_ms = wn_shim_next_ms(self->shim);
    int64_t peer_ms = wn_peers_next_ms(self->shim->peers);
    int64_t now_ms = wn_clock_mono_ms();

    if (!wn_peers_any(self->shim->peers) && wn_shim_waits_for_io(self->shim)
        && wait_for_peer(self))
        return;
    if (peer_ms >= 0 && (next_ms < 0 || peer_ms < next_ms))
        next_ms = peer_ms;
    if (self->state == RUN_PAUSE
        && (next_ms < 0 || self->pause_until_ms < next_ms))
        next_ms = self->pause_until_ms;
    if (next_ms < 0 || next_ms > now_ms + LATE_MS)
        wn_clock_fake_step(IDLE_STEP_MS);
    else if (next_ms > now_ms)
        wn_clock_fake_step(next_ms - now_ms);
}

void
wn_run_finish(WnRun *self)
{
    self->finishing = true;
    for (int i = 0; i < TURNS_MAX; i++) {
        strike(self);
        turn(self, strike);
        if (self->state == RUN_OVER)
            return;
        to_what_is_next(self);
    }
    wn_mistake("nothing is decided");
}
