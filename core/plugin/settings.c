/* SPDX-License-Identifier: MIT */
#include "core/plugin/settings.h"

#include "core/conf/setting.h"
#include "core/plugin/module.h"

struct WnSettings {
    const WnPluginInfo *info;
    WnOptionValue *values; /* one for each option */
    char *content;
};

static const WnOptionSpec *
spec_at(const WnPluginInfo *info, unsigned n)
{
    return &g_array_index(info->options, WnOptionSpec, n);
}

static void
set_text(GPtrArray *texts, unsigned n, char *take_text)
{
    g_free(g_ptr_array_index(texts, n));
    g_ptr_array_index(texts, n) = take_text;
}

/* The values as written, NULL for what is required and not there. */
static GPtrArray *
collect(const WnPluginInfo *info, const GPtrArray *base,
    const WnSettingPair *pairs, size_t n_pairs)
{
    GPtrArray *texts = g_ptr_array_new_with_free_func(g_free);
    unsigned n;

    for (unsigned i = 0; i < info->options->len; i++)
        g_ptr_array_add(texts, g_strdup(spec_at(info, i)->fallback));
    for (unsigned i = 0; base != NULL && i < base->len; i++) {
        const WnSetting *setting = g_ptr_array_index(base, i);
        const WnOptionSpec *spec = wn_plugin_info_option(info, setting->key,
            &n);

        if (spec != NULL)
            set_text(texts, n, wn_setting_text(setting, spec));
    }
    for (size_t i = 0; i < n_pairs; i++) {
        g_autofree char *key = wn_span_dup(pairs[i].key);

        if (wn_plugin_info_option(info, key, &n) != NULL)
            set_text(texts, n, wn_span_dup(pairs[i].value));
    }
    return texts;
}

static void
append_content(GString *content, const char *text)
{
    if (text == NULL)
        g_string_append(content, "-;");
    else
        g_string_append_printf(content, "%zu:%s;", strlen(text), text);
}

WnSettings *
wn_settings_new(const WnPluginInfo *info, const GPtrArray *base,
    const WnSettingPair *pairs, size_t n_pairs, GError **error)
{
    g_autoptr(WnSettings) self = g_new0(WnSettings, 1);
    g_autoptr(GPtrArray) texts = collect(info, base, pairs, n_pairs);
    GString *content = g_string_new(NULL);

    self->info = info;
    self->values = g_new0(WnOptionValue, info->options->len + 1);
    for (unsigned i = 0; i < texts->len; i++)
        append_content(content, g_ptr_array_index(texts, i));
    self->content = g_string_free(content, FALSE);
    for (unsigned i = 0; i < texts->len; i++) {
        const char *text = g_ptr_array_index(texts, i);
        g_autofree char *fault = NULL;

        if (text == NULL
            || wn_option_parse(spec_at(info, i), text, &self->values[i],
                &fault))
            continue;
        g_set_error(error, WN_PLUGIN_ERROR, 0, "option \"%s\": %s",
            spec_at(info, i)->name, fault);
        return NULL;
    }
    return g_steal_pointer(&self);
}

void
wn_settings_free(WnSettings *self)
{
    if (self == NULL)
        return;
    for (unsigned i = 0; self->values != NULL && i < self->info->options->len;
         i++)
        wn_option_value_clear(&self->values[i]);
    g_free(self->values);
    g_free(self->content);
    g_free(self);
}

const char *
wn_settings_content(const WnSettings *self)
{
    return self->content;
}

/* The value, or NULL for an index that the plugin never declared. */
static const WnOptionValue *
value_at(const WnSettings *self, uint32_t index)
{
    if (self == NULL || index >= self->info->options->len)
        return NULL;
    return &self->values[index];
}

static WnStr
str_of(const char *text)
{
    return wn_sdk_str(wn_span_str(text));
}

static int64_t
settings_integer(const WnSettings *self, uint32_t index)
{
    const WnOptionValue *value = value_at(self, index);

    return value != NULL ? value->integer : 0;
}

/* A value keeps its text whatever its kind, but a number is no string. */
static bool
is_text(const WnSettings *self, uint32_t index)
{
    WnOptionKind kind = spec_at(self->info, index)->kind;

    return kind == WN_OPTION_STRING || kind == WN_OPTION_ADDRESS;
}

static WnStr
settings_string(const WnSettings *self, uint32_t index)
{
    const WnOptionValue *value = value_at(self, index);

    return str_of(value != NULL && is_text(self, index) ? value->string : NULL);
}

static uint32_t
settings_count(const WnSettings *self, uint32_t index)
{
    const WnOptionValue *value = value_at(self, index);

    return value != NULL && value->items != NULL ? value->items->len : 0;
}

static WnStr
settings_item(const WnSettings *self, uint32_t index, uint32_t n)
{
    if (n >= settings_count(self, index))
        return str_of(NULL);
    return str_of(g_ptr_array_index(value_at(self, index)->items, n));
}

static int32_t
settings_net_match(const WnSettings *self, uint32_t index,
    const uint8_t *address, uint32_t address_len)
{
    const WnOptionValue *value = value_at(self, index);
    WnNetaddr wanted = { .len = (uint8_t)address_len };
    int place;

    if (value == NULL || value->networks == NULL)
        return WN_E_NOT_FOUND;
    if (address_len != 4 && address_len != 16)
        return WN_E_INVALID;
    memcpy(wanted.bytes, address, address_len);
    place = wn_option_net_match(value, &wanted);
    return place >= 0 ? place : WN_E_NOT_FOUND;
}

const WnSettingsApi *
wn_settings_api(void)
{
    static const WnSettingsApi api = {
        .struct_size = sizeof(WnSettingsApi),
        .integer = settings_integer,
        .string = settings_string,
        .count = settings_count,
        .item = settings_item,
        .net_match = settings_net_match,
    };

    return &api;
}
