/* SPDX-License-Identifier: MIT */
#include "core/conf/config_wire.h"

#include "core/base/fd.h"
#include "core/conf/filter_config.h"
#include "core/conf/setting.h"

#include <errno.h>
#include <stddef.h>
#include <sys/stat.h>

#define CONFIG_WIRE_MAGIC 0x31666377u /* "wcf1" */
#define CONFIG_WIRE_MAX (64 * 1024 * 1024)

/* How a member travels.  Structs are described by tables, so that writing and
 * reading cannot differ. */
typedef enum {
    TEXT,      /* char *, may be NULL */
    TEXTS,     /* char **, may be NULL */
    NUMBER,    /* unsigned, int or enum */
    LARGE,     /* int64_t */
    FLAG,      /* bool */
    ADDRESS,   /* WnNetaddr */
    ADDRESSES, /* GArray of WnNetaddr */
    NETWORKS,  /* GArray of WnNetwork */
    LARGES     /* GArray of int64_t */
} MemberKind;

typedef struct Member {
    MemberKind kind;
    size_t offset;
} Member;

/* Whoever adds a member to a struct adds it to its table. */
#if GLIB_SIZEOF_VOID_P == 8
G_STATIC_ASSERT(sizeof(WnConfig) == 344);
G_STATIC_ASSERT(sizeof(WnFilterConfig) == 80);
G_STATIC_ASSERT(sizeof(WnEgressConfig) == 16);
G_STATIC_ASSERT(sizeof(WnSetting) == 40);
#endif
G_STATIC_ASSERT(sizeof(WnIsolation) == sizeof(uint32_t));
G_STATIC_ASSERT(sizeof(int) == sizeof(uint32_t));

#define CONFIG(kind, name)             \
    {                                  \
        kind, offsetof(WnConfig, name) \
    }
static const Member config_members[] = {
    CONFIG(TEXT, path),
    CONFIG(TEXT, folder),
    CONFIG(TEXT, hostname),
    CONFIG(ADDRESSES, listen),
    CONFIG(TEXT, user),
    CONFIG(NUMBER, workers),
    CONFIG(NUMBER, isolation),
    CONFIG(NUMBER, sandbox),
    CONFIG(TEXT, spool),
    CONFIG(TEXT, state),
    CONFIG(TEXT, run),
    CONFIG(TEXT, plugins),
    CONFIG(TEXT, tls_certificate),
    CONFIG(TEXT, tls_key),
    CONFIG(NETWORKS, proxy_from),
    CONFIG(ADDRESS, metrics),
    CONFIG(NUMBER, bare_newlines),
    CONFIG(FLAG, log_json),
    CONFIG(LARGE, history),
    CONFIG(LARGE, max_message_size),
    CONFIG(NUMBER, max_recipients),
    CONFIG(NUMBER, max_connections),
    CONFIG(NUMBER, max_connections_per_client),
    CONFIG(LARGE, min_free_space),
    CONFIG(LARGE, filter_memory),
    CONFIG(TEXT, dns_servers),
    CONFIG(NUMBER, source),
    CONFIG(LARGE, interval_ms),
    CONFIG(TEXTS, mariadb_hosts),
    CONFIG(TEXT, mariadb_database),
    CONFIG(TEXT, mariadb_user),
    CONFIG(TEXT, mariadb_password_file),
    CONFIG(TEXT, mariadb_tls),
    CONFIG(TEXT, mariadb_tls_ca),
    CONFIG(LARGES, retry_ms),
    CONFIG(LARGE, lifetime_ms),
    CONFIG(LARGE, delay_notice_ms),
    CONFIG(LARGE, connect_timeout_ms),
    CONFIG(LARGE, reply_timeout_ms),
    CONFIG(LARGE, message_timeout_ms),
    CONFIG(NUMBER, without_8bitmime),
    CONFIG(TEXTS, refused),
};

#define FILTER(kind, name)                   \
    {                                        \
        kind, offsetof(WnFilterConfig, name) \
    }
static const Member filter_members[] = {
    FILTER(TEXT, name),
    FILTER(TEXT, plugin),
    FILTER(FLAG, enabled),
    FILTER(NUMBER, position),
    FILTER(TEXT, action),
    FILTER(NUMBER, on_error),
    FILTER(NUMBER, on_match),
    FILTER(FLAG, on_match_given),
    FILTER(NUMBER, decide),
    FILTER(LARGE, timeout_ms),
    FILTER(TEXT, file),
    FILTER(NUMBER, line),
};

static const Member egress_members[] = {
    { TEXT, offsetof(WnEgressConfig, name) },
    { ADDRESSES, offsetof(WnEgressConfig, addresses) },
};

static const Member setting_members[] = {
    { TEXT, offsetof(WnSetting, key) },
    { TEXT, offsetof(WnSetting, value) },
    { TEXT, offsetof(WnSetting, file) },
    { TEXT, offsetof(WnSetting, folder) },
    { NUMBER, offsetof(WnSetting, line) },
};

static void
write_text(WnWriter *writer, const char *text)
{
    wn_write_u8(writer, text != NULL);
    if (text != NULL)
        wn_write_bytes(writer, wn_span_str(text));
}

static char *
read_text(WnReader *reader)
{
    if (wn_read_u8(reader) == 0)
        return NULL;
    return wn_span_dup(wn_read_bytes(reader));
}

static void
write_texts(WnWriter *writer, char *const *texts)
{
    wn_write_u8(writer, texts != NULL);
    if (texts == NULL)
        return;
    wn_write_u32(writer, g_strv_length((char **)(gintptr)texts));
    for (size_t i = 0; texts[i] != NULL; i++)
        wn_write_bytes(writer, wn_span_str(texts[i]));
}

static char **
read_texts(WnReader *reader)
{
    g_autoptr(GPtrArray) texts = NULL;
    uint32_t count;

    if (wn_read_u8(reader) == 0)
        return NULL;
    texts = g_ptr_array_new();
    count = wn_read_count(reader, sizeof(uint32_t));
    for (uint32_t i = 0; i < count; i++)
        g_ptr_array_add(texts, wn_span_dup(wn_read_bytes(reader)));
    g_ptr_array_add(texts, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&texts), FALSE);
}

static void
write_address(WnWriter *writer, const WnNetaddr *address)
{
    wn_write_u8(writer, address->len);
    wn_write_raw(writer, address->bytes, sizeof(address->bytes));
    wn_write_u16(writer, address->port);
}

static WnNetaddr
read_address(WnReader *reader)
{
    WnNetaddr address = { .len = wn_read_u8(reader) };
    WnSpan bytes = wn_read_raw(reader, sizeof(address.bytes));

    if (address.len != 0 && address.len != 4 && address.len != 16)
        reader->failed = true;
    memcpy(address.bytes, bytes.ptr, bytes.len);
    address.port = wn_read_u16(reader);
    return address;
}

#define ADDRESS_LEN 19

static void
write_array(WnWriter *writer, MemberKind kind, const GArray *array)
{
    wn_write_u32(writer, array->len);
    for (guint i = 0; i < array->len; i++) {
        if (kind == LARGES) {
            wn_write_u64(writer, (uint64_t)g_array_index(array, int64_t, i));
        } else if (kind == ADDRESSES) {
            write_address(writer, &g_array_index(array, WnNetaddr, i));
        } else {
            const WnNetwork *network = &g_array_index(array, WnNetwork, i);

            write_address(writer, &network->address);
            wn_write_u8(writer, network->prefix);
        }
    }
}

/* In place of what a new structure has there. */
static void
read_array(WnReader *reader, MemberKind kind, GArray **array)
{
    size_t size = kind == LARGES      ? sizeof(int64_t)
                  : kind == ADDRESSES ? sizeof(WnNetaddr)
                                      : sizeof(WnNetwork);
    uint32_t count = wn_read_count(reader,
        kind == LARGES ? sizeof(int64_t) : ADDRESS_LEN);

    g_clear_pointer(array, g_array_unref);
    *array = g_array_new(FALSE, TRUE, (guint)size);
    for (uint32_t i = 0; i < count; i++) {
        if (kind == LARGES) {
            int64_t value = (int64_t)wn_read_u64(reader);

            g_array_append_val(*array, value);
        } else {
            WnNetwork network = { .address = read_address(reader) };

            if (kind == NETWORKS)
                network.prefix = wn_read_u8(reader);
            g_array_append_vals(*array, &network, 1); /* address comes first */
        }
    }
}

G_STATIC_ASSERT(offsetof(WnNetwork, address) == 0);

static void
write_member(WnWriter *writer, MemberKind kind, const void *at)
{
    switch (kind) {
    case TEXT:
        write_text(writer, *(char *const *)at);
        break;
    case TEXTS:
        write_texts(writer, *(char **const *)at);
        break;
    case NUMBER:
        wn_write_u32(writer, *(const uint32_t *)at);
        break;
    case LARGE:
        wn_write_u64(writer, (uint64_t) * (const int64_t *)at);
        break;
    case FLAG:
        wn_write_u8(writer, *(const bool *)at);
        break;
    case ADDRESS:
        write_address(writer, at);
        break;
    case ADDRESSES:
    case NETWORKS:
    case LARGES:
        write_array(writer, kind, *(GArray *const *)at);
        break;
    }
}

static void
read_member(WnReader *reader, MemberKind kind, void *at)
{
    switch (kind) {
    case TEXT:
        g_free(*(char **)at);
        *(char **)at = read_text(reader);
        break;
    case TEXTS:
        g_strfreev(*(char ***)at);
        *(char ***)at = read_texts(reader);
        break;
    case NUMBER:
        *(uint32_t *)at = wn_read_u32(reader);
        break;
    case LARGE:
        *(int64_t *)at = (int64_t)wn_read_u64(reader);
        break;
    case FLAG:
        *(bool *)at = wn_read_u8(reader) != 0;
        break;
    case ADDRESS:
        *(WnNetaddr *)at = read_address(reader);
        break;
    case ADDRESSES:
    case NETWORKS:
    case LARGES:
        read_array(reader, kind, at);
        break;
    }
}

static void
write_struct(WnWriter *writer, const Member *members, size_t n_members,
    const void *base)
{
    for (size_t i = 0; i < n_members; i++)
        write_member(writer, members[i].kind,
            (const char *)base + members[i].offset);
}

static void
read_struct(WnReader *reader, const Member *members, size_t n_members,
    void *base)
{
    for (size_t i = 0; i < n_members; i++)
        read_member(reader, members[i].kind, (char *)base + members[i].offset);
}

#define WRITE(writer, members, base) \
    write_struct(writer, members, G_N_ELEMENTS(members), base)
#define READ(reader, members, base) \
    read_struct(reader, members, G_N_ELEMENTS(members), base)

static void
write_filter(WnWriter *writer, const WnFilterConfig *filter)
{
    WRITE(writer, filter_members, filter);
    wn_write_u32(writer, filter->settings->len);
    for (guint i = 0; i < filter->settings->len; i++)
        WRITE(writer, setting_members, filter->settings->pdata[i]);
}

void
wn_config_write(const WnConfig *self, WnWriter *writer)
{
    wn_write_u32(writer, CONFIG_WIRE_MAGIC);
    WRITE(writer, config_members, self);
    wn_write_u32(writer, self->egress->len);
    for (guint i = 0; i < self->egress->len; i++)
        WRITE(writer, egress_members, self->egress->pdata[i]);
    wn_write_u32(writer, self->filters->len);
    for (guint i = 0; i < self->filters->len; i++)
        write_filter(writer, self->filters->pdata[i]);
}

static void
egress_free(void *data)
{
    WnEgressConfig *egress = data;

    g_free(egress->name);
    g_array_unref(egress->addresses);
    g_free(egress);
}

static void
read_egress(WnReader *reader, WnConfig *config)
{
    uint32_t count = wn_read_count(reader, 1);

    config->egress = g_ptr_array_new_with_free_func(egress_free);
    for (uint32_t i = 0; i < count; i++) {
        WnEgressConfig *egress = g_new0(WnEgressConfig, 1);

        READ(reader, egress_members, egress);
        g_ptr_array_add(config->egress, egress);
    }
}

static void
read_settings(WnReader *reader, WnFilterConfig *filter)
{
    uint32_t count = wn_read_count(reader, 1);

    filter->settings = g_ptr_array_new_with_free_func(wn_setting_free);
    for (uint32_t i = 0; i < count; i++) {
        WnSetting *setting = g_new0(WnSetting, 1);

        READ(reader, setting_members, setting);
        g_ptr_array_add(filter->settings, setting);
    }
}

static void
read_filters(WnReader *reader, WnConfig *config)
{
    uint32_t count = wn_read_count(reader, 1);

    config->filters = g_ptr_array_new_with_free_func(wn_filter_config_free);
    for (uint32_t i = 0; i < count; i++) {
        WnFilterConfig *filter = g_new0(WnFilterConfig, 1);

        READ(reader, filter_members, filter);
        read_settings(reader, filter);
        g_ptr_array_add(config->filters, filter);
    }
}

WnConfig *
wn_config_from_bytes(WnSpan bytes, GError **error)
{
    WnReader reader = wn_reader(bytes);
    g_autoptr(WnConfig) config = g_new0(WnConfig, 1);

    if (wn_read_u32(&reader) != CONFIG_WIRE_MAGIC)
        reader.failed = true;
    READ(&reader, config_members, config);
    read_egress(&reader, config);
    read_filters(&reader, config);
    if (!wn_reader_done(&reader)) {
        g_set_error(error, WN_CONF_ERROR, WN_CONF_ERROR_DAMAGED,
            "not a configuration as winnowd hands it to its programs");
        return NULL;
    }
    return g_steal_pointer(&config);
}

WnConfig *
wn_config_from_fd(int fd, GError **error)
{
    g_autofree char *bytes = NULL;
    struct stat info;

    if (fstat(fd, &info) < 0) {
        wn_fd_set_error(error, errno, "read", "configuration");
        return NULL;
    }
    if (info.st_size < 0 || info.st_size > CONFIG_WIRE_MAX)
        return wn_config_from_bytes(WN_SPAN_EMPTY, error);
    bytes = g_malloc((gsize)info.st_size + 1);
    if (!wn_fd_pread_all(fd, bytes, (size_t)info.st_size, 0)) {
        wn_fd_set_error(error, errno, "read", "configuration");
        return NULL;
    }
    return wn_config_from_bytes(wn_span(bytes, (size_t)info.st_size), error);
}
