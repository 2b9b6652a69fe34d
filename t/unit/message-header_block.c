/* SPDX-License-Identifier: MIT */
#include "core/message/header_block.h"

typedef struct Case {
    const char *name;
    const char *message;
    const char *fields; /* "name|raw" of each, joined by '#' */
    size_t end;
    size_t body;
    size_t top;
    bool malformed;
} Case;

static const Case cases[] = {
    { "empty", "", "", 0, 0, 0, false },
    { "plain", "A: b\r\n\r\nbody", "A| b\r\n", 6, 8, 0, false },
    { "two", "A: b\r\nC:d\r\n\r\n", "A| b\r\n#C|d\r\n", 11, 13, 0, false },
    { "folded", "A: b\r\n c\r\n\td\r\nE: f\r\n\r\n",
        "A| b\r\n c\r\n\td\r\n#E| f\r\n", 20, 22, 0, false },
    { "no header", "\r\nbody", "", 0, 2, 0, false },
    { "header only", "A: b\r\n", "A| b\r\n", 6, 6, 0, false },
    { "no line end", "A: b", "A| b", 4, 4, 0, false },
    { "body only", "hello there\r\nA: b\r\n\r\n", "", 0, 0, 0, true },
    { "no separator", "A: b\r\nhello\r\nC: d\r\n", "A| b\r\n", 6, 6, 0, true },
    { "space before colon", "From \t: x\r\n\r\n", "From| x\r\n", 11, 13, 0,
        false },
    { "space first line", " x\r\n y\r\nA: b\r\n\r\n", "A| b\r\n", 14, 16, 8,
        true },
    { "mbox line", "From a@b Mon 12:00:00\r\nA: b\r\n\r\n", "A| b\r\n", 29, 31,
        23, true },
    { "quoted mbox line", ">From a@b 12:00\r\nA: b\r\n\r\n", "A| b\r\n", 23, 25,
        17, true },
    { "mbox line in the middle", "A: b\r\nFrom a 1:2\r\nC: d\r\n\r\n",
        "A| b\r\n", 6, 6, 0, true },
    { "colon on the next line", "From\r\n : x\r\nA: b\r\n\r\n",
        "From| x\r\n#A| b\r\n", 18, 20, 0, true },
    { "no colon on the next line", "From\r\n x: y\r\n\r\n", "", 0, 0, 0, true },
    { "empty name", ": x\r\n\r\n", "", 0, 0, 0, true },
    { "space in name", "A B: x\r\n\r\n", "", 0, 0, 0, true },
    { "8 bit in name", "A\xc3\xa4: x\r\n\r\n", "", 0, 0, 0, true },
    { "bare LF is content", "A: b\nC: d\r\n\r\n", "A| b\nC: d\r\n", 11, 13, 0,
        false },
    { "bare CR is content", "A: b\rC: d\r\n\r\n", "A| b\rC: d\r\n", 11, 13, 0,
        false },
    { "LF first in line", "A:\n\r\n\r\n", "A|\n\r\n", 5, 7, 0, false },
    { "empty value", "A:\r\nB: \r\n\r\n", "A|\r\n#B| \r\n", 9, 11, 0, false },
    { "blank continuation", "A: b\r\n \r\nC: d\r\n\r\n",
        "A| b\r\n \r\n#C| d\r\n", 15, 17, 0, false },
    { "CR at end", "A: b\r\n\r", "A| b\r\n", 6, 6, 0, true },
    { "only blanks", "  \r\n", "", 4, 4, 4, true },
    { "only CRLF", "\r\n", "", 0, 2, 0, false },
};

static void
test_case(gconstpointer data)
{
    const Case *it = data;
    WnSpan message = wn_span_str(it->message);
    g_autoptr(GString) fields = g_string_new(NULL);
    g_auto(WnHeaderBlock) block;

    wn_header_block_init(&block);
    g_assert_cmpint(wn_header_block_parse(&block, message), ==, WN_HEADER_OK);
    for (guint i = 0; i < block.fields->len; i++) {
        const WnField *field = &g_array_index(block.fields, WnField, i);
        WnSpan name = wn_field_name(message, field);
        WnSpan raw = wn_field_raw(message, field);

        g_string_append_printf(fields, "%s%.*s|%.*s", i > 0 ? "#" : "",
            (int)name.len, name.ptr, (int)raw.len, raw.ptr);
    }
    g_assert_cmpstr(fields->str, ==, it->fields);
    g_assert_cmpuint(block.end, ==, it->end);
    g_assert_cmpuint(block.body, ==, it->body);
    g_assert_cmpuint(block.top, ==, it->top);
    g_assert_true(block.malformed == it->malformed);
    g_assert_true(block.separator == (it->body == it->end + 2));
}

/* A value of so many bytes, in lines of 1000. */
static void
append_long_field(GString *out, size_t len)
{
    size_t end = out->len + len;

    g_string_append(out, "A:");
    while (out->len + 1004 < end) {
        for (int i = 0; i < 999; i++)
            g_string_append_c(out, 'x');
        g_string_append(out, "\r\n ");
    }
    while (out->len + 2 < end)
        g_string_append_c(out, 'y');
    g_string_append(out, "\r\n");
}

static WnHeaderStatus
parse(WnHeaderBlock *block, const GString *text)
{
    return wn_header_block_parse(block, wn_span(text->str, text->len));
}

static void
test_bytes_limit(void)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_auto(WnHeaderBlock) block;

    wn_header_block_init(&block);
    append_long_field(text, WN_HEADER_BYTES_MAX);
    g_assert_cmpuint(text->len, ==, WN_HEADER_BYTES_MAX);
    g_string_append(text, "\r\nbody");
    g_assert_cmpint(parse(&block, text), ==, WN_HEADER_OK);
    g_assert_true(block.separator);
    g_assert_cmpuint(block.body, ==, WN_HEADER_BYTES_MAX + 2);

    g_string_insert(text, 2, "z");
    g_assert_cmpint(parse(&block, text), ==, WN_HEADER_TOO_LARGE);
    g_assert_cmpuint(block.end, ==, 0);
    g_assert_cmpuint(block.body, ==, 0);

    g_string_truncate(text, 0);
    append_long_field(text, WN_HEADER_BYTES_MAX);
    g_string_append(text, "Subject: x\r\n\r\nbody");
    g_assert_cmpint(parse(&block, text), ==, WN_HEADER_TOO_LARGE);
    g_assert_cmpuint(block.fields->len, ==, 1);
    g_assert_cmpuint(block.end, ==, WN_HEADER_BYTES_MAX);
}

static void
test_skipped_lines_limit(void)
{
    g_autoptr(GString) text = g_string_new("  ");
    g_auto(WnHeaderBlock) block;

    wn_header_block_init(&block);
    append_long_field(text, WN_HEADER_BYTES_MAX);
    g_assert_cmpint(parse(&block, text), ==, WN_HEADER_TOO_LARGE);
    g_assert_cmpuint(block.top, ==, 0);
}

static void
test_fields_limit(void)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_auto(WnHeaderBlock) block;

    wn_header_block_init(&block);
    for (int i = 0; i < WN_HEADER_FIELDS_MAX; i++)
        g_string_append(text, "To: a@b\r\n");
    g_assert_cmpint(parse(&block, text), ==, WN_HEADER_OK);
    g_assert_cmpuint(block.fields->len, ==, WN_HEADER_FIELDS_MAX);
    for (int i = 0; i < 99000; i++)
        g_string_append(text, "To: a@b\r\n");
    g_assert_cmpint(parse(&block, text), ==, WN_HEADER_TOO_LARGE);
    g_assert_cmpuint(block.fields->len, ==, WN_HEADER_FIELDS_MAX);
}

static void
test_nul(void)
{
    static const char in_header[] = "A: b\0c\r\n\r\nbody";
    static const char in_body[] = "A: b\r\n\r\nbo\0dy";
    g_auto(WnHeaderBlock) block;

    wn_header_block_init(&block);
    g_assert_cmpint(wn_header_block_parse(&block,
                        wn_span(in_header, sizeof in_header - 1)),
        ==, WN_HEADER_NUL);
    g_assert_cmpuint(block.fields->len, ==, 1);
    g_assert_cmpuint(block.body, ==, 10);
    g_assert_cmpint(wn_header_block_parse(&block,
                        wn_span(in_body, sizeof in_body - 1)),
        ==, WN_HEADER_OK);
}

static void
test_reuse_forgets(void)
{
    g_auto(WnHeaderBlock) block;

    wn_header_block_init(&block);
    wn_header_block_parse(&block, WN_SPAN(" x\r\nA: b\r\nC: d\r\njunk"));
    wn_header_block_parse(&block, WN_SPAN("E: f\r\n\r\n"));
    g_assert_cmpuint(block.fields->len, ==, 1);
    g_assert_false(block.malformed);
    g_assert_true(block.separator);
    g_assert_cmpuint(block.top, ==, 0);
}

static void
test_separator_needed(void)
{
    static const struct {
        const char *message;
        bool needed;
    } all[] = { { "", false }, { "body\r\n", true }, { "\r\nbody", false },
        { "A: b\r\nbody", false }, { "A: b\r\n", false },
        { "From a 1:2\r\nbody", true }, { " x\r\n", false } };
    g_auto(WnHeaderBlock) block;

    wn_header_block_init(&block);
    for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
        WnSpan message = wn_span_str(all[i].message);

        wn_header_block_parse(&block, message);
        g_assert_true(wn_header_block_needs_separator(&block, message.len)
                      == all[i].needed);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/message/header_block/%s",
            cases[i].name);

        g_test_add_data_func(path, &cases[i], test_case);
    }
    g_test_add_func("/message/header_block/bytes-limit", test_bytes_limit);
    g_test_add_func("/message/header_block/skipped-lines-limit",
        test_skipped_lines_limit);
    g_test_add_func("/message/header_block/fields-limit", test_fields_limit);
    g_test_add_func("/message/header_block/nul", test_nul);
    g_test_add_func("/message/header_block/reuse-forgets", test_reuse_forgets);
    g_test_add_func("/message/header_block/separator-needed",
        test_separator_needed);
    return g_test_run();
}
