/* SPDX-License-Identifier: MIT */

/*
 * phrase: whole sentences known from spam, looked for in the text that a
 * reader sees.  The list is a file with one phrase per line; it is read once
 * for each distinct set of settings.
 */

#include "fold.h"
#include "index.h"

#include <winnow/plugin.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (1u << 30)
#define LINE_MAX_LEN (16u * 1024)

enum { OPT_PHRASES };

static const WnOption options[] = {
    [OPT_PHRASES] = { .name = "phrases",
        .help = "A file with one phrase per line; # starts a comment.",
        .type = WN_OPT_STRING,
        .flags = WN_OPT_PER_DOMAIN | WN_OPT_FILE,
        .fallback = "" },
};

typedef struct PhraseFilter {
    const WnHost *host;
} PhraseFilter;

/* A file being read. */
typedef struct List {
    const char *path;
    unsigned long long line;
    PhraseIndex *index;
    GString *folded; /* scratch */
    WnError *err;
} List;

static int32_t
phrase_new(const WnHost *host, const WnSettings *settings, void **self,
    WnError *err)
{
    PhraseFilter *phrase = calloc(1, sizeof *phrase);

    (void)settings;
    if (phrase == NULL) {
        wn_error_set(err, "out of memory");
        return WN_E_FAILED;
    }
    phrase->host = host;
    *self = phrase;
    return WN_OK;
}

static void
phrase_free(void *self)
{
    free(self);
}

/* The open, regular file, or -1. */
static int
open_list(const char *path, size_t *size, WnError *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat info;

    if (fd < 0) {
        wn_error_set(err, "%s: %s", path, strerror(errno));
        return -1;
    }
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)
        || (uint64_t)info.st_size > FILE_MAX) {
        wn_error_set(err, "%s: not a regular file of at most 1 GiB", path);
        close(fd);
        return -1;
    }
    *size = (size_t)info.st_size;
    return fd;
}

/* All of it (transfer full), or NULL. */
static char *
read_list(const char *path, size_t *len, WnError *err)
{
    size_t size = 0;
    int fd = open_list(path, &size, err);
    char *text;
    ssize_t got = 1;

    if (fd < 0)
        return NULL;
    text = malloc(size + 1);
    *len = 0;
    while (text != NULL && *len < size && got > 0) {
        got = read(fd, text + *len, size - *len);
        if (got > 0)
            *len += (size_t)got;
        else if (got < 0 && errno == EINTR)
            got = 1;
    }
    if (text == NULL || got < 0) {
        wn_error_set(err, "%s: %s", path, strerror(errno));
        free(text);
        text = NULL;
    }
    close(fd);
    return text;
}

/* Adds the line's phrase, folded into the scratch; 0 with err. */
static int
add_line(List *list, const char *line, size_t len)
{
    GString *folded = list->folded;

    if (len == 0 || line[0] == '#')
        return 1;
    if (memchr(line, '\0', len) != NULL || len > LINE_MAX_LEN) {
        wn_error_set(list->err, "%s:%llu: %s", list->path, list->line,
            len > LINE_MAX_LEN ? "the line is too long" : "NUL byte");
        return 0;
    }
    phrase_fold(line, len, folded);
    if (folded->len == 0)
        return 1;
    if (folded->len < PHRASE_MIN || folded->len > PHRASE_MAX) {
        wn_error_set(list->err, "%s:%llu: a phrase has %d to %d bytes",
            list->path, list->line, PHRASE_MIN, PHRASE_MAX);
        return 0;
    }
    if (phrase_index_add(list->index, folded->str, folded->len))
        return 1;
    wn_error_set(list->err, "%s: out of memory", list->path);
    return 0;
}

static int
add_lines(List *list, const char *text, size_t len)
{
    static const char mark[] = "\xEF\xBB\xBF";
    size_t at = len >= 3 && memcmp(text, mark, 3) == 0 ? 3 : 0;

    while (at < len) {
        const char *line = text + at;
        const char *end = memchr(line, '\n', len - at);
        size_t line_len = end != NULL ? (size_t)(end - line) : len - at;

        list->line++;
        if (!add_line(list, line, line_len))
            return 0;
        at += line_len + 1;
    }
    if (phrase_index_build(list->index))
        return 1;
    wn_error_set(list->err, "%s: out of memory", list->path);
    return 0;
}

/* NULL with err. */
static PhraseIndex *
compile_list(const char *path, const char *text, size_t len, WnError *err)
{
    List list = { .path = path, .err = err, .index = phrase_index_new() };
    int ok = list.index != NULL;

    if (!ok)
        wn_error_set(err, "%s: out of memory", path);
    list.folded = g_string_new(NULL);
    ok = ok && add_lines(&list, text, len);
    g_string_free(list.folded, TRUE);
    if (ok)
        return list.index;
    phrase_index_free(list.index);
    return NULL;
}

static int32_t
phrase_policy_new(void *self, const WnSettings *settings, void **policy,
    WnError *err)
{
    const WnHost *host = ((PhraseFilter *)self)->host;
    WnStr path = host->settings->string(settings, OPT_PHRASES);
    char *text;
    size_t len;

    *policy = NULL;
    if (path.len == 0)
        return WN_OK;
    text = read_list(path.ptr, &len, err);
    if (text == NULL)
        return WN_E_FAILED;
    *policy = compile_list(path.ptr, text, len, err);
    free(text);
    return *policy != NULL ? WN_OK : WN_E_FAILED;
}

static void
phrase_policy_free(void *self, void *policy)
{
    (void)self;
    phrase_index_free(policy);
}

static WnVerdict
phrase_message(void *self, WnCall *call)
{
    const WnHost *host = ((PhraseFilter *)self)->host;
    const PhraseIndex *index = host->call->policy(call);
    const char *found;
    WnStr text;

    if (index == NULL)
        return WN_PASS;
    text = host->message->text(call, WN_TEXT_FOLDED);
    found = phrase_index_find(index, text.ptr, text.len);
    return found != NULL ? wn_match(host, call, "phrase", found) : WN_PASS;
}

static const WnFilter filter = {
    .struct_size = sizeof(WnFilter),
    .message = phrase_message,
};

static const WnPlugin plugin = {
    WN_PLUGIN_HEAD,
    .name = "phrase",
    .version = "1.0",
    .summary = "Finds phrases known from spam in the text.",
    .author = "the winnow authors",
    .license = "MIT",
    WN_OPTIONS(options),
    .instance_new = phrase_new,
    .instance_free = phrase_free,
    .policy_new = phrase_policy_new,
    .policy_free = phrase_policy_free,
    .filter = &filter,
};

WN_PLUGIN(phrase, &plugin)
