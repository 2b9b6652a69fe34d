/* SPDX-License-Identifier: MIT */

/* The tables over a message: what plugins see of it, and what actions change.
 * The headers hook sees header fields only; other hooks without a message see
 * nothing. */

#include "core/message/text_fold.h"
#include "core/plugin/call.h"
#include "core/plugin/host.h"
#include "core/plugin/message_view.h"

G_STATIC_ASSERT(WN_TEXT_FORMS == WN_TEXT_FORMS_VERSION);
G_STATIC_ASSERT((int)WN_MSG_TWICE_FROM == (int)WN_MESSAGE_TWICE_FROM);
G_STATIC_ASSERT((int)WN_MSG_NUL == (int)WN_MESSAGE_NUL);
G_STATIC_ASSERT((int)WN_MSG_BAD_CHARSET == (int)WN_MESSAGE_BAD_CHARSET);

static const WnStr nothing = { "", 0 };

/* The view, if the call's hook may see what follows the header too.  A filter's
 * rcpt hook can run when the message is already there, and must not tell. */
static WnMessageView *
whole_view(WnCall *handle)
{
    const WnHookCall *call = wn_hook_call_of(handle);

    return call->hook == WN_HOOK_MESSAGE || call->hook == WN_HOOK_APPLY
               ? call->facts.view
               : NULL;
}

static WnMessageView *
header_view(WnCall *handle)
{
    const WnHookCall *call = wn_hook_call_of(handle);

    return call->hook == WN_HOOK_HEADERS ? call->facts.view
                                         : whole_view(handle);
}

static WnMessage *
whole_message(WnCall *handle)
{
    WnMessageView *view = whole_view(handle);

    return view != NULL ? wn_message_view_message(view) : NULL;
}

/* Stand around what may make a large view, which goes with the message. */
static void
begin_view(WnCall *handle)
{
    wn_instance_aside(wn_hook_call_of(handle)->instance, WN_ASIDE_BEGIN);
}

static void
end_view(WnCall *handle)
{
    wn_instance_aside(wn_hook_call_of(handle)->instance, WN_ASIDE_VIEW);
}

static WnStr
message_raw(WnCall *handle)
{
    WnMessage *message = whole_message(handle);

    return message != NULL ? wn_sdk_str(wn_message_raw(message)) : nothing;
}

static WnStr
message_body(WnCall *handle)
{
    WnMessage *message = whole_message(handle);
    WnSpan raw;

    if (message == NULL)
        return nothing;
    raw = wn_message_raw(message);
    return wn_sdk_str(
        wn_span_slice(raw, wn_message_header_block(message)->body, raw.len));
}

static uint64_t
message_size(WnCall *handle)
{
    return message_raw(handle).len;
}

static uint32_t
message_problems(WnCall *handle)
{
    WnMessage *message = whole_message(handle);
    uint32_t problems;

    if (message == NULL)
        return 0;
    begin_view(handle);
    problems = wn_message_problems(message);
    end_view(handle);
    return problems;
}

static uint32_t
message_n_headers(WnCall *handle)
{
    WnMessageView *view = header_view(handle);

    return view != NULL ? wn_message_n_headers(wn_message_view_message(view))
                        : 0;
}

static const WnHeader *
message_header(WnCall *handle, uint32_t n)
{
    WnMessageView *view = header_view(handle);

    return view != NULL ? wn_message_view_header(view, n) : NULL;
}

static const WnHeader *
message_header_named(WnCall *handle, const char *name, uint32_t n)
{
    WnMessageView *view = header_view(handle);

    return view != NULL && name != NULL
               ? wn_message_view_header_named(view, name, n)
               : NULL;
}

/* Makes the structure. */
static uint32_t
n_parts_of(WnCall *handle, WnMessage *message)
{
    uint32_t n;

    begin_view(handle);
    n = wn_message_n_parts(message);
    end_view(handle);
    return n;
}

static uint32_t
message_n_parts(WnCall *handle)
{
    WnMessage *message = whole_message(handle);

    return message != NULL ? n_parts_of(handle, message) : 0;
}

static const WnPart *
message_part(WnCall *handle, uint32_t n)
{
    WnMessageView *view = whole_view(handle);

    if (view == NULL)
        return NULL;
    if (n == 0)
        n_parts_of(handle, wn_message_view_message(view));
    return wn_message_view_part(view, n);
}

static WnStr
message_part_data(WnCall *handle, uint32_t n)
{
    WnMessage *message = whole_message(handle);
    WnSpan data;

    if (message == NULL || n >= n_parts_of(handle, message))
        return nothing;
    begin_view(handle);
    data = wn_message_part_data(message, n);
    end_view(handle);
    return wn_sdk_str(data);
}

static WnStr
message_part_text(WnCall *handle, uint32_t n)
{
    WnMessage *message = whole_message(handle);
    WnSpan text;

    if (message == NULL || n >= n_parts_of(handle, message))
        return nothing;
    begin_view(handle);
    text = wn_message_part_text(message, n);
    end_view(handle);
    return wn_sdk_str(text);
}

static WnStr
message_text(WnCall *handle, WnTextForm form)
{
    WnMessage *message = whole_message(handle);
    WnSpan text;

    if (message == NULL || form < WN_TEXT_SHOWN || form > WN_TEXT_HIDDEN)
        return nothing;
    begin_view(handle);
    text = wn_message_text(message, (WnTextForms)form);
    end_view(handle);
    return wn_sdk_str(text);
}

static uint32_t
n_urls_of(WnCall *handle, WnMessage *message)
{
    uint32_t n;

    begin_view(handle);
    n = wn_message_n_urls(message);
    end_view(handle);
    return n;
}

static uint32_t
message_n_urls(WnCall *handle)
{
    WnMessage *message = whole_message(handle);

    return message != NULL ? n_urls_of(handle, message) : 0;
}

static const WnUrl *
message_url(WnCall *handle, uint32_t n)
{
    WnMessageView *view = whole_view(handle);

    if (view == NULL)
        return NULL;
    if (n == 0)
        n_urls_of(handle, wn_message_view_message(view));
    return wn_message_view_url(view, n);
}

/* The country whose numbers need no code: the option "country" of the call's
 * settings, empty without one. */
static const char *
country_of(WnCall *handle)
{
    const WnHookCall *call = wn_hook_call_of(handle);
    const WnPluginInfo *info = call->instance->module->info;
    const WnOptionSpec *spec;
    unsigned n;

    spec = wn_plugin_info_option(info, "country", &n);
    if (spec == NULL || spec->kind != WN_OPTION_STRING)
        return "";
    return wn_settings_api()->string(call->policy->settings, n).ptr;
}

static uint32_t
n_phones_of(WnCall *handle, WnMessage *message)
{
    uint32_t n;

    begin_view(handle);
    n = wn_message_n_phones(message, country_of(handle));
    end_view(handle);
    return n;
}

static uint32_t
message_n_phones(WnCall *handle)
{
    WnMessage *message = whole_message(handle);

    return message != NULL ? n_phones_of(handle, message) : 0;
}

static const WnPhone *
message_phone(WnCall *handle, uint32_t n)
{
    WnMessageView *view = whole_view(handle);

    if (view == NULL)
        return NULL;
    if (n == 0)
        n_phones_of(handle, wn_message_view_message(view));
    return wn_message_view_phone(view, country_of(handle), n);
}

const WnMessageApi *
wn_host_message_api(void)
{
    static const WnMessageApi api = {
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

    return &api;
}

/*
 * Edits
 */

static int32_t
edit_add(WnCall *handle, WnEditKind kind, const char *name, const char *value)
{
    WnEditSet *edits = wn_hook_call_of(handle)->edits;

    if (edits == NULL)
        return WN_E_STATE;
    return wn_edit_set_add(edits, kind, name, value);
}

static int32_t
edit_add_header(WnCall *handle, const char *name, const char *value)
{
    return edit_add(handle, WN_EDIT_ADD, name, value);
}

static int32_t
edit_set_header(WnCall *handle, const char *name, const char *value)
{
    return edit_add(handle, WN_EDIT_SET, name, value);
}

static int32_t
edit_remove_headers(WnCall *handle, const char *name)
{
    return edit_add(handle, WN_EDIT_REMOVE, name, NULL);
}

static int32_t
edit_prefix_subject(WnCall *handle, const char *text)
{
    return edit_add(handle, WN_EDIT_PREFIX_SUBJECT, NULL, text);
}

static int32_t
edit_redirect(WnCall *handle, const char *address)
{
    WnEditSet *edits = wn_hook_call_of(handle)->edits;

    return edits != NULL ? wn_edit_set_redirect(edits, address) : WN_E_STATE;
}

static int32_t
edit_reply(WnCall *handle, uint16_t code, const char *enhanced,
    const char *text)
{
    WnEditSet *edits = wn_hook_call_of(handle)->edits;

    if (edits == NULL)
        return WN_E_STATE;
    return wn_edit_set_reply(edits, code, enhanced, text);
}

const WnEditApi *
wn_host_edit_api(void)
{
    static const WnEditApi api = {
        .struct_size = sizeof(WnEditApi),
        .add_header = edit_add_header,
        .set_header = edit_set_header,
        .remove_headers = edit_remove_headers,
        .prefix_subject = edit_prefix_subject,
        .redirect = edit_redirect,
        .reply = edit_reply,
    };

    return &api;
}
