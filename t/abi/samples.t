#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# The promise itself: samples compiled with every released header, and with a
# header of the future, in today's host; and a plugin of the future in a host
# whose tables end where those of 1.0 do.

use strict;
use warnings;
use v5.32;

use File::Path qw(make_path);
use Test::More;
use Winnow::Instance;

my $top = Winnow::Instance::source();
my $cc = $ENV{CC} // 'cc';
my @link = ('-shared', '-fPIC', '-fvisibility=hidden', '-Wl,-z,defs,-z,now');
my $w = Winnow::Instance->new(plugins => 'plugins',
    domains => { 'good.example' => { servers => '127.0.0.1:1' } });
my $plugins = "$w->{dir}/plugins";
mkdir $plugins, 0755;
$w->snippet('10-sample', <<'END');
[filter sample_filter]
action = sample_action
END
Winnow::Instance::spew("$w->{dir}/mail", <<'END' =~ s/\n/\r\n/gr);
From: a@b.example
X-Old: yes
Subject: a sample
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain

See https://www.example.com/x and call +1 212 555 0123.
--b
Content-Type: application/octet-stream

data
--b--
END

sub compile {
    my ($source, $name, @flags) = @_;
    unlink "$plugins/$name.so";
    my $said = qx($cc -std=c99 -Wall -Wextra -Wpedantic -Werror @link @flags -o $plugins/$name.so $source 2>&1);
    is($said, '', "$name compiles");
}

sub runs_as_before {
    my ($what) = @_;
    my ($exit, $text) = $w->ctl('explain', "$w->{dir}/mail", '--to', 'u@good.example',
        '--from', 'a@b.example', '--client', '192.0.2.7');
    like($text, qr/sample.*chmrHM from 192\.0\.2\.7 net 0 to good\.example tag 1 parts 3 urls 1 phones 1/s,
        "$what: its hooks ran and saw everything");
    like($text, qr/\| X-Sample: sample\n/, "$what: the action added a field");
    like($text, qr/\| Subject: \[SAMPLE\] a sample\n/, "$what: and marked the subject");
    unlike($text, qr/\| X-Old/, "$what: and took a field away");
}

for my $frozen (sort grep { -d "$_/winnow" } glob "$top/sdk/abi/*.*") {
    my ($version, $minor) = $frozen =~ m{/(\d+\.(\d+))$};
    for my $source (sort glob "$top/sdk/abi/*/sample_*.c") {
        my ($of, $name) = $source =~ m{/\d+\.(\d+)/(\w+)\.c$};
        compile($source, $name, "-I$frozen") if $of <= $minor;
    }
    runs_as_before("header of $version");
    my ($exit, $text) = $w->ctl('plugin', 'list');
    like($text, qr/^sample_filter .*ABI \Q$version\E/m, "header of $version: it is listed as such");
}

# The header as a later release could have it, made from today's.
sub future_header {
    my ($today) = ("$top/sdk/winnow/plugin.h");
    my $text = Winnow::Instance::slurp($today);
    my ($minor) = $text =~ /^#define WN_ABI_MINOR (\d+)/m;
    my $next = $minor + 1;
    my $since = sub {"#if WN_TARGET_MINOR >= $next\n$_[0]\n#endif\n"};
    my %added = (
        WnCallApi => 'int32_t (*later)(WnCall *call);',
        WnClient => 'WnStr country;',
        WnOption => 'const char *unit;',
        WnDataset => 'const char *note;',
        WnFilter => 'WnVerdict (*later)(void *self, WnCall *call);',
        WnFinding => 'const char *hint;',
        WnPlugin => 'const char *home;',
    );

    $text =~ s/^#define WN_ABI_MINOR $minor/#define WN_ABI_MINOR $next/m or die;
    for my $struct (sort keys %added) {
        $text =~ s/^(\} $struct;)/$since->($added{$struct}) . $1/me or die $struct;
    }
    $text =~ s/^(struct WnHost \{.*?)^\};/"typedef struct WnLaterApi { uint32_t struct_size, reserved; void (*go)(void); } WnLaterApi;\n$1" . $since->('const WnLaterApi *later;') . '};'/mse or die;
    make_path("$w->{dir}/future/winnow");
    Winnow::Instance::spew("$w->{dir}/future/winnow/plugin.h", $text);
    return $next;
}

my $next = future_header();
my $today = $next - 1;

# Today's layouts hold in it: it has only grown.
is(scalar qx($cc -std=gnu11 -fsyntax-only -I$w->{dir}/future -I$top $top/sdk/abi/layout.c 2>&1), '',
    'the header of the future keeps what is released');
for my $name (qw(sample_filter sample_action)) {
    compile("$top/sdk/abi/1.0/$name.c", $name, "-I$w->{dir}/future");
}
my ($exit, $text) = $w->ctl('plugin', 'list');
isnt($exit, 0, 'plugins of the future are refused');
like($text, qr/^$_ +refused: .*needs ABI 1\.$next, this host has 1\.$today/m, "$_: with both numbers")
    for qw(sample_filter sample_action);
($exit, $text) = $w->ctl('check');
like($text, qr{sample_filter\.so: needs ABI 1\.$next, .*conf\.d/10-sample\.conf:1: }s,
    'and the configuration that asks for them is not taken');

for my $name (qw(sample_filter sample_action)) {
    compile("$top/sdk/abi/1.0/$name.c", $name, "-I$w->{dir}/future", "-DWN_NEED_MINOR=$today");
}
runs_as_before('a plugin of the future that needs nothing new');
compile("$top/sdk/abi/1.0/$_.c", $_, "-I$w->{dir}/future", "-DWN_TARGET_MINOR=$today") for qw(sample_filter sample_action);
runs_as_before('a plugin made for older hosts');

# One that uses what is new where there is such a thing.
compile("$top/sdk/abi/future_filter.c", 'future_filter', "-I$w->{dir}/future", "-DWN_NEED_MINOR=$today");
$w->snippet('11-future', "[filter future_filter]\naction = sample_action\n");
($exit, $text) = $w->ctl('explain', "$w->{dir}/mail", '--to', 'u@good.example');
like($text, qr/host old call old client old options kept/, 'WN_HAS tells what the host has');

# A host whose structs end before a page that nobody may read.
my $shrunk = "$w->{dir}/shrunk";
is(scalar qx($cc -std=gnu11 -Wall -Wextra -Werror -I$top/sdk -o $shrunk $top/sdk/abi/shrunk.c -ldl 2>&1), '',
    'the shrunk host compiles');
$text = qx($shrunk $plugins/future_filter.so 2>&1);
is($?, 0, 'the plugin of the future survives it');
like($text, qr/host old call old client old options kept/, 'and says what it lacks');
done_testing;
