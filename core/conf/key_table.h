/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Keys of a group as a table: name, what is expected, where it is stored.
 * Shared by the readers of winnow.conf, conf.d and domains.d.
 */

#include "core/conf/keyfile.h"

typedef struct WnKeySpec WnKeySpec;

/* Stores value in the member; false: *out_error (transfer full) says what was
 * expected.  folder is where relative paths begin. */
typedef bool (*WnKeySetFn)(const WnKeySpec *spec, const char *value,
    const char *folder, void *member, char **out_error);

struct WnKeySpec {
    const char *key;
    WnKeySetFn set;
    size_t offset;            /* of the member in the object */
    const char *const *names; /* of an enum, NULL-terminated */
    int64_t min, max;         /* of a number; both 0: no limits */
};

typedef struct WnKeyTable {
    const WnKeySpec *specs;
    size_t n;
} WnKeyTable;

#define WN_KEY_TABLE(array) ((WnKeyTable){ (array), G_N_ELEMENTS(array) })

typedef enum { WN_KEY_SET, WN_KEY_FAULT, WN_KEY_UNKNOWN } WnKeyResult;

/* Sets one key; a fault has been reported, an unknown key has not. */
WnKeyResult wn_key_table_set(WnKeyTable table, const WnKeyfile *file,
    const WnKeyGroup *group, WnKeyEntry *entry, void *object,
    WnProblems *problems);

/* Sets all keys of the group and reports unknown ones; false if there was
 * anything to report. */
bool wn_key_table_set_all(WnKeyTable table, const WnKeyfile *file,
    const WnKeyGroup *group, void *object, WnProblems *problems);

/* "unknown key", with what was probably meant. */
void wn_key_table_unknown(WnKeyTable table, const WnKeyfile *file,
    const WnKeyGroup *group, const WnKeyEntry *entry, WnProblems *problems);

WnPlace wn_key_place(const WnKeyfile *file, const WnKeyGroup *group,
    const WnKeyEntry *entry); /* entry NULL: the group */

/* Setters by the type of the member. */
bool wn_key_set_text(const WnKeySpec *, const char *value, const char *folder,
    void *member, char **out_error); /* char *, not empty */
bool wn_key_set_path(const WnKeySpec *, const char *value, const char *folder,
    void *member, char **out_error); /* char *, absolute */
bool wn_key_set_domain_name(const WnKeySpec *, const char *value,
    const char *folder, void *member, char **out_error); /* char * */
bool wn_key_set_list(const WnKeySpec *, const char *value, const char *folder,
    void *member, char **out_error); /* char **, not empty */
bool wn_key_set_bool(const WnKeySpec *, const char *value, const char *folder,
    void *member, char **out_error); /* bool */
bool wn_key_set_tristate(const WnKeySpec *, const char *value,
    const char *folder, void *member, char **out_error); /* int, 0 or 1 */
bool wn_key_set_name(const WnKeySpec *, const char *value, const char *folder,
    void *member, char **out_error); /* an enum or int: place in names */
bool wn_key_set_unsigned(const WnKeySpec *, const char *value,
    const char *folder, void *member, char **out_error); /* unsigned, int */
bool wn_key_set_size(const WnKeySpec *, const char *value, const char *folder,
    void *member, char **out_error); /* int64_t */
bool wn_key_set_duration(const WnKeySpec *, const char *value,
    const char *folder, void *member, char **out_error); /* int64_t, ms */
