/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A test as a text file: sections of "key = value" lines or of plain lines.
 *
 *    [options]        the plugin's, as in conf.d
 *    [domain]         those that the recipients' domain sets for itself
 *    [mail]           client, helo, rdns, tls, sender, rcpt, message (a file)
 *    [finding]        for an action: rule, evidence, score, early
 *    [dns]            NAME TYPE DATA
 *    [peer ADDRESS]   what a server there says and expects, wn-harness.h
 *    [file NAME]      a file in ${dir}
 *    [rows DATASET]   rows of the data set's table
 *    [message]        the message itself, up to a line "[end]"
 *    [expect]         verdict, reason, finding, score, decision, reply,
 *                     redirect, edit, log, queries, connections, refused
 */

#include <glib.h>

typedef struct WnCaseFile WnCaseFile;

/* NULL with error, line first, if the file cannot be understood. */
WnCaseFile *wn_case_file_read(const char *path, GError **error);
void wn_case_file_free(WnCaseFile *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnCaseFile, wn_case_file_free)

/* Runs the plugin as the file says; returns if everything is as expected. */
void wn_case_file_run(const WnCaseFile *self, const char *plugin);
