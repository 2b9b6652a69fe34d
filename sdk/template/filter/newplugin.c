/* SPDX-License-Identifier: MIT */

/*
 * newplugin: finds messages with certain words in their subject.
 *
 * A filter reports what it saw; the configuration says what happens then.
 */

#include <winnow/plugin.h>

#include <stdlib.h>

/* In the order of the array below. */
enum { OPT_WORDS };

static const WnOption options[] = {
    { .name = "words",
        .help = "Words that a subject must not have.",
        .type = WN_OPT_STRING_LIST,
        .flags = WN_OPT_PER_DOMAIN,
        .fallback = "",
        .min = 0,
        .max = 100 },
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

/* Runs when the header of a message is complete.  The settings of the call are
 * those of the recipients' domain. */
static WnVerdict
newplugin_headers(void *self, WnCall *call)
{
    const Newplugin *instance = (const Newplugin *)self;
    const WnHost *host = instance->host;
    const WnSettings *settings = host->call->settings(call);
    const WnHeader *subject = host->message->header_named(call, "Subject", 0);
    uint32_t n = host->settings->count(settings, OPT_WORDS);

    if (subject == NULL)
        return WN_PASS;
    for (uint32_t i = 0; i < n; i++) {
        WnStr word = host->settings->item(settings, OPT_WORDS, i);

        if (strstr(subject->value.ptr, word.ptr) != NULL)
            return wn_match(host, call, "word", word.ptr);
    }
    return WN_PASS;
}

/* Members in the order of the header, for C++.  What is left out is NULL. */
static const WnFilter filter = {
    .struct_size = sizeof(WnFilter),
    .headers = newplugin_headers,
};

static const WnPlugin plugin = {
    WN_PLUGIN_HEAD,
    .name = "newplugin",
    .version = "0.1",
    .summary = "Finds messages with certain words in their subject.",
    .author = "you",
    .license = "MIT",
    WN_OPTIONS(options),
    .instance_new = newplugin_new,
    .instance_free = newplugin_free,
    .filter = &filter,
};

WN_PLUGIN(newplugin, &plugin)
