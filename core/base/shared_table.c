/* SPDX-License-Identifier: MIT */
#include "core/base/shared_table.h"

#include "core/base/clock.h"
#include "core/base/crc32c.h"
#include "core/base/fd.h"
#include "core/base/publish.h"
#include "core/base/shared_region.h"
#include "core/base/siphash.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>

#define MAGIC UINT64_C(0x31656c626174ff77)
#define FILE_MAGIC UINT64_C(0x31646576617374ff)
#define SETS_MAX (1u << 24)
#define SPINS 200 /* before the processor is left to the lock's holder */

/* Each word is read and written whole.  check fits the others, or the entry is
 * not there. */
typedef struct Entry {
    _Atomic uint64_t low;
    _Atomic uint64_t high;
    _Atomic uint64_t value;
    _Atomic uint64_t times; /* expiry, Unix time, << 32 | number of the write */
    _Atomic uint64_t check;
} Entry;

/* lock: 0 at first; the time in ms << 32 | a number that grows | held. */
typedef struct Set {
    _Atomic uint64_t lock;
    _Atomic uint64_t n_writes;
    Entry entries[WN_SHARED_TABLE_WAYS];
} Set;
G_STATIC_ASSERT(sizeof(Set) == 256);

typedef struct Region {
    uint64_t magic;
    uint64_t n_sets;
    uint64_t secret[2];
    uint64_t reserved[28];
    Set sets[];
} Region;
G_STATIC_ASSERT(sizeof(Region) == 256);

/* As it is saved, and in this process. */
typedef struct Kept {
    WnHash128 key;
    uint64_t value;
    uint64_t times;
} Kept;

typedef struct FileHead {
    uint64_t magic;
    uint64_t n_sets;
    uint64_t secret[2];
    uint64_t n_entries;
    uint64_t crc; /* of the entries */
} FileHead;

struct WnSharedTable {
    Region *region;
    size_t size;
    uint64_t n_sets; /* copied: other processes can write to the region */
    uint64_t secret[2];
};

/*
 * The region
 */

static size_t
region_size(uint64_t n_sets)
{
    return sizeof(Region) + n_sets * sizeof(Set);
}

static bool
set_header(Region *region, unsigned n_sets)
{
    region->magic = MAGIC;
    region->n_sets = n_sets;
    return getrandom(region->secret, sizeof region->secret, 0)
           == (ssize_t)sizeof region->secret;
}

static bool
is_good_count(uint64_t n_sets)
{
    return n_sets > 0 && n_sets <= SETS_MAX && (n_sets & (n_sets - 1)) == 0;
}

int
wn_shared_table_create(unsigned n_sets)
{
    wn_autofd fd = -1;
    size_t size = region_size(n_sets);
    Region *region;
    bool good;

    if (!is_good_count(n_sets)) {
        errno = EINVAL;
        return -1;
    }
    fd = wn_region_create("winnow-shared", size);
    if (fd < 0)
        return -1;
    region = wn_region_map(fd, size);
    if (region == NULL)
        return -1;
    good = set_header(region, n_sets);
    munmap(region, size);
    return good ? wn_fd_steal(&fd) : -1;
}

/* The region behind fd; NULL if it is none. */
static Region *
map_checked(int fd, size_t *out_size)
{
    Region *region = wn_region_map_checked(fd, region_size(1),
        region_size(SETS_MAX), out_size);

    if (region == NULL)
        return NULL;
    if (region->magic == MAGIC && is_good_count(region->n_sets)
        && region_size(region->n_sets) == *out_size)
        return region;
    munmap(region, *out_size);
    return NULL;
}

static Region *
map_private(size_t *out_size)
{
    Region *region;

    *out_size = region_size(WN_SHARED_TABLE_SETS);
    region = wn_region_map(-1, *out_size);
    if (region == NULL || !set_header(region, WN_SHARED_TABLE_SETS))
        g_error("cannot make a shared table: %s", g_strerror(errno));
    return region;
}

WnSharedTable *
wn_shared_table_new(int fd)
{
    WnSharedTable *self;
    size_t size;
    Region *region = fd < 0 ? map_private(&size) : map_checked(fd, &size);

    if (region == NULL)
        return NULL;
    self = g_new0(WnSharedTable, 1);
    self->region = region;
    self->size = size;
    self->n_sets = (size - sizeof(Region)) / sizeof(Set);
    memcpy(self->secret, region->secret, sizeof self->secret);
    return self;
}

void
wn_shared_table_free(WnSharedTable *self)
{
    if (self == NULL)
        return;
    munmap(self->region, self->size);
    g_free(self);
}

/*
 * A set's lock
 */

/* Not that of the log, which tests hold still: it tells whether a process is
 * stuck, and must move. */
static uint32_t
lock_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint32_t)((uint64_t)now.tv_sec * 1000
                      + (uint64_t)now.tv_nsec / 1000000);
}

/* Behind it, or far before it: of another boot. */
static bool
is_stale(uint64_t lock, uint32_t now)
{
    int32_t age = (int32_t)(now - (uint32_t)(lock >> 32));

    return age > WN_SHARED_TABLE_STALE_MS || age < -WN_SHARED_TABLE_STALE_MS;
}

/* The word that the holder gives back. */
static uint64_t
lock_set(Set *set)
{
    for (unsigned i = 0;; i++) {
        uint64_t seen = atomic_load(&set->lock);
        uint32_t now = lock_now();
        uint64_t mine = (uint64_t)now << 32 | (uint32_t)((seen | 1) + 2);

        if (((seen & 1) == 0 || is_stale(seen, now))
            && atomic_compare_exchange_strong(&set->lock, &seen, mine))
            return mine;
        if (i >= SPINS)
            sched_yield();
    }
}

/* It may be another's by now. */
static void
unlock_set(Set *set, uint64_t mine)
{
    atomic_compare_exchange_strong(&set->lock, &mine, mine & ~UINT64_C(1));
}

/*
 * Entries
 */

static uint64_t
get(const _Atomic uint64_t *word)
{
    return atomic_load_explicit(word, memory_order_relaxed);
}

static void
put(_Atomic uint64_t *word, uint64_t value)
{
    atomic_store_explicit(word, value, memory_order_relaxed);
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

/* Never 0: an entry that was never used must not fit. */
static uint64_t
check_of(const Kept *kept)
{
    uint64_t check = mix(kept->key.low);

    check = mix(check ^ kept->key.high);
    check = mix(check ^ kept->value);
    check = mix(check ^ kept->times);
    return check != 0 ? check : 1;
}

static bool
read_entry(const Entry *entry, Kept *out)
{
    *out = (Kept){ { get(&entry->low), get(&entry->high) }, get(&entry->value),
        get(&entry->times) };
    return get(&entry->check) == check_of(out);
}

static void
write_entry(Entry *entry, const Kept *kept)
{
    put(&entry->low, kept->key.low);
    put(&entry->high, kept->key.high);
    put(&entry->value, kept->value);
    put(&entry->times, kept->times);
    put(&entry->check, check_of(kept));
}

static void
clear_entry(Entry *entry)
{
    put(&entry->check, 0);
}

static uint32_t
unix_now(void)
{
    return (uint32_t)CLAMP(wn_clock_unix(), 0, (int64_t)G_MAXUINT32);
}

static bool
is_alive(const Kept *kept, uint32_t now)
{
    return now < (uint32_t)(kept->times >> 32);
}

/* The place of the key; else where it would go, and *out_kept.value is 0. */
static Entry *
find_entry(Set *set, WnHash128 key, uint32_t now, Kept *out_kept)
{
    uint32_t n_writes = (uint32_t)get(&set->n_writes);
    Entry *place = NULL;
    uint32_t place_age = 0;

    for (unsigned i = 0; i < WN_SHARED_TABLE_WAYS; i++) {
        Entry *entry = &set->entries[i];
        bool used = read_entry(entry, out_kept) && is_alive(out_kept, now);
        uint32_t age = used ? n_writes - (uint32_t)out_kept->times
                            : G_MAXUINT32;

        if (used && out_kept->key.low == key.low
            && out_kept->key.high == key.high)
            return entry;
        if (place == NULL || age > place_age) {
            place = entry;
            place_age = age;
        }
    }
    *out_kept = (Kept){ .key = key };
    return place;
}

static Set *
set_of(const WnSharedTable *self, WnHash128 key)
{
    return &self->region->sets[key.low & (self->n_sets - 1)];
}

static WnHash128
fingerprint(const WnSharedTable *self, WnSpan name, WnSpan key)
{
    char text[WN_SHARED_TABLE_NAME_MAX + 1 + WN_SHARED_TABLE_KEY_MAX];

    g_assert(name.len <= WN_SHARED_TABLE_NAME_MAX
             && key.len <= WN_SHARED_TABLE_KEY_MAX);
    memcpy(text, name.ptr, name.len);
    text[name.len] = '\0';
    memcpy(text + name.len + 1, key.ptr, key.len);
    return wn_siphash128(self->secret, wn_span(text, name.len + 1 + key.len));
}

uint64_t
wn_shared_table_load(const WnSharedTable *self, WnSpan name, WnSpan key)
{
    WnHash128 hash = fingerprint(self, name, key);
    Set *set = set_of(self, hash);
    uint64_t mine = lock_set(set);
    Kept kept;

    find_entry(set, hash, unix_now(), &kept);
    unlock_set(set, mine);
    return kept.value;
}

static void
store(Set *set, Entry *entry, Kept *kept, uint32_t expiry)
{
    uint32_t n = (uint32_t)get(&set->n_writes) + 1;

    put(&set->n_writes, n);
    kept->times = (uint64_t)expiry << 32 | n;
    write_entry(entry, kept);
}

bool
wn_shared_table_replace(WnSharedTable *self, WnSpan name, WnSpan key,
    uint64_t expected, uint64_t value, uint32_t ttl_s)
{
    WnHash128 hash = fingerprint(self, name, key);
    Set *set = set_of(self, hash);
    uint32_t now = unix_now();
    uint64_t mine = lock_set(set);
    Kept kept;
    Entry *entry = find_entry(set, hash, now, &kept);
    bool same = kept.value == expected;

    kept.value = value;
    if (same && value != 0)
        store(set, entry, &kept,
            ttl_s > G_MAXUINT32 - now ? G_MAXUINT32 : now + ttl_s);
    else if (same && expected != 0)
        clear_entry(entry);
    unlock_set(set, mine);
    return same;
}

/*
 * The file
 */

static int
written_before(const void *left, const void *right)
{
    uint32_t a = (uint32_t)((const Kept *)left)->times;
    uint32_t b = (uint32_t)((const Kept *)right)->times;

    return (int32_t)(a - b) < 0 ? -1 : a != b;
}

/* Oldest first, so that they are read back in the order they were written. */
static void
append_set(Set *set, uint32_t now, GByteArray *out)
{
    Kept kept[WN_SHARED_TABLE_WAYS];
    unsigned n = 0;
    uint64_t mine;

    if (get(&set->n_writes) == 0)
        return; /* never used: left without memory */
    mine = lock_set(set);
    for (unsigned i = 0; i < WN_SHARED_TABLE_WAYS; i++)
        if (read_entry(&set->entries[i], &kept[n]) && is_alive(&kept[n], now))
            n++;
    unlock_set(set, mine);
    qsort(kept, n, sizeof *kept, written_before);
    g_byte_array_append(out, (const uint8_t *)kept,
        (unsigned)(n * sizeof *kept));
}

bool
wn_shared_table_save(const WnSharedTable *self, const char *path,
    GError **error)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    FileHead head = { .magic = FILE_MAGIC,
        .n_sets = self->n_sets,
        .secret = { self->secret[0], self->secret[1] } };
    uint32_t now = unix_now();
    size_t len;

    g_byte_array_append(bytes, (const uint8_t *)&head, sizeof head);
    for (uint64_t i = 0; i < self->n_sets; i++)
        append_set(&self->region->sets[i], now, bytes);
    len = bytes->len - sizeof head;
    head.n_entries = len / sizeof(Kept);
    head.crc = wn_crc32c(0, wn_span(bytes->data + sizeof head, len));
    memcpy(bytes->data, &head, sizeof head);
    return wn_file_publish(path, wn_span(bytes->data, bytes->len), 0600, error);
}

static bool
is_good_file(const WnSharedTable *self, const char *bytes, size_t len,
    FileHead *out_head)
{
    if (len < sizeof *out_head)
        return false;
    memcpy(out_head, bytes, sizeof *out_head);
    len -= sizeof *out_head;
    return out_head->magic == FILE_MAGIC && out_head->n_sets == self->n_sets
           && out_head->n_entries == len / sizeof(Kept)
           && len % sizeof(Kept) == 0
           && out_head->crc
                  == wn_crc32c(0, wn_span(bytes + sizeof *out_head, len));
}

static void
take_entry(WnSharedTable *self, Kept *kept, uint32_t now)
{
    Set *set = set_of(self, kept->key);
    uint64_t mine = lock_set(set);
    uint64_t value = kept->value;
    uint32_t expiry = (uint32_t)(kept->times >> 32);
    Entry *entry = find_entry(set, kept->key, now, kept);

    kept->value = value;
    store(set, entry, kept, expiry);
    unlock_set(set, mine);
}

bool
wn_shared_table_restore(WnSharedTable *self, const char *path, GError **error)
{
    size_t max = sizeof(FileHead)
                 + self->n_sets * WN_SHARED_TABLE_WAYS * sizeof(Kept);
    uint32_t now = unix_now();
    size_t len;
    g_autofree char *bytes = wn_fd_read_file(path, max, &len, error);
    FileHead head;

    if (bytes == NULL)
        return false;
    if (!is_good_file(self, bytes, len, &head)) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
            "%s: is damaged, begun anew", path);
        return false;
    }
    memcpy(self->secret, head.secret, sizeof self->secret);
    memcpy(self->region->secret, head.secret, sizeof head.secret);
    for (uint64_t i = 0; i < head.n_entries; i++) {
        Kept kept;

        memcpy(&kept, bytes + sizeof head + i * sizeof kept, sizeof kept);
        if (is_alive(&kept, now) && kept.value != 0)
            take_entry(self, &kept, now);
    }
    return true;
}
