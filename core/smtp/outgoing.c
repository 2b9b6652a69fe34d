/* SPDX-License-Identifier: MIT */
#include "core/smtp/outgoing.h"

#define FINAL_DOT_LEN 3

static bool
is_printable(WnSpan text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c < ' ' || c == 0x7f)
            return false;
    }
    return true;
}

static bool
is_path(WnSpan address)
{
    return is_printable(address)
           && memchr(address.ptr, ' ', address.len) == NULL
           && memchr(address.ptr, '>', address.len) == NULL;
}

/* A quoted local part may hold what would end a path elsewhere. */
static bool
is_address(WnSpan address)
{
    if (address.len > 0 && address.ptr[0] == '"')
        return is_printable(address);
    return is_path(address);
}

static bool
envelope_is_clean(const WnOutgoing *self)
{
    if (!is_address(self->sender) || !is_path(self->ret)
        || !is_path(self->envid))
        return false;
    for (uint32_t i = 0; i < self->n_recipients; i++) {
        const WnOutgoingRecipient *recipient = &self->recipients[i];

        if (recipient->address.len == 0 || !is_address(recipient->address)
            || !is_path(recipient->notify) || !is_path(recipient->orcpt))
            return false;
    }
    return true;
}

/* Where in a line the bytes seen so far end. */
typedef enum { LINE_START, TEXT, DOT, CR, DOT_CR, END } Place;

/* Moves over one run of bytes that needs no closer look; false if it holds a
 * bare LF. */
static bool
skip_text(WnSpan *rest, Place *place)
{
    const char *cr = memchr(rest->ptr, '\r', rest->len);
    size_t len = cr != NULL ? (size_t)(cr - rest->ptr) : rest->len;

    if (memchr(rest->ptr, '\n', len) != NULL)
        return false;
    *place = cr != NULL ? CR : TEXT;
    *rest = wn_span_slice(*rest, len + 1, rest->len);
    return true;
}

static bool
check_step(WnSpan *rest, Place *place)
{
    char c = rest->ptr[0];

    switch (*place) {
    case LINE_START:
        if (c != '.')
            return skip_text(rest, place);
        *place = DOT;
        break;
    case DOT:
        if (c != '\r')
            return skip_text(rest, place);
        *place = DOT_CR;
        break;
    case TEXT:
        return skip_text(rest, place);
    case CR:
    case DOT_CR:
        if (c != '\n')
            return false;
        *place = *place == CR ? LINE_START : END;
        break;
    case END:
        return false;
    }
    *rest = wn_span_slice(*rest, 1, rest->len);
    return true;
}

bool
wn_outgoing_is_clean(const WnOutgoing *self)
{
    g_autoptr(GArray) pieces = NULL;
    Place place = LINE_START;

    if (!envelope_is_clean(self))
        return false;
    pieces = g_array_new(FALSE, FALSE, sizeof(WnSpan));
    wn_outgoing_pieces(self, pieces);
    for (guint i = 0; i < pieces->len; i++) {
        WnSpan rest = g_array_index(pieces, WnSpan, i);

        while (rest.len > 0)
            if (!check_step(&rest, &place))
                return false;
    }
    return place == END;
}

static void
append_parameter(WnBuffer *out, WnSpan key, WnSpan value)
{
    if (value.len == 0)
        return;
    wn_buffer_append(out, key);
    wn_buffer_append(out, value);
}

/* A fact of what is sent, not of what the client said (RFC 6531 §3.6). */
static bool
uses_utf8(const WnOutgoing *self)
{
    if (self->utf8)
        return true;
    for (uint32_t i = 0; i < self->n_recipients; i++)
        if (!wn_span_is_ascii(self->recipients[i].address))
            return true;
    return false;
}

void
wn_outgoing_write_mail(const WnOutgoing *self, unsigned offers, WnBuffer *out)
{
    wn_buffer_append(out, WN_SPAN("MAIL FROM:<"));
    wn_buffer_append(out, self->sender);
    wn_buffer_append(out, WN_SPAN(">"));
    if (offers & WN_OFFERS_SIZE)
        wn_buffer_printf(out, " SIZE=%" G_GUINT64_FORMAT,
            wn_outgoing_size(self));
    if (self->eight_bit && (offers & WN_OFFERS_8BITMIME))
        wn_buffer_append(out, WN_SPAN(" BODY=8BITMIME"));
    if ((offers & WN_OFFERS_SMTPUTF8) && uses_utf8(self))
        wn_buffer_append(out, WN_SPAN(" SMTPUTF8"));
    if (offers & WN_OFFERS_DSN) {
        append_parameter(out, WN_SPAN(" RET="), self->ret);
        append_parameter(out, WN_SPAN(" ENVID="), self->envid);
    }
    wn_buffer_append(out, WN_SPAN("\r\n"));
}

void
wn_outgoing_write_rcpt(const WnOutgoing *self, uint32_t recipient,
    unsigned offers, WnBuffer *out)
{
    const WnOutgoingRecipient *to = &self->recipients[recipient];

    wn_buffer_append(out, WN_SPAN("RCPT TO:<"));
    wn_buffer_append(out, to->address);
    wn_buffer_append(out, WN_SPAN(">"));
    if (offers & WN_OFFERS_DSN) {
        append_parameter(out, WN_SPAN(" NOTIFY="), to->notify);
        append_parameter(out, WN_SPAN(" ORCPT="), to->orcpt);
    }
    wn_buffer_append(out, WN_SPAN("\r\n"));
}

static void
add_piece(void *user, WnSpan piece)
{
    g_array_append_val((GArray *)user, piece);
}

void
wn_outgoing_pieces(const WnOutgoing *self, GArray *out_pieces)
{
    if (self->prepend.len > 0)
        add_piece(out_pieces, self->prepend);
    if (self->splices != NULL && self->splices->len > 0)
        wn_splices_apply(self->splices, self->wire, add_piece, out_pieces);
    else if (self->wire.len > 0)
        add_piece(out_pieces, self->wire);
}

/* Lines that begin with a dot; *at_start tells whether a line does here. */
static uint64_t
count_dots(WnSpan piece, bool *at_start)
{
    uint64_t n = *at_start && piece.ptr[0] == '.';
    const char *end = piece.ptr + piece.len;
    const char *lf = memchr(piece.ptr, '\n', piece.len);

    while (lf != NULL && lf + 1 < end) {
        n += lf[1] == '.';
        lf = memchr(lf + 1, '\n', (size_t)(end - lf - 1));
    }
    *at_start = end[-1] == '\n';
    return n;
}

uint64_t
wn_outgoing_size(const WnOutgoing *self)
{
    g_autoptr(GArray) pieces = g_array_new(FALSE, FALSE, sizeof(WnSpan));
    bool at_start = true;
    uint64_t len = 0;
    uint64_t n_dots = 0;

    wn_outgoing_pieces(self, pieces);
    for (guint i = 0; i < pieces->len; i++) {
        WnSpan piece = g_array_index(pieces, WnSpan, i);

        len += piece.len;
        n_dots += count_dots(piece, &at_start);
    }
    /* The final dot is the last of them, and not doubled. */
    return len - n_dots - (FINAL_DOT_LEN - 1);
}
