/* SPDX-License-Identifier: MIT */
#include "host_name.h"

#include <arpa/inet.h>
#include <idn2.h>
#include <libpsl.h>

enum { NAME_MAX_LEN = 253, LABEL_MAX = 63 };

static bool
fail(WnError *err, const char *reason)
{
    wn_error_set(err, "%s", reason);
    return false;
}

bool
host_name_is_registry(const char *name)
{
    return psl_is_public_suffix2(psl_builtin(), name,
               PSL_TYPE_ICANN | PSL_TYPE_NO_STAR_RULE)
           != 0;
}

/* What IDNA 2008 refuses (symbols, as in emoji hosts) browsers still look up by
 * the rules of 2003. */
static bool
to_ascii(GString *name)
{
    g_autofree char *old = NULL;
    char *ascii = NULL;

    if (idn2_to_ascii_8z(name->str, &ascii, IDN2_NONTRANSITIONAL) == IDN2_OK) {
        g_string_assign(name, ascii);
        idn2_free(ascii);
        return true;
    }
    old = g_hostname_to_ascii(name->str);
    if (old != NULL)
        g_string_assign(name, old);
    return old != NULL;
}

static bool
is_host_char(char c)
{
    return c > ' ' && c < 0x7f && strchr("\"#%/:<>?@[\\]^`{|}*", c) == NULL;
}

/* Lower case, without the dot at the end. */
static bool
fold_labels(GString *name)
{
    size_t label = 0;

    if (name->len > 0 && name->str[name->len - 1] == '.')
        g_string_truncate(name, name->len - 1);
    for (size_t i = 0; i < name->len; i++) {
        char c = g_ascii_tolower(name->str[i]);

        if (!is_host_char(c) || (c == '.' && label == 0))
            return false;
        label = c == '.' ? 0 : label + 1;
        if (label > LABEL_MAX)
            return false;
        name->str[i] = c;
    }
    return label > 0 && name->len <= NAME_MAX_LEN;
}

/* As browsers have it: a host whose last label is a number is an address. */
static bool
ends_in_number(const GString *name)
{
    const char *dot = strrchr(name->str, '.');
    const char *label = dot != NULL ? dot + 1 : name->str;
    bool hex = label[0] == '0' && label[1] == 'x';

    if (hex)
        label += 2;
    for (; *label != '\0'; label++) {
        if (hex ? !g_ascii_isxdigit(*label) : !g_ascii_isdigit(*label))
            return false;
    }
    return true;
}

static bool
fold_ipv4(GString *name, WnError *err)
{
    char text[INET_ADDRSTRLEN];
    struct in_addr address;

    if (inet_aton(name->str, &address) == 0
        || inet_ntop(AF_INET, &address, text, sizeof text) == NULL)
        return fail(err, "neither a host nor an address");
    g_string_assign(name, text);
    return true;
}

static bool
append_ipv6(GString *out, const char *text, size_t len, WnError *err)
{
    char copy[INET6_ADDRSTRLEN], normal[INET6_ADDRSTRLEN];
    struct in6_addr address;
    bool mapped;

    if (len < 4 || len - 2 >= sizeof copy || text[len - 1] != ']')
        return fail(err, "not an IPv6 address in brackets");
    memcpy(copy, text + 1, len - 2);
    copy[len - 2] = '\0';
    if (inet_pton(AF_INET6, copy, &address) != 1)
        return fail(err, "not an IPv6 address in brackets");
    mapped = IN6_IS_ADDR_V4MAPPED(&address);
    if (inet_ntop(mapped ? AF_INET : AF_INET6,
            mapped ? address.s6_addr + 12 : address.s6_addr, normal,
            sizeof normal)
        == NULL)
        return fail(err, "not an IPv6 address in brackets");
    g_string_append(out, normal);
    return true;
}

static bool
is_ascii(const GString *name)
{
    for (size_t i = 0; i < name->len; i++) {
        if ((guchar)name->str[i] >= 0x80)
            return false;
    }
    return true;
}

bool
host_name_fold(GString *out, const char *text, size_t len, bool *out_is_ip,
    WnError *err)
{
    g_autoptr(GString) name = NULL;

    *out_is_ip = len > 0 && text[0] == '[';
    if (*out_is_ip)
        return append_ipv6(out, text, len, err);
    if (len == 0 || len > 4 * NAME_MAX_LEN)
        return fail(err, len == 0 ? "no host" : "the host is too long");
    name = g_string_new_len(text, (gssize)len);
    if ((!is_ascii(name) && !to_ascii(name)) || !fold_labels(name))
        return fail(err, "not the name of a host");
    *out_is_ip = ends_in_number(name);
    if (*out_is_ip && !fold_ipv4(name, err))
        return false;
    g_string_append_len(out, name->str, (gssize)name->len);
    return true;
}
