/* SPDX-License-Identifier: MIT */
#ifndef WINNOW_HARNESS_H
#define WINNOW_HARNESS_H

/*
 * Tests of plugins, written in C
 *
 * A test is a shared object that winnow-plugin-test loads beside the plugin:
 *
 *    #include <winnow/wn-harness.h>
 *
 *    static void
 *    listed(const char *plugin)
 *    {
 *        WnHarness *h = wn_harness_new(plugin, "zones = zen.example\n");
 *
 *        wn_harness_client(h, "192.0.2.1");
 *        wn_harness_dns(h, "1.2.0.192.zen.example A 127.0.0.2");
 *        wn_harness_run(h);
 *        WN_CHECK_STR(wn_harness_verdict(h), "match");
 *        WN_CHECK_STR(wn_harness_rule(h, 0), "zen.example");
 *        wn_harness_free(h);
 *    }
 *
 *    WN_HARNESS_TESTS = { { "listed", listed }, { NULL, NULL } };
 *
 *    cc -shared -fPIC $(pkg-config --cflags winnow-sdk) -o test.so test.c
 *    winnow-plugin-test rbl.so test.so
 *
 * The functions below are winnow-plugin-test's own: nothing is linked.  Each
 * test runs in a process of its own, once as it stands and once again in each
 * strict mode; a check that does not hold ends it and is told with its line.
 *
 * The plugin runs in winnow's real host: chain, settings, message, limits.
 * Clock, DNS and servers are the harness's, and nothing waits in earnest: where
 * the plugin waits, the clock is moved to what comes next.
 *
 * A mistake in the use of these functions ends the test with its reason, so
 * none of them returns an error.  Strings are copied; what is returned is good
 * until the next run or wn_harness_free().
 */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct WnHarness WnHarness;

/*
 * Setting the scene: before the first wn_harness_start() or _run()
 */

/* plugin: path of the file.  options: "key = value" lines as in conf.d, the
 * plugin's own and those that every filter has; ${dir} is a folder of the
 * test's own.  NULL: none.  Options of an action go without "action.": a filter
 * of the harness's finds something and asks for it. */
WnHarness *wn_harness_new(const char *plugin, const char *options);
void wn_harness_free(WnHarness *h);

/* The options that the recipients' domain sets for itself. */
void wn_harness_domain(WnHarness *h, const char *options);

/* A file in the test's folder. */
void wn_harness_file(WnHarness *h, const char *name, const char *text);
const char *wn_harness_dir(WnHarness *h);

/* Lines of the table that the data set names as its source: fields in the order
 * of its columns, split by tabs. */
void wn_harness_rows(WnHarness *h, const char *dataset, const char *lines);

/* For an action: what the harness's filter reports.  Score in thousandths. */
void wn_harness_finding(WnHarness *h, const char *rule, const char *evidence,
    int32_t score);
/* It is found at RCPT already, where no message is there. */
void wn_harness_early(WnHarness *h);

/* What wn_harness_start() must be refused with: the plugin or the options are
 * wrong on purpose.  Then nothing but _free() may follow. */
void wn_harness_expect_refusal(WnHarness *h, const char *part_of_reason);

/*
 * Mail: may be changed between runs
 */

void wn_harness_client(WnHarness *h, const char *address); /* 192.0.2.1 */
void wn_harness_helo(WnHarness *h, const char *name);
/* status: WN_RDNS_* of plugin.h; name may be NULL with NONE and UNKNOWN. */
void wn_harness_rdns(WnHarness *h, const char *name, int32_t status);
void wn_harness_tls(WnHarness *h, uint16_t version); /* 0x0304 */
void wn_harness_sender(WnHarness *h, const char *address);
/* Adds a recipient; without any, there is user@good.example.  Those at
 * other.example are a scope of their own, with the options of conf.d. */
void wn_harness_rcpt(WnHarness *h, const char *address);
/* Line ends may be LF; they become CRLF. */
void wn_harness_message(WnHarness *h, const char *text);
void wn_harness_message_file(WnHarness *h, const char *path);

/*
 * DNS: "NAME TYPE DATA" lines, as in "example.net MX 10 mx.example.net".  Types
 * A AAAA NS PTR MX TXT.  "NAME FAIL" does not answer well, "NAME SILENT" not at
 * all.  Other names do not exist.
 */
void wn_harness_dns(WnHarness *h, const char *lines);
void wn_harness_dns_clear(WnHarness *h);
unsigned wn_harness_n_queries(const WnHarness *h); /* since _new() */

/*
 * Servers: what the plugin reaches with connect().  address is "/path",
 * "192.0.2.1:3310" or "[2001:db8::1]:3310"; ${dir} is the test's folder.  Each
 * line of the script is a step of what the server does on one connection:
 *
 *    expect "BYTES"   these come next
 *    until "BYTES"    whatever comes, up to and with these
 *    rest             whatever comes, until the plugin closes
 *    end              the plugin closes
 *    send "BYTES"
 *    pause TIME       500ms, 2s: of the test's clock
 *    close            the server closes
 *    reset            the connection breaks
 *    refuse           alone: nobody listens there
 *
 * with \n \r \t \0 \\ \" and \xHH in BYTES.  A server whose script is over
 * goes on listening without a word.  Several scripts of one address take turns,
 * one for each connection.
 *
 * With any server no connection leaves the test: whatever else is connected to
 * refuses.  What a script expects and does not get is a mistake of the
 * plugin's, in the modes that compare verdicts, and so is a socket that could
 * block.  In the mode "pieces" the plugin's calls move a few bytes at a time,
 * and often none (EAGAIN); in "fail" each of them fails once.
 *
 * Led to these servers are connect, send, write, writev, sendmsg, recv, read
 * and close of the plugin and of the libraries that it brings; other calls see
 * a socket of family AF_UNIX.
 */
void wn_harness_peer(WnHarness *h, const char *address, const char *script);
unsigned wn_harness_n_connections(const WnHarness *h); /* since _new() */

/*
 * Running
 */

/* A connection from its start to the end of DATA, all that it waits for
 * included.  Ends the one before. */
void wn_harness_run(WnHarness *h);

/* The same in steps: start, then _step() until _done(). */
void wn_harness_start(WnHarness *h);
/* Moves the clock, which what the plugin waits for follows. */
void wn_harness_step(WnHarness *h, int64_t ms);
int wn_harness_done(const WnHarness *h);

/* The client goes away: transaction_end and connection_end follow. */
void wn_harness_hang_up(WnHarness *h);

/*
 * Results: of the plugin's instance and the first scope, after _done()
 */

const char *wn_harness_verdict(WnHarness *h); /* pass match trust fail skipped
                                               */
const char *wn_harness_reason(WnHarness *h);  /* of fail and skipped, or "" */
unsigned wn_harness_n_findings(WnHarness *h);
const char *wn_harness_rule(WnHarness *h, unsigned n); /* "" past the end */
const char *wn_harness_evidence(WnHarness *h, unsigned n);
int32_t wn_harness_score(WnHarness *h, unsigned n);

const char *wn_harness_decision(WnHarness *h); /* deliver reject tempfail
                                                * delete */
const char *wn_harness_reply(WnHarness *h);    /* "550 5.7.1 text", or "" */
const char *wn_harness_redirect(WnHarness *h); /* an address, or "" */
unsigned wn_harness_n_edits(WnHarness *h);
/* "add X-Spam: yes", "set ...", "remove X-Spam", "prefix [SPAM]"; "" past the
 * end. */
const char *wn_harness_edit(WnHarness *h, unsigned n);
/* All of it as text, with every scope: for looking at. */
const char *wn_harness_outcome(WnHarness *h);

/* What the plugin wrote: "warning: text" lines. */
const char *wn_harness_log(WnHarness *h);
/* Of the plugin's instance; name without winnow_<plugin>_. */
int64_t wn_harness_metric(WnHarness *h, const char *name);
/* The plugin's value in shared memory; 0: none. */
uint64_t wn_harness_shared(WnHarness *h, const void *key, size_t len);

/*
 * Checks
 */

/* Ends the test with place and text if ok is 0.  Where the mode makes answers
 * come in another order, or something go wrong, results are not those of the
 * plain run: then checks always hold, and the plugin's conduct is judged. */
void wn_harness_check(int ok, const char *file, int line, const char *text);
void wn_harness_check_str(const char *is, const char *expected,
    const char *file, int line, const char *text);
void wn_harness_check_int(int64_t is, int64_t expected, const char *file,
    int line, const char *text);

#define WN_CHECK(condition) \
    wn_harness_check((condition) ? 1 : 0, __FILE__, __LINE__, #condition)
#define WN_CHECK_STR(is, expected) \
    wn_harness_check_str((is), (expected), __FILE__, __LINE__, #is)
#define WN_CHECK_INT(is, expected) \
    wn_harness_check_int((is), (expected), __FILE__, __LINE__, #is)

/* The strict mode the test now runs in: "plain", "guarded", "reverse" ...; for
 * tests that depend on the order of answers. */
const char *wn_harness_mode(void);

/*
 * Tests that the module has
 */

typedef struct WnHarnessTest {
    const char *name; /* NULL: the end */
    void (*run)(const char *plugin);
} WnHarnessTest;

#ifdef __cplusplus
#define WN_HARNESS_EXTERN extern "C"
#else
#define WN_HARNESS_EXTERN
#endif

#define WN_HARNESS_TESTS                                     \
    WN_HARNESS_EXTERN __attribute__((visibility("default"))) \
    const WnHarnessTest wn_harness_tests[]

#ifdef __cplusplus
}
#endif

#endif /* WINNOW_HARNESS_H */
