/* SPDX-License-Identifier: MIT */
#include "core/message/html_sheet.h"

enum {
    STEPS_MAX = 4,   /* compounds of a selector */
    CLASSES_MAX = 3, /* of a compound */
    APPLIED_MAX = 32,
    BUCKETS = 256,
    VIEW_PX = 800,
    NONE = -1
};

/* "td.note#x" */
typedef struct Compound {
    WnSpan tag, id, classes[CLASSES_MAX];
    size_t n_classes;
    bool child; /* ">" stands before it */
} Compound;

typedef struct Rule {
    Compound steps[STEPS_MAX]; /* the outermost first */
    size_t n_steps;
    uint32_t weight; /* specificity */
    uint32_t style;
    int next; /* of the bucket */
} Rule;

struct WnSheet {
    GArray *rules;  /* Rule */
    GArray *styles; /* WnCssStyle */
    GPtrArray *texts;
    int buckets[BUCKETS]; /* by what the last step names */
    size_t work;
    bool is_cut;
};

typedef struct Reader {
    WnSheet *sheet;
    WnSpan text;
    size_t n_media; /* blocks that are open and apply */
} Reader;

WnSheet *
wn_sheet_new(size_t work)
{
    WnSheet *self = g_new0(WnSheet, 1);

    self->rules = g_array_new(FALSE, FALSE, sizeof(Rule));
    self->styles = g_array_new(FALSE, FALSE, sizeof(WnCssStyle));
    self->texts = g_ptr_array_new_with_free_func(g_free);
    self->work = work;
    for (size_t i = 0; i < BUCKETS; i++)
        self->buckets[i] = NONE;
    return self;
}

void
wn_sheet_free(WnSheet *self)
{
    if (self == NULL)
        return;
    g_array_unref(self->rules);
    g_array_unref(self->styles);
    g_ptr_array_unref(self->texts);
    g_free(self);
}

bool
wn_sheet_is_cut(const WnSheet *self)
{
    return self->is_cut;
}

static bool
is_css_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

/* FNV-1a, without case. */
static size_t
bucket_of(char kind, WnSpan name)
{
    uint32_t hash = (2166136261u ^ (unsigned char)kind) * 16777619u;

    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ (unsigned char)g_ascii_tolower(name.ptr[i])) * 16777619u;
    return (hash ^ hash >> 16) % BUCKETS;
}

static size_t
bucket_of_step(const Compound *step)
{
    if (step->id.len > 0)
        return bucket_of('#', step->id);
    if (step->n_classes > 0)
        return bucket_of('.', step->classes[0]);
    return bucket_of('<', step->tag);
}

static WnSpan
take_name(WnSpan *text)
{
    WnSpan name = *text;
    size_t len = 0;

    while (len < text->len
           && (g_ascii_isalnum(text->ptr[len]) || text->ptr[len] == '-'
               || text->ptr[len] == '_' || (text->ptr[len] & 0x80) != 0))
        len++;
    name.len = len;
    *text = wn_span_slice(*text, len, text->len);
    return name;
}

/* False for what is not understood: attributes, pseudo-classes. */
static bool
take_compound(WnSpan *text, Compound *out)
{
    bool any = false;

    *out = (Compound){ .n_classes = 0 };
    if (text->len > 0 && text->ptr[0] == '*') {
        *text = wn_span_slice(*text, 1, text->len);
        any = true;
    } else {
        out->tag = take_name(text);
        any = out->tag.len > 0;
    }
    while (text->len > 0 && (text->ptr[0] == '.' || text->ptr[0] == '#')) {
        bool is_id = text->ptr[0] == '#';
        WnSpan name;

        *text = wn_span_slice(*text, 1, text->len);
        name = take_name(text);
        if (name.len == 0 || (!is_id && out->n_classes == CLASSES_MAX))
            return false;
        if (is_id)
            out->id = name;
        else
            out->classes[out->n_classes++] = name;
        any = true;
    }
    return any
           && (text->len == 0 || is_css_space(text->ptr[0])
               || text->ptr[0] == '>');
}

static bool
parse_selector(WnSpan text, Rule *out)
{
    bool child = false;

    out->n_steps = 0;
    out->weight = 0;
    text = wn_span_trim(text);
    while (text.len > 0) {
        Compound *step = &out->steps[out->n_steps];

        if (out->n_steps == STEPS_MAX || !take_compound(&text, step))
            return false;
        step->child = child;
        child = false;
        out->n_steps++;
        out->weight += (step->id.len > 0 ? 1u << 16 : 0)
                       + (uint32_t)step->n_classes * 256
                       + (step->tag.len > 0 ? 1 : 0);
        while (
            text.len > 0 && (is_css_space(text.ptr[0]) || text.ptr[0] == '>')) {
            child |= text.ptr[0] == '>';
            text = wn_span_slice(text, 1, text.len);
        }
    }
    return out->n_steps > 0 && !child;
}

static void
add_rules(WnSheet *self, WnSpan selectors, WnSpan block)
{
    WnCssStyle style = { .set = 0 };
    bool kept = false;

    wn_css_style_parse(&style, block);
    if (style.set == 0)
        return;
    while (selectors.len > 0) {
        const char *comma = memchr(selectors.ptr, ',', selectors.len);
        size_t len = comma != NULL ? (size_t)(comma - selectors.ptr)
                                   : selectors.len;
        Rule rule = { .style = self->styles->len };

        if (self->rules->len == WN_SHEET_RULES_MAX) {
            self->is_cut = true;
            return;
        }
        if (parse_selector(wn_span_slice(selectors, 0, len), &rule)) {
            size_t bucket = bucket_of_step(&rule.steps[rule.n_steps - 1]);

            rule.style -= kept ? 1 : 0;
            if (!kept)
                g_array_append_val(self->styles, style);
            kept = true;
            rule.next = self->buckets[bucket];
            self->buckets[bucket] = (int)self->rules->len;
            g_array_append_val(self->rules, rule);
        }
        selectors = wn_span_slice(selectors, len + 1, selectors.len);
    }
}

static bool
mentions(WnSpan text, const char *word)
{
    WnSpan wanted = wn_span_str(word);

    for (size_t i = 0; i + wanted.len <= text.len; i++) {
        if (wn_span_case_starts(wn_span_slice(text, i, text.len), wanted))
            return true;
    }
    return false;
}

/* The number behind the word, in pixels; -1 without the word. */
static int64_t
number_behind(WnSpan text, const char *word)
{
    size_t len = strlen(word);
    int64_t value = 0;

    for (size_t i = 0; i + len <= text.len; i++) {
        if (!wn_span_case_starts(wn_span_slice(text, i, text.len),
                wn_span_str(word)))
            continue;
        for (i += len; i < text.len && !g_ascii_isdigit(text.ptr[i]); i++)
            ;
        for (; i < text.len && g_ascii_isdigit(text.ptr[i]); i++)
            value = MIN(value * 10 + g_ascii_digit_value(text.ptr[i]), 100000);
        return value;
    }
    return -1;
}

/* A wide screen; features other than its width are not fulfilled. */
static bool
media_applies(WnSpan query)
{
    int64_t most = number_behind(query, "max-width");
    int64_t least = number_behind(query, "min-width");

    query = wn_span_slice(query, 0, 512);
    if (mentions(query, "not ")
        || (mentions(query, "print") && !mentions(query, "screen")))
        return false;
    if (most >= 0 || least >= 0)
        return !mentions(query, "device") && (most < 0 || most >= VIEW_PX)
               && least <= VIEW_PX;
    return memchr(query.ptr, '(', query.len) == NULL
           && !mentions(query, "speech") && !mentions(query, "tty");
}

/* text begins behind an opening brace: to behind the one that closes it. */
static size_t
block_end(WnSpan text)
{
    size_t depth = 1;

    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '{')
            depth++;
        else if (text.ptr[i] == '}' && --depth == 0)
            return i + 1;
    }
    return text.len;
}

static void
skip(Reader *self, size_t n)
{
    self->text = wn_span_slice(self->text, n, self->text.len);
}

/* text begins with "@". */
static void
read_at_rule(Reader *self)
{
    size_t len = 0;
    WnSpan prelude;

    while (len < self->text.len && strchr("{;}", self->text.ptr[len]) == NULL)
        len++;
    prelude = wn_span_slice(self->text, 0, len);
    skip(self, len);
    if (self->text.len == 0 || self->text.ptr[0] != '{') {
        skip(self, 1);
        return;
    }
    skip(self, 1);
    if (wn_span_case_starts(prelude, WN_SPAN("@media"))
        && media_applies(wn_span_slice(prelude, 6, 512)))
        self->n_media++;
    else
        skip(self, block_end(self->text));
}

static void
read_rule(Reader *self)
{
    const char *open = memchr(self->text.ptr, '{', self->text.len);
    WnSpan selectors;
    const char *close;
    size_t len;

    if (open == NULL) {
        skip(self, self->text.len);
        return;
    }
    selectors = wn_span_slice(self->text, 0, (size_t)(open - self->text.ptr));
    skip(self, selectors.len + 1);
    close = memchr(self->text.ptr, '}', self->text.len);
    len = close != NULL ? (size_t)(close - self->text.ptr) : self->text.len;
    add_rules(self->sheet, selectors, wn_span_slice(self->text, 0, len));
    skip(self, len + 1);
}

/* Without comments. */
static WnSpan
keep_plain(WnSheet *self, WnSpan text)
{
    GString *plain = g_string_sized_new(text.len + 1);
    WnSpan kept;

    while (text.len > 0) {
        const char *open = memmem(text.ptr, text.len, "/*", 2);
        const char *close;
        size_t len = open != NULL ? (size_t)(open - text.ptr) : text.len;

        g_string_append_len(plain, text.ptr, (gssize)len);
        text = wn_span_slice(text, len + 2, text.len);
        if (open == NULL)
            break;
        close = memmem(text.ptr, text.len, "*/", 2);
        text = close == NULL ? WN_SPAN_EMPTY
                             : wn_span_slice(text,
                                 (size_t)(close + 2 - text.ptr), text.len);
    }
    kept = wn_span(plain->str, plain->len);
    g_ptr_array_add(self->texts, g_string_free(plain, FALSE));
    return kept;
}

void
wn_sheet_add(WnSheet *self, WnSpan text)
{
    Reader reader = { .sheet = self, .text = keep_plain(self, text) };

    while (reader.text.len > 0 && !self->is_cut) {
        char c = reader.text.ptr[0];

        if (wn_span_case_starts(reader.text, WN_SPAN("<!--"))) {
            skip(&reader, 4);
        } else if (wn_span_case_starts(reader.text, WN_SPAN("-->"))) {
            skip(&reader, 3);
        } else if (c == '@') {
            read_at_rule(&reader);
        } else if (is_css_space(c) || c == '}' || c == ';') {
            skip(&reader, 1);
        } else {
            read_rule(&reader);
        }
    }
}

static WnSpan
take_class(WnSpan *classes)
{
    WnSpan name;
    size_t len = 0;

    while (classes->len > 0 && is_css_space(classes->ptr[0]))
        *classes = wn_span_slice(*classes, 1, classes->len);
    while (len < classes->len && !is_css_space(classes->ptr[len]))
        len++;
    name = wn_span_slice(*classes, 0, len);
    *classes = wn_span_slice(*classes, len, classes->len);
    return name;
}

static bool
has_class(WnSpan classes, WnSpan wanted)
{
    for (;;) {
        WnSpan name = take_class(&classes);

        if (name.len == 0)
            return false;
        if (wn_span_case_eq(name, wanted))
            return true;
    }
}

static bool
step_matches(const Compound *step, const WnSheetElement *element)
{
    if (step->tag.len > 0 && !wn_span_case_eq(step->tag, element->tag))
        return false;
    if (step->id.len > 0 && !wn_span_case_eq(step->id, element->id))
        return false;
    for (size_t i = 0; i < step->n_classes; i++) {
        if (!has_class(element->classes, step->classes[i]))
            return false;
    }
    return true;
}

/* Each step is sought as far inside as it can be: right for descent alone, and
 * near enough where children are mixed in. */
static bool
rule_matches(WnSheet *self, const Rule *rule, const WnSheetElement *elements,
    size_t n_elements)
{
    size_t at = n_elements - 1;

    if (!step_matches(&rule->steps[rule->n_steps - 1], &elements[at]))
        return false;
    for (size_t step = rule->n_steps - 1; step-- > 0;) {
        bool child = rule->steps[step + 1].child;
        bool found = false;

        while (!found && at > 0 && self->work > 0) {
            found = step_matches(&rule->steps[step], &elements[--at]);
            self->work--;
            if (child)
                break;
        }
        if (!found)
            return false;
    }
    return true;
}

typedef struct Applied {
    const Rule *rules[APPLIED_MAX]; /* by weight, the later first if equal */
    size_t n;
} Applied;

static void
insert(Applied *self, const Rule *rule)
{
    size_t at;

    if (self->n == APPLIED_MAX)
        return;
    for (at = self->n; at > 0; at--) {
        const Rule *before = self->rules[at - 1];

        if (before->weight < rule->weight
            || (before->weight == rule->weight && before < rule))
            break;
        self->rules[at] = before;
    }
    self->rules[at] = rule;
    self->n++;
}

static void
collect(WnSheet *self, Applied *applied, size_t bucket,
    const WnSheetElement *elements, size_t n_elements)
{
    for (int n = self->buckets[bucket]; n != NONE;) {
        const Rule *rule = &g_array_index(self->rules, Rule, n);

        if (self->work == 0) {
            self->is_cut = true;
            return;
        }
        self->work--;
        if (bucket_of_step(&rule->steps[rule->n_steps - 1]) == bucket
            && rule_matches(self, rule, elements, n_elements))
            insert(applied, rule);
        n = rule->next;
    }
}

void
wn_sheet_apply(WnSheet *self, const WnSheetElement *elements, size_t n_elements,
    WnCssStyle *style)
{
    const WnSheetElement *element = &elements[n_elements - 1];
    WnSpan classes = element->classes;
    Applied applied = { .n = 0 };

    if (self->rules->len == 0)
        return;
    collect(self, &applied, bucket_of('<', WN_SPAN_EMPTY), elements,
        n_elements);
    collect(self, &applied, bucket_of('<', element->tag), elements, n_elements);
    if (element->id.len > 0)
        collect(self, &applied, bucket_of('#', element->id), elements,
            n_elements);
    for (size_t i = 0; i < 8; i++) {
        WnSpan name = take_class(&classes);

        if (name.len == 0)
            break;
        collect(self, &applied, bucket_of('.', name), elements, n_elements);
    }
    for (size_t i = 0; i < applied.n; i++)
        wn_css_style_merge(style,
            &g_array_index(self->styles, WnCssStyle, applied.rules[i]->style));
}
