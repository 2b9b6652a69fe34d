/* SPDX-License-Identifier: MIT */
#include "core/base/metrics.h"

#include "core/base/fd.h"
#include "core/base/metrics_private.h"
#include "core/base/shared_region.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>

enum { WAIT_MAX = 1000 }; /* turns given to the process that describes a slot */

typedef struct Description {
    const char *name;
    const char *labels;
    const char *help;
    WnMetricKind kind;
    uint64_t hash; /* without READY, never 0 */
} Description;

/* The process's metrics, those it only looks at, and the one for all that have
 * no slot. */
static WnMetricsRegion *region;
static const WnMetricsRegion *watched;
static WnMetric overflow;

static void
set_header(WnMetricsRegion *self)
{
    self->magic = WN_METRICS_MAGIC;
    self->size = sizeof *self;
}

int
wn_metrics_create(void)
{
    wn_autofd fd = wn_region_create("winnow-metrics", sizeof(WnMetricsRegion));
    WnMetricsRegion *mapped = fd >= 0 ? wn_region_map(fd, sizeof *mapped)
                                      : NULL;

    if (mapped == NULL)
        return -1;
    set_header(mapped);
    munmap(mapped, sizeof *mapped);
    return wn_fd_steal(&fd);
}

/* FNV-1a, of no more than max bytes: others may write there. */
static uint64_t
hash_text(uint64_t hash, const char *text, size_t max)
{
    for (size_t i = 0; i < max && text[i] != '\0'; i++)
        hash = (hash ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
    return hash;
}

/* Name and labels are parted by a byte neither contains. */
static uint64_t
hash_of(const char *name, const char *labels)
{
    uint64_t hash = hash_text(UINT64_C(0xcbf29ce484222325), name,
        WN_METRIC_NAME_SIZE);

    hash = (hash ^ 0xff) * UINT64_C(0x100000001b3);
    hash = hash_text(hash, labels, WN_METRIC_LABELS_SIZE);
    return (hash | 2) & ~WN_METRIC_READY;
}

bool
wn_metric_is_sound(const WnMetric *slot)
{
    uint64_t state = atomic_load_explicit(&slot->state, memory_order_acquire);

    return (state & WN_METRIC_READY) != 0 && slot->kind <= WN_METRIC_HISTOGRAM
           && memchr(slot->name, '\0', WN_METRIC_NAME_SIZE) != NULL
           && memchr(slot->labels, '\0', WN_METRIC_LABELS_SIZE) != NULL
           && memchr(slot->help, '\0', WN_METRIC_HELP_SIZE) != NULL
           && hash_of(slot->name, slot->labels) == (state & ~WN_METRIC_READY);
}

/* The state last: a slot is not taken before it is empty. */
static void
clear_slot(WnMetric *slot)
{
    memset((char *)slot + sizeof slot->state, 0,
        sizeof *slot - sizeof slot->state);
    atomic_store_explicit(&slot->state, 0, memory_order_release);
}

/* What a process gone wild has left here would keep slots from use for ever.
 * One that is being described is left: after this wait it has been, or nobody
 * does it.  A process that still counts in such a slot spoils another count,
 * which is better than none. */
static void
repair(WnMetricsRegion *self)
{
    g_autofree uint64_t *seen = g_new(uint64_t, WN_METRICS_MAX);
    bool all_well = self->magic == WN_METRICS_MAGIC
                    && self->size == sizeof *self;

    for (size_t i = 0; i < WN_METRICS_MAX; i++) {
        seen[i] = atomic_load(&self->slots[i].state);
        all_well = all_well
                   && (seen[i] == 0 || wn_metric_is_sound(&self->slots[i]));
    }
    if (all_well)
        return;
    for (int i = 0; i < WAIT_MAX; i++)
        sched_yield();
    for (size_t i = 0; i < WN_METRICS_MAX; i++)
        if (seen[i] != 0 && atomic_load(&self->slots[i].state) == seen[i]
            && !wn_metric_is_sound(&self->slots[i]))
            clear_slot(&self->slots[i]);
    set_header(self);
}

static WnMetricsRegion *
make_private(void)
{
    WnMetricsRegion *mapped = wn_region_map(-1, sizeof *mapped);

    if (mapped == NULL)
        g_error("metrics: %s", g_strerror(errno));
    set_header(mapped);
    return mapped;
}

bool
wn_metrics_attach(int fd)
{
    size_t size = sizeof(WnMetricsRegion);
    WnMetricsRegion *mapped = fd < 0 ? NULL
                                     : wn_region_map_checked(fd, size, size,
                                         &size);

    if (mapped != NULL)
        repair(mapped);
    /* An earlier one stays mapped: pointers go into it. */
    region = mapped != NULL ? mapped : make_private();
    return fd < 0 || mapped != NULL;
}

bool
wn_metrics_watch(int fd)
{
    size_t size = sizeof(WnMetricsRegion);

    watched = wn_region_view_checked(fd, size, size, &size);
    return watched != NULL;
}

const WnMetricsRegion *
wn_metrics_watched(void)
{
    return watched;
}

WnMetricsRegion *
wn_metrics_region(void)
{
    if (region == NULL)
        region = make_private();
    return region;
}

static bool
fits(const char *text, size_t max)
{
    size_t len = strlen(text);

    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return false;
    }
    return len < max;
}

static bool
is_same(const WnMetric *slot, const Description *wanted)
{
    return strncmp(slot->name, wanted->name, WN_METRIC_NAME_SIZE) == 0
           && strncmp(slot->labels, wanted->labels, WN_METRIC_LABELS_SIZE) == 0;
}

static bool
is_ready(const WnMetric *slot)
{
    return atomic_load_explicit(&slot->state, memory_order_acquire)
           & WN_METRIC_READY;
}

static void
describe(WnMetric *slot, const Description *wanted)
{
    slot->kind = wanted->kind;
    g_strlcpy(slot->name, wanted->name, WN_METRIC_NAME_SIZE);
    g_strlcpy(slot->labels, wanted->labels, WN_METRIC_LABELS_SIZE);
    g_strlcpy(slot->help, wanted->help, WN_METRIC_HELP_SIZE);
    atomic_store_explicit(&slot->state, wanted->hash | WN_METRIC_READY,
        memory_order_release);
}

static void
await_description(WnMetric *slot, const Description *wanted)
{
    for (int i = 0; i < WAIT_MAX && !is_ready(slot); i++)
        sched_yield();
    if (!is_ready(slot))
        describe(slot, wanted);
}

/* The slot is free and now ours, or is the metric wanted; or false. */
static bool
claim(WnMetric *slot, const Description *wanted)
{
    uint64_t state = 0;

    if (atomic_compare_exchange_strong(&slot->state, &state, wanted->hash)) {
        describe(slot, wanted);
        return true;
    }
    if ((state & ~WN_METRIC_READY) != wanted->hash)
        return false;
    await_description(slot, wanted);
    return is_same(slot, wanted);
}

static WnMetric *
find_or_make(const Description *wanted)
{
    WnMetric *slots = wn_metrics_region()->slots;

    if (!fits(wanted->name, WN_METRIC_NAME_SIZE)
        || !fits(wanted->labels, WN_METRIC_LABELS_SIZE))
        return &overflow;
    for (size_t i = 0; i < WN_METRICS_MAX; i++) {
        WnMetric *slot = &slots[(wanted->hash / 4 + i) % WN_METRICS_MAX];

        if (claim(slot, wanted))
            return slot;
    }
    return &overflow;
}

static WnMetric *
get(const char *name, const char *labels, const char *help, WnMetricKind kind)
{
    const char *given = labels != NULL ? labels : "";

    return find_or_make(
        &(Description){ name, given, help, kind, hash_of(name, given) });
}

WnMetric *
wn_metrics_counter(const char *name, const char *labels, const char *help)
{
    return get(name, labels, help, WN_METRIC_COUNTER);
}

WnMetric *
wn_metrics_gauge(const char *name, const char *labels, const char *help)
{
    return get(name, labels, help, WN_METRIC_GAUGE);
}

WnMetric *
wn_metrics_histogram(const char *name, const char *labels, const char *help)
{
    return get(name, labels, help, WN_METRIC_HISTOGRAM);
}

void
wn_metric_add(WnMetric *self, int64_t n)
{
    atomic_fetch_add_explicit(&self->value, n, memory_order_relaxed);
}

void
wn_metric_set(WnMetric *self, int64_t value)
{
    atomic_store_explicit(&self->value, value, memory_order_relaxed);
}

void
wn_metric_observe_us(WnMetric *self, int64_t us)
{
    int64_t bound = 1;
    size_t i = 0;

    us = MAX(us, 0);
    while (i < WN_METRICS_BUCKETS && us > bound) {
        bound *= 4;
        i++;
    }
    atomic_fetch_add_explicit(&self->buckets[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&self->value, us, memory_order_relaxed);
}

static int64_t
load(const _Atomic int64_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

int64_t
wn_metric_value(const WnMetric *self)
{
    int64_t count = 0;

    if (self->kind != WN_METRIC_HISTOGRAM)
        return load(&self->value);
    for (size_t i = 0; i < WN_METRIC_BUCKETS; i++)
        count += load(&self->buckets[i]);
    return count;
}

int64_t
wn_metrics_lookup(const char *name, const char *labels)
{
    const char *given = labels != NULL ? labels : "";
    const Description wanted = { name, given, "", WN_METRIC_COUNTER, 0 };
    const WnMetric *slots = wn_metrics_region()->slots;
    uint64_t hash = hash_of(name, given);

    for (size_t i = 0; i < WN_METRICS_MAX; i++) {
        const WnMetric *slot = &slots[(hash / 4 + i) % WN_METRICS_MAX];
        uint64_t state = atomic_load_explicit(&slot->state,
            memory_order_acquire);

        if (state == 0)
            return 0;
        if (state == (hash | WN_METRIC_READY) && is_same(slot, &wanted))
            return wn_metric_value(slot);
    }
    return 0;
}
