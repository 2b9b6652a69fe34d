/* SPDX-License-Identifier: MIT */
#include "core/message/text_char.h"

#include <string.h>

enum {
    PAGE_SIZE = 256,
    KEPT_MAX = 0x20000, /* characters above fold to themselves, but for few */
    N_PAGES = KEPT_MAX / PAGE_SIZE,
    SHORT_MAX = 6,
    ROUNDS_MAX = 4 /* until nothing changes; two do for all of Unicode 15 */
};

/* A folded character as it is kept; long is freed never. */
typedef struct Kept {
    union {
        char text[8];
        const char *longer;
    };
    uint8_t len;
    bool known;
    bool joins;
    bool is_long;
} Kept;

typedef struct Range {
    gunichar first, last;
} Range;

/* Code points that no reader shows (Default_Ignorable_Code_Point), the braille
 * blank and annotation marks excepted; sorted. */
static const Range invisible[] = {
    { 0x00ad, 0x00ad },
    { 0x034f, 0x034f },
    { 0x061c, 0x061c },
    { 0x115f, 0x1160 },
    { 0x17b4, 0x17b5 },
    { 0x180b, 0x180f },
    { 0x200b, 0x200f },
    { 0x202a, 0x202e },
    { 0x2060, 0x206f },
    { 0x3164, 0x3164 },
    { 0xfe00, 0xfe0f },
    { 0xfeff, 0xfeff },
    { 0xffa0, 0xffa0 },
    { 0xfff0, 0xfffb },
    { 0x1bca0, 0x1bca3 },
    { 0x1d173, 0x1d17a },
    { 0xe0000, 0xe0fff },
};

/* Many, and folded to themselves. */
static const Range stable[] = {
    { 0x3041, 0x3096 },
    { 0x30a1, 0x30fa },
    { 0x3400, 0x4dbf },
    { 0x4e00, 0x9fff },
    { 0xac00, 0xd7a3 },
    { 0xe000, 0xf8ff },
    { 0x20000, 0x2f7ff },
    { 0x2fa20, 0xdffff },
    { 0xe1000, 0x10ffff },
};

/* What looks like one ASCII character, small or (as most of these) as a
 * capital: UTS 39 for letters of Latin, Greek, Cyrillic, Armenian, Coptic,
 * Cherokee, Lisu and Deseret; quotation marks, dashes, dots and the like. */
static const struct {
    char look;
    const char *of;
} looks[] = {
    { 'a', "ɑαаᎪꓮ⍺" },
    { 'b', "ƅβвьᏏᏴꓐꞵ" },
    { 'c', "сᏟᴄⲥꓚ𐐽" },
    { 'd', "ԁᎠᏧꓒꓓ" },
    { 'e', "εеҽᎬꓰꬲ℮" },
    { 'f', "ϝքẝꓝꞙꬵ" },
    { 'g', "ƍɡԍցᏀᏳᶃꓖ" },
    { 'h', "ηнһհᎻᏂⲏꓧ" },
    { 'i', "ıɩɪιіᎥⲓꙇꓲ" },
    { 'j', "ʝϳјᎫꓙ" },
    { 'k', "κкᏦⲕꓗ" },
    { 'l', "ǀӏᏞⳑꓡ𐑃" },
    { 'm', "μϻмᎷⲙꓟ" },
    { 'n', "ΝոռⲛꓠՈ" },
    { 'o', "οσоօᴏᴑⲟꓳꬽ𐐬" },
    { 'p', "ρрᏢⲣꓑ" },
    { 'q', "ԛգզ" },
    { 'r', "ʀгᎡᏒᴦⲅꓣꭇꭈ" },
    { 's', "ƽѕտᏕᏚꓢꜱ𐑈" },
    { 't', "τтᎢⲧꓔ" },
    { 'u', "ʋυսᴜꓴꞟꭎꭒ" },
    { 'v', "νѵᏙᴠꓦ" },
    { 'w', "ɯѡԝաᎳᏔᴡꓪ" },
    { 'x', "χхⲭꓫꭓ" },
    { 'y', "ΥɣʏγуүᎩᎽᶌỿⲩꓬꭚ" },
    { 'z', "ζᏃᴢꓜ" },
    { '-', "‐‑‒–—―−⁃־➖" },
    { '\'', "‘’‛′`´ʹʻʼʽˈ‵" },
    { '"', "“”„‟«»″〝〞〟" },
    { '.', "。․" },
    { ',', "‚、،" },
    { ':', "∶꞉ː" },
    { '!', "ǃ" },
    { '/', "⁄∕⧸" },
    { '*', "∗⁎•‣∙⋅‧・·" },
    { '~', "∼〜" },
    { '<', "‹" },
    { '>', "›" },
};

static bool
is_in(gunichar c, const Range *ranges, size_t n_ranges)
{
    for (size_t i = 0; i < n_ranges && c >= ranges[i].first; i++) {
        if (c <= ranges[i].last)
            return true;
    }
    return false;
}

static bool
is_invisible(gunichar c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0)
           || is_in(c, invisible, G_N_ELEMENTS(invisible));
}

static bool
is_blank(gunichar c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || c == 0x85 || c == 0x2800
           || g_unichar_isspace(c);
}

bool
wn_text_char_joins(gunichar c)
{
    return c >= 0x300
           && (g_unichar_ismark(c) || (c >= 0x1161 && c <= 0x11ff)
               || (c >= 0xd7b0 && c <= 0xd7ff));
}

/* Cherokee folds to capitals, which GLib makes small again. */
static gunichar
capital_of(gunichar c)
{
    if (c >= 0xab70 && c <= 0xabbf)
        return c - 0xab70 + 0x13a0;
    return c >= 0x13f8 && c <= 0x13fd ? c - 8 : c;
}

static gunichar
look_of(gunichar c)
{
    int digit = c >= 0x80 ? g_unichar_digit_value(c) : -1;

    if (c < 0x80)
        return c == '`' ? '\'' : c;
    c = capital_of(c);
    if (is_blank(c))
        return ' ';
    if (digit >= 0)
        return (gunichar)('0' + digit);
    for (size_t i = 0; i < G_N_ELEMENTS(looks); i++) {
        if (g_utf8_strchr(looks[i].of, -1, c) != NULL)
            return (gunichar)looks[i].look;
    }
    return c;
}

static char *
map_looks(const char *text)
{
    GString *out = g_string_new(NULL);

    for (; *text != '\0'; text += g_utf8_skip[(guchar)*text]) {
        gunichar c = g_utf8_get_char(text);

        if (is_blank(c) || !is_invisible(c))
            g_string_append_unichar(out, look_of(c));
    }
    return g_string_free(out, FALSE);
}

/* Each step can give what another has to fold.  Looks are mapped in front of
 * the case too: a Greek capital may look like another letter than the small
 * one does. */
static char *
fold_once(const char *text)
{
    g_autofree char *plain = map_looks(text);
    g_autofree char *apart = g_utf8_normalize(plain, -1, G_NORMALIZE_ALL);
    g_autofree char *mapped = map_looks(apart);
    g_autofree char *small = g_utf8_casefold(mapped, -1);
    g_autofree char *again = map_looks(small);

    return g_utf8_normalize(again, -1, G_NORMALIZE_ALL_COMPOSE);
}

static char *
fold_until_stable(gunichar c)
{
    char own[7] = "";
    char *text;

    g_unichar_to_utf8(c, own);
    text = fold_once(own);
    for (int i = 0; i < ROUNDS_MAX; i++) {
        char *next = fold_once(text);
        bool same = strcmp(next, text) == 0;

        g_free(text);
        text = next;
        if (same)
            break;
    }
    return text;
}

/* A run of one mark, as that of three dots which an ellipsis is, is one. */
static void
shorten_runs(char *text)
{
    char *to = text;

    for (const char *from = text; *from != '\0'; from++) {
        bool runs = *from == ' ' || g_ascii_ispunct(*from);

        if (to == text || !runs || to[-1] != *from)
            *to++ = *from;
    }
    *to = '\0';
}

static void
work_out(gunichar c, Kept *kept)
{
    g_autofree char *text = fold_until_stable(c);
    size_t len;

    shorten_runs(text);
    len = strlen(text);
    kept->joins = len > 0 && wn_text_char_joins(g_utf8_get_char(text));
    kept->len = (uint8_t)len;
    kept->is_long = len > sizeof kept->text;
    if (kept->is_long)
        kept->longer = g_steal_pointer(&text);
    else
        memcpy(kept->text, text, len);
    kept->known = true;
}

/* Grows by what mail holds, to 2 MB at most. */
static const Kept *
look_up(gunichar c)
{
    static Kept *pages[N_PAGES];
    Kept **page = &pages[c / PAGE_SIZE];
    Kept *kept;

    if (*page == NULL)
        *page = g_new0(Kept, PAGE_SIZE);
    kept = &(*page)[c % PAGE_SIZE];
    if (!kept->known)
        work_out(c, kept);
    return kept;
}

void
wn_text_char_fold(gunichar c, WnTextChar *out)
{
    const Kept *kept;

    if (is_in(c, stable, G_N_ELEMENTS(stable))) {
        out->len = (uint8_t)g_unichar_to_utf8(c, out->own);
        out->text = out->own;
        out->joins = false;
        return;
    }
    if (c >= KEPT_MAX) {
        gunichar plain[G_UNICHAR_MAX_DECOMPOSITION_LENGTH];

        if (is_in(c, invisible, G_N_ELEMENTS(invisible))) {
            out->len = 0;
            return;
        }
        g_unichar_fully_decompose(c, TRUE, plain, G_N_ELEMENTS(plain));
        out->len = (uint8_t)g_unichar_to_utf8(plain[0], out->own);
        out->text = out->own;
        out->joins = false;
        return;
    }
    kept = look_up(c);
    out->text = kept->is_long ? kept->longer : kept->text;
    out->len = kept->len;
    out->joins = kept->joins;
}

bool
wn_text_char_is_folded(gunichar c)
{
    char own[6];
    int len = g_unichar_to_utf8(c, own);
    WnTextChar folded;

    if (c < 0x80)
        return true;
    wn_text_char_fold(c, &folded);
    return folded.len == len && memcmp(folded.text, own, (size_t)len) == 0;
}
