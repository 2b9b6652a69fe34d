/* SPDX-License-Identifier: MIT */
#pragma once

/* Data sets that a plugin must not declare, for the test of the loader. */

#include "core/plugin/sdk.h"

static const WnDataset same_sets[] = { { .name = "urls" }, { .name = "urls" } };

static int32_t
set_compile(WnRows *rows, WnSink *sink, WnError *err)
{
    (void)rows;
    (void)sink;
    (void)err;
    return WN_OK;
}

static int32_t
set_check(const void *blob, size_t size, WnError *err)
{
    (void)blob;
    (void)size;
    (void)err;
    return WN_OK;
}

#define SET(...)                                                    \
    {                                                               \
        {                                                           \
            .compile = set_compile, .check = set_check, __VA_ARGS__ \
        }                                                           \
    }
static const WnDataset set_without_name[] = SET(.name = "a b");
static const WnDataset set_of_winnow[] = SET(.name = "winnow_list",
    .source = "a_entry");
static const WnDataset set_without_compile[] = {
    { .name = "a", .source = "a_entry", .check = set_check }
};
static const WnDataset set_odd_columns[] = SET(.name = "a", .source = "a_entry",
    .columns = "value,,x");
static const WnDataset set_odd_source[] = SET(.name = "a", .source = "../a");
static const WnDataset set_of_nothing[] = SET(.name = "b");
static const WnDataset set_of_no_file[] = SET(.name = "a");
