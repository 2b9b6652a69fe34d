/* SPDX-License-Identifier: MIT */

/* The SQL that is part of the program, and how it is cut into statements. */

#include "core/sync/schema.h"
#include "core/sync/schema_text.h"

typedef struct CutCase {
    const char *name;
    const char *text;
    const char *statements; /* with | between them */
} CutCase;

static const CutCase cut_cases[] = {
    { "nothing", "", "" },
    { "comments", "-- a;\n\n  -- b\n", "" },
    { "two", "SELECT 1;\nSELECT\n  2;\n", "SELECT 1|SELECT\n2" },
    { "comment inside", "SELECT\n-- no;\n2;\n", "SELECT\n2" },
    { "semicolon in a line", "SELECT ';', 2;\n", "SELECT ';', 2" },
    { "no end", "SELECT 1", "SELECT 1" },
    { "crlf", "SELECT 1;\r\nSELECT 2;\r\n", "SELECT 1|SELECT 2" },
    { "delimiter",
        "DELIMITER //\nBEGIN\n a;\n b;\nEND\n//\ndelimiter ;\nSELECT 1;\n",
        "BEGIN\n a;\n b;\nEND\n|SELECT 1" },
};

static void
test_cut(const void *data)
{
    const CutCase *c = data;
    WnSqlReader reader = { .rest = wn_span_str(c->text) };
    g_autoptr(GString) statement = g_string_new(NULL);
    g_autoptr(GString) all = g_string_new(NULL);

    while (wn_sql_next(&reader, statement))
        g_string_append_printf(all, "%s%s", all->len > 0 ? "|" : "",
            statement->str);
    g_assert_cmpstr(all->str, ==, c->statements);
}

static void
test_texts(void)
{
    g_assert_cmpuint(wn_schema_n_texts, ==, WN_SCHEMA_VERSION);
    g_assert_cmpstr(wn_schema_texts[0].file, ==, "schema.sql");
    for (unsigned i = 1; i < wn_schema_n_texts; i++) {
        g_autofree char *prefix = g_strdup_printf("%03u-", i + 1);

        g_assert_true(g_str_has_prefix(wn_schema_texts[i].file, prefix));
    }
}

/* An interrupted init is run again from the beginning of its step. */
static bool
is_repeatable(const char *sql)
{
    static const char *const starts[] = { "CREATE TABLE IF NOT EXISTS ",
        "CREATE OR REPLACE PROCEDURE ", "CREATE OR REPLACE TRIGGER ",
        "INSERT IGNORE INTO ", "ALTER TABLE " };

    for (size_t i = 0; i < G_N_ELEMENTS(starts); i++) {
        if (g_str_has_prefix(sql, starts[i]))
            return strcmp(starts[i], "ALTER TABLE ") != 0
                   || strstr(sql, "IF NOT EXISTS") != NULL;
    }
    return false;
}

static void
test_repeatable(void)
{
    g_autoptr(GString) statement = g_string_new(NULL);
    unsigned n = 0;

    for (unsigned i = 0; i < wn_schema_n_texts; i++) {
        WnSqlReader reader = { .rest = wn_span_str(wn_schema_texts[i].sql) };

        while (wn_sql_next(&reader, statement)) {
            n++;
            if (!is_repeatable(statement->str))
                g_error("cannot be repeated: %s", statement->str);
        }
    }
    g_assert_cmpuint(n, >, 40);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cut_cases); i++) {
        g_autofree char *path = g_strdup_printf("/sync/schema/cut/%s",
            cut_cases[i].name);

        g_test_add_data_func(path, &cut_cases[i], test_cut);
    }
    g_test_add_func("/sync/schema/texts", test_texts);
    g_test_add_func("/sync/schema/repeatable", test_repeatable);
    return g_test_run();
}
