/* SPDX-License-Identifier: MIT */
#include "core/queue/parcel.h"

#include <errno.h>

/* The last bytes are random. */
static guint
id_hash(gconstpointer key)
{
    guint hash;

    memcpy(&hash, ((const WnId *)key)->bytes + sizeof(WnId) - sizeof hash,
        sizeof hash);
    return hash;
}

static gboolean
id_equal(gconstpointer a, gconstpointer b)
{
    return wn_id_eq(a, b);
}

static void
index_add(WnQueuedList *list, WnQueued *message)
{
    if (list->by_id == NULL)
        list->by_id = g_hash_table_new(id_hash, id_equal);
    message->same_id = g_hash_table_lookup(list->by_id, &message->id);
    g_hash_table_replace(list->by_id, &message->id, message);
}

static void
index_remove(WnQueuedList *list, const WnQueued *message)
{
    WnQueued *first = g_hash_table_lookup(list->by_id, &message->id);

    if (first != message) {
        while (first->same_id != message)
            first = first->same_id;
        first->same_id = message->same_id;
    } else if (message->same_id != NULL) {
        g_hash_table_replace(list->by_id, &message->same_id->id,
            message->same_id);
    } else {
        g_hash_table_remove(list->by_id, &message->id);
    }
}

WnQueued *
wn_queued_find(const WnQueuedList *list, const WnId *id)
{
    return list->by_id != NULL ? g_hash_table_lookup(list->by_id, id) : NULL;
}

void
wn_queued_list_clear(WnQueuedList *self)
{
    g_assert(self->head == NULL);
    g_clear_pointer(&self->by_id, g_hash_table_unref);
}

bool
wn_queued_read(const WnQueued *self, WnSpoolCheck check, WnSpoolContent *out,
    GError **error)
{
    bool good = wn_spool_read(&self->record, check, out, error);

    if (!good || !self->is_husk)
        return good;
    g_set_error(error, WN_JOURNAL_ERROR, EBADMSG, "%s", self->damage);
    return false;
}

WnQueued *
wn_queued_new(WnQueuedList *list, const WnSpoolFound *found)
{
    WnQueued *self = g_new0(WnQueued, 1);

    self->record = found->record;
    self->id = found->id;
    self->body_len = found->body_len;
    self->damage = found->damage;
    self->is_husk = found->envelope == NULL;
    self->arrived_ms = wn_id_time_ms(&found->id);
    if (found->envelope != NULL) {
        self->arrived_ms = found->envelope->arrived_ms;
        self->is_dsn = found->envelope->flags & WN_ENVELOPE_DSN;
    }
    wn_spool_record_hold(&self->record);
    self->list = list;
    self->previous = list->tail;
    if (list->tail != NULL)
        list->tail->next = self;
    else
        list->head = self;
    list->tail = self;
    list->n_messages++;
    list->n_bytes += self->body_len;
    index_add(list, self);
    return self;
}

void
wn_queued_hold(WnQueued *self)
{
    self->n_holds++;
}

static void
queued_free(WnQueued *self)
{
    WnQueuedList *list = self->list;

    if (self->previous != NULL)
        self->previous->next = self->next;
    else
        list->head = self->next;
    if (self->next != NULL)
        self->next->previous = self->previous;
    else
        list->tail = self->previous;
    list->n_messages--;
    list->n_bytes -= self->body_len;
    index_remove(list, self);
    wn_spool_record_drop(&self->record);
    g_free(self);
}

void
wn_queued_drop(WnQueued *self)
{
    g_assert(self->n_holds > 0);
    self->n_holds--;
    if (self->n_holds == 0)
        queued_free(self);
}

WnParcel *
wn_parcel_new(WnQueued *message, uint32_t n_recipients)
{
    WnParcel *self = g_malloc0(
        sizeof(WnParcel) + n_recipients * sizeof(WnParcelRecipient));

    self->message = message;
    self->n_recipients = n_recipients;
    self->avoid = -1;
    self->sibling = message->parcels;
    message->parcels = self;
    wn_queued_hold(message);
    return self;
}

void
wn_parcel_free(WnParcel *self)
{
    WnParcel **link = &self->message->parcels;

    g_assert(self->heap_position == 0);
    while (*link != self)
        link = &(*link)->sibling;
    *link = self->sibling;
    wn_parcel_unline(self);
    for (uint32_t i = 0; i < self->n_recipients; i++)
        g_clear_pointer(&self->recipients[i].reply, g_ref_string_release);
    g_clear_pointer(&self->domain, g_ref_string_release);
    wn_queued_drop(self->message);
    g_free(self);
}

void
wn_parcel_set_reply(WnParcel *self, uint32_t recipient, const char *reply)
{
    WnParcelRecipient *to = &self->recipients[recipient];

    g_clear_pointer(&to->reply, g_ref_string_release);
    if (reply != NULL)
        to->reply = g_ref_string_new_intern(reply);
}

uint32_t
wn_parcel_rule_out(WnParcel *self, uint32_t target, uint32_t server_bit)
{
    uint32_t seen = 0;
    uint32_t all = 0;

    for (uint32_t i = 0; i < self->n_recipients; i++) {
        WnParcelRecipient *to = &self->recipients[i];

        seen += i > 0 && to->target != self->recipients[i - 1].target;
        if (seen != target)
            continue;
        to->ruled_out |= server_bit;
        all = to->ruled_out;
    }
    return all;
}

void
wn_parcel_forget_servers(WnParcel *self)
{
    self->avoid = -1;
    self->unfit = 0;
    self->deferring = 0;
    for (uint32_t i = 0; i < self->n_recipients; i++)
        self->recipients[i].ruled_out = 0;
}

void
wn_parcel_new_attempt(WnParcel *self)
{
    wn_parcel_forget_servers(self);
    self->n_lost = 0;
    for (uint32_t i = 0; i < self->n_recipients; i++)
        self->recipients[i].result = WN_RESULT_NONE;
}

void
wn_parcel_drop_settled(WnParcel *self)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < self->n_recipients; i++) {
        if (self->recipients[i].result == WN_RESULT_SETTLED)
            g_clear_pointer(&self->recipients[i].reply, g_ref_string_release);
        else
            self->recipients[n++] = self->recipients[i];
    }
    self->n_recipients = n;
}

WnParcel *
wn_parcel_split(WnParcel *self, WnParcelResult result)
{
    WnParcel *other;
    uint32_t n = 0;
    uint32_t left = 0;

    for (uint32_t i = 0; i < self->n_recipients; i++)
        n += self->recipients[i].result == result;
    if (n == 0)
        return NULL;
    other = wn_parcel_new(self->message, n);
    if (self->domain != NULL)
        other->domain = g_ref_string_acquire(self->domain);
    other->scope = self->scope;
    other->attempts = self->attempts;
    other->state = self->state;
    other->destination = self->destination;
    other->redirected = self->redirected;
    other->caught = self->caught;
    other->delay_noted = self->delay_noted;
    other->avoid = self->avoid;
    other->unfit = self->unfit;
    other->deferring = self->deferring;
    other->n_lost = self->n_lost;
    n = 0;
    for (uint32_t i = 0; i < self->n_recipients; i++) {
        if (self->recipients[i].result == result)
            other->recipients[n++] = self->recipients[i];
        else
            self->recipients[left++] = self->recipients[i];
    }
    self->n_recipients = left;
    return other;
}

void
wn_parcel_line_push(WnParcelLine *self, WnParcel *parcel)
{
    g_assert(parcel->line == NULL);
    parcel->line = self;
    parcel->next = NULL;
    parcel->previous = self->tail;
    if (self->tail != NULL)
        self->tail->next = parcel;
    else
        self->head = parcel;
    self->tail = parcel;
    self->n++;
}

void
wn_parcel_line_push_front(WnParcelLine *self, WnParcel *parcel)
{
    g_assert(parcel->line == NULL);
    parcel->line = self;
    parcel->previous = NULL;
    parcel->next = self->head;
    if (self->head != NULL)
        self->head->previous = parcel;
    else
        self->tail = parcel;
    self->head = parcel;
    self->n++;
}

void
wn_parcel_unline(WnParcel *parcel)
{
    WnParcelLine *line = parcel->line;

    if (line == NULL)
        return;
    if (parcel->previous != NULL)
        parcel->previous->next = parcel->next;
    else
        line->head = parcel->next;
    if (parcel->next != NULL)
        parcel->next->previous = parcel->previous;
    else
        line->tail = parcel->previous;
    line->n--;
    parcel->line = NULL;
    parcel->previous = NULL;
    parcel->next = NULL;
}
