/* SPDX-License-Identifier: MIT */
#include "core/message/url_header.h"

#include <glib.h>

bool
wn_url_header_is_transport(WnSpan name)
{
    static const char *const names[] = { "Received", "X-Received", "Message-ID",
        "References", "In-Reply-To", "Return-Path", "DKIM-Signature",
        "DomainKey-Signature", "ARC-Seal", "ARC-Message-Signature",
        "ARC-Authentication-Results", "Authentication-Results", "Received-SPF",
        "Delivered-To", "X-Google-DKIM-Signature", "X-Google-Smtp-Source",
        "Content-Type", "Content-Disposition", "X-Original-To",
        "X-Spam-Report" };

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (wn_span_case_eq(name, wn_span_str(names[i])))
            return true;
    }
    return false;
}

bool
wn_url_header_is_shown(WnSpan name)
{
    return wn_span_case_eq(name, WN_SPAN("Subject"))
           || wn_span_case_eq(name, WN_SPAN("From"));
}

bool
wn_url_header_may_hold(WnSpan raw)
{
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.ptr[i];

        if (c == '/' || c == '\\' || (guchar)c >= 0x80
            || (c == '=' && i + 1 < raw.len && raw.ptr[i + 1] == '?')
            || ((c == 'w' || c == 'W')
                && wn_span_case_starts(wn_span_slice(raw, i, 3),
                    WN_SPAN("www")))
            || ((c == 'm' || c == 'M')
                && wn_span_case_starts(wn_span_slice(raw, i, 6),
                    WN_SPAN("mailto"))))
            return true;
    }
    return false;
}
