/* SPDX-License-Identifier: MIT */

/*
 * Opens any bytes as a snapshot: refused, or every look-up stays inside.  The
 * checksum is set right first, or the fuzzer would never get past it.
 */

#include <sys/mman.h>
#include <unistd.h>

#include "core/base/crc32c.h"
#include "core/base/fd.h"
#include "core/conf/snapshot.h"
#include "core/conf/snapshot_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
use_span(WnSpan span)
{
    volatile char sum = span.ptr[span.len];

    for (size_t i = 0; i < span.len; i++)
        sum = (char)(sum ^ span.ptr[i]);
    g_assert(span.ptr[span.len] == '\0');
}

static void
use_domain(const WnSnapshot *snapshot, uint32_t index)
{
    WnDomain domain, found;
    WnFiltering filtering;
    bool filtered;

    g_assert(wn_snapshot_domain_at(snapshot, index, &domain));
    use_span(domain.name);
    use_span(domain.egress_pool);
    use_span(domain.technical_contact);
    wn_snapshot_domain(snapshot, domain.name, &found);
    wn_snapshot_mailbox(snapshot, &domain, domain.name, &filtered);
    for (uint32_t i = 0; i < MIN(domain.n_servers, 64); i++)
        use_span(wn_snapshot_server(snapshot, &domain, i).host);
    for (uint32_t i = 0; i < MIN(domain.n_mailboxes, 64); i++)
        use_span(wn_snapshot_mailbox_at(snapshot, &domain, i, &filtering));
}

static void
use_class(const WnSnapshot *snapshot, uint32_t id)
{
    WnClass class_;

    g_assert(wn_snapshot_class(snapshot, id, &class_));
    use_span(class_.reject_text);
    for (uint32_t i = 0; i < MIN(class_.n_links, 64); i++) {
        WnLink link = wn_snapshot_link(snapshot, &class_, i);

        use_span(link.filter);
        use_span(link.action);
        for (uint32_t n = 0; n < MIN(link.n_options, 64); n++) {
            WnSpan key, value;

            wn_snapshot_option(snapshot, &link, n, &key, &value);
            use_span(key);
            use_span(value);
        }
    }
}

static int
memory_file(const uint8_t *data, size_t size)
{
    g_autofree uint8_t *copy = g_memdup2(data, size);
    WnSnapHeader header;

    if (size >= sizeof(header)) {
        memcpy(&header, copy, sizeof(header));
        header.crc = 0;
        header.length = size;
        memcpy(copy, &header, sizeof(header));
        header.crc = wn_crc32c(0, wn_span(copy, size));
        memcpy(copy, &header, sizeof(header));
    }
    return wn_fd_sealed_memory("fuzz", wn_span(copy, size));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wn_autofd fd = memory_file(data, size);
    g_autoptr(WnSnapshot) snapshot = NULL;

    if (fd < 0)
        return 0;
    snapshot = wn_snapshot_open_fd(fd, "fuzz", NULL);
    if (snapshot == NULL)
        return 0;
    for (uint32_t i = 0; i < wn_snapshot_n_domains(snapshot); i++)
        use_domain(snapshot, i);
    for (uint32_t i = 0; i < wn_snapshot_n_classes(snapshot); i++)
        use_class(snapshot, i);
    return 0;
}
