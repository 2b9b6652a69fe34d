/* SPDX-License-Identifier: MIT */

/* winnowctl filter: one domain's filters on, off, in another order, with other
 * values. */

#include "core/programs/ctl/edit.h"

#include <stdio.h>
#include <stdlib.h>

#define POSITION_STEP 10

static const char filter_usage[] =
    "usage: winnowctl filter enable|disable D FILTER\n"
    "       winnowctl filter move D FILTER POSITION | before F | after F\n"
    "       winnowctl filter set D FILTER KEY VALUE ...\n"
    "       winnowctl filter unset D FILTER KEY ...\n"
    "each with [--no-sync] [--shared]\n";

/* A filter of conf.d as the domain has it. */
typedef struct Place {
    const char *name;
    int position;
    int now; /* before the move */
} Place;

static int
by_position(const void *left, const void *right)
{
    const Place *a = left;
    const Place *b = right;

    if (a->position != b->position)
        return a->position < b->position ? -1 : 1;
    return strcmp(a->name, b->name);
}

/* Enabled or not, in order (transfer full). */
static GArray *
places_of(const CtlEdit *edit)
{
    GArray *places = g_array_new(FALSE, FALSE, sizeof(Place));

    for (guint i = 0; i < edit->config->filters->len; i++) {
        const WnFilterConfig *config = edit->config->filters->pdata[i];
        const WnFilterSetting *own = ctl_edit_filter_now(edit, config->name);
        int position = own != NULL && own->position >= 0 ? own->position
                                                         : config->position;
        Place place = { config->name, position, position };

        g_array_append_val(places, place);
    }
    g_array_sort(places, by_position);
    return places;
}

static int
find_place(const GArray *places, const char *name)
{
    for (guint i = 0; i < places->len; i++)
        if (strcmp(g_array_index(places, Place, i).name, name) == 0)
            return (int)i;
    return -1;
}

static bool
is_known(const CtlEdit *edit, const char *name)
{
    const GPtrArray *filters = edit->config->filters;
    g_autofree const char **names = g_new0(const char *, filters->len + 1);
    g_autofree char *hint = NULL;

    if (wn_config_filter(edit->config, name) != NULL)
        return true;
    for (guint i = 0; i < filters->len; i++)
        names[i] = ((const WnFilterConfig *)filters->pdata[i])->name;
    hint = wn_problem_hint(name, names);
    fprintf(stderr, "winnowctl: conf.d has no filter \"%s\"%s\n", name, hint);
    return false;
}

/*
 * Where the domain lists its filters (files only), the list is the order.
 */

static GPtrArray *
list_without(char *const *filters, const char *name)
{
    GPtrArray *list = g_ptr_array_new();

    for (; *filters != NULL; filters++)
        if (strcmp(*filters, name) != 0)
            g_ptr_array_add(list, *filters);
    return list;
}

static void
set_list(CtlEdit *edit, GPtrArray *list)
{
    g_autofree char *value = NULL;

    g_ptr_array_add(list, NULL);
    value = g_strjoinv("; ", (char **)list->pdata);
    ctl_edit_add(edit, CTL_DOMAIN_KEY, "filters", value);
}

static guint
index_in(const GPtrArray *list, const char *name)
{
    for (guint i = 0; i < list->len; i++)
        if (strcmp(list->pdata[i], name) == 0)
            return i;
    return list->len;
}

/*
 * enable, disable
 */

static void
enable(CtlEdit *edit, const char *filter)
{
    char **filters = edit->now->filters;
    const WnFilterSetting *own = ctl_edit_filter_now(edit, filter);
    bool listed = filters != NULL
                  && g_strv_contains((const char *const *)filters, filter);

    if (filters != NULL && !listed) {
        g_autoptr(GPtrArray) list = list_without(filters, filter);
        g_autofree char *name = g_strdup(filter);

        g_ptr_array_add(list, name);
        set_list(edit, list);
    }
    if (filters == NULL || (own != NULL && own->enabled == 0))
        ctl_edit_filter(edit, filter, "enabled", "true");
}

static WnExit
run_enable(CtlEdit *edit, const char *filter, char **rest)
{
    if (rest[0] != NULL)
        return WN_EXIT_USAGE;
    enable(edit, filter);
    if (edit->changes->len == 0) {
        printf("%s is enabled already\n", filter);
        return WN_EXIT_OK;
    }
    return ctl_edit_finish(edit);
}

static WnExit
run_disable(CtlEdit *edit, const char *filter, char **rest)
{
    if (rest[0] != NULL)
        return WN_EXIT_USAGE;
    ctl_edit_filter(edit, filter, "enabled", "false");
    return ctl_edit_finish(edit);
}

/*
 * move
 */

/* Puts the filter behind the n-th of the others, and those after it further on
 * where there is no number left between them. */
static void
move_between(CtlEdit *edit, GArray *places, Place moved, guint n)
{
    int before = n > 0 ? g_array_index(places, Place, n - 1).position : -1;
    int after = n < places->len ? g_array_index(places, Place, n).position
                                : before + 2 * POSITION_STEP;

    moved.position = after - before >= 2 ? before + (after - before) / 2
                                         : before + 1;
    g_array_insert_val(places, n, moved);
    for (guint i = n + 1; i < places->len; i++) {
        Place *place = &g_array_index(places, Place, i);
        int least = g_array_index(places, Place, i - 1).position + 1;

        if (place->position >= least)
            break;
        place->position = least;
    }
    for (guint i = n; i < places->len; i++) {
        const Place *place = &g_array_index(places, Place, i);
        g_autofree char *value = g_strdup_printf("%d", place->position);

        if (place->position != place->now)
            ctl_edit_filter(edit, place->name, "position", value);
    }
}

static bool
move_beside(CtlEdit *edit, const char *filter, const char *other, bool after)
{
    g_autoptr(GArray) places = places_of(edit);
    int from = find_place(places, filter);
    Place moved = g_array_index(places, Place, from);

    g_array_remove_index(places, (guint)from);
    move_between(edit, places, moved,
        (guint)find_place(places, other) + (after ? 1 : 0));
    return true;
}

static bool
move_in_list(CtlEdit *edit, const char *filter, const char *other, bool after)
{
    g_autoptr(GPtrArray) list = list_without(edit->now->filters, filter);
    g_autofree char *name = g_strdup(filter);
    guint at = index_in(list, other);

    if (at == list->len) {
        fprintf(stderr, "winnowctl: %s is not among the filters of %s\n", other,
            edit->domain);
        return false;
    }
    g_ptr_array_insert(list, (int)(at + (after ? 1 : 0)), name);
    set_list(edit, list);
    return true;
}

static bool
move_to_number(CtlEdit *edit, const char *filter, const char *number)
{
    if (edit->now->filters != NULL) {
        fprintf(stderr,
            "winnowctl: %s lists its filters in order (%s:%u, filters = ...), "
            "so positions mean nothing: say \"before F\" or \"after F\"\n",
            edit->domain, edit->now->file, edit->now->line);
        return false;
    }
    ctl_edit_filter(edit, filter, "position", number);
    return true;
}

static WnExit
run_move(CtlEdit *edit, const char *filter, char **rest)
{
    bool after = g_strcmp0(rest[0], "after") == 0;
    bool beside = after || g_strcmp0(rest[0], "before") == 0;
    bool done;

    if (rest[0] == NULL || (rest[1] != NULL) != beside
        || (beside && rest[2] != NULL))
        return WN_EXIT_USAGE;
    if (beside && !is_known(edit, rest[1]))
        return WN_EXIT_NO;
    if (beside && strcmp(rest[1], filter) == 0)
        return WN_EXIT_USAGE;
    if (!beside)
        done = move_to_number(edit, filter, rest[0]);
    else if (edit->now->filters != NULL)
        done = move_in_list(edit, filter, rest[1], after);
    else
        done = move_beside(edit, filter, rest[1], after);
    if (done && edit->changes->len == 0) {
        puts("it stands there already");
        return WN_EXIT_OK;
    }
    return done ? ctl_edit_finish(edit) : WN_EXIT_NO;
}

/*
 * set, unset
 */

static WnExit
run_set(CtlEdit *edit, const char *filter, char **rest)
{
    if (rest[0] == NULL || g_strv_length(rest) % 2 != 0)
        return WN_EXIT_USAGE;
    for (; rest[0] != NULL; rest += 2)
        ctl_edit_filter(edit, filter, rest[0], rest[1]);
    return ctl_edit_finish(edit);
}

static WnExit
run_unset(CtlEdit *edit, const char *filter, char **rest)
{
    if (rest[0] == NULL)
        return WN_EXIT_USAGE;
    for (; rest[0] != NULL; rest++)
        ctl_edit_filter(edit, filter, rest[0], NULL);
    return ctl_edit_finish(edit);
}

typedef struct Verb {
    const char *name;
    /* rest: the words behind the filter's name */
    WnExit (*run)(CtlEdit *edit, const char *filter, char **rest);
} Verb;

static const Verb verbs[] = {
    { "enable", run_enable },
    { "disable", run_disable },
    { "move", run_move },
    { "set", run_set },
    { "unset", run_unset },
};

static const Verb *
find_verb(const WnCtl *ctl)
{
    for (size_t i = 0; ctl->words->len >= 3 && i < G_N_ELEMENTS(verbs); i++)
        if (strcmp(verbs[i].name, ctl->words->pdata[0]) == 0)
            return &verbs[i];
    return NULL;
}

/* set D FILTER KEY VALUE ... */
static bool
is_set(const WnCtl *ctl)
{
    return ctl->words->len > 0 && strcmp(ctl->words->pdata[0], "set") == 0;
}

WnExit
ctl_filter(WnCtl *ctl)
{
    g_auto(CtlEdit) edit = { .lock_fd = -1 };
    const Verb *verb;
    const char *filter;
    WnExit status;

    if (!ctl_edit_take_options(ctl, &edit)
        || !ctl_no_option_but_values(ctl, is_set(ctl) ? 3 : G_MAXUINT))
        return WN_EXIT_USAGE;
    verb = find_verb(ctl);
    if (verb == NULL) {
        fputs(filter_usage, stderr);
        return WN_EXIT_USAGE;
    }
    filter = ctl->words->pdata[2];
    status = ctl_edit_begin(&edit, ctl->words->pdata[1]);
    if (status != WN_EXIT_OK)
        return status;
    if (!ctl_edit_is_there(&edit) || !is_known(&edit, filter))
        return WN_EXIT_NO;
    g_ptr_array_add(ctl->words, NULL);
    status = verb->run(&edit, filter, (char **)(ctl->words->pdata + 3));
    if (status == WN_EXIT_USAGE)
        fputs(filter_usage, stderr);
    return status;
}
