/* SPDX-License-Identifier: MIT */

/*
 * winnowctl sink: a server that takes every message and writes it to a folder,
 * ID.eml as it came (unstuffed) and ID.json with its envelope.  The message is
 * answered when both are written.  For trials and tests.
 */

#include "core/programs/ctl/ctl.h"

#include "core/base/fd.h"
#include "core/base/json.h"
#include "core/event/listener.h"
#include "core/smtp/framing.h"
#include "core/smtp/session.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

typedef struct Sink {
    WnLoop *loop;
    WnSessionContext context;
    const char *folder;
    const char *listen;
    uint64_t n_messages;
} Sink;

static WnAnswerWhen
on_connect(void *user, WnSession *session, WnReply *out_reply)
{
    (void)user;
    (void)session;
    *out_reply = (WnReply){ 220, NULL, "" };
    return WN_ANSWER_NOW;
}

static void
on_helo(void *user, WnSession *session)
{
    (void)user;
    (void)session;
}

static WnAnswerWhen
on_mail(void *user, WnSession *session, WnReply *out_reply)
{
    (void)user;
    (void)session;
    *out_reply = (WnReply){ 250, "2.1.0", "Sender ok" };
    return WN_ANSWER_NOW;
}

static WnAnswerWhen
on_rcpt(void *user, WnSession *session, WnSessionRecipient *recipient,
    WnReply *out_reply)
{
    (void)user;
    (void)session;
    (void)recipient;
    *out_reply = (WnReply){ 250, "2.1.5", "Recipient ok" };
    return WN_ANSWER_NOW;
}

static void
on_data(void *user, WnSession *session, WnReply *out_reply)
{
    (void)user;
    (void)session;
    *out_reply = (WnReply){ 354, NULL, "Go ahead" };
}

static void
describe(WnSession *session, const WnTransaction *transaction, GString *out)
{
    char client[WN_NETADDR_TEXT_MAX];
    WnJson json;

    wn_netaddr_format(wn_session_client(session), client);
    wn_json_init(&json, out);
    wn_json_open_object(&json, NULL);
    wn_json_str(&json, "client", client);
    wn_json_span(&json, "helo", wn_session_helo(session));
    wn_json_span(&json, "sender", transaction->sender.text);
    wn_json_open_list(&json, "recipients");
    for (guint i = 0; i < transaction->recipients->len; i++) {
        const WnSessionRecipient *recipient = transaction->recipients->pdata[i];

        wn_json_span(&json, NULL, recipient->path.text);
    }
    wn_json_close_list(&json);
    wn_json_close_object(&json);
    g_string_append_c(out, '\n');
}

/* A reader sees a whole file or none.  Nothing is synced: it is a trial. */
static bool
store(const Sink *self, const char *id, const char *suffix, WnSpan bytes)
{
    g_autofree char *path = g_strdup_printf("%s/%s.%s", self->folder, id,
        suffix);
    g_autofree char *part = g_strdup_printf("%s.part", path);

    return g_file_set_contents_full(part, bytes.ptr, (gssize)bytes.len,
               G_FILE_SET_CONTENTS_NONE, 0644, NULL)
           && rename(part, path) == 0;
}

static WnAnswerWhen
on_message(void *user, WnSession *session, const WnSessionMessage *message,
    WnReply *out_reply)
{
    Sink *self = user;
    const WnTransaction *transaction = wn_session_transaction(session);
    g_autoptr(GByteArray) plain = g_byte_array_new();
    g_autoptr(GString) envelope = g_string_new(NULL);
    char id[WN_ID_TEXT_LEN + 1];

    wn_id_format(&transaction->id, id);
    wn_framing_unstuff(message->wire, plain);
    describe(session, transaction, envelope);
    if (store(self, id, "json", wn_span(envelope->str, envelope->len))
        && store(self, id, "eml", wn_span(plain->data, plain->len))) {
        self->n_messages++;
        *out_reply = (WnReply){ 250, "2.0.0", "Stored" };
    } else {
        *out_reply = (WnReply){ 452, "4.3.1", "Cannot store" };
    }
    return WN_ANSWER_NOW;
}

static void
on_session_event(void *user, WnSession *session)
{
    (void)user;
    (void)session;
}

static const WnSessionHandler handler = {
    .connect = on_connect,
    .helo = on_helo,
    .mail = on_mail,
    .rcpt = on_rcpt,
    .data = on_data,
    .message = on_message,
    .reset = on_session_event,
    .closed = on_session_event,
};

static void
on_accept(void *user, int take_fd, const WnNetaddr *peer)
{
    Sink *self = user;

    wn_session_new(&self->context, take_fd, peer, false, self->listen);
}

static void
on_stop(void *user)
{
    wn_loop_stop(((Sink *)user)->loop);
}

static WnExit
serve(Sink *self, const WnNetaddr *address)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(WnListener) listener = NULL;
    int fd = wn_listener_bind(address, &error);

    if (fd < 0) {
        fprintf(stderr, "winnowctl: %s\n", error->message);
        return WN_EXIT_NO;
    }
    listener = wn_listener_new(self->loop, fd, "421 4.3.2 Busy\r\n", on_accept,
        self);
    wn_loop_on_signal(self->loop, SIGTERM, on_stop, self);
    wn_loop_on_signal(self->loop, SIGINT, on_stop, self);
    printf("sink listens on %s, messages go to %s\n", self->listen,
        self->folder);
    fflush(stdout);
    wn_loop_run(self->loop);
    printf("sink received %" G_GUINT64_FORMAT " messages\n", self->n_messages);
    return WN_EXIT_OK;
}

static WnExit
usage(void)
{
    fputs("usage: winnowctl sink --listen ADDRESS:PORT --dir FOLDER\n", stderr);
    return WN_EXIT_USAGE;
}

WnExit
ctl_sink(WnCtl *ctl)
{
    bool bad = false;
    const char *listen = ctl_take_option(ctl, "--listen", &bad);
    const char *folder = ctl_take_option(ctl, "--dir", &bad);
    g_autoptr(WnLoop) loop = NULL;
    WnNetaddr address;
    Sink self;

    if (bad || listen == NULL || folder == NULL || ctl->words->len > 0
        || !wn_netaddr_parse_port(wn_span_str(listen), 0, &address)
        || address.port == 0)
        return usage();
    if (g_mkdir_with_parents(folder, 0755) != 0) {
        fprintf(stderr, "winnowctl: %s: %s\n", folder, g_strerror(errno));
        return WN_EXIT_NO;
    }
    loop = wn_loop_new();
    self = (Sink){ .loop = loop, .folder = folder, .listen = listen };
    self.context = (WnSessionContext){ .loop = loop,
        .handler = &handler,
        .handler_self = &self,
        .hostname = "sink.invalid",
        .max_message_size = 1024 * 1024 * 1024,
        .max_recipients = 10000,
        .spool = folder,
        .memory_max = 1024 * 1024,
        .command_timeout_ms = 300 * 1000,
        .data_timeout_ms = 3600 * 1000,
        .min_data_rate = 1 };
    return serve(&self, &address);
}
