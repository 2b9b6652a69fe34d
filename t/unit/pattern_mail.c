/* SPDX-License-Identifier: MIT */

#include "t/unit/pattern_mail.h"

struct WnCall {
    WnMessage *message;
    GString *bytes;
    WnHeader *headers; /* and one for those asked for by name */
    WnPart *parts;
    WnUrl url;
    WnAddress *sender;
    WnClient *client;
    char *text[4]; /* sender, address, rdns, helo */
};

struct FakeMail {
    WnCall call;
    WnHost host;
    WnMessageApi message;
    WnFactsApi facts;
    PatternMail view;
};

static WnStr
str(WnSpan span)
{
    return (WnStr){ span.ptr != NULL ? span.ptr : "", span.len };
}

static WnStr
str_of(const char *text)
{
    return (WnStr){ text, strlen(text) };
}

static WnStr
get_raw(WnCall *call)
{
    return str(wn_message_raw(call->message));
}

static WnStr
get_body(WnCall *call)
{
    WnSpan raw = wn_message_raw(call->message);

    return str(wn_span_slice(raw, wn_message_header_block(call->message)->body,
        raw.len));
}

static uint32_t
get_n_headers(WnCall *call)
{
    return wn_message_n_headers(call->message);
}

static const WnHeader *
fill_header(WnCall *call, uint32_t n, const WnMessageHeader *from)
{
    WnHeader *header = &call->headers[n];

    header->struct_size = sizeof *header;
    header->name = str(from->name);
    header->raw = str(from->raw);
    header->value = str(from->value);
    return header;
}

static const WnHeader *
get_header(WnCall *call, uint32_t n)
{
    const WnMessageHeader *from = wn_message_header(call->message, n);

    return from != NULL ? fill_header(call, n, from) : NULL;
}

static const WnHeader *
get_header_named(WnCall *call, const char *name, uint32_t n)
{
    const WnMessageHeader *from = wn_message_header_named(call->message, name,
        n);
    uint32_t last = get_n_headers(call);

    return from != NULL ? fill_header(call, last, from) : NULL;
}

static uint32_t
get_n_parts(WnCall *call)
{
    return wn_message_n_parts(call->message);
}

static const WnPart *
get_part(WnCall *call, uint32_t n)
{
    const WnMessagePart *from = wn_message_part(call->message, n);
    WnPart *part = call->parts;

    if (from == NULL)
        return NULL;
    *part = (WnPart){ .struct_size = sizeof *part,
        .flags = from->flags,
        .parent = from->parent,
        .depth = from->depth,
        .type = str(from->type),
        .charset = str(from->charset),
        .file_name = str(from->file_name),
        .raw = str(from->raw) };
    return part;
}

static WnStr
get_part_data(WnCall *call, uint32_t n)
{
    return str(wn_message_part_data(call->message, n));
}

static WnStr
get_part_text(WnCall *call, uint32_t n)
{
    return str(wn_message_part_text(call->message, n));
}

static uint32_t
get_n_urls(WnCall *call)
{
    return wn_message_n_urls(call->message);
}

static const WnUrl *
get_url(WnCall *call, uint32_t n)
{
    const WnMessageUrl *from = wn_message_url(call->message, n);

    if (from == NULL)
        return NULL;
    call->url = (WnUrl){ .struct_size = sizeof call->url,
        .flags = from->flags,
        .text = str(from->text),
        .host = str(from->host),
        .registered = str(from->registered),
        .path = str(from->path),
        .query = str(from->query),
        .part = from->part,
        .port = from->port };
    return &call->url;
}

static const WnClient *
get_client(const WnCall *call)
{
    return call->client;
}

static const WnAddress *
get_sender(const WnCall *call)
{
    return call->sender;
}

/* With CRLF at the end of every line. */
static GString *
with_crlf(const char *bytes, size_t len)
{
    GString *out = g_string_sized_new(len + len / 16);

    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == '\n' && (i == 0 || bytes[i - 1] != '\r'))
            g_string_append_c(out, '\r');
        g_string_append_c(out, bytes[i]);
    }
    return out;
}

FakeMail *
fake_mail_new(const char *bytes, size_t len)
{
    FakeMail *self = g_new0(FakeMail, 1);
    WnCall *call = &self->call;

    call->bytes = with_crlf(bytes, len);
    call->message = wn_message_new(wn_span(call->bytes->str, call->bytes->len));
    call->headers = g_new0(WnHeader, wn_message_n_headers(call->message) + 1);
    call->parts = g_new0(WnPart, 1);
    self->message = (WnMessageApi){ .struct_size = sizeof self->message,
        .raw = get_raw,
        .body = get_body,
        .n_headers = get_n_headers,
        .header = get_header,
        .header_named = get_header_named,
        .n_parts = get_n_parts,
        .part = get_part,
        .part_data = get_part_data,
        .part_text = get_part_text,
        .n_urls = get_n_urls,
        .url = get_url };
    self->facts = (WnFactsApi){ .struct_size = sizeof self->facts,
        .client = get_client,
        .sender = get_sender };
    self->host = (WnHost){ .struct_size = sizeof self->host,
        .message = &self->message,
        .facts = &self->facts };
    self->view = (PatternMail){ .host = &self->host, .call = call };
    return self;
}

void
fake_mail_free(FakeMail *self)
{
    if (self == NULL)
        return;
    wn_message_free(self->call.message);
    g_string_free(self->call.bytes, TRUE);
    g_free(self->call.headers);
    g_free(self->call.parts);
    g_free(self->call.sender);
    g_free(self->call.client);
    for (size_t i = 0; i < G_N_ELEMENTS(self->call.text); i++)
        g_free(self->call.text[i]);
    g_free(self);
}

void
fake_mail_set_sender(FakeMail *self, const char *sender)
{
    g_free(self->call.text[0]);
    g_free(self->call.sender);
    self->call.text[0] = g_strdup(sender);
    self->call.sender = g_new0(WnAddress, 1);
    self->call.sender->struct_size = sizeof(WnAddress);
    self->call.sender->text = str_of(self->call.text[0]);
}

void
fake_mail_set_client(FakeMail *self, const char *address, const char *rdns,
    const char *helo)
{
    const char *from[] = { address, rdns, helo };

    for (size_t i = 0; i < 3; i++) {
        g_free(self->call.text[i + 1]);
        self->call.text[i + 1] = g_strdup(from[i]);
    }
    g_free(self->call.client);
    self->call.client = g_new0(WnClient, 1);
    self->call.client->struct_size = sizeof(WnClient);
    self->call.client->address_text = str_of(self->call.text[1]);
    self->call.client->rdns = str_of(self->call.text[2]);
    self->call.client->rdns_status = rdns[0] != '\0' ? WN_RDNS_VERIFIED
                                                     : WN_RDNS_NONE;
    self->call.client->helo = str_of(self->call.text[3]);
}

const PatternMail *
fake_mail_view(const FakeMail *self)
{
    return &self->view;
}

WnMessage *
fake_mail_message(const FakeMail *self)
{
    return self->call.message;
}
