/* SPDX-License-Identifier: MIT */
#include "core/queue/queue.h"

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/queue/queue_private.h"
#include "core/queue/sorter.h"

#define SWEEP_MS 60000
#define STEP_PARCELS 256
#define DRAIN_LOOK_MS 20

static void
update_gauges(WnQueue *self)
{
    wn_metric_set(self->n_messages, (int64_t)self->messages.n_messages);
    wn_metric_set(self->n_bytes, (int64_t)self->messages.n_bytes);
}

void
wn_queue_free_parcel(WnQueue *self, WnParcel *parcel)
{
    wn_queue_take_out(self, parcel);
    wn_parcel_free(parcel);
    update_gauges(self);
}

void
wn_queue_take_out(WnQueue *self, WnParcel *parcel)
{
    wn_schedule_remove(self->schedule, parcel);
    wn_parcel_unline(parcel);
    parcel->destination = NULL;
}

void
wn_queue_hold(WnQueue *self, WnParcel *parcel)
{
    wn_queue_take_out(self, parcel);
    wn_parcel_new_attempt(parcel);
    parcel->state = WN_PARCEL_HELD;
}

bool
wn_queue_domain(const WnQueue *self, const WnParcel *parcel,
    WnDomain *out_domain)
{
    return self->snapshot != NULL && parcel->domain != NULL
           && wn_snapshot_domain(self->snapshot, wn_span_str(parcel->domain),
               out_domain);
}

static WnDestination *
domain_destination(WnQueue *self, const WnDomain *domain)
{
    WnDestination **known = &self->by_domain[domain->index];
    g_autofree char *name = NULL;

    if (*known != NULL)
        return *known;
    *known = wn_destinations_get(self->destinations,
        wn_route_of_domain(self->snapshot, domain));
    name = wn_span_dup(domain->name);
    wn_destination_forget_limits(*known, wn_lenient_until(self->lenient, name));
    return *known;
}

void
wn_queue_apply_lenient(WnQueue *self)
{
    g_autoptr(GPtrArray) domains = wn_lenient_domains(self->lenient);

    wn_destinations_note_limits(self->destinations);
    for (guint i = 0; self->snapshot != NULL && i < domains->len; i++) {
        const char *name = domains->pdata[i];
        WnDomain domain;

        if (wn_snapshot_domain(self->snapshot, wn_span_str(name), &domain))
            wn_destination_forget_limits(domain_destination(self, &domain),
                wn_lenient_until(self->lenient, name));
    }
}

static void
stall(WnQueue *self, WnParcel *parcel)
{
    wn_parcel_new_attempt(parcel);
    parcel->state = WN_PARCEL_STALLED;
    wn_parcel_line_push(&self->stalled, parcel);
}

static void
refuse_unknown(WnQueue *self, WnParcel *parcel)
{
    WnAttempt attempt = { .sent = { .kind = WN_SENT_TEMPORARY,
                              .enhanced = "4.3.5",
                              .text = "the domain has no settings",
                              .command = "route" },
        .server = "" };

    wn_queue_refuse(self, parcel, &attempt);
}

WnDestination *
wn_queue_destination(WnQueue *self, const WnParcel *parcel)
{
    WnDomain domain;

    if (self->snapshot == NULL)
        return NULL;
    if (wn_queue_domain(self, parcel, &domain))
        return domain.status != WN_DOMAIN_SUSPENDED
                   ? domain_destination(self, &domain)
                   : NULL;
    if (!parcel->message->is_dsn || parcel->domain == NULL)
        return NULL;
    return wn_destinations_get(self->destinations,
        wn_route_of_mx(parcel->domain, self->mx_port));
}

void
wn_queue_route(WnQueue *self, WnParcel *parcel, WnLinePlace place)
{
    WnDestination *destination = wn_queue_destination(self, parcel);
    WnDomain domain;

    /* Servers of another route have other numbers. */
    if (destination != parcel->destination)
        wn_parcel_forget_servers(parcel);
    wn_queue_take_out(self, parcel);
    parcel->route_turn = self->turn;
    if (destination != NULL)
        wn_destination_add(destination, parcel, place);
    else if (self->snapshot == NULL || wn_queue_domain(self, parcel, &domain))
        stall(self, parcel);
    else
        refuse_unknown(self, parcel);
}

static void
on_due(void *user, WnParcel *parcel)
{
    WnQueue *self = user;

    if (parcel->state == WN_PARCEL_HELD)
        wn_queue_report_failure(self, parcel, WN_OUTCOME_EXPIRED);
    else
        wn_queue_route(self, parcel, WN_LINE_END);
}

/* It was caught by a filter and refused by the server. */
static void
hold_on(WnQueue *self, WnParcel *parcel, int64_t left_ms)
{
    int64_t longest_ms = 1000
                         * (wn_queue_expires(self, parcel)
                             - parcel->message->arrived_ms / 1000);

    wn_queue_hold(self, parcel);
    wn_schedule_add(self->schedule, parcel,
        wn_clock_mono_ms() + CLAMP(left_ms, 0, longest_ms));
}

/* No server has said anything: such a reply has no code.  One that returns is
 * to get it at once, as if this had never been interrupted. */
static void
await_server(WnQueue *self, WnParcel *parcel, const char *reply)
{
    WnDestination *destination;

    if (reply == NULL || g_ascii_isdigit(reply[0]))
        return;
    destination = wn_queue_destination(self, parcel);
    if (destination == NULL)
        return;
    parcel->route_turn = self->turn;
    wn_destination_add_waiting(destination, parcel);
}

/* A parcel that the spool has found goes where it was when it was noted. */
static void
on_sorted(void *user, WnParcel *parcel, const WnSpoolRecipient *oldest)
{
    WnQueue *self = user;
    int64_t wait_ms = (oldest->next_attempt - wn_clock_unix()) * 1000;
    int64_t longest_ms = g_array_index(self->config->retry_ms, int64_t,
        self->config->retry_ms->len - 1);

    if (parcel->state == WN_PARCEL_HELD && oldest->next_attempt != 0)
        hold_on(self, parcel, wait_ms);
    else if (parcel->state == WN_PARCEL_HELD)
        wn_queue_hold(self, parcel);
    else if (oldest->next_attempt == 0 || wait_ms <= 0)
        wn_queue_route(self, parcel, WN_LINE_END);
    else {
        /* A clock that has jumped must not make it wait for ever. */
        wn_queue_wait(self, parcel,
            wn_clock_mono_ms() + MIN(wait_ms, longest_ms));
        await_server(self, parcel, oldest->last_reply);
    }
}

/* What a report of an earlier run says of the recipient is noted; true: there
 * is nothing left to do for him. */
static bool
is_accounted_for(WnQueue *self, const WnSpoolFound *found,
    WnSpoolRecipient *recipient)
{
    static const WnOutcomeKind kinds[] = { WN_OUTCOME_DELAY_NOTED,
        WN_OUTCOME_DELIVERED, WN_OUTCOME_BOUNCED, WN_OUTCOME_EXPIRED };

    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        WnOutcome outcome = { .kind = kinds[i],
            .recipient = recipient->index,
            .attempts = recipient->attempts,
            .at = wn_clock_unix(),
            .reply = wn_span_str(recipient->last_reply) };
        WnId report;

        if ((kinds[i] == WN_OUTCOME_DELAY_NOTED && recipient->delay_noted)
            || !wn_accounts_find(self->accounts, &found->id, recipient->index,
                kinds[i], &report))
            continue;
        wn_spool_settle(&found->record, &outcome);
        wn_queue_log_accounted(found, recipient->index, kinds[i], &report);
        if (wn_outcome_is_final(kinds[i]))
            return true;
        recipient->delay_noted = true;
    }
    return false;
}

/* Those who are still owed something, in place of all. */
static void
leave_accounted_out(WnQueue *self, const WnSpoolFound *found, GArray *left)
{
    for (uint32_t i = 0; i < found->n_recipients; i++) {
        WnSpoolRecipient recipient = found->recipients[i];

        if (!is_accounted_for(self, found, &recipient))
            g_array_append_val(left, recipient);
    }
}

/* An earlier run delivered to some, and died before it had reported that: they
 * get their report now.  The others, in place of all. */
static void
report_relayed(WnQueue *self, WnQueued *message, const WnSpoolFound *found,
    GArray *left)
{
    for (uint32_t i = 0; i < found->n_recipients; i++) {
        WnSpoolRecipient recipient = found->recipients[i];

        if (recipient.relayed_at != 0)
            wn_queue_report_relayed(self, message, recipient.index,
                recipient.relayed_at);
        else
            g_array_append_val(left, recipient);
    }
}

static void
add_message(WnQueue *self, const WnSpoolFound *found)
{
    WnQueued *message = wn_queued_new(&self->messages, found);
    g_autoptr(GArray)
        left = g_array_new(FALSE, FALSE, sizeof(WnSpoolRecipient));
    WnSpoolFound rest = *found;

    wn_queued_hold(message);
    report_relayed(self, message, found, left);
    rest.recipients = (const WnSpoolRecipient *)left->data;
    rest.n_recipients = left->len;
    if (left->len > 0)
        wn_sort_into_parcels(message, &rest, on_sorted, self);
    wn_queued_drop(message);
    update_gauges(self);
}

/* Nobody knows whose it was: an operator is to see it. */
static void
add_husk(WnQueue *self, const WnSpoolFound *found)
{
    WnQueued *message = wn_queued_new(&self->messages, found);
    WnParcel *parcel = wn_parcel_new(message, 1);

    parcel->recipients[0].index = WN_SPOOL_NOBODY;
    wn_parcel_set_reply(parcel, 0, found->damage);
    wn_queue_hold(self, parcel);
    update_gauges(self);
}

/* What is damaged waits for the operator, without an end: it does not expire at
 * the time of an attempt that was planned before. */
static GArray *
hold_all(const WnSpoolFound *found)
{
    GArray *held = g_array_new(FALSE, FALSE, sizeof(WnSpoolRecipient));

    for (uint32_t i = 0; i < found->n_recipients; i++) {
        WnSpoolRecipient recipient = found->recipients[i];

        recipient.held = true;
        recipient.next_attempt = 0;
        recipient.last_reply = found->damage;
        g_array_append_val(held, recipient);
    }
    return held;
}

static void
add_damaged(WnQueue *self, const WnSpoolFound *found)
{
    g_autoptr(GArray) held = hold_all(found);
    WnSpoolFound all = *found;

    all.recipients = (const WnSpoolRecipient *)held->data;
    if (found->envelope == NULL)
        add_husk(self, found);
    else
        add_message(self, &all);
}

static void
on_found(void *user, const WnSpoolFound *found)
{
    g_autoptr(GArray) left = NULL;
    WnQueue *self = user;
    WnSpoolFound rest = *found;

    if (self->accounts != NULL && found->envelope != NULL
        && found->envelope->about.len > 0)
        wn_accounts_take(self->accounts, &found->id, found->envelope->about);
    if (found->damage != NULL) {
        add_damaged(self, found);
        return;
    }
    if (self->accounts != NULL) {
        left = g_array_new(FALSE, FALSE, sizeof(WnSpoolRecipient));
        leave_accounted_out(self, found, left);
        rest.recipients = (const WnSpoolRecipient *)left->data;
        rest.n_recipients = left->len;
    }
    if (rest.n_recipients > 0)
        add_message(self, &rest);
}

/* What is stalled again goes to the end with the current turn. */
static void
on_recheck(void *user)
{
    WnQueue *self = user;

    for (int i = 0; i < STEP_PARCELS; i++) {
        WnParcel *parcel = self->stalled.head;

        if (parcel == NULL || parcel->route_turn == self->turn)
            return;
        wn_queue_route(self, parcel, WN_LINE_END);
    }
    wn_deferred_soon(&self->recheck);
}

void
wn_queue_use_config(WnQueue *self, const WnConfig *config)
{
    self->config = config;
    wn_destinations_use_config(self->destinations, config);
}

void
wn_queue_set_snapshot(WnQueue *self, WnSnapshot *snapshot)
{
    g_clear_pointer(&self->by_domain, g_free);
    g_clear_pointer(&self->snapshot, wn_snapshot_unref);
    self->snapshot = wn_snapshot_ref(snapshot);
    self->by_domain = g_new0(WnDestination *,
        MAX(wn_snapshot_n_domains(snapshot), 1));
    self->turn++;
    wn_destinations_set_turn(self->destinations, self->turn);
    wn_deferred_soon(&self->recheck);
}

void
wn_queue_durable(WnQueue *self, const char *segment, uint64_t durable,
    bool sealed)
{
    (void)sealed; /* the seal is a record of its own */
    wn_spool_durable(self->spool, segment, durable);
}

static void
on_own_durable(void *user, const char *segment, uint64_t durable, bool sealed)
{
    wn_queue_durable(user, segment, durable, sealed);
}

static void
on_sweep(void *user)
{
    WnQueue *self = user;

    if (self->snapshot != NULL)
        memset(self->by_domain, 0,
            wn_snapshot_n_domains(self->snapshot) * sizeof(WnDestination *));
    if (wn_spool_has_caught_up(self->spool))
        g_clear_pointer(&self->accounts, wn_accounts_free);
    wn_destinations_sweep(self->destinations);
    wn_timer_set(&self->sweep, SWEEP_MS);
}

void
wn_queue_start(WnQueue *self)
{
    wn_timer_set(&self->sweep, SWEEP_MS);
    wn_spool_scan(self->spool);
}

static void
drained(WnQueue *self)
{
    wn_timer_unset(&self->drain_limit);
    wn_timer_unset(&self->drain_look);
    wn_spool_flush(self->spool);
    self->on_drained(self->drain_user);
}

static void
on_drain_look(void *user)
{
    WnQueue *self = user;

    if (wn_destinations_n_sending(self->destinations) == 0
        && self->reports.length == 0 && !wn_spool_is_reading(self->spool))
        drained(self);
    else
        wn_timer_set(&self->drain_look, DRAIN_LOOK_MS);
}

static void
on_drain_limit(void *user)
{
    drained(user);
}

void
wn_queue_drain(WnQueue *self, int64_t wait_ms, WnLoopFn done, void *user)
{
    self->draining = true;
    self->on_drained = done;
    self->drain_user = user;
    wn_destinations_drain(self->destinations);
    wn_spool_scan(self->spool); /* workers that are gone have left segments */
    wn_timer_set(&self->drain_limit, wait_ms);
    wn_timer_set(&self->drain_look, 0);
}

static WnMetric *
result_counter(const char *result)
{
    g_autofree char *labels = g_strdup_printf("result=\"%s\"", result);

    return wn_metrics_counter("winnow_deliveries_total", labels,
        "Delivery attempts by result.");
}

static void
find_metrics(WnQueue *self)
{
    self->n_messages = wn_metrics_gauge("winnow_queue_messages", NULL,
        "Messages in the queue.");
    self->n_bytes = wn_metrics_gauge("winnow_queue_bytes", NULL,
        "Bytes of the messages in the queue.");
    self->delivered = result_counter("delivered");
    self->deferred = result_counter("deferred");
    self->bounced = result_counter("bounced");
    self->expired = result_counter("expired");
    self->seconds = wn_metrics_histogram("winnow_delivery_seconds", NULL,
        "Time from arrival to delivery.");
}

void
wn_queue_tune(WnQueue *self, const WnQueueTuning *tuning)
{
    if (tuning->mx_port > 0)
        self->mx_port = tuning->mx_port;
    wn_destinations_set_timeouts(self->destinations, &tuning->timeouts);
}

void
wn_queue_set_limits(WnQueue *self, WnKnownLimits *limits)
{
    wn_destinations_set_limits(self->destinations, limits);
}

void
wn_queue_reserve_space(WnQueue *self)
{
    self->reserve = wn_reserve_new(self->loop, self->config->spool);
    wn_spool_use_reserve(self->spool, self->reserve);
    wn_journal_keep_ready(self->journal);
}

WnQueue *
wn_queue_new(WnLoop *loop, const WnConfig *config, WnResolver *resolver,
    GError **error)
{
    WnQueue *self;

    if (!g_file_test(config->spool, G_FILE_TEST_IS_DIR)) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT,
            "%s: no such folder", config->spool);
        return NULL;
    }
    self = g_new0(WnQueue, 1);
    self->loop = loop;
    self->config = config;
    self->resolver = resolver;
    self->mx_port = 25;
    g_queue_init(&self->reports);
    g_queue_init(&self->jobs);
    self->gathering = g_hash_table_new(NULL, NULL);
    self->accounts = wn_accounts_new();
    find_metrics(self);
    self->destinations =
        wn_destinations_new(&(WnDestinationsConfig){ .loop = loop,
                                .config = config,
                                .resolver = resolver },
            &wn_queue_destination_handler, self);
    self->lenient = wn_lenient_new(config->spool);
    self->schedule = wn_schedule_new(loop, on_due, self);
    self->spool = wn_spool_new(loop, config->spool, on_found, self);
    self->journal = wn_journal_new(loop, config->spool, WN_SPOOL_OWN_WORKER,
        on_own_durable, self);
    wn_deferred_init(&self->recheck, loop, on_recheck, self);
    wn_timer_init(&self->sweep, loop, on_sweep, self);
    wn_timer_init(&self->drain_limit, loop, on_drain_limit, self);
    wn_timer_init(&self->drain_look, loop, on_drain_look, self);
    update_gauges(self);
    return self;
}

static void
free_messages(WnQueue *self)
{
    while (self->messages.head != NULL) {
        WnQueued *message = self->messages.head;

        wn_queued_hold(message);
        while (message->parcels != NULL)
            wn_parcel_free(message->parcels);
        wn_queued_drop(message);
    }
    wn_queued_list_clear(&self->messages);
}

void
wn_queue_free(WnQueue *self)
{
    if (self == NULL)
        return;
    wn_deferred_unset(&self->recheck);
    wn_timer_clear(&self->sweep);
    wn_timer_clear(&self->drain_limit);
    wn_timer_clear(&self->drain_look);
    wn_destinations_free(self->destinations);
    wn_schedule_free(self->schedule);
    wn_lenient_free(self->lenient);
    wn_queue_drop_jobs(self);
    wn_queue_drop_reports(self);
    g_hash_table_unref(self->gathering);
    wn_accounts_free(self->accounts);
    wn_journal_free(self->journal);
    free_messages(self);
    wn_spool_free(self->spool);
    wn_reserve_free(self->reserve);
    g_free(self->by_domain);
    g_clear_pointer(&self->snapshot, wn_snapshot_unref);
    g_free(self);
}

uint64_t
wn_queue_n_messages(const WnQueue *self)
{
    return self->messages.n_messages;
}
