/* SPDX-License-Identifier: MIT */
#include "sdk/harness/harness.h"

#include "core/base/clock.h"
#include "core/base/publish.h"
#include "sdk/harness/compiled.h"
#include "sdk/harness/damage.h"
#include "sdk/harness/leaks.h"
#include "sdk/harness/plugin_file.h"
#include "sdk/harness/process.h"
#include "sdk/harness/sockets.h"
#include "sdk/harness/verdicts.h"
#include "sdk/harness/wn-harness.h"

#include <glib/gstdio.h>
#include <string.h>

#define START_MONO_US INT64_C(1000000)
#define START_UNIX_MS INT64_C(1790000000000)

static const char usual_message[] =
    "From: a@b.example\r\nTo: user@good.example\r\nSubject: test\r\n"
    "Date: Mon, 21 Sep 2026 12:00:00 +0000\r\nMessage-ID: <1@b.example>\r\n"
    "\r\nHello.\r\n";

static void
set(char **where, const char *value)
{
    g_free(*where);
    *where = g_strdup(value != NULL ? value : "");
}

static void
set_address(WnHarness *h, const char *address)
{
    if (!wn_netaddr_parse(wn_span_str(address), &h->client.address))
        wn_mistake("%s: no address", address);
}

static const WnModule *
load(const char *plugin)
{
    g_autoptr(GError) error = NULL;
    const WnModule *module = wn_plugin_file(plugin, &error);

    if (module == NULL)
        wn_mistake("%s: %s", plugin, error->message);
    return module;
}

/* One for each harness of this run. */
static char *
make_folder(void)
{
    static unsigned n;
    char *path = g_strdup_printf("%s/%u", wn_process_folder(), n++);

    if (g_mkdir(path, 0700) != 0)
        wn_mistake("%s: cannot be made", path);
    return path;
}

WnHarness *
wn_harness_new(const char *plugin, const char *options)
{
    WnHarness *h = g_new0(WnHarness, 1);

    wn_clock_fake(START_MONO_US, START_UNIX_MS);
    h->module = load(plugin);
    h->folder = make_folder();
    set(&h->options, options);
    set(&h->domain, "");
    set(&h->rule, "test");
    set(&h->evidence, "");
    set(&h->helo, "client.example");
    set(&h->rdns, "client.example");
    set(&h->sender, "sender@b.example");
    set(&h->message, usual_message);
    set_address(h, "192.0.2.1");
    h->client.listener = WN_SPAN("0.0.0.0:25");
    h->client.rdns_status = WN_PTR_VERIFIED;
    h->recipients = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(h->recipients, g_strdup("user@good.example"));
    h->usual_recipient = true;
    h->zone = wn_zone_new();
    h->shim = wn_shim_new(h->module, h->zone);
    wn_sockets_use(h->shim->peers);
    return h;
}

static void
no_world_yet(const WnHarness *h, const char *asked)
{
    if (h->world != NULL)
        wn_mistake("%s comes before the first run", asked);
}

void
wn_harness_domain(WnHarness *h, const char *options)
{
    no_world_yet(h, "wn_harness_domain");
    set(&h->domain, options);
}

void
wn_harness_file(WnHarness *h, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(h->folder, name, NULL);
    g_autofree char *folder = g_path_get_dirname(path);

    if (strstr(name, "..") != NULL || g_mkdir_with_parents(folder, 0755) != 0
        || !g_file_set_contents(path, text, -1, NULL))
        wn_mistake("%s: cannot be written", path);
}

const char *
wn_harness_dir(WnHarness *h)
{
    return h->folder;
}

void
wn_harness_rows(WnHarness *h, const char *dataset, const char *lines)
{
    g_autoptr(GError) error = NULL;

    no_world_yet(h, "wn_harness_rows");
    if (wn_shim_rows(h->shim, dataset, lines, &error)) {
        wn_compiled_keep_rows(h->folder, dataset, lines);
        return;
    }
    if (!wn_mode_has_struck())
        wn_mistake("%s: %s", dataset, error->message);
}

void
wn_harness_finding(WnHarness *h, const char *rule, const char *evidence,
    int32_t score)
{
    no_world_yet(h, "wn_harness_finding");
    set(&h->rule, rule);
    set(&h->evidence, evidence);
    h->score = score;
}

void
wn_harness_early(WnHarness *h)
{
    no_world_yet(h, "wn_harness_early");
    h->early = true;
}

void
wn_harness_expect_refusal(WnHarness *h, const char *part_of_reason)
{
    set(&h->refusal, part_of_reason);
}

/*
 * Mail
 */

void
wn_harness_client(WnHarness *h, const char *address)
{
    set_address(h, address);
}

void
wn_harness_helo(WnHarness *h, const char *name)
{
    set(&h->helo, name);
}

void
wn_harness_rdns(WnHarness *h, const char *name, int32_t status)
{
    if (status < WN_RDNS_NONE || status > WN_RDNS_UNKNOWN)
        wn_mistake("wn_harness_rdns: %d is no status", status);
    set(&h->rdns, name);
    h->client.rdns_status = (WnPtrStatus)status;
}

void
wn_harness_tls(WnHarness *h, uint16_t version)
{
    h->client.tls_version = version;
}

void
wn_harness_sender(WnHarness *h, const char *address)
{
    set(&h->sender, address);
}

void
wn_harness_rcpt(WnHarness *h, const char *address)
{
    if (h->usual_recipient)
        g_ptr_array_set_size(h->recipients, 0);
    h->usual_recipient = false;
    g_ptr_array_add(h->recipients, g_strdup(address));
}

void
wn_harness_message(WnHarness *h, const char *text)
{
    GString *out = g_string_new(NULL);

    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '\n' && (at == text || at[-1] != '\r'))
            g_string_append_c(out, '\r');
        g_string_append_c(out, *at);
    }
    g_free(h->message);
    h->message = g_string_free(out, FALSE);
}

void
wn_harness_message_file(WnHarness *h, const char *path)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;

    if (!g_file_get_contents(path, &text, NULL, &error))
        wn_mistake("%s", error->message);
    wn_harness_message(h, text);
}

void
wn_harness_dns(WnHarness *h, const char *lines)
{
    g_autoptr(GError) error = NULL;

    if (!wn_zone_add(h->zone, lines, &error))
        wn_mistake("%s", error->message);
}

void
wn_harness_dns_clear(WnHarness *h)
{
    wn_zone_clear(h->zone);
}

unsigned
wn_harness_n_queries(const WnHarness *h)
{
    return h->shim->n_queries;
}

/*
 * Servers
 */

void
wn_harness_peer(WnHarness *h, const char *address, const char *script)
{
    GString *whole = g_string_new(address);
    g_autoptr(GError) error = NULL;

    g_string_replace(whole, "${dir}", h->folder, 0);
    if (!wn_peers_add(h->shim->peers, whole->str, script, &error))
        wn_mistake("%s: %s", address, error->message);
    g_string_free(whole, TRUE);
}

unsigned
wn_harness_n_connections(const WnHarness *h)
{
    return wn_peers_n_connections(h->shim->peers);
}

/*
 * Running
 */

static bool
make_world(WnHarness *h, GError **error)
{
    WnWorldSetting setting = { .folder = h->folder,
        .options = h->options,
        .domain = h->domain,
        .addresses = h->recipients,
        .rule = h->rule,
        .evidence = h->evidence,
        .score = h->score,
        .early = h->early };

    h->world = wn_world_new(h->shim, &setting, error);
    return h->world != NULL;
}

static void
need_world(WnHarness *h)
{
    g_autoptr(GError) error = NULL;

    if (h->world != NULL || h->refused)
        return;
    if (make_world(h, &error)) {
        if (h->refusal != NULL)
            wn_mistake("not refused; expected: %s", h->refusal);
        return;
    }
    if (h->refusal != NULL && strstr(error->message, h->refusal) != NULL)
        h->refused = true;
    else if (!wn_mode_has_struck())
        wn_mistake("refused: %s", error->message);
    h->refused = true;
}

static void
start(WnHarness *h)
{
    WnRunMail mail = { .client = &h->client,
        .helo = h->helo,
        .sender = h->sender,
        .recipients = h->recipients,
        .message = h->message };

    h->client.rdns = wn_span_str(h->rdns);
    h->run = wn_run_new(h->world, h->shim, &mail);
}

void
wn_harness_start(WnHarness *h)
{
    wn_harness_hang_up(h);
    need_world(h);
    if (!h->refused)
        start(h);
    if (h->run != NULL)
        wn_run_turn(h->run);
}

void
wn_harness_step(WnHarness *h, int64_t ms)
{
    wn_clock_fake_step(ms);
    if (h->run != NULL)
        wn_run_turn(h->run);
}

int
wn_harness_done(const WnHarness *h)
{
    return h->run == NULL || wn_run_is_over(h->run);
}

void
wn_harness_hang_up(WnHarness *h)
{
    if (h->run != NULL && !wn_run_is_over(h->run))
        wn_peers_forgive(h->shim->peers);
    g_clear_pointer(&h->run, wn_run_free);
}

static void
judge(const WnRunResult *result)
{
    if (result != NULL)
        wn_verdicts_judge(result->verdict, result->decision);
    else
        wn_verdicts_judge(NULL, NULL);
}

void
wn_harness_run(WnHarness *h)
{
    wn_harness_hang_up(h);
    need_world(h);
    if (h->refused)
        return;
    start(h);
    wn_run_finish(h->run);
    judge(wn_run_result(h->run));
}

/* The same mail, whatever comes of it. */
static void
run_again(void *user)
{
    WnHarness *h = user;

    start(h);
    wn_run_finish(h->run);
    wn_peers_forgive(h->shim->peers);
    g_clear_pointer(&h->run, wn_run_free);
    g_string_truncate(h->shim->log, 0);
}

/*
 * Over and over: what grows each time is a leak.
 */

static void
repeat(WnHarness *h)
{
    WnLeaks leaks = { 0 };

    while (wn_leaks_repeat(&leaks)) {
        g_clear_pointer(&h->run, wn_run_free);
        g_clear_pointer(&h->world, wn_world_free);
        wn_peers_judge(h->shim->peers);
        g_string_truncate(h->shim->log, 0);
        if (!make_world(h, NULL))
            wn_mistake("refused when it was made again");
        start(h);
        wn_run_finish(h->run);
        wn_leaks_measure(&leaks);
    }
}

void
wn_harness_free(WnHarness *h)
{
    if (h == NULL)
        return;
    if (wn_mode()->repeated && h->world != NULL)
        repeat(h);
    wn_harness_hang_up(h);
    if (wn_mode()->damaged && h->world != NULL)
        wn_damage_try(h->world, h->shim, run_again, h);
    wn_world_free(h->world);
    wn_peers_judge(h->shim->peers);
    wn_sockets_use(NULL);
    wn_shim_free(h->shim);
    wn_zone_free(h->zone);
    wn_folder_remove(h->folder, NULL);
    g_ptr_array_unref(h->recipients);
    g_free(h->folder);
    g_free(h->options);
    g_free(h->domain);
    g_free(h->rule);
    g_free(h->evidence);
    g_free(h->refusal);
    g_free(h->helo);
    g_free(h->rdns);
    g_free(h->sender);
    g_free(h->message);
    g_free(h);
}
