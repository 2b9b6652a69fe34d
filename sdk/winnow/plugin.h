/* SPDX-License-Identifier: MIT */
#ifndef WINNOW_PLUGIN_H
#define WINNOW_PLUGIN_H

/*
 * winnow plugin ABI, version 1
 *
 * A plugin is one shared object that exports one function.  That function
 * returns a constant WnPlugin which describes the plugin, its options and
 * its hooks.  Everything the plugin may ask of winnow comes through tables of
 * function pointers reached from the WnHost it is given; it links against no
 * winnow library and resolves no symbol of the daemon.
 *
 *    filter    looks at a connection, an envelope or a message and reports
 *              findings.  It never decides what happens to the mail.
 *    action    carries out what a domain chose for a finding: change the
 *              subject, forward, reject, delete.
 *
 * Words used below
 *    instance  one configured use of a plugin, in one worker process
 *    call      one run of one hook for one instance
 *    chain     the filters of a domain, in the operator's order
 *    scope     the recipients of a transaction whose domains have one chain
 *              with equal settings
 *
 * Rules that hold everywhere
 *    Memory    Whoever allocates frees.  A pointer from the host stays good
 *              for the lifetime named with it; what the plugin passes in is
 *              copied before the host function returns.
 *    Threads   The host calls a plugin from one thread, never reentrantly.
 *              Host functions may be called on that thread only, and only
 *              while the host calls the plugin; a WnCall only by its own hook
 *              and callbacks.
 *    Time      A hook must not block.  Anything that waits is started with
 *              dns, timer or io, and the hook returns WN_PENDING.
 *    Strings   UTF-8 without NUL bytes unless said otherwise.  What comes from
 *              a client (HELO, addresses) may hold bytes that are not UTF-8.
 *    Pointers  No argument may be NULL unless its function says so.  A result
 *              is never NULL unless its function says so.
 *    Phases    Where a function belongs to certain hooks, others get
 *              WN_E_STATE from it, or, if it returns no error, nothing: 0, an
 *              empty string, NULL.  A function that names no hook works in all.
 *    Numbers   Flags that a reader does not know count as not set; an index
 *              past the end gives nothing.  Constants of an enum are as wide as
 *              the member that holds them, and negative ones are errors.
 *    Growth    See "How this header grows" at the end.
 *
 * Limits, which a later host may raise and never lowers
 *    plugin       256 options of 256 choices each, 64 data sets of 16 columns;
 *                 the names of all three [a-z][a-z0-9_]*, at most 64 bytes
 *    texts        bytes in name, source and each choice 64, version 64, license
 *                 128, summary and author 512, help 1024, fallback 4096,
 *                 columns 1024; UTF-8 without control characters.  A plugin
 *                 with another is refused
 *    instance     64 metrics, 16 functions of timer->every
 *    connection   64 KiB of memory of life WN_LIFE_CONN, all instances
 *                 together; a connection that takes more is ended with 421
 *    transaction  64 tags
 *    call         100 findings, 256 outstanding operations, 64 prefetches, 64
 *                 functions of at_end, 32 fields of add_header, 16 MiB in one
 *                 alloc
 *    apply        100 edits
 *
 * Names that are winnow's
 *    options      plugin, enabled, position, action, score, timeout, on_error,
 *                 on_match, decide; what begins with "on_" or "winnow_"; what
 *                 has a dot.  A plugin that declares one is refused.  One
 *                 option's meaning is fixed: message->phone uses "country".
 *    data sets    the same
 *    metrics      all but winnow_ext_..., of which <plugin>_... is yours
 *    tags         what begins with "winnow."
 *    interfaces   ids without a dot
 *    environment  variables that begin with "WINNOW_"
 *
 * When a worker dies
 *    A process that dies, by a crash or because a hook hung, takes along what
 *    plugins kept in it: memory of every life, slots, tags, self.  The next
 *    one makes instances anew and goes on with the connections.  There slots
 *    are NULL, and hooks that ran before may run again, for the same client,
 *    transaction, recipient or message.  at_end, transaction_end and
 *    connection_end of the dead process never come.  So an effect outside may
 *    happen twice, and what must be paired with an end needs another way out: a
 *    time-out, or shared, which survives.  Each worker has an instance of its
 *    own, and while a reload lasts there are workers of both configurations.
 *    An instance whose plugin ends processes too often is switched off: nothing
 *    of it is called any more, until a reload, not even to free.
 *
 * What a plugin may do
 *    It runs in a process that the kernel confines, as far as the machine can:
 *    what is not named here fails, mostly with EPERM or EACCES.
 *      files      Reading: what options in conf.d name and, unless winnow's
 *                 own files lie there, the folder that it is in; plugins,
 *                 libraries, what names of hosts, certificates and time zones
 *                 need.  Not what only a domain's settings name: make that a
 *                 data set.  Writing: nothing but /dev/null.
 *      network    Sockets of AF_INET, AF_INET6 and AF_UNIX that are not
 *                 SOCK_SEQPACKET, and connect().  No listen(), no accept().
 *      processes  Threads.  No fork, no exec, no signal but to itself, no
 *                 interval timers, no change of identity, limits, priority, or
 *                 of a file's mode and owner.
 *      memory     malloc() may return NULL: the process has a limit.
 *    compile, check and check_row of data sets run in a process without any
 *    socket that may read the configuration, lists and plugins.  So do
 *    instance_new and policy_new in `winnowctl check` and before each reload,
 *    besides the workers: they open no connection, or the configuration would
 *    be refused; a hook connects when it first needs to.  A later host may
 *    confine more only where nothing named here is lost.
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WN_ABI_MAJOR 1 /* also the number in the entry symbol's name */
#define WN_ABI_MINOR 0 /* the newest minor that this header describes */

/*
 * The minor whose members this translation unit may use, and by default the
 * least that it needs from the host.  Define it before the include to build
 * for older hosts.
 */
#ifndef WN_TARGET_MINOR
#define WN_TARGET_MINOR WN_ABI_MINOR
#endif

/*
 * The oldest host minor the plugin accepts.  Set it below WN_TARGET_MINOR
 * only if every newer member is guarded with WN_HAS().
 */
#ifndef WN_NEED_MINOR
#define WN_NEED_MINOR WN_TARGET_MINOR
#endif

#if WN_TARGET_MINOR > WN_ABI_MINOR || WN_NEED_MINOR > WN_ABI_MINOR
#error "WN_TARGET_MINOR or WN_NEED_MINOR is newer than this header"
#endif

#ifdef __cplusplus
#define WN_EXTERN_C extern "C"
#else
#define WN_EXTERN_C extern
#endif

#if defined(__GNUC__)
#define WN_EXPORT __attribute__((visibility("default")))
#define WN_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define WN_EXPORT
#define WN_PRINTF(f, a)
#endif

/* True if the host's table is new enough to have the member.  table may be
 * NULL.  Never needed for what minor 0 has. */
#define WN_HAS(Type, table, member) \
    ((table) != NULL                \
        && (table)->struct_size     \
               >= offsetof(Type, member) + sizeof((table)->member))

/*
 * Basic types
 */

typedef struct WnHost WnHost;         /* an instance's view of winnow */
typedef struct WnCall WnCall;         /* one run of one hook */
typedef struct WnSettings WnSettings; /* the option values that apply */

/* Bytes the plugin may read.  ptr is never NULL, also with len 0; ptr[len] is
 * NUL unless the function or member it comes from says "raw". */
typedef struct WnStr {
    const char *ptr;
    size_t len;
} WnStr;

/* What host functions return, and instance_new, policy_new and the functions of
 * a data set: 0, or one of these.  Any other number but 0 is an error too.
 * Later hosts may return numbers that this header does not name. */
enum {
    WN_OK = 0,
    WN_E_INVALID = -1,     /* an argument is wrong */
    WN_E_STATE = -2,       /* not allowed in this hook */
    WN_E_LIMIT = -3,       /* a limit is reached */
    WN_E_NOT_FOUND = -4,   /* there is none */
    WN_E_UNSUPPORTED = -5, /* this host does not do that */
    WN_E_FAILED = -6       /* it was tried and failed; the host logged why */
};

/* Filled by the plugin where a function has an err argument: one line for the
 * operator, without the plugin's name, with a NUL behind it.  Empty before.
 * Truncated, not overrun: use wn_error_set(). */
typedef struct WnError {
    uint32_t struct_size; /* set by the host */
    char text[252];
} WnError;

/* What a filter hook, and every completion callback, returns. */
typedef int32_t WnVerdict;
enum {
    WN_PASS = 0,    /* nothing found */
    WN_MATCH = 1,   /* found: at least one finding was reported in this call;
                     * without one it counts as WN_FAIL */
    WN_TRUST = 2,   /* deliver; later filters of the chain are skipped */
    WN_PENDING = 3, /* operations are outstanding; one of their callbacks will
                     * return the verdict */
    WN_FAIL = 4,    /* could not tell; the instance's on_error option decides
                     * between skipping the filter and a 451 reply */
    WN_DEFER = 5    /* a match that passes with time: a 450 reply, whatever
                     * action was chosen; with no action only recorded.  Needs
                     * a finding as WN_MATCH does */
};

/* What an action returns.  Any other number counts as WN_DELIVER and is logged
 * as the plugin's mistake. */
typedef int32_t WnDisposition;
enum {
    WN_DELIVER = 0,  /* go on, with the edits made so far */
    WN_REJECT = 1,   /* 5xx: edit->reply() may have set the text */
    WN_TEMPFAIL = 2, /* 4xx */
    WN_DISCARD = 3   /* answer 250, deliver to no one in this scope */
};

/* How long memory or a slot lives. */
typedef int32_t WnLife;
enum {
    WN_LIFE_CALL = 0, /* until this call's verdict */
    WN_LIFE_TXN = 1,  /* until RSET, the end of DATA, or the connection's end;
                       * transaction_end still sees it */
    WN_LIFE_CONN = 2  /* until the connection ends; connection_end still sees
                       * it */
};

/*
 * Options: declared once, checked by winnow wherever they are written
 */

typedef int32_t WnOptionType;
enum {
    WN_OPT_BOOL = 0,          /* int: 0 or 1 */
    WN_OPT_INT = 1,           /* int */
    WN_OPT_DURATION = 2,      /* int, milliseconds; written 30s, 5m */
    WN_OPT_SIZE = 3,          /* int, bytes; written 64k, 10M */
    WN_OPT_SCORE = 4,         /* int, thousandths of a point; written 2.5 */
    WN_OPT_ENUM = 5,          /* int: index into choices */
    WN_OPT_STRING = 6,        /* str */
    WN_OPT_ADDRESS = 7,       /* str: a mailbox, checked */
    WN_OPT_STRING_LIST = 8,   /* list; written a; b; c */
    WN_OPT_NET_LIST = 9,      /* list, and net_match() */
    WN_OPT_ADDRESS_LIST = 10, /* list: mailboxes, checked */
    WN_OPT_NAME_LIST = 11     /* list: host or domain names, checked; with a
                               * dot in front, what lies below as well */
};

enum {
    WN_OPT_PER_DOMAIN = 1u << 0, /* a domain may override it */
    WN_OPT_REQUIRED = 1u << 1,   /* has no default */
    WN_OPT_SECRET = 1u << 2,     /* never logged or shown */
    WN_OPT_FILE = 1u << 3,       /* STRING, STRING_LIST: names of files.  A
                                  * relative one starts in the folder of the
                                  * file that sets it; the plugin gets
                                  * absolute paths */
    WN_OPT_RISKY = 1u << 4       /* whoever sets it is warned; help is why */
};

typedef struct WnOption {
    const char *name; /* [a-z][a-z0-9_]*, unique in the plugin, not winnow's */
    const char *help; /* one sentence, shown by winnowctl */
    WnOptionType type;
    uint32_t flags;
    const char *fallback; /* as written in a file; NULL with WN_OPT_REQUIRED */
    int64_t min, max;     /* both 0: no limits.  In the unit of integer();
                           * lists: number of items; strings: bytes */
    const char *const *choices; /* WN_OPT_ENUM: NULL-terminated */
} WnOption;

/* Option values.  index is the option's place in the plugin's own array.  The
 * settings of instance_new live as long as the instance, those of policy_new as
 * long as the policy, those of a call as long as the call.  Asked for an option
 * of another type, each function gives nothing. */
typedef struct WnSettingsApi {
    uint32_t struct_size;
    uint32_t reserved;

    /* BOOL, INT, DURATION, SIZE, SCORE, ENUM.  Never fails: winnow checked the
     * value against min, max and choices. */
    int64_t (*integer)(const WnSettings *settings, uint32_t index);

    /* STRING, ADDRESS, nothing else.  Lifetime: that of settings. */
    WnStr (*string)(const WnSettings *settings, uint32_t index);

    /* All four lists, in the order written.  Lifetime: that of settings. */
    uint32_t (*count)(const WnSettings *settings, uint32_t index);
    WnStr (*item)(const WnSettings *settings, uint32_t index, uint32_t n);

    /* NET_LIST: the position of the narrowest network that holds the address
     * (4 or 16 bytes, network order), of equal ones the first; WN_E_NOT_FOUND,
     * also for an option of another type; WN_E_INVALID for another length. */
    int32_t (*net_match)(const WnSettings *settings, uint32_t index,
        const uint8_t *address, uint32_t address_len);
} WnSettingsApi;

/*
 * Facts: who is sending, to whom
 *
 * The structures below are the host's.  New members are added at their end,
 * so they are reached by pointer only: never copy one or index an array.
 */

enum {
    WN_RDNS_NONE = 0,     /* no PTR record */
    WN_RDNS_VERIFIED = 1, /* PTR and address record agree */
    WN_RDNS_MISMATCH = 2, /* they do not */
    WN_RDNS_UNKNOWN = 3   /* DNS did not answer */
};

/* One object for a connection.  What is learned later changes in it from one
 * call to the next, never during a call's own code: rdns, which may still be
 * WN_RDNS_UNKNOWN at the first hooks, helo and tls_version.  Strings that it
 * pointed to stay good for the connection. */
typedef struct WnClient {
    uint32_t struct_size;
    uint32_t address_len; /* 4 or 16 */
    uint8_t address[16];  /* network order; an IPv4-mapped address is IPv4 */
    WnStr address_text;
    WnStr rdns; /* empty unless WN_RDNS_VERIFIED or _MISMATCH */
    int32_t rdns_status;
    uint16_t port;
    uint16_t tls_version; /* 0 without TLS, else as on the wire: 0x0304 */
    WnStr helo;           /* as given; empty before HELO */
    WnStr listener;       /* the listener's name in the configuration */
} WnClient;

enum {
    WN_ADDR_NULL = 1u << 0, /* MAIL FROM:<> */
    WN_ADDR_UTF8 = 1u << 1  /* local part or domain is not ASCII */
};

typedef struct WnAddress {
    uint32_t struct_size;
    uint32_t flags;
    WnStr text;   /* as given, without brackets or source route */
    WnStr local;  /* unquoted */
    WnStr domain; /* lower case, A-labels; empty if there is none */
} WnAddress;

typedef struct WnFactsApi {
    uint32_t struct_size;
    uint32_t reserved;

    const WnClient *(*client)(const WnCall *call); /* lifetime: connection */

    /* Lifetime: transaction.  NULL before MAIL. */
    const WnAddress *(*sender)(const WnCall *call);

    /* The recipients in this call's scope, 0 before RCPT; in rcpt, and in an
     * apply before there is a message, just the one asked about.  recipient()
     * gives NULL for an n past the last.  Lifetime: transaction. */
    uint32_t (*n_recipients)(const WnCall *call);
    const WnAddress *(*recipient)(const WnCall *call, uint32_t n);

    /* All recipients accepted so far, in any scope; 0 before RCPT. */
    uint32_t (*n_recipients_total)(const WnCall *call);

    /* The domain of the first of these recipients; others may be of domains
     * with equal settings.  Empty before RCPT.  Lifetime: transaction. */
    WnStr (*domain)(const WnCall *call);

    /* The transaction's id as it appears in the log; empty before MAIL.
     * Lifetime: transaction. */
    WnStr (*transaction_id)(const WnCall *call);

    /* A tag set earlier in this transaction by any filter: its value with
     * *found 1, or the empty string with *found 0.  found may be NULL.
     * Lifetime: until the tag is set again, at most the transaction. */
    WnStr (*tag)(const WnCall *call, const char *name, int32_t *found);

    /* Only in transaction_end: the WnDisposition of the call's scope, or
     * WN_E_NOT_FOUND if it ended before there was one; WN_E_NOT_FOUND, too, in
     * every other hook.  What filters decided: the message may still have been
     * refused for another reason. */
    int32_t (*outcome)(const WnCall *call);
} WnFactsApi;

/*
 * The message: parsed once, shared by all filters, each view made on demand
 */

typedef struct WnHeader {
    uint32_t struct_size;
    uint32_t reserved;
    WnStr name;  /* as written */
    WnStr raw;   /* after the colon, folded, with its line ends (raw).  Where it
                  * lies is nobody's business: see message->body */
    WnStr value; /* unfolded, trimmed, encoded words decoded */
} WnHeader;

enum {
    WN_PART_ATTACHMENT = 1u << 0, /* by disposition or by having a file name */
    WN_PART_MULTIPART = 1u << 1,  /* a container; it has no data of its own */
    WN_PART_MESSAGE = 1u << 2,    /* message/rfc822; its parts follow */
    WN_PART_BROKEN = 1u << 3      /* the encoding had errors */
};

typedef struct WnPart {
    uint32_t struct_size;
    uint32_t flags;
    int32_t parent;  /* index of the container, -1 for the top */
    uint32_t depth;  /* 0 for the top */
    WnStr type;      /* "text/html", lower case */
    WnStr charset;   /* as declared, lower case */
    WnStr file_name; /* decoded; empty without one */
    WnStr raw;       /* still encoded (raw) */
} WnPart;

typedef int32_t WnTextForm;
enum {
    WN_TEXT_SHOWN = 0,  /* what a reader sees: subject, a line feed, then all
                         * text parts in order, HTML rendered */
    WN_TEXT_FOLDED = 1, /* SHOWN for matching: case and width folded, look-alike
                         * letters mapped, invisible characters removed, each
                         * run of white space one space */
    WN_TEXT_HIDDEN = 2  /* text that HTML hides from the reader */
};

/* Changes whenever a rule of doc/text-forms.md does.  A data set made from
 * folded text holds it as part of its format: text folded by other rules is
 * another text. */
#define WN_TEXT_FORMS 1

enum {
    WN_URL_FROM_LINK = 1u << 0, /* an HTML attribute */
    WN_URL_FROM_TEXT = 1u << 1, /* found in text */
    WN_URL_FROM_HEADER = 1u << 2,
    WN_URL_NO_SCHEME = 1u << 3, /* www.example.com, example.com/x */
    WN_URL_IP_HOST = 1u << 4,
    WN_URL_DISGUISED = 1u << 5, /* hidden from simple scanners: entities,
                                 * soft hyphens, look-alikes, user@ part */
    WN_URL_ADDRESS = 1u << 6,   /* mailto, or an e-mail address in text: host is
                                 * the address's, path is empty */
    WN_URL_HIDDEN = 1u << 7     /* only in text that HTML hides */
};

typedef struct WnUrl {
    uint32_t struct_size;
    uint32_t flags;
    WnStr text;       /* as found */
    WnStr host;       /* lower case, A-labels, or an IP address */
    WnStr registered; /* the name below the public suffix; empty for an IP */
    WnStr path;       /* percent-decoded once; from the slash on */
    WnStr query;
    int32_t part;  /* index of the part, -1 for a header */
    uint16_t port; /* 0: the scheme's own */
    uint16_t reserved;
} WnUrl;

enum {
    WN_PHONE_COUNTRY = 1u << 0,   /* its country code was written */
    WN_PHONE_ASSUMED = 1u << 1,   /* that of the option "country" was put */
    WN_PHONE_NATIONAL = 1u << 2,  /* digits have no country code */
    WN_PHONE_LETTERS = 1u << 3,   /* 1-800-FLOWERS */
    WN_PHONE_DISGUISED = 1u << 4, /* invisible characters, digits that are not
                                   * ASCII, O for 0 */
    WN_PHONE_SPLIT = 1u << 5,     /* by a line end */
    WN_PHONE_EXTENSION = 1u << 6, /* text has an extension, digits not */
    WN_PHONE_LINK = 1u << 7       /* tel:, sms: and their like */
};

typedef struct WnPhone {
    uint32_t struct_size;
    uint32_t flags; /* WN_PHONE_* */
    WnStr text;     /* as found */
    WnStr digits;   /* country code and number, without dialling prefixes */
    int32_t part;   /* index of the part, -1 for a header */
    uint32_t reserved;
} WnPhone;

enum {
    WN_MSG_TOO_DEEP = 1u << 0,  /* nesting limit: inner parts not parsed */
    WN_MSG_TOO_MANY = 1u << 1,  /* part, URL or phone limit */
    WN_MSG_TRUNCATED = 1u << 2, /* decoded text or data was cut at its limit */
    WN_MSG_BARE_EOL = 1u << 3,  /* had bare CR or LF */
    WN_MSG_8BIT_HEADER = 1u << 4, /* unencoded 8-bit header */

    /* Two programs may read these in two ways. */
    WN_MSG_TWICE_FROM = 1u << 5,   /* two From fields */
    WN_MSG_TWICE_HEADER = 1u << 6, /* two of any other field that stands once:
                                    * Subject, Date, To, Message-ID ... */
    WN_MSG_ODD_FROM = 1u << 7,   /* space before its colon, several addresses, a
                                  * route, an encoded word in the address */
    WN_MSG_BAD_HEADER = 1u << 8, /* a line without colon, continuation at
                                  * the top, mbox line */
    WN_MSG_NO_SEPARATOR = 1u << 9, /* no empty line behind the header */
    WN_MSG_TWICE_MIME = 1u << 10,  /* two Content-Type, -Disposition or
                                    * -Transfer-Encoding fields in a part */
    WN_MSG_TWO_BOUNDARIES = 1u << 11,
    WN_MSG_NO_BOUNDARY = 1u << 12,   /* a multipart without one, or in which its
                                      * boundary was not found */
    WN_MSG_OPEN_BOUNDARY = 1u << 13, /* a multipart that is not closed */
    WN_MSG_NAME_CONFLICT = 1u << 14, /* two file names of one part differ */
    WN_MSG_PARAM_TWICE = 1u << 15, /* any other parameter twice, like charset */
    WN_MSG_BAD_ENCODING = 1u << 16,  /* an unknown transfer encoding */
    WN_MSG_ENCODED_MULTI = 1u << 17, /* a multipart with a transfer encoding */
    WN_MSG_NUL = 1u << 18,           /* NUL bytes */
    WN_MSG_NO_VERSION = 1u << 19,    /* MIME fields without MIME-Version */
    WN_MSG_BAD_CONTENT = 1u << 20,   /* errors in base64 and so on */
    WN_MSG_BAD_CHARSET = 1u << 21    /* an unknown charset of a text part */
};

/* In the headers hook: the functions with header in their name.  In message,
 * and in apply at the end of DATA: everything.  Elsewhere: nothing.  Lifetime
 * of all results: transaction.  All show the message as received; edits do not
 * change what filters see.  What has an index gives NULL, or the empty string,
 * past the last. */
typedef struct WnMessageApi {
    uint32_t struct_size;
    uint32_t reserved;

    WnStr (*raw)(WnCall *call); /* the whole message, CRLF lines (raw) */
    uint64_t (*size)(WnCall *call);
    uint32_t (*problems)(WnCall *call); /* WN_MSG_* */

    uint32_t (*n_headers)(WnCall *call);
    const WnHeader *(*header)(WnCall *call, uint32_t n); /* top first */

    /* The nth header of that name, top first from 0, any case; NULL if there is
     * none. */
    const WnHeader *(*header_named)(WnCall *call, const char *name, uint32_t n);

    uint32_t (*n_parts)(WnCall *call);
    const WnPart *(*part)(WnCall *call, uint32_t n); /* depth first; 0 is top */
    WnStr (*part_data)(WnCall *call, uint32_t n);    /* decoded bytes (raw) */
    WnStr (*part_text)(WnCall *call, uint32_t n);    /* UTF-8, HTML rendered;
                                                      * empty if not text */

    /* Empty for a form that the host does not know. */
    WnStr (*text)(WnCall *call, WnTextForm form);

    uint32_t (*n_urls)(WnCall *call);
    const WnUrl *(*url)(WnCall *call, uint32_t n);

    /* Numbers written in the national way get the country code of the plugin's
     * option named "country" (WN_OPT_STRING, two letters like "US") as the
     * call's settings have it; without the option, or where it is empty, they
     * have none (WN_PHONE_NATIONAL), and fewer layouts count as numbers. */
    uint32_t (*n_phones)(WnCall *call);
    const WnPhone *(*phone)(WnCall *call, uint32_t n);

    /* What stands behind the header and its empty line (raw).  Empty if there
     * is nothing; where the empty line is missing, what follows the last field
     * (WN_MSG_NO_SEPARATOR). */
    WnStr (*body)(WnCall *call);
} WnMessageApi;

/*
 * Calls: findings, tags, memory
 */

typedef struct WnFinding {
    uint32_t struct_size; /* sizeof(WnFinding) */
    int32_t score;        /* thousandths of a point; 0: not said, and a later
                           * host may put one for it */
    const char *rule;     /* short, stable, no spaces: "spamhaus-zen"; cut at
                           * 64 bytes; not NULL, not empty */
    const char
        *evidence; /* for people, one line, cut at 200 bytes; may be NULL */
} WnFinding;

typedef void (*WnEndFn)(void *user);

typedef struct WnCallApi {
    uint32_t struct_size;
    uint32_t reserved;

    /* Settings that apply here: those of the scope's domains from rcpt on, and
     * in apply; the instance's before, and in connection_end.  Lifetime:
     * call. */
    const WnSettings *(*settings)(const WnCall *call);

    /* What policy_new() made of them; NULL without policy_new, or if it made
     * nothing.  Lifetime: call; the object itself is the plugin's. */
    const void *(*policy)(const WnCall *call);

    /* Reports a finding; may be repeated.  Then return WN_MATCH or WN_DEFER;
     * with WN_TRUST it tells why; with WN_PASS and WN_FAIL it is forgotten.
     * Only in a filter's hooks from connect to message and their callbacks.
     * WN_E_INVALID: no rule, or a struct_size below that of minor 0.
     * WN_E_LIMIT. */
    int32_t (*report)(WnCall *call, const WnFinding *finding);

    /* Leaves a note on the transaction for later filters and the log, over any
     * of that name.  Only after MAIL, in hooks from mail to message.  A name
     * has 1 to 64 bytes of [a-z0-9_.-], best begun with the plugin's own and a
     * dot, and not with "winnow."; a value at most 256 without control
     * characters.  WN_E_INVALID, WN_E_LIMIT. */
    int32_t (*set_tag)(WnCall *call, const char *name, const char *value);

    /* Zeroed memory, aligned to 16, freed by the host at the life's end; of its
     * own address with size 0 too.  NULL for more than 16 MiB at once, never
     * below.  WN_LIFE_TXN lasts for the connection where there is no
     * transaction; a life not known counts as WN_LIFE_CALL. */
    void *(*alloc)(WnCall *call, WnLife life, size_t size);

    /* The operations that the call still waits for.  In a callback, its own is
     * not counted. */
    uint32_t (*outstanding)(const WnCall *call);

    /* One pointer of the instance's own for each connection or transaction,
     * NULL at first, and again after a worker's death.  Point it at memory of
     * the same life.  Where there is no transaction, and for WN_LIFE_CALL, it
     * lives for the call. */
    void **(*slot)(WnCall *call, WnLife life);

    /* Runs fn(user) once when the call is over, however it ends: a verdict, the
     * time-out, a client that went away.  Nothing is outstanding by then, and
     * memory of the call is still there; fn must not use the call.  For what
     * winnow cannot free: close a descriptor here, or give it back to the
     * instance's idle ones.  What was asked for last runs first.  At most 64 in
     * a call: WN_E_LIMIT.  Not in transaction_end, connection_end and apply a
     * way to wait: fn runs right behind them. */
    int32_t (*at_end)(WnCall *call, WnEndFn fn, void *user);

    /* Only in message.  Puts a field on top of this scope's copies, for whoever
     * reads them later: Authentication-Results, X-Spam-Status.  It is a note,
     * taken with any verdict but WN_FAIL; a filter cannot change what the
     * sender wrote.  value is unfolded UTF-8 of at most 4096 bytes without line
     * ends; the host encodes and folds.  WN_E_INVALID also for Received,
     * X-Winnow-*, Content-* and what a message has once (From, Subject, ...);
     * WN_E_LIMIT behind 32 fields. */
    int32_t (*add_header)(WnCall *call, const char *name, const char *value);
} WnCallApi;

/*
 * Waiting
 *
 * An operation belongs to the call that started it.  Its callback gets that
 * call and returns a verdict:
 *
 *    WN_PENDING   other operations of the call are still to be awaited
 *    any other    the call is finished with it
 *
 * When a call finishes - by a verdict, by the instance's timeout, because the
 * client went away - the host cancels what is outstanding, and no callback
 * runs after that.  user is best taken from alloc(call, WN_LIFE_CALL, ...).
 * If the last operation's callback returns WN_PENDING the call could never
 * finish: the host logs the plugin's mistake and takes it as WN_FAIL.
 *
 * Operations are started in a filter's hooks from connect to message and in
 * their callbacks; elsewhere they give WN_E_STATE.  The other errors are
 * WN_E_INVALID for arguments and WN_E_LIMIT; then no callback runs.
 */

enum {
    WN_DNS_A = 1,
    WN_DNS_NS = 2,
    WN_DNS_PTR = 12,
    WN_DNS_MX = 15,
    WN_DNS_TXT = 16,
    WN_DNS_AAAA = 28
};

enum {
    WN_DNS_FOUND = 0,
    WN_DNS_NO_DATA = 1, /* the name exists, the type does not */
    WN_DNS_NO_NAME = 2, /* NXDOMAIN */
    WN_DNS_FAILED = 3   /* SERVFAIL, timeout, refused */
};

typedef struct WnDnsRecord {
    uint32_t struct_size;
    uint16_t type;
    uint16_t preference; /* MX */
    uint32_t data_len;   /* A, AAAA: 4 or 16 */
    uint32_t reserved;
    uint8_t data[16];
    WnStr text; /* TXT joined, any bytes; NS, MX, PTR name, lower case */
} WnDnsRecord;

typedef struct WnAnswer WnAnswer;

typedef WnVerdict (*WnDnsFn)(void *user, WnCall *call, const WnAnswer *answer);
typedef WnVerdict (*WnTimerFn)(void *user, WnCall *call);
typedef WnVerdict (*WnIoFn)(void *user, WnCall *call, int fd, uint32_t events);
typedef void (*WnTickFn)(void *self);

typedef struct WnDnsApi {
    uint32_t struct_size;
    uint32_t reserved;

    /* Asks the resolver; equal questions from any call share one answer, kept
     * for its TTL.  A name has 1 to 255 bytes; one that DNS does not know how
     * to ask for gives WN_DNS_FAILED.  type is one of WN_DNS_A and so on.  The
     * callback never runs before this function returns. */
    int32_t (*query)(WnCall *call, const char *name, uint16_t type, WnDnsFn fn,
        void *user);

    /* Warms the cache and forgets: for hooks that run before the answer is
     * needed.  What cannot be asked is ignored. */
    void (*prefetch)(WnCall *call, const char *name, uint16_t type);

    /* WN_DNS_FOUND and so on; any other number counts as WN_DNS_FAILED.  The
     * answer is good during the callback, and so is what the next two give;
     * record() is NULL past the last. */
    int32_t (*status)(const WnAnswer *answer);
    uint32_t (*n_records)(const WnAnswer *answer);
    const WnDnsRecord *(*record)(const WnAnswer *answer, uint32_t n);
} WnDnsApi;

typedef struct WnTimerApi {
    uint32_t struct_size;
    uint32_t reserved;

    int64_t (*monotonic_ms)(const WnHost *host); /* for differences */
    int64_t (*unix_time)(const WnHost *host);    /* seconds since 1970, UTC */

    /* After 0 ms: as soon as other connections have had their turn.  A hook
     * with much to compute cuts its work into such steps. */
    int32_t (*after)(WnCall *call, uint32_t ms, WnTimerFn fn, void *user);

    /* Runs fn with the instance's self every ms (from 1 on) until
     * instance_free, for its own upkeep.  Only in instance_new; nothing runs if
     * that fails.  WN_E_INVALID, WN_E_LIMIT. */
    int32_t (*every)(const WnHost *host, uint32_t ms, WnTickFn fn);
} WnTimerApi;

enum {
    WN_IO_READ = 1u << 0,
    WN_IO_WRITE = 1u << 1,
    WN_IO_ERROR = 1u << 2 /* reported only, perhaps with one of the others; a
                           * host may leave it to read() or write() to tell */
};

typedef struct WnIoApi {
    uint32_t struct_size;
    uint32_t reserved;

    /* Waits once for a non-blocking socket or pipe that the plugin opened and
     * will close; what is WN_IO_READ, WN_IO_WRITE, or both.  WN_E_INVALID for
     * any other descriptor (files, folders, devices) and for what is none.  The
     * plugin must not close it while the wait is outstanding.  When the call is
     * over no wait is: a descriptor that lives in the instance may be used by
     * the next call, and what a cancelled call left half done on it is the
     * plugin's to notice.  Only one call at a time may wait for it. */
    int32_t (*wait)(WnCall *call, int fd, uint32_t what, WnIoFn fn, void *user);
} WnIoApi;

/*
 * Edits: only in an action's apply
 */

/* Edits touch the copies for this call's scope and no other.  Outside apply,
 * and for all but reply() in an apply at connect or RCPT: WN_E_STATE.
 * WN_E_INVALID for what may not stand in a message, WN_E_LIMIT for too many. */
typedef struct WnEditApi {
    uint32_t struct_size;
    uint32_t reserved;

    /* The value is unfolded UTF-8 of at most 4096 bytes; the host encodes and
     * folds.  Refused are the names Received and X-Winnow-...: they are the
     * host's.  set_header replaces the first field of that name and removes the
     * others, or adds it; to remove what is not there is no error. */
    int32_t (*add_header)(WnCall *call, const char *name, const char *value);
    int32_t (*set_header)(WnCall *call, const char *name, const char *value);
    int32_t (*remove_headers)(WnCall *call, const char *name);

    /* Puts text before the subject unless it already stands there. */
    int32_t (*prefix_subject)(WnCall *call, const char *text);

    /* Sends the scope's copy to this address instead of its recipients.  The
     * last address counts. */
    int32_t (*redirect)(WnCall *call, const char *address);

    /* The reply for WN_REJECT and WN_TEMPFAIL.  code is 4xx or 5xx to suit,
     * enhanced like "5.7.1" or NULL, text up to four lines split by a line
     * feed, each cut at 400 bytes, or NULL: winnow's own words.  WN_E_INVALID
     * for a code that is neither, or an enhanced of another class.  In text %c
     * is the client's address, %s the sender, %r the recipient, %d the domain,
     * %f the filter, %e the evidence, %i the transaction's id, %h this relay's
     * name, and %% a percent sign. */
    int32_t (*reply)(WnCall *call, uint16_t code, const char *enhanced,
        const char *text);
} WnEditApi;

/*
 * Data sets: tables compiled once, mapped by every worker
 */

/* Rows of a table, handed to compile().  Fields in the order of columns; raw,
 * and from files not necessarily UTF-8. */
typedef struct WnRows {
    uint32_t struct_size;
    uint32_t reserved;
    /* The next row, an array of as many fields as there are columns, or NULL at
     * the end.  Good until the next call. */
    const WnStr *(*next)(struct WnRows *rows);
} WnRows;

/* Where compile() writes the blob.  Both give WN_OK, WN_E_LIMIT for a blob that
 * grows too large, WN_E_INVALID for a write_at past the end, or WN_E_FAILED;
 * after an error compile() returns it. */
typedef struct WnSink {
    uint32_t struct_size;
    uint32_t reserved;
    int32_t (*write)(struct WnSink *sink, const void *data, size_t size);
    int32_t (*write_at)(struct WnSink *sink, uint64_t offset, const void *data,
        size_t size); /* over what is already written */
} WnSink;

/*
 * Rows come from the files that the option with the data set's name lists (an
 * option with WN_OPT_FILE: one row a line, only the first column filled), and,
 * where settings come from a database, from the table that source names.  A
 * domain that sets the option for itself gets a blob of its own.
 */
enum {
    /* Rows have one more field behind those of columns, in check_row and in
     * compile: the first column as message->text(WN_TEXT_FOLDED) would give it
     * if it stood in a message. */
    WN_DATASET_FOLDED = 1u << 0
};

typedef struct WnDataset {
    const char *name;    /* unique in the plugin, not winnow's */
    const char *source;  /* the table, "url_entry"; NULL: files only */
    const char *columns; /* "value,source,added_at"; the first is the key */
    uint32_t format;     /* changes when the blob's layout does */
    uint32_t flags;      /* WN_DATASET_... */

    /* Optional: whether one row can be used, with the reason in err.  Asked
     * when rows are imported, and for each row before compile(): a refused row
     * is left out and reported with its file and line. */
    int32_t (*check_row)(const WnStr *fields, WnError *err);

    /* In the sync process, never in a worker.  Rows arrive ordered by the first
     * column's bytes, each first column once.  The same rows must give the same
     * bytes. */
    int32_t (*compile)(WnRows *rows, WnSink *sink, WnError *err);

    /* In the sync process before publishing, and in tests: refuse what lookup
     * code could not read safely.  blob is aligned to 64. */
    int32_t (*check)(const void *blob, size_t size, WnError *err);
} WnDataset;

typedef struct WnBlob {
    uint32_t struct_size;
    uint32_t format;
    const void *data; /* aligned to 64, read-only */
    uint64_t size;
    uint64_t generation; /* grows with each publication */
    int64_t built;       /* Unix time */
    uint64_t rows;
} WnBlob;

typedef struct WnDataApi {
    uint32_t struct_size;
    uint32_t reserved;

    /* The generation that this transaction uses, the same for all its calls,
     * made of the files or rows that the call's settings name.  NULL if none
     * was published yet, if it has another format than the plugin declares, or
     * if the plugin declares no data set of that name.  Lifetime: call. */
    const WnBlob *(*blob)(WnCall *call, const char *name);
} WnDataApi;

/*
 * Shared memory: what all workers of this relay must know at once
 */

/* 64-bit values under keys, each instance's its own; kept over reloads and
 * restarts.  The table is bounded: where it is full, what was written longest
 * ago gives way, so it holds hints (rates, greylists), never records. */
typedef struct WnSharedApi {
    uint32_t struct_size;
    uint32_t reserved;

    /* Neither in instance_new: WN_E_STATE.  WN_E_INVALID for the key's length
     * or a ttl_s of 0 with a value. */

    /* The value, or WN_E_NOT_FOUND and 0.  A key has 1 to 1024 bytes. */
    int32_t (*load)(const WnHost *host, const void *key, size_t key_len,
        uint64_t *value);

    /* Writes value if it still is expected (0: there is none).  WN_E_STATE:
     * another worker was faster; load again.  Forgotten after ttl_s seconds;
     * a value of 0 forgets it now. */
    int32_t (*replace)(const WnHost *host, const void *key, size_t key_len,
        uint64_t expected, uint64_t value, uint32_t ttl_s);
} WnSharedApi;

/*
 * Log and metrics
 */

typedef int32_t WnLogLevel;
enum {
    WN_LOG_ERROR = 0, /* an operator must act */
    WN_LOG_WARNING = 1,
    WN_LOG_INFO = 2,
    WN_LOG_DEBUG = 3
};

typedef struct WnLogApi {
    uint32_t struct_size;
    uint32_t reserved;

    int32_t (*enabled)(const WnHost *host, WnLogLevel level);

    /* The host adds time, instance and, with a call, the transaction's id.
     * call may be NULL.  text is cut at 1024 bytes; control characters are
     * replaced.  A level not known counts as WN_LOG_DEBUG. */
    void (*write)(const WnHost *host, WnLogLevel level, const WnCall *call,
        const char *text, size_t len);
} WnLogApi;

typedef struct WnMetricsApi {
    uint32_t struct_size;
    uint32_t reserved;

    /* Only in instance_new.  Exported as winnow_ext_<plugin>_<name> with the
     * label instance; name [a-z][a-z0-9_]*, at most 32 bytes: WN_E_INVALID.
     * WN_E_LIMIT.  Returns an id from 0 on for the functions below, or an
     * error.  What is not an id of the right kind, like an error, is ignored
     * there.  Instances of all workers, and of later ones, count together; a
     * name has one kind in the whole plugin.  A relay exports 4096 metrics;
     * what comes later is counted and not seen. */
    int32_t (*counter)(const WnHost *host, const char *name, const char *help);
    int32_t (*gauge)(const WnHost *host, const char *name, const char *help);
    int32_t (*histogram)(const WnHost *host, const char *name,
        const char *help); /* of milliseconds; exported in seconds */

    void (*add)(const WnHost *host, int32_t counter, uint64_t n);
    void (*set)(const WnHost *host, int32_t gauge, int64_t value);
    void (*observe)(const WnHost *host, int32_t histogram, double ms);
} WnMetricsApi;

/*
 * The host
 */

/* Made for one instance, valid from instance_new until instance_free returns,
 * and so are the tables and strings.  No table pointer that this minor names is
 * ever NULL, nor any function in its table. */
struct WnHost {
    uint32_t struct_size;
    uint16_t abi_major;
    uint16_t abi_minor;
    const char *version;       /* of winnow, for the log: do not compare */
    const char *instance_name; /* the name in conf.d */
    const char *hostname;      /* of the relay, as it calls itself in SMTP */

    const WnLogApi *log;
    const WnMetricsApi *metrics;
    const WnSettingsApi *settings;
    const WnTimerApi *timer;
    const WnCallApi *call;
    const WnFactsApi *facts;
    const WnMessageApi *message;
    const WnDnsApi *dns;
    const WnIoApi *io;
    const WnDataApi *data;
    const WnEditApi *edit;
    const WnSharedApi *shared;

    /* Interfaces that are not, or not yet, part of this header: a table whose
     * layout the id fixes, like "org.example.scan/1", or NULL.  Ids without a
     * dot are winnow's own: "tarpit/1". */
    const void *(*get_interface)(const WnHost *host, const char *id);
};

/*
 * What a plugin provides
 */

enum {
    /* headers and message find the same whatever the settings and recipients
     * are: run once for a message, with those of its first scope, and the
     * result is used for every scope. */
    WN_FILTER_SHARED = 1u << 0,

    /* rcpt finds the same for all recipients with equal settings, as it looks
     * at nothing but client, sender and settings: run once for a transaction
     * and set of settings.  If it asks for a fact of the recipient after all
     * (see headers), its result holds for that recipient only. */
    WN_FILTER_RCPT_SHARED = 1u << 1
};

/*
 * When hooks run
 *
 * Order: the hooks of an instance run in the order below, rcpt to message for
 * one scope after another, and one at a time for a connection: none begins
 * before the last has its verdict.  Between instances nothing is promised of
 * connect, helo and mail.  What runs at RCPT comes in the order of the chain,
 * and so does what runs with the message, where a filter finds the tags of
 * those before it.
 *
 * Time: the host runs a hook as late as it likes, up to the moment that its
 * result is needed.  A filter that no one asks is not run: its domain does not
 * have it, another filter of the chain had decided or trusted before, the
 * recipient or sender was refused for another reason, or the client left.  So a
 * client that leaves early may never be seen, unless the instance decides for
 * listeners (decide = listener), which runs connect before the banner.
 *
 *    connect          once for a connection; latest: before rcpt or headers
 *    helo             once for each name that the client gives, if needed
 *                     before it gives the next; latest: as connect
 *    mail             once for a transaction; latest: as connect
 *
 * This host runs the three, without waiting for them, when the first recipient
 * of a domain with the filter is accepted and the look-up of the client's name
 * is over, so that what they look up comes while the client sends the message.
 *
 *    rcpt             once for each recipient and transaction (the same address
 *                     twice is one), or as WN_FILTER_RCPT_SHARED says; at RCPT
 *                     if the filter has neither headers nor message and its
 *                     action can refuse, and else right before headers
 *    headers,         once for a message and each set of settings that its
 *    message          scopes have for the instance: the result is used for all
 *                     scopes with equal settings.  If the hook asks for
 *                     recipient(), n_recipients(), n_recipients_total(),
 *                     domain() or tag(), its result holds for that scope only,
 *                     and it runs again for others
 *
 * A later host may run hooks earlier, never in another order or more often; a
 * worker's death may repeat them.  A plugin counts connections, transactions
 * and messages that reach it, not those that the relay sees.
 */
typedef struct WnFilter {
    uint32_t struct_size; /* sizeof(WnFilter) */
    uint32_t flags;       /* WN_FILTER_... */

    /* All hooks may be NULL.  connect, helo and mail run with the instance's
     * settings: no recipient is known yet.  What they report is kept, and each
     * domain's settings decide at RCPT or at the end of DATA; where those
     * differ from the instance's, a filter with rcpt is believed from there on
     * only. */
    WnVerdict (*connect)(void *self, WnCall *call);
    WnVerdict (*helo)(void *self, WnCall *call);
    WnVerdict (*mail)(void *self, WnCall *call);
    WnVerdict (*rcpt)(void *self, WnCall *call);
    WnVerdict (*headers)(void *self, WnCall *call); /* all of DATA is in */
    WnVerdict (*message)(void *self, WnCall *call); /* the same */

    /* Tidying up and learning from the outcome: no waiting, no findings, no
     * message.  Only for filters of which another hook ran; the first once for
     * each scope whose domains use the filter, or, if it came to no scope, once
     * with the instance's settings.  What has the life that ends is still
     * there.  They come soon after the end, not at it, and never of a process
     * that died. */
    void (*transaction_end)(void *self, WnCall *call);
    void (*connection_end)(void *self, WnCall *call);
} WnFilter;

/* What led to an action.  Lifetime: the call of apply. */
typedef struct WnDecision {
    uint32_t struct_size;
    int32_t score;  /* thousandths of a point, of all findings together */
    WnStr filter;   /* instance name */
    WnStr rule;     /* of the first finding */
    WnStr evidence; /* of the first finding; empty without */
} WnDecision;

enum {
    /* apply returns WN_DELIVER or WN_DISCARD only, so recipients with
     * different settings may share a transaction.  Another counts as
     * WN_DELIVER and is logged as the plugin's mistake. */
    WN_ACTION_NEVER_REFUSES = 1u << 0
};

typedef struct WnAction {
    uint32_t struct_size; /* sizeof(WnAction) */
    uint32_t flags;       /* WN_ACTION_... */

    /* Runs once for a match of a filter that has this action: at the end of
     * DATA for each scope, and before that, where a filter matched already at
     * connect or RCPT, to refuse there.  Then there is no message, at connect
     * no sender either, only reply() may be used, and WN_DISCARD refuses
     * nothing: it comes into force at the end of DATA, when apply runs again.
     * Cannot wait.  self is that of the action's instance, of which there is
     * one for all filters; settings are the filter's options "action.NAME". */
    WnDisposition (*apply)(void *self, WnCall *call, const WnDecision *why);
} WnAction;

typedef struct WnPlugin {
    uint32_t struct_size; /* down to reserved: WN_PLUGIN_HEAD */
    uint16_t abi_major;
    uint16_t abi_minor;
    uint16_t need_minor;
    uint16_t option_size;  /* sizeof(WnOption): see WN_OPTIONS */
    uint16_t dataset_size; /* sizeof(WnDataset): see WN_DATASETS */
    uint16_t reserved;

    /* Lifetime of these and of all that this struct points to: for ever.  The
     * host reads them after the load; none but name and instance_new is needed,
     * and NULL is an empty string. */
    const char *name; /* as in the entry symbol and the file name */
    const char *version;
    const char *summary; /* one sentence */
    const char *author;
    const char *license; /* SPDX */

    const WnOption *options; /* WN_OPTIONS(array), or leave out */
    uint32_t n_options;
    uint32_t n_datasets;
    const WnDataset *datasets; /* WN_DATASETS(array), or leave out */

    /* Makes an instance: in each worker, after each death and reload, and in
     * `winnowctl check` and before a reload, where no socket can be made: it
     * opens no connection and changes nothing outside.
     * settings and host are good as said beside them.  On failure sets err and
     * returns an error; nothing else is called then.  *self may stay NULL.
     * instance_free, optional, comes after the last call and the last
     * policy_free, if the worker ends in peace. */
    int32_t (*instance_new)(const WnHost *host, const WnSettings *settings,
        void **self, WnError *err);
    void (*instance_free)(void *self);

    /* Optional.  Turns one set of settings into whatever the hooks want to find
     * ready, like compiled patterns.  Called once for each distinct set, not
     * for each domain, and again for one that the host has dropped meanwhile;
     * the host keeps the results and gives each that is not NULL to policy_free
     * (which may be NULL, too).  The instance's own come right after
     * instance_new.  On failure sets err and returns an error: calls with these
     * settings fail (WN_FAIL) until it is tried again. */
    int32_t (*policy_new)(void *self, const WnSettings *settings, void **policy,
        WnError *err);
    void (*policy_free)(void *self, void *policy);

    /* Exactly one of the two. */
    const WnFilter *filter;
    const WnAction *action;
} WnPlugin;

#define WN_PLUGIN_HEAD                                          \
    .struct_size = sizeof(WnPlugin), .abi_major = WN_ABI_MAJOR, \
    .abi_minor = WN_TARGET_MINOR, .need_minor = WN_NEED_MINOR,  \
    .option_size = sizeof(WnOption), .dataset_size = sizeof(WnDataset)
#define WN_OPTIONS(array) \
    .options = (array), .n_options = sizeof(array) / sizeof *(array)
#define WN_DATASETS(array) \
    .n_datasets = sizeof(array) / sizeof *(array), .datasets = (array)

/*
 * Defines the plugin's only exported symbol.  The name is that of the file:
 * WN_PLUGIN(rbl, &plugin) goes into rbl.so.  The function must have no side
 * effect; it is also called to list plugins.
 */
#define WN_PLUGIN(name, plugin)                                              \
    WN_EXTERN_C WN_EXPORT const WnPlugin *name##_LTX_winnow_plugin_v1(void); \
    const WnPlugin *name##_LTX_winnow_plugin_v1(void)                        \
    {                                                                        \
        return (plugin);                                                     \
    }

typedef const WnPlugin *(*WnPluginEntry)(void);

/*
 * Conveniences, compiled into the plugin.  Define WN_NO_HELPERS to leave them
 * out.
 */

#ifndef WN_NO_HELPERS

static inline int
wn_str_eq(WnStr s, const char *text)
{
    return s.len == strlen(text) && memcmp(s.ptr, text, s.len) == 0;
}

WN_PRINTF(2, 3)
static inline void
wn_error_set(WnError *err, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
}

WN_PRINTF(4, 5)
static inline void
wn_log(const WnHost *host, WnLogLevel level, const WnCall *call,
    const char *format, ...)
{
    char text[1025];
    va_list args;
    int len;

    if (!host->log->enabled(host, level))
        return;
    va_start(args, format);
    len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (len < 0)
        return;
    host->log->write(host, level, call, text,
        (size_t)len < sizeof text ? (size_t)len : sizeof text - 1);
}

/* Reports one finding and gives the verdict to return. */
static inline WnVerdict
wn_match(const WnHost *host, WnCall *call, const char *rule,
    const char *evidence)
{
    WnFinding finding;

    memset(&finding, 0, sizeof finding);
    finding.struct_size = sizeof finding;
    finding.rule = rule;
    finding.evidence = evidence;
    return host->call->report(call, &finding) == WN_OK ? WN_MATCH : WN_FAIL;
}

/*
 * Writes the name to ask a DNS list for: 127.0.0.2 and "zen.example" give
 * "2.0.0.127.zen.example".  Returns its length, or 0 if it does not fit in size
 * with its NUL; then name holds nothing of use.
 */
static inline size_t
wn_dnsbl_name(const WnClient *client, const char *zone, char *name, size_t size)
{
    static const char hex[] = "0123456789abcdef";
    size_t len = 0;
    uint32_t i;

    if (client->address_len == 4)
        len = (size_t)snprintf(name, size, "%u.%u.%u.%u.", client->address[3],
            client->address[2], client->address[1], client->address[0]);
    else if (size <= 16 * 4)
        return 0;
    else
        for (i = 16; i-- > 0;) {
            name[len++] = hex[client->address[i] & 15];
            name[len++] = '.';
            name[len++] = hex[client->address[i] >> 4];
            name[len++] = '.';
        }
    if (len + strlen(zone) >= size)
        return 0;
    memcpy(name + len, zone, strlen(zone) + 1);
    return len + strlen(zone);
}

#endif /* WN_NO_HELPERS */

/*
 * How this header grows
 *
 * A minor release may append members to any structure that starts with
 * struct_size, append a table to WnHost, append members to WnOption and
 * WnDataset, and define new constants.  Appended members stand inside
 * #if WN_TARGET_MINOR >= n, so a plugin sees only what it asked for.  A minor
 * release never removes, reorders, resizes or gives another meaning to what is
 * here, and no structure has padding that a later member could fall into.
 *
 * Free for later minors: the flags of WnFilter, WnAction, WnOption and
 * WnDataset and of the host's structures above those named, from bit 31 down as
 * well; numbers of enums behind the last named, and negative ones.  Those that
 * plugins return (WnVerdict, WnDisposition) grow for plugins that ask for the
 * minor.  Hooks are appended to WnFilter and WnAction.
 *
 * So a plugin must
 *    - take an enum value or flag that it does not know for none,
 *    - set no flag that its header does not name,
 *    - reach the host's structures by pointer and never copy them,
 *    - leave reserved members 0, and not look at the host's.
 *
 * And the host
 *    - takes flags of a plugin that it does not know for not set,
 *    - refuses a plugin whose need_minor is above its own, or which has an
 *      option of a type that it does not know,
 *    - reads no member behind the end that the plugin's sizes tell.
 *
 * Layouts hold for 64-bit systems (LP64).
 *
 * Anything that cannot be done so waits for major 2: a new header, a new entry
 * symbol, and a host that still loads version 1.
 */

#ifdef __cplusplus
}
#endif

#endif /* WINNOW_PLUGIN_H */
