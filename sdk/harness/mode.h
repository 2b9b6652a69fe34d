/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The ways in which a test is run: once as it stands, then under a host that is
 * as unkind as the SDK allows.  One process runs one test in one mode.
 */

#include <glib.h>
#include <stdbool.h>

typedef enum {
    WN_ANSWERS_FORWARD,
    WN_ANSWERS_REVERSE, /* the last question is answered first */
    WN_ANSWERS_SHUFFLED
} WnAnswerOrder;

typedef enum {
    WN_AHEAD_NOT,
    WN_AHEAD_QUICK, /* the message comes before what ran ahead has ended */
    WN_AHEAD_SLOW   /* it comes later */
} WnAhead;

typedef struct WnMode {
    const char *name;
    const char *promise; /* what is wrong with a plugin that fails here */
    bool plain;          /* the run that others are compared with */
    bool guarded;        /* views end at an unreadable page, and with their
                          * life */
    bool older;          /* a host of the minor that the plugin needs */
    bool newer;          /* a host of a later minor, with longer structs */
    bool twins;          /* a second instance with the same options */
    bool repeated;       /* over and over: does it keep memory? */
    bool same_findings;  /* findings must be as expected */
    bool same_verdict;   /* verdict and decision must be */
    bool damaged;        /* then with data sets that were spoilt */
    bool steps;          /* once for each step: at counts up */
    WnAnswerOrder order;
    WnAhead ahead;
    bool pieces; /* sockets move a few bytes at a time */
    enum {
        WN_AT_NOTHING,
        WN_AT_FAIL,
        WN_AT_GONE,
        WN_AT_LATE,
        WN_AT_MEMORY
    } kind;
    unsigned at;
} WnMode;

extern const WnMode wn_modes[];
extern const unsigned wn_n_modes;

/* The mode of this process; the plain one at first. */
const WnMode *wn_mode(void);
void wn_mode_enter(const WnMode *mode, unsigned at);

/* One more step of that kind: true if it is the one that goes wrong.  what
 * names it, for whoever must find out why a plugin does not bear it. */
bool wn_mode_strikes(int kind, const char *what);
bool wn_mode_has_struck(void);

/* Ends the process: the plugin, or the test, is wrong. */
G_GNUC_PRINTF(1, 2) G_NORETURN void wn_mistake(const char *format, ...);
