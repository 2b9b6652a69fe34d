/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Cuts the command stream into lines and names their verbs.  Incremental and
 * pure: bytes in, event and consumed length out.  Only CRLF ends a line.
 */

#include "core/base/span.h"

#define WN_COMMAND_LINE_MAX 2048         /* with CRLF; longer: 500, goes on */
#define WN_COMMAND_UNTERMINATED_MAX 8192 /* longer: 500, and close */

typedef enum {
    WN_LINE_MORE, /* no whole line yet */
    WN_LINE_OK,
    WN_LINE_TOO_LONG, /* a line over WN_COMMAND_LINE_MAX, consumed whole */
    WN_LINE_ENDLESS,  /* over WN_COMMAND_UNTERMINATED_MAX without an end */
    WN_LINE_BARE_LF,  /* a line feed without carriage return */
    WN_LINE_NUL       /* a NUL byte in the line */
} WnLineStatus;

/* *out_line is without its end and set with all but WN_LINE_MORE and
 * WN_LINE_ENDLESS; *out_consumed counts what was used up: nothing with
 * WN_LINE_MORE, all of input with WN_LINE_ENDLESS.  What begins like a TLS
 * hello is a line at once, for it may never end. */
WnLineStatus wn_command_line(WnSpan input, WnSpan *out_line,
    size_t *out_consumed);

typedef enum {
    WN_VERB_UNKNOWN,
    WN_VERB_HELO,
    WN_VERB_EHLO,
    WN_VERB_MAIL,
    WN_VERB_RCPT,
    WN_VERB_DATA,
    WN_VERB_BDAT,
    WN_VERB_RSET,
    WN_VERB_NOOP,
    WN_VERB_QUIT,
    WN_VERB_VRFY,
    WN_VERB_EXPN,
    WN_VERB_HELP,
    WN_VERB_AUTH,
    WN_VERB_STARTTLS,
    WN_VERB_NOT_IMPLEMENTED, /* TURN ETRN ATRN SEND SOML SAML */
    WN_VERB_FOREIGN          /* GET POST CONNECT ..., a TLS hello: not SMTP */
} WnVerb;

typedef struct WnCommand {
    WnVerb verb;
    WnSpan name;     /* the verb as written */
    WnSpan argument; /* behind the verb and one space, not trimmed */
} WnCommand;

/* A line with a carriage return in it is WN_VERB_UNKNOWN. */
WnCommand wn_command_parse(WnSpan line);
