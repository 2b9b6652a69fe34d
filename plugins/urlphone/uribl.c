/* SPDX-License-Identifier: MIT */
#include "uribl.h"

#include "dnslist/answer.h"
#include "site_names.h"

#define TOGETHER_MS UINT32_C(2000)
#define NAME_MAX_LEN 253

typedef enum {
    ASK_NONE, /* the list is off, or the name does not fit */
    ASK_WAITING,
    ASK_CLEAN,
    ASK_LISTED,
    ASK_FAILED
} AskState;

/* One list about one name. */
typedef struct Ask {
    struct ListLook *list;
    const SiteName *name;
    AskState state;
    char codes[DNSLIST_CODES_MAX];
} Ask;

/* One list, and its test if that is due. */
typedef struct ListLook {
    struct Look *look;
    const UriblEntry *entry;
    uint32_t n_tests;     /* outstanding */
    bool asks_old_point;  /* the list does not have TEST */
    bool was_unreachable; /* when the call began */
    Ask asks[SITE_NAMES_MAX];
} ListLook;

typedef struct Test {
    ListLook *list;
    DnslistTest test;
} Test;

/* One call's work. */
typedef struct Look {
    Uribl *uribl;
    uint32_t skip_option;
    uint32_t n_names;
    uint32_t n_lists;
    bool over;
    SiteName names[SITE_NAMES_MAX];
    ListLook lists[];
} Look;

static int64_t
now_of(const Look *look)
{
    const WnHost *host = look->uribl->host;

    return host->timer->monotonic_ms(host);
}

/*
 * The verdict
 */

static bool
is_waiting(const ListLook *list)
{
    if (list->n_tests > 0)
        return true;
    if (list->entry->zone->state == DNSLIST_OFF)
        return false;
    for (uint32_t i = 0; i < list->look->n_names; i++) {
        if (list->asks[i].state == ASK_WAITING)
            return true;
    }
    return false;
}

/* Without an answer about some name, or without one that can be believed. */
static bool
has_failed(const ListLook *list)
{
    if (list->was_unreachable)
        return true;
    for (uint32_t i = 0; i < list->look->n_names; i++) {
        if (list->asks[i].state == ASK_FAILED
            || list->asks[i].state == ASK_WAITING
            || (list->asks[i].state == ASK_LISTED
                && list->entry->zone->state == DNSLIST_UNTESTED))
            return true;
    }
    return false;
}

static bool
was_asked(const ListLook *list)
{
    return list->was_unreachable || list->entry->zone->state != DNSLIST_OFF;
}

static WnVerdict
report(const Look *look, WnCall *call, const Ask *ask)
{
    const WnHost *host = look->uribl->host;
    const WnUrl *url = ask->name->url;
    const char *shown = ask->list->entry->zone->shown;
    WnStr site = url->registered.len > 0 ? url->registered : url->host;
    char evidence[200];

    snprintf(evidence, sizeof evidence, "%.*s %.60s %.60s",
        (int)(site.len < 70 ? site.len : 70), site.ptr, shown, ask->codes);
    host->metrics->add(host, look->uribl->listed, 1);
    return wn_match(host, call, shown, evidence);
}

static WnVerdict
count_up(const Look *look, WnCall *call)
{
    WnVerdict verdict = WN_PASS;
    uint32_t n_found = 0, n_asked = 0, n_failed = 0;

    for (uint32_t i = 0; i < look->n_lists; i++) {
        const ListLook *list = &look->lists[i];

        for (uint32_t n = 0; n < look->n_names; n++) {
            if (list->asks[n].state != ASK_LISTED
                || list->entry->zone->state != DNSLIST_ON
                || n_found == look->uribl->findings_max)
                continue;
            verdict = report(look, call, &list->asks[n]);
            n_found++;
        }
        n_asked += was_asked(list);
        n_failed += was_asked(list) && has_failed(list);
    }
    if (verdict == WN_PASS && n_asked > 0 && n_failed == n_asked)
        return WN_FAIL;
    return verdict;
}

/* A list that left something unanswered has failed once, however many names
 * there were. */
static void
note_failure(ListLook *list, int64_t now_ms)
{
    bool failed = false;

    for (uint32_t i = 0; i < list->look->n_names; i++) {
        AskState state = list->asks[i].state;

        failed = failed || state == ASK_FAILED || state == ASK_WAITING;
    }
    if (list->n_tests > 0) {
        list->n_tests = 0;
        dnslist_zone_untold(list->entry->zone, now_ms);
    }
    if (failed)
        dnslist_zone_failed(list->entry->zone, now_ms);
}

static WnVerdict
conclude(Look *look, WnCall *call)
{
    WnVerdict verdict;

    for (uint32_t i = 0; !look->over && i < look->n_lists; i++) {
        if (is_waiting(&look->lists[i]))
            return WN_PENDING;
    }
    verdict = count_up(look, call);
    for (uint32_t i = 0; i < look->n_lists; i++)
        note_failure(&look->lists[i], now_of(look));
    return verdict;
}

static WnVerdict
on_time(void *user, WnCall *call)
{
    Look *look = user;

    look->over = true;
    return conclude(look, call);
}

/*
 * Answers
 */

/* One address that tells of trouble spoils the whole answer. */
static void
take_addresses(Ask *ask, const WnAnswer *answer)
{
    const Look *look = ask->list->look;
    const UriblEntry *entry = ask->list->entry;
    uint32_t at = 0, address;

    ask->state = ASK_CLEAN;
    while (dnslist_next_address(look->uribl->host, answer, &at, &address)) {
        switch (dnslist_spec_code(&entry->spec, address)) {
        case DNSLIST_CODE_ERROR:
            dnslist_zone_erred(entry->zone, address, now_of(look));
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
    dnslist_zone_saw(entry->zone, ask->name->asked, strlen(ask->name->asked),
        ask->state == ASK_LISTED, now_of(look));
}

static WnVerdict
on_answer(void *user, WnCall *call, const WnAnswer *answer)
{
    Ask *ask = user;
    Look *look = ask->list->look;

    if (look->uribl->host->dns->status(answer) == WN_DNS_FAILED)
        ask->state = ASK_FAILED;
    else
        take_addresses(ask, answer);
    return conclude(look, call);
}

/*
 * Tests
 */

static WnVerdict on_test(void *user, WnCall *call, const WnAnswer *answer);

static void
ask_test(Test *test, WnCall *call, const char *name)
{
    const WnHost *host = test->list->look->uribl->host;

    if (host->dns->query(call, name, WN_DNS_A, on_test, test) == WN_OK)
        test->list->n_tests++;
}

/* Lists that are older than RFC 5782 have the test point of address lists
 * instead.  False if that was asked for already. */
static bool
ask_old_point(Test *test, WnCall *call)
{
    char name[NAME_MAX_LEN + 1];

    if (test->list->asks_old_point)
        return false;
    test->list->asks_old_point = true;
    snprintf(name, sizeof name, "2.0.0.127.%s", test->list->entry->zone->name);
    ask_test(test, call, name);
    return true;
}

static void
take_test(Test *test, WnCall *call, const WnAnswer *answer)
{
    const WnHost *host = test->list->look->uribl->host;
    DnslistZone *zone = test->list->entry->zone;
    int64_t now_ms = now_of(test->list->look);
    uint32_t at = 0, address;
    bool listed = false;

    if (host->dns->status(answer) == WN_DNS_FAILED) {
        dnslist_zone_untold(zone, now_ms);
        return;
    }
    while (dnslist_next_address(host, answer, &at, &address)) {
        if (dnslist_code_is_error(address)) {
            dnslist_zone_erred(zone, address, now_ms);
            dnslist_zone_tested(zone, test->test, false, now_ms);
            return;
        }
        listed = true;
    }
    if (test->test == DNSLIST_MUST && !listed && ask_old_point(test, call))
        return;
    dnslist_zone_tested(zone, test->test,
        listed == (test->test == DNSLIST_MUST), now_ms);
}

static WnVerdict
on_test(void *user, WnCall *call, const WnAnswer *answer)
{
    Test *test = user;

    test->list->n_tests--;
    take_test(test, call, answer);
    return conclude(test->list->look, call);
}

/* Of a tested list one call makes the test. */
static void
ask_tests(ListLook *list, WnCall *call)
{
    const WnHost *host = list->look->uribl->host;
    DnslistZone *zone = list->entry->zone;
    int64_t now_ms = now_of(list->look);
    char name[NAME_MAX_LEN + 1];

    if (!dnslist_zone_test_is_due(zone, now_ms)
        || (zone->state != DNSLIST_UNTESTED && now_ms < zone->tester_until_ms))
        return;
    zone->tester_until_ms = now_ms + TOGETHER_MS;
    for (int which = 0; which < DNSLIST_N_TESTS; which++) {
        Test *test;

        if (zone->tested[which] != DNSLIST_TEST_OPEN
            || !dnslist_zone_test_name(zone, (DnslistTest)which, name,
                sizeof name))
            continue;
        test = host->call->alloc(call, WN_LIFE_CALL, sizeof *test);
        *test = (Test){ list, (DnslistTest)which };
        ask_test(test, call, name);
    }
}

/*
 * Questions
 */

static void
ask_name(ListLook *list, Ask *ask, const SiteName *site, WnCall *call)
{
    const WnHost *host = list->look->uribl->host;
    const char *zone = list->entry->zone->name;
    char name[NAME_MAX_LEN + 1];
    int len;

    ask->list = list;
    ask->name = site;
    len = snprintf(name, sizeof name, "%s.%s", site->asked, zone);
    if (len < 0 || (size_t)len >= sizeof name)
        return;
    ask->state = host->dns->query(call, name, WN_DNS_A, on_answer, ask) == WN_OK
                     ? ASK_WAITING
                     : ASK_FAILED;
}

static void
ask_list(ListLook *list, WnCall *call)
{
    const Look *look = list->look;

    ask_tests(list, call);
    if (list->entry->zone->state == DNSLIST_OFF)
        return;
    for (uint32_t i = 0; i < look->n_names; i++)
        ask_name(list, &list->asks[i], &look->names[i], call);
}

/* A recipient's own domain, and what the option names. */
static bool
is_skipped(void *user, WnStr domain, WnCall *call)
{
    const Look *look = user;
    const WnHost *host = look->uribl->host;
    const WnSettings *settings = host->call->settings(call);
    uint32_t n = host->settings->count(settings, look->skip_option);

    if (domain.len == 0)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        WnStr skipped = host->settings->item(settings, look->skip_option, i);

        if (skipped.len > 0 && skipped.ptr[0] == '.')
            skipped = (WnStr){ skipped.ptr + 1, skipped.len - 1 };
        if (site_name_is_in(domain, skipped))
            return true;
    }
    n = host->facts->n_recipients(call);
    for (uint32_t i = 0; i < n; i++) {
        if (site_name_is_in(host->facts->recipient(call, i)->domain, domain))
            return true;
    }
    return false;
}

WnVerdict
uribl_look(Uribl *self, WnCall *call, const UriblPolicy *policy)
{
    const WnHost *host = self->host;
    Look *look;

    if (policy == NULL || policy->n == 0)
        return WN_PASS;
    look = host->call->alloc(call, WN_LIFE_CALL,
        sizeof *look + policy->n * sizeof look->lists[0]);
    look->uribl = self;
    look->skip_option = policy->skip_option;
    look->n_names = site_names_collect(host, call, look->names, is_skipped,
        look);
    if (look->n_names == 0)
        return WN_PASS;
    look->n_lists = policy->n;
    for (uint32_t i = 0; i < policy->n; i++) {
        const DnslistZone *zone = policy->entries[i].zone;

        look->lists[i].look = look;
        look->lists[i].entry = &policy->entries[i];
        look->lists[i].was_unreachable = zone->state == DNSLIST_OFF
                                         && zone->unreachable;
        ask_list(&look->lists[i], call);
    }
    look->over = host->timer->after(call, TOGETHER_MS, on_time, look) != WN_OK;
    return conclude(look, call);
}
