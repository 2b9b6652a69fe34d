/* SPDX-License-Identifier: MIT */

/*
 * forward: sends the whole message to an address of the domain's choice
 * instead of its recipients.
 */

#include <winnow/plugin.h>

#include <stdlib.h>

enum { OPT_TO };

static const WnOption options[] = {
    [OPT_TO] = { .name = "to",
        .help = "The mailbox, in one of the customer's own domains.",
        .type = WN_OPT_ADDRESS,
        .flags = WN_OPT_PER_DOMAIN | WN_OPT_REQUIRED },
};

typedef struct Forward {
    const WnHost *host;
} Forward;

static int32_t
forward_new(const WnHost *host, const WnSettings *settings, void **self,
    WnError *err)
{
    Forward *forward = calloc(1, sizeof *forward);

    (void)settings;
    if (forward == NULL) {
        wn_error_set(err, "out of memory");
        return WN_E_FAILED;
    }
    forward->host = host;
    *self = forward;
    return WN_OK;
}

static void
forward_free(void *self)
{
    free(self);
}

/* Without a usable address the message goes to its recipients: a mistake in
 * the settings must not lose mail. */
static WnDisposition
forward_apply(void *self, WnCall *call, const WnDecision *why)
{
    const WnHost *host = ((Forward *)self)->host;
    WnStr to = host->settings->string(host->call->settings(call), OPT_TO);

    if (host->edit->redirect(call, to.ptr) != WN_OK)
        wn_log(host, WN_LOG_ERROR, call,
            "cannot forward what %s found to \"%s\": delivered instead",
            why->filter.ptr, to.ptr);
    return WN_DELIVER;
}

static const WnAction action = {
    .struct_size = sizeof(WnAction),
    .flags = WN_ACTION_NEVER_REFUSES,
    .apply = forward_apply,
};

static const WnPlugin plugin = {
    WN_PLUGIN_HEAD,
    .name = "forward",
    .version = "1.0",
    .summary = "Delivers to another mailbox instead of the recipients.",
    .author = "the winnow authors",
    .license = "MIT",
    WN_OPTIONS(options),
    .instance_new = forward_new,
    .instance_free = forward_free,
    .action = &action,
};

WN_PLUGIN(forward, &plugin)
