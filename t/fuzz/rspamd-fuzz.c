/* SPDX-License-Identifier: MIT */

/* What rspamd answers, head and body: sdk/examples/rspamd. */

#include "t/fuzz/example_stage.h"

#define talk_start wn_stage_talk
#include "sdk/examples/rspamd/rspamd.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char password[] = "";
    Rspamd self = { .host = wn_stage_host(), .password = password };

    wn_stage_run(rspamd_message, &self, data, size);
    return 0;
}
