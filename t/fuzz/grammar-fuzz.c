/* SPDX-License-Identifier: MIT */
#include "core/smtp/grammar.h"
#include "core/smtp/xtext.h"

#include <glib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was parsed, written again, is parsed the same. */
static void
check_round_trip(const WnPath *path)
{
    g_autofree char *mailbox = wn_span_dup(path->text);
    g_autofree char *text = g_strconcat("<", mailbox, ">", NULL);
    char local[WN_LOCAL_PART_MAX + 1];
    WnPath again;
    WnSpan rest;

    g_assert_cmpint(wn_path_parse(wn_span_str(text), &again, &rest), ==,
        WN_PATH_OK);
    g_assert_true(wn_span_eq(again.text, path->text));
    g_assert_true(wn_span_eq(again.local, path->local));
    g_assert_true(wn_span_eq(again.domain, path->domain));
    g_assert_cmpint(again.null, ==, path->null);
    g_assert_cmpint(again.bare, ==, path->bare);
    g_assert_cmpuint(rest.len, ==, 0);
    g_assert_cmpuint(path->local.len, <=, WN_LOCAL_PART_MAX);
    g_assert_cmpuint(path->domain.len, <=, WN_DOMAIN_MAX);
    g_assert_cmpuint(wn_local_part_unquote(path->local, local, sizeof(local)),
        <=, path->local.len);
    if (path->domain.len > 0)
        g_assert_true(wn_domain_is_valid(path->domain));
    for (size_t i = 0; i < path->text.len; i++)
        g_assert_true(g_ascii_isprint(path->text.ptr[i]));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    WnSpan input = wn_span(data, size);
    WnSpan rest = input;
    WnParameter parameter;
    WnPath path;
    bool bad;

    if (wn_path_parse(input, &path, &rest) == WN_PATH_OK)
        check_round_trip(&path);
    if (wn_mailbox_parse(input, &path) == WN_PATH_OK)
        check_round_trip(&path);
    rest = input;
    while (wn_parameter_next(&rest, &parameter, &bad)) {
        g_assert_cmpuint(parameter.key.len, >, 0);
        wn_xtext_is_valid(parameter.value, 100);
    }
    if (wn_domain_is_valid(input))
        g_assert_true(wn_helo_is_valid(input));
    wn_helo_is_valid(input);
    wn_xtext_is_valid(input, 100);
    return 0;
}
