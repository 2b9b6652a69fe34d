/* SPDX-License-Identifier: MIT */

/* Lists of phrases and what is found of them in texts, hostile ones too. */

#include "t/unit/phrase_list.h"

#include "core/message/message.h"

#include <string.h>
#include <time.h>

#define SWISS "genuine swiss replica watches delivered"
#define CHINESE                                                            \
    "\xe6\x81\xad\xe5\x96\x9c\xe6\x82\xa8\xe4\xb8\xad\xe4\xba\x86\xe4\xb8" \
    "\x80\xe7\x99\xbe\xe4\xb8\x87\xe7\xbe\x8e\xe5\x85\x83"
#define JAPANESE                                                           \
    "\xe3\x81\x8a\xe5\xae\xa2\xe6\xa7\x98\xe3\x81\xae\xe3\x82\xa2\xe3\x82" \
    "\xab\xe3\x82\xa6\xe3\x83\xb3\xe3\x83\x88\xe3\x82\x92\xe7\xa2\xba"
#define THAI                                                               \
    "\xe0\xb8\x84\xe0\xb8\xb8\xe0\xb8\x93\xe0\xb9\x84\xe0\xb8\x94\xe0\xb9" \
    "\x89\xe0\xb8\xa3\xe0\xb8\xb1\xe0\xb8\x9a\xe0\xb8\xa3\xe0\xb8\xb2\xe0" \
    "\xb8\x87\xe0\xb8\xa7\xe0\xb8\xb1\xe0\xb8\xa5\xe0\xb9\x83\xe0\xb8\xab"

typedef struct Case {
    const char *name;
    const char *list; /* lines */
    const char *text;
    const char *found; /* each behind "|", as the folded text has it */
} Case;

static const Case cases[] = {
    { "found", SWISS, "Buy Genuine SWISS replica watches delivered now.",
        "|" SWISS },
    { "begins-and-ends", SWISS, SWISS, "|" SWISS },
    { "line-ends", SWISS, "genuine\nswiss\r\n replica\twatches\ndelivered",
        "|" SWISS },
    { "punctuation", SWISS, "genuine, swiss (replica) watches - delivered!",
        "|genuine, swiss (replica) watches - delivered" },
    { "punctuation-of-entry", "Genuine, Swiss: replica watches!! delivered.",
        "x " SWISS " y", "|" SWISS },
    { "no-space", SWISS, "genuine.swiss.replica.watches.delivered",
        "|genuine.swiss.replica.watches.delivered" },
    { "zero-width", SWISS,
        "gen\xe2\x80\x8bu\xc2\xadine swiss replica watches delivered",
        "|" SWISS },
    { "full-width", SWISS,
        "\xef\xbd\x87"
        "enuine swiss replica watches delivered",
        "|" SWISS },
    { "part-of-a-word", SWISS, "ungenuine swiss replica watches delivered",
        "" },
    { "longer-last-word", SWISS, SWISS "s", "" },
    { "word-missing", SWISS, "genuine swiss replica delivered", "" },
    { "word-between", SWISS, "genuine swiss new replica watches delivered",
        "" },
    { "other-order", SWISS, "swiss genuine replica watches delivered", "" },
    { "gram-but-no-more", SWISS " to your door", SWISS " to your flat", "" },
    { "twice", SWISS, SWISS ". " SWISS, "|" SWISS },
    { "same-but-punctuation", SWISS "\n" SWISS "!", SWISS, "|" SWISS },
    { "within", "buy " SWISS " today\n" SWISS, "buy " SWISS " today",
        "|buy " SWISS " today|" SWISS },
    { "overlapping", "one two three four five\nfour five six seven eight",
        "one two three four five six seven eight",
        "|one two three four five|four five six seven eight" },
    { "chinese", CHINESE, "x" CHINESE "y", "|" CHINESE },
    { "chinese-among", CHINESE, "\xe8\xaf\xb7" CHINESE "\xe4\xba\x86",
        "|" CHINESE },
    { "chinese-short-of-one", CHINESE,
        "\xe5\x96\x9c\xe6\x82\xa8\xe4\xb8\xad\xe4\xba\x86\xe4\xb8\x80", "" },
    { "japanese", JAPANESE, "\xe3\x81\x8a" JAPANESE "\xe8\xaa\x8d",
        "|" JAPANESE },
    { "thai", THAI, "\xe0\xb8\x81" THAI "\xe0\xb8\x81", "|" THAI },
    { "mixed", "\xe9\x80\x81\xe9\x80\x81 vip card 100 \xe5\x88\xb8\xe5\x88\xb8",
        "\xe8\xaf\xb7\xe9\x80\x81\xe9\x80\x81vip card "
        "100\xe5\x88\xb8\xe5\x88\xb8\xef\xbc\x81",
        "|\xe9\x80\x81\xe9\x80\x81vip card 100\xe5\x88\xb8\xe5\x88\xb8" },
    { "nine-and-a-word",
        "\xe4\xb8\x80\xe4\xba\x8c\xe4\xb8\x89\xe5\x9b\x9b"
        "\xe4\xba\x94\xe5\x85\xad\xe4\xb8\x83\xe5\x85\xab"
        "\xe4\xb9\x9d vip",
        "\xe4\xb8\x80\xe4\xba\x8c\xe4\xb8\x89\xe5\x9b\x9b\xe4\xba\x94\xe5\x85"
        "\xad\xe4\xb8\x83\xe5\x85\xab\xe4\xb9\x9d-vip",
        "|\xe4\xb8\x80\xe4\xba\x8c\xe4\xb8\x89\xe5\x9b\x9b\xe4\xba\x94\xe5\x85"
        "\xad\xe4\xb8\x83\xe5\x85\xab\xe4\xb9\x9d-vip" },
    { "most-are-eight",
        "a b c d e\nb c d e f\nc d e f g\nd e f g h\ne f g h i\nf g h i j\n"
        "g h i j k\nh i j k l\ni j k l m\nj k l m n",
        "a b c d e f g h i j k l m n",
        "|a b c d e|b c d e f|c d e f g|d e f g h|e f g h i|f g h i j|"
        "g h i j k|h i j k l" },
    { "empty-list", "", SWISS, "" },
    { "empty-text", SWISS, "", "" },
};

static void
test_case(const void *data)
{
    const Case *test = data;
    g_auto(PhraseList) list;
    g_autofree char *found = NULL;
    WnError err = { .struct_size = sizeof err };

    phrase_list_init(&list);
    phrase_list_add_lines(&list, test->list);
    phrase_list_compile(&list);
    g_assert_cmpstr(list.refused->str, ==, "");
    g_assert_cmpint(phrase_check(list.blob->data, list.blob->len, &err), ==,
        WN_OK);
    found = phrase_list_find(&list, test->text);
    g_assert_cmpstr(found, ==, test->found);
}

#define TOO_SHORT                                                    \
    ": a phrase has at least 5 words, or 10 characters of a script " \
    "without spaces\n"

static void
test_refused(void)
{
    static const char nine[] = "\xe4\xb8\x80\xe4\xba\x8c\xe4\xb8\x89\xe5\x9b"
                               "\x9b\xe4\xba\x94\xe5\x85\xad\xe4\xb8\x83\xe5"
                               "\x85\xab\xe4\xb9\x9d";
    g_auto(PhraseList) list;
    g_autoptr(GString) words = g_string_new("w");
    g_autofree char *expected = NULL;

    phrase_list_init(&list);
    for (int i = 1; i < PHRASE_WORDS_MAX; i++)
        g_string_append(words, " w");
    phrase_list_add(&list, words->str);
    g_string_append(words, " w");
    phrase_list_add(&list, words->str);
    phrase_list_add(&list, "...");
    phrase_list_add(&list, "buy it now, friend");
    phrase_list_add(&list, "don't buy it now");
    phrase_list_add(&list, "don't buy it now, friend");
    phrase_list_add(&list, nine);
    phrase_list_prepare(&list);
    expected = g_strconcat("..." TOO_SHORT "buy it now, friend" TOO_SHORT
                           "don't buy it now" TOO_SHORT,
        words->str, ": a phrase has at most 500 words\n", nine, TOO_SHORT,
        NULL);
    g_assert_cmpstr(list.refused->str, ==, expected);
    g_assert_cmpuint(list.values->len, ==, 2);
}

/* A phrase of the longest kind wherever it stands among the blocks. */
static void
test_places(void)
{
    g_autoptr(GPtrArray) words = phrase_dictionary(3, 5000);
    GRand *rand = g_rand_new_with_seed(4);
    g_autoptr(GString) longest = g_string_new(NULL);
    g_auto(PhraseList) list;

    phrase_list_init(&list);
    phrase_append_words(longest, words, rand, PHRASE_WORDS_MAX);
    phrase_list_add(&list, longest->str);
    phrase_list_add(&list, SWISS);
    phrase_list_compile(&list);
    for (unsigned before = 0; before < 9000; before += 123) {
        g_autoptr(GString) text = g_string_new(NULL);
        g_autofree char *found = NULL;
        g_autofree char *expected = g_strconcat("|", longest->str, "|" SWISS,
            NULL);

        phrase_append_words(text, words, rand, before);
        g_string_append_printf(text, " %s x " SWISS " ", longest->str);
        phrase_append_words(text, words, rand, before % 2500);
        found = phrase_list_find(&list, text->str);
        g_assert_cmpstr(found, ==, expected);
    }
    g_rand_free(rand);
}

/* Each of many is found, and no two lists of it are needed. */
static void
test_each(void)
{
    g_autoptr(GPtrArray) words = phrase_dictionary(5, 300);
    GRand *rand = g_rand_new_with_seed(6);
    g_auto(PhraseList) list;

    phrase_list_init(&list);
    for (int i = 0; i < 20000; i++) {
        g_autoptr(GString) phrase = g_string_new(NULL);

        phrase_append_words(phrase, words, rand,
            (unsigned)g_rand_int_range(rand, 5, 9));
        g_strdelimit(phrase->str, ",", ' ');
        phrase_list_add(&list, phrase->str);
    }
    phrase_list_compile(&list);
    g_assert_cmpuint(list.blob->len, <=, list.values->len * 48);
    for (guint i = 0; i < list.values->len; i += 7) {
        const char *value = g_ptr_array_index(list.values, i);
        g_autofree char *text = g_strconcat("and ", value, " end", NULL);
        g_autofree char *found = phrase_list_find(&list, text);

        g_assert_nonnull(strstr(found, value));
    }
    g_rand_free(rand);
}

#define SLACK 0.001 /* seconds */

enum { HOSTILE_SIZE = 400000, ROUNDS_MIN = 3, ROUNDS_MAX = 12 };

static double
cpu_time(void)
{
    struct timespec time;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double
scan_time(const PhraseList *list, const char *unit, unsigned n)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *found = NULL;
    double start;

    while (n-- > 0)
        g_string_append(text, unit);
    start = cpu_time();
    found = phrase_list_find(list, text->str);
    return cpu_time() - start;
}

/* Twice a hostile text takes about twice the time.  The machine may be busy:
 * the best of some rounds counts, and more are tried before it is found too
 * slow. */
static void
check_linear(const PhraseList *list, const char *unit)
{
    unsigned n = HOSTILE_SIZE / (unsigned)strlen(unit);
    double one = 1e9, two = 1e9;

    for (int i = 0; i < ROUNDS_MIN || (two > SLACK + one * 3 && i < ROUNDS_MAX);
         i++) {
        one = MIN(one, scan_time(list, unit, n));
        two = MIN(two, scan_time(list, unit, 2 * n));
    }
    g_test_message("%.1f ms, twice as much %.1f ms: %s", one * 1e3, two * 1e3,
        unit);
    g_assert_cmpfloat(two, <=, SLACK + one * 3);
}

static void
test_common_beginning(void)
{
    g_auto(PhraseList) list;
    g_autofree char *found = NULL;

    phrase_list_init(&list);
    for (int i = 0; i < 50000; i++) {
        g_autofree char *phrase =
            g_strdup_printf("you have been chosen to receive %d of the %d", i,
                i * 7919);

        phrase_list_add(&list, phrase);
    }
    phrase_list_compile(&list);
    found = phrase_list_find(&list,
        "you have been chosen to receive 777 of the 6153063");
    g_assert_cmpstr(found, ==,
        "|you have been chosen to receive 777 of the 6153063");
    check_linear(&list, "you have been chosen to receive ");
    check_linear(&list, "receive 1 of the 2 ");
}

/* No gram tells these apart: one word, and all orders of two words. */
static void
test_one_gram(void)
{
    g_auto(PhraseList) list;
    g_autoptr(GString) words = g_string_new("w w w w");

    phrase_list_init(&list);
    for (int n = 5; n <= PHRASE_WORDS_MAX; n++) {
        g_string_append(words, " w");
        phrase_list_add(&list, words->str);
    }
    for (unsigned i = 0; i < 1u << 15; i++) {
        g_autoptr(GString) order = g_string_new("a");

        for (int bit = 0; bit < 15; bit++)
            g_string_append(order, i >> bit & 1 ? " a" : " w");
        phrase_list_add(&list, order->str);
    }
    phrase_list_compile(&list);
    check_linear(&list, "w ");
    check_linear(&list, "w w w w w x ");
    check_linear(&list, "a w ");
    check_linear(&list, "a a a a a a a w x ");
}

/* The beginning of a phrase, again and again. */
static void
test_linear(void)
{
    g_auto(PhraseList) list;

    phrase_list_init(&list);
    phrase_list_add(&list, SWISS " to your door");
    phrase_list_compile(&list);
    check_linear(&list, SWISS " ");
}

/* However degenerate a list is, a gram leads to few comparisons: the phrases
 * with the fewest words are kept, and found. */
static void
test_few_shapes(void)
{
    g_auto(PhraseList) list;
    g_autoptr(GString) words = g_string_new("w w w w");
    g_autofree char *found = NULL;
    WnError err = { .struct_size = sizeof err };
    PhraseIndex index;

    phrase_list_init(&list);
    for (int n = 5; n <= PHRASE_WORDS_MAX; n++) {
        g_string_append(words, " w");
        phrase_list_add(&list, words->str);
    }
    phrase_list_add(&list, SWISS);
    phrase_list_compile(&list);
    g_assert_true(
        phrase_index_open(&index, list.blob->data, list.blob->len, &err));
    g_assert_cmpuint(index.header->n_entries, ==, 4 + 1);
    found = phrase_list_find(&list, "w w w w w " SWISS);
    g_assert_cmpstr(found, ==, "|w w w w w|" SWISS);
}

static const char broken[] =
    "Subject: =?utf-8?q?x?=\r\nMIME-Version: 1.0\r\n"
    "Content-Type: text/html; charset=utf-8\r\n\r\n"
    "<p>Genuine <b>Sw</b>iss<br>replica</p><div>wat<!-- x -->ches</div>\r\n"
    "<table><tr><td>delivered</td></tr></table>\r\n"
    "<p>\xe6\x81\xad\xe5\x96\x9c<b>\xe6\x82\xa8</b>\xe4\xb8\xad<br>\xe4\xba\x86"
    "\xe4\xb8\x80,\r\n\xe7\x99\xbe<i>\xe4\xb8\x87</i>\xe7\xbe\x8e\r\n\xe5\x85"
    "\x83</p>\r\n";

/* By tags, line ends and comments, in both kinds of script. */
static void
test_broken_by_tags(void)
{
    g_autoptr(WnMessage) message = wn_message_new(wn_span_str(broken));
    g_autofree char *shown = g_strdup(
        wn_message_text(message, WN_FORM_FOLDED).ptr);
    g_auto(PhraseList) list;
    g_autofree char *found = NULL;

    phrase_list_init(&list);
    phrase_list_add(&list, SWISS);
    phrase_list_add(&list, CHINESE);
    phrase_list_compile(&list);
    found = phrase_list_find(&list, shown);
    g_assert_true(g_str_has_prefix(found, "|" SWISS "|"));
    g_assert_true(g_str_has_suffix(found, "\xe5\x85\x83"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strconcat("/phrase/scan/", cases[i].name,
            NULL);

        g_test_add_data_func(path, &cases[i], test_case);
    }
    g_test_add_func("/phrase/scan/refused", test_refused);
    g_test_add_func("/phrase/scan/places", test_places);
    g_test_add_func("/phrase/scan/each", test_each);
    g_test_add_func("/phrase/scan/common-beginning", test_common_beginning);
    g_test_add_func("/phrase/scan/one-gram", test_one_gram);
    g_test_add_func("/phrase/scan/linear", test_linear);
    g_test_add_func("/phrase/scan/few-shapes", test_few_shapes);
    g_test_add_func("/phrase/scan/broken-by-tags", test_broken_by_tags);
    return g_test_run();
}
