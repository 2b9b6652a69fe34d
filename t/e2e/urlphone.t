#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# urlphone in a real winnowd: DNS lists of sites as a real name server (nsd)
# serves them.

use strict;
use warnings;
use v5.32;

use Test::More;
use Winnow::Instance;

my ($nsd) = grep { -x } map {"$_/nsd"} '/usr/sbin', split /:/, $ENV{PATH};
plan skip_all => 'nsd is not installed' unless $nsd;

my $port = Winnow::Instance::free_port();
my $w = Winnow::Instance->new(
    dns_port => $port,
    workers => 1,
    filters => {
        '20-urlphone' => "[filter urlphone]\naction = reject\n"
            . "action.text = it advertises a listed site [%e]\n"
            . "uribl = multi.test=/8; wild.test; refuses.test; absent.test\n",
    },
    domains => {
        'reject.example' => {},
        'tag.example' => { filter => { urlphone => { action => 'modify_subject',
            'action.tag' => '[Listed]', uribl => 'multi.test' } } },
        'none.example' => { filter => { urlphone => { enabled => 'false' } } },
    },
);

my %zone = (
    'multi.test' => "test A 127.0.0.254\nbad-shop.com A 127.0.0.8\nodd-shop.com A 127.0.0.4\n"
        . "7.2.0.192 A 127.0.0.8\nreject.example A 127.0.0.8\n",
    'wild.test' => "* A 127.0.0.2\n",
    'refuses.test' => "* A 127.255.255.254\n",
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

# The refusal, or the message as it arrived.
sub deliver {
    my ($to, $body) = @_;
    my $token = 'token' . ++$n;
    my $reply = $w->smtp->mail(from => 'a@b.test', to => $to,
        message => "Subject: hello\n\n$token\n$body\n");
    return $reply unless $reply =~ /^250/;
    my $found;
    Winnow::Instance::wait_for(sub {
        ($found) = grep { $_->{message} =~ /^$token\r$/m } $w->received;
    }, 10);
    return $found ? $found->{message} : 'lost';
}

my $clean = qr/^Subject: hello\r$/m;
like(deliver('u@reject.example', 'see http://www.bad-shop.com/x'),
    qr/^550 5\.7\.1 it advertises a listed site \[bad-shop\.com multi\.test 127\.0\.0\.8\] /,
    'a listed site is refused, with its name and code');
like(deliver('u@reject.example', 'see http://3221225991/x'),
    qr/^550 5\.7\.1 .*192\.0\.2\.7 multi\.test/, 'an address, however it is written');
like(deliver('u@reject.example', 'see http://www.odd-shop.com/x'), $clean,
    'not where the list has another bit');
like(deliver('u@reject.example', 'see http://www.good-shop.com/x'), $clean,
    'lists that answer everything are not believed');
like(deliver('u@reject.example', 'see http://www.reject.example/x'), $clean,
    'the recipient\'s own domain is not asked about');
like(deliver('u@none.example', 'see http://www.bad-shop.com/x'), $clean, 'a domain switches it off');
my $message = deliver('u@tag.example', 'see hxxp://www[.]odd-shop[.]com/x');
like($message, qr/^Subject: \[Listed\] hello\r$/m, 'a domain has lists and action of its own');
like($message, qr/^X-Winnow-Match: filter=urlphone; rule=multi\.test;\s+evidence="odd-shop\.com multi\.test\s+127\.0\.0\.4"/m,
    'a header names site, list and code');
for my $list (qw(wild.test refuses.test)) {
    ok($w->wait_event('plugin', sub { $_[0]{message} =~ /list \Q$list\E is switched off/ }, 5),
        "$list is switched off in the log");
}
kill TERM => $server;
waitpid $server, 0;
$server = 0;
like(deliver('u@reject.example', 'see http://other-shop.com/x'), $clean, 'without DNS mail passes');
ok($w->wait_drained, 'drained');
done_testing;
