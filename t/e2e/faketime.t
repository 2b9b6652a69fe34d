#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# Days pass between two runs of the relay: one notice that a message is late,
# one that it was given up, and none twice.

use strict;
use warnings;
use v5.32;

use Test::More;
use Winnow::EvilSink;
use Winnow::Instance;

plan skip_all => 'no faketime (Debian: faketime)' unless grep { -x "$_/faketime" } split /:/, $ENV{PATH};
# Timers run by the monotonic clock, which is as it is.
$ENV{FAKETIME_DONT_FAKE_MONOTONIC} = $ENV{DONT_FAKE_MONOTONIC} = 1;
$ENV{FAKETIME_NO_CACHE} = 0;

my $folder = File::Temp->newdir('winnow-time-XXXXXX', TMPDIR => 1);
my $busy = Winnow::EvilSink->new(dir => "$folder/busy", script => 'rcpt: 450 4.2.1 try later');
my $sender = Winnow::EvilSink->new(dir => "$folder/sender", script => '');
my $w = Winnow::Instance->new(domains => {
    'busy.example'   => { servers => $busy->address },
    'sender.example' => { servers => $sender->address },
});

# Actions of the reports that have come, in their order.
sub told {
    return join ' ', map { $_->{data} =~ /^Action: (\w+)/m ? $1 : '?' } sort { $a->{time} <=> $b->{time} } $sender->messages;
}

sub attempts { return scalar(() = $busy->transcript =~ /< RCPT/g) }

# Runs the relay so much later until the message has been tried again.
sub run_later {
    my ($offset) = @_;
    my $before = attempts();

    $w->{read_to} = 0;
    $w->{events} = [];
    unlink $w->{log};
    $w->start(wrap => [ 'faketime', '-f', $offset ]);
    my $tried = Winnow::Instance::wait_for(sub { attempts() > $before }, 60);
    sleep 3;
    is($w->stop, 0, "$offset: stops");
    return $tried;
}

$w->start;
my $reply = $w->smtp->mail(from => 'a@sender.example', to => 'u@busy.example', message => "Subject: x\n\nbody\n");
like($reply, qr/^250/, 'accepted');
ok(Winnow::Instance::wait_for(sub { attempts() >= 2 }), 'tried');
is($w->stop, 0, 'stops');
is(told(), '', 'nothing to tell yet');
ok(run_later('+5h'), 'five hours later it is tried');
is(told(), 'delayed', 'and its sender told once, however often it was tried');
ok(run_later('+3d'), 'three days later it is tried');
is(told(), 'delayed', 'and nothing told again');
ok(run_later('-1d'), 'with a clock a day slow it is tried');
ok(run_later('+6d'), 'after six days it is tried for the last time');
is(told(), 'delayed failed', 'and given up with one report');
my ($exit, $left) = (0, scalar(my @files = glob "$w->{dir}/spool/*.seg"));
is($left, 0, 'nothing is left in the spool');
done_testing;
