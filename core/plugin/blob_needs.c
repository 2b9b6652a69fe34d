/* SPDX-License-Identifier: MIT */

/* Which blobs a configuration and the settings of its domains need. */

#include "core/plugin/dataset.h"

#include "core/conf/setting.h"
#include "core/plugin/module.h"

struct WnBlobNeeds {
    const WnConfig *config;
    WnLoader *loader;
    GHashTable *places; /* name of a blob -> Place: the first key */
    GHashTable *names;  /* of needs, as a set */
    GPtrArray *needs;   /* WnBlobNeed */
};

typedef struct Place {
    char *file;
    unsigned line;
    char *group;
} Place;

static void
place_free(void *data)
{
    Place *place = data;

    g_free(place->file);
    g_free(place->group);
    g_free(place);
}

static void
need_free(void *data)
{
    WnBlobNeed *need = data;

    g_free(need->name);
    g_strfreev(need->paths);
    g_free(need->file);
    g_free(need->group);
    g_free(need);
}

WnPlace
wn_blob_need_place(const WnBlobNeed *self)
{
    return (WnPlace){ .file = self->file,
        .line = self->line,
        .group = self->group,
        .key = self->module->datasets[self->index].name };
}

WnBlobNeeds *
wn_blob_needs_new(const WnConfig *config, WnLoader *loader)
{
    WnBlobNeeds *self = g_new0(WnBlobNeeds, 1);

    self->config = config;
    self->loader = loader;
    self->places = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
        place_free);
    self->names = g_hash_table_new(g_str_hash, g_str_equal);
    self->needs = g_ptr_array_new_with_free_func(need_free);
    return self;
}

void
wn_blob_needs_free(WnBlobNeeds *self)
{
    if (self == NULL)
        return;
    g_hash_table_unref(self->names);
    g_ptr_array_unref(self->needs);
    g_hash_table_unref(self->places);
    g_free(self);
}

unsigned
wn_blob_needs_count(const WnBlobNeeds *self)
{
    return self->needs->len;
}

const WnBlobNeed *
wn_blob_needs_get(const WnBlobNeeds *self, unsigned n)
{
    return g_ptr_array_index(self->needs, n);
}

/*
 * Places
 */

static WnSettingPair
pair_of(const WnSetting *setting, const char *text)
{
    return (WnSettingPair){ wn_span_str(setting->key), wn_span_str(text) };
}

/* Where the key stands, if it names the files of a data set. */
static void
note_setting(WnBlobNeeds *self, const WnModule *module,
    const WnSetting *setting, const char *filter)
{
    int n = wn_dataset_find(module, setting->key);
    const WnOptionSpec *spec = wn_plugin_info_option(module->info, setting->key,
        NULL);
    g_autoptr(WnSettings) settings = NULL;
    g_autofree char *text = NULL;
    g_autofree char *name = NULL;
    g_auto(GStrv) paths = NULL;
    WnSettingPair pair;
    Place *place;

    if (n < 0 || spec == NULL)
        return;
    text = wn_setting_text(setting, spec);
    pair = pair_of(setting, text);
    settings = wn_settings_new(module->info, NULL, &pair, 1, NULL);
    if (settings == NULL)
        return;
    paths = wn_dataset_paths(module, (unsigned)n, settings);
    name = wn_dataset_blob_name(module, (unsigned)n,
        (const char *const *)paths);
    if (g_hash_table_contains(self->places, name))
        return;
    place = g_new0(Place, 1);
    place->file = g_strdup(setting->file);
    place->line = setting->line;
    place->group = g_strdup_printf("filter %s", filter);
    g_hash_table_insert(self->places, g_steal_pointer(&name), place);
}

/* NULL: it has no data sets, or cannot be loaded. */
static const WnModule *
module_of(const WnBlobNeeds *self, const char *name)
{
    const WnModule *module = wn_loader_get(self->loader, name, NULL);

    return module != NULL && wn_dataset_count(module) > 0 ? module : NULL;
}

static void
note_settings(WnBlobNeeds *self, const char *filter, const GPtrArray *settings)
{
    const WnFilterConfig *config = wn_config_filter(self->config, filter);
    const WnModule *module = config != NULL ? module_of(self, config->plugin)
                                            : NULL;

    for (unsigned i = 0;
         module != NULL && settings != NULL && i < settings->len; i++)
        note_setting(self, module, g_ptr_array_index(settings, i), filter);
}

void
wn_blob_needs_note_domain(WnBlobNeeds *self, const WnDomainSetting *domain)
{
    const GPtrArray *filters = domain->filter_settings;

    for (unsigned i = 0; filters != NULL && i < filters->len; i++) {
        const WnFilterSetting *setting = g_ptr_array_index(filters, i);

        note_settings(self, setting->name, setting->settings);
    }
}

/*
 * Needs
 */

static void
set_place(const WnBlobNeeds *self, WnBlobNeed *need, const char *filter)
{
    const Place *place = g_hash_table_lookup(self->places, need->name);
    const WnFilterConfig *config = wn_config_filter(self->config, filter);

    if (place != NULL) {
        need->file = g_strdup(place->file);
        need->line = place->line;
        need->group = g_strdup(place->group);
        return;
    }
    need->file = g_strdup(config != NULL ? config->file : NULL);
    need->line = config != NULL ? config->line : 0;
    need->group = g_strdup_printf("filter %s", filter);
}

static void
add_need(WnBlobNeeds *self, const WnModule *module, unsigned n,
    const WnSettings *settings, const char *filter)
{
    g_auto(GStrv) paths = wn_dataset_paths(module, n, settings);
    g_autofree char *name = wn_dataset_blob_name(module, n,
        (const char *const *)paths);
    WnBlobNeed *need;

    if (g_hash_table_contains(self->names, name))
        return;
    need = g_new0(WnBlobNeed, 1);
    need->name = g_steal_pointer(&name);
    need->module = module;
    need->index = n;
    need->paths = g_steal_pointer(&paths);
    set_place(self, need, filter);
    g_hash_table_add(self->names, need->name);
    g_ptr_array_add(self->needs, need);
}

static void
add_use(WnBlobNeeds *self, const WnModule *module, const GPtrArray *base,
    const GArray *pairs, const char *filter)
{
    g_autoptr(WnSettings) settings = wn_settings_new(module->info, base,
        pairs != NULL ? (const WnSettingPair *)(void *)pairs->data : NULL,
        pairs != NULL ? pairs->len : 0, NULL);

    for (unsigned i = 0; settings != NULL && i < wn_dataset_count(module); i++)
        add_need(self, module, i, settings, filter);
}

/* The link's options whose keys begin with prefix, without it; "" is for those
 * of the filter's own plugin. */
static GArray *
link_pairs(WnSnapshot *snapshot, const WnLink *link, WnSpan prefix)
{
    GArray *pairs = g_array_new(FALSE, FALSE, sizeof(WnSettingPair));

    for (uint32_t i = 0; i < link->n_options; i++) {
        WnSettingPair pair;

        wn_snapshot_option(snapshot, link, i, &pair.key, &pair.value);
        if (!wn_span_case_starts(pair.key, prefix))
            continue;
        pair.key = wn_span_slice(pair.key, prefix.len, pair.key.len);
        g_array_append_val(pairs, pair);
    }
    return pairs;
}

static void
add_link(WnBlobNeeds *self, WnSnapshot *snapshot, const WnLink *link)
{
    g_autofree char *filter = wn_span_dup(link->filter);
    g_autofree char *action = wn_span_dup(link->action);
    const WnFilterConfig *config = wn_config_filter(self->config, filter);
    const WnModule *module = config != NULL ? module_of(self, config->plugin)
                                            : NULL;

    if (module != NULL) {
        g_autoptr(GArray) pairs = link_pairs(snapshot, link, WN_SPAN_EMPTY);

        add_use(self, module, config->settings, pairs, filter);
    }
    module = action[0] != '\0' ? module_of(self, action) : NULL;
    if (module != NULL) {
        g_autoptr(GArray)
            pairs = link_pairs(snapshot, link, WN_SPAN(WN_ACTION_PREFIX));

        add_use(self, module, NULL, pairs, filter);
    }
}

static void
add_filter(WnBlobNeeds *self, const WnFilterConfig *config)
{
    const WnModule *module = config->enabled ? module_of(self, config->plugin)
                                             : NULL;

    note_settings(self, config->name, config->settings);
    if (module != NULL)
        add_use(self, module, config->settings, NULL, config->name);
}

void
wn_blob_needs_add(WnBlobNeeds *self, WnSnapshot *snapshot)
{
    const GPtrArray *filters = self->config->filters;

    for (unsigned i = 0; i < filters->len; i++)
        add_filter(self, g_ptr_array_index(filters, i));
    for (uint32_t id = 0; id < wn_snapshot_n_classes(snapshot); id++) {
        WnClass class_;

        wn_snapshot_class(snapshot, id, &class_);
        for (uint32_t i = 0; i < class_.n_links; i++) {
            WnLink link = wn_snapshot_link(snapshot, &class_, i);

            add_link(self, snapshot, &link);
        }
    }
}
