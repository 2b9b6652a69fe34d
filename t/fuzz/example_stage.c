/* SPDX-License-Identifier: MIT */
#include "t/fuzz/example_stage.h"

#include "sdk/examples/talk/talk.h"

#include <stdlib.h>

#define ENDS_MAX 64
#define MESSAGE "Subject: x\r\nTo: u@good.example\r\n\r\nHello.\r\n"

WnVerdict wn_stage_talk(Talk *talk);

/* One run at a time. */
static struct {
    const uint8_t *data;
    size_t size;
    size_t step;
    int end; /* TALK_... */
    GPtrArray *memory;
    WnEndFn ends[ENDS_MAX];
    void *users[ENDS_MAX];
    unsigned n_ends;
    unsigned n_findings;
} run;

/*
 * The host
 */

static WnStr
str(const char *text)
{
    return (WnStr){ text, strlen(text) };
}

static const WnSettings *
call_settings(const WnCall *call)
{
    return (const WnSettings *)call;
}

static void *
call_alloc(WnCall *call, WnLife life, size_t size)
{
    void *memory = g_malloc0(MAX(size, 1));

    (void)call;
    (void)life;
    g_ptr_array_add(run.memory, memory);
    return memory;
}

static int32_t
call_at_end(WnCall *call, WnEndFn fn, void *user)
{
    (void)call;
    if (run.n_ends == ENDS_MAX)
        return WN_E_LIMIT;
    run.ends[run.n_ends] = fn;
    run.users[run.n_ends++] = user;
    return WN_OK;
}

static int32_t
call_report(WnCall *call, const WnFinding *finding)
{
    (void)call;
    g_assert_cmpuint(strlen(finding->rule), >, 0);
    if (finding->evidence != NULL)
        g_assert_cmpuint(strlen(finding->evidence), <, 1024 * 1024);
    run.n_findings++;
    return WN_OK;
}

static int32_t
call_add_header(WnCall *call, const char *name, const char *value)
{
    (void)call;
    g_assert_cmpuint(strlen(name) + strlen(value), <, 2 * 1024 * 1024);
    return WN_OK;
}

static const WnCallApi call_api = { .struct_size = sizeof(WnCallApi),
    .settings = call_settings,
    .alloc = call_alloc,
    .at_end = call_at_end,
    .report = call_report,
    .add_header = call_add_header };

static const WnClient *
facts_client(const WnCall *call)
{
    static WnClient client = { .struct_size = sizeof(WnClient),
        .address_len = 4,
        .address = { 192, 0, 2, 1 } };

    (void)call;
    client.address_text = str("192.0.2.1");
    client.rdns = str("");
    client.helo = str("client.example");
    client.listener = str("x");
    return &client;
}

static const WnAddress *
facts_sender(const WnCall *call)
{
    static WnAddress address = { .struct_size = sizeof(WnAddress) };

    (void)call;
    address.text = str("user@good.example");
    address.local = str("user");
    address.domain = str("good.example");
    return &address;
}

static uint32_t
facts_n_recipients(const WnCall *call)
{
    (void)call;
    return 2;
}

static const WnAddress *
facts_recipient(const WnCall *call, uint32_t n)
{
    return n < 2 ? facts_sender(call) : NULL;
}

static WnStr
facts_transaction_id(const WnCall *call)
{
    (void)call;
    return str("01ARZ3NDEKTSV4RRFFQ69G5FAV");
}

static const WnFactsApi facts_api = { .struct_size = sizeof(WnFactsApi),
    .client = facts_client,
    .sender = facts_sender,
    .n_recipients = facts_n_recipients,
    .recipient = facts_recipient,
    .transaction_id = facts_transaction_id };

static WnStr
message_raw(WnCall *call)
{
    static const char text[] = MESSAGE;

    (void)call;
    return str(text);
}

static WnStr
message_body(WnCall *call)
{
    WnStr raw = message_raw(call);
    const char *end = strstr(raw.ptr, "\r\n\r\n");

    return end != NULL ? str(end + 4) : str("");
}

static uint32_t
message_n_headers(WnCall *call)
{
    (void)call;
    return 2;
}

static const WnHeader *
message_header(WnCall *call, uint32_t n)
{
    static WnHeader headers[2];
    const char *raw = message_raw(call).ptr;

    headers[0].name = str("Subject");
    headers[0].raw = (WnStr){ raw + 8, 4 };
    headers[1].name = str("To");
    headers[1].raw = (WnStr){ raw + 15, 17 };
    return n < 2 ? &headers[n] : NULL;
}

static const WnMessageApi message_api = { .struct_size = sizeof(WnMessageApi),
    .raw = message_raw,
    .body = message_body,
    .n_headers = message_n_headers,
    .header = message_header };

static int64_t
settings_integer(const WnSettings *settings, uint32_t index)
{
    (void)settings;
    (void)index;
    return 1;
}

static uint32_t
settings_count(const WnSettings *settings, uint32_t index)
{
    (void)settings;
    (void)index;
    return 2;
}

static WnStr
settings_item(const WnSettings *settings, uint32_t index, uint32_t n)
{
    (void)settings;
    (void)index;
    return str(n == 0 ? "reject" : "add header");
}

static const WnSettingsApi settings_api = { .struct_size = sizeof(
                                                WnSettingsApi),
    .integer = settings_integer,
    .count = settings_count,
    .item = settings_item };

static int32_t
log_enabled(const WnHost *host, WnLogLevel level)
{
    (void)host;
    (void)level;
    return 1;
}

static void
log_write(const WnHost *host, WnLogLevel level, const WnCall *call,
    const char *text, size_t len)
{
    (void)host;
    (void)level;
    (void)call;
    g_assert_cmpuint(strlen(text), ==, len);
}

static const WnLogApi log_api = { .struct_size = sizeof(WnLogApi),
    .enabled = log_enabled,
    .write = log_write };

static int32_t
timer_after(WnCall *call, uint32_t ms, WnTimerFn fn, void *user)
{
    (void)call;
    (void)ms;
    (void)fn;
    (void)user;
    return WN_OK;
}

static const WnTimerApi timer_api = { .struct_size = sizeof(WnTimerApi),
    .after = timer_after };

const WnHost *
wn_stage_host(void)
{
    static const WnHost host = { .struct_size = sizeof(WnHost),
        .version = "1",
        .instance_name = "x",
        .hostname = "mx.example.net",
        .log = &log_api,
        .settings = &settings_api,
        .timer = &timer_api,
        .call = &call_api,
        .facts = &facts_api,
        .message = &message_api };

    return &host;
}

/*
 * The server
 */

/* Puts more behind what is there, in memory that ends with it. */
static void
give(Talk *talk, size_t len)
{
    char *in = malloc(talk->in_len + len + 1);

    if (talk->in_len > 0)
        memcpy(in, talk->in, talk->in_len);
    memcpy(in + talk->in_len, run.data, len);
    free(talk->in);
    talk->in = in;
    talk->in_len += len;
    talk->in_size = talk->in_len + 1;
    talk->in[talk->in_len] = '\0';
    talk->got += len;
    run.data += len;
    run.size -= len;
}

WnVerdict
wn_stage_talk(Talk *talk)
{
    while (run.size > 0) {
        WnVerdict verdict;

        if (talk->in_len >= talk->in_max) {
            talk->state = TALK_FAILED;
            break;
        }
        give(talk, MIN(run.step, run.size));
        verdict = talk->fn(talk->user, talk->call, talk);
        if (verdict != WN_PENDING || talk->over)
            return verdict;
    }
    if (talk->state == TALK_GOES_ON)
        talk->state = run.end;
    return talk->fn(talk->user, talk->call, talk);
}

void
wn_stage_run(WnStageHook hook, void *self, const uint8_t *data, size_t size)
{
    static const int ends[] = { TALK_CLOSED, TALK_FAILED, TALK_LATE };
    char call[16] = { 0 };
    WnVerdict verdict;

    if (size == 0)
        return;
    run.data = data + 1;
    run.size = size - 1;
    run.step = data[0] < 128 ? 1u + data[0] % 16u : size;
    run.end = ends[data[0] / 16 % G_N_ELEMENTS(ends)];
    run.memory = g_ptr_array_new_with_free_func(g_free);
    run.n_ends = 0;
    run.n_findings = 0;
    verdict = hook(self, (WnCall *)(void *)call);
    g_assert_cmpint(verdict, >=, WN_PASS);
    g_assert_cmpint(verdict, <=, WN_DEFER);
    g_assert_cmpint(verdict, !=, WN_PENDING);
    if (verdict == WN_MATCH || verdict == WN_DEFER)
        g_assert_cmpuint(run.n_findings, >, 0);
    while (run.n_ends-- > 0)
        run.ends[run.n_ends](run.users[run.n_ends]);
    g_ptr_array_unref(run.memory);
}
