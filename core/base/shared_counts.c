/* SPDX-License-Identifier: MIT */
#include "core/base/shared_counts.h"

#include "core/base/fd.h"
#include "core/base/shared_region.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/random.h>

#define MAGIC UINT64_C(0x31746e756f63ff77)

/* An address stands in one of this many slots from the place its key names.
 * All of them are looked at, so slots are given back without a mark. */
#define WINDOW 96

G_STATIC_ASSERT((WN_SHARED_COUNTS_SLOTS & (WN_SHARED_COUNTS_SLOTS - 1)) == 0);

/* Free while count is 0.  The key is written before the count: a reader that
 * finds the same key before and after the count has read what belongs to it. */
typedef struct Slot {
    _Atomic uint64_t key;
    _Atomic uint64_t count;
} Slot;

typedef struct Column {
    Slot slots[WN_SHARED_COUNTS_SLOTS];
} Column;

typedef struct Region {
    uint64_t magic;
    uint64_t n_columns;
    uint64_t secret[2];
    Column columns[];
} Region;

struct WnSharedCounts {
    Region *region;
    unsigned n_columns; /* as mapped, whatever stands there later */
    size_t size;
    Column *own;
};

static size_t
region_size(unsigned n_columns)
{
    return sizeof(Region) + n_columns * sizeof(Column);
}

static bool
set_header(Region *region, unsigned n_columns)
{
    region->magic = MAGIC;
    region->n_columns = n_columns;
    return getrandom(region->secret, sizeof region->secret, 0)
           == (ssize_t)sizeof region->secret;
}

int
wn_shared_counts_create(unsigned n_columns)
{
    wn_autofd fd = -1;
    size_t size = region_size(n_columns);
    Region *region;
    bool good;

    if (n_columns == 0 || n_columns > WN_SHARED_COUNTS_COLUMNS_MAX) {
        errno = EINVAL;
        return -1;
    }
    fd = wn_region_create("winnow-counts", size);
    if (fd < 0)
        return -1;
    region = wn_region_map(fd, size);
    if (region == NULL)
        return -1;
    good = set_header(region, n_columns);
    munmap(region, size);
    return good ? wn_fd_steal(&fd) : -1;
}

/* Read once: what stands there may change. */
static bool
read_columns(const Region *region, size_t size, unsigned *out_n)
{
    uint64_t n = *(const volatile uint64_t *)&region->n_columns;

    *out_n = (unsigned)n;
    return region->magic == MAGIC && n <= WN_SHARED_COUNTS_COLUMNS_MAX
           && region_size((unsigned)n) == size;
}

/* The region behind fd; NULL if it is none. */
static Region *
map_checked(int fd, size_t *out_size, unsigned *out_n_columns)
{
    Region *region = wn_region_map_checked(fd, region_size(1),
        region_size(WN_SHARED_COUNTS_COLUMNS_MAX), out_size);

    if (region == NULL || read_columns(region, *out_size, out_n_columns))
        return region;
    munmap(region, *out_size);
    return NULL;
}

static Region *
map_private(size_t *out_size)
{
    Region *region;

    *out_size = region_size(1);
    region = wn_region_map(-1, *out_size);
    if (region == NULL || !set_header(region, 1))
        g_error("cannot make a table of counts: %s", g_strerror(errno));
    return region;
}

/* What was never used stays untouched, and so without memory. */
static void
column_clear(Column *column)
{
    for (size_t i = 0; i < WN_SHARED_COUNTS_SLOTS; i++) {
        Slot *slot = &column->slots[i];

        if (atomic_load(&slot->count) != 0)
            atomic_store(&slot->count, 0);
        if (atomic_load(&slot->key) != 0)
            atomic_store(&slot->key, 0);
    }
}

WnSharedCounts *
wn_shared_counts_new(int fd, unsigned column)
{
    WnSharedCounts *self;
    size_t size;
    unsigned n_columns = 1;
    Region *region = fd < 0 ? map_private(&size)
                            : map_checked(fd, &size, &n_columns);

    if (region == NULL)
        return NULL;
    if (column >= n_columns) {
        munmap(region, size);
        return NULL;
    }
    self = g_new0(WnSharedCounts, 1);
    self->region = region;
    self->n_columns = n_columns;
    self->size = size;
    self->own = &region->columns[column];
    column_clear(self->own);
    return self;
}

void
wn_shared_counts_free(WnSharedCounts *self)
{
    if (self == NULL)
        return;
    column_clear(self->own);
    munmap(self->region, self->size);
    g_free(self);
}

/* The finishing steps of MurmurHash3: one to one, and every bit counts. */
static uint64_t
mix(uint64_t x)
{
    x ^= x >> 33;
    x *= UINT64_C(0xff51afd7ed558ccd);
    x ^= x >> 33;
    x *= UINT64_C(0xc4ceb9fe1a85ec53);
    return x ^ (x >> 33);
}

static uint64_t
fingerprint(const Region *region, const WnNetaddr *address)
{
    uint64_t parts[2] = { 0, 0 };
    uint64_t key;

    memcpy(parts, address->bytes,
        MIN((size_t)address->len, sizeof address->bytes));
    key = mix(parts[0] ^ region->secret[0]);
    key = mix(key ^ parts[1] ^ region->secret[1] ^ address->len);
    return key != 0 ? key : 1;
}

static Slot *
slot_at(Column *column, uint64_t key, size_t n)
{
    return &column->slots[(key + n) & (WN_SHARED_COUNTS_SLOTS - 1)];
}

static Slot *
find_slot(Column *column, uint64_t key)
{
    for (size_t i = 0; i < WINDOW; i++) {
        Slot *slot = slot_at(column, key, i);

        if (atomic_load(&slot->key) == key)
            return slot;
    }
    return NULL;
}

/* In the own column. */
static Slot *
take_slot(Column *column, uint64_t key)
{
    Slot *slot = find_slot(column, key);

    for (size_t i = 0; slot == NULL && i < WINDOW; i++)
        if (atomic_load(&slot_at(column, key, i)->count) == 0) {
            slot = slot_at(column, key, i);
            atomic_store(&slot->key, key);
        }
    return slot;
}

static uint64_t
sum(const WnSharedCounts *self, uint64_t key)
{
    uint64_t total = 0;

    for (unsigned i = 0; i < self->n_columns; i++) {
        Slot *slot = find_slot(&self->region->columns[i], key);
        uint64_t count = slot != NULL ? atomic_load(&slot->count) : 0;

        if (slot != NULL && atomic_load(&slot->key) == key)
            total += count;
    }
    return total;
}

uint64_t
wn_shared_counts_add(WnSharedCounts *self, const WnNetaddr *address)
{
    uint64_t key = fingerprint(self->region, address);
    Slot *slot = take_slot(self->own, key);

    if (slot != NULL)
        atomic_fetch_add(&slot->count, 1);
    return sum(self, key);
}

/* An address that was not counted for want of room has no slot, or one made
 * for a later connection of the same address, which then counts one less. */
void
wn_shared_counts_remove(WnSharedCounts *self, const WnNetaddr *address)
{
    Slot *slot = find_slot(self->own, fingerprint(self->region, address));

    if (slot != NULL && atomic_load(&slot->count) > 0)
        atomic_fetch_sub(&slot->count, 1);
}

uint64_t
wn_shared_counts_sum(const WnSharedCounts *self, const WnNetaddr *address)
{
    return sum(self, fingerprint(self->region, address));
}
