/* SPDX-License-Identifier: MIT */

#include "literal.h"

#include <string.h>

#define DEPTH_MAX 16

typedef struct Reader {
    const char *at;
    bool extended;
    bool lost; /* something was not understood */
    int depth;
} Reader;

/* One branch being read. */
typedef struct Branch {
    GByteArray *run; /* the literal that is growing */
    GPtrArray *best; /* NULL: none yet */
} Branch;

static GPtrArray *read_branches(Reader *self);

static GPtrArray *
set_new(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)g_byte_array_unref);
}

/* Long strings first, then few of them. */
static int
worth(const GPtrArray *set)
{
    guint shortest = PATTERN_LITERAL_MAX;

    for (guint i = 0; i < set->len; i++) {
        const GByteArray *string = g_ptr_array_index(set, i);

        shortest = MIN(shortest, string->len);
    }
    return (int)(MIN(shortest, 10u) * 4) - (int)set->len;
}

/* Takes set. */
static void
offer(Branch *branch, GPtrArray *set)
{
    if (branch->best == NULL || worth(set) > worth(branch->best)) {
        g_clear_pointer(&branch->best, g_ptr_array_unref);
        branch->best = set;
        return;
    }
    g_ptr_array_unref(set);
}

static void
flush(Branch *branch)
{
    if (branch->run->len >= PATTERN_LITERAL_MIN) {
        GPtrArray *set = set_new();

        g_ptr_array_add(set, branch->run);
        branch->run = g_byte_array_new();
        offer(branch, set);
    }
    g_byte_array_set_size(branch->run, 0);
}

typedef enum { ONCE, REPEATED, OPTIONAL } Quantity;

/* {n}, {n,}, {n,m}; anything else in braces is itself. */
static bool
read_braces(Reader *self, Quantity *out)
{
    const char *at = self->at + 1;
    bool zero = true;

    if (!g_ascii_isdigit(*at))
        return false;
    for (; g_ascii_isdigit(*at); at++)
        zero = zero && *at == '0';
    if (*at == ',')
        for (at++; g_ascii_isdigit(*at);)
            at++;
    if (*at != '}')
        return false;
    self->at = at + 1;
    *out = zero ? OPTIONAL : REPEATED;
    return true;
}

static Quantity
read_quantity(Reader *self)
{
    Quantity quantity = ONCE;

    if (*self->at == '?' || *self->at == '*') {
        self->at++;
        quantity = OPTIONAL;
    } else if (*self->at == '+') {
        self->at++;
        quantity = REPEATED;
    } else if (*self->at != '{' || !read_braces(self, &quantity)) {
        return ONCE;
    }
    if (*self->at == '?' || *self->at == '+')
        self->at++;
    return quantity;
}

static void
take_byte(Reader *self, Branch *branch, unsigned char byte)
{
    guint8 folded = (guint8)g_ascii_tolower((char)byte);
    Quantity quantity = read_quantity(self);

    if (quantity != OPTIONAL) {
        g_byte_array_append(branch->run, &folded, 1);
        if (branch->run->len == PATTERN_LITERAL_MAX)
            flush(branch);
    }
    if (quantity != ONCE)
        flush(branch);
}

/* Something that takes text, not known which. */
static void
take_any(Reader *self, Branch *branch)
{
    read_quantity(self);
    flush(branch);
}

static void
skip_to(Reader *self, char end)
{
    while (*self->at != '\0' && *self->at != end)
        self->at++;
    if (*self->at == '\0')
        self->lost = true;
    else
        self->at++;
}

/* Behind \x: its byte, or -1. */
static int
read_hex(Reader *self)
{
    guint64 value = 0;

    if (*self->at == '{') {
        value = g_ascii_strtoull(self->at + 1, NULL, 16);
        skip_to(self, '}');
        return value <= 0xFF ? (int)value : -1;
    }
    for (int i = 0; i < 2 && g_ascii_isxdigit(*self->at); i++)
        value = value * 16 + (guint64)g_ascii_xdigit_value(*self->at++);
    return (int)value;
}

/* \1, \k<name>, \g{2}, \p{L}: a reference in whatever brackets. */
static void
skip_reference(Reader *self)
{
    switch (*self->at) {
    case '{':
        skip_to(self, '}');
        return;
    case '<':
        skip_to(self, '>');
        return;
    case '\'':
        self->at++;
        skip_to(self, '\'');
        return;
    default:
        if (!g_ascii_isdigit(*self->at) && *self->at != '-')
            self->lost = true;
        while (g_ascii_isdigit(*self->at) || *self->at == '-')
            self->at++;
    }
}

static void
read_letter_escape(Reader *self, Branch *branch, char letter)
{
    static const char plain[] = "ntrfea";
    static const char byte[] = "\n\t\r\f\x1b\a";
    const char *found = strchr(plain, letter);
    int value;

    if (found != NULL) {
        take_byte(self, branch, (unsigned char)byte[found - plain]);
    } else if (letter == 'x') {
        value = read_hex(self);
        if (value >= 0)
            take_byte(self, branch, (unsigned char)value);
        else
            take_any(self, branch);
    } else if (strchr("bBAzZGK", letter) != NULL) {
        read_quantity(self);
    } else if (strchr("dDwWsShHvVNR", letter) != NULL) {
        take_any(self, branch);
    } else if (letter == 'k' || letter == 'g') {
        skip_reference(self);
        take_any(self, branch);
    } else {
        self->lost = true;
    }
}

static void
read_escape(Reader *self, Branch *branch)
{
    char letter = *++self->at;

    if (letter == '\0') {
        self->lost = true;
        return;
    }
    self->at++;
    if (g_ascii_isdigit(letter)) {
        while (g_ascii_isdigit(*self->at))
            self->at++;
        take_any(self, branch);
    } else if (g_ascii_isalpha(letter)) {
        read_letter_escape(self, branch, letter);
    } else {
        take_byte(self, branch, (unsigned char)letter);
    }
}

/* A class; one of a single plain character is that character. */
static void
read_class(Reader *self, Branch *branch)
{
    const char *at = ++self->at;
    bool single = *at != '^' && *at != '\\' && *at != '[' && *at != '\0'
                  && at[1] == ']';

    if (single) {
        self->at += 2;
        take_byte(self, branch, (unsigned char)*at);
        return;
    }
    if (*at == '^')
        at++;
    if (*at == ']')
        at++;
    for (; *at != '\0' && *at != ']'; at++) {
        if (*at == '\\' && at[1] != '\0') {
            at++;
        } else if (*at == '[' && at[1] == ':') {
            const char *end = strstr(at + 2, ":]");

            if (end != NULL)
                at = end + 1;
        }
    }
    self->lost = self->lost || *at == '\0';
    self->at = *at != '\0' ? at + 1 : at;
    take_any(self, branch);
}

typedef enum { GROUP, LOOK_AROUND, COMMENT, FLAGS } GroupKind;

/* Behind "(?". */
static GroupKind
read_group_kind(Reader *self)
{
    const char *at = self->at;

    if (*at == '#') {
        skip_to(self, ')');
        return COMMENT;
    }
    if (*at == '=' || *at == '!' || (*at == '<' && strchr("=!", at[1]))) {
        self->at += *at == '<' ? 2 : 1;
        return LOOK_AROUND;
    }
    if (*at == ':' || *at == '>' || *at == '|') {
        self->at++;
        return GROUP;
    }
    if (*at == '<' || *at == '\'' || (*at == 'P' && at[1] == '<')) {
        self->at += *at == 'P' ? 2 : 1;
        skip_to(self, *at == '\'' ? '\'' : '>');
        return GROUP;
    }
    while (strchr("imsn-^", *at) != NULL && *at != '\0')
        at++;
    self->lost = self->lost || (*at != ':' && *at != ')') || at == self->at;
    self->at = *at != '\0' ? at + 1 : at;
    return *at == ')' ? FLAGS : GROUP;
}

static void
read_group(Reader *self, Branch *branch)
{
    GroupKind kind = GROUP;
    GPtrArray *inner;
    Quantity quantity;

    self->at++;
    if (*self->at == '*') {
        self->lost = true;
        return;
    }
    if (*self->at == '?') {
        self->at++;
        kind = read_group_kind(self);
    }
    if (self->lost || kind == COMMENT || kind == FLAGS)
        return;
    inner = read_branches(self);
    if (*self->at == ')')
        self->at++;
    else
        self->lost = true;
    quantity = read_quantity(self);
    if (kind == GROUP)
        flush(branch);
    if (inner != NULL && kind == GROUP && quantity != OPTIONAL)
        offer(branch, inner);
    else if (inner != NULL)
        g_ptr_array_unref(inner);
}

static bool
skip_extended(Reader *self)
{
    if (!self->extended)
        return false;
    if (g_ascii_isspace(*self->at)) {
        self->at++;
        return true;
    }
    if (*self->at != '#')
        return false;
    while (*self->at != '\0' && *self->at != '\n')
        self->at++;
    return true;
}

static GPtrArray *
read_branch(Reader *self)
{
    Branch branch = { .run = g_byte_array_new() };

    while (!self->lost && *self->at != '\0' && *self->at != '|'
           && *self->at != ')') {
        if (skip_extended(self))
            continue;
        if (*self->at == '\\') {
            read_escape(self, &branch);
        } else if (*self->at == '[') {
            read_class(self, &branch);
        } else if (*self->at == '(') {
            read_group(self, &branch);
        } else if (*self->at == '^' || *self->at == '$') {
            self->at++;
            read_quantity(self);
        } else if (*self->at == '.') {
            self->at++;
            take_any(self, &branch);
        } else {
            unsigned char byte = (unsigned char)*self->at++;

            take_byte(self, &branch, byte);
        }
    }
    flush(&branch);
    g_byte_array_unref(branch.run);
    return branch.best;
}

/* Both are taken; NULL if one is, or if there are too many. */
static GPtrArray *
join(GPtrArray *all, GPtrArray *more)
{
    if (all != NULL && more != NULL
        && all->len + more->len <= PATTERN_LITERALS_MAX) {
        g_ptr_array_extend_and_steal(all, more);
        return all;
    }
    if (all != NULL)
        g_ptr_array_unref(all);
    if (more != NULL)
        g_ptr_array_unref(more);
    return NULL;
}

static GPtrArray *
read_branches(Reader *self)
{
    GPtrArray *all;

    if (++self->depth > DEPTH_MAX) {
        self->lost = true;
        return NULL;
    }
    all = read_branch(self);
    while (!self->lost && *self->at == '|') {
        self->at++;
        all = join(all, read_branch(self));
    }
    self->depth--;
    return all;
}

GPtrArray *
pattern_literals_find(const PatternSource *source)
{
    Reader reader = { .at = source->text, .extended = source->extended };
    GPtrArray *all;

    /* Under UTF-8 other letters fold to ASCII ones. */
    if (source->utf || strstr(source->text, "(?x") != NULL)
        return NULL;
    all = read_branches(&reader);
    if (all != NULL && (reader.lost || *reader.at != '\0')) {
        g_ptr_array_unref(all);
        return NULL;
    }
    return all;
}
