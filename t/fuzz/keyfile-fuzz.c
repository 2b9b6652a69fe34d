/* SPDX-License-Identifier: MIT */

/* Reads any bytes as a configuration file. */

#include <string.h>

#include "core/base/fd.h"
#include "core/conf/keyfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
use_group(const WnKeyGroup *group)
{
    g_assert(*group->name != '\0');
    for (unsigned i = 0; i < group->entries->len; i++) {
        const WnKeyEntry *entry = &g_array_index(group->entries, WnKeyEntry, i);
        g_auto(GStrv) items = wn_key_split_list(entry->value);

        g_assert(*entry->key != '\0' && entry->line > 0);
        g_assert(wn_key_group_find(group, entry->key) == entry);
        g_assert(strpbrk(entry->value, "\r\n") == NULL);
        g_assert(items != NULL);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wn_autofd fd = wn_fd_sealed_memory("fuzz", wn_span(data, size));
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
    g_autoptr(WnProblems) problems = wn_problems_new();
    g_autoptr(WnKeyfile) file = NULL;
    g_autoptr(GString) text = g_string_new(NULL);

    file = wn_keyfile_read(path, "fuzz", problems);
    wn_problems_print(problems, text);
    g_assert(file != NULL || wn_problems_count(problems) > 0);
    for (unsigned i = 0; file != NULL && i < file->groups->len; i++)
        use_group(g_ptr_array_index(file->groups, i));
    return 0;
}
