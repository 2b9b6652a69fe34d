/* SPDX-License-Identifier: MIT */

/*
 * Messages with a listed URL or number under every disguise, and others that
 * only look so: t/data/urlphone.  Each case is
 *
 *    ## name
 *    list: an entry of the list of URLs; phone: one of numbers (any number)
 *    find: the entries found, in order; - for none; "first list entry" if left
 *          out
 *    kind: text (default), html, or raw for a whole message
 *    country: of numbers without country code
 *    subject: of text and html
 *
 * and behind an empty line the body, up to the next case.  \u{AD} there is the
 * character, \x{FF} the byte.
 */

#include "t/unit/urlphone_lists.h"

typedef struct Case {
    char *name;
    GPtrArray *urls, *phones;
    char *find;
    char *kind, *country, *subject;
    GString *body;
} Case;

static void
case_free(gpointer data)
{
    Case *self = data;

    g_free(self->name);
    g_ptr_array_unref(self->urls);
    g_ptr_array_unref(self->phones);
    g_free(self->find);
    g_free(self->kind);
    g_free(self->country);
    g_free(self->subject);
    g_string_free(self->body, TRUE);
    g_free(self);
}

static void
append_unescaped(GString *out, const char *line)
{
    while (*line != '\0') {
        const char *end = strchr(line, '}');
        guint64 code;

        if (line[0] != '\\' || (line[1] != 'u' && line[1] != 'x')
            || line[2] != '{' || end == NULL) {
            g_string_append_c(out, *line++);
            continue;
        }
        code = g_ascii_strtoull(line + 3, NULL, 16);
        if (line[1] == 'u')
            g_string_append_unichar(out, (gunichar)code);
        else
            g_string_append_c(out, (char)code);
        line = end + 1;
    }
    g_string_append_c(out, '\n');
}

static char *
unescaped(const char *text)
{
    GString *out = g_string_new(NULL);

    append_unescaped(out, text);
    g_string_truncate(out, out->len - 1);
    return g_string_free(out, FALSE);
}

static void
take_key(Case *self, const char *line)
{
    const char *value = strchr(line, ':');

    g_assert_nonnull(value);
    value += strspn(value, ": ");
    if (g_str_has_prefix(line, "list:"))
        g_ptr_array_add(self->urls, unescaped(value));
    else if (g_str_has_prefix(line, "phone:"))
        g_ptr_array_add(self->phones, unescaped(value));
    else if (g_str_has_prefix(line, "find:"))
        self->find = unescaped(value);
    else if (g_str_has_prefix(line, "kind:"))
        self->kind = g_strdup(value);
    else if (g_str_has_prefix(line, "country:"))
        self->country = g_strdup(value);
    else if (g_str_has_prefix(line, "subject:"))
        self->subject = unescaped(value);
    else
        g_error("%s: %s", self->name, line);
}

static Case *
case_new(const char *file, const char *name)
{
    Case *self = g_new0(Case, 1);

    self->name = g_strdup_printf("%s/%s", file, name);
    self->urls = g_ptr_array_new_with_free_func(g_free);
    self->phones = g_ptr_array_new_with_free_func(g_free);
    self->body = g_string_new(NULL);
    return self;
}

static void
read_cases(GPtrArray *cases, const char *file, const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    Case *one = NULL;
    bool in_body = false;

    for (size_t i = 0; lines[i] != NULL; i++) {
        if (g_str_has_prefix(lines[i], "## ")) {
            one = case_new(file, lines[i] + 3);
            g_ptr_array_add(cases, one);
            in_body = false;
        } else if (one == NULL) {
            continue;
        } else if (in_body) {
            append_unescaped(one->body, lines[i]);
        } else if (lines[i][0] == '\0') {
            in_body = true;
        } else {
            take_key(one, lines[i]);
        }
    }
}

static const char *
expected(const Case *self)
{
    if (self->find != NULL)
        return self->find;
    return self->urls->len > 0 ? self->urls->pdata[0] : self->phones->pdata[0];
}

/* With CRLF at the end of lines. */
static GString *
make_mail(const Case *self)
{
    GString *mail = g_string_new(NULL);

    if (g_strcmp0(self->kind, "raw") != 0)
        g_string_append_printf(mail,
            "From: a@sender.test\nTo: b@good.test\nSubject: %s\n"
            "MIME-Version: 1.0\nContent-Type: text/%s; charset=utf-8\n"
            "Content-Transfer-Encoding: 8bit\n\n",
            self->subject != NULL ? self->subject : "hello",
            g_strcmp0(self->kind, "html") == 0 ? "html" : "plain");
    g_string_append_len(mail, self->body->str, (gssize)self->body->len);
    g_string_replace(mail, "\n", "\r\n", 0);
    return mail;
}

static void
test_case(const void *data)
{
    const Case *self = data;
    g_auto(ListBlob) urls = { 0 };
    g_auto(ListBlob) phones = { 0 };
    GString *mail = make_mail(self);
    g_autoptr(WnMessage)
        message = wn_message_new(wn_span(mail->str, mail->len));
    g_autofree char *found = NULL;

    list_compile(&urls, LIST_OF_URLS, (const char *const *)self->urls->pdata,
        self->urls->len);
    list_compile(&phones, LIST_OF_PHONES,
        (const char *const *)self->phones->pdata, self->phones->len);
    found = list_find_all(&urls, &phones, message, self->country);
    g_assert_cmpstr(found, ==, expected(self));
    g_string_free(mail, TRUE);
}

static void
add_file(GPtrArray *cases, const char *name)
{
    const char *source = g_getenv("WN_SOURCE");
    g_autofree char *path = g_build_filename(source != NULL ? source : ".",
        "t/data/urlphone", name, NULL);
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;

    if (!g_file_get_contents(path, &text, NULL, &error))
        g_error("%s", error->message);
    read_cases(cases, name, text);
}

int
main(int argc, char **argv)
{
    g_autoptr(GPtrArray) cases = g_ptr_array_new_with_free_func(case_free);

    g_test_init(&argc, &argv, NULL);
    g_test_set_nonfatal_assertions();
    add_file(cases, "links.txt");
    add_file(cases, "numbers.txt");
    g_assert_cmpuint(cases->len, >=, 150);
    for (guint i = 0; i < cases->len; i++) {
        const Case *one = cases->pdata[i];
        g_autofree char *path = g_strdup_printf("/urlphone/vector/%s",
            one->name);

        g_test_add_data_func(path, one, test_case);
    }
    return g_test_run();
}
