/* SPDX-License-Identifier: MIT */
#include "core/base/clock.h"
#include "core/queue/queue_private.h"

static char *
time_text(int64_t unix_ms)
{
    char text[WN_DATE_MAX];

    wn_clock_iso8601(unix_ms, text);
    return g_strdup(text);
}

static char *
due_text(const WnParcel *parcel)
{
    return time_text(wn_clock_unix_ms() + parcel->due_ms - wn_clock_mono_ms());
}

static WnWait
explain_stalled(const WnQueue *self)
{
    if (self->snapshot == NULL)
        return (WnWait){ g_strdup("the settings of the domains"),
            g_strdup("the first snapshot: winnowctl sync") };
    return (WnWait){ g_strdup("its domain is suspended"),
        g_strdup("status = ready for the domain") };
}

static WnWait
explain_waiting(const WnParcel *parcel, const char *id)
{
    g_autofree char *due = due_text(parcel);

    if (parcel->destination == NULL)
        return (WnWait){ g_strdup_printf("its next attempt, %s", due),
            g_strdup_printf("the time, or winnowctl queue retry %s", id) };
    return (WnWait){
        g_strdup_printf("a server that can be reached; it is tried %s at the "
                        "latest",
            due),
        g_strdup_printf("a server that answers, which is tried every few "
                        "seconds, or winnowctl queue retry %s",
            id)
    };
}

static WnWait
explain_ready(const WnParcel *parcel)
{
    GString *text = g_string_new("its turn");

    if (parcel->destination != NULL) {
        g_string_append(text, ": ");
        wn_destination_describe(parcel->destination, text);
    }
    return (
        WnWait){ g_string_free(text, FALSE), g_strdup("nothing is needed") };
}

/* What is in the schedule expires. */
static char *
held_text(const WnParcel *parcel)
{
    g_autofree char *until = NULL;

    if (parcel->heap_position == 0)
        return g_strdup("it is held");
    until = due_text(parcel);
    return g_strdup_printf("it is held until %s, then it expires: the server "
                           "refuses it, and a filter had caught it",
        until);
}

static WnWait
explain_held(const WnParcel *parcel, const char *id)
{
    if (parcel->message->damage == NULL)
        return (WnWait){ held_text(parcel),
            g_strdup_printf("winnowctl queue release %s", id) };
    return (WnWait){ g_strdup_printf("somebody who looks at it: %s",
                         parcel->message->damage),
        g_strdup_printf("winnowctl queue bounce %s or delete %s", id, id) };
}

WnWait
wn_queue_explain(const WnQueue *self, const WnParcel *parcel)
{
    char id[WN_ID_TEXT_LEN + 1];

    wn_id_format(&parcel->message->id, id);
    switch (parcel->state) {
    case WN_PARCEL_STALLED:
        return explain_stalled(self);
    case WN_PARCEL_WAITING:
        return explain_waiting(parcel, id);
    case WN_PARCEL_READY:
        return explain_ready(parcel);
    case WN_PARCEL_HELD:
        return explain_held(parcel, id);
    case WN_PARCEL_SENDING:
        return (WnWait){ g_strdup("the answer of a server"),
            g_strdup("nothing is needed") };
    case WN_PARCEL_REPORTING:
        break;
    }
    return (WnWait){ g_strdup("the report about it to be stored"),
        g_strdup("nothing is needed") };
}

void
wn_wait_clear(WnWait *self)
{
    g_clear_pointer(&self->what, g_free);
    g_clear_pointer(&self->release, g_free);
}

char *
wn_queue_lenient_note(const WnQueue *self, const WnParcel *parcel)
{
    int64_t until = wn_lenient_until(self->lenient, parcel->domain);

    return until != 0 ? time_text(until * 1000) : NULL;
}

bool
wn_queue_set_lenient(WnQueue *self, const char *domain, int64_t for_ms,
    GError **error)
{
    g_autofree char *lower = g_ascii_strdown(domain, -1);
    int64_t until = for_ms > 0 ? wn_clock_unix() + for_ms / 1000 : 0;
    g_autofree char *text = time_text(until * 1000);
    WnEvent event;

    if (!wn_lenient_set(self->lenient, lower, until, error))
        return false;
    wn_queue_apply_lenient(self);
    wn_event_begin(&event, WN_LEVEL_WARNING, "lenient");
    wn_event_str(&event, "domain", lower);
    wn_event_str(&event, "until", until != 0 ? text : NULL);
    wn_event_end(&event);
    return true;
}

void
wn_queue_list_lenient(const WnQueue *self, WnQueueFormat format, GString *out)
{
    g_autoptr(GPtrArray) domains = wn_lenient_domains(self->lenient);

    for (guint i = 0; i < domains->len; i++) {
        const char *domain = domains->pdata[i];
        g_autofree char *until = time_text(
            wn_lenient_until(self->lenient, domain) * 1000);
        WnJson json;

        if (format == WN_QUEUE_TEXT) {
            g_string_append_printf(out, "%s  until %s\n", domain, until);
            continue;
        }
        wn_json_init(&json, out);
        wn_json_open_object(&json, NULL);
        wn_json_str(&json, "domain", domain);
        wn_json_str(&json, "until", until);
        wn_json_close_object(&json);
        g_string_append_c(out, '\n');
    }
}

bool
wn_queue_has_domain(const WnQueue *self, const char *domain)
{
    g_autofree char *lower = g_ascii_strdown(domain, -1);
    WnDomain found;

    return self->snapshot != NULL
           && wn_snapshot_domain(self->snapshot, wn_span_str(lower), &found);
}
