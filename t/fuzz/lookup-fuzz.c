/* SPDX-License-Identifier: MIT */

/* What the service answers: sdk/examples/lookup. */

#include "t/fuzz/example_stage.h"

#define talk_start wn_stage_talk
#include "sdk/examples/lookup/lookup.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Lookup self = { .host = wn_stage_host() };

    wn_stage_run(lookup_rcpt, &self, data, size);
    return 0;
}
