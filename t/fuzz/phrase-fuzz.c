/* SPDX-License-Identifier: MIT */

/*
 * Lines as a list: each that is accepted is found in a text of its own.  The
 * same bytes as damage to a data set: check() refuses it, or a scan stays
 * inside.
 */

#include "t/unit/phrase_list.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_found(const PhraseList *list, const PhraseIndex *index, PhraseScan *scan)
{
    for (guint i = 0; i < list->folded->len; i++) {
        const GString *text = g_ptr_array_index(list->folded, i);
        PhraseHit hits[PHRASE_HITS_MAX];
        uint32_t n = phrase_scan(scan, index, text->str, text->len, hits);

        g_assert(n > 0);
        for (uint32_t h = 0; h < n; h++)
            g_assert(hits[h].start < hits[h].end && hits[h].end <= text->len);
    }
}

static void
check_damaged(const PhraseList *list, const uint8_t *data, size_t size,
    PhraseScan *scan)
{
    g_autofree uint8_t *copy = g_memdup2(list->blob->data, list->blob->len);
    WnError err = { .struct_size = sizeof err };
    PhraseIndex index;

    for (size_t i = 0; i + 3 <= size; i += 3)
        copy[(data[i] | (size_t)data[i + 1] << 8)
             % list->blob->len] ^= data[i + 2];
    if (phrase_check(copy, list->blob->len, &err) != WN_OK)
        return;
    g_assert(phrase_index_open(&index, copy, list->blob->len, &err));
    for (guint i = 0; i < list->folded->len; i++) {
        const GString *text = g_ptr_array_index(list->folded, i);
        PhraseHit hits[PHRASE_HITS_MAX];

        phrase_scan(scan, &index, text->str, text->len, hits);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *lines = g_utf8_make_valid((const char *)data,
        (gssize)size);
    PhraseScan *scan = phrase_scan_new();
    WnError err = { .struct_size = sizeof err };
    g_auto(PhraseList) list;
    PhraseIndex index;

    phrase_list_init(&list);
    phrase_list_add_lines(&list, lines);
    phrase_list_compile(&list);
    g_assert(phrase_check(list.blob->data, list.blob->len, &err) == WN_OK);
    g_assert(phrase_index_open(&index, list.blob->data, list.blob->len, &err));
    check_found(&list, &index, scan);
    check_damaged(&list, data, MIN(size, 12), scan);
    phrase_scan_free(scan);
    return 0;
}
