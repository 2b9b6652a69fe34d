/* SPDX-License-Identifier: MIT */
#include "core/base/confine.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

static GQuark
confine_error(void)
{
    return g_quark_from_static_string("wn-confine-error");
}

static void
call_prctl(int option, unsigned long value)
{
    if (prctl(option, value, 0, 0, 0) != 0)
        g_error("prctl %d: %s", option, g_strerror(errno));
}

static void
forbid_dumps(void)
{
    const struct rlimit none = { 0, 0 };

    if (setrlimit(RLIMIT_CORE, &none) != 0)
        g_error("setrlimit: %s", g_strerror(errno));
#ifndef __SANITIZE_ADDRESS__ /* which looks for leaks as a debugger does */
    call_prctl(PR_SET_DUMPABLE, 0);
#endif
}

void
wn_confine_process(bool die_with_parent)
{
    pid_t parent = getppid();

    call_prctl(PR_SET_NO_NEW_PRIVS, 1);
    forbid_dumps();
    if (!die_with_parent)
        return;
    call_prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* A parent that died before the call sends no signal any more. */
    if (getppid() != parent)
        raise(SIGKILL);
}

static bool
fail(GError **error, const char *user, const char *what)
{
    g_set_error(error, confine_error(), 0, "user \"%s\": %s", user, what);
    return false;
}

static bool
give_up(const struct passwd *entry, GError **error)
{
    if (initgroups(entry->pw_name, entry->pw_gid) != 0
        || setresgid(entry->pw_gid, entry->pw_gid, entry->pw_gid) != 0
        || setresuid(entry->pw_uid, entry->pw_uid, entry->pw_uid) != 0)
        return fail(error, entry->pw_name, g_strerror(errno));
    return true;
}

static bool
prove(const struct passwd *entry, GError **error)
{
    uid_t uids[3];
    gid_t gids[3];

    if (getresuid(&uids[0], &uids[1], &uids[2]) != 0
        || getresgid(&gids[0], &gids[1], &gids[2]) != 0)
        return fail(error, entry->pw_name, g_strerror(errno));
    for (int i = 0; i < 3; i++) {
        if (uids[i] != entry->pw_uid || gids[i] != entry->pw_gid)
            return fail(error, entry->pw_name, "root is not given up");
    }
    if (setuid(0) == 0 || seteuid(0) == 0)
        return fail(error, entry->pw_name, "root could be taken back");
    return true;
}

bool
wn_confine_become(const char *user, GError **error)
{
    const struct passwd *entry;
    int death_signal = 0;
    int dumpable;

    if (user == NULL || geteuid() != 0)
        return true;
    errno = 0;
    entry = getpwnam(user);
    if (entry == NULL)
        return fail(error, user, errno != 0 ? g_strerror(errno) : "not known");
    if (entry->pw_uid == 0)
        return fail(error, user, "is root");

    /* The kernel forgets both when the user changes. */
    call_prctl(PR_GET_PDEATHSIG, (unsigned long)(gintptr)&death_signal);
    dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
    if (!give_up(entry, error) || !prove(entry, error))
        return false;
    call_prctl(PR_SET_PDEATHSIG, (unsigned long)death_signal);
    if (dumpable == 0)
        call_prctl(PR_SET_DUMPABLE, 0);
#ifdef __SANITIZE_ADDRESS__
    else
        call_prctl(PR_SET_DUMPABLE, 1);
#endif
    return true;
}
