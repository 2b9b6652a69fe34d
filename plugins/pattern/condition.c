/* SPDX-License-Identifier: MIT */

#include "condition.h"

#include "meta.h"

#include <string.h>

#define PREFIX "Mail::SpamAssassin::"

static const char *const plugins[] = { "AskDNS", "AutoLearnThreshold", "Bayes",
    "BodyEval", "Check", "DKIM", "DMARC", "DNSEval", "FreeMail", "HTMLEval",
    "HTTPSMismatch", "HashBL", "HeaderEval", "ImageInfo", "MIMEEval",
    "MIMEHeader", "Pyzor", "Razor2", "RelayEval", "ReplaceTags", "SPF",
    "SpamCop", "URIDNSBL", "URIDetail", "URIEval", "VBounce", "WLBLEval",
    "WelcomeListSubject", "WhiteListSubject", NULL };

bool
pattern_condition_plugin(const char *name)
{
    static const char prefix[] = PREFIX "Plugin::";

    return g_str_has_prefix(name, prefix)
           && g_strv_contains(plugins, name + strlen(prefix));
}

/* Conf::feature_x, or Plugin::Name::has_x of a plugin that is there. */
static bool
can(const char *name)
{
    const char *end = g_strrstr(name, "::");
    g_autofree char *package = NULL;

    if (end == NULL || g_str_has_suffix(name, "::compat_welcomelist_blocklist"))
        return false;
    package = g_strndup(name, (gsize)(end - name));
    return strcmp(package, PREFIX "Conf") == 0
           || pattern_condition_plugin(package);
}

/* plugin(X), can(X) at *at behind the word: "1" or "0", or NULL. */
static const char *
call(const char *word, const char **at)
{
    const char *end = **at == '(' ? strchr(*at, ')') : NULL;
    g_autofree char *name = NULL;
    bool answer;

    if (end == NULL)
        return NULL;
    name = g_strstrip(g_strndup(*at + 1, (gsize)(end - *at - 1)));
    *at = end + 1;
    answer = strcmp(word, "plugin") == 0 ? pattern_condition_plugin(name)
                                         : can(name);
    return answer ? "1" : "0";
}

/* The value of a word, as text, or NULL. */
static const char *
value_of(const char *word, const char **at)
{
    if (strcmp(word, "version") == 0)
        return "4.000001";
    if (strcmp(word, "perl_version") == 0)
        return "5.036000";
    if (strcmp(word, "local_tests_only") == 0)
        return "1";
    if (strcmp(word, "plugin") == 0 || strcmp(word, "can") == 0
        || strcmp(word, "has") == 0)
        return call(word, at);
    return NULL;
}

/* The expression with numbers only, or NULL. */
static char *
resolve(const char *expression)
{
    g_autoptr(GString) out = g_string_new(NULL);

    for (const char *at = expression; *at != '\0';) {
        const char *start = at;
        g_autofree char *word = NULL;
        const char *value;

        if (!g_ascii_isalpha(*at)) {
            g_string_append_c(out, *at++);
            continue;
        }
        while (g_ascii_isalnum(*at) || *at == '_')
            at++;
        word = g_strndup(start, (gsize)(at - start));
        while (*at == ' ')
            at++;
        value = value_of(word, &at);
        if (value == NULL)
            return NULL;
        g_string_append_printf(out, "%s ", value);
    }
    return g_strdup(out->str);
}

PatternCondition
pattern_condition(const char *expression)
{
    g_autofree char *numbers = resolve(expression);
    g_autoptr(PatternMeta) meta = NULL;

    if (numbers != NULL)
        meta = pattern_meta_new(numbers, NULL, NULL, NULL);
    if (meta == NULL)
        return PATTERN_CONDITION_UNREADABLE;
    return pattern_meta_run(meta, NULL) != 0 ? PATTERN_CONDITION_TRUE
                                             : PATTERN_CONDITION_FALSE;
}
