/* SPDX-License-Identifier: MIT */
#include "core/control/notify.h"

#include "core/base/clock.h"
#include "core/base/fd.h"
#include "core/base/log.h"

#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

void
wn_notify(const char *state)
{
    const char *path = g_getenv("NOTIFY_SOCKET");
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    wn_autofd fd = -1;
    size_t len;

    if (path == NULL || (path[0] != '/' && path[0] != '@'))
        return;
    len = g_strlcpy(sa.sun_path, path, sizeof(sa.sun_path));
    if (len >= sizeof(sa.sun_path))
        return;
    if (sa.sun_path[0] == '@')
        sa.sun_path[0] = '\0'; /* an abstract name, its length counts */
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0
        || sendto(fd, state, strlen(state), MSG_NOSIGNAL,
               (struct sockaddr *)&sa,
               (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len))
               < 0)
        wn_remark(WN_LEVEL_WARNING, "service manager not reached: %s",
            g_strerror(errno));
}

void
wn_notify_reloading(void)
{
    g_autofree char *
        state = g_strdup_printf("RELOADING=1\nMONOTONIC_USEC=%" G_GINT64_FORMAT,
            wn_clock_mono_us());

    wn_notify(state);
}
