/* SPDX-License-Identifier: MIT */
#include "policy.h"

#include <stdlib.h>

static bool
add_entry(RblPolicy *self, DnslistZones *zones, WnStr text, const char *option,
    WnError *err)
{
    RblEntry *entry = &self->entries[self->n];
    WnError why = { .struct_size = sizeof why };

    if (!dnslist_spec_parse(&entry->spec, text, &why)) {
        wn_error_set(err, "%s: %.200s", option, why.text);
        return false;
    }
    entry->zone = dnslist_zone_ref(zones, entry->spec.zone);
    if (entry->zone == NULL) {
        wn_error_set(err, "out of memory");
        return false;
    }
    self->n++;
    return true;
}

static bool
add_entries(RblPolicy *self, DnslistZones *zones, const WnSettings *settings,
    uint32_t option, WnError *err)
{
    const WnSettingsApi *api = zones->host->settings;
    const char *name = option == RBL_OPT_ZONES ? "zones" : "allow_zones";
    uint32_t n = api->count(settings, option);

    for (uint32_t i = 0; i < n; i++)
        if (!add_entry(self, zones, api->item(settings, option, i), name, err))
            return false;
    return true;
}

RblPolicy *
rbl_policy_new(DnslistZones *zones, const WnSettings *settings, WnError *err)
{
    const WnSettingsApi *api = zones->host->settings;
    size_t n = (size_t)api->count(settings, RBL_OPT_ZONES)
               + api->count(settings, RBL_OPT_ALLOW_ZONES);
    RblPolicy *self = calloc(1, sizeof *self + n * sizeof self->entries[0]);
    bool made;

    if (self == NULL) {
        wn_error_set(err, "out of memory");
        return NULL;
    }
    made = add_entries(self, zones, settings, RBL_OPT_ZONES, err);
    self->n_block = self->n;
    if (made && add_entries(self, zones, settings, RBL_OPT_ALLOW_ZONES, err))
        return self;
    rbl_policy_free(self);
    return NULL;
}

void
rbl_policy_free(RblPolicy *self)
{
    for (uint32_t i = 0; i < self->n; i++)
        dnslist_zone_unref(self->entries[i].zone);
    free(self);
}
