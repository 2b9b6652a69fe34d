#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# The limit of a client's connections holds over all winnow-smtp together,
# exactly, also after one of them has died.

use strict;
use warnings;
use v5.32;

use IO::Socket::INET;
use Test::More;
use Winnow::Instance;

my $limit = 5;
my $w = Winnow::Instance->new(workers => 4, domains => { 'good.example' => {} });
my $conf = Winnow::Instance::slurp("$w->{dir}/winnow.conf");
$conf =~ s/^(max_connections_per_client) = \d+$/$1 = $limit/m;
Winnow::Instance::spew("$w->{dir}/winnow.conf", $conf);
$w->start;

sub connections {
    my ($n) = @_;
    my (@open, %answers);

    for (1 .. $n) {
        my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
            PeerPort => $w->{port}, Timeout => 10) or next;
        my $banner = <$socket> // '';
        $answers{ substr $banner, 0, 9 }++;
        push @open, $socket if $banner =~ /^220/;
    }
    return (\@open, \%answers);
}

my ($open, $answers) = connections(3 * $limit);
is(scalar @$open, $limit, 'as many as the limit allows');
is($answers->{'421 4.7.0'}, 2 * $limit, 'the others are refused');

# Each process's connections end with it.
my $pids = $w->children->{'winnow-smtp'};
is(scalar @$pids, 4, 'four of them');
kill KILL => @$pids[ 0 .. 2 ];
ok(Winnow::Instance::wait_for(sub { @{ $w->children->{'winnow-smtp'} // [] } == 4 }, 20),
    'started again');
my ($survivors, $again);
ok(Winnow::Instance::wait_for(sub {
    undef $again;
    $survivors = grep { $_->blocking(0); !defined $_->sysread(my $byte, 1) } @$open;
    ($again) = connections($limit);
    return @$again + $survivors == $limit;
}, 20), 'the dead ones do not count any more') or diag(scalar(@$again) . " and $survivors");

undef $again;
undef $open;
ok(Winnow::Instance::wait_for(sub { my ($all) = connections($limit); @$all == $limit }, 20),
    'and those that have left neither');
is($w->stop, 0, 'stopped');
done_testing;
