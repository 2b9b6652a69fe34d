/* SPDX-License-Identifier: MIT */
#include "core/base/metrics.h"

#include "core/base/fd.h"
#include "core/base/shared_region.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

/*
 * A slot is claimed by changing state from 0 to the metric's hash with
 * compare-exchange, described, and then marked ready:
 *
 *     0 --claim()--> hash --describe()--> hash | READY
 *
 * A slot is never given back.  Whoever meets a claimed slot of its own hash
 * waits for it to be described; a process that died in between is replaced by
 * the one waiting, which writes the same text.
 */
enum {
    NAME_MAX_LEN = 64,
    LABELS_MAX_LEN = 192,
    HELP_MAX_LEN = 160,
    WAIT_MAX = 1000, /* turns given to the process that describes a slot */
    BUCKETS = WN_METRICS_BUCKETS + 1
};

#define MAGIC UINT64_C(0x31736369727465ff)
#define READY UINT64_C(1)

typedef enum { KIND_COUNTER, KIND_GAUGE, KIND_HISTOGRAM } Kind;

struct WnMetric {
    _Atomic uint64_t state;
    uint32_t kind;
    char name[NAME_MAX_LEN];
    char labels[LABELS_MAX_LEN];
    char help[HELP_MAX_LEN];
    _Atomic int64_t value; /* of a histogram: the sum in microseconds */
    _Atomic int64_t buckets[BUCKETS];
};

typedef struct Region {
    uint64_t magic;
    uint64_t size; /* so that another version's region is refused */
    WnMetric slots[WN_METRICS_MAX];
} Region;

typedef struct Description {
    const char *name;
    const char *labels;
    const char *help;
    Kind kind;
    uint64_t hash; /* without READY, never 0 */
} Description;

/* The process's metrics, and the one for all that have no slot. */
static Region *region;
static WnMetric overflow;

static void
set_header(Region *self)
{
    self->magic = MAGIC;
    self->size = sizeof *self;
}

int
wn_metrics_create(void)
{
    wn_autofd fd = wn_region_create("winnow-metrics", sizeof(Region));
    Region *mapped = fd >= 0 ? wn_region_map(fd, sizeof *mapped) : NULL;

    if (mapped == NULL)
        return -1;
    set_header(mapped);
    munmap(mapped, sizeof *mapped);
    return wn_fd_steal(&fd);
}

void
wn_metrics_attach(int fd)
{
    size_t size = sizeof(Region);
    Region *mapped = fd < 0 ? wn_region_map(-1, size)
                            : wn_region_map_checked(fd, size, size, &size);

    if (fd < 0 && mapped != NULL)
        set_header(mapped);
    if (mapped == NULL || mapped->magic != MAGIC
        || mapped->size != sizeof *mapped)
        g_error("metrics: descriptor %d is not a region", fd);
    region = mapped; /* an earlier one stays mapped: pointers go into it */
}

static Region *
get_region(void)
{
    if (region == NULL)
        wn_metrics_attach(-1);
    return region;
}

/* FNV-1a; name and labels are parted by a byte neither contains. */
static uint64_t
hash_of(const char *name, const char *labels)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (; *name != '\0'; name++)
        hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
    hash = (hash ^ 0xff) * UINT64_C(0x100000001b3);
    for (; *labels != '\0'; labels++)
        hash = (hash ^ (unsigned char)*labels) * UINT64_C(0x100000001b3);
    return (hash | 2) & ~READY;
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
    return strncmp(slot->name, wanted->name, NAME_MAX_LEN) == 0
           && strncmp(slot->labels, wanted->labels, LABELS_MAX_LEN) == 0;
}

static bool
is_ready(const WnMetric *slot)
{
    return atomic_load_explicit(&slot->state, memory_order_acquire) & READY;
}

static void
describe(WnMetric *slot, const Description *wanted)
{
    slot->kind = wanted->kind;
    g_strlcpy(slot->name, wanted->name, NAME_MAX_LEN);
    g_strlcpy(slot->labels, wanted->labels, LABELS_MAX_LEN);
    g_strlcpy(slot->help, wanted->help, HELP_MAX_LEN);
    atomic_store_explicit(&slot->state, wanted->hash | READY,
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
    if ((state & ~READY) != wanted->hash)
        return false;
    await_description(slot, wanted);
    return is_same(slot, wanted);
}

static WnMetric *
find_or_make(const Description *wanted)
{
    WnMetric *slots = get_region()->slots;

    if (!fits(wanted->name, NAME_MAX_LEN)
        || !fits(wanted->labels, LABELS_MAX_LEN))
        return &overflow;
    for (size_t i = 0; i < WN_METRICS_MAX; i++) {
        WnMetric *slot = &slots[(wanted->hash / 4 + i) % WN_METRICS_MAX];

        if (claim(slot, wanted))
            return slot;
    }
    return &overflow;
}

static WnMetric *
get(const char *name, const char *labels, const char *help, Kind kind)
{
    const char *given = labels != NULL ? labels : "";

    return find_or_make(
        &(Description){ name, given, help, kind, hash_of(name, given) });
}

WnMetric *
wn_metrics_counter(const char *name, const char *labels, const char *help)
{
    return get(name, labels, help, KIND_COUNTER);
}

WnMetric *
wn_metrics_gauge(const char *name, const char *labels, const char *help)
{
    return get(name, labels, help, KIND_GAUGE);
}

WnMetric *
wn_metrics_histogram(const char *name, const char *labels, const char *help)
{
    return get(name, labels, help, KIND_HISTOGRAM);
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

    if (self->kind != KIND_HISTOGRAM)
        return load(&self->value);
    for (size_t i = 0; i < BUCKETS; i++)
        count += load(&self->buckets[i]);
    return count;
}

int64_t
wn_metrics_lookup(const char *name, const char *labels)
{
    const char *given = labels != NULL ? labels : "";
    const Description wanted = { name, given, "", KIND_COUNTER, 0 };
    const WnMetric *slots = get_region()->slots;
    uint64_t hash = hash_of(name, given);

    for (size_t i = 0; i < WN_METRICS_MAX; i++) {
        const WnMetric *slot = &slots[(hash / 4 + i) % WN_METRICS_MAX];
        uint64_t state = atomic_load_explicit(&slot->state,
            memory_order_acquire);

        if (state == 0)
            return 0;
        if (state == (hash | READY) && is_same(slot, &wanted))
            return wn_metric_value(slot);
    }
    return 0;
}

/*
 * Printing.  Every process may write into the region, so its text is taken as
 * a bounded copy without control characters.
 */
typedef struct Row {
    const WnMetric *metric;
    uint32_t kind;
    char name[NAME_MAX_LEN];
    char labels[LABELS_MAX_LEN];
    char help[HELP_MAX_LEN];
} Row;

static void
copy_text(char *out, const char *in, size_t max)
{
    size_t i;

    for (i = 0; i < max - 1 && in[i] != '\0'; i++)
        out[i] = (unsigned char)in[i] < 0x20 || in[i] == 0x7f ? ' ' : in[i];
    out[i] = '\0';
}

static Row *
copy_row(const WnMetric *metric)
{
    Row *row = g_new(Row, 1);

    row->metric = metric;
    row->kind = metric->kind;
    copy_text(row->name, metric->name, NAME_MAX_LEN);
    copy_text(row->labels, metric->labels, LABELS_MAX_LEN);
    copy_text(row->help, metric->help, HELP_MAX_LEN);
    return row;
}

static gint
compare_rows(gconstpointer left, gconstpointer right)
{
    const Row *a = *(const Row *const *)left;
    const Row *b = *(const Row *const *)right;
    int order = strcmp(a->name, b->name);

    return order != 0 ? order : strcmp(a->labels, b->labels);
}

static const char *
kind_name(uint32_t kind)
{
    static const char *const names[] = { [KIND_COUNTER] = "counter",
        [KIND_GAUGE] = "gauge",
        [KIND_HISTOGRAM] = "histogram" };

    return kind < G_N_ELEMENTS(names) ? names[kind] : "untyped";
}

static void
print_seconds(GString *out, int64_t us)
{
    g_string_append_printf(out, "%" G_GINT64_FORMAT ".%06d", us / 1000000,
        (int)(us % 1000000));
}

static void
print_series(GString *out, const Row *row, const char *suffix)
{
    g_string_append_printf(out, "%s%s", row->name, suffix);
    if (row->labels[0] != '\0')
        g_string_append_printf(out, "{%s}", row->labels);
    g_string_append_c(out, ' ');
}

static void
print_bucket(GString *out, const Row *row, int64_t bound_us, int64_t count)
{
    g_string_append_printf(out, "%s_bucket{%s%sle=\"", row->name, row->labels,
        row->labels[0] != '\0' ? "," : "");
    if (bound_us > 0)
        print_seconds(out, bound_us);
    else
        g_string_append(out, "+Inf");
    g_string_append_printf(out, "\"} %" G_GINT64_FORMAT "\n", count);
}

static void
print_histogram(GString *out, const Row *row)
{
    int64_t count = 0;
    int64_t bound = 1;

    for (size_t i = 0; i < WN_METRICS_BUCKETS; i++, bound *= 4) {
        count += load(&row->metric->buckets[i]);
        print_bucket(out, row, bound, count);
    }
    count += load(&row->metric->buckets[WN_METRICS_BUCKETS]);
    print_bucket(out, row, 0, count);
    print_series(out, row, "_sum");
    print_seconds(out, load(&row->metric->value));
    g_string_append_c(out, '\n');
    print_series(out, row, "_count");
    g_string_append_printf(out, "%" G_GINT64_FORMAT "\n", count);
}

static void
print_head(GString *out, const Row *row)
{
    g_string_append_printf(out, "# HELP %s ", row->name);
    for (const char *c = row->help; *c != '\0'; c++)
        g_string_append_printf(out, *c == '\\' ? "\\%c" : "%c", *c);
    g_string_append_printf(out, "\n# TYPE %s %s\n", row->name,
        kind_name(row->kind));
}

static void
print_row(GString *out, const Row *row)
{
    if (row->kind == KIND_HISTOGRAM) {
        print_histogram(out, row);
        return;
    }
    print_series(out, row, "");
    g_string_append_printf(out, "%" G_GINT64_FORMAT "\n",
        load(&row->metric->value));
}

void
wn_metrics_print(GString *out)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(g_free);
    const WnMetric *slots = get_region()->slots;
    const char *last_name = "";

    for (size_t i = 0; i < WN_METRICS_MAX; i++) {
        if (is_ready(&slots[i]))
            g_ptr_array_add(rows, copy_row(&slots[i]));
    }
    g_ptr_array_sort(rows, compare_rows);
    for (guint i = 0; i < rows->len; i++) {
        const Row *row = rows->pdata[i];

        if (strcmp(row->name, last_name) != 0)
            print_head(out, row);
        last_name = row->name;
        print_row(out, row);
    }
}
