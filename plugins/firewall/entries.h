/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The entries of one set of settings that name senders: mailboxes, sender
 * domains, names of HELO, each allowed or blocked.  Found by hash, however
 * many there are.  (Entries that name clients are networks, which the host
 * looks up.)
 *
 *    u@example.org     that mailbox
 *    example.org       that domain, nothing below
 *    .example.org      that domain and everything below
 *
 * Where several hold, the narrower one counts; of two alike, the allowed one.
 */

#include <winnow/plugin.h>

#include <stdbool.h>

enum { ENTRY_ALLOW = 1u << 0, ENTRY_BLOCK = 1u << 1 };

typedef enum {
    ENTRY_MAILBOX,
    ENTRY_DOMAIN,
    ENTRY_HELO,
    N_ENTRY_KINDS
} EntryKind;

typedef struct Entries Entries;

Entries *entries_new(void);
void entries_free(Entries *self);
void entries_add(Entries *self, EntryKind kind, WnStr text, unsigned verdict);

/* Whether there is one of these verdicts. */
bool entries_have(const Entries *self, unsigned verdicts);

typedef struct EntryFound {
    unsigned verdict; /* ENTRY_ALLOW, ENTRY_BLOCK; 0: none */
    const char *text; /* as written, of the entries */
    const char *name; /* the domain without a dot */
    bool is_mailbox;
} EntryFound;

/* verdicts: which ones to look for. */
EntryFound entries_find_sender(const Entries *self, const WnAddress *sender,
    unsigned verdicts);
EntryFound entries_find_helo(const Entries *self, WnStr helo,
    unsigned verdicts);
