/* SPDX-License-Identifier: MIT */

/* What clamd answers: sdk/examples/clamav. */

#include "t/fuzz/example_stage.h"

#define talk_start wn_stage_talk
#include "sdk/examples/clamav/clamav.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Clamav self = { .host = wn_stage_host() };

    wn_stage_run(clamav_message, &self, data, size);
    return 0;
}
