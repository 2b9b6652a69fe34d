/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A queue with everything around it, for tests: a folder with configuration and
 * spool, a worker's journal, customers' servers, DNS, the log in a file.  The
 * clock is fake.
 */

#include "core/journal/writer.h"
#include "core/queue/queue.h"
#include "t/unit/conf-build.h"
#include "t/unit/fake_dns.h"
#include "t/unit/fake_smtp.h"

#define STAGE_START INT64_C(1795328898) /* Unix time */

typedef struct Stage {
    Fixture conf;
    WnLoop *loop;
    WnConfig *config;
    FakeDns dns;
    WnResolver *resolver;
    WnQueue *queue;
    WnKnownLimits *limits; /* NULL: not noted */
    WnJournal *journal;    /* of worker "smtp0" */
    int log_fd;
    unsigned n_waiting; /* appends */
    unsigned n_durable;
    const char *ret; /* of the messages; NULL: not said */
    uint32_t flags;  /* the same: WN_ENVELOPE_... */
    WnId last_id;
    FakeSmtp servers[3];
} Stage;

/* Folder, configuration (retry 1m; 5m; 15m, more lines in server), servers.
 * No queue yet. */
void stage_init(Stage *self, const char *more_config);
void stage_clear(Stage *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Stage, stage_clear)

/* "127.0.0.1:PORT" of a server (transfer full). */
char *stage_place(const Stage *self, unsigned server);

/* A domain file of [domain] groups; $0 to $2 are the servers' places.  The
 * queue gets the new snapshot if it runs. */
void stage_domains(Stage *self, const char *text);

void stage_start_queue(Stage *self);
void stage_stop_queue(Stage *self); /* as at the end of the process */

/* One message: "sender > recipient recipient", each recipient optionally with
 * ",scope=N", ",to=ADDRESS" (redirects its scope), ",caught=yes" (the scope),
 * ",notify=X".  Body as it is,
 * in wire form without the dot.  Returns when it is durable. */
void stage_message(Stage *self, const char *envelope, const char *body);

void stage_turn(Stage *self);             /* without waiting */
void stage_pass(Stage *self, int64_t ms); /* in steps, with turns */

/* Turns, 20 ms each, until the server has so many messages; aborts else. */
void stage_await(Stage *self, unsigned server, unsigned n_messages);

/* Until the log has so many lines with this event. */
void stage_await_event(Stage *self, const char *event, unsigned n);

char *stage_log(Stage *self); /* transfer full */
unsigned stage_n_events(Stage *self, const char *event);
char *stage_list(Stage *self, const char *state);        /* transfer full */
unsigned stage_n_files(Stage *self, const char *suffix); /* in the spool */
