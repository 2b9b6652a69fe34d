/* SPDX-License-Identifier: MIT */

/*
 * urlphone: looks for URLs and telephone numbers that are on lists.
 *
 * The service's own lists are data sets: tables made once, which all workers
 * read.  What an entry means stands in entry.h.  A URL is looked up with every
 * host above it and every path above it, a number by its digits.  Where the
 * lists have nothing, DNS lists are asked about the sites (uribl.h).
 */

#include "entry.h"
#include "lists.h"
#include "match.h"
#include "uribl.h"

#include <stdlib.h>

#define FINDINGS_MAX 10
#define EVIDENCE_MAX 200
#define SHOWN_PLACE_MAX 70
#define SHOWN_ENTRY_MAX 60
#define SHOWN_NOTE_MAX 20

enum { OPT_URLS, OPT_PHONES, OPT_URIBL, OPT_URIBL_SKIP, OPT_COUNTRY };

static const WnOption options[] = {
    [OPT_URLS] = { .name = "urls",
        .help = "Files of hosts, paths below hosts, and URLs, one a line.",
        .type = WN_OPT_STRING_LIST,
        .flags = WN_OPT_PER_DOMAIN | WN_OPT_FILE,
        .fallback = "" },
    [OPT_PHONES] = { .name = "phones",
        .help = "Files of telephone numbers with country codes, one a line.",
        .type = WN_OPT_STRING_LIST,
        .flags = WN_OPT_PER_DOMAIN | WN_OPT_FILE,
        .fallback = "" },
    [OPT_URIBL] = { .name = "uribl",
        .help = "DNS lists of sites: zone[=codes[/mask]], as"
                " multi.example=127.0.0.2-127.0.0.254/8.",
        .type = WN_OPT_STRING_LIST,
        .flags = WN_OPT_PER_DOMAIN,
        .fallback = "",
        .max = URIBL_ZONES_MAX },
    [OPT_URIBL_SKIP] = { .name = "uribl_skip",
        .help = "Domains that no DNS list is asked about.",
        .type = WN_OPT_NAME_LIST,
        .flags = WN_OPT_PER_DOMAIN,
        .fallback = "",
        .max = 1000 },
    [OPT_COUNTRY] = { .name = "country",
        .help = "The country of numbers without country code, as US.",
        .type = WN_OPT_STRING,
        .flags = WN_OPT_PER_DOMAIN,
        .fallback = "" },
};

static const WnDataset datasets[] = {
    { .name = "urls",
        .source = "url_entry",
        .columns = "value,source,added_at",
        .format = LISTS_FORMAT,
        .check_row = lists_check_url,
        .compile = lists_compile_urls,
        .check = lists_check },
    { .name = "phones",
        .source = "phone_entry",
        .columns = "value,source,added_at",
        .format = LISTS_FORMAT,
        .check_row = lists_check_phone,
        .compile = lists_compile_phones,
        .check = lists_check },
};

typedef struct UrlPhone {
    const WnHost *host;
    Uribl uribl;
    int32_t listed_urls;
    int32_t listed_phones;
} UrlPhone;

/* One call's finds: each entry counts once. */
typedef struct Finds {
    const UrlPhone *self;
    WnCall *call;
    uint32_t n;
    uint32_t n_reported;
    const char *entries[FINDINGS_MAX];
} Finds;

/*
 * Evidence
 */

/* Adds at most max bytes, with dots where it is cut. */
static void
put(char *out, WnStr text, size_t max)
{
    size_t len = strlen(out), room = EVIDENCE_MAX - len;
    size_t take = text.len < max ? text.len : max;

    if (take > room)
        take = room;
    while (take > 0 && take < text.len
           && ((unsigned char)text.ptr[take] & 0xc0) == 0x80)
        take--;
    memcpy(out + len, text.ptr, take);
    out[len + take] = '\0';
    if (take < text.len && len + take + 3 <= EVIDENCE_MAX)
        memcpy(out + len + take, "...", 4);
}

static void
put_text(char *out, const char *text)
{
    put(out, (WnStr){ text, strlen(text) }, EVIDENCE_MAX);
}

static void
put_place(char *out, const char *what, int32_t part)
{
    char place[40];

    if (part < 0)
        snprintf(place, sizeof place, " in a header");
    else if (part == 0)
        snprintf(place, sizeof place, " in %s", what);
    else
        snprintf(place, sizeof place, " in %s of part %d", what, part);
    put_text(out, place);
}

/* "listed as example.com (feed, 2026-01-31)" */
static void
put_entry(char *out, const TableRecord *record)
{
    put_text(out, ", listed as ");
    put(out, record->value, SHOWN_ENTRY_MAX);
    if (record->source.len == 0 && record->added.len == 0)
        return;
    put_text(out, " (");
    put(out, record->source, SHOWN_NOTE_MAX);
    if (record->source.len > 0 && record->added.len > 0)
        put_text(out, ", ");
    put(out, record->added, SHOWN_NOTE_MAX);
    put_text(out, ")");
}

static void
put_url(char *out, const WnUrl *url)
{
    WnStr path = url->path;
    char port[8] = "";

    if (url->port != 0)
        snprintf(port, sizeof port, ":%u", url->port);
    put(out, url->host, SHOWN_PLACE_MAX - 20);
    put_text(out, port);
    if (path.len > 1)
        put(out, path, SHOWN_PLACE_MAX - strlen(out));
    put_place(out, (url->flags & WN_URL_FROM_LINK) != 0 ? "a link" : "the text",
        url->part);
}

static bool
is_new(Finds *finds, const TableRecord *record)
{
    for (uint32_t i = 0; i < finds->n; i++) {
        if (finds->entries[i] == record->value.ptr)
            return false;
    }
    finds->entries[finds->n++] = record->value.ptr;
    return true;
}

static void
report(Finds *finds, const char *rule, const char *evidence, int32_t counter)
{
    const WnHost *host = finds->self->host;

    host->metrics->add(host, counter, 1);
    if (wn_match(host, finds->call, rule, evidence) == WN_MATCH)
        finds->n_reported++;
}

/*
 * The lists
 */

/* The table of a data set; false if there is none that can be read. */
static bool
open_table(const UrlPhone *self, WnCall *call, const char *name,
    Table *out_table)
{
    const WnBlob *blob = self->host->data->blob(call, name);

    return blob != NULL && blob->format == LISTS_FORMAT
           && table_open(out_table, blob->data, blob->size)
           && table_n_keys(out_table) > 0;
}

static void
find_urls(Finds *finds)
{
    const WnHost *host = finds->self->host;
    WnCall *call = finds->call;
    uint32_t n;
    Table table;

    if (!open_table(finds->self, call, "urls", &table))
        return;
    n = host->message->n_urls(call);
    for (uint32_t i = 0; i < n && finds->n < FINDINGS_MAX; i++) {
        const WnUrl *url = host->message->url(call, i);
        char evidence[EVIDENCE_MAX + 1] = "";
        TableRecord record;

        if (url == NULL || !match_url(&table, url, &record)
            || !is_new(finds, &record))
            continue;
        put_url(evidence, url);
        put_entry(evidence, &record);
        report(finds, "url", evidence, finds->self->listed_urls);
    }
}

static void
find_phones(Finds *finds)
{
    const WnHost *host = finds->self->host;
    WnCall *call = finds->call;
    uint32_t n;
    Table table;

    if (!open_table(finds->self, call, "phones", &table))
        return;
    n = host->message->n_phones(call);
    for (uint32_t i = 0; i < n && finds->n < FINDINGS_MAX; i++) {
        const WnPhone *phone = host->message->phone(call, i);
        char evidence[EVIDENCE_MAX + 1] = "";
        TableRecord record;

        if (phone == NULL || !match_phone(&table, phone, &record)
            || !is_new(finds, &record))
            continue;
        put(evidence, phone->text, SHOWN_PLACE_MAX);
        put_place(evidence, "the text", phone->part);
        put_entry(evidence, &record);
        report(finds, "phone", evidence, finds->self->listed_phones);
    }
}

static WnVerdict
urlphone_message(void *self, WnCall *call)
{
    UrlPhone *urlphone = self;
    Finds finds = { .self = urlphone, .call = call };

    find_urls(&finds);
    find_phones(&finds);
    if (finds.n > 0)
        return finds.n_reported > 0 ? WN_MATCH : WN_FAIL;
    return uribl_look(&urlphone->uribl, call,
        urlphone->host->call->policy(call));
}

/*
 * The instance
 */

static int32_t
urlphone_new(const WnHost *host, const WnSettings *settings, void **self,
    WnError *err)
{
    UrlPhone *urlphone = calloc(1, sizeof *urlphone);

    (void)settings;
    if (urlphone == NULL) {
        wn_error_set(err, "out of memory");
        return WN_E_FAILED;
    }
    urlphone->host = host;
    uribl_init(&urlphone->uribl, host, FINDINGS_MAX);
    urlphone->listed_urls = host->metrics->counter(host, "listed_urls",
        "Entries of the list of URLs found in messages.");
    urlphone->listed_phones = host->metrics->counter(host, "listed_phones",
        "Entries of the list of telephone numbers found in messages.");
    *self = urlphone;
    return WN_OK;
}

static void
urlphone_free(void *self)
{
    free(self);
}

static bool
is_country(WnStr text)
{
    return text.len == 0
           || (text.len == 2 && g_ascii_isalpha(text.ptr[0])
               && g_ascii_isalpha(text.ptr[1]));
}

static int32_t
urlphone_policy_new(void *self, const WnSettings *settings, void **policy,
    WnError *err)
{
    UrlPhone *urlphone = self;
    const WnSettingsApi *api = urlphone->host->settings;

    *policy = NULL;
    if (!is_country(api->string(settings, OPT_COUNTRY))) {
        wn_error_set(err, "country: two letters are expected, as US");
        return WN_E_INVALID;
    }
    *policy = uribl_policy_new(&urlphone->uribl, settings, OPT_URIBL,
        OPT_URIBL_SKIP, err);
    return *policy != NULL ? WN_OK : WN_E_INVALID;
}

static void
urlphone_policy_free(void *self, void *policy)
{
    (void)self;
    uribl_policy_free(policy);
}

/* Not WN_FILTER_SHARED: a domain may have lists of its own. */
static const WnFilter filter = {
    .struct_size = sizeof(WnFilter),
    .message = urlphone_message,
};

static const WnPlugin plugin = {
    WN_PLUGIN_HEAD,
    .name = "urlphone",
    .version = "1.0",
    .summary = "Finds listed URLs and telephone numbers.",
    .author = "the winnow authors",
    .license = "MIT",
    WN_OPTIONS(options),
    WN_DATASETS(datasets),
    .instance_new = urlphone_new,
    .instance_free = urlphone_free,
    .policy_new = urlphone_policy_new,
    .policy_free = urlphone_policy_free,
    .filter = &filter,
};

WN_PLUGIN(urlphone, &plugin)
