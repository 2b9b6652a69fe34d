/* SPDX-License-Identifier: MIT */

#include "tags.h"

#include <string.h>

#define PASSES_MAX 4
#define TAG_MAX 64

/* The text between < and > at text, or NULL. */
static char *
tag_at(const char *text)
{
    const char *end;

    if (*text != '<')
        return NULL;
    end = memchr(text, '>', strnlen(text, TAG_MAX));
    return end != NULL ? g_strndup(text + 1, (gsize)(end - text - 1)) : NULL;
}

/* Takes "<kind NAME>" out of text; what NAME stands for, or NULL. */
static const char *
take_modifier(GString *text, const char *kind, GHashTable *table)
{
    g_autofree char *start = g_strdup_printf("<%s ", kind);
    const char *found = strstr(text->str, start);
    g_autofree char *tag = found != NULL ? tag_at(found) : NULL;

    if (tag == NULL)
        return NULL;
    g_string_erase(text, found - text->str, (gssize)strlen(tag) + 2);
    return g_hash_table_lookup(table, g_strstrip(tag + strlen(kind)));
}

typedef struct Around {
    const char *pre, *inter, *post; /* nullable */
} Around;

static void
append_tag(GString *out, const Around *around, const char *value,
    bool follows_tag)
{
    if (around->inter != NULL && follows_tag)
        g_string_append(out, around->inter);
    if (around->pre != NULL)
        g_string_append(out, around->pre);
    g_string_append(out, value);
    if (around->post != NULL)
        g_string_append(out, around->post);
}

/* One pass over all tags; whether there were any. */
static bool
replace_all(const PatternRules *rules, GString *text, const Around *around)
{
    g_autoptr(GString) out = g_string_sized_new(text->len * 2);
    bool any = false;
    bool follows_tag = false;
    size_t at = 0;

    while (at < text->len && out->len <= PATTERN_TAGS_MAX) {
        g_autofree char *tag = tag_at(text->str + at);
        const char *value = tag != NULL ? g_hash_table_lookup(rules->tags, tag)
                                        : NULL;

        if (value != NULL) {
            append_tag(out, around, value, follows_tag);
            at += strlen(tag) + 2;
            any = true;
        } else {
            g_string_append_c(out, text->str[at++]);
        }
        follows_tag = value != NULL;
    }
    g_string_assign(text, out->str);
    return any;
}

bool
pattern_tags_apply(const PatternRules *rules, char **text)
{
    GString *out = g_string_new(*text);
    Around around = {
        .pre = take_modifier(out, "pre", rules->pre),
        .inter = take_modifier(out, "inter", rules->inter),
        .post = take_modifier(out, "post", rules->post),
    };
    static const Around nothing = { NULL, NULL, NULL };
    bool short_enough;

    for (int pass = 0; pass < PASSES_MAX; pass++)
        if (!replace_all(rules, out, pass == 0 ? &around : &nothing))
            break;
    short_enough = out->len <= PATTERN_TAGS_MAX;
    g_free(*text);
    *text = g_string_free(out, FALSE);
    return short_enough;
}

/* Tags being turned into groups. */
typedef struct Groups {
    const PatternRules *rules;
    GHashTable *known; /* of names */
    GPtrArray *names;  /* in the order in which they were met */
} Groups;

static bool
is_group_name(const char *tag)
{
    return *tag != '\0' && !g_ascii_isdigit(*tag) && strlen(tag) <= 30
           && strspn(tag, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_")
                  == strlen(tag);
}

static void
append_call(Groups *self, GString *out, const char *tag)
{
    if (!g_hash_table_contains(self->known, tag)) {
        char *name = g_strdup(tag);

        g_hash_table_add(self->known, name);
        g_ptr_array_add(self->names, name);
    }
    g_string_append_printf(out, "(?&%s)", tag);
}

/* Text with calls for tags. */
static void
append_with_calls(Groups *self, GString *out, const char *text,
    const Around *around)
{
    bool follows_tag = false;

    while (*text != '\0') {
        g_autofree char *tag = tag_at(text);
        bool known = tag != NULL && is_group_name(tag)
                     && g_hash_table_contains(self->rules->tags, tag);

        if (known) {
            if (around->inter != NULL && follows_tag)
                append_with_calls(self, out, around->inter,
                    &(Around){ NULL, NULL, NULL });
            g_string_append(out, around->pre != NULL ? around->pre : "");
            append_call(self, out, tag);
            g_string_append(out, around->post != NULL ? around->post : "");
            text += strlen(tag) + 2;
        } else {
            g_string_append_c(out, *text++);
        }
        follows_tag = known;
    }
}

static bool
refers_by_number(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text == '\\' && text[1] != '\0'
            && (g_ascii_isdigit(*++text) || *text == 'g'))
            return true;
    return false;
}

char *
pattern_tags_as_groups(const PatternRules *rules, const char *text)
{
    static const Around nothing = { NULL, NULL, NULL };
    g_autoptr(GString) plain = g_string_new(text);
    g_autoptr(GString) body = g_string_new(NULL);
    g_autoptr(GString) out = g_string_new("(?(DEFINE)");
    Groups groups = { .rules = rules,
        .known = g_hash_table_new(g_str_hash, g_str_equal),
        .names = g_ptr_array_new_with_free_func(g_free) };
    Around around = {
        .pre = take_modifier(plain, "pre", rules->pre),
        .inter = take_modifier(plain, "inter", rules->inter),
        .post = take_modifier(plain, "post", rules->post),
    };

    append_with_calls(&groups, body, plain->str, &around);
    for (guint i = 0; i < groups.names->len; i++) {
        const char *name = g_ptr_array_index(groups.names, i);

        g_string_append_printf(out, "(?<%s>", name);
        append_with_calls(&groups, out, g_hash_table_lookup(rules->tags, name),
            &nothing);
        g_string_append_c(out, ')');
    }
    g_string_append_printf(out, ")%s", body->str);
    g_hash_table_unref(groups.known);
    g_ptr_array_unref(groups.names);
    return refers_by_number(out->str) ? NULL : g_strdup(out->str);
}
