/* SPDX-License-Identifier: MIT */
#include "protocol.h"

#include <string.h>

static uint32_t
get_number(const char *bytes)
{
    const unsigned char *b = (const unsigned char *)bytes;

    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8
           | b[3];
}

void
milter_put_number(char bytes[4], uint32_t number)
{
    bytes[0] = (char)(number >> 24);
    bytes[1] = (char)(number >> 16);
    bytes[2] = (char)(number >> 8);
    bytes[3] = (char)number;
}

int64_t
milter_packet_read(Packet *packet, const char *bytes, size_t len)
{
    uint32_t size;

    if (len < 4)
        return 0;
    size = get_number(bytes);
    if (size == 0 || size > MILTER_PACKET_MAX)
        return -1;
    if (len - 4 < size)
        return 0;
    packet->kind = bytes[4];
    packet->data = bytes + 5;
    packet->len = size - 1;
    return (int64_t)size + 4;
}

const char *
milter_packet_string(Packet *packet)
{
    const char *text = packet->data;
    const char *end = packet->len > 0 ? memchr(text, '\0', packet->len) : NULL;

    if (end == NULL)
        return NULL;
    packet->data = end + 1;
    packet->len -= (size_t)(end + 1 - text);
    return text;
}

uint32_t
milter_packet_number(Packet *packet)
{
    uint32_t number;

    if (packet->len < 4)
        return 0;
    number = get_number(packet->data);
    packet->data += 4;
    packet->len -= 4;
    return number;
}
