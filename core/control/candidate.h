/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A configuration that shall be applied: read once, and looked at by
 * winnow-check, a throw-away process that loads its plugins.  winnow-check is
 * given what was read here; if the files cannot be read without problems it
 * reads them itself, to name every problem.
 */

#include "core/conf/config.h"
#include "core/control/control.h"
#include "core/event/loop.h"

typedef struct WnCandidate WnCandidate;

/* Either the configuration, or every problem, one a line.  The candidate may be
 * freed. */
typedef void (
    *WnCandidateFn)(void *user, WnConfig *take_config, const char *problems);

/* current is what is applied now (borrowed, nullable): some settings cannot be
 * changed while it runs. */
WnCandidate *wn_candidate_new(WnLoop *loop, const char *config_path,
    const WnConfig *current, WnCandidateFn fn, void *user);
void wn_candidate_free(WnCandidate *self);

/* A reload waits for the one before it, but nobody waits for a plugin that does
 * not come back: once the check takes long, another call is told what it waits
 * for.  True: call is answered.  Both may be NULL. */
bool wn_candidate_answer_other(const WnCandidate *self, WnControlCall *call);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnCandidate, wn_candidate_free)
