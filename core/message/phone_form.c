/* SPDX-License-Identifier: MIT */
#include "core/message/phone_form.h"

static bool
put(WnPhoneDigits *form, const WnPhoneCountry *country, WnSpan national)
{
    size_t code_len = wn_phone_plan_code_len(country);

    if (national.len + code_len > WN_PHONE_DIGITS_MAX
        || national.len + code_len < WN_PHONE_DIGITS_MIN
        || (country->trunk == '0' && national.ptr[0] == '0')
        || !wn_phone_plan_fits(country, national))
        return false;
    g_snprintf(form->text, sizeof form->text, "%u", (unsigned)country->code);
    memcpy(form->text + code_len, national.ptr, national.len);
    form->len = code_len + national.len;
    form->text[form->len] = '\0';
    return true;
}

static bool
begins_with(WnSpan digits, char digit)
{
    return digits.len > 0 && digits.ptr[0] == digit;
}

/* Mexico's 1 before mobile numbers was given up in 2019 and is still written;
 * "+44 (0)20" has a zero that nobody dials, "+39 06" one that all do. */
static WnSpan
without_trunk(const WnPhoneCountry *country, WnSpan national)
{
    bool zero = begins_with(national, '0');

    if (country->code == 52 && national.len == 11 && begins_with(national, '1'))
        return wn_span_slice(national, 1, 10);
    if (zero && (country->trunk == '0' || (country->first & 1) == 0))
        return wn_span_slice(national, 1, national.len);
    return national;
}

bool
wn_phone_form_international(WnSpan digits, WnPhoneDigits *out_form)
{
    const WnPhoneCountry *country = wn_phone_plan_find(digits);
    WnSpan national;

    if (country == NULL)
        return false;
    national = wn_span_slice(digits, wn_phone_plan_code_len(country),
        digits.len);
    return put(out_form, country, without_trunk(country, national));
}

bool
wn_phone_form_national(WnSpan digits, const WnPhoneCountry *country,
    WnPhoneDigits *out_form)
{
    char trunk = country->trunk;
    WnSpan national = digits;

    if (trunk == '6' && digits.len > 2 && memcmp(digits.ptr, "06", 2) == 0)
        national = wn_span_slice(digits, 2, digits.len);
    else if (trunk != '6' && trunk != 0 && begins_with(digits, trunk)
             && (trunk == '0' || digits.len == 11))
        national = wn_span_slice(digits, 1, digits.len);
    return put(out_form, country, without_trunk(country, national));
}
