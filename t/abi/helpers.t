#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# The conveniences that are compiled into plugins keep to what stands beside
# them, in C and in C++; and the header refuses to be taken for a newer one.

use strict;
use warnings;
use v5.32;

use File::Temp qw(tempdir);
use Test::More;

my $top = $ENV{WN_SOURCE} // '.';
my $dir = tempdir('winnow-helpers-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my ($newest) = qx(cat $top/sdk/winnow/plugin.h) =~ /^#define WN_ABI_MINOR (\d+)/m;

sub is_there {
    my ($program) = @_;
    return grep { -x "$_/$program" } split /:/, $ENV{PATH};
}

open my $out, '>', "$dir/helpers.c" or die;
print $out <<'END';
#include <winnow/plugin.h>
#include <stdlib.h>

/* What was written, and how long it is without its last character. */
static size_t written;
static char last;

static int32_t
always(const WnHost *host, WnLogLevel level)
{
    (void)host;
    (void)level;
    return 1;
}

static void
take(const WnHost *host, WnLogLevel level, const WnCall *call, const char *text,
    size_t len)
{
    (void)host;
    (void)level;
    (void)call;
    written = len;
    last = len > 0 ? text[len - 1] : '-';
}

/* All of the name or none of it, whatever the size. */
static void
try_names(uint32_t address_len, const char *zone)
{
    WnClient client;
    char whole[256];
    size_t size, len;

    memset(&client, 0, sizeof client);
    client.address_len = address_len;
    client.address[0] = 0x7f;
    client.address[address_len - 1] = 0x2e;
    len = wn_dnsbl_name(&client, zone, whole, sizeof whole);
    printf("%u %s: %s\n", (unsigned)address_len, zone, whole);
    for (size = 0; size <= sizeof whole; size++) {
        char *name = (char *)malloc(size + 1);
        size_t got;

        name[size] = '!';
        got = wn_dnsbl_name(&client, zone, name, size);
        if (got != (size > len ? len : 0) || name[size] != '!'
            || (got > 0 && strcmp(name, whole) != 0))
            printf("size %u: %u\n", (unsigned)size, (unsigned)got);
        free(name);
    }
}

int
main(void)
{
    static const unsigned lengths[] = { 0, 1, 511, 512, 1023, 1024, 1025, 9000 };
    char *text = (char *)malloc(9001);
    WnLogApi log;
    WnHost host;
    size_t i;

    memset(&log, 0, sizeof log);
    memset(&host, 0, sizeof host);
    log.enabled = always;
    log.write = take;
    host.log = &log;
    for (i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        memset(text, 'x', lengths[i]);
        text[lengths[i]] = '\0';
        wn_log(&host, WN_LOG_INFO, NULL, "%s", text);
        printf("%u -> %u%c\n", lengths[i], (unsigned)written, last);
    }
    try_names(4, "zen.example");
    try_names(16, "a");
    try_names(16, "zen.example");
    free(text);
    return 0;
}
END
close $out or die;

my $expected = join '', map {"$_\n"} '0 -> 0-', '1 -> 1x', '511 -> 511x', '512 -> 512x',
    '1023 -> 1023x', '1024 -> 1024x', '1025 -> 1024x', '9000 -> 1024x',
    '4 zen.example: 46.0.0.127.zen.example',
    '16 a: e.2.' . '0.' x 28 . 'f.7.a', '16 zen.example: e.2.' . '0.' x 28 . 'f.7.zen.example';
my $tried = 0;
for my $language (['gcc', '-x c -std=c99'], ['clang', '-x c -std=c11'], ['g++', '-x c++ -std=c++20'],
    ['clang++', '-x c++ -std=c++20']) {
    my ($cc, $flags) = @$language;
    next unless is_there($cc);
    my $said = qx($cc $flags -O1 -Wall -Wextra -Wpedantic -Werror -I$top/sdk -o $dir/helpers $dir/helpers.c 2>&1);
    is($said, '', "$cc: compiles");
    is(scalar qx($dir/helpers), $expected, "$cc: names that fit or are none, text up to what the host takes");
    for my $macro (qw(WN_TARGET_MINOR WN_NEED_MINOR)) {
        my $next = $newest + 1;
        $said = qx(echo '#include <winnow/plugin.h>' | $cc $flags -fsyntax-only -D$macro=$next -I$top/sdk - 2>&1);
        isnt($?, 0, "$cc: $macro of a later release is refused");
        like($said, qr/is newer than this header/, 'with the reason');
        is(scalar qx(echo '#include <winnow/plugin.h>' | $cc $flags -fsyntax-only -D$macro=0 -I$top/sdk - 2>&1),
            '', "$cc: $macro of an earlier one is not");
    }
    $tried++;
}
ok($tried > 0, 'there was a compiler');
done_testing;
