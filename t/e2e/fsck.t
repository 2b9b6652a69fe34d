#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# A damaged spool: what winnowctl queue fsck says of it, what --repair does, and
# that all that can be read is delivered, with a repair and without one.

use strict;
use warnings;
use v5.32;

use Test::More;
use Winnow::Instance;

my $n = 12;

# A stopped relay with so many messages for a server that was away, one of which
# is damaged.
sub damaged_spool {
    my $w = Winnow::Instance->new(workers => 1,
        domains => { 'good.example' => { servers => 'SINK:good' } });
    my @segments;

    $w->stop_sink('good');
    $w->start;
    for my $i (1 .. $n) {
        my $text = $i == 5 ? 'DAMAGE-ME' : 'fine';
        die unless $w->smtp->mail(from => 'a@b.example', to => 'u@good.example',
            message => "Subject: number $i\n\n$text\n") =~ /^250/;
    }
    die unless $w->stop == 0;
    $w->{read_to} = -s $w->{log};
    $w->{events} = [];
    @segments = grep { Winnow::Instance::slurp($_) =~ /DAMAGE-ME/ } glob "$w->{dir}/spool/*.seg";
    is(scalar @segments, 1, 'the messages are in the spool');
    open my $file, '+<:raw', $segments[0] or die;
    my $bytes = Winnow::Instance::slurp($segments[0]);
    seek $file, index($bytes, 'DAMAGE-ME'), 0;
    print $file 'damaged';
    close $file or die;
    return ($w, $segments[0]);
}

sub arrived {
    my ($w) = @_;
    my %seen;
    for ($w->received('good')) { $seen{$1}++ if $_->{message} =~ /^Subject: number (\d+)/m }
    return join ' ', map {"$_*$seen{$_}"} sort { $a <=> $b } keys %seen;
}
my $rest = join ' ', map {"$_*1"} grep { $_ != 5 } 1 .. $n;

# Looked at, repaired, looked at again.
{
    my ($w, $segment) = damaged_spool();
    my ($name) = $segment =~ m{([^/]+)\z};
    my $before = Winnow::Instance::slurp($segment);
    my ($exit, $text) = $w->ctl('queue', 'fsck');

    is($exit, 1, 'fsck finds fault');
    like($text, qr/^\Q$name\E: segment, \d+ live/m, 'it names the segment');
    like($text, qr/^    damaged at \d+: \S/m, 'and the place');
    like($text, qr/ 1 damaged$/m, 'and counts') or diag($text);
    is(Winnow::Instance::slurp($segment), $before, 'looking changes nothing');
    my ($row) = grep { $_->{file} eq $name } Winnow::Instance::json_lines(($w->ctl('queue', 'fsck', '--json'))[1]);
    is(scalar @{ $row->{damaged} }, 1, 'JSON: one damage');
    is($row->{live}, $n - 1, 'JSON: the others live');
    ok($row->{wrong}, 'JSON: wrong');

    ($exit, $text) = $w->ctl('queue', 'fsck', '--repair');
    is($exit, 0, '--repair') or diag($text);
    like($text, qr/repaired/, 'it says so');
    is(Winnow::Instance::slurp("$w->{dir}/spool/damaged/$name"), $before, 'the damaged segment is kept as it was');
    ($exit, $text) = $w->ctl('queue', 'fsck');
    is($exit, 0, 'all is well after it') or diag($text);

    $w->start_sink('good');
    $w->start;
    ok($w->wait_drained, 'drained');
    is(arrived($w), $rest, 'all the others are delivered, once');
    ($exit, $text) = $w->ctl('queue', 'fsck', '--repair');
    isnt($exit, 0, 'no repair beside a running winnow-queue');
    is($w->stop, 0, 'stops cleanly');
    is(scalar(my @left = glob "$w->{dir}/spool/*.seg"), 0, 'no segment is left');
}

# Without a repair.
{
    my ($w, $segment) = damaged_spool();
    my ($name) = $segment =~ m{([^/]+)\z};

    $w->start_sink('good');
    $w->start;
    ok($w->wait_drained, 'drained');
    is(arrived($w), $rest, 'without a repair all the others are delivered, too');
    ok(Winnow::Instance::wait_for(sub { -e "$w->{dir}/spool/damaged/$name" }), 'the segment is kept for people');
    is($w->stop, 0, 'stops cleanly');
}

# A segment that cannot be opened for now: the rest goes on, and it follows when
# it can be opened.
{
    my ($w, $segment) = damaged_spool();

    rename $segment, "$segment.real" or die;
    symlink "$segment.real", $segment or die;    # is not followed
    $w->start_sink('good');
    $w->start;
    like($w->smtp->mail(from => 'a@b.example', to => 'u@good.example', message => "Subject: number 99\n\nx\n"),
        qr/^250/, 'takes mail beside a segment that cannot be opened');
    ok(Winnow::Instance::wait_for(sub { arrived($w) eq '99*1' }), 'and delivers it');
    ok($w->wait_event('log', sub { $_[0]{message} =~ /cannot open a segment/ }), 'it complains');
    my ($exit, $text) = $w->ctl('queue', 'fsck');
    is($exit, 1, 'fsck finds fault') or diag($text);
    unlink $segment or die;
    rename "$segment.real", $segment or die;
    ok(Winnow::Instance::wait_for(sub { arrived($w) eq "$rest 99*1" }, 30), 'what was in it follows by itself')
        or diag(arrived($w));
    ok($w->wait_drained, 'drained');
    is($w->stop, 0, 'stops cleanly');
}
done_testing;
