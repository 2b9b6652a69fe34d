/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The bytes under a stream: a non-blocking socket, with or without TLS.  Moves
 * what can be moved now, and says what to wait for when it could not move all.
 * No callbacks, no events.  Only stream.c uses this.
 */

#include "core/base/buffer.h"
#include "core/event/loop.h"
#include "core/event/stream.h"
#include "core/event/tls.h"

#define WN_TRANSPORT_ERROR_MAX 160

typedef enum {
    WN_IO_DONE,  /* all that was asked for */
    WN_IO_AGAIN, /* wait for read_waits or write_waits */
    WN_IO_END,   /* reading only: the peer has sent its last byte */
    WN_IO_FAILED /* error says why; nothing works any more */
} WnIo;

typedef struct WnTransport {
    int fd;
    SSL *ssl;            /* NULL: plain for now */
    bool secure;         /* bytes go through ssl: the handshake has begun */
    unsigned read_waits; /* WnWatchFor; also while shaking hands */
    unsigned write_waits;
    bool broken; /* TLS cannot even say goodbye */
    char error[WN_TRANSPORT_ERROR_MAX];
} WnTransport;

void wn_transport_init(WnTransport *self, int take_fd);
void wn_transport_clear(WnTransport *self); /* closes */

/* A socket to connect with, bound to source unless NULL; -1 with error. */
int wn_transport_socket(const WnNetaddr *to, const WnNetaddr *source,
    GError **error);

/* Begins to connect: AGAIN, wait until ready to write, or FAILED. */
WnIo wn_transport_connect(WnTransport *self, const WnNetaddr *to);
bool wn_transport_is_connected(WnTransport *self); /* false: error says why */

/* Appends at most max (at least 1) bytes to out.  Bytes may have come whatever
 * the result is; out_len says how many.  DONE: there may be more. */
WnIo wn_transport_read(WnTransport *self, WnBuffer *out, size_t max,
    char *scratch, size_t *out_len);

/* Bytes that no readiness will announce are waiting inside TLS. */
bool wn_transport_has_pending(const WnTransport *self);

/* out_len says how many bytes were taken, whatever the result is.  After AGAIN
 * the next call begins with the bytes that were not taken. */
WnIo wn_transport_write(WnTransport *self, WnSpan bytes, size_t *out_len);

/* Bytes stay plain until the handshake; false with error set.  Then call
 * handshake, which begins it, until DONE or FAILED. */
bool wn_transport_prepare_tls(WnTransport *self, SSL_CTX *context,
    WnTlsRole role, const WnTlsPeer *peer);
WnIo wn_transport_handshake(WnTransport *self);

/* Says goodbye in TLS if that is possible without waiting. */
void wn_transport_goodbye(WnTransport *self);

void wn_transport_fail(WnTransport *self, const char *what, int error);
