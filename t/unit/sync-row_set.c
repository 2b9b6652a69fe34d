/* SPDX-License-Identifier: MIT */
#include "core/sync/row_set.h"

#include "core/base/fd.h"
#include "core/base/publish.h"
#include "core/conf/blob.h"

#include <glib/gstdio.h>
#include <sys/resource.h>
#include <unistd.h>

static void
read_list(WnRowSet *set, const char *path, const char *text, size_t len)
{
    wn_autofd fd = wn_fd_sealed_memory("list", wn_span(text, len));
    g_autoptr(GError) error = NULL;

    wn_row_set_read(set, fd, len, path, &error);
    g_assert_no_error(error);
}

/* The keys with a space behind each. */
static char *
dump(const WnRowSet *set)
{
    GString *out = g_string_new(NULL);

    for (size_t i = 0; i < wn_row_set_count(set); i++) {
        WnSpan field;

        wn_row_set_fields(set, i, &field);
        g_assert_cmpuint(strlen(field.ptr), ==, field.len);
        g_string_append_printf(out, "%s ", field.ptr);
    }
    return g_string_free(out, FALSE);
}

typedef struct Case {
    const char *name;
    const char *text;
    size_t len; /* 0: that of the string */
    const char *keys;
    const char *report;
} Case;

#define SAID(line, reason) line "\tlist\trow left out: " reason "\n"

static const Case cases[] = {
    { "nothing", "", 0, "", "" },
    { "only comments", "# a\n   # b\n\t#\n\n", 0, "", "" },
    { "no line end at the end", "b\na", 0, "a b ", "" },
    { "CRLF", "b\r\na\r\n", 0, "a b ", "" },
    { "white space around", "  b \t\na  \n", 0, "a b ", "" },
    { "white space inside", "b c\n", 0, "b c ", "" },
    { "comment behind", "a # x\nb\t#y\n", 0, "a b ", "" },
    { "# inside", "a#x\n#\nhttp://e/#f # c\n", 0, "a#x http://e/#f ", "" },
    { "# after # inside", "a#b #c\n", 0, "a#b ", "" },
    { "byte order mark",
        "\xef\xbb\xbf"
        "b\na\n",
        0, "a b ", "" },
    { "a mark and a comment", "\xef\xbb\xbf# x\na\n", 0, "a ", "" },
    { "twice", "a\nb\na\na # again\nb\n", 0, "a b ", "" },
    { "bytes as unsigned numbers", "\xc3\xa9\nz\na\n", 0, "a z \xc3\xa9 ", "" },
    { "prefixes", "aa\na\naaa\naaaaaaaa\naaaaaaaaa\naaaaaaa\n", 0,
        "a aa aaa aaaaaaa aaaaaaaa aaaaaaaaa ", "" },
    { "not UTF-8", "a\nb\xff\nc\n", 0, "a c ",
        SAID("2", "it is not valid UTF-8") },
    { "a surrogate", "\xed\xa0\x80\n", 0, "",
        SAID("1", "it is not valid UTF-8") },
    { "a NUL", "a\n\nb\0b\nc\n", 9, "a c ", SAID("3", "a NUL byte in it") },
    { "a NUL alone", "\0\na\n", 4, "a ", SAID("1", "a NUL byte in it") },
    { "CR inside", "a\rb\n", 0, "a\rb ", "" },
};

static void
test_lists(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const Case *one = &cases[i];
        g_autoptr(WnRowSet) set = wn_row_set_new(1);
        g_autofree char *keys = NULL;
        g_autofree char *report = NULL;

        g_test_message("%s", one->name);
        read_list(set, "list", one->text,
            one->len > 0 ? one->len : strlen(one->text));
        wn_row_set_sort(set);
        keys = dump(set);
        report = wn_row_set_report(set);
        g_assert_cmpstr(keys, ==, one->keys);
        g_assert_cmpstr(report, ==, one->report);
    }
}

static void
test_too_long(void)
{
    g_autofree char *fits = g_strnfill(WN_ROWS_FIELD_MAX, 'a');
    g_autofree char *text = g_strconcat(fits, "\nb", fits, "\n", NULL);
    g_autoptr(WnRowSet) set = wn_row_set_new(1);
    g_autofree char *report = NULL;

    read_list(set, "list", text, strlen(text));
    report = wn_row_set_report(set);
    g_assert_cmpuint(wn_row_set_count(set), ==, 1);
    g_assert_cmpstr(report, ==, SAID("2", "it is too long"));
}

static char *
refuse_odd(void *user, const WnSpan *fields)
{
    (void)user;
    return (fields[0].ptr[fields[0].len - 1] - '0') % 2 != 0
               ? g_strdup_printf("%s is odd", fields[0].ptr)
               : NULL;
}

/* The first twenty by line, whatever their order by bytes; and how many more.
 */
static void
test_judge_and_report(void)
{
    g_autoptr(WnRowSet) set = wn_row_set_new(1);
    g_autoptr(GString) text = g_string_new(NULL);
    g_auto(GStrv) lines = NULL;
    g_autofree char *report = NULL;

    for (int i = 100; i > 0; i--)
        g_string_append_printf(text, "%d\n", i);
    read_list(set, "one", text->str, text->len);
    read_list(set, "two", "201\n202\n", 8);
    wn_row_set_sort(set);
    wn_row_set_judge(set, refuse_odd, NULL);
    g_assert_cmpuint(wn_row_set_count(set), ==, 51);
    report = wn_row_set_report(set);
    lines = g_strsplit(report, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, 23);
    g_assert_cmpstr(lines[0], ==, "2\tone\trow left out: 99 is odd");
    g_assert_cmpstr(lines[19], ==, "40\tone\trow left out: 61 is odd");
    g_assert_cmpstr(lines[20], ==, "0\tone\tand 30 more rows left out");
    g_assert_cmpstr(lines[21], ==, "1\ttwo\trow left out: 201 is odd");
}

static WnRowsFile *
make_table(const char *folder)
{
    g_autofree char *path = g_build_filename(folder, "t.rows", NULL);
    g_autoptr(WnRowsWriter) writer = wn_rows_writer_new(2);
    g_autoptr(GError) error = NULL;
    const WnSpan rows[][2] = { { WN_SPAN("b"), WN_SPAN("feed") },
        { WN_SPAN("d\xff"), WN_SPAN("x") }, { WN_SPAN("e"), WN_SPAN("hand") } };
    WnRowsFile *table;

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        g_assert_true(wn_rows_writer_add(writer, rows[i], &error));
    g_assert_true(wn_rows_writer_publish(writer, path, 1, &error));
    table = wn_rows_open(path, &error);
    g_assert_no_error(error);
    return table;
}

/* The table's row stays; columns that it lacks and those of files are empty. */
static void
test_table_and_list(void)
{
    static const char *const expected[] = { "a,,", "b,feed,", "c,,",
        "e,hand," };
    g_autofree char *folder = g_dir_make_tmp("rows-XXXXXX", NULL);
    g_autoptr(WnRowSet) set = wn_row_set_new(3);
    g_autofree char *report = NULL;

    wn_row_set_take_table(set, make_table(folder), "table");
    read_list(set, "one", "c\nb\ne\n", 6);
    read_list(set, "two", "a\nb\n", 4);
    wn_row_set_sort(set);
    g_assert_cmpuint(wn_row_set_count(set), ==, G_N_ELEMENTS(expected));
    for (size_t i = 0; i < G_N_ELEMENTS(expected); i++) {
        g_autofree char *row = NULL;
        WnSpan fields[3];

        wn_row_set_fields(set, i, fields);
        row = g_strdup_printf("%s,%s,%s", fields[0].ptr, fields[1].ptr,
            fields[2].ptr);
        g_assert_cmpstr(row, ==, expected[i]);
    }
    report = wn_row_set_report(set);
    g_assert_cmpstr(report, ==,
        "0\ttable\trow left out: \"d\357\277\275\": it is not valid UTF-8\n");
    g_assert_true(wn_folder_remove(folder, NULL));
}

static char *
refuse_all(void *user, const WnSpan *fields)
{
    (void)user;
    (void)fields;
    return g_strdup("no host");
}

/* A row of a table was named by its place in a file that nobody knows; what it
 * holds must not end the report's line. */
static void
test_refused_row_of_table_is_quoted(void)
{
    g_autofree char *folder = g_dir_make_tmp("rows-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "rows", NULL);
    g_autoptr(WnRowsWriter) writer = wn_rows_writer_new(1);
    g_autoptr(WnRowSet) set = wn_row_set_new(1);
    g_autofree char *report = NULL;
    const WnSpan rows[] = { WN_SPAN("a.test\nb\tc"), WN_SPAN("http://") };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        g_assert_true(wn_rows_writer_add(writer, &rows[i], NULL));
    g_assert_true(wn_rows_writer_publish(writer, path, 1, NULL));
    wn_row_set_take_table(set, wn_rows_open(path, NULL), "table");
    wn_row_set_judge(set, refuse_all, NULL);
    report = wn_row_set_report(set);
    g_assert_cmpstr(report, ==,
        "0\ttable\trow left out: \"a.test b c\": no host\n"
        "0\ttable\trow left out: \"http://\": no host\n");
    g_assert_true(wn_folder_remove(folder, NULL));
}

static int
by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Against a plain sort, over keys with long common beginnings. */
static void
test_sort_is_right(void)
{
    static const char *const beginnings[] = { "", "http://www.x.example/",
        "aaaaaaaaaaaaaaaa", "1234567" };

    for (size_t shape = 0; shape < G_N_ELEMENTS(beginnings); shape++) {
        g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(g_free);
        g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(WnRow));
        g_autoptr(GRand) rand = g_rand_new_with_seed(7);

        for (int i = 0; i < 5000; i++) {
            char *key = g_strdup_printf("%s%u", beginnings[shape],
                g_rand_int(rand) % 9000);
            WnRow row = { .key = key, .len = (uint32_t)strlen(key) };

            g_ptr_array_add(keys, key);
            g_array_append_val(rows, row);
        }
        g_ptr_array_sort(keys, by_bytes);
        wn_row_sort((WnRow *)(void *)rows->data, rows->len);
        for (unsigned i = 0; i < rows->len; i++)
            g_assert_cmpstr(g_array_index(rows, WnRow, i).key, ==,
                keys->pdata[i]);
    }
}

static double
cpu_seconds(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
           + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* A million lines, and orders that break a careless quicksort. */
static void
test_a_million(void)
{
    enum { RANDOM, FALLING, EQUAL, N_ORDERS };

    for (int order = 0; order < N_ORDERS; order++) {
        g_autoptr(GString) text = g_string_new(NULL);
        g_autoptr(WnRowSet) set = wn_row_set_new(1);
        g_autoptr(GRand) rand = g_rand_new_with_seed(3);
        double before;

        for (unsigned i = 0; i < 1000000; i++)
            g_string_append_printf(text, "https://www.host%u.example/path\n",
                order == RANDOM    ? g_rand_int(rand)
                : order == FALLING ? 2000000 - i
                                   : 1);
        before = cpu_seconds();
        read_list(set, "list", text->str, text->len);
        wn_row_set_sort(set);
        g_test_message("order %d: %.3f s of CPU", order,
            cpu_seconds() - before);
        g_assert_cmpfloat(cpu_seconds() - before, <, 6);
        g_assert_cmpuint(wn_row_set_count(set), ==,
            order == EQUAL     ? 1
            : order == FALLING ? 1000000
                               : wn_row_set_count(set));
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/row-set/lists", test_lists);
    g_test_add_func("/row-set/too-long", test_too_long);
    g_test_add_func("/row-set/judge", test_judge_and_report);
    g_test_add_func("/row-set/table", test_table_and_list);
    g_test_add_func("/row-set/refused-row-of-table-is-quoted",
        test_refused_row_of_table_is_quoted);
    g_test_add_func("/row-set/sort", test_sort_is_right);
    g_test_add_func("/row-set/a-million", test_a_million);
    return g_test_run();
}
