/* SPDX-License-Identifier: MIT */

/*
 * winnowctl explain: runs the real chain over messages in files, with the facts
 * given on the command line, and tells for each recipient what would happen,
 * and why.  Needs no daemon.
 */

#include "core/programs/ctl/explain_print.h"
#include "core/programs/ctl/settings.h"

#include "core/base/fd.h"
#include "core/base/idna.h"
#include "core/conf/names.h"
#include "core/filtering/engine.h"
#include "core/smtp/grammar.h"
#include "core/sync/dataset.h"

#include <stdio.h>

#define MESSAGE_MAX ((size_t)256 * 1024 * 1024)

typedef struct Explain {
    WnCtl *ctl;
    CtlSettings settings;
    WnLoop *loop;
    WnChainHost *host;
    WnResolver *resolver;
    WnEngine *engine;
    ExplainFacts facts;
    bool with_view;
    WnRequest request; /* under way */
    ExplainResult *result;
    size_t at; /* recipient asked about early */
    WnExit exit;
} Explain;

/* Files of mail stores have LF line ends; on the wire a line ends with CRLF.
 * A file that has any CRLF is taken as it is. */
static GByteArray *
to_wire_lines(const char *text, size_t len)
{
    GByteArray *out = g_byte_array_sized_new((guint)len + 1024);

    if (memmem(text, len, "\r\n", 2) != NULL) {
        g_byte_array_append(out, (const guint8 *)text, (guint)len);
        return out;
    }
    while (len > 0) {
        const char *lf = memchr(text, '\n', len);
        size_t line = lf != NULL ? (size_t)(lf - text) : len;

        g_byte_array_append(out, (const guint8 *)text, (guint)line);
        g_byte_array_append(out, (const guint8 *)"\r\n", 2);
        line += lf != NULL;
        text += line;
        len -= line;
    }
    return out;
}

static void
keep_response(ExplainResult *result, const WnResponse *response)
{
    g_auto(WnWriter) writer;

    wn_writer_init(&writer);
    wn_response_write(response, &writer);
    explain_result_take(result, wn_writer_span(&writer));
}

static void
on_response(void *user, const WnResponse *response)
{
    Explain *self = user;

    keep_response(self->result, response);
    wn_loop_stop(self->loop);
}

static void
ask(Explain *self)
{
    if (wn_engine_ask(self->engine, &self->request, on_response, self) != NULL)
        wn_loop_run(self->loop);
}

static void
fill_facts(Explain *self, WnRequestKind kind)
{
    const ExplainFacts *facts = &self->facts;

    self->request = (WnRequest){ .kind = kind,
        .serial = 1,
        .session = 1,
        .attempt = 1,
        .generation = wn_snapshot_generation(self->settings.snapshot),
        .client = facts->client,
        .listener = WN_SPAN("explain"),
        .helo = wn_span_str(facts->helo),
        .rdns = wn_span_str(facts->rdns),
        .rdns_status = facts->rdns_status,
        .id = self->result->id,
        .sender = wn_span_str(facts->sender) };
}

static void
look_up_name(Explain *self)
{
    const WnResponse *response;

    fill_facts(self, WN_REQUEST_NAME);
    ask(self);
    response = explain_result_response(self->result);
    if (response == NULL)
        return;
    self->facts.rdns_status = response->rdns_status;
    g_free(self->facts.rdns);
    self->facts.rdns = wn_span_dup(response->rdns);
}

/* At RCPT, recipient by recipient, as the dialogue would. */
static void
ask_early(Explain *self, ExplainRecipient *recipient)
{
    WnRequestScope scope = { recipient->class_id };
    WnRequestRecipient asked = { wn_span_str(recipient->address), 0 };
    const WnResponse *response;

    fill_facts(self, WN_REQUEST_RCPT);
    self->request.n_scopes = self->request.n_recipients = 1;
    self->request.scopes = &scope;
    self->request.recipients = &asked;
    ask(self);
    response = explain_result_response(self->result);
    if (response == NULL || response->n_decisions != 1)
        return;
    recipient->early = explain_result_keep(self->result);
    recipient->refused_early = response->decisions[0].decided
                                   == WN_DECIDED_REJECT
                               || response->decisions[0].decided
                                      == WN_DECIDED_TEMPFAIL;
}

/* One scope per recipient: the answer is asked for each of them. */
static void
ask_message(Explain *self, WnSpan message)
{
    GArray *recipients = self->result->recipients;
    g_autoptr(GArray)
        scopes = g_array_new(FALSE, FALSE, sizeof(WnRequestScope));
    g_autoptr(GArray)
        asked = g_array_new(FALSE, FALSE, sizeof(WnRequestRecipient));

    for (guint i = 0; i < recipients->len; i++) {
        ExplainRecipient *recipient = &g_array_index(recipients,
            ExplainRecipient, i);
        WnRequestScope scope = { recipient->class_id };
        WnRequestRecipient to = { wn_span_str(recipient->address),
            scopes->len };

        recipient->scope = -1;
        if (!recipient->ours || recipient->refused_early)
            continue;
        recipient->scope = (int)scopes->len;
        g_array_append_val(scopes, scope);
        g_array_append_val(asked, to);
    }
    fill_facts(self, WN_REQUEST_MESSAGE);
    self->request.n_scopes = scopes->len;
    self->request.scopes = (const WnRequestScope *)scopes->data;
    self->request.n_recipients = asked->len;
    self->request.recipients = (const WnRequestRecipient *)asked->data;
    self->request.message = message;
    self->request.message_len = message.len;
    ask(self);
}

static void
end_session(Explain *self)
{
    fill_facts(self, WN_REQUEST_CLOSE);
    wn_engine_ask(self->engine, &self->request, NULL, NULL);
}

/* Domain and class of a recipient, as RCPT finds them. */
static void
route(const Explain *self, ExplainRecipient *recipient)
{
    char name[WN_IDNA_MAX + 1];
    char local[WN_LOCAL_PART_MAX + 1];
    g_autofree char *folded = NULL;
    WnPathStatus status;
    WnPath path;
    WnDomain domain;
    WnClass class_;
    size_t len;
    bool filtered;

    status = wn_mailbox_parse(wn_span_str(recipient->address), &path);
    if ((status != WN_PATH_OK && status != WN_PATH_UTF8)
        || !wn_domain_to_ascii(path.domain, name)
        || !wn_snapshot_domain(self->settings.snapshot, wn_span_str(name),
            &domain)) {
        recipient->why = "Relaying denied";
        return;
    }
    len = wn_local_part_unquote(path.local, local, sizeof local);
    folded = wn_local_part_fold(wn_span(local, len));
    if (folded == NULL
        || !wn_snapshot_mailbox(self->settings.snapshot, &domain,
            wn_span_str(folded), &filtered)) {
        recipient->why = "No such mailbox";
        return;
    }
    recipient->ours = true;
    recipient->class_id = filtered ? domain.class_id : 0;
    recipient->has_early = wn_snapshot_class(self->settings.snapshot,
                               recipient->class_id, &class_)
                           && class_.has_early;
}

static void
explain_message(Explain *self, const char *path, WnSpan message)
{
    g_autoptr(GString) out = g_string_new(NULL);
    ExplainResult result = { .path = path,
        .message = message,
        .facts = &self->facts,
        .config = self->settings.config,
        .generation = self->settings.generation,
        .with_view = self->with_view };

    explain_result_init(&result);
    self->result = &result;
    look_up_name(self);
    for (guint i = 0; i < result.recipients->len; i++) {
        ExplainRecipient *recipient = &g_array_index(result.recipients,
            ExplainRecipient, i);

        route(self, recipient);
        if (recipient->ours && recipient->has_early)
            ask_early(self, recipient);
    }
    ask_message(self, message);
    if (self->ctl->json)
        explain_print_json(&result, out);
    else
        explain_print_text(&result, out);
    fputs(out->str, stdout);
    end_session(self);
    explain_result_clear(&result);
    self->result = NULL;
}

static void
explain_file(Explain *self, const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) message = NULL;
    g_autofree char *text = NULL;
    size_t len;

    text = wn_fd_read_file(path, MESSAGE_MAX, &len, &error);
    if (text == NULL) {
        fprintf(stderr, "winnowctl: %s\n", error->message);
        self->exit = WN_EXIT_NO;
        return;
    }
    message = to_wire_lines(text, len);
    explain_message(self, path, wn_span(message->data, message->len));
}

static int
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The files of a folder, in name order, without those of folders below. */
static void
explain_path(Explain *self, const char *path)
{
    g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    const char *name;

    if (folder == NULL) {
        explain_file(self, path);
        return;
    }
    while ((name = g_dir_read_name(folder)) != NULL)
        g_ptr_array_add(names, g_build_filename(path, name, NULL));
    g_ptr_array_sort(names, compare_names);
    for (guint i = 0; i < names->len; i++)
        if (g_file_test(names->pdata[i], G_FILE_TEST_IS_REGULAR))
            explain_file(self, names->pdata[i]);
}

static bool
recipients_are_addresses(const GPtrArray *recipients)
{
    for (guint i = 0; i < recipients->len; i++) {
        const char *text = recipients->pdata[i];
        WnPath path;
        WnPathStatus status = wn_mailbox_parse(wn_span_str(text), &path);

        if (status == WN_PATH_OK || status == WN_PATH_UTF8)
            continue;
        fprintf(stderr, "winnowctl: --to: \"%s\" is not an address\n", text);
        return false;
    }
    return true;
}

static bool
parse_facts(Explain *self)
{
    WnCtl *ctl = self->ctl;
    bool bad = false;
    const char *client = ctl_take_option(ctl, "--client", &bad);
    const char *helo = ctl_take_option(ctl, "--helo", &bad);
    const char *from = ctl_take_option(ctl, "--from", &bad);
    const char *to;

    self->facts.recipients = g_ptr_array_new();
    while ((to = ctl_take_option(ctl, "--to", &bad)) != NULL)
        g_ptr_array_add(self->facts.recipients, g_strdup(to));
    self->with_view = ctl_take_flag(ctl, "--view");
    self->facts.helo = helo != NULL ? helo : "localhost";
    self->facts.sender = from != NULL ? from : "";
    self->facts.rdns_status = WN_PTR_UNKNOWN;
    if (!wn_netaddr_parse(wn_span_str(client != NULL ? client : "127.0.0.1"),
            &self->facts.client)) {
        fprintf(stderr, "winnowctl: --client: \"%s\" is not an address\n",
            client);
        return false;
    }
    return !bad && ctl_no_option_left(ctl) && self->facts.recipients->len > 0
           && ctl->words->len > 0
           && recipients_are_addresses(self->facts.recipients);
}

/* As the daemon would have them: mapped from what it has published where that
 * is of the same files, else compiled in memory. */
static void
make_datasets(Explain *self, WnProblems *problems)
{
    CtlSettings *settings = &self->settings;
    WnBlobShelf *shelf = wn_snapshot_blobs(settings->snapshot);
    g_autoptr(WnBlobNeeds)
        needs = wn_blob_needs_new(settings->config, settings->loader);
    WnDatasetJob job = { .config = settings->config,
        .generation = settings->generation,
        .problems = problems };

    for (guint i = 0; settings->domains != NULL && i < settings->domains->len;
         i++)
        wn_blob_needs_note_domain(needs, settings->domains->pdata[i]);
    wn_blob_needs_add(needs, settings->snapshot);
    for (unsigned i = 0; i < wn_blob_needs_count(needs); i++) {
        const WnBlobNeed *need = wn_blob_needs_get(needs, i);
        WnBlobFile *blob;

        wn_dataset_make(&job, need, &blob);
        if (blob != NULL)
            wn_blob_shelf_put(shelf, need->name, blob);
    }
}

static bool
start_host(Explain *self)
{
    g_autoptr(WnProblems) problems = wn_problems_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) text = g_string_new(NULL);

    if (!ctl_settings_load(self->ctl, &self->settings))
        return false;
    self->loop = wn_loop_new();
    self->resolver = wn_resolver_new(self->loop,
        self->settings.config->dns_servers, 2000, &error);
    if (self->resolver == NULL)
        fprintf(stderr, "winnowctl: no DNS: %s\n", error->message);
    self->host = wn_chain_host_new(self->loop, self->settings.config,
        self->resolver);
    wn_chain_host_set_trace(self->host, wn_trial_on_hook, self->ctl->board);
    wn_chain_host_load(self->host, self->settings.loader, problems);
    make_datasets(self, problems);
    wn_problems_print(problems, text);
    fputs(text->str, stderr);
    self->engine = wn_engine_new(self->loop, self->host, self->resolver, NULL);
    wn_engine_set_snapshot(self->engine, self->settings.snapshot);
    return true;
}

static void
stop_host(Explain *self)
{
    g_clear_pointer(&self->engine, wn_engine_free);
    g_clear_pointer(&self->host, wn_chain_host_free);
    g_clear_pointer(&self->resolver, wn_resolver_free);
    ctl_settings_clear(&self->settings);
    g_clear_pointer(&self->loop, wn_loop_free);
}

WnExit
ctl_explain(WnCtl *ctl)
{
    Explain self = { .ctl = ctl, .exit = WN_EXIT_OK };

    if (!parse_facts(&self)) {
        fputs("usage: winnowctl explain FILE... --to R [--to R2] [--from S] "
              "[--client A] [--helo H] [--view]\n",
            stderr);
        self.exit = WN_EXIT_USAGE;
    } else if (start_host(&self)) {
        for (guint i = 0; i < ctl->words->len; i++)
            explain_path(&self, ctl->words->pdata[i]);
    } else {
        self.exit = WN_EXIT_NO;
    }
    stop_host(&self);
    g_ptr_array_foreach(self.facts.recipients, (GFunc)(void (*)(void))g_free,
        NULL);
    g_ptr_array_unref(self.facts.recipients);
    g_free(self.facts.rdns);
    return self.exit;
}
