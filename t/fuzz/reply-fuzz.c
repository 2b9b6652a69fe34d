/* SPDX-License-Identifier: MIT */
#include "core/smtp/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static WnReplyStatus
parse(WnReplyParser *parser, WnSpan input, size_t step, size_t *out_used)
{
    WnReplyStatus status = WN_REPLY_MORE;
    size_t end = 0;

    *out_used = 0;
    while (status == WN_REPLY_MORE && end < input.len) {
        size_t consumed;

        end = MIN(end + step, input.len);
        status = wn_reply_parse(parser,
            wn_span_slice(input, *out_used, end - *out_used), &consumed, NULL,
            NULL);
        *out_used += consumed;
    }
    return status;
}

static void
check_parser(WnSpan input)
{
    WnReplyParser one;
    WnReplyParser other;
    size_t used_one;
    size_t used_other;
    WnReplyStatus status;

    wn_reply_parser_init(&one);
    wn_reply_parser_init(&other);
    status = parse(&one, input, MAX(input.len, 1), &used_one);
    g_assert_cmpint(parse(&other, input, 3, &used_other), ==, status);
    g_assert_cmpuint(one.text->len, <=, WN_REPLY_KEPT_MAX);
    g_assert_cmpstr(one.text->str, ==, other.text->str);
    g_assert_cmpuint(one.code, ==, other.code);
    g_assert_cmpstr(one.enhanced, ==, other.enhanced);
    if (status == WN_REPLY_OK) {
        g_assert_cmpuint(used_one, ==, used_other);
        g_assert_cmpuint(one.code, >=, 200);
        g_assert_cmpuint(one.code, <=, 599);
    }
    wn_reply_parser_clear(&one);
    wn_reply_parser_clear(&other);
}

/* Whatever text a reply has, it is read as one reply with its code. */
static void
check_writer(WnSpan input)
{
    g_autofree char *text = wn_span_dup(input);
    WnReply reply = { 550, "5.7.1", text };
    g_auto(WnBuffer) out = { 0 };
    WnReplyParser parser;
    size_t consumed;

    wn_reply_write_with_id(&reply, "01234567890123456789012345", &out);
    wn_reply_parser_init(&parser);
    g_assert_cmpint(wn_reply_parse(&parser, wn_buffer_peek(&out), &consumed,
                        NULL, NULL),
        ==, WN_REPLY_OK);
    g_assert_cmpuint(consumed, ==, wn_buffer_len(&out));
    g_assert_cmpuint(parser.code, ==, 550);
    g_assert_cmpstr(parser.enhanced, ==, "5.7.1");
    g_assert_cmpuint(parser.n_lines, <=, WN_REPLY_LINES_MAX);
    wn_reply_parser_clear(&parser);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_parser(wn_span(data, size));
    check_writer(wn_span(data, size));
    return 0;
}
