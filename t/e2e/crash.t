#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# kill -9 of any process under load: what was answered 250 arrives, and nothing
# arrives twice but what was delivered in the last moment of a killed queue.
# WN_KILLS sets how many (the long run: 200).

use strict;
use warnings;
use v5.32;

use Test::More;
use Time::HiRes qw(sleep time);
use Winnow::Instance;
use Winnow::Load;

my $kills = $ENV{WN_KILLS} // 12;
my $seed = $ENV{WN_SEED} // int rand 1 << 30;
srand $seed;
diag("WN_SEED=$seed WN_KILLS=$kills");

my $w = Winnow::Instance->new(
    filters => {
        '10-firewall' => "[filter firewall]\naction = reject\n",
        '30-phrase' => "[filter phrase]\naction = reject\nphrases = ../phrases.txt\n",
    },
    domains => { 'good.example' => {}, 'tag.example' => {
        filter => { phrase => { action => 'modify_subject', 'action.tag' => '[x]' } } } },
);
Winnow::Instance::spew("$w->{dir}/phrases.txt", "nobody ever writes such a thing\n");
$w->start;

my $load = Winnow::Load->start(port => $w->{port}, clients => 4, pause => 0.002,
    ledger => "$w->{dir}/ledger", to => [ 'u@good.example', 'u@tag.example' ]);
# A delivery may be repeated if it was made in the last moment before the queue
# died: the promise is 50 ms, the rest is the machine's (a test shares it).
my $moment = 0.050 + ($ENV{WN_MARGIN} // 0.200);

my %killed;
my @queue_deaths;    # [time before the signal, time after]
my @programs = qw(winnow-smtp winnow-filter winnow-queue winnow-sync winnowd);

for my $n (1 .. $kills) {
    my $program = $programs[ $n % @programs ];
    sleep 0.05 + rand 0.25;
    my $before = time;
    if ($program eq 'winnowd') {
        $w->kill_hard;
        push @queue_deaths, [ $before, time ];
        $w->{read_to} = -s $w->{log};
        $w->{events} = [];
        $w->start;
    } else {
        my $pids = $w->children->{$program} // [];
        next unless @$pids;
        $before = time;
        kill KILL => $pids->[ rand @$pids ];
        push @queue_deaths, [ $before, time ] if $program eq 'winnow-queue';
    }
    $killed{$program}++;
}
my $ledger = $load->stop;
my @acked = @{ $ledger->{ACK} // [] };

ok(@acked > 10 * $kills, scalar(@acked) . ' messages were answered 250 while '
    . join(', ', map {"$_ died $killed{$_} times"} sort keys %killed));
ok($w->wait_drained(120), 'the queue drains');
my $arrived = Winnow::Load::arrived($w);
my @lost = grep { !$arrived->{$_} } @acked;
is(scalar @lost, 0, 'none of them is lost') or diag("lost: @lost[0 .. ($#lost < 9 ? $#lost : 9)]");

my %known = map { $_ => 1 } @acked, @{ $ledger->{DOUBT} // [] };
is(scalar(grep { !$known{$_} } keys %$arrived), 0, 'nothing arrives that was not accepted');
my $times = Winnow::Load::arrival_times($w);
my $extra = 0;
my $earliest = 0;
my @unexplained;
for my $id (keys %$times) {
    my @copies = sort { $a <=> $b } @{ $times->{$id} };
    pop @copies;
    for my $at (@copies) {
        my ($ago) = sort { $a <=> $b } grep { $_ > -5 } map { $_->[0] - $at } @queue_deaths;
        $extra++;
        $earliest = $ago if defined $ago && $ago > $earliest;
        push @unexplained, sprintf '%s %s', $id, defined $ago ? sprintf '%.3f s', $ago : 'no death'
            unless defined $ago && $ago <= $moment;
    }
}
is(scalar @unexplained, 0, sprintf '%d extra copies, all delivered within the last moment of a killed '
    . 'queue (the earliest %.0f ms before)', $extra, 1000 * $earliest)
    or diag("unexplained: @unexplained[0 .. ($#unexplained < 9 ? $#unexplained : 9)]");
is(scalar(grep { /^5/ } @{ $ledger->{reply} // [] }), 0, 'no 5xx because of it');
is($w->stop, 0, 'stops cleanly');
is(scalar(my @left = glob "$w->{dir}/spool/*.seg"), 0, 'no segment is left');
done_testing;
