/* SPDX-License-Identifier: MIT */
#include "core/programs/queue_commands.h"

#include "core/base/text.h"

#define LIST_MAX 100000

typedef struct Words {
    const char *command;
    const char *domain;
    const char *state;
    bool json;
    bool message;
    GPtrArray *ids;  /* text */
    const char *bad; /* a word that is none */
} Words;

static const char *
take_value(const char *const **at)
{
    if ((*at)[1] == NULL)
        return NULL;
    (*at)++;
    return **at;
}

static void
parse_words(const char *const *words, Words *out)
{
    *out = (Words){ .command = words[0] != NULL ? words[0] : "",
        .ids = g_ptr_array_new() };
    for (const char *const *at = words + (words[0] != NULL); *at != NULL;
         at++) {
        if (strcmp(*at, "--json") == 0)
            out->json = true;
        else if (strcmp(*at, "--message") == 0)
            out->message = true;
        else if (strcmp(*at, "--domain") == 0)
            out->domain = take_value(&at);
        else if (strcmp(*at, "--state") == 0)
            out->state = take_value(&at);
        else if ((*at)[0] == '-')
            out->bad = *at;
        else
            g_ptr_array_add(out->ids, (char *)(uintptr_t)*at);
    }
}

static WnExit
usage(GString *out)
{
    g_string_append(out,
        "usage: winnowctl queue list [--domain D] [--state S]\n"
        "       winnowctl queue show ID [--message]\n"
        "       winnowctl queue retry|hold|release|delete|bounce ID... | "
        "--domain D\n"
        "       winnowctl queue lenient [DOMAIN DURATION|off]\n");
    return WN_EXIT_USAGE;
}

static WnExit
list(WnQueue *queue, const Words *words, const WnQueueFilter *filter,
    GString *out)
{
    wn_queue_list(queue, filter, words->json ? WN_QUEUE_JSON : WN_QUEUE_TEXT,
        LIST_MAX, out);
    return WN_EXIT_OK;
}

static bool
parse_id(const char *text, WnId *out_id, GString *out)
{
    if (wn_id_parse(wn_span_str(text), out_id))
        return true;
    g_string_append_printf(out, "\"%s\" is not an id\n", text);
    return false;
}

static WnExit
show(WnQueue *queue, const Words *words, GString *out)
{
    gsize before = out->len;
    WnQueueFilter filter = { 0 };
    WnId id;

    if (words->ids->len != 1)
        return usage(out);
    if (!parse_id(words->ids->pdata[0], &id, out))
        return WN_EXIT_NO;
    filter.id = &id;
    if (words->message && wn_queue_show_message(queue, &id, out))
        return WN_EXIT_OK;
    if (!words->message)
        list(queue, words, &filter, out);
    if (out->len > before)
        return WN_EXIT_OK;
    g_string_append_printf(out, "%s is not in the queue\n",
        (char *)words->ids->pdata[0]);
    return WN_EXIT_NO;
}

static const struct {
    const char *name;
    WnQueueCommand command;
} commands[] = {
    { "retry", WN_QUEUE_RETRY },
    { "hold", WN_QUEUE_HOLD },
    { "release", WN_QUEUE_RELEASE },
    { "delete", WN_QUEUE_DELETE },
    { "bounce", WN_QUEUE_BOUNCE },
};

/* Never on everything at once: ids or a domain must be named. */
static WnExit
apply(WnQueue *queue, WnQueueCommand command, const Words *words, GString *out)
{
    unsigned n = 0;

    if (words->ids->len == 0 && words->domain == NULL)
        return usage(out);
    if (words->ids->len == 0) {
        WnQueueFilter filter = { .domain = words->domain,
            .state = words->state };

        n = wn_queue_command(queue, command, &filter);
    }
    for (guint i = 0; i < words->ids->len; i++) {
        WnQueueFilter filter = { .domain = words->domain,
            .state = words->state };
        WnId id;

        if (!parse_id(words->ids->pdata[i], &id, out))
            return WN_EXIT_NO;
        filter.id = &id;
        n += wn_queue_command(queue, command, &filter);
    }
    if (n == 0) {
        g_string_append_printf(out, "%s: nothing in the queue fits\n",
            words->command);
        return WN_EXIT_NO;
    }
    g_string_append_printf(out, "%s: %u recipient%s\n", words->command, n,
        n == 1 ? "" : "s");
    return WN_EXIT_OK;
}

/* The server was installed anew and refuses everybody. */
static WnExit
lenient(WnQueue *queue, const Words *words, GString *out)
{
    g_autoptr(GError) error = NULL;
    const char *domain, *text;
    int64_t for_ms = 0;

    if (words->ids->len == 0) {
        wn_queue_list_lenient(queue,
            words->json ? WN_QUEUE_JSON : WN_QUEUE_TEXT, out);
        return WN_EXIT_OK;
    }
    if (words->ids->len != 2)
        return usage(out);
    domain = words->ids->pdata[0];
    text = words->ids->pdata[1];
    if (strcmp(text, "off") != 0
        && (!wn_text_to_duration_ms(wn_span_str(text), &for_ms) || for_ms < 1000
            || for_ms > WN_QUEUE_LENIENT_MAX_MS)) {
        g_string_append_printf(out,
            "\"%s\": expected a duration of at most 7 days, like 12h, or off\n",
            text);
        return WN_EXIT_USAGE;
    }
    if (!wn_queue_has_domain(queue, domain)) {
        g_string_append_printf(out, "%s: no such domain\n", domain);
        return WN_EXIT_NO;
    }
    if (wn_queue_set_lenient(queue, domain, for_ms, &error)) {
        g_string_append_printf(out, "lenient: %s %s\n", domain, text);
        return WN_EXIT_OK;
    }
    g_string_append_printf(out, "%s\n", error->message);
    return WN_EXIT_NO;
}

WnExit
wn_queue_run_command(WnQueue *queue, const char *const *words, GString *out)
{
    Words parsed;
    WnQueueFilter filter;
    WnExit answer;

    parse_words(words, &parsed);
    filter = (WnQueueFilter){ .domain = parsed.domain, .state = parsed.state };
    answer = WN_EXIT_USAGE;
    if (parsed.bad != NULL)
        usage(out);
    else if (strcmp(parsed.command, "list") == 0 && parsed.ids->len == 0)
        answer = list(queue, &parsed, &filter, out);
    else if (strcmp(parsed.command, "show") == 0)
        answer = show(queue, &parsed, out);
    else if (strcmp(parsed.command, "lenient") == 0)
        answer = lenient(queue, &parsed, out);
    else {
        size_t i = 0;

        while (i < G_N_ELEMENTS(commands)
               && strcmp(commands[i].name, parsed.command) != 0)
            i++;
        answer = i < G_N_ELEMENTS(commands)
                     ? apply(queue, commands[i].command, &parsed, out)
                     : usage(out);
    }
    g_ptr_array_unref(parsed.ids);
    return answer;
}
