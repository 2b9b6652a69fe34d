/* SPDX-License-Identifier: MIT */
#include "core/base/json.h"

#include "core/base/text.h"

static void
write_string(GString *out, WnSpan value)
{
    g_string_append_c(out, '"');
    while (value.len > 0) {
        uint32_t code;
        size_t len = wn_text_utf8_next(value, &code);

        if (len == 0)
            g_string_append(out, "\xef\xbf\xbd");
        else if (code == '"' || code == '\\')
            g_string_append_printf(out, "\\%c", (char)code);
        else if (wn_text_is_printable(code))
            g_string_append_len(out, value.ptr, (gssize)len);
        else
            g_string_append_printf(out, "\\u%04x", code);
        value = wn_span_slice(value, MAX(len, 1), value.len);
    }
    g_string_append_c(out, '"');
}

static void
begin_value(WnJson *self, const char *key)
{
    if (self->comma)
        g_string_append_c(self->out, ',');
    self->comma = true;
    if (key != NULL) {
        write_string(self->out, wn_span_str(key));
        g_string_append_c(self->out, ':');
    }
}

void
wn_json_init(WnJson *self, GString *out)
{
    *self = (WnJson){ .out = out };
}

void
wn_json_open_object(WnJson *self, const char *key)
{
    begin_value(self, key);
    g_string_append_c(self->out, '{');
    self->comma = false;
}

void
wn_json_close_object(WnJson *self)
{
    g_string_append_c(self->out, '}');
    self->comma = true;
}

void
wn_json_open_list(WnJson *self, const char *key)
{
    begin_value(self, key);
    g_string_append_c(self->out, '[');
    self->comma = false;
}

void
wn_json_close_list(WnJson *self)
{
    g_string_append_c(self->out, ']');
    self->comma = true;
}

void
wn_json_span(WnJson *self, const char *key, WnSpan value)
{
    begin_value(self, key);
    write_string(self->out, value);
}

void
wn_json_str(WnJson *self, const char *key, const char *value)
{
    begin_value(self, key);
    if (value != NULL)
        write_string(self->out, wn_span_str(value));
    else
        g_string_append(self->out, "null");
}

void
wn_json_int(WnJson *self, const char *key, int64_t value)
{
    begin_value(self, key);
    g_string_append_printf(self->out, "%" G_GINT64_FORMAT, value);
}

void
wn_json_thousandths(WnJson *self, const char *key, int64_t value)
{
    uint64_t size = value < 0 ? -(uint64_t)value : (uint64_t)value;
    unsigned decimals = (unsigned)(size % 1000);
    int digits = 3;

    begin_value(self, key);
    g_string_append_printf(self->out, "%s%" G_GUINT64_FORMAT,
        value < 0 ? "-" : "", size / 1000);
    if (decimals == 0)
        return;
    for (; decimals % 10 == 0; decimals /= 10)
        digits--;
    g_string_append_printf(self->out, ".%0*u", digits, decimals);
}

void
wn_json_bool(WnJson *self, const char *key, bool value)
{
    begin_value(self, key);
    g_string_append(self->out, value ? "true" : "false");
}
