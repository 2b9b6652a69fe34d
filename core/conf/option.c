/* SPDX-License-Identifier: MIT */
#include "core/conf/option.h"

#include <string.h>

#include "core/base/text.h"
#include "core/conf/keyfile.h"
#include "core/conf/names.h"
#include "core/conf/problem.h"

#define TEXT_MAX (64u << 10)

typedef bool (*ParseFn)(const WnOptionSpec *spec, const char *text,
    WnOptionValue *value, char **out_error);

void
wn_option_spec_clear(WnOptionSpec *self)
{
    g_clear_pointer(&self->name, g_free);
    g_clear_pointer(&self->help, g_free);
    g_clear_pointer(&self->fallback, g_free);
    g_clear_pointer(&self->choices, g_strfreev);
}

void
wn_option_value_clear(WnOptionValue *self)
{
    g_clear_pointer(&self->string, g_free);
    g_clear_pointer(&self->items, g_ptr_array_unref);
    g_clear_pointer(&self->networks, g_array_unref);
    self->integer = 0;
}

static bool
has_limits(const WnOptionSpec *spec)
{
    return spec->min != 0 || spec->max != 0;
}

static bool
within(const WnOptionSpec *spec, int64_t value)
{
    return !has_limits(spec) || (value >= spec->min && value <= spec->max);
}

/* A limit as a person writes it in this kind of option. */
static char *
limit_text(WnOptionKind kind, int64_t limit)
{
    static const struct {
        const char *suffix;
        int64_t factor;
    } durations[] = { { "d", 86400000 }, { "h", 3600000 }, { "m", 60000 },
        { "s", 1000 }, { "ms", 1 } },
      sizes[] = { { "G", 1 << 30 }, { "M", 1 << 20 }, { "k", 1 << 10 },
          { "", 1 } };

    for (size_t i = 0; kind == WN_OPTION_DURATION && i < 5; i++) {
        if (limit % durations[i].factor == 0 && limit != 0)
            return g_strdup_printf("%" G_GINT64_FORMAT "%s",
                limit / durations[i].factor, durations[i].suffix);
    }
    for (size_t i = 0; kind == WN_OPTION_SIZE && i < 4; i++) {
        if (limit % sizes[i].factor == 0 && limit != 0)
            return g_strdup_printf("%" G_GINT64_FORMAT "%s",
                limit / sizes[i].factor, sizes[i].suffix);
    }
    if (kind == WN_OPTION_SCORE)
        return g_strdup_printf("%s%" G_GINT64_FORMAT ".%03d",
            limit < 0 ? "-" : "", ABS(limit / 1000), (int)ABS(limit % 1000));
    return g_strdup_printf("%" G_GINT64_FORMAT, limit);
}

static bool
fail_limits(const WnOptionSpec *spec, const char *what, char **out_error)
{
    g_autofree char *least = limit_text(spec->kind, spec->min);
    g_autofree char *most = limit_text(spec->kind, spec->max);

    *out_error = g_strdup_printf("expected %s from %s to %s", what, least,
        most);
    return false;
}

static bool
fail_kind(const WnOptionSpec *spec, const char *text, const char *example,
    char **out_error)
{
    *out_error = g_strdup_printf("\"%s\" is not a %s (like %s)", text,
        wn_option_kind_name(spec->kind), example);
    return false;
}

static bool
parse_bool(const WnOptionSpec *spec, const char *text, WnOptionValue *value,
    char **out_error)
{
    bool given;

    if (!wn_text_to_bool(wn_span_str(text), &given))
        return fail_kind(spec, text, "true or false", out_error);
    value->integer = given;
    return true;
}

static bool
parse_int(const WnOptionSpec *spec, const char *text, WnOptionValue *value,
    char **out_error)
{
    bool negative = text[0] == '-';
    uint64_t magnitude;

    if (!wn_span_to_u64(wn_span_str(text + (negative ? 1 : 0)), &magnitude)
        || magnitude > G_MAXINT64)
        return fail_kind(spec, text, "10", out_error);
    value->integer = negative ? -(int64_t)magnitude : (int64_t)magnitude;
    return within(spec, value->integer)
           || fail_limits(spec, "a number", out_error);
}

static bool
parse_duration(const WnOptionSpec *spec, const char *text, WnOptionValue *value,
    char **out_error)
{
    if (!wn_text_to_duration_ms(wn_span_str(text), &value->integer))
        return fail_kind(spec, text, "30s, 5m, 4h or 5d", out_error);
    return within(spec, value->integer)
           || fail_limits(spec, "a duration", out_error);
}

static bool
parse_size(const WnOptionSpec *spec, const char *text, WnOptionValue *value,
    char **out_error)
{
    if (!wn_text_to_size(wn_span_str(text), &value->integer))
        return fail_kind(spec, text, "64k or 50M", out_error);
    return within(spec, value->integer)
           || fail_limits(spec, "a size", out_error);
}

static bool
parse_score(const WnOptionSpec *spec, const char *text, WnOptionValue *value,
    char **out_error)
{
    if (!wn_text_to_score(wn_span_str(text), &value->integer))
        return fail_kind(spec, text, "2.5", out_error);
    return within(spec, value->integer)
           || fail_limits(spec, "a score", out_error);
}

static bool
parse_enum(const WnOptionSpec *spec, const char *text, WnOptionValue *value,
    char **out_error)
{
    const char *const *choices = (const char *const *)spec->choices;
    g_autofree char *all = NULL;
    g_autofree char *hint = NULL;

    for (int i = 0; choices[i] != NULL; i++) {
        if (g_ascii_strcasecmp(choices[i], text) == 0) {
            value->integer = i;
            return true;
        }
    }
    all = g_strjoinv(", ", spec->choices);
    hint = wn_problem_hint(text, choices);
    *out_error = g_strdup_printf("\"%s\" is not one of %s%s", text, all, hint);
    return false;
}

static bool
parse_string(const WnOptionSpec *spec, const char *text, WnOptionValue *value,
    char **out_error)
{
    (void)value;
    return within(spec, (int64_t)strlen(text))
           || fail_limits(spec, "a text with a length in bytes", out_error);
}

static bool
parse_address(const WnOptionSpec *spec, const char *text, WnOptionValue *value,
    char **out_error)
{
    g_autofree char *local = NULL;
    g_autofree char *domain = NULL;

    (void)spec;
    (void)value;
    /* No text is no address; text_fault() knows where one is required. */
    return *text == '\0' || wn_address_split(text, &local, &domain, out_error);
}

static bool
parse_list(const WnOptionSpec *spec, const char *text, WnOptionValue *value,
    char **out_error)
{
    g_auto(GStrv) items = wn_key_split_list(text);

    value->items = g_ptr_array_new_with_free_func(g_free);
    for (int i = 0; items[i] != NULL; i++)
        g_ptr_array_add(value->items, g_steal_pointer(&items[i]));
    return within(spec, value->items->len)
           || fail_limits(spec, "a list with a number of entries", out_error);
}

static bool
parse_net_list(const WnOptionSpec *spec, const char *text, WnOptionValue *value,
    char **out_error)
{
    if (!parse_list(spec, text, value, out_error))
        return false;
    value->networks = g_array_new(FALSE, FALSE, sizeof(WnNetwork));
    for (unsigned i = 0; i < value->items->len; i++) {
        WnNetwork network;

        *out_error = wn_option_network_fault(g_ptr_array_index(value->items, i),
            &network);
        if (*out_error != NULL)
            return false;
        g_array_append_val(value->networks, network);
    }
    return true;
}

static bool
parse_address_list(const WnOptionSpec *spec, const char *text,
    WnOptionValue *value, char **out_error)
{
    if (!parse_list(spec, text, value, out_error))
        return false;
    for (unsigned i = 0; i < value->items->len; i++) {
        g_autofree char *local = NULL;
        g_autofree char *domain = NULL;

        if (!wn_address_split(g_ptr_array_index(value->items, i), &local,
                &domain, out_error))
            return false;
    }
    return true;
}

static bool
parse_name_list(const WnOptionSpec *spec, const char *text,
    WnOptionValue *value, char **out_error)
{
    if (!parse_list(spec, text, value, out_error))
        return false;
    for (unsigned i = 0; i < value->items->len; i++) {
        const char *item = g_ptr_array_index(value->items, i);
        g_autofree char *name = NULL;

        if (!wn_domain_name_parse(item + (item[0] == '.'), &name, out_error))
            return false;
    }
    return true;
}

char *
wn_option_network_fault(const char *text, WnNetwork *out_network)
{
    char address[WN_NETADDR_TEXT_MAX];

    *out_network = (WnNetwork){ .address = { .len = 0 } };
    if (wn_network_parse(wn_span_str(text), out_network))
        return NULL;
    if (out_network->address.len == 0)
        return g_strdup_printf("\"%s\" is not a network (like 192.0.2.0/24)",
            text);
    wn_netaddr_format(&out_network->address, address);
    return g_strdup_printf("\"%s\" has bits set behind its prefix (did you "
                           "mean %s/%u?)",
        text, address, out_network->prefix);
}

static const struct {
    const char *name;
    ParseFn parse;
} kinds[] = {
    [WN_OPTION_BOOL] = { "yes or no", parse_bool },
    [WN_OPTION_INT] = { "number", parse_int },
    [WN_OPTION_DURATION] = { "duration", parse_duration },
    [WN_OPTION_SIZE] = { "size", parse_size },
    [WN_OPTION_SCORE] = { "score", parse_score },
    [WN_OPTION_ENUM] = { "choice", parse_enum },
    [WN_OPTION_STRING] = { "text", parse_string },
    [WN_OPTION_ADDRESS] = { "address", parse_address },
    [WN_OPTION_STRING_LIST] = { "list", parse_list },
    [WN_OPTION_NET_LIST] = { "list of networks", parse_net_list },
    [WN_OPTION_ADDRESS_LIST] = { "list of addresses", parse_address_list },
    [WN_OPTION_NAME_LIST] = { "list of names", parse_name_list },
};

/* What holds for every kind; NULL: nothing wrong. */
static const char *
text_fault(const WnOptionSpec *spec, const char *text)
{
    size_t len = strlen(text);

    if (len == 0 && (spec->flags & WN_OPTION_REQUIRED) != 0)
        return "a value is required";
    if (len > TEXT_MAX)
        return "the value is longer than 65536 bytes";
    if (!g_utf8_validate(text, (gssize)len, NULL))
        return "the value is not valid UTF-8";
    for (size_t i = 0; i < len; i++) {
        if (g_ascii_iscntrl(text[i]))
            return "the value holds a control character";
    }
    return NULL;
}

bool
wn_option_parse(const WnOptionSpec *spec, const char *text,
    WnOptionValue *out_value, char **out_error)
{
    WnOptionValue value = { .string = g_strdup(text) };
    const char *fault = text_fault(spec, text);
    bool ok;

    *out_error = g_strdup(fault);
    if (fault != NULL)
        ok = false;
    else
        ok = kinds[spec->kind].parse(spec, text, &value, out_error);
    if (ok)
        *out_value = value;
    else
        wn_option_value_clear(&value);
    return ok;
}

int
wn_option_net_match(const WnOptionValue *value, const WnNetaddr *address)
{
    int best = -1;
    int best_prefix = -1;

    for (unsigned i = 0; value->networks != NULL && i < value->networks->len;
         i++) {
        const WnNetwork *network = &g_array_index(value->networks, WnNetwork,
            i);

        if (network->prefix > best_prefix
            && wn_network_holds(network, address)) {
            best = (int)i;
            best_prefix = network->prefix;
        }
    }
    return best;
}

const char *
wn_option_kind_name(WnOptionKind kind)
{
    return (unsigned)kind < G_N_ELEMENTS(kinds) ? kinds[kind].name : "option";
}
