/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Do the same rows give the same bytes?  Whatever a compile() takes from its
 * process, an address or memory that it never wrote, differs from process to
 * process and not within one: so the data sets of a test's folder are compiled
 * once more by a program that is started for that, and compared.  Rows that the
 * test gave itself lie in that folder for it.
 */

#include "sdk/harness/world.h"

/* What winnow-plugin-test is then called with, before plugin and folder. */
#define WN_COMPILED_WORD "--compile"

/* Adds a "NAME DIGEST" line. */
void wn_compiled_note(GString *out, const char *name, WnSpan payload);

/* Keeps rows of wn_shim_rows() for that program; the first of a name count. */
void wn_compiled_keep_rows(const char *folder, const char *dataset,
    const char *lines);

/* Ends the test if a program of its own makes other blobs of the folder. */
void wn_compiled_compare(const WnWorld *world, const WnShim *shim,
    const char *folder);

/* That program: prints each blob's name and digest.  Gives the exit status. */
int wn_compiled_print(const char *plugin, const char *folder);
