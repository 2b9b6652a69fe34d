/* SPDX-License-Identifier: MIT */
#include "core/message/mime_tree.h"

#include "core/message/charset.h"
#include "core/message/mime_param.h"

/*
 *                  boundary of an open multipart
 *            .----------------------------------------.
 *            v                                        |
 *      open_entity() --- leaf, multipart ---> next_boundary() ---> end
 *        ^      |
 *        '------'  message/rfc822: what it holds begins at once
 */

/* A multipart that is open: its boundary has been announced and neither its
 * end nor that of a container around it was met. */
typedef struct Frame {
    WnSpan boundary;
    uint32_t hash; /* of it */
    uint32_t part;
    bool met; /* one of its delimiters was */
} Frame;

typedef struct Walk {
    WnMimeTree *tree;
    WnArena *arena;
    WnSpan message;
    WnHeaderBlock block; /* of the entity being opened */
    Frame frames[WN_MESSAGE_DEPTH_MAX + 1];
    size_t n_frames;
    size_t at;
} Walk;

typedef enum { LINE_PLAIN, LINE_DELIMITER, LINE_CLOSE } LineKind;

static WnMimePart *
part_at(const WnMimeTree *tree, uint32_t n)
{
    return &g_array_index(tree->parts, WnMimePart, n);
}

/* FNV-1a */
static uint32_t
hash_of(WnSpan text)
{
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (unsigned char)text.ptr[i]) * 16777619u;
    return hash;
}

/* Which of the open multiparts has the boundary, innermost first; n_frames if
 * none has.  Hashes spare comparing each line with all of them. */
static size_t
find_frame(const Walk *self, WnSpan boundary)
{
    uint32_t hash = hash_of(boundary);

    for (size_t i = self->n_frames; i-- > 0;) {
        if (self->frames[i].hash == hash
            && wn_span_eq(self->frames[i].boundary, boundary))
            return i;
    }
    return self->n_frames;
}

/* line begins with two hyphens.  Gives the innermost multipart whose delimiter
 * it is; one that ends takes what is inside with it. */
static LineKind
classify(const Walk *self, WnSpan line, size_t *out_frame)
{
    WnSpan text = wn_span_slice(wn_span_trim(line), 2, line.len);
    size_t closed = self->n_frames;
    size_t begun = find_frame(self, text);

    if (text.len >= 2 && text.ptr[text.len - 1] == '-'
        && text.ptr[text.len - 2] == '-')
        closed = find_frame(self, wn_span(text.ptr, text.len - 2));
    if (closed < self->n_frames
        && (begun == self->n_frames || closed > begun)) {
        *out_frame = closed;
        return LINE_CLOSE;
    }
    *out_frame = begun;
    return begun < self->n_frames ? LINE_DELIMITER : LINE_PLAIN;
}

static WnSpan
line_at(WnSpan message, size_t at)
{
    WnSpan rest = wn_span_slice(message, at, message.len);
    const char *lf = memchr(rest.ptr, '\n', rest.len);

    return wn_span_slice(rest, 0,
        lf != NULL ? (size_t)(lf + 1 - rest.ptr) : rest.len);
}

static bool
begins_with_hyphens(WnSpan text, size_t at)
{
    return at + 1 < text.len && text.ptr[at] == '-' && text.ptr[at + 1] == '-';
}

/* The first line from the offset on that begins with two hyphens. */
static size_t
find_hyphens(WnSpan message, size_t at)
{
    while (at < message.len && !begins_with_hyphens(message, at)) {
        const char *lf = memchr(message.ptr + at, '\n', message.len - at);

        if (lf == NULL)
            return message.len;
        at = (size_t)(lf + 1 - message.ptr);
    }
    return at;
}

/* The parts from first on end where a boundary line begins; the line end
 * before it is the boundary's (RFC 2046 §5.1.1).  Only those that are still
 * open have no end yet. */
static void
end_parts(Walk *self, uint32_t first, size_t end)
{
    if (end > 0 && end < self->message.len
        && self->message.ptr[end - 1] == '\n')
        end -= end > 1 && self->message.ptr[end - 2] == '\r' ? 2 : 1;
    for (uint32_t i = self->tree->parts->len; i-- > first;) {
        WnSpan *raw = &part_at(self->tree, i)->part.raw;
        size_t start = MIN((size_t)(raw->ptr - self->message.ptr), end);

        if (raw->len == SIZE_MAX)
            *raw = wn_span(self->message.ptr + start, end - start);
    }
}

/* The frames from first on end without their own last delimiter. */
static void
abandon_frames(Walk *self, size_t first)
{
    for (size_t i = first; i < self->n_frames; i++)
        self->tree->problems |= self->frames[i].met ? WN_MESSAGE_OPEN_BOUNDARY
                                                    : WN_MESSAGE_NO_BOUNDARY;
}

static void
close_frames(Walk *self, size_t n_frames, uint32_t first_part, size_t end)
{
    self->n_frames = n_frames;
    end_parts(self, first_part, end);
}

/* Goes to behind the next delimiter that begins a part; its parent is then the
 * innermost frame.  False at the end of the message. */
static bool
next_boundary(Walk *self)
{
    while (self->n_frames > 0) {
        size_t start = find_hyphens(self->message, self->at);
        WnSpan line = line_at(self->message, start);
        size_t frame;

        self->at = start + line.len;
        if (line.len == 0)
            return false;
        switch (classify(self, line, &frame)) {
        case LINE_PLAIN:
            break;
        case LINE_DELIMITER:
            self->frames[frame].met = true;
            abandon_frames(self, frame + 1);
            close_frames(self, frame + 1, self->frames[frame].part + 1, start);
            return true;
        case LINE_CLOSE:
            abandon_frames(self, frame + 1);
            /* Its epilogue belongs to the multipart, not to its last part. */
            close_frames(self, frame, self->frames[frame].part + 1, start);
            break;
        }
    }
    return false;
}

/* A part that ends within its header: a boundary may look like a field. */
static void
cut_header(Walk *self)
{
    GArray *fields = self->block.fields;

    for (guint i = 0; i < fields->len; i++) {
        size_t offset = g_array_index(fields, WnField, i).offset;
        size_t frame;

        if (!begins_with_hyphens(self->message, offset)
            || classify(self, line_at(self->message, offset), &frame)
                   == LINE_PLAIN)
            continue;
        g_array_set_size(fields, i);
        self->block.end = self->block.body = offset;
        return;
    }
}

/* The header of the entity that begins here, with offsets in the message. */
static void
parse_header(Walk *self)
{
    WnHeaderBlock *block = &self->block;

    wn_header_block_parse(block,
        wn_span_slice(self->message, self->at, self->message.len));
    block->top += self->at;
    block->end += self->at;
    block->body += self->at;
    for (guint i = 0; i < block->fields->len; i++) {
        WnField *field = &g_array_index(block->fields, WnField, i);

        field->offset += (uint32_t)self->at;
        field->value_offset += (uint32_t)self->at;
        field->end += (uint32_t)self->at;
    }
    cut_header(self);
}

static WnSpan
field_named(Walk *self, const WnHeaderBlock *block, const char *name)
{
    WnSpan wanted = wn_span_str(name);
    const WnField *first = NULL;

    for (guint i = 0; i < block->fields->len; i++) {
        const WnField *field = &g_array_index(block->fields, WnField, i);

        if (field->name_len != wanted.len
            || !wn_span_case_eq(wn_field_name(self->message, field), wanted))
            continue;
        if (first != NULL)
            self->tree->problems |= WN_MESSAGE_TWICE_MIME;
        else
            first = field;
    }
    return first != NULL ? wn_field_raw(self->message, first) : WN_SPAN_EMPTY;
}

static bool
is_looked_into(WnSpan type)
{
    type = wn_span_trim(type);
    return wn_span_case_starts(type, WN_SPAN("text/"))
           || wn_span_case_starts(type, WN_SPAN("multipart/"))
           || wn_span_case_starts(type, WN_SPAN("message/"));
}

/* Of several types readers' programs take either: one that has text goes before
 * one that has none, otherwise the first. */
static WnSpan
type_field(Walk *self, const WnHeaderBlock *block)
{
    WnSpan first = field_named(self, block, "Content-Type");

    if ((self->tree->problems & WN_MESSAGE_TWICE_MIME) == 0
        || is_looked_into(first))
        return first;
    for (guint i = 0; i < block->fields->len; i++) {
        const WnField *field = &g_array_index(block->fields, WnField, i);
        WnSpan raw = wn_field_raw(self->message, field);

        if (is_looked_into(raw)
            && wn_span_case_eq(wn_field_name(self->message, field),
                WN_SPAN("content-type")))
            return raw;
    }
    return first;
}

static bool
is_message_type(WnSpan type)
{
    return wn_span_eq(type, WN_SPAN("message/rfc822"))
           || wn_span_eq(type, WN_SPAN("message/global"))
           || wn_span_eq(type, WN_SPAN("message/news"));
}

static WnMimeKind
kind_of(WnSpan type)
{
    if (wn_span_eq(type, WN_SPAN("text/html"))
        || wn_span_eq(type, WN_SPAN("application/xhtml+xml")))
        return WN_MIME_HTML;
    return wn_span_case_starts(type, WN_SPAN("text/")) ? WN_MIME_TEXT
                                                       : WN_MIME_OTHER;
}

/* Without a type, or with one that cannot be read, a part is plain text
 * (RFC 2045 §5.2), in a digest a message (RFC 2046 §5.1.5). */
static WnSpan
default_type(const Walk *self, int32_t parent)
{
    if (parent >= 0
        && wn_span_eq(part_at(self->tree, (uint32_t)parent)->part.type,
            WN_SPAN("multipart/digest")))
        return WN_SPAN("message/rfc822");
    return WN_SPAN("text/plain");
}

static void
note_conflict(Walk *self, WnSpan a, WnSpan b)
{
    if (a.len > 0 && b.len > 0 && !wn_span_eq(a, b))
        self->tree->problems |= WN_MESSAGE_NAME_CONFLICT;
}

/* The parameter, else what the name was so far. */
static WnSpan
take_file_name(Walk *self, const WnMimeValue *value, const char *param,
    WnSpan before)
{
    WnSpan name = wn_mime_value_param(value, param, self->arena);

    note_conflict(self, name, wn_mime_value_plain(value, param, self->arena));
    note_conflict(self, name, before);
    return name.len > 0 ? name : before;
}

/* Gives the boundary, empty unless the part is a multipart. */
static WnSpan
read_type(Walk *self, WnMimePart *out, WnSpan raw)
{
    WnMimeValue value;
    WnSpan boundary = WN_SPAN_EMPTY;
    WnMessagePart *part = &out->part;

    part->type = default_type(self, part->parent);
    part->charset = part->file_name = WN_SPAN_EMPTY;
    if (wn_span_trim(raw).len > 0) {
        wn_mime_value_parse(&value, raw, self->arena);
        if (memchr(value.word.ptr, '/', value.word.len) != NULL)
            part->type = value.word;
        part->charset = wn_mime_value_charset(&value, self->arena);
        part->file_name = take_file_name(self, &value, "name", WN_SPAN_EMPTY);
        self->tree->problems |= wn_mime_value_problems(&value);
        boundary = wn_mime_value_boundary(&value, self->arena);
    }
    out->kind = kind_of(part->type);
    if (!wn_span_case_starts(part->type, WN_SPAN("multipart/")))
        return WN_SPAN_EMPTY;
    if (boundary.len > 0) {
        part->flags |= WN_MESSAGE_PART_MULTIPART;
    } else {
        part->flags |= WN_MESSAGE_PART_BROKEN;
        self->tree->problems |= WN_MESSAGE_NO_BOUNDARY;
        out->kind = WN_MIME_TEXT; /* as readers show it */
    }
    return boundary;
}

static void
read_disposition(Walk *self, WnMimePart *out, WnSpan raw)
{
    WnMessagePart *part = &out->part;
    WnMimeValue value;

    out->shown = part->parent < 0
                 || part_at(self->tree, (uint32_t)part->parent)->shown;
    if (wn_span_trim(raw).len > 0) {
        wn_mime_value_parse(&value, raw, self->arena);
        part->file_name = take_file_name(self, &value, "filename",
            part->file_name);
        self->tree->problems |= wn_mime_value_problems(&value);
        if (wn_span_eq(value.word, WN_SPAN("attachment"))) {
            part->flags |= WN_MESSAGE_PART_ATTACHMENT;
            out->shown &= part->parent < 0;
        }
    }
    if (part->file_name.len > 0)
        part->flags |= WN_MESSAGE_PART_ATTACHMENT;
}

/* A message that is encoded (RFC 2046 §5.2.1 forbids it) is an attachment
 * like any other. */
static void
read_encoding(Walk *self, WnMimePart *out, WnSpan raw)
{
    WnMessagePart *part = &out->part;
    bool multipart = (part->flags & WN_MESSAGE_PART_MULTIPART) != 0;

    out->encoding = wn_encoding_find(raw);
    if (wn_span_trim(raw).len > 0 && !wn_encoding_is_known(raw))
        self->tree->problems |= WN_MESSAGE_BAD_ENCODING;
    if (multipart && out->encoding != WN_ENCODING_NONE)
        self->tree->problems |= WN_MESSAGE_ENCODED_MULTI;
    if (multipart)
        out->encoding = WN_ENCODING_NONE;
    else if (is_message_type(part->type) && out->encoding == WN_ENCODING_NONE)
        part->flags |= WN_MESSAGE_PART_MESSAGE;
}

static bool
is_known_charset(WnSpan name)
{
    return name.len == 0 || wn_span_case_starts(name, WN_SPAN("us-ascii"))
           || wn_span_case_starts(name, WN_SPAN("ascii"))
           || wn_span_case_starts(name, WN_SPAN("ansi_x3.4"))
           || !wn_charset_find(name).guess;
}

/* Adds the part whose header is in block.  Gives its index. */
static uint32_t
add_part(Walk *self, const WnHeaderBlock *block, int32_t parent,
    WnSpan *out_boundary)
{
    WnMimePart new = { .part.parent = parent };

    if (parent >= 0)
        new.part.depth = part_at(self->tree, (uint32_t)parent)->part.depth + 1;
    *out_boundary = read_type(self, &new, type_field(self, block));
    read_disposition(self, &new,
        field_named(self, block, "Content-Disposition"));
    read_encoding(self, &new,
        field_named(self, block, "Content-Transfer-Encoding"));
    if (new.kind != WN_MIME_OTHER && !is_known_charset(new.part.charset))
        self->tree->problems |= WN_MESSAGE_BAD_CHARSET;
    new.part.raw = (WnSpan){ self->message.ptr + block->body, SIZE_MAX };
    g_array_append_val(self->tree->parts, new);
    return self->tree->parts->len - 1;
}

/* Opens what begins here: one part, and where that is a message, the one it
 * holds, and so on.  False if there is no room for it. */
static bool
open_entity(Walk *self, const WnHeaderBlock *block, int32_t parent)
{
    while (self->tree->parts->len < WN_MESSAGE_PARTS_MAX) {
        WnSpan boundary;
        uint32_t n = add_part(self, block, parent, &boundary);
        const WnMessagePart *part = &part_at(self->tree, n)->part;

        self->at = block->body;
        if ((part->flags
                & (WN_MESSAGE_PART_MULTIPART | WN_MESSAGE_PART_MESSAGE))
            == 0)
            return true;
        if (part->depth == WN_MESSAGE_DEPTH_MAX) {
            self->tree->problems |= WN_MESSAGE_TOO_DEEP;
            return true;
        }
        if ((part->flags & WN_MESSAGE_PART_MULTIPART) != 0) {
            self->frames[self->n_frames++] = (Frame){ boundary,
                hash_of(boundary), n, false };
            return true;
        }
        parse_header(self);
        block = &self->block;
        parent = (int32_t)n;
    }
    self->tree->problems |= WN_MESSAGE_TOO_MANY;
    return false;
}

static void
check_encodings(WnMimeTree *tree)
{
    for (guint i = 0; i < tree->parts->len; i++) {
        WnMimePart *part = part_at(tree, i);

        if (wn_content_is_sound(part->part.raw, part->encoding))
            continue;
        part->part.flags |= WN_MESSAGE_PART_BROKEN;
        tree->problems |= WN_MESSAGE_BAD_CONTENT;
    }
}

void
wn_mime_tree_init(WnMimeTree *self, WnSpan message, const WnHeaderBlock *block,
    WnArena *arena)
{
    Walk walk = { .tree = self, .arena = arena, .message = message };
    bool room;

    *self = (WnMimeTree){ .parts = g_array_new(FALSE, FALSE,
                              sizeof(WnMimePart)) };
    wn_header_block_init(&walk.block);
    room = open_entity(&walk, block, -1);
    while (room && next_boundary(&walk)) {
        int32_t parent = (int32_t)walk.frames[walk.n_frames - 1].part;

        parse_header(&walk);
        room = open_entity(&walk, &walk.block, parent);
    }
    if (room)
        abandon_frames(&walk, 0);
    end_parts(&walk, 0, message.len);
    check_encodings(self);
    wn_header_block_clear(&walk.block);
}

void
wn_mime_tree_clear(WnMimeTree *self)
{
    g_clear_pointer(&self->parts, g_array_unref);
}
