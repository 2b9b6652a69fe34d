/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Is there memory where a plugin's declaration points?  Asked of the kernel,
 * which answers instead of dying.  It tells a mistake in a declaration, and is
 * no defence: the plugin's own code runs in the same process.
 */

#include <stdbool.h>
#include <stddef.h>

bool wn_readable(const void *memory, size_t size);

/* A string of at most max bytes, its NUL not counted; NULL is none. */
bool wn_readable_text(const char *text, size_t max);
