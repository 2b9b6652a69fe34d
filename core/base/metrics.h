/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Counters, gauges and histograms in memory shared by all processes of one
 * winnowd, so that a process that dies loses no count and one process can
 * print all.  winnowd creates the region (a memory file) and hands the
 * descriptor down; a program without one uses a private region.
 *
 * A metric is found or made by name and labels; the pointer stays good for the
 * life of the process.  Updates are single relaxed atomics.  When the table of
 * WN_METRICS_MAX is full, further metrics go to one that is not printed; so do
 * metrics whose name or labels are too long (WN_METRIC_NAME_MAX, 191 bytes) or
 * not printable.
 *
 * Those of plugins are called winnow_ext_PLUGIN_NAME; the core's own never
 * begin with WN_METRIC_PLUGIN_PREFIX.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define WN_METRICS_MAX 4096
#define WN_METRIC_NAME_MAX 127
#define WN_METRIC_PLUGIN_PREFIX "winnow_ext_"
#define WN_METRIC_FILTER_PREFIX "winnow_filter_"
#define WN_METRICS_BUCKETS 16 /* and one for what lies beyond them */

typedef struct WnMetric WnMetric;

/* A new region's descriptor, or -1 with errno. */
int wn_metrics_create(void);

/* Maps the region, and empties what a process gone wild has left there; -1
 * makes a private one.  False: fd is no region, and a private one is in use. */
bool wn_metrics_attach(int fd);

/* A second region, which this process reads only: wn_metrics_print() adds what
 * it can make sense of there.  Programs that run plugins write that one, so
 * that nothing a plugin writes reaches the counts of others; only metrics that
 * such programs have are taken from it (WN_METRIC_FILTER_PREFIX,
 * WN_METRIC_PLUGIN_PREFIX).
 * False: fd is no region. */
bool wn_metrics_watch(int fd);

/* labels as Prometheus writes them, without braces: "result=\"accepted\"", or
 * NULL.  name and help are copied. */
WnMetric *wn_metrics_counter(const char *name, const char *labels,
    const char *help);
WnMetric *wn_metrics_gauge(const char *name, const char *labels,
    const char *help);

/* Buckets from 1 µs, each four times the one before, up to about 1,000 s; in
 * seconds. */
WnMetric *wn_metrics_histogram(const char *name, const char *labels,
    const char *help);

void wn_metric_add(WnMetric *self, int64_t n); /* counter or gauge */
void wn_metric_set(WnMetric *self, int64_t value);
void wn_metric_observe_us(WnMetric *self, int64_t us);
int64_t wn_metric_value(const WnMetric *self); /* histogram: its count */

/* Value of the metric of that name and labels, 0 if there is none. */
int64_t wn_metrics_lookup(const char *name, const char *labels);

/* Prometheus text exposition format 0.0.4. */
void wn_metrics_print(GString *out);
