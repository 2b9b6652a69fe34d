/* SPDX-License-Identifier: MIT */
#include "core/plugin/reply.h"

#include <glib.h>

typedef struct Case {
    const char *name, *text, *evidence, *expected;
} Case;

static const Case cases[] = {
    { "plain", "Message refused", "", "Message refused" },
    { "facts", "%c %s %r %d %f %i %h", "",
        "192.0.2.1 a@b.example u@good.example good.example rbl 01ID "
        "mx.example.net" },
    { "evidence", "listed by %e", "zen.example", "listed by zen.example" },
    { "percent", "100%% sure, %x stays, % too, and %", "",
        "100% sure, %x stays, % too, and %" },
    { "once", "%e", "%c %% %e", "%c %% %e" },
    { "lines", "one\ntwo\r\nthree", "", "one\ntwo\nthree" },
    { "empty-lines", "\n\none\n\n  \ntwo\n", "", "one\ntwo" },
    { "four-lines-at-most", "1\n2\n3\n4\n5", "", "1\n2\n3\n4" },
    { "fact-cannot-begin-a-line", "it is %e.", "x\r\n550 5.7.1 forged",
        "it is x??550 5.7.1 forged." },
    { "controls",
        "a\tb\x01"
        "c\x7f"
        "d\x1b[0m",
        "", "a?b?c?d?[0m" },
    { "not-ascii",
        "Gr\xc3\xbc\xc3\x9f"
        "e \xe2\x82\xac",
        "", "Gr??e ?" },
    { "not-utf8",
        "a\xff\xfe"
        "b",
        "", "a??b" },
    { "nothing", "", "", "" },
    { "only-spaces", "   ", "", "" },
    { "empty-fact", "%e", "", "" },
    { "trailing-spaces", "a   \nb ", "", "a\nb" },
};

static WnReplyFacts
facts_with(const char *evidence)
{
    return (WnReplyFacts){
        .client = WN_SPAN("192.0.2.1"),
        .sender = WN_SPAN("a@b.example"),
        .recipient = WN_SPAN("u@good.example"),
        .domain = WN_SPAN("good.example"),
        .filter = WN_SPAN("rbl"),
        .evidence = wn_span_str(evidence),
        .id = WN_SPAN("01ID"),
        .host = WN_SPAN("mx.example.net"),
    };
}

static void
test_text(const void *data)
{
    const Case *one = data;
    WnReplyFacts facts = facts_with(one->evidence);
    g_autoptr(WnArena) arena = wn_arena_new(0);

    g_assert_cmpstr(wn_reply_text(wn_span_str(one->text), &facts, arena).ptr,
        ==, one->expected);
}

static void
test_long_line_is_cut(void)
{
    g_autofree char *text = g_strnfill(100000, 'x');
    WnReplyFacts facts = facts_with(text);
    g_autoptr(WnArena) arena = wn_arena_new(0);
    WnSpan line = wn_reply_text(wn_span_str(text), &facts, arena);
    WnSpan lines = wn_reply_text(WN_SPAN("%e\n%e\n%e%e\n%e\n%e"), &facts,
        arena);

    g_assert_cmpuint(line.len, ==, WN_REPLY_LINE_MAX);
    g_assert_cmpuint(lines.len, ==, 4 * WN_REPLY_LINE_MAX + 3);
}

static void
test_enhanced(void)
{
    static const struct {
        const char *text;
        uint16_t code;
        bool valid;
    } codes[] = {
        { "5.7.1", 550, true },
        { "5.7.1", 450, false },
        { "4.7.1", 450, true },
        { "5.999.999", 599, true },
        { "5.1000.1", 550, false },
        { "5.7", 550, false },
        { "5.7.", 550, false },
        { "5..1", 550, false },
        { "5.07.1", 550, false },
        { "5.0.0", 550, true },
        { "5.7.1 ", 550, false },
        { "5.7.1x", 550, false },
        { "5.7.1\r\n", 550, false },
        { "", 550, false },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(codes); i++)
        g_assert_cmpint(wn_reply_enhanced_is_valid(wn_span_str(codes[i].text),
                            codes[i].code),
            ==, codes[i].valid);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strconcat("/plugin/reply/text/",
            cases[i].name, NULL);

        g_test_add_data_func(path, &cases[i], test_text);
    }
    g_test_add_func("/plugin/reply/long-line-is-cut", test_long_line_is_cut);
    g_test_add_func("/plugin/reply/enhanced", test_enhanced);
    return g_test_run();
}
