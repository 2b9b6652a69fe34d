/* SPDX-License-Identifier: MIT */
#pragma once

/* From configuration files to an open snapshot, for tests. */

#include "core/base/fd.h"
#include "core/conf/snapshot.h"
#include "core/conf/snapshot_writer.h"
#include "t/unit/conf-fixture.h"

typedef struct Building {
    WnSnapshotWriter *writer;
    WnProblems *problems;
    unsigned n_refused;
} Building;

static inline void
building_add(void *user, WnDomainSetting *take_domain)
{
    Building *self = user;

    if (!wn_snapshot_writer_add(self->writer, take_domain, self->problems))
        self->n_refused++;
}

/* previous may be NULL. */
static inline GByteArray *
build_bytes(const Fixture *fixture, const WnSnapshot *previous)
{
    g_autofree char *domains = fixture_path(fixture, "domains.d");
    g_autoptr(WnCatalogue) catalogue = catalogue_of_plugins();
    g_autoptr(WnConfig) config = fixture_config(fixture);
    g_autoptr(WnSnapshotWriter)
        writer = wn_snapshot_writer_new(config, catalogue);
    Building building = { writer, fixture->problems, 0 };

    wn_config_check_filters(config, catalogue, fixture->problems);
    wn_snapshot_writer_set_previous(writer, previous);
    wn_domain_files_read(domains, fixture->problems, building_add, &building);
    return wn_snapshot_writer_finish(writer, 42, fixture->problems);
}

static inline WnSnapshot *
open_bytes(WnSpan bytes, GError **error)
{
    wn_autofd fd = wn_fd_sealed_memory("snapshot", bytes);

    g_assert_cmpint(fd, >=, 0);
    return wn_snapshot_open_fd(fd, "snapshot", error);
}

static inline WnSnapshot *
build_on(const Fixture *fixture, const WnSnapshot *previous)
{
    g_autoptr(GByteArray) bytes = build_bytes(fixture, previous);
    g_autoptr(GError) error = NULL;
    WnSnapshot *snapshot;

    g_assert_nonnull(bytes);
    snapshot = open_bytes(wn_span(bytes->data, bytes->len), &error);
    g_assert_no_error(error);
    return snapshot;
}

static inline WnSnapshot *
build(const Fixture *fixture)
{
    return build_on(fixture, NULL);
}

/* "rbl>reject early stop skip action.text=x|phrase>- continue skip" */
static inline char *
dump_chain(const WnSnapshot *snapshot, uint32_t class_id)
{
    GString *text = g_string_new(NULL);
    WnClass class_;

    g_assert_true(wn_snapshot_class(snapshot, class_id, &class_));
    for (uint32_t i = 0; i < class_.n_links; i++) {
        WnLink link = wn_snapshot_link(snapshot, &class_, i);

        g_string_append_printf(text, "%s%s>%s%s %s %s", i > 0 ? "|" : "",
            link.filter.ptr, link.action.len > 0 ? link.action.ptr : "-",
            link.early ? " early" : "", wn_on_match_name(link.on_match),
            wn_on_error_name(link.on_error));
        for (uint32_t n = 0; n < link.n_options; n++) {
            WnSpan key, value;

            wn_snapshot_option(snapshot, &link, n, &key, &value);
            g_string_append_printf(text, " %s=%s", key.ptr, value.ptr);
        }
    }
    return g_string_free(text, FALSE);
}

/* NULL: no such domain. */
static inline char *
dump_domain(const WnSnapshot *snapshot, const char *name)
{
    WnDomain domain;

    if (!wn_snapshot_domain(snapshot, wn_span_str(name), &domain))
        return NULL;
    return dump_chain(snapshot, domain.class_id);
}
