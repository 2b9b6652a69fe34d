/* SPDX-License-Identifier: MIT */
#include "core/message/mime_tree.h"

#include <gmime/gmime.h>
#include <pthread.h>
#include <time.h>

enum { SMALL_STACK = 512 * 1024 };

#define MULTI(kind, b) \
    "Content-Type: multipart/" kind "; boundary=\"" b "\"\r\n\r\n"
#define RFC822 "Content-Type: message/rfc822\r\n\r\n"

/* tree: for each part its depth, type, flags and raw:
 * "depth type [amMb] <raw>", one on a line. */
static const struct {
    const char *title, *message, *tree;
} cases[] = {
    { "empty", "", "0 text/plain <>\n" },
    { "no header", "hello", "0 text/plain <hello>\n" },
    { "plain", "A: b\r\n\r\nhello\r\n", "0 text/plain <hello\r\n>\n" },
    { "broken type", "Content-Type: foo\r\n\r\nx", "0 text/plain <x>\n" },
    { "html", "Content-Type: TEXT/HTML\r\n\r\nx", "0 text/html <x>\n" },
    { "multipart",
        MULTI("mixed", "b") "pre\r\n--b\r\n\r\none\r\n--b\r\n"
                            "Content-Type: a/b\r\n\r\ntwo\r\n\r\n--b--\r\npost",
        "0 multipart/mixed m <pre\r\n--b\r\n\r\none\r\n--b\r\nContent-Type: "
        "a/b\r\n\r\ntwo\r\n\r\n--b--\r\npost>\n"
        "1 text/plain <one>\n1 a/b <two\r\n>\n" },
    { "no end", MULTI("x", "b") "--b\r\n\r\none\r\n",
        "0 multipart/x m <--b\r\n\r\none\r\n>\n1 text/plain <one\r\n>\n" },
    { "nothing after the end", MULTI("x", "b") "--b--\r\n--b\r\n\r\none",
        "0 multipart/x m <--b--\r\n--b\r\n\r\none>\n" },
    { "trailing white space", MULTI("x", "b") "--b \t\r\n\r\n1\r\n--b-- \r\n",
        "0 multipart/x m <--b \t\r\n\r\n1\r\n--b-- \r\n>\n"
        "1 text/plain <1>\n" },
    { "longer line is no boundary", MULTI("x", "b") "--b\r\n\r\n1\r\n--bc",
        "0 multipart/x m <--b\r\n\r\n1\r\n--bc>\n"
        "1 text/plain <1\r\n--bc>\n" },
    { "boundary not at the start of a line",
        MULTI("x", "b") "--b\r\n\r\n1\r\n --b\r\nx--b",
        "0 multipart/x m <--b\r\n\r\n1\r\n --b\r\nx--b>\n"
        "1 text/plain <1\r\n --b\r\nx--b>\n" },
    { "part without a header", MULTI("x", "b") "--b\r\nhello\r\n--b--",
        "0 multipart/x m <--b\r\nhello\r\n--b-->\n1 text/plain <hello>\n" },
    { "part that ends in its header",
        MULTI("x", "b") "--b\r\nContent-Type: a/b\r\n--b\r\n\r\n1\r\n--b--",
        "0 multipart/x m <--b\r\nContent-Type: a/b\r\n--b\r\n\r\n1\r\n--b-->\n"
        "1 a/b <>\n1 text/plain <1>\n" },
    { "boundary that looks like a field",
        MULTI("x", "b:c") "--b:c\r\nX: y\r\n--b:c\r\n\r\n1\r\n--b:c--",
        "0 multipart/x m <--b:c\r\nX: y\r\n--b:c\r\n\r\n1\r\n--b:c-->\n"
        "1 text/plain <>\n1 text/plain <1>\n" },
    { "empty parts", MULTI("x", "b") "--b\r\n--b\r\n\r\n--b\r\n\r\n\r\n--b--",
        "0 multipart/x m <--b\r\n--b\r\n\r\n--b\r\n\r\n\r\n--b-->\n"
        "1 text/plain <>\n1 text/plain <>\n1 text/plain <>\n" },
    { "no boundary", "Content-Type: multipart/mixed\r\n\r\n--\r\nhi",
        "0 multipart/mixed b <--\r\nhi>\n" },
    { "inner without end",
        MULTI("x", "o") "--o\r\n" MULTI("y", "i") "--i\r\n\r\n1\r\n--o\r\n\r\n"
                                                  "2\r\n--o--",
        "0 multipart/x m <--o\r\nContent-Type: multipart/y; "
        "boundary=\"i\"\r\n\r\n--i\r\n\r\n1\r\n--o\r\n\r\n2\r\n--o-->\n"
        "1 multipart/y m <--i\r\n\r\n1>\n2 text/plain <1>\n"
        "1 text/plain <2>\n" },
    { "inner prefix of outer",
        MULTI("x", "bb") "--bb\r\n" MULTI("y", "b") "--b\r\n\r\n1\r\n--b--\r\n"
                                                    "--bb--",
        "0 multipart/x m <--bb\r\nContent-Type: multipart/y; "
        "boundary=\"b\"\r\n\r\n--b\r\n\r\n1\r\n--b--\r\n--bb-->\n"
        "1 multipart/y m <--b\r\n\r\n1\r\n--b-->\n2 text/plain <1>\n" },
    { "message", RFC822 "Subject: x\r\n\r\nhi",
        "0 message/rfc822 M <Subject: x\r\n\r\nhi>\n1 text/plain <hi>\n" },
    { "message in a message", RFC822 RFC822 "\r\nhi",
        "0 message/rfc822 M <Content-Type: message/rfc822\r\n\r\n\r\nhi>\n"
        "1 message/rfc822 M <\r\nhi>\n2 text/plain <hi>\n" },
    { "encoded message",
        "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n"
        "\r\naGk=",
        "0 message/rfc822 <aGk=>\n" },
    { "digest", MULTI("digest", "b") "--b\r\n\r\nX: y\r\n\r\n1\r\n--b--",
        "0 multipart/digest m <--b\r\n\r\nX: y\r\n\r\n1\r\n--b-->\n"
        "1 message/rfc822 M <X: y\r\n\r\n1>\n2 text/plain <1>\n" },
    { "attachment",
        "Content-Type: a/b; name=x\r\nContent-Disposition: inline\r\n\r\n1",
        "0 a/b a <1>\n" },
    { "bare line feeds", MULTI("x", "b") "--b\n\r\n1\n--b--\n",
        "0 multipart/x m <--b\n\r\n1\n--b--\n>\n1 text/plain <1>\n" },
    { "broken base64",
        "Content-Type: a/b\r\nContent-Transfer-Encoding: base64\r\n\r\n*",
        "0 a/b b <*>\n" },
    { "8-bit boundary",
        "Content-Type: multipart/x; boundary=\"\xe4\"\r\n\r\n--\xe4\r\n\r\n1",
        "0 multipart/x m <--\xe4\r\n\r\n1>\n1 text/plain <1>\n" },
};

static void
parse(WnMimeTree *tree, WnSpan message, WnArena *arena)
{
    g_auto(WnHeaderBlock) block;

    wn_header_block_init(&block);
    wn_header_block_parse(&block, message);
    wn_mime_tree_init(tree, message, &block, arena);
}

static const WnMimePart *
part_at(const WnMimeTree *tree, guint n)
{
    return &g_array_index(tree->parts, WnMimePart, n);
}

static void
describe(GString *out, const WnMessagePart *part)
{
    g_string_append_printf(out, "%u %.*s ", part->depth, (int)part->type.len,
        part->type.ptr);
    if ((part->flags & WN_MESSAGE_PART_ATTACHMENT) != 0)
        g_string_append_c(out, 'a');
    if ((part->flags & WN_MESSAGE_PART_MULTIPART) != 0)
        g_string_append_c(out, 'm');
    if ((part->flags & WN_MESSAGE_PART_MESSAGE) != 0)
        g_string_append_c(out, 'M');
    if ((part->flags & WN_MESSAGE_PART_BROKEN) != 0)
        g_string_append_c(out, 'b');
    g_string_append_printf(out, "%s<%.*s>\n", part->flags != 0 ? " " : "",
        (int)part->raw.len, part->raw.ptr);
}

static void
test_case(gconstpointer data)
{
    size_t i = (size_t)GPOINTER_TO_UINT(data);
    g_autoptr(WnArena) arena = wn_arena_new(0);
    g_autoptr(GString) text = g_string_new(NULL);
    WnMimeTree tree;

    parse(&tree, wn_span_str(cases[i].message), arena);
    for (guint n = 0; n < tree.parts->len; n++)
        describe(text, &part_at(&tree, n)->part);
    g_assert_cmpstr(text->str, ==, cases[i].tree);
    g_assert_cmpuint(tree.problems
                         & (WN_MESSAGE_TOO_DEEP | WN_MESSAGE_TOO_MANY),
        ==, 0);
    wn_mime_tree_clear(&tree);
}

static void
test_attachments_are_not_shown(void)
{
    static const char message[] = MULTI("mixed",
        "a") "--a\r\nContent-Disposition: attachment\r\n" MULTI("x",
        "b") "--b\r\n\r\n1\r\n--b--\r\n--a\r\n"
             "Content-Disposition: inline; filename=f.txt\r\n\r\n2\r\n--a--";
    g_autoptr(WnArena) arena = wn_arena_new(0);
    WnMimeTree tree;

    parse(&tree, wn_span_str(message), arena);
    g_assert_cmpuint(tree.parts->len, ==, 4);
    g_assert_true(part_at(&tree, 0)->shown);
    g_assert_false(part_at(&tree, 1)->shown);
    g_assert_false(part_at(&tree, 2)->shown);
    g_assert_true(part_at(&tree, 3)->shown);
    g_assert_true(
        wn_span_eq(part_at(&tree, 3)->part.file_name, WN_SPAN("f.txt")));
    wn_mime_tree_clear(&tree);
}

/* Hostile structures, on a small stack and with a bound on time */

typedef struct Attack {
    GString *message;
    uint32_t n_parts;
    uint32_t problems;
} Attack;

static void *
parse_attack(void *data)
{
    const Attack *attack = data;
    g_autoptr(WnArena) arena = wn_arena_new(0);
    clock_t start = clock();
    WnMimeTree tree;

    parse(&tree, wn_span(attack->message->str, attack->message->len), arena);
    g_assert_cmpuint(tree.parts->len, ==, attack->n_parts);
    g_assert_cmpuint(tree.problems
                         & (WN_MESSAGE_TOO_DEEP | WN_MESSAGE_TOO_MANY),
        ==, attack->problems);
    for (guint i = 0; i < tree.parts->len; i++)
        g_assert_cmpuint(part_at(&tree, i)->part.raw.len, <=,
            attack->message->len);
    /* A few milliseconds; the rest is for sanitizers and busy machines. */
    g_assert_cmpint((clock() - start) / (CLOCKS_PER_SEC / 1000), <, 400);
    wn_mime_tree_clear(&tree);
    return NULL;
}

static void
run_attack(Attack *attack)
{
    pthread_attr_t attributes;
    pthread_t thread;

    pthread_attr_init(&attributes);
    g_assert_cmpint(pthread_attr_setstacksize(&attributes, SMALL_STACK), ==, 0);
    g_assert_cmpint(pthread_create(&thread, &attributes, parse_attack, attack),
        ==, 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
    g_string_free(attack->message, TRUE);
}

static void
append_nested(GString *out, int from, int to)
{
    for (int i = from; i < to; i++)
        g_string_append_printf(out, MULTI("mixed", "b%d") "--b%d\r\n", i, i);
}

static void
test_nested_multiparts(void)
{
    static const int depths[] = { 49, 50, 51, 100, 100000 };

    for (size_t i = 0; i < G_N_ELEMENTS(depths); i++) {
        int depth = depths[i];
        Attack attack = { .message = g_string_new(NULL),
            .n_parts = (uint32_t)MIN(depth, WN_MESSAGE_DEPTH_MAX) + 1,
            .problems = depth > WN_MESSAGE_DEPTH_MAX ? WN_MESSAGE_TOO_DEEP
                                                     : 0 };

        append_nested(attack.message, 0, depth);
        g_string_append(attack.message, "\r\nhello");
        run_attack(&attack);
    }
}

static void
test_nested_messages(void)
{
    Attack attack = { .message = g_string_new(NULL),
        .n_parts = WN_MESSAGE_DEPTH_MAX + 1,
        .problems = WN_MESSAGE_TOO_DEEP };

    for (int i = 0; i < 100000; i++)
        g_string_append(attack.message, RFC822);
    run_attack(&attack);
}

static void
test_parts_after_depth_are_read(void)
{
    Attack attack = { .message = g_string_new(MULTI("mixed", "top")),
        .n_parts = WN_MESSAGE_DEPTH_MAX + 2,
        .problems = WN_MESSAGE_TOO_DEEP };

    g_string_append(attack.message, "--top\r\n");
    append_nested(attack.message, 0, 1000);
    g_string_append(attack.message, "\r\n--top\r\n\r\nseen\r\n--top--");
    run_attack(&attack);
}

static void
test_many_parts(void)
{
    Attack attack = { .message = g_string_new(MULTI("mixed", "b")),
        .n_parts = WN_MESSAGE_PARTS_MAX,
        .problems = WN_MESSAGE_TOO_MANY };

    for (int i = 0; i < 400000; i++)
        g_string_append(attack.message, "--b\r\n");
    run_attack(&attack);
}

static void
test_exactly_all_parts(void)
{
    Attack attack = { .message = g_string_new(MULTI("mixed", "b")),
        .n_parts = WN_MESSAGE_PARTS_MAX };

    for (int i = 1; i < WN_MESSAGE_PARTS_MAX; i++)
        g_string_append(attack.message, "--b\r\n\r\n");
    run_attack(&attack);
}

static void
test_lines_like_boundaries(void)
{
    Attack attack = { .message = g_string_new(NULL), .n_parts = 51 };

    append_nested(attack.message, 10, 60);
    for (int i = 0; i < 200000; i++)
        g_string_append(attack.message, "\r\n--bxx");
    run_attack(&attack);
}

static void
test_long_headers_in_parts(void)
{
    Attack attack = { .message = g_string_new(MULTI("mixed", "a:b")),
        .n_parts = WN_MESSAGE_PARTS_MAX,
        .problems = WN_MESSAGE_TOO_MANY };

    for (int i = 0; i < 20000; i++)
        g_string_append(attack.message, "--a:b\r\nX: yyyyyyyyyyyyyyyyyyyy\r\n");
    run_attack(&attack);
}

/* The same message read by GMime's parser */

static void
append_random_part(GString *out, GRand *rand, int depth, int *n_boundaries)
{
    static const char *const bodies[] = { "", "x", "hello\r\nworld\r\n",
        "--\r\n-- \r\n", "\r\n\r\n", "--b\r\n--b--\r\n", "a\r\n--" };
    static const char *const types[] = { "text/plain",
        "text/html; charset=utf-8", "image/png" };
    int kind = depth > 4 ? 0 : g_rand_int_range(rand, 0, 4);
    int n = ++*n_boundaries;

    if (kind == 1) {
        g_string_append(out, RFC822 "Subject: x\r\n");
        append_random_part(out, rand, depth + 1, n_boundaries);
    } else if (kind == 2) {
        g_string_append_printf(out,
            "Content-Type: multipart/mixed;\r\n boundary=\"b%d=_x\"\r\n\r\n"
            "preamble\r\n",
            n);
        for (int i = g_rand_int_range(rand, 1, 4); i > 0; i--) {
            g_string_append_printf(out, "\r\n--b%d=_x\r\n", n);
            append_random_part(out, rand, depth + 1, n_boundaries);
        }
        g_string_append_printf(out, "\r\n--b%d=_x--\r\nepilogue\r\n", n);
    } else {
        g_string_append_printf(out, "Content-Type: %s\r\n\r\n%s",
            types[g_rand_int_range(rand, 0, G_N_ELEMENTS(types))],
            bodies[g_rand_int_range(rand, 0, G_N_ELEMENTS(bodies))]);
    }
}

static void
describe_theirs(GString *out, GMimeObject *object)
{
    GMimeContentType *type = g_mime_object_get_content_type(object);
    GMimeDataWrapper *content;
    GMimeStream *stream;

    g_string_append_printf(out, "%s/%s ",
        g_mime_content_type_get_media_type(type),
        g_mime_content_type_get_media_subtype(type));
    if (GMIME_IS_MULTIPART(object)) {
        GMimeMultipart *parts = GMIME_MULTIPART(object);

        for (int i = 0; i < g_mime_multipart_get_count(parts); i++)
            describe_theirs(out, g_mime_multipart_get_part(parts, i));
    } else if (GMIME_IS_MESSAGE_PART(object)) {
        GMimeMessage *message = g_mime_message_part_get_message(
            GMIME_MESSAGE_PART(object));

        describe_theirs(out, g_mime_message_get_mime_part(message));
    } else if (GMIME_IS_PART(object)) {
        content = g_mime_part_get_content(GMIME_PART(object));
        stream = g_mime_stream_mem_new();
        if (content != NULL)
            g_mime_stream_write_to_stream(g_mime_data_wrapper_get_stream(
                                              content),
                stream);
        g_string_append_printf(out, "<%.*s> ",
            (int)g_mime_stream_length(stream),
            (const char *)g_mime_stream_mem_get_byte_array(
                GMIME_STREAM_MEM(stream))
                ->data);
        g_object_unref(stream);
    }
}

static void
describe_ours(GString *out, const WnMimeTree *tree)
{
    for (guint i = 0; i < tree->parts->len; i++) {
        const WnMessagePart *part = &part_at(tree, i)->part;

        g_string_append_printf(out, "%.*s ", (int)part->type.len,
            part->type.ptr);
        if ((part->flags
                & (WN_MESSAGE_PART_MULTIPART | WN_MESSAGE_PART_MESSAGE))
            == 0)
            g_string_append_printf(out, "<%.*s> ", (int)part->raw.len,
                part->raw.ptr);
    }
}

static void
test_same_as_gmime(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(13);

    g_mime_init();
    for (int i = 0; i < 2000; i++) {
        g_autoptr(GString) text = g_string_new("From: a@b\r\n");
        g_autoptr(GString) theirs = g_string_new(NULL);
        g_autoptr(GString) ours = g_string_new(NULL);
        g_autoptr(WnArena) arena = wn_arena_new(0);
        GMimeStream *stream;
        GMimeParser *parser;
        GMimeMessage *message;
        WnMimeTree tree;
        int n_boundaries = 0;

        append_random_part(text, rand, 0, &n_boundaries);
        stream = g_mime_stream_mem_new_with_buffer(text->str, text->len);
        parser = g_mime_parser_new_with_stream(stream);
        message = g_mime_parser_construct_message(parser, NULL);
        describe_theirs(theirs, g_mime_message_get_mime_part(message));
        parse(&tree, wn_span(text->str, text->len), arena);
        describe_ours(ours, &tree);
        g_assert_cmpstr(ours->str, ==, theirs->str);
        wn_mime_tree_clear(&tree);
        g_object_unref(message);
        g_object_unref(parser);
        g_object_unref(stream);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/message/mime_tree/%s",
            cases[i].title);

        g_test_add_data_func(path, GUINT_TO_POINTER(i), test_case);
    }
    g_test_add_func("/message/mime_tree/attachments-are-not-shown",
        test_attachments_are_not_shown);
    g_test_add_func("/message/mime_tree/nested-multiparts",
        test_nested_multiparts);
    g_test_add_func("/message/mime_tree/nested-messages", test_nested_messages);
    g_test_add_func("/message/mime_tree/parts-after-depth-are-read",
        test_parts_after_depth_are_read);
    g_test_add_func("/message/mime_tree/many-parts", test_many_parts);
    g_test_add_func("/message/mime_tree/exactly-all-parts",
        test_exactly_all_parts);
    g_test_add_func("/message/mime_tree/lines-like-boundaries",
        test_lines_like_boundaries);
    g_test_add_func("/message/mime_tree/long-headers-in-parts",
        test_long_headers_in_parts);
    g_test_add_func("/message/mime_tree/same-as-gmime", test_same_as_gmime);
    return g_test_run();
}
