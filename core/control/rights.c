/* SPDX-License-Identifier: MIT */
#include "core/control/rights.h"

#include "core/base/log.h"
#include "core/base/spawn.h"
#include "core/control/secrets.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

/* Libraries, and what they read: names of hosts, certificates, the time.  Not
 * the folders that certificates share with keys. */
static const char *const common[] = { "/usr", "/lib", "/lib32", "/lib64",
    "/libx32", "/etc/ld.so.cache", "/etc/ld.so.preload", "/etc/nsswitch.conf",
    "/etc/host.conf", "/etc/hosts", "/etc/resolv.conf", "/etc/gai.conf",
    "/etc/services", "/etc/protocols", "/etc/localtime", "/etc/timezone",
    "/etc/passwd", "/etc/group", "/etc/ssl/certs", "/etc/ssl/openssl.cnf",
    "/etc/ssl/cert.pem", "/etc/ca-certificates", "/etc/pki/ca-trust",
    "/etc/pki/tls/certs", "/etc/pki/tls/openssl.cnf", "/etc/pki/tls/cert.pem",
    "/etc/crypto-policies", "/dev/urandom", "/dev/random", "/dev/zero",
    "/proc/self", "/proc/sys/kernel", "/sys/devices/system/cpu" };

/* What winnow-filter takes itself, shared tables included. */
#define OWN_MEMORY (256 * 1024 * 1024)

static void
allow_common(WnFileRules *rules, const WnSecrets *secrets)
{
    static const char *const authorities[] = { "SSL_CERT_FILE",
        "SSL_CERT_DIR" };

    for (size_t i = 0; i < G_N_ELEMENTS(common); i++)
        wn_secrets_allow_rest(secrets, common[i], rules);
    /* Where OpenSSL looks for authorities instead of its own folder. */
    for (size_t i = 0; i < G_N_ELEMENTS(authorities); i++) {
        const char *path = g_getenv(authorities[i]);

        if (path != NULL && g_path_is_absolute(path))
            wn_secrets_allow_rest(secrets, path, rules);
    }
    wn_file_rules_allow(rules, "/dev/null", WN_FILES_READ | WN_FILES_WRITE);
}

static void
allow_snapshots(WnFileRules *rules, const WnConfig *config, unsigned rights)
{
    g_autofree char *path = g_build_filename(config->state, "snapshots", NULL);

    wn_file_rules_allow(rules, path, rights);
}

typedef struct Naming {
    WnFileRules *rules;
    const WnSecrets *secrets;
} Naming;

/* A file is replaced by a new one under its name, which its folder allows. */
static void
allow_named(void *user, const char *path)
{
    const Naming *self = user;
    g_autofree char *folder = g_file_test(path, G_FILE_TEST_IS_DIR)
                                  ? g_strdup(path)
                                  : g_path_get_dirname(path);

    if (wn_secrets_around(self->secrets, path) != NULL)
        return;
    if (!g_file_test(path, G_FILE_TEST_IS_DIR))
        wn_file_rules_allow(self->rules, path, WN_FILES_READ);
    if (wn_secrets_within(self->secrets, folder) == NULL)
        wn_file_rules_allow(self->rules, folder, WN_FILES_READ);
}

static void
allow_plugins(WnFileRules *rules, const WnSecrets *secrets,
    const WnConfig *config)
{
    Naming naming = { rules, secrets };

    wn_secrets_allow_rest(secrets, config->plugins, rules);
    for (guint i = 0; i < config->filters->len; i++) {
        const WnFilterConfig *filter = config->filters->pdata[i];

        for (guint n = 0; n < filter->settings->len; n++)
            wn_secrets_each_named(filter->settings->pdata[n], allow_named,
                &naming);
    }
}

static void
allow_starting(WnFileRules *rules)
{
    g_autofree char *check = wn_program_path("winnow-check");
    g_autofree char *sync = wn_program_path("winnow-sync");

    wn_file_rules_allow(rules, check, WN_FILES_EXECUTE);
    wn_file_rules_allow(rules, sync, WN_FILES_EXECUTE);
    wn_file_rules_allow(rules, "/usr", WN_FILES_EXECUTE);
    wn_file_rules_allow(rules, "/lib", WN_FILES_EXECUTE);
    wn_file_rules_allow(rules, "/lib64", WN_FILES_EXECUTE);
}

static WnFileRules *
make_rules(WnRightsOf who, const WnConfig *config, const char *build)
{
    const unsigned both = WN_FILES_READ | WN_FILES_WRITE;
    WnFileRules *rules = wn_file_rules_new();
    g_autoptr(WnSecrets)
        secrets = wn_secrets_new(who == WN_RIGHTS_CHECK ? WN_SECRETS_OF_CHECK
                                                        : WN_SECRETS_OF_FILTERS,
            config);
    g_autofree char *beside = NULL;

    allow_common(rules, secrets);
    switch (who) {
    case WN_RIGHTS_SMTP:
        wn_file_rules_allow(rules, config->spool, both);
        wn_file_rules_allow(rules, config->tls_certificate, WN_FILES_READ);
        wn_file_rules_allow(rules, config->tls_key, WN_FILES_READ);
        allow_snapshots(rules, config, WN_FILES_READ);
        if (config->isolation == WN_ISOLATION_NONE)
            allow_plugins(rules, secrets, config);
        break;
    case WN_RIGHTS_FILTER:
        allow_snapshots(rules, config, WN_FILES_READ);
        allow_plugins(rules, secrets, config);
        break;
    case WN_RIGHTS_QUEUE:
        wn_file_rules_allow(rules, config->spool, both);
        wn_file_rules_allow(rules, config->run, both);
        wn_file_rules_allow(rules, "/proc", WN_FILES_READ); /* callers.h */
        allow_snapshots(rules, config, WN_FILES_READ);
        break;
    case WN_RIGHTS_SYNC:
        wn_file_rules_allow(rules, "/", WN_FILES_READ);
        wn_file_rules_allow(rules, config->state, both);
        allow_starting(rules);
        break;
    case WN_RIGHTS_CHECK:
        /* Lists may lie anywhere; which they are only the domains know. */
        wn_secrets_allow_rest(secrets, "/", rules);
        if (build != NULL) {
            beside = g_path_get_dirname(build);
            wn_file_rules_allow(rules, beside, both);
        }
        break;
    }
    return rules;
}

/* True: held, or it need not be. */
static bool
held(const WnConfig *config, bool done, const GError *problem, GError **error)
{
    if (done)
        return true;
    if (config->sandbox == WN_SANDBOX_REQUIRE) {
        g_set_error(error, problem->domain, problem->code,
            "sandbox = require: %s", problem->message);
        return false;
    }
    wn_remark(WN_LEVEL_WARNING, "goes on with less confinement: %s",
        problem->message);
    return true;
}

bool
wn_rights_limit(WnRightsOf who, const WnConfig *config, const char *build,
    WnRights *out, GError **error)
{
    g_autoptr(WnFileRules) rules = NULL;
    g_autoptr(GError) no_files = NULL;
    g_autoptr(GError) no_calls = NULL;
    bool plugins = who == WN_RIGHTS_FILTER || who == WN_RIGHTS_CHECK;

    *out = (WnRights){ 0 };
    if (config->sandbox == WN_SANDBOX_OFF)
        return true;
    rules = make_rules(who, config, build);
    if (wn_sandbox_files(rules, &no_files))
        out->landlock = wn_sandbox_landlock();
    if (!held(config, out->landlock > 0, no_files, error))
        return false;
    if (!plugins)
        return true;
    out->calls = wn_sandbox_calls(who == WN_RIGHTS_CHECK ? WN_CALLS_OFFLINE
                                                         : WN_CALLS_ONLINE,
        &no_calls);
    return held(config, out->calls != 0, no_calls, error);
}

void
wn_rights_limit_memory(const WnConfig *config)
{
#ifdef __SANITIZE_ADDRESS__ /* which maps more than any limit */
    (void)config;
#else
    rlim_t most = (rlim_t)(config->filter_memory + OWN_MEMORY);
    struct rlimit limit = { most, most };

    if (config->filter_memory > 0 && setrlimit(RLIMIT_DATA, &limit) != 0)
        wn_remark(WN_LEVEL_WARNING, "filter_memory is not in force: %s",
            g_strerror(errno));
#endif
}

const char *
wn_rights_missing(void)
{
    if (wn_sandbox_landlock() == 0)
        return "this kernel has no Landlock (Linux 5.19, and landlock among "
               "the security modules it starts with)";
    if (!wn_sandbox_filters_calls())
        return "this kernel filters no system calls (seccomp)";
    return NULL;
}
