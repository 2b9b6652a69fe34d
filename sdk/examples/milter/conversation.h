/* SPDX-License-Identifier: MIT */
#ifndef MILTER_CONVERSATION_H
#define MILTER_CONVERSATION_H

/*
 * One message told to one milter:
 *
 *    negotiate, connect, helo, mail, rcpt..., data, header..., eoh, body...,
 * eom
 *
 * Commands that the milter does not want are left out.  Those that it does not
 * answer are sent together; after each other one its answer is awaited, and
 * anything but "continue" ends the conversation.
 */

#include "fields.h"
#include "talk.h"

typedef enum {
    MILTER_SAYS_NOTHING,
    MILTER_SAYS_REJECT,
    MILTER_SAYS_TEMPFAIL,
    MILTER_SAYS_DISCARD,
    MILTER_SAYS_QUARANTINE,
    MILTER_SAYS_FAILURE /* it could not be asked */
} MilterOutcome;

/* text: the reply's, or the reason. */
typedef WnVerdict (*MilterFn)(void *user, WnCall *call, MilterOutcome outcome,
    const char *text);

/* What fn returns, at once or later, is the call's verdict. */
WnVerdict milter_converse(const WnHost *host, WnCall *call, TalkServer *server,
    Fields *fields, MilterFn fn, void *user);

#endif
