/* SPDX-License-Identifier: MIT */
#include "core/sync/relay_rows.h"

#include "core/sync/mirror.h"

#include <string.h>

/* What the columns hold, in characters; cut at as many bytes. */
#define OBJECT_MAX 512u
#define DETAIL_MAX 2048u
#define PROBLEMS_MAX 1000u

bool
wn_relay_rows_tell(WnDatabase *database, const char *relay, uint64_t generation,
    uint64_t revision, GError **error)
{
    g_autoptr(WnStatement)
        statement = wn_statement_new(database, "relay_status",
            "INSERT INTO relay_status (relay, generation, revision, version, "
            "updated_at) VALUES (?, ?, ?, ?, CURRENT_TIMESTAMP) "
            "ON DUPLICATE KEY UPDATE generation = VALUES(generation), "
            "revision = VALUES(revision), version = VALUES(version), "
            "updated_at = CURRENT_TIMESTAMP",
            error);

    if (statement == NULL)
        return false;
    wn_statement_set_text(statement, 0, wn_span_str(relay));
    wn_statement_set_int(statement, 1, (int64_t)generation);
    wn_statement_set_int(statement, 2, (int64_t)revision);
    wn_statement_set_text(statement, 3, WN_SPAN(WN_VERSION));
    return wn_statement_execute(statement, error);
}

static bool
remove_rows(WnDatabase *database, const char *relay, GError **error)
{
    g_autoptr(WnStatement) statement = wn_statement_new(database,
        "sync_problem", "DELETE FROM sync_problem WHERE relay = ?", error);

    if (statement == NULL)
        return false;
    wn_statement_set_text(statement, 0, wn_span_str(relay));
    return wn_statement_execute(statement, error);
}

/* At most max bytes, and never a part of a character (transfer full). */
static char *
cut(WnSpan text, size_t max)
{
    g_autofree char *part = wn_span_dup(wn_span_slice(text, 0, max));
    g_autofree char *valid = g_utf8_make_valid(part, -1);

    if (strlen(valid) > max)
        valid[g_utf8_find_prev_char(valid, valid + max) - valid] = '\0';
    return g_steal_pointer(&valid);
}

static bool
insert_line(WnStatement *statement, WnSpan line, GError **error)
{
    const char *at = memmem(line.ptr, line.len, ": ", 2);
    size_t len = at != NULL ? (size_t)(at - line.ptr) : 0;
    WnSpan place = wn_span_slice(line, 0, len);
    WnSpan prefix = WN_SPAN(WN_MIRROR_PLACE);
    g_autofree char *object = NULL;
    g_autofree char *detail = NULL;

    if (wn_span_case_starts(place, prefix))
        place = wn_span_slice(place, prefix.len, place.len);
    object = cut(place, OBJECT_MAX);
    detail = cut(at != NULL ? wn_span_slice(line, len + 2, line.len) : line,
        DETAIL_MAX);
    wn_statement_set_text(statement, 1, wn_span_str(object));
    wn_statement_set_text(statement, 2, wn_span_str(detail));
    return wn_statement_execute(statement, error);
}

static bool
insert_rows(WnDatabase *database, const char *relay, const char *lines,
    GError **error)
{
    g_auto(GStrv) texts = g_strsplit(lines, "\n", PROBLEMS_MAX);
    g_autoptr(WnStatement)
        statement = wn_statement_new(database, "sync_problem",
            "INSERT INTO sync_problem (relay, object, detail) VALUES (?, ?, ?)",
            error);

    if (statement == NULL)
        return false;
    wn_statement_set_text(statement, 0, wn_span_str(relay));
    for (size_t i = 0; texts[i] != NULL; i++)
        if (texts[i][0] != '\0'
            && !insert_line(statement, wn_span_str(texts[i]), error))
            return false;
    return true;
}

bool
wn_relay_rows_report(WnDatabase *database, const char *relay, const char *lines,
    GError **error)
{
    if (!wn_database_begin(database, error))
        return false;
    if (remove_rows(database, relay, error)
        && insert_rows(database, relay, lines, error)
        && wn_database_commit(database, error))
        return true;
    wn_database_finish(database, NULL);
    return false;
}
