/* SPDX-License-Identifier: MIT */
#include "core/control/settings_report.h"

#include "core/base/clock.h"

#include <string.h>

void
wn_settings_report_write(const WnSettingsReport *self, WnWriter *writer)
{
    wn_write_u8(writer, self->database);
    wn_write_u8(writer, self->up);
    wn_write_u64(writer, self->revision);
    wn_write_u64(writer, (uint64_t)self->succeeded);
    wn_write_bytes(writer, wn_span_str(self->host));
    wn_write_bytes(writer, wn_span_str(self->error));
    wn_write_bytes(writer, wn_span_str(self->problems));
}

bool
wn_settings_report_read(WnSettingsReport *self, WnReader *reader)
{
    WnSettingsReport report = { .known = true };

    report.database = wn_read_u8(reader) != 0;
    report.up = wn_read_u8(reader) != 0;
    report.revision = wn_read_u64(reader);
    report.succeeded = (int64_t)wn_read_u64(reader);
    report.host = wn_span_dup(wn_read_bytes(reader));
    report.error = wn_span_dup(wn_read_bytes(reader));
    report.problems = wn_span_dup(wn_read_bytes(reader));
    if (!wn_reader_done(reader)) {
        wn_settings_report_clear(&report);
        return false;
    }
    wn_settings_report_clear(self);
    *self = report;
    return true;
}

void
wn_settings_report_clear(WnSettingsReport *self)
{
    g_clear_pointer(&self->host, g_free);
    g_clear_pointer(&self->error, g_free);
    g_clear_pointer(&self->problems, g_free);
    self->known = false;
}

bool
wn_settings_report_is_warning(const char *line)
{
    return strstr(line, "warning: ") != NULL;
}

static unsigned
count_lines(const WnSettingsReport *self, bool warnings)
{
    g_auto(GStrv)
        lines = g_strsplit(self->known ? self->problems : "", "\n", -1);
    unsigned n = 0;

    for (size_t i = 0; lines[i] != NULL; i++)
        n += lines[i][0] != '\0'
             && wn_settings_report_is_warning(lines[i]) == warnings;
    return n;
}

bool
wn_settings_report_stays_behind(const WnSettingsReport *self)
{
    return self->known && !self->database && count_lines(self, false) > 0;
}

void
wn_settings_report_print(const WnSettingsReport *self, GString *out)
{
    char when[WN_DATE_MAX];

    if (!self->known || !self->database)
        return;
    wn_clock_iso8601(self->succeeded * 1000, when);
    g_string_append_printf(out,
        "database    %s, revision %" G_GUINT64_FORMAT ", last read %s\n",
        self->host[0] != '\0' ? self->host : "no host has answered yet",
        self->revision, self->succeeded > 0 ? when : "never");
    if (self->error[0] != '\0')
        g_string_append_printf(out, "            %s\n", self->error);
}

void
wn_settings_report_print_hint(const WnSettingsReport *self, GString *out)
{
    unsigned n = count_lines(self, false);
    unsigned n_warnings = count_lines(self, true);

    if (n > 0)
        g_string_append_printf(out,
            "            %u problem%s: winnowctl sync --status\n", n,
            n == 1 ? "" : "s");
    if (n_warnings > 0)
        g_string_append_printf(out,
            "            %u warning%s: winnowctl sync --status\n", n_warnings,
            n_warnings == 1 ? "" : "s");
}

void
wn_settings_report_print_problems(const WnSettingsReport *self, GString *out)
{
    if (!self->known)
        return;
    g_string_append(out, self->problems);
    if (self->problems[0] == '\0')
        g_string_append(out, "no problems\n");
}

void
wn_settings_report_json(const WnSettingsReport *self, WnJson *json)
{
    char when[WN_DATE_MAX];

    if (!self->known)
        return;
    if (self->database) {
        wn_clock_iso8601(self->succeeded * 1000, when);
        wn_json_str(json, "host", self->host);
        wn_json_int(json, "revision", (int64_t)self->revision);
        wn_json_str(json, "last_success", self->succeeded > 0 ? when : NULL);
        wn_json_str(json, "last_error",
            self->error[0] != '\0' ? self->error : NULL);
    }
    wn_json_int(json, "n_problems", count_lines(self, false));
    wn_json_int(json, "n_warnings", count_lines(self, true));
}

void
wn_settings_report_json_problems(const WnSettingsReport *self, WnJson *json)
{
    g_auto(GStrv)
        lines = g_strsplit(self->known ? self->problems : "", "\n", -1);

    wn_json_open_list(json, "problems");
    for (size_t i = 0; lines[i] != NULL; i++)
        if (lines[i][0] != '\0')
            wn_json_str(json, NULL, lines[i]);
    wn_json_close_list(json);
}
