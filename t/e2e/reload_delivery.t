#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# A reload while a server takes longer for its reply to a message than a process
# is given to end: it gets no second copy, other mail flows, and the new
# configuration holds for what comes after.

use strict;
use warnings;
use v5.32;

use Test::More;
use Time::HiRes qw(time);
use Winnow::EvilSink;
use Winnow::Instance;

my $dir = File::Temp->newdir('reload-XXXXXX', TMPDIR => 1);
my $slow = Winnow::EvilSink->new(dir => "$dir/slow", script => 'dot conn=1: keep; pause 20000; 250 ok');
my $w = Winnow::Instance->new(workers => 1, retry => '5s', dns_port => Winnow::Instance::free_port(), domains => {
    'slow.example' => { servers => $slow->address },
    'good.example' => {},
    'dead.example' => { servers => '127.0.0.1:9' },
});

sub mail {
    my ($to) = @_;
    my $reply = $w->smtp->mail(from => 's@a.example', to => $to, message => "Subject: x\n\nx\n");
    return $reply =~ /queued as (\w+)/ ? $1 : die $reply;
}
$w->start;
my ($queue) = @{ $w->children->{'winnow-queue'} };
my $id = mail('u@slow.example');
ok(Winnow::Instance::wait_for(sub { $slow->messages == 1 }), 'the server has the message, not yet answered');

my $began = time;
my ($exit, $text) = $w->ctl('reload');
is($exit, 0, 'reload') or diag($text);
cmp_ok(time - $began, '<', 8, 'it does not wait for the delivery');
for my $n (1 .. 3) {
    mail('u@good.example');
    ok($w->wait_received($n), 'other mail flows');
}
cmp_ok(time - $began, '<', 12, 'without a pause');
is($w->children->{'winnow-queue'}[0], $queue, 'winnow-queue has stayed');

# The new configuration holds.
$w->{option}{retry} = '2h';
$w->write_config;
is(($w->ctl('reload'))[0], 0, 'reload');
my $dead = mail('u@dead.example');
ok($w->wait_event('deferred', sub { $_[0]{id} eq $dead }), 'deferred');
my ($row) = Winnow::Instance::json_lines(($w->ctl('queue', 'show', $dead, '--json'))[1]);
my ($hour) = $row->{recipients}[0]{next_attempt} =~ /T(\d\d):/;
isnt($hour, (gmtime)[2], 'for two hours, as the new configuration says');

# Started again it begins with that, too.
kill KILL => $queue;
ok(Winnow::Instance::wait_for(sub { my $now = $w->children->{'winnow-queue'}[0]; $now && $now != $queue }),
    'killed, it is started again');
my $again = mail('u@dead.example');
ok($w->wait_event('deferred', sub { $_[0]{id} eq $again }), 'and delivers');
is($w->stop, 0, 'stops');
done_testing;
