/* SPDX-License-Identifier: MIT */
#pragma once

#include <winnow/plugin.h>

/* Tries what the subject asks for ("misbehave read /etc/shadow") and tells how
 * it went: "read: done", or "read: Permission denied". */
void misbehave_probe(const char *subject, char *text, size_t size);
