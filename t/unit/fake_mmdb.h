/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Writes small databases in MaxMind's format (version 2.0, records of 24 bits)
 * for tests: networks, and a country for each, under the keys that the test
 * wants.
 */

#include "core/base/netaddr.h"

#include <glib.h>

typedef enum {
    FAKE_MMDB_COUNTRY,    /* {country: {iso_code: CC}} */
    FAKE_MMDB_FLAT,       /* {country_code: CC} */
    FAKE_MMDB_REGISTERED, /* {registered_country: {iso_code: CC}} */
    FAKE_MMDB_BOTH,       /* country CC, registered_country ZZ */
    FAKE_MMDB_OTHER       /* {continent: CC} */
} FakeMmdbKey;

typedef struct FakeMmdb {
    int version;   /* 4 or 6 */
    GArray *nodes; /* of uint32_t[2] */
    GByteArray *data;
} FakeMmdb;

void fake_mmdb_init(FakeMmdb *self, int version);
void fake_mmdb_clear(FakeMmdb *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(FakeMmdb, fake_mmdb_clear)

/* Networks must not overlap.  IPv4 ones lie in ::/96 of a version 6 tree. */
void fake_mmdb_add(FakeMmdb *self, const char *network, FakeMmdbKey key,
    const char *country);

/* The file's bytes (transfer full). */
GByteArray *fake_mmdb_finish(FakeMmdb *self);
