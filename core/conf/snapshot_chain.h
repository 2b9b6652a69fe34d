/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Merges conf.d's filters with what a domain says of them into the chain that
 * runs for the domain.  The merge, member by member:
 *
 *    which filters   the domain's list "filters", in its order; without one
 *                    conf.d's enabled filters by position, then name, both
 *                    of which the domain may override
 *    action          the domain's, else conf.d's
 *    action.*        the domain's over conf.d's, and conf.d's only while the
 *                    action is conf.d's
 *    on_match        the domain's; else conf.d's if given there or the action
 *                    is conf.d's; else what suits the action
 *    on_error        the domain's, else conf.d's
 *    plugin options  the domain's; conf.d's stay with the instance
 *    reject_text     is action.text where the action is reject and the domain
 *                    says no action.text
 */

#include "core/base/arena.h"
#include "core/conf/domain_file.h"

typedef struct WnChainOption {
    const char *key;
    const char *value;
} WnChainOption;

typedef struct WnChainLink {
    const char *filter;
    const char *action; /* NULL: report only */
    bool early;
    bool ahead;
    bool may_refuse; /* after DATA */
    WnOnMatch on_match;
    WnOnError on_error;
    unsigned n_options;
    WnChainOption *options; /* sorted by key */
} WnChainLink;

typedef struct WnChain {
    unsigned n_links;
    WnChainLink *links;
    const char *reject_text; /* "" unless a link of the chain uses it */
} WnChain;

typedef struct WnChainMaker WnChainMaker;

/* config and catalogue are borrowed until free. */
WnChainMaker *wn_chain_maker_new(const WnConfig *config,
    const WnCatalogue *catalogue);
void wn_chain_maker_free(WnChainMaker *self);

/* The domain's chain, allocated in arena; texts may also be the maker's or the
 * domain's, so copy what must live longer.  False: problems were added. */
bool wn_chain_make(const WnChainMaker *self, const WnDomainSetting *domain,
    WnArena *arena, WnProblems *problems, WnChain *out_chain);

/* Sets what follows from action and on_error; false: there is no such filter
 * or action any more.  For chains of an earlier snapshot. */
bool wn_chain_renew_link(const WnChainMaker *self, WnChainLink *link);
