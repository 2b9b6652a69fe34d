#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# winnowd after a winnowd that was killed: its programs end with it, a port that
# is theirs for a moment longer is waited for, and one that stays taken is told.

use strict;
use warnings;
use v5.32;

use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(sleep time);
use Winnow::Instance;

my $w = Winnow::Instance->new(workers => 2, domains => { 'good.example' => {} });
$w->start;

# One that has ended and that nobody has asked about yet is none.
sub alive {
    return grep { (Winnow::Instance::slurp("/proc/$_/stat") // 'Z') !~ /^(?:\d+ \(.*\) )?[ZX]/ } @_;
}

# At once, again and again, with sessions open.
for my $n (1 .. 6) {
    my @children = map {@$_} values %{ $w->children };
    my @open = map { $w->smtp } 1 .. 3;

    ok(@children >= 4, "$n: " . scalar(@children) . ' programs');
    $w->kill_hard;
    $w->{read_to} = -s $w->{log};
    $w->{events} = [];
    ok(eval { $w->start }, "$n: starts again at once") or diag($@);
    like($w->smtp->mail(from => 'a@b.example', to => 'u@good.example', message => "x\n"), qr/^250/,
        "$n: takes mail");
    is(scalar(alive(@children)), 0, "$n: nothing is left of the one that was killed");
}

# Programs that were stopped in the middle do not outlive it either.
{
    my @children = map {@$_} values %{ $w->children };
    kill STOP => @children;
    $w->kill_hard;
    ok(Winnow::Instance::wait_for(sub { !alive(@children) }, 10), 'stopped programs end, too');
}

# A port that is free in a moment.
my $holder = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1', LocalPort => $w->{port}, ReuseAddr => 1)
    or die "port: $!";
$w->{read_to} = -s $w->{log};
$w->{events} = [];
$w->start(no_wait => 1);
ok($w->wait_event('log', sub { $_[0]{message} =~ /127\.0\.0\.1:$w->{port}: .*waiting/ }), 'it says that it waits');
my ($exit, $text) = $w->ctl('status');
isnt($exit, 2, 'it answers meanwhile');
sleep 1;
close $holder;
ok($w->wait_ready, 'starts when the port is free');
like($w->smtp->mail(from => 'a@b.example', to => 'u@good.example', message => "x\n"), qr/^250/, 'and serves');
is($w->stop, 0, 'stops cleanly');

# Stopped while it waits.
$holder = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1', LocalPort => $w->{port}, ReuseAddr => 1)
    or die "port: $!";
$w->{read_to} = -s $w->{log};
$w->{events} = [];
$w->start(no_wait => 1);
ok($w->wait_event('log', sub { $_[0]{message} =~ /waiting/ }), 'waits again');
my $began = time;
is($w->stop, 0, 'stops while it waits');
cmp_ok(time - $began, '<', 5, '... at once');

# One that stays taken.
$w->start(no_wait => 1);
$began = time;
my $pid = delete $w->{winnowd};
waitpid $pid, 0;
delete $w->{pids}{$pid};
isnt($? >> 8, 0, 'a port that stays taken: it gives up');
cmp_ok(time - $began, '<', 40, sprintf '... after %.0f s', time - $began);
like(Winnow::Instance::slurp($w->{log}), qr/\[server\] listen: 127\.0\.0\.1:$w->{port}: Address already in use/,
    'and says why');
close $holder;
$w->start;
ok($w->wait_drained, 'drained');
is($w->stop, 0, 'stops cleanly');
done_testing;
