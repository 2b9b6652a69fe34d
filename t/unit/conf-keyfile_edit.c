/* SPDX-License-Identifier: MIT */
#include "core/conf/keyfile_edit.h"

#include "core/conf/keyfile.h"

#include <string.h>

typedef enum { SET, UNSET, ADD_GROUP, REMOVE_GROUP } Operation;

typedef struct Case {
    const char *name;
    Operation operation;
    const char *before;
    const char *group, *key, *value;
    const char *after; /* NULL: refused, and as before */
} Case;

static const Case cases[] = {
    { "a value, with its comments and blanks", SET,
        "# top\n\n[domain a]\n  servers  =   x  \n# below\ntls = may\n",
        "domain a", "servers", "y; z",
        "# top\n\n[domain a]\n  servers  =   y; z  \n# below\ntls = may\n" },
    { "an empty value", SET, "[a]\nk =\n", "a", "k", "v", "[a]\nk = v\n" },
    { "to an empty value", SET, "[a]\nk = v\n", "a", "k", "", "[a]\nk = \n" },
    { "a new key behind the last one", SET,
        "[a]\nk = v\n\n# of b\n[b]\nk = w\n", "a", "n", "1",
        "[a]\nk = v\nn = 1\n\n# of b\n[b]\nk = w\n" },
    { "a new key in a group of comments", SET, "[a]\n# why\n", "a", "n", "1",
        "[a]\nn = 1\n# why\n" },
    { "a new group", SET, "[a]\nk = v", "b", "n", "1",
        "[a]\nk = v\n\n[b]\nn = 1\n" },
    { "an empty file", SET, "", "b", "n", "1", "[b]\nn = 1\n" },
    { "no line end at the end", SET, "[a]\nk = v", "a", "n", "1",
        "[a]\nk = v\nn = 1\n" },
    { "no line end behind the value", SET, "[a]\nk = v", "a", "k", "w",
        "[a]\nk = w" },
    { "CRLF", SET, "[a]\r\nk = v\r\n", "a", "n", "1",
        "[a]\r\nk = v\r\nn = 1\r\n" },
    { "CRLF, a value", SET, "[a]\r\nk = v\r\n", "a", "k", "w",
        "[a]\r\nk = w\r\n" },
    { "a byte order mark", SET, "\xef\xbb\xbf[a]\nk = v\n", "a", "k", "w",
        "\xef\xbb\xbf[a]\nk = w\n" },
    { "a group with wild blanks", SET, " [ filter \t rbl ] \nk = v\n",
        "filter rbl", "k", "w", " [ filter \t rbl ] \nk = w\n" },
    { "a key in a comment is none", SET, "[a]\n#k = v\n", "a", "k", "w",
        "[a]\nk = w\n#k = v\n" },
    { "a key of another group is another", SET, "[a]\n[b]\nk = v\n", "a", "k",
        "w", "[a]\nk = w\n[b]\nk = v\n" },
    { "a key that begins like another", SET, "[a]\nkey = v\n", "a", "k", "w",
        "[a]\nkey = v\nk = w\n" },
    { "a value with equals signs and brackets", SET, "[a]\nk = a=b [c]\n", "a",
        "k", "[x]=y", "[a]\nk = [x]=y\n" },
    { "of a key that is given twice, the first", SET, "[a]\nk = 1\nk = 2\n",
        "a", "k", "3", "[a]\nk = 3\nk = 2\n" },
    { "of a group that is given twice, the first", SET,
        "[a]\nk = 1\n[a]\nk = 2\n", "a", "k", "3", "[a]\nk = 3\n[a]\nk = 2\n" },
    { "a key before the first group is none", SET, "k = 1\n[a]\n", "a", "k",
        "2", "k = 1\n[a]\nk = 2\n" },
    { "half a header", SET, "[a\nk = 1\n", "a", "k", "2",
        "[a\nk = 1\n\n[a]\nk = 2\n" },
    { "a header of one byte", SET, "[", "a", "k", "2", "[\n\n[a]\nk = 2\n" },
    { "lines of nothing but an equals sign", SET, "[a]\n=\n = \n", "a", "k",
        "2", "[a]\n=\n = \nk = 2\n" },

    { "unset", UNSET, "[a]\n# c\nk = v\nl = w\n", "a", "k", NULL,
        "[a]\n# c\nl = w\n" },
    { "unset the last line", UNSET, "[a]\nl = w\nk = v", "a", "k", NULL,
        "[a]\nl = w\n" },
    { "unset what is not there", UNSET, "[a]\n#k = v\n[b]\nk = v\n", "a", "k",
        NULL, NULL },
    { "unset in no group", UNSET, "k = v\n", "a", "k", NULL, NULL },

    { "add a group that is there", ADD_GROUP, "[a]\n", "a", NULL, NULL,
        "[a]\n" },
    { "add a group", ADD_GROUP, "[a]\n", "b", NULL, NULL, "[a]\n\n[b]\n" },

    { "remove, the next one keeps its comments", REMOVE_GROUP,
        "# top\n[a]\nk = v\n# in a\nl = w\n\n# of b\n[b]\n", "a", NULL, NULL,
        "# top\n# of b\n[b]\n" },
    { "remove the last one", REMOVE_GROUP, "[a]\nk = v\n# x\n[b]\nk = w\n#\n",
        "b", NULL, NULL, "[a]\nk = v\n# x\n" },
    { "remove the first one behind a mark", REMOVE_GROUP,
        "\xef\xbb\xbf[a]\n[b]\n", "a", NULL, NULL, "\xef\xbb\xbf[b]\n" },
    { "remove what is not there", REMOVE_GROUP, "[ab]\n", "a", NULL, NULL,
        NULL },
};

static bool
operate(const Case *c, GString *text)
{
    switch (c->operation) {
    case SET:
        wn_keyfile_edit_set(text, c->group, c->key, c->value);
        return true;
    case UNSET:
        return wn_keyfile_edit_unset(text, c->group, c->key);
    case ADD_GROUP:
        wn_keyfile_edit_add_group(text, c->group);
        return true;
    case REMOVE_GROUP:
        return wn_keyfile_edit_remove_group(text, c->group);
    }
    return false;
}

static void
test_case(const void *data)
{
    const Case *c = data;
    g_autoptr(GString) text = g_string_new(c->before);

    g_assert_true(operate(c, text) == (c->after != NULL));
    g_assert_cmpstr(text->str, ==, c->after != NULL ? c->after : c->before);
}

/* What was set is what the reader reads, in any text it takes. */
static void
test_agrees_with_the_reader(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const Case *c = &cases[i];
        g_autoptr(GString) text = g_string_new(c->before);
        g_autoptr(WnProblems) problems = wn_problems_new();
        g_autoptr(WnKeyfile) file = NULL;
        const WnKeyEntry *entry = NULL;

        if (c->operation != SET)
            continue;
        operate(c, text);
        file = wn_keyfile_parse(wn_span(text->str, text->len), "/x", "x",
            problems);
        g_assert_nonnull(file);
        for (guint n = 0; entry == NULL && n < file->groups->len; n++) {
            const WnKeyGroup *group = file->groups->pdata[n];

            if (strcmp(group->name, c->group) == 0)
                entry = wn_key_group_find(group, c->key);
        }
        g_assert_nonnull(entry);
        g_assert_cmpstr(entry->value, ==, c->value);
    }
}

static void
test_faults(void)
{
    static const struct {
        const char *key, *value;
        bool good;
    } faults[] = {
        { "servers", "a; b", true },
        { "action.text", "caf\xc3\xa9\ttea", true },
        { "k", "", true },
        { "k", NULL, true },
        { "k", "# no comment here", true },
        { "", "v", false },
        { "k k", "v", false },
        { "k]", "v", false },
        { "k\n[domain evil.example]", "v", false },
        { "k", "v\n[domain evil.example]", false },
        { "k", "v\r", false },
        { "k", "v\x01", false },
        { "k", "v\x7f", false },
        { "k", "\xff", false },
    };
    g_autofree char *huge = g_strnfill(100000, 'x');
    g_autofree char *too_long = wn_keyfile_edit_fault("k", huge);

    g_assert_nonnull(too_long);
    for (size_t i = 0; i < G_N_ELEMENTS(faults); i++) {
        g_autofree char *fault = wn_keyfile_edit_fault(faults[i].key,
            faults[i].value);

        g_assert_true((fault == NULL) == faults[i].good);
    }
}

/* Random cuts of a text, with anything in it: never out of bounds, and what
 * was set stands there. */
static void
test_hostile_texts(void)
{
    static const char alphabet[] = "[]=# \t\r\n\xef\xbb\xbf"
                                   "akb";
    g_autoptr(GRand) random = g_rand_new_with_seed(7);

    for (unsigned round = 0; round < 20000; round++) {
        g_autoptr(GString) text = g_string_new(NULL);
        unsigned len = (unsigned)g_rand_int_range(random, 0, 40);

        for (unsigned i = 0; i < len; i++)
            g_string_append_c(text,
                alphabet[g_rand_int_range(random, 0, sizeof(alphabet) - 1)]);
        wn_keyfile_edit_set(text, "a", "k", "wanted");
        g_assert_nonnull(strstr(text->str, "wanted"));
        g_assert_true(wn_keyfile_edit_has_group(text, "a"));
        g_assert_true(wn_keyfile_edit_unset(text, "a", "k"));
        g_assert_null(strstr(text->str, "wanted"));
        g_assert_true(wn_keyfile_edit_remove_group(text, "a"));
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strconcat("/keyfile_edit/", cases[i].name,
            NULL);

        g_test_add_data_func(path, &cases[i], test_case);
    }
    g_test_add_func("/keyfile_edit/agrees_with_the_reader",
        test_agrees_with_the_reader);
    g_test_add_func("/keyfile_edit/faults", test_faults);
    g_test_add_func("/keyfile_edit/hostile_texts", test_hostile_texts);
    return g_test_run();
}
