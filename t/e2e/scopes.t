#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# Recipients of different domains in one transaction (DESIGN §7).

use strict;
use warnings;
use v5.32;

use Test::More;
use Winnow::Instance;

my %same = (filter => { phrase => { action => 'modify_subject', 'action.tag' => '[A]' } });
my $w = Winnow::Instance->new(
    filters => {
        '10-firewall' => "[filter firewall]\naction = reject\nenabled = false\n",
        '30-phrase' => "[filter phrase]\naction = reject\nphrases = ../phrases.txt\n",
    },
    domains => {
        'reject.example' => {},
        'reject2.example' => {},
        'tag.example' => \%same,
        'tag2.example' => { filter => { phrase => {
            action => 'modify_subject', 'action.tag' => '[B]' } } },
        'delete.example' => { filter => { phrase => { action => 'delete' } } },
        'early.example' => { filters => 'firewall', filter => { firewall => {
            block => '127.0.0.66/32', 'action.text' => 'blocked client %c' } } },
        'plain.example' => { filter => { phrase => { enabled => 'false' } } },
    },
);
Winnow::Instance::spew("$w->{dir}/phrases.txt", "seven words that nobody wants to read\n");
$w->start;
my $spam = "Subject: s\n\nseven words that nobody wants to read\n";
my $ham = "Subject: h\n\nhello\n";

sub codes { map { substr($_, 0, 9) } @{ $_[0]{rcpt} } }

{
    my $smtp = $w->smtp;
    my $reply = $smtp->mail(from => 'a@b.test',
        to => [ 'u@reject.example', 'u@tag.example', 'v@reject2.example' ], message => $spam);
    is_deeply([ codes($smtp) ], [ '250 2.1.5', '452 4.5.3', '250 2.1.5' ],
        'a scope that could disagree needs its own transaction, an equal one does not');
    like($reply, qr/^550 5\.7\.1/, 'the first scope decides');
    $reply = $smtp->mail(from => 'a@b.test', to => 'u@tag.example', message => $spam);
    like($reply, qr/^250/, 'the second in its own transaction');
    my @found = $w->wait_received(1);
    like($found[0]{message}, qr/^Subject: \[A\] s\r$/m, 'and is tagged');
}
{
    my $smtp = $w->smtp;
    my $before = $w->n_received;
    my $reply = $smtp->mail(from => 'a@b.test',
        to => [ 'u@tag.example', 'u@tag2.example', 'u@plain.example', 'u@delete.example' ],
        message => $spam);
    is_deeply([ codes($smtp) ], [ ('250 2.1.5') x 4 ], 'scopes that never refuse share');
    like($reply, qr/^250/, 'accepted once');
    my @found = $w->wait_received($before + 3);
    my %subject = map {
        $_->{envelope}{recipients}[0] => ($_->{message} =~ /^Subject: (.*?)\r$/m)[0]
    } @found[ $before .. $#found ];
    is_deeply(\%subject, { 'u@tag.example' => '[A] s', 'u@tag2.example' => '[B] s',
        'u@plain.example' => 's' }, 'each scope has its own edits; the deleted one nothing');
}
{
    my $smtp = $w->smtp;
    my $before = $w->n_received;
    is(substr($smtp->cmd('MAIL FROM:<a@b.test> PRDR'), 0, 3), '250', 'PRDR asked for');
    like($smtp->cmd("RCPT TO:<$_>"), qr/^250/, "$_ in one transaction")
        for 'u@reject.example', 'u@tag.example', 'u@delete.example';
    like($smtp->cmd('DATA'), qr/^354/, 'DATA');
    $smtp->send_raw(Winnow::Smtp::wire($spam));
    like($smtp->reply, qr/^353/, '353: replies follow');
    like($smtp->reply, qr/^550 5\.7\.1/, 'refused for the first');
    like($smtp->reply, qr/^250/, 'accepted for the second');
    like($smtp->reply, qr/^250/, 'deleted for the third');
    like($smtp->reply, qr/^250/, 'the whole');
    my @found = $w->wait_received($before + 1);
    is_deeply($found[-1]{envelope}{recipients}, ['u@tag.example'], 'only the second got it');
    like($smtp->cmd('RCPT TO:<u@tag.example>'), qr/^503/, 'the transaction is over');
}
{
    my $smtp = $w->smtp(from => '127.0.0.66');
    my $reply = $smtp->mail(from => 'a@b.test', to => [ 'u@early.example', 'u@plain.example' ],
        message => $ham);
    like($smtp->{rcpt}[0], qr/^550 5\.7\.1 blocked client 127\.0\.0\.66 \[\w+\]$/,
        'a client-level filter decides at RCPT');
    like($smtp->{rcpt}[1], qr/^250/, 'and does not touch the others');
    like($reply, qr/^250/, 'who get the message');
    my $event = $w->wait_event('rejected_rcpt',
        sub { $_[0]{recipient} eq 'u@early.example' });
    is($event->{filters}[0]{filter}, 'firewall', 'the event names the filter');
    like($w->smtp->mail(from => 'a@b.test', to => 'u@early.example', message => $ham),
        qr/^250/, 'other clients pass');
}
like((($w->ctl('status', '--json'))[1]), qr/split/, 'the share of split transactions is counted');
ok($w->wait_drained, 'drained');
done_testing;
