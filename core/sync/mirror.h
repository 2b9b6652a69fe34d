/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The relay's own copy of the settings database, as files from which
 * winnow-check builds a snapshot without the database:
 *
 *    state/mirror/domains           every domain's settings, sorted by name
 *    state/mirror/url_entry.rows    one file for each table of a data set,
 *    state/mirror/relay.rows        and the relays (core/sync/rows.h)
 *
 * Only winnow-sync's database reader writes it.  A file is replaced as a whole
 * by rename, so a reader sees an old one or a new one.  "domains" bears the
 * revision of the database that all of them show at least, and a checksum: one
 * that does not check is as good as absent, and the reader fetches everything
 * anew.
 *
 *    header   64 bytes: magic, version, count, revision, length, CRC-32C of
 *             the body, CRC-32C of the header
 *    body     the faults of rows that belong to no domain, then the domains in
 *             the order of their names, each with its length
 *
 * The copy outlives restarts: a reader that finds it asks the database only
 * for what changed since its revision.
 *
 * Settings that come out of it say where they come from: file is
 * "database:TABLE/KEY", like "database:domain_filter_option/example.com/rbl/
 * zones", and line is the revision that gave the row its value, 0 if that is
 * not known any more.
 */

#include "core/conf/domain_file.h"

#define WN_MIRROR_PLACE "database:"

/* The settings of all domains at one revision. */
typedef struct WnMirror WnMirror;

WnMirror *wn_mirror_new(void); /* empty, revision 0 */
void wn_mirror_free(WnMirror *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnMirror, wn_mirror_free)

/* NULL without error: there is none.  With error: it does not check. */
WnMirror *wn_mirror_read(const char *state, GError **error);
/* state/mirror, for what is written there. */
bool wn_mirror_make_folder(const char *state, GError **error);
/* Removes what a reader that was killed left half written. */
void wn_mirror_sweep(const char *state);
bool wn_mirror_write(const WnMirror *self, const char *state, GError **error);

uint64_t wn_mirror_revision(const WnMirror *self);
void wn_mirror_set_revision(WnMirror *self, uint64_t revision);
uint32_t wn_mirror_n_domains(const WnMirror *self);

/*
 * Replaces the domain of that name, or adds it.  A value that the database
 * holds but that cannot be one (a port of 70000, an unknown word) makes its
 * domain faulty: faults (char *, "TABLE/KEY: what is wrong"; nullable) says
 * why.
 */
void wn_mirror_put(WnMirror *self, const WnDomainSetting *domain,
    const GPtrArray *faults);
bool wn_mirror_remove(WnMirror *self, const char *name);

/* What is wrong with rows that belong to no domain. */
void wn_mirror_add_fault(WnMirror *self, const char *fault);

/* A copy of the domain (transfer full); NULL: there is none.  Its faults go to
 * problems (nullable). */
WnDomainSetting *wn_mirror_domain(const WnMirror *self, const char *name,
    WnProblems *problems);

/* Calls fn with a copy of each domain, by name; it takes the setting.  For the
 * snapshot writer. */
void wn_mirror_each(const WnMirror *self, WnProblems *problems, WnDomainFn fn,
    void *user);

/* Domains that are enabled, and how many of them the other does not have, or
 * not enabled. */
uint32_t wn_mirror_n_enabled(const WnMirror *self);
uint32_t wn_mirror_n_lost(const WnMirror *self, const WnMirror *other);
