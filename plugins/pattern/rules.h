/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A set of rules in SpamAssassin's language.  Files are read one after the
 * other, later definitions replace earlier ones; finishing compiles all.  What
 * cannot be run is kept and named as unsupported, with the reason, and so is
 * every meta rule that depends on it: it is never taken for "no hit".
 */

#include "address_list.h"
#include "expression.h"
#include "literal.h"
#include "meta.h"

typedef enum {
    PATTERN_UNDEFINED, /* only scored or described */
    PATTERN_HEADER,
    PATTERN_MIMEHEADER,
    PATTERN_BODY,
    PATTERN_RAWBODY,
    PATTERN_FULL,
    PATTERN_URI,
    PATTERN_META
} PatternKind;

typedef enum {
    PATTERN_VALUE,
    PATTERN_RAW,
    PATTERN_ADDR,
    PATTERN_NAME
} PatternForm;

enum {
    PATTERN_MULTIPLE = 1u << 0,
    PATTERN_NOSUBJECT = 1u << 1,
    PATTERN_NICE = 1u << 2,
    PATTERN_EXISTS = 1u << 3,   /* header: no expression */
    PATTERN_NEGATED = 1u << 4,  /* !~ */
    PATTERN_REPLACED = 1u << 5, /* replace_rules names it */
    PATTERN_EVAL = 1u << 6,
    PATTERN_DISABLED = 1u << 7 /* its score is 0 */
};

#define PATTERN_HITS_MAX 1000u

typedef struct PatternRule {
    char *name;
    PatternKind kind;
    uint32_t flags;
    char *text;   /* expression, or the call of an eval rule */
    char *header; /* (nullable) */
    PatternForm form;
    char *if_unset; /* (nullable) */
    uint32_t max_hits;
    int32_t score; /* thousandths */
    bool scored;
    char *describe;    /* (nullable) */
    char *unsupported; /* the reason, or NULL */
    PatternRegex *regex;
    GPtrArray *literals;    /* (nullable), see pattern_literals_find() */
    Expression *expression; /* (nullable), until there is an engine */
    PatternMeta *meta;
} PatternRule;

typedef struct PatternRules {
    GPtrArray *rules;    /* of PatternRule */
    GHashTable *by_name; /* to index + 1 */
    GHashTable *tags, *pre, *inter, *post;
    AddressList *free_mail; /* domains */
    GHashTable *lists;      /* of AddressList, by name: addresses */
    GPtrArray *warnings;    /* of char * */
    GArray *meta_order;     /* uint32_t: metas behind what they depend on */
    guint n_ignored;        /* lines with other settings */
} PatternRules;

PatternRules *pattern_rules_new(void);
void pattern_rules_free(PatternRules *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PatternRules, pattern_rules_free)

/* path is only named in warnings. */
void pattern_rules_read(PatternRules *self, const char *path, const char *text,
    size_t len);

/* After the last file. */
void pattern_rules_finish(PatternRules *self);

/* NULL if it was never mentioned. */
PatternRule *pattern_rules_find(const PatternRules *self, const char *name);
PatternRule *pattern_rules_at(const PatternRules *self, uint32_t n);
/* Made, undefined, at its first mention. */
uint32_t pattern_rules_number(PatternRules *self, const char *name);

bool pattern_rule_is_sub(const PatternRule *rule);
/* Defined, supported and switched on. */
bool pattern_rule_runs(const PatternRule *rule);
void pattern_rule_refuse(PatternRule *rule, const char *reason);

typedef struct PatternCoverage {
    guint n_expressions, n_expressions_usable; /* all kinds with one */
    guint n_evals, n_evals_usable;
    guint n_metas, n_metas_usable;
} PatternCoverage;

PatternCoverage pattern_rules_coverage(const PatternRules *self);
