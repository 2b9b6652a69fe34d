/* SPDX-License-Identifier: MIT */
#include "core/conf/key_table.h"

#include <string.h>

#include "core/conf/names.h"
#include "core/conf/option.h"

WnPlace
wn_key_place(const WnKeyfile *file, const WnKeyGroup *group,
    const WnKeyEntry *entry)
{
    return (WnPlace){
        .file = file->path,
        .line = entry != NULL ? entry->line : group->line,
        .group = group->name,
        .key = entry != NULL ? entry->key : NULL,
    };
}

WnKeyResult
wn_key_table_set(WnKeyTable table, const WnKeyfile *file,
    const WnKeyGroup *group, WnKeyEntry *entry, void *object,
    WnProblems *problems)
{
    for (size_t i = 0; i < table.n; i++) {
        const WnKeySpec *spec = &table.specs[i];
        g_autofree char *fault = NULL;

        if (strcmp(spec->key, entry->key) != 0)
            continue;
        entry->used = true;
        if (spec->set(spec, entry->value, file->folder,
                (char *)object + spec->offset, &fault))
            return WN_KEY_SET;
        wn_problems_add(problems, wn_key_place(file, group, entry), "%s",
            fault);
        return WN_KEY_FAULT;
    }
    return WN_KEY_UNKNOWN;
}

void
wn_key_table_unknown(WnKeyTable table, const WnKeyfile *file,
    const WnKeyGroup *group, const WnKeyEntry *entry, WnProblems *problems)
{
    g_autofree const char **keys = g_new0(const char *, table.n + 1);
    g_autofree char *hint = NULL;

    for (size_t i = 0; i < table.n; i++)
        keys[i] = table.specs[i].key;
    hint = wn_problem_hint(entry->key, keys);
    wn_problems_add(problems, wn_key_place(file, group, entry), "unknown key%s",
        hint);
}

bool
wn_key_table_set_all(WnKeyTable table, const WnKeyfile *file,
    const WnKeyGroup *group, void *object, WnProblems *problems)
{
    bool ok = true;

    for (unsigned i = 0; i < group->entries->len; i++) {
        WnKeyEntry *entry = &g_array_index(group->entries, WnKeyEntry, i);
        WnKeyResult result = wn_key_table_set(table, file, group, entry, object,
            problems);

        if (result == WN_KEY_UNKNOWN)
            wn_key_table_unknown(table, file, group, entry, problems);
        ok = ok && result == WN_KEY_SET;
    }
    return ok;
}

static void
replace_text(void *member, char *take_text)
{
    char **text = member;

    g_free(*text);
    *text = take_text;
}

bool
wn_key_set_text(const WnKeySpec *spec, const char *value, const char *folder,
    void *member, char **out_error)
{
    (void)spec;
    (void)folder;
    if (*value == '\0') {
        *out_error = g_strdup("a value is required");
        return false;
    }
    replace_text(member, g_strdup(value));
    return true;
}

bool
wn_key_set_path(const WnKeySpec *spec, const char *value, const char *folder,
    void *member, char **out_error)
{
    (void)spec;
    if (*value == '\0') {
        *out_error = g_strdup("a path is required");
        return false;
    }
    replace_text(member, g_canonicalize_filename(value, folder));
    return true;
}

bool
wn_key_set_domain_name(const WnKeySpec *spec, const char *value,
    const char *folder, void *member, char **out_error)
{
    char *name;

    (void)spec;
    (void)folder;
    if (!wn_domain_name_parse(value, &name, out_error))
        return false;
    replace_text(member, name);
    return true;
}

bool
wn_key_set_list(const WnKeySpec *spec, const char *value, const char *folder,
    void *member, char **out_error)
{
    char ***list = member;
    char **items = wn_key_split_list(value);

    (void)spec;
    (void)folder;
    if (items[0] == NULL) {
        g_strfreev(items);
        *out_error = g_strdup("a list with at least one entry is required");
        return false;
    }
    g_strfreev(*list);
    *list = items;
    return true;
}

/* The plugins' options and the core's keys are checked by the same code. */
static bool
parse_number(WnOptionKind kind, const WnKeySpec *spec, const char *value,
    int64_t *out_number, char **out_error)
{
    WnOptionSpec option = {
        .kind = kind,
        .min = spec->min,
        .max = spec->max,
    };
    WnOptionValue parsed;

    if (!wn_option_parse(&option, value, &parsed, out_error))
        return false;
    *out_number = parsed.integer;
    wn_option_value_clear(&parsed);
    return true;
}

bool
wn_key_set_bool(const WnKeySpec *spec, const char *value, const char *folder,
    void *member, char **out_error)
{
    bool *flag = member;
    int64_t number;

    (void)folder;
    if (!parse_number(WN_OPTION_BOOL, spec, value, &number, out_error))
        return false;
    *flag = number != 0;
    return true;
}

bool
wn_key_set_tristate(const WnKeySpec *spec, const char *value,
    const char *folder, void *member, char **out_error)
{
    bool flag;

    if (!wn_key_set_bool(spec, value, folder, &flag, out_error))
        return false;
    *(int *)member = flag;
    return true;
}

bool
wn_key_set_name(const WnKeySpec *spec, const char *value, const char *folder,
    void *member, char **out_error)
{
    g_autofree char *all = NULL;
    g_autofree char *hint = NULL;
    unsigned index = 0;

    (void)folder;
    while (spec->names[index] != NULL && strcmp(spec->names[index], value) != 0)
        index++;
    if (spec->names[index] != NULL) {
        /* Enums without negative values have the size of unsigned. */
        memcpy(member, &index, sizeof(index));
        return true;
    }
    all = g_strjoinv(", ", (char **)(uintptr_t)spec->names);
    hint = wn_problem_hint(value, spec->names);
    *out_error = g_strdup_printf("\"%s\" is not one of %s%s", value, all, hint);
    return false;
}

bool
wn_key_set_unsigned(const WnKeySpec *spec, const char *value,
    const char *folder, void *member, char **out_error)
{
    int64_t number;
    unsigned stored;

    (void)folder;
    g_assert(spec->min >= 0 && spec->max > 0 && spec->max <= G_MAXINT);
    if (!parse_number(WN_OPTION_INT, spec, value, &number, out_error))
        return false;
    stored = (unsigned)number;
    memcpy(member, &stored, sizeof(stored));
    return true;
}

bool
wn_key_set_size(const WnKeySpec *spec, const char *value, const char *folder,
    void *member, char **out_error)
{
    (void)folder;
    return parse_number(WN_OPTION_SIZE, spec, value, member, out_error);
}

bool
wn_key_set_duration(const WnKeySpec *spec, const char *value,
    const char *folder, void *member, char **out_error)
{
    (void)folder;
    return parse_number(WN_OPTION_DURATION, spec, value, member, out_error);
}
