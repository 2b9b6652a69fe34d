/* SPDX-License-Identifier: MIT */
#include "core/message/edit.h"

#include "core/message/header_text.h"

#define F "[Foreign Sender]"
#define B "[Blacklisted Sender]"

enum { EDITS_MAX = 4 };

typedef struct TestEdit {
    WnEditKind kind;
    const char *name;
    const char *value;
} TestEdit;

typedef struct Case {
    const char *title;
    const char *message;
    TestEdit edits[EDITS_MAX];
    size_t n_edits;
    const char *result;
} Case;

#define ADD(name, value)         \
    {                            \
        WN_EDIT_ADD, name, value \
    }
#define SET(name, value)         \
    {                            \
        WN_EDIT_SET, name, value \
    }
#define REMOVE(name)             \
    {                            \
        WN_EDIT_REMOVE, name, "" \
    }
#define TAG(value)                        \
    {                                     \
        WN_EDIT_PREFIX_SUBJECT, "", value \
    }

static const Case cases[] = {
    { "none", "A: b\r\n\r\nc", { ADD("", "x") }, 1, "A: b\r\n\r\nc" },
    { "add", "A: b\r\n\r\nc", { ADD("X", "1"), ADD("Y", "2") }, 2,
        "X: 1\r\nY: 2\r\nA: b\r\n\r\nc" },
    { "add without a value", "A: b\r\n\r\n", { ADD("X", "") }, 1,
        "X:\r\nA: b\r\n\r\n" },
    { "add to a body", "hello\r\n", { ADD("X", "1") }, 1,
        "X: 1\r\n\r\nhello\r\n" },
    { "add to nothing", "", { ADD("X", "1") }, 1, "X: 1\r\n" },
    { "add to an empty header", "\r\nhello", { ADD("X", "1") }, 1,
        "X: 1\r\n\r\nhello" },
    { "add to a header only", "A: b\r\n", { ADD("X", "1") }, 1,
        "X: 1\r\nA: b\r\n" },
    { "add below skipped lines", " x\r\nA: b\r\n\r\n", { ADD("X", "1") }, 1,
        " x\r\nX: 1\r\nA: b\r\n\r\n" },
    { "add below an mbox line", "From a 1:2\r\nA: b\r\n\r\n", { ADD("X", "1") },
        1, "From a 1:2\r\nX: 1\r\nA: b\r\n\r\n" },
    { "add below a skipped line without end", " x", { ADD("X", "1") }, 1,
        " x\r\nX: 1\r\n" },
    { "one tag begins like another", "Subject: [T+ [T] hi\r\n\r\n",
        { TAG("[T+"), TAG("[T]") }, 2, "Subject: [T+ [T] hi\r\n\r\n" },
    { "add a newline", "A: b\r\n\r\n", { ADD("X", "1\r\nBcc: y\n\rz") }, 1,
        "X: 1 Bcc: y  z\r\nA: b\r\n\r\n" },
    { "bad names", "A: b\r\n\r\n",
        { ADD("X:", "1"), ADD("X\r\nY", "1"), SET("X Y", "1"),
            ADD("\xc3\xa4", "1") },
        4, "A: b\r\n\r\n" },
    { "remove", "A: b\r\nX: 1\r\n 2\r\nC: d\r\nx: 3\r\n\r\nX: body",
        { REMOVE("X") }, 1, "A: b\r\nC: d\r\n\r\nX: body" },
    { "remove all", "X: 1\r\n\t2\r\n\r\n", { REMOVE("x") }, 1, "\r\n" },
    { "remove with a space before the colon", "X : 1\r\nA: b\r\n\r\n",
        { REMOVE("X") }, 1, "A: b\r\n\r\n" },
    { "remove with a folded colon", "X\r\n : 1\r\nA: b\r\n\r\n",
        { REMOVE("X") }, 1, "A: b\r\n\r\n" },
    { "remove what is not there", "A: b\r\n\r\n", { REMOVE("X") }, 1,
        "A: b\r\n\r\n" },
    { "remove the last line without end", "A: b\r\nX: 1", { REMOVE("X") }, 1,
        "A: b\r\n" },
    { "remove, then add", "X: 1\r\nA: b\r\n\r\n",
        { REMOVE("X"), ADD("X", "2") }, 2, "X: 2\r\nA: b\r\n\r\n" },
    { "add, then remove", "X: 1\r\nA: b\r\n\r\n",
        { ADD("X", "2"), REMOVE("X") }, 2, "A: b\r\n\r\n" },
    { "set", "A: b\r\nX: 1\r\n 2\r\nC: d\r\nX: 3\r\n\r\n", { SET("x", "9") }, 1,
        "A: b\r\nx: 9\r\nC: d\r\n\r\n" },
    { "set what is not there", "A: b\r\n\r\n", { SET("X", "9") }, 1,
        "X: 9\r\nA: b\r\n\r\n" },
    { "set what was added", "X: 1\r\n\r\n", { ADD("X", "2"), SET("X", "3") }, 2,
        "X: 3\r\n\r\n" },
    { "set twice", "X: 1\r\n\r\n", { SET("X", "2"), SET("X", "3") }, 2,
        "X: 3\r\n\r\n" },
    { "tag", "A: b\r\nSubject: hi\r\n\r\n", { TAG(F) }, 1,
        "A: b\r\nSubject: " F " hi\r\n\r\n" },
    { "two tags", "Subject: hi\r\n\r\n", { TAG(F), TAG(B) }, 2,
        "Subject: " F " " B " hi\r\n\r\n" },
    { "tag twice in a list", "Subject: hi\r\n\r\n", { TAG(F), TAG(F) }, 2,
        "Subject: " F " hi\r\n\r\n" },
    { "tag again", "Subject: " F " hi\r\n\r\n", { TAG(F) }, 1,
        "Subject: " F " hi\r\n\r\n" },
    { "tags again", "Subject: " F " " B " hi\r\n\r\n", { TAG(F), TAG(B) }, 2,
        "Subject: " F " " B " hi\r\n\r\n" },
    { "tags again in another order", "Subject: " F " " B " hi\r\n\r\n",
        { TAG(B), TAG(F) }, 2, "Subject: " F " " B " hi\r\n\r\n" },
    { "tag behind that of others", "Subject: [x] " F " hi\r\n\r\n", { TAG(F) },
        1, "Subject: [x] " F " hi\r\n\r\n" },
    { "one of two tags is there", "Subject: " B " hi\r\n\r\n",
        { TAG(F), TAG(B) }, 2, "Subject: " F " " B " hi\r\n\r\n" },
    { "tag in the middle does not count", "Subject: re: " F "\r\n\r\n",
        { TAG(F) }, 1, "Subject: " F " re: " F "\r\n\r\n" },
    { "tags without brackets", "Subject: SPAM: hi\r\n\r\n",
        { TAG("ALIEN:"), TAG("SPAM:") }, 2,
        "Subject: ALIEN: SPAM: hi\r\n\r\n" },
    { "tags without brackets again", "Subject: ALIEN: SPAM: hi\r\n\r\n",
        { TAG("SPAM:"), TAG("ALIEN:") }, 2,
        "Subject: ALIEN: SPAM: hi\r\n\r\n" },
    { "a word is not a tag", "Subject: SPAMMERS\r\n\r\n", { TAG("SPAM") }, 1,
        "Subject: SPAM SPAMMERS\r\n\r\n" },
    { "tag that is encoded in the subject",
        "Subject: =?utf-8?Q?=5BForeign_Sender=5D_hi?=\r\n\r\n", { TAG(F) }, 1,
        "Subject: =?utf-8?Q?=5BForeign_Sender=5D_hi?=\r\n\r\n" },
    { "tag that is folded in the subject",
        "Subject: [Foreign\r\n Sender] hi\r\n\r\n", { TAG(F) }, 1,
        "Subject: [Foreign\r\n Sender] hi\r\n\r\n" },
    { "tag before an encoded subject", "Subject: =?utf-8?Q?h=C3=A4?=\r\n\r\n",
        { TAG(F) }, 1, "Subject: " F " =?utf-8?Q?h=C3=A4?=\r\n\r\n" },
    { "tag before a broken word", "Subject: =?utf-8?B?\r\n\r\n", { TAG(F) }, 1,
        "Subject: " F " =?utf-8?B?\r\n\r\n" },
    { "tag without a space", "Subject:hi\r\n\r\n", { TAG(F) }, 1,
        "Subject: " F " hi\r\n\r\n" },
    { "tag before a tab", "subject:\thi  x \r\n\r\n", { TAG(F) }, 1,
        "subject:\t" F " hi  x \r\n\r\n" },
    { "tag before a fold", "Subject:\r\n hi\r\n\r\n", { TAG(F) }, 1,
        "Subject: " F "\r\n hi\r\n\r\n" },
    { "tag before a space and a fold", "Subject: \r\n hi\r\n\r\n", { TAG(F) },
        1, "Subject: " F "\r\n hi\r\n\r\n" },
    { "tag on an empty subject", "Subject:\r\n\r\n", { TAG(F) }, 1,
        "Subject: " F "\r\n\r\n" },
    { "tag without a subject", "A: b\r\n\r\n", { TAG(F), TAG(B) }, 2,
        "Subject: " F " " B "\r\nA: b\r\n\r\n" },
    { "tag without a subject, again", "Subject: " F "\r\nA: b\r\n\r\n",
        { TAG(F) }, 1, "Subject: " F "\r\nA: b\r\n\r\n" },
    { "tag without a header", "hello", { TAG(F) }, 1,
        "Subject: " F "\r\n\r\nhello" },
    { "tag on two subjects", "Subject: a\r\nSubject: " F " b\r\n\r\n",
        { TAG(F) }, 1, "Subject: " F " a\r\nSubject: " F " b\r\n\r\n" },
    { "tag on a space before the colon", "Subject : a\r\n\r\n", { TAG(F) }, 1,
        "Subject : " F " a\r\n\r\n" },
    { "tag on a raw 8-bit subject", "Subject: h\xe4\r\n\r\n", { TAG(F) }, 1,
        "Subject: " F " h\xe4\r\n\r\n" },
    { "empty tag", "Subject: a\r\n\r\n", { TAG(" \r\n") }, 1,
        "Subject: a\r\n\r\n" },
    { "tag that would begin a field", "Subject: a\r\n\r\n",
        { TAG("x\r\nBcc: y") }, 1, "Subject: x Bcc: y a\r\n\r\n" },
    { "tag and set", "Subject: a\r\n\r\n", { SET("Subject", "b"), TAG(F) }, 2,
        "Subject: " F " b\r\n\r\n" },
    { "set after tag", "Subject: a\r\n\r\n", { TAG(F), SET("Subject", "b") }, 2,
        "Subject: b\r\n\r\n" },
    { "remove, then tag", "Subject: a\r\nA: b\r\n\r\n",
        { REMOVE("Subject"), TAG(F) }, 2, "Subject: " F "\r\nA: b\r\n\r\n" },
    { "non-ASCII tag", "Subject: hi\r\n\r\n", { TAG("[Fremd\xc3\xa4]") }, 1,
        "Subject: =?UTF-8?Q?=5BFremd=C3=A4=5D?= hi\r\n\r\n" },
    { "non-ASCII tag before an encoded word", "Subject: =?utf-8?Q?hi?=\r\n\r\n",
        { TAG("[Fremd\xc3\xa4]") }, 1,
        "Subject: =?UTF-8?Q?=5BFremd=C3=A4=5D_?= =?utf-8?Q?hi?=\r\n\r\n" },
    { "non-ASCII tag again",
        "Subject: =?UTF-8?Q?=5BFremd=C3=A4=5D_?= =?utf-8?Q?hi?=\r\n\r\n",
        { TAG("[Fremd\xc3\xa4]") }, 1,
        "Subject: =?UTF-8?Q?=5BFremd=C3=A4=5D_?= =?utf-8?Q?hi?=\r\n\r\n" },
    { "non-ASCII tag before a folded encoded word",
        "Subject:\r\n =?utf-8?Q?hi?=\r\n\r\n", { TAG("\xc3\xa4") }, 1,
        "Subject: =?UTF-8?B?w6Qg?=\r\n =?utf-8?Q?hi?=\r\n\r\n" },
};

static void
collect(void *user, WnSpan piece)
{
    g_string_append_len(user, piece.ptr, (gssize)piece.len);
}

typedef struct Rendered {
    GStringChunk *strings;
    GArray *splices;
    GString *result;
    size_t top;
} Rendered;

static void
render(Rendered *self, WnSpan message, const WnEdit *edits, size_t n_edits)
{
    g_auto(WnHeaderBlock) block;

    self->strings = g_string_chunk_new(256);
    self->splices = g_array_new(FALSE, FALSE, sizeof(WnSplice));
    self->result = g_string_new(NULL);
    wn_header_block_init(&block);
    wn_header_block_parse(&block, message);
    self->top = block.top;
    wn_edits_render(edits, n_edits, message, &block, self->strings,
        self->splices);
    for (guint i = 1; i < self->splices->len; i++)
        g_assert_cmpuint(g_array_index(self->splices, WnSplice, i - 1).offset,
            <=, g_array_index(self->splices, WnSplice, i).offset);
    g_assert_true(wn_splices_normalise(self->splices, message.len));
    wn_splices_apply(self->splices, message, collect, self->result);
    g_assert_cmpuint(wn_splices_result_len(self->splices, message.len), ==,
        self->result->len);
}

static void
rendered_clear(Rendered *self)
{
    g_string_chunk_free(self->strings);
    g_array_unref(self->splices);
    g_string_free(self->result, TRUE);
}

static void
test_case(gconstpointer data)
{
    const Case *it = data;
    WnEdit edits[EDITS_MAX];
    Rendered rendered;

    for (size_t i = 0; i < it->n_edits; i++)
        edits[i] = (WnEdit){ it->edits[i].kind, wn_span_str(it->edits[i].name),
            wn_span_str(it->edits[i].value) };
    render(&rendered, wn_span_str(it->message), edits, it->n_edits);
    g_assert_cmpstr(rendered.result->str, ==, it->result);
    rendered_clear(&rendered);
}

/* The line of the subject would pass 998, so it is folded behind the tag. */
static void
test_tag_on_a_full_line(void)
{
    static const WnEdit edit = { WN_EDIT_PREFIX_SUBJECT, { "", 0 },
        { F, sizeof F - 1 } };

    for (size_t len = 960; len < 995; len++) {
        g_autofree char *subject = g_strnfill(len, 'x');
        g_autofree char *message = g_strconcat("Subject: ", subject, "\r\n\r\n",
            NULL);
        const char *gap = len + strlen("Subject: " F " ") > 998 ? "\r\n " : " ";
        g_autofree char *expected = g_strconcat("Subject: " F, gap, subject,
            "\r\n\r\n", NULL);
        Rendered rendered;

        render(&rendered, wn_span_str(message), &edit, 1);
        g_assert_cmpstr(rendered.result->str, ==, expected);
        rendered_clear(&rendered);
    }
}

/* Random messages and edits */

static void
append_random_message(GString *out, GRand *rand)
{
    static const char *const lines[] = { "Subject: a b\r\n", "Subject:\r\n",
        "subject : =?utf-8?Q?=C3=A4?=\r\n", "Subject: [T] x\r\n y\r\n",
        "X: 1\r\n", "X: 2\r\n  3\r\n\t4\r\n", "A: b\r\n", "Y:z\r\n",
        "C: \xe4\xff\r\n", "Subject:\r\n =?iso-8859-1?Q?=E4?=\r\n",
        " continued\r\n", "D\r\n : e\r\n" };
    int n = g_rand_int_range(rand, 0, 12);

    for (int i = 0; i < n; i++)
        g_string_append(out,
            lines[g_rand_int_range(rand, 0, G_N_ELEMENTS(lines))]);
    if (g_rand_int_range(rand, 0, 4) > 0)
        g_string_append(out, "\r\nSubject: body\r\nX: 1\r\n");
    else if (g_rand_int_range(rand, 0, 2) > 0)
        g_string_append(out, "body without separator\r\nX: 1\r\n");
}

static WnEdit
random_edit(GRand *rand)
{
    static const char *const names[] = { "X", "Y", "Subject", "New", "A" };
    static const char *const values[] = { "v", "", "ä ö", "a\r\nInjected: b",
        "\n.\r\n",
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx "
        "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy" };
    static const char *const tags[] = { "[T]", "[Ü]", "[Two words]", "T" };
    WnEdit edit = { .kind = (WnEditKind)g_rand_int_range(rand, 0, 4) };

    edit.name = wn_span_str(
        names[g_rand_int_range(rand, 0, G_N_ELEMENTS(names))]);
    edit.value = edit.kind == WN_EDIT_PREFIX_SUBJECT
                     ? wn_span_str(
                         tags[g_rand_int_range(rand, 0, G_N_ELEMENTS(tags))])
                     : wn_span_str(values[g_rand_int_range(rand, 0,
                         G_N_ELEMENTS(values))]);
    return edit;
}

static bool
is_touched(WnSpan name, const WnEdit *edits, size_t n_edits)
{
    for (size_t i = 0; i < n_edits; i++) {
        WnSpan edited = edits[i].kind == WN_EDIT_PREFIX_SUBJECT
                            ? WN_SPAN("Subject")
                            : edits[i].name;

        if (wn_span_case_eq(name, edited))
            return true;
    }
    return false;
}

/* The fields that no edit names, and all that is no field. */
static GString *
untouched(WnSpan message, const WnEdit *edits, size_t n_edits)
{
    GString *rest = g_string_new(NULL);
    size_t at = 0;
    g_auto(WnHeaderBlock) block;

    wn_header_block_init(&block);
    wn_header_block_parse(&block, message);
    for (guint i = 0; i < block.fields->len; i++) {
        const WnField *field = &g_array_index(block.fields, WnField, i);

        if (!is_touched(wn_field_name(message, field), edits, n_edits))
            continue;
        g_string_append_len(rest, message.ptr + at,
            (gssize)(field->offset - at));
        at = field->end;
    }
    g_string_append_len(rest, message.ptr + at, (gssize)(message.len - at));
    return rest;
}

static void
assert_insertions_are_clean(const GArray *splices)
{
    for (guint i = 0; i < splices->len; i++) {
        WnSpan text = g_array_index(splices, WnSplice, i).insert;

        for (size_t j = 0; j < text.len; j++) {
            g_assert_true(text.ptr[j] >= ' ' || text.ptr[j] == '\r'
                          || text.ptr[j] == '\n');
            if (text.ptr[j] == '\n')
                g_assert_true(j > 0 && text.ptr[j - 1] == '\r');
            if (text.ptr[j] == '\r')
                g_assert_true(j + 1 < text.len && text.ptr[j + 1] == '\n');
        }
    }
}

static void
test_nothing_else_changes(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(7);

    for (int i = 0; i < 20000; i++) {
        g_autoptr(GString) message = g_string_new(NULL);
        WnEdit edits[EDITS_MAX];
        size_t n_edits = (size_t)g_rand_int_range(rand, 0, EDITS_MAX + 1);
        g_autoptr(GString) before = NULL;
        g_autoptr(GString) after = NULL;
        Rendered rendered;

        append_random_message(message, rand);
        for (size_t j = 0; j < n_edits; j++)
            edits[j] = random_edit(rand);
        render(&rendered, wn_span(message->str, message->len), edits, n_edits);
        assert_insertions_are_clean(rendered.splices);
        before = untouched(wn_span(message->str, message->len), edits, n_edits);
        after = untouched(wn_span(rendered.result->str, rendered.result->len),
            edits, n_edits);
        g_assert_null(strstr(after->str, "Injected: b\r\n"));
        if (!g_string_equal(before, after))
            g_string_insert(before, (gssize)rendered.top, "\r\n");
        g_assert_cmpstr(before->str, ==, after->str);
        rendered_clear(&rendered);
    }
}

/* What is tagged already is left alone, and the old subject stays. */
static void
test_tagging_is_idempotent(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(11);

    for (int i = 0; i < 5000; i++) {
        g_autoptr(GString) message = g_string_new(NULL);
        WnEdit edits[EDITS_MAX];
        size_t n_edits = (size_t)g_rand_int_range(rand, 1, EDITS_MAX + 1);
        Rendered once;
        Rendered twice;

        append_random_message(message, rand);
        for (size_t j = 0; j < n_edits; j++) {
            do
                edits[j] = random_edit(rand);
            while (edits[j].kind != WN_EDIT_PREFIX_SUBJECT);
        }
        render(&once, wn_span(message->str, message->len), edits, n_edits);
        render(&twice, wn_span(once.result->str, once.result->len), edits,
            n_edits);
        g_assert_cmpuint(twice.splices->len, ==, 0);
        for (guint j = 0; j < once.splices->len; j++)
            g_assert_cmpuint(g_array_index(once.splices, WnSplice, j).remove,
                ==, 0);
        rendered_clear(&once);
        rendered_clear(&twice);
    }
}

static void
test_name_is_valid(void)
{
    char longest[78];

    memset(longest, 'x', sizeof longest);
    g_assert_true(wn_edit_name_is_valid(WN_SPAN("X-Winnow-Id")));
    g_assert_true(wn_edit_name_is_valid(wn_span(longest, 76)));
    g_assert_false(wn_edit_name_is_valid(wn_span(longest, 77)));
    g_assert_false(wn_edit_name_is_valid(WN_SPAN("")));
    g_assert_false(wn_edit_name_is_valid(WN_SPAN("a:b")));
    g_assert_false(wn_edit_name_is_valid(WN_SPAN("a b")));
    g_assert_false(wn_edit_name_is_valid(WN_SPAN("a\nb")));
    g_assert_false(wn_edit_name_is_valid(WN_SPAN("\xc3\xa4")));
    g_assert_false(wn_edit_name_is_valid(WN_SPAN("a\x7f")));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/message/edit/%s",
            cases[i].title);

        g_test_add_data_func(path, &cases[i], test_case);
    }
    g_test_add_func("/message/edit/nothing-else-changes",
        test_nothing_else_changes);
    g_test_add_func("/message/edit/tagging-is-idempotent",
        test_tagging_is_idempotent);
    g_test_add_func("/message/edit/tag-on-a-full-line",
        test_tag_on_a_full_line);
    g_test_add_func("/message/edit/name-is-valid", test_name_is_valid);
    return g_test_run();
}
