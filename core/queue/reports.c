/* SPDX-License-Identifier: MIT */
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/queue/account.h"
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
    char *reply;        /* NULL: none */
    int64_t at;
    int64_t will_retry_until;
} Told;

/* A parcel whose recipients are settled when the report is durable. */
typedef struct Failed {
    WnParcel *parcel; /* REPORTING */
    WnOutcomeKind kind;
} Failed;

/*
 * What a sender is told of one message.  The report takes in every recipient
 * whose fate is known while others of the message are still being tried, but
 * waits for those no longer than GATHER_MS; then it goes to the journal.  Only
 * when it is durable are the recipients settled: a crash before that makes
 * another attempt and another report, never none.
 *
 *    GATHERING --nobody else is being tried--> STORING --durable--> settled
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

/* The class, subject and detail of a reply that has them, "550 5.1.1 ...", or
 * of what stands for one, "EHLO: 5.3.4 ...". */
static void
find_status(const char *reply, const char *otherwise, char out[12])
{
    unsigned int code;
    unsigned int subject;
    unsigned int detail;
    char class;

    g_strlcpy(out, otherwise, 12);
    if (reply == NULL
        || (sscanf(reply, "%3u %c.%3u.%3u ", &code, &class, &subject, &detail)
                != 4
            && sscanf(reply, "%*[A-Za-z ]: %c.%3u.%3u ", &class, &subject,
                   &detail)
                   != 3))
        return;
    if (class == otherwise[0])
        g_snprintf(out, 12, "%c.%u.%u", class, subject, detail);
}

static const char *
default_status(const Told *told)
{
    switch (told->action) {
    case WN_DSN_FAILED:
        return told->kind == WN_OUTCOME_EXPIRED ? "4.4.7" : "5.0.0";
    case WN_DSN_DELAYED:
        return "4.0.0";
    case WN_DSN_RELAYED:
        return "2.0.0";
    }
    return "5.0.0";
}

/* Where the customer's server is, is private: no Remote-MTA. */
static WnDsnRecipient
describe_recipient(const Told *told, const WnEnvelope *envelope)
{
    const WnEnvelopeRecipient *to = &g_array_index(envelope->recipients,
        WnEnvelopeRecipient, told->index);
    bool expired = told->kind == WN_OUTCOME_EXPIRED;
    WnDsnRecipient recipient = { .address = to->address,
        .orcpt = to->orcpt,
        .action = told->action,
        .expired = expired,
        .reply = wn_span_str(told->reply),
        .remote = WN_SPAN_EMPTY,
        .last_attempt = told->at,
        .will_retry_until = told->will_retry_until };

    /* An expired message has no status but its age. */
    find_status(expired ? NULL : told->reply, default_status(told),
        recipient.status);
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

/* RFC 3461 §4.3: RET is for failures; all others bring the header. */
static GByteArray *
write_dsn(const WnReport *self, const WnSpoolContent *content)
{
    const WnEnvelope *envelope = &content->envelope;
    WnSpan wire = wn_span_slice(content->wire, 0,
        content->wire.len - WN_RECORD_DOT_LEN);
    bool full = wn_span_case_eq(envelope->ret, WN_SPAN("FULL"))
                && wire.len <= FULL_MAX && tells_failure(self);
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
        .full = full };
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

static void
report_free(WnReport *self)
{
    g_hash_table_remove(self->queue->gathering, self->message);
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
note_delays(const WnReport *self)
{
    for (guint i = 0; i < self->told->len; i++) {
        const Told *told = &g_array_index(self->told, Told, i);

        if (told->action == WN_DSN_DELAYED)
            wn_spool_settle(&self->message->record,
                &(WnOutcome){ .kind = WN_OUTCOME_DELAY_NOTED,
                    .recipient = told->index,
                    .at = wn_clock_unix() });
    }
}

/* The attempt is made again, and so is the report. */
static void
put_off(WnQueue *queue, WnParcel *parcel)
{
    wn_queue_wait(queue, parcel, wn_clock_mono_ms() + RETRY_MS);
    for (uint32_t i = 0; i < parcel->n_recipients; i++) {
        parcel->recipients[i].result = WN_RESULT_NONE;
        wn_queue_settle(parcel, i, WN_OUTCOME_DEFERRED);
    }
}

static void
on_committed(void *user, WnCommit result)
{
    WnReport *self = user;
    bool durable = result == WN_COMMIT_DURABLE;
    char id[WN_ID_TEXT_LEN + 1];

    self->append = NULL;
    wn_id_format(&self->id, id);
    if (durable)
        note_delays(self);
    else
        wn_remark(WN_LEVEL_ERROR, "a report to a sender could not be stored");
    for (guint i = 0; i < self->failed->len; i++) {
        const Failed *failed = &g_array_index(self->failed, Failed, i);

        if (durable)
            settle_failure(self->queue, failed, id);
        else
            put_off(self->queue, failed->parcel);
    }
    report_free(self);
}

/* Nobody can be told what cannot be read. */
static void
give_up(WnReport *self)
{
    for (guint i = 0; i < self->failed->len; i++)
        settle_failure(self->queue, &g_array_index(self->failed, Failed, i),
            "none");
    report_free(self);
}

static void
store(WnReport *self)
{
    g_autoptr(GByteArray) body = NULL;
    WnSpoolContent content;
    WnAppendBody append = { .fd = -1 };
    g_auto(WnWriter) envelope;

    g_hash_table_remove(self->queue->gathering, self->message);
    wn_writer_init(&envelope);
    if (!wn_spool_read(&self->message->record, WN_SPOOL_ENVELOPE, &content,
            NULL)) {
        wn_spool_content_clear(&content);
        give_up(self);
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
    Told told = { .index = parcel->recipients[i].index,
        .action = action,
        .kind = kind,
        /* One of an earlier attempt says nothing of this one. */
        .reply = action == WN_DSN_RELAYED
                     ? NULL
                     : g_strdup(parcel->recipients[i].reply),
        .at = wn_clock_unix(),
        .will_retry_until = wn_queue_expires(queue, parcel) };

    g_array_append_val(gather(queue, parcel->message)->told, told);
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

    if (parcel->redirected)
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

void
wn_queue_report_failure(WnQueue *self, WnParcel *parcel, WnOutcomeKind kind)
{
    Failed failed = { parcel, kind };

    wn_queue_take_out(self, parcel);
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

void
wn_queue_report_relayed(WnQueue *self, WnParcel *parcel, uint32_t recipient)
{
    tell(self, parcel, recipient, WN_DSN_RELAYED, WN_OUTCOME_DELIVERED);
}

void
wn_queue_drop_reports(WnQueue *self)
{
    while (self->reports.length > 0)
        report_free(self->reports.head->data);
}
