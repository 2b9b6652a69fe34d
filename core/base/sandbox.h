/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the kernel keeps a program from: files it has no business with
 * (Landlock), system calls it does not need (seccomp).  Both hold until the
 * program ends, for everything it starts, and cannot be taken back.
 *
 * Landlock is used where it knows how to move files between folders (ABI 2,
 * Linux 5.19); each later version adds to what is held back.
 */

#include <glib.h>
#include <stdbool.h>

enum {
    WN_FILES_READ = 1,
    WN_FILES_WRITE = 2, /* and make, rename, remove */
    WN_FILES_EXECUTE = 4
};

typedef struct WnFileRules WnFileRules;

WnFileRules *wn_file_rules_new(void);
void wn_file_rules_free(WnFileRules *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnFileRules, wn_file_rules_free)

/* The file, or the folder with everything below; links are followed.  What is
 * not there is passed over.  path NULL: nothing. */
void wn_file_rules_allow(WnFileRules *self, const char *path, unsigned rights);

/* The version of Landlock that would be in force; 0: none. */
unsigned wn_sandbox_landlock(void);

/* Whether system calls can be filtered. */
bool wn_sandbox_filters_calls(void);

/* Nothing but what the rules allow can be opened, made or removed from now on;
 * no signal reaches a process outside, and no abstract socket.  Open
 * descriptors stay as they are.  After PR_SET_NO_NEW_PRIVS. */
bool wn_sandbox_files(const WnFileRules *rules, GError **error);

typedef enum {
    WN_CALLS_ONLINE, /* the internet, and Unix sockets of streams */
    WN_CALLS_OFFLINE /* no socket at all */
} WnCalls;

/* For a program that runs foreign code: no other program is started, no process
 * made or looked into, no identity, limit or timer changed, nothing listened
 * on, no signal sent but to itself, nor left to the kernel to send.  Such a
 * call fails with EPERM.  Threads are allowed.  Sockets of packets
 * (SOCK_SEQPACKET) are winnow's own: none can be made to connect to those of
 * other programs. */
bool wn_sandbox_calls(WnCalls calls, GError **error);
