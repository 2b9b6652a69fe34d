/* SPDX-License-Identifier: MIT */

/*
 * The data set "phrases" with up to a million made phrases: what building it
 * costs (CPU time of compile() alone: reading and sorting are the host's), how
 * large it is, and how fast it is looked for in text of the same words.  With
 * names of files on the command line, folded and joined, in these instead.
 */

#include "t/unit/phrase_list.h"

#include "core/message/text_fold.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define TEXT_SIZE (20u << 20)

static double
now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static GString *
make_text(int argc, char **argv, const GPtrArray *dictionary)
{
    GString *text = g_string_new(NULL);
    GRand *rand = g_rand_new_with_seed(2);

    for (int i = 1; i < argc; i++) {
        g_autofree char *bytes = NULL;
        g_autofree char *valid = NULL;
        gsize len;

        if (!g_file_get_contents(argv[i], &bytes, &len, NULL))
            continue;
        valid = g_utf8_make_valid(bytes, (gssize)len);
        wn_text_fold_append(text, wn_span_str(valid), SIZE_MAX);
    }
    while (argc == 1 && text->len < TEXT_SIZE) {
        phrase_append_words(text, dictionary, rand, 100);
        g_string_append(text, ". ");
    }
    g_rand_free(rand);
    return text;
}

static void
make_list(PhraseList *list, const GPtrArray *dictionary, unsigned n)
{
    GRand *rand = g_rand_new_with_seed(1);

    for (unsigned i = 0; i < n; i++) {
        g_autoptr(GString) phrase = g_string_new(NULL);

        phrase_append_words(phrase, dictionary, rand,
            (unsigned)g_rand_int_range(rand, 6, 14));
        phrase_list_add(list, phrase->str);
    }
    g_rand_free(rand);
    phrase_list_prepare(list);
}

static double
scan_time(const PhraseList *list, const GString *text, uint32_t *n_hits)
{
    PhraseScan *scan = phrase_scan_new();
    PhraseHit hits[PHRASE_HITS_MAX];
    WnError err = { .struct_size = sizeof err };
    PhraseIndex index;
    double best = 1e9;

    g_assert_true(
        phrase_index_open(&index, list->blob->data, list->blob->len, &err));
    for (int i = 0; i < 5; i++) {
        double start = now();

        *n_hits = phrase_scan(scan, &index, text->str, text->len, hits);
        best = MIN(best, now() - start);
    }
    phrase_scan_free(scan);
    return best;
}

int
main(int argc, char **argv)
{
    g_autoptr(GPtrArray) dictionary = phrase_dictionary(7, 60000);
    GString *text = make_text(argc, argv, dictionary);

    printf("text: %.1f MB\n", (double)text->len / 1e6);
    printf("%9s %9s %9s %9s %9s %5s\n", "phrases", "build s", "check s",
        "bytes", "MB/s", "hits");
    for (unsigned n = 1000; n <= 1000000; n *= 10) {
        g_auto(PhraseList) list;
        WnError err = { .struct_size = sizeof err };
        double start, built, checked, scanned;
        uint32_t n_hits;

        phrase_list_init(&list);
        make_list(&list, dictionary, n);
        start = now();
        phrase_list_compile(&list);
        built = now();
        g_assert_cmpint(phrase_check(list.blob->data, list.blob->len, &err), ==,
            WN_OK);
        checked = now();
        scanned = scan_time(&list, text, &n_hits);
        printf("%9u %9.3f %9.3f %9.1f %9.0f %5u\n", list.values->len,
            built - start, checked - built,
            (double)list.blob->len / list.values->len,
            (double)text->len / 1e6 / scanned, n_hits);
    }
    g_string_free(text, TRUE);
    return 0;
}
