/* SPDX-License-Identifier: MIT */
#include "core/base/clock.h"
#include "core/queue/queue_private.h"
#include "core/smtp/framing.h"

static const char *
state_name(WnParcelState state)
{
    switch (state) {
    case WN_PARCEL_STALLED:
    case WN_PARCEL_HELD:
        return "held";
    case WN_PARCEL_WAITING:
        return "waiting";
    case WN_PARCEL_READY:
        return "ready";
    case WN_PARCEL_SENDING:
    case WN_PARCEL_REPORTING:
        return "sending";
    }
    return "waiting";
}

/* Before the first snapshot there is nothing that could hold a parcel. */
static const char *
shown_state(const WnQueue *self, const WnParcel *parcel)
{
    if (parcel->state == WN_PARCEL_STALLED && self->snapshot == NULL)
        return "waiting";
    return state_name(parcel->state);
}

static bool
matches(const WnQueue *self, const WnQueueFilter *filter,
    const WnParcel *parcel)
{
    if (filter->domain != NULL
        && (parcel->domain == NULL
            || g_ascii_strcasecmp(filter->domain, parcel->domain) != 0))
        return false;
    return filter->state == NULL
           || g_str_equal(filter->state, shown_state(self, parcel));
}

static bool
any_matches(const WnQueue *self, const WnQueueFilter *filter,
    const WnQueued *message)
{
    if (filter->id != NULL && !wn_id_eq(filter->id, &message->id))
        return false;
    for (const WnParcel *parcel = message->parcels; parcel != NULL;
         parcel = parcel->sibling)
        if (matches(self, filter, parcel))
            return true;
    return false;
}

static void
write_time(WnJson *json, const char *key, int64_t unix_ms)
{
    char text[WN_DATE_MAX];

    wn_clock_iso8601(unix_ms, text);
    wn_json_str(json, key, text);
}

static void
write_recipient(const WnQueue *self, const WnParcel *parcel, uint32_t i,
    const WnEnvelope *envelope, WnJson *json)
{
    const WnParcelRecipient *recipient = &parcel->recipients[i];
    g_auto(WnWait) wait = wn_queue_explain(self, parcel);
    g_autofree char *lenient = wn_queue_lenient_note(self, parcel);
    WnSpan address = g_array_index(envelope->recipients, WnEnvelopeRecipient,
        recipient->index)
                         .address;

    wn_json_open_object(json, NULL);
    wn_json_span(json, "address", address);
    wn_json_str(json, "state", shown_state(self, parcel));
    wn_json_int(json, "attempts", parcel->attempts);
    if (parcel->state == WN_PARCEL_WAITING)
        write_time(json, "next_attempt",
            wn_clock_unix_ms() + parcel->due_ms - wn_clock_mono_ms());
    else
        wn_json_str(json, "next_attempt", NULL);
    wn_json_str(json, "last_reply", recipient->reply);
    wn_json_str(json, "waits_for", wait.what);
    wn_json_str(json, "released_by", wait.release);
    if (lenient != NULL)
        wn_json_str(json, "lenient_until", lenient);
    wn_json_close_object(json);
}

static void
write_message(const WnQueue *self, const WnQueueFilter *filter,
    const WnQueued *message, const WnEnvelope *envelope, GString *out)
{
    char id[WN_ID_TEXT_LEN + 1];
    WnJson json;

    wn_id_format(&message->id, id);
    wn_json_init(&json, out);
    wn_json_open_object(&json, NULL);
    wn_json_str(&json, "id", id);
    write_time(&json, "arrived", message->arrived_ms);
    wn_json_int(&json, "size", (int64_t)message->body_len - WN_RECORD_DOT_LEN);
    wn_json_span(&json, "sender", envelope->sender);
    wn_json_str(&json, "domain", message->parcels->domain);
    wn_json_open_list(&json, "recipients");
    for (const WnParcel *parcel = message->parcels; parcel != NULL;
         parcel = parcel->sibling) {
        if (!matches(self, filter, parcel))
            continue;
        for (uint32_t i = 0; i < parcel->n_recipients; i++)
            write_recipient(self, parcel, i, envelope, &json);
    }
    wn_json_close_list(&json);
    wn_json_close_object(&json);
    g_string_append_c(out, '\n');
}

static void
print_recipient(const WnQueue *self, const WnParcel *parcel, uint32_t i,
    const WnEnvelope *envelope, GString *out)
{
    const WnParcelRecipient *recipient = &parcel->recipients[i];
    g_auto(WnWait) wait = wn_queue_explain(self, parcel);
    g_autofree char *lenient = wn_queue_lenient_note(self, parcel);
    WnSpan address = g_array_index(envelope->recipients, WnEnvelopeRecipient,
        recipient->index)
                         .address;
    char due[WN_DATE_MAX] = "-";

    if (parcel->state == WN_PARCEL_WAITING)
        wn_clock_iso8601(wn_clock_unix_ms() + parcel->due_ms
                             - wn_clock_mono_ms(),
            due);
    g_string_append_printf(out, "    %-7s %.*s\n", shown_state(self, parcel),
        (int)address.len, address.ptr);
    g_string_append_printf(out, "            attempts %u, next %s\n",
        parcel->attempts, due);
    if (recipient->reply != NULL)
        g_string_append_printf(out, "            last reply: %s\n",
            recipient->reply);
    g_string_append_printf(out,
        "            waits for: %s\n            released by: %s\n", wait.what,
        wait.release);
    if (lenient != NULL)
        g_string_append_printf(out,
            "            5xx counts as temporary until %s\n", lenient);
}

static void
print_message(const WnQueue *self, const WnQueueFilter *filter,
    const WnQueued *message, const WnEnvelope *envelope, GString *out)
{
    char id[WN_ID_TEXT_LEN + 1], arrived[WN_DATE_MAX];

    wn_id_format(&message->id, id);
    wn_clock_iso8601(message->arrived_ms, arrived);
    g_string_append_printf(out, "%s  %s  %" G_GUINT64_FORMAT " bytes  <%.*s>\n",
        id, arrived, message->body_len - WN_RECORD_DOT_LEN,
        (int)envelope->sender.len, envelope->sender.ptr);
    for (const WnParcel *parcel = message->parcels; parcel != NULL;
         parcel = parcel->sibling) {
        if (!matches(self, filter, parcel))
            continue;
        for (uint32_t i = 0; i < parcel->n_recipients; i++)
            print_recipient(self, parcel, i, envelope, out);
    }
}

void
wn_queue_list(WnQueue *self, const WnQueueFilter *filter, WnQueueFormat format,
    unsigned limit, GString *out)
{
    unsigned n = 0;

    for (const WnQueued *message = self->messages.head;
         message != NULL && n < limit; message = message->next) {
        WnSpoolContent content;
        bool good;

        if (!any_matches(self, filter, message))
            continue;
        good = wn_spool_read(&message->record, WN_SPOOL_ENVELOPE, &content,
            NULL);
        if (good && format == WN_QUEUE_JSON)
            write_message(self, filter, message, &content.envelope, out);
        else if (good)
            print_message(self, filter, message, &content.envelope, out);
        wn_spool_content_clear(&content);
        n++;
    }
}

static void
retry(WnQueue *self, WnParcel *parcel)
{
    parcel->avoid = -1;
    if (parcel->destination != NULL)
        wn_destination_forgive(parcel->destination);
    wn_queue_route(self, parcel, WN_LINE_END);
}

static void
release(WnQueue *self, WnParcel *parcel)
{
    for (uint32_t i = 0; i < parcel->n_recipients; i++) {
        parcel->recipients[i].result = WN_RESULT_NONE;
        wn_queue_settle(parcel, i, WN_OUTCOME_RELEASED);
    }
    wn_queue_route(self, parcel, WN_LINE_END);
}

static void delete (WnQueue *self, WnParcel *parcel)
{
    for (uint32_t i = 0; i < parcel->n_recipients; i++)
        wn_queue_settle(parcel, i, WN_OUTCOME_DELETED);
    wn_queue_free_parcel(self, parcel);
}

static void
bounce(WnQueue *self, WnParcel *parcel)
{
    for (uint32_t i = 0; i < parcel->n_recipients; i++) {
        const char *last = parcel->recipients[i].reply;
        g_autofree char *reply = g_strconcat("returned by the operator of the "
                                             "relay",
            last != NULL ? "; the last attempt brought: " : "", last, NULL);

        wn_parcel_set_reply(parcel, i, reply);
    }
    wn_queue_report_failure(self, parcel, WN_OUTCOME_BOUNCED);
}

/* What is on its way, to a server or to the journal, cannot be called back. */
static bool
apply(WnQueue *self, WnQueueCommand command, WnParcel *parcel)
{
    bool held = parcel->state == WN_PARCEL_HELD;

    if (parcel->state == WN_PARCEL_SENDING
        || parcel->state == WN_PARCEL_REPORTING)
        return false;
    switch (command) {
    case WN_QUEUE_RETRY:
        if (held)
            return false;
        retry(self, parcel);
        return true;
    case WN_QUEUE_HOLD:
        if (held)
            return false;
        wn_queue_hold_noted(self, parcel);
        return true;
    case WN_QUEUE_RELEASE:
        if (!held)
            return false;
        release(self, parcel);
        return true;
    case WN_QUEUE_DELETE:
        delete (self, parcel);
        return true;
    case WN_QUEUE_BOUNCE:
        bounce(self, parcel);
        return true;
    }
    return false;
}

static bool
has_parcel(const WnQueued *message, const WnParcel *parcel)
{
    const WnParcel *own = message->parcels;

    while (own != NULL && own != parcel)
        own = own->sibling;
    return own != NULL;
}

/* What is done to one parcel may set others of the message going. */
static unsigned
apply_to_message(WnQueue *self, WnQueueCommand command,
    const WnQueueFilter *filter, WnQueued *message)
{
    g_autoptr(GPtrArray) parcels = g_ptr_array_new();
    unsigned n = 0;

    for (WnParcel *own = message->parcels; own != NULL; own = own->sibling)
        g_ptr_array_add(parcels, own);
    for (guint i = 0; i < parcels->len; i++) {
        WnParcel *parcel = parcels->pdata[i];
        uint32_t n_recipients;

        if (!has_parcel(message, parcel) || !matches(self, filter, parcel))
            continue;
        n_recipients = parcel->n_recipients;
        if (apply(self, command, parcel))
            n += n_recipients;
    }
    return n;
}

unsigned
wn_queue_command(WnQueue *self, WnQueueCommand command,
    const WnQueueFilter *filter)
{
    WnQueued *message = self->messages.head;
    unsigned n = 0;

    while (message != NULL) {
        WnQueued *next;

        wn_queued_hold(message);
        if (any_matches(self, filter, message))
            n += apply_to_message(self, command, filter, message);
        next = message->next;
        wn_queued_drop(message);
        message = next;
    }
    return n;
}

static void
append_piece(void *user, WnSpan piece)
{
    g_string_append_len(user, piece.ptr, (gssize)piece.len);
}

static void
show_first_scope(const WnSpoolContent *content, GString *out)
{
    const WnEnvelopeScope *scope = &g_array_index(content->envelope.scopes,
        WnEnvelopeScope, 0);
    g_autoptr(GByteArray) message = g_byte_array_new();
    GString *wire = g_string_new_len(scope->prepend.ptr,
        (gssize)scope->prepend.len);

    if (scope->splices != NULL)
        wn_splices_apply(scope->splices, content->wire, append_piece, wire);
    else
        append_piece(wire, content->wire);
    wn_framing_unstuff(wn_span(wire->str, wire->len - WN_RECORD_DOT_LEN),
        message);
    g_string_append_len(out, (const char *)message->data, (gssize)message->len);
    g_string_free(wire, TRUE);
}

bool
wn_queue_show_message(WnQueue *self, const WnId *id, GString *out)
{
    const WnQueued *message = self->messages.head;
    WnSpoolContent content;
    bool readable;

    while (message != NULL && !wn_id_eq(&message->id, id))
        message = message->next;
    if (message == NULL)
        return false;
    readable = wn_spool_read(&message->record, WN_SPOOL_WHOLE, &content, NULL);
    if (readable && content.envelope.scopes->len > 0)
        show_first_scope(&content, out);
    wn_spool_content_clear(&content);
    return readable;
}
