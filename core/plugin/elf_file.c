/* SPDX-License-Identifier: MIT */
#include "core/plugin/elf_file.h"

#include "core/base/fd.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined __x86_64__
#define OWN_MACHINE EM_X86_64
#elif defined __aarch64__
#define OWN_MACHINE EM_AARCH64
#elif defined __i386__
#define OWN_MACHINE EM_386
#elif defined __arm__
#define OWN_MACHINE EM_ARM
#elif defined __riscv
#define OWN_MACHINE EM_RISCV
#elif defined __powerpc64__
#define OWN_MACHINE EM_PPC64
#elif defined __s390x__
#define OWN_MACHINE EM_S390
#else
#define OWN_MACHINE EM_NONE /* not known: the linker looks */
#endif

#define OWN_CLASS (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32)
#define OWN_ORDER (G_BYTE_ORDER == G_LITTLE_ENDIAN ? ELFDATA2LSB : ELFDATA2MSB)

typedef struct Elf {
    const char *path;
    int fd;
    uint64_t size;
    ElfW(Ehdr) header;
} Elf;

G_GNUC_PRINTF(3, 4)
static bool
refuse(const Elf *self, GError **error, const char *format, ...)
{
    g_autofree char *reason = NULL;
    va_list args;

    va_start(args, format);
    reason = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s: %s", self->path,
        reason);
    return false;
}

static const char *
machine_name(unsigned machine)
{
    static const struct {
        unsigned machine;
        const char *name;
    } names[] = { { EM_X86_64, "x86-64" }, { EM_AARCH64, "aarch64" },
        { EM_386, "i386" }, { EM_ARM, "arm" }, { EM_RISCV, "RISC-V" },
        { EM_PPC64, "ppc64" }, { EM_S390, "s390" } };

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        if (names[i].machine == machine)
            return names[i].name;
    return "another machine";
}

static bool
check_machine(const Elf *self, GError **error)
{
    const ElfW(Ehdr) *header = &self->header;

    if (header->e_ident[EI_CLASS] != OWN_CLASS)
        return refuse(self, error, "is made for a machine of %d bits",
            header->e_ident[EI_CLASS] == ELFCLASS64 ? 64 : 32);
    if (header->e_ident[EI_DATA] != OWN_ORDER)
        return refuse(self, error,
            "is made for a machine of the other byte order");
    if (OWN_MACHINE != EM_NONE && header->e_machine != OWN_MACHINE)
        return refuse(self, error,
            "is made for %s (ELF machine %u), this is %s",
            machine_name(header->e_machine), header->e_machine,
            machine_name(OWN_MACHINE));
    if (header->e_type != ET_DYN)
        return refuse(self, error, "is no shared object (ELF type %u)",
            header->e_type);
    return true;
}

/* The parts that will be mapped lie in the file. */
static bool
check_parts(const Elf *self, GError **error)
{
    for (unsigned i = 0; i < self->header.e_phnum; i++) {
        uint64_t at = self->header.e_phoff + (uint64_t)i * sizeof(ElfW(Phdr));
        ElfW(Phdr) part;

        if (pread(self->fd, &part, sizeof part, (off_t)at) != sizeof part
            || part.p_filesz > self->size
            || part.p_offset > self->size - part.p_filesz)
            return refuse(self, error, "is cut off, or damaged");
    }
    return true;
}

static bool
check(Elf *self, GError **error)
{
    ssize_t n = pread(self->fd, &self->header, sizeof self->header, 0);

    if (n < 0)
        return refuse(self, error, "cannot be read: %s", g_strerror(errno));
    if (n < SELFMAG || memcmp(self->header.e_ident, ELFMAG, SELFMAG) != 0)
        return refuse(self, error,
            n == 0 ? "is empty" : "is no ELF shared object");
    if ((size_t)n < sizeof self->header)
        return refuse(self, error, "is cut off, or damaged");
    return check_machine(self, error) && check_parts(self, error);
}

bool
wn_elf_check(const char *path, GError **error)
{
    wn_autofd fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    Elf self = { .path = path, .fd = fd };
    struct stat info;

    if (fd < 0 || fstat(fd, &info) != 0)
        return refuse(&self, error, "cannot be read: %s", g_strerror(errno));
    self.size = (uint64_t)info.st_size;
    return check(&self, error);
}
