/* SPDX-License-Identifier: MIT */
#include "core/sync/generations.h"

#include "core/base/span.h"

/* The number a folder's name stands for; 0: it is not a generation. */
static uint64_t
generation_of(const char *name)
{
    uint64_t number;

    if (name[0] == '0' || !wn_span_to_u64(wn_span_str(name), &number))
        return 0;
    return number;
}

static int
by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

GArray *
wn_generations_list(const char *folder)
{
    GArray *numbers = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        uint64_t number = generation_of(name);

        if (number > 0)
            g_array_append_val(numbers, number);
    }
    g_array_sort(numbers, by_number);
    return numbers;
}
