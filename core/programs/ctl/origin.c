/* SPDX-License-Identifier: MIT */
#include "core/programs/ctl/origin.h"

#include "core/conf/keyfile.h"
#include "core/sync/mirror.h"

#define DEFAULT "default"

struct CtlOrigins {
    const CtlSettings *settings;
    GHashTable *files; /* path as shown to WnKeyfile, or NULL */
};

static void
file_free(void *file)
{
    wn_keyfile_free(file);
}

CtlOrigins *
ctl_origins_new(const CtlSettings *settings)
{
    CtlOrigins *self = g_new0(CtlOrigins, 1);

    self->settings = settings;
    self->files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
        file_free);
    return self;
}

void
ctl_origins_free(CtlOrigins *self)
{
    g_hash_table_unref(self->files);
    g_free(self);
}

/* shown is below the folder of winnow.conf.  NULL: it cannot be read. */
static const WnKeyfile *
open_file(CtlOrigins *self, const char *shown)
{
    g_autoptr(WnProblems) problems = NULL;
    g_autofree char *path = NULL;
    WnKeyfile *file;

    if (g_hash_table_contains(self->files, shown))
        return g_hash_table_lookup(self->files, shown);
    problems = wn_problems_new();
    path = g_build_filename(self->settings->config->folder, shown, NULL);
    file = wn_keyfile_read(path, shown, problems);
    g_hash_table_insert(self->files, g_strdup(shown), file);
    return file;
}

static bool
is_of_database(const char *file)
{
    return g_str_has_prefix(file, WN_MIRROR_PLACE);
}

/* The line of the key in the group that begins at that line; 0: not there. */
static unsigned
line_of(CtlOrigins *self, const char *shown, unsigned group_line,
    const char *key)
{
    const WnKeyfile *file = open_file(self, shown);

    for (guint i = 0; file != NULL && i < file->groups->len; i++) {
        const WnKeyGroup *group = file->groups->pdata[i];
        const WnKeyEntry *entry = group->line == group_line
                                      ? wn_key_group_find(group, key)
                                      : NULL;

        if (entry != NULL)
            return entry->line;
    }
    return 0;
}

static char *
row(const char *place, unsigned revision)
{
    return revision > 0 ? g_strdup_printf("%s (revision %u)", place, revision)
                        : g_strdup(place);
}

static char *
line_in(const char *file, unsigned line)
{
    return line > 0 ? g_strdup_printf("%s:%u", file, line) : g_strdup(DEFAULT);
}

char *
ctl_origin_domain(CtlOrigins *self, const WnDomainSetting *domain,
    const char *key, bool is_default)
{
    if (domain == NULL)
        return g_strdup(is_default ? DEFAULT : "the published snapshot");
    if (!is_of_database(domain->file))
        return line_in(domain->file,
            line_of(self, domain->file, domain->line, key));
    if (strcmp(key, "servers") == 0)
        return g_strdup_printf(WN_MIRROR_PLACE "domain_server/%s",
            domain->name);
    return is_default ? g_strdup(DEFAULT) : row(domain->file, domain->line);
}

char *
ctl_origin_server(CtlOrigins *self, const char *group, const char *key)
{
    const WnConfig *config = self->settings->config;
    g_autofree char *name = g_path_get_basename(config->path);

    return line_in(name, wn_config_line(config, group, key));
}

const WnFilterSetting *
ctl_origin_filter_setting(const WnDomainSetting *domain, const char *filter)
{
    const GPtrArray *settings = domain != NULL ? domain->filter_settings : NULL;

    for (guint i = 0; settings != NULL && i < settings->len; i++) {
        const WnFilterSetting *setting = settings->pdata[i];

        if (strcmp(setting->name, filter) == 0)
            return setting;
    }
    return NULL;
}

static bool
says(const WnFilterSetting *setting, const char *key)
{
    if (strcmp(key, "enabled") == 0)
        return setting->enabled >= 0;
    if (strcmp(key, "position") == 0)
        return setting->position >= 0;
    if (strcmp(key, "action") == 0)
        return setting->action != NULL;
    if (strcmp(key, "on_match") == 0)
        return setting->on_match >= 0;
    return setting->on_error >= 0;
}

/* The number in the file's name is a position, too. */
static char *
of_configuration(CtlOrigins *self, const char *filter, const char *key)
{
    const WnFilterConfig *config = wn_config_filter(self->settings->config,
        filter);
    unsigned line;

    if (config == NULL)
        return g_strdup(DEFAULT);
    line = line_of(self, config->file, config->line, key);
    if (line == 0 && strcmp(key, "position") == 0)
        return g_strdup_printf("%s (its name)", config->file);
    if (line == 0 && strcmp(key, "enabled") == 0)
        return g_strdup(config->file);
    return line_in(config->file, line);
}

char *
ctl_origin_filter(CtlOrigins *self, const WnDomainSetting *domain,
    const char *filter, const char *key)
{
    const WnFilterSetting *own = ctl_origin_filter_setting(domain, filter);
    bool listed = domain != NULL && domain->filters != NULL;

    if (listed && (strcmp(key, "enabled") == 0 || strcmp(key, "position") == 0))
        return ctl_origin_domain(self, domain, "filters", false);
    if (own == NULL || own->file == NULL || !says(own, key))
        return of_configuration(self, filter, key);
    if (is_of_database(own->file))
        return row(own->file, own->line);
    return line_in(own->file, line_of(self, own->file, own->line, key));
}

char *
ctl_origin_option(const WnSetting *setting)
{
    if (setting == NULL || setting->file == NULL)
        return g_strdup(DEFAULT);
    return is_of_database(setting->file)
               ? row(setting->file, setting->line)
               : line_in(setting->file, setting->line);
}
