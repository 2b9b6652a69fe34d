/* SPDX-License-Identifier: MIT */
#include "core/smtp/reply.h"

#define CODE_MIN 200
#define CODE_MAX 559       /* of ours */
#define CODE_MAX_TAKEN 599 /* of others: the first digit counts */

static const WnReply internal_error = { 451, "4.3.0", "internal error" };

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char
printable(char c)
{
    if ((unsigned char)c >= 0x80)
        return '?';
    return c < ' ' || c == 0x7f ? ' ' : c;
}

/* One to three digits at offset; how many. */
static size_t
digits_at(WnSpan text, size_t offset)
{
    size_t n = 0;

    while (n < 3 && offset + n < text.len && is_digit(text.ptr[offset + n]))
        n++;
    return n;
}

size_t
wn_reply_enhanced_len(WnSpan text, uint16_t code)
{
    size_t subject;
    size_t detail;
    size_t len;

    if (text.len < 5 || text.ptr[0] != '0' + code / 100 || text.ptr[1] != '.')
        return 0;
    subject = digits_at(text, 2);
    if (subject == 0 || 2 + subject >= text.len || text.ptr[2 + subject] != '.')
        return 0;
    detail = digits_at(text, 3 + subject);
    len = 3 + subject + detail;
    if (detail == 0 || (len < text.len && text.ptr[len] != ' '))
        return 0;
    return len;
}

static void
append_printable(WnBuffer *out, WnSpan text)
{
    char *to = wn_buffer_reserve(out, text.len);

    for (size_t i = 0; i < text.len; i++)
        to[i] = printable(text.ptr[i]);
    wn_buffer_commit(out, text.len);
}

/* The code's three digits, a separator and, with a space, the enhanced code. */
static void
append_prefix(WnBuffer *out, const WnReply *reply, WnSpan enhanced, bool last)
{
    char code[4] = { (char)('0' + reply->code / 100),
        (char)('0' + reply->code / 10 % 10), (char)('0' + reply->code % 10),
        last ? ' ' : '-' };

    wn_buffer_append(out, wn_span(code, sizeof(code)));
    if (enhanced.len == 0)
        return;
    wn_buffer_append(out, enhanced);
    wn_buffer_append(out, WN_SPAN(" "));
}

/* Takes the first line of *rest; line ends at the end of all are no lines. */
static WnSpan
take_line(WnSpan *rest)
{
    const char *end = memchr(rest->ptr, '\n', rest->len);
    size_t len = end != NULL ? (size_t)(end - rest->ptr) : rest->len;
    WnSpan line = wn_span_slice(*rest, 0, len);

    *rest = wn_span_slice(*rest, len + 1, rest->len);
    if (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    if (line.len > WN_REPLY_LINE_TEXT_MAX)
        line.len = WN_REPLY_LINE_TEXT_MAX;
    return line;
}

static void
write_lines(const WnReply *reply, WnSpan id, WnBuffer *out)
{
    WnSpan enhanced = wn_span_str(reply->enhanced);
    WnSpan rest = wn_span_str(reply->text);
    bool last = false;

    if (wn_reply_enhanced_len(enhanced, reply->code) != enhanced.len)
        enhanced = WN_SPAN_EMPTY;
    while (rest.len > 0 && strchr("\r\n", rest.ptr[rest.len - 1]) != NULL)
        rest.len--;
    for (int n = 1; !last; n++) {
        WnSpan line = take_line(&rest);

        last = rest.len == 0 || n == WN_REPLY_LINES_MAX;
        append_prefix(out, reply, enhanced, last);
        append_printable(out, line);
        if (last && id.len > 0) {
            wn_buffer_append(out, WN_SPAN(" ["));
            append_printable(out, id);
            wn_buffer_append(out, WN_SPAN("]"));
        }
        wn_buffer_append(out, WN_SPAN("\r\n"));
    }
}

static void
write_checked(const WnReply *reply, WnSpan id, WnBuffer *out)
{
    if (reply->code < CODE_MIN || reply->code > CODE_MAX)
        write_lines(&internal_error, id, out);
    else
        write_lines(reply, id, out);
}

void
wn_reply_write(const WnReply *reply, WnBuffer *out)
{
    write_checked(reply, WN_SPAN_EMPTY, out);
}

void
wn_reply_write_with_id(const WnReply *reply, const char *id, WnBuffer *out)
{
    write_checked(reply, wn_span_str(id), out);
}

void
wn_reply_parser_init(WnReplyParser *self)
{
    *self = (WnReplyParser){ .text = g_string_new(NULL) };
}

void
wn_reply_parser_clear(WnReplyParser *self)
{
    if (self->text != NULL)
        g_string_free(self->text, TRUE);
    *self = (WnReplyParser){ 0 };
}

void
wn_reply_parser_reset(WnReplyParser *self)
{
    self->code = 0;
    self->n_bytes = 0;
    self->n_lines = 0;
    self->enhanced[0] = '\0';
    g_string_truncate(self->text, 0);
}

/* The code at the beginning of a line, 0 if there is none. */
static uint16_t
line_code(WnSpan line)
{
    uint16_t code;

    if (line.len < 3 || digits_at(line, 0) != 3)
        return 0;
    if (line.len > 3 && line.ptr[3] != ' ' && line.ptr[3] != '-')
        return 0;
    code = (uint16_t)((line.ptr[0] - '0') * 100 + (line.ptr[1] - '0') * 10
                      + (line.ptr[2] - '0'));
    return code >= CODE_MIN && code <= CODE_MAX_TAKEN ? code : 0;
}

static WnSpan
skip_enhanced(WnReplyParser *self, WnSpan text)
{
    size_t len = wn_reply_enhanced_len(text, self->code);

    if (len == 0)
        return text;
    if (self->enhanced[0] == '\0') {
        memcpy(self->enhanced, text.ptr, len);
        self->enhanced[len] = '\0';
    }
    return wn_span_slice(text, len + 1, text.len);
}

static void
keep_text(WnReplyParser *self, WnSpan text)
{
    if (self->n_lines > 1 && self->text->len < WN_REPLY_KEPT_MAX)
        g_string_append_c(self->text, '\n');
    for (size_t i = 0; i < text.len && self->text->len < WN_REPLY_KEPT_MAX; i++)
        g_string_append_c(self->text, printable(text.ptr[i]));
}

/* A line without its end. */
static WnReplyStatus
parse_line(WnReplyParser *self, WnSpan line, WnReplyLineFn on_line, void *user)
{
    uint16_t code = line_code(line);
    WnSpan text = wn_span_slice(line, 4, line.len);

    if (code == 0 || memchr(line.ptr, '\0', line.len) != NULL)
        return WN_REPLY_BROKEN;
    if (self->n_lines > 0 && code != self->code)
        return WN_REPLY_BROKEN;
    self->code = code;
    self->n_lines++;
    keep_text(self, skip_enhanced(self, text));
    if (on_line != NULL)
        on_line(user, text);
    return line.len > 3 && line.ptr[3] == '-' ? WN_REPLY_MORE : WN_REPLY_OK;
}

WnReplyStatus
wn_reply_parse(WnReplyParser *self, WnSpan input, size_t *out_consumed,
    WnReplyLineFn on_line, void *user)
{
    WnReplyStatus status = WN_REPLY_MORE;

    *out_consumed = 0;
    while (status == WN_REPLY_MORE) {
        WnSpan rest = wn_span_slice(input, *out_consumed, input.len);
        const char *end = memchr(rest.ptr, '\n', rest.len);
        size_t len = end != NULL ? (size_t)(end - rest.ptr) + 1 : rest.len;

        if (self->n_bytes + len > WN_REPLY_BYTES_MAX)
            return WN_REPLY_BROKEN;
        if (end == NULL)
            return self->n_bytes + len == WN_REPLY_BYTES_MAX ? WN_REPLY_BROKEN
                                                             : WN_REPLY_MORE;
        if (len < 2 || end[-1] != '\r')
            return WN_REPLY_BROKEN;
        self->n_bytes += len;
        *out_consumed += len;
        status = parse_line(self, wn_span_slice(rest, 0, len - 2), on_line,
            user);
    }
    return status;
}
