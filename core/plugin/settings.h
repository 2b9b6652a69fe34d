/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One set of option values as a plugin sees it (SDK WnSettings): the instance's
 * own from conf.d, with a domain's values laid over them.  instance.h keeps
 * equal sets as one object, so policy_new() runs once for each distinct set.
 */

#include "core/base/span.h"
#include "core/conf/catalogue.h"
#include "core/conf/config.h"

struct WnSettingsApi;
typedef struct WnSettings WnSettings;

/* One value of a domain. */
typedef struct WnSettingPair {
    WnSpan key, value;
} WnSettingPair;

/* Makes a set: fallbacks of the schema, then base (nullable; WnSetting array,
 * conf.d; its file names are resolved), then pairs of key and value (domain;
 * already absolute).  Keys that are no option of info are skipped.  Required
 * options without a value are empty.  NULL with error if a value does not
 * parse.  info is borrowed until free. */
WnSettings *wn_settings_new(const WnPluginInfo *info, const GPtrArray *base,
    const WnSettingPair *pairs, size_t n_pairs, GError **error);
void wn_settings_free(WnSettings *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnSettings, wn_settings_free)

/* All values as text that is equal if and only if the sets are. */
const char *wn_settings_content(const WnSettings *self);

/* The SDK's table over them. */
const struct WnSettingsApi *wn_settings_api(void);
