/* SPDX-License-Identifier: MIT */
#include "core/queue/outward.h"
#include "core/queue/queue_private.h"
#include "core/smtp/framing.h"

#include <errno.h>

/* What operators do to what is in the queue. */

static void
log_command_blindly(const WnParcel *parcel, const char *name)
{
    WnEvent event;

    wn_event_begin_traced(&event, WN_LEVEL_WARNING, name);
    wn_event_id(&event, &parcel->message->id);
    wn_event_str(&event, "domain", parcel->domain);
    wn_event_bool(&event, "damaged", true);
    wn_event_str(&event, "by", "operator");
    wn_event_end(&event);
}

/* What an operator does belongs to the message's story as well. */
static void
log_command(const WnParcel *parcel, const char *name)
{
    WnSpoolContent content;
    bool readable = wn_queued_read(parcel->message, WN_SPOOL_ENVELOPE, &content,
        NULL);

    if (!readable)
        log_command_blindly(parcel, name);
    for (uint32_t i = 0; readable && i < parcel->n_recipients; i++) {
        WnEvent event;

        wn_queue_event(&event, WN_LEVEL_INFO, name, parcel, &content.envelope,
            i);
        wn_event_str(&event, "by", "operator");
        wn_event_end(&event);
    }
    wn_spool_content_clear(&content);
}

static bool
is_unreadable(const WnParcel *parcel)
{
    WnSpoolContent content;
    bool readable = wn_queued_read(parcel->message, WN_SPOOL_ENVELOPE, &content,
        NULL);

    wn_spool_content_clear(&content);
    return !readable;
}

static WnQueueApplied
retry(WnQueue *self, WnParcel *parcel)
{
    WnDestination *destination = wn_queue_destination(self, parcel);

    if (parcel->state == WN_PARCEL_STALLED && destination == NULL)
        return WN_QUEUE_IS_STALLED;
    log_command(parcel, "retried");
    wn_parcel_new_attempt(parcel);
    if (destination != NULL)
        wn_destination_forgive(destination);
    wn_queue_route(self, parcel, WN_LINE_END);
    return WN_QUEUE_DONE;
}

static WnQueueApplied
release(WnQueue *self, WnParcel *parcel)
{
    if (is_unreadable(parcel))
        return WN_QUEUE_IS_DAMAGED;
    log_command(parcel, "released");
    wn_parcel_new_attempt(parcel);
    for (uint32_t i = 0; i < parcel->n_recipients; i++)
        wn_queue_settle(parcel, i, WN_OUTCOME_RELEASED);
    wn_queue_route(self, parcel, WN_LINE_END);
    return WN_QUEUE_DONE;
}

static void delete (WnQueue *self, WnParcel *parcel)
{
    log_command(parcel, "deleted");
    for (uint32_t i = 0; i < parcel->n_recipients; i++)
        wn_queue_settle(parcel, i, WN_OUTCOME_DELETED);
    wn_queue_free_parcel(self, parcel);
}

/* Whom to tell stands in the envelope; the sender of what was forwarded is not
 * told, and the copy would just be gone. */
static WnQueueApplied
bounce(WnQueue *self, WnParcel *parcel)
{
    if (is_unreadable(parcel))
        return WN_QUEUE_IS_DAMAGED;
    if (parcel->redirected)
        return WN_QUEUE_IS_FORWARDED;
    for (uint32_t i = 0; i < parcel->n_recipients; i++) {
        const char *last = parcel->recipients[i].reply;
        g_autofree char *reply = NULL;

        /* The report of an earlier return could not be stored. */
        if (last != NULL && g_str_has_prefix(last, WN_OUTWARD_RETURNED))
            continue;
        reply = g_strconcat(WN_OUTWARD_RETURNED,
            last != NULL ? WN_OUTWARD_LAST : "", last, NULL);
        wn_parcel_set_reply(parcel, i, reply);
    }
    wn_queue_report_failure(self, parcel, WN_OUTCOME_BOUNCED);
    return WN_QUEUE_DONE;
}

/* What is on its way, to a server or to the journal, cannot be called back. */
static WnQueueApplied
apply(WnQueue *self, WnQueueCommand command, WnParcel *parcel)
{
    bool held = parcel->state == WN_PARCEL_HELD;

    if (parcel->state == WN_PARCEL_SENDING)
        return WN_QUEUE_IS_SENT;
    if (parcel->state == WN_PARCEL_REPORTING)
        return WN_QUEUE_IS_REPORTED;
    switch (command) {
    case WN_QUEUE_RETRY:
        return held ? WN_QUEUE_IS_HELD : retry(self, parcel);
    case WN_QUEUE_HOLD:
        if (held)
            return WN_QUEUE_IS_HELD;
        log_command(parcel, "held");
        wn_queue_hold_noted(self, parcel);
        return WN_QUEUE_DONE;
    case WN_QUEUE_RELEASE:
        return held ? release(self, parcel) : WN_QUEUE_IS_NOT_HELD;
    case WN_QUEUE_DELETE:
        delete (self, parcel);
        return WN_QUEUE_DONE;
    case WN_QUEUE_BOUNCE:
        return bounce(self, parcel);
    }
    return WN_QUEUE_DONE;
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
void
wn_queue_command_message(WnQueue *self, WnQueueCommand command,
    const WnQueueFilter *filter, WnQueued *message, WnQueueTally *tally)
{
    g_autoptr(GPtrArray) parcels = g_ptr_array_new();

    for (WnParcel *own = message->parcels; own != NULL; own = own->sibling)
        g_ptr_array_add(parcels, own);
    for (guint i = 0; i < parcels->len; i++) {
        WnParcel *parcel = parcels->pdata[i];
        uint32_t n_recipients;

        if (!has_parcel(message, parcel)
            || !wn_queue_matches(self, filter, parcel))
            continue;
        n_recipients = parcel->n_recipients;
        tally->n[apply(self, command, parcel)] += n_recipients;
    }
}

unsigned
wn_queue_command(WnQueue *self, WnQueueCommand command,
    const WnQueueFilter *filter, WnQueueTally *tally)
{
    WnQueued *message = filter->id != NULL
                            ? wn_queued_find(&self->messages, filter->id)
                            : self->messages.head;
    WnQueueTally own = { { 0 } };

    while (message != NULL) {
        WnQueued *next;

        wn_queued_hold(message);
        wn_queue_command_message(self, command, filter, message, &own);
        next = filter->id != NULL ? message->same_id : message->next;
        wn_queued_drop(message);
        message = next;
    }
    for (size_t i = 0; tally != NULL && i < WN_QUEUE_APPLIED_MAX; i++)
        tally->n[i] += own.n[i];
    return own.n[WN_QUEUE_DONE];
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
wn_queue_show_message(WnQueue *self, const WnId *id, GString *out,
    GError **error)
{
    const WnQueued *message = wn_queued_find(&self->messages, id);
    WnSpoolContent content;
    bool readable;

    if (message == NULL) {
        g_set_error(error, WN_JOURNAL_ERROR, ENOENT, "it is not in the queue");
        return false;
    }
    readable = wn_queued_read(message, WN_SPOOL_WHOLE, &content, error);
    if (readable && content.envelope.scopes->len > 0)
        show_first_scope(&content, out);
    wn_spool_content_clear(&content);
    return readable;
}
