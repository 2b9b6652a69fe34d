/* SPDX-License-Identifier: MIT */
#include "uribl.h"

#include <stdlib.h>

void
uribl_init(Uribl *self, const WnHost *host, uint32_t findings_max)
{
    self->host = host;
    self->findings_max = findings_max;
    dnslist_zones_init(&self->zones, host, DNSLIST_OF_NAMES);
    self->listed = host->metrics->counter(host, "uribl_listed",
        "Listings of sites by DNS lists.");
}

static bool
add_entry(UriblPolicy *policy, Uribl *self, WnStr text, WnError *err)
{
    UriblEntry *entry = &policy->entries[policy->n];
    WnError why = { .struct_size = sizeof why };

    if (!dnslist_spec_parse(&entry->spec, text, &why)) {
        wn_error_set(err, "uribl: %.200s", why.text);
        return false;
    }
    entry->zone = dnslist_zone_ref(&self->zones, entry->spec.zone);
    if (entry->zone == NULL) {
        wn_error_set(err, "out of memory");
        return false;
    }
    policy->n++;
    return true;
}

UriblPolicy *
uribl_policy_new(Uribl *self, const WnSettings *settings, uint32_t zones_option,
    uint32_t skip_option, WnError *err)
{
    const WnSettingsApi *api = self->host->settings;
    uint32_t n = api->count(settings, zones_option);
    UriblPolicy *policy = calloc(1,
        sizeof *policy + n * sizeof policy->entries[0]);

    if (policy == NULL) {
        wn_error_set(err, "out of memory");
        return NULL;
    }
    policy->skip_option = skip_option;
    for (uint32_t i = 0; i < n; i++) {
        if (add_entry(policy, self, api->item(settings, zones_option, i), err))
            continue;
        uribl_policy_free(policy);
        return NULL;
    }
    return policy;
}

void
uribl_policy_free(UriblPolicy *policy)
{
    if (policy == NULL)
        return;
    for (uint32_t i = 0; i < policy->n; i++)
        dnslist_zone_unref(policy->entries[i].zone);
    free(policy);
}
