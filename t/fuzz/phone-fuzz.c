/* SPDX-License-Identifier: MIT */

/*
 * Any text and any link: what is found is digits of a plausible number, its
 * text stands in the input, in order, and finding again in the normal form
 * finds the same.  The first byte says which country is assumed.
 */

#include "core/message/phone_scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const countries[] = { NULL, "US", "DE", "IT", "RU", "MX",
    "HU", "" };

static void
check_phone(const WnMessagePhone *phone)
{
    g_assert(phone->digits.len >= 3 && phone->digits.len <= 15);
    g_assert(phone->digits.ptr[phone->digits.len] == '\0');
    for (size_t i = 0; i < phone->digits.len; i++)
        g_assert(g_ascii_isdigit(phone->digits.ptr[i]));
    g_assert(g_utf8_validate(phone->text.ptr, (gssize)phone->text.len, NULL));
}

/* "+" and the digits are the same number. */
static void
check_again(const WnMessagePhone *phone)
{
    g_autoptr(WnArena) arena = wn_arena_new(0);
    g_autoptr(GArray)
        phones = g_array_new(FALSE, FALSE, sizeof(WnMessagePhone));
    WnPhoneList list = { .arena = arena, .phones = phones };
    g_autofree char *text = g_strdup_printf("+%s", phone->digits.ptr);

    g_assert(wn_phone_scan_text(&list, wn_span_str(text)));
    g_assert(phones->len == 1);
    g_assert(wn_span_eq(g_array_index(phones, WnMessagePhone, 0).digits,
        phone->digits));
}

static void
check_all(const GArray *phones, WnSpan text)
{
    const char *at = text.ptr;

    for (guint i = 0; i < phones->len; i++) {
        const WnMessagePhone *phone = &g_array_index(phones, WnMessagePhone, i);

        check_phone(phone);
        at = memmem(at, text.len - (size_t)(at - text.ptr), phone->text.ptr,
            phone->text.len);
        g_assert(at != NULL);
        at += phone->text.len;
        if ((phone->flags & WN_MESSAGE_PHONE_NATIONAL) == 0)
            check_again(phone);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(WnArena) arena = wn_arena_new(0);
    g_autoptr(GArray)
        phones = g_array_new(FALSE, FALSE, sizeof(WnMessagePhone));
    WnPhoneList list = { .arena = arena, .phones = phones };
    g_autofree char *text = NULL;

    if (size == 0)
        return 0;
    list.default_country = countries[data[0] % G_N_ELEMENTS(countries)];
    text = g_utf8_make_valid((const char *)data + 1, (gssize)size - 1);
    wn_phone_scan_text(&list, wn_span_str(text));
    check_all(phones, wn_span_str(text));
    wn_phone_scan_link(&list, wn_span(data + 1, size - 1));
    g_assert(phones->len <= WN_PHONE_MAX);
    return 0;
}
