/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * An expression laid out as a graph of single bytes: which byte may follow
 * which.  What is repeated many times is taken as repeated without end.
 */

#include "expression.h"

#define LAYOUT_NOWHERE UINT32_MAX

typedef enum {
    LAYOUT_SET,   /* takes a byte of set, leads to to[0] */
    LAYOUT_SPLIT, /* leads to both */
    LAYOUT_END    /* the expression has matched, or all is possible */
} LayoutKind;

typedef struct LayoutNode {
    LayoutKind kind;
    uint32_t to[2];
    const ByteSet *set; /* the expression's */
} LayoutNode;

typedef struct Layout {
    const Expression *expression;
    GArray *nodes;  /* of LayoutNode; the first is the end */
    GArray *starts; /* uint32_t: where a match can be entered: its beginning,
                     * and what of it must follow */
    uint32_t copies;
    uint32_t *marks; /* of each node, for layout_close() */
    uint32_t mark;
} Layout;

/* NULL if it is too large.  The expression must live as long. */
Layout *layout_new(const Expression *expression);
void layout_free(Layout *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Layout, layout_free)

const LayoutNode *layout_at(const Layout *self, uint32_t n);

/* Replaces the nodes of frontier by the sets that they lead to without a
 * byte; true if the end is among them. */
bool layout_close(Layout *self, GArray *frontier);
