/* SPDX-License-Identifier: MIT */
#include "sdk/harness/zone.h"

#include "core/base/netaddr.h"

#include <string.h>

#define TYPE_FAIL 0xFF00
#define TYPE_SILENT 0xFF01

struct WnZone {
    GPtrArray *records;
};

static void
record_free(void *data)
{
    WnZoneRecord *record = data;

    g_free(record->name);
    g_free(record->text);
    g_free(record);
}

WnZone *
wn_zone_new(void)
{
    WnZone *self = g_new0(WnZone, 1);

    self->records = g_ptr_array_new_with_free_func(record_free);
    return self;
}

void
wn_zone_free(WnZone *self)
{
    g_ptr_array_unref(self->records);
    g_free(self);
}

void
wn_zone_clear(WnZone *self)
{
    g_ptr_array_set_size(self->records, 0);
}

/* In lower case, without the root's dot. */
static char *
name_of(const char *text)
{
    char *name = g_ascii_strdown(text, -1);
    size_t len = strlen(name);

    if (len > 1 && name[len - 1] == '.')
        name[len - 1] = '\0';
    return name;
}

static uint16_t
type_of(const char *text)
{
    static const struct {
        const char *name;
        uint16_t type;
    } types[] = { { "A", WN_DNS_A }, { "AAAA", WN_DNS_AAAA },
        { "NS", WN_DNS_NS }, { "PTR", WN_DNS_PTR }, { "MX", WN_DNS_MX },
        { "TXT", WN_DNS_TXT }, { "FAIL", TYPE_FAIL },
        { "SILENT", TYPE_SILENT } };

    for (unsigned i = 0; i < G_N_ELEMENTS(types); i++)
        if (g_ascii_strcasecmp(text, types[i].name) == 0)
            return types[i].type;
    return 0;
}

static bool
set_address(WnZoneRecord *record, const char *data)
{
    WnNetaddr address;

    if (!wn_netaddr_parse(wn_span_str(data), &address)
        || address.len != (record->type == WN_DNS_A ? 4 : 16))
        return false;
    record->data_len = address.len;
    memcpy(record->data, address.bytes, address.len);
    return true;
}

static bool
set_exchange(WnZoneRecord *record, const char *data)
{
    char *end;
    uint64_t preference = g_ascii_strtoull(data, &end, 10);

    if (end == data || *end != ' ' || preference > G_MAXUINT16)
        return false;
    record->preference = (uint16_t)preference;
    record->text = name_of(g_strchug(end));
    return true;
}

static bool
set_data(WnZoneRecord *record, char *data)
{
    size_t len = strlen(data);

    if (record->type == TYPE_FAIL || record->type == TYPE_SILENT)
        return len == 0;
    if (len == 0)
        return false;
    if (record->type == WN_DNS_A || record->type == WN_DNS_AAAA)
        return set_address(record, data);
    if (record->type == WN_DNS_MX)
        return set_exchange(record, data);
    if (record->type != WN_DNS_TXT)
        record->text = name_of(data);
    else if (len >= 2 && data[0] == '"' && data[len - 1] == '"')
        record->text = g_strndup(data + 1, len - 2);
    else
        record->text = g_strdup(data);
    return true;
}

static bool
add_line(WnZone *self, const char *line)
{
    g_auto(GStrv) words = g_strsplit_set(line, " \t", 3);
    WnZoneRecord *record;

    if (g_strv_length(words) < 2)
        return false;
    record = g_new0(WnZoneRecord, 1);
    g_ptr_array_add(self->records, record);
    record->name = name_of(words[0]);
    record->type = type_of(words[1]);
    if (record->type == 0)
        return false;
    if (words[2] == NULL)
        return record->type >= TYPE_FAIL;
    return set_data(record, g_strstrip(words[2]));
}

bool
wn_zone_add(WnZone *self, const char *text, GError **error)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (unsigned i = 0; lines[i] != NULL; i++) {
        const char *line = g_strstrip(lines[i]);

        if (line[0] == '\0' || line[0] == '#' || add_line(self, line))
            continue;
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
            "dns: \"%s\" is not NAME TYPE DATA", line);
        return false;
    }
    return true;
}

WnZoneAnswer *
wn_zone_ask(const WnZone *self, const char *name, uint16_t type)
{
    WnZoneAnswer *answer = g_new0(WnZoneAnswer, 1);
    g_autofree char *asked = name_of(name);

    answer->records = g_ptr_array_new();
    answer->status = WN_DNS_NO_NAME;
    for (unsigned i = 0; i < self->records->len; i++) {
        WnZoneRecord *record = g_ptr_array_index(self->records, i);

        if (strcmp(record->name, asked) != 0)
            continue;
        if (record->type >= TYPE_FAIL) {
            answer->status = WN_DNS_FAILED;
            answer->silent = record->type == TYPE_SILENT;
            g_ptr_array_set_size(answer->records, 0);
            return answer;
        }
        if (answer->status == WN_DNS_NO_NAME)
            answer->status = WN_DNS_NO_DATA;
        if (record->type != type)
            continue;
        answer->status = WN_DNS_FOUND;
        g_ptr_array_add(answer->records, record);
    }
    return answer;
}

void
wn_zone_answer_spoil(WnZoneAnswer *answer)
{
    answer->status = WN_DNS_FAILED;
    answer->silent = false;
    g_ptr_array_set_size(answer->records, 0);
}

void
wn_zone_answer_free(WnZoneAnswer *answer)
{
    g_ptr_array_unref(answer->records);
    g_free(answer);
}
