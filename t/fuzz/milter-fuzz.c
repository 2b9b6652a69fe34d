/* SPDX-License-Identifier: MIT */

/* What milters say: packets, and the conversation that they lead to
 * (sdk/examples/milter). */

#include "t/fuzz/example_stage.h"

#define talk_start wn_stage_talk
#include "sdk/examples/milter/conversation.c"
#include "sdk/examples/milter/milter.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Milter self = { .host = wn_stage_host(), .n_servers = 2 };

    wn_stage_run(milter_message, &self, data, size);
    return 0;
}
