/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the plugins that are present have declared: names, kinds, option
 * schemas.  winnow-check fills it by loading the plugins (core/plugin); the
 * readers of configuration and domain settings check against it.  Plain data:
 * it can be written and read (core/base/wire.h), so a process that loads no
 * plugin can still use it.
 */

#include "core/base/wire.h"
#include "core/conf/option.h"

typedef enum { WN_PLUGIN_FILTER, WN_PLUGIN_ACTION } WnPluginKind;

enum {
    WN_PLUGIN_CLIENT_LEVEL = 1u << 0, /* a filter that looks at no header and no
                                       * message: it can decide at RCPT */
    WN_PLUGIN_NEVER_REFUSES = 1u << 1, /* an action that neither rejects nor
                                        * tempfails: SDK
                                        * WN_ACTION_NEVER_REFUSES */
    WN_PLUGIN_LOOKS_AHEAD = 1u << 2    /* a filter with something to do before
                                        * a recipient is known */
};

typedef struct WnPluginInfo {
    char *name;
    char *version;
    char *summary;
    char *author;
    char *license;
    char *path;
    uint32_t abi_minor;
    WnPluginKind kind;
    uint32_t flags;
    GArray *options; /* WnOptionSpec */
} WnPluginInfo;

typedef struct WnCatalogue WnCatalogue;

WnCatalogue *wn_catalogue_new(void);
void wn_catalogue_free(WnCatalogue *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnCatalogue, wn_catalogue_free)

void wn_catalogue_take(WnCatalogue *self, WnPluginInfo *take_info);
/* There is a file of that name, which was refused; whoever did so has told why.
 * Not written. */
void wn_catalogue_refuse(WnCatalogue *self, const char *name);
bool wn_catalogue_has_refused(const WnCatalogue *self, const char *name);

const WnPluginInfo *wn_catalogue_find(const WnCatalogue *self,
    const char *name);
unsigned wn_catalogue_count(const WnCatalogue *self);
const WnPluginInfo *wn_catalogue_get(const WnCatalogue *self, unsigned n);

WnPluginInfo *wn_plugin_info_new(const char *name, WnPluginKind kind);
void wn_plugin_info_free(WnPluginInfo *self);
const WnOptionSpec *wn_plugin_info_option(const WnPluginInfo *self,
    const char *name, unsigned *out_index);

void wn_catalogue_write(const WnCatalogue *self, WnWriter *writer);
WnCatalogue *wn_catalogue_read(WnSpan bytes, GError **error);
