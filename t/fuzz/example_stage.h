/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A host for the SDK's examples, and a server that says what the fuzzer wants.
 * The target includes the plugin's source with its talk_start() replaced:
 *
 *    #define talk_start wn_stage_talk
 *    #include "sdk/examples/clamav/clamav.c"
 *
 * The first byte of the input is how much comes at a time, and how it ends;
 * the rest is what the server says.  Each piece lies at the end of its memory.
 */

#include <winnow/plugin.h>

#include <glib.h>

typedef WnVerdict (*WnStageHook)(void *self, WnCall *call);

/* The host that self needs. */
const WnHost *wn_stage_host(void);

/* Runs the hook over the input and looks at what comes of it. */
void wn_stage_run(WnStageHook hook, void *self, const uint8_t *data,
    size_t size);
