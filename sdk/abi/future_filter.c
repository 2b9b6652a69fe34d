/* SPDX-License-Identifier: MIT */

/* A filter that uses members of the next minor where the host has them.  The
 * header that it is compiled with is made by the test. */

#include <winnow/plugin.h>

#define SAYS(Type, table, member) (WN_HAS(Type, table, member) ? "new" : "old")

static const WnOption options[] = {
    { .name = "first", .help = "One.", .type = WN_OPT_INT, .fallback = "1" },
    { .name = "second", .help = "Two.", .type = WN_OPT_INT, .fallback = "22" },
};

static int32_t
future_new(const WnHost *host, const WnSettings *settings, void **self,
    WnError *err)
{
    if (host->settings->integer(settings, 1) != 22) {
        wn_error_set(err, "options were read by another size than mine");
        return WN_E_INVALID;
    }
    *self = (void *)(uintptr_t)host;
    return WN_OK;
}

static WnVerdict
future_connect(void *self, WnCall *call)
{
    const WnHost *host = (const WnHost *)self;
    const WnClient *client = host->facts->client(call);
    char text[100];

    snprintf(text, sizeof text, "host %s call %s client %s options kept",
        SAYS(WnHost, host, later), SAYS(WnCallApi, host->call, later),
        SAYS(WnClient, client, country));
    return wn_match(host, call, "future", text);
}

static const WnFilter filter = {
    .struct_size = sizeof(WnFilter),
    .connect = future_connect,
};

static const WnPlugin plugin = {
    WN_PLUGIN_HEAD,
    .name = "future_filter",
    .version = "1",
    .summary = "Says what the host has.",
    .author = "the tests",
    .license = "MIT",
    WN_OPTIONS(options),
    .instance_new = future_new,
    .filter = &filter,
};

WN_PLUGIN(future_filter, &plugin)
