/* SPDX-License-Identifier: MIT */
#include "core/base/metrics_private.h"

#include <string.h>

/*
 * Every process may write into its region, so text is taken as a bounded copy
 * without control characters, and values once: what is printed adds up.
 */
typedef struct Row {
    uint32_t kind;
    char name[WN_METRIC_NAME_SIZE];
    char labels[WN_METRIC_LABELS_SIZE];
    char help[WN_METRIC_HELP_SIZE];
    int64_t value;
    int64_t buckets[WN_METRIC_BUCKETS];
} Row;

static void
copy_text(char *out, const char *in, size_t max)
{
    size_t i;

    for (i = 0; i < max - 1 && in[i] != '\0'; i++)
        out[i] = (unsigned char)in[i] < 0x20 || in[i] == 0x7f ? ' ' : in[i];
    out[i] = '\0';
}

static int64_t
load(const _Atomic int64_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

static Row *
copy_row(const WnMetric *metric)
{
    Row *row = g_new(Row, 1);

    row->kind = metric->kind;
    copy_text(row->name, metric->name, WN_METRIC_NAME_SIZE);
    copy_text(row->labels, metric->labels, WN_METRIC_LABELS_SIZE);
    copy_text(row->help, metric->help, WN_METRIC_HELP_SIZE);
    row->value = load(&metric->value);
    for (size_t i = 0; i < WN_METRIC_BUCKETS; i++)
        row->buckets[i] = load(&metric->buckets[i]);
    return row;
}

/*
 * What a plugin may have written: one row that is not as it must be would make
 * the whole page unreadable for who asks for it.
 */

static bool
is_name(const char *text, size_t len)
{
    if (len == 0 || g_ascii_isdigit(text[0]))
        return false;
    for (size_t i = 0; i < len; i++)
        if (!g_ascii_isalnum(text[i]) && text[i] != '_')
            return false;
    return true;
}

/* The end of a label's value, behind the quote that closes it; NULL: none. */
static const char *
skip_value(const char *at)
{
    if (*at++ != '"')
        return NULL;
    for (; *at != '\0' && *at != '"'; at++)
        if (*at == '\\' && strchr("\\\"n", at[1]) != NULL && at[1] != '\0')
            at++;
        else if (*at == '\\')
            return NULL;
    return *at == '"' ? at + 1 : NULL;
}

/* name="value",name="value" */
static bool
are_labels(const char *at)
{
    if (*at == '\0')
        return true;
    for (;;) {
        size_t len = strcspn(at, "=");

        if (at[len] != '=' || !is_name(at, len))
            return false;
        at = skip_value(at + len + 1);
        if (at == NULL || *at == '\0')
            return at != NULL;
        if (*at++ != ',')
            return false;
    }
}

static bool
is_sensible(const Row *row)
{
    return (g_str_has_prefix(row->name, WN_METRIC_PLUGIN_PREFIX)
               || g_str_has_prefix(row->name, WN_METRIC_FILTER_PREFIX))
           && is_name(row->name, strlen(row->name)) && are_labels(row->labels)
           && g_utf8_validate(row->labels, -1, NULL)
           && g_utf8_validate(row->help, -1, NULL);
}

/* Nothing that counts has ever gone below nothing. */
static void
set_in_bounds(Row *row)
{
    if (row->kind != WN_METRIC_GAUGE)
        row->value = MAX(row->value, 0);
    for (size_t i = 0; i < WN_METRIC_BUCKETS; i++)
        row->buckets[i] = MAX(row->buckets[i], 0);
}

/*
 * Collecting
 */

static void
add_own(GPtrArray *rows)
{
    const WnMetric *slots = wn_metrics_region()->slots;

    for (size_t i = 0; i < WN_METRICS_MAX; i++)
        if (wn_metric_is_sound(&slots[i]))
            g_ptr_array_add(rows, copy_row(&slots[i]));
}

static void
add_watched(GPtrArray *rows)
{
    const WnMetricsRegion *region = wn_metrics_watched();

    for (size_t i = 0; region != NULL && i < WN_METRICS_MAX; i++) {
        g_autofree Row *row = NULL;

        if (!wn_metric_is_sound(&region->slots[i]))
            continue;
        row = copy_row(&region->slots[i]);
        set_in_bounds(row);
        if (row->kind <= WN_METRIC_HISTOGRAM && is_sensible(row))
            g_ptr_array_add(rows, g_steal_pointer(&row));
    }
}

static gint
compare_rows(gconstpointer left, gconstpointer right)
{
    const Row *a = *(const Row *const *)left;
    const Row *b = *(const Row *const *)right;
    int order = strcmp(a->name, b->name);

    return order != 0 ? order : strcmp(a->labels, b->labels);
}

/* Without overflow, whatever the numbers are. */
static int64_t
sum(int64_t a, int64_t b)
{
    int64_t result;

    if (__builtin_add_overflow(a, b, &result))
        return a > 0 ? INT64_MAX : INT64_MIN;
    return result;
}

static void
merge(Row *into, const Row *from)
{
    into->value = sum(into->value, from->value);
    for (size_t i = 0; i < WN_METRIC_BUCKETS; i++)
        into->buckets[i] = sum(into->buckets[i], from->buckets[i]);
}

/*
 * Printing
 */

static const char *
kind_name(uint32_t kind)
{
    static const char *const names[] = { [WN_METRIC_COUNTER] = "counter",
        [WN_METRIC_GAUGE] = "gauge",
        [WN_METRIC_HISTOGRAM] = "histogram" };

    return kind < G_N_ELEMENTS(names) ? names[kind] : "untyped";
}

static void
print_seconds(GString *out, int64_t us)
{
    us = MAX(us, 0);
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
        count = sum(count, row->buckets[i]);
        print_bucket(out, row, bound, count);
    }
    count = sum(count, row->buckets[WN_METRICS_BUCKETS]);
    print_bucket(out, row, 0, count);
    print_series(out, row, "_sum");
    print_seconds(out, row->value);
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
    if (row->kind == WN_METRIC_HISTOGRAM) {
        print_histogram(out, row);
        return;
    }
    print_series(out, row, "");
    g_string_append_printf(out, "%" G_GINT64_FORMAT "\n", row->value);
}

/* Rows of one name are of the kind that its first row is. */
static void
print_rows(GString *out, const GPtrArray *rows)
{
    const Row *head = NULL;

    for (guint i = 0; i < rows->len; i++) {
        Row *row = rows->pdata[i];

        while (i + 1 < rows->len
               && compare_rows(&rows->pdata[i], &rows->pdata[i + 1]) == 0)
            merge(row, rows->pdata[++i]);
        if (head == NULL || strcmp(row->name, head->name) != 0) {
            head = row;
            print_head(out, row);
        }
        if (row->kind == head->kind)
            print_row(out, row);
    }
}

void
wn_metrics_print(GString *out)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(g_free);

    add_own(rows);
    add_watched(rows);
    g_ptr_array_sort(rows, compare_rows);
    print_rows(out, rows);
}
