/* SPDX-License-Identifier: MIT */
#include "core/control/generation_private.h"

#include "core/base/fd.h"
#include "core/base/log.h"
#include "core/base/wire.h"
#include "core/conf/config_wire.h"
#include "core/plugin/skips.h"

#include <errno.h>
#include <string.h>

/* One call keeps all other mail waiting, so that it has less time than the
 * filter has for its answer.  At the start nobody waits yet. */
#define HOOK_MAX_MS 2000
#define HOOK_MAX_PER_MIB_MS 100
#define START_HOOK_MAX_MS (30 * 1000)
#define MIB (1024 * 1024)

bool
wn_member_runs_plugins(const WnMember *member)
{
    if (member->generation->config->isolation == WN_ISOLATION_NONE)
        return member->kind == WN_KIND_SMTP;
    return member->kind == WN_KIND_FILTER;
}

int
wn_generation_seal_config(const WnConfig *config, GError **error)
{
    g_auto(WnWriter) writer;
    int fd;

    wn_writer_init(&writer);
    wn_config_write(config, &writer);
    fd = wn_fd_sealed_memory("winnow-config", wn_writer_span(&writer));
    if (fd < 0)
        wn_fd_set_error(error, errno, "make a memory file for", config->path);
    return fd;
}

static bool
renew_plugin_config(WnGeneration *self)
{
    g_autoptr(GError) error = NULL;
    int config_fd = wn_generation_seal_config(self->config, &error);

    if (config_fd < 0) {
        wn_remark(WN_LEVEL_ERROR, "%s", error->message);
        return false;
    }
    wn_fd_close(self->plugin_config_fd);
    self->plugin_config_fd = config_fd;
    return true;
}

/* From their next start on, programs know no such filter: it counts as skipped,
 * and its on_error applies.  A reload brings it back.  What is no filter is a
 * plugin: an action, or one that dies when it is loaded. */
static void
switch_off(WnGeneration *self, const WnScore *score)
{
    const WnFilterConfig *config = wn_config_filter(self->config,
        score->filter);

    if (config == NULL)
        wn_config_refuse_plugin(self->config, score->filter);
    else if (strcmp(score->hook, "load") == 0)
        wn_config_refuse_plugin(self->config, config->plugin);
    if (config != NULL)
        g_ptr_array_remove(self->config->filters, (void *)(uintptr_t)config);
    if (!renew_plugin_config(self))
        return;
    for (guint i = 0; i < self->members->len; i++) {
        WnMember *member = self->members->pdata[i];

        if (wn_member_runs_plugins(member))
            wn_process_use_config(member->process, self->plugin_config_fd);
    }
}

static const char *
plugin_of(const WnGeneration *self, const char *filter)
{
    const WnFilterConfig *config = wn_config_filter(self->config, filter);

    return config != NULL ? config->plugin : NULL;
}

void
wn_member_note_fault(WnMember *member, const char *why)
{
    WnGeneration *self = member->generation;
    bool off;
    WnScore score;

    if (!wn_member_runs_plugins(member))
        return;
    if (wn_process_blame(member->process, &score))
        off = wn_faults_note(self->faults, &score,
            plugin_of(self, score.filter), why);
    else if (wn_process_suspect(member->process, &score))
        off = wn_faults_suspect(self->faults, &score,
            plugin_of(self, score.filter), why);
    else
        return;
    if (off)
        switch_off(self, &score);
    for (guint i = 0; i < self->members->len; i++) {
        WnMember *other = self->members->pdata[i];

        if (wn_member_runs_plugins(other))
            wn_faults_tell_last(self->faults, other->process);
    }
}

int64_t
wn_member_hook_max_ms(void *user, const WnScore *score)
{
    const WnMember *member = user;
    int64_t longest = member->generation->config->max_message_size;
    int64_t len = (int64_t)wn_skips_content_len(score->content);

    if (wn_process_state(member->process) == WN_PROCESS_STARTING)
        return START_HOOK_MAX_MS;
    return HOOK_MAX_MS + MIN(len, longest) / MIB * HOOK_MAX_PER_MIB_MS;
}
