/* SPDX-License-Identifier: MIT */

/*
 * clamav: has clamd scan each message, by its command INSTREAM.
 *
 *    [filter clamav]
 *    server = /run/clamav/clamd.ctl
 *    action = reject
 *    on_error = tempfail
 *
 * A virus is the finding "virus" with clamd's name for it as evidence.  What
 * clamd refuses to scan because of its size (StreamMaxLength) has no finding:
 * the filter could not tell, and on_error decides.  The message is scanned
 * once, whatever its recipients.
 */

#include "talk.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum { OPT_SERVER };

static const WnOption options[] = {
    [OPT_SERVER] = { .name = "server",
        .help = "Where clamd listens: a path, or an address with port.",
        .type = WN_OPT_STRING,
        .fallback = "/run/clamav/clamd.ctl" },
};

typedef struct Clamav {
    const WnHost *host;
    TalkServer server;
} Clamav;

static int32_t
clamav_new(const WnHost *host, const WnSettings *settings, void **self,
    WnError *err)
{
    Clamav *clamav = calloc(1, sizeof *clamav);

    if (clamav == NULL) {
        wn_error_set(err, "out of memory");
        return WN_E_FAILED;
    }
    if (!talk_server_init(&clamav->server,
            host->settings->string(settings, OPT_SERVER).ptr, err)) {
        free(clamav);
        return WN_E_FAILED;
    }
    clamav->host = host;
    *self = clamav;
    return WN_OK;
}

static void
clamav_free(void *self)
{
    Clamav *clamav = self;

    talk_server_clear(&clamav->server);
    free(clamav);
}

static int
ends_with(const char *text, const char *end)
{
    size_t len = strlen(text);

    return len >= strlen(end) && strcmp(text + len - strlen(end), end) == 0;
}

/* "stream: OK", "stream: NAME FOUND", "... ERROR". */
static WnVerdict
read_answer(const Clamav *clamav, WnCall *call, char *answer)
{
    static const char prefix[] = "stream: ";
    char *name = answer + sizeof prefix - 1;

    if (strcmp(answer, "stream: OK") == 0)
        return WN_PASS;
    if (strncmp(answer, prefix, sizeof prefix - 1) == 0
        && ends_with(name, " FOUND")) {
        name[strlen(name) - strlen(" FOUND")] = '\0';
        return wn_match(clamav->host, call, "virus", name);
    }
    wn_log(clamav->host, WN_LOG_WARNING, call, "clamd: %.200s", answer);
    return WN_FAIL;
}

static WnVerdict
on_talk(void *user, WnCall *call, Talk *talk)
{
    const Clamav *clamav = user;

    if (talk->in_len > 0 && memchr(talk->in, '\0', talk->in_len) != NULL)
        return read_answer(clamav, call, talk->in);
    if (talk->state == TALK_GOES_ON)
        return WN_PENDING;
    wn_log(clamav->host, WN_LOG_WARNING, call, "clamd: %s", talk_reason(talk));
    return WN_FAIL;
}

static WnVerdict
clamav_message(void *self, WnCall *call)
{
    Clamav *clamav = self;
    const WnHost *host = clamav->host;
    WnStr raw = host->message->raw(call);
    Talk *talk = talk_new(host, call, &clamav->server, on_talk, clamav);
    uint32_t len = htonl((uint32_t)raw.len), end = 0;

    if (talk == NULL || raw.len > UINT32_MAX)
        return WN_FAIL;
    /* One chunk, preceded by its length; a chunk of length 0 ends it.  The z
     * says that command and answer end with NUL. */
    talk_limit_input(talk, 4096);
    talk_say(talk, "zINSTREAM", sizeof "zINSTREAM");
    if (raw.len > 0)
        talk_say_copy(talk, &len, sizeof len);
    talk_say(talk, raw.ptr, raw.len);
    talk_say_copy(talk, &end, sizeof end);
    return talk_start(talk);
}

static const WnFilter filter = {
    .struct_size = sizeof(WnFilter),
    .flags = WN_FILTER_SHARED,
    .message = clamav_message,
};

static const WnPlugin plugin = {
    WN_PLUGIN_HEAD,
    .name = "clamav",
    .version = "1.0",
    .summary = "Has clamd scan each message.",
    .author = "the winnow authors",
    .license = "MIT",
    WN_OPTIONS(options),
    .instance_new = clamav_new,
    .instance_free = clamav_free,
    .filter = &filter,
};

WN_PLUGIN(clamav, &plugin)
