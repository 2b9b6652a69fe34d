/* SPDX-License-Identifier: MIT */

#include "meta.h"

#include <string.h>

#define STACK_MAX 256

typedef enum {
    OP_OPEN, /* only while compiling */
    OP_OR,
    OP_AND,
    OP_EQUAL,
    OP_DIFFERENT,
    OP_LESS,
    OP_LESS_EQUAL,
    OP_MORE,
    OP_MORE_EQUAL,
    OP_PLUS,
    OP_MINUS,
    OP_TIMES,
    OP_DIVIDE,
    OP_NOT,
    OP_NEGATE,
    OP_NUMBER,
    OP_NAME
} Op;

typedef struct Step {
    Op op;
    uint32_t name;
    double number;
} Step;

struct PatternMeta {
    GArray *steps; /* of Step, in the order they are run */
    GArray *names;
    size_t depth; /* the most values on the stack */
};

typedef struct Compiler {
    const char *at;
    PatternMeta *meta;
    GArray *waiting; /* of Op */
    size_t n_values; /* on the stack, when the code runs */
    bool wants_operand;
    PatternMetaName name;
    void *user;
} Compiler;

/* Two-byte signs before their one-byte beginnings. */
static const struct {
    const char *sign;
    Op op;
} signs[] = {
    { "&&", OP_AND },
    { "||", OP_OR },
    { "==", OP_EQUAL },
    { "!=", OP_DIFFERENT },
    { "<=", OP_LESS_EQUAL },
    { ">=", OP_MORE_EQUAL },
    { "<", OP_LESS },
    { ">", OP_MORE },
    { "+", OP_PLUS },
    { "-", OP_MINUS },
    { "*", OP_TIMES },
    { "/", OP_DIVIDE },
};

static int
rank(Op op)
{
    static const unsigned char ranks[] = { [OP_OR] = 1,
        [OP_AND] = 2,
        [OP_EQUAL] = 3,
        [OP_DIFFERENT] = 3,
        [OP_LESS] = 4,
        [OP_LESS_EQUAL] = 4,
        [OP_MORE] = 4,
        [OP_MORE_EQUAL] = 4,
        [OP_PLUS] = 5,
        [OP_MINUS] = 5,
        [OP_TIMES] = 6,
        [OP_DIVIDE] = 6,
        [OP_NOT] = 7,
        [OP_NEGATE] = 7 };

    return op < G_N_ELEMENTS(ranks) ? ranks[op] : 0;
}

static bool
fail(GError **error, const char *text, const char *at)
{
    g_set_error(error, PATTERN_ERROR, 0, "%s at \"%.20s\"", text, at);
    return false;
}

static void
emit(Compiler *self, Step step)
{
    g_array_append_val(self->meta->steps, step);
    if (step.op == OP_NUMBER || step.op == OP_NAME)
        self->n_values++;
    else if (step.op != OP_NOT && step.op != OP_NEGATE)
        self->n_values--;
    self->meta->depth = MAX(self->meta->depth, self->n_values);
}

static Op
last_waiting(const Compiler *self)
{
    return self->waiting->len > 0
               ? g_array_index(self->waiting, Op, self->waiting->len - 1)
               : OP_OPEN;
}

/* Emits what binds at least as tightly. */
static void
settle(Compiler *self, int least)
{
    while (self->waiting->len > 0 && rank(last_waiting(self)) >= least
           && last_waiting(self) != OP_OPEN) {
        emit(self, (Step){ .op = last_waiting(self) });
        g_array_set_size(self->waiting, self->waiting->len - 1);
    }
}

static void
push(Compiler *self, Op op)
{
    g_array_append_val(self->waiting, op);
}

static bool
is_name_byte(char byte)
{
    return g_ascii_isalnum(byte) || byte == '_';
}

static bool
read_name(Compiler *self, GError **error)
{
    const char *start = self->at;
    g_autofree char *name = NULL;
    Step step = { .op = OP_NAME };

    while (is_name_byte(*self->at))
        self->at++;
    name = g_strndup(start, (gsize)(self->at - start));
    step.name = self->name != NULL && *self->at != '('
                    ? self->name(self->user, name)
                    : PATTERN_META_UNKNOWN;
    if (step.name == PATTERN_META_UNKNOWN)
        return fail(error, "unknown word", start);
    g_array_append_val(self->meta->names, step.name);
    emit(self, step);
    self->wants_operand = false;
    return true;
}

static bool
read_operand(Compiler *self, GError **error)
{
    if (*self->at == '!') {
        push(self, OP_NOT);
        self->at++;
    } else if (*self->at == '-' || *self->at == '+') {
        if (*self->at == '-')
            push(self, OP_NEGATE);
        self->at++;
    } else if (*self->at == '(') {
        push(self, OP_OPEN);
        self->at++;
    } else if (g_ascii_isdigit(*self->at) || *self->at == '.') {
        char *end;
        double number = g_ascii_strtod(self->at, &end);

        if (end == self->at || is_name_byte(*end))
            return fail(error, "unreadable number", self->at);
        emit(self, (Step){ .op = OP_NUMBER, .number = number });
        self->at = end;
        self->wants_operand = false;
    } else if (is_name_byte(*self->at)) {
        return read_name(self, error);
    } else {
        return fail(error, "a rule or number is missing", self->at);
    }
    return true;
}

static bool
read_operator(Compiler *self, GError **error)
{
    if (*self->at == ')') {
        settle(self, 1);
        if (self->waiting->len == 0)
            return fail(error, "parenthesis without a beginning", self->at);
        g_array_set_size(self->waiting, self->waiting->len - 1);
        self->at++;
        return true;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(signs); i++) {
        if (!g_str_has_prefix(self->at, signs[i].sign))
            continue;
        settle(self, rank(signs[i].op));
        push(self, signs[i].op);
        self->at += strlen(signs[i].sign);
        self->wants_operand = true;
        return true;
    }
    return fail(error, "an operator is missing", self->at);
}

static bool
compile(Compiler *self, GError **error)
{
    for (int n = 0;; n++) {
        while (g_ascii_isspace(*self->at))
            self->at++;
        if (*self->at == '\0')
            break;
        if (n == PATTERN_META_MAX)
            return fail(error, "the expression is too long", self->at);
        if (!(self->wants_operand ? read_operand(self, error)
                                  : read_operator(self, error)))
            return false;
    }
    if (self->wants_operand)
        return fail(error, "a rule or number is missing", self->at);
    settle(self, 1);
    if (self->waiting->len > 0)
        return fail(error, "parenthesis without an end", self->at);
    if (self->meta->depth > STACK_MAX)
        return fail(error, "the expression is too deep", self->at);
    return true;
}

PatternMeta *
pattern_meta_new(const char *text, PatternMetaName name, void *user,
    GError **error)
{
    PatternMeta *self = g_new0(PatternMeta, 1);
    Compiler compiler = { .at = text,
        .meta = self,
        .waiting = g_array_new(FALSE, FALSE, sizeof(Op)),
        .wants_operand = true,
        .name = name,
        .user = user };
    bool ok;

    self->steps = g_array_new(FALSE, FALSE, sizeof(Step));
    self->names = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    ok = compile(&compiler, error);
    g_array_unref(compiler.waiting);
    if (!ok)
        g_clear_pointer(&self, pattern_meta_free);
    return self;
}

void
pattern_meta_free(PatternMeta *self)
{
    if (self == NULL)
        return;
    g_array_unref(self->steps);
    g_array_unref(self->names);
    g_free(self);
}

const GArray *
pattern_meta_names(const PatternMeta *self)
{
    return self->names;
}

/* As Perl: && and || give one of their operands. */
static double
apply(Op op, double a, double b)
{
    switch (op) {
    case OP_OR:
        return a != 0 ? a : b;
    case OP_AND:
        return a != 0 ? b : a;
    case OP_EQUAL:
        return a == b;
    case OP_DIFFERENT:
        return a != b;
    case OP_LESS:
        return a < b;
    case OP_LESS_EQUAL:
        return a <= b;
    case OP_MORE:
        return a > b;
    case OP_MORE_EQUAL:
        return a >= b;
    case OP_PLUS:
        return a + b;
    case OP_MINUS:
        return a - b;
    case OP_TIMES:
        return a * b;
    case OP_DIVIDE:
        return b != 0 ? a / b : 0;
    case OP_OPEN:
    case OP_NOT:
    case OP_NEGATE:
    case OP_NUMBER:
    case OP_NAME:
        break;
    }
    g_assert_not_reached();
}

double
pattern_meta_run(const PatternMeta *self, const uint32_t *values)
{
    double stack[STACK_MAX];
    size_t top = 0;

    for (guint i = 0; i < self->steps->len; i++) {
        const Step *step = &g_array_index(self->steps, Step, i);

        if (step->op == OP_NUMBER) {
            stack[top++] = step->number;
        } else if (step->op == OP_NAME) {
            stack[top++] = values[step->name];
        } else if (step->op == OP_NOT) {
            stack[top - 1] = stack[top - 1] == 0;
        } else if (step->op == OP_NEGATE) {
            stack[top - 1] = -stack[top - 1];
        } else {
            top--;
            stack[top - 1] = apply(step->op, stack[top - 1], stack[top]);
        }
    }
    return stack[0];
}

/* Beyond what rules can count to. */
#define ANYTHING 1e100

static PatternBounds
between(double least, double most)
{
    return (PatternBounds){ .least = least,
        .most = most,
        .never_zero = least > 0 || most < 0 };
}

/* yes and no: whether it must be, or can not be. */
static PatternBounds
truth(bool yes, bool no)
{
    return between(yes, !no);
}

static bool
is_zero(const PatternBounds *bounds)
{
    return bounds->least == 0 && bounds->most == 0;
}

static PatternBounds
either(const PatternBounds *a, const PatternBounds *b)
{
    return between(MIN(a->least, b->least), MAX(a->most, b->most));
}

static PatternBounds
bounds_or(const PatternBounds *a, const PatternBounds *b)
{
    PatternBounds all = either(a, b);

    if (a->never_zero || is_zero(b))
        return *a;
    if (is_zero(a))
        return *b;
    all.never_zero = b->never_zero;
    return all;
}

static PatternBounds
bounds_and(const PatternBounds *a, const PatternBounds *b)
{
    PatternBounds zero = between(0, 0);

    if (is_zero(a) || is_zero(b))
        return zero;
    return a->never_zero ? *b : either(&zero, b);
}

static PatternBounds
bounds_times(const PatternBounds *a, const PatternBounds *b)
{
    double ends[] = { a->least * b->least, a->least * b->most,
        a->most * b->least, a->most * b->most };

    return between(MIN(MIN(ends[0], ends[1]), MIN(ends[2], ends[3])),
        MAX(MAX(ends[0], ends[1]), MAX(ends[2], ends[3])));
}

static PatternBounds
bounds_divide(const PatternBounds *a, const PatternBounds *b)
{
    double by = b->least;

    if (b->least != b->most)
        return between(-ANYTHING, ANYTHING);
    if (by == 0)
        return between(0, 0);
    return by > 0 ? between(a->least / by, a->most / by)
                  : between(a->most / by, a->least / by);
}

static PatternBounds
bounds_equal(const PatternBounds *a, const PatternBounds *b)
{
    return truth(a->least == b->most && a->most == b->least
                     && a->least == a->most,
        a->most < b->least || b->most < a->least);
}

static PatternBounds
bounds_not(const PatternBounds *a)
{
    return truth(is_zero(a), a->never_zero);
}

static PatternBounds
apply_bounds(Op op, const PatternBounds *a, const PatternBounds *b)
{
    PatternBounds equal;

    switch (op) {
    case OP_OR:
        return bounds_or(a, b);
    case OP_AND:
        return bounds_and(a, b);
    case OP_EQUAL:
        return bounds_equal(a, b);
    case OP_DIFFERENT:
        equal = bounds_equal(a, b);
        return bounds_not(&equal);
    case OP_LESS:
        return truth(a->most < b->least, a->least >= b->most);
    case OP_LESS_EQUAL:
        return truth(a->most <= b->least, a->least > b->most);
    case OP_MORE:
        return truth(a->least > b->most, a->most <= b->least);
    case OP_MORE_EQUAL:
        return truth(a->least >= b->most, a->most < b->least);
    case OP_PLUS:
        return between(a->least + b->least, a->most + b->most);
    case OP_MINUS:
        return between(a->least - b->most, a->most - b->least);
    case OP_TIMES:
        return bounds_times(a, b);
    case OP_DIVIDE:
        return bounds_divide(a, b);
    case OP_OPEN:
    case OP_NOT:
    case OP_NEGATE:
    case OP_NUMBER:
    case OP_NAME:
        break;
    }
    g_assert_not_reached();
}

PatternBounds
pattern_meta_bounds(const PatternMeta *self, const PatternBounds *values)
{
    PatternBounds stack[STACK_MAX];
    size_t top = 0;

    for (guint i = 0; i < self->steps->len; i++) {
        const Step *step = &g_array_index(self->steps, Step, i);
        PatternBounds *last = top > 0 ? &stack[top - 1] : NULL;

        if (step->op == OP_NUMBER) {
            stack[top++] = between(step->number, step->number);
        } else if (step->op == OP_NAME) {
            stack[top++] = values[step->name];
        } else if (step->op == OP_NOT) {
            *last = bounds_not(last);
        } else if (step->op == OP_NEGATE) {
            *last = between(-last->most, -last->least);
        } else {
            top--;
            last[-1] = apply_bounds(step->op, &last[-1], last);
        }
    }
    return stack[0];
}
