/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Header fields as rules see them: each field of a name on a line of its own,
 * unfolded and decoded, and the names that no field has: ALL, MESSAGEID, ToCc,
 * EnvelopeFrom and X-Spam-Relays-*.
 */

#include "rules.h"

#include <winnow/plugin.h>

/* The message that a call is about. */
typedef struct PatternMail {
    const WnHost *host;
    WnCall *call;
} PatternMail;

/* Replaces out; false if the message has no such field. */
bool pattern_header_read(const PatternMail *mail, const char *name,
    PatternForm form, GString *out);

/* The same of the nth MIME part's header; part 0 is the message. */
bool pattern_part_header_read(const PatternMail *mail, const char *name,
    PatternForm form, uint32_t n, GString *out);

/* "Name <a@b>", "a@b (Name)", "a@b": appends the first address, or its
 * name. */
void pattern_address_append(GString *out, const char *text, size_t len,
    PatternForm form);
