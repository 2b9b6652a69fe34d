/* SPDX-License-Identifier: MIT */
#include "core/smtp/envelope.h"

#include "core/base/idna.h"
#include "core/smtp/xtext.h"

#include <glib.h>

static const WnReply bad_mail = { 501, "5.5.4", "syntax: MAIL FROM:<address>" };
static const WnReply bad_rcpt = { 501, "5.5.4", "syntax: RCPT TO:<address>" };
static const WnReply bad_sender = { 501, "5.1.7", "bad sender address" };
static const WnReply bad_recipient = { 501, "5.1.3", "bad recipient address" };
static const WnReply not_ascii = { 553, "5.6.7",
    "address is not ASCII, and SMTPUTF8 was not given" };
static const WnReply bad_parameter = { 501, "5.5.4", "bad parameter" };
static const WnReply too_many = { 501, "5.5.4", "too many parameters" };
static const WnReply repeated = { 501, "5.5.4", "parameter given twice" };
static const WnReply unknown = { 555, "5.5.4", "parameter not supported" };

/* One parameter: its name, and what takes its value.  take may be given a
 * parameter without value; it returns NULL or the refusal. */
typedef struct Rule {
    WnSpan key;
    const WnReply *(*take)(const WnParameter *parameter, void *out);
} Rule;

static const WnReply *
take_size(const WnParameter *parameter, void *out)
{
    WnMailArguments *mail = out;

    return wn_span_to_u64(parameter->value, &mail->size) ? NULL
                                                         : &bad_parameter;
}

static const WnReply *
take_body(const WnParameter *parameter, void *out)
{
    WnMailArguments *mail = out;

    if (wn_span_case_eq(parameter->value, WN_SPAN("BINARYMIME")))
        return &unknown;
    mail->body_8bit = wn_span_case_eq(parameter->value, WN_SPAN("8BITMIME"));
    if (mail->body_8bit || wn_span_case_eq(parameter->value, WN_SPAN("7BIT")))
        return NULL;
    return &bad_parameter;
}

static const WnReply *
take_ret(const WnParameter *parameter, void *out)
{
    WnMailArguments *mail = out;

    mail->ret = parameter->value;
    if (wn_span_case_eq(mail->ret, WN_SPAN("FULL"))
        || wn_span_case_eq(mail->ret, WN_SPAN("HDRS")))
        return NULL;
    return &bad_parameter;
}

static const WnReply *
take_envid(const WnParameter *parameter, void *out)
{
    WnMailArguments *mail = out;

    mail->envid = parameter->value;
    if (mail->envid.len == 0 || mail->envid.len > WN_ENVID_MAX
        || !wn_xtext_is_valid(mail->envid, WN_ENVID_MAX))
        return &bad_parameter;
    return NULL;
}

static const WnReply *
take_prdr(const WnParameter *parameter, void *out)
{
    WnMailArguments *mail = out;

    mail->prdr = true;
    return parameter->has_value ? &bad_parameter : NULL;
}

static const WnReply *
take_utf8(const WnParameter *parameter, void *out)
{
    WnMailArguments *mail = out;

    mail->utf8 = true;
    return parameter->has_value ? &bad_parameter : NULL;
}

/* RFC 3461 §4.1: NEVER alone, or any of the others. */
static const WnReply *
take_notify(const WnParameter *parameter, void *out)
{
    WnRcptArguments *rcpt = out;
    WnSpan rest = parameter->value;

    rcpt->notify = parameter->value;
    if (wn_span_case_eq(rest, WN_SPAN("NEVER")))
        return NULL;
    for (;;) {
        const char *comma = memchr(rest.ptr, ',', rest.len);
        size_t len = comma != NULL ? (size_t)(comma - rest.ptr) : rest.len;
        WnSpan word = wn_span_slice(rest, 0, len);

        if (!wn_span_case_eq(word, WN_SPAN("SUCCESS"))
            && !wn_span_case_eq(word, WN_SPAN("FAILURE"))
            && !wn_span_case_eq(word, WN_SPAN("DELAY")))
            return &bad_parameter;
        if (comma == NULL)
            return NULL;
        rest = wn_span_slice(rest, len + 1, rest.len);
    }
}

/* "rfc822;address": an atom, a semicolon, xtext. */
static const WnReply *
take_orcpt(const WnParameter *parameter, void *out)
{
    WnRcptArguments *rcpt = out;

    rcpt->orcpt = parameter->value;
    if (rcpt->orcpt.len > WN_ORCPT_MAX
        || !wn_orcpt_is_valid(rcpt->orcpt, rcpt->utf8))
        return &bad_parameter;
    return NULL;
}

#define KEY(name)              \
    {                          \
        name, sizeof(name) - 1 \
    }

static const Rule mail_rules[] = {
    { KEY("SIZE"), take_size },
    { KEY("BODY"), take_body },
    { KEY("RET"), take_ret },
    { KEY("ENVID"), take_envid },
    { KEY("PRDR"), take_prdr },
    { KEY("SMTPUTF8"), take_utf8 },
};

static const Rule rcpt_rules[] = {
    { KEY("NOTIFY"), take_notify },
    { KEY("ORCPT"), take_orcpt },
};

/* Grammar first, for the whole list: a broken list is 501 whatever it holds. */
static const WnReply *
check_parameters(WnSpan rest)
{
    WnParameter parameter;
    bool bad;
    size_t n = 0;

    while (wn_parameter_next(&rest, &parameter, &bad)) {
        if (++n > WN_ENVELOPE_PARAMETERS_MAX)
            return &too_many;
    }
    return bad ? &bad_parameter : NULL;
}

static const WnReply *
parse_parameters(WnSpan rest, const Rule *rules, size_t n_rules, void *out)
{
    const WnReply *refusal = check_parameters(rest);
    WnParameter parameter;
    unsigned seen = 0;
    bool bad;

    while (refusal == NULL && wn_parameter_next(&rest, &parameter, &bad)) {
        size_t i = 0;

        while (i < n_rules && !wn_span_case_eq(parameter.key, rules[i].key))
            i++;
        if (i == n_rules)
            return &unknown;
        if (seen & 1u << i)
            return &repeated;
        seen |= 1u << i;
        refusal = rules[i].take(&parameter, out);
    }
    return refusal;
}

/* What stands before a path, and what refuses the command without it. */
typedef struct PathRule {
    WnSpan keyword;
    const WnReply *no_keyword;
    const WnReply *bad_path;
} PathRule;

static const PathRule sender_rule = { KEY("FROM:"), &bad_mail, &bad_sender };
static const PathRule recipient_rule = { KEY("TO:"), &bad_rcpt,
    &bad_recipient };

/* A domain that cannot be looked up gets no mail and no report. */
static bool
has_a_labels(WnSpan domain)
{
    char name[WN_IDNA_MAX + 1];

    return domain.len == 0 || wn_domain_to_ascii(domain, name);
}

/* One space between keyword and path is against the grammar and in use. */
static const WnReply *
parse_path(WnSpan argument, const PathRule *rule, WnPath *out_path,
    WnSpan *out_rest)
{
    WnSpan text;

    while (argument.len > 0 && argument.ptr[0] == ' ')
        argument = wn_span_slice(argument, 1, argument.len);
    if (!wn_span_case_starts(argument, rule->keyword))
        return rule->no_keyword;
    text = wn_span_slice(argument, rule->keyword.len, argument.len);
    if (text.len > 0 && text.ptr[0] == ' ')
        text = wn_span_slice(text, 1, text.len);
    switch (wn_path_parse(text, out_path, out_rest)) {
    case WN_PATH_OK:
        return NULL;
    case WN_PATH_UTF8:
        return has_a_labels(out_path->domain) ? NULL : rule->bad_path;
    case WN_PATH_SYNTAX:
    case WN_PATH_TOO_LONG:
        break;
    }
    return rule->bad_path;
}

const WnReply *
wn_envelope_parse_mail(WnSpan argument, WnMailArguments *out)
{
    WnSpan rest;
    const WnReply *refusal;

    *out = (WnMailArguments){ .ret = WN_SPAN_EMPTY, .envid = WN_SPAN_EMPTY };
    refusal = parse_path(argument, &sender_rule, &out->sender, &rest);
    if (refusal != NULL)
        return refusal;
    /* No report can be sent to a sender without a domain. */
    if (out->sender.bare)
        return &bad_sender;
    refusal = parse_parameters(rest, mail_rules, G_N_ELEMENTS(mail_rules), out);
    if (out->sender.utf8 && !out->utf8)
        return &not_ascii;
    return refusal;
}

const WnReply *
wn_envelope_parse_rcpt(WnSpan argument, bool utf8, WnRcptArguments *out)
{
    WnSpan rest;
    const WnReply *refusal;

    *out = (WnRcptArguments){ .utf8 = utf8,
        .notify = WN_SPAN_EMPTY,
        .orcpt = WN_SPAN_EMPTY };
    refusal = parse_path(argument, &recipient_rule, &out->recipient, &rest);
    if (refusal != NULL)
        return refusal;
    if (out->recipient.utf8 && !utf8)
        return &not_ascii;
    /* RFC 5321 §4.1.1.3: the one name that needs no domain. */
    if (out->recipient.null
        || (out->recipient.bare
            && !wn_span_case_eq(out->recipient.text, WN_SPAN("postmaster"))))
        return &bad_recipient;
    return parse_parameters(rest, rcpt_rules, G_N_ELEMENTS(rcpt_rules), out);
}
