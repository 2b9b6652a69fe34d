/* SPDX-License-Identifier: MIT */
#include "core/smtp/xtext.h"

#include <glib.h>

typedef struct Decoded {
    const char *value;
    const char *ascii; /* as a report of ASCII alone shows it */
    const char *utf8;
} Decoded;

static const Decoded decoded[] = {
    { "rfc822;a+2Bb@x", "rfc822;a+b@x", "rfc822;a+b@x" },
    { "RFC822;a@x", "RFC822;a@x", "RFC822;a@x" },
    { "x400;a+", "x400;a+", "x400;a+" },
    { "utf-8;j\\x{F6}rg@x", "utf-8;j\\x{F6}rg@x", "utf-8;j\xc3\xb6rg@x" },
    { "UTF-8;\\x{1F600}", "utf-8;\\x{1F600}", "utf-8;\xf0\x9f\x98\x80" },
    { "utf-8;\xc3\xb6", "utf-8;\xc3\xb6", "utf-8;\xc3\xb6" },
    { "utf-8;\\x{}", "utf-8;\\x{}", "utf-8;?x{}" },
    { "no type", "", "" },
    { ";a", "", "" },
    { "rfc822;", "", "" },
    { "", "", "" },
};

static void
test_decode(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(decoded); i++) {
        WnSpan value = wn_span_str(decoded[i].value);
        g_autofree char *ascii = wn_orcpt_decode(value, false);
        g_autofree char *utf8 = wn_orcpt_decode(value, true);

        g_assert_cmpstr(ascii, ==, decoded[i].ascii);
        g_assert_cmpstr(utf8, ==, decoded[i].utf8);
    }
}

static void
test_to_ascii(void)
{
    g_autofree char *plain = wn_orcpt_to_ascii(WN_SPAN("utf-8;a@x"));
    g_autofree char *mixed = wn_orcpt_to_ascii(WN_SPAN("utf-8;j\xc3\xb6@\xf0"
                                                       "\x9f\x98\x80"));
    g_autofree char *broken = wn_orcpt_to_ascii(WN_SPAN("a\xc3"));

    g_assert_cmpstr(plain, ==, "utf-8;a@x");
    g_assert_cmpstr(mixed, ==, "utf-8;j\\x{F6}@\\x{1F600}");
    g_assert_true(wn_orcpt_is_valid(wn_span_str(mixed), false));
    g_assert_cmpstr(broken, ==, "a?");
}

static void
test_xtext(void)
{
    g_autofree char *text = wn_xtext_decode(WN_SPAN("a+2B+3D+00+2b+4"));

    g_assert_cmpstr(text, ==, "a+=+00+2b+4");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/smtp/xtext/decode", test_decode);
    g_test_add_func("/smtp/xtext/to-ascii", test_to_ascii);
    g_test_add_func("/smtp/xtext/xtext", test_xtext);
    return g_test_run();
}
