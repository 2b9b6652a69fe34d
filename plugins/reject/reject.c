/* SPDX-License-Identifier: MIT */

/*
 * reject: refuses in the SMTP dialogue, with a text of the domain's choice.
 */

#include <winnow/plugin.h>

#include <stdlib.h>

enum { OPT_TEXT, OPT_CODE };

static const WnOption options[] = {
    [OPT_TEXT] = { .name = "text",
        .help = "What the client is told; %c is its address, %e the evidence.",
        .type = WN_OPT_STRING,
        .flags = WN_OPT_PER_DOMAIN,
        .fallback = "Message refused",
        .min = 1,
        .max = 1000 },
    [OPT_CODE] = { .name = "code",
        .help = "The reply code; below 500 the client shall try again.",
        .type = WN_OPT_INT,
        .flags = WN_OPT_PER_DOMAIN,
        .fallback = "550",
        .min = 450,
        .max = 559 },
};

typedef struct Reject {
    const WnHost *host;
} Reject;

static int32_t
reject_new(const WnHost *host, const WnSettings *settings, void **self,
    WnError *err)
{
    Reject *reject = calloc(1, sizeof *reject);

    (void)settings;
    if (reject == NULL) {
        wn_error_set(err, "out of memory");
        return WN_E_FAILED;
    }
    reject->host = host;
    *self = reject;
    return WN_OK;
}

static void
reject_free(void *self)
{
    free(self);
}

static WnDisposition
reject_apply(void *self, WnCall *call, const WnDecision *why)
{
    const WnHost *host = ((Reject *)self)->host;
    const WnSettings *settings = host->call->settings(call);
    uint16_t code = (uint16_t)host->settings->integer(settings, OPT_CODE);
    WnStr text = host->settings->string(settings, OPT_TEXT);

    (void)why;
    host->edit->reply(call, code, code < 500 ? "4.7.1" : "5.7.1", text.ptr);
    return code < 500 ? WN_TEMPFAIL : WN_REJECT;
}

static const WnAction action = {
    .struct_size = sizeof(WnAction),
    .apply = reject_apply,
};

static const WnPlugin plugin = {
    WN_PLUGIN_HEAD,
    .name = "reject",
    .version = "1.0",
    .summary = "Refuses the message in the SMTP dialogue.",
    .author = "the winnow authors",
    .license = "MIT",
    WN_OPTIONS(options),
    .instance_new = reject_new,
    .instance_free = reject_free,
    .action = &action,
};

WN_PLUGIN(reject, &plugin)
