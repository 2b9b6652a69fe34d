/* SPDX-License-Identifier: MIT */
#include "core/programs/ctl/plugin_live.h"

#include "core/control/control.h"

#include <string.h>

struct CtlPluginLive {
    GHashTable *values; /* "name{labels}" -> text of the value */
    GString *status;    /* as JSON */
};

/* Lines "name{labels} value" and comments. */
static GHashTable *
read_metrics(const char *text)
{
    GHashTable *values = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
        g_free);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (unsigned i = 0; lines[i] != NULL; i++) {
        const char *space = strrchr(lines[i], ' ');

        if (lines[i][0] == '#' || space == NULL)
            continue;
        g_hash_table_insert(values,
            g_strndup(lines[i], (gsize)(space - lines[i])),
            g_strdup(space + 1));
    }
    return values;
}

CtlPluginLive *
ctl_plugin_live_new(const WnConfig *config)
{
    static const char *const metrics[] = { "metrics", NULL };
    static const char *const status[] = { "status", "--json", NULL };
    g_autofree char *path = g_build_filename(config->run, WN_CONTROL_SOCKET,
        NULL);
    g_autoptr(GString) text = g_string_new(NULL);
    CtlPluginLive *self;

    if (wn_control_ask(path, metrics, text) != WN_EXIT_OK)
        return NULL;
    self = g_new0(CtlPluginLive, 1);
    self->values = read_metrics(text->str);
    self->status = g_string_new(NULL);
    wn_control_ask(path, status, self->status);
    return self;
}

void
ctl_plugin_live_free(CtlPluginLive *self)
{
    if (self == NULL)
        return;
    g_hash_table_unref(self->values);
    g_string_free(self->status, TRUE);
    g_free(self);
}

static double
value_of(const CtlPluginLive *self, const char *metric, const char *filter)
{
    g_autofree char *key = g_strdup_printf("%s{filter=\"%s\"}", metric, filter);
    const char *text = g_hash_table_lookup(self->values, key);

    return text != NULL ? g_ascii_strtod(text, NULL) : 0;
}

/* Counters tell that it ever was; status tells whether it is now. */
static bool
is_off(const CtlPluginLive *self, const char *filter)
{
    g_autofree char *begin = g_strdup_printf("{\"filter\":\"%s\",\"faults\":",
        filter);
    const char *at = strstr(self->status->str, begin);

    if (at == NULL)
        return false;
    at += strlen(begin);
    at += strspn(at, "0123456789");
    return g_str_has_prefix(at, ",\"switched_off\":true");
}

CtlFilterCounts
ctl_plugin_live_get(const CtlPluginLive *self, const char *filter)
{
    return (CtlFilterCounts){
        .calls = (int64_t)value_of(self, "winnow_filter_seconds_count", filter),
        .seconds = value_of(self, "winnow_filter_seconds_sum", filter),
        .faults = (int64_t)value_of(self, "winnow_plugin_faults_total", filter),
        .off = is_off(self, filter),
    };
}
