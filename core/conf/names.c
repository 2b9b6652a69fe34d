/* SPDX-License-Identifier: MIT */
#include "core/conf/names.h"

#include <string.h>

#include "core/base/netaddr.h"

#define LABEL_MAX 63

static bool
fail(char **out_error, const char *text)
{
    *out_error = g_strdup(text);
    return false;
}

static bool
has_high_bytes(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text >= 0x80)
            return true;
    }
    return false;
}

/* One label, up to the dot or the end. */
static const char *
label_fault(const char *label, size_t len)
{
    if (len == 0)
        return "a label between dots is empty";
    if (len > LABEL_MAX)
        return "a label is longer than 63 bytes";
    if (label[0] == '-' || label[len - 1] == '-')
        return "a label begins or ends with -";
    for (size_t i = 0; i < len; i++) {
        if (!g_ascii_isalnum(label[i]) && label[i] != '-' && label[i] != '_')
            return "expected a domain name: letters, digits, - and dots";
    }
    return NULL;
}

static const char *
name_fault(const char *text)
{
    bool last_is_number = false;
    size_t total = strlen(text);

    if (total == 0)
        return "the domain name is empty";
    if (has_high_bytes(text))
        return "write the name's A-label (xn--...), as it stands in DNS";
    if (total > WN_DOMAIN_NAME_MAX)
        return "the domain name is longer than 253 bytes";
    if (text[total - 1] == '.')
        return "write the domain name without the dot at its end";
    for (const char *label = text;;) {
        size_t len = strcspn(label, ".");
        const char *fault = label_fault(label, len);

        if (fault != NULL)
            return fault;
        last_is_number = strspn(label, "0123456789") == len;
        if (label[len] == '\0')
            break;
        label += len + 1;
    }
    return last_is_number ? "expected a domain name, not an address" : NULL;
}

bool
wn_domain_name_parse(const char *text, char **out_name, char **out_error)
{
    const char *fault = name_fault(text);

    if (fault != NULL)
        return fail(out_error, fault);
    *out_name = g_ascii_strdown(text, -1);
    return true;
}

static bool
is_atext(char c)
{
    return g_ascii_isalnum(c)
           || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

static const char *
local_part_fault(const char *text)
{
    size_t len = strlen(text);

    if (strchr(text, '@') != NULL)
        return "write only what stands before the @";
    if (len == 0)
        return "the local part is empty";
    if (len > WN_LOCAL_PART_MAX)
        return "the local part is longer than 64 bytes";
    if (text[0] == '.' || text[len - 1] == '.' || strstr(text, "..") != NULL)
        return "a dot may not begin or end a local part, or follow another";
    for (size_t i = 0; i < len; i++) {
        if (!is_atext(text[i]) && text[i] != '.' && (text[i] & 0x80) == 0)
            return "the local part holds a character that is not allowed";
    }
    return NULL;
}

/* RFC 6531 allows any letter; what cannot be seen was not meant. */
static const char *
wide_letters_fault(const char *text)
{
    if (!g_utf8_validate(text, -1, NULL))
        return "the local part is not UTF-8";
    for (; *text != '\0'; text += g_utf8_skip[(guchar)*text]) {
        gunichar letter = g_utf8_get_char(text);

        if (g_unichar_iscntrl(letter) || g_unichar_isspace(letter))
            return "the local part holds a character that is not allowed";
    }
    return NULL;
}

char *
wn_local_part_fold(WnSpan local)
{
    g_autofree char *composed = NULL;

    if (wn_span_is_ascii(local))
        return g_ascii_strdown(local.ptr, (gssize)local.len);
    if (!g_utf8_validate_len(local.ptr, local.len, NULL))
        return NULL;
    composed = g_utf8_normalize(local.ptr, (gssize)local.len,
        G_NORMALIZE_DEFAULT_COMPOSE);
    return g_ascii_strdown(composed, -1);
}

bool
wn_local_part_parse(const char *text, char **out_local, char **out_error)
{
    const char *fault = local_part_fault(text);

    if (fault == NULL && has_high_bytes(text))
        fault = wide_letters_fault(text);
    if (fault != NULL)
        return fail(out_error, fault);
    *out_local = wn_local_part_fold(wn_span_str(text));
    return true;
}

bool
wn_address_split(const char *text, char **out_local, char **out_domain,
    char **out_error)
{
    const char *at = strrchr(text, '@');
    g_autofree char *local = NULL;
    const char *fault;

    if (at == NULL)
        return fail(out_error, "expected an address: local@domain");
    local = g_strndup(text, (size_t)(at - text));
    fault = has_high_bytes(local)
                ? "only letters of ASCII can stand in this address"
                : local_part_fault(local);
    if (fault != NULL)
        return fail(out_error, fault);
    if (!wn_domain_name_parse(at + 1, out_domain, out_error))
        return false;
    *out_local = g_steal_pointer(&local);
    return true;
}

/* Can a customer's mail server have this address?  Not if it is in 0.0.0.0/8,
 * 169.254.0.0/16, 224.0.0.0/3, ::, fe80::/10 or ff00::/8. */
static const char *
address_fault(const WnNetaddr *address)
{
    static const uint8_t zeroes[16];
    const uint8_t *bytes = address->bytes;
    bool never;

    if (address->len == 4)
        never = bytes[0] == 0 || bytes[0] >= 224
                || (bytes[0] == 169 && bytes[1] == 254);
    else
        never = memcmp(bytes, zeroes, 16) == 0 || bytes[0] == 0xff
                || (bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80);
    return never ? "mail cannot be sent to this address (unspecified, "
                   "link-local or multicast)"
                 : NULL;
}

bool
wn_server_check(const char *host, int64_t port, char **out_error)
{
    const char *fault;
    WnNetaddr address;

    if (port < 1 || port > 65535)
        return fail(out_error, "expected a port from 1 to 65535");
    if (wn_netaddr_parse(wn_span_str(host), &address))
        fault = address_fault(&address);
    else
        fault = name_fault(host);
    return fault == NULL || fail(out_error, fault);
}

/* Splits "host:port"; *out_port is NULL without a port. */
static bool
split_port(const char *text, char **out_host, const char **out_port)
{
    const char *close = strchr(text, ']');
    const char *colon = strchr(text, ':');

    if (text[0] == '[') {
        if (close == NULL || (close[1] != ':' && close[1] != '\0'))
            return false;
        *out_host = g_strndup(text + 1, (size_t)(close - text - 1));
        *out_port = close[1] == ':' ? close + 2 : NULL;
        return true;
    }
    /* Two colons are an IPv6 address without brackets and port. */
    if (colon == NULL || strchr(colon + 1, ':') != NULL) {
        *out_host = g_strdup(text);
        *out_port = NULL;
        return true;
    }
    *out_host = g_strndup(text, (size_t)(colon - text));
    *out_port = colon + 1;
    return true;
}

bool
wn_server_parse(const char *text, char **out_host, uint16_t *out_port,
    char **out_error)
{
    g_autofree char *host = NULL;
    const char *port_text;
    uint64_t port = 25;
    WnNetaddr address;

    if (!split_port(text, &host, &port_text))
        return fail(out_error, "expected host:port or [address]:port");
    if (text[0] == '['
        && (!wn_netaddr_parse(wn_span_str(host), &address)
            || strchr(host, ':') == NULL))
        return fail(out_error, "expected an IPv6 address in the brackets");
    if (port_text != NULL && !wn_span_to_u64(wn_span_str(port_text), &port))
        return fail(out_error, "expected a port from 1 to 65535");
    if (port > 65535)
        port = 0;
    if (!wn_server_check(host, (int64_t)port, out_error))
        return false;
    *out_host = g_ascii_strdown(host, -1);
    *out_port = (uint16_t)port;
    return true;
}
