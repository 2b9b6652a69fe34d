#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# A damaged spool: what winnowctl queue fsck says of it, what --repair does, and
# that all that can be read is delivered, with a repair and without one.

use strict;
use warnings;
use v5.32;

use Test::More;
use Winnow::Instance;

# Of so many messages the even ones were delivered when the relay stopped, and
# the odd ones wait for a server that was away.
my $N = 12;

sub relay {
    return Winnow::Instance->new(workers => 1, retry => '1h', domains => {
        'good.example' => { servers => 'SINK:good' }, 'done.example' => { servers => 'SINK:done' } });
}

sub numbers {
    my ($w, $sink) = @_;
    my %seen;
    for ($w->received($sink)) { $seen{$1}++ if $_->{message} =~ /^Subject: number (\d+)\r$/m }
    return join ' ', map { $seen{$_} > 1 ? "$_*$seen{$_}" : $_ } sort { $a <=> $b } keys %seen;
}
sub odd { my %without = map { $_ => 1 } @_; return join ' ', grep { $_ % 2 && !$without{$_} } 1 .. $N }

# Made once; each case works on a copy.
my $spool;
{
    my $w = relay();
    $w->stop_sink('good');
    $w->start;
    for my $i (1 .. $N) {
        my $to = $i % 2 ? 'u@good.example' : 'u@done.example';
        die unless $w->smtp->mail(from => 'a@b.example', to => $to,
            message => "Subject: number $i\n\nthe text of number $i\n") =~ /^250/;
    }
    ok(Winnow::Instance::wait_for(sub { $N == grep { $_->{event} =~ /^(?:delivered|deferred)$/ } $w->events }),
        'half is delivered, half waits');
    is($w->stop, 0, 'the relay stops');
    $spool = File::Temp->newdir('winnow-fsck-XXXXXX', TMPDIR => 1);
    system('cp', '-a', '--sparse=always', "$w->{dir}/spool", "$spool/spool") == 0 or die;
}

# A stopped relay with that spool and one segment in it.
sub stopped_relay {
    my $w = relay();

    system('rm', '-rf', "$w->{dir}/spool");
    system('cp', '-a', '--sparse=always', "$spool/spool", "$w->{dir}/spool") == 0 or die;
    my @segments = glob "$w->{dir}/spool/*.seg";
    die 'segments: ' . @segments if @segments != 1;
    return ($w, $segments[0]);
}

sub overwrite {
    my ($path, $at, $bytes) = @_;
    open my $file, '+<:raw', $path or die "$path: $!";
    seek $file, $at, 0;
    print $file $bytes;
    close $file or die "$path: $!";
}

# Where the record of a message begins, and where its text stands.
sub place {
    my ($segment, $number) = @_;
    my $bytes = Winnow::Instance::slurp($segment);
    my $text = index $bytes, "the text of number $number\r";
    return (rindex($bytes, 'WNR1', $text), $text);
}

# What is damaged, and what becomes of it: which messages are lost, how many of
# those that were done may come again, what fsck says.
my @cases = (
    { name => 'a body', lost => [5], held => 1, says => qr/^    damaged at \d+: \S.*, id \w+$/m, damaged => 1,
        damage => sub { overwrite($_[0], (place($_[0], 5))[1], 'damaged') } },
    { name => 'an envelope', lost => [5], held => 1, says => qr/^    damaged at \d+: \S.*, id \w+$/m, damaged => 1,
        damage => sub { overwrite($_[0], (place($_[0], 5))[0] + 64 + 8, "\xff" x 16) } },
    { name => 'the header of a record', lost => [5], says => qr/^    damaged at \d+: \S/m, damaged => 1,
        damage => sub { overwrite($_[0], (place($_[0], 5))[0], "\xff" x 64) } },
    { name => 'the header of a segment', lost => [], says => qr/^    \S.*header/mi,
        damage => sub { overwrite($_[0], 0, "\xff" x 64) } },
    { name => 'the log of outcomes', lost => [], again => 1, says => qr/^    outcomes are damaged/m,
        damage => sub { overwrite($_[0] =~ s/seg$/out/r, 48 + 30, "\xff" x 8) } },
    { name => 'a segment that was cut short', lost => [ 9, 11 ], held => 1, says => qr/^    damaged at \d+: \S/m, damaged => 1,
        damage => sub { truncate $_[0], (place($_[0], 9))[1] } },
);

# What waits is tried now: nothing but the time is against it.
sub retry {
    my ($w) = @_;
    Winnow::Instance::wait_for(sub { ($w->ctl('queue', 'retry', '--domain', 'good.example'))[0] == 0 });
}

# It is held until somebody has seen it.
sub let_damaged_go {
    my ($w, $n) = @_;
    my @ids;
    Winnow::Instance::wait_for(sub { $n == (@ids = ($w->ctl('queue', 'list', '--state', 'held'))[1] =~ /^(\w{26}) /mg) });
    is(scalar @ids, $n, 'what is damaged is held') or return;
    like(($w->ctl('queue', 'show', $_))[1], qr/damaged: \S|: wrong checksum/, 'and in view') for @ids;
    is(($w->ctl('queue', 'delete', @ids))[0], 0, 'and let go');
}

sub check_arrived {
    my ($case, $w) = @_;
    my $rest = odd(@{ $case->{lost} });
    my $again = $case->{again} // 0;

    ok(Winnow::Instance::wait_for(sub { numbers($w, 'good') eq $rest }, 8), 'all that can be read is delivered, once')
        or diag('it is: ', numbers($w, 'good'));
    cmp_ok($w->n_received('done'), '<=', $again, "of what was done at most $again comes again");
}

for my $case (@cases) {
    subtest "$case->{name}, repaired" => sub {
        my ($w, $segment) = stopped_relay();
        my ($name) = $segment =~ m{([^/]+)\z};
        my $log = $segment =~ s/seg$/out/r;

        $case->{damage}->($segment);
        my @before = map { Winnow::Instance::slurp($_) } $segment, $log;
        my ($exit, $text) = $w->ctl('queue', 'fsck');
        is($exit, 1, 'fsck finds fault');
        like($text, qr/^\Q$name\E: /m, 'it names the segment');
        like($text, $case->{says}, 'and what is wrong') or diag($text);
        like($text, qr/ $case->{damaged} damaged$/m, 'and counts') or diag($text) if $case->{damaged};
        ok($before[0] eq Winnow::Instance::slurp($segment) && $before[1] eq Winnow::Instance::slurp($log),
            'looking changes nothing');
        my ($row) = grep { $_->{file} eq $name } Winnow::Instance::json_lines(($w->ctl('queue', 'fsck', '--json'))[1]);
        ok($row->{wrong}, 'JSON: wrong');
        is(scalar @{ $row->{damaged} // [] }, $case->{damaged}, 'JSON: damages') if $case->{damaged};
        my $n_left = split ' ', odd(@{ $case->{lost} });
        ok($row->{live} >= $n_left && $row->{live} <= $n_left + ($case->{again} // 0), 'JSON: the others live')
            or diag($row->{live});

        ($exit, $text) = $w->ctl('queue', 'fsck', '--repair');
        is($exit, 0, '--repair') or diag($text);
        like($text, qr/repaired/, 'it says so');
        ok(($before[0] eq (Winnow::Instance::slurp("$w->{dir}/spool/damaged/$name") // '')), 'what was damaged is kept as it was');
        ($exit, $text) = $w->ctl('queue', 'fsck');
        like($text, qr/^set aside in \S+: 1 segments/m, 'it tells of what was set aside') or diag($text);
        unlink glob "$w->{dir}/spool/damaged/*";
        ($exit, $text) = $w->ctl('queue', 'fsck');
        is($exit, 0, 'all is well after it') or diag($text);
        like($text, qr/^1 segments, \d+ messages live, 0 done, 0 damaged$/m, 'only what is owed is left') or diag($text);
        $w->start;
        retry($w);
        check_arrived($case, $w);
        ok($w->wait_drained(8), 'nothing is left to do') or diag(($w->ctl('queue', 'list'))[1]);
        ($exit, $text) = $w->ctl('queue', 'fsck', '--repair');
        isnt($exit, 0, 'no repair beside a running winnow-queue');
        is($w->stop, 0, 'stops cleanly');
        is(scalar(my @left = glob "$w->{dir}/spool/*.seg"), 0, 'no segment is left');
    };
    subtest "$case->{name}, as it is" => sub {
        my ($w, $segment) = stopped_relay();
        my ($name) = $segment =~ m{([^/]+)\z};

        $case->{damage}->($segment);
        $w->start;
        retry($w);
        my ($queue) = @{ $w->children->{'winnow-queue'} // [] };
        check_arrived($case, $w);
        like($w->smtp->mail(from => 'a@b.example', to => 'u@good.example', message => "Subject: number 99\n\nx\n"),
            qr/^250/, 'new mail is taken');
        my $rest = join ' ', odd(@{ $case->{lost} }), 99;
        ok(Winnow::Instance::wait_for(sub { numbers($w, 'good') eq $rest }, 8), 'and delivered');
        is($w->children->{'winnow-queue'}[0], $queue, 'by the same winnow-queue');
        let_damaged_go($w, $case->{held}) if $case->{held};
        ok($w->wait_drained(8), 'nothing is left to do') or diag(($w->ctl('queue', 'list'))[1]);
        ok(Winnow::Instance::wait_for(sub { -e "$w->{dir}/spool/damaged/$name" }), 'the segment is kept for people')
            if @{ $case->{lost} };
        is($w->stop, 0, 'stops cleanly');
    };
}

# A segment that cannot be opened for now: the rest goes on, and it follows when
# it can be opened.
{
    my ($w, $segment) = stopped_relay();

    rename $segment, "$segment.real" or die;
    symlink "$segment.real", $segment or die;    # is not followed
    $w->start;
    like($w->smtp->mail(from => 'a@b.example', to => 'u@good.example', message => "Subject: number 99\n\nx\n"),
        qr/^250/, 'takes mail beside a segment that cannot be opened');
    ok(Winnow::Instance::wait_for(sub { numbers($w, 'good') eq '99' }), 'and delivers it');
    ok($w->wait_event('log', sub { $_[0]{message} =~ /cannot open a segment/ }), 'it complains');
    my ($exit, $text) = $w->ctl('queue', 'fsck');
    is($exit, 1, 'fsck finds fault') or diag($text);
    unlink $segment or die;
    rename "$segment.real", $segment or die;
    Winnow::Instance::wait_for(sub { ($w->ctl('queue', 'list', '--domain', 'good.example'))[1] =~ /\S/ }, 30);
    retry($w);
    ok(Winnow::Instance::wait_for(sub { numbers($w, 'good') eq odd() . ' 99' }, 30), 'what was in it follows by itself')
        or diag(numbers($w, 'good'));
    ok($w->wait_drained, 'drained');
    is($w->stop, 0, 'stops cleanly');
}
done_testing;
