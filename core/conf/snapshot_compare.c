/* SPDX-License-Identifier: MIT */
#include "core/conf/snapshot_compare.h"

#include "core/conf/snapshot_format.h"

#include <glib.h>

/* What differs between two builds of the same settings. */
static WnSnapHeader
neutral_header(const char *bytes)
{
    WnSnapHeader header;

    memcpy(&header, bytes, sizeof(header));
    header.crc = 0;
    header.generation = 0;
    header.built = 0;
    return header;
}

static bool
bytes_equal(WnSpan one, WnSpan other)
{
    WnSnapHeader a, b;

    if (one.len != other.len || one.len < sizeof(WnSnapHeader))
        return false;
    a = neutral_header(one.ptr);
    b = neutral_header(other.ptr);
    if (memcmp(&a, &b, sizeof(a)) != 0)
        return false;
    return wn_span_eq(wn_span_slice(one, sizeof(a), SIZE_MAX),
        wn_span_slice(other, sizeof(a), SIZE_MAX));
}

bool
wn_snapshot_files_equal(const char *one, const char *other)
{
    g_autoptr(GMappedFile) a = g_mapped_file_new(one, FALSE, NULL);
    g_autoptr(GMappedFile) b = g_mapped_file_new(other, FALSE, NULL);

    if (a == NULL || b == NULL)
        return false;
    return bytes_equal(wn_span(g_mapped_file_get_contents(a),
                           g_mapped_file_get_length(a)),
        wn_span(g_mapped_file_get_contents(b), g_mapped_file_get_length(b)));
}
