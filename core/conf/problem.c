/* SPDX-License-Identifier: MIT */
#include "core/conf/problem.h"

#include <string.h>

#include "core/base/json.h"
#include "core/base/text.h"

/* A file of nothing but mistakes must not fill the memory. */
#define PROBLEMS_MAX 10000

G_DEFINE_QUARK(wn - conf - error - quark, wn_conf_error)

typedef struct Kept {
    GPtrArray *list; /* WnProblem */
    uint64_t n_omitted;
} Kept;

struct WnProblems {
    Kept problems;
    Kept warnings;
    GHashTable *seen; /* WnProblem, as a set */
    uint64_t n_reported;
};

static void
problem_free(void *data)
{
    WnProblem *problem = data;

    g_free(problem->file);
    g_free(problem->group);
    g_free(problem->key);
    g_free(problem->text);
    g_free(problem);
}

static unsigned
problem_hash(const void *data)
{
    const WnProblem *problem = data;

    return g_str_hash(problem->text) * 31u + problem->line;
}

static int
problem_equal(const void *left, const void *right)
{
    const WnProblem *a = left;
    const WnProblem *b = right;

    return a->line == b->line && a->is_warning == b->is_warning
           && g_strcmp0(a->file, b->file) == 0
           && g_strcmp0(a->group, b->group) == 0
           && g_strcmp0(a->key, b->key) == 0 && strcmp(a->text, b->text) == 0;
}

WnProblems *
wn_problems_new(void)
{
    WnProblems *self = g_new0(WnProblems, 1);

    self->problems.list = g_ptr_array_new_with_free_func(problem_free);
    self->warnings.list = g_ptr_array_new_with_free_func(problem_free);
    self->seen = g_hash_table_new(problem_hash, problem_equal);
    return self;
}

void
wn_problems_free(WnProblems *self)
{
    if (self == NULL)
        return;
    g_hash_table_unref(self->seen);
    g_ptr_array_unref(self->problems.list);
    g_ptr_array_unref(self->warnings.list);
    g_free(self);
}

/* Names and values come from files and databases that others write. */
static char *
clean_copy(const char *text)
{
    GString *clean;

    if (text == NULL)
        return NULL;
    clean = g_string_new(text);
    wn_text_clean(clean);
    return g_string_free(clean, FALSE);
}

static WnProblem *
problem_new(WnPlace place, const char *format, va_list args)
{
    WnProblem *problem = g_new0(WnProblem, 1);
    g_autofree char *text = g_strdup_vprintf(format, args);

    problem->file = clean_copy(place.file);
    problem->line = place.line;
    problem->group = clean_copy(place.group);
    problem->key = clean_copy(place.key);
    problem->text = clean_copy(text);
    return problem;
}

static void
keep(WnProblems *self, Kept *kept, WnProblem *take_problem)
{
    bool known = g_hash_table_contains(self->seen, take_problem);

    if (known || kept->list->len >= PROBLEMS_MAX) {
        kept->n_omitted += !known;
        problem_free(take_problem);
        return;
    }
    g_ptr_array_add(kept->list, take_problem);
    g_hash_table_add(self->seen, take_problem);
}

void
wn_problems_add(WnProblems *self, WnPlace place, const char *format, ...)
{
    WnProblem *problem;
    va_list args;

    va_start(args, format);
    problem = problem_new(place, format, args);
    va_end(args);
    self->n_reported++;
    keep(self, &self->problems, problem);
}

void
wn_problems_warn(WnProblems *self, WnPlace place, const char *format, ...)
{
    WnProblem *warning;
    va_list args;

    va_start(args, format);
    warning = problem_new(place, format, args);
    va_end(args);
    warning->is_warning = true;
    keep(self, &self->warnings, warning);
}

unsigned
wn_problems_count(const WnProblems *self)
{
    return self->problems.list->len;
}

unsigned
wn_problems_n_warnings(const WnProblems *self)
{
    return self->warnings.list->len;
}

uint64_t
wn_problems_reported(const WnProblems *self)
{
    return self->n_reported;
}

const WnProblem *
wn_problems_get(const WnProblems *self, unsigned n)
{
    g_assert(n < self->problems.list->len);
    return g_ptr_array_index(self->problems.list, n);
}

const WnProblem *
wn_problems_warning(const WnProblems *self, unsigned n)
{
    g_assert(n < self->warnings.list->len);
    return g_ptr_array_index(self->warnings.list, n);
}

void
wn_problem_print(const WnProblem *self, GString *out)
{
    if (self->file != NULL && self->line > 0)
        g_string_append_printf(out, "%s:%u: ", self->file, self->line);
    else if (self->file != NULL)
        g_string_append_printf(out, "%s: ", self->file);
    if (self->is_warning)
        g_string_append(out, "warning: ");
    if (self->group != NULL)
        g_string_append_printf(out, "[%s]", self->group);
    if (self->key != NULL)
        g_string_append_printf(out, "%s%s", self->group != NULL ? " " : "",
            self->key);
    if (self->group != NULL || self->key != NULL)
        g_string_append(out, ": ");
    g_string_append(out, self->text);
}

static void
print_kept(const Kept *kept, const char *kind, GString *out)
{
    for (unsigned i = 0; i < kept->list->len; i++) {
        wn_problem_print(g_ptr_array_index(kept->list, i), out);
        g_string_append_c(out, '\n');
    }
    if (kept->n_omitted > 0)
        g_string_append_printf(out,
            "%" G_GUINT64_FORMAT " more %s are not shown\n", kept->n_omitted,
            kind);
}

void
wn_problems_print(const WnProblems *self, GString *out)
{
    print_kept(&self->problems, "problems", out);
    print_kept(&self->warnings, "warnings", out);
}

static void
print_kept_json(const Kept *kept, const char *key, WnJson *json)
{
    for (unsigned i = 0; i < kept->list->len; i++) {
        const WnProblem *problem = g_ptr_array_index(kept->list, i);

        wn_json_open_object(json, NULL);
        wn_json_str(json, "file", problem->file);
        wn_json_int(json, "line", problem->line);
        wn_json_str(json, "group", problem->group);
        wn_json_str(json, "key", problem->key);
        wn_json_str(json, key, problem->text);
        wn_json_close_object(json);
    }
}

void
wn_problems_print_json(const WnProblems *self, GString *out)
{
    WnJson json;

    wn_json_init(&json, out);
    wn_json_open_list(&json, NULL);
    print_kept_json(&self->problems, "error", &json);
    print_kept_json(&self->warnings, "warning", &json);
    wn_json_close_list(&json);
}

char *
wn_problem_hint(const char *text, const char *const *candidates)
{
    const char *closest = wn_text_closest(text, candidates);

    if (closest == NULL)
        return g_strdup("");
    return g_strdup_printf(" (did you mean \"%s\"?)", closest);
}
