/* SPDX-License-Identifier: MIT */
#include "core/message/message.h"

#include <time.h>

typedef struct Case {
    const char *title, *country, *text;
    const char *digits; /* of all that is found, with spaces between */
} Case;

static const Case numbers[] = {
    { "dashes", "US", "Call 212-555-1234 now", "12125551234" },
    { "dots", "US", "212.555.1234", "12125551234" },
    { "spaces", "US", "x: 212 555 1234.", "12125551234" },
    { "slash", "US", "713/853-5290", "17138535290" },
    { "slashes", "US", "650/253/1234", "16502531234" },
    { "mixed marks", "US", "713.853-5536", "17138535536" },
    { "area in brackets", "US", "(212) 555-1234", "12125551234" },
    { "brackets without space", "US", "(650)218-3069", "16502183069" },
    { "bracket not opened", "US", "650)218-3069", "16502183069" },
    { "bracket not closed", "US", "(713 853 5290", "17138535290" },
    { "square brackets", "US", "[212] 555-1234", "12125551234" },
    { "all in brackets", "US", "fax (412-802-6429)", "14128026429" },
    { "one and dashes", "US", "1-800-555-1234", "18005551234" },
    { "one and brackets", "US", "1(888) 777-0658", "18887770658" },
    { "one in the area group", "US", "1847-677-1234", "18476771234" },
    { "one, other groups", "US", "1 - 515 - 2659502", "15152659502" },
    { "toll free, odd groups", "US", "al 1 866 4320 550", "18664320550" },
    { "plus one", "US", "+1.941.827.3325", "19418273325" },
    { "plus one, dash, bracket", "US", "+1-(970) 539-9578", "19705399578" },
    { "plus and space", "US", "+ 1 (646) 441 8989", "16464418989" },
    { "wide spaces", "US", "(352)  394  - 6161", "13523946161" },
    { "spelled", "US", "1 - 8 0 0 - 8 6 1 - 1 4 8 1", "18008611481" },
    { "stars", "US", "call 800*555*1234", "18005551234" },
    { "underscores", "US", "call 800_555_1234", "18005551234" },
    { "bullets", "US", "800•555•1234", "18005551234" },
    { "two after another", "US", "713-853-5290 281-296-0788",
        "17138535290 12812960788" },
    { "two with brackets", "US", "(212) 555-1234 (650) 218-3069",
        "12125551234 16502183069" },
    { "two with a slash", "US", "713-853-5290/281-296-0788",
        "17138535290 12812960788" },
    { "two on lines", "US", "713 853 5290\n281 296 0788",
        "17138535290 12812960788" },
    { "two with a comma", "US", "713-853-5290,281-296-0788",
        "17138535290 12812960788" },
    { "post code before", "US", "TX 76798\n254-710-4473 (Office)",
        "12547104473" },
    { "bare with cue", "US", "Mob - 8383063372", "18383063372" },
    { "bare, cue far", "US", "text STOP or YES to 2125551234", "12125551234" },
    { "bare, cue and hash", "US", "cell# 8327246346", "18327246346" },
    { "bare, initial", "US", "T: 2125551234", "12125551234" },
    { "bare eleven with cue", "US", "whatsapp 12125551234", "12125551234" },
    { "Chinese", "US", "手机：13144448557", "13144448557" },
    { "behind an ideograph", "US", "普通票15302987091", "15302987091" },
    { "em dash", "US", "212\u2014555\u20141234", "12125551234" },
    { "hyphens of Unicode", "US", "212\u2010555\u20111234", "12125551234" },
    { "no-break spaces", "US", "212\u00a0555\u00a01234", "12125551234" },
    { "full width", "US", "（２１２）５５５－１２３４", "12125551234" },
    { "full width plus", "US", "＋１ ２１２ ５５５ １２３４", "12125551234" },
    { "Arabic digits", "US", "٢١٢-٥٥٥-١٢٣٤", "12125551234" },
    { "Devanagari digits", "US", "२१२-५५५-१२३४", "12125551234" },
    { "mathematical digits", "US", "𝟐𝟏𝟐-𝟓𝟓𝟓-𝟏𝟐𝟑𝟒", "12125551234" },
    { "circled digits", "US", "②①②-⑤⑤⑤-①②③④", "12125551234" },
    { "key caps", "US", "2\ufe0f\u20e31\ufe0f\u20e32\ufe0f\u20e3-555-1234",
        "12125551234" },
    { "zero width", "US", "2\u200b1\u200d2-5\u206055-12\ufeff34",
        "12125551234" },
    { "soft hyphens", "US", "21\u00ad2-555-12\u00ad34", "12125551234" },
    { "directions", "US", "\u202d212-555-1234\u202c", "12125551234" },
    { "letters O", "US", "1-8OO-555-1234", "18005551234" },
    { "letters O and l", "US", "l-800-555-l2O4", "18005551204" },
    { "line end behind a dash", "US", "call 212-\n555-1234", "12125551234" },
    { "line end before the last", "US", "(212) 555-\n  1234", "12125551234" },
    { "line end with cue", "US", "call 212\n555 1234", "12125551234" },
    { "line end abroad", "US", "+44 20\n7484 9871", "442074849871" },
    { "CRLF", "US", "1-800-555-\r\n1234", "18005551234" },
    { "extension", "US", "415-666-7777 ext. 503", "14156667777" },
    { "extension x", "US", "415-436-9333 x101", "14154369333" },
    { "extension without space", "US", "(212) 925-1864x148", "12129251864" },
    { "extension, comma", "US", "(352) 394-6161 , ext 1051", "13523946161" },
    { "extension word", "US", "212-555-1234 Extension 5", "12125551234" },
    { "vanity", "US", "1-800-FLOWERS", "18003569377" },
    { "vanity in two", "US", "1-800-CALL-NOW!", "18002255669" },
    { "vanity without one", "US", "800-FLOWERS", "18003569377" },
    { "vanity in brackets", "US", "(888) GET-HELP", "18884384357" },
    { "vanity in lower case", "US", "1-800-flowers", "18003569377" },
    { "vanity too long", "US", "1-800-MATTRESSES", "18006288737" },
    { "vanity with spaces", "US", "call 1 800 GET HELP", "18004384357" },
    { "vanity with digits", "US", "1-888-555-HELP", "18885554357" },
    { "vanity elsewhere", "US", "713-345-4SAP (4727)", "17133454727" },
    { "vanity with plus", "US", "+1-800-FLOWERS", "18003569377" },
    { "British", "US", "+44 (0)20 7499 2264", "442074992264" },
    { "code in brackets", "US", "(+44) (0) 203-632 0827", "442036320827" },
    { "zero in brackets", "US", "(+44) 0750-8014648", "447508014648" },
    { "dash of words", "US", "+ 44 – 7441440360", "447441440360" },
    { "German", "US", "+49-(0)531-391-2045", "495313912045" },
    { "German, long", "US", "+49 3641 2328-165", "4936412328165" },
    { "French", "US", "+33 1 42 44 10 18", "33142441018" },
    { "Italian", "US", "+39 06 4186 5196", "390641865196" },
    { "Spanish", "US", "(+34 943 018705", "34943018705" },
    { "Romanian", "US", "+4 0757 77 28 28", "40757772828" },
    { "Korean range", "US", "+82-31-497-2040~5", "82314972040" },
    { "Indian range", "US", "+91 11 463 8680-84", "91114638680" },
    { "Brazilian", "US", "+55 11 2589-0111", "551125890111" },
    { "Mexican", "US", "+5215620732704", "525620732704" },
    { "Kenyan, bare", "US", "+254712260031", "254712260031" },
    { "satellite", "US", "+8821652098236", "8821652098236" },
    { "two zeroes", "US", "0086 371 86151627", "8637186151627" },
    { "two zeroes in brackets", "US", "(00-86) 13703047547", "8613703047547" },
    { "zero one one", "US", "011 44 20 7484 9871", "442074849871" },
    { "freephone", "US", "call 00 800 00 225533*", "80000225533" },
    { "quoted", "US", "\"+1 212 555 1234\"", "12125551234" },
    { "behind a word and colon", "US", "Phone:212-555-1234", "12125551234" },
    { "behind a word and dot", "US", "Tel.212-555-1234", "12125551234" },
    { "end of a sentence", "US", "at 212-555-1234.Please", "12125551234" },
    { "order is not always a thing", "US", "To order: 1-800-555-1234",
        "18005551234" },
    { "far from a licence", "US", "licence to 215-564-0155", "12155640155" },
    { "dollars for show", "US", "$$ 1-800-896-6568 $$", "18008966568" },
    { "no country", NULL, "(212) 555-1234", "2125551234" },
    { "no country, one", NULL, "1-800-555-1234", "18005551234" },
    { "no country, plus", NULL, "+49 30 1234567", "49301234567" },
    { "German at home", "DE", "030 / 1234 567", "49301234567" },
    { "German with trunk", "DE", "0800-2491234", "498002491234" },
    { "German zero in brackets", "DE", "(0)900-1 123123", "499001123123" },
    { "German with cue", "DE", "Tel. 04931123456", "494931123456" },
    { "German, US number", "DE", "1-800-555-1234", "18005551234" },
    { "French at home", "FR", "Tél : 01 56 77 01 20 / 06 81 57 85 47",
        "33156770120 33681578547" },
    { "British at home", "GB", "020 7484 9871", "442074849871" },
    { "Australian at home", "AU", "(02) 9817 5199", "61298175199" },
};

static const Case others[] = {
    { "empty", "US", "", "" },
    { "one digit", "US", "7", "" },
    { "seven digits", "US", "555-1234", "" },
    { "bare", "US", "2125551234", "" },
    { "bare with a plain word", "US", "total 2125551234", "" },
    { "bare, order number", "US", "Order number 2125551234", "" },
    { "bare, hash", "US", "#2125551234", "" },
    { "order number", "US", "order no. 212-555-1234", "" },
    { "invoice", "US", "Invoice #212-555-1234", "" },
    { "account", "US", "account number: 212-555-1234", "" },
    { "call, then a ticket", "US", "we call it ticket 2125551234", "" },
    { "date", "US", "2012-01-02 08:00", "" },
    { "date with slashes", "US", "2012/01/02 08:00", "" },
    { "date in one", "US", "20120102 08:00", "" },
    { "date, short", "US", "03/27/2011", "" },
    { "date with dots", "US", "21.06.2019 17:00", "" },
    { "date with hour", "US", "tel 22.09.2021 01", "" },
    { "two dates", "US", "2012-01-02 2012-01-03", "" },
    { "years", "US", "1979-2011 100", "" },
    { "time", "US", "call 12:34:56", "" },
    { "time stamp", "US", "20010102T123456", "" },
    { "date at home", "DE", "01.02.2012", "" },
    { "date and time at home", "DE", "01.02.2012 10.30", "" },
    { "address", "US", "218.94.69.222", "" },
    { "address with cue", "US", "call 212.120.123.4", "" },
    { "address and port", "US", "64.123.160.91:8080", "" },
    { "price", "US", "$212 555 1234", "" },
    { "price, apart", "US", "$ 212 555 1234", "" },
    { "price behind", "US", "212 555 1234 €", "" },
    { "euros", "US", "€212.555.1234", "" },
    { "thousands", "US", "1,212,555,1234", "" },
    { "percent", "US", "212-555-1234%", "" },
    { "decimals", "US", "12345.000000", "" },
    { "decimals with cue", "US", "call [43045.166646]", "" },
    { "decimals, three", "US", "8639.19 -45.34", "" },
    { "ISBN 13", "US", "ISBN 978-0-306-40615-7", "" },
    { "ISBN 10", "US", "ISBN 0-306-40615-2", "" },
    { "ISBN like a number", "US", "ISBN 212-555-1234", "" },
    { "card", "US", "4111 1111 1111 1111", "" },
    { "card with dashes", "US", "4111-1111-1111-1111", "" },
    { "card, bare", "US", "4111111111111111", "" },
    { "card of fifteen", "US", "3782 822463 10005", "" },
    { "social security", "US", "123-45-6789", "" },
    { "post code", "US", "94304-1126", "" },
    { "message id", "US", "<2125551234.12345@example.com>", "" },
    { "mail address", "US", "2125551234@qq.com", "" },
    { "mail address, marks", "US", "212-555-1234@pager.example", "" },
    { "mail address behind", "US", "joe.212-555-1234@x.example", "" },
    { "URL", "US", "http://example.com/212-555-1234", "" },
    { "URL, query", "US", "http://example.com/?a=212-555-1234", "" },
    { "host", "US", "212-555-1234.example.com", "" },
    { "boundary", "US", "boundary=\"TEP-2108411027.1463792894\"", "" },
    { "part of a word", "US", "ABC212-555-1234", "" },
    { "part of a code", "US", "KX-212-555-1234", "" },
    { "word behind", "US", "212-555-1234abc", "" },
    { "code behind", "US", "212-555-1234-AB", "" },
    { "longer row", "US", "12-212-555-1234", "" },
    { "longer row behind", "US", "212-555-1234-55", "" },
    { "row of numbers", "US", "100 212 555 1234 200", "" },
    { "finger print", "US", "1234 5678 9012 3456 7890", "" },
    { "area of no one", "US", "222-555-1234", "" },
    { "area N11", "US", "911-555-1234", "" },
    { "exchange 1xx", "US", "212-155-1234", "" },
    { "one too many", "US", "2-212-555-1234", "" },
    { "pluses", "US", "650+253+1234", "" },
    { "times", "US", "650x2531234", "" },
    { "patch", "US", "@@ -713,853 +4777,22 @@", "" },
    { "time zone", "US", "Mon, 1 Jan 2001 10:00:00 +0200", "" },
    { "no such code", "US", "+999 123 456 789", "" },
    { "too long abroad", "US", "+44 20 7484 98711234567", "" },
    { "dump", "US", "28 00 00 00 00 40 00 [43045.166646]", "" },
    { "table", "US", "2001  713  853  4748  12", "" },
    { "far apart", "US", "212          555          1234", "" },
    { "lines", "US", "212\n555\n1234", "" },
    { "words", "US", "IN 800 WORDS OR LESS", "" },
    { "words with dashes", "US", "an 888-page-document", "" },
    { "hexadecimal", "US", "0x2125551234", "" },
    { "version", "US", "version 2.1.2.555.1234", "" },
    { "equation", "US", "212 555 1234=5", "" },
    { "bare in Germany", "DE", "0301234567", "" },
    { "bare without country", NULL, "2125551234", "" },
};

static char *
scan(const char *text, const char *country, bool link)
{
    g_autoptr(WnArena) arena = wn_arena_new(0);
    g_autoptr(GArray)
        phones = g_array_new(FALSE, FALSE, sizeof(WnMessagePhone));
    WnPhoneList list = { .arena = arena,
        .phones = phones,
        .default_country = country };
    GString *found = g_string_new(NULL);

    if (link)
        g_assert_true(wn_phone_scan_link(&list, wn_span_str(text)));
    else
        g_assert_true(wn_phone_scan_text(&list, wn_span_str(text)));
    for (guint i = 0; i < phones->len; i++) {
        const WnMessagePhone *phone = &g_array_index(phones, WnMessagePhone, i);

        if (found->len > 0)
            g_string_append_c(found, ' ');
        g_string_append_len(found, phone->digits.ptr,
            (gssize)phone->digits.len);
    }
    return g_string_free(found, FALSE);
}

static void
test_case(gconstpointer data)
{
    const Case *self = data;
    g_autofree char *found = scan(self->text, self->country, false);

    g_assert_cmpstr(found, ==, self->digits);
}

static const Case links[] = {
    { "tel", "US", "tel:+1-212-555-1234", "12125551234" },
    { "case", "US", "TEL:+12125551234", "12125551234" },
    { "national", "US", "tel:2125551234", "12125551234" },
    { "national with one", "US", "tel:1-212-555-1234", "12125551234" },
    { "no country", NULL, "tel:2125551234", "2125551234" },
    { "parameters", "US", "tel:+442074849871;ext=12", "442074849871" },
    { "percent", "US", "tel:%2B1%20(212)%20555-1234", "12125551234" },
    { "letters", "US", "tel:1-800-FLOWERS", "18003569377" },
    { "slashes", "US", "tel://+12125551234", "12125551234" },
    { "zeroes", "US", "tel:00442074849871", "442074849871" },
    { "sms", "US", "sms:+12125551234?body=hi%201234567", "12125551234" },
    { "two", "US", "sms:+12125551234,+442074849871",
        "12125551234 442074849871" },
    { "short code", "US", "sms:12345", "12345" },
    { "whatsapp", "US", "whatsapp://send?phone=4930123456&text=x",
        "4930123456" },
    { "wrong", "US", "tel:+1", "" },
    { "empty", "US", "tel:", "" },
    { "broken percent", "US", "tel:%2", "" },
    { "other scheme", "US", "http://example.com/2125551234", "" },
    { "German", "DE", "tel:030-1234567", "49301234567" },
    { "endless", "US", "tel:11111111111111111111111111111111", "" },
};

static void
test_link(gconstpointer data)
{
    const Case *self = data;
    g_autofree char *found = scan(self->text, self->country, true);

    g_assert_cmpstr(found, ==, self->digits);
}

static void
test_flags(void)
{
    static const struct {
        const char *text, *found;
        uint32_t flags;
    } cases[] = {
        { "at +1 212 555 1234.", "+1 212 555 1234", WN_MESSAGE_PHONE_COUNTRY },
        { "at (212) 555-1234.", "(212) 555-1234", WN_MESSAGE_PHONE_ASSUMED },
        { "1-800-FLOWERS", "1-800-FLOWERS",
            WN_MESSAGE_PHONE_COUNTRY | WN_MESSAGE_PHONE_LETTERS },
        { "212-555-1234 x 5, and", "212-555-1234 x 5",
            WN_MESSAGE_PHONE_ASSUMED | WN_MESSAGE_PHONE_EXTENSION },
        { "21\u200b2-555-1234", "21\u200b2-555-1234",
            WN_MESSAGE_PHONE_ASSUMED | WN_MESSAGE_PHONE_DISGUISED },
        { "212-\n555-1234", "212-\n555-1234",
            WN_MESSAGE_PHONE_ASSUMED | WN_MESSAGE_PHONE_SPLIT },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(WnArena) arena = wn_arena_new(0);
        g_autoptr(GArray)
            phones = g_array_new(FALSE, FALSE, sizeof(WnMessagePhone));
        WnPhoneList list = { .arena = arena,
            .phones = phones,
            .default_country = "US",
            .part = 3 };
        const WnMessagePhone *phone;

        g_assert_true(wn_phone_scan_text(&list, wn_span_str(cases[i].text)));
        g_assert_cmpuint(phones->len, ==, 1);
        phone = &g_array_index(phones, WnMessagePhone, 0);
        g_assert_cmpstr(phone->text.ptr, ==, cases[i].found);
        g_assert_cmpuint(phone->flags, ==, cases[i].flags);
        g_assert_cmpint(phone->part, ==, 3);
    }
}

static void
test_message(void)
{
    static const char bytes[] = "Subject: call 212-555-0001\r\n"
                                "Content-Type: multipart/mixed; boundary=b\r\n"
                                "\r\n"
                                "--b\r\n\r\nring (212) 555-0002\r\n"
                                "--b\r\nContent-Type: text/html\r\n\r\n"
                                "2<b>1</b>2-<i>555</i>-0<!-- -->003\r\n"
                                "--b--\r\n";
    g_autoptr(WnMessage)
        message = wn_message_new(wn_span(bytes, sizeof bytes - 1));

    g_assert_cmpuint(wn_message_n_phones(message, "us"), ==, 3);
    g_assert_cmpstr(wn_message_phone(message, "US", 0)->digits.ptr, ==,
        "12125550001");
    g_assert_cmpint(wn_message_phone(message, "US", 0)->part, ==, -1);
    g_assert_cmpint(wn_message_phone(message, "US", 1)->part, ==, 1);
    g_assert_cmpstr(wn_message_phone(message, "US", 2)->digits.ptr, ==,
        "12125550003");
    g_assert_null(wn_message_phone(message, "US", 3));
    g_assert_cmpstr(wn_message_phone(message, NULL, 2)->digits.ptr, ==,
        "2125550003");
    for (char c = 'A'; c <= 'Z'; c++) {
        char country[3] = { 'X', c, '\0' };

        g_assert_cmpuint(wn_message_n_phones(message, country), ==, 3);
    }
    g_assert_cmpuint(wn_message_problems(message) & WN_MESSAGE_TOO_MANY, ==, 0);
}

static void
test_limit(void)
{
    g_autoptr(GString) bytes = g_string_new("Subject: x\r\n\r\n");
    g_autoptr(WnMessage) message = NULL;

    for (unsigned i = 0; i <= WN_PHONE_MAX; i++)
        g_string_append_printf(bytes, "(212) 555-%04u\r\n", i);
    message = wn_message_new(wn_span(bytes->str, bytes->len));
    g_assert_cmpuint(wn_message_n_phones(message, "US"), ==, WN_PHONE_MAX);
    g_assert_cmpuint(wn_message_problems(message), ==, WN_MESSAGE_TOO_MANY);
}

static double
cost(const char *piece, size_t size)
{
    g_autoptr(GString) text = g_string_sized_new(size + 64);
    double best = 1e9;

    while (text->len < size)
        g_string_append(text, piece);
    for (int i = 0; i < 3; i++) {
        clock_t start = clock();
        g_autoptr(WnArena) arena = wn_arena_new(0);
        g_autoptr(GArray)
            phones = g_array_new(FALSE, FALSE, sizeof(WnMessagePhone));
        WnPhoneList list = { .arena = arena,
            .phones = phones,
            .default_country = "DE" };

        wn_phone_scan_text(&list, wn_span(text->str, text->len));
        best = MIN(best, (double)(clock() - start) / CLOCKS_PER_SEC);
    }
    return best;
}

/* Four times the text costs about four times as much. */
static void
test_is_linear(void)
{
    static const char *const pieces[] = { "1", "1 ", "0 ", "12 ", "+49 1 ", "+",
        "( ", "2125551234 ", "call 2125551234x", "O", "1-800-A-", "1\u200b",
        "\u200b", "1.2.", "０１", "0-", "1/", "1 800 A ", "tel 0 3 0 ", "w.w/",
        "l0I|", "-----", "\n1\n", "wa.me/", "wa.me/1", "whatsapp.com/send",
        "030 1 ", "1 x" };

    for (size_t i = 0; i < G_N_ELEMENTS(pieces); i++) {
        double small = cost(pieces[i], 128 * 1024);
        double large = cost(pieces[i], 512 * 1024);

        if (g_test_verbose())
            g_print("# %zu: %.1f ms for 512 KiB\n", i, large * 1e3);
        g_assert_cmpfloat(large, <, 0.02 + 10 * small);
    }
}

static void
add_cases(const char *group, const Case *cases, size_t n,
    GTestDataFunc function)
{
    for (size_t i = 0; i < n; i++) {
        g_autofree char *path = g_strdup_printf("/message/phone_scan/%s/%s",
            group, cases[i].title);

        g_test_add_data_func(path, &cases[i], function);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_set_nonfatal_assertions(); /* one run shows all that fail */
    add_cases("numbers", numbers, G_N_ELEMENTS(numbers), test_case);
    add_cases("others", others, G_N_ELEMENTS(others), test_case);
    add_cases("links", links, G_N_ELEMENTS(links), test_link);
    g_test_add_func("/message/phone_scan/flags", test_flags);
    g_test_add_func("/message/phone_scan/message", test_message);
    g_test_add_func("/message/phone_scan/limit", test_limit);
    g_test_add_func("/message/phone_scan/is linear", test_is_linear);
    return g_test_run();
}
