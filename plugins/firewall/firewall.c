/* SPDX-License-Identifier: MIT */

/*
 * firewall: who may send, and how much.  Looks at nothing but the client, its
 * HELO and the envelope's sender, so it can decide at connect and at RCPT.
 *
 * What counts, in this order:
 *    1. entries that allow (allow_clients, allow_senders ...): trusted
 *    2. entries that block: a match
 *    3. the networks of allow and block: trusted, or a match
 *    4. rates: deferred
 * Among entries or networks of one kind the narrower one counts, and the
 * allowed one of two alike.
 *
 * A client alone is known at connect.  Where conf.d's own settings have entries
 * that could say otherwise, its networks wait until RCPT.  At RCPT a domain's
 * settings decide; that a rate was passed is remembered for them.
 */

#include "entries.h"
#include "origin.h"
#include "rate.h"

#include <stdlib.h>

#define ENTRIES_MAX 500
#define EVIDENCE_MAX 200

enum {
    OPT_ALLOW,
    OPT_BLOCK,
    OPT_RATE,
    OPT_ALLOW_CLIENTS,
    OPT_ALLOW_SENDERS,
    OPT_ALLOW_SENDER_DOMAINS,
    OPT_ALLOW_HELOS,
    OPT_BLOCK_CLIENTS,
    OPT_BLOCK_SENDERS,
    OPT_BLOCK_SENDER_DOMAINS,
    OPT_BLOCK_HELOS
};

#define ENTRY_OPTION(list_name, list_type, list_flags, text)                 \
    {                                                                        \
        .name = list_name, .help = text, .type = list_type,                  \
        .flags = WN_OPT_PER_DOMAIN | (list_flags), .fallback = "", .min = 0, \
        .max = ENTRIES_MAX                                                   \
    }

static const WnOption options[] = {
    [OPT_ALLOW] = { .name = "allow",
        .help = "Networks whose mail passes without further filters.",
        .type = WN_OPT_NET_LIST,
        .flags = WN_OPT_PER_DOMAIN,
        .fallback = "" },
    [OPT_BLOCK] = { .name = "block",
        .help = "Networks whose mail is a match.",
        .type = WN_OPT_NET_LIST,
        .flags = WN_OPT_PER_DOMAIN,
        .fallback = "" },
    [OPT_RATE] = { .name = "rate",
        .help = "What one client or network may send before it is deferred: "
                "[connections|messages] [address|prefix] N/TIME [burst N].",
        .type = WN_OPT_STRING_LIST,
        .fallback = "",
        .min = 0,
        .max = RATES_MAX },
    [OPT_ALLOW_CLIENTS] = ENTRY_OPTION("allow_clients", WN_OPT_NET_LIST, 0,
        "Clients, by address or network, whose mail is trusted."),
    [OPT_ALLOW_SENDERS] = ENTRY_OPTION("allow_senders", WN_OPT_ADDRESS_LIST, 0,
        "Senders whose mail is trusted; anybody can claim to be one."),
    [OPT_ALLOW_SENDER_DOMAINS] = ENTRY_OPTION("allow_sender_domains",
        WN_OPT_NAME_LIST, WN_OPT_RISKY,
        "Sender domains are easily forged: an entry counts only for clients "
        "that are known to be the domain's; better allow clients."),
    [OPT_ALLOW_HELOS] = ENTRY_OPTION("allow_helos", WN_OPT_NAME_LIST,
        WN_OPT_RISKY,
        "Names in HELO are easily forged: an entry counts only for clients "
        "that are known to have the name; better allow clients."),
    [OPT_BLOCK_CLIENTS] = ENTRY_OPTION("block_clients", WN_OPT_NET_LIST, 0,
        "Clients, by address or network, whose mail is a match."),
    [OPT_BLOCK_SENDERS] = ENTRY_OPTION("block_senders", WN_OPT_ADDRESS_LIST, 0,
        "Senders whose mail is a match."),
    [OPT_BLOCK_SENDER_DOMAINS] = ENTRY_OPTION("block_sender_domains",
        WN_OPT_NAME_LIST, 0,
        "Sender domains whose mail is a match; with a dot in front, also "
        "those below."),
    [OPT_BLOCK_HELOS] = ENTRY_OPTION("block_helos", WN_OPT_NAME_LIST, 0,
        "Names in HELO whose mail is a match; with a dot in front, also those "
        "below."),
};

typedef struct Firewall {
    const WnHost *host;
    Rates rates;
    int32_t trusted, blocked, deferred, unproven; /* metrics */
} Firewall;

/* One allow entry that counts only if the client is the domain's. */
typedef struct Claim {
    struct Look *look;
    EntryFound found;
    const char *rule;
    bool is_sender;
} Claim;

/* What is asked at RCPT. */
typedef struct Look {
    Firewall *firewall;
    Claim claims[2];
    unsigned n_claims;
} Look;

/*
 * Instance and policies
 */

static bool
read_rates(Rates *self, const WnSettings *settings, WnError *err)
{
    const WnSettingsApi *api = self->host->settings;

    self->n = api->count(settings, OPT_RATE);
    for (uint32_t i = 0; i < self->n; i++)
        if (!rate_parse(&self->rates[i], api->item(settings, OPT_RATE, i), err))
            return false;
    return true;
}

static int32_t
firewall_new(const WnHost *host, const WnSettings *settings, void **out_self,
    WnError *err)
{
    Firewall *self = calloc(1, sizeof *self);

    if (self == NULL) {
        wn_error_set(err, "out of memory");
        return WN_E_FAILED;
    }
    self->host = host;
    self->rates.host = host;
    if (!read_rates(&self->rates, settings, err)) {
        free(self);
        return WN_E_INVALID;
    }
    self->trusted = host->metrics->counter(host, "trusted_total",
        "Answers that mail is trusted.");
    self->blocked = host->metrics->counter(host, "blocked_total",
        "Answers that mail is blocked.");
    self->deferred = host->metrics->counter(host, "deferred_total",
        "Connections and messages above a rate.");
    self->unproven = host->metrics->counter(host, "unproven_total",
        "Allow entries that did not count, as the client may have forged it.");
    *out_self = self;
    return WN_OK;
}

static void
firewall_free(void *self)
{
    free(self);
}

static void
add_entries(Entries *entries, const WnSettingsApi *api,
    const WnSettings *settings, uint32_t option, EntryKind kind,
    unsigned verdict)
{
    for (uint32_t i = 0; i < api->count(settings, option); i++)
        entries_add(entries, kind, api->item(settings, option, i), verdict);
}

static int32_t
firewall_policy_new(void *self, const WnSettings *settings, void **policy,
    WnError *err)
{
    static const struct {
        uint32_t option;
        EntryKind kind;
        unsigned verdict;
    } lists[] = {
        { OPT_ALLOW_SENDERS, ENTRY_MAILBOX, ENTRY_ALLOW },
        { OPT_ALLOW_SENDER_DOMAINS, ENTRY_DOMAIN, ENTRY_ALLOW },
        { OPT_ALLOW_HELOS, ENTRY_HELO, ENTRY_ALLOW },
        { OPT_BLOCK_SENDERS, ENTRY_MAILBOX, ENTRY_BLOCK },
        { OPT_BLOCK_SENDER_DOMAINS, ENTRY_DOMAIN, ENTRY_BLOCK },
        { OPT_BLOCK_HELOS, ENTRY_HELO, ENTRY_BLOCK },
    };
    const WnSettingsApi *api = ((Firewall *)self)->host->settings;
    Entries *entries = entries_new();

    (void)err;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        add_entries(entries, api, settings, lists[i].option, lists[i].kind,
            lists[i].verdict);
    *policy = entries;
    return WN_OK;
}

static void
firewall_policy_free(void *self, void *policy)
{
    (void)self;
    entries_free(policy);
}

/*
 * Answers
 */

static WnVerdict
answer(const Firewall *self, WnCall *call, WnVerdict verdict, const char *rule,
    const char *evidence)
{
    const WnHost *host = self->host;
    int32_t metric = verdict == WN_TRUST   ? self->trusted
                     : verdict == WN_MATCH ? self->blocked
                                           : self->deferred;

    if (wn_match(host, call, rule, evidence) == WN_FAIL)
        return WN_FAIL;
    host->metrics->add(host, metric, 1);
    return verdict;
}

/*
 * Networks
 */

/* The bits of the narrowest network of a list that holds the client, counted
 * as if every address had 128 bits; -1 if none does. */
static int
narrowest(const WnHost *host, const WnSettings *settings, uint32_t option,
    const WnClient *client, WnStr *network)
{
    int32_t place = host->settings->net_match(settings, option, client->address,
        client->address_len);
    const char *slash;

    if (place < 0)
        return -1;
    *network = host->settings->item(settings, option, (uint32_t)place);
    slash = strchr(network->ptr, '/');
    if (slash == NULL)
        return 128;
    if (strchr(network->ptr, ':') == NULL)
        return 96 + (int)strtol(slash + 1, NULL, 10);
    return (int)strtol(slash + 1, NULL, 10);
}

/* ENTRY_ALLOW, ENTRY_BLOCK or 0. */
static unsigned
look_at_networks(const WnHost *host, WnCall *call, uint32_t allow_option,
    uint32_t block_option, WnStr *out_network)
{
    const WnSettings *settings = host->call->settings(call);
    const WnClient *client = host->facts->client(call);
    WnStr allowed, blocked;
    int allow = narrowest(host, settings, allow_option, client, &allowed);
    int block = narrowest(host, settings, block_option, client, &blocked);

    if (allow < 0 && block < 0)
        return 0;
    *out_network = allow >= block ? allowed : blocked;
    return allow >= block ? ENTRY_ALLOW : ENTRY_BLOCK;
}

/*
 * Rates
 */

/* Where the evidence stands that a rate was passed. */
static char **
rate_mark(const Firewall *self, WnCall *call, RateKind kind)
{
    return (char **)self->host->call->slot(call,
        kind == RATE_CONNECTIONS ? WN_LIFE_CONN : WN_LIFE_TXN);
}

static WnVerdict
defer_if_marked(const Firewall *self, WnCall *call, RateKind kind)
{
    const char *evidence = *rate_mark(self, call, kind);

    if (evidence == NULL)
        return WN_PASS;
    return answer(self, call, WN_DEFER,
        kind == RATE_CONNECTIONS ? "rate-connections" : "rate-messages",
        evidence);
}

static void
count(const Firewall *self, WnCall *call, RateKind kind)
{
    const WnClient *client = self->host->facts->client(call);
    const Rate *over = rates_take(&self->rates, kind, client);
    char *evidence;

    if (over == NULL)
        return;
    evidence = self->host->call->alloc(call,
        kind == RATE_CONNECTIONS ? WN_LIFE_CONN : WN_LIFE_TXN, EVIDENCE_MAX);
    rate_describe(over, client, evidence, EVIDENCE_MAX);
    *rate_mark(self, call, kind) = evidence;
}

/*
 * Before a recipient is known
 */

static WnVerdict
firewall_connect(void *user, WnCall *call)
{
    const Firewall *self = user;
    const Entries *entries = self->host->call->policy(call);
    WnStr network;
    unsigned verdict = look_at_networks(self->host, call, OPT_ALLOW_CLIENTS,
        OPT_BLOCK_CLIENTS, &network);

    if (verdict == ENTRY_ALLOW)
        return answer(self, call, WN_TRUST, "allow-client", network.ptr);
    if (verdict == ENTRY_BLOCK)
        return entries_have(entries, ENTRY_ALLOW)
                   ? WN_PASS
                   : answer(self, call, WN_MATCH, "block-client", network.ptr);
    verdict = look_at_networks(self->host, call, OPT_ALLOW, OPT_BLOCK,
        &network);
    if (verdict == ENTRY_ALLOW)
        return entries_have(entries, ENTRY_ALLOW | ENTRY_BLOCK)
                   ? WN_PASS
                   : answer(self, call, WN_TRUST, "allow", network.ptr);
    if (verdict == ENTRY_BLOCK)
        return entries_have(entries, ENTRY_ALLOW)
                   ? WN_PASS
                   : answer(self, call, WN_MATCH, "block", network.ptr);
    count(self, call, RATE_CONNECTIONS);
    return defer_if_marked(self, call, RATE_CONNECTIONS);
}

static WnVerdict
firewall_mail(void *user, WnCall *call)
{
    const Firewall *self = user;
    WnStr network;

    if (look_at_networks(self->host, call, OPT_ALLOW_CLIENTS, OPT_BLOCK_CLIENTS,
            &network)
            != 0
        || look_at_networks(self->host, call, OPT_ALLOW, OPT_BLOCK, &network)
               != 0)
        return WN_PASS;
    count(self, call, RATE_MESSAGES);
    if (entries_have(self->host->call->policy(call), ENTRY_ALLOW))
        return WN_PASS; /* told at RCPT, unless the sender is trusted there */
    return defer_if_marked(self, call, RATE_MESSAGES);
}

/*
 * At RCPT
 */

static void
note_unproven(const Firewall *self, WnCall *call, const Claim *claim)
{
    const WnHost *host = self->host;
    char tag[80];
    char value[EVIDENCE_MAX];

    snprintf(tag, sizeof tag, "%s-unproven", host->instance_name);
    snprintf(value, sizeof value,
        "%s %s ignored: the client is not known to be its", claim->rule,
        claim->found.text);
    host->call->set_tag(call, tag, value);
    host->metrics->add(host, self->unproven, 1);
}

/* Nothing allows it: what speaks against it. */
static WnVerdict
look_at_blocks(const Firewall *self, WnCall *call)
{
    const WnHost *host = self->host;
    const Entries *entries = host->call->policy(call);
    EntryFound sender = entries_find_sender(entries, host->facts->sender(call),
        ENTRY_ALLOW | ENTRY_BLOCK);
    EntryFound helo = entries_find_helo(entries,
        host->facts->client(call)->helo, ENTRY_ALLOW | ENTRY_BLOCK);
    WnStr network;

    if (look_at_networks(host, call, OPT_ALLOW_CLIENTS, OPT_BLOCK_CLIENTS,
            &network)
        == ENTRY_BLOCK)
        return answer(self, call, WN_MATCH, "block-client", network.ptr);
    if (sender.verdict == ENTRY_ALLOW)
        sender = entries_find_sender(entries, host->facts->sender(call),
            ENTRY_BLOCK);
    if (sender.verdict == ENTRY_BLOCK)
        return answer(self, call, WN_MATCH,
            sender.is_mailbox ? "block-sender" : "block-sender-domain",
            sender.text);
    if (helo.verdict == ENTRY_ALLOW)
        helo = entries_find_helo(entries, host->facts->client(call)->helo,
            ENTRY_BLOCK);
    if (helo.verdict == ENTRY_BLOCK)
        return answer(self, call, WN_MATCH, "block-helo", helo.text);
    return WN_PASS;
}

static WnVerdict
look_at_rest(const Firewall *self, WnCall *call)
{
    WnVerdict verdict = look_at_blocks(self, call);
    WnStr network;
    unsigned found;

    if (verdict != WN_PASS)
        return verdict;
    found = look_at_networks(self->host, call, OPT_ALLOW, OPT_BLOCK, &network);
    if (found == ENTRY_ALLOW)
        return answer(self, call, WN_TRUST, "allow", network.ptr);
    if (found == ENTRY_BLOCK)
        return answer(self, call, WN_MATCH, "block", network.ptr);
    verdict = defer_if_marked(self, call, RATE_CONNECTIONS);
    return verdict != WN_PASS ? verdict
                              : defer_if_marked(self, call, RATE_MESSAGES);
}

static WnVerdict
finish(const Look *look, WnCall *call)
{
    for (unsigned i = 0; i < look->n_claims; i++)
        note_unproven(look->firewall, call, &look->claims[i]);
    return look_at_rest(look->firewall, call);
}

static WnVerdict
on_origin(void *user, WnCall *call, bool found)
{
    const Claim *claim = user;
    const Firewall *self = claim->look->firewall;

    if (found)
        return answer(self, call, WN_TRUST, claim->rule, claim->found.text);
    if (self->host->call->outstanding(call) > 0)
        return WN_PENDING;
    return finish(claim->look, call);
}

static void
add_claim(Look *self, EntryFound found, bool is_sender)
{
    if (found.verdict != ENTRY_ALLOW)
        return;
    self->claims[self->n_claims++] = (Claim){ self, found,
        is_sender ? "allow-sender-domain" : "allow-helo", is_sender };
}

static WnVerdict
prove(Look *self, WnCall *call)
{
    const Firewall *firewall = self->firewall;
    const WnHost *host = firewall->host;
    bool asked = false;

    for (unsigned i = 0; i < self->n_claims; i++)
        if (origin_is_known(host, call, self->claims[i].found.name,
                self->claims[i].is_sender))
            return answer(firewall, call, WN_TRUST, self->claims[i].rule,
                self->claims[i].found.text);
    for (unsigned i = 0; i < self->n_claims; i++) {
        Claim *claim = &self->claims[i];
        WnStr name = claim->is_sender ? host->facts->sender(call)->domain
                                      : host->facts->client(call)->helo;

        asked |= origin_ask(host, call, name.ptr, claim->is_sender, on_origin,
            claim);
    }
    return asked ? WN_PENDING : finish(self, call);
}

static WnVerdict
firewall_rcpt(void *user, WnCall *call)
{
    Firewall *self = user;
    const WnHost *host = self->host;
    const Entries *entries = host->call->policy(call);
    EntryFound sender = entries_find_sender(entries, host->facts->sender(call),
        ENTRY_ALLOW | ENTRY_BLOCK);
    Look *look;
    WnStr network;

    if (look_at_networks(host, call, OPT_ALLOW_CLIENTS, OPT_BLOCK_CLIENTS,
            &network)
        == ENTRY_ALLOW)
        return answer(self, call, WN_TRUST, "allow-client", network.ptr);
    if (sender.verdict == ENTRY_ALLOW && sender.is_mailbox)
        return answer(self, call, WN_TRUST, "allow-sender", sender.text);
    look = host->call->alloc(call, WN_LIFE_CALL, sizeof *look);
    look->firewall = self;
    add_claim(look, sender, true);
    add_claim(look,
        entries_find_helo(entries, host->facts->client(call)->helo,
            ENTRY_ALLOW | ENTRY_BLOCK),
        false);
    return look->n_claims > 0 ? prove(look, call) : look_at_rest(self, call);
}

static const WnFilter filter = {
    .struct_size = sizeof(WnFilter),
    .flags = WN_FILTER_RCPT_SHARED,
    .connect = firewall_connect,
    .mail = firewall_mail,
    .rcpt = firewall_rcpt,
};

static const WnPlugin plugin = {
    WN_PLUGIN_HEAD,
    .name = "firewall",
    .version = "2.0",
    .summary = "Trusts, blocks and slows down clients and senders.",
    .author = "the winnow authors",
    .license = "MIT",
    WN_OPTIONS(options),
    .instance_new = firewall_new,
    .instance_free = firewall_free,
    .policy_new = firewall_policy_new,
    .policy_free = firewall_policy_free,
    .filter = &filter,
};

WN_PLUGIN(firewall, &plugin)
