/* SPDX-License-Identifier: MIT */

/*
 * The process that reads the database: no loop of its own work, only requests
 * that are answered one after the other, however long each takes.
 */

#include "core/base/confine.h"
#include "core/base/fd.h"
#include "core/base/log.h"
#include "core/base/wire.h"
#include "core/conf/config_wire.h"
#include "core/sync/source.h"
#include "core/sync/source_message.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct Process {
    WnLoop *loop;
    WnConfig *config;
    WnSourceReader *reader;
    WnChannel *channel;
} Process;

static WnSpan
bounded(const char *text)
{
    return wn_span_slice(wn_span_str(text), 0, WN_SOURCE_TEXT_MAX);
}

static void
send_text(Process *self, uint16_t type, const char *text)
{
    g_auto(WnWriter) writer;

    wn_writer_init(&writer);
    wn_write_bytes(&writer, bounded(text));
    wn_channel_send(self->channel, type, wn_writer_span(&writer), -1);
}

static void
send_found(Process *self, const WnLook *look)
{
    g_auto(WnWriter) writer;

    wn_writer_init(&writer);
    wn_write_u8(&writer, look->changed);
    wn_write_bytes(&writer, bounded(look->host));
    wn_write_u64(&writer, look->revision);
    wn_write_u32(&writer, look->n_domains);
    wn_write_u64(&writer, (uint64_t)look->next_expiry);
    wn_write_bytes(&writer, bounded(look->remark));
    wn_channel_send(self->channel, WN_SOURCE_FOUND, wn_writer_span(&writer),
        -1);
}

static void
do_look(Process *self, WnReader *reader)
{
    WnLookMode mode = wn_read_u8(reader) != 0 ? WN_LOOK_FORCED : WN_LOOK_NORMAL;
    uint64_t generation = wn_read_u64(reader);
    g_autoptr(GError) error = NULL;
    WnLook look;

    if (wn_source_reader_look(self->reader, mode, generation, &look, &error))
        send_found(self, &look);
    else
        send_text(self, WN_SOURCE_FAILED, error->message);
}

static void
do_report(Process *self, WnReader *reader)
{
    g_autofree char *lines = wn_span_dup(wn_read_bytes(reader));
    g_autoptr(GError) error = NULL;

    if (!wn_source_reader_report(self->reader, lines, &error))
        send_text(self, WN_SOURCE_REMARK, error->message);
}

static void
on_message(void *user, uint16_t type, WnSpan payload, int take_fd)
{
    Process *self = user;
    WnReader reader = wn_reader(payload);

    wn_fd_close(take_fd);
    if (type == WN_SOURCE_LOOK)
        do_look(self, &reader);
    else if (type == WN_SOURCE_PROBLEMS)
        do_report(self, &reader);
}

static void
on_closed(void *user)
{
    Process *self = user;

    wn_loop_stop(self->loop);
}

int
wn_source_process_run(int argc, char **argv)
{
    Process self = { 0 };
    g_autoptr(GError) error = NULL;
    struct stat status;

    (void)argv;
    if (argc != 0 || fstat(WN_SOURCE_CHANNEL_FD, &status) != 0
        || !S_ISSOCK(status.st_mode)) {
        fputs("winnow-sync: is started by winnowd\n", stderr);
        return 2;
    }
    umask(077);
    signal(SIGHUP, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    wn_fd_set_cloexec(WN_SOURCE_CHANNEL_FD, true);
    wn_fd_set_cloexec(WN_SOURCE_CONFIG_FD, true);
    wn_confine_process(true);
    self.config = wn_config_from_fd(WN_SOURCE_CONFIG_FD, &error);
    if (self.config == NULL) {
        fprintf(stderr, "winnow-sync: %s\n", error->message);
        return EXIT_FAILURE;
    }
    wn_log_open("winnow-sync",
        self.config->log_json ? WN_LOG_JSON : WN_LOG_TEXT, STDERR_FILENO);
    self.loop = wn_loop_new();
    self.reader = wn_source_reader_new(self.config);
    self.channel = wn_channel_new(self.loop, WN_SOURCE_CHANNEL_FD, on_message,
        on_closed, &self);
    wn_loop_run(self.loop);
    wn_channel_free(self.channel);
    wn_source_reader_free(self.reader);
    wn_loop_free(self.loop);
    wn_config_free(self.config);
    return EXIT_SUCCESS;
}
