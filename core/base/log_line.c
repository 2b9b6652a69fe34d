/* SPDX-License-Identifier: MIT */
#include "core/base/log_line.h"

#include "core/base/text.h"

#define DEPTH_MAX 16
#define KEY_MAX 256

/* Before the line itself: time, host and program, as syslog writes them. */
#define PREFIX_MAX 512

struct WnLogLine {
    GStringChunk *strings;
    GArray *fields;
};

typedef struct Parser {
    WnLogLine *line;
    const char *at;
    const char *end;
    GString *value; /* being put together */
    GString *path;  /* the key so far */
    unsigned depth;
} Parser;

static char
peek(const Parser *self)
{
    return self->at < self->end ? *self->at : '\0';
}

static bool
take(Parser *self, char wanted)
{
    if (self->at == self->end || *self->at != wanted)
        return false;
    self->at++;
    return true;
}

static bool
take_word(Parser *self, const char *word)
{
    size_t len = strlen(word);

    if ((size_t)(self->end - self->at) < len
        || memcmp(self->at, word, len) != 0)
        return false;
    self->at += len;
    return true;
}

static void
skip_space(Parser *self)
{
    while (self->at < self->end && g_ascii_isspace(*self->at))
        self->at++;
}

/* The value under the path. */
static bool
add(Parser *self, WnLogKind kind)
{
    WnLogField field = { .kind = kind };

    if (self->line->fields->len >= WN_LOG_LINE_FIELDS_MAX
        || self->path->len == 0)
        return false;
    field.key = g_string_chunk_insert(self->line->strings, self->path->str);
    field.value = g_string_chunk_insert(self->line->strings, self->value->str);
    g_array_append_val(self->line->fields, field);
    return true;
}

static bool
take_hex(Parser *self, unsigned n_digits, uint32_t *out_code)
{
    uint32_t code = 0;

    for (unsigned i = 0; i < n_digits; i++) {
        int digit = g_ascii_xdigit_value(peek(self));

        if (digit < 0)
            return false;
        code = code << 4 | (uint32_t)digit;
        self->at++;
    }
    *out_code = code;
    return true;
}

/* C strings hold no NUL. */
static void
put_char(Parser *self, uint32_t code)
{
    if (code == 0 || (code >= 0xd800 && code < 0xe000))
        code = 0xfffd;
    g_string_append_unichar(self->value, code);
}

/* Of JSON, behind "\u". */
static bool
take_utf16(Parser *self)
{
    uint32_t high, low;

    if (!take_hex(self, 4, &high))
        return false;
    if (high < 0xd800 || high >= 0xdc00) {
        put_char(self, high);
        return true;
    }
    if (!take_word(self, "\\u") || !take_hex(self, 4, &low) || low < 0xdc00
        || low >= 0xe000)
        return false;
    put_char(self, 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00));
    return true;
}

static bool
take_escape(Parser *self)
{
    static const char names[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    char name = peek(self);
    const char *known = name != '\0' ? strchr(names, name) : NULL;
    uint32_t byte;

    if (self->at < self->end)
        self->at++;
    if (known != NULL) {
        g_string_append_c(self->value, meanings[known - names]);
        return true;
    }
    if (name == 'u')
        return take_utf16(self);
    if (name != 'x' || !take_hex(self, 2, &byte))
        return false;
    if (byte == 0)
        put_char(self, 0);
    else
        g_string_append_c(self->value, (char)byte);
    return true;
}

static bool
take_quoted(Parser *self)
{
    g_string_truncate(self->value, 0);
    if (!take(self, '"'))
        return false;
    while (self->at < self->end) {
        char c = *self->at++;

        if (c == '"')
            return true;
        if (g_ascii_iscntrl(c) || (c == '\\' && !take_escape(self)))
            return false;
        if (c != '\\')
            g_string_append_c(self->value, c);
    }
    return false;
}

/*
 * JSON
 */

static bool take_json(Parser *self);

/* The key of a member, or the number of an element, behind the path; returns
 * how long that was before. */
static size_t
enter(Parser *self, const char *key)
{
    size_t len = self->path->len;

    if (len > 0)
        g_string_append_c(self->path, '.');
    g_string_append(self->path, key);
    return len;
}

static bool
take_object(Parser *self)
{
    do {
        size_t len;

        skip_space(self);
        if (!take_quoted(self) || self->value->len == 0)
            return false;
        len = enter(self, self->value->str);
        skip_space(self);
        if (self->path->len > KEY_MAX || !take(self, ':') || !take_json(self))
            return false;
        g_string_truncate(self->path, len);
        skip_space(self);
    } while (take(self, ','));
    return take(self, '}');
}

static bool
take_list(Parser *self)
{
    unsigned n = 0;

    do {
        char number[16];
        size_t len;

        g_snprintf(number, sizeof number, "%u", n++);
        len = enter(self, number);
        if (!take_json(self))
            return false;
        g_string_truncate(self->path, len);
        skip_space(self);
    } while (take(self, ','));
    return take(self, ']');
}

static bool
take_number(Parser *self)
{
    const char *start = self->at;

    while (self->at < self->end
           && (g_ascii_isdigit(*self->at)
               || memchr("+-.eE", *self->at, 5) != NULL))
        self->at++;
    g_string_truncate(self->value, 0);
    g_string_append_len(self->value, start, self->at - start);
    return self->at > start && add(self, WN_LOG_NUMBER);
}

static bool
take_literal(Parser *self)
{
    static const char *const truths[] = { "true", "false" };

    for (size_t i = 0; i < G_N_ELEMENTS(truths); i++)
        if (take_word(self, truths[i])) {
            g_string_assign(self->value, truths[i]);
            return add(self, WN_LOG_TRUTH);
        }
    return take_word(self, "null"); /* as if it were not there */
}

static bool
take_nested(Parser *self, char open)
{
    char close = open == '{' ? '}' : ']';
    bool done;

    if (self->depth == DEPTH_MAX)
        return false;
    self->at++;
    skip_space(self);
    if (take(self, close))
        return true;
    self->depth++;
    done = open == '{' ? take_object(self) : take_list(self);
    self->depth--;
    return done;
}

static bool
take_json(Parser *self)
{
    skip_space(self);
    switch (peek(self)) {
    case '{':
    case '[':
        return take_nested(self, peek(self));
    case '"':
        return take_quoted(self) && add(self, WN_LOG_STRING);
    case 't':
    case 'f':
    case 'n':
        return take_literal(self);
    default:
        return take_number(self);
    }
}

/*
 * Text
 */

static bool
is_key_char(char c)
{
    return g_ascii_isalnum(c) || c == '_' || c == '.';
}

static bool
take_key(Parser *self)
{
    g_string_truncate(self->path, 0);
    while (self->at < self->end && is_key_char(*self->at)
           && self->path->len < KEY_MAX)
        g_string_append_c(self->path, *self->at++);
    return self->path->len > 0 && take(self, '=');
}

static bool
take_bare(Parser *self)
{
    const char *start = self->at;

    while (self->at < self->end && g_ascii_isgraph(*self->at)
           && memchr("\"=\\", *self->at, 3) == NULL)
        self->at++;
    g_string_truncate(self->value, 0);
    g_string_append_len(self->value, start, self->at - start);
    return self->at > start && add(self, WN_LOG_WORD);
}

static bool
take_text(Parser *self)
{
    do {
        if (!take_key(self))
            return false;
        if (peek(self) == '"') {
            if (!take_quoted(self) || !add(self, WN_LOG_STRING))
                return false;
        } else if (!take_bare(self)) {
            return false;
        }
    } while (take(self, ' '));
    return true;
}

/*
 * Lines
 */

/* Where the line itself begins, whatever a collector has put before it. */
static bool
find_start(Parser *self)
{
    static const char first_key[] = "time=";
    const char *limit = self->at
                        + MIN((size_t)(self->end - self->at), PREFIX_MAX);

    for (; self->at < limit; self->at++) {
        Parser ahead = *self;

        if (*self->at == '{' || take_word(&ahead, first_key))
            return true;
    }
    return false;
}

static bool
parse(Parser *self)
{
    bool done;

    if (!find_start(self))
        return false;
    done = peek(self) == '{' ? take_json(self) : take_text(self);
    skip_space(self);
    return done && self->at == self->end
           && wn_log_line_get(self->line, "time") != NULL
           && wn_log_line_get(self->line, "event") != NULL;
}

WnLogLine *
wn_log_line_parse(WnSpan text)
{
    g_autoptr(WnLogLine) line = g_new0(WnLogLine, 1);
    Parser parser = { .line = line,
        .at = text.ptr,
        .end = text.ptr + text.len };
    bool done;

    line->strings = g_string_chunk_new(1024);
    line->fields = g_array_new(FALSE, FALSE, sizeof(WnLogField));
    if (text.len > WN_LOG_LINE_INPUT_MAX)
        return NULL;
    parser.value = g_string_new(NULL);
    parser.path = g_string_new(NULL);
    done = parse(&parser);
    g_string_free(parser.value, TRUE);
    g_string_free(parser.path, TRUE);
    return done ? g_steal_pointer(&line) : NULL;
}

void
wn_log_line_free(WnLogLine *self)
{
    if (self == NULL)
        return;
    g_string_chunk_free(self->strings);
    g_array_unref(self->fields);
    g_free(self);
}

const GArray *
wn_log_line_fields(const WnLogLine *self)
{
    return self->fields;
}

const char *
wn_log_line_get(const WnLogLine *self, const char *key)
{
    for (guint i = 0; i < self->fields->len; i++) {
        const WnLogField *field = &g_array_index(self->fields, WnLogField, i);

        if (strcmp(field->key, key) == 0)
            return field->value;
    }
    return NULL;
}
