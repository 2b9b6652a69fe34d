/* SPDX-License-Identifier: MIT */
#include "core/programs/queue_commands.h"

#include "core/base/text.h"

typedef struct Words {
    const char *command;
    const char *domain;
    const char *state;
    bool json;
    bool message;
    GPtrArray *texts; /* words that are no options */
    GArray *ids;      /* WnId, of those */
    char *problem;    /* NULL: none */
} Words;

static const char *const states[] = { "waiting", "ready", "sending", "held",
    NULL };

/* An empty one would mean any. */
static const char *
take_value(Words *out, const char *const **at)
{
    const char *option = **at;
    const char *value = (*at)[1];

    if (value == NULL || *value == '\0' || *value == '-') {
        if (out->problem == NULL)
            out->problem = g_strdup_printf("%s: a value is missing", option);
        return NULL;
    }
    (*at)++;
    return value;
}

static void
take_state(Words *out, const char *const **at)
{
    out->state = take_value(out, at);
    if (out->state != NULL && !g_strv_contains(states, out->state)
        && out->problem == NULL)
        out->problem = g_strdup_printf("\"%s\" is no state: waiting, ready, "
                                       "sending or held",
            out->state);
}

static void
parse_words(const char *const *words, Words *out)
{
    *out = (Words){ .command = words[0] != NULL ? words[0] : "",
        .texts = g_ptr_array_new(),
        .ids = g_array_new(FALSE, FALSE, sizeof(WnId)) };
    for (const char *const *at = words + (words[0] != NULL); *at != NULL;
         at++) {
        if (strcmp(*at, "--json") == 0)
            out->json = true;
        else if (strcmp(*at, "--message") == 0)
            out->message = true;
        else if (strcmp(*at, "--domain") == 0)
            out->domain = take_value(out, &at);
        else if (strcmp(*at, "--state") == 0)
            take_state(out, &at);
        else if ((*at)[0] != '-')
            g_ptr_array_add(out->texts, (char *)(uintptr_t)*at);
        else if (out->problem == NULL)
            out->problem = g_strdup_printf("unknown option \"%s\"", *at);
    }
}

static void
words_clear(Words *self)
{
    g_ptr_array_unref(self->texts);
    g_array_unref(self->ids);
    g_free(self->problem);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Words, words_clear)

/* All of them, before anything is done. */
static bool
parse_ids(Words *words, GString *out)
{
    for (guint i = 0; i < words->texts->len; i++) {
        const char *text = words->texts->pdata[i];
        WnId id;

        if (!wn_id_parse(wn_span_str(text), &id)) {
            g_string_append_printf(out,
                "\"%.64s\" is not an id; nothing was done\n", text);
            return false;
        }
        g_array_append_val(words->ids, id);
    }
    return true;
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

/* An answer that is made piece by piece. */
typedef struct Answer {
    WnControlCall *call;
    char *command;
} Answer;

static Answer *
answer_new(WnControlCall *call, const char *command)
{
    Answer *self = g_new0(Answer, 1);

    self->call = call;
    self->command = g_strdup(command);
    return self;
}

static void
answer_give(Answer *self, WnExit exit, GString *take_text)
{
    wn_control_answer(self->call, exit, take_text);
    g_free(self->command);
    g_free(self);
}

static bool
on_listed(void *user, GString *text)
{
    return wn_control_write(((Answer *)user)->call, WN_EXIT_OK, text);
}

static void
on_list_done(void *user, const WnQueueTally *tally)
{
    (void)tally;
    answer_give(user, WN_EXIT_OK, g_string_new(NULL));
}

static const WnQueueJobHandler list_handler = { on_listed, on_list_done };

static WnQueueFormat
format(const Words *words)
{
    return words->json ? WN_QUEUE_JSON : WN_QUEUE_TEXT;
}

static WnExit
show_message(WnQueue *queue, const Words *words, const WnId *id, GString *out)
{
    g_autoptr(GError) error = NULL;

    if (wn_queue_show_message(queue, id, out, &error))
        return WN_EXIT_OK;
    g_string_append_printf(out, "%s: %s\n", (char *)words->texts->pdata[0],
        error->message);
    return WN_EXIT_NO;
}

static WnExit
show(WnQueue *queue, Words *words, GString *out)
{
    WnQueueFilter filter = { 0 };

    if (words->texts->len != 1)
        return usage(out);
    if (!parse_ids(words, out))
        return WN_EXIT_NO;
    filter.id = &g_array_index(words->ids, WnId, 0);
    if (words->message)
        return show_message(queue, words, filter.id, out);
    wn_queue_list(queue, &filter, format(words), out);
    if (out->len > 0)
        return WN_EXIT_OK;
    g_string_append_printf(out, "%s is not in the queue\n",
        (char *)words->texts->pdata[0]);
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

static void
say_why_not(const WnQueueTally *tally, GString *out)
{
    static const char *const why[WN_QUEUE_APPLIED_MAX] = {
        [WN_QUEUE_IS_SENT] = "being sent at this moment: cannot be called back",
        [WN_QUEUE_IS_REPORTED] = "a report about it is being stored",
        [WN_QUEUE_IS_HELD] = "held: see release",
        [WN_QUEUE_IS_NOT_HELD] = "not held",
        [WN_QUEUE_IS_STALLED] = "the domain is suspended or not known yet: "
                                "nothing is tried",
        [WN_QUEUE_IS_DAMAGED] = "damaged: its envelope cannot be read, so "
                                "nobody knows whom to send it or to tell",
        [WN_QUEUE_IS_FORWARDED] = "forwarded by a filter: its sender is not "
                                  "told, so release or delete it",
    };

    for (size_t i = WN_QUEUE_DONE + 1; i < WN_QUEUE_APPLIED_MAX; i++)
        if (tally->n[i] > 0)
            g_string_append_printf(out, "not done for %u recipient%s: %s\n",
                tally->n[i], tally->n[i] == 1 ? "" : "s", why[i]);
}

static WnExit
say_tally(const char *command, const WnQueueTally *tally, GString *out)
{
    unsigned n = tally->n[WN_QUEUE_DONE];
    gsize before = out->len;

    say_why_not(tally, out);
    if (n == 0 && out->len == before)
        g_string_append_printf(out, "%s: nothing in the queue fits\n", command);
    if (n == 0)
        return WN_EXIT_NO;
    g_string_append_printf(out, "%s: %u recipient%s\n", command, n,
        n == 1 ? "" : "s");
    return WN_EXIT_OK;
}

static void
on_command_done(void *user, const WnQueueTally *tally)
{
    Answer *self = user;
    GString *out = g_string_new(NULL);
    WnExit exit = say_tally(self->command, tally, out);

    answer_give(self, exit, out);
}

static const WnQueueJobHandler command_handler = { NULL, on_command_done };

static WnExit
apply_to_ids(WnQueue *queue, WnQueueCommand command, const Words *words,
    GString *out)
{
    WnQueueTally tally = { { 0 } };

    for (guint i = 0; i < words->ids->len; i++) {
        WnQueueFilter filter = { .id = &g_array_index(words->ids, WnId, i),
            .domain = words->domain,
            .state = words->state };
        WnQueueTally one = { { 0 } };
        unsigned n = 0;

        wn_queue_command(queue, command, &filter, &one);
        for (size_t k = 0; k < WN_QUEUE_APPLIED_MAX; k++) {
            tally.n[k] += one.n[k];
            n += one.n[k];
        }
        if (n == 0)
            g_string_append_printf(out, "%s: nothing in the queue fits\n",
                (char *)words->texts->pdata[i]);
    }
    return say_tally(words->command, &tally, out);
}

/* Never on everything at once: ids or a domain must be named.  False: the
 * answer comes later. */
static bool
apply(WnQueue *queue, WnQueueCommand command, Words *words, WnControlCall *call,
    WnExit *out_exit, GString *out)
{
    WnQueueFilter filter = { .domain = words->domain, .state = words->state };

    if (words->texts->len == 0 && words->domain == NULL) {
        *out_exit = usage(out);
    } else if (words->texts->len > 0) {
        *out_exit = parse_ids(words, out)
                        ? apply_to_ids(queue, command, words, out)
                        : WN_EXIT_NO;
    } else {
        wn_queue_command_all(queue, command, &filter, &command_handler,
            answer_new(call, words->command));
        return false;
    }
    return true;
}

/* The server was installed anew and refuses everybody. */
static WnExit
lenient(WnQueue *queue, const Words *words, GString *out)
{
    g_autoptr(GError) error = NULL;
    const char *domain, *text;
    int64_t for_ms = 0;

    if (words->texts->len == 0) {
        wn_queue_list_lenient(queue, format(words), out);
        return WN_EXIT_OK;
    }
    if (words->texts->len != 2)
        return usage(out);
    domain = words->texts->pdata[0];
    text = words->texts->pdata[1];
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

/* NULL: no such command. */
static const WnQueueCommand *
find_command(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i].command;
    return NULL;
}

void
wn_queue_run_command(WnQueue *queue, const char *const *words,
    WnControlCall *call)
{
    GString *out = g_string_new(NULL);
    g_auto(Words) parsed;
    const WnQueueCommand *command;
    WnExit exit = WN_EXIT_USAGE;

    parse_words(words, &parsed);
    command = find_command(parsed.command);
    if (parsed.problem != NULL) {
        g_string_append_printf(out, "%s\n", parsed.problem);
        usage(out);
    } else if (strcmp(parsed.command, "list") == 0 && parsed.texts->len == 0) {
        WnQueueFilter filter = { .domain = parsed.domain,
            .state = parsed.state };

        wn_queue_list_all(queue, &filter, format(&parsed), &list_handler,
            answer_new(call, parsed.command));
        call = NULL;
    } else if (strcmp(parsed.command, "show") == 0) {
        exit = show(queue, &parsed, out);
    } else if (strcmp(parsed.command, "lenient") == 0) {
        exit = lenient(queue, &parsed, out);
    } else if (command == NULL) {
        usage(out);
    } else if (!apply(queue, *command, &parsed, call, &exit, out)) {
        call = NULL;
    }
    if (call != NULL)
        wn_control_answer(call, exit, out);
    else
        g_string_free(out, TRUE);
}
