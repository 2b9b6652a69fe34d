#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# The SDK's example "greylist" with real mail, over several processes.

use strict;
use warnings;
use v5.32;

use Test::More;
use Time::HiRes qw(sleep);
use Winnow::Examples;

my $w = Winnow::Examples::instance(
    plugins => ['greylist'],
    workers => 3,
    filters => { '25-greylist' => "[filter greylist]\naction = reject\ndelay = 1s\nallow_after = 2\n" },
    domains => {
        'good.example' => {},
        'slow.example' => { filter => { greylist => { delay => '1h' } } },
        'off.example' => { filter => { greylist => { enabled => 'false' } } },
    },
);
$w->start;

sub try {
    my ($client, $from, $to) = @_;
    return $w->smtp(from => $client)->mail(from => $from, to => $to,
        message => "Subject: x\r\n\r\nx\r\n");
}

my $later = qr/^450 4\.7\.1/;
like(try('127.1.1.1', 'a@b.test', 'u@good.example'), $later, 'an unknown sender is to come back');
like(try('127.1.1.1', 'a@b.test', 'u@good.example'), $later, 'not at once');
like(try('127.1.1.1', 'a@b.test', 'v@slow.example'), $later, 'for each recipient');
like(try('127.1.1.1', 'a@b.test', 'u@off.example'), qr/^250/, 'a domain may do without');
sleep 2.1;
like(try('127.1.1.1', 'c@b.test', 'u@good.example'), $later, 'another sender is another triplet');
like(try('127.1.2.1', 'a@b.test', 'u@good.example'), $later, 'another network too');
like(try('127.1.1.77', 'a@b.test', 'u@good.example'), qr/^250/,
    'who comes back is welcome, also from a neighbour');
like(try('127.1.1.1', 'A@B.test', 'u@good.example'), qr/^250/, 'and stays so, whatever the case');
like(try('127.1.1.1', 'a@b.test', 'v@slow.example'), $later, 'where the delay is longer it is not over');
like(try('127.1.1.1', 'list-123@b.test', 'u@good.example'), $later, 'a list');
like(try('127.1.1.1', '', 'u@good.example'), $later, 'a bounce');
sleep 2.1;
like(try('127.1.1.1', 'list-4567@b.test', 'u@good.example'), qr/^250/,
    'the list comes back with another number');
like(try('127.1.1.9', 'new@b.test', 'u@slow.example'), qr/^250/,
    'a network from which two came back need not wait');
is(($w->ctl('reload'))[0], 0, 'reload');
like(try('127.1.1.9', 'newer@b.test', 'u@slow.example'), qr/^250/, 'which is not forgotten by a reload');
like(try('127.1.2.1', 'a@b.test', 'u@good.example'), qr/^250/, 'nor is a triplet');
done_testing;
