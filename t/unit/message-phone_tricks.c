/* SPDX-License-Identifier: MIT */

/* Whole messages with one trick each by which telephone numbers are hidden from
 * programs, and others whose digits are no number. */

#include "core/message/message.h"

typedef enum { PLAIN, HTML, SUBJECT } Kind;

typedef struct Case {
    const char *title;
    Kind kind;
    const char *country, *text;
    const char *digits; /* all that are found, in order */
} Case;

static const Case cases[] = {
    { "plain", PLAIN, "US", "Call 212-555-1234", "12125551234" },
    { "no country", PLAIN, "", "Call 212-555-1234", "2125551234" },
    { "other country", PLAIN, "de", "Tel. 030 / 1234567", "49301234567" },
    { "subject", SUBJECT, "US", "Call (212) 555-1234", "12125551234" },
    { "subject, encoded", SUBJECT, "US",
        "=?utf-8?Q?Call_212=2D555=2D1234?=", "12125551234" },
    { "split by bold", HTML, "US", "<p>212-<b>555</b>-1234</p>",
        "12125551234" },
    { "split by many tags", HTML, "US",
        "<p><i>2</i><b>1</b><span>2</span>-5<em>5</em>5-12<font>34</font></p>",
        "12125551234" },
    { "split by a comment", HTML, "US", "<p>212-555<!-- x -->-1234</p>",
        "12125551234" },
    { "split by an empty tag", HTML, "US", "<p>212-55<wbr>5-1234</p>",
        "12125551234" },
    { "split by a break", HTML, "US", "<p>call 212-555-<br>1234</p>",
        "12125551234" },
    { "entities", HTML, "US", "<p>&#50;&#49;&#50;&#45;555&#x2d;&#x31;234</p>",
        "12125551234" },
    { "no-break spaces", HTML, "US", "<p>(212)&nbsp;555&nbsp;1234</p>",
        "12125551234" },
    { "soft hyphens", HTML, "US", "<p>21&shy;2-5&shy;55-1234</p>",
        "12125551234" },
    { "zero width", HTML, "US", "<p>2&#8203;12&zwnj;-555-12&zwj;34</p>",
        "12125551234" },
    { "full width", PLAIN, "US",
        "\uff12\uff11\uff12-\uff15\uff15\uff15"
        "-\uff11\uff12\uff13\uff14",
        "12125551234" },
    { "full-width brackets", PLAIN, "US", "\uff08212\uff09555\uff0d1234",
        "12125551234" },
    { "Arabic digits", PLAIN, "US",
        "\u0662\u0661\u0662-\u0665\u0665\u0665-\u0661\u0662\u0663\u0664",
        "12125551234" },
    { "Bengali digits", PLAIN, "US",
        "\u09e8\u09e7\u09e8-\u09eb\u09eb\u09eb-\u09e7\u09e8\u09e9\u09ea",
        "12125551234" },
    { "Thai digits", PLAIN, "US",
        "\u0e52\u0e51\u0e52-\u0e55\u0e55\u0e55-\u0e51\u0e52\u0e53\u0e54",
        "12125551234" },
    { "bold digits", PLAIN, "US",
        "\U0001d7d0\U0001d7cf\U0001d7d0-\U0001d7d3\U0001d7d3\U0001d7d3-"
        "\U0001d7cf\U0001d7d0\U0001d7d1\U0001d7d2",
        "12125551234" },
    { "circled digits", PLAIN, "US",
        "\u2461\u2460\u2461-\u2464\u2464\u2464-\u2460\u2461\u2462\u2463",
        "12125551234" },
    { "letters", PLAIN, "US", "1-800-FLOWERS", "18003569377" },
    { "letters for 0 and 1", PLAIN, "US", "l-8OO-555-l2O4", "18005551204" },
    { "dots", PLAIN, "US", "212.555.1234", "12125551234" },
    { "bullets", PLAIN, "US", "800\u2022555\u20221234", "18005551234" },
    { "stars", PLAIN, "US", "800*555*1234", "18005551234" },
    { "spelled", PLAIN, "US", "1 8 0 0 5 5 5 1 2 3 4", "18005551234" },
    { "plus", PLAIN, "", "+49 (0)30 1234567", "49301234567" },
    { "full-width plus", PLAIN, "", "\uff0b49 30 1234567", "49301234567" },
    { "two zeroes", PLAIN, "", "0049 30 1234567", "49301234567" },
    { "bare with a cue", PLAIN, "US", "WhatsApp: 2125551234", "12125551234" },
    { "bare behind a sign", PLAIN, "US", "\u260e 2125551234", "12125551234" },
    { "tel", HTML, "US", "<a href='tel:+1-212-555-1234'>x</a>", "12125551234" },
    { "tel, encoded", HTML, "US", "<a href='tel:%2B1%28212%29555%2D1234'>x</a>",
        "12125551234" },
    { "tel, entities", HTML, "US",
        "<a href='&#116;el&colon;&#43;12125551234'>x</a>", "12125551234" },
    { "tel, national", HTML, "US", "<a href='tel:2125551234'>x</a>",
        "12125551234" },
    { "tel, other case", HTML, "US", "<a href='TEL:2125551234'>x</a>",
        "12125551234" },
    { "tel with slashes", HTML, "US", "<a href='tel://2125551234'>x</a>",
        "12125551234" },
    { "tel of a picture", HTML, "US",
        "<a href='tel:2125551234'><img src='a.png'></a>", "12125551234" },
    { "tel, parameters", HTML, "US", "<a href='tel:2125551234;ext=5?x=1'>x</a>",
        "12125551234" },
    { "sms", HTML, "US", "<a href='sms:+12125551234?body=x'>x</a>",
        "12125551234" },
    { "sms with a number in it", HTML, "US",
        "<a href='sms:+12125551234?body=call%20(650)%20253-0000'>x</a>",
        "12125551234 16502530000" },
    { "callto", HTML, "US", "<a href='callto:+12125551234'>x</a>",
        "12125551234" },
    { "whatsapp", HTML, "US",
        "<a href='whatsapp://send?phone=12125551234'>x</a>", "12125551234" },
    { "skype", HTML, "US", "<a href='skype:+12125551234?call'>x</a>",
        "12125551234" },
    { "skype name", HTML, "US", "<a href='skype:live:joe?call'>x</a>", "" },
    { "sip", HTML, "US", "<a href='sip:+12125551234@example.com'>x</a>",
        "12125551234" },
    { "wa.me", HTML, "", "<a href='https://wa.me/12125551234'>x</a>",
        "12125551234" },
    { "wa.me with text", HTML, "",
        "<a href='https://wa.me/12125551234?text=or+call+%2B442079460000'>x",
        "12125551234 442079460000" },
    { "wa.me in text", PLAIN, "", "chat: https://wa.me/12125551234 now",
        "12125551234" },
    { "wa.me without scheme", PLAIN, "", "wa.me/+12125551234", "12125551234" },
    { "wa.me, no number", HTML, "", "<a href='https://wa.me/qr/ABC123'>x</a>",
        "" },
    { "WhatsApp's server", HTML, "",
        "<a href='https://api.whatsapp.com/send?phone=12125551234'>x</a>",
        "12125551234" },
    { "WhatsApp's server, later", HTML, "",
        "<a href='https://api.whatsapp.com/send/?text=x&phone=%2B12125551234'>",
        "12125551234" },
    { "viber", HTML, "", "<a href='viber://chat?number=%2B12125551234'>x</a>",
        "12125551234" },
    { "telegram", HTML, "", "<a href='https://t.me/+12125551234'>x</a>",
        "12125551234" },
    { "telegram, a group", HTML, "", "<a href='https://t.me/+1AbCdEf'>x</a>",
        "" },
    { "signal", HTML, "", "<a href='https://signal.me/#p/+12125551234'>x</a>",
        "12125551234" },
    { "mailto body", HTML, "US",
        "<a href='mailto:a@b.example?subject=x&amp;body=Call%20me%3A%20"
        "212-555-1234'>x</a>",
        "12125551234" },
    { "mailto subject", HTML, "US",
        "<a href='mailto:a@b.example?subject=Call%20212-555-1234'>x</a>",
        "12125551234" },
    { "order number", PLAIN, "US", "Order number 2125551234", "" },
    { "order number with marks", PLAIN, "US", "Order # 212-555-1234", "" },
    { "tracking", PLAIN, "US", "tracking number: 212 555 1234", "" },
    { "date", PLAIN, "US", "2012-01-02 08:00", "" },
    { "dates", PLAIN, "US", "02.01.2012 - 03.01.2012", "" },
    { "price", PLAIN, "US", "$212 555 1234", "" },
    { "IP address", PLAIN, "US", "call 212.120.123.4", "" },
    { "mail address", PLAIN, "US", "2295580296@qq.example", "" },
    { "bare", PLAIN, "US", "2125551234", "" },
    { "parameter", HTML, "US",
        "<a href='http://example.com/?id=2125551234'>x</a>", "" },
    { "card", PLAIN, "US", "4111 1111 1111 1111", "" },
    { "zip and more", PLAIN, "US", "NY 10001-2125 551234", "" },
};

static GString *
make_message(const Case *c)
{
    GString *out = g_string_new("MIME-Version: 1.0\r\n");

    if (c->kind == SUBJECT)
        g_string_append_printf(out, "Subject: %s\r\n\r\nx\r\n", c->text);
    else
        g_string_append_printf(out,
            "Content-Type: text/%s; charset=utf-8\r\n\r\n%s\r\n",
            c->kind == HTML ? "html" : "plain", c->text);
    return out;
}

static void
test_case(gconstpointer data)
{
    const Case *c = data;
    GString *text = make_message(c);
    g_autoptr(WnMessage)
        message = wn_message_new(wn_span(text->str, text->len));
    g_autoptr(GString) found = g_string_new(NULL);

    for (uint32_t i = 0; i < wn_message_n_phones(message, c->country); i++) {
        if (i > 0)
            g_string_append_c(found, ' ');
        g_string_append(found,
            wn_message_phone(message, c->country, i)->digits.ptr);
    }
    g_assert_cmpstr(found->str, ==, c->digits);
    g_string_free(text, TRUE);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_set_nonfatal_assertions();
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *name = g_strdup_printf("/phone_tricks/%s",
            cases[i].title);

        g_test_add_data_func(name, &cases[i], test_case);
    }
    return g_test_run();
}
