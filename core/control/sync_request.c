/* SPDX-License-Identifier: MIT */
#include "core/control/sync_request.h"

#define ASKED_MAX_MS (300 * 1000)
#define SPREADING_MAX_MS (10 * 1000)

typedef enum { IDLE, ASKED, SPREADING } State;

struct WnSyncRequest {
    State state;
    uint32_t serial;
    GPtrArray *calls;   /* under way */
    GPtrArray *waiting; /* for the next */
    bool force;         /* the next */
    WnTimer deadline;
};

static void
enter(WnSyncRequest *self, State state)
{
    self->state = state;
    switch (state) {
    case IDLE:
        wn_timer_unset(&self->deadline);
        break;
    case ASKED:
        wn_timer_set(&self->deadline, ASKED_MAX_MS);
        break;
    case SPREADING:
        wn_timer_set(&self->deadline, SPREADING_MAX_MS);
        break;
    }
}

static void
finish(WnSyncRequest *self, WnExit exit, const char *text)
{
    enter(self, IDLE);
    wn_control_answer_all(self->calls, exit, text);
}

static void
on_deadline(void *user)
{
    WnSyncRequest *self = user;

    finish(self, WN_EXIT_NO,
        self->state == ASKED
            ? "winnow-sync does not answer\n"
            : "published, but not every program uses it yet\n");
}

WnSyncRequest *
wn_sync_request_new(WnLoop *loop)
{
    WnSyncRequest *self = g_new0(WnSyncRequest, 1);

    self->calls = g_ptr_array_new();
    self->waiting = g_ptr_array_new();
    wn_timer_init(&self->deadline, loop, on_deadline, self);
    return self;
}

void
wn_sync_request_free(WnSyncRequest *self)
{
    if (self == NULL)
        return;
    wn_sync_request_fail(self, "winnowd stops\n");
    wn_timer_clear(&self->deadline);
    g_ptr_array_unref(self->calls);
    g_ptr_array_unref(self->waiting);
    g_free(self);
}

void
wn_sync_request_add(WnSyncRequest *self, WnControlCall *call, bool force)
{
    g_ptr_array_add(self->waiting, call);
    self->force = self->force || force;
}

void
wn_sync_request_send(WnSyncRequest *self, WnGeneration *generation)
{
    if (self->state != IDLE || self->waiting->len == 0)
        return;
    while (self->waiting->len > 0)
        g_ptr_array_add(self->calls,
            g_ptr_array_remove_index_fast(self->waiting, 0));
    self->serial = MAX(1, self->serial + 1); /* 0 is nobody's request */
    enter(self, ASKED);
    wn_generation_sync(generation, self->serial, self->force);
    self->force = false;
}

void
wn_sync_request_synced(WnSyncRequest *self, WnGeneration *generation,
    uint32_t serial, const char *problem)
{
    if (self->state != ASKED || serial != self->serial)
        return;
    if (problem != NULL) {
        finish(self, WN_EXIT_NO, problem);
        wn_sync_request_send(self, generation);
    } else {
        enter(self, SPREADING);
    }
}

void
wn_sync_request_complete(WnSyncRequest *self, WnGeneration *generation)
{
    const WnSettingsReport *report = wn_generation_settings(generation);
    WnPublished published = wn_generation_published(generation);
    g_autoptr(GString) text = g_string_new(NULL);

    if (self->state != SPREADING)
        return;
    g_string_append_printf(text,
        WN_SYNC_PUBLISHED "%" G_GUINT64_FORMAT ", %u domain%s\n",
        published.generation, published.n_domains,
        published.n_domains == 1 ? "" : "s");
    /* A database may always hold some domain that is wrong; of files, somebody
     * sits there who has just written them. */
    if (report->known && !report->database)
        g_string_append(text, report->problems);
    finish(self,
        wn_settings_report_stays_behind(report) ? WN_EXIT_NO : WN_EXIT_OK,
        text->str);
    wn_sync_request_send(self, generation);
}

void
wn_sync_request_fail(WnSyncRequest *self, const char *why)
{
    finish(self, WN_EXIT_NO, why);
    wn_control_answer_all(self->waiting, WN_EXIT_NO, why);
}
