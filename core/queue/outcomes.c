/* SPDX-License-Identifier: MIT */
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/queue/queue_private.h"

/*
 * What becomes of an attempt.  The results of all targets are noted first
 * (take_result), then the parcel is taken apart by them (take_apart):
 *
 *    SETTLED   gone
 *    AGAIN     to the front of a line, at once
 *    DEFERRED  waits for its next time
 *    FAILED    a DSN, then settled; held if it was forwarded, and held until it
 *              expires if a filter had caught it
 *    EXPIRED   a DSN, then settled; held if it was forwarded, no DSN if a
 * filter had caught it
 */

/* After the disk did not give a message. */
#define UNREADABLE_MS 60000

/* "550 5.1.1 text", "connect: text", "EHLO: 5.3.4 text" (transfer full). */
static char *
describe(const WnSent *sent)
{
    GString *out = g_string_new(NULL);
    bool named = sent->text != NULL
                 && g_str_has_prefix(sent->text, sent->command);

    if (sent->code != 0)
        g_string_append_printf(out, "%u ", sent->code);
    else if (!named) /* a failed connect says so itself */
        g_string_append_printf(out, "%s: ", sent->command);
    if (sent->unfit) /* which may be another server's business */
        g_string_append_printf(out, "%c%s ",
            sent->kind == WN_SENT_PERMANENT ? '5' : '4', sent->enhanced + 1);
    else if (*sent->enhanced != '\0'
             && (sent->code != 0 || sent->kind == WN_SENT_PERMANENT))
        g_string_append_printf(out, "%s ", sent->enhanced);
    for (const char *c = sent->text; c != NULL && *c != '\0'; c++)
        g_string_append_c(out, *c == '\n' ? ' ' : *c);
    return g_string_free(out, FALSE);
}

void
wn_queue_event(WnEvent *event, WnLevel level, const char *name,
    const WnParcel *parcel, const WnEnvelope *envelope, uint32_t recipient)
{
    const WnEnvelopeRecipient *to = &g_array_index(envelope->recipients,
        WnEnvelopeRecipient, parcel->recipients[recipient].index);

    wn_event_begin_traced(event, level, name);
    wn_event_id(event, &parcel->message->id);
    wn_event_int(event, "generation", (int64_t)envelope->generation);
    wn_event_span(event, "recipient", to->address);
    wn_event_str(event, "domain", parcel->domain);
}

/* What is forwarded to a mailbox that is full waits until somebody has emptied
 * it: no sender is there to be told.  552 is what RFC 5321 has for that. */
static bool
is_full_mailbox(const WnParcel *parcel, const WnSent *sent)
{
    return parcel->redirected && sent->code != 0
           && (g_str_equal(sent->enhanced, "5.2.2")
               || (sent->code == 552 && *sent->enhanced == '\0'));
}

void
wn_queue_log_accounted(const WnSpoolFound *found, uint32_t recipient,
    WnOutcomeKind kind, const WnId *report)
{
    static const char *const names[] = { [WN_OUTCOME_DELIVERED] = "delivered",
        [WN_OUTCOME_BOUNCED] = "bounced",
        [WN_OUTCOME_EXPIRED] = "expired",
        [WN_OUTCOME_DELAY_NOTED] = "delay_noted" };
    WnSpan address = g_array_index(found->envelope->recipients,
        WnEnvelopeRecipient, recipient)
                         .address;
    char dsn[WN_ID_TEXT_LEN + 1];
    WnEvent event;

    wn_id_format(report, dsn);
    wn_event_begin(&event, WN_LEVEL_INFO, names[kind]);
    wn_event_id(&event, &found->id);
    wn_event_span(&event, "recipient", address);
    wn_event_str(&event, "dsn", dsn);
    wn_event_bool(&event, "recovered", true);
    wn_event_end(&event);
}

static void
log_attempt(WnLevel level, const char *name, const WnParcel *parcel,
    uint32_t recipient, const WnAttempt *attempt, int64_t next_attempt)
{
    const WnEnvelope *envelope = attempt->envelope;
    const WnEnvelopeScope *scope = &g_array_index(envelope->scopes,
        WnEnvelopeScope, parcel->scope);
    g_autofree char *reply = describe(&attempt->sent);
    WnEvent event;

    wn_queue_event(&event, level, name, parcel, envelope, recipient);
    if (parcel->redirected)
        wn_event_span(&event, "forward_to", scope->redirect);
    wn_event_str(&event, "server", attempt->server);
    wn_event_str(&event, "reply", reply);
    if (attempt->assurance != NULL)
        wn_event_str(&event, "tls", attempt->assurance);
    if (attempt->tls != NULL && *attempt->tls != '\0')
        wn_event_str(&event, "cipher", attempt->tls);
    wn_event_int(&event, "attempts", parcel->attempts + 1);
    wn_event_int(&event, "ms", attempt->us / 1000);
    wn_event_int(&event, "delay_ms",
        MAX(0, wn_clock_unix_ms() - parcel->message->arrived_ms));
    if (attempt->sent.in_doubt)
        wn_event_bool(&event, "in_doubt", true);
    if (next_attempt != 0) {
        char due[WN_DATE_MAX];

        wn_clock_iso8601(next_attempt * 1000, due);
        wn_event_str(&event, "next_attempt", due);
        if (attempt->sent.kind == WN_SENT_PERMANENT
            && !is_full_mailbox(parcel, &attempt->sent))
            wn_event_bool(&event, "lenient", true);
    }
    wn_event_end(&event);
}

void
wn_queue_settle(const WnParcel *parcel, uint32_t recipient, WnOutcomeKind kind)
{
    const WnParcelRecipient *to = &parcel->recipients[recipient];
    WnOutcome outcome = { .kind = kind,
        .recipient = to->index,
        .attempts = parcel->attempts,
        .at = wn_clock_unix(),
        .reply = wn_span_str(to->reply) };

    /* What is held and in the schedule expires then. */
    if (kind == WN_OUTCOME_DEFERRED
        || (kind == WN_OUTCOME_HELD && parcel->heap_position != 0))
        outcome.next_attempt = outcome.at
                               + MAX(0,
                                     parcel->due_ms - wn_clock_mono_ms() + 999)
                                     / 1000;
    wn_spool_settle(&parcel->message->record, &outcome);
}

static int64_t
lifetime_ms(const WnQueue *self, const WnParcel *parcel)
{
    WnDomain domain;

    if (wn_queue_domain(self, parcel, &domain) && domain.queue_lifetime_ms > 0)
        return domain.queue_lifetime_ms;
    return self->config->lifetime_ms;
}

static int64_t
delay_notice_ms(const WnQueue *self, const WnParcel *parcel)
{
    WnDomain domain;

    if (wn_queue_domain(self, parcel, &domain) && domain.delay_notice_ms > 0)
        return domain.delay_notice_ms;
    return self->config->delay_notice_ms;
}

/* A clock that was set back does not make a message younger than new. */
static int64_t
age_ms(const WnParcel *parcel)
{
    return MAX(0, wn_clock_unix_ms() - parcel->message->arrived_ms);
}

int64_t
wn_queue_expires(const WnQueue *self, const WnParcel *parcel)
{
    return (parcel->message->arrived_ms + lifetime_ms(self, parcel)) / 1000;
}

/* From now to the next attempt; the last one is made when the message
 * expires. */
static int64_t
next_wait_ms(const WnQueue *self, const WnParcel *parcel)
{
    const GArray *retry = self->config->retry_ms;
    guint step = MIN(parcel->attempts, retry->len - 1);
    int64_t left_ms = lifetime_ms(self, parcel) - age_ms(parcel);

    return MIN(g_array_index(retry, int64_t, step), MAX(left_ms, 0));
}

void
wn_queue_wait(WnQueue *self, WnParcel *parcel, int64_t due_ms)
{
    wn_queue_take_out(self, parcel);
    wn_parcel_new_attempt(parcel);
    parcel->state = WN_PARCEL_WAITING;
    wn_schedule_add(self->schedule, parcel, due_ms);
}

void
wn_queue_hold_noted(WnQueue *self, WnParcel *parcel)
{
    wn_queue_hold(self, parcel);
    for (uint32_t i = 0; i < parcel->n_recipients; i++)
        wn_queue_settle(parcel, i, WN_OUTCOME_HELD);
}

static void
count_tls(const WnAttempt *attempt)
{
    char labels[32];

    g_snprintf(labels, sizeof(labels), "tls=\"%s\"",
        attempt->assurance != NULL ? attempt->assurance : "none");
    wn_metric_add(wn_metrics_counter("winnow_delivered_tls_total", labels,
                      "Deliveries by what TLS has shown of the server."),
        1);
}

static void
take_delivery(WnQueue *self, WnParcel *parcel, uint32_t recipient,
    const WnAttempt *attempt)
{
    const WnEnvelopeRecipient *to = &g_array_index(attempt->envelope
                                                       ->recipients,
        WnEnvelopeRecipient, parcel->recipients[recipient].index);
    bool owed = !(attempt->offers & WN_OFFERS_DSN) && !parcel->redirected
                && !parcel->caught
                && wn_dsn_wanted(attempt->envelope, to, WN_DSN_RELAYED);

    /* First of all: what is noted is not sent again. */
    wn_queue_settle(parcel, recipient,
        owed ? WN_OUTCOME_RELAYED : WN_OUTCOME_DELIVERED);
    parcel->recipients[recipient].result = WN_RESULT_SETTLED;
    log_attempt(WN_LEVEL_INFO, "delivered", parcel, recipient, attempt, 0);
    wn_metric_add(self->delivered, 1);
    wn_metric_observe_us(self->seconds, age_ms(parcel) * 1000);
    count_tls(attempt);
    if (owed)
        wn_queue_report_relayed(self, parcel->message,
            parcel->recipients[recipient].index, wn_clock_unix());
}

/* Sent ahead of its time, and no server was reached. */
static bool
is_mere_probe(const WnParcel *parcel, bool unreachable)
{
    return unreachable && parcel->early && parcel->due_ms > wn_clock_mono_ms();
}

/* For the history: "bounced" or "expired" follows, and does not tell where the
 * attempt went. */
static void
log_last_attempt(const WnParcel *parcel, uint32_t recipient,
    const WnAttempt *attempt)
{
    log_attempt(WN_LEVEL_DEBUG, "attempt_failed", parcel, recipient, attempt,
        0);
}

static void
fail(WnParcel *parcel, uint32_t recipient, const WnAttempt *attempt)
{
    parcel->recipients[recipient].result = WN_RESULT_FAILED;
    log_last_attempt(parcel, recipient, attempt);
}

static void
take_deferral(WnQueue *self, WnParcel *parcel, uint32_t recipient,
    const WnAttempt *attempt)
{
    WnParcelRecipient *to = &parcel->recipients[recipient];
    int64_t wait_ms = next_wait_ms(self, parcel);

    if (wait_ms == 0) {
        to->result = WN_RESULT_EXPIRED;
        log_last_attempt(parcel, recipient, attempt);
        return;
    }
    to->result = WN_RESULT_DEFERRED;
    if (is_mere_probe(parcel, attempt->unreachable))
        return;
    log_attempt(WN_LEVEL_INFO, "deferred", parcel, recipient, attempt,
        (wn_clock_unix_ms() + wait_ms) / 1000);
    wn_metric_add(self->deferred, 1);
}

/* Only what a server of the domain says, be it in its answer to EHLO: what
 * cannot be sent at all stays so. */
static bool
is_forgiven(const WnQueue *self, const WnParcel *parcel, const WnSent *sent)
{
    return (sent->code != 0 || sent->unfit)
           && wn_lenient_until(self->lenient, parcel->domain);
}

static void
take_result(WnQueue *self, WnParcel *parcel, uint32_t recipient,
    const WnAttempt *attempt)
{
    WnParcelRecipient *to = &parcel->recipients[recipient];
    g_autofree char *reply = NULL;

    if (attempt->sent.kind == WN_SENT_OK) {
        take_delivery(self, parcel, recipient, attempt);
        return;
    }
    if (attempt->again || attempt->sent.crowded) {
        to->result = WN_RESULT_AGAIN;
        if (attempt->again)
            log_attempt(WN_LEVEL_DEBUG, "asked_again", parcel, recipient,
                attempt, 0);
        return;
    }
    reply = describe(&attempt->sent);
    wn_parcel_set_reply(parcel, recipient, reply);
    if (attempt->sent.kind == WN_SENT_PERMANENT
        && !is_full_mailbox(parcel, &attempt->sent)
        && !is_forgiven(self, parcel, &attempt->sent))
        fail(parcel, recipient, attempt);
    else
        take_deferral(self, parcel, recipient, attempt);
}

static void
on_sent(void *user, WnParcel *parcel, uint32_t target, const WnAttempt *attempt)
{
    uint32_t seen = 0;

    for (uint32_t i = 0; i < parcel->n_recipients; i++) {
        seen += i > 0
                && parcel->recipients[i].target
                       != parcel->recipients[i - 1].target;
        if (seen == target)
            take_result(user, parcel, i, attempt);
    }
}

static void
log_kept(const WnParcel *parcel, uint32_t i, const WnEnvelope *envelope,
    const char *name)
{
    const WnEnvelopeScope *scope = &g_array_index(envelope->scopes,
        WnEnvelopeScope, parcel->scope);
    WnEvent event;

    wn_queue_event(&event,
        parcel->redirected ? WN_LEVEL_ERROR : WN_LEVEL_WARNING, name, parcel,
        envelope, i);
    if (parcel->redirected)
        wn_event_span(&event, "forward_to", scope->redirect);
    else
        wn_event_bool(&event, "caught", true);
    wn_event_str(&event, "reply", parcel->recipients[i].reply);
    wn_event_int(&event, "attempts", parcel->attempts);
    wn_event_str(&event, "dsn", "none");
    wn_event_bool(&event, "held", true);
    wn_event_end(&event);
}

/* A copy that a filter has forwarded or marked is no business of a sender who
 * may be forged, and must not be lost. */
static void
log_hold(const WnParcel *parcel, const char *name)
{
    WnSpoolContent content;
    bool readable = wn_spool_read(&parcel->message->record, WN_SPOOL_ENVELOPE,
        &content, NULL);

    for (uint32_t i = 0; readable && i < parcel->n_recipients; i++)
        log_kept(parcel, i, &content.envelope, name);
    wn_spool_content_clear(&content);
}

/* The operator has until then to decide otherwise. */
static void
hold_until_expiry(WnQueue *self, WnParcel *parcel)
{
    int64_t left_ms = MAX(0, lifetime_ms(self, parcel) - age_ms(parcel));

    wn_queue_hold(self, parcel);
    wn_schedule_add(self->schedule, parcel, wn_clock_mono_ms() + left_ms);
    for (uint32_t i = 0; i < parcel->n_recipients; i++)
        wn_queue_settle(parcel, i, WN_OUTCOME_HELD);
}

static void
take_failure(WnQueue *self, WnParcel *parcel, WnOutcomeKind kind)
{
    bool expired = kind == WN_OUTCOME_EXPIRED;

    parcel->attempts++;
    if (parcel->redirected) {
        log_hold(parcel, expired ? "expired" : "bounced");
        wn_queue_hold_noted(self, parcel);
    } else if (parcel->caught && !expired) {
        log_hold(parcel, "bounced");
        hold_until_expiry(self, parcel);
    } else {
        wn_queue_report_failure(self, parcel, kind);
    }
}

static void
defer(WnQueue *self, WnParcel *parcel, WnDestination *unreachable)
{
    int64_t due_ms = wn_clock_mono_ms() + next_wait_ms(self, parcel);

    if (is_mere_probe(parcel, unreachable != NULL))
        due_ms = MIN(due_ms, parcel->due_ms);
    else
        parcel->attempts++;
    parcel->early = false;
    wn_queue_wait(self, parcel, due_ms);
    for (uint32_t i = 0; i < parcel->n_recipients; i++)
        wn_queue_settle(parcel, i, WN_OUTCOME_DEFERRED);
    if (unreachable != NULL)
        wn_destination_add_waiting(unreachable, parcel);
    if (!parcel->delay_noted && !parcel->redirected && !parcel->caught
        && age_ms(parcel) >= delay_notice_ms(self, parcel))
        wn_queue_report_delay(self, parcel);
}

static void
try_again(WnQueue *self, WnParcel *parcel)
{
    for (uint32_t i = 0; i < parcel->n_recipients; i++)
        parcel->recipients[i].result = WN_RESULT_NONE;
    wn_queue_route(self, parcel, WN_LINE_FRONT);
}

static void
take_apart(WnQueue *self, WnParcel *parcel, WnDestination *unreachable)
{
    WnParcel *failed;
    WnParcel *expired;
    WnParcel *again;

    wn_parcel_drop_settled(parcel);
    failed = wn_parcel_split(parcel, WN_RESULT_FAILED);
    expired = wn_parcel_split(parcel, WN_RESULT_EXPIRED);
    again = wn_parcel_split(parcel, WN_RESULT_AGAIN);
    if (parcel->n_recipients > 0)
        defer(self, parcel, unreachable);
    else
        wn_queue_free_parcel(self, parcel);
    if (failed != NULL)
        take_failure(self, failed, WN_OUTCOME_BOUNCED);
    if (expired != NULL)
        take_failure(self, expired, WN_OUTCOME_EXPIRED);
    if (again != NULL)
        try_again(self, again);
}

static void
on_carried(void *user, WnParcel *parcel)
{
    take_apart(user, parcel, NULL);
}

/* What is damaged waits for the operator, what cannot be read for its disk. */
static void
on_damaged(void *user, WnParcel *parcel, const GError *error)
{
    WnQueue *self = user;
    bool lasts = error->code != EIO;
    WnEvent event;

    wn_event_begin(&event, WN_LEVEL_ERROR, lasts ? "damaged" : "unreadable");
    wn_event_id(&event, &parcel->message->id);
    wn_event_str(&event, "domain", parcel->domain);
    wn_event_str(&event, "error", error->message);
    wn_event_end(&event);
    for (uint32_t i = 0; i < parcel->n_recipients; i++)
        wn_parcel_set_reply(parcel, i, error->message);
    if (lasts)
        wn_queue_hold(self, parcel);
    else
        wn_queue_wait(self, parcel, wn_clock_mono_ms() + UNREADABLE_MS);
}

/* What stands in the envelope is needed for the log, and nobody has read it. */
static void
on_refused(void *user, WnParcel *parcel, const WnAttempt *attempt)
{
    WnQueue *self = user;
    WnDestination *unreachable = attempt->unreachable ? parcel->destination
                                                      : NULL;
    g_autoptr(GError) error = NULL;
    WnSpoolContent content;
    WnAttempt full = *attempt;

    if (!wn_spool_read(&parcel->message->record, WN_SPOOL_ENVELOPE, &content,
            &error)) {
        on_damaged(self, parcel, error);
    } else {
        full.envelope = &content.envelope;
        for (uint32_t i = 0; i < parcel->n_recipients; i++)
            take_result(self, parcel, i, &full);
        take_apart(self, parcel, unreachable);
    }
    wn_spool_content_clear(&content);
}

void
wn_queue_refuse(WnQueue *self, WnParcel *parcel, const WnAttempt *attempt)
{
    on_refused(self, parcel, attempt);
}

static void
on_release(void *user, WnParcel *parcel)
{
    wn_queue_route(user, parcel, WN_LINE_END);
}

/* Mail of a domain without settings stays where it is; that of one that is
 * suspended is held. */
static bool
on_moved(void *user, const WnParcel *parcel, const WnDestination *destination)
{
    WnDestination *now = wn_queue_destination(user, parcel);
    WnDomain domain;

    return now != NULL ? now != destination
                       : wn_queue_domain(user, parcel, &domain);
}

const WnDestinationHandler wn_queue_destination_handler = { .sent = on_sent,
    .carried = on_carried,
    .refused = on_refused,
    .damaged = on_damaged,
    .release = on_release,
    .reroute = on_release,
    .moved = on_moved };
