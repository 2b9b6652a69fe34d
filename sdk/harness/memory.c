/* SPDX-License-Identifier: MIT */
#include "sdk/harness/memory.h"

#include "sdk/harness/imports.h"
#include "sdk/harness/mode.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
fails(const char *function)
{
    if (!wn_mode_strikes(WN_AT_MEMORY, function))
        return false;
    errno = ENOMEM;
    return true;
}

static void *
malloc_instead(size_t size)
{
    return fails("malloc") ? NULL : malloc(size);
}

static void *
calloc_instead(size_t n, size_t size)
{
    return fails("calloc") ? NULL : calloc(n, size);
}

static void *
realloc_instead(void *memory, size_t size)
{
    return size > 0 && fails("realloc") ? NULL : realloc(memory, size);
}

static void *
reallocarray_instead(void *memory, size_t n, size_t size)
{
    return fails("reallocarray") ? NULL : reallocarray(memory, n, size);
}

static char *
strdup_instead(const char *text)
{
    return fails("strdup") ? NULL : strdup(text);
}

static char *
strndup_instead(const char *text, size_t size)
{
    return fails("strndup") ? NULL : strndup(text, size);
}

static void *
aligned_alloc_instead(size_t alignment, size_t size)
{
    return fails("aligned_alloc") ? NULL : aligned_alloc(alignment, size);
}

static int
posix_memalign_instead(void **out, size_t alignment, size_t size)
{
    if (fails("posix_memalign"))
        return ENOMEM;
    return posix_memalign(out, alignment, size);
}

G_GNUC_PRINTF(2, 0)
static int
vasprintf_instead(char **out, const char *format, va_list args)
{
    return fails("vasprintf") ? -1 : vasprintf(out, format, args);
}

G_GNUC_PRINTF(2, 3)
static int
asprintf_instead(char **out, const char *format, ...)
{
    va_list args;
    int len;

    va_start(args, format);
    len = vasprintf_instead(out, format, args);
    va_end(args);
    return len;
}

/* What _FORTIFY_SOURCE makes of the two above. */
G_GNUC_PRINTF(3, 0)
static int
vasprintf_chk_instead(char **out, int flag, const char *format, va_list args)
{
    (void)flag;
    return vasprintf_instead(out, format, args);
}

G_GNUC_PRINTF(3, 4)
static int
asprintf_chk_instead(char **out, int flag, const char *format, ...)
{
    va_list args;
    int len;

    (void)flag;
    va_start(args, format);
    len = vasprintf_instead(out, format, args);
    va_end(args);
    return len;
}

static const WnImport imports[] = {
    WN_IMPORT("malloc", malloc_instead),
    WN_IMPORT("calloc", calloc_instead),
    WN_IMPORT("realloc", realloc_instead),
    WN_IMPORT("reallocarray", reallocarray_instead),
    WN_IMPORT("strdup", strdup_instead),
    WN_IMPORT("__strdup", strdup_instead),
    WN_IMPORT("strndup", strndup_instead),
    WN_IMPORT("aligned_alloc", aligned_alloc_instead),
    WN_IMPORT("posix_memalign", posix_memalign_instead),
    WN_IMPORT("vasprintf", vasprintf_instead),
    WN_IMPORT("asprintf", asprintf_instead),
    WN_IMPORT("__vasprintf_chk", vasprintf_chk_instead),
    WN_IMPORT("__asprintf_chk", asprintf_chk_instead),
};

void
wn_memory_watch(void *handle)
{
    wn_imports_replace(handle, imports, G_N_ELEMENTS(imports));
    if (wn_imports_uses(handle, "g_malloc")
        || wn_imports_uses(handle, "g_strdup")
        || wn_imports_uses(handle, "g_realloc")
        || wn_imports_uses(handle, "g_string_"))
        printf("what the plugin allocates with GLib is left alone: GLib ends "
               "the process when there is no memory\n");
}
