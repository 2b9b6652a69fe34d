/* SPDX-License-Identifier: MIT */
#include "t/unit/filtering-reception.h"

#include "core/base/clock.h"
#include "core/base/metrics.h"

#define MESSAGE \
    "From: a@client.example\r\nSubject: hello\r\n\r\nbody\r\n..stuffed\r\n"

/*
 * The form of messages
 */

typedef struct FormCase {
    const char *name;
    const char *message; /* wire form without the final dot */
    const char *untouched;
    const char *tagged; /* with tag:[t] */
} FormCase;

static const FormCase form_cases[] = {
    { "plain", "Subject: x\r\n\r\nbody\r\n", "Subject: x\r\n\r\nbody\r\n",
        "Subject: [t] x\r\n\r\nbody\r\n" },
    { "empty", "", "", "Subject: [t]\r\n" },
    { "body-only", "no header\r\n", "\r\nno header\r\n",
        "Subject: [t]\r\n\r\nno header\r\n" },
    { "blank-first", "\r\nbody\r\n", "\r\nbody\r\n",
        "Subject: [t]\r\n\r\nbody\r\n" },
    { "header-only", "Subject: x\r\n", "Subject: x\r\n", "Subject: [t] x\r\n" },
    { "no-separator", "Subject: x\r\nno field\r\n",
        "Subject: x\r\nno field\r\n", "Subject: [t] x\r\nno field\r\n" },
    { "stuffed-body", "Subject: x\r\n\r\n..\r\n..a\r\n...\r\n",
        "Subject: x\r\n\r\n.\r\n.a\r\n..\r\n",
        "Subject: [t] x\r\n\r\n.\r\n.a\r\n..\r\n" },
    { "stuffed-header",
        "..a: 1\r\nX-Winnow-Id: 2\r\n..b: 3\r\nSubject: x\r\n..c: 4\r\n\r\n"
        "..\r\n",
        ".a: 1\r\n.b: 3\r\nSubject: x\r\n.c: 4\r\n\r\n.\r\n",
        ".a: 1\r\n.b: 3\r\nSubject: [t] x\r\n.c: 4\r\n\r\n.\r\n" },
    { "stuffed-forged", "X-Winnow-Id: 2\r\n..b: 3\r\nX-Winnow-Id: 4\r\n\r\n",
        ".b: 3\r\n\r\n", "Subject: [t]\r\n.b: 3\r\n\r\n" },
    { "stuffed-body-only", "..\r\n..no header\r\n", "\r\n.\r\n.no header\r\n",
        "Subject: [t]\r\n\r\n.\r\n.no header\r\n" },
    { "forged",
        "X-Winnow-Match: filter=none\r\nSubject: x\r\n"
        "Authentication-Results: relay.example; dkim=pass\r\n\r\nbody\r\n",
        "Subject: x\r\n\r\nbody\r\n", "Subject: [t] x\r\n\r\nbody\r\n" },
};

static void
test_form(const void *data)
{
    const FormCase *form = data;
    g_auto(Reception) reception;
    g_autofree char *untouched = NULL;
    g_autofree char *tagged = NULL;

    reception_init(&reception);
    reception_rule(&reception, "tag1.example", "tag:[t]");
    reception_open(&reception);
    reception_greet(&reception);
    reception_send_message(&reception, "", "a@plain.example b@tag1.example",
        form->message);
    reception_run(&reception, 0, "S: 250 2.0.0 *\n");
    untouched = reception_plain_copy(&reception, 0, "a@plain.example");
    tagged = reception_plain_copy(&reception, 0, "b@tag1.example");
    g_assert_cmpstr(untouched, ==, form->untouched);
    g_assert_cmpstr(tagged, ==, form->tagged);
    /* alone, without any filter */
    reception_send_message(&reception, "", "c@plain.example", form->message);
    reception_run(&reception, 0, "S: 250 2.0.0 *\n");
    g_clear_pointer(&untouched, g_free);
    untouched = reception_plain_copy(&reception, 1, "c@plain.example");
    g_assert_cmpstr(untouched, ==, form->untouched);
}

/* Lines that are no fields stay on top of ours. */
static void
test_on_top(void)
{
    static const char *const tops[] = { "From a@b Mon Jan 1\r\n",
        ">From a@b\r\n", " continued\r\n\tagain\r\n" };
    g_auto(Reception) reception;

    reception_init(&reception);
    reception_open(&reception);
    reception_greet(&reception);
    for (guint i = 0; i < G_N_ELEMENTS(tops); i++) {
        g_autofree char *message = g_strconcat(tops[i],
            "Subject: x\r\n\r\nbody\r\n", NULL);
        g_autofree char *begin = g_strconcat(tops[i], "Received: from ", NULL);
        g_autofree char *copy = NULL;

        reception_send_message(&reception, "", "a@plain.example", message);
        reception_run(&reception, 0, "S: 250 2.0.0 *\n");
        copy = reception_copy(&reception, i, "a@plain.example");
        g_assert_true(g_str_has_prefix(copy, begin));
        g_assert_true(g_str_has_suffix(copy,
            "\r\nX-Winnow-Client: 192.0.2.7\r\nSubject: x\r\n\r\nbody\r\n"));
    }
}

static char *
repeated(const char *text, int n, const char *end)
{
    GString *all = g_string_new(NULL);

    for (int i = 0; i < n; i++)
        g_string_append(all, text);
    g_string_append(all, end);
    return g_string_free(all, FALSE);
}

static void
test_refused_forms(void)
{
    g_auto(Reception) reception;
    g_autofree char *fields = repeated("A: b\r\n", 1001, "\r\n");
    g_autofree char *bytes = repeated("A: 1234567890123456789012345\r\n b\r\n",
        35000, "\r\n");
    g_autofree char *hops = repeated("Received: x\r\n", 101, "\r\n");
    g_autofree char *
        own = repeated("Received: from x by relay.example (winnow) id 1; d\r\n",
            3, "\r\n");
    const char *const cases[][2] = {
        { fields, "S: 552 5.3.4 * [0*]\n" },
        { bytes, "S: 552 5.3.4 * [0*]\n" },
        { hops, "S: 554 5.4.6 * [0*]\n" },
        { own, "S: 554 5.4.6 * [0*]\n" },
    };

    reception_init(&reception);
    reception_open(&reception);
    reception_greet(&reception);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        reception_forget_log(&reception);
        reception_send_message(&reception, "", "a@rej1.example", cases[i][0]);
        reception_run(&reception, 0, cases[i][1]);
        g_assert_cmpuint(reception_log_count(&reception,
                             "\"event\":\"rejected\""),
            ==, 1);
    }
    reception_run(&reception, 0,
        "C: MAIL FROM:<a@client.example>\nS: 250 *\n"
        "C: RCPT TO:<a@plain.example>\nS: 250 *\n"
        "C: DATA\nS: 354 *\n");
    g_assert_cmpint(send(reception.guests[0].fd, "A: \0b\r\n\r\n.\r\n", 12, 0),
        ==, 12);
    reception_run(&reception, 0, "S: 550 5.6.0 * [0*]\n");
    g_assert_cmpuint(reception_n_stored(&reception), ==, 0);
    g_assert_cmpuint(reception.questions->len, ==, 0);
}

/* As many forged fields as there can be go at once. */
static void
test_many_forged(void)
{
    g_auto(Reception) reception;
    g_autofree char *message = repeated("..a: b\r\nX-Winnow-Match: c\r\n", 500,
        "\r\nbody\r\n");
    g_autofree char *wanted = repeated(".a: b\r\n", 500, "\r\nbody\r\n");
    g_autofree char *copy = NULL;

    reception_init(&reception);
    reception_open(&reception);
    reception_greet(&reception);
    reception_send_message(&reception, "", "a@plain.example", message);
    reception_run(&reception, 0, "S: 250 2.0.0 *\n");
    copy = reception_plain_copy(&reception, 0, "a@plain.example");
    g_assert_cmpstr(copy, ==, wanted);
}

/* A message that came in a file, and one with dots in it. */
static void
test_large(void)
{
    g_auto(Reception) reception;
    g_autofree char *plain = repeated("0123456789\r\n", 30000, "");
    g_autofree char *dotted = repeated("..23456789\r\n", 30000, "");
    const char *const bodies[] = { plain, dotted };

    reception_init(&reception);
    reception_rule(&reception, "tag1.example", "tag:[t]");
    reception_open(&reception);
    reception_greet(&reception);
    for (guint i = 0; i < G_N_ELEMENTS(bodies); i++) {
        g_autofree char *message = g_strconcat("Subject: x\r\n\r\n", bodies[i],
            NULL);
        g_autofree char *copy = NULL;

        reception_send_message(&reception, "", "a@tag1.example", message);
        reception_run(&reception, 0, "S: 250 2.0.0 *\n");
        copy = reception_copy(&reception, i, "a@tag1.example");
        g_assert_nonnull(strstr(copy, "\r\nSubject: [t] x\r\n\r\n"));
        g_assert_true(g_str_has_suffix(copy, bodies[i]));
    }
}

/*
 * What a filter process may not say
 */

typedef struct EditCase {
    const char *name;
    const char *rule;
    const char *message;
    const char *tagged; /* NULL: refused */
} EditCase;

#define FIELDS "A: 1\r\nBcc: 2\r\nC: 3\r\n\r\nbody\r\n"

static const EditCase edit_cases[] = {
    { "remove-field", "raw:6:8:", FIELDS, "A: 1\r\nC: 3\r\n\r\nbody\r\n" },
    { "replace-field", "raw:6:8:Z: 9\\r\\n", FIELDS,
        "A: 1\r\nZ: 9\r\nC: 3\r\n\r\nbody\r\n" },
    { "insert-fields", "raw:0:0:Y: 8\\r\\n x\\r\\nZ: 9\\r\\n", FIELDS,
        "Y: 8\r\n x\r\nZ: 9\r\nA: 1\r\nBcc: 2\r\nC: 3\r\n\r\nbody\r\n" },
    { "insert-last", "raw:20:0:Z: 9\\r\\n", FIELDS,
        "A: 1\r\nBcc: 2\r\nC: 3\r\nZ: 9\r\n\r\nbody\r\n" },
    { "insert-inside", "raw:3:0:x\\r\\n y", FIELDS,
        "A: x\r\n y1\r\nBcc: 2\r\nC: 3\r\n\r\nbody\r\n" },
    { "in-body", "raw:24:0:x", FIELDS, NULL },
    { "separator", "raw:20:2:", FIELDS, NULL },
    { "body-removed", "raw:20:5:", FIELDS, NULL },
    { "far-away", "raw:18446744073709551615:1:", FIELDS, NULL },
    { "wraps", "raw:1:18446744073709551615:", FIELDS, NULL },
    { "half-a-line", "raw:6:3:", FIELDS, NULL },
    { "from-inside", "raw:7:7:", FIELDS, NULL },
    { "bare-lf", "raw:0:0:X: 1\\nY: 2\\r\\n", FIELDS, NULL },
    { "bare-cr", "raw:0:0:X: 1\\rY: 2\\r\\n", FIELDS, NULL },
    { "first-lf", "raw:0:0:\\nX: 1\\r\\n", FIELDS, NULL },
    { "ends-early", "raw:0:0:.\\r\\nX: 1\\r\\n", FIELDS, NULL },
    { "ends-later", "raw:0:0:X: 1\\r\\n.\\r\\nMAIL\\r\\n", FIELDS, NULL },
    { "ends-inside", "raw:3:0:x\\r\\n.\\r\\n y", FIELDS, NULL },
    { "dot-inside", "raw:3:0:.", FIELDS,
        "A: .1\r\nBcc: 2\r\nC: 3\r\n\r\nbody\r\n" },
    { "ends-header", "raw:0:0:X: 1\\r\\n\\r\\n", FIELDS, NULL },
    { "ends-header-inside", "raw:3:0:x\\r\\n\\r\\n y", FIELDS, NULL },
    { "no-line-end", "raw:0:0:X: 1", FIELDS, NULL },
    { "line-end-inside", "raw:3:0:x\\r\\n", FIELDS, NULL },
    { "without-header", "raw:0:0:X: 1\\r\\n\\r\\n", "body\r\n",
        "X: 1\r\n\r\nbody\r\n" },
    { "without-separator", "raw:0:0:X: 1\\r\\n", "body\r\n",
        "X: 1\r\n\r\nbody\r\n" },
    { "two-separators", "raw:0:0:X: 1\\r\\n\\r\\nY: 2\\r\\n\\r\\n", "body\r\n",
        NULL },
    { "above-from-line", "raw:0:0:X: 1\\r\\n", "From a b\r\nA: 1\r\n\r\n",
        NULL },
};

static void
test_edit(const void *data)
{
    const EditCase *edit = data;
    g_auto(Reception) reception;
    g_autofree char *copy = NULL;

    reception_init(&reception);
    reception_rule(&reception, "tag1.example", edit->rule);
    reception_open(&reception);
    reception_greet(&reception);
    reception_send_message(&reception, "", "a@tag1.example", edit->message);
    reception_run(&reception, 0,
        edit->tagged != NULL ? "S: 250 2.0.0 *\n" : "S: 451 4.3.0 *\n");
    if (edit->tagged == NULL) {
        g_assert_cmpuint(reception_n_stored(&reception), ==, 0);
        g_assert_cmpuint(reception_log_count(&reception,
                             "\"event\":\"tempfailed\""),
            ==, 1);
        return;
    }
    copy = reception_plain_copy(&reception, 0, "a@tag1.example");
    g_assert_cmpstr(copy, ==, edit->tagged);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD_CASES("/filtering/receiver_forms/form/", form_cases, test_form);
    g_test_add_func("/filtering/receiver_forms/on-top", test_on_top);
    g_test_add_func("/filtering/receiver_forms/refused-forms",
        test_refused_forms);
    g_test_add_func("/filtering/receiver_forms/many-forged", test_many_forged);
    g_test_add_func("/filtering/receiver_forms/large", test_large);
    ADD_CASES("/filtering/receiver_forms/edit/", edit_cases, test_edit);
    return g_test_run();
}
