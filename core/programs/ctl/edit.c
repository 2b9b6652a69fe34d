/* SPDX-License-Identifier: MIT */
#include "core/programs/ctl/edit.h"

#include "core/base/fd.h"
#include "core/conf/names.h"
#include "core/conf/snapshot_writer.h"
#include "core/plugin/dataset.h"
#include "core/programs/ctl/live.h"
#include "core/sync/dataset_input.h"
#include "core/sync/mirror.h"

#include <stdio.h>

bool
ctl_edit_fail(const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list list;

    va_start(list, format);
    text = g_strdup_vprintf(format, list);
    va_end(list);
    fprintf(stderr, "winnowctl: %s\n", text);
    return false;
}

static void
change_free(void *data)
{
    CtlChange *change = data;

    g_free(change->filter);
    g_free(change->key);
    g_free(change->value);
    g_free(change);
}

bool
ctl_edit_take_options(WnCtl *ctl, CtlEdit *edit)
{
    *edit = (CtlEdit){ .ctl = ctl, .lock_fd = -1 };
    edit->no_sync = ctl_take_flag(ctl, "--no-sync");
    edit->shared = ctl_take_flag(ctl, "--shared");
    return ctl_take_account(ctl, &edit->account);
}

static bool
read_configuration(CtlEdit *self)
{
    g_autoptr(WnProblems) problems = wn_problems_new();
    g_autoptr(GString) text = g_string_new(NULL);

    self->config = ctl_read_config(self->ctl);
    if (self->config == NULL)
        return false;
    self->loader = ctl_loader_new(self->ctl, self->config);
    self->catalogue = wn_loader_catalogue(self->loader, NULL, NULL);
    wn_config_check_filters(self->config, self->catalogue, problems);
    if (wn_problems_count(problems) == 0)
        return true;
    wn_problems_print(problems, text);
    fputs(text->str, stderr);
    return false;
}

WnExit
ctl_edit_begin(CtlEdit *self, const char *domain)
{
    g_autofree char *fault = NULL;
    bool files;

    self->changes = g_ptr_array_new_with_free_func(change_free);
    if (!wn_domain_name_parse(domain, &self->domain, &fault)) {
        fprintf(stderr, "winnowctl: \"%s\": %s\n", domain, fault);
        return WN_EXIT_NO;
    }
    if (!read_configuration(self))
        return WN_EXIT_NO;
    files = self->config->source == WN_SOURCE_FILES;
    return (files ? ctl_edit_files_begin(self) : ctl_edit_database_begin(self))
               ? WN_EXIT_OK
               : WN_EXIT_NO;
}

WnExit
ctl_edit_finish(CtlEdit *self)
{
    bool files = self->config->source == WN_SOURCE_FILES;

    if (!(files ? ctl_edit_files_apply(self) : ctl_edit_database_apply(self))) {
        fputs("winnowctl: nothing was changed\n", stderr);
        return WN_EXIT_NO;
    }
    /* The lock is for the change; others need not wait for the daemon. */
    wn_fd_close(self->lock_fd);
    self->lock_fd = -1;
    if (self->no_sync)
        return WN_EXIT_OK;
    return ctl_make_live(self->config);
}

void
ctl_edit_clear(CtlEdit *self)
{
    g_clear_pointer(&self->database, wn_database_free);
    g_clear_pointer(&self->mirror, wn_mirror_free);
    wn_fd_close(self->lock_fd);
    self->lock_fd = -1;
    g_clear_pointer(&self->changes, g_ptr_array_unref);
    g_clear_pointer(&self->now, wn_domain_setting_free);
    g_clear_pointer(&self->domain, g_free);
    g_clear_pointer(&self->catalogue, wn_catalogue_free);
    g_clear_pointer(&self->loader, wn_loader_free);
    g_clear_pointer(&self->config, wn_config_free);
}

bool
ctl_edit_is_there(const CtlEdit *self)
{
    if (self->now == NULL)
        fprintf(stderr,
            "winnowctl: %s is not one of the domains (\"winnowctl domain add\" "
            "makes it one)\n",
            self->domain);
    return self->now != NULL;
}

static void
take_change(CtlEdit *self, CtlChange values)
{
    CtlChange *change = g_new(CtlChange, 1);

    *change = (CtlChange){ values.kind, g_strdup(values.filter),
        g_strdup(values.key), g_strdup(values.value) };
    g_ptr_array_add(self->changes, change);
}

void
ctl_edit_add(CtlEdit *self, CtlChangeKind kind, const char *key,
    const char *value)
{
    take_change(self, (CtlChange){ kind, NULL, (char *)(uintptr_t)key,
                          (char *)(uintptr_t)value });
}

void
ctl_edit_filter(CtlEdit *self, const char *filter, const char *key,
    const char *value)
{
    take_change(self, (CtlChange){ CTL_FILTER_KEY, (char *)(uintptr_t)filter,
                          (char *)(uintptr_t)key, (char *)(uintptr_t)value });
}

const WnFilterSetting *
ctl_edit_filter_now(const CtlEdit *self, const char *filter)
{
    const GPtrArray *settings = self->now != NULL ? self->now->filter_settings
                                                  : NULL;

    for (guint i = 0; settings != NULL && i < settings->len; i++) {
        const WnFilterSetting *setting = settings->pdata[i];

        if (strcmp(setting->name, filter) == 0)
            return setting;
    }
    return NULL;
}

/*
 * The check
 */

typedef struct Checking {
    WnSnapshotWriter *writer;
    WnBlobNeeds *needs;
    WnProblems *problems;
} Checking;

static void
check_domain(void *user, WnDomainSetting *take_domain)
{
    Checking *checking = user;

    wn_blob_needs_note_domain(checking->needs, take_domain);
    wn_snapshot_writer_add(checking->writer, take_domain, checking->problems);
}

/* Are the lists there that filters name?  What stands in them is for those who
 * compile them. */
static void
check_lists(const CtlEdit *self, Checking *checking, const GByteArray *bytes)
{
    wn_autofd fd = wn_fd_sealed_memory("settings",
        wn_span(bytes->data, bytes->len));
    g_autoptr(WnSnapshot) snapshot = wn_snapshot_open_fd(fd, "settings", NULL);

    if (snapshot == NULL)
        return;
    wn_blob_needs_add(checking->needs, snapshot);
    for (unsigned i = 0; i < wn_blob_needs_count(checking->needs); i++) {
        const WnBlobNeed *need = wn_blob_needs_get(checking->needs, i);
        g_autoptr(GError) error = NULL;
        g_autoptr(WnDatasetInput)
            input = wn_dataset_input_open(need, self->config, &error);

        if (input == NULL)
            wn_problems_add(checking->problems, wn_blob_need_place(need), "%s",
                error->message);
    }
}

/* What is wrong at that moment; NULL: it could not be read. */
static WnProblems *
problems_at(const CtlEdit *self, CtlMoment moment, CtlReadFn read, void *user)
{
    g_autoptr(WnProblems) problems = wn_problems_new();
    g_autoptr(WnSnapshotWriter)
        writer = wn_snapshot_writer_new(self->config, self->catalogue);
    g_autoptr(WnBlobNeeds)
        needs = wn_blob_needs_new(self->config, self->loader);
    Checking checking = { writer, needs, problems };
    g_autoptr(GByteArray) bytes = NULL;

    if (!read(user, moment, problems, check_domain, &checking))
        return NULL;
    bytes = wn_snapshot_writer_finish(writer, 1, problems);
    if (bytes != NULL)
        check_lists(self, &checking, bytes);
    return g_steal_pointer(&problems);
}

/* The line may be another one after the edit. */
static char *
identity_of(const WnProblem *problem)
{
    return g_strdup_printf("%s\n%s\n%s\n%s",
        problem->file != NULL ? problem->file : "",
        problem->group != NULL ? problem->group : "",
        problem->key != NULL ? problem->key : "", problem->text);
}

static GHashTable *
identities_of(const WnProblems *problems)
{
    GHashTable *set = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
        NULL);

    for (unsigned i = 0; i < wn_problems_count(problems); i++) {
        const WnProblem *problem = wn_problems_get(problems, i);

        if (problem != NULL)
            g_hash_table_add(set, identity_of(problem));
    }
    return set;
}

/* Prints those that were not there before; how many. */
static unsigned
print_new(const WnProblems *before, const WnProblems *after)
{
    g_autoptr(GHashTable) known = identities_of(before);
    g_autoptr(GString) text = g_string_new(NULL);
    unsigned n = 0;

    for (unsigned i = 0; i < wn_problems_count(after); i++) {
        const WnProblem *problem = wn_problems_get(after, i);
        g_autofree char *identity = problem != NULL ? identity_of(problem)
                                                    : NULL;

        if (identity == NULL || g_hash_table_contains(known, identity))
            continue;
        wn_problem_print(problem, text);
        g_string_append_c(text, '\n');
        n++;
    }
    fputs(text->str, stderr);
    return n;
}

bool
ctl_edit_check(const CtlEdit *self, CtlReadFn read, void *user)
{
    g_autoptr(WnProblems) after = problems_at(self, CTL_AFTER_EDIT, read, user);
    g_autoptr(WnProblems) before = NULL;

    if (after == NULL)
        return false;
    if (wn_problems_count(after) == 0)
        return true;
    before = problems_at(self, CTL_BEFORE_EDIT, read, user);
    return before != NULL && print_new(before, after) == 0;
}
