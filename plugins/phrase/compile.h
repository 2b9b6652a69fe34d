/* SPDX-License-Identifier: MIT */
#ifndef PHRASE_COMPILE_H
#define PHRASE_COMPILE_H

/*
 * From rows to the data set "phrases".
 */

#include <winnow/plugin.h>

enum {
    PHRASE_FIELD_VALUE = 0,
    PHRASE_FIELD_FOLDED = 3 /* what WN_DATASET_FOLDED adds */
};

/* As WnDataset wants them. */
int32_t phrase_check_row(const WnStr *fields, WnError *err);
int32_t phrase_compile(WnRows *rows, WnSink *sink, WnError *err);
int32_t phrase_check(const void *blob, size_t size, WnError *err);

#endif
