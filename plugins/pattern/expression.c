/* SPDX-License-Identifier: MIT */

#include "expression.h"

#include <string.h>

#define DEPTH_MAX 64
#define NODES_MAX 400000u

typedef struct Reader {
    const char *at;
    Expression *out;
    bool caseless, extended;
    bool lost; /* something was not understood */
    int depth;
} Reader;

static uint32_t read_choice(Reader *self);

const ExpressionNode *
expression_at(const Expression *self, uint32_t n)
{
    return &g_array_index(self->nodes, ExpressionNode, n);
}

static ExpressionNode *
node_at(Reader *self, uint32_t n)
{
    return &g_array_index(self->out->nodes, ExpressionNode, n);
}

static uint32_t
add_node(Reader *self, ExpressionKind kind)
{
    ExpressionNode node = { .kind = kind,
        .first = EXPRESSION_NONE,
        .next = EXPRESSION_NONE };

    if (self->out->nodes->len >= NODES_MAX)
        self->lost = true;
    g_array_append_val(self->out->nodes, node);
    return self->out->nodes->len - 1;
}

static uint32_t
add_set(Reader *self, ByteSet set)
{
    uint32_t n = add_node(self, EXPRESSION_SET);

    if (self->caseless)
        for (unsigned int byte = 'a'; byte <= 'z'; byte++) {
            if (byte_set_has(&set, byte))
                byte_set_add(&set, byte - 'a' + 'A');
            if (byte_set_has(&set, byte - 'a' + 'A'))
                byte_set_add(&set, byte);
        }
    node_at(self, n)->set = set;
    return n;
}

static uint32_t
add_byte(Reader *self, unsigned char byte)
{
    ByteSet set = { { 0 } };

    byte_set_add(&set, byte);
    return add_set(self, set);
}

static void
skip_behind(Reader *self, const char *end)
{
    const char *found = strstr(self->at, end);

    self->lost = self->lost || found == NULL;
    self->at = found != NULL ? found + strlen(end)
                             : self->at + strlen(self->at);
}

static unsigned char
read_hex(Reader *self)
{
    guint64 value = 0;

    if (*self->at == '{') {
        value = g_ascii_strtoull(self->at + 1, NULL, 16);
        skip_behind(self, "}");
    } else {
        for (int i = 0; i < 2 && g_ascii_isxdigit(*self->at); i++)
            value = value * 16 + (guint64)g_ascii_xdigit_value(*self->at++);
    }
    self->lost = self->lost || value > 0xFF;
    return (unsigned char)value;
}

static unsigned char
read_octal(Reader *self)
{
    unsigned int value = 0;

    for (int i = 0; i < 3 && *self->at >= '0' && *self->at <= '7'; i++)
        value = value * 8 + (unsigned int)(*self->at++ - '0');
    self->lost = self->lost || value > 0xFF;
    return (unsigned char)value;
}

/* An escape that is one byte, at its letter; false if it is another one. */
static bool
read_byte_escape(Reader *self, unsigned char *out)
{
    static const char plain[] = "ntrfea";
    static const char bytes[] = "\n\t\r\f\x1b\a";
    char letter = *self->at;
    const char *found = letter != '\0' ? strchr(plain, letter) : NULL;

    if (found != NULL) {
        self->at++;
        *out = (unsigned char)bytes[found - plain];
    } else if (letter == 'x') {
        self->at++;
        *out = read_hex(self);
    } else if (letter == '0') {
        *out = read_octal(self);
    } else if (letter != '\0' && !g_ascii_isalnum(letter)) {
        self->at++;
        *out = (unsigned char)letter;
    } else {
        return false;
    }
    return true;
}

/* \k<name>, \g{2}: a reference in whatever brackets. */
static void
skip_reference(Reader *self)
{
    if (*self->at == '{')
        skip_behind(self, "}");
    else if (*self->at == '<')
        skip_behind(self, ">");
    else if (*self->at == '\'' && self->at[1] != '\0') {
        self->at++;
        skip_behind(self, "'");
    } else {
        while (
            g_ascii_isdigit(*self->at) || *self->at == '-' || *self->at == '+')
            self->at++;
    }
}

static uint32_t
read_escape(Reader *self)
{
    unsigned char byte;
    ByteSet set = { { 0 } };
    char letter;

    if (read_byte_escape(self, &byte))
        return add_byte(self, byte);
    letter = *self->at;
    if (letter == '\0') {
        self->lost = true;
        return add_node(self, EXPRESSION_UNKNOWN);
    }
    self->at++;
    if (strchr("dDwWsShHvVN", letter) != NULL) {
        byte_set_add_kind(&set, letter);
        return add_set(self, set);
    }
    if (strchr("bBAzZGK", letter) != NULL)
        return add_node(self, EXPRESSION_EMPTY);
    if (letter == 'k' || letter == 'g')
        skip_reference(self);
    else if (g_ascii_isdigit(letter))
        while (g_ascii_isdigit(*self->at))
            self->at++;
    else
        self->lost = letter != 'R';
    return add_node(self, EXPRESSION_UNKNOWN);
}

/* [:alpha:] at the bracket; false if there is none. */
static bool
read_posix(Reader *self, ByteSet *set)
{
    const char *name = self->at + 2;
    size_t len;

    if (self->at[0] != '[' || self->at[1] != ':')
        return false;
    len = strcspn(name, ":]");
    if (name[len] != ':' || name[len + 1] != ']')
        return false;
    if (!byte_set_add_class(set, name, len))
        self->lost = true;
    self->at = name + len + 2;
    return true;
}

/* One member of a class: its byte, or -1 if it was a kind of bytes. */
static int
read_member(Reader *self, ByteSet *set)
{
    unsigned char byte;

    if (*self->at != '\\')
        return (unsigned char)*self->at++;
    self->at++;
    if (read_byte_escape(self, &byte))
        return byte;
    if (*self->at == 'b') {
        self->at++;
        return '\b';
    }
    if (g_ascii_isdigit(*self->at)) {
        if (*self->at <= '7')
            return read_octal(self);
        self->lost = true;
    } else if (*self->at != '\0' && strchr("dDwWsShHvV", *self->at) != NULL) {
        byte_set_add_kind(set, *self->at++);
        return -1;
    }
    self->lost = true;
    return -1;
}

/* Behind the bracket. */
static uint32_t
read_class(Reader *self)
{
    ByteSet set = { { 0 } };
    bool inverted = *self->at == '^';
    uint32_t n;

    self->at += inverted;
    for (bool first = true;
         *self->at != '\0' && !self->lost && (first || *self->at != ']');
         first = false) {
        int from;
        int to;

        if (read_posix(self, &set))
            continue;
        from = to = read_member(self, &set);
        if (from >= 0 && self->at[0] == '-' && self->at[1] != ']'
            && self->at[1] != '\0') {
            self->at++;
            to = read_member(self, &set);
            if (to < from)
                self->lost = true;
        }
        for (int byte = MAX(from, 0); byte <= to; byte++)
            byte_set_add(&set, (unsigned int)byte);
    }
    self->lost = self->lost || *self->at != ']';
    self->at += *self->at == ']';
    n = add_set(self, set);
    /* Case first: [^a] with /i is not A either. */
    if (inverted)
        byte_set_invert(&node_at(self, n)->set);
    return n;
}

typedef enum { GROUP, LOOK_AROUND, NOTHING, UNKNOWN } GroupKind;

/* (?i), (?^x-i:...) behind the "?". */
static GroupKind
read_flags(Reader *self)
{
    bool on = true;

    for (; *self->at != '\0' && *self->at != ')' && *self->at != ':';
         self->at++) {
        if (*self->at == '^')
            self->caseless = self->extended = false;
        else if (*self->at == '-')
            on = false;
        else if (*self->at == 'i')
            self->caseless = on;
        else if (*self->at == 'x')
            self->extended = on;
        else if (strchr("msnUJa", *self->at) == NULL)
            self->lost = true;
        if (self->at[0] == 'x' && self->at[1] == 'x')
            self->lost = true;
    }
    if (*self->at == '\0') {
        self->lost = true;
        return NOTHING;
    }
    return *self->at++ == ':' ? GROUP : NOTHING;
}

/* Behind "(?". */
static GroupKind
read_group_kind(Reader *self)
{
    const char *at = self->at;

    if (*at == '#') {
        skip_behind(self, ")");
        return NOTHING;
    }
    if (*at == '=' || *at == '!'
        || (*at == '<' && (at[1] == '=' || at[1] == '!'))) {
        self->at += *at == '<' ? 2 : 1;
        return LOOK_AROUND;
    }
    if (*at == ':' || *at == '>') {
        self->at++;
        return GROUP;
    }
    if (*at == '<' || (*at == 'P' && at[1] == '<')) {
        skip_behind(self, ">");
        return GROUP;
    }
    if (*at == '\'') {
        self->at++;
        skip_behind(self, "'");
        return GROUP;
    }
    if (*at == '&' || *at == 'R' || *at == 'P' || *at == '+'
        || g_ascii_isdigit(*at) || (*at == '-' && g_ascii_isdigit(at[1]))) {
        skip_behind(self, ")");
        return UNKNOWN;
    }
    /* "|" numbers groups, "(" asks a condition. */
    self->lost = self->lost || *at == '|' || *at == '(';
    return read_flags(self);
}

static void
expect_end(Reader *self)
{
    if (*self->at == ')')
        self->at++;
    else
        self->lost = true;
}

/* Behind the parenthesis.  Flags that stand alone change the reader's. */
static uint32_t
read_group(Reader *self)
{
    bool caseless = self->caseless;
    bool extended = self->extended;
    GroupKind kind = GROUP;
    uint32_t inner;

    if (*self->at == '*')
        self->lost = true;
    if (*self->at == '?') {
        self->at++;
        kind = read_group_kind(self);
    }
    if (self->lost || kind == UNKNOWN)
        return add_node(self, EXPRESSION_UNKNOWN);
    if (kind == NOTHING)
        return add_node(self, EXPRESSION_EMPTY);
    inner = read_choice(self);
    self->caseless = caseless;
    self->extended = extended;
    expect_end(self);
    return kind == GROUP ? inner : add_node(self, EXPRESSION_EMPTY);
}

static void
skip_blanks(Reader *self)
{
    while (self->extended && *self->at != '\0') {
        if (*self->at == '#')
            self->at += strcspn(self->at, "\n");
        else if (g_ascii_isspace(*self->at) || *self->at == '\v')
            self->at++;
        else
            break;
    }
}

/* A number of at most 65535 at *at. */
static uint32_t
read_number(const char **at)
{
    uint32_t value = 0;

    for (; g_ascii_isdigit(**at); (*at)++)
        value = MIN(value * 10 + (uint32_t)(**at - '0'), 65535u);
    return value;
}

/* {n}, {n,}, {n,m}; anything else in braces is itself. */
static bool
read_braces(Reader *self, uint32_t *least, uint32_t *most)
{
    const char *at = self->at + 1;

    if (!g_ascii_isdigit(*at)) {
        /* Newer versions read {,n} as a quantity. */
        self->lost = self->lost || *at == ',' || *at == ' ';
        return false;
    }
    *least = *most = read_number(&at);
    if (*at == ',') {
        at++;
        *most = g_ascii_isdigit(*at) ? read_number(&at) : EXPRESSION_UNBOUNDED;
    }
    if (*at != '}')
        return false;
    self->at = at + 1;
    return true;
}

static bool
read_quantity(Reader *self, uint32_t *least, uint32_t *most)
{
    skip_blanks(self);
    *least = *self->at == '+';
    *most = *self->at == '?' ? 1 : EXPRESSION_UNBOUNDED;
    if (*self->at == '?' || *self->at == '*' || *self->at == '+')
        self->at++;
    else if (*self->at != '{' || !read_braces(self, least, most))
        return false;
    if (*self->at == '?' || *self->at == '+')
        self->at++;
    return true;
}

static uint32_t
read_atom(Reader *self)
{
    unsigned char byte = (unsigned char)*self->at++;
    ByteSet any;

    switch (byte) {
    case '\\':
        return read_escape(self);
    case '[':
        return read_class(self);
    case '(':
        return read_group(self);
    case '^':
    case '$':
        return add_node(self, EXPRESSION_EMPTY);
    case '.':
        memset(&any, 0xFF, sizeof any);
        return add_set(self, any);
    default:
        return add_byte(self, byte);
    }
}

static uint32_t
read_item(Reader *self)
{
    uint32_t n = read_atom(self);
    uint32_t least;
    uint32_t most;

    while (!self->lost && read_quantity(self, &least, &most)) {
        uint32_t repeat = add_node(self, EXPRESSION_REPEAT);

        node_at(self, repeat)->first = n;
        node_at(self, repeat)->least = least;
        node_at(self, repeat)->most = MAX(most, least);
        n = repeat;
    }
    return n;
}

/* Appends child behind *last, or as the first. */
static void
append_child(Reader *self, uint32_t parent, uint32_t *last, uint32_t child)
{
    if (*last == EXPRESSION_NONE)
        node_at(self, parent)->first = child;
    else
        node_at(self, *last)->next = child;
    *last = child;
}

static uint32_t
read_sequence(Reader *self)
{
    uint32_t all = add_node(self, EXPRESSION_SEQUENCE);
    uint32_t last = EXPRESSION_NONE;

    for (skip_blanks(self); !self->lost && *self->at != '\0' && *self->at != '|'
                            && *self->at != ')';
         skip_blanks(self))
        append_child(self, all, &last, read_item(self));
    return all;
}

static uint32_t
read_choice(Reader *self)
{
    uint32_t all = add_node(self, EXPRESSION_CHOICE);
    uint32_t last = EXPRESSION_NONE;

    if (++self->depth > DEPTH_MAX) {
        self->lost = true;
        return all;
    }
    append_child(self, all, &last, read_sequence(self));
    while (!self->lost && *self->at == '|') {
        self->at++;
        append_child(self, all, &last, read_sequence(self));
    }
    self->depth--;
    return all;
}

Expression *
expression_new(const PatternSource *source)
{
    g_autoptr(Expression) self = g_new0(Expression, 1);
    Reader reader = { .at = source->text,
        .out = self,
        .caseless = source->caseless,
        .extended = source->extended };

    self->nodes = g_array_new(FALSE, FALSE, sizeof(ExpressionNode));
    /* Under UTF-8 other letters fold to ASCII ones. */
    if (source->utf)
        return NULL;
    self->top = read_choice(&reader);
    if (reader.lost || *reader.at != '\0')
        return NULL;
    return g_steal_pointer(&self);
}

void
expression_free(Expression *self)
{
    if (self == NULL)
        return;
    g_array_unref(self->nodes);
    g_free(self);
}
