/* SPDX-License-Identifier: MIT */
#ifndef TALK_H
#define TALK_H

/*
 * A conversation with a server over a stream socket, for one call of a hook:
 * what is to be said is sent while what comes is read, without ever blocking.
 * Connections that are still good afterwards are kept by the instance for its
 * next call.
 *
 * Everything ends with the call: when it is over, for whatever reason, the
 * connection is kept or closed, and buffers are freed.  No name is looked up:
 * addresses are paths and numbers.
 */

#include <winnow/plugin.h>

#include <sys/socket.h>

#define TALK_IDLE_MAX 16

/* Where a server listens, and connections to it that nobody uses. */
typedef struct TalkServer {
    struct sockaddr_storage address;
    socklen_t address_len;
    int idle[TALK_IDLE_MAX];
    int n_idle;
} TalkServer;

/* "/path", "unix:/path", "192.0.2.1:3310", "tcp:[2001:db8::1]:3310", and as
 * milters write it "local:/path", "inet:8891@127.0.0.1".  False: err says why.
 */
int talk_server_init(TalkServer *server, const char *text, WnError *err);
void talk_server_clear(TalkServer *server); /* closes idle connections */

enum {
    TALK_GOES_ON = 0, /* more has been read, or all has been sent */
    TALK_CLOSED = 1,  /* by the server; all it sent is there */
    TALK_FAILED = 2,  /* talk->error says why */
    TALK_LATE = 3     /* the time limit is over */
};

typedef struct Talk Talk;

/* Called when something has happened.  Returns the call's verdict, or
 * WN_PENDING to hear more; after that, talk_say() may have been called. */
typedef WnVerdict (*TalkFn)(void *user, WnCall *call, Talk *talk);

struct Talk {
    const WnHost *host;
    WnCall *call;
    TalkServer *server;
    TalkFn fn;
    void *user;
    int fd;
    int state; /* TALK_... */
    int error; /* errno */
    int reused;
    int good;      /* the connection can be kept */
    int over;      /* talk_leave() was called */
    size_t got;    /* bytes in all */
    size_t in_max; /* of in: a server that says more has failed */
    char *in;      /* what was read and not yet consumed; in[in_len] is NUL */
    size_t in_len;
    size_t in_size;
    WnStr *out; /* what is to be sent */
    uint32_t n_out;
    uint32_t out_size;
    uint32_t out_at;
    size_t out_done; /* of out[out_at] */
};

/* Begins; nothing is sent yet.  NULL: too many calls for the host. */
Talk *talk_new(const WnHost *host, WnCall *call, TalkServer *server, TalkFn fn,
    void *user);

/* At most in_max bytes that nobody has consumed, 64 KiB without this. */
void talk_limit_input(Talk *talk, size_t in_max);

/* fn is called with TALK_LATE after ms, unless the call is over by then. */
void talk_limit_time(Talk *talk, uint32_t ms);

/* Adds something to be sent.  bytes are not copied and stay until the call is
 * over; talk_say_copy copies them. */
void talk_say(Talk *talk, const void *bytes, size_t len);
void talk_say_copy(Talk *talk, const void *bytes, size_t len);

/* Goes on as far as possible without waiting: what a hook returns. */
WnVerdict talk_start(Talk *talk);

/* Forgets the first bytes of in. */
void talk_consume(Talk *talk, size_t len);

/* The server expects another request on this connection. */
void talk_keep(Talk *talk);

/* Ends the conversation before the call is over, with last words that may get
 * lost; fn is not called again.  Only in fn, and not when it is late. */
void talk_leave(Talk *talk, const void *bytes, size_t len);

/* In words, for the log. */
const char *talk_reason(const Talk *talk);

#endif
