/* SPDX-License-Identifier: MIT */
#include "core/conf/domain_file.h"

#include <string.h>

#include "core/conf/key_table.h"
#include "core/conf/names.h"
#include "core/conf/server_setting.h"
#include "core/conf/setting.h"
#include "core/conf/text_file.h"

#define DOMAIN_PREFIX "domain "
#define FILTER_PREFIX "filter "
#define MAILBOX_SUFFIX ".mailboxes"
#define REJECT_TEXT_MAX 2000
#define POSITION_MAX 1000000
#define DAY_MS (INT64_C(24) * 60 * 60 * 1000)

typedef struct Reading {
    const char *folder;
    const char *shown; /* of the folder */
    WnProblems *problems;
    WnDomainFn fn;
    void *user;
    GStringChunk *strings;     /* names of domains */
    GPtrArray *files;          /* names */
    GHashTable *domains;       /* name to the place of its file in files, + 1 */
    unsigned file;             /* place of the file being read */
    GHashTable *mailbox_files; /* names of files, as a set */
    const WnDomainFileEdit *edit; /* NULL: none */
} Reading;

/* What the [domain] groups of a file have in common. */
typedef struct DomainFile {
    const WnKeyfile *keys;
    GPtrArray *filters; /* WnFilterSetting */
    bool faulty;
} DomainFile;

static const char *const status_names[] = { "ready", "initializing",
    "suspended", NULL };
static const char *const delivery_names[] = { "even", "ordered", NULL };
static const char *const mailboxes_names[] = { "any", "listed", NULL };
static const char *const tls_names[] = { "none", "may", "require", "verify",
    "dane", NULL };
static const char *const on_error_names[] = { "skip", "tempfail", NULL };
static const char *const on_match_names[] = { "stop", "continue", NULL };

static bool
set_servers(const WnKeySpec *spec, const char *value, const char *folder,
    void *member, char **out_error)
{
    g_auto(GStrv) items = wn_key_split_list(value);
    WnDomainSetting *domain = member;

    (void)spec;
    (void)folder;
    for (int i = 0; items[i] != NULL; i++)
        if (!wn_server_setting_parse(items[i], domain, out_error))
            return false;
    return true;
}

/* An empty list is a choice too: no filter. */
static bool
set_filters(const WnKeySpec *spec, const char *value, const char *folder,
    void *member, char **out_error)
{
    char ***filters = member;

    (void)spec;
    (void)folder;
    (void)out_error;
    g_strfreev(*filters);
    *filters = wn_key_split_list(value);
    return true;
}

static bool
set_reject_text(const WnKeySpec *spec, const char *value, const char *folder,
    void *member, char **out_error)
{
    if (strlen(value) > REJECT_TEXT_MAX) {
        *out_error = g_strdup_printf("the text is longer than %d bytes",
            REJECT_TEXT_MAX);
        return false;
    }
    return wn_key_set_text(spec, value, folder, member, out_error);
}

static bool
set_contact(const WnKeySpec *spec, const char *value, const char *folder,
    void *member, char **out_error)
{
    g_autofree char *local = NULL;
    g_autofree char *domain = NULL;

    return wn_address_split(value, &local, &domain, out_error)
           && wn_key_set_text(spec, value, folder, member, out_error);
}

#define KEY(name, setter, member, ...)                             \
    {                                                              \
        .key = (name), .set = (setter),                            \
        .offset = offsetof(WnDomainSetting, member), ##__VA_ARGS__ \
    }

static const WnKeySpec domain_keys[] = {
    { .key = "servers", .set = set_servers, .offset = 0 },
    KEY("delivery", wn_key_set_name, delivery, .names = delivery_names),
    KEY("filters", set_filters, filters),
    KEY("mailboxes", wn_key_set_name, mailboxes, .names = mailboxes_names),
    KEY("firewall", wn_key_set_bool, firewall),
    KEY("egress_pool", wn_key_set_text, egress_pool),
    KEY("tls", wn_key_set_name, tls, .names = tls_names),
    KEY("max_message_size", wn_key_set_size, max_message_size, .min = 1024,
        .max = G_MAXINT32),
    KEY("status", wn_key_set_name, status, .names = status_names),
    KEY("enabled", wn_key_set_bool, enabled),
    KEY("filter_default", wn_key_set_bool, filter_default),
    KEY("reject_text", set_reject_text, reject_text),
    KEY("queue_lifetime", wn_key_set_duration, queue_lifetime_ms, .min = 1000,
        .max = 60 * DAY_MS),
    KEY("delay_notice", wn_key_set_duration, delay_notice_ms, .min = 1000,
        .max = 60 * DAY_MS),
    KEY("technical_contact", set_contact, technical_contact),
};

static const WnKeySpec filter_keys[] = {
    { .key = "enabled",
        .set = wn_key_set_tristate,
        .offset = offsetof(WnFilterSetting, enabled) },
    { .key = "position",
        .set = wn_key_set_unsigned,
        .offset = offsetof(WnFilterSetting, position),
        .max = POSITION_MAX },
    { .key = "action",
        .set = wn_key_set_text,
        .offset = offsetof(WnFilterSetting, action) },
    { .key = "on_match",
        .set = wn_key_set_name,
        .offset = offsetof(WnFilterSetting, on_match),
        .names = on_match_names },
    { .key = "on_error",
        .set = wn_key_set_name,
        .offset = offsetof(WnFilterSetting, on_error),
        .names = on_error_names },
};

static bool
is_server_key(const char *key)
{
    return strcmp(key, "plugin") == 0 || strcmp(key, "timeout") == 0
           || strcmp(key, "decide") == 0;
}

/* Options wait for the catalogue: the snapshot's writer checks them. */
static void
read_filter(const Reading *self, const DomainFile *file,
    const WnKeyGroup *group)
{
    const WnKeyfile *keys = file->keys;
    WnFilterSetting *filter = wn_filter_setting_new(
        group->name + strlen(FILTER_PREFIX));

    filter->file = g_strdup(keys->path);
    filter->line = group->line;
    for (unsigned i = 0; i < group->entries->len; i++) {
        WnKeyEntry *entry = &g_array_index(group->entries, WnKeyEntry, i);

        if (wn_key_table_set(WN_KEY_TABLE(filter_keys), keys, group, entry,
                filter, self->problems)
            != WN_KEY_UNKNOWN)
            continue;
        entry->used = true;
        if (is_server_key(entry->key))
            wn_problems_add(self->problems, wn_key_place(keys, group, entry),
                "can be set in conf.d only");
        else
            g_ptr_array_add(filter->settings,
                wn_setting_new(entry->key, entry->value, keys->path,
                    keys->folder, entry->line));
    }
    g_ptr_array_add(file->filters, filter);
}

/* "john.doe" or "john.doe filtering=off". */
static char *
read_mailbox(WnDomainSetting *domain, GHashTable *seen, const char *line)
{
    size_t len = strcspn(line, " \t");
    g_autofree char *word = g_strndup(line, len);
    g_autofree char *local_part = NULL;
    const char *rest = line + len + strspn(line + len, " \t");
    WnFiltering filtering = WN_FILTERING_DEFAULT;
    char *fault = NULL;

    if (!wn_local_part_parse(word, &local_part, &fault))
        return fault;
    if (strcmp(rest, "filtering=on") == 0)
        filtering = WN_FILTERING_ON;
    else if (strcmp(rest, "filtering=off") == 0)
        filtering = WN_FILTERING_OFF;
    else if (*rest != '\0')
        return g_strdup_printf("expected \"filtering=on\" or "
                               "\"filtering=off\" behind the local part, "
                               "not \"%s\"",
            rest);
    if (g_hash_table_contains(seen, local_part))
        return g_strdup_printf("\"%s\" is given twice", local_part);
    wn_domain_setting_add_mailbox(domain, local_part, filtering);
    g_hash_table_add(seen, g_steal_pointer(&local_part));
    return NULL;
}

static void
read_mailbox_lines(const Reading *self, WnDomainSetting *domain,
    const char *shown, WnSpan text)
{
    g_autoptr(GHashTable)
        seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    WnPlace place = { .file = shown };
    WnSpan line;

    while (wn_text_file_line(&text, &line)) {
        g_autofree char *trimmed = wn_span_dup(wn_span_trim(line));
        g_autofree char *fault = NULL;

        place.line++;
        if (*trimmed == '\0' || *trimmed == '#')
            continue;
        fault = read_mailbox(domain, seen, trimmed);
        if (fault != NULL)
            wn_problems_add(self->problems, place, "%s", fault);
    }
}

static bool
is_edited(const Reading *self, const char *name)
{
    return self->edit != NULL && strcmp(self->edit->name, name) == 0;
}

static void
read_mailboxes(const Reading *self, WnDomainSetting *domain, WnPlace place)
{
    g_autofree char *name = g_strconcat(domain->name, MAILBOX_SUFFIX, NULL);
    g_auto(WnTextFile) file = { 0 };
    g_autofree char *path = NULL;
    g_autofree char *shown = NULL;

    if (!g_hash_table_contains(self->mailbox_files, name)) {
        if (domain->mailboxes == WN_MAILBOXES_LISTED) {
            place.key = "mailboxes";
            wn_problems_add(self->problems, place,
                "\"listed\" needs the file %s beside this one", name);
        }
        return;
    }
    path = g_build_filename(self->folder, name, NULL);
    shown = g_build_filename(self->shown, name, NULL);
    if (is_edited(self, name)
            ? wn_text_file_take(wn_span_str(self->edit->text), shown,
                self->problems, &file)
            : wn_text_file_read(path, shown, self->problems, &file))
        read_mailbox_lines(self, domain, shown, wn_span(file.text, file.len));
}

static bool
is_first_of_name(Reading *self, const char *name, WnPlace place)
{
    unsigned earlier = GPOINTER_TO_UINT(
        g_hash_table_lookup(self->domains, name));

    if (earlier == 0) {
        g_hash_table_insert(self->domains,
            g_string_chunk_insert(self->strings, name),
            GUINT_TO_POINTER(self->file + 1));
        return true;
    }
    wn_problems_add(self->problems, place,
        "the domain is given twice, first in %s/%s", self->shown,
        (const char *)g_ptr_array_index(self->files, earlier - 1));
    return false;
}

static void
read_domain(Reading *self, const DomainFile *file, const WnKeyGroup *group)
{
    const WnKeyfile *keys = file->keys;
    WnPlace place = wn_key_place(keys, group, NULL);
    uint64_t reported = wn_problems_reported(self->problems);
    g_autofree char *name = NULL;
    g_autofree char *fault = NULL;
    WnDomainSetting *domain;

    if (!wn_domain_name_parse(group->name + strlen(DOMAIN_PREFIX), &name,
            &fault)) {
        wn_problems_add(self->problems, place, "%s", fault);
        return;
    }
    if (!is_first_of_name(self, name, place))
        return;
    domain = wn_domain_setting_new(name);
    domain->file = g_strdup(keys->path);
    domain->line = group->line;
    domain->filter_settings = g_ptr_array_ref(file->filters);
    wn_key_table_set_all(WN_KEY_TABLE(domain_keys), keys, group, domain,
        self->problems);
    read_mailboxes(self, domain, place);
    domain->faulty = file->faulty
                     || wn_problems_reported(self->problems) != reported;
    self->fn(self->user, domain);
}

static void
report_group(const Reading *self, const WnKeyfile *keys,
    const WnKeyGroup *group)
{
    static const char *const names[] = { "domain", "filter", NULL };
    g_autofree char *word = g_strndup(group->name, strcspn(group->name, " "));
    g_autofree char *hint = wn_problem_hint(word, names);
    WnPlace place = wn_key_place(keys, group, NULL);

    if (g_strv_contains(names, word))
        wn_problems_add(self->problems, place, "expected [%s NAME]", word);
    else
        wn_problems_add(self->problems, place, "unknown group%s", hint);
}

/* Filters first: they belong to every domain of the file. */
static void
read_groups(Reading *self, DomainFile *file)
{
    const GPtrArray *groups = file->keys->groups;
    uint64_t reported = wn_problems_reported(self->problems);

    for (unsigned i = 0; i < groups->len; i++) {
        const WnKeyGroup *group = g_ptr_array_index(groups, i);

        if (g_str_has_prefix(group->name, FILTER_PREFIX))
            read_filter(self, file, group);
        else if (!g_str_has_prefix(group->name, DOMAIN_PREFIX))
            report_group(self, file->keys, group);
    }
    if (wn_problems_reported(self->problems) != reported)
        file->faulty = true;
    for (unsigned i = 0; i < groups->len; i++) {
        const WnKeyGroup *group = g_ptr_array_index(groups, i);

        if (g_str_has_prefix(group->name, DOMAIN_PREFIX))
            read_domain(self, file, group);
    }
}

static void
read_file(Reading *self)
{
    const char *name = g_ptr_array_index(self->files, self->file);
    g_autofree char *path = g_strconcat(self->folder, "/", name, NULL);
    g_autofree char *shown = g_strconcat(self->shown, "/", name, NULL);
    uint64_t reported = wn_problems_reported(self->problems);
    g_autoptr(WnKeyfile)
        keys = is_edited(self, name)
                   ? wn_keyfile_parse(wn_span_str(self->edit->text), path,
                       shown, self->problems)
                   : wn_keyfile_read(path, shown, self->problems);
    DomainFile file = { .keys = keys };

    if (keys == NULL)
        return;
    file.filters = g_ptr_array_new_with_free_func(wn_filter_setting_free);
    file.faulty = wn_problems_reported(self->problems) != reported;
    read_groups(self, &file);
    g_ptr_array_unref(file.filters);
}

static int
compare_names(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* The names of the files as they will be. */
static void
apply_edit(const WnDomainFileEdit *edit, GPtrArray *names, const char *suffix)
{
    guint at = 0;

    if (edit == NULL || !g_str_has_suffix(edit->name, suffix))
        return;
    while (at < names->len && strcmp(names->pdata[at], edit->name) != 0)
        at++;
    if (at < names->len && edit->text == NULL)
        g_ptr_array_remove_index(names, at);
    if (at < names->len || edit->text == NULL)
        return;
    g_ptr_array_add(names, g_strdup(edit->name));
    g_ptr_array_sort(names, compare_names);
}

static GHashTable *
list_mailbox_files(const Reading *self)
{
    g_autoptr(GPtrArray) names = wn_text_file_list(self->folder, MAILBOX_SUFFIX,
        self->shown, self->problems);
    GHashTable *set = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
        NULL);

    apply_edit(self->edit, names, MAILBOX_SUFFIX);
    for (unsigned i = 0; i < names->len; i++)
        g_hash_table_add(set, g_strdup(g_ptr_array_index(names, i)));
    return set;
}

void
wn_domain_files_read(const char *folder, WnProblems *problems, WnDomainFn fn,
    void *user)
{
    wn_domain_files_read_edited(folder, NULL, problems, fn, user);
}

void
wn_domain_files_read_edited(const char *folder, const WnDomainFileEdit *edit,
    WnProblems *problems, WnDomainFn fn, void *user)
{
    g_autofree char *absolute = g_canonicalize_filename(folder, NULL);
    g_autofree char *shown = g_path_get_basename(absolute);
    g_autoptr(GPtrArray) names = wn_keyfile_list_folder(absolute, problems);
    Reading reading = {
        .folder = absolute,
        .shown = shown,
        .problems = problems,
        .fn = fn,
        .user = user,
        .strings = g_string_chunk_new(1 << 16),
        .files = names,
        .domains = g_hash_table_new(g_str_hash, g_str_equal),
        .edit = edit,
    };

    apply_edit(edit, names, ".conf");
    reading.mailbox_files = list_mailbox_files(&reading);
    for (reading.file = 0; reading.file < names->len; reading.file++)
        read_file(&reading);
    g_hash_table_unref(reading.mailbox_files);
    g_hash_table_unref(reading.domains);
    g_string_chunk_free(reading.strings);
}
