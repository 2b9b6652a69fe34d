/* SPDX-License-Identifier: MIT */
#include "core/sync/domain_values.h"

#include "core/conf/setting.h"
#include "core/sync/mirror.h"

#include <string.h>

#define FAULTS_MAX 20u
#define FILTERS_MAX 256u
#define POSITION_MAX 1000000
#define TEXT_MAX 2000u
#define NAME_MAX_BYTES 1024u
#define VALUE_MAX (64u * 1024u)
#define ENTRIES_MAX (512u * 1024u) /* bytes of one kind */
#define DAY_S (INT64_C(24) * 60 * 60)
#define ACCESS_FILTER "firewall"

static const char *const bool_words[] = { "off", "on", NULL };
static const char *const status_words[] = { "ready", "initializing",
    "suspended", NULL };
static const char *const delivery_words[] = { "even", "ordered", NULL };
static const char *const mailboxes_words[] = { "any", "listed", NULL };
static const char *const tls_words[] = { "none", "may", "require", "verify",
    "dane", NULL };
static const char *const on_match_words[] = { "stop", "continue", NULL };
static const char *const on_error_words[] = { "skip", "tempfail", NULL };
static const char *const filtering_words[] = { "default", "on", "off", NULL };
static const char *const verdict_words[] = { "allow", "block", NULL };
static const char *const kind_words[] = { "client", "sender", "sender_domain",
    "helo", NULL };

WnDomainDraft *
wn_domain_draft_new(const char *name, GHashTable *revisions)
{
    WnDomainDraft *self = g_new0(WnDomainDraft, 1);

    self->domain = wn_domain_setting_new(name);
    self->domain->filter_settings = g_ptr_array_new_with_free_func(
        wn_filter_setting_free);
    self->faults = g_ptr_array_new_with_free_func(g_free);
    self->revisions = revisions;
    return self;
}

void
wn_domain_draft_free(void *data)
{
    WnDomainDraft *self = data;

    wn_domain_setting_free(self->domain);
    wn_domain_setting_free(self->previous);
    g_ptr_array_unref(self->faults);
    g_free(self);
}

void
wn_domain_draft_add_fault(WnDomainDraft *self, const char *fault)
{
    self->domain->faulty = true;
    if (self->faults->len < FAULTS_MAX)
        g_ptr_array_add(self->faults, g_strdup(fault));
}

/* What one row is called in faults and in revisions. */
typedef struct Row {
    WnDomainDraft *draft;
    const WnStatement *statement;
    const WnDomainTable *table;
    char *key; /* "example.com/rbl" */
} Row;

static void
row_clear(Row *self)
{
    g_free(self->key);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Row, row_clear)

static Row
row_of(WnDomainDraft *draft, const WnStatement *statement, unsigned table)
{
    const WnDomainTable *of = &wn_domain_tables[table];
    GString *key = g_string_new(NULL);

    for (unsigned i = 0; i < of->n_columns; i++) {
        if ((of->columns[i].flags & WN_COLUMN_KEY) == 0)
            continue;
        if (key->len > 0)
            g_string_append_c(key, '/');
        if (of->columns[i].kind == WN_COLUMN_INT)
            g_string_append_printf(key, "%" G_GINT64_FORMAT,
                wn_statement_int(statement, i));
        else
            g_string_append_len(key, wn_statement_text(statement, i).ptr,
                (gssize)wn_statement_text(statement, i).len);
    }
    return (Row){ draft, statement, of, g_string_free(key, FALSE) };
}

static void G_GNUC_PRINTF(3, 4)
    report(const Row *row, unsigned column, const char *format, ...)
{
    g_autofree char *text = NULL;
    g_autofree char *fault = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    fault = g_strdup_printf("%s/%s: %s: %s", row->table->name, row->key,
        row->table->columns[column].name, text);
    wn_domain_draft_add_fault(row->draft, fault);
}

/* 0: not known. */
static unsigned
revision_of(const Row *row)
{
    g_autofree char *name = g_strconcat(row->table->name, "/", row->key, NULL);
    const uint64_t *known = g_hash_table_lookup(row->draft->revisions, name);

    return known != NULL ? (unsigned)MIN(*known, G_MAXUINT32) : 0;
}

static char *
text_or_null(const Row *row, unsigned column)
{
    return wn_statement_is_null(row->statement, column)
               ? NULL
               : wn_span_dup(wn_statement_text(row->statement, column));
}

/* unset where the column is NULL. */
static int
word(const Row *row, unsigned column, const char *const *words, int unset)
{
    WnSpan text = wn_statement_text(row->statement, column);

    if (wn_statement_is_null(row->statement, column))
        return unset;
    for (int i = 0; words[i] != NULL; i++)
        if (wn_span_eq(text, wn_span_str(words[i])))
            return i;
    report(row, column, "\"%.*s\" is none of its words", (int)text.len,
        text.ptr);
    return MAX(unset, 0);
}

/* unset where the column is NULL. */
static int64_t
number(const Row *row, unsigned column, int64_t min, int64_t max, int64_t unset)
{
    int64_t value = wn_statement_int(row->statement, column);

    if (wn_statement_is_null(row->statement, column))
        return unset;
    if (value >= min && value <= max)
        return value;
    report(row, column,
        "%" G_GINT64_FORMAT " is not in the range %" G_GINT64_FORMAT
        " to %" G_GINT64_FORMAT,
        value, min, max);
    return min;
}

/*
 * The tables
 */

enum { DOMAIN, SERVER, FILTER, OPTION, MAILBOX, ENTRY };

#define KEY_TEXT(column, bytes)                                   \
    {                                                             \
        .name = (column), .kind = WN_COLUMN_TEXT, .max = (bytes), \
        .flags = WN_COLUMN_KEY                                    \
    }
#define TEXT(column, bytes)                                      \
    {                                                            \
        .name = (column), .kind = WN_COLUMN_TEXT, .max = (bytes) \
    }
#define NULL_TEXT(column, bytes)                                  \
    {                                                             \
        .name = (column), .kind = WN_COLUMN_TEXT, .max = (bytes), \
        .flags = WN_COLUMN_NULLABLE                               \
    }
#define INT(column)                             \
    {                                           \
        .name = (column), .kind = WN_COLUMN_INT \
    }
#define KEY_INT(column)                                                 \
    {                                                                   \
        .name = (column), .kind = WN_COLUMN_INT, .flags = WN_COLUMN_KEY \
    }
#define NULL_INT(column)                                                     \
    {                                                                        \
        .name = (column), .kind = WN_COLUMN_INT, .flags = WN_COLUMN_NULLABLE \
    }

static const WnColumn domain_columns[] = {
    KEY_TEXT("name", NAME_MAX_BYTES),
    INT("enabled"),
    TEXT("status", 32),
    TEXT("delivery", 32),
    TEXT("mailboxes", 32),
    TEXT("filter_default", 32),
    INT("firewall"),
    NULL_TEXT("egress_pool", 256),
    TEXT("tls", 32),
    NULL_INT("max_message_size"),
    NULL_TEXT("reject_text", TEXT_MAX),
    NULL_INT("queue_lifetime"),
    NULL_INT("delay_notice"),
    NULL_TEXT("technical_contact", NAME_MAX_BYTES),
};

static void
take_domain(WnDomainDraft *draft, const WnStatement *statement)
{
    g_auto(Row) row = row_of(draft, statement, DOMAIN);
    WnDomainSetting *domain = draft->domain;

    domain->line = revision_of(&row);
    if (domain->line == 0 && draft->previous != NULL)
        domain->line = draft->previous->line;
    domain->enabled = number(&row, 1, 0, 1, 1) != 0;
    domain->status = (WnDomainStatus)word(&row, 2, status_words, 0);
    domain->delivery = (WnDelivery)word(&row, 3, delivery_words, 0);
    domain->mailboxes = (WnMailboxes)word(&row, 4, mailboxes_words, 0);
    domain->filter_default = word(&row, 5, bool_words, 1) != 0;
    domain->firewall = number(&row, 6, 0, 1, 0) != 0;
    domain->egress_pool = text_or_null(&row, 7);
    domain->tls = (WnTlsPolicy)word(&row, 8, tls_words, WN_TLS_POLICY_MAY);
    domain->max_message_size = number(&row, 9, 1024, G_MAXINT32, 0);
    domain->reject_text = text_or_null(&row, 10);
    domain->queue_lifetime_ms = number(&row, 11, 1, 60 * DAY_S, 0) * 1000;
    domain->delay_notice_ms = number(&row, 12, 1, 60 * DAY_S, 0) * 1000;
    domain->technical_contact = text_or_null(&row, 13);
}

static const WnColumn server_columns[] = {
    KEY_TEXT("domain", NAME_MAX_BYTES),
    KEY_INT("position"),
    TEXT("host", NAME_MAX_BYTES),
    INT("port"),
    INT("weight"),
    NULL_TEXT("tls", 32),
    INT("enabled"),
};

static bool
has_server(const WnDomainSetting *domain, const char *host, uint16_t port)
{
    for (guint i = 0; i < domain->servers->len; i++) {
        const WnServerSetting *server = domain->servers->pdata[i];

        if (server->port == port && strcmp(server->host, host) == 0)
            return true;
    }
    return false;
}

static void
take_server(WnDomainDraft *draft, const WnStatement *statement)
{
    g_auto(Row) row = row_of(draft, statement, SERVER);
    g_autofree char *host = wn_span_dup(wn_statement_text(statement, 2));
    uint16_t port = (uint16_t)number(&row, 3, 1, G_MAXUINT16, 25);
    uint16_t weight = (uint16_t)number(&row, 4, 1, G_MAXUINT16, 1);
    int tls = word(&row, 5, tls_words, -1);

    if (number(&row, 6, 0, 1, 1) == 0)
        return;
    if (has_server(draft->domain, host, port))
        report(&row, 2, "\"%s:%u\" is given twice", host, port);
    else
        wn_domain_setting_add_server(draft->domain, host, port, weight)
            ->own_tls = WN_OWN_TLS(tls);
}

static const WnColumn filter_columns[] = {
    KEY_TEXT("domain", NAME_MAX_BYTES),
    KEY_TEXT("filter", 256),
    INT("enabled"),
    NULL_INT("position"),
    NULL_TEXT("action", 256),
    NULL_TEXT("on_match", 32),
    NULL_TEXT("on_error", 32),
};

static WnFilterSetting *
find_filter(const WnDomainSetting *domain, const char *name)
{
    const GPtrArray *filters = domain != NULL ? domain->filter_settings : NULL;

    for (guint i = 0; filters != NULL && i < filters->len; i++) {
        WnFilterSetting *filter = filters->pdata[i];

        if (strcmp(filter->name, name) == 0)
            return filter;
    }
    return NULL;
}

/* Made if it is not there yet; NULL: there are too many. */
static WnFilterSetting *
need_filter(const Row *row, const char *name)
{
    WnDomainSetting *domain = row->draft->domain;
    WnFilterSetting *filter = find_filter(domain, name);

    if (filter != NULL)
        return filter;
    if (domain->filter_settings->len >= FILTERS_MAX) {
        report(row, 0, "at most %u filters are possible", FILTERS_MAX);
        return NULL;
    }
    filter = wn_filter_setting_new(name);
    g_ptr_array_add(domain->filter_settings, filter);
    return filter;
}

static void
take_filter(WnDomainDraft *draft, const WnStatement *statement)
{
    g_auto(Row) row = row_of(draft, statement, FILTER);
    g_autofree char *name = wn_span_dup(wn_statement_text(statement, 1));
    WnFilterSetting *filter = need_filter(&row, name);
    const WnFilterSetting *previous = find_filter(draft->previous, name);

    if (filter == NULL)
        return;
    filter->line = revision_of(&row);
    if (filter->line == 0 && previous != NULL)
        filter->line = previous->line;
    filter->enabled = (int)number(&row, 2, 0, 1, 1);
    filter->position = (int)number(&row, 3, 0, POSITION_MAX, -1);
    filter->action = text_or_null(&row, 4);
    filter->on_match = word(&row, 5, on_match_words, -1);
    filter->on_error = word(&row, 6, on_error_words, -1);
}

static const WnColumn option_columns[] = {
    KEY_TEXT("domain", NAME_MAX_BYTES),
    KEY_TEXT("filter", 256),
    KEY_TEXT("name", 256),
    TEXT("value", VALUE_MAX),
};

static WnSetting *
find_setting(const WnFilterSetting *filter, const char *key)
{
    for (guint i = 0; filter != NULL && i < filter->settings->len; i++) {
        WnSetting *setting = filter->settings->pdata[i];

        if (strcmp(setting->key, key) == 0)
            return setting;
    }
    return NULL;
}

static unsigned
previous_line(const WnDomainDraft *draft, const char *filter, const char *key)
{
    const WnSetting *setting = find_setting(find_filter(draft->previous,
                                                filter),
        key);

    return setting != NULL ? setting->line : 0;
}

static void
take_option(WnDomainDraft *draft, const WnStatement *statement)
{
    g_auto(Row) row = row_of(draft, statement, OPTION);
    g_autofree char *name = wn_span_dup(wn_statement_text(statement, 1));
    g_autofree char *key = wn_span_dup(wn_statement_text(statement, 2));
    g_autofree char *value = wn_span_dup(wn_statement_text(statement, 3));
    WnFilterSetting *filter = need_filter(&row, name);
    unsigned line = revision_of(&row);

    if (line == 0)
        line = previous_line(draft, name, key);
    if (filter != NULL)
        g_ptr_array_add(filter->settings,
            wn_setting_new(key, value, NULL, "/", line));
}

static const WnColumn mailbox_columns[] = {
    KEY_TEXT("domain", NAME_MAX_BYTES),
    KEY_TEXT("local_part", 256),
    TEXT("filtering", 32),
};

static void
take_mailbox(WnDomainDraft *draft, const WnStatement *statement)
{
    g_auto(Row) row = row_of(draft, statement, MAILBOX);
    g_autofree char *local_part = wn_span_dup(wn_statement_text(statement, 1));
    WnFiltering filtering = (WnFiltering)word(&row, 2, filtering_words, 0);

    wn_domain_setting_add_mailbox(draft->domain, local_part, filtering);
}

static const WnColumn entry_columns[] = {
    KEY_TEXT("domain", NAME_MAX_BYTES),
    KEY_INT("id"),
    TEXT("verdict", 32),
    TEXT("kind", 32),
    TEXT("value", 1280),
};

static void
append_entry(WnSetting *setting, const char *value, unsigned line)
{
    char *joined = setting->value[0] != '\0'
                       ? g_strconcat(setting->value, "; ", value, NULL)
                       : g_strdup(value);

    g_free(setting->value);
    setting->value = joined;
    setting->line = MAX(setting->line, line);
}

/* "allow_clients = a; b" of the domain's [filter firewall]. */
static void
take_entry(WnDomainDraft *draft, const WnStatement *statement)
{
    g_auto(Row) row = row_of(draft, statement, ENTRY);
    const char *verdict = verdict_words[word(&row, 2, verdict_words, 0)];
    const char *kind = kind_words[word(&row, 3, kind_words, 0)];
    g_autofree char *value = wn_span_dup(wn_statement_text(statement, 4));
    g_autofree char *key = g_strconcat(verdict, "_", kind, "s", NULL);
    WnFilterSetting *filter = need_filter(&row, ACCESS_FILTER);
    WnSetting *setting = find_setting(filter, key);
    g_autofree char *place = NULL;
    unsigned line = revision_of(&row);

    if (strchr(value, ';') != NULL)
        report(&row, 4, "one value in each row, without \";\"");
    if (filter == NULL)
        return;
    if (line == 0)
        line = previous_line(draft, ACCESS_FILTER, key);
    if (setting == NULL) {
        place = g_strconcat(WN_MIRROR_PLACE "access_entry/",
            draft->domain->name, NULL);
        setting = wn_setting_new(key, "", place, "/", line);
        g_ptr_array_add(filter->settings, setting);
    }
    if (strlen(setting->value) + strlen(value) > ENTRIES_MAX)
        report(&row, 4, "there are too many entries of its kind");
    else
        append_entry(setting, value, line);
}

#define COLUMNS(columns_) \
    .columns = (columns_), .n_columns = G_N_ELEMENTS(columns_)

/* take_domain() and the others name their place in here. */
const WnDomainTable wn_domain_tables[WN_DOMAIN_TABLES] = {
    [DOMAIN] = { .name = "domain",
        .order = "name",
        COLUMNS(domain_columns),
        .take = take_domain },
    [SERVER] = { .name = "domain_server",
        .order = "domain, position",
        COLUMNS(server_columns),
        .take = take_server },
    [FILTER] = { .name = "domain_filter",
        .order = "domain, filter",
        COLUMNS(filter_columns),
        .take = take_filter },
    [OPTION] = { .name = "domain_filter_option",
        .order = "domain, filter, name",
        COLUMNS(option_columns),
        .take = take_option },
    [MAILBOX] = { .name = "mailbox",
        .order = "domain, local_part",
        COLUMNS(mailbox_columns),
        .take = take_mailbox },
    [ENTRY] = { .name = "access_entry",
        .order = "id",
        COLUMNS(entry_columns),
        .take = take_entry },
};
