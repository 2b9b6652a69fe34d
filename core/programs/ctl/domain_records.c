/* SPDX-License-Identifier: MIT */
#include "core/programs/ctl/domain_records.h"

#include "core/base/crc32c.h"

#define LABEL_MAX 63
#define SUFFIX_LEN 9 /* "-" and 8 hex digits */

static const unsigned relay_preferences[] = { 5, 6, 20 };
#define OWN_PREFERENCE 10

char *
domain_relay_label(const char *domain)
{
    g_autofree char *label = g_strdelimit(g_strdup(domain), ".", '-');
    size_t len = strlen(label);

    if (strchr(domain, '-') == NULL && len <= LABEL_MAX)
        return g_steal_pointer(&label);
    if (len > LABEL_MAX - SUFFIX_LEN)
        label[LABEL_MAX - SUFFIX_LEN] = '\0';
    return g_strdup_printf("%s-%08x", label, wn_crc32c(0, wn_span_str(domain)));
}

/* "relay1a.example.net" gives "relay1" and "example.net"; any other name is
 * taken whole: then all three letters stand before it. */
static void
split_hostname(const char *hostname, char **out_relay, const char **out_site)
{
    const char *dot = strchr(hostname, '.');

    if (dot != NULL && g_str_has_prefix(hostname, "relay") && dot - hostname > 6
        && strchr("abc", dot[-1]) != NULL) {
        *out_relay = g_strndup(hostname, (gsize)(dot - 1 - hostname));
        *out_site = dot + 1;
    } else {
        *out_relay = g_strdup("relay1");
        *out_site = hostname;
    }
}

static char *
relay_name(const WnConfig *config, const WnDomain *domain, char letter)
{
    g_autofree char *name = wn_span_dup(domain->name);
    g_autofree char *label = domain_relay_label(name);
    g_autofree char *relay = NULL;
    const char *site;

    split_hostname(config->hostname, &relay, &site);
    return g_strdup_printf("%s.%s%c.%s", label, relay, letter, site);
}

static GArray *
egress_addresses(const WnConfig *config, const WnDomain *domain)
{
    g_autofree char *pool = wn_span_dup(domain->egress_pool);
    const WnEgressConfig *egress = domain->firewall
                                       ? wn_config_egress(config, pool)
                                       : NULL;

    return egress != NULL ? egress->addresses : NULL;
}

static void
print_layout(const WnConfig *config, const WnDomain *domain, bool own_server,
    GString *out)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(relay_preferences); i++) {
        g_autofree char *relay = relay_name(config, domain, (char)('a' + i));

        if (own_server && relay_preferences[i] > OWN_PREFERENCE)
            g_string_append_printf(out, "  %.*s. IN MX %u YOUR-OWN-SERVER.\n",
                (int)domain->name.len, domain->name.ptr, OWN_PREFERENCE);
        g_string_append_printf(out, "  %.*s. IN MX %u %s.\n",
            (int)domain->name.len, domain->name.ptr, relay_preferences[i],
            relay);
    }
}

static void
print_nftables(const GArray *addresses, bool ipv6, GString *out)
{
    bool first = true;

    for (guint i = 0; i < addresses->len; i++) {
        const WnNetaddr *address = &g_array_index(addresses, WnNetaddr, i);
        char text[WN_NETADDR_TEXT_MAX];

        if ((address->len == 16) != ipv6)
            continue;
        wn_netaddr_format(address, text);
        g_string_append_printf(out, "%s%s",
            first ? (ipv6 ? "  ip6 saddr { " : "  ip saddr { ") : ", ", text);
        first = false;
    }
    if (!first)
        g_string_append(out, " } tcp dport 25 accept\n");
}

static void
print_egress(const WnConfig *config, const WnDomain *domain, GString *out)
{
    const GArray *addresses = egress_addresses(config, domain);

    if (addresses == NULL) {
        g_string_append(out,
            "\nfirewall is off: mail may come from any address of the relay\n");
        return;
    }
    g_string_append(out, "\naddresses that all mail comes from:\n");
    for (guint i = 0; i < addresses->len; i++) {
        char text[WN_NETADDR_TEXT_MAX];

        wn_netaddr_format(&g_array_index(addresses, WnNetaddr, i), text);
        g_string_append_printf(out, "  %s\n", text);
    }
    g_string_append(out, "as nftables rules:\n");
    print_nftables(addresses, false, out);
    print_nftables(addresses, true, out);
}

void
domain_records_text(const WnConfig *config, const WnDomain *domain,
    GString *out)
{
    g_string_append(out, "\nMX records, \"sandwich\" (own server kept):\n");
    print_layout(config, domain, true, out);
    g_string_append(out, "MX records, relays only:\n");
    print_layout(config, domain, false, out);
    print_egress(config, domain, out);
}

void
domain_records_json(const WnConfig *config, const WnDomain *domain,
    WnJson *json)
{
    const GArray *addresses = egress_addresses(config, domain);

    wn_json_open_list(json, "mx");
    for (unsigned i = 0; i < G_N_ELEMENTS(relay_preferences); i++) {
        g_autofree char *relay = relay_name(config, domain, (char)('a' + i));

        wn_json_open_object(json, NULL);
        wn_json_int(json, "preference", relay_preferences[i]);
        wn_json_str(json, "name", relay);
        wn_json_close_object(json);
    }
    wn_json_close_list(json);
    wn_json_open_list(json, "egress");
    for (guint i = 0; addresses != NULL && i < addresses->len; i++) {
        char text[WN_NETADDR_TEXT_MAX];

        wn_netaddr_format(&g_array_index(addresses, WnNetaddr, i), text);
        wn_json_str(json, NULL, text);
    }
    wn_json_close_list(json);
}
