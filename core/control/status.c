/* SPDX-License-Identifier: MIT */
#include "core/control/status.h"

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/metrics.h"
#include "core/conf/snapshot.h"
#include "core/control/faults.h"
#include "core/journal/lenient.h"

#include <string.h>

typedef struct Count {
    const char *key;   /* in JSON */
    const char *words; /* for people */
    const char *metric;
    const char *labels;
} Count;

static const Count message_counts[] = {
    { "accepted", "accepted", "winnow_messages_total", "result=\"accepted\"" },
    { "rejected", "rejected", "winnow_messages_total", "result=\"rejected\"" },
    { "tempfailed", "tempfailed", "winnow_messages_total",
        "result=\"tempfailed\"" },
    { "deleted", "deleted", "winnow_messages_total", "result=\"deleted\"" },
    { "rejected_rcpt", "refused at RCPT", "winnow_messages_total",
        "result=\"rejected_rcpt\"" },
    { "split", "split off", "winnow_split_total", NULL },
};

static const Count queue_counts[] = {
    { "messages", "messages", "winnow_queue_messages", NULL },
    { "bytes", "bytes", "winnow_queue_bytes", NULL },
};

static int64_t
value_of(const Count *count)
{
    return wn_metrics_lookup(count->metric, count->labels);
}

/* Of the snapshot in use; 0 if it cannot be told. */
static int64_t
snapshot_age(const WnGeneration *generation)
{
    g_autoptr(WnSnapshot)
        snapshot = wn_snapshot_open_generation(wn_generation_config(generation)
                                                   ->state,
            wn_generation_published(generation).generation, NULL);

    if (snapshot == NULL)
        return 0;
    return MAX(0, wn_clock_unix() - wn_snapshot_built(snapshot));
}

static bool
is_pinned(const WnGeneration *generation)
{
    uint64_t pinned = wn_snapshot_pinned_generation(
        wn_generation_config(generation)->state);

    return pinned > 0
           && pinned == wn_generation_published(generation).generation;
}

static const char *
source_name(const WnConfig *config)
{
    return config->source == WN_SOURCE_FILES ? "files" : "mariadb";
}

static const char *
sandbox_mode(const WnConfig *config)
{
    static const char *const names[] = { "off", "try", "require" };

    return names[config->sandbox];
}

/* Those that have ended for good tell nothing. */
static bool
is_shown(const WnMember *member)
{
    return wn_process_state(member->process) != WN_PROCESS_GONE;
}

static void
print_duration(GString *out, int64_t seconds)
{
    int64_t days = seconds / 86400;

    if (days > 0)
        g_string_append_printf(out, "%" G_GINT64_FORMAT "d ", days);
    g_string_append_printf(out, "%02d:%02d:%02d", (int)(seconds / 3600 % 24),
        (int)(seconds / 60 % 60), (int)(seconds % 60));
}

static void
print_counts(GString *out, const char *title, const Count *counts, size_t n)
{
    g_string_append_printf(out, "%-12s", title);
    for (size_t i = 0; i < n; i++)
        g_string_append_printf(out, "%s%" G_GINT64_FORMAT " %s",
            i > 0 ? ", " : "", value_of(&counts[i]), counts[i].words);
    g_string_append_c(out, '\n');
}

/* Of one that has ended: what may have been the reason, and how long others
 * wait for it. */
static void
print_wait(GString *out, const WnProcess *process)
{
    WnScore last;
    int64_t ms;

    if (!wn_process_waits(process, &last, &ms))
        return;
    g_string_append_printf(out, "  next start in %d.%d s", (int)(ms / 1000),
        (int)(ms / 100 % 10));
    if (last.filter[0] != '\0')
        g_string_append_printf(out, ", last filter %s", last.filter);
}

static void
print_member(GString *out, const WnMember *member)
{
    const WnProcess *process = member->process;

    g_string_append_printf(out, "%10" G_GUINT64_FORMAT "  %-14s %4u %8d  %-9s",
        wn_generation_number(member->generation), wn_process_program(process),
        wn_process_slot(process), wn_process_pid(process),
        wn_process_state_name(wn_process_state(process)));
    g_string_append_printf(out, "%8u", wn_process_restarts(process));
    if (member->kind == WN_KIND_SMTP)
        g_string_append_printf(out, "  %u sessions", member->sessions);
    print_wait(out, process);
    g_string_append_c(out, '\n');
}

static void
add_shown(GPtrArray *members, const WnGeneration *generation)
{
    const GPtrArray *all;

    if (generation == NULL)
        return;
    all = wn_generation_members(generation);
    for (guint i = 0; i < all->len; i++)
        if (is_shown(all->pdata[i]))
            g_ptr_array_add(members, all->pdata[i]);
}

/* Those of the generation that serves come first (transfer full). */
static GPtrArray *
shown_members(const WnSupervisorView *view)
{
    GPtrArray *members = g_ptr_array_new();

    add_shown(members, view->current);
    add_shown(members, view->next);
    for (guint i = 0; i < view->old->len; i++)
        add_shown(members, view->old->pdata[i]);
    return members;
}

/* The least that is in force in any program that runs. */
static WnRights
rights_in_force(const WnGeneration *generation)
{
    const GPtrArray *members = wn_generation_members(generation);
    WnRights least = { .landlock = G_MAXUINT32, .calls = 1 };
    bool any = false;

    for (guint i = 0; i < members->len; i++) {
        const WnMember *member = members->pdata[i];
        WnRights rights = wn_process_rights(member->process);

        if (wn_process_state(member->process) != WN_PROCESS_READY)
            continue;
        any = true;
        least.landlock = MIN(least.landlock, rights.landlock);
        if (member->kind == WN_KIND_FILTER)
            least.calls = MIN(least.calls, rights.calls);
    }
    return any ? least : (WnRights){ 0 };
}

static void
print_sandbox(GString *out, const WnGeneration *generation)
{
    const WnConfig *config = wn_generation_config(generation);
    WnRights rights = rights_in_force(generation);

    g_string_append_printf(out, "sandbox     %s: no new privileges, no dumps",
        sandbox_mode(config));
    if (rights.landlock > 0)
        g_string_append_printf(out, ", Landlock %u", rights.landlock);
    else
        g_string_append(out, ", no Landlock");
    if (config->isolation == WN_ISOLATION_PROCESS)
        g_string_append(out, rights.calls != 0
                                 ? ", system calls of plugins filtered"
                                 : ", system calls of plugins not filtered");
    if (config->user != NULL)
        g_string_append_printf(out, ", user %s", config->user);
    g_string_append_c(out, '\n');
}

static const char *
pin_remark(const WnGeneration *generation)
{
    return is_pinned(generation) ? ", pinned by rollback until winnowctl sync"
                                 : "";
}

static void
print_generation(GString *out, const WnGeneration *generation)
{
    const WnConfig *config = wn_generation_config(generation);
    WnPublished published = wn_generation_published(generation);

    g_string_append_printf(out, "generation  %" G_GUINT64_FORMAT ", %s\n",
        wn_generation_number(generation),
        wn_generation_state_name(wn_generation_state(generation)));
    g_string_append_printf(out,
        "snapshot    %" G_GUINT64_FORMAT ", %u domain%s, age ",
        published.generation, published.n_domains,
        published.n_domains == 1 ? "" : "s");
    print_duration(out, snapshot_age(generation));
    g_string_append_printf(out, "%s\nsettings    %s, %s\n",
        pin_remark(generation), source_name(config),
        wn_metrics_lookup("winnow_settings_source_up", NULL) != 0
            ? "in order"
            : "in trouble");
    wn_settings_report_print(wn_generation_settings(generation), out);
    wn_settings_report_print_hint(wn_generation_settings(generation), out);
    print_sandbox(out, generation);
    wn_faults_print(wn_generation_faults(generation), out);
}

/* Domains whose refusals count as temporary, if there are any. */
static void
print_lenient(GString *out, const WnConfig *config)
{
    g_autoptr(WnLenient) lenient = wn_lenient_new(config->spool);
    g_autoptr(GPtrArray) domains = wn_lenient_domains(lenient);

    for (guint i = 0; i < domains->len; i++) {
        char until[WN_DATE_MAX];

        wn_clock_iso8601(wn_lenient_until(lenient, domains->pdata[i]) * 1000,
            until);
        g_string_append_printf(out,
            "lenient     %s: 5xx counts as temporary until %s\n",
            (const char *)domains->pdata[i], until);
    }
}

static void
json_lenient(WnJson *json, const WnConfig *config)
{
    g_autoptr(WnLenient) lenient = wn_lenient_new(config->spool);
    g_autoptr(GPtrArray) domains = wn_lenient_domains(lenient);

    wn_json_open_list(json, "lenient");
    for (guint i = 0; i < domains->len; i++) {
        char until[WN_DATE_MAX];

        wn_clock_iso8601(wn_lenient_until(lenient, domains->pdata[i]) * 1000,
            until);
        wn_json_open_object(json, NULL);
        wn_json_str(json, "domain", domains->pdata[i]);
        wn_json_str(json, "until", until);
        wn_json_close_object(json);
    }
    wn_json_close_list(json);
}

void
wn_status_print(const WnSupervisorView *view, GString *out)
{
    g_autoptr(GPtrArray) members = shown_members(view);

    g_string_append_printf(out, "winnowd     " WN_VERSION ", %s, up ",
        wn_supervisor_state_name(view->state));
    print_duration(out, view->uptime_ms / 1000);
    g_string_append_c(out, '\n');
    if (view->current != NULL)
        print_generation(out, view->current);
    g_string_append_printf(out, "connections %" G_GINT64_FORMAT "\n",
        wn_metrics_lookup("winnow_connections", NULL));
    print_counts(out, "messages", message_counts, G_N_ELEMENTS(message_counts));
    print_counts(out, "queue", queue_counts, G_N_ELEMENTS(queue_counts));
    if (view->current != NULL)
        print_lenient(out, wn_generation_config(view->current));
    g_string_append(out,
        "\ngeneration  program        slot      pid  state    restarts\n");
    for (guint i = 0; i < members->len; i++)
        print_member(out, members->pdata[i]);
}

static void
json_counts(WnJson *json, const char *key, const Count *counts, size_t n)
{
    wn_json_open_object(json, key);
    for (size_t i = 0; i < n; i++)
        wn_json_int(json, counts[i].key, value_of(&counts[i]));
    wn_json_close_object(json);
}

static void
json_wait(WnJson *json, const WnProcess *process)
{
    WnScore last;
    int64_t ms;

    if (!wn_process_waits(process, &last, &ms))
        return;
    wn_json_int(json, "next_start_ms", ms);
    if (last.filter[0] != '\0')
        wn_json_str(json, "last_filter", last.filter);
}

static void
json_member(WnJson *json, const WnMember *member)
{
    const WnProcess *process = member->process;

    wn_json_open_object(json, NULL);
    wn_json_int(json, "generation",
        (int64_t)wn_generation_number(member->generation));
    wn_json_str(json, "program", wn_process_program(process));
    wn_json_int(json, "slot", wn_process_slot(process));
    wn_json_int(json, "pid", wn_process_pid(process));
    wn_json_str(json, "state",
        wn_process_state_name(wn_process_state(process)));
    wn_json_int(json, "restarts", wn_process_restarts(process));
    if (member->kind == WN_KIND_SMTP)
        wn_json_int(json, "sessions", member->sessions);
    if (member->using > 0)
        wn_json_int(json, "snapshot", (int64_t)member->using);
    json_wait(json, process);
    wn_json_close_object(json);
}

static void
json_generation(WnJson *json, const WnGeneration *generation)
{
    const WnConfig *config = wn_generation_config(generation);
    WnPublished published = wn_generation_published(generation);

    wn_json_int(json, "generation", (int64_t)wn_generation_number(generation));
    wn_json_str(json, "generation_state",
        wn_generation_state_name(wn_generation_state(generation)));
    wn_json_open_object(json, "snapshot");
    wn_json_int(json, "generation", (int64_t)published.generation);
    wn_json_int(json, "domains", published.n_domains);
    wn_json_int(json, "age_seconds", snapshot_age(generation));
    wn_json_bool(json, "pinned", is_pinned(generation));
    wn_json_close_object(json);
    wn_json_open_object(json, "settings");
    wn_json_str(json, "source", source_name(config));
    wn_json_bool(json, "up",
        wn_metrics_lookup("winnow_settings_source_up", NULL) != 0);
    wn_settings_report_json(wn_generation_settings(generation), json);
    wn_json_close_object(json);
    wn_json_open_object(json, "sandbox");
    wn_json_str(json, "mode", sandbox_mode(config));
    wn_json_int(json, "landlock", rights_in_force(generation).landlock);
    wn_json_bool(json, "plugin_calls", rights_in_force(generation).calls != 0);
    wn_json_bool(json, "no_new_privileges", true);
    wn_json_bool(json, "no_dumps", true);
    wn_json_str(json, "user", config->user);
    wn_json_close_object(json);
    wn_json_open_list(json, "filter_faults");
    wn_faults_json(wn_generation_faults(generation), json);
    wn_json_close_list(json);
}

void
wn_status_print_json(const WnSupervisorView *view, GString *out)
{
    g_autoptr(GPtrArray) members = shown_members(view);
    WnJson json;

    wn_json_init(&json, out);
    wn_json_open_object(&json, NULL);
    wn_json_str(&json, "version", WN_VERSION);
    wn_json_str(&json, "state", wn_supervisor_state_name(view->state));
    wn_json_int(&json, "uptime_seconds", view->uptime_ms / 1000);
    if (view->current != NULL)
        json_generation(&json, view->current);
    wn_json_int(&json, "connections",
        wn_metrics_lookup("winnow_connections", NULL));
    json_counts(&json, "messages", message_counts,
        G_N_ELEMENTS(message_counts));
    json_counts(&json, "queue", queue_counts, G_N_ELEMENTS(queue_counts));
    if (view->current != NULL)
        json_lenient(&json, wn_generation_config(view->current));
    wn_json_open_list(&json, "processes");
    for (guint i = 0; i < members->len; i++)
        json_member(&json, members->pdata[i]);
    wn_json_close_list(&json);
    wn_json_close_object(&json);
    g_string_append_c(out, '\n');
}

void
wn_status_print_sync(const WnSupervisorView *view, GString *out)
{
    const WnSettingsReport *report;
    WnPublished published;

    if (view->current == NULL) {
        g_string_append(out, "nothing serves yet\n");
        return;
    }
    report = wn_generation_settings(view->current);
    published = wn_generation_published(view->current);
    g_string_append_printf(out, "settings    %s, %s\n",
        source_name(wn_generation_config(view->current)),
        wn_metrics_lookup("winnow_settings_source_up", NULL) != 0
            ? "in order"
            : "in trouble");
    wn_settings_report_print(report, out);
    g_string_append_printf(out,
        "snapshot    %" G_GUINT64_FORMAT ", %u domain%s%s\n",
        published.generation, published.n_domains,
        published.n_domains == 1 ? "" : "s", pin_remark(view->current));
    wn_settings_report_print_problems(report, out);
}

void
wn_status_print_sync_json(const WnSupervisorView *view, GString *out)
{
    WnJson json;

    wn_json_init(&json, out);
    wn_json_open_object(&json, NULL);
    if (view->current != NULL) {
        json_generation(&json, view->current);
        wn_settings_report_json_problems(wn_generation_settings(view->current),
            &json);
    }
    wn_json_close_object(&json);
    g_string_append_c(out, '\n');
}
