/* SPDX-License-Identifier: MIT */

/* winnowctl db: the settings database and the lists of the filters. */

#include "core/programs/ctl/db.h"

#include <stdio.h>

static const CtlList lists[] = {
    { "urls", "url_entry", 768 },
    { "phones", "phone_entry", 32 },
    { "phrases", "phrase_entry", 768 },
};

typedef WnExit (*ListFn)(WnCtl *ctl, const WnConfig *config,
    const CtlAccount *account, const CtlList *list);

static const struct {
    const char *verb;
    ListFn run;
} list_verbs[] = {
    { "import", ctl_db_import },
    { "export", ctl_db_export },
    { "lookup", ctl_db_lookup },
};

WnExit
ctl_db_usage(void)
{
    fputs("usage: winnowctl db init\n"
          "       winnowctl db import urls|phones|phrases FILE|-\n"
          "           [--source NAME] [--note TEXT] [--expires 30d|DATE]\n"
          "           [--skip-refused]\n"
          "       winnowctl db export urls|phones|phrases\n"
          "       winnowctl db lookup urls|phones|phrases VALUE\n"
          "each with [--user NAME [--password-file FILE]]\n",
        stderr);
    return WN_EXIT_USAGE;
}

static const CtlList *
find_list(const char *kind)
{
    for (size_t i = 0; i < G_N_ELEMENTS(lists); i++) {
        if (strcmp(lists[i].kind, kind) == 0)
            return &lists[i];
    }
    return NULL;
}

static ListFn
find_verb(const char *verb)
{
    for (size_t i = 0; i < G_N_ELEMENTS(list_verbs); i++) {
        if (strcmp(list_verbs[i].verb, verb) == 0)
            return list_verbs[i].run;
    }
    return NULL;
}

WnExit
ctl_db(WnCtl *ctl)
{
    g_autoptr(WnConfig) config = NULL;
    CtlAccount account = { NULL, NULL };
    const char *verb;
    const CtlList *list;
    ListFn run;

    if (!ctl_take_account(ctl, &account) || ctl->words->len == 0)
        return ctl_db_usage();
    verb = ctl->words->pdata[0];
    run = find_verb(verb);
    list = ctl->words->len > 1 ? find_list(ctl->words->pdata[1]) : NULL;
    if (run != NULL ? list == NULL
                    : strcmp(verb, "init") != 0 || ctl->words->len != 1)
        return ctl_db_usage();
    config = ctl_read_config(ctl);
    if (config == NULL || !ctl_database_is_named(config))
        return WN_EXIT_NO;
    if (run == NULL)
        return ctl_db_init(ctl, config, &account);
    g_ptr_array_remove_range(ctl->words, 0, 2);
    return run(ctl, config, &account, list);
}
