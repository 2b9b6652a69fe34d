/* SPDX-License-Identifier: MIT */
#include "core/smtp/command.h"
#include "core/smtp/envelope.h"

#include <glib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_inside(WnSpan part, WnSpan whole)
{
    if (part.len == 0)
        return;
    g_assert_true(part.ptr >= whole.ptr);
    g_assert_true(part.ptr + part.len <= whole.ptr + whole.len);
}

static void
check_envelope(WnSpan argument)
{
    WnMailArguments mail;
    WnRcptArguments rcpt;

    if (wn_envelope_parse_mail(argument, &mail) == NULL) {
        check_inside(mail.sender.text, argument);
        check_inside(mail.envid, argument);
        check_inside(mail.ret, argument);
        g_assert_true(mail.sender.null || mail.sender.domain.len > 0);
    }
    if (wn_envelope_parse_rcpt(argument, true, &rcpt) == NULL) {
        check_inside(rcpt.recipient.text, argument);
        check_inside(rcpt.notify, argument);
        check_inside(rcpt.orcpt, argument);
        g_assert_cmpuint(rcpt.recipient.text.len, >, 0);
    }
}

/* Whether a line is ready depends on its bytes, not on how many came at once.
 */
static void
check_prefix(WnSpan input, WnLineStatus status, size_t consumed)
{
    WnSpan line;
    size_t again;

    if (status == WN_LINE_MORE || status == WN_LINE_ENDLESS
        || (input.len >= 2 && input.ptr[0] == 0x16))
        return;
    g_assert_cmpint(wn_command_line(wn_span_slice(input, 0, consumed), &line,
                        &again),
        ==, status);
    g_assert_cmpuint(again, ==, consumed);
    g_assert_cmpint(wn_command_line(wn_span_slice(input, 0, consumed - 1),
                        &line, &again),
        ==, WN_LINE_MORE);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    WnSpan rest = wn_span(data, size);

    while (rest.len > 0) {
        WnSpan line = WN_SPAN_EMPTY;
        size_t consumed;
        WnLineStatus status = wn_command_line(rest, &line, &consumed);
        WnCommand command;

        g_assert_cmpint(consumed == 0, ==, status == WN_LINE_MORE);
        check_inside(line, rest);
        check_prefix(rest, status, consumed);
        if (status == WN_LINE_MORE || status == WN_LINE_ENDLESS)
            break;
        command = wn_command_parse(line);
        check_inside(command.name, line);
        check_inside(command.argument, line);
        check_envelope(command.argument);
        rest = wn_span_slice(rest, consumed, rest.len);
    }
    return 0;
}
