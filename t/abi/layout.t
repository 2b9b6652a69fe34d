#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# sdk/abi/layout.c compiles with the header, and with every header that has only
# grown; it compiles with none that broke what was released.

use strict;
use warnings;
use v5.32;

use File::Path qw(make_path);
use File::Temp qw(tempdir);
use Test::More;

my $top = $ENV{WN_SOURCE} // '.';
my $cc = $ENV{CC} // 'cc';
my $dir = tempdir('winnow-abi-XXXXXX', TMPDIR => 1, CLEANUP => 1);

sub slurp {
    my ($path) = @_;
    open my $in, '<', $path or die "$path: $!";
    local $/;
    return scalar <$in>;
}

my $header = slurp("$top/sdk/winnow/plugin.h");

# What the compiler says to layout.c with this header; '' if nothing.
sub layout_says {
    my ($text) = @_;
    make_path("$dir/winnow");
    open my $out, '>', "$dir/winnow/plugin.h" or die $!;
    print $out $text;
    close $out;
    return scalar qx($cc -std=gnu11 -fsyntax-only -I$dir -I$top $top/sdk/abi/layout.c 2>&1);
}

is(layout_says($header), '', 'the header is what was released');

# [what, pattern, replacement, the complaint]
my @breaks = (
    [ 'members swapped', qr/(    const WnLogApi \*log;\n)(    const WnMetricsApi \*metrics;\n)/,
        sub {"$2$1"}, qr/WnHost\.log has moved/ ],
    [ 'functions swapped', qr/(    uint32_t \(\*n_parts\)[^;]*;[^\n]*\n)(    const WnPart \*\(\*part\)[^;]*;[^\n]*\n)/,
        sub {"$2$1"}, qr/WnMessageApi\.n_parts has moved/ ],
    [ 'member removed', qr/    const WnIoApi \*io;\n/, sub {''}, qr/io/ ],
    [ 'function removed', qr/    void \(\*prefetch\)[^;]*;\n/, sub {''}, qr/prefetch/ ],
    [ 'member put in front', qr/(    const WnLogApi \*log;\n)/, sub {"    void *first;\n$1"},
        qr/WnHost\.log has moved/ ],
    [ 'member put between', qr/(    WnStr helo;)/, sub {"    WnStr before;\n$1"}, qr/WnClient\.helo has moved/ ],
    [ 'member widened', qr/    uint16_t port;\n    uint16_t tls_version;/,
        sub {"    uint32_t port;\n    uint32_t tls_version;"}, qr/WnClient\.port has another size/ ],
    [ 'member narrowed', qr/    int64_t min, max;/, sub {"    int32_t min, max;"},
        qr/WnOption\.min has another size/ ],
    [ 'array shortened', qr/text\[252\]/, sub {'text[124]'}, qr/WnError\.text/ ],
    [ 'sign changed', qr/    int32_t score;        /, sub {'    uint32_t score;        '},
        qr/WnFinding\.score has another type/ ],
    [ 'pointer instead of string', qr/    WnStr host; /, sub {'    const char *host, *host_end; '},
        qr/WnUrl\.host/ ],
    [ 'const taken away', qr/    const char \*version;       /, sub {'    char *version;       '},
        qr/WnHost\.version has another type/ ],
    [ 'an argument more', qr/int32_t \(\*report\)\(WnCall \*call,/, sub {'int32_t (*report)(WnCall *call, int how,'},
        qr/WnCallApi\.report has another type/ ],
    [ 'an argument less', qr/\(\*slot\)\(WnCall \*call, WnLife life\)/, sub {'(*slot)(WnCall *call)'},
        qr/WnCallApi\.slot has another type/ ],
    [ 'another result', qr/    uint32_t \(\*n_urls\)/, sub {'    int32_t (*n_urls)'},
        qr/WnMessageApi\.n_urls has another type/ ],
    [ 'a hook with another result', qr/    void \(\*transaction_end\)/, sub {'    WnVerdict (*transaction_end)'},
        qr/WnFilter\.transaction_end has another type/ ],
    [ 'a callback changed', qr/typedef WnVerdict \(\*WnTimerFn\)\(void \*user, WnCall \*call\);/,
        sub {'typedef WnVerdict (*WnTimerFn)(WnCall *call, void *user);'}, qr/WnTimerFn is another type/ ],
    [ 'a verdict of another width', qr/typedef int32_t WnVerdict;/, sub {'typedef int64_t WnVerdict;'},
        qr/WnVerdict is another type/ ],
    [ 'constants renumbered', qr/WN_MATCH = 1,/, sub {'WN_MATCH = 7,'}, qr/WN_MATCH has another value/ ],
    [ 'a flag moved', qr/WN_OPT_SECRET = 1u << 2/, sub {'WN_OPT_SECRET = 1u << 9'},
        qr/WN_OPT_SECRET has another value/ ],
    [ 'a constant removed', qr/    WN_MSG_NUL = 1u << 18,[^\n]*\n/, sub {''}, qr/WN_MSG_NUL/ ],
    [ 'an error renumbered', qr/WN_E_LIMIT = -3,/, sub {'WN_E_LIMIT = -33,'}, qr/WN_E_LIMIT has another value/ ],
    [ 'a string that grew', qr/(    size_t len;\n)(\} WnStr;)/, sub {"$1    size_t more;\n$2"},
        qr/WnStr has another size/ ],
    [ 'a hole', qr/(    const WnAction \*action;\n)(\} WnPlugin;)/, sub {"$1    uint32_t extra;\n$2"}, qr/padding/ ],
    [ 'a table renamed', qr/\bWnSharedApi\b/, sub {'WnCommonApi'}, qr/WnSharedApi/, 'all' ],
    [ 'the next major', qr/#define WN_ABI_MAJOR 1/, sub {'#define WN_ABI_MAJOR 2'}, qr/WN_ABI_MAJOR has another value/ ],
);
for my $break (@breaks) {
    my ($name, $pattern, $with, $complaint, $all) = @$break;
    my $text = $header;
    my $n = $all ? ($text =~ s/$pattern/$with->()/ge) : ($text =~ s/$pattern/$with->()/e);
    next unless ok($n, "$name: the header has it");
    like(layout_says($text), $complaint, "$name: refused");
}

my @growth = (
    [ 'a member at the end', qr/(    WnStr listener;[^\n]*\n)(\} WnClient;)/, sub {"$1    WnStr country;\n$2"} ],
    [ 'a function at the end', qr/(    int32_t \(\*after\).*?)(\} WnTimerApi;)/s, sub {"$1    void (*more)(void);\n$2"} ],
    [ 'a constant', qr/    WN_LOG_DEBUG = 3\n/, sub {"    WN_LOG_DEBUG = 3,\n    WN_LOG_TRACE = 4\n"} ],
    [ 'a new table', qr/(struct WnHost \{.*?)(\n\};)/s,
        sub {"typedef struct WnMoreApi { uint32_t struct_size, reserved; } WnMoreApi;\n$1\n    const WnMoreApi *more;$2"} ],
);
for my $grown (@growth) {
    my ($name, $pattern, $with) = @$grown;
    my $text = $header;
    ok($text =~ s/$pattern/$with->()/e, "$name: the header has room");
    is(layout_says($text), '', "$name: that is allowed");
}

# What is released agrees with itself, and the lists with what they were made of.
for my $frozen (sort glob "$top/sdk/abi/*/winnow/plugin.h") {
    my ($version) = $frozen =~ m{/(\d+\.\d+)/winnow};
    my %measured = map { $_ => 1 } split /^(?=\w)/m, qx($top/sdk/abi/freeze --print $frozen);
    my $list = slurp("$top/sdk/abi/$version/layout.inc");
    my @items = $list =~ /^((?:AT|IS|SIZE|TYPE)\(.*?\)\n)(?=\n|\z|AT|IS|SIZE|TYPE)/gms;
    my @lost = grep { !$measured{$_} } @items;
    ok(@items > 0, "$version has a list");
    is("@lost", '', "$version: each line is that of its header");
}
done_testing;
