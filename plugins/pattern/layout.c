/* SPDX-License-Identifier: MIT */

#include "layout.h"

/* Copies of what is repeated; beyond, any number is taken. */
#define COPIES_MAX 6u
#define NODES_MAX 300000u

#define END 0u

static uint32_t lay_out(Layout *self, uint32_t n, uint32_t to);

const LayoutNode *
layout_at(const Layout *self, uint32_t n)
{
    return &g_array_index(self->nodes, LayoutNode, n);
}

static uint32_t
add_node(Layout *self, LayoutNode node)
{
    g_array_append_val(self->nodes, node);
    return self->nodes->len - 1;
}

static bool
is_full(const Layout *self)
{
    return self->nodes->len > NODES_MAX;
}

static uint32_t
split(Layout *self, uint32_t one, uint32_t other)
{
    return add_node(self,
        (LayoutNode){ .kind = LAYOUT_SPLIT, .to = { one, other } });
}

static GArray *
children_of(const Layout *self, uint32_t n)
{
    GArray *children = g_array_new(FALSE, FALSE, sizeof(uint32_t));

    for (uint32_t child = expression_at(self->expression, n)->first;
         child != EXPRESSION_NONE;
         child = expression_at(self->expression, child)->next)
        g_array_append_val(children, child);
    return children;
}

static uint32_t
lay_out_sequence(Layout *self, uint32_t n, uint32_t to)
{
    g_autoptr(GArray) children = children_of(self, n);

    for (guint i = children->len; i-- > 0;)
        to = lay_out(self, g_array_index(children, uint32_t, i), to);
    return to;
}

static uint32_t
lay_out_choice(Layout *self, uint32_t n, uint32_t to)
{
    g_autoptr(GArray) children = children_of(self, n);
    uint32_t all = lay_out(self, g_array_index(children, uint32_t, 0), to);

    for (guint i = 1; i < children->len; i++)
        all = split(self,
            lay_out(self, g_array_index(children, uint32_t, i), to), all);
    return all;
}

static uint32_t
lay_out_repeat(Layout *self, const ExpressionNode *node, uint32_t to)
{
    uint32_t least = MIN(node->least, self->copies);
    uint32_t end = to;

    if (node->most == 0)
        return to;
    if (node->most - node->least > self->copies || node->least > least) {
        uint32_t loop = split(self, LAYOUT_NOWHERE, to);
        uint32_t inner = lay_out(self, node->first, loop);

        g_array_index(self->nodes, LayoutNode, loop).to[0] = inner;
        to = loop;
    } else {
        for (uint32_t i = node->least; i < node->most; i++)
            to = split(self, lay_out(self, node->first, to), end);
    }
    for (uint32_t i = 0; i < least; i++)
        to = lay_out(self, node->first, to);
    return to;
}

/* Where n begins, if what follows it begins at to. */
static uint32_t
lay_out(Layout *self, uint32_t n, uint32_t to)
{
    const ExpressionNode *node = expression_at(self->expression, n);

    if (is_full(self))
        return END;
    switch (node->kind) {
    case EXPRESSION_EMPTY:
        return to;
    case EXPRESSION_SET:
        return add_node(self, (LayoutNode){ .kind = LAYOUT_SET,
                                  .to = { to, LAYOUT_NOWHERE },
                                  .set = &node->set });
    case EXPRESSION_SEQUENCE:
        return lay_out_sequence(self, n, to);
    case EXPRESSION_CHOICE:
        return lay_out_choice(self, n, to);
    case EXPRESSION_REPEAT:
        return lay_out_repeat(self, node, to);
    case EXPRESSION_UNKNOWN:
        return END;
    }
    g_assert_not_reached();
}

/* What every match passes through, each part of which is a start. */
static uint32_t
lay_out_required(Layout *self, uint32_t n, uint32_t to)
{
    const ExpressionNode *node = expression_at(self->expression, n);
    g_autoptr(GArray) children = children_of(self, n);

    if (node->kind == EXPRESSION_SEQUENCE) {
        for (guint i = children->len; i-- > 0;)
            to = lay_out_required(self, g_array_index(children, uint32_t, i),
                to);
        return to;
    }
    if (node->kind == EXPRESSION_CHOICE && children->len == 1)
        return lay_out_required(self, node->first, to);
    /* The first time is required; what comes then is as if it was not. */
    if (node->kind == EXPRESSION_REPEAT && node->least > 0) {
        ExpressionNode rest = *node;

        rest.least--;
        rest.most -= rest.most != EXPRESSION_UNBOUNDED;
        return lay_out_required(self, node->first,
            lay_out_repeat(self, &rest, to));
    }
    to = lay_out(self, n, to);
    g_array_append_val(self->starts, to);
    return to;
}

Layout *
layout_new(const Expression *expression)
{
    g_autoptr(Layout) self = g_new0(Layout, 1);

    self->expression = expression;
    self->nodes = g_array_new(FALSE, FALSE, sizeof(LayoutNode));
    self->starts = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    for (self->copies = COPIES_MAX; self->copies > 0; self->copies /= 2) {
        g_array_set_size(self->nodes, 0);
        g_array_set_size(self->starts, 0);
        add_node(self, (LayoutNode){ .kind = LAYOUT_END,
                           .to = { LAYOUT_NOWHERE, LAYOUT_NOWHERE } });
        lay_out_required(self, self->expression->top, END);
        if (is_full(self))
            continue;
        self->marks = g_new0(uint32_t, self->nodes->len);
        return g_steal_pointer(&self);
    }
    return NULL;
}

void
layout_free(Layout *self)
{
    if (self == NULL)
        return;
    g_array_unref(self->nodes);
    g_array_unref(self->starts);
    g_free(self->marks);
    g_free(self);
}

bool
layout_close(Layout *self, GArray *frontier)
{
    g_autoptr(GArray) stack = g_array_copy(frontier);
    bool end = false;

    self->mark++;
    g_array_set_size(frontier, 0);
    while (stack->len > 0) {
        uint32_t n = g_array_index(stack, uint32_t, stack->len - 1);
        const LayoutNode *node = layout_at(self, n);

        g_array_set_size(stack, stack->len - 1);
        if (self->marks[n] == self->mark)
            continue;
        self->marks[n] = self->mark;
        end = end || node->kind == LAYOUT_END;
        if (node->kind == LAYOUT_SET)
            g_array_append_val(frontier, n);
        else if (node->kind == LAYOUT_SPLIT)
            g_array_append_vals(stack, node->to, 2);
    }
    return end;
}
