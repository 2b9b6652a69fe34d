/* SPDX-License-Identifier: MIT */

/*
 * lookup: asks a service of yours about each recipient, at RCPT.
 *
 *    [filter lookup]
 *    server = /run/users/lookup.sock
 *    answer_timeout = 500ms
 *    action = reject
 *    action.text = %e
 *
 * The service reads lines and answers each with one line, in order, on a
 * connection that stays open:
 *
 *    > get user@example.com
 *    < ok                       the mailbox is welcome
 *    < no [text]                finding "refused", with the text as evidence
 *    < later [text]             finding "deferred": the client gets a 450
 *
 * Any other answer, none within answer_timeout, or no service at all: the
 * filter could not tell, and on_error decides.
 *
 * Addresses come from strangers: what is in them that could end a line or split
 * a word, and everything that is not ASCII, is written as %XX.
 */

#include "talk.h"

#include <stdlib.h>
#include <string.h>

enum { OPT_SERVER, OPT_ANSWER_TIMEOUT };

#define ADDRESS_MAX 512
#define LINE_MAX_LEN 1024

static const WnOption options[] = {
    [OPT_SERVER] = { .name = "server",
        .help = "Where the service listens: a path, or an address with port.",
        .type = WN_OPT_STRING,
        .flags = WN_OPT_REQUIRED },
    [OPT_ANSWER_TIMEOUT] = { .name = "answer_timeout",
        .help = "How long to wait for one answer.",
        .type = WN_OPT_DURATION,
        .flags = WN_OPT_PER_DOMAIN,
        .fallback = "2s",
        .min = 10,
        .max = 60000 },
};

typedef struct Lookup {
    const WnHost *host;
    TalkServer server;
} Lookup;

static int32_t
lookup_new(const WnHost *host, const WnSettings *settings, void **self,
    WnError *err)
{
    Lookup *lookup = calloc(1, sizeof *lookup);

    if (lookup == NULL) {
        wn_error_set(err, "out of memory");
        return WN_E_FAILED;
    }
    if (!talk_server_init(&lookup->server,
            host->settings->string(settings, OPT_SERVER).ptr, err)) {
        free(lookup);
        return WN_E_FAILED;
    }
    lookup->host = host;
    *self = lookup;
    return WN_OK;
}

static void
lookup_free(void *self)
{
    Lookup *lookup = self;

    talk_server_clear(&lookup->server);
    free(lookup);
}

/* Its text if the answer begins with the word. */
static const char *
after_word(const char *answer, const char *word)
{
    size_t len = strlen(word);

    if (strncmp(answer, word, len) != 0)
        return NULL;
    if (answer[len] == '\0')
        return answer + len;
    return answer[len] == ' ' ? answer + len + 1 : NULL;
}

static WnVerdict
read_answer(const Lookup *lookup, WnCall *call, const char *answer)
{
    const WnHost *host = lookup->host;
    const char *text;

    if (after_word(answer, "ok") != NULL)
        return WN_PASS;
    text = after_word(answer, "no");
    if (text != NULL)
        return wn_match(host, call, "refused", text);
    text = after_word(answer, "later");
    if (text != NULL)
        return wn_match(host, call, "deferred", text) == WN_MATCH ? WN_DEFER
                                                                  : WN_FAIL;
    wn_log(host, WN_LOG_WARNING, call, "the service said: %.100s", answer);
    return WN_FAIL;
}

static WnVerdict
on_talk(void *user, WnCall *call, Talk *talk)
{
    const Lookup *lookup = user;
    char *end = talk->in_len > 0 ? memchr(talk->in, '\n', talk->in_len) : NULL;
    WnVerdict verdict;

    if (end != NULL && talk->state != TALK_LATE) {
        *end = '\0';
        verdict = read_answer(lookup, call, talk->in);
        talk_consume(talk, (size_t)(end - talk->in) + 1);
        if (verdict != WN_FAIL)
            talk_keep(talk);
        return verdict;
    }
    if (talk->state == TALK_GOES_ON)
        return WN_PENDING;
    wn_log(lookup->host, WN_LOG_WARNING, call, "the service: %s",
        talk_reason(talk));
    return WN_FAIL;
}

static size_t
write_safely(char *out, size_t size, WnStr text)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t len = 0, i;

    for (i = 0; i < text.len && len + 4 < size; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c > ' ' && c < 0x7f && c != '%') {
            out[len++] = (char)c;
            continue;
        }
        out[len++] = '%';
        out[len++] = hex[c >> 4];
        out[len++] = hex[c & 15];
    }
    return i == text.len ? len : 0;
}

static WnVerdict
lookup_rcpt(void *self, WnCall *call)
{
    Lookup *lookup = self;
    const WnHost *host = lookup->host;
    const WnAddress *recipient = host->facts->recipient(call, 0);
    const WnSettings *settings = host->call->settings(call);
    char address[3 * ADDRESS_MAX];
    size_t len = write_safely(address, sizeof address, recipient->text);
    Talk *talk = talk_new(host, call, &lookup->server, on_talk, lookup);

    if (talk == NULL || len == 0)
        return WN_FAIL;
    talk_limit_input(talk, LINE_MAX_LEN);
    talk_limit_time(talk,
        (uint32_t)host->settings->integer(settings, OPT_ANSWER_TIMEOUT));
    talk_say(talk, "get ", 4);
    talk_say_copy(talk, address, len);
    talk_say(talk, "\n", 1);
    return talk_start(talk);
}

static const WnFilter filter = {
    .struct_size = sizeof(WnFilter),
    .rcpt = lookup_rcpt,
};

static const WnPlugin plugin = {
    WN_PLUGIN_HEAD,
    .name = "lookup",
    .version = "1.0",
    .summary = "Asks a service of yours about each recipient.",
    .author = "the winnow authors",
    .license = "MIT",
    WN_OPTIONS(options),
    .instance_new = lookup_new,
    .instance_free = lookup_free,
    .filter = &filter,
};

WN_PLUGIN(lookup, &plugin)
