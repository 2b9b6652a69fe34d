/* SPDX-License-Identifier: MIT */

/*
 * milter: lets existing milters look at each message.
 *
 *    [filter milter]
 *    servers = /run/opendkim/opendkim.sock; inet:8893@127.0.0.1
 *    action = reject
 *    action.text = %e
 *
 * The milters are asked one after another, each sees the fields that those
 * before it have added.  What they say becomes
 *
 *    accept, continue       nothing found
 *    reject, a 5xx reply    finding "reject"; evidence is the reply's text
 *    tempfail, a 4xx reply  finding "tempfail", and a 450 for the client
 *    discard, quarantine    finding "discard", "quarantine"
 *    added fields           added to the copies
 *
 * and the domain's action decides, as for any filter.
 *
 * What a filter cannot do is not offered to the milter, or not done:
 *    - the body, the recipients and the sender stay as they are: a milter that
 *      insists on changing them ends the negotiation, and on_error decides;
 *    - fields of the sender that the milter changes or removes are changed for
 *      the milters behind it, not in the copies.  (Let OpenDKIM's AuthservID be
 *      winnow's host name: forged results in its name are removed by winnow.);
 *    - all commands come at the end of DATA, once for all recipients with equal
 *      settings.  A milter that refuses single recipients is heard only if it
 *      refuses all.
 */

#include "conversation.h"

#include <stdlib.h>
#include <string.h>

enum { OPT_SERVERS };

#define SERVERS_MAX 8

static const WnOption options[] = {
    [OPT_SERVERS] = { .name = "servers",
        .help = "Where the milters listen, in the order to ask them.",
        .type = WN_OPT_STRING_LIST,
        .flags = WN_OPT_REQUIRED,
        .min = 1,
        .max = SERVERS_MAX },
};

typedef struct Milter {
    const WnHost *host;
    TalkServer servers[SERVERS_MAX];
    uint32_t n_servers;
} Milter;

static void
milter_free(void *self)
{
    Milter *milter = self;
    uint32_t i;

    for (i = 0; i < milter->n_servers; i++)
        talk_server_clear(&milter->servers[i]);
    free(milter);
}

static int32_t
milter_new(const WnHost *host, const WnSettings *settings, void **self,
    WnError *err)
{
    Milter *milter = calloc(1, sizeof *milter);
    uint32_t i, n = host->settings->count(settings, OPT_SERVERS);

    if (milter == NULL) {
        wn_error_set(err, "out of memory");
        return WN_E_FAILED;
    }
    milter->host = host;
    for (i = 0; i < n && i < SERVERS_MAX; i++) {
        if (!talk_server_init(&milter->servers[i],
                host->settings->item(settings, OPT_SERVERS, i).ptr, err)) {
            milter_free(milter);
            return WN_E_INVALID;
        }
        milter->n_servers++;
    }
    *self = milter;
    return WN_OK;
}

/* One message going from milter to milter. */
typedef struct Round {
    Milter *milter;
    uint32_t at;
    int quarantined;
    Fields fields;
} Round;

static WnVerdict ask_next(Round *round, WnCall *call);

static WnVerdict
found(const Round *round, WnCall *call, const char *rule, const char *evidence)
{
    return wn_match(round->milter->host, call, rule, evidence);
}

static WnVerdict
on_outcome(void *user, WnCall *call, MilterOutcome outcome, const char *text)
{
    Round *round = user;

    switch (outcome) {
    case MILTER_SAYS_NOTHING:
        round->at++;
        return ask_next(round, call);
    case MILTER_SAYS_QUARANTINE:
        if (found(round, call, "quarantine", text) != WN_MATCH)
            return WN_FAIL;
        round->quarantined = 1;
        round->at++;
        return ask_next(round, call);
    case MILTER_SAYS_REJECT:
        return found(round, call, "reject", text);
    case MILTER_SAYS_DISCARD:
        return found(round, call, "discard", NULL);
    case MILTER_SAYS_TEMPFAIL:
        return found(round, call, "tempfail", text) == WN_MATCH ? WN_DEFER
                                                                : WN_FAIL;
    case MILTER_SAYS_FAILURE:
        break;
    }
    wn_log(round->milter->host, WN_LOG_WARNING, call, "milter %u: %s",
        round->at + 1, text);
    return WN_FAIL;
}

static WnVerdict
ask_next(Round *round, WnCall *call)
{
    Milter *milter = round->milter;

    if (round->at < milter->n_servers)
        return milter_converse(milter->host, call, &milter->servers[round->at],
            &round->fields, on_outcome, round);
    milter_fields_give(&round->fields, milter->host, call);
    return round->quarantined ? WN_MATCH : WN_PASS;
}

static WnVerdict
milter_message(void *self, WnCall *call)
{
    Milter *milter = self;
    Round *round = milter->host->call->alloc(call, WN_LIFE_CALL, sizeof *round);

    round->milter = milter;
    milter_fields_init(&round->fields, milter->host, call);
    return ask_next(round, call);
}

static const WnFilter filter = {
    .struct_size = sizeof(WnFilter),
    .message = milter_message,
};

static const WnPlugin plugin = {
    WN_PLUGIN_HEAD,
    .name = "milter",
    .version = "1.0",
    .summary = "Lets existing milters look at each message.",
    .author = "the winnow authors",
    .license = "MIT",
    WN_OPTIONS(options),
    .instance_new = milter_new,
    .instance_free = milter_free,
    .filter = &filter,
};

WN_PLUGIN(milter, &plugin)
