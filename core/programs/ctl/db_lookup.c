/* SPDX-License-Identifier: MIT */

/*
 * winnowctl db lookup: whether a list has a value, and for a URL which entries
 * cover it: the host and the hosts above it, and what the path begins with.
 * Exit status 1: no entry.
 */

#include "core/programs/ctl/db_entry.h"

#include <stdio.h>

#define CANDIDATES_MAX 64

static void
add(GPtrArray *candidates, const char *text, size_t len)
{
    if (candidates->len < CANDIDATES_MAX && len > 0)
        g_ptr_array_add(candidates, g_strndup(text, len));
}

/* The host and those above it, but no top-level domain. */
static void
add_hosts(GPtrArray *candidates, const char *host)
{
    for (const char *at = host; at != NULL && strchr(at, '.') != NULL;
         at = strchr(at, '.') + 1)
        add(candidates, at, strlen(at));
}

/* host/a, host/a/, host/a/b, host/a/b?c */
static void
add_paths(GPtrArray *candidates, const char *host, const char *path)
{
    g_autofree char *whole = g_strconcat(host, path, NULL);
    size_t host_len = strlen(host);

    for (const char *at = whole + host_len; *at != '\0'; at++) {
        if (strchr("/?#", *at) == NULL)
            continue;
        if (at > whole + host_len)
            add(candidates, whole, (size_t)(at - whole));
        add(candidates, whole, (size_t)(at - whole) + 1);
    }
    add(candidates, whole, strlen(whole));
}

static void
add_url(GPtrArray *candidates, const char *value)
{
    const char *scheme = strstr(value, "://");
    const char *rest = scheme != NULL ? scheme + 3 : value;
    size_t len = strcspn(rest, "/?#");
    g_autofree char *authority = g_ascii_strdown(rest, (gssize)len);
    char *user = strrchr(authority, '@');
    char *host = user != NULL ? user + 1 : authority;

    if (host[0] != '[' && strchr(host, ':') != NULL)
        *strchr(host, ':') = '\0';
    add_hosts(candidates, host);
    add_paths(candidates, host, rest + len);
}

/* "+44 (0) 20 7946" is looked up as its digits, too. */
static void
add_phone(GPtrArray *candidates, const char *value)
{
    g_autoptr(GString) digits = g_string_new(NULL);

    for (const char *at = value; *at != '\0'; at++) {
        if (g_str_has_prefix(at, "(0)"))
            at += 2;
        else if (g_ascii_isdigit(*at))
            g_string_append_c(digits, *at);
    }
    if (g_str_has_prefix(digits->str, "00"))
        g_string_erase(digits, 0, 2);
    if (digits->len == 0)
        return;
    add(candidates, digits->str, digits->len);
    if (digits->len == 11 && digits->str[0] == '1') /* entries may lack it */
        add(candidates, digits->str + 1, digits->len - 1);
}

/* (transfer full) */
static GPtrArray *
candidates_of(const CtlList *list, const char *value)
{
    GPtrArray *candidates = g_ptr_array_new_with_free_func(g_free);

    add(candidates, value, strlen(value));
    if (strcmp(list->kind, "urls") == 0)
        add_url(candidates, value);
    else if (strcmp(list->kind, "phones") == 0)
        add_phone(candidates, value);
    return candidates;
}

static void
print_entry(const WnStatement *row)
{
    static const unsigned shown[] = { CTL_ENTRY_SOURCE, CTL_ENTRY_NOTE,
        CTL_ENTRY_ADDED_AT, CTL_ENTRY_EXPIRES_AT };
    WnSpan value = wn_statement_text(row, CTL_ENTRY_VALUE);

    printf("%.*s\n  id %" G_GINT64_FORMAT "\n", (int)value.len, value.ptr,
        wn_statement_int(row, CTL_ENTRY_ID));
    for (size_t i = 0; i < G_N_ELEMENTS(shown); i++) {
        WnSpan text = wn_statement_text(row, shown[i]);

        if (text.len > 0)
            printf("  %s %.*s\n", ctl_entry_columns[shown[i]].name,
                (int)text.len, text.ptr);
    }
}

/* What is compared.  An entry counts however it was written: a number by its
 * digits, a URL in any case with or without scheme and "www.", a phrase by its
 * words.  The path of a URL is compared so, too: an entry too many is told here
 * rather than one too few. */
typedef struct Comparison {
    const char *kind;
    const char *entry;
    const char *candidate;
} Comparison;

#define PLAIN_URL(text_) \
    "REGEXP_REPLACE(LOWER(" text_ "), '^([a-z]+://)?(www[.])?', '')"
#define WORDS_OF(text_) \
    "TRIM(REGEXP_REPLACE(LOWER(" text_ "), '[^[:alnum:]]+', ' '))"

static const Comparison comparisons[] = {
    { "phones", "REGEXP_REPLACE(REPLACE(value, '(0)', ''), '^00|[^0-9]', '')",
        "?" },
    { "urls", PLAIN_URL("value"), PLAIN_URL("?") },
    { "phrases", WORDS_OF("value"), WORDS_OF("?") },
};

static Comparison
comparison_of(const CtlList *list)
{
    for (size_t i = 0; i < G_N_ELEMENTS(comparisons); i++)
        if (strcmp(comparisons[i].kind, list->kind) == 0)
            return comparisons[i];
    return (Comparison){ list->kind, "value", "?" };
}

/* The longest entry first: it says the most. */
static WnStatement *
ask(WnDatabase *database, const CtlList *list, const GPtrArray *candidates,
    GError **error)
{
    const Comparison how = comparison_of(list);
    g_autoptr(GString) sql = g_string_new("SELECT " CTL_ENTRY_COLUMNS " FROM ");
    g_autoptr(WnStatement) statement = NULL;

    g_string_append_printf(sql, "%s WHERE %s IN (%s", list->table, how.entry,
        how.candidate);
    for (guint i = 1; i < candidates->len; i++)
        g_string_append_printf(sql, ", %s", how.candidate);
    g_string_append(sql, ") ORDER BY CHAR_LENGTH(value) DESC");
    statement = wn_statement_new_query(database, list->table, sql->str,
        ctl_entry_columns, CTL_ENTRY_N, error);
    if (statement == NULL)
        return NULL;
    for (guint i = 0; i < candidates->len; i++)
        wn_statement_set_text(statement, i, wn_span_str(candidates->pdata[i]));
    if (!wn_statement_execute(statement, error))
        return NULL;
    return g_steal_pointer(&statement);
}

/* The number of entries, -1 with error. */
static int
print_all(const WnCtl *ctl, WnStatement *statement, GError **error)
{
    int n = 0;

    for (;;) {
        WnRowResult result = wn_statement_next(statement, error);

        if (result == WN_ROW_END)
            return n;
        if (result != WN_ROW_GOOD)
            return -1;
        n++;
        if (ctl->json)
            ctl_entry_print_json(statement);
        else
            print_entry(statement);
    }
}

WnExit
ctl_db_lookup(WnCtl *ctl, const WnConfig *config, const CtlAccount *account,
    const CtlList *list)
{
    g_autoptr(WnDatabase) database = NULL;
    g_autoptr(WnStatement) statement = NULL;
    g_autoptr(GPtrArray) candidates = NULL;
    g_autoptr(GError) error = NULL;
    int n = -1;

    if (ctl->words->len != 1
        || !g_utf8_validate(ctl->words->pdata[0], -1, NULL))
        return ctl_db_usage();
    if (strspn(ctl->words->pdata[0], " \t") == strlen(ctl->words->pdata[0])) {
        fputs("winnowctl: nothing to look up\n", stderr);
        return WN_EXIT_USAGE;
    }
    database = ctl_database_open(config, account, WN_DATABASE_READ);
    if (database == NULL)
        return WN_EXIT_NO;
    candidates = candidates_of(list, ctl->words->pdata[0]);
    statement = ask(database, list, candidates, &error);
    if (statement != NULL)
        n = print_all(ctl, statement, &error);
    if (n < 0)
        ctl_database_fault(error);
    if (n == 0 && !ctl->json)
        printf("%s: not in the list\n", (char *)ctl->words->pdata[0]);
    return n > 0 ? WN_EXIT_OK : WN_EXIT_NO;
}
