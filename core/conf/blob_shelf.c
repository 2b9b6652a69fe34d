/* SPDX-License-Identifier: MIT */
#include "core/conf/blob_shelf.h"

#include "core/base/log.h"
#include "core/conf/problem.h"

#include <sys/stat.h>

/* At least as many generations as the publisher keeps: WN_SNAPSHOTS_KEPT. */
#define GENERATIONS_TRIED 16

struct WnBlobShelf {
    char *snapshots; /* NULL: no files */
    uint64_t generation;
    GHashTable *blobs; /* name -> WnBlobFile; NULL: there is none */
    GHashTable *known; /* the same of other shelves */
};

static void
blob_unref(void *data)
{
    wn_blob_unref(data);
}

static GHashTable *
table_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, blob_unref);
}

WnBlobShelf *
wn_blob_shelf_new(const char *snapshots, uint64_t generation)
{
    WnBlobShelf *self = g_new0(WnBlobShelf, 1);

    self->snapshots = g_strdup(snapshots);
    self->generation = generation;
    self->blobs = table_new();
    self->known = table_new();
    return self;
}

void
wn_blob_shelf_free(WnBlobShelf *self)
{
    if (self == NULL)
        return;
    g_hash_table_unref(self->blobs);
    g_hash_table_unref(self->known);
    g_free(self->snapshots);
    g_free(self);
}

/* An absent file is NULL without error. */
static WnBlobFile *
open_of(const WnBlobShelf *self, uint64_t generation, const char *name,
    GError **error)
{
    g_autofree char *path = g_strdup_printf("%s/%" G_GUINT64_FORMAT "/data/%s",
        self->snapshots, generation, name);
    WnBlobFile *known = g_hash_table_lookup(self->known, name);
    struct stat st;

    if (stat(path, &st) != 0)
        return NULL;
    if (known != NULL && wn_blob_is_file(known, st.st_dev, st.st_ino))
        return wn_blob_ref(known);
    return wn_blob_open(path, error);
}

static WnBlobFile *
open_neighbour(const WnBlobShelf *self, const char *name, int64_t step)
{
    uint64_t generation = self->generation;

    for (int i = 0; i < GENERATIONS_TRIED; i++) {
        WnBlobFile *found;

        generation += (uint64_t)step;
        if (generation == 0)
            return NULL;
        found = open_of(self, generation, name, NULL);
        if (found != NULL)
            return found;
    }
    return NULL;
}

static bool
generation_is_gone(const WnBlobShelf *self)
{
    g_autofree char *path = g_strdup_printf("%s/%" G_GUINT64_FORMAT,
        self->snapshots, self->generation);
    struct stat st;

    return stat(path, &st) != 0;
}

static WnBlobFile *
open_blob(const WnBlobShelf *self, const char *name)
{
    g_autoptr(GError) error = NULL;
    WnBlobFile *blob;

    if (self->snapshots == NULL)
        return NULL;
    blob = open_of(self, self->generation, name, &error);
    if (blob != NULL)
        return blob;
    if (error == NULL)
        return generation_is_gone(self) ? open_neighbour(self, name, 1) : NULL;
    blob = open_neighbour(self, name, -1);
    wn_remark(WN_LEVEL_ERROR, "data set %s: %s; %s", name, error->message,
        blob != NULL ? "an earlier one serves" : "its filter has none");
    return blob;
}

WnBlobFile *
wn_blob_shelf_get(WnBlobShelf *self, const char *name)
{
    void *found = NULL;

    if (!g_hash_table_lookup_extended(self->blobs, name, NULL, &found)) {
        found = open_blob(self, name);
        g_hash_table_insert(self->blobs, g_strdup(name), found);
        g_hash_table_remove(self->known, name);
    }
    return found;
}

void
wn_blob_shelf_put(WnBlobShelf *self, const char *name, WnBlobFile *take_blob)
{
    g_hash_table_insert(self->blobs, g_strdup(name), take_blob);
}

static void
learn_table(WnBlobShelf *self, GHashTable *from)
{
    GHashTableIter iter;
    void *name, *blob;

    g_hash_table_iter_init(&iter, from);
    while (g_hash_table_iter_next(&iter, &name, &blob))
        if (blob != NULL)
            g_hash_table_replace(self->known, g_strdup(name),
                wn_blob_ref(blob));
}

void
wn_blob_shelf_learn(WnBlobShelf *self, const WnBlobShelf *other)
{
    learn_table(self, other->known);
    learn_table(self, other->blobs);
}

static void
collect_table(GHashTable *from, GHashTable *set)
{
    GHashTableIter iter;
    void *blob;

    g_hash_table_iter_init(&iter, from);
    while (g_hash_table_iter_next(&iter, NULL, &blob))
        if (blob != NULL)
            g_hash_table_add(set, blob);
}

void
wn_blob_shelf_collect(const WnBlobShelf *self, GHashTable *set)
{
    collect_table(self->known, set);
    collect_table(self->blobs, set);
}
