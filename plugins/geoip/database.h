/* SPDX-License-Identifier: MIT */
#ifndef GEOIP_DATABASE_H
#define GEOIP_DATABASE_H

/*
 * A country database in MaxMind's format, held in memory of our own: whoever
 * writes over the file, or cuts it, does not pull it from under a lookup.
 */

#include <winnow/plugin.h>

#include <maxminddb.h>
#include <stdbool.h>
#include <sys/stat.h>

/* Which file it was; differs when its content may have changed. */
typedef struct GeoipStamp {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified;
    struct timespec changed;
} GeoipStamp;

typedef struct GeoipDatabase {
    MMDB_s mmdb;
    GeoipStamp stamp;
    bool damage_logged;
} GeoipDatabase;

typedef enum {
    GEOIP_FOUND,
    GEOIP_UNKNOWN, /* not in the database, or without a country */
    GEOIP_DAMAGED  /* the database cannot be read there */
} GeoipResult;

/* False with errno if there is no such file. */
bool geoip_stamp_read(GeoipStamp *self, const char *path);
bool geoip_stamp_equal(const GeoipStamp *one, const GeoipStamp *other);

/* NULL with err, which names the file. */
GeoipDatabase *geoip_database_open(const char *path, WnError *err);
void geoip_database_close(GeoipDatabase *self); /* nullable */

/* The country where the address is used, else the one it is registered in:
 * two capital letters and a NUL. */
GeoipResult geoip_database_country(const GeoipDatabase *self,
    const WnClient *client, char out_country[3]);

#endif
