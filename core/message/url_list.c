/* SPDX-License-Identifier: MIT */
#include "core/message/url_list.h"

#include "core/message/html_links.h"
#include "core/message/url_host.h"
#include "core/message/url_parse.h"
#include "core/message/url_scan.h"

enum {
    DEPTH_MAX = 4, /* URLs inside of URLs */
    DECODINGS_MAX = 3,
    FIELDS_MAX = 64 /* of one query */
};

typedef struct Entry {
    uint64_t hash;
    WnSpan key;
    WnMessageUrl url;
} Entry;

struct WnUrlList {
    WnArena *arena, *scratch;
    uint64_t seed;      /* so that nobody can prepare collisions */
    GHashTable *index;  /* Entry to itself */
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

    return left->hash == right->hash && wn_span_eq(left->key, right->key);
}

WnUrlList *
wn_url_list_new(WnArena *arena)
{
    WnUrlList *self = g_new0(WnUrlList, 1);

    self->arena = arena;
    self->scratch = wn_arena_new(0);
    self->seed = (uint64_t)g_random_int() << 32 | g_random_int();
    self->index = g_hash_table_new(entry_hash, entry_equal);
    self->entries = g_ptr_array_new();
    return self;
}

void
wn_url_list_free(WnUrlList *self)
{
    if (self == NULL)
        return;
    g_hash_table_unref(self->index);
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

/* What makes two URLs the same. */
static WnSpan
make_key(WnArena *arena, const WnMessageUrl *url)
{
    bool mail = url->path.len == 0;

    return wn_span_str(wn_arena_printf(arena, "%c%s:%u%s?%s", mail ? 'm' : 'w',
        url->host.ptr, url->port, url->path.ptr, url->query.ptr));
}

static void look_inside(const Source *source, WnSpan url);

/* A second place only adds what it tells. */
static void
merge(WnMessageUrl *url, uint32_t flags)
{
    uint32_t bare = url->flags & flags & WN_MESSAGE_URL_NO_SCHEME;

    url->flags |= flags;
    url->flags = (url->flags & ~(uint32_t)WN_MESSAGE_URL_NO_SCHEME) | bare;
}

/* True if it is a URL that was not there yet. */
static bool
add_one(const Source *source, WnSpan url, WnSpan text, bool disguised)
{
    WnUrlList *self = source->list;
    Entry probe = { .hash = 0 }, *entry;

    wn_arena_reset(self->scratch);
    if (!wn_url_parse(url, self->scratch, &probe.url))
        return false;
    probe.url.flags |= source->flags;
    if (disguised)
        probe.url.flags |= WN_MESSAGE_URL_DISGUISED;
    probe.key = make_key(self->scratch, &probe.url);
    probe.hash = hash_bytes(self->seed, probe.key);
    entry = g_hash_table_lookup(self->index, &probe);
    if (entry != NULL) {
        merge(&entry->url, probe.url.flags);
        return false;
    }
    if (self->entries->len == WN_MESSAGE_URLS_MAX) {
        self->cut = true;
        return false;
    }
    entry = wn_arena_new0(self->arena, Entry);
    wn_url_parse(url, self->arena, &entry->url);
    entry->url.flags = probe.url.flags;
    entry->url.part = source->part;
    if (!wn_span_eq(url, text))
        entry->url.text = wn_arena_copy(self->arena,
            wn_span_slice(text, 0, 2 * WN_URL_TEXT_MAX));
    entry->key = wn_arena_copy(self->arena, probe.key);
    entry->hash = probe.hash;
    g_hash_table_add(self->index, entry);
    g_ptr_array_add(self->entries, entry);
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

/* "aHR0c" is how "http" begins in base 64. */
static void
open_base64(GString *text)
{
    g_autofree guchar *bytes = NULL;
    gsize len;

    if (!g_str_has_prefix(text->str, "aHR0c"))
        return;
    for (size_t i = 0; i < text->len; i++) {
        if (text->str[i] == '-')
            text->str[i] = '+';
        else if (text->str[i] == '_')
            text->str[i] = '/';
    }
    while (text->len % 4 != 0)
        g_string_append_c(text, '=');
    bytes = g_base64_decode(text->str, &len);
    if (g_utf8_validate_len((const char *)bytes, len, NULL)) {
        g_string_truncate(text, 0);
        g_string_append_len(text, (const char *)bytes, (gssize)len);
    }
}

/* Decodes as often as there is something to decode; true if it can hold a
 * URL. */
static bool
open_field(GString *text)
{
    open_base64(text);
    for (unsigned i = 0; i < DECODINGS_MAX; i++) {
        g_autoptr(GString) before = NULL;

        if (memchr(text->str, '%', text->len) == NULL)
            break;
        before = g_string_new_len(text->str, (gssize)text->len);
        g_string_truncate(text, 0);
        wn_url_decode(text, wn_span(before->str, before->len));
    }
    return g_utf8_validate_len(text->str, text->len, NULL);
}

/* Names of parameters that hold where to go, if it has no scheme. */
static bool
names_target(WnSpan name)
{
    static const char *const names[] = { "url", "u", "q", "target", "goto",
        "to", "dest", "destination", "redirect", "redir", "redirect_uri",
        "redirect_url", "r", "link", "href", "next", "return", "continue",
        "out", "adurl", "site", "domain", "host", "rurl", "returnurl" };

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (wn_span_case_eq(name, wn_span_str(names[i])))
            return true;
    }
    return false;
}

static void
scan_inside(const Source *source, const GString *text, bool named)
{
    Source inner = *source;

    inner.depth++;
    if (named || may_hold_url(text))
        wn_url_scan(wn_span(text->str, text->len),
            named ? WN_URL_SCAN_BARE : WN_URL_SCAN_SCHEMES, on_found, &inner);
}

/* One "name=value", as written. */
static void
look_into_field(const Source *source, WnSpan field, bool mail)
{
    const char *equals = memchr(field.ptr, '=', field.len);
    size_t len = equals != NULL ? (size_t)(equals - field.ptr) : 0;
    WnSpan name = wn_span_slice(field, 0, len), value = field;
    g_autoptr(GString) text = NULL;

    if (memchr(name.ptr, '/', name.len) != NULL)
        name.len = 0;
    else if (equals != NULL)
        value = wn_span_slice(field, len + 1, field.len);
    text = g_string_new_len(value.ptr, (gssize)value.len);
    if (open_field(text))
        scan_inside(source, text,
            names_target(name)
                || (mail && wn_span_case_eq(name, WN_SPAN("body"))));
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

static void
look_inside(const Source *source, WnSpan url)
{
    g_autoptr(GString) copy = NULL, path = NULL;
    WnUrlParts parts;
    bool mail;

    if (source->depth >= DEPTH_MAX)
        return;
    url = wn_span_slice(url, 0, WN_URL_TEXT_MAX);
    copy = g_string_new_len(url.ptr, (gssize)url.len);
    if (!wn_url_split(wn_span(copy->str, copy->len), &parts))
        return;
    mail = parts.scheme == WN_URL_SCHEME_MAILTO;
    look_into_query(source, parts.query, mail);
    if (parts.fragment.len > 0)
        look_into_query(source, parts.fragment, mail);
    path = g_string_new_len(parts.path.ptr, (gssize)parts.path.len);
    if (path->len > 1 && open_field(path))
        scan_inside(source, path, false);
}

void
wn_url_list_add_text(WnUrlList *self, WnSpan text, int32_t part)
{
    Source source = { self, WN_MESSAGE_URL_FROM_TEXT, part, 0 };

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
    if (is_absolute(url))
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

/* Fields that name hosts because they tell of the way or of who is who. */
static bool
is_transport(WnSpan name)
{
    static const char *const names[] = { "Received", "X-Received", "Message-ID",
        "References", "In-Reply-To", "Return-Path", "DKIM-Signature",
        "DomainKey-Signature", "ARC-Seal", "ARC-Message-Signature",
        "ARC-Authentication-Results", "Authentication-Results", "Received-SPF",
        "Delivered-To", "X-Google-DKIM-Signature", "X-Google-Smtp-Source",
        "Content-Type", "Content-Disposition", "X-Original-To",
        "X-Spam-Report" };

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (wn_span_case_eq(name, wn_span_str(names[i])))
            return true;
    }
    return false;
}

void
wn_url_list_add_header(WnUrlList *self, WnSpan name, WnSpan value)
{
    Source source = { self, WN_MESSAGE_URL_FROM_HEADER, -1, 0 };
    bool shown = wn_span_case_eq(name, WN_SPAN("Subject"))
                 || wn_span_case_eq(name, WN_SPAN("From"));

    if (!is_transport(name))
        wn_url_scan(value, shown ? WN_URL_SCAN_BARE : WN_URL_SCAN_SCHEMES,
            on_found, &source);
}
