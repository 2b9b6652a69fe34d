/* SPDX-License-Identifier: MIT */
#pragma once

/* CRC-32C (Castagnoli, RFC 3720 §B.4), by the processor's instruction where
 * there is one.  crc is 0 to begin with, or the result over what came before.
 */

#include "core/base/span.h"

uint32_t wn_crc32c(uint32_t crc, WnSpan bytes);

/* The same without the instruction: for other processors, and for tests. */
uint32_t wn_crc32c_portable(uint32_t crc, WnSpan bytes);
