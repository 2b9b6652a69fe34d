/* SPDX-License-Identifier: MIT */
#include "core/smtp/framing.h"

/*
 * WnFraming.state.  Behind CRLF a dot decides; it is looked at only together
 * with what follows, so "dot seen" is no state.
 *
 *   LINE_START --byte--> IN_LINE --CR--> AFTER_CR --LF--> LINE_START
 *                           ^                |
 *                           +---other byte---+   (that CR was bare)
 */
enum { LINE_START, IN_LINE, AFTER_CR };

/* WnFraming.disguise */
enum { NOT_DISGUISED, NUL_ONLY, DOT_ONLY, DOT_AND_NUL };

static const char line_dot[] = "\r\n.";

void
wn_framing_init(WnFraming *self)
{
    *self = (WnFraming){ .state = LINE_START };
}

/* Follows a line of which all so far were NUL bytes and at most one dot. */
static void
follow_disguise(WnFraming *self, WnSpan bytes, bool at_start)
{
    size_t i = 0;

    if (at_start) {
        self->disguise = bytes.ptr[0] == '\0'  ? NUL_ONLY
                         : bytes.ptr[0] == '.' ? DOT_ONLY
                                               : NOT_DISGUISED;
        i = 1;
    }
    for (; i < bytes.len && self->disguise != NOT_DISGUISED; i++) {
        bool dot = bytes.ptr[i] == '.' && self->disguise == NUL_ONLY;

        if (bytes.ptr[i] == '\0')
            self->disguise = self->disguise == DOT_ONLY ? DOT_AND_NUL
                                                        : self->disguise;
        else
            self->disguise = dot ? DOT_AND_NUL : NOT_DISGUISED;
    }
}

static void
end_line(WnFraming *self)
{
    self->state = LINE_START;
    if (self->line_len > self->longest_line)
        self->longest_line = self->line_len;
    self->line_len = 0;
    self->nul_dot = self->nul_dot || self->disguise == DOT_AND_NUL;
    self->disguise = NOT_DISGUISED;
}

/* The part of a line before its LF or before the end of input, not empty and
 * without LF. */
static void
scan_segment(WnFraming *self, WnSpan segment)
{
    const char *cr = memchr(segment.ptr, '\r', segment.len);
    bool cr_last = segment.ptr[segment.len - 1] == '\r';

    if (cr != NULL && cr != segment.ptr + segment.len - 1)
        self->bare_cr = true;
    if (self->state == LINE_START || self->disguise != NOT_DISGUISED)
        follow_disguise(self, wn_span_slice(segment, 0, segment.len - cr_last),
            self->state == LINE_START && segment.len > cr_last);
    self->line_len += segment.len - cr_last;
    self->state = cr_last ? AFTER_CR : IN_LINE;
}

/* Up to and including the next LF, or all of rest; how much it was. */
static size_t
scan_line(WnFraming *self, WnSpan rest)
{
    const char *lf = memchr(rest.ptr, '\n', rest.len);
    size_t len = lf != NULL ? (size_t)(lf - rest.ptr) : rest.len;

    if (self->state == AFTER_CR && len > 0) {
        self->bare_cr = true;
        self->line_len++;
        self->disguise = NOT_DISGUISED;
        self->state = IN_LINE;
    }
    if (len > 0)
        scan_segment(self, wn_span(rest.ptr, len));
    if (lf == NULL)
        return len;
    if (self->state == AFTER_CR) {
        end_line(self);
    } else {
        self->bare_lf = true;
        self->line_len++;
        self->disguise = NOT_DISGUISED;
        self->state = IN_LINE;
    }
    return len + 1;
}

/* By words: this and the search for line ends are all that a large message
 * costs here. */
static bool
has_eight_bit(WnSpan bytes)
{
    uint64_t all = 0;
    size_t i = 0;

    for (; i + sizeof(all) <= bytes.len; i += sizeof(all)) {
        uint64_t word;

        memcpy(&word, bytes.ptr + i, sizeof(word));
        all |= word;
    }
    for (; i < bytes.len; i++)
        all |= (unsigned char)bytes.ptr[i];
    return (all & 0x8080808080808080) != 0;
}

static void
note_content(WnFraming *self, WnSpan message)
{
    self->n_bytes += message.len;
    self->eight_bit = self->eight_bit || has_eight_bit(message);
    self->nul = self->nul || memchr(message.ptr, '\0', message.len) != NULL;
}

typedef enum { DOT_UNDECIDED, DOT_STUFFED, DOT_END } Dot;

/* What the dot at the beginning of rest, which is that of a line, is. */
static Dot
look_at_dot(WnSpan rest)
{
    size_t len = rest.len < 3 ? rest.len : 3;

    if (memcmp(rest.ptr, ".\r\n", len) != 0)
        return DOT_STUFFED;
    return len == 3 ? DOT_END : DOT_UNDECIDED;
}

WnFramingStatus
wn_framing_scan(WnFraming *self, WnSpan input, size_t *out_message,
    size_t *out_consumed)
{
    Dot dot = DOT_STUFFED;
    size_t at = 0;

    while (at < input.len) {
        WnSpan rest = wn_span_slice(input, at, input.len);

        if (self->state == LINE_START && rest.ptr[0] == '.') {
            dot = look_at_dot(rest);
            if (dot != DOT_STUFFED)
                break;
            self->n_stuffed++;
            self->disguise = DOT_ONLY;
            self->state = IN_LINE;
            at++;
        } else {
            at += scan_line(self, rest);
        }
    }
    note_content(self, wn_span_slice(input, 0, at));
    *out_message = at;
    *out_consumed = dot == DOT_END ? at + 3 : at;
    return dot == DOT_END ? WN_FRAMING_END : WN_FRAMING_MORE;
}

static void
append(GByteArray *out, WnSpan bytes)
{
    g_byte_array_append(out, (const guint8 *)bytes.ptr, (guint)bytes.len);
}

/* Where the first line behind the beginning of text that begins with a dot
 * has that dot; text.len if there is none. */
static size_t
find_line_dot(WnSpan text)
{
    const char *found = memmem(text.ptr, text.len, line_dot,
        sizeof(line_dot) - 1);

    return found != NULL ? (size_t)(found - text.ptr) + 2 : text.len;
}

void
wn_framing_unstuff(WnSpan wire, GByteArray *out)
{
    size_t at = wire.len > 0 && wire.ptr[0] == '.' ? 1 : 0;

    while (at < wire.len) {
        WnSpan rest = wn_span_slice(wire, at, wire.len);
        size_t dot = find_line_dot(rest);

        append(out, wn_span_slice(rest, 0, dot));
        at += dot + 1;
    }
}

static bool
ends_in_crlf(WnSpan text)
{
    return text.len >= 2 && memcmp(text.ptr + text.len - 2, "\r\n", 2) == 0;
}

void
wn_framing_stuff(WnSpan message, GByteArray *out)
{
    size_t at = 0;

    if (message.len > 0 && message.ptr[0] == '.')
        append(out, WN_SPAN("."));
    while (at < message.len) {
        WnSpan rest = wn_span_slice(message, at, message.len);
        size_t dot = find_line_dot(rest);

        append(out, wn_span_slice(rest, 0, dot));
        if (dot < rest.len)
            append(out, WN_SPAN("."));
        at += dot;
    }
    if (message.len > 0 && !ends_in_crlf(message))
        append(out, WN_SPAN("\r\n"));
}

uint64_t
wn_framing_wire_offset(WnSpan wire, uint64_t offset)
{
    uint64_t n_dots = 0;
    size_t dot = wire.len > 0 && wire.ptr[0] == '.' ? 0 : find_line_dot(wire);

    /* A dot at wire place d is the n-th; what stands behind it has the place
     * d - n_dots in the message. */
    while (dot < wire.len && dot - n_dots < offset) {
        n_dots++;
        dot += 1 + find_line_dot(wn_span_slice(wire, dot + 1, wire.len));
    }
    return offset + n_dots;
}

/* A CR without LF behind it, or an LF without CR before it. */
static bool
is_bare(WnSpan text, size_t at)
{
    if (text.ptr[at] == '\r')
        return at + 1 >= text.len || text.ptr[at + 1] != '\n';
    return text.ptr[at] == '\n' && (at == 0 || text.ptr[at - 1] != '\r');
}

void
wn_framing_normalise(WnSpan message, GByteArray *out)
{
    size_t begin = 0;

    for (size_t i = 0; i < message.len; i++) {
        if (!is_bare(message, i))
            continue;
        append(out, wn_span_slice(message, begin, i - begin));
        append(out, WN_SPAN("\r\n"));
        begin = i + 1;
    }
    append(out, wn_span_slice(message, begin, message.len));
}
