/* SPDX-License-Identifier: MIT */

/*
 * rspamd: asks rspamd about each message, over HTTP.
 *
 *    [filter rspamd]
 *    server = 127.0.0.1:11333
 *    match = reject; add header; rewrite subject
 *    action = modify_subject
 *
 * The finding is the action that rspamd proposes ("add-header"), its score that
 * of the message, its evidence the score and the symbols that weigh most.
 * Which proposals count is the option match; "greylist" and "soft reject" are
 * always a 450.  What then happens is the action that the domain has chosen.
 *
 * With add_result the copies get X-Spamd-Result, as rspamd's own milter writes
 * it.  rspamd is asked once for all recipients with equal settings.
 */

#include "answer.h"
#include "talk.h"

#include <stdlib.h>
#include <string.h>

enum { OPT_SERVER, OPT_PASSWORD, OPT_MATCH, OPT_ADD_RESULT };

#define ANSWER_MAX (1024 * 1024)
#define RECIPIENTS_MAX 100

static const WnOption options[] = {
    [OPT_SERVER] = { .name = "server",
        .help = "Where rspamd's normal worker listens.",
        .type = WN_OPT_STRING,
        .fallback = "127.0.0.1:11333" },
    [OPT_PASSWORD] = { .name = "password",
        .help = "Its password, where it wants one.",
        .type = WN_OPT_STRING,
        .flags = WN_OPT_SECRET,
        .fallback = "" },
    [OPT_MATCH] = { .name = "match",
        .help = "Which of rspamd's proposals count.",
        .type = WN_OPT_STRING_LIST,
        .flags = WN_OPT_PER_DOMAIN,
        .fallback = "reject; add header; rewrite subject" },
    [OPT_ADD_RESULT] = { .name = "add_result",
        .help = "Whether copies get the field X-Spamd-Result.",
        .type = WN_OPT_BOOL,
        .flags = WN_OPT_PER_DOMAIN,
        .fallback = "true" },
};

typedef struct Rspamd {
    const WnHost *host;
    TalkServer server;
    char *password;
} Rspamd;

static void
rspamd_free(void *self)
{
    Rspamd *rspamd = self;

    talk_server_clear(&rspamd->server);
    free(rspamd->password);
    free(rspamd);
}

static int32_t
rspamd_new(const WnHost *host, const WnSettings *settings, void **self,
    WnError *err)
{
    Rspamd *rspamd = calloc(1, sizeof *rspamd);

    if (rspamd == NULL) {
        wn_error_set(err, "out of memory");
        return WN_E_FAILED;
    }
    rspamd->host = host;
    rspamd->password = strdup(
        host->settings->string(settings, OPT_PASSWORD).ptr);
    if (rspamd->password == NULL)
        wn_error_set(err, "out of memory");
    if (rspamd->password == NULL
        || !talk_server_init(&rspamd->server,
            host->settings->string(settings, OPT_SERVER).ptr, err)) {
        rspamd_free(rspamd);
        return WN_E_FAILED;
    }
    *self = rspamd;
    return WN_OK;
}

/*
 * The answer
 */

typedef struct Text {
    size_t len;
    char bytes[2048];
} Text;

/* Whole or not at all. */
WN_PRINTF(2, 3)
static void
append(Text *text, const char *format, ...)
{
    size_t left = sizeof text->bytes - text->len;
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(text->bytes + text->len, left, format, args);
    va_end(args);
    if (len > 0 && (size_t)len < left)
        text->len += (size_t)len;
    text->bytes[text->len] = '\0';
}

static void
append_score(Text *text, int32_t score)
{
    int32_t rounded = (score < 0 ? -score : score) / 10;

    append(text, "%s%d.%02d", score < 0 ? "-" : "", rounded / 100,
        rounded % 100);
}

static void
append_symbols(Text *text, const Answer *answer, uint32_t max,
    const char *between)
{
    uint32_t i;

    for (i = 0; i < answer->n_symbols && i < max; i++) {
        append(text, "%s%s(", i > 0 ? between : " ", answer->symbols[i].name);
        append_score(text, answer->symbols[i].score);
        append(text, ")");
    }
}

static int
counts(const WnHost *host, WnCall *call, const char *action)
{
    const WnSettings *settings = host->call->settings(call);
    uint32_t i, n = host->settings->count(settings, OPT_MATCH);

    for (i = 0; i < n; i++)
        if (wn_str_eq(host->settings->item(settings, OPT_MATCH, i), action))
            return 1;
    return 0;
}

static void
add_result(const WnHost *host, WnCall *call, const Answer *answer)
{
    Text text = { 0 };

    if (!host->settings->integer(host->call->settings(call), OPT_ADD_RESULT))
        return;
    append(&text, "default: %s [",
        strcmp(answer->action, "no action") == 0 ? "False" : "True");
    append_score(&text, answer->score);
    append(&text, " / ");
    append_score(&text, answer->required);
    append(&text, "];");
    append_symbols(&text, answer, ANSWER_SYMBOLS_MAX, "; ");
    host->call->add_header(call, "X-Spamd-Result", text.bytes);
}

static WnVerdict
conclude(const WnHost *host, WnCall *call, const Answer *answer)
{
    int later = strcmp(answer->action, "greylist") == 0
                || strcmp(answer->action, "soft reject") == 0;
    WnFinding finding;
    Text text = { 0 };

    add_result(host, call, answer);
    if (!later && !counts(host, call, answer->action))
        return WN_PASS;
    append_score(&text, answer->score);
    append(&text, " of ");
    append_score(&text, answer->required);
    append(&text, ":");
    append_symbols(&text, answer, 6, " ");
    memset(&finding, 0, sizeof finding);
    finding.struct_size = sizeof finding;
    finding.score = answer->score;
    finding.rule = answer->action; /* the host puts hyphens for spaces */
    finding.evidence = text.bytes;
    if (host->call->report(call, &finding) != WN_OK)
        return WN_FAIL;
    return later ? WN_DEFER : WN_MATCH;
}

/* The head's end, or NULL if it is not all there yet. */
static const char *
find_body(const Talk *talk)
{
    const char *end = talk->in_len > 0 ? strstr(talk->in, "\r\n\r\n") : NULL;

    return end != NULL ? end + 4 : NULL;
}

/* rspamd closes the connection behind its answer. */
static WnVerdict
on_talk(void *user, WnCall *call, Talk *talk)
{
    const WnHost *host = ((Rspamd *)user)->host;
    const char *body = find_body(talk);
    Answer *answer;

    if (talk->state == TALK_GOES_ON)
        return WN_PENDING;
    if (talk->state != TALK_CLOSED || body == NULL) {
        wn_log(host, WN_LOG_WARNING, call, "rspamd: %s", talk_reason(talk));
        return WN_FAIL;
    }
    answer = host->call->alloc(call, WN_LIFE_CALL, sizeof *answer);
    if (strncmp(talk->in, "HTTP/1.", 7) == 0
        && strncmp(talk->in + 8, " 200 ", 5) == 0
        && rspamd_answer_read(answer, body,
            talk->in_len - (size_t)(body - talk->in))
        && answer->action[0] != '\0')
        return conclude(host, call, answer);
    wn_log(host, WN_LOG_WARNING, call, "rspamd answered: %.200s", talk->in);
    return WN_FAIL;
}

/*
 * The request
 */

/* A field of the request's head.  Nothing that a stranger has sent may end the
 * line. */
static void
say_field(Talk *talk, const char *name, WnStr value)
{
    char *copy;
    size_t i;

    if (value.len == 0)
        return;
    copy = talk->host->call->alloc(talk->call, WN_LIFE_CALL, value.len);
    for (i = 0; i < value.len; i++)
        copy[i] = (unsigned char)value.ptr[i] < ' ' ? '?' : value.ptr[i];
    talk_say(talk, name, strlen(name));
    talk_say(talk, ": ", 2);
    talk_say(talk, copy, value.len);
    talk_say(talk, "\r\n", 2);
}

static void
say_envelope(Talk *talk)
{
    const WnFactsApi *facts = talk->host->facts;
    const WnClient *client = facts->client(talk->call);
    uint32_t i, n = facts->n_recipients(talk->call);

    say_field(talk, "IP", client->address_text);
    say_field(talk, "Helo", client->helo);
    if (client->rdns_status == WN_RDNS_VERIFIED)
        say_field(talk, "Hostname", client->rdns);
    say_field(talk, "Queue-Id", facts->transaction_id(talk->call));
    say_field(talk, "From", facts->sender(talk->call)->text);
    for (i = 0; i < n && i < RECIPIENTS_MAX; i++)
        say_field(talk, "Rcpt", facts->recipient(talk->call, i)->text);
}

static WnVerdict
rspamd_message(void *self, WnCall *call)
{
    Rspamd *rspamd = self;
    const WnHost *host = rspamd->host;
    WnStr raw = host->message->raw(call);
    Talk *talk = talk_new(host, call, &rspamd->server, on_talk, rspamd);
    WnStr password = { rspamd->password, strlen(rspamd->password) };
    WnStr mta = { "winnow", 6 };
    char length[64];
    int len;

    if (talk == NULL)
        return WN_FAIL;
    talk_limit_input(talk, ANSWER_MAX);
    len = snprintf(length, sizeof length, "Content-Length: %zu\r\n\r\n",
        raw.len);
    talk_say(talk, "POST /checkv2 HTTP/1.0\r\n", 24);
    say_field(talk, "MTA-Tag", mta);
    say_field(talk, "Password", password);
    say_envelope(talk);
    talk_say_copy(talk, length, (size_t)len);
    talk_say(talk, raw.ptr, raw.len);
    return talk_start(talk);
}

static const WnFilter filter = {
    .struct_size = sizeof(WnFilter),
    .message = rspamd_message,
};

static const WnPlugin plugin = {
    WN_PLUGIN_HEAD,
    .name = "rspamd",
    .version = "1.0",
    .summary = "Asks rspamd about each message.",
    .author = "the winnow authors",
    .license = "MIT",
    WN_OPTIONS(options),
    .instance_new = rspamd_new,
    .instance_free = rspamd_free,
    .filter = &filter,
};

WN_PLUGIN(rspamd, &plugin)
