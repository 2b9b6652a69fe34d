/* SPDX-License-Identifier: MIT */
#include "plugins/phrase/hash.h"

void
phrase_powers_init(PhrasePowers *self)
{
    self->a[0] = 1;
    self->b[0] = 1;
    for (size_t i = 1; i <= PHRASE_WORDS_MAX; i++) {
        self->a[i] = phrase_multiply(self->a[i - 1], PHRASE_BASE_A);
        self->b[i] = phrase_multiply(self->b[i - 1], PHRASE_BASE_B);
    }
}
