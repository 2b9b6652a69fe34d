/* SPDX-License-Identifier: MIT */

/*
 * delete: the client gets success, nobody gets the message.
 */

#include <winnow/plugin.h>

static int32_t
delete_new(const WnHost *host, const WnSettings *settings, void **self,
    WnError *err)
{
    (void)host;
    (void)settings;
    (void)err;
    *self = NULL;
    return WN_OK;
}

static WnDisposition
delete_apply(void *self, WnCall *call, const WnDecision *why)
{
    (void)self;
    (void)call;
    (void)why;
    return WN_DISCARD;
}

static const WnAction action = {
    .struct_size = sizeof(WnAction),
    .flags = WN_ACTION_NEVER_REFUSES,
    .apply = delete_apply,
};

static const WnPlugin plugin = {
    WN_PLUGIN_HEAD,
    .name = "delete",
    .version = "1.0",
    .summary = "Accepts the message and delivers it to nobody.",
    .author = "the winnow authors",
    .license = "MIT",
    .instance_new = delete_new,
    .action = &action,
};

WN_PLUGIN(delete, &plugin)
