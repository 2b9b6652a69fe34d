/* SPDX-License-Identifier: MIT */

#include "address_list.h"

#include <string.h>

struct AddressList {
    GHashTable *plain; /* of char * */
    GPtrArray *globs;  /* of GPatternSpec */
};

AddressList *
address_list_new(void)
{
    AddressList *self = g_new0(AddressList, 1);

    self->plain = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    self->globs = g_ptr_array_new_with_free_func(
        (GDestroyNotify)g_pattern_spec_free);
    return self;
}

void
address_list_free(AddressList *self)
{
    if (self == NULL)
        return;
    g_hash_table_unref(self->plain);
    g_ptr_array_unref(self->globs);
    g_free(self);
}

void
address_list_add(AddressList *self, const char *entry)
{
    g_autofree char *lower = g_ascii_strdown(entry, -1);

    if (strpbrk(lower, "*?") != NULL)
        g_ptr_array_add(self->globs, g_pattern_spec_new(lower));
    else
        g_hash_table_add(self->plain, g_steal_pointer(&lower));
}

bool
address_list_has(const AddressList *self, const char *text)
{
    g_autofree char *lower = g_ascii_strdown(text, -1);

    if (g_hash_table_contains(self->plain, lower))
        return true;
    for (guint i = 0; i < self->globs->len; i++)
        if (g_pattern_spec_match_string(g_ptr_array_index(self->globs, i),
                lower))
            return true;
    return false;
}
