/* SPDX-License-Identifier: MIT */

/*
 * A million made phrases, and phrases taken from spam, over real mail: what is
 * found is an entry word for word, and what a message holds is found.
 *
 * The phrases are stretches of eight words wherever they fall in the text of
 * spam, so some of them are no spammer's own: footers of lists and of mail
 * providers, disclaimers, newsletters, which ham has, too.  Such ham is right
 * to be hit; that the words do stand in it, as a reader sees it, is checked by
 * another way of comparing than the filter's.
 *
 * WN_CORPUS names the folder with mail.tar.zst and its manifest; without it the
 * test is skipped.
 */

#include "t/unit/phrase_list.h"

#include "core/message/message.h"
#include "plugins/phrase/words.h"

#include <glib/gstdio.h>
#include <string.h>
#include <time.h>

enum { MADE = 1000000, TAKEN_EACH = 20, TAKEN_WORDS = 8 };

typedef struct Mail {
    char *path;
    bool ham;
    WnMessage *message;
    GString *bytes;
} Mail;

typedef struct Corpus {
    char *folder;
    GPtrArray *mails;
} Corpus;

static bool
run_command(const char *const *argv)
{
    g_auto(GStrv) copy = g_strdupv((char **)(gsize)argv);
    int status = -1;

    return g_spawn_sync(NULL, copy, NULL,
               G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL,
               NULL, NULL, &status, NULL)
           && status == 0;
}

static void
read_manifest(Corpus *self, const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (char **line = lines; *line != NULL; line++) {
        g_auto(GStrv) fields = g_strsplit(*line, "\t", 3);
        Mail *mail;

        if (g_strv_length(fields) < 3 || strcmp(fields[0], "path") == 0)
            continue;
        mail = g_new0(Mail, 1);
        mail->path = g_build_filename(self->folder, fields[0], NULL);
        mail->ham = strcmp(fields[1], "ham") == 0;
        g_ptr_array_add(self->mails, mail);
    }
}

/* False, and the test is skipped, without a corpus. */
static bool
corpus_open(Corpus *self)
{
    const char *corpus = g_getenv("WN_CORPUS");
    g_autofree char *archive = NULL, *manifest = NULL, *text = NULL;

    if (corpus == NULL) {
        g_test_skip("no corpus: set WN_CORPUS");
        return false;
    }
    archive = g_build_filename(corpus, "mail.tar.zst", NULL);
    manifest = g_build_filename(corpus, "mail-MANIFEST.tsv", NULL);
    self->folder = g_dir_make_tmp("winnow-XXXXXX", NULL);
    self->mails = g_ptr_array_new_with_free_func(g_free);
    g_assert_true(g_file_get_contents(manifest, &text, NULL, NULL));
    g_assert_true(run_command((const char *const[]){ "tar", "--zstd", "-xf",
        archive, "-C", self->folder, NULL }));
    read_manifest(self, text);
    g_assert_cmpuint(self->mails->len, >, 0);
    return true;
}

static void
corpus_close(Corpus *self)
{
    for (guint i = 0; i < self->mails->len; i++) {
        Mail *mail = g_ptr_array_index(self->mails, i);

        wn_message_free(mail->message);
        g_string_free(mail->bytes, TRUE);
        g_free(mail->path);
    }
    g_ptr_array_free(self->mails, TRUE);
    run_command((const char *const[]){ "rm", "-rf", self->folder, NULL });
    g_free(self->folder);
}

static WnSpan
folded_text(Mail *mail)
{
    if (mail->message == NULL) {
        g_autofree char *text = NULL;
        gsize len;

        g_assert_true(g_file_get_contents(mail->path, &text, &len, NULL));
        mail->bytes = g_string_new_len(text, (gssize)len);
        g_string_replace(mail->bytes, "\n", "\r\n", 0);
        mail->message = wn_message_new(
            wn_span(mail->bytes->str, mail->bytes->len));
    }
    return wn_message_text(mail->message, WN_FORM_FOLDED);
}

/* The words, each behind a space. */
static char *
words_of(const char *text, size_t len)
{
    PhraseReader reader = { text, len, 0 };
    GString *words = g_string_new(NULL);
    PhraseWord word;

    while (phrase_word_next(&reader, &word)) {
        g_string_append_c(words, ' ');
        g_string_append_len(words, text + word.start,
            (gssize)(word.end - word.start));
    }
    return g_string_free(words, FALSE);
}

/* Stretches of the text of some words each, as far apart as may be. */
static void
take_phrases(PhraseList *list, WnSpan text)
{
    PhraseReader reader = { text.ptr, text.len, 0 };
    size_t n_words = phrase_measure(text.ptr, text.len).n_words;
    size_t step = MAX(n_words / TAKEN_EACH, TAKEN_WORDS + 1);
    PhraseWord word;
    size_t start = 0;

    for (size_t n = 0; phrase_word_next(&reader, &word); n++) {
        size_t of_step = n % step;

        if (of_step == 0)
            start = word.start;
        if (of_step == TAKEN_WORDS - 1) {
            g_autofree char *phrase = g_strndup(text.ptr + start,
                word.end - start);

            phrase_list_add(list, phrase);
        }
    }
}

static void
make_list(PhraseList *list, const Corpus *corpus)
{
    g_autoptr(GPtrArray) dictionary = phrase_dictionary(8, 60000);
    GRand *rand = g_rand_new_with_seed(9);

    phrase_list_init(list);
    for (int i = 0; i < MADE; i++) {
        g_autoptr(GString) phrase = g_string_new(NULL);

        phrase_append_words(phrase, dictionary, rand,
            (unsigned)g_rand_int_range(rand, 5, 12));
        phrase_list_add(list, phrase->str);
    }
    g_rand_free(rand);
    for (guint i = 0; i < corpus->mails->len; i++) {
        Mail *mail = g_ptr_array_index(corpus->mails, i);

        if (!mail->ham)
            take_phrases(list, folded_text(mail));
    }
    phrase_list_compile(list);
}

static GHashTable *
entry_words(const PhraseList *list)
{
    GHashTable *entries = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
        NULL);

    for (guint i = 0; i < list->folded->len; i++) {
        const GString *folded = g_ptr_array_index(list->folded, i);

        g_hash_table_add(entries, words_of(folded->str, folded->len));
    }
    return entries;
}

/*
 * Another way of comparing, without folded text and words.c
 */

/* Letters and digits in lower case; all else is one space, and there is one at
 * each end. */
static char *
plain_text(const char *text, size_t len)
{
    g_autofree char *valid = g_utf8_make_valid(text, (gssize)len);
    g_autofree char *normal = g_utf8_normalize(valid, -1, G_NORMALIZE_NFKC);
    g_autofree char *lower = g_utf8_casefold(normal, -1);
    GString *out = g_string_new(" ");

    for (char *at = lower; *at != '\0'; at = g_utf8_next_char(at)) {
        gunichar c = g_utf8_get_char(at);

        if (g_unichar_isalnum(c) || g_unichar_ismark(c))
            g_string_append_unichar(out, c);
        else if (g_unichar_type(c) != G_UNICODE_FORMAT
                 && out->str[out->len - 1] != ' ')
            g_string_append_c(out, ' ');
    }
    if (out->str[out->len - 1] != ' ')
        g_string_append_c(out, ' ');
    return g_string_free(out, FALSE);
}

static GHashTable *
plain_entries(const PhraseList *list)
{
    GHashTable *entries = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
        NULL);

    for (guint i = 0; i < list->values->len; i++) {
        const char *value = g_ptr_array_index(list->values, i);

        g_hash_table_add(entries, plain_text(value, strlen(value)));
    }
    return entries;
}

/* Whether the stretch is an entry that stands in what a reader sees. */
static bool
is_shown(const Mail *mail, GHashTable *entries, const char *stretch, size_t len)
{
    WnSpan shown = wn_message_text(mail->message, WN_FORM_SHOWN);
    g_autofree char *text = plain_text(shown.ptr, shown.len);
    g_autofree char *phrase = plain_text(stretch, len);

    return g_hash_table_contains(entries, phrase)
           && strstr(text, phrase) != NULL;
}

typedef struct Entries {
    GHashTable *words;
    GHashTable *plain;
} Entries;

typedef struct Counts {
    guint ham_hits, unseen; /* of ham_hits */
    guint ham, ham_hit, spam, spam_hit, hits, wrong;
    double us, most_us; /* CPU time of scans: all, the longest */
    size_t bytes;
} Counts;

static double
cpu_us(void)
{
    struct timespec time;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static void
look_at(Mail *mail, PhraseScan *scan, const PhraseIndex *index,
    const Entries *entries, Counts *counts)
{
    WnSpan text = folded_text(mail);
    PhraseHit hits[PHRASE_HITS_MAX];
    double start = cpu_us();
    uint32_t n = phrase_scan(scan, index, text.ptr, text.len, hits);
    double took = cpu_us() - start;

    counts->us += took;
    counts->most_us = MAX(counts->most_us, took);
    counts->bytes += text.len;
    for (uint32_t i = 0; i < n; i++) {
        const char *stretch = text.ptr + hits[i].start;
        size_t len = hits[i].end - hits[i].start;
        g_autofree char *words = words_of(stretch, len);

        counts->hits++;
        if (!g_hash_table_contains(entries->words, words))
            counts->wrong++;
        if (!mail->ham)
            continue;
        counts->ham_hits++;
        if (!is_shown(mail, entries->plain, stretch, len)) {
            counts->unseen++;
            g_test_message("not shown: %s:%s", mail->path, words);
        } else if (g_test_verbose()) {
            g_test_message("%s:%s", mail->path, words);
        }
    }
    *(mail->ham ? &counts->ham : &counts->spam) += 1;
    *(mail->ham ? &counts->ham_hit : &counts->spam_hit) += n > 0;
}

/* Whether the text holds an entry, found by comparing all its stretches of as
 * many words as the entries taken have: the slow way. */
static bool
holds_taken(WnSpan text, GHashTable *entries)
{
    g_autofree char *words = words_of(text.ptr, text.len);
    const char *at[TAKEN_WORDS + 1] = { NULL };
    bool found = false;

    for (const char *word = words; word != NULL && !found;) {
        const char *next = *word != '\0' ? strchr(word + 1, ' ') : NULL;
        const char *end = next != NULL ? next : word + strlen(word);
        g_autofree char *stretch = NULL;

        memmove(at, at + 1, (TAKEN_WORDS - 1) * sizeof *at);
        at[TAKEN_WORDS - 1] = word;
        if (at[0] != NULL) {
            stretch = g_strndup(at[0], (gsize)(end - at[0]));
            found = g_hash_table_contains(entries, stretch);
        }
        word = next;
    }
    return found;
}

/* Gives how many messages hold an entry that is not found. */
static guint
look_at_all(const Corpus *corpus, const PhraseList *list, PhraseScan *scan,
    const PhraseIndex *index, Counts *counts)
{
    Entries entries = { entry_words(list), plain_entries(list) };
    guint missed = 0;

    for (guint i = 0; i < corpus->mails->len; i++) {
        Mail *mail = g_ptr_array_index(corpus->mails, i);
        WnSpan text = folded_text(mail);
        guint before = counts->hits;

        look_at(mail, scan, index, &entries, counts);
        if (counts->hits == before && holds_taken(text, entries.words))
            missed++;
    }
    g_hash_table_unref(entries.words);
    g_hash_table_unref(entries.plain);
    return missed;
}

static void
test_corpus(void)
{
    Corpus corpus;
    g_auto(PhraseList) list;
    PhraseScan *scan;
    WnError err = { .struct_size = sizeof err };
    Counts counts = { 0 };
    PhraseIndex index;
    guint missed = 0;

    phrase_list_init(&list);
    if (!corpus_open(&corpus))
        return;
    phrase_list_clear(&list);
    make_list(&list, &corpus);
    g_assert_true(
        phrase_index_open(&index, list.blob->data, list.blob->len, &err));
    scan = phrase_scan_new();
    missed = look_at_all(&corpus, &list, scan, &index, &counts);
    g_test_message("%u phrases; ham %u of %u, other mail %u of %u hold one; "
                   "%u hits, %u wrong, %u messages missed",
        list.values->len, counts.ham_hit, counts.ham, counts.spam_hit,
        counts.spam, counts.hits, counts.wrong, missed);
    g_test_message("%.1f us a message, %.1f us the longest; %.1f MB in all",
        counts.us / corpus.mails->len, counts.most_us,
        (double)counts.bytes / 1e6);
    g_test_message("%u hits in ham, %u of them not in what is shown",
        counts.ham_hits, counts.unseen);
    g_assert_cmpuint(counts.wrong, ==, 0);
    g_assert_cmpuint(counts.unseen, ==, 0);
    g_assert_cmpuint(missed, ==, 0);
    g_assert_cmpuint(counts.spam_hit, >, counts.spam / 2);
    phrase_scan_free(scan);
    corpus_close(&corpus);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/phrase/corpus", test_corpus);
    return g_test_run();
}
