/* SPDX-License-Identifier: MIT */

/*
 * winnowctl trace: what happened to a message, from connection to delivery.
 * Works without a daemon: the history is a file of the state folder.  Writes
 * nothing.
 */

#include "core/programs/ctl/trace.h"
#include "core/programs/ctl/ctl.h"

#include "core/base/id.h"

#include <stdio.h>

/* People paste what they were sent: the last id in "550 5.7.1 no [01K...]", in
 * small letters as well.  False: there is none. */
static bool
find_id(const char *text, char out[WN_ID_TEXT_LEN + 1])
{
    bool found = false;

    while (*text != '\0') {
        size_t len = 0;
        WnId id;

        while (g_ascii_isalnum(text[len]))
            len++;
        if (wn_id_parse(wn_span(text, len), &id)) {
            wn_id_format(&id, out);
            found = true;
        }
        text += MAX(len, 1);
    }
    return found;
}

static void
indent(const char *text, GString *out)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (unsigned i = 0; lines[i] != NULL; i++)
        if (lines[i][0] != '\0')
            g_string_append_printf(out, "    %s\n", lines[i]);
}

/* What winnow-queue says of the id; WN_EXIT_NO: it has no such message. */
static WnExit
ask_queue(const WnCtl *ctl, const WnConfig *config, const char *id,
    GString *out)
{
    const char *words[] = { "show", id, ctl->json ? "--json" : NULL, NULL };
    g_autofree char *path = g_build_filename(config->run,
        WN_QUEUE_CONTROL_SOCKET, NULL);
    g_autoptr(GString) text = g_string_new(NULL);
    WnExit answer = wn_control_ask(path, words, text);

    if (answer != WN_EXIT_OK)
        return answer;
    if (!ctl->json) {
        g_string_append_printf(out, "in the queue now: %s\n", id);
        indent(text->str, out);
    } else if (text->len > 0 && text->str[0] == '{') {
        g_string_append_printf(out, "{\"event\":\"queue\",%s", text->str + 1);
    }
    return answer;
}

/* True: the queue has one of them. */
static bool
add_queue(const WnCtl *ctl, const WnConfig *config, const Trace *trace,
    GString *out)
{
    bool found = false;

    for (guint i = 0; i < trace->ids->len; i++) {
        WnExit answer = ask_queue(ctl, config, trace->ids->pdata[i], out);

        if (answer == WN_EXIT_NOT_RUNNING) {
            if (!ctl->json && trace->events->len > 0)
                g_string_append(out, "no daemon runs: whether it is still in "
                                     "the queue is not known\n");
            return false;
        }
        found |= answer == WN_EXIT_OK;
    }
    return found;
}

static WnExit
say_unknown(const WnConfig *config, const Trace *trace, bool some_files)
{
    fprintf(stderr, "winnowctl: nothing is known of %s\n",
        (const char *)trace->ids->pdata[0]);
    if (trace->oldest != NULL)
        fprintf(stderr,
            "    the history reaches back to %s ([server] history is its "
            "size)\n",
            trace->oldest);
    else if (config->history == 0)
        fputs("    there is no history: [server] history = 0\n", stderr);
    else
        fputs("    the history is empty\n", stderr);
    fprintf(stderr,
        "    %s, for example: journalctl -u winnow -o cat | "
        "winnowctl trace ID -\n",
        some_files ? "older log files may know it"
                   : "log files may know it: give them as arguments");
    return WN_EXIT_NO;
}

static WnExit
tell(const WnCtl *ctl, const WnConfig *config, Trace *trace,
    const GPtrArray *paths)
{
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(GString) queued = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    bool good = trace_gather(trace, config->state, paths, &error);
    bool waits;

    if (!good)
        fprintf(stderr, "winnowctl: %s\n", error->message);
    waits = add_queue(ctl, config, trace, queued);
    if (trace->events->len == 0 && !waits)
        return good ? say_unknown(config, trace, paths->len > 0) : WN_EXIT_NO;
    if (ctl->json)
        trace_print_json(trace, out);
    else
        trace_print_story(trace, out);
    fputs(out->str, stdout);
    fputs(queued->str, stdout);
    return good ? WN_EXIT_OK : WN_EXIT_NO;
}

WnExit
ctl_trace(WnCtl *ctl)
{
    g_autoptr(WnConfig) config = NULL;
    g_autoptr(Trace) trace = NULL;
    char id[WN_ID_TEXT_LEN + 1];

    if (!ctl_no_option_left(ctl))
        return WN_EXIT_USAGE;
    if (ctl->words->len == 0) {
        fputs("usage: winnowctl trace ID [FILE ...]\n", stderr);
        return WN_EXIT_USAGE;
    }
    if (!find_id(ctl->words->pdata[0], id)) {
        fprintf(stderr,
            "winnowctl: \"%s\" is no id: %d letters and digits, as in the "
            "brackets of a refusal\n",
            (const char *)ctl->words->pdata[0], WN_ID_TEXT_LEN);
        return WN_EXIT_USAGE;
    }
    config = ctl_read_config(ctl);
    if (config == NULL)
        return WN_EXIT_NO;
    g_ptr_array_remove_index(ctl->words, 0);
    trace = trace_new(id);
    return tell(ctl, config, trace, ctl->words);
}
