/* SPDX-License-Identifier: MIT */

/*
 * attachments: finds messages by the file names of their attachments.
 *
 *    [filter attachments]
 *    names = *.exe; *.scr; *.js; *.vbs; *.iso
 *    action = reject
 *
 * A pattern is a file name in which * stands for any text and ? for one letter;
 * case does not matter.  All parts are looked at, also those of attached
 * messages, whether they are called attachments or only have a name.  Archives
 * are not opened: what is in a .zip has no name here, so block *.zip or have
 * them scanned.
 *
 * Findings, each with the file name as evidence:
 *    name               it fits a pattern
 *    double-extension   like invoice.pdf.exe: the last one can be run, the one
 *                       before it is what the reader shall see
 *    hidden-extension   the same with many spaces in between, or letters that
 *                       change the direction of writing
 *
 * Before a name is compared, what Windows ignores is taken away from it: a
 * path in front, and dots and spaces at its end.
 */

#include <winnow/plugin.h>

#include <stdlib.h>

enum { OPT_NAMES, OPT_TRICKS };

#define NAME_MAX_LEN 512
#define FINDINGS_MAX 8

static const WnOption options[] = {
    [OPT_NAMES] = { .name = "names",
        .help = "Patterns of file names that are not wanted.",
        .type = WN_OPT_STRING_LIST,
        .flags = WN_OPT_PER_DOMAIN,
        .fallback = "*.exe; *.com; *.scr; *.pif; *.bat; *.cmd; *.cpl; "
                    "*.msi; *.js; *.jse; *.vbs; *.vbe; *.wsf; *.hta; "
                    "*.lnk; *.ps1; *.jar; *.reg" },
    [OPT_TRICKS] = { .name = "tricks",
        .help = "Also find extensions that are meant to deceive the reader.",
        .type = WN_OPT_BOOL,
        .flags = WN_OPT_PER_DOMAIN,
        .fallback = "true" },
};

typedef struct Attachments {
    const WnHost *host;
} Attachments;

static int32_t
attachments_new(const WnHost *host, const WnSettings *settings, void **self,
    WnError *err)
{
    Attachments *attachments = calloc(1, sizeof *attachments);

    (void)settings;
    if (attachments == NULL) {
        wn_error_set(err, "out of memory");
        return WN_E_FAILED;
    }
    attachments->host = host;
    *self = attachments;
    return WN_OK;
}

static void
attachments_free(void *self)
{
    free(self);
}

/*
 * Names
 */

static char
lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* One star is remembered, the last: that is enough, and it is never worse than
 * pattern times name. */
static int
fits(WnStr name, WnStr pattern)
{
    size_t n = 0, p = 0, star_n = 0, star_p = SIZE_MAX;

    while (n < name.len) {
        if (p < pattern.len && pattern.ptr[p] == '*') {
            star_p = ++p;
            star_n = n;
        } else if (p < pattern.len
                   && (pattern.ptr[p] == '?'
                       || lower(pattern.ptr[p]) == lower(name.ptr[n]))) {
            p++;
            n++;
        } else if (star_p != SIZE_MAX) {
            p = star_p;
            n = ++star_n;
        } else {
            return 0;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '*')
        p++;
    return p == pattern.len;
}

/* Without a path, and without dots and spaces at the end.  Of an endless name
 * the end is looked at: that is where the extension is. */
static WnStr
plain_name(WnStr name)
{
    size_t i;

    while (name.len > 0
           && (name.ptr[name.len - 1] == '.' || name.ptr[name.len - 1] == ' '))
        name.len--;
    for (i = name.len; i-- > 0;)
        if (name.ptr[i] == '/' || name.ptr[i] == '\\')
            break;
    if (i != SIZE_MAX) {
        name.ptr += i + 1;
        name.len -= i + 1;
    }
    if (name.len > NAME_MAX_LEN) {
        name.ptr += name.len - NAME_MAX_LEN;
        name.len = NAME_MAX_LEN;
    }
    return name;
}

/* The text behind the last dot of the first len bytes; empty without one. */
static WnStr
extension(WnStr name)
{
    WnStr none = { "", 0 };
    size_t i;

    for (i = name.len; i-- > 0;)
        if (name.ptr[i] == '.') {
            WnStr found = { name.ptr + i + 1, name.len - i - 1 };

            return found;
        }
    return none;
}

static int
is_one_of(WnStr word, const char *const *list)
{
    WnStr text;

    for (; *list != NULL; list++) {
        text.ptr = *list;
        text.len = strlen(*list);
        if (fits(word, text))
            return 1;
    }
    return 0;
}

/* Spaces to push the end out of sight, or U+202A-202E and U+2066-2069. */
static int
is_disguised(WnStr name)
{
    size_t i, spaces = 0;

    for (i = 0; i < name.len; i++) {
        const unsigned char *c = (const unsigned char *)name.ptr + i;

        spaces = *c == ' ' ? spaces + 1 : 0;
        if (spaces >= 8)
            return 1;
        if (i + 2 < name.len && c[0] == 0xe2
            && ((c[1] == 0x80 && c[2] >= 0xaa && c[2] <= 0xae)
                || (c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9)))
            return 1;
    }
    return 0;
}

/* What is wrong with the name, or NULL. */
static const char *
find_trick(WnStr name)
{
    static const char *const runs[] = { "exe", "com", "scr", "pif", "bat",
        "cmd", "cpl", "msi", "js", "jse", "vbs", "vbe", "wsf", "hta", "lnk",
        "ps1", "jar", "reg", "iso", "img", "vhd", NULL };
    static const char *const shows[] = { "pdf", "doc", "docx", "xls", "xlsx",
        "ppt", "pptx", "txt", "rtf", "jpg", "jpeg", "png", "gif", "htm", "html",
        "zip", "mp3", "mp4", "csv", "xml", NULL };
    WnStr last = extension(name);
    WnStr before = name;

    if (is_disguised(name))
        return "hidden-extension";
    if (!is_one_of(last, runs))
        return NULL;
    before.len -= last.len + 1;
    while (before.len > 0 && before.ptr[before.len - 1] == ' ')
        before.len--;
    return is_one_of(extension(before), shows) ? "double-extension" : NULL;
}

/*
 * Messages
 */

static int
is_unwanted(const WnHost *host, const WnSettings *settings, WnStr name)
{
    uint32_t n = host->settings->count(settings, OPT_NAMES), i;

    for (i = 0; i < n; i++)
        if (fits(name, host->settings->item(settings, OPT_NAMES, i)))
            return 1;
    return 0;
}

/* The rule that the name breaks, or NULL. */
static const char *
judge(const WnHost *host, const WnSettings *settings, WnStr name)
{
    const char *rule = NULL;

    if (host->settings->integer(settings, OPT_TRICKS))
        rule = find_trick(name);
    if (rule == NULL && is_unwanted(host, settings, name))
        rule = "name";
    return rule;
}

static WnVerdict
attachments_message(void *self, WnCall *call)
{
    const WnHost *host = ((Attachments *)self)->host;
    const WnSettings *settings = host->call->settings(call);
    uint32_t n = host->message->n_parts(call), found = 0, i;

    for (i = 0; i < n && found < FINDINGS_MAX; i++) {
        WnStr name = plain_name(host->message->part(call, i)->file_name);
        const char *rule = name.len > 0 ? judge(host, settings, name) : NULL;

        if (rule == NULL)
            continue;
        if (wn_match(host, call, rule, name.ptr) != WN_MATCH)
            return WN_FAIL;
        found++;
    }
    return found > 0 ? WN_MATCH : WN_PASS;
}

static const WnFilter filter = {
    .struct_size = sizeof(WnFilter),
    .message = attachments_message,
};

static const WnPlugin plugin = {
    WN_PLUGIN_HEAD,
    .name = "attachments",
    .version = "1.0",
    .summary = "Finds messages by the file names of their attachments.",
    .author = "the winnow authors",
    .license = "MIT",
    WN_OPTIONS(options),
    .instance_new = attachments_new,
    .instance_free = attachments_free,
    .filter = &filter,
};

WN_PLUGIN(attachments, &plugin)
