/* SPDX-License-Identifier: MIT */

/*
 * A filter as somebody wrote it for 1.0: every hook and something of every
 * table.  It is compiled with each released header and run in today's host,
 * and says what it has seen as the evidence of its one finding.
 */

#include <winnow/plugin.h>

#include <stdlib.h>

enum { OPT_WORD, OPT_LIMIT, OPT_NETS, OPT_ROWS };

typedef struct Sample {
    const WnHost *host;
    int32_t counter;
    uint32_t n_ticks;
} Sample;

typedef struct Wait {
    Sample *sample;
    char seen[16];
} Wait;

static int32_t
compile_rows(WnRows *rows, WnSink *sink, WnError *err)
{
    const WnStr *fields;
    int32_t result = WN_OK;

    (void)err;
    while (result == WN_OK && (fields = rows->next(rows)) != NULL) {
        result = sink->write(sink, fields[0].ptr, fields[0].len);
        if (result == WN_OK)
            result = sink->write(sink, "\n", 1);
    }
    return result;
}

static int32_t
check_rows(const void *blob, size_t size, WnError *err)
{
    const char *text = (const char *)blob;

    if (size == 0 || text[size - 1] == '\n')
        return WN_OK;
    wn_error_set(err, "does not end in a line feed");
    return WN_E_INVALID;
}

static const char *const limits[] = { "low", "high", NULL };

static const WnOption options[] = {
    { .name = "word",
        .help = "What the subject must have.",
        .type = WN_OPT_STRING,
        .flags = WN_OPT_PER_DOMAIN,
        .fallback = "sample" },
    { .name = "limit",
        .help = "One of two.",
        .type = WN_OPT_ENUM,
        .fallback = "high",
        .choices = limits },
    { .name = "nets",
        .help = "Networks.",
        .type = WN_OPT_NET_LIST,
        .fallback = "192.0.2.0/24" },
    { .name = "rows",
        .help = "Files of rows.",
        .type = WN_OPT_STRING_LIST,
        .flags = WN_OPT_FILE,
        .fallback = "" },
};

static const WnDataset datasets[] = {
    { .name = "rows",
        .columns = "value",
        .format = 1,
        .compile = compile_rows,
        .check = check_rows },
};

static void
tick(void *self)
{
    ((Sample *)self)->n_ticks++;
}

static int32_t
sample_new(const WnHost *host, const WnSettings *settings, void **self,
    WnError *err)
{
    Sample *sample = (Sample *)calloc(1, sizeof *sample);

    if (sample == NULL || host->abi_major != WN_ABI_MAJOR
        || host->settings->integer(settings, OPT_LIMIT) != 1
        || host->timer->every(host, 1000, tick) != WN_OK
        || host->get_interface(host, "org.example.none/1") != NULL) {
        free(sample);
        wn_error_set(err, "this is no host for a sample");
        return WN_E_FAILED;
    }
    sample->host = host;
    sample->counter = host->metrics->counter(host, "calls", "Calls.");
    wn_log(host, WN_LOG_DEBUG, NULL, "starts in winnow %s", host->version);
    *self = sample;
    return WN_OK;
}

static void
sample_free(void *self)
{
    free(self);
}

static int32_t
sample_policy_new(void *self, const WnSettings *settings, void **policy,
    WnError *err)
{
    const Sample *sample = (const Sample *)self;
    WnStr word = sample->host->settings->string(settings, OPT_WORD);
    char *copy = (char *)malloc(word.len + 1);

    if (copy == NULL) {
        wn_error_set(err, "no memory");
        return WN_E_FAILED;
    }
    memcpy(copy, word.ptr, word.len + 1);
    *policy = copy;
    return WN_OK;
}

static void
sample_policy_free(void *self, void *policy)
{
    (void)self;
    free(policy);
}

/* Each hook adds its letter to what the connection has seen. */
static char *
see(Sample *sample, WnCall *call, char letter)
{
    const WnCallApi *api = sample->host->call;
    char **slot = (char **)api->slot(call, WN_LIFE_CONN);

    if (*slot == NULL)
        *slot = (char *)api->alloc(call, WN_LIFE_CONN, 16);
    if (strlen(*slot) < 15)
        (*slot)[strlen(*slot)] = letter;
    sample->host->metrics->add(sample->host, sample->counter, 1);
    return *slot;
}

#define HOOK(name, letter)                                \
    static WnVerdict sample_##name(void *s, WnCall *call) \
    {                                                     \
        see((Sample *)s, call, letter);                   \
        return WN_PASS;                                   \
    }

HOOK(connect, 'c')
HOOK(helo, 'h')
HOOK(mail, 'm')
HOOK(rcpt, 'r')

static WnVerdict
sample_headers(void *self, WnCall *call)
{
    Sample *sample = (Sample *)self;
    const WnHeader *subject = sample->host->message->header_named(call,
        "subject", 0);

    see(sample, call, subject != NULL ? 'H' : '-');
    sample->host->call->set_tag(call, "sample", "tagged");
    sample->host->dns->prefetch(call, "sample.example", WN_DNS_A);
    return WN_PASS;
}

static WnVerdict
tell(Sample *sample, WnCall *call, const char *seen)
{
    const WnHost *host = sample->host;
    const WnClient *client = host->facts->client(call);
    const WnSettings *settings = host->call->settings(call);
    const WnAddress *to = host->facts->recipient(call, 0);
    int32_t found = 0;
    char text[160];

    host->facts->tag(call, "sample", &found);
    snprintf(text, sizeof text,
        "%s from %s net %d to %s tag %d parts %u urls %u phones %u", seen,
        client->address_text.ptr,
        host->settings->net_match(settings, OPT_NETS, client->address,
            client->address_len),
        to != NULL ? to->domain.ptr : "nobody", found,
        host->message->n_parts(call), host->message->n_urls(call),
        host->message->n_phones(call));
    return wn_match(host, call, "sample", text);
}

static WnVerdict
answered(void *user, WnCall *call, const WnAnswer *answer)
{
    Wait *wait = (Wait *)user;

    (void)answer;
    return wait->sample->host->call->outstanding(call) > 0
               ? WN_PENDING
               : tell(wait->sample, call, wait->seen);
}

static WnVerdict
waited(void *user, WnCall *call)
{
    Wait *wait = (Wait *)user;

    return wait->sample->host->call->outstanding(call) > 0
               ? WN_PENDING
               : tell(wait->sample, call, wait->seen);
}

static WnVerdict
sample_message(void *self, WnCall *call)
{
    Sample *sample = (Sample *)self;
    const WnHost *host = sample->host;
    const char *word = (const char *)host->call->policy(call);
    const WnHeader *subject = host->message->header_named(call, "Subject", 0);
    Wait *wait = (Wait *)host->call->alloc(call, WN_LIFE_CALL, sizeof *wait);

    memcpy(wait->seen, see(sample, call, 'M'), sizeof wait->seen);
    wait->sample = sample;
    if (subject == NULL || strstr(subject->value.ptr, word) == NULL)
        return WN_PASS;
    if (host->data->blob(call, "nothing") != NULL
        || host->timer->after(call, 1, waited, wait) != WN_OK
        || host->dns->query(call, "sample.example", WN_DNS_A, answered, wait)
               != WN_OK)
        return WN_FAIL;
    return WN_PENDING;
}

static void
sample_end(void *self, WnCall *call)
{
    see((Sample *)self, call, 'e');
}

static const WnFilter filter = {
    .struct_size = sizeof(WnFilter),
    .connect = sample_connect,
    .helo = sample_helo,
    .mail = sample_mail,
    .rcpt = sample_rcpt,
    .headers = sample_headers,
    .message = sample_message,
    .transaction_end = sample_end,
    .connection_end = sample_end,
};

static const WnPlugin plugin = {
    WN_PLUGIN_HEAD,
    .name = "sample_filter",
    .version = "1",
    .summary = "Says what it sees.",
    .author = "the tests",
    .license = "MIT",
    WN_OPTIONS(options),
    WN_DATASETS(datasets),
    .instance_new = sample_new,
    .instance_free = sample_free,
    .policy_new = sample_policy_new,
    .policy_free = sample_policy_free,
    .filter = &filter,
};

WN_PLUGIN(sample_filter, &plugin)
