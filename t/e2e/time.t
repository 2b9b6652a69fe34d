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
use Winnow::EvilSink;
use Winnow::Instance;
use Winnow::Load;

my ($library) = grep { -e } glob '/usr/lib/*/faketime/libfaketime.so.1 /usr/lib/faketime/libfaketime.so.1 /usr/local/lib/faketime/libfaketime.so.1';
plan skip_all => 'libfaketime is not installed' if !$library;

my $dead = Winnow::Instance::free_port();
my $folder = File::Temp->newdir('winnow-clock-XXXXXX', TMPDIR => 1);
my %evil = (
    slow => Winnow::EvilSink->new(dir => "$folder/slow", script => 'dot: pause 300; 250 2.0.0 taken'),
    moody => Winnow::EvilSink->new(dir => "$folder/moody", script => 'rcpt chance=35: 450 4.2.1 later'),
);
my $w = Winnow::Instance->new(
    retry => '2s',
    server => 'sandbox = off',    # libfaketime shares memory through a file
    domains => {
        'dead.example' => { servers => "127.0.0.1:$dead" },
        'dead2.example' => { servers => "127.0.0.1:$dead", queue_lifetime => '10d' },
        'sender.example' => {},
        'good.example' => { servers => 'SINK:good' },
        map({ ("$_.example" => { servers => $evil{$_}->address }) } keys %evil),
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

# The clock jumps by an hour, either way, while mail is under way: some of it to
# a server that takes its time, some to one that refuses every other message for
# the moment, all of it through clients that do not stop for that.  Nothing
# sticks, nothing is lost, nothing comes twice.
my $load = Winnow::Load->start(port => $w->{port}, clients => 3, pause => 0.01, size => 500,
    ledger => "$w->{dir}/ledger", to => [ map {"u\@$_.example"} qw(good slow moody) ]);
my $n_jumps = 0;
my $answered = sub { return scalar map { /^ACK/mg } map { Winnow::Instance::slurp($_) // '' } glob "$w->{dir}/ledger.*" };
for my $to ('+145h', '+6d', '+143h', '+6d', '+145h', '+143h', '+6d') {
    my $before = $answered->();
    jump($to);
    $n_jumps++;
    ok(Winnow::Instance::wait_for(sub { $answered->() >= $before + 30 }, 20), "the clock jumps to $to: mail is taken");
    sleep 0.5;
}
my $ledger = $load->stop;
my @acked = @{ $ledger->{ACK} // [] };
is(scalar(map { @{ $ledger->{$_} // [] } } qw(NAK DOUBT BROKEN REFUSED)), 0, scalar(@acked) . " messages over $n_jumps jumps of an hour");
my $delivered = sub {
    my $arrived = Winnow::Load::arrived($w, 'good');
    for my $sink (values %evil) {
        for ($sink->messages) { $arrived->{$1}++ if $_->{data} =~ /^X-Test-Id: (\S+)\r$/m }
    }
    return $arrived;
};
ok(Winnow::Instance::wait_for(sub { my $arrived = $delivered->(); !grep { !$arrived->{$_} } @acked }, 20),
    'all are delivered') or diag(($w->ctl('queue', 'list'))[1]);
my $arrived = $delivered->();
is(scalar(grep { $arrived->{$_} != 1 } keys %$arrived), 0, 'each once');
my @waited = grep { $_->{attempts} > 1 } $w->events('delivered');
cmp_ok(scalar @waited, '>', 10, scalar(@waited) . ' of them not at the first attempt');
is(scalar(reports('failed')), 1, 'none of it expired');
is(scalar(reports('delayed')), 2, 'or was called late');

# What waits while the clock jumps back still goes when its server is there.
jump('+143h');
$w->{sinks}{late} = { port => $dead, dir => "$w->{dir}/sink-late" };
$w->start_sink('late');
ok(Winnow::Instance::wait_for(sub { $w->n_received('late') == 1 }, 60), 'and what waited comes');
ok($w->wait_drained, 'the queue is empty');
is($w->stop, 0, 'stops');
done_testing;
