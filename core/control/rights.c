/* SPDX-License-Identifier: MIT */
#include "core/control/rights.h"

#include "core/base/log.h"
#include "core/base/spawn.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

/* Libraries, and what they read: names of hosts, certificates, the time. */
static const char *const common[] = { "/usr", "/lib", "/lib32", "/lib64",
    "/libx32", "/etc/ld.so.cache", "/etc/ld.so.preload", "/etc/nsswitch.conf",
    "/etc/host.conf", "/etc/hosts", "/etc/resolv.conf", "/etc/gai.conf",
    "/etc/services", "/etc/protocols", "/etc/localtime", "/etc/timezone",
    "/etc/passwd", "/etc/group", "/etc/ssl", "/etc/ca-certificates", "/etc/pki",
    "/etc/crypto-policies", "/dev/urandom", "/dev/random", "/dev/zero",
    "/proc/self", "/proc/sys/kernel", "/sys/devices/system/cpu" };

/* What winnow-filter takes itself, shared tables included. */
#define OWN_MEMORY (256 * 1024 * 1024)

/* Values that name several files, or none. */
#define SEPARATORS " \t,;"

static void
allow_common(WnFileRules *rules)
{
    static const char *const authorities[] = { "SSL_CERT_FILE",
        "SSL_CERT_DIR" };

    for (size_t i = 0; i < G_N_ELEMENTS(common); i++)
        wn_file_rules_allow(rules, common[i], WN_FILES_READ);
    /* Where OpenSSL looks for authorities instead of its own folder. */
    for (size_t i = 0; i < G_N_ELEMENTS(authorities); i++) {
        const char *path = g_getenv(authorities[i]);

        if (path != NULL && g_path_is_absolute(path))
            wn_file_rules_allow(rules, path, WN_FILES_READ);
    }
    wn_file_rules_allow(rules, "/dev/null", WN_FILES_READ | WN_FILES_WRITE);
}

static void
allow_snapshots(WnFileRules *rules, const WnConfig *config, unsigned rights)
{
    g_autofree char *path = g_build_filename(config->state, "snapshots", NULL);

    wn_file_rules_allow(rules, path, rights);
}

/* Does the folder hold what plugins must not see? */
static bool
holds_secrets(const WnConfig *config, const char *folder)
{
    g_autofree char *conf = g_build_filename(config->folder, "conf.d", NULL);
    g_autofree char *domains = g_build_filename(config->folder, "domains.d",
        NULL);
    const char *const secrets[] = { conf, domains, config->spool, config->state,
        config->run, config->tls_key, config->mariadb_password_file };
    size_t len = strlen(folder);

    for (size_t i = 0; i < G_N_ELEMENTS(secrets); i++)
        if (secrets[i] != NULL && g_str_has_prefix(secrets[i], folder)
            && (len == 1 || secrets[i][len] == '/' || secrets[i][len] == '\0'))
            return true;
    return false;
}

/* A file is replaced by a new one under its name, which its folder allows. */
static void
allow_named(WnFileRules *rules, const WnConfig *config, const char *path)
{
    g_autofree char *folder = g_path_get_dirname(path);

    if (!g_file_test(path, G_FILE_TEST_EXISTS))
        return;
    if (g_file_test(path, G_FILE_TEST_IS_DIR)) {
        if (!holds_secrets(config, path))
            wn_file_rules_allow(rules, path, WN_FILES_READ);
        return;
    }
    wn_file_rules_allow(rules, path, WN_FILES_READ);
    if (!holds_secrets(config, folder))
        wn_file_rules_allow(rules, folder, WN_FILES_READ);
}

/* Which options name files only the plugins know, and these are not loaded
 * before they are confined: so every word of a value that is a file's name
 * counts as one. */
static void
allow_setting(WnFileRules *rules, const WnConfig *config,
    const WnSetting *setting)
{
    g_auto(GStrv) words = g_strsplit_set(setting->value, SEPARATORS, -1);
    g_autofree char *whole = g_canonicalize_filename(setting->value,
        setting->folder);

    allow_named(rules, config, whole);
    for (unsigned i = 0; words[i] != NULL; i++) {
        g_autofree char *path = NULL;

        if (words[i][0] == '\0')
            continue;
        path = g_canonicalize_filename(words[i], setting->folder);
        allow_named(rules, config, path);
    }
}

static void
allow_plugins(WnFileRules *rules, const WnConfig *config)
{
    wn_file_rules_allow(rules, config->plugins, WN_FILES_READ);
    for (guint i = 0; i < config->filters->len; i++) {
        const WnFilterConfig *filter = config->filters->pdata[i];

        for (guint n = 0; n < filter->settings->len; n++)
            allow_setting(rules, config, filter->settings->pdata[n]);
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
    g_autofree char *beside = NULL;

    allow_common(rules);
    switch (who) {
    case WN_RIGHTS_SMTP:
        wn_file_rules_allow(rules, config->spool, both);
        wn_file_rules_allow(rules, config->tls_certificate, WN_FILES_READ);
        wn_file_rules_allow(rules, config->tls_key, WN_FILES_READ);
        allow_snapshots(rules, config, WN_FILES_READ);
        if (config->isolation == WN_ISOLATION_NONE)
            allow_plugins(rules, config);
        break;
    case WN_RIGHTS_FILTER:
        allow_snapshots(rules, config, WN_FILES_READ);
        allow_plugins(rules, config);
        break;
    case WN_RIGHTS_QUEUE:
        wn_file_rules_allow(rules, config->spool, both);
        wn_file_rules_allow(rules, config->run, both);
        allow_snapshots(rules, config, WN_FILES_READ);
        break;
    case WN_RIGHTS_SYNC:
        wn_file_rules_allow(rules, "/", WN_FILES_READ);
        wn_file_rules_allow(rules, config->state, both);
        allow_starting(rules);
        break;
    case WN_RIGHTS_CHECK:
        wn_file_rules_allow(rules, "/", WN_FILES_READ);
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
    out->calls = wn_sandbox_calls(&no_calls);
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
