/* SPDX-License-Identifier: MIT */
#include "core/conf/server_setting.h"

#include <string.h>

#include "core/base/text.h"
#include "core/conf/names.h"
#include "core/conf/problem.h"

/* What may stand behind the server, in any order, each once. */
typedef struct Words {
    uint16_t weight; /* 0: not given */
    uint8_t own_tls; /* 0: not given */
} Words;

static bool
fail(char **out_error, char *take_text)
{
    *out_error = take_text;
    return false;
}

static bool
set_weight(Words *self, const char *value, char **out_error)
{
    uint64_t weight = 0;

    if (self->weight != 0)
        return fail(out_error, g_strdup("the weight is given twice"));
    if (!wn_span_to_u64(wn_span_str(value), &weight) || weight < 1
        || weight > G_MAXUINT16)
        return fail(out_error,
            g_strdup_printf("\"%s\": expected a weight from 1 to 65535",
                value));
    self->weight = (uint16_t)weight;
    return true;
}

static bool
set_tls(Words *self, const char *value, char **out_error)
{
    const char *names[WN_TLS_POLICY_DANE + 2] = { NULL };
    g_autofree char *all = NULL;
    g_autofree char *hint = NULL;

    if (self->own_tls != 0)
        return fail(out_error, g_strdup("the TLS policy is given twice"));
    for (int i = WN_TLS_POLICY_NONE; i <= WN_TLS_POLICY_DANE; i++) {
        names[i] = wn_tls_policy_name((WnTlsPolicy)i);
        if (strcmp(value, names[i]) == 0)
            self->own_tls = WN_OWN_TLS(i);
    }
    if (self->own_tls != 0)
        return true;
    all = g_strjoinv(", ", (char **)(void *)names);
    hint = wn_problem_hint(value, names);
    return fail(out_error,
        g_strdup_printf("tls \"%s\" is not one of %s%s", value, all, hint));
}

static bool
set_word(Words *self, const char *word, const char *value, char **out_error)
{
    static const char *const known[] = { "weight", "tls", NULL };
    g_autofree char *hint = NULL;

    if (!g_strv_contains(known, word)) {
        hint = wn_problem_hint(word, known);
        return fail(out_error,
            g_strdup_printf("unknown word \"%s\"%s: behind the server, "
                            "\"weight NUMBER\" and \"tls POLICY\" may stand, "
                            "and ; separates servers",
                word, hint));
    }
    if (value == NULL)
        return fail(out_error,
            g_strdup_printf("\"%s\" needs a value: %s", word,
                word[0] == 'w' ? "a number from 1 to 65535"
                               : "none, may, require, verify or dane"));
    return word[0] == 'w' ? set_weight(self, value, out_error)
                          : set_tls(self, value, out_error);
}

/* The words between spaces and tabs, without empty ones. */
static GPtrArray *
split_words(const char *text)
{
    GPtrArray *words = g_ptr_array_new_with_free_func(g_free);

    for (text += strspn(text, " \t"); *text != '\0';) {
        size_t len = strcspn(text, " \t");

        g_ptr_array_add(words, g_strndup(text, len));
        text += len;
        text += strspn(text, " \t");
    }
    return words;
}

static bool
has_server(const GPtrArray *servers, const char *host, uint16_t port)
{
    for (guint i = 0; i < servers->len; i++) {
        const WnServerSetting *other = servers->pdata[i];

        if (other->port == port && strcmp(other->host, host) == 0)
            return true;
    }
    return false;
}

static bool
parse_words(const GPtrArray *words, WnDomainSetting *domain, char **out_error)
{
    g_autofree char *host = NULL;
    Words given = { 0 };
    WnServerSetting *server;
    uint16_t port;

    if (!wn_server_parse(words->len > 0 ? words->pdata[0] : "", &host, &port,
            out_error))
        return false;
    for (guint i = 1; i < words->len; i += 2)
        if (!set_word(&given, words->pdata[i],
                i + 1 < words->len ? words->pdata[i + 1] : NULL, out_error))
            return false;
    if (has_server(domain->servers, host, port))
        return fail(out_error, g_strdup("this server is given twice"));
    server = wn_domain_setting_add_server(domain, host, port,
        given.weight > 0 ? given.weight : 1);
    server->own_tls = given.own_tls;
    server->has_words = words->len > 1;
    return true;
}

bool
wn_server_setting_parse(const char *text, WnDomainSetting *domain,
    char **out_error)
{
    g_autoptr(GPtrArray) words = split_words(text);
    g_autofree char *fault = NULL;

    return parse_words(words, domain, &fault)
           || fail(out_error, g_strdup_printf("\"%s\": %s", text, fault));
}

void
wn_server_setting_print(GString *out, WnSpan host, uint16_t port,
    uint16_t weight, uint8_t own_tls)
{
    bool brackets = memchr(host.ptr, ':', host.len) != NULL;

    g_string_append_printf(out, brackets ? "[%.*s]:%u" : "%.*s:%u",
        (int)host.len, host.ptr, port);
    if (weight != 1)
        g_string_append_printf(out, " weight %u", weight);
    if (own_tls != 0)
        g_string_append_printf(out, " tls %s",
            wn_tls_policy_name(wn_server_tls(own_tls, WN_TLS_POLICY_MAY)));
}
