/* SPDX-License-Identifier: MIT */
#ifndef RBL_LOOK_H
#define RBL_LOOK_H

/* One look at a client: all lists of a call's policy are asked at once, and
 * their answers make the verdict.  rbl.c says by which rules. */

#include "policy.h"

typedef struct Rbl {
    const WnHost *host;
    DnslistZones zones;
    int32_t listed;
} Rbl;

/* Whether the call stays open until a list's test is answered. */
typedef enum { RBL_HOLD_FOR_TESTS, RBL_LEAVE_TESTS } RblHold;

/* For a hook to return. */
WnVerdict rbl_look(Rbl *self, WnCall *call, RblHold hold);

#endif
