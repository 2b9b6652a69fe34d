/* SPDX-License-Identifier: MIT */

#include "views.h"

#include <string.h>

/* What is scanned of a message.  Per part SpamAssassin's own limits hold. */
#define BODY_MAX (128u * 1024)
#define BODY_PART_MAX 50000u
#define RAWBODY_MAX (256u * 1024)
#define FULL_HEAD_MAX (256u * 1024)
#define FULL_TAIL_MAX (64u * 1024)
#define URIS_MAX (256u * 1024)
#define PARAGRAPH_MAX 8192u
#define RAW_PIECE_MIN 2048u
#define RAW_PIECE_MAX 4096u

PatternPieces *
pattern_pieces_new(void)
{
    PatternPieces *self = g_new0(PatternPieces, 1);

    self->text = g_string_new(NULL);
    self->ends = g_array_new(FALSE, FALSE, sizeof(size_t));
    return self;
}

void
pattern_pieces_free(PatternPieces *self)
{
    if (self == NULL)
        return;
    g_string_free(self->text, TRUE);
    g_array_unref(self->ends);
    g_free(self);
}

void
pattern_pieces_clear(PatternPieces *self)
{
    g_string_truncate(self->text, 0);
    g_array_set_size(self->ends, 0);
}

static size_t
last_end(const PatternPieces *self)
{
    return self->ends->len > 0
               ? g_array_index(self->ends, size_t, self->ends->len - 1)
               : 0;
}

void
pattern_pieces_end(PatternPieces *self)
{
    size_t end = self->text->len;

    if (end > last_end(self))
        g_array_append_val(self->ends, end);
}

const char *
pattern_pieces_at(const PatternPieces *self, guint n, size_t *len)
{
    size_t start = n > 0 ? g_array_index(self->ends, size_t, n - 1) : 0;

    *len = g_array_index(self->ends, size_t, n) - start;
    return self->text->str + start;
}

/* 1 for a blank, 2 for a no-break space in UTF-8, else 0. */
static size_t
blank_len(const char *at, const char *end)
{
    if (g_ascii_isspace(*at) || *at == '\v' || *at == '\0')
        return 1;
    return end - at >= 2 && at[0] == '\xC2' && at[1] == '\xA0' ? 2 : 0;
}

/* Behind a run of white space; *lines is the line feeds in it. */
static const char *
skip_blanks(const char *at, const char *end, int *lines)
{
    size_t len;

    *lines = 0;
    while (at < end && (len = blank_len(at, end)) > 0) {
        *lines += *at == '\n' && *lines < 2;
        at += len;
    }
    return at;
}

void
pattern_paragraphs_append(PatternPieces *out, const char *text, size_t len)
{
    const char *end = text + len;

    while (text < end) {
        const char *start = text;
        int lines;

        while (text < end && blank_len(text, end) == 0)
            text++;
        g_string_append_len(out->text, start, text - start);
        if (text == end)
            break;
        text = skip_blanks(text, end, &lines);
        g_string_append_c(out->text, lines < 2 ? ' ' : '\n');
        if (lines >= 2 || out->text->len - last_end(out) > PARAGRAPH_MAX)
            pattern_pieces_end(out);
    }
    pattern_pieces_end(out);
}

static bool
is_text(const WnPart *part)
{
    return part->type.len > 5 && memcmp(part->type.ptr, "text/", 5) == 0;
}

void
pattern_view_body(const PatternMail *mail, PatternPieces *out)
{
    const WnMessageApi *message = mail->host->message;
    const WnHeader *subject = message->header_named(mail->call, "Subject", 0);
    uint32_t n = message->n_parts(mail->call);

    pattern_pieces_clear(out);
    if (subject != NULL)
        g_string_append_len(out->text, subject->value.ptr,
            (gssize)subject->value.len);
    /* The first piece is the subject's even if there is none. */
    g_string_append_c(out->text, '\n');
    pattern_pieces_end(out);
    for (uint32_t i = 0; i < n && out->text->len < BODY_MAX; i++) {
        WnStr text;

        if (!is_text(message->part(mail->call, i)))
            continue;
        text = message->part_text(mail->call, i);
        pattern_paragraphs_append(out, text.ptr, MIN(text.len, BODY_PART_MAX));
    }
}

/* Where a piece that starts at text ends: at the first line's end, ">" or blank
 * behind 2 KiB, whichever of these there is within the next 2 KiB. */
static size_t
piece_len(const char *text, size_t len)
{
    static const char ends[] = "\n> ";

    if (len <= RAW_PIECE_MAX)
        return len;
    for (const char *end = ends; *end != '\0'; end++) {
        const char *found = memchr(text + RAW_PIECE_MIN, *end,
            RAW_PIECE_MAX - RAW_PIECE_MIN);

        if (found != NULL)
            return (size_t)(found - text) + 1;
    }
    return RAW_PIECE_MIN + 1;
}

static void
append_without_cr(GString *out, WnStr text, size_t max)
{
    const char *at = text.ptr;
    const char *end = text.ptr + MIN(text.len, max);

    while (at < end) {
        const char *cr = memchr(at, '\r', (size_t)(end - at));
        const char *stop = cr != NULL ? cr : end;

        g_string_append_len(out, at, stop - at);
        if (cr != NULL && (cr + 1 == end || cr[1] != '\n'))
            g_string_append_c(out, '\r');
        at = cr != NULL ? cr + 1 : end;
    }
}

void
pattern_view_rawbody(const PatternMail *mail, PatternPieces *out)
{
    const WnMessageApi *message = mail->host->message;
    uint32_t n = message->n_parts(mail->call);

    pattern_pieces_clear(out);
    for (uint32_t i = 0; i < n && out->text->len < RAWBODY_MAX; i++) {
        size_t start = out->text->len;

        if (!is_text(message->part(mail->call, i)))
            continue;
        append_without_cr(out->text, message->part_data(mail->call, i),
            RAWBODY_MAX - start);
        while (start < out->text->len) {
            start += piece_len(out->text->str + start, out->text->len - start);
            g_array_append_val(out->ends, start);
        }
    }
}

void
pattern_view_full(const PatternMail *mail, PatternPieces *out)
{
    WnStr raw = mail->host->message->raw(mail->call);
    size_t tail;

    pattern_pieces_clear(out);
    append_without_cr(out->text, raw, FULL_HEAD_MAX);
    if (raw.len > FULL_HEAD_MAX) {
        tail = MIN(raw.len - FULL_HEAD_MAX, FULL_TAIL_MAX);
        append_without_cr(out->text, (WnStr){ raw.ptr + raw.len - tail, tail },
            tail);
    }
    pattern_pieces_end(out);
}

/* As SpamAssassin has it: as written, and with the scheme that it lacks. */
static void
append_uri(PatternPieces *out, const WnUrl *url)
{
    bool mail = (url->flags & WN_URL_ADDRESS) != 0;
    bool bare = mail ? g_ascii_strncasecmp(url->text.ptr, "mailto:", 7) != 0
                     : (url->flags & WN_URL_NO_SCHEME) != 0;

    g_string_append_len(out->text, url->text.ptr, (gssize)url->text.len);
    pattern_pieces_end(out);
    if (bare) {
        g_string_append(out->text, mail ? "mailto:" : "http://");
        g_string_append_len(out->text, url->text.ptr, (gssize)url->text.len);
        pattern_pieces_end(out);
    }
}

void
pattern_view_uri(const PatternMail *mail, PatternPieces *out)
{
    const WnMessageApi *message = mail->host->message;
    uint32_t n = message->n_urls(mail->call);

    pattern_pieces_clear(out);
    for (uint32_t i = 0; i < n && out->text->len < URIS_MAX; i++) {
        const WnUrl *url = message->url(mail->call, i);

        /* As in SpamAssassin those of the body, not of List-Help and such. */
        if ((url->flags & (WN_URL_FROM_LINK | WN_URL_FROM_TEXT)) == 0)
            continue;
        append_uri(out, url);
    }
}
