#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# Days pass, and clocks jump: libfaketime moves the calendar time of all of
# winnow while the test looks on.  The monotonic clock stays what it is.

use strict;
use warnings;
use v5.32;

use POSIX ();
use Test::More;
use Time::HiRes qw(sleep);
use Winnow::Instance;

my ($library) = grep { -e } glob '/usr/lib/*/faketime/libfaketime.so.1 /usr/lib/faketime/libfaketime.so.1 /usr/local/lib/faketime/libfaketime.so.1';
plan skip_all => 'libfaketime is not installed' if !$library;

my $dead = Winnow::Instance::free_port();
my $w = Winnow::Instance->new(
    retry => '2s',
    server => 'sandbox = off',    # libfaketime shares memory through a file
    domains => {
        'dead.example' => { servers => "127.0.0.1:$dead" },
        'dead2.example' => { servers => "127.0.0.1:$dead", queue_lifetime => '10d' },
        'sender.example' => {},
        'good.example' => { servers => 'SINK:good' },
    },
);
my $offset = "$w->{dir}/offset";
sub jump { Winnow::Instance::spew("$offset.new", "$_[0]\n"); rename "$offset.new", $offset; }

# winnowd gives its children an environment of their own: without the library
# in all of them nothing can be said.
sub start {
    $w->start(wrap => [ 'env', "LD_PRELOAD=$library", "FAKETIME_TIMESTAMP_FILE=$offset",
        'FAKETIME_NO_CACHE=1', 'FAKETIME_DONT_FAKE_MONOTONIC=1', 'DONT_FAKE_MONOTONIC=1' ]);
}
jump('+0');
start();
for my $pids (values %{ $w->children }) {
    my $maps = Winnow::Instance::slurp("/proc/$pids->[0]/maps") // '';
    plan skip_all => 'the library is not taken over by all programs' if $maps !~ /libfaketime/;
}

sub mail {
    my ($to, $n) = @_;
    my ($id, $smtp) = (undef, $w->smtp);
    for (1 .. $n // 1) {
        ($id) = $smtp->mail(from => 'author@sender.example', to => $to, message => "Subject: x\n\nx\n") =~ /queued as (\w+)/;
    }
    return $id;
}
sub reports { my ($action) = @_; return grep { $_->{message} =~ /^Action: \Q$action\E\r$/m } $w->received }

my $id = mail('u@dead.example');
my $other = mail('u@dead2.example');
for my $waiting ($id, $other) {
    ok($w->wait_event('deferred', sub { $_[0]{id} eq $waiting }), 'it waits');
}
is($w->n_received, 0, 'nothing is said yet');

# Four hours and a bit: one notice for each, once.
jump('+5h');
ok(Winnow::Instance::wait_for(sub { reports('delayed') == 2 }, 40), 'after four hours a notice for each');
sleep 5;
is(scalar(reports('delayed')), 2, 'and no second one');
is(scalar(reports('failed')), 0, 'nothing has failed');

# Six days: the lifetime of five is over, once; ten are not.
jump('+6d');
ok($w->wait_event('expired', sub { $_[0]{id} eq $id }, 40), 'after six days the message expires');
ok(Winnow::Instance::wait_for(sub { reports('failed') == 1 }, 20), 'and is returned');
sleep 5;
is(scalar(reports('failed')), 1, 'once');
is((scalar grep { $_->{id} eq $other } $w->events('expired')), 0, 'that of the domain which wants ten days is not');
is($w->stop, 0, 'a restart');
$w->{read_to} = 0; $w->{events} = []; unlink $w->{log};
start();
sleep 4;
is(scalar(reports('failed')), 1, 'brings no second report');
is(scalar(reports('delayed')), 2, 'and no second notice');

# The clock jumps by an hour, either way, under load: nothing sticks.
my ($n, $jumps) = (0, 0);
for my $to ('+6d', '+145h', '+6d', '+143h', '+6d') {
    jump($to);
    mail("u$_\@good.example", 5) for 1 .. 4;
    $n += 20;
    $jumps++;
}
my $good = sub { $w->n_received('good') == $n };
ok(Winnow::Instance::wait_for($good, 30), "$n messages over $jumps jumps of an hour");

# What waits while the clock jumps back still goes when its server is there.
jump('+143h');
$w->{sinks}{late} = { port => $dead, dir => "$w->{dir}/sink-late" };
$w->start_sink('late');
ok(Winnow::Instance::wait_for(sub { $w->n_received('late') == 1 }, 60), 'and what waited comes');
ok($w->wait_drained, 'the queue is empty');
is($w->stop, 0, 'stops');
done_testing;
