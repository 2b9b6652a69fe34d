/* SPDX-License-Identifier: MIT */
#include "core/smtp/session_private.h"

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/smtp/envelope.h"

/* Without an accepted message between them; RCPT has its own limit. */
#define COMMANDS_MAX 1000
#define BAD_COMMANDS_MAX 20

/* Of one connection; more of the same tells nothing new. */
#define REFUSALS_LOGGED_MAX 10

static const WnReply ok = { 250, "2.0.0", "OK" };
static const WnReply no_argument = { 501, "5.5.4", "no argument allowed" };
static const WnReply not_understood = { 500, "5.5.2", "command unknown" };
static const WnReply not_implemented = { 502, "5.5.1",
    "command not implemented" };
static const WnReply not_smtp = { 421, "4.7.0", "this is a mail server" };
static const WnReply helo_first = { 503, "5.5.1", "send HELO first" };
static const WnReply too_early = { 554, "5.5.0", "protocol synchronization" };
static const WnReply too_many_commands = { 421, "4.7.0", "too many commands" };
static const WnReply too_many_errors = { 421, "4.7.0", "too many errors" };
static const WnReply bad_helo = { 501, "5.5.4", "a host name is needed" };
static const WnReply too_large = { 552, "5.3.4", "message too large" };
static const WnReply no_prdr = { 555, "5.5.4", "parameter not supported" };
static const WnReply many_recipients = { 452, "4.5.3", "too many recipients" };
static const WnReply endless_recipients = { 421, "4.5.3",
    "too many recipients" };
static const WnReply recipient_first = { 503, "5.5.1", "send RCPT first" };
static const WnReply no_recipient = { 554, "5.5.1", "no valid recipients" };
static const WnReply go_ahead = { 354, NULL, "end with a dot on its own line" };
static const WnReply cannot_verify = { 252, "2.0.0",
    "send some mail, I will try my best" };
static const WnReply help = { 214, "2.0.0", "see RFC 5321" };
static const WnReply no_auth = { 503, "5.5.1",
    "authentication is not available" };
static const WnReply no_tls = { 502, "5.5.1", "TLS is not available" };
static const WnReply tls_already = { 503, "5.5.1", "TLS is active already" };
static const WnReply start_tls = { 220, "2.0.0", "ready to start TLS" };
static const WnReply goodbye = { 221, "2.0.0", "goodbye" };

/* Where the dialogue is, as far as the order of commands goes. */
enum {
    FRESH = 1 << 0,   /* no HELO yet */
    GREETED = 1 << 1, /* no transaction */
    OPENED = 1 << 2,  /* MAIL was accepted */
    ANYWHERE = FRESH | GREETED | OPENED
};

enum {
    /* RFC 5321 has no argument for it; white space at the end is tolerated. */
    NO_ARGUMENT = 1 << 0,
    /* RFC 2920 §3.1: the client has to wait for the reply, for what follows
     * means something else depending on it.  EHLO is such a command by the
     * letter only. */
    ENDS_BATCH = 1 << 1
};

typedef struct Rule {
    WnVerb verb;
    void (*run)(WnSession *self, const WnCommand *command);
    unsigned phases;
    unsigned flags;
    const char *disorder; /* said in a wrong phase */
} Rule;

static void
log_refusal(const WnSession *self, const WnCommand *command,
    const WnReply *reply)
{
    char client[WN_NETADDR_TEXT_MAX];
    WnEvent event;

    if (!wn_log_enabled(WN_LEVEL_INFO) || self->n_refused > REFUSALS_LOGGED_MAX)
        return;
    wn_netaddr_format(&self->client, client);
    wn_event_begin(&event, WN_LEVEL_INFO, "refused_command");
    wn_event_str(&event, "client", client);
    wn_event_span(&event, "command", command->name);
    /* What stands behind AUTH may be a password. */
    if (command->verb != WN_VERB_AUTH)
        wn_event_span(&event, "argument", command->argument);
    wn_event_int(&event, "code", reply->code);
    wn_event_str(&event, "text", reply->text);
    wn_event_end(&event);
}

/* Says no to a command for reasons of protocol. */
static void
refuse(WnSession *self, const WnCommand *command, const WnReply *reply)
{
    self->n_refused++;
    log_refusal(self, command, reply);
    wn_session_say(self, reply);
    wn_session_command_done(self);
}

static void
refuse_and_close(WnSession *self, const WnCommand *command,
    const WnReply *reply)
{
    self->n_refused++;
    log_refusal(self, command, reply);
    wn_session_end(self, reply, "refused command");
}

void
wn_session_bad_command(WnSession *self, const WnCommand *command,
    const WnReply *reply)
{
    self->n_bad++;
    if (self->n_bad >= BAD_COMMANDS_MAX)
        refuse_and_close(self, command, &too_many_errors);
    else
        refuse(self, command, reply);
}

static void
forget_transaction(WnSession *self)
{
    GPtrArray *recipients = self->transaction.recipients;

    g_ptr_array_set_size(recipients, 0);
    self->transaction = (WnTransaction){ .recipients = recipients };
    self->transaction_state = WN_TRANSACTION_NONE;
    self->recipient = NULL;
    self->n_rcpt = 0;
    wn_store_reset(&self->store);
    if (self->arena != NULL)
        wn_arena_reset(self->arena);
}

void
wn_session_reset(WnSession *self)
{
    const WnSessionContext *context = self->context;

    if (self->transaction_state != WN_TRANSACTION_OPEN)
        return;
    self->transaction_state = WN_TRANSACTION_ENDING;
    context->handler->reset(context->handler_self, self);
    forget_transaction(self);
}

static void
say_offers(WnSession *self)
{
    const WnSessionContext *context = self->context;
    bool tls = context->tls != NULL && !wn_stream_is_tls(self->stream);

    wn_buffer_printf(&self->out,
        "250-%s\r\n"
        "250-PIPELINING\r\n"
        "250-SIZE %" G_GUINT64_FORMAT "\r\n"
        "250-8BITMIME\r\n"
        "250-SMTPUTF8\r\n"
        "250-ENHANCEDSTATUSCODES\r\n"
        "250-DSN\r\n"
        "%s%s"
        "250 LIMITS RCPTMAX=%u\r\n",
        context->hostname, context->max_message_size,
        tls ? "250-STARTTLS\r\n" : "",
        context->offer_prdr ? "250-PRDR\r\n" : "", context->max_recipients);
}

static void
do_helo(WnSession *self, const WnCommand *command)
{
    const WnSessionContext *context = self->context;
    WnSpan name = wn_span_trim(command->argument);

    if (name.len > WN_DOMAIN_MAX || !wn_helo_is_valid(name)) {
        refuse(self, command, &bad_helo);
        return;
    }
    wn_session_reset(self);
    memcpy(self->helo, name.ptr, name.len);
    self->helo_len = name.len;
    self->esmtp = command->verb == WN_VERB_EHLO;
    context->handler->helo(context->handler_self, self);
    if (self->state == WN_STATE_CLOSED)
        return;
    if (self->esmtp)
        say_offers(self);
    else
        wn_buffer_printf(&self->out, "250 %s\r\n", context->hostname);
    wn_session_command_done(self);
}

static WnSpan
keep_argument(WnSession *self, const WnCommand *command)
{
    if (self->arena == NULL)
        self->arena = wn_arena_new(0);
    return wn_arena_copy(self->arena, command->argument);
}

static void
open_transaction(WnSession *self, const WnMailArguments *mail)
{
    self->transaction = (WnTransaction){
        .id = wn_id_new(),
        .sender = mail->sender,
        .declared_size = mail->size,
        .body_8bit = mail->body_8bit,
        .prdr = mail->prdr,
        .utf8 = mail->utf8,
        .ret = mail->ret,
        .envid = mail->envid,
        .recipients = self->transaction.recipients,
        .began_ms = wn_clock_mono_ms(),
    };
    self->transaction_state = WN_TRANSACTION_OPEN;
}

static void
do_mail(WnSession *self, const WnCommand *command)
{
    const WnSessionContext *context = self->context;
    WnMailArguments mail;
    const WnReply *refusal = wn_envelope_parse_mail(keep_argument(self,
                                                        command),
        &mail);
    WnReply reply = { 0 };
    WnAnswerWhen when;

    if (refusal == NULL && mail.size > context->max_message_size)
        refusal = &too_large;
    if (refusal == NULL && mail.prdr && !context->offer_prdr)
        refusal = &no_prdr;
    if (refusal != NULL) {
        forget_transaction(self);
        refuse(self, command, refusal);
        return;
    }
    open_transaction(self, &mail);
    wn_session_enter(self, WN_STATE_WAIT_MAIL);
    self->calling = true;
    when = context->handler->mail(context->handler_self, self, &reply);
    self->calling = false;
    if (when == WN_ANSWER_NOW && self->state == WN_STATE_WAIT_MAIL)
        wn_session_mail_answered(self, &reply);
}

/* After a reply that the handler gave. */
static void
answered(WnSession *self, const WnReply *reply)
{
    if (reply->code == 421)
        wn_session_end(self, NULL, "refused");
    else
        wn_session_command_done(self);
}

void
wn_session_mail_answered(WnSession *self, const WnReply *reply)
{
    wn_session_say(self, reply);
    if (reply->code / 100 != 2)
        forget_transaction(self);
    answered(self, reply);
}

static void
do_rcpt(WnSession *self, const WnCommand *command)
{
    const WnSessionContext *context = self->context;
    WnRcptArguments rcpt;
    const WnReply *refusal;
    WnReply reply = { 0 };
    WnAnswerWhen when;

    self->n_rcpt++;
    if (self->n_rcpt >= 2 * (uint64_t)context->max_recipients) {
        refuse_and_close(self, command, &endless_recipients);
        return;
    }
    if (self->transaction.recipients->len >= context->max_recipients) {
        refuse(self, command, &many_recipients);
        return;
    }
    refusal = wn_envelope_parse_rcpt(keep_argument(self, command),
        self->transaction.utf8, &rcpt);
    if (refusal != NULL) {
        refuse(self, command, refusal);
        return;
    }
    self->recipient = wn_arena_new0(self->arena, WnSessionRecipient);
    self->recipient->path = rcpt.recipient;
    self->recipient->notify = rcpt.notify;
    self->recipient->orcpt = rcpt.orcpt;
    wn_session_enter(self, WN_STATE_WAIT_RCPT);
    self->calling = true;
    when = context->handler->rcpt(context->handler_self, self, self->recipient,
        &reply);
    self->calling = false;
    if (when == WN_ANSWER_NOW && self->state == WN_STATE_WAIT_RCPT)
        wn_session_rcpt_answered(self, &reply);
}

void
wn_session_rcpt_answered(WnSession *self, const WnReply *reply)
{
    wn_session_say(self, reply);
    if (reply->code / 100 == 2)
        g_ptr_array_add(self->transaction.recipients, self->recipient);
    self->recipient = NULL;
    answered(self, reply);
}

static void
do_data(WnSession *self, const WnCommand *command)
{
    const WnSessionContext *context = self->context;
    WnReply reply = { 0 };

    if (self->transaction.recipients->len == 0) {
        refuse(self, command,
            self->n_rcpt > 0 ? &no_recipient : &recipient_first);
        return;
    }
    self->calling = true;
    context->handler->data(context->handler_self, self, &reply);
    self->calling = false;
    if (self->state == WN_STATE_CLOSED)
        return;
    if (reply.code != 354) {
        wn_session_say(self, &reply);
        wn_session_reset(self);
        answered(self, &reply);
        return;
    }
    wn_session_say(self, reply.text != NULL ? &reply : &go_ahead);
    wn_session_begin_data(self);
}

static void
do_rset(WnSession *self, const WnCommand *command)
{
    (void)command;
    wn_session_reset(self);
    wn_session_say(self, &ok);
    wn_session_command_done(self);
}

static void
do_noop(WnSession *self, const WnCommand *command)
{
    (void)command;
    wn_session_say(self, &ok);
    wn_session_command_done(self);
}

static void
do_vrfy(WnSession *self, const WnCommand *command)
{
    (void)command;
    wn_session_say(self, &cannot_verify);
    wn_session_command_done(self);
}

static void
do_help(WnSession *self, const WnCommand *command)
{
    (void)command;
    wn_session_say(self, &help);
    wn_session_command_done(self);
}

static void
do_quit(WnSession *self, const WnCommand *command)
{
    (void)command;
    wn_session_end(self, &goodbye, "quit");
}

static void
do_auth(WnSession *self, const WnCommand *command)
{
    refuse(self, command, &no_auth);
}

static void
do_not_implemented(WnSession *self, const WnCommand *command)
{
    refuse(self, command, &not_implemented);
}

/* The octets behind BDAT are no commands, and nobody knows how many come. */
static void
do_bdat(WnSession *self, const WnCommand *command)
{
    refuse_and_close(self, command, &not_implemented);
}

static void
do_foreign(WnSession *self, const WnCommand *command)
{
    refuse_and_close(self, command, &not_smtp);
}

static void
do_unknown(WnSession *self, const WnCommand *command)
{
    wn_session_bad_command(self, command, &not_understood);
}

/* RFC 3207 §4.2: nothing said before TLS counts any more. */
static void
do_starttls(WnSession *self, const WnCommand *command)
{
    bool active = wn_stream_is_tls(self->stream);

    if (self->context->tls == NULL || active) {
        refuse(self, command, active ? &tls_already : &no_tls);
        return;
    }
    wn_session_reset(self);
    if (self->state == WN_STATE_CLOSED)
        return;
    self->helo_len = 0;
    self->esmtp = false;
    wn_session_say(self, &start_tls);
    wn_session_hand_over(self);
    wn_session_enter(self, WN_STATE_HANDSHAKE);
    wn_stream_start_tls(self->stream, self->context->tls, WN_TLS_ACCEPT, NULL,
        false);
}

static const Rule rules[] = {
    { WN_VERB_HELO, do_helo, ANYWHERE, 0, NULL },
    { WN_VERB_EHLO, do_helo, ANYWHERE, 0, NULL },
    { WN_VERB_MAIL, do_mail, GREETED, 0, "nested MAIL" },
    { WN_VERB_RCPT, do_rcpt, OPENED, 0, "send MAIL first" },
    { WN_VERB_DATA, do_data, OPENED, NO_ARGUMENT | ENDS_BATCH,
        "send MAIL first" },
    { WN_VERB_RSET, do_rset, ANYWHERE, NO_ARGUMENT, NULL },
    { WN_VERB_NOOP, do_noop, ANYWHERE, 0, NULL },
    { WN_VERB_QUIT, do_quit, ANYWHERE, NO_ARGUMENT, NULL },
    { WN_VERB_VRFY, do_vrfy, ANYWHERE, 0, NULL },
    { WN_VERB_HELP, do_help, ANYWHERE, 0, NULL },
    { WN_VERB_STARTTLS, do_starttls, ANYWHERE, NO_ARGUMENT | ENDS_BATCH, NULL },
    { WN_VERB_AUTH, do_auth, ANYWHERE, 0, NULL },
    { WN_VERB_BDAT, do_bdat, ANYWHERE, 0, NULL },
    { WN_VERB_EXPN, do_not_implemented, ANYWHERE, 0, NULL },
    { WN_VERB_NOT_IMPLEMENTED, do_not_implemented, ANYWHERE, 0, NULL },
    { WN_VERB_FOREIGN, do_foreign, ANYWHERE, 0, NULL },
    { WN_VERB_UNKNOWN, do_unknown, ANYWHERE, 0, NULL },
};

static const Rule *
find_rule(WnVerb verb)
{
    const Rule *rule = rules;

    while (rule->verb != verb && rule->verb != WN_VERB_UNKNOWN)
        rule++;
    return rule;
}

static unsigned
phase(const WnSession *self)
{
    if (self->helo_len == 0)
        return FRESH;
    return self->transaction_state == WN_TRANSACTION_NONE ? GREETED : OPENED;
}

void
wn_session_command(WnSession *self, const WnCommand *command)
{
    const Rule *rule = find_rule(command->verb);
    WnReply disorder = { 503, "5.5.1", rule->disorder };

    if (command->verb != WN_VERB_RCPT && ++self->n_commands > COMMANDS_MAX)
        refuse_and_close(self, command, &too_many_commands);
    else if ((rule->flags & ENDS_BATCH) && wn_session_has_early_input(self))
        refuse_and_close(self, command, &too_early);
    else if ((rule->flags & NO_ARGUMENT)
             && wn_span_trim(command->argument).len > 0)
        refuse(self, command, &no_argument);
    else if (!(rule->phases & phase(self)))
        refuse(self, command, phase(self) == FRESH ? &helo_first : &disorder);
    else
        rule->run(self, command);
}
