/* SPDX-License-Identifier: MIT */
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/queue/account.h"
#include "core/queue/outward.h"
#include "core/queue/queue_private.h"
#include "core/smtp/framing.h"

/* A message up to this size comes back whole if its sender wants that. */
#define FULL_MAX (1024 * 1024)

/* After a report could not be stored. */
#define RETRY_MS 60000

/* How long a report waits for other recipients of its message that are being
 * tried at this moment, and how often it looks at first. */
#define GATHER_MS 10000
#define GATHER_LOOK_MS 50

/* One recipient of the report. */
typedef struct Told {
    uint32_t index; /* in the envelope */
    WnDsnAction action;
    WnOutcomeKind kind; /* what he is, or was, settled with */
    char *reply;        /* as the sender is told; NULL: none */
    char status[WN_STATUS_MAX];
    int64_t at;
    int64_t will_retry_until;
} Told;

/* A parcel whose recipients are settled when the report is durable. */
typedef struct Failed {
    WnParcel *parcel; /* REPORTING */
    WnOutcomeKind kind;
    bool held;    /* before that */
    bool expires; /* it was, until parcel->due_ms */
} Failed;

/*
 * What a sender is told of one message.  The report takes in every recipient
 * whose fate is known while others of the message are still being tried, but
 * waits for those no longer than GATHER_MS; then it goes to the journal.  Only
 * when it is durable are the recipients settled: a crash before that makes
 * another attempt and another report, never none.  Those who have their message
 * are noted as RELAYED meanwhile: a crash makes another report for them, and no
 * other attempt.
 *
 *    GATHERING --nobody else is being tried--> STORING --durable--> settled
 *        ^                                        |
 *        +--not durable: later, for RELAYED only--+
 */
struct WnReport {
    WnQueue *queue;
    GList link;
    WnQueued *message; /* held */
    WnTimer look;      /* GATHERING */
    int64_t began_ms;  /* monotonic */
    int64_t wait_ms;
    WnAppend *append; /* STORING */
    GArray *told;     /* Told */
    GArray *failed;   /* Failed */
    WnId id;          /* of the report */
};

/* Where the customer's server is, is private: no Remote-MTA. */
static WnDsnRecipient
describe_recipient(const Told *told, const WnEnvelope *envelope)
{
    const WnEnvelopeRecipient *to = &g_array_index(envelope->recipients,
        WnEnvelopeRecipient, told->index);
    WnDsnRecipient recipient = { .address = to->address,
        .orcpt = to->orcpt,
        .action = told->action,
        .expired = told->kind == WN_OUTCOME_EXPIRED,
        .reply = wn_span_str(told->reply),
        .remote = WN_SPAN_EMPTY,
        .last_attempt = told->at,
        .will_retry_until = told->will_retry_until };

    g_strlcpy(recipient.status, told->status, sizeof(recipient.status));
    return recipient;
}

static bool
tells_failure(const WnReport *self)
{
    for (guint i = 0; i < self->told->len; i++)
        if (g_array_index(self->told, Told, i).action == WN_DSN_FAILED)
            return true;
    return false;
}

/* RFC 3461 §4.3: RET is for failures; all others bring the header.  A report
 * that could not be delivered for its 8-bit content would tell nobody. */
static GByteArray *
write_dsn(const WnReport *self, const WnSpoolContent *content)
{
    const WnEnvelope *envelope = &content->envelope;
    WnSpan wire = wn_span_slice(content->wire, 0,
        content->wire.len - WN_RECORD_DOT_LEN);
    bool seven_bit = self->queue->config->without_8bitmime == WN_8BIT_BOUNCE;
    bool full = wn_span_case_eq(envelope->ret, WN_SPAN("FULL"))
                && wire.len <= FULL_MAX && tells_failure(self)
                && !(seven_bit && !wn_span_is_ascii(wire));
    g_autofree WnDsnRecipient *recipients = g_new0(WnDsnRecipient,
        self->told->len);
    g_autoptr(GByteArray) original = g_byte_array_new();
    g_autoptr(GByteArray) text = g_byte_array_new();
    GByteArray *wire_form = g_byte_array_new();
    WnDsn dsn;

    for (guint i = 0; i < self->told->len; i++)
        recipients[i] = describe_recipient(&g_array_index(self->told, Told, i),
            envelope);
    wn_framing_unstuff(wn_span_slice(wire, 0,
                           full ? FULL_MAX : WN_DSN_HEADER_MAX),
        original);
    dsn = (WnDsn){ .id = self->id,
        .hostname = self->queue->config->hostname,
        .to = envelope->sender,
        .original_id = self->message->id,
        .envid = envelope->envid,
        .arrived = envelope->arrived_ms / 1000,
        .now = wn_clock_unix(),
        .recipients = recipients,
        .n_recipients = self->told->len,
        .original = wn_span(original->data, original->len),
        .full = full,
        .seven_bit = seven_bit };
    wn_dsn_write(&dsn, text);
    wn_framing_stuff(wn_span(text->data, text->len), wire_form);
    return wire_form;
}

static void
write_about(const WnReport *self, WnWriter *out)
{
    wn_account_begin(&self->message->id, self->told->len, out);
    for (guint i = 0; i < self->told->len; i++) {
        const Told *told = &g_array_index(self->told, Told, i);

        wn_account_add(told->index, told->kind, out);
    }
}

static void
write_envelope(const WnReport *self, WnSpan sender, bool eight_bit,
    WnWriter *out)
{
    const char *at = memrchr(sender.ptr, '@', sender.len);
    g_auto(WnEnvelope) envelope;
    g_auto(WnWriter) about;
    WnEnvelopeRecipient recipient = { .address = sender,
        .notify = WN_SPAN_EMPTY,
        .orcpt = WN_SPAN_EMPTY };
    WnEnvelopeScope scope = { .domain = wn_span(at + 1,
                                  (size_t)(sender.ptr + sender.len - at - 1)),
        .redirect = WN_SPAN_EMPTY,
        .prepend = WN_SPAN_EMPTY };

    wn_envelope_init(&envelope);
    wn_writer_init(&about);
    write_about(self, &about);
    envelope.arrived_ms = wn_clock_unix_ms();
    envelope.flags = WN_ENVELOPE_DSN | (eight_bit ? WN_ENVELOPE_8BIT : 0);
    if (!wn_span_is_ascii(sender)) /* it stands in the header, too */
        envelope.flags |= WN_ENVELOPE_UTF8;
    envelope.about = wn_writer_span(&about);
    if (self->queue->snapshot != NULL)
        envelope.generation = wn_snapshot_generation(self->queue->snapshot);
    g_array_append_val(envelope.scopes, scope);
    g_array_append_val(envelope.recipients, recipient);
    wn_envelope_write(&envelope, out);
}

static void
log_dsn(const WnReport *self, WnSpan sender)
{
    static const char *const actions[] = { [WN_DSN_FAILED] = "failed",
        [WN_DSN_DELAYED] = "delayed",
        [WN_DSN_RELAYED] = "relayed" };
    WnDsnAction worst = WN_DSN_RELAYED;
    char original[WN_ID_TEXT_LEN + 1];
    WnEvent event;

    for (guint i = 0; i < self->told->len; i++)
        worst = MIN(worst, g_array_index(self->told, Told, i).action);
    wn_id_format(&self->message->id, original);
    wn_event_begin(&event, WN_LEVEL_INFO, "dsn");
    wn_event_id(&event, &self->id);
    wn_event_str(&event, "original_id", original);
    wn_event_span(&event, "recipient", sender);
    wn_event_str(&event, "action", actions[worst]);
    wn_event_int(&event, "recipients", self->told->len);
    wn_event_end(&event);
}

static void
told_clear(void *data)
{
    g_clear_pointer(&((Told *)data)->reply, g_free);
}

/* Another one of the message may have begun since. */
static void
stop_gathering(WnReport *self)
{
    GHashTable *gathering = self->queue->gathering;

    if (g_hash_table_lookup(gathering, self->message) == self)
        g_hash_table_remove(gathering, self->message);
}

static void
report_free(WnReport *self)
{
    stop_gathering(self);
    g_queue_unlink(&self->queue->reports, &self->link);
    wn_timer_clear(&self->look);
    if (self->append != NULL)
        wn_append_forget(self->append);
    wn_queued_drop(self->message);
    g_array_unref(self->told);
    g_array_unref(self->failed);
    g_free(self);
}

static void
log_failure(const WnQueue *queue, const Failed *failed, uint32_t i,
    const WnEnvelope *envelope, const char *dsn)
{
    const WnParcel *parcel = failed->parcel;
    bool is_expired = failed->kind == WN_OUTCOME_EXPIRED;
    WnEvent event;

    wn_queue_event(&event, WN_LEVEL_INFO, is_expired ? "expired" : "bounced",
        parcel, envelope, i);
    wn_event_str(&event, "reply", parcel->recipients[i].reply);
    wn_event_int(&event, "attempts", parcel->attempts);
    wn_event_int(&event, "ms",
        MAX(0, wn_clock_unix_ms() - parcel->message->arrived_ms));
    wn_event_str(&event, "dsn", dsn);
    wn_event_end(&event);
    wn_metric_add(is_expired ? queue->expired : queue->bounced, 1);
}

/* The sender has been told, or does not want to know. */
static void
settle_failure(WnQueue *queue, const Failed *failed, const char *dsn)
{
    WnSpoolContent content;
    bool readable = wn_spool_read(&failed->parcel->message->record,
        WN_SPOOL_ENVELOPE, &content, NULL);

    for (uint32_t i = 0; i < failed->parcel->n_recipients; i++) {
        if (readable)
            log_failure(queue, failed, i, &content.envelope, dsn);
        wn_queue_settle(failed->parcel, i, failed->kind);
    }
    wn_spool_content_clear(&content);
    wn_queue_free_parcel(queue, failed->parcel);
}

/* Of those who failed, each parcel is settled with its own event. */
static void
note_told(const WnReport *self)
{
    for (guint i = 0; i < self->told->len; i++) {
        const Told *told = &g_array_index(self->told, Told, i);

        if (told->action != WN_DSN_FAILED)
            wn_spool_settle(&self->message->record,
                &(WnOutcome){ .kind = told->kind,
                    .recipient = told->index,
                    .at = wn_clock_unix() });
    }
}

/* The attempt is made again, and so is the report.  What was held must not be
 * delivered by that. */
static void
put_off(WnQueue *queue, const Failed *failed)
{
    WnParcel *parcel = failed->parcel;
    int64_t due_ms = wn_clock_mono_ms() + RETRY_MS;

    if (failed->held)
        wn_queue_hold(queue, parcel);
    else
        wn_queue_wait(queue, parcel, due_ms);
    if (failed->expires)
        wn_schedule_add(queue->schedule, parcel, MAX(due_ms, parcel->due_ms));
    for (uint32_t i = 0; i < parcel->n_recipients; i++)
        wn_queue_settle(parcel, i,
            failed->held ? WN_OUTCOME_HELD : WN_OUTCOME_DEFERRED);
}

/* He is told of the delay after his next attempt. */
static void
forget_delay(const WnReport *self, uint32_t index)
{
    for (WnParcel *parcel = self->message->parcels; parcel != NULL;
         parcel = parcel->sibling)
        for (uint32_t i = 0; i < parcel->n_recipients; i++)
            if (parcel->recipients[i].index == index)
                parcel->delay_noted = false;
}

/* Nothing is noted that was not told.  Those who are tried again are told of
 * that; who has his message is not, and stays in the report. */
static void
on_not_durable(WnReport *self)
{
    wn_remark(WN_LEVEL_ERROR, "a report to a sender could not be stored");
    for (guint i = 0; i < self->failed->len; i++)
        put_off(self->queue, &g_array_index(self->failed, Failed, i));
    g_array_set_size(self->failed, 0);
    for (guint i = self->told->len; i > 0; i--) {
        const Told *told = &g_array_index(self->told, Told, i - 1);

        if (told->action == WN_DSN_DELAYED)
            forget_delay(self, told->index);
        if (told->action != WN_DSN_RELAYED)
            g_array_remove_index(self->told, i - 1);
    }
    if (self->told->len > 0 && !self->queue->draining)
        wn_timer_set(&self->look, RETRY_MS);
    else
        report_free(self);
}

static void
on_committed(void *user, WnCommit result)
{
    WnReport *self = user;
    char id[WN_ID_TEXT_LEN + 1];

    self->append = NULL;
    if (result != WN_COMMIT_DURABLE) {
        on_not_durable(self);
        return;
    }
    wn_id_format(&self->id, id);
    note_told(self);
    for (guint i = 0; i < self->failed->len; i++)
        settle_failure(self->queue, &g_array_index(self->failed, Failed, i),
            id);
    report_free(self);
}

/* Nobody knows whom to tell: it waits for the operator. */
static void
hold_damaged(WnQueue *queue, WnParcel *parcel, const GError *error)
{
    WnEvent event;

    wn_event_begin_traced(&event, WN_LEVEL_ERROR, "damaged");
    wn_event_id(&event, &parcel->message->id);
    wn_event_str(&event, "domain", parcel->domain);
    wn_event_str(&event, "error", error->message);
    wn_event_str(&event, "dsn", "none");
    wn_event_bool(&event, "held", true);
    wn_event_end(&event);
    for (uint32_t i = 0; i < parcel->n_recipients; i++)
        wn_parcel_set_reply(parcel, i, error->message);
    wn_queue_hold(queue, parcel);
}

/* What was to be told of those who have their message is lost; who does not
 * have it keeps his claim. */
static void
give_up(WnReport *self, const GError *error)
{
    for (guint i = self->told->len; i > 0; i--)
        if (g_array_index(self->told, Told, i - 1).action == WN_DSN_FAILED)
            g_array_remove_index(self->told, i - 1);
    note_told(self);
    for (guint i = 0; i < self->failed->len; i++)
        hold_damaged(self->queue, g_array_index(self->failed, Failed, i).parcel,
            error);
    report_free(self);
}

static void
store(WnReport *self)
{
    g_autoptr(GByteArray) body = NULL;
    g_autoptr(GError) error = NULL;
    WnSpoolContent content;
    WnAppendBody append = { .fd = -1 };
    g_auto(WnWriter) envelope;

    stop_gathering(self);
    wn_writer_init(&envelope);
    if (!wn_spool_read(&self->message->record, WN_SPOOL_BODY, &content,
            &error)) {
        wn_spool_content_clear(&content);
        if (error->code == EIO)
            on_not_durable(self);
        else
            give_up(self, error);
        return;
    }
    self->id = wn_id_new();
    body = write_dsn(self, &content);
    append.span = wn_span(body->data, body->len);
    write_envelope(self, content.envelope.sender,
        !wn_span_is_ascii(append.span), &envelope);
    log_dsn(self, content.envelope.sender);
    self->append = wn_journal_append(self->queue->journal, &self->id,
        wn_writer_span(&envelope), &append, on_committed, self);
    wn_spool_content_clear(&content);
}

/* Is somebody else of the message being tried at this moment? */
static bool
others_are_tried(const WnQueued *message)
{
    for (const WnParcel *parcel = message->parcels; parcel != NULL;
         parcel = parcel->sibling)
        if (parcel->state == WN_PARCEL_READY
            || parcel->state == WN_PARCEL_SENDING)
            return true;
    return false;
}

static void
on_look(void *user)
{
    WnReport *self = user;
    int64_t left_ms = self->began_ms + GATHER_MS - wn_clock_mono_ms();

    if (self->queue->draining || left_ms <= 0
        || !others_are_tried(self->message)) {
        store(self);
        return;
    }
    self->wait_ms *= 2;
    wn_timer_set(&self->look, MIN(self->wait_ms, left_ms));
}

/* The report of the message that takes in more, made if there is none. */
static WnReport *
gather(WnQueue *queue, WnQueued *message)
{
    WnReport *self = g_hash_table_lookup(queue->gathering, message);

    if (self != NULL)
        return self;
    self = g_new0(WnReport, 1);
    self->queue = queue;
    self->link.data = self;
    self->message = message;
    self->began_ms = wn_clock_mono_ms();
    self->wait_ms = GATHER_LOOK_MS / 2;
    self->told = g_array_new(FALSE, FALSE, sizeof(Told));
    g_array_set_clear_func(self->told, told_clear);
    self->failed = g_array_new(FALSE, FALSE, sizeof(Failed));
    wn_timer_init(&self->look, queue->loop, on_look, self);
    wn_timer_set(&self->look, 0);
    wn_queued_hold(message);
    g_queue_push_tail_link(&queue->reports, &self->link);
    g_hash_table_insert(queue->gathering, message, self);
    return self;
}

static void
tell(WnQueue *queue, const WnParcel *parcel, uint32_t i, WnDsnAction action,
    WnOutcomeKind kind)
{
    const char *reply = parcel->recipients[i].reply;
    Told told = { .index = parcel->recipients[i].index,
        .action = action,
        .kind = kind,
        .reply = wn_outward_text(reply),
        .at = wn_clock_unix(),
        .will_retry_until = wn_queue_expires(queue, parcel) };

    /* An expired message has no status but its age. */
    if (kind == WN_OUTCOME_EXPIRED)
        g_strlcpy(told.status, "4.4.7", sizeof(told.status));
    else
        wn_outward_status(reply,
            action == WN_DSN_FAILED ? WN_STATUS_PERMANENT : WN_STATUS_TEMPORARY,
            told.status);
    g_array_append_val(gather(queue, parcel->message)->told, told);
}

/* What became of a copy that a filter has forwarded or caught is not told,
 * unless the operator has returned the latter. */
static bool
is_private(const WnParcel *parcel, WnOutcomeKind kind)
{
    return parcel->redirected || (parcel->caught && kind != WN_OUTCOME_BOUNCED);
}

/* Takes those recipients into the report whose sender wants to know; false:
 * none. */
static bool
tell_all(WnQueue *queue, const WnParcel *parcel, WnDsnAction action,
    WnOutcomeKind kind)
{
    WnSpoolContent content;
    const GArray *all;
    bool readable;
    bool told = false;

    if (is_private(parcel, kind))
        return false;
    readable = wn_spool_read(&parcel->message->record, WN_SPOOL_ENVELOPE,
        &content, NULL);
    all = content.envelope.recipients;
    for (uint32_t i = 0; readable && i < parcel->n_recipients; i++) {
        if (!wn_dsn_wanted(&content.envelope,
                &g_array_index(all, WnEnvelopeRecipient,
                    parcel->recipients[i].index),
                action))
            continue;
        tell(queue, parcel, i, action, kind);
        told = true;
    }
    wn_spool_content_clear(&content);
    return told;
}

/* Without the message nobody knows whom to tell.  What the disk does not give
 * now it may give later; what is damaged does not come back. */
static bool
can_be_read(WnQueue *self, const Failed *failed)
{
    g_autoptr(GError) error = NULL;
    WnSpoolContent content;
    bool readable = wn_queued_read(failed->parcel->message, WN_SPOOL_BODY,
        &content, &error);

    wn_spool_content_clear(&content);
    if (!readable && error->code == EIO)
        put_off(self, failed);
    else if (!readable)
        hold_damaged(self, failed->parcel, error);
    return readable;
}

void
wn_queue_report_failure(WnQueue *self, WnParcel *parcel, WnOutcomeKind kind)
{
    bool held = parcel->state == WN_PARCEL_HELD;
    Failed failed = { parcel, kind, held,
        held && (parcel->heap_position != 0 || kind == WN_OUTCOME_EXPIRED) };

    wn_queue_take_out(self, parcel);
    if (!can_be_read(self, &failed))
        return;
    parcel->state = WN_PARCEL_REPORTING;
    if (tell_all(self, parcel, WN_DSN_FAILED, kind))
        g_array_append_val(gather(self, parcel->message)->failed, failed);
    else
        settle_failure(self, &failed, "none");
}

void
wn_queue_report_delay(WnQueue *self, WnParcel *parcel)
{
    parcel->delay_noted = true;
    tell_all(self, parcel, WN_DSN_DELAYED, WN_OUTCOME_DELAY_NOTED);
}

/* A reply of an earlier attempt says nothing of the one that succeeded. */
void
wn_queue_report_relayed(WnQueue *self, WnQueued *message, uint32_t index,
    int64_t at)
{
    Told told = { .index = index,
        .action = WN_DSN_RELAYED,
        .kind = WN_OUTCOME_DELIVERED,
        .status = "2.0.0",
        .at = at };

    g_array_append_val(gather(self, message)->told, told);
}

void
wn_queue_drop_reports(WnQueue *self)
{
    while (self->reports.length > 0)
        report_free(self->reports.head->data);
}
