/* SPDX-License-Identifier: MIT */

/* winnowctl domain add, set, unset and remove, mailbox and access: changes to
 * settings without SQL and without an editor. */

#include "core/programs/ctl/edit.h"

#include "core/conf/names.h"

#include <stdio.h>

static WnExit
usage(const char *text)
{
    fprintf(stderr, "usage: winnowctl %s\n", text);
    return WN_EXIT_USAGE;
}

static const char *
word(const WnCtl *ctl, guint n)
{
    return n < ctl->words->len ? ctl->words->pdata[n] : NULL;
}

/*
 * domain
 */

/* Every --server, as the value of servers (transfer full); NULL: bad usage. */
static char *
take_servers(WnCtl *ctl)
{
    g_autoptr(GString) servers = g_string_new(NULL);
    const char *server;
    bool bad = false;

    while ((server = ctl_take_option(ctl, "--server", &bad)) != NULL)
        g_string_append_printf(servers, "%s%s", servers->len > 0 ? "; " : "",
            server);
    return bad ? NULL : g_string_free(g_steal_pointer(&servers), FALSE);
}

/* "KEY VALUE ..." from the n-th word on; false: one is left over. */
static bool
add_pairs(CtlEdit *edit, guint n)
{
    WnCtl *ctl = edit->ctl;

    if ((ctl->words->len - n) % 2 != 0)
        return false;
    for (; n < ctl->words->len; n += 2)
        ctl_edit_add(edit, CTL_DOMAIN_KEY, word(ctl, n), word(ctl, n + 1));
    return true;
}

static WnExit
add_domain(WnCtl *ctl, CtlEdit *edit)
{
    static const char text[] = "domain add D --server HOST[:PORT] ... "
                               "[KEY VALUE ...] [--no-sync]";
    g_autofree char *servers = take_servers(ctl);
    WnExit status;

    if (servers == NULL || servers[0] == '\0'
        || !ctl_no_option_but_values(ctl, 1) || ctl->words->len < 1
        || ctl->words->len % 2 != 1)
        return usage(text);
    status = ctl_edit_begin(edit, word(ctl, 0));
    if (status != WN_EXIT_OK)
        return status;
    if (edit->now != NULL) {
        fprintf(stderr,
            "winnowctl: %s is one of the domains already (\"winnowctl domain "
            "set\" changes it)\n",
            edit->domain);
        return WN_EXIT_NO;
    }
    ctl_edit_add(edit, CTL_ADD_DOMAIN, NULL, NULL);
    ctl_edit_add(edit, CTL_DOMAIN_KEY, "servers", servers);
    add_pairs(edit, 1);
    return ctl_edit_finish(edit);
}

/* Words: D, then what is to change. */
static WnExit
begin_change(WnCtl *ctl, CtlEdit *edit)
{
    WnExit status = ctl_edit_begin(edit, word(ctl, 0));

    if (status == WN_EXIT_OK && !ctl_edit_is_there(edit))
        return WN_EXIT_NO;
    return status;
}

static WnExit
set_domain(WnCtl *ctl, CtlEdit *edit)
{
    WnExit status;

    if (!ctl_no_option_but_values(ctl, 1) || ctl->words->len < 3
        || ctl->words->len % 2 != 1)
        return usage("domain set D KEY VALUE ... [--no-sync]");
    status = begin_change(ctl, edit);
    if (status != WN_EXIT_OK)
        return status;
    add_pairs(edit, 1);
    return ctl_edit_finish(edit);
}

static WnExit
unset_domain(WnCtl *ctl, CtlEdit *edit)
{
    WnExit status;

    if (ctl->words->len < 2)
        return usage("domain unset D KEY ... [--no-sync]");
    status = begin_change(ctl, edit);
    if (status != WN_EXIT_OK)
        return status;
    for (guint i = 1; i < ctl->words->len; i++)
        ctl_edit_add(edit, CTL_DOMAIN_KEY, word(ctl, i), NULL);
    return ctl_edit_finish(edit);
}

static WnExit
remove_domain(WnCtl *ctl, CtlEdit *edit)
{
    WnExit status;

    if (ctl->words->len != 1)
        return usage("domain remove D [--no-sync]");
    status = ctl_edit_begin(edit, word(ctl, 0));
    if (status != WN_EXIT_OK)
        return status;
    if (edit->now == NULL) {
        fprintf(stderr, "winnowctl: %s is not one of the domains\n",
            edit->domain);
        return WN_EXIT_NO;
    }
    ctl_edit_add(edit, CTL_REMOVE_DOMAIN, NULL, NULL);
    return ctl_edit_finish(edit);
}

static WnExit
set_status(WnCtl *ctl, CtlEdit *edit, const char *status)
{
    WnExit done;

    if (ctl->words->len != 1)
        return usage("suspend D [--no-sync] | resume D [--no-sync]");
    done = begin_change(ctl, edit);
    if (done != WN_EXIT_OK)
        return done;
    ctl_edit_add(edit, CTL_DOMAIN_KEY, "status", status);
    return ctl_edit_finish(edit);
}

static WnExit
suspend_domain(WnCtl *ctl, CtlEdit *edit)
{
    return set_status(ctl, edit, "suspended");
}

static WnExit
resume_domain(WnCtl *ctl, CtlEdit *edit)
{
    return set_status(ctl, edit, "ready");
}

typedef struct Verb {
    const char *name;
    WnExit (*run)(WnCtl *ctl, CtlEdit *edit);
    bool takes_options; /* of its own */
} Verb;

static const Verb domain_verbs[] = {
    { "add", add_domain, true },
    { "set", set_domain, true },
    { "unset", unset_domain, false },
    { "remove", remove_domain, false },
};

/* The first word is the verb. */
static bool
run_verb(WnCtl *ctl, const Verb *verbs, size_t n_verbs, WnExit *out_status)
{
    g_auto(CtlEdit) edit = { .lock_fd = -1 };
    const char *name = word(ctl, 0);
    const Verb *verb = NULL;

    for (size_t i = 0; name != NULL && i < n_verbs; i++)
        if (strcmp(verbs[i].name, name) == 0)
            verb = &verbs[i];
    if (verb == NULL)
        return false;
    g_ptr_array_remove_index(ctl->words, 0);
    *out_status = WN_EXIT_USAGE;
    if (ctl_edit_take_options(ctl, &edit)
        && (verb->takes_options || ctl_no_option_left(ctl)))
        *out_status = verb->run(ctl, &edit);
    return true;
}

static const Verb suspend_verbs[] = {
    { "suspend", suspend_domain, false },
    { "resume", resume_domain, false },
};

WnExit
ctl_suspend(WnCtl *ctl, const char *verb)
{
    g_autofree char *first = g_strdup(verb);
    WnExit status = WN_EXIT_USAGE;

    g_ptr_array_insert(ctl->words, 0, first);
    run_verb(ctl, suspend_verbs, G_N_ELEMENTS(suspend_verbs), &status);
    return status;
}

bool
ctl_domain_edit(WnCtl *ctl, WnExit *out_status)
{
    return run_verb(ctl, domain_verbs, G_N_ELEMENTS(domain_verbs), out_status);
}

/*
 * mailbox
 */

static const char mailbox_usage[] = "mailbox add D LOCAL-PART ... "
                                    "[--filtering on|off] | remove D "
                                    "LOCAL-PART ... | list D";

static bool
add_mailboxes(CtlEdit *edit, CtlChangeKind kind, const char *value)
{
    for (guint i = 1; i < edit->ctl->words->len; i++) {
        g_autofree char *local_part = NULL;
        g_autofree char *fault = NULL;

        if (!wn_local_part_parse(word(edit->ctl, i), &local_part, &fault)) {
            fprintf(stderr, "winnowctl: \"%s\": %s\n", word(edit->ctl, i),
                fault);
            return false;
        }
        ctl_edit_add(edit, kind, local_part, value);
    }
    return true;
}

static WnExit
change_mailboxes(WnCtl *ctl, CtlEdit *edit, CtlChangeKind kind,
    const char *value)
{
    WnExit status;

    if (ctl->words->len < 2)
        return usage(mailbox_usage);
    status = begin_change(ctl, edit);
    if (status != WN_EXIT_OK)
        return status;
    return add_mailboxes(edit, kind, value) ? ctl_edit_finish(edit)
                                            : WN_EXIT_NO;
}

static WnExit
add_mailbox(WnCtl *ctl, CtlEdit *edit)
{
    bool bad = false;
    const char *filtering = ctl_take_option(ctl, "--filtering", &bad);
    bool on = g_strcmp0(filtering, "on") == 0;

    if (bad || !ctl_no_option_left(ctl)
        || (filtering != NULL && !on && strcmp(filtering, "off") != 0))
        return usage(mailbox_usage);
    return change_mailboxes(ctl, edit, CTL_ADD_MAILBOX,
        filtering == NULL ? ""
        : on              ? " filtering=on"
                          : " filtering=off");
}

static WnExit
remove_mailbox(WnCtl *ctl, CtlEdit *edit)
{
    return change_mailboxes(ctl, edit, CTL_REMOVE_MAILBOX, NULL);
}

static int
by_local_part(const void *left, const void *right)
{
    const WnMailboxSetting *a = left;
    const WnMailboxSetting *b = right;

    return strcmp(a->local_part, b->local_part);
}

static WnExit
list_mailboxes(WnCtl *ctl, CtlEdit *edit)
{
    static const char *const filtering[] = { "", " filtering=on",
        " filtering=off" };
    WnExit status;

    if (ctl->words->len != 1)
        return usage(mailbox_usage);
    status = begin_change(ctl, edit);
    if (status == WN_EXIT_OK)
        g_array_sort(edit->now->mailbox_list, by_local_part);
    for (guint i = 0; status == WN_EXIT_OK && i < edit->now->mailbox_list->len;
         i++) {
        const WnMailboxSetting *mailbox = &g_array_index(edit->now
                                                             ->mailbox_list,
            WnMailboxSetting, i);

        printf("%s%s\n", mailbox->local_part, filtering[mailbox->filtering]);
    }
    return status;
}

WnExit
ctl_mailbox(WnCtl *ctl)
{
    static const Verb verbs[] = {
        { "add", add_mailbox, true },
        { "remove", remove_mailbox, false },
        { "list", list_mailboxes, false },
    };
    WnExit status;

    if (run_verb(ctl, verbs, G_N_ELEMENTS(verbs), &status))
        return status;
    return usage(mailbox_usage);
}
