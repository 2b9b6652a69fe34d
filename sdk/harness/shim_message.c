/* SPDX-License-Identifier: MIT */

/* The table over a message: the real views, lent for the transaction. */

#include "sdk/harness/shim.h"

#define REAL(call) ((call)->instance->real->message)

static WnStr
lend(const WnShimCall *call, const char *what, WnStr text)
{
    return wn_shim_lend_text(wn_shim_guard(call, WN_LIFE_TXN), what, text);
}

static WnStr
lend_raw(const WnShimCall *call, const char *what, WnStr bytes)
{
    return wn_shim_lend_raw(wn_shim_guard(call, WN_LIFE_TXN), what, bytes);
}

static const void *
lend_struct(const WnShimCall *call, const char *what, const void *data,
    size_t size)
{
    return wn_shim_lend_struct(wn_shim_guard(call, WN_LIFE_TXN), what, data,
        size);
}

static WnStr
message_raw(WnCall *handle)
{
    const WnShimCall *call = wn_shim_call(handle, "message->raw");

    return lend_raw(call, "message->raw", REAL(call)->raw(call->real));
}

static uint64_t
message_size(WnCall *handle)
{
    const WnShimCall *call = wn_shim_call(handle, "message->size");

    return REAL(call)->size(call->real);
}

static uint32_t
message_problems(WnCall *handle)
{
    const WnShimCall *call = wn_shim_call(handle, "message->problems");

    return REAL(call)->problems(call->real);
}

static uint32_t
message_n_headers(WnCall *handle)
{
    const WnShimCall *call = wn_shim_call(handle, "message->n_headers");

    return REAL(call)->n_headers(call->real);
}

static const WnHeader *
lend_header(const WnShimCall *call, const WnHeader *real)
{
    WnHeader header;

    if (real == NULL || !wn_mode()->guarded)
        return real;
    header = *real;
    header.name = lend(call, "header->name", real->name);
    header.raw = lend_raw(call, "header->raw", real->raw);
    header.value = lend(call, "header->value", real->value);
    return lend_struct(call, "a WnHeader", &header, sizeof header);
}

static const WnHeader *
message_header(WnCall *handle, uint32_t n)
{
    const WnShimCall *call = wn_shim_call(handle, "message->header");

    return lend_header(call, REAL(call)->header(call->real, n));
}

static const WnHeader *
message_header_named(WnCall *handle, const char *name, uint32_t n)
{
    const WnShimCall *call = wn_shim_call(handle, "message->header_named");

    return lend_header(call, REAL(call)->header_named(call->real, name, n));
}

static uint32_t
message_n_parts(WnCall *handle)
{
    const WnShimCall *call = wn_shim_call(handle, "message->n_parts");

    return REAL(call)->n_parts(call->real);
}

static const WnPart *
message_part(WnCall *handle, uint32_t n)
{
    const WnShimCall *call = wn_shim_call(handle, "message->part");
    const WnPart *real = REAL(call)->part(call->real, n);
    WnPart part;

    if (real == NULL || !wn_mode()->guarded)
        return real;
    part = *real;
    part.type = lend(call, "part->type", real->type);
    part.charset = lend(call, "part->charset", real->charset);
    part.file_name = lend(call, "part->file_name", real->file_name);
    part.raw = lend_raw(call, "part->raw", real->raw);
    return lend_struct(call, "a WnPart", &part, sizeof part);
}

static WnStr
message_part_data(WnCall *handle, uint32_t n)
{
    const WnShimCall *call = wn_shim_call(handle, "message->part_data");

    return lend_raw(call, "message->part_data",
        REAL(call)->part_data(call->real, n));
}

static WnStr
message_part_text(WnCall *handle, uint32_t n)
{
    const WnShimCall *call = wn_shim_call(handle, "message->part_text");

    return lend(call, "message->part_text",
        REAL(call)->part_text(call->real, n));
}

static WnStr
message_text(WnCall *handle, WnTextForm form)
{
    const WnShimCall *call = wn_shim_call(handle, "message->text");

    return lend(call, "message->text", REAL(call)->text(call->real, form));
}

static uint32_t
message_n_urls(WnCall *handle)
{
    const WnShimCall *call = wn_shim_call(handle, "message->n_urls");

    return REAL(call)->n_urls(call->real);
}

static const WnUrl *
message_url(WnCall *handle, uint32_t n)
{
    const WnShimCall *call = wn_shim_call(handle, "message->url");
    const WnUrl *real = REAL(call)->url(call->real, n);
    WnUrl url;

    if (real == NULL || !wn_mode()->guarded)
        return real;
    url = *real;
    url.text = lend(call, "url->text", real->text);
    url.host = lend(call, "url->host", real->host);
    url.registered = lend(call, "url->registered", real->registered);
    url.path = lend(call, "url->path", real->path);
    url.query = lend(call, "url->query", real->query);
    return lend_struct(call, "a WnUrl", &url, sizeof url);
}

static uint32_t
message_n_phones(WnCall *handle)
{
    const WnShimCall *call = wn_shim_call(handle, "message->n_phones");

    return REAL(call)->n_phones(call->real);
}

static const WnPhone *
message_phone(WnCall *handle, uint32_t n)
{
    const WnShimCall *call = wn_shim_call(handle, "message->phone");
    const WnPhone *real = REAL(call)->phone(call->real, n);
    WnPhone phone;

    if (real == NULL || !wn_mode()->guarded)
        return real;
    phone = *real;
    phone.text = lend(call, "phone->text", real->text);
    phone.digits = lend(call, "phone->digits", real->digits);
    return lend_struct(call, "a WnPhone", &phone, sizeof phone);
}

static WnStr
message_body(WnCall *handle)
{
    const WnShimCall *call = wn_shim_call(handle, "message->body");

    return lend_raw(call, "message->body", REAL(call)->body(call->real));
}

const WnMessageApi wn_shim_message_api = {
    .struct_size = sizeof(WnMessageApi),
    .raw = message_raw,
    .size = message_size,
    .problems = message_problems,
    .n_headers = message_n_headers,
    .header = message_header,
    .header_named = message_header_named,
    .n_parts = message_n_parts,
    .part = message_part,
    .part_data = message_part_data,
    .part_text = message_part_text,
    .text = message_text,
    .n_urls = message_n_urls,
    .url = message_url,
    .n_phones = message_n_phones,
    .phone = message_phone,
    .body = message_body,
};
