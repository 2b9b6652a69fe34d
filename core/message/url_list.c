/* SPDX-License-Identifier: MIT */
#include "core/message/url_list.h"

#include "core/message/header_block.h"
#include "core/message/header_text.h"
#include "core/message/html_links.h"
#include "core/message/url_header.h"
#include "core/message/url_host.h"
#include "core/message/url_parse.h"
#include "core/message/url_scan.h"

enum {
    DEPTH_MAX = 4, /* URLs inside of URLs */
    DECODINGS_MAX = 3,
    FIELDS_MAX = 64, /* of one query */
    BASE64_PREFIX_MAX = 4
};

static const char base64_http[] = "aHR0c";

typedef struct Entry {
    uint64_t hash;      /* of what the URL means */
    uint64_t text_hash; /* of how it is written */
    WnMessageUrl url;
} Entry;

struct WnUrlList {
    WnArena *arena, *scratch;
    uint64_t seed;      /* so that nobody can prepare collisions */
    GHashTable *index;  /* Entry to itself, by what it means */
    GHashTable *texts;  /* and by its text, if that is all of it */
    GPtrArray *entries; /* Entry, in the arena */
    bool cut;
};

/* Where URLs come from, while they are added. */
typedef struct Source {
    WnUrlList *list;
    uint32_t flags;
    int32_t part;
    unsigned depth;
} Source;

static guint
entry_hash(gconstpointer entry)
{
    return (guint)((const Entry *)entry)->hash;
}

static gboolean
entry_equal(gconstpointer a, gconstpointer b)
{
    const Entry *left = a, *right = b;

    return left->hash == right->hash && left->url.port == right->url.port
           && wn_span_eq(left->url.host, right->url.host)
           && wn_span_eq(left->url.path, right->url.path)
           && wn_span_eq(left->url.query, right->url.query);
}

static guint
text_hash(gconstpointer entry)
{
    return (guint)((const Entry *)entry)->text_hash;
}

static gboolean
text_equal(gconstpointer a, gconstpointer b)
{
    const Entry *left = a, *right = b;

    return left->text_hash == right->text_hash
           && wn_span_eq(left->url.text, right->url.text);
}

WnUrlList *
wn_url_list_new(WnArena *arena)
{
    WnUrlList *self = g_new0(WnUrlList, 1);

    self->arena = arena;
    self->scratch = wn_arena_new(0);
    self->seed = (uint64_t)g_random_int() << 32 | g_random_int();
    self->index = g_hash_table_new(entry_hash, entry_equal);
    self->texts = g_hash_table_new(text_hash, text_equal);
    self->entries = g_ptr_array_new();
    return self;
}

void
wn_url_list_free(WnUrlList *self)
{
    if (self == NULL)
        return;
    g_hash_table_unref(self->index);
    g_hash_table_unref(self->texts);
    g_ptr_array_unref(self->entries);
    wn_arena_free(self->scratch);
    g_free(self);
}

uint32_t
wn_url_list_n(const WnUrlList *self)
{
    return self->entries->len;
}

const WnMessageUrl *
wn_url_list_get(const WnUrlList *self, uint32_t n)
{
    return n < self->entries->len
               ? &((const Entry *)self->entries->pdata[n])->url
               : NULL;
}

bool
wn_url_list_is_cut(const WnUrlList *self)
{
    return self->cut;
}

static uint64_t
hash_bytes(uint64_t seed, WnSpan bytes)
{
    uint64_t hash = seed;

    for (size_t i = 0; i < bytes.len; i++) {
        hash = (hash ^ (guchar)bytes.ptr[i]) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 29;
    }
    return hash;
}

/* What makes two URLs the same; the path of mailto alone is empty. */
static uint64_t
hash_url(uint64_t seed, const WnMessageUrl *url)
{
    uint64_t hash = hash_bytes(seed + url->port, url->host);

    hash = hash_bytes(hash ^ url->path.len, url->path);
    return hash_bytes(hash ^ url->query.len, url->query);
}

static void look_inside(const Source *source, WnSpan url);

/* A second place only adds what it tells. */
static void
merge(WnMessageUrl *url, uint32_t flags)
{
    const uint32_t less = WN_MESSAGE_URL_NO_SCHEME | WN_MESSAGE_URL_HIDDEN;
    uint32_t both = url->flags & flags & less;

    url->flags = ((url->flags | flags) & ~less) | both;
}

/* True if the same text was there before. */
static bool
merge_text(const Source *source, WnSpan url, bool disguised, uint64_t hash)
{
    Entry probe = { .text_hash = hash, .url.text = url };
    Entry *entry = g_hash_table_lookup(source->list->texts, &probe);

    if (entry == NULL)
        return false;
    merge(&entry->url, source->flags | WN_MESSAGE_URL_NO_SCHEME
                           | (disguised ? WN_MESSAGE_URL_DISGUISED : 0u));
    return true;
}

/* The URL in the scratch arena becomes one of the list. */
static void
keep_url(const Source *source, const Entry *made, WnSpan url, WnSpan text)
{
    WnUrlList *self = source->list;
    Entry *entry = wn_arena_new0(self->arena, Entry);
    size_t registered = made->url.registered.len;
    bool plain = wn_span_eq(url, text) && url.len <= WN_URL_TEXT_MAX;

    *entry = *made;
    entry->url.part = source->part;
    entry->url.host = wn_arena_copy(self->arena, made->url.host);
    entry->url.registered = wn_span(entry->url.host.ptr + entry->url.host.len
                                        - registered,
        registered);
    entry->url.path = wn_arena_copy(self->arena, made->url.path);
    entry->url.query = wn_arena_copy(self->arena, made->url.query);
    entry->url.text = wn_arena_copy(self->arena,
        plain || url.len > WN_URL_TEXT_MAX
            ? made->url.text
            : wn_span_slice(text, 0, 2 * WN_URL_TEXT_MAX));
    g_hash_table_add(self->index, entry);
    if (plain)
        g_hash_table_add(self->texts, entry);
    g_ptr_array_add(self->entries, entry);
}

/* True if it is a URL that was not there yet. */
static bool
add_one(const Source *source, WnSpan url, WnSpan text, bool disguised)
{
    WnUrlList *self = source->list;
    Entry made = { .text_hash = hash_bytes(self->seed, url) }, *entry;

    if (merge_text(source, url, disguised, made.text_hash))
        return false;
    wn_arena_reset(self->scratch);
    if (!wn_url_parse(url, self->scratch, &made.url))
        return false;
    made.url.flags |= source->flags;
    if (disguised)
        made.url.flags |= WN_MESSAGE_URL_DISGUISED;
    made.hash = hash_url(self->seed, &made.url);
    entry = g_hash_table_lookup(self->index, &made);
    if (entry != NULL) {
        merge(&entry->url, made.url.flags);
        return false;
    }
    if (self->entries->len == WN_MESSAGE_URLS_MAX) {
        self->cut = true;
        return false;
    }
    keep_url(source, &made, url, text);
    return true;
}

static void
add(const Source *source, WnSpan url, WnSpan text, bool disguised)
{
    bool mail = wn_span_case_starts(url, WN_SPAN("mailto:"));

    if (source->list->cut)
        return;
    if (add_one(source, url, text, disguised) || mail)
        look_inside(source, url);
}

static void
on_found(void *user, const WnUrlFound *found)
{
    add(user, found->url, found->text, found->disguised);
}

static bool
may_hold_url(const GString *text)
{
    return memmem(text->str, text->len, "//", 2) != NULL
           || memmem(text->str, text->len, ":\\", 2) != NULL
           || strcasestr(text->str, "www.") != NULL
           || strcasestr(text->str, "mailto:") != NULL;
}

static void
decode_percent(GString *text)
{
    for (unsigned i = 0; i < DECODINGS_MAX; i++) {
        g_autoptr(GString) before = NULL;

        if (memchr(text->str, '%', text->len) == NULL)
            break;
        before = g_string_new_len(text->str, (gssize)text->len);
        g_string_truncate(text, 0);
        wn_url_decode(text, wn_span(before->str, before->len));
    }
}

static bool
is_base64_char(char c)
{
    return g_ascii_isalnum(c) || c == '+' || c == '/' || c == '-' || c == '_';
}

/* "aHR0c" is how "http" begins in base 64; a few letters may stand before it
 * ("a1aHR0c"), or a slash.  What it says, if it is text (transfer full). */
static GString *
open_base64(const GString *text)
{
    const char *start = strstr(text->str, base64_http);
    g_autoptr(GString) word = NULL;
    const char *end;
    gsize len;

    if (start == NULL
        || (start - text->str > BASE64_PREFIX_MAX && start[-1] != '/'))
        return NULL;
    word = g_string_new(NULL);
    for (end = start; is_base64_char(*end); end++)
        g_string_append_c(word, *end == '-' ? '+' : *end == '_' ? '/' : *end);
    while (word->len % 4 != 0)
        g_string_append_c(word, '=');
    g_base64_decode_inplace(word->str, &len);
    if (!g_utf8_validate_len(word->str, len, (const char **)&end))
        len = (gsize)(end - word->str);
    g_string_truncate(word, len);
    return g_steal_pointer(&word);
}

static bool
is_one_of(WnSpan name, const char *const *names, size_t n)
{
    char first = name.len > 0 ? g_ascii_tolower(name.ptr[0]) : '\0';

    for (size_t i = 0; i < n; i++) {
        if (g_ascii_tolower(names[i][0]) == first
            && wn_span_case_eq(name, wn_span_str(names[i])))
            return true;
    }
    return false;
}

/* Names of parameters that hold where to go, if it has no scheme. */
static bool
names_target(WnSpan name)
{
    static const char *const names[] = { "url", "u", "q", "target", "goto",
        "to", "dest", "destination", "redirect", "redir", "redirect_uri",
        "redirect_url", "r", "link", "href", "next", "return", "continue",
        "out", "adurl", "site", "domain", "host", "rurl", "returnurl" };

    return is_one_of(name, names, G_N_ELEMENTS(names));
}

/* False for what no decoding makes a URL of: no dot, slash or percent sign, and
 * not in base 64. */
static bool
may_hold_anything(WnSpan value)
{
    for (size_t i = 0; i < value.len; i++) {
        if (strchr(".%/\\", value.ptr[i]) != NULL
            || (guchar)value.ptr[i] >= 0x80)
            return true;
    }
    return memmem(value.ptr, value.len, base64_http, strlen(base64_http))
           != NULL;
}

static void
scan_decoded(const Source *source, const GString *text, bool named)
{
    Source inner = *source;

    inner.depth++;
    if ((named || may_hold_url(text))
        && g_utf8_validate_len(text->str, text->len, NULL))
        wn_url_scan(wn_span(text->str, text->len),
            named ? WN_URL_SCAN_BARE : WN_URL_SCAN_SCHEMES, on_found, &inner);
}

/* Decodes as often as there is something to decode, and looks at that. */
static void
scan_inside(const Source *source, WnSpan written, bool named)
{
    g_autoptr(GString) text = NULL, opened = NULL;

    if (!may_hold_anything(written))
        return;
    text = g_string_new_len(written.ptr, (gssize)written.len);
    decode_percent(text);
    scan_decoded(source, text, named);
    opened = open_base64(text);
    if (opened == NULL)
        return;
    decode_percent(opened);
    scan_decoded(source, opened, false);
}

/* One "name=value", as written. */
static void
look_into_field(const Source *source, WnSpan field, bool mail)
{
    const char *equals = memchr(field.ptr, '=', field.len);
    size_t len = equals != NULL ? (size_t)(equals - field.ptr) : 0;
    WnSpan name = wn_span_slice(field, 0, len), value = field;

    if (memchr(name.ptr, '/', name.len) != NULL)
        name.len = 0;
    else if (equals != NULL)
        value = wn_span_slice(field, len + 1, field.len);
    scan_inside(source, value,
        names_target(name) || (mail && wn_span_case_eq(name, WN_SPAN("body"))));
}

/* Fields are parted by "&" before they are decoded, for a target has fields
 * too.  Of a query of many fields the last one has all the rest. */
static void
look_into_query(const Source *source, WnSpan query, bool mail)
{
    for (unsigned i = 0; query.len > 0; i++) {
        const char *end = memchr(query.ptr, '&', query.len);
        size_t len = end != NULL && i < FIELDS_MAX ? (size_t)(end - query.ptr)
                                                   : query.len;

        look_into_field(source, wn_span_slice(query, 0, len), mail);
        query = wn_span_slice(query, len + 1, query.len);
    }
}

/* In a path only what has a scheme or "www." counts. */
static bool
path_may_hold_url(WnSpan path)
{
    return path.len > 1
           && (memchr(path.ptr, '%', path.len) != NULL
               || memmem(path.ptr, path.len, "//", 2) != NULL
               || memchr(path.ptr, ':', path.len) != NULL
               || memmem(path.ptr, path.len, "www.", 4) != NULL
               || memmem(path.ptr, path.len, base64_http, strlen(base64_http))
                      != NULL);
}

static void
look_inside(const Source *source, WnSpan url)
{
    WnUrlParts parts;
    bool mail;

    if (source->depth >= DEPTH_MAX
        || !wn_url_split(wn_span_slice(url, 0, WN_URL_TEXT_MAX), &parts))
        return;
    mail = parts.scheme == WN_URL_SCHEME_MAILTO;
    look_into_query(source, parts.query, mail);
    if (parts.fragment.len > 0)
        look_into_query(source, parts.fragment, mail);
    if (path_may_hold_url(parts.path))
        scan_inside(source, parts.path, false);
}

void
wn_url_list_add_text(WnUrlList *self, WnSpan text, int32_t part)
{
    Source source = { self, WN_MESSAGE_URL_FROM_TEXT, part, 0 };

    wn_url_scan(text, WN_URL_SCAN_BARE | WN_URL_SCAN_ADDRESSES, on_found,
        &source);
}

void
wn_url_list_add_hidden(WnUrlList *self, WnSpan text, int32_t part)
{
    Source source = { self, WN_MESSAGE_URL_FROM_TEXT | WN_MESSAGE_URL_HIDDEN,
        part, 0 };

    wn_url_scan(text, WN_URL_SCAN_BARE, on_found, &source);
}

/* "index.html" and "a/b" lead nowhere without the page they are of. */
static bool
is_absolute(WnSpan value)
{
    WnUrlParts parts;
    WnUrlHost host;

    if (value.len > 1 && (value.ptr[0] == '/' || value.ptr[0] == '\\'))
        return value.ptr[1] == '/' || value.ptr[1] == '\\';
    if (memchr(value.ptr, '#', 1) != NULL || !wn_url_split(value, &parts))
        return false;
    if (parts.scheme != WN_URL_SCHEME_NONE)
        return true;
    if (!wn_url_host_parse(parts.host, &host) || host.is_ip)
        return false;
    return wn_span_case_starts(parts.host, WN_SPAN("www."))
           || (host.known && !host.is_suffix && parts.user.len == 0);
}

static void on_link(void *user, WnSpan value, bool encoded);

/* "data:text/html;base64,...", "data:,...": a page of its own. */
static void
look_into_data(const Source *source, WnSpan url)
{
    Source inner = *source;
    const char *comma = memchr(url.ptr, ',', url.len);
    size_t len = comma != NULL ? (size_t)(comma - url.ptr) : url.len;
    WnSpan type = wn_span_slice(url, 0, len);
    WnSpan body = wn_span_slice(url, len + 1, url.len);
    g_autoptr(GString) page = NULL;

    if (source->depth >= DEPTH_MAX || body.len == 0
        || wn_span_case_starts(type, WN_SPAN("data:image/")))
        return;
    page = g_string_sized_new(body.len);
    wn_url_decode(page, body);
    if (memmem(type.ptr, type.len, ";base64", 7) != NULL) {
        gsize n;

        g_base64_decode_inplace(page->str, &n);
        g_string_truncate(page, n);
    }
    if (!g_utf8_validate_len(page->str, page->len, NULL))
        return;
    inner.depth = source->depth + 1;
    wn_html_links(wn_span(page->str, page->len), on_link, &inner);
    wn_url_scan(wn_span(page->str, page->len), WN_URL_SCAN_SCHEMES, on_found,
        &inner);
}

/* What stands in a script, decoded once. */
static void
look_into_script(const Source *source, WnSpan script)
{
    g_autoptr(GString) text = g_string_sized_new(script.len);

    wn_url_decode(text, script);
    if (may_hold_url(text) && g_utf8_validate_len(text->str, text->len, NULL))
        wn_url_scan(wn_span(text->str, text->len), WN_URL_SCAN_SCHEMES,
            on_found, (void *)(uintptr_t)source);
}

static void
on_link(void *user, WnSpan value, bool encoded)
{
    g_autoptr(GString) clean = g_string_sized_new(value.len);
    WnSpan url;

    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] != '\r' && value.ptr[i] != '\n'
            && value.ptr[i] != '\t')
            g_string_append_c(clean, value.ptr[i]);
    }
    url = wn_span(clean->str, clean->len);
    if (wn_span_case_starts(url, WN_SPAN("data:")))
        look_into_data(user, url);
    else if (wn_span_case_starts(url, WN_SPAN("javascript:")))
        look_into_script(user, url);
    else if (is_absolute(url))
        add(user, url, value, encoded);
    else if (memmem(url.ptr, url.len, "://", 3) != NULL)
        wn_url_scan(url, WN_URL_SCAN_SCHEMES, on_found, user);
}

void
wn_url_list_add_html(WnUrlList *self, WnSpan html, int32_t part)
{
    Source source = { self, WN_MESSAGE_URL_FROM_LINK, part, 0 };

    wn_html_links(html, on_link, &source);
}

void
wn_url_list_add_link(WnUrlList *self, WnSpan value, bool encoded, int32_t part)
{
    Source source = { self, WN_MESSAGE_URL_FROM_LINK, part, 0 };

    on_link(&source, value, encoded);
}

bool
wn_url_list_skips_header(WnSpan name, WnSpan raw)
{
    return wn_url_header_is_transport(name)
           || (!wn_url_header_is_shown(name) && !wn_url_header_may_hold(raw));
}

void
wn_url_list_add_header(WnUrlList *self, WnSpan name, WnSpan value)
{
    Source source = { self, WN_MESSAGE_URL_FROM_HEADER, -1, 0 };

    if (!wn_url_header_is_transport(name))
        wn_url_scan(value,
            wn_url_header_is_shown(name) ? WN_URL_SCAN_BARE
                                         : WN_URL_SCAN_SCHEMES,
            on_found, &source);
}

void
wn_url_list_add_inner_header(WnUrlList *self, WnSpan message, int32_t part)
{
    g_auto(WnHeaderBlock) block;
    g_autoptr(GString) value = g_string_new(NULL);

    wn_header_block_init(&block);
    wn_header_block_parse(&block, message);
    for (guint i = 0; i < block.fields->len; i++) {
        const WnField *field = &g_array_index(block.fields, WnField, i);

        if (!wn_url_header_is_shown(wn_field_name(message, field)))
            continue;
        g_string_truncate(value, 0);
        wn_header_text_decode(value, wn_field_raw(message, field));
        wn_url_list_add_text(self, wn_span(value->str, value->len), part);
    }
}
