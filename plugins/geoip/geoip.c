/* SPDX-License-Identifier: MIT */

/*
 * geoip: the country of the client's address, by a database in MaxMind's
 * format.  A client from a blocked country is a match, and so is one from a
 * country that is not home, where there is a list of those.  An address whose
 * country is not known passes.
 *
 * The file is looked at every few seconds and read again when it has changed
 * and then stayed the same for one more look: whoever writes it in place is
 * not interrupted.  A new file that cannot be read leaves the old content in
 * use and is logged once.
 */

#include "database.h"

#include <errno.h>
#include <stdlib.h>

#define LOOK_EVERY_MS 5000
#define LETTERS 26
#define COUNTRIES_MAX 300

enum { OPT_DATABASE, OPT_HOME, OPT_BLOCK };

static const WnOption options[] = {
    [OPT_DATABASE] = { .name = "database",
        .help = "A country database in MaxMind's format; without one the"
                " filter finds nothing.",
        .type = WN_OPT_STRING,
        .flags = WN_OPT_FILE,
        .fallback = "" },
    [OPT_HOME] = { .name = "home",
        .help = "ISO codes of the countries that are not foreign; empty: no"
                " country is.",
        .type = WN_OPT_STRING_LIST,
        .flags = WN_OPT_PER_DOMAIN,
        .fallback = "",
        .max = COUNTRIES_MAX },
    [OPT_BLOCK] = { .name = "block",
        .help = "ISO codes of countries whose mail is a match in any case.",
        .type = WN_OPT_STRING_LIST,
        .flags = WN_OPT_PER_DOMAIN,
        .fallback = "",
        .max = COUNTRIES_MAX },
};

typedef struct Geoip {
    const WnHost *host;
    char *path;              /* NULL: no database is configured */
    GeoipDatabase *database; /* NULL: none */
    GeoipStamp seen;         /* at the last look */
    GeoipStamp refused;      /* could not be used, and was logged */
    bool has_refused;
    bool missing; /* the file is gone, and that was logged */
    int32_t reloads;
    int32_t reload_failures;
    int32_t lookup_failures;
    int32_t unknown;
} Geoip;

/* One bit would do for each of AA to ZZ; a byte is simpler. */
typedef struct Countries {
    uint32_t n;
    uint8_t has[LETTERS * LETTERS];
} Countries;

typedef struct GeoipPolicy {
    Countries home;
    Countries block;
} GeoipPolicy;

/*
 * Settings
 */

static size_t
place_of(const char *country)
{
    return (size_t)(country[0] - 'A') * LETTERS + (size_t)(country[1] - 'A');
}

static int
read_code(WnStr text, char out[3])
{
    if (text.len != 2)
        return 0;
    for (int i = 0; i < 2; i++) {
        out[i] = text.ptr[i];
        if (out[i] >= 'a' && out[i] <= 'z')
            out[i] = (char)(out[i] - 'a' + 'A');
        if (out[i] < 'A' || out[i] > 'Z')
            return 0;
    }
    out[2] = '\0';
    return 1;
}

static int32_t
read_countries(Countries *self, const WnHost *host, const WnSettings *settings,
    uint32_t option, WnError *err)
{
    uint32_t n = host->settings->count(settings, option);

    for (uint32_t i = 0; i < n; i++) {
        WnStr item = host->settings->item(settings, option, i);
        char code[3];

        if (!read_code(item, code)) {
            wn_error_set(err,
                "%s: \"%.100s\" is no ISO 3166 code of two letters",
                options[option].name, item.ptr);
            return WN_E_INVALID;
        }
        self->has[place_of(code)] = 1;
        self->n++;
    }
    return WN_OK;
}

static int32_t
geoip_policy_new(void *self, const WnSettings *settings, void **policy,
    WnError *err)
{
    const WnHost *host = ((Geoip *)self)->host;
    GeoipPolicy *made = calloc(1, sizeof *made);
    int32_t result;

    if (made == NULL) {
        wn_error_set(err, "out of memory");
        return WN_E_FAILED;
    }
    result = read_countries(&made->home, host, settings, OPT_HOME, err);
    if (result == WN_OK)
        result = read_countries(&made->block, host, settings, OPT_BLOCK, err);
    if (result != WN_OK) {
        free(made);
        return result;
    }
    *policy = made;
    return WN_OK;
}

static void
geoip_policy_free(void *self, void *policy)
{
    (void)self;
    free(policy);
}

/*
 * The file
 */

static void
reload(Geoip *self, const GeoipStamp *stamp)
{
    WnError err = { .struct_size = sizeof err };
    GeoipDatabase *fresh = geoip_database_open(self->path, &err);

    if (fresh == NULL) {
        self->refused = *stamp;
        self->has_refused = true;
        self->host->metrics->add(self->host, self->reload_failures, 1);
        wn_log(self->host, WN_LOG_ERROR, NULL,
            "%s; the database read before stays in use", err.text);
        return;
    }
    geoip_database_close(self->database);
    self->database = fresh;
    self->has_refused = false;
    self->host->metrics->add(self->host, self->reloads, 1);
    wn_log(self->host, WN_LOG_INFO, NULL, "%s has been read again", self->path);
}

static void
file_is_missing(Geoip *self, int reason)
{
    if (!self->missing)
        wn_log(self->host, WN_LOG_ERROR, NULL,
            "%s: %s; the database read before stays in use", self->path,
            strerror(reason));
    self->missing = true;
}

static void
on_look(void *data)
{
    Geoip *self = data;
    GeoipStamp now;
    bool settled;

    if (!geoip_stamp_read(&now, self->path)) {
        file_is_missing(self, errno);
        return;
    }
    self->missing = false;
    settled = geoip_stamp_equal(&now, &self->seen);
    self->seen = now;
    if (!settled || geoip_stamp_equal(&now, &self->database->stamp)
        || (self->has_refused && geoip_stamp_equal(&now, &self->refused)))
        return;
    reload(self, &now);
}

/*
 * The instance
 */

static void
make_metrics(Geoip *self)
{
    const WnHost *host = self->host;

    self->reloads = host->metrics->counter(host, "reloads",
        "Times that a changed database was read again.");
    self->reload_failures = host->metrics->counter(host, "reload_failures",
        "Changed databases that could not be used.");
    self->lookup_failures = host->metrics->counter(host, "lookup_failures",
        "Look-ups that met damage in the database.");
    self->unknown = host->metrics->counter(host, "unknown",
        "Look-ups that found no country.");
}

static void
geoip_free(void *data)
{
    Geoip *self = data;

    geoip_database_close(self->database);
    free(self->path);
    free(self);
}

/* Without a database there is nothing to do. */
static int32_t
start(Geoip *self, WnStr path, WnError *err)
{
    if (path.len == 0)
        return WN_OK;
    self->path = strdup(path.ptr);
    if (self->path == NULL) {
        wn_error_set(err, "out of memory");
        return WN_E_FAILED;
    }
    self->database = geoip_database_open(self->path, err);
    if (self->database == NULL)
        return WN_E_FAILED;
    self->seen = self->database->stamp;
    if (self->host->timer->every(self->host, LOOK_EVERY_MS, on_look) == WN_OK)
        return WN_OK;
    wn_error_set(err, "no timer");
    return WN_E_FAILED;
}

static int32_t
geoip_new(const WnHost *host, const WnSettings *settings, void **self,
    WnError *err)
{
    Geoip *geoip = calloc(1, sizeof *geoip);
    int32_t result;

    if (geoip == NULL) {
        wn_error_set(err, "out of memory");
        return WN_E_FAILED;
    }
    geoip->host = host;
    make_metrics(geoip);
    result = start(geoip, host->settings->string(settings, OPT_DATABASE), err);
    if (result != WN_OK)
        geoip_free(geoip);
    else
        *self = geoip;
    return result;
}

/*
 * Clients
 */

static WnVerdict
database_is_damaged(Geoip *self, WnCall *call)
{
    self->host->metrics->add(self->host, self->lookup_failures, 1);
    if (!self->database->damage_logged)
        wn_log(self->host, WN_LOG_ERROR, call, "%s is damaged", self->path);
    self->database->damage_logged = true;
    return WN_FAIL;
}

static WnVerdict
geoip_look(void *data, WnCall *call)
{
    Geoip *self = data;
    const WnHost *host = self->host;
    const GeoipPolicy *policy = host->call->policy(call);
    char country[3];

    if (self->database == NULL || policy == NULL
        || (policy->home.n == 0 && policy->block.n == 0))
        return WN_PASS;
    switch (geoip_database_country(self->database, host->facts->client(call),
        country)) {
    case GEOIP_DAMAGED:
        return database_is_damaged(self, call);
    case GEOIP_UNKNOWN:
        host->metrics->add(host, self->unknown, 1);
        return WN_PASS;
    case GEOIP_FOUND:
        break;
    }
    if (policy->block.has[place_of(country)])
        return wn_match(host, call, "blocked-country", country);
    if (policy->home.n > 0 && !policy->home.has[place_of(country)])
        return wn_match(host, call, "foreign", country);
    return WN_PASS;
}

static const WnFilter filter = {
    .struct_size = sizeof(WnFilter),
    .flags = WN_FILTER_RCPT_SHARED,
    .connect = geoip_look,
    .rcpt = geoip_look,
};

static const WnPlugin plugin = {
    WN_PLUGIN_HEAD,
    .name = "geoip",
    .version = "1.0",
    .summary = "Finds mail from foreign or blocked countries.",
    .author = "the winnow authors",
    .license = "MIT",
    WN_OPTIONS(options),
    .instance_new = geoip_new,
    .instance_free = geoip_free,
    .policy_new = geoip_policy_new,
    .policy_free = geoip_policy_free,
    .filter = &filter,
};

WN_PLUGIN(geoip, &plugin)
