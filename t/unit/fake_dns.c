/* SPDX-License-Identifier: MIT */
#include "t/unit/fake_dns.h"

#include <arpa/nameser.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct Record {
    char *name;
    int type;
    uint32_t ttl;
    GByteArray *data;
} Record;

static void
record_free(void *data)
{
    Record *record = data;

    g_free(record->name);
    g_byte_array_unref(record->data);
    g_free(record);
}

static void
add_u16(GByteArray *out, unsigned value)
{
    uint8_t bytes[2] = { (uint8_t)(value >> 8), (uint8_t)value };

    g_byte_array_append(out, bytes, 2);
}

static void
add_u32(GByteArray *out, uint32_t value)
{
    add_u16(out, value >> 16);
    add_u16(out, value & 0xffff);
}

static void
add_wire_name(GByteArray *out, const char *name)
{
    g_auto(GStrv) labels = g_strsplit(name, ".", -1);
    uint8_t len;

    for (char **label = labels; *label != NULL && **label != '\0'; label++) {
        len = (uint8_t)strlen(*label);
        g_byte_array_append(out, &len, 1);
        g_byte_array_append(out, (const guint8 *)*label, len);
    }
    len = 0;
    g_byte_array_append(out, &len, 1);
}

static void
add_rr(GByteArray *out, const char *name, int type, uint32_t ttl,
    const GByteArray *data)
{
    add_wire_name(out, name);
    add_u16(out, (unsigned)type);
    add_u16(out, ns_c_in);
    add_u32(out, ttl);
    add_u16(out, data->len);
    g_byte_array_append(out, data->data, data->len);
}

static void
add_soa(GByteArray *out)
{
    g_autoptr(GByteArray) data = g_byte_array_new();

    add_wire_name(data, "ns.test");
    add_wire_name(data, "root.test");
    for (int i = 0; i < 4; i++)
        add_u32(data, 1);
    add_u32(data, FAKE_NEGATIVE_TTL);
    add_rr(out, "test", ns_t_soa, 86400, data);
}

/* Follows aliases; *out_known says whether the name exists at all. */
static unsigned
add_answers(FakeDns *self, GByteArray *out, const char *name, int type,
    bool *out_known)
{
    unsigned n = 0;

    for (guint i = 0; i < self->records->len; i++) {
        const Record *record = g_ptr_array_index(self->records, i);

        if (g_ascii_strcasecmp(record->name, name) != 0)
            continue;
        *out_known = true;
        if (record->type != type && record->type != FAKE_CNAME)
            continue;
        add_rr(out, record->name, record->type, record->ttl, record->data);
        n++;
        if (record->type == FAKE_CNAME && type != FAKE_CNAME) {
            char target[NS_MAXDNAME];

            ns_name_ntop(record->data->data, target, sizeof(target));
            return n + add_answers(self, out, target, type, out_known);
        }
    }
    return n;
}

static void
set_u16(GByteArray *out, size_t at, unsigned value)
{
    out->data[at] = (uint8_t)(value >> 8);
    out->data[at + 1] = (uint8_t)value;
}

/* Length of the question's name in wire form; the tests' own c-ares made it. */
static size_t
wire_name_len(const uint8_t *name)
{
    size_t len = 0;

    while (name[len] != 0)
        len += name[len] + 1u;
    return len + 1;
}

static bool
is_secure(const FakeDns *self, const uint8_t *query, const char *name)
{
    return self->secure && (query[3] & 0x20)
           && (self->insecure == NULL
               || !g_str_has_suffix(name, self->insecure));
}

static GByteArray *
make_reply(FakeDns *self, const uint8_t *query)
{
    GByteArray *reply = g_byte_array_new();
    size_t name_len = wire_name_len(query + 12);
    char name[NS_MAXDNAME];
    int type = query[12 + name_len] << 8 | query[12 + name_len + 1];
    bool known = false;
    int rcode = self->rcode;
    unsigned n;

    g_byte_array_append(reply, query, (guint)(12 + name_len + 4));
    ns_name_ntop(query + 12, name, sizeof(name));
    if (self->broken != NULL && g_str_has_prefix(name, self->broken))
        rcode = ns_r_servfail;
    if (self->spoil != NULL) {
        g_byte_array_append(reply, (const guint8 *)self->spoil,
            (guint)self->spoil_len);
        n = 1;
    } else {
        n = rcode == 0 ? add_answers(self, reply, name, type, &known) : 0;
    }
    if (n == 0)
        add_soa(reply);
    set_u16(reply, 2,
        0x8180u | (is_secure(self, query, name) ? 0x20u : 0)
            | (unsigned)(rcode != 0       ? rcode
                         : n > 0 || known ? ns_r_noerror
                                          : ns_r_nxdomain));
    set_u16(reply, 6, n);
    set_u16(reply, 8, n == 0);
    set_u16(reply, 10, 0);
    return reply;
}

static void
send_truncated(const FakeDns *self, const GByteArray *reply,
    const struct sockaddr_in *peer, socklen_t len)
{
    g_autofree uint8_t *cut = g_memdup2(reply->data, reply->len);
    size_t cut_len = 12 + wire_name_len(cut + 12) + 4;

    cut[2] |= 2;
    memset(cut + 6, 0, 6);
    g_assert_cmpint(sendto(self->fd, cut, cut_len, 0,
                        (const struct sockaddr *)peer, len),
        ==, cut_len);
}

static bool
is_mute(const FakeDns *self, const uint8_t *query)
{
    const uint8_t *type = query + 12 + wire_name_len(query + 12);
    char name[NS_MAXDNAME];

    if (self->mute_type != 0 && (type[0] << 8 | type[1]) == self->mute_type)
        return true;
    if (self->silent || self->mute == NULL)
        return self->silent;
    ns_name_ntop(query + 12, name, sizeof(name));
    return g_str_has_suffix(name, self->mute);
}

static void
on_query(void *user, int fd, unsigned ready)
{
    FakeDns *self = user;
    uint8_t query[1024] = { 0 };
    struct sockaddr_in peer;
    socklen_t len = sizeof(peer);
    ssize_t n = recvfrom(fd, query, sizeof(query) / 2, 0,
        (struct sockaddr *)&peer, &len);
    g_autoptr(GByteArray) reply = NULL;

    (void)ready;
    g_assert_cmpint(n, >, 12);
    self->n_queries++;
    if (is_mute(self, query))
        return;
    reply = make_reply(self, query);
    if (self->truncate) {
        send_truncated(self, reply, &peer, len);
        return;
    }
    g_assert_cmpint(sendto(fd, reply->data, reply->len, 0,
                        (struct sockaddr *)&peer, len),
        ==, reply->len);
}

/* Over TCP every message has its length in front (RFC 1035 §4.2.2). */
static void
on_stream(void *user, WnStream *stream, WnStreamEvent event)
{
    FakeDns *self = user;
    WnSpan bytes = wn_stream_peek(stream);
    g_autoptr(GByteArray) reply = NULL;
    uint8_t query[1024] = { 0 };
    uint8_t len[2];

    if (event != WN_STREAM_INPUT || bytes.len < 2)
        return;
    g_assert_cmpuint(bytes.len, <, sizeof(query));
    memcpy(query, bytes.ptr + 2, bytes.len - 2);
    wn_stream_consume(stream, bytes.len);
    reply = make_reply(self, query);
    len[0] = (uint8_t)(reply->len >> 8);
    len[1] = (uint8_t)reply->len;
    wn_stream_write(stream, wn_span(len, 2));
    wn_stream_write(stream, wn_span(reply->data, reply->len));
}

static void
on_accept(void *user, int take_fd, const WnNetaddr *peer)
{
    FakeDns *self = user;

    (void)peer;
    wn_stream_free(self->stream);
    self->stream = wn_stream_new(self->loop, take_fd, on_stream, self);
}

void
fake_dns_listen(FakeDns *self)
{
    WnNetaddr address;
    int fd;

    g_assert_true(
        wn_netaddr_parse_port(wn_span_str(self->place), 53, &address));
    fd = wn_listener_bind(&address, NULL);
    if (fd >= 0)
        self->listener = wn_listener_new(self->loop, fd, NULL, on_accept, self);
}

void
fake_dns_start(FakeDns *self, WnLoop *loop)
{
    struct sockaddr_in sa = { .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(sa);

    *self = (FakeDns){ .loop = loop };
    self->records = g_ptr_array_new_with_free_func(record_free);
    self->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(bind(self->fd, (struct sockaddr *)&sa, sizeof(sa)), ==, 0);
    g_assert_cmpint(getsockname(self->fd, (struct sockaddr *)&sa, &len), ==, 0);
    self->place = g_strdup_printf("127.0.0.1:%u", ntohs(sa.sin_port));
    wn_watch_init(&self->watch, loop, self->fd, on_query, self);
    wn_watch_set(&self->watch, WN_WATCH_READ);
}

void
fake_dns_stop(FakeDns *self)
{
    wn_watch_clear(&self->watch);
    wn_stream_free(self->stream);
    wn_listener_free(self->listener);
    close(self->fd);
    g_ptr_array_unref(self->records);
    g_free(self->place);
}

void
fake_dns_add(FakeDns *self, const char *name, int type, uint32_t ttl,
    const void *data, size_t data_len)
{
    Record *record = g_new0(Record, 1);

    record->name = g_strdup(name);
    record->type = type;
    record->ttl = ttl;
    record->data = g_byte_array_new();
    g_byte_array_append(record->data, data, (guint)data_len);
    g_ptr_array_add(self->records, record);
}

void
fake_dns_add_address(FakeDns *self, const char *name, uint32_t ttl,
    const char *address)
{
    WnNetaddr parsed;

    g_assert_true(wn_netaddr_parse(wn_span_str(address), &parsed));
    fake_dns_add(self, name, parsed.len == 4 ? WN_RR_A : WN_RR_AAAA, ttl,
        parsed.bytes, parsed.len);
}

void
fake_dns_add_name(FakeDns *self, const char *name, int type, uint32_t ttl,
    const char *target)
{
    g_autoptr(GByteArray) data = g_byte_array_new();

    add_wire_name(data, target);
    fake_dns_add(self, name, type, ttl, data->data, data->len);
}
