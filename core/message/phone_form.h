/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * From the digits somebody wrote to the normal form of a telephone number:
 * prefixes for dialling abroad and trunk prefixes go, the country code comes.
 */

#include "core/message/phone_plan.h"

#include <glib.h>

#define WN_PHONE_DIGITS_MAX 15 /* E.164 */
#define WN_PHONE_DIGITS_MIN 7  /* with the country code */

typedef struct WnPhoneDigits {
    char text[WN_PHONE_DIGITS_MAX + 1];
    size_t len;
} WnPhoneDigits;

/* digits begin with a country code.  False if no number is like that. */
bool wn_phone_form_international(WnSpan digits, WnPhoneDigits *out_form);

/* digits are written as in that country, with or without trunk prefix. */
bool wn_phone_form_national(WnSpan digits, const WnPhoneCountry *country,
    WnPhoneDigits *out_form);
