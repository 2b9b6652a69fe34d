/* SPDX-License-Identifier: MIT */
#include "core/conf/config.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/conf/config_keys.h"
#include "core/conf/filter_config.h"
#include "core/conf/setting.h"

#define POSITION_OF_UNNUMBERED 1000 /* behind all that have a number */
#define POSITION_DIGITS_MAX 6

typedef struct Reading {
    WnConfig *config;
    WnProblems *problems;
    GHashTable *groups; /* name to "file:line", of all files */
} Reading;

static void
egress_free(void *data)
{
    WnEgressConfig *egress = data;

    g_free(egress->name);
    g_array_unref(egress->addresses);
    g_free(egress);
}

static WnConfig *
config_new(const char *path)
{
    WnConfig *self = g_new0(WnConfig, 1);

    self->path = g_canonicalize_filename(path, NULL);
    self->folder = g_path_get_dirname(self->path);
    self->egress = g_ptr_array_new_with_free_func(egress_free);
    self->filters = g_ptr_array_new_with_free_func(wn_filter_config_free);
    wn_config_set_defaults(self);
    return self;
}

void
wn_config_free(WnConfig *self)
{
    if (self == NULL)
        return;
    g_ptr_array_unref(self->egress);
    g_ptr_array_unref(self->filters);
    g_array_unref(self->listen);
    g_array_unref(self->proxy_from);
    g_array_unref(self->retry_ms);
    g_strfreev(self->mariadb_hosts);
    g_strfreev(self->refused);
    g_free(self->path);
    g_free(self->folder);
    g_free(self->hostname);
    g_free(self->user);
    g_free(self->spool);
    g_free(self->state);
    g_free(self->run);
    g_free(self->plugins);
    g_free(self->tls_certificate);
    g_free(self->tls_key);
    g_free(self->dns_servers);
    g_free(self->mariadb_database);
    g_free(self->mariadb_user);
    g_free(self->mariadb_password_file);
    g_free(self->mariadb_tls);
    g_free(self->mariadb_tls_ca);
    g_free(self);
}

/* Whoever can write the configuration chooses what code runs as root.  A group
 * of one's own may write the files of an instance that has no more rights than
 * its owner. */
static bool
check_trust(const WnKeyfile *file, WnProblems *problems)
{
    WnPlace place = { .file = file->path };
    bool own_group = geteuid() != 0 && file->file_group == getegid();

    if (file->owner != 0 && file->owner != geteuid()) {
        wn_problems_add(problems, place,
            "belongs to user %u; it must belong to root%s",
            (unsigned)file->owner,
            geteuid() != 0 ? " or to the user winnow runs as" : "");
        return false;
    }
    if ((file->mode & S_IWOTH) != 0
        || ((file->mode & S_IWGRP) != 0 && !own_group)) {
        wn_problems_add(problems, place,
            "can be written by others than its owner (chmod go-w)");
        return false;
    }
    return true;
}

/* "filter rbl": the name, or NULL with the problem reported. */
static const char *
instance_name(Reading *self, const WnKeyfile *file, const WnKeyGroup *group)
{
    const char *space = strchr(group->name, ' ');

    if (space != NULL && wn_setting_is_name(space + 1))
        return space + 1;
    wn_problems_add(self->problems, wn_key_place(file, group, NULL),
        "expected [%.*s NAME] with a name of a-z 0-9 _ - (at most %d bytes)",
        (int)strcspn(group->name, " "), group->name, WN_INSTANCE_NAME_MAX);
    return NULL;
}

static void
read_egress(Reading *self, const WnKeyfile *file, const WnKeyGroup *group)
{
    WnEgressConfig *egress;
    const char *name = instance_name(self, file, group);

    if (name == NULL)
        return;
    egress = g_new0(WnEgressConfig, 1);
    egress->name = g_strdup(name);
    egress->addresses = g_array_new(FALSE, FALSE, sizeof(WnNetaddr));
    wn_key_table_set_all(wn_config_egress_keys(), file, group, egress,
        self->problems);
    if (wn_key_group_find(group, "addresses") == NULL)
        wn_problems_add(self->problems, wn_key_place(file, group, NULL),
            "the key \"addresses\" is required");
    g_ptr_array_add(self->config->egress, egress);
}

/* 20 of conf.d/20-rbl.conf. */
static int
position_of(const WnKeyfile *file)
{
    g_autofree char *name = g_path_get_basename(file->path);
    size_t n_digits = strspn(name, "0123456789");
    uint64_t number;

    if (n_digits == 0 || n_digits > POSITION_DIGITS_MAX
        || !wn_span_to_u64(wn_span(name, n_digits), &number))
        return POSITION_OF_UNNUMBERED;
    return (int)number;
}

static void
read_filter(Reading *self, const WnKeyfile *file, const WnKeyGroup *group)
{
    if (instance_name(self, file, group) != NULL)
        g_ptr_array_add(self->config->filters,
            wn_filter_config_read(file, group, position_of(file),
                self->problems));
}

static void
report_unknown_group(Reading *self, const WnKeyfile *file,
    const WnKeyGroup *group)
{
    size_t len = strcspn(group->name, " ");
    g_autofree char *word = g_strndup(group->name, len);
    g_autofree char *hint = NULL;

    if (strcmp(word, "domain") == 0) {
        wn_problems_add(self->problems, wn_key_place(file, group, NULL),
            "domains stand in files of domains.d");
        return;
    }
    hint = wn_problem_hint(word, wn_config_group_names());
    wn_problems_add(self->problems, wn_key_place(file, group, NULL),
        "unknown group%s", hint);
}

static bool
is_first_of_name(Reading *self, const WnKeyfile *file, const WnKeyGroup *group)
{
    const char *earlier = g_hash_table_lookup(self->groups, group->name);

    if (earlier == NULL) {
        g_hash_table_insert(self->groups, g_strdup(group->name),
            g_strdup_printf("%s:%u", file->path, group->line));
        return true;
    }
    wn_problems_add(self->problems, wn_key_place(file, group, NULL),
        "the group is given twice, first in %s", earlier);
    return false;
}

static void
read_group(Reading *self, const WnKeyfile *file, const WnKeyGroup *group)
{
    const WnKeyTable *table = wn_config_keys(group->name);
    size_t word = strcspn(group->name, " ");

    if (!is_first_of_name(self, file, group))
        return;
    if (table != NULL)
        wn_key_table_set_all(*table, file, group, self->config, self->problems);
    else if (word == strlen("egress")
             && g_str_has_prefix(group->name, "egress"))
        read_egress(self, file, group);
    else if (word == strlen("filter")
             && g_str_has_prefix(group->name, "filter"))
        read_filter(self, file, group);
    else
        report_unknown_group(self, file, group);
}

static void
read_file(Reading *self, const char *path, const char *shown)
{
    g_autoptr(WnKeyfile) file = wn_keyfile_read(path, shown, self->problems);

    if (file == NULL || !check_trust(file, self->problems))
        return;
    for (unsigned i = 0; i < file->groups->len; i++)
        read_group(self, file, g_ptr_array_index(file->groups, i));
}

static void
read_snippets(Reading *self)
{
    g_autofree char *folder = g_build_filename(self->config->folder, "conf.d",
        NULL);
    g_autoptr(GPtrArray) names = wn_keyfile_list_folder(folder, self->problems);

    for (unsigned i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        g_autofree char *path = g_build_filename(folder, name, NULL);
        g_autofree char *shown = g_build_filename("conf.d", name, NULL);

        read_file(self, path, shown);
    }
}

static int
compare_filters(const void *left, const void *right)
{
    const WnFilterConfig *const *a = left;
    const WnFilterConfig *const *b = right;

    if ((*a)->position != (*b)->position)
        return (*a)->position < (*b)->position ? -1 : 1;
    return strcmp((*a)->name, (*b)->name);
}

static void
require(Reading *self, bool given, const char *shown, const char *key)
{
    WnPlace place = { .file = shown, .group = "mariadb", .key = key };

    if (!given)
        wn_problems_add(self->problems, place,
            "is required because [settings] source is mariadb");
}

/* What no key shows alone. */
static void
check_whole(Reading *self, const char *shown)
{
    const WnConfig *config = self->config;
    WnPlace tls = {
        .file = shown,
        .group = "server",
        .key = config->tls_key == NULL ? "tls_key" : "tls_certificate",
    };

    if ((config->tls_key == NULL) != (config->tls_certificate == NULL))
        wn_problems_add(self->problems, tls,
            "tls_certificate and tls_key are given together or not at all");
    if (config->source != WN_SOURCE_MARIADB)
        return;
    require(self, config->mariadb_hosts != NULL, shown, "hosts");
    require(self, config->mariadb_database != NULL, shown, "database");
    require(self, config->mariadb_user != NULL, shown, "user");
}

/* Short, as all files stand below one folder; but in full where the question
 * is which folder was meant. */
static char *
shown_name(const char *path)
{
    return access(path, F_OK) == 0 ? g_path_get_basename(path) : g_strdup(path);
}

WnConfig *
wn_config_read(const char *path, WnProblems *problems)
{
    WnConfig *config = config_new(path);
    g_autofree char *shown = shown_name(config->path);
    Reading reading = {
        .config = config,
        .problems = problems,
        .groups = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
            g_free),
    };

    read_file(&reading, config->path, shown);
    read_snippets(&reading);
    check_whole(&reading, shown);
    g_ptr_array_sort(config->filters, compare_filters);
    g_hash_table_unref(reading.groups);
    return config;
}

const WnFilterConfig *
wn_config_filter(const WnConfig *self, const char *name)
{
    for (unsigned i = 0; i < self->filters->len; i++) {
        const WnFilterConfig *filter = g_ptr_array_index(self->filters, i);

        if (strcmp(filter->name, name) == 0)
            return filter;
    }
    return NULL;
}

void
wn_config_refuse_plugin(WnConfig *self, const char *name)
{
    unsigned n = self->refused != NULL ? g_strv_length(self->refused) : 0;

    self->refused = g_renew(char *, self->refused, n + 2);
    self->refused[n] = g_strdup(name);
    self->refused[n + 1] = NULL;
}

const WnEgressConfig *
wn_config_egress(const WnConfig *self, const char *name)
{
    for (unsigned i = 0; i < self->egress->len; i++) {
        const WnEgressConfig *egress = g_ptr_array_index(self->egress, i);

        if (strcmp(egress->name, name) == 0)
            return egress;
    }
    return NULL;
}

unsigned
wn_config_line(const WnConfig *self, const char *group, const char *key)
{
    g_autoptr(WnProblems) problems = wn_problems_new();
    g_autoptr(WnKeyfile)
        file = wn_keyfile_read(self->path, self->path, problems);

    for (guint i = 0; file != NULL && i < file->groups->len; i++) {
        const WnKeyGroup *found = file->groups->pdata[i];
        const WnKeyEntry *entry = wn_key_group_find(found, key);

        if (entry != NULL && strcmp(found->name, group) == 0)
            return entry->line;
    }
    return 0;
}
