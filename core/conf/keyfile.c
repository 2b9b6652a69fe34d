/* SPDX-License-Identifier: MIT */
#include "core/conf/keyfile.h"

#include <string.h>

#include "core/conf/text_file.h"

#define LINE_MAX_BYTES (64u << 10)
#define FEW 16 /* so many names are searched without a table */

typedef struct Parser {
    WnKeyfile *file;
    WnProblems *problems;
    WnKeyGroup *group;      /* where keys go; NULL before the first */
    GPtrArray *dropped;     /* groups given twice or badly written */
    GHashTable *groups;     /* name to WnKeyGroup; NULL while they are few */
    GHashTable *keys;       /* of the group, name to line; NULL while few */
    bool before_group_said; /* one problem for all keys before a group */
    unsigned line;
} Parser;

static void
group_free(void *data)
{
    WnKeyGroup *group = data;

    g_array_unref(group->entries);
    g_free(group);
}

static WnKeyGroup *
group_new(const char *name, unsigned line)
{
    WnKeyGroup *group = g_new0(WnKeyGroup, 1);

    group->name = name;
    group->line = line;
    group->entries = g_array_new(FALSE, FALSE, sizeof(WnKeyEntry));
    return group;
}

static WnPlace
parser_place(const Parser *self, const char *key)
{
    return (WnPlace){
        .file = self->file->path,
        .line = self->line,
        .group = self->group != NULL ? self->group->name : NULL,
        .key = key,
    };
}

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Folds runs of spaces to one, in place. */
static char *
fold_spaces(char *text)
{
    char *out = text;

    for (const char *in = text; *in != '\0'; in++) {
        if (is_blank(*in) && (out == text || out[-1] == ' '))
            continue;
        *out++ = is_blank(*in) ? ' ' : *in;
    }
    if (out > text && out[-1] == ' ')
        out--;
    *out = '\0';
    return text;
}

static bool
has_control(const char *text)
{
    for (; *text != '\0'; text++) {
        if (g_ascii_iscntrl(*text) && *text != '\t')
            return true;
    }
    return false;
}

/* "[filter  rbl]": cut in place.  NULL: badly written. */
static char *
group_name(char *line, size_t len)
{
    char *end = line + len - 1;

    if (*end != ']' || strchr(line + 1, ']') != end
        || strchr(line + 1, '[') != NULL)
        return NULL;
    *end = '\0';
    fold_spaces(line + 1);
    return line[1] != '\0' && !has_control(line + 1) ? line + 1 : NULL;
}

static const WnKeyGroup *
find_group(const Parser *self, const char *name)
{
    const GPtrArray *groups = self->file->groups;

    if (self->groups != NULL)
        return g_hash_table_lookup(self->groups, name);
    for (unsigned i = 0; i < groups->len; i++) {
        const WnKeyGroup *group = g_ptr_array_index(groups, i);

        if (strcmp(group->name, name) == 0)
            return group;
    }
    return NULL;
}

static void
add_group(Parser *self, WnKeyGroup *group)
{
    GPtrArray *groups = self->file->groups;

    g_ptr_array_add(groups, group);
    if (groups->len < FEW)
        return;
    if (self->groups != NULL) {
        g_hash_table_insert(self->groups, (char *)(uintptr_t)group->name,
            group);
        return;
    }
    self->groups = g_hash_table_new(g_str_hash, g_str_equal);
    for (unsigned i = 0; i < groups->len; i++) {
        WnKeyGroup *other = g_ptr_array_index(groups, i);

        g_hash_table_insert(self->groups, (char *)(uintptr_t)other->name,
            other);
    }
}

static void
parse_group(Parser *self, char *line, size_t len)
{
    const WnKeyGroup *earlier = NULL;
    char *name = group_name(line, len);

    self->group = NULL;
    g_clear_pointer(&self->keys, g_hash_table_unref);
    if (name == NULL)
        wn_problems_add(self->problems, parser_place(self, NULL),
            "expected a group as [name] on a line of its own");
    else
        earlier = find_group(self, name);

    self->group = group_new(name != NULL ? name : line, self->line);
    if (name != NULL && earlier == NULL) {
        add_group(self, self->group);
        return;
    }
    if (earlier != NULL)
        wn_problems_add(self->problems, parser_place(self, NULL),
            "the group is given twice, first in line %u", earlier->line);
    g_ptr_array_add(self->dropped, self->group);
}

static bool
is_key(const char *key)
{
    if (*key == '\0')
        return false;
    for (; *key != '\0'; key++) {
        if (!g_ascii_isalnum(*key) && strchr("_-.", *key) == NULL)
            return false;
    }
    return true;
}

/* 0: the group has no such key yet. */
static unsigned
line_of_key(const Parser *self, const char *key)
{
    const WnKeyEntry *entry;

    if (self->keys != NULL)
        return GPOINTER_TO_UINT(g_hash_table_lookup(self->keys, key));
    entry = wn_key_group_find(self->group, key);
    return entry != NULL ? entry->line : 0;
}

static void
add_entry(Parser *self, const WnKeyEntry *added)
{
    GArray *entries = self->group->entries;

    g_array_append_vals(entries, added, 1);
    if (entries->len < FEW)
        return;
    if (self->keys != NULL) {
        g_hash_table_insert(self->keys, (char *)(uintptr_t)added->key,
            GUINT_TO_POINTER(added->line));
        return;
    }
    self->keys = g_hash_table_new(g_str_hash, g_str_equal);
    for (unsigned i = 0; i < entries->len; i++) {
        const WnKeyEntry *entry = &g_array_index(entries, WnKeyEntry, i);

        g_hash_table_insert(self->keys, (char *)(uintptr_t)entry->key,
            GUINT_TO_POINTER(entry->line));
    }
}

/* Is there a group for the key, and is it the first of its name there? */
static bool
key_has_place(Parser *self, const char *key)
{
    unsigned earlier;

    if (self->group == NULL) {
        if (!self->before_group_said)
            wn_problems_add(self->problems, parser_place(self, key),
                "stands before the first [group]");
        self->before_group_said = true;
        return false;
    }
    earlier = line_of_key(self, key);
    if (earlier > 0) {
        wn_problems_add(self->problems, parser_place(self, key),
            "the key is given twice, first in line %u", earlier);
        return false;
    }
    return true;
}

static void
parse_key(Parser *self, char *line)
{
    char *equals = strchr(line, '=');
    WnKeyEntry entry = { .line = self->line };
    char *value;

    if (equals == NULL) {
        wn_problems_add(self->problems, parser_place(self, NULL),
            "expected \"key = value\", [group] or # comment");
        return;
    }
    *equals = '\0';
    entry.key = g_strchomp(line);
    value = g_strstrip(equals + 1);
    entry.value = value;
    if (!is_key(entry.key)) {
        wn_problems_add(self->problems, parser_place(self, NULL),
            "\"%s\" is not a key: letters, digits and . _ - only", entry.key);
        return;
    }
    if (has_control(value)) {
        wn_problems_add(self->problems, parser_place(self, entry.key),
            "the value holds a control character");
        return;
    }
    if (!key_has_place(self, entry.key))
        return;
    add_entry(self, &entry);
}

static void
parse_line(Parser *self, char *line, size_t len)
{
    if (len > LINE_MAX_BYTES) {
        wn_problems_add(self->problems, parser_place(self, NULL),
            "the line is longer than %u bytes", LINE_MAX_BYTES);
        return;
    }
    while (is_blank(*line)) {
        line++;
        len--;
    }
    while (len > 0 && is_blank(line[len - 1]))
        len--;
    line[len] = '\0';
    if (len == 0 || *line == '#')
        return;
    if (*line == '[')
        parse_group(self, line, len);
    else
        parse_key(self, line);
}

static void
parse_text(WnKeyfile *file, size_t len, WnProblems *problems)
{
    Parser parser = {
        .file = file,
        .problems = problems,
        .dropped = g_ptr_array_new_with_free_func(group_free),
    };
    size_t at = 0;

    while (at < len) {
        char *line = file->text + at;
        char *end = memchr(line, '\n', len - at);
        size_t line_len = end != NULL ? (size_t)(end - line) : len - at;

        at += line_len + 1;
        parser.line++;
        if (line_len > 0 && line[line_len - 1] == '\r')
            line_len--;
        /* The line's end, or the NUL behind the text. */
        line[line_len] = '\0';
        parse_line(&parser, line, line_len);
    }
    g_clear_pointer(&parser.keys, g_hash_table_unref);
    g_clear_pointer(&parser.groups, g_hash_table_unref);
    g_ptr_array_unref(parser.dropped);
}

static char *
folder_of(const char *path)
{
    g_autofree char *absolute = NULL;

    if (g_path_is_absolute(path))
        return g_path_get_dirname(path);
    absolute = g_canonicalize_filename(path, NULL);
    return g_path_get_dirname(absolute);
}

static WnKeyfile *
keyfile_new(WnTextFile *take_text, const char *path, const char *shown,
    WnProblems *problems)
{
    WnKeyfile *self = g_new0(WnKeyfile, 1);

    self->path = g_strdup(shown);
    self->folder = folder_of(path);
    self->owner = take_text->owner;
    self->file_group = take_text->group;
    self->mode = take_text->mode;
    self->groups = g_ptr_array_new_with_free_func(group_free);
    self->text = g_steal_pointer(&take_text->text);
    parse_text(self, take_text->len, problems);
    return self;
}

WnKeyfile *
wn_keyfile_read(const char *path, const char *shown, WnProblems *problems)
{
    g_auto(WnTextFile) text = { 0 };

    if (!wn_text_file_read(path, shown, problems, &text))
        return NULL;
    return keyfile_new(&text, path, shown, problems);
}

WnKeyfile *
wn_keyfile_parse(WnSpan text, const char *path, const char *shown,
    WnProblems *problems)
{
    g_auto(WnTextFile) file = { 0 };

    if (!wn_text_file_take(text, shown, problems, &file))
        return NULL;
    return keyfile_new(&file, path, shown, problems);
}

void
wn_keyfile_free(WnKeyfile *self)
{
    if (self == NULL)
        return;
    g_ptr_array_unref(self->groups);
    g_free(self->path);
    g_free(self->folder);
    g_free(self->text);
    g_free(self);
}

WnKeyEntry *
wn_key_group_find(const WnKeyGroup *group, const char *key)
{
    for (unsigned i = 0; i < group->entries->len; i++) {
        WnKeyEntry *entry = &g_array_index(group->entries, WnKeyEntry, i);

        if (strcmp(entry->key, key) == 0)
            return entry;
    }
    return NULL;
}

char **
wn_key_split_list(const char *value)
{
    GPtrArray *items = g_ptr_array_new();
    WnSpan rest = wn_span_str(value);

    while (rest.len > 0) {
        const char *end = memchr(rest.ptr, ';', rest.len);
        size_t len = end != NULL ? (size_t)(end - rest.ptr) : rest.len;
        WnSpan item = wn_span_trim(wn_span(rest.ptr, len));

        if (item.len > 0)
            g_ptr_array_add(items, wn_span_dup(item));
        rest = wn_span_slice(rest, len + 1, rest.len);
    }
    g_ptr_array_add(items, NULL);
    return (char **)g_ptr_array_free(items, FALSE);
}

GPtrArray *
wn_keyfile_list_folder(const char *folder, WnProblems *problems)
{
    g_autofree char *shown = g_path_get_basename(folder);

    return wn_text_file_list(folder, ".conf", shown, problems);
}
