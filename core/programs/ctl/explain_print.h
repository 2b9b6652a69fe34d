/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Private to winnowctl explain: what was found out of one message, and its
 * printing as text and as DESIGN §10's JSON.
 */

#include "core/conf/config.h"
#include "core/filtering/request.h"

typedef struct ExplainFacts {
    WnNetaddr client;
    const char *helo, *sender;
    WnPtrStatus rdns_status;
    char *rdns;
    GPtrArray *recipients; /* char* */
} ExplainFacts;

typedef struct ExplainRecipient {
    const char *address;
    bool ours;
    const char *why; /* not ours */
    uint32_t class_id;
    bool has_early, refused_early;
    const WnResponse *early; /* to RCPT; NULL: not asked */
    int scope;               /* index in the message's response, -1: none */
} ExplainRecipient;

typedef struct ExplainResult {
    const char *path; /* these are borrowed, and given before init */
    WnSpan message;
    const ExplainFacts *facts;
    const WnConfig *config;
    uint64_t generation; /* CtlSettings */
    bool with_view;

    WnId id;
    GArray *recipients; /* ExplainRecipient */
    WnArena *arena;     /* owns the responses */
    GPtrArray *kept;    /* WnResponse, to be cleared */
    WnResponse *last;   /* NULL: none yet */
} ExplainResult;

void explain_result_init(ExplainResult *self);
void explain_result_clear(ExplainResult *self);

/* Takes a copy of an encoded response; it is the last one now. */
void explain_result_take(ExplainResult *self, WnSpan encoded);
const WnResponse *explain_result_response(const ExplainResult *self);
/* The last response, and there is no last one after that. */
const WnResponse *explain_result_keep(ExplainResult *self);

void explain_print_json(const ExplainResult *self, GString *out);
void explain_print_text(const ExplainResult *self, GString *out);
