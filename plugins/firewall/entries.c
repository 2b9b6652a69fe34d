/* SPDX-License-Identifier: MIT */
#include "entries.h"

#include <glib.h>

#define NAME_MAX_BYTES 1024

typedef struct Entry {
    char *text;
    unsigned verdicts;
} Entry;

struct Entries {
    GHashTable *by_text[N_ENTRY_KINDS]; /* lower case -> Entry */
    unsigned verdicts;                  /* of all */
};

static void
entry_free(void *data)
{
    Entry *entry = data;

    g_free(entry->text);
    g_free(entry);
}

Entries *
entries_new(void)
{
    Entries *self = g_new0(Entries, 1);

    for (int i = 0; i < N_ENTRY_KINDS; i++)
        self->by_text[i] = g_hash_table_new_full(g_str_hash, g_str_equal,
            g_free, entry_free);
    return self;
}

void
entries_free(Entries *self)
{
    if (self == NULL)
        return;
    for (int i = 0; i < N_ENTRY_KINDS; i++)
        g_hash_table_unref(self->by_text[i]);
    g_free(self);
}

void
entries_add(Entries *self, EntryKind kind, WnStr text, unsigned verdict)
{
    char *key = g_ascii_strdown(text.ptr, (gssize)text.len);
    Entry *entry = g_hash_table_lookup(self->by_text[kind], key);

    if (entry == NULL) {
        entry = g_new0(Entry, 1);
        entry->text = g_strndup(text.ptr, text.len);
        g_hash_table_insert(self->by_text[kind], g_strdup(key), entry);
    }
    entry->verdicts |= verdict;
    self->verdicts |= verdict;
    g_free(key);
}

bool
entries_have(const Entries *self, unsigned verdicts)
{
    return (self->verdicts & verdicts) != 0;
}

static bool
look(const Entries *self, EntryKind kind, const char *key, unsigned verdicts,
    EntryFound *out)
{
    const Entry *entry = g_hash_table_lookup(self->by_text[kind], key);

    if (entry == NULL || (entry->verdicts & verdicts) == 0)
        return false;
    out->verdict = (entry->verdicts & verdicts & ENTRY_ALLOW) != 0
                       ? ENTRY_ALLOW
                       : ENTRY_BLOCK;
    out->text = entry->text;
    out->name = entry->text + (entry->text[0] == '.');
    out->is_mailbox = kind == ENTRY_MAILBOX;
    return true;
}

/* The name itself, then .name, then .parent up to the top.  name has a byte
 * before it that can be written to. */
static bool
look_up_name(const Entries *self, EntryKind kind, char *name, unsigned verdicts,
    EntryFound *out)
{
    if (g_hash_table_size(self->by_text[kind]) == 0)
        return false;
    if (look(self, kind, name, verdicts, out))
        return true;
    name[-1] = '.';
    for (char *at = name - 1; at != NULL; at = strchr(at + 1, '.'))
        if (look(self, kind, at, verdicts, out))
            return true;
    return false;
}

/* False: there is nothing to look for, or no entry could be so long. */
static bool
lower_copy(WnStr text, char out[NAME_MAX_BYTES])
{
    if (text.len == 0 || text.len >= NAME_MAX_BYTES)
        return false;
    for (size_t i = 0; i < text.len; i++)
        out[i] = g_ascii_tolower(text.ptr[i]);
    out[text.len] = '\0';
    return true;
}

EntryFound
entries_find_sender(const Entries *self, const WnAddress *sender,
    unsigned verdicts)
{
    char local[NAME_MAX_BYTES];
    char domain[1 + NAME_MAX_BYTES];
    char mailbox[2 * NAME_MAX_BYTES];
    EntryFound found = { 0 };

    if (sender == NULL || !lower_copy(sender->domain, domain + 1)
        || !lower_copy(sender->local, local))
        return found;
    snprintf(mailbox, sizeof mailbox, "%s@%s", local, domain + 1);
    if (!look(self, ENTRY_MAILBOX, mailbox, verdicts, &found))
        look_up_name(self, ENTRY_DOMAIN, domain + 1, verdicts, &found);
    return found;
}

EntryFound
entries_find_helo(const Entries *self, WnStr helo, unsigned verdicts)
{
    char name[1 + NAME_MAX_BYTES];
    EntryFound found = { 0 };

    if (lower_copy(helo, name + 1))
        look_up_name(self, ENTRY_HELO, name + 1, verdicts, &found);
    return found;
}
