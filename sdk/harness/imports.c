/* SPDX-License-Identifier: MIT */
#include "sdk/harness/imports.h"

#include "sdk/harness/mode.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The tables of an object that say which names stand where. */
typedef struct Tables {
    const ElfW(Sym) * symbols;
    const char *names;
    const ElfW(Rela) * lists[2];
    size_t sizes[2]; /* in bytes */
} Tables;

static Tables
tables_of(const struct link_map *object)
{
    Tables tables = { 0 };

    for (const ElfW(Dyn) *at = object->l_ld; at->d_tag != DT_NULL; at++) {
        if (at->d_tag == DT_SYMTAB)
            tables.symbols = (const void *)at->d_un.d_ptr;
        else if (at->d_tag == DT_STRTAB)
            tables.names = (const void *)at->d_un.d_ptr;
        else if (at->d_tag == DT_JMPREL)
            tables.lists[0] = (const void *)at->d_un.d_ptr;
        else if (at->d_tag == DT_PLTRELSZ)
            tables.sizes[0] = at->d_un.d_val;
        else if (at->d_tag == DT_RELA)
            tables.lists[1] = (const void *)at->d_un.d_ptr;
        else if (at->d_tag == DT_RELASZ)
            tables.sizes[1] = at->d_un.d_val;
    }
    return tables;
}

typedef void (*ImportFn)(void *user, const char *name, uintptr_t place);

static void
each_import(const struct link_map *object, ImportFn fn, void *user)
{
    Tables tables = tables_of(object);

    if (tables.symbols == NULL || tables.names == NULL)
        return;
    for (unsigned i = 0; i < 2; i++) {
        size_t n = tables.lists[i] != NULL
                       ? tables.sizes[i] / sizeof(ElfW(Rela))
                       : 0;

        for (size_t k = 0; k < n; k++) {
            const ElfW(Rela) *entry = &tables.lists[i][k];
            size_t symbol = ELF64_R_SYM(entry->r_info);

            if (symbol != 0)
                fn(user, tables.names + tables.symbols[symbol].st_name,
                    object->l_addr + entry->r_offset);
        }
    }
}

/* The linker has made the table unwritable. */
static void
put(uintptr_t place, WnImportFn function)
{
    uintptr_t page = place & ~((uintptr_t)sysconf(_SC_PAGESIZE) - 1);
    size_t size = place + sizeof function - page;

    if (mprotect((void *)page, size, PROT_READ | PROT_WRITE) != 0)
        wn_mistake("the plugin's table of functions cannot be written");
    memcpy((void *)place, &function, sizeof function);
}

typedef struct Replacing {
    const WnImport *imports;
    unsigned n;
} Replacing;

static void
replace(void *user, const char *name, uintptr_t place)
{
    const Replacing *self = user;

    for (unsigned i = 0; i < self->n; i++)
        if (strcmp(self->imports[i].name, name) == 0)
            put(place, self->imports[i].instead);
}

static struct link_map *
object_of(void *handle)
{
    struct link_map *object;

    if (dlinfo(handle, RTLD_DI_LINKMAP, &object) != 0)
        wn_mistake("the plugin's object is not found");
    return object;
}

void
wn_imports_replace(void *handle, const WnImport *imports, unsigned n)
{
    Replacing replacing = { imports, n };

    each_import(object_of(handle), replace, &replacing);
}

const void *
wn_imports_mark(void)
{
    struct link_map *last = _r_debug.r_map;

    while (last != NULL && last->l_next != NULL)
        last = last->l_next;
    return last;
}

void
wn_imports_replace_since(const void *mark, const WnImport *imports, unsigned n)
{
    Replacing replacing = { imports, n };

    for (const struct link_map *at = ((const struct link_map *)mark)->l_next;
         at != NULL; at = at->l_next)
        each_import(at, replace, &replacing);
}

typedef struct Looking {
    const char *prefix;
    int found;
} Looking;

static void
look(void *user, const char *name, uintptr_t place)
{
    Looking *self = user;

    (void)place;
    if (strncmp(name, self->prefix, strlen(self->prefix)) == 0)
        self->found = 1;
}

int
wn_imports_uses(void *handle, const char *prefix)
{
    Looking looking = { prefix, 0 };

    each_import(object_of(handle), look, &looking);
    return looking.found;
}
