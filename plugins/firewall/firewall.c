/* SPDX-License-Identifier: MIT */

/*
 * firewall: who may send, by the client's address.  A client in an allowed
 * network is trusted, one in a blocked network is a match; where both lists
 * hold the address the narrower network counts, and the allowed one if they
 * are alike.  Looks at nothing but the address, so it can decide at connect
 * and at RCPT.
 */

#include <winnow/plugin.h>

#include <stdlib.h>

enum { OPT_ALLOW, OPT_BLOCK };

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
};

typedef struct Firewall {
    const WnHost *host;
} Firewall;

static int32_t
firewall_new(const WnHost *host, const WnSettings *settings, void **self,
    WnError *err)
{
    Firewall *firewall = calloc(1, sizeof *firewall);

    (void)settings;
    if (firewall == NULL) {
        wn_error_set(err, "out of memory");
        return WN_E_FAILED;
    }
    firewall->host = host;
    *self = firewall;
    return WN_OK;
}

static void
firewall_free(void *self)
{
    free(self);
}

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

static WnVerdict
firewall_look(void *self, WnCall *call)
{
    const WnHost *host = ((Firewall *)self)->host;
    const WnSettings *settings = host->call->settings(call);
    const WnClient *client = host->facts->client(call);
    WnStr allowed, blocked;
    int allow = narrowest(host, settings, OPT_ALLOW, client, &allowed);
    int block = narrowest(host, settings, OPT_BLOCK, client, &blocked);

    if (allow < 0 && block < 0)
        return WN_PASS;
    if (allow >= block)
        return WN_TRUST;
    return wn_match(host, call, "block", blocked.ptr);
}

static const WnFilter filter = {
    .struct_size = sizeof(WnFilter),
    .connect = firewall_look,
    .rcpt = firewall_look,
};

static const WnPlugin plugin = {
    WN_PLUGIN_HEAD,
    .name = "firewall",
    .version = "1.0",
    .summary = "Trusts or blocks clients by their network.",
    .author = "the winnow authors",
    .license = "MIT",
    WN_OPTIONS(options),
    .instance_new = firewall_new,
    .instance_free = firewall_free,
    .filter = &filter,
};

WN_PLUGIN(firewall, &plugin)
