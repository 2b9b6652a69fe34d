#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# The tools that other tests rely on do what their scripts say: the evil sink
# and the TCP fault proxy.

use strict;
use warnings;
use v5.32;

use File::Temp;
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(time);
use Winnow::EvilSink;
use Winnow::FaultProxy;
use Winnow::Instance;
use Winnow::Smtp;

my $folder = File::Temp->newdir('winnow-tools-XXXXXX', TMPDIR => 1);

sub transaction {
    my ($port, @to) = @_;
    my $smtp = Winnow::Smtp->new(port => $port, timeout => 5) or return 'no connection';
    return $smtp->mail(from => 'a@x.example', to => [ @to ? @to : 'u@y.example' ], message => ".dot\nbody\n");
}

# Scripts that make no sense are refused.
for my $bad ('dot 250', 'nowhere: drop', 'rcpt too=/x/: drop', 'dot: explode') {
    ok(!eval { Winnow::EvilSink->new(dir => "$folder/bad", script => $bad); 1 }, "refused: $bad");
}

my $good = Winnow::EvilSink->new(dir => "$folder/good");
is(transaction($good->port), '250 2.0.0 taken', 'without a script it takes mail');
Winnow::Instance::wait_for(sub { my @all = $good->messages }, 5);
my ($kept) = $good->messages;
is($kept->{from}, 'a@x.example', 'and keeps the sender');
is($kept->{to}[0]{address}, 'u@y.example', 'the recipient');
is($kept->{data}, ".dot\r\nbody\r\n", 'and the message');
like($good->transcript, qr/^[\d.]+ 1 < MAIL FROM:<a\@x\.example>$/m, 'the transcript shows commands');

my $sinks = Winnow::EvilSink->many(dir => "$folder/many", scripts => {
    rcpt => "rcpt to=/^bad/: 550 5.1.1 no\nrcpt nth=3: 452 4.5.3 many",
    conn => "banner conn=1: 421 4.3.2 busy; drop",
    msg => "mail msg=2: 451 4.3.0 later",
    multi => 'dot: 250 one|two|three',
    kept => 'dot: keep; drop',
    lost => 'dot: 250 2.0.0 of course; lose',
    said => 'dot: 250 2.0.0 taken; drop',
    raw => 'dot: raw 250 caf\xe9\r\n',
    drip => 'dot: drip 20; 250 0123456789',
    offer => 'ehlo: offer SIZE 5',
    body => 'body bytes=3: 552 5.3.4 too much; drop',
    flood => 'mail: flood 250-on\r\n',
    hang => 'data: hang',
});
my $port = sub { $sinks->{ $_[0] }->port };
my $smtp = Winnow::Smtp->new(port => $port->('rcpt'));
$smtp->mail(from => 'a@x.example', to => [ 'bad@y', 'good@y', 'more@y' ], message => "x\n");
is_deeply($smtp->{rcpt}, [ '550 5.1.1 no', '250 2.1.5 ok', '452 4.5.3 many' ], 'to= and nth=');
$smtp = Winnow::Smtp->new(port => $port->('conn'));
is($smtp->{banner}, '421 4.3.2 busy', 'conn=1');
is(transaction($port->('conn')), '250 2.0.0 taken', 'and not the next connection');
$smtp = Winnow::Smtp->new(port => $port->('msg'));
is($smtp->mail(from => 'a@x', to => 'u@y', message => "x\n"), '250 2.0.0 taken', 'the first transaction');
is($smtp->mail(from => 'a@x', to => 'u@y', message => "x\n"), '451 4.3.0 later', 'msg=2');
is(transaction($port->('multi')), "250-one\n250-two\n250 three", 'a reply of several lines');
is(transaction($port->('kept')) // '', '', 'no answer');
is(transaction($port->('lost')), '250 2.0.0 of course', 'a lie');
is(transaction($port->('said')), '250 2.0.0 taken', 'an answer, then the end');
is(transaction($port->('raw')), "250 caf\xe9", 'raw bytes');
# A message is kept after its reply has been sent.
my %kept = (kept => 1, lost => 0, said => 1, raw => 1);
for my $name (sort keys %kept) {
    ok(Winnow::Instance::wait_for(sub { $kept{$name} == (my @all = $sinks->{$name}->messages) }, 5),
        "$name: $kept{$name} messages kept");
}
my $began = time;
is(transaction($port->('drip')), '250 0123456789', 'drip');
cmp_ok(time - $began, '>', 0.3, 'takes its time');
like(Winnow::Smtp->new(port => $port->('offer'))->{ehlo}, qr/^250-\S+\n250 SIZE 5$/, 'offer');
is(transaction($port->('body')), '552 5.3.4 too much', 'body');
$smtp = Winnow::Smtp->new(port => $port->('flood'));
$smtp->send_raw("MAIL FROM:<a\@x>\r\n");
my $end = time + 10;
while (length $smtp->{buffer} < 200000 && $smtp->fill($end)) { }
cmp_ok(length $smtp->{buffer}, '>=', 200000, 'a flood has no end');
$smtp = Winnow::Smtp->new(port => $port->('hang'));
$smtp->cmd($_) for 'MAIL FROM:<a@x>', 'RCPT TO:<b@y>';
is($smtp->cmd('DATA', 0.5), undef, 'hang');
like($sinks->{hang}->transcript, qr/ # line 1 at data$/m, 'the transcript shows what was followed');

# Nobody is left when the sinks are forgotten.
my $hang = $port->('hang');
$sinks = undef;
ok($smtp->is_closed(5), 'a session that hangs ends with its sink');
ok(!IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $hang), 'and nobody listens');

# Nor when the test is killed.
pipe my $from, my $into;
my $doomed = fork // die;
if ($doomed == 0) {
    my $sink = Winnow::EvilSink->new(dir => "$folder/doomed");
    syswrite $into, $sink->port . "\n";
    sleep 60;
}
my $orphan = <$from> + 0;
kill KILL => $doomed;
waitpid $doomed, 0;
ok(Winnow::Instance::wait_for(sub { !IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $orphan) }, 10),
    'a sink whose test was killed ends');

my $proxy = Winnow::FaultProxy->new(to => $good->address);
my $through = sub { $proxy->set($_[0]); return transaction($proxy->port) // 'nothing' };
is($through->(''), '250 2.0.0 taken', 'the proxy passes everything');
is($through->('refuse'), '', 'refuse');
is($through->('up=60 drop'), '', 'drop');
is($through->('up=60 reset'), '', 'reset');
$began = time;
is($through->('delay=30'), '250 2.0.0 taken', 'delay');
cmp_ok(time - $began, '>', 0.2, 'is later');
is($through->('piece=1'), '250 2.0.0 taken', 'in single bytes');
is($through->('up=60 deaf'), 'nothing', 'deaf');
done_testing;
