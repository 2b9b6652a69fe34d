/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A chain on a stage, for tests: configuration and domains from files, plugins
 * that are part of the test or modules of a folder, a fake clock, and decisions
 * as one line of text that is easily compared:
 *
 *    reject 550 5.7.1 "text" by a; a:match(rule=evidence)>act; b:skipped(why)
 */

#include "core/plugin/chain.h"
#include "t/unit/conf-fixture.h"

struct WnPlugin;

typedef struct Stage {
    Fixture files;
    WnLoop *loop;
    WnResolver *resolver; /* NULL, or the test's; freed by the stage */
    WnConfig *config;
    WnLoader *loader;
    WnCatalogue *catalogue;
    WnSnapshot *snapshot;
    WnChainHost *host;
    WnChainConnection *connection;
    WnChainTxn *txn;
    WnMessage *message;
    GString *decided; /* of the last run */
    bool done;
    uint32_t shift_classes; /* added to each class id asked for */
} Stage;

/* plugins: NULL-terminated, nullable; folder of modules nullable. */
void stage_init(Stage *self, const struct WnPlugin *const *plugins,
    const char *folder);
void stage_clear(Stage *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Stage, stage_clear)

void stage_snippet(Stage *self, const char *name, const char *text);
/* The keys of [filter a], b, c...; NULL-terminated. */
void stage_filters(Stage *self, const char *const *filters);
void stage_domain(Stage *self, const char *name, const char *text);

/* Reads the files, makes snapshot and host; problems are kept, not checked. */
void stage_start(Stage *self);
void stage_assert_no_problem(const Stage *self);

void stage_connect(Stage *self, const char *address); /* no hook runs */
void stage_helo(Stage *self, const char *helo);
void stage_mail(Stage *self, const char *sender);
void stage_reset(Stage *self); /* ends the transaction */
void stage_hang_up(Stage *self);

/* Lets the filters of the recipient's domain look ahead. */
void stage_ahead(Stage *self, const char *recipient);

/* Each starts a run; stage_wait() gives what came of it. */
void stage_run_connect(Stage *self);
WnChainRun *stage_run_rcpt(Stage *self, const char *recipient);
/* recipients: split by a space; one scope for each class among them. */
WnChainRun *stage_run_message(Stage *self, const char *text,
    const char *recipients);

/* Turns the loop until the run has called back. */
const char *stage_wait(Stage *self);
void stage_turn(Stage *self); /* once */

const char *stage_rcpt(Stage *self, const char *recipient);
const char *stage_message(Stage *self, const char *text,
    const char *recipients);
