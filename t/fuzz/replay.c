/* SPDX-License-Identifier: MIT */

/*
 * The short form of fuzzing, for make check: runs a fuzz target over the seeds
 * of the folder t/fuzz/seeds/TARGET and over a fixed number of mutations of
 * them, from a fixed start, so that a failure repeats.  Prints TAP.  With
 * --enable-fuzzing the same targets are built with libFuzzer instead.
 */

#include <glib.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUTATIONS 3000
#define INPUT_MAX 8192

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const tokens[] = { "\r\n.\r\n", "\r\n", "\n", "\r", ".",
    "..", "MAIL FROM:<a@b.example>", "RCPT TO:<u@good.example>", "DATA\r\n",
    "<>", "EHLO x\r\n", "BDAT 5 LAST\r\n", "=?utf-8?B?", "?=", "\"", "\\", "[",
    "]", "filter x", "\xff", "\xc3\xbc", "Subject: ", "boundary=", "--", ";",
    ":", "250-", "250 ", "PROXY TCP4 ", "99999999999999999999" };

static GPtrArray *
read_seeds(const char *folder)
{
    GPtrArray *seeds = g_ptr_array_new_with_free_func(
        (GDestroyNotify)g_bytes_unref);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;

    g_ptr_array_add(seeds, g_bytes_new_static("", 0));
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        char *text;
        gsize len;

        if (g_file_get_contents(path, &text, &len, NULL))
            g_ptr_array_add(seeds, g_bytes_new_take(text, len));
    }
    return seeds;
}

static void
insert(GByteArray *input, guint at, const char *text, guint len)
{
    guint tail = input->len - at;

    g_byte_array_set_size(input, input->len + len);
    memmove(input->data + at + len, input->data + at, tail);
    memcpy(input->data + at, text, len);
}

static void
mutate_once(GRand *rand, GByteArray *input)
{
    guint at = (guint)g_rand_int_range(rand, 0, (gint32)input->len + 1);
    const char *token = tokens[g_rand_int_range(rand, 0, G_N_ELEMENTS(tokens))];

    switch (g_rand_int_range(rand, 0, 5)) {
    case 0:
        insert(input, at, token, (guint)strlen(token));
        break;
    case 1:
        if (at < input->len)
            input->data[at] = (guint8)g_rand_int(rand);
        break;
    case 2:
        g_byte_array_set_size(input, at);
        break;
    case 3:
        if (at < input->len)
            input->data[at] ^= (guint8)(1u << g_rand_int_range(rand, 0, 8));
        break;
    default:
        if (at < input->len)
            insert(input, at, "", 0);
        g_byte_array_append(input, (const guint8 *)token, (guint)strlen(token));
        break;
    }
    if (input->len > INPUT_MAX)
        g_byte_array_set_size(input, INPUT_MAX);
}

static GByteArray *
make_input(GRand *rand, const GPtrArray *seeds)
{
    GByteArray *input = g_byte_array_new();
    GBytes *seed = seeds->pdata[g_rand_int_range(rand, 0, (gint32)seeds->len)];
    int n = g_rand_int_range(rand, 1, 24);
    gsize len;
    const guint8 *data = g_bytes_get_data(seed, &len);

    g_byte_array_append(input, data, (guint)MIN(len, INPUT_MAX));
    for (int i = 0; i < n; i++)
        mutate_once(rand, input);
    return input;
}

/* An exact copy on the heap: reading past it is seen by a sanitizer. */
static void
run_exact(const void *data, size_t len)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);

    if (len > 0)
        memcpy(copy, data, len);
    LLVMFuzzerTestOneInput(copy, len);
    free(copy);
}

int
main(int argc, char **argv)
{
    g_autofree char *name = g_path_get_basename(argv[0]);
    const char *source = g_getenv("WN_SOURCE");
    g_autofree char *folder = g_build_filename(source != NULL ? source : ".",
        "t", "fuzz", "seeds", name, NULL);
    g_autoptr(GPtrArray) seeds = read_seeds(folder);
    g_autoptr(GRand) rand = g_rand_new_with_seed(4711);

    (void)argc;
    for (guint i = 0; i < seeds->len; i++) {
        gsize len;
        const void *data = g_bytes_get_data(seeds->pdata[i], &len);

        run_exact(data, len);
    }
    for (int i = 0; i < MUTATIONS; i++) {
        g_autoptr(GByteArray) input = make_input(rand, seeds);

        run_exact(input->data, input->len);
    }
    printf("1..1\nok 1 - %s: %u seeds, %d mutations\n", name, seeds->len,
        MUTATIONS);
    return 0;
}
