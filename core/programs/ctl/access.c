/* SPDX-License-Identifier: MIT */

/* winnowctl access: whom a domain's firewall filter lets in or keeps out.  In
 * files these are its options (allow_clients, ...), in the database rows of
 * access_entry. */

#include "core/programs/ctl/edit.h"

#include "core/conf/keyfile.h"

#include <stdio.h>

#define PLUGIN "firewall"

static const char access_usage[] =
    "usage: winnowctl access add|remove D allow|block KIND VALUE [--no-sync]\n"
    "       winnowctl access list D\n"
    "KIND is client, sender, sender_domain or helo\n";

static const char *const verdicts[] = { "allow", "block", NULL };
static const char *const kinds[] = { "client", "sender", "sender_domain",
    "helo", NULL };

/* The filter that the entries belong to; NULL: conf.d has none. */
static const char *
firewall_filter(const CtlEdit *edit)
{
    const GPtrArray *filters = edit->config->filters;

    for (guint i = 0; i < filters->len; i++) {
        const WnFilterConfig *filter = filters->pdata[i];

        if (strcmp(filter->plugin, PLUGIN) == 0)
            return filter->name;
    }
    return NULL;
}

static const char *
find_value(const GPtrArray *settings, const char *key)
{
    for (guint i = 0; settings != NULL && i < settings->len; i++) {
        const WnSetting *setting = settings->pdata[i];

        if (strcmp(setting->key, key) == 0)
            return setting->value;
    }
    return NULL;
}

/* The domain's own list, else what holds for all. */
static const char *
list_now(const CtlEdit *edit, const char *filter, const char *key)
{
    const WnFilterSetting *own = ctl_edit_filter_now(edit, filter);
    const char *value = own != NULL ? find_value(own->settings, key) : NULL;

    if (value == NULL)
        value = find_value(wn_config_filter(edit->config, filter)->settings,
            key);
    return value != NULL ? value : "";
}

static int
find_entry(const GPtrArray *entries, const char *value)
{
    for (guint i = 0; i < entries->len; i++)
        if (g_ascii_strcasecmp(entries->pdata[i], value) == 0)
            return (int)i;
    return -1;
}

static bool
change_list(CtlEdit *edit, bool adds, const char *key, const char *value)
{
    const char *filter = firewall_filter(edit);
    g_auto(GStrv) now = wn_key_split_list(list_now(edit, filter, key));
    g_autoptr(GPtrArray) entries = g_ptr_array_new();
    g_autofree char *added = g_strdup(value);
    g_autofree char *joined = NULL;
    int at;

    for (char **entry = now; *entry != NULL; entry++)
        g_ptr_array_add(entries, *entry);
    at = find_entry(entries, value);
    if (adds == (at >= 0))
        return ctl_edit_fail(adds ? "%s is among %s of %s already"
                                  : "%s is not among %s of %s",
            value, key, edit->domain);
    if (adds)
        g_ptr_array_add(entries, added);
    else
        g_ptr_array_remove_index(entries, (guint)at);
    g_ptr_array_add(entries, NULL);
    joined = g_strjoinv("; ", (char **)entries->pdata);
    ctl_edit_filter(edit, filter, key, joined[0] != '\0' ? joined : NULL);
    return true;
}

static bool
note_change(CtlEdit *edit, bool adds, char *const *words)
{
    g_autofree char *option = g_strdup_printf("%s_%ss", words[0], words[1]);
    g_autofree char *entry = g_strdup_printf("%s %s", words[0], words[1]);

    if (firewall_filter(edit) == NULL)
        return ctl_edit_fail("conf.d has no filter of plugin " PLUGIN);
    if (edit->config->source == WN_SOURCE_FILES)
        return change_list(edit, adds, option, words[2]);
    ctl_edit_add(edit, adds ? CTL_ADD_ACCESS : CTL_REMOVE_ACCESS, entry,
        words[2]);
    return true;
}

static void
print_entries(const CtlEdit *edit, const char *verdict, const char *kind)
{
    g_autofree char *key = g_strdup_printf("%s_%ss", verdict, kind);
    g_auto(GStrv)
        entries = wn_key_split_list(list_now(edit, firewall_filter(edit), key));

    for (char **entry = entries; *entry != NULL; entry++)
        printf("%s %s %s\n", verdict, kind, *entry);
}

static WnExit
list_entries(const CtlEdit *edit)
{
    if (firewall_filter(edit) == NULL)
        return WN_EXIT_OK;
    for (size_t v = 0; verdicts[v] != NULL; v++)
        for (size_t k = 0; kinds[k] != NULL; k++)
            print_entries(edit, verdicts[v], kinds[k]);
    return WN_EXIT_OK;
}

/* Words: add or remove, D, verdict, kind, value; or list and D. */
static bool
words_are_right(const WnCtl *ctl, bool list)
{
    char **words = (char **)ctl->words->pdata;

    if (list)
        return ctl->words->len == 2;
    return ctl->words->len == 5 && g_strv_contains(verdicts, words[2])
           && g_strv_contains(kinds, words[3])
           && (strcmp(words[0], "add") == 0 || strcmp(words[0], "remove") == 0);
}

WnExit
ctl_access(WnCtl *ctl)
{
    g_auto(CtlEdit) edit = { .lock_fd = -1 };
    char **words = (char **)ctl->words->pdata;
    bool list = ctl->words->len > 0 && strcmp(words[0], "list") == 0;
    WnExit status;

    if (!ctl_edit_take_options(ctl, &edit) || !ctl_no_option_left(ctl))
        return WN_EXIT_USAGE;
    if (!words_are_right(ctl, list)) {
        fputs(access_usage, stderr);
        return WN_EXIT_USAGE;
    }
    words = (char **)ctl->words->pdata;
    status = ctl_edit_begin(&edit, words[1]);
    if (status == WN_EXIT_OK && !ctl_edit_is_there(&edit))
        return WN_EXIT_NO;
    if (status != WN_EXIT_OK || list)
        return status == WN_EXIT_OK ? list_entries(&edit) : status;
    return note_change(&edit, strcmp(words[0], "add") == 0, words + 2)
               ? ctl_edit_finish(&edit)
               : WN_EXIT_NO;
}
