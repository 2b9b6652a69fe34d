/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Telephone numbers in text as a reader sees it, and in tel: and sms: links.
 * The rules stand in doc/text-forms.md.  Linear in the size of the text; at
 * most WN_PHONE_MAX numbers are kept.
 */

#include "core/base/arena.h"

#define WN_PHONE_MAX 2000

enum {
    WN_MESSAGE_PHONE_COUNTRY = 1u << 0,   /* its country code was written */
    WN_MESSAGE_PHONE_ASSUMED = 1u << 1,   /* that of default_country was put */
    WN_MESSAGE_PHONE_NATIONAL = 1u << 2,  /* digits have no country code */
    WN_MESSAGE_PHONE_LETTERS = 1u << 3,   /* 1-800-FLOWERS */
    WN_MESSAGE_PHONE_DISGUISED = 1u << 4, /* invisible characters, digits that
                                           * are not ASCII, O for 0 */
    WN_MESSAGE_PHONE_SPLIT = 1u << 5,     /* by a line end */
    WN_MESSAGE_PHONE_EXTENSION = 1u
                                 << 6, /* text has an extension, digits not */
    WN_MESSAGE_PHONE_LINK = 1u << 7    /* tel: or sms: */
};

typedef struct WnMessagePhone {
    WnSpan text;   /* as found */
    WnSpan digits; /* country code and national number, without prefixes */
    uint32_t flags;
    int32_t part; /* -1: a header */
} WnMessagePhone;

typedef struct WnPhoneList {
    WnArena *arena; /* holds the texts and digits */
    GArray *phones; /* of WnMessagePhone, in the order of the text */
    const char *default_country; /* "US"; NULL: none is assumed */
    int32_t part;                /* of what is found */
} WnPhoneList;

/* text is valid UTF-8; links like "wa.me/4930..." in it count too.  False if
 * the list is full. */
bool wn_phone_scan_text(WnPhoneList *list, WnSpan text);

/* The numbers of one link (tel:, sms:, smsto:, mms:, fax:, callto:, whatsapp:,
 * skype:, sip:, facetime:; wa.me and its like), still percent-encoded, and
 * those in the subject and body that it gives to a message (mailto: too). Other
 * links have none.  False if the list is full. */
bool wn_phone_scan_link(WnPhoneList *list, WnSpan link);
