/* SPDX-License-Identifier: MIT */
#include "core/conf/domain_check.h"

#include <ifaddrs.h>
#include <string.h>

#include "core/base/text.h"
#include "core/conf/names.h"

#define SERVERS_MAX 64

struct WnDomainCheck {
    const WnConfig *config;
    GArray *own; /* WnNetaddr: of this machine's interfaces */
};

typedef struct Checking {
    const WnDomainCheck *check;
    WnDomainSetting *domain;
    WnProblems *problems;
    bool ok;
} Checking;

WnDomainCheck *
wn_domain_check_new(const WnConfig *config)
{
    WnDomainCheck *self = g_new0(WnDomainCheck, 1);
    struct ifaddrs *interfaces = NULL;

    self->config = config;
    self->own = g_array_new(FALSE, FALSE, sizeof(WnNetaddr));
    /* A confined process may not ask; loops then end at the third Received. */
    if (getifaddrs(&interfaces) != 0)
        return self;
    for (struct ifaddrs *i = interfaces; i != NULL; i = i->ifa_next) {
        WnNetaddr address;

        if (i->ifa_addr != NULL
            && wn_netaddr_from_sockaddr(i->ifa_addr,
                sizeof(struct sockaddr_storage), &address))
            g_array_append_val(self->own, address);
    }
    freeifaddrs(interfaces);
    return self;
}

void
wn_domain_check_free(WnDomainCheck *self)
{
    g_array_unref(self->own);
    g_free(self);
}

static WnPlace
place_of(const Checking *self, const char *group, const char *key)
{
    return (WnPlace){
        .file = self->domain->file,
        .line = self->domain->line,
        .group = group,
        .key = key,
    };
}

static void G_GNUC_PRINTF(3, 4)
    report(Checking *self, const char *key, const char *format, ...)
{
    g_autofree char *group = g_strconcat("domain ", self->domain->name, NULL);
    WnPlace place = place_of(self, group, key);
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    self->ok = false;
    wn_problems_add(self->problems, place, "%s", text);
}

static bool
same_host(const WnNetaddr *a, const WnNetaddr *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

static bool
is_wildcard(const WnNetaddr *address)
{
    for (unsigned i = 0; i < address->len; i++) {
        if (address->bytes[i] != 0)
            return false;
    }
    return true;
}

static bool
is_loopback(const WnNetaddr *address)
{
    static const uint8_t v6[16] = { [15] = 1 };

    return address->len == 4 ? address->bytes[0] == 127
                             : memcmp(address->bytes, v6, 16) == 0;
}

static bool
is_of_this_machine(const WnDomainCheck *self, const WnNetaddr *address)
{
    if (is_loopback(address))
        return true;
    for (unsigned i = 0; i < self->own->len; i++) {
        if (same_host(&g_array_index(self->own, WnNetaddr, i), address))
            return true;
    }
    return false;
}

/* Would a connection to address:port reach one of our listeners? */
static bool
is_own_listener(const WnDomainCheck *self, const WnNetaddr *address,
    uint16_t port)
{
    const GArray *listen = self->config->listen;

    for (unsigned i = 0; i < listen->len; i++) {
        const WnNetaddr *own = &g_array_index(listen, WnNetaddr, i);

        if (own->port != port || own->len != address->len)
            continue;
        if (same_host(own, address)
            || (is_wildcard(own) && is_of_this_machine(self, address)))
            return true;
    }
    return false;
}

static bool
is_own_name(const WnDomainCheck *self, const char *host, uint16_t port)
{
    const GArray *listen = self->config->listen;

    if (g_ascii_strcasecmp(host, self->config->hostname) != 0
        && g_ascii_strcasecmp(host, "localhost") != 0)
        return false;
    for (unsigned i = 0; i < listen->len; i++) {
        if (g_array_index(listen, WnNetaddr, i).port == port)
            return true;
    }
    return false;
}

/* An address has no TLSA records. */
static void
warn_of_dane(Checking *self, const WnServerSetting *server)
{
    g_autofree char *group = g_strconcat("domain ", self->domain->name, NULL);

    wn_problems_warn(self->problems, place_of(self, group, "servers"),
        "\"%s:%u\" is an address: dane needs the server's name, and is \"may\" "
        "for this one",
        server->host, server->port);
}

static void
check_server(Checking *self, const WnServerSetting *server)
{
    g_autofree char *fault = NULL;
    WnNetaddr address;
    bool loop;

    if (!wn_server_check(server->host, server->port, &fault)) {
        report(self, "servers", "\"%s:%u\": %s", server->host, server->port,
            fault);
        return;
    }
    if (wn_netaddr_parse(wn_span_str(server->host), &address))
        loop = is_own_listener(self->check, &address, server->port);
    else
        loop = is_own_name(self->check, server->host, server->port);
    if (loop)
        report(self, "servers",
            "\"%s:%u\" is this relay itself; the mail would loop", server->host,
            server->port);
    if (wn_server_dane_is_may(server->host, server->own_tls, self->domain->tls))
        warn_of_dane(self, server);
    if (server->weight == 0)
        report(self, "servers", "\"%s:%u\" has no weight", server->host,
            server->port);
}

static void
check_servers(Checking *self)
{
    const GPtrArray *servers = self->domain->servers;

    if (servers->len == 0 && !self->domain->faulty
        && self->domain->status != WN_DOMAIN_INITIALIZING)
        report(self, "servers", "at least one server is required");
    if (servers->len > SERVERS_MAX)
        report(self, "servers", "at most %d servers are possible", SERVERS_MAX);
    for (unsigned i = 0; i < servers->len; i++)
        check_server(self, g_ptr_array_index(servers, i));
}

static void
check_egress(Checking *self)
{
    const GPtrArray *pools = self->check->config->egress;
    WnDomainSetting *domain = self->domain;
    g_autofree const char **names = NULL;
    g_autofree char *hint = NULL;

    if (domain->egress_pool == NULL && domain->firewall) {
        if (pools->len == 1)
            domain->egress_pool = g_strdup(
                ((const WnEgressConfig *)g_ptr_array_index(pools, 0))->name);
        else
            report(self, "egress_pool",
                "is required with firewall: which [egress NAME]?");
        return;
    }
    if (domain->egress_pool == NULL
        || wn_config_egress(self->check->config, domain->egress_pool) != NULL)
        return;
    names = g_new0(const char *, pools->len + 1);
    for (unsigned i = 0; i < pools->len; i++)
        names[i] = ((const WnEgressConfig *)g_ptr_array_index(pools, i))->name;
    hint = wn_problem_hint(domain->egress_pool, names);
    report(self, "egress_pool", "there is no [egress %s]%s",
        domain->egress_pool, hint);
}

/* Two that were different may be one now. */
static void
check_folded(Checking *self)
{
    const GArray *list = self->domain->mailbox_list;
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (unsigned i = 0; i < list->len; i++) {
        char *local_part = g_array_index(list, WnMailboxSetting, i).local_part;

        if (!g_hash_table_add(seen, local_part))
            report(self, "mailboxes", "\"%s\" is given twice", local_part);
    }
}

static void
check_mailboxes(Checking *self)
{
    const GArray *list = self->domain->mailbox_list;
    bool folded = false;

    for (unsigned i = 0; i < list->len; i++) {
        WnMailboxSetting *mailbox = &g_array_index(list, WnMailboxSetting, i);
        g_autofree char *local_part = NULL;
        g_autofree char *fault = NULL;

        if (!wn_local_part_parse(mailbox->local_part, &local_part, &fault)) {
            report(self, "mailboxes", "\"%s\": %s", mailbox->local_part, fault);
        } else if (strcmp(local_part, mailbox->local_part) != 0) {
            g_free(mailbox->local_part);
            mailbox->local_part = g_steal_pointer(&local_part);
            folded = true;
        }
    }
    if (folded)
        check_folded(self);
}

static void
check_texts(Checking *self)
{
    WnDomainSetting *domain = self->domain;
    g_autofree char *local = NULL;
    g_autofree char *host = NULL;
    g_autofree char *fault = NULL;

    if (domain->reject_text != NULL) {
        GString *clean = g_string_new(domain->reject_text);

        wn_text_clean(clean);
        g_free(domain->reject_text);
        domain->reject_text = g_string_free(clean, FALSE);
    }
    if (domain->technical_contact != NULL
        && !wn_address_split(domain->technical_contact, &local, &host, &fault))
        report(self, "technical_contact", "%s", fault);
    if (domain->max_message_size < 0 || domain->queue_lifetime_ms < 0
        || domain->delay_notice_ms < 0)
        report(self, NULL, "a limit is negative");
}

static void
check_name(Checking *self)
{
    g_autofree char *name = NULL;
    g_autofree char *fault = NULL;

    if (!wn_domain_name_parse(self->domain->name, &name, &fault))
        report(self, NULL, "%s", fault);
    else if (strcmp(name, self->domain->name) != 0)
        report(self, NULL, "the name must be in lower case");
}

bool
wn_domain_check(const WnDomainCheck *self, WnDomainSetting *domain,
    WnProblems *problems)
{
    Checking checking = {
        .check = self,
        .domain = domain,
        .problems = problems,
        .ok = true,
    };

    check_name(&checking);
    check_servers(&checking);
    check_egress(&checking);
    check_mailboxes(&checking);
    check_texts(&checking);
    return checking.ok;
}
