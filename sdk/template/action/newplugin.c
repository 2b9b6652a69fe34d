/* SPDX-License-Identifier: MIT */

/*
 * newplugin: delivers a message with a header field that says what was found.
 *
 * An action carries out what a domain chose for a finding.
 */

#include <winnow/plugin.h>

#include <stdlib.h>

/* In the order of the array below. */
enum { OPT_FIELD };

static const WnOption options[] = {
    { .name = "field",
        .help = "The header field to add.",
        .type = WN_OPT_STRING,
        .flags = WN_OPT_PER_DOMAIN,
        .fallback = "X-Found",
        .min = 1,
        .max = 60 },
};

/* One configured use of the plugin. */
typedef struct Newplugin {
    const WnHost *host;
} Newplugin;

static int32_t
newplugin_new(const WnHost *host, const WnSettings *settings, void **self,
    WnError *err)
{
    Newplugin *instance = (Newplugin *)calloc(1, sizeof *instance);

    (void)settings;
    if (instance == NULL) {
        wn_error_set(err, "out of memory");
        return WN_E_FAILED;
    }
    instance->host = host;
    *self = instance;
    return WN_OK;
}

static void
newplugin_free(void *self)
{
    free(self);
}

/* Also runs at RCPT, where there is no message and an edit gives WN_E_STATE:
 * then there is nothing to do yet. */
static WnDisposition
newplugin_apply(void *self, WnCall *call, const WnDecision *why)
{
    const WnHost *host = ((const Newplugin *)self)->host;
    WnStr field = host->settings->string(host->call->settings(call), OPT_FIELD);
    char value[300];

    snprintf(value, sizeof value, "%s %s", why->filter.ptr, why->rule.ptr);
    if (host->edit->set_header(call, field.ptr, value) == WN_E_INVALID)
        wn_log(host, WN_LOG_WARNING, call, "%s is no header field to add",
            field.ptr);
    return WN_DELIVER;
}

/* Members in the order of the header, for C++. */
static const WnAction action = {
    .struct_size = sizeof(WnAction),
    .flags = WN_ACTION_NEVER_REFUSES,
    .apply = newplugin_apply,
};

static const WnPlugin plugin = {
    WN_PLUGIN_HEAD,
    .name = "newplugin",
    .version = "0.1",
    .summary =
        "Delivers a message with a header field that says what was found.",
    .author = "you",
    .license = "MIT",
    WN_OPTIONS(options),
    .instance_new = newplugin_new,
    .instance_free = newplugin_free,
    .action = &action,
};

WN_PLUGIN(newplugin, &plugin)
