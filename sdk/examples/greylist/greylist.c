/* SPDX-License-Identifier: MIT */

/*
 * greylist: asks senders that are not known yet to try again in a moment, which
 * mail servers do and most programs that only send spam do not.
 *
 *    [filter greylist]
 *    delay = 2m
 *    action = reject          (any action: a 450 is answered, never that)
 *
 * What is known is a triplet: the client's network (/24 or /64, as large
 * senders try again from a neighbour), the sender and the recipient.  A network
 * from which allow_after triplets have come back is welcome without a delay for
 * allow_for.  Bounces (MAIL FROM:<>) are triplets too.
 *
 * All this is kept in memory that the relay's processes share.  It is bounded
 * and may forget: then a sender has to come back once more, no mail is lost.
 */

#include <winnow/plugin.h>

#include <ctype.h>
#include <stdlib.h>

enum { OPT_DELAY, OPT_RETRY_WITHIN, OPT_KEEP, OPT_ALLOW_AFTER, OPT_ALLOW_FOR };

#define HOUR (INT64_C(3600) * 1000)
#define KEY_MAX 1024

static const WnOption options[] = {
    [OPT_DELAY] = { .name = "delay",
        .help = "How long a sender has to wait before it may come back.",
        .type = WN_OPT_DURATION,
        .flags = WN_OPT_PER_DOMAIN,
        .fallback = "2m",
        .min = 1000,
        .max = HOUR },
    [OPT_RETRY_WITHIN] = { .name = "retry_within",
        .help = "How late it may come back.",
        .type = WN_OPT_DURATION,
        .fallback = "2d",
        .min = 60000,
        .max = 7 * 24 * HOUR },
    [OPT_KEEP] = { .name = "keep",
        .help = "How long one that came back is remembered after its last "
                "message.",
        .type = WN_OPT_DURATION,
        .fallback = "35d",
        .min = HOUR,
        .max = 100 * 24 * HOUR },
    [OPT_ALLOW_AFTER] = { .name = "allow_after",
        .help = "How many triplets of a network must have come back until it "
                "need not wait any more; 0 is never.",
        .type = WN_OPT_INT,
        .fallback = "5",
        .min = 0,
        .max = 1000 },
    [OPT_ALLOW_FOR] = { .name = "allow_for",
        .help = "For how long.",
        .type = WN_OPT_DURATION,
        .fallback = "35d",
        .min = HOUR,
        .max = 100 * 24 * HOUR },
};

typedef struct Greylist {
    const WnHost *host;
    int64_t option[OPT_ALLOW_FOR + 1];
} Greylist;

static int32_t
greylist_new(const WnHost *host, const WnSettings *settings, void **self,
    WnError *err)
{
    Greylist *greylist = calloc(1, sizeof *greylist);
    uint32_t i;

    if (greylist == NULL) {
        wn_error_set(err, "out of memory");
        return WN_E_FAILED;
    }
    greylist->host = host;
    for (i = 0; i <= OPT_ALLOW_FOR; i++)
        greylist->option[i] = host->settings->integer(settings, i);
    *self = greylist;
    return WN_OK;
}

static void
greylist_free(void *self)
{
    free(self);
}

/*
 * Keys: a letter, the network, sender, recipient
 */

typedef struct Key {
    size_t len;
    char bytes[KEY_MAX];
} Key;

static void
key_add(Key *key, const void *bytes, size_t len)
{
    if (len > KEY_MAX - key->len)
        len = KEY_MAX - key->len;
    memcpy(key->bytes + key->len, bytes, len);
    key->len += len;
}

static void
key_begin(Key *key, char kind, const WnClient *client)
{
    key->len = 0;
    key_add(key, &kind, 1);
    key_add(key, client->address, client->address_len == 4 ? 3 : 8);
}

/* Case is no difference, and neither is what mailing lists and VERP put into a
 * sender anew each time: digits in the local part. */
static void
key_add_sender(Key *key, const WnAddress *sender)
{
    size_t i;

    key_add(key, "\n", 1);
    for (i = 0; i < sender->local.len; i++) {
        unsigned char c = (unsigned char)sender->local.ptr[i];
        char plain = isdigit(c) ? '#' : (char)tolower(c);

        if (plain != '#' || key->bytes[key->len - 1] != '#')
            key_add(key, &plain, 1);
    }
    key_add(key, "@", 1);
    key_add(key, sender->domain.ptr, sender->domain.len);
}

static void
key_triplet(Key *key, const Greylist *greylist, WnCall *call)
{
    const WnFactsApi *facts = greylist->host->facts;
    const WnAddress *recipient = facts->recipient(call, 0);

    key_begin(key, 't', facts->client(call));
    key_add_sender(key, facts->sender(call));
    key_add(key, "\n", 1);
    key_add(key, recipient->text.ptr, recipient->text.len);
}

/*
 * Values.  Of a triplet: when it first came, in seconds, times 2, and 1 once it
 * has come back.  Of a network: how many have.
 */

static uint32_t
seconds(int64_t ms)
{
    return (uint32_t)(ms / 1000);
}

/* Another process may count at the same time. */
#define TRIES 8

static void
count_network(const Greylist *greylist, const WnClient *client)
{
    const WnSharedApi *shared = greylist->host->shared;
    uint32_t ttl = seconds(greylist->option[OPT_ALLOW_FOR]);
    Key key;
    int i;

    key_begin(&key, 'n', client);
    for (i = 0; i < TRIES; i++) {
        uint64_t n;

        shared->load(greylist->host, key.bytes, key.len, &n);
        if (shared->replace(greylist->host, key.bytes, key.len, n, n + 1, ttl)
            != WN_E_STATE)
            return;
    }
}

static int
is_known_network(const Greylist *greylist, const WnClient *client)
{
    uint64_t n;
    Key key;

    key_begin(&key, 'n', client);
    greylist->host->shared->load(greylist->host, key.bytes, key.len, &n);
    return greylist->option[OPT_ALLOW_AFTER] > 0
           && n >= (uint64_t)greylist->option[OPT_ALLOW_AFTER];
}

static WnVerdict
defer(const Greylist *greylist, WnCall *call, uint64_t left_s)
{
    char text[64];

    snprintf(text, sizeof text, "come back in %u s", (unsigned)left_s);
    return wn_match(greylist->host, call, "greylisted", text) == WN_MATCH
               ? WN_DEFER
               : WN_FAIL;
}

static WnVerdict
greylist_rcpt(void *self, WnCall *call)
{
    Greylist *greylist = self;
    const WnHost *host = greylist->host;
    const WnClient *client = host->facts->client(call);
    uint64_t now = (uint64_t)host->timer->unix_time(host), value, first;
    uint64_t delay = seconds(
        host->settings->integer(host->call->settings(call), OPT_DELAY));
    Key key;

    if (is_known_network(greylist, client))
        return WN_PASS;
    key_triplet(&key, greylist, call);
    if (host->shared->load(host, key.bytes, key.len, &value) != WN_OK) {
        host->shared->replace(host, key.bytes, key.len, 0, now * 2,
            seconds(greylist->option[OPT_RETRY_WITHIN]));
        return defer(greylist, call, delay);
    }
    first = value / 2;
    if (value % 2 == 0 && now < first + delay)
        return defer(greylist, call, first + delay - now);
    if (value % 2 == 0)
        count_network(greylist, client);
    host->shared->replace(host, key.bytes, key.len, value, value | 1,
        seconds(greylist->option[OPT_KEEP]));
    return WN_PASS;
}

static const WnFilter filter = {
    .struct_size = sizeof(WnFilter),
    .rcpt = greylist_rcpt,
};

static const WnPlugin plugin = {
    WN_PLUGIN_HEAD,
    .name = "greylist",
    .version = "1.0",
    .summary = "Asks unknown senders to try again in a moment.",
    .author = "the winnow authors",
    .license = "MIT",
    WN_OPTIONS(options),
    .instance_new = greylist_new,
    .instance_free = greylist_free,
    .filter = &filter,
};

WN_PLUGIN(greylist, &plugin)
