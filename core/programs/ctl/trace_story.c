/* SPDX-License-Identifier: MIT */
#include "core/programs/ctl/trace.h"

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/text.h"

#include <stdio.h>

typedef struct Story {
    const Trace *trace;
    GPtrArray *connections; /* TraceEvent: the first of each id that knows */
    GHashTable *ids;        /* of those (set) */
    GString *out;
} Story;

/* What an event means.  %r is its recipient, left out where there is none. */
typedef struct Meaning {
    const char *event;
    const char *text;
} Meaning;

static const Meaning meanings[] = {
    { "connect", "connected" },
    { "disconnect", "the connection ended" },
    { "verdict", "the filters have decided" },
    { "rejected_rcpt", "recipient refused: %r" },
    { "accepted", "accepted" },
    { "rejected", "message refused" },
    { "tempfailed", "message turned away for now" },
    { "deleted", "deleted: %r" },
    { "delivered", "delivered: %r" },
    { "deferred", "not delivered yet: %r" },
    { "asked_again", "not taken yet, another attempt at once: %r" },
    { "attempt_failed", "the last attempt has failed: %r" },
    { "bounced", "failed for good: %r" },
    { "expired", "given up, it is too old: %r" },
    { "delay_noted", "the sender was told of the delay: %r" },
    { "held", "held: %r" },
    { "released", "released: %r" },
    { "retried", "to be tried at once: %r" },
    { "dsn", "report made for the sender: %r" },
    { "damaged", "damaged in the spool, set aside" },
    { "plugin", "a filter remarks" },
    { "plugin_fault", "a filter failed" },
};

/* Those that are told elsewhere: in the head, with the connection, or as one
 * sentence. */
static const char *const told[] = { "time", "level", "event", "id", "program",
    "pid", "code", "enhanced", "reply", "session_ms", "n_recipients" };
static const char *const of_connection[] = { "client", "helo", "tls",
    "cipher" };

static bool
is_among(const char *key, const char *const *keys, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(keys[i], key) == 0)
            return true;
    return false;
}

static const char *
get(const TraceEvent *event, const char *key)
{
    return wn_log_line_get(event->line, key);
}

/* As the log has it: one line of printable text, whatever a client sent. */
static void
put_value(GString *out, const char *value)
{
    WnSpan rest = wn_span_str(value);

    while (rest.len > 0) {
        uint32_t code = 0;
        size_t len = wn_text_utf8_next(rest, &code);

        if (len > 0 && wn_text_is_printable(code))
            g_string_append_len(out, rest.ptr, (gssize)len);
        else
            for (size_t i = 0; i < MAX(len, 1); i++)
                g_string_append_printf(out, "\\x%02x", (uint8_t)rest.ptr[i]);
        rest = wn_span_slice(rest, MAX(len, 1), rest.len);
    }
}

static void
put_time(GString *out, const char *time)
{
    g_autofree char *text = g_strdelimit(g_strdup(time), "T", ' ');

    put_value(out, text);
}

static void
put_detail(GString *out, const char *key, const char *value)
{
    g_autofree char *label = g_strdelimit(g_strdup(key), "_", ' ');
    gsize start = out->len + 4;

    g_string_append(out, "    ");
    put_value(out, label);
    for (gsize n = out->len - start; n < 12; n++)
        g_string_append_c(out, ' ');
    g_string_append_c(out, ' ');
    put_value(out, value[0] != '\0' ? value : "<>");
    g_string_append_c(out, '\n');
}

/* ": 550 5.7.1 text"; a server's reply has its code in it. */
static void
put_reply(GString *out, const TraceEvent *event)
{
    static const char *const parts[] = { "code", "enhanced", "reply" };
    const char *before = ": ";

    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        const char *value = get(event, parts[i]);

        if (value == NULL)
            continue;
        g_string_append(out, before);
        put_value(out, value);
        before = " ";
    }
    if (strcmp(get(event, "event"), "accepted") == 0) {
        const char *id = get(event, "id");

        g_string_append(out, ": 250 2.0.0 queued as ");
        put_value(out, id != NULL ? id : "");
    }
}

static void
put_meaning(GString *out, const TraceEvent *event)
{
    const char *name = get(event, "event");
    const char *recipient = get(event, "recipient");
    const char *text = NULL;
    const char *place;

    for (size_t i = 0; i < G_N_ELEMENTS(meanings) && text == NULL; i++)
        if (strcmp(meanings[i].event, name) == 0)
            text = meanings[i].text;
    if (text == NULL) {
        put_value(out, name);
        return;
    }
    place = strstr(text, ": %r");
    g_string_append_len(out, text,
        place != NULL ? place - text : (gssize)strlen(text));
    if (place == NULL || recipient == NULL)
        return;
    g_string_append(out, ": ");
    put_value(out, recipient[0] != '\0' ? recipient : "<>");
}

/* "filters.0.rule" is a "rule" of "filters.0." */
static const char *
member_of(const char *key, const char *prefix)
{
    size_t len = strlen(prefix);

    return strncmp(key, prefix, len) == 0 ? key + len : NULL;
}

static const char *
get_member(const TraceEvent *event, const char *prefix, const char *member)
{
    g_autofree char *key = g_strconcat(prefix, member, NULL);

    return get(event, key);
}

static void
put_filter(GString *out, const TraceEvent *event, const char *prefix)
{
    static const char *const members[] = { "rule", "evidence", "reason",
        "action" };
    const char *usec = get_member(event, prefix, "usec");
    const char *name = get_member(event, prefix, "filter");
    const char *verdict = get_member(event, prefix, "verdict");

    g_string_append(out, "    filter       ");
    put_value(out, name != NULL ? name : "");
    g_string_append(out, ": ");
    put_value(out, verdict != NULL ? verdict : "");
    for (size_t i = 0; i < G_N_ELEMENTS(members); i++) {
        const char *value = get_member(event, prefix, members[i]);

        if (value == NULL)
            continue;
        g_string_append_printf(out, ", %s ", members[i]);
        put_value(out, value);
    }
    if (usec != NULL) {
        g_string_append(out, ", ");
        put_value(out, usec);
        g_string_append(out, " us");
    }
    g_string_append_c(out, '\n');
}

/* The first member of each element stands for all of them. */
static void
put_listed(GString *out, const TraceEvent *event, const WnLogField *field)
{
    const char *member = strrchr(field->key, '.') + 1;

    if (member_of(field->key, "filters.") == NULL) {
        put_detail(out, member, field->value);
    } else if (strcmp(member, "filter") == 0) {
        g_autofree char *prefix = g_strndup(field->key,
            (gsize)(member - field->key));

        put_filter(out, event, prefix);
    }
}

static bool
tells_recipient(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(meanings); i++)
        if (strcmp(meanings[i].event, name) == 0)
            return strstr(meanings[i].text, "%r") != NULL;
    return false;
}

/* In the sentence, with the connection, or as the first of a list. */
static bool
is_told(const Story *self, const TraceEvent *event, const char *key)
{
    const char *id = get(event, "id");

    if (is_among(key, told, G_N_ELEMENTS(told)))
        return true;
    if (is_among(key, of_connection, G_N_ELEMENTS(of_connection)))
        return id != NULL && g_hash_table_contains(self->ids, id)
               && g_strcmp0(get(event, "program"), "winnow-smtp") == 0;
    return strcmp(key, "recipient") == 0
           && (tells_recipient(get(event, "event"))
               || get(event, "recipients.0.recipient") != NULL);
}

static void
put_details(const Story *self, const TraceEvent *event)
{
    const GArray *fields = wn_log_line_fields(event->line);
    const char *n_recipients = get(event, "n_recipients");

    for (guint i = 0; i < fields->len; i++) {
        const WnLogField *field = &g_array_index(fields, WnLogField, i);

        if (strchr(field->key, '.') != NULL)
            put_listed(self->out, event, field);
        else if (!is_told(self, event, field->key))
            put_detail(self->out, field->key, field->value);
    }
    if (n_recipients != NULL && strcmp(n_recipients, "1") != 0)
        put_detail(self->out, "recipients", n_recipients);
}

/* The event's time less the milliseconds; NULL: one of them is none. */
static char *
earlier(const char *time, const char *ms)
{
    g_autoptr(GDateTime) at = g_date_time_new_from_iso8601(time, NULL);
    char text[WN_DATE_MAX];
    uint64_t before;

    if (at == NULL || !wn_span_to_u64(wn_span_str(ms), &before)
        || before > G_MAXINT32)
        return NULL;
    wn_clock_iso8601(g_date_time_to_unix(at) * 1000
                         + g_date_time_get_microsecond(at) / 1000
                         - (int64_t)before,
        text);
    return g_strdup(text);
}

/* Nothing with an id happens when a client connects; what does later tells of
 * it. */
static void
put_connection(GString *out, const TraceEvent *event)
{
    const char *ms = get(event, "session_ms");
    g_autofree char *time = ms != NULL ? earlier(event->time, ms) : NULL;

    if (time == NULL)
        return;
    put_time(out, time);
    g_string_append(out, "  connected\n");
    for (size_t i = 0; i < G_N_ELEMENTS(of_connection); i++)
        if (get(event, of_connection[i]) != NULL)
            put_detail(out, of_connection[i], get(event, of_connection[i]));
    if (get(event, "tls") == NULL)
        put_detail(out, "tls", "none");
}

static void
put_event(const Story *self, const TraceEvent *event)
{
    const char *id = get(event, "id");

    put_time(self->out, event->time);
    g_string_append(self->out, "  ");
    if (id != NULL && strcmp(id, self->trace->ids->pdata[0]) != 0) {
        put_value(self->out, id);
        g_string_append(self->out, ": ");
    }
    put_meaning(self->out, event);
    put_reply(self->out, event);
    g_string_append_c(self->out, '\n');
    put_details(self, event);
}

static void
find_connections(Story *self)
{
    const GPtrArray *events = self->trace->events;

    for (guint i = 0; i < events->len; i++) {
        TraceEvent *event = events->pdata[i];
        const char *id = get(event, "id");

        if (id != NULL && get(event, "session_ms") != NULL
            && g_hash_table_add(self->ids, g_strdup(id)))
            g_ptr_array_add(self->connections, event);
    }
}

void
trace_print_story(const Trace *self, GString *out)
{
    Story story = { .trace = self, .out = out };

    story.connections = g_ptr_array_new();
    story.ids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    find_connections(&story);
    g_string_append_printf(out, "message %s\n", (char *)self->ids->pdata[0]);
    for (guint i = 0; i < story.connections->len; i++)
        put_connection(out, story.connections->pdata[i]);
    for (guint i = 0; i < self->events->len; i++)
        put_event(&story, self->events->pdata[i]);
    if (self->more)
        g_string_append(out, "... and more events than can be shown\n");
    g_hash_table_unref(story.ids);
    g_ptr_array_unref(story.connections);
}

/*
 * JSON
 */

/* In text form a number looks like a word of digits. */
static bool
is_number(const WnLogField *field)
{
    static const char *const numbers[] = { "pid", "generation", "code",
        "n_recipients", "size", "ms", "session_ms", "usec", "attempts",
        "delay_ms", "recipients" };

    return field->kind == WN_LOG_NUMBER
           || (field->kind == WN_LOG_WORD
               && (is_among(field->key, numbers, G_N_ELEMENTS(numbers))
                   || g_str_has_suffix(field->key, ".usec")));
}

static bool
is_truth(const WnLogField *field)
{
    static const char *const truths[] = { "in_doubt", "held", "recovered",
        "truncated", "switched_off" };

    return field->kind == WN_LOG_TRUTH
           || (field->kind == WN_LOG_WORD
               && is_among(field->key, truths, G_N_ELEMENTS(truths)));
}

static void
write_field(WnJson *json, const char *key, const WnLogField *field)
{
    char *end = NULL;
    int64_t number = g_ascii_strtoll(field->value, &end, 10);

    if (is_number(field) && end > field->value && *end == '\0')
        wn_json_int(json, key, number);
    else if (is_truth(field))
        wn_json_bool(json, key, strcmp(field->value, "true") == 0);
    else
        wn_json_str(json, key, field->value);
}

/* Where a list of objects stands: "filters.0." */
typedef struct Place {
    char *list;    /* NULL: outside */
    char *element; /* its number */
} Place;

static void
leave(WnJson *json, Place *place)
{
    if (place->list == NULL)
        return;
    wn_json_close_object(json);
    wn_json_close_list(json);
    g_clear_pointer(&place->list, g_free);
    g_clear_pointer(&place->element, g_free);
}

static void
move_to(WnJson *json, Place *place, const char *list, const char *element)
{
    if (place->list != NULL && strcmp(place->list, list) != 0)
        leave(json, place);
    if (place->list == NULL) {
        wn_json_open_list(json, list);
        wn_json_open_object(json, NULL);
        place->list = g_strdup(list);
    } else if (strcmp(place->element, element) != 0) {
        wn_json_close_object(json);
        wn_json_open_object(json, NULL);
    }
    g_free(place->element);
    place->element = g_strdup(element);
}

static void
write_event(const TraceEvent *event, GString *out)
{
    const GArray *fields = wn_log_line_fields(event->line);
    Place place = { 0 };
    WnJson json;

    wn_json_init(&json, out);
    wn_json_open_object(&json, NULL);
    for (guint i = 0; i < fields->len; i++) {
        const WnLogField *field = &g_array_index(fields, WnLogField, i);
        g_auto(GStrv) parts = g_strsplit(field->key, ".", 3);

        if (g_strv_length(parts) < 3) {
            leave(&json, &place);
            write_field(&json, field->key, field);
        } else {
            move_to(&json, &place, parts[0], parts[1]);
            write_field(&json, parts[2], field);
        }
    }
    leave(&json, &place);
    wn_json_close_object(&json);
    g_string_append_c(out, '\n');
}

void
trace_print_json(const Trace *self, GString *out)
{
    for (guint i = 0; i < self->events->len; i++)
        write_event(self->events->pdata[i], out);
}
