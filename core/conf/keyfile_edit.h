/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Changes to the text of a key file (keyfile.h) that leave alone what they do
 * not mean: comments, order, indentation, empty lines, line ends and a byte
 * order mark stay.  Of a group or key that is given twice, the first is meant,
 * as by the reader.  Pure text: whoever writes the file reads the result with
 * wn_keyfile_parse() before.
 */

#include <glib.h>
#include <stdbool.h>

/* NULL, or why there can be no such key or value on a line (transfer full). */
char *wn_keyfile_edit_fault(const char *key, const char *value);

bool wn_keyfile_edit_has_group(const GString *text, const char *group);

/* Gives the key that value.  A key that is new stands behind the last one of
 * its group, a group that is new at the end of the file. */
void wn_keyfile_edit_set(GString *text, const char *group, const char *key,
    const char *value);

/* Takes the key's line out; false: there is none. */
bool wn_keyfile_edit_unset(GString *text, const char *group, const char *key);

/* Adds the group without keys, unless it is there. */
void wn_keyfile_edit_add_group(GString *text, const char *group);

/* Takes the group out, up to the comments above the next one; false: there is
 * none. */
bool wn_keyfile_edit_remove_group(GString *text, const char *group);
