/* SPDX-License-Identifier: MIT */
#include "core/smtp/framing.h"

#define SMUGGLED "MAIL FROM:<evil@x>\r\n"

/* CR, LF and NUL are written with their length in mind. */
#define BYTES(literal)               \
    {                                \
        literal, sizeof(literal) - 1 \
    }

enum { BARE_CR = 1, BARE_LF = 2, NUL = 4, EIGHT_BIT = 8, NUL_DOT = 16 };

typedef struct ScanCase {
    const char *name;
    WnSpan input;
    size_t n_message; /* of input, if it ends; else all of it is message */
    WnFramingStatus status;
    unsigned flags;
    uint64_t n_stuffed;
    uint64_t longest_line;
} ScanCase;

/* The wrong ends of data that one server or another has taken for the end,
 * each with a command behind it and the true end after that. */
#define WRONG_END(name, sequence, flags, n_stuffed, longest)          \
    {                                                                 \
        name, BYTES("a" sequence SMUGGLED "\r\n.\r\n"),               \
            sizeof("a" sequence SMUGGLED) + 1, WN_FRAMING_END, flags, \
            n_stuffed, longest                                        \
    }

static const ScanCase wrong_ends[] = {
    WRONG_END("lf-dot-lf", "\n.\n", BARE_LF, 0, 22),
    WRONG_END("cr-dot-cr", "\r.\r", BARE_CR, 0, 22),
    WRONG_END("cr-dot-lf", "\r.\n", BARE_CR | BARE_LF, 0, 22),
    WRONG_END("lf-dot-cr", "\n.\r", BARE_CR | BARE_LF, 0, 22),
    WRONG_END("lf-dot-crlf", "\n.\r\n", BARE_LF, 0, 18),
    WRONG_END("crlf-dot-lf", "\r\n.\n", BARE_LF, 1, 19),
    WRONG_END("cr-dot-crlf", "\r.\r\n", BARE_CR, 0, 18),
    WRONG_END("crlf-dot-cr", "\r\n.\r", BARE_CR, 1, 19),
    WRONG_END("crlf-dot-crcrlf", "\r\n.\r\r\n", BARE_CR, 1, 18),
    WRONG_END("crcrlf-dot-crcrlf", "\r\r\n.\r\r\n", BARE_CR, 1, 18),
    WRONG_END("crlf-nul-dot-crlf", "\r\n\0.\r\n", NUL | NUL_DOT, 0, 18),
    WRONG_END("crlf-dot-nul-crlf", "\r\n.\0\r\n", NUL | NUL_DOT, 1, 18),
};

static const ScanCase scan_cases[] = {
    { "empty-message", BYTES(".\r\n"), 0, WN_FRAMING_END, 0, 0, 0 },
    { "commands-behind", BYTES("a\r\n.\r\nQUIT\0\xff\r\n"), 3, WN_FRAMING_END,
        0, 0, 1 },
    { "one-line", BYTES("abc\r\n.\r\n"), 5, WN_FRAMING_END, 0, 0, 3 },
    { "stuffed", BYTES("..\r\n.x\r\n..x\r\n.\r\n"), 13, WN_FRAMING_END, 0, 3,
        2 },
    { "dot-within", BYTES("a.\r\nb\r\n.\r\n"), 7, WN_FRAMING_END, 0, 0, 2 },
    { "empty-lines", BYTES("\r\n\r\n.\r\n"), 4, WN_FRAMING_END, 0, 0, 0 },
    { "end-with-bare-cr", BYTES("a\r\r\n.\r\n"), 4, WN_FRAMING_END, BARE_CR, 0,
        2 },
    { "lf-first", BYTES("\n.\r\n"), 4, WN_FRAMING_MORE, BARE_LF, 0, 2 },
    { "nul-in-text", BYTES("a\0b\r\n.\r\n"), 5, WN_FRAMING_END, NUL, 0, 3 },
    { "nul-line", BYTES("\0\0\r\n.\r\n"), 4, WN_FRAMING_END, NUL, 0, 2 },
    { "nuls-and-dot", BYTES("\0\0.\0\r\n.\r\n"), 6, WN_FRAMING_END,
        NUL | NUL_DOT, 0, 4 },
    { "nul-and-two-dots", BYTES("\0..\r\n.\r\n"), 5, WN_FRAMING_END, NUL, 0,
        3 },
    { "nul-dot-text", BYTES("\0.x\r\n.\r\n"), 5, WN_FRAMING_END, NUL, 0, 3 },
    { "text-nul-dot", BYTES("x\0.\r\n.\r\n"), 5, WN_FRAMING_END, NUL, 0, 3 },
    { "eight-bit", BYTES("123456\xc3\xbc\r\n.\r\n"), 10, WN_FRAMING_END,
        EIGHT_BIT, 0, 8 },
    { "eight-bit-last", BYTES("12345678\xc3\r\n.\r\n"), 11, WN_FRAMING_END,
        EIGHT_BIT, 0, 9 },
    { "no-end", BYTES("abc\r\n..\r\nx\r\n"), 12, WN_FRAMING_MORE, 0, 1, 3 },
    { "dot-cr-at-line", BYTES("a\r\n.\rb\r\n.\r\n"), 8, WN_FRAMING_END, BARE_CR,
        1, 2 },
    { "dot-cr-twice", BYTES("a\r\n.\r\r\n.\r\n"), 7, WN_FRAMING_END, BARE_CR, 1,
        1 },
};

typedef struct Result {
    WnFramingStatus status;
    WnFraming framing;
    size_t consumed;
} Result;

static unsigned
flags_of(const WnFraming *framing)
{
    return (framing->bare_cr ? BARE_CR : 0u) | (framing->bare_lf ? BARE_LF : 0u)
           | (framing->nul ? NUL : 0u) | (framing->eight_bit ? EIGHT_BIT : 0u)
           | (framing->nul_dot ? NUL_DOT : 0u);
}

/* Offers the input as it would come in if it were cut at these places. */
static Result
scan_cut(WnSpan input, const size_t *cuts, size_t n_cuts)
{
    Result result = { .status = WN_FRAMING_MORE };

    wn_framing_init(&result.framing);
    for (size_t i = 0; i <= n_cuts && result.status == WN_FRAMING_MORE; i++) {
        size_t end = i < n_cuts ? cuts[i] : input.len;
        size_t n_message;
        size_t consumed;
        /* An exact copy, so that a sanitizer sees any look beyond. */
        size_t len = end - result.consumed;
        g_autofree char *copy = g_memdup2(input.ptr + result.consumed, len);

        result.status = wn_framing_scan(&result.framing, wn_span(copy, len),
            &n_message, &consumed);
        g_assert_cmpuint(n_message, <=, consumed);
        g_assert_cmpuint(consumed, <=, len);
        result.consumed += consumed;
    }
    return result;
}

static void
check_result(const ScanCase *c, const Result *result)
{
    g_assert_cmpint(result->status, ==, c->status);
    g_assert_cmpuint(result->framing.n_bytes, ==, c->n_message);
    g_assert_cmpuint(result->consumed, ==,
        c->n_message + (c->status == WN_FRAMING_END ? 3 : 0));
    g_assert_cmpuint(flags_of(&result->framing), ==, c->flags);
    g_assert_cmpuint(result->framing.n_stuffed, ==, c->n_stuffed);
    if (c->status == WN_FRAMING_END)
        g_assert_cmpuint(result->framing.longest_line, ==, c->longest_line);
}

static void
test_scan(gconstpointer data)
{
    const ScanCase *c = data;
    Result result = scan_cut(c->input, NULL, 0);

    check_result(c, &result);
}

static void
test_scan_every_cut(gconstpointer data)
{
    const ScanCase *c = data;

    for (size_t one = 0; one <= c->input.len; one++) {
        for (size_t two = one; two <= c->input.len; two++) {
            size_t cuts[] = { one, two };
            Result result = scan_cut(c->input, cuts, 2);

            check_result(c, &result);
        }
    }
}

static void
test_scan_bytewise(gconstpointer data)
{
    const ScanCase *c = data;
    size_t cuts[128];
    Result result;

    g_assert_cmpuint(c->input.len, <, G_N_ELEMENTS(cuts));
    for (size_t i = 0; i < c->input.len; i++)
        cuts[i] = i;
    result = scan_cut(c->input, cuts, c->input.len);
    check_result(c, &result);
}

static void
test_dot_held_back(void)
{
    WnFraming framing;
    size_t n_message;
    size_t consumed;

    wn_framing_init(&framing);
    wn_framing_scan(&framing, WN_SPAN("a\r\n.\r"), &n_message, &consumed);
    g_assert_cmpuint(n_message, ==, 3);
    g_assert_cmpuint(consumed, ==, 3);
    wn_framing_scan(&framing, WN_SPAN(".\r"), &n_message, &consumed);
    g_assert_cmpuint(consumed, ==, 0);
    g_assert_cmpint(wn_framing_scan(&framing, WN_SPAN(".\r\n"), &n_message,
                        &consumed),
        ==, WN_FRAMING_END);
    g_assert_cmpuint(n_message, ==, 0);
    g_assert_cmpuint(consumed, ==, 3);
    g_assert_cmpuint(framing.n_bytes, ==, 3);
}

static void
test_line_lengths(void)
{
    static const size_t lengths[] = { 998, 999, 10000, WN_MESSAGE_LINE_MAX,
        WN_MESSAGE_LINE_MAX + 1 };

    for (size_t i = 0; i < G_N_ELEMENTS(lengths); i++) {
        g_autofree char *line = g_strnfill(lengths[i], 'x');
        g_autofree char *text = g_strconcat("..\r\n.", line, "\r\n.\r\n", NULL);
        size_t cuts[] = { lengths[i] / 2, lengths[i] + 5, lengths[i] + 6 };
        Result result = scan_cut(wn_span_str(text), cuts, 3);

        g_assert_cmpint(result.status, ==, WN_FRAMING_END);
        g_assert_cmpuint(result.framing.longest_line, ==, lengths[i]);
    }
}

typedef struct StuffCase {
    const char *message;
    const char *wire;
} StuffCase;

static const StuffCase stuff_cases[] = {
    { "", "" },
    { "a\r\n", "a\r\n" },
    { ".\r\n", "..\r\n" },
    { "..\r\n", "...\r\n" },
    { "a\r\n.\r\n.b\r\n", "a\r\n..\r\n..b\r\n" },
    { "a.\r\nb\n.c\r\n", "a.\r\nb\n.c\r\n" },
    { "\r\n.", "\r\n..\r\n" },
    { "a", "a\r\n" },
    { "\r\n\r\n.x\r\n\r\n", "\r\n\r\n..x\r\n\r\n" },
};

static void
test_stuffing(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(stuff_cases); i++) {
        const StuffCase *c = &stuff_cases[i];
        g_autoptr(GByteArray) wire = g_byte_array_new();
        g_autoptr(GByteArray) back = g_byte_array_new();

        wn_framing_stuff(wn_span_str(c->message), wire);
        g_assert_cmpmem(wire->data, wire->len, c->wire, strlen(c->wire));
        wn_framing_unstuff(wn_span(wire->data, wire->len), back);
        g_assert_cmpuint(back->len, >=, strlen(c->message));
        g_assert_true(memcmp(back->len > 0 ? (const char *)back->data : "",
                          c->message, strlen(c->message))
                      == 0);
    }
}

/* A line that was stuffed with a dot although it did not begin with one. */
static void
test_unstuff_takes_one_dot(void)
{
    g_autoptr(GByteArray) out = g_byte_array_new();

    wn_framing_unstuff(WN_SPAN(".x\r\n..\r\n...y\r\n"), out);
    g_assert_cmpmem(out->data, out->len, "x\r\n.\r\n..y\r\n", 11);
}

static WnSpan
random_text(GRand *random, char *out, size_t max)
{
    static const char letters[] = { '\r', '\n', '.', 'x', '\0', '\xc3' };
    size_t len = (size_t)g_rand_int_range(random, 0, (int)max);

    for (size_t i = 0; i < len; i++)
        out[i] = letters[g_rand_int_range(random, 0, sizeof(letters))];
    return wn_span(out, len);
}

/* Stuffed text never holds the end, and comes back as it was. */
static void
test_stuffing_random(void)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(20240101);

    for (int round = 0; round < 20000; round++) {
        char text[40];
        WnSpan message = random_text(random, text, sizeof(text));
        g_autoptr(GByteArray) wire = g_byte_array_new();
        g_autoptr(GByteArray) back = g_byte_array_new();
        size_t cut;
        Result result;

        wn_framing_stuff(message, wire);
        wn_framing_unstuff(wn_span(wire->data, wire->len), back);
        g_assert_cmpuint(back->len, >=, message.len);
        if (message.len > 0)
            g_assert_cmpmem(back->data, message.len, message.ptr, message.len);
        g_byte_array_append(wire, (const guint8 *)".\r\n", 3);
        cut = (size_t)g_rand_int_range(random, 0, (int)wire->len);
        result = scan_cut(wn_span(wire->data, wire->len), &cut, 1);
        g_assert_cmpint(result.status, ==, WN_FRAMING_END);
        g_assert_cmpuint(result.consumed, ==, wire->len);
        g_assert_cmpuint(result.framing.n_bytes - result.framing.n_stuffed, ==,
            back->len);
    }
}

/* The wire before the place, unstuffed, is the message before the place. */
static void
test_wire_offset_random(void)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(20240102);

    for (int round = 0; round < 20000; round++) {
        char text[40];
        WnSpan message = random_text(random, text, sizeof(text));
        g_autoptr(GByteArray) wire = g_byte_array_new();
        uint64_t offset = (uint64_t)g_rand_int_range(random, 0,
            (int)message.len + 1);
        g_autoptr(GByteArray) before = g_byte_array_new();
        uint64_t place;

        wn_framing_stuff(message, wire);
        place = wn_framing_wire_offset(wn_span(wire->data, wire->len), offset);
        g_assert_cmpuint(place, <=, wire->len);
        wn_framing_unstuff(wn_span(wire->data, (size_t)place), before);
        g_assert_cmpuint(before->len, ==, offset);
    }
}

static void
test_wire_offset_before_dot(void)
{
    WnSpan wire = WN_SPAN("..a\r\n..b\r\n");

    g_assert_cmpuint(wn_framing_wire_offset(wire, 0), ==, 0);
    g_assert_cmpuint(wn_framing_wire_offset(wire, 1), ==, 2);
    g_assert_cmpuint(wn_framing_wire_offset(wire, 4), ==, 5);
    g_assert_cmpuint(wn_framing_wire_offset(wire, 5), ==, 7);
    g_assert_cmpuint(wn_framing_wire_offset(wire, 8), ==, 10);
    g_assert_cmpuint(wn_framing_wire_offset(WN_SPAN_EMPTY, 0), ==, 0);
}

static const StuffCase normalise_cases[] = {
    { "", "" },
    { "a\r\nb\r\n", "a\r\nb\r\n" },
    { "a\nb\n", "a\r\nb\r\n" },
    { "a\rb\r", "a\r\nb\r\n" },
    { "a\r\r\nb", "a\r\n\r\nb" },
    { "a\n\rb", "a\r\n\r\nb" },
    { "\n", "\r\n" },
    { "\r\n\n\r", "\r\n\r\n\r\n" },
};

static void
test_normalise(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(normalise_cases); i++) {
        const StuffCase *c = &normalise_cases[i];
        g_autoptr(GByteArray) out = g_byte_array_new();

        wn_framing_normalise(wn_span_str(c->message), out);
        g_assert_cmpuint(out->len, ==, strlen(c->wire));
        if (out->len > 0)
            g_assert_cmpmem(out->data, out->len, c->wire, strlen(c->wire));
    }
}

static void
add_scan_cases(const ScanCase *cases, size_t n)
{
    static const struct {
        const char *name;
        GTestDataFunc fn;
    } ways[] = { { "whole", test_scan }, { "every-cut", test_scan_every_cut },
        { "bytewise", test_scan_bytewise } };

    for (size_t i = 0; i < n; i++) {
        for (size_t way = 0; way < G_N_ELEMENTS(ways); way++) {
            g_autofree char *path = g_strdup_printf("/smtp/framing/scan/%s/%s",
                cases[i].name, ways[way].name);

            g_test_add_data_func(path, &cases[i], ways[way].fn);
        }
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add_scan_cases(wrong_ends, G_N_ELEMENTS(wrong_ends));
    add_scan_cases(scan_cases, G_N_ELEMENTS(scan_cases));
    g_test_add_func("/smtp/framing/dot-held-back", test_dot_held_back);
    g_test_add_func("/smtp/framing/line-lengths", test_line_lengths);
    g_test_add_func("/smtp/framing/stuffing", test_stuffing);
    g_test_add_func("/smtp/framing/unstuff-takes-one-dot",
        test_unstuff_takes_one_dot);
    g_test_add_func("/smtp/framing/stuffing-random", test_stuffing_random);
    g_test_add_func("/smtp/framing/wire-offset-random",
        test_wire_offset_random);
    g_test_add_func("/smtp/framing/wire-offset-before-dot",
        test_wire_offset_before_dot);
    g_test_add_func("/smtp/framing/normalise", test_normalise);
    return g_test_run();
}
