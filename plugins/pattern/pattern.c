/* SPDX-License-Identifier: MIT */

/*
 * pattern: rules in SpamAssassin's language.  The points of the rules that hit
 * are added up; from the domain's threshold on the message matches, and each
 * rule that hit is a finding.
 */

#include "engine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_SIZE_MAX (16u * 1024 * 1024)
#define FINDINGS_MAX 50u
#define WARNINGS_MAX 20u

enum { OPT_RULES, OPT_THRESHOLD };

static const WnOption options[] = {
    [OPT_RULES] = { .name = "rules",
        .help = "Files with rules in SpamAssassin's language; later ones"
                " replace earlier rules of the same name.",
        .type = WN_OPT_STRING_LIST,
        .flags = WN_OPT_PER_DOMAIN | WN_OPT_FILE,
        .fallback = "" },
    [OPT_THRESHOLD] = { .name = "threshold",
        .help = "The sum of points from which on a message matches.",
        .type = WN_OPT_SCORE,
        .flags = WN_OPT_PER_DOMAIN,
        .fallback = "5.0" },
};

typedef struct PatternFilter {
    const WnHost *host;
    PatternMatcher *matcher;
    int32_t limits, truncated; /* metrics */
} PatternFilter;

typedef struct PatternPolicy {
    PatternEngine *engine; /* NULL: no rules */
    int64_t threshold;     /* thousandths */
} PatternPolicy;

static int32_t
pattern_new(const WnHost *host, const WnSettings *settings, void **self,
    WnError *err)
{
    PatternFilter *filter = g_new0(PatternFilter, 1);

    (void)settings;
    (void)err;
    filter->host = host;
    filter->matcher = pattern_matcher_new();
    filter->limits = host->metrics->counter(host, "limits",
        "Matches given up because an expression took too long.");
    filter->truncated = host->metrics->counter(host, "truncated",
        "Messages on which not all rules were run: they cost too much.");
    *self = filter;
    return WN_OK;
}

static void
pattern_free(void *self)
{
    PatternFilter *filter = self;

    pattern_matcher_free(filter->matcher);
    g_free(filter);
}

/* The open, regular file, or -1. */
static int
open_rules(const char *path, size_t *size, WnError *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat info;

    if (fd < 0) {
        wn_error_set(err, "%s: %s", path, strerror(errno));
        return -1;
    }
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)
        || (uint64_t)info.st_size > FILE_SIZE_MAX) {
        wn_error_set(err, "%s: not a regular file of at most 16 MiB", path);
        close(fd);
        return -1;
    }
    *size = (size_t)info.st_size;
    return fd;
}

/* All of it (transfer full), or NULL. */
static char *
read_file(const char *path, size_t *len, WnError *err)
{
    size_t size = 0;
    int fd = open_rules(path, &size, err);
    ssize_t got = 1;
    char *text;

    if (fd < 0)
        return NULL;
    text = g_malloc(size + 1);
    *len = 0;
    while (*len < size && got > 0) {
        got = read(fd, text + *len, size - *len);
        if (got > 0)
            *len += (size_t)got;
        else if (got < 0 && errno == EINTR)
            got = 1;
    }
    if (got < 0) {
        wn_error_set(err, "%s: %s", path, strerror(errno));
        g_clear_pointer(&text, g_free);
    }
    close(fd);
    return text;
}

static void
log_rules(const WnHost *host, const PatternRules *rules)
{
    PatternCoverage all = pattern_rules_coverage(rules);

    wn_log(host, WN_LOG_INFO, NULL,
        "rules: %u of %u expressions and %u of %u metas usable, %u eval rules"
        " not supported, %u other lines passed over",
        all.n_expressions_usable, all.n_expressions, all.n_metas_usable,
        all.n_metas, all.n_evals - all.n_evals_usable, rules->n_ignored);
    for (guint i = 0; i < rules->warnings->len && i < WARNINGS_MAX; i++)
        wn_log(host, WN_LOG_DEBUG, NULL, "%s",
            (const char *)g_ptr_array_index(rules->warnings, i));
}

/* NULL with err. */
static PatternRules *
load_rules(const WnHost *host, const WnSettings *settings, WnError *err)
{
    PatternRules *rules = pattern_rules_new();
    uint32_t n = host->settings->count(settings, OPT_RULES);

    for (uint32_t i = 0; i < n; i++) {
        WnStr path = host->settings->item(settings, OPT_RULES, i);
        size_t len = 0;
        guint before = rules->rules->len;
        g_autofree char *text = read_file(path.ptr, &len, err);

        if (text == NULL) {
            pattern_rules_free(rules);
            return NULL;
        }
        pattern_rules_read(rules, path.ptr, text, len);
        /* One with scores for the rules of another file is no mistake. */
        if (rules->rules->len == before
            && g_strstr_len(text, (gssize)len, "score") == NULL)
            wn_log(host, WN_LOG_WARNING, NULL, "rules: %s: holds no rule",
                path.ptr);
    }
    pattern_rules_finish(rules);
    log_rules(host, rules);
    return rules;
}

static int32_t
pattern_policy_new(void *self, const WnSettings *settings, void **policy,
    WnError *err)
{
    const WnHost *host = ((PatternFilter *)self)->host;
    PatternRules *rules = load_rules(host, settings, err);
    PatternPolicy *made;

    if (rules == NULL)
        return WN_E_FAILED;
    made = g_new0(PatternPolicy, 1);
    made->engine = pattern_engine_new(rules, PATTERN_SCORES);
    made->threshold = host->settings->integer(settings, OPT_THRESHOLD);
    *policy = made;
    return WN_OK;
}

static void
pattern_policy_free(void *self, void *policy)
{
    PatternPolicy *made = policy;

    (void)self;
    if (made == NULL)
        return;
    pattern_engine_free(made->engine);
    g_free(made);
}

/* The most points first, then by name. */
static int
compare_rules(const void *a, const void *b)
{
    const PatternRule *one = *(const PatternRule *const *)a;
    const PatternRule *other = *(const PatternRule *const *)b;

    if (one->score != other->score)
        return one->score > other->score ? -1 : 1;
    return strcmp(one->name, other->name);
}

static GPtrArray *
rules_hit(const PatternRules *rules, const PatternResults *results)
{
    GPtrArray *hit = g_ptr_array_new();

    for (uint32_t i = 0; i < rules->rules->len; i++) {
        PatternRule *rule = pattern_rules_at(rules, i);

        if (results->hits[i] > 0 && rule->score != 0)
            g_ptr_array_add(hit, rule);
    }
    g_ptr_array_sort(hit, compare_rules);
    return hit;
}

static WnVerdict
report(const WnHost *host, WnCall *call, const PatternRules *rules,
    const PatternResults *results)
{
    g_autoptr(GPtrArray) hit = rules_hit(rules, results);

    for (guint i = 0; i < hit->len && i < FINDINGS_MAX; i++) {
        const PatternRule *rule = g_ptr_array_index(hit, i);
        WnFinding finding = { .struct_size = sizeof finding,
            .score = rule->score,
            .rule = rule->name,
            .evidence = rule->describe };

        if (host->call->report(call, &finding) != WN_OK)
            return WN_FAIL;
    }
    return hit->len > 0 ? WN_MATCH : WN_PASS;
}

/* A message on which not all rules were run is never passed over in silence. */
static void
note_skipped(const PatternFilter *filter, WnCall *call,
    const PatternResults *results)
{
    char text[16];

    wn_log(filter->host, WN_LOG_WARNING, call,
        "%u rules were not run: the message costs too much",
        results->n_skipped);
    g_snprintf(text, sizeof text, "%u", results->n_skipped);
    filter->host->call->set_tag(call, "pattern.rules-not-run", text);
    if (filter->truncated >= 0)
        filter->host->metrics->add(filter->host, filter->truncated, 1);
}

static WnVerdict
pattern_message(void *self, WnCall *call)
{
    PatternFilter *filter = self;
    const WnHost *host = filter->host;
    const PatternPolicy *policy = host->call->policy(call);
    PatternMail mail = { .host = host, .call = call };
    g_auto(PatternResults) results = { .hits = NULL };

    if (policy == NULL)
        return WN_PASS;
    pattern_engine_run(policy->engine, filter->matcher, &mail, &results);
    if (results.n_limits > 0 && filter->limits >= 0)
        host->metrics->add(host, filter->limits, results.n_limits);
    if (results.n_skipped > 0)
        note_skipped(filter, call, &results);
    if (results.score < policy->threshold)
        return WN_PASS;
    return report(host, call, pattern_engine_rules(policy->engine), &results);
}

static const WnFilter filter_hooks = {
    .struct_size = sizeof(WnFilter),
    .message = pattern_message,
};

static const WnPlugin plugin = {
    WN_PLUGIN_HEAD,
    .name = "pattern",
    .version = "1.0",
    .summary = "Adds up the points of rules in SpamAssassin's language.",
    .author = "the winnow authors",
    .license = "MIT",
    WN_OPTIONS(options),
    .instance_new = pattern_new,
    .instance_free = pattern_free,
    .policy_new = pattern_policy_new,
    .policy_free = pattern_policy_free,
    .filter = &filter_hooks,
};

WN_PLUGIN(pattern, &plugin)
