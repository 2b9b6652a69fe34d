/* SPDX-License-Identifier: MIT */
#include "core/message/phone_form.h"

static const struct {
    const char *title, *country, *written, *digits;
} cases[] = {
    { "plan of the US", NULL, "12125551234", "12125551234" },
    { "US area 1xx", NULL, "11125551234", NULL },
    { "US area N11", NULL, "19115551234", NULL },
    { "US area x9x", NULL, "12925551234", NULL },
    { "US exchange 1xx", NULL, "12121551234", NULL },
    { "US exchange N11", NULL, "12126111234", NULL },
    { "US too short", NULL, "1212555123", NULL },
    { "US too long", NULL, "121255512345", NULL },
    { "British trunk zero", NULL, "4402074849871", "442074849871" },
    { "Italian zero stays", NULL, "390641865196", "390641865196" },
    { "Mexican mobile 1", NULL, "5215620732704", "525620732704" },
    { "Spain", NULL, "34936002323", "34936002323" },
    { "Spain too long", NULL, "349360023234", NULL },
    { "Spain wrong digit", NULL, "34236002323", NULL },
    { "satellite", NULL, "8821652098236", "8821652098236" },
    { "universal freephone", NULL, "80000225533", "80000225533" },
    { "no such code", NULL, "9991234567", NULL },
    { "no code at all", NULL, "0123456789", NULL },
    { "empty", NULL, "", NULL },
    { "over E.164", NULL, "4912345678901234", NULL },
    { "US at home", "US", "2125551234", "12125551234" },
    { "US with trunk", "us", "12125551234", "12125551234" },
    { "Germany with trunk", "DE", "08002491234", "498002491234" },
    { "France with trunk", "FR", "0156770120", "33156770120" },
    { "Italy with zero", "IT", "0641865196", "390641865196" },
    { "Russia with eight", "RU", "84951234567", "74951234567" },
    { "Hungary with 06", "HU", "0612345678", "3612345678" },
    { "Poland without trunk", "PL", "221234567", "48221234567" },
    { "Great Britain too short", "GB", "0123", NULL },
};

static void
test_case(gconstpointer data)
{
    size_t i = (size_t)GPOINTER_TO_UINT(data);
    WnSpan written = wn_span_str(cases[i].written);
    WnPhoneDigits form;
    bool found;

    if (cases[i].country == NULL) {
        found = wn_phone_form_international(written, &form);
    } else {
        const WnPhoneCountry *country = wn_phone_plan_country(cases[i].country);

        g_assert_nonnull(country);
        found = wn_phone_form_national(written, country, &form);
    }
    g_assert_cmpint(found, ==, cases[i].digits != NULL);
    if (!found)
        return;
    g_assert_cmpstr(form.text, ==, cases[i].digits);
    g_assert_cmpuint(form.len, ==, strlen(form.text));
}

/* A normal form is its own normal form. */
static void
test_is_stable(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(7);
    unsigned n = 0;

    for (int i = 0; i < 50000; i++) {
        char written[WN_PHONE_DIGITS_MAX + 1];
        size_t len = (size_t)g_rand_int_range(rand, 6, WN_PHONE_DIGITS_MAX + 1);
        WnPhoneDigits once;
        WnPhoneDigits twice;

        for (size_t k = 0; k < len; k++)
            written[k] = (char)('0' + g_rand_int_range(rand, 0, 10));
        if (!wn_phone_form_international(wn_span(written, len), &once))
            continue;
        n++;
        g_assert_true(
            wn_phone_form_international(wn_span(once.text, once.len), &twice));
        g_assert_cmpstr(once.text, ==, twice.text);
    }
    g_assert_cmpuint(n, >, 5000);
}

static void
test_countries(void)
{
    g_assert_null(wn_phone_plan_country(NULL));
    g_assert_null(wn_phone_plan_country(""));
    g_assert_null(wn_phone_plan_country("XX"));
    g_assert_cmpuint(wn_phone_plan_country("CA")->code, ==, 1);
    g_assert_cmpuint(wn_phone_plan_country("gb")->code, ==, 44);
    g_assert_true(wn_phone_plan_is_toll_free(WN_SPAN("8885551234")));
    g_assert_false(wn_phone_plan_is_toll_free(WN_SPAN("8115551234")));
    g_assert_false(wn_phone_plan_is_toll_free(WN_SPAN("88")));
    g_assert_true(
        wn_phone_plan_is_nanp(WN_SPAN("2125551234"), WN_PHONE_KNOWN_AREA));
    g_assert_false(
        wn_phone_plan_is_nanp(WN_SPAN("2225551234"), WN_PHONE_KNOWN_AREA));
    g_assert_true(
        wn_phone_plan_is_nanp(WN_SPAN("2225551234"), WN_PHONE_ANY_AREA));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_set_nonfatal_assertions(); /* one run shows all that fail */
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/message/phone_form/%s",
            cases[i].title);

        g_test_add_data_func(path, GUINT_TO_POINTER((guint)i), test_case);
    }
    g_test_add_func("/message/phone_form/is stable", test_is_stable);
    g_test_add_func("/message/phone_form/countries", test_countries);
    return g_test_run();
}
