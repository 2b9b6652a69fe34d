/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The servers of one route with a name server, for tests.  The clock is fake.
 */

#include "core/queue/servers.h"
#include "t/unit/fake_dns.h"

typedef struct Stage {
    WnLoop *loop;
    FakeDns dns;
    WnResolver *resolver;
    WnRoute *route;
    WnServers *servers;
    GArray *listen; /* WnNetaddr; NULL: nowhere */
    unsigned n_resolved;
} Stage;

void stage_init(Stage *self);
void stage_clear(Stage *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Stage, stage_clear)

void stage_on_resolved(void *user); /* a WnServersFn, user is the Stage */

/* Refreshes, and turns until they are resolved; aborts else. */
void stage_await(Stage *self);

/* hosts: "10.0.0.1*2 mx.example*1*dane".  open awaits them. */
void stage_make_servers(Stage *self, const char *hosts, WnDelivery delivery);
void stage_open_servers(Stage *self, const char *hosts, WnDelivery delivery);

/* The numbers of the servers that so many messages go to; "-": none
 * (transfer full). */
char *stage_picks(Stage *self, int n);
void stage_assert_picks(Stage *self, const char *expected);
