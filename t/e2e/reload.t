#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# Reloads under load refuse no connection and break no session; a configuration
# that is wrong changes nothing.  WN_RELOADS sets how many (the long run: 100).

use strict;
use warnings;
use v5.32;

use Test::More;
use Winnow::Instance;
use Winnow::Load;

my $reloads = $ENV{WN_RELOADS} // 5;
my $w = Winnow::Instance->new(
    filters => {
        '30-phrase' => "[filter phrase]\naction = reject\nphrases = ../phrases.txt\n",
    },
    domains => { 'good.example' => {} },
);
Winnow::Instance::spew("$w->{dir}/phrases.txt", "these seven words are not welcome here\n");
$w->start;
my $spam = "Subject: s\n\nThese seven words are not welcome here.\n";

# A session that stays open over all reloads keeps the settings it began with.
my $old = $w->smtp;
my $load = Winnow::Load->start(port => $w->{port}, clients => 4, pause => 0.005,
    ledger => "$w->{dir}/ledger", to => 'u@good.example');

for my $n (1 .. $reloads) {
    my ($exit, $text) = $w->ctl('reload');
    is($exit, 0, "reload $n") or diag($text);
}
my $ledger = $load->stop;
is(scalar @{ $ledger->{REFUSED} // [] }, 0, 'no connection was refused');
is(scalar @{ $ledger->{BROKEN} // [] }, 0, 'no session was broken');
is(scalar @{ $ledger->{DOUBT} // [] }, 0, 'none after its dot');
is_deeply([ grep { !/^421/ } @{ $ledger->{reply} // [] } ], [], 'nothing but a 421 between messages');
my @acked = @{ $ledger->{ACK} // [] };
ok(@acked > 20, scalar(@acked) . ' messages meanwhile');
ok($w->wait_drained(120), 'drained');
my $arrived = Winnow::Load::arrived($w);
is(scalar(grep { !$arrived->{$_} } @acked), 0, 'each arrived');
is(scalar(grep { ($arrived->{$_} // 0) > 1 } @acked), 0, 'and only once');
like($old->mail(from => 'a@b.test', to => 'u@good.example', message => "Subject: o\n\nx\n"),
    qr/^(?:250|421)/, 'the session from before the reloads still answers');

# Toggling and reordering without a restart.
like($w->smtp->mail(from => 'a@b.test', to => 'u@good.example', message => $spam),
    qr/^550/, 'the filter is on');
$w->snippet('30-phrase', "[filter phrase]\nenabled = false\naction = reject\nphrases = ../phrases.txt\n");
is(($w->ctl('reload'))[0], 0, 'reload');
like($w->smtp->mail(from => 'a@b.test', to => 'u@good.example', message => $spam),
    qr/^250/, 'now it is off');
$w->domain('good.example', { filters => 'phrase' });
is(($w->ctl('reload'))[0], 0, 'reload');
like($w->smtp->mail(from => 'a@b.test', to => 'u@good.example', message => $spam),
    qr/^550/, 'the domain itself switches it on');
$w->remove_snippet('30-phrase');
my ($exit, $text) = $w->ctl('reload');
is($exit, 1, 'a domain that names a filter which is gone');
like($text, qr{domains\.d/good\.example\.conf:\d+: .*phrase}, 'is named with file and line');
like($w->smtp->mail(from => 'a@b.test', to => 'u@good.example', message => $spam),
    qr/^550/, 'and the old configuration keeps running');

$w->snippet('30-phrase', "[filter phrase]\naction = reject\nphrasess = ../phrases.txt\nposition = high\n");
($exit, $text) = $w->ctl('check');
is($exit, 1, 'check finds mistakes');
like($text, qr{conf\.d/30-phrase\.conf:3: .*phrasess.*did you mean "phrases"}s, 'with the cure');
like($text, qr{conf\.d/30-phrase\.conf:4: .*position}, 'all of them');
kill HUP => $w->{winnowd} for 1 .. 200;
ok($w->wait_event('reload', sub { ($_[0]{level} // '') eq 'error' }), 'a bad reload is an event');
like($w->smtp->mail(from => 'a@b.test', to => 'u@good.example', message => "Subject: x\n\nx\n"),
    qr/^250/, 'a storm of SIGHUP harms nobody');
is($w->stop, 0, 'stops cleanly');
system('cp', '-r', $w->{dir}, $ENV{WN_KEEP}) if $ENV{WN_KEEP};
done_testing;
