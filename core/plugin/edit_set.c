/* SPDX-License-Identifier: MIT */
#include "core/plugin/edit_set.h"

#include "core/conf/names.h"
#include "core/plugin/reply.h"
#include "core/plugin/sdk.h"

#include <string.h>

/* More than any legal set of lines; longer text is cut later anyway. */
#define REPLY_TEXT_MAX 8192

void
wn_edit_set_init(WnEditSet *self, WnArena *arena, bool reply_only)
{
    *self = (WnEditSet){
        .arena = arena,
        .reply_only = reply_only,
        .edits = g_array_new(FALSE, FALSE, sizeof(WnEdit)),
        .redirect = WN_SPAN_EMPTY,
        .enhanced = WN_SPAN_EMPTY,
        .text = WN_SPAN_EMPTY,
    };
}

void
wn_edit_set_clear(WnEditSet *self)
{
    g_clear_pointer(&self->edits, g_array_unref);
}

/* Trace fields are winnow's own. */
static bool
may_edit(WnSpan name)
{
    return wn_edit_name_is_valid(name)
           && !wn_span_case_starts(name, WN_SPAN("X-Winnow-"))
           && !wn_span_case_eq(name, WN_SPAN("Received"));
}

static bool
is_line(WnSpan value)
{
    return value.len <= WN_EDIT_VALUE_MAX
           && memchr(value.ptr, '\r', value.len) == NULL
           && memchr(value.ptr, '\n', value.len) == NULL
           && g_utf8_validate(value.ptr, (gssize)value.len, NULL);
}

int32_t
wn_edit_check(WnEditKind kind, const char *name, const char *value)
{
    bool has_name = kind != WN_EDIT_PREFIX_SUBJECT;
    bool has_value = kind != WN_EDIT_REMOVE;

    if ((has_name && (name == NULL || !may_edit(wn_span_str(name))))
        || (has_value && (value == NULL || !is_line(wn_span_str(value)))))
        return WN_E_INVALID;
    return kind == WN_EDIT_PREFIX_SUBJECT && value[0] == '\0' ? WN_E_INVALID
                                                              : WN_OK;
}

int32_t
wn_edit_check_note(const char *name, const char *value)
{
    static const char *const senders[] = { "From", "Sender", "Reply-To", "To",
        "Cc", "Bcc", "Message-ID", "In-Reply-To", "References", "Subject",
        "Date", "Return-Path", "MIME-Version" };

    if (wn_edit_check(WN_EDIT_ADD, name, value) != WN_OK
        || wn_span_case_starts(wn_span_str(name), WN_SPAN("Content-")))
        return WN_E_INVALID;
    for (size_t i = 0; i < G_N_ELEMENTS(senders); i++)
        if (g_ascii_strcasecmp(name, senders[i]) == 0)
            return WN_E_INVALID;
    return WN_OK;
}

int32_t
wn_edit_set_add(WnEditSet *self, WnEditKind kind, const char *name,
    const char *value)
{
    WnEdit edit = { .kind = kind,
        .name = wn_span_str(name),
        .value = wn_span_str(value) };

    if (self->reply_only)
        return WN_E_STATE;
    if (wn_edit_check(kind, name, value) != WN_OK)
        return WN_E_INVALID;
    if (self->edits->len >= WN_EDITS_MAX)
        return WN_E_LIMIT;
    edit.name = wn_arena_copy(self->arena, edit.name);
    edit.value = wn_arena_copy(self->arena, edit.value);
    g_array_append_val(self->edits, edit);
    return WN_OK;
}

int32_t
wn_edit_set_redirect(WnEditSet *self, const char *address)
{
    g_autofree char *local = NULL;
    g_autofree char *domain = NULL;
    g_autofree char *fault = NULL;

    if (self->reply_only)
        return WN_E_STATE;
    if (address == NULL || !wn_address_split(address, &local, &domain, &fault))
        return WN_E_INVALID;
    self->redirect = wn_arena_copy(self->arena, wn_span_str(address));
    return WN_OK;
}

int32_t
wn_edit_set_reply(WnEditSet *self, uint16_t code, const char *enhanced,
    const char *text)
{
    WnSpan class_code = wn_span_str(enhanced);

    if (code < 400 || code > 599)
        return WN_E_INVALID;
    if (class_code.len > 0 && !wn_reply_enhanced_is_valid(class_code, code))
        return WN_E_INVALID;
    self->code = code;
    self->enhanced = wn_arena_copy(self->arena, class_code);
    self->text = wn_arena_copy(self->arena,
        wn_span_slice(wn_span_str(text), 0, REPLY_TEXT_MAX));
    return WN_OK;
}
