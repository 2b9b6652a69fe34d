/* SPDX-License-Identifier: MIT */
#include "look.h"

#include "dnslist/answer.h"

#define LIST_MS INT64_C(2000)
#define TOGETHER_MS INT64_C(3000)
#define LAST_MS INT64_C(10) /* for what the resolver already has */
#define VISITS_MAX 256
#define NAME_MAX_LEN 256

/* That a list was asked on this connection. */
typedef struct Visit {
    struct Visit *next;
    uint64_t serial; /* of the zone */
    int64_t asked_ms;
    bool answered;
    bool untold; /* the test of the list was not answered in time */
} Visit;

typedef struct Memory {
    Visit *visits;
    uint32_t n_visits;
    int64_t waited_ms; /* at connect; 0 once a transaction has taken it */
} Memory;

typedef enum {
    ASK_NONE, /* the list is off */
    ASK_WAITING,
    ASK_CLEAN,
    ASK_LISTED,
    ASK_FAILED
} AskState;

typedef struct Ask {
    struct Look *look;
    const RblEntry *entry;
    Visit *visit; /* NULL: not remembered */
    AskState state;
    int64_t deadline_ms;
    uint32_t n_tests; /* outstanding */
    char codes[DNSLIST_CODES_MAX];
} Ask;

typedef struct Test {
    Ask *ask;
    DnslistTest test;
} Test;

/* One call's work. */
typedef struct Look {
    Rbl *rbl;
    const RblPolicy *policy;
    int64_t started_ms;
    int64_t until_ms;      /* for everything */
    int64_t test_until_ms; /* for tests */
    int64_t *waited_ms;
    bool holds_for_tests;
    Ask asks[];
} Look;

static WnVerdict on_time(void *user, WnCall *call);

static int64_t
now_of(const Rbl *self)
{
    return self->host->timer->monotonic_ms(self->host);
}

/*
 * The verdict
 */

static bool
is_listing(const Ask *ask)
{
    return ask->state == ASK_LISTED && ask->entry->zone->state == DNSLIST_ON;
}

static bool
is_waiting(const Ask *ask)
{
    if (ask->state == ASK_WAITING && ask->entry->zone->state != DNSLIST_OFF)
        return true;
    return ask->n_tests > 0
           && (ask->look->holds_for_tests
               || (ask->state == ASK_LISTED
                   && ask->entry->zone->state == DNSLIST_UNTESTED));
}

/* A listing by a list whose test was not answered is no answer either. */
static bool
has_failed(const Ask *ask)
{
    const DnslistZone *zone = ask->entry->zone;

    return ask->state == ASK_FAILED
           || (ask->state == ASK_LISTED && zone->state == DNSLIST_UNTESTED)
           || (ask->state == ASK_NONE && zone->unreachable);
}

static WnVerdict
report(const Look *look, WnCall *call, const Ask *ask)
{
    const WnHost *host = look->rbl->host;
    char evidence[DNSLIST_ZONE_MAX + DNSLIST_CODES_MAX + 2];

    snprintf(evidence, sizeof evidence, "%s %s", ask->entry->zone->shown,
        ask->codes);
    host->metrics->add(host, look->rbl->listed, 1);
    return wn_match(host, call, ask->entry->zone->shown, evidence);
}

/* Of lists of one kind, all of which have been answered. */
static WnVerdict
count_up(const Look *look, WnCall *call, uint32_t from, uint32_t to)
{
    WnVerdict verdict = WN_PASS;
    uint32_t n_asked = 0, n_failed = 0;

    for (uint32_t i = from; i < to; i++) {
        const Ask *ask = &look->asks[i];

        if (is_listing(ask))
            verdict = report(look, call, ask);
        n_failed += has_failed(ask);
        n_asked += ask->state != ASK_NONE || has_failed(ask);
    }
    if (verdict == WN_PASS && n_asked > 0 && n_failed == n_asked)
        return WN_FAIL;
    return verdict;
}

/* What is not waited for any more may be asked anew. */
static WnVerdict
finish(Look *look, WnVerdict verdict)
{
    for (uint32_t i = 0; i < look->policy->n; i++) {
        const Ask *ask = &look->asks[i];

        if (ask->state == ASK_WAITING && ask->visit != NULL)
            ask->visit->answered = true;
    }
    *look->waited_ms += now_of(look->rbl) - look->started_ms;
    return verdict;
}

static WnVerdict
conclude(Look *look, WnCall *call)
{
    const RblPolicy *policy = look->policy;
    const WnHost *host = look->rbl->host;
    bool waiting = false;

    for (uint32_t i = 0; i < policy->n; i++) {
        const Ask *ask = &look->asks[i];

        waiting = waiting || is_waiting(ask);
        if (i < policy->n_block || !is_listing(ask))
            continue;
        wn_log(host, WN_LOG_DEBUG, call, "trusted by %s %s",
            ask->entry->zone->shown, ask->codes);
        return finish(look, WN_TRUST);
    }
    if (waiting)
        return WN_PENDING;
    if (policy->n_block == 0)
        return finish(look, count_up(look, call, 0, policy->n));
    return finish(look, count_up(look, call, 0, policy->n_block));
}

/*
 * Answers
 */

/* A host of IPv6 can take any address of its /64. */
static void
saw_client(DnslistZone *zone, const WnClient *client, bool listed,
    int64_t now_ms)
{
    dnslist_zone_saw(zone, client->address,
        client->address_len < 8 ? client->address_len : 8, listed, now_ms);
}

/* One address that tells of trouble spoils the whole answer. */
static void
take_addresses(Ask *ask, WnCall *call, const WnAnswer *answer)
{
    const Rbl *rbl = ask->look->rbl;
    DnslistZone *zone = ask->entry->zone;
    int64_t now_ms = now_of(rbl);
    uint32_t at = 0, address;

    ask->state = ASK_CLEAN;
    while (dnslist_next_address(rbl->host, answer, &at, &address)) {
        switch (dnslist_spec_code(&ask->entry->spec, address)) {
        case DNSLIST_CODE_ERROR:
            dnslist_zone_erred(zone, address, now_ms);
            ask->state = ASK_NONE;
            return;
        case DNSLIST_CODE_LISTED:
            ask->state = ASK_LISTED;
            dnslist_add_code(ask->codes, sizeof ask->codes, address);
            break;
        case DNSLIST_CODE_OTHER:
            break;
        }
    }
    saw_client(zone, rbl->host->facts->client(call), ask->state == ASK_LISTED,
        now_ms);
}

static WnVerdict
on_answer(void *user, WnCall *call, const WnAnswer *answer)
{
    Ask *ask = user;
    const Rbl *rbl = ask->look->rbl;

    if (ask->visit != NULL)
        ask->visit->answered = true;
    if (ask->state == ASK_WAITING) {
        if (rbl->host->dns->status(answer) != WN_DNS_FAILED) {
            take_addresses(ask, call, answer);
        } else {
            ask->state = ASK_FAILED;
            dnslist_zone_failed(ask->entry->zone, now_of(rbl));
        }
    }
    return conclude(ask->look, call);
}

static void
take_test(const Test *test, const WnAnswer *answer)
{
    const Rbl *rbl = test->ask->look->rbl;
    DnslistZone *zone = test->ask->entry->zone;
    int64_t now_ms = now_of(rbl);
    uint32_t at = 0, address;
    bool listed = false;

    if (rbl->host->dns->status(answer) == WN_DNS_FAILED) {
        dnslist_zone_untold(zone, now_ms);
        return;
    }
    while (dnslist_next_address(rbl->host, answer, &at, &address)) {
        if (dnslist_code_is_error(address)) {
            dnslist_zone_erred(zone, address, now_ms);
            dnslist_zone_tested(zone, test->test, false, now_ms);
            return;
        }
        listed = true;
    }
    dnslist_zone_tested(zone, test->test,
        listed == (test->test == DNSLIST_MUST), now_ms);
}

static WnVerdict
on_test(void *user, WnCall *call, const WnAnswer *answer)
{
    const Test *test = user;

    if (test->ask->n_tests > 0) {
        test->ask->n_tests--;
        take_test(test, answer);
    }
    return conclude(test->ask->look, call);
}

/*
 * Questions
 */

static void
ask_test(Ask *ask, WnCall *call, DnslistTest which)
{
    const WnHost *host = ask->look->rbl->host;
    Test *test = host->call->alloc(call, WN_LIFE_CALL, sizeof *test);
    char name[NAME_MAX_LEN];

    *test = (Test){ ask, which };
    if (dnslist_zone_test_name(ask->entry->zone, which, name, sizeof name)
        && host->dns->query(call, name, WN_DNS_A, on_test, test) == WN_OK)
        ask->n_tests++;
}

static void
ask_tests(Ask *ask, WnCall *call)
{
    const Look *look = ask->look;
    DnslistZone *zone = ask->entry->zone;

    if (!dnslist_zone_test_is_due(zone, look->started_ms)
        || (ask->visit != NULL && ask->visit->untold))
        return;
    if (zone->state != DNSLIST_UNTESTED) {
        if (!look->holds_for_tests || look->started_ms < zone->tester_until_ms)
            return;
        zone->tester_until_ms = look->test_until_ms;
    }
    for (int test = 0; test < DNSLIST_N_TESTS; test++)
        if (zone->tested[test] == DNSLIST_TEST_OPEN)
            ask_test(ask, call, (DnslistTest)test);
}

static Memory *
memory_of(const WnHost *host, WnCall *call)
{
    void **slot = host->call->slot(call, WN_LIFE_CONN);

    if (*slot == NULL)
        *slot = host->call->alloc(call, WN_LIFE_CONN, sizeof(Memory));
    return *slot;
}

/* NULL when too many are remembered. */
static Visit *
visit_of(const WnHost *host, Memory *memory, WnCall *call, uint64_t serial)
{
    Visit *visit = memory->visits;

    while (visit != NULL && visit->serial != serial)
        visit = visit->next;
    if (visit != NULL || memory->n_visits >= VISITS_MAX)
        return visit;
    visit = host->call->alloc(call, WN_LIFE_CONN, sizeof *visit);
    visit->next = memory->visits;
    visit->serial = serial;
    visit->answered = true;
    memory->visits = visit;
    memory->n_visits++;
    return visit;
}

/* When the question was asked that still waits for an answer: now, if none
 * does. */
static int64_t
begin_visit(Visit *visit, int64_t now_ms)
{
    if (visit == NULL)
        return now_ms;
    if (visit->answered) {
        visit->asked_ms = now_ms;
        visit->answered = false;
    }
    return visit->asked_ms;
}

static void
ask_list(Ask *ask, WnCall *call)
{
    const WnHost *host = ask->look->rbl->host;
    int64_t asked_ms;
    char name[NAME_MAX_LEN];

    if (ask->entry->zone->state == DNSLIST_OFF)
        return;
    ask->state = ASK_FAILED;
    asked_ms = begin_visit(ask->visit, ask->look->started_ms);
    ask->deadline_ms = asked_ms + LIST_MS < ask->look->until_ms
                           ? asked_ms + LIST_MS
                           : ask->look->until_ms;
    if (ask->deadline_ms <= ask->look->started_ms
        || wn_dnsbl_name(host->facts->client(call), ask->entry->zone->name,
               name, sizeof name)
               == 0)
        return;
    if (host->dns->query(call, name, WN_DNS_A, on_answer, ask) == WN_OK)
        ask->state = ASK_WAITING;
}

/*
 * Time
 */

/* Gives up what has had its time; the next point in time, or the end. */
static int64_t
expire(Look *look, int64_t now_ms)
{
    int64_t next_ms = look->until_ms;

    for (uint32_t i = 0; i < look->policy->n; i++) {
        Ask *ask = &look->asks[i];

        if (ask->n_tests > 0 && now_ms >= look->test_until_ms) {
            ask->n_tests = 0;
            if (ask->visit != NULL)
                ask->visit->untold = true;
            dnslist_zone_untold(ask->entry->zone, now_ms);
        } else if (ask->n_tests > 0 && look->test_until_ms < next_ms) {
            next_ms = look->test_until_ms;
        }
        if (ask->state != ASK_WAITING)
            continue;
        if (now_ms >= ask->deadline_ms) {
            ask->state = ASK_FAILED;
            dnslist_zone_failed(ask->entry->zone, now_ms);
        } else if (ask->deadline_ms < next_ms) {
            next_ms = ask->deadline_ms;
        }
    }
    return next_ms;
}

/* Expires, concludes, and comes back later if that is not the end. */
static WnVerdict
go_on(Look *look, WnCall *call)
{
    const WnHost *host = look->rbl->host;
    int64_t now_ms = now_of(look->rbl);
    int64_t next_ms = expire(look, now_ms);
    WnVerdict verdict = conclude(look, call);

    if (verdict != WN_PENDING)
        return verdict;
    if (host->timer->after(call, (uint32_t)(next_ms - now_ms), on_time, look)
        == WN_OK)
        return WN_PENDING;
    expire(look, look->until_ms);
    return conclude(look, call);
}

static WnVerdict
on_time(void *user, WnCall *call)
{
    return go_on(user, call);
}

/* How long this phase has waited already: connect, or the transaction, to the
 * first of which the time of connect is added. */
static int64_t *
waited_of(const WnHost *host, WnCall *call, Memory *memory)
{
    void **slot;
    int64_t *waited_ms;

    if (host->facts->sender(call) == NULL)
        return &memory->waited_ms;
    slot = host->call->slot(call, WN_LIFE_TXN);
    if (*slot == NULL) {
        waited_ms = host->call->alloc(call, WN_LIFE_TXN, sizeof *waited_ms);
        *waited_ms = memory->waited_ms;
        memory->waited_ms = 0;
        *slot = waited_ms;
    }
    return *slot;
}

static Look *
look_new(Rbl *rbl, WnCall *call, const RblPolicy *policy)
{
    const WnHost *host = rbl->host;
    Look *self = host->call->alloc(call, WN_LIFE_CALL,
        sizeof *self + policy->n * sizeof self->asks[0]);
    Memory *memory = memory_of(host, call);
    int64_t left_ms;

    self->rbl = rbl;
    self->policy = policy;
    self->started_ms = now_of(rbl);
    self->waited_ms = waited_of(host, call, memory);
    left_ms = TOGETHER_MS - *self->waited_ms;
    self->until_ms = self->started_ms + (left_ms > LAST_MS ? left_ms : LAST_MS);
    self->test_until_ms = self->started_ms + LIST_MS < self->until_ms
                              ? self->started_ms + LIST_MS
                              : self->until_ms;
    for (uint32_t i = 0; i < policy->n; i++) {
        self->asks[i].look = self;
        self->asks[i].entry = &policy->entries[i];
        self->asks[i].visit = visit_of(host, memory, call,
            policy->entries[i].zone->serial);
    }
    return self;
}

/*
 * The look
 */

WnVerdict
rbl_look(Rbl *self, WnCall *call, RblHold hold)
{
    const RblPolicy *policy = self->host->call->policy(call);
    Look *made;

    if (policy == NULL || policy->n == 0)
        return WN_PASS;
    made = look_new(self, call, policy);
    made->holds_for_tests = hold == RBL_HOLD_FOR_TESTS;
    for (uint32_t i = 0; i < policy->n; i++)
        ask_tests(&made->asks[i], call);
    for (uint32_t i = 0; i < policy->n; i++)
        ask_list(&made->asks[i], call);
    return go_on(made, call);
}
