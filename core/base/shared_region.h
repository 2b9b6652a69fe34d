/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Memory that several processes write: a memory file of a fixed size, sealed so
 * that no process can cut it off under the others.  What stands in it, and how
 * they agree, is the user's affair (metrics, shared_counts, shared_table, the
 * scoreboard).
 */

#include <stddef.h>

/* A new region's descriptor, all zero; -1 with errno. */
int wn_region_create(const char *name, size_t size);

/* Maps all of it for reading and writing; fd -1: memory of this process alone.
 * NULL with errno.  Unmap with munmap(). */
void *wn_region_map(int fd, size_t size);

/* The same of a descriptor from outside: NULL unless it is a sealed region of
 * min to max bytes. */
void *wn_region_map_checked(int fd, size_t min, size_t max, size_t *out_size);

/* The same, for reading only. */
const void *wn_region_view_checked(int fd, size_t min, size_t max,
    size_t *out_size);
