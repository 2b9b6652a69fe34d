/* SPDX-License-Identifier: MIT */
#include "core/message/phone_plan.h"

#include <glib.h>

/* Sorted by code; the main country of a code stands first.  Facts of 2026:
 * "lengths" has bit n for national numbers of n digits, "first" has bit d for
 * those that begin with d. */
/* clang-format off */
static const WnPhoneCountry countries[] = {
    { 1, "US", '1', 0x0400, 0x3fc }, { 1, "AG", '1', 0x0400, 0x324 },
    { 1, "AI", '1', 0x0400, 0x324 }, { 1, "AS", '1', 0x0400, 0x360 },
    { 1, "BB", '1', 0x0400, 0x324 }, { 1, "BM", '1', 0x0400, 0x330 },
    { 1, "BS", '1', 0x0400, 0x324 }, { 1, "CA", '1', 0x0400, 0x3fc },
    { 1, "DM", '1', 0x0400, 0x3a0 }, { 1, "DO", '1', 0x0400, 0x320 },
    { 1, "GD", '1', 0x0400, 0x330 }, { 1, "GU", '1', 0x0400, 0x360 },
    { 1, "JM", '1', 0x0400, 0x360 }, { 1, "KN", '1', 0x0400, 0x320 },
    { 1, "KY", '1', 0x0400, 0x328 }, { 1, "LC", '1', 0x0400, 0x3a0 },
    { 1, "MP", '1', 0x0400, 0x360 }, { 1, "MS", '1', 0x0400, 0x360 },
    { 1, "PR", '1', 0x0400, 0x3a0 }, { 1, "SX", '1', 0x0400, 0x3a0 },
    { 1, "TC", '1', 0x0400, 0x360 }, { 1, "TT", '1', 0x0400, 0x320 },
    { 1, "VC", '1', 0x0400, 0x3a0 }, { 1, "VG", '1', 0x0400, 0x324 },
    { 1, "VI", '1', 0x0400, 0x328 }, { 7, "RU", '8', 0x4400, 0x318 },
    { 7, "KZ", '8', 0x4400, 0x180 }, { 20, "EG", '0', 0x0700, 0x37e },
    { 27, "ZA", '0', 0x07e0, 0x3fe }, { 30, "GR", 0, 0x1c00, 0x3e4 },
    { 31, "NL", '0', 0x0fe0, 0x3fe }, { 32, "BE", '0', 0x0300, 0x3fe },
    { 33, "FR", '0', 0x0200, 0x3fe }, { 34, "ES", 0, 0x0200, 0x3f0 },
    { 36, "HU", '6', 0x0300, 0x3fe }, { 39, "IT", 0, 0x1fc0, 0x13b },
    { 39, "VA", 0, 0x0fc0, 0x12b }, { 40, "RO", '0', 0x0240, 0x3cc },
    { 41, "CH", '0', 0x0200, 0x3fc }, { 43, "AT", '0', 0x3ff0, 0x3fe },
    { 44, "GB", '0', 0x0680, 0x3ae }, { 44, "GG", '0', 0x0680, 0x3aa },
    { 44, "IM", '0', 0x0400, 0x3aa }, { 44, "JE", '0', 0x0400, 0x3aa },
    { 45, "DK", 0, 0x0100, 0x3fc }, { 46, "SE", '0', 0x07c0, 0x3fe },
    { 47, "NO", 0, 0x0120, 0x3fd }, { 47, "SJ", 0, 0x0120, 0x391 },
    { 48, "PL", 0, 0x07c0, 0x3fe }, { 49, "DE", '0', 0x3ff0, 0x3fe },
    { 51, "PE", '0', 0x0300, 0x3f2 }, { 52, "MX", 0, 0x0400, 0x3fc },
    { 53, "CU", '0', 0x05c0, 0x1fc }, { 54, "AR", '0', 0x0c00, 0x34e },
    { 55, "BR", '0', 0x0f00, 0x3fe }, { 56, "CL", 0, 0x0e00, 0x3fe },
    { 57, "CO", '0', 0x0d00, 0x25a }, { 58, "VE", '0', 0x0400, 0x374 },
    { 60, "MY", '0', 0x0700, 0x3fa }, { 61, "AU", '0', 0x17e0, 0x19e },
    { 61, "CC", '0', 0x17c0, 0x112 }, { 61, "CX", '0', 0x17c0, 0x112 },
    { 62, "ID", '0', 0x3f80, 0x3ff }, { 63, "PH", '0', 0x3f40, 0x3fe },
    { 64, "NZ", '0', 0x07e0, 0x3fe }, { 65, "SG", 0, 0x0d00, 0x3ca },
    { 66, "TH", '0', 0x2700, 0x3ff }, { 81, "JP", '0', 0x3f00, 0x3ff },
    { 82, "KR", '0', 0x3f60, 0x1ff }, { 84, "VN", '0', 0x0780, 0x3ee },
    { 86, "CN", '0', 0x1f80, 0x3fe }, { 90, "TR", '0', 0x3480, 0x33c },
    { 91, "IN", '0', 0x3f00, 0x3ff }, { 92, "PK", '0', 0x1f00, 0x3fe },
    { 93, "AF", '0', 0x0200, 0x0fc }, { 94, "LK", '0', 0x0200, 0x3fe },
    { 95, "MM", '0', 0x07c0, 0x3f6 }, { 98, "IR", '0', 0x04f0, 0x3fe },
    { 211, "SS", '0', 0x0200, 0x202 }, { 212, "MA", '0', 0x0200, 0x1e0 },
    { 212, "EH", '0', 0x0200, 0x1e0 }, { 213, "DZ", '0', 0x0300, 0x3fe },
    { 216, "TN", 0, 0x0100, 0x3bc }, { 218, "LY", '0', 0x0200, 0x3fc },
    { 220, "GM", 0, 0x0080, 0x3fc }, { 221, "SN", 0, 0x0200, 0x388 },
    { 222, "MR", 0, 0x0100, 0x11c }, { 223, "ML", 0, 0x0100, 0x3f4 },
    { 224, "GN", 0, 0x0300, 0x0c8 }, { 225, "CI", 0, 0x0400, 0x005 },
    { 226, "BF", 0, 0x0100, 0x0f5 }, { 227, "NE", 0, 0x0100, 0x385 },
    { 228, "TG", 0, 0x0100, 0x284 }, { 229, "BJ", 0, 0x0500, 0x101 },
    { 230, "MU", 0, 0x0580, 0x1fc }, { 231, "LR", '0', 0x0380, 0x1fc },
    { 232, "SL", '0', 0x0100, 0x3cc }, { 233, "GH", '0', 0x0300, 0x12c },
    { 234, "NG", '0', 0x1c00, 0x384 }, { 235, "TD", 0, 0x0100, 0x3cc },
    { 236, "CF", 0, 0x0100, 0x1c4 }, { 237, "CM", 0, 0x0300, 0x144 },
    { 238, "CV", 0, 0x0080, 0x33c }, { 239, "ST", 0, 0x0080, 0x204 },
    { 240, "GQ", 0, 0x0200, 0x32c }, { 241, "GA", 0, 0x0180, 0x0ff },
    { 242, "CG", 0, 0x0200, 0x105 }, { 243, "CD", '0', 0x0780, 0x37e },
    { 244, "AO", 0, 0x0200, 0x204 }, { 245, "GW", 0, 0x0280, 0x210 },
    { 246, "IO", 0, 0x0080, 0x008 }, { 247, "AC", 0, 0x0060, 0x3ff },
    { 248, "SC", 0, 0x0080, 0x354 }, { 249, "SD", '0', 0x0200, 0x202 },
    { 250, "RW", '0', 0x0300, 0x385 }, { 251, "ET", '0', 0x0200, 0x3be },
    { 252, "SO", '0', 0x03c0, 0x3fe }, { 253, "DJ", 0, 0x0100, 0x084 },
    { 254, "KE", '0', 0x0780, 0x3f6 }, { 255, "TZ", '0', 0x0200, 0x3d4 },
    { 256, "UG", '0', 0x0200, 0x39c }, { 257, "BI", 0, 0x0100, 0x0cc },
    { 258, "MZ", 0, 0x0300, 0x104 }, { 260, "ZM", '0', 0x0200, 0x3e4 },
    { 261, "MG", '0', 0x0200, 0x00c }, { 262, "RE", '0', 0x0200, 0x3c4 },
    { 262, "YT", '0', 0x0200, 0x3c4 }, { 263, "ZW", '0', 0x07e0, 0x3fe },
    { 264, "NA", '0', 0x0300, 0x140 }, { 265, "MW", '0', 0x0280, 0x38e },
    { 266, "LS", 0, 0x0100, 0x164 }, { 267, "BW", 0, 0x0580, 0x3fd },
    { 268, "SZ", 0, 0x0300, 0x28d }, { 269, "KM", 0, 0x0080, 0x198 },
    { 290, "SH", 0, 0x0030, 0x064 }, { 290, "TA", 0, 0x0010, 0x100 },
    { 291, "ER", '0', 0x0080, 0x182 }, { 297, "AW", 0, 0x0080, 0x3e4 },
    { 298, "FO", 0, 0x0040, 0x3fc }, { 299, "GL", 0, 0x0040, 0x3fe },
    { 350, "GI", 0, 0x0100, 0x064 }, { 351, "PT", 0, 0x0200, 0x3ce },
    { 352, "LU", 0, 0x0ff0, 0x3fc }, { 353, "IE", '0', 0x0780, 0x3f6 },
    { 354, "IS", 0, 0x0280, 0x3f8 }, { 355, "AL", '0', 0x03c0, 0x3fc },
    { 356, "MT", 0, 0x0100, 0x3ac }, { 357, "CY", 0, 0x0100, 0x3a4 },
    { 358, "FI", '0', 0x1fe0, 0x3fe }, { 358, "AX", '0', 0x1fe0, 0x1fe },
    { 359, "BG", '0', 0x13c0, 0x3fd }, { 370, "LT", '0', 0x0100, 0x3f8 },
    { 371, "LV", 0, 0x0100, 0x344 }, { 372, "EE", 0, 0x0580, 0x3f8 },
    { 373, "MD", '0', 0x0100, 0x3ec }, { 374, "AM", '0', 0x0100, 0x3fe },
    { 375, "BY", '8', 0x0fc0, 0x31e }, { 376, "AD", 0, 0x0340, 0x3ea },
    { 377, "MC", '0', 0x0300, 0x3d8 }, { 378, "SM", 0, 0x0500, 0x0e1 },
    { 380, "UA", '0', 0x0600, 0x3f8 }, { 381, "RS", '0', 0x1fc0, 0x3ce },
    { 382, "ME", '0', 0x0300, 0x3fc }, { 383, "XK", '0', 0x1f00, 0x31c },
    { 385, "HR", '0', 0x0380, 0x3fe }, { 386, "SI", '0', 0x01e0, 0x3fe },
    { 387, "BA", '0', 0x0300, 0x3f8 }, { 389, "MK", '0', 0x0100, 0x1bc },
    { 420, "CZ", 0, 0x0200, 0x3fc }, { 421, "SK", '0', 0x02c0, 0x37c },
    { 423, "LI", '0', 0x0280, 0x3cc }, { 500, "FK", 0, 0x0020, 0x0fc },
    { 501, "BZ", 0, 0x0880, 0x1fd }, { 502, "GT", 0, 0x0900, 0x1fe },
    { 503, "SV", 0, 0x0980, 0x3e4 }, { 504, "HN", 0, 0x0900, 0x38c },
    { 505, "NI", 0, 0x0100, 0x1e6 }, { 506, "CR", 0, 0x0500, 0x3fc },
    { 507, "PA", 0, 0x0d80, 0x3ff }, { 508, "PM", '0', 0x0240, 0x3fc },
    { 509, "HT", 0, 0x0100, 0x33c }, { 590, "GP", '0', 0x0200, 0x3e0 },
    { 590, "BL", '0', 0x0200, 0x3e0 }, { 590, "MF", '0', 0x0200, 0x3e0 },
    { 591, "BO", '0', 0x0300, 0x1fc }, { 592, "GY", 0, 0x0080, 0x3fc },
    { 593, "EC", '0', 0x0f00, 0x2fe }, { 594, "GF", '0', 0x0200, 0x3e0 },
    { 595, "PY", '0', 0x0fc0, 0x3fc }, { 596, "MQ", '0', 0x0200, 0x3e0 },
    { 597, "SR", 0, 0x00c0, 0x3fc }, { 598, "UY", '0', 0x1ff0, 0x317 },
    { 599, "CW", 0, 0x0180, 0x240 }, { 599, "BQ", 0, 0x0080, 0x098 },
    { 670, "TL", 0, 0x0180, 0x39c }, { 672, "NF", 0, 0x0040, 0x00a },
    { 673, "BN", 0, 0x0080, 0x1bc }, { 674, "NR", 0, 0x0080, 0x3f4 },
    { 675, "PG", 0, 0x0180, 0x3fe }, { 676, "TO", 0, 0x00a0, 0x3fd },
    { 677, "SB", 0, 0x00a0, 0x3fe }, { 678, "VU", 0, 0x00a0, 0x3bc },
    { 679, "FJ", 0, 0x0880, 0x3fd }, { 680, "PW", 0, 0x0080, 0x3fc },
    { 681, "WF", 0, 0x0240, 0x380 }, { 682, "CK", 0, 0x0020, 0x1bc },
    { 683, "NU", 0, 0x0090, 0x1f0 }, { 685, "WS", 0, 0x04e0, 0x1fc },
    { 686, "KI", '0', 0x0120, 0x1fc }, { 687, "NC", 0, 0x0040, 0x3bd },
    { 688, "TV", 0, 0x00e0, 0x284 }, { 689, "PF", 0, 0x0340, 0x110 },
    { 690, "TK", 0, 0x00f0, 0x09c }, { 691, "FM", 0, 0x0080, 0x308 },
    { 692, "MH", '1', 0x0080, 0x07c }, { 800, "", 0, 0x0100, 0x3ff },
    { 808, "", 0, 0x0100, 0x3fe }, { 850, "KP", '0', 0x0500, 0x1fe },
    { 852, "HK", 0, 0x0be0, 0x3fc }, { 853, "MO", 0, 0x0180, 0x145 },
    { 855, "KH", '0', 0x0700, 0x3fe }, { 856, "LA", '0', 0x0700, 0x1fc },
    { 870, "", 0, 0x1200, 0x0ec }, { 878, "", 0, 0x1000, 0x002 },
    { 880, "BD", '0', 0x07c0, 0x3fe }, { 881, "", 0, 0x0600, 0x3cf },
    { 882, "", 0, 0x1f80, 0x23e }, { 883, "", 0, 0x1f00, 0x03e },
    { 886, "TW", '0', 0x0f80, 0x3fc }, { 888, "", 0, 0x0800, 0x3ff },
    { 960, "MV", 0, 0x0480, 0x3d8 }, { 961, "LB", '0', 0x0180, 0x3fe },
    { 962, "JO", '0', 0x0300, 0x3fc }, { 963, "SY", '0', 0x0300, 0x23e },
    { 964, "IQ", '0', 0x0700, 0x0fe }, { 965, "KW", 0, 0x0180, 0x276 },
    { 966, "SA", '0', 0x0600, 0x322 }, { 967, "YE", '0', 0x0380, 0x0fe },
    { 968, "OM", 0, 0x0380, 0x3a6 }, { 970, "PS", '0', 0x0700, 0x336 },
    { 971, "AE", '0', 0x1fe0, 0x3fc }, { 972, "IL", '0', 0x1f80, 0x3be },
    { 973, "BH", 0, 0x0100, 0x3ca }, { 974, "QA", 0, 0x0b80, 0x1fd },
    { 975, "BT", 0, 0x0180, 0x1fe }, { 976, "MN", '0', 0x0700, 0x3e6 },
    { 977, "NP", '0', 0x0d00, 0x3fe }, { 979, "", 0, 0x0200, 0x22a },
    { 992, "TJ", 0, 0x0200, 0x3ff }, { 993, "TM", '8', 0x0100, 0x0fe },
    { 994, "AZ", '0', 0x0200, 0x3fe }, { 995, "GE", '0', 0x0200, 0x1b8 },
    { 996, "KG", '0', 0x0600, 0x3ec }, { 998, "UZ", 0, 0x0200, 0x3ec },
};

/* The area codes in use of the North American plan: one word for each ten from
 * 200 on, with a bit for each code. */
static const uint16_t area_codes[80] = {
    0x3fe, 0x3fd, 0x3f9, 0x272, 0x345, 0x0df, 0x38d, 0x255, 0x21a, 0x000,
    0x3fe, 0x3fd, 0x2fb, 0x2d7, 0x0eb, 0x01f, 0x3bb, 0x000, 0x065, 0x000,
    0x3fe, 0x3fd, 0x138, 0x1b7, 0x1af, 0x101, 0x318, 0x33d, 0x011, 0x000,
    0x3ff, 0x3fd, 0x3ff, 0x21f, 0x113, 0x282, 0x0de, 0x2bf, 0x1f7, 0x000,
    0x3ff, 0x3fd, 0x34d, 0x24b, 0x2e3, 0x3c3, 0x287, 0x107, 0x24f, 0x000,
    0x3fe, 0x3fc, 0x1f1, 0x197, 0x18d, 0x198, 0x22d, 0x33f, 0x0f7, 0x000,
    0x3ff, 0x3fd, 0x363, 0x32f, 0x3b9, 0x3f1, 0x1fd, 0x3cd, 0x100, 0x000,
    0x3ff, 0x3fd, 0x321, 0x3d3, 0x3af, 0x256, 0x000, 0x32f, 0x279, 0x000,
};
/* clang-format on */

static const WnPhoneCountry *
find_code(uint16_t code)
{
    size_t low = 0;
    size_t high = G_N_ELEMENTS(countries);

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (countries[middle].code < code)
            low = middle + 1;
        else
            high = middle;
    }
    return low < G_N_ELEMENTS(countries) && countries[low].code == code
               ? &countries[low]
               : NULL;
}

const WnPhoneCountry *
wn_phone_plan_country(const char *iso)
{
    if (iso == NULL || iso[0] == '\0')
        return NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(countries); i++) {
        if (g_ascii_strcasecmp(countries[i].iso, iso) == 0)
            return &countries[i];
    }
    return NULL;
}

const WnPhoneCountry *
wn_phone_plan_find(WnSpan digits)
{
    uint16_t code = 0;

    /* No code is the beginning of another. */
    for (size_t i = 0; i < digits.len && i < 3; i++) {
        const WnPhoneCountry *row;

        code = (uint16_t)(code * 10 + (uint16_t)(digits.ptr[i] - '0'));
        row = code > 0 ? find_code(code) : NULL;
        if (code == 0)
            return NULL;
        if (row != NULL)
            return row;
    }
    return NULL;
}

size_t
wn_phone_plan_code_len(const WnPhoneCountry *country)
{
    return country->code >= 100 ? 3 : country->code >= 10 ? 2 : 1;
}

bool
wn_phone_plan_fits(const WnPhoneCountry *country, WnSpan national)
{
    const WnPhoneCountry *end = countries + G_N_ELEMENTS(countries);

    if (national.len == 0 || national.len > 15)
        return false;
    if (country->code == 1)
        return wn_phone_plan_is_nanp(national, WN_PHONE_ANY_AREA);
    for (const WnPhoneCountry *row = find_code(country->code);
         row < end && row->code == country->code; row++) {
        if ((row->lengths & (1u << national.len)) != 0
            && (row->first & (1u << (national.ptr[0] - '0'))) != 0)
            return true;
    }
    return false;
}

bool
wn_phone_plan_is_toll_free(WnSpan digits)
{
    return digits.len >= 3 && digits.ptr[0] == '8'
           && digits.ptr[1] == digits.ptr[2]
           && strchr("0235678", digits.ptr[1]) != NULL;
}

/* [2-9]XX [2-9]XX XXXX; neither part ends in 11, X9X and 37X and 96X are
 * reserved as area codes. */
bool
wn_phone_plan_is_nanp(WnSpan digits, WnPhoneArea area)
{
    const char *d = digits.ptr;
    unsigned number;

    if (digits.len != 10 || d[0] < '2' || d[3] < '2')
        return false;
    if (d[1] == '9' || (d[1] == '1' && d[2] == '1')
        || (d[0] == '3' && d[1] == '7') || (d[0] == '9' && d[1] == '6'))
        return false;
    if (d[4] == '1' && d[5] == '1' && !wn_phone_plan_is_toll_free(digits))
        return false;
    number = (unsigned)(d[0] - '0') * 10 + (unsigned)(d[1] - '0') - 20;
    return area == WN_PHONE_ANY_AREA
           || (area_codes[number] & (1u << (d[2] - '0'))) != 0;
}
