/* SPDX-License-Identifier: MIT */
#include "core/message/splice.h"

enum { SPLICE_WIRE_MIN = 8 + 8 + 4 };

/* An insertion stands before the removal that begins at its place. */
static gint
compare(gconstpointer a, gconstpointer b)
{
    const WnSplice *one = a;
    const WnSplice *other = b;

    if (one->offset != other->offset)
        return one->offset < other->offset ? -1 : 1;
    return (one->remove > 0) - (other->remove > 0);
}

bool
wn_splices_normalise(GArray *splices, uint64_t message_len)
{
    uint64_t end = 0;

    if (splices->len > WN_SPLICES_MAX)
        return false;
    g_array_sort(splices, compare); /* stable, as GLib promises */
    for (guint i = 0; i < splices->len; i++) {
        const WnSplice *splice = &g_array_index(splices, WnSplice, i);

        if (splice->offset < end || splice->offset > message_len
            || splice->remove > message_len - splice->offset)
            return false;
        end = splice->offset + splice->remove;
    }
    return true;
}

uint64_t
wn_splices_result_len(const GArray *splices, uint64_t message_len)
{
    uint64_t len = message_len;

    for (guint i = 0; i < splices->len; i++) {
        const WnSplice *splice = &g_array_index(splices, WnSplice, i);

        len = len - splice->remove + splice->insert.len;
    }
    return len;
}

static void
emit(WnPieceFn fn, void *user, WnSpan piece)
{
    if (piece.len > 0)
        fn(user, piece);
}

void
wn_splices_apply(const GArray *splices, WnSpan message, WnPieceFn fn,
    void *user)
{
    uint64_t at = 0;

    for (guint i = 0; i < splices->len; i++) {
        const WnSplice *splice = &g_array_index(splices, WnSplice, i);

        emit(fn, user, wn_span_slice(message, at, splice->offset - at));
        emit(fn, user, splice->insert);
        at = splice->offset + splice->remove;
    }
    emit(fn, user, wn_span_slice(message, at, SIZE_MAX));
}

void
wn_splices_write(const GArray *splices, WnWriter *writer)
{
    wn_write_u32(writer, splices->len);
    for (guint i = 0; i < splices->len; i++) {
        const WnSplice *splice = &g_array_index(splices, WnSplice, i);

        wn_write_u64(writer, splice->offset);
        wn_write_u64(writer, splice->remove);
        wn_write_bytes(writer, splice->insert);
    }
}

bool
wn_splices_read(WnReader *reader, GArray *out_splices)
{
    uint32_t count = wn_read_count(reader, SPLICE_WIRE_MIN);

    if (count > WN_SPLICES_MAX)
        return false;
    for (uint32_t i = 0; i < count && wn_reader_ok(reader); i++) {
        WnSplice splice;

        splice.offset = wn_read_u64(reader);
        splice.remove = wn_read_u64(reader);
        splice.insert = wn_read_bytes(reader);
        g_array_append_val(out_splices, splice);
    }
    return wn_reader_ok(reader);
}
