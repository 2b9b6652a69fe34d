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
 *
 * With the database as source, a process of its own (core/sync/source.h) reads
 * it, and builds are made of the mirror that it keeps: one when the mirror has
 * changed, or when somebody asks.  What serves does not depend on whether the
 * database answers.
 *
 *    winnow-sync --read-database   is that process
 */

#include "core/base/clock.h"
#include "core/base/fd.h"
#include "core/base/log.h"
#include "core/base/metrics.h"
#include "core/base/spawn.h"
#include "core/base/wire.h"
#include "core/conf/snapshot.h"
#include "core/control/child.h"
#include "core/control/settings_report.h"
#include "core/sync/http.h"
#include "core/sync/mirror.h"
#include "core/sync/publisher.h"
#include "core/sync/source.h"

/* What winnowd is told of a failed build; the log has all of it. */
#define WHY_MAX (64 * 1024)

typedef struct Sync {
    WnChild child;
    WnPublisher *publisher;
    WnHttp *http;         /* NULL: no metrics are asked for */
    WnSource *source;     /* the database; NULL: files are the source */
    uint32_t look_serial; /* of the request that a look answers; 0: none */
    bool build_failed;    /* the last one did */
    char *remarks;        /* of the last build */
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
send_failed(Sync *self, uint32_t serial, const char *why)
{
    g_auto(WnWriter) writer;

    wn_writer_init(&writer);
    wn_write_u32(&writer, serial);
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

/* What winnow-check has said of a build that was made: data sets that stay as
 * they were, because their files cannot be used, and warnings. */
static void
log_remarks(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (size_t i = 0; lines[i] != NULL; i++)
        if (lines[i][0] != '\0')
            wn_remark(wn_settings_report_is_warning(lines[i]) ? WN_LEVEL_WARNING
                                                              : WN_LEVEL_ERROR,
                "%s", lines[i]);
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
    log_sync(result == WN_PUBLISH_DONE ? "published" : "unchanged", generation,
        n_domains, NULL);
    send_published(self, generation, n_domains);
}

static void
note_failure(Sync *self, const char *text)
{
    log_problems(text);
    send_failed(self, self->serial, text);
    if (!self->ready)
        offer_previous(self);
}

/* What a build has said, without or with its warnings (transfer full). */
static char *
problems_of(const char *text, bool with_warnings)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    GString *problems = g_string_new(NULL);

    for (size_t i = 0; lines[i] != NULL; i++)
        if (lines[i][0] != '\0'
            && (with_warnings || !wn_settings_report_is_warning(lines[i]))
            && problems->len + strlen(lines[i]) < WHY_MAX)
            g_string_append_printf(problems, "%s\n", lines[i]);
    return g_string_free(problems, FALSE);
}

static void
send_report(Sync *self, const WnSettingsReport *report)
{
    g_auto(WnWriter) writer;

    wn_writer_init(&writer);
    wn_settings_report_write(report, &writer);
    wn_channel_send(self->child.supervisor, WN_CHILD_SOURCE,
        wn_writer_span(&writer), -1);
}

static void
report_files(Sync *self)
{
    g_autofree char *problems = problems_of(self->remarks, true);
    char nothing[] = "";
    WnSettingsReport report = { .known = true,
        .host = nothing,
        .error = nothing,
        .problems = problems };

    report.up = !self->build_failed
                && !wn_settings_report_stays_behind(&report);
    wn_metric_set(self->source_up, report.up);
    send_report(self, &report);
}

static void
report_database(Sync *self)
{
    g_autofree char *problems = problems_of(self->remarks, false);
    const WnSourceState *state = wn_source_state(self->source);
    WnSettingsReport report = { .known = true,
        .database = true,
        .up = state->up,
        .revision = state->revision,
        .succeeded = state->succeeded,
        .host = (char *)(uintptr_t)state->host,
        .error = (char *)(uintptr_t)state->error,
        .problems = problems };

    wn_metric_set(self->source_up, state->up && !self->build_failed);
    send_report(self, &report);
}

/* To winnowd, for winnowctl status and sync; and the metric. */
static void
report_source(Sync *self)
{
    if (self->source != NULL)
        report_database(self);
    else
        report_files(self);
}

/* A problem may stay for days: it is logged when it comes, not with every
 * build. */
static void
note_remarks(Sync *self, WnPublishResult result, uint64_t generation,
    const char *text)
{
    g_autofree char *problems = problems_of(text, false);
    bool same = strcmp(self->remarks, text) == 0;

    self->build_failed = result == WN_PUBLISH_FAILED;
    if (result != WN_PUBLISH_FAILED && !same)
        log_remarks(text);
    g_free(self->remarks);
    self->remarks = g_strdup(text);
    if (self->source == NULL)
        return;
    wn_source_set_problems(self->source, problems);
    if (result != WN_PUBLISH_FAILED)
        wn_source_set_generation(self->source, generation);
}

static void
become_ready(Sync *self)
{
    if (!self->ready)
        wn_child_ready(&self->child);
    self->ready = true;
}

static void
on_built(void *user, WnPublishResult result, uint64_t generation,
    uint32_t n_domains, const char *text)
{
    Sync *self = user;

    note_remarks(self, result, generation, text);
    report_source(self);
    if (result == WN_PUBLISH_FAILED)
        note_failure(self, text);
    else
        note_success(self, result, generation, n_domains);
    become_ready(self);
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

/*
 * The database
 */

static void
answer_request(Sync *self, const WnSourceState *state)
{
    uint32_t serial = self->look_serial;

    self->look_serial = 0;
    if (state->up) {
        build(self, serial);
        return;
    }
    send_failed(self, serial, state->error);
}

/* A build that failed may succeed with the next look: a disk has room again. */
static void
on_looked(void *user, const WnSourceState *state, bool changed)
{
    Sync *self = user;

    report_source(self);
    if (self->look_serial != 0 && state->asked) {
        answer_request(self, state);
        return;
    }
    if (state->up && (changed || (self->build_failed && !self->building))) {
        build(self, 0);
    } else if (!self->ready && !self->building) {
        offer_previous(self);
        become_ready(self);
    }
}

/* What the database said last time serves at once. */
static void
start_source(Sync *self)
{
    g_autoptr(WnMirror)
        mirror = wn_mirror_read(self->child.config->state, NULL);

    wn_source_start(self->source, on_looked, self);
    if (mirror != NULL)
        build(self, 0);
}

static void
start(Sync *self)
{
    if (self->source != NULL)
        start_source(self);
    else
        build(self, 0);
}

static void
take_sync(Sync *self, WnSpan payload)
{
    WnReader reader = wn_reader(payload);
    uint32_t serial = wn_read_u32(&reader);
    bool force = wn_read_u8(&reader) != 0;

    if (!wn_reader_done(&reader))
        return;
    if (self->source == NULL) { /* files know no shrink guard */
        build(self, serial);
        return;
    }
    self->look_serial = serial;
    wn_source_look(self->source, force ? WN_LOOK_FORCED : WN_LOOK_NORMAL);
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
        start(self);
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
    g_autofree char *reader = wn_program_path("winnow-sync");

    self->publisher = wn_publisher_new(self->child.loop, config->state, check,
        config->path);
    wn_publisher_use_config(self->publisher, self->child.config_fd);
    self->remarks = g_strdup("");
    if (config->source == WN_SOURCE_MARIADB)
        self->source = wn_source_new(self->child.loop, config, reader,
            self->child.config_fd);
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

    if (argc > 1 && strcmp(argv[1], "--read-database") == 0)
        return wn_source_process_run(argc - 2, argv + 2);
    wn_child_init(&self.child, "winnow-sync", argc, argv);
    wn_child_confine(&self.child, WN_RIGHTS_SYNC);
    init(&self);
    wn_child_connect(&self.child, on_message, on_drain, &self);
    wn_child_run(&self.child);
    wn_http_free(self.http);
    wn_source_free(self.source);
    g_free(self.remarks);
    wn_publisher_free(self.publisher);
    wn_child_clear(&self.child);
    return 0;
}
