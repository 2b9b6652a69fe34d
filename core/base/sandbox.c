/* SPDX-License-Identifier: MIT */
#include "core/base/sandbox.h"

#include "core/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of linux/landlock.h, which may be older than the kernel that runs. */
#define LL_EXECUTE (1u << 0)
#define LL_WRITE_FILE (1u << 1)
#define LL_READ_FILE (1u << 2)
#define LL_READ_DIR (1u << 3)
#define LL_REMOVE_DIR (1u << 4)
#define LL_REMOVE_FILE (1u << 5)
#define LL_MAKE_DIR (1u << 7)
#define LL_MAKE_REG (1u << 8)
#define LL_MAKE_SOCK (1u << 9)
#define LL_MAKE_FIFO (1u << 10)
#define LL_MAKE_SYM (1u << 12)
#define LL_REFER (1u << 13)
#define LL_TRUNCATE (1u << 14)  /* ABI 3 */
#define LL_IOCTL_DEV (1u << 15) /* ABI 5 */
#define LL_ALL_2 ((1u << 14) - 1)

#define LL_SCOPE_ABSTRACT_SOCKET (1u << 0) /* ABI 6 */
#define LL_SCOPE_SIGNAL (1u << 1)

#define LL_CREATE_VERSION 1u
#define LL_RULE_PATH_BENEATH 1

#define LL_READ (LL_READ_FILE | LL_READ_DIR)
#define LL_WRITE                                                             \
    (LL_WRITE_FILE | LL_REMOVE_DIR | LL_REMOVE_FILE | LL_MAKE_DIR            \
        | LL_MAKE_REG | LL_MAKE_SOCK | LL_MAKE_FIFO | LL_MAKE_SYM | LL_REFER \
        | LL_TRUNCATE)
#define LL_OF_A_FILE (LL_EXECUTE | LL_WRITE_FILE | LL_READ_FILE | LL_TRUNCATE)

#define LANDLOCK_LEAST 2

typedef struct Ruleset {
    uint64_t files;
    uint64_t net;
    uint64_t scoped;
} Ruleset;

typedef struct __attribute__((packed)) PathBeneath {
    uint64_t allowed;
    int32_t parent_fd;
} PathBeneath;

typedef struct Rule {
    char *path;
    unsigned rights;
} Rule;

struct WnFileRules {
    GArray *rules;
};

static GQuark
sandbox_error(void)
{
    return g_quark_from_static_string("wn-sandbox-error");
}

static bool
fail(GError **error, const char *what, int number)
{
    g_set_error(error, sandbox_error(), number, "%s: %s", what,
        g_strerror(number));
    return false;
}

/*
 * Files
 */

static void
rule_clear(void *data)
{
    g_free(((Rule *)data)->path);
}

WnFileRules *
wn_file_rules_new(void)
{
    WnFileRules *self = g_new0(WnFileRules, 1);

    self->rules = g_array_new(FALSE, FALSE, sizeof(Rule));
    g_array_set_clear_func(self->rules, rule_clear);
    return self;
}

void
wn_file_rules_free(WnFileRules *self)
{
    if (self == NULL)
        return;
    g_array_unref(self->rules);
    g_free(self);
}

void
wn_file_rules_allow(WnFileRules *self, const char *path, unsigned rights)
{
    Rule rule = { .path = g_strdup(path), .rights = rights };

    if (path != NULL)
        g_array_append_val(self->rules, rule);
}

unsigned
wn_sandbox_landlock(void)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0,
        LL_CREATE_VERSION);

    return version >= LANDLOCK_LEAST ? (unsigned)version : 0;
}

static uint64_t
known_rights(unsigned version)
{
    uint64_t known = LL_ALL_2;

    if (version >= 3)
        known |= LL_TRUNCATE;
    if (version >= 5)
        known |= LL_IOCTL_DEV;
    return known;
}

static uint64_t
rights_of(const Rule *rule)
{
    uint64_t rights = 0;

    if ((rule->rights & WN_FILES_READ) != 0)
        rights |= LL_READ;
    if ((rule->rights & WN_FILES_WRITE) != 0)
        rights |= LL_WRITE;
    if ((rule->rights & WN_FILES_EXECUTE) != 0)
        rights |= LL_EXECUTE | LL_READ_FILE;
    return rights;
}

static bool
add_rule(int ruleset_fd, const Rule *rule, uint64_t known, GError **error)
{
    wn_autofd fd = open(rule->path, O_PATH | O_CLOEXEC);
    PathBeneath beneath = { .allowed = rights_of(rule) & known,
        .parent_fd = fd };
    struct stat info;

    if (fd < 0 || fstat(fd, &info) != 0)
        return true;
    if (!S_ISDIR(info.st_mode))
        beneath.allowed &= LL_OF_A_FILE;
    if (syscall(SYS_landlock_add_rule, ruleset_fd, LL_RULE_PATH_BENEATH,
            &beneath, 0)
        == 0)
        return true;
    return fail(error, rule->path, errno);
}

static size_t
ruleset_size(unsigned version)
{
    if (version >= 6)
        return sizeof(Ruleset);
    return version >= 4 ? offsetof(Ruleset, scoped) : offsetof(Ruleset, net);
}

bool
wn_sandbox_files(const WnFileRules *rules, GError **error)
{
    unsigned version = wn_sandbox_landlock();
    Ruleset ruleset = { .files = known_rights(version),
        .scoped = LL_SCOPE_ABSTRACT_SOCKET | LL_SCOPE_SIGNAL };
    wn_autofd fd = -1;

    if (version == 0)
        return fail(error, "Landlock", ENOSYS);
    fd = (int)syscall(SYS_landlock_create_ruleset, &ruleset,
        ruleset_size(version), 0);
    if (fd < 0)
        return fail(error, "Landlock", errno);
    for (guint i = 0; i < rules->rules->len; i++)
        if (!add_rule(fd, &g_array_index(rules->rules, Rule, i), ruleset.files,
                error))
            return false;
    if (syscall(SYS_landlock_restrict_self, fd, 0) != 0)
        return fail(error, "Landlock", errno);
    return true;
}

/*
 * System calls
 */

/* Refused whatever their arguments are. */
static const int refused[] = {
    /* other programs and processes */
    SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(fork), SCMP_SYS(vfork),
    SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev),
    SCMP_SYS(process_madvise), SCMP_SYS(pidfd_open), SCMP_SYS(pidfd_getfd),
    SCMP_SYS(pidfd_send_signal), SCMP_SYS(kcmp), SCMP_SYS(setsid),
    SCMP_SYS(setpgid), SCMP_SYS(setpriority), SCMP_SYS(sched_setscheduler),
    SCMP_SYS(sched_setattr), SCMP_SYS(sched_setparam),
    /* identity and limits */
    SCMP_SYS(setuid), SCMP_SYS(setgid), SCMP_SYS(setreuid), SCMP_SYS(setregid),
    SCMP_SYS(setresuid), SCMP_SYS(setresgid), SCMP_SYS(setfsuid),
    SCMP_SYS(setfsgid), SCMP_SYS(setgroups), SCMP_SYS(capset),
    SCMP_SYS(setrlimit), SCMP_SYS(personality), SCMP_SYS(unshare),
    SCMP_SYS(setns),
    /* the machine */
    SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(chroot),
    SCMP_SYS(move_mount), SCMP_SYS(open_tree), SCMP_SYS(fsopen),
    SCMP_SYS(fsmount), SCMP_SYS(fsconfig), SCMP_SYS(fspick),
    SCMP_SYS(mount_setattr), SCMP_SYS(swapon), SCMP_SYS(swapoff),
    SCMP_SYS(reboot), SCMP_SYS(kexec_load), SCMP_SYS(kexec_file_load),
    SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(delete_module),
    SCMP_SYS(acct), SCMP_SYS(quotactl), SCMP_SYS(syslog),
    SCMP_SYS(settimeofday), SCMP_SYS(clock_settime), SCMP_SYS(clock_adjtime),
    SCMP_SYS(adjtimex), SCMP_SYS(sethostname), SCMP_SYS(setdomainname),
    SCMP_SYS(vhangup),
    /* wide and little used ways into the kernel */
    SCMP_SYS(bpf), SCMP_SYS(perf_event_open), SCMP_SYS(userfaultfd),
    SCMP_SYS(keyctl), SCMP_SYS(add_key), SCMP_SYS(request_key),
    SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter),
    SCMP_SYS(io_uring_register), SCMP_SYS(name_to_handle_at),
    SCMP_SYS(open_by_handle_at), SCMP_SYS(lookup_dcookie),
    /* what Landlock leaves of files */
    SCMP_SYS(chmod), SCMP_SYS(fchmodat), SCMP_SYS(chown), SCMP_SYS(fchown),
    SCMP_SYS(lchown), SCMP_SYS(fchownat), SCMP_SYS(setxattr),
    SCMP_SYS(lsetxattr), SCMP_SYS(fsetxattr), SCMP_SYS(removexattr),
    SCMP_SYS(lremovexattr), SCMP_SYS(fremovexattr), SCMP_SYS(truncate),
    SCMP_SYS(mknod), SCMP_SYS(mknodat),
    /* a service of its own; a signal that comes later */
    SCMP_SYS(listen), SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(alarm),
    SCMP_SYS(setitimer), SCMP_SYS(timer_create)
};

static int
refuse_all(scmp_filter_ctx filter)
{
    int result = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(refused) && result == 0; i++)
        result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), refused[i], 0);
    return result;
}

/* LeakSanitizer looks through the memory as a debugger, from a process of its
 * own. */
static int
refuse_processes(scmp_filter_ctx filter)
{
#ifdef __SANITIZE_ADDRESS__
    (void)filter;
    return 0;
#else
    int result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM),
        SCMP_SYS(ptrace), 0);

    /* Threads come by clone() with this flag.  The arguments of clone3() lie
     * in memory where no filter looks; libc then falls back on clone(). */
    if (result == 0)
        result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM),
            SCMP_SYS(clone), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, 0x00010000, 0));
    if (result == 0)
        result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS),
            SCMP_SYS(clone3), 0);
    return result;
#endif
}

/* Signals go to this process alone, as abort() needs it. */
static int
refuse_signals(scmp_filter_ctx filter)
{
    static const int senders[] = { SCMP_SYS(kill), SCMP_SYS(tgkill),
        SCMP_SYS(rt_sigqueueinfo), SCMP_SYS(rt_tgsigqueueinfo) };
    scmp_datum_t self = (scmp_datum_t)getpid();
    int result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM),
        SCMP_SYS(tkill), 0);

    for (size_t i = 0; i < G_N_ELEMENTS(senders) && result == 0; i++)
        result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), senders[i], 1,
            SCMP_A0_32(SCMP_CMP_NE, self));
    return result;
}

/* The kernel sends signals by itself to who is named the owner of a descriptor,
 * and puts words into a terminal that others read. */
static int
refuse_owners(scmp_filter_ctx filter)
{
    static const int commands[] = { F_SETOWN, F_SETOWN_EX, F_SETSIG };
    static const unsigned requests[] = { FIOSETOWN, SIOCSPGRP, TIOCSTI,
        TIOCSCTTY, TIOCSPGRP, TIOCLINUX };
    int result = 0;

    for (size_t i = 0; i < 2 * G_N_ELEMENTS(commands) && result == 0; i++)
        result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM),
            i % 2 == 0 ? SCMP_SYS(fcntl) : SCMP_SYS(fcntl64), 1,
            SCMP_A1_32(SCMP_CMP_EQ, (scmp_datum_t)commands[i / 2]));
    for (size_t i = 0; i < G_N_ELEMENTS(requests) && result == 0; i++)
        result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM),
            SCMP_SYS(ioctl), 1, SCMP_A1_32(SCMP_CMP_EQ, requests[i]));
    return result;
}

/* Limits may be asked for. */
static int
refuse_by_arguments(scmp_filter_ctx filter)
{
    static const int options[] = { PR_SET_DUMPABLE, PR_SET_PDEATHSIG,
        PR_SET_PTRACER };
    int result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM),
        SCMP_SYS(prlimit64), 1, SCMP_A2(SCMP_CMP_NE, 0));

    for (size_t i = 0; i < G_N_ELEMENTS(options) && result == 0; i++)
        result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM),
            SCMP_SYS(prctl), 1,
            SCMP_A0_32(SCMP_CMP_EQ, (scmp_datum_t)options[i]));
    return result;
}

/* The sockets of the internet and of this machine are left. */
static int
refuse_families(scmp_filter_ctx filter)
{
    int result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT),
        SCMP_SYS(socket), 1, SCMP_A0_32(SCMP_CMP_GT, AF_INET6));

    for (int family = AF_INET + 1; family < AF_INET6 && result == 0; family++)
        result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT),
            SCMP_SYS(socket), 1, SCMP_A0_32(SCMP_CMP_EQ, (scmp_datum_t)family));
    return result;
}

bool
wn_sandbox_filters_calls(void)
{
    return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0;
}

/* Descriptors that are handed over stay as they are. */
static int
refuse_sockets(scmp_filter_ctx filter, WnCalls calls)
{
    const scmp_datum_t type_mask = 0xf; /* without SOCK_CLOEXEC and its like */
    int result;

    if (calls == WN_CALLS_OFFLINE)
        return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket),
            0);
    result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket),
        1, SCMP_A1(SCMP_CMP_MASKED_EQ, type_mask, SOCK_SEQPACKET));
    return result == 0 ? refuse_families(filter) : result;
}

bool
wn_sandbox_calls(WnCalls calls, GError **error)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int result;

    if (filter == NULL)
        return fail(error, "seccomp", ENOSYS);
    result = refuse_all(filter);
    if (result == 0)
        result = refuse_processes(filter);
    if (result == 0)
        result = refuse_signals(filter);
    if (result == 0)
        result = refuse_owners(filter);
    if (result == 0)
        result = refuse_by_arguments(filter);
    if (result == 0)
        result = refuse_sockets(filter, calls);
    if (result == 0)
        result = seccomp_load(filter);
    seccomp_release(filter);
    return result == 0 || fail(error, "seccomp", -result);
}
