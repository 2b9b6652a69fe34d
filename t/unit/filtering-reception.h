/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A receiver with all that it needs in one process: sessions over socket pairs,
 * a journal in a folder that goes away, a snapshot made of files, and a filter
 * process that is played at the other end of a channel.  Transcripts read like
 * SMTP:
 *
 *     C: what a client sends, with CRLF; lines that follow each other go out in
 *        one write; \r \n \ooo are understood
 *     S: a line the server must send; * stands for anything
 *     S: <nothing>, <closed>
 *
 * What the filter answers is told by rules.  The key is the domain of a scope's
 * first recipient, "rcpt:ADDRESS", "connect" or "name"; the value is
 *
 *     deliver                  also without a rule
 *     reject tempfail discard  with a match
 *     reply:CODE:ENHANCED:TEXT rejects with these; \n splits lines
 *     later:CODE:ENHANCED:TEXT the same as a tempfail
 *     tag:TEXT                 delivers with TEXT before the subject
 *     add:NAME=VALUE           delivers with a field
 *     raw:OFFSET:REMOVE:TEXT   delivers with this splice
 *     to:ADDRESS               delivers to another address
 *     fail                     delivers; a filter could not tell
 *     hold                     no answer to the request at all
 *     misfit                   one decision too many
 *     die                      the process ends
 *     verified:NAME            the client's name
 *
 * The clock is fake; waiting for the journal's thread is real.
 */

#include "core/filtering/receiver.h"
#include "t/unit/conf-build.h"
#include "t/unit/journal-fixture.h"

/* A client. */
typedef struct Guest {
    int fd; /* -1: hung up */
    GByteArray *in;
    bool ended; /* the server has closed */
} Guest;

#define RECEPTION_GUESTS 8

typedef struct Reception {
    Fixture files;
    GString *conf; /* winnow.conf */
    WnConfig *config;
    WnSnapshot *snapshot;
    WnLoop *loop;
    Faulty faulty;
    WnJournal *journal;
    WnFilterClient *filters;
    WnSharedCounts *counts; /* NULL: the receiver's own */
    WnKnownLimits *limits;
    WnReceiver *receiver;
    WnChannel *filter; /* the played process's end; NULL: it is dead */
    GHashTable *rules;
    GString *asked; /* "name connect rcpt:ADDRESS message:SCOPES reset close" */
    GPtrArray *questions; /* char*: what stood in each request for a message:
                           * "class recipients" */
    Guest guests[RECEPTION_GUESTS];
    int log_fd;
} Reception;

/* With some domains that refuse, tag, and so on; see the .c file. */
void reception_init(Reception *self);

/* Makes receiver and filter; configuration and rules may be changed before. */
void reception_open(Reception *self);
void reception_close(Reception *self); /* the receiver only */
void reception_clear(Reception *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Reception, reception_clear)

void reception_rule(Reception *self, const char *key, const char *rule);
void reception_filter_dies(Reception *self);
void reception_filter_begins(Reception *self);

/* Connects; address is the client's. */
Guest *reception_enter(Reception *self, int guest, const char *address);
void reception_hang_up(Reception *self, int guest); /* with a reset */
void reception_run(Reception *self, int guest, const char *transcript);

/* The loop until nothing happens any more. */
void reception_spin(Reception *self);

/* Of guest 0: from the banner to EHLO's answer; a whole message in one
 * transaction, recipients split by a space, all accepted, the text without the
 * final dot; and the same up to the dot.  parameter stands behind MAIL FROM. */
void reception_greet(Reception *self);
void reception_send_message(Reception *self, const char *parameter,
    const char *recipients, const char *text);

/* What is stored. */
typedef struct Stored {
    GByteArray *bytes;   /* of the envelope */
    WnEnvelope envelope; /* shows bytes */
    WnId id;
    GByteArray *body; /* without the final dot */
} Stored;

typedef struct StoredList {
    GPtrArray *records; /* Stored */
} StoredList;

StoredList reception_stored(const Reception *self);
void stored_list_clear(StoredList *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(StoredList, stored_list_clear)

guint reception_n_stored(const Reception *self);

/* What a recipient of the n-th message would be sent, in wire form, but for the
 * final dot (transfer full); NULL if it is none of its recipients. */
char *reception_copy(const Reception *self, guint n, const char *recipient);

/* The same without our trace fields, unstuffed. */
char *reception_plain_copy(const Reception *self, guint n,
    const char *recipient);

/* How often a text stands in the log since it was last forgotten. */
guint reception_log_count(const Reception *self, const char *text);
void reception_forget_log(Reception *self);

/* A test for each case of an array; their names are the first member. */
void reception_add_cases(const char *folder, const void *cases, size_t size,
    size_t n, GTestDataFunc fn);
#define ADD_CASES(folder, cases, fn) \
    reception_add_cases(folder, cases, sizeof *(cases), G_N_ELEMENTS(cases), fn)
