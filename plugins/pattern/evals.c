/* SPDX-License-Identifier: MIT */

#include "evals.h"

#include <string.h>

#include "address_list.h"
#include "relays.h"

#define ADDRESS_MAX 320u

/* A rule being run. */
typedef struct Run {
    const PatternRules *rules;
    const PatternMail *mail;
    const char *argument; /* the first, or "" */
    const char *second;   /* or "" */
} Run;

/* The first address of a field, lower case; empty if there is none. */
static char *
address_of(const Run *run, const char *header)
{
    g_autoptr(GString) text = g_string_new(NULL);
    const char *end = strchr(header, ':');
    g_autofree char *name = g_strndup(header,
        end != NULL ? (gsize)(end - header) : strlen(header));

    pattern_header_read(run->mail, name, PATTERN_ADDR, text);
    g_string_truncate(text, MIN(text->len, ADDRESS_MAX));
    return g_strstrip(g_ascii_strdown(text->str, -1));
}

/* Behind the @, or "". */
static const char *
domain_of(const char *address)
{
    const char *at = strrchr(address, '@');

    return at != NULL ? at + 1 : "";
}

static bool
is_free_mail(const Run *run, const char *address)
{
    return address_list_has(run->rules->free_mail, domain_of(address));
}

static const char *const senders[] = { "From", "Envelope-Sender",
    "Resent-Sender", "X-Envelope-From", "EnvelopeFrom" };

static uint32_t
run_all_trusted(const Run *run)
{
    PatternRelayCounts counts = pattern_relays_count(run->mail);

    return counts.n_trusted > 0 && counts.n_untrusted == 0;
}

static uint32_t
run_no_relays(const Run *run)
{
    PatternRelayCounts counts = pattern_relays_count(run->mail);

    return counts.n_trusted == 0 && counts.n_untrusted == 0;
}

/* The last two labels, or three below co.uk and its like. */
static const char *
registered_part(const char *host)
{
    static const char *const second[] = { "ac", "co", "com", "edu", "gob",
        "gov", "net", "ne", "or", "org", NULL };
    g_auto(GStrv) labels = g_strsplit(host, ".", -1);
    guint n = g_strv_length(labels);
    guint kept = n >= 3 && strlen(labels[n - 1]) == 2
                         && g_strv_contains(second, labels[n - 2])
                     ? 3
                     : 2;
    size_t len = 0;

    if (n <= kept)
        return host;
    for (guint i = 0; i < n - kept; i++)
        len += strlen(labels[i]) + 1;
    return host + len;
}

static uint32_t
run_sender_matches_relay(const Run *run)
{
    g_autofree char *address = address_of(run, "EnvelopeFrom");
    g_autofree char *rdns = pattern_relays_first_rdns(run->mail);

    if (domain_of(address)[0] == '\0' || rdns == NULL || rdns[0] == '\0')
        return 0;
    return g_ascii_strcasecmp(registered_part(domain_of(address)),
               registered_part(rdns))
           == 0;
}

static uint32_t
run_same_senders(const Run *run)
{
    g_autofree char *envelope = address_of(run, "EnvelopeFrom");
    g_autofree char *from = address_of(run, "From");

    return strcmp(envelope, from) == 0;
}

static uint32_t
run_free_mail_from(const Run *run)
{
    for (size_t i = 0; i < G_N_ELEMENTS(senders); i++) {
        g_autofree char *address = address_of(run, senders[i]);

        if (is_free_mail(run, address))
            return 1;
    }
    return 0;
}

/* The second argument is an expression for the address; the stock rules have
 * the one that asks for a digit before the @. */
static uint32_t
run_free_mail_header(const Run *run)
{
    g_autofree char *address = address_of(run, run->argument);
    size_t len = strcspn(address, "@");

    if (!is_free_mail(run, address))
        return 0;
    return run->second[0] == '\0'
           || (len > 0 && g_ascii_isdigit(address[len - 1]));
}

static uint32_t
run_free_mail_reply(const Run *run)
{
    g_autofree char *from = address_of(run, "From");
    g_autofree char *reply = address_of(run, "Reply-To");

    return is_free_mail(run, from) && is_free_mail(run, reply)
           && strcmp(from, reply) != 0;
}

static uint32_t
run_from_in_list(const Run *run)
{
    AddressList *list = g_hash_table_lookup(run->rules->lists, run->argument);

    for (size_t i = 0; list != NULL && i < G_N_ELEMENTS(senders); i++) {
        g_autofree char *address = address_of(run, senders[i]);

        if (address_list_has(list, address))
            return 1;
    }
    return 0;
}

/* Bytes behind the header, with LF line ends. */
static uint32_t
run_body_length(const Run *run)
{
    WnStr body = run->mail->host->message->body(run->mail->call);
    uint64_t most = g_ascii_strtoull(run->argument, NULL, 10);
    uint64_t n = 0;

    for (size_t i = 0; i < body.len && n <= most; i++)
        n += body.ptr[i] != '\r';
    return n <= most;
}

static uint32_t
run_no_to(const Run *run)
{
    g_autoptr(GString) text = g_string_new(NULL);

    pattern_header_read(run->mail, "To", PATTERN_VALUE, text);
    return g_strstrip(text->str)[0] == '\0';
}

/* The local part of the recipient opens or ends the subject. */
static uint32_t
run_user_in_subject(const Run *run)
{
    g_autofree char *address = address_of(run, "To");
    g_autoptr(GString) text = g_string_new(NULL);
    size_t len = strcspn(address, "@");
    const char *at;

    if (len == 0 || address[len] == '\0'
        || !pattern_header_read(run->mail, "Subject", PATTERN_VALUE, text))
        return 0;
    at = g_strstrip(text->str);
    if (g_ascii_strncasecmp(at, "re:", 3) == 0
        || g_ascii_strncasecmp(at, "fw:", 3) == 0)
        at = at + 3 + strspn(at + 3, " ");
    if (g_ascii_strncasecmp(at, address, len) == 0
        && (at[len] == '\0' || strchr(",:;!?-", at[len]) != NULL))
        return 1;
    at += strspn(at, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_");
    at += strspn(at, " ");
    return g_ascii_strncasecmp(at, address, len) == 0
           && (at[len] == '\0'
               || (strchr(",:;!?-", at[len]) != NULL
                   && (at[len + 1] == '\0' || at[len + 1] == ' ')));
}

static uint32_t
count_parts(const Run *run, const char *type)
{
    const WnMessageApi *message = run->mail->host->message;
    uint32_t n = message->n_parts(run->mail->call);
    uint32_t count = 0;

    for (uint32_t i = 0; i < n; i++) {
        const WnPart *part = message->part(run->mail->call, i);

        count += (part->flags & WN_PART_ATTACHMENT) == 0
                 && part->type.len == strlen(type)
                 && memcmp(part->type.ptr, type, part->type.len) == 0;
    }
    return count;
}

static uint32_t
run_html(const Run *run)
{
    return count_parts(run, "text/html") > 0;
}

static uint32_t
run_html_only(const Run *run)
{
    return count_parts(run, "text/html") > 0
           && count_parts(run, "text/plain") == 0;
}

static uint32_t
count_encodings(const Run *run, const char *encoding)
{
    g_autoptr(GString) text = g_string_new(NULL);
    uint32_t n = run->mail->host->message->n_parts(run->mail->call);
    uint32_t count = 0;

    for (uint32_t i = 0; i < n; i++)
        count += pattern_part_header_read(run->mail,
                     "Content-Transfer-Encoding", PATTERN_VALUE, i, text)
                 && g_ascii_strncasecmp(g_strchug(text->str), encoding,
                        strlen(encoding))
                        == 0;
    return count;
}

static uint32_t
run_quoted(const Run *run)
{
    return count_encodings(run, "quoted-printable");
}

static uint32_t
run_base64(const Run *run)
{
    return count_encodings(run, "base64");
}

/* No rule file that is read here names such relays. */
static uint32_t
run_never(const Run *run)
{
    (void)run;
    return 0;
}

static const struct {
    const char *name, *argument; /* NULL: any */
    uint32_t (*run)(const Run *run);
} functions[] = {
    { "check_all_trusted", NULL, run_all_trusted },
    { "check_no_relays", NULL, run_no_relays },
    { "check_mailfrom_matches_rcvd", NULL, run_sender_matches_relay },
    { "check_for_matching_env_and_hdr_from", NULL, run_same_senders },
    { "check_freemail_from", NULL, run_free_mail_from },
    { "check_freemail_header", NULL, run_free_mail_header },
    { "check_freemail_replyto", "replyto", run_free_mail_reply },
    { "check_from_in_list", NULL, run_from_in_list },
    { "check_body_length", NULL, run_body_length },
    { "check_for_missing_to_header", NULL, run_no_to },
    { "check_for_to_in_subject", "user", run_user_in_subject },
    { "check_for_mime_html", NULL, run_html },
    { "check_for_mime_html_only", NULL, run_html_only },
    { "check_for_mime", "mime_qp_count", run_quoted },
    { "check_for_mime", "mime_base64_count", run_base64 },
    { "have_any_bounce_relays", NULL, run_never },
    { "check_whitelist_bounce_relays", NULL, run_never },
};

/* The call's words: its name, then its arguments without quotes. */
static GStrv
split_call(const char *call)
{
    GStrv words;

    if (g_str_has_prefix(call, "eval:"))
        call += strlen("eval:");
    words = g_strsplit_set(call, "(,)", 8);
    for (guint i = 0; words[i] != NULL; i++) {
        char *word = g_strstrip(words[i]);
        size_t len = strlen(word);

        if (len >= 2 && strchr("'\"", word[0]) != NULL
            && word[len - 1] == word[0]) {
            memmove(word, word + 1, len - 2);
            word[len - 2] = '\0';
        }
    }
    return words;
}

/* Its number in functions, or their number. */
static size_t
find_function(const char *const *words)
{
    size_t i = 0;

    for (; i < G_N_ELEMENTS(functions); i++)
        if (strcmp(words[0], functions[i].name) == 0
            && (functions[i].argument == NULL
                || (words[1] != NULL
                    && strcmp(words[1], functions[i].argument) == 0)))
            break;
    return i;
}

bool
pattern_eval_is_known(const char *call)
{
    g_auto(GStrv) words = split_call(call);
    size_t n = find_function((const char *const *)words);

    if (n == G_N_ELEMENTS(functions))
        return false;
    return functions[n].run != run_free_mail_header || words[1] == NULL
           || words[2] == NULL || words[2][0] == '\0'
           || strcmp(words[2], "\\d@") == 0;
}

uint32_t
pattern_eval_run(const PatternRules *rules, const PatternRule *rule,
    const PatternMail *mail)
{
    g_auto(GStrv) words = split_call(rule->text);
    guint n = g_strv_length(words);
    size_t function = find_function((const char *const *)words);
    Run run = { .rules = rules,
        .mail = mail,
        .argument = n > 1 ? words[1] : "",
        .second = n > 2 ? words[2] : "" };

    g_assert(function < G_N_ELEMENTS(functions));
    return functions[function].run(&run);
}
