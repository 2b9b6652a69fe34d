/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The structure of a regular expression, for prefilters: what text it takes,
 * or more, never less.  Look-arounds and anchors take nothing and are taken as
 * true; what is not understood is EXPRESSION_UNKNOWN, behind which anything may
 * follow.
 */

#include "byte_set.h"
#include "regex.h"

#define EXPRESSION_NONE UINT32_MAX
#define EXPRESSION_UNBOUNDED UINT32_MAX

typedef enum {
    EXPRESSION_EMPTY,
    EXPRESSION_SET,      /* one byte of set */
    EXPRESSION_SEQUENCE, /* its children in order */
    EXPRESSION_CHOICE,   /* one of its children */
    EXPRESSION_REPEAT,   /* its child, least to most times */
    EXPRESSION_UNKNOWN
} ExpressionKind;

typedef struct ExpressionNode {
    ExpressionKind kind;
    uint32_t first, next; /* child, sibling; EXPRESSION_NONE */
    uint32_t least, most;
    ByteSet set;
} ExpressionNode;

typedef struct Expression {
    GArray *nodes; /* of ExpressionNode */
    uint32_t top;
} Expression;

/* NULL where the expression is beyond what is understood. */
Expression *expression_new(const PatternSource *source);
void expression_free(Expression *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Expression, expression_free)

const ExpressionNode *expression_at(const Expression *self, uint32_t n);
