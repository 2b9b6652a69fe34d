/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The table that plugins share (base/shared_table.h), from one run of winnowd
 * to the next: "shared" in the state folder is read before the first program
 * starts and written when the last has ended.  What was counted is lost with
 * the machine, or when winnowd is killed.
 */

#include "core/base/shared_table.h"
#include "core/conf/config.h"

typedef struct WnSharedFile {
    WnSharedTable *table; /* NULL: not opened yet */
    int fd;
    char *path;
} WnSharedFile;

/* The region's descriptor, for programs that run plugins; borrowed.  Read from
 * the file the first time. */
int wn_shared_file_open(WnSharedFile *self, const WnConfig *config);
void wn_shared_file_close(WnSharedFile *self); /* saves, if it was opened */
