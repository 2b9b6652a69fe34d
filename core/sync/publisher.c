/* SPDX-License-Identifier: MIT */
#include "core/sync/publisher.h"

#include "core/base/fd.h"
#include "core/base/log.h"
#include "core/base/publish.h"
#include "core/conf/snapshot.h"
#include "core/conf/snapshot_compare.h"
#include "core/event/command.h"
#include "core/event/reaper.h"
#include "core/sync/generations.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define OUTPUT_MAX (1024 * 1024)
#define BUILD_MAX_MS (300 * 1000)
#define BUILD_PREFIX ".build-"
#define LOCK_NAME ".lock"
#define LOCK_RETRY_MS 50

/*
 *    IDLE --build--> LOCKING --locked--> BUILDING --finish()--> IDLE, or
 *                       |                    ^                  LOCKING again
 *                       +-- error: BUILDING without winnow-check
 *
 * The lock keeps a second winnow-sync, of a reload, from the same number.
 */
typedef enum { IDLE, LOCKING, BUILDING } State;

struct WnPublisher {
    WnLoop *loop;
    char *folder; /* state/snapshots */
    char *state;
    char *check_program;
    char *config_path;
    int config_fd; /* -1: winnow-check reads the files */

    State step;
    int lock_fd;
    WnTimer retry; /* while LOCKING */
    WnCommand *check;
    WnDeferred tell;    /* when there is nothing to wait for: what comes next */
    WnSnapshot *pinned; /* stays in place of a build */
    char *error;
    char *build; /* folder of the build */
    uint64_t generation;
    bool again;
    WnPublishFn fn;
    void *user;
    WnPublishFn next_fn;
    void *next_user;
};

static void begin(WnPublisher *self, WnPublishFn fn, void *user);

uint64_t
wn_publisher_next_generation(const char *state)
{
    g_autofree char *folder = g_build_filename(state, "snapshots", NULL);
    g_autoptr(GArray) numbers = wn_generations_list(folder);

    if (numbers->len == 0)
        return 1;
    return g_array_index(numbers, uint64_t, numbers->len - 1) + 1;
}

static void
remove_folder(const char *folder, const char *name)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_autoptr(GError) error = NULL;

    if (!wn_folder_remove(path, &error))
        wn_remark(WN_LEVEL_WARNING, "%s", error->message);
}

/* The newest stay, and the one in use, which may be older after a rollback. */
static void
remove_old(const WnPublisher *self)
{
    g_autoptr(GArray) numbers = wn_generations_list(self->folder);
    g_autofree char *link = g_build_filename(self->folder, "current", NULL);
    g_autofree char *used = g_file_read_link(link, NULL);

    for (guint i = 0; i + WN_SNAPSHOTS_KEPT < numbers->len; i++) {
        g_autofree char *name = g_strdup_printf("%" G_GUINT64_FORMAT,
            g_array_index(numbers, uint64_t, i));

        if (g_strcmp0(name, used) != 0)
            remove_folder(self->folder, name);
    }
}

static void
remove_rubbish(const WnPublisher *self)
{
    g_autoptr(GDir) dir = g_dir_open(self->folder, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL)
        if (g_str_has_prefix(name, BUILD_PREFIX))
            remove_folder(self->folder, name);
}

/* The build's result; another one follows if it was asked for. */
static void
finish(WnPublisher *self, WnPublishResult result, const WnSnapshot *snapshot,
    const char *text)
{
    if (self->build != NULL)
        remove_rubbish(self);
    g_clear_pointer(&self->build, g_free);
    wn_fd_close(wn_fd_steal(&self->lock_fd));
    self->fn(self->user, result,
        snapshot != NULL ? wn_snapshot_generation(snapshot) : 0,
        snapshot != NULL ? wn_snapshot_n_domains(snapshot) : 0, text);
    g_clear_pointer(&self->check, wn_command_free);
    self->step = IDLE;
    if (!self->again)
        return;
    self->again = false;
    begin(self, self->next_fn, self->next_user);
}

static void
finish_error(WnPublisher *self, const GError *error)
{
    g_autofree char *text = g_strdup_printf("%s\n", error->message);

    finish(self, WN_PUBLISH_FAILED, NULL, text);
}

typedef bool (*BlobFn)(void *user, const char *path, const char *name);

/* Calls fn for each blob of a generation; false: fn was not content. */
static bool
each_blob(const char *generation, BlobFn fn, void *user, unsigned *out_n)
{
    g_autofree char *folder = g_build_filename(generation, "data", NULL);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;

    *out_n = 0;
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(folder, name, NULL);

        ++*out_n;
        if (!fn(user, path, name))
            return false;
    }
    return true;
}

/* user: the folder of a generation. */
static bool
is_in(void *user, const char *path, const char *name)
{
    g_autofree char *other = g_build_filename(user, "data", name, NULL);
    struct stat a, b;

    return stat(path, &a) == 0 && stat(other, &b) == 0 && a.st_dev == b.st_dev
           && a.st_ino == b.st_ino;
}

static bool
any(void *user, const char *path, const char *name)
{
    (void)user;
    (void)path;
    (void)name;
    return true;
}

/* A blob that is the same is a link to the same file. */
static bool
blobs_equal(const char *built, char *current)
{
    unsigned n_built, n_current;

    each_blob(current, any, NULL, &n_current);
    return each_blob(built, is_in, current, &n_built) && n_built == n_current;
}

typedef struct Verifying {
    char *current;
    GError **error;
} Verifying;

/* What is in use has been verified before it was. */
static bool
is_sound(void *user, const char *path, const char *name)
{
    Verifying *self = user;
    g_autoptr(WnBlobFile) blob = NULL;

    if (is_in(self->current, path, name))
        return true;
    blob = wn_blob_open(path, self->error);
    return blob != NULL;
}

/* The snapshot that is in use, if it says the same as the one just built. */
static WnSnapshot *
unchanged_current(const WnPublisher *self)
{
    g_autofree char *current = g_build_filename(self->folder, "current", NULL);
    g_autofree char *now = g_build_filename(current, "settings", NULL);
    g_autofree char *built = g_build_filename(self->build, "settings", NULL);

    if (!wn_snapshot_files_equal(now, built)
        || !blobs_equal(self->build, current))
        return NULL;
    return wn_snapshot_open_current(self->state, NULL);
}

static bool
put_in_place(const WnPublisher *self, GError **error)
{
    g_autofree char *name = g_strdup_printf("%" G_GUINT64_FORMAT,
        self->generation);
    g_autofree char *path = g_build_filename(self->folder, name, NULL);
    g_autofree char *link = g_build_filename(self->folder, "current", NULL);

    return wn_folder_publish(self->build, path, error)
           && wn_link_publish(link, name, error);
}

static bool
verify_blobs(const WnPublisher *self, GError **error)
{
    g_autofree char *current = g_build_filename(self->folder, "current", NULL);
    Verifying verifying = { current, error };
    unsigned n;

    return each_blob(self->build, is_sound, &verifying, &n);
}

/* said: what winnow-check had to tell of a build that it made. */
static void
publish(WnPublisher *self, const char *said)
{
    g_autofree char *path = g_build_filename(self->build, "settings", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(WnSnapshot) snapshot = wn_snapshot_open(path, &error);
    g_autoptr(WnSnapshot) current = NULL;

    if (snapshot == NULL || !verify_blobs(self, &error)) {
        finish_error(self, error);
        return;
    }
    current = unchanged_current(self);
    if (current != NULL) {
        finish(self, WN_PUBLISH_UNCHANGED, current, said);
        return;
    }
    if (!put_in_place(self, &error)) {
        finish_error(self, error);
        return;
    }
    remove_old(self);
    finish(self, WN_PUBLISH_DONE, snapshot, said);
}

static void
on_built(void *user, int status, const char *output)
{
    WnPublisher *self = user;
    g_autofree char *why = NULL;

    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        publish(self, output);
        return;
    }
    if (output[0] != '\0') {
        finish(self, WN_PUBLISH_FAILED, NULL, output);
        return;
    }
    why = wn_reaper_describe(status);
    finish(self, WN_PUBLISH_FAILED, NULL, why);
}

static bool
make_folder(const WnPublisher *self, GError **error)
{
    if (g_mkdir(self->folder, 0700) == 0 || errno == EEXIST)
        return true;
    wn_fd_set_error(error, errno, "make", self->folder);
    return false;
}

static bool
make_build_folder(WnPublisher *self, GError **error)
{
    g_autofree char *path = g_build_filename(self->folder,
        BUILD_PREFIX "XXXXXX", NULL);

    remove_rubbish(self);
    if (g_mkdtemp(path) == NULL) {
        wn_fd_set_error(error, errno, "make", path);
        return false;
    }
    self->build = g_steal_pointer(&path);
    return true;
}

static WnCommand *
run_check(WnPublisher *self, GError **error)
{
    g_autofree char *number = g_strdup_printf("%" G_GUINT64_FORMAT,
        self->generation);
    const char *argv[] = { "winnow-check", "-c", self->config_path, "--build",
        self->build, "--generation", number, NULL, NULL, NULL };
    WnSpawn spawn = { .path = self->check_program, .argv = argv };

    if (self->config_fd >= 0) {
        argv[7] = "--config";
        argv[8] = G_STRINGIFY(WN_SPAWN_FIRST_FD);
        spawn.fds[spawn.n_fds++] = self->config_fd;
    }
    return wn_command_run(self->loop, &spawn, OUTPUT_MAX, BUILD_MAX_MS, error);
}

static void
on_tell(void *user)
{
    WnPublisher *self = user;
    g_autoptr(WnSnapshot) pinned = g_steal_pointer(&self->pinned);
    g_autofree char *error = g_steal_pointer(&self->error);

    finish(self, pinned != NULL ? WN_PUBLISH_UNCHANGED : WN_PUBLISH_FAILED,
        pinned, pinned != NULL ? "" : error);
}

static void
fail_later(WnPublisher *self, const GError *error)
{
    self->step = BUILDING;
    self->error = g_strdup_printf("%s\n", error->message);
    wn_deferred_soon(&self->tell);
}

/* The snapshot that a rollback has chosen; NULL: none, or it is damaged. */
static WnSnapshot *
pinned_current(const WnPublisher *self)
{
    if (wn_snapshot_pinned_generation(self->state) == 0)
        return NULL;
    return wn_snapshot_open_current(self->state, NULL);
}

static void
start_build(WnPublisher *self)
{
    g_autoptr(GError) error = NULL;

    self->step = BUILDING;
    self->pinned = pinned_current(self);
    if (self->pinned != NULL) {
        wn_deferred_soon(&self->tell);
        return;
    }
    self->generation = wn_publisher_next_generation(self->state);
    if (make_build_folder(self, &error))
        self->check = run_check(self, &error);
    if (self->check != NULL)
        wn_command_on_end(self->check, on_built, self);
    else
        fail_later(self, error);
}

static void
try_lock(void *user)
{
    WnPublisher *self = user;

    if (flock(self->lock_fd, LOCK_EX | LOCK_NB) == 0)
        start_build(self);
    else
        wn_timer_set(&self->retry, LOCK_RETRY_MS);
}

static void
begin(WnPublisher *self, WnPublishFn fn, void *user)
{
    g_autofree char *path = g_build_filename(self->folder, LOCK_NAME, NULL);
    g_autoptr(GError) error = NULL;

    self->fn = fn;
    self->user = user;
    self->step = LOCKING;
    if (!make_folder(self, &error)) {
        fail_later(self, error);
        return;
    }
    self->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (self->lock_fd < 0) {
        wn_fd_set_error(&error, errno, "open", path);
        fail_later(self, error);
        return;
    }
    try_lock(self);
}

WnPublisher *
wn_publisher_new(WnLoop *loop, const char *state, const char *check_program,
    const char *config_path)
{
    WnPublisher *self = g_new0(WnPublisher, 1);

    self->loop = loop;
    self->state = g_strdup(state);
    self->folder = g_build_filename(state, "snapshots", NULL);
    self->check_program = g_strdup(check_program);
    self->config_path = g_strdup(config_path);
    self->config_fd = -1;
    self->lock_fd = -1;
    wn_timer_init(&self->retry, loop, try_lock, self);
    wn_deferred_init(&self->tell, loop, on_tell, self);
    return self;
}

void
wn_publisher_free(WnPublisher *self)
{
    if (self == NULL)
        return;
    wn_deferred_unset(&self->tell);
    wn_timer_clear(&self->retry);
    wn_command_free(self->check);
    if (self->build != NULL)
        remove_rubbish(self);
    wn_fd_close(self->lock_fd);
    wn_snapshot_unref(self->pinned);
    g_free(self->error);
    g_free(self->build);
    g_free(self->folder);
    g_free(self->state);
    g_free(self->check_program);
    g_free(self->config_path);
    g_free(self);
}

void
wn_publisher_use_config(WnPublisher *self, int config_fd)
{
    self->config_fd = config_fd;
}

void
wn_publisher_build(WnPublisher *self, WnPublishFn fn, void *user)
{
    if (self->step == IDLE) {
        begin(self, fn, user);
        return;
    }
    self->again = true;
    self->next_fn = fn;
    self->next_user = user;
}
