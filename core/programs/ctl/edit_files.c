/* SPDX-License-Identifier: MIT */

/* Changes to domains.d: the text of one file, replaced as a whole. */

#include "core/programs/ctl/edit.h"

#include "core/base/fd.h"
#include "core/base/publish.h"
#include "core/conf/keyfile.h"
#include "core/conf/keyfile_edit.h"
#include "core/conf/names.h"
#include "core/conf/text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#define LOCK_TRIES 100
#define LOCK_RETRY_US (50 * 1000)
#define DOMAIN_PREFIX "domain "
#define MAILBOX_SUFFIX ".mailboxes"

/* One file before and after. */
typedef struct FileEdit {
    const CtlEdit *edit;
    char *folder;
    char *name;    /* in the folder */
    char *path;    /* of both */
    char *was;     /* NULL: there is no such file */
    GString *text; /* NULL: the file goes */
} FileEdit;

static void
file_edit_clear(FileEdit *self)
{
    g_free(self->folder);
    g_free(self->name);
    g_free(self->path);
    g_free(self->was);
    if (self->text != NULL)
        g_string_free(self->text, TRUE);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(FileEdit, file_edit_clear)

static char *
domains_folder(const CtlEdit *edit)
{
    return g_build_filename(edit->config->folder, "domains.d", NULL);
}

/* Another winnowctl waits until this one has written.  The lock is on the
 * folder itself, which leaves nothing behind. */
static bool
lock_folder(CtlEdit *self, const char *folder)
{
    self->lock_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (self->lock_fd < 0)
        return ctl_edit_fail("cannot open %s: %s", folder, g_strerror(errno));
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (flock(self->lock_fd, LOCK_EX | LOCK_NB) == 0)
            return true;
        g_usleep(LOCK_RETRY_US);
    }
    return ctl_edit_fail("another winnowctl changes %s; try again", folder);
}

static void
keep_if_named(void *user, WnDomainSetting *take_domain)
{
    CtlEdit *self = user;

    if (self->now == NULL && strcmp(take_domain->name, self->domain) == 0)
        self->now = take_domain;
    else
        wn_domain_setting_free(take_domain);
}

bool
ctl_edit_files_begin(CtlEdit *self)
{
    g_autofree char *folder = domains_folder(self);
    g_autoptr(WnProblems) problems = wn_problems_new();

    if (!lock_folder(self, folder))
        return false;
    wn_domain_files_read(folder, problems, keep_if_named, self);
    return true;
}

/*
 * The text
 */

/* The group as the file has it, "domain Example.COM" (transfer full). */
static char *
find_domain_group(const FileEdit *self, unsigned *out_n_domains)
{
    const CtlEdit *edit = self->edit;
    g_autoptr(WnProblems) problems = wn_problems_new();
    g_autoptr(WnKeyfile) keys = wn_keyfile_parse(wn_span_str(self->text->str),
        self->path, self->name, problems);
    char *found = NULL;

    *out_n_domains = 0;
    for (guint i = 0; keys != NULL && i < keys->groups->len; i++) {
        const WnKeyGroup *group = keys->groups->pdata[i];

        if (!g_str_has_prefix(group->name, DOMAIN_PREFIX))
            continue;
        ++*out_n_domains;
        if (g_ascii_strcasecmp(group->name + strlen(DOMAIN_PREFIX),
                edit->domain)
            == 0)
            found = g_strdup(group->name);
    }
    return found;
}

static bool
change_key(FileEdit *self, const char *group, const CtlChange *change)
{
    g_autofree char *fault = wn_keyfile_edit_fault(change->key, change->value);

    if (fault != NULL)
        return ctl_edit_fail("%s: %s", change->key, fault);
    if (change->value != NULL)
        wn_keyfile_edit_set(self->text, group, change->key, change->value);
    else if (!wn_keyfile_edit_unset(self->text, group, change->key))
        return ctl_edit_fail("%s is not set in [%s]", change->key, group);
    return true;
}

static bool
change_filter(FileEdit *self, const CtlChange *change, unsigned n_domains)
{
    g_autofree char *group = g_strconcat("filter ", change->filter, NULL);

    if (n_domains > 1 && !self->edit->shared)
        return ctl_edit_fail(
            "[filter ...] of domains.d/%s holds for all domains of "
            "that file: give %s a file of its own, or say --shared "
            "to change it for all of them",
            self->name, self->edit->domain);
    return change_key(self, group, change);
}

/* NULL text: no domain is left in the file. */
static void
remove_domain(FileEdit *self, const char *group, unsigned n_domains)
{
    if (n_domains > 1) {
        wn_keyfile_edit_remove_group(self->text, group);
        return;
    }
    g_string_free(self->text, TRUE);
    self->text = NULL;
}

static bool
change_text(FileEdit *self, const CtlChange *change)
{
    unsigned n_domains;
    g_autofree char *found = find_domain_group(self, &n_domains);
    g_autofree char *group = found != NULL ? g_steal_pointer(&found)
                                           : g_strconcat(DOMAIN_PREFIX,
                                               self->edit->domain, NULL);

    switch (change->kind) {
    case CTL_ADD_DOMAIN:
        wn_keyfile_edit_add_group(self->text, group);
        return true;
    case CTL_REMOVE_DOMAIN:
        remove_domain(self, group, n_domains);
        return true;
    case CTL_DOMAIN_KEY:
        return change_key(self, group, change);
    case CTL_FILTER_KEY:
        return change_filter(self, change, n_domains);
    case CTL_ADD_MAILBOX:
    case CTL_REMOVE_MAILBOX:
    case CTL_ADD_ACCESS:
    case CTL_REMOVE_ACCESS:
        break;
    }
    return ctl_edit_fail("%s: not in files", change->key);
}

/*
 * Mailboxes: lines of a file of their own
 */

static bool
line_is_mailbox(WnSpan line, const char *local_part)
{
    WnSpan word = wn_span_trim(line);
    g_autofree char *folded = NULL;
    size_t len = 0;

    while (len < word.len && word.ptr[len] != ' ' && word.ptr[len] != '\t')
        len++;
    folded = wn_local_part_fold(wn_span(word.ptr, len));
    return folded != NULL && strcmp(folded, local_part) == 0;
}

static bool
remove_mailbox(GString *text, const char *local_part)
{
    WnSpan rest = wn_span(text->str, text->len);
    WnSpan line;

    for (const char *start = rest.ptr; wn_text_file_line(&rest, &line);
         start = rest.ptr) {
        if (!line_is_mailbox(line, local_part))
            continue;
        g_string_erase(text, start - text->str, rest.ptr - start);
        return true;
    }
    return false;
}

static bool
change_mailbox(FileEdit *self, const CtlChange *change)
{
    bool had = remove_mailbox(self->text, change->key);

    if (change->kind == CTL_REMOVE_MAILBOX)
        return had
               || ctl_edit_fail("%s has no mailbox %s", self->edit->domain,
                   change->key);
    if (self->text->len > 0 && self->text->str[self->text->len - 1] != '\n')
        g_string_append_c(self->text, '\n');
    g_string_append_printf(self->text, "%s%s\n", change->key, change->value);
    return true;
}

/*
 * The file
 */

static bool
open_file(FileEdit *self, const char *name)
{
    g_autoptr(GError) error = NULL;
    size_t len;

    self->folder = domains_folder(self->edit);
    self->name = g_strdup(name);
    self->path = g_build_filename(self->folder, name, NULL);
    self->text = g_string_new(NULL);
    if (access(self->path, F_OK) != 0)
        return true;
    self->was = wn_fd_read_file(self->path, WN_TEXT_FILE_MAX, &len, &error);
    if (self->was == NULL)
        return ctl_edit_fail("%s", error->message);
    if (strlen(self->was) != len)
        return ctl_edit_fail("%s holds a NUL byte", self->path);
    g_string_append_len(self->text, self->was, (gssize)len);
    return true;
}

static bool
is_of_mailboxes(const CtlEdit *edit)
{
    const CtlChange *first = edit->changes->pdata[0];

    return first->kind == CTL_ADD_MAILBOX || first->kind == CTL_REMOVE_MAILBOX;
}

static char *
name_of_file(const CtlEdit *edit)
{
    if (is_of_mailboxes(edit))
        return g_strconcat(edit->domain, MAILBOX_SUFFIX, NULL);
    return edit->now != NULL ? g_path_get_basename(edit->now->file)
                             : g_strconcat(edit->domain, ".conf", NULL);
}

static bool
read_edited(void *user, CtlMoment moment, WnProblems *problems, WnDomainFn fn,
    void *fn_user)
{
    const FileEdit *self = user;
    WnDomainFileEdit edited = { self->name,
        self->text != NULL ? self->text->str : NULL };

    wn_domain_files_read_edited(self->folder,
        moment == CTL_AFTER_EDIT ? &edited : NULL, problems, fn, fn_user);
    return true;
}

/* An editor that knows of no lock may have written meanwhile. */
static bool
is_as_read(const FileEdit *self)
{
    g_autofree char *now = access(self->path, F_OK) == 0
                               ? wn_fd_read_file(self->path, WN_TEXT_FILE_MAX,
                                   NULL, NULL)
                               : NULL;

    return g_strcmp0(now, self->was) == 0
           || ctl_edit_fail("%s was changed meanwhile: try again", self->path);
}

static bool
write_file(const FileEdit *self)
{
    g_autoptr(GError) error = NULL;
    bool done;

    if (!is_as_read(self))
        return false;
    if (self->text == NULL)
        done = wn_file_remove(self->path, &error);
    else if (self->was != NULL)
        done = wn_file_replace(self->path,
            wn_span(self->text->str, self->text->len), &error);
    else
        done = wn_file_publish(self->path,
            wn_span(self->text->str, self->text->len), 0644, &error);
    if (!done)
        return ctl_edit_fail("%s", error->message);
    printf("%s domains.d/%s\n",
        self->text == NULL  ? "removed"
        : self->was != NULL ? "changed"
                            : "made",
        self->name);
    return true;
}

/* The list goes with its domain. */
static void
remove_mailbox_file(const CtlEdit *edit)
{
    g_autofree char *folder = domains_folder(edit);
    g_autofree char *name = g_strconcat(edit->domain, MAILBOX_SUFFIX, NULL);
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_autoptr(GError) error = NULL;

    if (access(path, F_OK) != 0)
        return;
    if (wn_file_remove(path, &error))
        printf("removed domains.d/%s\n", name);
    else
        ctl_edit_fail("%s", error->message);
}

bool
ctl_edit_files_apply(CtlEdit *self)
{
    const CtlChange *first = self->changes->pdata[0];
    g_autofree char *name = name_of_file(self);
    g_auto(FileEdit) file = { .edit = self };
    bool mailboxes = is_of_mailboxes(self);

    if (!open_file(&file, name))
        return false;
    if (first->kind == CTL_ADD_DOMAIN && file.was != NULL)
        return ctl_edit_fail("domains.d/%s is there, but has no [domain %s]",
            name, self->domain);
    for (guint i = 0; i < self->changes->len; i++)
        if (!(mailboxes ? change_mailbox(&file, self->changes->pdata[i])
                        : change_text(&file, self->changes->pdata[i])))
            return false;
    if (!ctl_edit_check(self, read_edited, &file) || !write_file(&file))
        return false;
    if (first->kind == CTL_REMOVE_DOMAIN)
        remove_mailbox_file(self);
    return true;
}
