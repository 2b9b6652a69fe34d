/* SPDX-License-Identifier: MIT */

/*
 * Envelopes from any bytes: what can be read stays within the bytes, and
 * written again it reads the same.
 */

#include "core/journal/record.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool holds)
{
    if (!holds)
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_auto(WnEnvelope) first;
    g_auto(WnEnvelope) second;
    g_auto(WnWriter) once;
    g_auto(WnWriter) twice;

    wn_envelope_init(&first);
    wn_envelope_init(&second);
    wn_writer_init(&once);
    wn_writer_init(&twice);
    if (!wn_envelope_read(&first, wn_span(data, size)))
        return 0;
    for (guint i = 0; i < first.recipients->len; i++)
        check(g_array_index(first.recipients, WnEnvelopeRecipient, i).scope
              < first.scopes->len);
    wn_envelope_write(&first, &once);
    check(wn_span_eq(wn_writer_span(&once), wn_span(data, size)));
    check(wn_envelope_read(&second, wn_writer_span(&once)));
    wn_envelope_write(&second, &twice);
    check(wn_span_eq(wn_writer_span(&once), wn_writer_span(&twice)));
    return 0;
}
