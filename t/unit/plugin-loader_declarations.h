/* SPDX-License-Identifier: MIT */
#pragma once

/* Declarations that wn_module_new() refuses, for the test of the loader. */

#include "t/unit/plugin-loader_options.h"
#include "t/unit/plugin-loader_sets.h"

typedef struct Declaration {
    const char *name;
    WnPlugin plugin;
    const char *reason;
} Declaration;

#define DECLARE(size, major, option, own_name, own_start)                 \
    .struct_size = (size), .abi_major = (major), .option_size = (option), \
    .dataset_size = sizeof(WnDataset), .name = (own_name),                \
    .instance_new = (own_start)
#define BASE DECLARE(sizeof(WnPlugin), 1, sizeof(WnOption), "p", start)
#define WITH(opts)                                  \
    {                                               \
        BASE, .filter = &a_filter, WN_OPTIONS(opts) \
    }

static const Declaration declarations[] = {
    { "major",
        { DECLARE(sizeof(WnPlugin), 2, sizeof(WnOption), "p", start),
            .filter = &a_filter },
        "is made for major 2 of the ABI, this host has 1" },
    { "size",
        { DECLARE(16, 1, sizeof(WnOption), "p", start), .filter = &a_filter },
        "declares a WnPlugin of 16 bytes" },
    { "need", { BASE, .need_minor = 7, .filter = &a_filter },
        "needs ABI 1.7, this host has 1.0" },
    { "no-name",
        { DECLARE(sizeof(WnPlugin), 1, sizeof(WnOption), NULL, start),
            .filter = &a_filter },
        "calls itself \"\"" },
    { "neither", { BASE }, "is neither a filter nor an action" },
    { "both", { BASE, .filter = &a_filter, .action = &an_action },
        "is both a filter and an action" },
    { "no-start",
        { DECLARE(sizeof(WnPlugin), 1, sizeof(WnOption), "p", NULL),
            .filter = &a_filter },
        "has no instance_new" },
    { "filter-size", { BASE, .filter = &short_filter },
        "declares a WnFilter of 8 bytes" },
    { "action-size", { BASE, .action = &short_action },
        "declares a WnAction of 8 bytes" },
    { "too-many-options", { BASE, .filter = &a_filter, .n_options = 257 },
        "declares 257 options, at most 256 are allowed" },
    { "too-many-datasets", { BASE, .filter = &a_filter, .n_datasets = 65 },
        "declares 65 data sets, at most 64 are allowed" },
    { "datasets-absent", { BASE, .filter = &a_filter, .n_datasets = 1 },
        "declares data sets" },
    { "no-apply", { BASE, .action = &idle_action },
        "is an action without apply" },
    { "option-size",
        { DECLARE(sizeof(WnPlugin), 1, 8, "p", start), .filter = &a_filter,
            WN_OPTIONS(twice) },
        "declares options of 8 bytes" },
    { "options-absent", { BASE, .filter = &a_filter, .n_options = 3 },
        "declares options" },
    { "option-size-wild",
        { DECLARE(sizeof(WnPlugin), 1, 65528, "p", start), .filter = &a_filter,
            WN_OPTIONS(twice) },
        "declares options of 65528 bytes, which ABI 1.0 does not have" },
    { "option-size-odd",
        { DECLARE(sizeof(WnPlugin), 1, sizeof(WnOption) + 1, "p", start),
            .abi_minor = 7, .filter = &a_filter, WN_OPTIONS(twice) },
        "which ABI 1.7 does not have" },
    { "size-wild", { DECLARE(1u << 30, 1, 64, "p", start) },
        "which ABI 1.0 does not have" },
    { "options-nowhere", { BASE, .filter = &a_filter, .n_options = 1 },
        "declares options where there is none" },
    { "option-name-nowhere", WITH(wild_name),
        "the name of option 0 is no text of at most 64 bytes" },
    { "option-help-nowhere", WITH(wild_help),
        "the help of option 0 is no text" },
    { "option-choice-nowhere", WITH(wild_choices), "declares a choice where" },
    { "option-help-lines", WITH(two_lines),
        "the help of option 0 is not one line of text" },
    { "filter-nowhere", { BASE, .filter = NOWHERE },
        "declares a filter where there is none" },
    { "version-long", { BASE, .filter = &a_filter, .version = endless },
        "its version is no text of at most 64 bytes" },
    { "summary-escape", { BASE, .filter = &a_filter, .summary = "a\033[31m" },
        "its summary is not one line of text" },
    { "author-bytes", { BASE, .filter = &a_filter, .author = "\xff" },
        "its author is no UTF-8" },
    { "option-bad-name", WITH(bad_name),
        "option 0 has no proper name: \"Zone\"" },
    { "option-no-name", WITH(no_name), "option 0 has no proper name" },
    { "option-of-the-core", WITH(core_name),
        "option \"on_error\" has a name that is kept for winnow's own" },
    { "option-of-a-later-core", WITH(later_name),
        "option \"on_friday\" has a name that is kept for winnow's own" },
    { "option-of-winnow", WITH(winnow_name),
        "option \"winnow_mode\" has a name that is kept for winnow's own" },
    { "option-twice", WITH(twice), "option \"a\" is declared twice" },
    { "option-type", WITH(no_type), "option \"a\" has the unknown type 77" },
    { "option-choices", WITH(no_choices), "is an ENUM without choices" },
    { "option-no-fallback", WITH(no_fallback),
        "option \"a\" has no fallback and is not required" },
    { "option-two-minds", WITH(two_minds),
        "option \"a\" is required and has a fallback" },
    { "option-odd-fallback", WITH(odd_fallback),
        "the fallback of option \"a\" is no good: \"many\" is not a number" },
    { "option-fallback-outside", WITH(fallback_outside),
        "the fallback of option \"a\" is no good: expected a number from 1"
        " to 5" },
    { "option-limits", WITH(odd_limits), "has a min above its max" },
    { "option-file", WITH(odd_file),
        "option \"a\" names files but is no string" },
    { "datasets", { BASE, .filter = &a_filter, WN_DATASETS(same_sets) },
        "data set \"urls\" is declared twice" },
    { "dataset-name",
        { BASE, .filter = &a_filter, WN_DATASETS(set_without_name) },
        "has no proper name: \"a b\"" },
    { "dataset-of-winnow",
        { BASE, .filter = &a_filter, WN_DATASETS(set_of_winnow) },
        "data set \"winnow_list\" has a name that is kept for winnow's own" },
    { "dataset-compile",
        { BASE, .filter = &a_filter, WN_DATASETS(set_without_compile) },
        "data set \"a\" lacks compile or check" },
    { "dataset-columns",
        { BASE, .filter = &a_filter, WN_DATASETS(set_odd_columns) },
        "has no proper columns: \"value,,x\"" },
    { "dataset-source",
        { BASE, .filter = &a_filter, WN_DATASETS(set_odd_source) },
        "has no proper source: \"../a\"" },
    { "dataset-of-nothing",
        { BASE, .filter = &a_filter, WN_DATASETS(set_of_nothing) },
        "neither a source nor an option of its name" },
    { "dataset-option",
        { BASE, .filter = &a_filter, WN_OPTIONS(no_file_option),
            WN_DATASETS(set_of_no_file) },
        "has the name of a data set but names no files" },
};
