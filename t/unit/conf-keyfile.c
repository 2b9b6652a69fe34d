/* SPDX-License-Identifier: MIT */
#include "core/conf/keyfile.h"

#include <sys/stat.h>
#include <unistd.h>

#include "t/unit/conf-fixture.h"

typedef struct Case {
    const char *name;
    const char *text;
    const char *parsed;   /* [group]key=value;... */
    const char *problems; /* as printed */
} Case;

static const Case cases[] = {
    { "plain", "# a comment\n[server]\nlisten = a; b\n  # another\nuser=x\n",
        "[server]listen=a; b|user=x|", "" },
    { "crlf and byte order mark", "\xef\xbb\xbf[a]\r\nk = v\r\n\r\n", "[a]k=v|",
        "" },
    { "no line end at the end", "[a]\nk = v", "[a]k=v|", "" },
    { "spaces", "\t[ filter \t rbl ]  \n  k\t=\t v w \t\n",
        "[filter rbl]k=v w|", "" },
    { "value with equals and hash", "[a]\nk = x=y # no comment\n",
        "[a]k=x=y # no comment|", "" },
    { "empty value", "[a]\nk =\n", "[a]k=|", "" },
    { "empty", "", "", "" },
    { "blank lines", "\n\n \n", "", "" },
    { "before group", "k = v\nj = w\n[a]\n", "[a]",
        "f.conf:1: k: stands before the first [group]\n" },
    { "no equals", "[a]\nfoo bar\nk = v\n", "[a]k=v|",
        "f.conf:2: [a]: expected \"key = value\", [group] or # comment\n" },
    { "semicolon comment", "[a]\n; foo\n", "[a]",
        "f.conf:2: [a]: expected \"key = value\", [group] or # comment\n" },
    { "bad key", "[a]\nk[de] = v\n", "[a]",
        "f.conf:2: [a]: \"k[de]\" is not a key: letters, digits and . _ - "
        "only\n" },
    { "no key", "[a]\n= v\n", "[a]",
        "f.conf:2: [a]: \"\" is not a key: letters, digits and . _ - only\n" },
    { "twice", "[a]\nk = 1\nk = 2\n", "[a]k=1|",
        "f.conf:3: [a] k: the key is given twice, first in line 2\n" },
    { "group twice", "[a]\nk = 1\n[b]\n[a]\nj = 2\n", "[a]k=1|[b]",
        "f.conf:4: [a]: the group is given twice, first in line 1\n" },
    { "group twice in other spacing", "[filter rbl]\n[filter  rbl]\n",
        "[filter rbl]",
        "f.conf:2: [filter rbl]: the group is given twice, first in line "
        "1\n" },
    { "same key in two groups", "[a]\nk = 1\n[b]\nk = 2\n", "[a]k=1|[b]k=2|",
        "" },
    { "unfinished group", "[a\nk = 1\n[b]\n", "[b]",
        "f.conf:1: expected a group as [name] on a line of its own\n" },
    { "text behind group", "[a] # x\n", "",
        "f.conf:1: expected a group as [name] on a line of its own\n" },
    { "nameless group", "[ ]\n", "",
        "f.conf:1: expected a group as [name] on a line of its own\n" },
    { "bracket in group", "[a]b]\n[[a]]\n[", "",
        "f.conf:1: expected a group as [name] on a line of its own\n"
        "f.conf:2: expected a group as [name] on a line of its own\n"
        "f.conf:3: expected a group as [name] on a line of its own\n" },
    { "control character", "[a]\nk = x\x01y\nj = a\rb\n", "[a]",
        "f.conf:2: [a] k: the value holds a control character\n"
        "f.conf:3: [a] j: the value holds a control character\n" },
    { "latin 1", "[a]\nk = caf\xe9\n", NULL,
        "f.conf:2: byte 0xe9 is not valid UTF-8; save the file as UTF-8\n" },
    { "many mistakes", "x\n[a]\ny\nk=1\nk=2\n[b\n", "[a]k=1|",
        "f.conf:1: expected \"key = value\", [group] or # comment\n"
        "f.conf:3: [a]: expected \"key = value\", [group] or # comment\n"
        "f.conf:5: [a] k: the key is given twice, first in line 4\n"
        "f.conf:6: expected a group as [name] on a line of its own\n" },
};

static char *
dump(const WnKeyfile *file)
{
    GString *text = g_string_new(NULL);

    for (unsigned i = 0; i < file->groups->len; i++) {
        const WnKeyGroup *group = g_ptr_array_index(file->groups, i);

        g_string_append_printf(text, "[%s]", group->name);
        for (unsigned n = 0; n < group->entries->len; n++) {
            const WnKeyEntry *entry = &g_array_index(group->entries, WnKeyEntry,
                n);

            g_string_append_printf(text, "%s=%s|", entry->key, entry->value);
        }
    }
    return g_string_free(text, FALSE);
}

static WnKeyfile *
read_bytes(const Fixture *fixture, const void *bytes, size_t len)
{
    g_autofree char *path = fixture_path(fixture, "f.conf");

    fixture_write_bytes(fixture, "f.conf", bytes, len);
    return wn_keyfile_read(path, "f.conf", fixture->problems);
}

static void
test_text(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Fixture) fixture = { 0 };
        g_autoptr(WnKeyfile) file = NULL;
        g_autofree char *parsed = NULL;

        g_test_message("%s", cases[i].name);
        fixture_init(&fixture);
        file = read_bytes(&fixture, cases[i].text, strlen(cases[i].text));
        if (file != NULL)
            parsed = dump(file);
        g_assert_cmpstr(parsed, ==, cases[i].parsed);
        assert_problems(fixture.problems, cases[i].problems);
    }
}

static void
test_nul(void)
{
    static const char text[] = "[a]\nk = v\nj = x\0y\n";
    g_auto(Fixture) fixture = { 0 };

    fixture_init(&fixture);
    g_assert_null(read_bytes(&fixture, text, sizeof(text) - 1));
    assert_problems(fixture.problems,
        "f.conf:3: a NUL byte; the file must be text\n");
}

static void
test_long_line(void)
{
    g_auto(Fixture) fixture = { 0 };
    g_autoptr(WnKeyfile) file = NULL;
    g_autoptr(GString) text = g_string_new("[a]\nk = ");
    const WnKeyGroup *group;

    for (unsigned i = 0; i < (64 << 10) - 4; i++)
        g_string_append_c(text, 'x');
    g_string_append(text, "\nj = ");
    for (unsigned i = 0; i < (64 << 10) - 3; i++)
        g_string_append_c(text, 'x');
    g_string_append(text, "\n");
    fixture_init(&fixture);
    file = read_bytes(&fixture, text->str, text->len);
    assert_problems(fixture.problems,
        "f.conf:3: [a]: the line is longer than 65536 bytes\n");
    group = g_ptr_array_index(file->groups, 0);
    g_assert_nonnull(wn_key_group_find(group, "k"));
    g_assert_null(wn_key_group_find(group, "j"));
}

/* Duplicates are found, and in linear time, among many names too. */
static void
test_many_names(void)
{
    enum { N = 200000 };
    g_auto(Fixture) fixture = { 0 };
    g_autoptr(WnKeyfile) file = NULL;
    g_autoptr(GString) text = g_string_new("[a]\n");
    int64_t begin;

    for (unsigned i = 0; i < N; i++)
        g_string_append_printf(text, "k%u=\n", i);
    g_string_append(text, "k7=\n");
    for (unsigned i = 0; i < N; i++)
        g_string_append_printf(text, "[g%u]\n", i);
    g_string_append(text, "[g9]\n");
    fixture_init(&fixture);
    begin = g_get_monotonic_time();
    file = read_bytes(&fixture, text->str, text->len);
    g_assert_cmpint(g_get_monotonic_time() - begin, <, 5 * G_USEC_PER_SEC);
    g_assert_cmpuint(file->groups->len, ==, N + 1);
    assert_problems(fixture.problems,
        "f.conf:200002: [a] k7: the key is given twice, first in line 9\n"
        "f.conf:400003: [g9]: the group is given twice, first in line "
        "200012\n");
}

static void
expect_refused(const Fixture *fixture, const char *name, const char *problem)
{
    g_autofree char *path = fixture_path(fixture, name);

    g_assert_null(wn_keyfile_read(path, name, fixture->problems));
    assert_problems(fixture->problems, problem);
}

static void
test_fifo_does_not_hang(void)
{
    g_auto(Fixture) fixture = { 0 };
    g_autofree char *path = NULL;

    fixture_init(&fixture);
    path = fixture_path(&fixture, "f.conf");
    g_assert_cmpint(mkfifo(path, 0600), ==, 0);
    expect_refused(&fixture, "f.conf", "f.conf: is not a regular file\n");
}

static void
test_folder(void)
{
    g_auto(Fixture) fixture = { 0 };
    g_autofree char *path = NULL;

    fixture_init(&fixture);
    path = fixture_path(&fixture, "f.conf");
    g_assert_cmpint(g_mkdir(path, 0700), ==, 0);
    expect_refused(&fixture, "f.conf", "f.conf: is not a regular file\n");
}

static void
test_oversize(void)
{
    g_auto(Fixture) fixture = { 0 };
    g_autofree char *path = NULL;

    fixture_init(&fixture);
    fixture_write(&fixture, "f.conf", "");
    path = fixture_path(&fixture, "f.conf");
    g_assert_cmpint(truncate(path, 100 << 20), ==, 0);
    expect_refused(&fixture, "f.conf",
        "f.conf: is too large (104857600 bytes, at most 67108864)\n");
}

static void
test_absent(void)
{
    g_auto(Fixture) fixture = { 0 };

    fixture_init(&fixture);
    expect_refused(&fixture, "f.conf",
        "f.conf: cannot be read: No such file or directory\n");
}

static void
test_list_folder(void)
{
    static const char *const ignored[] = { "a.conf~", ".b.conf.swp", ".c.conf",
        "d.conf.dpkg-new", "e.conf.dpkg-old", "#f.conf#", "g.conf.bak",
        "README", "h.conf.rpmsave" };
    g_auto(Fixture) fixture = { 0 };
    g_autoptr(GPtrArray) names = NULL;
    g_autofree char *path = NULL;
    g_autofree char *link = NULL;
    g_autofree char *dangling = NULL;

    fixture_init(&fixture);
    for (size_t i = 0; i < G_N_ELEMENTS(ignored); i++)
        fixture_write(&fixture, ignored[i], "");
    fixture_write(&fixture, "sub.conf/x.conf", "");
    fixture_write(&fixture, "20-b.conf", "");
    fixture_write(&fixture, "10-a.conf", "");
    path = fixture_path(&fixture, "99-fifo.conf");
    g_assert_cmpint(mkfifo(path, 0600), ==, 0);
    link = fixture_path(&fixture, "15-link.conf");
    g_assert_cmpint(symlink("10-a.conf", link), ==, 0);
    dangling = fixture_path(&fixture, "16-link.conf");
    g_assert_cmpint(symlink("nothing", dangling), ==, 0);

    names = wn_keyfile_list_folder(fixture.folder, fixture.problems);
    g_assert_cmpuint(names->len, ==, 4);
    g_assert_cmpstr(names->pdata[0], ==, "10-a.conf");
    g_assert_cmpstr(names->pdata[1], ==, "15-link.conf");
    g_assert_cmpstr(names->pdata[2], ==, "20-b.conf");
    g_assert_cmpstr(names->pdata[3], ==, "99-fifo.conf");
    assert_problems(fixture.problems, "");
}

static void
test_list_absent_folder(void)
{
    g_auto(Fixture) fixture = { 0 };
    g_autofree char *path = NULL;
    g_autoptr(GPtrArray) names = NULL;

    fixture_init(&fixture);
    path = fixture_path(&fixture, "none");
    names = wn_keyfile_list_folder(path, fixture.problems);
    g_assert_cmpuint(names->len, ==, 0);
    assert_problems(fixture.problems, "");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/conf/keyfile/text", test_text);
    g_test_add_func("/conf/keyfile/nul", test_nul);
    g_test_add_func("/conf/keyfile/long-line", test_long_line);
    g_test_add_func("/conf/keyfile/many-names", test_many_names);
    g_test_add_func("/conf/keyfile/fifo", test_fifo_does_not_hang);
    g_test_add_func("/conf/keyfile/folder", test_folder);
    g_test_add_func("/conf/keyfile/oversize", test_oversize);
    g_test_add_func("/conf/keyfile/absent", test_absent);
    g_test_add_func("/conf/keyfile/list-folder", test_list_folder);
    g_test_add_func("/conf/keyfile/list-absent", test_list_absent_folder);
    return g_test_run();
}
