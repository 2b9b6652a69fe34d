#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# kill -9 of any process under load: what was answered 250 arrives, is returned
# or is forwarded, and nothing happens twice but what was delivered in the last
# moment of a killed queue.  WN_KILLS sets how many (the long run: 200).

use strict;
use warnings;
use v5.32;

use Test::More;
use Time::HiRes qw(sleep time);
use Time::Local qw(timegm);
use Winnow::EvilSink;
use Winnow::Instance;

my $kills = $ENV{WN_KILLS} // 21;
my $seed = $ENV{WN_SEED} // int rand 1 << 30;
srand $seed;
diag("WN_SEED=$seed WN_KILLS=$kills");

# What a message can meet: its recipient, and what is to become of it.
#
#    good, tag   delivered
#    moody       delivered or refused, the sender told of that
#    plain       delivered, the sender told that it was relayed
#    moved       delivered to another mailbox, the sender told nothing
my $WICKED = "this is the very sentence that nobody else ever writes\n";
my %KINDS = map { $_ => "u\@$_.example" } qw(good tag moody plain moved);

package Winnow::CrashLoad {
    use parent 'Winnow::Load';

    # The kind stands in the id, the queue's own id in the ledger.
    sub one {
        my ($self, $smtp, $serial) = @_;
        my @kinds = sort keys %KINDS;
        my $kind = $kinds[ rand @kinds ];
        my $id = "$kind-$serial";
        my $notify = $kind eq 'plain' ? ' NOTIFY=SUCCESS,FAILURE' : '';

        for my $line ('MAIL FROM:<load@sender.example>', "RCPT TO:<$KINDS{$kind}>$notify", 'DATA') {
            my $reply = $smtp->cmd($line);
            return "BROKEN $id" if !defined $reply || $reply eq '';
            return "NAK $id $reply" if $reply !~ /^[23]/;
        }
        my $text = "X-Test-Id: $id\nSubject: test $id\n\n" . ($kind eq 'moved' ? $WICKED : "$id line\n" x (1 + rand 100));
        return "DOUBT $id" unless $smtp->send_raw(Winnow::Smtp::wire($text));
        my $reply = $smtp->reply;
        return "DOUBT $id" if !defined $reply || $reply eq '';
        return $reply =~ /^250/ ? "ACK $id" : "NAK $id $reply";
    }
}

my $folder = File::Temp->newdir('winnow-crash-XXXXXX', TMPDIR => 1);
my %sinks = (
    moody => Winnow::EvilSink->new(dir => "$folder/moody", script => 'rcpt chance=50: 550 5.1.1 not today'),
    plain => Winnow::EvilSink->new(dir => "$folder/plain", script => 'ehlo: offer PIPELINING, 8BITMIME'),
);
my $w = Winnow::Instance->new(
    filters => {
        '10-firewall' => "[filter firewall]\naction = reject\n",
        '30-phrase' => "[filter phrase]\naction = reject\nphrases = ../phrases.txt\n",
    },
    domains => {
        'good.example' => {}, 'sender.example' => { servers => 'SINK:sender' },
        'box.example' => { servers => 'SINK:box' },
        'tag.example' => { filter => { phrase => { action => 'modify_subject', 'action.tag' => '[x]' } } },
        'moved.example' => { servers => 'SINK:never',
            filter => { phrase => { action => 'forward', 'action.to' => 'u@box.example',
                on_error => 'tempfail' } } },
        map({ ("$_.example" => { servers => $sinks{$_}->address }) } keys %sinks),
    },
);
Winnow::Instance::spew("$w->{dir}/phrases.txt", $WICKED);
$w->start;

my $load = Winnow::CrashLoad->start(port => $w->{port}, clients => 4, pause => 0.002, ledger => "$w->{dir}/ledger");

my %killed;
my @queue_deaths;    # [time before the signal, time after]
my @programs = qw(winnow-queue winnow-smtp winnow-queue winnow-filter winnow-queue winnow-sync winnowd);

for my $n (1 .. $kills) {
    my $program = $programs[ $n % @programs ];
    # It is to have work behind it, some of it a while ago.
    Winnow::Instance::wait_for(sub { $w->children->{'winnow-queue'} }) if $program eq 'winnow-queue';
    sleep($program eq 'winnow-queue' ? 0.1 + rand 1 : 0.05 + rand 0.25);
    my $before = time;
    if ($program eq 'winnowd') {
        $w->kill_hard;
        $w->{read_to} = -s $w->{log};
        $w->{events} = [];
        $w->start;
        push @queue_deaths, [ $before, time ];    # it dies after its parent
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
ok($w->wait_drained(120), 'the queue drains') or diag(($w->ctl('queue', 'list'))[1]);

# All that arrived anywhere: the test's id, the queue's, the place, the time.
my @copies;
sub note_copy {
    my ($place, $at, $text) = @_;
    my ($id) = $text =~ /^X-Test-Id: (\S+)\r?$/m;
    my ($queue_id) = $text =~ /^Message-ID: <(\w+)\@relay\.test>\r?$/m;
    my ($action) = $text =~ /^Action: (\w+)\r?$/m;

    ($queue_id) = $text =~ /^Received: .*?\sid (\w+)/ms if !defined $queue_id;
    push @copies, { id => $id // '?', queue_id => $queue_id // '?', place => $place, at => $at, action => $action };
}
for my $name (keys %{ $w->{sinks} }) {
    note_copy($name, (Time::HiRes::stat($_->{path}))[9], $_->{message}) for $w->received($name);
}
for my $name (keys %sinks) { note_copy($name, $_->{time}, $_->{data}) for $sinks{$name}->messages }

# When the queue itself took note that a message was delivered.  What it knows
# from a report alone, which an earlier queue has made, is no other delivery.
my %noted;
open my $log, '<:raw', $w->{log} or die;
while (<$log>) {
    my $event = /"event":"delivered"/ && eval { JSON::PP::decode_json($_) } or next;
    next if $event->{recovered};
    my ($year, $month, $day, $hour, $minute, $second) = split /[-T:Z]/, $event->{time};
    push @{ $noted{ $event->{id} } }, timegm(int $second, $minute, $hour, $day, $month - 1, $year) + $second - int $second;
}
close $log;

# A delivery that the queue may have forgotten when it was killed.  It promises
# to know 50 ms later what it was told, counted from its own note of it; a
# machine that is busy with other things adds to that (WN_MARGIN, seconds; 0 in
# the long run on a quiet one).  Before it was told there is no promise: the
# message, or the answer to it, was on its way when the queue died.
my $PROMISE = 0.050 + ($ENV{WN_MARGIN} // 0.150);
my ($CLOCK, $ON_THE_WAY) = (0.002, 0.500);
sub until_death {
    my ($at) = @_;
    my ($next) = sort { $a->[0] <=> $b->[0] } grep { $_->[1] >= $at } @queue_deaths;
    return $next ? $next->[0] - $at : 1e9;
}

sub from_death {
    my ($at) = @_;
    my ($nearest) = sort { $a <=> $b }
        map { $at < $_->[0] ? $_->[0] - $at : $at > $_->[1] ? $at - $_->[1] : 0 } @queue_deaths;
    return $nearest // 1e9;
}

# With how many copies there ought to be.
sub unexplained {
    my ($copies, $n_rightly) = @_;
    my @noted = sort { $a <=> $b } @{ $noted{ $copies->[0]{queue_id} } // [] };
    my @gaps = sort { $a <=> $b } map { from_death($_->{at}) } @$copies;
    my $n_unheard = @$copies - @noted;
    my @bad;

    splice @noted, @noted - $n_rightly if @noted >= $n_rightly;
    push @bad, map { sprintf 'noted %.3f s before a death', until_death($_) }
        grep { until_death($_) > $PROMISE + $CLOCK } @noted;
    push @bad, map { sprintf 'never noted, %.3f s from a death', $gaps[ $_ - 1 ] }
        grep { $gaps[ $_ - 1 ] > $ON_THE_WAY } 1 .. $n_unheard;
    return map {"$copies->[0]{id} at $copies->[0]{place}: $_"} @bad;
}

my (%at, %reports);
for my $copy (@copies) {
    if ($copy->{place} eq 'sender') { push @{ $reports{ $copy->{id} }{ $copy->{action} // '?' }{ $copy->{queue_id} } }, $copy }
    else { push @{ $at{ $copy->{id} }{ $copy->{place} } }, $copy }
}
my %place = (good => 'default', tag => 'default', moody => 'moody', plain => 'plain', moved => 'box');
my (%count, %wrong);
for my $id (@acked, @{ $ledger->{DOUBT} // [] }) {
    my ($kind) = $id =~ /^(\w+)-/;
    my $copies = $at{$id}{ $place{$kind} } // [];
    my $failed = $reports{$id}{failed} // {};
    my $relayed = $reports{$id}{relayed} // {};
    my $told = $kind eq 'moody' ? keys %$failed : 0;

    $count{$kind}++;
    $count{"$kind returned"} += $told;
    $count{copies} += @$copies > 1 ? @$copies - 1 : 0;
    push @{ $wrong{lost} }, $id if !@$copies && !$told;
    push @{ $wrong{misdirected} }, $id if grep { $_ ne $place{$kind} } keys %{ $at{$id} };
    push @{ $wrong{reports} }, "$id: " . keys(%$failed) if keys %$failed > ($kind eq 'moody' ? 1 : 0);
    push @{ $wrong{reports} }, "$id: other" if grep { !/^(?:failed|relayed)$/ } keys %{ $reports{$id} };
    push @{ $wrong{relayed} }, "$id: " . keys(%$relayed) . ' of ' . @$copies
        if keys %$relayed != ($kind eq 'plain' && @$copies ? 1 : 0);
    push @{ $wrong{copies} }, unexplained($copies, $told ? 0 : 1) if @$copies > 1 || @$copies && $told;
    push @{ $wrong{'copies of reports'} }, unexplained($_, 1) for grep { @$_ > 1 } values %$failed, values %$relayed;
}
my %in_doubt = map { $_ => 1 } @{ $ledger->{DOUBT} // [] };
@{ $wrong{lost} } = grep { !$in_doubt{$_} } @{ $wrong{lost} // [] };
note join ', ', map {"$_: $count{$_}"} sort keys %count;
cmp_ok($count{$_} // 0, '>', $kills, "there were some: $_") for sort(keys %KINDS), 'moody returned';

my %what = (
    lost => 'no message is lost: neither delivered nor returned',
    misdirected => 'none comes where it does not belong',
    reports => 'one report for what was refused, none for the rest',
    relayed => 'one report for what was relayed, none for the rest',
    copies => 'copies, and deliveries of what was returned, only from the last moment of a killed queue',
    'copies of reports' => 'copies of reports, too',
);

# What the log says of the message, its copies and its reports.
sub story {
    my ($id) = $_[0] =~ /^([\w-]+)/;
    my %ids = map { $_->{queue_id} => 1 } grep { $_->{id} eq $id } @copies;
    my $any = join '|', sort keys %ids;
    return join '', grep {/"(?:$any)"/} split /^/, Winnow::Instance::slurp($w->{log});
}
for my $kind (sort keys %what) {
    my @wrong = @{ $wrong{$kind} // [] };
    is(scalar @wrong, 0, $what{$kind})
        or diag(join "\n", @wrong[ 0 .. ($#wrong < 9 ? $#wrong : 9) ], story($wrong[0]));
}
my %known = map { $_ => 1 } @acked, @{ $ledger->{DOUBT} // [] };
is(scalar(grep { !$known{$_} } keys %at, keys %reports), 0, 'nothing arrives that was not accepted');
is(scalar(grep { /^5/ } @{ $ledger->{reply} // [] }), 0, 'no 5xx because of it');
is($w->stop, 0, 'stops cleanly');
is(scalar(my @left = glob "$w->{dir}/spool/*.seg"), 0, 'no segment is left');
done_testing;
