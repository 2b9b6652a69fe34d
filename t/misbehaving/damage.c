/* SPDX-License-Identifier: MIT */
#include "t/misbehaving/damage.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define SHARE (20 * 1024 * 1024)

static void
leak_fds(void)
{
    for (int i = 0; i < 1000; i++)
        if (dup(0) < 0)
            return;
}

static void
all_fds(void)
{
    while (dup(0) >= 0)
        continue;
}

static void
close_log(void)
{
    close(STDERR_FILENO);
}

/* The last one that was opened. */
static int
find_channel(void)
{
    int last = -1;

    for (int fd = 3; fd < 64; fd++) {
        int type = 0;
        socklen_t len = sizeof type;

        if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0
            && type == SOCK_SEQPACKET)
            last = fd;
    }
    return last;
}

static void
close_channel(void)
{
    close(find_channel());
}

static void
replace_channel(void)
{
    dup2(open("/dev/null", O_RDWR), find_channel());
}

static void
kill_itself(void)
{
    raise(SIGKILL);
}

static void *
crash_later(void *nowhere)
{
    usleep(200 * 1000);
    *(volatile int *)nowhere = 1;
    return NULL;
}

static void
start_thread(void)
{
    pthread_t thread;
    char *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
        0);

    pthread_create(&thread, NULL, crash_later, page);
}

static void
share(void)
{
    volatile char *memory = mmap(NULL, SHARE, PROT_READ | PROT_WRITE,
        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    for (size_t i = 0; memory != MAP_FAILED && i < SHARE; i += 4096)
        memory[i] = 1;
}

static void
spoil_board(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    volatile unsigned n = 0;
    char line[512];
    void *at;

    while (maps != NULL && fgets(line, sizeof line, maps) != NULL)
        if (strstr(line, "winnow-scoreboard") != NULL
            && sscanf(line, "%p", &at) == 1) {
            mprotect(at, 4096, PROT_READ | PROT_WRITE);
            *(volatile unsigned *)at |= 1;
        }
    for (;;)
        n++;
}

static const struct {
    const char *name;
    void (*run)(void);
} ways[] = {
    { "leak_fds", leak_fds },
    { "all_fds", all_fds },
    { "close_log", close_log },
    { "close_channel", close_channel },
    { "replace_channel", replace_channel },
    { "kill", kill_itself },
    { "thread", start_thread },
    { "share", share },
    { "board", spoil_board },
};

void
misbehave_damage(const char *way)
{
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (strcmp(ways[i].name, way) == 0)
            ways[i].run();
}
