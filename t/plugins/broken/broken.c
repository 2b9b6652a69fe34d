/* SPDX-License-Identifier: MIT */

/*
 * Plugins that break one rule each, for the test of winnow-plugin-test: built
 * with -DNAME=... and -DRULE=..., one of those below.
 */

#include <winnow/plugin.h>

#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
    GOOD,
    READS_PAST_END,
    KEEPS_MEMORY,
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
    BAD_LEVEL,
    IGNORES_MEMORY,
    ONE_READ,
    BLOCKING_SOCKET,
    BURNS,
    MEASURES_MAIL,
    ABORTS,
    HANGS
};

typedef struct Broken {
    const WnHost *host;
    const char *helo;
    WnCall *call;
    const WnUrl *url;
    const WnAnswer *answer;
    unsigned n_answers;
    void *freed;
    int64_t mail_ms;
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
    if (RULE != IGNORES_MEMORY && broken == NULL) {
        wn_error_set(err, "out of memory");
        return WN_E_FAILED;
    }
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

static void
burn(void)
{
    clock_t end = clock() + CLOCKS_PER_SEC / 4;

    while (clock() < end)
        sink++;
}

static WnVerdict
broken_mail(void *self, WnCall *call)
{
    Broken *broken = self;

    (void)call;
    broken->mail_ms = broken->host->timer->monotonic_ms(broken->host);
    return WN_PASS;
}

static void
hang(void)
{
    signal(SIGALRM, SIG_IGN);
    for (;;)
        pause();
}

static WnVerdict
broken_rcpt(void *self, WnCall *call)
{
    Broken *broken = self;
    const WnHost *host = broken->host;
    const WnClient *client = host->facts->client(call);

    if (RULE == READS_PAST_END)
        sink += (unsigned char)client->helo.ptr[client->helo.len + 1];
    if (RULE == KEEPS_MEMORY)
        broken->helo = host->call->alloc(call, WN_LIFE_CALL, 8);
    if (RULE == KEEPS_CALL)
        broken->call = call;
    if (RULE == UMASK)
        umask(0);
    if (RULE == SLEEPS)
        usleep(600000);
    if (RULE == BURNS)
        burn();
    if (RULE == ABORTS)
        abort();
    if (RULE == HANGS)
        hang();
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

static void
hang_up(void *user)
{
    close(*(int *)user);
}

/* Takes what one recv() gives for all of the answer. */
static WnVerdict
on_readable(void *user, WnCall *call, int fd, uint32_t events)
{
    char answer[16];
    ssize_t n = recv(fd, answer, sizeof answer, 0);

    (void)user;
    (void)call;
    (void)events;
    return n == 4 && memcmp(answer, "yes\n", 4) == 0 ? WN_PASS : WN_FAIL;
}

static WnVerdict
converse(Broken *broken, WnCall *call)
{
    const WnHost *host = broken->host;
    struct sockaddr_un address = { AF_UNIX, "/run/peer" };
    int kind = RULE == BLOCKING_SOCKET ? 0 : SOCK_NONBLOCK;
    int *fd = host->call->alloc(call, WN_LIFE_CALL, sizeof *fd);

    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | kind, 0);
    if (host->call->at_end(call, hang_up, fd) != WN_OK
        || connect(*fd, (struct sockaddr *)&address, sizeof address) != 0
        || host->io->wait(call, *fd, WN_IO_READ, on_readable, broken) != WN_OK)
        return WN_FAIL;
    return WN_PENDING;
}

static WnVerdict
broken_message(void *self, WnCall *call)
{
    Broken *broken = self;
    const WnHost *host = broken->host;

    switch (RULE) {
    case KEEPS_MEMORY:
        sink += (unsigned char)broken->helo[0];
        break;
    case KEEPS_CALL:
        sink += host->facts->n_recipients(broken->call);
        break;
    case KEEPS_URL:
        broken->url = host->message->url(call, 0);
        break;
    case MEASURES_MAIL:
        return host->timer->monotonic_ms(host) > broken->mail_ms ? WN_FAIL
                                                                 : WN_PASS;
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
    case ONE_READ:
    case BLOCKING_SOCKET:
        return converse(broken, call);
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
    .mail = RULE == MEASURES_MAIL ? broken_mail : NULL,
    .rcpt = RULE == MEASURES_MAIL ? NULL : broken_rcpt,
    .message = broken_message,
    .connection_end = broken_connection_end };

static const WnPlugin plugin = { WN_PLUGIN_HEAD, .name = PLUGIN_NAME,
    .version = "1", .summary = "Breaks a rule.", .author = "winnow",
    .license = "MIT", .instance_new = broken_new, .instance_free = broken_free,
    .filter = &filter };

/* NAME is replaced before WN_PLUGIN sees it. */
#define EXPORT(name) WN_PLUGIN(name, &plugin)
EXPORT(NAME)
