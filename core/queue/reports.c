/* SPDX-License-Identifier: MIT */
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/queue/queue_private.h"
#include "core/smtp/framing.h"

/* A message up to this size comes back whole if its sender wants that. */
#define FULL_MAX (1024 * 1024)
#define HEADER_MAX (64 * 1024)

/* After a report could not be stored. */
#define RETRY_MS 60000

/*
 * A report on its way to the journal.  Only when it is durable are the
 * recipients settled: a crash before that makes another attempt and another
 * report, never none.
 */
struct WnReport {
    WnQueue *queue;
    GList link;
    WnAppend *append;
    WnDsnAction action;
    WnOutcomeKind kind; /* what the recipients are settled with */
    WnQueued *message;  /* held */
    WnParcel *parcel;   /* FAILED: REPORTING; else NULL */
    GArray *told;       /* uint32_t, DELAYED: indexes in the envelope */
    WnId id;            /* of the report */
};

/* The class, subject and detail of a reply that has them, "550 5.1.1 ...". */
static void
find_status(const char *reply, const char *otherwise, char out[12])
{
    unsigned int code;
    unsigned int subject;
    unsigned int detail;
    char class;

    g_strlcpy(out, otherwise, 12);
    if (reply == NULL
        || sscanf(reply, "%3u %c.%3u.%3u ", &code, &class, &subject, &detail)
               != 4)
        return;
    if (class == otherwise[0])
        g_snprintf(out, 12, "%c.%u.%u", class, subject, detail);
}

static const char *
default_status(const WnReport *report)
{
    switch (report->action) {
    case WN_DSN_FAILED:
        return report->kind == WN_OUTCOME_EXPIRED ? "4.4.7" : "5.0.0";
    case WN_DSN_DELAYED:
        return "4.0.0";
    case WN_DSN_RELAYED:
        return "2.0.0";
    }
    return "5.0.0";
}

static WnDsnRecipient
describe_recipient(const WnReport *report, const WnParcel *parcel, uint32_t i,
    const WnEnvelope *envelope)
{
    const WnParcelRecipient *own = &parcel->recipients[i];
    const WnEnvelopeRecipient *to = &g_array_index(envelope->recipients,
        WnEnvelopeRecipient, own->index);
    WnDsnRecipient recipient = { .address = to->address,
        .orcpt = to->orcpt,
        .action = report->action,
        .reply = wn_span_str(own->reply),
        .remote = WN_SPAN_EMPTY, /* where the customer's server is, is private
                                  */
        .last_attempt = wn_clock_unix(),
        .will_retry_until = wn_queue_expires(report->queue, parcel) };

    /* An expired message has no status but its age. */
    find_status(report->kind == WN_OUTCOME_EXPIRED ? NULL : own->reply,
        default_status(report), recipient.status);
    return recipient;
}

static GByteArray *
write_dsn(const WnReport *report, const WnSpoolContent *content,
    const GArray *recipients)
{
    const WnEnvelope *envelope = &content->envelope;
    WnSpan wire = wn_span_slice(content->wire, 0,
        content->wire.len - WN_RECORD_DOT_LEN);
    bool full = wn_span_case_eq(envelope->ret, WN_SPAN("FULL"))
                && wire.len <= FULL_MAX && report->action == WN_DSN_FAILED;
    g_autoptr(GByteArray) original = g_byte_array_new();
    g_autoptr(GByteArray) text = g_byte_array_new();
    GByteArray *wire_form = g_byte_array_new();
    WnDsn dsn;

    wn_framing_unstuff(wn_span_slice(wire, 0, full ? FULL_MAX : HEADER_MAX),
        original);
    dsn = (WnDsn){ .id = report->id,
        .hostname = report->queue->config->hostname,
        .to = envelope->sender,
        .original_id = report->message->id,
        .envid = envelope->envid,
        .arrived = envelope->arrived_ms / 1000,
        .now = wn_clock_unix(),
        .recipients = (const WnDsnRecipient *)recipients->data,
        .n_recipients = recipients->len,
        .original = wn_span(original->data, original->len),
        .full = full };
    wn_dsn_write(&dsn, text);
    wn_framing_stuff(wn_span(text->data, text->len), wire_form);
    return wire_form;
}

static bool
is_eight_bit(const GByteArray *bytes)
{
    for (guint i = 0; i < bytes->len; i++)
        if (bytes->data[i] >= 0x80)
            return true;
    return false;
}

static void
write_envelope(const WnReport *report, WnSpan sender, bool eight_bit,
    WnWriter *out)
{
    const char *at = memrchr(sender.ptr, '@', sender.len);
    g_auto(WnEnvelope) envelope;
    WnEnvelopeRecipient recipient = { .address = sender,
        .notify = WN_SPAN_EMPTY,
        .orcpt = WN_SPAN_EMPTY };
    WnEnvelopeScope scope = { .domain = wn_span(at + 1,
                                  (size_t)(sender.ptr + sender.len - at - 1)),
        .redirect = WN_SPAN_EMPTY,
        .prepend = WN_SPAN_EMPTY };

    wn_envelope_init(&envelope);
    envelope.arrived_ms = wn_clock_unix_ms();
    envelope.flags = WN_ENVELOPE_DSN | (eight_bit ? WN_ENVELOPE_8BIT : 0);
    if (report->queue->snapshot != NULL)
        envelope.generation = wn_snapshot_generation(report->queue->snapshot);
    g_array_append_val(envelope.scopes, scope);
    g_array_append_val(envelope.recipients, recipient);
    wn_envelope_write(&envelope, out);
}

static void
log_dsn(const WnReport *report, WnSpan sender, guint n)
{
    static const char *const actions[] = { [WN_DSN_FAILED] = "failed",
        [WN_DSN_DELAYED] = "delayed",
        [WN_DSN_RELAYED] = "relayed" };
    char original[WN_ID_TEXT_LEN + 1];
    WnEvent event;

    wn_id_format(&report->message->id, original);
    wn_event_begin(&event, WN_LEVEL_INFO, "dsn");
    wn_event_id(&event, &report->id);
    wn_event_str(&event, "original_id", original);
    wn_event_span(&event, "recipient", sender);
    wn_event_str(&event, "action", actions[report->action]);
    wn_event_int(&event, "recipients", n);
    wn_event_end(&event);
}

static void
report_free(WnReport *self)
{
    g_queue_unlink(&self->queue->reports, &self->link);
    if (self->append != NULL)
        wn_append_forget(self->append);
    wn_queued_drop(self->message);
    g_array_unref(self->told);
    g_free(self);
}

static WnReport *
report_new(WnQueue *queue, WnQueued *message, WnDsnAction action)
{
    WnReport *self = g_new0(WnReport, 1);

    self->queue = queue;
    self->link.data = self;
    self->action = action;
    self->kind = WN_OUTCOME_BOUNCED;
    self->message = message;
    self->told = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    self->id = wn_id_new();
    wn_queued_hold(message);
    g_queue_push_tail_link(&queue->reports, &self->link);
    return self;
}

static void
log_failure(const WnReport *report, uint32_t i, const WnEnvelope *envelope,
    const char *dsn)
{
    const WnParcel *parcel = report->parcel;
    bool is_expired = report->kind == WN_OUTCOME_EXPIRED;
    WnEvent event;

    wn_queue_event(&event, WN_LEVEL_INFO, is_expired ? "expired" : "bounced",
        parcel, envelope, i);
    wn_event_str(&event, "reply", parcel->recipients[i].reply);
    wn_event_int(&event, "attempts", parcel->attempts);
    wn_event_int(&event, "ms",
        MAX(0, wn_clock_unix_ms() - parcel->message->arrived_ms));
    wn_event_str(&event, "dsn", dsn);
    wn_event_end(&event);
    wn_metric_add(is_expired ? report->queue->expired : report->queue->bounced,
        1);
}

/* The sender has been told, or does not want to know. */
static void
settle_failure(WnReport *self, const char *dsn)
{
    WnSpoolContent content;
    bool readable = wn_spool_read(&self->message->record, WN_SPOOL_ENVELOPE,
        &content, NULL);

    for (uint32_t i = 0; i < self->parcel->n_recipients; i++) {
        if (readable)
            log_failure(self, i, &content.envelope, dsn);
        wn_queue_settle(self->parcel, i, self->kind);
    }
    wn_spool_content_clear(&content);
    wn_queue_free_parcel(self->queue, self->parcel);
}

static void
note_delay(WnReport *self)
{
    for (guint i = 0; i < self->told->len; i++)
        wn_spool_settle(&self->message->record,
            &(WnOutcome){ .kind = WN_OUTCOME_DELAY_NOTED,
                .recipient = g_array_index(self->told, uint32_t, i),
                .at = wn_clock_unix() });
}

/* The attempt is made again, and so is the report. */
static void
put_off(WnReport *self)
{
    wn_remark(WN_LEVEL_ERROR, "a report to a sender could not be stored");
    if (self->parcel == NULL)
        return;
    wn_queue_wait(self->queue, self->parcel, wn_clock_mono_ms() + RETRY_MS);
    for (uint32_t i = 0; i < self->parcel->n_recipients; i++) {
        self->parcel->recipients[i].result = WN_RESULT_NONE;
        wn_queue_settle(self->parcel, i, WN_OUTCOME_DEFERRED);
    }
}

static void
on_committed(void *user, WnCommit result)
{
    WnReport *self = user;
    char id[WN_ID_TEXT_LEN + 1];

    self->append = NULL;
    wn_id_format(&self->id, id);
    if (result != WN_COMMIT_DURABLE)
        put_off(self);
    else if (self->parcel != NULL)
        settle_failure(self, id);
    else if (self->action == WN_DSN_DELAYED)
        note_delay(self);
    report_free(self);
}

/* Recipients of the parcel whose failure the sender wants to know of; only:
 * this one, or all. */
static GArray *
choose_recipients(WnReport *self, const WnParcel *parcel, int64_t only,
    const WnEnvelope *from)
{
    GArray *chosen = g_array_new(FALSE, FALSE, sizeof(WnDsnRecipient));

    for (uint32_t i = 0; i < parcel->n_recipients; i++) {
        uint32_t index = parcel->recipients[i].index;
        WnDsnRecipient recipient;

        if ((only >= 0 && only != i) || parcel->redirected
            || !wn_dsn_wanted(from,
                &g_array_index(from->recipients, WnEnvelopeRecipient, index),
                self->action))
            continue;
        recipient = describe_recipient(self, parcel, i, from);
        g_array_append_val(chosen, recipient);
        g_array_append_val(self->told, index);
    }
    return chosen;
}

static void
store(WnReport *self, const WnSpoolContent *content, const GArray *recipients)
{
    g_autoptr(GByteArray) body = write_dsn(self, content, recipients);
    WnAppendBody append = { .span = wn_span(body->data, body->len), .fd = -1 };
    g_auto(WnWriter) envelope;

    wn_writer_init(&envelope);
    write_envelope(self, content->envelope.sender, is_eight_bit(body),
        &envelope);
    log_dsn(self, content->envelope.sender, recipients->len);
    self->append = wn_journal_append(self->queue->journal, &self->id,
        wn_writer_span(&envelope), &append, on_committed, self);
}

/* False: there is nobody to be told. */
static bool
begin(WnReport *self, const WnParcel *parcel, int64_t only)
{
    g_autoptr(GArray) recipients = NULL;
    WnSpoolContent content;

    if (wn_spool_read(&self->message->record, WN_SPOOL_ENVELOPE, &content,
            NULL)) {
        recipients = choose_recipients(self, parcel, only, &content.envelope);
        if (recipients->len > 0)
            store(self, &content, recipients);
    }
    wn_spool_content_clear(&content);
    return self->append != NULL;
}

void
wn_queue_report_failure(WnQueue *self, WnParcel *parcel, WnOutcomeKind kind)
{
    WnReport *report = report_new(self, parcel->message, WN_DSN_FAILED);

    wn_queue_take_out(self, parcel);
    parcel->state = WN_PARCEL_REPORTING;
    report->kind = kind;
    report->parcel = parcel;
    if (begin(report, parcel, -1))
        return;
    settle_failure(report, "none");
    report_free(report);
}

void
wn_queue_report_delay(WnQueue *self, WnParcel *parcel)
{
    WnReport *report = report_new(self, parcel->message, WN_DSN_DELAYED);

    parcel->delay_noted = true;
    if (!begin(report, parcel, -1))
        report_free(report);
}

void
wn_queue_report_relayed(WnQueue *self, WnParcel *parcel, uint32_t recipient)
{
    WnReport *report = report_new(self, parcel->message, WN_DSN_RELAYED);

    if (!begin(report, parcel, recipient))
        report_free(report);
}

void
wn_queue_drop_reports(WnQueue *self)
{
    while (self->reports.length > 0)
        report_free(self->reports.head->data);
}
