/* SPDX-License-Identifier: MIT */

/*
 * winnow-sync: settings to snapshots, and metrics and health over HTTP.
 *
 * May: start winnow-check, write state/snapshots, answer on the one listening
 * socket it is handed.  Holds no spool and sees no mail.
 *
 *    winnowd: LISTEN (metrics), START -> the first build -> READY
 *    SYNC -> a build -> PUBLISHED or SYNC_FAILED; DRAIN -> exit
 *
 * A build that fails leaves the snapshot that is in use.
 */

#include "core/base/clock.h"
#include "core/base/fd.h"
#include "core/base/log.h"
#include "core/base/metrics.h"
#include "core/base/spawn.h"
#include "core/base/wire.h"
#include "core/conf/snapshot.h"
#include "core/control/child.h"
#include "core/sync/http.h"
#include "core/sync/publisher.h"

/* What winnowd is told of a failed build; the log has all of it. */
#define WHY_MAX (64 * 1024)

typedef struct Sync {
    WnChild child;
    WnPublisher *publisher;
    WnHttp *http; /* NULL: no metrics are asked for */
    bool ready;
    bool building;
    uint32_t serial;      /* of the request that the build answers; 0: none */
    bool again;           /* another build follows */
    uint32_t next_serial; /* that it answers */
    int64_t built;        /* Unix time of the snapshot in use; 0: none */
    WnMetric *generation;
    WnMetric *age;
    WnMetric *source_up;
    WnMetric *winnow_ready; /* winnowd sets it */
} Sync;

static void
send_published(Sync *self, uint64_t generation, uint32_t n_domains)
{
    g_auto(WnWriter) writer;

    wn_writer_init(&writer);
    wn_write_u32(&writer, self->serial);
    wn_write_u64(&writer, generation);
    wn_write_u32(&writer, n_domains);
    wn_channel_send(self->child.supervisor, WN_CHILD_PUBLISHED,
        wn_writer_span(&writer), -1);
}

static void
send_failed(Sync *self, const char *why)
{
    g_auto(WnWriter) writer;

    wn_writer_init(&writer);
    wn_write_u32(&writer, self->serial);
    wn_write_bytes(&writer, wn_span_slice(wn_span_str(why), 0, WHY_MAX));
    wn_channel_send(self->child.supervisor, WN_CHILD_SYNC_FAILED,
        wn_writer_span(&writer), -1);
}

static void
log_sync(const char *result, uint64_t generation, uint32_t n_domains,
    const char *error)
{
    WnEvent event;

    wn_event_begin(&event, error != NULL ? WN_LEVEL_ERROR : WN_LEVEL_INFO,
        "sync");
    wn_event_str(&event, "result", result);
    if (error != NULL) {
        wn_event_str(&event, "error", error);
    } else {
        wn_event_int(&event, "generation", (int64_t)generation);
        wn_event_int(&event, "domains", n_domains);
    }
    wn_event_end(&event);
}

/* Each problem is an event of its own: a line of the log holds only so much. */
static void
log_problems(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (size_t i = 0; lines[i] != NULL; i++)
        if (lines[i][0] != '\0')
            log_sync("failed", 0, 0, lines[i]);
}

static void
note_snapshot(Sync *self, const WnSnapshot *snapshot)
{
    self->built = wn_snapshot_built(snapshot);
    wn_metric_set(self->generation, (int64_t)wn_snapshot_generation(snapshot));
}

/* At the start, with settings that cannot be built: what was published before
 * serves. */
static void
offer_previous(Sync *self)
{
    g_autoptr(WnSnapshot) snapshot = wn_child_open_snapshot(&self->child);

    if (snapshot == NULL)
        return;
    note_snapshot(self, snapshot);
    send_published(self, wn_snapshot_generation(snapshot),
        wn_snapshot_n_domains(snapshot));
}

static void
note_success(Sync *self, WnPublishResult result, uint64_t generation,
    uint32_t n_domains)
{
    g_autoptr(WnSnapshot)
        snapshot = wn_snapshot_open_generation(self->child.config->state,
            generation, NULL);

    if (snapshot != NULL)
        note_snapshot(self, snapshot);
    wn_metric_set(self->source_up, 1);
    log_sync(result == WN_PUBLISH_DONE ? "published" : "unchanged", generation,
        n_domains, NULL);
    send_published(self, generation, n_domains);
}

static void
note_failure(Sync *self, const char *text)
{
    wn_metric_set(self->source_up, 0);
    log_problems(text);
    send_failed(self, text);
    if (!self->ready)
        offer_previous(self);
}

static void
on_built(void *user, WnPublishResult result, uint64_t generation,
    uint32_t n_domains, const char *text)
{
    Sync *self = user;

    if (result == WN_PUBLISH_FAILED)
        note_failure(self, text);
    else
        note_success(self, result, generation, n_domains);
    if (!self->ready)
        wn_child_ready(&self->child);
    self->ready = true;
    /* The publisher goes on with the build that was asked for meanwhile. */
    self->building = self->again;
    self->again = false;
    self->serial = self->next_serial;
    self->next_serial = 0;
}

static void
build(Sync *self, uint32_t serial)
{
    if (!self->building) {
        self->serial = serial;
    } else {
        self->again = true;
        self->next_serial = MAX(self->next_serial, serial);
    }
    self->building = true;
    wn_publisher_build(self->publisher, on_built, self);
}

static void
take_sync(Sync *self, WnSpan payload)
{
    WnReader reader = wn_reader(payload);
    uint32_t serial = wn_read_u32(&reader);

    wn_read_u8(&reader); /* force: files know no shrink guard */
    if (wn_reader_done(&reader))
        build(self, serial);
}

static void
print_metrics(Sync *self, WnHttpAnswer *answer)
{
    wn_metric_set(self->age,
        self->built > 0 ? MAX(0, wn_clock_unix() - self->built) : 0);
    answer->status = 200;
    answer->type = "text/plain; version=0.0.4; charset=utf-8";
    wn_metrics_print(answer->body);
}

static void
on_request(void *user, WnSpan path, WnHttpAnswer *answer)
{
    Sync *self = user;

    if (wn_span_eq(path, WN_SPAN("/metrics"))) {
        print_metrics(self, answer);
    } else if (wn_span_eq(path, WN_SPAN("/healthz"))) {
        answer->status = 200;
        g_string_append(answer->body, "ok\n");
    } else if (wn_span_eq(path, WN_SPAN("/readyz"))) {
        bool ready = wn_metric_value(self->winnow_ready) != 0;

        answer->status = ready ? 200 : 503;
        g_string_append(answer->body, ready ? "ready\n" : "not ready\n");
    }
}

static void
on_message(void *user, uint16_t type, WnSpan payload, int take_fd)
{
    Sync *self = user;

    switch (type) {
    case WN_CHILD_LISTEN:
        g_clear_pointer(&self->http, wn_http_free);
        self->http = wn_http_new(self->child.loop, take_fd, on_request, self);
        return;
    case WN_CHILD_START:
        build(self, 0);
        break;
    case WN_CHILD_SYNC:
        take_sync(self, payload);
        break;
    default:
        break;
    }
    wn_fd_close(take_fd);
}

static void
on_drain(void *user)
{
    Sync *self = user;

    wn_loop_stop(self->child.loop);
}

static void
init(Sync *self)
{
    const WnConfig *config = self->child.config;
    g_autofree char *check = wn_program_path("winnow-check");

    self->publisher = wn_publisher_new(self->child.loop, config->state, check,
        config->path);
    wn_publisher_use_config(self->publisher, self->child.config_fd);
    self->generation = wn_metrics_gauge("winnow_snapshot_generation", NULL,
        "Number of the snapshot in use.");
    self->age = wn_metrics_gauge("winnow_snapshot_age_seconds", NULL,
        "Time since the snapshot in use was built.");
    self->source_up = wn_metrics_gauge("winnow_settings_source_up", NULL,
        "1 while the settings can be read and are right.");
    self->winnow_ready = wn_metrics_gauge("winnow_ready", NULL,
        "1 while every program has been ready and a snapshot is in use.");
}

int
main(int argc, char **argv)
{
    Sync self = { 0 };

    wn_child_init(&self.child, "winnow-sync", argc, argv);
    init(&self);
    wn_child_connect(&self.child, on_message, on_drain, &self);
    wn_child_run(&self.child);
    wn_http_free(self.http);
    wn_publisher_free(self.publisher);
    wn_child_clear(&self.child);
    return 0;
}
