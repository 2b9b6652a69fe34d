/* SPDX-License-Identifier: MIT */
#pragma once

/* Filters, actions and options of plugins, most of them as they must not be,
 * for the test of the loader. */

#include "core/plugin/sdk.h"

static int32_t
start(const WnHost *host, const WnSettings *settings, void **self, WnError *err)
{
    (void)host;
    (void)settings;
    (void)err;
    *self = NULL;
    return WN_OK;
}

static WnVerdict
look(void *self, WnCall *call)
{
    (void)self;
    (void)call;
    return WN_PASS;
}

static WnDisposition
apply(void *self, WnCall *call, const WnDecision *why)
{
    (void)self;
    (void)call;
    (void)why;
    return WN_DELIVER;
}

static const WnFilter a_filter = { .struct_size = sizeof a_filter,
    .rcpt = look };
static const WnFilter short_filter = { .struct_size = 8, .rcpt = look };
static const WnAction an_action = { .struct_size = sizeof an_action,
    .flags = WN_ACTION_NEVER_REFUSES | 1u << 20,
    .apply = apply };
static const WnAction short_action = { .struct_size = 8, .apply = apply };
static const WnAction idle_action = { .struct_size = sizeof idle_action };

#define OPTION(...)              \
    {                            \
        .help = "h", __VA_ARGS__ \
    }

static const WnOption bad_name[] = { OPTION(.name = "Zone", .type = WN_OPT_BOOL,
    .fallback = "no") };
#define NOWHERE ((const void *)8)
static const char endless[] =
    "a version that is far longer than the longest that can be of any use";
static const WnOption wild_name[] = { OPTION(.name = NOWHERE,
    .type = WN_OPT_BOOL, .fallback = "no") };
static const WnOption wild_help[] = {
    { .name = "a", .help = NOWHERE, .type = WN_OPT_BOOL, .fallback = "no" }
};
static const WnOption wild_choices[] = { OPTION(.name = "a",
    .type = WN_OPT_ENUM, .fallback = "no", .choices = NOWHERE) };
static const WnOption two_lines[] = {
    { .name = "a", .help = "b\nc", .type = WN_OPT_BOOL, .fallback = "no" }
};
static const WnOption no_name[] = { OPTION(.type = WN_OPT_BOOL,
    .fallback = "no") };
static const WnOption core_name[] = { OPTION(.name = "on_error",
    .type = WN_OPT_BOOL, .fallback = "no") };
static const WnOption later_name[] = { OPTION(.name = "on_friday",
    .type = WN_OPT_BOOL, .fallback = "no") };
static const WnOption winnow_name[] = { OPTION(.name = "winnow_mode",
    .type = WN_OPT_BOOL, .fallback = "no") };
static const WnOption twice[] = {
    OPTION(.name = "a", .type = WN_OPT_BOOL, .fallback = "no"),
    OPTION(.name = "a", .type = WN_OPT_BOOL, .fallback = "no"),
};
static const WnOption no_type[] = { OPTION(.name = "a", .type = 77,
    .fallback = "no") };
static const WnOption no_choices[] = { OPTION(.name = "a", .type = WN_OPT_ENUM,
    .fallback = "no") };
static const WnOption no_fallback[] = { OPTION(.name = "a",
    .type = WN_OPT_BOOL) };
static const WnOption two_minds[] = { OPTION(.name = "a", .type = WN_OPT_BOOL,
    .flags = WN_OPT_REQUIRED, .fallback = "no") };
static const WnOption odd_fallback[] = { OPTION(.name = "a", .type = WN_OPT_INT,
    .fallback = "many") };
static const WnOption fallback_outside[] = { OPTION(.name = "a",
    .type = WN_OPT_INT, .fallback = "9", .min = 1, .max = 5) };
static const WnOption odd_limits[] = { OPTION(.name = "a", .type = WN_OPT_INT,
    .fallback = "9", .min = 5, .max = 1) };
static const WnOption odd_file[] = { OPTION(.name = "a", .type = WN_OPT_INT,
    .flags = WN_OPT_FILE, .fallback = "9") };
static const WnOption no_file_option[] = { OPTION(.name = "a",
    .type = WN_OPT_STRING, .fallback = "") };
