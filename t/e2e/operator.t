#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# What an unlucky operator does: each trouble is named in the log, with its
# cause, and mail is put off rather than let through or lost.

use strict;
use warnings;
use v5.32;

use Test::More;
use Winnow::Instance;

# A plugin that brings its process down over each message.
my $modules = Winnow::Instance::build() . '/plugins/modules';
my $w = Winnow::Instance->new(
    workers => 1,
    plugins => 'plugins',
    domains => { 'careful.example' => { filters => 'dying-careful' },
        'easy.example' => { filters => 'dying-easy' } },
);
my $dir = $w->{dir};
mkdir "$dir/plugins", 0755;
system('cp', glob("$modules/*.so"), "$dir/plugins") == 0 or die;
Winnow::Instance::spew("$dir/dying.c", <<'END');
#include <winnow/plugin.h>
#include <stdlib.h>
static WnVerdict m(void *s, WnCall *c) { (void)s; (void)c; _Exit(3); }
static int32_t n(const WnHost *h, const WnSettings *s, void **o, WnError *e)
{ (void)h; (void)s; (void)e; *o = 0; return 0; }
static const WnFilter filter = { .struct_size = sizeof(WnFilter), .message = m };
static const WnPlugin plugin = { WN_PLUGIN_HEAD, .name = "dying", .version = "1", .summary = "s",
    .author = "a", .license = "MIT", .instance_new = n, .filter = &filter };
WN_PLUGIN(dying, &plugin)
END
is(system($ENV{CC} // 'cc', '-shared', '-fPIC', '-I', Winnow::Instance::source() . '/sdk',
    '-o', "$dir/plugins/dying.so", "$dir/dying.c"), 0, 'a plugin that dies');
$w->snippet("10-$_->[0]", "[filter dying-$_->[0]]\nplugin = dying\naction = reject\non_error = $_->[1]\n")
    for [ careful => 'tempfail' ], [ easy => 'skip' ];
$w->start;

for my $case ([ careful => qr/^451/ ], [ easy => qr/^250/ ]) {
    my ($name, $wanted) = @$case;
    my %mail = (from => 'a@b.example', to => "u\@$name.example");
    my $off = sub { $_[0]{filter} eq "dying-$name" && $_[0]{switched_off} };

    # Each with content of its own: over the same it would run twice only.
    for my $n (1 .. 5) {
        like($w->smtp->mail(%mail, message => "Subject: x\n\n$n\n"), $wanted, "$name: message $n goes by on_error");
    }
    ok($w->wait_event('plugin_fault', $off, 1), "$name: the filter is switched off");
    like($w->smtp->mail(%mail, message => "Subject: x\n\nx\n"), $wanted, "$name: goes by on_error when the filter is switched off");
}
ok(!grep({ ($_->{again_in_ms} // 0) > 100 } $w->events('process_ended')),
    'a filter to blame is no reason to wait longer each time');

# Two winnowds and one spool.
my $second = Winnow::Instance->new(domains => { 'good.example' => {} });
my $config = Winnow::Instance::slurp("$second->{dir}/winnow.conf");
$config =~ s/^spool = .*/spool = $dir\/spool/m;
Winnow::Instance::spew("$second->{dir}/winnow.conf", $config);
$second->start(no_wait => 1);
ok($second->wait_event('log', sub { $_[0]{message} =~ /another winnow-queue works on spool/ }, 30),
    'the second winnowd on a spool says what it waits for');
is(scalar $second->events('ready'), 0, 'and does not serve');
$second->stop;

# Files that are not there.
$config = Winnow::Instance::slurp("$dir/winnow.conf");
for my $case (
    [ "tls_certificate = no.pem\ntls_key = no.pem\n",
        qr/winnow\.conf:\d+: \[server\] tls_certificate: \S+no\.pem: No such file or directory/ ],
    [ "plugins = nowhere\n", qr/winnow\.conf:\d+: \[server\] plugins: .*nowhere.*No such file or directory/ ]) {
    my ($lines, $wanted) = @$case;
    my $changed = $config;

    $changed =~ s/^plugins = .*\n//m if $lines =~ /^plugins/;
    $changed =~ s/^\[server\]\n/[server]\n$lines/m;
    Winnow::Instance::spew("$dir/winnow.conf", $changed);
    my ($exit, $text) = $w->ctl('check');
    is($exit, 1, 'check refuses a missing file');
    like($text, $wanted, 'and names it');
}
Winnow::Instance::spew("$dir/winnow.conf", $config);
is($w->stop, 0, 'stops cleanly');
done_testing;
