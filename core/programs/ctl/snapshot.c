/* SPDX-License-Identifier: MIT */

/*
 * winnowctl snapshot and sync: the generations that were published, what
 * differs between them, and the way back to one.  A rollback pins its
 * generation (core/conf/snapshot.h); sync takes the pin away.
 */

#include "core/programs/ctl/live.h"
#include "core/programs/ctl/snapshot_diff.h"

#include "core/base/fd.h"
#include "core/base/json.h"
#include "core/base/publish.h"
#include "core/sync/generations.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#define LOCK_TRIES 100
#define LOCK_RETRY_US (100 * 1000)

static char *
snapshots_folder(const WnConfig *config)
{
    return g_build_filename(config->state, "snapshots", NULL);
}

/*
 * list
 */

typedef struct Listed {
    uint64_t generation;
    bool in_use;
    bool pinned;
    WnSnapshot *snapshot; /* NULL: error says why */
    GError *error;
} Listed;

static void
print_listed(const Listed *self, GString *out)
{
    g_autoptr(GDateTime) built = NULL;
    g_autofree char *time = NULL;

    g_string_append_printf(out, "%6" G_GUINT64_FORMAT "  ", self->generation);
    if (self->snapshot == NULL) {
        g_string_append_printf(out, "damaged: %s\n", self->error->message);
        return;
    }
    built = g_date_time_new_from_unix_utc(wn_snapshot_built(self->snapshot));
    time = g_date_time_format(built, "%Y-%m-%d %H:%M:%SZ");
    g_string_append_printf(out, "%s  %7u domain%s%s%s\n", time,
        wn_snapshot_n_domains(self->snapshot),
        wn_snapshot_n_domains(self->snapshot) == 1 ? "" : "s",
        self->in_use ? "  in use" : "",
        self->pinned ? ", pinned by rollback" : "");
}

static void
print_listed_json(const Listed *self, GString *out)
{
    WnJson json;

    wn_json_init(&json, out);
    wn_json_open_object(&json, NULL);
    wn_json_int(&json, "generation", (int64_t)self->generation);
    if (self->snapshot != NULL) {
        wn_json_int(&json, "built", wn_snapshot_built(self->snapshot));
        wn_json_int(&json, "domains", wn_snapshot_n_domains(self->snapshot));
    } else {
        wn_json_str(&json, "error", self->error->message);
    }
    wn_json_bool(&json, "in_use", self->in_use);
    wn_json_bool(&json, "pinned", self->pinned);
    wn_json_close_object(&json);
    g_string_append_c(out, '\n');
}

static WnExit
list_snapshots(const WnCtl *ctl, const WnConfig *config)
{
    g_autofree char *folder = snapshots_folder(config);
    g_autoptr(GArray) numbers = wn_generations_list(folder);
    g_autoptr(GString) out = g_string_new(NULL);
    uint64_t current = wn_snapshot_current_generation(config->state);
    uint64_t pinned = wn_snapshot_pinned_generation(config->state);

    for (guint i = 0; i < numbers->len; i++) {
        uint64_t number = g_array_index(numbers, uint64_t, i);
        g_autoptr(GError) error = NULL;
        g_autoptr(WnSnapshot)
            snapshot = wn_snapshot_open_generation(config->state, number,
                &error);
        Listed listed = { number, number == current, number == pinned, snapshot,
            error };

        if (ctl->json)
            print_listed_json(&listed, out);
        else
            print_listed(&listed, out);
    }
    fputs(out->str, stdout);
    if (numbers->len == 0 && !ctl->json)
        fputs("no snapshot was published yet\n", stdout);
    return WN_EXIT_OK;
}

/* "17" or "current"; 0 after it was said what is wrong. */
static uint64_t
parse_generation(const WnConfig *config, const char *word)
{
    uint64_t number = 0;

    if (strcmp(word, "current") == 0)
        number = wn_snapshot_current_generation(config->state);
    else if (!wn_span_to_u64(wn_span_str(word), &number))
        number = 0;
    if (number == 0)
        fprintf(stderr,
            "winnowctl: \"%s\" is no generation; \"winnowctl snapshot list\" "
            "shows them\n",
            word);
    return number;
}

static WnSnapshot *
open_snapshot(const WnConfig *config, uint64_t number)
{
    g_autoptr(GError) error = NULL;
    WnSnapshot *snapshot = wn_snapshot_open_generation(config->state, number,
        &error);

    if (snapshot == NULL)
        fprintf(stderr,
            "winnowctl: snapshot %" G_GUINT64_FORMAT
            ": %s\n    \"winnowctl snapshot list\" shows what there is\n",
            number, error != NULL ? error->message : "there is none");
    return snapshot;
}

/*
 * diff
 */

static char *
generation_folder(const WnConfig *config, uint64_t number)
{
    return g_strdup_printf("%s/snapshots/%" G_GUINT64_FORMAT, config->state,
        number);
}

static WnExit
diff_snapshots(const WnCtl *ctl, const WnConfig *config)
{
    g_autoptr(GString) out = g_string_new(NULL);
    uint64_t a = parse_generation(config, ctl->words->pdata[1]);
    uint64_t b = a > 0 ? parse_generation(config, ctl->words->pdata[2]) : 0;
    g_autoptr(WnSnapshot) old = b > 0 ? open_snapshot(config, a) : NULL;
    g_autoptr(WnSnapshot) new_ = old != NULL ? open_snapshot(config, b) : NULL;
    g_autofree char *old_folder = generation_folder(config, a);
    g_autofree char *new_folder = generation_folder(config, b);

    if (new_ == NULL)
        return WN_EXIT_NO;
    snapshot_diff_print(old, new_, ctl->json, out);
    snapshot_diff_data(old_folder, new_folder, ctl->json, out);
    if (out->len == 0 && !ctl->json)
        g_string_append(out, "no difference\n");
    fputs(out->str, stdout);
    return WN_EXIT_OK;
}

/*
 * rollback
 */

/* That of the publisher: no build is published meanwhile.  -1 after the reason
 * was said. */
static int
lock_snapshots(const WnConfig *config)
{
    g_autofree char *path = g_build_filename(config->state, "snapshots",
        ".lock", NULL);
    wn_autofd fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0) {
        fprintf(stderr, "winnowctl: cannot open %s: %s\n", path,
            g_strerror(errno));
        return -1;
    }
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return wn_fd_steal(&fd);
        g_usleep(LOCK_RETRY_US);
    }
    fputs("winnowctl: a snapshot is being built; try again\n", stderr);
    return -1;
}

/* The pin first: it means nothing until current leads there, too. */
static bool
pin(const WnConfig *config, uint64_t number)
{
    g_autofree char *folder = snapshots_folder(config);
    g_autofree char *pinned = g_build_filename(folder, WN_SNAPSHOT_PIN, NULL);
    g_autofree char *current = g_build_filename(folder, "current", NULL);
    g_autofree char *name = g_strdup_printf("%" G_GUINT64_FORMAT, number);
    g_autoptr(GError) error = NULL;

    if (wn_link_publish(pinned, name, &error)
        && wn_link_publish(current, name, &error))
        return true;
    fprintf(stderr, "winnowctl: %s\n", error->message);
    return false;
}

static bool
roll_back_to(const WnConfig *config, uint64_t number)
{
    g_autoptr(WnSnapshot) snapshot = open_snapshot(config, number);
    wn_autofd lock = snapshot != NULL ? lock_snapshots(config) : -1;

    return lock >= 0 && pin(config, number);
}

static WnExit
roll_back(const WnCtl *ctl, const WnConfig *config)
{
    uint64_t number = parse_generation(config, ctl->words->pdata[1]);
    g_autoptr(GString) text = g_string_new(NULL);
    WnExit answer;

    if (number == 0 || !roll_back_to(config, number))
        return WN_EXIT_NO;
    printf("snapshot %" G_GUINT64_FORMAT
           " stays until the next \"winnowctl sync\"\n",
        number);
    answer = ctl_ask_sync(config, text);
    if (answer == WN_EXIT_NOT_RUNNING) {
        puts("no daemon runs; the next one begins with it");
        return WN_EXIT_OK;
    }
    if (answer == WN_EXIT_OK)
        printf("live: %s", text->str);
    else
        fputs(text->str, stderr);
    return answer;
}

WnExit
ctl_snapshot(WnCtl *ctl)
{
    const char *what = ctl->words->len > 0 ? ctl->words->pdata[0] : "";
    bool list = strcmp(what, "list") == 0 && ctl->words->len == 1;
    bool diff = strcmp(what, "diff") == 0 && ctl->words->len == 3;
    bool rollback = strcmp(what, "rollback") == 0 && ctl->words->len == 2;
    g_autoptr(WnConfig) config = NULL;

    if (!list && !diff && !rollback) {
        fputs("usage: winnowctl snapshot list | diff A B | rollback N\n",
            stderr);
        return WN_EXIT_USAGE;
    }
    config = ctl_read_config(ctl);
    if (config == NULL)
        return WN_EXIT_NO;
    return list   ? list_snapshots(ctl, config)
           : diff ? diff_snapshots(ctl, config)
                  : roll_back(ctl, config);
}

/*
 * sync
 */

/* Where nobody is there to publish anew, the rollback still holds. */
WnExit
ctl_sync(WnCtl *ctl)
{
    g_autoptr(WnConfig) config = ctl_read_config(ctl);
    g_autofree char *path = NULL;
    g_autofree char *pinned = NULL;
    WnExit answer;

    if (config == NULL)
        return WN_EXIT_NO;
    if (g_ptr_array_find_with_equal_func(ctl->words, "--status", g_str_equal,
            NULL))
        return ctl_daemon(ctl, "sync");
    path = g_build_filename(config->state, "snapshots", WN_SNAPSHOT_PIN, NULL);
    pinned = g_file_read_link(path, NULL);
    if (pinned != NULL && unlink(path) != 0) {
        fprintf(stderr, "winnowctl: cannot remove %s: %s\n", path,
            g_strerror(errno));
        return WN_EXIT_NO;
    }
    answer = ctl_daemon(ctl, "sync");
    if (answer == WN_EXIT_NOT_RUNNING && pinned != NULL)
        wn_link_publish(path, pinned, NULL);
    return answer;
}
