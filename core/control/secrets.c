/* SPDX-License-Identifier: MIT */
#include "core/control/secrets.h"

#include <stdlib.h>
#include <string.h>

/* Values that name several files, or none. */
#define SEPARATORS " \t,;"

typedef struct Secret {
    const char *key;
    char *path;   /* without links */
    bool is_home; /* of files that options may name one by one */
} Secret;

struct WnSecrets {
    GArray *secrets;
};

static void
secret_clear(void *data)
{
    free(((Secret *)data)->path);
}

static void
add(WnSecrets *self, const char *key, const char *path, bool is_home)
{
    Secret secret = { key, path != NULL ? realpath(path, NULL) : NULL,
        is_home };

    if (secret.path != NULL)
        g_array_append_val(self->secrets, secret);
}

static void
add_secret(WnSecrets *self, const char *key, const char *path)
{
    add(self, key, path, false);
}

static void
add_home(WnSecrets *self, const char *folder, const char *name)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);

    add(self, name, path, true);
}

WnSecrets *
wn_secrets_new(WnSecretsOf who, const WnConfig *config)
{
    WnSecrets *self = g_new0(WnSecrets, 1);
    g_autofree char *history = g_build_filename(config->state, "history", NULL);
    g_autofree char *before = g_build_filename(config->state, "history.old",
        NULL);

    self->secrets = g_array_new(FALSE, FALSE, sizeof(Secret));
    g_array_set_clear_func(self->secrets, secret_clear);
    add_secret(self, "tls_key", config->tls_key);
    add_secret(self, "password_file", config->mariadb_password_file);
    add_secret(self, "spool", config->spool);
    add_secret(self, "run", config->run);
    add_secret(self, "the history", history);
    add_secret(self, "the history", before);
    add_secret(self, "/etc/shadow", "/etc/shadow");
    if (who == WN_SECRETS_OF_CHECK)
        return self;
    add_secret(self, "winnow.conf", config->path);
    add(self, "state", config->state, true);
    add_home(self, config->folder, "conf.d");
    add_home(self, config->folder, "domains.d");
    return self;
}

void
wn_secrets_free(WnSecrets *self)
{
    if (self == NULL)
        return;
    g_array_unref(self->secrets);
    g_free(self);
}

static bool
is_same_or_below(const char *path, const char *folder)
{
    size_t len = strlen(folder);

    return strncmp(path, folder, len) == 0
           && (len == 1 || path[len] == '\0' || path[len] == '/');
}

typedef bool (*RelationFn)(const char *path, const Secret *secret);

static bool
lies_in(const char *path, const Secret *secret)
{
    return !secret->is_home && is_same_or_below(path, secret->path);
}

static bool
holds(const char *path, const Secret *secret)
{
    return is_same_or_below(secret->path, path);
}

static const char *
find(const WnSecrets *self, const char *path, RelationFn is_related)
{
    char *real = realpath(path, NULL);
    const char *key = NULL;

    for (guint i = 0; real != NULL && i < self->secrets->len; i++) {
        const Secret *secret = &g_array_index(self->secrets, Secret, i);

        if (key == NULL && is_related(real, secret))
            key = secret->key;
    }
    free(real);
    return key;
}

const char *
wn_secrets_around(const WnSecrets *self, const char *path)
{
    return find(self, path, lies_in);
}

const char *
wn_secrets_within(const WnSecrets *self, const char *path)
{
    return find(self, path, holds);
}

/*
 * Opening up
 */

static void allow_entries(const WnSecrets *self, const char *folder,
    WnFileRules *rules);

/* path has no links in it. */
static void
allow_real(const WnSecrets *self, const char *path, WnFileRules *rules)
{
    bool shut = false;

    for (guint i = 0; i < self->secrets->len; i++) {
        const char *secret = g_array_index(self->secrets, Secret, i).path;

        if (strcmp(secret, path) == 0)
            return;
        shut = shut || is_same_or_below(secret, path);
    }
    if (shut)
        allow_entries(self, path, rules);
    else
        wn_file_rules_allow(rules, path, WN_FILES_READ);
}

/* What leads elsewhere is allowed where it is, or not. */
static void
allow_entries(const WnSecrets *self, const char *folder, WnFileRules *rules)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(folder, name, NULL);

        if (!g_file_test(path, G_FILE_TEST_IS_SYMLINK))
            allow_real(self, path, rules);
    }
}

void
wn_secrets_allow_rest(const WnSecrets *self, const char *path,
    WnFileRules *rules)
{
    char *real = realpath(path, NULL);

    if (real != NULL)
        allow_real(self, real, rules);
    free(real);
}

/*
 * What options name
 */

void
wn_secrets_each_named(const WnSetting *setting, WnNamedFn fn, void *user)
{
    g_auto(GStrv) words = g_strsplit_set(setting->value, SEPARATORS, -1);
    g_autofree char *whole = g_canonicalize_filename(setting->value,
        setting->folder);

    if (g_file_test(whole, G_FILE_TEST_EXISTS))
        fn(user, whole);
    for (unsigned i = 0; words[i] != NULL; i++) {
        g_autofree char *path = NULL;

        if (words[i][0] == '\0' || strcmp(words[i], setting->value) == 0)
            continue;
        path = g_canonicalize_filename(words[i], setting->folder);
        if (g_file_test(path, G_FILE_TEST_EXISTS))
            fn(user, path);
    }
}

typedef struct Checking {
    const WnSecrets *secrets;
    const WnFilterConfig *filter;
    const WnSetting *setting;
    WnProblems *problems;
} Checking;

/* Many a word is the name of a file by chance: only what is written as a path
 * is meant as one, and the root never is. */
static void
check_named(void *user, const char *path)
{
    const Checking *self = user;
    const WnSetting *setting = self->setting;
    g_autofree char *group = g_strdup_printf("filter %s", self->filter->name);
    WnPlace place = { .file = setting->file,
        .line = setting->line,
        .group = group,
        .key = setting->key };
    const char *around = wn_secrets_around(self->secrets, path);
    const char *within = NULL;

    if (strstr(setting->value, path) == NULL || strcmp(path, "/") == 0)
        return;
    if (g_file_test(path, G_FILE_TEST_IS_DIR))
        within = wn_secrets_within(self->secrets, path);
    if (around != NULL)
        wn_problems_warn(self->problems, place,
            "plugins cannot read %s: it belongs to %s; put it elsewhere", path,
            around);
    else if (within != NULL)
        wn_problems_warn(self->problems, place,
            "plugins cannot read the folder %s: it holds %s; move one of them",
            path, within);
}

/* A folder that plugins must see whole, as it changes. */
static void
check_whole(const WnConfig *config, const WnSecrets *secrets, const char *path,
    WnProblems *problems)
{
    const char *within = wn_secrets_within(secrets, path);

    if (within != NULL)
        wn_problems_add(problems, (WnPlace){ .file = config->path },
            "%s lies in %s, which plugins read; move it", within, path);
}

void
wn_secrets_check(const WnConfig *config, WnProblems *problems)
{
    g_autoptr(WnSecrets)
        secrets = wn_secrets_new(WN_SECRETS_OF_FILTERS, config);
    Checking checking = { .secrets = secrets, .problems = problems };
    g_autofree char *snapshots = g_build_filename(config->state, "snapshots",
        NULL);

    check_whole(config, secrets, snapshots, problems);
    check_whole(config, secrets, config->plugins, problems);
    for (guint i = 0; i < config->filters->len; i++) {
        checking.filter = config->filters->pdata[i];
        for (guint n = 0; n < checking.filter->settings->len; n++) {
            checking.setting = checking.filter->settings->pdata[n];
            wn_secrets_each_named(checking.setting, check_named, &checking);
        }
    }
}
