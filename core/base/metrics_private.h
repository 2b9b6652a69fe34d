/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Private to metrics.c and metrics_print.c: what stands in a region.
 *
 * A slot is claimed by changing state from 0 to the metric's hash with
 * compare-exchange, described, and then marked ready:
 *
 *     0 --claim()--> hash --describe()--> hash | READY
 *
 * A slot is never given back.  Whoever meets a claimed slot of its own hash
 * waits for it to be described; a process that died in between is replaced by
 * the one waiting, which writes the same text.  Only a process that begins
 * empties slots whose text does not belong to their hash.
 */

#include "core/base/metrics.h"

#include <stdatomic.h>
#include <stdbool.h>

enum {
    WN_METRIC_NAME_SIZE = WN_METRIC_NAME_MAX + 1,
    WN_METRIC_LABELS_SIZE = 192,
    WN_METRIC_HELP_SIZE = 160,
    WN_METRIC_BUCKETS = WN_METRICS_BUCKETS + 1
};

#define WN_METRICS_MAGIC UINT64_C(0x31736369727465ff)
#define WN_METRIC_READY UINT64_C(1)

typedef enum {
    WN_METRIC_COUNTER,
    WN_METRIC_GAUGE,
    WN_METRIC_HISTOGRAM
} WnMetricKind;

struct WnMetric {
    _Atomic uint64_t state;
    uint32_t kind;
    char name[WN_METRIC_NAME_SIZE];
    char labels[WN_METRIC_LABELS_SIZE];
    char help[WN_METRIC_HELP_SIZE];
    _Atomic int64_t value; /* of a histogram: the sum in microseconds */
    _Atomic int64_t buckets[WN_METRIC_BUCKETS];
};

typedef struct WnMetricsRegion {
    uint64_t magic;
    uint64_t size;
    WnMetric slots[WN_METRICS_MAX];
} WnMetricsRegion;

WnMetricsRegion *wn_metrics_region(void);
const WnMetricsRegion *wn_metrics_watched(void); /* NULL: none */

/* Ready, and its text belongs to its hash. */
bool wn_metric_is_sound(const WnMetric *slot);
