/* SPDX-License-Identifier: MIT */

/*
 * Any bytes as a message: the fields found lie one behind the other, cover the
 * header, and parsing again finds the same.
 */

#include "core/message/header_block.h"
#include "core/message/header_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_fields(const WnHeaderBlock *block, WnSpan message)
{
    size_t at = block->top;

    for (guint i = 0; i < block->fields->len; i++) {
        const WnField *field = &g_array_index(block->fields, WnField, i);

        g_assert(field->offset == at);
        g_assert(field->name_len > 0);
        g_assert(field->offset + field->name_len < field->value_offset);
        g_assert(field->value_offset <= field->end);
        g_assert(message.ptr[field->value_offset - 1] == ':');
        at = field->end;
    }
    g_assert(block->end == at);
    g_assert(block->end <= message.len && block->body <= message.len);
    g_assert(block->body == block->end + (block->separator ? 2 : 0));
}

static void
check_values(const WnHeaderBlock *block, WnSpan message)
{
    for (guint i = 0; i < block->fields->len; i++) {
        g_autoptr(GString) value = g_string_new(NULL);
        g_autoptr(GString) encoded = g_string_new(NULL);

        wn_header_text_decode(value,
            wn_field_raw(message, &g_array_index(block->fields, WnField, i)));
        g_assert(g_utf8_validate(value->str, (gssize)value->len, NULL));
        wn_header_text_encode(encoded, 10, wn_span(value->str, value->len));
        for (size_t j = 0; j < encoded->len; j++) {
            if (encoded->str[j] == '\r')
                g_assert(strncmp(encoded->str + j, "\r\n ", 3) == 0);
            else
                g_assert(encoded->str[j] >= ' ' || encoded->str[j] == '\n');
        }
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    WnSpan message = wn_span(data, size);
    g_auto(WnHeaderBlock) block;
    size_t end;

    wn_header_block_init(&block);
    wn_header_block_parse(&block, message);
    check_fields(&block, message);
    check_values(&block, message);
    end = block.end;
    /* Cut behind the header, it is the same header. */
    wn_header_block_parse(&block, wn_span_slice(message, 0, block.body));
    g_assert(block.end == end);
    check_fields(&block, message);
    return 0;
}
