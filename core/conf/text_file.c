/* SPDX-License-Identifier: MIT */
#include "core/conf/text_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/fd.h"

static const char byte_order_mark[] = "\xef\xbb\xbf";

static WnPlace
place_of(const char *shown, unsigned line)
{
    return (WnPlace){ .file = shown, .line = line };
}

static unsigned
line_of(const char *text, const char *where)
{
    unsigned line = 1;

    while ((text = memchr(text, '\n', (size_t)(where - text))) != NULL) {
        line++;
        text++;
    }
    return line;
}

static bool
check_text(const WnTextFile *file, const char *shown, WnProblems *problems)
{
    const char *nul = memchr(file->text, '\0', file->len);
    const char *invalid;

    if (nul != NULL) {
        wn_problems_add(problems, place_of(shown, line_of(file->text, nul)),
            "a NUL byte; the file must be text");
        return false;
    }
    if (!g_utf8_validate(file->text, (gssize)file->len, &invalid)) {
        wn_problems_add(problems, place_of(shown, line_of(file->text, invalid)),
            "byte 0x%02x is not valid UTF-8; save the file as UTF-8",
            (unsigned)(unsigned char)*invalid);
        return false;
    }
    return true;
}

/* Opened without blocking: a fifo has no writer, a device may wait forever. */
static int
open_regular(const char *path, const char *shown, WnProblems *problems,
    struct stat *out_stat)
{
    wn_autofd fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

    if (fd < 0 || fstat(fd, out_stat) != 0) {
        wn_problems_add(problems, place_of(shown, 0), "cannot be read: %s",
            g_strerror(errno));
        return -1;
    }
    if (!S_ISREG(out_stat->st_mode)) {
        wn_problems_add(problems, place_of(shown, 0), "is not a regular file");
        return -1;
    }
    if (out_stat->st_size > (off_t)WN_TEXT_FILE_MAX) {
        wn_problems_add(problems, place_of(shown, 0),
            "is too large (%lld bytes, at most %u)",
            (long long)out_stat->st_size, WN_TEXT_FILE_MAX);
        return -1;
    }
    return wn_fd_steal(&fd);
}

static bool
read_at_most(int fd, char *text, size_t size, size_t *out_len)
{
    size_t len = 0;

    while (len < size) {
        ssize_t n = read(fd, text + len, size - len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    *out_len = len;
    return true;
}

static void
drop_byte_order_mark(WnTextFile *file)
{
    if (file->len < 3 || memcmp(file->text, byte_order_mark, 3) != 0)
        return;
    file->len -= 3;
    memmove(file->text, file->text + 3, file->len);
}

bool
wn_text_file_take(WnSpan text, const char *shown, WnProblems *problems,
    WnTextFile *out_file)
{
    g_auto(WnTextFile) file = { .text = wn_span_dup(text), .len = text.len };

    drop_byte_order_mark(&file);
    file.text[file.len] = '\0';
    if (!check_text(&file, shown, problems))
        return false;
    *out_file = file;
    file.text = NULL;
    return true;
}

bool
wn_text_file_read(const char *path, const char *shown, WnProblems *problems,
    WnTextFile *out_file)
{
    struct stat st;
    wn_autofd fd = open_regular(path, shown, problems, &st);
    g_auto(WnTextFile) file = { 0 };
    size_t size;

    if (fd < 0)
        return false;
    size = (size_t)st.st_size;
    file.text = g_malloc(size + 1);
    if (!read_at_most(fd, file.text, size, &file.len)) {
        wn_problems_add(problems, place_of(shown, 0), "cannot be read: %s",
            g_strerror(errno));
        return false;
    }
    drop_byte_order_mark(&file);
    file.text[file.len] = '\0';
    if (!check_text(&file, shown, problems))
        return false;
    file.owner = st.st_uid;
    file.group = st.st_gid;
    file.mode = st.st_mode;
    *out_file = file;
    file.text = NULL;
    return true;
}

void
wn_text_file_clear(WnTextFile *self)
{
    g_clear_pointer(&self->text, g_free);
    self->len = 0;
}

bool
wn_text_file_line(WnSpan *rest, WnSpan *out_line)
{
    const char *end;
    size_t len, used;

    if (rest->len == 0)
        return false;
    end = memchr(rest->ptr, '\n', rest->len);
    len = end != NULL ? (size_t)(end - rest->ptr) : rest->len;
    used = end != NULL ? len + 1 : len;
    *out_line = wn_span(rest->ptr, len);
    if (len > 0 && rest->ptr[len - 1] == '\r')
        out_line->len--;
    *rest = wn_span(rest->ptr + used, rest->len - used);
    return true;
}

WnSpan
wn_text_file_entry(WnSpan line)
{
    const char *at = line.ptr;
    const char *end = line.ptr + line.len;

    while (at < end && (at = memchr(at, '#', (size_t)(end - at))) != NULL) {
        if (at == line.ptr || at[-1] == ' ' || at[-1] == '\t') {
            line.len = (size_t)(at - line.ptr);
            break;
        }
        at++;
    }
    return wn_span_trim(line);
}

/* What is listed: not what an editor or dpkg left behind, not folders. */
static bool
is_candidate(int folder_fd, const struct dirent *entry, const char *suffix)
{
    struct stat st;

    if (entry->d_name[0] == '.' || entry->d_name[0] == '#')
        return false;
    if (!g_str_has_suffix(entry->d_name, suffix))
        return false;
    if (entry->d_type == DT_REG)
        return true;
    if (entry->d_type == DT_DIR)
        return false;
    /* A link or, on some file systems, unknown. */
    return fstatat(folder_fd, entry->d_name, &st, 0) == 0
           && !S_ISDIR(st.st_mode);
}

static int
compare_names(const void *left, const void *right)
{
    const char *const *a = left;
    const char *const *b = right;

    return strcmp(*a, *b);
}

GPtrArray *
wn_text_file_list(const char *folder, const char *suffix, const char *shown,
    WnProblems *problems)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    DIR *handle = opendir(folder);
    struct dirent *entry;

    if (handle == NULL) {
        if (errno != ENOENT)
            wn_problems_add(problems, place_of(shown, 0), "cannot be read: %s",
                g_strerror(errno));
        return names;
    }
    errno = 0;
    while ((entry = readdir(handle)) != NULL) {
        if (is_candidate(dirfd(handle), entry, suffix))
            g_ptr_array_add(names, g_strdup(entry->d_name));
        errno = 0;
    }
    if (errno != 0)
        wn_problems_add(problems, place_of(shown, 0), "cannot be read: %s",
            g_strerror(errno));
    closedir(handle);
    g_ptr_array_sort(names, compare_names);
    return names;
}
