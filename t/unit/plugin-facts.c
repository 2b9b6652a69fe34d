/* SPDX-License-Identifier: MIT */
#include "core/plugin/facts.h"

static const struct {
    const char *text, *local, *domain;
    uint32_t flags;
} addresses[] = {
    { "", "", "", WN_ADDR_NULL },
    { "User@Good.EXAMPLE", "User", "good.example", 0 },
    { "postmaster", "postmaster", "", 0 },
    { "a@", "a", "", 0 },
    { "@b.example", "", "b.example", 0 },
    { "\"a b\"@c.example", "a b", "c.example", 0 },
    { "\"a\\\"@b\"@c.example", "a\"@b", "c.example", 0 },
    { "\"a\\\"@c.example", "a\\", "c.example", 0 },
    { "\"@c.example", "\"", "c.example", 0 },
    { "gr\xc3\xbc\xc3\x9f@c.example", "gr\xc3\xbc\xc3\x9f", "c.example",
        WN_ADDR_UTF8 },
};

static void
test_addresses(void)
{
    WnId id = { { 0 } };
    WnTxnFacts facts;

    wn_txn_facts_init(&facts, 0, &id, WN_SPAN("a@b.example"));
    g_assert_cmpstr(facts.id_text.ptr, ==, "00000000000000000000000000");
    g_assert_cmpstr(facts.sender->domain.ptr, ==, "b.example");
    for (size_t i = 0; i < G_N_ELEMENTS(addresses); i++) {
        WnSpan text = wn_span_str(addresses[i].text);
        const WnAddress *address = wn_txn_facts_address(&facts, text);

        g_assert_cmpstr(address->text.ptr, ==, addresses[i].text);
        g_assert_cmpstr(address->local.ptr, ==, addresses[i].local);
        g_assert_cmpuint(address->local.len, ==, strlen(addresses[i].local));
        g_assert_cmpstr(address->domain.ptr, ==, addresses[i].domain);
        g_assert_cmpuint(address->flags, ==, addresses[i].flags);
        g_assert_true(address == wn_txn_facts_address(&facts, text));
    }
    wn_txn_facts_clear(&facts);
}

static void
test_tags(void)
{
    g_autofree char *value = g_strnfill(WN_TAG_VALUE_MAX + 1, 'v');
    WnId id = { { 0 } };
    WnTxnFacts facts;

    wn_txn_facts_init(&facts, 0, &id, WN_SPAN_EMPTY);
    g_assert_cmpint(wn_txn_facts_set_tag(&facts, "a.b-c_1", "x"), ==, WN_OK);
    g_assert_cmpint(wn_txn_facts_set_tag(&facts, "a.b-c_1", "y"), ==, WN_OK);
    g_assert_cmpstr(g_hash_table_lookup(facts.tags, "a.b-c_1"), ==, "y");
    g_assert_cmpint(wn_txn_facts_set_tag(&facts, "A", "x"), ==, WN_E_INVALID);
    g_assert_cmpint(wn_txn_facts_set_tag(&facts, "", "x"), ==, WN_E_INVALID);
    g_assert_cmpint(wn_txn_facts_set_tag(&facts, "winnow.x", "x"), ==,
        WN_E_INVALID);
    g_assert_cmpint(wn_txn_facts_set_tag(&facts, "a", "x\ny"), ==,
        WN_E_INVALID);
    g_assert_cmpint(wn_txn_facts_set_tag(&facts, "a", "\xff"), ==,
        WN_E_INVALID);
    g_assert_cmpint(wn_txn_facts_set_tag(&facts, "a", value), ==, WN_E_INVALID);
    g_assert_cmpint(wn_txn_facts_set_tag(&facts, NULL, NULL), ==, WN_E_INVALID);
    for (int i = 1; i < WN_TAGS_MAX; i++) {
        g_autofree char *name = g_strdup_printf("t%d", i);

        g_assert_cmpint(wn_txn_facts_set_tag(&facts, name, "x"), ==, WN_OK);
    }
    g_assert_cmpint(wn_txn_facts_set_tag(&facts, "more", "x"), ==, WN_E_LIMIT);
    g_assert_cmpint(wn_txn_facts_set_tag(&facts, "t1", "z"), ==, WN_OK);
    wn_txn_facts_clear(&facts);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/plugin/facts/addresses", test_addresses);
    g_test_add_func("/plugin/facts/tags", test_tags);
    return g_test_run();
}
