/* SPDX-License-Identifier: MIT */
#include "core/dns/resolver.h"

#include "core/base/clock.h"
#include "core/dns/answer.h"
#include "core/dns/cache.h"

#include <ares.h>
#include <arpa/nameser.h>
#include <sys/random.h>
#include <sys/time.h>

/* More at a time than a socket's buffer holds answers for would be lost. */
#define QUERIES_MAX 100

/* Questions that may wait for one of those; beyond that they fail at once. */
#define WAITING_MAX 10000

#define TRIES 3
#define TRY_MIN_MS 50
#define EDNS_SIZE 1232
#define RECEIVE_BUFFER (1024 * 1024)

struct WnResolver {
    WnLoop *loop;
    ares_channel channel;
    int64_t timeout_ms;
    WnTimer retry;       /* when c-ares wants to look at its time-outs */
    GHashTable *sockets; /* descriptor to WnWatch */
    GHashTable *flights; /* key to Flight */
    GQueue waiting;      /* of Flight: no query yet */
    GQueue answered;     /* of WnQuestion: callback to come */
    unsigned n_queries;
    WnDnsCache cache;
};

/*
 * One question in flight and those who wait for it.  Its query may end later
 * than itself: at the deadline the flight fails, and the query is left without
 * a flight until c-ares gives it up.
 */
typedef struct Query {
    WnResolver *resolver;
    struct Flight *flight; /* NULL: nobody waits any more */
} Query;

typedef struct Flight {
    WnResolver *resolver;
    Query *query; /* NULL: waiting */
    GList link;   /* in waiting, while query is NULL */
    WnRrType type;
    WnTimer deadline;
    GQueue questions;
    char key[WN_DNS_KEY_MAX];
} Flight;

/* Waits in its flight's queue, then, with an answer, in the resolver's. */
struct WnQuestion {
    WnResolver *resolver;
    Flight *flight;   /* NULL: answered */
    WnAnswer *answer; /* NULL: in flight */
    GList link;
    WnDeferred call;
    WnResolverFn fn;
    void *user;
};

G_DEFINE_QUARK(wn - dns - error - quark, wn_dns_error)

static void
on_answered(void *user)
{
    WnQuestion *question = user;
    g_autoptr(WnAnswer) answer = g_steal_pointer(&question->answer);
    WnResolverFn fn = question->fn;
    void *fn_user = question->user;

    g_queue_unlink(&question->resolver->answered, &question->link);
    g_free(question);
    fn(fn_user, &answer->resolution);
}

static void
question_answer(WnQuestion *question, WnAnswer *answer)
{
    question->flight = NULL;
    question->answer = wn_answer_ref(answer);
    g_queue_push_tail_link(&question->resolver->answered, &question->link);
    wn_deferred_soon(&question->call);
}

/* Takes the flight out of everything and frees it. */
static void
flight_end(Flight *flight)
{
    WnResolver *self = flight->resolver;

    if (flight->query != NULL)
        flight->query->flight = NULL;
    else
        g_queue_unlink(&self->waiting, &flight->link);
    g_hash_table_remove(self->flights, flight->key);
    wn_timer_clear(&flight->deadline);
    g_free(flight);
}

static void
flight_land(Flight *flight, WnAnswer *answer)
{
    GList *link;

    while ((link = g_queue_pop_head_link(&flight->questions)) != NULL)
        question_answer(link->data, answer);
    wn_dns_cache_put(&flight->resolver->cache, flight->key, answer);
    flight_end(flight);
}

static void
on_deadline(void *user)
{
    Flight *flight = user;
    g_autoptr(WnAnswer) answer = wn_answer_new(WN_RESOLVED_FAILED,
        WN_SPAN_EMPTY, flight->type, wn_clock_mono_ms());

    flight_land(flight, answer);
}

static WnResolved
status_of(int ares_status)
{
    switch (ares_status) {
    case ARES_SUCCESS:
        return WN_RESOLVED_FOUND;
    case ARES_ENODATA:
        return WN_RESOLVED_NO_DATA;
    case ARES_ENOTFOUND:
    case ARES_EBADNAME:
        return WN_RESOLVED_NO_NAME;
    default:
        return WN_RESOLVED_FAILED;
    }
}

/* What the answer's header says. */
static WnResolved
status_of_message(WnSpan message)
{
    if (message.len < NS_HFIXEDSZ)
        return WN_RESOLVED_FAILED;
    switch (message.ptr[3] & 0x0f) {
    case ns_r_noerror:
        return WN_RESOLVED_FOUND; /* or NO_DATA: the answer's reader says */
    case ns_r_nxdomain:
        return WN_RESOLVED_NO_NAME;
    default:
        return WN_RESOLVED_FAILED;
    }
}

/* Runs inside c-ares: it calls nothing back and starts nothing. */
static void
on_reply(void *user, int status, int n_timeouts, unsigned char *message,
    int message_len)
{
    Query *query = user;
    Flight *flight = query->flight;

    (void)n_timeouts;
    query->resolver->n_queries--;
    if (flight != NULL && status != ARES_EDESTRUCTION) {
        WnSpan bytes = wn_span(message,
            message != NULL ? (size_t)message_len : 0);
        WnResolved result = status == ARES_SUCCESS ? status_of_message(bytes)
                                                   : status_of(status);
        g_autoptr(WnAnswer) answer = wn_answer_new(result, bytes, flight->type,
            wn_clock_mono_ms());

        flight_land(flight, answer);
    }
    g_free(query);
}

/* An id that nobody can guess. */
static unsigned short
make_id(void)
{
    unsigned short id = 0;

    if (getrandom(&id, sizeof(id), 0) != sizeof(id))
        id = (unsigned short)g_random_int();
    return id;
}

/* With the AD bit, which asks the resolver to say whether it has verified the
 * answer (RFC 6840 §5.7). */
static void
send_query(Flight *flight, Query *query)
{
    unsigned char *message = NULL;
    int len = 0;
    int status = ares_create_query(flight->key + 1, ns_c_in, (int)flight->type,
        make_id(), 1, &message, &len, EDNS_SIZE);

    if (status != ARES_SUCCESS) {
        on_reply(query, status, 0, NULL, 0);
        return;
    }
    message[3] |= 0x20;
    ares_send(flight->resolver->channel, message, len, on_reply, query);
    ares_free_string(message);
}

static void
start_query(Flight *flight)
{
    WnResolver *self = flight->resolver;
    Query *query = g_new0(Query, 1);

    query->resolver = self;
    query->flight = flight;
    flight->query = query;
    self->n_queries++;
    /* The flight may have landed when this returns. */
    send_query(flight, query);
}

/* Starts what may start, and wakes up when c-ares wants to.  To be called
 * whenever c-ares has done something. */
static void
settle(WnResolver *self)
{
    struct timeval wait;
    GList *link;

    while (self->n_queries < QUERIES_MAX
           && (link = g_queue_pop_head_link(&self->waiting)) != NULL)
        start_query(link->data);
    /* A younger query never has an earlier time-out: they all begin alike. */
    if (self->n_queries == 0)
        wn_timer_unset(&self->retry);
    else if (!wn_timer_is_set(&self->retry)
             && ares_timeout(self->channel, NULL, &wait) != NULL)
        wn_timer_set(&self->retry,
            (int64_t)wait.tv_sec * 1000 + wait.tv_usec / 1000 + 1);
}

static void
on_retry(void *user)
{
    WnResolver *self = user;

    ares_process_fd(self->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    settle(self);
}

static void
on_socket_ready(void *user, int fd, unsigned ready)
{
    WnResolver *self = user;

    ares_process_fd(self->channel, ready & WN_WATCH_READ ? fd : ARES_SOCKET_BAD,
        ready & WN_WATCH_WRITE ? fd : ARES_SOCKET_BAD);
    settle(self);
}

static void
watch_free(void *data)
{
    wn_watch_clear(data);
    g_free(data);
}

/* c-ares tells what it waits for; neither means that it closes fd. */
static void
on_socket_state(void *user, ares_socket_t fd, int readable, int writable)
{
    WnResolver *self = user;
    WnWatch *watch = g_hash_table_lookup(self->sockets, GINT_TO_POINTER(fd));

    if (!readable && !writable) {
        g_hash_table_remove(self->sockets, GINT_TO_POINTER(fd));
        return;
    }
    if (watch == NULL) {
        watch = g_new0(WnWatch, 1);
        wn_watch_init(watch, self->loop, fd, on_socket_ready, self);
        g_hash_table_insert(self->sockets, GINT_TO_POINTER(fd), watch);
    }
    wn_watch_set(watch, (readable ? (unsigned)WN_WATCH_READ : 0)
                            | (writable ? (unsigned)WN_WATCH_WRITE : 0));
}

static bool
set_ares_error(GError **error, const char *what, int status)
{
    g_set_error(error, WN_DNS_ERROR, status, "%s: %s", what,
        ares_strerror(status));
    return false;
}

/* "a; b" as c-ares writes it: "a,b", every address with its port. */
static char *
servers_to_csv(const char *servers, GError **error)
{
    g_auto(GStrv) parts = g_strsplit_set(servers, ";,", -1);
    g_autoptr(GString) csv = g_string_new(NULL);

    for (char **part = parts; *part != NULL; part++) {
        WnSpan text = wn_span_trim(wn_span_str(*part));
        char place[WN_NETADDR_TEXT_MAX];
        WnNetaddr address;

        if (text.len == 0)
            continue;
        if (!wn_netaddr_parse_port(text, 53, &address)) {
            g_set_error(error, WN_DNS_ERROR, ARES_EBADSTR,
                "\"%.*s\": not an address", (int)text.len, text.ptr);
            return NULL;
        }
        wn_netaddr_format_port(&address, place);
        g_string_append_printf(csv, "%s%s", csv->len > 0 ? "," : "", place);
    }
    if (csv->len > 0)
        return g_string_free(g_steal_pointer(&csv), FALSE);
    g_set_error(error, WN_DNS_ERROR, ARES_EBADSTR, "no servers");
    return NULL;
}

static bool
set_servers(WnResolver *self, const char *servers, GError **error)
{
    g_autofree char *csv = NULL;
    int status;

    if (servers == NULL)
        return true;
    csv = servers_to_csv(servers, error);
    if (csv == NULL)
        return false;
    status = ares_set_servers_ports_csv(self->channel, csv);
    return status == ARES_SUCCESS || set_ares_error(error, csv, status);
}

static bool
open_channel(WnResolver *self, GError **error)
{
    char lookups[] = "b";
    struct ares_options options = {
        .flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_EDNS,
        .timeout = (int)CLAMP(self->timeout_ms / 4, TRY_MIN_MS, G_MAXINT),
        .tries = TRIES,
        .lookups = lookups,
        .ednspsz = EDNS_SIZE,
        .socket_receive_buffer_size = RECEIVE_BUFFER,
        .sock_state_cb = on_socket_state,
        .sock_state_cb_data = self,
    };
    int status = ares_init_options(&self->channel, &options,
        ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS
            | ARES_OPT_DOMAINS | ARES_OPT_EDNSPSZ | ARES_OPT_SOCK_RCVBUF
            | ARES_OPT_SOCK_STATE_CB);

    if (status != ARES_SUCCESS)
        return set_ares_error(error, "resolver", status);
    return true;
}

WnResolver *
wn_resolver_new(WnLoop *loop, const char *servers, int64_t timeout_ms,
    GError **error)
{
    g_autoptr(WnResolver) self = g_new0(WnResolver, 1);

    self->loop = loop;
    self->timeout_ms = timeout_ms;
    self->sockets = g_hash_table_new_full(NULL, NULL, NULL, watch_free);
    self->flights = g_hash_table_new(g_str_hash, g_str_equal);
    g_queue_init(&self->waiting);
    g_queue_init(&self->answered);
    wn_dns_cache_init(&self->cache);
    wn_timer_init(&self->retry, loop, on_retry, self);
    if (!open_channel(self, error) || !set_servers(self, servers, error))
        return NULL;
    return g_steal_pointer(&self);
}

static void
question_free(WnQuestion *question)
{
    wn_deferred_unset(&question->call);
    wn_answer_unref(question->answer);
    g_free(question);
}

static void
free_questions(GQueue *questions)
{
    GList *link;

    while ((link = g_queue_pop_head_link(questions)) != NULL)
        question_free(link->data);
}

void
wn_resolver_free(WnResolver *self)
{
    g_autoptr(GList) flights = NULL;

    if (self == NULL)
        return;
    free_questions(&self->answered);
    flights = g_hash_table_get_values(self->flights);
    for (GList *item = flights; item != NULL; item = item->next) {
        free_questions(&((Flight *)item->data)->questions);
        flight_end(item->data);
    }
    if (self->channel != NULL)
        ares_destroy(self->channel);
    wn_timer_clear(&self->retry);
    wn_dns_cache_clear(&self->cache);
    g_hash_table_unref(self->flights);
    g_hash_table_unref(self->sockets);
    g_free(self);
}

/* Labels of 1 to 63 octets, 253 in all.  Printable ASCII only, and no
 * backslash, which c-ares would take for an escape. */
static bool
make_key(const char *name, WnRrType type, char out_key[WN_DNS_KEY_MAX])
{
    size_t len = strlen(name);
    size_t label_len = 0;

    if (len > 0 && name[len - 1] == '.')
        len--;
    if (len == 0 || len > WN_DNS_NAME_MAX)
        return false;
    out_key[0] = (char)type;
    for (size_t i = 0; i < len; i++) {
        if (!g_ascii_isgraph(name[i]) || name[i] == '\\')
            return false;
        if (name[i] == '.' && label_len == 0)
            return false;
        label_len = name[i] == '.' ? 0 : label_len + 1;
        if (label_len > 63)
            return false;
        out_key[1 + i] = g_ascii_tolower(name[i]);
    }
    out_key[1 + len] = '\0';
    return label_len > 0;
}

static Flight *
flight_new(WnResolver *self, const char *key, WnRrType type)
{
    Flight *flight = g_new0(Flight, 1);

    flight->resolver = self;
    flight->type = type;
    flight->link.data = flight;
    g_queue_init(&flight->questions);
    g_strlcpy(flight->key, key, sizeof(flight->key));
    wn_timer_init(&flight->deadline, self->loop, on_deadline, flight);
    wn_timer_set(&flight->deadline, self->timeout_ms);
    g_hash_table_insert(self->flights, flight->key, flight);
    g_queue_push_tail_link(&self->waiting, &flight->link);
    return flight;
}

static void
answer_without_query(WnQuestion *question, WnResolved status, WnRrType type)
{
    g_autoptr(WnAnswer)
        answer = wn_answer_new(status, WN_SPAN_EMPTY, type, wn_clock_mono_ms());

    question_answer(question, answer);
}

WnQuestion *
wn_resolver_ask(WnResolver *self, const char *name, WnRrType type,
    WnResolverFn fn, void *user)
{
    WnQuestion *question = g_new0(WnQuestion, 1);
    char key[WN_DNS_KEY_MAX];
    WnAnswer *known;
    Flight *flight;

    question->resolver = self;
    question->link.data = question;
    question->fn = fn;
    question->user = user;
    wn_deferred_init(&question->call, self->loop, on_answered, question);
    if (!make_key(name, type, key)) {
        answer_without_query(question, WN_RESOLVED_NO_NAME, type);
        return question;
    }
    known = wn_dns_cache_get(&self->cache, key, wn_clock_mono_ms());
    if (known != NULL) {
        question_answer(question, known);
        return question;
    }
    flight = g_hash_table_lookup(self->flights, key);
    if (flight == NULL && self->waiting.length >= WAITING_MAX) {
        answer_without_query(question, WN_RESOLVED_FAILED, type);
        return question;
    }
    if (flight == NULL)
        flight = flight_new(self, key, type);
    question->flight = flight;
    g_queue_push_tail_link(&flight->questions, &question->link);
    settle(self);
    return question;
}

/* The flight goes on: its answer is worth keeping. */
void
wn_question_cancel(WnQuestion *question)
{
    GQueue *queue = question->flight != NULL ? &question->flight->questions
                                             : &question->resolver->answered;

    g_queue_unlink(queue, &question->link);
    question_free(question);
}
