/* SPDX-License-Identifier: MIT */
#include "sdk/harness/peer_script.h"

#include <stdbool.h>
#include <string.h>

#define PAUSE_MAX_MS 86400000

typedef enum { TAKES_NOTHING, TAKES_BYTES, TAKES_TIME } Argument;

static const struct {
    const char *name;
    WnPeerVerb verb;
    Argument argument;
} verbs[] = {
    { "expect", WN_PEER_EXPECT, TAKES_BYTES },
    { "until", WN_PEER_UNTIL, TAKES_BYTES },
    { "rest", WN_PEER_REST, TAKES_NOTHING },
    { "end", WN_PEER_END, TAKES_NOTHING },
    { "send", WN_PEER_SEND, TAKES_BYTES },
    { "pause", WN_PEER_PAUSE, TAKES_TIME },
    { "close", WN_PEER_CLOSE, TAKES_NOTHING },
    { "reset", WN_PEER_RESET, TAKES_NOTHING },
    { "refuse", WN_PEER_REFUSE, TAKES_NOTHING },
};

static void
step_free(void *data)
{
    WnPeerStep *step = data;

    g_free(step->line);
    g_clear_pointer(&step->bytes, g_bytes_unref);
    g_free(step);
}

/* Behind a backslash; -1: no such escape. */
static int
escaped(const char **at)
{
    static const char letters[] = "nrt0\\\"";
    static const char bytes[] = "\n\r\t\0\\\"";
    const char *found;
    int high, low;

    if (**at == 'x') {
        high = g_ascii_xdigit_value((*at)[1]);
        low = high < 0 ? -1 : g_ascii_xdigit_value((*at)[2]);
        *at += low < 0 ? 0 : 3;
        return low < 0 ? -1 : high << 4 | low;
    }
    found = **at != '\0' ? strchr(letters, **at) : NULL;
    if (found == NULL)
        return -1;
    (*at)++;
    return (unsigned char)bytes[found - letters];
}

static GBytes *
parse_bytes(const char *text)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    const char *at = text;

    if (*at++ != '"')
        return NULL;
    while (*at != '"') {
        int value = (unsigned char)*at++;
        guint8 byte;

        if (value == '\0')
            return NULL;
        if (value == '\\')
            value = escaped(&at);
        if (value < 0)
            return NULL;
        byte = (guint8)value;
        g_byte_array_append(out, &byte, 1);
    }
    if (at[1] != '\0' || out->len == 0)
        return NULL;
    return g_byte_array_free_to_bytes(g_steal_pointer(&out));
}

static bool
parse_time(const char *text, guint *out_ms)
{
    char *end;
    guint64 value = g_ascii_strtoull(text, &end, 10);

    if (end == text || value > PAUSE_MAX_MS)
        return false;
    if (strcmp(end, "s") == 0)
        value *= 1000;
    else if (*end != '\0' && strcmp(end, "ms") != 0)
        return false;
    *out_ms = (guint)value;
    return value <= PAUSE_MAX_MS;
}

static bool
parse_argument(WnPeerStep *step, Argument kind, const char *text)
{
    switch (kind) {
    case TAKES_BYTES:
        step->bytes = parse_bytes(text);
        return step->bytes != NULL;
    case TAKES_TIME:
        return parse_time(text, &step->ms);
    case TAKES_NOTHING:
        break;
    }
    return text[0] == '\0';
}

static WnPeerStep *
parse_step(const char *line)
{
    g_auto(GStrv) words = g_strsplit(line, " ", 2);
    const char *argument = words[1] != NULL ? g_strstrip(words[1]) : "";

    for (unsigned i = 0; i < G_N_ELEMENTS(verbs); i++) {
        WnPeerStep *step;

        if (strcmp(verbs[i].name, words[0]) != 0)
            continue;
        step = g_new0(WnPeerStep, 1);
        step->verb = verbs[i].verb;
        step->line = g_strdup(line);
        if (parse_argument(step, verbs[i].argument, argument))
            return step;
        step_free(step);
    }
    return NULL;
}

GPtrArray *
wn_peer_script_parse(const char *lines, GError **error)
{
    g_autoptr(GPtrArray) script = g_ptr_array_new_with_free_func(step_free);
    g_auto(GStrv) all = g_strsplit(lines, "\n", -1);

    for (unsigned i = 0; all[i] != NULL; i++) {
        const char *line = g_strstrip(all[i]);
        WnPeerStep *step;

        if (line[0] == '\0' || line[0] == '#')
            continue;
        step = parse_step(line);
        if (step == NULL) {
            g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                "a peer does not understand: %s", line);
            return NULL;
        }
        g_ptr_array_add(script, step);
    }
    return g_steal_pointer(&script);
}
