/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One connection of a destination, carrying one parcel after another.  Part of
 * destination.h; nothing else uses it.
 *
 *    CONNECTING --ready--> IDLE or BUSY --ready--> ... --dead or quit--> gone
 */

#include "core/queue/destination.h"
#include "core/queue/servers.h"
#include "core/smtp/client.h"

typedef struct WnCourier WnCourier;

typedef enum {
    WN_COURIER_CONNECTING,
    WN_COURIER_IDLE,
    WN_COURIER_BUSY
} WnCourierState;

typedef struct WnCourierHandler {
    /* It has become IDLE; the first time and after every parcel. */
    void (*ready)(void *user, WnCourier *courier);

    /* One call for each target of the parcel. */
    void (*sent)(void *user, WnCourier *courier, uint32_t target,
        const WnAttempt *attempt);

    /* The last target has been told: the courier has let go of it. */
    void (*carried)(void *user, WnCourier *courier, WnParcel *parcel);

    /* Of no more use; free it.  What it carried has been told of. */
    void (*dead)(void *user, WnCourier *courier, const WnSent *why);
} WnCourierHandler;

struct WnCourier {
    WnCourierState state;
    WnEndpoint *endpoint;
    WnParcel *parcel; /* BUSY */
    GList link;       /* its owner's list of couriers */
    GList idle_link;  /* its owner's list of idle ones */
    WnTimer idle;     /* its owner's: IDLE for too long */
    WnTimer race;     /* its owner's: CONNECTING for so long */
    unsigned n_races;
    WnDestination *destination;
    WnLoop *loop;
    WnSmtpClient *client;
    const WnCourierHandler *handler;
    uint32_t n_carried;
    bool failed; /* some of its parcel is to be tried by another at once */
    bool lost;   /* the connection ended under its parcel */
    bool unfit;  /* it does not take some of its parcel, and another one may */
    bool deferring; /* it has deferred some, and another one is asked at once */
    bool soured;    /* it has deferred some for reasons of its own */
    bool served;    /* it has answered for some in any other way */
    WnNetaddr source;      /* of the egress pool; len 0: any */
    bool astray;           /* which has not that address any more */
    WnClientTls policy;    /* of its connection */
    unsigned dane_version; /* of its endpoint, when it was made */
    char *hostname, *tls_name, *tls_other_name;
    char tls[64]; /* "TLSv1.3 with TLS_AES_256_GCM_SHA384"; "": plain */
    const char *assurance; /* what TLS has shown: "dane"; "none": plain */
    char server[128];      /* "mail.example.com[192.0.2.1]:25" */

    WnSpoolContent content; /* of the parcel under way, as the next three */
    GArray *recipients;     /* WnOutgoingRecipient */
    GPtrArray *spelled;     /* char *, what is sent in another form */
    WnOutgoing outgoing;
    int64_t began_us;
};

/* user of the handler is the destination. */
WnCourier *wn_courier_new(WnDestination *destination, WnLoop *loop,
    WnEndpoint *endpoint, const WnClientConfig *config,
    const WnCourierHandler *handler);
void wn_courier_free(WnCourier *self);
void wn_courier_quit(WnCourier *self); /* and frees it; IDLE only */

/* BUSY without a parcel only.  False with error: the message is damaged and was
 * not sent. */
bool wn_courier_carry(WnCourier *self, WnParcel *parcel, GError **error);
