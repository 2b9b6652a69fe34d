/* SPDX-License-Identifier: MIT */

/*
 * Prints the URLs of messages, one line each: file, host, registered domain,
 * flags, text.  Files are named on standard input; line ends become CRLF.  With
 * --time only what it took.
 */

#include "core/message/message.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static GString *
read_message(const char *path)
{
    GString *out = g_string_new(NULL);
    g_autofree char *text = NULL;
    gsize len;

    if (!g_file_get_contents(path, &text, &len, NULL))
        return out;
    for (gsize i = 0; i < len; i++) {
        if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r'))
            g_string_append_c(out, '\r');
        g_string_append_c(out, text[i]);
    }
    return out;
}

static void
print_url(const char *path, const WnMessageUrl *url)
{
    g_autofree char *text = g_strndup(url->text.ptr, url->text.len);

    g_strdelimit(text, "\t\r\n", ' ');
    printf("%s\t%s\t%s\t%u\t%s\n", path, url->host.ptr, url->registered.ptr,
        url->flags, text);
}

static double
now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static double
look_at(const char *path, bool print)
{
    GString *bytes = read_message(path);
    g_autoptr(WnMessage)
        message = wn_message_new(wn_span(bytes->str, bytes->len));
    uint32_t n;
    double start;

    for (uint32_t i = 0; i < wn_message_n_parts(message); i++)
        wn_message_part_text(message, i);
    start = now_us();
    n = wn_message_n_urls(message);
    start = now_us() - start;
    for (uint32_t i = 0; print && i < n; i++)
        print_url(path, wn_message_url(message, i));
    g_string_free(bytes, TRUE);
    return start;
}

int
main(int argc, char **argv)
{
    bool timed = argc > 1 && strcmp(argv[1], "--time") == 0;
    char path[4096];

    while (fgets(path, sizeof path, stdin) != NULL) {
        double took;

        path[strcspn(path, "\n")] = '\0';
        took = look_at(path, !timed);
        if (timed)
            printf("%.1f\t%s\n", took, path);
    }
    return 0;
}
