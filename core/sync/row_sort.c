/* SPDX-License-Identifier: MIT */
#include "core/sync/row_sort.h"

#include <glib.h>
#include <string.h>

/*
 * Multikey quicksort (Bentley and Sedgewick) that compares eight bytes at a
 * time and keeps them in the rows, so that most comparisons touch no key.  A
 * key ends with a zero byte, which nothing inside is, so equal heads whose last
 * byte is zero are equal keys.
 */

#define HEAD_LEN 8
#define SMALL 24 /* ranges that are sorted by insertion */

/* Rows that agree in all bytes before depth. */
typedef struct Range {
    size_t first, n;
    size_t depth;
} Range;

static uint64_t
head_of(const WnRow *row, size_t depth)
{
    char bytes[HEAD_LEN] = { 0 };
    uint64_t head;

    if (depth < row->len)
        memcpy(bytes, row->key + depth, MIN(row->len - depth, HEAD_LEN));
    memcpy(&head, bytes, sizeof head);
    return GUINT64_FROM_BE(head);
}

static void
take_heads(WnRow *rows, const Range *range)
{
    for (size_t i = range->first; i < range->first + range->n; i++)
        rows[i].head = head_of(&rows[i], range->depth);
}

int
wn_row_compare(const WnRow *a, const WnRow *b)
{
    int order = memcmp(a->key, b->key, MIN(a->len, b->len));

    if (order != 0)
        return order;
    return a->len < b->len ? -1 : a->len > b->len;
}

static bool
is_less(const WnRow *a, const WnRow *b)
{
    if (a->head != b->head)
        return a->head < b->head;
    return (a->head & 0xff) != 0 && wn_row_compare(a, b) < 0;
}

static void
insertion_sort(WnRow *rows, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        WnRow moving = rows[i];
        size_t at = i;

        for (; at > 0 && is_less(&moving, &rows[at - 1]); at--)
            rows[at] = rows[at - 1];
        rows[at] = moving;
    }
}

static uint64_t
middle_of(uint64_t a, uint64_t b, uint64_t c)
{
    if (a < b)
        return b < c ? b : MAX(a, c);
    return a < c ? a : MAX(b, c);
}

/* The middle one of three places that no order of the rows is made for. */
static uint64_t
choose_pivot(const WnRow *rows, size_t n, uint64_t *seed)
{
    uint64_t heads[3];

    for (int i = 0; i < 3; i++) {
        *seed = *seed * UINT64_C(6364136223846793005)
                + UINT64_C(1442695040888963407);
        heads[i] = rows[(*seed >> 33) % n].head;
    }
    return middle_of(heads[0], heads[1], heads[2]);
}

static void
swap(WnRow *rows, size_t a, size_t b)
{
    WnRow kept = rows[a];

    rows[a] = rows[b];
    rows[b] = kept;
}

/* Splits into less than the pivot, equal to it, greater. */
static void
split(WnRow *rows, const Range *range, uint64_t *seed, GArray *stack)
{
    size_t first = range->first;
    size_t end = first + range->n;
    uint64_t pivot = choose_pivot(rows + first, range->n, seed);
    size_t less = first;
    size_t greater = end;
    Range part = { first, 0, range->depth };

    for (size_t at = first; at < greater;) {
        if (rows[at].head < pivot)
            swap(rows, less++, at++);
        else if (rows[at].head > pivot)
            swap(rows, at, --greater);
        else
            at++;
    }
    part.n = less - first;
    g_array_append_val(stack, part);
    part = (Range){ greater, end - greater, range->depth };
    g_array_append_val(stack, part);
    part = (Range){ less, greater - less, range->depth + HEAD_LEN };
    if ((pivot & 0xff) == 0)
        return;
    take_heads(rows, &part);
    g_array_append_val(stack, part);
}

static bool
is_sorted(const WnRow *rows, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (wn_row_compare(&rows[i - 1], &rows[i]) > 0)
            return false;
    return true;
}

void
wn_row_sort(WnRow *rows, size_t n)
{
    g_autoptr(GArray) stack = NULL;
    Range range = { 0, n, 0 };
    uint64_t seed = 1;

    if (is_sorted(rows, n))
        return;
    stack = g_array_new(FALSE, FALSE, sizeof(Range));
    take_heads(rows, &range);
    g_array_append_val(stack, range);
    while (stack->len > 0) {
        range = g_array_index(stack, Range, stack->len - 1);
        g_array_set_size(stack, stack->len - 1);
        if (range.n <= SMALL)
            insertion_sort(rows + range.first, range.n);
        else
            split(rows, &range, &seed, stack);
    }
}
