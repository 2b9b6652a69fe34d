/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A connected socket, plain or TLS, as a buffer to read from and a buffer to
 * write to.  Used by SMTP sessions, the SMTP client and the metrics server.
 *
 *    OPEN --starttls--> HANDSHAKE --ok--> OPEN (tls)
 *      |                    |
 *      +-- end, error ------+--> CLOSED       on_event tells each once
 *
 * Reading stops by itself while input holds WN_STREAM_INPUT_MAX bytes, so a
 * peer cannot make it grow.  Writes are collected and handed to the kernel at
 * the end of the turn, once, or by wn_stream_flush().  Both may be called in
 * any callback; so may wn_stream_free().  After WN_STREAM_ERROR the stream is
 * dead: what is written to it is dropped.
 */

#include "core/base/buffer.h"
#include "core/base/netaddr.h"
#include "core/event/loop.h"

#include <openssl/ssl.h>

#define WN_STREAM_INPUT_MAX (64 * 1024)

typedef struct WnStream WnStream;

typedef enum {
    WN_STREAM_CONNECTED, /* the connect asked for has succeeded */
    WN_STREAM_INPUT,     /* more bytes in the input buffer */
    WN_STREAM_DRAINED,   /* all output has been handed to the kernel; told only
                          * when a write had to wait */
    WN_STREAM_SECURED,   /* the handshake is complete */
    WN_STREAM_END,  /* the peer has sent its last byte; writing still works */
    WN_STREAM_ERROR /* connection or handshake lost: wn_stream_error() */
} WnStreamEvent;

typedef void (*WnStreamFn)(void *user, WnStream *stream, WnStreamEvent event);

/* Takes fd, which is connected and becomes non-blocking. */
WnStream *wn_stream_new(WnLoop *loop, int take_fd, WnStreamFn fn, void *user);

/* Begins to connect, from source unless NULL; WN_STREAM_CONNECTED or
 * WN_STREAM_ERROR follows.  NULL with error if no socket could be made. */
WnStream *wn_stream_connect(WnLoop *loop, const WnNetaddr *to,
    const WnNetaddr *source, WnStreamFn fn, void *user, GError **error);

/* Closes without flushing; no callback after that. */
void wn_stream_free(WnStream *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnStream, wn_stream_free)

/* Flushes what can be written within linger_ms, then closes and frees by
 * itself.  While the peer is still sending, what it sends is discarded for
 * that time, lest a reset destroy the last reply.  The caller forgets the
 * stream; no callback after that.  wn_loop_free() closes what lingers. */
void wn_stream_finish(WnStream *self, int64_t linger_ms);

/* What came in and is not consumed yet.  The span is good until consume or the
 * next turn of the loop. */
WnSpan wn_stream_peek(const WnStream *self);
void wn_stream_consume(WnStream *self, size_t len);

/* Off: input stays with the kernel, the peer is slowed down.  What is in the
 * input buffer already is not announced again. */
void wn_stream_set_reading(WnStream *self, bool on);

void wn_stream_write(WnStream *self, WnSpan bytes); /* copied */
size_t wn_stream_pending(const WnStream *self);     /* bytes not yet written */
void wn_stream_flush(WnStream *self); /* writes now what the kernel takes */

/* Starts TLS on an open connection, after flushing.  Plain bytes that are
 * still in the input buffer are an error of the caller: check before.  As
 * client: name for SNI and for verification if verify is set (nullable). */
typedef enum { WN_TLS_ACCEPT, WN_TLS_CONNECT } WnTlsRole;
void wn_stream_start_tls(WnStream *self, SSL_CTX *context, WnTlsRole role,
    const char *name, bool verify);

/* The same as client, with more to say about the server; all of peer is
 * copied. */
typedef struct WnTlsPeer WnTlsPeer;
void wn_stream_connect_tls(WnStream *self, SSL_CTX *context,
    const WnTlsPeer *peer);

bool wn_stream_is_tls(const WnStream *self);
SSL *wn_stream_get_ssl(const WnStream *self);      /* NULL when plain */
const char *wn_stream_error(const WnStream *self); /* "" before an error */
int wn_stream_get_fd(const WnStream *self);        /* borrowed */
