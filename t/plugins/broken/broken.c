/* SPDX-License-Identifier: MIT */

/*
 * Plugins that break one rule each, for the test of winnow-plugin-test: built
 * with -DNAME=... and -DRULE=..., one of those below.
 */

#include <winnow/plugin.h>

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    GOOD,
    READS_PAST_END,
    KEEPS_HELO,
    KEEPS_CALL,
    KEEPS_URL,
    KEEPS_ANSWER,
    WRITES_PAST_END,
    MATCHES_NOTHING,
    WAITS_FOR_NOTHING,
    NO_VERDICT,
    LEAKS,
    LEAKS_DESCRIPTOR,
    SLEEPS,
    EXITS,
    UMASK,
    ORDER,
    ALWAYS_FINDS,
    COMPARES_MINOR,
    SHARES_INSTANCES,
    COPIES_HOST,
    SILENT_REFUSAL,
    COUNTS_ON_CALLBACK,
    BAD_LEVEL
};

typedef struct Broken {
    const WnHost *host;
    const char *helo;
    WnCall *call;
    const WnUrl *url;
    const WnAnswer *answer;
    unsigned n_answers;
    void *freed;
} Broken;

static volatile unsigned sink;
static Broken *last;

static int32_t
broken_new(const WnHost *host, const WnSettings *settings, void **self,
    WnError *err)
{
    Broken *broken;

    (void)settings;
    (void)err;
    if (RULE == SILENT_REFUSAL)
        return WN_E_FAILED;
    if (RULE == COMPARES_MINOR && host->struct_size != sizeof *host) {
        wn_error_set(err, "another host");
        return WN_E_UNSUPPORTED;
    }
    broken = calloc(1, sizeof *broken);
    broken->host = host;
    last = broken;
    *self = broken;
    return WN_OK;
}

static void
broken_free(void *self)
{
    if (RULE == SHARES_INSTANCES)
        last = NULL;
    if (RULE != LEAKS)
        free(self);
}

static WnVerdict
broken_rcpt(void *self, WnCall *call)
{
    Broken *broken = self;
    const WnHost *host = broken->host;
    const WnClient *client = host->facts->client(call);

    if (RULE == READS_PAST_END)
        sink += (unsigned char)client->helo.ptr[client->helo.len + 1];
    if (RULE == KEEPS_HELO)
        broken->helo = host->facts->domain(call).ptr;
    if (RULE == KEEPS_CALL)
        broken->call = call;
    if (RULE == UMASK)
        umask(0);
    if (RULE == SLEEPS)
        usleep(600000);
    if (RULE == EXITS)
        exit(0);
    if (RULE == LEAKS_DESCRIPTOR)
        sink += (unsigned)dup(0);
    if (RULE == BAD_LEVEL)
        host->log->write(host, 9, NULL, "text", 4);
    if (RULE == SHARES_INSTANCES && last != broken)
        return WN_FAIL;
    return WN_PASS;
}

static WnVerdict
on_answer(void *user, WnCall *call, const WnAnswer *answer)
{
    Broken *broken = user;
    const WnHost *host = broken->host;

    if (RULE == KEEPS_ANSWER && broken->answer != NULL)
        sink += (unsigned)host->dns->status(broken->answer);
    broken->answer = answer;
    if (RULE == COUNTS_ON_CALLBACK) {
        free(broken->freed);
        broken->freed = NULL;
    }
    if (RULE == ORDER && host->dns->status(answer) == WN_DNS_FOUND)
        return broken->n_answers == 0 ? wn_match(host, call, "first", "")
                                      : WN_PASS;
    broken->n_answers++;
    return host->call->outstanding(call) > 0 ? WN_PENDING : WN_PASS;
}

static WnVerdict
ask(Broken *broken, WnCall *call)
{
    const WnHost *host = broken->host;

    broken->n_answers = 0;
    if (RULE == COUNTS_ON_CALLBACK)
        broken->freed = malloc(100);
    host->dns->query(call, "a.example", WN_DNS_A, on_answer, broken);
    host->dns->query(call, "b.example", WN_DNS_A, on_answer, broken);
    return WN_PENDING;
}

static WnVerdict
broken_message(void *self, WnCall *call)
{
    Broken *broken = self;
    const WnHost *host = broken->host;

    switch (RULE) {
    case KEEPS_HELO:
        sink += (unsigned char)broken->helo[0];
        break;
    case KEEPS_CALL:
        sink += host->facts->n_recipients(broken->call);
        break;
    case KEEPS_URL:
        broken->url = host->message->url(call, 0);
        break;
    case WRITES_PAST_END:
        memset(host->call->alloc(call, WN_LIFE_CALL, 10), 'x', 11);
        break;
    case MATCHES_NOTHING:
        return WN_MATCH;
    case WAITS_FOR_NOTHING:
        return WN_PENDING;
    case NO_VERDICT:
        return 77;
    case ALWAYS_FINDS:
        host->call->report(call,
            &(WnFinding){ .struct_size = sizeof(WnFinding), .rule = "always" });
        return WN_MATCH;
    case COPIES_HOST: {
        WnHost copy = *host;

        return copy.log->enabled(&copy, WN_LOG_INFO) ? WN_PASS : WN_FAIL;
    }
    case KEEPS_ANSWER:
    case ORDER:
    case COUNTS_ON_CALLBACK:
        return ask(broken, call);
    default:
        break;
    }
    return WN_PASS;
}

static void
broken_connection_end(void *self, WnCall *call)
{
    const Broken *broken = self;

    (void)call;
    if (RULE == KEEPS_URL && broken->url != NULL)
        sink += broken->url->flags;
}

static const WnFilter filter = { .struct_size = sizeof(WnFilter),
    .rcpt = broken_rcpt,
    .message = broken_message,
    .connection_end = broken_connection_end };

static const WnPlugin plugin = { WN_PLUGIN_HEAD, .name = PLUGIN_NAME,
    .version = "1", .summary = "Breaks a rule.", .author = "winnow",
    .license = "MIT", .instance_new = broken_new, .instance_free = broken_free,
    .filter = &filter };

/* NAME is replaced before WN_PLUGIN sees it. */
#define EXPORT(name) WN_PLUGIN(name, &plugin)
EXPORT(NAME)
