/* SPDX-License-Identifier: MIT */
#include "core/conf/keyfile_edit.h"

#include "core/base/span.h"

#include <string.h>

#define VALUE_MAX (32u << 10) /* well below the reader's longest line */

static const char byte_order_mark[] = "\xef\xbb\xbf";

/* A line as offsets into the text. */
typedef struct Line {
    size_t start;
    size_t next; /* start of the following line, or the text's end */
    WnSpan body; /* without line end, mark and surrounding blanks */
} Line;

/* A group as offsets: its header's line, the first line behind it, its end. */
typedef struct Section {
    size_t header;
    size_t body;
    size_t end;
} Section;

static bool
line_at(const GString *text, size_t at, Line *out_line)
{
    const char *start = text->str + at;
    const char *end;
    size_t len;

    if (at >= text->len)
        return false;
    end = memchr(start, '\n', text->len - at);
    len = end != NULL ? (size_t)(end - start) : text->len - at;
    out_line->start = at;
    out_line->next = at + len + (end != NULL);
    if (at == 0 && len >= 3 && memcmp(start, byte_order_mark, 3) == 0) {
        start += 3;
        len -= 3;
    }
    if (len > 0 && start[len - 1] == '\r')
        len--;
    out_line->body = wn_span_trim(wn_span(start, len));
    return true;
}

static bool
is_header(const Line *line)
{
    return line->body.len > 0 && line->body.ptr[0] == '[';
}

static bool
is_comment(const Line *line)
{
    return line->body.len > 0 && line->body.ptr[0] == '#';
}

/* "[filter  rbl]" is named "filter rbl". */
static bool
header_is(const Line *line, const char *group)
{
    g_autofree char *name = NULL;
    g_autoptr(GString) folded = g_string_new(NULL);
    WnSpan body = line->body;

    if (!is_header(line) || body.ptr[body.len - 1] != ']')
        return false;
    name = wn_span_dup(wn_span_trim(wn_span_slice(body, 1, body.len - 2)));
    for (const char *at = name; *at != '\0'; at++) {
        bool blank = *at == ' ' || *at == '\t';

        if (!blank || folded->str[folded->len - 1] != ' ')
            g_string_append_c(folded, blank ? ' ' : *at);
    }
    return strcmp(folded->str, group) == 0;
}

static bool
find_group(const GString *text, const char *group, Section *out_section)
{
    bool found = false;
    Line line;

    for (size_t at = 0; line_at(text, at, &line); at = line.next) {
        if (!is_header(&line))
            continue;
        if (found) {
            out_section->end = line.start;
            return true;
        }
        if (!header_is(&line, group))
            continue;
        found = true;
        out_section->header = line.start;
        out_section->body = line.next;
    }
    out_section->end = text->len;
    return found;
}

/* The key of the line; empty: it has none. */
static WnSpan
key_of(const Line *line)
{
    const char *equals = line->body.len > 0
                             ? memchr(line->body.ptr, '=', line->body.len)
                             : NULL;

    if (equals == NULL || is_comment(line) || is_header(line))
        return wn_span(NULL, 0);
    return wn_span_trim(
        wn_span(line->body.ptr, (size_t)(equals - line->body.ptr)));
}

static bool
find_key(const GString *text, const Section *section, const char *key,
    Line *out_line)
{
    for (size_t at = section->body;
         at < section->end && line_at(text, at, out_line); at = out_line->next)
        if (wn_span_eq(key_of(out_line), wn_span_str(key)))
            return true;
    return false;
}

/* Behind the last line that says something. */
static size_t
end_of_keys(const GString *text, const Section *section)
{
    size_t end = section->body;
    Line line;

    for (size_t at = section->body;
         at < section->end && line_at(text, at, &line); at = line.next)
        if (line.body.len > 0 && !is_comment(&line))
            end = line.next;
    return end;
}

/* The one that the file has already. */
static const char *
line_end(const GString *text)
{
    const char *first = memchr(text->str, '\n', text->len);

    return first != NULL && first > text->str && first[-1] == '\r' ? "\r\n"
                                                                   : "\n";
}

static void
end_last_line(GString *text)
{
    if (text->len > 0 && text->str[text->len - 1] != '\n')
        g_string_append(text, line_end(text));
}

/* From behind the "=" and its blanks to the line's end. */
static void
replace_value(GString *text, const Line *line, const char *value)
{
    const char *body_end = line->body.ptr + line->body.len;
    const char *at = memchr(line->body.ptr, '=', line->body.len);
    g_autofree char *spaced = NULL;
    gssize start;

    at++;
    if (at == body_end)
        spaced = g_strconcat(" ", value, NULL);
    while (at < body_end && (*at == ' ' || *at == '\t'))
        at++;
    start = at - text->str;
    g_string_erase(text, start, body_end - at);
    g_string_insert(text, start, spaced != NULL ? spaced : value);
}

char *
wn_keyfile_edit_fault(const char *key, const char *value)
{
    for (const char *at = key; *at != '\0'; at++)
        if (!g_ascii_isalnum(*at) && strchr("_-.", *at) == NULL)
            return g_strdup("a key has letters, digits and . _ - only");
    if (*key == '\0')
        return g_strdup("the key is empty");
    if (value == NULL)
        return NULL;
    if (strlen(value) > VALUE_MAX)
        return g_strdup_printf("the value is longer than %u bytes", VALUE_MAX);
    if (!g_utf8_validate(value, -1, NULL))
        return g_strdup("the value is not valid UTF-8");
    for (const char *at = value; *at != '\0'; at++)
        if (g_ascii_iscntrl(*at) && *at != '\t')
            return g_strdup("the value holds a line end or another control "
                            "character");
    return NULL;
}

bool
wn_keyfile_edit_has_group(const GString *text, const char *group)
{
    Section section;

    return find_group(text, group, &section);
}

void
wn_keyfile_edit_add_group(GString *text, const char *group)
{
    const char *end = line_end(text);

    if (wn_keyfile_edit_has_group(text, group))
        return;
    end_last_line(text);
    g_string_append_printf(text, "%s[%s]%s", text->len > 0 ? end : "", group,
        end);
}

void
wn_keyfile_edit_set(GString *text, const char *group, const char *key,
    const char *value)
{
    const char *end = line_end(text);
    g_autofree char *added = g_strconcat(key, " = ", value, end, NULL);
    Section section;
    Line line;
    size_t at;

    wn_keyfile_edit_add_group(text, group);
    if (!find_group(text, group, &section))
        return;
    if (find_key(text, &section, key, &line)) {
        replace_value(text, &line, value);
        return;
    }
    at = end_of_keys(text, &section);
    if (at == text->len) {
        end_last_line(text);
        at = text->len;
    }
    g_string_insert(text, (gssize)at, added);
}

bool
wn_keyfile_edit_unset(GString *text, const char *group, const char *key)
{
    Section section;
    Line line;

    if (!find_group(text, group, &section)
        || !find_key(text, &section, key, &line))
        return false;
    g_string_erase(text, (gssize)line.start, (gssize)(line.next - line.start));
    return true;
}

/* Comments that stand above the next group belong to it. */
static size_t
end_with_comments(const GString *text, const Section *section)
{
    size_t end = section->body;
    bool attached = false;
    Line line;

    if (section->end == text->len)
        return section->end;
    for (size_t at = section->body;
         at < section->end && line_at(text, at, &line); at = line.next) {
        if (!is_comment(&line))
            end = line.next;
        attached = is_comment(&line);
    }
    return attached ? end : section->end;
}

bool
wn_keyfile_edit_remove_group(GString *text, const char *group)
{
    Section section;
    size_t from, end;

    if (!find_group(text, group, &section))
        return false;
    from = section.header;
    end = end_with_comments(text, &section);
    if (from == 0 && g_str_has_prefix(text->str, byte_order_mark))
        from = 3;
    g_string_erase(text, (gssize)from, (gssize)(end - from));
    return true;
}
