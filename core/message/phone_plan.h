/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Which digits may be a telephone number: the calling codes of E.164 with the
 * lengths and the first digits of their national numbers, and the rules of the
 * North American plan (code 1) with its area codes.  Plausible, not assigned:
 * a new range of a country must not need a new winnow.
 */

#include "core/base/span.h"

typedef struct WnPhoneCountry {
    uint16_t code;
    char iso[3];      /* empty: of no country */
    char trunk;       /* dialled before national numbers; 0: none; '6': 06 */
    uint16_t lengths; /* bit n: n digits */
    uint16_t first;   /* bit d: begins with d */
} WnPhoneCountry;

typedef enum { WN_PHONE_ANY_AREA, WN_PHONE_KNOWN_AREA } WnPhoneArea;

/* By ISO 3166 code of two letters, in any case; NULL if there is none. */
const WnPhoneCountry *wn_phone_plan_country(const char *iso);

/* The first country of the calling code that digits begin with, or NULL. */
const WnPhoneCountry *wn_phone_plan_find(WnSpan digits);

size_t wn_phone_plan_code_len(const WnPhoneCountry *country);

/* national: without calling code and trunk prefix. */
bool wn_phone_plan_fits(const WnPhoneCountry *country, WnSpan national);

bool wn_phone_plan_is_nanp(WnSpan digits, WnPhoneArea area);

/* Begins with an area code that the called one pays for: 800, 888 ... */
bool wn_phone_plan_is_toll_free(WnSpan digits);
