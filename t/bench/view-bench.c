/* SPDX-License-Identifier: MIT */

/*
 * What the views of a message cost: t/bench/view-bench FOLDER [ROUNDS]
 * Prints for each view the median, the 99th percentile and the largest of the
 * CPU times of all messages below FOLDER, in microseconds; of a message the
 * best of ROUNDS (3) counts.
 */

#include "core/message/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

enum { PARSE, TEXT, FOLDED, URLS, PHONES, ALL, N_VIEWS };

static const char *const names[N_VIEWS] = { "parse and parts", "shown, hidden",
    "folded", "URLs", "phones", "all" };

typedef struct Cost {
    double view[N_VIEWS];
    char *path;
} Cost;

static double
now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void
run(WnSpan bytes, double *view)
{
    double at[N_VIEWS];
    WnMessage *message;

    at[0] = now_us();
    message = wn_message_new(bytes);
    wn_message_problems(message);
    at[1] = now_us();
    wn_message_text(message, WN_FORM_SHOWN);
    wn_message_text(message, WN_FORM_HIDDEN);
    at[2] = now_us();
    wn_message_text(message, WN_FORM_FOLDED);
    at[3] = now_us();
    wn_message_n_urls(message);
    at[4] = now_us();
    wn_message_n_phones(message, "US");
    at[5] = now_us();
    wn_message_free(message);
    for (size_t i = 0; i < ALL; i++)
        view[i] = MIN(view[i], at[i + 1] - at[i]);
    view[ALL] = MIN(view[ALL], now_us() - at[0]);
}

/* Lines end with CRLF on the wire. */
static GString *
load(const char *path)
{
    g_autofree char *bytes = NULL;
    gsize len = 0;
    GString *message;

    if (!g_file_get_contents(path, &bytes, &len, NULL))
        return NULL;
    message = g_string_sized_new(len + len / 32);
    for (gsize i = 0; i < len; i++) {
        if (bytes[i] == '\n' && (i == 0 || bytes[i - 1] != '\r'))
            g_string_append_c(message, '\r');
        g_string_append_c(message, bytes[i]);
    }
    return message;
}

static void
measure(const char *path, int rounds, GArray *costs)
{
    GString *bytes = load(path);
    Cost cost = { .path = g_strdup(path) };

    if (bytes == NULL)
        return;
    for (size_t i = 0; i < N_VIEWS; i++)
        cost.view[i] = 1e12;
    for (int i = 0; i < rounds; i++)
        run(wn_span(bytes->str, bytes->len), cost.view);
    g_array_append_val(costs, cost);
    g_string_free(bytes, TRUE);
}

static void
walk(const char *folder, int rounds, GArray *costs)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(folder, name, NULL);

        if (g_file_test(path, G_FILE_TEST_IS_DIR))
            walk(path, rounds, costs);
        else
            measure(path, rounds, costs);
    }
}

static int
compare(gconstpointer a, gconstpointer b, gpointer view)
{
    double x = ((const Cost *)a)->view[GPOINTER_TO_SIZE(view)];
    double y = ((const Cost *)b)->view[GPOINTER_TO_SIZE(view)];

    return x < y ? -1 : x > y;
}

int
main(int argc, char **argv)
{
    GArray *costs = g_array_new(FALSE, FALSE, sizeof(Cost));
    int rounds = argc > 2 ? (int)g_ascii_strtoll(argv[2], NULL, 10) : 3;

    if (argc < 2) {
        fprintf(stderr, "usage: view-bench FOLDER [ROUNDS]\n");
        return 2;
    }
    walk(argv[1], MAX(rounds, 1), costs);
    printf("%-16s %9s %9s %9s   of %u messages, in us\n", "view", "median",
        "p99", "max", costs->len);
    for (size_t i = 0; i < N_VIEWS && costs->len > 0; i++) {
        const Cost *cost = (const Cost *)(void *)costs->data;

        g_array_sort_with_data(costs, compare, GSIZE_TO_POINTER(i));
        cost = (const Cost *)(void *)costs->data;
        printf("%-16s %9.1f %9.1f %9.1f   %s\n", names[i],
            cost[costs->len / 2].view[i],
            cost[(size_t)costs->len * 99 / 100].view[i],
            cost[costs->len - 1].view[i], cost[costs->len - 1].path);
    }
    for (guint i = 0; i < costs->len; i++)
        g_free(g_array_index(costs, Cost, i).path);
    g_array_unref(costs);
    return 0;
}
