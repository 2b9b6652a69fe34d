/* SPDX-License-Identifier: MIT */
#include "sdk/harness/mode.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

const WnMode wn_modes[] = {
    { .name = "plain",
        .promise = "as winnow runs it",
        .plain = true,
        .same_findings = true,
        .same_verdict = true },
    { .name = "guarded",
        .promise = "views end at an unreadable page and with their life",
        .guarded = true,
        .same_findings = true,
        .same_verdict = true },
    { .name = "newer",
        .promise = "a host of a later minor: longer structs, other number",
        .guarded = true,
        .newer = true,
        .same_findings = true,
        .same_verdict = true },
    { .name = "older",
        .promise = "a host of the minor that the plugin says it needs",
        .guarded = true,
        .older = true,
        .same_findings = true,
        .same_verdict = true },
    { .name = "twins",
        .promise = "two instances at once",
        .twins = true,
        .same_findings = true,
        .same_verdict = true },
    { .name = "reverse",
        .promise = "the last question is answered first",
        .guarded = true,
        .order = WN_ANSWERS_REVERSE,
        .same_verdict = true },
    { .name = "shuffled",
        .promise = "answers come in any order",
        .order = WN_ANSWERS_SHUFFLED,
        .same_verdict = true },
    { .name = "pieces",
        .promise = "sockets take and give a few bytes at a time, or none",
        .pieces = true,
        .same_verdict = true },
    { .name = "ahead",
        .promise = "connect, helo and mail run at the first recipient",
        .guarded = true,
        .ahead = WN_AHEAD_SLOW,
        .same_findings = true,
        .same_verdict = true },
    { .name = "overtaken",
        .promise = "they do, and the message comes before they have ended",
        .guarded = true,
        .ahead = WN_AHEAD_QUICK,
        .same_findings = true,
        .same_verdict = true },
    { .name = "gone",
        .promise = "the client goes away at each step",
        .guarded = true,
        .steps = true,
        .kind = WN_AT_GONE },
    { .name = "late",
        .promise = "the deadline passes at each step",
        .guarded = true,
        .steps = true,
        .kind = WN_AT_LATE },
    { .name = "fail",
        .promise = "each call of the host that may fail does",
        .guarded = true,
        .steps = true,
        .kind = WN_AT_FAIL },
    { .name = "memory",
        .promise = "each allocation of the plugin's own fails",
        .steps = true,
        .kind = WN_AT_MEMORY },
    { .name = "damaged",
        .promise = "data sets are cut short and changed",
        .guarded = true,
        .damaged = true },
    { .name = "repeated",
        .promise = "memory and descriptors do not grow",
        .repeated = true,
        .same_findings = true,
        .same_verdict = true },
};
const unsigned wn_n_modes = G_N_ELEMENTS(wn_modes);

/* Of the process, which runs one test in one mode. */
static struct {
    WnMode mode;
    bool entered;
    bool struck;
    unsigned n_steps;
} state;

const WnMode *
wn_mode(void)
{
    return state.entered ? &state.mode : &wn_modes[0];
}

void
wn_mode_enter(const WnMode *mode, unsigned at)
{
    state.mode = *mode;
    state.mode.at = at;
    state.entered = true;
}

bool
wn_mode_strikes(int kind, const char *what)
{
    if (!state.entered || (int)state.mode.kind != kind || state.struck)
        return false;
    state.struck = state.n_steps++ == state.mode.at;
    if (state.struck) {
        printf("made to go wrong: %s\n", what);
        fflush(stdout);
    }
    return state.struck;
}

bool
wn_mode_has_struck(void)
{
    return state.struck;
}

void
wn_mistake(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);
    _exit(1);
}
