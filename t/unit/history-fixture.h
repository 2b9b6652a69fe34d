/* SPDX-License-Identifier: MIT */
#pragma once

/* A history in a folder of its own, for the tests of base/history.h. */

#include "core/base/fd.h"
#include "core/base/history.h"
#include "core/base/history_format.h"

#include <glib/gstdio.h>

#define SIZE WN_HISTORY_SIZE_MIN
#define RING_LEN (SIZE - WN_HISTORY_HEADER_LEN)

typedef struct Fixture {
    char *folder;
    char *path;
    int fd;
    WnHistory *history;
} Fixture;

static inline void
attach(Fixture *self, int64_t size, WnHistoryBefore wanted)
{
    g_autoptr(GError) error = NULL;
    WnHistoryBefore before;

    self->fd = wn_history_open(self->path, size, &before, &error);
    g_assert_no_error(error);
    g_assert_cmpint(self->fd, >=, 0);
    g_assert_cmpint(before, ==, wanted);
    self->history = wn_history_new(self->fd);
    g_assert_nonnull(self->history);
}

static inline void
detach(Fixture *self)
{
    g_clear_pointer(&self->history, wn_history_free);
    wn_fd_close(wn_fd_steal(&self->fd));
}

static inline void
fixture_init(Fixture *self)
{
    self->folder = g_dir_make_tmp("history-XXXXXX", NULL);
    g_assert_nonnull(self->folder);
    self->path = g_build_filename(self->folder, "history", NULL);
    attach(self, SIZE, WN_HISTORY_NONE);
}

static inline void
fixture_clear(Fixture *self)
{
    g_autofree char *old = g_strconcat(self->path, ".old", NULL);

    detach(self);
    g_unlink(self->path);
    g_unlink(old);
    g_rmdir(self->folder);
    g_free(self->folder);
    g_free(self->path);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Fixture, fixture_clear)

static inline void
append(Fixture *self, const char *text)
{
    g_assert_true(wn_history_append(self->history, wn_span_str(text)));
}

/* All lines, joined with "|". */
static inline char *
read_all(const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(WnHistoryReader) reader = wn_history_reader_new(path, &error);
    GString *out = g_string_new(NULL);
    WnSpan line;

    g_assert_no_error(error);
    while (wn_history_reader_next(reader, &line)) {
        if (out->len > 0)
            g_string_append_c(out, '|');
        g_string_append_len(out, line.ptr, (gssize)line.len);
    }
    return g_string_free(out, FALSE);
}

static inline void
assert_lines(const Fixture *self, const char *expected)
{
    g_autofree char *lines = read_all(self->path);

    g_assert_cmpstr(lines, ==, expected);
}

static inline uint64_t
get_head(const Fixture *self)
{
    WnHistoryHeader header;

    g_assert_true(wn_fd_pread_all(self->fd, &header, sizeof header, 0));
    return atomic_load(&header.head);
}
