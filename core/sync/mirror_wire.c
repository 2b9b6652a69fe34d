/* SPDX-License-Identifier: MIT */
#include "core/sync/mirror_wire.h"

#include "core/conf/setting.h"
#include "core/sync/mirror.h"

#include <string.h>

#define ENTRY_PLACE WN_MIRROR_PLACE "access_entry/"

enum {
    FLAG_ENABLED = 1u << 0, /* is_enabled() reads the first byte */
    FLAG_FAULTY = 1u << 1,
    FLAG_FILTER_DEFAULT = 1u << 2,
    FLAG_FIREWALL = 1u << 3
};

/*
 * To bytes
 */

/* An absent text is not the empty one. */
static void
write_text(WnWriter *writer, const char *text)
{
    wn_write_u8(writer, text != NULL);
    wn_write_bytes(writer, wn_span_str(text));
}

/* -1 is unset. */
static void
write_choice(WnWriter *writer, int value)
{
    wn_write_u32(writer, (uint32_t)(value + 1));
}

static unsigned
flags_of(const WnDomainSetting *domain)
{
    return (domain->enabled ? FLAG_ENABLED : 0)
           | (domain->faulty ? FLAG_FAULTY : 0)
           | (domain->filter_default ? FLAG_FILTER_DEFAULT : 0)
           | (domain->firewall ? FLAG_FIREWALL : 0);
}

static void
write_base(WnWriter *writer, const WnDomainSetting *domain)
{
    wn_write_u8(writer, (uint8_t)flags_of(domain));
    wn_write_u32(writer, domain->line);
    wn_write_u8(writer, (uint8_t)domain->status);
    wn_write_u8(writer, (uint8_t)domain->delivery);
    wn_write_u8(writer, (uint8_t)domain->mailboxes);
    wn_write_u8(writer, (uint8_t)domain->tls);
    wn_write_u64(writer, (uint64_t)domain->max_message_size);
    wn_write_u64(writer, (uint64_t)domain->queue_lifetime_ms);
    wn_write_u64(writer, (uint64_t)domain->delay_notice_ms);
    write_text(writer, domain->egress_pool);
    write_text(writer, domain->reject_text);
    write_text(writer, domain->technical_contact);
}

static void
write_servers(WnWriter *writer, const GPtrArray *servers)
{
    wn_write_u32(writer, servers->len);
    for (guint i = 0; i < servers->len; i++) {
        const WnServerSetting *server = servers->pdata[i];

        wn_write_bytes(writer, wn_span_str(server->host));
        wn_write_u16(writer, server->port);
        wn_write_u16(writer, server->weight);
        wn_write_u8(writer, server->own_tls);
    }
}

static void
write_settings(WnWriter *writer, const GPtrArray *settings)
{
    wn_write_u32(writer, settings->len);
    for (guint i = 0; i < settings->len; i++) {
        const WnSetting *setting = settings->pdata[i];

        wn_write_bytes(writer, wn_span_str(setting->key));
        wn_write_bytes(writer, wn_span_str(setting->value));
        wn_write_u8(writer,
            setting->file != NULL
                && g_str_has_prefix(setting->file, ENTRY_PLACE));
        wn_write_u32(writer, setting->line);
    }
}

static void
write_filters(WnWriter *writer, const GPtrArray *filters)
{
    wn_write_u32(writer, filters != NULL ? filters->len : 0);
    for (guint i = 0; filters != NULL && i < filters->len; i++) {
        const WnFilterSetting *filter = filters->pdata[i];

        wn_write_bytes(writer, wn_span_str(filter->name));
        wn_write_u32(writer, filter->line);
        write_choice(writer, filter->enabled);
        write_choice(writer, filter->position);
        write_text(writer, filter->action);
        write_choice(writer, filter->on_match);
        write_choice(writer, filter->on_error);
        write_settings(writer, filter->settings);
    }
}

static void
write_mailboxes(WnWriter *writer, const GArray *mailboxes)
{
    wn_write_u32(writer, mailboxes->len);
    for (guint i = 0; i < mailboxes->len; i++) {
        const WnMailboxSetting *mailbox = &g_array_index(mailboxes,
            WnMailboxSetting, i);

        wn_write_bytes(writer, wn_span_str(mailbox->local_part));
        wn_write_u8(writer, (uint8_t)mailbox->filtering);
    }
}

void
wn_mirror_encode(WnWriter *writer, const WnDomainSetting *domain,
    const GPtrArray *faults)
{
    write_base(writer, domain);
    write_servers(writer, domain->servers);
    write_filters(writer, domain->filter_settings);
    write_mailboxes(writer, domain->mailbox_list);
    wn_write_u32(writer, faults != NULL ? faults->len : 0);
    for (guint i = 0; faults != NULL && i < faults->len; i++)
        wn_write_bytes(writer, wn_span_str(faults->pdata[i]));
}

bool
wn_mirror_is_enabled(WnSpan bytes)
{
    WnReader reader = wn_reader(bytes);

    return (wn_read_u8(&reader) & FLAG_ENABLED) != 0;
}

/*
 * From bytes
 */

static char *
read_string(WnReader *reader)
{
    return wn_span_dup(wn_read_bytes(reader));
}

static char *
read_text(WnReader *reader)
{
    bool present = wn_read_u8(reader) != 0;
    WnSpan text = wn_read_bytes(reader);

    return present ? wn_span_dup(text) : NULL;
}

/* A value of an enumeration; 0 and a fault for what is none. */
static int
read_enum(WnReader *reader, int last)
{
    int value = wn_read_u8(reader);

    if (value <= last)
        return value;
    reader->failed = true;
    return 0;
}

static int
read_choice(WnReader *reader, int last)
{
    uint32_t value = wn_read_u32(reader);

    if (value <= (uint32_t)last + 1)
        return (int)value - 1;
    reader->failed = true;
    return -1;
}

static void
read_base(WnReader *reader, WnDomainSetting *domain)
{
    unsigned flags = wn_read_u8(reader);

    domain->enabled = (flags & FLAG_ENABLED) != 0;
    domain->faulty = (flags & FLAG_FAULTY) != 0;
    domain->filter_default = (flags & FLAG_FILTER_DEFAULT) != 0;
    domain->firewall = (flags & FLAG_FIREWALL) != 0;
    domain->line = wn_read_u32(reader);
    domain->status = (WnDomainStatus)read_enum(reader, WN_DOMAIN_SUSPENDED);
    domain->delivery = (WnDelivery)read_enum(reader, WN_DELIVERY_ORDERED);
    domain->mailboxes = (WnMailboxes)read_enum(reader, WN_MAILBOXES_LISTED);
    domain->tls = (WnTlsPolicy)read_enum(reader, WN_TLS_POLICY_DANE);
    domain->max_message_size = (int64_t)wn_read_u64(reader);
    domain->queue_lifetime_ms = (int64_t)wn_read_u64(reader);
    domain->delay_notice_ms = (int64_t)wn_read_u64(reader);
    domain->egress_pool = read_text(reader);
    domain->reject_text = read_text(reader);
    domain->technical_contact = read_text(reader);
}

static void
read_servers(WnReader *reader, WnDomainSetting *domain)
{
    uint32_t n = wn_read_count(reader, 9);

    for (uint32_t i = 0; i < n && wn_reader_ok(reader); i++) {
        g_autofree char *host = read_string(reader);
        uint16_t port = wn_read_u16(reader);
        uint16_t weight = wn_read_u16(reader);

        wn_domain_setting_add_server(domain, host, port, weight)
            ->own_tls = (uint8_t)read_enum(reader,
            WN_OWN_TLS(WN_TLS_POLICY_DANE));
    }
}

static void
read_settings(WnReader *reader, const char *domain, WnFilterSetting *filter)
{
    uint32_t n = wn_read_count(reader, 13);

    for (uint32_t i = 0; i < n && wn_reader_ok(reader); i++) {
        g_autofree char *key = read_string(reader);
        g_autofree char *value = read_string(reader);
        bool of_entries = wn_read_u8(reader) != 0;
        unsigned line = wn_read_u32(reader);
        g_autofree char *place = of_entries
                                     ? g_strconcat(ENTRY_PLACE, domain, NULL)
                                     : g_strconcat(WN_MIRROR_PLACE
                                         "domain_filter_option/",
                                         domain, "/", filter->name, "/", key,
                                         NULL);

        g_ptr_array_add(filter->settings,
            wn_setting_new(key, value, place, "/", line));
    }
}

static void
read_filters(WnReader *reader, WnDomainSetting *domain)
{
    uint32_t n = wn_read_count(reader, 33);

    domain->filter_settings = g_ptr_array_new_with_free_func(
        wn_filter_setting_free);
    for (uint32_t i = 0; i < n && wn_reader_ok(reader); i++) {
        g_autofree char *name = read_string(reader);
        WnFilterSetting *filter = wn_filter_setting_new(name);

        g_ptr_array_add(domain->filter_settings, filter);
        filter->file = g_strconcat(WN_MIRROR_PLACE "domain_filter/",
            domain->name, "/", name, NULL);
        filter->line = wn_read_u32(reader);
        filter->enabled = read_choice(reader, 1);
        filter->position = read_choice(reader, G_MAXINT - 1);
        filter->action = read_text(reader);
        filter->on_match = read_choice(reader, WN_ON_MATCH_CONTINUE);
        filter->on_error = read_choice(reader, WN_ON_ERROR_TEMPFAIL);
        read_settings(reader, domain->name, filter);
    }
}

static void
read_mailboxes(WnReader *reader, WnDomainSetting *domain)
{
    uint32_t n = wn_read_count(reader, 5);

    for (uint32_t i = 0; i < n && wn_reader_ok(reader); i++) {
        g_autofree char *local_part = read_string(reader);
        WnFiltering filtering = (WnFiltering)read_enum(reader,
            WN_FILTERING_OFF);

        wn_domain_setting_add_mailbox(domain, local_part, filtering);
    }
}

void
wn_mirror_report(WnProblems *problems, const char *fault)
{
    const char *end = strstr(fault, ": ");
    size_t len = end != NULL ? (size_t)(end - fault) : 0;
    g_autofree char *key = g_strndup(fault, len);
    g_autofree char *place = g_strconcat(WN_MIRROR_PLACE, key, NULL);

    if (problems != NULL)
        wn_problems_add(problems, (WnPlace){ .file = place }, "%s",
            end != NULL ? end + 2 : fault);
}

static void
read_faults(WnReader *reader, WnProblems *problems)
{
    uint32_t n = wn_read_count(reader, 4);

    for (uint32_t i = 0; i < n && wn_reader_ok(reader); i++) {
        g_autofree char *fault = read_string(reader);

        wn_mirror_report(problems, fault);
    }
}

WnDomainSetting *
wn_mirror_decode(const char *name, WnSpan bytes, WnProblems *problems)
{
    WnReader reader = wn_reader(bytes);
    WnDomainSetting *domain = wn_domain_setting_new(name);
    g_autofree char *damaged = NULL;

    domain->file = g_strconcat(WN_MIRROR_PLACE "domain/", name, NULL);
    read_base(&reader, domain);
    read_servers(&reader, domain);
    read_filters(&reader, domain);
    read_mailboxes(&reader, domain);
    read_faults(&reader, problems);
    if (wn_reader_done(&reader))
        return domain;
    domain->faulty = true;
    damaged = g_strdup_printf("domain/%s: the copy of it is damaged", name);
    wn_mirror_report(problems, damaged);
    return domain;
}
