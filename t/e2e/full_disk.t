#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# Others fill the spool's disk: new mail is put off with 452, what is queued is
# delivered and noted, reports to senders are made; nothing is lost or sent
# twice, and with the space all comes back by itself.

use strict;
use warnings;
use v5.32;

use Test::More;
use Time::HiRes qw(sleep);
use Winnow::EvilSink;
use Winnow::Instance;

plan skip_all => 'only root may mount a small file system' if $> != 0;

my $n = 60;
my $port = Winnow::Instance::free_port();
my $w = Winnow::Instance->new(workers => 1, domains => {
    'good.example' => {},
    'away.example' => { servers => 'SINK:away' },
    'no.example' => { servers => "127.0.0.1:$port" },
});
my $spool = "$w->{dir}/spool";
plan skip_all => 'mounting is not allowed here'
    if system("mount -t tmpfs -o size=260m,mode=0700 winnow-test $spool 2>/dev/null") != 0;
END { local $?; $w->stop if $w; system("umount -l $spool") if $spool && !$> }

sub fill {
    open my $out, '>>', "$spool/somebody-else" or die;
    my $block = 'x' x 65536;
    1 while syswrite $out, $block;
    my $error = $!;
    $block = 'x' x 512;
    1 while syswrite $out, $block;
    return $error + 0;
}
sub mail {
    my ($to, $subject) = @_;
    return $w->smtp->mail(from => 'sender@good.example', to => $to, message => "Subject: $subject\n\nx\n");
}
sub subjects {
    my ($sink) = @_;
    my %seen;
    for ($w->received($sink)) { $seen{$1}++ if $_->{message} =~ /^Subject: (away-\d+)\r?$/m }
    return \%seen;
}

$w->stop_sink('away');
$w->start;
ok(Winnow::Instance::wait_for(sub { -s "$spool/queue.reserve" }), 'a reserve is made');
ok(Winnow::Instance::wait_for(sub { my @own = glob "$spool/queue-*.seg"; @own }), 'so is a segment for reports');
for my $i (1 .. $n) {
    die unless mail('u@away.example', "away-$i") =~ /^250/ && mail('u@no.example', "no-$i") =~ /^250/;
}
is(fill(), POSIX::ENOSPC(), 'somebody else fills the disk');
sleep 0.5;    # what winnow-smtp believes of the space is that old at most
like(mail('u@good.example', 'new'), qr/^452 4\.3\.1 /, 'new mail is put off');

# The servers come back while it is full.
$w->start_sink('away');
my $no = Winnow::EvilSink->new(dir => "$w->{dir}/no", port => $port, script => "rcpt: 550 5.1.1 nobody\n");
ok(Winnow::Instance::wait_for(sub { fill(); keys %{ subjects('away') } >= $n }, 60), 'deliveries go on');
ok(Winnow::Instance::wait_for(sub { fill(); $w->n_received('default') >= $n }, 60), 'reports are made and delivered')
    or diag($w->n_received('default') . " of $n");
my ($exit, $text) = $w->ctl('queue', 'list', '--json');
ok(Winnow::Instance::wait_for(sub { ($w->ctl('queue', 'list', '--json'))[1] !~ /\S/ }, 30), 'nothing is left to do');
like(mail('u@good.example', 'new'), qr/^452 4\.3\.1 /, 'new mail is put off still');
cmp_ok(-s "$spool/queue.reserve", '<=', 8 << 20, sprintf 'the reserve: %d KiB', (-s "$spool/queue.reserve") / 1024);

# What has been delivered has been noted: a winnow that is killed now, and
# begins again on the full disk, sends nothing twice.
sleep 0.2;
$w->kill_hard;
$w->{read_to} = -s $w->{log};
$w->{events} = [];
$w->start;
sleep 3;
fill();
my $seen = subjects('away');
is(scalar(grep { $_ != 1 } values %$seen), 0, 'nothing is sent twice after it was killed');
is(scalar keys %$seen, $n, 'all of it has arrived');
is($w->n_received('default'), $n, 'one report for each');

# Space comes back.
unlink "$spool/somebody-else" or die;
ok(Winnow::Instance::wait_for(sub { mail('u@good.example', 'after') =~ /^250/ }, 10), 'mail is taken again by itself');
ok(Winnow::Instance::wait_for(sub { -s "$spool/queue.reserve" == 8 << 20 }, 20), 'the reserve is whole again');
ok($w->wait_drained, 'drained');
undef $no;
is($w->stop, 0, 'stops cleanly');
is(scalar(my @left = glob "$spool/*.seg"), 0, 'no segment is left');
done_testing;
