/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Looks at a shared object before the dynamic linker does, which says "No such
 * file" of one for another machine, and dies of one that was cut off.
 */

#include <glib.h>
#include <stdbool.h>

/* A whole shared object for this machine; false with the reason, path first. */
bool wn_elf_check(const char *path, GError **error);
