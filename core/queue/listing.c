/* SPDX-License-Identifier: MIT */
#include "core/base/clock.h"
#include "core/queue/queue_private.h"

/* What is in the queue, for programs and for people. */

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

bool
wn_queue_matches(const WnQueue *self, const WnQueueFilter *filter,
    const WnParcel *parcel)
{
    if (filter->domain != NULL
        && (parcel->domain == NULL
            || g_ascii_strcasecmp(filter->domain, parcel->domain) != 0))
        return false;
    return filter->state == NULL
           || g_str_equal(filter->state, shown_state(self, parcel));
}

bool
wn_queue_any_matches(const WnQueue *self, const WnQueueFilter *filter,
    const WnQueued *message)
{
    for (const WnParcel *parcel = message->parcels; parcel != NULL;
         parcel = parcel->sibling)
        if (wn_queue_matches(self, filter, parcel))
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
        if (!wn_queue_matches(self, filter, parcel))
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
        if (!wn_queue_matches(self, filter, parcel))
            continue;
        for (uint32_t i = 0; i < parcel->n_recipients; i++)
            print_recipient(self, parcel, i, envelope, out);
    }
}

/* What cannot be read is in the queue all the same. */
static void
write_damaged(const WnQueue *self, const WnQueued *message, const char *damage,
    GString *out)
{
    char id[WN_ID_TEXT_LEN + 1];
    WnJson json;

    wn_id_format(&message->id, id);
    wn_json_init(&json, out);
    wn_json_open_object(&json, NULL);
    wn_json_str(&json, "id", id);
    write_time(&json, "arrived", message->arrived_ms);
    wn_json_int(&json, "size", (int64_t)message->body_len - WN_RECORD_DOT_LEN);
    wn_json_str(&json, "sender", NULL);
    wn_json_str(&json, "domain", message->parcels->domain);
    wn_json_str(&json, "damage", damage);
    wn_json_open_list(&json, "recipients");
    for (const WnParcel *parcel = message->parcels; parcel != NULL;
         parcel = parcel->sibling) {
        wn_json_open_object(&json, NULL);
        wn_json_str(&json, "address", NULL);
        wn_json_str(&json, "state", shown_state(self, parcel));
        wn_json_int(&json, "attempts", parcel->attempts);
        wn_json_close_object(&json);
    }
    wn_json_close_list(&json);
    wn_json_close_object(&json);
    g_string_append_c(out, '\n');
}

static void
print_damaged(const WnQueue *self, const WnQueued *message, const char *damage,
    GString *out)
{
    char id[WN_ID_TEXT_LEN + 1], arrived[WN_DATE_MAX];

    wn_id_format(&message->id, id);
    wn_clock_iso8601(message->arrived_ms, arrived);
    g_string_append_printf(out,
        "%s  %s  %" G_GUINT64_FORMAT " bytes  (sender not known)\n", id,
        arrived, message->body_len - WN_RECORD_DOT_LEN);
    for (const WnParcel *parcel = message->parcels; parcel != NULL;
         parcel = parcel->sibling)
        g_string_append_printf(out, "    %-7s %u recipient%s%s%s\n",
            shown_state(self, parcel), parcel->n_recipients,
            parcel->n_recipients == 1 ? "" : "s",
            parcel->domain != NULL ? " of " : ", address not known",
            parcel->domain != NULL ? parcel->domain : "");
    g_string_append_printf(out,
        "            damaged: %s\n"
        "            waits for: somebody who looks at it\n"
        "            released by: winnowctl queue delete %s\n",
        damage, id);
}

void
wn_queue_list_message(const WnQueue *self, const WnQueueFilter *filter,
    WnQueueFormat format, const WnQueued *message, GString *out)
{
    g_autoptr(GError) error = NULL;
    WnSpoolContent content;

    if (!wn_queue_any_matches(self, filter, message))
        return;
    if (!wn_queued_read(message, WN_SPOOL_ENVELOPE, &content, &error)) {
        if (format == WN_QUEUE_JSON)
            write_damaged(self, message, error->message, out);
        else
            print_damaged(self, message, error->message, out);
    } else if (format == WN_QUEUE_JSON) {
        write_message(self, filter, message, &content.envelope, out);
    } else {
        print_message(self, filter, message, &content.envelope, out);
    }
    wn_spool_content_clear(&content);
}

void
wn_queue_list(WnQueue *self, const WnQueueFilter *filter, WnQueueFormat format,
    GString *out)
{
    const WnQueued *message = filter->id != NULL
                                  ? wn_queued_find(&self->messages, filter->id)
                                  : self->messages.head;

    for (; message != NULL;
         message = filter->id != NULL ? message->same_id : message->next)
        wn_queue_list_message(self, filter, format, message, out);
}
