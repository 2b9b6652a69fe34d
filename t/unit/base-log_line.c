/* SPDX-License-Identifier: MIT */
#include "core/base/log_line.h"

#include "core/base/fd.h"
#include "core/base/log.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_HEAD "time=t event=e "
#define JSON_HEAD "{\"time\":\"t\",\"event\":\"e\","

/* "key=value key=value" of what follows time and event; NULL: no line. */
static char *
parse(WnSpan text)
{
    g_autoptr(WnLogLine) line = wn_log_line_parse(text);
    const GArray *fields;
    GString *out;

    if (line == NULL)
        return NULL;
    out = g_string_new(NULL);
    fields = wn_log_line_fields(line);
    for (guint i = 2; i < fields->len; i++) {
        const WnLogField *field = &g_array_index(fields, WnLogField, i);

        g_string_append_printf(out, "%s%s%c%s", i > 2 ? " " : "", field->key,
            "\"#?="[field->kind], field -> value);
    }
    return g_string_free(out, FALSE);
}

static const struct {
    const char *line;
    const char *fields; /* NULL: refused */
} cases[] = {
    { TEXT_HEAD "a=b", "a=b" },
    { TEXT_HEAD "a=\"b c\" d=\"\"", "a\"b c d\"" },
    { TEXT_HEAD "a=\"q\\\"b\\\\s\\x41\" n=12", "a\"q\"b\\sA n=12" },
    { TEXT_HEAD "filters.0.rule=x filters.10.rule=y",
        "filters.0.rule=x filters.10.rule=y" },
    { TEXT_HEAD "a=\"\\x00\"", "a\"\xef\xbf\xbd" },
    { "Nov 22 10:00:00 host winnowd[1]: " TEXT_HEAD "a=b", "a=b" },
    { TEXT_HEAD "a=b\n", "a=b" },
    { TEXT_HEAD, NULL },
    { TEXT_HEAD "a", NULL },
    { TEXT_HEAD "a=", NULL },
    { TEXT_HEAD "a=b  c=d", NULL },
    { TEXT_HEAD "a=b=c", NULL },
    { TEXT_HEAD "a=\"b", NULL },
    { TEXT_HEAD "a=\"b\"c", NULL },
    { TEXT_HEAD "a=\"\\xg0\"", NULL },
    { TEXT_HEAD "a=\"\\", NULL },
    { TEXT_HEAD "=b", NULL },
    { "event=e a=b", NULL },
    { "time=t a=b", NULL },
    { JSON_HEAD "\"a\":\"b\"}", "a\"b" },
    { JSON_HEAD "\"a\":-1,\"b\":true,\"c\":false,\"d\":null}",
        "a#-1 b?true c?false" },
    { JSON_HEAD "\"f\":[{\"x\":1,\"y\":\"z\"},{\"x\":2}],\"g\":[]}",
        "f.0.x#1 f.0.y\"z f.1.x#2" },
    { JSON_HEAD "\"f\":{\"x\":[1,2]}}", "f.x.0#1 f.x.1#2" },
    { JSON_HEAD " \"a\" : \"b\" , \"c\" : [ 1 , 2 ] } ", "a\"b c.0#1 c.1#2" },
    { JSON_HEAD "\"a\":\"\\\"\\\\\\/\\b\\n\\u00fc\\ud83d\\ude00\"}",
        "a\"\"\\/\b\n\xc3\xbc\xf0\x9f\x98\x80" },
    { JSON_HEAD "\"a\":\"\\u0000\\udc00\"}", "a\"\xef\xbf\xbd\xef\xbf\xbd" },
    { "relay winnowd[1]: " JSON_HEAD "\"a\":1}", "a#1" },
    { JSON_HEAD "\"a\":\"\\ud83d\"}", NULL },
    { JSON_HEAD "\"a\":\"\\ud83dx\"}", NULL },
    { JSON_HEAD "\"a\":\"\\u12\"}", NULL },
    { JSON_HEAD "\"a\":\"\x1b\"}", NULL },
    { JSON_HEAD "\"a\":\"b}", NULL },
    { JSON_HEAD "\"a\":1", NULL },
    { JSON_HEAD "\"a\":1}}", NULL },
    { JSON_HEAD "\"a\":1} {", NULL },
    { JSON_HEAD "\"a\":}", NULL },
    { JSON_HEAD "\"a\"}", NULL },
    { JSON_HEAD "\"\":1}", NULL },
    { JSON_HEAD "\"a\":[1,]}", NULL },
    { JSON_HEAD "\"a\":tru}", NULL },
    { "{}", NULL },
    { "{", NULL },
    { "[\"time\",\"event\"]", NULL },
    { "", NULL },
    { "what somebody else says", NULL },
};

static void
test_cases(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *fields = parse(wn_span_str(cases[i].line));

        g_test_message("%s", cases[i].line);
        g_assert_cmpstr(fields, ==, cases[i].fields);
    }
}

static void
test_bounds(void)
{
    g_autoptr(GString) deep = g_string_new(JSON_HEAD "\"a\":");
    g_autoptr(GString) many = g_string_new(JSON_HEAD "\"a\":[1");
    g_autofree char *prefix = g_strnfill(600, ' ');
    g_autofree char *late = g_strconcat(prefix, TEXT_HEAD "a=b", NULL);
    g_autofree char *key = g_strnfill(300, 'k');
    g_autofree char *long_key = g_strconcat(TEXT_HEAD, key, "=b", NULL);
    g_autofree char *huge = g_strnfill(WN_LOG_LINE_INPUT_MAX + 1, '[');

    for (int i = 0; i < 10000; i++) {
        g_string_append_c(deep, '[');
        g_string_append(many, ",1");
    }
    g_string_append(many, "]}");
    g_assert_null(wn_log_line_parse(wn_span(deep->str, deep->len)));
    g_assert_null(wn_log_line_parse(wn_span(many->str, many->len)));
    g_assert_null(wn_log_line_parse(wn_span_str(late)));
    g_assert_null(wn_log_line_parse(wn_span_str(long_key)));
    g_assert_null(wn_log_line_parse(wn_span_str(huge)));
    g_assert_null(wn_log_line_parse(WN_SPAN(TEXT_HEAD "a=\"b\0c\"")));
    g_assert_null(wn_log_line_parse(WN_SPAN(JSON_HEAD "\"a\":\"b\0c\"}")));
}

/* Whatever the log writes comes back as it was handed in. */
static void
check_round_trip(WnLogFormat format, WnSpan value)
{
    wn_autofd fd = memfd_create("log", MFD_CLOEXEC);
    g_autoptr(WnLogLine) line = NULL;
    g_autofree char *expected = wn_span_dup(value);
    char text[4096];
    ssize_t len;
    WnEvent event;

    wn_log_open("winnow-test", format, fd);
    wn_event_begin(&event, WN_LEVEL_INFO, "e");
    wn_event_span(&event, "a", value);
    wn_event_open_list(&event, "list");
    for (int i = 0; i < 2; i++) {
        wn_event_open_object(&event);
        wn_event_span(&event, "b", value);
        wn_event_int(&event, "n", i);
        wn_event_close_object(&event);
    }
    wn_event_close_list(&event);
    wn_event_end(&event);
    len = pread(fd, text, sizeof text, 0);
    g_assert_cmpint(len, >, 0);
    line = wn_log_line_parse(wn_span(text, (size_t)len));
    g_assert_nonnull(line);
    g_assert_cmpstr(wn_log_line_get(line, "a"), ==, expected);
    g_assert_cmpstr(wn_log_line_get(line, "list.0.b"), ==, expected);
    g_assert_cmpstr(wn_log_line_get(line, "list.1.n"), ==, "1");
    g_assert_cmpstr(wn_log_line_get(line, "program"), ==, "winnow-test");
    g_assert_null(wn_log_line_get(line, "list"));
}

static void
test_round_trip(void)
{
    static const char *const values[] = { "", "plain", "two words", "a=b",
        "\"quoted\"", "back\\slash", "line\nfeed", "\x1b[31m",
        "gr\xc3\xbc\xc3\x9f", "{\"time\":\"x\"}", "time=1 event=2",
        "\xe2\x80\xae", "12", "true" };

    for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
        check_round_trip(WN_LOG_JSON, wn_span_str(values[i]));
        check_round_trip(WN_LOG_TEXT, wn_span_str(values[i]));
    }
    check_round_trip(WN_LOG_TEXT, WN_SPAN("no \xff\xfe UTF-8"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/log_line/cases", test_cases);
    g_test_add_func("/log_line/bounds", test_bounds);
    g_test_add_func("/log_line/round-trip", test_round_trip);
    return g_test_run();
}
