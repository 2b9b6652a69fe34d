/* SPDX-License-Identifier: MIT */
#include "match.h"

#include "entry.h"

#define HOST_MAX 253
#define PORT_MAX 6    /* ":65535" */
#define LEVELS_MAX 10 /* of names, from the right, beside the whole host */
#define BORDERS_MAX 16

/* The North American plan: many leave its country code out. */
#define AMERICAN_LEN 10

typedef struct Search {
    const Table *table;
    const WnUrl *url;
    size_t path_len;   /* without the slash at the end */
    TableRecord found; /* by the last look-up that had one */
    char key[1 + HOST_MAX + PORT_MAX + ENTRY_MAX];
    size_t key_len; /* of the host */
} Search;

/* Host and port are in the key, behind its first byte. */
static uint32_t
look_up(Search *self, char kind, size_t key_len)
{
    self->key[0] = kind;
    return table_find(self->table, self->key, key_len, &self->found);
}

static size_t
put(Search *self, size_t at, const char *text, size_t len)
{
    if (len > sizeof self->key - at)
        len = sizeof self->key - at;
    memcpy(self->key + at, text, len);
    return at + len;
}

/*
 * Paths
 */

/* Where in text, from after on, a part ends: at each mark, and at the end.  At
 * most BORDERS_MAX marks count. */
static size_t
find_borders(const char *text, size_t len, char mark, size_t *out_borders)
{
    size_t n = 0;

    for (size_t i = 1; i < len && n < BORDERS_MAX; i++) {
        if (text[i] == mark)
            out_borders[n++] = i;
    }
    out_borders[n++] = len;
    return n;
}

/* The page with all of its query, with fewer parameters, without any. */
static bool
find_page(Search *self)
{
    g_autoptr(GString) query = NULL;
    size_t borders[BORDERS_MAX + 1], n, base, at;

    if (self->path_len > ENTRY_MAX)
        return false;
    base = put(self, self->key_len, self->url->path.ptr, self->path_len);
    if (self->url->query.len > 0 && self->url->query.len <= 2 * ENTRY_MAX) {
        query = g_string_sized_new(self->url->query.len);
        entry_decode(query, self->url->query.ptr, self->url->query.len);
        at = put(self, base, "?", 1);
        put(self, at, query->str, query->len);
        n = find_borders(query->str, query->len, '&', borders);
        while (n-- > 0) {
            if (at + borders[n] <= sizeof self->key
                && look_up(self, KEY_PAGE, at + borders[n]) != 0)
                return true;
        }
    }
    return look_up(self, KEY_PAGE, base) != 0;
}

static bool
find_prefix(Search *self)
{
    size_t borders[BORDERS_MAX + 1];
    size_t n = find_borders(self->url->path.ptr, self->path_len, '/', borders);

    put(self, self->key_len, self->url->path.ptr, self->path_len);
    while (n-- > 0) {
        if (self->key_len + borders[n] <= sizeof self->key
            && look_up(self, KEY_PREFIX, self->key_len + borders[n]) != 0)
            return true;
    }
    return false;
}

/*
 * Hosts
 */

/* Pages are listed without "www.". */
static bool
is_host_of_page(const Search *self, size_t skipped)
{
    return skipped == 0
           || (skipped == 4 && memcmp(self->url->host.ptr, "www.", 4) == 0);
}

/* The host without its first bytes, with or without a port. */
static bool
find_host(Search *self, size_t skipped, const char *port)
{
    WnStr host = self->url->host;
    uint32_t flags;
    TableRecord record;

    self->key_len = put(self, 1, host.ptr + skipped, host.len - skipped);
    self->key_len = put(self, self->key_len, port, strlen(port));
    flags = look_up(self, KEY_HOST, self->key_len);
    record = self->found;
    if ((flags & TABLE_PATHS) != 0 && self->path_len > 0
        && ((is_host_of_page(self, skipped) && find_page(self))
            || find_prefix(self)))
        return true;
    self->found = record;
    return (flags & TABLE_LISTED) != 0
           || ((flags & TABLE_BELOW) != 0 && skipped > 0);
}

/* The whole host first, then from the LEVELS_MAX-th label on, as names can be
 * made of very many. */
static bool
find_hosts(Search *self, const char *port)
{
    WnStr host = self->url->host;
    size_t n_dots = 0;

    if (find_host(self, 0, port))
        return true;
    if ((self->url->flags & WN_URL_IP_HOST) != 0)
        return false;
    for (size_t i = 0; i < host.len; i++)
        n_dots += host.ptr[i] == '.';
    for (size_t i = 0; i < host.len && n_dots > 1; i++) {
        if (host.ptr[i] != '.')
            continue;
        if (--n_dots < LEVELS_MAX && find_host(self, i + 1, port))
            return true;
    }
    return false;
}

bool
url_leads_somewhere(const WnUrl *url)
{
    return (url->flags & WN_URL_HIDDEN) == 0
           && (url->flags & (WN_URL_ADDRESS | WN_URL_FROM_LINK))
                  != WN_URL_ADDRESS;
}

bool
match_url(const Table *table, const WnUrl *url, TableRecord *out_record)
{
    Search self = { .table = table, .url = url, .path_len = url->path.len };
    char port[PORT_MAX + 1] = "";

    if (url->host.len == 0 || url->host.len > HOST_MAX
        || !url_leads_somewhere(url))
        return false;
    while (self.path_len > 1 && url->path.ptr[self.path_len - 1] == '/')
        self.path_len--;
    if (url->port != 0)
        snprintf(port, sizeof port, ":%u", url->port);
    if ((url->port == 0 || !find_hosts(&self, port)) && !find_hosts(&self, ""))
        return false;
    *out_record = self.found;
    return true;
}

/*
 * Phones
 */

static bool
is_american(const char *digits, size_t len)
{
    return len == AMERICAN_LEN && digits[0] >= '2' && digits[3] >= '2';
}

/* The code 1 may be missing in the message or in the list. */
bool
match_phone(const Table *table, const WnPhone *phone, TableRecord *out_record)
{
    char key[2 + ENTRY_PHONE_MAX] = { KEY_PHONE };
    WnStr digits = phone->digits;

    if (digits.len < ENTRY_PHONE_MIN || digits.len > ENTRY_PHONE_MAX)
        return false;
    memcpy(key + 1, digits.ptr, digits.len);
    if (table_find(table, key, 1 + digits.len, out_record) != 0)
        return true;
    if (digits.ptr[0] == '1' && is_american(digits.ptr + 1, digits.len - 1)) {
        memcpy(key + 1, digits.ptr + 1, digits.len - 1);
        return table_find(table, key, digits.len, out_record) != 0;
    }
    if (!is_american(digits.ptr, digits.len))
        return false;
    key[1] = '1';
    memcpy(key + 2, digits.ptr, digits.len);
    return table_find(table, key, 2 + digits.len, out_record) != 0;
}
