#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# A message goes in by SMTP and comes out at the domain's own server with nothing
# changed but the fields that winnow adds.

use strict;
use warnings;
use v5.32;

use Test::More;
use Winnow::Instance;

my $w = Winnow::Instance->new(
    filters => {
        '10-firewall' => "[filter firewall]\naction = reject\n",
        '30-phrase' => "[filter phrase]\naction = reject\nphrases = ../phrases.txt\n",
    },
    domains => {
        'good.example' => {},
        'other.example' => { servers => 'SINK:other' },
    },
);
Winnow::Instance::spew("$w->{dir}/phrases.txt", "nobody would ever write this sentence\n");
$w->start;

# The delivered message without what winnow put on top.
sub strip_trace {
    my ($message) = @_;
    $message =~ s/\AReceived: from .*?\r\n(?![ \t])//s or return undef;
    $message =~ s/\AX-Winnow-Id: \w+\r\n// or return undef;
    $message =~ s/\AX-Winnow-Client: \S+\r\n// or return undef;
    return $message;
}

my %message = (
    'plain' => "Subject: plain\r\n\r\nbody\r\n",
    '8-bit and NUL in the body' => "Subject: x\r\n\r\n\xff\xfe\0gr\xc3\xbc\xdfe\r\n",
    'dot lines' => "Subject: dots\r\n\r\n.\r\n..\r\n.x\r\n...y\r\n",
    'dot line in the header' => "Subject: dots\r\n.odd: x\r\n\r\n.\r\n",
    'folded header' => "Subject: a\r\n b\r\n\tc\r\nX-Long: " . 'y' x 900 . "\r\n\r\nz\r\n",
    'long line' => "Subject: long\r\n\r\n" . 'l' x 20000 . "\r\n",
    'large' => "Subject: large\r\n\r\n" . ("0123456789abcdef" x 4 . "\r\n") x 40000,
    'no body' => "Subject: none\r\n\r\n",
    'trailing white space' => "Subject: t  \r\n\r\na \t \r\n\r\n\r\n",
);

for my $name (sort keys %message) {
    my $smtp = $w->smtp;
    my $reply = $smtp->mail(from => 'a@sender.test', to => 'u@good.example',
        wire => Winnow::Smtp::stuff($message{$name}));
    like($reply, qr/^250 2\.0\.0 queued as [0-9A-Z]{16,26}$/, "$name: accepted");
    my ($id) = $reply =~ /queued as (\w+)/;
    my $found = Winnow::Instance::wait_for(sub {
        my ($one) = grep { $_->{message} =~ /^X-Winnow-Id: \Q$id\E\r$/m } $w->received;
        return $one;
    });
    ok($found, "$name: delivered");
    ok(defined $found && (strip_trace($found->{message}) // '') eq $message{$name},
        "$name: not a byte changed");
    is_deeply([ $found->{envelope}{sender}, @{ $found->{envelope}{recipients} } ],
        [ 'a@sender.test', 'u@good.example' ], "$name: envelope");
    $smtp->quit;
}

# Fields of our own that came in are removed; Received says who it was.
{
    my $smtp = $w->smtp(helo => 'liar.test');
    my $before = $w->n_received('other');
    $smtp->mail(from => '', to => 'Mixed.Case@OTHER.example', message =>
        "X-Winnow-Match: filter=none; forged\nx-winnow-id: 1\n folded\nFrom: a\n"
        . "X-WINNOW-Anything: y\nSubject: s\n\nbody\n");
    my @found = $w->wait_received($before + 1, 'other');
    my $text = $found[-1]{message};

    is(scalar(@found), $before + 1, 'other.example has its own server');
    unlike($text, qr/forged|folded|Anything/, 'forged fields are gone');
    like($text, qr/\r\nFrom: a\r\nSubject: s\r\n\r\nbody\r\n\z/, 'the rest stays');
    like($text, qr/\AReceived: from liar\.test \(unknown \[127\.0\.0\.1\]\)\r\n/,
        'Received holds the claimed name and the socket address');
    like($text, qr/by relay\.test \(winnow\) with ESMTP id \w+\r\n\tfor <Mixed\.Case\@OTHER\.example>;/,
        'Received holds host, protocol, id and the one recipient');
    is($found[-1]{envelope}{recipients}[0], 'Mixed.Case@OTHER.example',
        'the local part keeps its case');
    is($found[-1]{envelope}{sender}, '', 'the null sender stays null');
}

# Several recipients: none of them in Received, each delivered once.
{
    my $before = $w->n_received;
    my $smtp = $w->smtp;
    my $reply = $smtp->mail(from => 'a@sender.test',
        to => [ map {"u$_\@good.example"} 1 .. 5, 1 ], message => "Subject: m\n\nx\n");
    like($reply, qr/^250/, 'five recipients, one given twice');
    my @found = $w->wait_received($before + 1);
    my @to = sort map { @{ $_->{envelope}{recipients} } } @found[ $before .. $#found ];
    is_deeply(\@to, [ map {"u$_\@good.example"} 1 .. 5 ], 'each got it once');
    unlike($found[-1]{message}, qr/^\tfor </m, 'Received names no recipient');
}

like($w->smtp->mail(from => 'a@sender.test', to => 'u@unknown.example', message => "x\n"),
    qr/^550 5\.7\.1 .*[Rr]elaying denied/, 'other domains are not relayed');

# A loop: a message that has been here three times.
{
    my $hop = "Received: from x (unknown [1.2.3.4])\n\tby relay.test (winnow) with ESMTP id 0;\n\tMon\n";
    like($w->smtp->mail(from => 'a@b.test', to => 'u@good.example',
        message => $hop x 3 . "Subject: l\n\nx\n"), qr/^554 5\.4\.6/, 'own loop refused');
    like($w->smtp->mail(from => 'a@b.test', to => 'u@good.example',
        message => "Received: x\n" x 101 . "Subject: l\n\nx\n"), qr/^554 5\.4\.6/,
        '101 hops refused');
}

ok($w->wait_drained, 'nothing is left in the queue');
is($w->stop, 0, 'stops cleanly');
my @segments = glob "$w->{dir}/spool/*.seg";
is(scalar @segments, 0, 'no segment is left');
done_testing;
