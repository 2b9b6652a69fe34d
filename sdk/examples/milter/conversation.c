/* SPDX-License-Identifier: MIT */
#include "conversation.h"
#include "protocol.h"

#include <string.h>

#define TEXT_MAX 200
#define COMMAND_MAX 1024

typedef enum {
    STEP_NEGOTIATE,
    STEP_CONNECT,
    STEP_HELO,
    STEP_MAIL,
    STEP_RCPT,
    STEP_DATA,
    STEP_HEADER,
    STEP_EOH,
    STEP_BODY,
    STEP_EOM
} Step;

/* What of a step's flags say that it is left out, or not answered. */
static const struct {
    uint32_t left_out;
    uint32_t silent;
} steps[] = {
    [STEP_NEGOTIATE] = { 0, 0 },
    [STEP_CONNECT] = { MILTER_NO_CONNECT, MILTER_SILENT_CONNECT },
    [STEP_HELO] = { MILTER_NO_HELO, MILTER_SILENT_HELO },
    [STEP_MAIL] = { MILTER_NO_MAIL, MILTER_SILENT_MAIL },
    [STEP_RCPT] = { MILTER_NO_RCPT, MILTER_SILENT_RCPT },
    [STEP_DATA] = { MILTER_NO_DATA, MILTER_SILENT_DATA },
    [STEP_HEADER] = { MILTER_NO_HEADERS, MILTER_SILENT_HEADER },
    [STEP_EOH] = { MILTER_NO_EOH, MILTER_SILENT_EOH },
    [STEP_BODY] = { MILTER_NO_BODY, MILTER_SILENT_BODY },
    [STEP_EOM] = { 0, 0 },
};

typedef struct Conversation {
    const WnHost *host;
    WnCall *call;
    Talk *talk;
    Fields *fields;
    MilterFn fn;
    void *user;
    Step step;     /* that was sent last */
    uint32_t item; /* recipient or field of it */
    size_t offset; /* of the body's next chunk */
    WnStr body;
    uint32_t wanted; /* steps, as negotiated */
    uint32_t n_welcome;
    int quarantine;
    char text[TEXT_MAX];
} Conversation;

/*
 * Commands
 */

typedef struct Command {
    size_t len;
    char bytes[COMMAND_MAX];
} Command;

static void
put(Command *command, const void *bytes, size_t len)
{
    if (len > COMMAND_MAX - command->len)
        len = COMMAND_MAX - command->len;
    memcpy(command->bytes + command->len, bytes, len);
    command->len += len;
}

static void
put_string(Command *command, WnStr text)
{
    size_t room = COMMAND_MAX - command->len - 1;

    put(command, text.ptr, text.len < room ? text.len : room);
    put(command, "", 1);
}

static void
begin(Command *command, char kind)
{
    command->len = 4;
    put(command, &kind, 1);
}

static void
say(Conversation *self, Command *command)
{
    milter_put_number(command->bytes, (uint32_t)command->len - 4);
    talk_say_copy(self->talk, command->bytes, command->len);
}

/* A packet whose data outlive the call's start, not copied. */
static void
say_long(Conversation *self, char kind, const void *data, size_t len)
{
    char head[5];

    milter_put_number(head, (uint32_t)len + 1);
    head[4] = kind;
    talk_say_copy(self->talk, head, sizeof head);
    talk_say(self->talk, data, len);
}

static WnStr
str(const char *text)
{
    WnStr result = { text, strlen(text) };

    return result;
}

static void
put_macro(Command *command, const char *name, WnStr value)
{
    if (value.len == 0)
        return;
    put_string(command, str(name));
    put_string(command, value);
}

static void
say_macros(Conversation *self, Step step, char kind, const WnAddress *address)
{
    const WnHost *host = self->host;
    const WnClient *client = host->facts->client(self->call);
    Command command;

    begin(&command, MILTER_MACROS);
    put(&command, &kind, 1);
    if (step == STEP_CONNECT) {
        put_macro(&command, "j", str(host->hostname));
        put_macro(&command, "{daemon_name}", str("winnow"));
        put_macro(&command, "v", str(host->version));
        put_macro(&command, "{client_addr}", client->address_text);
        put_macro(&command, "{client_name}",
            client->rdns_status == WN_RDNS_VERIFIED ? client->rdns
                                                    : str("unknown"));
    } else if (step == STEP_HELO && client->tls_version != 0) {
        put_macro(&command, "{tls_version}",
            str(client->tls_version == 0x0304 ? "TLSv1.3" : "TLSv1.2"));
    } else if (step == STEP_MAIL) {
        put_macro(&command, "i", host->facts->transaction_id(self->call));
        put_macro(&command, "{mail_addr}", address->text);
        put_macro(&command, "{mail_host}", address->domain);
    } else if (step == STEP_RCPT) {
        put_macro(&command, "{rcpt_addr}", address->text);
        put_macro(&command, "{rcpt_host}", address->domain);
    } else if (step == STEP_EOM) {
        put_macro(&command, "i", host->facts->transaction_id(self->call));
    }
    say(self, &command);
}

static void
say_negotiate(Conversation *self)
{
    static const uint32_t offers[] = { MILTER_VERSION,
        MILTER_MAY_ADD_HEADERS | MILTER_MAY_CHANGE_HEADERS
            | MILTER_MAY_QUARANTINE | MILTER_MAY_CHOOSE_MACROS,
        MILTER_ALL_STEPS };
    Command command;
    size_t i;

    begin(&command, MILTER_NEGOTIATE);
    for (i = 0; i < sizeof offers / sizeof *offers; i++) {
        char number[4];

        milter_put_number(number, offers[i]);
        put(&command, number, sizeof number);
    }
    say(self, &command);
}

static void
say_connect(Conversation *self)
{
    const WnClient *client = self->host->facts->client(self->call);
    char port[2] = { (char)(client->port >> 8), (char)client->port };
    Command command;

    say_macros(self, STEP_CONNECT, MILTER_CONNECT, NULL);
    begin(&command, MILTER_CONNECT);
    if (client->rdns_status == WN_RDNS_VERIFIED) {
        put_string(&command, client->rdns);
    } else {
        put(&command, "[", 1);
        put(&command, client->address_text.ptr, client->address_text.len);
        put_string(&command, str("]"));
    }
    put(&command, client->address_len == 4 ? "4" : "6", 1);
    put(&command, port, sizeof port);
    put_string(&command, client->address_text);
    say(self, &command);
}

static void
say_helo(Conversation *self)
{
    Command command;

    say_macros(self, STEP_HELO, MILTER_HELO, NULL);
    begin(&command, MILTER_HELO);
    put_string(&command, self->host->facts->client(self->call)->helo);
    say(self, &command);
}

static void
say_address(Conversation *self, char kind, const WnAddress *address)
{
    Command command;

    say_macros(self, self->step, kind, address);
    begin(&command, kind);
    put(&command, "<", 1);
    put(&command, address->text.ptr,
        address->text.len < COMMAND_MAX / 2 ? address->text.len
                                            : COMMAND_MAX / 2);
    put_string(&command, str(">"));
    say(self, &command);
}

/* Without the space behind the colon where the milter does not expect it. */
static void
say_header(Conversation *self, const Field *field)
{
    const char *value = field->value;
    size_t name_len = strlen(field->name) + 1, value_len;
    char *data;

    if ((self->wanted & MILTER_LEADING_SPACE) == 0
        && (value[0] == ' ' || value[0] == '\t'))
        value++;
    value_len = strlen(value) + 1;
    data = self->host->call->alloc(self->call, WN_LIFE_CALL,
        name_len + value_len);
    memcpy(data, field->name, name_len);
    memcpy(data + name_len, value, value_len);
    say_long(self, MILTER_HEADER, data, name_len + value_len);
}

static void
say_body(Conversation *self)
{
    size_t left = self->body.len - self->offset;
    size_t len = left < MILTER_BODY_CHUNK ? left : MILTER_BODY_CHUNK;

    say_long(self, MILTER_BODY, self->body.ptr + self->offset, len);
    self->offset += len;
}

static void
say_step(Conversation *self)
{
    const WnFactsApi *facts = self->host->facts;

    switch (self->step) {
    case STEP_NEGOTIATE:
        say_negotiate(self);
        break;
    case STEP_CONNECT:
        say_connect(self);
        break;
    case STEP_HELO:
        say_helo(self);
        break;
    case STEP_MAIL:
        say_address(self, MILTER_MAIL, facts->sender(self->call));
        break;
    case STEP_RCPT:
        say_address(self, MILTER_RCPT,
            facts->recipient(self->call, self->item));
        break;
    case STEP_DATA:
        say_macros(self, STEP_DATA, MILTER_DATA, NULL);
        say_long(self, MILTER_DATA, "", 0);
        break;
    case STEP_HEADER:
        say_header(self, &self->fields->fields[self->item]);
        break;
    case STEP_EOH:
        say_long(self, MILTER_EOH, "", 0);
        break;
    case STEP_BODY:
        say_body(self);
        break;
    case STEP_EOM:
        say_macros(self, STEP_EOM, MILTER_EOM, NULL);
        say_long(self, MILTER_EOM, "", 0);
        break;
    }
}

/*
 * Steps
 */

/* Of the step there is no such item. */
static int
is_exhausted(const Conversation *self)
{
    switch (self->step) {
    case STEP_HELO:
        return self->item > 0
               || self->host->facts->client(self->call)->helo.len == 0;
    case STEP_RCPT:
        return self->item >= self->host->facts->n_recipients(self->call);
    case STEP_HEADER:
        return self->item >= self->fields->n;
    case STEP_BODY:
        return self->offset >= self->body.len;
    case STEP_NEGOTIATE:
    case STEP_CONNECT:
    case STEP_MAIL:
    case STEP_DATA:
    case STEP_EOH:
    case STEP_EOM:
        break;
    }
    return self->item > 0;
}

/* Says what comes next, up to a command that is answered. */
static void
go_on(Conversation *self)
{
    do {
        self->item++;
        while ((self->wanted & steps[self->step].left_out) != 0
               || is_exhausted(self)) {
            self->step++;
            self->item = 0;
        }
        say_step(self);
    } while ((self->wanted & steps[self->step].silent) != 0);
}

/*
 * Answers
 */

static void
keep_text(Conversation *self, const char *text)
{
    size_t len = strlen(text);

    if (len >= TEXT_MAX)
        len = TEXT_MAX - 1;
    memcpy(self->text, text, len);
    self->text[len] = '\0';
}

static WnVerdict
finish(Conversation *self, MilterOutcome outcome)
{
    Command quit;

    begin(&quit, MILTER_QUIT);
    milter_put_number(quit.bytes, (uint32_t)quit.len - 4);
    talk_leave(self->talk, quit.bytes, quit.len);
    if (outcome == MILTER_SAYS_NOTHING && self->quarantine)
        outcome = MILTER_SAYS_QUARANTINE;
    return self->fn(self->user, self->call, outcome, self->text);
}

static WnVerdict
fail(Conversation *self, const char *reason)
{
    keep_text(self, reason);
    return finish(self, MILTER_SAYS_FAILURE);
}

/* A recipient that is not welcome is none of the milter's any more. */
static WnVerdict
refuse(Conversation *self, MilterOutcome outcome)
{
    if (self->step != STEP_RCPT)
        return finish(self, outcome);
    if (self->item + 1 < self->host->facts->n_recipients(self->call)
        || self->n_welcome > 0) {
        go_on(self);
        return WN_PENDING;
    }
    return finish(self, outcome);
}

static WnVerdict
welcome(Conversation *self)
{
    if (self->step == STEP_EOM)
        return finish(self, MILTER_SAYS_NOTHING);
    self->n_welcome += self->step == STEP_RCPT;
    go_on(self);
    return WN_PENDING;
}

static WnVerdict
take_negotiation(Conversation *self, Packet *packet)
{
    uint32_t version = milter_packet_number(packet);
    uint32_t changes = milter_packet_number(packet);

    if (version < 2 || version > MILTER_VERSION)
        return fail(self, "it speaks another version of the protocol");
    if ((changes
            & ~(uint32_t)(MILTER_MAY_ADD_HEADERS | MILTER_MAY_CHANGE_HEADERS
                          | MILTER_MAY_QUARANTINE | MILTER_MAY_CHOOSE_MACROS))
        != 0)
        return fail(self, "it wants to change what a filter cannot");
    self->wanted = milter_packet_number(packet);
    go_on(self);
    return WN_PENDING;
}

static void
take_change(Conversation *self, Packet *packet)
{
    char kind = packet->kind;
    uint32_t at = kind == MILTER_ADD_HEADER ? UINT32_MAX
                                            : milter_packet_number(packet);
    const char *name = milter_packet_string(packet);
    const char *value = milter_packet_string(packet);

    if (name == NULL || value == NULL)
        return;
    if (kind == MILTER_CHANGE_HEADER)
        milter_fields_change(self->fields, self->host, self->call, at, name,
            value);
    else
        milter_fields_insert(self->fields, self->host, self->call, at, name,
            value);
}

static WnVerdict
take_reply(Conversation *self, Packet *packet)
{
    const char *text = milter_packet_string(packet);

    if (text == NULL || (text[0] != '4' && text[0] != '5'))
        return fail(self, "its reply is no reply");
    keep_text(self, text);
    return refuse(self,
        text[0] == '4' ? MILTER_SAYS_TEMPFAIL : MILTER_SAYS_REJECT);
}

static WnVerdict
take_packet(Conversation *self, Packet *packet)
{
    const char *reason;

    if (self->step == STEP_NEGOTIATE)
        return packet->kind == MILTER_NEGOTIATE
                   ? take_negotiation(self, packet)
                   : fail(self, "it does not negotiate");
    switch (packet->kind) {
    case MILTER_CONTINUE:
        return welcome(self);
    case MILTER_SKIP:
        if (self->step == STEP_BODY)
            self->offset = self->body.len;
        return welcome(self);
    case MILTER_ACCEPT:
        return finish(self, MILTER_SAYS_NOTHING);
    case MILTER_REJECT:
        return refuse(self, MILTER_SAYS_REJECT);
    case MILTER_TEMPFAIL:
        return refuse(self, MILTER_SAYS_TEMPFAIL);
    case MILTER_DISCARD:
        return finish(self, MILTER_SAYS_DISCARD);
    case MILTER_REPLYCODE:
        return take_reply(self, packet);
    case MILTER_PROGRESS:
        return WN_PENDING;
    case MILTER_CONN_FAIL:
    case MILTER_SHUTDOWN:
        return fail(self, "it does not want to go on");
    case MILTER_ADD_HEADER:
    case MILTER_INSERT_HEADER:
    case MILTER_CHANGE_HEADER:
        take_change(self, packet);
        return WN_PENDING;
    case MILTER_QUARANTINE:
        reason = milter_packet_string(packet);
        self->quarantine = 1;
        keep_text(self, reason != NULL ? reason : "");
        return WN_PENDING;
    default:
        return fail(self, "it changes what a filter cannot");
    }
}

static WnVerdict
on_talk(void *user, WnCall *call, Talk *talk)
{
    Conversation *self = user;

    (void)call;
    while (talk->in_len > 0) {
        Packet packet;
        int64_t len = milter_packet_read(&packet, talk->in, talk->in_len);
        WnVerdict verdict;

        if (len == 0)
            break;
        if (len < 0)
            return fail(self, "it sent no packet");
        verdict = take_packet(self, &packet);
        if (verdict != WN_PENDING || talk->over)
            return verdict;
        talk_consume(talk, (size_t)len);
    }
    if (talk->state != TALK_GOES_ON)
        return fail(self, talk_reason(talk));
    return WN_PENDING;
}

WnVerdict
milter_converse(const WnHost *host, WnCall *call, TalkServer *server,
    Fields *fields, MilterFn fn, void *user)
{
    Conversation *self = host->call->alloc(call, WN_LIFE_CALL, sizeof *self);

    self->host = host;
    self->call = call;
    self->fields = fields;
    self->fn = fn;
    self->user = user;
    self->body = host->message->body(call);
    self->talk = talk_new(host, call, server, on_talk, self);
    if (self->talk == NULL)
        return WN_FAIL;
    talk_limit_input(self->talk, MILTER_PACKET_MAX + 4);
    say_step(self);
    return talk_start(self->talk);
}
