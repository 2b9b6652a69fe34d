/* SPDX-License-Identifier: MIT */

/*
 * The telephone numbers of a folder of mail beside those that another program
 * found, and of lists of numbers:
 *
 *    t/bench/phone-recall MAIL ORACLE.tsv [EXAMPLES.tsv [MATCHER.tsv]]
 *
 * MAIL is the folder above that of the paths in ORACLE.tsv (path, E.164 number,
 * region, text as found).  Prints what only one side has, 200 of what only this
 * one has for reading, and the shares.  Without arguments or files it says so
 * and ends well.
 */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/message/message.h"

enum { SAMPLE = 200 };

typedef struct Count {
    unsigned n, found, no_number;
    unsigned n_messages, n_phones, n_extra;
    GArray *times_us; /* double, of each message */
} Count;

static char **
read_lines(const char *path)
{
    g_autofree char *text = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return NULL;
    return g_strsplit(text, "\n", -1);
}

/* What the other program takes for a number and is none by our rules: an IP
 * address, and digits without any mark (mostly parts of mail addresses). */
static const char *
reason_of(const char *text)
{
    if (g_regex_match_simple("^\\d{1,3}(\\.\\d{1,3}){3}$", text, 0, 0))
        return "address";
    if (g_regex_match_simple("^\\d+$", text, 0, 0))
        return "bare";
    return "other";
}

static WnMessage *
load(const char *folder, const char *path, GString *bytes)
{
    g_autofree char *name = g_build_filename(folder, path, NULL);
    g_autofree char *text = NULL;
    gsize len;

    g_string_truncate(bytes, 0);
    if (!g_file_get_contents(name, &text, &len, NULL))
        return NULL;
    for (gsize i = 0; i < len; i++) {
        if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r'))
            g_string_append_c(bytes, '\r');
        g_string_append_c(bytes, text[i]);
    }
    return wn_message_new(wn_span(bytes->str, bytes->len));
}

/* A set of "path digits". */
static GHashTable *
read_oracle(char **lines)
{
    GHashTable *set = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
        g_free);

    for (size_t i = 1; lines[i] != NULL; i++) {
        g_auto(GStrv) field = g_strsplit(lines[i], "\t", 4);

        if (g_strv_length(field) == 4)
            g_hash_table_insert(set,
                g_strdup_printf("%s %s", field[0], field[1] + 1),
                g_strdup(field[3]));
    }
    return set;
}

/* A line with the number in its surroundings. */
static char *
describe(const char *path, const WnMessagePhone *phone, WnSpan text)
{
    const char *at = memmem(text.ptr, text.len, phone->text.ptr,
        phone->text.len);
    size_t offset = at != NULL ? (size_t)(at - text.ptr) : 0;
    size_t start = offset > 40 ? offset - 40 : 0;
    WnSpan around = wn_span_slice(text, start, phone->text.len + 80);
    g_autofree char *copy = wn_span_dup(around);
    g_autofree char *valid = g_utf8_make_valid(copy, -1);

    g_strdelimit(valid, "\r\n\t", ' ');
    return g_strdup_printf("extra\t%s\t%s\t%s", path, phone->digits.ptr, valid);
}

static double
now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int
compare_times(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double
time_at(const Count *count, double share)
{
    guint n = count->times_us->len;

    return n > 0 ? g_array_index(count->times_us, double,
               MIN((guint)(share * n), n - 1))
                 : 0;
}

static void
look_at(WnMessage *message, const char *path, GHashTable *oracle,
    GHashTable *seen, GPtrArray *extra, Count *count)
{
    uint32_t n;
    double took;

    wn_message_text(message, WN_FORM_SHOWN);
    took = now_us();
    n = wn_message_n_phones(message, "US");
    took = now_us() - took;
    g_array_append_val(count->times_us, took);
    count->n_messages++;
    for (uint32_t i = 0; i < n; i++) {
        const WnMessagePhone *phone = wn_message_phone(message, "US", i);
        char *key = g_strdup_printf("%s %s", path, phone->digits.ptr);
        bool known = g_hash_table_contains(oracle, key);

        if (!g_hash_table_add(seen, key))
            continue;
        count->n_phones++;
        if (!known) {
            count->n_extra++;
            g_ptr_array_add(extra,
                describe(path, phone, wn_message_text(message, WN_FORM_SHOWN)));
        }
    }
}

static void
print_sample(const GPtrArray *extra)
{
    guint n = MIN(extra->len, SAMPLE);

    for (guint i = 0; i < n; i++)
        printf("%s\n", (char *)extra->pdata[(guint64)i * extra->len / n]);
}

static void
report_missed(GHashTable *oracle, GHashTable *seen, Count *count)
{
    GHashTableIter iter;
    gpointer key;
    gpointer text;

    g_hash_table_iter_init(&iter, oracle);
    while (g_hash_table_iter_next(&iter, &key, &text)) {
        count->n++;
        if (g_hash_table_contains(seen, key)) {
            count->found++;
            continue;
        }
        printf("missed\t%s\t%s\t%s\n", reason_of(text), (char *)key,
            (char *)text);
        if (strcmp(reason_of(text), "other") != 0)
            count->no_number++;
    }
}

static void
walk(const char *folder, const char *below, GHashTable *oracle,
    GHashTable *seen, GPtrArray *extra, Count *count)
{
    static const char *const kinds[] = { "ham", "spam", "bounce" };
    g_autoptr(GString) bytes = g_string_new(NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        g_autofree char *sub = g_build_filename(folder, below, kinds[i], NULL);
        g_autoptr(GDir) dir = g_dir_open(sub, 0, NULL);
        const char *name;

        while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
            g_autofree char *path = g_build_filename(below, kinds[i], name,
                NULL);
            g_autoptr(WnMessage) message = load(folder, path, bytes);

            if (message != NULL)
                look_at(message, path, oracle, seen, extra, count);
        }
    }
}

static unsigned
scan_one(const char *text, const char *country, const char *wanted)
{
    g_autoptr(WnArena) arena = wn_arena_new(0);
    g_autoptr(GArray)
        phones = g_array_new(FALSE, FALSE, sizeof(WnMessagePhone));
    WnPhoneList list = { .arena = arena,
        .phones = phones,
        .default_country = country };

    wn_phone_scan_text(&list, wn_span_str(text));
    for (guint i = 0; i < phones->len; i++) {
        const WnMessagePhone *phone = &g_array_index(phones, WnMessagePhone, i);

        if (wanted == NULL || strcmp(phone->digits.ptr, wanted) == 0)
            return 1;
    }
    return 0;
}

static void
examples(const char *path)
{
    g_auto(GStrv) lines = read_lines(path);
    unsigned n = 0;
    unsigned found = 0;

    for (size_t i = 1; lines != NULL && lines[i] != NULL; i++) {
        g_auto(GStrv) field = g_strsplit(lines[i], "\t", 6);
        unsigned one;

        if (g_strv_length(field) != 6)
            continue;
        one = scan_one(field[5], NULL, field[5] + 1);
        n++;
        found += one;
        if (one == 0)
            printf("example\t%s\n", lines[i]);
    }
    printf("examples: %u of %u\n", found, n);
}

static void
matcher_cases(const char *path)
{
    g_auto(GStrv) lines = read_lines(path);

    for (size_t i = 1; lines != NULL && lines[i] != NULL; i++) {
        g_auto(GStrv) field = g_strsplit(lines[i], "\t", 3);

        if (g_strv_length(field) == 3)
            printf("case\t%s\t%s\n",
                scan_one(field[2], field[1], NULL) != 0 ? "number" : "none",
                lines[i]);
    }
}

int
main(int argc, char **argv)
{
    g_auto(GStrv) lines = argc > 2 ? read_lines(argv[2]) : NULL;
    g_autoptr(GPtrArray) extra = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GHashTable) oracle = NULL;
    g_autoptr(GHashTable)
        seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GArray) times = g_array_new(FALSE, FALSE, sizeof(double));
    Count count = { .times_us = times };

    if (lines == NULL) {
        printf("skipped: no mail and no numbers to compare with\n");
        return 0;
    }
    oracle = read_oracle(lines);
    walk(argv[1], "mail", oracle, seen, extra, &count);
    print_sample(extra);
    report_missed(oracle, seen, &count);
    if (argc > 3)
        examples(argv[3]);
    if (argc > 4)
        matcher_cases(argv[4]);
    printf("of %u numbers: %u found (%.1f %%); of the rest %u are addresses "
           "or bare digits; without those %.1f %%\n",
        count.n, count.found, 100.0 * count.found / MAX(count.n, 1),
        count.no_number,
        100.0 * count.found / MAX(count.n - count.no_number, 1));
    g_array_sort(times, compare_times);
    printf("%u messages, %u numbers, %u of them only here; median %.1f us, "
           "99 %% %.1f us, slowest %.1f ms\n",
        count.n_messages, count.n_phones, count.n_extra, time_at(&count, 0.5),
        time_at(&count, 0.99), time_at(&count, 1) / 1e3);
    return 0;
}
