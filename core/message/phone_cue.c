/* SPDX-License-Identifier: MIT */
#include "core/message/phone_cue.h"

#include "core/message/phone_lex.h"

enum {
    LOOK_BACK = 48, /* bytes in which a cue is looked for */
    TOKEN_BACK = 96,
    WORD_MAX = 16
};

/* Sorted, in lower case. */
static const char *const phone_words[] = { "call", "called", "calling", "calls",
    "cel", "cell", "cellphone", "cellular", "celular", "contact", "dial",
    "direct", "fax", "fono", "handy", "helpline", "hotline", "line", "mob",
    "mobil", "mobile", "mobiltelefon", "movil", "office", "pager", "ph",
    "phone", "phones", "portable", "ring", "rufen", "sms", "tel", "telefax",
    "telefon", "telefone", "telefono", "telephone", "text", "texting", "tlf",
    "toll", "viber", "voicemail", "wechat", "weixin", "whatsapp" };

static const char *const other_words[] = { "account", "acct", "article",
    "booking", "bug", "case", "cid", "code", "confirmation", "customer", "date",
    "dated", "icq", "id", "invoice", "isbn", "issn", "item", "job", "key",
    "licence", "license", "lot", "member", "message", "model", "order", "page",
    "part", "patent", "pid", "pin", "po", "policy", "port", "product", "qq",
    "record", "ref", "reference", "reservation", "revision", "rfc", "serial",
    "size", "sku", "ticket", "timestamp", "tracking", "transaction", "uid",
    "uin", "user", "userid", "vat", "version" };

/* Of scripts and languages that letters without case or with marks are written
 * in; found as they are. */
static const char *const phone_marks[] = { "电话", "電話", "手机", "手機",
    "热线", "熱線", "微信", "联系", "聯繫", "传真", "傳真", "致电", "тел",
    "Тел", "факс", "Факс", "звон", "моб", "전화", "연락", "โทร", "هاتف", "واتس",
    "móvil", "Móvil", "teléfono", "Teléfono", "téléphone", "Téléphone", "Tél",
    "tél", "☎", "☏", "✆", "📞", "📱", "℡" };

static bool
is_listed(const char *word, const char *const *list, size_t n)
{
    size_t low = 0;

    while (low < n) {
        size_t middle = low + (n - low) / 2;
        int order = strcmp(list[middle], word);

        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            n = middle;
    }
    return false;
}

static WnPhoneCue
cue_of_word(WnSpan letters)
{
    char word[WORD_MAX + 1];

    if (letters.len > WORD_MAX)
        return WN_PHONE_CUE_NONE;
    for (size_t i = 0; i < letters.len; i++)
        word[i] = g_ascii_tolower(letters.ptr[i]);
    word[letters.len] = '\0';
    if (is_listed(word, phone_words, G_N_ELEMENTS(phone_words)))
        return WN_PHONE_CUE_PHONE;
    if (is_listed(word, other_words, G_N_ELEMENTS(other_words)))
        return WN_PHONE_CUE_OTHER;
    return WN_PHONE_CUE_NONE;
}

/* One letter before a colon: "T: 030 123", "M. 0170". */
static bool
is_initial(WnSpan letters, char next)
{
    return letters.len == 1 && (next == ':' || next == '.')
           && strchr("TtPpFfMmCcHhOoWw", letters.ptr[0]) != NULL;
}

static bool
has_phone_mark(WnSpan text)
{
    for (size_t i = 0; i < G_N_ELEMENTS(phone_marks); i++) {
        if (memmem(text.ptr, text.len, phone_marks[i], strlen(phone_marks[i]))
            != NULL)
            return true;
    }
    return false;
}

static bool
has_other_script(WnSpan text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((guchar)text.ptr[i] >= 0x80)
            return true;
    }
    return false;
}

/* Words that stand between what is counted and its number. */
static bool
is_connecting(WnSpan word)
{
    static const WnSpan words[] = { { "no", 2 }, { "nr", 2 }, { "num", 3 },
        { "number", 6 }, { "is", 2 }, { "numero", 6 } };

    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        if (word.len == words[i].len && wn_span_case_starts(word, words[i]))
            return true;
    }
    return false;
}

/* What is looked at: up to LOOK_BACK bytes without digits. */
static WnSpan
text_before(WnSpan text, size_t at)
{
    size_t start = at;

    while (start > 0 && at - start < LOOK_BACK
           && !g_ascii_isdigit(text.ptr[start - 1]))
        start--;
    return wn_span(text.ptr + start, at - start);
}

/* The last word before "end" of text; what is behind it is passed over. */
static WnSpan
last_word(WnSpan text, bool *out_hash)
{
    size_t end = text.len;
    size_t start;

    while (end > 0 && !g_ascii_isalpha(text.ptr[end - 1])) {
        end--;
        *out_hash |= text.ptr[end] == '#';
    }
    start = end;
    while (start > 0 && g_ascii_isalpha(text.ptr[start - 1]))
        start--;
    return wn_span(text.ptr + start, end - start);
}

/* A phone's cue may be a few words away, another one must be next to the
 * digits: "send a copy of your licence to 215-564-0155". */
WnPhoneCue
wn_phone_cue_before(WnSpan text, size_t at)
{
    WnSpan before = text_before(text, at);
    WnSpan left = before;
    bool near = true;

    while (left.len > 0) {
        bool hash = false;
        WnSpan word = last_word(left, &hash);
        size_t end = (size_t)(word.ptr - before.ptr) + word.len;
        WnPhoneCue cue = cue_of_word(word);

        if (cue == WN_PHONE_CUE_PHONE
            || (end < before.len && is_initial(word, before.ptr[end])))
            return WN_PHONE_CUE_PHONE;
        if (near && (hash || cue == WN_PHONE_CUE_OTHER))
            return WN_PHONE_CUE_OTHER;
        near = near && is_connecting(word);
        left.len = (size_t)(word.ptr - left.ptr);
    }
    return has_other_script(before) && has_phone_mark(before)
               ? WN_PHONE_CUE_PHONE
               : WN_PHONE_CUE_NONE;
}

/* Scripts without case are written without spaces, so digits may follow. */
static bool
joins_word(gunichar c)
{
    return c != 0
           && (g_unichar_isupper(c) || g_unichar_islower(c)
               || g_unichar_isdigit(c));
}

static bool
is_price_mark(gunichar c)
{
    return c == '%' || g_unichar_type(c) == G_UNICODE_CURRENCY_SYMBOL;
}

/* Digits that are no thousands before a comma: there are four of them. */
static bool
follows_four_digits(WnSpan text, size_t at)
{
    if (at < 4)
        return false;
    for (size_t i = at - 4; i < at; i++) {
        if (!g_ascii_isdigit(text.ptr[i]))
            return false;
    }
    return true;
}

/* "l-800-": the letter stands for the 1 of a number. */
static bool
is_letter_one(WnSpan text, size_t at)
{
    return strchr("lI", text.ptr[at]) != NULL
           && (at == 0 || !g_ascii_isalnum(text.ptr[at - 1]));
}

/* c is a dash or slash before start. */
static bool
may_begin_behind(WnSpan text, size_t start, gunichar c)
{
    char second = start > 1 ? text.ptr[start - 2] : ' ';

    if (!g_ascii_isalnum(second))
        return true;
    if (c == '/' && g_ascii_isdigit(second))
        return true; /* the groups before say more */
    return is_letter_one(text, start - 2)
           || wn_phone_cue_before(text, start - 1) == WN_PHONE_CUE_PHONE;
}

static bool
may_begin(WnSpan text, size_t start)
{
    gunichar c = wn_phone_char_before(text, start);
    char second = start > 1 ? text.ptr[start - 2] : ' ';

    if (c == 0)
        return true;
    if (joins_word(c) || is_price_mark(c))
        return false;
    if (c < 0x80 && strchr("@=&\\_^~", (int)c) != NULL)
        return false;
    if (c == '#')
        return wn_phone_cue_before(text, start) == WN_PHONE_CUE_PHONE;
    if (c == '-' || c == '/')
        return may_begin_behind(text, start, c);
    if (c == ',' && follows_four_digits(text, start - 1))
        return true;
    if (c == ' ' && start > 1)
        return !is_price_mark(wn_phone_char_before(text, start - 1))
               || second == (start > 2 ? text.ptr[start - 3] : ' ');
    if (c == ':' || c == ',' || c == '.')
        return !g_ascii_isdigit(second);
    return true;
}

static bool
may_end(WnSpan text, size_t end)
{
    gunichar c = wn_phone_char_at(text, end);
    char next = end + 1 < text.len ? text.ptr[end + 1] : ' ';

    if (c == 0)
        return true;
    if (joins_word(c) || is_price_mark(c))
        return false;
    if (c < 0x80 && strchr("@=_\\^", (int)c) != NULL)
        return false;
    if (c == ' ')
        return !is_price_mark(wn_phone_char_at(text, end + 1))
               || next == (end + 2 < text.len ? text.ptr[end + 2] : ' ');
    if (c == '-')
        return !g_ascii_isalpha(next);
    if (c == ',' && follows_four_digits(text, end))
        return true;
    if (c == ':' || c == ',')
        return !g_ascii_isdigit(next);
    return c != '.' || !g_ascii_islower(next);
}

/* What goes before in the same word is a URL or an address. */
static bool
is_in_address(WnSpan text, size_t start)
{
    size_t floor = start > TOKEN_BACK ? start - TOKEN_BACK : 0;
    size_t at = start;

    while (at > floor && (guchar)text.ptr[at - 1] > ' ') {
        char c = text.ptr[--at];

        if (c == '@' || c == '?' || c == '=' || c == '%')
            return true;
        if (c == '<' || c == '>' || c == '"' || c == ';')
            return false;
        if (c == '/' && text.ptr[at + 1] == '/')
            return true;
        if (c == 'w' && start - at >= 4
            && memcmp(text.ptr + at, "www.", MIN(4, start - at)) == 0)
            return true;
    }
    return false;
}

bool
wn_phone_stands_alone(WnSpan text, size_t start, size_t end)
{
    return may_begin(text, start) && may_end(text, end)
           && !is_in_address(text, start);
}
