/* SPDX-License-Identifier: MIT */
#include "core/message/edit.h"

#include "core/base/text.h"
#include "core/message/header_text.h"

enum {
    NAME_MAX_LEN = 76,
    LINE_MAX_LEN = 998,  /* RFC 5322 §2.1.1 */
    BRACKETED_MAX = 100, /* "[...]" before a subject, taken for a tag */
    TAGS_MAX = 32        /* before one subject, looked at */
};

/* A field of the message as received, or one put on top. */
typedef struct Field {
    const WnField *place; /* NULL on top */
    WnSpan name;
    WnSpan value; /* that replaces what was received */
    bool replaced;
    bool removed;
    GString *tags; /* to stand before the value, or NULL */
} Field;

typedef struct Rendering {
    WnSpan message;
    const WnHeaderBlock *block;
    const WnEdit *edits;
    size_t n_edits;
    GArray *received; /* Field, as in the block */
    GArray *top;      /* Field */
    GStringChunk *strings;
    GArray *splices;
} Rendering;

bool
wn_edit_name_is_valid(WnSpan name)
{
    if (name.len == 0 || name.len > NAME_MAX_LEN)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] <= ' ' || name.ptr[i] >= 0x7f || name.ptr[i] == ':')
            return false;
    }
    return true;
}

void
wn_edit_append_field(GString *out, WnSpan name, WnSpan value)
{
    size_t before;

    g_string_append_len(out, name.ptr, (gssize)name.len);
    g_string_append(out, ": ");
    before = out->len;
    wn_header_text_encode(out, name.len + 2, value);
    if (out->len == before)
        g_string_truncate(out, before - 1); /* no space without a value */
    g_string_append(out, "\r\n");
}

/* Cleaned, and each run of white space one space: what comparing needs. */
static GString *
comparable(WnSpan text)
{
    GString *copy = g_string_new_len(text.ptr, (gssize)text.len);
    WnSpan trimmed;
    GString *result;

    wn_text_clean(copy);
    trimmed = wn_span_trim(wn_span(copy->str, copy->len));
    result = g_string_sized_new(trimmed.len);
    for (size_t i = 0; i < trimmed.len; i++) {
        if (trimmed.ptr[i] != ' ' || trimmed.ptr[i + 1] != ' ')
            g_string_append_c(result, trimmed.ptr[i]);
    }
    g_string_free(copy, TRUE);
    return result;
}

/* The length of the tag if the subject begins with it.  A tag that ends in a
 * letter or digit is not found in a longer word. */
static size_t
match_tag(WnSpan subject, const GString *tag)
{
    if (tag->len == 0 || subject.len < tag->len
        || memcmp(subject.ptr, tag->str, tag->len) != 0)
        return 0;
    if (subject.len > tag->len && g_ascii_isalnum(tag->str[tag->len - 1])
        && g_ascii_isalnum(subject.ptr[tag->len]))
        return 0;
    return tag->len;
}

/* The length of any tag that the subject begins with: the longest of those in
 * the list, or else something in square brackets. */
static size_t
match_any_tag(const Rendering *self, WnSpan subject)
{
    WnSpan head = wn_span_slice(subject, 0, BRACKETED_MAX);
    const char *close = memchr(head.ptr, ']', head.len);
    size_t longest = 0;

    for (size_t i = 0; i < self->n_edits; i++) {
        g_autoptr(GString) tag = NULL;

        if (self->edits[i].kind != WN_EDIT_PREFIX_SUBJECT)
            continue;
        tag = comparable(self->edits[i].value);
        longest = MAX(longest, match_tag(subject, tag));
    }
    if (longest == 0 && close != NULL && head.ptr[0] == '[')
        return (size_t)(close - head.ptr) + 1;
    return longest;
}

static bool
has_tag(const Rendering *self, WnSpan subject, const GString *tag)
{
    for (int i = 0; i < TAGS_MAX; i++) {
        size_t len;

        if (match_tag(subject, tag) > 0)
            return true;
        len = match_any_tag(self, subject);
        if (len == 0)
            return false;
        subject = wn_span_trim(wn_span_slice(subject, len, subject.len));
    }
    return false;
}

/* The subject as a reader sees it after the edits so far. */
static GString *
current_subject(const Rendering *self, const Field *field)
{
    g_autoptr(GString) text = g_string_new(NULL);

    if (field->tags != NULL)
        g_string_append_printf(text, "%s ", field->tags->str);
    if (field->replaced)
        g_string_append_len(text, field->value.ptr, (gssize)field->value.len);
    else
        wn_header_text_decode(text, wn_field_raw(self->message, field->place));
    return comparable(wn_span(text->str, text->len));
}

static void
add_tag(const Rendering *self, Field *field, const GString *tag)
{
    g_autoptr(GString) subject = current_subject(self, field);

    if (has_tag(self, wn_span(subject->str, subject->len), tag))
        return;
    if (field->tags == NULL)
        field->tags = g_string_new(NULL);
    else
        g_string_append_c(field->tags, ' ');
    g_string_append_len(field->tags, tag->str, (gssize)tag->len);
}

static void
put_on_top(Rendering *self, WnSpan name, WnSpan value)
{
    Field field = { .name = name, .value = value, .replaced = true };

    g_array_append_val(self->top, field);
}

/* The nth field that stands in the message now: those on top first. */
static Field *
field_at(const Rendering *self, size_t n)
{
    if (n < self->top->len)
        return &g_array_index(self->top, Field, n);
    return &g_array_index(self->received, Field, n - self->top->len);
}

static size_t
n_fields(const Rendering *self)
{
    return (size_t)self->top->len + self->received->len;
}

static void
replace(Field *field, const WnEdit *edit)
{
    if (field->tags != NULL)
        g_string_free(g_steal_pointer(&field->tags), TRUE);
    field->name = edit->name; /* as it is spelt there */
    field->value = edit->value;
    field->replaced = true;
}

static void
set_or_remove(Rendering *self, const WnEdit *edit)
{
    bool wanted = edit->kind == WN_EDIT_SET;

    for (size_t i = 0; i < n_fields(self); i++) {
        Field *field = field_at(self, i);

        if (field->removed || !wn_span_case_eq(field->name, edit->name))
            continue;
        if (wanted)
            replace(field, edit);
        else
            field->removed = true;
        wanted = false;
    }
    if (wanted)
        put_on_top(self, edit->name, edit->value);
}

static void
prefix_subject(Rendering *self, WnSpan text)
{
    g_autoptr(GString) tag = comparable(text);
    bool found = false;

    if (tag->len == 0)
        return;
    for (size_t i = 0; i < n_fields(self); i++) {
        Field *field = field_at(self, i);

        if (field->removed || !wn_span_case_eq(field->name, WN_SPAN("Subject")))
            continue;
        add_tag(self, field, tag);
        found = true;
    }
    if (found)
        return;
    put_on_top(self, WN_SPAN("Subject"), WN_SPAN_EMPTY);
    add_tag(self, field_at(self, self->top->len - 1), tag);
}

static void
apply_edit(Rendering *self, const WnEdit *edit)
{
    switch (edit->kind) {
    case WN_EDIT_ADD:
        if (wn_edit_name_is_valid(edit->name))
            put_on_top(self, edit->name, edit->value);
        break;
    case WN_EDIT_SET:
        if (wn_edit_name_is_valid(edit->name))
            set_or_remove(self, edit);
        break;
    case WN_EDIT_REMOVE:
        set_or_remove(self, edit);
        break;
    case WN_EDIT_PREFIX_SUBJECT:
        prefix_subject(self, edit->value);
        break;
    }
}

static void
append_rendered_field(GString *out, const Field *field)
{
    g_autoptr(GString) value = NULL;

    if (field->tags == NULL) {
        wn_edit_append_field(out, field->name, field->value);
        return;
    }
    value = g_string_new_len(field->tags->str, (gssize)field->tags->len);
    g_string_append_c(value, ' ');
    g_string_append_len(value, field->value.ptr, (gssize)field->value.len);
    wn_edit_append_field(out, field->name, wn_span(value->str, value->len));
}

static void
add_splice(Rendering *self, size_t offset, size_t remove, const GString *text)
{
    WnSplice splice = { .offset = offset,
        .remove = remove,
        .insert = WN_SPAN_EMPTY };

    if (text != NULL)
        splice.insert = wn_span(g_string_chunk_insert_len(self->strings,
                                    text->str, (gssize)text->len),
            text->len);
    g_array_append_val(self->splices, splice);
}

/* What stands behind the last line end, if column bytes stand before text. */
static size_t
last_line_len(const GString *text, size_t column)
{
    const char *lf = memrchr(text->str, '\n', text->len);

    if (lf == NULL)
        return column + text->len;
    return text->len - (size_t)(lf + 1 - text->str);
}

/* White space between two encoded words is not shown: where encoded tags meet
 * an encoded subject, the space is put inside. */
static void
append_tags(GString *out, size_t column, const GString *tags, WnSpan rest)
{
    WnSpan text = wn_span(tags->str, tags->len);
    g_autoptr(GString) spaced = NULL;

    wn_header_text_encode(out, column, text);
    if (!wn_span_case_starts(wn_span_trim(rest), WN_SPAN("=?")) || out->len < 2
        || strcmp(out->str + out->len - 2, "?=") != 0)
        return;
    g_string_truncate(out, out->str[0] == ' ' ? 1 : 0);
    spaced = g_string_new_len(text.ptr, (gssize)text.len);
    g_string_append_c(spaced, ' ');
    wn_header_text_encode_all(out, column, wn_span(spaced->str, spaced->len));
}

/* The tags go behind the one space that follows the colon; all bytes that were
 * received stay behind them. */
static void
render_tags(Rendering *self, const Field *field)
{
    WnSpan raw = wn_field_raw(self->message, field->place);
    bool spaced = raw.len > 0 && (raw.ptr[0] == ' ' || raw.ptr[0] == '\t');
    size_t offset = field->place->value_offset + (spaced ? 1 : 0);
    size_t column = offset - field->place->offset;
    WnSpan rest = wn_span_slice(raw, spaced ? 1 : 0, raw.len);
    const char *cr = memchr(rest.ptr, '\r', rest.len);
    WnSpan line = wn_span(rest.ptr,
        cr != NULL ? (size_t)(cr - rest.ptr) : rest.len);
    g_autoptr(GString) text = g_string_new(spaced ? NULL : " ");
    bool fold;

    append_tags(text, column + text->len, field->tags, rest);
    fold = last_line_len(text, column) + 1 + line.len > LINE_MAX_LEN
           && wn_span_trim(line).len > 0;
    if (line.len > 0)
        g_string_append(text, fold ? "\r\n " : " ");
    add_splice(self, offset, 0, text);
}

/* Skipped lines may be all there is, without a line end. */
static bool
is_line_start(WnSpan message, size_t at)
{
    return at == 0
           || (at >= 2 && message.ptr[at - 2] == '\r'
               && message.ptr[at - 1] == '\n');
}

static void
render_top(Rendering *self)
{
    size_t top = self->block->top;
    g_autoptr(GString)
        text = g_string_new(is_line_start(self->message, top) ? NULL : "\r\n");
    size_t before = text->len;

    for (guint i = 0; i < self->top->len; i++) {
        const Field *field = &g_array_index(self->top, Field, i);

        if (!field->removed)
            append_rendered_field(text, field);
    }
    if (text->len == before)
        return;
    if (wn_header_block_needs_separator(self->block, self->message.len))
        g_string_append(text, "\r\n");
    add_splice(self, top, 0, text);
}

static void
render_received(Rendering *self, const Field *field)
{
    size_t offset = field->place->offset;
    size_t len = field->place->end - offset;
    g_autoptr(GString) text = NULL;

    if (field->removed) {
        add_splice(self, offset, len, NULL);
    } else if (field->replaced) {
        text = g_string_new(NULL);
        append_rendered_field(text, field);
        add_splice(self, offset, len, text);
    } else if (field->tags != NULL) {
        render_tags(self, field);
    }
}

static void
clear_field(gpointer data)
{
    Field *field = data;

    if (field->tags != NULL)
        g_string_free(field->tags, TRUE);
}

static GArray *
new_fields(guint n_reserved)
{
    GArray *fields = g_array_sized_new(FALSE, TRUE, sizeof(Field), n_reserved);

    g_array_set_clear_func(fields, clear_field);
    return fields;
}

static void
take_received(Rendering *self)
{
    const GArray *places = self->block->fields;

    self->received = new_fields(places->len);
    g_array_set_size(self->received, places->len);
    for (guint i = 0; i < places->len; i++) {
        Field *field = &g_array_index(self->received, Field, i);

        field->place = &g_array_index(places, WnField, i);
        field->name = wn_field_name(self->message, field->place);
    }
}

void
wn_edits_render(const WnEdit *edits, size_t n_edits, WnSpan message,
    const WnHeaderBlock *block, GStringChunk *strings, GArray *out_splices)
{
    Rendering self = { .message = message,
        .block = block,
        .edits = edits,
        .n_edits = n_edits,
        .top = new_fields((guint)MIN(n_edits, 16)),
        .strings = strings,
        .splices = out_splices };

    take_received(&self);
    for (size_t i = 0; i < n_edits; i++)
        apply_edit(&self, &edits[i]);
    render_top(&self);
    for (guint i = 0; i < self.received->len; i++)
        render_received(&self, &g_array_index(self.received, Field, i));
    g_array_unref(self.received);
    g_array_unref(self.top);
}
