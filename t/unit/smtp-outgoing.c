/* SPDX-License-Identifier: MIT */
#include "core/smtp/outgoing.h"

#include <glib.h>

typedef struct Dirty {
    const char *name;
    const char *wire;
    bool clean;
} Dirty;

static const Dirty dirty[] = {
    { "good", "a: b\r\n\r\nx\r\n.\r\n", true },
    { "empty", ".\r\n", true },
    { "dots", "..\r\n.x\r\n.\r\n", true },
    { "bare-lf", "a\nb\r\n.\r\n", false },
    { "bare-lf-dot", "a\n.\r\nMAIL FROM:<x>\r\n.\r\n", false },
    { "bare-cr", "a\rb\r\n.\r\n", false },
    { "cr-dot", "a\r.\r\n.\r\n", false },
    { "cr-cr-lf", "a\r\r\n.\r\n", false },
    { "lf-cr", "a\n\r\n.\r\n", false },
    { "early-end", "a\r\n.\r\nMAIL FROM:<x>\r\n.\r\n", false },
    { "no-end", "a\r\n", false },
    { "no-last-line-end", "a.\r\n", false },
    { "dot-lf", "a\r\n.\nb\r\n.\r\n", false },
    { "nothing", "", false },
};

static void
test_clean(gconstpointer data)
{
    const Dirty *c = data;
    WnSpan wire = wn_span_str(c->wire);

    /* Also cut into two pieces at every place. */
    for (size_t cut = 0; cut <= wire.len; cut++) {
        g_autoptr(GArray) splices = g_array_new(FALSE, FALSE, sizeof(WnSplice));
        WnSplice splice = { 0, 0, wn_span_slice(wire, 0, cut) };
        WnOutgoingRecipient to = { WN_SPAN("a@b"), WN_SPAN_EMPTY,
            WN_SPAN_EMPTY };
        WnOutgoing outgoing = { .sender = WN_SPAN_EMPTY,
            .ret = WN_SPAN_EMPTY,
            .envid = WN_SPAN_EMPTY,
            .recipients = &to,
            .n_recipients = 1,
            .prepend = WN_SPAN_EMPTY,
            .wire = wn_span_slice(wire, cut, wire.len),
            .splices = splices };

        g_array_append_val(splices, splice);
        g_assert_true(wn_outgoing_is_clean(&outgoing) == c->clean);
    }
}

static void
test_clean_addresses(void)
{
    static const struct {
        const char *address;
        bool clean;
    } addresses[] = {
        { "a@b", true },
        { "\"a b>\"@c", true },
        { "a@b>\r\nDATA", false },
        { "a@b\r", false },
        { "a b@c", false },
        { "a>b@c", false },
        { "", false },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(addresses); i++) {
        WnOutgoingRecipient to = { wn_span_str(addresses[i].address),
            WN_SPAN_EMPTY, WN_SPAN_EMPTY };
        WnOutgoing outgoing = { .sender = WN_SPAN_EMPTY,
            .ret = WN_SPAN_EMPTY,
            .envid = WN_SPAN_EMPTY,
            .recipients = &to,
            .n_recipients = 1,
            .prepend = WN_SPAN_EMPTY,
            .wire = WN_SPAN(".\r\n") };

        g_assert_true(wn_outgoing_is_clean(&outgoing) == addresses[i].clean);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(dirty); i++) {
        g_autofree char *path = g_strconcat("/smtp/outgoing/clean/",
            dirty[i].name, NULL);

        g_test_add_data_func(path, &dirty[i], test_clean);
    }
    g_test_add_func("/smtp/outgoing/clean-addresses", test_clean_addresses);
    return g_test_run();
}
