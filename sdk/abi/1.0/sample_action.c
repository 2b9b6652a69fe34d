/* SPDX-License-Identifier: MIT */

/* An action as somebody wrote it for 1.0: rejects at RCPT and marks what comes
 * later, so that every edit is made. */

#include <winnow/plugin.h>

static const WnHost *
host_of(void *self)
{
    return (const WnHost *)self;
}

static const WnOption options[] = {
    { .name = "text",
        .help = "What is put before the subject.",
        .type = WN_OPT_STRING,
        .flags = WN_OPT_PER_DOMAIN,
        .fallback = "[SAMPLE]" },
};

static int32_t
sample_new(const WnHost *host, const WnSettings *settings, void **self,
    WnError *err)
{
    (void)settings;
    (void)err;
    *self = (void *)(uintptr_t)host;
    return WN_OK;
}

static WnDisposition
sample_apply(void *self, WnCall *call, const WnDecision *why)
{
    const WnHost *host = host_of(self);
    WnStr text = host->settings->string(host->call->settings(call), 0);

    if (host->edit->set_header(call, "X-Sample", why->rule.ptr) != WN_OK
        || host->edit->add_header(call, "X-Why", why->evidence.ptr) != WN_OK
        || host->edit->remove_headers(call, "X-Old") != WN_OK
        || host->edit->prefix_subject(call, text.ptr) != WN_OK) {
        host->edit->reply(call, 450, "4.7.0", "no edits now");
        return WN_TEMPFAIL;
    }
    return WN_DELIVER;
}

static const WnAction action = {
    .struct_size = sizeof(WnAction),
    .apply = sample_apply,
};

static const WnPlugin plugin = {
    WN_PLUGIN_HEAD,
    .name = "sample_action",
    .version = "1",
    .summary = "Marks what a filter found.",
    .author = "the tests",
    .license = "MIT",
    WN_OPTIONS(options),
    .instance_new = sample_new,
    .action = &action,
};

WN_PLUGIN(sample_action, &plugin)
