/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A message for the pattern plugin's internals, without a filter process: the
 * tables that they use of a WnHost, over core/message.
 */

#include "core/message/message.h"
#include "plugins/pattern/engine.h"

typedef struct FakeMail FakeMail;

/* bytes: lines end with LF or CRLF. */
FakeMail *fake_mail_new(const char *bytes, size_t len);
void fake_mail_free(FakeMail *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FakeMail, fake_mail_free)

void fake_mail_set_sender(FakeMail *self, const char *sender);
void fake_mail_set_client(FakeMail *self, const char *address, const char *rdns,
    const char *helo);

const PatternMail *fake_mail_view(const FakeMail *self);
WnMessage *fake_mail_message(const FakeMail *self);
