/* SPDX-License-Identifier: MIT */

/*
 * Edits of any kind on any message: splices that fit together, insertions that
 * are whole lines of printable ASCII, the body as it was, and tags that are put
 * once.  The input is a number of edits ("kind name LF value LF"), an empty
 * line, and the message.
 */

#include "core/message/edit.h"

enum { EDITS_MAX = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct Result {
    GStringChunk *strings;
    GArray *splices;
    GString *message;
} Result;

static WnSpan
take_line(WnSpan *input)
{
    const char *lf = memchr(input->ptr, '\n', input->len);
    size_t len = lf != NULL ? (size_t)(lf - input->ptr) : input->len;
    WnSpan line = wn_span_slice(*input, 0, len);

    *input = wn_span_slice(*input, len + 1, input->len);
    return line;
}

static size_t
take_edits(WnSpan *input, WnEdit *edits)
{
    size_t n = 0;

    while (n < EDITS_MAX) {
        WnSpan line = take_line(input);

        if (line.len == 0)
            break;
        edits[n].kind = (WnEditKind)((unsigned char)line.ptr[0] % 4);
        edits[n].name = wn_span_slice(line, 1, line.len);
        edits[n].value = take_line(input);
        n++;
    }
    return n;
}

static void
collect(void *user, WnSpan piece)
{
    g_assert(piece.len > 0);
    g_string_append_len(user, piece.ptr, (gssize)piece.len);
}

static void
check_insertion(WnSpan text)
{
    size_t line = 0;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        line++;
        if (c == '\r')
            g_assert(i + 1 < text.len && text.ptr[i + 1] == '\n');
        else if (c == '\n')
            g_assert(i > 0 && text.ptr[i - 1] == '\r');
        else
            g_assert(c >= ' ' && c < 0x7f);
        if (c == '\n')
            line = 0;
        g_assert(line <= 999);
    }
}

static void
render(Result *self, WnSpan message, const WnEdit *edits, size_t n_edits)
{
    g_auto(WnHeaderBlock) block;
    WnSpan tail;

    self->strings = g_string_chunk_new(256);
    self->splices = g_array_new(FALSE, FALSE, sizeof(WnSplice));
    self->message = g_string_new(NULL);
    wn_header_block_init(&block);
    wn_header_block_parse(&block, message);
    wn_edits_render(edits, n_edits, message, &block, self->strings,
        self->splices);
    g_assert(wn_splices_normalise(self->splices, message.len));
    for (guint i = 0; i < self->splices->len; i++) {
        const WnSplice *splice = &g_array_index(self->splices, WnSplice, i);

        g_assert(splice->offset + splice->remove <= block.end);
        check_insertion(splice->insert);
    }
    wn_splices_apply(self->splices, message, collect, self->message);
    g_assert(wn_splices_result_len(self->splices, message.len)
             == self->message->len);
    tail = wn_span_slice(message, block.end, message.len);
    g_assert(self->message->len >= tail.len);
    g_assert(memcmp(self->message->str + self->message->len - tail.len,
                 tail.ptr, tail.len)
             == 0);
}

static void
clear(Result *self)
{
    g_string_chunk_free(self->strings);
    g_array_unref(self->splices);
    g_string_free(self->message, TRUE);
}

/* "[...]": what else may be a tag can be ambiguous before a subject. */
static bool
is_plain_tag(WnSpan tag)
{
    if (tag.len < 3 || tag.len > 90 || tag.ptr[0] != '['
        || tag.ptr[tag.len - 1] != ']')
        return false;
    return memchr(tag.ptr + 1, '[', tag.len - 1) == NULL
           && memchr(tag.ptr, ']', tag.len - 1) == NULL;
}

static bool
only_tags(const WnEdit *edits, size_t n_edits)
{
    for (size_t i = 0; i < n_edits; i++) {
        if (edits[i].kind != WN_EDIT_PREFIX_SUBJECT
            || !is_plain_tag(edits[i].value))
            return false;
    }
    return n_edits > 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    WnSpan input = wn_span(data, size);
    WnEdit edits[EDITS_MAX];
    size_t n_edits = take_edits(&input, edits);
    Result once;
    Result twice;

    render(&once, input, edits, n_edits);
    render(&twice, wn_span(once.message->str, once.message->len), edits,
        n_edits);
    if (only_tags(edits, n_edits))
        g_assert(twice.splices->len == 0);
    clear(&once);
    clear(&twice);
    return 0;
}
