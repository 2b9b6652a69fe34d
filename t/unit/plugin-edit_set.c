/* SPDX-License-Identifier: MIT */
#include "core/plugin/edit_set.h"

#include "core/plugin/sdk.h"

static const struct {
    const char *name;
    WnEditKind kind;
    const char *header, *value;
    int32_t result;
} cases[] = {
    { "add", WN_EDIT_ADD, "X-Spam", "yes", WN_OK },
    { "set", WN_EDIT_SET, "List-Id", "", WN_OK },
    { "remove", WN_EDIT_REMOVE, "X-Spam", NULL, WN_OK },
    { "prefix", WN_EDIT_PREFIX_SUBJECT, NULL, "[Spam]", WN_OK },
    { "utf8", WN_EDIT_ADD, "X-A", "gr\xc3\xbc\xc3\x9f", WN_OK },
    { "own", WN_EDIT_ADD, "X-Winnow-Match", "a", WN_E_INVALID },
    { "own-any-case", WN_EDIT_REMOVE, "x-wInNoW-id", NULL, WN_E_INVALID },
    { "received", WN_EDIT_ADD, "Received", "a", WN_E_INVALID },
    { "received-any-case", WN_EDIT_REMOVE, "RECEIVED", NULL, WN_E_INVALID },
    { "received-spf", WN_EDIT_ADD, "Received-SPF", "pass", WN_OK },
    { "no-name", WN_EDIT_ADD, NULL, "a", WN_E_INVALID },
    { "empty-name", WN_EDIT_ADD, "", "a", WN_E_INVALID },
    { "colon", WN_EDIT_ADD, "X-A:", "a", WN_E_INVALID },
    { "space", WN_EDIT_ADD, "X A", "a", WN_E_INVALID },
    { "name-with-line", WN_EDIT_ADD, "X-A\r\nX-B", "a", WN_E_INVALID },
    { "no-value", WN_EDIT_SET, "X-A", NULL, WN_E_INVALID },
    { "lf", WN_EDIT_SET, "X-A", "a\nBcc: x", WN_E_INVALID },
    { "cr", WN_EDIT_SET, "X-A", "a\rb", WN_E_INVALID },
    { "not-utf8", WN_EDIT_SET, "X-A", "a\xff", WN_E_INVALID },
    { "prefix-nothing", WN_EDIT_PREFIX_SUBJECT, NULL, "", WN_E_INVALID },
    { "prefix-lf", WN_EDIT_PREFIX_SUBJECT, NULL, "a\nb", WN_E_INVALID },
};

static void
test_add(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(WnArena) arena = wn_arena_new(0);
        g_auto(WnEditSet) edits = { 0 };
        int32_t result;

        wn_edit_set_init(&edits, arena, false);
        result = wn_edit_set_add(&edits, cases[i].kind, cases[i].header,
            cases[i].value);
        if (result != cases[i].result)
            g_error("%s: %d", cases[i].name, result);
        g_assert_cmpuint(edits.edits->len, ==, result == WN_OK);
        wn_edit_set_clear(&edits);
        wn_edit_set_init(&edits, arena, true);
        g_assert_cmpint(wn_edit_set_add(&edits, cases[i].kind, cases[i].header,
                            cases[i].value),
            ==, WN_E_STATE);
    }
}

static void
test_limits(void)
{
    g_autoptr(WnArena) arena = wn_arena_new(0);
    g_autofree char *value = g_strnfill(WN_EDIT_VALUE_MAX + 1, 'v');
    g_auto(WnEditSet) edits = { 0 };

    wn_edit_set_init(&edits, arena, false);
    g_assert_cmpint(wn_edit_set_add(&edits, WN_EDIT_ADD, "X-A", value), ==,
        WN_E_INVALID);
    for (int i = 0; i < WN_EDITS_MAX; i++)
        g_assert_cmpint(wn_edit_set_add(&edits, WN_EDIT_ADD, "X-A", value + 1),
            ==, WN_OK);
    g_assert_cmpint(wn_edit_set_add(&edits, WN_EDIT_ADD, "X-A", "a"), ==,
        WN_E_LIMIT);
}

static void
test_redirect(void)
{
    static const char *const bad[] = { NULL, "", "a", "@b.example", "a@",
        "a@b@c.example", "a b@c.example", "a@b.example\r\nX: y",
        "<a@b.example>", "a@b..example" };
    g_autoptr(WnArena) arena = wn_arena_new(0);
    g_auto(WnEditSet) edits = { 0 };

    wn_edit_set_init(&edits, arena, false);
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        if (wn_edit_set_redirect(&edits, bad[i]) != WN_E_INVALID)
            g_error("\"%s\" was taken", bad[i]);
    }
    g_assert_cmpuint(edits.redirect.len, ==, 0);
    g_assert_cmpint(wn_edit_set_redirect(&edits, "Boss@good.example"), ==,
        WN_OK);
    g_assert_cmpstr(edits.redirect.ptr, ==, "Boss@good.example");
}

static void
test_reply(void)
{
    static const struct {
        uint16_t code;
        const char *enhanced;
        int32_t result;
    } replies[] = {
        { 550, "5.7.1", WN_OK },
        { 450, "4.7.1", WN_OK },
        { 599, NULL, WN_OK },
        { 550, "", WN_OK },
        { 399, NULL, WN_E_INVALID },
        { 600, NULL, WN_E_INVALID },
        { 250, "2.0.0", WN_E_INVALID },
        { 550, "4.7.1", WN_E_INVALID },
        { 550, "nonsense", WN_E_INVALID },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(replies); i++) {
        g_autoptr(WnArena) arena = wn_arena_new(0);
        g_auto(WnEditSet) edits = { 0 };

        wn_edit_set_init(&edits, arena, true);
        g_assert_cmpint(wn_edit_set_reply(&edits, replies[i].code,
                            replies[i].enhanced, "no"),
            ==, replies[i].result);
        g_assert_cmpint(edits.code, ==,
            replies[i].result == WN_OK ? replies[i].code : 0);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/plugin/edit_set/add", test_add);
    g_test_add_func("/plugin/edit_set/limits", test_limits);
    g_test_add_func("/plugin/edit_set/redirect", test_redirect);
    g_test_add_func("/plugin/edit_set/reply", test_reply);
    return g_test_run();
}
