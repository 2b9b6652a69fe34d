/* SPDX-License-Identifier: MIT */
#include "t/unit/fake_mmdb.h"

#include <string.h>

#define EMPTY 0u
#define IS_DATA 0x80000000u /* in nodes, before they are numbered */
#define SEPARATOR 16u       /* bytes between tree and data */

typedef struct Node {
    uint32_t records[2];
} Node;

/*
 * Data
 */

static void
put(GByteArray *out, unsigned byte)
{
    uint8_t value = (uint8_t)byte;

    g_byte_array_append(out, &value, 1);
}

static void
put_text(GByteArray *out, const char *text)
{
    size_t len = strlen(text);

    g_assert_cmpuint(len, <, 29);
    put(out, 2u << 5 | (unsigned)len);
    g_byte_array_append(out, (const guint8 *)text, (guint)len);
}

static void
put_map(GByteArray *out, unsigned n)
{
    put(out, 7u << 5 | n);
}

static void
put_country(GByteArray *out, const char *key, const char *country)
{
    put_text(out, key);
    put_map(out, 1);
    put_text(out, "iso_code");
    put_text(out, country);
}

static uint32_t
put_record(GByteArray *out, FakeMmdbKey key, const char *country)
{
    uint32_t at = out->len;

    put_map(out, key == FAKE_MMDB_BOTH ? 2 : 1);
    switch (key) {
    case FAKE_MMDB_BOTH:
        put_country(out, "registered_country", "ZZ");
        put_country(out, "country", country);
        break;
    case FAKE_MMDB_COUNTRY:
        put_country(out, "country", country);
        break;
    case FAKE_MMDB_REGISTERED:
        put_country(out, "registered_country", country);
        break;
    case FAKE_MMDB_FLAT:
    case FAKE_MMDB_OTHER:
        put_text(out, key == FAKE_MMDB_FLAT ? "country_code" : "continent");
        put_text(out, country);
        break;
    }
    return at;
}

/*
 * Tree
 */

static uint32_t
add_node(FakeMmdb *self)
{
    Node node = { { EMPTY, EMPTY } };

    g_array_append_val(self->nodes, node);
    return self->nodes->len - 1;
}

void
fake_mmdb_init(FakeMmdb *self, int version)
{
    self->version = version;
    self->nodes = g_array_new(FALSE, FALSE, sizeof(Node));
    self->data = g_byte_array_new();
    add_node(self);
}

void
fake_mmdb_clear(FakeMmdb *self)
{
    g_array_unref(self->nodes);
    g_byte_array_unref(self->data);
}

static bool
bit_of(const uint8_t *bytes, unsigned n)
{
    return (bytes[n / 8] >> (7 - n % 8) & 1) != 0;
}

/* The address in the tree's own width; the number of bits in the network. */
static unsigned
place_in_tree(const FakeMmdb *self, const char *network, uint8_t out[16])
{
    g_auto(GStrv) halves = g_strsplit(network, "/", 2);
    unsigned bits = (unsigned)g_ascii_strtoull(halves[1], NULL, 10);
    WnNetaddr address;

    memset(out, 0, 16);
    g_assert_true(wn_netaddr_parse(wn_span_str(halves[0]), &address));
    if (address.len == 16 || self->version == 4) {
        memcpy(out, address.bytes, address.len);
        return bits;
    }
    memcpy(out + 12, address.bytes, 4);
    return bits + 96;
}

void
fake_mmdb_add(FakeMmdb *self, const char *network, FakeMmdbKey key,
    const char *country)
{
    uint8_t bytes[16];
    unsigned n_bits = place_in_tree(self, network, bytes);
    uint32_t at = 0;

    for (unsigned i = 0; i + 1 < n_bits; i++) {
        bool bit = bit_of(bytes, i);
        uint32_t next = g_array_index(self->nodes, Node, at).records[bit];

        g_assert_cmpuint(next & IS_DATA, ==, 0);
        if (next == EMPTY) {
            next = add_node(self);
            g_array_index(self->nodes, Node, at).records[bit] = next;
        }
        at = next;
    }
    g_array_index(self->nodes, Node, at)
        .records[bit_of(bytes, n_bits - 1)] = IS_DATA
                                              | put_record(self->data, key,
                                                  country);
}

/*
 * File
 */

static void
put_tree(const FakeMmdb *self, GByteArray *out)
{
    uint32_t n = self->nodes->len;

    for (uint32_t i = 0; i < n; i++)
        for (int side = 0; side < 2; side++) {
            uint32_t value = g_array_index(self->nodes, Node, i).records[side];

            if (value == EMPTY)
                value = n;
            else if ((value & IS_DATA) != 0)
                value = (value & ~IS_DATA) + n + SEPARATOR;
            put(out, value >> 16 & 255);
            put(out, value >> 8 & 255);
            put(out, value & 255);
        }
}

/* Type 5 has 16 bits, 6 has 32; type 9, of 64, is an extended one. */
static void
put_number(GByteArray *out, const char *key, unsigned type, uint32_t value)
{
    put_text(out, key);
    if (type == 9) {
        put(out, 4);
        put(out, 9 - 7);
    } else {
        put(out, type << 5 | (type == 5 ? 2u : 4u));
    }
    if (type != 5) {
        put(out, value >> 24);
        put(out, value >> 16 & 255);
    }
    put(out, value >> 8 & 255);
    put(out, value & 255);
}

GByteArray *
fake_mmdb_finish(FakeMmdb *self)
{
    static const uint8_t zeros[SEPARATOR];
    static const uint8_t marker[] = "\xab\xcd\xefMaxMind.com";
    GByteArray *out = g_byte_array_new();

    put_tree(self, out);
    g_byte_array_append(out, zeros, sizeof zeros);
    g_byte_array_append(out, self->data->data, self->data->len);
    g_byte_array_append(out, marker, sizeof marker - 1);
    put_map(out, 9);
    put_number(out, "node_count", 6, self->nodes->len);
    put_number(out, "record_size", 5, 24);
    put_number(out, "ip_version", 5, (uint32_t)self->version);
    put_number(out, "binary_format_major_version", 5, 2);
    put_number(out, "binary_format_minor_version", 5, 0);
    put_number(out, "build_epoch", 9, 1700000000);
    put_text(out, "database_type");
    put_text(out, "Test");
    put_text(out, "languages");
    put(out, 0); /* an empty array: extended type 11 */
    put(out, 11 - 7);
    put_text(out, "description");
    put_map(out, 0);
    return out;
}
