#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# What a domain's servers are known not to take is refused at RCPT: winnow-queue
# learns it when it greets them, every winnow-smtp acts upon it.

use strict;
use warnings;
use v5.32;

use Test::More;
use Winnow::EvilSink;
use Winnow::Instance;

my $dir = File::Temp->newdir('winnow-limits-XXXXXX', TMPDIR => 1);
my $sinks = Winnow::EvilSink->many(dir => "$dir", scripts => {
    small => "ehlo: offer PIPELINING, 8BITMIME, SIZE 2000\n",
    large => "ehlo: offer PIPELINING, 8BITMIME, SIZE 9000, SMTPUTF8\n",
    plain => "ehlo: offer PIPELINING\n",
    later => "ehlo conn=1: offer SIZE 2000\nehlo: offer SMTPUTF8\n",
});
my %place = map { $_ => '127.0.0.1:' . $sinks->{$_}->port } keys %$sinks;
my $w = Winnow::Instance->new(workers => 2, domains => {
    'small.example' => { servers => $place{small} },
    'twin.example' => { servers => $place{small} },
    'both.example' => { servers => "$place{small}; $place{large}", delivery => 'even' },
    'plain.example' => { servers => $place{plain} },
    'later.example' => { servers => $place{later} },
});
$w->start;

sub rcpt {
    my ($domain, $options) = @_;
    my $smtp = $w->smtp;
    my $mail = $smtp->cmd("MAIL FROM:<a\@b.example>$options");
    like($mail, qr/^250/, "MAIL$options");
    my $local = $options =~ /SMTPUTF8/ ? "\xc3\xbc" : 'u';
    my $reply = $smtp->cmd("RCPT TO:<$local\@$domain>");
    $smtp->quit;
    return $reply;
}
sub deliver {
    my ($domain, $sink, $n) = @_;
    like($w->smtp->mail(from => 'a@b.example', to => "u\@$domain", message => "Subject: x\n\nx\n"),
        qr/^250/, "a message for $domain");
    ok(Winnow::Instance::wait_for(sub { @{[ $sinks->{$sink}->messages ]} >= $n }), "... is delivered to $sink");
}

# Before anybody has met the servers nothing is known.
like(rcpt('small.example', ' SIZE=3000'), qr/^250/, 'nothing is known yet');
like(rcpt('small.example', ' SMTPUTF8'), qr/^250/, 'nor of SMTPUTF8');
deliver('small.example', small => 1);

# All processes know.
for my $n (1 .. 6) {
    like(rcpt('small.example', ' SIZE=2001'), qr/^552 5\.3\.4 /, "too large for the server, $n");
    like(rcpt('small.example', ' SMTPUTF8'), qr/^550 5\.6\.7 /, "SMTPUTF8, $n");
}
like(rcpt('small.example', ' SIZE=2000'), qr/^250/, 'just fits');
like(rcpt('small.example', ''), qr/^250/, 'nothing declared');
like(rcpt('twin.example', ' SIZE=2001'), qr/^552 5\.3\.4 /, 'another domain with this server');

# A recipient of another domain in the same transaction is not concerned.
{
    my $smtp = $w->smtp;
    $smtp->cmd('MAIL FROM:<a@b.example> SIZE=5000');
    like($smtp->cmd('RCPT TO:<u@small.example>'), qr/^552/, 'refused for one');
    like($smtp->cmd('RCPT TO:<u@plain.example>'), qr/^250/, 'taken for another');
    $smtp->quit;
}

# Two servers, one of which may take more: nothing is refused until both have
# been met, and then what both refuse.
like(rcpt('both.example', ' SIZE=9001'), qr/^250/, 'one of two servers is not known');
deliver('both.example', $_->[0] => $_->[1]) for [ small => 1 ];
Winnow::Instance::wait_for(sub {
    return 1 if @{[ $sinks->{large}->messages ]};
    $w->smtp->mail(from => 'a@b.example', to => 'u@both.example', message => "x\n");
    select undef, undef, undef, 0.2;
    return 0;
});
like(rcpt('both.example', ' SIZE=9001'), qr/^552 5\.3\.4 /, 'too large for both');
like(rcpt('both.example', ' SIZE=8000'), qr/^250/, 'the larger limit counts');
like(rcpt('both.example', ' SMTPUTF8'), qr/^250/, 'one takes SMTPUTF8');

# What one of them takes is brought there, whichever is asked first.
{
    my $before = () = $sinks->{large}->messages;
    my $body = "Subject: large\n\n" . ('x' x 70 . "\n") x 60;

    for (1 .. 6) {
        like($w->smtp->mail(from => 'a@b.example', to => 'u@both.example', message => $body),
            qr/^250/, "too large for one server, $_");
    }
    ok(Winnow::Instance::wait_for(sub { @{[ $sinks->{large}->messages ]} >= $before + 6 }),
        '... is delivered to the other');
    is(scalar(grep { $_->{recipient} eq 'u@both.example' } $w->events('bounced'), $w->events('deferred')), 0,
        '... at once');
}

# Who has not told the size hears of it at the end.
{
    my $body = "Subject: x\n\n" . ('x' x 70 . "\n") x 40;

    like($w->smtp->mail(from => 'a@b.example', to => 'u@small.example', message => $body),
        qr/^552 5\.3\.4 /, 'too large for the server, without SIZE');
    my $smtp = $w->smtp;
    $smtp->cmd('MAIL FROM:<>');
    like($smtp->cmd('RCPT TO:<u@plain.example>'), qr/^250/, 'a server of unknown limits');
    like($smtp->cmd('RCPT TO:<u@small.example>'), qr/^250/, 'one that takes less, without SIZE');
    $smtp->cmd('DATA');
    $smtp->send_raw($body =~ s/\n/\r\n/gr . ".\r\n");
    like($smtp->reply, qr/^250/, 'what is too large for one of two is taken');
    ok(Winnow::Instance::wait_for(sub {
        grep { $_->{recipient} eq 'u@small.example' } $w->events('bounced')
    }), '... and returned for that one');
    $smtp->quit;
}

# No limit told.
deliver('plain.example', plain => 1);
like(rcpt('plain.example', ' SIZE=1000000'), qr/^250/, 'a server without SIZE');
like(rcpt('plain.example', ' SMTPUTF8'), qr/^550 5\.6\.7 /, 'a server without SMTPUTF8');

# A server that has changed its mind is believed.
deliver('later.example', later => 1);
like(rcpt('later.example', ' SMTPUTF8 SIZE=3000'), qr/^552/, 'before');
sleep 6;    # idle connections are closed
deliver('later.example', later => 2);
like(rcpt('later.example', ' SMTPUTF8 SIZE=3000'), qr/^250/, 'after its upgrade');

# Of other servers nothing is known.
$w->domain('small.example', { servers => $place{large} });
my ($exit) = $w->ctl('reload');
is($exit, 0, 'the domain moves to another server');
like(rcpt('small.example', ' SIZE=2001 SMTPUTF8'), qr/^250/, 'what was known was of the former');
like(rcpt('twin.example', ' SIZE=2001'), qr/^552/, 'who has stayed is refused still, after a reload');

ok($w->wait_drained, 'drained');
is($w->stop, 0, 'stops cleanly');
done_testing;
