/* SPDX-License-Identifier: MIT */
#include "core/programs/ctl/explain_view.h"

#include "core/base/text.h"
#include "core/message/ambiguity.h"
#include "core/message/message.h"

void
explain_append_printable(GString *out, WnSpan text)
{
    while (text.len > 0) {
        uint32_t code;
        size_t len = wn_text_utf8_next(text, &code);

        if (len > 0 && (code == '\t' || wn_text_is_printable(code)))
            g_string_append_len(out, text.ptr, (gssize)len);
        else
            for (size_t i = 0; i < MAX(len, 1); i++)
                g_string_append_printf(out, "\\x%02x",
                    (unsigned)(unsigned char)text.ptr[i]);
        text = wn_span_slice(text, MAX(len, 1), text.len);
    }
}

void
explain_append_lines(GString *out, const char *title, WnSpan text)
{
    if (text.len == 0)
        return;
    g_string_append_printf(out, "  %s:\n", title);
    while (text.len > 0) {
        const char *lf = memchr(text.ptr, '\n', text.len);
        size_t len = lf != NULL ? (size_t)(lf - text.ptr) : text.len;
        size_t shown = len > 0 && text.ptr[len - 1] == '\r' ? len - 1 : len;

        g_string_append(out, "    | ");
        explain_append_printable(out, wn_span_slice(text, 0, shown));
        g_string_append_c(out, '\n');
        text = wn_span_slice(text, len + 1, text.len);
    }
}

/* The country that filters assume in conf.d, the first one that says so; NULL:
 * none does. */
static const char *
assumed_country(const WnConfig *config)
{
    for (guint i = 0; i < config->filters->len; i++) {
        const WnFilterConfig *filter = config->filters->pdata[i];

        for (guint k = 0; k < filter->settings->len; k++) {
            const WnSetting *setting = filter->settings->pdata[k];

            if (strcmp(setting->key, "country") == 0)
                return setting->value;
        }
    }
    return NULL;
}

static void
json_urls(WnMessage *message, WnJson *json)
{
    wn_json_open_list(json, "urls");
    for (uint32_t i = 0; i < wn_message_n_urls(message); i++) {
        const WnMessageUrl *url = wn_message_url(message, i);

        wn_json_open_object(json, NULL);
        wn_json_span(json, "text", url->text);
        wn_json_span(json, "host", url->host);
        wn_json_span(json, "registered", url->registered);
        wn_json_close_object(json);
    }
    wn_json_close_list(json);
}

static void
json_phones(WnMessage *message, const char *country, WnJson *json)
{
    wn_json_open_list(json, "phones");
    for (uint32_t i = 0; i < wn_message_n_phones(message, country); i++) {
        const WnMessagePhone *phone = wn_message_phone(message, country, i);

        wn_json_open_object(json, NULL);
        wn_json_span(json, "text", phone->text);
        wn_json_span(json, "digits", phone->digits);
        wn_json_close_object(json);
    }
    wn_json_close_list(json);
}

static void
json_problems(WnMessage *message, WnJson *json)
{
    uint32_t problems = wn_message_problems(message);

    wn_json_open_list(json, "problems");
    for (uint32_t i = 0; wn_message_problem_name(i) != NULL; i++)
        if ((problems >> i & 1) != 0)
            wn_json_str(json, NULL, wn_message_problem_name(i));
    wn_json_close_list(json);
}

void
explain_view_json(const ExplainResult *self, WnJson *json)
{
    g_autoptr(WnMessage) message = wn_message_new(self->message);

    wn_json_open_object(json, "view");
    wn_json_span(json, "text", wn_message_text(message, WN_FORM_SHOWN));
    wn_json_span(json, "folded", wn_message_text(message, WN_FORM_FOLDED));
    wn_json_span(json, "hidden", wn_message_text(message, WN_FORM_HIDDEN));
    json_urls(message, json);
    json_phones(message, assumed_country(self->config), json);
    json_problems(message, json);
    wn_json_close_object(json);
}

/* "text" -> what it comes to. */
static void
append_found(GString *out, const char *what, WnSpan text, WnSpan meaning)
{
    g_string_append_printf(out, "  %s: ", what);
    explain_append_printable(out, text);
    g_string_append(out, " -> ");
    explain_append_printable(out, meaning);
    g_string_append_c(out, '\n');
}

void
explain_view_text(const ExplainResult *self, GString *out)
{
    g_autoptr(WnMessage) message = wn_message_new(self->message);
    const char *country = assumed_country(self->config);
    uint32_t problems = wn_message_problems(message);

    explain_append_lines(out, "text as a reader sees it",
        wn_message_text(message, WN_FORM_SHOWN));
    explain_append_lines(out, "folded, as filters compare it",
        wn_message_text(message, WN_FORM_FOLDED));
    explain_append_lines(out, "hidden from a reader",
        wn_message_text(message, WN_FORM_HIDDEN));
    for (uint32_t i = 0; i < wn_message_n_urls(message); i++) {
        const WnMessageUrl *url = wn_message_url(message, i);

        append_found(out, "URL", url->text, url->host);
    }
    for (uint32_t i = 0; i < wn_message_n_phones(message, country); i++) {
        const WnMessagePhone *phone = wn_message_phone(message, country, i);

        append_found(out, "phone", phone->text, phone->digits);
    }
    for (uint32_t i = 0; wn_message_problem_name(i) != NULL; i++)
        if ((problems >> i & 1) != 0)
            g_string_append_printf(out, "  problem: %s\n",
                wn_message_problem_name(i));
}
