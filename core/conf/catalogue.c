/* SPDX-License-Identifier: MIT */
#include "core/conf/catalogue.h"

#include <string.h>

#include "core/conf/problem.h"

#define CATALOGUE_VERSION 1
#define OPTION_MIN_BYTES 40 /* what write_option() writes at least */
#define PLUGIN_MIN_BYTES 43

struct WnCatalogue {
    GPtrArray *plugins; /* WnPluginInfo, in the order they were added */
    GHashTable *by_name;
    GHashTable *refused; /* names */
};

static void
option_clear(void *data)
{
    wn_option_spec_clear(data);
}

static void
plugin_free(void *data)
{
    wn_plugin_info_free(data);
}

WnPluginInfo *
wn_plugin_info_new(const char *name, WnPluginKind kind)
{
    WnPluginInfo *self = g_new0(WnPluginInfo, 1);

    self->name = g_strdup(name);
    self->kind = kind;
    self->options = g_array_new(FALSE, TRUE, sizeof(WnOptionSpec));
    g_array_set_clear_func(self->options, option_clear);
    return self;
}

void
wn_plugin_info_free(WnPluginInfo *self)
{
    if (self == NULL)
        return;
    g_free(self->name);
    g_free(self->version);
    g_free(self->summary);
    g_free(self->author);
    g_free(self->license);
    g_free(self->path);
    g_array_unref(self->options);
    g_free(self);
}

const WnOptionSpec *
wn_plugin_info_option(const WnPluginInfo *self, const char *name,
    unsigned *out_index)
{
    for (unsigned i = 0; i < self->options->len; i++) {
        const WnOptionSpec *spec = &g_array_index(self->options, WnOptionSpec,
            i);

        if (strcmp(spec->name, name) != 0)
            continue;
        if (out_index != NULL)
            *out_index = i;
        return spec;
    }
    return NULL;
}

WnCatalogue *
wn_catalogue_new(void)
{
    WnCatalogue *self = g_new0(WnCatalogue, 1);

    self->plugins = g_ptr_array_new_with_free_func(plugin_free);
    self->by_name = g_hash_table_new(g_str_hash, g_str_equal);
    self->refused = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
        NULL);
    return self;
}

void
wn_catalogue_free(WnCatalogue *self)
{
    if (self == NULL)
        return;
    g_hash_table_unref(self->by_name);
    g_hash_table_unref(self->refused);
    g_ptr_array_unref(self->plugins);
    g_free(self);
}

void
wn_catalogue_take(WnCatalogue *self, WnPluginInfo *take_info)
{
    g_assert(!g_hash_table_contains(self->by_name, take_info->name));
    g_ptr_array_add(self->plugins, take_info);
    g_hash_table_insert(self->by_name, take_info->name, take_info);
}

void
wn_catalogue_refuse(WnCatalogue *self, const char *name)
{
    g_hash_table_add(self->refused, g_strdup(name));
}

bool
wn_catalogue_has_refused(const WnCatalogue *self, const char *name)
{
    return g_hash_table_contains(self->refused, name);
}

const WnPluginInfo *
wn_catalogue_find(const WnCatalogue *self, const char *name)
{
    return g_hash_table_lookup(self->by_name, name);
}

unsigned
wn_catalogue_count(const WnCatalogue *self)
{
    return self->plugins->len;
}

const WnPluginInfo *
wn_catalogue_get(const WnCatalogue *self, unsigned n)
{
    g_assert(n < self->plugins->len);
    return g_ptr_array_index(self->plugins, n);
}

static void
write_text(WnWriter *writer, const char *text)
{
    wn_write_u8(writer, text != NULL);
    wn_write_bytes(writer, wn_span_str(text));
}

static void
write_option(WnWriter *writer, const WnOptionSpec *spec)
{
    unsigned n_choices = spec->choices != NULL ? g_strv_length(spec->choices)
                                               : 0;

    write_text(writer, spec->name);
    write_text(writer, spec->help);
    write_text(writer, spec->fallback);
    wn_write_u8(writer, (uint8_t)spec->kind);
    wn_write_u32(writer, spec->flags);
    wn_write_u64(writer, (uint64_t)spec->min);
    wn_write_u64(writer, (uint64_t)spec->max);
    wn_write_u32(writer, n_choices);
    for (unsigned i = 0; i < n_choices; i++)
        wn_write_bytes(writer, wn_span_str(spec->choices[i]));
}

static void
write_plugin(WnWriter *writer, const WnPluginInfo *info)
{
    write_text(writer, info->name);
    write_text(writer, info->version);
    write_text(writer, info->summary);
    write_text(writer, info->author);
    write_text(writer, info->license);
    write_text(writer, info->path);
    wn_write_u32(writer, info->abi_minor);
    wn_write_u8(writer, (uint8_t)info->kind);
    wn_write_u32(writer, info->flags);
    wn_write_u32(writer, info->options->len);
    for (unsigned i = 0; i < info->options->len; i++)
        write_option(writer, &g_array_index(info->options, WnOptionSpec, i));
}

void
wn_catalogue_write(const WnCatalogue *self, WnWriter *writer)
{
    wn_write_u8(writer, CATALOGUE_VERSION);
    wn_write_u32(writer, self->plugins->len);
    for (unsigned i = 0; i < self->plugins->len; i++)
        write_plugin(writer, g_ptr_array_index(self->plugins, i));
}

/* A text with a NUL inside would not be what was written. */
static char *
read_text(WnReader *reader)
{
    bool given = wn_read_u8(reader) != 0;
    WnSpan text = wn_read_bytes(reader);

    if (memchr(text.ptr, '\0', text.len) != NULL)
        reader->failed = true;
    return given && wn_reader_ok(reader) ? wn_span_dup(text) : NULL;
}

static char **
read_choices(WnReader *reader)
{
    uint32_t n = wn_read_count(reader, 4);
    GPtrArray *choices;

    if (n == 0)
        return NULL;
    choices = g_ptr_array_new();
    for (uint32_t i = 0; i < n && wn_reader_ok(reader); i++)
        g_ptr_array_add(choices, wn_span_dup(wn_read_bytes(reader)));
    g_ptr_array_add(choices, NULL);
    return (char **)g_ptr_array_free(choices, FALSE);
}

static void
read_option(WnReader *reader, WnPluginInfo *info)
{
    WnOptionSpec spec = { 0 };
    unsigned kind;

    spec.name = read_text(reader);
    spec.help = read_text(reader);
    spec.fallback = read_text(reader);
    kind = wn_read_u8(reader);
    spec.kind = (WnOptionKind)kind;
    spec.flags = wn_read_u32(reader);
    spec.min = (int64_t)wn_read_u64(reader);
    spec.max = (int64_t)wn_read_u64(reader);
    spec.choices = read_choices(reader);
    if (spec.name == NULL || kind > WN_OPTION_NAME_LIST
        || (kind == WN_OPTION_ENUM && spec.choices == NULL))
        reader->failed = true;
    if (wn_reader_ok(reader))
        g_array_append_val(info->options, spec);
    else
        wn_option_spec_clear(&spec);
}

static WnPluginInfo *
read_plugin(WnReader *reader)
{
    WnPluginInfo *info = wn_plugin_info_new(NULL, WN_PLUGIN_FILTER);
    unsigned kind;
    uint32_t n;

    info->name = read_text(reader);
    info->version = read_text(reader);
    info->summary = read_text(reader);
    info->author = read_text(reader);
    info->license = read_text(reader);
    info->path = read_text(reader);
    info->abi_minor = wn_read_u32(reader);
    kind = wn_read_u8(reader);
    info->kind = (WnPluginKind)kind;
    info->flags = wn_read_u32(reader);
    if (info->name == NULL || kind > WN_PLUGIN_ACTION)
        reader->failed = true;
    n = wn_read_count(reader, OPTION_MIN_BYTES);
    for (uint32_t i = 0; i < n && wn_reader_ok(reader); i++)
        read_option(reader, info);
    return info;
}

WnCatalogue *
wn_catalogue_read(WnSpan bytes, GError **error)
{
    g_autoptr(WnCatalogue) self = wn_catalogue_new();
    WnReader reader = wn_reader(bytes);
    unsigned version = wn_read_u8(&reader);
    uint32_t n = wn_read_count(&reader, PLUGIN_MIN_BYTES);

    if (version != CATALOGUE_VERSION)
        reader.failed = true;
    for (uint32_t i = 0; i < n && wn_reader_ok(&reader); i++) {
        WnPluginInfo *info = read_plugin(&reader);

        if (wn_reader_ok(&reader)
            && wn_catalogue_find(self, info->name) == NULL) {
            wn_catalogue_take(self, info);
            continue;
        }
        reader.failed = true;
        wn_plugin_info_free(info);
    }
    if (!wn_reader_done(&reader)) {
        g_set_error(error, WN_CONF_ERROR, WN_CONF_ERROR_DAMAGED,
            "the catalogue of plugins is damaged");
        return NULL;
    }
    return g_steal_pointer(&self);
}
