/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What each program may reach, of the table in doc/architecture.md:
 *
 *    winnow-smtp    its journal in the spool, the snapshots, certificate and
 *                   key (and with isolation = none what winnow-filter has)
 *    winnow-filter  the snapshots, the plugins, the files that options name
 *    winnow-queue   the spool, the sockets, the snapshots
 *    winnow-sync    writes the state, starts winnow-check and its own reader
 *    winnow-check   writes the snapshot that it builds; no spool, no sockets,
 *                   no key, no password
 *
 * The last two may read whatever else the user may: lists may lie anywhere.
 * Those that run plugins are held to the system calls of base/sandbox.h as
 * well, winnow-check without any socket.
 */

#include "core/base/sandbox.h"
#include "core/conf/config.h"

typedef enum {
    WN_RIGHTS_SMTP,
    WN_RIGHTS_FILTER,
    WN_RIGHTS_QUEUE,
    WN_RIGHTS_SYNC,
    WN_RIGHTS_CHECK
} WnRightsOf;

/* What is in force. */
typedef struct WnRights {
    uint32_t landlock; /* its version; 0: no */
    uint8_t calls;     /* 1: system calls are filtered */
} WnRights;

/* Gives up everything else, for good.  With sandbox = require, false when the
 * kernel cannot hold it; with try, a warning in the log.  build: the folder
 * that winnow-check makes; NULL: none. */
bool wn_rights_limit(WnRightsOf who, const WnConfig *config, const char *build,
    WnRights *out, GError **error);

/* As much memory as plugins may take (filter_memory) and what the program takes
 * itself. */
void wn_rights_limit_memory(const WnConfig *config);

/* What this kernel lacks for sandbox = require; NULL: nothing. */
const char *wn_rights_missing(void);
