/* SPDX-License-Identifier: MIT */
#include "core/programs/ctl/db_lines.h"

#include "core/base/fd.h"
#include "core/base/text.h"
#include "core/conf/text_file.h"
#include "core/message/text_fold.h"
#include "core/plugin/dataset.h"
#include "core/plugin/module.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define TEXT_MAX ((gsize)1 << 30)
#define REPORTS_MAX 20
#define CHUNK (1u << 20)

typedef struct Reading {
    const char *shown;
    const CtlList *list;
    const char *source;
    GPtrArray *datasets; /* const WnDataset *, of that table */
    GHashTable *seen;    /* CtlLine * by value; they do not move */
    CtlLines *lines;
} Reading;

static guint
hash_line(const void *pointer)
{
    const CtlLine *line = pointer;
    guint hash = 5381;

    for (size_t i = 0; i < line->value.len; i++)
        hash = hash * 33 + (unsigned char)line->value.ptr[i];
    return hash;
}

static gboolean
same_line(const void *a, const void *b)
{
    return wn_span_eq(((const CtlLine *)a)->value, ((const CtlLine *)b)->value);
}

/* (transfer full) */
static char *
read_all(int fd, const char *shown, size_t *out_len)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (;;) {
        gsize len = text->len;
        ssize_t got;

        g_string_set_size(text, len + CHUNK);
        got = read(fd, text->str + len, CHUNK);
        g_string_set_size(text, len + (got > 0 ? (gsize)got : 0));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 || text->len > TEXT_MAX) {
            fprintf(stderr, "winnowctl: %s: %s\n", shown,
                got < 0 ? g_strerror(errno) : "is longer than 1 GiB");
            return NULL;
        }
        if (got == 0)
            break;
    }
    *out_len = text->len;
    return g_string_free(g_steal_pointer(&text), FALSE);
}

/* What the list's plugins would say, and the table.  (transfer full) */
static char *
value_fault(const Reading *self, WnSpan value)
{
    WnSpan rest = value;
    unsigned n = 0;

    while (rest.len > 0) {
        uint32_t code;
        size_t len = wn_text_utf8_next(rest, &code);

        if (len == 0)
            return g_strdup("is not UTF-8 text");
        if (code < ' ' || code == 0x7f)
            return g_strdup("has a control character in it");
        rest = wn_span_slice(rest, len, rest.len);
        n++;
    }
    if (n <= self->list->max)
        return NULL;
    return g_strdup_printf("has %u characters, more than %u", n,
        self->list->max);
}

static void
fill_fields(const Reading *self, const WnDataset *dataset, WnSpan value,
    WnStr *fields)
{
    g_auto(GStrv) columns = g_strsplit(dataset->columns, ",", -1);

    for (unsigned i = 0; columns[i] != NULL; i++) {
        WnSpan field = i == 0 ? value : WN_SPAN_EMPTY;

        if (strcmp(columns[i], "source") == 0)
            field = wn_span_str(self->source);
        fields[i] = (WnStr){ field.ptr, field.len };
    }
}

/* (transfer full) */
static char *
plugin_fault(const Reading *self, const WnDataset *dataset, WnSpan value)
{
    WnStr fields[WN_DATASET_COLUMNS_MAX + 1] = { 0 };
    unsigned n = wn_dataset_n_columns(dataset);
    g_autoptr(GString) folded = NULL;

    if (dataset->check_row == NULL)
        return NULL;
    fill_fields(self, dataset, value, fields);
    if ((dataset->flags & WN_DATASET_FOLDED) != 0) {
        folded = wn_text_fold(value);
        fields[n] = (WnStr){ folded->str, folded->len };
    }
    return wn_dataset_refusal(dataset, fields);
}

/* (transfer full) */
static char *
fault_of(const Reading *self, WnSpan value)
{
    char *fault = value_fault(self, value);

    for (guint i = 0; fault == NULL && i < self->datasets->len; i++)
        fault = plugin_fault(self, self->datasets->pdata[i], value);
    return fault;
}

static void
refuse(Reading *self, unsigned number, const char *fault)
{
    self->lines->n_refused++;
    if (self->lines->n_refused <= REPORTS_MAX)
        fprintf(stderr, "%s:%u: refused: %s\n", self->shown, number, fault);
    if (self->lines->n_refused == REPORTS_MAX)
        fputs("further refused lines are only counted\n", stderr);
}

static void
note_duplicate(Reading *self, unsigned number, const CtlLine *first)
{
    self->lines->n_duplicates++;
    if (self->lines->n_duplicates <= REPORTS_MAX)
        fprintf(stderr, "%s:%u: the same as line %u\n", self->shown, number,
            first->number);
    if (self->lines->n_duplicates == REPORTS_MAX)
        fputs("further duplicates are only counted\n", stderr);
}

static void
take_value(Reading *self, CtlLine line)
{
    g_autofree char *fault = NULL;
    const CtlLine *first = g_hash_table_lookup(self->seen, &line);
    CtlLine *kept;

    if (first != NULL) {
        note_duplicate(self, line.number, first);
        return;
    }
    fault = fault_of(self, line.value);
    if (fault != NULL) {
        refuse(self, line.number, fault);
        return;
    }
    g_array_append_val(self->lines->entries, line);
    kept = &g_array_index(self->lines->entries, CtlLine,
        self->lines->entries->len - 1);
    g_hash_table_add(self->seen, kept);
}

static unsigned
count_lines(WnSpan text)
{
    unsigned n = 1;

    for (size_t i = 0; i < text.len; i++)
        n += text.ptr[i] == '\n';
    return n;
}

static void
read_lines(Reading *self, WnSpan text)
{
    unsigned number = 0;
    WnSpan line;

    if (text.len >= 3 && memcmp(text.ptr, "\xef\xbb\xbf", 3) == 0)
        text = wn_span_slice(text, 3, text.len);
    /* Room for all at once: the hash table points into the array. */
    self->lines->entries = g_array_sized_new(FALSE, FALSE, sizeof(CtlLine),
        count_lines(text));
    while (wn_text_file_line(&text, &line)) {
        CtlLine entry = {
            .value = wn_text_file_entry(line),
            .number = ++number,
        };

        if (entry.value.len > 0)
            take_value(self, entry);
    }
}

/* The data sets that are made from the table. */
static GPtrArray *
find_datasets(WnLoader *loader, const CtlList *list)
{
    g_autoptr(WnCatalogue) catalogue = wn_loader_catalogue(loader, NULL, NULL);
    g_autoptr(GPtrArray) found = g_ptr_array_new();

    for (unsigned i = 0; i < wn_catalogue_count(catalogue); i++) {
        const WnModule *module = wn_loader_get(loader,
            wn_catalogue_get(catalogue, i)->name, NULL);

        for (unsigned j = 0; module != NULL && j < wn_dataset_count(module);
             j++) {
            const WnDataset *dataset = wn_dataset_get(module, j);

            if (g_strcmp0(dataset->source, list->table) == 0)
                g_ptr_array_add(found, (void *)(uintptr_t)dataset);
        }
    }
    if (found->len == 0)
        fprintf(stderr,
            "winnowctl: no plugin here uses %s: lines are not checked\n",
            list->table);
    return g_steal_pointer(&found);
}

static int
open_input(const char *path)
{
    int fd = strcmp(path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                                    : open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        fprintf(stderr, "winnowctl: %s: %s\n", path, g_strerror(errno));
    return fd;
}

bool
ctl_lines_read(const char *path, const CtlList *list, WnLoader *loader,
    const char *source, CtlLines *out_lines)
{
    wn_autofd fd = open_input(path);
    g_autoptr(GPtrArray) datasets = NULL;
    g_autoptr(GHashTable) seen = g_hash_table_new(hash_line, same_line);
    Reading reading = {
        .shown = strcmp(path, "-") == 0 ? "standard input" : path,
        .list = list,
        .source = source,
        .seen = seen,
        .lines = out_lines,
    };
    size_t len;

    if (fd < 0)
        return false;
    out_lines->text = read_all(fd, reading.shown, &len);
    if (out_lines->text == NULL)
        return false;
    datasets = find_datasets(loader, list);
    reading.datasets = datasets;
    read_lines(&reading, wn_span(out_lines->text, len));
    return true;
}

void
ctl_lines_clear(CtlLines *self)
{
    g_clear_pointer(&self->text, g_free);
    g_clear_pointer(&self->entries, g_array_unref);
}
