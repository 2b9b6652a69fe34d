/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Whether groups of digits are a telephone number: the layouts that numbers
 * are written in, tried in a fixed order, and what speaks against them.
 */

#include "core/message/phone_form.h"
#include "core/message/phone_lex.h"

#define WN_PHONE_GROUPS_MAX 16 /* in one number */

/* The groups that begin with the one in question. */
typedef struct WnPhoneView {
    WnSpan text;
    const WnPhoneCountry *country; /* assumed; NULL: none */
    const WnPhoneGroup *groups;
    const WnPhoneGroup *before; /* the group before; NULL: none */
    size_t n;
} WnPhoneView;

typedef struct WnPhoneMatch {
    size_t start, end; /* in the text */
    uint32_t flags;    /* WN_MESSAGE_PHONE_* */
    WnPhoneDigits form;
} WnPhoneMatch;

/* A number begins with the first group.  If not, out_match->end tells up to
 * where none begins (0: look at the next group). */
bool wn_phone_match(const WnPhoneView *view, WnPhoneMatch *out_match);

/* Digits with a country code: behind a plus, 00 or 011, or 1 and ten digits of
 * the North American plan. */
bool wn_phone_form_written_code(WnSpan digits, bool plus,
    WnPhoneDigits *out_form);
