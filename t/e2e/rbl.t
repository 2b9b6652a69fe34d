#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# DNS lists as a real name server (nsd) serves them, asked by a real winnowd.

use strict;
use warnings;
use v5.32;

use IO::Socket::INET;
use Test::More;
use Winnow::Instance;

my ($nsd) = grep { -x } map {"$_/nsd"} '/usr/sbin', split /:/, $ENV{PATH};
plan skip_all => 'nsd is not installed' unless $nsd;

my $port = Winnow::Instance::free_port();
my $w = Winnow::Instance->new(
    dns_port => $port,
    workers => 1,
    filters => {
        '60-rbl' => "[filter rbl]\naction = modify_subject\n"
            . "action.tag = [Blacklisted Sender]\n"
            . "zones = bl.test; bits.test=/8; wild.test; refuses.test; absent.test\n"
            . "allow_zones = wl.test\n",
    },
    domains => {
        'tag.example' => {},
        'reject.example' => { filter => { rbl => { action => 'reject',
            zones => 'bl.test=127.0.0.4', 'action.text' => 'listed: %e' } } },
        'bits.example' => { filter => { rbl => { zones => 'bits.test=/8' } } },
        'none.example' => { filter => { rbl => { enabled => 'false' } } },
    },
);

# Clients come from 127.x.y.z, so that is what the zones hold.
my %zone = (
    'bl.test' => "2.0.0.127 A 127.0.0.2\n66.0.0.127 A 127.0.0.2\n66.0.0.127 A 127.0.0.4\n"
        . "67.0.0.127 A 127.0.0.2\n68.0.0.127 A 127.0.0.2\n*.5.0.127 A 127.0.0.3\n"
        . "66.0.0.127 TXT \"why\"\n",
    'bits.test' => "2.0.0.127 A 127.0.0.254\n66.0.0.127 A 127.0.0.12\n67.0.0.127 A 127.0.0.4\n",
    'wild.test' => "* A 127.0.0.2\n",
    'refuses.test' => "* A 127.255.255.254\n",
    'wl.test' => "2.0.0.127 A 127.0.0.2\n68.0.0.127 A 127.0.0.2\n",
);
my $dir = "$w->{dir}/nsd";
mkdir $dir or die;
my $conf = <<"END";
server:
  ip-address: 127.0.0.1\@$port
  username: ""
  chroot: ""
  zonesdir: "$dir"
  database: ""
  pidfile: "$dir/pid"
  xfrdfile: "$dir/xfrd.state"
  zonelistfile: "$dir/zone.list"
  xfrdir: "$dir"
  server-count: 1
  rrl-ratelimit: 0
remote-control:
  control-enable: no
END
for my $name (sort keys %zone) {
    Winnow::Instance::spew("$dir/$name", "\$ORIGIN $name.\n\$TTL 60\n"
        . "@ SOA ns.test. root.test. 1 3600 600 86400 60\n@ NS ns.test.\n$zone{$name}");
    $conf .= "zone:\n  name: $name\n  zonefile: $name\n";
}
Winnow::Instance::spew("$dir/nsd.conf", $conf);
my $server = $w->spawn("$dir/log", $nsd, '-d', '-c', "$dir/nsd.conf");
Winnow::Instance::wait_for(sub { Winnow::Instance::port_answers($port) }, 10)
    or plan skip_all => 'nsd does not start: ' . (Winnow::Instance::slurp("$dir/log") // '');
# nsd's own parent ends its children with SIGTERM only.
END { kill TERM => $server if $server }

$w->start;
my $n = 0;

sub deliver {
    my ($from, $to) = @_;
    my $reply = $w->smtp(from => $from)->mail(from => 'a@b.test', to => $to,
        message => "Subject: hello\n\nhello\n");
    return $reply unless $reply =~ /^250/;
    my @found = $w->wait_received(++$n);
    ($reply) = grep { $_->{message} =~ /^X-Winnow-Client:.*\Q$from\E|\[\Q$from\E\]/m } reverse @found;
    return $reply->{message} // '';
}

my $message = deliver('127.0.0.66', 'u@tag.example');
like($message, qr/^Subject: \[Blacklisted Sender\] hello\r$/m, 'a listed client is tagged');
like($message, qr/^X-Winnow-Match: filter=rbl; rule=bl\.test;\s+evidence="bl\.test 127\.0\.0\.[24],127\.0\.0\.[24]"/m,
    'a header names the list and its codes');
unlike($message, qr/wild|refuses|absent/, 'lists that answer everything are not believed');
like(deliver('127.0.0.66', 'u@bits.example'),
    qr/^X-Winnow-Match: filter=rbl; rule=bits\.test;\s+evidence="bits\.test 127\.0\.0\.12"/m,
    'a list whose answers are bits');
like($message = deliver('127.0.5.9', 'u@tag.example'), qr/^X-Winnow-Match: [^\n]*127\.0\.0\.3/m,
    'a network by a wildcard');
like(deliver('127.0.0.70', 'u@tag.example'), qr/^Subject: hello\r$/m, 'others are not');
like($message = deliver('127.0.0.67', 'u@tag.example'), qr/rule=bl\.test/, 'one list only');
unlike($message, qr/rule=bits\.test/, 'where the other has another bit');
like(deliver('127.0.0.68', 'u@tag.example'), qr/^Subject: hello\r$/m, 'an allow list goes before');
like(deliver('127.0.0.66', 'u@none.example'), qr/^Subject: hello\r$/m, 'a domain switches it off');
like(deliver('127.0.0.66', 'u@reject.example'), qr/^550 5\.7\.1 listed: bl\.test 127\.0\.0\.4 /,
    'a domain has lists and action of its own');
like(deliver('127.0.0.67', 'u@reject.example'), qr/^Subject: hello\r$/m, 'and codes of its own');

for my $list (qw(wild.test refuses.test)) {
    ok($w->wait_event('plugin', sub { $_[0]{message} =~ /list \Q$list\E is switched off/ }, 5),
        "$list is switched off in the log");
}
# Without its server the filter delays mail for a moment and stops none.
kill TERM => $server;
waitpid $server, 0;
$server = 0;
like(deliver('127.0.0.90', 'u@tag.example'), qr/^Subject: hello\r$/m, 'without DNS mail passes');
ok($w->wait_drained, 'drained');
done_testing;
