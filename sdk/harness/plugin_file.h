/* SPDX-License-Identifier: MIT */
#pragma once

/* The plugin under test: any file, whoever may write to it. */

#include "core/plugin/module.h"

/* Borrowed, loaded once for a process; NULL with the reason that winnow would
 * give. */
const WnModule *wn_plugin_file(const char *path, GError **error);
