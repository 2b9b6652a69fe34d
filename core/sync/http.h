/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A small HTTP server for metrics and health: GET and HEAD, HTTP/1.0 and 1.1,
 * one request a connection, no body.  Everything is bounded: the request's
 * head, the time for it, the number of connections.
 */

#include "core/base/span.h"
#include "core/event/loop.h"

#define WN_HTTP_HEAD_MAX (8 * 1024)
#define WN_HTTP_CONNECTIONS_MAX 32

typedef struct WnHttp WnHttp;

typedef struct WnHttpAnswer {
    unsigned status;  /* 200, 404, 503 */
    const char *type; /* of the content; a constant */
    GString *body;
} WnHttpAnswer;

/* Fills the answer, which begins as 404 with an empty body.  path is without
 * the query. */
typedef void (*WnHttpFn)(void *user, WnSpan path, WnHttpAnswer *answer);

/* Takes the listening fd. */
WnHttp *wn_http_new(WnLoop *loop, int take_fd, WnHttpFn fn, void *user);
void wn_http_free(WnHttp *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnHttp, wn_http_free)

typedef enum {
    WN_HTTP_MORE, /* the head is not complete */
    WN_HTTP_GET,
    WN_HTTP_HEAD,
    WN_HTTP_OTHER, /* a method that is not served */
    WN_HTTP_BAD    /* not HTTP, or too long */
} WnHttpRequest;

/* Looks at what has come so far; path is set for GET and HEAD. */
WnHttpRequest wn_http_parse(WnSpan input, WnSpan *out_path);
