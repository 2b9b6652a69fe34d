/* SPDX-License-Identifier: MIT */

/*
 * Which messages of a folder have an entry of a list, and what that costs:
 *
 *    urlphone-corpus URLS PHONES MESSAGE...
 *
 * One entry a line in both lists; what check_row refuses is left out.  Messages
 * may have the line ends of a mail store or of the wire.
 */

#include "t/unit/urlphone_lists.h"

#include <stdio.h>
#include <sys/resource.h>

static double
cpu_seconds(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6;
}

static void
load(ListBlob *list, ListKind kind, const char *path)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;

    if (!g_file_get_contents(path, &text, NULL, &error))
        g_error("%s", error->message);
    list_compile_text(list, kind, text);
}

/* As it is on the wire: every line ends with CRLF. */
static GString *
read_message(const char *path)
{
    g_autofree char *text = NULL;
    GString *wire;
    gsize len;

    if (!g_file_get_contents(path, &text, &len, NULL))
        return NULL;
    wire = g_string_new_len(text, (gssize)len);
    g_string_replace(wire, "\r\n", "\n", 0);
    g_string_replace(wire, "\n", "\r\n", 0);
    return wire;
}

int
main(int argc, char **argv)
{
    g_auto(ListBlob) urls = { 0 };
    g_auto(ListBlob) phones = { 0 };
    double seconds = 0;
    int n_found = 0;

    if (argc < 3)
        return 2;
    load(&urls, LIST_OF_URLS, argv[1]);
    load(&phones, LIST_OF_PHONES, argv[2]);
    for (int i = 3; i < argc; i++) {
        g_autoptr(GString) wire = read_message(argv[i]);
        g_autoptr(WnMessage) message = NULL;
        g_autofree char *found = NULL;
        double start;

        if (wire == NULL)
            continue;
        message = wn_message_new(wn_span(wire->str, wire->len));
        wn_message_n_urls(message);
        wn_message_n_phones(message, "US");
        start = cpu_seconds();
        found = list_find_all(&urls, &phones, message, "US");
        seconds += cpu_seconds() - start;
        if (g_strcmp0(found, "-") == 0)
            continue;
        n_found++;
        printf("%s\t%s\n", argv[i], found);
    }
    fprintf(stderr, "%d of %d messages, %.2f us each\n", n_found, argc - 3,
        seconds * 1e6 / (argc > 3 ? argc - 3 : 1));
    return 0;
}
