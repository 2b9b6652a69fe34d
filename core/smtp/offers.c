/* SPDX-License-Identifier: MIT */
#include "core/smtp/offers.h"

void
wn_offers_take(WnOffers *self, WnSpan line)
{
    static const struct {
        WnSpan word;
        unsigned offer;
    } keywords[] = {
        { { "PIPELINING", 10 }, WN_OFFERS_PIPELINING },
        { { "8BITMIME", 8 }, WN_OFFERS_8BITMIME },
        { { "SIZE", 4 }, WN_OFFERS_SIZE },
        { { "DSN", 3 }, WN_OFFERS_DSN },
        { { "STARTTLS", 8 }, WN_OFFERS_STARTTLS },
        { { "SMTPUTF8", 8 }, WN_OFFERS_SMTPUTF8 },
    };
    const char *space = memchr(line.ptr, ' ', line.len);
    size_t len = space != NULL ? (size_t)(space - line.ptr) : line.len;
    WnSpan word = wn_span_slice(line, 0, len);

    for (size_t i = 0; i < G_N_ELEMENTS(keywords); i++) {
        if (!wn_span_case_eq(word, keywords[i].word))
            continue;
        self->set |= keywords[i].offer;
        if (keywords[i].offer == WN_OFFERS_SIZE)
            wn_span_to_u64(wn_span_trim(wn_span_slice(line, len, line.len)),
                &self->size_limit);
    }
}

const char *
wn_offers_refuse(const WnOffers *self, const WnOutgoing *outgoing,
    bool bounce_8bit, char *reason, size_t reason_size)
{
    uint64_t size = self->size_limit > 0 ? wn_outgoing_size(outgoing) : 0;

    if (size > self->size_limit) {
        g_snprintf(reason, reason_size,
            "message of %" G_GUINT64_FORMAT
            " bytes, and the server takes %" G_GUINT64_FORMAT,
            size, self->size_limit);
        return "5.3.4";
    }
    if (outgoing->eight_bit && bounce_8bit
        && !(self->set & WN_OFFERS_8BITMIME)) {
        g_strlcpy(reason,
            "8-bit message, and the server does not offer 8BITMIME",
            reason_size);
        return "5.6.3";
    }
    if (outgoing->utf8 && !(self->set & WN_OFFERS_SMTPUTF8)) {
        g_strlcpy(reason,
            "message needs SMTPUTF8, and the server does not offer it",
            reason_size);
        return "5.6.7";
    }
    return NULL;
}
