/* SPDX-License-Identifier: MIT */
#include "core/journal/lenient.h"

#include "core/base/clock.h"
#include "core/base/fd.h"
#include "core/base/log.h"

#include <errno.h>

#define FILE_NAME "lenient"
#define FILE_MAX (1024 * 1024)

struct WnLenient {
    char *path;
    GHashTable *until; /* domain -> int64_t */
};

static void
remember(WnLenient *self, const char *domain, int64_t until)
{
    g_hash_table_insert(self->until, g_strdup(domain),
        g_memdup2(&until, sizeof(until)));
}

static void
take_line(WnLenient *self, const char *line)
{
    const char *space = strchr(line, ' ');
    uint64_t until;

    if (space == NULL || space == line
        || !wn_span_to_u64(wn_span_str(space + 1), &until)
        || until > INT64_MAX / 1000)
        return;
    if ((int64_t)until > wn_clock_unix()) {
        g_autofree char *domain = g_strndup(line, (gsize)(space - line));

        remember(self, domain, (int64_t)until);
    }
}

WnLenient *
wn_lenient_new(const char *spool)
{
    WnLenient *self = g_new0(WnLenient, 1);
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    gsize len;

    self->path = g_build_filename(spool, FILE_NAME, NULL);
    self->until = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
        g_free);
    if (!g_file_test(self->path, G_FILE_TEST_EXISTS))
        return self;
    text = wn_fd_read_file(self->path, FILE_MAX, &len, &error);
    if (text == NULL) {
        wn_remark(WN_LEVEL_ERROR, "%s", error->message);
    } else {
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

        for (char **line = lines; *line != NULL; line++)
            take_line(self, *line);
    }
    return self;
}

void
wn_lenient_free(WnLenient *self)
{
    if (self == NULL)
        return;
    g_hash_table_unref(self->until);
    g_free(self->path);
    g_free(self);
}

int64_t
wn_lenient_until(const WnLenient *self, const char *domain)
{
    const int64_t *until = domain != NULL
                               ? g_hash_table_lookup(self->until, domain)
                               : NULL;

    return until != NULL && *until > wn_clock_unix() ? *until : 0;
}

static gint
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *
wn_lenient_domains(const WnLenient *self)
{
    GPtrArray *domains = g_ptr_array_new();
    GHashTableIter iter;
    void *domain;

    g_hash_table_iter_init(&iter, self->until);
    while (g_hash_table_iter_next(&iter, &domain, NULL))
        if (wn_lenient_until(self, domain) != 0)
            g_ptr_array_add(domains, domain);
    g_ptr_array_sort(domains, compare_names);
    return domains;
}

/* Durable when it returns. */
static bool
save(const WnLenient *self, GError **error)
{
    g_autoptr(GPtrArray) domains = wn_lenient_domains(self);
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; i < domains->len; i++)
        g_string_append_printf(text, "%s %" G_GINT64_FORMAT "\n",
            (const char *)domains->pdata[i],
            wn_lenient_until(self, domains->pdata[i]));
    return g_file_set_contents_full(self->path, text->str, (gssize)text->len,
        G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0640,
        error);
}

bool
wn_lenient_set(WnLenient *self, const char *domain, int64_t until,
    GError **error)
{
    int64_t before = wn_lenient_until(self, domain);

    remember(self, domain, until);
    if (save(self, error))
        return true;
    remember(self, domain, before);
    return false;
}
