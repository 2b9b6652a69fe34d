/* SPDX-License-Identifier: MIT */

/* An action that dies in winnow-filter when it is given the settings of a
 * domain that sets "deadly"; else it does nothing. */

#include <winnow/plugin.h>

#include <errno.h>
#include <stdlib.h>

static int32_t
strike_new(const WnHost *host, const WnSettings *settings, void **self,
    WnError *err)
{
    (void)settings;
    (void)err;
    *self = (void *)(uintptr_t)host;
    return WN_OK;
}

static int32_t
strike_policy_new(void *self, const WnSettings *settings, void **policy,
    WnError *err)
{
    const WnHost *host = self;

    (void)err;
    *policy = NULL;
    if (host->settings->integer(settings, 0) != 0
        && strcmp(program_invocation_short_name, "winnow-filter") == 0)
        abort();
    return WN_OK;
}

static WnDisposition
strike_apply(void *self, WnCall *call, const WnDecision *why)
{
    (void)self;
    (void)call;
    (void)why;
    return WN_DELIVER;
}

static const WnOption options[] = {
    { .name = "deadly",
        .help = "Whether it dies.",
        .type = WN_OPT_BOOL,
        .flags = WN_OPT_PER_DOMAIN,
        .fallback = "no" },
};
static const WnAction action = { .struct_size = sizeof(WnAction),
    .apply = strike_apply };
static const WnPlugin plugin = { WN_PLUGIN_HEAD, .name = "strike",
    .version = "1", .summary = "Strikes at its own process.",
    .author = "winnow", .license = "MIT", WN_OPTIONS(options),
    .instance_new = strike_new, .policy_new = strike_policy_new,
    .action = &action };
WN_PLUGIN(strike, &plugin)
