/* SPDX-License-Identifier: MIT */

/* Values in the form of domains.d, read by the same code, for a source that is
 * no file. */

#include "core/programs/ctl/edit.h"

#include "core/conf/keyfile_edit.h"

#include <stdio.h>

typedef struct Typed {
    WnDomainSetting *domain;
} Typed;

static void
keep_domain(void *user, WnDomainSetting *take_domain)
{
    Typed *typed = user;

    g_clear_pointer(&typed->domain, wn_domain_setting_free);
    typed->domain = take_domain;
}

/* A file that needs a second one beside it; the table does not. */
static bool
is_of_files_only(const WnProblem *problem)
{
    return g_strcmp0(problem->key, "mailboxes") == 0
           && strstr(problem->text, "needs the file") != NULL;
}

static bool
print_faults(const WnProblems *problems)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (unsigned i = 0; i < wn_problems_count(problems); i++) {
        WnProblem problem = *wn_problems_get(problems, i);

        if (is_of_files_only(&problem))
            continue;
        problem.file = NULL;
        wn_problem_print(&problem, text);
        g_string_append_c(text, '\n');
    }
    fputs(text->str, stderr);
    return text->len == 0;
}

WnDomainSetting *
ctl_edit_parse(const CtlEdit *self, const CtlChange *change)
{
    g_autoptr(WnProblems) problems = wn_problems_new();
    g_autofree char *fault = wn_keyfile_edit_fault(change->key, change->value);
    g_autoptr(GString) text = g_string_new(NULL);
    WnDomainFileEdit edit = { .name = "x.conf" };
    Typed typed = { NULL };

    if (fault != NULL) {
        ctl_edit_fail("%s: %s", change->key, fault);
        return NULL;
    }
    g_string_append_printf(text, "[domain %s]\n", self->domain);
    if (change->kind == CTL_FILTER_KEY)
        g_string_append_printf(text, "[filter %s]\n", change->filter);
    g_string_append_printf(text, "%s = %s\n", change->key, change->value);
    edit.text = text->str;
    wn_domain_files_read_edited("/nonexistent/domains.d", &edit, problems,
        keep_domain, &typed);
    if (!print_faults(problems))
        g_clear_pointer(&typed.domain, wn_domain_setting_free);
    return typed.domain;
}
