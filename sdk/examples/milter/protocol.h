/* SPDX-License-Identifier: MIT */
#ifndef MILTER_PROTOCOL_H
#define MILTER_PROTOCOL_H

/*
 * The milter protocol, version 6, as mail servers and libmilter speak it: each
 * packet is its length in four bytes (network order), a letter, and data whose
 * strings end with NUL.
 */

#include <stddef.h>
#include <stdint.h>

#define MILTER_VERSION 6
#define MILTER_BODY_CHUNK 65535
#define MILTER_PACKET_MAX (1024 * 1024)

enum {
    MILTER_NEGOTIATE = 'O',
    MILTER_MACROS = 'D',
    MILTER_CONNECT = 'C',
    MILTER_HELO = 'H',
    MILTER_MAIL = 'M',
    MILTER_RCPT = 'R',
    MILTER_DATA = 'T',
    MILTER_HEADER = 'L',
    MILTER_EOH = 'N',
    MILTER_BODY = 'B',
    MILTER_EOM = 'E',
    MILTER_QUIT = 'Q'
};

enum {
    MILTER_ACCEPT = 'a',
    MILTER_CONTINUE = 'c',
    MILTER_DISCARD = 'd',
    MILTER_REJECT = 'r',
    MILTER_TEMPFAIL = 't',
    MILTER_SKIP = 's',
    MILTER_REPLYCODE = 'y',
    MILTER_PROGRESS = 'p',
    MILTER_CONN_FAIL = 'f',
    MILTER_SHUTDOWN = '4',
    MILTER_ADD_HEADER = 'h',
    MILTER_INSERT_HEADER = 'i',
    MILTER_CHANGE_HEADER = 'm',
    MILTER_QUARANTINE = 'q'
};

/* What the milter may change. */
enum {
    MILTER_MAY_ADD_HEADERS = 0x01,
    MILTER_MAY_CHANGE_HEADERS = 0x10,
    MILTER_MAY_QUARANTINE = 0x20,
    MILTER_MAY_CHOOSE_MACROS = 0x100
};

/* Commands the milter does not want, and those it does not answer. */
enum {
    MILTER_NO_CONNECT = 0x01,
    MILTER_NO_HELO = 0x02,
    MILTER_NO_MAIL = 0x04,
    MILTER_NO_RCPT = 0x08,
    MILTER_NO_BODY = 0x10,
    MILTER_NO_HEADERS = 0x20,
    MILTER_NO_EOH = 0x40,
    MILTER_SILENT_HEADER = 0x80,
    MILTER_NO_DATA = 0x200,
    MILTER_SILENT_CONNECT = 0x1000,
    MILTER_SILENT_HELO = 0x2000,
    MILTER_SILENT_MAIL = 0x4000,
    MILTER_SILENT_RCPT = 0x8000,
    MILTER_SILENT_DATA = 0x10000,
    MILTER_SILENT_EOH = 0x40000,
    MILTER_SILENT_BODY = 0x80000,
    MILTER_LEADING_SPACE = 0x100000,
    MILTER_ALL_STEPS = 0x1fffff
};

typedef struct Packet {
    char kind;
    const char *data;
    size_t len;
} Packet;

/* Takes the first packet out of bytes: its whole length, 0 if more is to come,
 * or -1 if that is no packet. */
int64_t milter_packet_read(Packet *packet, const char *bytes, size_t len);

/* The next string, and out of the packet; NULL if there is none that ends. */
const char *milter_packet_string(Packet *packet);

/* The next four bytes; 0 if there are not as many. */
uint32_t milter_packet_number(Packet *packet);

void milter_put_number(char bytes[4], uint32_t number);

#endif
