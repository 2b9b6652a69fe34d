/* SPDX-License-Identifier: MIT */

/*
 * modify_subject: puts a tag at the beginning of the subject and delivers.
 */

#include <winnow/plugin.h>

#include <stdlib.h>

enum { OPT_TAG };

static const WnOption options[] = {
    [OPT_TAG] = { .name = "tag",
        .help = "What stands before the subject of what a filter caught.",
        .type = WN_OPT_STRING,
        .flags = WN_OPT_PER_DOMAIN,
        .fallback = "[Spam]",
        .min = 1,
        .max = 200 },
};

typedef struct ModifySubject {
    const WnHost *host;
} ModifySubject;

static int32_t
modify_subject_new(const WnHost *host, const WnSettings *settings, void **self,
    WnError *err)
{
    ModifySubject *modify = calloc(1, sizeof *modify);

    (void)settings;
    if (modify == NULL) {
        wn_error_set(err, "out of memory");
        return WN_E_FAILED;
    }
    modify->host = host;
    *self = modify;
    return WN_OK;
}

static void
modify_subject_free(void *self)
{
    free(self);
}

static WnDisposition
modify_subject_apply(void *self, WnCall *call, const WnDecision *why)
{
    const WnHost *host = ((ModifySubject *)self)->host;
    WnStr tag = host->settings->string(host->call->settings(call), OPT_TAG);

    if (host->edit->prefix_subject(call, tag.ptr) != WN_OK)
        wn_log(host, WN_LOG_ERROR, call,
            "cannot put \"%s\" before the subject for %s", tag.ptr,
            why->filter.ptr);
    return WN_DELIVER;
}

static const WnAction action = {
    .struct_size = sizeof(WnAction),
    .flags = WN_ACTION_NEVER_REFUSES,
    .apply = modify_subject_apply,
};

static const WnPlugin plugin = {
    WN_PLUGIN_HEAD,
    .name = "modify_subject",
    .version = "1.0",
    .summary = "Puts a tag before the subject and delivers.",
    .author = "the winnow authors",
    .license = "MIT",
    WN_OPTIONS(options),
    .instance_new = modify_subject_new,
    .instance_free = modify_subject_free,
    .action = &action,
};

WN_PLUGIN(modify_subject, &plugin)
