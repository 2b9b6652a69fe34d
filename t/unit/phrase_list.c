/* SPDX-License-Identifier: MIT */
#include "t/unit/phrase_list.h"

#include "core/message/text_fold.h"

#include <string.h>

static void
free_string(gpointer string)
{
    g_string_free(string, TRUE);
}

void
phrase_list_init(PhraseList *self)
{
    self->values = g_ptr_array_new_with_free_func(g_free);
    self->folded = g_ptr_array_new_with_free_func(free_string);
    self->refused = g_string_new(NULL);
    self->blob = g_byte_array_new();
}

void
phrase_list_clear(PhraseList *self)
{
    g_ptr_array_free(self->values, TRUE);
    g_ptr_array_free(self->folded, TRUE);
    g_string_free(self->refused, TRUE);
    g_byte_array_free(self->blob, TRUE);
}

void
phrase_list_add(PhraseList *self, const char *value)
{
    g_ptr_array_add(self->values, g_strdup(value));
}

void
phrase_list_add_lines(PhraseList *self, const char *lines)
{
    g_auto(GStrv) split = g_strsplit(lines, "\n", -1);

    for (char **line = split; *line != NULL; line++)
        if (**line != '\0')
            phrase_list_add(self, *line);
}

static int
compare_values(gconstpointer one, gconstpointer other)
{
    return strcmp(*(char *const *)one, *(char *const *)other);
}

static void
fill_fields(WnStr fields[4], const char *value, const GString *folded)
{
    fields[0] = (WnStr){ value, strlen(value) };
    fields[1] = fields[2] = (WnStr){ "", 0 };
    fields[3] = (WnStr){ folded->str, folded->len };
}

static void
check_value(PhraseList *self, char *take_value, GPtrArray *values)
{
    GString *folded = g_string_new(NULL);
    WnError err = { .struct_size = sizeof err };
    WnStr fields[4];

    wn_text_fold_append(folded, wn_span_str(take_value), SIZE_MAX);
    fill_fields(fields, take_value, folded);
    if (phrase_check_row(fields, &err) == WN_OK) {
        g_ptr_array_add(values, take_value);
        g_ptr_array_add(self->folded, folded);
        return;
    }
    g_string_append_printf(self->refused, "%s: %s\n", take_value, err.text);
    g_string_free(folded, TRUE);
    g_free(take_value);
}

void
phrase_list_prepare(PhraseList *self)
{
    GPtrArray *values = g_ptr_array_new_with_free_func(g_free);
    const char *last = NULL;

    if (self->folded->len > 0)
        return;
    g_ptr_array_sort(self->values, compare_values);
    for (guint i = 0; i < self->values->len; i++) {
        char *value = g_strdup(g_ptr_array_index(self->values, i));

        if (last != NULL && strcmp(last, value) == 0)
            g_free(value);
        else
            check_value(self, value, values);
        last = g_ptr_array_index(self->values, i);
    }
    g_ptr_array_free(self->values, TRUE);
    self->values = values;
}

typedef struct Rows {
    WnRows rows;
    const PhraseList *list;
    guint at;
    WnStr fields[4];
} Rows;

static const WnStr *
next_row(WnRows *rows)
{
    Rows *self = (Rows *)rows;

    if (self->at >= self->list->values->len)
        return NULL;
    fill_fields(self->fields, g_ptr_array_index(self->list->values, self->at),
        g_ptr_array_index(self->list->folded, self->at));
    self->at++;
    return self->fields;
}

typedef struct Sink {
    WnSink sink;
    GByteArray *bytes;
} Sink;

static int32_t
write_bytes(WnSink *sink, const void *data, size_t size)
{
    g_byte_array_append(((Sink *)sink)->bytes, data, (guint)size);
    return WN_OK;
}

void
phrase_list_compile(PhraseList *self)
{
    Rows rows = { .rows = { sizeof(WnRows), 0, next_row }, .list = self };
    Sink sink = { { sizeof(WnSink), 0, write_bytes, NULL }, self->blob };
    WnError err = { .struct_size = sizeof err };

    phrase_list_prepare(self);
    g_byte_array_set_size(self->blob, 0);
    g_assert_cmpint(phrase_compile(&rows.rows, &sink.sink, &err), ==, WN_OK);
}

char *
phrase_list_find(const PhraseList *self, const char *text)
{
    g_autoptr(GString) folded = g_string_new(NULL);
    GString *found = g_string_new(NULL);
    PhraseScan *scan = phrase_scan_new();
    PhraseHit hits[PHRASE_HITS_MAX];
    WnError err = { .struct_size = sizeof err };
    PhraseIndex index;
    uint32_t n;

    g_assert_true(
        phrase_index_open(&index, self->blob->data, self->blob->len, &err));
    wn_text_fold_append(folded, wn_span_str(text), SIZE_MAX);
    n = phrase_scan(scan, &index, folded->str, folded->len, hits);
    for (uint32_t i = 0; i < n; i++) {
        g_string_append_c(found, '|');
        g_string_append_len(found, folded->str + hits[i].start,
            (gssize)(hits[i].end - hits[i].start));
    }
    phrase_scan_free(scan);
    return g_string_free(found, FALSE);
}

GPtrArray *
phrase_dictionary(uint32_t seed, unsigned n_words)
{
    static const char consonants[] = "bcdfghklmnprstvwz";
    static const char vowels[] = "aeiou";
    GPtrArray *words = g_ptr_array_new_with_free_func(g_free);
    GRand *rand = g_rand_new_with_seed(seed);

    for (unsigned i = 0; i < n_words; i++) {
        GString *word = g_string_new(NULL);
        int n = g_rand_int_range(rand, 1, 5);

        for (int s = 0; s < n; s++) {
            g_string_append_c(word,
                consonants[g_rand_int_range(rand, 0, sizeof consonants - 1)]);
            g_string_append_c(word,
                vowels[g_rand_int_range(rand, 0, sizeof vowels - 1)]);
        }
        g_ptr_array_add(words, g_string_free(word, FALSE));
    }
    g_rand_free(rand);
    return words;
}

void
phrase_append_words(GString *out, const GPtrArray *dictionary, GRand *rand,
    unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        double x = g_rand_double(rand);
        guint at = (guint)(x * x * x * (double)dictionary->len);

        if (i > 0)
            g_string_append_c(out, i % 17 == 16 ? ',' : ' ');
        g_string_append(out, g_ptr_array_index(dictionary, at));
    }
}
