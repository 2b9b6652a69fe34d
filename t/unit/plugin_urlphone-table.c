/* SPDX-License-Identifier: MIT */

/* The blob: what is found in it, that equal lists have equal bytes, that damage
 * is refused or harmless, and what a million entries cost. */

#include "plugins/urlphone/table_format.h"
#include "t/unit/urlphone_lists.h"

#include <sys/resource.h>

#define MILLION 1000000

static const char *const rows[] = {
    "example.com",
    "shop.example.com\tfeed\t2026-01-31",
    "example.net/win",
    "example.net/win/big",
    "http://page.example.org/x",
    "http://page.example.org/y?id=1",
    "http://root.example.org/",
    "*.below.example",
    "both.example",
    "*.both.example",
    "port.example:8080",
    "192.0.2.7",
    "[2001:db8::7]/x",
    "blogspot.com",
};

typedef struct Look {
    const char *host, *path, *query;
    uint16_t port;
    const char *entry; /* NULL: none */
} Look;

static const Look looks[] = {
    { "example.com", "/", "", 0, "example.com" },
    { "example.com", "", "", 0, "example.com" },
    { "example.com", "/any/path", "a=b", 8080, "example.com" },
    { "www.example.com", "/", "", 0, "example.com" },
    { "a.b.c.d.e.f.g.h.i.j.k.l.example.com", "/", "", 0, "example.com" },
    { "shop.example.com", "/", "", 0, "shop.example.com" },
    { "a.shop.example.com", "/", "", 0, "shop.example.com" },
    { "notexample.com", "/", "", 0, NULL },
    { "example.com.evil.net", "/", "", 0, NULL },
    { "example.co", "/", "", 0, NULL },
    { "com", "/", "", 0, NULL },
    { "example.net", "/", "", 0, NULL },
    { "example.net", "/win", "", 0, "example.net/win" },
    { "example.net", "/win/", "", 0, "example.net/win" },
    { "example.net", "/win/x/y/z", "q=1", 0, "example.net/win" },
    { "www.example.net", "/win/x", "", 0, "example.net/win" },
    { "example.net", "/win/big/x", "", 0, "example.net/win/big" },
    { "example.net", "/winner", "", 0, NULL },
    { "example.net", "/Win", "", 0, NULL },
    { "example.net", "/a/win", "", 0, NULL },
    { "page.example.org", "/x", "", 0, "http://page.example.org/x" },
    { "page.example.org", "/x/", "", 0, "http://page.example.org/x" },
    { "page.example.org", "/x", "any=1", 0, "http://page.example.org/x" },
    { "www.page.example.org", "/x", "", 0, "http://page.example.org/x" },
    { "a.page.example.org", "/x", "", 0, NULL },
    { "page.example.org", "/x/y", "", 0, NULL },
    { "page.example.org", "/y", "id=1", 0, "http://page.example.org/y?id=1" },
    { "page.example.org", "/y", "id=1&utm_source=x", 0,
        "http://page.example.org/y?id=1" },
    { "page.example.org", "/y", "%69d=1", 0, "http://page.example.org/y?id=1" },
    { "page.example.org", "/y", "id=12", 0, NULL },
    { "page.example.org", "/y", "x=1&id=1", 0, NULL },
    { "page.example.org", "/y", "", 0, NULL },
    { "root.example.org", "/", "", 0, "http://root.example.org/" },
    { "root.example.org", "/", "x=1", 0, "http://root.example.org/" },
    { "root.example.org", "/x", "", 0, NULL },
    { "root.example.org", "", "", 0, NULL },
    { "a.root.example.org", "/", "", 0, NULL },
    { "below.example", "/", "", 0, NULL },
    { "a.below.example", "/", "", 0, "*.below.example" },
    { "a.b.below.example", "/", "", 0, "*.below.example" },
    { "both.example", "/", "", 0, "both.example" },
    { "a.both.example", "/", "", 0, "both.example" },
    { "port.example", "/", "", 8080, "port.example:8080" },
    { "a.port.example", "/x", "", 8080, "port.example:8080" },
    { "port.example", "/", "", 0, NULL },
    { "port.example", "/", "", 8081, NULL },
    { "192.0.2.7", "/x", "", 0, "192.0.2.7" },
    { "0.2.7", "/", "", 0, NULL },
    { "2001:db8::7", "/x/y", "", 0, "[2001:db8::7]/x" },
    { "2001:db8::7", "/", "", 0, NULL },
    { "me.blogspot.com", "/", "", 0, "blogspot.com" },
};

static bool
look_up(const ListBlob *list, const Look *look, TableRecord *out_record)
{
    bool is_ip = strchr(look->host, ':') != NULL
                 || g_str_has_prefix(look->host, "192.");
    WnUrl url = { .struct_size = sizeof url,
        .flags = is_ip ? WN_URL_IP_HOST : 0,
        .host = { look->host, strlen(look->host) },
        .path = { look->path, strlen(look->path) },
        .query = { look->query, strlen(look->query) },
        .port = look->port };

    return match_url(&list->table, &url, out_record);
}

static void
test_look(const void *data)
{
    const Look *look = data;
    g_auto(ListBlob) list = { 0 };
    g_autofree char *entry = NULL;
    TableRecord record;

    list_compile(&list, LIST_OF_URLS, rows, G_N_ELEMENTS(rows));
    if (look_up(&list, look, &record))
        entry = g_strndup(record.value.ptr, record.value.len);
    g_assert_cmpstr(entry, ==, look->entry);
}

static void
test_notes(void)
{
    g_auto(ListBlob) list = { 0 };
    TableRecord record;

    list_compile(&list, LIST_OF_URLS, rows, G_N_ELEMENTS(rows));
    g_assert_true(look_up(&list,
        &(Look){ "shop.example.com", "/", "", 0, NULL }, &record));
    g_assert_cmpmem(record.source.ptr, record.source.len, "feed", 4);
    g_assert_cmpmem(record.added.ptr, record.added.len, "2026-01-31", 10);
}

static void
test_phones(void)
{
    static const char *const numbers[] = { "+1 (800) 555-0100", "800-555-0199",
        "+442079460958", "+47 12 34 56 78" };
    static const struct {
        const char *digits, *entry;
    } cases[] = {
        { "18005550100", "+1 (800) 555-0100" },
        { "8005550100", "+1 (800) 555-0100" },
        { "18005550199", "800-555-0199" },
        { "8005550199", "800-555-0199" },
        { "442079460958", "+442079460958" },
        { "2079460958", NULL },
        { "12079460958", NULL },
        { "4712345678", "+47 12 34 56 78" },
        { "1800555010", NULL },
        { "180055501000", NULL },
        { "5550100", NULL },
        { "", NULL },
        { "12345678901234567890", NULL },
    };
    g_auto(ListBlob) list = { 0 };

    list_compile(&list, LIST_OF_PHONES, numbers, G_N_ELEMENTS(numbers));
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        WnPhone phone = { .digits = { cases[i].digits,
                              strlen(cases[i].digits) } };
        g_autofree char *entry = NULL;
        TableRecord record;

        if (match_phone(&list.table, &phone, &record))
            entry = g_strndup(record.value.ptr, record.value.len);
        g_assert_cmpstr(entry, ==, cases[i].entry);
    }
}

static void
test_empty(void)
{
    g_auto(ListBlob) list = { 0 };
    TableRecord record;

    list_compile(&list, LIST_OF_URLS, rows, 0);
    g_assert_cmpuint(table_n_keys(&list.table), ==, 0);
    g_assert_false(look_up(&list, &looks[0], &record));
}

static void
test_same_bytes(void)
{
    g_auto(ListBlob) one = { 0 }, other = { 0 }, third = { 0 };

    list_compile(&one, LIST_OF_URLS, rows, G_N_ELEMENTS(rows));
    list_compile(&other, LIST_OF_URLS, rows, G_N_ELEMENTS(rows));
    list_compile(&third, LIST_OF_URLS, rows, G_N_ELEMENTS(rows) - 1);
    g_assert_cmpmem(one.data, one.size, other.data, other.size);
    g_assert_cmpuint(one.table.header->key.k0, !=, third.table.header->key.k0);
}

/* The hash as its authors print it for the key 0, 1, 2 ... and the same
 * message. */
static void
test_siphash(void)
{
    static const SipKey key = { UINT64_C(0x0706050403020100),
        UINT64_C(0x0f0e0d0c0b0a0908) };
    static const uint8_t bytes[] = { 0, 1, 2, 3, 4, 5, 6, 7 };
    SipHash none = siphash(key, "", 0), one = siphash(key, bytes, 1),
            eight = siphash(key, bytes, 8);

    g_assert_cmphex(none.high, ==, UINT64_C(0xe6a825ba047f81a3));
    g_assert_cmphex(none.low, ==, UINT64_C(0x930255c71472f66d));
    g_assert_cmphex(one.high, ==, UINT64_C(0x44af996bd8c187da));
    g_assert_cmphex(one.low, ==, UINT64_C(0x45fc229b11597634));
    g_assert_cmphex(eight.high, !=, one.high);
}

/*
 * Damage
 */

/* Looks everything up in a copy of exactly this size; a sanitizer sees what is
 * read beside it. */
static bool
use_damaged(const uint8_t *bytes, size_t size)
{
    g_autofree void *copy = g_memdup2(bytes, size);
    ListBlob list = { .data = copy, .size = size };
    WnError err = { .struct_size = sizeof err };
    TableRecord record;

    if (lists_check(copy, size, &err) != WN_OK) {
        g_assert_cmpuint(strlen(err.text), >, 0);
        return false;
    }
    g_assert_true(table_open(&list.table, copy, size));
    for (size_t i = 0; i < G_N_ELEMENTS(looks); i++) {
        if (look_up(&list, &looks[i], &record))
            g_assert_true(
                g_utf8_validate_len(record.value.ptr, record.value.len, NULL));
    }
    return true;
}

static void
test_flipped(void)
{
    g_auto(ListBlob) list = { 0 };
    uint8_t *bytes;
    size_t n_refused = 0;

    list_compile(&list, LIST_OF_URLS, rows, G_N_ELEMENTS(rows));
    bytes = list.data;
    for (size_t i = 0; i < list.size * 8; i++) {
        bytes[i / 8] ^= (uint8_t)(1u << i % 8);
        n_refused += !use_damaged(bytes, list.size);
        bytes[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    g_assert_cmpuint(n_refused, >, sizeof(TableHeader) * 4);
    g_assert_true(use_damaged(bytes, list.size));
}

static void
test_cut(void)
{
    g_auto(ListBlob) list = { 0 };
    g_autofree uint8_t *longer = NULL;

    list_compile(&list, LIST_OF_URLS, rows, G_N_ELEMENTS(rows));
    for (size_t size = 0; size < list.size; size++)
        g_assert_false(use_damaged(list.data, size));
    longer = g_malloc0(list.size + 1);
    memcpy(longer, list.data, list.size);
    g_assert_false(use_damaged(longer, list.size + 1));
}

/* Damage of every number of the directory and of the slots, with values that
 * are likely to lead astray. */
static void
test_numbers(void)
{
    static const uint32_t values[] = { 0, 1, 2, 63, 64, 65, 1000, 0x7fffffff,
        0x80000000, 0xfffffff0, 0xffffffff };
    g_auto(ListBlob) list = { 0 };
    uint8_t *bytes;

    list_compile(&list, LIST_OF_URLS, rows, G_N_ELEMENTS(rows));
    bytes = list.data;
    for (size_t at = 0; at + 4 <= list.size; at += 4) {
        uint32_t before;

        memcpy(&before, bytes + at, sizeof before);
        for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
            memcpy(bytes + at, &values[i], sizeof before);
            use_damaged(bytes, list.size);
        }
        memcpy(bytes + at, &before, sizeof before);
    }
}

/*
 * Cost
 */

static double
cpu_seconds(void)
{
    struct rusage usage;

    g_assert_cmpint(getrusage(RUSAGE_SELF, &usage), ==, 0);
    return (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec
           + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* Half the rows are pages, the others hosts, as feeds have them. */
static char *
make_row(int i)
{
    return i % 2 == 0
               ? g_strdup_printf("http://login-%d.example%d.com/a/%08x/index"
                                 ".php?id=%d",
                   i, i % 1000, (unsigned)i * 2654435761u, i)
               : g_strdup_printf("shop-%d.example.net", i);
}

static void
test_million(void)
{
    g_auto(ListBlob) list = { 0 };
    g_autoptr(GString) text = g_string_sized_new(64 * MILLION);
    double start, compiled, looked;
    TableRecord record;
    int n = g_test_perf() || g_getenv("WN_BENCH") != NULL ? MILLION
                                                          : MILLION / 50;

    for (int i = 0; i < n; i++) {
        g_autofree char *row = make_row(i);

        g_string_append_printf(text, "%s\n", row);
    }
    start = cpu_seconds();
    list_compile_text(&list, LIST_OF_URLS, text->str);
    compiled = cpu_seconds() - start;
    g_assert_cmpuint(table_n_keys(&list.table), ==, (uint64_t)n + n / 2);
    start = cpu_seconds();
    for (int i = 0; i < n; i++) {
        Look look = { "www.login-4.example4.com", "/a/b/c/index.php", "id=1", 0,
            NULL };

        g_assert_false(look_up(&list, &look, &record));
        look.host = "shop-7.example.net";
        g_assert_true(look_up(&list, &look, &record));
    }
    looked = cpu_seconds() - start;
    g_test_message("%d rows: %.2f s with sorting and checking, %.1f bytes a"
                   " row, %.2f us a look-up",
        n, compiled, (double)list.size / n, looked * 1e6 / (2.0 * n));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(looks); i++) {
        g_autofree char *path = g_strdup_printf("/urlphone/look/%zu %s", i,
            looks[i].host);

        g_test_add_data_func(path, &looks[i], test_look);
    }
    g_test_add_func("/urlphone/table/notes", test_notes);
    g_test_add_func("/urlphone/table/phones", test_phones);
    g_test_add_func("/urlphone/table/empty", test_empty);
    g_test_add_func("/urlphone/table/same-bytes", test_same_bytes);
    g_test_add_func("/urlphone/table/siphash", test_siphash);
    g_test_add_func("/urlphone/table/flipped", test_flipped);
    g_test_add_func("/urlphone/table/cut", test_cut);
    g_test_add_func("/urlphone/table/numbers", test_numbers);
    g_test_add_func("/urlphone/table/million", test_million);
    return g_test_run();
}
