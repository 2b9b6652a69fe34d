#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# Two servers in order.  A message is to avoid the first one, which has just
# closed its connection, while the only idle connection is to that one and no
# more than one is allowed: the idle one makes room.

use strict;
use warnings;
use v5.32;

use Test::More;
use Time::HiRes qw(sleep);
use Winnow::EvilSink;
use Winnow::Instance;

my $dir = File::Temp->newdir('winnow-stuck-XXXXXX', TMPDIR => 1);
my $first = Winnow::EvilSink->new(dir => "$dir/first", script => <<'END');
banner conn=2: pause 1500; 220 hello
banner conn=3: pause 500; drop
rcpt conn=1: pause 3000; 421 4.3.2 bye; drop
END
my $second = Winnow::EvilSink->new(dir => "$dir/second", script => '');
my $w = Winnow::Instance->new(domains => { 'x.example' => {
    tls => 'none', delivery => 'ordered', servers => $first->address . '; ' . $second->address } });
$w->start;

sub mail {
    my ($id) = $w->smtp->mail(from => 'a@s.test', to => 'u@x.example', message => "Subject: x\n\nx\n")
        =~ /queued as (\w+)/;
    return $id;
}
my $id = mail();
sleep 0.3;
mail() for 1, 2;
my $ok = Winnow::Instance::wait_for(sub { $first->messages + $second->messages == 3 }, 20);
ok($ok, 'all three are delivered') or diag(($w->ctl('queue', 'show', $id))[1], $first->transcript);
is($w->stop, 0, 'stops');
done_testing;
