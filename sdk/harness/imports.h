/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a loaded object calls of other libraries, led to functions of the
 * harness's.  Its own table of addresses is changed and nobody else's: the
 * harness and winnow go on calling the real ones.
 */

typedef void (*WnImportFn)(void);

typedef struct WnImport {
    const char *name;
    WnImportFn instead;
} WnImport;

#define WN_IMPORT(name, function)      \
    {                                  \
        (name), (WnImportFn)(function) \
    }

/* The tail of the list of loaded objects, for the next function. */
const void *wn_imports_mark(void);

/* Of the object that dlopen() gave the handle for. */
void wn_imports_replace(void *handle, const WnImport *imports, unsigned n);

/* The same for the libraries that were loaded since, for its sake. */
void wn_imports_replace_since(const void *mark, const WnImport *imports,
    unsigned n);

/* Does it call a function whose name begins so? */
int wn_imports_uses(void *handle, const char *prefix);
