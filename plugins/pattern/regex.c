/* SPDX-License-Identifier: MIT */

#include "regex.h"

#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define JIT_STACK_START (32u * 1024)
#define JIT_STACK_MAX (1024u * 1024)

struct PatternRegex {
    pcre2_code *code;
    pcre2_code *anchored; /* (nullable) */
    char *text;
    uint32_t options;
};

struct PatternMatcher {
    pcre2_match_data *data;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
};

G_DEFINE_QUARK(pattern - error, pattern_error)

static bool
fail(GError **error, const char *text)
{
    g_set_error_literal(error, PATTERN_ERROR, 0, text);
    return false;
}

static char
closing(char opening)
{
    switch (opening) {
    case '{':
        return '}';
    case '(':
        return ')';
    case '[':
        return ']';
    case '<':
        return '>';
    default:
        return opening;
    }
}

/* The delimiter that ends what begins at text, or NULL.  Brackets nest. */
static const char *
find_end(const char *text, char opening)
{
    char close = closing(opening);
    int depth = 1;

    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '\\' && at[1] != '\0')
            at++;
        else if (*at == close && --depth == 0)
            return at;
        else if (*at == opening && opening != close)
            depth++;
    }
    return NULL;
}

/* Perl takes the backslash from a delimiter that is not special otherwise. */
static char *
without_delimiters(const char *text, size_t len, char delimiter)
{
    GString *out = g_string_sized_new(len + 1);

    for (size_t i = 0; i < len; i++) {
        if (text[i] != '\\' || i + 1 == len) {
            g_string_append_c(out, text[i]);
            continue;
        }
        i++;
        if (text[i] != delimiter || strchr("/!,#%&\"'~;:=", delimiter) == NULL)
            g_string_append_c(out, '\\');
        g_string_append_c(out, text[i]);
    }
    return g_string_free(out, FALSE);
}

/* Characters that no single byte holds. */
static bool
needs_utf(const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        if (*at != '\\' || at[1] == '\0')
            continue;
        at++;
        if (*at == 'p' || *at == 'P' || *at == 'X')
            return true;
        if (*at == 'x' && at[1] == '{'
            && g_ascii_strtoull(at + 2, NULL, 16) > 0xFF)
            return true;
    }
    return false;
}

static bool
read_flags(PatternSource *self, const char **at, GError **error)
{
    for (; g_ascii_isalpha(**at); (*at)++)
        switch (**at) {
        case 'i':
            self->caseless = true;
            break;
        case 'x':
            self->extended = true;
            break;
        case 'm':
            self->multi_line = true;
            break;
        case 's':
            self->dot_all = true;
            break;
        case 'a':
        case 'g':
        case 'o':
        case 'u':
            break;
        default:
            return fail(error, "unknown flag of a regular expression");
        }
    return true;
}

bool
pattern_source_read(PatternSource *self, const char *literal, const char **rest,
    GError **error)
{
    const char *at = literal;
    const char *end;
    char opening;

    *self = (PatternSource){ .text = NULL };
    if (at[0] == 'm' && at[1] != '\0' && g_ascii_ispunct(at[1]))
        at++;
    else if (*at != '/')
        return fail(error, "no regular expression");
    opening = *at++;
    end = find_end(at, opening);
    if (end == NULL)
        return fail(error, "the regular expression has no end");
    if ((size_t)(end - at) > PATTERN_SOURCE_MAX)
        return fail(error, "the regular expression is too long");
    *rest = end + 1;
    if (!read_flags(self, rest, error))
        return false;
    self->text = without_delimiters(at, (size_t)(end - at), opening);
    self->utf = needs_utf(self->text);
    return true;
}

void
pattern_source_clear(PatternSource *self)
{
    g_clear_pointer(&self->text, g_free);
}

static uint32_t
options_of(const PatternSource *source)
{
    uint32_t options = PCRE2_NEVER_BACKSLASH_C;

    options |= source->caseless ? PCRE2_CASELESS : 0;
    options |= source->extended ? PCRE2_EXTENDED : 0;
    options |= source->multi_line ? PCRE2_MULTILINE : 0;
    options |= source->dot_all ? PCRE2_DOTALL : 0;
    options |= source->utf ? PCRE2_UTF | PCRE2_MATCH_INVALID_UTF
                           : PCRE2_NEVER_UTF | PCRE2_NEVER_UCP;
    return options;
}

/* Constructs that Perl does not have or that run code. */
static bool
is_refused(const char *text)
{
    return strstr(text, "(?C") != NULL || strstr(text, "(?{") != NULL
           || strstr(text, "(??{") != NULL || g_str_has_prefix(text, "(*");
}

static pcre2_code *
compile(const char *text, uint32_t options, int *code, PCRE2_SIZE *offset)
{
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    pcre2_code *compiled;

    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    pcre2_set_bsr(context, PCRE2_BSR_UNICODE);
    pcre2_set_parens_nest_limit(context, 100);
    compiled = pcre2_compile((PCRE2_SPTR)text, strlen(text), options, code,
        offset, context);
    pcre2_compile_context_free(context);
    /* Without JIT it is slower and finds the same. */
    if (compiled != NULL)
        pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE);
    return compiled;
}

PatternRegex *
pattern_regex_new(const PatternSource *source, GError **error)
{
    pcre2_code *compiled;
    PatternRegex *self;
    PCRE2_SIZE offset;
    int code;

    if (is_refused(source->text)) {
        fail(error, "the regular expression would run code");
        return NULL;
    }
    compiled = compile(source->text, options_of(source), &code, &offset);
    if (compiled == NULL) {
        PCRE2_UCHAR text[160];

        pcre2_get_error_message(code, text, sizeof text);
        g_set_error(error, PATTERN_ERROR, 0, "at byte %zu: %s", offset,
            (const char *)text);
        return NULL;
    }
    self = g_new0(PatternRegex, 1);
    self->code = compiled;
    self->text = g_strdup(source->text);
    self->options = options_of(source);
    return self;
}

void
pattern_regex_prepare_places(PatternRegex *self)
{
    PCRE2_SIZE offset;
    int code;

    if (self->anchored == NULL)
        self->anchored = compile(self->text, self->options | PCRE2_ANCHORED,
            &code, &offset);
    g_assert(self->anchored != NULL);
}

void
pattern_regex_free(PatternRegex *self)
{
    if (self == NULL)
        return;
    pcre2_code_free(self->code);
    pcre2_code_free(self->anchored);
    g_free(self->text);
    g_free(self);
}

PatternMatcher *
pattern_matcher_new(void)
{
    PatternMatcher *self = g_new0(PatternMatcher, 1);

    self->data = pcre2_match_data_create(1, NULL);
    self->context = pcre2_match_context_create(NULL);
    self->stack = pcre2_jit_stack_create(JIT_STACK_START, JIT_STACK_MAX, NULL);
    g_assert(self->data != NULL && self->context != NULL);
    pcre2_set_match_limit(self->context, PATTERN_MATCH_LIMIT);
    pcre2_set_depth_limit(self->context, PATTERN_DEPTH_LIMIT);
    pcre2_set_heap_limit(self->context, PATTERN_HEAP_LIMIT_KIB);
    pcre2_jit_stack_assign(self->context, NULL, self->stack);
    return self;
}

void
pattern_matcher_free(PatternMatcher *self)
{
    if (self == NULL)
        return;
    pcre2_match_data_free(self->data);
    pcre2_match_context_free(self->context);
    pcre2_jit_stack_free(self->stack);
    g_free(self);
}

/* The machine code itself where there is one: what pcre2_match() checks first
 * is known, except that text may be no UTF-8. */
static int
find(const pcre2_code *code, PCRE2_SPTR text, size_t len, size_t at,
    PatternMatcher *matcher)
{
    uint32_t options = 0;
    size_t jit = 0;

    pcre2_pattern_info(code, PCRE2_INFO_JITSIZE, &jit);
    pcre2_pattern_info(code, PCRE2_INFO_ALLOPTIONS, &options);
    if (jit == 0 || (options & PCRE2_UTF) != 0)
        return pcre2_match(code, text, len, at, 0, matcher->data,
            matcher->context);
    return pcre2_jit_match(code, text, len, at, 0, matcher->data,
        matcher->context);
}

typedef struct Subject {
    const char *text;
    size_t len;
} Subject;

static PatternResult
match(const pcre2_code *code, PatternMatcher *matcher, Subject subject,
    size_t *at)
{
    const PCRE2_SIZE *found;
    int result;

    if (*at > subject.len)
        return PATTERN_NO_MATCH;
    result = find(code, (PCRE2_SPTR)subject.text, subject.len, *at, matcher);
    if (result < 0)
        return result == PCRE2_ERROR_NOMATCH ? PATTERN_NO_MATCH : PATTERN_LIMIT;
    found = pcre2_get_ovector_pointer(matcher->data);
    /* \K in a look-ahead may end before it begins: always go on. */
    *at = found[1] > *at ? found[1] : *at + 1;
    return PATTERN_FOUND;
}

PatternResult
pattern_regex_match(const PatternRegex *self, PatternMatcher *matcher,
    const char *text, size_t len, size_t *at)
{
    return match(self->code, matcher, (Subject){ text, len }, at);
}

PatternResult
pattern_regex_match_at(const PatternRegex *self, PatternMatcher *matcher,
    const char *text, size_t len, size_t *at)
{
    return match(self->anchored, matcher, (Subject){ text, len }, at);
}
