/* SPDX-License-Identifier: MIT */

/*
 * Any bytes as a message: every view of it is made and keeps its promises.
 */

#include "core/message/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_text(WnSpan text)
{
    g_assert(g_utf8_validate_len(text.ptr, text.len, NULL));
    g_assert(text.ptr[text.len] == '\0');
}

static void
check_inside(WnSpan outer, WnSpan inner)
{
    g_assert(inner.ptr >= outer.ptr);
    g_assert(inner.ptr + inner.len <= outer.ptr + outer.len);
}

static void
check_headers(WnMessage *message)
{
    for (uint32_t i = 0; i < wn_message_n_headers(message); i++) {
        const WnMessageHeader *header = wn_message_header(message, i);

        check_inside(wn_message_raw(message), header->raw);
        check_text(header->name);
        check_text(header->value);
        for (size_t j = 0; j < header->value.len; j++)
            g_assert((unsigned char)header->value.ptr[j] >= ' ');
    }
}

static void
check_part(WnMessage *message, uint32_t n)
{
    const WnMessagePart *part = wn_message_part(message, n);

    g_assert(part->depth <= WN_MESSAGE_DEPTH_MAX);
    if (n == 0) {
        g_assert(part->parent == -1 && part->depth == 0);
    } else {
        const WnMessagePart *parent = wn_message_part(message,
            (uint32_t)part->parent);

        g_assert(part->parent >= 0 && part->parent < (int32_t)n);
        g_assert(part->depth == parent->depth + 1);
        check_inside(parent->raw, part->raw);
    }
    check_inside(wn_message_raw(message), part->raw);
    check_text(part->type);
    check_text(part->charset);
    check_text(part->file_name);
    check_text(wn_message_part_text(message, n));
    wn_message_part_data(message, n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(WnMessage) message = wn_message_new(wn_span(data, size));

    check_headers(message);
    g_assert(wn_message_n_parts(message) >= 1);
    g_assert(wn_message_n_parts(message) <= WN_MESSAGE_PARTS_MAX);
    for (uint32_t i = 0; i < wn_message_n_parts(message); i++)
        check_part(message, i);
    check_text(wn_message_text(message, WN_FORM_SHOWN));
    check_text(wn_message_text(message, WN_FORM_FOLDED));
    check_text(wn_message_text(message, WN_FORM_HIDDEN));
    wn_message_problems(message);
    return 0;
}
