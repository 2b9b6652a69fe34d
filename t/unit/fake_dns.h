/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A name server for tests, on 127.0.0.1 and a port of its own, run by the
 * test's loop.  Names it does not know do not exist.
 */

#include "core/dns/resolver.h"
#include "core/event/listener.h"
#include "core/event/stream.h"

#define FAKE_CNAME 5
#define FAKE_NEGATIVE_TTL 120

typedef struct FakeDns {
    WnLoop *loop;
    int fd;
    WnWatch watch;
    GPtrArray *records;
    char *place;          /* "127.0.0.1:40000" */
    WnListener *listener; /* for TCP */
    WnStream *stream;     /* the connection it has taken */
    unsigned n_queries;
    bool truncate;    /* UDP answers say only that TCP has the rest */
    bool silent;      /* answers nothing */
    const char *mute; /* answers nothing for names that end so, unless NULL */
    int mute_type;    /* answers nothing to questions of this type, unless 0 */
    const char *insecure; /* names that end so are answered without AD */
    bool secure;          /* answers with AD, where it is asked for */
    const char *broken;   /* SERVFAIL for names that begin so, unless NULL */
    int rcode;            /* answers this to everything, unless 0 */
    const char *spoil;    /* sends these bytes behind the header and question as
                           * the one answer, unless NULL */
    size_t spoil_len;
} FakeDns;

void fake_dns_start(FakeDns *self, WnLoop *loop);
void fake_dns_stop(FakeDns *self);

/* Listens on the same port for TCP; listener is NULL if that is taken. */
void fake_dns_listen(FakeDns *self);

/* data in wire form; a name in data must not be compressed. */
void fake_dns_add(FakeDns *self, const char *name, int type, uint32_t ttl,
    const void *data, size_t data_len);
void fake_dns_add_address(FakeDns *self, const char *name, uint32_t ttl,
    const char *address);
void fake_dns_add_name(FakeDns *self, const char *name, int type, uint32_t ttl,
    const char *target);
