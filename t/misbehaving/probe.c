/* SPDX-License-Identifier: MIT */
#include "t/misbehaving/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

/* Each returns what its call returns: below 0 it did not work. */
typedef long (*Try)(const char *argument);

static long
try_read(const char *path)
{
    char byte;
    int fd = open(path, O_RDONLY);

    return fd < 0 ? fd : read(fd, &byte, 1) < 0 ? -1 : 0;
}

static long
try_list(const char *path)
{
    return open(path, O_RDONLY | O_DIRECTORY);
}

static long
try_write(const char *path)
{
    return open(path, O_WRONLY | O_CREAT, 0600);
}

static long
try_remove(const char *path)
{
    return unlink(path);
}

static long
try_truncate(const char *path)
{
    return truncate(path, 0);
}

static long
try_chmod(const char *path)
{
    return chmod(path, 0666);
}

static long
try_link(const char *path)
{
    return symlink("/etc/passwd", path);
}

static long
try_exec(const char *path)
{
    char *const argv[] = { (char *)(uintptr_t)path, NULL };

    return execv(path, argv);
}

static long
try_fork(const char *argument)
{
    pid_t pid = fork();

    (void)argument;
    if (pid == 0)
        for (;;)
            pause();
    return pid;
}

static long
try_kill(const char *pid)
{
    return kill((pid_t)strtol(pid, NULL, 10), 0);
}

static long
try_ptrace(const char *pid)
{
    return ptrace(PTRACE_ATTACH, (pid_t)strtol(pid, NULL, 10), NULL, NULL);
}

static long
try_setuid(const char *argument)
{
    (void)argument;
    return setresuid(0, 0, 0);
}

static long
try_mount(const char *path)
{
    return mount("none", path, "tmpfs", 0, NULL);
}

static long
try_unshare(const char *argument)
{
    (void)argument;
    return syscall(SYS_unshare, 0x10000000);
}

static long
try_bpf(const char *argument)
{
    (void)argument;
    return syscall(SYS_bpf, 0, NULL, 0);
}

static long
try_keyctl(const char *argument)
{
    (void)argument;
    return syscall(SYS_keyctl, 0, -3, 0);
}

static long
try_perf(const char *argument)
{
    (void)argument;
    return syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0);
}

static long
try_userfault(const char *argument)
{
    (void)argument;
    return syscall(SYS_userfaultfd, 0);
}

static long
try_uring(const char *argument)
{
    (void)argument;
    return syscall(SYS_io_uring_setup, 1, NULL);
}

static long
try_limit(const char *argument)
{
    struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };

    (void)argument;
    return setrlimit(RLIMIT_DATA, &limit);
}

static long
try_dumpable(const char *argument)
{
    (void)argument;
    return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static long
try_alarm(const char *argument)
{
    (void)argument;
    errno = 0;
    alarm(1);
    return errno != 0 ? -1 : 0;
}

static long
try_listen(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)path;
    if (bind(fd, (struct sockaddr *)&address, sizeof(sa_family_t)) != 0)
        return -1;
    return listen(fd, 1);
}

static long
dial(const char *path, int type)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    size_t len = strlen(path);
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

    if (fd < 0 || len >= sizeof address.sun_path)
        return -1;
    memcpy(address.sun_path, path, len + 1);
    return connect(fd, (struct sockaddr *)&address, sizeof address) != 0 ? -1
                                                                         : fd;
}

/* A control socket: done means that it answers. */
static long
try_ask(const char *path)
{
    static const char request[] = "status\0";
    struct timeval wait = { .tv_sec = 1 };
    char answer[16];
    long fd = dial(path, SOCK_STREAM);
    ssize_t n;

    if (fd < 0)
        return -1;
    setsockopt((int)fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    if (send((int)fd, request, sizeof request, MSG_NOSIGNAL) < 0)
        return -1;
    n = recv((int)fd, answer, sizeof answer, 0);
    errno = n == 0 ? ECONNRESET : errno;
    return n > 0 ? 0 : -1;
}

static long
try_dial_stream(const char *path)
{
    return dial(path, SOCK_STREAM);
}

static long
try_dial_packets(const char *path)
{
    return dial(path, SOCK_SEQPACKET);
}

static long
try_packet(const char *argument)
{
    (void)argument;
    return socket(AF_PACKET, SOCK_RAW, 0);
}

static long
try_own_memory(const char *argument)
{
    (void)argument;
    return open("/proc/self/mem", O_RDWR);
}

/* The kernel would kill that process when something comes. */
static long
try_setown(const char *pid)
{
    return fcntl(STDERR_FILENO, F_SETOWN, (pid_t)strtol(pid, NULL, 10));
}

static long
try_setsig(const char *argument)
{
    (void)argument;
    return fcntl(STDERR_FILENO, F_SETSIG, SIGKILL);
}

static long
try_fiosetown(const char *pid)
{
    int number = (int)strtol(pid, NULL, 10);

    return ioctl(STDERR_FILENO, FIOSETOWN, &number);
}

/* Shared memory of that name, which this process may write; *len 0: none. */
static char *
find_region(const char *name, size_t *len)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512];
    unsigned long from = 0, to = 0;

    *len = 0;
    while (maps != NULL && *len == 0 && fgets(line, sizeof line, maps) != NULL)
        if (strstr(line, name) != NULL && strstr(line, " rw-s ") != NULL
            && sscanf(line, "%lx-%lx", &from, &to) == 2)
            *len = to - from;
    if (maps != NULL)
        fclose(maps);
    return (char *)from;
}

static long
try_region(const char *name)
{
    size_t len;

    find_region(name, &len);
    errno = EACCES;
    return len > 0 ? 0 : -1;
}

static long
try_wipe(const char *name)
{
    size_t len;
    char *memory = find_region(name, &len);

    errno = EACCES;
    if (len == 0)
        return -1;
    memset(memory, 0xff, len);
    return 0;
}

static const struct {
    const char *name;
    Try run;
} tries[] = {
    { "read", try_read },
    { "list", try_list },
    { "write", try_write },
    { "remove", try_remove },
    { "truncate", try_truncate },
    { "chmod", try_chmod },
    { "link", try_link },
    { "exec", try_exec },
    { "fork", try_fork },
    { "kill", try_kill },
    { "ptrace", try_ptrace },
    { "setuid", try_setuid },
    { "mount", try_mount },
    { "unshare", try_unshare },
    { "bpf", try_bpf },
    { "keyctl", try_keyctl },
    { "perf", try_perf },
    { "userfault", try_userfault },
    { "uring", try_uring },
    { "limit", try_limit },
    { "dumpable", try_dumpable },
    { "alarm", try_alarm },
    { "listen", try_listen },
    { "packet", try_packet },
    { "ask", try_ask },
    { "dial_stream", try_dial_stream },
    { "dial_packets", try_dial_packets },
    { "own_memory", try_own_memory },
    { "setown", try_setown },
    { "setsig", try_setsig },
    { "fiosetown", try_fiosetown },
    { "region", try_region },
    { "wipe", try_wipe },
};

void
misbehave_probe(const char *subject, char *text, size_t size)
{
    char name[32] = "";
    char argument[256] = "";

    snprintf(text, size, "unknown: done");
    if (sscanf(subject, "misbehave %31s %255s", name, argument) < 1)
        return;
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        if (strcmp(tries[i].name, name) != 0)
            continue;
        errno = 0;
        if (tries[i].run(argument) >= 0)
            snprintf(text, size, "%s: done", name);
        else
            snprintf(text, size, "%s: %s", name, strerror(errno));
    }
}
