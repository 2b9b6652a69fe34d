/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The plugin's own allocations, one of which fails where the mode says so.
 * Those of libraries that it calls do not: GLib, for one, ends the process when
 * there is no memory, and so does the C++ runtime unless the plugin catches
 * what it throws.
 */

/* From now on, for the object that dlopen() gave the handle for. */
void wn_memory_watch(void *handle);
