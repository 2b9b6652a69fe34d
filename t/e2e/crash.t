#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# kill -9 of any process under load: what was answered 250 arrives, and nothing
# arrives twice without a reason.  WN_KILLS sets how many (the long run: 200).

use strict;
use warnings;
use v5.32;

use Test::More;
use Time::HiRes qw(sleep);
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
my %killed;
my @programs = qw(winnow-smtp winnow-filter winnow-queue winnow-sync winnowd);

for my $n (1 .. $kills) {
    my $program = $programs[ $n % @programs ];
    sleep 0.05 + rand 0.25;
    if ($program eq 'winnowd') {
        $w->kill_hard;
        $w->{read_to} = -s $w->{log};
        $w->{events} = [];
        $w->start;
    } else {
        my $pids = $w->children->{$program} // [];
        next unless @$pids;
        kill KILL => $pids->[ rand @$pids ];
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
my $extra = 0;
$extra += $_ - 1 for values %$arrived;
my $bound = 64 * (($killed{'winnow-queue'} // 0) + ($killed{winnowd} // 0));
ok($extra <= $bound, "$extra extra copies, only from the last moment of a killed queue");
is(scalar(grep { /^5/ } @{ $ledger->{reply} // [] }), 0, 'no 5xx because of it');
is($w->stop, 0, 'stops cleanly');
is(scalar(my @left = glob "$w->{dir}/spool/*.seg"), 0, 'no segment is left');
done_testing;
