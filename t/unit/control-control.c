/* SPDX-License-Identifier: MIT */
#include "core/control/control.h"

#include "core/base/fd.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct Fixture {
    char *folder;
    char *path;
    WnLoop *loop;
    WnControlServer *server;
    GString *asked; /* words with '|' between */
    WnControlCall *call;
    bool at_once;
} Fixture;

static void
on_call(void *user, WnControlCall *call, const char *const *words)
{
    Fixture *self = user;

    for (size_t i = 0; words[i] != NULL; i++)
        g_string_append_printf(self->asked, "%s|", words[i]);
    if (self->at_once)
        wn_control_answer(call, WN_EXIT_NO, g_string_new("not so\n"));
    else
        self->call = call;
}

static void
set_up(Fixture *self)
{
    g_autoptr(GError) error = NULL;

    *self = (Fixture){ .at_once = true };
    self->folder = g_dir_make_tmp("control-XXXXXX", NULL);
    self->path = g_build_filename(self->folder, "control", NULL);
    self->loop = wn_loop_new();
    self->asked = g_string_new(NULL);
    self->server = wn_control_server_new(self->loop, self->path, on_call, self,
        &error);
    g_assert_no_error(error);
}

static void
tear_down(Fixture *self)
{
    wn_control_server_free(self->server);
    wn_loop_free(self->loop);
    g_assert_cmpint(g_access(self->path, F_OK), !=, 0);
    g_rmdir(self->folder);
    g_free(self->path);
    g_free(self->folder);
    g_string_free(self->asked, TRUE);
}

/* Asks in a process of its own: the call blocks. */
static pid_t
ask_beside(const Fixture *self, const char *const *words, const char *expected,
    WnExit expected_exit)
{
    pid_t pid = fork();

    if (pid == 0) {
        g_autoptr(GString) out = g_string_new("rubbish");
        WnExit exit_status = wn_control_ask(self->path, words, out);

        _exit(exit_status == expected_exit && g_str_equal(out->str, expected)
                  ? 0
                  : 1);
    }
    return pid;
}

static void
wait_for_end(Fixture *self, pid_t pid)
{
    int status = -1;

    for (int i = 0; i < 200 && waitpid(pid, &status, WNOHANG) == 0; i++)
        wn_loop_turn(self->loop);
    g_assert_cmpint(status, ==, 0);
}

static void
test_ask_and_answer(void)
{
    static const char *const words[] = { "status", "--json", "a b", NULL };
    Fixture self;
    struct stat info;

    set_up(&self);
    g_assert_cmpint(g_stat(self.path, &info), ==, 0);
    g_assert_cmpint(info.st_mode & 0777, ==, 0600);
    wait_for_end(&self, ask_beside(&self, words, "not so\n", WN_EXIT_NO));
    g_assert_cmpstr(self.asked->str, ==, "status|--json|a b|");
    tear_down(&self);
}

static void
test_no_words(void)
{
    static const char *const words[] = { NULL };
    Fixture self;

    set_up(&self);
    wait_for_end(&self, ask_beside(&self, words, "not so\n", WN_EXIT_NO));
    g_assert_cmpstr(self.asked->str, ==, "");
    tear_down(&self);
}

static void
test_large_answer_later(void)
{
    static const char *const words[] = { "queue", NULL };
    g_autofree char *text = g_strnfill(3 * 1024 * 1024, 'x');
    Fixture self;
    pid_t pid;

    set_up(&self);
    self.at_once = false;
    pid = ask_beside(&self, words, text, WN_EXIT_OK);
    while (self.call == NULL)
        wn_loop_turn(self.loop);
    wn_loop_turn(self.loop);
    wn_control_answer(self.call, WN_EXIT_OK, g_string_new(text));
    wait_for_end(&self, pid);
    tear_down(&self);
}

static void
test_server_goes_before_the_answer(void)
{
    static const char *const words[] = { "stop", NULL };
    Fixture self;
    pid_t pid;

    set_up(&self);
    self.at_once = false;
    pid = ask_beside(&self, words, "stopped\n", WN_EXIT_OK);
    while (self.call == NULL)
        wn_loop_turn(self.loop);
    g_clear_pointer(&self.server, wn_control_server_free);
    wn_control_answer(self.call, WN_EXIT_OK, g_string_new("stopped\n"));
    wait_for_end(&self, pid);
    tear_down(&self);
}

static int
dial(const Fixture *self)
{
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_strlcpy(sa.sun_path, self->path, sizeof(sa.sun_path));
    g_assert_cmpint(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), ==, 0);
    return fd;
}

static bool
is_closed(int fd)
{
    char byte;
    ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT);

    return n == 0 || (n < 0 && errno != EAGAIN);
}

/* The asker goes away while its answer is being made. */
static void
test_asker_goes(void)
{
    Fixture self;
    int fd;

    set_up(&self);
    self.at_once = false;
    fd = dial(&self);
    g_assert_cmpint(send(fd, "a\0\0", 3, 0), ==, 3);
    while (self.call == NULL)
        wn_loop_turn(self.loop);
    close(fd);
    wn_loop_turn(self.loop);
    wn_loop_turn(self.loop);
    wn_control_answer(self.call, WN_EXIT_OK, g_string_new("to nobody"));
    wn_loop_turn(self.loop);
    tear_down(&self);
}

/* More than 64 KiB without an end is no request. */
static void
test_endless_request(void)
{
    g_autofree char *text = g_strnfill(4096, 'x');
    Fixture self;
    int fd;

    set_up(&self);
    fd = dial(&self);
    for (int i = 0; i < 1000 && !is_closed(fd); i++) {
        send(fd, text, 4096, MSG_DONTWAIT | MSG_NOSIGNAL);
        wn_loop_turn(self.loop);
    }
    g_assert_true(is_closed(fd));
    g_assert_cmpstr(self.asked->str, ==, "");
    close(fd);
    tear_down(&self);
}

static void
test_not_running(void)
{
    static const char *const words[] = { "status", NULL };
    g_autoptr(GString) out = g_string_new(NULL);

    g_assert_cmpint(wn_control_ask("/nonexistent/control", words, out), ==,
        WN_EXIT_NOT_RUNNING);
}

static void
test_second_server_is_refused(void)
{
    g_autoptr(GError) error = NULL;
    Fixture self;

    set_up(&self);
    g_assert_null(
        wn_control_server_new(self.loop, self.path, on_call, &self, &error));
    g_assert_nonnull(error);
    tear_down(&self);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/control/ask-and-answer", test_ask_and_answer);
    g_test_add_func("/control/no-words", test_no_words);
    g_test_add_func("/control/large-answer-later", test_large_answer_later);
    g_test_add_func("/control/server-goes", test_server_goes_before_the_answer);
    g_test_add_func("/control/asker-goes", test_asker_goes);
    g_test_add_func("/control/endless-request", test_endless_request);
    g_test_add_func("/control/not-running", test_not_running);
    g_test_add_func("/control/second-server", test_second_server_is_refused);
    return g_test_run();
}
