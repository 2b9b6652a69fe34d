/* SPDX-License-Identifier: MIT */

/* How folded text is cut into words, and what an entry weighs. */

#include "plugins/phrase/words.h"

#include <glib.h>
#include <string.h>

typedef struct Case {
    const char *name;
    const char *text;
    const char *words; /* each behind "|" */
    size_t weight;
} Case;

static const Case cases[] = {
    { "empty", "", "", 0 },
    { "only-punctuation", " .,;-- \xe2\x80\x94 ", "", 0 },
    { "words", "you have been", "|you|have|been", 6 },
    { "punctuation", "you,have--been!!! (chosen)", "|you|have|been|chosen", 8 },
    { "digits", "win 1000 euros", "|win|1000|euros", 6 },
    { "apostrophe", "don't stop", "|don|t|stop", 4 },
    { "curly-apostrophe", "don\xe2\x80\x99t stop", "|don|t|stop", 4 },
    { "quotes", "'don' 't'", "|don|t", 4 },
    { "umlaut", "gr\xc3\xbc\xc3\x9f gott", "|gr\xc3\xbc\xc3\x9f|gott", 4 },
    { "cyrillic", "\xd0\xb2\xd0\xb0\xd0\xbc, \xd0\xbe\xd0\xbd\xd0\xb8",
        "|\xd0\xb2\xd0\xb0\xd0\xbc|\xd0\xbe\xd0\xbd\xd0\xb8", 4 },
    { "han", "\xe4\xbd\xa0\xe5\xa5\xbd\xe3\x80\x82 \xe5\x90\x97",
        "|\xe4\xbd\xa0|\xe5\xa5\xbd|\xe5\x90\x97", 3 },
    { "kana", "\xe3\x81\x82\xe3\x82\xab\xe3\x83\xbc",
        "|\xe3\x81\x82|\xe3\x82\xab|\xe3\x83\xbc", 3 },
    { "rare-han", "\xf0\xa0\x80\x80\xf0\xaa\x9b\x9f",
        "|\xf0\xa0\x80\x80|\xf0\xaa\x9b\x9f", 2 },
    { "thai-marks", "\xe0\xb8\x97\xe0\xb8\xb5\xe0\xb9\x88\xe0\xb8\x99",
        "|\xe0\xb8\x97\xe0\xb8\xb5\xe0\xb9\x88|\xe0\xb8\x99", 2 },
    { "mixed", "\xe9\x80\x81vip\xe5\x88\xb8 9",
        "|\xe9\x80\x81|vip|\xe5\x88\xb8|9", 6 },
    { "mark-joins", "e\xcc\x82t\xcc\x81 x", "|e\xcc\x82t\xcc\x81|x", 4 },
    { "mark-alone", "\xcc\x81 x", "|x", 2 },
    { "emoji", "win\xf0\x9f\x8e\x81now", "|win|now", 4 },
    { "not-utf8", "one\xff\xfetwo\xe4\xbd", "|one|two", 4 },
    { "korean", "\xec\x95\x88\xeb\x85\x95 \xeb\x82\x98",
        "|\xec\x95\x88\xeb\x85\x95|\xeb\x82\x98", 4 },
};

static void
test_words(const void *data)
{
    const Case *test = data;
    PhraseReader reader = { test->text, strlen(test->text), 0 };
    PhraseMeasure measure = phrase_measure(reader.text, reader.len);
    g_autoptr(GString) words = g_string_new(NULL);
    PhraseWord word;
    size_t n = 0;

    for (; phrase_word_next(&reader, &word); n++) {
        g_string_append_c(words, '|');
        g_string_append_len(words, reader.text + word.start,
            (gssize)(word.end - word.start));
    }
    g_assert_cmpstr(words->str, ==, test->words);
    g_assert_cmpuint(measure.n_words, ==, n);
    g_assert_cmpuint(measure.weight, ==, test->weight);
    g_assert_false(phrase_word_next(&reader, &word));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strconcat("/phrase/words/", cases[i].name,
            NULL);

        g_test_add_data_func(path, &cases[i], test_words);
    }
    return g_test_run();
}
