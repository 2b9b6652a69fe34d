/* SPDX-License-Identifier: MIT */
#include "core/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void
test_close_keeps_errno(void)
{
    errno = EPERM;
    wn_fd_close(-1);
    wn_fd_close(1 << 20);
    g_assert_cmpint(errno, ==, EPERM);
}

static void
test_autofd_and_steal(void)
{
    int outside = -1;
    int closed = -1;

    {
        wn_autofd kept = memfd_create("kept", 0);
        wn_autofd dropped = memfd_create("dropped", 0);

        closed = dropped;
        outside = wn_fd_steal(&kept);
        g_assert_cmpint(kept, ==, -1);
    }
    g_assert_cmpint(fcntl(closed, F_GETFD), ==, -1);
    g_assert_cmpint(fcntl(outside, F_GETFD), >=, 0);
    wn_fd_close(outside);
}

static void
test_flags(void)
{
    wn_autofd fd = memfd_create("flags", MFD_CLOEXEC);

    g_assert_true(wn_fd_set_cloexec(fd, false));
    g_assert_cmpint(fcntl(fd, F_GETFD) & FD_CLOEXEC, ==, 0);
    g_assert_true(wn_fd_set_cloexec(fd, true));
    g_assert_cmpint(fcntl(fd, F_GETFD) & FD_CLOEXEC, !=, 0);
    g_assert_true(wn_fd_set_nonblocking(fd));
    g_assert_cmpint(fcntl(fd, F_GETFL) & O_NONBLOCK, !=, 0);
    g_assert_false(wn_fd_set_nonblocking(-1));
    g_assert_false(wn_fd_set_cloexec(-1, true));
}

static void
test_sealed_memory(void)
{
    wn_autofd fd = wn_fd_sealed_memory("sealed", WN_SPAN("a\0b"));
    wn_autofd empty = wn_fd_sealed_memory("empty", WN_SPAN_EMPTY);
    char bytes[3];

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(empty, >=, 0);
    g_assert_true(wn_fd_pread_all(fd, bytes, 3, 0));
    g_assert_cmpmem(bytes, 3, "a\0b", 3);
    g_assert_cmpint(pwrite(fd, "x", 1, 0), ==, -1);
    g_assert_cmpint(ftruncate(fd, 1), ==, -1);
    g_assert_cmpint(ftruncate(fd, 10), ==, -1);
    g_assert_cmpint(fcntl(fd, F_ADD_SEALS, 0), ==, -1);
    g_assert_true(mmap(NULL, 3, PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
    g_assert_cmpint(fcntl(fd, F_GETFD) & FD_CLOEXEC, !=, 0);
}

static void
test_pread_past_end(void)
{
    wn_autofd fd = wn_fd_sealed_memory("short", WN_SPAN("abc"));
    char bytes[4];

    g_assert_true(wn_fd_pread_all(fd, bytes, 2, 1));
    g_assert_true(wn_fd_pread_all(fd, bytes, 0, 99));
    g_assert_false(wn_fd_pread_all(fd, bytes, 4, 0));
    g_assert_cmpint(errno, ==, ENODATA);
    g_assert_false(wn_fd_pread_all(-1, bytes, 1, 0));
    g_assert_cmpint(errno, ==, EBADF);
}

static void
test_write_all_to_full_pipe(void)
{
    g_autofree char *bytes = g_malloc0(1 << 21);
    wn_autofd reader = -1;
    wn_autofd writer = -1;
    int fds[2];

    g_assert_cmpint(pipe(fds), ==, 0);
    reader = fds[0];
    writer = fds[1];
    g_assert_true(wn_fd_set_nonblocking(writer));
    g_assert_false(wn_fd_write_all(writer, wn_span(bytes, 1 << 21)));
    g_assert_cmpint(errno, ==, EAGAIN);
}

static void
test_pwrite_at_offset(void)
{
    wn_autofd fd = memfd_create("holes", MFD_CLOEXEC);
    char bytes[5];

    g_assert_true(wn_fd_pwrite_all(fd, WN_SPAN("yz"), 3));
    g_assert_true(wn_fd_write_all(fd, WN_SPAN("x")));
    g_assert_true(wn_fd_pread_all(fd, bytes, 5, 0));
    g_assert_cmpmem(bytes, 5, "x\0\0yz", 5);
}

static void
test_read_file(void)
{
    g_autofree char *folder = g_dir_make_tmp("winnow-fd-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "file", NULL);
    g_autofree char *fifo = g_build_filename(folder, "fifo", NULL);
    g_autofree char *bytes = NULL;
    g_autoptr(GError) error = NULL;
    size_t len;

    g_assert_true(g_file_set_contents(path, "a\0b", 3, NULL));
    bytes = wn_fd_read_file(path, 3, &len, &error);
    g_assert_no_error(error);
    g_assert_cmpmem(bytes, len + 1, "a\0b\0", 4);

    g_assert_null(wn_fd_read_file(path, 2, &len, &error));
    g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED);
    g_clear_error(&error);
    g_assert_null(wn_fd_read_file(folder, 99, NULL, &error));
    g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL);
    g_clear_error(&error);

    /* would wait for a writer for ever */
    g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
    g_assert_null(wn_fd_read_file(fifo, 99, NULL, &error));
    g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL);
    g_clear_error(&error);

    g_unlink(fifo);
    g_unlink(path);
    g_assert_null(wn_fd_read_file(path, 99, NULL, &error));
    g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
    g_assert_true(g_str_has_prefix(error->message, path));
    g_rmdir(folder);
}

/* Such files say they are empty. */
static void
test_read_file_of_unknown_size(void)
{
    g_autofree char *bytes = wn_fd_read_file("/proc/self/status", 1 << 16, NULL,
        NULL);

    g_assert_nonnull(bytes);
    g_assert_true(g_str_has_prefix(bytes, "Name:"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/base/fd/close-keeps-errno", test_close_keeps_errno);
    g_test_add_func("/base/fd/autofd-and-steal", test_autofd_and_steal);
    g_test_add_func("/base/fd/flags", test_flags);
    g_test_add_func("/base/fd/sealed-memory", test_sealed_memory);
    g_test_add_func("/base/fd/pread-past-end", test_pread_past_end);
    g_test_add_func("/base/fd/write-all-to-full-pipe",
        test_write_all_to_full_pipe);
    g_test_add_func("/base/fd/pwrite-at-offset", test_pwrite_at_offset);
    g_test_add_func("/base/fd/read-file", test_read_file);
    g_test_add_func("/base/fd/read-file-of-unknown-size",
        test_read_file_of_unknown_size);
    return g_test_run();
}
