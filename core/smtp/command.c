/* SPDX-License-Identifier: MIT */
#include "core/smtp/command.h"

#include <glib.h>

typedef struct Verb {
    const char *name;
    WnVerb verb;
} Verb;

/* Frequent ones first. */
static const Verb verbs[] = {
    { "RCPT", WN_VERB_RCPT },
    { "MAIL", WN_VERB_MAIL },
    { "DATA", WN_VERB_DATA },
    { "EHLO", WN_VERB_EHLO },
    { "QUIT", WN_VERB_QUIT },
    { "RSET", WN_VERB_RSET },
    { "HELO", WN_VERB_HELO },
    { "NOOP", WN_VERB_NOOP },
    { "STARTTLS", WN_VERB_STARTTLS },
    { "BDAT", WN_VERB_BDAT },
    { "VRFY", WN_VERB_VRFY },
    { "EXPN", WN_VERB_EXPN },
    { "HELP", WN_VERB_HELP },
    { "AUTH", WN_VERB_AUTH },
    { "TURN", WN_VERB_NOT_IMPLEMENTED },
    { "ETRN", WN_VERB_NOT_IMPLEMENTED },
    { "ATRN", WN_VERB_NOT_IMPLEMENTED },
    { "SEND", WN_VERB_NOT_IMPLEMENTED },
    { "SOML", WN_VERB_NOT_IMPLEMENTED },
    { "SAML", WN_VERB_NOT_IMPLEMENTED },
    { "GET", WN_VERB_FOREIGN },
    { "HEAD", WN_VERB_FOREIGN },
    { "POST", WN_VERB_FOREIGN },
    { "PUT", WN_VERB_FOREIGN },
    { "DELETE", WN_VERB_FOREIGN },
    { "PATCH", WN_VERB_FOREIGN },
    { "OPTIONS", WN_VERB_FOREIGN },
    { "TRACE", WN_VERB_FOREIGN },
    { "CONNECT", WN_VERB_FOREIGN },
};

/* A handshake record of any TLS version. */
#define TLS_HELLO WN_SPAN("\x16\x03")

static bool
is_tls_hello(WnSpan input)
{
    return input.len >= 2 && memcmp(input.ptr, TLS_HELLO.ptr, 2) == 0;
}

static WnLineStatus
classify(WnSpan line, size_t consumed)
{
    if (consumed > WN_COMMAND_LINE_MAX)
        return WN_LINE_TOO_LONG;
    return memchr(line.ptr, '\0', line.len) != NULL ? WN_LINE_NUL : WN_LINE_OK;
}

WnLineStatus
wn_command_line(WnSpan input, WnSpan *out_line, size_t *out_consumed)
{
    size_t window = MIN(input.len, WN_COMMAND_UNTERMINATED_MAX);
    const char *lf = memchr(input.ptr, '\n', window);

    *out_consumed = 0;
    if (is_tls_hello(input)) {
        *out_line = input;
        *out_consumed = input.len;
        return WN_LINE_OK;
    }
    if (lf == NULL) {
        if (input.len <= WN_COMMAND_UNTERMINATED_MAX)
            return WN_LINE_MORE;
        *out_consumed = input.len;
        return WN_LINE_ENDLESS;
    }
    *out_line = wn_span(input.ptr, (size_t)(lf - input.ptr));
    *out_consumed = out_line->len + 1;
    if (out_line->len == 0 || lf[-1] != '\r')
        return WN_LINE_BARE_LF;
    out_line->len--;
    return classify(*out_line, *out_consumed);
}

static WnVerb
find_verb(WnSpan name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(verbs); i++) {
        if (wn_span_case_eq(name, wn_span_str(verbs[i].name)))
            return verbs[i].verb;
    }
    return WN_VERB_UNKNOWN;
}

WnCommand
wn_command_parse(WnSpan line)
{
    const char *space = memchr(line.ptr, ' ', line.len);
    size_t len = space != NULL ? (size_t)(space - line.ptr) : line.len;
    WnCommand command = {
        .verb = WN_VERB_UNKNOWN,
        .name = wn_span_slice(line, 0, len),
        .argument = wn_span_slice(line, len + 1, line.len),
    };

    if (is_tls_hello(line))
        command.verb = WN_VERB_FOREIGN;
    else if (memchr(line.ptr, '\r', line.len) == NULL)
        command.verb = find_verb(command.name);
    return command;
}
