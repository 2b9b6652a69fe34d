/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * "history" in the state folder (base/history.h), as winnowd has it: opened for
 * each configuration, handed to winnow-smtp and winnow-queue, and written by
 * winnowd itself.  Never to winnow-filter: what runs there is of others.
 */

#include "core/base/history.h"
#include "core/conf/config.h"

typedef struct WnHistoryFile {
    WnHistory *map; /* NULL: none */
    int fd;         /* of map */
} WnHistoryFile;

/* The file's descriptor, good until the next call or the close; -1: there is to
 * be none, or, which is logged, there cannot be one. */
int wn_history_file_open(WnHistoryFile *self, const WnConfig *config);
void wn_history_file_close(WnHistoryFile *self);
