/* SPDX-License-Identifier: MIT */
#include "core/base/log.h"

#include "core/base/clock.h"
#include "core/base/fd.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SOME_MONO = 0 };
#define SOME_TIME INT64_C(1795328898123)
#define TIME_TEXT "2026-11-22T06:28:18.123Z"

/* A log into memory, read back with get_text(). */
static int
begin(WnLogFormat format)
{
    int fd = memfd_create("log", MFD_CLOEXEC);

    g_assert_cmpint(fd, >=, 0);
    wn_clock_fake(SOME_MONO, SOME_TIME);
    wn_log_open("winnow-test", format, fd);
    wn_log_set_level(WN_LEVEL_INFO);
    return fd;
}

static char *
get_text(int fd)
{
    struct stat st;
    char *text;

    g_assert_cmpint(fstat(fd, &st), ==, 0);
    text = g_malloc0((gsize)st.st_size + 1);
    g_assert_true(wn_fd_pread_all(fd, text, (size_t)st.st_size, 0));
    return text;
}

/* The line, or lines, without what begins every JSON line. */
static char *
get_json_rest(int fd)
{
    g_autofree char *text = get_text(fd);
    g_autofree char *head = g_strdup_printf("{\"time\":\"" TIME_TEXT
                                            "\",\"level\":\"info\",\"event\":"
                                            "\"e\",\"program\":\"winnow-test\","
                                            "\"pid\":%d",
        getpid());

    if (!g_str_has_prefix(text, head))
        g_error("unexpected: %s", text);
    return g_strdup(text + strlen(head));
}

static void
log_value(const char *key, WnSpan value)
{
    WnEvent event;

    wn_event_begin(&event, WN_LEVEL_INFO, "e");
    wn_event_span(&event, key, value);
    wn_event_end(&event);
}

static void
test_json_values(void)
{
    wn_autofd fd = begin(WN_LOG_JSON);
    g_autofree char *rest = NULL;
    WnEvent event;
    WnId id;

    g_assert_true(wn_id_parse(WN_SPAN("01ARYZ6S410000000000000001"), &id));
    wn_event_begin(&event, WN_LEVEL_INFO, "e");
    wn_event_id(&event, &id);
    wn_event_str(&event, "s", "x");
    wn_event_str(&event, "null", NULL);
    wn_event_int(&event, "i", INT64_MIN);
    wn_event_bool(&event, "b", true);
    wn_event_end(&event);
    rest = get_json_rest(fd);
    g_assert_cmpstr(rest, ==,
        ",\"id\":\"01ARYZ6S410000000000000001\",\"s\":\"x\",\"null\":\"\","
        "\"i\":-9223372036854775808,\"b\":true}\n");
}

static void
log_list(void)
{
    WnEvent event;

    wn_event_begin(&event, WN_LEVEL_INFO, "e");
    wn_event_open_list(&event, "none");
    wn_event_close_list(&event);
    wn_event_open_list(&event, "filters");
    for (int i = 0; i < 2; i++) {
        wn_event_open_object(&event);
        wn_event_int(&event, "us", i);
        wn_event_open_list(&event, "rules");
        wn_event_open_object(&event);
        wn_event_str(&event, "rule", "r");
        wn_event_close_object(&event);
        wn_event_close_list(&event);
        wn_event_close_object(&event);
    }
    wn_event_close_list(&event);
    wn_event_int(&event, "n", 2);
    wn_event_end(&event);
}

static void
test_json_list(void)
{
    wn_autofd fd = begin(WN_LOG_JSON);
    g_autofree char *rest = NULL;

    log_list();
    rest = get_json_rest(fd);
    g_assert_cmpstr(rest, ==,
        ",\"none\":[],\"filters\":[{\"us\":0,\"rules\":[{\"rule\":\"r\"}]},"
        "{\"us\":1,\"rules\":[{\"rule\":\"r\"}]}],\"n\":2}\n");
}

static void
test_text_list(void)
{
    wn_autofd fd = begin(WN_LOG_TEXT);
    g_autofree char *text = NULL;
    g_autofree char *expected =
        g_strdup_printf("time=" TIME_TEXT
                        " level=info event=e program=winnow-test pid=%d"
                        " filters.0.us=0 filters.0.rules.0.rule=r"
                        " filters.1.us=1 filters.1.rules.0.rule=r n=2\n",
            getpid());

    log_list();
    text = get_text(fd);
    g_assert_cmpstr(text, ==, expected);
}

static const struct {
    const char *name;
    WnSpan value;
    const char *json;
    const char *text;
} values[] = {
    { "plain", { "a.b@c", 5 }, "\"a.b@c\"", "a.b@c" },
    { "empty", { "", 0 }, "\"\"", "\"\"" },
    { "space", { "a b", 3 }, "\"a b\"", "\"a b\"" },
    { "equals", { "a=b", 3 }, "\"a=b\"", "\"a=b\"" },
    { "quotes", { "\"\\", 2 }, "\"\\\"\\\\\"", "\"\\\"\\\\\"" },
    { "line ends", { "a\r\nb", 4 }, "\"a\\u000d\\u000ab\"",
        "\"a\\x0d\\x0ab\"" },
    { "forged json", { "x\"}\n{\"", 6 }, "\"x\\\"}\\u000a{\\\"\"",
        "\"x\\\"}\\x0a{\\\"\"" },
    { "NUL", { "a\0b", 3 }, "\"a\\u0000b\"", "\"a\\x00b\"" },
    { "terminal", { "\x1b[2J\x7f", 5 }, "\"\\u001b[2J\\u007f\"",
        "\"\\x1b[2J\\x7f\"" },
    { "letters", { "\xc3\xa9", 2 }, "\"\xc3\xa9\"", "\"\xc3\xa9\"" },
    { "latin-1", { "\xe9", 1 }, "\"\\u00e9\"", "\"\\xe9\"" },
    { "next line", { "\xc2\x85", 2 }, "\"\\u0085\"", "\"\\xc2\\x85\"" },
    { "direction", { "\xe2\x80\xae", 3 }, "\"\\u202e\"",
        "\"\\xe2\\x80\\xae\"" },
    { "surrogate", { "\xed\xa0\x80", 3 }, "\"\\u00ed\\u00a0\\u0080\"",
        "\"\\xed\\xa0\\x80\"" },
};

static void
test_escapes(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
        wn_autofd json_fd = begin(WN_LOG_JSON);
        g_autofree char *json_end = g_strdup_printf(",\"k\":%s}\n",
            values[i].json);
        g_autofree char *text_end = g_strdup_printf(" k=%s\n", values[i].text);
        g_autofree char *json = NULL;
        g_autofree char *text = NULL;
        wn_autofd text_fd = -1;

        g_test_message("%s", values[i].name);
        log_value("k", values[i].value);
        json = get_json_rest(json_fd);
        g_assert_cmpstr(json, ==, json_end);
        text_fd = begin(WN_LOG_TEXT);
        log_value("k", values[i].value);
        text = get_text(text_fd);
        g_assert_true(g_str_has_suffix(text, text_end));
    }
}

/* Cut at the limit, and never inside of a character. */
static void
test_cut(void)
{
    static const struct {
        size_t n_before; /* letters before two-byte characters */
        size_t expected;
    } cases[] = { { 0, 256 }, { 1, 255 }, { 254, 256 }, { 255, 255 },
        { 256, 256 } };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        wn_autofd fd = begin(WN_LOG_JSON);
        g_autoptr(GString) value = g_string_new(NULL);
        g_autofree char *rest = NULL;

        for (size_t k = 0; k < cases[i].n_before; k++)
            g_string_append_c(value, 'x');
        for (int k = 0; k < 300; k++)
            g_string_append(value, "\xc3\xa9");
        log_value("k", wn_span(value->str, value->len));
        rest = get_json_rest(fd);
        g_assert_cmpuint(strlen(rest), ==,
            strlen(",\"k\":\"\"}\n") + cases[i].expected);
        g_assert_true(g_utf8_validate(rest, -1, NULL));
    }
}

static bool
brackets_balance(const char *text)
{
    int depth = 0;
    bool quoted = false;

    for (; *text != '\0'; text++) {
        if (*text == '\\')
            text++;
        else if (*text == '"')
            quoted = !quoted;
        else if (!quoted && (*text == '{' || *text == '['))
            depth++;
        else if (!quoted && (*text == '}' || *text == ']'))
            depth--;
    }
    return depth == 0 && !quoted;
}

/* Whatever length the line has when it becomes full, it stays well-formed. */
static void
test_full_line(void)
{
    g_autofree char *filler = g_strnfill(WN_LOG_FIELD_MAX, '\n');

    for (size_t len = 0; len < WN_LOG_FIELD_MAX; len++) {
        wn_autofd fd = begin(WN_LOG_JSON);
        g_autofree char *text = NULL;
        WnEvent event;

        wn_event_begin(&event, WN_LEVEL_INFO, "e");
        wn_event_span(&event, "k", wn_span(filler, len));
        wn_event_open_list(&event, "l");
        for (int i = 0; i < 1000; i++) {
            wn_event_open_object(&event);
            wn_event_open_list(&event, "m");
            wn_event_open_object(&event);
            wn_event_bool(&event, "b", true);
            wn_event_close_object(&event);
            wn_event_close_list(&event);
            wn_event_close_object(&event);
        }
        wn_event_close_list(&event);
        wn_event_end(&event);
        text = get_text(fd);
        g_assert_true(g_str_has_suffix(text, ",\"truncated\":true}\n"));
        g_assert_cmpuint(strlen(text), <=, WN_LOG_LINE_MAX);
        g_assert_true(strchr(text, '\n') == text + strlen(text) - 1);
        g_assert_true(brackets_balance(text));
    }
}

static void
test_full_line_of_strings(void)
{
    g_autofree char *filler = g_strnfill(WN_LOG_FIELD_MAX, '\x01');

    for (int format = WN_LOG_JSON; format <= WN_LOG_TEXT; format++) {
        wn_autofd fd = begin((WnLogFormat)format);
        g_autofree char *text = NULL;
        WnEvent event;

        wn_event_begin(&event, WN_LEVEL_INFO, "e");
        for (int i = 0; i < 100; i++)
            wn_event_str(&event, "k", filler);
        wn_event_end(&event);
        text = get_text(fd);
        g_assert_true(g_str_has_suffix(text, format == WN_LOG_JSON
                                                 ? "\",\"truncated\":true}\n"
                                                 : "\" truncated=true\n"));
    }
}

/* What is left open, and what is opened too deep, is closed. */
static void
test_unbalanced(void)
{
    wn_autofd fd = begin(WN_LOG_JSON);
    g_autofree char *text = NULL;
    WnEvent event;

    wn_event_begin(&event, WN_LEVEL_INFO, "e");
    for (int i = 0; i < WN_LOG_DEPTH_MAX; i++) {
        wn_event_open_list(&event, "l");
        wn_event_open_object(&event);
    }
    wn_event_end(&event);
    text = get_text(fd);
    g_assert_true(brackets_balance(text));
    g_assert_true(g_str_has_suffix(text,
        ",\"l\":[{\"l\":[{\"l\":[{}]}]}],\"truncated\":true}\n"));
}

static void
test_levels(void)
{
    wn_autofd fd = begin(WN_LOG_JSON);
    g_autofree char *text = NULL;
    WnEvent event;

    g_assert_false(wn_log_enabled(WN_LEVEL_DEBUG));
    wn_event_begin(&event, WN_LEVEL_DEBUG, "e");
    wn_event_open_list(&event, "l");
    wn_event_open_object(&event);
    wn_event_int(&event, "i", 1);
    wn_event_close_object(&event);
    wn_event_close_list(&event);
    wn_event_end(&event);
    wn_remark(WN_LEVEL_DEBUG, "unseen");
    text = get_text(fd);
    g_assert_cmpstr(text, ==, "");
    wn_log_set_level(WN_LEVEL_DEBUG);
    g_assert_true(wn_log_enabled(WN_LEVEL_DEBUG));
}

static void
test_remark(void)
{
    wn_autofd fd = begin(WN_LOG_TEXT);
    g_autofree char *text = NULL;

    wn_remark(WN_LEVEL_WARNING, "disk %d%% full\n", 99);
    text = get_text(fd);
    g_assert_nonnull(strstr(text, " level=warning event=log "));
    g_assert_true(g_str_has_suffix(text, " message=\"disk 99% full\\x0a\"\n"));
}

/* Reads what a pipe holds, without waiting. */
static char *
drain(int fd)
{
    GString *text = g_string_new(NULL);
    char chunk[65536];
    ssize_t n;

    while ((n = read(fd, chunk, sizeof chunk)) > 0)
        g_string_append_len(text, chunk, n);
    return g_string_free(text, FALSE);
}

/* A full pipe costs lines, which are counted, and never time. */
static void
test_slow_reader(void)
{
    g_autofree char *first = NULL;
    g_autofree char *second = NULL;
    g_auto(GStrv) lines = NULL;
    int fds[2];
    guint n;

    g_assert_cmpint(pipe(fds), ==, 0);
    g_assert_true(wn_fd_set_nonblocking(fds[0]));
    wn_clock_fake(SOME_MONO, SOME_TIME);
    wn_log_open("winnow-test", WN_LOG_TEXT, fds[1]);
    wn_log_set_level(WN_LEVEL_ERROR);
    for (int i = 0; i < 5000; i++)
        wn_remark(WN_LEVEL_ERROR, "line %d", i);
    first = drain(fds[0]);
    wn_remark(WN_LEVEL_ERROR, "recovered");
    second = drain(fds[0]);
    g_assert_true(g_str_has_suffix(first, "\"\n"));
    lines = g_strsplit(first, "\n", -1);
    n = g_strv_length(lines) - 1;
    g_assert_cmpuint(n, <, 5000);
    g_free(first);
    first = g_strdup_printf(" lines=%u\n", 5000 - n);
    g_assert_nonnull(strstr(second, " event=log_dropped "));
    g_assert_nonnull(strstr(second, first));
    g_assert_true(g_str_has_suffix(second, " message=recovered\n"));
    close(fds[0]);
    close(fds[1]);
}

/* A long line of which the pipe takes a part does not run into the next. */
static void
test_torn_line(void)
{
    g_autofree char *filler = g_strnfill(WN_LOG_FIELD_MAX, 'x');
    g_autofree char *first = NULL;
    g_autofree char *second = NULL;
    int fds[2];

    g_assert_cmpint(pipe(fds), ==, 0);
    g_assert_true(wn_fd_set_nonblocking(fds[0]));
    wn_clock_fake(SOME_MONO, SOME_TIME);
    wn_log_open("winnow-test", WN_LOG_JSON, fds[1]);
    for (int i = 0; i < 20; i++) {
        WnEvent event;

        wn_event_begin(&event, WN_LEVEL_ERROR, "long");
        for (int k = 0; k < 40; k++)
            wn_event_str(&event, "k", filler);
        wn_event_end(&event);
    }
    first = drain(fds[0]);
    g_assert_false(g_str_has_suffix(first, "}\n"));
    wn_remark(WN_LEVEL_ERROR, "next");
    second = drain(fds[0]);
    g_assert_true(g_str_has_prefix(second, "\n{\"time\""));
    g_assert_nonnull(strstr(second, "\"event\":\"log_dropped\""));
    close(fds[0]);
    close(fds[1]);
}

static void
test_reader_gone(void)
{
    int fds[2];

    signal(SIGPIPE, SIG_IGN);
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
    wn_log_open("winnow-test", WN_LOG_JSON, fds[1]);
    close(fds[0]);
    for (int i = 0; i < 3; i++)
        wn_remark(WN_LEVEL_ERROR, "into nothing");
    close(fds[1]);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/base/log/json-values", test_json_values);
    g_test_add_func("/base/log/json-list", test_json_list);
    g_test_add_func("/base/log/text-list", test_text_list);
    g_test_add_func("/base/log/escapes", test_escapes);
    g_test_add_func("/base/log/cut", test_cut);
    g_test_add_func("/base/log/full-line", test_full_line);
    g_test_add_func("/base/log/full-line-of-strings",
        test_full_line_of_strings);
    g_test_add_func("/base/log/unbalanced", test_unbalanced);
    g_test_add_func("/base/log/levels", test_levels);
    g_test_add_func("/base/log/remark", test_remark);
    g_test_add_func("/base/log/slow-reader", test_slow_reader);
    g_test_add_func("/base/log/torn-line", test_torn_line);
    g_test_add_func("/base/log/reader-gone", test_reader_gone);
    return g_test_run();
}
