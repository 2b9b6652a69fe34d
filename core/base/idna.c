/* SPDX-License-Identifier: MIT */
#include "core/base/idna.h"

#include <glib.h>
#include <idn2.h>

static bool
copy_ascii(WnSpan domain, char out[WN_IDNA_MAX + 1])
{
    if (domain.len == 0 || domain.len > WN_IDNA_MAX
        || memchr(domain.ptr, '\0', domain.len) != NULL)
        return false;
    for (size_t i = 0; i < domain.len; i++)
        out[i] = g_ascii_tolower(domain.ptr[i]);
    out[domain.len] = '\0';
    return true;
}

bool
wn_domain_to_ascii(WnSpan domain, char out[WN_IDNA_MAX + 1])
{
    g_autofree char *text = NULL;
    char *name = NULL;
    bool fits;

    if (domain.len > 0 && domain.ptr[domain.len - 1] == '.')
        domain.len--;
    if (wn_span_is_ascii(domain))
        return copy_ascii(domain, out);
    /* Letters of four bytes make A-labels that are no longer. */
    if (domain.len > 4 * WN_IDNA_MAX
        || !g_utf8_validate_len(domain.ptr, domain.len, NULL))
        return false;
    text = wn_span_dup(domain);
    if (idn2_to_ascii_8z(text, &name, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT)
        != IDN2_OK)
        return false;
    fits = copy_ascii(wn_span_str(name), out);
    idn2_free(name);
    return fits;
}
