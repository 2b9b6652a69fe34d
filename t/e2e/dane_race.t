#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# tls = dane: the address of the server is known at once, its TLSA records a
# second later, and somebody has stripped STARTTLS.  Nothing goes in the clear,
# neither while it is still asked for the records nor over a connection of that
# time.

use strict;
use warnings;
use v5.32;

use IO::Socket::INET;
use POSIX ();
use Socket qw(inet_aton);
use Test::More;
use Time::HiRes qw(sleep);
use Winnow::EvilSink;
use Winnow::Instance;

my $dir = File::Temp->newdir('winnow-dane-XXXXXX', TMPDIR => 1);
my $dns = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1', LocalPort => 0) or die;

# Everything is signed.
sub answer {
    my ($query) = @_;
    my $id = unpack 'n', $query;
    my ($at, @labels) = (12);
    while ((my $len = ord substr $query, $at, 1) > 0) {
        push @labels, substr $query, $at + 1, $len;
        $at += $len + 1;
    }
    my $name = lc join '.', @labels;
    my $type = unpack 'n', substr $query, $at + 1, 2;
    my ($owner) = $name =~ /^_\d+\._tcp\.(.*)$/;
    my $known = ($owner // $name) eq 'mail.signed.test';
    my $data = !$known ? undef
        : $type == 1 && !defined $owner ? inet_aton('127.0.0.1')
        : $type == 52 && defined $owner ? pack('H*', '030101' . 'ab' x 32) : undef;
    my $reply = pack('n6', $id, 0x8180 | 0x20 | ($known ? 0 : 3), 1, defined $data ? 1 : 0, 0, 0)
        . substr $query, 12, $at + 5 - 12;
    $reply .= pack('n n n N n/a*', 0xc00c, $type, 1, 60, $data) if defined $data;
    return ($type == 52, $reply);
}
my $pid = fork // die;
if ($pid == 0) {
    $SIG{CHLD} = 'IGNORE';
    while (1) {
        my $peer = $dns->recv(my $query, 1500) // next;
        my ($slow, $reply) = answer($query);
        next if $slow && fork;
        sleep 1 if $slow;
        $dns->send($reply, 0, $peer);
        POSIX::_exit(0) if $slow;
    }
}
END { local $?; kill KILL => $pid if $pid }

my $sink = Winnow::EvilSink->new(dir => "$dir/plain", script => '');
my $w = Winnow::Instance->new(
    dns_port => $dns->sockport,
    domains => { 'd.example' => { tls => 'dane', servers => 'mail.signed.test:' . $sink->port } },
);
$w->start;

sub mail {
    my ($id) = $w->smtp->mail(from => 'a@s.test', to => 'u@d.example', message => "Subject: x\n\nx\n")
        =~ /queued as (\w+)/;
    return $id;
}

my $first = mail();
sleep 0.3;
my $second = mail();
for my $id ($first, $second) {
    my $event = $w->wait_event('deferred', sub { $_[0]{id} eq $id });
    like($event->{reply} // '', qr/TLS is required and not offered/, 'deferred, and the log says why');
}
is(scalar(my @clear = $sink->messages), 0, 'nothing went in the clear');
is($w->stop, 0, 'stops');
done_testing;
