/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Between winnow-sync and its reader of the database; for source.c and
 * source_process.c alone.
 */

#include "core/base/spawn.h"
#include "core/event/channel.h"

/* What becomes of the descriptors of the reader. */
#define WN_SOURCE_CHANNEL_FD WN_SPAWN_FIRST_FD
#define WN_SOURCE_CONFIG_FD (WN_SPAWN_FIRST_FD + 1)

enum {
    WN_SOURCE_LOOK = 1, /* forced (u8), generation in use (u64) */
    WN_SOURCE_PROBLEMS, /* lines (bytes) */
    WN_SOURCE_FOUND,    /* answers LOOK: changed (u8), host (bytes), revision
                         * (u64), domains (u32), next expiry (u64), remark
                         * (bytes) */
    WN_SOURCE_FAILED,   /* answers LOOK: why (bytes) */
    WN_SOURCE_REMARK    /* what else went wrong (bytes) */
};

/* The longest text in a message. */
#define WN_SOURCE_TEXT_MAX (64 * 1024)
